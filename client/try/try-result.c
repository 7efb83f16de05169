/* SPDX-License-Identifier: GPL-2.0-or-later */

/* What came of a try: as text, and as JSON. */

#include <stdio.h>

#include "client.h"
#include "json-text.h"
#include "string-util.h"
#include "table.h"
#include "try.h"

int try_cannot(const Try *t, int r) {
        say("%s: It can't be tried: %s", t->path, strerror(-r));
        return EXIT_STATUS_FAILED;
}

char *try_describe_root(const Try *t) {
        const TryRoot *root = &t->root;
        char *text, level[16] = "";

        if (arg_root_image)
                return strdup(arg_root_image);
        if (root->md_uuid)
                snprintf(level, sizeof(level), " on RAID%u", root->md_level);
        return str_printf(&text, "%s%s%s%s%s%s%s%s", root->filesystem,
                          !root->group                  ? ""
                          : root->lvm_kind == LVM_THIN  ? " on a thin volume of LVM"
                          : root->lvm_kind == LVM_CACHE ? " on a cached volume of LVM"
                                                        : " on LVM",
                          !root->luks_uuid          ? ""
                          : root->luks_version == 1 ? " on LUKS1"
                                                    : " on LUKS2",
                          level, root->partition_uuid ? " on a partition" : "",
                          root->card ? " on NBD" : "", root->usr_uuid ? ", /usr beside it" : "",
                          root->resume_uuid ? ", a swap beside it" : "") < 0
                               ? NULL
                               : text;
}

bool try_ran_out(const Try *t) {
        return t->machine.timeout > 0 && t->seconds >= t->machine.timeout;
}

/* Why it did not boot. */
static int explain(const Try *t, char **ret) {
        const Console *c = &t->console;
        _cleanup_free_ char *text = NULL;
        int r;

        if (c->asks && c->step <= TRY_STEP_DEVICES)
                return str_printf(ret, "A question got no answer that was right: %s", c->asks);
        r = console_explain(c, &text);
        if (r < 0)
                return r;
        if (!try_ran_out(t)) {
                *ret = TAKE_PTR(text);
                return 0;
        }
        return str_printf(ret, "%s (the %u seconds of --timeout= are over)", text,
                          t->machine.timeout);
}

static json_t *steps_to_json(const Console *c) {
        json_t *steps = json_object();

        for (int i = 0; i < _TRY_STEP_MAX; i++)
                if (c->reached[i] >= 0)
                        (void) json_object_set_new(steps, try_step_to_string((TryStep) i),
                                                   json_real(c->reached[i]));
        return steps;
}

/* The line that says most; what spins while something is waited for says nothing more. */
static const char *said(const Console *c) {
        return c->cause || c->waiting ? c->cause : c->last;
}

static int give_result_json(const Try *t, const char *why) {
        const Console *c = &t->console;
        _cleanup_free_ char *root = try_describe_root(t);
        bool boots = c->end == CONSOLE_BOOTED;
        const char *step = c->step >= 0 ? try_step_to_string(c->step) : "kernel";

        return give_json(json_pack(
                        "{s:o, s:b, s:o, s:o, s:o, s:o, s:o, s:s, s:s, s:o, s:o, s:o, s:f, s:o}",
                        "image", json_text(t->path), "boots", boots, "step",
                        boots ? json_null() : json_string(step), "message", json_text_or_null(why),
                        "waited-for", json_text_or_null(boots ? NULL : c->waiting), "console",
                        json_text_or_null(boots ? NULL : said(c)), "kernel", json_text(t->kernel),
                        "accelerator", t->machine.kvm ? "kvm" : "tcg", "disk",
                        t->machine.bus->name, "command-line", json_text(t->command_line), "root",
                        json_text_or_null(root), "not-tried", json_texts(t->root.not_tried),
                        "seconds", t->seconds, "steps", steps_to_json(c)));
}

static void give_result_text(const Try *t, const char *why) {
        const Console *c = &t->console;

        if (c->end == CONSOLE_BOOTED && !arg_quiet) {
                printf("%s: %sIt boots%s", t->path, colour(COLOUR_GOOD), colour(COLOUR_NORMAL));
                if (c->root)
                        printf("; mounted as /: %s", c->root);
                printf(".\n");
        }
        if (c->end != CONSOLE_BOOTED) {
                printf("%s: %sIt did not boot%s; it failed at %s: %s.\n", t->path,
                       colour(COLOUR_BAD), colour(COLOUR_NORMAL),
                       c->step >= 0 ? try_step_to_string(c->step) : "kernel", why);
                if (said(c))
                        printf("  The console says: %s\n", said(c));
        }
        if (arg_quiet)
                return;
        for (int i = 0; i < _TRY_STEP_MAX; i++)
                if (c->reached[i] >= 0)
                        printf("  %-12s %6.1f s\n", try_step_to_string((TryStep) i),
                               c->reached[i]);
}

int try_give_result(const Try *t) {
        bool boots = t->console.end == CONSOLE_BOOTED;
        _cleanup_free_ char *why = NULL;
        int status = EXIT_STATUS_DONE;

        if (!boots && explain(t, &why) < 0)
                return try_cannot(t, -ENOMEM);
        if (arg_json != JSON_MODE_OFF)
                status = give_result_json(t, why);
        else
                give_result_text(t, why);
        return status != EXIT_STATUS_DONE ? status : boots ? EXIT_STATUS_DONE : EXIT_STATUS_FAILED;
}
