/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * How initrdd-watch is told what to watch, and how it tells what happens there. Both are lines.
 *
 * Names are bytes: of a path, a backslash, a control character and DEL are each written as a
 * backslash and three octal digits, as /proc/mounts has them. A line is at most WATCH_LINE_MAX
 * bytes with its newline.
 *
 * Standard input:
 *   PATH            an absolute path of a directory, simplified: watch it from now on, too
 *                   (none is ever given up; there can be WATCH_PATHS_MAX)
 *   (empty line)    answered by "ready" when what came before it is watched, and what had happened
 *                   before it was told
 * It ends when its standard input does, with status 0.
 *
 * Standard output:
 *   changed<TAB>PATH<TAB>NAME
 *                   something happened to NAME in the directory PATH, in the words of the line that
 *                   asked for it: made, removed, written and closed, renamed, another mode or owner.
 *                   An empty NAME is the directory itself: look at all of it. It may be gone, and
 *                   is told of again once it is back
 *   overflow        events were lost: look at everything
 *   limit           there are no watches left in the kernel, and some directory isn't watched
 *   ready           the answer to an empty line
 *
 * An event means "look again", never more: one line may stand for several changes, and what
 * happened in quick succession may be told once. Temporary names of package managers, editors and
 * our own are not told of. What nobody reads is not kept: then the kernel's queue overflows.
 */

#include <limits.h>

#define WATCH_PATHS_MAX 16384
#define WATCH_LINE_MAX (4 * (PATH_MAX + NAME_MAX) + 16)

#define WATCH_LINE_CHANGED "changed"
#define WATCH_LINE_OVERFLOW "overflow"
#define WATCH_LINE_LIMIT "limit"
#define WATCH_LINE_READY "ready"
