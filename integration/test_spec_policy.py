# SPDX-License-Identifier: Apache-2.0
"""What the administrator's configuration changes in specs, beside the pods that do not ask for it."""

import json
import os

from harness import images
from harness.runner import not_with_plugin

ours = not_with_plugin("it is configured with containerd")
DEFAULT, UNCONFINED = 0, 1  # SecurityProfile.ProfileType


def seccomp(t, pod, **more):
    return int(t.output(pod, "grep '^Seccomp:' /proc/self/status", **more)[1].split()[1])


@ours
def test_unset_seccomp(t):
    """unset_seccomp_profile counts for requests that name none, for pods and containers; not for privileged ones"""
    privileged = {"security_context": {"privileged": True}}
    profile = t.env.write("unset.json", json.dumps({"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [{"names": ["mkdir", "mkdirat"], "action": "SCMP_ACT_ERRNO"}]}))
    for value, wanted in (("runtime/default", 2), ("localhost/" + profile, 2), ("unconfined", 0)):
        t.restart_daemon('unset_seccomp_profile = "%s"\n' % value)
        pod = t.run_pod()
        t.equal(seccomp(t, pod), wanted, value)
        t.equal(seccomp(t, pod, linux={"security_context": {"seccomp": {"profile_type": UNCONFINED}}}), 0, value)
        t.equal("seccomp" in json.loads(t.env.ctr("containers", "info", "--spec", pod))["linux"], wanted == 2)
        t.equal(seccomp(t, t.run_pod(linux=privileged), linux=privileged), 0, "privileged")
        if value.startswith("localhost"):
            assert t.output(pod, "mkdir /x")[0] != 0
    t.restart_daemon('unset_seccomp_profile = "localhost/%s"\n' % t.env.path("no-such.json"))
    t.fails("NOT_FOUND", lambda: t.cri.RunPodSandbox(config=t.pod_config()), "no-such.json")


@ours
def test_ignored_volumes(t):
    """ignore_image_defined_volumes: nothing is mounted where only the image asks for it"""
    ref = t.env.registry.push(images.Image([images.busybox_entries()], {"Volumes": {"/data": {}}, "Env": ["PATH=/bin"]}), "spec-ignored", "1")
    has = "grep -c ' /data ' /proc/self/mountinfo"
    t.equal(t.output(t.run_pod(), has, image=ref)[1], "1\n")
    t.restart_daemon("ignore_image_defined_volumes = true\n")
    pod = t.run_pod()
    t.equal(t.output(pod, has, image=ref)[1], "0\n")
    config = t.container_config(has, image=ref)
    container = t.create(pod, config=config)
    assert not os.path.exists(os.path.join(t.env.root, "containers", container, "volumes"))


@ours
def test_disable_proc_mount(t):
    """disable_proc_mount: /proc stays masked and read-only whatever the request says, but for privileged containers"""
    frozen = lambda container: t.exec(container, "grep -q ' /proc/sys ro' /proc/self/mountinfo").exit_code == 0
    assert not frozen(t.run(t.run_pod())), "no paths in the request mean none"
    t.restart_daemon("disable_proc_mount = true\n")
    container = t.run(t.run_pod(), linux={"security_context": {"masked_paths": ["/etc/passwd"], "readonly_paths": []}})
    assert frozen(container)
    assert t.shell(container, "cat /etc/passwd") != "", "the request's masked paths do not count"
    t.equal(t.shell(container, "cat /proc/keys"), "")
    privileged = {"security_context": {"privileged": True}}
    assert not frozen(t.run(t.run_pod(linux=privileged), linux=privileged))


@ours
def test_huge_pages(t):
    """Limits of huge pages: without the controller they are left out and noted, or refused where the configuration wants them"""
    linux = {"resources": {"hugepage_limits": [{"page_size": "2MB", "limit": 4 << 20}]}}
    there = os.path.isdir("/sys/fs/cgroup/hugetlb")
    limits = lambda container: json.loads(t.env.ctr("containers", "info", "--spec", container))["linux"]["resources"].get("hugepageLimits", [])
    t.equal(limits(t.create(t.run_pod(), linux=linux)), [{"pageSize": "2MB", "limit": 4 << 20}] if there else [])
    t.restart_daemon("tolerate_missing_hugetlb_controller = false\n")
    pod = t.run_pod()
    if there:
        t.create(pod, linux=linux)
    else:
        t.fails("FAILED_PRECONDITION", lambda: t.create(pod, linux=linux), "hugepage_limits", "hugetlb")
    t.restart_daemon("disable_hugetlb_controller = true\n")
    t.equal(limits(t.create(t.run_pod(), linux=linux)), [])
