/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * A boot is followed by what is said on its console, since that is all that every initramfs has: by
 * the kernel, by systemd's status lines, by the scripts of dracut, mkinitramfs (Debian) and
 * mkinitcpio. Lines are looked at one by one, and three kinds of them count:
 *
 *   marks    of a step that begins. Steps only go forward: the root's own systemd says the same
 *            as the one of the image.
 *   hints    that name what is waited for, or what went wrong. Of causes that say as much as each
 *            other the first counts, since the next one mostly follows from it.
 *   ends     after which a boot does not go on: a panic, or a shell.
 *
 * A line ends with a carriage return, too: what systemd waits for is written again and again to
 * the same line.
 */

#include <stdio.h>

#include "string-util.h"
#include "try-console.h"

#define LINE_MAX_KEPT 2000

const char *try_step_to_string(TryStep step) {
        static const char *const names[_TRY_STEP_MAX] = {
                "kernel", "unpack", "init", "devices", "mount", "switch-root", "system",
        };

        return step >= 0 && step < _TRY_STEP_MAX ? names[step] : NULL;
}

/* A line that has both texts, in this order. */
typedef struct Mark {
        const char *first, *second; /* `second` may be NULL */
        TryStep step;
} Mark;

static const Mark marks[] = {
        { "Linux version ", NULL, TRY_STEP_KERNEL },
        { "Trying to unpack rootfs image as initramfs", NULL, TRY_STEP_UNPACK },
        { "Unpacking initramfs", NULL, TRY_STEP_UNPACK },
        { "Run /", " as init process", TRY_STEP_INIT },
        { "systemd[1]: systemd ", " running in system mode", TRY_STEP_INIT },
        { "Loading, please wait", NULL, TRY_STEP_INIT }, /* mkinitramfs */
        { ":: running early hook", NULL, TRY_STEP_INIT }, /* mkinitcpio */
        { "Start", "systemd-udevd.service", TRY_STEP_DEVICES },
        { "Rule-based Manager for Device Events", NULL, TRY_STEP_DEVICES },
        { "dracut-initqueue", NULL, TRY_STEP_DEVICES },
        { "Begin: Mounting root file system", NULL, TRY_STEP_DEVICES },
        { "Begin: Waiting for root file system", NULL, TRY_STEP_DEVICES },
        { ":: running hook [udev]", NULL, TRY_STEP_DEVICES },
        { "Reached target", "nitrd-root-device.target", TRY_STEP_MOUNT },
        { "Reached target", "Initrd Root Device", TRY_STEP_MOUNT },
        { "Mounting ", "sysroot", TRY_STEP_MOUNT },
        { "Begin: Will now check root file system", NULL, TRY_STEP_MOUNT },
        { ":: mounting ", NULL, TRY_STEP_MOUNT },
        { "Mounted ", "sysroot", TRY_STEP_SWITCH_ROOT },
        { "Reached target", "nitrd-root-fs.target", TRY_STEP_SWITCH_ROOT },
        { "Reached target", "Initrd Root File System", TRY_STEP_SWITCH_ROOT },
        { "dracut: Mounted root filesystem", NULL, TRY_STEP_SWITCH_ROOT },
        { "Begin: Running /scripts/local-bottom", NULL, TRY_STEP_SWITCH_ROOT },
        { "Begin: Running /scripts/init-bottom", NULL, TRY_STEP_SWITCH_ROOT },
        { ":: running cleanup hook", NULL, TRY_STEP_SWITCH_ROOT },
        { "Switching root", NULL, TRY_STEP_SYSTEM },
};

/* What stands between two texts is what is waited for, or with `after` NULL the rest of the line; not
 * where `before` is NULL. The line is a cause of this weight; 0: it is none. */
typedef struct Hint {
        const char *text;
        const char *before, *after;
        unsigned weight;
} Hint;

enum { NO_CAUSE, CONSEQUENCE, CAUSE, ROOT_CAUSE };

static const Hint hints[] = {
        { "A start job is running for ", "A start job is running for ", " (", NO_CAUSE },
        { "/start running (", "Job ", "/start running (", NO_CAUSE },
        { "Timed out waiting for device ", "Timed out waiting for device ", NULL, ROOT_CAUSE },
        { " does not exist.  Dropping to a shell", "ALERT!  ", " does not exist", ROOT_CAUSE },
        { "Gave up waiting for ", NULL, NULL, CAUSE },
        { " does not exist", "Warning: ", " does not exist", ROOT_CAUSE },
        { "[ -e \"", "[ -e \"", "\" ]", NO_CAUSE },
        { "ERROR: device '", "ERROR: device '", "' not found", ROOT_CAUSE },
        { "ERROR: Failed to mount", NULL, NULL, CAUSE },
        { "unknown filesystem type", NULL, NULL, ROOT_CAUSE },
        { "wrong fs type, bad option", NULL, NULL, ROOT_CAUSE },
        { "mount: mounting ", NULL, NULL, ROOT_CAUSE },
        { "error while loading shared libraries", NULL, NULL, ROOT_CAUSE },
        { "Initramfs unpacking failed: ", NULL, NULL, ROOT_CAUSE },
        { "Failed to execute ", NULL, NULL, ROOT_CAUSE },
        { "does not seem to be an OS tree", NULL, NULL, ROOT_CAUSE },
        { "Failed to switch root", NULL, NULL, CAUSE },
        { "No init found", NULL, NULL, CAUSE },
        { "Failed to mount ", NULL, NULL, CAUSE },
        { "Failed to start ", NULL, NULL, CONSEQUENCE },
        { "Kernel panic - not syncing: ", NULL, NULL, CONSEQUENCE },
};

static const char *const ends[] = {
        "Kernel panic - not syncing",
        "You are in emergency mode",
        "You are in rescue mode",
        "Cannot open access to console, the root account is locked",
        "Freezing execution",
        "Dropping to a shell!",
        "Entering emergency mode",
        "Generating \"/run/initramfs/rdsosreport.txt\"",
        "dropped into an emergency shell",
        "built-in shell (ash)",
        "Give root password for maintenance",
};

/* Another system's last words that it is up; after the switch alone. */
static const Mark systems[] = {
        { " login:", NULL },
        { "Reached target", "asic.target" },
        { "Reached target", "Basic System" },
        { "INIT: version", NULL },
        { "reboot: Power down", NULL },
};

void console_init(Console *c, const char *marker, char *const *devices) {
        *c = (Console) {
                .marker = marker, .devices = devices, .step = _TRY_STEP_INVALID, .booted = -1
        };
        for (size_t i = 0; i < _TRY_STEP_MAX; i++)
                c->reached[i] = -1;
}

void console_done(Console *c) {
        free(c->waiting);
        free(c->cause);
        free(c->root);
        free(c->asks);
        free(c->last);
        free(c->line);
}

static bool has_both(const char *line, const char *first, const char *second) {
        const char *p = strstr(line, first);

        return p && (!second || strstr(p + strlen(first), second));
}

static int set(char **p, const char *begin, size_t n) {
        char *text = bytes_to_string(begin, n);

        if (!text)
                return -ENOMEM;
        free(*p);
        *p = text;
        return 0;
}

static void reach(Console *c, TryStep step, double now) {
        if (step <= c->step)
                return;
        c->step = step;
        c->reached[step] = now;
        free(c->waiting); /* it came */
        c->waiting = NULL;
}

/* Whether it is what systemd calls a device, or what is left of that around "…". */
static bool names_device(const char *text, const char *device) {
        _cleanup_free_ char *unit = NULL;
        const char *cut = strstr(text, "…");
        size_t n = 0, head, tail;

        unit = malloc(4 * strlen(device) + sizeof(".device"));
        if (!unit)
                return false;
        for (const char *p = device + 1; *p; p++)
                if (*p == '-') {
                        memcpy(unit + n, "\\x2d", 4);
                        n += 4;
                } else
                        unit[n++] = *p == '/' ? '-' : *p;
        strcpy(unit + n, ".device");
        if (!cut)
                return streq(text, unit);
        head = (size_t) (cut - text);
        cut += strlen("…");
        tail = strlen(cut);
        n = strlen(unit);
        return head + tail <= n && memcmp(text, unit, head) == 0 && streq(unit + n - tail, cut);
}

/* "/dev/disk/by-uuid/X", without systemd's "dev-disk-….device - " before and "..." behind it. */
static int set_waiting(Console *c, const char *begin, size_t n) {
        const char *p;

        while (n > 0 && (begin[n - 1] == '.' || begin[n - 1] == ' '))
                n--;
        p = memmem(begin, n, " - ", 3);
        if (p) {
                n -= (size_t) (p + 3 - begin);
                begin = p + 3;
        }
        if (n == 0)
                return 0;
        if (set(&c->waiting, begin, n) < 0)
                return -ENOMEM;
        STRV_FOREACH(device, c->devices)
                if (names_device(c->waiting, *device))
                        return set(&c->waiting, *device, strlen(*device));
        return 0;
}

/* A line that was cut says less than the same in the journal. */
static unsigned weight_of(const Hint *hint, const char *line) {
        return hint->weight == NO_CAUSE ? 0 : 2 * hint->weight - (strstr(line, "…") != NULL);
}

static int take_hint(Console *c, const Hint *hint, const char *line) {
        const char *begin, *end;
        unsigned weight;

        if (!strstr(line, hint->text))
                return 0;
        weight = weight_of(hint, line);
        /* After what it failed for, others that waited, too, give up. */
        if (c->cause_weight >= 2 * ROOT_CAUSE && weight <= c->cause_weight)
                return 0;
        begin = hint->before ? strstr(line, hint->before) : NULL;
        if (begin) {
                begin += strlen(hint->before);
                end = hint->after ? strstr(begin, hint->after) : begin + strlen(begin);
                if (end && set_waiting(c, begin, (size_t) (end - begin)) < 0)
                        return -ENOMEM;
        }
        if (weight <= c->cause_weight)
                return 0;
        c->cause_weight = weight;
        return set(&c->cause, line, strlen(line));
}

/* A kernel that finds no /init it can start looks for a root itself, and panics over that. */
static void place_panic(Console *c, const char *line, double now) {
        if (!strstr(line, "Unable to mount root fs") && !strstr(line, "No working init found") &&
            !strstr(line, "Requested init"))
                return;
        if (!c->unpacked_badly)
                reach(c, TRY_STEP_INIT, now);
}

/* What comes of half an image is no failure of the steps behind. */
static void blame_unpacking(Console *c) {
        if (c->end == CONSOLE_FAILED && c->unpacked_badly && c->step <= TRY_STEP_MOUNT)
                c->step = TRY_STEP_UNPACK;
}

static void take_end(Console *c, const char *line, double now) {
        for (size_t i = 0; i < ELEMENTSOF(ends); i++)
                if (strstr(line, ends[i])) {
                        c->end = CONSOLE_FAILED;
                        place_panic(c, line, now);
                        blame_unpacking(c);
                }
}

static int take_marker(Console *c, const char *line, double now) {
        const char *p = c->marker ? strstr(line, c->marker) : NULL;

        if (!p)
                return 0;
        reach(c, TRY_STEP_SYSTEM, now);
        c->end = CONSOLE_BOOTED;
        c->booted = now;
        p += strlen(c->marker);
        return set(&c->root, p + strspn(p, " "), strlen(p + strspn(p, " ")));
}

static void take_system(Console *c, const char *line, double now) {
        if (c->step == TRY_STEP_SWITCH_ROOT && !c->systemd &&
            has_both(line, "systemd[1]: systemd ", " running in system mode"))
                reach(c, TRY_STEP_SYSTEM, now);
        if (c->marker || c->step < TRY_STEP_SWITCH_ROOT)
                return;
        /* The image's own systemd has reached the same before. */
        if (c->systemd && !c->switched && c->step < TRY_STEP_SYSTEM)
                return;
        for (size_t i = 0; i < ELEMENTSOF(systems); i++)
                if (has_both(line, systems[i].first, systems[i].second)) {
                        reach(c, TRY_STEP_SYSTEM, now);
                        c->end = CONSOLE_BOOTED;
                        c->booted = now;
                }
}

/* Others go on to say things on the same line. */
static int take_question(Console *c, const char *line) {
        static const char *const questions[] = { "enter passphrase for", "Enter passphrase for",
                                                 "Please unlock disk" };

        for (size_t i = 0; i < ELEMENTSOF(questions); i++) {
                const char *p = strstr(line, questions[i]), *end = p ? strchr(p, ':') : NULL;

                if (!end)
                        continue;
                c->unanswered = true;
                return set(&c->asks, p, (size_t) (end - p));
        }
        return 0;
}

static int take_line(Console *c, const char *line, double now) {
        int r = 0;

        if (!*line || c->end != CONSOLE_GOES_ON)
                return 0;
        if (set(&c->last, line, strlen(line)) < 0)
                return -ENOMEM;
        take_system(c, line, now);
        if (c->step < TRY_STEP_SWITCH_ROOT && strstr(line, "systemd[1]: systemd "))
                c->systemd = true;
        for (size_t i = 0; i < ELEMENTSOF(marks); i++)
                if (has_both(line, marks[i].first, marks[i].second))
                        reach(c, marks[i].step, now);
        if (strstr(line, "Switching root"))
                c->switched = true;
        if (strstr(line, "Initramfs unpacking failed: "))
                c->unpacked_badly = true;
        for (size_t i = 0; i < ELEMENTSOF(hints) && r >= 0; i++)
                r = take_hint(c, &hints[i], line);
        if (r >= 0 && !c->line_asked)
                r = take_question(c, line);
        if (r >= 0)
                r = take_marker(c, line, now);
        if (r >= 0 && c->end == CONSOLE_GOES_ON)
                take_end(c, line, now);
        return r;
}

/* Colours and the like go, in place: ESC [ … letter, and ESC with one or two more. Where systemd cut
 * a line, it may lack its end. */
static size_t strip(char *s, size_t n) {
        size_t out = 0;

        for (size_t i = 0; i < n; i++) {
                if (s[i] == '\033') {
                        i++;
                        if (i < n && s[i] == '[') {
                                while (i + 1 < n && s[i + 1] >= ' ' && s[i + 1] <= '?')
                                        i++;
                                if (i + 1 < n && s[i + 1] >= '@' && s[i + 1] <= '~')
                                        i++;
                        } else if (i < n && (s[i] == '(' || s[i] == ')'))
                                i++;
                } else if ((unsigned char) s[i] >= ' ' || s[i] == '\t')
                        s[out++] = s[i];
        }
        s[out] = '\0';
        return out;
}

static int end_line(Console *c, double now) {
        int r;

        if (c->n == 0)
                return 0;
        if (!GREEDY_REALLOC(c->line, c->allocated, c->n + 1))
                return -ENOMEM;
        strip(c->line, c->n);
        c->n = 0;
        r = take_line(c, c->line, now);
        c->line_asked = false;
        return r;
}

int console_feed(Console *c, const char *data, size_t size, double now) {
        int r = 0;

        for (size_t i = 0; i < size && r >= 0; i++) {
                if (data[i] == '\n' || data[i] == '\r') {
                        r = end_line(c, now);
                        continue;
                }
                if (c->n >= LINE_MAX_KEPT)
                        continue;
                if (!GREEDY_REALLOC(c->line, c->allocated, c->n + 1))
                        return -ENOMEM;
                c->line[c->n++] = data[i];
        }
        return r;
}

int console_silence(Console *c) {
        _cleanup_free_ char *text = bytes_to_string(c->line ?: "", c->n);
        bool asked;
        int r;

        if (!text)
                return -ENOMEM;
        strip(text, c->n);
        r = c->line_asked ? 0 : take_question(c, text);
        if (r < 0)
                return r;
        asked = c->unanswered;
        if (asked)
                c->line_asked = true;
        c->unanswered = false;
        return asked;
}

int console_close(Console *c, double now) {
        int r = end_line(c, now);

        if (c->end == CONSOLE_GOES_ON)
                c->end = CONSOLE_FAILED;
        blame_unpacking(c);
        return r;
}

int console_explain(const Console *c, char **ret) {
        static const char *const texts[_TRY_STEP_MAX] = {
                "The kernel started, and never came to the image",
                "The kernel did not get through with unpacking the image",
                "/init was not started, or did not get far",
                "The root's device did not appear",
                "The root was not mounted",
                "The root was mounted, but /init never made way for it",
                "The root was switched to, but what is on it did not start",
        };
        const char *text = c->step >= 0 && c->step < _TRY_STEP_MAX ? texts[c->step]
                                                                   : "The kernel said nothing";

        if (c->waiting && c->step <= TRY_STEP_MOUNT)
                return str_printf(ret, "%s; what was waited for is %s", text, c->waiting);
        return str_printf(ret, "%s", text);
}
