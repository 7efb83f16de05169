/* SPDX-License-Identifier: GPL-2.0-or-later */

#include <inttypes.h>
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/stat.h>
#include <cmocka.h>

#include "pack/cpio.h"

#define _cleanup_writer_ _cleanup_(cpio_writer_done)

/* Every kind of entry, byte for byte: sorted fields, upper-case digits, padding of name and
 * content. */
static void test_write_bytes(void **state) {
        _cleanup_writer_ CpioWriter w = {};
        static const char expected[] =
                "070701" "00000001" "000041ED" "00000000" "00000000" "00000002" "00000000"
                "00000000" "00000000" "00000000" "00000000" "00000000" "00000004" "00000000"
                "usr\0" "\0\0"
                "070701" "00000002" "0000A1FF" "00000000" "00000000" "00000001" "00000000"
                "00000007" "00000000" "00000000" "00000000" "00000000" "00000004" "00000000"
                "bin\0" "\0\0" "usr/bin" "\0"
                "070701" "00000003" "000089A4" "00000000" "00000000" "00000001" "00000000"
                "00000005" "00000000" "00000000" "00000000" "00000000" "00000002" "00000000"
                "f\0" "hello" "\0\0\0"
                "070701" "00000004" "00002180" "00000000" "00000000" "00000001" "00000000"
                "00000000" "00000000" "00000000" "00000005" "00000001" "0000000C" "00000000"
                "dev/console\0" "\0\0"
                "070701" "00000000" "00000000" "00000000" "00000000" "00000001" "00000000"
                "00000000" "00000000" "00000000" "00000000" "00000000" "0000000B" "00000000"
                "TRAILER!!!\0" "\0\0\0";
        char *content;

        assert_int_equal(cpio_write_directory(&w, "usr", 0755), 0);
        assert_int_equal(cpio_write_symlink(&w, "bin", "usr/bin"), 0);
        assert_int_equal(cpio_write_file(&w, "f", 04644, 5, &content), 0);
        memcpy(content, "hello", 5);
        assert_int_equal(cpio_write_node(&w, "dev/console", S_IFCHR | 0600, 5, 1), 0);
        assert_int_equal(cpio_write_trailer(&w), 0);
        assert_int_equal(w.ino, 4);
        assert_int_equal(w.size, sizeof(expected) - 1);
        assert_memory_equal(w.data, expected, sizeof(expected) - 1);
}

/* How much memory there is in the beginning makes no difference, be it too little or of huge pages. */
static void test_reserve(void **state) {
        static const uint64_t sizes[] = { 0, 1, 5000, UINT64_C(9) << 20 };

        for (size_t i = 0; i < ELEMENTSOF(sizes); i++) {
                _cleanup_writer_ CpioWriter w = {}, grown = {};
                char *content;

                assert_int_equal(cpio_writer_reserve(&w, sizes[i]), 0);
                for (CpioWriter *x = &w; x; x = x == &w ? &grown : NULL) {
                        assert_int_equal(cpio_write_file(x, "f", 0644, 4096, &content), 0);
                        memset(content, 'f', 4096);
                        assert_int_equal(cpio_write_trailer(x), 0);
                }
                assert_int_equal(w.size, grown.size);
                assert_memory_equal(w.data, grown.data, w.size);
                assert_true(w.allocated >= sizes[i]);
        }
}

/* What the kernel would pass over in silence, or what can't be said in the format. Nothing is
 * written then. */
static void test_write_errors(void **state) {
        _cleanup_writer_ CpioWriter w = {};
        char name[PATH_MAX + 1] = {}, *content = (char *) "untouched";

        memset(name, 'x', PATH_MAX - 1);
        assert_int_equal(cpio_write_directory(&w, name, 0755), 0);
        assert_int_equal(cpio_write_symlink(&w, "link", name), 0);
        assert_int_equal(w.ino, 2);
        cpio_writer_done(&w);

        name[PATH_MAX - 1] = 'x';
        assert_int_equal(cpio_write_directory(&w, name, 0755), -ENAMETOOLONG);
        assert_int_equal(cpio_write_symlink(&w, "link", name), -ENAMETOOLONG);
        assert_int_equal(cpio_write_symlink(&w, "link", ""), -EINVAL);
        assert_int_equal(cpio_write_directory(&w, "", 0755), -EINVAL);
        assert_int_equal(cpio_write_directory(&w, "/usr", 0755), -EINVAL);
        assert_int_equal(cpio_write_file(&w, "TRAILER!!!", 0644, 1, &content), -EINVAL);
        assert_int_equal(cpio_write_file(&w, "big", 0644, (size_t) UINT32_MAX + 1, &content),
                         -EFBIG);
        assert_int_equal(cpio_write_node(&w, "file", S_IFREG | 0600, 0, 0), -EINVAL);
        assert_int_equal(cpio_write_node(&w, "dev", S_IFBLK | 0600, 4096, 0), -EINVAL);
        assert_int_equal(cpio_write_node(&w, "dev", S_IFBLK | 0600, 0, 1 << 20), -EINVAL);
        assert_string_equal(content, "untouched");
        assert_int_equal(w.size, 0);
        assert_int_equal(w.ino, 0);
}

/* A large archive of many entries takes time in proportion to its size: the buffer moves a few
 * dozen times, not for each entry. */
static void test_write_growth(void **state) {
        _cleanup_writer_ CpioWriter w = {};
        size_t last = 0, moves = 0;

        for (int i = 0; i < 20000; i++) {
                char name[16], *content;

                snprintf(name, sizeof(name), "f%05d", i);
                assert_int_equal(cpio_write_file(&w, name, 0644, 1000, &content), 0);
                memset(content, 'x', 1000);
                moves += w.allocated != last;
                last = w.allocated;
        }
        assert_int_equal(w.size, 20000 * (120 + 1000));
        assert_true(moves < 40);
}

/* What a reader told, as text: an entry a line, its content behind it. */
typedef struct Told {
        char text[4096];
        size_t size;
        uint64_t n_content;
        int fail_on; /* the nth call of a handler gives -ECANCELED */
} Told;

static int _printf_(2, 3) tell(Told *t, const char *format, ...) {
        va_list ap;

        if (t->fail_on > 0 && --t->fail_on == 0)
                return -ECANCELED;
        va_start(ap, format);
        t->size += vsnprintf(t->text + t->size, sizeof(t->text) - t->size, format, ap);
        va_end(ap);
        assert_true(t->size < sizeof(t->text));
        return 0;
}

static int on_entry(void *userdata, const CpioEntry *e) {
        return tell(userdata, "\n%" PRIu64 " %s %o %" PRIu64 "%s%s", e->offset,
                    strlen(e->name) > 100 ? "(long)" : e->name, e->mode, e->size,
                    e->target ? " -> " : "",
                    e->target && strlen(e->target) > 100 ? "(long)" :
                    e->target                           ? e->target :
                                                          "");
}

static int on_content(void *userdata, const void *data, size_t size) {
        Told *t = userdata;

        assert_true(size > 0);
        /* How it was cut must not show in the text. */
        if (t->size > 0 && t->text[t->size - 1] == ')')
                t->size--;
        else if (tell(t, " (") < 0)
                return -ECANCELED;
        t->n_content += size;
        return tell(t, "%.*s)", (int) size, (const char *) data);
}

static int on_trailer(void *userdata, uint64_t offset) {
        return tell(userdata, "\n%" PRIu64 " trailer", offset);
}

static int on_skipped(void *userdata, uint64_t offset) {
        return tell(userdata, "\n%" PRIu64 " skipped", offset);
}

static const CpioHandlers handlers = { on_entry, on_content, on_trailer, on_skipped };

/* An entry as the test wants it, also a wrong one. */
typedef struct Raw {
        const char *magic;
        unsigned mode;
        const char *name;
        const char *content;
        unsigned check, nlink, ino;
        unsigned namesize; /* 0: of the name and its NUL byte */
} Raw;

typedef struct Archive {
        char data[32768];
        size_t size;
} Archive;

static void archive_add(Archive *a, Raw e) {
        size_t content = e.content ? strlen(e.content) : 0;

        a->size += sprintf(a->data + a->size,
                           "%s%08x%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X",
                           e.magic ?: "070701", e.ino, e.mode, 1U, 2U, e.nlink ?: 1U, 3U,
                           (unsigned) content, 4U, 5U, 6U, 7U,
                           e.namesize ?: (unsigned) strlen(e.name) + 1, e.check);
        memcpy(a->data + a->size, e.name, strlen(e.name) + 1);
        a->size += strlen(e.name) + 1;
        while (a->size % 4 != 0)
                a->data[a->size++] = '\0';
        if (content > 0)
                memcpy(a->data + a->size, e.content, content);
        a->size += content;
        while (a->size % 4 != 0)
                a->data[a->size++] = '\0';
}

static void archive_zeros(Archive *a, size_t n) {
        memset(a->data + a->size, 0, n);
        a->size += n;
}

/* Reads in pieces: the first of `first` bytes, the rest of `piece` bytes each. */
static int read_pieces(const Archive *a, size_t first, size_t piece, Told *ret,
                       uint64_t *ret_offset, bool *ret_boundary) {
        _cleanup_(cpio_reader_freep) CpioReader *r = NULL;
        int k = 0;

        assert_int_equal(cpio_reader_new(&r, &handlers, ret), 0);
        for (size_t i = 0; i < a->size && k == 0;) {
                size_t n = MIN_OF(i == 0 && first > 0 ? first : piece, a->size - i);
                char *copy = malloc(n); /* exact, for a sanitizer to see */

                memcpy(copy, a->data + i, n);
                k = cpio_reader_feed(r, copy, n);
                free(copy);
                i += n;
        }
        if (k == 0)
                k = cpio_reader_finish(r);
        else {
                assert_int_equal(cpio_reader_feed(r, "x", 1), k);
                assert_int_equal(cpio_reader_finish(r), k);
        }
        *ret_offset = cpio_reader_offset(r);
        *ret_boundary = cpio_reader_at_boundary(r);
        return k;
}

/* However an archive is cut, the same is read: whole, byte by byte, in threes, and cut in two at
 * every place. */
static void assert_read(const Archive *a, int expected, const char *text, uint64_t offset,
                        bool boundary) {
        for (size_t cut = 0; cut <= a->size + 2; cut++) {
                Told t = {};
                uint64_t o;
                bool b;
                int k;

                if (cut <= a->size)
                        k = read_pieces(a, cut, a->size, &t, &o, &b);
                else
                        k = read_pieces(a, 0, cut == a->size + 1 ? 1 : 3, &t, &o, &b);
                assert_int_equal(k, expected);
                assert_string_equal(t.text, text);
                assert_int_equal(o, offset);
                assert_int_equal(b, boundary);
        }
}

static void test_read_kinds(void **state) {
        Archive a = {};

        archive_zeros(&a, 8);
        archive_add(&a, (Raw) { .mode = S_IFDIR | 0755, .name = "./usr", .nlink = 2 });
        archive_add(&a, (Raw) { .mode = S_IFLNK | 0777, .name = "/bin", .content = "usr/bin" });
        archive_add(&a, (Raw) { .mode = S_IFREG | 0644, .name = "f", .content = "hello" });
        archive_add(&a, (Raw) { .mode = S_IFREG | 0644, .name = "empty" });
        archive_add(&a, (Raw) { .mode = S_IFCHR | 0600, .name = "dev/console" });
        archive_add(&a, (Raw) { .name = "TRAILER!!!" });
        archive_zeros(&a, 516);
        /* Entries behind a trailer count as well. */
        archive_add(&a, (Raw) { .mode = S_IFREG | 0644, .name = "g", .content = "1234" });
        assert_read(&a, 0,
                    "\n8 ./usr 40755 0\n124 /bin 120777 7 -> usr/bin\n248 f 100644 5 (hello)"
                    "\n368 empty 100644 0\n484 dev/console 20600 0\n608 trailer"
                    "\n1248 g 100644 4 (1234)",
                    a.size, true);
}

/* Every field arrives where it belongs, in digits of either case. */
static int check_fields(void *userdata, const CpioEntry *e) {
        assert_int_equal(e->ino, 0xabcdef01);
        assert_int_equal(e->mode, S_IFREG | 0640);
        assert_int_equal(e->uid, 1);
        assert_int_equal(e->gid, 2);
        assert_int_equal(e->nlink, 0xfe);
        assert_int_equal(e->mtime, 3);
        assert_int_equal(e->size, 0);
        assert_int_equal(e->dev_major, 4);
        assert_int_equal(e->dev_minor, 5);
        assert_int_equal(e->rdev_major, 6);
        assert_int_equal(e->rdev_minor, 7);
        assert_null(e->target);
        return 0;
}

static void test_read_fields(void **state) {
        _cleanup_(cpio_reader_freep) CpioReader *r = NULL;
        Archive a = {};

        archive_add(&a, (Raw) { .mode = S_IFREG | 0640, .name = "f", .ino = 0xabcdef01,
                                .nlink = 0xfe });
        assert_int_equal(cpio_reader_new(&r, &(CpioHandlers) { .on_entry = check_fields }, NULL),
                         0);
        assert_int_equal(cpio_reader_feed(r, a.data, a.size), 0);
        assert_int_equal(cpio_reader_finish(r), 0);
}

/* "070702": the sum of the bytes, of files only. */
static void test_read_sums(void **state) {
        Archive a = {}, bad = {}, empty = {};

        archive_add(&a, (Raw) { .magic = "070702", .mode = S_IFDIR | 0755, .name = "d",
                                .check = 9 });
        archive_add(&a, (Raw) { .magic = "070702", .mode = S_IFREG | 0644, .name = "f",
                                .content = "a\xff", .check = 0x61 + 0xff });
        assert_read(&a, 0, "\n0 d 40755 0\n112 f 100644 2 (a\xff)", a.size, true);

        archive_add(&bad, (Raw) { .magic = "070702", .mode = S_IFREG | 0644, .name = "f",
                                  .content = "ab", .check = 1 });
        archive_add(&bad, (Raw) { .mode = S_IFREG | 0644, .name = "never" });
        assert_read(&bad, -EBADMSG, "\n0 f 100644 2 (ab)", 0, false);

        archive_add(&empty, (Raw) { .magic = "070702", .mode = S_IFREG | 0644, .name = "f",
                                    .check = 1 });
        assert_read(&empty, -EBADMSG, "\n0 f 100644 0", 0, false);
}

/* What the kernel stops at; the offset names the entry. */
static void test_read_broken(void **state) {
        static const struct {
                size_t at; /* this byte of the second entry's header */
                char byte;
        } cases[] = {
                { 0, '1' }, { 5, '7' }, { 5, '3' }, { 6, 'g' }, { 13, ' ' }, { 20, 'x' },
                { 53, '+' }, { 101, '\0' }, { 109, '-' },
                { 111, 'x' }, /* the name without its NUL byte */
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                Archive a = {};

                archive_add(&a, (Raw) { .mode = S_IFREG | 0644, .name = "f" });
                archive_add(&a, (Raw) { .mode = S_IFREG | 0644, .name = "g" });
                a.data[112 + cases[i].at] = cases[i].byte;
                /* Not even the start of an entry: a segment of another kind may begin here. */
                assert_read(&a, -EBADMSG, "\n0 f 100644 0", 112, cases[i].at == 0);
        }
}

/* Another segment behind an archive, and one that is not where it could begin. */
static void test_read_junk(void **state) {
        Archive a = {}, b = {}, c = {};

        archive_add(&a, (Raw) { .mode = S_IFREG | 0644, .name = "f" });
        archive_zeros(&a, 4);
        memcpy(a.data + a.size, "\x28\xb5\x2f\xfd", 4);
        a.size += 4;
        assert_read(&a, -EBADMSG, "\n0 f 100644 0", 116, true);

        archive_add(&b, (Raw) { .mode = S_IFREG | 0644, .name = "f" });
        archive_zeros(&b, 3);
        memcpy(b.data + b.size, "070701", 6);
        b.size += 6;
        assert_read(&b, -EBADMSG, "\n0 f 100644 0", 115, false);

        memcpy(c.data, "\x7f" "ELF", 4);
        c.size = 4;
        assert_read(&c, -EBADMSG, "", 0, true);
}

/* Cut short anywhere but between entries, padding included, is -ENODATA. */
static void test_read_short(void **state) {
        Archive a = {};

        archive_add(&a, (Raw) { .mode = S_IFREG | 0644, .name = "f", .content = "12345" });
        archive_add(&a, (Raw) { .mode = S_IFLNK | 0777, .name = "l", .content = "123" });
        archive_add(&a, (Raw) { .mode = S_IFDIR | 0755, .name = "dir", .content = NULL });
        assert_int_equal(a.size, 120 + 116 + 116);
        for (size_t size = 0; size <= a.size; size++) {
                _cleanup_(cpio_reader_freep) CpioReader *r = NULL;
                bool whole = size == 0 || size == 120 || size == 236 || size == 352;

                assert_int_equal(cpio_reader_new(&r, &(CpioHandlers) {}, NULL), 0);
                assert_int_equal(cpio_reader_feed(r, a.data, size), 0);
                assert_int_equal(cpio_reader_at_boundary(r), whole);
                assert_int_equal(cpio_reader_offset(r), size);
                assert_int_equal(cpio_reader_finish(r), whole ? 0 : -ENODATA);
        }
}

/* What the kernel passes over is not told as an entry, and what comes behind it is read. */
static void test_read_skipped(void **state) {
        char name[PATH_MAX + 1] = {}, target[PATH_MAX + 2] = {};
        Told t = {};
        Archive a = {};
        uint64_t offset;
        bool boundary;

        memset(name, 'n', PATH_MAX);
        memset(target, 't', PATH_MAX + 1);
        archive_add(&a, (Raw) { .mode = S_IFREG | 0644, .name = name, .content = "xxxxx" });
        archive_add(&a, (Raw) { .mode = S_IFLNK | 0777, .name = "l", .content = target });
        archive_add(&a, (Raw) { .mode = S_IFDIR | 0755, .name = "d", .content = "x" });
        archive_add(&a, (Raw) { .mode = S_IFREG | 0644, .name = "f" });
        /* A trailer with content is of no kind that has content. */
        archive_add(&a, (Raw) { .name = "TRAILER!!!", .content = "x" });
        /* The longest that are still taken. */
        name[PATH_MAX - 1] = '\0';
        target[PATH_MAX] = '\0';
        archive_add(&a, (Raw) { .mode = S_IFLNK | 0777, .name = name, .content = target });
        archive_add(&a, (Raw) { .mode = S_IFLNK | 0777, .name = "l" });
        for (size_t piece = 1; piece < 5000; piece = piece * 2 + 1) {
                t = (Told) {};
                assert_int_equal(read_pieces(&a, 0, piece, &t, &offset, &boundary), 0);
                assert_string_equal(t.text,
                                    "\n0 skipped\n4216 skipped\n8428 skipped\n8544 f 100644 0"
                                    "\n8656 skipped\n8784 (long) 120777 4096 -> (long)"
                                    "\n17088 l 120777 0 -> ");
        }
}

static void test_read_no_name(void **state) {
        Archive a = {};

        /* A name of no size is two bytes of padding. */
        archive_add(&a, (Raw) { .mode = S_IFREG | 0644, .name = "", .content = "abc" });
        memcpy(a.data + 94, "00000000", 8);
        archive_add(&a, (Raw) { .mode = S_IFREG | 0644, .name = "f" });
        assert_read(&a, 0, "\n0 skipped\n116 f 100644 0", a.size, true);
}

/* Sizes that claim all there can be are followed, not believed: nothing is kept for them. */
static void test_read_huge(void **state) {
        static const char header[] = "070701" "00000001" "000081A4" "00000000" "00000000"
                                     "00000001" "00000000" "FFFFFFFF" "00000000" "00000000"
                                     "00000000" "00000000" "00000002" "00000000" "f\0";
        static char zeros[1 << 20];
        _cleanup_(cpio_reader_freep) CpioReader *r = NULL;
        Told t = {};

        assert_int_equal(cpio_reader_new(&r, &handlers, &t), 0);
        assert_int_equal(cpio_reader_feed(r, header, sizeof(header) - 1), 0);
        for (int i = 0; i < 16; i++)
                assert_int_equal(cpio_reader_feed(r, zeros, sizeof(zeros)), 0);
        assert_int_equal(t.n_content, 16 << 20);
        assert_int_equal(cpio_reader_finish(r), -ENODATA);

        /* A name of 4 GiB in front of content of 4 GiB. */
        cpio_reader_freep(&r);
        r = NULL;
        assert_int_equal(cpio_reader_new(&r, &handlers, &t), 0);
        assert_int_equal(cpio_reader_feed(r, header, 94), 0);
        assert_int_equal(cpio_reader_feed(r, "FFFFFFFF00000000", 16), 0);
        for (int i = 0; i < 8192; i++)
                assert_int_equal(cpio_reader_feed(r, zeros, sizeof(zeros)), 0);
        assert_false(cpio_reader_at_boundary(r));
        assert_int_equal(cpio_reader_feed(r, zeros, sizeof(zeros)), 0);
        assert_true(cpio_reader_at_boundary(r));
        assert_int_equal(t.n_content, 16 << 20);
}

/* A handler's error ends the reading, at each call that there is, and is no boundary. */
static void test_read_cancelled(void **state) {
        Archive a = {};
        int n_calls = 7; /* content is two */

        archive_add(&a, (Raw) { .mode = S_IFDIR | 0755, .name = "d" });
        archive_add(&a, (Raw) { .mode = S_IFLNK | 0777, .name = "l", .content = "t" });
        archive_add(&a, (Raw) { .mode = S_IFDIR | 0755, .name = "d", .content = "x" });
        archive_add(&a, (Raw) { .mode = S_IFREG | 0644, .name = "f", .content = "123" });
        archive_add(&a, (Raw) { .name = "TRAILER!!!" });
        for (int i = 1; i <= n_calls + 1; i++) {
                Told t = { .fail_on = i };
                uint64_t offset;
                bool boundary;

                assert_int_equal(read_pieces(&a, 0, a.size, &t, &offset, &boundary),
                                 i <= n_calls ? -ECANCELED : 0);
                assert_int_equal(boundary, i > n_calls);
        }
}

/* What the writer makes, the reader reads. */
static void test_written_is_read(void **state) {
        _cleanup_writer_ CpioWriter w = {};
        Archive a = {};
        char *content;

        assert_int_equal(cpio_write_directory(&w, "d", 01755), 0);
        assert_int_equal(cpio_write_file(&w, "d/f", 0755, 6, &content), 0);
        memcpy(content, "abcdef", 6);
        assert_int_equal(cpio_write_symlink(&w, "l", "d/f"), 0);
        assert_int_equal(cpio_write_node(&w, "null", S_IFCHR | 0666, 1, 3), 0);
        assert_int_equal(cpio_write_trailer(&w), 0);
        memcpy(a.data, w.data, w.size);
        a.size = w.size;
        assert_read(&a, 0,
                    "\n0 d 41755 0\n112 d/f 100755 6 (abcdef)\n236 l 120777 3 -> d/f"
                    "\n352 null 20666 0\n468 trailer",
                    a.size, true);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_write_bytes),
                cmocka_unit_test(test_reserve),
                cmocka_unit_test(test_write_errors),
                cmocka_unit_test(test_write_growth),
                cmocka_unit_test(test_read_kinds),
                cmocka_unit_test(test_read_fields),
                cmocka_unit_test(test_read_sums),
                cmocka_unit_test(test_read_broken),
                cmocka_unit_test(test_read_junk),
                cmocka_unit_test(test_read_short),
                cmocka_unit_test(test_read_skipped),
                cmocka_unit_test(test_read_no_name),
                cmocka_unit_test(test_read_huge),
                cmocka_unit_test(test_read_cancelled),
                cmocka_unit_test(test_written_is_read),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
