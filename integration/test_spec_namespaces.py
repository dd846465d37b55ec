# SPDX-License-Identifier: Apache-2.0
"""Which namespaces pods and containers share with each other and with the node, and what may be set in them."""

import os
import socket

from harness.context import CONTAINER_NS, NODE_NS, POD_NS, TARGET_NS
from harness.runner import not_with_plugin

ours = not_with_plugin("1.6 answers otherwise")
KINDS = ("net", "ipc", "uts", "pid", "mnt")


def modes(**more):
    return {"security_context": {"namespace_options": more}}


def inside(t, container):
    """The container's namespaces."""
    return dict(zip(KINDS, t.shell(container, "for i in %s; do readlink /proc/self/ns/$i; done" % " ".join(KINDS)).split()))


def node():
    return {kind: os.readlink("/proc/self/ns/" + kind) for kind in KINDS}


def shared(a, b):
    return {kind for kind in KINDS if a[kind] == b[kind]}


def test_pod(t):
    """Containers of a pod share network, IPC and host name with each other only, and processes as asked"""
    pod, other = t.run_pod(), t.run_pod()
    own, own2 = (inside(t, t.run(pod, linux=modes(pid=CONTAINER_NS))) for _ in range(2))
    joint, joint2 = (inside(t, t.run(pod, linux=modes(pid=POD_NS))) for _ in range(2))
    t.equal(shared(own, own2), {"net", "ipc", "uts"})
    t.equal(shared(joint, joint2), {"net", "ipc", "uts", "pid"})
    t.equal(shared(own, joint), {"net", "ipc", "uts"})
    t.equal(shared(own, inside(t, t.run(other))), set())
    t.equal(shared(own, node()) | shared(joint, node()), set())


def test_node(t):
    """Each namespace of the node by itself, and all of them"""
    for given, wanted in (({"pid": NODE_NS}, {"pid"}), ({"ipc": NODE_NS}, {"ipc"}), ({"network": NODE_NS}, {"net", "uts"}),
                          ({"network": NODE_NS, "pid": NODE_NS, "ipc": NODE_NS}, {"net", "uts", "pid", "ipc"})):
        linux = modes(**given)
        pod = t.run_pod(linux=linux, hostname="" if "network" in given else "name")
        container = t.run(pod, linux=linux)
        t.equal(shared(inside(t, container), node()), wanted, str(given))
        t.equal(t.shell(container, "hostname").strip(), socket.gethostname() if "network" in given else "name")
        t.remove_pod(pod)


def test_target(t):
    """TARGET: the processes of another container of the pod, which must run; no other container, pod, or mode takes a target"""
    codes = ("NOT_FOUND", "FAILED_PRECONDITION", "INVALID_ARGUMENT") + (("UNKNOWN",) if t.env.plugin else ())
    pod, other = t.run_pod(), t.run_pod()
    target = t.run(pod, "exec sleep 4242", linux=modes(pid=CONTAINER_NS))
    foreign = t.run(other)
    debug = t.run(pod, linux=modes(pid=TARGET_NS, target_id=target))
    assert "sleep 4242" in t.shell(debug, "ps -o args"), t.shell(debug, "ps -o args")
    t.equal(shared(inside(t, target), inside(t, debug)), {"net", "ipc", "uts", "pid"})
    ended = t.run(pod, "true")
    t.wait_exit(ended)
    created = t.create(pod)
    for bad in ("", "0" * 64, foreign, ended, created, pod):
        t.fails(codes, lambda: t.create(pod, linux=modes(pid=TARGET_NS, target_id=bad)), *[] if t.env.plugin or not bad else [bad[:12]])
    if not t.env.plugin:
        for field in ("network", "ipc"):
            t.fails("INVALID_ARGUMENT", lambda: t.create(pod, linux=modes(**{field: TARGET_NS, "target_id": target})), field)
        t.fails("INVALID_ARGUMENT", lambda: t.cri.RunPodSandbox(config=t.pod_config(linux=modes(pid=TARGET_NS))), "pid")


@ours
def test_bad_modes(t):
    """Modes that there are not are refused by field"""
    pod = t.run_pod()
    t.pull()
    for field in ("network", "pid", "ipc"):
        for mode in (4, -1, 99):
            t.fails("INVALID_ARGUMENT", lambda: t.cri.RunPodSandbox(config=t.pod_config(linux=modes(**{field: mode}))), field)
            t.fails("INVALID_ARGUMENT", lambda: t.create(pod, linux=modes(**{field: mode})), field)


def read(name):
    with open("/proc/sys/" + name.replace(".", "/"), encoding="ascii") as f:
        return " ".join(f.read().split())


def sysctls(t, container, *names):
    return [" ".join(t.shell(container, "cat /proc/sys/" + name.replace(".", "/")).split()) for name in names]


PORTS, PING = "net.ipv4.ip_unprivileged_port_start", "net.ipv4.ping_group_range"


@ours
def test_unprivileged(t):
    """Low ports and pings are for everybody in a pod's own network, unless the pod or the configuration says otherwise; never on the node's"""
    pod = t.run_pod()
    user = {"security_context": {"run_as_user": {"value": 1000}, "capabilities": {"drop_capabilities": ["ALL"]}}}
    container = t.run(pod, "nc -l -p 80 & exec sleep 1000000", linux=user)
    t.equal(sysctls(t, container, PORTS, PING), ["0", "0 2147483647"])
    # With the node's network the node's settings are what they were.
    before = read(PORTS), read(PING)
    t.run(t.run_pod(hostname="", linux=modes(network=NODE_NS)), linux=modes(network=NODE_NS))
    t.equal((read(PORTS), read(PING)), before)
    asked = t.run(t.run_pod(linux={"sysctls": {PORTS: "500", PING: "5 6"}}))
    t.equal(sysctls(t, asked, PORTS, PING), ["500", "5 6"])
    t.restart_daemon("enable_unprivileged_ports = false\nenable_unprivileged_icmp = false\n")
    t.equal(sysctls(t, t.run(t.run_pod()), PORTS, PING), ["1024", "1 0"])


@ours
def test_sysctls(t):
    """Sysctls of the pod's own namespaces are set; those that would be the node's are refused by name and change nothing"""
    linux = {"sysctls": {"net.core.somaxconn": "99", "kernel.msgmax": "9999", "kernel.sem": "1 2 3 4", "fs.mqueue.msg_max": "5"}}
    container = t.run(t.run_pod(linux=linux))
    t.equal(sysctls(t, container, "net.core.somaxconn", "kernel.msgmax", "kernel.sem", "fs.mqueue.msg_max"), ["99", "9999", "1 2 3 4", "5"])
    before = read("kernel.msgmax")
    for mode, key in (("network", "net.core.somaxconn"), ("network", "net/core/somaxconn"), ("ipc", "kernel.msgmax"), ("ipc", "fs.mqueue.msg_max")):
        config = t.pod_config(hostname="", linux=dict(modes(**{mode: NODE_NS}), sysctls={key: "77"}))
        t.fails("INVALID_ARGUMENT", lambda: t.cri.RunPodSandbox(config=config), key)
    for key, value in (("", "1"), ("net.core.somaxconn\n", "1"), ("net.core.somaxconn", "1\n2"), ("net..core", "1"), ("kernel/../../x", "1")):
        t.fails("INVALID_ARGUMENT", lambda: t.cri.RunPodSandbox(config=t.pod_config(linux={"sysctls": {key: value}})), "sysctl")
    # No namespace holds these: the OCI runtime refuses them.
    for key in ("kernel.panic", "vm.swappiness", "kernel.core_pattern"):
        kept = read(key)
        t.fails(("UNKNOWN", "INTERNAL", "INVALID_ARGUMENT", "FAILED_PRECONDITION"),
                lambda: t.cri.RunPodSandbox(config=t.pod_config(linux={"sysctls": {key: "61"}})), key)
        t.equal(read(key), kept)
    t.equal(read("kernel.msgmax"), before)


@ours
def test_hostname(t):
    """Host names at and over the limit; a pod without one has the node's in its file"""
    long = "h" * 63
    container = t.run(t.run_pod(hostname=long))
    t.equal(t.shell(container, "hostname; cat /etc/hostname; echo $HOSTNAME").split(), [long] * 3)
    for bad in ("h" * 65, "a b", "a/b", "a\x7f"):
        t.fails("INVALID_ARGUMENT", lambda: t.cri.RunPodSandbox(config=t.pod_config(hostname=bad)), "hostname")
    t.equal(t.shell(t.run(t.run_pod(hostname="")), "cat /etc/hostname").strip(), socket.gethostname())
