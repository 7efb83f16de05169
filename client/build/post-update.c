/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Debian's contract (kernel-handbook, 8.4; initramfs-tools calls them likewise): run-parts with the
 * version and the absolute path of the image as arguments, once the image is in its place. A hook
 * that calls us again finds INITRDD_NESTED and gets neither a service nor hooks; INITRDD_IMAGE is for
 * kernel-install's plugin.
 */

#include <spawn.h>
#include <stdio.h>
#include <unistd.h>

#include "client.h"
#include "post-update.h"
#include "process-util.h"
#include "string-util.h"

#define HOOKS "/etc/initramfs/post-update.d"

extern char **environ;

bool post_update_is_wanted(void) {
        return arg_hooks && geteuid() == 0 && !arg_root && !arg_output &&
               !getenv("INITRDD_NESTED");
}

int post_update_run(const char *kernel, const char *image) {
        _cleanup_free_ char *kernel_arg = NULL, *image_arg = NULL;
        posix_spawn_file_actions_t actions;
        int r;
        pid_t pid;

        if (access(HOOKS, F_OK) < 0)
                return EXIT_STATUS_DONE;
        if (str_printf(&kernel_arg, "--arg=%s", kernel) < 0 ||
            str_printf(&image_arg, "--arg=%s", image) < 0 ||
            setenv("INITRDD_NESTED", "1", 1) < 0 || setenv("INITRDD_IMAGE", image, 1) < 0)
                return EXIT_STATUS_FAILED;
        fflush(stdout);
        /* What they say is no result of ours; debconf may even own standard output. */
        posix_spawn_file_actions_init(&actions);
        posix_spawn_file_actions_adddup2(&actions, STDERR_FILENO, STDOUT_FILENO);
        r = posix_spawnp(&pid, "run-parts", &actions, NULL,
                         (char *[]) { (char *) "run-parts", kernel_arg, image_arg, (char *) HOOKS,
                                      NULL },
                         environ);
        posix_spawn_file_actions_destroy(&actions);
        unsetenv("INITRDD_NESTED");
        unsetenv("INITRDD_IMAGE");
        if (r != 0) {
                say("warning: " HOOKS ": run-parts can't be started: %s", strerror(r));
                return EXIT_STATUS_FAILED;
        }
        if (process_succeeded(process_wait(pid)))
                return EXIT_STATUS_DONE;
        say("warning: " HOOKS
            ": A hook failed; the image is in place, but see that kernel %s boots.",
            kernel);
        return EXIT_STATUS_FAILED;
}
