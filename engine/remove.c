/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * First the files, then the record: who is killed in between leaves a record of an image that is
 * missing, which the next garbage collection takes away.
 */

#include <unistd.h>

#include "image/record.h"
#include "image/target.h"
#include "pack/store.h"
#include "path-util.h"
#include "remove.h"
#include "source/source.h"
#include "string-util.h"

/* Where the path begins: in the root if it is below it, else in the running system. */
static int split_path(const RemoveOptions *o, Report *report, char **ret_root, char **ret_path) {
        _cleanup_(source_freep) Source *source = NULL;
        _cleanup_free_ char *path = NULL, *base = NULL, *inside = NULL;
        const char *root = o->root ?: "/";
        int r;

        if (*o->path != '/' || strstr(o->path, "/../") || endswith(o->path, "/.."))
                return report_fail(report, FAILURE_INVALID_ARGUMENT, -EINVAL, o->path, 0,
                                   "An image has an absolute path, without \"..\"");
        path = strdup(o->path);
        if (!path)
                return report_oom(report);
        path_simplify(path);
        r = source_new(&source, root);
        if (r == -ENOMEM)
                return report_oom(report);
        if (r < 0)
                return report_fail(report, FAILURE_CONFIG_INVALID, r, root, 0,
                                   "The root can't be opened: %s", strerror(-r));
        root = source_root(source);
        if (streq(root, "/") || !path_below(path, root) || streq(path, root))
                root = "/";
        base = strdup(root);
        inside = strdup(streq(root, "/") ? path : path + strlen(root));
        if (!base || !inside)
                return report_oom(report);
        *ret_root = TAKE_PTR(base);
        *ret_path = TAKE_PTR(inside);
        return 0;
}

static bool is_of(const ImageRecord *record, const RemoveOptions *o) {
        return streq(record->output, o->path) &&
               (!o->kernel || streq(record->kernel, o->kernel)) &&
               (!o->profile || streq(record->profile, o->profile));
}

/* Gives how many there were. A store that can't be used keeps nothing that does harm. */
static int remove_records(const RemoveOptions *o, size_t *ret_n) {
        _cleanup_(store_freep) Store *store = NULL;
        _cleanup_free_ XXH128_hash_t *keys = NULL;
        Report quiet = {};
        size_t n_keys = 0, n = 0;
        int r;

        r = o->store ? store_open(&store, &quiet, o->store, STORE_LOOK) : -ENOENT;
        report_done(&quiet);
        if (r >= 0)
                r = store_keys(store, STORE_IMAGES, &keys, &n_keys);
        for (size_t i = 0; i < n_keys && r >= 0; i++) {
                _cleanup_(image_record_freep) ImageRecord *record = NULL;

                if (image_record_load(store, keys[i], &record) < 0 || !is_of(record, o))
                        continue;
                r = store_remove(store, STORE_IMAGES, keys[i]);
                n += r >= 0;
        }
        *ret_n = n;
        return r == -ENOENT ? 0 : r;
}

int remove_image(const RemoveOptions *o, Report *report, char ***ret_removed) {
        _cleanup_strv_free_ char **removed = NULL;
        _cleanup_free_ char *root = NULL, *path = NULL;
        size_t n = 0;
        int r;

        report->stage = STAGE_INSTALL;
        r = split_path(o, report, &root, &path);
        if (r >= 0)
                r = target_remove(report, root, path, &removed);
        if (r < 0)
                return r;
        r = remove_records(o, &n);
        if (r == -ENOMEM)
                return report_oom(report);
        if (r < 0)
                report_warn(report, o->store, 0, "The record of the image stays in the store: %s",
                            strerror(-r));
        if (!removed && n == 0)
                return report_fail(report, FAILURE_NO_SUCH_IMAGE, -ENOENT, o->path, 0,
                                   "There is no such image");
        *ret_removed = TAKE_PTR(removed);
        return 0;
}
