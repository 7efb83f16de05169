# SPDX-License-Identifier: GPL-2.0-or-later
"""A TPM 2.0 for a guest: swtpm, whose memory is a directory.

QEMU 7.2 puts an initrd where firmware has put ACPI's tables, once these are larger by a TPM's log. So
there are none, and the kernel is told on its command line where to look for the TPM.
"""

import contextlib
import os
import shutil
import subprocess
import tempfile
import time

COMMAND_LINE = "tpm_tis.force=1"


@contextlib.contextmanager
def attached(state):
    """Runs it on that directory; QEMU's options, for one guest at a time."""
    # The name of a socket may be no longer than 107 bytes.
    directory = tempfile.mkdtemp(prefix="swtpm-")
    path = os.path.join(directory, "control")
    process = subprocess.Popen(["swtpm", "socket", "--tpm2", "--tpmstate", "dir=" + state,
                                "--ctrl", "type=unixio,path=" + path],
                               stdin=subprocess.DEVNULL)
    try:
        deadline = time.monotonic() + 60
        while not os.path.exists(path):
            if process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError("swtpm does not listen")
            time.sleep(0.05)
        yield ["-chardev", "socket,id=tpm,path=" + path, "-tpmdev", "emulator,id=tpm0,chardev=tpm",
               "-device", "tpm-tis,tpmdev=tpm0",
               "-machine", "acpi=off"]
    finally:
        process.terminate()
        process.wait()
        shutil.rmtree(directory)
