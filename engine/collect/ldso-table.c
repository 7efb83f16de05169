/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * What programs load by a name that they put together, or that stands in no header and no note:
 * found in practice to be missing from images, and checked against Debian 12 and 13.
 *
 * - glibc itself loads libgcc_s when a thread is cancelled, when it calls pthread_exit(), and for
 *   backtrace(), and aborts the program if it can't. So it belongs to libc, and not to the
 *   programs that are known to do so today (e2fsck, xfs_copy, zstd, whatever uses liburcu as
 *   xfs_repair, or libargon2 as libcryptsetup; multipathd).
 * - OpenSSL's "legacy" provider is loaded for libcryptsetup's sake: the plain mode and older
 *   volumes use hashes that are only there. Other users of libcrypto in an image don't ask for
 *   it, so it belongs to libcryptsetup, not to libcrypto.
 * - libtss2-esys and libtss2-tctildr are there when TPM2 is wanted; what talks to the device is a
 *   TCTI module, whose name they, or systemd, make of a configured word. In an image
 *   only the device itself is there, no resource manager.
 * - libmultipath loads its checkers, prioritizers and foreign handlers by the names in
 *   multipath.conf and in its hardware table, from a directory that was configured when it was
 *   built: beside it in all distributions, be it /usr/lib/multipath or /usr/lib64/multipath.
 *
 * What libsystemd-shared loads is not here. From systemd 256 on it says so in notes, each with a
 * feature, and modules choose among them. Version 252 has no notes, but what it loads is just as
 * much a matter of what an image is for: libcryptsetup and libtss2 for crypt and tpm2, libfido2
 * and libp11-kit for tokens, and neither libqrencode nor libdw nor libidn2 ever. A table that goes by the
 * library could only give all of them to every image, so the modules of these features name
 * them, with Library= lines. The same holds for plymouth's themes, and PKCS#11 modules.
 *
 * Nor are the token plugins (systemd-tpm2, -fido2, -pkcs11) that libcryptsetup loads from cryptsetup/
 * beside it if a LUKS2 header names them. The modules of the same names bring them, with the
 * libraries without which they can do nothing; that of PKCS#11 is linked with libp11-kit, 1.3 MB.
 *
 * Not needed: libnss_files and libnss_dns (within libc from glibc 2.34 on), gconv modules (nobody
 * converts character sets in an initramfs), what libkmod loads (linked in Debian 12, in notes from kmod 34).
 */

#include <fnmatch.h>

#include "collect/ldso.h"
#include "path-util.h"

typedef struct Composed {
        const char *pattern; /* of the file's name */
        const char *const *names;
} Composed;

static const char *const libc_names[] = { "libgcc_s.so.1", NULL };
static const char *const cryptsetup_names[] = {
        "$ORIGIN/ossl-modules/legacy.so",
        NULL,
};
static const char *const tss2_names[] = { "libtss2-tcti-device.so.0", NULL };
static const char *const multipath_names[] = { "$ORIGIN/multipath/lib*.so", NULL };

static const Composed table[] = {
        { "libc.so.6", libc_names },
        { "libc-2.*.so", libc_names }, /* its name before glibc 2.34 */
        { "libcryptsetup.so.*", cryptsetup_names },
        { "libtss2-esys.so.*", tss2_names },
        { "libtss2-tctildr.so.*", tss2_names },
        { "libmultipath.so.*", multipath_names },
};

const char *const *ldso_composed_names(const char *path) {
        const char *name = path_basename(path);

        for (size_t i = 0; i < ELEMENTSOF(table); i++)
                if (fnmatch(table[i].pattern, name, 0) == 0)
                        return table[i].names;
        return NULL;
}
