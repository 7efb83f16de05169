/* SPDX-License-Identifier: GPL-2.0-or-later */

#include <sys/stat.h>

#include "collect/driver-name.h"
#include "path-util.h"
#include "string-util.h"
#include "try-image.h"

#define TEXT_MAX 1048576

static bool has_built_in(const ImageTree *t, const TreeNode *node, const char *driver) {
        _cleanup_free_ char *text = NULL;
        char *state = NULL;

        if (!S_ISREG(node->file->mode) || image_tree_text(t, node->file, TEXT_MAX, &text) < 0)
                return false;
        for (char *line = strtok_r(text, "\n", &state); line;
             line = strtok_r(NULL, "\n", &state)) {
                char name[DRIVER_NAME_MAX];

                if (driver_name_of_path(line, name) >= 0 && streq(name, driver))
                        return true;
        }
        return false;
}

bool has_driver(const ImageTree *t, const char *driver) {
        const TreeNode *built_in = NULL;

        TREE_FOREACH(node, t->tree) {
                char name[DRIVER_NAME_MAX];

                if (streq(path_basename(node->path), "modules.builtin"))
                        built_in = node;
                else if (S_ISREG(node->file->mode) && strstr(node->path, "/lib/modules/") &&
                         driver_name_of_path(node->path, name) >= 0 && streq(name, driver))
                        return true;
        }
        return built_in && has_built_in(t, built_in, driver);
}

bool has_library(const ImageTree *t, const char *name) {
        TREE_FOREACH(node, t->tree)
                if (startswith(path_basename(node->path), name))
                        return true;
        return false;
}

const char *fact_of(const DescribedModule *module) {
        return startswith(module->reason, "fact ");
}

bool has_fact(const Described *d, const char *prefix) {
        for (size_t i = 0; d && i < d->n_modules; i++) {
                const char *fact = fact_of(&d->modules[i]);

                if (fact && startswith(fact, prefix))
                        return true;
        }
        return false;
}

bool has_whole_fact(const Described *d, const char *tag) {
        for (size_t i = 0; d && i < d->n_modules; i++) {
                const char *fact = fact_of(&d->modules[i]);

                if (fact && streq(fact, tag))
                        return true;
        }
        return false;
}
