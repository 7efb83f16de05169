/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * The hooks run in initrdd-post-update@KERNEL.service, since they write to disks and boot sectors,
 * which the service may not. What they are about is in RUN/post-update/KERNEL.env (systemd.exec(5),
 * EnvironmentFile=):
 *
 *   1. KERNEL="…"    the version
 *   2. IMAGE="…"     the path of the image
 *
 * systemd is asked to start the unit, and tells when that job ends: a unit of Type=oneshot has then
 * run its hooks. systemd tells of its jobs only who subscribes, so that is done for as long as one
 * is under way, and nobody is woken up by other units.
 */

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bus-internal.h"
#include "fd-util.h"
#include "path-util.h"
#include "post-update.h"
#include "string-util.h"

#define HOOKS_DIRECTORY "/etc/initramfs/post-update.d"

struct PostUpdate {
        Manager *manager;
        PostUpdate *next;
        char *kernel, *unit, *job;
        post_update_handler_t done; /* NULL: nobody listens */
        void *userdata;
        sd_bus_slot *call, *match;
        sd_event_source *failed; /* when it failed at once */
        char *failure;
};

static PostUpdate *post_update_free(PostUpdate *p) {
        if (!p)
                return NULL;
        sd_bus_slot_unref(p->call);
        sd_bus_slot_unref(p->match);
        sd_event_source_disable_unref(p->failed);
        free(p->failure);
        free(p->kernel);
        free(p->unit);
        free(p->job);
        free(p);
        return NULL;
}
DEFINE_CLEANUP_FUNC(PostUpdate *, post_update_free);

static int call_systemd(Manager *m, sd_bus_slot **slot, sd_bus_message_handler_t handler,
                        void *userdata, const char *member, const char *unit) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *call = NULL;
        int r;

        r = sd_bus_message_new_method_call(m->bus, &call, "org.freedesktop.systemd1",
                                           "/org/freedesktop/systemd1",
                                           "org.freedesktop.systemd1.Manager", member);
        if (r >= 0)
                r = sd_bus_message_set_auto_start(call, false);
        if (r >= 0 && unit)
                r = sd_bus_message_append(call, "ss", unit, "replace");
        return r < 0 ? r : sd_bus_call_async(m->bus, slot, call, handler, userdata, 0);
}

/* Tells how it ended, and forgets it. */
static void post_update_end(PostUpdate *p, const char *failure) {
        _cleanup_free_ char *sentence = failure ? strdup(failure) : NULL;
        post_update_handler_t done = p->done;
        void *userdata = p->userdata;
        Manager *m = p->manager;

        for (PostUpdate **i = &bus_private(m)->post_updates; *i; i = &(*i)->next)
                if (*i == p) {
                        *i = p->next;
                        break;
                }
        post_update_free(p);
        if (!bus_private(m)->post_updates && bus_is_up(m))
                (void) call_systemd(m, NULL, NULL, NULL, "Unsubscribe", NULL);
        if (done)
                done(userdata, failure ? sentence ?: "Out of memory" : NULL);
}

static void post_update_fail(PostUpdate *p, const char *why) {
        _cleanup_free_ char *sentence = NULL;

        if (str_printf(&sentence,
                       "The boot loader's hooks of kernel %s can't be run (%s); run those "
                       "in " HOOKS_DIRECTORY " by hand",
                       p->kernel, why) < 0)
                post_update_end(p, "Out of memory");
        else
                post_update_end(p, sentence);
}

static int on_failed(sd_event_source *source, void *userdata) {
        PostUpdate *p = userdata;
        _cleanup_free_ char *why = TAKE_PTR(p->failure);

        post_update_fail(p, why ?: "out of memory");
        return 0;
}

/* Without calling back from within. */
static int fail_later(PostUpdate *p, const char *why) {
        p->failure = strdup(why);
        return sd_event_add_defer(p->manager->event, &p->failed, on_failed, p);
}

static int on_job_removed(sd_bus_message *message, void *userdata, sd_bus_error *error) {
        const char *job, *unit, *result;
        PostUpdate *p = userdata;
        uint32_t id;
        int r;

        r = sd_bus_message_read(message, "uoss", &id, &job, &unit, &result);
        if (r < 0 || !streq_ptr(p->job, job))
                return 0;
        if (streq(result, "done") || streq(result, "skipped"))
                post_update_end(p, NULL);
        else {
                _cleanup_free_ char *sentence = NULL;

                r = str_printf(&sentence,
                               "The boot loader's hooks of kernel %s failed (%s); see journalctl "
                               "-u '%s'",
                               p->kernel, result, p->unit);
                post_update_end(p, r < 0 ? "Out of memory" : sentence);
        }
        return 0;
}

static int on_started(sd_bus_message *reply, void *userdata, sd_bus_error *error) {
        const sd_bus_error *e = sd_bus_message_get_error(reply);
        PostUpdate *p = userdata;
        const char *job;

        p->call = sd_bus_slot_unref(p->call);
        if (e) {
                if (sd_bus_error_has_name(e, SD_BUS_ERROR_SERVICE_UNKNOWN) ||
                    sd_bus_error_has_name(e, SD_BUS_ERROR_NAME_HAS_NO_OWNER))
                        post_update_fail(p, "there is no systemd on the bus");
                else
                        post_update_fail(p, e->message ?: e->name);
        } else if (sd_bus_message_read(reply, "o", &job) < 0 || !(p->job = strdup(job)))
                post_update_fail(p, "out of memory");
        return 0;
}

/* As systemd.unit(5), "String Escaping for Inclusion in Unit Names": the version of a kernel has no
 * slash, and begins with no dot worth mentioning; what is left is escaped byte by byte. */
static int unit_name(const char *kernel, char **ret) {
        static const char plain[] =
                        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789:_.";
        static const char prefix[] = "initrdd-post-update@", suffix[] = ".service";
        static const char digits[] = "0123456789abcdef";
        char *name, *p;

        name = malloc(sizeof(prefix) + 4 * strlen(kernel) + sizeof(suffix));
        if (!name)
                return -ENOMEM;
        p = mempcpy(name, prefix, sizeof(prefix) - 1);
        for (const char *s = kernel; *s; s++)
                if (strchr(plain, *s) && !(s == kernel && *s == '.'))
                        *p++ = *s;
                else {
                        *p++ = '\\';
                        *p++ = 'x';
                        *p++ = digits[(unsigned char) *s >> 4];
                        *p++ = digits[(unsigned char) *s & 15];
                }
        memcpy(p, suffix, sizeof(suffix));
        *ret = name;
        return 0;
}

/* In double quotes, where only these mean something; -EINVAL for what no line can hold. */
static int quote(const char *s, char **ret) {
        char *text, *p;

        p = text = malloc(2 * strlen(s) + 3);
        if (!text)
                return -ENOMEM;
        *p++ = '"';
        for (; *s; s++) {
                if ((unsigned char) *s < ' ') {
                        free(text);
                        return -EINVAL;
                }
                if (strchr("\"\\$`", *s))
                        *p++ = '\\';
                *p++ = *s;
        }
        *p++ = '"';
        *p = '\0';
        *ret = text;
        return 0;
}

static int write_environment(Manager *m, const char *kernel, const char *image) {
        _cleanup_free_ char *directory = NULL, *name = NULL, *k = NULL, *i = NULL, *text = NULL;
        _cleanup_close_ int fd = -EBADF;
        int r;

        directory = path_join(m->options.run_dir, "post-update");
        if (!directory)
                return -ENOMEM;
        r = mkdir_parents(directory, 0755);
        if (r < 0)
                return r;
        fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (fd < 0)
                return -errno;
        r = quote(kernel, &k);
        if (r >= 0)
                r = quote(image, &i);
        if (r >= 0)
                r = str_printf(&name, "%s.env", kernel);
        if (r >= 0)
                r = str_printf(&text, "KERNEL=%s\nIMAGE=%s\n", k, i);
        return r < 0 ? r : file_replace_at(fd, name, text, strlen(text), 0644);
}

/* Whether there is anything to run. */
static bool have_hooks(const Manager *m) {
        _cleanup_free_ char *path = NULL;
        const struct dirent *entry;
        bool found = false;
        struct stat st;
        DIR *d;

        path = path_join(m->options.root, HOOKS_DIRECTORY);
        d = path ? opendir(path) : NULL;
        if (!d)
                return false;
        while (!found && (entry = readdir(d)))
                found = entry->d_name[0] != '.' && fstatat(dirfd(d), entry->d_name, &st, 0) >= 0 &&
                        S_ISREG(st.st_mode) && (st.st_mode & 0111);
        closedir(d);
        return found;
}

static int start_unit(PostUpdate *p) {
        Manager *m = p->manager;
        int r;

        r = sd_bus_match_signal_async(
                        m->bus, &p->match, "org.freedesktop.systemd1", "/org/freedesktop/systemd1",
                        "org.freedesktop.systemd1.Manager", "JobRemoved", on_job_removed, NULL, p);
        if (r >= 0)
                r = call_systemd(m, NULL, NULL, NULL, "Subscribe", NULL);
        return r < 0 ? r : call_systemd(m, &p->call, on_started, p, "StartUnit", p->unit);
}

int post_update_start(Manager *m, const char *kernel, const char *image,
                      post_update_handler_t done, void *userdata) {
        _cleanup_(post_update_freep) PostUpdate *p = NULL;
        int r;

        if (!bus_private(m) || !have_hooks(m))
                return 0;
        p = calloc(1, sizeof(PostUpdate));
        if (!p)
                return -ENOMEM;
        p->manager = m;
        p->done = done;
        p->userdata = userdata;
        p->kernel = strdup(kernel);
        if (!p->kernel)
                return -ENOMEM;
        r = unit_name(kernel, &p->unit);
        if (r < 0)
                return r;
        r = write_environment(m, kernel, image);
        if (r >= 0 && bus_is_up(m))
                r = start_unit(p);
        else if (r >= 0)
                r = -ENOTCONN;
        if (r < 0) {
                r = fail_later(p, r == -ENOTCONN ? "there is no bus" : strerror(-r));
                if (r < 0)
                        return r;
        }
        p->next = bus_private(m)->post_updates;
        bus_private(m)->post_updates = TAKE_PTR(p);
        return 1;
}

void post_update_forget(Manager *m, void *userdata) {
        for (PostUpdate *p = bus_private(m) ? bus_private(m)->post_updates : NULL; p; p = p->next)
                if (p->userdata == userdata)
                        p->done = NULL;
}

/* They run on, but nobody tells us how they end. */
void post_update_disconnected(Manager *m) {
        PostUpdate *p;

        while ((p = bus_private(m)->post_updates)) {
                _cleanup_free_ char *sentence = NULL;
                int r;

                r = str_printf(&sentence,
                               "The bus was lost while the boot loader's hooks of kernel %s ran; "
                               "see journalctl -u '%s'",
                               p->kernel, p->unit);
                post_update_end(p, r < 0 ? "Out of memory" : sentence);
        }
}

void post_update_done(Manager *m) {
        PostUpdate *p;

        while ((p = bus_private(m)->post_updates)) {
                bus_private(m)->post_updates = p->next;
                post_update_free(p);
        }
}
