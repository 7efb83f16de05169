/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Who may not open an image asks the service for its bytes, and does with them what he would do with
 * the file: every verb that reads an image works so. On this machine a descriptor comes; from
 * another one, over a connection that has none, the image comes in parts into a file in memory.
 */

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "bus.h"
#include "bus-json.h"
#include "client.h"
#include "fd-util.h"
#include "image-bus.h"
#include "string-util.h"

#define PART_BYTES (UINT64_C(4) * 1024 * 1024)
/* How often an image that is replaced while it is read is read again. */
#define TRIES 3

int bus_find_image(sd_bus *bus, const char *kernel, sd_bus_error *error, sd_bus_message **ret,
                   const char **ret_object) {
        _cleanup_message_ sd_bus_message *found = NULL;
        int r;

        r = bus_read(bus, BUS_PATH, BUS_INTERFACE_MANAGER, "GetImage", error, &found, "ss", kernel,
                     arg_profile ?: "default");
        if (r >= 0)
                r = sym_sd_bus_message_read(found, "o", ret_object);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(found);
        return 0;
}

static bool is_same_path(const char *ours, const char *theirs) {
        _cleanup_free_ char *real = NULL;

        if (streq(ours, theirs))
                return true;
        if (service_is_remote())
                return false;
        real = realpath(ours, NULL);
        return real && streq(real, theirs);
}

/* 1 and the object of the image at a path, 0 when there is none. The caller frees. */
static int find_path(sd_bus *bus, const char *path, sd_bus_error *error, char **ret) {
        ServiceView view = {};
        json_t *image;
        size_t i;
        int r;

        r = service_view_read(&view, bus, error);
        if (r < 0)
                return r;
        json_array_foreach(view.images, i, image)
                if (r == 0 && is_same_path(path, member_text(image, "path"))) {
                        *ret = strdup(member_text(image, "object"));
                        r = *ret ? 1 : -ENOMEM;
                }
        service_view_done(&view);
        return r;
}

/* 1 and its object, 0 when the service knows no such image. */
static int find(sd_bus *bus, const char *argument, sd_bus_error *error, char **ret) {
        _cleanup_message_ sd_bus_message *found = NULL;
        const char *object;
        int r;

        if (strchr(argument, '/'))
                return find_path(bus, argument, error, ret);
        r = bus_find_image(bus, argument, error, &found, &object);
        if (r < 0)
                return r;
        *ret = strdup(object);
        return *ret ? 1 : -ENOMEM;
}

/* With as much time as it takes to type a password. */
static int ask(sd_bus *bus, const char *object, const char *member, sd_bus_error *error,
               sd_bus_message **ret, const char *types, ...) {
        _cleanup_message_ sd_bus_message *m = NULL;
        va_list ap;
        int r;

        r = sym_sd_bus_message_new_method_call(bus, &m, BUS_NAME, object, BUS_INTERFACE_IMAGE,
                                               member);
        if (r < 0)
                return r;
        va_start(ap, types);
        r = sym_sd_bus_message_appendv(m, types, ap);
        va_end(ap);
        return r < 0 ? r : bus_change_with(bus, m, error, ret);
}

/* A descriptor of it. */
static int read_whole(sd_bus *bus, const char *object, sd_bus_error *error) {
        _cleanup_message_ sd_bus_message *reply = NULL;
        int r, fd;

        r = ask(bus, object, "Read", error, &reply, "t", UINT64_C(0));
        if (r >= 0)
                r = sym_sd_bus_message_read(reply, "h", &fd);
        if (r < 0)
                return r;
        fd = fcntl(fd, F_DUPFD_CLOEXEC, 3);
        return fd < 0 ? -errno : fd;
}

/* 1 when there is more, 0 at the end; -ESTALE when it is another image than before. */
static int read_part(sd_bus *bus, const char *object, uint64_t *offset, int fd, char **version,
                     sd_bus_error *error) {
        _cleanup_message_ sd_bus_message *reply = NULL;
        const void *bytes = NULL;
        const char *what;
        uint64_t all;
        size_t n = 0;
        int r;

        r = ask(bus, object, "ReadPart", error, &reply, "ttt", *offset, PART_BYTES, UINT64_C(0));
        if (r >= 0)
                r = sym_sd_bus_message_read_array(reply, 'y', &bytes, &n);
        if (r >= 0)
                r = sym_sd_bus_message_read(reply, "ts", &all, &what);
        if (r < 0)
                return r;
        if (!*version)
                *version = strdup(what);
        if (!*version)
                return -ENOMEM;
        if (!streq(*version, what))
                return -ESTALE;
        r = fd_write_all(fd, bytes, n);
        if (r < 0)
                return r;
        *offset += n;
        return n > 0 && *offset < all;
}

/* A descriptor of what came in parts. */
static int read_parts(sd_bus *bus, const char *object, sd_bus_error *error) {
        int r = -ESTALE;

        for (unsigned i = 0; i < TRIES && r == -ESTALE; i++) {
                _cleanup_free_ char *version = NULL;
                _cleanup_close_ int fd = memfd_create("image", MFD_CLOEXEC);
                uint64_t offset = 0;

                if (fd < 0)
                        return -errno;
                while ((r = read_part(bus, object, &offset, fd, &version, error)) > 0)
                        ;
                if (r >= 0)
                        return TAKE_FD(fd);
        }
        return r;
}

/* "HOST:PATH", or the path. */
static int name_image(sd_bus *bus, const char *object, sd_bus_error *error, char **ret) {
        json_t *properties;
        int r;

        r = bus_get_properties(bus, object, BUS_INTERFACE_IMAGE, error, &properties);
        if (r < 0)
                return r;
        r = str_printf(ret, "%s%s%s", service_is_remote() ? arg_host : "",
                       service_is_remote() ? ":" : "", member_text(properties, "path"));
        json_decref(properties);
        return r < 0 ? r : 0;
}

int image_over_bus(const char *argument, bool perhaps, Image **ret, char **ret_path) {
        _cleanup_error_ sd_bus_error error = SD_BUS_ERROR_NULL;
        _cleanup_free_ char *object = NULL, *path = NULL;
        _cleanup_close_ int fd = -EBADF;
        _cleanup_bus_ sd_bus *bus = NULL;
        int r;

        r = bus_open(&bus, true);
        if (r != EXIT_STATUS_DONE)
                return r;
        r = find(bus, argument, &error, &object);
        if (perhaps && r <= 0)
                return STATUS_OFFLINE;
        if (r == 0) {
                say("%s: The service has no image there; `initrdctl list` shows those that it "
                    "has.",
                    argument);
                return EXIT_STATUS_NOT_FOUND;
        }
        if (r >= 0)
                r = name_image(bus, object, &error, &path);
        if (r >= 0)
                r = service_is_remote() ? read_parts(bus, object, &error)
                                        : read_whole(bus, object, &error);
        if (r == -ESTALE) {
                say("%s: It was replaced while it was read; try again.", path);
                return EXIT_STATUS_FAILED;
        }
        if (r < 0)
                return bus_error_is_unavailable(&error, r) ? service_unavailable(&error, r, false)
                                                           : say_bus_error(argument, &error, r);
        fd = r;
        r = image_open_fd(ret, fd);
        if (r < 0) {
                say("%s: The image can't be opened: %s", path, strerror(-r));
                return EXIT_STATUS_FAILED;
        }
        *ret_path = TAKE_PTR(path);
        return 0;
}
