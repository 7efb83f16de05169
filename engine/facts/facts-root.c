/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * What a root tells of the machines that it can run on: their architecture, and nothing else. It is
 * in the header of any of its programs (elf(5)), of which those are asked that a root can't do
 * without: so an image for a foreign root knows it too, and a generic one brings no clocks and pins
 * of machines that could never run it.
 *
 * The kernel need not be of its programs' kind: 64-bit kernels run 32-bit roots. On x86 both have
 * one name; elsewhere both are told.
 */

#include <elf.h>
#include <unistd.h>

#include "facts-host.h"
#include "fd-util.h"
#include "string-util.h"

static const struct {
        unsigned machine;
        const char *arch, *other;
} machines[] = {
        { EM_386, "x86", NULL },       { EM_X86_64, "x86", NULL },
        { EM_ARM, "arm", "arm64" },    { EM_AARCH64, "arm64", NULL },
        { EM_RISCV, "riscv", NULL },   { EM_PPC, "powerpc", NULL },
        { EM_PPC64, "powerpc", NULL }, { EM_S390, "s390", NULL },
        { 258, "loongarch", NULL }, /* EM_LOONGARCH, glibc 2.36 */
        { EM_MIPS, "mips", NULL },     { EM_SPARC, "sparc", NULL },
        { EM_SPARCV9, "sparc", NULL }, { EM_PARISC, "parisc", NULL },
        { EM_68K, "m68k", NULL },      { EM_SH, "sh", NULL },
        { EM_ALPHA, "alpha", NULL },   { 0x9026, "alpha", NULL }, /* what it is in fact */
        { EM_IA_64, "ia64", NULL },
};

/* e_machine of a file, or 0. */
static unsigned read_machine(Source *source, const char *path) {
        _cleanup_close_ int fd = source_open(source, NULL, path, NULL);
        unsigned char header[20];

        if (fd < 0 || pread(fd, header, sizeof(header), 0) != sizeof(header) ||
            memcmp(header, ELFMAG, SELFMAG) != 0)
                return 0;
        switch (header[EI_DATA]) {
        case ELFDATA2LSB:
                return header[18] | (unsigned) header[19] << 8;
        case ELFDATA2MSB:
                return header[19] | (unsigned) header[18] << 8;
        default:
                return 0;
        }
}

static int add_tag(Facts *facts, const char *arch) {
        char *tag;
        int r;

        r = str_printf(&tag, "arch:%s", arch);
        return r < 0 ? r : strv_consume(&facts->tags, tag);
}

int facts_find_arch(Facts *facts, Source *source) {
        static const char *const programs[] = {
                "/usr/lib/systemd/systemd",
                "/lib/systemd/systemd",
                "/sbin/init",
                "/bin/sh",
                "/usr/bin/env",
                "/sbin/modprobe",
        };
        unsigned machine = 0;

        for (size_t i = 0; i < ELEMENTSOF(programs) && machine == 0; i++)
                machine = read_machine(source, programs[i]);
        for (size_t i = 0; i < ELEMENTSOF(machines); i++) {
                int r;

                if (machines[i].machine != machine)
                        continue;
                r = add_tag(facts, machines[i].arch);
                if (r >= 0 && machines[i].other)
                        r = add_tag(facts, machines[i].other);
                return r;
        }
        return 0;
}
