/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * One look at a machine: what is read there once, and the order in which its facts are found.
 *
 *   1. /proc/self/mountinfo, /proc/swaps, /proc/cmdline, /etc/fstab, /etc/crypttab
 *   2. what the initramfs mounts, and from each mount down to the disks      (facts-mount, -block)
 *   3. encrypted devices that are marked for the initrd                      (facts-crypt)
 *   4. the swap to resume from                                               (facts-resume)
 *   5. hardware: modaliases, processor                                       (facts-hardware)
 *   6. keyboard and splash                                                   (facts-console)
 *
 * Only step 5 looks at everything, and it looks at devices, of which a machine has thousands at
 * most. Volumes are reached from what is mounted and by no other way: a server with ten thousand
 * logical volumes has the facts of one.
 *
 * Everything is opened beneath one directory, with open_in_root(). That is "/" for
 * the running system; tests, and reports of what went wrong elsewhere, use a recorded tree.
 */

#include <ctype.h>
#include <dirent.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

#include "facts-host.h"
#include "fd-util.h"
#include "open-in-root.h"
#include "string-util.h"

/* Files of /proc and /etc; the largest is the cpuinfo of a machine with many processors. */
#define HOST_FILE_MAX (16 * 1024 * 1024)

int host_open(const Host *h, const char *path, int flags) {
        return open_in_root(h->root_fd, path, flags);
}

bool host_exists(const Host *h, const char *path) {
        _cleanup_close_ int fd = host_open(h, path, O_PATH);

        return fd >= 0;
}

int host_read(const Host *h, const char *path, char **ret) {
        _cleanup_close_ int fd = -EBADF;
        _cleanup_free_ char *text = NULL;
        size_t size;
        int r;

        /* A pipe or a terminal where a file is expected must not hold us up. */
        fd = host_open(h, path, O_RDONLY | O_NONBLOCK | O_NOCTTY);
        if (fd < 0)
                return fd;
        r = fd_read_all(fd, HOST_FILE_MAX, &text, &size);
        if (r < 0)
                return r;
        while (size > 0 && isspace((unsigned char) text[size - 1]))
                text[--size] = '\0';
        *ret = TAKE_PTR(text);
        return 0;
}

int host_readlink(const Host *h, const char *path, char **ret) {
        _cleanup_close_ int fd = host_open(h, path, O_PATH | O_NOFOLLOW);
        char target[4096], *copy;
        ssize_t n;

        if (fd < 0)
                return fd;
        n = readlinkat(fd, "", target, sizeof(target));
        if (n < 0)
                return errno == ENOENT ? -EINVAL : -errno; /* a descriptor that is no link */
        if (n == 0 || (size_t) n >= sizeof(target))
                return -ENAMETOOLONG;
        copy = strndup(target, (size_t) n);
        if (!copy)
                return -ENOMEM;
        *ret = copy;
        return 0;
}

static void closedirp(DIR **d) {
        if (*d)
                closedir(*d);
}

int host_list(const Host *h, const char *path, char ***ret) {
        _cleanup_(closedirp) DIR *d = NULL;
        _cleanup_close_ int fd = host_open(h, path, O_RDONLY | O_DIRECTORY);
        _cleanup_strv_free_ char **names = NULL;

        if (fd < 0)
                return fd;
        d = fdopendir(fd);
        if (!d)
                return -errno;
        fd = -EBADF;
        for (struct dirent *e; (e = readdir(d));)
                if (!streq(e->d_name, ".") && !streq(e->d_name, "..") &&
                    strv_extend(&names, e->d_name) < 0)
                        return -ENOMEM;
        strv_sort(names);
        *ret = TAKE_PTR(names);
        return 0;
}

int host_tag(Host *h, const char *format, ...) {
        _cleanup_free_ char *tag = NULL;
        va_list ap;
        int r;

        va_start(ap, format);
        r = vasprintf(&tag, format, ap);
        va_end(ap);
        if (r < 0) {
                tag = NULL;
                return -ENOMEM;
        }
        for (const char *p = tag; *p; p++)
                if (!isalnum((unsigned char) *p) && !strchr(":._+-", *p)) {
                        report_warn(h->report, NULL, 0,
                                    "\"%s\" was found on this machine, no module can have such a "
                                    "tag",
                                    tag);
                        return 0;
                }
        return strv_extend_unique(&h->facts->tags, tag);
}

const char *host_cmdline(const Host *h, const char *key) {
        const char *value = NULL;

        STRV_FOREACH(word, h->cmdline) {
                const char *rest = startswith(*word, key);

                if (rest && *rest == '=')
                        value = rest + 1;
        }
        return value;
}

static int table_error(struct libmnt_table *table, const char *filename, int line) {
        Host *h = libmount.table_get_userdata(table);

        report_warn(h->report, filename, line > 0 ? (unsigned) line : 0,
                    "The line was not understood and was ignored");
        return 1; /* go on with the next */
}

/* A table that can't be read is an empty one; who needs it says what that means. */
static int read_table(Host *h, const char *path, struct libmnt_table **ret) {
        struct libmnt_table *table = libmount.new_table();
        int fd;
        FILE *f;

        if (!table)
                return -ENOMEM;
        *ret = table;
        fd = host_open(h, path, O_RDONLY | O_NONBLOCK | O_NOCTTY);
        if (fd < 0) {
                if (fd != -ENOENT)
                        report_warn(h->report, path, 0, "Can't be read: %s", strerror(-fd));
                return 0;
        }
        f = fdopen(fd, "re");
        if (!f) {
                safe_close(fd);
                return -ENOMEM;
        }
        libmount.table_set_userdata(table, h);
        libmount.table_set_parser_errcb(table, table_error);
        if (libmount.table_parse_stream(table, f, path) < 0)
                report_warn(h->report, path, 0, "Can't be read as a table of mounts");
        fclose(f);
        return 0;
}

static int read_cmdline(Host *h) {
        _cleanup_free_ char *text = NULL;
        int r;

        r = host_read(h, "/proc/cmdline", &text);
        if (r == -ENOMEM)
                return r;
        if (r < 0)
                return 0;
        r = strv_split_quoted(&h->cmdline, text);
        /* The kernel takes a quote that isn't closed as it is. */
        return r == -EINVAL ? strv_split(&h->cmdline, text, " \t\n") : r;
}

static void host_done(Host *h) {
        safe_close(h->root_fd);
        if (h->mountinfo)
                libmount.unref_table(h->mountinfo);
        if (h->fstab)
                libmount.unref_table(h->fstab);
        if (h->swaps)
                libmount.unref_table(h->swaps);
        strv_free(h->cmdline);
        for (size_t i = 0; i < h->n_crypttab; i++) {
                free(h->crypttab[i].name);
                free(h->crypttab[i].device);
                free(h->crypttab[i].key);
                free(h->crypttab[i].options);
        }
        free(h->crypttab);
}

static int find_all(Host *h) {
        int r;

        if ((r = read_table(h, "/proc/self/mountinfo", &h->mountinfo)) < 0 ||
            (r = read_table(h, "/proc/swaps", &h->swaps)) < 0 ||
            (r = read_table(h, "/etc/fstab", &h->fstab)) < 0 || (r = read_cmdline(h)) < 0 ||
            (r = host_read_crypttab(h)) < 0 || (r = host_find_mounts(h)) < 0 ||
            (r = host_find_attached(h)) < 0 || (r = host_find_resume(h)) < 0 ||
            (r = host_find_modaliases(h)) < 0 || (r = host_find_cpu(h)) < 0 ||
            (r = host_find_console(h)) < 0)
                return r;
        strv_sort(h->facts->tags);
        return 0;
}

/* Only what is written, and nothing of a system that runs. */
static int find_written(Host *h) {
        int r;

        if ((r = read_table(h, "/etc/fstab", &h->fstab)) < 0 || (r = host_read_crypttab(h)) < 0)
                return r;
        r = host_find_written(h);
        strv_sort(h->facts->tags);
        return r;
}

static int look(const char *root, int (*find)(Host *h), const char *what, Report *report,
                Facts **ret) {
        _cleanup_(facts_freep) Facts *facts = NULL;
        _cleanup_(host_done) Host h = { .root_fd = -EBADF, .report = report };
        int r;

        facts = calloc(1, sizeof(Facts));
        if (!facts)
                return report_oom(report);
        h.facts = facts;
        h.live = streq(root, "/");
        h.root_fd = open(root, O_PATH | O_DIRECTORY | O_CLOEXEC);
        if (h.root_fd < 0) {
                r = -errno;
                return report_fail(report, FAILURE_INCOMPLETE, r, root, 0, "Can't look at %s: %s",
                                   what, strerror(-r));
        }
        r = mount_library_load();
        if (r < 0)
                return report_fail(report, FAILURE_INCOMPLETE, r, NULL, 0,
                                   "Can't look at %s without libmount; install it", what);
        r = find(&h);
        if (r == -ENOMEM)
                return report_oom(report);
        if (r < 0)
                return report_fail(report, FAILURE_INCOMPLETE, r, NULL, 0,
                                   "Can't find out what %s needs: %s", what, strerror(-r));
        *ret = TAKE_PTR(facts);
        return r;
}

int facts_new_recorded(const char *root, Report *report, Facts **ret) {
        return look(root, find_all, "this machine", report, ret);
}

int facts_new_written(Source *source, Report *report, Facts **ret) {
        _cleanup_(facts_freep) Facts *facts = NULL;
        int r;

        r = look(source_root(source), find_written, "this root", report, &facts);
        if (r > 0)
                *ret = TAKE_PTR(facts);
        return r;
}

int facts_new_host(Source *source, Report *report, Facts **ret) {
        return facts_new_recorded(source_root(source), report, ret);
}
