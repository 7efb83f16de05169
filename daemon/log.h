/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * What the service says: to the journal when it was started by systemd, else to standard error, one
 * line a message. Level and target can be changed while it runs (org.freedesktop.LogControl1).
 */

#include <syslog.h>

#include "macro.h"

typedef enum LogTarget {
        LOG_TARGET_AUTO, /* the journal if standard error is connected to it, else the console */
        LOG_TARGET_CONSOLE,
        LOG_TARGET_JOURNAL,
        LOG_TARGET_NULL,
        _LOG_TARGET_MAX,
        _LOG_TARGET_INVALID = -22, /* -EINVAL */
} LogTarget;
const char *log_target_to_string(LogTarget target); /* "auto", "console", "journal", "null" */
LogTarget log_target_from_string(const char *s);
/* "emerg" to "debug", as LogControl1 and $SYSTEMD_LOG_LEVEL have them. -EINVAL for another. */
const char *log_level_to_string(int level);
int log_level_from_string(const char *s);

/* Default: LOG_INFO, LOG_TARGET_AUTO. */
void log_set_level(int level);
int log_get_level(void);
void log_set_target(LogTarget target);
LogTarget log_get_target(void);

/* A message with MESSAGE_ID= and further fields: a NULL-terminated array of "KEY=VALUE", or NULL. */
void log_full(int level, const char *message_id, const char *const *fields, const char *format,
              ...) _printf_(4, 5);
#define log_debug(...) log_full(LOG_DEBUG, NULL, NULL, __VA_ARGS__)
#define log_info(...) log_full(LOG_INFO, NULL, NULL, __VA_ARGS__)
#define log_warning(...) log_full(LOG_WARNING, NULL, NULL, __VA_ARGS__)
#define log_error(...) log_full(LOG_ERR, NULL, NULL, __VA_ARGS__)
