/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Extraction: whatever is in an image, nothing outside of the directory changes. */

#include <dirent.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fd-util.h"
#include "image/extract.h"
#include "string-util.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Made once; "out" in it anew for each image. */
static char box[64];

static int remove_one(const char *path, const struct stat *st, int kind, struct FTW *where) {
        return remove(path);
}

static int open_one(const char *path, const struct stat *st, int kind, struct FTW *where) {
        if (S_ISDIR(st->st_mode))
                (void) chmod(path, 0700);
        return 0;
}

static void clear(const char *path) {
        /* Not everybody may look into what an image has closed; once open, what is below shows. */
        for (unsigned i = 0; i < 64; i++) {
                (void) nftw(path, open_one, 16, FTW_PHYS);
                if (nftw(path, remove_one, 16, FTW_DEPTH | FTW_PHYS) == 0)
                        return;
        }
        abort();
}

static void leave(void) {
        clear(box);
}

static void enter(void) {
        _cleanup_close_ int fd = -EBADF;

        snprintf(box, sizeof(box), "%s/initrdd-fuzz-XXXXXX",
                 access("/dev/shm", W_OK) >= 0 ? "/dev/shm" : "/tmp");
        if (!mkdtemp(box) || chdir(box) < 0)
                abort();
        fd = open("canary", O_CREAT | O_WRONLY | O_CLOEXEC, 0644);
        if (fd < 0 || write(fd, "sings", 5) != 5)
                abort();
        atexit(leave);
}

/* The canary, and nothing but it and "out". */
static void look_around(const struct stat *before) {
        _cleanup_free_ char *content = NULL;
        DIR *d = opendir(".");
        struct dirent *de;
        struct stat st;
        unsigned n = 0;
        size_t size;

        if (!d)
                abort();
        while ((de = readdir(d)))
                n++;
        closedir(d);
        if (n != 4 || lstat("canary", &st) < 0 || st.st_mode != before->st_mode ||
            st.st_nlink != 1 || st.st_mtime != before->st_mtime)
                abort();
        if (file_read_at(AT_FDCWD, "canary", 0, &content, &size) < 0 || !streq(content, "sings"))
                abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        _cleanup_(image_freep) Image *image = NULL;
        _cleanup_close_ int fd = -EBADF;
        ExtractOptions options = {};
        ExtractResult result;
        ImageFault fault;
        struct stat st;
        int r;

        if (!*box)
                enter();
        if (image_new(&image, data, size) < 0)
                return 0;
        if (mkdir("out", 0700) < 0 || lstat("canary", &st) < 0)
                abort();
        fd = open("out", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (fd < 0)
                abort();
        options.directory = fd;
        r = extract(image, &options, &result, &fault);
        if (r < 0 && r != -ENOMEM && r != -ENOSPC)
                abort();
        free(result.failed_path);
        look_around(&st);
        clear("out");
        return 0;
}
