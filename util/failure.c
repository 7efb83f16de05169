/* SPDX-License-Identifier: GPL-2.0-or-later */

#include "initrdd-failure.h"
#include "macro.h"

static const struct {
        const char *name;
        int exit_status;
} kinds[_FAILURE_MAX] = {
        [FAILURE_NONE] = { "", EXIT_STATUS_DONE },
        [FAILURE_NO_SUCH_KERNEL] = { "NoSuchKernel", EXIT_STATUS_NOT_FOUND },
        [FAILURE_NO_SUCH_IMAGE] = { "NoSuchImage", EXIT_STATUS_NOT_FOUND },
        [FAILURE_KERNEL_INCOMPLETE] = { "KernelIncomplete", EXIT_STATUS_FAILED },
        [FAILURE_BUSY] = { "Busy", EXIT_STATUS_FAILED },
        [FAILURE_NO_SPACE] = { "NoSpace", EXIT_STATUS_NO_SPACE },
        [FAILURE_READ_ONLY_BOOT] = { "ReadOnlyBoot", EXIT_STATUS_FAILED },
        [FAILURE_CONFIG_INVALID] = { "ConfigInvalid", EXIT_STATUS_FAILED },
        [FAILURE_INVALID_ARGUMENT] = { "InvalidArgument", EXIT_STATUS_USAGE },
        [FAILURE_INCOMPLETE] = { "Incomplete", EXIT_STATUS_FAILED },
        [FAILURE_VERIFY_FAILED] = { "VerifyFailed", EXIT_STATUS_FAILED },
        [FAILURE_BUILD_FAILED] = { "BuildFailed", EXIT_STATUS_FAILED },
        [FAILURE_NOT_PERMITTED] = { "NotPermitted", EXIT_STATUS_NOT_AUTHORISED },
        [FAILURE_CANCELLED] = { "Cancelled", EXIT_STATUS_CANCELLED },
};

const char *failure_kind_to_string(FailureKind kind) {
        return kind >= 0 && kind < _FAILURE_MAX ? kinds[kind].name : NULL;
}

FailureKind failure_kind_from_string(const char *name) {
        for (FailureKind k = 0; k < _FAILURE_MAX; k++)
                if (streq(kinds[k].name, name))
                        return k;
        return _FAILURE_INVALID;
}

int failure_kind_to_exit_status(FailureKind kind) {
        return kind >= 0 && kind < _FAILURE_MAX ? kinds[kind].exit_status : EXIT_STATUS_FAILED;
}
