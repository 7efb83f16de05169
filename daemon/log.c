/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * A message goes to the journal with its fields through libsystemd, or as a line to standard error.
 * The journal reads standard error as well, when systemd connected the two: $JOURNAL_STREAM names
 * that socket by device and inode (systemd.exec(5)), and only then a line begins with its level in
 * angle brackets (sd-daemon(3)), which a person at a terminal would not want to see.
 *
 * A message is one line: what is a control character in it, a name of a file for instance, is
 * shown as a question mark.
 */

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <systemd/sd-journal.h>
#include <unistd.h>

#include "log.h"
#include "string-util.h"

enum { FIELDS_MAX = 16 };

static int max_level = LOG_INFO;
static LogTarget target = LOG_TARGET_AUTO;

static const char *const targets[_LOG_TARGET_MAX] = {
        [LOG_TARGET_AUTO] = "auto",
        [LOG_TARGET_CONSOLE] = "console",
        [LOG_TARGET_JOURNAL] = "journal",
        [LOG_TARGET_NULL] = "null",
};

static const char *const levels[] = {
        [LOG_EMERG] = "emerg", [LOG_ALERT] = "alert",     [LOG_CRIT] = "crit",
        [LOG_ERR] = "err",     [LOG_WARNING] = "warning", [LOG_NOTICE] = "notice",
        [LOG_INFO] = "info",   [LOG_DEBUG] = "debug",
};

const char *log_target_to_string(LogTarget t) {
        return t >= 0 && t < _LOG_TARGET_MAX ? targets[t] : NULL;
}

LogTarget log_target_from_string(const char *s) {
        for (LogTarget t = 0; t < _LOG_TARGET_MAX; t++)
                if (streq_ptr(targets[t], s))
                        return t;
        return _LOG_TARGET_INVALID;
}

const char *log_level_to_string(int level) {
        return level >= 0 && level < (int) ELEMENTSOF(levels) ? levels[level] : NULL;
}

int log_level_from_string(const char *s) {
        for (int i = 0; s && i < (int) ELEMENTSOF(levels); i++)
                if (streq(levels[i], s) || (s[0] == '0' + i && s[1] == '\0'))
                        return i;
        return -EINVAL;
}

void log_set_level(int level) {
        assert(log_level_to_string(level));
        max_level = level;
}

int log_get_level(void) {
        return max_level;
}

void log_set_target(LogTarget t) {
        assert(log_target_to_string(t));
        target = t;
}

LogTarget log_get_target(void) {
        return target;
}

static bool stderr_is_journal(void) {
        const char *stream = getenv("JOURNAL_STREAM");
        unsigned long long device, inode;
        struct stat st;
        int end = -1;

        if (!stream || sscanf(stream, "%llu:%llu%n", &device, &inode, &end) != 2 || end < 0 ||
            stream[end])
                return false;
        return fstat(STDERR_FILENO, &st) >= 0 && st.st_dev == device && st.st_ino == inode;
}

/* `size` counts the newline at the end. */
static void write_console(int level, char *line, size_t size) {
        char prefix[] = "<0>";
        struct iovec iov[2] = { { prefix, 0 }, { line, size } };

        if (stderr_is_journal()) {
                prefix[1] = (char) ('0' + level);
                iov[0].iov_len = 3;
        }
        (void) !writev(STDERR_FILENO, iov, ELEMENTSOF(iov));
}

static int write_journal(int level, const char *message_id, const char *const *fields,
                         const char *line, size_t size) {
        char priority[] = "PRIORITY=0", id[64], *message;
        struct iovec iov[3 + FIELDS_MAX];
        int n = 0, r;

        message = malloc(strlen("MESSAGE=") + size);
        if (!message)
                return -ENOMEM;
        memcpy(mempcpy(message, "MESSAGE=", strlen("MESSAGE=")), line, size);
        iov[n++] = (struct iovec) { message, strlen("MESSAGE=") + size };
        priority[strlen(priority) - 1] = (char) ('0' + level);
        iov[n++] = (struct iovec) { priority, strlen(priority) };
        if (message_id) {
                r = snprintf(id, sizeof(id), "MESSAGE_ID=%s", message_id);
                assert(r > 0 && r < (int) sizeof(id));
                iov[n++] = (struct iovec) { id, (size_t) r };
        }
        for (const char *const *f = fields; f && *f; f++) {
                assert(n < (int) ELEMENTSOF(iov));
                iov[n++] = (struct iovec) { (char *) *f, strlen(*f) };
        }
        r = sd_journal_sendv(iov, n);
        free(message);
        return r;
}

void log_full(int level, const char *message_id, const char *const *fields, const char *format,
              ...) {
        _cleanup_free_ char *formatted = NULL;
        char fallback[] = "Out of memory for a message\n", *line = fallback;
        size_t size = strlen(fallback);
        int saved = errno, r = 0;
        bool journal;
        va_list ap;

        if (level > max_level || target == LOG_TARGET_NULL)
                return;
        va_start(ap, format);
        if (vasprintf(&formatted, format, ap) >= 0) {
                line = formatted;
                size = strlen(line) + 1;
                for (char *p = line; *p; p++)
                        if ((unsigned char) *p < ' ' || *p == '\x7f')
                                *p = '?';
                line[size - 1] = '\n';
        } else
                formatted = NULL;
        va_end(ap);

        journal = target == LOG_TARGET_JOURNAL ||
                  (target == LOG_TARGET_AUTO && stderr_is_journal());
        if (journal)
                r = write_journal(level, message_id, fields, line, size - 1);
        if (!journal || r < 0)
                write_console(level, line, size);
        errno = saved;
}
