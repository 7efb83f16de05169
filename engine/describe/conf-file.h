/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * Ini files as systemd has them: found in /etc, /run and /usr/lib by name, with drop-ins, masking,
 * comments (# and ;), line continuation by a backslash, and UTF-8 text. Knows no key.
 */

#include "macro.h"
#include "report.h"
#include "source/source.h"

/* One assignment. All strings are borrowed for the call. Returns 0, or a negative errno, which
 * ends the reading; a value that is only not understood is the handler's own warning or failure.
 * An assignment before any section comes with section "". */
typedef int (*conf_handler_t)(void *userdata, const char *path, unsigned line, const char *section,
                              const char *key, const char *value);

typedef enum ConfFlags {
        /* A line that is no ini is a failure (ConfigInvalid, -EINVAL) that ends the reading; without
         * it, a warning, and the line is passed over. */
        CONF_STRICT = 1 << 0,
} ConfFlags;

/*
 * Parses text; `path` is for messages. `line` of an assignment that goes over several is the first
 * of them. Not ini are: a line that is neither section nor assignment, one without a key, a control
 * character, what isn't UTF-8. After a section header that can't be read, assignments are passed
 * over up to the next one.
 */
int conf_parse(Report *report, const char *path, const char *text, size_t size, ConfFlags flags,
               conf_handler_t handler, void *userdata);

/* conf_parse() of the file at `path`. What can't be read is a failure (ConfigInvalid). */
int conf_read(Source *source, Trace *trace, Report *report, const char *path, ConfFlags flags,
              conf_handler_t handler, void *userdata);

/* The directories of configuration, highest first, NULL behind the last: /etc/initrdd,
 * /run/initrdd, /usr/lib/initrdd. */
extern const char *const conf_directories[];

/* The file that `name` ("initrdd.conf", "modules.d/lvm.module") stands for: the first of
 * conf_directories that has it. 1, or 0 when there is none or it is masked (empty file or a link
 * to /dev/null; `ret_masked` may be NULL). The caller frees the path. */
int conf_find(Source *source, Trace *trace, const char *name, char **ret_path, bool *ret_masked);

/* The names that end in `suffix` in the directory `directory` ("modules.d") of all three, sorted,
 * each once, masked ones included. The caller frees. */
int conf_list(Source *source, Trace *trace, const char *directory, const char *suffix,
              char ***ret);

/* The main file of `name`, where there is one, and then its drop-ins: every path to read, in order.
 * `ret_main` (may be NULL) is whether the first is the main file, `ret_masked` (may be NULL) whether
 * that is masked. The caller frees the strv. */
int conf_files(Source *source, Trace *trace, const char *name, char ***ret, bool *ret_main,
               bool *ret_masked);

/* What can name a profile or a module: letters, digits, ".", "_", "-" and "@", the first of them a
 * letter or digit. */
bool conf_name_is_valid(const char *name) _pure_;
/* An absolute path without a ".." in it. */
bool conf_path_is_valid(const char *path) _pure_;
