/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * systemd's own generators that most boots have nothing for. To start one takes longer than all that this
 * program does, and PID 1 would start each at every boot; so they lie where it doesn't look, and are started from
 * here. What each of them looks at is what its source says, of systemd 252 to 257; in doubt it is started.
 *
 * They run beside each other and beside this program, as they would under PID 1, with the same arguments.
 */

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "generator.h"
#include "path-util.h"
#include "process-util.h"
#include "string-util.h"

#define VARIABLE(name) "/sys/firmware/efi/efivars/" name "-8cf2644b-4b0b-428f-9387-6d876050dc67"

/* root= names a disk, a server, an image. Words of systemd's own ("gpt-auto") are without these. */
static bool finds_root(const Generator *g) {
        bool named = false;

        STRV_FOREACH(word, g->words) {
                const char *value = option_value(*word, "root");

                if (value && strpbrk(value, "/=:"))
                        named = true;
                value = strchr(*word, '=');
                if (value && startswith(value + 1, "gpt-auto"))
                        return true;
        }
        return !named;
}

static const struct {
        const char *name;
        const char *options[4]; /* what their names begin with, behind an "rd." */
        const char *paths[2]; /* what else it looks for */
        bool (*wanted)(const Generator *g);
} generators[] = {
        { "systemd-cryptsetup-generator", { "luks" }, { "/etc/crypttab" }, NULL },
        { "systemd-debug-generator",
          { "systemd." },
          { "/run/credentials/@system", "/run/credentials/@encrypted" },
          NULL },
        { "systemd-gpt-auto-generator", {}, {}, finds_root },
        { "systemd-hibernate-resume-generator",
          { "resume", "hibernate" },
          { VARIABLE("HibernateLocation") },
          NULL },
        { "systemd-integritysetup-generator", { "integrity" }, { "/etc/integritytab" }, NULL },
        { "systemd-veritysetup-generator",
          { "roothash", "usrhash", "systemd.verity", "veritytab" },
          { "/etc/veritytab" },
          NULL },
};

static bool is_there(const Generator *g, const char *path) {
        _cleanup_free_ char *whole = NULL;

        /* What can't be looked at may be there. */
        return str_printf(&whole, "%s%s", g->root, path) < 0 || access(whole, F_OK) >= 0 ||
               errno != ENOENT;
}

/* An admin's own, or none at all, which PID 1 finds. */
static bool is_replaced(const Generator *g, const char *name) {
        _cleanup_free_ char *path = NULL, *masked = NULL;

        return str_printf(&path, "%s/etc/systemd/system-generators/%s", g->root, name) >= 0 &&
               str_printf(&masked, "%s/run/systemd/system-generators/%s", g->root, name) >= 0 &&
               (access(path, F_OK) >= 0 || access(masked, F_OK) >= 0);
}

static bool is_wanted(const Generator *g, const char *name) {
        size_t i = 0;

        while (i < ELEMENTSOF(generators) && !streq(generators[i].name, name))
                i++;
        /* The variable has more of the kernel command line, for systemd alone. */
        if (i == ELEMENTSOF(generators) || is_there(g, VARIABLE("SystemdOptions")))
                return true;
        if (generators[i].wanted && generators[i].wanted(g))
                return true;
        for (size_t k = 0; k < ELEMENTSOF(generators[i].paths) && generators[i].paths[k]; k++)
                if (is_there(g, generators[i].paths[k]))
                        return true;
        STRV_FOREACH(word, g->words) {
                const char *option = startswith(*word, "rd.") ?: *word;

                for (size_t k = 0; k < ELEMENTSOF(generators[i].options); k++)
                        if (generators[i].options[k] &&
                            startswith(option, generators[i].options[k]))
                                return true;
        }
        return false;
}

int on_demand_start(const Generator *g, bool all, OnDemand *o) {
        _cleanup_free_ char *directory = NULL;
        const struct dirent *entry;
        int r = 0;
        DIR *d;

        if (str_printf(&directory, "%s" ON_DEMAND_DIRECTORY, g->root) < 0)
                return -ENOMEM;
        d = opendir(directory);
        if (!d && errno != ENOENT)
                r = -errno;
        while (d && r >= 0 && (entry = readdir(d))) {
                _cleanup_free_ char *path = NULL;

                if (*entry->d_name == '.' || is_replaced(g, entry->d_name) ||
                    (!all && !is_wanted(g, entry->d_name)))
                        continue;
                if (!GREEDY_REALLOC(o->pids, o->n_allocated, o->n + 1) ||
                    !(path = path_join(directory, entry->d_name))) {
                        r = -ENOMEM;
                        break;
                }
                o->pids[o->n] = fork();
                if (o->pids[o->n] == 0) {
                        execl(path, path, g->normal, g->early, g->late, NULL);
                        _exit(127);
                }
                if (o->pids[o->n] < 0)
                        r = -errno;
                else
                        o->n++;
        }
        if (d)
                closedir(d);
        if (r < 0)
                generator_warn(g, "Not all of %s could be started: %s", directory, strerror(-r));
        return r;
}

int on_demand_wait(const Generator *g, OnDemand *o) {
        int r = 0;

        for (size_t i = 0; i < o->n; i++)
                if (!process_succeeded(process_wait(o->pids[i])))
                        r = -EIO;
        /* It says itself what went wrong, in its own name. */
        free(TAKE_PTR(o->pids));
        *o = (OnDemand) {};
        return r;
}
