/* SPDX-License-Identifier: GPL-2.0-or-later */

#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bus/bus.h"
#include "bus/image-bus.h"
#include "client.h"
#include "image-argument.h"
#include "request.h"
#include "string-util.h"

/* 1 and the path, 0 when there is no such kernel, negative after having said why. */
static int path_of_kernel(const char *kernel, char **ret) {
        _cleanup_(build_freep) Build *b = NULL;
        Report report = {};
        Request q;
        int r;

        if (strchr(kernel, '/'))
                return 0;
        r = request_init(&q, kernel);
        if (r < 0)
                return r;
        r = build_new(&b, &q.options, &report);
        if (r >= 0)
                r = build_open(b);
        if (r >= 0)
                r = build_output_path(b, ret);
        r = r >= 0;
        report_done(&report);
        b = build_free(b);
        request_done(&q);
        return r;
}

/* What we may not open, it can; and of a kernel that is gone it may still know the image. */
static bool is_for_service(const char *argument, int error) {
        return (error == -EACCES || (error == -ENOENT && !strchr(argument, '/'))) &&
               text_is_utf8(argument) && service_is_wanted();
}

int image_from_argument(const char *argument, Image **ret, char **ret_path) {
        _cleanup_free_ char *path = NULL;
        int r;

        if (service_is_remote())
                return image_over_bus(argument, false, ret, ret_path);
        if (access(argument, F_OK) < 0 && path_of_kernel(argument, &path) < 0)
                return EXIT_STATUS_FAILED;
        if (!path) {
                path = strdup(argument);
                if (!path) {
                        say("Out of memory");
                        return EXIT_STATUS_FAILED;
                }
        }
        r = image_open(ret, path);
        if (r >= 0) {
                *ret_path = TAKE_PTR(path);
                return 0;
        }
        if (is_for_service(argument, r)) {
                int status = image_over_bus(argument, r == -ENOENT, ret, ret_path);

                if (status != STATUS_OFFLINE)
                        return status;
        }
        if (r == -ENOENT && streq(path, argument))
                say("%s: There is no such image, and no kernel of that name; `initrdctl list` "
                    "shows the images of this machine.",
                    path);
        else if (r == -ENOENT)
                say("%s: Kernel %s has no image yet; build it with `initrdctl build %s`.", path,
                    argument, argument);
        else if (r == -EINVAL || r == -EISDIR)
                say("%s: It is no file; name an image.", path);
        else
                say("%s: The image can't be opened: %s", path, strerror(-r));
        return r == -ENOENT   ? EXIT_STATUS_NOT_FOUND
               : r == -EACCES ? EXIT_STATUS_NOT_AUTHORISED
                              : EXIT_STATUS_FAILED;
}

int say_fault(const char *path, const ImageFault *fault) {
        _cleanup_free_ char *text = NULL;

        say("%s: The kernel would stop reading here: %s; `initrdctl verify` tells more.", path,
            image_fault_describe(fault, &text) < 0 ? fault->what : text);
        return EXIT_STATUS_FAILED;
}

const char *mode_to_text(uint32_t mode, char ret[static MODE_TEXT_MAX]) {
        static const char bits[] = "rwxrwxrwx";

        ret[0] = S_ISDIR(mode)    ? 'd'
                 : S_ISLNK(mode)  ? 'l'
                 : S_ISCHR(mode)  ? 'c'
                 : S_ISBLK(mode)  ? 'b'
                 : S_ISFIFO(mode) ? 'p'
                 : S_ISSOCK(mode) ? 's'
                 : S_ISREG(mode)  ? '-'
                                  : '?';
        for (unsigned i = 0; i < 9; i++)
                ret[1 + i] = mode & (0400U >> i) ? bits[i] : '-';
        if (mode & S_ISUID)
                ret[3] = mode & 0100 ? 's' : 'S';
        if (mode & S_ISGID)
                ret[6] = mode & 0010 ? 's' : 'S';
        if (mode & S_ISVTX)
                ret[9] = mode & 0001 ? 't' : 'T';
        ret[10] = '\0';
        return ret;
}
