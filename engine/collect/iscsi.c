/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Which iSCSI targets this machine's root is on, for an image that is started without being told. A
 * line each, mode 0600, values in "…" with backslashes:
 *
 *   TARGET ADDRESS PORT GROUP INITIATOR [USER PASSWORD [USER PASSWORD]]
 *
 * GROUP and INITIATOR may be "". The passwords are those of open-iscsi's record of the node, of that
 * target and no other: the first of
 *
 *   /etc/iscsi/nodes/TARGET/ADDRESS,PORT,GROUP/default      Debian
 *   /var/lib/iscsi/nodes/…                                  elsewhere
 *
 * with lines "node.session.auth.password = …". Who has logged in by the kernel command line has no such
 * record, and says it there again.
 */

#include "collect/collect-internal.h"
#include "collect/iscsi.h"
#include "collect/word.h"
#include "path-util.h"
#include "string-util.h"

#define TARGETS "/etc/initrdd/iscsi"
#define WHY "this machine's iSCSI targets"

typedef struct Login {
        char *values[4]; /* in the order of the line */
} Login;

static const char *const keys[] = {
        "node.session.auth.username",
        "node.session.auth.password",
        "node.session.auth.username_in",
        "node.session.auth.password_in",
};

static void login_done(Login *login) {
        for (size_t i = 0; i < ELEMENTSOF(login->values); i++)
                free(login->values[i]);
}

static int parse_record(const char *text, size_t size, Login *login) {
        const char *p = text, *start;
        size_t n;

        while (line_next(&p, text + size, &start, &n)) {
                _cleanup_free_ char *line = strndup(start, n);
                char *sign = line ? strchr(line, '=') : NULL;

                if (!line)
                        return -ENOMEM;
                if (!sign)
                        continue;
                *sign = '\0';
                for (size_t i = 0; i < ELEMENTSOF(keys); i++) {
                        if (!streq(str_strip(line), keys[i]))
                                continue;
                        free(login->values[i]);
                        login->values[i] = strdup(str_strip(sign + 1));
                        if (!login->values[i])
                                return -ENOMEM;
                }
        }
        return 0;
}

static int find_login(Collector *c, Collection *out, const FactsIscsi *t, Login *login) {
        static const char *const places[] = { "/etc/iscsi/nodes", "/var/lib/iscsi/nodes" };

        for (size_t i = 0; i < ELEMENTSOF(places); i++) {
                _cleanup_free_ char *path = NULL, *text = NULL;
                size_t size;
                int r;

                if (str_printf(&path, "%s/%s/%s,%s,%s/default", places[i], t->target, t->address,
                               t->port, t->group ?: "1") < 0)
                        return -ENOMEM;
                r = source_read(c->source, out->trace, path, &text, &size);
                if (r >= 0)
                        return parse_record(text, size, login);
                if (!is_missing(r))
                        return r;
        }
        return 0;
}

static int add_value(char **line, const char *value) {
        _cleanup_free_ char *quoted = malloc(2 * strlen(value) + 1), *longer = NULL;
        char *o = quoted;

        if (!quoted)
                return -ENOMEM;
        for (const char *p = value; *p; p++) {
                if (*p == '"' || *p == '\\')
                        *o++ = '\\';
                *o++ = *p;
        }
        *o = '\0';
        if (str_printf(&longer, "%s%s\"%s\"", *line ?: "", *line ? " " : "", quoted) < 0)
                return -ENOMEM;
        free(*line);
        *line = TAKE_PTR(longer);
        return 0;
}

static int add_target(Collector *c, Collection *out, const FactsIscsi *t, char ***lines) {
        const char *values[] = { t->target, t->address, t->port, t->group ?: "",
                                 t->initiator ?: "" };
        _cleanup_free_ char *line = NULL;
        Login login = {};
        size_t n = 0;
        int r;

        r = find_login(c, out, t, &login);
        /* A user without a password is none; so is a target that must prove nothing. */
        if (r >= 0 && login.values[0] && login.values[1])
                n = login.values[2] && login.values[3] ? 4 : 2;
        for (size_t i = 0; i < ELEMENTSOF(values) && r >= 0; i++)
                r = add_value(&line, values[i]);
        for (size_t i = 0; i < n && r >= 0; i++)
                r = add_value(&line, login.values[i]);
        login_done(&login);
        return r < 0 ? r : strv_consume(lines, TAKE_PTR(line));
}

int collect_iscsi(Collector *collector, Collection **ret) {
        _cleanup_(collection_freep) Collection *out = NULL;
        _cleanup_strv_free_ char **lines = NULL;
        const Facts *facts = collector->facts;
        int r;

        r = collection_new(&out);
        for (size_t i = 0; i < facts->n_iscsi && r >= 0; i++)
                r = add_target(collector, out, &facts->iscsi[i], &lines);
        if (r >= 0)
                r = collect_lines(collector, out, TARGETS, lines, WHY);
        if (r == -ENOMEM)
                return report_oom(collector->report);
        if (r < 0)
                return report_fail(collector->report, FAILURE_BUILD_FAILED, r, TARGETS, 0,
                                   "It can't be made for the image: %s", strerror(-r));
        *ret = TAKE_PTR(out);
        return 0;
}
