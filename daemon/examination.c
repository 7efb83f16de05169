/* SPDX-License-Identifier: GPL-2.0-or-later */

#include <systemd/sd-event.h>

#include "examination.h"
#include "initrdd-messages.h"
#include "job-protocol.h"
#include "job/job-log.h"
#include "job/worker-process.h"
#include "log.h"
#include "path-util.h"
#include "settle.h"
#include "state.h"
#include "string-util.h"
#include "time-util.h"

/* A look that failed is done again, though nothing should have changed. */
#define AGAIN_USEC (UINT64_C(60) * 1000 * 1000)

struct Examination {
        Manager *manager;
        Worker *worker;
        uint64_t started_usec;
        KernelState *kernels;
        size_t n_kernels, allocated_kernels;
        ModuleInfo *modules;
        size_t n_modules, allocated_modules;
        char **watches;
        char *default_kernel;
        char *failure; /* a sentence, or NULL */
        bool got_result;
        sd_event_source *end_source;
};

void kernel_states_free(KernelState *kernels, size_t n) {
        for (size_t i = 0; i < n; i++) {
                free(kernels[i].version);
                free(kernels[i].state);
                free(kernels[i].reason);
                free(kernels[i].image);
        }
        free(kernels);
}

void module_infos_free(ModuleInfo *modules, size_t n) {
        for (size_t i = 0; i < n; i++) {
                free(modules[i].name);
                free(modules[i].description);
                free(modules[i].path);
                strv_free(modules[i].needed);
        }
        free(modules);
}

Examination *examination_free(Examination *e) {
        if (!e)
                return NULL;
        worker_free(e->worker);
        sd_event_source_disable_unref(e->end_source);
        kernel_states_free(e->kernels, e->n_kernels);
        module_infos_free(e->modules, e->n_modules);
        strv_free(e->watches);
        free(e->default_kernel);
        free(e->failure);
        free(e);
        return NULL;
}

static char *copy_of(json_t *object, const char *key) {
        return strdup(json_string_value(json_object_get(object, key)) ?: "");
}

/* ── reports ── */

static int take_kernel(Examination *e, json_t *report) {
        const KernelState *known;
        KernelState *k;

        if (!GREEDY_REALLOC(e->kernels, e->allocated_kernels, e->n_kernels + 1))
                return -ENOMEM;
        k = &e->kernels[e->n_kernels++];
        *k = (KernelState) {
                .version = copy_of(report, "kernel"),
                .state = copy_of(report, "state"),
                .reason = copy_of(report, "reason"),
                .image = copy_of(report, "image"),
        };
        if (!k->version || !k->state || !k->reason || !k->image)
                return -ENOMEM;
        known = manager_find_kernel(e->manager, k->version);
        k->prepared = known && known->prepared && kernel_is_being_installed(k);
        return 0;
}

static void log_change(const Image *image, ImageState before) {
        _cleanup_free_ char *text = NULL;
        const char *id;

        if (image->state == before)
                return;
        if (image->state == IMAGE_STALE)
                id = MESSAGE_ID_IMAGE_STALE;
        else if (image->state == IMAGE_MISSING)
                id = MESSAGE_ID_IMAGE_MISSING;
        else if (image->state == IMAGE_ORPHANED)
                id = MESSAGE_ID_IMAGE_ORPHANED;
        else
                return;
        if (str_printf(&text, "%s%s%s", image_state_to_string(image->state),
                       image->stale_reasons ? ": " : "",
                       image->stale_reasons ? image->stale_reasons[0] : "") >= 0)
                image_log(image, LOG_INFO, id, text);
}

static int take_image(Examination *e, json_t *report) {
        const char *kernel = json_string_value(json_object_get(report, "kernel"));
        const char *profile = json_string_value(json_object_get(report, "profile"));
        ImageState before;
        Image *image;
        int r;

        if (!kernel || !profile || !*kernel || !*profile)
                return -EBADMSG;
        r = manager_add_image(e->manager, kernel, profile, &image);
        if (r < 0)
                return r;
        image->seen = true;
        /* A build that ended since then knows better. */
        if (image->told_usec >= e->started_usec) {
                e->manager->examine_again = true;
                return 0;
        }
        before = image->state;
        r = image_take_report(image, report);
        if (r >= 0)
                log_change(image, before);
        return r;
}

static int take_module(Examination *e, json_t *report) {
        json_t *value;
        ModuleInfo *info;
        size_t i;

        if (!GREEDY_REALLOC(e->modules, e->allocated_modules, e->n_modules + 1))
                return -ENOMEM;
        info = &e->modules[e->n_modules++];
        *info = (ModuleInfo) {
                .name = copy_of(report, "name"),
                .description = copy_of(report, "description"),
                .path = copy_of(report, "path"),
        };
        if (!info->name || !info->description || !info->path)
                return -ENOMEM;
        json_array_foreach(json_object_get(report, "needed"), i, value)
                if (json_is_string(value) &&
                    strv_extend(&info->needed, json_string_value(value)) < 0)
                        return -ENOMEM;
        return 0;
}

static void take_time(json_t *report, const char *key, uint64_t *ret) {
        json_t *value = json_object_get(report, key);

        if (json_is_integer(value) && json_integer_value(value) >= 0)
                *ret = (uint64_t) json_integer_value(value);
}

static void take_service(Manager *m, json_t *report) {
        ServiceSettings *s = &m->settings;

        s->automatic = !json_is_false(json_object_get(report, "automatic"));
        s->pack_ahead = !json_is_false(json_object_get(report, "pack-ahead"));
        take_time(report, "settle-usec", &s->settle_usec);
        take_time(report, "job-timeout-usec", &s->job_timeout_usec);
        take_time(report, "idle-recompress-usec", &s->idle_recompress_usec);
}

static void take_result(Examination *e, json_t *report) {
        json_t *error = json_object_get(report, "error");

        e->got_result = true;
        if (error) {
                const char *message = json_string_value(json_object_get(error, "message"));

                e->failure = strdup(message ?: "It failed");
        } else
                e->default_kernel = copy_of(report, "default");
}

static void on_report(void *userdata, const char *type, json_t *report) {
        Examination *e = userdata;
        const char *path;
        int r = 0;

        if (streq(type, JOB_REPORT_IMAGE))
                r = take_image(e, report);
        else if (streq(type, JOB_REPORT_KERNEL))
                r = take_kernel(e, report);
        else if (streq(type, JOB_REPORT_MODULE))
                r = take_module(e, report);
        else if (streq(type, JOB_REPORT_WATCH)) {
                path = json_string_value(json_object_get(report, "path"));
                if (path)
                        r = strv_extend(&e->watches, path);
        } else if (streq(type, JOB_REPORT_SERVICE))
                take_service(e->manager, report);
        else if (streq(type, JOB_REPORT_WARNING)) {
                const char *message = json_string_value(json_object_get(report, "message"));

                path = json_string_value(json_object_get(report, "path"));
                log_debug("%s: %s", path ?: "configuration", message ?: "");
        } else if (streq(type, JOB_REPORT_RESULT))
                take_result(e, report);
        if (r < 0 && !e->failure)
                e->failure = strdup(r == -ENOMEM ? "Out of memory"
                                                 : "What was found could not be understood");
}

/* ── the end ── */

/* What was known and isn't there any more. A job that is at it may well bring it back. */
static void drop_unseen(Manager *m) {
        for (size_t i = m->n_images; i-- > 0;)
                if (!m->images[i]->seen && !m->images[i]->job)
                        manager_drop_image(m, m->images[i]);
}

static void set_default_kernel(Manager *m, const char *kernel) {
        char *copy;

        if (streq(kernel, m->default_kernel) || !(copy = strdup(kernel)))
                return;
        free(m->default_kernel);
        m->default_kernel = copy;
        manager_notify(m, MANAGER_CHANGED_DEFAULT);
        for (size_t i = 0; i < m->n_images; i++)
                image_notify(m->images[i], IMAGE_CHANGED_DEFAULT);
}

static void set_watches(Manager *m, char **watches) {
        int r;

        strv_sort(watches);
        (void) strv_uniq(watches);
        if (strv_equal(watches, m->watches))
                return;
        r = watcher_set(m->watcher, watches);
        if (r < 0) {
                log_warning("Changes can't be watched: %s", strerror(-r));
                return;
        }
        strv_free(m->watches);
        m->watches = strv_copy(watches);
}

static void exchange(Manager *m, Examination *e) {
        drop_unseen(m);
        kernel_states_free(m->kernels, m->n_kernels);
        m->kernels = TAKE_PTR(e->kernels);
        m->n_kernels = e->n_kernels;
        e->n_kernels = 0;
        module_infos_free(m->modules, m->n_modules);
        m->modules = TAKE_PTR(e->modules);
        m->n_modules = e->n_modules;
        e->n_modules = 0;
        set_default_kernel(m, e->default_kernel ?: "");
        set_watches(m, e->watches);
}

static int on_the_end(sd_event_source *source, void *userdata) {
        Examination *e = userdata;
        Manager *m = e->manager;
        bool first = !m->examined;

        m->examination = NULL;
        free(m->look_failure);
        m->look_failure = TAKE_PTR(e->failure);
        if (m->look_failure)
                log_warning("The images can't be looked at: %s", m->look_failure);
        else {
                exchange(m, e);
                m->examined = true;
                if (first)
                        m->found_at_start = true;
        }
        examination_free(e);
        m->state_dirty = true;
        manager_update(m);
        if (m->look_failure)
                manager_look_after(m, AGAIN_USEC);
        else if (m->examine_again) {
                m->examine_again = false;
                manager_look(m);
        }
        settle_consider(m);
        return 0;
}

/* From inside the worker's call nothing of it can be freed. */
static void on_end(void *userdata, const char *failure) {
        Examination *e = userdata;

        if (failure && !e->failure)
                e->failure = strdup(failure);
        if (sd_event_add_defer(e->manager->event, &e->end_source, on_the_end, e) < 0)
                log_error("Out of memory");
}

static json_t *make_request(Manager *m) {
        json_t *known = json_array(), *request;

        for (size_t i = 0; i < m->n_images; i++) {
                const Image *image = m->images[i];

                if (image->installed && *image->path)
                        json_array_append_new(known,
                                              json_pack("{s:s, s:s, s:s, s:I, s:I, s:I}", "kernel",
                                                        image->kernel, "profile", image->profile,
                                                        "path", image->path, "inode",
                                                        (json_int_t) image->inode, "size",
                                                        (json_int_t) image->size, "mtime",
                                                        (json_int_t) image->mtime));
        }
        request = json_pack("{s:s, s:s, s:s, s:s, s:o}", "type", JOB_TYPE_EXAMINE, "root",
                            m->options.root, "data-dir", m->options.data_dir, "store",
                            m->options.store, "known", known);
        return request;
}

static int start(Manager *m) {
        _cleanup_free_ char *program = NULL;
        WorkerHandler handler = { .on_report = on_report, .on_end = on_end };
        Examination *e;
        json_t *request;
        int r;

        program = path_join(m->options.data_dir, "initrdd-worker");
        request = make_request(m);
        e = calloc(1, sizeof(*e));
        if (!program || !request || !e) {
                json_decref(request);
                free(e);
                return -ENOMEM;
        }
        e->manager = m;
        e->started_usec = now_monotonic_usec();
        handler.userdata = e;
        r = worker_start(&e->worker, m->event, program, request, -EBADF,
                         m->settings.job_timeout_usec, &handler);
        json_decref(request);
        if (r < 0) {
                examination_free(e);
                return r;
        }
        for (size_t i = 0; i < m->n_images; i++)
                m->images[i]->seen = false;
        m->examination = e;
        return 0;
}

void manager_examine(Manager *m) {
        int r;

        if (m->stopping)
                return;
        if (m->examination) {
                m->examine_again = true;
                return;
        }
        r = start(m);
        if (r >= 0)
                return;
        free(m->look_failure);
        m->look_failure = strdup(strerror(-r));
        log_error("The images can't be looked at: %s", strerror(-r));
        manager_look_after(m, AGAIN_USEC);
        manager_update(m);
}
