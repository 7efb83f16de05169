/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Accounts keep the numbers that the root gives them: files that udev made for a group in the
 * initramfs are still there, in devtmpfs, when the root has taken over. One that only sysusers.d
 * knows, without a number, gets one from the end of the range of the system, in order of names.
 */

#include <stdio.h>

#include "collect/accounts.h"
#include "collect/collect-internal.h"
#include "string-util.h"

#define WHY "accounts"
#define DYNAMIC_ID_MAX 999

/* The line of `name` in a file of lines "name:…". 1 found, 0 not. The caller frees. */
static int find_line(Collector *c, Trace *trace, const char *path, const char *name, char **ret) {
        _cleanup_free_ char *text = NULL;
        size_t n = strlen(name);
        char *saved;
        int r;

        r = source_read(c->source, trace, path, &text, NULL);
        if (is_missing(r))
                return 0;
        if (r < 0)
                return r;
        for (char *line = strtok_r(text, "\n", &saved); line; line = strtok_r(NULL, "\n", &saved))
                if (strncmp(line, name, n) == 0 && line[n] == ':') {
                        *ret = strdup(line);
                        return *ret ? 1 : -ENOMEM;
                }
        return 0;
}

/* The words of the first line of sysusers.d(5) that declares the account. 1 found, 0 not. */
static int find_sysusers(Collector *c, Trace *trace, bool group, const char *name, char ***ret) {
        _cleanup_strv_free_ char **paths = NULL;
        int r;

        r = source_glob(c->source, trace, "/usr/lib/sysusers.d/*.conf", &paths);
        if (r < 0)
                return r;
        STRV_FOREACH(path, paths) {
                _cleanup_free_ char *text = NULL;
                char *saved;

                r = source_read(c->source, trace, *path, &text, NULL);
                if (is_missing(r))
                        continue;
                if (r < 0)
                        return r;
                for (char *line = strtok_r(text, "\n", &saved); line;
                     line = strtok_r(NULL, "\n", &saved)) {
                        _cleanup_strv_free_ char **words = NULL;

                        if (strv_split_quoted(&words, line) < 0 || strv_length(words) < 2)
                                continue;
                        /* A user brings a group of its name. */
                        if (!streq(words[1], name) ||
                            !(words[0][0] == 'u' || (group && words[0][0] == 'g')))
                                continue;
                        *ret = TAKE_PTR(words);
                        return 1;
                }
        }
        return 0;
}

int account_exists(Collector *c, Trace *trace, bool group, const char *name) {
        _cleanup_free_ char *line = NULL;
        _cleanup_strv_free_ char **words = NULL;
        int r;

        r = find_line(c, trace, group ? "/etc/group" : "/etc/passwd", name, &line);
        if (r != 0)
                return r;
        return find_sysusers(c, trace, group, name, &words);
}

typedef struct Accounts {
        Collector *c;
        Trace *trace;
        FILE *passwd, *group, *shadow;
        unsigned next_id;
        char **groups; /* that are written */
} Accounts;

/* Field number `n` of a line "a:b:c", from 0; empty ones count. The caller frees. */
static int get_field(const char *line, unsigned n, char **ret) {
        for (; n > 0; n--) {
                line = strchr(line, ':');
                if (!line)
                        return -EINVAL;
                line++;
        }
        *ret = strndup(line, strcspn(line, ":"));
        return *ret ? 0 : -ENOMEM;
}

static int get_number(const char *line, unsigned n, unsigned *ret) {
        _cleanup_free_ char *field = NULL;
        int r;

        r = get_field(line, n, &field);
        return r < 0 ? r : parse_unsigned(field, ret);
}

/* Whether the root has given the number to somebody: 1 or 0. */
static int id_is_taken(Accounts *a, unsigned id) {
        static const char *const files[] = { "/etc/passwd", "/etc/group" };

        for (size_t i = 0; i < ELEMENTSOF(files); i++) {
                _cleanup_free_ char *text = NULL;
                char *saved;
                int r;

                r = source_read(a->c->source, a->trace, files[i], &text, NULL);
                if (is_missing(r))
                        continue;
                if (r < 0)
                        return r;
                for (char *line = strtok_r(text, "\n", &saved); line;
                     line = strtok_r(NULL, "\n", &saved)) {
                        unsigned other;

                        if (get_number(line, 2, &other) >= 0 && other == id)
                                return 1;
                }
        }
        return 0;
}

/* The number that sysusers.d gives, "UID:GID" too, or the next that is free. */
static int sysusers_id(Accounts *a, char *const *words, bool group, unsigned *ret) {
        int r = 1;

        if (strv_length(words) > 2) {
                if (group && strchr(words[2], ':') && get_number(words[2], 1, ret) >= 0)
                        return 0;
                if (get_number(words[2], 0, ret) >= 0)
                        return 0;
        }
        while (a->next_id > 0 && r > 0) {
                *ret = a->next_id--;
                r = id_is_taken(a, *ret);
        }
        return r > 0 ? -ERANGE : r;
}

/* Members are left out: nobody logs in there. */
static int write_group(Accounts *a, const char *name, unsigned fallback, unsigned *ret_gid) {
        _cleanup_free_ char *line = NULL;
        _cleanup_strv_free_ char **words = NULL;
        unsigned gid = fallback;
        int r;

        r = find_line(a->c, a->trace, "/etc/group", name, &line);
        if (r < 0)
                return r;
        if (r > 0) {
                r = get_number(line, 2, &gid);
                if (r < 0)
                        return r == -ENOMEM ? r : 0;
        } else {
                r = find_sysusers(a->c, a->trace, true, name, &words);
                if (r < 0)
                        return r;
                if (r == 0 && fallback == 0 && !streq(name, "root"))
                        return 0;
                if (r > 0 && fallback == 0)
                        r = sysusers_id(a, words, true, &gid);
                if (r < 0)
                        return r;
        }
        if (ret_gid)
                *ret_gid = gid;
        if (strv_contains(a->groups, name))
                return 0;
        fprintf(a->group, "%s:x:%u:\n", name, gid);
        return strv_extend(&a->groups, name);
}

static int write_user(Accounts *a, const char *name) {
        _cleanup_free_ char *line = NULL;
        _cleanup_strv_free_ char **words = NULL;
        const char *shell = streq(name, "root") ? "/bin/sh" : "/usr/sbin/nologin";
        unsigned uid, gid;
        int r;

        if (streq(name, "root"))
                uid = gid = 0;
        else {
                r = find_line(a->c, a->trace, "/etc/passwd", name, &line);
                if (r < 0)
                        return r;
                if (r == 0) {
                        r = find_sysusers(a->c, a->trace, false, name, &words);
                        if (r <= 0)
                                return r;
                        r = sysusers_id(a, words, false, &uid);
                        gid = uid;
                        if (r >= 0 && strv_length(words) > 2 && strchr(words[2], ':'))
                                r = sysusers_id(a, words, true, &gid);
                        if (r < 0)
                                return r;
                } else {
                        r = get_number(line, 2, &uid);
                        if (r >= 0)
                                r = get_number(line, 3, &gid);
                        if (r < 0)
                                return r == -ENOMEM ? r : 0;
                }
                r = write_group(a, name, gid, NULL);
                if (r < 0)
                        return r;
        }
        fprintf(a->passwd, "%s:x:%u:%u:%s:%s:%s\n", name, uid, gid, name,
                streq(name, "root") ? "/root" : "/", shell);
        if (!streq(name, "root"))
                fprintf(a->shadow, "%s:!*:::::::\n", name);
        return 0;
}

/* Root's field of /etc/shadow, as Emergency= has it. */
static int emergency_hash(Collector *c, Trace *trace, const Profile *profile, char **ret) {
        _cleanup_free_ char *line = NULL;
        _cleanup_strv_free_ char **fields = NULL;
        const char *hash = profile->emergency_password;
        int r;

        if (profile->emergency != EMERGENCY_PASSWORD)
                return (*ret = strdup("*")) ? 0 : -ENOMEM;
        if (!hash) {
                r = find_line(c, trace, "/etc/shadow", "root", &line);
                if (r == -EACCES)
                        return report_fail(c->report, FAILURE_NOT_PERMITTED, r, "/etc/shadow", 0,
                                           "Emergency=password needs root's password, which this "
                                           "user may not read; build as root");
                if (r < 0)
                        return r;
                if (r > 0)
                        r = strv_split(&fields, line, ":");
                if (r < 0)
                        return r;
                hash = fields && fields[0] ? fields[1] : NULL;
        }
        /* crypt(5): "$ID$…", yescrypt and bcrypt too. A plain or locked one lets nobody in. */
        if (!hash || *hash != '$' || strlen(hash) < 20 || strpbrk(hash, ": \t\n"))
                return report_fail(
                                c->report, FAILURE_CONFIG_INVALID, -EINVAL, profile->path, 0, "%s",
                                profile->emergency_password
                                                ? "EmergencyPassword= is not a hash that `openssl "
                                                  "passwd -6` or `mkpasswd` prints"
                                                : "Emergency=password needs a password, and root "
                                                  "has none that can be used in /etc/shadow; set "
                                                  "one, or EmergencyPassword=");
        return (*ret = strdup(hash)) ? 0 : -ENOMEM;
}

static int add_data(Collector *c, Collection *out, const char *path, mode_t mode, char *data) {
        int r;

        r = collect_parents(c, out, path);
        if (r < 0) {
                free(data);
                return r;
        }
        return data ? manifest_add_data(out->manifest, path, mode, data, strlen(data), WHY, NULL)
                    : -ENOMEM;
}

static int add_dropins(Collector *c, Collection *out, Emergency emergency) {
        /* The last are the shells of rd.break=, initrdd-break-STEP.service. */
        static const char *const units[] = { "emergency", "rescue", "initrdd-break-" };
        int r;

        if (emergency != EMERGENCY_OPEN)
                return 0;
        for (size_t i = 0; i < ELEMENTSOF(units); i++) {
                _cleanup_free_ char *path = NULL;

                r = str_printf(&path, "/etc/systemd/system/%s.service.d/50-initrdd-open.conf",
                               units[i]);
                if (r >= 0)
                        r = add_data(c, out, path, 0644,
                                     strdup("[Service]\nEnvironment=SYSTEMD_SULOGIN_FORCE=1 "
                                            "INITRDD_SULOGIN=--force\n"));
                if (r < 0)
                        return r;
        }
        return 0;
}

static int write_accounts(Accounts *a, char *const *users, char *const *groups, const char *hash) {
        int r;

        fprintf(a->shadow, "root:%s:::::::\n", hash);
        r = write_group(a, "root", 0, NULL);
        if (r >= 0)
                r = write_user(a, "root");
        STRV_FOREACH(user, users) {
                if (r < 0)
                        return r;
                if (!streq(*user, "root"))
                        r = write_user(a, *user);
        }
        STRV_FOREACH(group, groups) {
                if (r < 0)
                        return r;
                r = write_group(a, *group, 0, NULL);
        }
        return r;
}

/* What was written is only there after this; an earlier error stays. */
static int close_text(FILE *f, int r) {
        if (f && fclose(f) != 0 && r >= 0)
                return -ENOMEM;
        return r;
}

int collect_accounts(Collector *c, char *const *users, char *const *groups, const Profile *profile,
                     Collection **ret) {
        _cleanup_(collection_freep) Collection *out = NULL;
        _cleanup_free_ char *hash = NULL;
        char *text[3] = {};
        size_t size[3];
        Accounts a = { .c = c, .next_id = DYNAMIC_ID_MAX };
        int r;

        r = collection_new(&out);
        if (r >= 0)
                r = emergency_hash(c, out->trace, profile, &hash);
        if (r < 0)
                return r == -ENOMEM ? report_oom(c->report) : r;

        a.trace = out->trace;
        a.passwd = open_memstream(&text[0], &size[0]);
        a.group = open_memstream(&text[1], &size[1]);
        a.shadow = open_memstream(&text[2], &size[2]);
        r = a.passwd && a.group && a.shadow ? write_accounts(&a, users, groups, hash) : -ENOMEM;
        r = close_text(a.passwd, r);
        r = close_text(a.group, r);
        r = close_text(a.shadow, r);
        strv_free(a.groups);

        if (r >= 0)
                r = add_data(c, out, "/etc/passwd", 0644, TAKE_PTR(text[0]));
        if (r >= 0)
                r = add_data(c, out, "/etc/group", 0644, TAKE_PTR(text[1]));
        if (r >= 0)
                r = add_data(c, out, "/etc/shadow", 0600, TAKE_PTR(text[2]));
        if (r >= 0)
                r = add_dropins(c, out, profile->emergency);
        for (size_t i = 0; i < ELEMENTSOF(text); i++)
                free(text[i]);
        if (r < 0)
                return report_fail(c->report, FAILURE_BUILD_FAILED, r, NULL, 0,
                                   "The accounts of the image can't be made: %s", strerror(-r));
        *ret = TAKE_PTR(out);
        return 0;
}
