# SPDX-License-Identifier: Apache-2.0
"""VOLUMEs that images declare: whose files they hold, for whom, for how long."""

import io
import os
import tarfile

from harness import images
from harness.images import dir_entry, file_entry, hardlink_entry, symlink_entry, whiteout_entry
from harness.runner import not_with_plugin


def push(t, name, volumes, *layers):
    """An image of busybox and these layers; returns its reference."""
    config = {"Volumes": {v: {} for v in volumes}, "Env": ["PATH=/bin"]}
    return t.env.registry.push(images.Image([images.busybox_entries()] + list(layers), config), "volumes-" + name, "1")


def folder(t, container):
    return os.path.join(t.env.root, "containers", container, "volumes")


def test_owners_modes_links(t):
    """Files, folders and links come along with owner, mode and time; hard links stay hard links; removed files stay removed"""
    ref = push(t, "owners", ["/data"],
               [dir_entry("data", 0o1770, 1000, 50), file_entry("data/gone", "old")],
               [file_entry("data/own", "text\n", 0o4750, 1000, 50), dir_entry("data/sub", 0o700, 1001, 2000), file_entry("data/one", "one\n"),
                hardlink_entry("data/sub/again", "data/one"), symlink_entry("data/link", "/etc/passwd"), symlink_entry("data/dangling", "nowhere"),
                whiteout_entry("data/gone")])
    container = t.run(t.run_pod(), image=ref)
    t.equal(t.shell(container, "cd /data && stat -c '%n %u:%g:%a:%h' . own one sub && stat -c %Y own && readlink link && readlink dangling && ls -A"),
            ". 1000:50:1770:3\nown 1000:50:4750:1\none 0:0:755:2\nsub 1001:2000:700:2\n1700000000\n/etc/passwd\nnowhere\n"
            "dangling\nlink\none\nown\nsub\n")  # a hard link's own header counts: the mode is that of hardlink_entry()
    t.equal(t.shell(container, "cat /data/own /data/sub/again; stat -c %i /data/one /data/sub/again | uniq | wc -l"), "text\none\n1\n")
    t.equal(t.shell(container, "grep -c ' /data ' /proc/self/mountinfo"), "1\n")


def test_user_of_container(t):
    """A process that is not root can write to a volume that the image gives to it"""
    ref = push(t, "user", ["/data", "/shut"], [dir_entry("data", 0o700, 1000, 1000), dir_entry("shut", 0o700, 0, 0)])
    container = t.run(t.run_pod(), image=ref, linux={"security_context": {"run_as_user": {"value": 1000}, "readonly_rootfs": True}})
    t.equal(t.shell(container, "echo mine >/data/file && stat -c %u /data/file"), "1000\n")
    assert t.exec(container, "echo no >/shut/file").exit_code != 0
    assert t.exec(container, "echo no >/file").exit_code != 0


def test_capability_of_file(t):
    """A file's capability (security.capability) comes along"""
    capability = b"\x01\x00\x00\x02\x00\x04" + b"\x00" * 14  # cap_net_bind_service=ep
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT) as tar:
        info = tarfile.TarInfo("data/serve")
        info.mode, info.size, info.pax_headers = 0o755, 1, {"SCHILY.xattr.security.capability": capability.decode()}
        tar.addfile(info, io.BytesIO(b"x"))
    container = t.create(t.run_pod(), image=push(t, "capability", ["/data"], [dir_entry("data")], out.getvalue()))
    (volume,) = os.listdir(folder(t, container))
    t.equal(os.getxattr(os.path.join(folder(t, container), volume, "serve"), "security.capability"), capability)


def test_several(t):
    """Every container has volumes of its own, which go with it; one that the image has nothing for is empty"""
    ref = push(t, "several", ["/a", "/b/c", "/none/at/all"], [file_entry("a/file", "A\n"), file_entry("b/c/file", "C\n"), file_entry("b/other", "B\n")])
    pod = t.run_pod()
    one, two = t.run(pod, image=ref), t.run(pod, image=ref)
    script = "cat /a/file /b/c/file /b/other; stat -c %u:%g:%a /none/at/all; ls -A /none/at/all"
    t.equal(t.shell(one, script), "A\nC\nB\n0:0:755\n")
    t.shell(one, "echo changed >/a/file && rm /b/c/file && touch /none/at/all/new")
    t.equal(t.shell(two, script), "A\nC\nB\n0:0:755\n")
    t.equal(len(os.listdir(folder(t, one))), 3)
    t.cri.StopContainer(container_id=one, timeout=0)
    t.cri.RemoveContainer(container_id=one)
    assert not os.path.exists(os.path.dirname(folder(t, one)))
    t.equal(t.shell(two, script), "A\nC\nB\n0:0:755\n")
    t.equal(t.shell(t.run(pod, image=ref), script), "A\nC\nB\n0:0:755\n")


def test_mount_over_volume(t):
    """A mount of the request takes the place of the image's volume; one inside it, or around it, does not"""
    base = t.env.path("over-%d" % t.serial)
    os.makedirs(base)
    with open(base + "/outside", "w", encoding="ascii") as f:
        f.write("outside\n")
    ref = push(t, "over", ["/data", "/around/volume", "/inside"],
               [file_entry("data/file", "image\n"), file_entry("around/volume/file", "kept\n"), file_entry("inside/file", "in\n")])
    container = t.run(t.run_pod(), image=ref, mounts=[
        {"container_path": "/data/", "host_path": base}, {"container_path": "/around", "host_path": base},
        {"container_path": "/inside/deep", "host_path": base}])
    t.equal(t.shell(container, "ls /data | head -1; cat /data/outside /around/volume/file /inside/file /inside/deep/outside"),
            "outside\noutside\nkept\nin\noutside\n")
    t.equal(len(os.listdir(folder(t, container))), 2)


def test_cve_2022_23648(t):
    """A VOLUME behind a link of the image shows the image's files, never the host's"""
    secret = t.env.path("secret-%d" % t.serial)
    os.makedirs(secret)
    with open(secret + "/key", "w", encoding="ascii") as f:
        f.write("the host's\n")
    ref = push(t, "links", ["/host", "/absolute", "/sub/relative", "/../../../../../../../.." + secret + "/."],
               [file_entry("etc/marker", "the image's\n"), symlink_entry("host", secret), symlink_entry("absolute", "/etc"),
                symlink_entry("sub/relative", "../../../../../../../../../../var/x"), file_entry("var/x/marker", "x\n")])
    container = t.run(t.run_pod(), image=ref)
    t.equal(t.shell(container, "cat /absolute/marker /sub/relative/marker; ls -A /host %s" % secret), "the image's\nx\n/host:\n\n%s:\n" % secret)
    for path, _, files in os.walk(folder(t, container)):
        assert "key" not in files and "shadow" not in files, path
    t.shell(container, "echo changed >/absolute/marker; touch /host/new")
    t.equal(os.listdir(secret), ["key"])
    assert not os.path.exists("/etc/marker")


@not_with_plugin("1.6 does not name the volume, and copies all of the root")
def test_refused(t):
    """A VOLUME that is a file or the root itself is refused by name, and leaves nothing"""
    pod = t.run_pod()
    for name, volume, code in (("file", "/etc/passwd", "FAILED_PRECONDITION"), ("root", "/", "INVALID_ARGUMENT")):
        ref = push(t, name, [volume])
        t.pull(ref)
        before = set(os.listdir(os.path.join(t.env.root, "containers")))
        t.fails(code, lambda image=ref: t.create(pod, image=image), "volume", '"%s"' % volume)
        t.equal(set(os.listdir(os.path.join(t.env.root, "containers"))), before)


def test_deep_volume_is_removed(t):
    """Folders in a volume, more of them inside each other than a process has descriptors, do not keep their container from going"""
    container = t.run(t.run_pod(), image=push(t, "deep", ["/data"]))
    t.shell(container, "cd /data && i=0 && while [ $i -lt 2000 ]; do mkdir d && cd ./d || exit 1; i=$((i+1)); done")
    t.cri.StopContainer(container_id=container, timeout=0)
    t.cri.RemoveContainer(container_id=container)
    assert not os.path.exists(os.path.dirname(folder(t, container)))
