# SPDX-License-Identifier: Apache-2.0
"""Runtime handlers: a pod's RuntimeClass picks the OCI runtime, its options, base spec, snapshotter and annotations."""

import json
import os
import subprocess

from harness import cri, images
from harness.context import CREATED, READY, RUNNING
from harness.runner import not_with_plugin

ours = not_with_plugin("it is configured with containerd")


def crun(t):
    """crun, which refuses the mixture of cgroup v1 and v2 that some machines have: it does not get to see the v2 part of it."""
    path = t.env.write("crun-legacy", "#!/bin/sh\numount -l /sys/fs/cgroup/unified 2>/dev/null\nexec crun \"$@\"\n")
    os.chmod(path, 0o755)
    wrapper = t.env.write("crun-wrapper", "#!/bin/sh\nexec unshare --mount --propagation unchanged %s \"$@\"\n" % path)
    os.chmod(wrapper, 0o755)
    return wrapper


def handlers(**tables):
    """TOML of handlers: name to a dictionary of keys; options.X for the shim's options."""
    text = ""
    for name, keys in tables.items():
        text += "[containerd.runtimes.%s]\nruntime_type = \"io.containerd.runc.v2\"\n" % name
        text += "".join("%s = %s\n" % (k, json.dumps(v)) for k, v in keys.items() if not k.startswith("options."))
        text += "[containerd.runtimes.%s.options]\n" % name
        text += "".join("%s = %s\n" % (k[len("options."):], json.dumps(v)) for k, v in keys.items() if k.startswith("options."))
    return text


def run_pod(t, handler, config=None, **more):
    config = config or t.pod_config(**more)
    pod = t.cri.RunPodSandbox(config=config, runtime_handler=handler).pod_sandbox_id
    t.pods[pod] = config
    return pod


def record(t, container):
    return json.loads(t.env.ctr("containers", "info", container))


def both(t, **more):
    t.restart_daemon(handlers(runc={}, crun=dict({"options.BinaryName": crun(t), "options.Root": t.env.path("crun-root")}, **more)))


@ours
def test_two(t):
    """Pods with runc and with crun side by side: each container is made by its pod's runtime"""
    both(t)
    one, two, default = run_pod(t, "runc"), run_pod(t, "crun"), run_pod(t, "")
    for pod, handler in ((one, "runc"), (two, "crun"), (default, "")):
        t.equal(t.pod_status(pod).runtime_handler, handler)
        container = t.run(pod, "echo $0; exec sleep 1000000")
        t.equal(t.shell(container, "echo works"), "works\n")
        # crun's state is where the handler's options say, runc's is not.
        for made in (pod, container):
            t.equal(os.path.isdir(t.env.path("crun-root", "k8s.io", made)) or os.path.isdir(t.env.path("crun-root", made)), handler == "crun", made)
    t.equal([p.runtime_handler for p in t.cri.ListPodSandbox(filter={"id": two}).items], ["crun"])
    t.equal(record(t, two)["Runtime"]["Name"], "io.containerd.runc.v2")


@ours
def test_status(t):
    """Status lists the handlers, sorted, the default also as ""; RuntimeConfig tells the default's cgroup driver"""
    both(t)
    t.equal([h.name for h in t.cri.Status().runtime_handlers], ["", "crun", "runc"])
    driver = cri._Api.get().enum("CgroupDriver")
    t.equal(t.cri.RuntimeConfig().linux.cgroup_driver, driver["CGROUPFS"].number)
    info = json.loads(t.cri.Status(verbose=True).info["config"])
    t.equal(info["runtimeHandlers"]["crun"]["binaryName"], t.env.path("crun-wrapper"))
    t.restart_daemon('[containerd]\ndefault_runtime_name = "sysd"\n' + handlers(runc={}, sysd={"options.SystemdCgroup": True}))
    t.equal(t.cri.RuntimeConfig().linux.cgroup_driver, driver["SYSTEMD"].number)
    t.equal([h.name for h in t.cri.Status().runtime_handlers], ["", "runc", "sysd"])


@ours
def test_unknown(t):
    """A handler that is not configured is refused, and the error lists those that are; nothing is left"""
    both(t)
    t.fails("INVALID_ARGUMENT", lambda: run_pod(t, "kata"), '"kata"', "crun, runc")
    t.fails("INVALID_ARGUMENT", lambda: run_pod(t, "RUNC"), '"RUNC"')
    t.fails("INVALID_ARGUMENT", lambda: run_pod(t, "run"), '"run"')


@ours
def test_broken_runtime(t):
    """A handler whose runtime does not exist fails the pod and names it; other handlers work"""
    t.restart_daemon(handlers(runc={}, broken={"options.BinaryName": "/no/such/runtime"}))
    t.fails(("UNKNOWN", "INTERNAL", "NOT_FOUND", "FAILED_PRECONDITION"), lambda: run_pod(t, "broken"), "/no/such/runtime")
    t.equal(t.pod_status(run_pod(t, "runc")).state, READY)


@ours
def test_handler_taken_away(t):
    """A pod of a handler that the configuration no longer has: seen, its containers run on and can be stopped and removed, nothing new starts"""
    both(t)
    pod = run_pod(t, "crun")
    running, created = t.run(pod), t.create(pod)
    t.restart_daemon(handlers(runc={}))
    t.equal((t.pod_status(pod).state, t.status(running).state, t.status(created).state), (READY, RUNNING, CREATED))
    t.equal(t.shell(running, "echo works"), "works\n")
    t.fails("INVALID_ARGUMENT", lambda: t.create(pod), '"crun"', "runc")
    t.fails("INVALID_ARGUMENT", lambda: t.start(created), '"crun"')
    t.cri.UpdateContainerResources(container_id=running, linux={"cpu_shares": 99})
    t.cri.StopContainer(container_id=running, timeout=0)
    t.cri.RemoveContainer(container_id=running)
    t.remove_pod(pod)


@ours
def test_base_spec(t):
    """A handler's base spec takes the place of the defaults: limits, environment, capabilities, mounts, hooks"""
    marker = t.env.path("hook-ran")
    spec = {
        "ociVersion": "1.0.2",
        "process": {"env": ["BASE=1", "FROM_IMAGE=base"], "cwd": "/", "rlimits": [{"type": "RLIMIT_NOFILE", "hard": 1024, "soft": 1000}],
                    "capabilities": {kind: ["CAP_KILL"] for kind in ("bounding", "effective", "permitted")}},
        "root": {"path": "/elsewhere", "readonly": True},
        "hooks": {"createRuntime": [{"path": "/bin/touch", "args": ["touch", marker]}]},
        "mounts": [{"destination": "/proc", "type": "proc", "source": "proc"},
                   {"destination": "/dev", "type": "tmpfs", "source": "tmpfs", "options": ["mode=755"]},
                   {"destination": "/extra", "type": "tmpfs", "source": "tmpfs"}],
        "linux": {"namespaces": [{"type": "mount"}, {"type": "pid"}], "cgroupsPath": "/no/such/place", "resources": {"pids": {"limit": 77}}},
    }
    t.restart_daemon(handlers(runc={}, based={"base_runtime_spec": t.env.write("base.json", json.dumps(spec))}))
    t.defer(lambda: os.path.exists(marker) and os.unlink(marker))
    pod = run_pod(t, "based")
    assert not os.path.exists(marker), "the pause container has the base spec, too"
    container = t.run(pod)
    assert os.path.exists(marker), "the hook did not run"
    t.equal(t.shell(container, "ulimit -Sn; ulimit -Hn; echo $BASE $FROM_IMAGE; grep CapEff /proc/self/status | cut -f 2"),
            "1000\n1024\n1 yes\n0000000000000020\n")
    t.shell(container, "grep ' /extra tmpfs' /proc/mounts")
    assert t.exec(container, "touch /x").exit_code != 0, "the root file system can be written"
    if t.limit(container, "pids/pids.max", "pids.max") is not None:
        t.equal(t.limit(container, "pids/pids.max", "pids.max"), "77")
    # The request has the last word.
    strong = t.run(pod, linux={"security_context": {"capabilities": {"add_capabilities": ["CHOWN"]}}}, envs=[{"key": "BASE", "value": "2"}])
    t.equal(t.shell(strong, "echo $BASE; grep CapEff /proc/self/status | cut -f 2"), "2\n0000000000000021\n")
    t.equal(t.shell(t.run(run_pod(t, "runc")), "ulimit -Hn; echo $BASE$FROM_IMAGE").split()[1], "yes")


@ours
def test_bad_base_spec(t):
    """A base spec that is missing or no JSON object keeps the daemon from starting, and the message names handler and file"""
    for text, part in ((None, "base-bad.json"), ("", "base-bad.json"), ("[]", "not an object"), ('{"process":', "base-bad.json"), ("null", "not an object")):
        path = t.env.path("base-bad.json")
        if text is not None:
            t.env.write("base-bad.json", text)
        config = t.env.write("handlers-bad.toml", handlers(runc={}, based={"base_runtime_spec": path}))
        done = subprocess.run([t.env.daemon_binary, "--config", config, "--listen", t.env.path("s.sock"), "--state", t.env.path("s-state"),
                               "--root", t.env.path("s-root")], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=60, check=False)
        t.equal(done.returncode, 1, done.stdout)
        assert part in done.stdout and '"based"' in done.stdout, done.stdout
    assert not os.path.exists(t.env.path("s-state"))


@ours
def test_annotations(t):
    """Annotations that match a handler's patterns reach the OCI spec, others do not, and none can pretend to be another pod's"""
    t.restart_daemon(handlers(runc={}, noted={"pod_annotations": ["pod.example.com/*", "io.kubernetes.cri.*"],
                                              "container_annotations": ["c.example.com/*", "exact"]}))
    given = {"pod.example.com/a": "1", "pod.example.com/a/b": "2", "other.example.com/a": "3", "io.kubernetes.cri.sandbox-id": "forged"}
    pod = run_pod(t, "noted", annotations=given)
    container = t.run(pod, annotations={"c.example.com/x": "4", "exact": "5", "exactly": "6", "pod.example.com/a": "7",
                                        "io.kubernetes.cri.container-type": "sandbox"})
    for name, kind in ((pod, "sandbox"), (container, "container")):
        found = json.loads(t.env.ctr("containers", "info", "--spec", name))["annotations"]
        t.equal(found.get("pod.example.com/a"), "1")
        t.equal(found["io.kubernetes.cri.sandbox-id"], pod)
        t.equal(found["io.kubernetes.cri.container-type"], kind)
        for key in ("pod.example.com/a/b", "other.example.com/a", "exactly"):
            assert key not in found, found
        t.equal((found.get("c.example.com/x"), found.get("exact")), ("4", "5") if name == container else (None, None))
    plain = json.loads(t.env.ctr("containers", "info", "--spec", run_pod(t, "runc", annotations=given)))["annotations"]
    assert "pod.example.com/a" not in plain, plain


@ours
def test_untrusted(t):
    """The untrusted annotation picks the handler of that name, and refuses the host's namespaces and another handler"""
    note = {"io.kubernetes.cri.untrusted-workload": "true"}
    t.fails("INVALID_ARGUMENT", lambda: run_pod(t, "", annotations=note), "untrusted")
    t.restart_daemon(handlers(runc={}, untrusted={"options.BinaryName": crun(t), "options.Root": t.env.path("crun-root")}))
    pod = run_pod(t, "", annotations=note)
    container = t.run(pod)
    assert os.path.isdir(t.env.path("crun-root", "k8s.io", container)) or os.path.isdir(t.env.path("crun-root", container))
    t.fails("INVALID_ARGUMENT", lambda: run_pod(t, "runc", annotations=note), "untrusted-workload")
    t.fails("INVALID_ARGUMENT", lambda: run_pod(t, "", annotations=note, linux={"security_context": {"namespace_options": {"pid": 2}}}),
            "namespaces of the host")


@ours
def test_privileged_without_devices(t):
    """privileged_without_host_devices: a privileged container sees the default devices only, and may use others only when that is allowed"""
    t.restart_daemon(handlers(runc={}, few={"privileged_without_host_devices": True},
                              all={"privileged_without_host_devices": True, "privileged_without_host_devices_all_devices_allowed": True}))
    security = {"security_context": {"privileged": True}}
    for handler, sees, may in (("runc", True, True), ("few", False, False), ("all", False, True)):
        pod = run_pod(t, handler, linux=security)
        container = t.run(pod, linux=security)
        if os.path.exists("/dev/kmsg"):
            t.equal(t.exec(container, "test -e /dev/kmsg").exit_code == 0, sees, handler)
        done = t.exec(container, "mknod /dev/k c 1 11 && head -c 0 /dev/k")
        t.equal(done.exit_code == 0, may, "%s: %r" % (handler, done.stderr))
        t.shell(container, "mkdir /m && mount -t tmpfs x /m")


@ours
def test_snapshotter(t):
    """A handler's snapshotter holds the root file systems of its pods; images are unpacked there when they are needed, and survive a collection"""
    both_snapshotters = lambda name: {kind: t.env.ctr("snapshots", "--snapshotter", kind, "ls") for kind in ("overlayfs", "native")}
    t.restart_daemon(handlers(runc={}, copied={"snapshotter": "native"}))
    ref = t.env.registry.push(images.Image([images.busybox_entries(), [images.file_entry("hello", "from the image\n")]], {"Env": ["PATH=/bin"]}),
                              "native", "1")
    pod, plain = run_pod(t, "copied"), run_pod(t, "runc")
    container, other = t.run(pod, image=ref), t.run(plain, image=ref)
    found = both_snapshotters(container)
    for made, kind, not_kind in ((pod, "native", "overlayfs"), (container, "native", "overlayfs"), (other, "overlayfs", "native")):
        assert made in found[kind] and made not in found[not_kind], (made, found)
        t.equal(record(t, made)["Snapshotter"], kind)
    t.equal(t.shell(container, "cat /hello; echo mine >/hello; cat /hello"), "from the image\nmine\n")
    t.equal(t.shell(other, "cat /hello"), "from the image\n")
    # A collection takes what nothing refers to: the next container must find its layers.
    t.env.ctr("leases", "create", "--id", "cct-gc", "x")
    t.env.ctr("leases", "delete", "--sync", "cct-gc")
    t.equal(t.shell(t.run(pod, image=ref), "cat /hello"), "from the image\n")
    # Its removal works also when the handler is gone, and takes the snapshots with it.
    t.restart_daemon(handlers(runc={}))
    t.remove_pod(pod)
    found = both_snapshotters(container)
    assert container not in found["native"] and pod not in found["native"], found


@ours
def test_unknown_snapshotter(t):
    """A snapshotter that containerd does not have fails the pod by name"""
    t.restart_daemon(handlers(runc={}, odd={"snapshotter": "nosuch"}))
    t.fails(("INVALID_ARGUMENT", "NOT_FOUND", "FAILED_PRECONDITION", "UNKNOWN"), lambda: run_pod(t, "odd"), "nosuch")
