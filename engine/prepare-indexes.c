/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * depmod can be told where a root is, and not where to write. So it is given a root of its own,
 *
 *   STORE/indexes/VERSION/lib/modules/VERSION/
 *       modules.order, modules.builtin, config…    copies
 *       kernel, updates, extra…                    links to the directories of the kernel
 *
 * and afterwards the links are taken away, the directory is bound over that of the kernel, and the
 * directories of drivers over that, each where it was. What is collected through these indexes is
 * the same as what is collected once depmod has run for good: the same drivers have the same
 * indexes. The directory is locked while it is used, and emptied before that, so that what was left
 * by who was killed goes.
 */

#include <dirent.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <signal.h>
#include <unistd.h>

#include "fd-util.h"
#include "path-util.h"
#include "prepare-internal.h"
#include "prepare.h"
#include "process-util.h"
#include "string-util.h"

#define COPY_MAX ((size_t) 64 * 1024 * 1024)

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw) {
        if (ftw->level > 0)
                (void) remove(path);
        return 0;
}

void indexes_done(Indexes *indexes) {
        if (indexes->directory) {
                (void) nftw(indexes->directory, remove_one, 16, FTW_DEPTH | FTW_PHYS);
                (void) rmdir(indexes->directory);
        }
        free(indexes->directory);
        safe_close(indexes->lock_fd);
        *indexes = INDEXES_INIT;
}

void prepare_sweep(const char *store_path) {
        _cleanup_free_ char *directory = path_join(store_path, "indexes");

        if (directory)
                (void) nftw(directory, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

/* Another one may remove it between our two looks at it. */
static int lock_directory(const char *path) {
        for (unsigned i = 0; i < 10; i++) {
                _cleanup_close_ int fd = -EBADF;
                struct stat a, b;
                int r;

                r = mkdir_parents(path, 0755);
                if (r < 0)
                        return r;
                fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
                if (fd < 0 && errno != ENOENT)
                        return -errno;
                while (fd >= 0 && flock(fd, LOCK_EX) < 0)
                        if (errno != EINTR)
                                return -errno;
                if (fd >= 0 && fstat(fd, &a) >= 0 && stat(path, &b) >= 0 && a.st_ino == b.st_ino)
                        return TAKE_FD(fd);
        }
        return -EBUSY;
}

/* What depmod makes itself is not taken from what an earlier run left. */
static bool is_index(const char *name) {
        static const char *const made[] = { "modules.dep",         "modules.alias",
                                            "modules.symbols",     "modules.softdep",
                                            "modules.weakdep",     "modules.devname",
                                            "modules.builtin.bin", "modules.builtin.alias.bin" };

        for (size_t i = 0; i < ELEMENTSOF(made); i++)
                if (startswith(name, made[i]))
                        return true;
        return false;
}

static int copy_file(int from, int to, const char *name, const struct stat *st) {
        _cleanup_free_ char *data = NULL;
        size_t size;
        int r;

        r = file_read_at(from, name, COPY_MAX, &data, &size);
        if (r == -ENOENT || r == -EFBIG)
                return 0;
        return r < 0 ? r : file_replace_at(to, name, data, size, st->st_mode & 07777);
}

/* `drivers` gets the names of the directories. */
static int fill(int from, int to, const char *real, char ***drivers) {
        DIR *d;
        int fd, r = 0;

        fd = openat(from, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (fd < 0)
                return -errno;
        d = fdopendir(fd);
        if (!d) {
                safe_close(fd);
                return -ENOMEM;
        }
        for (struct dirent *de; r >= 0 && (de = readdir(d));) {
                _cleanup_free_ char *target = NULL;
                struct stat st;

                if (de->d_name[0] == '.' || endswith(de->d_name, ".dpkg-new") ||
                    fstatat(from, de->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0)
                        continue;
                if (S_ISREG(st.st_mode) && !is_index(de->d_name))
                        r = copy_file(from, to, de->d_name, &st);
                if (!S_ISDIR(st.st_mode))
                        continue;
                target = path_join(real, de->d_name);
                r = target ? strv_extend(drivers, de->d_name) : -ENOMEM;
                if (r >= 0 && symlinkat(target, to, de->d_name) < 0)
                        r = -errno;
        }
        closedir(d);
        return r;
}

/* Where depmod of another root finds its configuration. */
static int add_configuration(const Build *b, char ***argv) {
        static const char *const directories[] = { "/etc/depmod.d", "/run/depmod.d",
                                                   "/usr/local/lib/depmod.d", "/usr/lib/depmod.d",
                                                   "/lib/depmod.d" };
        int r = 0;

        for (size_t i = 0; i < ELEMENTSOF(directories) && !source_is_host(b->source); i++) {
                _cleanup_free_ char *path = path_join(source_root(b->source), directories[i]);

                if (!path)
                        return -ENOMEM;
                if (source_exists(b->source, NULL, directories[i]) <= 0)
                        continue;
                r = strv_extend(argv, "-C");
                if (r >= 0)
                        r = strv_extend(argv, path);
                if (r < 0)
                        return r;
        }
        return r;
}

static _Noreturn void be_depmod(char *const *argv) {
        int null = open("/dev/null", O_RDWR);

        (void) prctl(PR_SET_PDEATHSIG, SIGKILL);
        (void) dup2(null, STDIN_FILENO);
        (void) dup2(null, STDOUT_FILENO);
        (void) dup2(null, STDERR_FILENO);
        /* The indexes have the modes that they would have without us. */
        umask(0022);
        (void) signal(SIGPIPE, SIG_DFL);
        (void) setenv("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", 1);
        execvp(argv[0], argv);
        _exit(127);
}

static int run_depmod(const Indexes *indexes, const Build *b, const char *version) {
        _cleanup_strv_free_ char **argv = NULL;
        const char *const words[] = { "depmod", "-b", indexes->directory };
        int r = 0, status;
        pid_t pid;

        for (size_t i = 0; i < ELEMENTSOF(words) && r >= 0; i++)
                r = strv_extend(&argv, words[i]);
        if (r >= 0)
                r = add_configuration(b, &argv);
        if (r >= 0)
                r = strv_extend(&argv, version);
        if (r < 0)
                return r;
        pid = fork();
        if (pid < 0)
                return -errno;
        if (pid == 0)
                be_depmod(argv);
        status = process_wait(pid);
        if (status < 0)
                return status;
        if (process_succeeded(status))
                return 0;
        return WIFEXITED(status) && WEXITSTATUS(status) == 127 ? -ENOENT : -EIO;
}

static int show(Build *b, const char *made, const char *canonical, const char *real,
                char *const *drivers) {
        int r;

        r = source_bind(b->source, canonical, made);
        STRV_FOREACH(name, drivers) {
                _cleanup_free_ char *at = path_join(canonical, *name),
                                    *from = path_join(real, *name), *link = path_join(made, *name);

                if (!at || !from || !link)
                        return -ENOMEM;
                if (r >= 0 && unlink(link) < 0)
                        r = -errno;
                if (r >= 0)
                        r = source_bind(b->source, at, from);
        }
        return r;
}

static int make(Indexes *indexes, Build *b, const char *version, const char *canonical,
                const char *real, const char *made) {
        _cleanup_strv_free_ char **drivers = NULL;
        _cleanup_close_ int from = -EBADF, to = -EBADF;
        int r;

        (void) nftw(indexes->directory, remove_one, 16, FTW_DEPTH | FTW_PHYS);
        r = mkdir_parents(made, 0755);
        if (r < 0)
                return r;
        from = open(real, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        to = open(made, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (from < 0 || to < 0)
                return -errno;
        r = fill(from, to, real, &drivers);
        if (r < 0)
                return r;
        r = run_depmod(indexes, b, version);
        if (r < 0)
                return report_fail(b->report, FAILURE_KERNEL_INCOMPLETE, r, NULL, 0,
                                   r == -ENOENT ? "There is no depmod to make the indexes of "
                                                  "kernel %s with"
                                                : "depmod can't make the indexes of kernel %s",
                                   version);
        return show(b, made, canonical, real, drivers);
}

int indexes_make(Indexes *indexes, Build *b, const char *version) {
        _cleanup_free_ char *canonical = NULL, *real = NULL, *made = NULL;
        int r;

        r = kernel_find_directory(b->source, NULL, version, &canonical);
        if (r < 0)
                return r;
        real = path_join(source_root(b->source), canonical);
        if (!real ||
            str_printf(&indexes->directory, "%s/indexes/%s", b->options->store, version) < 0 ||
            str_printf(&made, "%s/lib/modules/%s", indexes->directory, version) < 0)
                return -ENOMEM;
        path_simplify(real);
        indexes->lock_fd = lock_directory(indexes->directory);
        if (indexes->lock_fd < 0)
                return indexes->lock_fd;
        return make(indexes, b, version, canonical, real, made);
}
