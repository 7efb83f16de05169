/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * What mkswap makes: union swap_header of the kernel's include/linux/swap.h. At 1024 the version, 1, the
 * number of the last page, how many are bad, and the UUID; at the end of the first page "SWAPSPACE2".
 * There is no image of a hibernated system in it.
 */

#include <unistd.h>

#include "try-layer.h"

#define PAGE 4096U
#define PAGES 1024U
#define INFO_AT 1024U
#define MAGIC "SWAPSPACE2"

int layer_swap(int to, const char *uuid) {
        const uint32_t info[] = { 1, PAGES - 1, 0 };
        uint8_t page[PAGE] = {};
        ssize_t n;
        int r;

        memcpy(page + INFO_AT, info, sizeof(info));
        r = uuid_from_text(uuid, page + INFO_AT + sizeof(info));
        if (r < 0)
                return r;
        memcpy(page + PAGE - strlen(MAGIC), MAGIC, strlen(MAGIC));
        if (ftruncate(to, (off_t) PAGE * PAGES) < 0)
                return -errno;
        n = pwrite(to, page, sizeof(page), 0);
        return n == (ssize_t) sizeof(page) ? 0 : n < 0 ? -errno : -EIO;
}
