/* SPDX-License-Identifier: GPL-2.0-or-later */

/* What comes before everything: microcode and tables of ACPI. */

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <cmocka.h>

#include "collect/early.h"
#include "collect-place.h"

/* The kernel's one file of a vendor, of all processors or of the machine's. */
static void test_early(void **state) {
        static const struct {
                Microcode microcode;
                bool generic;
                const char *mine, *tables;
                const char *intel, *amd, *acpi;
        } cases[] = {
                { MICROCODE_NO, true, NULL, NULL, NULL, NULL, NULL },
                { MICROCODE_ALL, false, NULL, NULL, "onetwo", "amd", NULL },
                { MICROCODE_HOST, true, NULL, NULL, "onetwo", "amd", NULL },
                { MICROCODE_HOST, false, NULL, NULL, NULL, NULL, NULL },
                { MICROCODE_HOST, false, "intel:06-55-04", NULL, "one", NULL, NULL },
                { MICROCODE_HOST, false, "intel:06-55-0", NULL, NULL, NULL, NULL },
                { MICROCODE_HOST, false, "amd:microcode_amd_fam17h", NULL, NULL, "amd", NULL },
                { MICROCODE_NO, true, NULL, "/etc/acpi", NULL, NULL, "table" },
                { MICROCODE_NO, true, NULL, "/etc/conf.d", NULL, NULL, NULL },
        };
        Place *p = *state;
        ConfTree *t = p->t;

        conf_tree_put(t, "usr/lib/firmware/intel-ucode/06-55-04", "one");
        conf_tree_put(t, "usr/lib/firmware/intel-ucode/06-55-07", "two");
        conf_tree_put(t, "usr/lib/firmware/intel-ucode/06-55-07.initramfs", "not this");
        conf_tree_put(t, "usr/lib/firmware/amd-ucode/microcode_amd_fam17h.bin", "amd");
        conf_tree_put(t, "usr/lib/firmware/amd-ucode/microcode_amd_fam17h.bin.asc", "signature");
        conf_tree_put(t, "etc/acpi/dsdt.aml", "table");
        conf_tree_put(t, "etc/acpi/readme", "");
        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                _cleanup_(collection_freep) Collection *c = NULL;
                Profile profile = { .microcode = cases[i].microcode,
                                    .acpi_tables = (char *) cases[i].tables };
                char *generic = p->facts->microcode;

                p->facts->generic = cases[i].generic;
                p->facts->microcode = (char *) cases[i].mine;
                place_begin(p);
                assert_int_equal(collect_early(p->collector, &profile, &c), 0);
                p->facts->microcode = generic;
                p->facts->generic = true;
                assert_true(streq_ptr(content_of(c, "/kernel/x86/microcode/GenuineIntel.bin"),
                                      cases[i].intel));
                assert_true(streq_ptr(content_of(c, "/kernel/x86/microcode/AuthenticAMD.bin"),
                                      cases[i].amd));
                assert_true(streq_ptr(content_of(c, "/kernel/firmware/acpi/dsdt.aml"), cases[i].acpi));
                place_check(p, c->manifest);
        }
        assert_non_null(strstr(p->told.text, "AcpiTables=/etc/conf.d has no *.aml"));
}

int main(void) {
#define IN_PLACE(f) cmocka_unit_test_setup_teardown(f, place_setup, place_teardown)
        static const struct CMUnitTest tests[] = {
                IN_PLACE(test_early),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
