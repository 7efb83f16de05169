/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * The manager, its queue and its decisions, with a worker that is a script: what a request of some
 * type is answered with lies in files. No bus, no watcher (bus-stub.c).
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <cmocka.h>
#include <ftw.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bus-stub.h"
#include "bus/bus.h"
#include "bus/inhibitor.h"
#include "child-signals.h"
#include "initrdd-bus.h"
#include "manager.h"
#include "path-util.h"
#include "job/queue.h"
#include "string-util.h"
#include "time-util.h"
#include "job/worker-process.h"

#define K "6.1.0-1-amd64"
#define K2 "6.1.0-2-amd64"

typedef struct Service {
        char path[32]; /* of everything */
        char *root;
        sd_event *event;
        Manager *manager;
} Service;

/* Notes each request in requests/, a file for each; says what answer.TYPE has; with a file
 * block.TYPE it then waits until that is gone, and says what result.TYPE has. */
static const char worker_script[] =
                "#!/bin/sh\n"
                "cd \"${0%/*}\" || exit 1\n"
                "request=$(cat)\n"
                "type=${request#*\\\"type\\\":\\\"}\n"
                "type=${type%%\\\"*}\n"
                "echo \"$request\" >>\"requests.$type\"\n"
                "[ ! -e \"answer.$type\" ] || cat \"answer.$type\"\n"
                "while [ -e \"block.$type\" ]; do sleep 0.02; done\n"
                "[ ! -e \"result.$type\" ] || cat \"result.$type\"\n"
                "[ ! -e \"crash.$type\" ] || kill -SEGV $$\n";

static void write_to(Service *s, const char *name, const char *text) {
        _cleanup_free_ char *path = path_join(s->path, name);
        FILE *f = fopen(path, "w");

        assert_non_null(f);
        assert_true(fputs(text, f) >= 0);
        assert_int_equal(fclose(f), 0);
}

static void remove_file(Service *s, const char *name) {
        _cleanup_free_ char *path = path_join(s->path, name);

        assert_int_equal(unlink(path), 0);
}

static unsigned count_requests(Service *s, const char *type) {
        _cleanup_free_ char *name = NULL, *path = NULL;
        unsigned n = 0;
        FILE *f;
        int c;

        assert_true(str_printf(&name, "requests.%s", type) >= 0);
        path = path_join(s->path, name);
        f = fopen(path, "r");
        if (!f)
                return 0;
        while ((c = fgetc(f)) != EOF)
                n += c == '\n';
        fclose(f);
        return n;
}

#define KERNEL(version, state)                                                                    \
        "{\"type\":\"kernel\",\"kernel\":\"" version "\",\"state\":\"" state                      \
        "\",\"image\":\"/boot/vmlinuz-" version "\"}\n"
#define IMAGE(version, state, more)                                                               \
        "{\"type\":\"image\",\"kernel\":\"" version                                               \
        "\",\"profile\":\"default\",\"path\":\"/boot/initrd.img-" version                         \
        "\",\"state\":\"" state "\"" more ",\"inode\":7,\"size\":1000,\"mtime\":5}\n"
#define SERVICE                                                                                   \
        "{\"type\":\"service\",\"automatic\":true,\"pack-ahead\":true,\"settle-usec\":0,"         \
        "\"job-timeout-usec\":20000000,\"idle-recompress-usec\":0}\n"                                  \
        "{\"type\":\"watch\",\"path\":\"/etc\"}\n"
#define EXAMINED "{\"type\":\"result\",\"result\":\"done\",\"default\":\"" K "\"}\n"
#define BUILT                                                                                     \
        "{\"type\":\"result\",\"result\":\"done\",\"kernel\":\"" K                                \
        "\",\"profile\":\"default\",\"path\":\"/boot/initrd.img-" K                               \
        "\",\"inode\":8,\"size\":2000,\"mtime\":6,\"packed\":[\"lvm\"],\"usec\":1000}\n"
#define FAILED                                                                                    \
        "{\"type\":\"result\",\"result\":\"failed\",\"error\":{\"kind\":\"NoSpace\","             \
        "\"stage\":\"install\",\"path\":\"/boot\",\"message\":\"No room\"}}\n"

static void set_images(Service *s, const char *images) {
        _cleanup_free_ char *text = NULL;

        assert_true(str_printf(&text, "%s%s", images, SERVICE) >= 0);
        write_to(s, "answer.examine", text);
        write_to(s, "result.examine", EXAMINED);
}

static void start(Service *s) {
        _cleanup_free_ char *state = path_join(s->path, "state");
        _cleanup_free_ char *script = path_join(s->path, "initrdd-worker");
        ManagerOptions options = {
                .root = s->root,
                .store = s->path,
                .state_dir = state,
                .run_dir = s->path,
                .data_dir = s->path,
        };

        set_child_signals();
        write_to(s, "initrdd-worker", worker_script);
        assert_int_equal(chmod(script, 0755), 0);
        bus_stub = (BusStub) {};
        assert_true(sd_event_new(&s->event) >= 0);
        assert_int_equal(manager_new(&s->manager, s->event, &options), 0);
        assert_int_equal(manager_start(s->manager), 0);
}

static void stop(Service *s) {
        s->manager = manager_free(s->manager);
        s->event = sd_event_unref(s->event);
}

static Service *service_new(const char *images) {
        static Service s;

        s = (Service) { .path = "/tmp/test-service-XXXXXX" };
        assert_non_null(mkdtemp(s.path));
        s.root = path_join(s.path, "root");
        assert_int_equal(mkdir(s.root, 0755), 0);
        set_images(&s, images);
        start(&s);
        return &s;
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *f) {
        return remove(path);
}

static void service_free(Service *s) {
        stop(s);
        free(s->root);
        assert_int_equal(nftw(s->path, remove_one, 16, FTW_DEPTH | FTW_PHYS), 0);
}

/* Runs the loop until it is so, or fails after a minute. */
#define run_until(s, condition)                                                                   \
        do {                                                                                      \
                uint64_t _end = now_monotonic_usec() + 60 * 1000 * 1000;                          \
                while (!(condition)) {                                                            \
                        if (now_monotonic_usec() > _end)                                          \
                                fail_msg("never: %s", #condition);                                \
                        assert_true(sd_event_run((s)->event, 100 * 1000) >= 0);                   \
                }                                                                                 \
        } while (0)

static Job *request_build(Service *s, const char *kernel, bool force) {
        JobRequest request = {
                .type = JOB_BUILD,
                .kernel = kernel,
                .profile = "default",
                .force = force,
                .reason = REASON_ADMIN,
        };
        sd_bus_error error = SD_BUS_ERROR_NULL;
        Job *job;

        assert_true(manager_request(s->manager, &request, &error, &job) >= 0);
        return job;
}

static ImageState shown(Service *s, const char *kernel) {
        const Image *image = manager_find_image(s->manager, kernel, "default");

        assert_non_null(image);
        return image_shown_state(image);
}

/* Nothing is said to be safe before somebody looked. */
static void test_start(void **state) {
        Service *s = service_new(KERNEL(K, "ready") IMAGE(K, "current", ""));

        assert_int_equal(manager_state(s->manager), MANAGER_STARTING);
        assert_false(s->manager->reboot_safe);
        run_until(s, s->manager->examined);
        assert_int_equal(manager_state(s->manager), MANAGER_IDLE);
        assert_true(s->manager->reboot_safe);
        assert_string_equal(s->manager->default_kernel, K);
        assert_int_equal(shown(s, K), IMAGE_CURRENT);
        assert_int_equal(bus_stub.images_added, 1);
        assert_int_equal(bus_stub.watched, 1);
        assert_int_equal(count_requests(s, "build"), 0);
        service_free(s);
}

/* What was found out of date is built, once, and what was built is remembered. */
static void test_stale(void **state) {
        Service *s = service_new(KERNEL(K, "ready") IMAGE(K, "stale", ",\"reasons\":[\"x changed\"]"));
        const Job *job;

        write_to(s, "result.build", BUILT);
        run_until(s, s->manager->n_jobs == 1);
        job = s->manager->jobs[0];
        assert_int_equal(job->reason, REASON_BOOT);
        assert_int_equal(shown(s, K), IMAGE_BUILDING);
        assert_int_equal(bus_stub.inhibited, INHIBIT_DELAY);
        set_images(s, KERNEL(K, "ready") IMAGE(K, "current", ""));
        run_until(s, job->state == JOB_FINISHED);
        assert_int_equal(job->result, JOB_RESULT_IS_DONE);
        assert_string_equal(job->packed[0], "lvm");
        assert_int_equal(shown(s, K), IMAGE_CURRENT);
        assert_int_equal(bus_stub.hooks, 1);
        assert_int_equal(bus_stub.inhibited, INHIBIT_NONE);
        run_until(s, count_requests(s, "examine") >= 2 && !s->manager->examination);
        assert_int_equal(count_requests(s, "build"), 1);
        stop(s);

        start(s);
        assert_string_equal(s->manager->last_result, "done");
        assert_int_equal(shown(s, K), IMAGE_UNKNOWN);
        run_until(s, s->manager->examined);
        assert_int_equal(shown(s, K), IMAGE_CURRENT);
        service_free(s);
}

/* None of these is built by itself. */
static void test_left_alone(void **state) {
        static const char *const tables[] = {
                KERNEL(K, "ready") IMAGE(K, "foreign", ""),
                KERNEL(K, "unpacking") IMAGE(K, "missing", ""),
                KERNEL(K, "unpacked") IMAGE(K, "missing", ""),
                KERNEL(K, "incomplete") IMAGE(K, "incomplete", ""),
                "{\"type\":\"kernel\",\"kernel\":\"" K "\",\"state\":\"ready\"}\n" IMAGE(K, "missing", ""),
        };

        for (size_t i = 0; i < ELEMENTSOF(tables); i++) {
                Service *s = service_new(tables[i]);

                run_until(s, s->manager->examined);
                assert_false(queue_has(s->manager, JOB_BUILD, NULL, NULL));
                assert_int_equal(s->manager->reboot_safe, i == 0);
                service_free(s);
        }
}

/* An equal request joins; one that joins what runs already is looked at once more. */
static void test_join(void **state) {
        Service *s = service_new(KERNEL(K, "ready") IMAGE(K, "current", ""));
        JobRequest other = { .type = JOB_BUILD, .kernel = K, .profile = "default", .best = true };
        sd_bus_error error = SD_BUS_ERROR_NULL;
        Job *a, *b;

        run_until(s, s->manager->examined);
        write_to(s, "block.build", "");
        write_to(s, "result.build", BUILT);
        a = request_build(s, K, false);
        assert_ptr_equal(request_build(s, K, false), a);
        run_until(s, count_requests(s, "build") == 1);
        assert_ptr_equal(request_build(s, K, false), a);
        /* Another one waits; a third kind is too much. */
        assert_int_equal(manager_request(s->manager, &other, &error, &b), 0);
        assert_ptr_not_equal(a, b);
        other.detached = true;
        assert_true(manager_request(s->manager, &other, &error, &b) < 0);
        assert_string_equal(error.name, BUS_ERROR("Busy"));
        sd_bus_error_free(&error);
        remove_file(s, "block.build");
        run_until(s, queue_count(s->manager) == 0);
        assert_int_equal(count_requests(s, "build"), 3);
        assert_int_equal(bus_stub.jobs_added, 2);
        assert_int_equal(bus_stub.jobs_ended, 2);
        assert_ptr_equal(queue_find(s->manager, a->id), a);
        service_free(s);
}

/* A failure is kept, told, and not tried again for the same reason. */
static void test_failure(void **state) {
        Service *s = service_new(KERNEL(K, "ready") IMAGE(K, "missing", ""));
        const Image *image;
        unsigned looks;

        write_to(s, "result.build", FAILED);
        run_until(s, s->manager->n_jobs == 1 && queue_count(s->manager) == 0);
        image = manager_find_image(s->manager, K, "default");
        assert_int_equal(shown(s, K), IMAGE_FAILED);
        assert_string_equal(image->error_name, "NoSpace");
        assert_string_equal(image->error_message, "/boot: No room");
        assert_int_equal(bus_stub.inhibited_most, INHIBIT_BLOCK);
        assert_false(s->manager->reboot_safe);
        assert_non_null(strstr(s->manager->reboot_blockers[0], "No room"));
        looks = count_requests(s, "examine");
        bus_stub_event();
        run_until(s, count_requests(s, "examine") > looks && !s->manager->examination);
        assert_int_equal(count_requests(s, "build"), 1);

        /* For another reason it is. */
        set_images(s, KERNEL(K, "ready") IMAGE(K, "stale", ",\"reasons\":[\"y changed\"]"));
        write_to(s, "result.build", BUILT);
        bus_stub_event();
        run_until(s, count_requests(s, "build") == 2 && queue_count(s->manager) == 0);
        assert_int_equal(shown(s, K), IMAGE_CURRENT);
        assert_true(s->manager->reboot_safe);
        service_free(s);
}

/* A stale image still boots its kernel, unless that was changed as well. */
static void test_safety(void **state) {
        static const struct {
                const char *images;
                bool safe;
                const char *says;
        } cases[] = {
                { KERNEL(K, "ready") IMAGE(K, "stale", ""), true, NULL },
                { KERNEL(K, "ready") IMAGE(K, "stale", ",\"kernel-changed\":true"), false, "changed" },
                { KERNEL(K, "ready") IMAGE(K, "stale", ",\"damaged\":true,\"reasons\":[\"It was cut\"]"),
                  false, "It was cut" },
                { KERNEL(K, "ready") IMAGE(K, "foreign", ""), true, NULL },
                { KERNEL(K, "ready") IMAGE(K, "foreign", ",\"damaged\":true,\"reasons\":[\"It is empty\"]"),
                  false, "It is empty" },
                { KERNEL(K, "ready") IMAGE(K, "missing", ""), false, "no image" },
                { KERNEL(K, "unpacking") IMAGE(K, "current", ""), false, "being installed" },
                { KERNEL(K, "unpacked") IMAGE(K, "current", ""), false, "being installed" },
                { KERNEL(K, "ready") IMAGE(K, "current", "") KERNEL(K2, "ready") IMAGE(K2, "missing", ""),
                  true, NULL },
                { IMAGE(K, "orphaned", ""), false, "gone" },
                { "", true, NULL },
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                Service *s = service_new(cases[i].images);

                write_to(s, "block.build", "");
                run_until(s, s->manager->examined);
                if (!cases[i].safe) {
                        assert_false(s->manager->reboot_safe);
                        if (queue_count(s->manager) == 0)
                                assert_non_null(strstr(s->manager->reboot_blockers[0], cases[i].says));
                } else
                        assert_true(s->manager->reboot_safe);
                service_free(s);
        }
}

/* A digest comes late, and may be of an image that has been replaced since, by the same job even. */
static void test_digest(void **state) {
        Service *s = service_new(KERNEL(K, "ready") IMAGE(K, "current", ""));
        const Image *image;

        run_until(s, s->manager->examined);
        image = manager_find_image(s->manager, K, "default");
        write_to(s, "result.build",
                 BUILT "{\"type\":\"digest\",\"digest\":\"aa\",\"size\":2000,\"mtime\":5}\n"
                       "{\"type\":\"digest\",\"digest\":\"bb\",\"size\":2000,\"mtime\":6}\n"
                       "{\"type\":\"digest\",\"digest\":\"cc\",\"size\":2001,\"mtime\":6}\n"
                       "{\"type\":\"digest\",\"digest\":\"dd\"}\n");
        (void) request_build(s, K, false);
        run_until(s, *image->digest);
        run_until(s, !worker_is_running(s->manager->jobs[0]->worker));
        assert_string_equal(image->digest, "bb");
        service_free(s);
}

/* A worker that says nothing, one that crashes, and one that is asked to end. */
static void test_bad_worker(void **state) {
        Service *s = service_new(KERNEL(K, "ready") IMAGE(K, "current", ""));
        sd_bus_error error = SD_BUS_ERROR_NULL;
        Job *job;

        run_until(s, s->manager->examined);
        write_to(s, "block.build", "");
        s->manager->settings.job_timeout_usec = 300 * 1000;
        job = request_build(s, K, false);
        s->manager->settings.job_timeout_usec = 20 * 1000 * 1000;
        run_until(s, job->state == JOB_FINISHED);
        assert_int_equal(job->result, JOB_RESULT_IS_FAILED);
        assert_non_null(strstr(job->error_message, "said nothing"));

        write_to(s, "crash.build", "");
        remove_file(s, "block.build");
        job = request_build(s, K, false);
        run_until(s, job->state == JOB_FINISHED);
        assert_int_equal(job->result, JOB_RESULT_IS_FAILED);
        assert_non_null(strstr(job->error_message, "signal 11"));
        remove_file(s, "crash.build");

        write_to(s, "block.build", "");
        job = request_build(s, K, false);
        run_until(s, count_requests(s, "build") == 3);
        assert_int_equal(manager_cancel(s->manager, job, &error), 0);
        assert_int_equal(job->state, JOB_CANCELLING);
        run_until(s, job->state == JOB_FINISHED);
        assert_int_equal(job->result, JOB_RESULT_IS_CANCELLED);
        assert_true(manager_cancel(s->manager, job, &error) < 0);
        assert_string_equal(error.name, BUS_ERROR("AlreadyFinished"));
        sd_bus_error_free(&error);
        service_free(s);
}

/* Nothing is cancelled once the image is being put in its place. */
static void test_install(void **state) {
        Service *s = service_new(KERNEL(K, "ready") IMAGE(K, "current", ""));
        sd_bus_error error = SD_BUS_ERROR_NULL;
        Job *job;

        run_until(s, s->manager->examined);
        write_to(s, "block.build", "");
        write_to(s, "answer.build",
                 "{\"type\":\"progress\",\"stage\":\"install\",\"percent\":95}\n");
        write_to(s, "result.build", BUILT);
        job = request_build(s, K, false);
        run_until(s, streq(job->stage, "install"));
        assert_int_equal(job->progress, 95);
        assert_int_equal(bus_stub.inhibited, INHIBIT_BLOCK);
        assert_false(s->manager->reboot_safe);
        assert_true(manager_cancel(s->manager, job, &error) < 0);
        assert_string_equal(error.name, BUS_ERROR("NotCancellable"));
        sd_bus_error_free(&error);
        manager_stop(s->manager);
        assert_int_equal(sd_event_get_state(s->event), SD_EVENT_INITIAL);
        remove_file(s, "block.build");
        run_until(s, job->state == JOB_FINISHED);
        assert_int_equal(job->result, JOB_RESULT_IS_DONE);
        assert_int_equal(job->progress, 100);
        service_free(s);
}

/* While somebody holds them up there are no automatic builds; those that are asked for are made. */
static void test_hold(void **state) {
        Service *s = service_new(KERNEL(K, "ready") IMAGE(K, "current", ""));
        sd_bus_error error = SD_BUS_ERROR_NULL;
        unsigned looks;
        int fd;

        run_until(s, s->manager->examined);
        write_to(s, "result.build", BUILT);
        assert_int_equal(manager_hold(s->manager, "apt", "upgrade", 0, 1, &error, &fd), 0);
        set_images(s, KERNEL(K, "ready") IMAGE(K, "stale", ""));
        looks = count_requests(s, "examine");
        bus_stub_event();
        run_until(s, count_requests(s, "examine") > looks && !s->manager->examination);
        assert_int_equal(shown(s, K), IMAGE_STALE);
        assert_int_equal(manager_state(s->manager), MANAGER_HELD);
        assert_int_equal(s->manager->n_jobs, 0);
        (void) request_build(s, K, false);
        run_until(s, queue_count(s->manager) == 0);
        assert_int_equal(count_requests(s, "build"), 1);
        assert_int_equal(close(fd), 0);
        run_until(s, s->manager->n_holds == 0);
        service_free(s);
}

/* A kernel that is being unpacked is packed ahead, once; a build of it waits for that, any other
 * takes its place. */
static void test_pack_ahead(void **state) {
        Service *s = service_new(KERNEL(K, "ready") IMAGE(K, "current", "") KERNEL(K2, "unpacked")
                                                 IMAGE(K2, "missing", ""));
        const Job *ahead;

        write_to(s, "block.prepare", "");
        write_to(s, "result.build", BUILT);
        run_until(s, queue_has(s->manager, JOB_PREPARE, K2, "default"));
        ahead = s->manager->jobs[0];
        run_until(s, count_requests(s, "prepare") == 1);
        (void) request_build(s, K2, false);
        assert_int_equal(ahead->state, JOB_RUNNING);
        (void) request_build(s, K, false);
        assert_int_equal(ahead->state, JOB_CANCELLING);
        run_until(s, queue_count(s->manager) == 0);
        assert_int_equal(ahead->result, JOB_RESULT_IS_CANCELLED);
        assert_int_equal(count_requests(s, "build"), 2);
        assert_int_equal(count_requests(s, "prepare"), 1);
        service_free(s);
}

/* What was removed on request is missed, and not built again until somebody asks for it. */
static void test_remove(void **state) {
        Service *s = service_new(KERNEL(K, "ready") IMAGE(K, "current", ""));
        sd_bus_error error = SD_BUS_ERROR_NULL;
        _cleanup_free_ Job **jobs = NULL;
        unsigned looks;
        size_t n;

        run_until(s, s->manager->examined);
        assert_true(manager_request_remove(s->manager, K, false, 0, &error, &jobs, &n) < 0);
        assert_string_equal(error.name, BUS_ERROR("InUse"));
        sd_bus_error_free(&error);
        /* One that was called off has removed nothing. */
        assert_int_equal(manager_request_remove(s->manager, K, true, 0, &error, &jobs, &n), 0);
        assert_int_equal(manager_cancel(s->manager, jobs[0], &error), 0);
        assert_int_equal(jobs[0]->result, JOB_RESULT_IS_CANCELLED);
        assert_int_equal(shown(s, K), IMAGE_CURRENT);
        assert_true(s->manager->reboot_safe);
        free(TAKE_PTR(jobs));

        write_to(s, "result.remove", "{\"type\":\"result\",\"result\":\"done\"}\n");
        assert_int_equal(manager_request_remove(s->manager, K, true, 0, &error, &jobs, &n), 0);
        assert_int_equal(n, 1);
        run_until(s, jobs[0]->state == JOB_FINISHED);
        assert_int_equal(shown(s, K), IMAGE_MISSING);
        assert_false(s->manager->reboot_safe);
        set_images(s, KERNEL(K, "ready") IMAGE(K, "missing", ""));
        run_until(s, !s->manager->examination && s->manager->look_usec == 0);

        /* Also when a look that began before comes to its end behind it. */
        write_to(s, "result.build", BUILT);
        (void) request_build(s, K, false);
        run_until(s, queue_count(s->manager) == 0);
        write_to(s, "answer.examine", "");
        write_to(s, "result.examine", KERNEL(K, "ready") IMAGE(K, "current", "") SERVICE EXAMINED);
        write_to(s, "block.examine", "");
        looks = count_requests(s, "examine");
        bus_stub_event();
        run_until(s, s->manager->examination && count_requests(s, "examine") == looks + 1);
        free(TAKE_PTR(jobs));
        assert_int_equal(manager_request_remove(s->manager, K, true, 0, &error, &jobs, &n), 0);
        run_until(s, jobs[0]->state == JOB_FINISHED);
        remove_file(s, "block.examine");
        run_until(s, !s->manager->examination);
        assert_int_equal(shown(s, K), IMAGE_MISSING);
        remove_file(s, "result.build");
        set_images(s, KERNEL(K, "ready") IMAGE(K, "missing", ""));
        looks = count_requests(s, "examine");
        bus_stub_event();
        run_until(s, count_requests(s, "examine") > looks && !s->manager->examination);
        assert_false(queue_has(s->manager, JOB_BUILD, NULL, NULL));
        write_to(s, "result.build", BUILT);
        (void) request_build(s, K, false);
        run_until(s, queue_count(s->manager) == 0);
        assert_int_equal(shown(s, K), IMAGE_CURRENT);
        service_free(s);
}

/* What there was time for is done once, until there is something new. */
static void test_idle(void **state) {
        Service *s = service_new(KERNEL(K, "ready") IMAGE(K, "current", ""));

        run_until(s, s->manager->examined);
        s->manager->settings.idle_recompress_usec = 1;
        write_to(s, "answer.examine",
                 KERNEL(K, "ready") IMAGE(K, "current", "")
                 "{\"type\":\"service\",\"settle-usec\":0,\"idle-recompress-usec\":1}\n");
        write_to(s, "result.recompress", "{\"type\":\"result\",\"result\":\"failed\"}\n");
        bus_stub_event();
        run_until(s, s->manager->packed_enough);
        assert_int_equal(count_requests(s, "recompress"), 1);
        run_until(s, s->manager->look_usec == 0 && !s->manager->examination);
        assert_int_equal(queue_count(s->manager), 0);
        write_to(s, "result.build", BUILT);
        (void) request_build(s, K, true);
        run_until(s, s->manager->packed_enough && count_requests(s, "recompress") == 2);
        service_free(s);
}

/* There is an end to what may wait. */
static void test_limit(void **state) {
        Service *s = service_new("");
        JobRequest request = { .type = JOB_BUILD, .kernel = K, .profile = "default" };
        sd_bus_error error = SD_BUS_ERROR_NULL;
        char name[32];
        Job *job;
        int r = 0;

        run_until(s, s->manager->examined);
        assert_true(manager_request(s->manager, &request, &error, &job) < 0);
        assert_string_equal(error.name, BUS_ERROR("NoSuchKernel"));
        sd_bus_error_free(&error);
        write_to(s, "block.build", "");
        request.kernel_dir = "/somewhere";
        for (unsigned i = 0; i <= QUEUE_MAX; i++) {
                (void) snprintf(name, sizeof(name), "profile-%u", i);
                request.profile = name;
                r = manager_request(s->manager, &request, &error, &job);
                if (r < 0)
                        break;
        }
        assert_true(r < 0);
        assert_string_equal(error.name, SD_BUS_ERROR_LIMITS_EXCEEDED);
        sd_bus_error_free(&error);
        assert_int_equal(queue_count(s->manager), QUEUE_MAX);
        service_free(s);
}

/* What is not to be read is put aside, and looking finds all that matters. */
static void test_damaged_state(void **state) {
        Service *s = service_new(KERNEL(K, "ready") IMAGE(K, "current", ""));
        _cleanup_free_ char *aside = path_join(s->path, "state/state.json.damaged");

        run_until(s, s->manager->examined);
        stop(s);
        write_to(s, "state/state.json", "{\"format\": 1, \"images\": [{\"kernel\": 3");
        start(s);
        assert_int_equal(access(aside, F_OK), 0);
        run_until(s, s->manager->examined);
        assert_int_equal(shown(s, K), IMAGE_CURRENT);
        service_free(s);
}

/* A look that fails is no reason to believe anything. */
static void test_no_look(void **state) {
        Service *s = service_new("");

        write_to(s, "result.examine", FAILED);
        stop(s);
        start(s);
        run_until(s, s->manager->look_failure);
        assert_false(s->manager->reboot_safe);
        assert_non_null(strstr(s->manager->reboot_blockers[0], "No room"));
        service_free(s);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_start),       cmocka_unit_test(test_stale),
                cmocka_unit_test(test_left_alone),  cmocka_unit_test(test_join),
                cmocka_unit_test(test_failure),     cmocka_unit_test(test_safety),
                cmocka_unit_test(test_bad_worker),  cmocka_unit_test(test_install),
                cmocka_unit_test(test_hold),        cmocka_unit_test(test_pack_ahead),
                cmocka_unit_test(test_limit),       cmocka_unit_test(test_damaged_state),
                cmocka_unit_test(test_no_look),     cmocka_unit_test(test_remove),
                cmocka_unit_test(test_digest),      cmocka_unit_test(test_idle),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
