# SPDX-License-Identifier: Apache-2.0
"""Failures in the middle: whatever step fails, nothing is left behind and the next try can succeed.

The runner compares containerd, mounts, namespaces, leases, cgroups and processes before and after each
test; here the failures are made. A CNI plugin of ours, a shell script, fails in the ways that real ones do.
"""

import os
import threading
import time

from harness import leftovers
from harness.cni import RESULT, calls, fake_cni, wait_loaded
from harness.cri import RpcFailure
from harness.env import SUBNET
from harness.runner import not_with_plugin
from harness.service import wait_until

ANY = ("UNKNOWN", "INTERNAL", "FAILED_PRECONDITION", "UNAVAILABLE", "INVALID_ARGUMENT", "NOT_FOUND", "ABORTED", "OUT_OF_RANGE")


def fails_clean(t, *parts, codes=ANY, config=None, seconds=10):
    before = leftovers.inventory(t.env)
    message = t.fails(codes, lambda: t.cri.RunPodSandbox(config=config or t.pod_config()), *parts)
    found = leftovers.left(t.env, before, seconds)
    assert not found, "left behind: " + leftovers.describe(found)
    assert not t.cri.ListPodSandbox().items, "a pod is listed"
    return message


ours = not_with_plugin("it does this otherwise")


def test_cni_error(t):
    """A CNI plugin that fails: its message comes back, DEL is called, nothing is left"""
    here = fake_cni(t, """echo '{"cniVersion":"1.0.0","code":11,"msg":"no addresses today","details":"come again"}'; exit 1""")
    fails_clean(t, "no addresses today", *([] if t.env.plugin else ["come again", "(CNI error 11)", "cct-fake", "ADD", '"fake"']),
                codes="UNKNOWN" if t.env.plugin else "UNAVAILABLE")
    assert "DEL" in calls(here), calls(here)


def test_cni_error_in_chain(t):
    """The second plugin of a chain fails: the first one's address, interface and rules are taken back"""
    fake_cni(t, """echo '{"cniVersion":"1.0.0","code":100,"msg":"second one fails"}'; exit 1""", chain=True)
    fails_clean(t, "second one fails")


def test_cni_silent_failure(t):
    """A CNI plugin that fails without a word"""
    fake_cni(t, "echo oops >&2; exit 3")
    fails_clean(t, "cct-fake")


def test_cni_killed(t):
    """A CNI plugin that is killed by a signal"""
    fake_cni(t, "kill -9 $$")
    fails_clean(t)


@ours
def test_cni_junk(t):
    """A CNI plugin whose answer is no result"""
    for junk in ("echo junk", "echo '{'", "printf ''", "echo null", "echo '[]'", "printf '\\377\\376'",
                 "echo '{\"cniVersion\":\"1.0.0\"}'", "echo '{\"cniVersion\":\"1.0.0\",\"ips\":[{\"address\":\"not an address\"}]}'",
                 "head -c 100000 /dev/zero | tr '\\0' '['"):
        fake_cni(t, junk)
        try:
            fails_clean(t)
        except AssertionError as e:
            raise AssertionError("%s: %s" % (junk, e)) from None


@ours
def test_cni_flood(t):
    """A CNI plugin that writes without end is stopped"""
    fake_cni(t, "yes '                                                                    '")
    fails_clean(t, seconds=20)


@ours
def test_cni_missing(t):
    """A CNI plugin that is not installed is named"""
    t.env.write_cni_conf([{"type": "no-such-plugin"}])
    t.defer(t.env.write_cni_conf)
    wait_loaded(t)
    fails_clean(t, "no-such-plugin")


@ours
def test_cni_del_fails(t):
    """When DEL fails too, the rest is cleaned up all the same"""
    fake_cni(t, """echo '{"cniVersion":"1.0.0","code":100,"msg":"add fails"}'; exit 1""", del_="exit 1")
    before = leftovers.inventory(t.env)
    t.fails(ANY, lambda: t.cri.RunPodSandbox(config=t.pod_config()), "add fails")
    found = leftovers.left(t.env, before, 1)
    # What the plugin may still hold stays recorded, so that a later collection can give it back; nothing else is left.
    assert set(found) <= {"CNI results"}, "left behind: " + leftovers.describe(found)
    for name in found.get("CNI results", ()):
        os.unlink(os.path.join(t.env.cni_cache, "results", name))


@ours
def test_cni_stop_retries(t):
    """A DEL that fails makes StopPodSandbox fail; when it works again, stopping succeeds"""
    here = fake_cni(t, RESULT, del_="test ! -e $here/broken || exit 1")
    pod = t.run_pod()
    t.equal(t.pod_ip(pod), "10.99.0.7")
    with open(here + "/broken", "w", encoding="ascii"):
        pass
    t.fails(ANY, lambda: t.cri.StopPodSandbox(pod_sandbox_id=pod))
    os.unlink(here + "/broken")
    t.cri.StopPodSandbox(pod_sandbox_id=pod)
    t.remove_pod(pod)


@ours
def test_cni_hangs(t):
    """A hanging CNI plugin does not hold the daemon; the caller gets DEADLINE_EXCEEDED, a retry gets the pod"""
    here = fake_cni(t, "while [ ! -e $here/go ]; do sleep 0.05; done; " + RESULT)
    config = t.pod_config()
    start = time.monotonic()
    t.fails("DEADLINE_EXCEEDED", lambda: t.cri.call("RunPodSandbox", deadline=1.0, config=config))
    assert time.monotonic() - start < 10
    t.cri.Version()
    answers = []
    retry = threading.Thread(target=lambda: answers.append(t.run_pod(config)))
    retry.start()
    with open(here + "/go", "w", encoding="ascii"):
        pass
    retry.join(30)
    t.equal(len(answers), 1, "answers of the retry")
    t.equal(t.pod_ip(answers[0]), "10.99.0.7")
    t.equal(calls(here).count("ADD"), 1, "calls of ADD")
    t.remove_pod(answers[0])


@ours
def test_removed_while_starting(t):
    """A pod whose start nobody waits for any more can be removed by its name's ID as soon as it is listed"""
    here = fake_cni(t, "while [ ! -e $here/go ]; do sleep 0.05; done; " + RESULT)
    config = t.pod_config()
    t.fails("DEADLINE_EXCEEDED", lambda: t.cri.call("RunPodSandbox", deadline=0.5, config=config))
    with open(here + "/go", "w", encoding="ascii"):
        pass
    pod = wait_until(lambda: [p.id for p in t.cri.ListPodSandbox().items], 20, "the pod in the list")[0]
    t.cri.StopPodSandbox(pod_sandbox_id=pod)
    t.cri.RemovePodSandbox(pod_sandbox_id=pod)


@ours
def test_no_cni_conf(t):
    """Without a CNI configuration a pod with a network fails, one on the host's network runs"""
    path = os.path.join(t.env.cni_conf, "10-cct.conflist")
    os.unlink(path)
    t.defer(lambda: (t.env.write_cni_conf(), wait_loaded(t)))
    wait_until(lambda: not all(c.status for c in t.cri.Status().status.conditions), 10, "NetworkReady to become false")
    fails_clean(t)
    t.run_pod(hostname="", linux={"security_context": {"namespace_options": {"network": 2}}})


def test_pod_bad_cgroup(t):
    """A step after the network fails (the task): network, snapshot and record are taken back"""
    config = t.pod_config(linux={"sysctls": {"net.ipv4.no_such_thing": "1"}})
    fails_clean(t, config=config)
    t.run_pod(dict(config, linux={"cgroup_parent": "/%s/pods" % t.env.cgroup}))


@not_with_plugin("its sandbox image is fixed")
def test_no_pause_image(t):
    """A sandbox image that cannot be had is named, and nothing is left"""
    t.env.daemon.stop()
    t.defer(t.env.start_daemon)
    t.env.start_daemon(sandbox_image="%s/no/pause:1" % t.env.registry.name)
    t.defer(t.env.daemon.stop)
    fails_clean(t, "no/pause:1")

def test_container_bad_mount(t):
    """A mount onto a file of the image that is a folder on the host: StartContainer or CreateContainer fails by name"""
    pod = t.run_pod()
    config = t.container_config("true", mounts=[{"container_path": "/etc/passwd", "host_path": "/tmp"}])
    before = leftovers.inventory(t.env)
    try:
        container = t.create(pod, config=config)
    except RpcFailure as e:
        assert e.code in ANY, e
        found = leftovers.left(t.env, before)
        assert not found, "left behind: " + leftovers.describe(found)
        return
    t.fails(ANY, lambda: t.start(container), "/etc/passwd")
    t.equal(t.status(container).exit_code, 128)


def test_container_failures(t):
    """CreateContainer that fails leaves nothing, and the name is free"""
    pod = t.run_pod()
    t.pull()
    bad = (
        {"linux": {"security_context": {"run_as_username": "no-such-user"}}},
        {"linux": {"security_context": {"privileged": True}}},
        {"devices": [{"host_path": "/dev/no-such-device", "container_path": "/dev/x", "permissions": "rwm"}]},
        {"linux": {"security_context": {"seccomp": {"profile_type": 2, "localhost_ref": "/no/such/profile.json"}}}},
    )
    name = t.name("c")
    for more in bad:
        before = leftovers.inventory(t.env)
        t.fails(ANY + ("PERMISSION_DENIED",), lambda: t.create(pod, name=name, **more))
        found = leftovers.left(t.env, before)
        assert not found, "%r left behind: %s" % (more, leftovers.describe(found))
    t.equal(len(t.cri.ListContainers().containers), 0)
    t.create(pod, name=name)


def test_full_address_range(t):
    """A network without free addresses: the pod fails with the plugin's words and nothing is left"""
    plugins = t.env.cni_plugins()
    plugins[0]["ipam"]["ranges"] = [[{"subnet": SUBNET, "rangeStart": "10.88.0.200", "rangeEnd": "10.88.0.200"}]]
    t.env.write_cni_conf(plugins)
    t.defer(t.env.write_cni_conf)
    wait_loaded(t)
    pod = t.run_pod()
    before = leftovers.inventory(t.env)
    t.fails(ANY, lambda: t.cri.RunPodSandbox(config=t.pod_config()), "no IP addresses")
    found = leftovers.left(t.env, before)
    assert not found, "left behind: " + leftovers.describe(found)
    t.remove_pod(pod)


@ours
def test_cni_stopped(t):
    """A pod whose task cannot be made does not wait for a hanging CNI plugin: it and its children are stopped, DEL follows"""
    here = fake_cni(t, "sleep 100000 & echo $! >$here/child; wait")
    config = t.pod_config(linux={"sysctls": {"net.ipv4.no_such_thing": "1"}})
    fails_clean(t, "no_such_thing", config=config)  # the client waits for a minute, the plugin would have three
    assert "DEL" in calls(here), calls(here)
