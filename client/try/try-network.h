/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* A root that comes over a network: whether an image is for one, and the card of the machine. */

#include "try-root.h"

/* What is to come over the network, as far as it is served here: `root->card`; and what isn't:
 * `root->unserved`. `words` are all words of the command line. */
void try_network_choose(TryRoot *root, const ImageTree *tree, const Described *described,
                        char *const *words);
/* Whether a word of the command line is about the network that is not here. */
bool try_network_replaces(const char *word);
