# SPDX-License-Identifier: Apache-2.0
"""Namespaces of our own for a test run, in which nothing of the machine can be touched.

Three processes stand around the program that does the work:

  outer   waits. It stays in the machine's own namespaces, so it can say, after the
          end, that nothing is left there: it removes the cgroups of the run, which no namespace hides.
  middle  makes the namespaces and waits.
  init    process 1 of the new pid namespace. It reaps every orphan (containerd's shims become orphans by
          design; unreaped they stay zombies and containerd waits for them) and ends with the program.

The program sees private mounts, network, processes, IPC and hostname. /run is an empty tmpfs, and
everything that a run writes is below it: when the last process dies, for whatever reason, the kernel
removes all of it. Each process dies with its parent, so killing the outermost one ends everything.
"""

import ctypes
import errno
import os
import signal
import subprocess
import sys

MS_NOSUID, MS_NODEV, MS_BIND, MS_REC, MS_PRIVATE, MS_SLAVE = 2, 4, 4096, 16384, 1 << 18, 1 << 19
PR_SET_PDEATHSIG = 1
CLONE_ALL = 0x00020000 | 0x04000000 | 0x08000000 | 0x20000000 | 0x40000000  # mount, UTS, IPC, pid, network
CGROUP_ROOT = "/sys/fs/cgroup"
CGROUP_PREFIX = "cri-containerd-test-"
WORK = "/run/cct"  # short: unix socket paths end at 107 bytes

_libc = ctypes.CDLL(None, use_errno=True)


class Problem(Exception):
    """Something a person can put right; its text is one sentence."""


def die_with_parent():
    _libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)


def mount(source, target, fstype, flags, data=None):
    """mount(2); raises OSError."""
    enc = lambda s: None if s is None else s.encode()
    if _libc.mount(enc(source), enc(target), enc(fstype), flags, enc(data)) != 0:
        err = ctypes.get_errno()
        raise OSError(err, os.strerror(err), target)


def private_copy(folder, upper):
    """Whatever is written below `folder` from now on goes to `upper` and is seen by nobody outside."""
    for name in ("data", "work"):
        os.makedirs(os.path.join(upper, name), exist_ok=True)
    mount("overlay", folder, "overlay", 0, "lowerdir=%s,upperdir=%s/data,workdir=%s/work" % (folder, upper, upper))


def umount(target):
    _libc.umount2(target.encode(), 2)


def mount_points():
    """Mount points of this namespace, in the order in which they were made."""
    points = []
    with open("/proc/self/mountinfo", encoding="utf-8", errors="surrogateescape") as f:
        for line in f:
            point = line.split(" ")[4]
            for code, char in (("\\040", " "), ("\\011", "\t"), ("\\012", "\n"), ("\\134", "\\")):
                point = point.replace(code, char)
            points.append(point)
    return points


# --- cgroups ----------------------------------------------------------------------------------------


def cgroup_hierarchies():
    """Every folder that is the root of a cgroup hierarchy: one for v2, several for v1 and hybrid."""
    found = []
    with open("/proc/self/mountinfo", encoding="utf-8", errors="surrogateescape") as f:
        for line in f:
            left, right = line.split(" - ", 1)
            if right.split(" ")[0] in ("cgroup", "cgroup2"):
                found.append(left.split(" ")[4])
    return sorted(set(found))


def cgroup_dirs(name):
    """All folders below (and with) the cgroup `name` in every hierarchy, deepest first."""
    found = []
    for root in cgroup_hierarchies():
        for folder, _, _ in os.walk(os.path.join(root, name), topdown=False):
            found.append(folder)
    return found


def remove_cgroup(name):
    """Removes the (empty) cgroup `name` everywhere; returns what could not be removed."""
    left = []
    for folder in cgroup_dirs(name):
        try:
            os.rmdir(folder)
        except FileNotFoundError:
            pass
        except OSError:
            left.append(folder)
    return left


def remove_stale_cgroups():
    """A run that was killed could not remove its cgroups: do it for those whose process is gone."""
    for root in cgroup_hierarchies():
        try:
            names = os.listdir(root)
        except OSError:
            continue
        for name in names:
            pid = name[len(CGROUP_PREFIX):]
            if name.startswith(CGROUP_PREFIX) and pid.isdigit() and not os.path.exists("/proc/" + pid):
                remove_cgroup(name)


# --- outer ------------------------------------------------------------------------------------------


def enter(argv, background=False):
    """Runs the Python program argv inside namespaces of its own; returns its exit status.

    The program finds the name of its cgroup in CCT_CGROUP, and can read from the descriptor CCT_PID_FD which
    pid its process 1 has in the caller's eyes. background: do not die with the caller."""
    if os.geteuid() != 0:
        raise Problem("namespaces, mounts and containers need root: run this as root")
    if not background:
        die_with_parent()
    remove_stale_cgroups()
    cgroup = CGROUP_PREFIX + str(os.getpid())
    sys.stdout.flush()
    child = os.fork()
    if child == 0:
        _middle(argv, cgroup)
    # Ctrl-C reaches the whole foreground group: the program inside cleans up, this process waits for it.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, lambda *_: os.kill(child, signal.SIGTERM))
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    left = remove_cgroup(cgroup)
    if left:
        print("warning: cgroups left behind: " + " ".join(left), file=sys.stderr)
        return status or 1
    return status if status >= 0 else 128 - status


def _middle(argv, cgroup):
    """Makes the namespaces. A pid namespace is entered by the next child only, so this process stays between."""
    code = 1
    try:
        die_with_parent()
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        if _libc.unshare(CLONE_ALL) != 0:
            raise Problem("the kernel refused new namespaces (%s)" % os.strerror(ctypes.get_errno()))
        told, tell = os.pipe()
        init = os.fork()
        if init == 0:
            die_with_parent()
            signal.signal(signal.SIGINT, signal.SIG_DFL)
            os.set_inheritable(told, True)
            env = dict(os.environ, CCT_CGROUP=cgroup, CCT_PID_FD=str(told), PYTHONDONTWRITEBYTECODE="1")
            os.execve(sys.executable, [sys.executable, os.path.abspath(__file__)] + argv, env)
        os.write(tell, str(init).encode())
        os.close(told)
        signal.signal(signal.SIGTERM, lambda *_: os.kill(init, signal.SIGTERM))
        code = os.waitstatus_to_exitcode(os.waitpid(init, 0)[1])
    except (Problem, OSError) as problem:
        print("cannot make the test namespaces: %s" % problem, file=sys.stderr)
    os._exit(code if code >= 0 else 128 - code)


# --- init -------------------------------------------------------------------------------------------


def _make_private():
    """No mount made from here on may reach the machine's own mount table."""
    try:
        mount(None, "/", None, MS_REC | MS_PRIVATE)
        return
    except OSError as e:
        if e.errno != errno.EINVAL:
            raise
    # "/" is not a mount point (a plain chroot). Make every mount below private, then "/" one.
    for point in mount_points():
        try:
            mount(None, point, None, MS_PRIVATE)
        except OSError:
            pass
    try:
        mount("/", "/mnt", None, MS_BIND | MS_REC)
    except OSError as e:
        raise Problem("'/' is not a mount point and cannot be made one (%s)" % e.strerror) from None
    os.chroot("/mnt")
    os.chdir("/")
    mount(None, "/", None, MS_REC | MS_PRIVATE)


def _read(path):
    try:
        with open(path, "rb") as f:
            return f.read()
    except OSError:
        return b""


def _private_files():
    """An empty /run and name resolution of our own, without a trace on the machine's disk."""
    resolv_target = os.path.realpath("/etc/resolv.conf")
    resolv, hosts = _read(resolv_target), _read("/etc/hosts")
    mount("proc", "/proc", "proc", MS_NOSUID | MS_NODEV)
    mount("tmpfs", "/run", "tmpfs", MS_NOSUID | MS_NODEV, "mode=755")
    for path in (WORK, "/run/lock", "/run/netns"):
        os.makedirs(path, 0o755, exist_ok=True)
    if not os.path.islink("/var/run") and os.path.isdir("/var/run"):
        mount("/run", "/var/run", None, MS_BIND | MS_REC)
    if resolv_target.startswith("/run/"):
        os.makedirs(os.path.dirname(resolv_target), exist_ok=True)
        with open(resolv_target, "wb") as f:
            f.write(resolv)
    with open(WORK + "/hosts", "wb") as f:
        f.write(hosts.rstrip(b"\n") + b"\n127.0.0.1 registry.test\n")
    if os.path.exists("/etc/hosts"):
        mount(WORK + "/hosts", "/etc/hosts", None, MS_BIND)


def _loopback_up():
    if subprocess.call(["ip", "link", "set", "lo", "up"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL):
        raise Problem("the loopback interface of a new network namespace could not be brought up (Debian package iproute2)")


def _init(argv):
    """Process 1: prepares the namespaces, starts argv, reaps until argv's process has ended."""
    _make_private()
    _private_files()
    _loopback_up()
    pid = os.fork()
    if pid == 0:
        os.execv(sys.executable, [sys.executable] + argv)
    for signo in (signal.SIGTERM, signal.SIGINT):
        signal.signal(signo, lambda s, _: os.kill(pid, s) if s == signal.SIGTERM else None)
    while True:
        try:
            ended, status = os.wait()
        except InterruptedError:
            continue
        if ended == pid:
            # The kernel kills what is left in this pid namespace when process 1 ends.
            return os.waitstatus_to_exitcode(status)


if __name__ == "__main__":
    try:
        code = _init(sys.argv[1:])
    except (Problem, OSError) as problem:
        print("cannot prepare the test namespaces: %s" % problem, file=sys.stderr)
        code = 1
    os._exit(code if code >= 0 else 128 - code)
