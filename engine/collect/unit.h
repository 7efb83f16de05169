/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * What a systemd unit file needs besides itself. Source: systemd.unit(5), systemd.service(5),
 * systemd.exec(5). Input is never trusted.
 */

#include "macro.h"

typedef struct UnitProgram {
        char *path; /* absolute, or a bare name to be looked for in systemd's own search path */
        bool optional; /* "-" prefix, or the unit has a Condition on the program's path */
} UnitProgram;

typedef struct Unit {
        UnitProgram *programs; /* Exec*= of [Service], [Socket], [Mount], [Swap] */
        size_t n_programs;
        char **needs; /* units: Requires=, BindsTo=, Wants=, OnFailure=, Sockets=, Unit=… */
        char **environment_files; /* EnvironmentFile=, optional ones too */
        char **aliases; /* Alias= of [Install] */
        char **users, **groups; /* User=, Group=, SupplementaryGroups= with a fixed name */
} Unit;

/* Parses one file onto `unit`: the unit first, then each drop-in (an empty ExecStart= resets what
 * came before from the same key). `name` is the unit's name, for templates. */
int unit_parse(Unit *unit, const char *name, const char *text, size_t size);
int unit_new(Unit **ret);
Unit *unit_free(Unit *unit);
DEFINE_CLEANUP_FUNC(Unit *, unit_free);

/* The template that an instance is of ("getty@tty1.service" → "getty@.service"); NULL when it is
 * none. 0 or -ENOMEM. The caller frees. */
int unit_name_template(const char *name, char **ret);
