/* SPDX-License-Identifier: GPL-2.0-or-later */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "image/read.h"
#include "image/uki.h"

#define PE_AT 0x80U
#define SECTIONS_AT (PE_AT + 24 + 8) /* behind an optional header of 8 bytes */
#define DATA_AT 0x400U

static void put(uint8_t *p, uint32_t value, unsigned bytes) {
        for (unsigned i = 0; i < bytes; i++)
                p[i] = (uint8_t) (value >> (8 * i));
}

static void begin(uint8_t *file, unsigned n_sections) {
        memcpy(file, "MZ", 2);
        put(file + 0x3c, PE_AT, 4);
        memcpy(file + PE_AT, "PE\0\0", 4);
        put(file + PE_AT + 6, n_sections, 2);
        put(file + PE_AT + 20, 8, 2);
}

static void section(uint8_t *file, unsigned i, const char *name, uint32_t virtual_size,
                    uint32_t raw_size, uint32_t offset) {
        uint8_t *p = file + SECTIONS_AT + i * 40;

        /* Eight characters are not ended by a NUL. */
        memcpy(p, name, strnlen(name, 8));
        put(p + 8, virtual_size, 4);
        put(p + 16, raw_size, 4);
        put(p + 20, offset, 4);
}

static void test_sections(void **state) {
        uint8_t file[0x1000] = {};
        Uki uki = {};

        begin(file, 5);
        section(file, 0, ".cmdline", 5, 0x200, DATA_AT);
        section(file, 1, ".linuxes", 5, 0x200, DATA_AT); /* another name of 8 bytes */
        section(file, 2, ".initrd", 0x300, 0x400, 0x600);
        section(file, 3, ".initrd", 1, 0x200, 0xa00);
        section(file, 4, ".osrel", 0, 4, DATA_AT);
        memcpy(file + DATA_AT, "quiet", 5);
        assert_int_equal(uki_parse(file, sizeof(file), &uki), 0);
        assert_ptr_equal(uki.command_line.data, file + DATA_AT);
        assert_int_equal(uki.command_line.size, 5);
        assert_null(uki.kernel.data);
        assert_ptr_equal(uki.initrd.data, file + 0x600);
        assert_int_equal(uki.initrd.size, 0x300);
        assert_int_equal(uki.os_release.size, 4);
}

static void test_broken(void **state) {
        static const struct {
                unsigned n_sections;
                uint32_t raw_size, offset;
                size_t size;
                int r;
        } cases[] = {
                { 1, 0x100, 0x400, 0x1000, 0 },
                { 1, 0x100, 0xf00, 0x1000, 0 },
                { 1, 0x101, 0xf00, 0x1000, -EBADMSG },
                { 1, 0xffffffff, 0x400, 0x1000, -EBADMSG },
                { 1, 0x100, 0xffffffff, 0x1000, -EBADMSG },
                { 0, 0x100, 0x400, 0x1000, -ENOENT },
                { 0xffff, 0x100, 0x400, 0x1000, -EBADMSG },
                { 1, 0x100, 0x400, SECTIONS_AT + 39, -EBADMSG },
                { 1, 0x100, 0x400, PE_AT + 23, -ENOENT },
                { 1, 0x100, 0x400, 0x3f, -ENOENT },
                { 1, 0x100, 0x400, 1, -ENOENT },
                { 1, 0x100, 0x400, 0, -ENOENT },
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                uint8_t file[0x1000] = {};
                Uki uki;

                begin(file, cases[i].n_sections);
                section(file, 0, ".initrd", cases[i].raw_size, cases[i].raw_size, cases[i].offset);
                assert_int_equal(uki_parse(file, cases[i].size, &uki), cases[i].r);
        }
}

static int count(void *userdata, const ImageSegment *segment, const CpioEntry *entry) {
        assert_string_equal(entry->name, "a");
        (*(unsigned *) userdata)++;
        return 0;
}

/* An image is read from where it stands, and its offsets begin there. */
static void test_image(void **state) {
        static const ImageHandlers handlers = { .on_entry = count };
        _cleanup_(image_freep) Image *image = NULL, *other = NULL;
        uint8_t file[0x1000] = {};
        CpioWriter w = {};
        ImageFault fault;
        unsigned n = 0;

        assert_int_equal(cpio_write_directory(&w, "a", 0755), 0);
        assert_int_equal(cpio_write_trailer(&w), 0);
        begin(file, 1);
        section(file, 0, ".initrd", (uint32_t) w.size, 0x400, 0x801);
        memcpy(file + 0x801, w.data, w.size);
        assert_int_equal(image_new(&image, file, sizeof(file)), 0);
        assert_non_null(image_uki(image));
        assert_int_equal(image_size(image), w.size);
        assert_int_equal(image_read(image, &handlers, &n, &fault), 0);
        assert_null(fault.what);
        assert_int_equal(n, 1);
        cpio_writer_done(&w);

        put(file + PE_AT + 6, 0, 2);
        assert_int_equal(image_new(&other, file, sizeof(file)), 0);
        assert_null(image_uki(other));
        assert_int_equal(image_read(other, &handlers, &n, &fault), 0);
        assert_string_equal(fault.what, "a program without an initrd in it, or a damaged one");
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_sections),
                cmocka_unit_test(test_broken),
                cmocka_unit_test(test_image),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
