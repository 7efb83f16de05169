/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* An entry of an image for other programs: {"path", "type", "mode", "uid", "gid", "size", "segment",
 * "entries"}, and of a link "target", of a device "device": [MAJOR, MINOR]. */

#include <jansson.h>

#include "image/tree.h"

/* NULL without memory. */
json_t *tree_node_json(const TreeNode *node);
