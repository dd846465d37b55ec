# SPDX-License-Identifier: Apache-2.0
"""cri-containerd doctor: a healthy node is found healthy, and each thing that is broken is found, by name; nothing on the node is changed."""

import json
import os
import shutil
import socket
import subprocess

from harness import isolate
from harness.disk import HungDisk
from harness.env import CNI_BIN, NETWORK
from harness.runner import not_with_plugin
from harness.service import Service, socket_answers

ours = not_with_plugin("the doctor is of this daemon")

FORWARD = "/proc/sys/net/ipv4/ip_forward"
# What a healthy node may be told on this level: it depends on the kernel and on what runs around the test.
NOTES = {"cgroup-mode", "cgroup-controllers", "net-bridge-netfilter", "process-user-namespace", "kernel-user-namespaces", "runtime-features",
         "kernel-fsopen", "kernel-open-tree", "kernel-idmapped-mounts", "process-capabilities", "kernel-overlay"}


def argv(t, *words, **changes):
    """The daemon's own options, so that the same node is looked at."""
    whole = t.env.daemon_argv(**changes)
    return [whole[0], "doctor"] + whole[1:] + list(words)


def run(t, *words, **changes):
    done = subprocess.run(argv(t, *words, **changes), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, errors="replace",
                          timeout=120, env=dict(os.environ, **t.env.sanitizer_env()), check=False)
    assert "Sanitizer" not in done.stderr and "runtime error" not in done.stderr, done.stderr
    return done


def examine(t, status, **changes):
    """The findings; the exit status must be this."""
    done = run(t, "--json", **changes)
    assert done.stderr == "", done.stderr
    report = json.loads(done.stdout)
    t.equal(done.returncode, status, "exit status with the errors %s" % [f for f in report["findings"] if f["level"] == "error"])
    t.equal(report["healthy"], status == 0)
    for level in ("ok", "note", "warning", "error"):
        t.equal(report["counts"][level], sum(f["level"] == level for f in report["findings"]), level)
    return report["findings"]


def find(findings, name, level, *parts):
    """The finding of this id and level whose words have all the parts."""
    of_id = [f for f in findings if f["id"] == name]
    for f in of_id:
        if f["level"] == level and all(part in f["found"] + " " + f["advice"] for part in parts):
            if level in ("error", "warning"):
                assert f["advice"], "no advice: %s" % f
            return f
    raise AssertionError("no finding %s of level %s with %s among %s" % (name, level, parts, of_id or findings))


def errors(findings):
    return sorted({f["id"] for f in findings if f["level"] == "error"})


def forwarding(t):
    with open(FORWARD, encoding="ascii") as f:
        before = f.read()

    def write(text):
        with open(FORWARD, "w", encoding="ascii") as f:
            f.write(text)
    t.defer(lambda: write(before))
    write("1")


@ours
def test_healthy(t):
    """A node that works, with a pod on it: exit status 0, only ok and known notes; the same without a daemon"""
    forwarding(t)
    pod = t.run_pod()
    t.run(pod)
    findings = examine(t, 0)
    for f in findings:
        assert f["level"] == "ok" or (f["level"] == "note" and f["id"] in NOTES) or (f["id"] in ("cgroup-driver",) and os.path.exists("/run/systemd/system")), f
    for name in ("configuration", "containerd-reachable", "containerd-version", "containerd-cri-plugin", "containerd-plugins", "containerd-snapshotter",
                 "runtime-shim", "runtime-binary", "cgroup-driver", "cni-config", "cni-plugin", "cni-status", "net-ip-forward", "kernel-seccomp", "disk-space",
                 "disk-inodes", "registry-ca", "sandbox-image", "daemon-lock", "daemon-socket", "leftovers", "process-capabilities"):
        find(findings, name, "ok")
    find(findings, "runtime-binary", "ok", "runc", "1.1")
    find(findings, "runtime-features", "ok", "cgroup v2 yes", "seccomp yes")
    find(findings, "cni-plugin", "ok", CNI_BIN + "/bridge")
    find(findings, "cni-plugin", "ok", CNI_BIN + "/host-local")
    find(findings, "daemon-lock", "ok", str(t.env.daemon.process.pid), t.env.state)
    find(findings, "daemon-socket", "ok", "the daemon serves " + t.env.socket)
    t.env.daemon.stop()
    t.defer(t.env.start_daemon)
    findings = examine(t, 0)
    find(findings, "daemon-lock", "ok", "no daemon")
    find(findings, "daemon-socket", "ok", "is free")
    find(findings, "leftovers", "ok")


@ours
def test_text(t):
    """The lines say what the JSON says; the command line is checked"""
    findings = examine(t, 0)
    done = run(t)
    t.equal((done.returncode, done.stderr), (0, ""))
    squeezed = " ".join(done.stdout.split())
    for f in findings:
        if f["id"] not in ("disk-space", "disk-inodes"):  # figures may move between two runs
            wanted = " ".join(("%s %s %s" % (f["level"], f["id"], f["found"])).split())
            assert wanted in squeezed, (wanted, done.stdout)
            assert not f["advice"] or " ".join(("-> " + f["advice"]).split()) in squeezed, (f, done.stdout)
    t.equal(sum(line.startswith(("ok ", "note ", "warning ", "error ")) for line in done.stdout.splitlines()), len(findings))
    for words, part in ((["doctor", "now"], "now"), (["doctor", "--no-such"], "--no-such"), (["--json"], "--json"), (["doctor", "--listen", "x"], "listen"),
                        (["config", "check", "--json"], "--json")):
        done = subprocess.run([t.env.daemon_binary] + words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=60,
                              env=dict(os.environ, **t.env.sanitizer_env()), check=False)
        assert part in done.stdout, (words, done.stdout)
        t.equal(done.returncode, 2, "%s: %s" % (words, done.stdout))


@ours
def test_changes_nothing(t):
    """Directories that are not there are not made; a file that is not there is not missed"""
    findings = examine(t, 0, root=t.env.path("no-root"), state=t.env.path("no-state"), cni_cache_dir=t.env.path("no-cache"), listen=t.env.path("no/cri.sock"))
    find(findings, "disk-space", "ok", t.env.path("no-root"))
    for name in ("no-root", "no-state", "no-cache", "no"):
        assert not os.path.exists(t.env.path(name)), name


@ours
def test_no_containerd(t):
    """Without containerd: told by socket, and the rest is looked at all the same"""
    findings = examine(t, 1, containerd="/run/cct/no.sock")
    find(findings, "containerd-reachable", "error", "/run/cct/no.sock")
    find(findings, "cni-config", "ok")
    t.equal(errors(findings), ["containerd-reachable"])
    hung = socket.socket(socket.AF_UNIX)
    hung.bind(t.env.path("hung.sock"))
    hung.listen(4)
    t.defer(hung.close)
    find(examine(t, 1, containerd=t.env.path("hung.sock")), "containerd-reachable", "error", "hung.sock")


@ours
def test_plugin_on(t):
    """containerd's own CRI plugin, with the line that turns it off"""
    folder = t.env.path("ctd3")
    sock = folder + "/c.sock"
    config = t.env.write("ctd3/config.toml", t.env.containerd_config(True).replace(t.env.path("ctd-"), folder + "/").replace(t.env.containerd_socket, sock)
                         .replace(t.env.path("opt"), folder + "/opt"))
    service = Service("containerd-doctor", ["containerd", "--config", config], t.env.log("containerd-doctor"))
    t.defer(service.stop)
    service.start(lambda: socket_answers(sock) and subprocess.call(["ctr", "-a", sock, "version"], stdout=subprocess.DEVNULL,
                                                                   stderr=subprocess.DEVNULL) == 0)
    findings = examine(t, 1, containerd=sock, root=t.env.path("no-root"), state=t.env.path("no-state"))
    find(findings, "containerd-cri-plugin", "error", 'disabled_plugins = ["io.containerd.grpc.v1.cri"]')


@ours
def test_snapshotter(t):
    """A snapshotter that containerd does not have"""
    find(examine(t, 1, snapshotter="stargz"), "containerd-snapshotter", "error", "stargz")
    find(examine(t, 0, snapshotter="native"), "containerd-snapshotter", "ok", "native")


@ours
def test_runtimes(t):
    """Binaries that are missing, cannot be executed, fail, hang; a shim that is not there; crun"""
    def script(name, text, mode=0o755):
        path = t.env.write("bin/" + name, text)
        os.chmod(path, mode)
        return path
    find(examine(t, 1, runtime_binary="no-such-runc"), "runtime-binary", "error", "no-such-runc")
    find(examine(t, 1, runtime_binary="/run/cct/no-such-runc"), "runtime-binary", "error", "/run/cct/no-such-runc", "does not exist")
    find(examine(t, 1, runtime_binary=script("plain", "#!/bin/sh\n", 0o644)), "runtime-binary", "error", "bin/plain", "cannot be executed")
    find(examine(t, 1, runtime_binary=script("bad", "#!/bin/sh\necho out of order >&2\nexit 3\n")), "runtime-binary", "error", "status 3: out of order")
    find(examine(t, 1, runtime_binary=script("hangs", "#!/bin/sh\nexec sleep 1000\n")), "runtime-binary", "error", "bin/hangs")
    findings = examine(t, 0, runtime_binary=script("old", "#!/bin/sh\n[ $1 = --version ] && echo old 0.1 || exit 1\n"))
    find(findings, "runtime-binary", "ok", "old 0.1")
    find(findings, "runtime-features", "note", "bin/old")
    find(examine(t, 0, runtime_binary="crun"), "runtime-binary", "ok", "crun version")
    without = script("no-v2", "#!/bin/sh\n[ $1 = --version ] && echo x || echo '{\"linux\":{\"cgroup\":{\"v1\":true},\"seccomp\":{\"enabled\":false}}}'\n")
    findings = examine(t, 1 if os.path.exists("/sys/fs/cgroup/cgroup.controllers") else 0, runtime_binary=without)
    find(findings, "runtime-features", "warning", "seccomp")
    t.env.write("more.toml", '[containerd.runtimes.kata]\nruntime_type = "io.containerd.kata.v2"\n[registry]\nconfig_path = ""\n')
    find(examine(t, 1, config=t.env.path("more.toml")), "runtime-shim", "error", "kata", "containerd-shim-kata-v2")


@ours
def test_cni(t):
    """No network configuration, a bad one, a plugin that is missing or cannot be executed, one that says no"""
    empty = t.env.path("cni-empty")
    os.makedirs(empty, exist_ok=True)
    find(examine(t, 1, cni_conf_dir=empty), "cni-config", "error", empty)
    find(examine(t, 1, cni_conf_dir=t.env.path("cni-none")), "cni-config", "error", "cni-none")
    t.env.write("cni-bad/10-x.conflist", "{")
    find(examine(t, 1, cni_conf_dir=t.env.path("cni-bad")), "cni-config", "error", "10-x.conflist")
    findings = examine(t, 1, cni_bin_dir=t.env.own_cni_bin)
    find(findings, "cni-plugin", "error", NETWORK, '"bridge"', t.env.own_cni_bin)
    find(findings, "cni-plugin", "error", '"host-local"')
    plugin = t.env.write("cni-doctor/no", '#!/bin/sh\n[ $CNI_COMMAND = STATUS ] || exit 0\n'
                                          'echo \'{"cniVersion":"1.1.0","code":50,"msg":"no addresses today"}\'\nexit 1\n')
    t.env.write("cni-status/10-x.conflist", json.dumps({"cniVersion": "1.1.0", "name": "x", "plugins": [{"type": "no"}]}))
    changes = {"cni_conf_dir": t.env.path("cni-status"), "cni_bin_dir": t.env.path("cni-doctor")}
    os.chmod(plugin, 0o644)
    find(examine(t, 1, **changes), "cni-plugin", "error", plugin, "cannot be executed")
    os.chmod(plugin, 0o755)
    find(examine(t, 1, **changes), "cni-status", "error", "no addresses today")


@ours
def test_hosts(t):
    """A hosts.toml that cannot be read, and one that names a file which is not there"""
    t.defer(lambda: shutil.rmtree(t.env.certs_d, ignore_errors=True))
    t.env.write("certs.d/good.example/hosts.toml", 'server = "https://good.example"\n')
    find(examine(t, 0), "registry-hosts", "ok", t.env.certs_d, "1 registries")
    t.env.write("certs.d/bad.example:5000/hosts.toml", 'server = "https://bad.example"\n[host."https://m"]\ncapabilities = "pull"\n')
    find(examine(t, 1), "registry-hosts", "error", "bad.example:5000/hosts.toml", "line 3")
    t.env.write("certs.d/bad.example:5000/hosts.toml", 'server = "https://bad.example"\nca = "missing.pem"\n')
    find(examine(t, 1), "registry-hosts", "error", "bad.example:5000/missing.pem")
    find(examine(t, 1, registry_ca="/run/cct/no-ca.pem"), "registry-ca", "error", "no-ca.pem")


@ours
def test_sandbox_image(t):
    """In containerd, at the registry, at a registry that does not answer, at none"""
    def of(ref, status):
        return examine(t, status, sandbox_image=ref)
    t.run_pod()
    find(of(t.env.pause_ref, 0), "sandbox-image", "ok", t.env.pause_ref, "in containerd")
    pause2 = t.env.registry.push(t.env.pause, "pause-doctor", "1")
    find(of(pause2, 0), "sandbox-image", "ok", pause2, "can be pulled")
    find(of("127.0.0.1:1/pause:1", 0), "sandbox-image", "note", "127.0.0.1:1/pause:1", "built in")
    find(of(t.env.registry.name + "/no-such:1", 1), "sandbox-image", "error", "no-such:1")
    find(of("cri-containerd.local/pause:builtin", 0), "sandbox-image", "ok", "built in")


@ours
def test_configuration(t):
    """A configuration that is wrong: every problem, with line and key; notes are notes"""
    bad = t.env.write("doctor.toml", "root = 5\nrot = 6\n")
    findings = examine(t, 1, config=bad)
    find(findings, "configuration", "error", "doctor.toml: line 1: root: ")
    find(findings, "configuration", "error", "doctor.toml: line 2: rot: ")
    noted = t.env.write("noted.toml", 'image_pull_with_sync_fs = true\n[registry]\nconfig_path = ""\n')
    find(examine(t, 0, config=noted), "configuration", "note", "noted.toml: line 1: image_pull_with_sync_fs: ")
    find(examine(t, 1, config=t.env.path("nothing.toml")), "configuration", "error", "nothing.toml")


@ours
def test_disk(t):
    """A file system that is full, out of inodes, read-only; a file in place of a directory"""
    point = t.env.path("small")
    os.makedirs(point, exist_ok=True)
    isolate.mount("tmpfs", point, "tmpfs", 0, "size=32m,nr_inodes=1000")
    t.defer(lambda: isolate.umount(point))
    findings = examine(t, 0, root=point + "/root", state=t.env.path("no-state"))
    find(findings, "disk-space", "ok", point)
    with open(point + "/fill", "wb") as f:
        f.write(b"x" * (20 << 20))
    find(examine(t, 1, root=point + "/root", state=t.env.path("no-state")), "disk-space", "error", point)
    os.unlink(point + "/fill")
    for i in range(900):
        with open("%s/%d" % (point, i), "wb"):
            pass
    find(examine(t, 1, root=point + "/root", state=t.env.path("no-state")), "disk-inodes", "error", point)
    subprocess.run(["mount", "-o", "remount,ro", point], check=True)
    find(examine(t, 1, root=point, state=t.env.path("no-state")), "disk-read-only", "error", point)
    find(examine(t, 1, root=t.env.write("a-file", "") + "/root", state=t.env.path("no-state")), "disk-directory", "error", "a-file")


@ours
def test_hung_disk(t):
    """A file system that does not answer is told, and the doctor comes to an end"""
    folder = t.env.path("hung")
    disk = HungDisk(t, folder)
    disk.hang()
    t.defer(disk.go_on)
    find(examine(t, 1, root=folder + "/root", state=t.env.path("no-state")), "disk-hangs", "error", folder)


@ours
def test_leftovers(t):
    """What belongs to no pod: network namespace, directories, mount, snapshot, a record that cannot be read, a socket"""
    gone = "ab" * 32
    t.env.daemon.stop()
    t.defer(t.env.start_daemon)
    netns = "/run/netns/cni-00000000-1111-2222-3333-444444444444"
    with open(netns, "wb"):
        pass
    t.defer(lambda: os.unlink(netns))
    isolate.mount("/proc/self/ns/net", netns, None, isolate.MS_BIND)
    t.defer(lambda: isolate.umount(netns))
    folder = os.path.join(t.env.state, "sandboxes", gone)
    os.makedirs(folder + "/shm")
    isolate.mount("tmpfs", folder + "/shm", "tmpfs", 0)
    other = os.path.join(t.env.root, "containers", gone)
    os.makedirs(other)
    t.env.ctr("snapshots", "prepare", gone)
    stale = socket.socket(socket.AF_UNIX)
    stale.bind(t.env.socket)
    stale.close()
    try:
        findings = examine(t, 0)
        find(findings, "leftover-netns", "warning", netns)
        find(findings, "leftover-directory", "warning", folder)
        find(findings, "leftover-directory", "warning", other)
        find(findings, "leftover-mount", "warning", folder + "/shm")
        find(findings, "leftover-snapshot", "warning", gone)
        find(findings, "daemon-socket", "note", t.env.socket, "left")
    finally:
        isolate.umount(folder + "/shm")
        shutil.rmtree(folder)
        shutil.rmtree(other)
        t.env.ctr("snapshots", "rm", gone)
    record = "cd" * 32
    t.env.ctr("containers", "create", "--snapshotter", "native", "--rootfs", "--label", "io.cri-containerd.kind=sandbox", t.env.work, record)
    try:
        findings = examine(t, 0)
        find(findings, "leftover-record", "warning", record)
        assert not [f for f in findings if f["id"] == "leftover-netns"], findings  # it may be that pod's
    finally:
        t.env.ctr("containers", "rm", record)


@ours
def test_second(t):
    """A second daemon, and a socket that somebody else serves"""
    other = t.env.new_daemon("daemon-other", listen=t.env.path("other.sock"), state=t.env.path("other-state"), root=t.env.path("other-root"))
    t.defer(lambda: [shutil.rmtree(t.env.path(n), ignore_errors=True) for n in ("other-state", "other-root")])
    t.defer(other.stop)
    other.start(lambda: socket_answers(t.env.path("other.sock")))
    findings = examine(t, 0)
    find(findings, "daemon-second", "warning", str(t.env.daemon.process.pid), str(other.process.pid))
    find(examine(t, 0, listen=t.env.path("other.sock")), "daemon-socket", "warning", str(other.process.pid), "cri-containerd")
