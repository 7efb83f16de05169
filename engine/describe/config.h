/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * What an admin wants: initrdd.conf and the profiles, ini files with drop-ins and masking.
 *
 * /etc/initrdd/initrdd.conf or, where that is missing, the one in /run/initrdd, then
 * /usr/lib/initrdd; then the drop-ins initrdd.conf.d/NAME.conf of all three directories, by name,
 * where a name in /etc hides the same in /run, and that the one in /usr/lib. An empty file or a
 * link to /dev/null masks. profiles.d/PROFILE.conf likewise, with PROFILE.conf.d/ drop-ins.
 * A list grows with each assignment; an empty one resets it. An unknown key, section or a value
 * that makes no sense is a warning with file and line, and the default stays.
 */

#include "macro.h"
#include "report.h"
#include "source/source.h"

typedef enum Mode {
        MODE_HOST, /* what this machine needs, and the common drivers so that it boots elsewhere */
        MODE_STRICT, /* what this machine needs */
        MODE_GENERIC, /* everything that is there to be had */
        _MODE_MAX,
        _MODE_INVALID = -EINVAL,
} Mode;
const char *mode_to_string(Mode mode);
Mode mode_from_string(const char *s);

typedef enum Emergency {
        EMERGENCY_LOCKED, /* no shell; the console says so */
        EMERGENCY_OPEN, /* a shell for who is at the console */
        EMERGENCY_PASSWORD, /* a shell for who knows root's password */
        _EMERGENCY_MAX,
        _EMERGENCY_INVALID = -EINVAL,
} Emergency;
const char *emergency_to_string(Emergency e);
Emergency emergency_from_string(const char *s);

typedef enum Microcode {
        MICROCODE_NO,
        MICROCODE_HOST, /* for the CPU that this machine has */
        MICROCODE_ALL,
        _MICROCODE_MAX,
        _MICROCODE_INVALID = -EINVAL,
} Microcode;
const char *microcode_to_string(Microcode m);
Microcode microcode_from_string(const char *s);

typedef enum Compression {
        COMPRESSION_NONE,
        COMPRESSION_ZSTD,
        COMPRESSION_XZ,
        COMPRESSION_GZIP,
        COMPRESSION_LZ4,
        _COMPRESSION_MAX,
        _COMPRESSION_INVALID = -EINVAL,
} Compression;
const char *compression_to_string(Compression c);
Compression compression_from_string(const char *s);
/* The levels that the compressor takes: zstd 1–22, xz 0–9, gzip 1–9, lz4 1–12, none 0. */
void compression_level_range(Compression c, int *ret_min, int *ret_max);

/* "Include=SOURCE[:DESTINATION]": a file or a tree of the admin's own. Both absolute. */
typedef struct Include {
        char *source, *destination;
        char *path; /* where it was asked for */
        unsigned line;
} Include;

/* [Profile] */
typedef struct Profile {
        char *name;
        Mode mode; /* default: host for `default`, generic for `fallback` and others */
        char *output; /* with %v and %p; default /boot/initrd.img-%v, others …-%v-%p */
        char **kernels; /* globs; empty: all */
        char **modules; /* NAME adds, -NAME leaves out */
        char **drivers; /* names or globs added */
        char **omit_drivers; /* names or globs left out */
        char **force_drivers; /* added and loaded before udev starts */
        Include *includes;
        size_t n_includes;
        Compression compression; /* zstd */
        int level; /* quick; default 3, 6 for gzip and xz, 1 for lz4 */
        int idle_level; /* hard; 0 never; default 19 for zstd, 9 for xz, gzip and 12 lz4 */
        Emergency emergency; /* locked */
        char *emergency_password; /* crypt(5) hash; NULL: root's own of /etc/shadow */
        Microcode microcode; /* host in host and strict mode, all in generic */
        char *acpi_tables; /* directory of *.aml, or NULL */
        char *path; /* the main file that it was read from, NULL for the built-in default */
        /* file and line of each key that was set, "KEY" → origin; what cat-config shows */
        bool compression_set, level_set, idle_level_set, mode_set, microcode_set;
} Profile;

typedef struct Config {
        Profile **profiles; /* by name; `default` is always there */
        size_t n_profiles;
        /* [Service] keys come with the service */
} Config;

int config_load(Source *source, Trace *trace, Report *report, Config **ret);
Config *config_free(Config *config);
DEFINE_CLEANUP_FUNC(Config *, config_free);

/* NULL when there is none of that name. */
const Profile *config_find_profile(const Config *config, const char *name);

/* Settings from a command line, on top of a profile: 0, or -EINVAL with a failure in the report
 * ("Level=99"). Only for keys of [Profile]. */
int profile_set(Profile *profile, Report *report, const char *key, const char *value);
int profile_copy(const Profile *profile, Profile **ret);
Profile *profile_free(Profile *profile);
DEFINE_CLEANUP_FUNC(Profile *, profile_free);

/* Where the image goes: `output` with %v and %p filled in, %% for a percent sign. The caller
 * frees. -EINVAL for another specifier. */
int profile_output_path(const Profile *profile, const char *kernel_version, char **ret);

/* Every file that makes up the configuration, in the order of reading, each with a "# /path"
 * line before it: what `cat-config` prints. The caller frees. */
int config_cat(Source *source, char **ret);
