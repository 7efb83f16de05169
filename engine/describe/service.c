/* SPDX-License-Identifier: GPL-2.0-or-later */

#include "describe/service.h"
#include "string-util.h"

#define USEC_PER_SEC UINT64_C(1000000)

static const struct {
        const char *name;
        size_t offset;
        bool is_boolean;
        unsigned value, min, max; /* the default, and of seconds what may be said */
} keys[] = {
        { "Automatic", offsetof(ServiceConfig, automatic), true, 1, 0, 0 },
        { "PackAhead", offsetof(ServiceConfig, pack_ahead), true, 1, 0, 0 },
        { "SettleSec", offsetof(ServiceConfig, settle_usec), false, 3, 0, 3600 },
        { "JobTimeoutSec", offsetof(ServiceConfig, job_timeout_usec), false, 180, 1, 86400 },
        { "IdleRecompressSec", offsetof(ServiceConfig, idle_recompress_usec), false, 600, 0,
          604800 },
};

static void set(ServiceConfig *config, size_t key, unsigned value) {
        void *field = (char *) config + keys[key].offset;

        if (keys[key].is_boolean)
                *(bool *) field = value > 0;
        else
                *(uint64_t *) field = value * USEC_PER_SEC;
}

void service_config_init(ServiceConfig *config) {
        for (size_t k = 0; k < ELEMENTSOF(keys); k++)
                set(config, k, keys[k].value);
}

int service_config_assign(ServiceConfig *config, Report *report, const char *path, unsigned line,
                          const char *key, const char *value) {
        size_t k = 0;
        unsigned n;
        int r;

        while (k < ELEMENTSOF(keys) && !streq(keys[k].name, key))
                k++;
        if (k == ELEMENTSOF(keys)) {
                report_warn(report, path, line, "[Service] has no key %s=, it is ignored", key);
                return 0;
        }
        if (!*value)
                set(config, k, keys[k].value);
        else if (keys[k].is_boolean) {
                r = parse_boolean(value);
                if (r >= 0)
                        set(config, k, (unsigned) r);
                else
                        report_warn(report, path, line, "%s=%s: it takes yes or no", key, value);
        } else if (parse_unsigned(value, &n) >= 0 && n >= keys[k].min && n <= keys[k].max)
                set(config, k, n);
        else
                report_warn(report, path, line, "%s=%s: it takes seconds, %u to %u", key, value,
                            keys[k].min, keys[k].max);
        return 0;
}
