/* SPDX-License-Identifier: GPL-2.0-or-later */

#include <fcntl.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "fd-util.h"
#include "hold.h"
#include "log.h"
#include "settle.h"

static Hold *hold_free(Hold *hold) {
        if (!hold)
                return NULL;
        sd_event_source_disable_unref(hold->source);
        safe_close(hold->fd);
        free(hold->who);
        free(hold->why);
        free(hold);
        return NULL;
}
DEFINE_CLEANUP_FUNC(Hold *, hold_free);

/* The other end has no copy any more. */
static int on_hangup(sd_event_source *source, int fd, uint32_t events, void *userdata) {
        Hold *hold = userdata;
        Manager *m = hold->manager;

        for (size_t i = 0; i < m->n_holds; i++)
                if (m->holds[i] == hold) {
                        memmove(m->holds + i, m->holds + i + 1,
                                (m->n_holds - i - 1) * sizeof(*m->holds));
                        m->n_holds--;
                        break;
                }
        log_debug("%s holds builds up no more", hold->who);
        hold_free(hold);
        manager_notify(m, MANAGER_CHANGED_HOLDERS);
        settle_consider(m);
        return 0;
}

int hold_add(Manager *m, const char *who, const char *why, uid_t uid, pid_t pid, int *ret) {
        _cleanup_(hold_freep) Hold *hold = NULL;
        _cleanup_close_ int theirs = -EBADF;
        unsigned n = 0;
        int fds[2], r;

        for (size_t i = 0; i < m->n_holds; i++)
                n += m->holds[i]->uid == uid;
        if (m->n_holds >= HOLDS_MAX || n >= HOLDS_PER_UID_MAX)
                return -EUSERS;
        hold = calloc(1, sizeof(*hold));
        if (!hold)
                return -ENOMEM;
        hold->fd = -EBADF;
        if (pipe2(fds, O_CLOEXEC | O_NONBLOCK) < 0)
                return -errno;
        hold->fd = fds[0];
        theirs = fds[1];
        hold->manager = m;
        hold->uid = uid;
        hold->pid = pid;
        hold->who = strdup(who);
        hold->why = strdup(why);
        if (!hold->who || !hold->why ||
            !GREEDY_REALLOC(m->holds, m->allocated_holds, m->n_holds + 1))
                return -ENOMEM;
        /* Only the end is of interest, not what somebody may write. */
        r = sd_event_add_io(m->event, &hold->source, hold->fd, 0, on_hangup, hold);
        if (r < 0)
                return r;
        m->holds[m->n_holds++] = TAKE_PTR(hold);
        manager_notify(m, MANAGER_CHANGED_HOLDERS);
        *ret = TAKE_FD(theirs);
        return 0;
}

void hold_drop_all(Manager *m) {
        while (m->n_holds > 0)
                hold_free(m->holds[--m->n_holds]);
        free(m->holds);
        m->holds = NULL;
}
