/* SPDX-License-Identifier: GPL-2.0-or-later */

#include <stdio.h>
#include <sys/stat.h>

#include "image/tree-json.h"
#include "json-text.h"

static const char *type_name(uint32_t mode) {
        return S_ISDIR(mode)   ? "directory"
               : S_ISLNK(mode) ? "symlink"
               : S_ISREG(mode) ? "file"
                               : "node";
}

json_t *tree_node_json(const TreeNode *node) {
        const TreeFile *f = node->file;
        json_t *object;
        char mode[8];

        snprintf(mode, sizeof(mode), "%04o", f->mode & 07777);
        object = json_pack("{s:o, s:s, s:s, s:i, s:i, s:I, s:i, s:i}", "path",
                           json_text(node->path), "type", type_name(f->mode), "mode", mode, "uid",
                           (int) f->uid, "gid", (int) f->gid, "size", (json_int_t) f->size,
                           "segment", (int) node->segment, "entries", (int) node->n_made);
        if (object && f->target)
                json_object_set_new(object, "target", json_text(f->target));
        if (object && (S_ISCHR(f->mode) || S_ISBLK(f->mode)))
                json_object_set_new(object, "device",
                                    json_pack("[i, i]", (int) f->rdev_major, (int) f->rdev_minor));
        return object;
}
