/* SPDX-License-Identifier: GPL-2.0-or-later */

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/stat.h>
#include <cmocka.h>

#include "elf-builder.h"
#include "image/described.h"
#include "image/read.h"
#include "image/tree.h"
#include "image/verify-file.h"
#include "pack/compress.h"
#include "string-util.h"

/* An image in the making. */
typedef struct Bytes {
        char *data;
        size_t size, allocated;
} Bytes;

static void bytes_done(Bytes *b) {
        free(b->data);
}
#define _cleanup_bytes_ _cleanup_(bytes_done)

static void add_bytes(Bytes *b, const void *data, size_t size) {
        assert_non_null(GREEDY_REALLOC(b->data, b->allocated, b->size + size + 1));
        memcpy(b->data + b->size, data, size);
        b->size += size;
}

static void add_zeros(Bytes *b, size_t n) {
        while (n-- > 0)
                add_bytes(b, "", 1);
}

static void align(Bytes *b, size_t n) {
        while (b->size % n != 0)
                add_zeros(b, 1);
}

static void write_text(CpioWriter *w, const char *name, mode_t mode, const char *text) {
        char *content;

        assert_int_equal(cpio_write_file(w, name, mode, strlen(text), &content), 0);
        memcpy(content, text, strlen(text));
}

/* Takes what was written. */
static void add_segment(Bytes *b, Compression c, CpioWriter *w) {
        _cleanup_free_ char *packed = NULL;
        size_t size;

        assert_int_equal(compress_buffer(c, c == COMPRESSION_NONE ? 0 : 3, w->data, w->size,
                                         &packed, &size), 0);
        add_bytes(b, packed, size);
        cpio_writer_done(w);
        *w = (CpioWriter) {};
}

/* A directory, and a file of `size` bytes in it that don't compress. */
static void add_sample(Bytes *b, Compression c, const char *directory, size_t size) {
        _cleanup_free_ char *name = NULL;
        CpioWriter w = {};
        char *content;
        uint32_t x = 1;

        assert_true(str_printf(&name, "%s/file", directory) >= 0);
        assert_int_equal(cpio_write_directory(&w, directory, 0755), 0);
        assert_int_equal(cpio_write_file(&w, name, 0644, size, &content), 0);
        for (size_t i = 0; i < size; i++) {
                x = x * 1103515245 + 12345;
                content[i] = (char) (x >> 16);
        }
        assert_int_equal(cpio_write_trailer(&w), 0);
        add_segment(b, c, &w);
}

/* What was delivered. */
typedef struct Seen {
        char text[4096]; /* "<decoder name… >" */
        uint64_t n_content, n_entries, n_ends;
        ImageSegment last;
} Seen;

static void tell(Seen *s, const char *before, const char *what) {
        size_t n = strlen(s->text);

        snprintf(s->text + n, sizeof(s->text) - n, "%s%s", before, what);
}

static int on_segment(void *userdata, const ImageSegment *s) {
        tell(userdata, "<", decoder_to_string(s->decoder));
        return 0;
}

static int on_entry(void *userdata, const ImageSegment *s, const CpioEntry *e) {
        tell(userdata, " ", e->name);
        ((Seen *) userdata)->n_entries++;
        return 0;
}

static int on_content(void *userdata, const void *data, size_t size) {
        ((Seen *) userdata)->n_content += size;
        return 0;
}

static int on_segment_end(void *userdata, const ImageSegment *s) {
        Seen *seen = userdata;

        tell(seen, ">", "");
        seen->n_ends++;
        seen->last = *s;
        return 0;
}

static const ImageHandlers handlers = {
        .on_segment = on_segment,
        .on_entry = on_entry,
        .on_content = on_content,
        .on_segment_end = on_segment_end,
};

static ImageFault read_bytes(const void *data, size_t size, Seen *ret) {
        _cleanup_(image_freep) Image *image = NULL;
        ImageFault fault = {};

        *ret = (Seen) {};
        assert_int_equal(image_new(&image, data, size), 0);
        assert_int_equal(image_read(image, &handlers, ret, &fault), 0);
        return fault;
}

/* Each compressor behind each other, with no padding but what must be. */
static void test_kinds(void **state) {
        _cleanup_bytes_ Bytes b = {};
        ImageFault fault;
        Seen seen;

        add_sample(&b, COMPRESSION_NONE, "early", 100);
        add_sample(&b, COMPRESSION_NONE, "plain", 100);
        align(&b, 512);
        add_sample(&b, COMPRESSION_ZSTD, "zstd", 100);
        add_sample(&b, COMPRESSION_XZ, "xz", 100);
        add_zeros(&b, 7);
        add_sample(&b, COMPRESSION_GZIP, "gzip", 100);
        add_sample(&b, COMPRESSION_LZ4, "lz4", 100);
        add_zeros(&b, 4096);
        align(&b, 4);
        add_sample(&b, COMPRESSION_NONE, "late", 100);
        fault = read_bytes(b.data, b.size, &seen);
        assert_null(fault.what);
        assert_string_equal(seen.text,
                            "<cpio early early/file><cpio plain plain/file><zstd zstd zstd/file>"
                            "<xz xz xz/file><gzip gzip gzip/file><lz4 lz4 lz4/file>"
                            "<cpio late late/file>");
        assert_int_equal(seen.n_content, 7 * 100);
        assert_true(seen.last.trailer);
        assert_int_equal(seen.last.number, 6);
        assert_int_equal(seen.last.n_entries, 2);
        assert_int_equal(seen.last.offset + seen.last.size + seen.last.padding, b.size);
}

/* Numbers of a segment: what it takes, what is behind it, what it unpacks to. */
static void test_numbers(void **state) {
        _cleanup_bytes_ Bytes b = {};
        size_t size;
        Seen seen;

        add_zeros(&b, 8);
        add_sample(&b, COMPRESSION_ZSTD, "a", 1000);
        size = b.size - 8;
        align(&b, 4096);
        assert_null(read_bytes(b.data, b.size, &seen).what);
        assert_int_equal(seen.last.offset, 8);
        assert_int_equal(seen.last.size, size);
        assert_int_equal(seen.last.padding, 4096 - 8 - size);
        /* Two headers with names of 2 and 7 bytes, content, the trailer. */
        assert_int_equal(seen.last.raw_size, 112 + 120 + 1000 + 124);
}

static void test_nothing(void **state) {
        static const char zeros[4096];
        Seen seen;

        assert_string_equal(read_bytes(NULL, 0, &seen).what, "nothing at all");
        assert_string_equal(read_bytes(zeros, sizeof(zeros), &seen).what, "nothing at all");
}

/* Whatever is cut off, what is before it is delivered, and the fault is where the cut segment is. */
static void test_truncated(void **state) {
        static const Compression kinds[] = { COMPRESSION_NONE, COMPRESSION_ZSTD, COMPRESSION_XZ,
                                             COMPRESSION_GZIP, COMPRESSION_LZ4 };

        for (size_t k = 0; k < ELEMENTSOF(kinds); k++) {
                _cleanup_bytes_ Bytes b = {};
                size_t first_end, second;

                add_sample(&b, COMPRESSION_ZSTD, "first", 3000);
                first_end = b.size;
                align(&b, 4096);
                second = b.size;
                add_sample(&b, kinds[k], "second", 20000);
                for (size_t cut = 512; cut < b.size; cut += 512) {
                        _cleanup_free_ char *copy = malloc(cut);
                        ImageFault fault;
                        Seen seen;

                        assert_non_null(copy);
                        memcpy(copy, b.data, cut);
                        fault = read_bytes(copy, cut, &seen);
                        if (cut < first_end) {
                                assert_non_null(fault.what);
                                assert_int_equal(fault.offset, 0);
                        } else {
                                assert_true(startswith(seen.text, "<zstd first first/file>"));
                                assert_true(seen.n_content >= 3000);
                        }
                        if (cut >= first_end && cut <= second)
                                assert_null(fault.what);
                        if (cut > second) {
                                assert_non_null(fault.what);
                                assert_int_equal(fault.decoder, compression_decoder(kinds[k]));
                                assert_true(fault.offset >= second);
                                assert_int_equal(seen.n_ends, 1);
                        }
                }
        }
}

static void test_garbage(void **state) {
        _cleanup_bytes_ Bytes b = {};
        _cleanup_free_ char *text = NULL;
        ImageFault fault;
        size_t at;
        Seen seen;

        add_sample(&b, COMPRESSION_ZSTD, "a", 10);
        align(&b, 4096);
        at = b.size;
        add_bytes(&b, "garbage", 7);
        add_sample(&b, COMPRESSION_ZSTD, "b", 10);
        fault = read_bytes(b.data, b.size, &seen);
        assert_string_equal(seen.text, "<zstd a a/file>");
        assert_int_equal(fault.offset, at);
        assert_int_equal(fault.decoder, _DECODER_INVALID);
        assert_true(image_fault_describe(&fault, &text) >= 0);
        assert_string_equal(text, "at 4096 there is nothing that the kernel knows");
}

/* An archive that isn't compressed, and what follows it, begin at a multiple of 4. */
static void test_alignment(void **state) {
        static const struct {
                Compression first;
                size_t zeros;
                Compression second;
                bool fault;
        } table[] = {
                { COMPRESSION_NONE, 1, COMPRESSION_ZSTD, true },
                { COMPRESSION_NONE, 2, COMPRESSION_NONE, true },
                { COMPRESSION_NONE, 4, COMPRESSION_NONE, false },
                { COMPRESSION_ZSTD, 1, COMPRESSION_ZSTD, false },
        };

        for (size_t i = 0; i < ELEMENTSOF(table); i++) {
                _cleanup_bytes_ Bytes b = {};
                Seen seen;

                add_sample(&b, table[i].first, "a", 12);
                if (table[i].first == COMPRESSION_NONE)
                        align(&b, 4);
                add_zeros(&b, table[i].zeros);
                add_sample(&b, table[i].second, "b", 12);
                assert_int_equal(read_bytes(b.data, b.size, &seen).what != NULL, table[i].fault);
                assert_int_equal(seen.n_ends, table[i].fault ? 1 : 2);
        }
}

static void test_damaged_inside(void **state) {
        _cleanup_bytes_ Bytes b = {};
        CpioWriter w = {};
        ImageFault fault;
        Seen seen;

        /* A compressed segment that ends inside an entry. */
        write_text(&w, "file", 0644, "0123456789");
        w.size -= 8;
        add_segment(&b, COMPRESSION_GZIP, &w);
        fault = read_bytes(b.data, b.size, &seen);
        assert_string_equal(fault.what, "at its end inside an entry");
        assert_string_equal(seen.text, "<gzip file");

        /* Something in it that is no entry. */
        b.size = 0;
        assert_int_equal(cpio_write_directory(&w, "good", 0755), 0);
        assert_int_equal(cpio_write_directory(&w, "bad", 0755), 0);
        w.data[w.size - 116] = 'x';
        add_segment(&b, COMPRESSION_GZIP, &w);
        fault = read_bytes(b.data, b.size, &seen);
        assert_string_equal(fault.what, "damaged");
        assert_int_equal(fault.raw_offset, 116);
        assert_string_equal(seen.text, "<gzip good");
}

static int stop(void *userdata, const ImageSegment *s, const CpioEntry *e) {
        return -ENOTUNIQ;
}

/* What a handler says is the result, however deep it was called. */
static void test_handler_error(void **state) {
        static const ImageHandlers stopping = { .on_entry = stop };

        for (Compression c = 0; c < _COMPRESSION_MAX; c++) {
                _cleanup_(image_freep) Image *image = NULL;
                _cleanup_bytes_ Bytes b = {};
                ImageFault fault;

                add_sample(&b, c, "a", 10);
                assert_int_equal(image_new(&image, b.data, b.size), 0);
                assert_int_equal(image_read(image, &stopping, NULL, &fault), -ENOTUNIQ);
        }
}

#define DESCRIPTION                                                                               \
        "{\"format\": 1, \"tool\": \"initrdd\", \"version\": \"0\", \"kernel\": \"6.1\", "        \
        "\"profile\": \"default\", \"mode\": \"generic\", \"modules\": "                          \
        "[{\"name\": \"base\", \"reason\": \"always\"}], \"fragments\": [{\"name\": \"base\", "   \
        "\"scope\": \"user\", \"modules\": [\"base\"], \"size\": 4096, \"raw-size\": %zu, "       \
        "\"compression\": \"zstd\", \"level\": 3, \"content\": \"0\"}]}"

static void add_description(Bytes *b, const char *json, const char *manifest) {
        CpioWriter w = {};

        assert_int_equal(cpio_write_directory(&w, ".initrdd", 0755), 0);
        write_text(&w, ".initrdd/image.json", 0644, json);
        write_text(&w, ".initrdd/manifest", 0644, manifest);
        assert_int_equal(cpio_write_trailer(&w), 0);
        add_segment(b, COMPRESSION_ZSTD, &w);
        align(b, 4096);
}

static void test_described(void **state) {
        _cleanup_(described_freep) Described *d = NULL;
        _cleanup_(image_freep) Image *image = NULL;
        _cleanup_free_ char *json = NULL;
        _cleanup_bytes_ Bytes b = {};
        DescribedEntry e;
        char *p;

        add_sample(&b, COMPRESSION_ZSTD, "a", 10);
        align(&b, 4096);
        assert_true(str_printf(&json, DESCRIPTION, (size_t) 0) >= 0);
        add_description(&b, json, "0\td\t755\t0\t/a\tbase.module:1\n0\tf\t644\t10\t/a/f\\ti\\nle\t\\\\\n");
        assert_int_equal(image_new(&image, b.data, b.size), 0);
        assert_int_equal(described_find(image, &d), 0);
        assert_true(d->fits);
        assert_int_equal(d->offset, 4096);
        assert_string_equal(d->kernel, "6.1");
        assert_int_equal(d->n_modules, 1);
        assert_string_equal(d->modules[0].reason, "always");
        assert_int_equal(d->n_fragments, 1);
        assert_string_equal(d->fragments[0].modules[0], "base");
        p = d->manifest;
        assert_int_equal(described_next(&p, &e), 1);
        assert_int_equal(e.type, 'd');
        assert_int_equal(e.mode, 0755);
        assert_int_equal(described_next(&p, &e), 1);
        assert_string_equal(e.path, "/a/f\ti\nle");
        assert_string_equal(e.why, "\\");
        assert_int_equal(e.size, 10);
        assert_int_equal(described_next(&p, &e), 0);
}

static void test_described_bad(void **state) {
        static const char *const bad[] = {
                "", "{", "[]", "{\"format\": 2}", "{\"format\": 1}",
                "{\"format\": 1, \"tool\": 5}",
        };
        static const char *const lines[] = { "x", "\n", "0\td\t755\t0\t/a\n",
                                             "0\tq\t755\t0\t/a\twhy\n", "0\td\t999\t0\t/a\twhy\n",
                                             "0\td\t755\t-1\t/a\twhy\n", "0\td\t755\t0\ta\twhy\n",
                                             "0\td\t755\t0\t/a\twhy\tx\n" };

        for (size_t i = 0; i < ELEMENTSOF(bad); i++) {
                _cleanup_(image_freep) Image *image = NULL;
                _cleanup_bytes_ Bytes b = {};
                Described *d;

                add_description(&b, bad[i], "");
                assert_int_equal(image_new(&image, b.data, b.size), 0);
                assert_int_equal(described_find(image, &d), -EBADMSG);
        }
        for (size_t i = 0; i < ELEMENTSOF(lines); i++) {
                _cleanup_free_ char *copy = strdup(lines[i]);
                DescribedEntry e;
                char *p = copy;

                assert_int_equal(described_next(&p, &e), -EBADMSG);
        }
}

static TreeChange add(Tree *tree, const char *name, uint32_t mode, const char *target) {
        CpioEntry e = { .name = name, .mode = mode, .nlink = 1, .target = target };
        TreeChange change;

        assert_int_equal(tree_add(tree, 0, &e, &change, NULL, NULL), 0);
        return change;
}

/* What the kernel makes of entries, one after another. */
static void test_tree(void **state) {
        _cleanup_(tree_freep) Tree *tree = NULL;

        assert_int_equal(tree_new(&tree, NULL), 0);
        assert_int_equal(add(tree, "usr/lib", S_IFDIR | 0755, NULL), TREE_NO_PARENT);
        assert_int_equal(add(tree, "./usr", S_IFDIR | 0755, NULL), TREE_MADE);
        assert_int_equal(add(tree, "usr/lib", S_IFDIR | 0755, NULL), TREE_MADE);
        assert_int_equal(add(tree, "/usr", S_IFDIR | 0700, NULL), TREE_AGAIN);
        assert_int_equal(add(tree, "lib", S_IFLNK | 0777, "usr/lib"), TREE_MADE);
        assert_int_equal(add(tree, "lib/x", S_IFREG | 0755, NULL), TREE_MADE);
        assert_non_null(tree_get(tree, "/usr/lib/x"));
        assert_null(tree_get(tree, "/lib/x"));
        assert_true(tree_has_program(tree, "/lib/../lib/x"));
        assert_int_equal(add(tree, "usr/lib/x", S_IFREG | 0644, NULL), TREE_REPLACED);
        assert_false(tree_has_program(tree, "/lib/x"));
        assert_int_equal(add(tree, "usr/lib", S_IFLNK | 0777, "x"), TREE_IN_THE_WAY);
        assert_int_equal(add(tree, "usr/lib/x/y", S_IFREG | 0644, NULL), TREE_NO_PARENT);
        assert_int_equal(add(tree, "lib", S_IFDIR | 0755, NULL), TREE_REPLACED);
        assert_int_equal(add(tree, "loop", S_IFLNK | 0777, "loop"), TREE_MADE);
        assert_int_equal(add(tree, "loop/x", S_IFREG | 0644, NULL), TREE_NO_PARENT);
        assert_null(tree_resolve(tree, "/loop"));
        assert_int_equal(add(tree, "dev/null", S_IFCHR | 0666, NULL), TREE_MADE);
}

static void add_link(Tree *tree, const char *name, uint32_t ino, uint64_t size) {
        CpioEntry e = { .name = name, .mode = S_IFREG | 0755, .nlink = 2, .ino = ino, .size = size };
        TreeChange change;

        assert_int_equal(tree_add(tree, 0, &e, &change, NULL, NULL), 0);
}

/* Content may be in any entry of an inode; after a trailer there are other inodes. */
static void test_tree_links(void **state) {
        _cleanup_(tree_freep) Tree *tree = NULL;

        assert_int_equal(tree_new(&tree, NULL), 0);
        add_link(tree, "a", 1, 0);
        add_link(tree, "b", 1, 50);
        assert_int_equal(tree_get(tree, "/a")->file->size, 50);
        assert_ptr_equal(tree_get(tree, "/a")->file, tree_get(tree, "/b")->file);
        tree_trailer(tree);
        add_link(tree, "c", 1, 7);
        assert_int_equal(tree_get(tree, "/a")->file->size, 50);
        assert_int_equal(tree_get(tree, "/c")->file->size, 7);
}

/* The files of an image that would boot, and one thing that is wrong with it. */
typedef struct Sabotage {
        const char *leave_out; /* an entry */
        const char *not_executable;
        const char *needs; /* a further library of /init */
        const char *finding; /* NULL: none; else what is said */
} Sabotage;

static void write_elf(CpioWriter *w, const Sabotage *s, const char *name, const ElfSpec *spec) {
        _cleanup_free_ char *elf = NULL;
        char *content;
        size_t size;

        if (streq_ptr(s->leave_out, name))
                return;
        assert_int_equal(elf_build(spec, &elf, &size), 0);
        assert_int_equal(cpio_write_file(w, name, streq_ptr(s->not_executable, name) ? 0644 : 0755,
                                         size, &content), 0);
        memcpy(content, elf, size);
}

static void write_small(CpioWriter *w, const Sabotage *s, const char *name, mode_t mode,
                        const char *text) {
        if (!streq_ptr(s->leave_out, name))
                write_text(w, name, mode, text);
}

static void write_system(CpioWriter *w, const Sabotage *s) {
        static const char *const directories[] = {
                "usr", "usr/lib", "usr/bin", "usr/lib/systemd", "usr/lib/systemd/system",
                "usr/lib/systemd/system/initrd.target.requires",
                "usr/lib/systemd/system/initrd.target.wants", "usr/lib/modules",
                "usr/lib/modules/6.1", "usr/lib/special",
        };
        static const char depends[] = "license=GPL\0depends=b-c\0name=a", none[] = "depends=";
        const char *init_needed[] = { "liba.so.1", s->needs, NULL };

        for (size_t i = 0; i < ELEMENTSOF(directories); i++)
                assert_int_equal(cpio_write_directory(w, directories[i], 0755), 0);
        assert_int_equal(cpio_write_symlink(w, "lib", "usr/lib"), 0);
        assert_int_equal(cpio_write_symlink(w, "init", "usr/lib/systemd/start"), 0);
        write_elf(w, s, "usr/lib/systemd/start",
                  &(ElfSpec) { .interpreter = "/lib/ld.so.1",
                               .needed = init_needed,
                               .runpath = "$ORIGIN/../special" });
        write_elf(w, s, "usr/lib/ld.so.1", &(ElfSpec) { .extra = "/usr/lib/\0", .extra_size = 11 });
        /* liba needs libb, which only the runpath of liba has. */
        write_elf(w, s, "usr/lib/special/liba.so.1",
                  &(ElfSpec) { .needed = (const char *const[]) { "libb.so.1", "ld.so.1", NULL },
                               .runpath = "/lib/special" });
        write_elf(w, s, "usr/lib/special/libb.so.1", &(ElfSpec) { .soname = "libb.so.1" });
        write_small(w, s, "usr/bin/script", 0755, "#! /init -x\n");
        write_small(w, s, "usr/bin/data", 0644, "#!/no/such/thing\n");
        write_small(w, s, "usr/lib/systemd/system/initrd.target", 0644, "[Unit]\nWants=a.service\n");
        write_small(w, s, "usr/lib/systemd/system/a.service", 0644,
                    "[Service]\nExecStart=/usr/bin/script\nExecStart=-/no/such/thing\n");
        write_small(w, s, "usr/lib/systemd/system/b@.service", 0644, "");
        write_small(w, s, "usr/lib/systemd/system/unused.service", 0644,
                    "[Service]\nExecStart=/no/such/thing\n");
        assert_int_equal(cpio_write_symlink(w,
                                            "usr/lib/systemd/system/initrd.target.requires/b@x.service",
                                            "../b@.service"), 0);
        assert_int_equal(cpio_write_symlink(w, "usr/lib/systemd/system/initrd.target.wants/gone.service",
                                            "../gone.service"), 0);
        write_elf(w, s, "usr/lib/modules/6.1/a.ko",
                  &(ElfSpec) { .type = 1, .modinfo = depends, .modinfo_size = sizeof(depends) });
        write_elf(w, s, "usr/lib/modules/6.1/b_c.ko",
                  &(ElfSpec) { .type = 1, .modinfo = none, .modinfo_size = sizeof(none) });
        write_small(w, s, "usr/lib/modules/6.1/modules.dep", 0644, "a.ko: b_c.ko\nb_c.ko:\n");
        assert_int_equal(cpio_write_trailer(w), 0);
}

static int on_finding(void *userdata, const Finding *finding) {
        tell(userdata, finding->path ?: "", ": ");
        tell(userdata, finding->message, "\n");
        ((Seen *) userdata)->n_entries++;
        return 0;
}

static int verify_bytes(const Bytes *b, Seen *seen) {
        _cleanup_(image_freep) Image *image = NULL;

        *seen = (Seen) {};
        assert_int_equal(image_new(&image, b->data, b->size), 0);
        return verify_file(image, NULL, on_finding, seen);
}

static void test_verify(void **state) {
        static const Sabotage table[] = {
                {},
                { .leave_out = "usr/lib/systemd/start", .finding = "/init: The link leads" },
                { .not_executable = "usr/lib/systemd/start",
                  .finding = "/usr/lib/systemd/start: The kernel starts it as /init, and it can't" },
                { .leave_out = "usr/lib/ld.so.1", .finding = "dynamic loader /lib/ld.so.1" },
                { .leave_out = "usr/lib/special/libb.so.1",
                  .finding = "/usr/lib/special/liba.so.1: It needs the library libb.so.1" },
                { .needs = "libz.so.9",
                  .finding = "/usr/lib/systemd/start: It needs the library libz.so.9" },
                { .leave_out = "usr/bin/script",
                  .finding = "/usr/lib/systemd/system/a.service: The unit starts /usr/bin/script" },
                { .leave_out = "usr/lib/systemd/system/b@.service",
                  .finding = "b@x.service: The unit is not in the image, and initrd.target requires" },
                { .leave_out = "usr/lib/modules/6.1/b_c.ko",
                  .finding = "/usr/lib/modules/6.1/a.ko: It needs the driver b_c" },
                { .leave_out = "usr/lib/modules/6.1/a.ko",
                  .finding = "/usr/lib/modules/6.1/a.ko: /usr/lib/modules/6.1/modules.dep lists" },
                { .leave_out = "usr/lib/modules/6.1/modules.dep",
                  .finding = "/usr/lib/modules/6.1: There are drivers and no modules.dep" },
        };

        for (size_t i = 0; i < ELEMENTSOF(table); i++) {
                _cleanup_bytes_ Bytes b = {};
                CpioWriter w = {};
                Seen seen;
                int r;

                write_system(&w, &table[i]);
                add_segment(&b, COMPRESSION_ZSTD, &w);
                r = verify_bytes(&b, &seen);
                if (!table[i].finding) {
                        assert_string_equal(seen.text, "");
                        assert_int_equal(r, 0);
                        continue;
                }
                assert_int_equal(r, 1);
                if (!strstr(seen.text, table[i].finding))
                        fail_msg("\"%s\" is not in:\n%s", table[i].finding, seen.text);
        }
}

/* What the kernel would do to an image of two segments that do not agree. */
static void test_verify_segments(void **state) {
        static const struct {
                const char *name;
                mode_t mode;
                const char *target;
                const char *finding;
        } table[] = {
                { "usr/bin", S_IFDIR | 0755, NULL, NULL },
                { "usr/lib", S_IFLNK, "lib", "usr/lib: It is a directory with something in it" },
                { "lib", S_IFDIR | 0755, NULL, "/lib: It is a link first and a directory in" },
                { "no/such", S_IFDIR | 0755, NULL, "no/such: There is no directory for it" },
        };

        for (size_t i = 0; i < ELEMENTSOF(table); i++) {
                _cleanup_bytes_ Bytes b = {};
                CpioWriter w = {};
                Seen seen;

                write_system(&w, &(Sabotage) {});
                add_segment(&b, COMPRESSION_ZSTD, &w);
                if (table[i].target)
                        assert_int_equal(cpio_write_symlink(&w, table[i].name, table[i].target), 0);
                else
                        assert_int_equal(cpio_write_directory(&w, table[i].name, table[i].mode & 07777), 0);
                assert_int_equal(cpio_write_trailer(&w), 0);
                add_segment(&b, COMPRESSION_ZSTD, &w);
                assert_int_equal(verify_bytes(&b, &seen), table[i].finding != NULL);
                if (table[i].finding && !strstr(seen.text, table[i].finding))
                        fail_msg("\"%s\" is not in:\n%s", table[i].finding, seen.text);
        }
}

/* Of an image that is cut, no more is said than that. */
static void test_verify_cut(void **state) {
        _cleanup_bytes_ Bytes b = {};
        CpioWriter w = {};
        Seen seen;

        write_system(&w, &(Sabotage) {});
        add_segment(&b, COMPRESSION_ZSTD, &w);
        b.size -= 100;
        assert_int_equal(verify_bytes(&b, &seen), 1);
        assert_int_equal(seen.n_entries, 1);
        assert_non_null(strstr(seen.text, "The kernel stops reading the image: the zstd segment at 0"));
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_kinds),
                cmocka_unit_test(test_numbers),
                cmocka_unit_test(test_nothing),
                cmocka_unit_test(test_truncated),
                cmocka_unit_test(test_garbage),
                cmocka_unit_test(test_alignment),
                cmocka_unit_test(test_damaged_inside),
                cmocka_unit_test(test_handler_error),
                cmocka_unit_test(test_described),
                cmocka_unit_test(test_described_bad),
                cmocka_unit_test(test_tree),
                cmocka_unit_test(test_tree_links),
                cmocka_unit_test(test_verify),
                cmocka_unit_test(test_verify_segments),
                cmocka_unit_test(test_verify_cut),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
