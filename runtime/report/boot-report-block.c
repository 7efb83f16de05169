/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Block devices: /sys/class/block has those that the kernel knows, and udev's database what was found on
 * them, a file /run/udev/data/bMAJOR:MINOR with lines "E:KEY=VALUE" and "S:LINK". A device that
 * udev hasn't looked at is told of as such: then nobody waits for it with success.
 */

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "fd-util.h"
#include "boot-report.h"
#include "string-util.h"

/* In the summary. */
#define SHOWN_MAX 8

typedef struct Device {
        char *name, *number, *type; /* type: of the file system, "" none */
        char *size, *database;
} Device;

static void device_done(Device *d) {
        free(d->name);
        free(d->number);
        free(d->type);
        free(d->size);
        free(d->database);
}

/* A file of some bytes without its line break, "" when it can't be read; NULL without memory. */
static char *read_value(const char *root, const char *directory, const char *name,
                        const char *attribute) {
        _cleanup_free_ char *path = NULL, *text = NULL;
        size_t size;
        int r;

        if (str_printf(&path, "%s%s%s%s", root, directory, name, attribute) < 0)
                return NULL;
        r = file_read_at(AT_FDCWD, path, 1024 * 1024, &text, &size);
        if (r < 0)
                return strdup("");
        if (size > 0 && text[size - 1] == '\n')
                text[size - 1] = '\0';
        return TAKE_PTR(text);
}

/* The value of "E:KEY=" in udev's database, or "". The caller frees. */
static char *property(const Device *d, const char *key) {
        size_t n = strlen(key);

        for (const char *line = d->database; line && *line;) {
                if (strncmp(line, "E:", 2) == 0 && strncmp(line + 2, key, n) == 0 &&
                    line[2 + n] == '=')
                        return strndup(line + n + 3, strcspn(line + n + 3, "\n"));
                line = strchr(line, '\n');
                line = line ? line + 1 : NULL;
        }
        return strdup("");
}

static int device_read(const char *root, const char *name, Device *ret) {
        Device d = { .name = strdup(name) };

        d.number = read_value(root, "/sys/class/block/", name, "/dev");
        d.size = read_value(root, "/sys/class/block/", name, "/size");
        d.database = read_value(root, "/run/udev/data/b", d.number ?: "", "");
        d.type = property(&d, "ID_FS_TYPE");
        if (!d.name || !d.number || !d.size || !d.database || !d.type) {
                device_done(&d);
                return -ENOMEM;
        }
        *ret = d;
        return 0;
}

/* Those that have a size, in the order of their names. */
static int list(const char *root, char ***ret) {
        _cleanup_strv_free_ char **names = calloc(1, sizeof(char *));
        _cleanup_free_ char *path = NULL;
        int r = names ? 0 : -ENOMEM;
        DIR *d;

        if (str_printf(&path, "%s/sys/class/block", root) < 0)
                return -ENOMEM;
        d = opendir(path);
        if (!d)
                return -errno;
        for (struct dirent *e; r >= 0 && (e = readdir(d));) {
                _cleanup_free_ char *size = NULL;

                if (e->d_name[0] == '.')
                        continue;
                size = read_value(root, "/sys/class/block/", e->d_name, "/size");
                if (!size)
                        r = -ENOMEM;
                else if (!streq(size, "0") && *size)
                        r = strv_extend(&names, e->d_name);
        }
        closedir(d);
        if (r < 0)
                return r;
        strv_sort(names);
        *ret = TAKE_PTR(names);
        return 0;
}

static void print_property(const Device *d, const char *key, const char *shown, FILE *f) {
        _cleanup_free_ char *value = property(d, key);

        if (value && *value)
                fprintf(f, " %s%s", shown, value);
}

static void print_names(const char *root, const char *device, const char *which, FILE *f) {
        _cleanup_free_ char *path = NULL;
        DIR *d = NULL;

        if (str_printf(&path, "%s/sys/class/block/%s/%s", root, device, which) >= 0)
                d = opendir(path);
        if (!d)
                return;
        for (struct dirent *e; (e = readdir(d));)
                if (e->d_name[0] != '.')
                        fprintf(f, " %s=%s", which, e->d_name);
        closedir(d);
}

static void print_device(const char *root, const Device *d, FILE *f) {
        unsigned long long sectors = strtoull(d->size, NULL, 10);

        fprintf(f, "%s (%s) %llu MiB", d->name, d->number, sectors / 2048);
        print_property(d, "DM_NAME", "dm:", f);
        print_property(d, "MD_LEVEL", "md:", f);
        print_property(d, "ID_FS_TYPE", "", f);
        print_property(d, "ID_FS_LABEL", "LABEL=", f);
        print_property(d, "ID_FS_UUID", "UUID=", f);
        print_property(d, "ID_PART_ENTRY_NAME", "PARTLABEL=", f);
        print_property(d, "ID_PART_ENTRY_UUID", "PARTUUID=", f);
        print_property(d, "ID_SERIAL", "SERIAL=", f);
        print_property(d, "SYSTEMD_READY", "SYSTEMD_READY=", f);
        print_names(root, d->name, "slaves", f);
        fputs(*d->database ? "\n" : " (udev does not know it)\n", f);
        for (const char *line = d->database; line && *line;) {
                if (strncmp(line, "S:", 2) == 0)
                        fprintf(f, "    /dev/%.*s\n", (int) strcspn(line + 2, "\n"), line + 2);
                line = strchr(line, '\n');
                line = line ? line + 1 : NULL;
        }
}

void report_block_devices(const char *root, FILE *f) {
        _cleanup_strv_free_ char **names = NULL;
        int r;

        r = list(root, &names);
        if (r < 0)
                fprintf(f, "(they can't be listed: %s)\n", strerror(-r));
        else if (!names[0])
                fputs("(there are none)\n", f);
        STRV_FOREACH(name, names) {
                _cleanup_(device_done) Device d = {};

                if (device_read(root, *name, &d) >= 0)
                        print_device(root, &d, f);
        }
}

void report_block_summary(const char *root, FILE *f) {
        _cleanup_strv_free_ char **names = NULL;
        size_t n = 0;

        if (list(root, &names) < 0 || !names[0]) {
                fputs("  There are no disks at all: a driver is missing, or they are not "
                      "connected.\n",
                      f);
                return;
        }
        fputs("  There are:", f);
        STRV_FOREACH(name, names) {
                _cleanup_(device_done) Device d = {};

                if (++n > SHOWN_MAX)
                        continue;
                if (device_read(root, *name, &d) < 0)
                        return;
                fprintf(f, "%s %s", n > 1 ? "," : "", d.name);
                print_property(&d, "ID_FS_TYPE", "", f);
                print_property(&d, "ID_FS_LABEL", "LABEL=", f);
                print_property(&d, "ID_FS_UUID", "UUID=", f);
        }
        if (n > SHOWN_MAX)
                fprintf(f, " and %zu more", n - SHOWN_MAX);
        fputs("\n", f);
}
