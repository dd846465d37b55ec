# SPDX-License-Identifier: Apache-2.0
"""ExecSync: output, exit codes, limits, timeouts."""

import threading
import time

from harness.cri import RpcFailure
from harness.runner import not_with_plugin
from harness.service import wait_until


def test_output(t):
    """Both streams and the exit code come back"""
    container = t.run(t.run_pod())
    done = t.exec(container, "echo out; echo err >&2; exit 5")
    t.equal((done.stdout, done.stderr, done.exit_code), (b"out\n", b"err\n", 5))
    done = t.exec(container, "true")
    t.equal((done.stdout, done.stderr, done.exit_code), (b"", b"", 0))


def test_argv(t):
    """Arguments arrive as they are"""
    container = t.run(t.run_pod())
    args = ["a b", "", "$HOME", "'\"", "\u00e4", "new\nline"]
    t.equal(t.exec(container, "/bin/printf", "%s|", *args).stdout.decode(), "|".join(args) + "|")


def test_bytes(t):
    """Output is bytes, whatever they are"""
    container = t.run(t.run_pod())
    done = t.exec(container, r"printf '\000\377\376\r\n\200'")
    t.equal(done.stdout, b"\0\xff\xfe\r\n\x80")


def test_context(t):
    """The command runs with the container's user, environment and folder"""
    container = t.run(t.run_pod(), envs=[{"key": "MARK", "value": "x1"}], working_dir="/tmp",
                      linux={"security_context": {"run_as_username": "alice"}})
    t.equal(t.shell(container, "id -u; echo $MARK; pwd").split(), ["1000", "x1", "/tmp"])


def test_no_such_program(t):
    """A program that does not exist is an error that names it, and the container goes on"""
    container = t.run(t.run_pod())
    t.fails(("UNKNOWN", "INTERNAL", "NOT_FOUND", "INVALID_ARGUMENT", "FAILED_PRECONDITION"),
            lambda: t.exec(container, "/no/such", "thing"), "/no/such")
    t.equal(t.exec(container, "echo x").stdout, b"x\n")


def test_not_running(t):
    """A container that does not run is refused"""
    pod = t.run_pod()
    codes = ("FAILED_PRECONDITION",) + (("UNKNOWN",) if t.env.plugin else ())
    created = t.create(pod)
    t.fails(codes, lambda: t.exec(created, "true"))
    ended = t.run(pod, "true")
    t.wait_exit(ended)
    t.fails(codes, lambda: t.exec(ended, "true"))


def test_timeout(t):
    """A command that takes too long is killed and the call ends with DEADLINE_EXCEEDED"""
    container = t.run(t.run_pod())
    start = time.monotonic()
    t.fails(("DEADLINE_EXCEEDED",), lambda: t.exec(container, "echo $$ >/pid; exec sleep 1000", timeout=1))
    assert 0.9 < time.monotonic() - start < 30, "it took %.1f s" % (time.monotonic() - start)
    wait_until(lambda: t.exec(container, "kill -0 $(cat /pid)").exit_code != 0, 10, "the end of the command")


def test_timeout_not_reached(t):
    """A command within its time is not disturbed"""
    container = t.run(t.run_pod())
    t.equal(t.exec(container, "usleep 200000; echo done", timeout=60).stdout, b"done\n")


def test_client_leaves(t):
    """When the caller gives up, the command is killed"""
    container = t.run(t.run_pod())
    t.fails("DEADLINE_EXCEEDED", lambda: t.cri.call("ExecSync", deadline=1.0, container_id=container,
                                                    cmd=["/bin/sh", "-c", "echo $$ >/pid; exec sleep 1000"]))
    wait_until(lambda: t.exec(container, "kill -0 $(cat /pid)").exit_code != 0, 15, "the end of the command")


def test_big_output(t):
    """Megabytes come back whole"""
    container = t.run(t.run_pod())
    done = t.exec(container, "yes 0123456789abcde | head -c 7000000; yes e | head -c 3000000 >&2")
    t.equal((len(done.stdout), len(done.stderr), done.exit_code), (7000000, 3000000, 0))
    t.equal(done.stdout, (b"0123456789abcde\n" * 437500)[:7000000])


@not_with_plugin("1.6 has no limit")
def test_output_limit(t):
    """CVE-2022-1708, ADA-CRIO-22-02: Output is cut so that the answer fits into a message of 16 MiB; the command runs to its end"""
    container = t.run(t.run_pod())
    limit = (16 << 20) - (0 if t.env.plugin else 4096)
    for size in (limit - 1, limit, limit + 1, limit + (1 << 20)):
        try:
            done = t.exec(container, "yes | head -c %d; echo ok >/end" % size)
            t.equal((len(done.stdout), done.exit_code), (min(size, limit), 0), "bytes of %d" % size)
        except RpcFailure as e:
            # The plugin's answer has the other fields and framing too and may pass the limit of a message.
            assert t.env.plugin, e
            t.equal(e.code, "RESOURCE_EXHAUSTED")
        t.equal(t.shell(container, "cat /end; rm /end"), "ok\n")


def test_parallel(t):
    """Twenty at the same time, each with its own output"""
    container = t.run(t.run_pod())
    results = {}

    def call(i):
        results[i] = t.exec(container, "echo %d; exit %d" % (i, i))
    threads = [threading.Thread(target=call, args=(i,)) for i in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    t.equal({i: (r.stdout, r.exit_code) for i, r in results.items()}, {i: (b"%d\n" % i, i) for i in range(20)})


def test_background_child(t):
    """A child that outlives the command but closed its output does not hold the call"""
    container = t.run(t.run_pod())
    t.equal(t.exec(container, "sleep 1000 >/dev/null 2>&1 & echo started", timeout=20).stdout, b"started\n")


def test_end_of_container(t):
    """A command ends with its container"""
    container = t.run(t.run_pod())
    call = t.cri.start("ExecSync", container_id=container, cmd=["/bin/sh", "-c", "echo up >/up; exec sleep 1000"])
    wait_until(lambda: t.exec(container, "test -e /up").exit_code == 0, 10, "the command")
    t.cri.StopContainer(container_id=container, timeout=0)
    try:
        assert call.result(timeout=20).exit_code != 0
    except Exception as e:  # an error is an answer too, hanging is not
        assert "timed out" not in str(e).lower(), e
