/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* What the files of this room share: a Collector, and how a path gets into a Collection. */

#include "collect/collect.h"
#include "collect/ldso.h"
#include "strmap.h"

struct Collector {
        Source *source;
        Report *report;
        const Kernel *kernel;
        const Profile *profile;
        const Facts *facts;
        Drivers *drivers;
        Ldso *ldso;
        Strmap files; /* canonical path → FileInfo */
        Strmap again; /* canonical path → what collector_needs() found */
        Trace *known;
};

/* A file that another one needs: where the loader would open it. */
typedef struct FileNeed {
        char *path;
        char *builtin; /* LdsoFound.builtin */
} FileNeed;

/* What there is to know of a file in the root, found out once for all modules. */
typedef struct FileInfo {
        XXH128_hash_t hash;
        uint64_t size;
        mode_t mode;
        FileNeed *needs; /* interpreter, libraries */
        size_t n_needs, allocated_needs;
        Trace *trace; /* of finding all that out */
        char *missing; /* a sentence: what it needs, directly or not, and isn't there */
        int error; /* what it needs can't be read: -EACCES and so on; else 0 */
} FileInfo;

FileInfo *file_info_free(FileInfo *info);
/* Borrowed. -EACCES and so on when the file itself can't be read. */
int collector_file_info(Collector *c, const char *canonical, FileInfo **ret);

/*
 * Brings the file or directory at `path` into the collection with all that it needs, at its own
 * place with the links that lead there, or, a file, at `destination`. -ENOENT when it isn't there;
 * -ENOPKG when something that it needs isn't, and nothing was added; both leave a sentence in
 * `ret_missing` (may be NULL; the caller frees).
 */
int collect_path(Collector *c, Collection *out, const char *path, const char *destination,
                 const char *why, char **ret_missing);

/* The parent directories of a canonical path, with the modes that the root gives them. */
int collect_parents(Collector *c, Collection *out, const char *canonical);

/* Where `path` lies in the image: what exists of it in the root is resolved. The caller frees. */
int collect_image_path(Collector *c, Collection *out, const char *path, char **ret);

/* A file of these lines that only root may read; none of no lines. */
int collect_lines(Collector *c, Collection *out, const char *path, char *const *lines,
                  const char *why);

/* A library that only ld.so.cache would find gets a link where the loader looks by itself. */
int collect_builtin_link(Collector *c, Collection *out, const char *library, const char *directory,
                         const char *why);

/* One line of [Content]. As collect_path(), of each of its alternatives. When it can't be had, nothing
 * that it brought is left. */
int collect_content(Collector *c, Collection *out, const Content *content, const char *why,
                    char **ret_missing);

/* A unit with its drop-ins, programs and links; a rules file with its programs. */
int collect_unit(Collector *c, Collection *out, const char *name, const char *why,
                 char **ret_missing);
int collect_udev_rule(Collector *c, Collection *out, const char *name, const char *why,
                      char **ret_missing);

/* What a vconsole.conf asks for, made ready to be loaded. A map that can't be flattened is a failure
 * in the report, and -EINVAL. */
int collect_keymap(Collector *c, Collection *out, const char *path, const char *why,
                   char **ret_missing);

/* The theme of the boot splash that the file at `path` names, or is. */
int collect_splash_theme(Collector *c, Collection *out, const char *path, const char *why,
                         char **ret_missing);

/* A directory with everything in it; of anything else just that. As collect_path(). */
int collect_tree(Collector *c, Collection *out, const char *path, const char *destination,
                 const char *why, char **ret_missing);

/* A program by its path or, by its bare name, from where programs are. */
int collect_program(Collector *c, Collection *out, const char *name, const char *why,
                    char **ret_missing);

/* Says what is missing, unless that was said. */
void set_missing(char **ret_missing, const char *format, ...) _printf_(2, 3);

/* Whether the error means that something isn't there. */
static inline bool is_missing(int r) {
        return r == -ENOENT || r == -ENOTDIR || r == -ENOPKG || r == -ELOOP;
}
