/* SPDX-License-Identifier: GPL-2.0-or-later */

/* initrdd: the service that owns a machine's initramfs images. See manager.c, and initrdd(8). */

#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <systemd/sd-daemon.h>
#include <systemd/sd-event.h>
#include <unistd.h>

#include "log.h"
#include "manager.h"
#include "path-util.h"
#include "string-util.h"

static int help(void) {
        puts("initrdd [OPTIONS…]\n\n"
             "Keep the initramfs images of this machine as they should be. Started by the system; "
             "see\n"
             "initrdd(8). initrdctl(1) is for people.\n\n"
             "     --root=DIR    Look after the system in DIR instead\n"
             "     --store=DIR   Where work is kept (/var/cache/initrdd)\n"
             "     --state=DIR   Where it is written down what was built (/var/lib/initrdd)\n"
             "     --run=DIR     Where what others need for the moment is (/run/initrdd)\n"
             "  -h --help        This page\n"
             "     --version     The version of the program");
        return EXIT_SUCCESS;
}

enum { ARG_ROOT = 0x100, ARG_STORE, ARG_STATE, ARG_RUN, ARG_VERSION };

static int parse_directory(const char *s, char **ret) {
        char *path;

        if (*s != '/') {
                fprintf(stderr, "initrdd: a directory must be an absolute path, not \"%s\".\n", s);
                return -EINVAL;
        }
        path = strdup(s);
        if (!path)
                return -ENOMEM;
        free(*ret);
        *ret = path_simplify(path);
        return 0;
}

/* 1 go on, 0 done. */
static int parse_argv(int argc, char *argv[], ManagerOptions *o) {
        static const struct option options[] = {
                { "root", required_argument, NULL, ARG_ROOT },
                { "store", required_argument, NULL, ARG_STORE },
                { "state", required_argument, NULL, ARG_STATE },
                { "run", required_argument, NULL, ARG_RUN },
                { "help", no_argument, NULL, 'h' },
                { "version", no_argument, NULL, ARG_VERSION },
                {},
        };
        int c, r = 0;

        while (r >= 0 && (c = getopt_long(argc, argv, "h", options, NULL)) >= 0)
                switch (c) {
                case ARG_ROOT:
                        r = parse_directory(optarg, &o->root);
                        break;
                case ARG_STORE:
                        r = parse_directory(optarg, &o->store);
                        break;
                case ARG_STATE:
                        r = parse_directory(optarg, &o->state_dir);
                        break;
                case ARG_RUN:
                        r = parse_directory(optarg, &o->run_dir);
                        break;
                case 'h':
                        help();
                        return 0;
                case ARG_VERSION:
                        puts("initrdd " PROJECT_VERSION);
                        return 0;
                default:
                        return -EINVAL;
                }
        if (r >= 0 && optind < argc) {
                fprintf(stderr, "initrdd: takes options only, not \"%s\".\n", argv[optind]);
                return -EINVAL;
        }
        return r < 0 ? r : 1;
}

/* Our programs and data: beside this one. */
static char *find_data_directory(void) {
        const char *e = getenv("INITRDD_DATA_DIR");
        char path[4096];
        ssize_t n;

        if (e && *e == '/')
                return strdup(e);
        n = readlink("/proc/self/exe", path, sizeof(path) - 1);
        if (n <= 0)
                return strdup(DATA_DIRECTORY);
        path[n] = '\0';
        return path_dirname(path);
}

static void set_log_level_from_environment(void) {
        const char *e = getenv("SYSTEMD_LOG_LEVEL");
        int level = e ? log_level_from_string(e) : -EINVAL;

        if (level >= 0)
                log_set_level(level);
}

static int on_signal(sd_event_source *source, const struct signalfd_siginfo *si, void *userdata) {
        Manager *m = userdata;

        if (si->ssi_signo == SIGHUP) {
                manager_reload(m);
                return 0;
        }
        (void) sd_notify(false, "STOPPING=1\nSTATUS=Ending");
        manager_stop(m);
        return 0;
}

static int add_signals(sd_event *event, Manager *m) {
        static const int numbers[] = { SIGTERM, SIGINT, SIGHUP };
        int r = 0;

        for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]) && r >= 0; i++)
                r = sd_event_add_signal(event, NULL, numbers[i], on_signal, m);
        return r;
}

static int run(const ManagerOptions *options) {
        _cleanup_(manager_freep) Manager *m = NULL;
        sd_event *event = NULL;
        sigset_t mask;
        int r;

        sigemptyset(&mask);
        sigaddset(&mask, SIGCHLD);
        sigaddset(&mask, SIGTERM);
        sigaddset(&mask, SIGINT);
        sigaddset(&mask, SIGHUP);
        if (sigprocmask(SIG_BLOCK, &mask, NULL) < 0)
                return -errno;
        signal(SIGPIPE, SIG_IGN);
        r = sd_event_new(&event);
        if (r < 0)
                return r;
        (void) sd_event_set_watchdog(event, true);
        r = manager_new(&m, event, options);
        if (r >= 0)
                r = add_signals(event, m);
        if (r >= 0)
                r = manager_start(m);
        if (r >= 0) {
                (void) sd_notify(false, "READY=1\nSTATUS=Looking after the images");
                r = sd_event_loop(event);
        }
        m = manager_free(m);
        sd_event_unref(event);
        return r;
}

int main(int argc, char *argv[]) {
        ManagerOptions options = {
                .root = strdup("/"),
                .store = strdup("/var/cache/initrdd"),
                .state_dir = strdup("/var/lib/initrdd"),
                .run_dir = strdup("/run/initrdd"),
                .data_dir = find_data_directory(),
        };
        int r;

        set_log_level_from_environment();
        if (!options.root || !options.store || !options.state_dir || !options.run_dir ||
            !options.data_dir) {
                log_error("Out of memory");
                return EXIT_FAILURE;
        }
        r = parse_argv(argc, argv, &options);
        if (r > 0) {
                r = run(&options);
                if (r < 0)
                        log_error("The service can't go on: %s", strerror(-r));
        } else if (r < 0)
                r = -EINVAL;
        free(options.root);
        free(options.store);
        free(options.state_dir);
        free(options.run_dir);
        free(options.data_dir);
        return r == -EINVAL ? 2 : r < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
