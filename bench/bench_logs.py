# SPDX-License-Identifier: Apache-2.0
"""Logs: containers that write at full speed; content that arrives in their logs per second, and the CPU that it costs.

The clock starts with the time stamp of the first line and stops with the last change of the file."""

import os
from datetime import datetime

from harness import images
from harness.service import wait_until

MB = 1e6
# name: (bytes of a line with its end, bytes of content in all, containers)
CASES = {
    "8 B lines": (8, 16 << 20, 1),
    "80 B lines": (80, 160 << 20, 1),
    "1000 B lines": (1000, 512 << 20, 1),
    "80 B lines, 4 containers": (80, 64 << 20, 4),
}


def writer_image(b):
    program = b.path("logwriter")
    if not os.path.exists(program):
        b.compile("logwriter.c", program, "-static")
    with open(program, "rb") as f:
        image = images.Image([images.busybox_entries(), [images.file_entry("logwriter", f.read(), 0o755)]], {"Cmd": ["/logwriter"]})
    b.env.registry.push(image, "logwriter", "1")
    return "%s/logwriter:1" % b.env.registry.name


def first_time(path):
    with open(path, "rb") as f:
        text = f.readline().split(b" ", 1)[0].decode()
    text = text.replace("Z", "+00:00")
    head, zone = text[:19], text[-6:]
    fraction = text[19:-6] or ".0"
    return datetime.fromisoformat(head + zone).timestamp() + float("0" + fraction)


def ended(path):
    """True when the file's last line is the END that the writer says last."""
    try:
        with open(path, "rb") as f:
            f.seek(-4, os.SEEK_END)
            return f.read() == b"END\n"
    except OSError:
        return False


def one(b, image, line, total, count):
    pod = b.run_pod()
    configs = [b.container_config(image=image, command=["/logwriter", str(line), str(total), "stay"], name=b.name("w")) for _ in range(count)]
    containers = [b.create(pod, config=c) for c in configs]
    paths = [b.log_path(pod, c) for c in configs]
    cpu = b.cpu()
    for c in containers:
        b.start(c)
    wait_until(lambda: all(ended(p) for p in paths), 120, "the logs to be whole", every=0.02)
    cpu = [now - before for now, before in zip(b.cpu(), cpu)]
    seconds = max(os.stat(p).st_mtime for p in paths) - min(first_time(p) for p in paths)
    content = count * (total // line * line)
    for p in paths:
        with open(p, "rb") as f:
            lines = sum(chunk.count(b"\n") for chunk in iter(lambda: f.read(1 << 20), b""))
        assert lines >= total // line + 1, "%d lines of %d arrived" % (lines, total // line + 1)
    b.remove_pod(pod)
    for p in paths:
        os.unlink(p)
    return content / seconds, [c / (content / 1e9) for c in cpu]


def bench_logs(b):
    """Throughput of container logs"""
    image = writer_image(b)
    b.pull(image)
    for name, (line, total, count) in CASES.items():
        for _ in range(b.repeats(3)):
            rate, (runtime, shims) = one(b, image, line, total // b.divide, count)
            b.sample("logs, %s" % name, "MB/s", rate / MB, more_is_better=True)
            b.sample("logs, %s: CPU of the runtime" % name, "s/GB", runtime)
            b.sample("logs, %s: CPU of the shims" % name, "s/GB", shims)


def bench_no_log(b):
    """Output that goes to no log: what pipes and shim let through"""
    image = writer_image(b)
    b.pull(image)
    total = (1 << 30) // b.divide
    for _ in range(b.repeats(3)):
        pod = b.run_pod()
        container = b.run(pod, config=b.container_config(image=image, log_path="", command=["/logwriter", "80", str(total)]))
        status = b.wait_exit(container, 120)
        b.sample("output without a log (ceiling of pipe and shim)", "MB/s", total / ((status.finished_at - status.started_at) / 1e9) / MB,
                 more_is_better=True)
        b.remove_pod(pod)
