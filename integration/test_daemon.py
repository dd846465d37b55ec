# SPDX-License-Identifier: Apache-2.0
"""The daemon as a program: sockets that are handed over, the forms of its log."""

import json
import os
import re
import socket
import subprocess
import sys

from harness import isolate
from harness.cri import Client
from harness.runner import not_with_plugin
from harness.service import Service, socket_answers, tail, wait_until

ours = not_with_plugin("it is part of containerd")

# What systemd does for a socket unit (sd_listen_fds(3)): the sockets from descriptor 3 on, their number and the process's id in the environment.
HAND_OVER = """
import os, sys
fd, n, argv = int(sys.argv[1]), sys.argv[2], sys.argv[3:]
for i in range(int(n)):
    os.dup2(fd, 3 + i, inheritable=True)
os.environ.update(LISTEN_FDS=n, LISTEN_PID=str(os.getpid()))
os.execv(argv[0], argv)
"""


class Activated(Service):
    """A daemon that is given a socket."""

    def __init__(self, t, fd, n=1, **changes):
        argv = [sys.executable, "-c", HAND_OVER, str(fd), str(n)] + t.env.daemon_argv(**changes)
        super().__init__("activated", argv, t.env.log("activated"), env=t.env.sanitizer_env(), cwd=t.env.work)
        os.set_inheritable(fd, True)
        self.fd = fd

    def spawn(self):
        with open(self.log, "ab", buffering=0) as out:
            self.process = subprocess.Popen(self.argv, stdin=subprocess.DEVNULL, stdout=out, stderr=out, env=self.env, cwd=self.cwd,
                                            preexec_fn=isolate.die_with_parent, start_new_session=True, pass_fds=[self.fd])
        return self


def listener(t, path):
    s = socket.socket(socket.AF_UNIX)
    t.defer(s.close)
    s.bind(path)
    t.defer(lambda: os.unlink(path))
    s.listen(8)
    return s


@ours
def test_socket_activation(t):
    """A socket that is handed over is served; its file stays when the daemon stops, and calls made meanwhile are served by the next one"""
    t.env.daemon.stop()
    t.defer(t.env.start_daemon)
    path = t.env.path("activated.sock")
    s = listener(t, path)
    for _ in range(2):
        with Client(path) as client:
            call = client.start("Version", deadline=30)  # before anybody serves
            daemon = Activated(t, s.fileno()).spawn()
            t.defer(daemon.stop)
            t.equal(call.result().runtime_name, "containerd")
        t.equal(daemon.stop(), 0, "exit status")
        assert os.path.exists(path), "the socket's file is gone"
        assert socket_answers(path), "the socket is closed"
    assert not os.path.exists(t.env.socket), "a socket of its own was made too"


@ours
def test_bad_activation(t):
    """What is no listening unix stream socket is refused, and so are several sockets"""
    t.env.daemon.stop()
    t.defer(t.env.start_daemon)
    udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    t.defer(udp.close)
    silent = socket.socket(socket.AF_UNIX)
    t.defer(silent.close)
    for fd, n, text in ((udp.fileno(), 1, "not a listening unix stream socket"), (silent.fileno(), 1, "not a listening unix stream socket"),
                        (udp.fileno(), 2, "2 sockets were handed over")):
        daemon = Activated(t, fd, n).spawn()
        t.equal(daemon.wait(30), 1, "exit status")
        assert text in tail(daemon.log), tail(daemon.log)


@ours
def test_log_json(t):
    """--log-format json: each line is one object with time, level and message, and within a call its name and number"""
    t.env.daemon.stop()
    t.defer(t.env.start_daemon)
    t.defer(lambda: t.env.daemon.stop())
    os.rename(t.env.log("daemon"), t.env.log("daemon-before-json"))
    t.env.start_daemon(log_format="json")
    t.fails("INVALID_ARGUMENT", lambda: t.cri.RunPodSandbox())
    t.fails("NOT_FOUND", lambda: t.cri.ContainerStatus(container_id='no "such" \\ one'))
    t.env.daemon.stop()
    with open(t.env.log("daemon"), encoding="utf-8") as f:
        lines = [json.loads(line) for line in f]
    for line in lines:
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z", line["time"]), line
        assert line["level"] in ("error", "warning", "info", "debug"), line
        assert line["message"], line
    failed = [line for line in lines if line.get("rpc") in ("RunPodSandbox", "ContainerStatus")]
    t.equal([line["rpc"] for line in failed], ["RunPodSandbox", "ContainerStatus"])
    assert 0 < failed[0]["rpc_id"] < failed[1]["rpc_id"], failed
    assert 'no "such" \\ one' in failed[1]["message"], failed[1]
    os.rename(t.env.log("daemon"), t.env.log("daemon-json"))


@ours
def test_log_text(t):
    """The text form names level and call; nothing that a client sends can forge a line of it"""
    t.fails("NOT_FOUND", lambda: t.cri.ContainerStatus(container_id="x\n2026-01-01T00:00:00.000000000Z error forged"))
    wait_until(lambda: "forged" in t.env.daemon.log_text(), 10, "the line of the failed call")
    line = [line for line in t.env.daemon.log_text().splitlines() if "forged" in line][-1]
    assert re.match(r"\S+Z debug \[\d+ ContainerStatus\] NOT_FOUND: ", line), line
