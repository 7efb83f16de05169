/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * A directory's share is that of all files below it, down to the fourth level of the tree: each
 * file counts once, and what is deep (drivers) counts for what one would name.
 *
 * What a module brought is told by the reasons of the manifest: the entry that an entry is there
 * for is there for another one, until it is a line of a module file.
 */

#include <sys/stat.h>

#include "inspection.h"
#include "path-util.h"
#include "secret.h"
#include "string-util.h"

#define SHADOW_MAX ((size_t) 64 * 1024)
#define LEVELS 4
#define REASONS_MAX 64
#define MODULES_TEXT_MAX ((size_t) 64 * 1024)

static void share_free(void *p) {
        Share *share = p;

        free(share->name);
        free(share);
}

Inspection *inspection_free(Inspection *i) {
        if (!i)
                return NULL;
        described_free(i->described);
        strv_free(i->kernels);
        strv_free(i->modules);
        free(i->init);
        free(i->segments);
        for (size_t k = 0; k < i->n_inspected; k++) {
                free(i->files[k].path);
                free(i->files[k].module);
        }
        free(i->files);
        strmap_done(&i->directories);
        strmap_done(&i->by_module);
        free(i);
        return NULL;
}

static int add_share(Strmap *shares, const char *name, uint64_t bytes) {
        Share *share = strmap_get(shares, name);
        int r;

        if (!share) {
                share = malloc(sizeof(Share));
                if (!share)
                        return -ENOMEM;
                *share = (Share) { .name = strdup(name) };
                r = share->name ? strmap_put(shares, name, share) : -ENOMEM;
                if (r < 0) {
                        share_free(share);
                        return r;
                }
        }
        share->n_files++;
        share->bytes += bytes;
        return 0;
}

static int compare_shares(const void *a, const void *b) {
        const Share *x = *(const Share *const *) a, *y = *(const Share *const *) b;

        if (x->bytes != y->bytes)
                return x->bytes < y->bytes ? 1 : -1;
        return strcmp(x->name, y->name);
}

int shares_sorted(const Strmap *shares, size_t max, const Share ***ret, size_t *ret_n) {
        const Share **array = malloc((shares->n + 1) * sizeof(Share *));
        size_t n = 0;

        if (!array)
                return -ENOMEM;
        STRMAP_FOREACH(e, shares)
                array[n++] = e->value;
        qsort(array, n, sizeof(Share *), compare_shares);
        *ret = array;
        *ret_n = MIN_OF(n, max);
        return 0;
}

static int compare_files(const void *a, const void *b) {
        const InspectedFile *x = *(const InspectedFile *const *) a,
                            *y = *(const InspectedFile *const *) b;

        if (x->size != y->size)
                return x->size < y->size ? 1 : -1;
        return strcmp(x->path, y->path);
}

int files_sorted(const Inspection *i, bool drivers, size_t max, const InspectedFile ***ret,
                 size_t *ret_n) {
        const InspectedFile **array = malloc((i->n_inspected + 1) * sizeof(InspectedFile *));
        size_t n = 0;

        if (!array)
                return -ENOMEM;
        for (size_t k = 0; k < i->n_inspected; k++)
                if (!drivers || i->files[k].driver)
                        array[n++] = &i->files[k];
        qsort(array, n, sizeof(InspectedFile *), compare_files);
        *ret = array;
        *ret_n = MIN_OF(n, max);
        return 0;
}

static int add_kernel(Inspection *i, const char *path) {
        const char *version = strstr(path, "/lib/modules/"), *end;
        _cleanup_free_ char *copy = NULL;

        if (!version)
                return 0;
        version += strlen("/lib/modules/");
        end = strchrnul(version, '/');
        copy = strndup(version, (size_t) (end - version));
        return copy ? strv_extend_unique(&i->kernels, copy) : -ENOMEM;
}

/* A regular file. */
static int add_file(Inspection *i, const char *path, uint64_t size) {
        const char *name = path_basename(path), *ko = strstr(name, ".ko"), *end = path;
        _cleanup_free_ char *directory = NULL;
        InspectedFile *file;
        int r;

        i->n_files++;
        i->bytes += size;
        if (!GREEDY_REALLOC(i->files, i->allocated_files, i->n_inspected + 1))
                return -ENOMEM;
        file = &i->files[i->n_inspected];
        *file = (InspectedFile) {
                .path = strdup(path),
                .size = size,
                .secret = secret_by_path(path),
        };
        if (!file->path)
                return -ENOMEM;
        i->n_inspected++;
        if (ko && (ko[3] == '\0' || ko[3] == '.') && strstr(path, "/lib/modules/")) {
                file->driver = true;
                i->n_drivers++;
                r = add_kernel(i, path);
                if (r < 0)
                        return r;
        }
        for (unsigned level = 0; level < LEVELS; level++) {
                const char *next = strchr(end + 1, '/');

                if (!next)
                        break;
                end = next;
        }
        directory = end == path ? strdup("/") : strndup(path, (size_t) (end - path));
        return directory ? add_share(&i->directories, directory, size) : -ENOMEM;
}

static int add_segment(Inspection *i, const InspectedSegment *segment) {
        if (!GREEDY_REALLOC(i->segments, i->allocated_segments, i->n_segments + 1))
                return -ENOMEM;
        i->segments[i->n_segments++] = *segment;
        return 0;
}

static const char *compressor_name(Decoder d) {
        return d == DECODER_CPIO ? "none" : decoder_to_string(d);
}

/* The module at the end of the reasons, NULL when none is told. `whys`: path → why. */
static char *module_of(const Strmap *whys, const char *why) {
        for (unsigned n = 0; why && n < REASONS_MAX; n++) {
                const char *end = strstr(why, ".module:");

                if (*why != '/')
                        return end ? strndup(why, (size_t) (end - why)) : NULL;
                why = strmap_get(whys, why);
        }
        return NULL;
}

static int add_described_file(Inspection *i, const Strmap *whys, const DescribedEntry *e,
                              InspectedFile *file) {
        char *module = module_of(whys, e->why);
        const char *name = module;

        file->module = module;
        file->segment = e->fragment;

        if (!name)
                name = e->fragment < i->described->n_fragments
                                       ? i->described->fragments[e->fragment].name
                                       : "-";
        return add_share(&i->by_module, name, e->size);
}

/* All that there is to tell is in the description. */
static int read_manifest(Inspection *i) {
        _cleanup_strmap_ Strmap whys = STRMAP_INIT(NULL);
        DescribedEntry *entries = NULL;
        size_t n = 0, allocated = 0;
        char *p = i->described->manifest;
        DescribedEntry e;
        int r;

        while ((r = described_next(&p, &e)) > 0) {
                r = strmap_put(&whys, e.path, e.why);
                if (r < 0 && r != -EEXIST)
                        break;
                if (e.type != 'f')
                        continue;
                r = GREEDY_REALLOC(entries, allocated, n + 1) ? add_file(i, e.path, e.size)
                                                              : -ENOMEM;
                if (r < 0)
                        break;
                entries[n++] = e;
        }
        for (size_t k = 0; k < n && r >= 0; k++)
                r = add_described_file(i, &whys, &entries[k], &i->files[k]);
        free(entries);
        return r;
}

/* The one file whose content is looked at. */
typedef struct Shadow {
        bool now;
        char *text;
        size_t size, allocated;
} Shadow;

static int on_shadow_entry(void *userdata, const ImageSegment *segment, const CpioEntry *e) {
        Shadow *s = userdata;
        _cleanup_free_ char *path = path_join("/", e->name);

        if (!path)
                return -ENOMEM;
        if (s->size > 0)
                return -ECANCELED;
        s->now = S_ISREG(e->mode) && secret_is_shadow(path_simplify(path));
        return 0;
}

static int on_shadow_content(void *userdata, const void *data, size_t size) {
        Shadow *s = userdata;

        if (!s->now || size > SHADOW_MAX - s->size)
                return 0;
        if (!GREEDY_REALLOC(s->text, s->allocated, s->size + size + 1))
                return -ENOMEM;
        memcpy(s->text + s->size, data, size);
        s->size += size;
        s->text[s->size] = '\0';
        return 0;
}

/* Only the segment that has it is unpacked. */
static int look_into_shadow(Image *image, InspectedFile *file, uint64_t offset) {
        static const ImageHandlers handlers = {
                .on_entry = on_shadow_entry,
                .on_content = on_shadow_content,
        };
        ImageFault fault;
        Shadow s = {};
        int r;

        r = image_read_segment(image, offset, &handlers, &s, &fault);
        if (s.text && secret_in_shadow(s.text))
                file->secret = "a password";
        free(s.text);
        return r == -ENOMEM ? r : 0;
}

static int look_for_passwords(Inspection *i, Image *image) {
        int r = 0;

        for (size_t k = 0; k < i->n_inspected && r >= 0; k++) {
                InspectedFile *file = &i->files[k];

                if (secret_is_shadow(file->path) && file->segment < i->n_segments)
                        r = look_into_shadow(image, file, i->segments[file->segment].offset);
        }
        return r;
}

static int read_description(Inspection *i) {
        const Described *d = i->described;
        InspectedSegment s;
        int r = 0;

        for (size_t k = 0; k < d->n_fragments && r >= 0; k++) {
                const DescribedFragment *f = &d->fragments[k];

                s =
                                (InspectedSegment) { f->offset,      f->size, f->raw_size,
                                                     f->compression, f,       false };
                r = add_segment(i, &s);
        }
        s = (InspectedSegment) {
                .offset = d->offset,
                .size = d->size,
                .raw_size = d->raw_size,
                .compressor = compressor_name(d->decoder),
                .description = true,
        };
        if (r >= 0)
                r = add_segment(i, &s);
        return r < 0 ? r : read_manifest(i);
}

/* Unpacking what doesn't describe itself, or not all of itself. */
typedef struct Unpacking {
        Inspection *inspection;
        Tree *tree;
        bool has_description;
        uint64_t description;
        bool modules_now; /* this is the file in which dracut names its modules */
        char *modules;
        size_t modules_size, modules_allocated;
} Unpacking;

static int on_entry(void *userdata, const ImageSegment *segment, const CpioEntry *e) {
        Unpacking *u = userdata;
        TreeChange change;

        if (segment->n_entries == 1 && described_begins(e->name)) {
                u->has_description = true;
                u->description = segment->offset;
        }
        u->modules_now = endswith(e->name, "lib/dracut/modules.txt") != NULL;
        return tree_add(u->tree, segment->number, e, &change, NULL, NULL);
}

static int on_content(void *userdata, const void *data, size_t size) {
        Unpacking *u = userdata;

        if (!u->modules_now || size > MODULES_TEXT_MAX - u->modules_size)
                return 0;
        if (!GREEDY_REALLOC(u->modules, u->modules_allocated, u->modules_size + size + 1))
                return -ENOMEM;
        memcpy(u->modules + u->modules_size, data, size);
        u->modules_size += size;
        u->modules[u->modules_size] = '\0';
        return 0;
}

static int on_trailer(void *userdata, const ImageSegment *segment) {
        Unpacking *u = userdata;

        tree_trailer(u->tree);
        return 0;
}

static int on_segment_end(void *userdata, const ImageSegment *s) {
        Unpacking *u = userdata;
        InspectedSegment segment = {
                .offset = s->offset,
                .size = s->size + s->padding,
                .raw_size = s->raw_size,
                .compressor = compressor_name(s->decoder),
                .description = u->has_description && u->description == s->offset,
        };

        return add_segment(u->inspection, &segment);
}

static const char *guess_tool(const Tree *tree) {
        static const struct {
                const char *path, *tool;
        } marks[] = {
                { "/.initrdd/image.json", "initrdd" },
                { "/usr/lib/dracut/modules.txt", "dracut" },
                { "/lib/dracut/modules.txt", "dracut" },
                { "/lib/dracut-lib.sh", "dracut" },
                { "/scripts/functions", "initramfs-tools" },
                { "/init_functions", "mkinitcpio" },
                { "/etc/booster.init.yaml", "booster" },
        };

        for (size_t i = 0; i < ELEMENTSOF(marks); i++)
                if (tree_resolve(tree, marks[i].path))
                        return marks[i].tool;
        return NULL;
}

static int read_tree(Inspection *i, const Tree *tree) {
        const TreeNode *init = tree_resolve(tree, "/init");
        int r = 0;

        TREE_FOREACH(node, tree)
                if (r >= 0 && node->n_made > 0 && S_ISREG(node->file->mode)) {
                        /* The bytes of hard links are there once. */
                        r = add_file(i, node->path, node->file->content ? 0 : node->file->size);
                        if (r >= 0)
                                i->files[i->n_inspected - 1].segment = node->file->segment;
                        node->file->content = node->file;
                }
        i->tool = guess_tool(tree);
        if (r < 0 || !init)
                return r;
        i->init = strdup(init->path);
        return i->init ? 0 : -ENOMEM;
}

/* Which segment is which fragment, where it is still where the description says. */
static void place_fragments(Inspection *i) {
        for (size_t k = 0; k < i->n_segments; k++)
                for (size_t n = 0; n < i->described->n_fragments; n++) {
                        const DescribedFragment *f = &i->described->fragments[n];

                        if (i->segments[k].offset == f->offset && i->segments[k].size == f->size)
                                i->segments[k].fragment = f;
                }
}

static int unpack(Inspection *i, Image *image) {
        static const ImageHandlers handlers = {
                .on_entry = on_entry,
                .on_content = on_content,
                .on_trailer = on_trailer,
                .on_segment_end = on_segment_end,
        };
        _cleanup_(tree_freep) Tree *tree = NULL;
        Unpacking u = { .inspection = i };
        int r;

        r = tree_new(&tree, NULL);
        if (r < 0)
                return r;
        u.tree = tree;
        r = image_read(image, &handlers, &u, &i->fault);
        if (r >= 0)
                r = read_tree(i, tree);
        if (r >= 0 && u.has_description && !i->described) {
                r = described_read(image, u.description, &i->described);
                if (r == -EBADMSG || r == -ENOENT)
                        r = 0;
        }
        if (r >= 0 && i->described)
                place_fragments(i);
        if (r >= 0 && u.modules)
                r = strv_split(&i->modules, u.modules, " \t\n");
        free(u.modules);
        return r;
}

int inspection_new(Inspection **ret, Image *image) {
        _cleanup_(inspection_freep) Inspection *i = malloc(sizeof(Inspection));
        int r;

        if (!i)
                return -ENOMEM;
        *i = (Inspection) {
                .directories = STRMAP_INIT(share_free),
                .by_module = STRMAP_INIT(share_free),
        };
        r = described_find(image, &i->described);
        if (r == -ENOMEM)
                return r;
        if (i->described && i->described->fits) {
                i->tool = i->described->tool;
                r = read_description(i);
        } else
                r = unpack(i, image);
        if (r >= 0)
                r = look_for_passwords(i, image);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(i);
        return 0;
}
