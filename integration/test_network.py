# SPDX-License-Identifier: Apache-2.0
"""Pods' networks on the real plugins: configuration, capabilities, addresses, records, and what happens when parts of it go away."""

import json
import os
import subprocess

from harness.env import BRIDGE
from harness.runner import not_with_plugin


def update_pod_cidr(t, cidr):
    return t.cri.UpdateRuntimeConfig(runtime_config={"network_config": {"pod_cidr": cidr}})


@not_with_plugin("it passes no ranges")
def test_pod_cidr(t):
    """UpdateRuntimeConfig: the ranges reach host-local (ipRanges), also after a restart; bad ones are refused, none is ignored"""
    plugins = t.env.cni_plugins()
    plugins[0]["ipam"] = {"type": "host-local", "dataDir": t.env.cni_ipam, "routes": [{"dst": "0.0.0.0/0"}]}
    plugins[0]["capabilities"] = {"ipRanges": True}
    t.env.write_cni_conf(plugins)
    t.defer(t.env.write_cni_conf)
    path = os.path.join(t.env.root, "pod-cidr")
    t.defer(lambda: (os.path.exists(path) and os.unlink(path), t.env.daemon.stop(), t.env.start_daemon()))
    for bad in ("10.88.7.0", "10.88.7.0/33", "x/24", "10.88.7.0/24,", "fd00::/129"):
        t.fails("INVALID_ARGUMENT", lambda: update_pod_cidr(t, bad), "pod CIDR", "network_config")
    assert not os.path.exists(path)
    # A fresh bridge: the plugin fails on one that has lost its last port and with it its MAC.
    subprocess.run(["ip", "link", "del", BRIDGE], check=False, stderr=subprocess.DEVNULL)
    update_pod_cidr(t, "")
    t.cri.UpdateRuntimeConfig()
    update_pod_cidr(t, "10.88.7.0/24, fd00:88:7::/64")
    pod = t.run_pod()
    status = t.pod_status(pod).network
    assert status.ip.startswith("10.88.7."), status
    assert [ip.ip.startswith("fd00:88:7::") for ip in status.additional_ips] == [True], status
    t.env.daemon.stop()
    t.env.start_daemon()
    t.equal(t.pod_status(pod).network, status)
    later = t.run_pod()
    assert t.pod_ip(later).startswith("10.88.7."), t.pod_ip(later)
    for p in (pod, later):
        t.remove_pod(p)
