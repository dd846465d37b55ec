# SPDX-License-Identifier: Apache-2.0
"""What exists now, as sets of names: taken before and after a piece of work, the difference is what it left behind."""

import os
import re
import subprocess
import time

from . import isolate


def _names(folder):
    try:
        return set(os.listdir(folder))
    except OSError:
        return set()


def _command(*argv):
    try:
        return subprocess.run(argv, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, check=False).stdout
    except FileNotFoundError:
        return ""


def mounts():
    return set(isolate.mount_points())


def links():
    """Network interfaces by name, the pods' ends of veth pairs excepted (they are in other namespaces)."""
    return {line.split(": ")[1].split("@")[0] for line in _command("ip", "-o", "link").splitlines() if ": " in line}


def firewall():
    """Rules of all tables, with their counters left out. The chains that the plugins portmap and firewall make once
    and never remove (they hang empty) are not counted: they are not a pod's."""
    kept = re.compile(r"CNI-HOSTPORT-(DNAT|SETMARK|MASQ)|(:|-j )CNI-(FORWARD|ADMIN)")
    found = set()
    for line in _command("iptables-save").splitlines():
        if line.startswith(("-A", ":CNI")) and not kept.search(line):
            found.add(re.sub(r"\[\d+:\d+\]", "", line).strip())
    return found


def processes(ignore=()):
    """(pid, name) of every process of this pid namespace but the caller's own short-lived children."""
    found = set()
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open("/proc/%s/stat" % pid, encoding="utf-8", errors="replace") as f:
                stat = f.read()
        except OSError:
            continue
        name, rest = stat[stat.index("(") + 1:stat.rindex(")")], stat[stat.rindex(")") + 2:].split(" ")
        if int(pid) not in ignore and not (rest[1] == str(os.getpid()) and rest[0] == "Z"):
            found.add((int(pid), name))
    return found


def cgroups(name):
    return set(isolate.cgroup_dirs(name))


def _ctr_lines(env, *argv):
    return {line.split()[0] for line in env.ctr(*argv).splitlines() if line.strip() and not line.startswith(("KEY", "TASK", "ID"))}


def inventory(env, images=False):
    """Everything that pods and containers could leave in the environment `env`; images only when asked for."""
    found = {
        "containerd containers": _ctr_lines(env, "containers", "ls", "-q"),
        "containerd tasks": _ctr_lines(env, "tasks", "ls", "-q"),
        "containerd leases": _ctr_lines(env, "leases", "ls", "-q"),
        "containerd active snapshots": {k for k in _active_snapshots(env)},
        "network namespaces": _names(env.netns_dir),
        "mounts": mounts(),
        "network interfaces": links() - {"cct0"},
        "firewall rules": firewall(),
        "CNI leases": {n for d, _, files in os.walk(env.cni_ipam) for n in files if n != "lock" and not n.startswith("last_reserved")},
        "CNI results": _names(os.path.join(env.cni_cache, "results")),
        "sandbox folders": _names(os.path.join(env.root, "sandboxes")) | _names(os.path.join(env.state, "sandboxes")),
        "container folders": _names(os.path.join(env.root, "containers")) | _names(os.path.join(env.state, "containers")),
        "cgroups": {c for c in cgroups(env.cgroup) if os.path.basename(c) not in (env.cgroup, "pods")},
        "processes": processes({s.pid for s in env.services + [env.daemon] if s}),
    }
    if images:
        found["images"] = _ctr_lines(env, "images", "ls", "-q")
    return found


def _active_snapshots(env):
    for line in env.ctr("snapshots", "ls").splitlines()[1:]:
        fields = line.split()
        if fields and fields[-1] in ("Active", "View"):
            yield fields[0]


def difference(before, after):
    """{kind: sorted names that are new}; empty when nothing was left."""
    found = {}
    for kind, names in after.items():
        new = names - before.get(kind, set())
        if new:
            found[kind] = sorted(new, key=str)
    return found


def left(env, before, seconds=10, images=False):
    """What is there now and was not in `before`. Removal may finish in the background, so it looks again
    until nothing is left or `seconds` are over."""
    end = time.monotonic() + seconds
    while True:
        found = difference(before, inventory(env, images))
        if not found or time.monotonic() > end:
            return found
        time.sleep(0.05)


def describe(found):
    return "; ".join("%s: %s" % (kind, ", ".join(map(str, names[:6])) + (" ..." if len(names) > 6 else ""))
                     for kind, names in sorted(found.items()))
