/* SPDX-License-Identifier: GPL-2.0-or-later */

#include "collect/udev-rule.h"
#include "collect/unit-name.h"
#include "string-util.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool condition) {
        if (!condition)
                abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        _cleanup_(udev_rule_freep) UdevRule *rule = NULL;

        if (udev_rule_parse((const char *) data, size, &rule) < 0)
                return 0;
        STRV_FOREACH(name, rule->units)
                require(unit_name_is_valid(*name));
        STRV_FOREACH(name, rule->programs)
                require(**name);
        STRV_FOREACH(name, rule->drivers)
                require(**name);
        return 0;
}
