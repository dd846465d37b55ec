# SPDX-License-Identifier: Apache-2.0
"""Pods and containers, one call at a time and fifty pods at once; what list, status and exec cost; memory."""

from concurrent.futures import ThreadPoolExecutor

from bench import pss_of

ONE_BY_ONE, AT_ONCE, LISTED = 60, 50, 300


def life(b):
    """One pod with one container, through all of its life."""
    config = b.pod_config()
    pod = b.timed("RunPodSandbox", b.cri.RunPodSandbox, config=config).pod_sandbox_id
    b.pods[pod] = config
    b.timed("PodSandboxStatus", b.cri.PodSandboxStatus, pod_sandbox_id=pod)
    wanted = b.container_config("exec sleep 1000000")
    wanted["command"] = ["/bin/sleep", "1000000"]
    container = b.timed("CreateContainer", b.cri.CreateContainer, pod_sandbox_id=pod, config=wanted, sandbox_config=config).container_id
    b.timed("StartContainer", b.cri.StartContainer, container_id=container)
    b.timed("ContainerStatus", b.cri.ContainerStatus, container_id=container)
    b.timed("ExecSync of true", b.cri.ExecSync, container_id=container, cmd=["/bin/true"], timeout=10)
    b.timed("StopContainer", b.cri.StopContainer, container_id=container, timeout=0)
    b.timed("RemoveContainer", b.cri.RemoveContainer, container_id=container)
    b.timed("StopPodSandbox", b.cri.StopPodSandbox, pod_sandbox_id=pod)
    b.timed("RemovePodSandbox", b.cri.RemovePodSandbox, pod_sandbox_id=pod)
    del b.pods[pod]


def bench_one_by_one(b):
    """Pods and containers one by one: create, start, status, exec, stop, remove"""
    b.pull()
    for _ in range(b.repeats(ONE_BY_ONE)):
        before, _ = b.cpu()
        life(b)
        b.sample("CPU of the runtime for one such life", "ms", (b.cpu()[0] - before) * 1e3)


def bench_list(b):
    """List of 300 containers"""
    b.pull()
    pod = b.run_pod()
    for _ in range(LISTED // b.divide):
        b.create(pod, config=b.container_config("exec sleep 1"))
    for _ in range(b.repeats(30)):
        listed = b.timed("ListContainers of 300", b.cri.ListContainers)
        assert len(listed.containers) == LISTED // b.divide
        b.timed("ListPodSandbox", b.cri.ListPodSandbox)
    b.remove_pod(pod)


def all_of(work, items):
    with ThreadPoolExecutor(AT_ONCE) as pool:
        return list(pool.map(work, items))


def bench_at_once(b):
    """Fifty pods with a container each, at once; memory before and with them"""
    b.pull()
    n = AT_ONCE // b.divide
    if b.env.daemon:
        b.sample("PSS of the daemon, idle", "MiB", pss_of(b.env.daemon.pid) / (1 << 20))
    b.sample("PSS of the runtime, idle", "MiB", sum(map(pss_of, b.runtime_pids())) / (1 << 20))
    for _ in range(b.repeats(2)):
        pods = b.timed("50 x RunPodSandbox at once", all_of, b.run_pod, [b.pod_config() for _ in range(n)])
        b.timed("50 x create and start a container at once", all_of, b.run, pods)
        if b.env.daemon:
            b.sample("PSS of the daemon, 50 pods", "MiB", pss_of(b.env.daemon.pid) / (1 << 20))
        b.sample("PSS of the runtime, 50 pods", "MiB", sum(map(pss_of, b.runtime_pids())) / (1 << 20))
        b.timed("50 x StopPodSandbox at once", all_of, lambda p: b.cri.StopPodSandbox(pod_sandbox_id=p), pods)
        b.timed("50 x RemovePodSandbox at once", all_of, lambda p: b.cri.RemovePodSandbox(pod_sandbox_id=p), pods)
        b.pods.clear()
