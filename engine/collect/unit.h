/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * What a systemd unit file needs besides itself. Source: systemd.unit(5), systemd.service(5),
 * systemd.exec(5). Input is never trusted.
 */

#include "collect/unit-name.h"
#include "macro.h"

typedef struct UnitState UnitState;

typedef struct UnitProgram {
        char *path; /* absolute, or a bare name to be looked for in systemd's own search path */
        bool optional; /* "-" prefix each time it is named, or the unit has a Condition on the
                        * program's path */
} UnitProgram;

typedef struct Unit {
        UnitProgram *programs; /* Exec*= of [Service], [Socket], [Mount], [Swap]; each path once */
        size_t n_programs;
        char **needs; /* units, each once: Requires=, Requisite=, BindsTo=, Wants=, Upholds=,
                       * OnFailure=, OnSuccess=, Sockets=, Service=, Unit=, and what a socket,
                       * timer, path or automount starts by its name. A template where just the
                       * instance can't be told. Many need not exist (Wants=, devices, mounts,
                       * slices). */
        char **environment_files; /* EnvironmentFile=, optional ones too; may be globs */
        char **aliases; /* Alias= of [Install] */
        char **users, **groups; /* User=, Group=, SupplementaryGroups=, SocketUser=, SocketGroup=
                                 * with a fixed name; not User= and Group= with DynamicUser= */
        UnitState *state; /* what the next drop-in is read onto; private */
} Unit;

/* Parses one file onto `unit`: the unit first, then each drop-in (an empty ExecStart= resets what
 * came before from the same key). `name` is the unit's name, for templates and specifiers; a path
 * with a specifier is left out. Lines that systemd would ignore are ignored. -EFBIG for more than
 * 1 MiB, -E2BIG for more than 4096 of a kind, -ENOMEM; the unit holds the files before then, and
 * perhaps some of this. */
int unit_parse(Unit *unit, const char *name, const char *text, size_t size);
int unit_new(Unit **ret);
Unit *unit_free(Unit *unit);
DEFINE_CLEANUP_FUNC(Unit *, unit_free);
