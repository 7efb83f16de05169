/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * A trace is a list of statements about a tree, each of which can be checked with one stat():
 *
 *   file       this file, with this inode, size, times, mode and owner (and, once somebody has
 *              read it, with this hash: then other times alone don't matter)
 *   directory  a directory with this mode and owner, whatever is in it
 *   link       a link with this target
 *   list       of the names in this directory, those that match the pattern are these
 *   missing    nothing is there
 *
 * Device numbers are not compared: they change from boot to boot. A file that was written in the
 * same tick of the clock in which it was looked at can change again without any of its times
 * changing: such an entry is "racy" and only its hash is believed.
 *
 * Most files are put into an image as they are, and all that anybody wanted to know of their
 * content is what it needs. Of these the entry has a hash of that as well, as long as nobody read
 * more of them: another content with the same needs changes what is packed and nothing else.
 *
 * On disk: the header, the entries, the strings, all in this machine's byte order and layout.
 */

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "fd-util.h"
#include "path-util.h"
#include "source/source-internal.h"
#include "source/trace.h"
#include "string-util.h"
#include "strmap.h"

#define RACY_NSEC (100 * INT64_C(1000000)) /* more than a tick of any kernel */
#define NSEC_PER_SEC INT64_C(1000000000)

typedef enum TraceKind {
        TRACE_FILE,
        TRACE_DIRECTORY,
        TRACE_LINK,
        TRACE_LIST,
        TRACE_MISSING,
        _TRACE_MAX,
} TraceKind;

enum {
        FLAG_HASHED = 1 << 0,
        FLAG_RACY = 1 << 1,
        FLAG_PATTERN = 1 << 2, /* list: `text` is the pattern, else everything counts */
        FLAG_NEEDS = 1 << 3, /* file, hashed: `needs` is all that was made of the content */
};

/* As it is in memory and on disk; the strings are offsets into one block. */
typedef struct TraceEntry {
        uint64_t ino, size;
        int64_t mtime, ctime; /* ns */
        XXH128_hash_t hash; /* file: content, if FLAG_HASHED; list: of the names */
        uint32_t kind, flags;
        uint32_t mode, uid, gid;
        uint32_t path, text;
        uint32_t reserved;
        uint64_t needs; /* if FLAG_NEEDS */
} TraceEntry;

struct Trace {
        TraceEntry *entries;
        size_t n, allocated;
        char *strings;
        size_t strings_size, strings_allocated;
        Strmap index; /* key of an entry → its number + 1; made when somebody first asks */
        bool indexed;
};

int trace_new(Trace **ret) {
        Trace *trace = calloc(1, sizeof(Trace));

        if (!trace)
                return -ENOMEM;
        *ret = trace;
        return 0;
}

Trace *trace_free(Trace *trace) {
        if (!trace)
                return NULL;
        free(trace->entries);
        free(trace->strings);
        strmap_done(&trace->index);
        free(trace);
        return NULL;
}

size_t trace_size(const Trace *trace) {
        return trace->n;
}

static const char *entry_path(const Trace *trace, const TraceEntry *e) {
        return trace->strings + e->path;
}

static const char *entry_text(const Trace *trace, const TraceEntry *e) {
        return trace->strings + e->text;
}

/* Entries are the same when kind and path, and of a list the pattern, are. */
static int entry_key(char **ret, TraceKind kind, const char *path, bool has_text,
                     const char *text) {
        const char *pattern = kind != TRACE_LIST ? "" : has_text ? text : "\n";
        size_t n = strlen(path), n_pattern = strlen(pattern);
        char *key = malloc(1 + n + 1 + n_pattern + 1), *p = key;

        if (!key)
                return -ENOMEM;
        *p++ = (char) ('0' + kind);
        p = mempcpy(p, path, n);
        if (kind == TRACE_LIST)
                *p++ = '\n';
        p = mempcpy(p, pattern, n_pattern);
        *p = '\0';
        *ret = key;
        return 0;
}

static int trace_index(Trace *trace) {
        int r;

        if (trace->indexed)
                return 0;
        for (size_t i = 0; i < trace->n; i++) {
                const TraceEntry *e = &trace->entries[i];
                _cleanup_free_ char *key = NULL;

                r = entry_key(&key, e->kind, entry_path(trace, e), e->flags & FLAG_PATTERN,
                              entry_text(trace, e));
                if (r < 0)
                        return r;
                r = strmap_put(&trace->index, key, (void *) (uintptr_t) (i + 1));
                if (r < 0 && r != -EEXIST)
                        return r;
        }
        trace->indexed = true;
        return 0;
}

static int add_string(Trace *trace, const char *s, uint32_t *ret) {
        size_t n = strlen(s) + 1;

        if (trace->strings_size + n > UINT32_MAX ||
            !GREEDY_REALLOC(trace->strings, trace->strings_allocated, trace->strings_size + n))
                return -ENOMEM;
        memcpy(trace->strings + trace->strings_size, s, n);
        *ret = (uint32_t) trace->strings_size;
        trace->strings_size += n;
        return 0;
}

static TraceEntry *find(Trace *trace, TraceKind kind, const char *path) {
        _cleanup_free_ char *key = NULL;
        uintptr_t i;

        if (trace_index(trace) < 0 || entry_key(&key, kind, path, false, NULL) < 0)
                return NULL;
        i = (uintptr_t) strmap_get(&trace->index, key);
        return i > 0 ? &trace->entries[i - 1] : NULL;
}

/* One reader wanted only the needs, and now there is another, with or without FLAG_NEEDS. */
static void keep_needs(TraceEntry *e, uint32_t flags, uint64_t needs, XXH128_hash_t hash) {
        if (!(flags & FLAG_NEEDS) || e->needs != needs || !XXH128_isEqual(e->hash, hash)) {
                e->flags &= ~(uint32_t) FLAG_NEEDS;
                e->needs = 0;
        }
}

/*
 * Of two looks at the same thing the earlier one stays: where they differ it changed in between, and
 * something was made of what it was. Only who has read a file knows more than who merely saw it.
 */
static int add(Trace *trace, TraceEntry entry, const char *path, const char *text) {
        _cleanup_free_ char *key = NULL;
        uintptr_t i;
        int r;

        r = trace_index(trace);
        if (r < 0)
                return r;
        r = entry_key(&key, entry.kind, path, entry.flags & FLAG_PATTERN, text);
        if (r < 0)
                return r;
        i = (uintptr_t) strmap_get(&trace->index, key);
        if (i > 0) {
                TraceEntry *old = &trace->entries[i - 1];

                if (!(entry.flags & FLAG_HASHED))
                        return 0;
                if (old->flags & FLAG_HASHED) {
                        keep_needs(old, entry.flags, entry.needs, entry.hash);
                        return 0;
                }
                entry.path = old->path;
                entry.text = old->text;
                *old = entry;
                return 0;
        }

        if (!GREEDY_REALLOC(trace->entries, trace->allocated, trace->n + 1))
                return -ENOMEM;
        r = add_string(trace, path, &entry.path);
        if (r >= 0)
                r = add_string(trace, text ?: "", &entry.text);
        if (r < 0)
                return r;
        r = strmap_put(&trace->index, key, (void *) (uintptr_t) (trace->n + 1));
        if (r < 0)
                return r;
        trace->entries[trace->n++] = entry;
        return 0;
}

static int64_t timespec_nsec(const struct timespec *ts) {
        return (int64_t) ts->tv_sec * NSEC_PER_SEC + ts->tv_nsec;
}

static void entry_set_stat(TraceEntry *e, const struct stat *st) {
        struct timespec now;

        e->ino = st->st_ino;
        e->size = (uint64_t) st->st_size;
        e->mtime = timespec_nsec(&st->st_mtim);
        e->ctime = timespec_nsec(&st->st_ctim);
        e->mode = st->st_mode;
        e->uid = st->st_uid;
        e->gid = st->st_gid;

        clock_gettime(CLOCK_REALTIME, &now);
        if (MAX_OF(e->mtime, e->ctime) > timespec_nsec(&now) - RACY_NSEC)
                e->flags |= FLAG_RACY;
        else
                e->flags &= ~(uint32_t) FLAG_RACY;
}

int trace_add_file(Trace *trace, const char *path, const struct stat *st) {
        TraceEntry e = { .kind = TRACE_FILE };

        entry_set_stat(&e, st);
        return add(trace, e, path, NULL);
}

int trace_add_directory(Trace *trace, const char *path, const struct stat *st) {
        TraceEntry e = {
                .kind = TRACE_DIRECTORY,
                .mode = st->st_mode,
                .uid = st->st_uid,
                .gid = st->st_gid,
        };

        return add(trace, e, path, NULL);
}

int trace_add_link(Trace *trace, const char *path, const char *target) {
        return add(trace, (TraceEntry) { .kind = TRACE_LINK }, path, target);
}

int trace_add_missing(Trace *trace, const char *path) {
        return add(trace, (TraceEntry) { .kind = TRACE_MISSING }, path, NULL);
}

static XXH128_hash_t hash_names(char *const *names) {
        _cleanup_free_ char *joined = NULL;

        /* A name has no slash, so the seams are unmistakable. */
        joined = strv_join(names, "/");
        return joined ? XXH3_128bits(joined, strlen(joined)) : (XXH128_hash_t) {};
}

int trace_add_list(Trace *trace, const char *path, const struct stat *st, const char *pattern,
                   char *const *names) {
        TraceEntry e = {
                .kind = TRACE_LIST,
                .flags = pattern ? FLAG_PATTERN : 0,
                .hash = hash_names(names),
        };

        entry_set_stat(&e, st);
        return add(trace, e, path, pattern);
}

static int set_hash(Trace *trace, const char *path, XXH128_hash_t hash, uint32_t flags,
                    uint64_t needs) {
        TraceEntry *e = find(trace, TRACE_FILE, path);

        if (!e)
                return -ENOENT;
        if (e->flags & FLAG_HASHED) {
                keep_needs(e, flags, needs, hash);
                return 0;
        }
        e->hash = hash;
        e->needs = needs;
        e->flags |= FLAG_HASHED | flags;
        return 0;
}

int trace_set_hash(Trace *trace, const char *path, XXH128_hash_t hash) {
        return set_hash(trace, path, hash, 0, 0);
}

int trace_set_needs(Trace *trace, const char *path, XXH128_hash_t hash, uint64_t needs) {
        return set_hash(trace, path, hash, FLAG_NEEDS, needs);
}

/* Whether the file is as the entry says, by its stat alone. */
static bool same_stat(const TraceEntry *e, const struct stat *st) {
        return !(e->flags & FLAG_RACY) && e->ino == st->st_ino &&
               e->size == (uint64_t) st->st_size && e->mtime == timespec_nsec(&st->st_mtim) &&
               e->ctime == timespec_nsec(&st->st_ctim) && e->mode == st->st_mode &&
               e->uid == st->st_uid && e->gid == st->st_gid;
}

bool trace_get_hash(Trace *trace, const char *path, const struct stat *st, XXH128_hash_t *ret) {
        const TraceEntry *e = find(trace, TRACE_FILE, path);

        if (!e || !(e->flags & FLAG_HASHED) || !same_stat(e, st))
                return false;
        *ret = e->hash;
        return true;
}

int trace_merge(Trace *trace, const Trace *other) {
        int r;

        for (size_t i = 0; i < other->n; i++) {
                const TraceEntry *e = &other->entries[i];

                r = add(trace, *e, entry_path(other, e), entry_text(other, e));
                if (r < 0)
                        return r;
        }
        return 0;
}

/* Read, not mapped: a file that is cut short meanwhile must not end the program. -ESTALE then. */
static int hash_file(Source *source, const char *path, uint64_t size, XXH128_hash_t *ret) {
        _cleanup_close_ int fd = -EBADF;
        _cleanup_free_ char *data = NULL;
        size_t n;
        int r;

        fd = source_open_canonical(source, path);
        if (fd < 0)
                return fd;
        r = fd_read_all(fd, 0, &data, &n);
        if (r < 0)
                return r;
        if (n != size)
                return -ESTALE;
        *ret = XXH3_128bits(data, n);
        return 0;
}

/* A look at all entries, and who is asked about files that changed. */
typedef struct Check {
        Trace *trace;
        Source *source;
        trace_needs_t get_needs; /* or NULL */
        void *userdata;
        bool refreshed;
} Check;

/* 1 when it needs what it needed, and no more was made of it; the entry is then of the new content. */
static int check_needs(Check *c, TraceEntry *e, const char *path) {
        XXH128_hash_t hash;
        uint64_t needs;
        struct stat st;
        int r;

        r = c->get_needs(c->userdata, path, &st, &hash, &needs);
        if (r <= 0)
                return r;
        if (needs != e->needs || e->mode != st.st_mode || e->uid != st.st_uid ||
            e->gid != st.st_gid)
                return 0;
        e->hash = hash;
        entry_set_stat(e, &st);
        c->refreshed = true;
        return 1;
}

/* 1 as it was, 0 changed. */
static int check_file(Check *c, TraceEntry *e, const char *path) {
        XXH128_hash_t hash;
        struct stat st;
        int r;

        r = source_see(c->source, path, &st);
        if (r == -ENOENT || r == -ENOTDIR)
                return 0;
        if (r < 0)
                return r;
        if (same_stat(e, &st))
                return 1;
        if (!(e->flags & FLAG_HASHED) || e->mode != st.st_mode || e->uid != st.st_uid ||
            e->gid != st.st_gid)
                return 0;
        if (c->get_needs && (e->flags & FLAG_NEEDS))
                return check_needs(c, e, path);
        if (e->size != (uint64_t) st.st_size)
                return 0;

        r = hash_file(c->source, path, e->size, &hash);
        if (r < 0)
                return r == -ENOENT || r == -ESTALE ? 0 : r;
        if (!XXH128_isEqual(hash, e->hash))
                return 0;
        entry_set_stat(e, &st);
        c->refreshed = true;
        return 1;
}

static int check_list(Check *c, TraceEntry *e, const char *path, const char *pattern) {
        _cleanup_strv_free_ char **names = NULL;
        struct stat st;
        int r;

        r = source_see(c->source, path, &st);
        if (r >= 0 && same_stat(e, &st))
                return 1;
        if (r >= 0)
                r = source_list_canonical(c->source, path, pattern, &names, &st);
        if (r == -ENOENT || r == -ENOTDIR || r == -ELOOP)
                return 0;
        if (r < 0)
                return r;
        if (!XXH128_isEqual(hash_names(names), e->hash))
                return 0;
        entry_set_stat(e, &st);
        c->refreshed = true;
        return 1;
}

static int check_link(const char *path, const char *target, Source *source) {
        const char *now;
        int r;

        r = source_see_link(source, path, &now);
        return r < 0 ? r : streq_ptr(now, target);
}

static int check_entry(Check *c, TraceEntry *e) {
        const char *path = entry_path(c->trace, e), *text = entry_text(c->trace, e);
        struct stat st;
        int r;

        switch ((TraceKind) e->kind) {
        case TRACE_FILE:
                return check_file(c, e, path);
        case TRACE_LIST:
                return check_list(c, e, path, e->flags & FLAG_PATTERN ? text : NULL);
        case TRACE_LINK:
                return check_link(path, text, c->source);
        case TRACE_DIRECTORY:
                r = source_see(c->source, path, &st);
                if (r < 0)
                        return r == -ENOENT || r == -ENOTDIR ? 0 : r;
                return e->mode == st.st_mode && e->uid == st.st_uid && e->gid == st.st_gid;
        case TRACE_MISSING:
                r = source_see(c->source, path, &st);
                return r == -ENOENT || r == -ENOTDIR ? 1 : r < 0 ? r : 0;
        default:
                return -EBADMSG;
        }
}

/* All that the check will ask for, but links, which are few. */
static int see_all(const Trace *trace, Source *source) {
        _cleanup_free_ const char **paths = malloc((trace->n + 1) * sizeof(char *));
        size_t n = 0;

        if (!paths)
                return -ENOMEM;
        for (size_t i = 0; i < trace->n; i++)
                if (trace->entries[i].kind != TRACE_LINK)
                        paths[n++] = entry_path(trace, &trace->entries[i]);
        return source_see_all(source, paths, n);
}

int trace_check(Trace *trace, Source *source, char **ret_path, bool *ret_refreshed) {
        Check c = { .trace = trace, .source = source };

        if (see_all(trace, source) < 0)
                return -ENOMEM;
        for (size_t i = 0; i < trace->n; i++) {
                TraceEntry *e = &trace->entries[i];
                int r;

                r = check_entry(&c, e);
                if (r > 0)
                        continue;
                if (r == 0 && ret_path) {
                        *ret_path = strdup(entry_path(trace, e));
                        if (!*ret_path)
                                return -ENOMEM;
                }
                return r;
        }
        if (ret_refreshed)
                *ret_refreshed = c.refreshed;
        return 1;
}

int trace_check_needs(Trace *trace, Source *source, trace_needs_t get_needs, void *userdata,
                      bool *ret_refreshed) {
        Check c = {
                .trace = trace,
                .source = source,
                .get_needs = get_needs,
                .userdata = userdata,
        };

        for (size_t i = 0; i < trace->n; i++) {
                int r = check_entry(&c, &trace->entries[i]);

                if (r <= 0)
                        return r;
        }
        *ret_refreshed = c.refreshed;
        return 1;
}

static TraceChange change_of(const TraceEntry *e, const char *path, Source *source) {
        struct stat st;

        if (e->kind == TRACE_MISSING)
                return TRACE_CHANGE_NEW;
        if (source_lstat(source, path, &st) < 0)
                return TRACE_CHANGE_GONE;
        return e->kind == TRACE_LIST ? TRACE_CHANGE_LIST : TRACE_CHANGE_OTHER;
}

int trace_each_change(Trace *trace, Source *source,
                      int (*callback)(void *userdata, const char *path, TraceChange change),
                      void *userdata) {
        Check c = { .trace = trace, .source = source };
        bool changed = false;

        for (size_t i = 0; i < trace->n; i++) {
                const char *path = entry_path(trace, &trace->entries[i]);
                int r;

                r = check_entry(&c, &trace->entries[i]);
                if (r > 0)
                        continue;
                changed = true;
                if (r == 0)
                        r = callback(userdata, path, change_of(&trace->entries[i], path, source));
                if (r < 0)
                        return r;
        }
        return !changed;
}

typedef struct TraceHeader {
        char magic[8];
        uint64_t checksum; /* XXH3-64 of everything behind it */
        uint64_t n;
        uint64_t strings_size;
} TraceHeader;

static const char trace_magic[8] = "IRDTRC2";

int trace_serialize(const Trace *trace, char **ret, size_t *ret_size) {
        size_t entries_size = trace->n * sizeof(TraceEntry);
        size_t size = sizeof(TraceHeader) + entries_size + trace->strings_size;
        TraceHeader header = { .n = trace->n, .strings_size = trace->strings_size };
        char *data;

        data = malloc(size);
        if (!data)
                return -ENOMEM;
        memcpy(header.magic, trace_magic, sizeof(trace_magic));
        memcpy(data, &header, sizeof(header));
        if (trace->n > 0) {
                memcpy(data + sizeof(header), trace->entries, entries_size);
                memcpy(data + sizeof(header) + entries_size, trace->strings, trace->strings_size);
        }
        header.checksum = XXH3_64bits(data + 16, size - 16);
        memcpy(data, &header, sizeof(header));
        *ret = data;
        *ret_size = size;
        return 0;
}

int trace_deserialize(const char *data, size_t size, Trace **ret) {
        _cleanup_(trace_freep) Trace *trace = NULL;
        TraceHeader header;
        size_t entries_size;
        int r;

        if (size < sizeof(header))
                return -EBADMSG;
        memcpy(&header, data, sizeof(header));
        if (memcmp(header.magic, trace_magic, sizeof(trace_magic)) != 0 ||
            header.n > size / sizeof(TraceEntry) || header.strings_size > size ||
            sizeof(header) + header.n * sizeof(TraceEntry) + header.strings_size != size ||
            XXH3_64bits(data + 16, size - 16) != header.checksum)
                return -EBADMSG;
        entries_size = header.n * sizeof(TraceEntry);
        /* Where there are entries there are strings, and only there. */
        if ((header.strings_size > 0) != (header.n > 0) ||
            (header.n > 0 && data[size - 1] != '\0'))
                return -EBADMSG;

        r = trace_new(&trace);
        if (r < 0)
                return r;
        if (header.n > 0) {
                trace->entries = malloc(entries_size);
                trace->strings = malloc(header.strings_size);
                if (!trace->entries || !trace->strings)
                        return -ENOMEM;
                memcpy(trace->entries, data + sizeof(header), entries_size);
                memcpy(trace->strings, data + sizeof(header) + entries_size, header.strings_size);
        }
        trace->n = trace->allocated = header.n;
        trace->strings_size = trace->strings_allocated = header.strings_size;
        for (size_t i = 0; i < trace->n; i++)
                if (trace->entries[i].path >= header.strings_size ||
                    trace->entries[i].text >= header.strings_size ||
                    trace->entries[i].kind >= _TRACE_MAX ||
                    *entry_path(trace, &trace->entries[i]) != '/')
                        return -EBADMSG;

        *ret = TAKE_PTR(trace);
        return 0;
}

int trace_directories(const Trace *trace, char ***ret) {
        _cleanup_strv_free_ char **l = NULL;
        Strmap seen = STRMAP_INIT(NULL);
        int r = 0;

        for (size_t i = 0; i < trace->n && r >= 0; i++) {
                const TraceEntry *e = &trace->entries[i];
                _cleanup_free_ char *directory = NULL;

                directory = e->kind == TRACE_LIST ? strdup(entry_path(trace, e))
                                                  : path_dirname(entry_path(trace, e));
                r = directory ? strmap_put(&seen, directory, NULL) : -ENOMEM;
                if (r == -EEXIST)
                        r = 0;
        }
        for (size_t i = 0; i < seen.n && r >= 0; i++)
                r = strv_extend(&l, seen.entries[i].key);
        strmap_done(&seen);
        if (r < 0)
                return r;
        strv_sort(l);
        *ret = TAKE_PTR(l);
        return 0;
}

int trace_missing_in(const Trace *trace, const char *parent, char ***ret) {
        _cleanup_strv_free_ char **l = NULL;

        for (size_t i = 0; i < trace->n; i++) {
                const TraceEntry *e = &trace->entries[i];
                const char *path = entry_path(trace, e), *rest = startswith(path, parent);

                if (e->kind == TRACE_LIST && streq(path, parent))
                        return -EEXIST;
                if (!rest || *rest != '/' || strchr(rest + 1, '/'))
                        continue;
                if (e->kind != TRACE_MISSING)
                        return -EEXIST;
                if (strv_extend_unique(&l, path) < 0)
                        return -ENOMEM;
        }
        *ret = TAKE_PTR(l);
        return 0;
}
