/* SPDX-License-Identifier: GPL-2.0-or-later */

/* A row for each option: its names, and what becomes of its argument. Whether a verb takes it is
 * said where the verb is (initrdctl.c). */

#include <getopt.h>
#include <stdio.h>

#include "client.h"
#include "options.h"
#include "string-util.h"

const char *arg_root, *arg_kernel_dir, *arg_profile, *arg_output, *arg_store, *arg_facts;
char **arg_settings;
bool arg_force, arg_all, arg_best, arg_quiet, arg_legend = true;
unsigned arg_threads;
JsonMode arg_json = JSON_MODE_OFF;
Transport arg_transport = TRANSPORT_LOCAL;
const char *arg_host, *arg_reason, *arg_lines;
bool arg_offline, arg_ask_password = true, arg_block = true, arg_hooks = true, arg_detached;
bool arg_follow, arg_pager = true;

typedef struct Option {
        const char *name;
        char letter; /* 0: none */
        int argument; /* as getopt_long() has it */
        bool *on, *off; /* what becomes true, or false */
        const char **text; /* what becomes the argument */
        const char **word; /* likewise, and it is not empty */
        char ***list; /* what it is added to */
        int (*parse)(const char *s); /* what takes it, and says what is wrong; 1: all is done */
} Option;

static int add_setting(const char *key, const char *value) {
        char *setting;

        return str_printf(&setting, "%s=%s", key, value) < 0
                               ? -ENOMEM
                               : strv_consume(&arg_settings, setting);
}

static int parse_json(const char *s) {
        static const char *const names[] = { "off", "short", "pretty" };

        if (!s) {
                arg_json = JSON_MODE_PRETTY;
                return 0;
        }
        for (size_t i = 0; i < ELEMENTSOF(names); i++)
                if (streq(s, names[i])) {
                        arg_json = (JsonMode) i;
                        return 0;
                }
        say("--json takes short, pretty or off, not \"%s\".", s);
        return -EINVAL;
}

static int parse_threads(const char *s) {
        if (parse_unsigned(s, &arg_threads) >= 0 && arg_threads <= 1024)
                return 0;
        say("--threads takes a number up to 1024, not \"%s\".", s);
        return -EINVAL;
}

static int parse_timeout(const char *s) {
        if (parse_unsigned(s, &arg_timeout) >= 0 && arg_timeout <= 86400)
                return 0;
        say("--timeout takes a number of seconds up to 86400, not \"%s\".", s);
        return -EINVAL;
}

static int parse_lines(const char *s) {
        unsigned n;

        if (parse_unsigned(s, &n) >= 0)
                return 0;
        say("--lines takes a number, not \"%s\".", s);
        return -EINVAL;
}

static int parse_set(const char *s) {
        if (!strchr(s, '=') || *s == '=') {
                say("--set takes KEY=VALUE, not \"%s\".", s);
                return -EINVAL;
        }
        return strv_extend(&arg_settings, s);
}

static int parse_mode(const char *s) {
        return add_setting("Mode", s);
}

static int parse_compression(const char *s) {
        return add_setting("Compression", s);
}

static int parse_level(const char *s) {
        return add_setting("Level", s);
}

static int use_remote(const char *s) {
        arg_transport = TRANSPORT_REMOTE;
        return 0;
}

static int use_machine(const char *s) {
        arg_transport = TRANSPORT_MACHINE;
        return 0;
}

static int show_help(const char *s) {
        verb_help(0, NULL);
        return 1;
}

static int show_version(const char *s) {
        puts("initrdd " PROJECT_VERSION);
        return 1;
}

static const Option options[] = {
        { "root", 0, required_argument, .word = &arg_root },
        { "kernel-dir", 0, required_argument, .word = &arg_kernel_dir },
        { "output", 0, required_argument, .word = &arg_output },
        { "store", 0, required_argument, .word = &arg_store },
        { "profile", 0, required_argument, .word = &arg_profile },
        { "mode", 0, required_argument, .parse = parse_mode },
        { "facts", 0, required_argument, .word = &arg_facts },
        { "compression", 0, required_argument, .parse = parse_compression },
        { "level", 0, required_argument, .parse = parse_level },
        { "set", 0, required_argument, .parse = parse_set },
        { "best", 0, no_argument, .on = &arg_best },
        { "recompress", 0, no_argument, .on = &arg_best },
        { "force", 0, no_argument, .on = &arg_force },
        { "all", 0, no_argument, .on = &arg_all },
        { "offline", 0, no_argument, .on = &arg_offline },
        { "host", 'H', required_argument, .word = &arg_host, .parse = use_remote },
        { "machine", 'M', required_argument, .word = &arg_host, .parse = use_machine },
        { "no-block", 0, no_argument, .off = &arg_block },
        { "no-ask-password", 0, no_argument, .off = &arg_ask_password },
        { "no-hooks", 0, no_argument, .off = &arg_hooks },
        { "reason", 0, required_argument, .word = &arg_reason },
        { "detached", 0, no_argument, .on = &arg_detached },
        { "threads", 0, required_argument, .parse = parse_threads },
        { "add", 0, required_argument, .list = &arg_add },
        { "remove", 0, required_argument, .list = &arg_remove },
        { "content", 0, no_argument, .on = &arg_content },
        { "html", 0, required_argument, .word = &arg_html },
        { "kernel", 0, required_argument, .word = &arg_kernel },
        { "this-host", 0, no_argument, .on = &arg_this_host },
        { "root-image", 0, required_argument, .word = &arg_root_image },
        { "append", 0, required_argument, .text = &arg_append },
        { "timeout", 0, required_argument, .parse = parse_timeout },
        { "console", 0, no_argument, .on = &arg_console },
        { "tree", 0, no_argument, .on = &arg_tree },
        { "json", 0, optional_argument, .parse = parse_json },
        { "no-legend", 0, no_argument, .off = &arg_legend },
        { "no-pager", 0, no_argument, .off = &arg_pager },
        { "follow", 'f', no_argument, .on = &arg_follow },
        { "lines", 'n', required_argument, .text = &arg_lines, .parse = parse_lines },
        { "quiet", 'q', no_argument, .on = &arg_quiet },
        { "help", 'h', no_argument, .parse = show_help },
        { "version", 0, no_argument, .parse = show_version },
};
static bool given[ELEMENTSOF(options)];

const char *option_given(size_t *n) {
        while (*n < ELEMENTSOF(options)) {
                size_t i = (*n)++;

                if (given[i])
                        return options[i].name;
        }
        return NULL;
}

static int take(const Option *o, const char *s) {
        /* A script's variable that turns out empty must not come to mean the current directory. */
        if (o->word && !*s) {
                say("--%s takes a value that is not empty.", o->name);
                return -EINVAL;
        }
        if (o->on)
                *o->on = true;
        if (o->off)
                *o->off = false;
        if (o->text)
                *o->text = s;
        if (o->word)
                *o->word = s;
        if (o->list && strv_extend(o->list, s) < 0)
                return -ENOMEM;
        return o->parse ? o->parse(s) : 0;
}

/* What getopt gives for the row: its number, so that rows with one target are told apart. */
enum { ROWS = 0x100 };

static size_t find_row(int c) {
        if (c >= ROWS)
                return (size_t) (c - ROWS);
        for (size_t i = 0; i < ELEMENTSOF(options); i++)
                if (options[i].letter == c)
                        return i;
        return ELEMENTSOF(options);
}

int options_parse(int argc, char *argv[], int *ret_first) {
        struct option rows[ELEMENTSOF(options) + 1] = {};
        char letters[2 * ELEMENTSOF(options) + 1], *p = letters;
        int c, r = 0;

        for (size_t i = 0; i < ELEMENTSOF(options); i++) {
                const Option *o = &options[i];

                rows[i] = (struct option) { o->name, o->argument, NULL, ROWS + (int) i };
                if (!o->letter)
                        continue;
                *p++ = o->letter;
                if (o->argument == required_argument)
                        *p++ = ':';
        }
        *p = '\0';
        while (r == 0 && (c = getopt_long(argc, argv, letters, rows, NULL)) >= 0) {
                size_t i = find_row(c);

                if (i >= ELEMENTSOF(options)) /* getopt has said why */
                        return -EINVAL;
                given[i] = true;
                r = take(&options[i], optarg);
        }
        *ret_first = optind;
        return r < 0 ? r : r == 0;
}
