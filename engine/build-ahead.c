/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Most of the time before anything can be packed goes by with finding out what programs need and which
 * files a kernel's drivers are, and neither has to do with the other. So where nothing is known of an image
 * yet, what kernels share is collected by a thread of its own, one module after the other in the order of
 * the plan, while the thread that builds does the drivers.
 *
 * The two share what isn't changed any more (kernel, profile, facts, modules) and the store, of which each
 * uses other keys. All that is changed by looking is there twice: the Source with what it remembers, the
 * Collector, the Report. What is to be told is kept and told when the module's turn comes, so that the
 * same is said in the same order.
 */

#include <pthread.h>
#include <sched.h>

#include "build-ahead.h"
#include "string-util.h"

typedef struct Warning {
        char *path; /* or NULL */
        unsigned line;
        char *message;
} Warning;

/* What became of one module. */
typedef struct Item {
        bool done;
        int error;
        Collection *collection;
        XXH128_hash_t key;
        Warning *warnings;
        size_t n_warnings, allocated_warnings;
} Item;

struct Ahead {
        Build *build;
        Report report;
        Side side;
        Item *items; /* one for each of the plan */
        size_t at; /* the one that the thread is with */
        pthread_t thread;
        bool started, stop;
        pthread_mutex_t mutex;
        pthread_cond_t changed;
};

static void keep_warning(void *userdata, const char *path, unsigned line, const char *message) {
        Ahead *a = userdata;
        Item *item = &a->items[a->at];
        Warning w = { .line = line };

        if (!GREEDY_REALLOC(item->warnings, item->allocated_warnings, item->n_warnings + 1))
                return;
        w.path = path ? strdup(path) : NULL;
        w.message = message ? strdup(message) : NULL;
        item->warnings[item->n_warnings++] = w;
}

static void *work(void *userdata) {
        Ahead *a = userdata;
        const Plan *plan = a->build->plan;

        pthread_mutex_lock(&a->mutex);
        for (; a->at < plan->n_items && !a->stop; a->at++) {
                Item *item = &a->items[a->at];
                Collection *c = NULL;
                int r;

                pthread_mutex_unlock(&a->mutex);
                r = build_find_shared(a->build, &a->side, &plan->items[a->at], &item->key, &c);
                pthread_mutex_lock(&a->mutex);
                item->collection = c;
                item->error = r;
                item->done = true;
                a->stop = a->stop || r < 0;
                pthread_cond_signal(&a->changed);
        }
        pthread_mutex_unlock(&a->mutex);
        return NULL;
}

static bool is_worth_it(const Build *b) {
        cpu_set_t cpus;

        if (b->looked || b->options->threads == 1 || b->plan->n_items < 2)
                return false;
        return sched_getaffinity(0, sizeof(cpus), &cpus) >= 0 && CPU_COUNT(&cpus) > 1;
}

static int open_side(Ahead *a) {
        Build *b = a->build;
        int r;

        a->report = (Report) { .stage = STAGE_COLLECT, .on_warning = keep_warning, .userdata = a };
        a->side.report = &a->report;
        r = source_copy(&a->side.source, b->source);
        if (r >= 0)
                r = collector_new(&a->side.collector, a->side.source, &a->report, b->kernel,
                                  b->profile, b->facts);
        if (r < 0)
                return r;
        a->items = calloc(b->plan->n_items, sizeof(Item));
        return a->items ? 0 : -ENOMEM;
}

int ahead_new(Ahead **ret, Build *b) {
        _cleanup_(ahead_freep) Ahead *a = NULL;
        int r;

        *ret = NULL;
        if (!is_worth_it(b))
                return 0;
        a = calloc(1, sizeof(Ahead));
        if (!a)
                return report_oom(b->report);
        a->build = b;
        pthread_mutex_init(&a->mutex, NULL);
        pthread_cond_init(&a->changed, NULL);
        r = open_side(a);
        if (r == -ENOMEM)
                return report_oom(b->report);
        /* It can be done without. */
        if (r < 0 || pthread_create(&a->thread, NULL, work, a) != 0)
                return 0;
        a->started = true;
        *ret = TAKE_PTR(a);
        return 0;
}

static int take_failure(Ahead *a, int error) {
        const Failure *f = &a->report.failure;

        if (error == -ENOMEM || !f->message)
                return report_oom(a->build->report);
        return report_fail(a->build->report, f->kind, f->error, f->path, f->line, "%s",
                           f->message);
}

int ahead_take(Ahead *a, size_t i, Collection **ret) {
        Item *item = &a->items[i];
        Build *b = a->build;

        pthread_mutex_lock(&a->mutex);
        while (!item->done)
                pthread_cond_wait(&a->changed, &a->mutex);
        pthread_mutex_unlock(&a->mutex);

        for (size_t k = 0; k < item->n_warnings; k++) {
                const Warning *w = &item->warnings[k];

                report_warn(b->report, w->path, w->line, "%s", w->message ?: "Out of memory");
        }
        if (item->error < 0)
                return take_failure(a, item->error);
        *ret = item->collection;
        if (!item->collection)
                return 0;
        return build_keep_collection(b, item->key, TAKE_PTR(item->collection));
}

Ahead *ahead_free(Ahead *a) {
        if (!a)
                return NULL;
        pthread_mutex_lock(&a->mutex);
        a->stop = true;
        pthread_mutex_unlock(&a->mutex);
        if (a->started)
                pthread_join(a->thread, NULL);
        pthread_mutex_destroy(&a->mutex);
        pthread_cond_destroy(&a->changed);
        for (size_t i = 0; a->items && i < a->build->plan->n_items; i++) {
                Item *item = &a->items[i];

                for (size_t k = 0; k < item->n_warnings; k++) {
                        free(item->warnings[k].path);
                        free(item->warnings[k].message);
                }
                free(item->warnings);
                collection_free(item->collection);
        }
        free(a->items);
        collector_free(a->side.collector);
        source_free(a->side.source);
        report_done(&a->report);
        free(a);
        return NULL;
}
