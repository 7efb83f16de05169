/* SPDX-License-Identifier: GPL-2.0-or-later */

/* One page with everything in it: a template of ours (inspection.html), and what the image has as JSON. */

#include <fcntl.h>
#include <stdio.h>

#include "client.h"
#include "fd-util.h"
#include "inspect.h"
#include "path-util.h"

#define DATA_MARK "@DATA@"

int inspect_write_page(const Inspected *inspected, const char *path) {
        _cleanup_free_ char *directory = NULL, *template_path = NULL, *template = NULL,
                            *json = NULL;
        json_t *data = inspect_json(inspected);
        const char *mark;
        size_t size;
        FILE *f;
        int r;

        json_object_set_new(data, "files",
                            inspect_files_json(inspected->inspection, false, SIZE_MAX));
        /* No text of the image can end the element that it stands in. */
        json = json_dumps(data, JSON_COMPACT | JSON_ENSURE_ASCII);
        json_decref(data);
        r = json ? data_directory(&directory) : -ENOMEM;
        if (r >= 0) {
                template_path = path_join(directory, "inspection.html");
                r = template_path ? file_read_at(AT_FDCWD, template_path, 0, &template, &size)
                                  : -ENOMEM;
        }
        mark = r >= 0 ? strstr(template, DATA_MARK) : NULL;
        if (!mark) {
                say("%s: The page's template can't be read: %s",
                    template_path ?: "inspection.html",
                    r < 0 ? strerror(-r) : "it has no place for the data");
                return EXIT_STATUS_FAILED;
        }
        f = fopen(path, "we");
        if (!f) {
                say("%s: It can't be written: %s", path, strerror(errno));
                return EXIT_STATUS_FAILED;
        }
        fwrite(template, 1, (size_t) (mark - template), f);
        for (const char *c = json; *c; c++)
                if (*c == '<')
                        fputs("\\u003c", f);
                else
                        putc(*c, f);
        fputs(mark + strlen(DATA_MARK), f);
        r = ferror(f);
        if (fclose(f) != 0 || r) {
                say("%s: It can't be written.", path);
                return EXIT_STATUS_FAILED;
        }
        return EXIT_STATUS_DONE;
}
