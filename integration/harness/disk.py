# SPDX-License-Identifier: Apache-2.0
"""Disks that do not answer."""

import os
import signal
import subprocess

from . import images, isolate


class HungDisk:
    """A file system of the program images/hungdisk.c, mounted on `folder`."""

    def __init__(self, t, folder):
        os.makedirs(folder, exist_ok=True)
        program = images.build_program(t.env.work, "hungdisk", "-pthread")
        self.process = subprocess.Popen([program, folder], stdout=subprocess.PIPE, preexec_fn=isolate.die_with_parent)
        t.defer(self.end)
        assert self.process.stdout.readline() == b"ready\n", "no FUSE file system can be mounted"

    def hang(self):
        self.process.send_signal(signal.SIGUSR1)

    def go_on(self):
        self.process.send_signal(signal.SIGUSR2)

    def end(self):
        self.process.terminate()
        self.process.wait()
        self.process.stdout.close()
