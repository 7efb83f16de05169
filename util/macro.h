/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* The language as this project speaks it: scope guards, ownership transfer, small arithmetic. */

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define _cleanup_(f) __attribute__((cleanup(f)))
#define _printf_(a, b) __attribute__((format(printf, a, b)))
#define _unused_ __attribute__((unused))
#define _must_check_ __attribute__((warn_unused_result))
#define _pure_ __attribute__((pure))

#define ELEMENTSOF(x) (sizeof(x) / sizeof((x)[0]))
#define CONCATENATE_(a, b) a##b
#define CONCATENATE(a, b) CONCATENATE_(a, b)
/* A name for each use, so that they nest. */
#define UNIQUE(name, n) CONCATENATE(name, n)

#define MIN_OF(a, b) PICK_(a, <, b, __COUNTER__)
#define MAX_OF(a, b) PICK_(a, >, b, __COUNTER__)
#define PICK_(a, op, b, n)                                                                        \
        ({                                                                                        \
                __typeof__(a) UNIQUE(_a, n) = (a);                                                \
                __typeof__(b) UNIQUE(_b, n) = (b);                                                \
                UNIQUE(_a, n) op UNIQUE(_b, n) ? UNIQUE(_a, n) : UNIQUE(_b, n);                   \
        })

/* The next multiple of `align`, a power of two. Does not check for overflow. */
#define ALIGN_TO(n, align) (((n) + ((align) -1)) & ~((__typeof__(n)) (align) -1))

/* Hands over what a variable owns and leaves the empty value behind. */
#define TAKE_GENERIC(var, empty)                                                                  \
        ({                                                                                        \
                __typeof__(var) *_p = &(var);                                                     \
                __typeof__(var) _taken = *_p;                                                     \
                *_p = (empty);                                                                    \
                _taken;                                                                           \
        })
#define TAKE_PTR(ptr) TAKE_GENERIC(ptr, NULL)
#define TAKE_FD(fd) TAKE_GENERIC(fd, -EBADF)

/* A cleanup function for `_cleanup_()` out of a destructor that takes NULL. */
#define DEFINE_CLEANUP_FUNC(type, func)                                                           \
        static inline _unused_ void func##p(type *p) {                                            \
                if (*p)                                                                           \
                        func(*p);                                                                 \
        }

static inline void freep(void *p) {
        free(*(void **) p);
}
#define _cleanup_free_ _cleanup_(freep)

static inline bool streq(const char *a, const char *b) {
        return strcmp(a, b) == 0;
}

/* Both may be NULL; NULL equals NULL only. */
static inline bool streq_ptr(const char *a, const char *b) {
        return a == b || (a && b && strcmp(a, b) == 0);
}

/*
 * Makes room for `need` elements in the array `*a` of `*allocated` elements, growing geometrically.
 * Evaluates to the array, or to NULL when memory could not be had (the old array is still valid).
 */
#define GREEDY_REALLOC(a, allocated, need)                                                        \
        greedy_realloc((void **) &(a), &(allocated), (need), sizeof((a)[0]))

void *greedy_realloc(void **p, size_t *allocated, size_t need, size_t size);

/* malloc() of what is filled at once: of huge pages where it is large and the kernel has them to give, so
 * that it isn't brought in by thousands of page faults. For realloc() and free() like any other. */
void *malloc_large(size_t size);
