# SPDX-License-Identifier: Apache-2.0
"""Runs the test functions of integration/test_*.py, one after the other, and reports TAP lines.

A test is a function test_<something>(t); the first line of its docstring is its title and `t` a Context.
After every test the Context removes what the test made, and the runner compares the inventory of the
environment with the one before: whatever was left behind fails the test. So does a daemon that ended or
whose sanitizer reported something.
"""

import importlib
import inspect
import os
import signal
import sys
import time
import traceback

from . import leftovers
from .context import Context, Skip

TEST_SECONDS = 120
DEADLINE_MARK = "_seconds"


class TookTooLong(BaseException):
    pass


def seconds(limit):
    """Decorator: this test may take `limit` seconds in place of TEST_SECONDS."""
    def mark(test):
        setattr(test, DEADLINE_MARK, limit)
        return test
    return mark


def not_with_plugin(reason):
    """Decorator: containerd's own plugin does this otherwise."""
    def mark(test):
        test.not_with_plugin = reason
        return test
    return mark


def collect(folder, pattern=None):
    """[(module name, function)] in file and definition order; pattern: part of "module.function"."""
    sys.path.insert(0, folder)
    found = []
    for name in sorted(n[:-3] for n in os.listdir(folder) if n.startswith("test_") and n.endswith(".py")):
        module = importlib.import_module(name)
        tests = [f for n, f in vars(module).items() if n.startswith("test_") and inspect.isfunction(f)
                 and f.__module__ == name]
        tests.sort(key=lambda f: f.__code__.co_firstlineno)
        found += [(name, f) for f in tests if not pattern or any(p in name + "." + f.__name__ for p in pattern)]
    return found


class Runner:
    def __init__(self, env, out=sys.stdout):
        self.env, self.out = env, out
        self.passed, self.failed, self.skipped = 0, 0, 0
        self.failures = []
        self.inventory = None
        self.reports = 0

    def say(self, text):
        print(text, file=self.out, flush=True)

    def run(self, tests):
        self.say("1..%d" % (len(tests) + 1))
        signal.signal(signal.SIGALRM, self._alarm)
        for number, (module, test) in enumerate(tests, 1):
            self._one(number, module, test)
        self._report(len(tests) + 1, "the daemon and its surroundings stop cleanly", "env", self._stop, time.monotonic())

    @staticmethod
    def _alarm(*_):
        raise TookTooLong()

    def _one(self, number, module, test):
        title = (inspect.getdoc(test) or test.__name__).splitlines()[0]
        start = time.monotonic()
        reason = getattr(test, "not_with_plugin", None)
        if self.env.plugin and reason:
            self.skipped += 1
            self.say("ok %d - %s: %s # SKIP %s" % (number, module, title, reason))
            return
        self._report(number, title, "%s.%s" % (module, test.__name__), lambda: self._call(test), start)

    def _report(self, number, title, name, work, start):
        log_start = self._log_size()
        try:
            work()
        except Skip as e:
            self.skipped += 1
            self.say("ok %d - %s: %s # SKIP %s" % (number, name.split(".")[0], title, e))
            return
        except KeyboardInterrupt:
            raise
        except BaseException as e:  # pylint: disable=broad-except
            self.failed += 1
            self.failures.append("%s: %s" % (name, title))
            self.say("not ok %d - %s: %s (%.2f s)" % (number, name, title, time.monotonic() - start))
            self._explain(e, log_start)
            return
        self.passed += 1
        self.say("ok %d - %s: %s (%.2f s)" % (number, name.split(".")[0], title, time.monotonic() - start))

    def _call(self, test):
        context = Context(self.env)
        before = self.inventory or leftovers.inventory(self.env)
        self.inventory = None
        signal.alarm(getattr(test, DEADLINE_MARK, TEST_SECONDS))
        problems = []
        try:
            test(context)
        finally:
            failed = sys.exc_info()[0] is not None
            signal.alarm(60)
            try:
                problems += context.clean_up()
                if failed:
                    self._clear()
                problems += self._daemon_problems()
                found = leftovers.left(self.env, before)
                if found:
                    problems.append("left behind: " + leftovers.describe(found))
                self.inventory = leftovers.inventory(self.env)
            finally:
                signal.alarm(0)
            if problems and failed:
                self.say("    # also: " + "; ".join(problems))
        if problems:
            raise AssertionError("; ".join(problems))

    def _clear(self):
        """After a failure: the next test shall find an empty runtime."""
        try:
            for pod in self.env.client.ListPodSandbox().items:
                self.env.client.StopPodSandbox(pod_sandbox_id=pod.id)
                self.env.client.RemovePodSandbox(pod_sandbox_id=pod.id)
        except Exception as e:  # pylint: disable=broad-except
            self.say("    # also: clearing up after the failure: %s" % e)

    def _daemon_problems(self):
        """The daemon must survive every test; when it did not, a new one is started for the next."""
        if self.env.plugin:
            return []
        problems = []
        reports = self.env.sanitizer_reports()
        if len(reports) > self.reports:
            problems.append("sanitizer: " + reports[self.reports])
            self.reports = len(reports)
        if not self.env.daemon.running():
            problems.append("the daemon ended (status %s)" % self.env.daemon.process.returncode)
            self.env.start_daemon()
        elif not self.env.client.answers():
            problems.append("the daemon no longer answers Version")
            self.env.daemon.kill()
            self.env.start_daemon()
        return problems

    def _stop(self):
        complaints = self.env.stop()
        reports = self.env.sanitizer_reports()[self.reports:]
        complaints += ["sanitizer: " + r for r in reports]
        if complaints:
            raise AssertionError("; ".join(complaints))

    def _log_size(self):
        try:
            return os.path.getsize(self.env.log("containerd" if self.env.plugin else "daemon"))
        except OSError:
            return 0

    def _explain(self, error, log_start):
        if isinstance(error, TookTooLong):
            self.say("    # took too long; it was here:")
        else:
            self.say("    # %s: %s" % (type(error).__name__, str(error)[:2000].replace("\n", "\n    # ")))
        frames = [f for f in traceback.extract_tb(error.__traceback__) if "/integration/" in f.filename
                  and not f.filename.endswith("runner.py")]
        for f in frames[-4:]:
            self.say("    #   %s:%d: %s" % (os.path.basename(f.filename), f.lineno, f.line))
        if self.env.plugin:
            return
        try:
            with open(self.env.log("daemon"), encoding="utf-8", errors="replace") as f:
                f.seek(log_start)
                lines = f.read().splitlines()
        except OSError:
            return
        wanted = [l for l in lines if "level=debug" not in l] or lines
        for line in wanted[-40:]:
            self.say("    | " + line[:400])

    def summary(self):
        return "%d passed, %d failed, %d skipped" % (self.passed, self.failed, self.skipped)
