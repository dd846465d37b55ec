# SPDX-License-Identifier: Apache-2.0
"""Version, Status, RuntimeConfig, and every call that is not there yet."""

import os
import re

from harness import cri
from harness.runner import not_with_plugin
from harness.service import wait_until

# What this daemon serves. A call that gets its handler moves here and gets tests of its own.
SERVED = {
    "Version", "Status", "RuntimeConfig", "UpdateRuntimeConfig", "RunPodSandbox", "StopPodSandbox", "RemovePodSandbox", "PodSandboxStatus",
    "ListPodSandbox", "CreateContainer", "StartContainer", "StopContainer", "RemoveContainer", "ContainerStatus",
    "ListContainers", "UpdateContainerResources", "ReopenContainerLog", "ExecSync", "ListImages", "ImageStatus", "PullImage", "RemoveImage", "ImageFsInfo",
    "ContainerStats", "ListContainerStats", "PodSandboxStats", "ListPodSandboxStats",
}


def conditions(t):
    return {c.type: c for c in t.cri.Status().status.conditions}


def test_version(t):
    """Version names the interface and, as tools match on it, containerd with its version"""
    answer = t.cri.Version(version="v1")
    t.equal(answer.version, "0.1.0")
    t.equal(answer.runtime_api_version, "v1")
    t.equal(answer.runtime_name, "containerd")
    server = t.env.ctr("version").split("Server:")[1]
    t.equal(answer.runtime_version, re.search(r"Version:\s+(\S+)", server)[1])


def test_version_any(t):
    """Version does not mind which version the caller has"""
    for version in ("", "0.1.0", "v1alpha2", "x" * 1000):
        t.equal(t.cri.Version(version=version).version, "0.1.0")


def test_status_ready(t):
    """Status reports a ready runtime and a ready network"""
    found = conditions(t)
    assert found["RuntimeReady"].status and found["NetworkReady"].status, found


def test_status_verbose(t):
    """Status gives details only when asked"""
    assert not t.cri.Status().info
    assert t.cri.Status(verbose=True).info


def test_status_network_not_ready(t):
    """Without a CNI configuration the network is not ready, with one it is again, without a restart"""
    path = os.path.join(t.env.cni_conf, "10-cct.conflist")
    t.defer(t.env.write_cni_conf)
    os.rename(path, path + ".away")
    t.defer(lambda: os.path.exists(path + ".away") and os.unlink(path + ".away"))
    wait_until(lambda: not conditions(t)["NetworkReady"].status, 10, "NetworkReady to become false")
    found = conditions(t)["NetworkReady"]
    t.equal(found.reason, "NetworkPluginNotReady")
    assert found.message, "no message says why"
    assert conditions(t)["RuntimeReady"].status
    os.rename(path + ".away", path)
    wait_until(lambda: conditions(t)["NetworkReady"].status, 10, "NetworkReady to become true again")


@not_with_plugin("not in containerd 1.6's plugin")
def test_runtime_config(t):
    """RuntimeConfig tells the cgroup driver"""
    answer = t.cri.RuntimeConfig()
    t.equal(answer.linux.cgroup_driver, cri._Api.get().enum("CgroupDriver")["CGROUPFS"].number)


@not_with_plugin("serves other calls than ours")
def test_unimplemented_by_name(t):
    """Every other call of CRI answers UNIMPLEMENTED and says its name"""
    rest = sorted(set(cri.method_names()) - SERVED)
    t.equal(len(rest) + len(SERVED), 41, "calls of CRI")
    for method in rest:
        t.fails("UNIMPLEMENTED", lambda: t.cri.call(method), method)


def test_unknown_paths(t):
    """A method or service that does not exist is UNIMPLEMENTED"""
    for path in ("/runtime.v1.RuntimeService/NoSuchCall", "/runtime.v2.RuntimeService/Version", "/x/y", "/runtime.v1.RuntimeService/version",
                 "/runtime.v1.ImageService/Version", "/runtime.v1.RuntimeService/Version/"):
        t.fails("UNIMPLEMENTED", lambda: t.cri.raw(path))
