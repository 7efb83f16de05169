/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* What the verbs of initrdctl share: the command line, and how to speak to a person. */

#include "initrdd-failure.h"
#include "macro.h"
#include "report.h"

typedef enum JsonMode { JSON_MODE_OFF, JSON_MODE_SHORT, JSON_MODE_PRETTY } JsonMode;

/* Of `status`, beside those of initrdd-failure.h. */
enum { EXIT_STATUS_STALE = 10, EXIT_STATUS_UNSAFE = 11 };
/* Of `try`: something that is needed to try it is not on this machine. */
enum { EXIT_STATUS_UNTRIED = 12 };

/* The options, as they were given. NULL or false: not given. */
extern const char *arg_root, *arg_kernel_dir, *arg_profile, *arg_output, *arg_store, *arg_facts;
extern char **arg_settings; /* KEY=VALUE for the profile, from --mode=, --compression=… */
extern bool arg_force, arg_all, arg_best, arg_quiet, arg_legend;
extern bool arg_tree; /* of files: verb-files.c */
extern const char *arg_kernel; /* of verify and try: verb-verify.c */
extern bool arg_this_host; /* of verify: verb-verify.c */
extern bool arg_console; /* of try: verb-try.c */
extern const char *arg_root_image, *arg_append;
extern unsigned arg_timeout; /* in seconds; 0: for ever */
extern const char *arg_html; /* of inspect: verb-inspect.c */
extern bool arg_content; /* of diff: verb-diff.c */
extern char **arg_add, **arg_remove; /* of repack: verb-repack.c */
extern unsigned arg_threads;
extern JsonMode arg_json;

/* Whose service is asked, and how. */
typedef enum Transport { TRANSPORT_LOCAL, TRANSPORT_REMOTE, TRANSPORT_MACHINE } Transport;
extern Transport arg_transport;
extern const char *arg_host; /* of -H or -M */
extern const char *arg_reason, *arg_lines;
extern bool arg_offline, arg_ask_password, arg_block, arg_hooks, arg_detached, arg_follow;
extern bool arg_pager;

/* Every verb: `argv[0]` is its name. Returns the exit status. */
int verb_help(int argc, char *argv[]);
int verb_build(int argc, char *argv[]);
int verb_plan(int argc, char *argv[]);
int verb_list(int argc, char *argv[]);
int verb_modules(int argc, char *argv[]);
int verb_facts(int argc, char *argv[]);
int verb_kernels(int argc, char *argv[]);
int verb_cat_config(int argc, char *argv[]);
int verb_gc(int argc, char *argv[]);
int verb_inspect(int argc, char *argv[]);
int verb_files(int argc, char *argv[]);
int verb_cat(int argc, char *argv[]);
int verb_extract(int argc, char *argv[]);
int verb_repack(int argc, char *argv[]);
int verb_why(int argc, char *argv[]);
int verb_diff(int argc, char *argv[]);
int verb_verify(int argc, char *argv[]);
int verb_try(int argc, char *argv[]);
int verb_status(int argc, char *argv[]);
int verb_remove(int argc, char *argv[]);
int verb_jobs(int argc, char *argv[]);
int verb_cancel(int argc, char *argv[]);
int verb_hold(int argc, char *argv[]);
int verb_monitor(int argc, char *argv[]);
int verb_log(int argc, char *argv[]);

/* One line on standard error: "initrdctl: …". */
void say(const char *format, ...) _printf_(1, 2);
/* A failure as one line, "PATH:LINE: sentence.", and its exit status. */
int say_failure(const Report *report);
/* A Report whose warnings go to standard error. */
#define REPORT_INIT ((Report) { .on_warning = say_warning })
void say_warning(void *userdata, const char *path, unsigned line, const char *message);

/* Whether standard error, or output, is a terminal that can do more than print lines. */
bool terminal_is_capable(int fd);

/* Colours, as systemctl has them; empty strings where standard output takes none. */
typedef enum Colour {
        COLOUR_NORMAL,
        COLOUR_GOOD,
        COLOUR_WARN,
        COLOUR_BAD,
        COLOUR_DIM,
        COLOUR_BOLD
} Colour;
const char *colour(Colour colour);

/* "52.3 MB", in units of 1000. */
#define SIZE_TEXT_MAX 16
const char *size_to_text(uint64_t bytes, char ret[static SIZE_TEXT_MAX]);

/* Where the store is when --store= doesn't say: /var/cache/initrdd for root, else the user's own
 * cache. The caller frees. */
int default_store(char **ret);
/* Our own data: $INITRDD_DATA_DIR, else ../lib/initrdd from this program. The caller frees. */
int data_directory(char **ret);
