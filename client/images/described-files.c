/* SPDX-License-Identifier: GPL-2.0-or-later */

#include "collect/driver-name.h"
#include "described-files.h"
#include "path-util.h"
#include "string-util.h"

#define REASONS_MAX 64

static void file_free(void *p) {
        free(p);
}

DescribedFiles *described_files_free(DescribedFiles *f) {
        if (!f)
                return NULL;
        strmap_done(&f->files);
        described_free(f->described);
        free(f);
        return NULL;
}

int described_files_new(DescribedFiles **ret, Image *image) {
        _cleanup_(described_files_freep) DescribedFiles *f = malloc(sizeof(DescribedFiles));
        DescribedEntry e;
        char *p;
        int r;

        if (!f)
                return -ENOMEM;
        *f = (DescribedFiles) { .files = STRMAP_INIT(file_free) };
        r = described_find(image, &f->described);
        if (r < 0)
                return r;
        p = f->described->manifest;
        while ((r = described_next(&p, &e)) > 0) {
                DescribedFile *file = malloc(sizeof(DescribedFile));

                if (!file)
                        return -ENOMEM;
                *file = (DescribedFile) { e };
                r = strmap_replace(&f->files, e.path, file);
                if (r < 0) {
                        free(file);
                        return r;
                }
        }
        if (r < 0)
                return r;
        *ret = TAKE_PTR(f);
        return 0;
}

const DescribedFile *described_files_get(const DescribedFiles *f, const char *path) {
        return strmap_get(&f->files, path);
}

char *module_of_reason(const char *why) {
        const char *end = *why == '/' ? NULL : strstr(why, ".module:");

        return end ? strndup(why, (size_t) (end - why)) : NULL;
}

char *described_files_module(const DescribedFiles *f, const DescribedFile *file) {
        for (unsigned n = 0; file && n < REASONS_MAX; n++) {
                const DescribedFile *next = described_files_get(f, file->entry.why);

                if (!next)
                        return module_of_reason(file->entry.why);
                file = next;
        }
        return NULL;
}

bool path_is_called(const char *path, const char *name) {
        char driver[DRIVER_NAME_MAX], wanted[DRIVER_NAME_MAX];

        if (streq(path_basename(path), name))
                return true;
        if (driver_name_of_path(path, driver) < 0)
                return false;
        if (driver_name_of_path(name, wanted) < 0 && driver_name_normalize(name, wanted) < 0)
                return false;
        return streq(driver, wanted);
}
