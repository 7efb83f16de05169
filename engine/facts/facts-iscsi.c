/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * With whom an iSCSI session is, so that an image can log in there by itself:
 *
 *   /sys/class/iscsi_session/sessionN       targetname, tpgt, initiatorname
 *   /sys/class/iscsi_connection/connectionN:0   persistent_address, persistent_port: as they were
 *                      given; what the target may have sent us on to is another
 *
 * The session's passwords are there, too, for root. They are not looked at: facts are shown to
 * everybody.
 */

#include "facts-host.h"
#include "path-util.h"
#include "string-util.h"

/* A value that is not there, or that can't be a part of a path, stays NULL. */
static int read_value(const Host *h, const char *class, const char *object, const char *attribute,
                      char **ret) {
        _cleanup_free_ char *path = NULL, *value = NULL;
        int r;

        if (str_printf(&path, "/sys/class/%s/%s/%s", class, object, attribute) < 0)
                return -ENOMEM;
        r = host_read(h, path, &value);
        if (r < 0)
                return r == -ENOMEM ? r : 0;
        if (filename_is_valid(value) && !streq(value, "<NULL>") && !strpbrk(value, " \t\n\"'\\"))
                *ret = TAKE_PTR(value);
        return 0;
}

static bool is_there(const Facts *facts, const FactsIscsi *t) {
        for (size_t i = 0; i < facts->n_iscsi; i++)
                if (streq(facts->iscsi[i].target, t->target) &&
                    streq(facts->iscsi[i].address, t->address) &&
                    streq(facts->iscsi[i].port, t->port))
                        return true;
        return false;
}

int host_add_iscsi(Host *h, const char *session) {
        _cleanup_free_ char *connection = NULL;
        FactsIscsi t = {}, *list;
        int r;

        if (str_printf(&connection, "connection%s:0", session + strlen("session")) < 0)
                return -ENOMEM;
        r = read_value(h, "iscsi_session", session, "targetname", &t.target);
        if (r >= 0)
                r = read_value(h, "iscsi_session", session, "tpgt", &t.group);
        if (r >= 0)
                r = read_value(h, "iscsi_session", session, "initiatorname", &t.initiator);
        if (r >= 0)
                r = read_value(h, "iscsi_connection", connection, "persistent_address",
                               &t.address);
        if (r >= 0)
                r = read_value(h, "iscsi_connection", connection, "persistent_port", &t.port);
        if (r < 0 || !t.target || !t.address || !t.port || is_there(h->facts, &t)) {
                facts_iscsi_done(&t);
                return r;
        }
        list = reallocarray(h->facts->iscsi, h->facts->n_iscsi + 1, sizeof(FactsIscsi));
        if (!list) {
                facts_iscsi_done(&t);
                return -ENOMEM;
        }
        h->facts->iscsi = list;
        list[h->facts->n_iscsi++] = t;
        return 0;
}
