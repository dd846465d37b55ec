# SPDX-License-Identifier: Apache-2.0
"""Figures of containers and pods: what a container is known to use is what is told, and what is told is what the kernel says."""

import json
import os
import socket
import threading

from harness import cri, isolate
from harness.context import NODE_NS
from harness.runner import not_with_plugin
from harness.service import wait_until
from test_crictl import crictl

MIB = 1 << 20
NO_SUCH = "f" * 64


def stats(t, container):
    return t.cri.ContainerStats(container_id=container).stats


def pod_stats(t, pod):
    return t.cri.PodSandboxStats(pod_sandbox_id=pod).stats


def own_pod(t, **more):
    """A pod in a cgroup of its own, as kubelets make them (the other tests' pods share one)."""
    config = t.pod_config(**more)
    cgroup = "%s/pods/%s" % (t.env.cgroup, config["metadata"]["name"])
    config["linux"]["cgroup_parent"] = "/" + cgroup
    pod = t.run_pod(config)

    def remove():
        t.remove_pod(pod)
        t.equal(isolate.remove_cgroup(cgroup), [], "cgroups of the pod that are left")
    t.defer(remove)
    return pod, cgroup


def cgroup_of(t, pod):
    return t.pods[pod]["linux"]["cgroup_parent"].strip("/")


def cgroup_file(cgroup, *names):
    """The contents of the first of these files that some hierarchy has for the cgroup; None when there is none."""
    for name in names:
        for root in isolate.cgroup_hierarchies():
            try:
                with open(os.path.join(root, cgroup, name), encoding="ascii") as f:
                    return f.read()
            except OSError:
                pass
    return None


def cpu_of(cgroup):
    """Nanoseconds."""
    text = cgroup_file(cgroup, "cpuacct.usage")
    return int(text) if text else int(memory_stat(cgroup, "usage_usec", file="cpu.stat")) * 1000


def memory_stat(cgroup, *keys, file="memory.stat"):
    values = dict(line.split(" ", 1) for line in cgroup_file(cgroup, file).splitlines())
    return next((int(values[key]) for key in keys if key in values), None)


def wait_processes(t, pod, n):
    """Until the pod's count is this: threads of the runtime that has started a container end a little later."""
    wait_until(lambda: pod_stats(t, pod).linux.process.process_count.value == n, 20, "%d processes" % n)


def between(value, low, high, what):
    assert low <= value <= high, "%s is %d, not between %d and %d" % (what, value, low, high)


# --- containers -------------------------------------------------------------------------------------


def test_cpu(t):
    """A container that burns CPU is seen to: its counter is the kernel's, its rate is that of one loop"""
    pod = t.run_pod()
    idle = t.run(pod)
    busy = t.run(pod, "while :; do :; done")
    first = stats(t, busy)
    t.recent(first.cpu.timestamp, "the time of the figure")
    if not t.env.plugin:
        assert not first.cpu.HasField("usage_nano_cores"), "a rate from one reading"
    cgroup = "%s/%s" % (cgroup_of(t, pod), busy)
    wait_until(lambda: stats(t, busy).cpu.usage_core_nano_seconds.value >= first.cpu.usage_core_nano_seconds.value + 300e6, 60, "300 ms of CPU")
    before = cpu_of(cgroup)
    seen = stats(t, busy).cpu.usage_core_nano_seconds.value
    between(seen, before, cpu_of(cgroup), "usage_core_nano_seconds")
    # A loop of one process can take one CPU and no more; the machine may give it less.
    rate = wait_until(lambda: stats(t, busy).cpu.usage_nano_cores.value, 30, "a rate")
    between(rate, 1, 1100000000, "usage_nano_cores")
    between(stats(t, idle).cpu.usage_core_nano_seconds.value, 0, seen - 1, "the CPU of a container that sleeps")


def test_memory(t):
    """A container that holds 32 MiB is seen to, and what is left of its limit"""
    pod = t.run_pod()
    config = t.container_config("x=$(head -c %d /dev/zero | tr '\\0' x); echo ready; while :; do sleep 1000; done" % (32 * MIB),
                                linux={"resources": {"memory_limit_in_bytes": 512 * MIB}})
    container = t.run(pod, config=config)
    t.wait_log(pod, config, b"ready\n", 60)
    memory = stats(t, container).memory
    t.recent(memory.timestamp, "the time of the figure")
    between(memory.rss_bytes.value, 32 * MIB, 256 * MIB, "rss_bytes")
    between(memory.working_set_bytes.value, 32 * MIB, memory.usage_bytes.value, "working_set_bytes")
    between(memory.usage_bytes.value, 32 * MIB, 512 * MIB, "usage_bytes")
    t.equal(memory.available_bytes.value, 512 * MIB - memory.working_set_bytes.value)
    between(memory.page_faults.value, 32 * MIB // 4096 // 512, 1 << 40, "page_faults")  # pages may be huge
    cgroup = "%s/%s" % (cgroup_of(t, pod), container)
    between(memory.page_faults.value, 0, memory_stat(cgroup, "total_pgfault", "pgfault"), "page_faults")
    between(memory.major_page_faults.value, 0, memory_stat(cgroup, "total_pgmajfault", "pgmajfault"), "major_page_faults")


def test_no_limit(t):
    """Without a limit nothing is told of what is left"""
    pod = t.run_pod()
    memory = stats(t, t.run(pod)).memory
    if not t.env.plugin:  # which says 0
        assert not memory.HasField("available_bytes"), memory
    t.equal(memory.available_bytes.value, 0)


@not_with_plugin("1.6 has no swap and no pressure")
def test_swap_and_pressure(t):
    """Swap and pressure are told where the kernel counts them"""
    pod, cgroup = own_pod(t)
    container = t.run(pod, "while :; do :; done")
    cgroup += "/" + container
    swap = memory_stat(cgroup, "total_swap")
    if swap is None and cgroup_file(cgroup, "memory.swap.current"):
        swap = int(cgroup_file(cgroup, "memory.swap.current"))
    answer = stats(t, container)
    t.equal(answer.HasField("swap"), swap is not None)
    if swap is not None:
        t.equal(answer.swap.swap_usage_bytes.value, swap)
    for what, name in ((lambda s: s.cpu, "cpu"), (lambda s: s.memory, "memory"), (lambda s: s.io, "io")):
        before = pressure(cgroup, name)
        answer = stats(t, container)
        after = pressure(cgroup, name)
        of_pod = pod_stats(t, pod).linux
        t.equal(what(answer).HasField("psi"), bool(before), name)
        t.equal(what(of_pod).HasField("psi"), bool(before), name + " of the pod")
        for kind in before:
            data = getattr(what(answer).psi, kind.capitalize())
            between(data.Total, before[kind] * 1000, after[kind] * 1000, "%s pressure, %s" % (name, kind))
            between(getattr(what(of_pod).psi, kind.capitalize()).Total, 0, 1 << 62, name)


def pressure(cgroup, name):
    """{"some": microseconds, "full": ...}, empty where the kernel has none."""
    text = cgroup_file(cgroup, name + ".pressure")
    return {line.split(" ")[0]: int(line.rsplit("total=", 1)[1]) for line in (text or "").splitlines()}


def test_writable_layer(t):
    """What a container writes into its own file system is counted, what it writes elsewhere is not"""
    pod = t.run_pod()
    config = t.container_config("dd if=/dev/zero of=/written bs=1M count=8 2>/dev/null; mkdir /d; touch /d/1 /d/2; "
                                "dd if=/dev/zero of=/dev/shm/x bs=1M count=4 2>/dev/null; echo ready; exec sleep 1000")
    container = t.run(pod, config=config)
    empty = t.run(pod)
    t.wait_log(pod, config, b"ready\n", 60)
    # The plugin asks every ten seconds.
    layer = wait_until(lambda: (lambda l: l if l.used_bytes.value >= 8 * MIB else None)(stats(t, container).writable_layer), 30, "8 MiB")
    between(layer.used_bytes.value, 8 * MIB, 9 * MIB, "used_bytes")
    none = stats(t, empty).writable_layer
    between(none.used_bytes.value, 0, MIB, "used_bytes of a container that writes nothing")
    t.equal(layer.inodes_used.value - none.inodes_used.value, 4, "inodes")
    t.recent(layer.timestamp, "the time of the figure")
    t.equal(layer.fs_id.mountpoint, t.cri.ImageFsInfo().image_filesystems[0].fs_id.mountpoint)
    if not t.env.plugin:  # fresh for one, at most ten seconds old in a list
        t.shell(container, "dd if=/dev/zero of=/more bs=1M count=8 2>/dev/null")
        between(stats(t, container).writable_layer.used_bytes.value, 16 * MIB, 17 * MIB, "used_bytes")
        t.equal(t.cri.ListContainerStats(filter={"id": container}).stats[0].writable_layer.used_bytes.value // MIB, 16)


def test_attributes_and_filters(t):
    """ListContainerStats: all, by id and its prefix, pod, labels; each with its attributes"""
    pods = [t.run_pod() for _ in range(2)]
    a = t.run(pods[0], labels={"x": "1"}, annotations={"n": "\u00e4"}, name="stats-a")
    b = t.run(pods[0], labels={"x": "1", "y": "2"})
    c = t.run(pods[1])
    mine = {a, b, c}
    ids = lambda **f: {s.attributes.id for s in t.cri.ListContainerStats(filter=f).stats} & mine
    t.equal({s.attributes.id for s in t.cri.ListContainerStats().stats} & mine, mine)
    t.equal(ids(id=a), {a})
    t.equal(ids(id=a[:13]), {a})
    t.equal(ids(id=NO_SUCH), set())
    t.equal(ids(pod_sandbox_id=pods[0]), {a, b})
    t.equal(ids(pod_sandbox_id=pods[1][:13]), {c})
    t.equal(ids(label_selector={"x": "1", "y": "2"}), {b})
    t.equal(ids(pod_sandbox_id=pods[1], label_selector={"x": "1"}), set())
    attributes = stats(t, a[:13]).attributes
    t.equal((attributes.id, attributes.metadata.name), (a, "stats-a"))
    t.equal((dict(attributes.labels), dict(attributes.annotations)), ({"x": "1"}, {"n": "\u00e4"}))


def test_not_running(t):
    """A container that does not run has attributes and layer; one that is gone is not found and in no list"""
    pod = t.run_pod()
    created, ended = t.create(pod), t.run(pod, "exit 0")
    t.wait_exit(ended)
    listed = {s.attributes.id: s for s in t.cri.ListContainerStats(filter={"pod_sandbox_id": pod}).stats}
    t.equal(set(listed), {created, ended})
    for answer in listed.values():
        assert not answer.HasField("cpu") and not answer.HasField("memory"), answer
    if not t.env.plugin:  # for which it is an error
        for container in listed:
            answer = stats(t, container)
            assert not answer.HasField("cpu") and answer.writable_layer.inodes_used.value > 0, answer
    t.cri.RemoveContainer(container_id=ended)
    t.equal([s.attributes.id for s in t.cri.ListContainerStats(filter={"pod_sandbox_id": pod}).stats], [created])
    for container in (ended, NO_SUCH):
        t.fails("NOT_FOUND", lambda: stats(t, container), *[] if t.env.plugin else [container])


# --- pods -------------------------------------------------------------------------------------------


def test_pod(t):
    """A pod's figures are those of its cgroup: of all of its containers"""
    pod, cgroup = own_pod(t, labels={"p": "1"}, annotations={"a": "2"})
    busy = t.run(pod, "while :; do :; done")
    config = t.container_config("sleep 1000 & sleep 1000 & echo ready; wait")
    three = t.run(pod, config=config)
    t.wait_log(pod, config, b"ready\n")
    wait_until(lambda: pod_stats(t, pod).linux.cpu.usage_core_nano_seconds.value >= 300e6, 60, "300 ms of CPU")
    before = cpu_of(cgroup)
    answer = pod_stats(t, pod)
    between(answer.linux.cpu.usage_core_nano_seconds.value, before, cpu_of(cgroup), "usage_core_nano_seconds")
    of_containers = {s.attributes.id: s for s in answer.linux.containers}
    t.equal(set(of_containers), {busy, three})
    between(answer.linux.memory.usage_bytes.value, 1, 1 << 40, "the pod's memory")
    between(answer.linux.memory.working_set_bytes.value, 1, answer.linux.memory.usage_bytes.value, "the pod's working set")
    wait_processes(t, pod, 4)
    t.equal(answer.attributes.id, pod)
    t.equal(answer.attributes.metadata.name, t.pods[pod]["metadata"]["name"])
    t.equal((dict(answer.attributes.labels), dict(answer.attributes.annotations)), ({"p": "1"}, {"a": "2"}))
    rate = wait_until(lambda: pod_stats(t, pod).linux.cpu.usage_nano_cores.value, 30, "a rate")
    between(rate, 1, 1100000000 * (os.cpu_count() or 1), "usage_nano_cores")


def sink(t, host):
    """A server that reads until the end of each connection; returns its port and the list of what it counted."""
    server = socket.create_server((host, 0))
    t.defer(server.close)
    counted = []

    def serve():
        while True:
            try:
                connection, _ = server.accept()
            except OSError:
                return
            with connection:
                n = 0
                while True:
                    data = connection.recv(65536)
                    if not data:
                        break
                    n += len(data)
                counted.append(n)
    threading.Thread(target=serve, daemon=True).start()
    return server.getsockname()[1], counted


def test_network(t):
    """What a pod sends is counted for eth0, what it sends to itself is not"""
    sent = 1000000
    pod = t.run_pod()
    container = t.run(pod)
    port, counted = sink(t, "10.88.0.1")
    before = pod_stats(t, pod).linux.network
    t.equal(before.default_interface.name, "eth0")
    t.shell(container, "head -c %d /dev/zero | nc 10.88.0.1 %d" % (sent, port))
    wait_until(lambda: counted == [sent], 20, "what was sent to arrive")
    after = pod_stats(t, pod).linux.network
    between(after.default_interface.tx_bytes.value - before.default_interface.tx_bytes.value, sent, 2 * sent, "tx_bytes")
    between(after.default_interface.rx_bytes.value - before.default_interface.rx_bytes.value, 1, sent, "rx_bytes")
    t.equal((after.default_interface.rx_errors.value, after.default_interface.tx_errors.value), (0, 0))
    if not t.env.plugin:  # 1.6 has neither time nor list
        t.recent(after.timestamp, "the time of the figures")
        t.equal([i.name for i in after.interfaces], ["eth0"])
        t.equal(after.interfaces[0].tx_bytes.value, after.default_interface.tx_bytes.value)


def test_host_network(t):
    """The host's interfaces are not a pod's"""
    pod = t.run_pod(hostname="", linux={"security_context": {"namespace_options": {"network": NODE_NS}}})
    t.run(pod)
    answer = pod_stats(t, pod)
    assert not answer.linux.HasField("network"), answer
    wait_processes(t, pod, 1)


@not_with_plugin("1.6 needs cgroup_parent")
def test_pod_without_cgroup_parent(t):
    """A pod without cgroup_parent has no cgroup of its own; the rest is told"""
    config = t.pod_config()
    del config["linux"]["cgroup_parent"]
    pod = t.run_pod(config)

    def remove():
        t.remove_pod(pod)
        isolate.remove_cgroup("k8s.io")
    t.defer(remove)
    container = t.run(pod)
    answer = pod_stats(t, pod).linux
    assert not answer.HasField("cpu") and not answer.HasField("memory"), answer
    wait_processes(t, pod, 1)
    t.equal(answer.network.default_interface.name, "eth0")
    t.equal([s.attributes.id for s in answer.containers], [container])
    assert answer.containers[0].memory.usage_bytes.value > 0


def test_pod_filters(t):
    """ListPodSandboxStats: all, by id and its prefix, labels; pods that are not ready are left out"""
    a, b = t.run_pod(labels={"x": "1"}), t.run_pod(labels={"x": "1", "y": "2"})
    mine = {a, b}
    ids = lambda **f: {s.attributes.id for s in t.cri.ListPodSandboxStats(filter=f).stats} & mine
    t.equal({s.attributes.id for s in t.cri.ListPodSandboxStats().stats} & mine, mine)
    t.equal(ids(id=a), {a})
    t.equal(ids(id=b[:13]), {b})
    t.equal(ids(id=NO_SUCH), set())
    t.equal(ids(label_selector={"x": "1"}), mine)
    t.equal(ids(label_selector={"y": "2"}), {b})
    t.cri.StopPodSandbox(pod_sandbox_id=a)
    t.equal(ids(label_selector={"x": "1"}), {b})
    t.fails(("UNAVAILABLE", "UNKNOWN"), lambda: pod_stats(t, a), a)
    if not t.env.plugin:  # which fails all of it
        t.equal({s.attributes.id for s in t.cri.ListPodSandboxStats().stats} & mine, {b})
        t.fails("UNAVAILABLE", lambda: pod_stats(t, a), a)
    t.remove_pod(a)
    t.fails("NOT_FOUND", lambda: pod_stats(t, a))


@not_with_plugin("1.6 fails the whole list while a pod stops")
def test_while_pods_come_and_go(t):
    """Lists of stats succeed while pods are made, stopped and removed"""
    stays = t.run_pod()
    container = t.run(stays)
    done, failures, asked = threading.Event(), [], [0, 0]

    def ask(which):
        with cri.Client(t.env.socket) as client:
            while not done.is_set():
                try:
                    if which:
                        found = {s.attributes.id for s in client.ListPodSandboxStats().stats}
                        assert stays in found, "the pod that stays is not in the list"
                    else:
                        found = {s.attributes.id: s for s in client.ListContainerStats().stats}
                        assert found[container].HasField("memory"), found[container]
                    asked[which] += 1
                except Exception as e:  # pylint: disable=broad-except
                    failures.append(e)
                    return
    threads = [threading.Thread(target=ask, args=(i % 2,)) for i in range(4)]
    for thread in threads:
        thread.start()
    for _ in range(5):
        pod = t.run_pod()
        t.run(pod)
        t.run(pod, "exit 0")
        t.remove_pod(pod)
    wait_until(lambda: failures or min(asked) >= 5, 60, "five lists of each kind")
    done.set()
    for thread in threads:
        thread.join()
    t.equal(failures, [])


@not_with_plugin("restarts the daemon")
def test_restart(t):
    """After a restart of the daemon the figures go on"""
    pod, _ = own_pod(t)
    container = t.run(pod, "while :; do :; done")
    wait_until(lambda: stats(t, container).cpu.usage_core_nano_seconds.value > 100e6, 60, "100 ms of CPU")
    before = pod_stats(t, pod).linux
    t.env.daemon.stop()
    t.env.start_daemon()
    after = pod_stats(t, pod).linux
    assert after.cpu.usage_core_nano_seconds.value >= before.cpu.usage_core_nano_seconds.value
    between(after.containers[0].cpu.usage_core_nano_seconds.value, before.containers[0].cpu.usage_core_nano_seconds.value, 1 << 62, "the container's CPU")
    assert after.network.default_interface.rx_bytes.value >= before.network.default_interface.rx_bytes.value


# --- crictl -----------------------------------------------------------------------------------------


def test_crictl(t):
    """crictl stats and statsp, as table and as JSON"""
    pod, _ = own_pod(t)
    container = t.run(pod, "while :; do :; done", name="busy")
    assert container[:13] in crictl(t, "stats") and "busy" in crictl(t, "stats", "--id", container)
    (found,) = json.loads(crictl(t, "stats", "-o", "json", "--pod", pod))["stats"]
    t.equal(found["attributes"]["id"], container)
    assert int(found["memory"]["workingSetBytes"]["value"]) > 0 and int(found["cpu"]["usageCoreNanoSeconds"]["value"]) > 0, found
    assert pod[:13] in crictl(t, "statsp", "--id", pod)
    (found,) = json.loads(crictl(t, "statsp", "-o", "json", "--id", pod))["stats"]
    t.equal(found["attributes"]["id"], pod)
    t.equal([c["attributes"]["id"] for c in found["linux"]["containers"]], [container])
    assert found["linux"]["network"]["defaultInterface"]["name"] == "eth0", found
