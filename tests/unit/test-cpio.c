/* SPDX-License-Identifier: GPL-2.0-or-later */

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

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_write_bytes),
                cmocka_unit_test(test_write_errors),
                cmocka_unit_test(test_write_growth),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
