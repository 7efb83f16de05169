/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* What the serial console of a machine says of how far its boot is. */

#include "macro.h"

/* The steps of a boot, in their order. */
typedef enum TryStep {
        TRY_STEP_KERNEL, /* the kernel starts */
        TRY_STEP_UNPACK, /* it unpacks the image */
        TRY_STEP_INIT, /* it starts /init */
        TRY_STEP_DEVICES, /* the root's device is waited for */
        TRY_STEP_MOUNT, /* the root is mounted */
        TRY_STEP_SWITCH_ROOT, /* /init makes way for the root */
        TRY_STEP_SYSTEM, /* what is on the root starts */
        _TRY_STEP_MAX,
        _TRY_STEP_INVALID = -EINVAL, /* nothing was said yet */
} TryStep;
const char *try_step_to_string(TryStep step); /* "kernel", "unpack"… */

typedef enum ConsoleEnd {
        CONSOLE_GOES_ON,
        CONSOLE_BOOTED,
        CONSOLE_FAILED, /* nothing good comes any more */
} ConsoleEnd;

typedef struct Console {
        const char *marker; /* what the scratch root says, then the source and type of what is
                             * mounted as /; NULL: another system is there, which speaks for itself */
        char *const *devices; /* that may be waited for, by their paths: systemd cuts their names
                               * to the width of the console; may be NULL */
        ConsoleEnd end;
        TryStep step; /* that is being done */
        double reached[_TRY_STEP_MAX]; /* when each began, in seconds; below zero: never */
        double booted; /* when it came to its end */
        char *waiting; /* for what, as far as it was said; NULL */
        char *cause; /* the line that says best what went wrong; NULL */
        unsigned cause_weight;
        char *root; /* "/dev/vda ext4", of the marker; NULL */
        char *asks; /* the last question; NULL */
        bool unanswered;
        bool line_asked; /* the line that comes in was counted as a question already */
        char *last; /* the last line that has something in it; NULL */
        bool unpacked_badly;
        bool systemd; /* /init is */
        bool switched; /* its last word was that it switches to the root */
        char *line; /* that comes in */
        size_t n, allocated;
} Console;

void console_init(Console *console, const char *marker, char *const *devices);
void console_done(Console *console);

/* Takes what came, at `now` seconds after the start. 0 or -ENOMEM. */
int console_feed(Console *console, const char *data, size_t size, double now);
/* Nothing came for a while: what there is of a line may be a question. 1 when there is one that a
 * passphrase answers, which then counts as answered; `asks` has it. 0, -ENOMEM. */
int console_silence(Console *console);
/* The machine is off, or nobody waits any longer. */
int console_close(Console *console, double now);

/* Why it did not boot, as a sentence without a stop: the step, and what was waited for. The caller
 * frees. */
int console_explain(const Console *console, char **ret);
