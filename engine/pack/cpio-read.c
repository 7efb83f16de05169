/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Reading "newc" archives as the kernel does (init/initramfs.c), from bytes that come in pieces.
 * It is the same kind of machine as the kernel's: a state says what the next bytes are, and each
 * state takes what it can get. Differences are decided towards what every kernel would do:
 *
 *   - A number has exactly 8 hexadecimal digits. Most kernels take what strtoul() makes of them,
 *     the newest stop ("damaged header").
 *   - A name ends in a NUL byte. Old kernels read on, newer ones stop ("malformed archive").
 *   - The kernel passes over an entry whose name is empty or over PATH_MAX, a link whose target is
 *     over PATH_MAX, and anything with content that is neither a file nor a link. So does this
 *     reader, and says so (on_skipped). It is then between entries; the kernel may instead go on in
 *     whatever state it was before, depending on how its pieces were cut.
 *   - NUL bytes before the first entry are taken. The kernel refuses them at the start of the very
 *     first segment of an image, if that is compressed.
 *   - Where an entry begins must be a multiple of 4 ("broken padding").
 *
 * A sum is checked for files only, as there. "TRAILER!!!" does not end the reading: entries may
 * follow. Nothing is allocated by what the input claims; content is passed on as it comes.
 */

#include <limits.h>
#include <sys/stat.h>

#include "pack/cpio.h"

#define HEADER_SIZE 110U
#define MAGIC_SIZE 6U
#define N_FIELDS 13
#define TRAILER "TRAILER!!!"

typedef enum State {
        STATE_BETWEEN, /* NUL bytes, or the start of an entry */
        STATE_HEADER,
        STATE_NAME, /* with its padding */
        STATE_TARGET,
        STATE_CONTENT,
        STATE_SKIP, /* to where the next entry may begin */
        STATE_FAILED,
} State;

struct CpioReader {
        CpioHandlers handlers;
        void *userdata;

        State state;
        int error; /* comes back from each call once there was one */
        uint64_t offset; /* of the next byte */
        uint64_t next; /* of the end of this entry, padding included */

        CpioEntry entry;
        size_t name_size, target_size;
        bool has_sum;
        uint32_t sum, expected_sum;
        uint64_t content_left;

        size_t have, need; /* of what is being collected */
        char header[HEADER_SIZE];
        char name[PATH_MAX + 4]; /* and padding */
        char target[PATH_MAX + 1]; /* and a NUL byte */
};

int cpio_reader_new(CpioReader **ret, const CpioHandlers *handlers, void *userdata) {
        CpioReader *r;

        r = malloc(sizeof(*r));
        if (!r)
                return -ENOMEM;
        *r = (CpioReader) { .handlers = *handlers, .userdata = userdata };
        *ret = r;
        return 0;
}

CpioReader *cpio_reader_free(CpioReader *r) {
        free(r);
        return NULL;
}

static void collect(CpioReader *r, State state, size_t need) {
        r->state = state;
        r->have = 0;
        r->need = need;
}

/* Only once the handlers had their say: an error of theirs is no boundary. */
static int skip_to_next(CpioReader *r) {
        r->state = r->offset < r->next ? STATE_SKIP : STATE_BETWEEN;
        return 0;
}

static int parse_number(const char *p, uint32_t *ret) {
        uint32_t value = 0;

        for (int i = 0; i < 8; i++) {
                uint32_t digit;

                if (p[i] >= '0' && p[i] <= '9')
                        digit = p[i] - '0';
                else if (p[i] >= 'a' && p[i] <= 'f')
                        digit = p[i] - 'a' + 10;
                else if (p[i] >= 'A' && p[i] <= 'F')
                        digit = p[i] - 'A' + 10;
                else
                        return -EBADMSG;
                value = value << 4 | digit;
        }
        *ret = value;
        return 0;
}

static int parse_header(CpioReader *r) {
        uint32_t f[N_FIELDS];
        int k;

        if (memcmp(r->header, "070701", MAGIC_SIZE) == 0)
                r->has_sum = false;
        else if (memcmp(r->header, "070702", MAGIC_SIZE) == 0)
                r->has_sum = true;
        else
                return -EBADMSG;
        for (int i = 0; i < N_FIELDS; i++) {
                k = parse_number(r->header + MAGIC_SIZE + i * 8, &f[i]);
                if (k < 0)
                        return k;
        }

        r->entry = (CpioEntry) {
                .name = r->name,
                .offset = r->offset - HEADER_SIZE,
                .ino = f[0],
                .mode = f[1],
                .uid = f[2],
                .gid = f[3],
                .nlink = f[4],
                .mtime = f[5],
                .size = f[6],
                .dev_major = f[7],
                .dev_minor = f[8],
                .rdev_major = f[9],
                .rdev_minor = f[10],
        };
        r->name_size = f[11];
        r->expected_sum = f[12];
        r->sum = 0;
        return 0;
}

static int got_header(CpioReader *r) {
        uint64_t head;
        int k;

        k = parse_header(r);
        if (k < 0)
                return k;

        head = ALIGN_TO(HEADER_SIZE + (uint64_t) r->name_size, UINT64_C(4));
        r->next = r->entry.offset + head + ALIGN_TO(r->entry.size, UINT64_C(4));
        if (r->name_size == 0 || r->name_size > PATH_MAX ||
            (S_ISLNK(r->entry.mode) && r->entry.size > PATH_MAX) ||
            (!S_ISLNK(r->entry.mode) && !S_ISREG(r->entry.mode) && r->entry.size > 0)) {
                k = r->handlers.on_skipped ? r->handlers.on_skipped(r->userdata, r->entry.offset)
                                           : 0;
                return k < 0 ? k : skip_to_next(r);
        }
        collect(r, STATE_NAME, head - HEADER_SIZE);
        return 0;
}

static int report_entry(CpioReader *r) {
        return r->handlers.on_entry ? r->handlers.on_entry(r->userdata, &r->entry) : 0;
}

static int got_content(CpioReader *r) {
        if (r->has_sum && r->sum != r->expected_sum)
                return -EBADMSG;
        return skip_to_next(r);
}

static int got_target(CpioReader *r) {
        int k;

        r->target[r->target_size] = '\0';
        r->entry.target = r->target;
        k = report_entry(r);
        return k < 0 ? k : skip_to_next(r);
}

static int got_name(CpioReader *r) {
        int k;

        if (r->name[r->name_size - 1] != '\0')
                return -EBADMSG;

        if (S_ISLNK(r->entry.mode)) {
                r->target_size = r->entry.size;
                if (r->target_size == 0)
                        return got_target(r);
                collect(r, STATE_TARGET, r->target_size);
                return 0;
        }
        if (strcmp(r->name, TRAILER) == 0) {
                k = r->handlers.on_trailer ? r->handlers.on_trailer(r->userdata, r->entry.offset)
                                           : 0;
                return k < 0 ? k : skip_to_next(r);
        }

        k = report_entry(r);
        if (k < 0)
                return k;
        if (!S_ISREG(r->entry.mode))
                return skip_to_next(r);
        r->content_left = r->entry.size;
        r->state = STATE_CONTENT;
        return r->content_left == 0 ? got_content(r) : 0;
}

/* Each of the following takes bytes from the front of `*data`, at least one of `size`. */

static int feed_between(CpioReader *r, const char **data, size_t *size) {
        while (*size > 0 && **data == '\0')
                (*data)++, (*size)--, r->offset++;
        if (*size == 0)
                return 0;
        if (r->offset % 4 != 0) {
                r->state = STATE_FAILED;
                return -EBADMSG;
        }
        /* Another segment, for all this reader knows: it stays where it is. */
        if (**data != '0')
                return -EBADMSG;
        r->entry.offset = r->offset;
        collect(r, STATE_HEADER, HEADER_SIZE);
        return 0;
}

static int feed_collect(CpioReader *r, char *buffer, int (*got)(CpioReader *r), const char **data,
                        size_t *size) {
        size_t n = MIN_OF(*size, r->need - r->have);

        memcpy(buffer + r->have, *data, n);
        r->have += n;
        *data += n, *size -= n, r->offset += n;
        return r->have == r->need ? got(r) : 0;
}

static int feed_content(CpioReader *r, const char **data, size_t *size) {
        size_t n = MIN_OF((uint64_t) *size, r->content_left);
        const char *p = *data;
        int k;

        if (r->has_sum)
                for (size_t i = 0; i < n; i++)
                        r->sum += (uint8_t) p[i];
        if (r->handlers.on_content) {
                k = r->handlers.on_content(r->userdata, p, n);
                if (k < 0)
                        return k;
        }
        *data += n, *size -= n, r->offset += n;
        r->content_left -= n;
        return r->content_left == 0 ? got_content(r) : 0;
}

static int feed_skip(CpioReader *r, const char **data, size_t *size) {
        size_t n = MIN_OF((uint64_t) *size, r->next - r->offset);

        *data += n, *size -= n, r->offset += n;
        return skip_to_next(r);
}

static int feed_some(CpioReader *r, const char **data, size_t *size) {
        switch (r->state) {
        case STATE_BETWEEN:
                return feed_between(r, data, size);
        case STATE_HEADER:
                return feed_collect(r, r->header, got_header, data, size);
        case STATE_NAME:
                return feed_collect(r, r->name, got_name, data, size);
        case STATE_TARGET:
                return feed_collect(r, r->target, got_target, data, size);
        case STATE_CONTENT:
                return feed_content(r, data, size);
        case STATE_SKIP:
                return feed_skip(r, data, size);
        default:
                return -EBADMSG;
        }
}

int cpio_reader_feed(CpioReader *r, const void *data, size_t size) {
        const char *p = data;

        while (size > 0 && r->error == 0) {
                int k = feed_some(r, &p, &size);

                if (k >= 0)
                        continue;
                r->error = k;
                if (r->state != STATE_BETWEEN && r->state != STATE_FAILED) {
                        r->state = STATE_FAILED;
                        r->offset = r->entry.offset;
                }
        }
        return r->error;
}

int cpio_reader_finish(CpioReader *r) {
        if (r->error < 0)
                return r->error;
        return r->state == STATE_BETWEEN ? 0 : -ENODATA;
}

uint64_t cpio_reader_offset(const CpioReader *r) {
        return r->offset;
}

bool cpio_reader_at_boundary(const CpioReader *r) {
        return r->state == STATE_BETWEEN;
}
