/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * A file is opened once in a build, however many modules want it: its hash, its size, and what it
 * needs to run. Whether all of that is there is known before anything is put into a manifest, so
 * that an optional program whose library is missing leaves nothing behind.
 */

#include <stdio.h>

#include "collect/collect-internal.h"
#include "fd-util.h"
#include "path-util.h"
#include "string-util.h"

FileInfo *file_info_free(FileInfo *info) {
        if (!info)
                return NULL;
        for (size_t i = 0; i < info->n_needs; i++) {
                free(info->needs[i].path);
                free(info->needs[i].builtin);
        }
        free(info->needs);
        trace_free(info->trace);
        free(info->missing);
        free(info);
        return NULL;
}

static int add_need(FileInfo *info, const char *path, const char *builtin) {
        FileNeed need;

        if (!GREEDY_REALLOC(info->needs, info->allocated_needs, info->n_needs + 1))
                return -ENOMEM;
        need = (FileNeed) { strdup(path), builtin ? strdup(builtin) : NULL };
        if (!need.path || (builtin && !need.builtin)) {
                free(need.path);
                free(need.builtin);
                return -ENOMEM;
        }
        info->needs[info->n_needs++] = need;
        return 0;
}

static void found_free(LdsoFound *found, size_t n) {
        for (size_t i = 0; i < n; i++)
                ldso_found_done(&found[i]);
        free(found);
}

/* 1 found, 0 not. */
static int add_library(Collector *c, FileInfo *info, const char *soname, bool glob, const Elf *elf,
                       const char *path) {
        LdsoFound *found = NULL;
        size_t n = 0;
        int r;

        r = ldso_find(c->ldso, info->trace, soname, glob, elf, path, &found, &n);
        for (size_t i = 0; i < n && r >= 0; i++)
                r = add_need(info, found[i].path, found[i].builtin);
        found_free(found, n);
        return r < 0 ? r : n > 0;
}

/* What the table knows of libraries that are loaded by names which nothing in the file tells. */
static int add_composed(Collector *c, FileInfo *info, const Elf *elf, const char *path) {
        const char *const *names = ldso_composed_names(path);
        int r;

        for (; names && *names; names++) {
                _cleanup_strv_free_ char **paths = NULL;

                if (**names != '/') {
                        r = add_library(c, info, *names, strpbrk(*names, "*?["), elf, path);
                        if (r < 0)
                                return r;
                        continue;
                }
                r = source_glob(c->source, info->trace, *names, &paths);
                if (r < 0)
                        return r;
                STRV_FOREACH(p, paths) {
                        r = add_need(info, *p, NULL);
                        if (r < 0)
                                return r;
                }
        }
        return 0;
}

static int add_dlopen(Collector *c, FileInfo *info, const Elf *elf, const char *path) {
        for (size_t i = 0; i < elf->n_dlopen; i++) {
                const ElfDlopen *d = &elf->dlopen[i];

                /* What is only suggested is a feature, and modules decide about features. */
                if (d->priority == ELF_DLOPEN_SUGGESTED)
                        continue;
                STRV_FOREACH(soname, d->sonames) {
                        int r = add_library(c, info, *soname, false, elf, path);

                        if (r < 0)
                                return r;
                        if (r > 0)
                                break;
                }
        }
        return 0;
}

static int inspect_elf(Collector *c, FileInfo *info, const Elf *elf, const char *path) {
        int r;

        if (elf->interpreter) {
                r = add_need(info, elf->interpreter, NULL);
                if (r < 0)
                        return r;
        }
        STRV_FOREACH(soname, elf->needed) {
                r = add_library(c, info, *soname, false, elf, path);
                if (r < 0)
                        return r;
                if (r == 0)
                        return str_printf(&info->missing, "%s needs %s, which is not there", path,
                                          *soname);
        }
        r = add_dlopen(c, info, elf, path);
        if (r < 0)
                return r;
        return add_composed(c, info, elf, path);
}

/* "/path argument": the interpreter, and what env(1) would look for. */
static int inspect_script(Collector *c, FileInfo *info, const char *line) {
        static const char *const directories[] = { "/usr/bin", "/usr/sbin", "/bin", "/sbin" };
        _cleanup_strv_free_ char **words = NULL;
        int r;

        r = strv_split(&words, line, " \t");
        if (r < 0)
                return r;
        if (!words[0] || words[0][0] != '/')
                return 0;
        r = add_need(info, words[0], NULL);
        if (r < 0 || !words[1] || !streq(path_basename(words[0]), "env") || words[1][0] == '-')
                return r;
        for (size_t i = 0; i < ELEMENTSOF(directories); i++) {
                _cleanup_free_ char *path = path_join(directories[i], words[1]);

                if (!path)
                        return -ENOMEM;
                r = source_exists(c->source, info->trace, path);
                if (r != 0)
                        return r < 0 ? r : add_need(info, path, NULL);
        }
        return str_printf(&info->missing, "The script needs %s, which is not there", words[1]);
}

/* What the content of a file says of what the file needs. Nothing else of it is looked at here, so two
 * files of which this is the same, at the same path of the same root, need the same. */
typedef struct Needs {
        Elf *elf; /* or NULL */
        char *line; /* of a script, behind "#!"; or NULL */
        uint64_t hash; /* of all of the above */
} Needs;

static void needs_done(Needs *needs) {
        elf_free(needs->elf);
        free(needs->line);
}

/* NULL is told from "", and where a list ends from what is in it. */
static void write_string(FILE *f, const char *s) {
        fputc(s ? '+' : '-', f);
        fwrite(s ?: "", 1, s ? strlen(s) + 1 : 0, f);
}

static void write_strings(FILE *f, char *const *l) {
        STRV_FOREACH(s, l)
                write_string(f, *s);
        write_string(f, NULL);
}

/* Every field of it: which of them matter is the business of who looks for libraries. */
static void write_elf(FILE *f, const Elf *elf) {
        fprintf(f, "%u %u %u %d %d %d ", elf->class, elf->machine, elf->type, elf->little_endian,
                elf->rpath, elf->dlopen_damaged);
        write_string(f, elf->interpreter);
        write_string(f, elf->soname);
        write_strings(f, elf->needed);
        write_strings(f, elf->runpath);
        for (size_t i = 0; i < elf->n_dlopen; i++) {
                fprintf(f, "%d ", (int) elf->dlopen[i].priority);
                write_string(f, elf->dlopen[i].feature);
                write_strings(f, elf->dlopen[i].sonames);
        }
}

static int needs_hash(Needs *needs) {
        _cleanup_free_ char *text = NULL;
        size_t size;
        FILE *f;

        f = open_memstream(&text, &size);
        if (!f)
                return -ENOMEM;
        fputs(needs->elf ? "ELF " : needs->line ? "script " : "data", f);
        if (needs->elf)
                write_elf(f, needs->elf);
        else if (needs->line)
                write_string(f, needs->line);
        if (fclose(f) != 0)
                return -ENOMEM;
        needs->hash = XXH3_64bits(text, size);
        return 0;
}

/* -EBADMSG of a broken ELF file. */
static int needs_parse(Needs *needs, const char *data, size_t size) {
        int r;

        if (size > 4 && memcmp(data, "\177ELF", 4) == 0) {
                r = elf_parse(data, size, &needs->elf);
                if (r < 0)
                        return r;
        } else if (size > 2 && memcmp(data, "#!", 2) == 0) {
                needs->line = strndup(data + 2, MIN_OF(size - 2, (size_t) 255));
                if (!needs->line)
                        return -ENOMEM;
                needs->line[strcspn(needs->line, "\n\r")] = '\0';
        }
        return needs_hash(needs);
}

/* Read, not mapped: a file that is cut short meanwhile must not end the program. -ESTALE then. */
static int read_whole(int fd, const struct stat *st, char **ret) {
        _cleanup_free_ char *data = NULL;
        size_t size;
        int r;

        r = fd_read_all(fd, 0, &data, &size);
        if (r < 0)
                return r;
        if (size != (size_t) st->st_size)
                return -ESTALE;
        *ret = TAKE_PTR(data);
        return 0;
}

static int inspect(Collector *c, FileInfo *info, const char *canonical) {
        _cleanup_(needs_done) Needs needs = {};
        _cleanup_close_ int fd = -EBADF;
        _cleanup_free_ char *data = NULL;
        struct stat st;
        int r, parsed;

        fd = source_open(c->source, info->trace, canonical, &st);
        if (fd < 0)
                return fd;
        info->size = (uint64_t) st.st_size;
        info->mode = st.st_mode & 07777;
        /* In the image root owns everything: what another owner meant by these bits is lost. */
        if (st.st_uid != 0)
                info->mode &= ~(mode_t) S_ISUID;
        if (st.st_gid != 0)
                info->mode &= ~(mode_t) S_ISGID;

        r = read_whole(fd, &st, &data);
        if (r < 0)
                return r;
        if (!c->known || !trace_get_hash(c->known, canonical, &st, &info->hash))
                info->hash = XXH3_128bits(data, info->size);
        parsed = needs_parse(&needs, data, info->size);
        if (parsed < 0 && parsed != -EBADMSG)
                return parsed;
        r = parsed < 0 ? trace_set_hash(info->trace, canonical, info->hash)
                       : trace_set_needs(info->trace, canonical, info->hash, needs.hash);
        if (r < 0)
                return r;
        if (parsed < 0)
                return str_printf(&info->missing, "%s is a broken ELF file; reinstall its package",
                                  canonical);
        if (needs.elf)
                return inspect_elf(c, info, needs.elf, canonical);
        return needs.line ? inspect_script(c, info, needs.line) : 0;
}

/* A file that changed, as it is now; read once, however many modules had it. */
typedef struct Again {
        struct stat st;
        XXH128_hash_t hash;
        uint64_t needs;
        bool good;
} Again;

/* 1, or 0 when only collecting it anew tells what there is to say. */
static int look_again(Collector *c, const char *canonical, Again *again) {
        _cleanup_(needs_done) Needs needs = {};
        _cleanup_close_ int fd = -EBADF;
        _cleanup_free_ char *data = NULL;
        int r;

        fd = source_open_canonical(c->source, canonical);
        if (fd < 0 || fstat(fd, &again->st) < 0 || !S_ISREG(again->st.st_mode))
                return fd == -ENOMEM ? fd : 0;
        r = read_whole(fd, &again->st, &data);
        if (r >= 0)
                r = needs_parse(&needs, data, (size_t) again->st.st_size);
        if (r < 0)
                return r == -ENOMEM ? r : 0;
        again->hash = XXH3_128bits(data, (size_t) again->st.st_size);
        again->needs = needs.hash;
        again->good = true;
        return 1;
}

int collector_needs(Collector *c, const char *canonical, struct stat *ret_stat,
                    XXH128_hash_t *ret_hash, uint64_t *ret_needs) {
        Again *again = strmap_get(&c->again, canonical);
        int r;

        if (!again) {
                again = calloc(1, sizeof(Again));
                if (!again)
                        return -ENOMEM;
                r = look_again(c, canonical, again);
                if (r >= 0)
                        r = strmap_put(&c->again, canonical, again);
                if (r < 0) {
                        free(again);
                        return r;
                }
        }
        if (!again->good)
                return 0;
        *ret_stat = again->st;
        *ret_hash = again->hash;
        *ret_needs = again->needs;
        return 1;
}

/* What is missing below a file is missing of the file. A circle of libraries ends at the one that
 * is being looked at: it is in the map already. */
static int inspect_needs(Collector *c, FileInfo *info, const char *canonical) {
        for (size_t i = 0; i < info->n_needs && !info->missing; i++) {
                _cleanup_free_ char *path = NULL;
                FileInfo *need;
                struct stat st;
                int r;

                r = source_resolve(c->source, info->trace, info->needs[i].path, &path, &st, NULL);
                if (is_missing(r)) {
                        r = str_printf(&info->missing, "%s needs %s, which is not there",
                                       canonical, info->needs[i].path);
                        return r;
                }
                if (r < 0)
                        return r;
                if (!S_ISREG(st.st_mode))
                        continue;
                r = collector_file_info(c, path, &need);
                /* That is said of it, not of this file, when it is collected. */
                if (r == -EACCES)
                        continue;
                if (r < 0)
                        return r;
                if (!need->missing && need->error == 0)
                        continue;
                /* Where it was looked for is nobody else's to tell: what is needed never gets into
                 * a manifest. */
                r = trace_merge(info->trace, need->trace);
                if (r < 0 || need->error < 0)
                        return r < 0 ? r : need->error;
                info->missing = strdup(need->missing);
                if (!info->missing)
                        return -ENOMEM;
        }
        return 0;
}

int collector_file_info(Collector *c, const char *canonical, FileInfo **ret) {
        FileInfo *info;
        int r;

        info = strmap_get(&c->files, canonical);
        if (info) {
                *ret = info;
                return 0;
        }

        info = calloc(1, sizeof(FileInfo));
        if (!info)
                return -ENOMEM;
        r = trace_new(&info->trace);
        if (r >= 0)
                r = inspect(c, info, canonical);
        if (r >= 0)
                r = strmap_put(&c->files, canonical, info);
        if (r < 0) {
                file_info_free(info);
                return r;
        }
        info->error = inspect_needs(c, info, canonical);
        if (info->error == -ENOMEM)
                return -ENOMEM;
        *ret = info;
        return 0;
}
