/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * initrdd-watch: says what happens in directories, as include/watch-protocol.h has it.
 *
 * It is the only program that links libinotifytools, which has one instance for a process, keeps
 * its descriptor to itself, and defines names like create_watch() that this one must not export (a
 * test looks). The library's table of watches goes by names: it forgets nothing, is wrong once a
 * directory was removed and made again, and knows one name for each directory. So it is told of a
 * path once, its descriptor is guessed and then proven, and the number of a watch is asked of the
 * kernel, where adding the same watch again changes nothing and returns it.
 *
 * There is a Directory for each path that was asked for and each of its parents. One that does not
 * exist, or no longer, has its nearest existing parent watched, and is looked for when anything of
 * its name, or of a parent's, comes or goes there. That a parent is renamed of which nothing was
 * asked, or something is mounted over a directory, is not noticed.
 *
 * Nothing here grows with what happens: memory depends on the paths alone, lines wait for their
 * reader, and meanwhile events stay in the kernel's queue, which is bounded and tells of overflow.
 */

#include <fcntl.h>
#include <fnmatch.h>
#include <inotifytools/inotifytools.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/inotify.h>
#include <unistd.h>

#include "path-util.h"
#include "string-util.h"
#include "strmap.h"
#include "watch-line.h"

enum {
        EVENTS = IN_ATTRIB | IN_CLOSE_WRITE | IN_CREATE | IN_DELETE | IN_DELETE_SELF |
                 IN_MOVED_FROM | IN_MOVED_TO | IN_MOVE_SELF | IN_ONLYDIR,
        COMES_OR_GOES = IN_CREATE | IN_DELETE | IN_MOVED_FROM | IN_MOVED_TO,
        IS_LOST = IN_DELETE_SELF | IN_IGNORED | IN_MOVE_SELF | IN_UNMOUNT,
        BATCH = 65536, /* events before standard input is looked at again: several queues full */
};

typedef struct Directory {
        const char *path;
        struct Directory *parent; /* NULL of "/" */
        bool wanted;
        bool known; /* to the library */
        int wd; /* -1: not watched */
} Directory;

typedef struct Watch {
        int fd; /* the library's */
        Strmap directories; /* by path, parents first */
        size_t n_wanted;
        bool limit_told;
        bool more; /* there may be events in the library's buffer */

        /* What was told last, and isn't written yet. */
        const Directory *last;
        char last_name[NAME_MAX + 1];

        char out[PIPE_BUF];
        size_t out_size;
        LineBuffer in;
} Watch;

/* Of dpkg, rpm, pacman, vim, and of images that are being written. */
static const char *const temporary[] = {
        "*.dpkg-*",   "*;*",  "*.pacnew",       "*.pacsave*",    "*.pacorig",
        ".*.sw[a-z]", "4913", ".*.initrdd-new", ".initrdd-lock",
};

static _Noreturn void fail(const char *what, int error) {
        fprintf(stderr, "%s: %s: %s\n", program_invocation_short_name, what, strerror(error));
        exit(EXIT_FAILURE);
}

/*
 * Waits until there is room. A pipe that has any takes PIPE_BUF bytes without waiting. Nobody waits
 * for the lines once standard input has ended and nobody reads them.
 */
static void flush(Watch *w) {
        struct pollfd fds[] = { { .fd = STDIN_FILENO },
                                { .fd = STDOUT_FILENO, .events = POLLOUT } };
        size_t done = 0;

        while (done < w->out_size) {
                ssize_t n;

                if (poll(fds, ELEMENTSOF(fds), -1) < 0) {
                        if (errno == EINTR)
                                continue;
                        fail("Could not wait", errno);
                }
                if (!fds[1].revents)
                        exit(EXIT_SUCCESS);
                n = write(STDOUT_FILENO, w->out + done, w->out_size - done);
                if (n < 0 && errno != EAGAIN && errno != EINTR)
                        exit(EXIT_FAILURE);
                if (n > 0)
                        done += (size_t) n;
        }
        w->out_size = 0;
        w->last = NULL;
}

static void put(Watch *w, const char *line, size_t size) {
        while (size > 0) {
                size_t n = MIN_OF(size, sizeof(w->out) - w->out_size);

                memcpy(w->out + w->out_size, line, n);
                w->out_size += n;
                line += n;
                size -= n;
                if (w->out_size == sizeof(w->out))
                        flush(w);
        }
}

static void put_word(Watch *w, const char *word) {
        put(w, word, strlen(word));
        put(w, "\n", 1);
        w->last = NULL;
}

static void put_changed(Watch *w, const Directory *d, const char *name) {
        char line[WATCH_LINE_MAX], *p;

        if (d == w->last && streq(name, w->last_name))
                return;
        p = stpcpy(line, WATCH_LINE_CHANGED "\t");
        p = watch_line_escape(p, d->path);
        *p++ = '\t';
        p = watch_line_escape(p, name);
        *p++ = '\n';
        w->last = d;
        strcpy(w->last_name, name);
        put(w, line, (size_t) (p - line));
}

static void put_limit(Watch *w) {
        if (!w->limit_told)
                put_word(w, WATCH_LINE_LIMIT);
        w->limit_told = true;
}

static Directory *directory_of(const StrmapEntry *e) {
        return e->value;
}

/* Two paths may be one directory. */
static bool has_wd(const Watch *w, int wd) {
        STRMAP_FOREACH(e, &w->directories)
                if (directory_of(e)->wd == wd)
                        return true;
        return false;
}

/* Once a directory is gone, so is its watch, and nobody minds. */
static void directory_unwatch(Watch *w, Directory *d) {
        int wd = d->wd;

        d->wd = -1;
        if (wd >= 0 && !has_wd(w, wd))
                (void) inotify_rm_watch(w->fd, wd);
}

/* 0 or more when it is watched, else a negative errno. Tells when it isn't what it was: it may be
 * looked at only for the sake of something below it. */
static int directory_watch(Watch *w, Directory *d) {
        int wd, r;

        if (!d->known) {
                if (!inotifytools_watch_file(d->path, EVENTS | IN_MASK_ADD))
                        return -(inotifytools_error() ?: EIO);
                d->known = true;
        }
        /* Added to what it is watched for, which is the same: while the kernel replaces that, there is
         * a moment without any, and what happens in it is lost. */
        wd = inotify_add_watch(w->fd, d->path, EVENTS | IN_MASK_ADD);
        if (wd < 0) {
                r = -errno;
                if (d->wanted && d->wd >= 0)
                        put_changed(w, d, "");
                directory_unwatch(w, d);
                return r;
        }
        if (wd == d->wd)
                return 0;
        directory_unwatch(w, d);
        d->wd = wd;
        if (d->wanted)
                put_changed(w, d, "");
        return 0;
}

/* Watches it, or its nearest existing parent. What came between the two looks is not missed. */
static void directory_attach(Watch *w, Directory *d) {
        Directory *p, *below;
        int r = -ENOENT;

        for (unsigned tries = 0; tries < 8; tries++) {
                below = NULL;
                for (p = d; p; below = p, p = p->parent) {
                        r = directory_watch(w, p);
                        if (r >= 0)
                                break;
                        if (r == -ENOSPC || r == -ENOMEM) {
                                put_limit(w);
                                return;
                        }
                }
                if (!p || p == d || access(below->path, F_OK) < 0)
                        return;
        }
}

static void refresh_below(Watch *w, const char *path) {
        STRMAP_FOREACH(e, &w->directories)
                if (directory_of(e)->wanted && path_below(e->key, path))
                        directory_attach(w, directory_of(e));
}

/* Whether something that isn't there would appear through it. */
static bool is_waited_at(const Watch *w, const Directory *d) {
        STRMAP_FOREACH(e, &w->directories) {
                const Directory *p = directory_of(e);

                if (!p->wanted || p->wd >= 0 || !path_below(p->path, d->path))
                        continue;
                while (p->wd < 0 && p != d)
                        p = p->parent;
                if (p == d)
                        return true;
        }
        return false;
}

/* NAME.PID.MICROSECONDS.SECONDS, until depmod renames it. */
static bool is_of_depmod(const char *name) {
        const char *end = name + strlen(name);

        if (!startswith(name, "modules."))
                return false;
        for (int i = 0; i < 3; i++) {
                const char *p = end;

                while (p > name && p[-1] >= '0' && p[-1] <= '9')
                        p--;
                if (p == end || p == name || p[-1] != '.')
                        return false;
                end = p - 1;
        }
        return true;
}

static bool is_temporary(const char *name) {
        for (size_t i = 0; i < ELEMENTSOF(temporary); i++)
                if (fnmatch(temporary[i], name, 0) == 0)
                        return true;
        return is_of_depmod(name);
}

static void on_event_in(Watch *w, Directory *d, uint32_t mask, const char *name) {
        if (mask & IS_LOST) {
                directory_unwatch(w, d);
                if (d->wanted)
                        put_changed(w, d, "");
                refresh_below(w, d->path);
                return;
        }
        if (d->wanted && !is_temporary(name))
                put_changed(w, d, name);
        if (*name && (mask & COMES_OR_GOES)) {
                char path[PATH_MAX + NAME_MAX + 2];

                snprintf(path, sizeof(path), "%s/%s", d->parent ? d->path : "", name);
                if (strmap_contains(&w->directories, path))
                        refresh_below(w, path);
        }
        if (!d->wanted && !is_waited_at(w, d))
                directory_unwatch(w, d);
}

static void on_event(Watch *w, const struct inotify_event *event) {
        bool found = false;

        if (event->mask & IN_Q_OVERFLOW) {
                put_word(w, WATCH_LINE_OVERFLOW);
                STRMAP_FOREACH(e, &w->directories)
                        if (directory_of(e)->wanted)
                                directory_attach(w, directory_of(e));
                return;
        }
        STRMAP_FOREACH(e, &w->directories)
                if (directory_of(e)->wd == event->wd) {
                        found = true;
                        on_event_in(w, directory_of(e), event->mask,
                                    event->len > 0 ? event->name : "");
                }
        /* A directory that has moved away, or was in a path's place for a moment. */
        if (!found && !(event->mask & IN_IGNORED))
                (void) inotify_rm_watch(w->fd, event->wd);
}

static void read_events(Watch *w) {
        struct inotify_event *event = NULL;

        for (unsigned n = 0; n < BATCH && (event = inotifytools_next_events(0, 1)); n++)
                on_event(w, event);
        w->more = event;
        if (event)
                return;
        if (inotifytools_error() != 0 && inotifytools_error() != EAGAIN &&
            inotifytools_error() != EINTR)
                fail("Could not read events", inotifytools_error());
}

/* The directory of a path, made with all of its parents when there is none. NULL without memory, or
 * when there are too many. */
static Directory *directory_get(Watch *w, const char *path) {
        _cleanup_free_ Directory *d = NULL;
        _cleanup_free_ char *parent = NULL;

        d = strmap_get(&w->directories, path);
        if (d)
                return TAKE_PTR(d);
        if (w->directories.n >= 2 * WATCH_PATHS_MAX)
                return NULL;
        d = calloc(1, sizeof(*d));
        if (!d)
                return NULL;
        d->wd = -1;
        if (!streq(path, "/")) {
                parent = path_dirname(path);
                d->parent = parent ? directory_get(w, parent) : NULL;
                if (!d->parent)
                        return NULL;
        }
        if (strmap_put(&w->directories, path, d) < 0)
                return NULL;
        d->path = w->directories.entries[w->directories.n - 1].key;
        return TAKE_PTR(d);
}

static void on_path(Watch *w, const char *path) {
        Directory *d = directory_get(w, path);

        if (!d || (!d->wanted && w->n_wanted >= WATCH_PATHS_MAX)) {
                put_limit(w);
                return;
        }
        directory_attach(w, d);
        if (!d->wanted)
                w->n_wanted++;
        d->wanted = true; /* and only then, since who asks need not be told that it is there */
}

/* Who asks may have made room, too. */
static void on_empty_line(Watch *w) {
        STRMAP_FOREACH(e, &w->directories)
                if (directory_of(e)->wanted && directory_of(e)->wd < 0)
                        directory_attach(w, directory_of(e));
        put_word(w, WATCH_LINE_READY);
}

/* False at the end. */
static bool read_lines(Watch *w) {
        ssize_t n = line_buffer_read(&w->in, STDIN_FILENO);
        char *line;

        if (n == -EAGAIN || n == -EINTR)
                return true;
        if (n < 0)
                fail("Could not read standard input", (int) -n);
        while ((line = line_buffer_next(&w->in))) {
                int r = watch_line_parse_path(line);

                if (r < 0)
                        fail("Standard input is no list of paths", -r);
                if (r > 0)
                        on_path(w, line);
                else
                        on_empty_line(w);
        }
        return n > 0;
}

/* The library hides its descriptor, lets children inherit it, and would wait on it. */
static void begin(Watch *w) {
        char link[64], target[32] = {};

        w->fd = fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 0);
        if (w->fd < 0)
                fail("There is no standard input", errno);
        close(w->fd); /* the lowest that is free, and so the next one */
        if (!inotifytools_initialize()) {
                put_limit(w);
                flush(w);
                fail("Could not begin to watch", inotifytools_error());
        }
        snprintf(link, sizeof(link), "/proc/self/fd/%d", w->fd);
        if (readlink(link, target, sizeof(target) - 1) < 0 || !streq(target, "anon_inode:inotify"))
                fail("Could not find the library's descriptor", EBADF);
        if (fcntl(w->fd, F_SETFD, FD_CLOEXEC) < 0 || fcntl(w->fd, F_SETFL, O_NONBLOCK) < 0)
                fail("Could not set up the library's descriptor", errno);
}

int main(int argc, char *argv[]) {
        static Watch w = { .directories = { .free_value = free } };
        struct pollfd fds[] = { { .fd = STDIN_FILENO, .events = POLLIN }, { .events = POLLIN } };

        if (argc > 1) {
                fprintf(stderr, "%s is started by initrdd, and takes no arguments.\n",
                        program_invocation_short_name);
                return 2;
        }
        signal(SIGPIPE, SIG_IGN);
        begin(&w);
        fds[1].fd = w.fd;
        for (;;) {
                if (poll(fds, ELEMENTSOF(fds), w.more ? 0 : -1) < 0) {
                        if (errno == EINTR)
                                continue;
                        fail("Could not wait", errno);
                }
                /* An answer comes after what happened before the question. */
                if (fds[1].revents || w.more)
                        read_events(&w);
                if (fds[0].revents && !read_lines(&w))
                        break;
                flush(&w);
        }
        inotifytools_cleanup();
        strmap_done(&w.directories);
        return EXIT_SUCCESS;
}
