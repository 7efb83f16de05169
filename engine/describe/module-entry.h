/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* The lines of [Content] and [Drivers]. Private to the reading of module files. */

#include "describe/module.h"

/* An assignment, and the Module that it is for. */
typedef struct ModuleLine {
        Module *module;
        Report *report;
        const char *path;
        unsigned line;
        const char *key, *value;
} ModuleLine;

/* -EINVAL, with "Key=value: why" as the failure. `what` is the value, or the part that is wrong. */
int module_line_fail(const ModuleLine *l, const char *what, const char *why);

/* Words of the value. 0, or an error with a failure. */
int module_line_words(const ModuleLine *l, char ***ret);

int module_line_content(const ModuleLine *l);
int module_line_driver(const ModuleLine *l);

void content_done(Content *content);
void driver_rule_done(DriverRule *rule);
