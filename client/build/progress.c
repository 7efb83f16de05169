/* SPDX-License-Identifier: GPL-2.0-or-later */

#include <stdio.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "client.h"
#include "progress.h"

Progress progress_begin(void) {
        return (Progress) { .enabled = !arg_quiet && terminal_is_capable(STDERR_FILENO) };
}

static unsigned columns(void) {
        struct winsize ws;

        return ioctl(STDERR_FILENO, TIOCGWINSZ, &ws) >= 0 && ws.ws_col > 0 ? ws.ws_col : 80;
}

void progress_draw(Progress *p, unsigned percent, const char *what) {
        unsigned width = columns(), bar, filled;

        if (!p->enabled)
                return;
        p->percent = MAX_OF(p->percent, MIN_OF(percent, 100u));
        p->drawn = true;
        bar = width > 60 ? 30 : width > 40 ? width - 30 : 10;
        filled = bar * p->percent / 100;

        fputs("\r[", stderr);
        for (unsigned i = 0; i < bar; i++)
                fputc(i < filled ? '#' : ' ', stderr);
        fprintf(stderr, "] %3u%% %.*s\033[K", p->percent,
                width > bar + 9 ? (int) (width - bar - 9) : 0, what);
        fflush(stderr);
}

void progress_clear(Progress *p) {
        if (p->drawn)
                fputs("\r\033[K", stderr);
        p->drawn = false;
}
