# SPDX-License-Identifier: Apache-2.0
"""Images of unusual make, and what is told of each: links, opaque folders, no layers, many layers, broken ones, labels that lie."""

import json

from harness import leftovers
from harness.fakeregistry import FakeRegistry
from harness.images import Image, busybox_entries, dir_entry, file_entry, hardlink_entry, opaque_entry, symlink_entry, whiteout_entry
from harness.runner import not_with_plugin


def with_busybox(*layers, **config):
    return Image([busybox_entries(), *layers], dict({"Env": ["PATH=/bin"]}, **config))


def shown(t, image, repo, script):
    ref = t.env.registry.push(image, repo, "v1")
    return t.output(t.run_pod(), script, image=ref)[1]


def known(t, ref):
    answer = t.cri.ImageStatus(image={"image": ref})
    return answer.image if answer.HasField("image") else None


def test_hard_links(t):
    """Hard links within a layer are one file; a name that a later layer removes leaves the others"""
    image = with_busybox([file_entry("a", "one\n"), hardlink_entry("b", "a"), hardlink_entry("c", "a")], [whiteout_entry("c")])
    t.equal(shown(t, image, "test/hardlinks", "cat /a /b; ls /c 2>/dev/null | wc -l; stat -c %i /a /b | uniq | wc -l").split(),
            ["one", "one", "0", "1"])


def test_opaque(t):
    """An opaque folder hides all that is below it, at every depth, and a later layer may fill it again"""
    image = with_busybox([dir_entry("o"), file_entry("o/1", "x"), dir_entry("o/sub"), file_entry("o/sub/2", "x")],
                         [dir_entry("o"), opaque_entry("o"), dir_entry("o/sub"), file_entry("o/sub/3", "x")],
                         [file_entry("o/sub/2", "again\n")])
    t.equal(shown(t, image, "test/opaque", "find /o -type f | sort; cat /o/sub/2").split(), ["/o/sub/2", "/o/sub/3", "again"])


def test_empty_layers(t):
    """Layers without a file, alone and between others"""
    image = with_busybox([], [file_entry("marker", "empty\n")], [], [])
    t.equal(shown(t, image, "test/empty", "cat /marker"), "empty\n")
    only = Image([[]], {"Cmd": ["/x"]})
    t.equal(t.pull(t.env.registry.push(only, "test/onlyempty", "v1")), only.image_id)


@not_with_plugin("1.6's plugin cannot unpack it")
def test_no_layers(t):
    """An image without layers: known, listed, removed; a container of it says what is missing"""
    image = Image([], {"Cmd": ["/x"]})
    ref = t.env.registry.push(image, "test/nolayers", "v1")
    t.equal(t.pull(ref), image.image_id)
    t.equal(t.pull(ref), image.image_id)
    found = known(t, ref)
    t.equal((found.id, found.size), (image.image_id, image.size))
    t.equal(json.loads(t.cri.ImageStatus(image={"image": ref}, verbose=True).info["info"])["chainID"], "")
    pod = t.run_pod()
    before = leftovers.inventory(t.env)
    container = t.create(pod, image=ref)
    message = t.fails(("UNKNOWN", "NOT_FOUND", "INVALID_ARGUMENT", "FAILED_PRECONDITION"), lambda: t.start(container))
    assert "/bin/sh" in message, message
    t.cri.RemoveContainer(container_id=container)
    found = leftovers.left(t.env, before)
    assert not found, leftovers.describe(found)
    t.cri.RemoveImage(image={"image": ref})
    assert known(t, ref) is None


def test_hundred_layers(t):
    """A hundred layers: the container sees all of them, and the daemon reads the user from the lowest"""
    image = with_busybox(*[[file_entry("l/%d" % i, "%d\n" % i)] for i in range(99)], User="alice")
    t.equal(shown(t, image, "test/hundred", "ls /l | wc -l; id -u").split(), ["99", "1000"])
    t.cri.RemoveImage(image={"image": image.image_id})


def test_broken_layer(t):
    """The third layer of five is no gzip, or not what its diff ID says: refused by name, nothing stays"""
    if t.env.plugin:
        return
    registry = FakeRegistry().start()
    t.defer(registry.stop)
    for number, broken in enumerate((b"\x1f\x8b\x08 this is no gzip", None)):
        image = Image([[file_entry("file", "broken %d %d" % (number, i))] for i in range(5)])
        before = leftovers.inventory(t.env, images=True)
        snapshots = t.env.ctr("snapshots", "ls")
        if broken:
            image.blobs[digest_of(broken)] = broken
            layers = list(image.manifest_dict["layers"])
            layers[2] = dict(layers[2], digest=digest_of(broken), size=len(broken))
            image.set_manifest(dict(image.manifest_dict, layers=layers))
            name = digest_of(broken)
        else:
            diff_ids = list(image.config["rootfs"]["diff_ids"])
            diff_ids[2] = diff_ids[1]
            body = json.dumps(dict(image.config, rootfs={"type": "layers", "diff_ids": diff_ids})).encode()
            image.blobs[digest_of(body)] = body
            image.set_manifest(dict(image.manifest_dict, config=dict(image.manifest_dict["config"], digest=digest_of(body), size=len(body))))
            name = image.manifest_dict["layers"][2]["digest"]
        ref = registry.add(image, "test/broken%d" % number, "v1")
        message = t.fails(("UNKNOWN", "DATA_LOSS", "INVALID_ARGUMENT", "FAILED_PRECONDITION"), lambda: t.pull(ref))
        assert name in message, message
        found = leftovers.left(t.env, before, images=True)
        assert not found, leftovers.describe(found)
        assert known(t, ref) is None
        # A collection takes the snapshots of the layers that were good.
        other = t.env.registry.push(Image([[file_entry("collect", "broken")]]), "test/collect", "v2")
        t.pull(other)
        t.cri.RemoveImage(image={"image": other})
        t.equal(sorted(t.env.ctr("snapshots", "ls").split()), sorted(snapshots.split()), "snapshots")


def digest_of(data):
    import hashlib
    return "sha256:" + hashlib.sha256(data).hexdigest()


def test_reserved_labels(t):
    """CVE-2026-53488: labels of an image that containerd or a CRI runtime act on never reach a container"""
    image = with_busybox([file_entry("labels", "x")], Labels={
        "containerd.io/gc.ref.content.x": "sha256:" + "0" * 64, "io.cri-containerd.kind": "sandbox", "io.cri-containerd.image": "managed",
        "org.example.kept": "yes"})
    ref = t.env.registry.push(image, "test/labels", "v1")
    pod = t.run_pod()
    container = t.run(pod, image=ref)
    labels = json.loads(t.env.ctr("containers", "info", container))["Labels"]
    t.equal({k for k in labels if k.startswith("containerd.io/")}, set())
    t.equal({k: v for k, v in labels.items() if k.startswith("io.cri-containerd")}, {"io.cri-containerd.kind": "container"})
    t.equal(labels["org.example.kept"], "yes")
    t.equal(t.status(container).labels.get("org.example.kept"), None)


def test_verbose(t):
    """ImageStatus with details: chain ID and configuration under "info", as containerd's plugin has them"""
    image = with_busybox([symlink_entry("s", "labels")], Labels={"a": "b"}, User="1000", Cmd=["/bin/sh", "-c", "true"])
    ref = t.env.registry.push(image, "test/verbose", "v1")
    t.pull(ref)
    answer = t.cri.ImageStatus(image={"image": ref}, verbose=True)
    t.equal(sorted(answer.info), ["info"])
    info = json.loads(answer.info["info"])
    t.equal(sorted(info), ["chainID", "imageSpec"])
    spec = info["imageSpec"]
    t.equal((spec["architecture"], spec["os"], spec["rootfs"]["diff_ids"]), (image.config["architecture"], "linux", image.config["rootfs"]["diff_ids"]))
    t.equal({k: spec["config"][k] for k in ("Cmd", "User", "Labels")}, {"Cmd": ["/bin/sh", "-c", "true"], "User": "1000", "Labels": {"a": "b"}})
    assert info["chainID"] in t.env.ctr("snapshots", "ls"), info["chainID"]


@not_with_plugin("which has no filter")
def test_list_filters(t):
    """ListImages by tag, by digest, by ID, by the beginning of an ID; a filter that is no name is refused"""
    image = Image([[file_entry("marker", "filters")]])
    ref = t.env.registry.push(image, "test/filters", "v1")
    t.pull(ref)
    repo = ref.rsplit(":", 1)[0]
    for text in (ref, repo + "@" + image.digest, image.image_id, image.image_id.split(":")[1][:16]):
        t.equal([i.id for i in t.cri.ListImages(filter={"image": {"image": text}}).images], [image.image_id], text)
    for text in (repo + ":v2", "sha256:" + "1" * 64, repo + "@sha256:" + "1" * 64):
        t.equal(len(t.cri.ListImages(filter={"image": {"image": text}}).images), 0, text)
    t.fails("INVALID_ARGUMENT", lambda: t.cri.ListImages(filter={"image": {"image": "NO:::"}}), "NO:::")
