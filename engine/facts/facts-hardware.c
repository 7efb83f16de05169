/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * The hardware that is present, as the kernel itself asks for drivers: by modalias.
 *
 * Every file `modalias` below /sys/devices counts, loaded driver or not: what is built into this
 * kernel may be a file of the next. The walk opens each directory once, relative to the one above,
 * follows no link, and leaves out directories that every device has and that never hold a device.
 * Those are about half of all, and below system/ and virtual/ nearly all.
 *
 * The processor is told by /proc/cpuinfo, of which the first one speaks for all. Vendors name
 * microcode by family, model and stepping:
 *
 *   intel:06-55-04   intel-ucode/06-55-04
 *   amd:19-11-01     amd-ucode/microcode_amd_fam19h.bin, by family; amd-ucode/microcode_amd.bin
 *                    for those before 15h
 */

#include <ctype.h>
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "facts-host.h"
#include "fd-util.h"
#include "string-util.h"
#include "strmap.h"

/* A device tree is some twenty levels deep. */
#define DEVICES_DEPTH_MAX 64

static void closedirp(DIR **d) {
        if (*d)
                closedir(*d);
}

static bool is_barren(const char *name, unsigned depth, bool in_system, bool in_virtual) {
        static const char *const names[] = {
                "power",  "queue",     "queues",   "mq",      "statistics", "trace", "holders",
                "slaves", "integrity", "msi_irqs", "msi_bus", "link",       NULL,
        };

        /* system/cpu has a modalias, its processors don't. */
        if (in_system && depth >= 2)
                return true;
        /* Of what exists in software only, just the firmware's description of the machine. */
        if (in_virtual && depth == 1)
                return !streq(name, "dmi") && !streq(name, "input");
        return strv_contains((char *const *) names, name);
}

static int read_modalias(int dir_fd, Strmap *aliases) {
        _cleanup_close_ int fd =
                        openat(dir_fd, "modalias", O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
        char text[4096], *alias;
        ssize_t n;
        int r;

        /* It may have been unplugged, and some drivers give an error instead of nothing. */
        if (fd < 0)
                return 0;
        n = read(fd, text, sizeof(text) - 1);
        if (n <= 0)
                return 0;
        text[n] = '\0';
        alias = str_strip(text);
        if (*alias == '\0')
                return 0;
        r = strmap_put(aliases, alias, NULL);
        return r == -EEXIST ? 0 : r;
}

static int walk_devices(int dir_fd, unsigned depth, bool in_system, bool in_virtual,
                        Strmap *aliases) {
        _cleanup_(closedirp) DIR *d = fdopendir(dir_fd);
        int r;

        if (!d) {
                r = -errno;
                safe_close(dir_fd);
                return r;
        }
        for (struct dirent *e; (e = readdir(d));) {
                unsigned char type = e->d_type;
                int fd;

                if (e->d_name[0] == '.')
                        continue;
                if (type == DT_UNKNOWN) {
                        struct stat st;

                        if (fstatat(dirfd(d), e->d_name, &st, AT_SYMLINK_NOFOLLOW) >= 0)
                                type = IFTODT(st.st_mode);
                }
                if (type == DT_REG && streq(e->d_name, "modalias")) {
                        r = read_modalias(dirfd(d), aliases);
                        if (r < 0)
                                return r;
                }
                if (type != DT_DIR || depth >= DEVICES_DEPTH_MAX ||
                    is_barren(e->d_name, depth, in_system, in_virtual))
                        continue;
                fd = openat(dirfd(d), e->d_name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
                if (fd < 0)
                        continue;
                r = walk_devices(fd, depth + 1,
                                 depth == 0 ? streq(e->d_name, "system") : in_system,
                                 depth == 0 ? streq(e->d_name, "virtual") : in_virtual, aliases);
                if (r < 0)
                        return r;
        }
        return 0;
}

int host_find_modaliases(Host *h) {
        _cleanup_strmap_ Strmap aliases = STRMAP_INIT(NULL);
        char **l;
        int fd, r;

        fd = host_open(h, "/sys/devices", O_RDONLY | O_DIRECTORY);
        if (fd < 0) {
                report_warn(h->report, "/sys/devices", 0,
                            "Can't be read, so the hardware is not known: %s", strerror(-fd));
                return 0;
        }
        r = 0;
        /* Ciphers that were found on the way to the disks. */
        STRV_FOREACH(alias, h->facts->modaliases)
                if (r >= 0)
                        r = strmap_replace(&aliases, *alias, NULL);
        if (r >= 0)
                r = walk_devices(fd, 0, false, false, &aliases);
        if (r < 0)
                return r;
        l = calloc(aliases.n + 1, sizeof(char *));
        if (!l)
                return -ENOMEM;
        strv_free(h->facts->modaliases);
        h->facts->modaliases = l;
        STRMAP_FOREACH(e, &aliases)
                *l++ = TAKE_PTR(e->key);
        strv_sort(h->facts->modaliases);
        return 0;
}

typedef struct Cpu {
        const char *vendor;
        unsigned family, model, stepping;
        unsigned n_found;
} Cpu;

/* "key\t: value" */
static void parse_cpuinfo_line(char *line, Cpu *cpu) {
        static const struct {
                const char *vendor, *name;
        } vendors[] = { { "GenuineIntel", "intel" }, { "AuthenticAMD", "amd" } };
        char *colon = strchr(line, ':');
        const char *key, *value;

        if (!colon)
                return;
        *colon = '\0';
        key = str_strip(line);
        value = str_strip(colon + 1);
        if (streq(key, "vendor_id")) {
                for (size_t i = 0; i < ELEMENTSOF(vendors); i++)
                        if (streq(value, vendors[i].vendor))
                                cpu->vendor = vendors[i].name;
        } else if (streq(key, "cpu family"))
                cpu->n_found += parse_unsigned(value, &cpu->family) >= 0;
        else if (streq(key, "model"))
                cpu->n_found += parse_unsigned(value, &cpu->model) >= 0;
        else if (streq(key, "stepping"))
                cpu->n_found += parse_unsigned(value, &cpu->stepping) >= 0;
}

static int find_microcode(Host *h) {
        _cleanup_free_ char *text = NULL;
        Cpu cpu = {};
        int r;

        r = host_read(h, "/proc/cpuinfo", &text);
        if (r < 0)
                return r == -ENOMEM ? r : 0;
        for (char *p = text; p;) {
                char *line = strsep(&p, "\n");

                if (*line == '\0')
                        break; /* the next processor */
                parse_cpuinfo_line(line, &cpu);
        }
        if (!cpu.vendor || cpu.n_found != 3)
                return 0;
        return str_printf(&h->facts->microcode, "%s:%02x-%02x-%02x", cpu.vendor, cpu.family,
                          cpu.model, cpu.stepping);
}

/* The kernel's own name of a machine's family: what is in arch/. */
static const char *arch_of_machine(const char *machine) {
        static const struct {
                const char *prefix, *arch;
        } arches[] = {
                { "x86_64", "x86" },          { "aarch64", "arm64" }, { "arm", "arm" },
                { "riscv", "riscv" },         { "ppc", "powerpc" },   { "s390", "s390" },
                { "loongarch", "loongarch" }, { "mips", "mips" },     { "sparc", "sparc" },
                { "alpha", "alpha" },         { "ia64", "ia64" },     { "parisc", "parisc" },
                { "m68k", "m68k" },           { "sh", "sh" },
        };

        if (machine[0] == 'i' && isdigit((unsigned char) machine[1]) && endswith(machine, "86"))
                return "x86";
        for (size_t i = 0; i < ELEMENTSOF(arches); i++)
                if (startswith(machine, arches[i].prefix))
                        return arches[i].arch;
        return machine;
}

int host_find_cpu(Host *h) {
        struct utsname u;
        int r;

        r = host_read(h, "/proc/sys/kernel/arch", &h->facts->machine);
        if (r == -ENOMEM)
                return r;
        if (r < 0 && h->live && uname(&u) >= 0) {
                h->facts->machine = strdup(u.machine);
                if (!h->facts->machine)
                        return -ENOMEM;
        }
        if (h->facts->machine) {
                r = host_tag(h, "arch:%s", arch_of_machine(h->facts->machine));
                if (r < 0)
                        return r;
        }
        return find_microcode(h);
}
