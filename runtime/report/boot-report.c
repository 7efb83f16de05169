/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * The program: called when a boot ends in emergency mode. Everything that an admin, or whom an admin asks,
 * would want to look at goes to one file, /run/initrdd/report.txt, and in some lines to standard
 * output, which is the console: what failed, what was there, where the report is. With
 * rd.report=DEVICE it is written to a file system there, too, since not everybody may have the shell.
 *
 * Nothing in here may keep the shell from starting: what can't be had is left out, and said so.
 *
 * For tests, INITRDD_REPORT_ROOT is where /proc, /sys and /run are; programs come from PATH.
 */

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

#include "fd-util.h"
#include "boot-report.h"
#include "string-util.h"

#define REPORT "/run/initrdd/report.txt"
#define COPY_TO "/run/initrdd/report.d"
#define FAILURES_SHOWN 3
/* A disk of its own may come later than the root's time has run out. */
#define COPY_TRIES 5

typedef struct Report {
        const char *root;
        Masks masks;
        char *command_line;
        FILE *console;
        char **failed; /* units */
} Report;

static void heading(FILE *f, const char *text) {
        fprintf(f, "\n== %s\n\n", text);
}

static void add_file(const Report *report, FILE *f, const char *path) {
        _cleanup_free_ char *place = NULL, *text = NULL;
        size_t size;

        if (str_printf(&place, "%s%s", report->root, path) < 0 ||
            file_read_at(AT_FDCWD, place, 16 * 1024 * 1024, &text, &size) < 0)
                return;
        heading(f, path);
        masks_write(&report->masks, f, text, size);
}

static void add_program(const Report *report, FILE *f, const char *const argv[]) {
        _cleanup_free_ char *text = NULL;
        size_t size;
        int r;

        r = report_run(argv, &text, &size);
        if (r == -ENOENT)
                return;
        fprintf(f, "\n==");
        for (size_t i = 0; argv[i]; i++)
                fprintf(f, " %s", argv[i]);
        fputs("\n\n", f);
        if (r < 0)
                fprintf(f, "(not asked: %s)\n", strerror(-r));
        else
                masks_write(&report->masks, f, text, size);
}
#define ADD_PROGRAM(report, f, ...)                                                               \
        add_program(report, f, (const char *const[]) { __VA_ARGS__, NULL })

/* The last words of a unit that failed, for the console. */
static void tell_last_words(const Report *report, const char *unit) {
        _cleanup_free_ char *match = NULL, *text = NULL;
        size_t size;

        if (str_printf(&match, "_SYSTEMD_UNIT=%s", unit) < 0)
                return;
        if (report_run((const char *const[]) { "journalctl", "--quiet", "--no-pager",
                                               "--output=cat", "--lines=2", match, NULL },
                       &text, &size) < 0)
                return;
        for (const char *line = text; line < text + size;) {
                size_t n = strcspn(line, "\n");

                if (n > 0) {
                        fputs("    ", report->console);
                        masks_write(&report->masks, report->console, line, n);
                        fputc('\n', report->console);
                }
                line += n + 1;
        }
}

static void tell_failure(Report *report, const char *message, size_t n, const char *unit,
                         size_t unit_size) {
        _cleanup_free_ char *name = strndup(unit ?: "", unit ? unit_size : 0);

        if (!name || (*name && strv_contains(report->failed, name)) ||
            strv_extend(&report->failed, name) < 0 || strv_length(report->failed) > FAILURES_SHOWN)
                return;
        fputs("  ", report->console);
        masks_write(&report->masks, report->console, message, n);
        fputc('\n', report->console);
        if (*name)
                tell_last_words(report, name);
}

/* The journal's export format: a line "FIELD=value" each, and an empty one behind a record. What PID 1
 * says of a job that came to nothing is a sentence. */
static void tell_failures(Report *report) {
        _cleanup_free_ char *text = NULL;
        const char *message = NULL, *unit = NULL;
        size_t size = 0, message_size = 0, unit_size = 0;

        (void) report_run((const char *const[]) { "journalctl", "--quiet", "--no-pager",
                                                  "--output=export",
                                                  "--output-fields=MESSAGE,UNIT", "_PID=1",
                                                  "JOB_RESULT=timeout", "JOB_RESULT=failed",
                                                  "JOB_RESULT=assert", NULL },
                          &text, &size);
        for (const char *line = text; line && line <= text + size;) {
                size_t n = strcspn(line, "\n");

                if (n == 0) {
                        if (message)
                                tell_failure(report, message, message_size, unit, unit_size);
                        message = unit = NULL;
                } else if (startswith(line, "MESSAGE=")) {
                        message = line + strlen("MESSAGE=");
                        message_size = n - strlen("MESSAGE=");
                } else if (startswith(line, "UNIT=")) {
                        unit = line + strlen("UNIT=");
                        unit_size = n - strlen("UNIT=");
                }
                line += n + 1;
        }
        if (message)
                tell_failure(report, message, message_size, unit, unit_size);
        if (!report->failed)
                fputs("  No unit has failed: somebody asked for it, or stopped something.\n",
                      report->console);
}

static void add_system(const Report *report, FILE *f) {
        struct utsname u;
        time_t now = time(NULL);
        struct tm tm;
        char text[64] = "";

        if (gmtime_r(&now, &tm))
                strftime(text, sizeof(text), "%Y-%m-%d %H:%M:%S UTC", &tm);
        fprintf(f, "A boot that failed, %s\n", text);
        if (uname(&u) >= 0)
                fprintf(f, "%s %s %s %s\n", u.sysname, u.release, u.version, u.machine);
        add_file(report, f, "/proc/cmdline");
        add_file(report, f, "/proc/uptime");
        add_file(report, f, "/.initrdd/image.json");
}

static void add_units(const Report *report, FILE *f) {
        ADD_PROGRAM(report, f, "systemctl", "--no-pager", "--full", "list-jobs");
        ADD_PROGRAM(report, f, "systemctl", "--no-pager", "--full", "--failed");
        STRV_FOREACH(unit, report->failed)
                if (**unit)
                        ADD_PROGRAM(report, f, "systemctl", "--no-pager", "--full", "--lines=20",
                                    "status", *unit);
        ADD_PROGRAM(report, f, "systemctl", "--no-pager", "--full", "--all", "list-units");
        ADD_PROGRAM(report, f, "systemctl", "--no-pager", "cat", "sysroot.mount");
}

static void add_storage(const Report *report, FILE *f) {
        static const char *const files[] = { "/proc/self/mountinfo",  "/proc/swaps",
                                             "/proc/mdstat",          "/etc/fstab",
                                             "/etc/crypttab",         "/run/initrdd/cryptopts",
                                             "/etc/mdadm/mdadm.conf", "/etc/mdadm.conf" };

        heading(f, "Block devices");
        report_block_devices(report->root, f);
        for (size_t i = 0; i < ELEMENTSOF(files); i++)
                add_file(report, f, files[i]);
        ADD_PROGRAM(report, f, "dmsetup", "ls", "--tree");
        /* Without --showkeys keys are nothing but zeros. */
        ADD_PROGRAM(report, f, "dmsetup", "table");
        ADD_PROGRAM(report, f, "lvm", "pvs", "--all");
        ADD_PROGRAM(report, f, "lvm", "lvs", "--all");
        ADD_PROGRAM(report, f, "multipath", "-ll");
}

static void add_network(const Report *report, FILE *f) {
        static const char *const files[] = { "/proc/net/dev", "/proc/net/route",
                                             "/etc/resolv.conf" };

        ADD_PROGRAM(report, f, "networkctl", "--no-pager", "--full", "status", "--all");
        ADD_PROGRAM(report, f, "ip", "address");
        ADD_PROGRAM(report, f, "ip", "route");
        for (size_t i = 0; i < ELEMENTSOF(files); i++)
                add_file(report, f, files[i]);
}

/* The journal is the longest, and so comes last; but it is asked for before the time can be up. */
static int format_report(const Report *report, char **ret, size_t *ret_size) {
        _cleanup_free_ char *journal = NULL;
        size_t size = 0;
        FILE *f;

        f = open_memstream(&journal, &size);
        if (!f)
                return -ENOMEM;
        ADD_PROGRAM(report, f, "journalctl", "--no-pager", "--output=short-monotonic");
        if (fclose(f) != 0)
                return -ENOMEM;
        f = open_memstream(ret, ret_size);
        if (!f)
                return -ENOMEM;
        add_system(report, f);
        add_units(report, f);
        add_storage(report, f);
        add_network(report, f);
        add_file(report, f, "/proc/modules");
        add_file(report, f, "/proc/meminfo");
        fwrite(journal, 1, size, f);
        return fclose(f) == 0 ? 0 : -ENOMEM;
}

static int write_report(const Report *report) {
        _cleanup_free_ char *text = NULL, *path = NULL, *directory = NULL;
        size_t size = 0;
        int r;

        if (str_printf(&directory, "%s/run/initrdd", report->root) < 0 ||
            str_printf(&path, "%s" REPORT, report->root) < 0)
                return -ENOMEM;
        r = format_report(report, &text, &size);
        if (r >= 0)
                r = mkdir_parents(directory, 0755);
        return r < 0 ? r : file_replace_at(AT_FDCWD, path, text, size, 0600);
}

/* rd.report=: the last one, as it was typed. The caller frees. */
static char *asked_copy(const Report *report) {
        _cleanup_strv_free_ char **words = NULL;
        const char *found = NULL;

        if (!report->command_line || strv_split_quoted(&words, report->command_line) < 0)
                return NULL;
        STRV_FOREACH(word, words)
                if (startswith(*word, "rd.report="))
                        found = startswith(*word, "rd.report=");
        return found && *found ? strdup(found) : NULL;
}

/* What mount(8) says is the reason, on one line. */
static int mount_device(const char *device, const char *where, char **ret_why) {
        int status = -ENOMEM;

        for (unsigned i = 0; i < COPY_TRIES; i++) {
                size_t size;

                if (i > 0)
                        sleep(1);
                free(*ret_why);
                *ret_why = NULL;
                status = report_run((const char *const[]) { "mount", "-o",
                                                            "rw,nosuid,nodev,noexec", device,
                                                            where, NULL },
                                    ret_why, &size);
                if (status < 0)
                        return status;
                if (status == 0)
                        return 0;
                (*ret_why)[strcspn(*ret_why, "\n")] = '\0';
        }
        return -EIO;
}

static int copy_to(const Report *report, const char *where, char **ret_name) {
        _cleanup_close_ int directory = -EBADF;
        _cleanup_free_ char *text = NULL, *name = NULL, *path = NULL;
        time_t now = time(NULL);
        char when[32] = "";
        struct tm tm;
        size_t size;
        int r;

        if (gmtime_r(&now, &tm))
                strftime(when, sizeof(when), "%Y%m%d-%H%M%S", &tm);
        if (str_printf(&name, "initrdd-report-%s.txt", when) < 0 ||
            str_printf(&path, "%s" REPORT, report->root) < 0)
                return -ENOMEM;
        directory = open(where, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (directory < 0)
                return -errno;
        r = file_read_at(AT_FDCWD, path, 0, &text, &size);
        if (r >= 0)
                r = file_replace_at(directory, name, text, size, 0600);
        if (r >= 0 && syncfs(directory) < 0)
                r = -errno;
        if (r >= 0)
                *ret_name = TAKE_PTR(name);
        return r;
}

static void copy_report(const Report *report) {
        _cleanup_free_ char *device = asked_copy(report), *why = NULL, *name = NULL, *said = NULL,
                            *where = NULL;
        size_t size;
        int r;

        if (!device) {
                fputs("rd.report=DEVICE on the kernel command line writes it to a disk, too.\n",
                      report->console);
                return;
        }
        r = str_printf(&where, "%s" COPY_TO, report->root);
        if (r >= 0)
                r = mkdir_parents(where, 0700);
        if (r >= 0)
                r = mount_device(device, where, &why);
        if (r >= 0) {
                r = copy_to(report, where, &name);
                (void) report_run((const char *const[]) { "umount", where, NULL }, &said, &size);
        }
        if (where)
                (void) rmdir(where);
        if (r < 0)
                fprintf(report->console, "It could not be copied to %s: %s\n", device,
                        why && *why ? why : strerror(-r));
        else
                fprintf(report->console, "It was copied to %s, as %s.\n", device, name);
}

/* All that the report knows of secrets comes from these. */
static void find_secrets(Report *report) {
        static const char *const files[] = { "/etc/fstab", "/etc/crypttab" };
        _cleanup_free_ char *path = NULL;
        size_t size;

        if (str_printf(&path, "%s/proc/cmdline", report->root) >= 0 &&
            file_read_at(AT_FDCWD, path, 1024 * 1024, &report->command_line, &size) >= 0)
                (void) masks_of_words(&report->masks, report->command_line);
        for (size_t i = 0; i < ELEMENTSOF(files); i++) {
                _cleanup_free_ char *place = NULL, *text = NULL;

                if (str_printf(&place, "%s%s", report->root, files[i]) >= 0 &&
                    file_read_at(AT_FDCWD, place, 1024 * 1024, &text, &size) >= 0)
                        (void) masks_of_words(&report->masks, text);
        }
}

int main(int argc, char *argv[]) {
        Report report = { .root = getenv("INITRDD_REPORT_ROOT") ?: "", .console = stdout };
        _cleanup_free_ char *said = NULL;
        size_t size;
        int r;

        if (argc != 1) {
                fprintf(stderr, "initrdd-report takes no argument.\n");
                return 2;
        }
        umask(0022);
        find_secrets(&report);
        /* What was said a moment ago may not be in the journal's files yet. */
        (void) report_run((const char *const[]) { "journalctl", "--sync", NULL }, &said, &size);
        fputs("\nThe boot can't go on:\n", report.console);
        tell_failures(&report);
        report_block_summary(report.root, report.console);
        fflush(report.console);
        r = write_report(&report);
        if (r < 0)
                fprintf(report.console, "There is no report: %s\n", strerror(-r));
        else {
                fputs("A report is in " REPORT ".\n", report.console);
                copy_report(&report);
        }
        masks_done(&report.masks);
        strv_free(report.failed);
        free(report.command_line);
        return r < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
