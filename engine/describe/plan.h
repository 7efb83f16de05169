/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * Which modules an image has, in which order, and why each.
 *
 * In: every module with Always=; those that the profile names; in generic mode those with a
 * Needed=, in host and strict mode those of which a tag matches the facts; and what these require
 * or want. Out: what the profile leaves out (a failure when something needs it), and of two that
 * conflict the one that was not asked for. Required modules come before those that require them,
 * else by name.
 */

#include "describe/config.h"
#include "describe/facts.h"
#include "describe/kernel.h"
#include "describe/module.h"

typedef enum PlanReason {
        PLAN_ALWAYS,
        PLAN_PROFILE, /* named by the profile */
        PLAN_FACT, /* a tag matched; `detail` is the tag */
        PLAN_GENERIC, /* the image is generic */
        PLAN_REQUIRED, /* `detail` is the module */
        PLAN_WANTED, /* `detail` is the module */
} PlanReason;

typedef struct PlanItem {
        const Module *module; /* borrowed from the Modules */
        PlanReason reason;
        char *detail;
        /* A module that is only wanted, or there because the image is generic, is left out when
         * something mandatory of it is missing; one that is asked for is then a failure. */
        bool droppable;
} PlanItem;

typedef struct Plan {
        PlanItem *items;
        size_t n_items;
} Plan;

int plan_new(Plan **ret, const Modules *modules, const Profile *profile, const Facts *facts,
             Report *report);
Plan *plan_free(Plan *plan);
DEFINE_CLEANUP_FUNC(Plan *, plan_free);

/* "always", "profile", "fact fs:ext4", "generic", "required by lvm". The caller frees. */
int plan_item_describe(const PlanItem *item, char **ret);
