/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * How a worker is told what to do, and how it tells what comes of it. Who starts `initrdd-worker`
 * (the service, or `initrdctl --offline`) writes one JSON object to its standard input and closes
 * it, and reads JSON objects, one a line, from its standard output until it ends. Standard error is
 * for what should not happen. A worker that ends without a result has failed.
 *
 * Requests. Absent keys have their default; a key that no type has, or a value of another JSON type,
 * is InvalidArgument. Paths are absolute and of the running system. Of all of them:
 *   "type"        see below
 *   "root"        directory; "/"
 *   "data-dir"    our own data, for a root that has none
 *   "store"       directory
 *   "idle"        true: at idle CPU and I/O priority, for what nobody waits for
 *   "parent"      process id of who starts it: the worker ends when that does, whatever ended it
 *
 * "build" makes an image, and
 * "prepare" packs what it would be made of, so that a build soon afterwards finds it in the store;
 *               of a kernel that is still being unpacked, too: depmod need not have run (it is then
 *               started, in a directory of its own below the store):
 *   "kernel"      version; "kernel-dir" a directory that is not below /lib/modules
 *   "profile"     "default"
 *   "output"      where the image goes, if not where the profile says
 *   "facts"       file
 *   "settings"    ["KEY=VALUE", …] on top of the profile
 *   "force"       true: also when nothing changed
 *   "best"        true: at the idle level at once
 *   "threads"     0: as many as there are processors
 *   "digest"      true: after the result, a report "digest"
 *
 * "recompress" packs what images are made of at their idle level.
 *
 * "examine" looks at every kernel and every image that there should be. It changes nothing (but
 * may bring a trace in the store up to date), and makes no store:
 *   "known"       [{"kernel", "profile", "path", "inode", "size", "mtime"}]: images that were once
 *                 installed, as their results had it. Those of them that no profile makes any more,
 *                 since their kernel or the profile is gone, are told of, too; and one whose record
 *                 is gone with the store is still ours. A file is the known one if size and time
 *                 are the same
 *
 * "verify" looks at all of an image as `initrdctl verify` does:
 *   "path"; "kernel" the one that it must be for, if it says of itself which it is for
 * "contents" lists an image: "path"
 * "copy" copies the bytes of an image to descriptor 3 (JOB_OUTPUT_FD), an empty file that its starter
 * gave it: "path"; "offset" and "size", a part of it, which may end earlier
 * "remove" removes an image, its previous one, what an interrupted build left beside it, and its
 * record: "kernel", "profile", "path". A path below "root" is resolved beneath it. Neither the
 * kernel nor the store nor the record need be there
 *
 * Reports:
 *   {"type": "progress", "stage": "pack", "percent": 42, "what": "systemd"}
 *   {"type": "warning", "path": …, "line": …, "message": …}        path and line may be absent
 *   {"type": "digest", "digest": HEX, "size", "mtime" (ns)}        SHA-256 of the very file that the
 *               result tells of; absent if that is gone already. Behind the result, which need not wait for it
 *   {"type": "result", "result": "done", …}                        the last one but "digest"
 * of "examine":
 *   {"type": "kernel", "kernel": VERSION, "state": "ready", "reason": SENTENCE, "image": PATH}
 *               states: "ready"; "unpacking" (its package is at work on it, or depmod is);
 *               "unpacked" (its files are all there, but its package isn't configured yet, or depmod
 *               hasn't run since it changed); "incomplete" (no modules.dep, and nobody at work that
 *               could be seen). No "reason" for one that is ready. "image" is the vmlinuz, absent if none
 *               was found
 *   {"type": "image", "kernel", "profile", "path", "state", "reasons": [SENTENCE, …],
 *    "kernel-changed": BOOL, "damaged": BOOL, "inode", "size", "mtime" (ns), "packed-hard": BOOL,
 *    "description": OBJECT}
 *               states: "current"; "stale"; "missing"; "incomplete" (it can't be built: the kernel
 *               or what the root needs isn't whole); "foreign" (another program made it);
 *               "orphaned" (known, and no profile makes it any more). All but "current" have
 *               reasons. "kernel-changed": the drivers of the kernel are others than those that the
 *               image was made of. "damaged": nothing boots with what is there, an empty file,
 *               say. "packed-hard": recompress would find nothing in it.
 *               "description" is /.initrdd/image.json of the image: of current and stale ones,
 *               where it can be read. Without a file there is no "inode", "size", "mtime"
 *   {"type": "module", "name", "description", "path", "needed": [TAG, …]}
 *               "needed" is ["*"] for one that is part of every image
 *   {"type": "watch", "path": DIRECTORY}  where a change may matter; it need not exist
 *   {"type": "service", …}                the keys of [Service], as initrdd.conf(5) has them, each
 *               with its value or default: "automatic" BOOL, "pack-ahead" BOOL, "settle-usec",
 *               "job-timeout-usec", "idle-recompress-usec" (0: never)
 * of "verify":
 *   {"type": "finding", "severity": "error", "step": …, "path": …, "message": …}   step of the
 *               boot that fails, as initrdctl(1) has them; path, of a file in the image, may be
 *               absent
 * of "contents":
 *   {"type": "entry", "entry": OBJECT}    as `initrdctl files --json` has them
 *
 * A result is "done", "unchanged" or "failed". Beside that it has
 *   build      "kernel", "profile", "path", "inode", "size" (bytes), "mtime" (ns), "files",
 *              "drivers", "fragments", "packed" (names of those that had to be packed), "left-out"
 *              (sentences: modules that a generic image does without), "description" (as above),
 *              "usec"
 *   prepare    "kernel", "profile", "packed", "usec"; "unchanged" when nothing had to be packed
 *   recompress "fragments", how many; "unchanged" when there were none
 *   examine    "default": the kernel that boots next, as far as can be told, or absent
 *   verify     "path", "errors" and "warnings", how many: an image that would not boot is no failure
 *              of the work
 *   contents   "path", "entries", how many. Of an image that the kernel can't read to its end,
 *              VerifyFailed after the entries up to there
 *   copy       "path", "inode", "size" (of all of it), "mtime". Busy when it changed meanwhile
 *   remove     "kernel", "profile", "path", "removed": the paths of the files that were there.
 *              NoSuchImage when there was nothing, no record either
 * and "failed" has "error": {"kind": "NoSpace", "stage": "install", "path": …, "line": …,
 * "message": …}, with the kinds of initrdd-failure.h.
 *
 * Texts are UTF-8; bytes of a name that aren't are written \xNN.
 *
 * The worker's exit status is that of the result, as in initrdd-failure.h.
 */

#define JOB_TYPE_BUILD "build"
#define JOB_TYPE_PREPARE "prepare"
#define JOB_TYPE_RECOMPRESS "recompress"
#define JOB_TYPE_EXAMINE "examine"
#define JOB_TYPE_VERIFY "verify"
#define JOB_TYPE_CONTENTS "contents"
#define JOB_TYPE_COPY "copy"
#define JOB_TYPE_REMOVE "remove"

#define JOB_OUTPUT_FD 3

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
