/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* Files of a directory as segments of an image. */

#include "describe/profile.h"
#include "pack/cpio.h"
#include "strmap.h"

typedef struct TreePacker {
        int out; /* where segments go; borrowed */
        Compression compression;
        int level;
        bool owner; /* files belong to whom they belong to; else to root */
        const char *leave_out; /* a name at the top that is not taken, or NULL */

        /* Its own: */
        CpioWriter writer;
        Strmap links; /* of the archive that is being written: device and inode → its number */
        uint32_t ino;
        uint64_t n_entries, n_segments, size;
        char *failed_path; /* for messages */
} TreePacker;
void tree_packer_done(TreePacker *packer);

/* The file `name` of the open directory as `destination`, relative; with all that is below it, in
 * the order of names. Of a directory that is named "" only what is below. -ESTALE when a file
 * changes meanwhile; an errno with failed_path. */
int tree_packer_add(TreePacker *packer, int directory, const char *name, const char *destination);
/* A directory that isn't anywhere. */
int tree_packer_add_directory(TreePacker *packer, const char *destination);
/* Ends the segment that was begun, if there is one, and writes it. */
int tree_packer_flush(TreePacker *packer);

/*
 * A whole tree, in as many segments as keep memory small; what the kernel reads before it unpacks
 * anything (microcode, ACPI tables) in one of its own, not compressed, at the beginning.
 */
int tree_packer_add_root(TreePacker *packer, int directory);
