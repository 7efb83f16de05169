/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * What somebody who watches a boot asks for.
 *
 *   rd.shell=0             no shell when the boot fails; what rd.emergency= says is done
 *   rd.emergency=ACTION    reboot, poweroff or halt (without rd.shell=0 it means nothing)
 *   rd.info, rd.debug      what is started, and what that has to say, is told on the console; with
 *                          rd.debug also all that PID 1 and udev have to say
 *   rd.plymouth=0          no splash; plymouth.enable=0 would be one for the real root, too
 */

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "generator.h"
#include "string-util.h"

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
                       "ExecStart=systemctl --force %s\n",
                       action ?: "halt") < 0)
                return -ENOMEM;
        return generator_write(g, g->early, "emergency.service", text);
}

/* PID 1 keeps its level over the switch of roots, so it is told again. */
static int add_debug_end(const Generator *g) {
        _cleanup_free_ char *text = NULL;
        int r;

        if (str_printf(&text,
                       "[Unit]\n"
                       "Description=End of rd.debug\n"
                       "DefaultDependencies=no\n"
                       "Before=initrd-switch-root.service\n"
                       "Conflicts=shutdown.target emergency.target\n"
                       "\n"
                       "[Service]\n"
                       "Type=oneshot\n"
                       "ExecStart=-sh -c \"kill -%d 1\"\n",
                       SIGRTMIN + 23) < 0)
                return -ENOMEM;
        r = generator_write(g, g->normal, "initrdd-debug-end.service", text);
        return r < 0 ? r
                     : generator_add_symlink(g, "initrd-switch-root.target", "wants",
                                             "initrdd-debug-end.service");
}

/* systemd(1): SIGRTMIN+20 shows the status, SIGRTMIN+22 logs everything, SIGRTMIN+23 as much as without.
 * The journal is in the image's own /etc: the real root's goes on as it is configured there. */
static int add_debug(const Generator *g, bool debug) {
        static const char udev[] = "[Service]\nEnvironment=SYSTEMD_LOG_LEVEL=debug\n";
        _cleanup_free_ char *journal = NULL;
        int r;

        if (!*g->root && (kill(1, SIGRTMIN + 20) < 0 || (debug && kill(1, SIGRTMIN + 22) < 0)))
                generator_warn(g, "PID 1 can't be told to say more: %s", strerror(errno));
        if (str_printf(&journal, "[Journal]\nForwardToConsole=yes\nMaxLevelConsole=%s\n",
                       debug ? "debug" : "info") < 0)
                return -ENOMEM;
        r = generator_write(g, "/etc/systemd/journald.conf.d", "60-initrdd.conf", journal);
        if (r < 0 || !debug)
                return r;
        r = generator_write(g, g->normal, "systemd-udevd.service.d/60-initrdd.conf", udev);
        return r < 0 ? r : add_debug_end(g);
}

int generate_console(const Generator *g) {
        bool debug = option_bool(g, "rd.debug", false), info = option_bool(g, "rd.info", false);
        int r;

        r = add_emergency(g);
        if (r >= 0 && (debug || info))
                r = add_debug(g, debug);
        if (r >= 0 && !option_bool(g, "rd.plymouth", true))
                r = generator_link(g, g->early, "plymouth-start.service", "/dev/null");
        return r;
}
