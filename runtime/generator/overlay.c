/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * A root that is not written to: what is changed goes to a directory that lies over it.
 *
 *   rd.overlay, rootovl             in memory, gone with the next boot; dracut's and Debian's word
 *   rd.overlay=tmpfs:OPTIONS        the same, with size=, nr_blocks=, nr_inodes= of that memory
 *   rd.overlay=DEVICE[:PATH]        there, for the next boot, too
 *   rd.overlay=none                 not even over the image on a medium
 *   rd.overlay.readonly             what is there is shown, and changes are in memory
 *   rd.overlay.reset                what is there is removed first
 *
 * and all of these with dracut's older names, rd.live.overlay…, for images on a medium. A device that
 * can't be had is no reason for not to start: a word that can't be understood asks for an overlay in
 * memory, since who says any does not want the root to be written to.
 *
 * Any root can be below. It was mounted by whatever knows how, on /sysroot, and initrdd-overlay then
 * covers that mount; /usr, where it is another file system, comes after and is as it always is.
 */

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "generator.h"
#include "string-util.h"

/* The value, or "" where it is a Boolean that is true, or NULL. */
static const char *find_value(const Generator *g, const char *key) {
        const char *value = option_get(g, key);

        return value && parse_boolean(value) == 0  ? NULL
               : value && parse_boolean(value) > 0 ? ""
                                                   : value;
}

/* Options of a tmpfs that dracut lets through; what is not among them is told of. */
static int read_memory(const Generator *g, const char *options, char **ret) {
        static const char *const keys[] = { "size=", "nr_blocks=", "nr_inodes=" };
        _cleanup_strv_free_ char **words = NULL, **good = NULL;

        if (strv_split(&words, options, ",") < 0)
                return -ENOMEM;
        STRV_FOREACH(word, words) {
                const char *value = NULL;

                for (size_t i = 0; i < ELEMENTSOF(keys) && !value; i++)
                        value = startswith(*word, keys[i]);
                if (!value || !isdigit((unsigned char) *value) ||
                    strspn(value, "0123456789kKmMgG%") != strlen(value))
                        generator_warn(g, "rd.overlay=tmpfs: knows no option \"%s\"; ignored",
                                       *word);
                else if (strv_extend(&good, *word) < 0)
                        return -ENOMEM;
        }
        if (!good)
                return 0;
        *ret = strv_join(good, ",");
        return *ret ? 0 : -ENOMEM;
}

/* rd.live.overlay.size=, in MiB; of dracut's it was the size of a snapshot in memory. */
static int read_size(const Generator *g, char **ret) {
        const char *value = option_get(g, "rd.live.overlay.size");
        unsigned mib;

        if (!value)
                return 0;
        if (!isdigit((unsigned char) *value) || parse_unsigned(value, &mib) < 0 || mib == 0) {
                generator_warn(g, "rd.live.overlay.size=%s is no number of MiB and was ignored",
                               value);
                return 0;
        }
        return str_printf(ret, "size=%um", mib);
}

/* Below a directory, without a way out of it. */
static bool path_is_valid(const char *path) {
        _cleanup_strv_free_ char **parts = NULL;

        return unit_value_is_valid(path) && strv_split(&parts, path, "/") >= 0 &&
               strv_length(parts) > 0 && !strv_contains(parts, "..");
}

/* "DEVICE[:PATH]": names of devices have colons of their own, so the path begins with its slash, or
 * is the word "auto". 1, or 0 when it is no such thing. */
static int read_device(const char *value, Overlay *o) {
        _cleanup_free_ char *device = NULL;
        const char *colon = strstr(value, ":/"), *path = NULL;
        int r;

        if (!colon && endswith(value, ":auto"))
                colon = endswith(value, ":auto");
        if (colon && *(path = colon + 1) == '/' && !path_is_valid(path))
                return 0;
        device = colon ? strndup(value, (size_t) (colon - value)) : strdup(value);
        if (!device)
                return -ENOMEM;
        if (!unit_value_is_valid(device) || strstr(device, "/../"))
                return 0;
        r = device_node(device, &o->node);
        if (r <= 0)
                return r;
        if (path && *path == '/' && !(o->path = strdup(path)))
                return -ENOMEM;
        o->device = value;
        return 1;
}

static int read_value(const Generator *g, const char *value, Overlay *o) {
        const char *options = startswith(value, "tmpfs");
        int r;

        if (strcasecmp(value, "none") == 0) {
                o->none = true;
                o->wanted = false;
                return 0;
        }
        o->wanted = true;
        if (options && *options == '\0')
                return 0;
        if (options && *options == ':')
                return read_memory(g, options + 1, &o->memory);
        r = read_device(value, o);
        if (r == 0)
                generator_warn(g, "rd.overlay=%s names no device; changes stay in memory", value);
        return r < 0 ? r : 0;
}

/* Where changes are kept, as it was written, or NULL: nobody says. */
static const char *find_place(const Generator *g, bool wanted) {
        const char *value = find_value(g, "rd.overlay"), *old = find_value(g, "rd.live.overlay");

        if (value && (*value || strv_contains(g->words, "rd.overlay=")))
                return value;
        return old && *old && (wanted || live_is_root(g)) ? old : NULL;
}

int overlay_find_node(const Generator *g, char **ret) {
        const char *value = find_place(g, true);
        Overlay o = {};
        int r = value ? read_device(value, &o) : 0;

        if (r > 0)
                *ret = TAKE_PTR(o.node);
        overlay_done(&o);
        return r;
}

int overlay_read(const Generator *g, Overlay *ret) {
        static const struct {
                const char *key, *why;
        } missing[] = {
                { "rd.overlay.crypt", "" },
                { "rd.live.overlay.thin",
                  ": the overlay is one of files, and gives back the memory "
                  "of what is removed" },
                { "rd.live.overlay.cowfs", ": no file system is made for an overlay" },
        };
        const char *value;
        Overlay o = {};
        int r = 0;

        for (size_t i = 0; i < ELEMENTSOF(missing); i++)
                if (option_get(g, missing[i].key) && !option_is(g, missing[i].key, false))
                        generator_warn(g, "%s is not supported and was ignored%s", missing[i].key,
                                       missing[i].why);
        o.wanted = option_is(g, "rd.overlay", true) ||
                   option_bool(g, "rd.live.overlay.overlayfs", false) ||
                   option_bool(g, "rootovl", false);
        o.readonly = option_bool(g, "rd.overlay.readonly", false) ||
                     option_bool(g, "rd.live.overlay.readonly", false);
        o.reset = option_bool(g, "rd.overlay.reset", false) ||
                  option_bool(g, "rd.live.overlay.reset", false);
        value = find_place(g, o.wanted);
        if (value)
                r = read_value(g, value, &o);
        if (r >= 0 && !o.memory && (o.wanted || live_is_root(g)))
                r = read_size(g, &o.memory);
        if (r < 0) {
                overlay_done(&o);
                return r;
        }
        *ret = o;
        return 0;
}

void overlay_done(Overlay *o) {
        free(o->node);
        free(o->path);
        free(o->memory);
        *o = (Overlay) {};
}

/* "--NAME=VALUE" with a space before it; nothing without a value. */
static int add_argument(char **command, const char *name, const char *value) {
        _cleanup_free_ char *word = NULL, *quoted = NULL;
        char *longer;

        if (!value)
                return 0;
        if (str_printf(&word, "--%s=%s", name, value) < 0)
                return -ENOMEM;
        quoted = unit_quote(word);
        if (!quoted || str_printf(&longer, "%s %s", *command, quoted) < 0)
                return -ENOMEM;
        free(*command);
        *command = longer;
        return 0;
}

int overlay_write_service(const Generator *g, const Overlay *o, const char *live, const char *over,
                          const char *more) {
        _cleanup_free_ char *command = NULL, *unit = NULL, *wait = NULL, *text = NULL;

        if (o->node) {
                unit = unit_escape_path(o->node);
                if (!unit ||
                    str_printf(&wait, "Wants=%s.device\nAfter=%s.device\n", unit, unit) < 0)
                        return -ENOMEM;
        }
        if (str_printf(&command, "/usr/lib/initrdd/initrdd-overlay%s%s",
                       o->readonly ? " --read-only" : "", o->reset ? " --reset" : "") < 0 ||
            add_argument(&command, "device", o->node) < 0 ||
            add_argument(&command, "path", o->path) < 0 ||
            add_argument(&command, "memory", o->memory) < 0 ||
            add_argument(&command, "live", live) < 0 || add_argument(&command, "over", over) < 0 ||
            str_printf(&text,
                       "[Unit]\n"
                       "Description=Overlay of the Root\n"
                       "Documentation=man:initrdd-cmdline(7)\n"
                       "DefaultDependencies=no\n"
                       "IgnoreOnIsolate=yes\n"
                       "%s%s\n"
                       "[Service]\n"
                       "Type=oneshot\n"
                       "RemainAfterExit=yes\n"
                       "StandardError=journal+console\n"
                       "ExecStart=%s\n",
                       more, wait ?: "", command) < 0)
                return -ENOMEM;
        return generator_write(g, g->normal, "initrdd-overlay.service", text);
}

int generate_overlay(const Generator *g) {
        Overlay o = {};
        int r;

        if (live_is_root(g))
                return 0;
        r = overlay_read(g, &o);
        if (r >= 0 && o.wanted) {
                r = overlay_write_service(g, &o, NULL, "/sysroot",
                                          "Requires=sysroot.mount\n"
                                          "After=sysroot.mount\n"
                                          "Before=initrd-root-fs.target sysroot-usr.mount "
                                          "systemd-volatile-root.service\n");
                if (r >= 0)
                        r = generator_add_symlink(g, "initrd-root-fs.target", "requires",
                                                  "initrdd-overlay.service");
        }
        overlay_done(&o);
        return r;
}
