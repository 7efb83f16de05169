/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * The service's end of initrdd-watch: keeps that program running, tells it which directories to
 * watch, and hands on what it says. Nothing here blocks.
 */

#include <systemd/sd-event.h>

#include "macro.h"

typedef struct Watcher Watcher;

typedef enum WatchEvent {
        WATCH_CHANGED, /* something happened to `name` in `directory`: look again */
        WATCH_OVERFLOW, /* events were lost: look at everything */
        WATCH_LIMIT, /* there are no watches left (told once); who wants to know must poll */
        WATCH_RESTARTED, /* the program died and runs again: look at everything */
} WatchEvent;

/* `directory` and `name` are NULL but for WATCH_CHANGED; `name` may be "" for the directory
 * itself. Borrowed for the call. */
typedef void (*watcher_handler_t)(void *userdata, WatchEvent event, const char *directory,
                                  const char *name);

/* `program` is the path of initrdd-watch. It is started by the first watcher_set(). */
int watcher_new(Watcher **ret, sd_event *event, const char *program, watcher_handler_t handler,
                void *userdata);
Watcher *watcher_free(Watcher *w); /* ends the program */
DEFINE_CLEANUP_FUNC(Watcher *, watcher_free);

/* All directories that are to be watched from now on, absolute paths, in any order; copied. One that
 * does not exist is watched from when it does, through its nearest existing parent. 0 or -ENOMEM,
 * or why the program can't be started. */
int watcher_set(Watcher *w, char *const *directories);
