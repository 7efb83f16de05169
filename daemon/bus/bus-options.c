/* SPDX-License-Identifier: GPL-2.0-or-later */

#include <assert.h>
#include <limits.h>

#include "bus-options.h"
#include "initrdd-bus.h"
#include "string-util.h"

#define NAME_MAX_LENGTH 128
#define SETTINGS_MAX 64
#define SETTING_LENGTH_MAX 4096

void build_options_done(BuildOptions *o) {
        o->settings = strv_free(o->settings);
}

int flags_read(sd_bus_message *message, uint64_t known, uint64_t *ret, sd_bus_error *error) {
        uint64_t flags;
        int r;

        r = sd_bus_message_read(message, "t", &flags);
        if (r < 0)
                return r;
        if (flags & ~known)
                return sd_bus_error_setf(error, SD_BUS_ERROR_INVALID_ARGS,
                                         "Flags 0x%llx are not known here",
                                         (unsigned long long) (flags & ~known));
        *ret = flags;
        return 0;
}

static bool name_is_valid(const char *name) {
        size_t length = strlen(name);

        return length > 0 && length <= NAME_MAX_LENGTH && !streq(name, ".") &&
               !streq(name, "..") &&
               strspn(name,
                      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._+~-") ==
                               length;
}

int check_kernel(const char *kernel, sd_bus_error *error) {
        if (!name_is_valid(kernel))
                return sd_bus_error_set(error, SD_BUS_ERROR_INVALID_ARGS,
                                        "This can't be the version of a kernel: letters, digits "
                                        "and \"._+~-\", at most 128 of them");
        return 0;
}

int check_profile(const char *profile, sd_bus_error *error) {
        if (!name_is_valid(profile))
                return sd_bus_error_set(error, SD_BUS_ERROR_INVALID_ARGS,
                                        "This can't be the name of a profile: letters, digits and "
                                        "\"._+~-\", at most 128 of them");
        return 0;
}

static bool has_control_character(const char *s) {
        for (; *s; s++)
                if ((unsigned char) *s < ' ' || *s == 0x7f)
                        return true;
        return false;
}

int check_text(const char *name, const char *text, size_t max, sd_bus_error *error) {
        if (!*text || strlen(text) > max || has_control_character(text))
                return sd_bus_error_setf(error, SD_BUS_ERROR_INVALID_ARGS,
                                         "\"%s\" must be one line of text, at most %zu bytes",
                                         name, max);
        return 0;
}

/* Absolute, and what it looks like: no "..", which would also get around a policy about paths. */
static int check_path(const char *option, const char *path, sd_bus_error *error) {
        bool valid = *path == '/' && strlen(path) < PATH_MAX && !has_control_character(path);

        for (const char *s = path; valid && (s = strstr(s, "/..")); s += 3)
                valid = s[3] != '/' && s[3] != '\0';
        if (!valid)
                return sd_bus_error_setf(error, SD_BUS_ERROR_INVALID_ARGS,
                                         "Option \"%s\" must be an absolute path without \"..\"",
                                         option);
        return 0;
}

static int read_value(sd_bus_message *message, const char *option, char type, void *ret,
                      sd_bus_error *error) {
        char contents[] = { type, '\0' };
        const char *actual;
        int r;

        r = sd_bus_message_peek_type(message, NULL, &actual);
        if (r < 0)
                return r;
        if (!streq(actual, contents))
                return sd_bus_error_setf(error, SD_BUS_ERROR_INVALID_ARGS,
                                         "Option \"%s\" is of type %s, not %s", option, contents,
                                         actual);
        return sd_bus_message_read(message, "v", contents, ret);
}

static int read_string(sd_bus_message *message, const char *option, const char **ret,
                       sd_bus_error *error) {
        return read_value(message, option, 's', ret, error);
}

static int read_boolean(sd_bus_message *message, const char *option, bool *ret,
                        sd_bus_error *error) {
        int value, r;

        r = read_value(message, option, 'b', &value, error);
        if (r >= 0)
                *ret = value;
        return r;
}

static int read_path(sd_bus_message *message, const char *option, const char **ret,
                     sd_bus_error *error) {
        int r;

        r = read_string(message, option, ret, error);
        return r < 0 ? r : check_path(option, *ret, error);
}

static int read_reason(sd_bus_message *message, JobReason *ret, sd_bus_error *error) {
        const char *s;
        int r;

        r = read_string(message, "reason", &s, error);
        if (r < 0)
                return r;
        if (streq(s, "admin"))
                *ret = REASON_ADMIN;
        else if (streq(s, "package"))
                *ret = REASON_PACKAGE;
        else
                return sd_bus_error_set(error, SD_BUS_ERROR_INVALID_ARGS,
                                        "Option \"reason\" is \"admin\" or \"package\"");
        return 0;
}

static int read_settings(sd_bus_message *message, char ***ret, sd_bus_error *error) {
        _cleanup_strv_free_ char **settings = NULL;
        const char *actual;
        int r;

        r = sd_bus_message_peek_type(message, NULL, &actual);
        if (r < 0)
                return r;
        if (!streq(actual, "as"))
                return sd_bus_error_setf(error, SD_BUS_ERROR_INVALID_ARGS,
                                         "Option \"settings\" is of type as, not %s", actual);
        r = sd_bus_message_enter_container(message, 'v', "as");
        if (r < 0)
                return r;
        r = sd_bus_message_read_strv(message, &settings);
        if (r < 0)
                return r;
        r = sd_bus_message_exit_container(message);
        if (r < 0)
                return r;

        if (strv_length(settings) > SETTINGS_MAX)
                return sd_bus_error_setf(error, SD_BUS_ERROR_INVALID_ARGS,
                                         "Option \"settings\" has at most %u of them",
                                         SETTINGS_MAX);
        STRV_FOREACH(s, settings)
                if (!strchr(*s, '=') || **s == '=' || strlen(*s) > SETTING_LENGTH_MAX ||
                    has_control_character(*s))
                        return sd_bus_error_setf(error, SD_BUS_ERROR_INVALID_ARGS,
                                                 "Each of \"settings\" is one line KEY=VALUE, at "
                                                 "most %u bytes",
                                                 SETTING_LENGTH_MAX);
        strv_free(*ret);
        *ret = TAKE_PTR(settings);
        return 0;
}

typedef enum Option {
        OPTION_PROFILE,
        OPTION_REASON,
        OPTION_BEST,
        OPTION_DETACHED,
        OPTION_SETTINGS,
        OPTION_KERNEL_DIR,
        OPTION_OUTPUT,
} Option;

#define TAKEN_BY(method) (1U << (method))
#define TAKEN_BY_ALL                                                                              \
        (TAKEN_BY(OPTIONS_OF_MANAGER) | TAKEN_BY(OPTIONS_OF_IMAGE) | TAKEN_BY(OPTIONS_OF_ALL))

/* The closed list. */
static const struct {
        const char *name;
        unsigned taken_by;
        bool root_only;
} options[] = {
        [OPTION_PROFILE] = { "profile", TAKEN_BY(OPTIONS_OF_MANAGER), false },
        [OPTION_REASON] = { "reason", TAKEN_BY_ALL, false },
        [OPTION_BEST] = { "best", TAKEN_BY_ALL, false },
        [OPTION_DETACHED] = { "detached",
                              TAKEN_BY(OPTIONS_OF_MANAGER) | TAKEN_BY(OPTIONS_OF_IMAGE), true },
        [OPTION_SETTINGS] = { "settings",
                              TAKEN_BY(OPTIONS_OF_MANAGER) | TAKEN_BY(OPTIONS_OF_IMAGE), true },
        [OPTION_KERNEL_DIR] = { "kernel-dir", TAKEN_BY(OPTIONS_OF_MANAGER), true },
        [OPTION_OUTPUT] = { "output", TAKEN_BY(OPTIONS_OF_MANAGER) | TAKEN_BY(OPTIONS_OF_IMAGE),
                            true },
};

static int find_option(const char *name, OptionsOf method, sd_bus_error *error) {
        for (size_t i = 0; i < ELEMENTSOF(options); i++)
                if (streq(options[i].name, name)) {
                        if (options[i].taken_by & TAKEN_BY(method))
                                return (int) i;
                        return sd_bus_error_setf(error, SD_BUS_ERROR_INVALID_ARGS,
                                                 "Option \"%s\" is not for this method", name);
                }
        return sd_bus_error_setf(error, SD_BUS_ERROR_INVALID_ARGS,
                                 "There is no option \"%.64s\"; org.initrdd1(5) lists them", name);
}

static int read_option(sd_bus_message *message, Option option, BuildOptions *o,
                       sd_bus_error *error) {
        int r;

        switch (option) {
        case OPTION_PROFILE:
                r = read_string(message, "profile", &o->profile, error);
                return r < 0 ? r : check_profile(o->profile, error);
        case OPTION_REASON:
                return read_reason(message, &o->reason, error);
        case OPTION_BEST:
                return read_boolean(message, "best", &o->best, error);
        case OPTION_DETACHED:
                return read_boolean(message, "detached", &o->detached, error);
        case OPTION_SETTINGS:
                return read_settings(message, &o->settings, error);
        case OPTION_KERNEL_DIR:
                return read_path(message, "kernel-dir", &o->kernel_dir, error);
        case OPTION_OUTPUT:
                return read_path(message, "output", &o->output, error);
        }
        return -EINVAL;
}

int build_options_read(sd_bus_message *message, OptionsOf method, BuildOptions *o,
                       sd_bus_error *error) {
        unsigned seen = 0;
        int r, option;

        r = sd_bus_message_enter_container(message, 'a', "{sv}");
        if (r < 0)
                return r;
        while ((r = sd_bus_message_enter_container(message, 'e', "sv")) > 0) {
                const char *name;

                r = sd_bus_message_read(message, "s", &name);
                if (r < 0)
                        return r;
                option = find_option(name, method, error);
                if (option < 0)
                        return option;
                assert((size_t) option < ELEMENTSOF(options));
                if (seen & (1U << option))
                        return sd_bus_error_setf(error, SD_BUS_ERROR_INVALID_ARGS,
                                                 "Option \"%s\" is given twice", name);
                seen |= 1U << option;
                if (options[option].root_only && !o->root_only)
                        o->root_only = options[option].name;
                r = read_option(message, option, o, error);
                if (r < 0)
                        return r;
                r = sd_bus_message_exit_container(message);
                if (r < 0)
                        return r;
        }
        if (r < 0)
                return r;
        r = sd_bus_message_exit_container(message);
        if (r < 0)
                return r;
        if (o->detached && o->output)
                return sd_bus_error_set(error, SD_BUS_ERROR_INVALID_ARGS,
                                        "A detached image goes nowhere: \"detached\" or "
                                        "\"output\", not both");
        return 0;
}

int build_options_check_user(const BuildOptions *o, uid_t uid, sd_bus_error *error) {
        if (uid != 0 && o->root_only)
                return sd_bus_error_setf(
                                error, SD_BUS_ERROR_ACCESS_DENIED,
                                "Option \"%s\" is for root alone; ask as root, or leave it out",
                                o->root_only);
        return 0;
}
