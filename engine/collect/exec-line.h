/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* The programs of an ExecStart= line and its like. Source: systemd.service(5), "Command lines". */

#include "macro.h"

/* In place: "%%" becomes "%". False when there is any other specifier. */
bool specifiers_undo(char *s);

/* Takes the next command off `*p`: 1 and its program (the caller frees), an absolute path or a
 * bare name, and whether its failure is ignored ("-"). 0 at the end, -EINVAL when systemd would
 * not take the rest of the line, -ENOMEM. Commands that can't be told or run are passed over. */
int exec_line_next(const char **p, char **ret_program, bool *ret_optional);
