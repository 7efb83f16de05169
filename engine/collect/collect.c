/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * A path of the root becomes an entry at the same place in the image, and each symbolic link on
 * the way there becomes an entry too: the image is a subset of the root, with the root's own
 * layout (merged /usr or not), and what was found by a name is found by that name again.
 *
 * A module is collected as if it were alone: what it shares with another is decided later, when
 * fragments are made. So its Collection depends on nothing but itself, and can be kept.
 */

#include <stdio.h>

#include "collect/collect-internal.h"
#include "path-util.h"
#include "string-util.h"

static void free_info(void *info) {
        file_info_free(info);
}

int collector_new(Collector **ret, Source *source, Report *report, const Kernel *kernel,
                  const Profile *profile, const Facts *facts) {
        _cleanup_(collector_freep) Collector *c = NULL;
        int r;

        c = malloc(sizeof(Collector));
        if (!c)
                return -ENOMEM;
        *c = (Collector) {
                .source = source,
                .report = report,
                .kernel = kernel,
                .profile = profile,
                .facts = facts,
                .files = STRMAP_INIT(free_info),
                .again = STRMAP_INIT(free),
        };
        r = ldso_new(&c->ldso, source);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(c);
        return 0;
}

Collector *collector_free(Collector *c) {
        if (!c)
                return NULL;
        strmap_done(&c->files);
        strmap_done(&c->again);
        ldso_free(c->ldso);
        drivers_free(c->drivers);
        free(c);
        return NULL;
}

void collector_set_known(Collector *c, Trace *known) {
        c->known = known;
}

int collector_drivers(Collector *c, Drivers **ret) {
        int r;

        if (!c->drivers) {
                r = drivers_new(&c->drivers, c->source, c->report, c->kernel, c->profile,
                                c->facts);
                if (r < 0)
                        return r;
        }
        *ret = c->drivers;
        return 0;
}

void set_missing(char **ret_missing, const char *format, ...) {
        va_list ap;

        if (!ret_missing || *ret_missing)
                return;
        va_start(ap, format);
        if (vasprintf(ret_missing, format, ap) < 0)
                *ret_missing = NULL;
        va_end(ap);
}

int collect_parents(Collector *c, Collection *out, const char *canonical) {
        _cleanup_free_ char *parent = NULL;
        const Entry *there;
        struct stat st;
        int r;

        parent = path_dirname(canonical);
        if (!parent)
                return -ENOMEM;
        there = manifest_get(out->manifest, parent);
        if (there && there->type != ENTRY_DIRECTORY)
                return -EEXIST;
        if (there || streq(parent, "/"))
                return 0;
        r = collect_parents(c, out, parent);
        if (r < 0)
                return r;
        r = source_resolve(c->source, out->trace, parent, NULL, &st, NULL);
        if (r < 0 && !is_missing(r))
                return r;
        r = manifest_add_directory(out->manifest, parent,
                                   r >= 0 && S_ISDIR(st.st_mode) ? st.st_mode & 07777 : 0755,
                                   canonical);
        return r < 0 ? r : 0;
}

static int add_links(Collector *c, Collection *out, const SourceLinks *links, const char *why) {
        int r;

        for (size_t i = 0; i < links->n; i++) {
                r = collect_parents(c, out, links->links[i].path);
                if (r >= 0)
                        r = manifest_add_symlink(out->manifest, links->links[i].path,
                                                 links->links[i].target, why);
                if (r < 0)
                        return r;
        }
        return 0;
}

int collect_image_path(Collector *c, Collection *out, const char *path, char **ret) {
        _cleanup_free_ char *exists = NULL, *rest = NULL, *canonical = NULL;
        SourceLinks links = {};
        int r;

        exists = strdup(path);
        rest = strdup("");
        if (!exists || !rest)
                return -ENOMEM;
        path_simplify(exists);
        for (;;) {
                _cleanup_free_ char *up = NULL, *longer = NULL;

                up = path_dirname(exists);
                longer = !up     ? NULL
                         : *rest ? path_join(path_basename(exists), rest)
                                 : strdup(path_basename(exists));
                if (!longer)
                        return -ENOMEM;
                free(rest);
                rest = TAKE_PTR(longer);
                r = source_resolve(c->source, out->trace, up, &canonical, NULL, &links);
                if (r >= 0)
                        break;
                source_links_done(&links);
                if (!is_missing(r) || streq(up, "/"))
                        return r;
                free(exists);
                exists = TAKE_PTR(up);
        }
        r = add_links(c, out, &links, path);
        source_links_done(&links);
        if (r < 0)
                return r;
        *ret = path_join(canonical, rest);
        return *ret ? 0 : -ENOMEM;
}

int collect_lines(Collector *c, Collection *out, const char *path, char *const *lines,
                  const char *why) {
        _cleanup_free_ char *joined = NULL, *place = NULL;
        char *text;
        int r;

        if (!lines)
                return 0;
        joined = strv_join(lines, "\n");
        if (!joined)
                return -ENOMEM;
        r = collect_image_path(c, out, path, &place);
        if (r >= 0)
                r = collect_parents(c, out, place);
        if (r >= 0)
                r = str_printf(&text, "%s\n", joined);
        if (r >= 0)
                r = manifest_add_data(out->manifest, place, 0600, text, strlen(text), why, NULL);
        return r < 0 ? r : 0;
}

int collect_builtin_link(Collector *c, Collection *out, const char *library, const char *directory,
                         const char *why) {
        _cleanup_free_ char *link = NULL, *path = NULL;
        int r;

        link = path_join(directory, path_basename(library));
        if (!link)
                return -ENOMEM;
        r = collect_image_path(c, out, link, &path);
        if (r >= 0)
                r = collect_parents(c, out, path);
        if (r >= 0)
                r = manifest_add_symlink(out->manifest, path, library, why);
        return r < 0 ? r : 0;
}

static int add_file(Collector *c, Collection *out, const char *canonical, const char *place,
                    const char *why, char **ret_missing) {
        Entry *entry, *there;
        FileInfo *info;
        int r;

        there = manifest_get(out->manifest, place);
        if (there && there->type == ENTRY_FILE && streq_ptr(there->source, canonical))
                return 0;
        r = collector_file_info(c, canonical, &info);
        if (r < 0)
                return r;
        r = trace_merge(out->trace, info->trace);
        if (r < 0 || info->error < 0)
                return r < 0 ? r : info->error;
        if (info->missing) {
                set_missing(ret_missing, "%s", info->missing);
                return -ENOPKG;
        }

        r = collect_parents(c, out, place);
        if (r < 0)
                return r;
        r = manifest_add_file(out->manifest, place, info->mode, canonical, why, &entry);
        if (r < 0)
                return r;
        entry->size = info->size;
        entry->hash = info->hash;

        for (size_t i = 0; i < info->n_needs; i++) {
                r = collect_path(c, out, info->needs[i].path, NULL, place, ret_missing);
                if (r >= 0 && info->needs[i].builtin)
                        r = collect_builtin_link(c, out, info->needs[i].path,
                                                 info->needs[i].builtin, place);
                if (r < 0)
                        return r;
        }
        return 0;
}

int collect_path(Collector *c, Collection *out, const char *path, const char *destination,
                 const char *why, char **ret_missing) {
        _cleanup_free_ char *canonical = NULL, *place = NULL;
        SourceLinks links = {};
        struct stat st;
        int r;

        r = source_resolve(c->source, out->trace, path, &canonical, &st, &links);
        if (is_missing(r))
                set_missing(ret_missing,
                            r == -ELOOP ? "%s is a circle of links" : "%s is not there", path);
        if (r >= 0 && S_ISREG(st.st_mode)) {
                if (destination)
                        r = collect_image_path(c, out, destination, &place);
                /* The file first: when something that it needs is missing, no link is left. */
                if (r >= 0)
                        r = add_file(c, out, canonical, place ?: canonical, why, ret_missing);
        } else if (r >= 0 && S_ISDIR(st.st_mode)) {
                r = collect_parents(c, out, canonical);
                if (r >= 0 && !streq(canonical, "/"))
                        r = manifest_add_directory(out->manifest, canonical, st.st_mode & 07777,
                                                   why);
        } else if (r >= 0)
                /* A device, a socket, /dev/null behind a link: the link alone is what counts. */
                r = links.n > 0 ? 0 : -ENXIO;
        if (r >= 0 && !destination)
                r = add_links(c, out, &links, why);
        source_links_done(&links);
        if (r == -EACCES)
                set_missing(ret_missing, "%s may not be read by this user", path);
        return r < 0 ? r : 0;
}

/* Where a line of a module file comes from, for people. */
static int reason(char **ret, const char *path, unsigned line, const char *key,
                  char *const *alternatives) {
        _cleanup_free_ char *joined = strv_join(alternatives, "|");

        if (!joined)
                return -ENOMEM;
        if (!path || line == 0)
                return str_printf(ret, "%s: %s=%s", path ?: "command line", key, joined);
        return str_printf(ret, "%s:%u %s=%s", path_basename(path), line, key, joined);
}

/*
 * What to do when a line could not be fulfilled: 0 go on, 1 the module can't be in the image,
 * negative the build ends. `missing` is the sentence.
 */
static int line_failed(Collector *c, Collection *out, int error, bool optional, bool droppable,
                       const char *path, unsigned line, const char *what, const char *missing) {
        if (error == -EACCES) {
                if (!missing)
                        missing = "it may not be read by this user";
                if (optional || droppable)
                        report_warn(c->report, path, line, "%s: %s: left out", what, missing);
                if (optional)
                        return 0;
                if (!droppable)
                        return report_fail(c->report, FAILURE_NOT_PERMITTED, error, path, line,
                                           "%s: %s; build as root", what, missing);
        } else if (!is_missing(error))
                return report_fail(c->report, FAILURE_BUILD_FAILED, error, path, line, "%s: %s",
                                   what, strerror(-error));
        if (optional)
                return 0;
        if (!droppable)
                return report_fail(c->report, FAILURE_INCOMPLETE, error, path, line,
                                   "%s: %s; install what has it, or leave the module out", what,
                                   missing ?: "not there");
        if (asprintf(&out->missing, "%s: %s", what, missing ?: "not there") < 0) {
                out->missing = NULL;
                return -ENOMEM;
        }
        return 1;
}

/* A module that can't be in the image brings nothing, but what was looked at stays known. */
static int collection_empty(Collection *out) {
        manifest_free(out->manifest);
        out->manifest = NULL;
        out->drivers = strv_free(out->drivers);
        out->load = strv_free(out->load);
        return manifest_new(&out->manifest);
}

static bool has_version(const char *s) {
        for (; s && *s; s++)
                if (*s == '%' && *++s == 'v')
                        return true;
        return false;
}

static bool content_is_kernel(const Content *content) {
        STRV_FOREACH(a, content->alternatives)
                if (has_version(*a))
                        return true;
        return has_version(content->destination) || has_version(content->text);
}

bool module_has_shared(const Module *module) {
        for (size_t i = 0; i < module->n_contents; i++)
                if (!content_is_kernel(&module->contents[i]))
                        return true;
        return false;
}

bool module_has_kernel(const Module *module) {
        for (size_t i = 0; i < module->n_contents; i++)
                if (content_is_kernel(&module->contents[i]))
                        return true;
        return module->n_drivers > 0;
}

/* The lines of [Content] of one of the two kinds. 1 when the module can't be in the image. */
static int collect_contents(Collector *c, Collection *out, const Module *module, bool kernel,
                            bool droppable) {
        for (size_t i = 0; i < module->n_contents; i++) {
                const Content *content = &module->contents[i];
                _cleanup_free_ char *why = NULL, *missing = NULL;
                int r;

                if (content_is_kernel(content) != kernel)
                        continue;
                r = reason(&why, content->path, content->line,
                           content_type_to_string(content->type), content->alternatives);
                if (r < 0)
                        return r;
                r = collect_content(c, out, content, why, &missing);
                if (r >= 0)
                        continue;
                if (r == -ENOMEM)
                        return report_oom(c->report);
                r = line_failed(c, out, r, content->optional, droppable, content->path,
                                content->line, strchr(why, ' ') + 1, missing);
                if (r != 0)
                        return r;
        }
        return 0;
}

int collect_shared(Collector *c, const Module *module, bool droppable, Collection **ret) {
        _cleanup_(collection_freep) Collection *out = NULL;
        int r;

        r = collection_new(&out);
        if (r < 0)
                return report_oom(c->report);
        r = collect_contents(c, out, module, false, droppable);
        if (r > 0)
                r = collection_empty(out);
        if (r < 0)
                return r;
        strv_uniq(out->users);
        strv_uniq(out->groups);
        *ret = TAKE_PTR(out);
        return 0;
}

static int collect_drivers(Collector *c, Collection *out, const Module *module, bool droppable) {
        Drivers *drivers;
        int r;

        if (module->n_drivers == 0)
                return 0;
        r = collector_drivers(c, &drivers);
        if (r < 0)
                return r;
        for (size_t i = 0; i < module->n_drivers; i++) {
                const DriverRule *rule = &module->drivers[i];
                _cleanup_free_ char *why = NULL;
                DriverRule copy = *rule;

                r = reason(&why, rule->path, rule->line,
                           rule->key ?: driver_rule_type_to_string(rule->type),
                           rule->alternatives);
                if (r < 0)
                        return r;
                /* Of a module that may go, nothing is a failure. */
                if (droppable)
                        copy.optional = true;
                r = drivers_collect(drivers, out->trace, &copy, why, out->manifest, &out->drivers,
                                    &out->load);
                if (r < 0)
                        return r;
        }
        strv_uniq(out->drivers);
        return 0;
}

int collect_kernel(Collector *c, const Module *module, bool droppable, Collection **ret) {
        _cleanup_(collection_freep) Collection *out = NULL;
        int r;

        r = collection_new(&out);
        if (r < 0)
                return report_oom(c->report);
        r = collect_contents(c, out, module, true, droppable);
        if (r == 0)
                r = collect_drivers(c, out, module, droppable);
        if (r > 0)
                r = collection_empty(out);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(out);
        return 0;
}

int collect_includes(Collector *c, const Profile *profile, Collection **ret) {
        _cleanup_(collection_freep) Collection *out = NULL;
        int r;

        r = collection_new(&out);
        if (r < 0)
                return report_oom(c->report);
        for (size_t i = 0; i < profile->n_includes; i++) {
                const Include *include = &profile->includes[i];
                _cleanup_free_ char *why = NULL, *missing = NULL;
                char *sources[] = { include->source, NULL };
                Content content = {
                        .type = CONTENT_TREE,
                        .alternatives = sources,
                        .destination = include->destination,
                        .mode = (mode_t) -1,
                };

                r = reason(&why, include->path, include->line, "Include", sources);
                if (r < 0)
                        return r;
                r = collect_content(c, out, &content, why, &missing);
                if (is_missing(r))
                        return report_fail(c->report, FAILURE_INCOMPLETE, r, include->path,
                                           include->line, "Include=%s: %s", include->source,
                                           missing ?: "not there");
                if (r < 0)
                        r = line_failed(c, out, r, false, false, include->path, include->line,
                                        strstr(why, "Include="), missing);
                if (r < 0)
                        return r;
        }
        *ret = TAKE_PTR(out);
        return 0;
}
