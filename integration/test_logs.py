# SPDX-License-Identifier: Apache-2.0
"""Container logs in CRI's format, written while the container runs."""

import os

from harness.context import joined, parse_log
from harness.runner import not_with_plugin
from harness.service import wait_until


def run_to_end(t, script, **more):
    pod = t.run_pod()
    config = t.container_config(script, **more)
    container = t.run(pod, config=config)
    t.wait_exit(container)
    return pod, config


def whole(t, pod, config, stream=None):
    return joined(t.log(pod, config), stream)


def test_lines(t):
    """Lines of both streams, with time, stream and F"""
    pod, config = run_to_end(t, "echo one; echo two >&2; echo; echo three")
    entries = t.log(pod, config)
    t.equal([e[3] for e in entries if e[1] == "stdout"], [b"one", b"", b"three"])
    t.equal([e[3] for e in entries if e[1] == "stderr"], [b"two"])
    t.equal({e[2] for e in entries}, {"F"})
    times = [e[0] for e in entries if e[1] == "stdout"]
    t.equal(times, sorted(times), "times")


@not_with_plugin("reports the exit first")
def test_complete_at_exit(t):
    """When the exit is reported, the log is whole"""
    pod = t.run_pod()
    for _ in range(5):
        config = t.container_config("seq 1 20000")
        container = t.run(pod, config=config)
        t.wait_exit(container)
        t.equal(whole(t, pod, config), b"".join(b"%d\n" % i for i in range(1, 20001)))


def test_while_running(t):
    """Lines are there while the container runs"""
    pod = t.run_pod()
    config = t.container_config("echo early; exec sleep 1000")
    t.run(pod, config=config)
    t.wait_log(pod, config, b"early\n")


def test_long_lines(t):
    """A line beyond 16384 bytes is cut into P entries and an F"""
    for size in (16383, 16384, 16385, 50000):
        pod, config = run_to_end(t, "head -c %d /dev/zero | tr '\\0' x; echo; echo after" % size)
        entries = t.log(pod, config)
        t.equal(joined(entries), b"x" * size + b"\nafter\n")
        line = entries[:-1]
        assert all(len(e[3]) <= 16384 for e in line), [len(e[3]) for e in line]
        t.equal([e[2] for e in line], ["P"] * (len(line) - 1) + ["F"], "tags of %d bytes" % size)
        assert (len(line) > 1) == (size > 16384), "%d entries for %d bytes" % (len(line), size)


def test_very_long_run(t):
    """Three megabytes without a line end: P entries of 16384 bytes, and nothing is missing"""
    pod, config = run_to_end(t, "head -c 3000000 /dev/zero | tr '\\0' y")
    entries = t.log(pod, config)
    t.equal(joined(entries) == b"y" * 3000000, True, "the content is whole")
    t.equal({e[2] for e in entries}, {"P"})
    t.equal({len(e[3]) for e in entries[:-1]}, {16384})


def test_small_writes(t):
    """Many writes of one byte make whole lines; empty lines stay"""
    script = "i=0; while [ $i -lt 300 ]; do printf a; printf '\\r'; printf '\\n'; printf '\\n'; printf b; printf '\\n'; i=$((i + 1)); done"
    pod, config = run_to_end(t, script)
    entries = t.log(pod, config)
    t.equal([e[3] for e in entries], [b"a", b"", b"b"] * 300)
    t.equal({e[2] for e in entries}, {"F"})


def test_tty_bytes(t):
    """A terminal's line ends are as those of a pipe; carriage returns inside a line, NUL and escapes stay"""
    pod, config = run_to_end(t, "printf 'a\\rb\\n\\033[1mx\\000\\n\\nend'", tty=True)
    t.equal([(e[1], e[2], e[3]) for e in t.log(pod, config)],
            [("stdout", "F", b"a\rb"), ("stdout", "F", b"\x1b[1mx\0"), ("stdout", "F", b""), ("stdout", "P", b"end")])


def test_no_newline_at_end(t):
    """Text without a line end at the end of the stream is there, as P"""
    pod, config = run_to_end(t, "printf 'a\\nb'")
    t.equal([(e[2], e[3]) for e in t.log(pod, config)], [("F", b"a"), ("P", b"b")])


def test_carriage_return(t):
    """A carriage return before the line end is dropped, others stay"""
    pod, config = run_to_end(t, "printf 'a\\r\\nb\\rc\\n\\r\\n'")
    t.equal([e[3] for e in t.log(pod, config)], [b"a", b"b\rc", b""])


def test_bytes(t):
    """Bytes that are no text are kept"""
    pod, config = run_to_end(t, "printf '\\000\\001\\377\\n'")
    t.equal(whole(t, pod, config), b"\0\1\xff\n")


def test_much(t):
    """Ten megabytes on two streams arrive whole and in order"""
    pod, config = run_to_end(t, "yes 0123456789012345678901234567890123456789 | head -n 130000 & "
                                "yes error-error-error-error | head -n 200000 >&2; wait")
    t.equal(whole(t, pod, config, "stdout") == b"0123456789012345678901234567890123456789\n" * 130000, True, "stdout is whole")
    t.equal(whole(t, pod, config, "stderr") == b"error-error-error-error\n" * 200000, True, "stderr is whole")


def test_tty(t):
    """With a terminal everything is stdout"""
    pod, config = run_to_end(t, "echo out; echo err >&2; test -t 1 && echo terminal", tty=True)
    entries = t.log(pod, config)
    t.equal({e[1] for e in entries}, {"stdout"})
    t.equal([e[3] for e in entries], [b"out", b"err", b"terminal"])


def test_no_log_path(t):
    """Without a log path the output is drained: the container does not block"""
    pod = t.run_pod()
    container = t.run(pod, "yes | head -c 3000000; exit 9", log_path="")
    t.equal(t.wait_exit(container).exit_code, 9)
    plain = t.run_pod(log_directory="")
    container = t.run(plain, "yes | head -c 3000000; exit 9")
    t.equal(t.wait_exit(container).exit_code, 9)


def test_file(t):
    """The log file has mode 0640 and its folders are made"""
    pod = t.run_pod()
    config = t.container_config("echo x", log_path="deep/er/0.log")
    t.wait_exit(t.run(pod, config=config))
    info = os.stat(t.log_path(pod, config))
    t.equal(oct(info.st_mode & 0o777), "0o640")


def test_log_cannot_be_opened(t):
    """A log file that cannot be opened is an error that names it"""
    pod = t.run_pod()
    blocker = os.path.join(t.pods[pod]["log_directory"], "blocker")
    os.makedirs(os.path.dirname(blocker), exist_ok=True)
    with open(blocker, "w", encoding="ascii") as f:
        f.write("a file, no folder")
    config = t.container_config("echo x", log_path="blocker/0.log")
    try:
        container = t.create(pod, config=config)
    except Exception as e:  # either call may be the one that finds it
        assert "blocker" in str(e), e
        return
    t.fails(("UNKNOWN", "INTERNAL", "INVALID_ARGUMENT", "FAILED_PRECONDITION", "NOT_FOUND"), lambda: t.start(container), "blocker")


def test_kept_after_removal(t):
    """The log outlives its container: it is the kubelet's"""
    pod = t.run_pod()
    config = t.container_config("echo keep")
    container = t.run(pod, config=config)
    t.wait_exit(container)
    t.cri.RemoveContainer(container_id=container)
    t.equal(whole(t, pod, config), b"keep\n")


def test_slow_lines(t):
    """A line written in pieces is one entry"""
    pod, config = run_to_end(t, "printf a; usleep 100000; printf b; usleep 100000; echo c")
    wait_until(lambda: t.log(pod, config), 5, "the log")
    t.equal([e[3] for e in t.log(pod, config)], [b"abc"])


# --- ReopenContainerLog ------------------------------------------------------------------------------

# Writes numbered lines as fast as the shell can: a block of a thousand with each turn.
NUMBERS = "i=0; while [ $i -lt %d ]; do seq $((i * 1000 + 1)) $((i * 1000 + 1000)); i=$((i + 1)); done"


def run_echo(t, pod, **more):
    """A container that says in its log what is written to its pipe /p; (config, id, path of the log)."""
    config = t.container_config("mkfifo /p; while :; do read line < /p; echo $line; done", **more)
    container = t.run(pod, config=config)
    wait_until(lambda: t.exec(container, "test -p /p").exit_code == 0, 10, "the pipe in the container")
    return config, container, t.log_path(pod, config)


@not_with_plugin("reports the exit first")
def test_reopen_under_load(t):
    """Rotated in a loop while numbered lines are written at full speed: every line once, in order, whole"""
    pod = t.run_pod()
    blocks = 2000
    config = t.container_config(NUMBERS % blocks)
    container = t.run(pod, config=config)
    path, rotated = t.log_path(pod, config), []
    while t.status(container).state == 1 and len(rotated) < 500:
        old = "%s.%04d" % (path, len(rotated))
        os.rename(path, old)
        rotated.append(old)
        try:
            t.cri.ReopenContainerLog(container_id=container)
        except Exception as e:  # it has ended meanwhile
            assert getattr(e, "code", "") in ("FAILED_PRECONDITION", "UNKNOWN"), e
    t.wait_exit(container)
    files = [f for f in rotated + [path] if os.path.exists(f)]
    assert len(files) > 5, "rotated only %d times" % len(files)
    entries = [e for f in files for e in parse_log(f)]
    t.equal({e[2] for e in entries}, {"F"})
    t.equal([int(e[3]) for e in entries] == list(range(1, blocks * 1000 + 1)), True, "every number once and in order")


def test_reopen_idle(t):
    """After a rotation new lines go to the new file, with mode 0640; the old one is left alone"""
    pod = t.run_pod()
    config, container, path = run_echo(t, pod)
    t.shell(container, "echo one > /p")
    t.wait_log(pod, config, b"one\n")
    os.rename(path, path + ".1")
    t.cri.ReopenContainerLog(container_id=container)
    t.equal(os.path.getsize(path), 0)
    t.equal(oct(os.stat(path).st_mode & 0o777), "0o640")
    t.shell(container, "echo two > /p")
    t.wait_log(pod, config, b"two\n")
    t.equal(joined(parse_log(path + ".1")), b"one\n")
    # The folder is gone: it is made again.
    os.rename(os.path.dirname(path), os.path.dirname(path) + ".away")
    t.cri.ReopenContainerLog(container_id=container)
    t.shell(container, "echo three > /p")
    t.wait_log(pod, config, b"three\n")


@not_with_plugin("opens whatever lies there")
def test_reopen_refused(t):
    """What is no regular file is not opened (the node's files are safe); the old file stays in use"""
    pod = t.run_pod()
    config, container, path = run_echo(t, pod)
    victim = os.path.join(t.env.work, "victim")
    with open(victim, "w", encoding="ascii") as f:
        f.write("precious")
    os.rename(path, path + ".1")
    os.symlink(victim, path)
    t.fails("FAILED_PRECONDITION", lambda: t.cri.ReopenContainerLog(container_id=container), "not a regular file", path, container)
    t.shell(container, "echo still > /p")
    wait_until(lambda: joined(parse_log(path + ".1", whole=False)) == b"still\n", 10, "the line in the old file")
    with open(victim, encoding="ascii") as f:
        t.equal(f.read(), "precious")
    os.unlink(path)
    t.cri.ReopenContainerLog(container_id=container)
    t.shell(container, "echo again > /p")
    t.wait_log(pod, config, b"again\n")


def test_reopen_states(t):
    """Only the log of a container that runs can be reopened"""
    pod = t.run_pod()
    refused = ("FAILED_PRECONDITION", "UNKNOWN")
    container = t.create(pod, "exit 0")
    t.fails(refused, lambda: t.cri.ReopenContainerLog(container_id=container), "not running")
    t.start(container)
    t.wait_exit(container)
    t.fails(refused, lambda: t.cri.ReopenContainerLog(container_id=container), "not running")
    t.fails("NOT_FOUND", lambda: t.cri.ReopenContainerLog(container_id="0123456789"), "0123456789")
    t.fails(("INVALID_ARGUMENT", "NOT_FOUND", "UNKNOWN"), lambda: t.cri.ReopenContainerLog(container_id=""), "container")
    silent = t.run(pod, log_path="")
    t.cri.ReopenContainerLog(container_id=silent)


@not_with_plugin("is restarted with containerd only")
def test_reopen_after_restart(t):
    """A daemon that was restarted reopens too, without a lost line"""
    pod = t.run_pod()
    config, container, path = run_echo(t, pod)
    t.shell(container, "echo one > /p")
    t.wait_log(pod, config, b"one\n")
    os.rename(path, path + ".1")
    t.env.daemon.kill()
    t.env.start_daemon()
    t.cri.ReopenContainerLog(container_id=container)
    t.shell(container, "echo two > /p")
    t.wait_log(pod, config, b"two\n")
    t.equal(joined(parse_log(path + ".1")), b"one\n")
