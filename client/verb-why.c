/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * why: the chain of reasons from a file to the profile, as the image tells it: what needs the
 * file, what needs that, and so on to a line of a module or of the configuration, then why the
 * module is in the image. Of what is not there: why not, as far as the system that it was built of
 * can tell now.
 */

#include <stdio.h>

#include "bus/bus.h"
#include "client.h"
#include "images/described-files.h"
#include "images/image-argument.h"
#include "images/image-now.h"
#include "images/image-tree.h"
#include "images/why-not.h"
#include "json-text.h"
#include "path-util.h"
#include "string-util.h"
#include "table.h"

#define REASONS_MAX 64

typedef struct Why {
        Image *image;
        const char *path; /* of the image */
        DescribedFiles *files;
        json_t *array; /* NULL: for people */
        json_t *chain; /* of the file that is told of */
        ImageTree *tree; /* once it was needed */
        ImageNow now;
        int now_state; /* 0: not tried, 1: there, -1: can't be had */
} Why;

static int tell(Why *w, const char *kind, const char *what, const char *why, const char *line) {
        if (!w->array) {
                printf("  %s\n", line);
                return 0;
        }
        return json_array_append_new(w->chain, json_pack("{s:s, s:o, s:o}", "kind", kind, "name",
                                                         json_text(what), "why",
                                                         why ? json_text(why) : json_null())) < 0
                               ? -ENOMEM
                               : 0;
}

static const char *reason_of_module(const Described *d, const char *name) {
        for (size_t i = 0; i < d->n_modules; i++)
                if (streq(d->modules[i].name, name))
                        return d->modules[i].reason;
        return NULL;
}

/* From one module to what requires or wants it, up to one that is there for its own sake. */
static int tell_modules(Why *w, const char *name) {
        for (unsigned n = 0; name && n < REASONS_MAX; n++) {
                const char *reason = reason_of_module(w->files->described, name), *next;
                _cleanup_free_ char *line = NULL;
                int r;

                if (!reason)
                        return 0;
                r = str_printf(&line, "module %s: %s", name, reason);
                if (r >= 0)
                        r = tell(w, "module", name, reason, line);
                if (r < 0)
                        return r;
                next = startswith(reason, "required by ");
                name = next ?: startswith(reason, "wanted by ");
        }
        return 0;
}

static int tell_profile(Why *w) {
        const Described *d = w->files->described;
        _cleanup_free_ char *line = NULL;
        int r;

        r = str_printf(&line, "profile %s, mode %s, kernel %s", d->profile, d->mode, d->kernel);
        return r < 0 ? r : tell(w, "profile", d->profile, d->mode, line);
}

static int tell_chain(Why *w, const DescribedFile *file) {
        const char *why = file->entry.why;
        _cleanup_free_ char *line = NULL, *module = NULL;
        const DescribedFile *next;
        int r = 0;

        for (unsigned n = 0; n < REASONS_MAX && r >= 0; n++) {
                _cleanup_free_ char *needed = NULL;

                next = described_files_get(w->files, why);
                if (!next)
                        break;
                r = str_printf(&needed, "needed by %s", why);
                if (r >= 0)
                        r = tell(w, "file", why, next->entry.why, needed);
                why = next->entry.why;
        }
        module = module_of_reason(why);
        if (r >= 0)
                r = str_printf(&line, "asked for by %s", why);
        if (r >= 0)
                r = tell(w, module ? "line" : "configuration", why, module, line);
        if (r >= 0 && module)
                r = tell_modules(w, module);
        return r < 0 ? r : tell_profile(w);
}

static int tell_file(Why *w, const DescribedFile *file) {
        const DescribedEntry *e = &file->entry;
        const Described *d = w->files->described;
        const char *fragment =
                        e->fragment < d->n_fragments ? d->fragments[e->fragment].name : NULL;
        char size[SIZE_TEXT_MAX];
        int r;

        w->chain = json_array();
        if (!w->array)
                printf("%s: %s%s, in fragment %s\n", e->path,
                       e->type == 'd'   ? "directory"
                       : e->type == 'l' ? "link"
                                        : "file of ",
                       e->type == 'f' ? size_to_text(e->size, size) : "", fragment ?: "?");
        r = tell_chain(w, file);
        if (!w->array) {
                json_decref(w->chain);
                return r;
        }
        return r < 0 || json_array_append_new(
                                        w->array,
                                        json_pack("{s:o, s:b, s:o, s:o}", "path",
                                                  json_text(e->path), "present", 1, "fragment",
                                                  fragment ? json_text(fragment) : json_null(),
                                                  "chain", w->chain)) < 0
                               ? -ENOMEM
                               : 0;
}

/* The path without the links that lead to it: for that the image must be unpacked. */
static const char *canonical(Why *w, const char *path) {
        const TreeNode *node;

        if (!w->tree && image_tree_new(&w->tree, w->image, false) < 0)
                return NULL;
        node = tree_find(w->tree->tree, path);
        return node && node->n_made > 0 ? node->path : NULL;
}

static int tell_absent(Why *w, const char *what) {
        _cleanup_free_ char *sentence = NULL;
        const char *kind = "unknown";
        int r = -ENOENT;

        /* What was not built here can't be explained by what is here. */
        if (service_is_remote())
                w->now_state = -1;
        if (w->now_state == 0)
                w->now_state = image_now_init(&w->now, w->files->described, false) == 0 ? 1 : -1;
        if (w->now_state > 0)
                r = why_not(w->now.build, what, &sentence);
        if (r >= 0)
                kind = why_not_to_string((WhyNot) r);
        if (r == -ENOMEM)
                return r;
        if (!w->array) {
                printf("%s is not in the image: %s.\n", what,
                       sentence
                                       ?: "the system that it was built of would tell why, and "
                                          "can't be looked at");
                return 0;
        }
        return json_array_append_new(w->array,
                                     json_pack("{s:o, s:b, s:s, s:o}", "path", json_text(what),
                                               "present", 0, "reason", kind, "message",
                                               sentence ? json_text(sentence) : json_null())) < 0
                               ? -ENOMEM
                               : 0;
}

/* Its own description tells of everything but itself. */
static int tell_undescribed(Why *w, const char *path) {
        bool own = path_below(path, "/.initrdd");

        if (!w->array) {
                printf("%s: %s\n", path,
                       own ? "it is what the image says of itself"
                           : "it is there, and the manifest of the image does not tell why");
                return 0;
        }
        return json_array_append_new(w->array,
                                     json_pack("{s:o, s:b, s:n, s:[]}", "path", json_text(path),
                                               "present", 1, "fragment", "chain")) < 0
                               ? -ENOMEM
                               : 0;
}

/* 1: it is there, 0: it isn't. */
static int explain(Why *w, const char *argument) {
        _cleanup_free_ char *path =
                        strchr(argument, '/') ? path_join("/", argument) : strdup(argument);
        const DescribedFile *file;
        const char *found;
        int r = 0, n = 0;

        if (!path)
                return -ENOMEM;
        path_simplify(path);
        if (*path != '/') {
                STRMAP_FOREACH(e, &w->files->files) {
                        file = e->value;
                        if (file->entry.type == 'd' || !path_is_called(e->key, path))
                                continue;
                        r = tell_file(w, file);
                        if (r < 0)
                                return r;
                        n++;
                }
                return n > 0 ? 1 : tell_absent(w, path);
        }
        file = described_files_get(w->files, path);
        if (file) {
                r = tell_file(w, file);
                return r < 0 ? r : 1;
        }
        found = canonical(w, path);
        file = found ? described_files_get(w->files, found) : NULL;
        if (!found)
                return tell_absent(w, path);
        r = file ? tell_file(w, file) : tell_undescribed(w, found);
        return r < 0 ? r : 1;
}

int verb_why(int argc, char *argv[]) {
        _cleanup_(image_freep) Image *image = NULL;
        _cleanup_free_ char *path = NULL;
        int r, status = EXIT_STATUS_DONE;
        Why w = {};

        r = image_from_argument(argv[1], &image, &path);
        if (r != 0)
                return r;
        r = described_files_new(&w.files, image);
        if (r == -ENOENT || r == -EBADMSG) {
                say("%s: Only an image of initrdd says why something is in it, and this one has "
                    "%s description; `initrdctl files` lists what there is.",
                    path, r == -ENOENT ? "no" : "a damaged");
                return EXIT_STATUS_FAILED;
        }
        w.image = image;
        w.path = path;
        if (arg_json != JSON_MODE_OFF)
                w.array = json_array();
        for (int i = 2; i < argc && r >= 0; i++) {
                r = explain(&w, argv[i]);
                if (r == 0)
                        status = EXIT_STATUS_NOT_FOUND;
        }
        if (r < 0) {
                say("%s: %s", path, strerror(-r));
                status = EXIT_STATUS_FAILED;
                json_decref(w.array);
        } else if (w.array && give_json(json_pack("{s:o, s:o}", "image", json_text(path), "paths",
                                                  w.array)) != EXIT_STATUS_DONE)
                status = EXIT_STATUS_FAILED;
        if (w.now_state > 0) {
                image_now_hint(&w.now, path);
                image_now_done(&w.now);
        }
        image_tree_free(w.tree);
        described_files_free(w.files);
        return status;
}
