/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* Whether what an image will have would boot: checked on its manifests before a byte is written. */

#include "describe/kernel.h"
#include "describe/plan.h"
#include "facts/facts.h"
#include "pack/fragment.h"

/* VerifyFailed or Incomplete, with what is missing and for what. */
int verify_contents(const Fragments *fragments, const Plan *plan, const Profile *profile,
                    const Facts *facts, const Kernel *kernel, Report *report);
