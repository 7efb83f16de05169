/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * One look at everything: each kernel, each image that there should be, what a person would want to
 * know of them, and where a change may matter. Nothing is made or changed, but that a trace may be
 * brought up to date; a store that is missing is not made.
 */

#include "build.h"

typedef enum ImageState {
        IMAGE_CURRENT, /* it is what a build would make */
        IMAGE_STALE, /* something that it was made of, or that was looked for in vain, changed */
        IMAGE_MISSING,
        IMAGE_INCOMPLETE, /* it can't be built: the kernel, or the machine's root, lacks something */
        IMAGE_FOREIGN, /* a file that another program made */
        IMAGE_ORPHANED, /* was installed once; its kernel or profile is gone, the file is not */
} ImageState;
const char *image_state_to_string(ImageState state); /* "current"… */

typedef struct ExaminedKernel {
        char *version;
        KernelState state;
        char *reason; /* a sentence, or NULL */
        char *image; /* vmlinuz, a path of the running system; NULL when none was found */
} ExaminedKernel;

typedef struct ExaminedImage {
        char *kernel, *profile;
        char *path; /* of the running system */
        ImageState state;
        char **reasons; /* sentences; none of one that is current */
        bool kernel_changed; /* the drivers are others than those that it was made of */
        bool damaged; /* nothing can boot with what is there: it is no file, empty, cut short */
        bool packed_hard; /* recompress() would find nothing in it */
        bool exists; /* there is a file, and these are its: */
        uint64_t inode, size;
        int64_t mtime; /* ns */
        char *description; /* text of /.initrdd/image.json; of current and stale ones only, or NULL */
} ExaminedImage;

/* An image as it was once installed. */
typedef struct KnownImage {
        const char *kernel, *profile, *path;
        uint64_t inode, size;
        int64_t mtime;
} KnownImage;

typedef struct ExamineOptions {
        BuildOptions build; /* of these no kernel; with no profile all profiles */
        const KnownImage *known;
        size_t n_known;
} ExamineOptions;

typedef struct Examination {
        Config *config;
        Modules *modules;
        char **module_paths; /* of their files, on the running system; in the same order */
        ExaminedKernel *kernels; /* newest first */
        size_t n_kernels, allocated_kernels;
        ExaminedImage *images; /* by profile, newest kernel first; then orphans */
        size_t n_images, allocated_images;
        char *default_kernel; /* the one that boots next, or NULL */
        char **watches; /* directories of the running system, sorted */
} Examination;

/* What is wrong with a single image is told with it; a failure is what concerns all of them. */
int examine(const ExamineOptions *options, Report *report, Examination **ret);
Examination *examination_free(Examination *examination);
DEFINE_CLEANUP_FUNC(Examination *, examination_free);
