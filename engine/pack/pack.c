/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Threads take fragments, the largest first, so that the last one to finish is a small one. But the
 * caller waits for them in the order of the image and writes meanwhile, so those of a scope come before
 * those of the next, as in the image: else a tiny one that is the first there, and the last here, would
 * keep everything from being written. One that is a good part of all the work comes before all others,
 * whatever its scope: nobody must wait for it at the end.
 *
 * What a thread packed it decodes again as the kernel would and compares: from then on the hash of the
 * bytes speaks for them. A file that is not what it was when it was collected ends the build with
 * -ESTALE: an image of two moments is none.
 */

#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <unistd.h>

#include "fd-util.h"
#include "pack/compress.h"
#include "pack/cpio.h"
#include "pack/pack.h"
#include "decompress.h"
#include "string-util.h"

#define TINY_SIZE (UINT64_C(64) * 1024)

typedef enum JobState { JOB_WAITING, JOB_RUNNING, JOB_DONE } JobState;

typedef struct Job {
        Fragment *fragment;
        JobState state;
        int turn; /* lower ones are taken first; among equal ones the largest */
        int error;
        const char *path; /* what the error is about */
} Job;

struct Packer {
        Source *source;
        Store *store;
        Report *report;
        PackOptions options;
        Job *jobs; /* in the order of the fragments */
        size_t n_jobs;
        Job **queue; /* those to be packed, in the order in which they are taken */
        size_t n_queue, next;
        pthread_t *threads;
        unsigned n_threads;
        bool stop, warned;
        pthread_mutex_t mutex;
        pthread_cond_t changed;
};

/* Reads `size` bytes, no more and no less. */
static int read_exactly(int fd, char *p, size_t size) {
        char more;

        while (size > 0) {
                ssize_t n = read(fd, p, size);

                if (n < 0 && errno == EINTR)
                        continue;
                if (n < 0)
                        return -errno;
                if (n == 0)
                        return -ESTALE;
                p += n;
                size -= (size_t) n;
        }
        return read(fd, &more, 1) == 0 ? 0 : -ESTALE;
}

static int read_decompressed(int fd, char *p, size_t size) {
        _cleanup_free_ char *packed = NULL, *plain = NULL;
        size_t packed_size, plain_size;
        int r;

        r = fd_read_all(fd, 0, &packed, &packed_size);
        if (r >= 0)
                r = decompress_file(packed, packed_size, size, &plain, &plain_size);
        if (r == -EFBIG || r == -EBADMSG || (r >= 0 && plain_size != size))
                return -ESTALE;
        if (r < 0)
                return r;
        memcpy(p, plain, size);
        return 0;
}

static int add_file(CpioWriter *w, const Entry *e, Source *source) {
        _cleanup_close_ int fd = -EBADF;
        char *content;
        int r;

        r = cpio_write_file(w, e->path + 1, e->mode, e->size, &content);
        if (r < 0)
                return r;
        if (!e->source) {
                if (e->size > 0)
                        memcpy(content, e->data, e->size);
                return 0;
        }
        fd = source_open_canonical(source, e->source);
        if (fd == -ENOENT || fd == -ELOOP)
                return -ESTALE;
        if (fd < 0)
                return fd;
        r = e->decompress ? read_decompressed(fd, content, e->size)
                          : read_exactly(fd, content, e->size);
        if (r < 0)
                return r;
        return XXH128_isEqual(XXH3_128bits(content, e->size), e->hash) ? 0 : -ESTALE;
}

static int add_archive(CpioWriter *w, const Fragment *f, Source *source, const char **ret_path) {
        int r = 0;

        w->ino = 0;
        for (size_t i = 0; i < f->n_entries && r >= 0; i++) {
                const Entry *e = f->entries[i];

                *ret_path = e->source ?: e->path;
                switch (e->type) {
                case ENTRY_DIRECTORY:
                        r = cpio_write_directory(w, e->path + 1, e->mode);
                        break;
                case ENTRY_SYMLINK:
                        r = cpio_write_symlink(w, e->path + 1, e->target);
                        break;
                default:
                        r = add_file(w, e, source);
                }
        }
        return r < 0 ? r : cpio_write_trailer(w);
}

int fragment_archive(const Fragment *f, Source *source, char **ret, size_t *ret_size,
                     const char **ret_path) {
        CpioWriter w = {};
        int r = 0;

        r = cpio_writer_reserve(&w, f->raw_size);
        if (r >= 0 && f->n_parts == 0)
                r = add_archive(&w, f, source, ret_path);
        for (size_t i = 0; i < f->n_parts && r >= 0; i++)
                r = add_archive(&w, f->parts[i], source, ret_path);
        if (r < 0) {
                cpio_writer_done(&w);
                return r;
        }
        *ret = w.data;
        *ret_size = w.size;
        return 0;
}

typedef struct Compare {
        const char *expected;
        size_t left;
} Compare;

static int compare_sink(void *userdata, const void *data, size_t size) {
        Compare *c = userdata;

        if (size > c->left || memcmp(data, c->expected, size) != 0)
                return -EBADMSG;
        c->expected += size;
        c->left -= size;
        return 0;
}

/* Whether the kernel will get out what was put in. */
static int check_packed(Compression compression, const char *packed, size_t packed_size,
                        const char *raw, size_t raw_size) {
        Compare c = { raw, raw_size };
        size_t consumed;
        int r;

        if (compression == COMPRESSION_NONE)
                return packed_size == raw_size && memcmp(packed, raw, raw_size) == 0 ? 0
                                                                                     : -EBADMSG;
        r = decode_stream(compression_decoder(compression), packed, packed_size, compare_sink, &c,
                          &consumed);
        if (r < 0)
                return r;
        return c.left == 0 && consumed == packed_size ? 0 : -EBADMSG;
}

/* Where the padding ends. The kernel's lz4 decoder reads a chunk size behind the last chunk: it
 * must find a whole block of zeros. */
static size_t padded_size(Compression compression, size_t size) {
        if (compression == COMPRESSION_LZ4)
                size += FRAGMENT_ALIGN;
        return ALIGN_TO(size, (size_t) FRAGMENT_ALIGN);
}

int segment_pack(Compression compression, int level, const char *raw, size_t raw_size, char **ret,
                 size_t *ret_size) {
        _cleanup_free_ char *packed = NULL;
        size_t packed_size, size;
        char *padded;
        int r;

        r = compress_buffer(compression, level, raw, raw_size, &packed, &packed_size);
        if (r >= 0)
                r = check_packed(compression, packed, packed_size, raw, raw_size);
        if (r < 0)
                return r;
        size = padded_size(compression, packed_size);
        padded = realloc(packed, size);
        if (!padded)
                return -ENOMEM;
        packed = padded;
        memset(packed + packed_size, 0, size - packed_size);
        *ret = TAKE_PTR(packed);
        *ret_size = size;
        return 0;
}

/* The kernel looks for microcode before it can decompress anything. */
static Compression fragment_compression(const Packer *p, const Fragment *f) {
        return f->scope == SCOPE_EARLY ? COMPRESSION_NONE : p->options.compression;
}

static int fragment_level(const Fragment *f, int level) {
        return f->scope == SCOPE_EARLY ? 0 : level;
}

static int pack_fragment(Packer *p, Job *job) {
        _cleanup_free_ char *raw = NULL, *packed = NULL;
        Fragment *f = job->fragment;
        Compression compression = fragment_compression(p, f);
        int level = fragment_level(f, p->options.level), r;
        size_t raw_size, size;

        r = fragment_archive(f, p->source, &raw, &raw_size, &job->path);
        if (r < 0)
                return r;
        job->path = NULL;
        r = segment_pack(compression, level, raw, raw_size, &packed, &size);
        if (r < 0)
                return r;
        f->stored = (StoredFragment) {
                .content = f->content,
                .compression = compression,
                .level = level,
                .raw_size = raw_size,
        };
        r = p->store ? store_put_fragment(p->store, &f->stored, packed, size) : 0;
        if (r >= 0 && p->store)
                r = f->fd = store_open_fragment(p->store, &f->stored);
        if (f->fd >= 0)
                return 0;
        /* The image does not depend on the store: it gets the bytes from memory. */
        f->stored.size = size;
        f->data = TAKE_PTR(packed);
        return r;
}

/* Whatever the store could not do costs the next build time, and this one nothing: it may be full,
 * read-only, damaged or deleted. */
static bool store_error(const Fragment *f, int r) {
        return f->data && r != -ENOMEM;
}

static void *work(void *userdata) {
        Packer *p = userdata;

        pthread_mutex_lock(&p->mutex);
        while (!p->stop && p->next < p->n_queue) {
                Job *job = p->queue[p->next++];
                int r;

                job->state = JOB_RUNNING;
                pthread_mutex_unlock(&p->mutex);
                r = pack_fragment(p, job);
                pthread_mutex_lock(&p->mutex);
                job->error = r;
                job->state = JOB_DONE;
                if (r < 0 && !store_error(job->fragment, r))
                        p->stop = true;
                pthread_cond_broadcast(&p->changed);
                /* Who waits for it writes it while we go on, also where threads aren't preempted. */
                pthread_mutex_unlock(&p->mutex);
                (void) sched_yield();
                pthread_mutex_lock(&p->mutex);
        }
        pthread_mutex_unlock(&p->mutex);
        return NULL;
}

static int earlier(const void *a, const void *b) {
        const Job *x = *(Job *const *) a, *y = *(Job *const *) b;

        if (x->turn != y->turn)
                return x->turn < y->turn ? -1 : 1;
        if (x->fragment->raw_size != y->fragment->raw_size)
                return x->fragment->raw_size > y->fragment->raw_size ? -1 : 1;
        return 0;
}

/* What is tiny is done at once, what is a good part of all before the rest. */
static void sort_queue(Packer *p, unsigned n_threads) {
        uint64_t all = 0;

        for (size_t i = 0; i < p->n_queue; i++)
                all += p->queue[i]->fragment->raw_size;
        for (size_t i = 0; i < p->n_queue; i++) {
                Job *job = p->queue[i];
                uint64_t size = job->fragment->raw_size;

                job->turn = size < TINY_SIZE             ? 0
                            : size > all / 8 / n_threads ? 1
                                                         : 2 + (int) job->fragment->scope;
        }
        qsort(p->queue, p->n_queue, sizeof(Job *), earlier);
}

static bool open_stored(Packer *p, Fragment *f, int level) {
        if (!store_find(p->store, f->content, fragment_compression(p, f), level, &f->stored))
                return false;
        f->fd = store_open_fragment(p->store, &f->stored);
        return f->fd >= 0;
}

/* The best that the store has: the better level, else the quick one. */
static bool find_stored(Packer *p, Fragment *f) {
        int better = fragment_level(f, p->options.better_level);

        return p->store && ((better > 0 && open_stored(p, f, better)) ||
                            open_stored(p, f, fragment_level(f, p->options.level)));
}

static unsigned processors(void) {
        cpu_set_t set;

        if (sched_getaffinity(0, sizeof(set), &set) < 0)
                return 1;
        return (unsigned) CPU_COUNT(&set);
}

static int start_threads(Packer *p) {
        unsigned n = p->options.threads ?: processors();

        sort_queue(p, n);
        n = (unsigned) MIN_OF((size_t) n, p->n_queue);
        p->threads = calloc(n ?: 1, sizeof(pthread_t));
        if (!p->threads)
                return -ENOMEM;
        for (; p->n_threads < n; p->n_threads++) {
                int r = pthread_create(&p->threads[p->n_threads], NULL, work, p);

                if (r != 0)
                        return p->n_threads > 0 ? 0 : -r;
        }
        return 0;
}

int packer_new(Packer **ret, Source *source, Store *store, Report *report, Fragments *fragments,
               const PackOptions *options) {
        _cleanup_(packer_freep) Packer *p = NULL;
        int r;

        p = malloc(sizeof(Packer));
        if (!p)
                return report_oom(report);
        *p = (Packer) {
                .source = source,
                .store = store,
                .report = report,
                .options = *options,
                .n_jobs = fragments->n,
        };
        pthread_mutex_init(&p->mutex, NULL);
        pthread_cond_init(&p->changed, NULL);
        p->jobs = calloc(p->n_jobs ?: 1, sizeof(Job));
        p->queue = calloc(p->n_jobs ?: 1, sizeof(Job *));
        if (!p->jobs || !p->queue)
                return report_oom(report);

        for (size_t i = 0; i < p->n_jobs; i++) {
                Job *job = &p->jobs[i];

                job->fragment = fragments->fragments[i];
                job->fragment->cached = find_stored(p, job->fragment);
                if (job->fragment->cached)
                        job->state = JOB_DONE;
                else
                        p->queue[p->n_queue++] = job;
        }
        r = start_threads(p);
        if (r < 0)
                return report_fail(report, FAILURE_BUILD_FAILED, r, NULL, 0,
                                   "No thread could be started: %s", strerror(-r));
        *ret = TAKE_PTR(p);
        return 0;
}

static int fail(Packer *p, const Job *job) {
        if (job->error == -ENOMEM)
                return report_oom(p->report);
        if (job->error == -ESTALE)
                return report_fail(p->report, FAILURE_BUILD_FAILED, -ESTALE, job->path, 0,
                                   "The file changed while the image was being built; build again "
                                   "when the upgrade is over");
        if (job->error == -EACCES)
                return report_fail(p->report, FAILURE_NOT_PERMITTED, job->error, job->path, 0,
                                   "The file may not be read by this user; build as root");
        if (!job->path)
                return report_fail(p->report, FAILURE_BUILD_FAILED, job->error, NULL, 0,
                                   "Fragment %s could not be packed: %s", job->fragment->name,
                                   strerror(-job->error));
        return report_fail(p->report, FAILURE_BUILD_FAILED, job->error, job->path, 0,
                           "The file can't be packed: %s", strerror(-job->error));
}

/* How much of what had to be packed is, of the 60 percent that packing is of a build. */
static void report_packed(Packer *p, const char *name) {
        uint64_t done = 0, all = 0;

        for (size_t i = 0; i < p->n_jobs; i++) {
                all += p->jobs[i].fragment->raw_size;
                if (p->jobs[i].state == JOB_DONE)
                        done += p->jobs[i].fragment->raw_size;
        }
        report_progress(p->report, STAGE_PACK, 30 + (unsigned) (all > 0 ? 60 * done / all : 60),
                        name);
}

int packer_wait(Packer *p, size_t i) {
        Job *job = &p->jobs[i];
        const Job *failed = NULL;

        pthread_mutex_lock(&p->mutex);
        while (job->state != JOB_DONE && !p->stop) {
                report_packed(p, job->fragment->name);
                pthread_cond_wait(&p->changed, &p->mutex);
        }
        for (size_t k = 0; k < p->n_jobs && p->stop && !failed; k++)
                if (p->jobs[k].error < 0 && !store_error(p->jobs[k].fragment, p->jobs[k].error))
                        failed = &p->jobs[k];
        pthread_mutex_unlock(&p->mutex);

        if (failed)
                return fail(p, failed);
        if (job->error < 0 && !p->warned) {
                p->warned = true;
                report_warn(p->report, store_path(p->store), 0,
                            "The store can't keep what was packed (%s): the next build will take "
                            "longer",
                            strerror(-job->error));
        }
        return 0;
}

Packer *packer_free(Packer *p) {
        if (!p)
                return NULL;
        pthread_mutex_lock(&p->mutex);
        p->stop = true;
        pthread_mutex_unlock(&p->mutex);
        for (unsigned i = 0; i < p->n_threads; i++)
                pthread_join(p->threads[i], NULL);
        pthread_mutex_destroy(&p->mutex);
        pthread_cond_destroy(&p->changed);
        free(p->threads);
        free(p->queue);
        free(p->jobs);
        free(p);
        return NULL;
}
