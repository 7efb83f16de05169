/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * Module files (*.module): what a capability of an image consists of. Declared, never programmed.
 * The syntax is in man/initrdd.module.5; this is what a file looks like once it was read.
 *
 * Found in modules.d/ of the configuration directories, masked by name, extended by
 * NAME.module.d/<any>.conf. Lists grow, and an empty assignment resets the list of that key.
 * Unlike the configuration, a module file is strict: an unknown key or a bad value is a failure
 * (ConfigInvalid) with file and line, since a module that lost a line makes an image that does not
 * boot. In a value, a leading "-" makes an entry optional, and "a|b|c" lists alternatives of which
 * the first that exists is taken. Entries are separated by white space; "…" quotes. `%v` is the
 * kernel's version, `%D` is /usr/lib/initrdd, `%%` a percent sign.
 *
 * Paths here are simplified, absolute and without ".." (or begin with %D), but not yet expanded:
 * %v, %D and %% are still in them, in names and in Text=. Of alternatives with a destination,
 * "a|b:DESTINATION", the destination goes with each.
 */

#include <sys/types.h>

#include <xxhash.h>

#include "describe/config.h"
#include "macro.h"
#include "report.h"
#include "source/source.h"

typedef enum ContentType {
        CONTENT_BINARY, /* Binary=PATH|NAME: an executable with its libraries and interpreter. A
                         * bare name is looked for in /usr/sbin, /usr/bin, /sbin, /bin. */
        CONTENT_LIBRARY, /* Library=SONAME|GLOB|PATH: what is loaded by dlopen(); a bare name is
                          * looked for where the root's ld.so looks, a glob too. */
        CONTENT_FILE, /* File=SOURCE[:DESTINATION]: a plain file, SOURCE may be a glob, in which
                       * case DESTINATION, if any, is a directory and ends in "/" */
        CONTENT_TREE, /* Tree=SOURCE[:DESTINATION]: a directory with all that is in it */
        CONTENT_DIRECTORY, /* Directory=PATH[:MODE]: an empty directory; octal, default 0755 */
        CONTENT_SYMLINK, /* Symlink=PATH:TARGET */
        CONTENT_TEXT, /* Text=PATH[:MODE] CONTENT: a file with this content; one entry a line; C
                       * escapes (and \\s for a space); it may stand in "…"; a line break is added
                       * at the end unless there is one or CONTENT is empty */
        CONTENT_UNIT, /* Unit=NAME: a unit with its vendor drop-ins, its programs, and its links
                       * in *.wants/ and *.requires/ */
        CONTENT_ENABLE, /* Enable=UNIT:TARGET: a link TARGET.wants/UNIT (TARGET may end in
                         * .requires or .wants to say which) */
        CONTENT_MASK, /* Mask=UNIT: a link to /dev/null in /etc/systemd/system */
        CONTENT_UDEV_RULE, /* UdevRule=NAME: from the udev rules directories, with its programs */
        CONTENT_GENERATOR, /* Generator=NAME: from the systemd generator directories */
        CONTENT_GENERATOR_ON_DEMAND, /* GeneratorOnDemand=NAME: the same, where initrdd-generator
                                      * starts it when it has something to do */
        CONTENT_KEYMAP, /* Keymap=PATH: what this vconsole.conf asks for: its keyboard map as one
                         * flat text and its fonts, below /etc/initrdd, and a file at PATH that
                         * names these */
        CONTENT_SPLASH_THEME, /* SplashTheme=PATH: the plymouth theme that this plymouthd.conf names,
                               * or that this *.plymouth file is: its directory, its images, its
                               * plugin and its fonts */
        CONTENT_USER, /* User=NAME: an account with its primary group, from the root's passwd,
                       * group, or from sysusers.d; the collector writes /etc/passwd and so on */
        CONTENT_GROUP, /* Group=NAME */
        _CONTENT_MAX,
        _CONTENT_INVALID = -EINVAL,
} ContentType;
const char *content_type_to_string(ContentType t); /* the key: "Binary", "UdevRule"… */
ContentType content_type_from_string(const char *s);

typedef struct Content {
        ContentType type;
        bool optional;
        char **alternatives; /* at least one; exactly one of Directory, Symlink, Text and Mask */
        char *destination; /* where the key takes one (DESTINATION, TARGET), or NULL; that of File
                            * ends in "/" if it is a directory to put the source in */
        char *text; /* Text=: the whole content, line break at the end included; "" if there is
                     * none; never NULL there */
        mode_t mode; /* where the key takes one, or (mode_t) -1 */
        char *path; /* the file that says so */
        unsigned line;
} Content;

typedef enum DriverRuleType {
        DRIVER_RULE_NAME, /* Name=: a driver, "-" and "_" alike, wildcards allowed */
        DRIVER_RULE_PATH, /* Path=: a glob over the path below the kernel's directory, without
                           * compression suffix: kernel/drivers/nvme/<any>. '*' crosses no slash,
                           * "**" does. */
        DRIVER_RULE_ALIAS, /* Alias=: what modprobe resolves, "fs-ext4", "crypto-lzo" */
        DRIVER_RULE_MATCH, /* Match=: as Path=; all of them in a generic image, in host and strict
                            * ones only those that the machine's hardware asks for by modalias;
                         * never mandatory */
        DRIVER_RULE_LOAD, /* Load=: as Name=, and loaded before udev starts */
        DRIVER_RULE_FIRMWARE, /* Firmware=: a glob below the firmware directories */
        _DRIVER_RULE_MAX,
        _DRIVER_RULE_INVALID = -EINVAL,
} DriverRuleType;
const char *driver_rule_type_to_string(DriverRuleType t);
DriverRuleType driver_rule_type_from_string(const char *s);

typedef struct DriverRule {
        DriverRuleType type;
        bool optional; /* else it must be a driver or built in */
        char **alternatives;
        char *path;
        unsigned line;
        const char *key; /* static: as it is written there, where that is no module file; NULL */
} DriverRule;

typedef struct ModuleOrigin {
        char *path;
        unsigned line;
} ModuleOrigin;

typedef struct Module {
        char *name; /* of the file, without .module */
        char *path; /* the main file */
        char *description;
        char **requires; /* Requires=: modules that must be in the image too */
        ModuleOrigin *requires_from; /* where each of these stands, in the same order */
        char **wants; /* Wants=: modules that are in it if their content is there */
        char **conflicts; /* Conflicts= */
        char **needed; /* Needed=: tags of facts, wildcards allowed; empty: only by name */
        bool modes[_MODE_MAX]; /* Modes=: in which it may be chosen by facts; default all */
        bool modes_said;
        bool always; /* Always=yes: part of every image (base, udev…) */
        char *fragment; /* Fragment=: modules with the same are packed together; default name */
        Content *contents;
        size_t n_contents;
        DriverRule *drivers;
        size_t n_drivers;
        XXH128_hash_t hash; /* of everything above but where it was said: the definition */
} Module;

/* Every module that there is and isn't masked, by name. */
typedef struct Modules {
        Module **modules;
        size_t n_modules;
} Modules;

int modules_load(Source *source, Trace *trace, Report *report, Modules **ret);
Modules *modules_free(Modules *modules);
DEFINE_CLEANUP_FUNC(Modules *, modules_free);
const Module *modules_find(const Modules *modules, const char *name);

/* One file from text, for tests and fuzzing; drop-ins are parsed onto the same Module. The hash is
 * of what it is then. 0, or an error with a failure in the report, and the Module is of no use. */
int module_parse(Module *module, Report *report, const char *path, const char *text, size_t size);
int module_new(Module **ret, const char *name);
Module *module_free(Module *module);
DEFINE_CLEANUP_FUNC(Module *, module_free);
