# SPDX-License-Identifier: Apache-2.0
"""Garbage collections of a real containerd while images are pulled: every image is whole afterwards."""

import json
import os
import subprocess
import threading

from harness.context import Skip
from harness.images import Image, file_entry
from harness.runner import not_with_plugin


def layered(text, layers):
    return Image([[file_entry("file-%d" % i, "%s %d\n" % (text, i) * 500)] for i in range(layers)])


def program(t):
    path = os.path.join(os.path.dirname(t.env.daemon_binary), "..", "..", "unit", "test-pull-gc-real")
    if not os.path.exists(path):
        raise Skip("test-pull-gc-real is not in the daemon's build folder")
    return path


def between_calls(t, *more):
    ref = t.env.registry.push(layered("between calls", 3), "test/gc", "v1")
    done = subprocess.run([program(t), "--address", t.env.containerd_socket, "--reference", ref, "--layers", "3", *more], stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, timeout=300, check=False, env=dict(os.environ, **t.env.sanitizer_env()))
    return done.returncode, done.stdout


@not_with_plugin("drives containerd itself")
def test_between_calls(t):
    """A collection after the k-th message of a pull, for each k, and after every message: the image is whole, nothing else is left"""
    status, text = between_calls(t)
    t.equal(status, 0, text[-2000:])
    assert " 0 not whole" in text, text


@not_with_plugin("drives containerd itself")
def test_between_calls_sees(t):
    """The same without leases: broken images are seen"""
    status, text = between_calls(t, "--break", "lease", "--namespace", "pull-gc-broken")
    t.equal(status, 1, text[-2000:])


def test_beside_pulls(t):
    """Collections at full speed beside many pulls at once: every image is whole"""
    stop = threading.Event()
    collections = []

    def collect():
        # The removal of an image that nobody knows collects nothing; that of one that is there does.
        ref = t.env.registry.push(layered("collector", 1), "test/collector", "v1")
        while not stop.is_set():
            t.cri.PullImage(image={"image": ref})
            t.cri.RemoveImage(image={"image": ref})
            collections.append(1)

    refs, pulled, problems = [], {}, []
    for i in range(8):
        image = Image([[file_entry("file-%d" % k, "shared %d %d\n" % (i // 4, k) * 500)] for k in range(3)] + [[file_entry("own", "own %d" % i)]])
        refs.append((t.env.registry.push(image, "test/beside", "v%d" % i), image))

    def pull(ref, image):
        try:
            for _ in range(4):
                t.equal(t.pull(ref), image.image_id)
                t.cri.RemoveImage(image={"image": ref})
            pulled[ref] = t.pull(ref)
        except Exception as e:  # pylint: disable=broad-except
            problems.append("%s: %s" % (ref, e))

    collector = threading.Thread(target=collect)
    collector.start()
    threads = [threading.Thread(target=pull, args=pair) for pair in refs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    stop.set()
    collector.join()
    assert not problems, problems[:3]
    assert collections, "nothing was collected"
    there = set(t.env.ctr("content", "ls", "-q").split())
    snapshots = {line.split()[0] for line in t.env.ctr("snapshots", "ls").splitlines()[1:]}
    for ref, image in refs:
        missing = (set(image.blobs) | {image.digest}) - there
        assert not missing, "%s lacks %s" % (ref, missing)
        t.equal(pulled[ref], image.image_id)
        info = t.cri.ImageStatus(image={"image": ref}, verbose=True).info
        assert json.loads(info["info"])["chainID"] in snapshots, ref
    for ref, _ in refs:
        t.cri.RemoveImage(image={"image": ref})
    assert not set().union(*(set(image.blobs) for _, image in refs)) & set(t.env.ctr("content", "ls", "-q").split()), "content is left"
