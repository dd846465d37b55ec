# SPDX-License-Identifier: Apache-2.0
"""The same life by crictl: grpc-go, the client that kubelets are."""

import json
import os
import subprocess

from harness.context import Skip
from harness.images import Image, file_entry
from harness.service import wait_until


def crictl(t, *argv, ok=True, timeout=60):
    program = os.environ.get("CCT_CRICTL")
    if not program:
        raise Skip("crictl was not given (--crictl, made by ci/tools/build)")
    config = t.env.write("crictl.yaml", "runtime-endpoint: unix://%s\nimage-endpoint: unix://%s\ntimeout: 60\n" % (t.env.socket, t.env.socket))
    done = subprocess.run([program, "--config", config] + list(argv), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, text=True, timeout=timeout, check=False)
    if ok:
        assert done.returncode == 0, "crictl %s: status %d: %s" % (" ".join(argv), done.returncode, done.stderr.strip()[-600:])
        return done.stdout.strip()
    assert done.returncode != 0, "crictl %s succeeded: %s" % (" ".join(argv), done.stdout)
    return done.stderr


def write_json(t, name, config):
    return t.env.write(name, json.dumps(config))


def test_version_and_info(t):
    """crictl version, info"""
    assert "containerd" in crictl(t, "version")
    conditions = {c["type"]: c["status"] for c in json.loads(crictl(t, "info"))["status"]["conditions"]}
    assert conditions["RuntimeReady"] and conditions["NetworkReady"], conditions


def test_images(t):
    """crictl pull, images, inspecti"""
    crictl(t, "pull", t.env.busybox_ref)
    assert "busybox" in crictl(t, "images")
    found = json.loads(crictl(t, "inspecti", t.env.busybox_ref))
    t.equal(found["status"]["id"], t.env.busybox.image_id)
    assert "no/such/image" in crictl(t, "pull", "%s/no/such/image:1" % t.env.registry.name, ok=False)


def test_rmi(t):
    """crictl rmi, by reference and by ID; of what is not there; --prune spares what is in use and what is pinned"""
    for name in (t.env.busybox_ref, t.env.busybox.image_id):
        crictl(t, "pull", t.env.busybox_ref)
        crictl(t, "rmi", name)
        assert "busybox" not in crictl(t, "images")
    crictl(t, "rmi", t.env.busybox_ref, ok=False)  # crictl itself asks first
    pod = t.run_pod()
    t.run(pod)
    other = t.env.registry.push(Image([[file_entry("marker", "rmi")]]), "test/rmi", "v1")
    crictl(t, "pull", other)
    crictl(t, "rmi", "--prune")
    left = crictl(t, "images")
    assert "test/rmi" not in left and "busybox" in left and "pause" in left, left


def test_life(t):
    """crictl runp, create, start, ps, pods, inspect, exec, logs, stop, rm, stopp, rmp"""
    crictl(t, "pull", t.env.busybox_ref)
    config = t.pod_config()
    pod_file = write_json(t, "pod.json", config)
    pod = crictl(t, "runp", pod_file)
    t.pods[pod] = config
    container_file = write_json(t, "container.json", t.container_config("echo from crictl; echo to stderr >&2; exec sleep 1000"))
    container = crictl(t, "create", pod, container_file, pod_file)
    t.equal(crictl(t, "start", container), container)
    assert pod[:13] in crictl(t, "pods") and container[:13] in crictl(t, "ps")
    t.equal(crictl(t, "ps", "-q", "--no-trunc", "--pod", pod), container)
    t.equal(json.loads(crictl(t, "inspect", container))["status"]["state"], "CONTAINER_RUNNING")
    t.equal(json.loads(crictl(t, "inspectp", pod))["status"]["state"], "SANDBOX_READY")
    t.equal(crictl(t, "exec", "-s", container, "echo", "hi"), "hi")
    crictl(t, "exec", "-s", container, "sh", "-c", "exit 3", ok=False)
    wait_until(lambda: "from crictl" in crictl(t, "logs", container), 10, "the log")
    crictl(t, "stop", "-t", "0", container)
    t.equal(crictl(t, "ps", "-q"), "")
    crictl(t, "rm", container)
    crictl(t, "stopp", pod)
    crictl(t, "rmp", pod)
    t.equal(crictl(t, "pods", "-q"), "")
    t.pods.clear()


def test_run(t):
    """crictl run makes pod and container in one step; rmp -f removes all"""
    config = t.pod_config()
    pod_file = write_json(t, "pod.json", config)
    container_file = write_json(t, "container.json", t.container_config("exec sleep 1000"))
    container = crictl(t, "run", container_file, pod_file)
    pod = t.cri.ContainerStatus(container_id=container, verbose=False) and crictl(t, "pods", "-q", "--no-trunc")
    t.pods[pod] = config
    crictl(t, "rmp", "-f", pod)
    t.equal(crictl(t, "ps", "-a", "-q"), "")
    t.pods.clear()


def test_errors(t):
    """Errors arrive in Go with their code and text"""
    for argv in (("inspect", "f" * 64), ("inspectp", "f" * 64), ("start", "f" * 64)):
        message = crictl(t, *argv, ok=False)
        assert "NotFound" in message or "not found" in message.lower() or "f" * 12 in message, message
    if not t.env.plugin:
        assert "Unimplemented" in crictl(t, "metricsp", ok=False)


def test_timeout(t):
    """exec -s with a timeout"""
    pod = t.run_pod()
    container = t.run(pod)
    message = crictl(t, "exec", "-s", "--timeout", "1", container, "sleep", "1000", ok=False)
    assert "DeadlineExceeded" in message or "deadline" in message.lower() or "timeout" in message.lower(), message
