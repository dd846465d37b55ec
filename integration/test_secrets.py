# SPDX-License-Identifier: Apache-2.0
"""Credentials are seen by those that they are for, and by nobody else: not in logs, errors, dumps, verbose answers, containerd's records, files, command lines.

Each test plants values that occur nowhere else and looks for them, as they are and in the forms in which they are sent, in all that the daemon lets be seen.
"""

import base64
import json
import os
import re
import secrets as random
import shutil
import subprocess
import urllib.parse

from harness.fakeregistry import Fault, FakeRegistry
from harness.images import Image, file_entry
from harness.runner import not_with_plugin, seconds
from test_crictl import crictl
from test_report import report

ours = not_with_plugin("it is about this daemon's output")


def planted():
    """A value for one place, with bytes that forms and URLs have to write otherwise. Each of its parts is as secret as the whole."""
    return "%s/%s+%s=" % tuple(random.token_hex(8) for _ in range(3))


def base64_forms(raw):
    """What base64 of a longer text has for these bytes, for each of the three places where they can begin in it."""
    for shift in range(3):
        text = base64.b64encode(b"x" * shift + raw)[4 if shift else 0:]
        yield text[:len(text) - 4].decode()


def forms(secret):
    """The value and each part of it, as they are, percent-encoded, in base64 of either alphabet."""
    found = set()
    for part in [secret] + re.findall("[0-9A-Za-z]{16,}", secret):
        found |= {part, urllib.parse.quote(part, safe=""), urllib.parse.quote_plus(part)}
        for plain in base64_forms(part.encode()):
            found |= {plain, plain.replace("+", "-").replace("/", "_"), urllib.parse.quote(plain, safe="")}
    return found


class Watch:
    """What was planted, and what was seen of the daemon."""

    def __init__(self, t):
        self.t, self.secrets, self.seen = t, {}, {}

    def plant(self, what):
        self.secrets[what] = planted()
        return self.secrets[what]

    def saw(self, where, text):
        self.seen[where] = self.seen.get(where, "") + str(text)

    def failing(self, where, ref, **auth):
        """A pull that must fail; its message is looked at, too."""
        request = {"image": {"image": ref}}
        if auth:
            request["auth"] = auth
        message = self.t.fails(FAILURES, lambda: self.t.cri.PullImage(**request))
        self.saw("the error of: " + where, message)

    def check(self):
        self.saw("the log", self.t.env.daemon.log_text())
        wanted = {form: what for what, secret in self.secrets.items() for form in forms(secret)}
        found = sorted({(where, wanted[form], form) for where, text in self.seen.items() for form in wanted if form.lower() in text.lower()})
        assert not found, "; ".join("%s holds the %s as %s" % one for one in found)


FAILURES = ("UNAUTHENTICATED", "PERMISSION_DENIED", "UNAVAILABLE", "NOT_FOUND", "INVALID_ARGUMENT", "FAILED_PRECONDITION", "DATA_LOSS", "UNKNOWN",
            "RESOURCE_EXHAUSTED", "OUT_OF_RANGE")


def fake(t):
    registry = FakeRegistry().start()
    t.defer(registry.stop)
    return registry


def hosts_toml(t, domain, text):
    t.defer(lambda: shutil.rmtree(t.env.certs_d, ignore_errors=True))
    t.env.write("certs.d/%s/hosts.toml" % domain, text)


def basic(user, password):
    return base64.b64encode(("%s:%s" % (user, password)).encode()).decode()


def kinds(watch):
    """Every way of CRI's AuthConfig to give credentials: name, whether it answers Basic challenges, the members, what a server gets to see."""
    password = watch.plant("password")
    yield "user and password", {"username": "alice", "password": password}, [password, basic("alice", password)]
    inside = watch.plant("auth")
    yield "auth", {"auth": basic("bob", inside)}, [inside, basic("bob", inside)]
    identity = watch.plant("identity-token")
    yield "identity token", {"identity_token": identity}, [identity, urllib.parse.quote(identity, safe=""), urllib.parse.quote_plus(identity)]
    token = watch.plant("registry-token")
    yield "registry token", {"registry_token": token}, [token]


def echo(texts):
    """An error of the distribution API that says back what was sent, as some proxies do."""
    return json.dumps({"errors": [{"code": "DENIED", "message": "no: " + " ".join(texts)}], "details": texts}).encode()


def answers(sent, elsewhere, issued):
    """What a registry can do to a request for a manifest: name, faults of the registry by path (M: the manifest)."""
    bearer = {"WWW-Authenticate": 'Bearer realm="http://%s/token",service="x"' % elsewhere.name}
    for challenge in ({"WWW-Authenticate": "Basic"}, bearer):
        yield "401", {"M": Fault(status=401, headers=challenge, body=echo(sent))}, {}
    for status in (400, 403, 404, 429, 500):
        yield str(status), {"M": Fault(status=status, headers={"Retry-After": "0"}, body=echo(sent))}, {}
        yield "token server %d" % status, {"M": Fault(status=401, headers=bearer)}, {"/token": Fault(status=status, headers={"Retry-After": "0"}, body=echo(sent))}
    for body in (b"no JSON: " + " ".join(sent).encode(), json.dumps({"token": "a b " + sent[0]}).encode(), echo(sent)):
        yield "token server's answer", {"M": Fault(status=401, headers=bearer)}, {"/token": Fault(status=200, body=body)}
        yield "manifest", {"M": Fault(body=body)}, {}
    yield "token not taken", {"M": Fault(status=401, headers=bearer, body=echo([issued] + sent))}, {"/token": Fault(status=200, body=json.dumps({"token": issued}).encode())}
    yield "no token server", {"M": Fault(status=401, headers={"WWW-Authenticate": 'Bearer realm="http://127.0.0.1:5999/token"'})}, {}
    yield "another scheme", {"M": Fault(status=401, headers={"WWW-Authenticate": 'Digest realm="%s"' % sent[0]})}, {}
    yield "no challenge", {"M": Fault(status=401, headers={"WWW-Authenticate": "=,%s" % sent[0]}, body=echo(sent))}, {}
    for to in ("http://%s/away?signature=%s" % (elsewhere.name, urllib.parse.quote(issued, safe="")), "http://u:%s@%s/away" % (issued, elsewhere.name),
               "http://127.0.0.1:5999/%s" % issued, "ftp://x/" + issued):
        yield "redirect", {"M": Fault(status=307, body=b"", headers={"Location": to})}, {"/away": Fault(status=403, body=echo(sent))}


def pull_all(t, watch):
    """Pulls with every kind of credentials that every kind of answer refuses, then one that succeeds."""
    header, issued = watch.plant("header"), watch.plant("issued-token")
    for kind, auth, sent in kinds(watch):
        registry, elsewhere = fake(t), fake(t)
        image = Image([[file_entry("marker", kind)]], {"Cmd": ["/x"]})
        ref = registry.add(image, "test/secret", "v1")
        hosts_toml(t, registry.name, '[host."http://%s"]\n[host."http://%s".header]\nx-key = "%s"\n' % ((registry.name,) * 2 + (header,)))
        manifest = "/v2/test/secret/manifests/v1"
        for what, here, there in answers(sent + [header], elsewhere, issued):
            registry.faults = {manifest: here["M"]}
            elsewhere.faults = there
            watch.failing("%s with %s" % (what, kind), ref, **auth)
        bearer = {"WWW-Authenticate": 'Bearer realm="http://%s/token",service="x"' % elsewhere.name}
        registry.faults = {manifest: Fault(status=401, headers=bearer, times=1)} if "registry" not in kind else {}
        elsewhere.faults = {"/token": Fault(status=200, body=json.dumps({"token": issued}).encode())}
        t.equal(t.cri.PullImage(image={"image": ref}, auth=auth).image_ref, image.image_id)
        received = "\n".join("%s %s %s" % (headers, query, body) for r in (registry, elsewhere) for _, _, headers, query, body in r.received)
        assert any(form in received for form in sent), "the %s was not used at all" % kind
        assert header in received, "the configured header was not sent"
        watch.saw("ImageStatus", t.cri.ImageStatus(image={"image": ref}, verbose=True))
        t.cri.RemoveImage(image={"image": ref})


def files(watch, t):
    """hosts.toml files that hold secrets in places where they do not belong, and keys."""
    name = "files.test"
    at, value = watch.plant("userinfo").split("/")[0], watch.plant("broken-header")
    for text in ('server = "http://user:%s@127.0.0.1:5999"\n' % at, '[host."http://user:%s@127.0.0.1:5999"]\n' % at,
                 '[host."http://user:%s@127.0.0.1:5999"]\nskip_verify = 3\n' % at, '[host."user:%s@127.0.0.1"]\nca = 3\n' % at,
                 '[header]\nx-key = "%s\n' % value, '[header]\nx-key = %s\n' % value, '[header]\nx-key = [%s\n' % value, '[header]\nx-key = "\\%s"\n' % value,
                 '[header]\nx-key = "" %s\n' % value, '[header]\n%s\n' % value, '[header]\nx-key = 2020-%s\n' % value, '[header]\nx-key = "%s\\n"\n' % value, '[header]\n"%s" = 3\n' % value,
                 '[host."http://127.0.0.1:5999"]\n[host."http://127.0.0.1:5999".header]\nx-key = ["%s", 3]\n' % value,
                 '[host."http://127.0.0.1:5999"]\n[host."http://127.0.0.1:5999".header]\nx-key = "%s"\n' % value):
        hosts_toml(t, name, text)
        watch.failing("hosts.toml", name + "/x:1")
        watch.saw("doctor", doctor(t))
    with open(t.env.path("one.key"), encoding="ascii") as f:
        key = f.read()
    watch.secrets["client key"] = key.splitlines()[1]
    for text in (key, key[:len(key) // 2], key.replace("BEGIN", "BEGUN")):
        t.env.write("certs.d/%s/my.key" % name, text)
        hosts_toml(t, name, 'client = [["%s", "my.key"]]\nserver = "https://%s"\n' % (t.env.path("two.pem"), t.env.tls_registry.name))
        watch.failing("a client key", name + "/x:1")
        watch.saw("doctor", doctor(t))


def run_daemon(t, *argv):
    done = subprocess.run(t.env.daemon_argv()[:1] + list(argv) + t.env.daemon_argv()[1:], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, errors="replace", timeout=60, env=dict(os.environ, **t.env.sanitizer_env()), check=False)
    return done.stdout


def doctor(t):
    return run_daemon(t, "doctor") + run_daemon(t, "doctor", "--json")


def look_around(t, watch, pod, container, ref):
    """All that can be seen of a node whose pod runs an image that was pulled with credentials."""
    watch.saw("SIGUSR1", report(t))
    watch.saw("Status", t.cri.Status(verbose=True))
    watch.saw("PodSandboxStatus", t.cri.PodSandboxStatus(pod_sandbox_id=pod, verbose=True))
    watch.saw("ContainerStatus", t.cri.ContainerStatus(container_id=container, verbose=True))
    watch.saw("ImageStatus", t.cri.ImageStatus(image={"image": ref}, verbose=True))
    watch.saw("ListImages", t.cri.ListImages())
    for argv in (["info"], ["images", "-o", "json"], ["inspecti", ref], ["inspect", container], ["inspectp", pod]):
        watch.saw("crictl " + argv[0], crictl(t, *argv))
    for argv in (["content", "ls"], ["images", "ls"], ["containers", "ls"], ["containers", "info", container], ["snapshots", "ls"], ["leases", "ls"]):
        watch.saw("ctr " + " ".join(argv[:2]), t.env.ctr(*argv))
    for verb in ("dump", "check", "migrate"):
        watch.saw("config " + verb, run_daemon(t, "config", verb))
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open("/proc/%s/cmdline" % pid, "rb") as f:
                watch.saw("a command line", f.read().decode(errors="replace"))
        except OSError:
            continue
    for folder in (t.env.root, t.env.state, t.env.path("ctd-root/io.containerd.metadata.v1.bolt"), t.env.cni_cache):
        for at, _, names in os.walk(folder):
            for path in (os.path.join(at, name) for name in names):
                if os.path.isfile(path) and not os.path.islink(path):
                    with open(path, "rb") as f:
                        watch.saw("the file " + path, f.read().decode("latin-1"))


@ours
@seconds(300)
def test_planted(t):
    """Secrets of every kind, in pulls that succeed and that fail in every way, with the log as text and as JSON at level debug: they are in nothing that can be seen"""
    for log in ("text", "json"):
        watch = Watch(t)
        t.restart_daemon('[registry]\nconfig_path = "%s"\n[debug]\nformat = "%s"\n' % (t.env.certs_d, log))
        pull_all(t, watch)
        files(watch, t)
        watch.check()


@ours
def test_planted_in_a_proxy(t):
    """A proxy whose address holds a password, and that does not serve: neither errors nor doctor tell the password"""
    watch, proxy = Watch(t), fake(t)
    password = watch.plant("proxy-password")
    quoted = urllib.parse.quote(password, safe="")
    hosts_toml(t, "plain.test", 'server = "http://plain.test"\n')
    proxy.faults["http://plain.test/v2/x/manifests/1"] = Fault(status=407)
    t.defer(lambda: [os.environ.pop(name) for name in ("http_proxy", "https_proxy")])
    for address in ("http://u:%s@127.0.0.1:5999", "http://u:%s@" + proxy.name, "http://u:%s@no.such.host.test:80", "http://u:%s@bad host:1", "http://u:%s@x:port",
                    "nothing://u:%s@x", "http://[u:%s@x"):
        for name in ("http_proxy", "https_proxy"):
            os.environ[name] = address % quoted
        t.restart_daemon('[registry]\nconfig_path = "%s"\n' % t.env.certs_d)
        for ref in ("plain.test/x:1", "tls.test/x:1"):
            watch.failing("a proxy", ref)
        watch.saw("doctor", doctor(t))
    assert any("Proxy-Authorization" in headers for _, _, headers, _, _ in proxy.received), "the password was not used at all"
    watch.check()


@ours
def test_planted_in_a_pod(t):
    """An image that was pulled with a password, and a pod that runs it: status, crictl, containerd's records and files know nothing of the password"""
    watch, registry = Watch(t), fake(t)
    password = watch.plant("password")
    ref = registry.add(t.env.busybox, "test/pod", "v1")
    registry.faults["/v2/test/pod/manifests/v1"] = Fault(status=401, headers={"WWW-Authenticate": "Basic"}, times=1)
    t.cri.PullImage(image={"image": ref}, auth={"username": "alice", "password": password})
    assert any(basic("alice", password) in str(headers) for _, _, headers, _, _ in registry.received), "the password was not used at all"
    t.defer(lambda: t.cri.RemoveImage(image={"image": ref}))
    pod = t.run_pod()
    container = t.run(pod, image=ref)
    watch.failing("no such tag", ref + "x", username="alice", password=password, server_address="http://alice:%s@%s" % (password, registry.name))
    crictl(t, "pull", "--creds", "alice:" + password, ref)
    watch.saw("crictl pull", crictl(t, "pull", "--creds", "alice:" + password, ref + "x", ok=False))
    look_around(t, watch, pod, container, ref)
    watch.check()
