/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Three rounds, each of which needs that the one before it came to an end:
 *
 *   1. The kernel's: every segment is unpacked, every entry put into the tree as the kernel would
 *      do it. What it would lose, change or not read to the end is a finding. After a fault there
 *      is no more to say: half of the image would be missing for that reason alone.
 *   2. What the image says of itself, if it does: that each fragment is there with its size, and
 *      each file of the manifest, in the fragment that it belongs to.
 *   3. The boot's: /init, programs and libraries, scripts, units, drivers; then those of a machine
 *      whose facts are known.
 *
 * Not everything that initrdd promises of its own images holds for those of others, which boot all
 * the same; where a check is for ours alone it says so.
 */

#include <stdarg.h>
#include <stdio.h>
#include <sys/stat.h>

#include "image/verify-internal.h"
#include "pack/pack.h"
#include "path-util.h"
#include "string-util.h"

/* The first round, as it goes. */
typedef struct Unpacking {
        Verification *v;
        Keeper keeper;
        ImageSegment *segments; /* that were read whole */
        size_t n, allocated;
        bool packed; /* there was a compressed segment */
        bool has_description;
        uint64_t description; /* where its segment begins */
        char *trace_of_us; /* a path that only an image of ours has */
} Unpacking;

const char *boot_step_to_string(BootStep step) {
        static const char *const names[_BOOT_STEP_MAX] = {
                "unpack",  "init", "units",     "drivers",
                "devices", "root", "emergency", "description",
        };

        return step >= 0 && step < _BOOT_STEP_MAX ? names[step] : NULL;
}

int verification_find(Verification *v, const char *path, const char *format, ...) {
        Finding finding;
        char *message;
        va_list ap;
        int r;

        v->found = true;
        va_start(ap, format);
        r = vasprintf(&message, format, ap);
        va_end(ap);
        if (r < 0)
                return -ENOMEM;
        finding = (Finding) { v->step, path, message };
        r = v->on_finding(v->userdata, &finding);
        free(message);
        return MIN_OF(r, 0);
}

static const char *type_name(uint32_t mode) {
        return S_ISDIR(mode)   ? "a directory"
               : S_ISLNK(mode) ? "a link"
               : S_ISREG(mode) ? "a file"
                               : "a node";
}

/* What the kernel reads before it unpacks anything is only in archives that are not compressed and
 * stand first. */
static int check_early(Unpacking *u, const ImageSegment *segment, const CpioEntry *entry) {
        static const char *const early[] = { "kernel/x86/microcode/", "kernel/firmware/acpi/" };

        for (size_t i = 0; i < ELEMENTSOF(early) && u->packed; i++) {
                const char *rest = startswith(entry->name, early[i]);

                if (rest && *rest)
                        return verification_find(u->v, entry->name,
                                                 "It is of use only in an archive that is not "
                                                 "compressed at the beginning of the image, and "
                                                 "this one is at %llu; " REBUILD,
                                                 (unsigned long long) segment->offset);
        }
        return 0;
}

static int check_change(Unpacking *u, const ImageSegment *segment, const CpioEntry *e,
                        TreeChange change, uint32_t before, const TreeNode *node) {
        switch (change) {
        case TREE_NO_PARENT:
                return verification_find(u->v, e->name,
                                         "There is no directory for it when the kernel comes to "
                                         "it, and so it is lost; " REBUILD);
        case TREE_IN_THE_WAY:
                return verification_find(u->v, e->name,
                                         "It is a directory with something in it, and in segment "
                                         "%zu %s, which is lost; " REBUILD,
                                         segment->number, type_name(e->mode));
        case TREE_AGAIN:
                if (((before ^ e->mode) & 07777) == 0 || !u->v->ours)
                        return 0;
                return verification_find(u->v, node->path,
                                         "The directory has mode %04o first and %04o in segment "
                                         "%zu; " REBUILD,
                                         before & 07777, e->mode & 07777, segment->number);
        case TREE_REPLACED:
                if ((S_ISLNK(before) && S_ISDIR(e->mode)) || (S_ISDIR(before) && S_ISLNK(e->mode)))
                        return verification_find(u->v, node->path,
                                                 "It is %s first and %s in segment %zu, so that "
                                                 "what was below it is gone; " REBUILD,
                                                 type_name(before), type_name(e->mode),
                                                 segment->number);
                return 0;
        default:
                return 0;
        }
}

static int on_segment(void *userdata, const ImageSegment *segment) {
        Unpacking *u = userdata;

        if (segment->decoder != DECODER_CPIO)
                u->packed = true;
        return 0;
}

static int on_entry(void *userdata, const ImageSegment *segment, const CpioEntry *e) {
        Unpacking *u = userdata;
        TreeNode *node = NULL;
        TreeChange change;
        uint32_t before;
        int r;

        if (segment->n_entries == 1 && described_begins(e->name)) {
                u->has_description = true;
                u->description = segment->offset;
        }
        if (!u->trace_of_us && strstr(path_basename(e->name), "initrdd")) {
                u->trace_of_us = strdup(e->name);
                if (!u->trace_of_us)
                        return -ENOMEM;
        }
        r = tree_add(u->v->tree, segment->number, e, &change, &node, &before);
        if (r >= 0)
                r = check_change(u, segment, e, change, before, node);
        if (r >= 0)
                r = check_early(u, segment, e);
        return r < 0 ? r : keeper_begin(&u->keeper, node, e->size);
}

static int on_content(void *userdata, const void *data, size_t size) {
        Unpacking *u = userdata;

        return keeper_feed(&u->keeper, data, size);
}

static int on_trailer(void *userdata, const ImageSegment *segment) {
        Unpacking *u = userdata;

        tree_trailer(u->v->tree);
        return 0;
}

static int on_skipped(void *userdata, const ImageSegment *segment, uint64_t offset) {
        Unpacking *u = userdata;

        return verification_find(
                        u->v, NULL,
                        "The kernel passes over the entry at %llu of segment %zu: its name or "
                        "target is too long, or it has content that it can't have; " REBUILD,
                        (unsigned long long) offset, segment->number);
}

static int on_segment_end(void *userdata, const ImageSegment *s) {
        Unpacking *u = userdata;
        uint64_t end = s->offset + s->size + s->padding;

        if (!GREEDY_REALLOC(u->segments, u->allocated, u->n + 1))
                return -ENOMEM;
        u->segments[u->n++] = *s;
        if (s->decoder == DECODER_LZ4 && s->padding < 4 && end < image_size(u->v->image))
                return verification_find(
                                u->v, NULL,
                                "The lz4 segment at %llu has fewer than 4 zero bytes behind it, "
                                "which the kernel needs to find what follows; " REBUILD,
                                (unsigned long long) s->offset);
        if (!s->trailer && u->v->ours)
                return verification_find(u->v, NULL,
                                         "The segment at %llu has no trailer, so that hard links "
                                         "of the next one may go wrong; " REBUILD,
                                         (unsigned long long) s->offset);
        return 0;
}

static int unpack(Verification *v, Unpacking *u) {
        static const ImageHandlers handlers = {
                on_segment, on_entry, on_content, on_trailer, on_skipped, on_segment_end,
        };
        _cleanup_free_ char *text = NULL;
        ImageFault fault;
        int r;

        r = image_read(v->image, &handlers, u, &fault);
        if (r < 0 || !fault.what)
                return r;
        r = image_fault_describe(&fault, &text);
        if (r < 0)
                return r;
        r = verification_find(v, NULL,
                              "The kernel stops reading the image: %s; nothing from there on "
                              "exists for it: " REBUILD,
                              text);
        return r < 0 ? r : -EBADMSG;
}

static int check_fragments(Verification *v, const Unpacking *u, const Described *d) {
        int r = 0;

        if (!d->fits || u->n != d->n_fragments + 1)
                return verification_find(v, NULL,
                                         "The image has %zu segments, and its description tells "
                                         "of %zu and itself, or of others; " REBUILD,
                                         u->n, d->n_fragments);
        for (size_t i = 0; i < d->n_fragments && r >= 0; i++) {
                const DescribedFragment *f = &d->fragments[i];
                const ImageSegment *s = &u->segments[i];

                if (s->offset != f->offset || s->size + s->padding != f->size ||
                    s->raw_size != f->raw_size)
                        r = verification_find(v, NULL,
                                              "The segment at %llu is not the fragment %s as the "
                                              "image describes it; " REBUILD,
                                              (unsigned long long) s->offset, f->name);
        }
        return r;
}

static int check_described(Verification *v, const DescribedEntry *e) {
        static const uint32_t types[] = { ['d'] = S_IFDIR, ['f'] = S_IFREG, ['l'] = S_IFLNK };
        const TreeNode *node = tree_get(v->tree, e->path);
        uint32_t type = types[(unsigned char) e->type];

        if (!node)
                return verification_find(v, e->path,
                                         "The image's manifest has it (for %s), and the image has "
                                         "not; " REBUILD,
                                         e->why);
        if ((node->file->mode & S_IFMT) != type || (e->type == 'f' && node->file->size != e->size))
                return verification_find(v, e->path,
                                         "It is %s of %llu bytes, and the image's manifest has %s "
                                         "of %llu; " REBUILD,
                                         type_name(node->file->mode),
                                         (unsigned long long) node->file->size, type_name(type),
                                         (unsigned long long) e->size);
        if (e->type != 'l' && (node->file->mode & 07777) != e->mode)
                return verification_find(
                                v, e->path,
                                "Its mode is %04o, and %04o in the image's manifest; " REBUILD,
                                node->file->mode & 07777, e->mode);
        if (e->type != 'd' && node->segment != e->fragment)
                return verification_find(v, e->path,
                                         "Segment %zu has it last, and in the image's manifest "
                                         "segment %zu does; " REBUILD,
                                         node->segment, e->fragment);
        return 0;
}

static int check_description(Verification *v, const Unpacking *u) {
        _cleanup_(described_freep) Described *d = NULL;
        DescribedEntry e;
        char *p;
        int r;

        if (!u->has_description)
                return u->trace_of_us ? verification_find(v, NULL,
                                                          "The image was made by initrdd, as %s "
                                                          "shows, and the description at its end "
                                                          "is missing: the file was cut; " REBUILD,
                                                          u->trace_of_us)
                                      : 0;
        r = described_read(v->image, u->description, &d);
        if (r == -ENOMEM)
                return r;
        if (r < 0)
                return verification_find(v, "/.initrdd/image.json",
                                         "The description of the image can't be read; " REBUILD);
        r = check_fragments(v, u, d);
        p = d->manifest;
        while (r >= 0 && (r = described_next(&p, &e)) > 0)
                r = check_described(v, &e);
        return r == -EBADMSG ? verification_find(
                                               v, "/.initrdd/manifest",
                                               "The manifest of the image can't be read; " REBUILD)
                             : r;
}

int verify_file(Image *image, const VerifyAgainst *against, finding_t on_finding, void *userdata) {
        static const VerifyAgainst nothing = {};
        _cleanup_(described_freep) Described *described = NULL;
        _cleanup_(tree_freep) Tree *tree = NULL;
        Verification v = {
                .image = image,
                .against = against ?: &nothing,
                .on_finding = on_finding,
                .userdata = userdata,
        };
        Unpacking u = { .v = &v };
        int r;

        r = described_find(image, &described);
        if (r == -ENOMEM)
                return r;
        v.ours = r >= 0;
        r = tree_new(&tree, content_free);
        if (r < 0)
                return r;
        v.tree = tree;
        r = unpack(&v, &u);
        if (r >= 0)
                r = verify_for_kernel(&v, u.segments, u.n);
        v.step = BOOT_STEP_DESCRIPTION;
        if (r >= 0)
                r = check_description(&v, &u);
        v.step = BOOT_STEP_UNITS;
        if (r >= 0)
                r = verify_programs(&v);
        if (r >= 0)
                r = verify_units(&v);
        v.step = BOOT_STEP_DRIVERS;
        if (r >= 0)
                r = verify_drivers(&v);
        if (r >= 0)
                r = verify_boot(&v);
        if (r >= 0)
                r = verify_facts(&v);
        keeper_done(&u.keeper);
        free(u.segments);
        free(u.trace_of_us);
        return r < 0 && !(r == -EBADMSG && v.found) ? r : v.found;
}
