/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * repack: an image of a directory, or of another image with files added and removed. It is written
 * beside its place under a hidden name and put there when it is whole, so an image may
 * be repacked in its own place.
 */

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "client.h"
#include "fd-util.h"
#include "image/directory-lock.h"
#include "image/repack.h"
#include "image/target.h"
#include "images/image-argument.h"
#include "json-text.h"
#include "path-util.h"
#include "string-util.h"
#include "table.h"

char **arg_add, **arg_remove;

/* "SOURCE[:DESTINATION]", as Include= of a profile. */
static int parse_addition(const char *s, RepackAddition *ret, char ***strings) {
        const char *colon = strchr(s, ':');
        _cleanup_free_ char *source = colon ? strndup(s, (size_t) (colon - s)) : strdup(s);
        _cleanup_free_ char *destination = strdup(colon ? colon + 1 : s);

        if (!source || !destination)
                return -ENOMEM;
        path_simplify(destination);
        if (!*source || *destination != '/' || streq(destination, "/") ||
            strstr(destination, "/../") || endswith(destination, "/..")) {
                say("--add takes FILE:PATH with an absolute path in the image, or an absolute "
                    "FILE, not \"%s\".",
                    s);
                return -EINVAL;
        }
        *ret = (RepackAddition) { source, destination };
        return strv_consume(strings, TAKE_PTR(source)) < 0 ||
                                               strv_consume(strings, TAKE_PTR(destination)) < 0
                               ? -ENOMEM
                               : 0;
}

/* Of what --compression=, --level= and --set= have put together. */
static int parse_settings(RepackOptions *o) {
        STRV_FOREACH(setting, arg_settings) {
                const char *value;

                if ((value = startswith(*setting, "Compression="))) {
                        o->compression = compression_from_string(value);
                        if (o->compression < 0) {
                                say("--compression takes none, zstd, xz, gzip or lz4, not \"%s\".",
                                    value);
                                return -EINVAL;
                        }
                } else if ((value = startswith(*setting, "Level=")) &&
                           parse_int(value, &o->level) < 0) {
                        say("--level takes a number, not \"%s\".", value);
                        return -EINVAL;
                }
        }
        if (o->level >= 0) {
                int min, max;

                if (o->compression < 0)
                        o->compression = COMPRESSION_ZSTD;
                compression_level_range(o->compression, &min, &max);
                if (o->level < min || o->level > max) {
                        say("--level takes %d to %d for %s.", min, max,
                            compression_to_string(o->compression));
                        return -EINVAL;
                }
        }
        return 0;
}

/* The source is a directory, or an image: 0, or an exit status. */
static int pack(const char *source, int out, const RepackOptions *o, RepackResult *result) {
        _cleanup_(image_freep) Image *image = NULL;
        _cleanup_close_ int directory = -EBADF;
        _cleanup_free_ char *path = NULL;
        int r;

        directory = open(source, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (directory >= 0 && (o->n_additions > 0 || o->removals)) {
                say("%s: --add and --remove are for an image; change the directory.", source);
                return EXIT_STATUS_USAGE;
        }
        if (directory >= 0)
                r = repack_directory(directory, out, o, result);
        else {
                r = image_from_argument(source, &image, &path);
                if (r != 0)
                        return r;
                r = repack_image(image, out, o, result);
        }
        if (r >= 0)
                return 0;
        if (r == -EBADMSG && !result->failed_path)
                say("%s: The image is damaged and can't be repacked; `initrdctl verify` tells "
                    "more, and `initrdctl extract` gets what can be had.",
                    source);
        else if (r == -ESTALE)
                say("%s: It changed while it was read; try again.", result->failed_path ?: source);
        else if (r == -EISDIR)
                say("%s: A directory with something in it is there; remove it first.",
                    result->failed_path ?: source);
        else if (r == -ENOENT && result->failed_path &&
                 strv_contains(o->removals, result->failed_path))
                say("%s: There is no %s in it.", source, result->failed_path);
        else
                say("%s: %s", result->failed_path ?: source, strerror(-r));
        return r == -ENOSPC || r == -EDQUOT ? EXIT_STATUS_NO_SPACE
               : r == -ENOENT               ? EXIT_STATUS_NOT_FOUND
                                            : EXIT_STATUS_FAILED;
}

static void show_result(const char *path, uint64_t size, const RepackResult *r) {
        char text[SIZE_TEXT_MAX];

        if (arg_json != JSON_MODE_OFF) {
                give_json(json_pack("{s:o, s:I, s:I, s:I, s:I, s:I, s:I, s:b}", "image",
                                    json_text(path), "size", (json_int_t) size, "segments-copied",
                                    (json_int_t) r->n_copied, "segments-rewritten",
                                    (json_int_t) r->n_rewritten, "segments-added",
                                    (json_int_t) r->n_added, "entries-removed",
                                    (json_int_t) r->n_entries_removed, "entries-added",
                                    (json_int_t) r->n_entries_added, "described",
                                    (int) r->described));
                return;
        }
        if (!arg_quiet)
                printf("%s: %s, %zu segments copied, %zu rewritten, %zu added.\n", path,
                       size_to_text(size, text), r->n_copied, r->n_rewritten, r->n_added);
}

static int say_unwritable(const char *path, int error) {
        say("%s: It can't be written: %s", path, strerror(error));
        return error == EACCES || error == EPERM    ? EXIT_STATUS_NOT_AUTHORISED
               : error == ENOSPC || error == EDQUOT ? EXIT_STATUS_NO_SPACE
                                                    : EXIT_STATUS_FAILED;
}

/* Puts it in its place. */
static int install(int directory, const char *temporary, const char *name, int fd,
                   const char *path) {
        if (fchmod(fd, 0600) >= 0 && fsync(fd) >= 0 &&
            renameat(directory, temporary, directory, name) >= 0) {
                (void) fsync(directory);
                return EXIT_STATUS_DONE;
        }
        return say_unwritable(path, errno);
}

/* The new file, under the name that a build has, so that the next one removes what is left of us. The
 * lock is held. 0, or an exit status. */
static int write_temporary(const char *source, const char *path, const RepackOptions *o,
                           int directory, const char *temporary) {
        _cleanup_close_ int fd = -EBADF;
        RepackResult result = {};
        struct stat st = {};
        int status;

        (void) unlinkat(directory, temporary, 0);
        fd = openat(directory, temporary, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC,
                    0600);
        if (fd < 0)
                return say_unwritable(path, errno);
        status = pack(source, fd, o, &result);
        if (status == EXIT_STATUS_DONE && fstat(fd, &st) >= 0)
                status = install(directory, temporary, path_basename(path), fd, path);
        if (status == EXIT_STATUS_DONE)
                show_result(path, (uint64_t) st.st_size, &result);
        else
                (void) unlinkat(directory, temporary, 0);
        free(result.failed_path);
        return status;
}

static int write_image(const char *source, const char *path, const RepackOptions *o) {
        _cleanup_free_ char *parent = path_dirname(path), *temporary = NULL;
        _cleanup_close_ int directory = -EBADF;
        struct stat st;
        int lock, r, status;

        if (!parent || target_new_name(path_basename(path), &temporary) < 0) {
                say("Out of memory");
                return EXIT_STATUS_FAILED;
        }
        directory = open(parent, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (directory < 0)
                return say_unwritable(path, errno);
        if (fstatat(directory, path_basename(path), &st, 0) >= 0 && !S_ISREG(st.st_mode)) {
                say("%s: It is no file; name where the image is to be.", path);
                return EXIT_STATUS_FAILED;
        }
        r = directory_lock(directory, DIRECTORY_LOCK_WAIT, NULL, &lock);
        if (r < 0)
                return say_unwritable(path, -r);
        status = write_temporary(source, path, o, directory, temporary);
        directory_unlock(directory, lock);
        return status;
}

int verb_repack(int argc, char *argv[]) {
        _cleanup_strv_free_ char **strings = NULL;
        _cleanup_free_ RepackAddition *additions =
                        calloc(strv_length(arg_add) + 1, sizeof(RepackAddition));
        RepackOptions o = {
                .compression = _COMPRESSION_INVALID,
                .level = -1,
                .owner = geteuid() == 0,
                .removals = arg_remove,
                .additions = additions,
        };
        int status;

        if (!additions) {
                say("Out of memory");
                return EXIT_STATUS_FAILED;
        }
        status = parse_settings(&o) < 0 ? EXIT_STATUS_USAGE : EXIT_STATUS_DONE;
        STRV_FOREACH(s, arg_add)
                if (status == EXIT_STATUS_DONE &&
                    parse_addition(*s, &additions[o.n_additions++], &strings) < 0)
                        status = EXIT_STATUS_USAGE;
        if (status == EXIT_STATUS_DONE)
                status = write_image(argv[1], argv[2], &o);
        strv_free(arg_add);
        strv_free(arg_remove);
        return status;
}
