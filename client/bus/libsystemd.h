/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * libsystemd, loaded by the first who speaks to the service: to link it would cost each offline
 * build a tenth of its time, and an installer's tree need not have it. Its functions have the prefix
 * "sym_" here, and are NULL before libsystemd_load() has succeeded.
 */

#include <systemd/sd-bus.h>

#include "macro.h"

#define LIBSYSTEMD_FUNCTIONS(F)                                                                   \
        F(sd_bus_call)                                                                            \
        F(sd_bus_error_copy)                                                                      \
        F(sd_bus_error_free)                                                                      \
        F(sd_bus_error_has_name)                                                                  \
        F(sd_bus_flush_close_unref)                                                               \
        F(sd_bus_get_events)                                                                      \
        F(sd_bus_get_fd)                                                                          \
        F(sd_bus_get_timeout)                                                                     \
        F(sd_bus_message_append)                                                                  \
        F(sd_bus_message_append_basic)                                                            \
        F(sd_bus_message_append_strv)                                                             \
        F(sd_bus_message_appendv)                                                                 \
        F(sd_bus_message_at_end)                                                                  \
        F(sd_bus_message_close_container)                                                         \
        F(sd_bus_message_enter_container)                                                         \
        F(sd_bus_message_exit_container)                                                          \
        F(sd_bus_message_get_error)                                                               \
        F(sd_bus_message_get_interface)                                                           \
        F(sd_bus_message_get_member)                                                              \
        F(sd_bus_message_get_path)                                                                \
        F(sd_bus_message_get_reply_cookie)                                                        \
        F(sd_bus_message_get_sender)                                                              \
        F(sd_bus_message_is_signal)                                                               \
        F(sd_bus_message_new_method_call)                                                         \
        F(sd_bus_message_open_container)                                                          \
        F(sd_bus_message_peek_type)                                                               \
        F(sd_bus_message_read)                                                                    \
        F(sd_bus_message_read_array)                                                              \
        F(sd_bus_message_read_basic)                                                              \
        F(sd_bus_message_unref)                                                                   \
        F(sd_bus_open_system)                                                                     \
        F(sd_bus_open_system_machine)                                                             \
        F(sd_bus_open_system_remote)                                                              \
        F(sd_bus_path_decode_many)                                                                \
        F(sd_bus_process)                                                                         \
        F(sd_bus_send)                                                                            \
        F(sd_bus_set_allow_interactive_authorization)

#define LIBSYSTEMD_DECLARE(name) extern __typeof__(name) *sym_##name;
LIBSYSTEMD_FUNCTIONS(LIBSYSTEMD_DECLARE)
#undef LIBSYSTEMD_DECLARE

/* 0, or -EOPNOTSUPP where there is no libsystemd that has them all. */
int libsystemd_load(void);

static inline void sym_sd_bus_message_unrefp(sd_bus_message **m) {
        if (*m)
                sym_sd_bus_message_unref(*m);
}
static inline void sym_sd_bus_flush_close_unrefp(sd_bus **bus) {
        if (*bus)
                sym_sd_bus_flush_close_unref(*bus);
}
static inline void sym_sd_bus_error_freep(sd_bus_error *error) {
        if (error->name)
                sym_sd_bus_error_free(error);
}
#define _cleanup_message_ _cleanup_(sym_sd_bus_message_unrefp)
#define _cleanup_bus_ _cleanup_(sym_sd_bus_flush_close_unrefp)
#define _cleanup_error_ _cleanup_(sym_sd_bus_error_freep)
