# SPDX-License-Identifier: Apache-2.0
"""Many at the same time."""

import ipaddress
import threading
import time
from concurrent.futures import ThreadPoolExecutor

from harness.context import READY, RUNNING, joined
from harness.env import SUBNET
from harness.runner import not_with_plugin, seconds

PODS = 50


def all_of(work, items, workers=PODS):
    """work(item) for every item at the same time; the first failure is raised."""
    with ThreadPoolExecutor(workers) as pool:
        return list(pool.map(work, items))


@seconds(300)
def test_fifty_pods(t):
    """Fifty pods with a container each, at the same time: run, exec, log, stop, remove"""
    t.pull()
    times = []
    configs = [t.pod_config() for _ in range(PODS)]
    start = time.monotonic()
    pods = all_of(t.run_pod, configs)
    times.append(("run", time.monotonic() - start))
    t.equal(len(set(pods)), PODS)
    ips = all_of(t.pod_ip, pods)
    t.equal(len(set(ips)), PODS, "different addresses")
    assert all(ipaddress.ip_address(ip) in ipaddress.ip_network(SUBNET) for ip in ips)
    t.equal({p.state for p in t.cri.ListPodSandbox().items}, {READY})

    start = time.monotonic()
    container_configs = {p: t.container_config("echo pod %s; exec sleep 100000" % p) for p in pods}
    containers = all_of(lambda p: t.run(p, config=container_configs[p]), pods)
    times.append(("containers", time.monotonic() - start))
    t.equal({c.state for c in t.cri.ListContainers().containers}, {RUNNING})

    start = time.monotonic()
    names = all_of(lambda i: t.shell(containers[i], "hostname").strip(), range(PODS))
    times.append(("exec", time.monotonic() - start))
    t.equal(names, [c["hostname"] for c in configs])
    for pod in pods:
        t.wait_log(pod, container_configs[pod], ("pod %s\n" % pod).encode())
        t.equal(joined(t.log(pod, container_configs[pod])), ("pod %s\n" % pod).encode())

    start = time.monotonic()
    all_of(lambda p: t.cri.StopPodSandbox(pod_sandbox_id=p), pods)
    times.append(("stop", time.monotonic() - start))
    start = time.monotonic()
    all_of(lambda p: t.cri.RemovePodSandbox(pod_sandbox_id=p), pods)
    times.append(("remove", time.monotonic() - start))
    t.equal((len(t.cri.ListPodSandbox().items), len(t.cri.ListContainers().containers)), (0, 0))
    t.pods.clear()
    print("    # %d pods, seconds: %s" % (PODS, ", ".join("%s %.1f" % x for x in times)), flush=True)


@seconds(180)
def test_mixed(t):
    """Pods come and go in ten threads while others list and ask"""
    t.pull()
    stop, failures = threading.Event(), []

    def ask():
        while not stop.is_set():
            try:
                for p in t.cri.ListPodSandbox().items:
                    assert len(p.id) == 64
                t.cri.ListContainers()
                t.cri.Status()
            except Exception as e:  # pylint: disable=broad-except
                failures.append(e)
                return

    def come_and_go(_):
        for _ in range(3):
            pod = t.run_pod()
            container = t.run(pod)
            assert t.exec(container, "echo x").stdout == b"x\n"
            t.cri.RemoveContainer(container_id=container)
            t.remove_pod(pod)
    asking = [threading.Thread(target=ask) for _ in range(3)]
    for thread in asking:
        thread.start()
    try:
        all_of(come_and_go, range(10), 10)
    finally:
        stop.set()
        for thread in asking:
            thread.join()
    assert not failures, failures[0]


def test_remove_races(t):
    """Stop and remove of one pod from many callers at once all succeed"""
    pod = t.run_pod()
    container = t.run(pod)
    work = [lambda: t.cri.StopContainer(container_id=container, timeout=0), lambda: t.cri.RemoveContainer(container_id=container),
            lambda: t.cri.StopPodSandbox(pod_sandbox_id=pod), lambda: t.cri.RemovePodSandbox(pod_sandbox_id=pod)] * 3
    if t.env.plugin:
        work = work[2:3] * 3
    all_of(lambda f: f(), work, len(work))
    t.remove_pod(pod)


@not_with_plugin("pulls are not merged there")
def test_same_pull(t):
    """The same image pulled by twenty callers at once"""
    from test_image import small
    image = small("parallel" * 50000)
    ref = t.env.registry.push(image, "test/parallel", "v1")
    t.equal(set(all_of(lambda _: t.pull(ref), range(20), 20)), {image.image_id})
