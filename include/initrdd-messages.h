/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * What the service writes to the journal that other programs may wait for: MESSAGE_ID= of each, and
 * the fields beside it. systemd/initrdd.catalog says what a person can do about it.
 */

/* a job begins: JOB_ID, JOB_TYPE, KERNEL, PROFILE, REASON */
#define MESSAGE_ID_JOB_STARTED "166ff2833b75419e8ad394061c803cb3"
/* an image is in its place: JOB_ID, KERNEL, PROFILE, IMAGE */
#define MESSAGE_ID_IMAGE_BUILT "49d1d5d44f4c490e9f6ccf6c7b3abbdb"
/* a build found nothing to do: as IMAGE_BUILT */
#define MESSAGE_ID_IMAGE_UNCHANGED "e0bf5fa537604f39a7cb5af29f1107eb"
/* a job failed: JOB_ID, JOB_TYPE, KERNEL, PROFILE, ERROR */
#define MESSAGE_ID_JOB_FAILED "8c5428b8b8614b6a9579d756097758b8"
/* a job was cancelled: JOB_ID, JOB_TYPE, KERNEL, PROFILE */
#define MESSAGE_ID_JOB_CANCELLED "e57c39914d414d5a8ca61d6d18cb28ab"
/* an image did not fit: as JOB_FAILED */
#define MESSAGE_ID_NO_SPACE "d647c1e5e39e4d9fb5c12e555fddfe99"
/* something in an image changed: KERNEL, PROFILE, IMAGE */
#define MESSAGE_ID_IMAGE_STALE "f9c110886f9142759233323603508262"
/* a kernel has no image: KERNEL, PROFILE, IMAGE */
#define MESSAGE_ID_IMAGE_MISSING "639eb89e55924584be2ffcb9925e65d9"
/* an image whose kernel is gone: KERNEL, PROFILE, IMAGE */
#define MESSAGE_ID_IMAGE_ORPHANED "2f2a6509e8704b0b8392a7ecea820807"
/* an image was removed: KERNEL, PROFILE, IMAGE */
#define MESSAGE_ID_IMAGE_REMOVED "06359802197346a5873fced93531c381"
/* a boot loader's hook failed: KERNEL, IMAGE */
#define MESSAGE_ID_HOOK_FAILED "cb158b984fd14581a64de3ab9c30ea98"
/* a worker said nothing for too long and was killed: JOB_ID */
#define MESSAGE_ID_WORKER_HUNG "6d29e1b213ac4b2db05f73654a04e785"
/* initrdd-watch ended and is started again */
#define MESSAGE_ID_WATCHER_DIED "08097b2002534b2ba6234f7b2f6a9f3c"
/* there are no watches left, and files are looked at now and then instead */
#define MESSAGE_ID_WATCH_LIMIT "59870cabf33847f5974ba75054464f8a"
/* more changed than could be told, and everything is looked at */
#define MESSAGE_ID_WATCH_OVERFLOW "b7a671183e7b4e1c8ee5414720896bca"
/* the state could not be read, and was made anew */
#define MESSAGE_ID_STATE_DAMAGED "b9d48a5a844843ee81eb068065dabb9d"
