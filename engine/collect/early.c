/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * The kernel wants one file for each vendor: the files of the firmware package, one behind the
 * other. For a machine that is known there is just its own processor's file in it.
 */

#include "collect/collect-internal.h"
#include "collect/early.h"
#include "decompress.h"
#include "fd-util.h"
#include "path-util.h"
#include "string-util.h"

#define MICROCODE_MAX (64 * 1024 * 1024)

typedef struct Vendor {
        const char *name; /* as Facts.microcode has it */
        const char *pattern; /* below /usr/lib/firmware or /lib/firmware */
        const char *file;
} Vendor;

static const Vendor vendors[] = {
        { "intel", "intel-ucode/*", "/kernel/x86/microcode/GenuineIntel.bin" },
        { "amd", "amd-ucode/microcode_amd*.bin*", "/kernel/x86/microcode/AuthenticAMD.bin" },
};

/* Whether the file (its name, without suffixes) is for the machine of `wanted`: "06-55-04". */
static bool is_wanted(const char *path, const char *wanted) {
        const char *name = path_basename(path);
        size_t n = strlen(wanted);

        return strncmp(name, wanted, n) == 0 && (name[n] == '\0' || name[n] == '.');
}

static int append(Collector *c, Collection *out, const char *path, char **data, size_t *size) {
        _cleanup_free_ char *file = NULL, *plain = NULL;
        size_t file_size, plain_size;
        char *p;
        int r;

        r = source_read(c->source, out->trace, path, &file, &file_size);
        if (r < 0)
                return r;
        if (compression_suffix(path)) {
                r = decompress_file(file, file_size, MICROCODE_MAX, &plain, &plain_size);
                if (r < 0)
                        return r;
                free(file);
                file = TAKE_PTR(plain);
                file_size = plain_size;
        }
        p = realloc(*data, *size + file_size);
        if (!p && *size + file_size > 0)
                return -ENOMEM;
        memcpy(p + *size, file, file_size);
        *data = p;
        *size += file_size;
        return 0;
}

static int add(Collector *c, Collection *out, const char *place, char *data, size_t size,
               const char *why) {
        int r;

        r = collect_parents(c, out, place);
        if (r < 0) {
                free(data);
                return r;
        }
        return manifest_add_data(out->manifest, place, 0644, data, size, why, NULL);
}

static int add_vendor(Collector *c, Collection *out, const Vendor *v, const char *wanted) {
        _cleanup_free_ char *pattern = NULL, *data = NULL;
        _cleanup_strv_free_ char **paths = NULL;
        size_t size = 0;
        int r;

        pattern = path_join("/lib/firmware", v->pattern);
        if (!pattern)
                return -ENOMEM;
        r = source_glob(c->source, out->trace, pattern, &paths);
        STRV_FOREACH(path, paths) {
                if (r < 0)
                        break;
                if (endswith(*path, ".initramfs") || endswith(*path, ".asc") ||
                    (wanted && !is_wanted(*path, wanted)))
                        continue;
                r = append(c, out, *path, &data, &size);
                if (r < 0)
                        return report_fail(c->report, FAILURE_INCOMPLETE, r, *path, 0,
                                           "The microcode can't be read: %s", strerror(-r));
        }
        if (r < 0 || size == 0)
                return r;
        return add(c, out, v->file, TAKE_PTR(data), size, "Microcode=");
}

static int add_microcode(Collector *c, Collection *out, const Profile *profile) {
        const char *mine = NULL;

        if (profile->microcode == MICROCODE_NO)
                return 0;
        if (profile->microcode == MICROCODE_HOST && !c->facts->generic) {
                mine = c->facts->microcode;
                if (!mine)
                        return 0;
        }
        for (size_t i = 0; i < ELEMENTSOF(vendors); i++) {
                const char *wanted = NULL;
                int r;

                if (mine) {
                        wanted = startswith(mine, vendors[i].name);
                        if (!wanted || *wanted != ':')
                                continue;
                        wanted++;
                }
                r = add_vendor(c, out, &vendors[i], wanted);
                if (r < 0)
                        return r;
        }
        return 0;
}

static int add_tables(Collector *c, Collection *out, const Profile *profile) {
        _cleanup_free_ char *pattern = NULL;
        _cleanup_strv_free_ char **paths = NULL;
        int r;

        if (!profile->acpi_tables)
                return 0;
        if (kernel_option(c->kernel, "ACPI_TABLE_UPGRADE") == KERNEL_OPTION_NO)
                return report_fail(c->report, FAILURE_CONFIG_INVALID, -EOPNOTSUPP, profile->path,
                                   0,
                                   "AcpiTables= is set, but kernel %s was built without "
                                   "CONFIG_ACPI_TABLE_UPGRADE",
                                   c->kernel->version);
        pattern = path_join(profile->acpi_tables, "*.aml");
        if (!pattern)
                return -ENOMEM;
        r = source_glob(c->source, out->trace, pattern, &paths);
        if (r >= 0 && !*paths)
                report_warn(c->report, profile->path, 0, "AcpiTables=%s has no *.aml",
                            profile->acpi_tables);
        STRV_FOREACH(path, paths) {
                _cleanup_free_ char *place = NULL;
                char *data = NULL;
                size_t size;

                if (r < 0)
                        return r;
                place = path_join("/kernel/firmware/acpi", path_basename(*path));
                r = place ? source_read(c->source, out->trace, *path, &data, &size) : -ENOMEM;
                if (r >= 0)
                        r = add(c, out, place, data, size, "AcpiTables=");
        }
        return r < 0 ? r : 0;
}

int collect_early(Collector *c, const Profile *profile, Collection **ret) {
        _cleanup_(collection_freep) Collection *out = NULL;
        int r;

        r = collection_new(&out);
        if (r >= 0)
                r = add_microcode(c, out, profile);
        if (r >= 0)
                r = add_tables(c, out, profile);
        if (r < 0)
                return report_fail(c->report, FAILURE_BUILD_FAILED, r, NULL, 0,
                                   "The early segment can't be made: %s", strerror(-r));
        *ret = TAKE_PTR(out);
        return 0;
}
