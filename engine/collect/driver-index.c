/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * The indexes of an image are the kernel's own, cut down to the drivers that are in the image.
 * depmod would have to read each driver again to find out what modules.alias and modules.symbols
 * say already, and its order of preference is the order of modules.dep.
 *
 * Of four indexes there is a binary form, which libkmod searches without reading all of it.
 * Source: kmod's libkmod/libkmod-index.c and tools/depmod.c. All numbers are 32 bits, big-endian:
 *
 *   1. magic 0xB007F457, version 0x00020001, offset of the root node
 *   2. nodes, each before the nodes below it, those in the order of their characters:
 *      a. the characters that all keys here have in common, and a NUL, if there are any
 *      b. if there are nodes below: the first and the last character that leads to one (a byte
 *         each), and for each character from the one to the other the offset of its node, or 0
 *      c. if a key ends here: the number of its values, and of each its priority and the text with
 *         a NUL
 *
 * The upper four bits of an offset say which of these the node has. The root has no (a). It is a
 * trie, and written from the sorted keys in one go: what is below a node is a range of them. depmod
 * writes the same bytes since it has the nodes in this order; older ones put a node behind those
 * below it, which no reader minds.
 */

#include <endian.h>

#include "collect/driver-index.h"
#include "collect/driver-name.h"
#include "path-util.h"
#include "source/trace.h"
#include "string-util.h"

#define INDEX_MAGIC 0xB007F457U
#define INDEX_VERSION 0x00020001U
#define NODE_PREFIX 0x80000000U
#define NODE_VALUES 0x40000000U
#define NODE_CHILDREN 0x20000000U
#define NODE_OFFSET_MAX 0x0FFFFFFFU
#define KEY_MAX 4096 /* as much as kmod reads; also bounds the depth of the trie */

typedef struct Buffer {
        char *data;
        size_t size, allocated;
} Buffer;

static int put(Buffer *b, const void *data, size_t size) {
        if (!GREEDY_REALLOC(b->data, b->allocated, b->size + size + 1))
                return -ENOMEM;
        memcpy(b->data + b->size, data, size);
        b->size += size;
        return 0;
}

static int put_string(Buffer *b, const char *s) {
        return put(b, s, strlen(s));
}

static int put_u32(Buffer *b, uint32_t n) {
        n = htobe32(n);
        return put(b, &n, sizeof(n));
}

static int put_values(Buffer *b, const IndexEntry *entries, size_t n) {
        int r;

        r = put_u32(b, (uint32_t) n);
        for (size_t i = 0; i < n && r >= 0; i++) {
                r = put_u32(b, entries[i].priority);
                if (r >= 0)
                        r = put(b, entries[i].value, strlen(entries[i].value) + 1);
        }
        return r;
}

static int put_node(Buffer *b, const IndexEntry *entries, size_t n, size_t depth, bool root,
                    uint32_t *ret_offset);

/* The nodes below: one for each character that follows in the keys. Offsets go to `at`. */
static int put_children(Buffer *b, const IndexEntry *entries, size_t n, size_t depth, size_t at,
                        uint8_t first) {
        for (size_t i = 0, end; i < n; i = end) {
                uint8_t c = (uint8_t) entries[i].key[depth];
                uint32_t offset;
                int r;

                for (end = i + 1; end < n && (uint8_t) entries[end].key[depth] == c; end++)
                        ;
                r = put_node(b, entries + i, end - i, depth + 1, false, &offset);
                if (r < 0)
                        return r;
                offset = htobe32(offset);
                memcpy(b->data + at + (size_t) (c - first) * sizeof(offset), &offset,
                       sizeof(offset));
        }
        return 0;
}

/* The keys of `entries` are the same up to `depth`. */
static int put_node(Buffer *b, const IndexEntry *entries, size_t n, size_t depth, bool root,
                    uint32_t *ret_offset) {
        const char *low = n > 0 ? entries[0].key : "", *high = n > 0 ? entries[n - 1].key : "";
        uint32_t offset = (uint32_t) b->size;
        size_t prefix = 0, n_values = 0, at = 0;
        uint8_t first = 0;
        int r = 0;

        if (b->size > NODE_OFFSET_MAX)
                return -EFBIG;
        /* Sorted: what the first and the last have in common, all have. */
        while (!root && low[depth + prefix] && low[depth + prefix] == high[depth + prefix])
                prefix++;
        if (prefix > 0) {
                offset |= NODE_PREFIX;
                r = put(b, low + depth, prefix);
                if (r >= 0)
                        r = put(b, "", 1);
                depth += prefix;
        }
        while (n_values < n && !entries[n_values].key[depth])
                n_values++;
        if (n_values < n) {
                uint8_t last = (uint8_t) high[depth];
                static const char zeros[128 * sizeof(uint32_t)];

                offset |= NODE_CHILDREN;
                first = (uint8_t) entries[n_values].key[depth];
                if (r >= 0)
                        r = put(b, &first, 1);
                if (r >= 0)
                        r = put(b, &last, 1);
                at = b->size;
                if (r >= 0)
                        r = put(b, zeros, ((size_t) (last - first) + 1) * sizeof(uint32_t));
        }
        if (n_values > 0) {
                offset |= NODE_VALUES;
                if (r >= 0)
                        r = put_values(b, entries, n_values);
        }
        if (r >= 0)
                r = put_children(b, entries + n_values, n - n_values, depth, at, first);
        if (r < 0)
                return r;
        *ret_offset = offset;
        return 0;
}

static int compare_entries(const void *a, const void *b) {
        const IndexEntry *x = a, *y = b;
        int r = strcmp(x->key, y->key);

        if (r == 0)
                r = (x->priority > y->priority) - (x->priority < y->priority);
        return r != 0 ? r : strcmp(x->value, y->value);
}

static bool key_is_valid(const char *key) {
        size_t n = 0;

        for (; key[n]; n++)
                if ((unsigned char) key[n] >= 128 || n >= KEY_MAX)
                        return false;
        return true;
}

int driver_index_write(IndexEntry *entries, size_t n, char **ret, size_t *ret_size) {
        Buffer b = {};
        uint32_t root;
        int r;

        for (size_t i = 0; i < n; i++)
                if (!key_is_valid(entries[i].key))
                        return -EINVAL;
        if (n > 0)
                qsort(entries, n, sizeof(IndexEntry), compare_entries);

        r = put_u32(&b, INDEX_MAGIC);
        if (r >= 0)
                r = put_u32(&b, INDEX_VERSION);
        if (r >= 0)
                r = put_u32(&b, 0);
        if (r >= 0)
                r = put_node(&b, entries, n, 0, true, &root);
        if (r < 0) {
                free(b.data);
                return r;
        }
        root = htobe32(root);
        memcpy(b.data + 2 * sizeof(uint32_t), &root, sizeof(root));
        *ret = b.data;
        *ret_size = b.size;
        return 0;
}

/* The indexes of one image in the making. */
typedef struct Indexes {
        DriverTable *table;
        KernelFiles *files;
        Source *source;
        Trace *trace;
        const Kernel *kernel;
        Manifest *manifest;
        Driver **drivers; /* in the order of modules.dep */
        size_t n;
        Strmap priorities; /* name → place in `drivers` + 1 */
} Indexes;

static void indexes_done(Indexes *x) {
        free(x->drivers);
        strmap_done(&x->priorities);
}

/* Takes `data`. */
static int add_data(Indexes *x, const char *name, char *data, size_t size) {
        _cleanup_free_ char *path = path_join(x->kernel->directory, name);
        Entry *entry;
        int r = -ENOMEM;

        if (!data)
                data = strdup("");
        if (path && data)
                r = kernel_file_add_parents(x->source, x->trace, x->manifest, path,
                                            x->kernel->directory, x->kernel->directory);
        if (r < 0) {
                free(data);
                return r;
        }
        r = manifest_add_data(x->manifest, path, 0644, data, size, x->kernel->directory, &entry);
        if (r > 0)
                entry->kernel = true;
        return r;
}

static int add_binary(Indexes *x, const char *name, IndexEntry *entries, size_t n) {
        char *data;
        size_t size;
        int r;

        r = driver_index_write(entries, n, &data, &size);
        return r < 0 ? r : add_data(x, name, data, size);
}

static int compare_orders(const void *a, const void *b) {
        const Driver *x = *(Driver *const *) a, *y = *(Driver *const *) b;

        return (x->order > y->order) - (x->order < y->order);
}

static int find_drivers(Indexes *x, char *const *names) {
        size_t allocated = 0;
        int r;

        STRV_FOREACH(name, names) {
                Driver *driver = driver_table_find(x->table, *name);

                if (!driver || strmap_contains(&x->priorities, driver->name))
                        continue;
                if (!GREEDY_REALLOC(x->drivers, allocated, x->n + 1))
                        return -ENOMEM;
                r = strmap_put(&x->priorities, driver->name, NULL);
                if (r < 0)
                        return r;
                x->drivers[x->n++] = driver;
        }
        if (x->n > 0)
                qsort(x->drivers, x->n, sizeof(Driver *), compare_orders);
        for (size_t i = 0; i < x->n; i++) {
                r = strmap_replace(&x->priorities, x->drivers[i]->name,
                                   (void *) (uintptr_t) (i + 1));
                if (r < 0)
                        return r;
        }
        return 0;
}

/* "FILE: FILE…", files as they are in the image; the binary index has the same lines as values. */
static int add_dep(Indexes *x) {
        _cleanup_free_ IndexEntry *entries = calloc(x->n + 1, sizeof(IndexEntry));
        _cleanup_free_ size_t *starts = calloc(x->n + 1, sizeof(size_t));
        _cleanup_free_ char *lines = NULL;
        Buffer b = {};
        int r = entries && starts ? 0 : -ENOMEM;

        for (size_t i = 0; i < x->n && r >= 0; i++) {
                const char *p = x->drivers[i]->depends;
                const Driver *d;

                starts[i] = b.size;
                r = put_string(&b, x->drivers[i]->path);
                if (r >= 0)
                        r = put_string(&b, ":");
                while (r >= 0 && (d = driver_table_next_dependency(x->table, &p))) {
                        r = put_string(&b, " ");
                        if (r >= 0)
                                r = put_string(&b, d->path);
                }
                if (r >= 0)
                        r = put_string(&b, "\n");
        }
        lines = r >= 0 ? malloc(b.size + 1) : NULL;
        if (!lines) {
                free(b.data);
                return -ENOMEM;
        }
        if (b.size > 0)
                memcpy(lines, b.data, b.size);
        lines[b.size] = '\0';
        for (size_t i = 0; i < x->n; i++) {
                lines[strcspn(lines + starts[i], "\n") + starts[i]] = '\0';
                entries[i] = (IndexEntry) { x->drivers[i]->name, lines + starts[i], (uint32_t) i };
        }
        r = add_data(x, "modules.dep", b.data, b.size);
        return r < 0 ? r : add_binary(x, "modules.dep.bin", entries, x->n);
}

/* Where in a line the driver's name is. */
typedef enum Column { COLUMN_FIRST, COLUMN_SECOND, COLUMN_LAST, COLUMN_PATH } Column;

/* The place of the line's driver + 1, or 0 when it isn't in the image. */
static uintptr_t line_driver(const Indexes *x, const char *line, Column column, const char **ret) {
        char name[DRIVER_NAME_MAX];
        const char *p = line;
        size_t n;

        if (column == COLUMN_PATH) {
                if (driver_name_of_path(line, name) < 0)
                        return 0;
                return (uintptr_t) strmap_get(&x->priorities, name);
        }
        if (column == COLUMN_LAST)
                p = strrchr(line, ' ');
        else if (column == COLUMN_SECOND)
                p = strchr(line, ' ');
        if (!p)
                return 0;
        if (p != line)
                p++;
        n = strcspn(p, " ");
        if (n >= sizeof(name))
                return 0;
        memcpy(name, p, n);
        name[n] = '\0';
        *ret = p;
        return (uintptr_t) strmap_get(&x->priorities, name);
}

/* "alias KEY NAME", cut where it is; `name` is within it. */
static int line_entry(char *line, const char *name, uintptr_t place, IndexEntry *ret) {
        char *key = strchr(line, ' ');

        if (!key || key + 1 >= name)
                return -EINVAL;
        key++;
        line[name - 1 - line] = '\0';
        if (driver_alias_normalize(key) < 0 || !key_is_valid(key))
                return -EINVAL; /* depmod has no such key either */
        *ret = (IndexEntry) { key, name, (uint32_t) place - 1 };
        return 0;
}

/* The lines of a text index that are about drivers in the image, and comments; of aliases
 * (`binary` is the name of their other form) a binary index too. */
static int add_lines(Indexes *x, const char *name, Column column, const char *binary) {
        _cleanup_free_ char *path = path_join(x->kernel->directory, name), *text = NULL;
        _cleanup_free_ IndexEntry *entries = NULL;
        size_t n = 0, allocated = 0;
        Buffer b = {};
        int r;

        if (!path)
                return -ENOMEM;
        r = source_read(x->source, x->trace, path, &text, NULL);
        if (r < 0)
                return r == -ENOENT ? 0 : r;
        for (char *line = text, *end; *line && r >= 0; line = end) {
                const char *driver = NULL;
                uintptr_t place = 0;

                end = line + strcspn(line, "\n");
                if (*end)
                        *end++ = '\0';
                if (*line != '#') {
                        place = line_driver(x, line, column, &driver);
                        if (place == 0)
                                continue;
                }
                r = put_string(&b, line);
                if (r >= 0)
                        r = put_string(&b, "\n");
                if (r < 0 || !binary || place == 0)
                        continue;
                if (!GREEDY_REALLOC(entries, allocated, n + 1))
                        r = -ENOMEM;
                else if (line_entry(line, driver, place, &entries[n]) >= 0)
                        n++;
        }
        if (r < 0) {
                free(b.data);
                return r;
        }
        r = add_data(x, name, b.data, b.size);
        return r < 0 || !binary ? r : add_binary(x, binary, entries, n);
}

/* What is about the kernel alone is taken as it is. */
static int add_copies(Indexes *x) {
        static const char *const names[] = {
                "modules.builtin",
                "modules.builtin.alias.bin",
                "modules.builtin.bin",
                "modules.builtin.modinfo",
        };
        int r;

        for (size_t i = 0; i < ELEMENTSOF(names); i++) {
                _cleanup_free_ char *path = path_join(x->kernel->directory, names[i]);
                KernelFile *file;

                if (!path)
                        return -ENOMEM;
                r = kernel_files_get(x->files, x->source, x->trace, path, false, NULL, &file);
                if (r == -ENOENT)
                        continue;
                if (r >= 0)
                        r = kernel_files_read(x->files, x->source);
                if (r >= 0)
                        r = file->error;
                if (r >= 0)
                        r = kernel_file_add(file, x->source, x->trace, x->manifest, path,
                                            x->kernel->directory, x->kernel->directory);
                if (r < 0)
                        return r;
        }
        return 0;
}

int driver_index_collect(DriverTable *table, KernelFiles *files, Source *source, Trace *trace,
                         Report *report, const Kernel *kernel, char *const *names,
                         Manifest *manifest) {
        static const struct {
                const char *name;
                Column column;
                const char *binary;
        } texts[] = {
                { "modules.alias", COLUMN_LAST, "modules.alias.bin" },
                { "modules.symbols", COLUMN_LAST, "modules.symbols.bin" },
                { "modules.softdep", COLUMN_SECOND, NULL },
                { "modules.weakdep", COLUMN_SECOND, NULL },
                { "modules.devname", COLUMN_FIRST, NULL },
                { "modules.order", COLUMN_PATH, NULL },
        };
        _cleanup_(indexes_done) Indexes x = {
                .table = table,
                .files = files,
                .source = source,
                .trace = trace,
                .kernel = kernel,
                .manifest = manifest,
                .priorities = STRMAP_INIT(NULL),
        };
        int r;

        r = find_drivers(&x, names);
        if (r >= 0)
                r = add_dep(&x);
        for (size_t i = 0; i < ELEMENTSOF(texts) && r >= 0; i++)
                r = add_lines(&x, texts[i].name, texts[i].column, texts[i].binary);
        if (r >= 0)
                r = add_copies(&x);
        if (r == -ENOMEM)
                return report_oom(report);
        if (r < 0)
                return report_fail(report, FAILURE_BUILD_FAILED, r, kernel->directory, 0,
                                   "The indexes of the image's drivers can't be made");
        return 0;
}
