# SPDX-License-Identifier: Apache-2.0
"""Seccomp profiles: the runtime's default, files of the node, none; what a container may then do, and what is refused."""

import json
import os

from harness.runner import not_with_plugin

DEFAULT, UNCONFINED, LOCALHOST = 0, 1, 2  # SecurityProfile.ProfileType

# Seccomp of /proc/self/status: 0 none, 2 a filter.
MODE = "grep '^Seccomp:' /proc/self/status"


def profile(kind, path=""):
    return {"profile_type": kind, "localhost_ref": path}


def linux(kind=None, path="", **more):
    security = dict(more)
    if kind is not None:
        security["seccomp"] = profile(kind, path)
    return {"security_context": security}


def mode(t, pod, **more):
    code, text = t.output(pod, MODE, **more)
    t.equal(code, 0, "exit code")
    return int(text.split()[1])


def write_profile(t, content):
    """A profile on the node; returns its path."""
    path = t.env.path("seccomp-%s.json" % t.name("p"))
    with open(path, "w", encoding="utf-8") as f:
        f.write(content if isinstance(content, str) else json.dumps(content))
    t.defer(lambda: os.unlink(path))
    return path


def deny(*names, **more):
    return {"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [dict({"names": list(names), "action": "SCMP_ACT_ERRNO"}, **more)]}


def pause_mode(t, pod):
    pids = [line.split()[1] for line in t.env.ctr("tasks", "ls").splitlines() if line.startswith(pod)]
    with open("/proc/%s/status" % pids[0], encoding="ascii") as f:
        return int(next(line for line in f if line.startswith("Seccomp:")).split()[1])


def test_nothing_asked(t):
    """Nothing asked for, and Unconfined: no filter"""
    pod = t.run_pod()
    t.equal(pause_mode(t, pod), 0, "pause")
    t.equal(mode(t, pod), 0, "nothing asked for")
    t.equal(mode(t, pod, linux=linux(UNCONFINED)), 0, "Unconfined")
    t.equal(mode(t, pod, linux={"security_context": {"seccomp_profile_path": "unconfined"}}), 0, "unconfined, the older form")


def test_runtime_default(t):
    """RuntimeDefault: a filter that does not stop a shell, and stops what reaches out of the container"""
    pod = t.run_pod(linux=linux(DEFAULT))
    t.equal(pause_mode(t, pod), 2, "pause")
    t.equal(mode(t, pod, linux=linux(DEFAULT)), 2)
    for old in ("runtime/default", "docker/default"):
        t.equal(mode(t, pod, linux={"security_context": {"seccomp_profile_path": old}}), 2, old)
    container = t.run(pod, linux=linux(DEFAULT))
    t.shell(container, "mkdir /d && cd /d && echo x | cat >f && ls -l f && (sleep 0 &) && id && ping -c 1 127.0.0.1 || true; test -s /d/f")
    # A process of an exec has it, too.
    t.equal(t.shell(container, MODE).split()[1], "2")


def test_runtime_default_capabilities(t):
    """RuntimeDefault goes by capabilities: without SYS_ADMIN nobody makes a user namespace, with it mount(2) works"""
    pod = t.run_pod()
    unshare, chroot = "/bin/busybox unshare -U true", "/bin/busybox chroot / /bin/true"
    container = t.run(pod, linux=linux(DEFAULT))
    t.shell(container, chroot)
    done = t.exec(container, unshare)
    assert done.exit_code != 0 and b"not permitted" in done.stderr, done
    # It is the filter that refuses: the kernel lets anybody do it.
    t.shell(t.run(pod, linux=linux(UNCONFINED)), unshare)
    admin = t.run(pod, linux=linux(DEFAULT, capabilities={"add_capabilities": ["SYS_ADMIN"]}))
    t.shell(admin, unshare + " && /bin/mount -t tmpfs none /home && umount /home")


def test_localhost(t):
    """Localhost: the node's file says what is denied, with which error, and for which arguments"""
    pod = t.run_pod()
    path = write_profile(t, deny("mkdir", "mkdirat", errnoRet=28))
    container = t.run(pod, linux=linux(LOCALHOST, path))
    t.equal(t.shell(container, MODE).split()[1], "2")
    done = t.exec(container, "mkdir /x")
    assert done.exit_code != 0 and b"No space left" in done.stderr, done
    t.shell(container, "echo x >/y")
    code, _ = t.output(pod, "mkdir /x", linux={"security_context": {"seccomp_profile_path": "localhost/" + path}})
    t.equal(code, 1, "the older form")
    # kill(pid, 9) is refused, kill(pid, 15) is not.
    path = write_profile(t, deny("kill", args=[{"index": 1, "value": 9, "op": "SCMP_CMP_EQ"}]))
    container = t.run(pod, linux=linux(LOCALHOST, path))
    t.shell(container, "sleep 100 & p=$!; ! kill -9 $p && kill -15 $p")


def test_localhost_sandbox(t):
    """A pod's own process has the pod's profile"""
    path = write_profile(t, deny("mkdir"))
    pod = t.run_pod(linux=linux(LOCALHOST, path))
    t.equal(pause_mode(t, pod), 2)
    t.equal(mode(t, pod), 0, "a container does not inherit it")


def test_profile_is_read_once(t):
    """The profile is taken at CreateContainer: a file that goes away before the start takes nothing along"""
    pod = t.run_pod()
    path = t.env.path("seccomp-%s.json" % t.name("p"))
    with open(path, "w", encoding="ascii") as f:
        json.dump(deny("mkdir"), f)
    container = t.create(pod, linux=linux(LOCALHOST, path))
    os.unlink(path)
    t.start(container)
    assert t.exec(container, "mkdir /x").exit_code != 0


def test_privileged(t):
    """A privileged pod and container have no filter, whatever they ask for; the file is not even read"""
    pod = t.run_pod(linux=linux(DEFAULT, privileged=True))
    t.equal(pause_mode(t, pod), 0, "pause")
    t.equal(mode(t, pod, linux=linux(DEFAULT, privileged=True)), 0)
    t.equal(mode(t, pod, linux=linux(LOCALHOST, "/no/such/profile.json", privileged=True)), 0)
    t.equal(mode(t, pod, linux=linux(DEFAULT)), 2, "an ordinary container in a privileged pod")


@not_with_plugin("it reads less strictly")
def test_bad_profiles(t):
    """A profile that cannot be had or understood is refused, by name, and nothing is left of the container or pod"""
    pod = t.run_pod()
    t.pull()
    for code, path, parts in (
            ("NOT_FOUND", "/no/such/profile.json", ["/no/such/profile.json", "seccomp"]),
            ("INVALID_ARGUMENT", "", ["seccomp", "absolute"]),
            ("INVALID_ARGUMENT", "relative.json", ["relative.json", "absolute"]),
            ("INVALID_ARGUMENT", t.env.pod_logs, [t.env.pod_logs, "regular"]),
            ("INVALID_ARGUMENT", "/dev/zero", ["/dev/zero", "regular"]),
            ("INVALID_ARGUMENT", write_profile(t, ""), ["seccomp"]),
            ("INVALID_ARGUMENT", write_profile(t, "{\"defaultAction\": "), ["seccomp-"]),
            ("INVALID_ARGUMENT", write_profile(t, "[]"), ["array", "object"]),
            ("INVALID_ARGUMENT", write_profile(t, {"defaultAction": "SCMP_ACT_PANIC"}), ["SCMP_ACT_PANIC"]),
            ("INVALID_ARGUMENT", write_profile(t, {"defaultAction": "SCMP_ACT_ALLOW", "sycalls": []}), ["sycalls"]),
            ("INVALID_ARGUMENT", write_profile(t, {"defaultAction": "SCMP_ACT_ERRNO", "archMap": []}), ["archMap", "Docker"]),
            ("INVALID_ARGUMENT", write_profile(t, deny("mkdir", args=[{"index": 9, "value": 0, "op": "SCMP_CMP_EQ"}])),
             ["syscalls[0]", "args[0]", "index"]),
            ("OUT_OF_RANGE", write_profile(t, " " * (1 << 20) + "{}"), ["1048576"])):
        t.fails(code, lambda: t.create(pod, linux=linux(LOCALHOST, path)), *parts)  # pylint: disable=cell-var-from-loop
        t.fails(code, lambda: t.cri.RunPodSandbox(config=t.pod_config(linux=linux(LOCALHOST, path))), *parts)  # pylint: disable=cell-var-from-loop
    old = {"security_context": {"seccomp_profile_path": "my/profile"}}
    t.fails("INVALID_ARGUMENT", lambda: t.create(pod, linux=old), "my/profile")
    t.fails("INVALID_ARGUMENT", lambda: t.create(pod, linux=linux(7)), "7")
    t.equal(len(t.cri.ListContainers().containers), 0)
    t.equal(len(t.cri.ListPodSandbox().items), 1)


@not_with_plugin("other words")
def test_apparmor(t):
    """AppArmor profiles are refused by name; Unconfined is not"""
    pod = t.run_pod()
    t.pull()
    t.fails(("FAILED_PRECONDITION", "UNIMPLEMENTED"), lambda: t.create(pod, linux={"security_context": {"apparmor": {"profile_type": DEFAULT}}}),
            "apparmor")
    t.equal(t.output(pod, "echo x", linux={"security_context": {"apparmor": {"profile_type": UNCONFINED}}})[1], "x\n")
