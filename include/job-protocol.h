/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * How a worker is told what to do, and how it tells what comes of it. Who starts `initrdd-worker`
 * (the service, or `initrdctl --offline`) writes one JSON object to its standard input and closes
 * it, and reads JSON objects, one a line, from its standard output until it ends. Standard error is
 * for what should not happen. A worker that ends without a result has failed.
 *
 * Requests; absent keys have their default. Of all of them:
 *   "type"        see below
 *   "root"        directory; "/"
 *   "data-dir"    our own data, for a root that has none
 *   "store"       directory
 *   "idle"        true: at idle priority, for what nobody waits for
 *
 * "build" makes an image, and
 * "prepare" packs what it would be made of, so that a build soon afterwards finds it in the store;
 *               of a kernel that is still being unpacked, too: depmod need not have run:
 *   "kernel"      version; "kernel-dir" a directory that is not below /lib/modules
 *   "profile"     "default"
 *   "output"      path of the running system
 *   "facts"       file
 *   "settings"    ["KEY=VALUE", …] on top of the profile
 *   "force"       true: also when nothing changed
 *   "best"        true: at the idle level at once
 *   "threads"     0: as many as there are processors
 *   "digest"      true: after the result, a report "digest"
 *
 * "recompress" packs what images are made of at their idle level.
 *
 * "examine" looks at every kernel and every image that there should be, and changes nothing:
 *   "known"       [{"kernel", "profile", "path", "inode", "size", "mtime"}]: images that were once
 *                 installed, as their results had it; those whose kernel is gone are told of, too
 *
 * "verify" looks at all of an image as `initrdctl verify` does, against its kernel:
 *   "kernel", "path"
 * "contents" lists an image: "path"
 * "remove" removes an image, its previous one and its record: "kernel", "profile", "path"
 *
 * Reports:
 *   {"type": "progress", "stage": "pack", "percent": 42, "what": "systemd"}
 *   {"type": "warning", "path": …, "line": …, "message": …}        path and line may be absent
 *   {"type": "digest", "digest": HEX}     SHA-256 of the image that was just built
 *   {"type": "result", "result": "done", …}                        the last one but "digest"
 * of "examine":
 *   {"type": "kernel", "kernel": VERSION, "state": "ready", "reason": SENTENCE, "image": PATH}
 *               states: "ready"; "unpacking" (its package isn't configured yet, or depmod hasn't
 *               run since it changed); "incomplete" (no modules.dep, and nobody at work that could
 *               be seen). "image" is the vmlinuz, absent if none was found
 *   {"type": "image", "kernel", "profile", "path", "state", "reasons": [SENTENCE, …],
 *    "kernel-changed": BOOL, "inode", "size", "mtime" (ns), "packed-hard": BOOL,
 *    "description": OBJECT}
 *               states: "current", "stale", "missing", "incomplete", "foreign", "orphaned".
 *               "kernel-changed": the drivers of the kernel are others than those that the image
 *               was made of. "packed-hard": recompress would find nothing in it. "description" is
 *               /.initrdd/image.json of the image, absent where there is none or it can't be read
 *   {"type": "module", "name", "description", "path", "needed": [TAG, …]}
 *   {"type": "watch", "path": DIRECTORY}  of the running system: where a change may matter
 *   {"type": "service", …}                the keys of [Service], as initrdd.conf(5) has them, each
 *               with its value or default: "automatic" BOOL, "pack-ahead" BOOL, "settle-usec",
 *               "job-timeout-usec", "idle-recompress-usec" (0: never)
 * of "verify":
 *   {"type": "finding", "severity", "message", …}   as `initrdctl verify --json` has them
 * of "contents":
 *   {"type": "entry", …}                            as `initrdctl files --json` has them
 *
 * A result is "done", "unchanged" or "failed". For a build the first two have "kernel", "profile",
 * "path", "inode", "size" (bytes), "mtime" (ns), "files", "drivers", "fragments", "packed" (names
 * of those that had to be packed), "left-out" (sentences: modules that a generic image does
 * without), "description" (as above), "usec"; for "prepare" "kernel", "profile", "packed", "usec";
 * for "examine" "default": the kernel that boots next, as far as can be told, or absent; for
 * "recompress" "fragments"; for "verify" "errors" and "warnings", how many. "failed" has
 * "error": {"kind": "NoSpace", "stage": "install", "path": …, "line": …, "message": …}, with the
 * kinds of initrdd-failure.h.
 *
 * The worker's exit status is that of the result, as in initrdd-failure.h.
 */

#define JOB_TYPE_BUILD "build"
#define JOB_TYPE_PREPARE "prepare"
#define JOB_TYPE_RECOMPRESS "recompress"
#define JOB_TYPE_EXAMINE "examine"
#define JOB_TYPE_VERIFY "verify"
#define JOB_TYPE_CONTENTS "contents"
#define JOB_TYPE_REMOVE "remove"

#define JOB_REPORT_PROGRESS "progress"
#define JOB_REPORT_WARNING "warning"
#define JOB_REPORT_DIGEST "digest"
#define JOB_REPORT_RESULT "result"
#define JOB_REPORT_KERNEL "kernel"
#define JOB_REPORT_IMAGE "image"
#define JOB_REPORT_MODULE "module"
#define JOB_REPORT_WATCH "watch"
#define JOB_REPORT_SERVICE "service"
#define JOB_REPORT_FINDING "finding"
#define JOB_REPORT_ENTRY "entry"

#define JOB_RESULT_DONE "done"
#define JOB_RESULT_UNCHANGED "unchanged"
#define JOB_RESULT_FAILED "failed"
