/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * The service's end of initrdd-watch: keeps that program running, tells it which directories to
 * watch, and hands on what it says. Nothing here blocks. When the program dies, that is logged here
 * (MESSAGE_ID_WATCHER_DIED), and it is started again, ever later if it does not stay.
 *
 * The caller has SIGCHLD blocked, for sd_event_add_child(), and SIGPIPE ignored.
 */

#include <systemd/sd-event.h>

#include "macro.h"

typedef struct Watcher Watcher;

typedef enum WatchEvent {
        WATCH_CHANGED, /* something happened to `name` in `directory`: look again */
        WATCH_OVERFLOW, /* events were lost: look at everything */
        WATCH_LIMIT, /* there are no watches left, or the program can't be kept running (told once);
                      * who wants to know must poll */
        WATCH_RESTARTED, /* the program died or had to be started anew, and all is watched again: look
                          * at everything. Takes the place of WATCH_READY then */
        WATCH_READY, /* the directories that were new in watcher_set() are watched: what happened in
                      * them before this was not told */
} WatchEvent;

/* `directory` and `name` are NULL but for WATCH_CHANGED; `name` may be "" for the directory
 * itself: look at all of it. Borrowed for the call. It may call watcher_set(), not
 * watcher_free(). */
typedef void (*watcher_handler_t)(void *userdata, WatchEvent event, const char *directory,
                                  const char *name);

/* `program` is the path of initrdd-watch. It is started by the first watcher_set(). */
int watcher_new(Watcher **ret, sd_event *event, const char *program, watcher_handler_t handler,
                void *userdata);
Watcher *watcher_free(Watcher *w); /* ends the program */
DEFINE_CLEANUP_FUNC(Watcher *, watcher_free);

/*
 * All directories that are to be watched from now on, absolute paths, in any order; copied, and told
 * of as path_simplify() has them. One that does not exist is watched from when it does, through its
 * nearest existing parent.
 *
 * 1 when some are new, and WATCH_READY follows; 0 when none is. -EINVAL for a path that isn't
 * absolute or is too long, -ENOMEM, or why the program can't be started: the next call tries again.
 */
int watcher_set(Watcher *w, char *const *directories);
