/* SPDX-License-Identifier: GPL-2.0-or-later */

#include <sys/stat.h>

#include "image-side.h"
#include "path-util.h"
#include "string-util.h"

static void file_free(void *p) {
        SideFile *f = p;

        free(f->module);
        free(f);
}

void side_done(Side *s) {
        strmap_done(&s->files);
        image_tree_free(s->tree);
        described_files_free(s->described);
        free(s->kernel);
}

/* The version in ".../lib/modules/VERSION/...", and where it ends. */
static const char *version_in(const char *path, const char **ret_end) {
        const char *p = strstr(path, "/lib/modules/");

        if (!p)
                return NULL;
        p += strlen("/lib/modules/");
        *ret_end = strchrnul(p, '/');
        return p;
}

/* So that the drivers of two kernels are compared, and not told to be all different. */
static char *key_of(const char *path) {
        const char *end, *version = version_in(path, &end);
        char *key;

        if (!version)
                return strdup(path);
        return str_printf(&key, "%.*s%%v%s", (int) (version - path), path, end) < 0 ? NULL : key;
}

static int note_kernel(Side *s, const char *path) {
        const char *end, *version = version_in(path, &end);

        if (!version || *end != '/' || s->kernel)
                return 0;
        s->kernel = strndup(version, (size_t) (end - version));
        return s->kernel ? 0 : -ENOMEM;
}

/* Takes `module`. */
static int add(Side *s, const SideFile *file) {
        _cleanup_free_ char *key = key_of(file->path);
        SideFile *copy = malloc(sizeof(SideFile));
        int r = key && copy ? note_kernel(s, file->path) : -ENOMEM;

        if (r < 0) {
                free(copy);
                free(file->module);
                return r;
        }
        *copy = *file;
        r = strmap_put(&s->files, key, copy);
        if (r < 0)
                file_free(copy);
        else
                s->bytes += file->size;
        return r == -EEXIST ? 0 : r;
}

static int add_node(Side *s, const TreeNode *node) {
        const TreeFile *f = node->file;
        const DescribedFile *d =
                        s->described ? described_files_get(s->described, node->path) : NULL;
        SideFile file = {
                .path = node->path,
                .mode = f->mode,
                .uid = f->uid,
                .gid = f->gid,
                .rdev_major = f->rdev_major,
                .rdev_minor = f->rdev_minor,
                .size = f->size,
                .target = f->target,
                .tree_file = f,
                .module = d ? described_files_module(s->described, d) : NULL,
        };

        if (S_ISREG(f->mode) && f->content)
                file.hash = *(const XXH128_hash_t *) f->content;
        return add(s, &file);
}

int side_init_image(Side *ret, const char *name, Image *image) {
        Side s = { .name = name, .files = STRMAP_INIT(file_free) };
        int r;

        r = image_tree_new(&s.tree, image, true);
        if (r >= 0) {
                r = described_files_new(&s.described, image);
                if (r == -ENOENT || r == -EBADMSG)
                        r = 0;
        }
        if (r >= 0)
                TREE_FOREACH(node, s.tree->tree)
                        if (r >= 0 && node->n_made > 0 && !path_below(node->path, "/.initrdd") &&
                            !streq(node->path, "/"))
                                r = add_node(&s, node);
        if (r < 0) {
                side_done(&s);
                return r;
        }
        *ret = s;
        return 0;
}

static char *module_of_entry(const Build *b, const Entry *e) {
        for (unsigned n = 0; e && n < 64; n++) {
                const Entry *next = *e->why == '/' ? fragments_get(b->fragments, e->why) : NULL;

                if (!next)
                        return module_of_reason(e->why);
                e = next;
        }
        return NULL;
}

static int add_entry(Side *s, const Build *b, const Entry *e) {
        static const uint32_t types[_ENTRY_MAX] = { S_IFDIR, S_IFREG, S_IFLNK };
        const SideFile file = {
                .path = e->path,
                .mode = types[e->type] | e->mode,
                .size = e->type == ENTRY_FILE ? e->size : 0,
                .hash = e->hash,
                .target = e->target,
                .entry = e,
                .module = module_of_entry(b, e),
        };

        return add(s, &file);
}

int side_init_now(Side *ret, const ImageNow *now) {
        Side s = { .name = "now", .files = STRMAP_INIT(file_free), .now = now };
        const Fragments *f = now->build->fragments;
        int r = 0;

        for (size_t i = 0; i < f->n && r >= 0; i++)
                for (size_t k = 0; k < f->fragments[i]->n_entries && r >= 0; k++)
                        r = add_entry(&s, now->build, f->fragments[i]->entries[k]);
        if (r < 0) {
                side_done(&s);
                return r;
        }
        *ret = s;
        return 0;
}

int side_text(const Side *s, const SideFile *file, size_t max, char **ret) {
        size_t size;
        int r;

        if (file->size > max)
                return -EFBIG;
        if (file->tree_file)
                return image_tree_text(s->tree, file->tree_file, max, ret);
        if (file->entry->decompress)
                return -EILSEQ;
        if (file->entry->source)
                r = source_read(s->now->build->source, NULL, file->entry->source, ret, &size);
        else {
                size = file->entry->size;
                *ret = bytes_to_string(file->entry->data, size);
                r = *ret ? 0 : -ENOMEM;
        }
        if (r >= 0 && memchr(*ret, '\0', size)) {
                free(*ret);
                r = -EILSEQ;
        }
        return r;
}
