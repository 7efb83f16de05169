/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * What somebody who watches a boot asks for.
 *
 *   rd.break[=STEP]        a shell before that step; break[=STEP] of initramfs-tools
 *   rd.shell=0             no shell when the boot fails; what rd.emergency= says is done
 *   rd.emergency=ACTION    reboot, poweroff or halt (without rd.shell=0 it means nothing)
 *   rd.info, rd.debug      what is started is told on the console; all that PID 1 and udev have to
 *                          say is in the journal
 *
 * A step is a point between units of the initrd, and the shell a unit there. Who may have it is what
 * the image's Emergency= says: sulogin asks for the password.
 */

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "generator.h"
#include "string-util.h"

typedef struct Step {
        const char *name, *target, *after, *before;
} Step;

static const Step steps[] = {
        { "cmdline", "sysinit.target", "systemd-journald.socket",
          "systemd-modules-load.service systemd-udevd.service" },
        { "pre-udev", "sysinit.target", "systemd-journald.socket systemd-modules-load.service",
          "systemd-udevd.service" },
        { "pre-trigger", "sysinit.target", "systemd-udevd.service",
          "systemd-udev-trigger.service" },
        { "initqueue", "initrd.target", "systemd-udev-trigger.service",
          "cryptsetup.target initrd-root-device.target" },
        { "pre-mount", "initrd.target", "initrd-root-device.target",
          "systemd-fsck-root.service sysroot.mount" },
        { "mount", "initrd.target", "sysroot.mount", "initrd-root-fs.target" },
        { "pre-pivot", "initrd.target", "initrd-root-fs.target initrd-fs.target",
          "initrd-cleanup.service" },
        { "cleanup", "initrd-switch-root.target", "initrd-cleanup.service",
          "initrd-udevadm-cleanup-db.service initrd-switch-root.service" },
};
/* initramfs-tools(7) */
static const struct {
        const char *name, *step;
} others[] = {
        { "top", "cmdline" },     { "modules", "pre-udev" },    { "premount", "pre-mount" },
        { "mount", "pre-mount" }, { "mountroot", "pre-mount" }, { "bottom", "pre-pivot" },
        { "init", "cleanup" },
};

static const Step *find_step(const char *name) {
        for (size_t i = 0; i < ELEMENTSOF(steps); i++)
                if (streq(steps[i].name, name))
                        return &steps[i];
        return NULL;
}

static const Step *find_other(const char *name) {
        if (*name == '\0')
                return find_step("pre-mount");
        for (size_t i = 0; i < ELEMENTSOF(others); i++)
                if (streq(others[i].name, name))
                        return find_step(others[i].step);
        return NULL;
}

static int add_break(const Generator *g, const Step *step) {
        _cleanup_free_ char *unit = NULL, *text = NULL;
        int r;

        if (str_printf(&unit, "initrdd-break-%s.service", step->name) < 0 ||
            str_printf(&text,
                       "[Unit]\n"
                       "Description=Shell Before Step %s\n"
                       "DefaultDependencies=no\n"
                       "After=%s\n"
                       "Before=%s\n"
                       "Conflicts=shutdown.target emergency.target\n"
                       "\n"
                       "[Service]\n"
                       "Type=oneshot\n"
                       "Environment=HOME=/ \"PS1=%s:\\\\w# \"\n"
                       "WorkingDirectory=/\n"
                       "ExecStartPre=-plymouth --wait quit\n"
                       /* Emergency=open sets the variable: systemd-sulogin-shell, which has one of
                        * its own, would start the default target afterwards. */
                       "ExecStart=-sulogin $INITRDD_SULOGIN\n"
                       "StandardInput=tty-force\n"
                       "StandardOutput=inherit\n"
                       "StandardError=inherit\n"
                       "KillMode=process\n"
                       "IgnoreSIGPIPE=no\n",
                       step->name, step->after, step->before, step->name) < 0)
                return -ENOMEM;
        r = generator_write(g, g->normal, unit, text);
        return r < 0 ? r : generator_add_symlink(g, step->target, "wants", unit);
}

static int add_breaks(const Generator *g) {
        STRV_FOREACH(word, g->words) {
                const char *value = option_value(*word, "rd.break"), *other;
                const Step *step = NULL;
                int r;

                other = option_value(*word, "break");
                if (!value && !other)
                        continue;
                if (value)
                        step = find_step(*value || endswith(*word, "=") ? value : "cleanup");
                else
                        step = find_other(other);
                if (!step) {
                        generator_warn(g, "%s names no step of the boot and was ignored", *word);
                        continue;
                }
                r = add_break(g, step);
                if (r < 0)
                        return r;
        }
        return 0;
}

static int add_emergency(const Generator *g) {
        const char *action = option_get(g, "rd.emergency");
        _cleanup_free_ char *text = NULL;

        if (action && !streq(action, "reboot") && !streq(action, "poweroff") &&
            !streq(action, "halt")) {
                generator_warn(g,
                               "rd.emergency=%s is none of reboot, poweroff and halt and was "
                               "ignored",
                               action);
                action = NULL;
        }
        if (option_bool(g, "rd.shell", true))
                return 0;
        if (str_printf(&text,
                       "[Unit]\n"
                       "Description=End of a Boot That Failed\n"
                       "DefaultDependencies=no\n"
                       "\n"
                       "[Service]\n"
                       "Type=oneshot\n"
                       "StandardOutput=journal+console\n"
                       "ExecStartPre=-systemctl --no-pager --no-legend --plain --failed\n"
                       "ExecStartPre=-journalctl --no-pager --quiet --boot --lines=20 "
                       "--priority=warning --output=cat\n"
                       "ExecStart=systemctl --force %s\n",
                       action ?: "halt") < 0)
                return -ENOMEM;
        return generator_write(g, g->early, "emergency.service", text);
}

/* systemd(1): SIGRTMIN+20 shows the status, SIGRTMIN+22 logs everything. */
static int add_debug(const Generator *g, bool debug) {
        static const char udev[] = "[Service]\nEnvironment=SYSTEMD_LOG_LEVEL=debug\n";

        if (!*g->root && (kill(1, SIGRTMIN + 20) < 0 || (debug && kill(1, SIGRTMIN + 22) < 0)))
                generator_warn(g, "PID 1 can't be told to say more: %s", strerror(errno));
        return debug ? generator_write(g, g->normal, "systemd-udevd.service.d/60-initrdd.conf",
                                       udev)
                     : 0;
}

int generate_console(const Generator *g) {
        bool debug = option_bool(g, "rd.debug", false), info = option_bool(g, "rd.info", false);
        int r;

        r = add_breaks(g);
        if (r >= 0)
                r = add_emergency(g);
        if (r >= 0 && (debug || info))
                r = add_debug(g, debug);
        return r;
}
