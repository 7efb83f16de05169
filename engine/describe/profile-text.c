/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Keys of a profile written down again: what an image says of how it was made. */

#include "describe/profile.h"
#include "string-util.h"

static int join_includes(const Profile *p, char **ret) {
        _cleanup_strv_free_ char **words = NULL;

        for (size_t i = 0; i < p->n_includes; i++) {
                const Include *include = &p->includes[i];
                char *word;

                if (str_printf(&word, "%s%s%s", include->source,
                               streq(include->source, include->destination) ? "" : ":",
                               streq(include->source, include->destination)
                                               ? ""
                                               : include->destination) < 0 ||
                    strv_consume(&words, word) < 0)
                        return -ENOMEM;
        }
        *ret = strv_join(words, " ");
        return *ret ? 0 : -ENOMEM;
}

static int join(char *const *l, char **ret) {
        *ret = strv_join(l, " ");
        return *ret ? 0 : -ENOMEM;
}

int profile_key_describe(const Profile *p, ProfileKey key, char **ret) {
        switch (key) {
        case PROFILE_MODULES:
                return join(p->modules, ret);
        case PROFILE_DRIVERS:
                return join(p->drivers, ret);
        case PROFILE_OMIT_DRIVERS:
                return join(p->omit_drivers, ret);
        case PROFILE_FORCE_DRIVERS:
                return join(p->force_drivers, ret);
        case PROFILE_INCLUDE:
                return join_includes(p, ret);
        case PROFILE_COMPRESSION:
                return str_printf(ret, "%s", compression_to_string(p->compression));
        case PROFILE_LEVEL:
                return str_printf(ret, "%d", p->level);
        case PROFILE_EMERGENCY:
                return str_printf(ret, "%s", emergency_to_string(p->emergency));
        case PROFILE_MICROCODE:
                return str_printf(ret, "%s", microcode_to_string(p->microcode));
        case PROFILE_ACPI_TABLES:
                return str_printf(ret, "%s", p->acpi_tables ?: "");
        default:
                /* Where it goes is not what it is; the mode is told apart; a password is nobody's
                 * business. */
                return str_printf(ret, "%s", "");
        }
}
