#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The demonstration that ci/demo runs: one Kubernetes pod, from an empty containerd to nothing left again.

Every step is one CRI call (or a few) as a kubelet makes it; demo_pod() below reads top to bottom. It runs in
namespaces of its own (harness/isolate.py) and looks at the machine before and after from outside.
"""

import argparse
import os
import signal
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
sys.dont_write_bytecode = True

from harness import isolate  # noqa: E402

BEGIN = time.monotonic()


# By these labels, which the kubelet sets, crictl finds the pod of a container.
POD_LABELS = {"io.kubernetes.pod.name": "hello", "io.kubernetes.pod.namespace": "default", "io.kubernetes.pod.uid": "demo"}


def say(text=""):
    print(text, flush=True)


class Step:
    """with Step("what happens") as s: ...; s.result = "..."   prints one line with the time that it took."""

    def __init__(self, what):
        self.what, self.result = what, ""

    def __enter__(self):
        self.start = time.monotonic()
        return self

    def __exit__(self, kind, *_):
        if kind is None:
            say("%7d ms  %-20s %s" % (round((time.monotonic() - self.start) * 1000), self.what, self.result))


# --- inside the namespaces ------------------------------------------------------------------------------


def run_inside(args):
    from harness import env as environment
    logs = environment.make_logs_folder()
    env = environment.Environment(None if args.with_plugin else args.daemon, logs, log_level="info")
    if os.environ.get("CCT_NAMESPACES"):
        with open(os.environ["CCT_NAMESPACES"], "w", encoding="ascii") as f:
            f.write(" ".join(os.readlink("/proc/self/ns/" + n) for n in ("pid", "net", "mnt")))
    code = 1
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    try:
        code = demo(env, args.keep)
    except environment.StartFailure as e:
        say("demo: %s" % e)
    except (AssertionError, RuntimeError, OSError) as e:
        env.print_logs()
        say("demo: failed: %s" % e)
    except Exception as e:  # RpcFailure, which needs grpc to be imported
        if type(e).__name__ != "RpcFailure":
            raise
        env.print_logs()
        say("demo: failed: %s" % e)
    if code:
        say("demo: the logs are in " + logs)
        env.stop()
    else:
        import shutil
        shutil.rmtree(logs, ignore_errors=True)
    return code


def demo(env, keep):
    from harness import leftovers
    say("Starting, in mount, network and process namespaces of their own:")
    with Step("containerd") as s:
        prepare(env)
        s.result = env.ctr("version").split("Version:")[-1].split()[0] + ", its CRI plugin turned off"
    with Step("registry") as s:
        env.start_registries()
        s.result = "on %s, HTTP, and %s, HTTPS" % (env.registry.name, env.tls_registry.name)
    with Step("images") as s:
        env.push_images()
        s.result = "busybox (from busybox-static) and pause made and pushed"
    with Step("cri-containerd") as s:
        if not env.plugin:
            env.start_daemon()
        version = env.client.Version()
        s.result = "serves CRI %s on %s, %s %s" % (version.runtime_api_version, env.socket, version.runtime_name, version.runtime_version)
    before = leftovers.inventory(env)

    say("\nA pod, call by call, as a kubelet makes it:")
    pod, containers = demo_pod(env)
    if keep:
        return keep_up(env)
    say("\nTaking it down:")
    demo_removal(env, pod, containers)
    return prove_inside(env, before)


def prepare(env):
    """What Environment.start() does, piece by piece, so that each can be shown."""
    from harness.env import check_programs
    check_programs()
    env.prepare()
    env.start_containerd()


def demo_pod(env):
    """Pulls an image and runs a pod with two containers. Returns (pod ID, container IDs)."""
    cri = env.client
    with Step("PullImage") as s:
        image = cri.PullImage(image={"image": env.busybox_ref}).image_ref
        size = cri.ImageStatus(image={"image": env.busybox_ref}).image.size
        s.result = "%s: %s, %.1f MB" % (env.busybox_ref, image[:19], size / 1e6)

    config = {
        "metadata": {"name": "hello", "namespace": "default", "uid": "demo", "attempt": 0},
        "hostname": "hello",
        "log_directory": env.pod_logs + "/hello",
        "labels": POD_LABELS,
        "linux": {"cgroup_parent": "/%s/pods" % env.cgroup},
    }
    with Step("RunPodSandbox") as s:
        pod = cri.RunPodSandbox(config=config).pod_sandbox_id
        s.result = "pod hello is " + pod[:13]
    with Step("PodSandboxStatus") as s:
        ip = cri.PodSandboxStatus(pod_sandbox_id=pod).status.network.ip
        s.result = "the pod's IP is " + ip

    # The server writes a page and serves it; the client, in the same pod, reads it over the pod's loopback.
    scripts = {
        "server": "mkdir /www && echo 'hello from the pod' >/www/index.html && echo serving as $(hostname) && exec httpd -f -p 80 -h /www",
        "client": "until wget -q -O - http://127.0.0.1/ 2>/dev/null; do usleep 20000; done; exec sleep 100000",
    }
    containers = {}
    for name, script in scripts.items():
        container_config = {
            "metadata": {"name": name, "attempt": 0},
            "image": {"image": env.busybox_ref},
            "command": ["/bin/sh", "-c", script],
            "labels": POD_LABELS,
            "log_path": name + ".log",
            "linux": {},
        }
        with Step("CreateContainer") as s:
            containers[name] = cri.CreateContainer(pod_sandbox_id=pod, config=container_config, sandbox_config=config).container_id
            s.result = "%s is %s" % (name, containers[name][:13])
        with Step("StartContainer") as s:
            cri.StartContainer(container_id=containers[name])
            s.result = "%s runs" % name

    with Step("ExecSync") as s:
        done = cri.ExecSync(container_id=containers["server"], cmd=["/bin/sh", "-c", "hostname; exit 7"], timeout=10)
        s.result = "in server: 'hostname; exit 7' says %r, exit code %d" % (done.stdout.decode().strip(), done.exit_code)
        assert done.exit_code == 7, "the exit code is wrong"
    with Step("the pod's network") as s:
        s.result = "http://%s/ answers %r from outside of the pod" % (ip, fetch(ip))
    with Step("logs") as s:
        lines = {name: wait_for_log(os.path.join(config["log_directory"], name + ".log")) for name in containers}
        s.result = "in %s:" % config["log_directory"]
    for name, text in lines.items():
        for line in text.splitlines():
            say("%12s  %s: %s" % ("", name, line))
    with Step("ListContainers") as s:
        s.result = "%d containers run" % sum(c.state == 1 for c in cri.ListContainers(filter={"pod_sandbox_id": pod}).containers)
    return pod, containers


def fetch(ip):
    import http.client
    from harness.service import wait_until

    def try_once():
        try:
            conn = http.client.HTTPConnection(ip, 80, timeout=2)
            conn.request("GET", "/")
            return conn.getresponse().read().decode().strip()
        except OSError:
            return None
    return wait_until(try_once, 10, "the web server in the pod")


def wait_for_log(path):
    from harness.service import wait_until

    def content():
        try:
            with open(path, encoding="utf-8") as f:
                return f.read()
        except FileNotFoundError:
            return None
    return wait_until(content, 10, "the log " + path)


def demo_removal(env, pod, containers):
    cri = env.client
    with Step("StopContainer") as s:
        cri.StopContainer(container_id=containers["client"], timeout=0)
        status = cri.ContainerStatus(container_id=containers["client"]).status
        s.result = "client ended with %d, %s" % (status.exit_code, status.reason)
    with Step("RemoveContainer") as s:
        cri.RemoveContainer(container_id=containers["client"])
        s.result = "client is gone"
    with Step("StopPodSandbox") as s:
        cri.StopPodSandbox(pod_sandbox_id=pod)
        s.result = "server is stopped with its pod, the network is given back"
    with Step("RemovePodSandbox") as s:
        cri.RemovePodSandbox(pod_sandbox_id=pod)
        s.result = "pod hello is gone"


def prove_inside(env, before):
    """Counts what the pod left, then stops everything and counts what that left."""
    from harness import leftovers
    found = leftovers.left(env, before)
    say("\nWhat the pod left behind, counted:")
    for kind in before:
        say("%12s  %d %s" % ("", len(found.get(kind, ())), kind))
    assert not found, "left behind: " + leftovers.describe(found)
    complaints = env.stop()
    assert not complaints, "; ".join(complaints)
    left = {name for pid, name in leftovers.processes() if pid not in (1, os.getpid())}
    assert not left, "processes still run: %s" % ", ".join(sorted(left))
    return 0


def keep_up(env):
    """Leaves everything running until this process is told to stop."""
    init = os.read(int(os.environ["CCT_PID_FD"]), 32).decode()
    say("\nIt stays up. From another shell, as root:\n")
    say('    K="nsenter -t %s -r -m -n -p -i -u -- %s -r unix://%s"' % (init, os.environ.get("CCT_CRICTL") or "crictl", env.socket))
    for words in ("pods", "ps", "images", "exec -s $($K ps -q --name server) hostname", "logs $($K ps -q --name server)"):
        say("    $K " + words)
    say("\nThe parts' logs are in %s. To stop and remove all of it:\n\n    kill %s\n" % (env.logs, os.environ["CCT_OUTER"]))
    say("demo: ok")
    quiet = os.open(os.path.join(env.logs, "demo.log"), os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    for fd in (1, 2):
        os.dup2(quiet, fd)
    while True:
        signal.pause()


# --- outside --------------------------------------------------------------------------------------------


def machine():
    """What a container runtime could leave on the machine, as sets of names."""
    from harness import leftovers
    found = {
        "mounts": leftovers.mounts(),
        "network interfaces": leftovers.links(),
        "firewall rules": leftovers.firewall(),
        "cgroups": {c for root in isolate.cgroup_hierarchies() for c in os.listdir(root) if c.startswith(isolate.CGROUP_PREFIX)},
    }
    for folder in ("/run/netns", "/run/containerd", "/var/lib/containerd", "/var/lib/cni", "/var/lib/cni/results", "/var/lib/cni/networks",
                   "/etc/cni/net.d", "/opt/containerd"):
        try:
            found["files in " + folder] = set(os.listdir(folder))
        except OSError:
            found["files in " + folder] = set()
    return found


def namespace_users(links):
    """Processes of the machine that are in one of these namespaces."""
    users = set()
    for pid in filter(str.isdigit, os.listdir("/proc")):
        for name in ("pid", "net", "mnt"):
            try:
                if os.readlink("/proc/%s/ns/%s" % (pid, name)) in links:
                    users.add(pid)
            except OSError:
                pass
    return users


def run_outside(args):
    from harness import leftovers
    with tempfile.NamedTemporaryFile(prefix="cri-containerd-demo-") as names:
        os.environ["CCT_NAMESPACES"] = names.name
        before = machine()
        status = isolate.enter([os.path.abspath(__file__)] + sys.argv[1:], background=args.keep)
        if status or args.keep:
            return status
        names.seek(0)
        links = set(names.read().decode().split())
    found = leftovers.difference(before, machine())
    users = namespace_users(links)
    if users:
        found["processes"] = sorted(users)
    say("\nAnd on the machine: %d processes, %s." % (len(users), ", ".join("%d %s" % (len(found.get(k, ())), k)
                                                                      for k in ("mounts", "network interfaces", "firewall rules", "cgroups"))))
    if found:
        say("demo: failed: left on the machine: " + leftovers.describe(found))
        return 1
    say("\nThe whole demonstration took %.1f s.\ndemo: ok" % (time.monotonic() - BEGIN))
    return 0


def run_kept(args):
    """--keep: everything runs on in the background; this process shows what it says and ends when it is up."""
    ours, theirs = os.pipe()
    sys.stdout.flush()
    if os.fork() == 0:
        os.setsid()
        os.dup2(theirs, 1)
        os.dup2(theirs, 2)
        os.close(theirs)
        os.close(ours)
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        os.environ["CCT_OUTER"] = str(os.getpid())
        code = 1
        try:
            code = run_outside(args)
        except isolate.Problem as problem:
            say("demo: %s" % problem)
        finally:
            os._exit(code)
    os.close(theirs)
    with os.fdopen(ours, encoding="utf-8", errors="replace") as lines:
        for line in lines:
            sys.stdout.write(line)
            sys.stdout.flush()
            if line == "demo: ok\n":
                return 0
    return 1


def main():
    parser = argparse.ArgumentParser(description="Shows a Kubernetes pod on cri-containerd and a real containerd. Started by ci/demo.")
    parser.add_argument("--daemon", metavar="PATH", help="the cri-containerd binary")
    parser.add_argument("--keep", action="store_true", help="leave everything up and say how to point crictl at it")
    parser.add_argument("--with-plugin", action="store_true", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if "CCT_CGROUP" in os.environ:
        return run_inside(args)
    if os.geteuid() != 0:
        raise isolate.Problem("the demonstration makes namespaces, mounts and containers and needs root")
    return run_kept(args) if args.keep else run_outside(args)


if __name__ == "__main__":
    try:
        sys.exit(main())
    except isolate.Problem as problem:
        print("demo: %s" % problem, file=sys.stderr)
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(130)
