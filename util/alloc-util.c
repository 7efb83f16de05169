/* SPDX-License-Identifier: GPL-2.0-or-later */

#include <sys/mman.h>

#include "macro.h"

#define HUGE_PAGE ((size_t) 2 * 1024 * 1024) /* where it is another size, nothing is lost */

void *greedy_realloc(void **p, size_t *allocated, size_t need, size_t size) {
        size_t n;
        void *q;

        if (*p && *allocated >= need)
                return *p;
        if (need > SIZE_MAX / 2 / size)
                return NULL;

        n = MAX_OF(need * 2, 64 / size + 1);
        q = reallocarray(*p, n, size);
        if (!q)
                return NULL;
        *p = q;
        *allocated = n;
        return q;
}

void *malloc_large(size_t size) {
        void *p;

        if (size < 2 * HUGE_PAGE || size > SIZE_MAX - HUGE_PAGE)
                return malloc(size > 0 ? size : 1);
        p = aligned_alloc(HUGE_PAGE, ALIGN_TO(size, HUGE_PAGE));
        if (p)
                (void) madvise(p, size, MADV_HUGEPAGE);
        return p;
}
