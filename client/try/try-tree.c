/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * A scratch root is the least that every initramfs takes for a system: the usual directories, an
 * os-release, and /usr/sbin/init, which is our own (runtime/try-init.c).
 */

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "client.h"
#include "fd-util.h"
#include "path-util.h"
#include "string-util.h"
#include "try-tree.h"

#define INIT_MAX 1048576
#define TARGET_MAX 64

static int write_file(const char *directory, const char *name, const void *data, size_t size,
                      mode_t mode) {
        _cleanup_free_ char *path = path_join(directory, name);

        return path ? file_replace_at(AT_FDCWD, path, data, size, mode) : -ENOMEM;
}

static int make_directories(const char *tree, const char *const *names, size_t n) {
        for (size_t i = 0; i < n; i++) {
                _cleanup_free_ char *path = path_join(tree, names[i]);
                int r = path ? mkdir_parents(path, 0755) : -ENOMEM;

                if (r < 0)
                        return r;
        }
        return 0;
}

static int make_links(const char *tree) {
        static const char *const links[] = { "bin", "sbin", "lib" };

        for (size_t i = 0; i < ELEMENTSOF(links); i++) {
                _cleanup_free_ char *path = path_join(tree, links[i]), *target = NULL;

                if (!path || str_printf(&target, "usr/%s", links[i]) < 0)
                        return -ENOMEM;
                if (symlink(target, path) < 0)
                        return -errno;
        }
        return 0;
}

static int fill(const char *tree, const char *usr, const void *init, size_t size,
                const char *marker) {
        static const char *const names[] = { "dev", "etc", "proc", "run", "sys",
                                             "tmp", "usr", "var",  "root" };
        static const char *const of_usr[] = { "sbin", "lib", "bin" };
        static const char release[] = "ID=initrdd-try\nNAME=\"A root to try an image with\"\n";
        _cleanup_free_ char *line = NULL;
        int r;

        r = make_directories(tree, names, ELEMENTSOF(names));
        if (r >= 0)
                r = make_links(tree);
        if (r >= 0)
                r = make_directories(usr, of_usr, ELEMENTSOF(of_usr));
        if (r >= 0)
                r = write_file(usr, "sbin/init", init, size, 0755);
        if (r >= 0)
                r = str_printf(&line, "%s\n", marker);
        if (r >= 0)
                r = write_file(tree, "etc/initrdd-try", line, strlen(line), 0644);
        if (r >= 0)
                r = write_file(usr, "lib/os-release", release, strlen(release), 0644);
        if (r >= 0)
                r = write_file(tree, "etc/os-release", release, strlen(release), 0644);
        return r < 0 ? r : write_file(tree, "etc/fstab", "", 0, 0644);
}

int try_tree_make(const char *tree, const char *usr, const char *marker) {
        _cleanup_free_ char *data = NULL, *init = NULL, *content = NULL, *below = NULL;
        size_t size = 0;
        int r;

        r = data_directory(&data);
        if (r >= 0)
                r = (init = path_join(data, "try-init")) ? 0 : -ENOMEM;
        if (r >= 0)
                r = file_read_at(AT_FDCWD, init, INIT_MAX, &content, &size);
        if (r < 0) {
                say("%s can't be read: %s; it belongs to initrdd, on x86-64 alone",
                    init ?: "try-init", strerror(-r));
                return EXIT_STATUS_UNTRIED;
        }
        below = usr ? NULL : path_join(tree, "usr");
        r = usr || below ? fill(tree, usr ?: below, content, size, marker) : -ENOMEM;
        if (r >= 0)
                return EXIT_STATUS_DONE;
        say("%s can't be made: %s", tree, strerror(-r));
        return EXIT_STATUS_FAILED;
}

static int describe(FILE *f, const char *directory);

static int describe_entry(FILE *f, const char *path) {
        char target[TARGET_MAX];
        struct stat st;
        ssize_t n;
        int r = 0;

        if (lstat(path, &st) < 0)
                return -errno;
        fprintf(f, "%s ", path_basename(path));
        if (S_ISLNK(st.st_mode)) {
                n = readlink(path, target, sizeof(target) - 1);
                if (n < 0)
                        return -errno;
                fprintf(f, "l--777 0 0 %.*s\n", (int) n, target);
        } else if (S_ISDIR(st.st_mode)) {
                fprintf(f, "d--%03o 0 0\n", st.st_mode & 0777);
                r = describe(f, path);
        } else
                fprintf(f, "---%03o 0 0 %s\n", st.st_mode & 0777, path);
        return r;
}

/* What is in a directory, and its end. */
static int describe(FILE *f, const char *directory) {
        DIR *d = opendir(directory);
        struct dirent *de;
        int r = 0;

        if (!d)
                return -errno;
        while (r >= 0 && (de = readdir(d))) {
                _cleanup_free_ char *path = NULL;

                if (streq(de->d_name, ".") || streq(de->d_name, ".."))
                        continue;
                path = path_join(directory, de->d_name);
                r = path ? describe_entry(f, path) : -ENOMEM;
        }
        closedir(d);
        fputs("$\n", f);
        return r;
}

int try_tree_describe(const char *tree, const char *path) {
        FILE *f = fopen(path, "we");
        int r;

        if (!f)
                return -errno;
        fputs("/\n0 0\nd--755 0 0\n", f);
        r = describe(f, tree);
        if (fclose(f) != 0 && r >= 0)
                r = -errno;
        return r;
}
