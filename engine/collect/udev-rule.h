/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * What a udev rules file runs: RUN+=, RUN{program}, PROGRAM=, IMPORT{program}=; and the units that
 * it asks systemd for. Source: udev(7). Input is never trusted.
 */

#include "macro.h"

typedef struct UdevRule {
        char **programs; /* absolute, or a name below /usr/lib/udev; first word only; each once, in
                          * order. With a substitution ($env{…}, %k) in it: left out. */
        char **units; /* ENV{SYSTEMD_WANTS} without substitutions; a template where one follows "@"
                       */
        char **owners, **groups; /* OWNER=, GROUP= names */
        char **drivers; /* IMPORT{builtin}="kmod load NAME", RUN{builtin} likewise */
} UdevRule;

/* Rules that udev would ignore are ignored, conditions too: what any device could run counts.
 * -EFBIG for more than 4 MiB, -E2BIG for more than 4096 of a kind, -ENOMEM. */
int udev_rule_parse(const char *text, size_t size, UdevRule **ret);
UdevRule *udev_rule_free(UdevRule *rule);
DEFINE_CLEANUP_FUNC(UdevRule *, udev_rule_free);
