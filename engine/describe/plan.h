/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * Which modules an image has, in which order, and why each.
 *
 * In: every module with Always=; those that the profile names; in generic mode those with a
 * Needed=, unless all its tags are of another architecture than the root's; in host and strict mode
 * those of which a tag matches the facts; and what these require or want. With generic facts there is nothing that host and strict could match: as in generic mode
 * then, only Modes= is still held against the profile's mode.
 *
 * Out: what the profile leaves out (a failure when something requires it), and of two that conflict
 * the one with less claim: named by the profile, then always or by a fact, then generic, then
 * wanted; what is required has its requirer's claim. With equal claims the two upper are a failure,
 * of the two lower the first by name stays. What is only wanted is left out with what it requires.
 * Required modules come before those that require them, else by name.
 */

#include "describe/config.h"
#include "describe/kernel.h"
#include "describe/module.h"
#include "facts/facts.h"

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
        /* A module that is only wanted, or there because the image is generic, or required by none
         * but such, is left out (build-modules.c) when something mandatory of it is missing; one
         * that is asked for is then a failure. */
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

/* NULL when it isn't in the plan. */
const PlanItem *plan_find(const Plan *plan, const char *name);

/* "always", "profile", "fact fs:ext4", "generic", "required by lvm", "wanted by lvm". The caller frees. */
int plan_item_describe(const PlanItem *item, char **ret);
