/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * initrdd-keep-network: what the network has for a limited time it has for good from here on, because
 * the root may be on it and networkd, who would have renewed it, has been stopped for the switch of
 * roots. KeepConfiguration= does that for a lease of IPv4 alone. Who sets up the network in the real
 * root sets the times anew with what it renews.
 *
 *   addresses   both lifetimes become infinite; one that is deprecated stays so, and a temporary one
 *               is left alone: nothing that lasts may be bound to it
 *   routes      of IPv6, those of routers' advertisements: they no longer expire. The kernel's own go
 *               with their addresses
 *
 * What the kernel lists is sent back to it, as rtnetlink(7) allows, with the times replaced.
 */

#include <errno.h>
#include <linux/if_addr.h>
#include <linux/rtnetlink.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "fd-util.h"
#include "macro.h"

#define FOREVER UINT32_MAX
/* The kernel's messages of a list are no longer than what is asked for at once. */
#define BUFFER_MAX 65536

/* Messages to send, one behind the other. */
typedef struct Queue {
        char *data;
        size_t n, allocated;
} Queue;

static struct nlmsghdr *queue_add(Queue *queue, size_t size) {
        struct nlmsghdr *added;

        if (!GREEDY_REALLOC(queue->data, queue->allocated, queue->n + NLMSG_ALIGN(size)))
                return NULL;
        added = memset(queue->data + queue->n, 0, NLMSG_ALIGN(size));
        queue->n += NLMSG_ALIGN(size);
        return added;
}

static struct rtattr *find_attribute(struct rtattr *a, size_t size, unsigned short type) {
        for (; RTA_OK(a, size); a = RTA_NEXT(a, size))
                if (a->rta_type == type)
                        return a;
        return NULL;
}

static int add_address(Queue *queue, const struct nlmsghdr *listed) {
        struct ifa_cacheinfo *times;
        struct rtattr *found;
        struct nlmsghdr *message;
        struct ifaddrmsg *body;

        message = queue_add(queue, listed->nlmsg_len);
        if (!message)
                return -ENOMEM;
        memcpy(message, listed, listed->nlmsg_len);
        body = NLMSG_DATA(message);
        found = find_attribute(IFA_RTA(body), IFA_PAYLOAD(message), IFA_CACHEINFO);
        times = found && RTA_PAYLOAD(found) >= sizeof(*times) ? RTA_DATA(found) : NULL;
        if (!times || times->ifa_valid == FOREVER ||
            (body->ifa_family == AF_INET6 && body->ifa_flags & IFA_F_TEMPORARY)) {
                queue->n -= NLMSG_ALIGN(listed->nlmsg_len);
                return 0;
        }
        times->ifa_valid = FOREVER;
        if (times->ifa_prefered > 0)
                times->ifa_prefered = FOREVER;
        message->nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK | NLM_F_REPLACE;
        return 0;
}

/* Not what only says when the route ends; nor, where the way is an object of its own, what it is. */
static bool is_left_out(unsigned short type, bool by_object) {
        return type == RTA_CACHEINFO || type == RTA_EXPIRES ||
               (by_object && (type == RTA_GATEWAY || type == RTA_OIF || type == RTA_VIA ||
                              type == RTA_MULTIPATH));
}

static int add_route(Queue *queue, const struct nlmsghdr *listed) {
        struct rtmsg *route = NLMSG_DATA(listed);
        size_t size = RTM_PAYLOAD(listed);
        struct rtattr *found = find_attribute(RTM_RTA(route), size, RTA_CACHEINFO);
        const struct rta_cacheinfo *times =
                        found && RTA_PAYLOAD(found) >= sizeof(*times) ? RTA_DATA(found) : NULL;
        bool by_object = find_attribute(RTM_RTA(route), size, RTA_NH_ID);
        struct nlmsghdr *message;
        size_t n = NLMSG_SPACE(sizeof(*route));

        if (!times || times->rta_expires == 0 || route->rtm_flags & RTM_F_CLONED ||
            route->rtm_protocol == RTPROT_KERNEL)
                return 0;
        message = queue_add(queue, listed->nlmsg_len);
        if (!message)
                return -ENOMEM;
        memcpy(message, listed, n);
        for (struct rtattr *a = RTM_RTA(route); RTA_OK(a, size); a = RTA_NEXT(a, size))
                if (!is_left_out(a->rta_type, by_object)) {
                        memcpy((char *) message + n, a, a->rta_len);
                        n += RTA_ALIGN(a->rta_len);
                }
        /* The other flags are what the kernel says of the state of the way. */
        ((struct rtmsg *) NLMSG_DATA(message))->rtm_flags &= RTNH_F_ONLINK;
        message->nlmsg_len = (uint32_t) n;
        message->nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK | NLM_F_REPLACE;
        queue->n = (size_t) ((char *) message - queue->data) + NLMSG_ALIGN(n);
        return 0;
}

/* The next messages: their size, or a negative errno. */
static ssize_t receive(int fd, char *buffer) {
        ssize_t n;

        do
                n = recv(fd, buffer, BUFFER_MAX, 0);
        while (n < 0 && errno == EINTR);
        return n < 0 ? -errno : n == 0 ? -EPIPE : n;
}

/* Asks for a list; what is in it and ends some time is in the queue then. */
static int list(int fd, unsigned short type, unsigned char family, char *buffer, Queue *queue) {
        struct {
                struct nlmsghdr header;
                struct rtmsg body; /* begins as that of an address does: with the family */
        } request = {
                .header = { .nlmsg_len = sizeof(request),
                            .nlmsg_type = type,
                            .nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP,
                            .nlmsg_seq = 1 },
                .body = { .rtm_family = family },
        };

        if (send(fd, &request, sizeof(request), 0) < 0)
                return -errno;
        for (;;) {
                ssize_t n = receive(fd, buffer);
                size_t left = (size_t) n;

                if (n < 0)
                        return (int) n;
                for (struct nlmsghdr *m = (struct nlmsghdr *) buffer; NLMSG_OK(m, left);
                     m = NLMSG_NEXT(m, left)) {
                        int r = 0;

                        if (m->nlmsg_type == NLMSG_DONE)
                                return 0;
                        if (m->nlmsg_type == NLMSG_ERROR)
                                return ((struct nlmsgerr *) NLMSG_DATA(m))->error ?: -EBADMSG;
                        if (m->nlmsg_type == RTM_NEWADDR)
                                r = add_address(queue, m);
                        else if (m->nlmsg_type == RTM_NEWROUTE)
                                r = add_route(queue, m);
                        if (r < 0)
                                return r;
                }
        }
}

/* Sends one message, and returns what the kernel says of it. */
static int apply(int fd, const struct nlmsghdr *message, char *buffer) {
        if (send(fd, message, message->nlmsg_len, 0) < 0)
                return -errno;
        for (;;) {
                const struct nlmsghdr *m = (const struct nlmsghdr *) buffer;
                ssize_t n = receive(fd, buffer);

                if (n < 0)
                        return (int) n;
                if (NLMSG_OK(m, (size_t) n) && m->nlmsg_type == NLMSG_ERROR &&
                    m->nlmsg_seq == message->nlmsg_seq)
                        return ((const struct nlmsgerr *) NLMSG_DATA(m))->error;
        }
}

/* Goes on after an error: the others are still to be kept. What has gone meanwhile is none. */
static int apply_all(int fd, Queue *queue, char *buffer) {
        struct nlmsghdr *m;
        uint32_t seq = 1;
        int r = 0;

        for (size_t n = 0; n < queue->n; n += NLMSG_ALIGN(m->nlmsg_len)) {
                int k;

                m = (struct nlmsghdr *) (queue->data + n);
                m->nlmsg_seq = ++seq;
                m->nlmsg_pid = 0;
                k = apply(fd, m, buffer);
                if (k >= 0 || k == -ENOENT || k == -ESRCH)
                        continue;
                fprintf(stderr, "%s of the network can't be kept for good: %s\n",
                        m->nlmsg_type == RTM_NEWADDR ? "An address" : "A route", strerror(-k));
                r = k;
        }
        return r;
}

static int keep(void) {
        _cleanup_close_ int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
        struct sockaddr_nl kernel = { .nl_family = AF_NETLINK };
        _cleanup_free_ char *buffer = malloc(BUFFER_MAX), *owned = NULL;
        Queue queue = {};
        int r, k;

        if (fd < 0)
                return -errno;
        if (!buffer)
                return -ENOMEM;
        if (connect(fd, (struct sockaddr *) &kernel, sizeof(kernel)) < 0)
                return -errno;
        r = list(fd, RTM_GETADDR, AF_UNSPEC, buffer, &queue);
        if (r >= 0)
                r = list(fd, RTM_GETROUTE, AF_INET6, buffer, &queue);
        owned = queue.data;
        /* What was listed before an error is kept all the same. */
        k = apply_all(fd, &queue, buffer);
        return k < 0 ? k : r;
}

int main(void) {
        int r = keep();

        if (r < 0)
                fprintf(stderr, "What the network has may end: %s\n", strerror(-r));
        return r < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
