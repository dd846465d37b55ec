# SPDX-License-Identifier: Apache-2.0
"""What a container's process finds itself to be: user and groups, capabilities, arguments, environment, folder, limits."""

import json

from harness import images, isolate
from harness.context import CREATED
from harness.images import file_entry
from harness.runner import not_with_plugin

ours = not_with_plugin("1.6 answers otherwise")
REFUSED = ("INVALID_ARGUMENT", "NOT_FOUND")


def security(**more):
    return {"security_context": more}


def ids(t, pod, image=None, **more):
    """uid, gid and the groups, as the kernel has them."""
    code, text = t.output(pod, "grep -E '^(Uid|Gid|Groups)' /proc/self/status", image=image, linux=security(**more))
    t.equal(code, 0, "exit code")
    words = {line.split(":")[0]: line.split(":")[1].split() for line in text.splitlines()}
    t.equal(len(set(words["Uid"])) + len(set(words["Gid"])), 2, "real, effective, saved, file system ids")
    return int(words["Uid"][0]), int(words["Gid"][0]), sorted(int(g) for g in words["Groups"])


PASSWD = """root:x:0:0:root:/root:/bin/sh
alice:x:1000:1000::/home/alice:/bin/sh
4294967296:x:0:0:the name is a number:/:/bin/sh
2147483648:x:0:0:so is this one:/:/bin/sh
1234:x:0:0:and this one is in range:/:/bin/sh
wrapped:x:4294967296:4294967296:an id that does not fit:/:/bin/sh
"""
GROUP = "root:x:0:\nalice:x:1000:\nstaff:x:50:alice,other\nmany:x:51:alice\n77:x:0:\n"


def push(t, name, user, passwd=PASSWD, group=GROUP, **config):
    layers = [images.busybox_entries(), [file_entry("etc/passwd", passwd), file_entry("etc/group", group)]]
    return t.env.registry.push(images.Image(layers, dict({"User": user, "Env": ["PATH=/bin"]}, **config)), "spec-user-" + name, "1")


def test_users(t):
    """User and group by number and name, of the image and of the request; the image's groups with the policy Merge only"""
    pod = t.run_pod()
    for name, user, wanted in (("none", "", (0, 0, [0])), ("number", "7", (7, 0, [0])), ("name", "alice", (1000, 1000, [50, 51, 1000])),
                               ("both", "alice:staff", (1000, 50, [50, 51])), ("numbers", "5:6", (5, 6, [6])), ("mixed", "5:staff", (5, 50, [50])),
                               ("top", "2147483647:2147483647", (2147483647, 2147483647, [2147483647]))):
        t.equal(ids(t, pod, push(t, name, user)), wanted, "USER %r" % user)
    ref = push(t, "alice", "alice")
    t.equal(ids(t, pod, ref, run_as_user={"value": 1000}), (1000, 1000, [50, 51, 1000]), "by number")
    t.equal(ids(t, pod, ref, run_as_user={"value": 9}), (9, 0, [0]), "a number that passwd does not know")
    t.equal(ids(t, pod, ref, run_as_user={"value": 1000}, run_as_group={"value": 3}), (1000, 3, [3, 50, 51]))
    t.equal(ids(t, pod, ref, run_as_username="alice", supplemental_groups=[60, 50]), (1000, 1000, [50, 51, 60, 1000]))
    if not t.env.plugin:
        t.equal(ids(t, pod, ref, run_as_username="alice", supplemental_groups=[60], supplemental_groups_policy=1), (1000, 1000, [60, 1000]), "Strict")


@ours
def test_cve_2024_40635(t):
    """CVE-2024-40635: an id that does not fit is refused, and never becomes root"""
    pod = t.run_pod()
    for number in ("2147483648", "4294967295", "4294967296", "18446744073709551616", "99999999999999999999"):
        ref = push(t, "wrap" + number[-4:] + str(len(number)), number, passwd="root:x:0:0::/:/bin/sh\n")
        t.pull(ref)
        t.fails("INVALID_ARGUMENT", lambda: t.create(pod, image=ref), number)
        ref = push(t, "gwrap" + number[-4:] + str(len(number)), "1000:" + number, group="root:x:0:\n")
        t.pull(ref)
        t.fails("INVALID_ARGUMENT", lambda: t.create(pod, image=ref), number)
    t.pull()
    for field, value in (("run_as_user", 1 << 31), ("run_as_user", 1 << 32), ("run_as_user", -1), ("run_as_group", 1 << 31), ("run_as_group", 1 << 32)):
        more = {field: {"value": value}}
        more.setdefault("run_as_user", {"value": 5})
        t.fails("INVALID_ARGUMENT", lambda: t.create(pod, linux=security(**more)), field)
    t.fails("INVALID_ARGUMENT", lambda: t.create(pod, linux=security(run_as_user={"value": 5}, supplemental_groups=[1 << 32])), "supplemental_groups")
    # An entry of passwd whose id does not fit is no entry.
    t.pull(push(t, "wrapped", "wrapped"))
    t.fails(REFUSED, lambda: t.create(pod, image=push(t, "wrapped", "wrapped")), "wrapped")


@ours
def test_cve_2026_46680(t):
    """CVE-2026-46680: what is all digits is a number, also where the image's passwd has a user of that name with root's id"""
    pod = t.run_pod()
    t.equal(ids(t, pod, push(t, "digits", "1234"))[0], 1234)
    t.equal(ids(t, pod, push(t, "gdigits", "1234:77"))[1], 77)
    for number in ("4294967296", "2147483648"):
        ref = push(t, "digits" + number[:4], number)
        t.pull(ref)
        t.fails("INVALID_ARGUMENT", lambda: t.create(pod, image=ref), number)
        t.fails("INVALID_ARGUMENT", lambda: t.create(pod, image=ref, linux=security(run_as_username=number)), number)
    t.equal(ids(t, pod, push(t, "digits", "1234"), run_as_username="1234")[0], 1234)


def test_bad_names(t):
    """Users and groups that the image does not know are refused by name"""
    pod = t.run_pod()
    for user, part in (("bob", "bob"), ("alice:nogroup", "nogroup")):
        ref = push(t, "bad-" + part, user)
        t.pull(ref)
        t.fails(REFUSED + (("UNKNOWN",) if t.env.plugin else ()), lambda: t.create(pod, image=ref), *[] if t.env.plugin else [part])


def capabilities(t, pod, **more):
    """Effective, permitted, inheritable, bounding and ambient set."""
    _, text = t.output(pod, "grep ^Cap /proc/self/status", linux=security(**more))
    found = {line.split(":")[0]: int(line.split()[1], 16) for line in text.splitlines()}
    return found["CapEff"], found["CapPrm"], found["CapInh"], found["CapBnd"], found["CapAmb"]


def test_capabilities(t):
    """Added and dropped ones, ALL in both, with and without CAP_, in any case; never ambient or inheritable ones by themselves"""
    chown, net_admin = 1 << 0, 1 << 12
    pod = t.run_pod()
    default = capabilities(t, pod)
    t.equal(default, (default[0], default[0], 0, default[0], 0))
    with open("/proc/self/status", encoding="ascii") as f:
        every = int(next(line for line in f if line.startswith("CapBnd")).split()[1], 16)
    for more, wanted in (({"add_capabilities": ["CAP_NET_ADMIN"]}, default[0] | net_admin), ({"add_capabilities": ["net_admin"]}, default[0] | net_admin),
                         ({"add_capabilities": ["ALL"]}, every), ({"add_capabilities": ["ALL"], "drop_capabilities": ["CHOWN"]}, every & ~chown),
                         ({"drop_capabilities": ["ALL"]}, 0), ({"drop_capabilities": ["all"], "add_capabilities": ["CHOWN"]}, chown),
                         ({"drop_capabilities": ["CHOWN"], "add_capabilities": ["CHOWN"]}, default[0] & ~chown)):
        if t.env.plugin and "net_admin" in more.get("add_capabilities", []):
            continue
        got = capabilities(t, pod, capabilities=more)
        t.equal((got[0], got[1], got[3]), (wanted,) * 3, str(more))
        t.equal(got[4], 0, "ambient")
    # A process that is not root has none of them, as the kernel takes them at execve(2).
    t.equal(capabilities(t, pod, run_as_user={"value": 5}, capabilities={"add_capabilities": ["NET_ADMIN"]})[0], 0)


@ours
def test_bad_capabilities(t):
    """A capability that there is not is refused by name"""
    pod = t.run_pod()
    t.pull()
    for field in ("add_capabilities", "drop_capabilities"):
        for name in ("NO_SUCH", "CAP_", "", "CAP_ALL", "CHOWN,KILL", "0"):
            t.fails("INVALID_ARGUMENT", lambda: t.create(pod, linux=security(capabilities={field: [name]})), '"%s"' % name)


def test_args(t):
    """Words reach the program as they are: empty ones, blanks, quotes, bytes beyond ASCII"""
    words = ["", " ", "a b", "'\"\\$(id)", "\u00e4\u4e16\U0001f600", "-x", "--", "\t"]
    pod = t.run_pod()
    config = t.container_config()
    config["command"] = ["/bin/sh", "-c", 'for i in "$@"; do echo "<$i>"; done', "sh"]
    config["args"] = words
    container = t.run(pod, config=config)
    t.wait_exit(container)
    text = "".join(content.decode() + "\n" for _, _, _, content in t.log(pod, config))
    t.equal(text, "".join("<%s>\n" % w for w in words))


def test_environment(t):
    """Values keep every byte; the last of two settings counts; the image's PATH, else the default one"""
    pod = t.run_pod(hostname="env-host")
    value = "line\n= '\"\\ \u00e4 $HOME"
    _, text = t.output(pod, "cat /proc/self/environ | tr '\\0' '\\1'", envs=[{"key": "V", "value": value}, {"key": "V2", "value": "1"}, {"key": "V2", "value": "2"},
                                                                           {"key": "HOSTNAME", "value": "mine"}])
    found = dict(part.split("=", 1) for part in text.rstrip("\n").split("\1") if part)
    t.equal((found["V"], found["V2"], found["HOSTNAME"], found["FROM_IMAGE"]), (value, "2", "mine", "yes"))
    ref = t.env.registry.push(images.Image([images.busybox_entries()], {"Cmd": ["/bin/env"]}), "spec-noenv", "1")
    _, text = t.output(pod, None, image=ref)
    t.equal(sorted(text.split()), ["HOME=/root", "HOSTNAME=env-host", "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"])
    _, text = t.output(pod, None, image=ref, tty=True)
    assert "TERM=xterm" in text.split(), text


def test_working_dir(t):
    """A folder that is missing is made, one that is a link is followed inside the container"""
    layers = [images.busybox_entries(), [images.dir_entry("real", 0o755, 5, 5), images.symlink_entry("link", "/real"), images.symlink_entry("up", "/../../real")]]
    ref = t.env.registry.push(images.Image(layers, {"Env": ["PATH=/bin"]}), "spec-cwd", "1")
    pod = t.run_pod()
    for path, wanted in (("/a/b/c", "/a/b/c"), ("/link", "/real"), ("/up", "/real"), ("/real/", "/real")):
        t.equal(t.output(pod, "pwd -P", image=ref, working_dir=path), (0, wanted + "\n"), path)


def test_oom_score_adj(t):
    """oom_score_adj of container and pause; a lower one than the daemon may give is raised to that"""
    with open("/proc/self/oom_score_adj", encoding="ascii") as f:
        own = int(f.read())
    pod = t.run_pod()
    read = "cat /proc/self/oom_score_adj"
    t.equal(t.output(pod, read, linux={"resources": {"oom_score_adj": 1000}})[1], "1000\n")
    got = int(t.output(pod, read, linux={"resources": {"oom_score_adj": -1000}})[1])
    assert got in (-1000, own), got
    if not t.env.plugin:
        for bad in (1001, -1001, 1 << 40):
            t.fails("INVALID_ARGUMENT", lambda: t.create(pod, linux={"resources": {"oom_score_adj": bad}}), "oom_score_adj")


@ours
def test_restrict_oom_score_adj(t):
    """restrict_oom_score_adj: nothing gets a lower one than the daemon's own"""
    with open("/proc/self/oom_score_adj", encoding="ascii") as f:
        own = int(f.read())
    t.restart_daemon("restrict_oom_score_adj = true\n")
    pod = t.run_pod()
    t.equal(int(t.output(pod, "cat /proc/self/oom_score_adj", linux={"resources": {"oom_score_adj": -500}})[1]), max(own, -500))


@ours
def test_resources(t):
    """Limits that cannot be are refused by field; those at the edge reach the kernel"""
    pod = t.run_pod()
    t.pull()
    for values, part in (({"cpu_shares": -1}, "cpu_shares"), ({"cpu_period": -1}, "cpu_period"), ({"memory_limit_in_bytes": -2}, "memory_limit_in_bytes"),
                         ({"cpuset_cpus": "0\n0"}, "cpuset_cpus"), ({"unified": {"../x": "1"}}, "unified"),
                         ({"hugepage_limits": [{"page_size": "a/b", "limit": 1}]}, "hugepage_limits[0].page_size")):
        t.fails(("INVALID_ARGUMENT", "FAILED_PRECONDITION"), lambda: t.create(pod, linux={"resources": values}), "config.linux.resources." + part)
    container = t.run(pod, linux={"resources": {"cpu_shares": 2, "memory_limit_in_bytes": -1, "cpu_quota": -1}})
    assert t.limit(container, "cpu/cpu.shares", "cpu.weight") in ("2", "1")
    # What the kernel refuses fails the start, and says so.
    container = t.create(pod, linux={"resources": {"cpuset_cpus": "4095"}})
    t.equal(t.status(container).state, CREATED)
    t.fails(("UNKNOWN", "INTERNAL", "INVALID_ARGUMENT"), lambda: t.start(container), "cpuset")


@ours
def test_cgroup_parent(t):
    """Containers are below the pod's cgroup_parent; none climbs"""
    pod = t.run_pod(linux={"cgroup_parent": "/%s/pods/deep/er" % t.env.cgroup})
    container = t.run(pod)
    t.equal({line.split(":", 2)[2] for line in t.shell(container, "cat /proc/self/cgroup").splitlines() if ":memory:" in line or line.startswith("0::")} - {"/"},
            {"/%s/pods/deep/er/%s" % (t.env.cgroup, container)})
    for bad in ("/a/../../b", "..", "/.."):
        t.fails("INVALID_ARGUMENT", lambda: t.cri.RunPodSandbox(config=t.pod_config(linux={"cgroup_parent": bad})), "cgroup_parent")
    spec = lambda name: json.loads(t.env.ctr("containers", "info", "--spec", name))["linux"]["cgroupsPath"]
    t.equal(spec(pod), "/%s/pods/deep/er/%s" % (t.env.cgroup, pod))
    t.remove_pod(pod)
    isolate.remove_cgroup("%s/pods/deep" % t.env.cgroup)  # a pod's parent is the kubelet's to remove
