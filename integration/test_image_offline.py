# SPDX-License-Identifier: Apache-2.0
"""A node without a registry: the daemon's own pause program, and images that others put into containerd."""

import io
import json
import tarfile

from harness.context import READY
from harness.images import Image, busybox_entries, file_entry
from harness.runner import not_with_plugin
from harness.service import port_is_free, wait_until

BUILTIN = "cri-containerd.local/pause:builtin"

ours = not_with_plugin("the plugin has no program of its own")


def status(t, ref):
    answer = t.cri.ImageStatus(image={"image": ref})
    return answer.image if answer.HasField("image") else None


def records(t):
    """Records of pods and containers: {id: image}."""
    return {line.split()[0]: line.split()[1] for line in t.env.ctr("containers", "ls").splitlines()[1:]}


UNREACHABLE = "127.0.0.1:5999/pause:3.10"


def restart(t, **changes):
    t.equal(t.env.daemon.stop(), 0, "exit status")
    t.env.start_daemon(**changes)


def go_offline(t, ref=UNREACHABLE):
    assert port_is_free(5999)
    t.defer(lambda: restart(t))
    restart(t, sandbox_image=ref)


@ours
def test_pause(t):
    """Without a registry a pod starts with the daemon's own pause program, reaps orphans, and survives a restart"""
    go_offline(t)
    t.cri.RemoveImage(image={"image": BUILTIN})
    pod = t.run_pod(linux={"security_context": {"namespace_options": {"pid": 0}}})
    t.equal(t.pod_status(pod).state, READY)
    t.equal(records(t)[pod], BUILTIN)
    image = status(t, BUILTIN)
    assert image.pinned and 0 < image.size < 65536, image
    t.equal(list(image.repo_tags), [BUILTIN])
    t.pull()  # the registry of other images is there
    container = t.run(pod)
    t.equal(t.shell(container, "cat /proc/1/comm"), "pause\n")
    # Orphans become children of process 1; one that ends must not stay as a zombie.
    t.shell(container, "for i in 1 2 3 4 5; do (usleep 1000 & ); done")
    wait_until(lambda: t.shell(container, "cat /proc/[0-9]*/stat 2>/dev/null | grep -c '(usleep)' || true") == "0\n", 10, "the orphans to be reaped")
    t.env.daemon.kill()
    t.env.start_daemon(sandbox_image=UNREACHABLE)
    t.equal(t.pod_status(pod).state, READY)
    t.equal(t.shell(container, "echo on"), "on\n")
    t.equal(json.loads(t.cri.PodSandboxStatus(pod_sandbox_id=pod, verbose=True).info["info"])["image"], BUILTIN)
    assert status(t, BUILTIN).pinned
    t.equal([i.id for i in t.cri.ListImages().images].count(image.id), 1)
    t.remove_pod(pod)


@ours
def test_pause_removed(t):
    """Removed, the image is made anew for the next pod, with the same digest; it is said once that the registry is out of reach"""
    go_offline(t)
    pods, ids = [], []
    for _ in range(2):
        t.cri.RemoveImage(image={"image": BUILTIN})
        assert status(t, BUILTIN) is None
        pods.append(t.run_pod())
        ids.append(status(t, BUILTIN).id)
    t.equal(ids[0], ids[1])
    with open(t.env.log("daemon"), encoding="utf-8", errors="replace") as f:
        said = [line for line in f if BUILTIN in line and "127.0.0.1:5999" in line]
    assert said, "the log does not say that the daemon's own program is used"


@ours
def test_pause_chosen(t):
    """The built-in image as --sandbox-image; a real one that refuses is no reason for it"""
    go_offline(t, BUILTIN)
    pod = t.run_pod()
    t.equal(records(t)[pod], BUILTIN)
    t.remove_pod(pod)
    restart(t, sandbox_image="%s/no/pause:1" % t.env.registry.name)
    t.fails("NOT_FOUND", t.run_pod, "no/pause:1")


@ours
def test_pause_replaced(t):
    """Once the registry can be reached the configured image is used again"""
    go_offline(t)
    first = t.run_pod()
    t.equal(records(t)[first], BUILTIN)
    restart(t)
    second = t.run_pod()
    t.equal(records(t)[second], t.env.pause_ref)
    assert status(t, BUILTIN) is not None


def import_archive(t, image, name, *options):
    """`ctr images import` of an OCI archive."""
    def entry(tar, path, data):
        info = tarfile.TarInfo(path)
        info.size = len(data)
        tar.addfile(info, io.BytesIO(data))

    path = t.env.path("import.tar")
    index = {"schemaVersion": 2, "manifests": [{"mediaType": image.manifest_type, "digest": image.digest, "size": len(image.manifest),
                                                "annotations": {"io.containerd.image.name": name}}]}
    with tarfile.open(path, "w") as tar:
        entry(tar, "oci-layout", b'{"imageLayoutVersion":"1.0.0"}')
        entry(tar, "index.json", json.dumps(index).encode())
        entry(tar, "blobs/sha256/" + image.digest.split(":")[1], image.manifest)
        for digest, blob in image.blobs.items():
            entry(tar, "blobs/sha256/" + digest.split(":")[1], blob)
    t.env.ctr("images", "import", *options, path)


def snapshots(t):
    return {line.split()[0] for line in t.env.ctr("snapshots", "ls").splitlines()[1:]}


def test_import(t):
    """An image that ctr imported, unpacked or not, is known, runs without a registry, and goes as a whole"""
    for number, options in enumerate(((), ("--no-unpack",))):
        name = "offline.example/imported:%d" % number
        image = Image([busybox_entries(), [file_entry("marker", "imported %d\n" % number)]], {"Env": ["PATH=/bin"]})
        t.cri.RemoveImage(image={"image": name})
        before = snapshots(t)
        import_archive(t, image, name, *options)
        wait_until(lambda: status(t, name), 10, "the image to be known")
        found = status(t, name)
        t.equal((found.id, list(found.repo_tags)), (image.image_id, [name]))
        pod = t.run_pod()
        t.equal(t.output(pod, "cat /marker", image=name)[1], "imported %d\n" % number)
        assert image.image_id in t.env.ctr("images", "ls", "-q").split(), "it was not adopted"
        t.remove_pod(pod)
        t.cri.RemoveImage(image={"image": name})
        assert image.digest not in t.env.ctr("content", "ls", "-q").split()
        chains = t.cri.ImageStatus(image={"image": t.env.pause_ref}, verbose=True).info
        left = snapshots(t) - before - {json.loads(chains["info"])["chainID"]}
        t.equal(left, set(), "snapshots left")


@ours
def test_import_incomplete(t):
    """An image of which a part is missing is not shown, and says what it lacks when it is to be run"""
    image = Image([[file_entry("marker", "incomplete 1")], [file_entry("marker", "incomplete 2")]])
    name = "offline.example/incomplete:1"
    import_archive(t, image, name, "--no-unpack")
    wait_until(lambda: status(t, name), 10, "the image to be known")
    t.env.ctr("content", "rm", image.manifest_dict["layers"][1]["digest"])
    pod = t.run_pod()
    message = t.fails("NOT_FOUND", lambda: t.create(pod, image=name))
    assert image.manifest_dict["layers"][1]["digest"] in message, message
    restart(t)
    assert status(t, name) is None
    t.fails("NOT_FOUND", lambda: t.cri.CreateContainer(pod_sandbox_id=pod, config=t.container_config("true", image=name), sandbox_config=t.pods[pod]), name)
    for record in (name, image.image_id):
        t.env.ctr("images", "rm", record)
