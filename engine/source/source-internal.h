/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* What the files of this room share. */

#include "source/source.h"
#include "strmap.h"

typedef struct Bind {
        char *at; /* canonical */
        int fd;
} Bind;

/* Everything in a directory, sorted: asked for again and again with other patterns. */
typedef struct Listing {
        char **names;
        struct stat st; /* from before they were read */
} Listing;

void listing_free(void *listing);

/* What was found at a path, for as long as the Source remembers. */
typedef struct Seen {
        int error; /* of lstat(), negative; or 0 */
        struct stat st;
} Seen;

struct Source {
        int root_fd;
        char *root;
        bool host;
        Bind *binds;
        size_t n_binds, allocated_binds;
        Strmap directories; /* canonical path → struct stat */
        Strmap links; /* canonical path → target */
        Strmap listings; /* canonical path → Listing */
        bool remembers;
        Strmap seen; /* canonical path → Seen */
        Strmap seen_links; /* canonical path → target, or NULL when it is none */
};

/* The descriptor and the path below it that stand for a canonical path. `ret_name` is borrowed
 * from `canonical`, or "" for the descriptor itself. */
void source_at(const Source *source, const char *canonical, int *ret_fd, const char **ret_name);

/* lstat() of a canonical path, with the directories that a bind invents. 0 or negative errno. */
int source_lstat(const Source *source, const char *canonical, struct stat *ret);

/* For who checks traces: the same, and the target of a link (borrowed, until the next call; NULL where
 * no link is), each asked for once if the Source remembers. */
int source_see(Source *source, const char *canonical, struct stat *ret);
int source_see_link(Source *source, const char *canonical, const char **ret);
/* Looks at many canonical paths at once, by several threads, so that a Source that remembers can
 * answer source_see() without a look. 0 or -ENOMEM. */
int source_see_all(Source *source, const char *const *paths, size_t n);

/* source_list() of a canonical path, untraced; the stat is from before the names were read. */
int source_list_canonical(const Source *source, const char *canonical, const char *pattern,
                          char ***ret, struct stat *ret_stat);

/* Whether a bind lies at or below `canonical`, so that it is a directory in any case. */
bool source_leads_to_bind(const Source *source, const char *canonical);

/* openat() of a canonical path as source_at() has it, which refuses links in every component. */
int source_open_beneath(int dir_fd, const char *name, int flags);
