/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "manager.h"

/* The boot loader's hooks, in their own unit: writes /run/initrdd/post-update/KERNEL.env and starts
 * initrdd-post-update@.service, then tells `done` how it ended: NULL, or a sentence. Returns 0
 * when there are no hooks to run (`done` is not called), 1 when they were started. */
typedef void (*post_update_handler_t)(void *userdata, const char *failure);
int post_update_start(Manager *m, const char *kernel, const char *image,
                      post_update_handler_t done, void *userdata);
/* Nobody listens any more. */
void post_update_forget(Manager *m, void *userdata);

/* There is no bus any more, for a while or for good. */
void post_update_disconnected(Manager *m);
void post_update_done(Manager *m);
