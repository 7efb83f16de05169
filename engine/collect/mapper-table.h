/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* The integritytab and veritytab of the image. */

#include "collect/collect.h"

/* Empty when the root has none, or none of its lines is wanted. */
int collect_mapper_tables(Collector *collector, const Profile *profile, Collection **ret);
