# SPDX-License-Identifier: Apache-2.0
"""What a test works with: short ways to make pods and containers, assertions, and the clean-up afterwards."""

import itertools
import os
import re
import time

from .cri import RpcFailure
from .service import wait_until

_serial = itertools.count(1)

READY, NOTREADY = 0, 1  # PodSandboxState
CREATED, RUNNING, EXITED, UNKNOWN = 0, 1, 2, 3  # ContainerState
POD_NS, CONTAINER_NS, NODE_NS, TARGET_NS = 0, 1, 2, 3  # NamespaceMode

LOG_LINE = re.compile(rb"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,9})?(?:Z|[+-]\d\d:\d\d)) (stdout|stderr) ([PF]) (.*)\n", re.S)


class Skip(Exception):
    """Raised by a test that cannot run here; the text says why."""


class Context:
    def __init__(self, env):
        self.env = env
        self.serial = next(_serial)
        self.pods = {}  # id: config
        self.undo = []

    @property
    def cri(self):
        return self.env.client

    def defer(self, work):
        """Calls work() after the test, last registered first, before pods are removed."""
        self.undo.append(work)

    def clean_up(self):
        problems = []
        for work in reversed(self.undo):
            try:
                work()
            except Exception as e:  # pylint: disable=broad-except
                problems.append("clean-up: %s" % e)
        for pod in list(self.pods):
            try:
                self.cri.StopPodSandbox(pod_sandbox_id=pod)
                self.cri.RemovePodSandbox(pod_sandbox_id=pod)
            except RpcFailure as e:
                problems.append("removing the pod failed: %s" % e)
        return problems

    def restart_daemon(self, config="", drop_ins=None, **changes):
        """Starts the daemon anew with this configuration (see Environment.start_daemon), and after the test as it was."""
        self.defer(self.env.restart_daemon)
        self.env.restart_daemon(config, drop_ins, **changes)

    # --- pods --------------------------------------------------------------------------------------

    def name(self, stem="pod"):
        return "%s-%d-%d" % (stem, self.serial, next(_serial))

    def pod_config(self, name=None, linux=None, namespace="default", attempt=0, **more):
        name = name or self.name()
        config = {
            "metadata": {"name": name, "namespace": namespace, "uid": "uid-" + name, "attempt": attempt},
            "hostname": name[:63],
            "log_directory": os.path.join(self.env.pod_logs, name),
            "linux": dict({"cgroup_parent": "/%s/pods" % self.env.cgroup}, **(linux or {})),
        }
        config.update(more)
        return config

    def run_pod(self, config=None, **more):
        """Runs a pod and returns its ID; the pod is removed after the test."""
        config = config or self.pod_config(**more)
        pod = self.cri.RunPodSandbox(config=config).pod_sandbox_id
        self.pods[pod] = config
        return pod

    def remove_pod(self, pod):
        self.cri.StopPodSandbox(pod_sandbox_id=pod)
        self.cri.RemovePodSandbox(pod_sandbox_id=pod)
        self.pods.pop(pod, None)

    def pod_status(self, pod):
        return self.cri.PodSandboxStatus(pod_sandbox_id=pod).status

    def pod_ip(self, pod):
        return self.pod_status(pod).network.ip

    # --- containers --------------------------------------------------------------------------------

    def pull(self, ref=None):
        """Pulls an image once; returns what PullImage answered."""
        return self.cri.PullImage(image={"image": ref or self.env.busybox_ref}).image_ref

    def container_config(self, script=None, name=None, image=None, attempt=0, **more):
        """script: a shell script, run by /bin/sh -c."""
        name = name or self.name("c")
        config = {
            "metadata": {"name": name, "attempt": attempt},
            "image": {"image": image or self.env.busybox_ref},
            "log_path": "%s/%d.log" % (name, attempt),
            "linux": {},
        }
        if script is not None:
            config["command"] = ["/bin/sh", "-c", script]
        config.update(more)
        return config

    def create(self, pod, script="exec sleep 1000000", config=None, **more):
        """Creates a container; pulls its image when it is not there yet. Returns its ID."""
        config = config or self.container_config(script, **more)
        image = config["image"]["image"]
        if not self.cri.ImageStatus(image={"image": image}).HasField("image"):
            self.pull(image)
        return self.cri.CreateContainer(pod_sandbox_id=pod, config=config, sandbox_config=self.pods.get(pod)).container_id

    def start(self, container):
        self.cri.StartContainer(container_id=container)
        return container

    def run(self, pod, script="exec sleep 1000000", **more):
        """Creates and starts a container; returns its ID."""
        return self.start(self.create(pod, script, **more))

    def status(self, container):
        return self.cri.ContainerStatus(container_id=container).status

    def wait_exit(self, container, seconds=20):
        """Waits until the container has ended and returns its status."""
        wait_until(lambda: self.status(container).state == EXITED, seconds, "the exit of container " + container[:12])
        return self.status(container)

    def output(self, pod, script, **more):
        """Runs a container to its end and returns (exit code, stdout of its log)."""
        config = self.container_config(script, **more)
        container = self.run(pod, config=config)
        status = self.wait_exit(container)
        text = b"".join(content + (b"\n" if tag == "F" else b"")
                        for _, stream, tag, content in self.log(pod, config) if stream == "stdout")
        return status.exit_code, text.decode()

    def exec(self, container, *argv, timeout=0):
        """ExecSync of argv (one string: a shell script); returns the answer."""
        cmd = ["/bin/sh", "-c", argv[0]] if len(argv) == 1 else list(argv)
        return self.cri.ExecSync(container_id=container, cmd=cmd, timeout=timeout)

    def shell(self, container, script):
        """Standard output of a script that must succeed."""
        done = self.exec(container, script)
        assert done.exit_code == 0, "exit code %d: %r" % (done.exit_code, done.stderr)
        return done.stdout.decode()

    def limit(self, container, v1, v2):
        """A file of a container's cgroup: "controller/file" with cgroup v1, "file" with v2. None when it is not there."""
        root = "/sys/fs/cgroup"
        unified = os.path.exists(root + "/cgroup.controllers")
        controller, file = ("", v2) if unified else v1.split("/")
        try:
            with open(os.path.join(root, controller, self.env.cgroup, "pods", container, file), encoding="ascii") as f:
                return f.read().strip()
        except FileNotFoundError:
            return None

    # --- logs --------------------------------------------------------------------------------------

    def log_path(self, pod, config):
        return os.path.join(self.pods[pod]["log_directory"], config["log_path"])

    def log(self, pod, config):
        """The log as [(time, stream, "P" or "F", content)]; every line must have CRI's format."""
        return parse_log(self.log_path(pod, config))

    def wait_log(self, pod, config, wanted, seconds=15):
        """Waits until the log's content contains `wanted` (bytes); returns the parsed log."""
        def seen():
            # Half a line may stand at the end: it is being written.
            entries = parse_log(self.log_path(pod, config), whole=False)
            return entries if wanted in joined(entries) else None
        return wait_until(seen, seconds, "%r in the log" % wanted)

    # --- assertions --------------------------------------------------------------------------------

    def fails(self, code, work, *parts):
        """work() must end in this gRPC code (a name, or several) with a message that has all the parts
        (case ignored). Returns the message."""
        codes = (code,) if isinstance(code, str) else code
        try:
            answer = work()
        except RpcFailure as e:
            assert e.code in codes, "expected %s, got %s: %s" % ("/".join(codes), e.code, e.message)
            for part in parts:
                assert part.lower() in e.message.lower(), "the message does not name %r: %s" % (part, e.message)
            assert e.message.strip(), "the message is empty"
            return e.message
        raise AssertionError("expected %s, but the call succeeded: %s" % ("/".join(codes), answer))

    @staticmethod
    def equal(got, wanted, what=""):
        if isinstance(got, list) and isinstance(wanted, list) and len(got) == len(wanted) > 4:
            # Only what differs; a long list hides it.
            pairs = [(g, w) for g, w in zip(got, wanted) if g != w]
            got, wanted = [g for g, _ in pairs], [w for _, w in pairs]
        assert got == wanted, "%s: got %s, expected %s" % (what or "value", short(got), short(wanted))

    @staticmethod
    def recent(nanoseconds, what):
        """A CRI time of the last ten minutes, in nanoseconds since 1970."""
        age = time.time() - nanoseconds / 1e9
        assert -5 < age < 600, "%s is %d ns, %.0f s ago" % (what, nanoseconds, age)


def short(value, limit=300):
    text = repr(value)
    return text if len(text) <= limit else "%s...%s (%d characters)" % (text[:limit // 2], text[-limit // 2:], len(text))


def parse_log(path, whole=True):
    with open(path, "rb") as f:
        data = f.read()
    entries, at = [], 0
    while at < len(data):
        end = data.find(b"\n", at)
        if end < 0 and not whole:
            break
        assert end >= 0, "the log ends in the middle of a line: %r" % data[at:at + 80]
        match = LOG_LINE.fullmatch(data[at:end + 1])
        assert match, "not a CRI log line: %r" % data[at:end + 1][:120]
        entries.append((match[1].decode(), match[2].decode(), match[3].decode(), match[4]))
        at = end + 1
    return entries


def joined(entries, stream=None):
    """What the container wrote, as far as the log tells: a P entry has no line end of its own."""
    return b"".join(content + (b"\n" if tag == "F" else b"") for _, s, tag, content in entries if stream in (None, s))
