/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * The configuration is a stack of files, read from the most general to the most particular:
 * initrdd.conf and its drop-ins into a base that every profile is a copy of, then for each profile
 * its own file and drop-ins on top. Nothing is decided while reading: profile_settle() looks at
 * levels and paths when the last file has been read.
 *
 * Whatever is wrong in them is a warning, since a machine whose admin mistyped a line must still
 * get its images. Only what can't be read at all, or no memory, ends the reading.
 */

#include <stdio.h>

#include "describe/conf-file.h"
#include "describe/config.h"
#include "path-util.h"
#include "string-util.h"

#define MAIN_NAME "initrdd.conf"
#define PROFILES_DIRECTORY "profiles.d"

typedef struct Reader {
        Profile *profile;
        Report *report;
        ServiceConfig *service; /* NULL: [Service] has no place here */
        char *unknown; /* the section that was warned of last, so that it is done once */
} Reader;

static int on_assignment(void *userdata, const char *path, unsigned line, const char *section,
                         const char *key, const char *value) {
        Reader *reader = userdata;

        if (streq(section, "Profile"))
                return profile_assign(reader->profile, reader->report, path, line, key, value);
        if (streq(section, "Service") && reader->service)
                return service_config_assign(reader->service, reader->report, path, line, key,
                                             value);

        if (streq_ptr(section, reader->unknown))
                return 0;
        free(reader->unknown);
        reader->unknown = strdup(section);
        if (!reader->unknown)
                return report_oom(reader->report);
        if (!*section)
                report_warn(reader->report, path, line, "%s= stands before any section", key);
        else
                report_warn(reader->report, path, line,
                            "Section [%s] is not known here, "
                            "it is ignored",
                            section);
        return 0;
}

int config_parse_profile(Profile *profile, Report *report, const char *path, const char *text,
                         size_t size) {
        Reader reader = { .profile = profile, .report = report };
        int r;

        r = conf_parse(report, path, text, size, 0, on_assignment, &reader);
        free(reader.unknown);
        return r;
}

static int read_files(Source *source, Trace *trace, Report *report, char *const *paths,
                      Profile *profile, ServiceConfig *service) {
        STRV_FOREACH(path, paths) {
                Reader reader = { .profile = profile, .report = report, .service = service };
                int r;

                r = conf_read(source, trace, report, *path, 0, on_assignment, &reader);
                free(reader.unknown);
                if (r < 0)
                        return r;
        }
        return 0;
}

static int files_of(Source *source, Trace *trace, Report *report, const char *name, char ***ret,
                    bool *ret_main) {
        int r;

        r = conf_files(source, trace, name, ret, ret_main, NULL);
        if (r == -ENOMEM)
                return report_oom(report);
        if (r < 0)
                return report_fail(report, FAILURE_CONFIG_INVALID, r, NULL, 0,
                                   "The configuration \"%s\" can't be read: %s", name,
                                   strerror(-r));
        return 0;
}

/* The file names in profiles.d/, with `default` in any case. */
static int list_profiles(Source *source, Trace *trace, char ***ret) {
        _cleanup_strv_free_ char **names = NULL;
        int r;

        r = conf_list(source, trace, PROFILES_DIRECTORY, ".conf", &names);
        if (r < 0)
                return r;
        r = strv_extend_unique(&names, "default.conf");
        if (r < 0)
                return r;
        strv_sort(names);
        *ret = TAKE_PTR(names);
        return 0;
}

/* `file` is a name in profiles.d/. 1, or 0 when there is no such profile. */
static int load_profile(Source *source, Trace *trace, Report *report, const Profile *base,
                        const char *file, Profile **ret) {
        _cleanup_(profile_freep) Profile *p = NULL;
        _cleanup_strv_free_ char **paths = NULL;
        _cleanup_free_ char *relative = path_join(PROFILES_DIRECTORY, file);
        char *name = strndup(file, strlen(file) - strlen(".conf"));
        bool found;
        int r;

        if (!relative || !name || profile_copy(base, &p) < 0) {
                free(name);
                return report_oom(report);
        }
        free(p->name);
        p->name = name;

        r = files_of(source, trace, report, relative, &paths, &found);
        if (r < 0)
                return r;
        if (!found && !streq(name, "default"))
                return 0;
        if (!conf_name_is_valid(name)) {
                report_warn(report, paths[0], 0,
                            "\"%s\" can't name a profile, the file is ignored", name);
                return 0;
        }
        if (found) {
                p->path = strdup(paths[0]);
                if (!p->path)
                        return report_oom(report);
        }
        r = read_files(source, trace, report, paths, p, NULL);
        if (r < 0)
                return r;
        r = profile_settle(p, report);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(p);
        return 1;
}

static int load_base(Source *source, Trace *trace, Report *report, ServiceConfig *service,
                     Profile **ret) {
        _cleanup_(profile_freep) Profile *base = NULL;
        _cleanup_strv_free_ char **paths = NULL;
        int r;

        if (profile_new(&base, "default") < 0)
                return report_oom(report);
        r = files_of(source, trace, report, MAIN_NAME, &paths, NULL);
        if (r < 0)
                return r;
        r = read_files(source, trace, report, paths, base, service);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(base);
        return 0;
}

static bool same_kernels(char *const *a, char *const *b) {
        if (strv_length(a) != strv_length(b))
                return false;
        STRV_FOREACH(s, a)
                if (!strv_contains(b, *s))
                        return false;
        return true;
}

/* Two profiles that write to one path would replace each other's image for ever. */
static void check_outputs(const Config *config, Report *report) {
        for (size_t i = 0; i < config->n_profiles; i++) {
                const Profile *b = config->profiles[i];

                for (size_t j = 0; j < i; j++) {
                        const Profile *a = config->profiles[j];
                        const ProfileOrigin *o = &b->origins[PROFILE_OUTPUT];

                        if (streq(a->output, b->output) && !strstr(a->output, "%p") &&
                            same_kernels(a->kernels, b->kernels))
                                report_warn(report, o->path ?: b->path, o->line,
                                            "The profiles %s and %s have the same Output=%s",
                                            a->name, b->name, b->output);
                }
        }
}

static int compare_profiles(const void *a, const void *b) {
        return strcmp((*(Profile *const *) a)->name, (*(Profile *const *) b)->name);
}

int config_load(Source *source, Trace *trace, Report *report, Config **ret) {
        _cleanup_(config_freep) Config *config = calloc(1, sizeof(Config));
        _cleanup_(profile_freep) Profile *base = NULL;
        _cleanup_strv_free_ char **files = NULL;
        int r;

        if (!config)
                return report_oom(report);
        service_config_init(&config->service);
        r = load_base(source, trace, report, &config->service, &base);
        if (r < 0)
                return r;
        r = list_profiles(source, trace, &files);
        if (r == -ENOMEM)
                return report_oom(report);
        if (r < 0)
                return report_fail(report, FAILURE_CONFIG_INVALID, r, NULL, 0,
                                   "The profiles can't be listed: %s", strerror(-r));

        config->profiles = calloc(strv_length(files), sizeof(Profile *));
        if (!config->profiles)
                return report_oom(report);
        STRV_FOREACH(file, files) {
                r = load_profile(source, trace, report, base, *file,
                                 &config->profiles[config->n_profiles]);
                if (r < 0)
                        return r;
                config->n_profiles += (size_t) r;
        }
        /* "a-b.conf" comes before "a.conf", but "a" before "a-b". */
        qsort(config->profiles, config->n_profiles, sizeof(Profile *), compare_profiles);
        check_outputs(config, report);
        *ret = TAKE_PTR(config);
        return 0;
}

Config *config_free(Config *config) {
        if (!config)
                return NULL;
        for (size_t i = 0; i < config->n_profiles; i++)
                profile_free(config->profiles[i]);
        free(config->profiles);
        free(config);
        return NULL;
}

const Profile *config_find_profile(const Config *config, const char *name) {
        for (size_t i = 0; i < config->n_profiles; i++)
                if (streq(config->profiles[i]->name, name))
                        return config->profiles[i];
        return NULL;
}

static int cat_files(Source *source, FILE *f, const char *name, bool needs_main) {
        _cleanup_strv_free_ char **paths = NULL;
        bool found;
        int r;

        r = conf_files(source, NULL, name, &paths, &found, NULL);
        if (r < 0)
                return r;
        if (needs_main && !found)
                return 0;
        STRV_FOREACH(path, paths) {
                _cleanup_free_ char *text = NULL;
                size_t size;

                r = source_read(source, NULL, *path, &text, &size);
                if (r < 0)
                        return r;
                fprintf(f, "%s# %s\n", ftello(f) > 0 ? "\n" : "", *path);
                fwrite(text, 1, size, f);
                if (size > 0 && text[size - 1] != '\n')
                        fputc('\n', f);
        }
        return 0;
}

int config_cat(Source *source, char **ret) {
        _cleanup_strv_free_ char **files = NULL;
        _cleanup_free_ char *text = NULL;
        size_t size;
        FILE *f;
        int r;

        r = list_profiles(source, NULL, &files);
        if (r < 0)
                return r;
        f = open_memstream(&text, &size);
        if (!f)
                return -ENOMEM;
        r = cat_files(source, f, MAIN_NAME, false);
        STRV_FOREACH(file, files) {
                _cleanup_free_ char *name = path_join(PROFILES_DIRECTORY, *file);

                if (r < 0)
                        break;
                r = name ? cat_files(source, f, name, !streq(*file, "default.conf")) : -ENOMEM;
        }
        if (fclose(f) != 0 && r >= 0)
                r = -ENOMEM;
        if (r < 0)
                return r;
        *ret = TAKE_PTR(text);
        return 0;
}
