/* SPDX-License-Identifier: GPL-2.0-or-later */

/* They are trees in blocks with sums, whose own tool makes them of XML as thin_dump(8) writes it. */

#include <fcntl.h>
#include <inttypes.h>
#include <sys/stat.h>
#include <unistd.h>

#include "client.h"
#include "fd-util.h"
#include "path-util.h"
#include "string-util.h"
#include "try-layer.h"
#include "try-thin.h"
#include "try-tool.h"

static int describe(const char *path, uint64_t size) {
        _cleanup_free_ char *text = NULL;
        uint64_t pool, chunks = layer_lvm_chunks(size, &pool);

        if (str_printf(&text,
                       "<superblock uuid=\"\" time=\"0\" transaction=\"1\" version=\"2\" "
                       "data_block_size=\"%u\" nr_data_blocks=\"%" PRIu64 "\">\n"
                       "<device dev_id=\"1\" mapped_blocks=\"%" PRIu64 "\" transaction=\"0\" "
                       "creation_time=\"0\" snap_time=\"0\">\n"
                       "<range_mapping origin_begin=\"0\" data_begin=\"0\" length=\"%" PRIu64 "\" "
                       "time=\"0\"/>\n</device>\n</superblock>\n",
                       LVM_THIN_CHUNK / 512, pool, chunks, chunks) < 0)
                return -ENOMEM;
        return file_replace_at(AT_FDCWD, path, text, strlen(text), 0600);
}

int try_thin_make(const char *directory, const char *content, int *ret_fd) {
        _cleanup_free_ char *program = NULL, *xml = path_join(directory, "thin.xml"),
                            *path = path_join(directory, "thin");
        _cleanup_close_ int fd = -EBADF;
        struct stat st;
        int r;

        r = tool_find("thin_restore", &program);
        if (r == -ENOENT) {
                say("There is no thin_restore on this machine, which makes a thin volume to boot; "
                    "install thin-provisioning-tools, or name a disk with --root-image=.");
                return EXIT_STATUS_UNTRIED;
        }
        if (r >= 0 && (!xml || !path))
                r = -ENOMEM;
        if (r >= 0)
                r = stat(content, &st) < 0 ? -errno : describe(xml, (uint64_t) st.st_size);
        if (r >= 0)
                r = fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
        if (r >= 0 && ftruncate(fd, LVM_THIN_METADATA) < 0)
                r = -errno;
        if (r < 0) {
                say("A thin volume can't be made: %s", strerror(-r));
                return EXIT_STATUS_FAILED;
        }
        if (tool_run((char *[]) { program, (char *) "-i", xml, (char *) "-o", path, NULL }) < 0)
                return EXIT_STATUS_FAILED;
        *ret_fd = TAKE_FD(fd);
        return EXIT_STATUS_DONE;
}
