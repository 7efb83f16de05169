/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 *   netroot=iscsi:SPEC, root=iscsi:SPEC        any number of times
 *   SPEC = [USER:PASSWORD[:USER:PASSWORD]@][SERVER]:[PROTOCOL]:[PORT]:
 *          [[IFACE]:[NETDEV]:][LUN]:TARGET      RFC 4173, with what dracut added
 *   rd.iscsi.target.name=, .ip=, …             one more target, and defaults for all
 *   iscsi_target_name=, iscsi_target_ip=, …    the same, of Debian's open-iscsi
 *   ISCSI_TARGET_NAME=, …                      the same, in /etc/iscsi/iscsi.initramfs
 *   rd.iscsi.firmware, iscsi_auto, ISCSI_AUTO= the targets of the firmware's iBFT
 *
 * Where none of these is there it is those of /etc/initrdd/iscsi, whose lines are
 * TARGET ADDRESS PORT GROUP INITIATOR [USER PASSWORD [USER PASSWORD]]
 *
 * TARGET has colons of its own. It begins at the first "iqn.", "eui." or "naa." that follows a colon;
 * where there is none the fields are counted. A server that is an IPv6 address stands in [].
 * The protocol can only be TCP and is ignored.
 *
 * A name goes into a udev rule and into a link's name, so it has no character that means anything there.
 */

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "fd-util.h"
#include "iscsi.h"
#include "string-util.h"

#define CONF "/etc/iscsi/iscsi.initramfs"
#define HOST_TARGETS "/etc/initrdd/iscsi"
/* Of open-iscsi, with the NUL byte. */
#define NAME_MAX_LENGTH 224
#define SECRET_MAX_LENGTH 256

static void target_done(IscsiTarget *t) {
        free(t->name);
        free(t->address);
        free(t->port);
        free(t->group);
        free(t->lun);
        free(t->user);
        free(t->password);
        free(t->user_in);
        free(t->password_in);
        free(t->iface);
        free(t->netdev);
        free(t->initiator);
}

void iscsi_done(Iscsi *iscsi) {
        for (size_t i = 0; i < iscsi->n_targets; i++)
                target_done(&iscsi->targets[i]);
        free(iscsi->targets);
        free(iscsi->initiator);
        strv_free(iscsi->params);
}

static bool is_made_of(const char *s, const char *others, size_t max) {
        size_t n = strlen(s);

        if (n == 0 || n >= max)
                return false;
        for (; *s; s++)
                if (!isascii(*s) || !(isalnum((unsigned char) *s) || strchr(others, *s)))
                        return false;
        return true;
}

static bool is_number(const char *s, unsigned max) {
        unsigned n;

        return isdigit((unsigned char) *s) && parse_unsigned(s, &n) >= 0 && n <= max;
}

static bool is_secret(const char *s) {
        size_t n = strlen(s);

        if (n == 0 || n >= SECRET_MAX_LENGTH)
                return false;
        for (; *s; s++)
                if (iscntrl((unsigned char) *s))
                        return false;
        return true;
}

/* The word as it may be shown: what stands before the last "@" may be a password. */
static void warn(const Generator *g, const char *word, const char *text) {
        const char *at = strrchr(word, '@'), *colon = strchr(word, ':');

        if (at && colon && colon < at)
                generator_warn(g, "%.*s:...%s %s and was ignored", (int) (colon - word), word, at,
                               text);
        else
                generator_warn(g, "%s %s and was ignored", word, text);
}

/* Where a value of a target stands, and what it may be. */
static const struct {
        size_t offset;
        const char *option, *debian, *variable;
        enum { TEXT, SECRET, PORT, NUMBER } kind;
} values[] = {
#define AT(member) offsetof(IscsiTarget, member)
        { AT(name), "rd.iscsi.target.name", "iscsi_target_name", "ISCSI_TARGET_NAME", TEXT },
        { AT(address), "rd.iscsi.target.ip", "iscsi_target_ip", "ISCSI_TARGET_IP", TEXT },
        { AT(port), "rd.iscsi.target.port", "iscsi_target_port", "ISCSI_TARGET_PORT", PORT },
        { AT(group), "rd.iscsi.target.group", "iscsi_target_group", "ISCSI_TARGET_GROUP", NUMBER },
        { AT(lun), "rd.iscsi.lun", NULL, NULL, NUMBER },
        { AT(user), "rd.iscsi.username", "iscsi_username", "ISCSI_USERNAME", SECRET },
        { AT(password), "rd.iscsi.password", "iscsi_password", "ISCSI_PASSWORD", SECRET },
        { AT(user_in), "rd.iscsi.in.username", "iscsi_in_username", "ISCSI_IN_USERNAME", SECRET },
        { AT(password_in), "rd.iscsi.in.password", "iscsi_in_password", "ISCSI_IN_PASSWORD",
          SECRET },
#undef AT
};

static char **value_at(IscsiTarget *t, size_t i) {
        return (char **) ((char *) t + values[i].offset);
}

/* The last of the command line, else that of the file. Borrowed; NULL: not there. */
static const char *find_value(const Generator *g, char *const *conf, const char *option,
                              const char *debian, const char *variable) {
        const char *value = option ? option_get(g, option) : NULL, *v;

        if (!value && debian)
                value = option_get(g, debian);
        if (!value && variable)
                STRV_FOREACH(line, conf)
                        if ((v = option_value(*line, variable)))
                                value = v;
        return value && *value ? value : NULL;
}

/* What is said of no target in particular. */
static int read_defaults(const Generator *g, char *const *conf, IscsiTarget *t) {
        for (size_t i = 0; i < ELEMENTSOF(values); i++) {
                const char *v = find_value(g, conf, values[i].option, values[i].debian,
                                           values[i].variable);
                bool good;

                if (!v)
                        continue;
                good = values[i].kind == PORT     ? is_number(v, 65535)
                       : values[i].kind == NUMBER ? is_number(v, 65535)
                       : values[i].kind == SECRET ? is_secret(v)
                                                  : true;
                if (!good) {
                        generator_warn(g, "%s= has a value that can't be and was ignored",
                                       values[i].option);
                        continue;
                }
                if (!(*value_at(t, i) = strdup(v)))
                        return -ENOMEM;
        }
        if ((t->user && !t->password) || (t->user_in && !t->password_in))
                generator_warn(g, "rd.iscsi.username= means nothing without rd.iscsi.password=");
        return 0;
}

static int copy_default(char **to, const char *value) {
        if (*to || !value)
                return 0;
        return (*to = strdup(value)) ? 0 : -ENOMEM;
}

/* Adds a target, with what it lacks from the defaults; takes it, also on failure. */
static int add_target(const Generator *g, Iscsi *iscsi, IscsiTarget *t,
                      const IscsiTarget *defaults, const char *word) {
        const char *wrong = NULL;
        int r = 0;

        if (!t->address)
                wrong = "names no server";
        else if (!is_made_of(t->address, ".:-_", NAME_MAX_LENGTH))
                wrong = "has no address or name of a server";
        else if (!t->name || !is_made_of(t->name, ".:-_+", NAME_MAX_LENGTH))
                wrong = "names no target";
        if (wrong) {
                warn(g, word, wrong);
                target_done(t);
                return 0;
        }
        /* A user of one target has nothing to do with the password of another. */
        if (!t->user) {
                r = copy_default(&t->user, defaults->user);
                if (r >= 0)
                        r = copy_default(&t->password, defaults->password);
                if (r >= 0)
                        r = copy_default(&t->user_in, defaults->user_in);
                if (r >= 0)
                        r = copy_default(&t->password_in, defaults->password_in);
        }
        if (r >= 0)
                r = copy_default(&t->port, defaults->port ?: "3260");
        if (r >= 0)
                r = copy_default(&t->group, defaults->group ?: "1");
        if (r >= 0)
                r = copy_default(&t->lun, defaults->lun ?: "0");
        if (r >= 0 && !GREEDY_REALLOC(iscsi->targets, iscsi->allocated, iscsi->n_targets + 1))
                r = -ENOMEM;
        if (r < 0) {
                target_done(t);
                return r;
        }
        iscsi->targets[iscsi->n_targets++] = *t;
        return 0;
}

static int split_fields(const char *s, size_t n, char ***ret) {
        _cleanup_free_ char *copy = strndup(s, n);

        if (!copy)
                return -ENOMEM;
        for (char *p = copy;;) {
                char *colon = strchr(p, ':');

                if (colon)
                        *colon = '\0';
                if (strv_extend(ret, p) < 0)
                        return -ENOMEM;
                if (!colon)
                        return 0;
                p = colon + 1;
        }
}

static int take(char **to, const char *s) {
        if (*s == '\0')
                return 0;
        return (*to = strdup(s)) ? 0 : -ENOMEM;
}

/* USER:PASSWORD[:USER:PASSWORD]; -EINVAL. */
static int parse_login(const char *s, size_t n, IscsiTarget *t) {
        _cleanup_strv_free_ char **f = NULL;
        size_t count;
        int r;

        if (n == 0)
                return 0;
        r = split_fields(s, n, &f);
        if (r < 0)
                return r;
        count = strv_length(f);
        if (count != 2 && count != 4)
                return -EINVAL;
        STRV_FOREACH(field, f)
                if (!is_secret(*field))
                        return -EINVAL;
        if ((r = take(&t->user, f[0])) < 0 || (r = take(&t->password, f[1])) < 0 || count == 2)
                return r;
        r = take(&t->user_in, f[2]);
        return r < 0 ? r : take(&t->password_in, f[3]);
}

/* Where TARGET begins in ":PROTOCOL:PORT:…:TARGET", or NULL. */
static const char *find_name(const char *s) {
        static const char *const kinds[] = { ":iqn.", ":eui.", ":naa." };
        const char *first = NULL;

        for (size_t i = 0; i < ELEMENTSOF(kinds); i++) {
                const char *p = strstr(s, kinds[i]);

                if (p && (!first || p < first))
                        first = p;
        }
        if (first)
                return first + 1;
        for (size_t n = 0; s && n < 3; n++)
                s = strchr(s + 1, ':');
        return s ? s + 1 : NULL;
}

/* Where what follows "SERVER" or "[SERVER]" begins, at a colon. 0, -EINVAL, -ENOMEM. */
static int parse_server(const char *s, IscsiTarget *t, const char **ret_rest) {
        const char *end;

        if (*s == '[') {
                end = strchr(++s, ']');
                if (!end || end[1] != ':' || end == s)
                        return -EINVAL;
                *ret_rest = end + 1;
        } else {
                end = strchr(s, ':');
                if (!end)
                        return -EINVAL;
                *ret_rest = end;
        }
        if (end == s)
                return 0;
        return (t->address = strndup(s, (size_t) (end - s))) ? 0 : -ENOMEM;
}

/* 0, -ENOMEM, or -EINVAL with what is wrong. */
static int parse_spec(const char *spec, IscsiTarget *t, const char **ret_wrong) {
        _cleanup_strv_free_ char **f = NULL;
        const char *at = strchr(spec, '@'), *rest = spec, *name;
        size_t n, i;
        int r;

        if (at) {
                r = parse_login(spec, (size_t) (at - spec), t);
                if (r == -EINVAL)
                        *ret_wrong = "has a login that is not USER:PASSWORD[:USER:PASSWORD]";
                if (r < 0)
                        return r;
                rest = at + 1;
        }
        *ret_wrong = "is not SERVER:PROTOCOL:PORT:LUN:TARGET";
        r = parse_server(rest, t, &rest);
        if (r < 0)
                return r;
        name = find_name(rest);
        if (!name || name - rest < 2)
                return -EINVAL;
        r = split_fields(rest + 1, (size_t) (name - rest - 2), &f);
        if (r < 0)
                return r;
        n = strv_length(f);
        if (n < 3 || n > 5)
                return -EINVAL;
        i = n - 1;
        *ret_wrong = "has a port or a LUN that is no number";
        if ((*f[1] && !is_number(f[1], 65535)) || (*f[i] && !is_number(f[i], 65535)))
                return -EINVAL;
        *ret_wrong = "names no interface";
        for (size_t k = 2; k < i; k++)
                if (*f[k] && !is_made_of(f[k], ".:-_", NAME_MAX_LENGTH))
                        return -EINVAL;
        if ((r = take(&t->port, f[1])) < 0 || (r = take(&t->lun, f[i])) < 0 ||
            (n > 3 && (r = take(&t->iface, f[2])) < 0) ||
            (n > 4 && (r = take(&t->netdev, f[3])) < 0))
                return r;
        return (t->name = strdup(name)) ? 0 : -ENOMEM;
}

static int add_spec(const Generator *g, Iscsi *iscsi, const IscsiTarget *defaults,
                    const char *word, const char *spec) {
        const char *wrong = NULL;
        IscsiTarget t = {};
        int r;

        /* What the firmware knows. */
        if (*spec == '\0') {
                iscsi->firmware = true;
                return 0;
        }
        r = parse_spec(spec, &t, &wrong);
        if (r >= 0)
                return add_target(g, iscsi, &t, defaults, word);
        target_done(&t);
        if (r != -EINVAL)
                return r;
        warn(g, word, wrong);
        return 0;
}

/* The value of an option that is "iscsi:SPEC", or "iscsi" alone. */
static const char *spec_of(const char *word, const char *key) {
        const char *value = option_value(word, key);

        if (!value || !(value = startswith(value, "iscsi")) || (*value && *value != ':'))
                return NULL;
        return *value ? value + 1 : value;
}

/* First the target of root=, if that is one. */
static int find_specs(const Generator *g, Iscsi *iscsi, const IscsiTarget *defaults) {
        const char *root = option_get(g, "root"), *named = NULL;
        int r;

        STRV_FOREACH(word, g->words)
                if (root && option_value(*word, "root") == root && spec_of(*word, "root"))
                        named = *word;
        if (named) {
                r = add_spec(g, iscsi, defaults, named, spec_of(named, "root"));
                if (r < 0)
                        return r;
                iscsi->root = iscsi->n_targets > 0 || iscsi->firmware;
        }
        STRV_FOREACH(word, g->words) {
                const char *spec = spec_of(*word, "netroot");

                if (!spec && *word != named)
                        spec = spec_of(*word, "root");
                if (!spec)
                        continue;
                r = add_spec(g, iscsi, defaults, *word, spec);
                if (r < 0)
                        return r;
        }
        return 0;
}

/* The target that is named by options of its own; there may be several ways to it. */
static int add_named(const Generator *g, Iscsi *iscsi, const IscsiTarget *defaults) {
        _cleanup_strv_free_ char **addresses = NULL;

        if (!defaults->name && !defaults->address)
                return 0;
        /* The command line names others than the file does. */
        if (iscsi->n_targets > 0 && !option_get(g, "rd.iscsi.target.name") &&
            !option_get(g, "iscsi_target_name"))
                return 0;
        if (!defaults->name || !defaults->address) {
                generator_warn(g, "rd.iscsi.target.%s= means nothing without rd.iscsi.target.%s=",
                               defaults->name ? "name" : "ip", defaults->name ? "ip" : "name");
                return 0;
        }
        if (strv_split(&addresses, defaults->address, " \t") < 0)
                return -ENOMEM;
        STRV_FOREACH(address, addresses) {
                IscsiTarget t = { .name = strdup(defaults->name), .address = strdup(*address) };
                int r;

                if (!t.name || !t.address) {
                        target_done(&t);
                        return -ENOMEM;
                }
                r = add_target(g, iscsi, &t, defaults, "rd.iscsi.target.ip=");
                if (r < 0)
                        return r;
        }
        return 0;
}

/* The lines of a file, without comments; none when it is not there. */
static int read_lines(const Generator *g, const char *name, char ***ret) {
        _cleanup_free_ char *path = NULL, *text = NULL;
        size_t size;
        int r;

        if (str_printf(&path, "%s%s", g->root, name) < 0)
                return -ENOMEM;
        r = file_read_at(AT_FDCWD, path, 1024 * 1024, &text, &size);
        if (r == -ENOENT)
                return 0;
        if (r < 0) {
                generator_warn(g, "%s can't be read: %s", path, strerror(-r));
                return r == -ENOMEM ? r : 0;
        }
        return strv_split(ret, text, "\n");
}

/* A line is a variable of a shell. */
static int read_conf(const Generator *g, char ***ret) {
        _cleanup_strv_free_ char **lines = NULL;
        int r;

        r = read_lines(g, CONF, &lines);
        STRV_FOREACH(line, lines) {
                _cleanup_strv_free_ char **words = NULL;

                if (**line == '#' || strv_split_quoted(&words, *line) < 0 || !words || !*words)
                        continue;
                if (strv_extend(ret, *words) < 0)
                        return -ENOMEM;
        }
        return r;
}

static int add_host_target(const Generator *g, Iscsi *iscsi, const IscsiTarget *defaults,
                           char **words) {
        size_t n = strv_length(words);
        IscsiTarget t = {};
        char **members[] = { &t.name, &t.address,  &t.port,    &t.group,      &t.initiator,
                             &t.user, &t.password, &t.user_in, &t.password_in };
        int r = 0;

        if (n != 5 && n != 7 && n != 9) {
                generator_warn(g, "A line of " HOST_TARGETS " was not understood and was ignored");
                return 0;
        }
        for (size_t i = 0; i < n && r >= 0; i++)
                r = take(members[i], words[i]);
        if (r < 0) {
                target_done(&t);
                return r;
        }
        return add_target(g, iscsi, &t, defaults, HOST_TARGETS);
}

static int add_host_targets(const Generator *g, Iscsi *iscsi, const IscsiTarget *defaults) {
        _cleanup_strv_free_ char **lines = NULL;
        int r;

        r = read_lines(g, HOST_TARGETS, &lines);
        STRV_FOREACH(line, lines) {
                _cleanup_strv_free_ char **words = NULL;

                if (r >= 0)
                        r = strv_split_quoted(&words, *line);
                if (r == -EINVAL)
                        r = 0; /* too few of them */
                if (r >= 0)
                        r = add_host_target(g, iscsi, defaults, words);
        }
        return r;
}

static int read_params(const Generator *g, Iscsi *iscsi) {
        STRV_FOREACH(word, g->words) {
                const char *value = option_value(*word, "rd.iscsi.param");
                const char *sign = value ? strchr(value, '=') : NULL;

                if (!value)
                        continue;
                if (!sign || sign == value || sign[1] == '\0')
                        generator_warn(g, "rd.iscsi.param= is not NAME=VALUE and was ignored");
                else if (strv_extend(&iscsi->params, value) < 0)
                        return -ENOMEM;
        }
        return 0;
}

static int read_rest(const Generator *g, char *const *conf, Iscsi *iscsi) {
        const char *initiator = find_value(g, conf, "rd.iscsi.initiator", "iscsi_initiator",
                                           "ISCSI_INITIATOR");
        const char *retry = option_get(g, "rd.iscsi.login_retry_max");

        iscsi->wait = option_bool(g, "rd.iscsi.waitnet", true);
        if (option_bool(g, "rd.iscsi.firmware", false) || option_bool(g, "iscsi_auto", false) ||
            find_value(g, conf, NULL, NULL, "ISCSI_AUTO"))
                iscsi->firmware = true;
        if (retry && is_number(retry, 10000))
                iscsi->retry_max = atoi(retry);
        else if (retry)
                generator_warn(g, "rd.iscsi.login_retry_max=%s is no number and was ignored",
                               retry);
        if (initiator && !is_made_of(initiator, ".:-_+", NAME_MAX_LENGTH))
                generator_warn(g, "rd.iscsi.initiator=%s is no name and was ignored", initiator);
        else if (initiator && !(iscsi->initiator = strdup(initiator)))
                return -ENOMEM;
        return read_params(g, iscsi);
}

int iscsi_read(const Generator *g, Iscsi *ret) {
        _cleanup_iscsi_ Iscsi iscsi = { .retry_max = -1 };
        _cleanup_strv_free_ char **conf = NULL;
        IscsiTarget defaults = {};
        int r;

        r = read_conf(g, &conf);
        if (r >= 0)
                r = read_defaults(g, conf, &defaults);
        if (r >= 0)
                r = find_specs(g, &iscsi, &defaults);
        if (r >= 0)
                r = add_named(g, &iscsi, &defaults);
        if (r >= 0)
                r = read_rest(g, conf, &iscsi);
        if (r >= 0 && iscsi.n_targets == 0 && !iscsi.firmware)
                r = add_host_targets(g, &iscsi, &defaults);
        target_done(&defaults);
        if (r < 0)
                return r;
        *ret = iscsi;
        iscsi = (Iscsi) {};
        return ret->n_targets > 0 || ret->firmware;
}
