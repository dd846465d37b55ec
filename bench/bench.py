# SPDX-License-Identifier: Apache-2.0
"""What a benchmark works with: the short ways of the integration tests (harness.context.Context), samples, CPU time, memory."""

import os
import subprocess
import time

from harness.context import Context

HERE = os.path.dirname(os.path.abspath(__file__))
TICKS = os.sysconf("SC_CLK_TCK")


def cpu_of(pid):
    """Seconds of CPU that a process has used; 0 when it is gone."""
    try:
        with open("/proc/%s/stat" % pid, encoding="utf-8", errors="replace") as f:
            fields = f.read().rsplit(")", 1)[1].split()
    except OSError:
        return 0
    return (int(fields[11]) + int(fields[12])) / TICKS


def pss_of(pid):
    """Bytes: the proportional set size of a process."""
    with open("/proc/%s/smaps_rollup" % pid, encoding="utf-8") as f:
        return next(int(line.split()[1]) for line in f if line.startswith("Pss:")) * 1024


def processes_named(name):
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open("/proc/%s/comm" % pid, encoding="utf-8") as f:
                if f.read().strip() == name:
                    yield int(pid)
        except OSError:
            continue


class Bench(Context):
    """divide: by how much to divide the work of a quick run."""

    def __init__(self, env, quick):
        super().__init__(env)
        self.quick, self.samples = quick, []
        self.divide = 16 if quick else 1

    def path(self, name):
        return self.env.path(name)

    def repeats(self, n):
        return 1 if self.quick else n

    def compile(self, source, program, *options):
        subprocess.run(["gcc", "-std=c11", "-D_GNU_SOURCE", "-O2", *options, "-o", program, os.path.join(HERE, source)], check=True)

    def sample(self, what, unit, value, more_is_better=False):
        self.samples.append({"what": what, "unit": unit, "value": value, "more": more_is_better})

    def timed(self, what, work, *args, **more):
        """Calls work(...) and keeps how long it took, in milliseconds."""
        start = time.monotonic()
        result = work(*args, **more)
        self.sample(what, "ms", (time.monotonic() - start) * 1e3)
        return result

    def runtime_pids(self):
        """containerd, and the daemon when that is what is measured."""
        return [s.pid for s in (self.env.containerd, self.env.daemon) if s]

    def cpu(self):
        """Seconds of CPU used so far: by the runtime, by the shims that run now."""
        return sum(map(cpu_of, self.runtime_pids())), sum(map(cpu_of, processes_named("containerd-shim")))
