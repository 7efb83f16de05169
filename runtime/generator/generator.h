/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * initrdd-generator: what users of dracut and of initramfs-tools type on the kernel command line,
 * turned into units, drop-ins and udev rules before PID 1 and udev look for any. One file for each
 * noun; man/initrdd-cmdline.7 has the options.
 *
 * An option that can't be understood is a line in the journal and nothing else: what the others
 * ask for is still done.
 */

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "macro.h"

typedef struct Generator {
        /* systemd.generator(7): between /etc and /usr, before /etc, behind all others. */
        const char *normal, *early, *late;
        const char *root; /* "" or where /etc and /run are, for tests */
        char **words; /* of the kernel command line, in their order */
} Generator;

/* generator.c: a line in the journal, or where tests look for it. */
void generator_warn(const Generator *g, const char *format, ...) _printf_(2, 3);
/* Writes DIRECTORY/NAME whole, with the directories above it. `directory` is one of the three, or
 * an absolute path that is meant below g->root. 0, or an error that was logged. */
int generator_write(const Generator *g, const char *directory, const char *name, const char *text);
/* What had that name is replaced. */
int generator_link(const Generator *g, const char *directory, const char *name,
                   const char *target);
/* Where udev looks first, for rules that are the image's own: what lies in /run would have the real root's
 * udev leave alone, too, what is left alone here. */
#define RULES_DIRECTORY "/etc/udev/rules.d"
/* TARGET.KIND/UNIT in the normal directory, so that TARGET wants or requires it. */
int generator_add_symlink(const Generator *g, const char *target, const char *kind,
                          const char *unit);

/* Runs one of systemd's own generators, with these directories and this environment. */
int generator_run(const Generator *g, const char *name, const char *const directories[3],
                  char *const environment[]);

/* on-demand.c: those of systemd's own generators that lie here are started when the kernel command line or
 * what else they read has something for them. */
#define ON_DEMAND_DIRECTORY "/usr/lib/initrdd/generators"
typedef struct OnDemand {
        pid_t *pids;
        size_t n, n_allocated;
} OnDemand;

/* All are started where `all` says so, since the command line could not be read. 0 or an error that was logged; those that were
 * started run, and are to be waited for, in any case. */
int on_demand_start(const Generator *g, bool all, OnDemand *o);
/* 0, or -EIO when one of them failed, which it says itself. */
int on_demand_wait(const Generator *g, OnDemand *o);

/* option.c: the words of the kernel command line. The caller frees. */
int option_read(char ***ret);
/* What a word is about. The value of "KEY=VALUE" that word i is, "" of a bare "KEY", else
 * NULL. */
const char *option_value(const char *word, const char *key);
/* The last one's value, borrowed; NULL: not there. */
const char *option_get(const Generator *g, const char *key);
/* What that value says; `word` is the whole. A bare word is true; -EINVAL of what is neither. */
int option_parse_bool(const char *word, const char *value);
/* The last one that is understood. A bare word is true; others are a line in the journal. */
bool option_bool(const Generator *g, const char *key, bool otherwise);
/* Whether the word is there and false, or true. */
bool option_is(const Generator *g, const char *key, bool value);
/* Seconds, digits alone. -ENOENT when no word says any that is understood. */
int option_seconds(const Generator *g, const char *key, unsigned *ret);

/* How many seconds the root is waited for: rd.timeout= (0: for ever), else rd.retry=, else rootdelay= if that is
 * longer than `otherwise`. False if none of them says anything, and it is as long as that. */
bool option_patience(const Generator *g, unsigned otherwise, unsigned *ret);

/* "ro" or "rw", how the root is mounted: the last of these words, else of those among the flags of the mount
 * (NULL: rootflags=), else "ro". Behind the flags, it is what counts. */
const char *option_access(const Generator *g, const char *flags);

/* The interface that the machine was started from, as the admin or the boot loader names it, or NULL. */
const char *option_bootdev(const Generator *g);

/* One for each noun. 0 or an error that was logged. */
int generate_lvm(const Generator *g);
int generate_md(const Generator *g);
int generate_multipath(const Generator *g);
int generate_dmraid(const Generator *g);
int generate_crypt(const Generator *g);
int generate_netblock(const Generator *g);
int generate_device(const Generator *g);
int generate_root(const Generator *g);
int generate_driver(const Generator *g);
int generate_console(const Generator *g);
int generate_network(const Generator *g);
int generate_nfs(const Generator *g);
int generate_share(const Generator *g);
int generate_live(const Generator *g);
int generate_overlay(const Generator *g);
int generate_step(const Generator *g);
int generate_unsupported(const Generator *g);

/* device.c: /dev/disk/by-uuid/a-b → "dev-disk-by\x2duuid-a\x2db". The caller frees. */
char *unit_escape_path(const char *path);
/* The node that "LABEL=x", its like, or "/dev/x" names; CDLABEL= is dracut's word for the label of a
 * medium. 1; 0 when it names none. The caller frees. */
int device_node(const char *spec, char **ret);

/* share.c: whether root= is a tag of what the host of a virtual machine shares. */
bool share_is_root(const Generator *g);

/* live.c: whether root= is an image on a medium, however it is written. */
bool live_is_root(const Generator *g);

/* overlay.c: what the command line says of writing to a root that isn't written to. */
typedef struct Overlay {
        bool wanted; /* over any root; an image on a medium needs no asking */
        bool none; /* not even over that */
        bool readonly, reset;
        const char *device; /* as it was written, or NULL for memory */
        char *node;
        char *path; /* there, or NULL */
        char *memory; /* options of its tmpfs, or NULL */
} Overlay;

int overlay_read(const Generator *g, Overlay *ret);
/* The device that changes are to be kept on, of an overlay that there may be: 1, 0: none. The caller frees. */
int overlay_find_node(const Generator *g, char **ret);
void overlay_done(Overlay *o);
/* The service that makes /run/overlayfs and /run/ovlwork, and with `over` lays it over that mount.
 * `more` are further lines of its [Unit]; `live` is where a medium of an image has its directories,
 * or NULL. */
int overlay_write_service(const Generator *g, const Overlay *o, const char *live, const char *over,
                          const char *more);

/* unit.c: text for units. The caller frees. */
/* One word of a command line, in quotes. */
char *unit_quote(const char *word);
/* For values in which only "%" means something. */
char *unit_escape_percent(const char *value);
/* A value can stand in a unit: nothing but printing characters, and no line goes on after it. */
bool unit_value_is_valid(const char *value);

/* root.c: the units that systemd's generator makes of root=WHAT, before those that it makes by itself. `type`
 * and `flags` are those of the command line where they are NULL. 0 or an error that was logged. */
int root_generate(const Generator *g, const char *what, const char *type, const char *flags);
/* A sysroot.mount of our own in their place, which initrd-root-fs.target requires. 0 or an error that was
 * logged. */
int root_write(const Generator *g, const char *text);

/* The node that root= names, 1; 0 when it names none. The caller frees. */
int device_root_node(const Generator *g, char **ret);
/* How long the root's node, or none if NULL, /usr, and the encrypted devices that they may lie on are waited for,
 * 0: for ever. Of drop-ins the last name counts. */
int device_set_timeouts(const Generator *g, const char *root, const char *name, unsigned seconds);
/* Where something is to be unlocked: what ends the wait for the root's node, so many seconds after the start and
 * after the last was opened, when one could not be. Written again, it is as it was written last. */
int device_end_wait(const Generator *g, const char *root, unsigned seconds);
/* crypt.c: the nodes of all encrypted devices that are named; not of those that say themselves how long
 * they are waited for. The caller frees. */
int crypt_find_sources(const Generator *g, char ***ret);
/* Where udev makes a link to the disk that root=iscsi: means. */
#define ISCSI_ROOT "/dev/initrdd/root"
