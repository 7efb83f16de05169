/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * How a build can fail, in the words that every program shares: the worker's result carries the
 * name, the bus prefixes it with "org.initrdd1.Error.", the client turns it into an exit status.
 */

typedef enum FailureKind {
        FAILURE_NONE,
        FAILURE_NO_SUCH_KERNEL,
        FAILURE_NO_SUCH_IMAGE,
        FAILURE_KERNEL_INCOMPLETE, /* the kernel is there, modules.dep or its like is not */
        FAILURE_BUSY,
        FAILURE_NO_SPACE,
        FAILURE_READ_ONLY_BOOT,
        FAILURE_CONFIG_INVALID,
        FAILURE_INVALID_ARGUMENT, /* what was asked for makes no sense, whatever the configuration */
        FAILURE_INCOMPLETE, /* something that the image must have can't be had */
        FAILURE_VERIFY_FAILED,
        FAILURE_BUILD_FAILED,
        FAILURE_NOT_PERMITTED,
        FAILURE_CANCELLED,
        _FAILURE_MAX,
        _FAILURE_INVALID = -22, /* -EINVAL */
} FailureKind;

/* "NoSuchKernel" and so on; the string is static. */
const char *failure_kind_to_string(FailureKind kind);
FailureKind failure_kind_from_string(const char *name);

/* The exit status of design.md, section "The client". */
enum {
        EXIT_STATUS_DONE = 0,
        EXIT_STATUS_FAILED = 1,
        EXIT_STATUS_USAGE = 2,
        EXIT_STATUS_NOT_AUTHORISED = 3,
        EXIT_STATUS_NOT_FOUND = 4,
        EXIT_STATUS_NO_SPACE = 6,
        EXIT_STATUS_CANCELLED = 7,
};
int failure_kind_to_exit_status(FailureKind kind);
