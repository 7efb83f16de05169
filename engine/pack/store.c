/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * A fragment's name says all there is to know of it, so that one listing of a directory is the
 * whole index and nothing can disagree with it.
 *
 * Fragments are not synced when they are written: that would cost a build as much as the image
 * itself. Instead the store remembers which of them were written or checked since the machine was
 * booted, by name, inode and change time. Those are in the page cache or on disk as they were
 * written; any other one may have been torn by a crash or written to by somebody else, and its hash
 * is checked before it gets into an image.
 */

#include <dirent.h>
#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <unistd.h>

#include "fd-util.h"
#include "pack/store.h"
#include "path-util.h"
#include "string-util.h"
#include "strmap.h"

#define OPEN_ATTEMPTS 5

static const char *const kinds[_STORE_KIND_MAX] = {
        [STORE_COLLECTIONS] = "collections",
        [STORE_IMAGES] = "images",
};

struct Store {
        char *path;
        int fd, lock_fd, fragments_fd;
        Strmap names; /* of the fragments that are there */
        Strmap trusted; /* names */
        pthread_mutex_t mutex; /* of both */
};

void hash_to_string(XXH128_hash_t hash, char ret[static 33]) {
        snprintf(ret, 33, "%016" PRIx64 "%016" PRIx64, (uint64_t) hash.high64,
                 (uint64_t) hash.low64);
}

int hash_from_string(const char *s, XXH128_hash_t *ret) {
        char half[17] = {};
        char *end;

        if (strlen(s) != 32 || strspn(s, "0123456789abcdef") != 32)
                return -EINVAL;
        memcpy(half, s, 16);
        ret->high64 = strtoull(half, &end, 16);
        ret->low64 = strtoull(s + 16, &end, 16);
        return 0;
}

static int fragment_name(const StoredFragment *f, char **ret) {
        char content[33];

        hash_to_string(f->content, content);
        return str_printf(ret, "%s-%s-%d-%" PRIu64 "-%016" PRIx64, content,
                          compression_to_string(f->compression), f->level, f->raw_size, f->hash);
}

/* The size is the file's own. */
static int fragment_from_name(const char *name, StoredFragment *ret) {
        StoredFragment f = {};
        char content[33], compression[8];
        int n = 0;

        if (sscanf(name, "%32[0-9a-f]-%7[a-z0-9]-%d-%" SCNu64 "-%16" SCNx64 "%n", content,
                   compression, &f.level, &f.raw_size, &f.hash, &n) != 5 ||
            name[n] != '\0')
                return -EINVAL;
        f.compression = compression_from_string(compression);
        if (f.compression < 0 || hash_from_string(content, &f.content) < 0)
                return -EINVAL;
        *ret = f;
        return 0;
}

Store *store_free(Store *store) {
        if (!store)
                return NULL;
        strmap_done(&store->names);
        strmap_done(&store->trusted);
        pthread_mutex_destroy(&store->mutex);
        safe_close(store->fragments_fd);
        safe_close(store->lock_fd);
        safe_close(store->fd);
        free(store->path);
        free(store);
        return NULL;
}

const char *store_path(const Store *store) {
        return store->path;
}

static void closedirp(DIR **d) {
        if (*d)
                closedir(*d);
}

/* Calls back for each name in a directory of the store that isn't hidden or temporary. */
static int each_name(int dir_fd, int (*callback)(void *userdata, const char *name),
                     void *userdata) {
        _cleanup_(closedirp) DIR *d = NULL;
        _cleanup_close_ int fd = -EBADF;
        int r;

        fd = openat(dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (fd < 0)
                return -errno;
        d = fdopendir(fd);
        if (!d)
                return -errno;
        TAKE_FD(fd);
        for (struct dirent *de; (de = readdir(d));) {
                if (de->d_name[0] == '.' || strstr(de->d_name, ".tmp-"))
                        continue;
                r = callback(userdata, de->d_name);
                if (r < 0)
                        return r;
        }
        return 0;
}

/* What a fragment is looked up by: how its name begins. */
static int fragment_key(XXH128_hash_t content, Compression compression, int level, char **ret) {
        char hex[33];

        hash_to_string(content, hex);
        return str_printf(ret, "%s-%s-%d", hex, compression_to_string(compression), level);
}

static int add_name(void *userdata, const char *name) {
        Store *store = userdata;
        _cleanup_free_ char *key = NULL;
        StoredFragment f;
        char *copy;
        int r;

        if (fragment_from_name(name, &f) < 0)
                return 0;
        r = fragment_key(f.content, f.compression, f.level, &key);
        if (r < 0)
                return r;
        copy = strdup(name);
        if (!copy)
                return -ENOMEM;
        r = strmap_replace(&store->names, key, copy);
        if (r < 0)
                free(copy);
        return r;
}

/* This boot's ID, or "" where it can't be told: then nothing is trusted for long. */
static void boot_id(char ret[static 37]) {
        _cleanup_free_ char *id = NULL;
        size_t size;

        *ret = '\0';
        if (file_read_at(AT_FDCWD, "/proc/sys/kernel/random/boot_id", 64, &id, &size) >= 0 &&
            size >= 36)
                memcpy(ret, id, 37), ret[36] = '\0';
}

static int load_trusted(Store *store) {
        _cleanup_free_ char *text = NULL;
        _cleanup_strv_free_ char **lines = NULL;
        char id[38]; /* with a line break */
        size_t size;
        int r;

        boot_id(id);
        r = file_read_at(store->fd, "trusted", 16 * 1024 * 1024, &text, &size);
        if (r >= 0)
                r = strv_split(&lines, text, "\n");
        if (r >= 0 && *id && lines[0] && streq(lines[0], id)) {
                for (char **l = lines + 1; *l; l++) {
                        r = strmap_put(&store->trusted, *l, NULL);
                        if (r < 0 && r != -EEXIST)
                                return r;
                }
                return 0;
        }
        if (!*id)
                return 0;
        strcat(id, "\n");
        (void) file_replace_at(store->fd, "trusted", id, strlen(id), 0600);
        return 0;
}

/* A file that somebody wrote to since has another change time, which nobody can set. */
static int trusted_line(const char *name, const struct stat *st, char **ret) {
        return str_printf(ret, "%s %ju %jd.%09ld", name, (uintmax_t) st->st_ino,
                          (intmax_t) st->st_ctim.tv_sec, st->st_ctim.tv_nsec);
}

static bool is_trusted(Store *store, const char *name, const struct stat *st) {
        _cleanup_free_ char *line = NULL;
        bool trusted;

        if (trusted_line(name, st, &line) < 0)
                return false;
        pthread_mutex_lock(&store->mutex);
        trusted = strmap_contains(&store->trusted, line);
        pthread_mutex_unlock(&store->mutex);
        return trusted;
}

/* Called with the mutex held. */
static void trust(Store *store, const char *name, const struct stat *st) {
        _cleanup_free_ char *entry = NULL, *line = NULL;
        _cleanup_close_ int fd = -EBADF;

        if (trusted_line(name, st, &entry) < 0 || strmap_put(&store->trusted, entry, NULL) < 0 ||
            str_printf(&line, "%s\n", entry) < 0)
                return;
        fd = openat(store->fd, "trusted", O_WRONLY | O_APPEND | O_CLOEXEC);
        if (fd >= 0)
                (void) fd_write_all(fd, line, strlen(line));
}

static int open_directory(int fd, const char *name) {
        int d, r = 0;

        /* Where nothing can be made, what is there can be used. */
        if (mkdirat(fd, name, 0700) < 0)
                r = -errno;
        d = openat(fd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (d >= 0)
                return d;
        return errno == ENOENT && r < 0 ? r : -errno;
}

static int open_to_look(Store *store) {
        store->fd = open(store->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (store->fd < 0)
                return -errno;
        store->fragments_fd = openat(store->fd, "fragments", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (store->fragments_fd < 0)
                return errno == ENOENT ? 0 : -errno;
        return each_name(store->fragments_fd, add_name, store);
}

static int open_all(Store *store, StoreLock lock) {
        int r, fd;

        if (lock == STORE_LOOK)
                return open_to_look(store);
        r = mkdir_parents(store->path, 0755);
        if (r < 0)
                return r;
        store->fd = open(store->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (store->fd < 0)
                return -errno;
        store->lock_fd =
                        openat(store->fd, "lock", O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
        if (store->lock_fd < 0 && errno == EROFS)
                store->lock_fd = openat(store->fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (store->lock_fd < 0)
                return -errno;
        /* Nobody else is here: what looks as if it were being written never will be. */
        if (lock == STORE_SHARED && flock(store->lock_fd, LOCK_EX | LOCK_NB) >= 0)
                (void) store_remove_leftovers(store);
        while (flock(store->lock_fd, lock == STORE_EXCLUSIVE ? LOCK_EX : LOCK_SH) < 0)
                if (errno != EINTR)
                        return -errno;

        for (StoreKind k = 0; k < _STORE_KIND_MAX; k++) {
                fd = open_directory(store->fd, kinds[k]);
                if (fd < 0)
                        return fd;
                safe_close(fd);
        }
        store->fragments_fd = open_directory(store->fd, "fragments");
        if (store->fragments_fd < 0)
                return store->fragments_fd;
        r = each_name(store->fragments_fd, add_name, store);
        return r < 0 ? r : load_trusted(store);
}

static int open_once(Store **ret, const char *path, StoreLock lock) {
        _cleanup_(store_freep) Store *store = NULL;
        int r;

        store = malloc(sizeof(Store));
        if (!store)
                return -ENOMEM;
        *store = (Store) {
                .fd = -EBADF,
                .lock_fd = -EBADF,
                .fragments_fd = -EBADF,
                .names = STRMAP_INIT(free),
        };
        pthread_mutex_init(&store->mutex, NULL);
        store->path = strdup(path);
        if (!store->path)
                return -ENOMEM;
        r = open_all(store, lock);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(store);
        return 0;
}

int store_open(Store **ret, Report *report, const char *path, StoreLock lock) {
        _cleanup_(store_freep) Store *store = NULL;
        int r;

        /* It may be deleted at any time, so also between two steps of opening it. */
        r = open_once(&store, path, lock);
        for (unsigned i = 0; i < OPEN_ATTEMPTS && r == -ENOENT && lock != STORE_LOOK; i++)
                r = open_once(&store, path, lock);
        if (r == -ENOENT && lock == STORE_LOOK)
                return r;
        if (r == -ENOMEM)
                return report_oom(report);
        if (r == -ENOSPC || r == -EDQUOT)
                return report_fail(report, FAILURE_NO_SPACE, r, path, 0,
                                   "There is no space for the store; free some, or name another "
                                   "directory with --store");
        if (r == -EACCES || r == -EPERM)
                return report_fail(report, FAILURE_NOT_PERMITTED, r, path, 0,
                                   "The store may not be written by this user; run as root, or "
                                   "name another directory with --store");
        if (r < 0)
                return report_fail(report, FAILURE_BUILD_FAILED, r, path, 0,
                                   "The store can't be opened: %s; remove it, or name another "
                                   "directory with --store",
                                   strerror(-r));
        *ret = TAKE_PTR(store);
        return 0;
}

bool store_find(Store *store, XXH128_hash_t content, Compression compression, int level,
                StoredFragment *ret) {
        _cleanup_free_ char *key = NULL;
        const char *name;
        struct stat st;
        bool found = false;

        if (fragment_key(content, compression, level, &key) < 0)
                return false;
        pthread_mutex_lock(&store->mutex);
        name = strmap_get(&store->names, key);
        if (name && fragment_from_name(name, ret) >= 0 &&
            fstatat(store->fragments_fd, name, &st, AT_SYMLINK_NOFOLLOW) >= 0 &&
            S_ISREG(st.st_mode) && st.st_size > 0) {
                ret->size = (uint64_t) st.st_size;
                found = true;
        }
        pthread_mutex_unlock(&store->mutex);
        return found;
}

/* Whether the bytes are what the name says: 1 or 0. */
static int check_bytes(int fd, const StoredFragment *f) {
        void *p;
        int r;

        p = mmap(NULL, f->size, PROT_READ, MAP_PRIVATE | MAP_POPULATE, fd, 0);
        if (p == MAP_FAILED)
                return -errno;
        r = XXH3_64bits(p, f->size) == f->hash;
        munmap(p, f->size);
        return r;
}

int store_open_fragment(Store *store, const StoredFragment *f) {
        _cleanup_free_ char *name = NULL;
        _cleanup_close_ int fd = -EBADF;
        struct stat st;
        int r;

        r = fragment_name(f, &name);
        if (r < 0)
                return r;
        fd = openat(store->fragments_fd, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
        if (fd < 0 || fstat(fd, &st) < 0)
                return -errno;

        r = S_ISREG(st.st_mode) && (uint64_t) st.st_size == f->size;
        if (r > 0 && is_trusted(store, name, &st))
                return TAKE_FD(fd);

        if (r > 0)
                r = check_bytes(fd, f);
        if (r < 0)
                return r;
        if (r == 0) {
                (void) unlinkat(store->fragments_fd, name, 0);
                return -ENOENT;
        }
        pthread_mutex_lock(&store->mutex);
        trust(store, name, &st);
        pthread_mutex_unlock(&store->mutex);
        return TAKE_FD(fd);
}

int store_put_fragment(Store *store, StoredFragment *f, const void *data, size_t size) {
        _cleanup_free_ char *name = NULL;
        struct stat st;
        int r;

        f->size = size;
        f->hash = XXH3_64bits(data, size);
        r = fragment_name(f, &name);
        if (r >= 0)
                r = file_replace_at(store->fragments_fd, name, data, size, 0600);
        if (r < 0)
                return r;
        pthread_mutex_lock(&store->mutex);
        r = add_name(store, name);
        if (r >= 0 && fstatat(store->fragments_fd, name, &st, AT_SYMLINK_NOFOLLOW) >= 0)
                trust(store, name, &st);
        pthread_mutex_unlock(&store->mutex);
        return r;
}

static int record_name(StoreKind kind, XXH128_hash_t key, char **ret) {
        char hex[33];

        hash_to_string(key, hex);
        return str_printf(ret, "%s/%s", kinds[kind], hex);
}

int store_get(Store *store, StoreKind kind, XXH128_hash_t key, char **ret, size_t *ret_size) {
        _cleanup_free_ char *name = NULL;
        int r;

        r = record_name(kind, key, &name);
        return r < 0 ? r : file_read_at(store->fd, name, 0, ret, ret_size);
}

int store_put(Store *store, StoreKind kind, XXH128_hash_t key, const void *data, size_t size) {
        _cleanup_free_ char *name = NULL;
        int r;

        r = record_name(kind, key, &name);
        return r < 0 ? r : file_replace_at(store->fd, name, data, size, 0600);
}

int store_remove(Store *store, StoreKind kind, XXH128_hash_t key) {
        _cleanup_free_ char *name = NULL;
        int r;

        r = record_name(kind, key, &name);
        if (r < 0)
                return r;
        return unlinkat(store->fd, name, 0) < 0 && errno != ENOENT ? -errno : 0;
}

typedef struct Keys {
        XXH128_hash_t *keys;
        size_t n, allocated;
} Keys;

static int add_key(void *userdata, const char *name) {
        Keys *k = userdata;

        if (!GREEDY_REALLOC(k->keys, k->allocated, k->n + 1))
                return -ENOMEM;
        if (hash_from_string(name, &k->keys[k->n]) >= 0)
                k->n++;
        return 0;
}

int store_keys(Store *store, StoreKind kind, XXH128_hash_t **ret, size_t *ret_n) {
        _cleanup_close_ int fd = -EBADF;
        Keys k = {};
        int r;

        fd = openat(store->fd, kinds[kind], O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (fd < 0)
                return -errno;
        r = each_name(fd, add_key, &k);
        if (r < 0) {
                free(k.keys);
                return r;
        }
        *ret = k.keys;
        *ret_n = k.n;
        return 0;
}

typedef struct EachFragment {
        Store *store;
        int (*callback)(void *userdata, const StoredFragment *fragment);
        void *userdata;
} EachFragment;

static int each_fragment(void *userdata, const char *name) {
        EachFragment *each = userdata;
        StoredFragment f;
        struct stat st;

        if (fragment_from_name(name, &f) < 0 ||
            fstatat(each->store->fragments_fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0 ||
            !S_ISREG(st.st_mode))
                return 0;
        f.size = (uint64_t) st.st_size;
        return each->callback(each->userdata, &f);
}

int store_each_fragment(Store *store,
                        int (*callback)(void *userdata, const StoredFragment *fragment),
                        void *userdata) {
        EachFragment each = { store, callback, userdata };

        return each_name(store->fragments_fd, each_fragment, &each);
}

int store_remove_fragment(Store *store, const StoredFragment *f) {
        _cleanup_free_ char *name = NULL;
        int r;

        r = fragment_name(f, &name);
        if (r < 0)
                return r;
        return unlinkat(store->fragments_fd, name, 0) < 0 && errno != ENOENT ? -errno : 0;
}

static int remove_leftovers(Store *store, const char *directory) {
        _cleanup_(closedirp) DIR *d = NULL;
        _cleanup_close_ int fd = -EBADF;
        int dir_fd;

        fd = openat(store->fd, directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (fd < 0 && errno == ENOENT)
                return 0;
        if (fd < 0)
                return -errno;
        d = fdopendir(fd);
        if (!d)
                return -errno;
        dir_fd = TAKE_FD(fd);
        for (struct dirent *de; (de = readdir(d));)
                if (strstr(de->d_name, ".tmp-") && unlinkat(dir_fd, de->d_name, 0) < 0 &&
                    errno != ENOENT && errno != EISDIR)
                        return -errno;
        return 0;
}

int store_remove_leftovers(Store *store) {
        int r;

        r = remove_leftovers(store, ".");
        if (r >= 0)
                r = remove_leftovers(store, "fragments");
        for (StoreKind k = 0; k < _STORE_KIND_MAX && r >= 0; k++)
                r = remove_leftovers(store, kinds[k]);
        return r;
}
