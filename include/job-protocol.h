/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * How a worker is told what to do, and how it tells what comes of it. Who starts `initrdd-worker`
 * (the service, or `initrdctl --offline`) writes one JSON object to its standard input and closes
 * it, and reads JSON objects, one a line, from its standard output until it ends. Standard error is
 * for what should not happen. A worker that ends without a result has failed.
 *
 * Request; absent keys have their default:
 *   "type"        "build", or "recompress": pack what images are made of at their idle level
 *   "root"        directory; "/"
 *   "data-dir"    our own data, for a root that has none
 *   "kernel"      version; "kernel-dir" a directory that is not below /lib/modules
 *   "profile"     "default"
 *   "output"      path of the running system
 *   "store"       directory
 *   "facts"       file
 *   "settings"    ["KEY=VALUE", …] on top of the profile
 *   "force"       true: also when nothing changed
 *   "best"        true: at the idle level at once
 *   "threads"     0: as many as there are processors
 *
 * Reports:
 *   {"type": "progress", "stage": "pack", "percent": 42, "what": "systemd"}
 *   {"type": "warning", "path": …, "line": …, "message": …}        path and line may be absent
 *   {"type": "result", "result": "done", …}                        the last one
 *
 * A result is "done", "unchanged" or "failed". The first two have "kernel", "profile", "path",
 * "size" (bytes), "files", "drivers", "fragments", "packed" (names of those that had to be packed),
 * "left-out" (sentences: modules that a generic image does without), "usec". The last has
 * "error": {"kind": "NoSpace", "stage": "install", "path": …, "line": …, "message": …}, with the
 * kinds of initrdd-failure.h.
 *
 * The worker's exit status is that of the result, as in initrdd-failure.h.
 */

#define JOB_TYPE_BUILD "build"
#define JOB_TYPE_RECOMPRESS "recompress"

#define JOB_REPORT_PROGRESS "progress"
#define JOB_REPORT_WARNING "warning"
#define JOB_REPORT_RESULT "result"

#define JOB_RESULT_DONE "done"
#define JOB_RESULT_UNCHANGED "unchanged"
#define JOB_RESULT_FAILED "failed"
