/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * extract: the files of an image, below a directory that is empty or not there yet, unless it is
 * forced. Anybody may: files are then his own, and device nodes are left out.
 */

#include <dirent.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "client.h"
#include "fd-util.h"
#include "image/extract.h"
#include "images/image-argument.h"
#include "json-text.h"
#include "string-util.h"
#include "table.h"

static int on_skipped(void *userdata, const char *path, const char *why) {
        if (!arg_quiet)
                say("warning: %s: %s.", path, why);
        return 0;
}

/* Whether there is nothing in it; an error counts as something. */
static bool is_empty(const char *path) {
        DIR *d = opendir(path);
        struct dirent *de;
        bool empty = d != NULL;

        while (empty && (de = readdir(d)))
                empty = streq(de->d_name, ".") || streq(de->d_name, "..");
        if (d)
                closedir(d);
        return empty;
}

/* A descriptor, or an exit status below zero. */
static int open_target(const char *path) {
        bool made = mkdir(path, 0777) >= 0;
        int fd;

        if (!made && errno != EEXIST) {
                say("%s: The directory can't be made: %s", path, strerror(errno));
                return errno == EACCES || errno == EPERM ? -EXIT_STATUS_NOT_AUTHORISED
                                                         : -EXIT_STATUS_FAILED;
        }
        fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (fd < 0) {
                say("%s: It can't be opened: %s", path, strerror(errno));
                return -EXIT_STATUS_FAILED;
        }
        if (made || arg_force || is_empty(path))
                return fd;
        close(fd);
        say("%s: It isn't empty; name another directory, or use --force.", path);
        return -EXIT_STATUS_FAILED;
}

static void show_result(const char *directory, const ExtractResult *result) {
        char size[SIZE_TEXT_MAX];

        if (arg_json != JSON_MODE_OFF) {
                give_json(json_pack("{s:o, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I}", "directory",
                                    json_text(directory), "files", (json_int_t) result->n_files,
                                    "directories", (json_int_t) result->n_directories, "symlinks",
                                    (json_int_t) result->n_symlinks, "nodes",
                                    (json_int_t) result->n_nodes, "bytes",
                                    (json_int_t) result->bytes, "skipped-nodes",
                                    (json_int_t) result->n_nodes_skipped, "lost",
                                    (json_int_t) result->n_lost, "failed",
                                    (json_int_t) result->n_failed));
                return;
        }
        if (arg_quiet)
                return;
        printf("%s: %" PRIu64 " files, %" PRIu64 " directories, %" PRIu64 " links, %s.\n",
               directory, result->n_files, result->n_directories, result->n_symlinks,
               size_to_text(result->bytes, size));
}

int verb_extract(int argc, char *argv[]) {
        _cleanup_(image_freep) Image *image = NULL;
        _cleanup_close_ int directory = -EBADF;
        _cleanup_free_ char *path = NULL;
        ExtractOptions options = { .on_skipped = on_skipped };
        ExtractResult result = {};
        ImageFault fault = {};
        int r, status;

        r = image_from_argument(argv[1], &image, &path);
        if (r != 0)
                return r;
        directory = open_target(argv[2]);
        if (directory < 0)
                return -TAKE_FD(directory);
        options.directory = directory;
        options.owner = options.nodes = geteuid() == 0;
        r = extract(image, &options, &result, &fault);
        if (r < 0) {
                say("%s: %s%sextracting stopped: %s", argv[2], result.failed_path ?: "",
                    result.failed_path ? ": " : "", strerror(-r));
                status = r == -ENOSPC || r == -EDQUOT ? EXIT_STATUS_NO_SPACE : EXIT_STATUS_FAILED;
        } else {
                status = result.n_failed > 0 ? EXIT_STATUS_FAILED : EXIT_STATUS_DONE;
                if (result.n_nodes_skipped > 0 && !arg_quiet)
                        say("warning: %" PRIu64 " device nodes were left out: only root may make "
                            "them.",
                            result.n_nodes_skipped);
                show_result(argv[2], &result);
                if (fault.what)
                        status = say_fault(path, &fault);
        }
        free(result.failed_path);
        return status;
}
