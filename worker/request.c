/* SPDX-License-Identifier: GPL-2.0-or-later */

#include <linux/ioprio.h>
#include <sched.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "worker.h"

/* The keys of all types together: a key that is of no use to one type does no harm there. */
static const struct {
        const char *name;
        json_type type;
} keys[] = {
        { "type", JSON_STRING },    { "root", JSON_STRING },     { "data-dir", JSON_STRING },
        { "store", JSON_STRING },   { "kernel", JSON_STRING },   { "kernel-dir", JSON_STRING },
        { "profile", JSON_STRING }, { "output", JSON_STRING },   { "facts", JSON_STRING },
        { "path", JSON_STRING },    { "threads", JSON_INTEGER }, { "settings", JSON_ARRAY },
        { "known", JSON_ARRAY },    { "idle", JSON_TRUE },       { "force", JSON_TRUE },
        { "best", JSON_TRUE },      { "digest", JSON_TRUE },     { "parent", JSON_INTEGER },
        { "offset", JSON_INTEGER }, { "size", JSON_INTEGER },
};

static const char *const type_names[] = {
        [JSON_STRING] = "a string",
        [JSON_INTEGER] = "a whole number",
        [JSON_ARRAY] = "an array",
        [JSON_TRUE] = "true or false",
};

static int check_value(Report *report, const char *name, const json_t *value) {
        for (size_t i = 0; i < ELEMENTSOF(keys); i++) {
                if (!streq(keys[i].name, name))
                        continue;
                if (json_typeof(value) == keys[i].type ||
                    (keys[i].type == JSON_TRUE && json_is_false(value)))
                        return 0;
                return report_fail(report, FAILURE_INVALID_ARGUMENT, -EINVAL, NULL, 0,
                                   "The request's \"%s\" must be %s", name,
                                   type_names[keys[i].type]);
        }
        return report_fail(report, FAILURE_INVALID_ARGUMENT, -EINVAL, NULL, 0,
                           "The request has a key \"%s\", which is not known", name);
}

int request_check(const json_t *request, Report *report) {
        const json_t *threads, *setting;
        const char *name;
        json_t *value;
        size_t i;
        int r;

        if (!json_is_object(request))
                return report_fail(report, FAILURE_INVALID_ARGUMENT, -EINVAL, NULL, 0,
                                   "The request is no object");
        json_object_foreach((json_t *) request, name, value) {
                r = check_value(report, name, value);
                if (r < 0)
                        return r;
        }
        threads = json_object_get(request, "threads");
        if (threads && (json_integer_value(threads) < 0 || json_integer_value(threads) > 1024))
                return report_fail(report, FAILURE_INVALID_ARGUMENT, -ERANGE, NULL, 0,
                                   "The request's \"threads\" must be 0 to 1024");
        json_array_foreach(json_object_get(request, "settings"), i, setting)
                if (!json_is_string(setting))
                        return report_fail(report, FAILURE_INVALID_ARGUMENT, -EINVAL, NULL, 0,
                                           "The request's \"settings\" must be strings");
        return 0;
}

const char *request_string(const json_t *request, const char *key) {
        return json_string_value(json_object_get(request, key));
}

bool request_boolean(const json_t *request, const char *key) {
        return json_is_true(json_object_get(request, key));
}

int request_need(const json_t *request, Report *report, const char *key, const char **ret) {
        *ret = request_string(request, key);
        if (*ret)
                return 0;
        return report_fail(report, FAILURE_INVALID_ARGUMENT, -EINVAL, NULL, 0,
                           "The request has no \"%s\"", key);
}

void become_idle(void) {
        struct sched_param none = {};

        /* Where this is refused the work is done all the same. Threads inherit both. */
        (void) sched_setscheduler(0, SCHED_IDLE, &none);
        (void) syscall(SYS_ioprio_set, IOPRIO_WHO_PROCESS, 0,
                       IOPRIO_PRIO_VALUE(IOPRIO_CLASS_IDLE, 0));
}
