# SPDX-License-Identifier: Apache-2.0
"""UpdateContainerResources: what the cgroup's files, ContainerStatus and the stored spec say afterwards."""

import json

from harness.context import CONTAINER_NS, CREATED, EXITED, RUNNING
from harness.runner import not_with_plugin
from harness.service import wait_until

ours = not_with_plugin("containerd 1.6 tells no resources")

MIB = 1 << 20
QUOTA = ("cpu/cpu.cfs_quota_us", "cpu.max")
MEMORY = ("memory/memory.limit_in_bytes", "memory.max")
CPUSET = ("cpuset/cpuset.cpus", "cpuset.cpus")


def resources(**more):
    return {"resources": more}


def update(t, container, **more):
    t.cri.UpdateContainerResources(container_id=container, linux=more)


def spec(t, container):
    return json.loads(t.env.ctr("containers", "info", "--spec", container))


def check_shares(t, container, shares):
    """cgroup v2 has a weight of 1 to 10000 in place of shares of 2 to 262144."""
    t.equal(t.limit(container, "cpu/cpu.shares", "cpu.weight"), str(shares) if t.limit(container, "cpu/cpu.shares", "cpu.shares")
            else str(1 + (shares - 2) * 9999 // 262142), "CPU shares")


def told(t, container):
    linux = t.status(container).resources.linux
    return linux.cpu_shares, linux.cpu_quota, linux.memory_limit_in_bytes


@ours
def test_running(t):
    """New limits of a running container reach its cgroup, its status and its spec; what is not named stays"""
    pod = t.run_pod()
    container = t.run(pod, linux=dict(resources(cpu_shares=512, memory_limit_in_bytes=64 * MIB, oom_score_adj=300),
                                      security_context={"namespace_options": {"pid": CONTAINER_NS}}))
    t.equal(t.limit(container, *MEMORY), str(64 * MIB))
    update(t, container, memory_limit_in_bytes=96 * MIB)
    t.equal(t.limit(container, *MEMORY), str(96 * MIB))
    check_shares(t, container, 512)
    update(t, container, cpu_shares=256, cpu_quota=20000, cpu_period=100000)
    check_shares(t, container, 256)
    assert t.limit(container, *QUOTA).startswith("20000"), t.limit(container, *QUOTA)
    t.equal(t.limit(container, *MEMORY), str(96 * MIB))
    t.equal(told(t, container), (256, 20000, 96 * MIB))
    found = spec(t, container)["linux"]["resources"]
    t.equal((found["cpu"]["shares"], found["memory"]["limit"]), (256, 96 * MIB))
    t.equal(t.shell(container, "cat /proc/1/oom_score_adj").strip(), "300")
    t.equal(t.status(container).state, RUNNING)


@ours
def test_cpuset(t):
    """The CPUs that a container may use"""
    container = t.run(t.run_pod())
    update(t, container, cpuset_cpus="0")
    t.equal(t.limit(container, *CPUSET), "0")
    t.equal(t.status(container).resources.linux.cpuset_cpus, "0")
    t.fails(("INVALID_ARGUMENT", "UNKNOWN", "INTERNAL"), lambda: update(t, container, cpuset_cpus="4095"))
    t.equal(t.limit(container, *CPUSET), "0")
    t.equal(t.status(container).resources.linux.cpuset_cpus, "0")


@ours
def test_before_start(t):
    """A container that has not started gets the new limits when it starts"""
    container = t.create(t.run_pod(), linux=resources(cpu_shares=512))
    update(t, container, cpu_shares=128, memory_limit_in_bytes=32 * MIB)
    t.equal(t.status(container).state, CREATED)
    t.equal(told(t, container), (128, 0, 32 * MIB))
    t.start(container)
    check_shares(t, container, 128)
    t.equal(t.limit(container, *MEMORY), str(32 * MIB))


@ours
def test_after_end(t):
    """The limits of a container that has ended change in its spec and status only"""
    container = t.run(t.run_pod(), "true")
    t.wait_exit(container)
    update(t, container, cpu_shares=64)
    t.equal(t.status(container).state, EXITED)
    t.equal(told(t, container)[0], 64)
    t.equal(spec(t, container)["linux"]["resources"]["cpu"]["shares"], 64)


@ours
def test_restart(t):
    """New limits are told by a daemon that was killed and started again, and can be changed by it"""
    container = t.run(t.run_pod(), linux=resources(cpu_shares=512, memory_limit_in_bytes=64 * MIB))
    update(t, container, memory_limit_in_bytes=80 * MIB)
    t.env.daemon.kill()
    t.env.start_daemon()
    t.equal(told(t, container), (512, 0, 80 * MIB))
    t.equal(t.limit(container, *MEMORY), str(80 * MIB))
    update(t, container, cpu_shares=300)
    t.equal(told(t, container), (300, 0, 80 * MIB))
    check_shares(t, container, 300)


@ours
def test_task_refuses(t):
    """A limit below what the container uses, which the kernel refuses, leaves spec and status as they were"""
    pod = t.run_pod()
    container = t.run(pod, "dd if=/dev/zero of=/dev/shm/f bs=1M count=24 2>/dev/null; touch /done; exec sleep 1000000",
                      linux=resources(memory_limit_in_bytes=64 * MIB))
    wait_until(lambda: t.exec(container, "test -e /done").exit_code == 0, 10, "the container's file")
    t.fails(("UNKNOWN", "INTERNAL"), lambda: update(t, container, memory_limit_in_bytes=8 * MIB), container[:12])
    t.equal(told(t, container)[2], 64 * MIB)
    t.equal(t.limit(container, *MEMORY), str(64 * MIB))
    t.equal(spec(t, container)["linux"]["resources"]["memory"]["limit"], 64 * MIB)


@ours
def test_bad_values(t):
    """What is no limit is refused and names the field"""
    container = t.run(t.run_pod(), linux=resources(cpu_shares=512))
    for values, part in (({"cpu_shares": -1}, "linux.cpu_shares"), ({"cpu_period": -1}, "linux.cpu_period"),
                         ({"memory_limit_in_bytes": -2}, "linux.memory_limit_in_bytes"), ({"cpuset_cpus": "0\n"}, "linux.cpuset_cpus"),
                         ({"memory_limit_in_bytes": 64 * MIB, "memory_swap_limit_in_bytes": 32 * MIB}, "linux.memory_swap_limit_in_bytes"),
                         ({"oom_score_adj": 1001}, "linux.oom_score_adj"),
                         ({"hugepage_limits": [{"page_size": "../x", "limit": 1}]}, "linux.hugepage_limits[0].page_size")):
        t.fails("INVALID_ARGUMENT", lambda: update(t, container, **values), part)
    t.fails("INVALID_ARGUMENT", lambda: t.cri.UpdateContainerResources(container_id=container), "linux")
    t.fails("NOT_FOUND", lambda: update(t, "0" * 64, cpu_shares=2), "0" * 64)
    t.equal(told(t, container)[0], 512)
    check_shares(t, container, 512)


@ours
def test_annotations(t):
    """Annotations of the request do no harm"""
    container = t.run(t.run_pod())
    t.cri.UpdateContainerResources(container_id=container, linux={"cpu_shares": 99}, annotations={"example.com/a": "b"})
    t.equal(told(t, container)[0], 99)
