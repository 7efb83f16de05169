/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* The key of an encrypted layer, and what is encrypted with it. */

#include "macro.h"

#define LUKS_KEY_SIZE 64U
#define LUKS_SALT_SIZE 32U
#define LUKS_HASH_SIZE 32U /* SHA-256 */
#define LUKS_STRIPES 4000U
#define LUKS_ROUNDS 1000U

/* Has to be called before the others. 0, or a negative errno without libgcrypt. */
int luks_load(void);
int luks_random(void *ret, size_t size);
void luks_hash(const void *data, size_t size, uint8_t ret[static LUKS_HASH_SIZE]);
/* PBKDF2 with SHA-256 and LUKS_ROUNDS. */
int luks_derive(const void *from, size_t size, const uint8_t salt[static LUKS_SALT_SIZE],
                void *ret, size_t ret_size);
int luks_write(int fd, const void *data, size_t size, uint64_t at);
/* The key in LUKS_STRIPES stripes, as the passphrase opens it. */
int luks_write_key(int to, uint64_t at, const uint8_t key[static LUKS_KEY_SIZE],
                   const uint8_t salt[static LUKS_SALT_SIZE], const void *passphrase, size_t size);
/* `size` bytes of a file, a multiple of 512, to an offset of the other. */
int luks_write_content(int from, int to, uint64_t to_offset, uint64_t size,
                       const uint8_t key[static LUKS_KEY_SIZE]);
