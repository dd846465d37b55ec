# SPDX-License-Identifier: Apache-2.0
"""Container logs on disks that are full or hang, and what else goes on meanwhile."""

import os
import signal

from harness import isolate
from harness.context import joined, parse_log
from harness.cri import RpcFailure
from harness.disk import HungDisk
from harness.runner import not_with_plugin
from harness.service import wait_until

# Says numbers, then what is written to its pipe /p; a file /said-WORD tells that it was said.
SCRIPT = "mkfifo /p; seq 1 %d; touch /done; while :; do read line < /p; echo $line; touch /said-$line; done"

# The same, but says the numbers from 2 on only when its pipe has been written to.
HELD = "mkfifo /p; echo 1; read line < /p; " + SCRIPT[len("mkfifo /p; "):].replace("seq 1", "seq 2")


def small_disk(t, pod_log_directory, size):
    os.makedirs(pod_log_directory, exist_ok=True)
    isolate.mount("small", pod_log_directory, "tmpfs", 0, "size=%d" % size)
    t.defer(lambda: isolate.umount(pod_log_directory))


def numbers(entries):
    return [int(e[3]) for e in entries if e[3].isdigit()]


def say(t, container, word):
    t.shell(container, "echo %s > /p; while ! test -e /said-%s; do usleep 10000; done" % (word, word))


def reopened(t, container):
    """False while the disk is not yet there."""
    try:
        t.cri.ReopenContainerLog(container_id=container)
    except RpcFailure as e:
        t.equal(e.code, "DEADLINE_EXCEEDED")
        return False
    return True


def done(t, container):
    return t.exec(container, "test -e /done").exit_code == 0


@not_with_plugin("leaves half lines")
def test_full_disk(t):
    """The log disk is full: the container is not held up, lines are lost as whole ones, and with room again the log goes on"""
    pod = t.run_pod()
    folder = t.pods[pod]["log_directory"]
    small_disk(t, folder, 1 << 20)
    filler = os.path.join(folder, "filler")
    with open(filler, "wb") as f:
        f.write(bytes(512 << 10))
    config = t.container_config(SCRIPT % 200000, log_path="0.log")
    container = t.run(pod, config=config)
    wait_until(lambda: done(t, container), 30, "the container to have written all")
    os.unlink(filler)
    say(t, container, "after")
    entries = t.wait_log(pod, config, b"after\n")
    t.equal({e[2] for e in entries}, {"F"})
    found = numbers(entries)
    t.equal(found[:1000], list(range(1, 1001)), "the first lines")
    t.equal(found, sorted(set(found)), "no line twice or out of order")
    assert 1000 < len(found) < 200000, len(found)
    t.equal(entries[-1][3], b"after")
    log = t.env.daemon.log_text()
    assert "lines of a container are lost" in log and t.log_path(pod, config) in log, "the daemon does not say that lines are lost"


@not_with_plugin("has no limit for a disk")
def test_hung_disk(t):
    """A log disk hangs: other containers' logs, exec, status and stop go on; when it is back the log is whole"""
    pod, other = t.run_pod(), t.run_pod()
    disk = HungDisk(t, t.pods[pod]["log_directory"])
    config = t.container_config(SCRIPT % 150000, log_path="0.log")
    container = t.create(pod, config=config)
    disk.hang()
    t.fails("DEADLINE_EXCEEDED", lambda: t.start(container), t.log_path(pod, config))
    disk.go_on()
    config = t.container_config(HELD % 150000, log_path="1.log")
    container = t.run(pod, config=config)
    t.wait_log(pod, config, b"1\n")
    disk.hang()
    t.shell(container, "echo go > /p")
    free = t.container_config("seq 1 50000")
    t.wait_exit(t.run(other, config=free))
    t.equal(numbers(t.log(other, free)) == list(range(1, 50001)), True, "the other container's log is whole")
    t.equal(t.shell(container, "echo works"), "works\n")
    t.equal(t.status(container).state, 1)
    assert not done(t, container), "the container was not held up: where did its lines go?"
    t.fails("DEADLINE_EXCEEDED", lambda: t.cri.ReopenContainerLog(container_id=container), t.log_path(pod, config))
    disk.go_on()
    wait_until(lambda: done(t, container), 30, "the container to go on")
    wait_until(lambda: len(parse_log(t.log_path(pod, config), whole=False)) == 150000, 10, "the whole log")
    t.equal(numbers(t.log(pod, config)), list(range(1, 150001)))
    disk.hang()
    say(t, container, "last")
    t.cri.StopContainer(container_id=container, timeout=0)
    t.equal(t.status(container).state, 2)
    disk.go_on()
    wait_until(lambda: joined(parse_log(t.log_path(pod, config), whole=False)).endswith(b"last\n"), 10, "what was in the pipe")


@not_with_plugin("has no limit for a disk")
def test_restart_with_hung_disk(t):
    """The daemon stops and starts while a log disk hangs; the log goes on with no line lost when it is back"""
    pod = t.run_pod()
    disk = HungDisk(t, t.pods[pod]["log_directory"])
    config = t.container_config(SCRIPT % 1, log_path="0.log")
    container = t.run(pod, config=config)
    t.wait_log(pod, config, b"1\n")
    disk.hang()
    say(t, container, "2")
    t.env.daemon.process.send_signal(signal.SIGTERM)
    t.env.daemon.wait(60)
    t.env.start_daemon()
    t.equal(t.status(container).state, 1)
    say(t, container, "3")
    disk.go_on()
    wait_until(lambda: reopened(t, container), 10, "ReopenContainerLog to work again")
    say(t, container, "4")
    t.wait_log(pod, config, b"4\n")
    t.equal(numbers(t.log(pod, config))[-2:], [3, 4])
