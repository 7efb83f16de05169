/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* What the parts of verify-file.c share. */

#include "collect/elf.h"
#include "image/described.h"
#include "image/tree.h"
#include "image/verify-file.h"

/* What is kept of a file's content. */
typedef enum ContentKind {
        CONTENT_ELF, /* a program or a library */
        CONTENT_BROKEN, /* it begins like one, but can't be read */
        CONTENT_SCRIPT, /* `text` is its interpreter */
        CONTENT_DRIVER,
        CONTENT_TEXT, /* all of it: a unit, an index of drivers, ld.so.cache */
        CONTENT_OTHER, /* nothing */
} ContentKind;

typedef struct Content {
        ContentKind kind;
        Elf *elf;
        char **builtins; /* the directories that are built into a loader */
        char *text;
        size_t size;
        char **depends; /* the names of the drivers that a driver needs */
        char *vermagic; /* of a driver: "6.1.0-13-amd64 SMP …"; NULL: it has none */
        unsigned class, machine; /* of a driver */
} Content;
void content_free(void *content);
/* Whether what is at `node` is of that kind. */
const Content *node_content(const TreeNode *node, ContentKind kind);

/* Takes content as it comes and keeps what is needed of it, in the file of the node. */
typedef struct Keeper {
        TreeNode *node;
        uint64_t total, left; /* of the content */
        bool decided;
        size_t want; /* how much of it */
        char *buffer;
        size_t size, allocated;
        size_t kept; /* text, in all */
} Keeper;
void keeper_done(Keeper *keeper);
/* `node` NULL: what comes is lost. */
int keeper_begin(Keeper *keeper, TreeNode *node, uint64_t size);
int keeper_feed(Keeper *keeper, const void *data, size_t size);

typedef struct Verification {
        Image *image;
        finding_t on_finding;
        void *userdata;
        const VerifyAgainst *against;
        BootStep step; /* that what is found now is about */
        bool found; /* anything */
        Tree *tree;
        bool ours; /* made by initrdd */
} Verification;

/* Says that something is wrong. 0, or a negative errno that ends everything. */
int verification_find(Verification *v, const char *path, const char *format, ...) _printf_(3, 4);

int verify_programs(Verification *v);
int verify_units(Verification *v);
int verify_drivers(Verification *v);
/* What systemd needs on its way to the root, if it is /init; nothing of other programs. */
int verify_boot(Verification *v);
/* What the kernel asks of the image, if it is known. */
int verify_for_kernel(Verification *v, const ImageSegment *segments, size_t n);
/* What a machine asks of it. */
int verify_facts(Verification *v);

#define REBUILD "rebuild the image"
