/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* What is used of libmount, by the names that it has there without "mnt_". */

#include <libmount.h>

#include "macro.h"

typedef struct MountLibrary {
        __typeof__(&mnt_free_iter) free_iter;
        __typeof__(&mnt_fs_get_devno) fs_get_devno;
        __typeof__(&mnt_fs_get_fstype) fs_get_fstype;
        __typeof__(&mnt_fs_get_option) fs_get_option;
        __typeof__(&mnt_fs_get_options) fs_get_options;
        __typeof__(&mnt_fs_get_root) fs_get_root;
        __typeof__(&mnt_fs_get_size) fs_get_size;
        __typeof__(&mnt_fs_get_source) fs_get_source;
        __typeof__(&mnt_fs_get_swaptype) fs_get_swaptype;
        __typeof__(&mnt_fs_get_target) fs_get_target;
        __typeof__(&mnt_fs_is_swaparea) fs_is_swaparea;
        __typeof__(&mnt_new_iter) new_iter;
        __typeof__(&mnt_new_table) new_table;
        __typeof__(&mnt_table_get_userdata) table_get_userdata;
        __typeof__(&mnt_table_next_fs) table_next_fs;
        __typeof__(&mnt_table_parse_stream) table_parse_stream;
        __typeof__(&mnt_table_set_parser_errcb) table_set_parser_errcb;
        __typeof__(&mnt_table_set_userdata) table_set_userdata;
        __typeof__(&mnt_unref_table) unref_table;
} MountLibrary;

/* Loads it, if that was not done. -ENOPKG when it isn't there. */
int mount_library_load(void);
extern MountLibrary libmount;
