/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * A root that is an image on a medium, as installers and rescue systems are started.
 *
 *   root=live:DEVICE       LABEL=, CDLABEL=, UUID=, PARTUUID=, PARTLABEL= or /dev/…
 *   root=live:/FILE        of the initramfs
 *   root=live:URL, root=URL    a file of a server, http:// https:// ftp:// tftp://
 *   root=DEVICE rd.live.image   the same, as it once was written
 *   rd.live.dir=PATH       where on the medium; LiveOS
 *   rd.live.squashimg=NAME     what is there; squashfs.img
 *   rd.live.ram, rd.minmem=MIB   copied to memory, and how much of that must be left
 *   rd.writable.fsimg      the file system in the image is copied to memory and written to there
 *   rd.live.check          the medium's own checksum is looked at first
 *   rd.live.debug          what is done is told on the console
 *   iso-scan/filename=FILE     the medium is a file on whichever disk has it
 *
 * and of Debian's live systems:
 *
 *   boot=live              the medium is the one with live/filesystem.squashfs
 *   live-media=DEVICE      it is this
 *   live-media-path=PATH   where on it
 *   findiso=FILE           as iso-scan/filename=
 *   toram                  as rd.live.ram
 *
 * What there is is only known once the medium is: a squashfs or erofs, with the root or with the
 * image of a file system in it, or that image alone, or the root itself. So initrdd-live finds it out
 * between two mounts that units can do:
 *
 *   run-initramfs-live.mount     the medium, where installers look for it; or, where it has no name,
 *   initrdd-live-find.service    which does the same when it has found it
 *   initrdd-live-fetch.service   before the mount, where the medium is a file of a server
 *   initrdd-live.service         the root in the image: /run/rootfsbase
 *   initrdd-overlay.service      what is written to: /run/overlayfs, /run/ovlwork
 *   sysroot.mount                the one over the other
 *
 * systemd's generator makes a mount of what it takes for the root's name; ours is looked for before it.
 */

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "live-spec.h"
#include "string-util.h"

#define MEDIUM "run-initramfs-live.mount"
#define FIND "initrdd-live-find.service"
#define FETCHED "/run/initramfs/fetched/image"
#define FETCH "initrdd-live-fetch.service"
#define MIB_LEFT 1024
/* What is left of memory by an image that has to be there: nothing would start with less. */
#define MIB_LEFT_FETCHED 128
#define SYSTEMD_SECONDS 90
/* As initrdd-live-find takes it. */
#define FIND_SECONDS_MAX 1000000u

typedef struct Live {
        const char *spec; /* as it was written, without "live:" */
        char *url; /* or NULL; as it may be shown */
        char *node; /* or NULL: a file */
        char *find; /* or what to find it by: an argument of initrdd-live-find */
        const char *directory, *image;
        unsigned left;
        bool copy, writable, plain;
} Live;

/* live-boot(7) */
static bool is_debian(const Generator *g) {
        const char *boot = option_get(g, "boot");

        return boot && streq(boot, "live");
}

bool live_is_root(const Generator *g) {
        return live_find_spec(g) || is_debian(g);
}

/* A path below a directory, without its first slash. */
static const char *read_path(const Generator *g, const char *key, const char *otherwise) {
        const char *value = option_get(g, key), *path = value;
        _cleanup_strv_free_ char **parts = NULL;

        if (!value)
                return otherwise;
        while (*path == '/')
                path++;
        if (unit_value_is_valid(path) && strv_split(&parts, path, "/") >= 0 &&
            !strv_contains(parts, ".."))
                return path;
        generator_warn(g, "%s=%s is no path on a medium and was ignored", key, value);
        return otherwise;
}

static unsigned read_left(const Generator *g, unsigned otherwise) {
        const char *value = option_get(g, "rd.minmem");
        unsigned mib;

        if (!value)
                return otherwise;
        if (isdigit((unsigned char) *value) && parse_unsigned(value, &mib) >= 0)
                return mib;
        generator_warn(g, "rd.minmem=%s is no number of MiB and was ignored", value);
        return otherwise;
}

/* 1, or 0 when it can't be fetched. */
static int read_url(const Generator *g, Live *live) {
        _cleanup_free_ char *program = NULL;
        int r;

        r = live_url_to_shown(live->spec, &live->url);
        if (r == -EINVAL)
                generator_warn(g, "root=live: is followed by a URL that names no file");
        if (r < 0)
                return r == -EINVAL ? 0 : r;
        live->spec = live->url;
        if (str_printf(&program, "%s/usr/lib/initrdd/initrdd-live-fetch", g->root) < 0)
                return -ENOMEM;
        if (access(program, X_OK) >= 0)
                return 1;
        generator_warn(g, "%s: this image can't fetch files; it needs Modules=livenet", live->url);
        return 0;
}

/* 1, or 0 when there is nothing that could be mounted. */
static int read_spec(const Generator *g, Live *live) {
        static const char *const schemes[] = { "torrent:", "nfs:" };
        int r;

        if (live_spec_is_url(live->spec))
                return read_url(g, live);
        for (size_t i = 0; i < ELEMENTSOF(schemes); i++)
                if (startswith(live->spec, schemes[i])) {
                        generator_warn(g, "%s: an image can't be fetched from the network",
                                       live->spec);
                        return 0;
                }
        if (unit_value_is_valid(live->spec) && !strstr(live->spec, "/../")) {
                r = device_node(live->spec, &live->node);
                if (r != 0)
                        return r;
                if (*live->spec == '/' && live->spec[1] != '\0')
                        return 1;
        }
        generator_warn(g, "\"%s\" is neither a device nor a file with an image of the root",
                       live->spec);
        return 0;
}

/* A medium that is a file, or has one, on a disk that isn't named. 1, or 0 when there is none. */
static int read_find(const Generator *g, const char *key, Live *live) {
        const char *file = option_get(g, key) ? read_path(g, key, NULL) : NULL;

        if (!file)
                return 0;
        live->spec = file;
        return str_printf(&live->find, "--iso=%s", file) < 0 ? -ENOMEM : 1;
}

static int read_debian(const Generator *g, Live *live) {
        const char *media = option_get(g, "live-media"), *copy = option_get(g, "toram");
        int r;

        live->directory = read_path(g, "live-media-path", "live");
        live->image = "filesystem.squashfs";
        live->copy = copy && parse_boolean(copy) != 0;
        live->spec = "boot=live";
        if (option_get(g, "persistence"))
                generator_warn(g, "persistence is not supported; rd.overlay=DEVICE is");
        r = read_find(g, "findiso", live);
        if (r != 0)
                return r;
        if (media && unit_value_is_valid(media) && !strstr(media, "/../")) {
                r = device_node(media, &live->node);
                if (r != 0)
                        return r;
        }
        if (media)
                generator_warn(g, "live-media=%s names no device and was ignored", media);
        return str_printf(&live->find, "--with=%s/%s", live->directory, live->image) < 0 ? -ENOMEM
                                                                                         : 1;
}

static int write_find(const Generator *g, const Live *live) {
        _cleanup_free_ char *find = unit_quote(live->find), *text = NULL;
        unsigned seconds;

        (void) option_patience(g, SYSTEMD_SECONDS, &seconds);
        seconds = MIN_OF(seconds, FIND_SECONDS_MAX);
        if (!find || str_printf(&text,
                                "[Unit]\n"
                                "Description=Search for the Medium with the Image of the Root\n"
                                "Documentation=man:initrdd-cmdline(7)\n"
                                "DefaultDependencies=no\n"
                                "IgnoreOnIsolate=yes\n"
                                "Wants=modprobe@loop.service\n"
                                "After=modprobe@loop.service systemd-udevd.service\n"
                                "\n"
                                "[Service]\n"
                                "Type=oneshot\n"
                                "RemainAfterExit=yes\n"
                                "StandardError=journal+console\n"
                                "ExecStart=/usr/lib/initrdd/initrdd-live-find --timeout=%u %s\n",
                                seconds, find) < 0)
                return -ENOMEM;
        return generator_write(g, g->normal, FIND, text);
}

static int write_fetch(const Generator *g, const Live *live) {
        _cleanup_free_ char *shown = unit_escape_percent(live->url), *text = NULL;

        if (!shown || str_printf(&text,
                                 "[Unit]\n"
                                 "Description=Image of the Root from %s\n"
                                 "Documentation=man:initrdd-cmdline(7)\n"
                                 "DefaultDependencies=no\n"
                                 "IgnoreOnIsolate=yes\n"
                                 "Wants=network-online.target\n"
                                 "After=network-online.target\n"
                                 "\n"
                                 "[Service]\n"
                                 "Type=oneshot\n"
                                 "RemainAfterExit=yes\n"
                                 "StandardOutput=journal%s\n"
                                 "StandardError=journal+console\n"
                                 "ExecStart=/usr/lib/initrdd/initrdd-live-fetch --left=%u\n",
                                 shown, option_bool(g, "rd.live.debug", false) ? "+console" : "",
                                 live->left) < 0)
                return -ENOMEM;
        return generator_write(g, g->normal, FETCH, text);
}

/* The medium's own mount, and that there is a device to wait for. */
static int write_medium(const Generator *g, const Live *live, bool check) {
        _cleanup_free_ char *what = unit_escape_percent(live->url      ? FETCHED
                                                        : live->node ?: live->spec);
        _cleanup_free_ char *text = NULL, *wait = NULL, *unit = NULL;
        int r;

        if (live->url && (r = write_fetch(g, live)) < 0)
                return r;
        if (!what ||
            str_printf(&text,
                       "[Unit]\n"
                       "Description=Medium with the Image of the Root\n"
                       "Documentation=man:initrdd-cmdline(7)\n"
                       "DefaultDependencies=no\n"
                       "%s%s%s\n"
                       "[Mount]\n"
                       "What=%s\n"
                       "Where=/run/initramfs/live\n"
                       "Options=%s%s\n",
                       live->node ? ""
                                  : "Wants=modprobe@loop.service\nAfter=modprobe@loop.service\n",
                       live->url ? "Requires=" FETCH "\nAfter=" FETCH "\n" : "",
                       check ? "Requires=initrdd-live-check.service\n"
                               "After=initrdd-live-check.service\n"
                             : "",
                       what, live->node ? "" : "loop,", option_access(g, "")) < 0)
                return -ENOMEM;
        r = generator_write(g, g->early, MEDIUM, text);
        if (r < 0 || !live->node)
                return r;
        unit = unit_escape_path(live->node);
        if (!unit ||
            str_printf(&wait, "[Unit]\nRequires=%s.device\nAfter=%s.device\n", unit, unit) < 0)
                return -ENOMEM;
        return generator_write(g, g->normal, "initrd-root-device.target.d/60-initrdd-live.conf",
                               wait);
}

/* checkisomd5 looks at the medium itself: 1 if there is something to do. */
static int write_check(const Generator *g, const Live *live) {
        _cleanup_free_ char *program = NULL, *unit = NULL, *device = NULL, *text = NULL;
        int r;

        if (!option_bool(g, "rd.live.check", false))
                return 0;
        if (str_printf(&program, "%s/usr/bin/checkisomd5", g->root) < 0)
                return -ENOMEM;
        if (!live->node || access(program, X_OK) < 0) {
                generator_warn(g, "rd.live.check: %s; nothing is checked",
                               live->node ? "this image has no checkisomd5" : "it is for devices");
                return 0;
        }
        unit = unit_escape_path(live->node);
        device = unit_quote(live->node);
        if (!unit || !device ||
            str_printf(&text,
                       "[Unit]\n"
                       "Description=Check of the Medium\n"
                       "Documentation=man:initrdd-cmdline(7)\n"
                       "DefaultDependencies=no\n"
                       "IgnoreOnIsolate=yes\n"
                       "Requires=%s.device\n"
                       "After=%s.device\n"
                       "\n"
                       "[Service]\n"
                       "Type=oneshot\n"
                       "RemainAfterExit=yes\n"
                       "StandardInput=tty-force\n"
                       "StandardOutput=inherit\n"
                       "StandardError=inherit\n"
                       "ExecCondition=/usr/lib/initrdd/initrdd-live --is-disc %s\n"
                       /* 2: somebody has interrupted it. */
                       "SuccessExitStatus=2\n"
                       "ExecStart=checkisomd5 --verbose %s\n",
                       unit, unit, device, device) < 0)
                return -ENOMEM;
        r = generator_write(g, g->normal, "initrdd-live-check.service", text);
        return r < 0 ? r : 1;
}

static int write_service(const Generator *g, const Live *live) {
        _cleanup_free_ char *shown = unit_escape_percent(live->spec), *device = NULL, *text = NULL;
        _cleanup_free_ char *directory = unit_quote(live->directory);
        _cleanup_free_ char *image = unit_quote(live->image), *left = NULL;
        const char *medium = live->find ? FIND : MEDIUM;

        device = unit_quote(live->node ?: live->spec);
        if (!shown || !device || !directory || !image ||
            (live->copy && str_printf(&left, " --copy=%u", live->left) < 0) ||
            str_printf(&text,
                       "[Unit]\n"
                       "Description=Image of the Root on %s\n"
                       "Documentation=man:initrdd-cmdline(7)\n"
                       "DefaultDependencies=no\n"
                       "IgnoreOnIsolate=yes\n"
                       "Requires=%s\n"
                       "Wants=modprobe@loop.service\n"
                       "After=%s modprobe@loop.service\n"
                       "\n"
                       "[Service]\n"
                       "Type=oneshot\n"
                       "RemainAfterExit=yes\n"
                       "StandardOutput=journal%s\n"
                       "StandardError=journal+console\n"
                       "ExecStart=/usr/lib/initrdd/initrdd-live%s%s%s %s %s %s\n",
                       shown, medium, medium,
                       option_bool(g, "rd.live.debug", false) ? "+console" : "", left ?: "",
                       live->writable ? " --writable" : "", live->plain ? " --plain" : "", device,
                       directory, image) < 0)
                return -ENOMEM;
        return generator_write(g, g->normal, "initrdd-live.service", text);
}

/* The root: the overlay, or what lies in the image as it is. */
static int write_root(const Generator *g, const Live *live, const Overlay *o) {
        _cleanup_free_ char *flags = NULL, *text = NULL;
        const char *given = option_get(g, "rootflags");
        bool over = !live->plain && !live->writable;

        if (given && *given && !unit_value_is_valid(given)) {
                generator_warn(g, "rootflags=%s can't be passed on and was ignored", given);
                given = NULL;
        }
        flags = unit_escape_percent(given ?: "");
        if (!flags ||
            str_printf(&text,
                       "[Unit]\n"
                       "Description=Root of the Image\n"
                       "Documentation=man:initrdd-cmdline(7)\n"
                       "DefaultDependencies=no\n"
                       "Requires=initrdd-live.service%s\n"
                       "After=initrdd-live.service%s\n"
                       "Before=initrd-root-fs.target\n"
                       "\n"
                       "[Mount]\n"
                       "What=%s\n"
                       "Where=/sysroot\n"
                       "Type=%s\n"
                       "Options=%s%s%s\n",
                       over ? " initrdd-overlay.service" : "",
                       over ? " initrdd-overlay.service" : "",
                       over ? "LiveOS_rootfs" : "/run/rootfsbase", over ? "overlay" : "none",
                       over ? flags : "bind", over && *flags ? "," : "",
                       !over         ? ""
                       : o->readonly ? "lowerdir=/run/overlayfs-r:/run/rootfsbase,"
                                       "upperdir=/run/overlayfs,workdir=/run/ovlwork"
                                     : "lowerdir=/run/rootfsbase,upperdir=/run/overlayfs,"
                                       "workdir=/run/ovlwork") < 0)
                return -ENOMEM;
        return root_write(g, text);
}

static int write_units(const Generator *g, Live *live, const Overlay *o) {
        int r;

        live->directory = read_path(g, "rd.live.dir", live->directory ?: "LiveOS");
        live->image = read_path(g, "rd.live.squashimg", live->image ?: "squashfs.img");
        /* What was fetched is there already. */
        live->copy = option_bool(g, "rd.live.ram", live->copy) && !live->url;
        live->left = read_left(g, live->url ? MIB_LEFT_FETCHED : MIB_LEFT);
        live->writable = option_bool(g, "rd.writable.fsimg", false);
        live->plain = o->none;
        r = write_check(g, live);
        if (r >= 0)
                r = live->find ? write_find(g, live) : write_medium(g, live, r > 0);
        if (r >= 0)
                r = write_service(g, live);
        if (r >= 0 && !live->plain && !live->writable)
                r = overlay_write_service(g, o, live->directory, NULL,
                                          "Requires=initrdd-live.service\n"
                                          "After=initrdd-live.service\n");
        return r < 0 ? r : write_root(g, live, o);
}

int generate_live(const Generator *g) {
        Live live = { .spec = live_find_spec(g) };
        Overlay o = {};
        int r;

        if (!live.spec && !is_debian(g)) {
                if (option_is(g, "rd.live.image", true))
                        generator_warn(g, "rd.live.image is nothing without root=");
                return 0;
        }
        r = live.spec ? read_find(g, "iso-scan/filename", &live) : read_debian(g, &live);
        if (r == 0)
                r = read_spec(g, &live);
        if (r > 0 && (r = overlay_read(g, &o)) >= 0)
                r = write_units(g, &live, &o);
        overlay_done(&o);
        free(live.url);
        free(live.node);
        free(live.find);
        return r < 0 ? r : 0;
}
