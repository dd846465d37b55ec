# SPDX-License-Identifier: Apache-2.0
"""The daemon stops, is killed, starts again: pods, containers and images are found again, as they are now."""

import os

from harness.context import CREATED, EXITED, NOTREADY, READY, RUNNING, joined
from harness.runner import not_with_plugin
from harness.service import wait_until

ours = not_with_plugin("it is part of containerd")


def restart(t, kill, between=None):
    if kill:
        t.env.daemon.kill()
    else:
        t.equal(t.env.daemon.stop(), 0, "exit status")
    if between:
        between()
    t.env.start_daemon()


def pid_of(t, container):
    return [int(line.split()[1]) for line in t.env.ctr("tasks", "ls").splitlines() if line.startswith(container)][0]


def check_found(t, kill):
    pod = t.run_pod(labels={"l": "1"}, annotations={"a": "2"})
    stopped = t.run_pod()
    t.cri.StopPodSandbox(pod_sandbox_id=stopped)
    running = t.run(pod, labels={"c": "3"})
    created = t.create(pod)
    ended = t.run(pod, "exit 5")
    t.wait_exit(ended)
    before = {
        "pods": {p: t.pod_status(p) for p in (pod, stopped)},
        "containers": {c: t.status(c) for c in (running, created, ended)},
        "images": sorted(i.id for i in t.cri.ListImages().images),
        "pid": pid_of(t, running),
    }
    restart(t, kill)
    after = {
        "pods": {p: t.pod_status(p) for p in (pod, stopped)},
        "containers": {c: t.status(c) for c in (running, created, ended)},
        "images": sorted(i.id for i in t.cri.ListImages().images),
        "pid": pid_of(t, running),
    }
    for kind in before:
        if isinstance(before[kind], dict):
            for key in before[kind]:
                t.equal(str(after[kind][key]).split("\n"), str(before[kind][key]).split("\n"), "%s %s" % (kind, key[:12]))
        t.equal(after[kind], before[kind], kind)
    t.equal((t.pod_status(pod).state, t.pod_status(stopped).state), (READY, NOTREADY))
    t.equal([t.status(c).state for c in (running, created, ended)], [RUNNING, CREATED, EXITED])
    # And they can be worked with.
    t.equal(t.exec(running, "echo again").stdout, b"again\n")
    t.start(created)
    t.equal(t.status(created).state, RUNNING)
    t.cri.StopContainer(container_id=running, timeout=0)
    t.equal(t.status(running).exit_code, 137)


@ours
def test_stop_and_start(t):
    """After SIGTERM and a new start everything is as it was"""
    check_found(t, kill=False)


@ours
def test_kill_and_start(t):
    """After SIGKILL and a new start everything is as it was"""
    check_found(t, kill=True)


@ours
def test_exit_in_between(t):
    """Exits that happen while no daemon runs are reported with their code"""
    pod = t.run_pod()
    config = t.container_config("trap 'exit 33' TERM; echo up; while :; do usleep 10000; done")
    container = t.run(pod, config=config)
    t.wait_log(pod, config, b"up\n")
    killed = t.run(pod)
    pids = pid_of(t, container), pid_of(t, killed)

    def end():
        os.kill(pids[0], 15)
        os.kill(pids[1], 9)
        wait_until(lambda: t.env.ctr("tasks", "ls").count("STOPPED") == 2, 10, "the exits")
    restart(t, True, end)
    t.equal((t.status(container).state, t.status(container).exit_code), (EXITED, 33))
    t.equal((t.status(killed).state, t.status(killed).exit_code), (EXITED, 137))
    t.recent(t.status(container).finished_at, "finished_at")


@ours
def test_pause_dies_in_between(t):
    """A pod whose pause container ended meanwhile is not ready, and can be removed"""
    pod = t.run_pod()
    pid = pid_of(t, pod)

    def end():
        os.kill(pid, 9)
        wait_until(lambda: "STOPPED" in t.env.ctr("tasks", "ls"), 10, "the exit")
    restart(t, True, end)
    t.equal(t.pod_status(pod).state, NOTREADY)


@ours
def test_exit_after_restart(t):
    """An exit after the restart is noticed"""
    pod = t.run_pod()
    container = t.run(pod)
    restart(t, True)
    os.kill(pid_of(t, container), 9)
    t.equal(t.wait_exit(container).exit_code, 137)


def writes_on(t, kill):
    pod = t.run_pod()
    config = t.container_config("i=0; while [ $i -lt 400 ]; do echo line $i; echo err $i >&2; i=$((i+1)); usleep 5000; done")
    container = t.run(pod, config=config)
    t.wait_log(pod, config, b"line 20\n")
    restart(t, kill)
    t.equal(t.wait_exit(container, 60).exit_code, 0)
    return t.log(pod, config)


@ours
def test_log_goes_on(t):
    """The log goes on after a stop, and nothing of it is lost or doubled"""
    entries = writes_on(t, kill=False)
    t.equal(joined(entries, "stdout").decode().split("\n")[:-1], ["line %d" % i for i in range(400)])
    t.equal(joined(entries, "stderr").decode().split("\n")[:-1], ["err %d" % i for i in range(400)])


@ours
def test_log_goes_on_after_kill(t):
    """The log goes on after SIGKILL; at most what the killed daemon had read and not yet written is missing"""
    lines = [l for l in joined(writes_on(t, kill=True), "stdout").decode().split("\n") if l]
    numbers = [int(l.split()[1]) for l in lines if l.startswith("line ")]
    assert numbers == sorted(set(numbers)), "lines are doubled or out of order"
    t.equal(numbers[-1], 399, "the last line")
    assert len(numbers) > 300, "%d of 400 lines" % len(numbers)


@ours
def test_long_absence(t):
    """What a container writes while no daemon runs is in the log afterwards: it waits in the pipe, or the container does"""
    pod = t.run_pod()
    config = t.container_config("echo up; while [ ! -e /go ]; do usleep 10000; done; seq 1 300000; echo end; exec sleep 1000000")
    container = t.run(pod, config=config)
    t.wait_log(pod, config, b"up\n")
    root = "/proc/%d/root" % pid_of(t, container)

    def go():
        with open(root + "/go", "w", encoding="ascii"):
            pass
    restart(t, False, go)
    t.wait_log(pod, config, b"end\n", 30)
    t.equal(joined(t.log(pod, config)), b"up\n" + b"".join(b"%d\n" % i for i in range(1, 300001)) + b"end\n")
    t.equal(t.status(container).state, RUNNING)


@ours
def test_repeat_after_restart(t):
    """After a restart an equal RunPodSandbox still answers the same pod"""
    config = t.pod_config()
    pod = t.run_pod(config)
    restart(t, True)
    t.equal(t.cri.RunPodSandbox(config=config).pod_sandbox_id, pod)
    t.fails("ALREADY_EXISTS", lambda: t.cri.RunPodSandbox(config=dict(config, hostname="other")), config["metadata"]["name"])


@ours
def test_remove_after_restart(t):
    """Everything made before a restart can be removed after it, without a trace"""
    pod = t.run_pod()
    t.run(pod)
    restart(t, True)
    t.remove_pod(pod)


@ours
def test_bad_records(t):
    """A damaged status file or an orphaned folder does not stop the start, and does not hide the rest"""
    pod = t.run_pod()
    container = t.run(pod)
    other = t.run(pod)
    orphan = os.path.join(t.env.root, "containers", "f" * 64)

    def damage():
        with open(os.path.join(t.env.root, "containers", other, "status"), "wb") as f:
            f.write(b"\0\1{not json")
        os.makedirs(orphan)
    restart(t, True, damage)
    t.equal(t.status(container).state, RUNNING)
    t.equal(t.pod_status(pod).state, READY)
    assert other in {c.id for c in t.cri.ListContainers().containers}, "the damaged container is not listed"
    wait_until(lambda: not os.path.exists(orphan), 10, "the removal of the orphaned folder")


@ours
def test_socket_is_free_after_stop(t):
    """SIGTERM ends the daemon with status 0, leaves containers running, and the socket does not answer"""
    from harness.service import socket_answers
    pod = t.run_pod()
    container = t.run(pod)
    pid = pid_of(t, container)
    t.equal(t.env.daemon.stop(), 0, "exit status")
    assert not socket_answers(t.env.socket)
    os.kill(pid, 0)
    t.env.start_daemon()


@ours
def test_containerd_restarts(t):
    """containerd is killed and starts again: calls fail meanwhile with UNAVAILABLE, then everything goes on"""
    pod = t.run_pod()
    container = t.run(pod)
    t.env.containerd.kill()
    t.env.services.remove(t.env.containerd)
    try:
        t.fails(("UNAVAILABLE", "DEADLINE_EXCEEDED"), lambda: t.cri.call("RunPodSandbox", deadline=5, config=t.pod_config()))
    finally:
        t.env.start_containerd()
    wait_until(lambda: exec_works(t, container), 30, "exec to work again")
    os.kill(pid_of(t, container), 9)
    t.equal(t.wait_exit(container).exit_code, 137)
    t.remove_pod(pod)


def exec_works(t, container):
    from harness.cri import RpcFailure
    try:
        return t.exec(container, "echo x").stdout == b"x\n"
    except RpcFailure as e:
        assert e.code in ("UNAVAILABLE", "DEADLINE_EXCEEDED"), e
        return False
