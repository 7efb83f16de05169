/* SPDX-License-Identifier: GPL-2.0-or-later */

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <cmocka.h>
#include <elf.h>
#include <fcntl.h>
#include <ftw.h>
#include <lzma.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>
#include <zlib.h>
#include <zstd.h>

#include "elf-builder.h"
#include "fd-util.h"
#include "kernel-tree.h"
#include "path-util.h"
#include "string-util.h"

extern char **environ;

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw) {
        return remove(path);
}

static char *below(const KernelTree *t, const char *path) {
        char *p = path_join(t->root, path);

        assert_non_null(p);
        return p;
}

void kernel_tree_new(KernelTree *t) {
        _cleanup_free_ char *p = NULL;

        *t = (KernelTree) { .root = "/tmp/test-driver-XXXXXX", .dependencies = strdup("") };
        assert_non_null(mkdtemp(t->root));
        p = below(t, KERNEL_DIRECTORY "/kernel");
        assert_int_equal(mkdir_parents(p, 0755), 0);
        kernel_tree_link(t, "/lib", "usr/lib");
        kernel_tree_text(t, KERNEL_DIRECTORY "/modules.builtin",
                         "kernel/fs/ext4/ext4.ko\nkernel/drivers/virtio/virtio-blk.ko\n");
        kernel_tree_write(t, KERNEL_DIRECTORY "/modules.builtin.modinfo",
                          "ext4.alias=fs-ext4\0virtio_blk.firmware=builtin.bin\0",
                          sizeof("ext4.alias=fs-ext4\0virtio_blk.firmware=builtin.bin"));
        kernel_tree_text(t, KERNEL_DIRECTORY "/modules.order", "");
}

void kernel_tree_done(KernelTree *t) {
        kernel_tree_close(t);
        free(t->dependencies);
        nftw(t->root, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

void kernel_tree_write(KernelTree *t, const char *path, const void *data, size_t size) {
        _cleanup_free_ char *p = below(t, path), *parent = path_dirname(p);
        _cleanup_close_ int fd = -EBADF;

        assert_int_equal(mkdir_parents(parent, 0755), 0);
        fd = open(p, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
        assert_true(fd >= 0);
        assert_int_equal(fd_write_all(fd, data, size), 0);
}

void kernel_tree_text(KernelTree *t, const char *path, const char *text) {
        kernel_tree_write(t, path, text, strlen(text));
}

void kernel_tree_link(KernelTree *t, const char *path, const char *target) {
        _cleanup_free_ char *p = below(t, path), *parent = path_dirname(p);

        assert_int_equal(mkdir_parents(parent, 0755), 0);
        (void) unlink(p);
        assert_int_equal(symlink(target, p), 0);
}

void kernel_tree_remove(KernelTree *t, const char *path) {
        _cleanup_free_ char *p = below(t, path);

        assert_int_equal(unlink(p), 0);
}

void kernel_tree_driver(KernelTree *t, const char *path, const char *modinfo, const char *needs) {
        _cleanup_free_ char *info = strdup(modinfo), *elf = NULL, *full = NULL, *order = NULL;
        _cleanup_free_ char *old = NULL, *p = below(t, KERNEL_DIRECTORY "/modules.order");
        ElfSpec spec = { .type = ET_REL, .modinfo = info, .modinfo_size = strlen(info) + 1 };
        size_t size;

        for (char *c = info; *c; c++)
                if (*c == '\n')
                        *c = '\0';
        assert_int_equal(elf_build(&spec, &elf, &size), 0);
        assert_int_equal(str_printf(&full, "%s/%s", KERNEL_DIRECTORY, path), 0);
        kernel_tree_write(t, full, elf, size);

        assert_int_equal(file_read_at(AT_FDCWD, p, 0, &old, NULL), 0);
        assert_int_equal(str_printf(&order, "%s%s\n", old, path), 0);
        kernel_tree_text(t, KERNEL_DIRECTORY "/modules.order", order);
        if (needs) {
                char *longer;

                assert_int_equal(str_printf(&longer, "%s%s: %s\n", t->dependencies, path, needs), 0);
                free(t->dependencies);
                t->dependencies = longer;
        }
}

/* Replaces each `from` in a text. */
static char *replace(const char *text, const char *from, const char *to) {
        _cleanup_free_ char *head = NULL, *tail = NULL;
        const char *at = strstr(text, from);
        char *all;

        if (!at)
                return strdup(text);
        head = strndup(text, (size_t) (at - text));
        tail = replace(at + strlen(from), from, to);
        assert_int_equal(str_printf(&all, "%s%s%s", head, to, tail), 0);
        return all;
}

void kernel_tree_compress(KernelTree *t, const char *path, const char *suffix) {
        _cleanup_free_ char *p = below(t, path), *to = NULL, *data = NULL, *dep = NULL, *text = NULL;
        _cleanup_free_ char *changed = NULL;
        size_t size, n = 0, room;
        _cleanup_free_ uint8_t *packed = NULL;

        assert_int_equal(file_read_at(AT_FDCWD, p, 0, &data, &size), 0);
        room = size * 2 + 4096;
        packed = malloc(room);
        if (streq(suffix, ".xz"))
                assert_int_equal(lzma_easy_buffer_encode(6, LZMA_CHECK_CRC32, NULL, (uint8_t *) data,
                                                         size, packed, &n, room),
                                 LZMA_OK);
        else if (streq(suffix, ".zst"))
                n = ZSTD_compress(packed, room, data, size, 3);
        else {
                z_stream s = { .next_in = (Bytef *) data, .avail_in = (uInt) size,
                               .next_out = packed, .avail_out = (uInt) room };

                assert_int_equal(deflateInit2(&s, 6, Z_DEFLATED, 15 + 16, 8, 0), Z_OK);
                assert_int_equal(deflate(&s, Z_FINISH), Z_STREAM_END);
                n = s.total_out;
                deflateEnd(&s);
        }
        assert_int_equal(str_printf(&to, "%s%s", path, suffix), 0);
        kernel_tree_write(t, to, packed, n);
        kernel_tree_remove(t, path);

        if (!startswith(path, KERNEL_DIRECTORY))
                return;
        dep = below(t, KERNEL_DIRECTORY "/modules.dep");
        assert_int_equal(file_read_at(AT_FDCWD, dep, 0, &text, NULL), 0);
        changed = replace(text, path + strlen(KERNEL_DIRECTORY) + 1, to + strlen(KERNEL_DIRECTORY) + 1);
        kernel_tree_text(t, KERNEL_DIRECTORY "/modules.dep", changed);
}

/* modules.dep has a line "FILE:" for each driver; that becomes the one that was asked for. */
static void add_dependencies(KernelTree *t) {
        _cleanup_free_ char *path = below(t, KERNEL_DIRECTORY "/modules.dep"), *text = NULL;
        _cleanup_strv_free_ char **lines = NULL;

        assert_int_equal(file_read_at(AT_FDCWD, path, 0, &text, NULL), 0);
        assert_int_equal(strv_split(&lines, t->dependencies, "\n"), 0);
        STRV_FOREACH(line, lines) {
                _cleanup_free_ char *from = strndup(*line, strcspn(*line, ":") + 1);
                char *changed = replace(text, from, *line);

                /* "b.ko:" is not the end of "a/b.ko:". */
                assert_non_null(strstr(text, from));
                free(text);
                text = changed;
        }
        kernel_tree_text(t, KERNEL_DIRECTORY "/modules.dep", text);
}

void kernel_tree_depmod(KernelTree *t) {
        char *const args[] = { (char *) "depmod", (char *) "-b", t->root, (char *) KERNEL_VERSION,
                               NULL };
        _cleanup_free_ char *path = NULL;
        int status;
        pid_t pid;

        /* depmod is in sbin, which is not in everybody's path. */
        assert_int_equal(str_printf(&path, "%s:/usr/sbin:/sbin", getenv("PATH") ?: ""), 0);
        assert_int_equal(setenv("PATH", path, true), 0);
        assert_int_equal(posix_spawnp(&pid, "depmod", NULL, NULL, args, environ), 0);
        assert_true(waitpid(pid, &status, 0) == pid);
        assert_int_equal(status, 0);
        add_dependencies(t);
}

static void on_warning(void *userdata, const char *path, unsigned line, const char *message) {
        KernelTree *t = userdata;
        char *longer;

        assert_int_equal(str_printf(&longer, "%s%s: %s\n", t->warnings ?: "", path, message), 0);
        free(t->warnings);
        t->warnings = longer;
}

int kernel_tree_open(KernelTree *t) {
        t->report = (Report) { .on_warning = on_warning, .userdata = t };
        t->kernel = (Kernel) { .version = (char *) KERNEL_VERSION,
                               .directory = (char *) KERNEL_DIRECTORY };
        assert_int_equal(source_new(&t->source, t->root), 0);
        assert_int_equal(trace_new(&t->trace), 0);
        assert_int_equal(manifest_new(&t->manifest), 0);
        return drivers_new(&t->drivers, t->source, &t->report, &t->kernel, &t->profile, &t->facts);
}

void kernel_tree_close(KernelTree *t) {
        t->drivers = drivers_free(t->drivers);
        t->manifest = manifest_free(t->manifest);
        t->trace = trace_free(t->trace);
        t->source = source_free(t->source);
        report_done(&t->report);
        free(t->warnings);
        t->warnings = NULL;
        t->selected = strv_free(t->selected);
        t->load = strv_free(t->load);
}

int kernel_tree_collect(KernelTree *t, DriverRuleType type, const char *value) {
        _cleanup_strv_free_ char **alternatives = NULL;
        DriverRule rule = { .type = type, .path = (char *) "test.module", .line = 1 };

        rule.optional = *value == '-';
        assert_int_equal(strv_split(&alternatives, value + rule.optional, "|"), 0);
        rule.alternatives = alternatives;
        return drivers_collect(t->drivers, t->trace, &rule, "test.module:1", t->manifest,
                               &t->selected, &t->load);
}

const char *kernel_tree_selected(KernelTree *t) {
        static char text[4096];
        _cleanup_free_ char *joined = NULL;

        strv_uniq(t->selected);
        joined = strv_join(t->selected, " ");
        assert_non_null(joined);
        assert_true(strlen(joined) < sizeof(text));
        strcpy(text, joined);
        t->selected = strv_free(t->selected);
        return text;
}
