/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* For tests of whole builds: a root with a kernel and one module, and a directory beside it. */

#include "conf-tree.h"
#include "kernel-tree.h"

#define MODULES "/usr/lib/initrdd/modules.d/"
#define BASE "[Module]\nAlways=yes\n[Content]\nText=/init:0755 program\nFile=-/etc/secret\n"

typedef struct BuildPlace {
        KernelTree tree;
        ConfTree *t; /* for what does not belong into the root: store, images */
        char *store, *image; /* in the one and in the other */
        Told told;
} BuildPlace;

/* Fixtures of cmocka. */
int build_place_setup(void **state);
int build_place_teardown(void **state);
