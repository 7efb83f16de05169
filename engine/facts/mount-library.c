/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * libmount is loaded when this machine is looked at, which is not done for a generic image, nor by the
 * client. It brings libselinux and libpcre2.
 */

#include "facts/mount-library.h"
#include "library.h"

#define SONAME "libmount.so.1"

LIBRARY_NOTE("facts", "Finding out what this machine mounts", SONAME);

MountLibrary libmount;

int mount_library_load(void) {
        static const LibraryFunction functions[] = {
                { "mnt_free_iter", &libmount.free_iter },
                { "mnt_fs_get_devno", &libmount.fs_get_devno },
                { "mnt_fs_get_fstype", &libmount.fs_get_fstype },
                { "mnt_fs_get_option", &libmount.fs_get_option },
                { "mnt_fs_get_options", &libmount.fs_get_options },
                { "mnt_fs_get_root", &libmount.fs_get_root },
                { "mnt_fs_get_size", &libmount.fs_get_size },
                { "mnt_fs_get_source", &libmount.fs_get_source },
                { "mnt_fs_get_swaptype", &libmount.fs_get_swaptype },
                { "mnt_fs_get_target", &libmount.fs_get_target },
                { "mnt_fs_is_swaparea", &libmount.fs_is_swaparea },
                { "mnt_new_iter", &libmount.new_iter },
                { "mnt_new_table", &libmount.new_table },
                { "mnt_table_get_userdata", &libmount.table_get_userdata },
                { "mnt_table_next_fs", &libmount.table_next_fs },
                { "mnt_table_parse_stream", &libmount.table_parse_stream },
                { "mnt_table_set_parser_errcb", &libmount.table_set_parser_errcb },
                { "mnt_table_set_userdata", &libmount.table_set_userdata },
                { "mnt_unref_table", &libmount.unref_table },
        };

        return libmount.unref_table ? 0 : library_load(SONAME, functions, ELEMENTSOF(functions));
}
