/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * initrdd-live-fetch: the medium of root=live:http://… and its like, fetched by curl(1) into memory.
 *
 *   /run/initramfs/fetched/image      a file system of memory with the file, as large as that; it
 *                                     stays for as long as the machine runs
 *
 * How large the file will be is asked first, so that what doesn't fit is told at once and not when the
 * machine has no memory left: --left=MIB must remain. A server that doesn't say may send as much as there
 * is room for.
 *
 * A server may start later than its clients, so it is asked again until the time is up:
 * ATTEMPT_LIMIT_SECONDS after the kernel has started, or what rd.timeout=, rd.retry= or rootdelay= say. What is on
 * its way then is taken as long as something comes.
 *
 * The URL may have a password in it, and is in no unit: this program reads what the generator has read,
 * again. No message has it.
 */

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <unistd.h>

#include "fd-util.h"
#include "generator/live-spec.h"
#include "mount-util.h"
#include "network/attempt.h"
#include "string-util.h"

#define PLACE "/run/initramfs/fetched"
#define IMAGE PLACE "/image"
#define HEADERS "/run/initramfs/fetched.headers"
#define PAUSE_SECONDS 2
/* How long a server may take to say how large the file is. */
#define ASK_SECONDS 60
#define MIB (1024ULL * 1024)

static unsigned arg_left;

typedef struct Source {
        const char *url, *proxy;
        char *shown;
        bool insecure;
        unsigned long long until; /* when it is tried for the last time */
} Source;

/* The generator has said it. */
void generator_warn(const Generator *g, const char *format, ...) {
        (void) g;
        (void) format;
}

/* Runs curl; 0, 1 with the reason why it failed, a negative errno. */
static int run_curl(const Source *s, const char *output, bool head, unsigned long long until,
                    char **ret_reason) {
        static const char *const words[] = {
                "curl",         "--disable",     "--fail",     "--silent",
                "--show-error", "--globoff",     "--location", "--connect-timeout",
                "20",           "--speed-limit", "1",          "--speed-time",
                "30",
        };
        static const char *const paths[] = { "/usr/bin/curl", "/bin/curl" };
        _cleanup_strv_free_ char **argv = NULL;

        for (size_t i = 0; i < ELEMENTSOF(words); i++)
                if (strv_extend(&argv, words[i]) < 0)
                        return -ENOMEM;
        if ((head && strv_extend(&argv, "--head") < 0) ||
            (s->insecure && strv_extend(&argv, "--insecure") < 0) ||
            (s->proxy &&
             (strv_extend(&argv, "--proxy") < 0 || strv_extend(&argv, s->proxy) < 0)) ||
            strv_extend(&argv, "--output") < 0 || strv_extend(&argv, output) < 0 ||
            strv_extend(&argv, "--url") < 0 || strv_extend(&argv, s->url) < 0)
                return -ENOMEM;
        return attempt_run(access(paths[0], X_OK) >= 0 ? paths[0] : paths[1], argv, until,
                           ret_reason);
}

/* Of the last of the answers that redirections have brought; 0: it isn't said. */
static unsigned long long read_size(void) {
        static const char key[] = "content-length:";
        _cleanup_strv_free_ char **lines = NULL;
        _cleanup_free_ char *text = NULL;
        unsigned long long size = 0;
        size_t n;

        if (file_read_at(AT_FDCWD, HEADERS, MIB, &text, &n) < 0 ||
            strv_split(&lines, text, "\r\n") < 0)
                return 0;
        STRV_FOREACH(line, lines)
                if (startswith(*line, "HTTP/"))
                        size = 0;
                else if (strncasecmp(*line, key, strlen(key)) == 0)
                        size = strtoull(*line + strlen(key), NULL, 10);
        return size;
}

/* 0 with the size, which is 0 if nobody says; 1 with the reason why nobody answers. */
static int ask_size(const Source *s, unsigned long long *ret, char **ret_reason) {
        char *reason;
        int r;

        *ret = 0;
        /* There is no such question. */
        if (startswith(s->url, "tftp:"))
                return 0;
        r = run_curl(s, HEADERS, true, attempt_now() + ASK_SECONDS, &reason);
        if (r == 0)
                *ret = read_size();
        (void) unlink(HEADERS);
        if (r <= 0)
                return r;
        /* An error of HTTP. Not every server likes to be asked; another says so when it shall send. */
        if (startswith(reason, "curl: (22)")) {
                free(reason);
                return 0;
        }
        *ret_reason = reason;
        return 1;
}

/* Room for the file, or for as much as there may be. */
static int make_room(const Source *s, unsigned long long size) {
        unsigned long long have = memory_get("MemAvailable:"), left = arg_left * MIB, room = size;
        _cleanup_free_ char *options = NULL;
        char large[48] = "";
        int r;

        if (have > 0 && (have < left || have - left < size)) {
                if (size > 0)
                        snprintf(large, sizeof(large), ", which has %llu MiB", size / MIB + 1);
                tell_error("There is no room for %s%s: %llu MiB of memory are free, and %u MiB "
                           "are to be left; see rd.minmem=",
                           s->shown, large, have / MIB, arg_left);
                return -ENOSPC;
        }
        if (size == 0)
                room = have > left ? have - left : MIB;
        if (str_printf(&options, "size=%lluk,nr_inodes=8", room / 1024 + 64) < 0)
                return -ENOMEM;
        r = mount_memory(PLACE, options);
        if (r < 0)
                tell_error("There is no memory at " PLACE ": %s", strerror(-r));
        return r;
}

/* 0: it is there. 1 with a reason: it may be later. An error that was told. */
static int try_once(const Source *s, char **ret_reason) {
        unsigned long long size;
        int r;

        r = ask_size(s, &size, ret_reason);
        if (r != 0)
                return r;
        r = make_room(s, size);
        if (r < 0)
                return r;
        if (size > 0)
                tell_notice("Fetching %s to memory (%llu MiB)", s->shown, size / MIB + 1);
        else
                tell_notice("Fetching %s to memory", s->shown);
        r = run_curl(s, IMAGE, false, (unsigned long long) -1, ret_reason);
        if (r == 0)
                return 0;
        if (umount2(PLACE, MNT_DETACH) < 0)
                tell_warning(PLACE " can't be unmounted: %m");
        if (r > 0 && startswith(*ret_reason, "curl: (23)")) {
                tell_error("%s is larger than the memory that is free; see rd.minmem=", s->shown);
                free(TAKE_PTR(*ret_reason));
                return -ENOSPC;
        }
        return r;
}

/* Whether it is the same reason. "after 13 ms" is in many of them. */
static bool is_same(const char *a, const char *b) {
        static const char after[] = "after ", digits[] = "0123456789";

        for (; *a == *b; a++, b++) {
                if (*a == '\0')
                        return true;
                if (!startswith(a, after) || !startswith(b, after))
                        continue;
                a += strlen(after) - 1;
                b += strlen(after) - 1;
                a += strspn(a + 1, digits);
                b += strspn(b + 1, digits);
        }
        return false;
}

static int fetch(const Source *s) {
        _cleanup_free_ char *told = NULL;

        for (;;) {
                char *reason = NULL;
                const char *shown;
                int r = try_once(s, &reason);

                if (r == 0 && told)
                        tell_notice("%s is there", s->shown);
                if (r <= 0)
                        return r;
                shown = startswith(reason, "curl: ") ?: reason;
                if (!told || !is_same(told, reason))
                        tell_warning("%s can't be had yet: %s", s->shown, shown);
                if (attempt_now() + PAUSE_SECONDS > s->until) {
                        tell_error("%s can't be had, that was the last try: %s", s->shown, shown);
                        free(reason);
                        return -ETIMEDOUT;
                }
                free(told);
                told = reason;
                sleep(PAUSE_SECONDS);
        }
}

static int run(void) {
        _cleanup_strv_free_ char **words = NULL;
        Generator g = { .root = "" };
        Source s = {};
        int r;

        r = option_read(&words);
        g.words = words;
        s.url = r >= 0 ? live_find_spec(&g) : NULL;
        if (r >= 0)
                r = s.url && live_spec_is_url(s.url) ? live_url_to_shown(s.url, &s.shown)
                                                     : -EINVAL;
        if (r < 0) {
                tell_error("The kernel command line has no URL of an image: %s", strerror(-r));
                return r;
        }
        s.insecure = option_bool(&g, "rd.noverifyssl", false);
        s.proxy = option_get(&g, "proxy");
        s.until = attempt_limit(&g);
        r = mkdir_parents("/run/initramfs", 0755);
        if (r >= 0)
                r = fetch(&s);
        free(s.shown);
        if (r < 0 && r != -ETIMEDOUT && r != -ENOSPC)
                tell_error("The image can't be fetched: %s", strerror(-r));
        return r;
}

int main(int argc, char *argv[]) {
        static const struct option options[] = {
                { "left", required_argument, NULL, 'l' },
                {},
        };
        int c;

        while ((c = getopt_long(argc, argv, "", options, NULL)) >= 0)
                if (c != 'l' || parse_unsigned(optarg, &arg_left) < 0)
                        return 2;
        if (optind != argc) {
                fprintf(stderr, "initrdd-live-fetch [--left=MIB]\n");
                return 2;
        }
        umask(0022);
        attempt_end_on_sigterm();
        return run() < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
