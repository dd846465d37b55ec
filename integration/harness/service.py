# SPDX-License-Identifier: Apache-2.0
"""A program that runs beside the tests: start it, wait until it really answers, stop it, keep its log."""

import os
import signal
import socket
import subprocess
import time

from . import isolate


class StartFailure(Exception):
    """A service did not come up; the text says which and shows the end of its log."""


def wait_until(condition, seconds, what, every=0.005):
    """Polls until condition() is true and returns its value; AssertionError naming `what` after `seconds`."""
    end = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise AssertionError("waited %g s in vain for %s" % (seconds, what))
        time.sleep(every)


def socket_answers(path):
    with socket.socket(socket.AF_UNIX) as s:
        try:
            s.connect(path)
            return True
        except OSError:
            return False


def port_answers(port, host="127.0.0.1"):
    with socket.socket() as s:
        s.settimeout(1)
        try:
            s.connect((host, port))
            return True
        except OSError:
            return False


def port_is_free(port, host="127.0.0.1"):
    with socket.socket() as s:
        s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            s.bind((host, port))
            return True
        except OSError:
            return False


def tail(path, lines=25):
    try:
        with open(path, encoding="utf-8", errors="replace") as f:
            return "".join(f.readlines()[-lines:])
    except OSError:
        return ""


class Service:
    """One process. Its output is appended to `log`; it dies with the process that started it."""

    def __init__(self, name, argv, log, env=None, cwd=None):
        self.name, self.argv, self.log, self.cwd = name, argv, log, cwd
        self.env = dict(os.environ, **(env or {}))
        self.process = None

    def start(self, ready, seconds=30):
        """Starts it and waits for ready(); a process that ends before that is a StartFailure at once."""
        self.spawn()
        end = time.monotonic() + seconds
        while not ready():
            if self.process.poll() is not None:
                raise StartFailure("%s ended with status %d while starting:\n%s"
                                   % (self.name, self.process.returncode, tail(self.log)))
            if time.monotonic() > end:
                self.kill()
                raise StartFailure("%s was not ready after %g s:\n%s" % (self.name, seconds, tail(self.log)))
            time.sleep(0.005)
        return self

    def spawn(self):
        out = open(self.log, "ab", buffering=0)
        try:
            self.process = subprocess.Popen(self.argv, stdin=subprocess.DEVNULL, stdout=out, stderr=out, env=self.env,
                                            cwd=self.cwd, preexec_fn=isolate.die_with_parent, start_new_session=True)
        except FileNotFoundError:
            raise StartFailure("%s: the program %s was not found" % (self.name, self.argv[0])) from None
        finally:
            out.close()
        return self

    @property
    def pid(self):
        return self.process.pid if self.process else None

    def running(self):
        return self.process is not None and self.process.poll() is None

    def wait(self, seconds):
        """Exit status, or AssertionError when it still runs after `seconds`."""
        try:
            return self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            raise AssertionError("%s still runs after %g s:\n%s" % (self.name, seconds, tail(self.log))) from None

    def stop(self, seconds=20):
        """SIGTERM, then SIGKILL. Returns the exit status (negative: the signal)."""
        if not self.running():
            return self.process.returncode if self.process else None
        self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            return self.kill()

    def kill(self):
        if self.running():
            self.process.kill()
        return self.process.wait() if self.process else None

    def log_text(self):
        return tail(self.log, 1000000)
