/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Runs every file of a corpus directory through a fuzz target once. An empty corpus fails. */

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>

#include "fd-util.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int main(int argc, char *argv[]) {
        unsigned n = 0;
        struct dirent *de;
        DIR *d;

        if (argc != 2) {
                fprintf(stderr, "usage: %s CORPUS\n", argv[0]);
                return 2;
        }
        d = opendir(argv[1]);
        if (!d) {
                perror(argv[1]);
                return 1;
        }
        while ((de = readdir(d))) {
                _cleanup_free_ char *data = NULL;
                size_t size;

                if (de->d_name[0] == '.')
                        continue;
                if (file_read_at(dirfd(d), de->d_name, 0, &data, &size) < 0) {
                        perror(de->d_name);
                        return 1;
                }
                (void) LLVMFuzzerTestOneInput((const uint8_t *) data, size);
                n++;
        }
        closedir(d);
        printf("%u inputs\n", n);
        return n > 0 ? 0 : 1;
}
