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
/* A volume group on one disk, with a volume of a kind. `metadata` are those of a thin one's pool,
 * LVM_THIN_METADATA bytes: -1 for others. */
typedef enum LvmKind { LVM_LINEAR, LVM_THIN, LVM_CACHE } LvmKind;
#define LVM_THIN_METADATA 4194304U
#define LVM_THIN_CHUNK 65536U
int layer_lvm(int from, int to, LvmKind kind, int metadata, const char *group, const char *volume);
/* How many chunks the content of a thin volume has, the first ones of its pool; and the pool. */
uint64_t layer_lvm_chunks(uint64_t content, uint64_t *ret_pool);
/* Encrypted, aes-xts-plain64, and a key slot that is quick to open. LUKS2 is what systems have; of LUKS1
 * every cryptsetup knows. */
int layer_luks1(int from, int to, const char *uuid, const void *key, size_t key_size);
int layer_luks2(int from, int to, const char *uuid, const void *key, size_t key_size);
/* How many disks are made of an array; 0 for a level that is not made: it is 0, 1, 4, 5, 6 or 10. */
unsigned layer_md_disks(unsigned level);
/* One of them, `number` from 0 on. */
int layer_md(int from, int to, const char *uuid, unsigned level, unsigned number);
/* A swap that nothing is in. */
int layer_swap(int to, const char *uuid);
