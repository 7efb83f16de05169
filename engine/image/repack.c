/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * An image is read once to see what is where. A segment with an entry of what goes is read again
 * and written without it (rewrite.h); all others are copied as they stand. What comes is a segment
 * behind them: the kernel takes the last entry of a path.
 *
 * Each segment begins at a multiple of what it began at before (4096, 512, 4), for those who look
 * for it there, and behind lz4 there are the four NUL bytes that end it.
 */

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fd-util.h"
#include "image/described.h"
#include "image/pack-tree.h"
#include "image/redescribe.h"
#include "image/repack.h"
#include "image/rewrite.h"
#include "image/tree.h"
#include "pack/pack.h"
#include "path-util.h"
#include "string-util.h"

#define DESCRIPTION ".initrdd"
#define JSON_MAX ((size_t) 16 << 20)
#define MANIFEST_MAX ((size_t) 64 << 20)
#define LZ4_END 4

typedef struct Part {
        ImageSegment segment;
        bool touched, description;
} Part;

typedef struct Repack {
        Image *image;
        const RepackOptions *options;
        RepackResult *result;
        int out;
        uint64_t written;
        bool lz4_last; /* what was written last needs its end */

        Tree *tree; /* what is read now */
        Strmap removed; /* path without links → itself */
        Part *parts;
        size_t n_parts, allocated_parts;
        int *origins; /* of each segment that was written, the number it had; -1 */
        size_t n_origins, allocated_origins;
} Repack;

static int fail(Repack *r, const char *path, int error) {
        if (!r->result->failed_path)
                r->result->failed_path = strdup(path);
        return error;
}

static int default_level(Compression c) {
        static const int levels[_COMPRESSION_MAX] = {
                [COMPRESSION_ZSTD] = 3,
                [COMPRESSION_XZ] = 6,
                [COMPRESSION_GZIP] = 6,
                [COMPRESSION_LZ4] = 1,
        };

        return levels[c];
}

/* What is written where a segment was: those that initrdd never writes become what the same kernels
 * have had for as long. */
static Compression compression_of(Decoder d) {
        switch (d) {
        case DECODER_CPIO:
                return COMPRESSION_NONE;
        case DECODER_ZSTD:
                return COMPRESSION_ZSTD;
        case DECODER_XZ:
        case DECODER_LZMA:
                return COMPRESSION_XZ;
        case DECODER_LZ4:
                return COMPRESSION_LZ4;
        default:
                return COMPRESSION_GZIP;
        }
}

static int level_of(const RepackOptions *o, Compression c) {
        return o->level >= 0 && c == o->compression ? o->level : default_level(c);
}

static int put(Repack *r, const void *data, uint64_t size) {
        int k = fd_write_all(r->out, data, size);

        r->written += k < 0 ? 0 : size;
        return k;
}

static int put_zeros(Repack *r, uint64_t n) {
        static const char zeros[FRAGMENT_ALIGN];

        for (int k; n > 0; n -= MIN_OF(n, sizeof(zeros))) {
                k = put(r, zeros, MIN_OF(n, sizeof(zeros)));
                if (k < 0)
                        return k;
        }
        return 0;
}

static int align(Repack *r, uint64_t offset) {
        uint64_t to = offset % FRAGMENT_ALIGN == 0 ? FRAGMENT_ALIGN : offset % 512 == 0 ? 512 : 4;
        uint64_t n = r->lz4_last ? LZ4_END : 0;

        if (r->written == 0)
                return 0;
        r->lz4_last = false;
        return put_zeros(r, ALIGN_TO(r->written + n, to) - r->written);
}

static int add_origin(Repack *r, int origin) {
        if (!GREEDY_REALLOC(r->origins, r->allocated_origins, r->n_origins + 1))
                return -ENOMEM;
        r->origins[r->n_origins++] = origin;
        return 0;
}

static bool is_removed(const Repack *r, const char *path) {
        _cleanup_free_ char *copy = strdup(path);

        for (size_t n = copy ? strlen(copy) : 0; n > 1;) {
                if (strmap_contains(&r->removed, copy))
                        return true;
                while (n > 0 && copy[--n] != '/')
                        ;
                copy[n] = '\0';
        }
        return false;
}

/* What a path of the command line is called in the image. */
static int resolve(Repack *r, const char *path, char **ret) {
        const TreeNode *node = tree_find(r->tree, path);

        if (!node || (node->n_made == 0 && node->n_children == 0))
                return -ENOENT;
        *ret = strdup(node->path);
        return *ret ? 0 : -ENOMEM;
}

/* First reading: the tree, and the segments. */

static int on_survey_segment(void *userdata, const ImageSegment *segment) {
        Repack *r = userdata;

        if (!GREEDY_REALLOC(r->parts, r->allocated_parts, r->n_parts + 1))
                return -ENOMEM;
        r->parts[r->n_parts++] = (Part) {};
        return 0;
}

static int on_survey_entry(void *userdata, const ImageSegment *segment, const CpioEntry *e) {
        Repack *r = userdata;
        TreeChange change;

        if (segment->n_entries == 1 && described_begins(e->name))
                r->parts[segment->number].description = true;
        return tree_add(r->tree, segment->number, e, &change, NULL, NULL);
}

static int on_survey_trailer(void *userdata, const ImageSegment *segment) {
        tree_trailer(((Repack *) userdata)->tree);
        return 0;
}

static int on_survey_end(void *userdata, const ImageSegment *segment) {
        Repack *r = userdata;

        r->parts[segment->number].segment = *segment;
        return 0;
}

/* Second reading, of the whole, where something goes: which segments have it. */
static int on_mark_entry(void *userdata, const ImageSegment *segment, const CpioEntry *e) {
        Repack *r = userdata;
        TreeChange change;
        TreeNode *node;
        int k;

        k = tree_add(r->tree, segment->number, e, &change, &node, NULL);
        if (k >= 0 && node && is_removed(r, node->path))
                r->parts[segment->number].touched = true;
        return k;
}

static int read_all(Repack *r, const ImageHandlers *handlers) {
        ImageFault fault;
        int k;

        r->tree = tree_free(r->tree);
        k = tree_new(&r->tree, NULL);
        if (k >= 0)
                k = image_read(r->image, handlers, r, &fault);
        return k < 0 ? k : fault.what ? -EBADMSG : 0;
}

static int mark(Repack *r) {
        static const ImageHandlers handlers = {
                .on_entry = on_mark_entry,
                .on_trailer = on_survey_trailer,
        };
        int k = 0;

        STRV_FOREACH(path, r->options->removals) {
                _cleanup_free_ char *found = NULL;

                k = resolve(r, *path, &found);
                if (k >= 0)
                        k = strmap_put(&r->removed, found, NULL);
                if (k < 0 && k != -EEXIST)
                        return fail(r, *path, k);
        }
        return r->removed.n > 0 ? read_all(r, &handlers) : 0;
}

/* The tree has everything by now, so that a name is what it became. */
static bool goes(void *userdata, const char *name) {
        const Repack *r = userdata;
        const TreeNode *node = tree_find(r->tree, name);

        return node && is_removed(r, node->path);
}

static int write_packed(Repack *r, Compression c, const CpioWriter *w, uint64_t offset,
                        int origin) {
        _cleanup_free_ char *packed = NULL;
        size_t size;
        int k;

        k = segment_pack(c, level_of(r->options, c), w->data, w->size, &packed, &size);
        if (k >= 0)
                k = align(r, offset);
        if (k >= 0)
                k = put(r, packed, size);
        return k < 0 ? k : add_origin(r, origin);
}

/* Third reading, of a segment that is touched. */
static int rewrite(Repack *r, size_t number) {
        const ImageSegment *s = &r->parts[number].segment;
        Compression c = compression_of(s->decoder);
        CpioWriter w = {};
        int k;

        if (c != COMPRESSION_NONE && r->options->compression != _COMPRESSION_INVALID)
                c = r->options->compression;
        k = rewrite_segment(r->image, s, goes, r, &w, &r->result->n_entries_removed);
        if (k >= 0 && w.size > 0)
                k = write_packed(r, c, &w, s->offset, (int) number);
        if (k >= 0)
                r->result->n_rewritten++;
        cpio_writer_done(&w);
        return k;
}

static int copy(Repack *r, size_t number) {
        const ImageSegment *s = &r->parts[number].segment;
        int k;

        k = align(r, s->offset);
        if (k >= 0)
                k = put(r, image_bytes(r->image, s->offset, s->size + s->padding),
                        s->size + s->padding);
        if (k < 0)
                return k;
        r->lz4_last = s->decoder == DECODER_LZ4 && s->padding < LZ4_END;
        r->result->n_copied++;
        return add_origin(r, (int) number);
}

/* Directories above what comes that the image lacks; the path there, through links. */
static int add_parents(Repack *r, TreePacker *p, const char *destination, char **ret) {
        _cleanup_free_ char *parent = path_dirname(destination), *above = NULL;
        const TreeNode *node;
        int k;

        if (!parent)
                return -ENOMEM;
        node = tree_resolve(r->tree, parent);
        if (node && !S_ISDIR(node->file->mode))
                return -ENOTDIR;
        if (node && (node->n_made > 0 || node->n_children > 0 || streq(parent, "/"))) {
                *ret = path_join(node->path, path_basename(destination));
                return *ret ? 0 : -ENOMEM;
        }
        k = add_parents(r, p, parent, &above);
        if (k < 0)
                return k;
        /* Once for all that comes. */
        if (!strmap_contains(&p->links, above)) {
                k = tree_packer_add_directory(p, above + 1);
                if (k >= 0)
                        k = strmap_put(&p->links, above, NULL);
                if (k < 0)
                        return k;
        }
        *ret = path_join(above, path_basename(destination));
        return *ret ? 0 : -ENOMEM;
}

static int add_one(Repack *r, TreePacker *p, const RepackAddition *a) {
        _cleanup_free_ char *destination = NULL;
        const TreeNode *node;
        struct stat st;
        int k;

        if (lstat(a->source, &st) < 0)
                return fail(r, a->source, -errno);
        k = add_parents(r, p, a->destination, &destination);
        if (k < 0)
                return fail(r, a->destination, k);
        node = tree_get(r->tree, destination);
        if (node && S_ISDIR(node->file->mode) && node->n_children > 0 && !S_ISDIR(st.st_mode) &&
            !is_removed(r, destination))
                return fail(r, a->destination, -EISDIR);
        k = tree_packer_add(p, AT_FDCWD, a->source, destination + 1);
        return k < 0 ? fail(r, p->failed_path ?: a->source, k) : 0;
}

/* As most of the image is compressed. */
static Compression usual_compression(const Repack *r) {
        if (r->options->compression != _COMPRESSION_INVALID)
                return r->options->compression;
        for (size_t i = r->n_parts; i > 0; i--)
                if (r->parts[i - 1].segment.decoder != DECODER_CPIO)
                        return compression_of(r->parts[i - 1].segment.decoder);
        return COMPRESSION_NONE;
}

static int add_all(Repack *r) {
        TreePacker p = {
                .out = r->out,
                .compression = usual_compression(r),
                .owner = r->options->owner,
                .links = STRMAP_INIT(NULL),
        };
        int k = 0;

        p.level = level_of(r->options, p.compression);
        if (r->options->n_additions > 0)
                k = align(r, 0);
        for (size_t i = 0; i < r->options->n_additions && k >= 0; i++)
                k = add_one(r, &p, &r->options->additions[i]);
        if (k >= 0)
                k = tree_packer_flush(&p);
        r->written += p.size;
        r->result->n_added = p.n_segments;
        r->result->n_entries_added = p.n_entries;
        for (size_t i = 0; i < p.n_segments && k >= 0; i++)
                k = add_origin(r, -1);
        tree_packer_done(&p);
        return k;
}

static int describe(Repack *r) {
        _cleanup_(described_freep) Described *d = NULL;
        _cleanup_free_ char *json = NULL;
        Compression c = usual_compression(r);
        int k;

        k = described_find(r->image, &d);
        if (k >= 0)
                k = described_find_json(r->image, &json);
        if (k >= 0)
                k = align(r, 0);
        if (k >= 0)
                k = redescribe(r->out, json, d->manifest, r->origins, r->n_origins, c,
                               level_of(r->options, c));
        r->result->described = k >= 0;
        return k == -ENOENT || k == -EBADMSG ? 0 : k;
}

static int write_parts(Repack *r, bool changes) {
        bool described = false;
        int k = 0;

        for (size_t i = 0; i < r->n_parts && k >= 0; i++) {
                described = described || r->parts[i].description;
                if (!changes || !(r->parts[i].touched || r->parts[i].description))
                        k = copy(r, i);
                else if (!r->parts[i].description)
                        k = rewrite(r, i);
        }
        if (k >= 0)
                k = add_all(r);
        return k < 0 || !described || !changes ? k : describe(r);
}

int repack_image(Image *image, int out, const RepackOptions *options, RepackResult *ret) {
        static const ImageHandlers handlers = {
                .on_segment = on_survey_segment,
                .on_entry = on_survey_entry,
                .on_trailer = on_survey_trailer,
                .on_segment_end = on_survey_end,
        };
        Repack r = {
                .image = image,
                .options = options,
                .result = ret,
                .out = out,
                .removed = STRMAP_INIT(NULL),
        };
        int k;

        *ret = (RepackResult) {};
        k = read_all(&r, &handlers);
        if (k >= 0)
                k = mark(&r);
        if (k >= 0)
                k = write_parts(&r, r.removed.n > 0 || options->n_additions > 0);
        tree_free(r.tree);
        strmap_done(&r.removed);
        free(r.parts);
        free(r.origins);
        return k;
}

/* What an image of ours said of itself before it was extracted. */
static int redescribe_directory(int directory, int out, size_t n_segments, Compression c,
                                int level, RepackResult *ret) {
        _cleanup_free_ char *json = NULL, *manifest = NULL;
        _cleanup_free_ int *origins = malloc((n_segments + 1) * sizeof(int));
        size_t size;
        int k;

        if (!origins)
                return -ENOMEM;
        for (size_t i = 0; i < n_segments; i++)
                origins[i] = -1;
        k = file_read_at(directory, DESCRIPTION "/image.json", JSON_MAX, &json, &size);
        if (k >= 0)
                k = file_read_at(directory, DESCRIPTION "/manifest", MANIFEST_MAX, &manifest,
                                 &size);
        if (k >= 0)
                k = redescribe(out, json, manifest, origins, n_segments, c, level);
        ret->described = k >= 0;
        return k == -ENOENT || k == -ENOTDIR || k == -EBADMSG || k == -EFBIG ? 0 : k;
}

int repack_directory(int directory, int out, const RepackOptions *options, RepackResult *ret) {
        Compression c = options->compression == _COMPRESSION_INVALID ? COMPRESSION_ZSTD
                                                                     : options->compression;
        TreePacker p = {
                .out = out,
                .compression = c,
                .level = options->level >= 0 ? options->level : default_level(c),
                .owner = options->owner,
                .leave_out = DESCRIPTION,
                .links = STRMAP_INIT(NULL),
        };
        int k;

        *ret = (RepackResult) {};
        k = tree_packer_add_root(&p, directory);
        ret->n_added = p.n_segments;
        ret->n_entries_added = p.n_entries;
        ret->failed_path = TAKE_PTR(p.failed_path);
        if (k >= 0)
                k = redescribe_directory(directory, out, p.n_segments, c, p.level, ret);
        tree_packer_done(&p);
        return k;
}
