/* SPDX-License-Identifier: GPL-2.0-or-later */

#include "client.h"

int verb_inspect(int argc, char *argv[]) {
        say("not yet");
        return EXIT_STATUS_FAILED;
}
