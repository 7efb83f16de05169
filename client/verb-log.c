/* SPDX-License-Identifier: GPL-2.0-or-later */

/* log: what the service and its helpers wrote to the journal. */

#include <stdio.h>
#include <unistd.h>

#include "client.h"
#include "string-util.h"

int verb_log(int argc, char *argv[]) {
        _cleanup_strv_free_ char **command = NULL;
        _cleanup_free_ char *kernel = NULL, *machine = NULL, *lines = NULL;
        const char *words[] = {
                "journalctl",
                "--unit=initrdd.service",
                "--unit=initrdd-*.service",
                arg_follow ? "--follow" : NULL,
                arg_quiet ? "--quiet" : NULL,
                arg_pager ? NULL : "--no-pager",
                arg_json == JSON_MODE_SHORT    ? "--output=json"
                : arg_json == JSON_MODE_PRETTY ? "--output=json-pretty"
                                               : NULL,
        };
        int r = 0;

        if (arg_transport == TRANSPORT_REMOTE) {
                say("The journal of another machine isn't read over the bus; try `ssh %s "
                    "initrdctl log`.",
                    arg_host);
                return EXIT_STATUS_USAGE;
        }
        for (size_t i = 0; i < ELEMENTSOF(words) && r >= 0; i++)
                if (words[i])
                        r = strv_extend(&command, words[i]);
        if (r >= 0 && arg_lines && (r = str_printf(&lines, "--lines=%s", arg_lines)) >= 0)
                r = strv_extend(&command, lines);
        if (r >= 0 && arg_host && (r = str_printf(&machine, "--machine=%s", arg_host)) >= 0)
                r = strv_extend(&command, machine);
        if (r >= 0 && argc > 1 && (r = str_printf(&kernel, "KERNEL=%s", argv[1])) >= 0)
                r = strv_extend(&command, kernel);
        if (r < 0)
                return EXIT_STATUS_FAILED;
        execvp(command[0], command);
        say("journalctl can't be started: %s", strerror(errno));
        return EXIT_STATUS_FAILED;
}
