/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* The names of units, as text. Source: systemd.unit(5), "Description" and "Specifiers". */

#include "macro.h"

/* A plain, template or instance name with the suffix of a unit type. */
bool unit_name_is_valid(const char *name) _pure_;

/* The template that an instance is of ("getty@tty1.service" → "getty@.service"); NULL when it is
 * none. 0 or -ENOMEM. The caller frees. */
int unit_name_template(const char *name, char **ret);

/* The same name with another suffix (".service"), newly allocated; without memory NULL. With
 * `template`, "x.socket" is "x@.service". */
char *unit_name_activated(const char *name, const char *suffix, bool template);

/* `text` with its first `known` bytes certain and something unknown behind them: where an "@" is
 * among these the name stands for instances of a template, and the template is what can be told.
 * 1 and its name, 0 when nothing can be told, -ENOMEM. The caller frees. */
int unit_name_from_unknown_instance(const char *text, size_t known, char **ret);

/* Fills in the specifiers of `text` that the name of the unit `unit` decides (%i %I %j %J %n %N %p
 * %P and %%). 1 and a valid name, or the template where only an instance stays unknown; 0 when it
 * can't be told or is no unit's name; -ENOMEM. The caller frees. */
int unit_name_expand(const char *unit, const char *text, char **ret);
