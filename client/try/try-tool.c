/* SPDX-License-Identifier: GPL-2.0-or-later */

#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <spawn.h>
#include <stdio.h>
#include <unistd.h>

#include "client.h"
#include "fd-util.h"
#include "path-util.h"
#include "process-util.h"
#include "string-util.h"
#include "try-tool.h"

#define OUTPUT_MAX 65536

extern char **environ;

int tool_find(const char *name, char **ret) {
        _cleanup_strv_free_ char **directories = NULL;
        int r;

        r = strv_split(&directories, getenv("PATH") ?: "/usr/bin:/bin", ":");
        if (r < 0 || strv_extend(&directories, "/usr/sbin") < 0 ||
            strv_extend(&directories, "/sbin") < 0 ||
            strv_extend(&directories, "/usr/libexec") < 0)
                return -ENOMEM;
        STRV_FOREACH(directory, directories) {
                _cleanup_free_ char *path = path_join(*directory, name);

                if (!path)
                        return -ENOMEM;
                if (**directory == '/' && access(path, X_OK) >= 0) {
                        *ret = TAKE_PTR(path);
                        return 0;
                }
        }
        return -ENOENT;
}

/* Standard input is empty, the rest goes to `out`. */
static int start(char *const argv[], int out, pid_t *ret) {
        posix_spawn_file_actions_t actions;
        int r;

        posix_spawn_file_actions_init(&actions);
        posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
        posix_spawn_file_actions_adddup2(&actions, out, STDOUT_FILENO);
        posix_spawn_file_actions_adddup2(&actions, out, STDERR_FILENO);
        r = posix_spawn(ret, argv[0], &actions, NULL, argv, environ);
        posix_spawn_file_actions_destroy(&actions);
        return -r;
}

static const char *last_line(char *output) {
        char *p = str_strip(output), *line = strrchr(p, '\n');

        return line ? line + 1 : p;
}

int tool_run(char *const argv[]) {
        _cleanup_close_ int in = -EBADF, out = -EBADF;
        _cleanup_free_ char *output = NULL;
        int pipes[2], status, r;
        pid_t pid;

        if (pipe2(pipes, O_CLOEXEC) < 0)
                return -errno;
        in = pipes[0];
        out = pipes[1];
        r = start(argv, out, &pid);
        if (r < 0) {
                say("%s can't be started: %s", argv[0], strerror(-r));
                return r;
        }
        out = safe_close(out);
        r = fd_read_all(in, OUTPUT_MAX, &output, NULL);
        in = safe_close(in);
        status = process_wait(pid);
        if (status < 0)
                return status;
        if (process_succeeded(status))
                return 0;
        say("%s failed: %s", argv[0],
            r >= 0 && output && *output ? last_line(output) : "it says no reason");
        return -EIO;
}

int scratch_make(char **ret) {
        const char *parent = getenv("TMPDIR");
        _cleanup_free_ char *path = NULL;

        path = path_join(parent && *parent == '/' ? parent : "/var/tmp", "initrdctl-try-XXXXXX");
        if (!path)
                return -ENOMEM;
        if (!mkdtemp(path)) {
                say("%s can't be made: %s", path, strerror(errno));
                return -errno;
        }
        *ret = TAKE_PTR(path);
        return 0;
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw) {
        (void) remove(path);
        return 0;
}

void scratch_remove(char *path) {
        if (!path)
                return;
        (void) nftw(path, remove_one, 16, FTW_DEPTH | FTW_PHYS | FTW_MOUNT);
        free(path);
}
