/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <signal.h>

/* What an event loop asks for that waits for children, as the service's main() does it: SIGCHLD is
 * blocked. A child that is gone is no signal to who writes to it. */
static inline void set_child_signals(void) {
        sigset_t mask;

        signal(SIGPIPE, SIG_IGN);
        sigemptyset(&mask);
        sigaddset(&mask, SIGCHLD);
        assert_int_equal(sigprocmask(SIG_BLOCK, &mask, NULL), 0);
}
