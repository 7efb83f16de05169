/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * root=dhcp, and the root's path in the lease is "iscsi:…" (RFC 4173) or "nbd:…": called by what
 * mounts such a root (mount-nfs.c), when it knows. No unit could have said so before, so what units are
 * for elsewhere is done here: drivers, the wait for the device, the mount.
 *
 * Of a target's disks the root is that with the LUN that was named, and udev's link says which that is.
 */

#include "attach-root.h"

#include <errno.h>
#include <glob.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "attempt.h"
#include "generator/iscsi.h"
#include "generator/nbd.h"
#include "process-util.h"
#include "string-util.h"

/* From the login to the link. */
#define DEVICE_SECONDS 60
#define TICK_USEC 100000

int attach_root_set(char ***words, const char *path) {
        _cleanup_strv_free_ char **all = NULL;
        char *root;

        STRV_FOREACH(word, *words)
                if (!option_value(*word, "root") && !option_value(*word, "netroot") &&
                    strv_extend(&all, *word) < 0)
                        return -ENOMEM;
        if (str_printf(&root, "root=%s", path) < 0 || strv_consume(&all, root) < 0)
                return -ENOMEM;
        strv_free(*words);
        *words = TAKE_PTR(all);
        return 0;
}

/* What mounts a root is called without a PATH. */
static void execute(const Generator *g, char *const argv[]) {
        static const char *const places[] = { "/usr/sbin", "/sbin", "/usr/bin", "/bin" };

        for (size_t i = 0; i < ELEMENTSOF(places); i++) {
                _cleanup_free_ char *path = NULL;

                if (str_printf(&path, "%s%s/%s", g->root, places[i], argv[0]) >= 0)
                        execv(path, argv);
        }
}

/* -EIO: it failed, and has said why. */
static int run(const Generator *g, char *const argv[]) {
        int status;
        pid_t pid = fork();

        if (pid < 0)
                return -errno;
        if (pid == 0) {
                execute(g, argv);
                fprintf(stderr, "%s can't be started: %s\n", argv[0], strerror(errno));
                _exit(127);
        }
        status = process_wait(pid);
        if (status < 0)
                return status;
        return process_succeeded(status) ? 0 : -EIO;
}

void attach_root_load(const Generator *g, const char *path) {
        const char *driver = startswith(path, "nbd:") ? "nbd" : "iscsi_tcp";

        /* What is built in needs no loading, and what is missing is told by who needs it. */
        (void) run(g, (char *[]) { (char *) "modprobe", (char *) "-q", (char *) driver, NULL });
}

/* The first path that the pattern matches. -ENODEV: there was none in time. */
static int wait_for(const char *pattern, char **ret) {
        unsigned long long until = attempt_now() + DEVICE_SECONDS;

        for (;;) {
                glob_t found;

                if (glob(pattern, 0, NULL, &found) == 0) {
                        *ret = strdup(found.gl_pathv[0]);
                        globfree(&found);
                        return *ret ? 0 : -ENOMEM;
                }
                if (attempt_now() > until)
                        return -ENODEV;
                usleep(TICK_USEC);
        }
}

static int mount_device(const Generator *g, const char *device, const char *type,
                        const char *flags, const char *directory) {
        const char *given = flags ?: option_get(g, "rootflags");
        _cleanup_free_ char *options = NULL;

        if (str_printf(&options, "%s%s%s", given ?: "", given && *given ? "," : "",
                       option_access(g, given)) < 0)
                return -ENOMEM;
        type = type ?: option_get(g, "rootfstype");
        return run(g,
                   (char *[]) { (char *) "mount", (char *) "-t",
                                (char *) (type && *type ? type : "auto"), (char *) "-o", options,
                                (char *) "--", (char *) device, (char *) directory, NULL });
}

int attach_root_mount(const Generator *g, const char *directory) {
        _cleanup_free_ char *pattern = NULL, *device = NULL;
        _cleanup_iscsi_ Iscsi iscsi = {};
        _cleanup_nbd_ Nbd nbd = {};
        int r;

        r = nbd_read(g, &nbd);
        if (r >= 0)
                r = iscsi_read(g, &iscsi);
        if (r < 0)
                return r;
        if (nbd.root)
                r = str_printf(&pattern, "%s%s", g->root, nbd.devices[0].node);
        else if (iscsi.root && iscsi.n_targets > 0)
                r = str_printf(&pattern, "%s/dev/disk/by-path/*ip-*-iscsi-%s-lun-%s", g->root,
                               iscsi.targets[0].name, iscsi.targets[0].lun);
        else {
                /* It may have a password. */
                fprintf(stderr, "<3>The root path that DHCP gives names no disk\n");
                return -EINVAL;
        }
        if (r < 0)
                return r;
        r = wait_for(pattern, &device);
        if (r == -ENODEV)
                fprintf(stderr, "<3>The root's disk %s has not appeared\n", pattern);
        return r < 0 ? r : mount_device(g, device, nbd.type, nbd.flags, directory);
}
