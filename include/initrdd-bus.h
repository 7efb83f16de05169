/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * Names of the bus that the service and its clients share; org.initrdd1(5) is the document, dbus/
 * has the interfaces.
 */

#define BUS_NAME "org.initrdd1"
#define BUS_PATH "/org/initrdd1"
#define BUS_PATH_IMAGES BUS_PATH "/image" /* /KERNEL/PROFILE, as sd_bus_path_encode() has them */
#define BUS_PATH_JOBS BUS_PATH "/job" /* /ID, likewise */
#define BUS_INTERFACE_MANAGER "org.initrdd1.Manager"
#define BUS_INTERFACE_IMAGE "org.initrdd1.Image"
#define BUS_INTERFACE_JOB "org.initrdd1.Job"

/*
 * Errors are BUS_ERROR_PREFIX and a word: those of initrdd-failure.h, and
 *   NoSuchJob, Busy, HookFailed, InUse, NotCancellable, AlreadyFinished, Shutdown
 */
#define BUS_ERROR_PREFIX "org.initrdd1.Error."
#define BUS_ERROR(word) BUS_ERROR_PREFIX word

/* The polkit actions. */
#define POLKIT_ACTION_BUILD "org.initrdd1.build"
#define POLKIT_ACTION_CANCEL "org.initrdd1.cancel"
#define POLKIT_ACTION_REMOVE "org.initrdd1.remove"
#define POLKIT_ACTION_CONFIGURE "org.initrdd1.configure"
#define POLKIT_ACTION_INSPECT_CONTENTS "org.initrdd1.inspect-contents"
#define POLKIT_ACTION_HOLD "org.initrdd1.hold"

/* Flags of methods; a method takes those that make sense for it, any other is InvalidArgs. */
enum {
        BUS_FLAG_FORCE =
                        1
                        << 0, /* Build, BuildAll: also when nothing changed; Remove: also in use */
        BUS_FLAG_CANCEL_ON_DISCONNECT = 1 << 1, /* Build: the job ends with its caller */
        BUS_FLAG_NO_HOOKS = 1 << 3, /* Build: the caller runs the boot loader's hooks */
        BUS_FLAG_INCLUDE_FINISHED = 1 << 4, /* ListJobs */
};

/*
 * Options of Build, BuildAll and Image.Build; any other is InvalidArgs:
 *   "profile"   s   Manager.Build: default "default"
 *   "reason"    s   "admin" (default) or "package"
 *   "best"      b   pack at the idle level at once
 *   "detached"  b   the image goes nowhere: Job.GetOutput() hands it out (Build; root)
 *   "settings"  as  KEY=VALUE on top of the profile (root)
 *   "kernel-dir" s  a kernel from elsewhere: its directory (root)
 *   "output"    s   absolute path of the image (root)
 */

/*
 * Words of properties.
 *   Manager.State    starting, idle, settling, held, building
 *   Image.State      current, stale, building, failed, incomplete, missing, orphaned, foreign;
 *                    unknown until the images were looked at
 *   Job.Type         build, verify, remove, prepare (pack ahead), recompress
 *   Job.State        queued, running, cancelling, finished
 *   Job.Stage        "", plan, collect, pack, assemble, verify, install, hooks
 *   Job.Result       "" while it isn't finished; done, unchanged, cancelled, failed
 *   Job.Reason       admin, package, watch, boot
 */
