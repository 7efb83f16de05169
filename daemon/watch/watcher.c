/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * The program runs from the first watcher_set() on. Paths are only ever added to what it was told
 * (include/watch-protocol.h): of those that are no longer wanted its lines are dropped here, and
 * when they are the greater part it is started anew with what is left.
 *
 * What is to be written waits in one buffer, which holds what the program hasn't been told yet and no
 * more; what comes is read a line's buffer at a time. An empty line follows new paths, and its answer
 * says that they are watched: after a death, this is the moment to say that the program runs again,
 * since what is looked at then can't change unseen.
 *
 * The child belongs to its event source, which kills and reaps it when it goes: that wait is for a
 * process that has been killed, and so for an instant. A timer exists only between a death and the
 * next start.
 */

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "fd-util.h"
#include "initrdd-messages.h"
#include "log.h"
#include "path-util.h"
#include "process-util.h"
#include "string-util.h"
#include "strmap.h"
#include "watch-line.h"
#include "watcher.h"

#define USEC_PER_MSEC UINT64_C(1000)
#define USEC_PER_SEC UINT64_C(1000000)
#define DELAY_MIN_USEC (100 * USEC_PER_MSEC)
#define DELAY_MAX_USEC (60 * USEC_PER_SEC)
/* Who ran for so long has not failed because of what it was told. */
#define STAYED_USEC (60 * USEC_PER_SEC)

enum {
        DEATHS_MAX = 5, /* in a row, until somebody is told */
        SPARE_PATHS = 64, /* no new start for fewer */
};

/* Of a path, as the value of the map. */
enum {
        PATH_WANTED = 1,
        PATH_TOLD = 2,
};

struct Watcher {
        sd_event *event;
        char *program;
        watcher_handler_t handler;
        void *userdata;
        bool limit_told;

        Strmap paths; /* flags */

        /* While it runs. */
        sd_event_source *child, *input, *output;
        uint64_t started_usec;
        unsigned generation; /* which start */
        char *pending; /* to be written */
        size_t pending_size, pending_done, pending_allocated;
        unsigned n_unanswered; /* empty lines */

        /* While it doesn't. */
        sd_event_source *timer;
        unsigned n_deaths; /* in a row */
        bool anew; /* and WATCH_RESTARTED wasn't told yet */

        LineBuffer lines;
};

static unsigned flags_of(const StrmapEntry *e) {
        return (unsigned) (uintptr_t) e->value;
}

static void set_flags(StrmapEntry *e, unsigned flags) {
        e->value = (void *) (uintptr_t) flags;
}

static void tell(Watcher *w, WatchEvent event, const char *directory, const char *name) {
        if (event == WATCH_LIMIT && w->limit_told)
                return;
        if (event == WATCH_LIMIT)
                w->limit_told = true;
        w->handler(w->userdata, event, directory, name);
}

static sd_event_source *source_free(sd_event_source *source) {
        return sd_event_source_disable_unref(source);
}

/* Kills it, if it runs. */
static void stop(Watcher *w) {
        w->input = source_free(w->input);
        w->output = source_free(w->output);
        w->child = source_free(w->child);
        w->timer = source_free(w->timer);
        free(w->pending);
        w->pending = NULL;
        w->pending_size = w->pending_done = w->pending_allocated = 0;
        w->n_unanswered = 0;
        w->lines.begin = w->lines.end = 0;
        w->generation++;
        STRMAP_FOREACH(e, &w->paths)
                set_flags(e, flags_of(e) & ~PATH_TOLD);
}

/* With standard error as it is, and nothing else of ours: descriptors, environment, signals. */
static int spawn(const char *program, int in, int out, pid_t *ret_pid) {
        char *argv[] = { (char *) program, NULL }, *envp[] = { NULL };
        posix_spawn_file_actions_t actions;
        posix_spawnattr_t attributes;
        sigset_t none, all;
        int r;

        if (posix_spawn_file_actions_init(&actions) != 0)
                return -ENOMEM;
        if (posix_spawnattr_init(&attributes) != 0) {
                posix_spawn_file_actions_destroy(&actions);
                return -ENOMEM;
        }
        sigemptyset(&none);
        sigfillset(&all);
        posix_spawnattr_setsigmask(&attributes, &none);
        posix_spawnattr_setsigdefault(&attributes, &all);
        posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
        r = posix_spawn_file_actions_adddup2(&actions, in, STDIN_FILENO);
        if (r == 0)
                r = posix_spawn_file_actions_adddup2(&actions, out, STDOUT_FILENO);
        if (r == 0)
                r = posix_spawn_file_actions_addclosefrom_np(&actions, STDERR_FILENO + 1);
        if (r == 0)
                r = posix_spawn(ret_pid, program, &actions, &attributes, argv, envp);
        posix_spawnattr_destroy(&attributes);
        posix_spawn_file_actions_destroy(&actions);
        return -r;
}

static int on_child(sd_event_source *source, const siginfo_t *si, void *userdata);
static int on_output(sd_event_source *source, int fd, uint32_t revents, void *userdata);
static int on_input(sd_event_source *source, int fd, uint32_t revents, void *userdata);

static int add_io(Watcher *w, int *fd, uint32_t events, sd_event_io_handler_t handler,
                  const char *description, sd_event_source **ret) {
        int r;

        r = sd_event_add_io(w->event, ret, *fd, events, handler, w);
        if (r < 0)
                return r;
        (void) sd_event_source_set_description(*ret, description);
        r = sd_event_source_set_io_fd_own(*ret, true);
        if (r < 0) {
                *ret = source_free(*ret);
                return r;
        }
        (void) TAKE_FD(*fd);
        return 0;
}

static int start(Watcher *w) {
        _cleanup_process_pipes_ ProcessPipes pipes = PROCESS_PIPES_NONE;
        pid_t pid;
        int r;

        r = process_pipes_open(&pipes);
        if (r < 0)
                return r;
        /* The child's ends may block it, ours never us. */
        if (fcntl(pipes.in, F_SETFL, O_NONBLOCK) < 0 || fcntl(pipes.out, F_SETFL, O_NONBLOCK) < 0)
                return -errno;
        r = spawn(w->program, pipes.child_in, pipes.child_out, &pid);
        if (r < 0)
                return r;
        r = sd_event_add_child(w->event, &w->child, pid, WEXITED, on_child, w);
        if (r < 0) {
                (void) kill(pid, SIGKILL);
                (void) process_wait(pid);
                return r;
        }
        (void) sd_event_source_set_description(w->child, "watcher");
        r = sd_event_source_set_child_process_own(w->child, true);
        if (r >= 0)
                r = add_io(w, &pipes.out, EPOLLIN, on_output, "watcher-output", &w->output);
        if (r >= 0)
                r = add_io(w, &pipes.in, 0, on_input, "watcher-input", &w->input);
        if (r < 0) {
                stop(w);
                return r;
        }
        (void) sd_event_now(w->event, CLOCK_MONOTONIC, &w->started_usec);
        return 0;
}

/* Writes what it can now, and the rest when there is room. That nobody reads shows elsewhere. */
static void write_pending(Watcher *w) {
        int fd = sd_event_source_get_io_fd(w->input);

        while (w->pending_done < w->pending_size) {
                ssize_t n = write(fd, w->pending + w->pending_done,
                                  w->pending_size - w->pending_done);

                if (n < 0 && errno == EINTR)
                        continue;
                if (n < 0)
                        break;
                w->pending_done += (size_t) n;
        }
        if (w->pending_done < w->pending_size && errno == EAGAIN) {
                (void) sd_event_source_set_io_events(w->input, EPOLLOUT);
                return;
        }
        free(w->pending);
        w->pending = NULL;
        w->pending_size = w->pending_done = w->pending_allocated = 0;
        (void) sd_event_source_set_io_events(w->input, 0);
}

static int append_path(Watcher *w, const char *path) {
        char line[WATCH_LINE_MAX], *end;
        size_t size;

        end = watch_line_escape(line, path);
        *end++ = '\n';
        size = (size_t) (end - line);
        if (!GREEDY_REALLOC(w->pending, w->pending_allocated, w->pending_size + size + 1))
                return -ENOMEM;
        memcpy(w->pending + w->pending_size, line, size);
        w->pending_size += size;
        return 0;
}

/* What it doesn't know yet, and an empty line. 1 if there was any, else 0. */
static int tell_program(Watcher *w) {
        size_t before = w->pending_size;

        STRMAP_FOREACH(e, &w->paths) {
                if (flags_of(e) != PATH_WANTED)
                        continue;
                if (append_path(w, e->key) < 0)
                        return -ENOMEM;
                set_flags(e, PATH_WANTED | PATH_TOLD);
        }
        if (w->pending_size == before)
                return 0;
        /* append_path() left room for it. */
        w->pending[w->pending_size++] = '\n';
        w->n_unanswered++;
        write_pending(w);
        return 1;
}

static int start_and_tell(Watcher *w) {
        int r;

        r = start(w);
        if (r >= 0)
                r = tell_program(w);
        if (r < 0)
                stop(w);
        return r;
}

static void start_later(Watcher *w);

static int on_timer(sd_event_source *source, uint64_t usec, void *userdata) {
        Watcher *w = userdata;

        w->timer = source_free(w->timer);
        if (start_and_tell(w) < 0)
                start_later(w);
        return 0;
}

/* Twice as late each time. */
static void start_later(Watcher *w) {
        uint64_t delay = DELAY_MIN_USEC;

        for (unsigned i = 0; i < w->n_deaths && delay < DELAY_MAX_USEC; i++)
                delay *= 2;
        w->n_deaths++;
        w->anew = true;
        stop(w);
        if (sd_event_add_time_relative(w->event, &w->timer, CLOCK_MONOTONIC,
                                       MIN_OF(delay, DELAY_MAX_USEC), 0, on_timer, w) >= 0)
                (void) sd_event_source_set_description(w->timer, "watcher-restart");
        else
                log_error("Could not plan to start %s again.", w->program);
        if (w->n_deaths >= DEATHS_MAX)
                tell(w, WATCH_LIMIT, NULL, NULL);
}

static int on_child(sd_event_source *source, const siginfo_t *si, void *userdata) {
        Watcher *w = userdata;
        uint64_t now;

        if (sd_event_now(w->event, CLOCK_MONOTONIC, &now) >= 0 &&
            now - w->started_usec >= STAYED_USEC)
                w->n_deaths = 0;
        log_full(LOG_WARNING, MESSAGE_ID_WATCHER_DIED, NULL,
                 si->si_code == CLD_EXITED ? "%s ended with status %d, and is started again."
                                           : "%s was killed by signal %d, and is started again.",
                 path_basename(w->program), si->si_status);
        start_later(w);
        return 0;
}

/* It does not speak as it should, or no longer: on_child() sees to the rest. */
static void end_child(Watcher *w) {
        (void) sd_event_source_set_enabled(w->output, SD_EVENT_OFF);
        (void) sd_event_source_send_child_signal(w->child, SIGKILL, NULL, 0);
}

static void on_ready(Watcher *w) {
        if (w->n_unanswered == 0 || --w->n_unanswered > 0)
                return;
        if (w->anew) {
                w->anew = false;
                tell(w, WATCH_RESTARTED, NULL, NULL);
        } else
                tell(w, WATCH_READY, NULL, NULL);
}

static int on_line(Watcher *w, char *line) {
        const char *directory, *name;
        WatchLineKind kind;
        int r;

        r = watch_line_parse(line, &kind, &directory, &name);
        if (r < 0)
                return r;
        switch (kind) {
        case WATCH_LINE_KIND_CHANGED:
                if ((uintptr_t) strmap_get(&w->paths, directory) & PATH_WANTED)
                        tell(w, WATCH_CHANGED, directory, name);
                break;
        case WATCH_LINE_KIND_OVERFLOW:
                tell(w, WATCH_OVERFLOW, NULL, NULL);
                break;
        case WATCH_LINE_KIND_LIMIT:
                tell(w, WATCH_LIMIT, NULL, NULL);
                break;
        case WATCH_LINE_KIND_READY:
                on_ready(w);
                break;
        }
        return 0;
}

static int on_output(sd_event_source *source, int fd, uint32_t revents, void *userdata) {
        Watcher *w = userdata;
        unsigned generation = w->generation;
        ssize_t n;
        char *line;

        n = line_buffer_read(&w->lines, fd);
        if (n == -EAGAIN || n == -EINTR)
                return 0;
        if (n <= 0) {
                end_child(w);
                return 0;
        }
        /* Who is told may change the set, and that may mean another program. */
        while (w->generation == generation && (line = line_buffer_next(&w->lines)))
                if (on_line(w, line) < 0) {
                        end_child(w);
                        break;
                }
        return 0;
}

static int on_input(sd_event_source *source, int fd, uint32_t revents, void *userdata) {
        Watcher *w = userdata;

        /* It reads no more. The source would say so for ever. */
        if (revents & EPOLLERR)
                (void) sd_event_source_set_enabled(source, SD_EVENT_OFF);
        else
                write_pending(w);
        return 0;
}

int watcher_new(Watcher **ret, sd_event *event, const char *program, watcher_handler_t handler,
                void *userdata) {
        _cleanup_(watcher_freep) Watcher *w = NULL;

        w = calloc(1, sizeof(*w));
        if (!w)
                return -ENOMEM;
        w->event = sd_event_ref(event);
        w->handler = handler;
        w->userdata = userdata;
        w->paths = STRMAP_INIT(NULL);
        w->program = strdup(program);
        if (!w->program)
                return -ENOMEM;
        *ret = TAKE_PTR(w);
        return 0;
}

Watcher *watcher_free(Watcher *w) {
        if (!w)
                return NULL;
        stop(w);
        strmap_done(&w->paths);
        free(w->program);
        sd_event_unref(w->event);
        free(w);
        return NULL;
}

/* The new set, with what the program knows of it. What it knows and goes on to tell of, though nobody
 * wants it any more, stays, and is counted. */
static int make_paths(const Watcher *w, char *const *directories, Strmap *paths,
                      size_t *ret_n_strays) {
        size_t n_wanted;

        STRV_FOREACH(s, directories) {
                _cleanup_free_ char *path = NULL;
                uintptr_t flags = PATH_WANTED;

                if ((*s)[0] != '/' || strlen(*s) >= PATH_MAX)
                        return -EINVAL;
                path = strdup(*s);
                if (!path)
                        return -ENOMEM;
                path_simplify(path);
                flags |= (uintptr_t) strmap_get(&w->paths, path) & PATH_TOLD;
                if (strmap_put(paths, path, (void *) flags) == -ENOMEM)
                        return -ENOMEM;
        }
        n_wanted = paths->n;
        STRMAP_FOREACH(e, &w->paths)
                if ((flags_of(e) & PATH_TOLD) &&
                    strmap_put(paths, e->key, (void *) (uintptr_t) PATH_TOLD) == -ENOMEM)
                        return -ENOMEM;
        *ret_n_strays = paths->n - n_wanted;
        return 0;
}

int watcher_set(Watcher *w, char *const *directories) {
        _cleanup_strmap_ Strmap paths = STRMAP_INIT(NULL);
        size_t n_strays;
        Strmap old;
        int r;

        r = make_paths(w, directories, &paths, &n_strays);
        if (r < 0)
                return r;
        old = w->paths;
        w->paths = paths;
        paths = old;

        if (w->timer)
                return 1;
        if (n_strays > SPARE_PATHS && n_strays > w->paths.n - n_strays) {
                stop(w);
                w->anew = true;
        }
        if (!w->child)
                return start_and_tell(w);
        r = tell_program(w);
        if (r < 0)
                start_later(w); /* when there is memory again */
        return r;
}
