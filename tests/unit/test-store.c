/* SPDX-License-Identifier: GPL-2.0-or-later */

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <cmocka.h>
#include <dirent.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/time.h>

#include "conf-tree.h"
#include "pack/store.h"
#include "scratch-mount.h"

#define BYTES "the bytes of a segment"

static Store *open_store(ConfTree *t, StoreLock lock) {
        _cleanup_free_ char *path = path_join(t->path, "store");
        _cleanup_told_ Told told;
        Store *store;

        told_init(&told);
        assert_int_equal(store_open(&store, &told.report, path, lock), 0);
        told_nothing(&told);
        return store;
}

static StoredFragment some_fragment(uint64_t n) {
        return (StoredFragment) {
                .content = { .low64 = n, .high64 = 7 },
                .compression = COMPRESSION_ZSTD,
                .level = 3,
                .raw_size = 1234,
        };
}

static StoredFragment put(Store *store, uint64_t n, const char *bytes) {
        StoredFragment f = some_fragment(n);

        assert_int_equal(store_put_fragment(store, &f, bytes, strlen(bytes)), 0);
        return f;
}

static bool find(Store *store, uint64_t n, StoredFragment *ret) {
        StoredFragment f = some_fragment(n);

        return store_find(store, f.content, f.compression, f.level, ret);
}

static void assert_bytes(Store *store, const StoredFragment *f, const char *bytes) {
        _cleanup_close_ int fd = store_open_fragment(store, f);
        _cleanup_free_ char *data = NULL;
        size_t size;

        assert_true(fd >= 0);
        assert_int_equal(fd_read_all(fd, 0, &data, &size), 0);
        assert_int_equal(size, f->size);
        assert_string_equal(data, bytes);
}

/* The path below the tree of the one file in fragments/. */
static char *only_file(ConfTree *t) {
        char *path = NULL;
        struct dirent *de;
        DIR *d;

        d = fdopendir(openat(t->fd, "store/fragments", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
        assert_non_null(d);
        while ((de = readdir(d))) {
                if (de->d_name[0] == '.')
                        continue;
                assert_null(path);
                path = path_join("store/fragments", de->d_name);
        }
        closedir(d);
        return path;
}

static int count(void *userdata, const StoredFragment *fragment) {
        (*(unsigned *) userdata)++;
        return 0;
}

static unsigned count_fragments(Store *store) {
        unsigned n = 0;

        assert_int_equal(store_each_fragment(store, count, &n), 0);
        return n;
}

/* A hash is 32 digits in lower case, and nothing else is one. */
static void test_hashes(void **state) {
        static const struct {
                const char *text;
                int r;
        } cases[] = {
                { "0123456789abcdef00000000000000ff", 0 },
                { "00000000000000000000000000000000", 0 },
                { "0123456789ABCDEF00000000000000ff", -EINVAL },
                { "0123456789abcdef00000000000000f", -EINVAL },
                { "0123456789abcdef00000000000000fff", -EINVAL },
                { "0x23456789abcdef00000000000000ff", -EINVAL },
                { "", -EINVAL },
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                XXH128_hash_t hash;
                char text[33];

                assert_int_equal(hash_from_string(cases[i].text, &hash), cases[i].r);
                if (cases[i].r < 0)
                        continue;
                hash_to_string(hash, text);
                assert_string_equal(text, cases[i].text);
        }
}

/* What was put is found, under all that it is named by and nothing less, at once and later. */
static void test_put_find(void **state) {
        static const struct {
                uint64_t n;
                Compression compression;
                int level;
                bool found;
        } cases[] = {
                { 1, COMPRESSION_ZSTD, 3, true },
                { 1, COMPRESSION_ZSTD, 19, false },
                { 1, COMPRESSION_ZSTD, 1, false },
                { 1, COMPRESSION_XZ, 3, false },
                { 2, COMPRESSION_ZSTD, 3, false },
        };
        _cleanup_(store_freep) Store *store = open_store(*state, STORE_SHARED);
        StoredFragment f = put(store, 1, BYTES), found;

        assert_int_equal(f.size, strlen(BYTES));
        for (unsigned again = 0; again < 2; again++) {
                for (size_t i = 0; i < ELEMENTSOF(cases); i++)
                        assert_int_equal(store_find(store,
                                                    some_fragment(cases[i].n).content,
                                                    cases[i].compression, cases[i].level, &found),
                                         cases[i].found);
                assert_true(find(store, 1, &found));
                assert_int_equal(found.size, f.size);
                assert_int_equal(found.hash, f.hash);
                assert_int_equal(found.raw_size, 1234);
                assert_bytes(store, &found, BYTES);
                store_free(store);
                store = open_store(*state, STORE_SHARED);
        }
        assert_int_equal(store_remove_fragment(store, &f), 0);
        assert_int_equal(store_remove_fragment(store, &f), 0);
        assert_false(find(store, 1, &found));
        assert_int_equal(store_open_fragment(store, &f), -ENOENT);
}

/* Changes a byte of the only fragment, and with it nothing that a listing shows. */
static void damage(ConfTree *t) {
        _cleanup_free_ char *path = only_file(t);
        _cleanup_close_ int fd = openat(t->fd, path, O_WRONLY | O_CLOEXEC);

        assert_int_equal(pwrite(fd, "X", 1, 4), 1);
}

/* What was written in this boot is believed. After another boot it is read once; when it is not
 * what its name says it goes, and the same content can be put again. */
static void test_trusted(void **state) {
        static const char *const cases[] = {
                NULL, /* no list at all */
                "00000000-0000-0000-0000-000000000000\n", /* one of another boot */
                "", /* one that a full disk left */
                "no boot ID\n",
        };
        ConfTree *t = *state;

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                _cleanup_(store_freep) Store *store = open_store(t, STORE_SHARED);
                _cleanup_free_ char *name = NULL, *list = NULL;
                StoredFragment f = put(store, 1, BYTES), found;

                store_free(store);
                store = open_store(t, STORE_SHARED);
                assert_bytes(store, &f, BYTES);

                /* The list of the other boot has the name, too. */
                name = only_file(t);
                assert_true(str_printf(&list, "%s%s\n", cases[i] ?: "", path_basename(name)) >= 0);
                if (cases[i])
                        conf_tree_put(t, "store/trusted", list);
                else
                        assert_int_equal(unlinkat(t->fd, "store/trusted", 0), 0);
                damage(t);
                store_free(store);
                store = open_store(t, STORE_SHARED);
                assert_true(find(store, 1, &found));
                assert_int_equal(store_open_fragment(store, &found), -ENOENT);
                assert_false(find(store, 1, &found));
                assert_int_equal(count_fragments(store), 0);

                f = put(store, 1, BYTES);
                assert_bytes(store, &f, BYTES);
                assert_int_equal(store_remove_fragment(store, &f), 0);
        }
}

/* One that passed its check is not read again, unless somebody wrote to it since. */
static void test_checked_once(void **state) {
        _cleanup_(store_freep) Store *store = open_store(*state, STORE_SHARED);
        StoredFragment f = put(store, 1, BYTES), found;
        ConfTree *t = *state;

        store_free(store);
        assert_int_equal(unlinkat(t->fd, "store/trusted", 0), 0);
        store = open_store(t, STORE_SHARED);
        assert_bytes(store, &f, BYTES);
        store_free(store);
        usleep(20 * 1000); /* more than a tick of the clock that gives files their times */
        damage(t);
        store = open_store(t, STORE_SHARED);
        assert_true(find(store, 1, &found));
        assert_int_equal(store_open_fragment(store, &found), -ENOENT);
        assert_false(find(store, 1, &found));
}

/* One that is not as long as it was is as good as gone, trusted or not: neither is read behind its
 * end. */
static void test_shortened(void **state) {
        ConfTree *t = *state;

        for (unsigned trusted = 0; trusted < 2; trusted++) {
                _cleanup_(store_freep) Store *store = open_store(t, STORE_SHARED);
                _cleanup_free_ char *path = NULL, *full = NULL;
                StoredFragment f = put(store, 1, BYTES), found;

                store_free(store);
                if (!trusted)
                        assert_int_equal(unlinkat(t->fd, "store/trusted", 0), 0);
                path = only_file(t);
                full = path_join(t->path, path);
                store = open_store(t, STORE_SHARED);
                assert_int_equal(truncate(full, trusted ? 3 : 0), 0);
                assert_int_equal(store_open_fragment(store, &f), -ENOENT);
                assert_int_equal(count_fragments(store), 0);
                assert_false(find(store, 1, &found));
        }
}

/* What was damaged and packed anew has another name if the compressor has changed meanwhile. */
static void test_replaced(void **state) {
        _cleanup_(store_freep) Store *store = open_store(*state, STORE_SHARED);
        StoredFragment old = put(store, 1, BYTES), new, found;
        ConfTree *t = *state;

        store_free(store);
        assert_int_equal(unlinkat(t->fd, "store/trusted", 0), 0);
        damage(t);
        store = open_store(t, STORE_SHARED);
        assert_int_equal(store_open_fragment(store, &old), -ENOENT);
        new = put(store, 1, "the same, packed otherwise");
        assert_true(find(store, 1, &found));
        assert_int_equal(found.hash, new.hash);
        assert_bytes(store, &found, "the same, packed otherwise");
}

/* Records come and go by key; their directories have nothing else in them for the store. */
static void test_records(void **state) {
        static const XXH128_hash_t a = { .low64 = 1 }, b = { .low64 = 2 };
        _cleanup_(store_freep) Store *store = open_store(*state, STORE_SHARED);
        _cleanup_free_ XXH128_hash_t *keys = NULL;
        _cleanup_free_ char *data = NULL;
        ConfTree *t = *state;
        size_t size, n;

        for (StoreKind k = 0; k < _STORE_KIND_MAX; k++)
                assert_int_equal(store_get(store, k, a, &data, &size), -ENOENT);
        assert_int_equal(store_put(store, STORE_IMAGES, a, "old", 3), 0);
        assert_int_equal(store_put(store, STORE_IMAGES, a, "image", 5), 0);
        assert_int_equal(store_put(store, STORE_IMAGES, b, "", 0), 0);
        assert_int_equal(store_put(store, STORE_COLLECTIONS, a, "collection", 10), 0);
        conf_tree_put(t, "store/images/00000000000000000000000000000001.tmp-1", "torn");
        conf_tree_put(t, "store/images/README", "not a key");

        assert_int_equal(store_get(store, STORE_IMAGES, a, &data, &size), 0);
        assert_int_equal(size, 5);
        assert_string_equal(data, "image");
        assert_int_equal(store_keys(store, STORE_IMAGES, &keys, &n), 0);
        assert_int_equal(n, 2);
        assert_int_equal(keys[0].low64 + keys[1].low64, 3);
        assert_int_equal(store_remove(store, STORE_IMAGES, a), 0);
        assert_int_equal(store_remove(store, STORE_IMAGES, a), 0);
        free(TAKE_PTR(keys));
        assert_int_equal(store_keys(store, STORE_IMAGES, &keys, &n), 0);
        assert_int_equal(n, 1);
}

/* What a killed builder leaves is neither a fragment nor a record, and goes with the garbage. */
static void test_leftovers(void **state) {
        static const char *const left[] = {
                "store/trusted.tmp-1",
                "store/fragments/00000000000000010000000000000007-zstd-3-1-00.tmp-77",
                "store/collections/00000000000000010000000000000007.tmp-77",
                "store/images/00000000000000010000000000000007.tmp-77",
        };
        static const char *const others[] = { "store/fragments/README", "store/fragments/a-b",
                                              "store/fragments/-", "store/fragments/-a" };
        _cleanup_(store_freep) Store *store = open_store(*state, STORE_EXCLUSIVE);
        StoredFragment f = put(store, 1, BYTES), found;
        ConfTree *t = *state;

        for (size_t i = 0; i < ELEMENTSOF(left); i++)
                conf_tree_put(t, left[i], "torn");
        for (size_t i = 0; i < ELEMENTSOF(others); i++)
                conf_tree_put(t, others[i], "somebody's");
        store_free(store);
        store = open_store(t, STORE_EXCLUSIVE);
        assert_int_equal(count_fragments(store), 1);
        assert_int_equal(store_remove_leftovers(store), 0);
        for (size_t i = 0; i < ELEMENTSOF(left); i++)
                assert_int_equal(faccessat(t->fd, left[i], F_OK, 0), -1);
        for (size_t i = 0; i < ELEMENTSOF(others); i++)
                assert_int_equal(faccessat(t->fd, others[i], F_OK, 0), 0);
        assert_true(find(store, 1, &found));
        assert_bytes(store, &f, BYTES);
}

/* Two who build share the store; what the one puts, the other may put as well. */
static void test_two(void **state) {
        _cleanup_(store_freep) Store *one = open_store(*state, STORE_SHARED);
        _cleanup_(store_freep) Store *two = open_store(*state, STORE_SHARED);
        StoredFragment a = put(one, 1, BYTES), b = put(two, 1, BYTES), found;

        assert_int_equal(a.hash, b.hash);
        assert_bytes(one, &b, BYTES);
        assert_bytes(two, &a, BYTES);
        put(one, 2, "other");
        /* The index is of when it was opened: no more than work done twice. */
        assert_false(find(two, 2, &found));
        assert_int_equal(count_fragments(two), 2);
}

static int lock_fd = -EBADF;

static void unlock(int signal) {
        flock(lock_fd, LOCK_UN);
}

/* Who collects garbage is alone; who waits for that goes on waiting after a signal. */
static void test_lock(void **state) {
        struct sigaction action = { .sa_handler = unlock }, before;
        struct itimerval timer = { .it_value.tv_usec = 50 * 1000 };
        ConfTree *t = *state;
        Store *store = open_store(t, STORE_SHARED);

        lock_fd = openat(t->fd, "store/lock", O_RDWR | O_CLOEXEC);
        assert_true(lock_fd >= 0);
        assert_int_equal(flock(lock_fd, LOCK_SH | LOCK_NB), 0);
        assert_int_equal(flock(lock_fd, LOCK_EX | LOCK_NB), -1);
        assert_int_equal(errno, EWOULDBLOCK);
        store_free(store);
        assert_int_equal(flock(lock_fd, LOCK_UN), 0);
        store = open_store(t, STORE_EXCLUSIVE);
        assert_int_equal(flock(lock_fd, LOCK_SH | LOCK_NB), -1);
        store_free(store);

        assert_int_equal(flock(lock_fd, LOCK_EX | LOCK_NB), 0);
        assert_int_equal(sigaction(SIGALRM, &action, &before), 0);
        assert_int_equal(setitimer(ITIMER_REAL, &timer, NULL), 0);
        store = open_store(t, STORE_SHARED);
        assert_int_equal(sigaction(SIGALRM, &before, NULL), 0);
        store_free(store);
        close(lock_fd);
}

/* A write that fails in the middle leaves nothing that could be found. */
static void test_cut_short(void **state) {
        _cleanup_(store_freep) Store *store = open_store(*state, STORE_SHARED);
        struct rlimit before, limit;
        char bytes[16384] = "x";
        StoredFragment f = some_fragment(1), found;
        int r;

        assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
        limit = before;
        limit.rlim_cur = 4096;
        signal(SIGXFSZ, SIG_IGN);
        assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
        r = store_put_fragment(store, &f, bytes, sizeof(bytes));
        assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
        signal(SIGXFSZ, SIG_DFL);
        assert_int_equal(r, -EFBIG);
        assert_false(find(store, 1, &found));
        assert_null(only_file(*state));
}

/* A full store serves what it has, and takes again when there is room. */
static void full(ConfTree *t) {
        _cleanup_(store_freep) Store *store = NULL;
        _cleanup_free_ char *path = path_join(t->path, "store");
        _cleanup_told_ Told told;
        StoredFragment f, g = some_fragment(2), found;
        char bytes[65536] = "x";

        told_init(&told);
        assert_int_equal(mkdirat(t->fd, "store", 0755), 0);
        scratch_mount(path, "size=256k,nr_inodes=16");
        scratch_fill(path, 0);
        assert_int_equal(store_open(&store, &told.report, path, STORE_SHARED), 0);
        store_free(TAKE_PTR(store));
        assert_int_equal(unlinkat(t->fd, "store/ballast", 0), 0);

        store = open_store(t, STORE_SHARED);
        f = put(store, 1, BYTES);
        scratch_fill(path, 8192);
        assert_int_equal(store_put_fragment(store, &g, bytes, sizeof(bytes)), -ENOSPC);
        assert_false(find(store, 2, &found));
        assert_int_equal(count_fragments(store), 1);
        store_free(store);
        store = open_store(t, STORE_SHARED);
        assert_true(find(store, 1, &found));
        assert_bytes(store, &f, BYTES);
        assert_int_equal(unlinkat(t->fd, "store/ballast", 0), 0);
        assert_int_equal(store_put_fragment(store, &g, bytes, sizeof(bytes)), 0);
        store_free(TAKE_PTR(store));
        scratch_umount(path);
}

static void test_full(void **state) {
        scratch_or_skip();
        full(*state);
}

/* So does a read-only one, but one that isn't there can't be made. */
static void read_only(ConfTree *t) {
        _cleanup_(store_freep) Store *store = NULL;
        _cleanup_free_ char *mounted = path_join(t->path, "mounted");
        _cleanup_free_ char *path = path_join(mounted, "store");
        _cleanup_free_ char *other = path_join(mounted, "other");
        _cleanup_told_ Told told;
        StoredFragment f, g = some_fragment(2), found;

        told_init(&told);
        assert_int_equal(mkdirat(t->fd, "mounted", 0755), 0);
        scratch_mount(mounted, "size=256k");
        assert_int_equal(store_open(&store, &told.report, path, STORE_SHARED), 0);
        f = put(store, 1, BYTES);
        assert_int_equal(store_put(store, STORE_IMAGES, f.content, "record", 6), 0);
        store_free(TAKE_PTR(store));
        scratch_read_only(mounted, true);

        assert_int_equal(store_open(&store, &told.report, path, STORE_SHARED), 0);
        assert_true(find(store, 1, &found));
        assert_bytes(store, &f, BYTES);
        assert_int_equal(store_put_fragment(store, &g, BYTES, strlen(BYTES)), -EROFS);
        assert_int_equal(store_put(store, STORE_IMAGES, f.content, "record", 6), -EROFS);
        assert_int_equal(store_remove(store, STORE_IMAGES, f.content), -EROFS);
        store_free(TAKE_PTR(store));
        told_nothing(&told);
        assert_int_equal(store_open(&store, &told.report, other, STORE_SHARED), -EROFS);
        assert_non_null(told.report.failure.message);
        scratch_umount(mounted);
}

static void test_read_only(void **state) {
        scratch_or_skip();
        read_only(*state);
}

/* Why it can't be opened. */
static void test_errors(void **state) {
        static const struct {
                const char *path;
                int r;
                FailureKind kind;
        } cases[] = {
                { "file", -ENOTDIR, FAILURE_BUILD_FAILED },
                { "file/below", -ENOTDIR, FAILURE_BUILD_FAILED },
                { "blocked", -ENOTDIR, FAILURE_BUILD_FAILED },
                { "secret/store", -EACCES, FAILURE_NOT_PERMITTED },
        };
        ConfTree *t = *state;

        conf_tree_put(t, "file", "");
        conf_tree_put(t, "blocked/fragments", "");
        assert_int_equal(mkdirat(t->fd, "secret", 0700), 0);
        assert_int_equal(chmod(t->path, 0755), 0);
        assert_int_equal(fchmodat(t->fd, "blocked", 0777, 0), 0);
        if (geteuid() == 0)
                assert_int_equal(seteuid(65534), 0);
        else
                assert_int_equal(fchmodat(t->fd, "secret", 0, 0), 0);
        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                _cleanup_free_ char *path = path_join(t->path, cases[i].path);
                _cleanup_(store_freep) Store *store = NULL;
                _cleanup_told_ Told told;

                told_init(&told);
                assert_int_equal(store_open(&store, &told.report, path, STORE_SHARED),
                                 cases[i].r);
                assert_int_equal(told.report.failure.kind, cases[i].kind);
                assert_string_equal(told.report.failure.path, path);
        }
        if (getuid() == 0)
                assert_int_equal(seteuid(0), 0);
        assert_int_equal(fchmodat(t->fd, "secret", 0700, 0), 0);
}

int main(void) {
#define IN_TREE(f) cmocka_unit_test_setup_teardown(f, conf_tree_setup, conf_tree_teardown)
        static const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_hashes), IN_TREE(test_put_find), IN_TREE(test_trusted),
                IN_TREE(test_checked_once),    IN_TREE(test_records), IN_TREE(test_shortened), IN_TREE(test_replaced),  IN_TREE(test_leftovers),
                IN_TREE(test_two),             IN_TREE(test_lock),     IN_TREE(test_cut_short),
                IN_TREE(test_full),            IN_TREE(test_read_only), IN_TREE(test_errors),
        };

        scratch_begin();
        return cmocka_run_group_tests(tests, NULL, NULL);
}
