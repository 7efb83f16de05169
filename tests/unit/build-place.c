/* SPDX-License-Identifier: GPL-2.0-or-later */

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <cmocka.h>

#include "build-place.h"

int build_place_setup(void **state) {
        BuildPlace *p = calloc(1, sizeof(BuildPlace));

        umask(022);
        assert_int_equal(conf_tree_setup((void **) &p->t), 0);
        kernel_tree_new(&p->tree);
        kernel_tree_depmod(&p->tree);
        kernel_tree_text(&p->tree, MODULES "base.module", BASE);
        kernel_tree_text(&p->tree, "/etc/secret", "secret");
        p->store = path_join(p->t->path, "store");
        p->image = path_join(p->tree.root, "/boot/initrd.img-" KERNEL_VERSION);
        told_init(&p->told);
        *state = p;
        return 0;
}

int build_place_teardown(void **state) {
        BuildPlace *p = *state;

        told_done(&p->told);
        kernel_tree_done(&p->tree);
        conf_tree_teardown((void **) &p->t);
        free(p->store);
        free(p->image);
        free(p);
        return 0;
}
