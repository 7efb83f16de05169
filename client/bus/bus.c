/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * A verb that concerns the whole machine asks the service, if there is one to be asked. Where that
 * fails, it matters why: a refusal is the answer, but a service that isn't there must not keep a
 * package's hook from making its image, so root does the work itself.
 */

#include <stdarg.h>
#include <sys/stat.h>
#include <unistd.h>

#include <jansson.h>

#include "bus.h"
#include "polkit-agent.h"
#include "string-util.h"

#define BUS_SOCKET "/run/dbus/system_bus_socket"
#define DBUS_ERROR "org.freedesktop.DBus.Error."

/* As systemd's tools have it: the root of PID 1 is another than ours. Who may not look can't tell. */
static bool running_in_chroot(void) {
        const char *ignore = getenv("SYSTEMD_IGNORE_CHROOT");
        struct stat ours, theirs;

        if (ignore && parse_boolean(ignore) > 0)
                return false;
        if (stat("/", &ours) < 0)
                return false;
        if (stat("/proc/1/root", &theirs) < 0)
                return errno == ENOENT;
        return ours.st_dev != theirs.st_dev || ours.st_ino != theirs.st_ino;
}

bool text_is_utf8(const char *s) {
        json_t *string = s ? json_string(s) : NULL;
        bool valid = !s || string;

        json_decref(string);
        return valid;
}

static bool options_are_utf8(void) {
        bool valid = text_is_utf8(arg_profile) && text_is_utf8(arg_output) &&
                     text_is_utf8(arg_kernel_dir);

        STRV_FOREACH(s, arg_settings)
                valid = valid && text_is_utf8(*s);
        return valid;
}

bool service_is_remote(void) {
        return arg_transport != TRANSPORT_LOCAL;
}

bool service_is_wanted(void) {
        const char *address = getenv("DBUS_SYSTEM_BUS_ADDRESS");

        if (service_is_remote())
                return true;
        /* A hook that the service's own build started would wait for that very build. */
        if (arg_offline || arg_root || arg_store || arg_facts || arg_threads > 0 ||
            getenv("INITRDD_NESTED"))
                return false;
        /* A path that is no text can't be said; what goes to a user's own place, he makes. */
        if (!options_are_utf8() || (geteuid() != 0 && (arg_output || arg_kernel_dir)))
                return false;
        if (!(address && *address) && access(BUS_SOCKET, F_OK) < 0)
                return false;
        return !running_in_chroot();
}

int bus_open(sd_bus **ret, bool may_prompt) {
        sd_bus *bus = NULL;
        int r;

        r = libsystemd_load();
        if (r >= 0)
                r = arg_transport == TRANSPORT_REMOTE
                                    ? sym_sd_bus_open_system_remote(&bus, arg_host)
                    : arg_transport == TRANSPORT_MACHINE
                                    ? sym_sd_bus_open_system_machine(&bus, arg_host)
                                    : sym_sd_bus_open_system(&bus);
        if (r < 0)
                return service_unavailable(NULL, r, may_prompt);
        if (may_prompt && arg_ask_password) {
                (void) sym_sd_bus_set_allow_interactive_authorization(bus, true);
                if (!service_is_remote())
                        polkit_agent_open();
        }
        *ret = bus;
        return 0;
}

int bus_read(sd_bus *bus, const char *path, const char *interface, const char *member,
             sd_bus_error *error, sd_bus_message **ret, const char *types, ...) {
        _cleanup_message_ sd_bus_message *m = NULL;
        va_list ap;
        int r;

        r = sym_sd_bus_message_new_method_call(bus, &m, BUS_NAME, path, interface, member);
        if (r >= 0 && types) {
                va_start(ap, types);
                r = sym_sd_bus_message_appendv(m, types, ap);
                va_end(ap);
        }
        if (r >= 0)
                r = sym_sd_bus_call(bus, m, 0, error, ret);
        return MIN_OF(r, 0);
}

int bus_change_with(sd_bus *bus, sd_bus_message *m, sd_bus_error *error, sd_bus_message **ret) {
        int r = sym_sd_bus_call(bus, m, UINT64_MAX, error, ret);

        return MIN_OF(r, 0);
}

int bus_change(sd_bus *bus, const char *member, sd_bus_error *error, sd_bus_message **ret,
               const char *types, ...) {
        _cleanup_message_ sd_bus_message *m = NULL;
        va_list ap;
        int r;

        r = sym_sd_bus_message_new_method_call(bus, &m, BUS_NAME, BUS_PATH, BUS_INTERFACE_MANAGER,
                                               member);
        if (r >= 0 && types) {
                va_start(ap, types);
                r = sym_sd_bus_message_appendv(m, types, ap);
                va_end(ap);
        }
        return r < 0 ? r : bus_change_with(bus, m, error, ret);
}

bool bus_error_is_unavailable(const sd_bus_error *error, int r) {
        static const char *const names[] = {
                DBUS_ERROR "ServiceUnknown", DBUS_ERROR "NameHasNoOwner", DBUS_ERROR "NoReply",
                DBUS_ERROR "Disconnected",   DBUS_ERROR "NoServer",       DBUS_ERROR "Timeout",
                DBUS_ERROR "TimedOut",       BUS_ERROR("Shutdown"),
        };

        if (!error || !error->name || startswith(error->name, "System.Error."))
                return r == -ECONNRESET || r == -ENOTCONN || r == -EPIPE || r == -ETIMEDOUT;
        for (size_t i = 0; i < ELEMENTSOF(names); i++)
                if (streq(error->name, names[i]))
                        return true;
        return startswith(error->name, DBUS_ERROR "Spawn.") ||
               startswith(error->name, "org.freedesktop.systemd1.");
}

int service_unavailable(const sd_bus_error *error, int r, bool changes) {
        const char *why = error && error->message ? error->message
                          : r == -EOPNOTSUPP      ? "there is no libsystemd"
                                                  : strerror(-r);

        if (service_is_remote())
                say("The service on %s can't be reached: %s", arg_host, why);
        else if (changes && geteuid() != 0)
                say("The service can't be reached: %s; ask root to start initrdd.service, or see "
                    "--offline.",
                    why);
        else {
                if (!arg_quiet)
                        say("The service can't be reached, so it goes without: %s", why);
                return STATUS_OFFLINE;
        }
        return EXIT_STATUS_FAILED;
}

static bool is_refusal(const char *name) {
        return streq(name, DBUS_ERROR "AccessDenied") || streq(name, DBUS_ERROR "AuthFailed") ||
               streq(name, DBUS_ERROR "InteractiveAuthorizationRequired");
}

int bus_error_to_exit_status(const char *name) {
        const char *word = startswith(name, BUS_ERROR_PREFIX) ?: name;
        FailureKind kind = failure_kind_from_string(word);

        if (kind > FAILURE_NONE)
                return failure_kind_to_exit_status(kind);
        if (streq(word, "NoSuchJob"))
                return EXIT_STATUS_NOT_FOUND;
        if (streq(name, DBUS_ERROR "InvalidArgs"))
                return EXIT_STATUS_USAGE;
        return is_refusal(name) ? EXIT_STATUS_NOT_AUTHORISED : EXIT_STATUS_FAILED;
}

/* "WHAT: MESSAGE" without a full stop of its own where `hint` follows. */
static void say_with_hint(const char *what, const char *message, const char *hint) {
        size_t n = strlen(message);

        /* One that says itself what to do needs no hint of ours. */
        if (strchr(message, ';'))
                hint = "";
        while (*hint && n > 0 && message[n - 1] == '.')
                n--;
        say("%s%s%.*s%s", what ?: "", what ? ": " : "", (int) n, message, hint);
}

int say_bus_error(const char *what, const sd_bus_error *error, int r) {
        const char *hint = "";

        if (!error->name) {
                say_with_hint(what, strerror(-r), "");
                return r == -EACCES || r == -EPERM ? EXIT_STATUS_NOT_AUTHORISED
                                                   : EXIT_STATUS_FAILED;
        }
        if (streq(error->name, DBUS_ERROR "InteractiveAuthorizationRequired"))
                hint = "; run it in a terminal without --no-ask-password, or as root.";
        else if (is_refusal(error->name))
                hint = "; run it as root, or ask an administrator.";
        else if (streq(error->name, DBUS_ERROR "UnknownMethod") ||
                 streq(error->name, DBUS_ERROR "UnknownInterface") ||
                 streq(error->name, DBUS_ERROR "UnknownObject"))
                hint = "; the service is another version than this program, restart it.";
        say_with_hint(what, error->message && *error->message ? error->message : error->name,
                      hint);
        return bus_error_to_exit_status(error->name);
}

int say_job_failure(const char *what, const char *name, const char *message) {
        say_with_hint(what, message && *message ? message : "failed, and the log says why", "");
        return bus_error_to_exit_status(name);
}
