# SPDX-License-Identifier: Apache-2.0
"""What a container has mounted: propagation, order, links, devices, the pod's files, who may look into the daemon's folders."""

import os
import stat

from harness import images, isolate
from harness.context import NODE_NS
from harness.runner import not_with_plugin

ours = not_with_plugin("1.6 answers otherwise")
PRIVATE, HOST_TO_CONTAINER, BIDIRECTIONAL = 0, 1, 2  # MountPropagation
MS_SHARED, MS_SLAVE = 1 << 20, 1 << 19
PRIVILEGED = {"security_context": {"privileged": True}}


def folder(t, kind=None):
    """A tmpfs of its own with this propagation (None: private), gone after the test."""
    path = t.env.path("mount-" + t.name("m"))
    os.makedirs(path + "/x")
    isolate.mount("tmpfs", path, "tmpfs", 0)
    if kind is not None:
        isolate.mount(None, path, None, kind)
    os.makedirs(path + "/x")

    def clean():
        isolate.umount(path)
        os.rmdir(path + "/x")
        os.rmdir(path)
    t.defer(clean)
    return path


def mount_of(t, container, path):
    """The options and optional fields of a mount as the container sees it."""
    for line in t.shell(container, "cat /proc/self/mountinfo").splitlines():
        words = line.split(" ")
        if words[4] == path:
            return words[5].split(","), words[6:words.index("-")]
    raise AssertionError("nothing is mounted on %s" % path)


def test_propagation(t):
    """Mounts made later: PRIVATE sees none, HOST_TO_CONTAINER sees the host's, BIDIRECTIONAL shows its own to the host, too"""
    path = folder(t, MS_SHARED)
    pod = t.run_pod(linux=PRIVILEGED)
    got = {}
    for name, kind in (("private", PRIVATE), ("from_host", HOST_TO_CONTAINER), ("both", BIDIRECTIONAL)):
        got[name] = t.run(pod, mounts=[{"container_path": "/m", "host_path": path, "propagation": kind}], linux=PRIVILEGED)
    isolate.mount("tmpfs", path + "/x", "tmpfs", 0)
    t.defer(lambda: isolate.umount(path + "/x"))
    with open(path + "/x/seen", "w", encoding="ascii"):
        pass
    sees = {name: t.exec(container, "test -e /m/x/seen").exit_code == 0 for name, container in got.items()}
    t.equal(sees, {"private": False, "from_host": True, "both": True})
    for name, wanted in (("private", False), ("from_host", False), ("both", True)):
        t.shell(got[name], "mkdir -p /m/%s && mount -t tmpfs t /m/%s && touch /m/%s/in" % (name, name, name))
        t.equal(os.path.exists("%s/%s/in" % (path, name)), wanted, name)
    t.shell(got["both"], "umount /m/both")
    t.equal(os.path.exists(path + "/both/in"), False)
    t.equal([f.split(":")[0] for f in mount_of(t, got["from_host"], "/m")[1]], ["master"])
    t.equal([f.split(":")[0] for f in mount_of(t, got["both"], "/m")[1]], ["shared"])
    t.equal(mount_of(t, got["private"], "/m")[1], [])
    for container in got.values():
        t.cri.RemoveContainer(container_id=container)


def test_propagation_refused(t):
    """Propagation that the host's mount cannot give is refused and names the path"""
    codes = ("FAILED_PRECONDITION", "INVALID_ARGUMENT") + (("UNKNOWN",) if t.env.plugin else ())
    private, slave = folder(t), folder(t, MS_SHARED)
    isolate.mount(None, slave, None, MS_SLAVE)
    # A slave has a master only where somebody shares with it: bind it from a shared one.
    shared, below = folder(t, MS_SHARED), folder(t)
    isolate.mount(shared, below + "/x", None, isolate.MS_BIND)
    isolate.mount(None, below + "/x", None, MS_SLAVE)
    t.defer(lambda: isolate.umount(below + "/x"))
    pod = t.run_pod(linux=PRIVILEGED)
    t.pull()
    for path, kind, allowed in ((private, HOST_TO_CONTAINER, False), (private, BIDIRECTIONAL, False), (below + "/x", HOST_TO_CONTAINER, True),
                                (below + "/x", BIDIRECTIONAL, False), (shared, BIDIRECTIONAL, True), (shared + "/x", HOST_TO_CONTAINER, True)):
        mounts = [{"container_path": "/m", "host_path": path, "propagation": kind}]
        if allowed:
            t.cri.RemoveContainer(container_id=t.run(pod, mounts=mounts, linux=PRIVILEGED))
        else:
            t.fails(codes, lambda: t.create(pod, mounts=mounts, linux=PRIVILEGED), path, "mount")


def test_order(t):
    """Mounts inside of mounts, given in any order, and over the pod's files, over default mounts and a volume of the image"""
    base = t.env.path("order-%d" % t.serial)
    for name in "abcd":
        os.makedirs("%s/%s/b/c" % (base, name))
        with open("%s/%s/name" % (base, name), "w", encoding="ascii") as f:
            f.write(name)
    with open(base + "/hosts", "w", encoding="ascii") as f:
        f.write("mine\n")
    ref = t.env.registry.push(images.Image([images.busybox_entries()], {"Volumes": {"/a/b/vol": {}}, "Env": ["PATH=/bin"]}), "spec-order", "1")
    mounts = [{"container_path": "/a/b/c", "host_path": base + "/c"}, {"container_path": "/etc/hosts", "host_path": base + "/hosts"},
              {"container_path": "/a//b/../b/", "host_path": base + "/b"}, {"container_path": "/dev/mine", "host_path": base + "/d"},
              {"container_path": "/a", "host_path": base + "/a"}, {"container_path": "/dev/shm", "host_path": base + "/d"}]
    container = t.run(t.run_pod(), image=ref, mounts=mounts)
    t.equal(t.shell(container, "cat /a/name /a/b/name /a/b/c/name /dev/mine/name /dev/shm/name; echo; cat /etc/hosts"), "abcdd\nmine\n")
    t.shell(container, "touch /a/b/vol/x")
    assert not os.path.exists(base + "/b/vol/x"), "the image's volume is hidden by a mount above it"


def test_same_target_twice(t):
    """Two mounts on one target: the container is made and sees one of them, or is refused; not both"""
    base = t.env.path("twice-%d" % t.serial)
    for name in "ab":
        os.makedirs(base + "/" + name)
        with open("%s/%s/name" % (base, name), "w", encoding="ascii") as f:
            f.write(name)
    container = t.run(t.run_pod(), mounts=[{"container_path": "/m", "host_path": base + "/a"}, {"container_path": "/m/", "host_path": base + "/b"}])
    assert t.shell(container, "cat /m/name") in ("a", "b")


def test_links(t):
    """A link as host_path is followed on the host; a link in the image as target stays inside of the container"""
    base = t.env.path("links-%d" % t.serial)
    os.makedirs(base + "/real")
    with open(base + "/real/name", "w", encoding="ascii") as f:
        f.write("real")
    os.symlink("real", base + "/link")
    os.symlink("gone", base + "/dangling")
    ref = t.env.registry.push(images.Image([images.busybox_entries(), [images.symlink_entry("escape", "/../../../../run")]], {"Env": ["PATH=/bin"]}),
                              "spec-links", "1")
    pod = t.run_pod()
    container = t.run(pod, image=ref, mounts=[{"container_path": "/m", "host_path": base + "/link"}, {"container_path": "/escape/here", "host_path": base}])
    t.equal(t.shell(container, "cat /m/name /run/here/real/name"), "realreal")
    assert not os.path.exists("/run/here"), "a link of the image led out of the container"
    if not t.env.plugin:
        t.fails(("NOT_FOUND", "ALREADY_EXISTS", "FAILED_PRECONDITION", "INVALID_ARGUMENT"),
                lambda: t.create(pod, mounts=[{"container_path": "/m", "host_path": base + "/dangling"}]), base + "/dangling")


@ours
def test_bad_mounts(t):
    """Mounts that cannot be are refused by name, and nothing is made on the host"""
    pod = t.run_pod()
    t.pull()
    base = t.env.path("bad-%d" % t.serial)
    os.makedirs(base)
    with open(base + "/file", "w", encoding="ascii"):
        pass
    for mount, part in (({"container_path": "relative", "host_path": base}, "container_path"), ({"container_path": "/", "host_path": base}, "root"),
                        ({"container_path": "/x/..", "host_path": base}, "root"), ({"container_path": "/x", "host_path": "relative"}, "host_path"),
                        ({"container_path": "/x", "host_path": base + "/file/below"}, base + "/file"),
                        ({"container_path": "/x", "host_path": base, "recursive_read_only": True}, "readonly"),
                        ({"container_path": "/x", "host_path": base, "propagation": 9}, "propagation")):
        t.fails(("INVALID_ARGUMENT", "FAILED_PRECONDITION", "NOT_FOUND", "INTERNAL"), lambda: t.create(pod, mounts=[mount]), part)
    t.equal(os.listdir(base), ["file"])


def test_default_mounts(t):
    """/proc, /sys, /dev and what belongs there, with the flags that keep a container in"""
    # With cgroup v1 runc mounts a tmpfs, which can be written, and on it the hierarchies, which cannot.
    cgroup = "/sys/fs/cgroup" if os.path.exists("/sys/fs/cgroup/cgroup.controllers") else "/sys/fs/cgroup/memory"
    pod = t.run_pod()
    container = t.run(pod)
    for path, wanted in (("/proc", {"nosuid", "nodev", "noexec"}), ("/sys", {"ro", "nosuid", "nodev", "noexec"}), ("/dev", {"nosuid"}),
                         (cgroup, {"ro"}), ("/dev/shm", {"nosuid", "nodev", "noexec"}), ("/dev/mqueue", {"nosuid", "nodev", "noexec"}),
                         ("/dev/pts", {"nosuid", "noexec"})):
        assert wanted <= set(mount_of(t, container, path)[0]), (path, mount_of(t, container, path))
    for script in ("mkdir %s/x" % cgroup, "echo 1 >/sys/kernel/uevent_helper"):
        assert t.exec(container, script + " 2>/dev/null").exit_code != 0, script
    for file in ("/etc/hosts", "/etc/hostname", "/etc/resolv.conf"):
        mount_of(t, container, file)
    frozen = t.run(pod, linux={"security_context": {"readonly_rootfs": True}})
    for file in ("/etc/hosts", "/etc/hostname", "/etc/resolv.conf"):
        assert "ro" in mount_of(t, frozen, file)[0], "with a read-only root the pod's files are, too"


def test_host_ipc(t):
    """With the host's IPC namespace /dev/shm is the host's"""
    mode = {"security_context": {"namespace_options": {"ipc": NODE_NS}}}
    pod = t.run_pod(linux=mode)
    container = t.run(pod, linux=mode)
    name = "/dev/shm/cct-%d" % os.getpid()
    with open(name, "w", encoding="ascii") as f:
        f.write("host")
    t.defer(lambda: os.unlink(name))
    t.equal(t.shell(container, "cat " + name), "host")
    t.equal(t.shell(container, "readlink /proc/self/ns/ipc").strip(), os.readlink("/proc/self/ns/ipc"))
    own = t.run(t.run_pod())
    assert t.exec(own, "test -e " + name).exit_code != 0
    assert t.shell(own, "readlink /proc/self/ns/ipc").strip() != os.readlink("/proc/self/ns/ipc")


@ours
def test_resolv_conf(t):
    """resolv.conf: up to 32 search domains in order; more, and what would be another line, is refused by field"""
    searches = ["d%d.example" % i for i in range(32)]
    text = t.shell(t.run(t.run_pod(dns_config={"searches": searches[:6], "servers": ["10.1.1.1"]})), "cat /etc/resolv.conf")
    t.equal(text, "search %s\nnameserver 10.1.1.1\n" % " ".join(searches[:6]))
    text = t.shell(t.run(t.run_pod(dns_config={"searches": searches})), "cat /etc/resolv.conf")
    t.equal(text, "search %s\n" % " ".join(searches))
    for dns, part in (({"searches": searches + ["one.more"]}, "searches has 33"), ({"servers": ["1.1.1.1\noptions x"]}, "servers[0]"),
                      ({"options": ["ok", "a\rb"]}, "options[1]"), ({"searches": [""]}, "searches[0]")):
        t.fails("INVALID_ARGUMENT", lambda: t.cri.RunPodSandbox(config=t.pod_config(dns_config=dns)), "dns_config." + part)


# --- devices ----------------------------------------------------------------------------------------


@ours
def test_devices(t):
    """Single devices, a directory of devices, permissions; the device cgroup allows no others"""
    base = t.env.path("devices-%d" % t.serial)
    os.makedirs(base + "/sub")
    isolate.mount("tmpfs", base, "tmpfs", 0)
    t.defer(lambda: isolate.umount(base))
    os.makedirs(base + "/sub")
    os.mknod(base + "/zero", stat.S_IFCHR | 0o640, os.makedev(1, 5))
    os.mknod(base + "/sub/full", stat.S_IFCHR | 0o600, os.makedev(1, 7))
    os.symlink("/dev/kmsg", base + "/link")
    pod = t.run_pod()
    container = t.run(pod, devices=[{"host_path": base, "container_path": "/dev/mine", "permissions": "r"},
                                    {"host_path": "/dev/null", "container_path": "/dev/nothing", "permissions": "rw"}])
    t.equal(t.shell(container, "cd /dev/mine && find . -type c | sort | xargs stat -c '%n %t:%T %a'"), "./sub/full 1:7 600\n./zero 1:5 640\n")
    t.equal(t.shell(container, "head -c 2 /dev/mine/zero | od -An -tx1").split(), ["00", "00"])
    t.shell(container, "echo x >/dev/nothing")
    # Not allowed: the kernel's log, and any block device.
    assert t.exec(container, "mknod /dev/k c 1 11 && head -c 0 /dev/k").exit_code != 0
    assert t.exec(container, "mknod /dev/d b 7 0 && head -c 0 /dev/d").exit_code != 0


@ours
def test_ada_crio_22_04(t):
    """ADA-CRIO-22-04: a device path of "/" does not walk the whole file system; other paths that are none are refused by name"""
    pod = t.run_pod()
    t.pull()
    t.fails(("OUT_OF_RANGE",), lambda: t.create(pod, devices=[{"host_path": "/", "container_path": "/dev/x"}]), "config.devices[0]", "16384")
    t.fails("NOT_FOUND", lambda: t.create(pod, devices=[{"host_path": "/dev/no-such"}]), "/dev/no-such")
    t.fails("INVALID_ARGUMENT", lambda: t.create(pod, devices=[{"host_path": "/etc/hosts"}]), "/etc/hosts is not a device")
    t.fails("INVALID_ARGUMENT", lambda: t.create(pod, devices=[{"host_path": "/dev/null", "container_path": "x"}]), "absolute")
    t.fails("INVALID_ARGUMENT", lambda: t.create(pod, devices=[{"host_path": "/dev/null", "permissions": "rwx"}]), "permissions")


@ours
def test_device_ownership(t):
    """device_ownership_from_security_context: devices belong to the container's user"""
    devices = [{"host_path": "/dev/null", "container_path": "/dev/n"}]
    host = os.stat("/dev/null")
    user = {"security_context": {"run_as_user": {"value": 1000}, "run_as_group": {"value": 50}}}
    t.equal(t.shell(t.run(t.run_pod(), devices=devices, linux=user), "stat -c %u:%g /dev/n"), "%d:%d\n" % (host.st_uid, host.st_gid))
    t.restart_daemon("device_ownership_from_security_context = true\n")
    t.equal(t.shell(t.run(t.run_pod(), devices=devices, linux=user), "stat -c %u:%g /dev/n"), "1000:50\n")


def test_privileged(t):
    """A privileged container: all capabilities, the host's devices as they are now, writable /sys and cgroups, nothing masked; none in a plain pod"""
    with open("/proc/self/status", encoding="ascii") as f:
        every = next(line for line in f if line.startswith("CapBnd")).split()[1]
    pod = t.run_pod(linux=PRIVILEGED)
    fresh = "/dev/cct-%d" % os.getpid()  # made after the daemon has started
    os.mknod(fresh, stat.S_IFCHR | 0o600, os.makedev(1, 5))
    t.defer(lambda: os.unlink(fresh))
    container = t.run(pod, linux={"security_context": {"privileged": True, "masked_paths": ["/proc/uptime"], "readonly_paths": ["/proc/sys"],
                                                       "capabilities": {"drop_capabilities": ["ALL"]}} if not t.env.plugin else PRIVILEGED["security_context"]})
    t.equal(t.shell(container, "grep CapEff /proc/self/status").split()[1], every)
    t.equal(t.shell(container, "head -c 1 %s | od -An -tx1" % fresh).split(), ["00"])
    assert "rw" in mount_of(t, container, "/sys")[0]
    assert t.shell(container, "cat /proc/uptime") != ""
    t.shell(container, "grep -q '^Seccomp:.*0' /proc/self/status && mkdir /t && mount -t tmpfs x /t")


# --- who may look -----------------------------------------------------------------------------------


@ours
def test_cve_2024_25621(t):
    """CVE-2024-25621: the daemon's folders are root's alone, its socket and its files nobody else's to write"""
    pod = t.run_pod()
    container = t.run(pod)
    mode = lambda path: stat.S_IMODE(os.stat(path).st_mode)
    for path in (t.env.root, t.env.state):
        t.equal((oct(mode(path)), os.stat(path).st_uid), ("0o700", 0), path)
        for kind, name in (("sandboxes", pod), ("containers", container)):
            t.equal(oct(mode(os.path.join(path, kind, name))), "0o700", os.path.join(path, kind))
    t.equal(oct(mode(t.env.socket)), "0o660", "the socket")
    t.equal(oct(mode(os.path.join(t.env.root, "containers", container, "status"))), "0o600", "the status file")
    for folder_, _, names in os.walk(t.env.root):
        for name in names:
            assert not mode(os.path.join(folder_, name)) & 0o022, "%s can be written by others" % os.path.join(folder_, name)
