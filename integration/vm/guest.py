#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""What is checked inside the machine of ci/vm: the package as an administrator uses it, systemd's cgroups, cgroup v2.

The daemon here is the one of the Debian package, started by systemd beside Debian's containerd; the pods' images come from no registry.
After that the integration tests named in WORDS run, on this machine's single cgroup hierarchy.
"""

import glob
import io
import json
import os
import subprocess
import sys
import tarfile
import time
import traceback

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.dirname(HERE))
sys.dont_write_bytecode = True

SOCKET = "/run/cri-containerd/cri-containerd.sock"
CGROUPS = "/sys/fs/cgroup"
SLICE = "kubepods-burstable-podcheck.slice"
WORDS = ["test_stats.", "test_update.", "test_spec_", "test_restart."]
passed = failed = 0


def run(*argv, check=True):
    done = subprocess.run(argv, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace", check=False)
    assert not check or done.returncode == 0, "%s: status %d: %s" % (" ".join(argv), done.returncode, done.stdout[-2000:])
    return done.stdout


def wait_until(condition, seconds, what):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "waited %d s in vain for %s" % (seconds, what)
        time.sleep(0.2)


def write(path, text):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w", encoding="utf-8") as f:
        f.write(text)


def read(*path):
    with open(os.path.join(*path), encoding="ascii") as f:
        return f.read().strip()


def client():
    from harness.cri import Client
    return Client(SOCKET)


# --- the package under systemd ----------------------------------------------------------------------


def the_machine_is_what_it_should_be():
    """systemd is process 1, and there is one cgroup v2 hierarchy"""
    assert os.readlink("/proc/1/exe").endswith("/systemd"), os.readlink("/proc/1/exe")
    assert os.path.exists(CGROUPS + "/cgroup.controllers")


def the_package_waits_for_the_plugin_to_be_off():
    """Installed beside a containerd whose CRI plugin is on, the service says how to turn it off and does not serve"""
    run("systemctl", "unmask", "containerd.service")
    run("systemctl", "start", "containerd.service")
    run("dpkg", "-i", *glob.glob("/payload/cri-containerd_*.deb"))
    wait_until(lambda: "disabled_plugins" in run("journalctl", "-u", "cri-containerd", "--no-pager", check=False), 120, "the words about the plugin")
    assert not os.path.exists(SOCKET)


def it_serves_once_the_plugin_is_off():
    """With the example drop-in containerd's plugin is off, and the service starts by itself"""
    examples = "/usr/share/doc/cri-containerd/examples"
    write("/etc/containerd/config.toml", 'version = 2\nimports = ["/etc/containerd/conf.d/*.toml"]\n')
    os.makedirs("/etc/containerd/conf.d", exist_ok=True)
    run("cp", examples + "/containerd-disable-cri.toml", "/etc/containerd/conf.d/")
    write("/etc/cri-containerd/config.toml", """
[containerd.runtimes.runc]
runtime_type = "io.containerd.runc.v2"
[containerd.runtimes.runc.options]
SystemdCgroup = true
[containerd.runtimes.crun]
runtime_type = "io.containerd.runc.v2"
[containerd.runtimes.crun.options]
BinaryName = "crun"
SystemdCgroup = true
[cni]
bin_dir = "/usr/lib/cni"
""")
    write("/etc/cni/net.d/10-bridge.conflist", json.dumps({"cniVersion": "0.4.0", "name": "n", "plugins": [
        {"type": "bridge", "bridge": "cni0", "isGateway": True, "ipam": {"type": "host-local", "subnet": "10.88.0.0/16"}}]}))
    run("systemctl", "restart", "containerd.service")
    wait_until(lambda: run("systemctl", "is-active", "cri-containerd", check=False).strip() == "active", 120, "the service")
    with client() as cri:
        conditions = {c.type: c.status for c in cri.Status().status.conditions}
        assert conditions == {"RuntimeReady": True, "NetworkReady": True}, conditions
        assert cri.RuntimeConfig().linux.cgroup_driver == 0, "the kubelet is not told of systemd's cgroups"
    status = run("systemctl", "show", "cri-containerd", "-P", "StatusText")
    assert SOCKET in status, status


def the_journal_has_fields():
    """What goes wrong in a call is in the journal with level, name and number of the call"""
    from harness.cri import RpcFailure
    with client() as cri:
        try:
            cri.RunPodSandbox()
        except RpcFailure:
            pass
    lines = [json.loads(line) for line in run("journalctl", "-u", "cri-containerd", "-o", "json", "CRI_RPC=RunPodSandbox").splitlines()]
    assert lines and lines[0]["PRIORITY"] == "4" and int(lines[0]["CRI_RPC_ID"]) > 0, lines
    assert "config" in lines[0]["MESSAGE"], lines


# --- pods --------------------------------------------------------------------------------------------


def import_busybox():
    """An image from a file, without a registry, as `ctr images import` takes it."""
    from harness import images
    layer = images.make_tar(images.busybox_entries())
    config = json.dumps({"architecture": images.ARCH, "os": "linux", "config": {"Cmd": ["/bin/sh"]},
                         "rootfs": {"type": "layers", "diff_ids": [images.digest(layer)]}}).encode()
    manifest = json.dumps([{"Config": "config.json", "RepoTags": ["docker.io/library/busybox:check"], "Layers": ["layer.tar"]}]).encode()
    with tarfile.open("/run/busybox.tar", "w") as tar:
        for name, data in (("config.json", config), ("layer.tar", layer), ("manifest.json", manifest)):
            info = tarfile.TarInfo(name)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    run("ctr", "-n", "k8s.io", "images", "import", "/run/busybox.tar")


def pod_of(cri, handler=""):
    return cri.RunPodSandbox(runtime_handler=handler, config={
        "metadata": {"name": "check" + handler, "namespace": "default", "uid": "1", "attempt": 0}, "log_directory": "/run/check-logs",
        "linux": {"cgroup_parent": "/" + SLICE}}).pod_sandbox_id


def container_of(cri, pod):
    container = cri.CreateContainer(pod_sandbox_id=pod, sandbox_config={"metadata": {"name": "check", "namespace": "default", "uid": "1"}}, config={
        "metadata": {"name": "c"}, "image": {"image": "busybox:check"}, "log_path": "c.log",
        "command": ["/bin/sh", "-c", "echo begun; exec sleep 1000000"],
        "linux": {"resources": {"memory_limit_in_bytes": 64 << 20, "cpu_quota": 50000, "cpu_period": 100000, "cpu_shares": 512,
                                "unified": {"memory.high": str(48 << 20)}}}}).container_id
    cri.StartContainer(container_id=container)
    return container


def scope(container):
    return "%s/kubepods.slice/kubepods-burstable.slice/%s/cri-containerd-%s.scope" % (CGROUPS, SLICE, container)


def check_pod(handler):
    with client() as cri:
        pod = pod_of(cri, handler)
        container = container_of(cri, pod)
        where = scope(container)
        assert os.path.isdir(where), "there is no %s: %s" % (where, run("find", CGROUPS, "-name", "*%s*" % container[:16]))
        limits = where + "/container" if handler == "crun" else where  # crun makes a cgroup of its own below systemd's
        assert read(limits, "memory.max") == str(64 << 20), read(limits, "memory.max")
        assert read(limits, "memory.high") == str(48 << 20), read(limits, "memory.high")
        assert read(limits, "cpu.max") == "50000 100000", read(limits, "cpu.max")
        cri.UpdateContainerResources(container_id=container, linux={"memory_limit_in_bytes": 96 << 20, "cpu_quota": 20000, "cpu_period": 100000})
        assert read(limits, "memory.max") == str(96 << 20) and read(limits, "cpu.max") == "20000 100000", (read(limits, "memory.max"), read(limits, "cpu.max"))
        assert "ActiveState=active" in run("systemctl", "show", os.path.basename(where)), "systemd does not know the scope"
        stats = cri.ContainerStats(container_id=container).stats
        assert stats.memory.working_set_bytes.value > 0 and stats.cpu.usage_core_nano_seconds.value > 0, str(stats)
        if os.path.exists(where + "/cpu.pressure"):
            assert stats.cpu.HasField("psi"), "no pressure: %s" % stats
        pod_stats = cri.PodSandboxStats(pod_sandbox_id=pod).stats.linux
        assert pod_stats.memory.working_set_bytes.value >= stats.memory.working_set_bytes.value, str(pod_stats)
        assert pod_stats.network.default_interface.name == "eth0", str(pod_stats)
    run("systemctl", "restart", "cri-containerd")
    with client() as cri:
        assert cri.ContainerStatus(container_id=container).status.state == 1, "the container does not run any more"
        done = cri.ExecSync(container_id=container, cmd=["/bin/sh", "-c", "cat /proc/self/cgroup"], timeout=60)
        assert done.exit_code == 0 and done.stdout.startswith(b"0::"), done
        cri.StopPodSandbox(pod_sandbox_id=pod)
        cri.RemovePodSandbox(pod_sandbox_id=pod)
    assert not os.path.exists(where), "the scope is still there"


def a_pod_in_a_slice():
    """A pod without any registry, in systemd's slices: limits, updates, figures, a restart of the daemon, removal"""
    import_busybox()
    check_pod("")


def a_pod_of_crun():
    """The same with crun as its runtime handler"""
    check_pod("crun")


def out_of_memory():
    """A container that takes more than its memory is OOMKilled"""
    with client() as cri:
        pod = pod_of(cri)
        container = cri.CreateContainer(pod_sandbox_id=pod, sandbox_config={"metadata": {"name": "check", "namespace": "default", "uid": "1"}}, config={
            "metadata": {"name": "hungry"}, "image": {"image": "busybox:check"}, "log_path": "h.log",
            "command": ["/bin/sh", "-c", "a=xxxxxxxxxxxxxxxx; while :; do a=$a$a; done"],
            "linux": {"resources": {"memory_limit_in_bytes": 24 << 20}}}).container_id
        cri.StartContainer(container_id=container)
        wait_until(lambda: cri.ContainerStatus(container_id=container).status.state == 2, 300, "the container's end")
        status = cri.ContainerStatus(container_id=container).status
        cri.StopPodSandbox(pod_sandbox_id=pod)
        cri.RemovePodSandbox(pod_sandbox_id=pod)
        assert (status.reason, status.exit_code) == ("OOMKilled", 137), str(status)


def the_purge_leaves_nothing():
    """Purged, the package leaves no service, no socket and no files of its own behind"""
    run("systemctl", "stop", "cri-containerd.service")
    ended = run("systemctl", "show", "cri-containerd.service", "-P", "Result").strip()
    assert ended == "success", "the service ended with " + ended
    run("dpkg", "--purge", "cri-containerd")
    assert not os.path.exists(SOCKET)
    assert run("systemctl", "is-active", "cri-containerd", check=False).strip() == "inactive"
    left = [p for p in glob.glob("/etc/systemd/system/**/*cri-containerd*", recursive=True)]
    assert not left, left
    # The next part has a daemon and a containerd of its own.
    run("systemctl", "stop", "containerd.service")


CHECKS = [the_machine_is_what_it_should_be, the_package_waits_for_the_plugin_to_be_off, it_serves_once_the_plugin_is_off, the_journal_has_fields,
          a_pod_in_a_slice, a_pod_of_crun, out_of_memory]


def check(number, test):
    global passed, failed
    begin, title = time.monotonic(), test.__doc__.splitlines()[0]
    try:
        test()
        passed += 1
        print("ok %d - vm: %s (%.1f s)" % (number, title, time.monotonic() - begin), flush=True)
    except Exception as e:  # pylint: disable=broad-except
        failed += 1
        print("not ok %d - vm: %s\n    # %s" % (number, title, str(e).replace("\n", "\n    # ")), flush=True)
        traceback.print_exc(file=sys.stdout)
        print(run("journalctl", "-u", "cri-containerd", "-n", "15", "--no-pager", check=False), flush=True)


def integrate(words):
    global passed, failed
    run("dpkg", "-x", glob.glob("/payload/cri-containerd_*.deb")[0], "/opt/daemon")
    process = subprocess.Popen(["/usr/bin/python3", "/payload/integration/run", "--daemon", "/opt/daemon/usr/sbin/cri-containerd",
                                "--logs", "/tmp/logs", "--results", "/tmp/results"] + words)
    process.wait()
    skipped = 0
    try:
        counts = json.loads(read("/tmp/results"))
        passed, failed, skipped = passed + counts["passed"], failed + counts["failed"], counts["skipped"]
    except OSError:
        failed += 1
        print("not ok - the integration tests ended with status %d before they could report" % process.returncode, flush=True)
    return skipped


def main():
    words = read("/payload/words").split()
    if not words:
        for i, test in enumerate(CHECKS + [the_purge_leaves_nothing], 1):
            check(i, test)
    skipped = integrate(words or WORDS)
    print("guest: %d passed, %d failed, %d skipped" % (passed, failed, skipped), flush=True)


if __name__ == "__main__":
    main()
