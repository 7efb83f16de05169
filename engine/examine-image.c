/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * The state of an image. build_is_current() decides; only where it says no is there to be found out
 * why. The store may be deleted at any time: an image whose record went with it is still one of
 * ours, if it is the file that was once installed or says of itself that it is.
 */

#include <jansson.h>
#include <sys/stat.h>

#include "build-internal.h"
#include "examine-internal.h"
#include "image/described.h"
#include "path-util.h"
#include "recompress.h"
#include "string-util.h"

#define REASONS_MAX 3

static bool is_known(const KnownImage *known, const struct stat *st) {
        /* Not by its inode: that of a FAT file system is another one after each boot. */
        return S_ISREG(st->st_mode) && known->size == (uint64_t) st->st_size &&
               known->mtime == (int64_t) st->st_mtim.tv_sec * 1000000000 + st->st_mtim.tv_nsec;
}

static const KnownImage *find_known(const ExamineOptions *o, const ExaminedImage *image) {
        for (size_t i = 0; i < o->n_known; i++)
                if (streq(o->known[i].kernel, image->kernel) &&
                    streq(o->known[i].profile, image->profile) &&
                    streq(o->known[i].path, image->path))
                        return &o->known[i];
        return NULL;
}

/* What changed since the image was built. */
typedef struct Changes {
        const Build *b;
        ExaminedImage *image;
        size_t n_more; /* that are not told of */
} Changes;

static bool is_configuration(const char *path) {
        return path_below(path, "/etc/initrdd") || path_below(path, "/run/initrdd") ||
               path_below(path, "/usr/lib/initrdd");
}

static int add_change(void *userdata, const char *path, TraceChange change) {
        static const char *const verbs[] = {
                [TRACE_CHANGE_OTHER] = "changed",
                [TRACE_CHANGE_NEW] = "is new",
                [TRACE_CHANGE_GONE] = "is gone",
                [TRACE_CHANGE_LIST] = "has other files in it",
        };
        Changes *c = userdata;
        char *sentence;
        int r;

        if (path_below(path, c->b->kernel->directory))
                c->image->kernel_changed = true;
        if (strv_length(c->image->reasons) >= REASONS_MAX) {
                c->n_more++;
                return 0;
        }
        if (is_configuration(path))
                r = str_printf(&sentence, "The configuration changed: %s %s", path, verbs[change]);
        else
                r = str_printf(&sentence, "%s %s", path, verbs[change]);
        return r < 0 ? r : strv_consume(&c->image->reasons, sentence);
}

static int add_changed_facts(ExaminedImage *image, Build *b, const ImageRecord *record) {
        _cleanup_free_ char *driver = NULL;
        char *sentence;
        int r;

        if (!XXH128_isEqual(record->facts, b->facts_hash))
                return strv_extend(&image->reasons, "What this machine needs is not what it was: "
                                                    "its disks, devices or mounts changed");
        if (XXH128_isEqual(record->hardware, b->hardware_hash))
                return 0;
        r = build_find_missing_driver(b, record, &driver);
        if (r == 0 || r == -ENOMEM)
                return r;
        if (r < 0)
                return strv_extend(&image->reasons, "This machine's hardware is not what it was");
        r = str_printf(&sentence, "This machine has hardware for which it lacks the driver %s",
                       driver);
        return r < 0 ? r : strv_consume(&image->reasons, sentence);
}

static int add_changes(ExaminedImage *image, Build *b, ImageRecord *record) {
        Changes c = { .b = b, .image = image };
        char *sentence;
        int r;

        r = add_changed_facts(image, b, record);
        if (r < 0)
                return r;
        r = trace_each_change(record->trace, b->source, add_change, &c);
        if (r == -ENOMEM)
                return r;
        if (r < 0) {
                r = str_printf(&sentence, "Whether something changed can't be told: %s",
                               strerror(-r));
                return r < 0 ? r : strv_consume(&image->reasons, sentence);
        }
        if (c.n_more > 0) {
                r = str_printf(&sentence, "%zu more changed", c.n_more);
                return r < 0 ? r : strv_consume(&image->reasons, sentence);
        }
        return image->reasons ? 0
                              : strv_extend(&image->reasons, "It changed while it was looked at");
}

static int read_description(ExaminedImage *image) {
        _cleanup_(image_freep) Image *file = NULL;
        int r;

        r = image_open(&file, image->path);
        if (r == -ENOMEM)
                return r;
        /* Who may not read it knows nothing of it. */
        image->damaged = r < 0 ? r != -EACCES && r != -EPERM : !image_begins(file);
        if (r >= 0)
                r = described_find_json(file, &image->description);
        return r == -ENOMEM ? r : 0;
}

/* Whether the image says that it is one of ours, for this kernel and profile. */
static bool says_ours(const ExaminedImage *image) {
        json_t *object = image->description ? json_loads(image->description, 0, NULL) : NULL;
        const char *tool = json_string_value(json_object_get(object, "tool"));
        const char *kernel = json_string_value(json_object_get(object, "kernel"));
        const char *profile = json_string_value(json_object_get(object, "profile"));
        bool ours;

        ours = streq_ptr(tool, "initrdd") && streq_ptr(kernel, image->kernel) &&
               streq_ptr(profile, image->profile);
        json_decref(object);
        return ours;
}

/* Whether it is what a crash or a full disk left of the file that was written: the same one, shorter,
 * and as far as it goes fragments begin where they did. Other programs may write over it, too. */
static bool was_cut(const ExaminedImage *image, const ImageRecord *record, const struct stat *st) {
        _cleanup_(image_freep) Image *file = NULL;
        const uint64_t n = 8;
        uint64_t size, offset = 0;

        if (record->ino == 0 || record->ino != st->st_ino || !S_ISREG(st->st_mode) ||
            image_open(&file, image->path) < 0)
                return false;
        size = image_size(file);
        if (size < n || size >= record->size)
                return false;
        for (size_t i = 0; i < record->n_fragments && offset + n <= size; i++) {
                const StoredFragment *f = &record->fragments[i];

                if (decoder_detect(image_bytes(file, offset, n), (size_t) n) !=
                    compression_decoder(f->compression))
                        return false;
                offset += f->size;
        }
        return true;
}

/* There is a file, and no record of it, or that of another file. */
static int examine_stranger(ExaminedImage *image, const ExamineOptions *o, const struct stat *st,
                            const ImageRecord *record) {
        const KnownImage *known = find_known(o, image);
        const char *reason;
        int r;

        r = read_description(image);
        if (r < 0)
                return r;
        if (record && was_cut(image, record, st)) {
                image->state = IMAGE_STALE;
                image->damaged = true;
                reason = "It was cut short since it was built";
        } else if ((known && is_known(known, st)) || says_ours(image)) {
                image->state = IMAGE_STALE;
                reason = record ? "It was replaced by another image since it was built"
                                : "The record of what it was made of is gone from the store";
        } else {
                image->state = IMAGE_FOREIGN;
                image->description = (free(image->description), NULL);
                reason = image->damaged && !S_ISREG(st->st_mode) ? "It is no file"
                         : image->damaged ? "It is no image, whoever made it"
                                          : "Another program made it";
        }
        return strv_extend(&image->reasons, reason);
}

static int examine_built(ExaminedImage *image, Build *b, ImageRecord *record, bool current) {
        int r = 0;

        image->state = current ? IMAGE_CURRENT : IMAGE_STALE;
        image->packed_hard = recompress_is_done(b->store, record);
        if (!current)
                r = add_changes(image, b, record);
        return r < 0 ? r : read_description(image);
}

/* The build could begin. */
static int examine_opened(ExaminedImage *image, Build *b, const ExamineOptions *o,
                          const struct stat *st, Strmap *watches) {
        _cleanup_(image_record_freep) ImageRecord *record = NULL;
        bool current;
        int r;

        r = build_is_current(b, &record);
        if (r < 0)
                return r;
        current = r > 0;
        if (!current)
                r = build_load_record(b, &record);
        if (r == -ENOMEM)
                return r;
        if (record) {
                r = watches_add_trace(watches, b, record->trace);
                if (r < 0)
                        return r;
        }
        if (record && image_record_is(record, st))
                return examine_built(image, b, record, current);
        if (image->exists)
                return examine_stranger(image, o, st, record);
        image->state = IMAGE_MISSING;
        return strv_extend(&image->reasons, "There is no image");
}

/* No build could begin: whatever it is, who builds is told of it, too. */
static int set_unopened(ExaminedImage *image, const Failure *f) {
        if (f->kind == FAILURE_KERNEL_INCOMPLETE || f->kind == FAILURE_INCOMPLETE)
                image->state = IMAGE_INCOMPLETE;
        else
                image->state = image->exists ? IMAGE_STALE : IMAGE_MISSING;
        return strv_extend(&image->reasons, f->message ?: "Out of memory");
}

static int set_file(ExaminedImage *image, struct stat *st) {
        if (lstat(image->path, st) < 0) {
                *st = (struct stat) {};
                return 0;
        }
        image->exists = true;
        image->inode = st->st_ino;
        image->size = (uint64_t) st->st_size;
        image->mtime = (int64_t) st->st_mtim.tv_sec * 1000000000 + st->st_mtim.tv_nsec;
        return 0;
}

static ExaminedImage *append(Examination *x, const char *kernel, const char *profile) {
        ExaminedImage *image;

        if (!GREEDY_REALLOC(x->images, x->allocated_images, x->n_images + 1))
                return NULL;
        image = &x->images[x->n_images++];
        *image = (ExaminedImage) {
                .kernel = strdup(kernel),
                .profile = strdup(profile),
                .packed_hard = true,
        };
        return image->kernel && image->profile ? image : NULL;
}

static int add_target(Strmap *watches, const char *path) {
        _cleanup_free_ char *directory = path_dirname(path);
        int r;

        r = directory ? strmap_put(watches, directory, NULL) : -ENOMEM;
        return r == -EEXIST ? 0 : r;
}

int examine_image(Examination *x, Strmap *watches, Build *b, const ExamineOptions *o,
                  const char *profile, const char *kernel) {
        Report one = { .on_warning = b->report->on_warning, .userdata = b->report->userdata };
        Report *all = b->report;
        ExaminedImage *image;
        struct stat st;
        int r, opened;

        b->report = &one;
        opened = build_open_image(b, profile, kernel);
        b->report = all;
        if (opened == -ENOMEM || one.failure.kind == FAILURE_NO_SUCH_KERNEL) {
                report_done(&one);
                return opened == -ENOMEM ? opened : 0;
        }
        image = append(x, kernel, profile);
        r = image ? build_output_path(b, &image->path) : -ENOMEM;
        if (r >= 0)
                r = add_target(watches, image->path);
        if (r >= 0)
                r = set_file(image, &st);
        if (r >= 0 && opened >= 0)
                r = examine_opened(image, b, o, &st, watches);
        else if (r >= 0)
                r = set_unopened(image, &one.failure);
        report_done(&one);
        return r;
}

static bool is_examined(const Examination *x, const KnownImage *known) {
        for (size_t i = 0; i < x->n_images; i++)
                if (streq(x->images[i].path, known->path) ||
                    (streq(x->images[i].kernel, known->kernel) &&
                     streq(x->images[i].profile, known->profile)))
                        return true;
        return false;
}

static bool has_kernel(const Examination *x, const char *version) {
        for (size_t i = 0; i < x->n_kernels; i++)
                if (streq(x->kernels[i].version, version))
                        return true;
        return false;
}

int examine_orphans(Examination *x, Strmap *watches, const ExamineOptions *o) {
        for (size_t i = 0; i < o->n_known; i++) {
                const KnownImage *known = &o->known[i];
                ExaminedImage *image;
                struct stat st;
                int r;

                if (is_examined(x, known) || lstat(known->path, &st) < 0 || !is_known(known, &st))
                        continue;
                image = append(x, known->kernel, known->profile);
                if (!image || !(image->path = strdup(known->path)))
                        return -ENOMEM;
                image->state = IMAGE_ORPHANED;
                r = set_file(image, &st);
                if (r >= 0)
                        r = add_target(watches, image->path);
                if (r >= 0)
                        r = strv_extend(&image->reasons,
                                        has_kernel(x, known->kernel)
                                                        ? "No profile makes it any more"
                                                        : "Its kernel is gone");
                if (r < 0)
                        return r;
        }
        return 0;
}
