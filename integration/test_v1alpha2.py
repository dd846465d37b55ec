# SPDX-License-Identifier: Apache-2.0
"""The same handlers under the older service names, which kubelets up to 1.25 call."""

from harness import cri
from harness.context import EXITED, READY, RUNNING
from harness.runner import not_with_plugin


class Old:
    """t.cri, under runtime.v1alpha2."""

    def __init__(self, t):
        self.t = t

    def __getattr__(self, name):
        return lambda **fields: self.t.cri.call(name, service_version="v1alpha2", **fields)


def test_version(t):
    """Version says v1alpha2 there"""
    answer = Old(t).Version()
    t.equal((answer.version, answer.runtime_name, answer.runtime_api_version), ("0.1.0", "containerd", "v1alpha2"))


def test_life(t):
    """A pod and a container from pull to removal, all by the old names"""
    old = Old(t)
    assert all(c.status for c in old.Status().status.conditions)
    old.PullImage(image={"image": t.env.busybox_ref})
    assert old.ImageStatus(image={"image": t.env.busybox_ref}).HasField("image")
    assert old.ListImages().images
    config = t.pod_config()
    pod = old.RunPodSandbox(config=config).pod_sandbox_id
    t.pods[pod] = config
    t.equal(old.PodSandboxStatus(pod_sandbox_id=pod).status.state, READY)
    t.equal([p.id for p in old.ListPodSandbox().items], [pod])
    container_config = t.container_config("echo hello; exec sleep 1000")
    container = old.CreateContainer(pod_sandbox_id=pod, config=container_config, sandbox_config=config).container_id
    old.StartContainer(container_id=container)
    t.equal(old.ContainerStatus(container_id=container).status.state, RUNNING)
    t.equal(old.ExecSync(container_id=container, cmd=["echo", "x"]).stdout, b"x\n")
    t.wait_log(pod, container_config, b"hello\n")
    old.StopContainer(container_id=container, timeout=0)
    t.equal([c.state for c in old.ListContainers().containers], [EXITED])
    old.RemoveContainer(container_id=container)
    old.StopPodSandbox(pod_sandbox_id=pod)
    old.RemovePodSandbox(pod_sandbox_id=pod)
    t.fails("NOT_FOUND", lambda: old.PodSandboxStatus(pod_sandbox_id=pod))
    t.pods.clear()


def test_same_state(t):
    """Both names work on the same pods"""
    pod = t.run_pod()
    container = t.run(pod)
    t.equal(Old(t).ContainerStatus(container_id=container).status.id, container)


@not_with_plugin("serves other calls than ours")
def test_unimplemented(t):
    """What is not served is UNIMPLEMENTED there too, by name; what v1alpha2 never had as well"""
    from test_version import SERVED
    for method in sorted(set(cri.method_names()) - SERVED):
        t.fails("UNIMPLEMENTED", lambda: t.cri.call(method, service_version="v1alpha2"), method)
