/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * Layers below a scratch root: each takes what one file has and puts it, wrapped, into another that
 * is empty. No tool, no privilege and nothing of the kernel is needed: what a boot reads of a volume
 * group, an array or an encrypted device are some sectors before the content.
 */

#include "macro.h"

#define UUID_BYTES 16
#define UUID_TEXT 37 /* with NUL */

/* With and without dashes, in any case. 0 or -EINVAL. */
int uuid_from_text(const char *text, uint8_t ret[static UUID_BYTES]);
void uuid_to_text(const uint8_t uuid[static UUID_BYTES], char ret[static UUID_TEXT]);
/* One that nobody else has. */
int uuid_random(uint8_t ret[static UUID_BYTES]);

/* Copies all of a file to an offset of the other; what is zero stays a hole. */
int copy_sparse(int from, int to, uint64_t offset);
/* Its size in bytes, a multiple of 512. */
int size_of_file(int fd, uint64_t *ret);

/* A GPT disk with one partition. `name` is ASCII, may be NULL. */
int layer_partition(int from, int to, const char *uuid, const char *name);
/* A volume group on one disk, with one linear volume. */
int layer_lvm(int from, int to, const char *group, const char *volume);
/* LUKS1, which every cryptsetup opens: aes-xts-plain64, and a key slot that is quick to open. */
int layer_luks(int from, int to, const char *uuid, const void *key, size_t key_size);
/* One of the two disks of a RAID1, `number` 0 or 1; `device_uuid` is its own. */
int layer_md(int from, int to, const char *uuid, unsigned number);
