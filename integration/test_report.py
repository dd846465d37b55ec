# SPDX-License-Identifier: Apache-2.0
"""What a daemon tells of itself: the report in its log on SIGUSR1."""

import os
import signal
import threading

from harness.runner import not_with_plugin
from harness.service import wait_until

ours = not_with_plugin("it is about signals of the daemon")


def report(t):
    """Asks for a report and returns it."""
    before = len(t.env.daemon.log_text())
    os.kill(t.env.daemon.pid, signal.SIGUSR1)
    wait_until(lambda: "report: memory: " in t.env.daemon.log_text()[before:], 10, "the report to be in the log")
    return t.env.daemon.log_text()[before:]


@ours
def test_report(t):
    """SIGUSR1: pods, containers, threads and the event stream are told in the log"""
    pod = t.run_pod()
    images = len(t.cri.ListImages().images)  # other tests' among them
    text = report(t)
    for part in ("pods: 1 ready, 0 not ready", "containers: 0 created, 0 running", "calls in flight: 0, connections: 1", "events: subscribed for",
                 "handlers: ", "background: ", "logs: threads: ", "images: %d; pulls under way: 0" % images):
        assert "report: " + part in text, "%s is not in %s" % (part, text)
    t.cri.StopPodSandbox(pod_sandbox_id=pod)
    text = report(t)
    assert "report: pods: 0 ready, 1 not ready" in text, text


@ours
def test_report_hang(t):
    """SIGUSR1: a call that hangs because containerd does is told by name, and so is its end"""
    failures = []

    def run():
        try:
            t.run_pod()
        except Exception as error:  # pylint: disable=broad-except
            failures.append(error)

    os.kill(t.env.containerd.pid, signal.SIGSTOP)
    thread = threading.Thread(target=run)
    try:
        thread.start()
        wait_until(lambda: " RunPodSandbox: under way, began " in report(t), 10, "the call to be told")
    finally:
        os.kill(t.env.containerd.pid, signal.SIGCONT)
        thread.join()
    assert not failures, failures
    assert "RunPodSandbox" not in report(t)
