/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Where systemd is /init, the way to the root is always the same, whoever made the image:
 * bootup(7), "Bootup in the initrd". What it can't do without is looked for here by name; that each
 * unit, program and script has what it needs in turn is the business of the other checks.
 *
 * A check for ours alone says so: other tools copy rules whose programs they leave out.
 */

#include <stdio.h>
#include <sys/stat.h>

#include "collect/udev-rule.h"
#include "image/verify-internal.h"
#include "pack/compress.h"
#include "path-util.h"
#include "string-util.h"

/* systemd-executor(8) came with it. */
#define VERSION_WITH_EXECUTOR 255

static const char *const unit_directories[] = {
        "/etc/systemd/system",
        "/run/systemd/system",
        "/usr/lib/systemd/system",
        "/lib/systemd/system",
};
static const char *const rule_directories[] = {
        "/etc/udev/rules.d",
        "/run/udev/rules.d",
        "/usr/lib/udev/rules.d",
        "/lib/udev/rules.d",
};
static const char *const generator_directories[] = {
        "/etc/systemd/system-generators",
        "/usr/lib/systemd/system-generators",
        "/lib/systemd/system-generators",
};
static const char *const program_directories[] = { "/usr/sbin", "/sbin", "/usr/bin", "/bin" };

/* What must be there under any of these directories. */
typedef struct Need {
        const char *const *directories;
        size_t n_directories;
        const char *name;
        BootStep step;
        const char *what_for; /* "without it …" */
} Need;

#define UNIT(name, step, what_for)                                                                \
        { unit_directories, ELEMENTSOF(unit_directories), name, step, what_for }
#define RULE(name, what_for)                                                                      \
        { rule_directories, ELEMENTSOF(rule_directories), name, BOOT_STEP_DEVICES, what_for }
#define PROGRAM(name, step, what_for)                                                             \
        { program_directories, ELEMENTSOF(program_directories), name, step, what_for }

static const Need needs[] = {
        UNIT("initrd.target", BOOT_STEP_INIT, "systemd has nothing to start"),
        UNIT("sysinit.target", BOOT_STEP_UNITS, "nothing that systemd starts comes up"),
        UNIT("basic.target", BOOT_STEP_UNITS, "nothing that systemd starts comes up"),
        UNIT("systemd-udevd.service", BOOT_STEP_DEVICES, "no device is ever found"),
        UNIT("systemd-udev-trigger.service", BOOT_STEP_DEVICES,
             "devices that were there before udev are never found"),
        UNIT("initrd-root-fs.target", BOOT_STEP_ROOT, "nothing waits for the root"),
        UNIT("initrd-parse-etc.service", BOOT_STEP_ROOT, "what the root's fstab says is not read"),
        UNIT("initrd-cleanup.service", BOOT_STEP_ROOT, "nobody leaves the initrd"),
        UNIT("initrd-switch-root.target", BOOT_STEP_ROOT, "nobody switches to the root"),
        UNIT("initrd-switch-root.service", BOOT_STEP_ROOT, "nobody switches to the root"),
        UNIT("emergency.target", BOOT_STEP_EMERGENCY, "a boot that fails stands still"),
        UNIT("emergency.service", BOOT_STEP_EMERGENCY, "a boot that fails stands still"),
        { generator_directories, ELEMENTSOF(generator_directories), "systemd-fstab-generator",
          BOOT_STEP_ROOT, "root= of the command line means nothing" },
        RULE("50-udev-default.rules", "devices get no group and no links"),
        RULE("60-persistent-storage.rules", "no disk is found by UUID or label"),
        RULE("80-drivers.rules", "no driver is loaded for a device"),
        RULE("99-systemd.rules",
             "systemd never learns of a device, and waits for the root in vain"),
        PROGRAM("mount", BOOT_STEP_ROOT, "systemd can't mount the root"),
        PROGRAM("umount", BOOT_STEP_ROOT, "systemd can't unmount anything"),
        PROGRAM("udevadm", BOOT_STEP_DEVICES, "udev can't be told to look at devices"),
};

/* The node under the first directory that has the name; NULL. Of a link in the last component the
 * node itself: one to /dev/null is a choice. */
static const TreeNode *find(const Tree *tree, const char *const *directories, size_t n,
                            const char *name) {
        for (size_t i = 0; i < n; i++) {
                _cleanup_free_ char *path = path_join(directories[i], name);
                const TreeNode *node = path ? tree_find(tree, path) : NULL;

                if (node)
                        return node;
        }
        return NULL;
}

static bool is_masked(const TreeNode *node) {
        return S_ISLNK(node->file->mode) && streq(node->file->target, "/dev/null");
}

static int check_need(Verification *v, const Need *need) {
        const TreeNode *node = find(v->tree, need->directories, need->n_directories, need->name);
        _cleanup_free_ char *path = NULL;
        bool program = need->directories == program_directories ||
                       need->directories == generator_directories;

        if (node && is_masked(node))
                return 0;
        if (node && (program ? tree_has_program(v->tree, node->path)
                             : tree_resolve(v->tree, node->path) != NULL))
                return 0;
        v->step = need->step;
        path = node ? strdup(node->path)
                    : path_join(need->directories[need->n_directories > 3 ? 2 : 1], need->name);
        if (!path)
                return -ENOMEM;
        return verification_find(v, path, "It %s, and without it %s; " REBUILD,
                                 !node     ? "is not in the image"
                                 : program ? "can't be executed"
                                           : "leads to nothing",
                                 need->what_for);
}

/* What is no program there, systemd passes over. */
static int check_generators(Verification *v) {
        TREE_FOREACH(node, v->tree) {
                int r;

                if ((!strstr(node->path, "/systemd/system-generators/") &&
                     !startswith(node->path, "/usr/lib/initrdd/generators/")) ||
                    is_masked(node) || S_ISDIR(node->file->mode) ||
                    tree_has_program(v->tree, node->path))
                        continue;
                v->step = BOOT_STEP_UNITS;
                r = verification_find(v, node->path,
                                      "The generator can't be executed, or leads to nothing; make "
                                      "it a file with mode 0755 and " REBUILD);
                if (r < 0)
                        return r;
        }
        return 0;
}

static bool has_helper(const Verification *v, const char *program) {
        static const char *const directories[] = { "/usr/lib/udev", "/lib/udev" };

        if (*program == '/')
                return tree_has_program(v->tree, program);
        for (size_t i = 0; i < ELEMENTSOF(directories); i++) {
                _cleanup_free_ char *path = path_join(directories[i], program);

                if (path && tree_has_program(v->tree, path))
                        return true;
        }
        return false;
}

static int check_rule(Verification *v, const TreeNode *node, const Content *c) {
        _cleanup_(udev_rule_freep) UdevRule *rule = NULL;
        int r;

        r = udev_rule_parse(c->text, c->size, &rule);
        if (r < 0)
                return r == -ENOMEM ? r : 0;
        STRV_FOREACH(program, rule->programs) {
                if (has_helper(v, *program))
                        continue;
                v->step = BOOT_STEP_DEVICES;
                r = verification_find(v, node->path,
                                      "The rule runs %s, which is not in the image, or can't be "
                                      "executed; install the package that has it and " REBUILD,
                                      *program);
                if (r < 0)
                        return r;
        }
        return 0;
}

static int check_rules(Verification *v) {
        int r = 0;

        TREE_FOREACH(node, v->tree) {
                const Content *c = node_content(node, CONTENT_TEXT);

                if (r >= 0 && c && v->ours && strstr(node->path, "/udev/rules.d/"))
                        r = check_rule(v, node, c);
        }
        return r;
}

/* "libsystemd-core-257.so" */
static unsigned systemd_version(const Tree *tree) {
        TREE_FOREACH(node, tree) {
                const char *version = startswith(path_basename(node->path), "libsystemd-core-");

                if (version)
                        return (unsigned) strtoul(version, NULL, 10);
        }
        return 0;
}

static int check_init_files(Verification *v) {
        int r = 0;

        v->step = BOOT_STEP_INIT;
        if (!tree_resolve(v->tree, "/etc/initrd-release"))
                r = verification_find(
                                v, "/etc/initrd-release",
                                "Without it systemd takes the image for the real system, and "
                                "never looks for the root; " REBUILD);
        if (r >= 0 && systemd_version(v->tree) >= VERSION_WITH_EXECUTOR &&
            !tree_has_program(v->tree, "/usr/lib/systemd/systemd-executor"))
                r = verification_find(v, "/usr/lib/systemd/systemd-executor",
                                      "It is not in the image, or can't be executed, and this "
                                      "systemd starts everything by it; " REBUILD);
        return r;
}

/* libkmod looks things up in these and in no other form of them. */
static int check_indexes(Verification *v) {
        static const char *const names[] = { "modules.dep.bin", "modules.alias.bin" };
        _cleanup_strmap_ Strmap directories = STRMAP_INIT(NULL);
        int r = 0;

        TREE_FOREACH(node, v->tree) {
                const char *start = strstr(node->path, "/lib/modules/"), *end;
                _cleanup_free_ char *directory = NULL;

                end = start && node_content(node, CONTENT_DRIVER)
                                      ? strchr(start + strlen("/lib/modules/"), '/')
                                      : NULL;
                if (!end)
                        continue;
                directory = strndup(node->path, (size_t) (end - node->path));
                r = directory ? strmap_put(&directories, directory, NULL) : -ENOMEM;
                if (r < 0 && r != -EEXIST)
                        return r;
        }
        v->step = BOOT_STEP_DRIVERS;
        r = 0;
        STRMAP_FOREACH(e, &directories)
                for (size_t i = 0; i < ELEMENTSOF(names) && r >= 0; i++) {
                        _cleanup_free_ char *path = path_join(e->key, names[i]);

                        if (!path)
                                return -ENOMEM;
                        if (!tree_resolve(v->tree, path))
                                r = verification_find(
                                                v, path,
                                                "It is not in the image, and without it udev "
                                                "finds no driver; run depmod and " REBUILD);
                }
        return r;
}

static bool is_systemd(const Tree *tree) {
        const TreeNode *node = tree_resolve(tree, "/init");

        return node && streq(path_basename(node->path), "systemd");
}

int verify_boot(Verification *v) {
        int r;

        if (!is_systemd(v->tree))
                return 0;
        r = check_init_files(v);
        for (size_t i = 0; i < ELEMENTSOF(needs) && r >= 0; i++)
                r = check_need(v, &needs[i]);
        if (r >= 0)
                r = check_generators(v);
        if (r >= 0)
                r = check_rules(v);
        return r < 0 ? r : check_indexes(v);
}

int verify_for_kernel(Verification *v, const ImageSegment *segments, size_t n) {
        const Kernel *k = v->against->kernel;
        bool any = false, own = false;
        int r = 0;

        if (!k)
                return 0;
        if (kernel_option(k, "BLK_DEV_INITRD") == KERNEL_OPTION_NO)
                r = verification_find(
                                v, NULL,
                                "Kernel %s was built without CONFIG_BLK_DEV_INITRD, and uses "
                                "no image; boot another kernel",
                                k->version);
        for (size_t i = 0; i < n && r >= 0; i++) {
                const char *option = decoder_kernel_option(segments[i].decoder);

                if (option && kernel_option(k, option) == KERNEL_OPTION_NO)
                        r = verification_find(v, NULL,
                                              "Kernel %s was built without CONFIG_%s, and can't "
                                              "unpack the %s segment at %llu; set Compression= to "
                                              "something else and " REBUILD,
                                              k->version, option,
                                              decoder_to_string(segments[i].decoder),
                                              (unsigned long long) segments[i].offset);
        }
        v->step = BOOT_STEP_DRIVERS;
        TREE_FOREACH(node, v->tree) {
                const char *version = strstr(node->path, "/lib/modules/");
                size_t length = strlen(k->version);

                if (!version || !node_content(node, CONTENT_DRIVER))
                        continue;
                version += strlen("/lib/modules/");
                any = true;
                own = own || (strncmp(version, k->version, length) == 0 && version[length] == '/');
        }
        if (r >= 0 && any && !own)
                r = verification_find(v, NULL,
                                      "The image has drivers, and none for kernel %s; build one "
                                      "for that",
                                      k->version);
        return r;
}
