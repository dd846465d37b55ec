# SPDX-License-Identifier: Apache-2.0
"""Start and stop with nothing to recover."""

import os
import signal
import socket
import subprocess
import time

from harness.cri import Client

STARTS = 20


def notified(notify, process):
    """Waits for READY=1 (sd_notify(3))."""
    while b"READY=1" not in notify.recv(4096):
        assert process.poll() is None, "it ended with status %d" % process.returncode


def answered(socket_path, process):
    """Waits until CRI answers. Connecting, a client and its first call are part of it: about 10 ms."""
    while True:
        assert process.poll() is None, "it ended with status %d" % process.returncode
        with socket.socket(socket.AF_UNIX) as s:
            if s.connect_ex(socket_path) == 0:
                break
        time.sleep(0.0005)
    with Client(socket_path) as client:
        while not client.answers():
            time.sleep(0.0005)


def start_and_stop(b, argv, what, wait, env=None):
    """One start, then a stop while a client is connected that makes no call and reads nothing."""
    with open(os.devnull, "wb") as null:
        start = time.monotonic()
        process = subprocess.Popen(argv, stdin=null, stdout=null, stderr=null, cwd=b.env.work, env=dict(os.environ, **(env or {})))
    wait(process)
    b.sample("start, nothing to recover, until %s" % what, "ms", (time.monotonic() - start) * 1e3)
    with Client(b.env.socket) as client:
        assert client.answers()
        start = time.monotonic()
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0, "exit status %d" % process.returncode
        b.sample("stop, with a client that is idle", "ms", (time.monotonic() - start) * 1e3)


def bench_start(b):
    """Start to READY=1, or for the plugin containerd's own start to CRI's first answer; and stop"""
    if b.env.plugin:  # part of containerd, which does not tell when its plugin is ready
        b.env.containerd.stop()
        for _ in range(b.repeats(STARTS)):
            start_and_stop(b, b.env.containerd.argv, "CRI answers", lambda process: answered(b.env.socket, process))
        b.env.start_containerd()
        return
    b.env.daemon.stop()
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notify:
        path = b.path("notify.sock")
        notify.bind(path)
        notify.settimeout(30)
        for _ in range(b.repeats(STARTS)):
            start_and_stop(b, b.env.daemon_argv(), "READY=1", lambda process: notified(notify, process), {"NOTIFY_SOCKET": path})
        os.unlink(path)
    for _ in range(b.repeats(STARTS)):  # the plugin's measure, for comparison
        start_and_stop(b, b.env.daemon_argv(), "CRI answers", lambda process: answered(b.env.socket, process))
    b.env.start_daemon()
