/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * The keyboard layout and the font of vconsole.conf(5), made ready at build: what loadkeys and
 * setfont would search for, include and decompress at boot lies in the image as plain files.
 */

#include <stdint.h>

#include "report.h"
#include "source/source.h"

typedef enum KeymapPart {
        KEYMAP_PART_MAP, /* KEYMAP= and KEYMAP_TOGGLE= */
        KEYMAP_PART_FONT, /* FONT= */
        KEYMAP_PART_FONT_MAP, /* FONT_MAP= */
        KEYMAP_PART_UNIMAP, /* FONT_UNIMAP= */
        _KEYMAP_PART_MAX,
} KeymapPart;

/* Where the file of that name is, as loadkeys and setfont look for it. -ENOENT when nowhere. The
 * caller frees. */
int keymap_find(Source *source, Trace *trace, KeymapPart part, const char *name, char **ret);

/* Such a file, decompressed if its name says that it is compressed. 4 MiB at most, else -EFBIG;
 * -EBADMSG when damaged. The caller frees; a NUL byte is behind it. */
int keymap_read(Source *source, Trace *trace, const char *path, char **ret, size_t *ret_size);

/*
 * The text of a keyboard map (keymaps(5)) with its includes in their places and without comments.
 * Failures (Incomplete, ConfigInvalid), with the line that is to blame: an include that is not
 * there, that includes itself, or that names no file; a map that can't be read. The caller frees.
 */
int keymap_flatten(Source *source, Trace *trace, Report *report, const char *path, char **ret,
                   size_t *ret_size);

/* Which of the letters a–z can't be typed by a kernel that has loaded this map over its own, as
 * bits from 1 << 0. `text` is flat. */
uint32_t keymap_missing_letters(const char *text, size_t size) _pure_;
