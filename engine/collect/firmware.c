/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * A driver names its firmware in .modinfo; some names are globs, since what the driver asks for
 * depends on the hardware. The loader tries a name in four directories as it is, then in all four
 * with .zst behind it, then with .xz; what comes first wins, so that the rest need not be in the
 * image. Of a glob everything is.
 *
 * Many names are links to a file or a directory beside them. The image gets the same links, the
 * names in them without compression suffix, and the file once, so that the loader walks the same
 * way there. A name with ".." in it could ask for any file of the root, and is passed over.
 */

#include "collect/firmware.h"
#include "collect/glob.h"
#include "decompress.h"
#include "path-util.h"
#include "source/trace.h"
#include "string-util.h"

static const char *const suffixes[] = { "", ".zst", ".xz" };

static void file_free(void *p) {
        FirmwareFile *f = p;

        if (!f)
                return;
        free(f->path);
        free(f->why);
        free(f);
}

static void link_free(void *p) {
        FirmwareLink *l = p;

        if (!l)
                return;
        free(l->path);
        free(l->target);
        free(l->why);
        free(l);
}

void firmware_done(Firmware *firmware) {
        for (size_t i = 0; i < ELEMENTSOF(firmware->directories); i++)
                free(firmware->directories[i]);
        strmap_done(&firmware->found);
        strmap_done(&firmware->links);
        strmap_done(&firmware->names);
        *firmware = (Firmware) {};
}

static char *without_suffix(const char *path) {
        const char *suffix = compression_suffix(path);

        return suffix ? strndup(path, (size_t) (suffix - path)) : strdup(path);
}

static int add_link(Firmware *firmware, const SourceLink *link, const char *why) {
        FirmwareLink *l;
        int r = 0;

        l = calloc(1, sizeof(FirmwareLink));
        if (!l)
                return -ENOMEM;
        l->path = without_suffix(link->path);
        l->target = without_suffix(link->target);
        l->why = strdup(why);
        if (!l->path || !l->target || !l->why)
                r = -ENOMEM;
        /* "a.bin" and "a.bin.xz" may both be links; in the image it is one. */
        if (r >= 0)
                r = strmap_put(&firmware->links, l->path, l);
        if (r < 0)
                link_free(l);
        return r == -EEXIST ? 0 : r;
}

static int add_links(Firmware *firmware, const SourceLinks *links, const char *why) {
        int r = 0;

        for (size_t i = 0; i < links->n && r >= 0; i++)
                r = add_link(firmware, &links->links[i], why);
        return r;
}

int firmware_init(Firmware *firmware, Source *source, Trace *trace, KernelFiles *files,
                  const char *version, const char *why) {
        static const char *const formats[] = {
                "/lib/firmware/updates/%s",
                "/lib/firmware/updates",
                "/lib/firmware/%s",
                "/lib/firmware",
        };
        int r = 0;

        *firmware = (Firmware) {
                .source = source,
                .trace = trace,
                .files = files,
                .found = STRMAP_INIT(file_free),
                .links = STRMAP_INIT(link_free),
                .names = STRMAP_INIT(NULL),
        };
        for (size_t i = 0; i < ELEMENTSOF(formats) && r >= 0; i++) {
                _cleanup_free_ char *path = NULL;
                _cleanup_(source_links_done) SourceLinks links = {};
                const char *percent = strstr(formats[i], "%s");

                r = percent ? str_printf(&path, "%.*s%s", (int) (percent - formats[i]), formats[i],
                                         version)
                            : str_printf(&path, "%s", formats[i]);
                if (r >= 0)
                        r = source_resolve(source, trace, path, &firmware->directories[i], NULL,
                                           &links);
                if (r >= 0)
                        r = add_links(firmware, &links, why);
                else if (r == -ENOENT || r == -ENOTDIR)
                        r = 0;
        }
        if (r < 0)
                firmware_done(firmware);
        return r;
}

/* 1 when `path` is a file, 0 when not. */
static int want_path(Firmware *firmware, const char *path, const char *why) {
        _cleanup_(source_links_done) SourceLinks links = {};
        FirmwareFile *f;
        KernelFile *file;
        int r;

        r = kernel_files_get(firmware->files, firmware->source, firmware->trace, path, false,
                             &links, &file);
        if (r == -ENOENT || r == -ENOTDIR || r == -ENXIO || r == -ELOOP)
                return 0;
        if (r >= 0)
                r = add_links(firmware, &links, why);
        if (r < 0)
                return r;

        f = calloc(1, sizeof(FirmwareFile));
        if (!f)
                return -ENOMEM;
        *f = (FirmwareFile) {
                .path = without_suffix(file->source),
                .why = strdup(why),
                .file = file,
        };
        r = f->path && f->why ? strmap_put(&firmware->found, f->path, f) : -ENOMEM;
        if (r < 0)
                file_free(f);
        return r < 0 && r != -EEXIST ? r : 1;
}

/* All that a glob stands for in one directory. */
static int want_glob(Firmware *firmware, const char *pattern, const char *why) {
        _cleanup_strv_free_ char **paths = NULL;
        bool found = false;
        int r;

        r = source_glob(firmware->source, firmware->trace, pattern, &paths);
        if (r < 0)
                return r;
        STRV_FOREACH(path, paths) {
                r = want_path(firmware, *path, why);
                if (r < 0)
                        return r;
                found = found || r > 0;
        }
        return found;
}

static bool name_is_safe(const char *name) {
        for (const char *p = name; (p = strstr(p, "..")); p += 2)
                if ((p == name || p[-1] == '/') && (p[2] == '/' || p[2] == '\0'))
                        return false;
        return *name && *name != '/';
}

static int find(Firmware *firmware, const char *name, const char *why) {
        bool glob = glob_has_wildcard(name), found = false;

        for (size_t s = 0; s < ELEMENTSOF(suffixes); s++)
                for (size_t d = 0; d < ELEMENTSOF(firmware->directories); d++) {
                        _cleanup_free_ char *path = NULL;
                        int r;

                        if (!firmware->directories[d])
                                continue;
                        r = str_printf(&path, "%s/%s%s", firmware->directories[d], name,
                                       suffixes[s]);
                        if (r >= 0)
                                r = glob ? want_glob(firmware, path, why)
                                         : want_path(firmware, path, why);
                        if (r < 0)
                                return r;
                        found = found || r > 0;
                        if (found && !glob)
                                return 1;
                }
        return found;
}

int firmware_want(Firmware *firmware, const char *name, const char *why) {
        static const char yes;
        int r, k;

        if (!name_is_safe(name))
                return 0;
        if (strmap_contains(&firmware->names, name))
                return strmap_get(&firmware->names, name) ? 1 : 0;
        r = find(firmware, name, why);
        if (r < 0)
                return r;
        k = strmap_put(&firmware->names, name, r > 0 ? (void *) &yes : NULL);
        return k < 0 ? k : r;
}

int firmware_add(Firmware *firmware, Report *report, Manifest *manifest) {
        int r;

        STRMAP_FOREACH(e, &firmware->links) {
                const FirmwareLink *l = e->value;

                if (strmap_contains(&firmware->found, l->path))
                        continue; /* "a.xz", a link to "a" beside it */
                r = kernel_file_add_parents(firmware->source, firmware->trace, manifest, l->path,
                                            NULL, l->why);
                if (r >= 0)
                        r = manifest_add_symlink(manifest, l->path, l->target, l->why);
                if (r < 0)
                        return report_fail(report, FAILURE_BUILD_FAILED, r, l->path, 0,
                                           "The link can't be added to the image");
                if (r > 0)
                        manifest_get(manifest, l->path)->kernel = true;
        }
        STRMAP_FOREACH(e, &firmware->found) {
                const FirmwareFile *f = e->value;

                r = f->file->error;
                if (r < 0)
                        return report_fail(report, FAILURE_INCOMPLETE, r, f->file->source, 0,
                                           "The firmware can't be read");
                r = kernel_file_add(f->file, firmware->source, firmware->trace, manifest, f->path,
                                    NULL, f->why);
                if (r < 0)
                        return report_fail(report, FAILURE_BUILD_FAILED, r, f->path, 0,
                                           "The firmware can't be added to the image");
        }
        return 0;
}
