/* SPDX-License-Identifier: GPL-2.0-or-later */

#include "macro.h"

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
