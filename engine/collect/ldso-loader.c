/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Where a loader looks is decided in three places:
 *
 * 1. In the loader itself. glibc is built with a list of "system directories": /lib64/ and
 *    /usr/lib64/ as it comes, the multiarch directories and then /lib/ and /usr/lib/ with Debian's
 *    patch, /usr/lib/ alone in Arch, one of the store in NixOS. The list is a row of strings in
 *    the loader, one after another, each with a slash at the end (SYSTEM_DIRS of elf/dl-load.c;
 *    present twice, as ld.so has it for --help too). So it is read from there, and right for every
 *    distribution. Where there is no loader, or nothing that looks so, it is what the table below
 *    has for the architecture. musl has three directories, for all architectures.
 *
 * 2. In /etc/ld.so.conf and what it includes, for glibc, though only through ld.so.cache, which
 *    an image hasn't.
 *
 * 3. In /etc/ld-musl-ARCH.path for musl: it replaces the built-in list, but is not in an image.
 *
 * Which loader is used is PT_INTERP of a program. A library doesn't say: then it is what the
 * architecture's ABI has, glibc's before musl's unless the library is linked with musl's libc.
 */

#include <elf.h>
#include <fcntl.h>
#include <unistd.h>

#include "collect/ldso-loader.h"
#include "fd-util.h"
#include "path-util.h"
#include "source/trace.h"
#include "string-util.h"
#include "strmap.h"

#define CONF_PATH "/etc/ld.so.conf"
#define CONF_DEPTH_MAX 16

typedef struct Abi {
        LdsoKind kind;
        const char *loader; /* glibc's */
        const char *triplet; /* the multiarch directory */
        const char *lib; /* the other one */
        const char *musl; /* /lib/ld-musl-ARCH.so.1 */
        const char *platform;
} Abi;

/* Sources: glibc's sysdeps (shlib-versions, ldconfig.h), musl's configure, Debian's multiarch
 * tuples. Of two rows of one kind the first whose loader is there counts. */
static const Abi abis[] = {
        { { ELFCLASS64, EM_X86_64, true },
          "/lib64/ld-linux-x86-64.so.2",
          "x86_64-linux-gnu",
          "lib64",
          "x86_64",
          "x86_64" },
        { { ELFCLASS64, EM_AARCH64, true },
          "/lib/ld-linux-aarch64.so.1",
          "aarch64-linux-gnu",
          "lib64",
          "aarch64",
          "aarch64" },
        { { ELFCLASS64, EM_RISCV, true },
          "/lib/ld-linux-riscv64-lp64d.so.1",
          "riscv64-linux-gnu",
          "lib64/lp64d",
          "riscv64",
          "riscv64" },
        { { ELFCLASS64, EM_PPC64, true },
          "/lib64/ld64.so.2",
          "powerpc64le-linux-gnu",
          "lib64",
          "powerpc64le",
          "power8" },
        { { ELFCLASS64, EM_PPC64, false },
          "/lib64/ld64.so.1",
          "powerpc64-linux-gnu",
          "lib64",
          "powerpc64",
          "power4" },
        { { ELFCLASS64, EM_S390, false },
          "/lib/ld64.so.1",
          "s390x-linux-gnu",
          "lib64",
          "s390x",
          "z900" },
        { { ELFCLASS64, 258 /* EM_LOONGARCH */, true },
          "/lib64/ld-linux-loongarch-lp64d.so.1",
          "loongarch64-linux-gnu",
          "lib64",
          "loongarch64",
          "loongarch64" },
        { { ELFCLASS64, EM_MIPS, true },
          "/lib64/ld.so.1",
          "mips64el-linux-gnuabi64",
          "lib64",
          "mips64el",
          "mips" },
        { { ELFCLASS32, EM_386, true },
          "/lib/ld-linux.so.2",
          "i386-linux-gnu",
          "lib",
          "i386",
          "i686" },
        { { ELFCLASS32, EM_X86_64, true },
          "/libx32/ld-linux-x32.so.2",
          "x86_64-linux-gnux32",
          "libx32",
          "x32",
          "x86_64" },
        { { ELFCLASS32, EM_ARM, true },
          "/lib/ld-linux-armhf.so.3",
          "arm-linux-gnueabihf",
          "lib",
          "armhf",
          "v7l" },
        { { ELFCLASS32, EM_ARM, true },
          "/lib/ld-linux.so.3",
          "arm-linux-gnueabi",
          "lib",
          "arm",
          "v7l" },
        { { ELFCLASS32, EM_MIPS, true },
          "/lib/ld.so.1",
          "mipsel-linux-gnu",
          "lib",
          "mipsel",
          "mips" },
};

static const char *const musl_builtins[] = { "/lib", "/usr/local/lib", "/usr/lib", NULL };

static bool same_kind(const LdsoKind *a, const LdsoKind *b) {
        return a->class == b->class && a->machine == b->machine &&
               a->little_endian == b->little_endian;
}

int ldso_kind_of(Source *source, const char *canonical, LdsoKind *ret) {
        _cleanup_close_ int fd = -EBADF;
        char header[ELF_HEADER_SIZE];
        ssize_t n;
        Elf elf;

        fd = source_open_canonical(source, canonical);
        if (fd < 0)
                return fd == -EACCES ? fd : 0;
        n = pread(fd, header, sizeof(header), 0);
        if (n < 0 || elf_parse_header(header, (size_t) n, &elf) < 0)
                return 0;
        *ret = (LdsoKind) { elf.class, elf.machine, elf.little_endian };
        return 1;
}

bool ldso_native_kind(Source *source, LdsoKind *ret) {
        static const char *const programs[] = { "/usr/lib/systemd/systemd", "/sbin/init",
                                                "/bin/sh" };

        for (size_t i = 0; i < ELEMENTSOF(programs); i++) {
                _cleanup_free_ char *canonical = NULL;

                if (source_resolve(source, NULL, programs[i], &canonical, NULL, NULL) >= 0 &&
                    ldso_kind_of(source, canonical, ret) > 0)
                        return true;
        }
        for (size_t i = 0; i < ELEMENTSOF(abis); i++)
                if (source_exists(source, NULL, abis[i].loader) > 0) {
                        *ret = abis[i].kind;
                        return true;
                }
        return false;
}

/* What can be a byte of a directory that somebody builds into a loader. */
static bool is_path_byte(char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
               (c && strchr("/._+-", c));
}

/* Takes "/usr/lib64/", not "/", "/usr/" or "//". */
static bool is_library_directory(const char *s, size_t n) {
        if (n < 5 || n > 255 || s[0] != '/' || s[n - 1] != '/' || s[n - 2] == '/')
                return false;
        for (size_t i = 0; i + 4 < n; i++)
                if (strncmp(s + i, "/lib", 4) == 0)
                        return true;
        return false;
}

int ldso_builtin_directories(const char *data, size_t size, char ***ret) {
        _cleanup_strv_free_ char **found = NULL;
        const char *slash;
        size_t at = 0;
        int r;

        /* By the end of each string, "/\0": what is before its beginning need not be a string. */
        while (at < size && (slash = memmem(data + at, size - at, "/", 2))) {
                size_t end = (size_t) (slash - data), start = end;
                _cleanup_free_ char *directory = NULL;

                while (start > at && is_path_byte(data[start - 1]))
                        start--;
                at = end + 2;
                if (!is_library_directory(data + start, end + 1 - start))
                        continue;
                directory = strndup(data + start, end - start);
                if (!directory)
                        return -ENOMEM;
                r = strv_extend_unique(&found, directory);
                if (r < 0)
                        return r;
        }
        *ret = TAKE_PTR(found);
        return 0;
}

/* What can be wrong with a file of configuration without anything being wrong with us. */
static bool is_absent(int r) {
        return r == -ENOENT || r == -ENOTDIR || r == -ELOOP || r == -EISDIR || r == -ENXIO;
}

typedef struct Conf {
        Source *source;
        Trace *trace;
        Strmap seen; /* files */
        char **directories;
} Conf;

static int conf_read(Conf *conf, const char *path, unsigned depth);

/* "include" and its patterns, relative to the directory of the file. */
static int conf_include(Conf *conf, const char *path, const char *patterns, unsigned depth) {
        _cleanup_strv_free_ char **words = NULL;
        int r;

        r = strv_split(&words, patterns, " \t");
        if (r < 0)
                return r;
        STRV_FOREACH(word, words) {
                _cleanup_free_ char *directory = NULL, *pattern = NULL;
                _cleanup_strv_free_ char **paths = NULL;

                directory = path_dirname(path);
                if (!directory)
                        return -ENOMEM;
                pattern = **word == '/' ? strdup(*word) : path_join(directory, *word);
                if (!pattern)
                        return -ENOMEM;
                r = source_glob(conf->source, conf->trace, pattern, &paths);
                if (r < 0)
                        return r;
                STRV_FOREACH(p, paths) {
                        r = conf_read(conf, *p, depth + 1);
                        if (r < 0)
                                return r;
                }
        }
        return 0;
}

/* As ldconfig's parse_conf(): a directory a line, "=TYPE" behind it is history; "include"; "hwcap"
 * lines mean nothing any more. */
static int conf_line(Conf *conf, const char *path, char *line, unsigned depth) {
        const char *rest;

        line[strcspn(line, "#")] = '\0';
        line = str_strip(line);
        rest = startswith(line, "include");
        if (rest && (*rest == ' ' || *rest == '\t'))
                return conf_include(conf, path, rest, depth);
        if (*line != '/')
                return 0;
        line[strcspn(line, "=")] = '\0';
        return strv_extend_unique(&conf->directories, path_simplify(str_strip(line)));
}

static int conf_read(Conf *conf, const char *path, unsigned depth) {
        _cleanup_free_ char *text = NULL;
        char *line, *rest;
        int r;

        /* A file that includes itself, also by a detour, is read once. */
        if (depth > CONF_DEPTH_MAX)
                return 0;
        r = strmap_put(&conf->seen, path, NULL);
        if (r == -EEXIST)
                return 0;
        if (r < 0)
                return r;
        r = source_read(conf->source, conf->trace, path, &text, NULL);
        if (is_absent(r))
                return 0;
        if (r < 0)
                return r;
        for (rest = text; (line = strsep(&rest, "\n"));) {
                r = conf_line(conf, path, line, depth);
                if (r < 0)
                        return r;
        }
        return 0;
}

/* What a loader that isn't there, or is of another make, would have. Directories that aren't there
 * do no harm. */
static int guess_builtins(LdsoLoader *loader, const Abi *abi) {
        static const char *const prefixes[] = { "", "/usr" };
        char *directory;
        int r = 0;

        for (size_t i = 0; abi && i < ELEMENTSOF(prefixes) && r >= 0; i++) {
                r = str_printf(&directory, "%s/lib/%s", prefixes[i], abi->triplet);
                if (r >= 0)
                        r = strv_consume(&loader->builtins, directory);
        }
        for (size_t i = 0; abi && i < ELEMENTSOF(prefixes) && r >= 0; i++) {
                r = str_printf(&directory, "%s/%s", prefixes[i], abi->lib);
                if (r >= 0)
                        r = strv_consume(&loader->builtins, directory);
        }
        if (r >= 0)
                r = strv_extend_unique(&loader->builtins, "/lib");
        if (r >= 0)
                r = strv_extend_unique(&loader->builtins, "/usr/lib");
        return r;
}

static int configure_glibc(LdsoLoader *loader, Source *source, const Abi *abi) {
        Conf conf = { .source = source, .trace = loader->trace, .seen = STRMAP_INIT(NULL) };
        _cleanup_free_ char *data = NULL;
        const char *first;
        size_t size;
        int r;

        r = conf_read(&conf, CONF_PATH, 0);
        strmap_done(&conf.seen);
        loader->configured = conf.directories;
        if (r < 0)
                return r;

        if (loader->path) {
                r = source_read(source, loader->trace, loader->path, &data, &size);
                if (r >= 0)
                        r = ldso_builtin_directories(data, size, &loader->builtins);
                if (r < 0 && !is_absent(r))
                        return r;
        }
        if (!loader->builtins) {
                r = guess_builtins(loader, abi);
                if (r < 0)
                        return r;
        }

        first = loader->builtins[0];
        loader->lib = strdup(startswith(first, "/usr/") ?: first + 1);
        return loader->lib ? 0 : -ENOMEM;
}

static int configure_musl(LdsoLoader *loader, Source *source) {
        const char *name = startswith(path_basename(loader->path), "ld-musl-");
        _cleanup_free_ char *path = NULL, *text = NULL;
        int r;

        loader->builtins = strv_copy((char *const *) musl_builtins);
        loader->lib = strdup("lib"); /* musl knows $ORIGIN only; this is for nothing */
        if (!loader->builtins || !loader->lib)
                return -ENOMEM;
        r = str_printf(&path, "/etc/ld-musl-%.*s.path", (int) strcspn(name, "."), name);
        if (r < 0)
                return r;
        r = source_read(source, loader->trace, path, &text, NULL);
        if (is_absent(r))
                return 0;
        if (r < 0)
                return r;
        return strv_split(&loader->configured, text, ":\n");
}

/* 1 when `path` is there and becomes the loader's, 0 when not. */
static int try_loader(LdsoLoader *loader, Source *source, const char *path) {
        int r;

        r = source_exists(source, loader->trace, path);
        if (r == -ELOOP)
                return 0;
        if (r <= 0)
                return r;
        loader->path = strdup(path);
        if (!loader->path)
                return -ENOMEM;
        loader->musl = startswith(path_basename(path), "ld-musl-");
        return 1;
}

static int try_abi(LdsoLoader *loader, Source *source, const Abi *abi, bool musl) {
        _cleanup_free_ char *path = NULL;
        int r;

        if (!musl)
                return try_loader(loader, source, abi->loader);
        r = str_printf(&path, "/lib/ld-musl-%s.so.1", abi->musl);
        return r < 0 ? r : try_loader(loader, source, path);
}

/* Finds the loader and the ABI that it belongs to; both may not be there. */
static int find_loader(LdsoLoader *loader, Source *source, const LdsoKind *kind,
                       const char *interpreter, bool musl, const Abi **ret_abi) {
        const Abi *first = NULL;
        int r;

        *ret_abi = NULL;
        if (interpreter && *interpreter == '/') {
                r = try_loader(loader, source, interpreter);
                if (r < 0)
                        return r;
        }
        /* The preferred libc in all rows, then the other one. */
        for (unsigned i = 0; i < 2 * ELEMENTSOF(abis); i++) {
                const Abi *abi = &abis[i % ELEMENTSOF(abis)];

                if (!same_kind(&abi->kind, kind))
                        continue;
                first = first ?: abi;
                if (loader->path) {
                        if (!streq(abi->loader, loader->path))
                                continue;
                        first = abi;
                        break;
                }
                r = try_abi(loader, source, abi, musl == (i < ELEMENTSOF(abis)));
                if (r < 0)
                        return r;
                if (r > 0) {
                        first = abi;
                        break;
                }
        }
        *ret_abi = first;
        return 0;
}

int ldso_loader_new(LdsoLoader **ret, Source *source, const LdsoKind *kind,
                    const char *interpreter, bool musl) {
        _cleanup_(ldso_loader_freep) LdsoLoader *loader = NULL;
        const Abi *abi;
        int r;

        loader = calloc(1, sizeof(LdsoLoader));
        if (!loader)
                return -ENOMEM;
        r = trace_new(&loader->trace);
        if (r >= 0)
                r = find_loader(loader, source, kind, interpreter, musl, &abi);
        if (r < 0)
                return r;
        loader->platform = abi ? abi->platform : "";
        r = loader->musl ? configure_musl(loader, source) : configure_glibc(loader, source, abi);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(loader);
        return 0;
}

LdsoLoader *ldso_loader_free(LdsoLoader *loader) {
        if (!loader)
                return NULL;
        free(loader->path);
        strv_free(loader->builtins);
        strv_free(loader->configured);
        free(loader->lib);
        trace_free(loader->trace);
        free(loader);
        return NULL;
}
