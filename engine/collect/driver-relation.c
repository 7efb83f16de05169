/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * depmod writes what drivers say of themselves (MODULE_SOFTDEP, MODULE_WEAKDEP) into the kernel's
 * modules.softdep and modules.weakdep; an administrator or a distribution says more of it in
 * modprobe.d. Both are the same kind of lines:
 *
 *   softdep NAME pre: A B post: C      weakdep NAME A B
 *   alias PATTERN NAME                 blacklist NAME
 *
 * libkmod would read them too, but the weak ones only since version 33, the administrator's only
 * by a path outside of the Source, and none of them into a trace. Of several softdep lines for a
 * driver modprobe takes the first; here all of them count, since a driver that is there and isn't
 * loaded does no harm.
 *
 * Of modprobe.d a name in /etc hides the same in /run, that the one in /usr/local/lib, and so on.
 */

#include "collect/driver-name.h"
#include "collect/driver-relation.h"
#include "path-util.h"
#include "source/trace.h"
#include "string-util.h"

void driver_relation_free(void *p) {
        DriverRelation *relation = p;

        if (!relation)
                return;
        strv_free(relation->soft);
        strv_free(relation->weak);
        free(relation);
}

void driver_relations_done(DriverRelations *relations) {
        strmap_done(&relations->by_name);
        for (size_t i = 0; i < relations->n_aliases; i++) {
                free(relations->aliases[i].pattern);
                free(relations->aliases[i].target);
        }
        free(relations->aliases);
        *relations = DRIVER_RELATIONS_INIT;
}

const DriverRelation *driver_relations_get(const DriverRelations *relations, const char *name) {
        return strmap_get(&relations->by_name, name);
}

/* The relation of the driver `name`, which need not be normalized; made when there is none. */
static int obtain(DriverRelations *relations, const char *name, DriverRelation **ret) {
        char normalized[DRIVER_NAME_MAX];
        DriverRelation *relation;
        int r;

        r = driver_name_normalize(name, normalized);
        if (r < 0)
                return r;
        relation = strmap_get(&relations->by_name, normalized);
        if (!relation) {
                relation = calloc(1, sizeof(DriverRelation));
                if (!relation)
                        return -ENOMEM;
                r = strmap_put(&relations->by_name, normalized, relation);
                if (r < 0) {
                        free(relation);
                        return r;
                }
        }
        *ret = relation;
        return 0;
}

int driver_relations_add(DriverRelations *relations, const char *name, const char *value,
                         bool weak) {
        _cleanup_strv_free_ char **words = NULL;
        DriverRelation *relation;
        bool counts = weak; /* what stands before "pre:" or "post:" means nothing */
        int r;

        r = strv_split(&words, value, " \t,");
        if (r < 0)
                return r;
        r = obtain(relations, name, &relation);
        if (r < 0)
                return r == -EINVAL ? 0 : r;
        STRV_FOREACH(word, words) {
                if (!weak && (streq(*word, "pre:") || streq(*word, "post:"))) {
                        counts = true;
                        continue;
                }
                if (!counts)
                        continue;
                r = strv_extend_unique(weak ? &relation->weak : &relation->soft, *word);
                if (r < 0)
                        return r;
        }
        return 0;
}

static int add_alias(DriverRelations *relations, const char *pattern, const char *target) {
        DriverAlias alias;
        int r;

        if (!GREEDY_REALLOC(relations->aliases, relations->allocated_aliases,
                            relations->n_aliases + 1))
                return -ENOMEM;
        alias = (DriverAlias) { strdup(pattern), strdup(target) };
        r = alias.pattern && alias.target ? driver_alias_normalize(alias.pattern) : -ENOMEM;
        if (r < 0) {
                free(alias.pattern);
                free(alias.target);
                return r == -EINVAL ? 0 : r;
        }
        relations->aliases[relations->n_aliases++] = alias;
        return 0;
}

/* A whole line, of which the continuations were joined; is changed. */
static int parse_line(DriverRelations *relations, char *line) {
        DriverRelation *relation;
        char *command, *name, *rest;
        int r;

        command = strtok_r(line, " \t", &rest);
        if (!command || *command == '#')
                return 0;
        name = strtok_r(NULL, " \t", &rest);
        if (!name)
                return 0;

        if (streq(command, "softdep") || streq(command, "weakdep"))
                return driver_relations_add(relations, name, rest ?: "", *command == 'w');
        if (streq(command, "alias")) {
                char *target = strtok_r(NULL, " \t", &rest);

                return target ? add_alias(relations, name, target) : 0;
        }
        if (streq(command, "blacklist")) {
                r = obtain(relations, name, &relation);
                if (r < 0)
                        return r == -EINVAL ? 0 : r;
                relation->blacklisted = true;
        }
        return 0;
}

int driver_relations_parse(DriverRelations *relations, const char *text) {
        _cleanup_free_ char *copy = strdup(text);
        char *p;
        int r;

        if (!copy)
                return -ENOMEM;
        for (char *q = copy; (q = strstr(q, "\\\n"));)
                memset(q, ' ', 2);
        for (p = copy; *p;) {
                char *end = p + strcspn(p, "\n");
                bool last = !*end;

                *end = '\0';
                r = parse_line(relations, p);
                if (r < 0)
                        return r;
                if (last)
                        break;
                p = end + 1;
        }
        return 0;
}

/* 1 when it was read, 0 when there is none. */
static int read_file(DriverRelations *relations, Source *source, Trace *trace,
                     const char *directory, const char *name) {
        _cleanup_free_ char *path = path_join(directory, name), *text = NULL;
        int r;

        if (!path)
                return -ENOMEM;
        r = source_read(source, trace, path, &text, NULL);
        if (r == -ENOENT || r == -EISDIR || r == -ENXIO)
                return 0;
        if (r >= 0)
                r = driver_relations_parse(relations, text);
        return r < 0 ? r : 1;
}

typedef struct ConfigFile {
        const char *directory;
        char *name;
} ConfigFile;

static int compare_names(const void *a, const void *b) {
        return strcmp(((const ConfigFile *) a)->name, ((const ConfigFile *) b)->name);
}

static int read_modprobe_d(DriverRelations *relations, Source *source, Trace *trace) {
        static const char *const directories[] = {
                "/etc/modprobe.d",     "/run/modprobe.d", "/usr/local/lib/modprobe.d",
                "/usr/lib/modprobe.d", "/lib/modprobe.d",
        };
        char **lists[ELEMENTSOF(directories)] = {};
        _cleanup_free_ ConfigFile *files = NULL;
        _cleanup_strmap_ Strmap seen = STRMAP_INIT(NULL);
        size_t n = 0, allocated = 0;
        int r = 0;

        for (size_t i = 0; i < ELEMENTSOF(directories) && r >= 0; i++) {
                r = source_list(source, trace, directories[i], "*.conf", &lists[i]);
                if (r == -ENOENT || r == -ENOTDIR)
                        r = 0;
                for (char **name = lists[i]; r >= 0 && name && *name; name++) {
                        r = strmap_put(&seen, *name, NULL);
                        if (r == -EEXIST) { /* hidden by one that comes before */
                                r = 0;
                                continue;
                        }
                        if (r >= 0 && !GREEDY_REALLOC(files, allocated, n + 1))
                                r = -ENOMEM;
                        if (r >= 0)
                                files[n++] = (ConfigFile) { directories[i], *name };
                }
        }
        if (r >= 0 && n > 0)
                qsort(files, n, sizeof(ConfigFile), compare_names);
        for (size_t i = 0; i < n && r >= 0; i++)
                r = read_file(relations, source, trace, files[i].directory, files[i].name);
        for (size_t i = 0; i < ELEMENTSOF(directories); i++)
                strv_free(lists[i]);
        return r < 0 ? r : 0;
}

int driver_relations_read(DriverRelations *relations, Source *source, Trace *trace,
                          const Kernel *kernel) {
        int r;

        r = read_file(relations, source, trace, kernel->directory, "modules.softdep");
        if (r < 0)
                return r;
        relations->soft_indexed = r > 0;
        r = read_file(relations, source, trace, kernel->directory, "modules.weakdep");
        if (r < 0)
                return r;
        relations->weak_indexed = r > 0;
        return read_modprobe_d(relations, source, trace);
}
