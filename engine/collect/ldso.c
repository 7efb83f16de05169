/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * A library is looked for in a row of places: the directories of DT_RPATH or DT_RUNPATH, then
 * those that are configured (ld.so.conf, through the cache), then those that are built into the
 * loader (ldso-loader.c has how these are known). In each place glibc looks in the directories of
 * glibc-hwcaps/ that suit the CPU first. The first file that is there, of this class and machine,
 * is taken. Here the CPU is not known, so all variants are, up to the first place that has a
 * plain file: further than this no CPU comes.
 *
 * A process has only one library of a name, so one that only the program's DT_RUNPATH finds is
 * there for all its libraries: libsystemd-core needs libsystemd-shared, both are in a directory of
 * their own, and only the program tells where. So what a library needs and is nowhere else is
 * looked for beside it.
 *
 * Which places there are depends on the loader of the file that asks, and on its runpath; that,
 * the kind and the name make a question, and its answer is kept together with a trace of its own.
 * The trace is merged into that of each call, so an answer from memory says as much about what it
 * rests on as the first one did. ldso-directory.c sees to it that this is little.
 *
 * What is not done here:
 * - DT_RPATH is inherited by the libraries of a program: who follows them knows by whom they are
 *   loaded, and only one answer for each file is asked for here. Distributions use DT_RUNPATH.
 * - The older hwcaps (tls/, haswell/, i686/…): gone from glibc with 2.37, and a library that has
 *   no plain file beside such a variant runs on one machine only.
 * - $ORIGIN is the directory of the canonical path, as it is for programs; for a library behind a
 *   link glibc takes the link's.
 */

#include <ctype.h>

#include "collect/ldso.h"
#include "collect/ldso-directory.h"
#include "collect/ldso-loader.h"
#include "collect/ldso-places.h"
#include "path-util.h"
#include "source/trace.h"
#include "string-util.h"
#include "strmap.h"

/* A question that was answered. */
typedef struct Answer {
        LdsoFound *found;
        size_t n, allocated;
        Trace *trace;
} Answer;

struct Ldso {
        Source *source;
        LdsoDirectories directories;
        Strmap places; /* kind and interpreter → LdsoPlaces */
        Strmap answers; /* question → Answer */
        Strmap kinds; /* canonical path of a file → its kind, packed; 0: no ELF */
        bool native_known, native_any;
        LdsoKind native;
};

/* Who asks: what a file must be, and what names are expanded with. */
typedef struct Asker {
        LdsoKind kind;
        bool any; /* of any kind */
        const LdsoPlaces *places;
        char *origin; /* or NULL */
        char **runpath; /* expanded */
        LdsoPlace *row; /* of these and of `places`; the paths are borrowed */
        size_t n_row;
        LdsoPlace beside; /* of a library: its own directory; the path is borrowed */
} Asker;

void ldso_found_done(LdsoFound *found) {
        free(found->path);
        free(found->builtin);
        *found = (LdsoFound) {};
}

static void answer_free(void *p) {
        Answer *answer = p;

        for (size_t i = 0; i < answer->n; i++)
                ldso_found_done(&answer->found[i]);
        free(answer->found);
        trace_free(answer->trace);
        free(answer);
}

static void answer_freep(Answer **answer) {
        if (*answer)
                answer_free(*answer);
}

static void asker_done(Asker *asker) {
        free(asker->origin);
        free(asker->row);
        strv_free(asker->runpath);
}

int ldso_new(Ldso **ret, Source *source) {
        Ldso *ldso = malloc(sizeof(Ldso));

        if (!ldso)
                return -ENOMEM;
        *ldso = (Ldso) {
                .source = source,
                .places = STRMAP_INIT(ldso_places_free),
                .answers = STRMAP_INIT(answer_free),
                .kinds = STRMAP_INIT(NULL),
        };
        ldso_directories_init(&ldso->directories, source);
        *ret = ldso;
        return 0;
}

Ldso *ldso_free(Ldso *ldso) {
        if (!ldso)
                return NULL;
        strmap_done(&ldso->answers);
        strmap_done(&ldso->places);
        strmap_done(&ldso->kinds);
        ldso_directories_done(&ldso->directories);
        free(ldso);
        return NULL;
}

/* Whether a file is linked with musl: only that tells of a library. */
static bool wants_musl(const Elf *elf) {
        STRV_FOREACH(name, elf->needed)
                if (startswith(*name, "libc.musl-") || streq(*name, "libc.so"))
                        return true;
        return false;
}

static int get_places(Ldso *ldso, const LdsoKind *kind, const Elf *from, const LdsoPlaces **ret) {
        const char *interpreter = from ? from->interpreter : NULL;
        bool musl = from && !interpreter && wants_musl(from);
        _cleanup_(ldso_places_freep) LdsoPlaces *new = NULL;
        _cleanup_free_ char *key = NULL;
        int r;

        r = str_printf(&key, "%u %u %d %d %s", kind->class, kind->machine, kind->little_endian,
                       musl, interpreter ?: "");
        if (r < 0)
                return r;
        *ret = strmap_get(&ldso->places, key);
        if (*ret)
                return 0;
        r = ldso_places_new(&new, &ldso->directories, kind, interpreter, musl);
        if (r >= 0)
                r = strmap_put(&ldso->places, key, new);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(new);
        return 0;
}

static bool is_name_byte(char c) {
        return isalnum((unsigned char) c) || c == '_';
}

/* Fills in $ORIGIN, $LIB and $PLATFORM, also as ${…}. 1, or 0 when it can't be told what it is. */
static int expand(const Asker *asker, const char *s, char **ret) {
        const struct {
                const char *name, *value;
        } tokens[] = {
                { "ORIGIN", asker->origin },
                { "LIB", asker->places->loader->lib },
                { "PLATFORM", asker->places->loader->platform },
        };
        _cleanup_free_ char *result = strdup("");

        while (result && *s) {
                size_t n = strcspn(s + 1, "$") + 1; /* up to the next one */
                const char *value = NULL;
                char *longer;
                int r;

                for (size_t i = 0; *s == '$' && i < ELEMENTSOF(tokens); i++) {
                        bool brace = s[1] == '{';
                        const char *rest = startswith(s + 1 + brace, tokens[i].name);

                        if (!rest || (brace ? *rest != '}' : is_name_byte(*rest)))
                                continue;
                        value = tokens[i].value;
                        if (!value)
                                return 0;
                        n = (size_t) (rest + brace - s);
                        break;
                }
                r = str_printf(&longer, "%s%.*s", result, value ? (int) strlen(value) : (int) n,
                               value ?: s);
                if (r < 0)
                        return r;
                free(result);
                result = longer;
                s += n;
        }
        if (!result)
                return -ENOMEM;
        *ret = TAKE_PTR(result);
        return 1;
}

/* The runpath's directories, then those of all. */
static int asker_set_row(Asker *asker, const Elf *from) {
        size_t n = 0;

        STRV_FOREACH(directory, from ? from->runpath : NULL) {
                char *expanded;
                int r;

                r = expand(asker, *directory, &expanded);
                if (r > 0 && *expanded != '/') /* from where the program happens to run */
                        free(expanded);
                else if (r > 0)
                        r = strv_consume(&asker->runpath, expanded);
                if (r < 0)
                        return r;
        }
        asker->row = calloc(strv_length(asker->runpath) + asker->places->n + 1, sizeof(LdsoPlace));
        if (!asker->row)
                return -ENOMEM;
        STRV_FOREACH(directory, asker->runpath)
                asker->row[n++] = (LdsoPlace) { .path = *directory, .builtin = true };
        for (size_t i = 0; i < asker->places->n; i++)
                asker->row[n++] = asker->places->places[i];
        asker->n_row = n;
        return 0;
}

static int asker_init(Ldso *ldso, Asker *asker, const Elf *from, const char *from_path) {
        int r;

        if (from)
                asker->kind = (LdsoKind) { from->class, from->machine, from->little_endian };
        else {
                if (!ldso->native_known)
                        ldso->native_any = !ldso_native_kind(ldso->source, &ldso->native);
                ldso->native_known = true;
                asker->kind = ldso->native;
                asker->any = ldso->native_any;
        }
        r = get_places(ldso, &asker->kind, from, &asker->places);
        if (r < 0)
                return r;
        if (from && from_path) {
                asker->origin = path_dirname(from_path);
                if (!asker->origin)
                        return -ENOMEM;
        }
        if (from && !from->interpreter && asker->origin)
                asker->beside = (LdsoPlace) { .path = asker->origin, .builtin = true };
        return asker_set_row(asker, from);
}

/* Whether the file is of the kind that the asker can load. */
static int kind_fits(Ldso *ldso, const Asker *asker, const char *canonical) {
        uintptr_t packed;
        int r;

        packed = (uintptr_t) strmap_get(&ldso->kinds, canonical);
        if (packed == 0 && !strmap_contains(&ldso->kinds, canonical)) {
                LdsoKind kind;

                r = ldso_kind_of(ldso->source, canonical, &kind);
                /* It is there, and who may not read it is told so when it is taken. */
                if (r == -EACCES)
                        return 1;
                if (r > 0)
                        packed = (uintptr_t) kind.machine << 8 | kind.class << 1 |
                                 kind.little_endian;
                r = strmap_put(&ldso->kinds, canonical, (void *) packed);
                if (r < 0)
                        return r;
        }
        if (asker->any)
                return packed != 0;
        return packed == ((uintptr_t) asker->kind.machine << 8 | asker->kind.class << 1 |
                          asker->kind.little_endian);
}

static int add_found(Answer *answer, const char *path, const char *builtin) {
        LdsoFound *found;

        if (!GREEDY_REALLOC(answer->found, answer->allocated, answer->n + 1))
                return -ENOMEM;
        found = &answer->found[answer->n];
        *found = (LdsoFound) {
                .path = strdup(path),
                .builtin = builtin ? strdup(builtin) : NULL,
        };
        if (!found->path || (builtin && !found->builtin)) {
                ldso_found_done(found);
                return -ENOMEM;
        }
        answer->n++;
        return 0;
}

/* 1 when `path` is a file that fits, which is added; 0 when not. */
static int try_path(Ldso *ldso, const Asker *asker, Answer *answer, const char *path,
                    const char *builtin) {
        _cleanup_free_ char *canonical = NULL;
        struct stat st;
        int r;

        r = source_resolve(ldso->source, answer->trace, path, &canonical, &st, NULL);
        if (r == -ENOENT || r == -ENOTDIR || r == -ELOOP || r == -ENAMETOOLONG)
                return 0;
        if (r < 0)
                return r;
        if (!S_ISREG(st.st_mode))
                return 0;
        r = kind_fits(ldso, asker, canonical);
        if (r <= 0)
                return r;
        r = add_found(answer, path, builtin);
        return r < 0 ? r : 1;
}

static int try_directory(Ldso *ldso, const Asker *asker, Answer *answer, const char *directory,
                         const char *name, const char *builtin) {
        _cleanup_free_ char *path = NULL;
        const LdsoDirectory *d;
        int r;

        r = ldso_directories_get(&ldso->directories, answer->trace, directory, &d);
        if (r >= 0)
                r = ldso_directory_has(d, answer->trace, name);
        if (r <= 0)
                return r;
        path = path_join(directory, name);
        return path ? try_path(ldso, asker, answer, path, builtin) : -ENOMEM;
}

/* A place, with its variants. 1 when it has the plain file. */
static int try_place(Ldso *ldso, const Asker *asker, Answer *answer, const LdsoPlace *place,
                     const char *name) {
        const char *builtin = place->builtin ? NULL : asker->places->builtin;
        const LdsoDirectory *d;
        int r;

        r = ldso_directories_get(&ldso->directories, answer->trace, place->path, &d);
        if (r < 0)
                return r;
        if (!asker->places->loader->musl)
                STRV_FOREACH(variant, d->variants) {
                        _cleanup_free_ char *link = NULL, *directory = NULL;
                        const char *rest = *variant + strlen(d->canonical);

                        link = builtin ? path_join(builtin, rest) : NULL;
                        directory = path_join(place->path, rest);
                        if (!directory || (builtin && !link))
                                return -ENOMEM;
                        r = try_directory(ldso, asker, answer, directory, name, link);
                        if (r < 0)
                                return r;
                }
        return try_directory(ldso, asker, answer, place->path, name, builtin);
}

/* The libraries that musl's loader is itself, by whatever name it is asked for them. */
static bool is_musl_itself(const char *name) {
        static const char *const parts[] = {
                "c.", "pthread.", "rt.", "m.", "dl.", "util.", "xnet."
        };
        const char *rest = startswith(name, "lib");

        for (size_t i = 0; rest && i < ELEMENTSOF(parts); i++)
                if (startswith(rest, parts[i]))
                        return true;
        return false;
}

static int find_name(Ldso *ldso, const Asker *asker, Answer *answer, const char *name) {
        const LdsoLoader *loader = asker->places->loader;

        if (loader->musl && is_musl_itself(name)) {
                int r = try_path(ldso, asker, answer, loader->path, NULL);

                return r < 0 ? r : 0;
        }
        for (size_t i = 0; i < asker->n_row; i++) {
                int r;

                r = try_place(ldso, asker, answer, &asker->row[i], name);
                if (r != 0)
                        return r < 0 ? r : 0;
        }
        if (answer->n == 0 && asker->beside.path) {
                int r = try_place(ldso, asker, answer, &asker->beside, name);

                return r < 0 ? r : 0;
        }
        return 0;
}

/* All names in all places first; then each is looked for as if it had been asked for. */
static int find_glob(Ldso *ldso, const Asker *asker, Answer *answer, const char *pattern) {
        _cleanup_strv_free_ char **names = NULL;
        int r;

        for (size_t i = 0; i < asker->n_row; i++) {
                const LdsoDirectory *d;

                r = ldso_directories_get(&ldso->directories, answer->trace, asker->row[i].path,
                                         &d);
                if (r >= 0)
                        r = ldso_directory_match(d, ldso->source, answer->trace, pattern, &names);
                if (r < 0)
                        return r;
        }
        if (names)
                strv_sort(names);
        STRV_FOREACH(name, names) {
                r = find_name(ldso, asker, answer, *name);
                if (r < 0)
                        return r;
        }
        return 0;
}

/* A name with a slash is a path, and dlopen() expands it too. A relative one would mean the
 * directory in which the program happens to run: nothing is found then. */
static int find_path(Ldso *ldso, const Asker *asker, Answer *answer, const char *name, bool glob) {
        _cleanup_free_ char *path = NULL;
        _cleanup_strv_free_ char **paths = NULL;
        int r;

        r = expand(asker, name, &path);
        if (r <= 0)
                return r;
        if (*path != '/')
                return 0;
        r = glob ? source_glob(ldso->source, answer->trace, path, &paths)
                 : strv_extend(&paths, path);
        if (r < 0)
                return r;
        STRV_FOREACH(p, paths) {
                r = try_path(ldso, asker, answer, *p, NULL);
                if (r < 0)
                        return r;
        }
        return 0;
}

static int find(Ldso *ldso, const Asker *asker, const char *name, bool glob, Answer **ret) {
        _cleanup_(answer_freep) Answer *answer = NULL;
        int r;

        answer = calloc(1, sizeof(Answer));
        if (!answer)
                return -ENOMEM;
        r = trace_new(&answer->trace);
        if (r >= 0)
                r = trace_merge(answer->trace, asker->places->trace);
        if (r < 0)
                return r;
        if (strchr(name, '/'))
                r = find_path(ldso, asker, answer, name, glob);
        else if (glob)
                r = find_glob(ldso, asker, answer, name);
        else
                r = find_name(ldso, asker, answer, name);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(answer);
        return 0;
}

/* What was found, or the error, for good: the question is the key. */
static int get_answer(Ldso *ldso, const Asker *asker, const char *name, bool glob,
                      const Answer **ret) {
        _cleanup_(answer_freep) Answer *new = NULL;
        _cleanup_free_ char *key = NULL, *runpath = NULL;
        const char *origin;
        int r;

        runpath = strv_join(asker->runpath, ":");
        if (!runpath)
                return -ENOMEM;
        origin = strchr(name, '/') ? asker->origin : asker->beside.path;
        r = str_printf(&key, "%p %d %s\n%s\n%s", (const void *) asker->places, glob, name, runpath,
                       origin ?: "");
        if (r < 0)
                return r;
        *ret = strmap_get(&ldso->answers, key);
        if (*ret)
                return 0;
        r = find(ldso, asker, name, glob, &new);
        if (r >= 0)
                r = strmap_put(&ldso->answers, key, new);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(new);
        return 0;
}

static void found_free_array(LdsoFound *found, size_t n) {
        for (size_t i = 0; i < n; i++)
                ldso_found_done(&found[i]);
        free(found);
}

int ldso_find(Ldso *ldso, Trace *trace, const char *soname, bool glob, const Elf *from,
              const char *from_path, LdsoFound **ret, size_t *ret_n) {
        _cleanup_(asker_done) Asker asker = {};
        const Answer *answer;
        LdsoFound *found;
        int r;

        r = asker_init(ldso, &asker, from, from_path);
        if (r >= 0)
                r = get_answer(ldso, &asker, soname, glob && strpbrk(soname, "*?["), &answer);
        if (r >= 0 && trace)
                r = trace_merge(trace, answer->trace);
        if (r < 0)
                return r;

        found = calloc(answer->n + 1, sizeof(LdsoFound));
        if (!found)
                return -ENOMEM;
        for (size_t i = 0; i < answer->n; i++) {
                const LdsoFound *a = &answer->found[i];

                found[i] = (LdsoFound) {
                        .path = strdup(a->path),
                        .builtin = a->builtin ? strdup(a->builtin) : NULL,
                };
                if (!found[i].path || (a->builtin && !found[i].builtin)) {
                        found_free_array(found, i + 1);
                        return -ENOMEM;
                }
        }
        *ret = found;
        *ret_n = answer->n;
        return 0;
}
