# SPDX-License-Identifier: Apache-2.0
"""One owner: a second daemon, or containerd's own CRI plugin, must not work on the same pods. And the start-up in general."""

import grp
import os
import signal
import stat
import subprocess

from harness.runner import not_with_plugin
from harness.service import Service, socket_answers

ours = not_with_plugin("it is part of containerd")


def refused(t, *parts, status=1, **changes):
    """A daemon with these options ends with `status` and one sentence that has all the parts."""
    changes.setdefault("listen", t.env.path("second.sock"))
    done = subprocess.run(t.env.daemon_argv(**changes), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          text=True, errors="replace", timeout=60, env=dict(os.environ, **t.env.sanitizer_env()), check=False)
    t.equal(done.returncode, status, "exit status with the output %r" % done.stdout[-600:])
    for part in parts:
        assert part in done.stdout, "the message does not name %r: %s" % (part, done.stdout[-600:])
    assert "Sanitizer" not in done.stdout, done.stdout
    return done.stdout


@ours
def test_second_daemon(t):
    """A second daemon on the same state folder is refused, the first goes on"""
    pod = t.run_pod()
    refused(t, t.env.state)
    t.equal(t.pod_status(pod).id, pod)


@ours
def test_same_socket(t):
    """A second daemon on the same socket is refused and does not take it away"""
    refused(t, listen=t.env.socket)
    refused(t, t.env.socket, listen=t.env.socket, state=t.env.path("other-state"), root=t.env.path("other-root"))
    t.cri.Version()


@ours
def test_after_kill(t):
    """A killed daemon's socket and lock do not keep the next one out"""
    t.env.daemon.kill()
    assert os.path.exists(t.env.socket)
    t.env.start_daemon()
    t.cri.Version()


@ours
def test_builtin_plugin(t):
    """With containerd's own CRI plugin loaded the daemon refuses and prints the line that turns it off"""
    folder = t.env.path("ctd2")
    sock = folder + "/c.sock"
    config = t.env.write("ctd2/config.toml", """version = 2
root = "%s/root"
state = "%s/state"
[grpc]
address = "%s"
[plugins."io.containerd.internal.v1.opt"]
path = "%s/opt"
[plugins."io.containerd.grpc.v1.cri"]
disable_tcp_service = true
stream_server_address = "127.0.0.1"
stream_server_port = "0"
[plugins."io.containerd.grpc.v1.cri".cni]
conf_dir = "%s"
bin_dir = "/usr/lib/cni"
""" % (folder, folder, sock, folder, t.env.cni_conf))
    service = Service("containerd-with-cri", ["containerd", "--config", config], t.env.log("containerd-with-cri"))
    t.defer(service.stop)
    service.start(lambda: socket_answers(sock) and subprocess.call(["ctr", "-a", sock, "version"], stdout=subprocess.DEVNULL,
                                                                   stderr=subprocess.DEVNULL) == 0)
    refused(t, 'disabled_plugins', 'io.containerd.grpc.v1.cri', containerd=sock, state=t.env.path("other-state"), root=t.env.path("other-root"))


@ours
def test_socket_mode(t):
    """The socket is 0660 root:group, the folders are 0700"""
    info = os.stat(t.env.socket)
    t.equal((oct(stat.S_IMODE(info.st_mode)), info.st_uid, info.st_gid), ("0o660", 0, 0))
    for folder in (t.env.root, t.env.state):
        t.equal(oct(stat.S_IMODE(os.stat(folder).st_mode)), "0o700", folder)


@ours
def test_socket_group(t):
    """--socket-group gives the socket to a group, by name or number; an unknown one is refused by name"""
    some = grp.getgrnam("adm")
    t.env.daemon.stop()
    t.defer(t.env.start_daemon)
    t.defer(lambda: t.env.daemon.stop())
    for group in ("adm", str(some.gr_gid)):
        t.env.start_daemon(socket_group=group)
        t.equal(os.stat(t.env.socket).st_gid, some.gr_gid)
        t.env.daemon.stop()
    refused(t, "no-such-group", status=2, socket_group="no-such-group")


@ours
def test_no_containerd(t):
    """Without a containerd the daemon says so, by path"""
    refused(t, "/run/cct/no.sock", containerd="/run/cct/no.sock", state=t.env.path("other-state"), root=t.env.path("other-root"))


@ours
def test_usage(t):
    """Wrong options: status 2 and their name; --help and --version: status 0"""
    for argv, status, part in ((["--no-such-option"], 2, "no-such-option"), (["--listen"], 2, "listen"), (["--log-level", "loud"], 2, "loud"),
                               (["stray"], 2, "stray"), (["--help"], 0, "--listen"), (["--version"], 0, "cri-containerd")):
        done = subprocess.run([t.env.daemon_binary] + argv, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=20,
                              env=dict(os.environ, **t.env.sanitizer_env()), check=False)
        t.equal(done.returncode, status, "exit status of %s (%s)" % (argv, done.stdout[-300:]))
        assert part in done.stdout, (argv, done.stdout)


@ours
def test_ready_line(t):
    """The daemon says when it serves"""
    assert "serving CRI on " + t.env.socket in t.env.daemon.log_text()


@ours
def test_notify(t):
    """sd_notify tells READY=1, RELOADING=1 and READY=1 again on SIGHUP, and STOPPING=1 at the end"""
    import socket
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as s:
        path = t.env.path("notify.sock")
        s.bind(path)
        s.settimeout(20)
        t.env.daemon.stop()
        t.defer(t.env.start_daemon)
        daemon = t.env.new_daemon("daemon-notify")
        daemon.env["NOTIFY_SOCKET"] = path
        daemon.spawn()
        try:
            received = b""
            while b"READY=1" not in received:
                received += s.recv(4096) + b"\n"
            os.kill(daemon.pid, signal.SIGHUP)
            parts = [s.recv(4096).split(b"\n")[0] for _ in range(2)]
            t.equal(parts, [b"RELOADING=1", b"READY=1"])
        finally:
            t.equal(daemon.stop(), 0, "exit status")
        t.equal(s.recv(4096), b"STOPPING=1")
