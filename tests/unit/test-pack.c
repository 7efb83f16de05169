/* SPDX-License-Identifier: GPL-2.0-or-later */

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <cmocka.h>
#include <dirent.h>

#include "conf-tree.h"
#include "pack/compress.h"
#include "pack/pack.h"
#include "scratch-mount.h"

/* A root with some files, a store, and fragments that have one file each. */
typedef struct Place {
        ConfTree *t;
        Source *source;
        Store *store;
        Manifest *manifests[8];
        size_t n;
        Fragments *fragments;
        Told told;
} Place;

static void open_store(Place *p) {
        _cleanup_free_ char *path = path_join(p->t->path, "store");

        store_free(p->store);
        assert_int_equal(store_open(&p->store, &p->told.report, path, STORE_SHARED), 0);
}

static int setup(void **state) {
        Place *p = calloc(1, sizeof(Place));

        assert_int_equal(conf_tree_setup((void **) &p->t), 0);
        told_init(&p->told);
        p->source = conf_tree_source(p->t);
        open_store(p);
        assert_int_equal(fragments_new(&p->fragments), 0);
        *state = p;
        return 0;
}

static int teardown(void **state) {
        Place *p = *state;

        fragments_free(p->fragments);
        for (size_t i = 0; i < p->n; i++)
                manifest_free(p->manifests[i]);
        store_free(p->store);
        source_free(p->source);
        told_done(&p->told);
        assert_int_equal(conf_tree_teardown((void **) &p->t), 0);
        free(p);
        return 0;
}

/* A fragment `name` with the file /NAME, which has this content now. */
static Entry *add(Place *p, const char *name, Scope scope, const char *content) {
        _cleanup_free_ char *path = path_join("/", name);
        Entry *entry;

        conf_tree_put(p->t, name, content);
        assert_int_equal(manifest_new(&p->manifests[p->n]), 0);
        assert_int_equal(manifest_add_file(p->manifests[p->n], path, 0755, path, "test", &entry), 1);
        entry->size = strlen(content);
        entry->hash = XXH3_128bits(content, strlen(content));
        assert_int_equal(fragments_add(p->fragments, &p->told.report, name, scope, name,
                                       p->manifests[p->n]),
                         0);
        p->n++;
        return entry;
}

static const PackOptions usual = { .compression = COMPRESSION_ZSTD, .level = 3, .threads = 2 };

/* Packs all; the result of the first wait that fails. */
static int pack(Place *p, const PackOptions *options) {
        _cleanup_(packer_freep) Packer *packer = NULL;

        assert_int_equal(packer_new(&packer, p->source, p->store, &p->told.report, p->fragments,
                                    options),
                         0);
        for (size_t i = 0; i < p->fragments->n; i++) {
                int r = packer_wait(packer, i);

                if (r < 0)
                        return r;
        }
        return 0;
}

typedef struct Buffer {
        char *data;
        size_t size;
} Buffer;

static int append(void *userdata, const void *data, size_t size) {
        Buffer *b = userdata;

        b->data = realloc(b->data, b->size + size);
        memcpy(b->data + b->size, data, size);
        b->size += size;
        return 0;
}

/* Whether the segment has the archive in it, and zeros behind it. */
static void assert_segment(Compression c, const char *data, size_t size, const char *raw,
                           size_t raw_size) {
        Buffer b = {};
        size_t consumed = raw_size;

        assert_int_equal(size % FRAGMENT_ALIGN, 0);
        if (c == COMPRESSION_NONE)
                assert_memory_equal(data, raw, raw_size);
        else {
                assert_int_equal(decode_stream(compression_decoder(c), data, size, append, &b,
                                               &consumed),
                                 0);
                assert_int_equal(b.size, raw_size);
                assert_memory_equal(b.data, raw, raw_size);
                free(b.data);
        }
        if (c == COMPRESSION_LZ4)
                assert_true(size - consumed >= FRAGMENT_ALIGN);
        for (size_t i = consumed; i < size; i++)
                assert_int_equal(data[i], 0);
}

/* Every compressor, at both ends of its levels, about the sizes at which the padding begins anew. */
static void test_segments(void **state) {
        static const size_t sizes[] = { 4, 512, 4092, 4096, 4100, 300000 };

        for (Compression c = 0; c < _COMPRESSION_MAX; c++)
                for (size_t i = 0; i < ELEMENTSOF(sizes); i++) {
                        _cleanup_free_ char *raw = calloc(1, sizes[i]);
                        int levels[2];

                        for (size_t k = 0; k < sizes[i]; k++)
                                raw[k] = (char) (k * k >> 4);
                        compression_level_range(c, &levels[0], &levels[1]);
                        for (size_t k = 0; k < ELEMENTSOF(levels); k++) {
                                _cleanup_free_ char *data = NULL;
                                size_t size;

                                assert_int_equal(segment_pack(c, levels[k], raw, sizes[i], &data,
                                                              &size),
                                                 0);
                                assert_segment(c, data, size, raw, sizes[i]);
                        }
                }
}

static void assert_stored(Place *p, const Fragment *f) {
        _cleanup_close_ int fd = store_open_fragment(p->store, &f->stored);
        _cleanup_free_ char *data = NULL, *raw = NULL;
        size_t size, raw_size;
        const char *path;

        assert_true(fd >= 0);
        assert_int_equal(fd_read_all(fd, 0, &data, &size), 0);
        assert_int_equal(size, f->stored.size);
        assert_int_equal(fragment_archive(f, p->source, &raw, &raw_size, &path), 0);
        assert_int_equal(raw_size, f->stored.raw_size);
        assert_segment(f->stored.compression, data, size, raw, raw_size);
}

/* Packed the first time, by however many threads, and found the second; what the kernel reads
 * before it can decompress never is. */
static void test_pack_and_find(void **state) {
        Place *p = *state;

        add(p, "early", SCOPE_EARLY, "microcode");
        add(p, "a", SCOPE_SHARED, "program a");
        add(p, "b", SCOPE_KERNEL, "driver b");
        add(p, "c", SCOPE_HOST, "");
        assert_int_equal(fragments_finish(p->fragments), 0);
        for (Compression c = 0; c < _COMPRESSION_MAX; c++) {
                PackOptions options = { .compression = c };
                int max;

                compression_level_range(c, &options.level, &max);
                for (unsigned again = 0; again < 2; again++) {
                        options.threads = again ? 0 : (unsigned) c; /* more than there are, too */
                        assert_int_equal(pack(p, &options), 0);
                        for (size_t i = 0; i < 4; i++) {
                                const Fragment *f = p->fragments->fragments[i];

                                assert_int_equal(f->cached, again || (c > 0 && i == 0));
                                assert_null(f->data);
                                assert_int_equal(f->stored.compression,
                                                 i == 0 ? COMPRESSION_NONE : c);
                                assert_int_equal(f->stored.level, i == 0 ? 0 : options.level);
                                assert_stored(p, f);
                        }
                        open_store(p);
                }
        }
        told_nothing(&p->told);
}

/* What was packed harder is taken when it is there; when it isn't, the quick one is packed. */
static void test_better(void **state) {
        PackOptions hard = { .compression = COMPRESSION_ZSTD, .level = 19 },
                    both = { .compression = COMPRESSION_ZSTD, .level = 3, .better_level = 19 };
        static const struct {
                bool hard; /* was packed so before */
                bool cached;
                int level;
        } cases[] = { { false, false, 3 }, { false, true, 3 }, { true, true, 19 } };
        Place *p = *state;

        add(p, "a", SCOPE_SHARED, "program a");
        assert_int_equal(fragments_finish(p->fragments), 0);
        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                const Fragment *f = p->fragments->fragments[0];

                if (cases[i].hard)
                        assert_int_equal(pack(p, &hard), 0);
                assert_int_equal(pack(p, &both), 0);
                assert_int_equal(f->cached, cases[i].cached);
                assert_int_equal(f->stored.level, cases[i].level);
        }
        /* Who doesn't want it doesn't get it. */
        assert_int_equal(pack(p, &usual), 0);
        assert_int_equal(p->fragments->fragments[0]->stored.level, 3);
}

/* What a crash left torn in the store is packed anew, and nobody need know. */
static void test_torn(void **state) {
        Place *p = *state;
        struct dirent *de;
        unsigned n = 0;
        DIR *d;

        for (const char *name = "abc"; *name; name++)
                add(p, (char[]) { *name, '\0' }, SCOPE_SHARED, "program");
        assert_int_equal(fragments_finish(p->fragments), 0);
        assert_int_equal(pack(p, &usual), 0);
        store_free(TAKE_PTR(p->store));

        assert_int_equal(unlinkat(p->t->fd, "store/trusted", 0), 0);
        d = fdopendir(openat(p->t->fd, "store/fragments", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
        assert_non_null(d);
        while ((de = readdir(d))) {
                _cleanup_close_ int fd = -EBADF;

                if (de->d_name[0] == '.')
                        continue;
                fd = openat(dirfd(d), de->d_name, O_WRONLY | O_CLOEXEC);
                if (n == 0)
                        assert_int_equal(ftruncate(fd, 0), 0);
                else if (n == 1)
                        assert_int_equal(pwrite(fd, "torn", 4, 100), 4);
                n++;
        }
        closedir(d);
        assert_int_equal(n, 3);

        open_store(p);
        assert_int_equal(pack(p, &usual), 0);
        n = 0;
        for (size_t i = 0; i < p->fragments->n; i++) {
                assert_stored(p, p->fragments->fragments[i]);
                n += p->fragments->fragments[i]->cached;
        }
        assert_int_equal(n, 1);
        told_nothing(&p->told);
}

static void rewrite(Place *p) {
        conf_tree_put(p->t, "b", "PROGRAM b");
}

static void lengthen(Place *p) {
        conf_tree_put(p->t, "b", "program b and more");
}

static void shorten(Place *p) {
        conf_tree_put(p->t, "b", "prog");
}

static void delete(Place *p) {
        assert_int_equal(unlinkat(p->t->fd, "b", 0), 0);
}

static void make_link(Place *p) {
        delete(p);
        conf_tree_link(p->t, "b", "a");
}

static void make_fifo(Place *p) {
        delete(p);
        assert_int_equal(mkfifoat(p->t->fd, "b", 0644), 0);
}

static void touch(Place *p) {
        assert_int_equal(utimensat(p->t->fd, "b", NULL, 0), 0);
}

/* A file that changed since it was collected ends the build; one that was only touched doesn't. */
static void test_changed(void **state) {
        static const struct {
                void (*change)(Place *p);
                int r;
        } cases[] = {
                { rewrite, -ESTALE },   { lengthen, -ESTALE },  { shorten, -ESTALE },
                { delete, -ESTALE },    { make_link, -ESTALE }, { make_fifo, -ESTALE },
                { touch, 0 },
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                Place *p;

                assert_int_equal(setup((void **) &p), 0);
                add(p, "a", SCOPE_SHARED, "program a");
                add(p, "b", SCOPE_SHARED, "program b");
                add(p, "c", SCOPE_SHARED, "program c");
                assert_int_equal(fragments_finish(p->fragments), 0);
                cases[i].change(p);
                assert_int_equal(pack(p, &usual), cases[i].r);
                if (cases[i].r < 0) {
                        assert_int_equal(p->told.report.failure.kind, FAILURE_BUILD_FAILED);
                        assert_string_equal(p->told.report.failure.path, "/b");
                }
                assert_int_equal(teardown((void **) &p), 0);
        }
}

/* The sentence says who may read what. */
static void test_unreadable(void **state) {
        Place *p = *state;
        int r;

        add(p, "a", SCOPE_SHARED, "secret");
        assert_int_equal(fragments_finish(p->fragments), 0);
        assert_int_equal(fchmodat(p->t->fd, "a", 0, 0), 0);
        assert_int_equal(chmod(p->t->path, 0755), 0);
        if (geteuid() == 0)
                assert_int_equal(seteuid(65534), 0);
        r = pack(p, &usual);
        if (getuid() == 0)
                assert_int_equal(seteuid(0), 0);
        assert_int_equal(r, -EACCES);
        assert_int_equal(p->told.report.failure.kind, FAILURE_NOT_PERMITTED);
        assert_string_equal(p->told.report.failure.path, "/a");
}

/* Drivers that ship compressed are stored decompressed; what doesn't come out as it was collected
 * has changed. */
static void test_decompress(void **state) {
        static const struct {
                const char *collected, *now;
                bool cut;
                int r;
        } cases[] = {
                { "a driver", "a driver", false, 0 },
                { "a driver", "A driver", false, -ESTALE },
                { "a driver", "a longer driver", false, -ESTALE },
                { "a longer driver", "a driver", false, -ESTALE },
                { "a driver", "a driver", true, -ESTALE },
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                _cleanup_free_ char *packed = NULL;
                _cleanup_close_ int fd = -EBADF;
                size_t size;
                Entry *e;
                Place *p;

                assert_int_equal(setup((void **) &p), 0);
                e = add(p, "driver.ko", SCOPE_KERNEL, cases[i].collected);
                e->decompress = true;
                assert_int_equal(compress_buffer(COMPRESSION_XZ, 6, cases[i].now,
                                                 strlen(cases[i].now), &packed, &size),
                                 0);
                fd = openat(p->t->fd, "driver.ko", O_WRONLY | O_TRUNC | O_CLOEXEC);
                assert_int_equal(fd_write_all(fd, packed, cases[i].cut ? size / 2 : size), 0);
                assert_int_equal(fragments_finish(p->fragments), 0);
                assert_int_equal(pack(p, &usual), cases[i].r);
                assert_int_equal(teardown((void **) &p), 0);
        }
}

/* Who does not wait to the end leaves no thread and no memory behind. */
static void test_give_up(void **state) {
        Place *p = *state;
        Packer *packer;

        add(p, "a", SCOPE_SHARED, "program a");
        add(p, "b", SCOPE_SHARED, "program b");
        assert_int_equal(fragments_finish(p->fragments), 0);
        assert_int_equal(packer_new(&packer, p->source, p->store, &p->told.report, p->fragments,
                                    &usual),
                         0);
        assert_null(packer_free(packer));
        assert_null(packer_free(NULL));
}

/* No fragments at all are no work. */
static void test_nothing(void **state) {
        assert_int_equal(pack(*state, &usual), 0);
}

static void full_store(Place *p) {
        _cleanup_free_ char *path = path_join(p->t->path, "store");

        scratch_mount(path, "size=64k");
        open_store(p);
        scratch_fill(path, 0);
}

static void read_only_store(Place *p) {
        _cleanup_free_ char *path = path_join(p->t->path, "store");

        scratch_mount(path, "size=64k");
        open_store(p);
        store_free(TAKE_PTR(p->store));
        scratch_read_only(path, true);
        open_store(p);
}

/* An image does not depend on the store: what it can't keep goes from memory into the image, and
 * somebody is told, once. */
static void cannot_keep(void (*spoil)(Place *p), bool mounted) {
        _cleanup_free_ char *path = NULL;
        Place *p;

        assert_int_equal(setup((void **) &p), 0);
        path = path_join(p->t->path, "store");
        add(p, "a", SCOPE_SHARED, "program a");
        add(p, "b", SCOPE_SHARED, "program b");
        assert_int_equal(fragments_finish(p->fragments), 0);
        spoil(p);
        assert_int_equal(pack(p, &usual), 0);
        if (getuid() == 0)
                assert_int_equal(seteuid(0), 0);
        assert_int_equal(p->told.report.n_warnings, 1);
        assert_null(p->told.report.failure.message);
        for (size_t i = 0; i < 2; i++) {
                const Fragment *f = p->fragments->fragments[i];
                _cleanup_free_ char *raw = NULL;
                const char *failed;
                size_t raw_size;

                assert_false(f->cached);
                assert_non_null(f->data);
                assert_int_equal(fragment_archive(f, p->source, &raw, &raw_size, &failed), 0);
                assert_segment(COMPRESSION_ZSTD, f->data, f->stored.size, raw, raw_size);
        }
        store_free(TAKE_PTR(p->store));
        if (mounted)
                scratch_umount(path);
        assert_int_equal(teardown((void **) &p), 0);
}

/* "Safe to delete at any time". */
static void delete_store(Place *p) {
        assert_int_equal(unlinkat(p->t->fd, "store/fragments", AT_REMOVEDIR), 0);
}

static void forbid_store(Place *p) {
        assert_int_equal(fchmodat(p->t->fd, "store/fragments", 0555, 0), 0);
        assert_int_equal(chmod(p->t->path, 0755), 0);
        if (geteuid() == 0)
                assert_int_equal(seteuid(65534), 0);
}

static void test_store_gone(void **state) {
        cannot_keep(delete_store, false);
        cannot_keep(forbid_store, false);
}

static void test_store_full(void **state) {
        scratch_or_skip();
        cannot_keep(full_store, true);
        cannot_keep(read_only_store, true);
}

int main(void) {
#define IN_PLACE(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
        static const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_segments), IN_PLACE(test_pack_and_find),
                IN_PLACE(test_better), IN_PLACE(test_torn),          cmocka_unit_test(test_changed),
                IN_PLACE(test_unreadable),       cmocka_unit_test(test_decompress),
                IN_PLACE(test_give_up),          IN_PLACE(test_nothing),
                cmocka_unit_test(test_store_gone), cmocka_unit_test(test_store_full),
        };

        scratch_begin();
        return cmocka_run_group_tests(tests, NULL, NULL);
}
