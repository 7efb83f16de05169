# SPDX-License-Identifier: GPL-2.0-or-later
"""A TPM 2.0 for a guest: swtpm, whose memory is a directory."""

import contextlib
import os
import shutil
import subprocess
import tempfile
import time


@contextlib.contextmanager
def attached(state):
    """Runs it on that directory; QEMU's options, for one guest. It ends with the guest."""
    # The name of a socket may be no longer than 107 bytes.
    directory = tempfile.mkdtemp(prefix="swtpm-")
    path = os.path.join(directory, "control")
    process = subprocess.Popen(["swtpm", "socket", "--tpm2", "--tpmstate", "dir=" + state,
                                "--ctrl", "type=unixio,path=" + path, "--terminate"],
                               stdin=subprocess.DEVNULL)
    try:
        deadline = time.monotonic() + 60
        while not os.path.exists(path):
            if process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError("swtpm does not listen")
            time.sleep(0.05)
        yield ["-chardev", "socket,id=tpm,path=" + path, "-tpmdev", "emulator,id=tpm0,chardev=tpm",
               "-device", "tpm-crb,tpmdev=tpm0"]
    finally:
        process.terminate()
        process.wait()
        shutil.rmtree(directory)
