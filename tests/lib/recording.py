# SPDX-License-Identifier: GPL-2.0-or-later
"""Facts as a machine records them: `initrdctl facts --json`, run in the guest.

initrdctl goes there with its libraries in a tar archive, which is a disk of the guest as it is: no
file system driver is asked for, and what the machine has as its own is not touched. The root that
was started unpacks it into /run and runs the script record-facts, whose output is on the console.
"""

import json
import os
import re
import shutil

from cache import run

LIBRARY = os.path.dirname(os.path.abspath(__file__))
# What the last line of the script looks like when everything went well.
END = r"FACTS-END 0"


def make_tools(initrdctl, work, path):
    """Packs initrdctl, every library it needs, and the loader."""
    tools = os.path.join(work, "tools")
    os.makedirs(os.path.join(tools, "lib"))
    for source in [initrdctl, os.path.join(LIBRARY, "record-facts")]:
        shutil.copy(source, tools)
    # What it opens only when it looks at a machine is a library of findmnt, too.
    for line in (run("ldd", initrdctl) + run("ldd", shutil.which("findmnt"))).splitlines():
        found = re.match(r"\s*(?:\S+ => )?(/\S+) \(0x", line)
        if not found:
            continue
        loader = "ld-linux" in found.group(1)
        shutil.copy(found.group(1), os.path.join(tools, "ld.so" if loader else "lib"))
    run("tar", "-c", "--owner=0", "--group=0", "-C", work, "-f", path, "tools")
    shutil.rmtree(tools)


def port(path):
    """Options for the port; what is written to it is in the file."""
    return ["-serial", "file:" + path]


def facts(path):
    """The facts that came by the port, behind what firmware wrote there."""
    with open(path, encoding="utf-8", errors="replace") as stream:
        return json.loads(stream.read().partition("FACTS-BEGIN")[2])
