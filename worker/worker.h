/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* What the files of initrdd-worker share: the request, and the reports. include/job-protocol.h is
 * the document. */

#include <jansson.h>

#include "report.h"

/* report.c: a line each. */
/* Takes `report`. When nobody listens any more, the work goes on. */
void send_report(json_t *report);
/* The result of work that failed; returns the exit status. */
int send_failure(const Report *report);
void on_warning(void *userdata, const char *path, unsigned line, const char *message);
/* `userdata` is an unsigned: the highest percentage so far. */
void on_progress(void *userdata, Stage stage, unsigned percent, const char *what);
/* No report comes after this one. */
void close_reports(void);

/* request.c */
/* Whether every key is one of the protocol, with a value of its type. */
int request_check(const json_t *request, Report *report);
/* NULL when absent. Borrowed. */
const char *request_string(const json_t *request, const char *key);
bool request_boolean(const json_t *request, const char *key);
/* As request_string(), a failure when it is absent. */
int request_need(const json_t *request, Report *report, const char *key, const char **ret);
/* From here on only when the machine has nothing else to do. */
void become_idle(void);

/* What the types of requests do. Each sends its result, and returns the exit status. */
int run_build(const json_t *request, Report *report);
int run_contents(const json_t *request, Report *report);
int run_copy(const json_t *request, Report *report);
int run_examine(const json_t *request, Report *report);
int run_prepare(const json_t *request, Report *report);
int run_recompress(const json_t *request, Report *report);
int run_remove(const json_t *request, Report *report);
int run_verify(const json_t *request, Report *report);
