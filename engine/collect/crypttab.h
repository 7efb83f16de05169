/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* The crypttab of the image, with the headers and keys that its lines name. */

#include "collect/collect.h"

/* Empty when nothing is encrypted that the image opens. A missing header is a failure. */
int collect_crypttab(Collector *collector, const Profile *profile, Collection **ret);
