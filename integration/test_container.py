# SPDX-License-Identifier: Apache-2.0
"""Containers: their life, their status, and what they see from inside."""

import os
import time

from harness import images
from harness.context import CONTAINER_NS, CREATED, EXITED, NODE_NS, POD_NS, RUNNING
from harness.runner import not_with_plugin
from harness.service import wait_until


# --- life -------------------------------------------------------------------------------------------


def test_life(t):
    """A container is created, started, stopped and removed"""
    pod = t.run_pod()
    container = t.create(pod)
    t.equal(len(container), 64, "length of the ID")
    status = t.status(container)
    t.equal(status.state, CREATED)
    t.recent(status.created_at, "created_at")
    t.equal((status.started_at, status.finished_at), (0, 0))
    t.start(container)
    status = t.status(container)
    t.equal(status.state, RUNNING)
    t.recent(status.started_at, "started_at")
    assert status.created_at <= status.started_at
    t.cri.StopContainer(container_id=container, timeout=0)
    status = t.status(container)
    t.equal(status.state, EXITED)
    t.equal(status.exit_code, 137)
    assert status.started_at <= status.finished_at
    t.cri.RemoveContainer(container_id=container)
    t.fails("NOT_FOUND", lambda: t.status(container), *[] if t.env.plugin else [container])


def test_status_echoes(t):
    """ContainerStatus gives back name, image, labels, annotations, mounts and the log's path"""
    pod = t.run_pod()
    config = t.container_config("exec sleep 100", labels={"a": "1"}, annotations={"b": "2 \u00e4"},
                                mounts=[{"container_path": "/data", "host_path": t.env.pod_logs, "readonly": True}])
    container = t.create(pod, config=config)
    status = t.status(container)
    t.equal(status.id, container)
    t.equal(status.metadata.name, config["metadata"]["name"])
    t.equal(dict(status.labels), {"a": "1"})
    t.equal(dict(status.annotations), {"b": "2 \u00e4"})
    t.equal(status.log_path, t.log_path(pod, config))
    t.equal(status.image.image, t.env.busybox_ref)
    assert t.env.busybox.image_id in status.image_ref or t.env.busybox.digest in status.image_ref, status.image_ref
    t.equal([(m.container_path, m.host_path, m.readonly) for m in status.mounts], [("/data", t.env.pod_logs, True)])
    assert t.cri.ContainerStatus(container_id=container, verbose=True).info
    assert not t.cri.ContainerStatus(container_id=container).info


@not_with_plugin("1.6 reports the digest reference there")
def test_image_ref(t):
    """Container.image_id, ContainerStatus.image_ref and PullImage agree on the image's ID"""
    pod = t.run_pod()
    pulled = t.pull()
    container = t.create(pod)
    t.equal(pulled, t.env.busybox.image_id)
    t.equal(t.status(container).image_id, pulled)
    t.equal([c.image_id for c in t.cri.ListContainers(filter={"id": container}).containers], [pulled])


def test_exit_codes(t):
    """A container's end is reported with its code and a reason"""
    pod = t.run_pod()
    for code, reason in ((0, "Completed"), (1, "Error"), (255, "Error"), (42, "Error")):
        status = t.wait_exit(t.run(pod, "exit %d" % code))
        t.equal((status.exit_code, status.reason), (code, reason))
        t.recent(status.finished_at, "finished_at")
    status = t.wait_exit(t.run(pod, "kill -9 $$"))
    t.equal((status.exit_code, status.reason), (137, "Error"))
    status = t.wait_exit(t.run(pod, "kill -SEGV $$; sleep 5"))
    assert status.exit_code in (0, 139, 143), status.exit_code  # process 1 may ignore its own signals


def test_list(t):
    """ListContainers: all, by id and its prefix, state, pod, labels"""
    pods = [t.run_pod() for _ in range(2)]
    a = t.run(pods[0], labels={"x": "1"})
    b = t.create(pods[0], labels={"x": "1", "y": "2"})
    c = t.run(pods[1])
    mine = {a, b, c}
    ids = lambda **f: {i.id for i in t.cri.ListContainers(filter=f).containers} & mine
    t.equal({i.id for i in t.cri.ListContainers().containers} & mine, mine)
    t.equal(ids(id=a), {a})
    t.equal(ids(id=a[:13]), {a})
    t.equal(ids(id="e" * 64), set())
    t.equal(ids(state={"state": RUNNING}), {a, c})
    t.equal(ids(state={"state": CREATED}), {b})
    t.equal(ids(state={"state": EXITED}), set())
    t.equal(ids(pod_sandbox_id=pods[0]), {a, b})
    t.equal(ids(pod_sandbox_id=pods[1][:13]), {c})
    t.equal(ids(label_selector={"x": "1"}), {a, b})
    t.equal(ids(label_selector={"x": "1", "y": "2"}), {b})
    t.equal(ids(pod_sandbox_id=pods[1], state={"state": CREATED}), set())
    item = [i for i in t.cri.ListContainers().containers if i.id == b][0]
    t.equal(item.pod_sandbox_id, pods[0])
    t.equal(item.image.image, t.env.busybox_ref)
    t.equal(dict(item.labels), {"x": "1", "y": "2"})
    t.recent(item.created_at, "created_at")


def test_short_id(t):
    """Every container call takes a unique prefix of the ID"""
    pod = t.run_pod()
    container = t.cri.CreateContainer(pod_sandbox_id=pod[:12], config=t.container_config("exec sleep 100"),
                                      sandbox_config=t.pods[pod]).container_id
    short = container[:12]
    t.start(short)
    t.equal(t.status(short).id, container)
    t.equal(t.exec(short, "echo x").stdout, b"x\n")
    t.cri.StopContainer(container_id=short, timeout=0)
    t.cri.RemoveContainer(container_id=short)
    t.fails("NOT_FOUND", lambda: t.status(container))


def test_stop_gently(t):
    """StopContainer sends the stop signal and waits for the end"""
    pod = t.run_pod()
    config = t.container_config("trap 'echo bye; exit 7' TERM; echo ready; while :; do usleep 10000; done")
    container = t.run(pod, config=config)
    t.wait_log(pod, config, b"ready\n")
    t.cri.StopContainer(container_id=container, timeout=30)
    t.equal(t.status(container).exit_code, 7)
    t.wait_log(pod, config, b"bye\n")


def test_stop_kills(t):
    """A container that ignores the stop signal is killed when the time is over"""
    pod = t.run_pod()
    config = t.container_config("trap '' TERM; echo ready; while :; do usleep 10000; done")
    container = t.run(pod, config=config)
    t.wait_log(pod, config, b"ready\n")
    start = time.monotonic()
    t.cri.StopContainer(container_id=container, timeout=1)
    assert time.monotonic() - start >= 0.9, "killed before its time was over"
    t.equal(t.status(container).exit_code, 137)


def test_stop_signal_of_image(t):
    """The image's StopSignal is the one that is sent"""
    image = images.Image([images.busybox_entries()], {"StopSignal": "SIGUSR1", "Env": ["PATH=/bin"]})
    ref = t.env.registry.push(image, "stopsignal", "1")
    pod = t.run_pod()
    config = t.container_config("trap 'exit 11' USR1; trap 'exit 12' TERM; echo ready; while :; do usleep 10000; done", image=ref)
    container = t.run(pod, config=config, image=ref)
    t.wait_log(pod, config, b"ready\n")
    t.cri.StopContainer(container_id=container, timeout=20)
    t.equal(t.status(container).exit_code, 11)


def test_stop_again(t):
    """Stopping a stopped container succeeds, as does stopping what never was"""
    pod = t.run_pod()
    container = t.run(pod, "true")
    t.wait_exit(container)
    for _ in range(2):
        t.cri.StopContainer(container_id=container, timeout=1)
    created = t.create(pod)
    t.cri.StopContainer(container_id=created, timeout=1)
    if not t.env.plugin:
        t.cri.StopContainer(container_id="0" * 64, timeout=1)


def test_remove_again(t):
    """Removing twice, and removing what never was, succeeds"""
    container = t.create(t.run_pod())
    for _ in range(2):
        t.cri.RemoveContainer(container_id=container)
    t.cri.RemoveContainer(container_id="0" * 64)


def test_remove_running(t):
    """Removing a running container kills it first"""
    pod = t.run_pod()
    container = t.run(pod)
    t.cri.RemoveContainer(container_id=container)
    t.fails("NOT_FOUND", lambda: t.status(container))
    assert container not in t.env.ctr("tasks", "ls", "-q")


def test_start_twice(t):
    """Starting a running or an ended container is refused"""
    codes = ("FAILED_PRECONDITION",) + (("UNKNOWN",) if t.env.plugin else ())
    pod = t.run_pod()
    container = t.run(pod)
    t.fails(codes, lambda: t.start(container), *[] if t.env.plugin else [container])
    t.cri.StopContainer(container_id=container, timeout=0)
    t.fails(codes, lambda: t.start(container))


def test_start_error(t):
    """A program that does not exist fails StartContainer and ends the container with 128 StartError"""
    pod = t.run_pod()
    config = t.container_config()
    config["command"] = ["/no/such/program"]
    container = t.create(pod, config=config)
    t.fails(("UNKNOWN", "INTERNAL", "NOT_FOUND", "FAILED_PRECONDITION", "INVALID_ARGUMENT"), lambda: t.start(container), "/no/such/program")
    status = t.status(container)
    t.equal((status.state, status.exit_code, status.reason), (EXITED, 128, "StartError"))
    assert "/no/such/program" in status.message, status.message


def test_in_stopped_pod(t):
    """No container can be made or started in a stopped pod"""
    codes = ("FAILED_PRECONDITION",) + (("UNKNOWN", "NOT_FOUND") if t.env.plugin else ())
    pod = t.run_pod()
    t.pull()
    early = t.create(pod)
    t.cri.StopPodSandbox(pod_sandbox_id=pod)
    t.fails(codes, lambda: t.start(early))
    if not t.env.plugin:
        t.fails(codes, lambda: t.create(pod), pod[:12])


@not_with_plugin("answers 'name is reserved'")
def test_repeat_create(t):
    """Creating an equal container again answers the same ID; a different one under its name is refused"""
    pod = t.run_pod()
    config = t.container_config("sleep 100")
    container = t.create(pod, config=config)
    t.equal(t.create(pod, config=config), container)
    other = dict(config, working_dir="/tmp")
    t.fails("ALREADY_EXISTS", lambda: t.create(pod, config=other), config["metadata"]["name"])


def test_restart_attempts(t):
    """The next attempt of a container is a container of its own beside the ended one"""
    pod = t.run_pod()
    config = t.container_config("exit 3")
    first = t.run(pod, config=config)
    t.wait_exit(first)
    again = dict(config, metadata=dict(config["metadata"], attempt=1), log_path=config["metadata"]["name"] + "/1.log")
    second = t.run(pod, config=again)
    assert first != second
    t.equal(t.wait_exit(second).metadata.attempt, 1)


def test_oom(t):
    """A container that exceeds its memory limit ends as OOMKilled"""
    pod = t.run_pod()
    container = t.run(pod, "exec tail /dev/zero", linux={"resources": {"memory_limit_in_bytes": 16 << 20}})
    status = t.wait_exit(container)
    t.equal((status.exit_code, status.reason), (137, "OOMKilled"))


# --- command, environment, files ----------------------------------------------------------------------


def test_command_and_args(t):
    """Command and args override entrypoint and cmd as Kubernetes defines it"""
    image = images.Image([images.busybox_entries()], {"Entrypoint": ["/bin/echo", "entry"], "Cmd": ["cmd"], "Env": ["PATH=/bin"]})
    ref = t.env.registry.push(image, "entrypoint", "1")
    pod = t.run_pod()
    for more, wanted in (({}, "entry cmd\n"), ({"args": ["a"]}, "entry a\n"), ({"command": ["/bin/echo", "c"]}, "c\n"),
                         ({"command": ["/bin/echo"], "args": ["x", "y"]}, "x y\n")):
        code, text = t.output(pod, None, image=ref, **more)
        t.equal((code, text), (0, wanted), str(more))


def test_no_command(t):
    """An image without a command and a config without one is refused"""
    image = images.Image([images.busybox_entries()], {})
    ref = t.env.registry.push(image, "nocommand", "1")
    pod = t.run_pod()
    t.fails(("INVALID_ARGUMENT", "FAILED_PRECONDITION") + (("UNKNOWN",) if t.env.plugin else ()),
            lambda: t.create(pod, config=t.container_config(image=ref)), "command")


def test_environment(t):
    """The image's environment comes first, the config's overrides it"""
    pod = t.run_pod()
    _, text = t.output(pod, "env", envs=[{"key": "A", "value": "b c=d"}, {"key": "PATH", "value": "/bin"}, {"key": "EMPTY", "value": ""}])
    found = dict(line.split("=", 1) for line in text.splitlines())
    t.equal((found["A"], found["PATH"], found["EMPTY"], found["FROM_IMAGE"]), ("b c=d", "/bin", "", "yes"))
    assert found["HOSTNAME"], found


def test_working_dir(t):
    """The working folder: config before image before /"""
    image = images.Image([images.busybox_entries()], {"WorkingDir": "/home", "Env": ["PATH=/bin"], "Cmd": ["pwd"]})
    ref = t.env.registry.push(image, "workdir", "1")
    pod = t.run_pod()
    t.equal(t.output(pod, "pwd")[1], "/\n")
    t.equal(t.output(pod, "pwd", image=ref)[1], "/home\n")
    t.equal(t.output(pod, "pwd", image=ref, working_dir="/new/folder")[1], "/new/folder\n")


def run_as(t, pod, image=None, **security):
    return t.output(pod, "id -u; id -g; id -G", image=image, linux={"security_context": security})[1].split("\n")[:3]


def test_user(t):
    """The user: by number, by name, by image, with the groups of /etc/group"""
    image = images.Image([images.busybox_entries()], {"User": "bob", "Env": ["PATH=/bin"]})
    ref = t.env.registry.push(image, "user", "1")
    pod = t.run_pod()
    t.equal(run_as(t, pod)[:2], ["0", "0"])
    t.equal(run_as(t, pod, run_as_username="alice")[:2], ["1000", "1000"])
    assert "50" in run_as(t, pod, run_as_username="alice")[2].split()
    t.equal(run_as(t, pod, run_as_user={"value": 1001})[:2], ["1001", "2000"])
    t.equal(run_as(t, pod, run_as_user={"value": 77})[:2], ["77", "0"])
    t.equal(run_as(t, pod, run_as_user={"value": 77}, run_as_group={"value": 88})[:2], ["77", "88"])
    t.equal(run_as(t, pod, image=ref)[:2], ["1001", "2000"])
    groups = run_as(t, pod, run_as_user={"value": 1000}, supplemental_groups=[4000, 4001])[2].split()
    assert {"4000", "4001"} <= set(groups), groups


def test_bad_user(t):
    """A user that is not in the image is refused, by name; a huge number is not taken for a name or for root"""
    pod = t.run_pod()
    t.pull()
    codes = ("INVALID_ARGUMENT", "NOT_FOUND", "FAILED_PRECONDITION", "UNKNOWN", "INTERNAL")
    t.fails(codes, lambda: t.create(pod, linux={"security_context": {"run_as_username": "nobody-here"}}),
            *[] if t.env.plugin else ["nobody-here"])
    if t.env.plugin:
        return
    for user in (-1, 1 << 31, 1 << 32):
        t.fails("INVALID_ARGUMENT", lambda: t.create(pod, linux={"security_context": {"run_as_user": {"value": user}}}))
    t.fails(codes, lambda: t.create(pod, linux={"security_context": {"run_as_username": "4294967296"}}))


def test_mounts(t):
    """Bind mounts: folders and files, read-only and not, inside each other, made when missing"""
    base = t.env.path("bind-%d" % t.serial)
    os.makedirs(base + "/sub")
    with open(base + "/file", "w", encoding="ascii") as f:
        f.write("from outside\n")
    pod = t.run_pod()
    container = t.run(pod, mounts=[
        {"container_path": "/data/sub/deep", "host_path": base + "/sub"},
        {"container_path": "/data", "host_path": base},
        {"container_path": "/ro", "host_path": base, "readonly": True},
        {"container_path": "/etc/one", "host_path": base + "/file"},
        {"container_path": "/made", "host_path": base + "/made/of/nothing"},
    ])
    t.equal(t.shell(container, "cat /data/file /etc/one"), "from outside\n" * 2)
    t.shell(container, "echo in >/data/in && echo deep >/data/sub/deep/x && echo m >/made/y")
    for path, text in (("in", "in\n"), ("sub/x", "deep\n"), ("made/of/nothing/y", "m\n")):
        with open(os.path.join(base, path), encoding="ascii") as f:
            t.equal(f.read(), text)
    assert t.exec(container, "echo no >/ro/x").exit_code != 0


def test_readonly_rootfs(t):
    """A read-only root file system"""
    pod = t.run_pod()
    container = t.run(pod, linux={"security_context": {"readonly_rootfs": True}})
    assert t.exec(container, "echo x >/x").exit_code != 0
    assert t.exec(t.run(pod), "echo x >/x").exit_code == 0


def test_volumes_of_image(t):
    """A VOLUME of the image holds what the image has there, and is writable below a read-only root"""
    entries = images.busybox_entries() + [images.dir_entry("data", 0o750, 1000, 50), images.file_entry("data/seed", "from image\n", 0o640, 1000, 50)]
    ref = t.env.registry.push(images.Image([entries], {"Volumes": {"/data": {}}, "Env": ["PATH=/bin"]}), "volume", "1")
    pod = t.run_pod()
    container = t.run(pod, image=ref, linux={"security_context": {"readonly_rootfs": True}})
    t.equal(t.shell(container, "cat /data/seed; stat -c %u:%g:%a /data /data/seed"), "from image\n1000:50:750\n1000:50:640\n")
    t.shell(container, "echo x >/data/new")


# --- limits and rights --------------------------------------------------------------------------------


def cgroup_value(t, container, v1, v2):
    for root, name in (("/sys/fs/cgroup/" + v1.split("/")[0], v1.split("/")[1]), ("/sys/fs/cgroup", v2)):
        path = os.path.join(root, t.env.cgroup, "pods", container, name)
        if os.path.exists(path):
            with open(path, encoding="ascii") as f:
                return f.read().strip()
    raise AssertionError("no cgroup file %s or %s for the container" % (v1, v2))


def test_resources(t):
    """Resource limits reach the container's cgroup"""
    pod = t.run_pod()
    container = t.run(pod, linux={"resources": {"memory_limit_in_bytes": 64 << 20, "cpu_quota": 50000, "cpu_period": 100000,
                                                "cpu_shares": 512, "oom_score_adj": 500, "cpuset_cpus": "0"}})
    t.equal(cgroup_value(t, container, "memory/memory.limit_in_bytes", "memory.max"), str(64 << 20))
    assert cgroup_value(t, container, "cpu/cpu.cfs_quota_us", "cpu.max").startswith("50000")
    assert cgroup_value(t, container, "cpu/cpu.shares", "cpu.weight") in ("512", "20")
    t.equal(cgroup_value(t, container, "cpuset/cpuset.cpus", "cpuset.cpus"), "0")
    t.equal(t.output(pod, "cat /proc/self/oom_score_adj", linux={"resources": {"oom_score_adj": 500}})[1], "500\n")
    if not t.env.plugin:
        t.equal(t.status(container).resources.linux.memory_limit_in_bytes, 64 << 20)


def capabilities(t, pod, **security):
    _, text = t.output(pod, "grep CapEff /proc/self/status", linux={"security_context": security})
    return int(text.split()[1], 16)


def test_capabilities(t):
    """Capabilities are added to and dropped from the default set"""
    chown, net_admin = 1 << 0, 1 << 12
    pod = t.run_pod()
    default = capabilities(t, pod)
    assert default & chown and not default & net_admin, hex(default)
    t.equal(capabilities(t, pod, capabilities={"add_capabilities": ["NET_ADMIN"]}), default | net_admin)
    t.equal(capabilities(t, pod, capabilities={"drop_capabilities": ["CHOWN"]}), default & ~chown)
    t.equal(capabilities(t, pod, capabilities={"drop_capabilities": ["ALL"]}), 0)
    t.equal(capabilities(t, pod, capabilities={"drop_capabilities": ["ALL"], "add_capabilities": ["NET_ADMIN"]}), net_admin)


def test_privileged(t):
    """A privileged container needs a privileged pod, and gets the host's devices and rights"""
    pod = t.run_pod()
    t.pull()
    codes = ("INVALID_ARGUMENT", "FAILED_PRECONDITION", "PERMISSION_DENIED") + (("UNKNOWN",) if t.env.plugin else ())
    t.fails(codes, lambda: t.create(pod, linux={"security_context": {"privileged": True}}), "privileged")
    strong = t.run_pod(linux={"security_context": {"privileged": True}})
    container = t.run(strong, linux={"security_context": {"privileged": True}})
    t.shell(container, "mkdir /m && mount -t tmpfs x /m && test -w /sys/fs/cgroup")
    t.equal(t.shell(container, "test -e /dev/kmsg && echo yes") if os.path.exists("/dev/kmsg") else "yes\n", "yes\n")


def test_no_new_privs(t):
    """no_new_privs is set when asked"""
    pod = t.run_pod()
    script = "grep NoNewPrivs /proc/self/status"
    t.equal(t.output(pod, script, linux={"security_context": {"no_new_privs": True}})[1].split()[1], "1")
    t.equal(t.output(pod, script)[1].split()[1], "0")


def test_masked_paths(t):
    """Masked and read-only paths are taken as sent"""
    pod = t.run_pod()
    container = t.run(pod, linux={"security_context": {"masked_paths": ["/proc/keys", "/etc/passwd"], "readonly_paths": ["/tmp"]}})
    t.equal(t.shell(container, "cat /etc/passwd"), "")
    assert t.exec(container, "echo x >/tmp/x").exit_code != 0


def test_namespaces(t):
    """PID namespaces: the container's own, the pod's, the node's"""
    pod = t.run_pod(linux={"security_context": {"namespace_options": {"pid": POD_NS}}})
    mode = lambda pid: {"security_context": {"namespace_options": {"pid": pid}}}
    own = t.run(pod, linux=mode(CONTAINER_NS))
    t.equal(t.shell(own, "cat /proc/1/comm"), "sleep\n")
    shared = t.run(pod, linux=mode(POD_NS))
    t.equal(t.shell(shared, "cat /proc/1/comm"), "pause\n")
    node_pod = t.run_pod(linux=mode(NODE_NS))
    node = t.run(node_pod, linux=mode(NODE_NS))
    t.equal(t.shell(node, "readlink /proc/self/ns/pid").strip(), os.readlink("/proc/self/ns/pid"))


def test_devices(t):
    """A device of the host in the container"""
    pod = t.run_pod()
    container = t.run(pod, devices=[{"host_path": "/dev/null", "container_path": "/dev/mynull", "permissions": "rw"}])
    t.shell(container, "test -c /dev/mynull && echo x >/dev/mynull")


def test_rootfs_is_own(t):
    """Containers of one image do not see each other's changes"""
    pod = t.run_pod()
    one, two = t.run(pod), t.run(pod)
    t.shell(one, "echo x >/marker && rm /etc/group")
    t.shell(two, "test ! -e /marker && test -e /etc/group")


def test_many_in_pod(t):
    """Twelve containers in one pod, ended by the pod's removal"""
    pod = t.run_pod()
    containers = [t.run(pod) for _ in range(12)]
    t.equal(len(t.cri.ListContainers(filter={"pod_sandbox_id": pod}).containers), 12)
    t.remove_pod(pod)
    found = {c.id for c in t.cri.ListContainers().containers}
    assert not found & set(containers)


def test_exit_is_noticed(t):
    """An end that nobody asked for is seen without asking containerd again"""
    pod = t.run_pod()
    container = t.run(pod)
    pids = [line.split()[1] for line in t.env.ctr("tasks", "ls").splitlines() if line.startswith(container)]
    os.kill(int(pids[0]), 9)
    wait_until(lambda: [c.state for c in t.cri.ListContainers(filter={"id": container}).containers] == [EXITED], 10, "the exit in the list")
    t.equal(t.status(container).exit_code, 137)
