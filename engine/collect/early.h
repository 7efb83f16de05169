/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * What the kernel reads before it unpacks anything: microcode at
 * kernel/x86/microcode/{GenuineIntel,AuthenticAMD}.bin and ACPI tables below kernel/firmware/acpi/,
 * in an uncompressed archive at the very front. Sources: the kernel's
 * Documentation/arch/x86/microcode.rst and Documentation/admin-guide/acpi/initrd_table_override.rst.
 */

#include "collect/collect.h"

/* An empty manifest when there is nothing. What was asked for and isn't there is a warning, a
 * kernel that can't take ACPI tables a failure. */
int collect_early(Collector *collector, const Profile *profile, Collection **ret);
