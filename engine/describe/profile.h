/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * One recipe for images: the keys of [Profile], what they may be, and what holds where nothing was
 * said. man/initrdd.conf.5 has the words for it.
 */

#include "macro.h"
#include "report.h"

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

void includes_free(Include *includes, size_t n);

/* The keys of [Profile]. */
typedef enum ProfileKey {
        PROFILE_MODE,
        PROFILE_OUTPUT,
        PROFILE_KERNELS,
        PROFILE_MODULES,
        PROFILE_DRIVERS,
        PROFILE_OMIT_DRIVERS,
        PROFILE_FORCE_DRIVERS,
        PROFILE_INCLUDE,
        PROFILE_COMPRESSION,
        PROFILE_LEVEL,
        PROFILE_IDLE_LEVEL,
        PROFILE_EMERGENCY,
        PROFILE_EMERGENCY_PASSWORD,
        PROFILE_MICROCODE,
        PROFILE_ACPI_TABLES,
        _PROFILE_KEY_MAX,
        _PROFILE_KEY_INVALID = -EINVAL,
} ProfileKey;
const char *profile_key_to_string(ProfileKey key); /* "OmitDrivers" */
ProfileKey profile_key_from_string(const char *s);

typedef struct ProfileOrigin {
        char *path; /* NULL: a command line */
        unsigned line; /* 0: not said in a file */
} ProfileOrigin;

/* [Profile] */
typedef struct Profile {
        char *name;
        Mode mode; /* default: host for `default`, generic for `fallback` and others */
        char *output; /* with %v and %p; default /boot/initrd.img-%v, others …-%v-%p */
        char **kernels; /* globs; empty: all */
        char **modules; /* NAME adds, -NAME leaves out; each NAME once, the last word on it counts */
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
        /* Whether it was said, or follows from the rest. `output` likewise. */
        bool compression_set, level_set, idle_level_set, mode_set, microcode_set, output_set;
        ProfileOrigin origins[_PROFILE_KEY_MAX]; /* of each key that was said: where, at last */
} Profile;

/* Built-in values, for the profile of that name. */
int profile_new(Profile **ret, const char *name);
int profile_copy(const Profile *profile, Profile **ret);
Profile *profile_free(Profile *profile);
DEFINE_CLEANUP_FUNC(Profile *, profile_free);

/*
 * Settings from a command line, on top of a profile: 0, or -EINVAL with a failure in the report
 * ("Level=99: zstd takes 1 to 22") and the profile as it was. Only for keys of [Profile]; an empty
 * value resets, lists grow. A Level= that the profile's file has, and that a new Compression= can't
 * do, becomes the default, with a warning; one that was set by these calls is a failure then.
 * profile_apply() takes "KEY=VALUE"s whose order doesn't matter between keys (Level= is held
 * against the Compression= beside it), and all of them or none.
 */
int profile_set(Profile *profile, Report *report, const char *key, const char *value);
int profile_apply(Profile *profile, Report *report, char *const *settings);

/* One assignment in a file, below [Profile]: what makes no sense is a warning. Levels are looked at
 * by profile_settle() at the end, when the compressor is known. 0 or -ENOMEM. */
int profile_assign(Profile *profile, Report *report, const char *path, unsigned line,
                   const char *key, const char *value);
/* As profile_assign(), of a command line: -EINVAL and a failure in the report, and the profile may
 * be half set. What profile_set() works with, on a copy. */
int profile_assign_strict(Profile *profile, Report *report, const char *key, const char *value);
/* What depends on more than one key; and fills in what was not said. 0, or an error as
 * profile_set() has it. */
int profile_settle(Profile *profile, Report *report);

/* Whether Kernels= has that version. */
bool profile_has_kernel(const Profile *profile, const char *version);

/* The value that a key has in the end, as a file would say it; "" when there is none, and of keys that
 * don't change what an image has or are told elsewhere. The caller frees. */
int profile_key_describe(const Profile *profile, ProfileKey key, char **ret);

/* Where the image goes: `output` with %v and %p filled in, %% for a percent sign. The caller
 * frees. -EINVAL for another specifier. */
int profile_output_path(const Profile *profile, const char *kernel_version, char **ret);
