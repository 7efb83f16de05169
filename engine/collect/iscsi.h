/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* The image's /etc/initrdd/iscsi: the targets that the facts have, with what is needed to log in. */

#include "collect/collect.h"

int collect_iscsi(Collector *collector, Collection **ret);
