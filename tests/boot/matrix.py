# SPDX-License-Identifier: GPL-2.0-or-later
"""What is booted: the rows of every file beside this one. README.md says why these rows."""

import collections

import live
import local
import netblock
import network
import share
import stacks
import steps
import volumes
from case import ROOTS, generic, host

# Generic images as users have them; the others are not compressed.
PACKED = ("ext4-uuid", "debian12", "debian13-usr")


def _recording(name, root):
    """A generic image boots every root, and the machine's facts are recorded there; each host image is
    made from those."""
    system = root.system or ("debian13" if name in volumes.NEWER else "debian12")
    return generic(system + "-generic-" + ("real" + name[8:] if root.system else name), name, system,
                   packed=name in PACKED)


RECORDINGS = {name: _recording(name, root) for name, root in ROOTS.items()
              if name not in live.UNRECORDED + netblock.UNRECORDED}

# A host image of it is that of another root: of raid1, of luks, of usr; or of another row: shutdown,
# overlay-on-thin.
GENERIC_ALONE = (("raid5", "thin", "luks1", "debian13-usr", "debian12-luks") + volumes.GENERIC_ALONE + network.GENERIC_ALONE
                 + netblock.GENERIC_ALONE)

CASES = (
    list(RECORDINGS.values())
    + [host(case.name.replace("generic", "host"), name, case.image.system)
       for name, case in RECORDINGS.items() if name not in GENERIC_ALONE]
    + local.CASES
    + stacks.CASES
    + volumes.CASES
    + network.CASES
    + live.CASES
    + steps.CASES
    + netblock.CASES
    + share.CASES
)

# Two of a name would be in each other's files.
TWICE = [name for name, count in collections.Counter(case.name for case in CASES).items() if count > 1]
assert not TWICE, "more than one row is called %s" % ", ".join(TWICE)
