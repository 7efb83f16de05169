/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * initrdd-attach: makes the disks of the network that the kernel command line names, in the image.
 *
 *   initrdd-attach iscsi      logs in to targets, by iscsistart of open-iscsi
 *   initrdd-attach nbd        connects devices, by nbd-client
 *   initrdd-attach root PATH DIRECTORY    the one or the other, as DHCP says, and mounts it there
 *
 * A server may start later than its clients, so each is asked again until it answers or the time is
 * up: ATTEMPT_LIMIT_SECONDS after the kernel has started, or what rd.timeout=, rd.retry= or rootdelay= say. They
 * are asked in turn, so that one that is gone doesn't keep the others away. What went wrong stands on
 * the console when it is new, and at the end; all else that the programs say is in the journal.
 *
 * iscsistart instead of iscsid and iscsiadm: it needs no database, and leaves no process. The session is
 * the kernel's, until an iscsid of the real root takes it over.
 *
 * Passwords are in no unit and no file: this program reads what the generator has read, again. They
 * are on iscsistart's command line, which in an image nobody but root could look at.
 */

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "attach-root.h"
#include "attempt.h"
#include "fd-util.h"
#include "generator/iscsi.h"
#include "generator/nbd.h"
#include "lease.h"
#include "string-util.h"

/* Shorter than ROOT_SECONDS of netblock.c. */
#define PAUSE_SECONDS 1
#define INITIATOR_MADE "/run/initrdd/initiatorname.iscsi"

/* What a program is given at least, when the time is up before its first try. */
#define TRY_SECONDS 10

/* "" or where the image is, for tests. */
static const char *root = "";

/* Something to attach. */
typedef struct Task {
        char *name; /* for people */
        char *program;
        char **argv;
        char *attached; /* what is there when it is attached already, or NULL */
        char *session; /* the target of such a session, or NULL */
        char *reason; /* why it failed when it was last tried, or NULL */
        bool done;
} Task;

typedef struct Tasks {
        Task *tasks;
        size_t n, allocated;
} Tasks;

/* The generator has said it. */
void generator_warn(const Generator *g, const char *format, ...) {
        (void) g;
        (void) format;
}

static void tasks_done(Tasks *tasks) {
        for (size_t i = 0; i < tasks->n; i++) {
                Task *t = &tasks->tasks[i];

                free(t->name);
                free(t->program);
                strv_free(t->argv);
                free(t->attached);
                free(t->session);
                free(t->reason);
        }
        free(tasks->tasks);
}

static Task *add_task(Tasks *tasks) {
        Task *t;

        if (!GREEDY_REALLOC(tasks->tasks, tasks->allocated, tasks->n + 1))
                return NULL;
        t = &tasks->tasks[tasks->n++];
        *t = (Task) {};
        return t;
}

/* NULL: it isn't there. */
static char *find_program(const char *name) {
        static const char *const places[] = { "/usr/sbin", "/sbin", "/usr/bin" };
        char *path;

        for (size_t i = 0; i < ELEMENTSOF(places); i++) {
                if (str_printf(&path, "%s%s/%s", root, places[i], name) < 0)
                        return NULL;
                if (access(path, X_OK) >= 0)
                        return path;
                free(path);
        }
        return NULL;
}

static int read_file(const char *path, char **ret) {
        _cleanup_free_ char *below = NULL;
        size_t size;

        if (str_printf(&below, "%s%s", root, path) < 0)
                return -ENOMEM;
        return file_read_at(AT_FDCWD, below, 65536, ret, &size);
}

/* The name in a file that has it alone, or as InitiatorName=NAME. */
static char *read_initiator(const char *path) {
        _cleanup_free_ char *text = NULL;
        char *save = NULL;

        if (read_file(path, &text) < 0)
                return NULL;
        for (char *l = strtok_r(text, "\n", &save); l; l = strtok_r(NULL, "\n", &save)) {
                const char *line = str_strip(l), *value = option_value(line, "InitiatorName");

                if (value && *value)
                        return strdup(value);
                if (startswith(line, "iqn.") || startswith(line, "eui.") ||
                    startswith(line, "naa."))
                        return strdup(line);
        }
        return NULL;
}

/* One that is made up is kept, so that it is the same for all. */
static char *make_initiator(void) {
        _cleanup_free_ char *program = find_program("iscsi-iname"), *directory = NULL;
        char name[256] = "";
        FILE *pipe;

        pipe = program ? popen(program, "re") : NULL;
        if (!pipe)
                return NULL;
        if (!fgets(name, sizeof(name), pipe))
                *name = '\0';
        if (pclose(pipe) != 0 || !*str_strip(name) ||
            str_printf(&directory, "%s/run/initrdd", root) < 0)
                return NULL;
        if (mkdir_parents(directory, 0755) >= 0) {
                _cleanup_free_ char *path = NULL;

                if (str_printf(&path, "%s" INITIATOR_MADE, root) >= 0 &&
                    file_replace_at(AT_FDCWD, path, name, strlen(name), 0644) < 0)
                        fprintf(stderr, "%s can't be written\n", path);
        }
        return strdup(str_strip(name));
}

/* Who we are to a target that nothing is said of. */
static char *find_initiator(void) {
        static const char *const places[] = { "/sys/firmware/ibft/initiator/initiator-name",
                                              "/etc/iscsi/initiatorname.iscsi", INITIATOR_MADE };
        char *name;

        for (size_t i = 0; i < ELEMENTSOF(places); i++)
                if ((name = read_initiator(places[i])))
                        return name;
        return make_initiator();
}

static int add_words(char ***argv, const char *option, const char *value) {
        if (!value)
                return 0;
        return strv_extend(argv, option) < 0 || strv_extend(argv, value) < 0 ? -ENOMEM : 0;
}

static int add_param(char ***argv, const char *name, const char *value) {
        char *text;

        if (!value)
                return 0;
        if (strv_extend(argv, "-P") < 0 || str_printf(&text, "%s=%s", name, value) < 0)
                return -ENOMEM;
        return strv_consume(argv, text);
}

/* What is the same for all targets. A login is tried once; then others have their turn. */
static int add_common(const Iscsi *iscsi, char ***argv) {
        char retry[32];

        snprintf(retry, sizeof(retry), "%d", iscsi->retry_max < 0 ? 0 : iscsi->retry_max);
        if (add_param(argv, "node.session.initial_login_retry_max", retry) < 0)
                return -ENOMEM;
        STRV_FOREACH(param, iscsi->params)
                if (add_words(argv, "-P", *param) < 0)
                        return -ENOMEM;
        return 0;
}

static int add_target(Tasks *tasks, const Iscsi *iscsi, const IscsiTarget *t, const char *program,
                      const char *initiator) {
        Task *task = add_task(tasks);

        if (!task)
                return -ENOMEM;
        task->program = strdup(program);
        if (!task->program ||
            str_printf(&task->name, "iSCSI target %s at %s port %s", t->name, t->address,
                       t->port) < 0 ||
            str_printf(&task->session, "%s %s %s", t->name, t->address, t->port) < 0 ||
            strv_extend(&task->argv, "iscsistart") < 0 ||
            add_words(&task->argv, "-i", initiator) < 0 ||
            add_words(&task->argv, "-t", t->name) < 0 ||
            add_words(&task->argv, "-g", t->group) < 0 ||
            add_words(&task->argv, "-a", t->address) < 0 ||
            add_words(&task->argv, "-p", t->port) < 0 ||
            add_words(&task->argv, "-u", t->user) < 0 ||
            add_words(&task->argv, "-w", t->password) < 0 ||
            add_words(&task->argv, "-U", t->user_in) < 0 ||
            add_words(&task->argv, "-W", t->password_in) < 0 ||
            add_param(&task->argv, "iface.iscsi_ifacename", t->iface) < 0 ||
            add_param(&task->argv, "iface.net_ifacename", t->netdev) < 0)
                return -ENOMEM;
        return add_common(iscsi, &task->argv);
}

static int find_targets(const Generator *g, Tasks *tasks) {
        _cleanup_iscsi_ Iscsi iscsi = {};
        _cleanup_free_ char *initiator = NULL, *program = find_program("iscsistart");
        int r;

        r = iscsi_read(g, &iscsi);
        if (r <= 0)
                return r;
        if (!program) {
                fprintf(stderr, "This image has no iscsistart, iSCSI disks can't be had\n");
                return -ENOENT;
        }
        if (iscsi.firmware) {
                Task *task = add_task(tasks);

                if (!task || !(task->program = strdup(program)) ||
                    !(task->name = strdup("iSCSI targets of the firmware")) ||
                    strv_extend(&task->argv, "iscsistart") < 0 ||
                    strv_extend(&task->argv, "-b") < 0 || add_common(&iscsi, &task->argv) < 0)
                        return -ENOMEM;
        }
        for (size_t i = 0; i < iscsi.n_targets; i++) {
                const char *name = iscsi.initiator ?: iscsi.targets[i].initiator;

                if (!name && !initiator)
                        initiator = find_initiator();
                if (!name && !initiator) {
                        fprintf(stderr, "There is no name to log in to iSCSI targets with; say "
                                        "rd.iscsi.initiator=NAME\n");
                        return -ENODATA;
                }
                r = add_target(tasks, &iscsi, &iscsi.targets[i], program, name ?: initiator);
                if (r < 0)
                        return r;
        }
        return 0;
}

static int add_device(Tasks *tasks, const NbdDevice *d, const char *program) {
        Task *task = add_task(tasks);
        const char *export = d->export ?: "";

        if (!task)
                return -ENOMEM;
        task->program = strdup(program);
        if (!task->program ||
            str_printf(&task->name, "NBD server %s%s%s%s%s for %s", d->server,
                       d->port ? " port " : "", d->port ?: "", *export ? " export " : "", export,
                       d->node) < 0 ||
            str_printf(&task->attached, "%s/sys/class/block/%s/pid", root,
                       startswith(d->node, "/dev/")) < 0 ||
            strv_extend(&task->argv, "nbd-client") < 0 ||
            strv_extend(&task->argv, d->server) < 0 ||
            (d->port && strv_extend(&task->argv, d->port) < 0) ||
            strv_extend(&task->argv, d->node) < 0 ||
            add_words(&task->argv, "-name", d->export) < 0)
                return -ENOMEM;
        STRV_FOREACH(option, d->options)
                if (strv_extend(&task->argv, *option) < 0)
                        return -ENOMEM;
        return 0;
}

static int find_devices(const Generator *g, Tasks *tasks) {
        _cleanup_free_ char *program = find_program("nbd-client");
        _cleanup_nbd_ Nbd nbd = {};
        int r;

        r = nbd_read(g, &nbd);
        if (r <= 0)
                return r;
        if (!program) {
                fprintf(stderr, "This image has no nbd-client, NBD disks can't be had\n");
                return -ENOENT;
        }
        for (size_t i = 0; i < nbd.n_devices; i++) {
                r = add_device(tasks, &nbd.devices[i], program);
                if (r < 0)
                        return r;
        }
        return 0;
}

static char *read_sysfs(const char *class, const char *object, const char *attribute) {
        _cleanup_free_ char *path = NULL;
        char *text = NULL;

        if (str_printf(&path, "/sys/class/%s/%s/%s", class, object, attribute) < 0 ||
            read_file(path, &text) < 0)
                return NULL;
        text[strcspn(text, "\n")] = '\0';
        return text;
}

/* Whether there is a session to that "TARGET ADDRESS PORT"; connection 1:0 is of session 1. */
static bool has_session(const char *wanted) {
        _cleanup_free_ char *sessions = NULL;
        bool found = false;
        DIR *dir;

        if (str_printf(&sessions, "%s/sys/class/iscsi_session", root) < 0)
                return false;
        dir = opendir(sessions);
        for (struct dirent *e; dir && !found && (e = readdir(dir));) {
                const char *number = startswith(e->d_name, "session");
                _cleanup_free_ char *connection = NULL, *target = NULL, *address = NULL,
                                    *port = NULL, *text = NULL;

                if (!number || str_printf(&connection, "connection%s:0", number) < 0)
                        continue;
                target = read_sysfs("iscsi_session", e->d_name, "targetname");
                address = read_sysfs("iscsi_connection", connection, "persistent_address");
                port = read_sysfs("iscsi_connection", connection, "persistent_port");
                found = target && address && port &&
                        str_printf(&text, "%s %s %s", target, address, port) >= 0 &&
                        streq(text, wanted);
        }
        if (dir)
                closedir(dir);
        return found;
}

static bool is_attached(const Task *t) {
        return (t->attached && access(t->attached, F_OK) >= 0) ||
               (t->session && has_session(t->session));
}

/* Without the word that each of the programs puts before it. */
static const char *reason_of(const Task *t) {
        return startswith(t->reason, "iscsistart: ") ?: startswith(t->reason, "Error: ")
                       ?: t->reason;
}

/* Tells of a reason that is another than the last time; takes it. */
static void set_reason(Task *t, char *reason) {
        bool new = !t->reason || !streq(t->reason, reason);

        free(t->reason);
        t->reason = reason;
        if (new)
                fprintf(stderr, "%s can't be had yet: %s\n", t->name, reason_of(t));
}

/* 0, or an error that makes it hopeless. */
static int try_task(Task *t, unsigned long long until) {
        char *reason;
        int r;

        if (is_attached(t)) {
                t->done = true;
                return 0;
        }
        r = attempt_run(t->program, t->argv, MAX_OF(until, attempt_now() + TRY_SECONDS), &reason);
        if (r < 0)
                return r;
        /* Of the firmware's several targets one was there already. */
        if (r > 0 && !strstr(reason, "session exists")) {
                set_reason(t, reason);
                return 0;
        }
        if (r > 0)
                free(reason);
        if (t->reason)
                fprintf(stderr, "%s is there\n", t->name);
        t->done = true;
        return 0;
}

/* 0 when all are done, 1 when the time was up before. Each was tried once at least. */
static int try_all(Tasks *tasks, unsigned long long until, bool again) {
        for (;;) {
                size_t left = 0;

                for (size_t i = 0; i < tasks->n; i++) {
                        int r = tasks->tasks[i].done ? 0 : try_task(&tasks->tasks[i], until);

                        if (r < 0)
                                return r;
                        left += !tasks->tasks[i].done;
                }
                if (left == 0)
                        return 0;
                if (!again || attempt_now() + PAUSE_SECONDS > until)
                        return 1;
                sleep(PAUSE_SECONDS);
        }
}

/* Puts what DHCP names as the root's path (option 17) where the command line says so. */
static int resolve_dhcp(const Generator *g, char **words, bool iscsi) {
        _cleanup_free_ char *interface = lease_interface(option_bootdev(g));

        for (char **word = words; word && *word; word++) {
                const char *debian = startswith(*word, "nbdroot=dhcp");
                _cleanup_free_ char *path = NULL, *text = NULL;
                int r;

                if (!streq(*word, "netroot=dhcp") && !(debian && (!*debian || *debian == ',')))
                        continue;
                r = lease_get(root, interface, "ROOT_PATH", &path);
                if (r < 0)
                        return r;
                if (debian)
                        r = str_printf(&text, "nbdroot=%s%s",
                                       path ? startswith(path, "nbdroot=") ?: path : "", debian);
                else if (path && (startswith(path, "iscsi:") || startswith(path, "nbd:")))
                        r = str_printf(&text, "netroot=%s", path);
                else if (iscsi)
                        fprintf(stderr, "DHCP names no disk, the root's path there is \"%s\"\n",
                                path ?: "");
                if (r < 0)
                        return r;
                if (!text)
                        continue;
                free(*word);
                *word = TAKE_PTR(text);
        }
        return 0;
}

static int attach(const Generator *g, Tasks *tasks) {
        /* Who says how often a login is tried means that, and no more. */
        bool again = !option_get(g, "rd.iscsi.login_retry_max");
        int r;

        r = try_all(tasks, attempt_limit(g), again);
        for (size_t i = 0; r == 1 && i < tasks->n; i++) {
                const Task *t = &tasks->tasks[i];

                if (!t->done)
                        fprintf(stderr, "<3>%s can't be had, that was the last try: %s\n", t->name,
                                reason_of(t));
        }
        return r;
}

static int attach_kind(const Generator *g, const char *kind) {
        Tasks tasks = {};
        int r;

        r = streq(kind, "nbd") ? find_devices(g, &tasks) : find_targets(g, &tasks);
        if (r >= 0)
                r = attach(g, &tasks);
        tasks_done(&tasks);
        return r;
}

/* 1: it can't be had. */
static int attach_root(Generator *g, char ***words, const char *path, const char *directory) {
        int r;

        r = attach_root_set(words, path);
        if (r < 0)
                return r;
        g->words = *words;
        attach_root_load(g, path);
        r = attach_kind(g, startswith(path, "nbd:") ? "nbd" : "iscsi");
        return r == 0 ? attach_root_mount(g, directory) : r;
}

int main(int argc, char *argv[]) {
        _cleanup_strv_free_ char **words = NULL;
        const char *kind = argc > 1 ? argv[1] : "";
        bool is_root = argc == 4 && streq(kind, "root") && attach_root_is_disk(argv[2]);
        Generator g = {};
        int r;

        if (!is_root && (argc != 2 || (!streq(kind, "iscsi") && !streq(kind, "nbd")))) {
                fprintf(stderr, "initrdd-attach iscsi|nbd\n"
                                "initrdd-attach root iscsi:...|nbd:... DIRECTORY\n");
                return 2;
        }
        g.root = root = getenv("INITRDD_GENERATOR_ROOT") ?: "";
        attempt_end_on_sigterm();
        r = option_read(&words);
        g.words = words;
        if (r >= 0 && is_root)
                r = attach_root(&g, &words, argv[2], argv[3]);
        else if (r >= 0) {
                r = resolve_dhcp(&g, words, streq(kind, "iscsi"));
                if (r >= 0)
                        r = attach_kind(&g, kind);
        }
        if (r < 0)
                fprintf(stderr, "initrdd-attach %s: %s\n", kind, strerror(-r));
        return r == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
