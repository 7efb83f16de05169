/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * The drivers of the target kernel: which a module's [Drivers] lines mean, what these depend on,
 * and which firmware they load. Everything is resolved against that kernel's own indexes with
 * libkmod, never against what happens to be loaded here.
 */

#include "collect/manifest.h"
#include "describe/kernel.h"
#include "describe/module.h"
#include "facts/facts.h"
#include "report.h"
#include "source/source.h"
#include "strmap.h"

typedef struct Drivers Drivers;

/* Opens the indexes. `omit` are names or globs that are left out, whoever asks for them; what
 * depends on one of them goes too. All arguments are borrowed for the life of the object. */
int drivers_new(Drivers **ret, Source *source, Report *report, const Kernel *kernel,
                const Profile *profile, const Facts *facts);
Drivers *drivers_free(Drivers *drivers);
DEFINE_CLEANUP_FUNC(Drivers *, drivers_free);

/*
 * Adds what `rule` means to the manifest: the drivers with their hard, soft (pre and post) and weak
 * dependencies, each at its path in the kernel's directory, decompressed (".ko", Entry.decompress,
 * Entry.kernel), and their firmware, decompressed, below /usr/lib/firmware, or where the root has it.
 * `why` of a driver is the rule ("storage.module:12 Name=ahci"), of a dependency the driver's path,
 * of firmware its driver's. Parent directories are added too. Entry.hash and .size are filled in.
 *
 * A driver that is built in is there already. A mandatory rule of which nothing is there or built
 * in is a failure (Incomplete) that names it. Missing firmware is a warning only for a driver that
 * this machine's modaliases ask for. Everything that was looked at is in the trace.
 *
 * Match= goes by the mode of the profile and by the facts: generic ones mean every driver. It is
 * never mandatory, with or without a "-": it asks for whatever there may be, and a kernel whose
 * drivers lie elsewhere or are all built in lacks nothing.
 * A driver that an administrator left out is not there, but nobody misses it. A glob over kernel/
 * means a driver that replaces one of these (updates/, extra/) too. `selected` (may be NULL) gets
 * the driver names (as in /proc/modules), those to be loaded early (Load=) too in `load`; a name
 * may be there more than once after several calls.
 *
 * Failures: Incomplete, also for a driver or firmware that can't be read; KernelIncomplete where
 * modules.dep names a file that is missing.
 */
int drivers_collect(Drivers *drivers, Trace *trace, const DriverRule *rule, const char *why,
                    Manifest *manifest, char ***selected, char ***load);

/* Whether a Match= line now means a driver that isn't among `have`, whose keys are names: 1, and its name,
 * borrowed. 0 for any other line. */
int drivers_lack(Drivers *drivers, const DriverRule *rule, const Strmap *have, const char **ret);

/* Whether the kernel has it: 2 built in, 1 a driver, 0 neither. `name` is a name or an alias. */
int drivers_have(Drivers *drivers, const char *name);

/*
 * The indexes that modprobe and udev read in the image, for exactly the drivers of `names`:
 * modules.dep(.bin), .alias(.bin), .symbols(.bin), .softdep, .devname, .builtin(.bin),
 * .builtin.alias.bin, .builtin.modinfo, .order, .weakdep where the kernel has them. Paths in them
 * are those in the image (decompressed). Added to the manifest as generated data, modules.builtin*
 * as the kernel's own files; the same names, in any order, give the same bytes. A name that is no
 * driver is passed over.
 */
int drivers_collect_indexes(Drivers *drivers, Trace *trace, char *const *names,
                            Manifest *manifest);
