#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Every golden spec is one that real OCI runtimes take: runc and crun create a container of it and delete it again.

  unit/oci/golden_accepted.py [RUNTIME...]

A golden spec names files, processes and cgroups of a node that does not exist. fit() puts those of this test in their place, and takes out what this
kernel cannot do whatever the spec says; it changes nothing else, so that a runtime refuses what it would refuse on a node. A case that must be refused
shows that the test can fail. As root; in namespaces of its own (integration/harness/isolate.py). Exit status 77: nothing could be tested here.
"""

import copy
import glob
import json
import os
import shutil
import socket
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "..", "integration"))
sys.dont_write_bytecode = True

from harness import isolate  # noqa: E402

WORK = isolate.WORK + "/golden"
NAMESPACE_FILES = {"network": "net", "ipc": "ipc", "uts": "uts", "pid": "pid", "user": "user", "cgroup": "cgroup"}
CAPABILITIES = """CHOWN DAC_OVERRIDE DAC_READ_SEARCH FOWNER FSETID KILL SETGID SETUID SETPCAP LINUX_IMMUTABLE NET_BIND_SERVICE NET_BROADCAST NET_ADMIN
    NET_RAW IPC_LOCK IPC_OWNER SYS_MODULE SYS_RAWIO SYS_CHROOT SYS_PTRACE SYS_PACCT SYS_ADMIN SYS_BOOT SYS_NICE SYS_RESOURCE SYS_TIME SYS_TTY_CONFIG
    MKNOD LEASE AUDIT_WRITE AUDIT_CONTROL SETFCAP MAC_OVERRIDE MAC_ADMIN SYSLOG WAKE_ALARM BLOCK_SUSPEND AUDIT_READ PERFMON BPF
    CHECKPOINT_RESTORE""".split()
# What a bind mount's target is, where it is no folder.
FILES = ("/etc/hosts", "/etc/hostname", "/etc/resolv.conf")
MAPPINGS = 65536


class Holder:
    """A process whose namespaces stand for those of a pod."""

    def __init__(self, user_mapping=None):
        user = ["--user"] if user_mapping else []
        self.process = subprocess.Popen(["unshare", "--net", "--ipc", "--uts"] + user + ["sh", "-c", "echo; exec sleep 1000"],
                                        stdout=subprocess.PIPE, preexec_fn=isolate.die_with_parent)
        self.process.stdout.read(1)
        if user_mapping:
            for name in ("uid_map", "gid_map"):
                with open("/proc/%d/%s" % (self.process.pid, name), "w", encoding="ascii") as f:
                    f.write("%(containerID)d %(hostID)d %(size)d" % user_mapping)

    def path(self, kind):
        return "/proc/%d/ns/%s" % (self.process.pid, NAMESPACE_FILES[kind])

    def end(self):
        self.process.kill()
        self.process.wait()


def own_capabilities():
    with open("/proc/self/status", encoding="ascii") as f:
        bits = int(next(line for line in f if line.startswith("CapBnd")).split()[1], 16)
    return {"CAP_" + name for i, name in enumerate(CAPABILITIES) if bits >> i & 1}


def own_oom_score_adj():
    with open("/proc/self/oom_score_adj", encoding="ascii") as f:
        return int(f.read())


def fit_process(process, rootfs, capabilities):
    program = process["args"][0]
    path = program if program.startswith("/") else "/" + program
    os.makedirs(os.path.dirname(rootfs + path), exist_ok=True)
    shutil.copy("/bin/busybox", rootfs + path)
    if "CAP_SYS_RESOURCE" not in capabilities and process.get("oomScoreAdj", 0) < own_oom_score_adj():
        process["oomScoreAdj"] = own_oom_score_adj()
    for kind, names in process.get("capabilities", {}).items():
        process["capabilities"][kind] = [n for n in names if n in capabilities]
    # The kernel has to have these modules.
    if not os.path.exists("/sys/module/apparmor"):
        process.pop("apparmorProfile", None)
    if not os.path.exists("/sys/fs/selinux/enforce"):
        process.pop("selinuxLabel", None)


def fit_mounts(spec, bundle):
    for mount in spec.get("mounts", []):
        if mount["type"] != "bind" or mount["source"] in ("/sys", "/dev/shm"):
            continue
        source = os.path.join(bundle, "host", mount["source"].lstrip("/"))
        if mount["destination"] in FILES:
            os.makedirs(os.path.dirname(source), exist_ok=True)
            with open(source, "w", encoding="ascii"):
                pass
        else:
            os.makedirs(source, exist_ok=True)
        mount["source"] = source
        for inner in spec["mounts"]:  # a mount point inside of a read-only mount has to be there
            if inner["destination"].startswith(mount["destination"] + "/"):
                os.makedirs(source + inner["destination"][len(mount["destination"]):], exist_ok=True)
        # Mapped mounts came after these runtimes; both ignore what they do not know, newer ones need a kernel that can do it.
        for key in ("uidMappings", "gidMappings"):
            mount.pop(key, None)


def fit_linux(linux, holder, cgroup):
    for ns in linux["namespaces"]:
        if "path" in ns:
            ns["path"] = holder.path(ns["type"])
    linux["cgroupsPath"] = "/" + cgroup  # a systemd path needs a systemd to talk to
    if not os.path.exists("/sys/fs/selinux/enforce"):
        linux.pop("mountLabel", None)
    resources = linux.get("resources", {})
    if not os.path.exists("/sys/fs/cgroup/cgroup.controllers"):
        resources.pop("unified", None)
    if not os.path.exists("/sys/fs/cgroup/memory/memory.memsw.limit_in_bytes"):
        resources.get("memory", {}).pop("swap", None)
    sizes = {"%dMB" % (int(n[len("hugepages-"):-2]) // 1024) for n in os.listdir("/sys/kernel/mm/hugepages")} \
        if os.path.isdir("/sys/kernel/mm/hugepages") else set()
    sizes = sizes if os.path.isdir("/sys/fs/cgroup/hugetlb") else set()
    if "hugepageLimits" in resources:
        resources["hugepageLimits"] = [h for h in resources["hugepageLimits"] if h["pageSize"] in sizes]


def fit(spec, bundle, holder, cgroup):
    rootfs = os.path.join(bundle, "rootfs")
    for folder in ("proc", "sys", "dev", "etc", "tmp"):
        os.makedirs(os.path.join(rootfs, folder))
    fit_process(spec["process"], rootfs, own_capabilities())
    fit_mounts(spec, bundle)
    fit_linux(spec["linux"], holder, cgroup)
    if any(ns["type"] == "user" for ns in spec["linux"]["namespaces"]):
        for folder, _, names in os.walk(bundle):
            for path in [folder] + [os.path.join(folder, n) for n in names]:
                os.lchown(path, MAPPINGS, MAPPINGS)
    with open(os.path.join(bundle, "config.json"), "w", encoding="utf-8") as f:
        json.dump(spec, f, indent=1)


def run(runtime, *argv):
    done = subprocess.run([runtime, "--root", "%s/state-%s" % (WORK, runtime)] + list(argv), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, timeout=60, check=False)
    return done.returncode, done.stdout.decode(errors="replace").strip()


def create(runtime, spec, bundle, name):
    """Creates and deletes; returns what was wrong, or ""."""
    console = os.path.join(bundle, "console.sock")
    argv = ["create", "--bundle", bundle]
    listener = None
    if spec["process"].get("terminal"):
        listener = socket.socket(socket.AF_UNIX)
        listener.bind(console)
        listener.listen(1)
        argv += ["--console-socket", console]
    # A container keeps what create was given as output open, so it goes to a file and not to a pipe that would never end.
    log = os.path.join(bundle, "create.log")
    with open(log, "wb") as out:
        status = subprocess.run([runtime, "--root", "%s/state-%s" % (WORK, runtime)] + argv + [name], stdin=subprocess.DEVNULL, stdout=out,
                                stderr=out, timeout=60, check=False).returncode
    terminals = []
    try:
        if listener and not status:  # the container is hung up on when nobody holds its terminal
            with listener.accept()[0] as connection:
                terminals = socket.recv_fds(connection, 4096, 1)[1]
        if status:
            with open(log, encoding="utf-8", errors="replace") as f:
                return "create: " + (f.read().strip() or "exit status %d" % status)
        status, text = run(runtime, "state", name)
        if status or json.loads(text)["status"] != "created":
            return "state: " + text
        return ""
    finally:
        run(runtime, "delete", "--force", name)
        for fd in terminals:
            os.close(fd)
        if listener:
            listener.close()


def try_spec(runtime, name, spec):
    """Fits and creates a copy of the spec; returns what was wrong, or ""."""
    bundle = "%s/%s-%s" % (WORK, name, runtime)
    os.makedirs(bundle)
    spec = copy.deepcopy(spec)
    mappings = spec["linux"].get("uidMappings")
    holder = Holder(mappings[0] if mappings else None)
    try:
        fit(spec, bundle, holder, "%s/%s" % (os.environ["CCT_CGROUP"], name))
        return create(runtime, spec, bundle, "%s-%s" % (name, runtime))
    finally:
        holder.end()
        shutil.rmtree(bundle)


def bad_specs(good):
    """Specs that a runtime must refuse."""
    mount = copy.deepcopy(good)
    mount["mounts"].append({"destination": "/proc/sys", "type": "nosuchfilesystem", "source": "x", "options": []})
    yield "unknown-filesystem", mount
    namespace = copy.deepcopy(good)
    namespace["linux"]["namespaces"].append({"type": "nosuchnamespace"})
    yield "unknown-namespace", namespace


def check(runtimes, golden):
    passed = failed = 0
    for runtime in runtimes:
        for path in golden:
            name = os.path.splitext(os.path.basename(path))[0]
            with open(path, encoding="utf-8") as f:
                wrong = try_spec(runtime, name, json.load(f))
            print("%s - %s takes %s%s" % ("not ok" if wrong else "ok", runtime, name, ": " + wrong if wrong else ""), flush=True)
            passed, failed = passed + (not wrong), failed + bool(wrong)
        with open(golden[0], encoding="utf-8") as f:
            good = json.load(f)
        for name, spec in bad_specs(good):
            wrong = try_spec(runtime, name, spec)
            print("%s - %s refuses %s: %s" % ("ok" if wrong else "not ok", runtime, name, wrong), flush=True)
            passed, failed = passed + bool(wrong), failed + (not wrong)
    return passed, failed


def main():
    if "CCT_CGROUP" not in os.environ:
        if os.geteuid() != 0:
            print("skipped: containers need root")
            return 77
        return isolate.enter([os.path.abspath(__file__)] + sys.argv[1:])
    wanted = sys.argv[1:] or ["runc", "crun"]
    runtimes = [r for r in wanted if shutil.which(r)]
    missing = [r for r in wanted if r not in runtimes]
    for runtime in missing:
        print("skipped: %s was not found: install the Debian package %s" % (runtime, runtime))
    if not runtimes:
        return 77
    # crun refuses the mixture of cgroup v1 and v2 that some machines have. Nobody but this test sees the mount go.
    isolate.umount("/sys/fs/cgroup/unified")
    os.makedirs(WORK)
    isolate.mount("tmpfs", WORK, "tmpfs", 0)
    isolate.mount(None, WORK, None, 1 << 20)  # MS_SHARED: some goldens propagate mounts
    golden = sorted(glob.glob(os.path.join(HERE, "golden", "*.json")))
    passed, failed = check(runtimes, golden)
    print("%d passed, %d failed, %d skipped" % (passed, failed, len(missing)))
    return 1 if failed or not passed else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except isolate.Problem as problem:
        print("golden_accepted: %s" % problem, file=sys.stderr)
        sys.exit(77)
