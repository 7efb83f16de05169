/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * The service can't reach everything that its client can (kernel-install has a staging area in /tmp,
 * of which the service has its own), so the client copies. The image has the machine's keys: it is
 * private from the beginning.
 */

#include <fcntl.h>
#include <stdio.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <unistd.h>

#include "build-output.h"
#include "fd-util.h"
#include "string-util.h"

#define CHUNK_MAX ((size_t) 1 << 30)

static int copy(int from, int to) {
        struct stat st, copied;
        ssize_t n;

        if (fstat(from, &st) < 0 || lseek(from, 0, SEEK_SET) < 0)
                return -errno;
        while ((n = copy_file_range(from, NULL, to, NULL, CHUNK_MAX, 0)) > 0)
                ;
        if (n < 0) {
                /* Between two filesystems, or of a memfd, older kernels don't. */
                while ((n = sendfile(to, from, NULL, CHUNK_MAX)) > 0)
                        ;
                if (n < 0)
                        return -errno;
        }
        if (fstat(to, &copied) < 0 || fsync(to) < 0)
                return -errno;
        return copied.st_size == st.st_size ? 0 : -EIO;
}

/* Beside the output, for rename() to be one step. */
static int write_output(int image, const char *output) {
        _cleanup_free_ char *temporary = NULL;
        _cleanup_close_ int fd = -EBADF;
        int r;

        r = str_printf(&temporary, "%s.XXXXXX", output);
        if (r < 0)
                return r;
        fd = mkostemp(temporary, O_CLOEXEC); /* 0600 */
        if (fd < 0)
                return -errno;
        r = copy(image, fd);
        if (r >= 0 && rename(temporary, output) < 0)
                r = -errno;
        if (r < 0)
                (void) unlink(temporary);
        return r;
}

int fetch_output(sd_bus *bus, const char *job, const char *output) {
        _cleanup_error_ sd_bus_error error = SD_BUS_ERROR_NULL;
        _cleanup_message_ sd_bus_message *reply = NULL;
        int r, image;

        r = bus_read(bus, job, BUS_INTERFACE_JOB, "GetOutput", &error, &reply, NULL);
        if (r >= 0)
                r = sym_sd_bus_message_read(reply, "h", &image);
        if (r < 0)
                return say_bus_error(output, &error, r);
        r = write_output(image, output);
        if (r >= 0)
                return EXIT_STATUS_DONE;
        say("%s: The image can't be written: %s", output, strerror(-r));
        return r == -ENOSPC                  ? EXIT_STATUS_NO_SPACE
               : r == -EACCES || r == -EPERM ? EXIT_STATUS_NOT_AUTHORISED
                                             : EXIT_STATUS_FAILED;
}
