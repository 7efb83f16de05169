/* SPDX-License-Identifier: GPL-2.0-or-later */

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>

#include "macro.h"
#include "parallel.h"

#define THREADS_MAX 8U
#define BATCH_MAX 32U /* pieces that are taken at a time */

typedef struct Parallel {
        size_t n;
        size_t batch;
        atomic_size_t next;
        void (*work)(void *userdata, size_t i);
        void *userdata;
} Parallel;

static void *run(void *userdata) {
        Parallel *p = userdata;

        for (size_t i; (i = atomic_fetch_add(&p->next, p->batch)) < p->n;)
                for (size_t end = MIN_OF(i + p->batch, p->n); i < end; i++)
                        p->work(p->userdata, i);
        return NULL;
}

static size_t wanted_threads(size_t n, size_t per_thread) {
        size_t threads = THREADS_MAX;
        cpu_set_t cpus;

        if (n < per_thread)
                return 1;
        if (sched_getaffinity(0, sizeof(cpus), &cpus) >= 0)
                threads = MIN_OF(threads, (size_t) CPU_COUNT(&cpus));
        return MIN_OF(threads, n / per_thread + 1);
}

void parallel_each(size_t n, size_t per_thread, void (*work)(void *userdata, size_t i),
                   void *userdata) {
        Parallel p = {
                .n = n,
                .batch = MIN_OF((size_t) BATCH_MAX, per_thread / 8 + 1),
                .work = work,
                .userdata = userdata,
        };
        size_t wanted = wanted_threads(n, per_thread), started = 0;
        pthread_t threads[THREADS_MAX];

        while (started + 1 < wanted && pthread_create(&threads[started], NULL, run, &p) == 0)
                started++;
        run(&p);
        while (started > 0)
                pthread_join(threads[--started], NULL);
}
