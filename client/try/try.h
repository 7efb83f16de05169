/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* One try of an image: what is tried, what was made for it, and what came of it. */

#include "images/image-tree.h"
#include "try-machine.h"
#include "try-server.h"

typedef struct Try {
        Image *image;
        char *path; /* of the image, for people */
        ImageTree *tree;
        Described *described; /* NULL: of another tool */
        char *directory; /* for all that is made */
        char *qemu, *kernel, *unpacked, *initrd;
        char **words; /* of the kernel command line */
        char *command_line;
        TryRoot root; /* unless --root-image= */
        char **disks;
        char **devices; /* paths of what may be waited for */
        char *marker, *passphrase;
        Machine machine;
        TryServer server;
        Console console;
        double seconds;
} Try;

/* "ext4 on LVM on LUKS": from the top to the disk. The caller frees. */
char *try_describe_root(const Try *t);
/* The time that --timeout= gives is over. */
bool try_ran_out(const Try *t);
/* Tells whether it booted, and if not why. Exit status. */
int try_give_result(const Try *t);
/* Says that it can't be done; exit status. */
int try_cannot(const Try *t, int error);
