/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * A profile is made in layers: built-in values, what initrdd.conf says for all of them, its own
 * file with the drop-ins, the command line. Each layer assigns keys; profile_settle() then fills in
 * what nobody said and what hangs together, so that the order of the keys doesn't matter: a level
 * belongs to a compressor, microcode to a mode, the path to the name. For that each such value
 * knows whether it was said, and where.
 *
 * A layer of files forgives (a warning, the value stays as it was), the command line does not:
 * there a person waits for the answer. It works on a copy, which takes the profile's place in the
 * end, so that a failure leaves nothing half set.
 */

#include <fnmatch.h>
#include <stdio.h>

#include "describe/profile.h"
#include "string-util.h"

static const struct {
        int min, max; /* what the compressor takes */
        int level, idle_level;
} levels[_COMPRESSION_MAX] = {
        [COMPRESSION_NONE] = { 0, 0, 0, 0 },  [COMPRESSION_ZSTD] = { 1, 22, 3, 19 },
        [COMPRESSION_XZ] = { 0, 9, 6, 9 },    [COMPRESSION_GZIP] = { 1, 9, 6, 9 },
        [COMPRESSION_LZ4] = { 1, 12, 1, 12 },
};

void compression_level_range(Compression c, int *ret_min, int *ret_max) {
        *ret_min = levels[c].min;
        *ret_max = levels[c].max;
}

int profile_new(Profile **ret, const char *name) {
        _cleanup_(profile_freep) Profile *p = calloc(1, sizeof(Profile));

        if (!p)
                return -ENOMEM;
        p->name = strdup(name);
        if (!p->name)
                return -ENOMEM;
        p->compression = COMPRESSION_ZSTD;
        *ret = TAKE_PTR(p);
        return 0;
}

Profile *profile_free(Profile *profile) {
        if (!profile)
                return NULL;
        free(profile->name);
        free(profile->output);
        strv_free(profile->kernels);
        strv_free(profile->modules);
        strv_free(profile->drivers);
        strv_free(profile->omit_drivers);
        strv_free(profile->force_drivers);
        includes_free(profile->includes, profile->n_includes);
        free(profile->emergency_password);
        free(profile->acpi_tables);
        free(profile->path);
        for (ProfileKey k = 0; k < _PROFILE_KEY_MAX; k++)
                free(profile->origins[k].path);
        free(profile);
        return NULL;
}

void includes_free(Include *includes, size_t n) {
        for (size_t i = 0; i < n; i++) {
                free(includes[i].source);
                free(includes[i].destination);
                free(includes[i].path);
        }
        free(includes);
}

static int copy_string(char **to, const char *from) {
        *to = from ? strdup(from) : NULL;
        return from && !*to ? -ENOMEM : 0;
}

static int copy_strv(char ***to, char *const *from) {
        *to = from ? strv_copy(from) : NULL;
        return from && !*to ? -ENOMEM : 0;
}

static int copy_includes(Profile *to, const Profile *from) {
        int r = 0;

        to->includes = NULL;
        to->n_includes = 0;
        if (from->n_includes == 0)
                return 0;
        to->includes = calloc(from->n_includes, sizeof(Include));
        if (!to->includes)
                return -ENOMEM;
        to->n_includes = from->n_includes;
        for (size_t i = 0; i < from->n_includes; i++) {
                r |= copy_string(&to->includes[i].source, from->includes[i].source);
                r |= copy_string(&to->includes[i].destination, from->includes[i].destination);
                r |= copy_string(&to->includes[i].path, from->includes[i].path);
                to->includes[i].line = from->includes[i].line;
        }
        return r;
}

int profile_copy(const Profile *profile, Profile **ret) {
        _cleanup_(profile_freep) Profile *p = malloc(sizeof(Profile));
        int r = 0;

        if (!p)
                return -ENOMEM;
        *p = *profile;
        /* All of them in any case, so that nothing in the copy is the original's; each gives 0 or
         * -ENOMEM, so they can be gathered. */
        r |= copy_string(&p->name, profile->name);
        r |= copy_string(&p->output, profile->output);
        r |= copy_strv(&p->kernels, profile->kernels);
        r |= copy_strv(&p->modules, profile->modules);
        r |= copy_strv(&p->drivers, profile->drivers);
        r |= copy_strv(&p->omit_drivers, profile->omit_drivers);
        r |= copy_strv(&p->force_drivers, profile->force_drivers);
        r |= copy_includes(p, profile);
        r |= copy_string(&p->emergency_password, profile->emergency_password);
        r |= copy_string(&p->acpi_tables, profile->acpi_tables);
        r |= copy_string(&p->path, profile->path);
        for (ProfileKey k = 0; k < _PROFILE_KEY_MAX; k++)
                r |= copy_string(&p->origins[k].path, profile->origins[k].path);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(p);
        return 0;
}

/* `said` is the bool that goes with `level`. 0, or -EINVAL when a command line said it. */
static int settle_level(Profile *p, Report *report, ProfileKey key, int *level, bool *said,
                        int preset) {
        const ProfileOrigin *o = &p->origins[key];
        const char *c = compression_to_string(p->compression);
        _cleanup_free_ char *why = NULL;
        int min, max;

        compression_level_range(p->compression, &min, &max);
        if (*said && *level >= min && *level <= max)
                return 0;
        if (*said && key == PROFILE_IDLE_LEVEL && *level == 0)
                return 0; /* never */
        if (*said) {
                if ((max > 0 ? str_printf(&why, "%s takes %d to %d", c, min, max)
                             : str_printf(&why, "Compression=%s has no levels", c)) < 0)
                        return report_oom(report);
                if (!o->path)
                        return report_fail(report, FAILURE_CONFIG_INVALID, -EINVAL, NULL, 0,
                                           "%s=%d: %s", profile_key_to_string(key), *level, why);
                report_warn(report, o->path, o->line, "%s=%d: %s", profile_key_to_string(key),
                            *level, why);
                *said = false;
        }
        *level = preset;
        return 0;
}

static int settle_output(Profile *p, Report *report) {
        const ProfileOrigin *o = &p->origins[PROFILE_OUTPUT];

        /* Without %v all kernels would have one image, the last one built. */
        if (p->output_set && o->path && !strstr(p->output, "%v") && strv_length(p->kernels) == 0) {
                report_warn(report, o->path, o->line,
                            "Output=%s: without %%v in it Kernels= must say for which kernel",
                            p->output);
                p->output_set = false;
        }
        if (p->output_set)
                return 0;
        free(p->output);
        p->output = strdup(streq(p->name, "default") ? "/boot/initrd.img-%v"
                                                     : "/boot/initrd.img-%v-%p");
        return p->output ? 0 : report_oom(report);
}

int profile_settle(Profile *profile, Report *report) {
        int r;

        if (!profile->mode_set)
                profile->mode = streq(profile->name, "default") ? MODE_HOST : MODE_GENERIC;
        if (!profile->microcode_set)
                profile->microcode =
                                profile->mode == MODE_GENERIC ? MICROCODE_ALL : MICROCODE_HOST;

        r = settle_level(profile, report, PROFILE_LEVEL, &profile->level, &profile->level_set,
                         levels[profile->compression].level);
        if (r < 0)
                return r;
        r = settle_level(profile, report, PROFILE_IDLE_LEVEL, &profile->idle_level,
                         &profile->idle_level_set, levels[profile->compression].idle_level);
        if (r < 0)
                return r;
        return settle_output(profile, report);
}

int profile_apply(Profile *profile, Report *report, char *const *settings) {
        _cleanup_(profile_freep) Profile *p = NULL;
        Profile old;
        int r;

        r = profile_copy(profile, &p);
        if (r < 0)
                return report_oom(report);
        STRV_FOREACH(s, settings) {
                const char *equals = strchr(*s, '=');
                _cleanup_free_ char *key = NULL;

                if (!equals)
                        return report_fail(report, FAILURE_CONFIG_INVALID, -EINVAL, NULL, 0,
                                           "\"%s\" is not of the form Key=value", *s);
                key = strndup(*s, (size_t) (equals - *s));
                if (!key)
                        return report_oom(report);
                r = profile_assign_strict(p, report, key, equals + 1);
                if (r < 0)
                        return r;
        }
        r = profile_settle(p, report);
        if (r < 0)
                return r;

        old = *profile;
        *profile = *p;
        *p = old;
        return 0;
}

int profile_set(Profile *profile, Report *report, const char *key, const char *value) {
        _cleanup_free_ char *setting = NULL;

        if (str_printf(&setting, "%s=%s", key, value) < 0)
                return report_oom(report);
        return profile_apply(profile, report, (char *const[]) { setting, NULL });
}

bool profile_has_kernel(const Profile *profile, const char *version) {
        STRV_FOREACH(pattern, profile->kernels)
                if (fnmatch(*pattern, version, 0) == 0)
                        return true;
        return strv_length(profile->kernels) == 0;
}

int profile_output_path(const Profile *profile, const char *kernel_version, char **ret) {
        _cleanup_free_ char *path = NULL;
        size_t size;
        FILE *f;

        f = open_memstream(&path, &size);
        if (!f)
                return -ENOMEM;
        for (const char *s = profile->output; *s; s++) {
                if (*s != '%') {
                        fputc(*s, f);
                        continue;
                }
                switch (*++s) {
                case 'v':
                        fputs(kernel_version, f);
                        break;
                case 'p':
                        fputs(profile->name, f);
                        break;
                case '%':
                        fputc('%', f);
                        break;
                default:
                        fclose(f);
                        return -EINVAL;
                }
        }
        if (fclose(f) != 0)
                return -ENOMEM;
        *ret = TAKE_PTR(path);
        return 0;
}
