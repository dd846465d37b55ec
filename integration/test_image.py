# SPDX-License-Identifier: Apache-2.0
"""Images: pull from honest and from bad registries, list, status, and what containers see of the layers."""

import json
import os

from harness import images, leftovers
from harness.context import Skip
from harness.fakeregistry import Fault, FakeRegistry
from harness.images import Image, dir_entry, file_entry, make_index, opaque_entry, symlink_entry, whiteout_entry
from harness.service import port_is_free

ANY = ("UNKNOWN", "INTERNAL", "INVALID_ARGUMENT", "FAILED_PRECONDITION", "UNAVAILABLE", "NOT_FOUND", "DATA_LOSS",
       "RESOURCE_EXHAUSTED", "OUT_OF_RANGE", "UNIMPLEMENTED", "PERMISSION_DENIED", "UNAUTHENTICATED")


def small(text, **more):
    """An image of a few bytes; another text gives another image."""
    return Image([[file_entry("marker", text)]], {"Cmd": ["/x"], "Env": ["A=b"], "User": "1000"}, **more)


def known(t, ref):
    answer = t.cri.ImageStatus(image={"image": ref})
    return answer.image if answer.HasField("image") else None


# --- good pulls ---------------------------------------------------------------------------------------


def test_pull(t):
    """PullImage answers the image's ID, and the image is there under all its names"""
    image = small("pull")
    ref = t.env.registry.push(image, "test/pull", "v1")
    assert known(t, ref) is None
    t.equal(t.pull(ref), image.image_id)
    repo = ref.rsplit(":", 1)[0]
    for name in (ref, image.image_id, repo + "@" + image.digest, image.image_id.split(":")[1][:12]):
        found = known(t, name)
        assert found is not None, "not found as " + name
        t.equal(found.id, image.image_id)
    t.equal(list(found.repo_tags), [ref])
    t.equal(list(found.repo_digests), [repo + "@" + image.digest])
    t.equal(found.uid.value, 1000)
    assert found.size > 0
    t.equal([i.id for i in t.cri.ListImages().images].count(image.image_id), 1)


def test_size(t):
    """The size is that of the compressed content"""
    image = small("size" * 1000)
    t.pull(ref := t.env.registry.push(image, "test/size", "v1"))
    assert abs(known(t, ref).size - image.size) <= len(image.manifest), (known(t, ref).size, image.size)


def test_user_of_image(t):
    """The image's user is reported by number or by name"""
    for user, uid, name in (("1000", 1000, ""), ("1000:50", 1000, ""), ("alice", None, "alice"), ("alice:staff", None, "alice"), ("", None, "")):
        image = Image([[file_entry("marker", "user " + user)]], {"User": user})
        t.pull(ref := t.env.registry.push(image, "test/user", "v" + (user.replace(":", "-") or "none")))
        found = known(t, ref)
        t.equal((found.uid.value if found.HasField("uid") else None, found.username), (uid, name), "user %r" % user)


def test_pull_https(t):
    """A registry over HTTPS whose certificate comes from --registry-ca"""
    image = small("https")
    ref = t.env.tls_registry.push(image, "test/https", "v1")
    assert ref.startswith("registry.test:")
    t.equal(t.pull(ref), image.image_id)


def test_pull_again(t):
    """Pulling again succeeds with the same answer; a moved tag moves the name"""
    one, two = small("again 1"), small("again 2")
    ref = t.env.registry.push(one, "test/again", "v1")
    t.equal([t.pull(ref), t.pull(ref)], [one.image_id] * 2)
    t.env.registry.push(two, "test/again", "v1")
    t.equal(t.pull(ref), two.image_id)
    t.equal(known(t, ref).id, two.image_id)


def test_pull_by_digest(t):
    """A reference by digest, and by tag and digest"""
    image = small("digest")
    ref = t.env.registry.push(image, "test/digest", "v1")
    repo = ref.rsplit(":", 1)[0]
    t.equal(t.pull(repo + "@" + image.digest), image.image_id)
    found = known(t, repo + "@" + image.digest)
    t.equal((list(found.repo_tags), list(found.repo_digests)), ([], [repo + "@" + image.digest]))


def test_list_filter(t):
    """ListImages with a filter, and as a whole"""
    a, b = small("filter a"), small("filter b")
    for image, tag in ((a, "a"), (b, "b")):
        t.pull(t.env.registry.push(image, "test/filter", tag))
    ref = "%s/test/filter:a" % t.env.registry.name
    if not t.env.plugin:  # which has no filter
        t.equal([i.id for i in t.cri.ListImages(filter={"image": {"image": ref}}).images], [a.image_id])
        t.equal(len(t.cri.ListImages(filter={"image": {"image": "no.such/image:1"}}).images), 0)
    assert {a.image_id, b.image_id} <= {i.id for i in t.cri.ListImages().images}


def test_two_tags(t):
    """One image under two tags is one image"""
    image = small("two tags")
    refs = [t.env.registry.push(image, "test/two", tag) for tag in ("x", "y")]
    for ref in refs:
        t.equal(t.pull(ref), image.image_id)
    found = [i for i in t.cri.ListImages().images if i.id == image.image_id]
    t.equal([sorted(i.repo_tags) for i in found], [sorted(refs)])


def test_status_missing(t):
    """ImageStatus of an unknown image succeeds without an image"""
    for ref in ("no.such.registry/image:1", "sha256:" + "0" * 64, "abcdef012345", "%s/no/such:1" % t.env.registry.name):
        assert known(t, ref) is None, ref


def content(t):
    """Digests in the content store, and names of snapshots."""
    return ({line.split()[0] for line in t.env.ctr("content", "ls", "-q").split()},
            {line.split()[0] for line in t.env.ctr("snapshots", "ls").splitlines()[1:]})


def test_remove(t):
    """RemoveImage by reference, ID, short ID and digest: all names go, and with them content and snapshots, at once"""
    image = Image([[file_entry("marker", "remove 1")], [file_entry("marker", "remove 2")]])
    refs = [t.env.registry.push(image, "test/remove", tag) for tag in ("x", "y")]
    before = content(t)
    for name in (refs[0], image.image_id, image.image_id.split(":")[1][:12], refs[0].rsplit(":", 1)[0] + "@" + image.digest):
        for ref in refs:
            t.pull(ref)
        blobs, snapshots = (now - old for now, old in zip(content(t), before))
        t.equal((len(blobs), len(snapshots)), (4, 2), "blobs and snapshots")
        t.cri.RemoveImage(image={"image": name})
        for ref in refs + [image.image_id]:
            assert known(t, ref) is None, "%s is still known after the removal of %s" % (ref, name)
        assert image.image_id not in {i.id for i in t.cri.ListImages().images}
        blobs, snapshots = (now - old for now, old in zip(content(t), before))
        t.equal((blobs, snapshots), (set(), set()), "left behind after the removal of " + name)
        assert not [line for line in t.env.ctr("images", "ls", "-q").split() if "test/remove" in line or line == image.image_id]
        t.cri.RemoveImage(image={"image": name})


def test_remove_missing(t):
    """RemoveImage of an image that is not there is OK; without an image or with a bad name it is refused"""
    for ref in ("no.such.registry/image:1", "sha256:" + "0" * 64, "%s/no/such:1" % t.env.registry.name):
        t.cri.RemoveImage(image={"image": ref})
    if not t.env.plugin:
        t.fails("INVALID_ARGUMENT", lambda: t.cri.RemoveImage(), "image")
        t.fails("INVALID_ARGUMENT", lambda: t.cri.RemoveImage(image={"image": "UPPER:::"}), "UPPER:::")


def test_remove_shared(t):
    """What two images share stays until both are removed"""
    base = [file_entry("marker", "shared base")]
    one, two = Image([base, [file_entry("one", "1")]]), Image([base, [file_entry("two", "2")]])
    before = content(t)
    refs = [t.env.registry.push(i, "test/shared", tag) for i, tag in ((one, "1"), (two, "2"))]
    for ref in refs:
        t.pull(ref)
    t.cri.RemoveImage(image={"image": refs[0]})
    blobs, snapshots = (now - old for now, old in zip(content(t), before))
    t.equal((len(blobs), len(snapshots)), (4, 2), "blobs and snapshots")
    t.equal(t.pull(refs[1]), two.image_id)
    t.cri.RemoveImage(image={"image": refs[1]})
    t.equal(tuple(now - old for now, old in zip(content(t), before)), (set(), set()), "left")


def test_remove_in_use(t):
    """An image in use may be removed: its container goes on and can be looked at; with the container its layers go"""
    image = with_busybox([file_entry("marker", "in use\n")])
    before = content(t)
    ref = t.env.registry.push(image, "test/inuse", "v1")
    pod = t.run_pod()
    container = t.run(pod, image=ref)
    t.cri.RemoveImage(image={"image": ref})
    assert known(t, ref) is None
    t.equal(t.shell(container, "cat /marker"), "in use\n")
    t.equal(t.status(container).image_ref, image.image_id)
    t.cri.StopContainer(container_id=container)
    t.cri.RemoveContainer(container_id=container)
    t.remove_pod(pod)
    other = t.env.registry.push(small("collect"), "test/collect", "v1")
    t.pull(other)
    t.cri.RemoveImage(image={"image": other})  # a collection
    t.equal(content(t)[1] - before[1] - content_of_pause(t), set(), "snapshots left")


def content_of_pause(t):
    """The snapshots of the pause image, which the first pod may have brought."""
    info = t.cri.ImageStatus(image={"image": t.env.pause_ref}, verbose=True).info
    return {json.loads(info["info"])["chainID"]} if info else set()


def test_remove_beside_pull(t):
    """Pulls and removals of one image at the same time: each answer is clear, and what is known afterwards is whole"""
    import threading
    image = Image([[file_entry("marker", "race %d" % i)] for i in range(4)])
    ref = t.env.registry.push(image, "test/race", "v1")
    bad = []

    def work(call, allowed):
        for _ in range(25):
            try:
                call()
            except Exception as e:  # pylint: disable=broad-except
                if not any(a in str(e) for a in allowed):
                    bad.append(str(e))

    threads = [threading.Thread(target=work, args=(lambda: t.pull(ref), ("removed right after",))),
               threading.Thread(target=work, args=(lambda: t.cri.RemoveImage(image={"image": ref}), ()))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not bad, bad[:3]
    t.equal(t.pull(ref), image.image_id)
    blobs = content(t)[0]
    assert set(image.blobs) <= blobs and image.digest in blobs, "blobs are missing: %s" % (set(image.blobs) - blobs)
    t.cri.RemoveImage(image={"image": ref})
    assert not set(image.blobs) & content(t)[0]


def test_status_verbose(t):
    """ImageStatus gives details only when asked"""
    t.pull()
    assert t.cri.ImageStatus(image={"image": t.env.busybox_ref}, verbose=True).info
    assert not t.cri.ImageStatus(image={"image": t.env.busybox_ref}).info


def test_pause_is_pinned(t):
    """The sandbox image is pinned, others are not"""
    t.run_pod()
    t.pull()
    if not t.env.plugin:  # 1.6 does not know it yet
        assert known(t, t.env.pause_ref).pinned
    assert not known(t, t.env.busybox_ref).pinned


def test_fs_info(t):
    """ImageFsInfo says what the images take, and where"""
    t.pull()
    answer = t.cri.ImageFsInfo()
    t.equal(len(answer.image_filesystems), 1)
    usage = answer.image_filesystems[0]
    assert os.path.isdir(usage.fs_id.mountpoint), usage
    assert usage.used_bytes.value > 1000000 and usage.inodes_used.value > 10, usage
    t.recent(usage.timestamp, "timestamp")
    if not t.env.plugin:
        t.equal([u.fs_id.mountpoint for u in answer.container_filesystems], [usage.fs_id.mountpoint])


# --- kinds of images ------------------------------------------------------------------------------------


def runs(t, image, repo, script="cat /marker", **more):
    """Pushes, runs a container of it, returns what the script prints."""
    ref = t.env.registry.push(image, repo, "v1")
    pod = t.run_pod()
    return t.output(pod, script, image=ref, **more)[1]


def with_busybox(*layers, **more):
    return Image([images.busybox_entries(), *layers], {"Env": ["PATH=/bin"]}, **more)


def test_docker_types(t):
    """Docker's own media types"""
    t.equal(runs(t, with_busybox([file_entry("marker", "docker\n")], docker=True), "test/docker"), "docker\n")


def test_uncompressed(t):
    """Layers that are not compressed"""
    t.equal(runs(t, with_busybox([file_entry("marker", "plain\n")], compression="none"), "test/plain"), "plain\n")


def test_zstd(t):
    """Layers compressed with zstd"""
    import shutil
    if not shutil.which("zstd"):
        raise Skip("zstd is not installed")
    t.equal(runs(t, with_busybox([file_entry("marker", "zstd\n")], compression="zstd"), "test/zstd"), "zstd\n")


def test_index(t):
    """An index: the entry for this platform is taken"""
    mine, other = with_busybox([file_entry("marker", "mine\n")]), small("other platform", arch="s390x")
    for docker in (False, True):
        index = make_index([({"os": "linux", "architecture": "s390x"}, other),
                            ({"os": "windows", "architecture": images.ARCH}, other),
                            ({"os": "linux", "architecture": images.ARCH}, mine)], docker=docker)
        ref = t.env.registry.push(index, "test/index", "d" if docker else "o")
        t.equal(t.pull(ref), mine.image_id)
        assert ref.rsplit(":", 1)[0] + "@" + index.digest in known(t, ref).repo_digests
        pod = t.run_pod()
        t.equal(t.output(pod, "cat /marker", image=ref)[1], "mine\n")


def test_index_without_platform(t):
    """An index without an entry for this platform is refused"""
    index = make_index([({"os": "linux", "architecture": "s390x"}, small("s390x only", arch="s390x"))])
    ref = t.env.registry.push(index, "test/foreign", "v1")
    t.fails(ANY, lambda: t.pull(ref))
    assert known(t, ref) is None


def test_whiteouts(t):
    """Layers on layers: replaced, removed and hidden files"""
    image = with_busybox(
        [dir_entry("d"), file_entry("d/keep", "1\n"), file_entry("d/gone", "1\n"), file_entry("d/changed", "1\n"),
         dir_entry("opaque"), file_entry("opaque/old", "1\n"), symlink_entry("link", "d/keep")],
        [whiteout_entry("d/gone"), file_entry("d/changed", "2\n"), dir_entry("opaque"), opaque_entry("opaque"), file_entry("opaque/new", "2\n")],
        [file_entry("d/added", "3\n")])
    text = runs(t, image, "test/whiteouts", "cat /d/changed /link; ls /d; ls -A /opaque")
    t.equal(text.split(), ["2", "1", "added", "changed", "keep", "new"])


def test_owners_and_modes(t):
    """Owners and modes of a layer are kept"""
    image = with_busybox([file_entry("f", "x", 0o4755, 1000, 50), dir_entry("dd", 0o1770, 1001, 2000)])
    t.equal(runs(t, image, "test/modes", "stat -c %u:%g:%a /f /dd").split(), ["1000:50:4755", "1001:2000:1770"])


def test_many_layers(t):
    """Forty layers"""
    image = with_busybox(*[[file_entry("l/%d" % i, "%d\n" % i)] for i in range(40)])
    t.equal(runs(t, image, "test/layers", "cat /l/* | sort -n | tail -1; ls /l | wc -l").split(), ["39", "40"])


def test_same_layer_twice(t):
    """The same layer twice, and an empty one"""
    layer = [file_entry("marker", "twice\n")]
    t.equal(runs(t, with_busybox(layer, [], layer), "test/twice"), "twice\n")


def test_path_escape(t):
    """A layer cannot write outside its root file system"""
    image = with_busybox([("file", "../../../../../../tmp/cct-escape", 0o644, 0, 0, b"x"), symlink_entry("out", "/tmp"),
                          file_entry("out/cct-escape", "x")])
    ref = t.env.registry.push(image, "test/escape", "v1")
    try:
        t.pull(ref)
    except Exception:  # refusing is as good as containing
        pass
    assert not os.path.exists("/tmp/cct-escape"), "a layer wrote outside"


# --- bad registries -------------------------------------------------------------------------------------


def fake(t):
    registry = FakeRegistry().start()
    t.defer(registry.stop)
    return registry


def refuses(t, ref, *parts, codes=ANY):
    """The pull fails, names the cause, and leaves no image and no lease."""
    before = leftovers.inventory(t.env, images=True)
    message = t.fails(codes, lambda: t.pull(ref), *parts)
    found = leftovers.left(t.env, before, images=True)
    assert not found, "left behind: " + leftovers.describe(found)
    assert known(t, ref) is None
    return message


def test_missing_image(t):
    """An image that is not there is NOT_FOUND, by name"""
    refuses(t, "%s/no/such/image:1" % t.env.registry.name, "no/such/image", codes=("NOT_FOUND",))
    refuses(t, "%s/busybox:no-such-tag" % t.env.registry.name, "no-such-tag", codes=("NOT_FOUND",))
    refuses(t, "%s/busybox@sha256:%s" % (t.env.registry.name, "1" * 64), codes=("NOT_FOUND",))


def test_no_registry(t):
    """A registry that does not answer is named"""
    assert port_is_free(5999)
    refuses(t, "127.0.0.1:5999/x:1", "127.0.0.1:5999")


def test_unknown_host(t):
    """A registry whose name does not exist is named"""
    refuses(t, "no-such-host.invalid/x:1", "no-such-host.invalid")


def test_wrong_certificate(t):
    """A certificate that does not match the name is refused"""
    if t.env.plugin:
        raise Skip("the plugin takes 127.0.0.1 for plain HTTP")
    ref = "localhost.test:%d/busybox:1" % t.env.tls_registry.port
    with open("/etc/hosts", "a", encoding="ascii") as f:
        f.write("127.0.0.1 localhost.test\n")
    refuses(t, ref)


def test_wrong_blob(t):
    """A layer or config that is not what its digest says is refused, and the next pull can succeed"""
    registry = fake(t)
    for which in ("layer", "config"):
        image = small("wrong " + which)
        ref = registry.add(image, "test/wrong-" + which, "v1")
        wanted = image.manifest_dict["config" if which == "config" else "layers"]
        wanted = wanted["digest"] if which == "config" else wanted[0]["digest"]
        good = image.blobs[wanted]
        path = "/v2/test/wrong-%s/blobs/%s" % (which, wanted)
        registry.faults[path] = Fault(body=bytes([good[0] ^ 1]) + good[1:])
        refuses(t, ref)
        registry.faults[path] = Fault(body=good + b"x")
        refuses(t, ref)
        registry.faults[path] = Fault(body=good[:-1])
        refuses(t, ref)
        del registry.faults[path]
        t.equal(t.pull(ref), image.image_id)


def test_wrong_manifest(t):
    """A manifest that is not what the reference's digest says is refused"""
    registry = fake(t)
    image, other = small("manifest 1"), small("manifest 2")
    ref = registry.add(image, "test/manifest", "v1")
    registry.faults["/v2/test/manifest/manifests/" + image.digest] = Fault(body=other.manifest, headers={"Docker-Content-Digest": image.digest})
    refuses(t, "%s@%s" % (ref.rsplit(":", 1)[0], image.digest))


def test_cut_blob(t):
    """A connection that ends in the middle of a layer"""
    registry = fake(t)
    image = small("cut" * 100)
    ref = registry.add(image, "test/cut", "v1")
    path = "/v2/test/cut/blobs/" + image.manifest_dict["layers"][0]["digest"]
    registry.faults[path] = Fault(cut=20)
    refuses(t, ref)


def test_http_errors(t):
    """Refusals of the registry come back with their status"""
    registry = fake(t)
    image = small("errors")
    ref = registry.add(image, "test/errors", "v1")
    for path in ("manifests/v1", "blobs/" + image.manifest_dict["layers"][0]["digest"]):
        for status in (401, 403, 500):
            registry.faults["/v2/test/errors/" + path] = Fault(status=status, body=b'{"errors":[{"code":"X","message":"because"}]}')
            message = refuses(t, ref)
            if not t.env.plugin:
                assert str(status) in message or "denied" in message or "auth" in message.lower(), message
        del registry.faults["/v2/test/errors/" + path]
    t.equal(t.pull(ref), image.image_id)


def test_garbage_manifests(t):
    """Manifests that are no manifests"""
    registry = fake(t)
    image = small("garbage")
    ref = registry.add(image, "test/garbage", "v1")
    good = image.manifest_dict
    bad_digest = dict(good, config=dict(good["config"], digest="sha256:xyz"))
    huge_size = dict(good, layers=[dict(good["layers"][0], size=1 << 62)])
    negative = dict(good, layers=[dict(good["layers"][0], size=-1)])
    wrong_type = dict(good, mediaType="application/json")
    bodies = [b"", b"{", b"null", b"[]", b"{}", b"\xff\xfe\x00", b"[" * 100000, b'{"schemaVersion":2}',
              json.dumps({"schemaVersion": 1, "name": "x", "fsLayers": []}).encode(), json.dumps(dict(good, layers=None)).encode(),
              json.dumps(dict(good, config=None)).encode(), json.dumps(bad_digest).encode(), json.dumps(huge_size).encode(),
              json.dumps(negative).encode(), json.dumps(wrong_type).encode()]
    if t.env.plugin:
        bodies = bodies[:3]
    for body in bodies:
        for path in ("/v2/test/garbage/manifests/v1", "/v2/test/garbage/manifests/" + images.digest(body)):
            media = "application/json" if b"application/json" in body else image.manifest_type
            registry.faults[path] = Fault(status=200, body=body, headers={"Content-Type": media, "Docker-Content-Digest": images.digest(body)})
        try:
            refuses(t, ref)
        except AssertionError as e:
            raise AssertionError("manifest %r: %s" % (body[:80], e)) from None


def test_garbage_configs(t):
    """Image configs that are none, with a right digest"""
    registry = fake(t)
    for number, body in enumerate((b"", b"{", b"null", b"[]", b'"x"', b'{"rootfs":null}', b'{"rootfs":{"type":"layers","diff_ids":["sha256:0"]}}')):
        image = small("config %d" % number)
        image.blobs[images.digest(body)] = body
        image.set_manifest(dict(image.manifest_dict, config=dict(image.manifest_dict["config"], digest=images.digest(body), size=len(body))))
        ref = registry.add(image, "test/config%d" % number, "v1")
        if not t.env.plugin:
            refuses(t, ref)


def test_wrong_diff_id(t):
    """A layer whose content is not what the config's diff_id says is refused"""
    registry = fake(t)
    image = small("diff id")
    config = dict(image.config, rootfs={"type": "layers", "diff_ids": ["sha256:" + "5" * 64]})
    body = json.dumps(config).encode()
    image.blobs[images.digest(body)] = body
    image.set_manifest(dict(image.manifest_dict, config=dict(image.manifest_dict["config"], digest=images.digest(body), size=len(body))))
    refuses(t, registry.add(image, "test/diffid", "v1"))


def test_layer_is_no_tar(t):
    """A layer with a right digest that cannot be unpacked is refused"""
    registry = fake(t)
    image = Image([b"this is no tar " * 100], {})
    if not t.env.plugin:
        refuses(t, registry.add(image, "test/notar", "v1"))


def test_stalled(t):
    """A registry that stops in the middle does not hold the daemon, and the caller's deadline is kept"""
    registry = fake(t)
    image = small("stalled")
    ref = registry.add(image, "test/stalled", "v1")
    registry.faults["/v2/test/stalled/blobs/" + image.manifest_dict["layers"][0]["digest"]] = Fault(stall=True)
    t.fails("DEADLINE_EXCEEDED", lambda: t.cri.call("PullImage", deadline=1.0, image={"image": ref}))
    t.equal(t.pull(), t.env.busybox.image_id)
    registry.stop()


def test_redirect(t):
    """A blob that is somewhere else is fetched there"""
    registry = fake(t)
    image = small("redirect")
    ref = registry.add(image, "test/redirect", "v1")
    layer = image.manifest_dict["layers"][0]["digest"]
    t.env.registry.push_blob("elsewhere", image.blobs[layer])
    registry.faults["/v2/test/redirect/blobs/" + layer] = Fault(status=307, body=b"", headers={
        "Location": "http://%s/v2/elsewhere/blobs/%s" % (t.env.registry.name, layer)})
    t.equal(t.pull(ref), image.image_id)


def test_image_of_container(t):
    """Without its image a container is not created, and the message names it"""
    pod = t.run_pod()
    t.fails("NOT_FOUND", lambda: t.cri.CreateContainer(pod_sandbox_id=pod, config=t.container_config("true", image="no.such/image:1"),
                                                       sandbox_config=t.pods[pod]), "no.such/image:1")


def test_image_fs_info(t):
    """ImageFsInfo: bytes and inodes of the snapshots, and the folder that they are in"""
    t.pull()
    info = t.cri.ImageFsInfo()
    for usage in list(info.image_filesystems) + list(info.container_filesystems):
        assert usage.used_bytes.value > 1 << 20, "busybox alone is larger: %d" % usage.used_bytes.value
        assert usage.inodes_used.value > 0
        assert os.path.isdir(usage.fs_id.mountpoint), usage.fs_id.mountpoint
        assert usage.timestamp > 0
    t.equal(len(info.image_filesystems), 1)
