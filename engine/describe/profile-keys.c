/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * The keys of [Profile] as text: one row in a table for each, with the function that reads its
 * value.
 *
 * A function gives 1 when the value was taken, 0 when it was not and a warning said so, and an
 * error when the layer is strict (then it is also a failure in the report). What it can't read it
 * leaves as it was. Of a list it takes the good words and warns of each bad one.
 */

#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>

#include "describe/conf-file.h"
#include "path-util.h"
#include "describe/profile.h"
#include "string-util.h"

typedef struct Setting {
        Report *report;
        const char *path; /* NULL: a command line, which is strict */
        unsigned line;
        const char *key, *value;
} Setting;

static const char *const modes[_MODE_MAX] = {
        [MODE_HOST] = "host",
        [MODE_STRICT] = "strict",
        [MODE_GENERIC] = "generic",
};
static const char *const emergencies[_EMERGENCY_MAX] = {
        [EMERGENCY_LOCKED] = "locked",
        [EMERGENCY_OPEN] = "open",
        [EMERGENCY_PASSWORD] = "password",
};
static const char *const microcodes[_MICROCODE_MAX] = {
        [MICROCODE_NO] = "no",
        [MICROCODE_HOST] = "host",
        [MICROCODE_ALL] = "all",
};
static const char *const compressions[_COMPRESSION_MAX] = {
        [COMPRESSION_NONE] = "none", [COMPRESSION_ZSTD] = "zstd", [COMPRESSION_XZ] = "xz",
        [COMPRESSION_GZIP] = "gzip", [COMPRESSION_LZ4] = "lz4",
};

static int name_index(const char *const *names, int n, const char *s) {
        for (int i = 0; i < n; i++)
                if (streq(names[i], s))
                        return i;
        return -EINVAL;
}

#define DEFINE_NAMES(type, prefix, names)                                                         \
        const char *prefix##_to_string(type v) {                                                  \
                return v >= 0 && (size_t) v < ELEMENTSOF(names) ? names[v] : NULL;                \
        }                                                                                         \
        type prefix##_from_string(const char *s) {                                                \
                return (type) name_index(names, (int) ELEMENTSOF(names), s);                      \
        }
DEFINE_NAMES(Mode, mode, modes)
DEFINE_NAMES(Emergency, emergency, emergencies)
DEFINE_NAMES(Microcode, microcode, microcodes)
DEFINE_NAMES(Compression, compression, compressions)

static _printf_(2, 3) int complain(const Setting *s, const char *format, ...) {
        _cleanup_free_ char *why = NULL;
        va_list ap;
        int r;

        va_start(ap, format);
        r = vasprintf(&why, format, ap);
        va_end(ap);
        if (r < 0) {
                why = NULL;
                return report_oom(s->report);
        }
        if (!s->path)
                return report_fail(s->report, FAILURE_CONFIG_INVALID, -EINVAL, NULL, 0, "%s=%s",
                                   s->key, why);
        report_warn(s->report, s->path, s->line, "%s=%s", s->key, why);
        return 0;
}

/* One of `names`; the empty value gives `preset`. */
static int read_choice(const Setting *s, const char *const *names, int n, int preset, int *ret) {
        _cleanup_free_ char *all = NULL;
        int i = *s->value ? name_index(names, n, s->value) : preset;

        if (i >= 0) {
                *ret = i;
                return 1;
        }
        for (i = 0; i < n; i++) {
                char *longer = NULL;

                if (str_printf(&longer, "%s%s%s", all ?: "",
                               i == 0       ? ""
                               : i == n - 1 ? " or "
                                            : ", ",
                               names[i]) < 0)
                        return report_oom(s->report);
                free(all);
                all = longer;
        }
        return complain(s, "%s: it takes %s", s->value, all);
}

static int set_mode(Profile *p, const Setting *s) {
        int r, i;

        r = read_choice(s, modes, _MODE_MAX, MODE_HOST, &i);
        if (r > 0) {
                p->mode = (Mode) i;
                p->mode_set = *s->value;
        }
        return r;
}

static int set_compression(Profile *p, const Setting *s) {
        int r, i;

        r = read_choice(s, compressions, _COMPRESSION_MAX, COMPRESSION_ZSTD, &i);
        if (r > 0) {
                p->compression = (Compression) i;
                p->compression_set = *s->value;
        }
        return r;
}

static int set_emergency(Profile *p, const Setting *s) {
        int r, i;

        r = read_choice(s, emergencies, _EMERGENCY_MAX, EMERGENCY_LOCKED, &i);
        if (r > 0)
                p->emergency = (Emergency) i;
        return r;
}

static int set_microcode(Profile *p, const Setting *s) {
        int r, i;

        r = read_choice(s, microcodes, _MICROCODE_MAX, MICROCODE_HOST, &i);
        if (r > 0) {
                p->microcode = (Microcode) i;
                p->microcode_set = *s->value;
        }
        return r;
}

/* The range waits for profile_settle(). */
static int read_level(const Setting *s, int *level, bool *said) {
        int n = 0;

        if (*s->value && parse_int(s->value, &n) < 0)
                return complain(s, "%s: it takes a number", s->value);
        *level = n;
        *said = *s->value;
        return 1;
}

static int set_level(Profile *p, const Setting *s) {
        return read_level(s, &p->level, &p->level_set);
}

static int set_idle_level(Profile *p, const Setting *s) {
        return read_level(s, &p->idle_level, &p->idle_level_set);
}

/* Takes the string at `value`. */
static int replace_string(char **field, char *value, const Setting *s) {
        if (!value)
                return report_oom(s->report);
        free(*field);
        *field = value;
        return 1;
}

static int clear_string(char **field) {
        free(*field);
        *field = NULL;
        return 1;
}

static int set_output(Profile *p, const Setting *s) {
        _cleanup_free_ char *path = NULL;
        int r;

        if (!*s->value) {
                p->output_set = false;
                return clear_string(&p->output);
        }
        if (!conf_path_is_valid(s->value) || endswith(s->value, "/"))
                return complain(s, "%s: it takes the absolute path of a file, without \"..\"",
                                s->value);
        for (const char *c = s->value; (c = strchr(c, '%')); c += 2)
                if (!c[1] || !strchr("vp%", c[1]))
                        return complain(s, "%s: there are only %%v, %%p and %%%%", s->value);
        path = strdup(s->value);
        if (path)
                path_simplify(path);
        r = replace_string(&p->output, TAKE_PTR(path), s);
        if (r > 0)
                p->output_set = true;
        return r;
}

static int set_acpi_tables(Profile *p, const Setting *s) {
        char *path;

        if (!*s->value)
                return clear_string(&p->acpi_tables);
        if (!conf_path_is_valid(s->value))
                return complain(s, "%s: it takes the absolute path of a directory, without \"..\"",
                                s->value);
        path = strdup(s->value);
        return replace_string(&p->acpi_tables, path ? path_simplify(path) : NULL, s);
}

/* The value is in no message: somebody may have written the password itself. */
static int set_emergency_password(Profile *p, const Setting *s) {
        if (!*s->value)
                return clear_string(&p->emergency_password);
        if (*s->value != '$' || strchr(s->value, ':'))
                return complain(s, ": it takes a hash, as \"openssl passwd -6\" prints it");
        for (const char *c = s->value; *c; c++)
                if (!isgraph((unsigned char) *c))
                        return complain(s,
                                        ": it takes a hash, as \"openssl passwd -6\" prints it");
        return replace_string(&p->emergency_password, strdup(s->value), s);
}

static const char *kernel_complaint(const char *word) {
        return !*word || strchr(word, '/') ? "it takes versions, wildcards allowed" : NULL;
}

static const char *driver_complaint(const char *word) {
        if (!*word || strchr(word, '/') || *word == '-')
                return "it takes names of drivers, wildcards allowed";
        return endswith(word, ".ko") || strstr(word, ".ko.") ? "a driver is named without \".ko\""
                                                             : NULL;
}

static const char *module_complaint(const char *word) {
        return conf_name_is_valid(word + (*word == '-'))
                               ? NULL
                               : "it takes names of modules, with a \"-\" to leave one out";
}

static void strv_remove(char **l, const char *s) {
        size_t k = 0;

        STRV_FOREACH(i, l) {
                if (streq(*i, s))
                        free(*i);
                else
                        l[k++] = *i;
        }
        l[k] = NULL;
}

/* Splits, checks and hands on; `ret` has the words that are good. 1, 0 if none is, or an error. */
static int read_words(const Setting *s, const char *(*complaint)(const char *word), char ***ret) {
        _cleanup_strv_free_ char **words = NULL, **good = NULL;
        int r;

        r = strv_split_quoted(&words, s->value);
        if (r == -EINVAL)
                return complain(s, "%s: a quote is not closed", s->value);
        if (r < 0)
                return report_oom(s->report);
        STRV_FOREACH(word, words) {
                const char *why = complaint ? complaint(*word) : NULL;

                if (why)
                        r = complain(s, "%s: %s", *word, why);
                else if (strv_extend(&good, *word) < 0)
                        r = report_oom(s->report);
                if (r < 0)
                        return r;
        }
        if (!good)
                return 0;
        *ret = TAKE_PTR(good);
        return 1;
}

/* The word that comes last about a thing counts, and each is there once. */
static int grow_list(char ***list, const Setting *s, const char *(*complaint)(const char *word)) {
        _cleanup_strv_free_ char **words = NULL, **grown = NULL;
        int r;

        if (!*s->value) {
                *list = strv_free(*list);
                return 1;
        }
        r = read_words(s, complaint, &words);
        if (r <= 0)
                return r;
        grown = strv_copy(*list);
        if (!grown)
                return report_oom(s->report);
        STRV_FOREACH(word, words) {
                strv_remove(grown, *word);
                if (strv_extend(&grown, *word) < 0)
                        return report_oom(s->report);
        }
        strv_free(*list);
        *list = TAKE_PTR(grown);
        return 1;
}

static int set_kernels(Profile *p, const Setting *s) {
        return grow_list(&p->kernels, s, kernel_complaint);
}

static int set_drivers(Profile *p, const Setting *s) {
        return grow_list(&p->drivers, s, driver_complaint);
}

static int set_omit_drivers(Profile *p, const Setting *s) {
        return grow_list(&p->omit_drivers, s, driver_complaint);
}

static int set_force_drivers(Profile *p, const Setting *s) {
        return grow_list(&p->force_drivers, s, driver_complaint);
}

static int set_modules(Profile *p, const Setting *s) {
        _cleanup_strv_free_ char **l = NULL;
        size_t k = 0;
        int r;

        r = grow_list(&p->modules, s, module_complaint);
        if (r <= 0 || !p->modules)
                return r;

        /* From the end: of NAME and -NAME the later stays. */
        l = TAKE_PTR(p->modules);
        for (size_t i = 0; l[i]; i++) {
                bool overruled = false;

                for (char **later = l + i + 1; *later && !overruled; later++)
                        overruled = streq(l[i] + (l[i][0] == '-'), *later + (**later == '-'));
                if (overruled)
                        free(l[i]);
                else
                        l[k++] = l[i];
        }
        l[k] = NULL;
        p->modules = TAKE_PTR(l);
        return r;
}

static int add_include(Profile *p, const Setting *s, const char *word) {
        const char *colon = strchr(word, ':');
        _cleanup_free_ char *source = NULL, *destination = NULL, *path = NULL;
        Include *grown;

        source = colon ? strndup(word, (size_t) (colon - word)) : strdup(word);
        destination = strdup(colon ? colon + 1 : word);
        if (!source || !destination)
                return report_oom(s->report);
        if (!conf_path_is_valid(source) || !conf_path_is_valid(destination) ||
            strchr(destination, ':'))
                return complain(s,
                                "%s: it takes SOURCE or SOURCE:DESTINATION, absolute paths "
                                "without \"..\"",
                                word);
        if (s->path) {
                path = strdup(s->path);
                if (!path)
                        return report_oom(s->report);
        }
        grown = reallocarray(p->includes, p->n_includes + 1, sizeof(Include));
        if (!grown)
                return report_oom(s->report);
        path_simplify(source);
        path_simplify(destination);
        p->includes = grown;
        p->includes[p->n_includes++] = (Include) {
                .source = TAKE_PTR(source),
                .destination = TAKE_PTR(destination),
                .path = TAKE_PTR(path),
                .line = s->line,
        };
        return 1;
}

static int set_include(Profile *p, const Setting *s) {
        _cleanup_strv_free_ char **words = NULL;
        int r, taken = 0;

        if (!*s->value) {
                includes_free(p->includes, p->n_includes);
                p->includes = NULL;
                p->n_includes = 0;
                return 1;
        }
        r = read_words(s, NULL, &words);
        if (r <= 0)
                return r;
        STRV_FOREACH(word, words) {
                r = add_include(p, s, *word);
                if (r < 0)
                        return r;
                taken |= r;
        }
        return taken;
}

static const struct {
        const char *name;
        int (*set)(Profile *p, const Setting *s);
} keys[_PROFILE_KEY_MAX] = {
        [PROFILE_MODE] = { "Mode", set_mode },
        [PROFILE_OUTPUT] = { "Output", set_output },
        [PROFILE_KERNELS] = { "Kernels", set_kernels },
        [PROFILE_MODULES] = { "Modules", set_modules },
        [PROFILE_DRIVERS] = { "Drivers", set_drivers },
        [PROFILE_OMIT_DRIVERS] = { "OmitDrivers", set_omit_drivers },
        [PROFILE_FORCE_DRIVERS] = { "ForceDrivers", set_force_drivers },
        [PROFILE_INCLUDE] = { "Include", set_include },
        [PROFILE_COMPRESSION] = { "Compression", set_compression },
        [PROFILE_LEVEL] = { "Level", set_level },
        [PROFILE_IDLE_LEVEL] = { "IdleLevel", set_idle_level },
        [PROFILE_EMERGENCY] = { "Emergency", set_emergency },
        [PROFILE_EMERGENCY_PASSWORD] = { "EmergencyPassword", set_emergency_password },
        [PROFILE_MICROCODE] = { "Microcode", set_microcode },
        [PROFILE_ACPI_TABLES] = { "AcpiTables", set_acpi_tables },
};

const char *profile_key_to_string(ProfileKey key) {
        return key >= 0 && key < _PROFILE_KEY_MAX ? keys[key].name : NULL;
}

ProfileKey profile_key_from_string(const char *s) {
        for (ProfileKey k = 0; k < _PROFILE_KEY_MAX; k++)
                if (streq(keys[k].name, s))
                        return k;
        return _PROFILE_KEY_INVALID;
}

/* `key` is one. */
static int assign(Profile *p, ProfileKey key, const Setting *s) {
        ProfileOrigin *o = &p->origins[key];
        char *path = NULL;
        int r;

        r = keys[key].set(p, s);
        if (r <= 0)
                return r;
        if (s->path && *s->value) {
                path = strdup(s->path);
                if (!path)
                        return report_oom(s->report);
        }
        free(o->path);
        *o = (ProfileOrigin) { .path = path, .line = path ? s->line : 0 };
        return 0;
}

int profile_assign(Profile *profile, Report *report, const char *path, unsigned line,
                   const char *key, const char *value) {
        Setting s = { .report = report, .path = path, .line = line, .key = key, .value = value };
        ProfileKey k = profile_key_from_string(key);

        if (k < 0) {
                report_warn(report, path, line, "[Profile] has no key %s=, it is ignored", key);
                return 0;
        }
        return assign(profile, k, &s);
}

int profile_assign_strict(Profile *profile, Report *report, const char *key, const char *value) {
        Setting s = { .report = report, .key = key, .value = value };
        ProfileKey k = profile_key_from_string(key);

        if (k < 0)
                return report_fail(report, FAILURE_CONFIG_INVALID, -EINVAL, NULL, 0,
                                   "A profile has no setting %s=", key);
        return assign(profile, k, &s);
}
