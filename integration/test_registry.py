# SPDX-License-Identifier: Apache-2.0
"""Registries: mirrors and hosts.toml, certificates, credentials, busy and broken servers; on docker-registry and on one that misbehaves."""

import base64
import crypt
import hashlib
import http.server
import json
import os
import shutil
import socket
import subprocess
import threading
import time
import urllib.parse

from harness import leftovers
from harness.fakeregistry import Fault, FakeRegistry
from harness.images import Image, Registry, file_entry
from harness.runner import not_with_plugin
from harness.service import Service, port_answers, port_is_free, wait_until

ours = not_with_plugin("its registries are configured with containerd")
ALICE, PASSWORD = "alice", "correct-horse-battery"


def small(text, **more):
    return Image([[file_entry("marker", text)]], {"Cmd": ["/x"]}, **more)


def fake(t, **options):
    registry = FakeRegistry(**options).start()
    t.defer(registry.stop)
    return registry


def hosts_toml(t, domain, text):
    """Writes hosts.toml for images of `domain`."""
    t.defer(lambda: shutil.rmtree(t.env.certs_d, ignore_errors=True))
    t.env.write("certs.d/%s/hosts.toml" % domain, text)


def asked(registry, part=""):
    return [path for _, path, _, _ in registry.seen if part in path]


def pull(t, ref, **auth):
    request = {"image": {"image": ref}}
    if auth:
        request["auth"] = auth
    return t.cri.PullImage(**request).image_ref


def fails(t, codes, ref, *parts, secrets=(), **auth):
    """The pull fails with one of the codes, names the parts, tells no secret and leaves nothing."""
    before = leftovers.inventory(t.env, images=True)
    message = t.fails(codes, lambda: pull(t, ref, **auth), *parts)
    found = leftovers.left(t.env, before, images=True)
    assert not found, "left behind: " + leftovers.describe(found)
    log = t.env.daemon.log_text()
    for secret in secrets:
        assert secret not in message, message
        assert secret not in log, "the log holds %r" % secret
    return message


def second_registry(t, auth="", http="", port=5001):
    """A docker-registry on the store of the others with more configuration."""
    text = ("version: 0.1\nlog: {level: warn}\nstorage: {filesystem: {rootdirectory: %s}, delete: {enabled: true}}\n"
            "http: {addr: '127.0.0.1:%d', secret: x%s}\n%s" % (t.env.path("registry"), port, http, auth))
    service = Service("registry-auth", ["docker-registry", "serve", t.env.write("registry-auth.yml", text)], t.env.log("registry-auth"),
                      env={"OTEL_TRACES_EXPORTER": "none"}, cwd=t.env.work)
    t.defer(service.stop)
    service.start(lambda: port_answers(port))
    return Registry("127.0.0.1", port)


# --- mirrors ------------------------------------------------------------------------------------------


@ours
def test_mirror(t):
    """An image of a registry that is nowhere comes from its mirror, docker-registry; the file counts from the next pull on"""
    image = small("mirror")
    t.env.registry.push(image, "test/mirror", "v1")
    ref = "nowhere.test/test/mirror:v1"
    fails(t, ("UNAVAILABLE",), ref, "nowhere.test")
    hosts_toml(t, "nowhere.test", '[host."http://%s"]\n' % t.env.registry.name)
    t.equal(pull(t, ref), image.image_id)
    found = t.cri.ImageStatus(image={"image": ref}).image
    t.equal((list(found.repo_tags), list(found.repo_digests)), ([ref], ["nowhere.test/test/mirror@" + image.digest]))
    t.cri.RemoveImage(image={"image": ref})
    shutil.rmtree(t.env.certs_d)
    fails(t, ("UNAVAILABLE",), ref, "nowhere.test")


@ours
def test_mirror_is_told_the_registry(t):
    """A mirror is asked with the registry's name (ns) and under override_path and headers; the registry itself without"""
    mirror, image = fake(t, prefix="/proxy/cache"), small("told")
    mirror.add(image, "test/told", "v1")
    hosts_toml(t, "nowhere.test", '[host."http://%s/proxy/cache"]\noverride_path = true\n'
               '[host."http://%s/proxy/cache".header]\nx-one = "a b"\nx-two = ["c", "d"]\n' % (mirror.name, mirror.name))
    t.equal(pull(t, "nowhere.test/test/told:v1"), image.image_id)
    assert len(mirror.seen) >= 3
    for _, path, headers, query in mirror.seen:
        t.equal((path.startswith("/proxy/cache/test/told/"), query, headers.get("x-one")), (True, "ns=nowhere.test", "a b"))
    direct = fake(t)
    t.equal(pull(t, direct.add(image, "test/direct", "v1")), image.image_id)
    t.equal({query for _, _, _, query in direct.seen}, {""})


@ours
def test_mirror_down(t):
    """A mirror that does not answer, or lacks the image: the registry itself is asked; of the failure all are named"""
    assert port_is_free(5999)
    lacking, image = fake(t), small("mirror down")
    ref = t.env.registry.push(image, "test/down", "v1")
    hosts_toml(t, t.env.registry.name, '[host."http://127.0.0.1:5999"]\n[host."http://%s"]\n' % lacking.name)
    t.equal(pull(t, ref), image.image_id)
    assert asked(lacking, "/v2/test/down/manifests/v1")
    fails(t, ("NOT_FOUND",), "%s/test/down:no" % t.env.registry.name, "127.0.0.1:5999", "%s answered with status 404" % lacking.name,
          "%s answered with status 404" % t.env.registry.name)


@ours
def test_mirror_breaks(t):
    """A mirror that breaks off in the middle of a layer, or sends a wrong one: the registry itself has the rest"""
    mirror, image = fake(t), Image([[file_entry("marker", os.urandom(20000).hex())]], {})
    ref = t.env.registry.push(image, "test/breaks", "v1")
    mirror.add(image, "test/breaks", "v1")
    layer = image.manifest_dict["layers"][0]["digest"]
    path = "/v2/test/breaks/blobs/" + layer
    hosts_toml(t, t.env.registry.name, '[host."http://%s"]\n' % mirror.name)
    for fault in (Fault(cut=5000), Fault(status=500), Fault(body=bytes(len(image.blobs[layer]))), Fault(body=image.blobs[layer][:-1])):
        mirror.faults[path] = fault
        mirror.seen.clear()
        t.equal(pull(t, ref), image.image_id)
        assert asked(mirror, layer), "the mirror was not asked"
        t.cri.RemoveImage(image={"image": ref})


@ours
def test_capabilities(t):
    """Who may not resolve is asked for digests only; without a server that may, the pull is refused by name"""
    mirror, image = fake(t), small("capabilities")
    ref = t.env.registry.push(image, "test/cap", "v1")
    mirror.add(image, "test/cap", "v1")
    text = '[host."http://%s"]\ncapabilities = ["pull"]\n' % mirror.name
    hosts_toml(t, t.env.registry.name, text)
    t.equal(pull(t, ref), image.image_id)
    t.equal(asked(mirror, "/manifests/v1"), [])
    assert asked(mirror, "/blobs/")
    hosts_toml(t, t.env.registry.name, 'server = "http://%s"\ncapabilities = ["pull"]\n' % mirror.name)
    fails(t, ("NOT_FOUND",), ref, "may resolve a tag")
    t.equal(pull(t, "%s/test/cap@%s" % (t.env.registry.name, image.digest)), image.image_id)


@ours
def test_default(t):
    """_default stands for every registry that has no directory of its own; server takes the registry's place"""
    image = small("default")
    t.env.registry.push(image, "test/default", "v1")
    hosts_toml(t, "_default", 'server = "http://%s"\n' % t.env.registry.name)
    for domain in ("one.test", "two.test:444"):
        t.equal(pull(t, domain + "/test/default:v1"), image.image_id)
    hosts_toml(t, "two.test_444_", 'server = "http://127.0.0.1:5999"\n')
    fails(t, ("UNAVAILABLE",), "two.test:444/test/default:v2", "127.0.0.1:5999")


@ours
def test_bad_file(t):
    """A hosts.toml that cannot be understood is named with line and key, and nobody is asked"""
    registry = fake(t)
    for text, wanted in (("server = \n", "line 1"), ("\n[host.\"http://x\"]\nskip_verify = \"yes\"\n", 'line 3: host "http://x": skip_verify'),
                         ("[host.\"ftp://x\"]\n", "line 1: host \"ftp://x\": address"),
                         ("[header]\nx-key = \"very-secret\\n\"\n", "line 2: x-key")):
        hosts_toml(t, registry.name, text)
        fails(t, ("INVALID_ARGUMENT",), registry.name + "/x:1", t.env.path("certs.d/%s/hosts.toml" % registry.name), wanted, secrets=("very-secret",))
    t.equal(registry.seen, [])


# --- TLS ----------------------------------------------------------------------------------------------


@ours
def test_ca(t):
    """ca: docker-registry over HTTPS is verified by the file beside hosts.toml, or by Docker's *.crt, and by nothing else"""
    image = small("ca")
    t.env.registry.push(image, "test/ca", "v1")
    name = t.env.tls_registry.name
    ref = name + "/test/ca:v1"
    t.restart_daemon('[registry]\nconfig_path = "%s"\n' % t.env.certs_d, registry_ca=None)
    fails(t, ("FAILED_PRECONDITION",), ref, name, "certificate")
    hosts_toml(t, name, 'server = "https://%s"\nca = "our.pem"\n' % name)
    fails(t, ("FAILED_PRECONDITION",), ref, t.env.path("certs.d", name, "our.pem"))
    shutil.copy(t.env.path("one-ca.pem"), t.env.path("certs.d", name, "our.pem"))
    fails(t, ("FAILED_PRECONDITION",), ref, "certificate")
    shutil.copy(t.env.ca, t.env.path("certs.d", name, "our.pem"))
    t.equal(pull(t, ref), image.image_id)
    t.cri.RemoveImage(image={"image": ref})
    shutil.rmtree(t.env.certs_d)
    fails(t, ("FAILED_PRECONDITION",), ref, "certificate")  # what was verified by that file does not serve others
    os.makedirs(t.env.path("certs.d", name))
    shutil.copy(t.env.ca, t.env.path("certs.d", name, "any.crt"))
    t.equal(pull(t, ref), image.image_id)


@ours
def test_skip_verify(t):
    """skip_verify: an unknown certificate is taken there, and only there"""
    image = small("skip verify")
    t.env.registry.push(image, "test/skip", "v1")
    name = t.env.tls_registry.name
    ref = name + "/test/skip:v1"
    t.restart_daemon('[registry]\nconfig_path = "%s"\n' % t.env.certs_d, registry_ca=None)
    hosts_toml(t, name, "skip_verify = true\n")
    t.equal(pull(t, ref), image.image_id)
    t.cri.RemoveImage(image={"image": ref})
    hosts_toml(t, name, "skip_verify = false\n")
    fails(t, ("FAILED_PRECONDITION",), ref, name, "certificate")


@ours
def test_client_certificate(t):
    """client: docker-registry that wants a certificate gets the one that its authority made; without it is refused"""
    image = small("client certificate")
    t.env.registry.push(image, "test/client", "v1")
    tls = "tls: {certificate: %s, key: %s, clientcas: [%s]}" % (t.env.path("registry.pem"), t.env.path("registry.key"), t.env.path("two-ca.pem"))
    port = second_registry(t, http=", " + tls).port
    name = "registry.test:%d" % port
    ref = name + "/test/client:v1"
    fails(t, ("UNAVAILABLE",), ref, name)
    pem = "".join(open(t.env.path("two" + end), encoding="ascii").read() for end in (".pem", ".key"))
    t.env.write("certs.d/%s/both.pem" % name, pem)
    both = t.env.write("other.pem", pem)
    one, two = (tuple(t.env.path(n + end) for end in (".pem", ".key")) for n in ("one", "two"))
    for text, works in (('client = [["%s", "%s"]]\n' % one, False), ('client = [["%s", "%s"]]\n' % two, True), ('client = "both.pem"\n', True),
                        ('client = ["%s"]\n' % both, True), ('client = [["%s", "%s"], ["%s", "%s"]]\n' % (one + two), True),
                        ("", False)):
        hosts_toml(t, name, text or "\n")
        if not works:
            fails(t, ("UNAVAILABLE",), ref, name)
            continue
        t.equal(pull(t, ref), image.image_id, text)
        t.cri.RemoveImage(image={"image": ref})
    hosts_toml(t, name, 'client = [["%s", "%s"]]\n' % (one[0], two[1]))
    fails(t, ("FAILED_PRECONDITION",), ref, two[1])
    hosts_toml(t, name, "")
    for src, dst in ((two[0], "me.cert"), (two[1], "me.key")):
        shutil.copy(src, t.env.path("certs.d", name, dst))
    t.equal(pull(t, ref), image.image_id)


# --- credentials --------------------------------------------------------------------------------------


def test_basic(t):
    """Basic authentication on docker-registry: user and password, or both in auth; without, wrong or for elsewhere it is refused"""
    image = small("basic")
    t.env.registry.push(image, "test/basic", "v1")
    t.env.write("htpasswd", "%s:%s\n" % (ALICE, crypt.crypt(PASSWORD, crypt.mksalt(crypt.METHOD_BLOWFISH, rounds=16))))
    registry = second_registry(t, "auth: {htpasswd: {realm: x, path: %s}}\n" % t.env.path("htpasswd"))
    ref = registry.name + "/test/basic:v1"
    pair = base64.b64encode(("%s:%s" % (ALICE, PASSWORD)).encode()).decode()
    refused = ("UNKNOWN",) if t.env.plugin else ("UNAUTHENTICATED",)
    if not t.env.plugin:
        fails(t, refused, ref, registry.name)
        fails(t, refused, ref, registry.name, username=ALICE, password="wrong-password", secrets=("wrong-password",))
        fails(t, refused, ref, username=ALICE, password=PASSWORD, server_address="other.test", secrets=(PASSWORD,))
    for auth in ({"username": ALICE, "password": PASSWORD}, {"auth": pair}, {"username": ALICE, "password": PASSWORD, "server_address": "http://" + registry.name}):
        t.equal(pull(t, ref, **auth), image.image_id)
        t.cri.RemoveImage(image={"image": ref})


class TokenServer:
    """The token server of a docker-registry: signs what it is asked for, for those who know the password or the refresh token."""

    REFRESH = "the-refresh-token"

    def __init__(self, t, port=5002):
        self.t, self.port, self.seen = t, port, []
        self.cert, self.key = t.env.path("token.pem"), t.env.path("token.key")
        subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", self.key, "-out", self.cert, "-days", "2",
                        "-subj", "/CN=token"], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        server = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                server.answer(self, urllib.parse.urlparse(self.path).query)

            def do_POST(self):
                server.answer(self, self.rfile.read(int(self.headers["Content-Length"])).decode())

            def log_message(self, *_):
                pass

        self.httpd = http.server.ThreadingHTTPServer(("127.0.0.1", port), Handler)
        threading.Thread(target=self.httpd.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        t.defer(lambda: (self.httpd.shutdown(), self.httpd.server_close()))

    def config(self):
        return ("auth: {token: {realm: 'http://127.0.0.1:%d/token', service: reg, issuer: issuer, rootcertbundle: %s}}\n" % (self.port, self.cert))

    def answer(self, handler, text):
        query = urllib.parse.parse_qs(text)
        basic = "Basic " + base64.b64encode(("%s:%s" % (ALICE, PASSWORD)).encode()).decode()
        who = "basic" if handler.headers.get("Authorization") == basic else \
            "refresh" if query.get("refresh_token") == [self.REFRESH] and query.get("grant_type") == ["refresh_token"] else "nobody"
        self.seen.append((handler.command, who, query))
        scopes = query.get("scope", []) if who != "nobody" else []
        body = json.dumps({"token" if handler.command == "GET" else "access_token": self.token(scopes)}).encode()
        handler.send_response(200)
        handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        handler.wfile.write(body)

    def token(self, scopes):
        encode = lambda data: base64.urlsafe_b64encode(data).decode().rstrip("=")
        der = subprocess.run(["openssl", "x509", "-in", self.cert, "-outform", "DER"], check=True, stdout=subprocess.PIPE).stdout
        now = int(time.time())
        access = [dict(zip(("type", "name", "actions"), s.split(":"))) for s in scopes]
        for one in access:
            one["actions"] = one["actions"].split(",")
        claims = {"iss": "issuer", "sub": ALICE, "aud": "reg", "exp": now + 600, "nbf": now - 60, "iat": now, "jti": "1", "access": access}
        signed = "%s.%s" % (encode(json.dumps({"typ": "JWT", "alg": "RS256", "x5c": [base64.b64encode(der).decode()]}).encode()),
                            encode(json.dumps(claims).encode()))
        signature = subprocess.run(["openssl", "dgst", "-sha256", "-sign", self.key], input=signed.encode(), check=True, stdout=subprocess.PIPE).stdout
        return signed + "." + encode(signature)


def test_token(t):
    """Token authentication on docker-registry: by password (GET), by identity token (POST), by a token at hand; nobody gets nothing"""
    image = small("token")
    t.env.registry.push(image, "test/token", "v1")
    server = TokenServer(t)
    registry = second_registry(t, server.config())
    ref = registry.name + "/test/token:v1"
    if not t.env.plugin:
        fails(t, ("UNAUTHENTICATED", "PERMISSION_DENIED"), ref, registry.name)
        fails(t, ("UNAUTHENTICATED", "PERMISSION_DENIED"), ref, registry.name, username=ALICE, password="wrong-password", secrets=("wrong-password",))
    t.equal(pull(t, ref, username=ALICE, password=PASSWORD), image.image_id)
    t.cri.RemoveImage(image={"image": ref})
    t.equal(pull(t, ref, identity_token=server.REFRESH), image.image_id)
    t.cri.RemoveImage(image={"image": ref})
    assert ("POST", "refresh") in {(method, who) for method, who, _ in server.seen}, server.seen
    if t.env.plugin:
        return
    assert ("GET", "basic") in {(method, who) for method, who, _ in server.seen}, server.seen
    t.equal({q["scope"][0] for _, _, q in server.seen}, {"repository:test/token:pull"})
    token = server.token(["repository:test/token:pull"])
    server.seen.clear()
    t.equal(pull(t, ref, registry_token=token), image.image_id)
    t.equal(server.seen, [])
    t.cri.RemoveImage(image={"image": ref})
    expired = server.token([])
    fails(t, ("UNAUTHENTICATED",), ref, registry.name, registry_token=expired, secrets=(expired, expired.split(".")[2]))


@ours
def test_cve_2020_15157(t):
    """A redirect to another host takes no credential along, nor a configured header, and none is given when that host asks"""
    image, registry, elsewhere = small("redirected"), fake(t), fake(t)
    ref = registry.add(image, "test/away", "v1")
    layer = image.manifest_dict["layers"][0]["digest"]
    challenge = {"WWW-Authenticate": "Basic"}
    wants = "/v2/test/away/manifests/v1"
    registry.faults[wants] = Fault(status=401, headers=challenge, times=1)
    hosts_toml(t, registry.name, '[header]\nx-key = "header-secret"\n')
    registry.faults["/v2/test/away/blobs/" + layer] = Fault(status=307, body=b"", headers={"Location": "http://%s/blob?sig=1" % elsewhere.name})
    elsewhere.faults["/blob"] = Fault(status=401, headers=challenge, body=b"")
    fails(t, ("UNAUTHENTICATED",), ref, elsewhere.name, username=ALICE, password=PASSWORD, secrets=(PASSWORD, "header-secret"))
    registry.faults[wants] = Fault(status=401, headers=challenge, times=1)
    elsewhere.faults["/blob"] = Fault(status=200, body=image.blobs[layer])
    t.equal(pull(t, ref, username=ALICE, password=PASSWORD), image.image_id)
    assert any("Authorization" in headers for _, _, headers, _ in registry.seen), "no credentials were used at all"
    assert asked(elsewhere, "/blob")
    for _, _, headers, _ in elsewhere.seen:
        assert "Authorization" not in headers and "x-key" not in headers, headers


@ours
def test_credentials_late_failure(t):
    """Two pulls of one image with different credentials: one that fails late takes no names from the one that succeeded"""
    image, registry = small("two credentials"), fake(t)
    ref = registry.add(image, "test/two", "v1")
    layer = "/v2/test/two/blobs/" + image.manifest_dict["layers"][0]["digest"]
    registry.faults[layer] = Fault(status=500, times=4)
    errors = []

    def one(number):
        try:
            pull(t, ref, username=ALICE, password="password-%d" % number)
        except Exception as e:  # pylint: disable=broad-except
            errors.append(str(e))
    threads = [threading.Thread(target=one, args=(i,)) for i in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    known = t.cri.ImageStatus(image={"image": ref}).HasField("image")
    t.equal(known, len(errors) < 4, "the image is known, with the errors %s" % errors)


# --- busy and broken servers ----------------------------------------------------------------------------


@ours
def test_busy(t):
    """429 and 503 with Retry-After: asked again after the wait; one that is too long is an error"""
    image, registry = small("busy"), fake(t)
    ref = registry.add(image, "test/busy", "v1")
    manifest, layer = "/v2/test/busy/manifests/v1", "/v2/test/busy/blobs/" + image.manifest_dict["layers"][0]["digest"]
    registry.faults[manifest] = Fault(status=429, headers={"Retry-After": "1"}, times=2)
    registry.faults[layer] = Fault(status=503, headers={"Retry-After": "0"}, times=2)
    t.equal(pull(t, ref), image.image_id)
    t.equal((len(asked(registry, manifest)), len(asked(registry, layer))), (3, 3))
    t.cri.RemoveImage(image={"image": ref})
    registry.faults[manifest] = Fault(status=429, headers={"Retry-After": "3600"})
    fails(t, ("RESOURCE_EXHAUSTED",), ref, registry.name, "429")


@ours
def test_resume(t):
    """A layer whose connection breaks goes on where it was, with a server that knows ranges and with one that does not"""
    for ranges in (True, False):
        image, registry = Image([[file_entry("marker", os.urandom(50000).hex())]], {}), fake(t)
        ref = registry.add(image, "test/resume", "v1")
        layer = image.manifest_dict["layers"][0]["digest"]
        size = len(image.blobs[layer])
        registry.faults["/v2/test/resume/blobs/" + layer] = Fault(cut=size // 3, ranges=ranges, times=3 if ranges else 1)
        t.equal(pull(t, ref), image.image_id)
        asked_for = [headers.get("Range") for _, path, headers, _ in registry.seen if layer in path]
        t.equal(asked_for[:2], [None, "bytes=%d-" % (size // 3)])
        t.cri.RemoveImage(image={"image": ref})


@ours
def test_progress_timeout(t):
    """A registry that stops in the middle of a layer is given up when no byte has come for the configured time"""
    image, registry = small("no progress"), fake(t)
    ref = registry.add(image, "test/stalls", "v1")
    registry.faults["/v2/test/stalls/blobs/" + image.manifest_dict["layers"][0]["digest"]] = Fault(stall=True)
    t.restart_daemon('image_pull_progress_timeout = "1s"\n')
    fails(t, ("DEADLINE_EXCEEDED",), ref, registry.name, "no byte arrived")


@ours
def test_three_layers_at_once(t):
    """Three layers are under way at a time, and no more"""
    image, registry = Image([[file_entry("f%d" % i, str(i))] for i in range(6)], {}), fake(t)
    ref = registry.add(image, "test/three", "v1")
    layers = ["/v2/test/three/blobs/" + layer["digest"] for layer in image.manifest_dict["layers"]]
    for path in layers:
        registry.faults[path] = Fault(stall=True)
    t.fails("DEADLINE_EXCEEDED", lambda: t.cri.call("PullImage", deadline=2.0, image={"image": ref}))
    t.equal(sorted(path for path in asked(registry, "/blobs/") if path in layers), sorted(layers[:3]))


@ours
def test_foreign_layer(t):
    """A layer that is not in the registry is refused by name, and its address is not asked"""
    elsewhere, registry = fake(t), fake(t)
    for number, media in enumerate(("application/vnd.docker.image.rootfs.foreign.diff.tar.gzip", "application/vnd.oci.image.layer.nondistributable.v1.tar+gzip")):
        image = small("foreign %d" % number)
        layer = dict(image.manifest_dict["layers"][0], mediaType=media, urls=["http://%s/layer" % elsewhere.name])
        image.set_manifest(dict(image.manifest_dict, layers=[layer]))
        fails(t, ("FAILED_PRECONDITION",), registry.add(image, "test/foreign%d" % number, "v1"), "foreign", layer["digest"])
    t.equal(elsewhere.seen, [])


@ours
def test_dns_black_hole(t):
    """A name server that never answers holds up neither the caller nor the daemon's stop"""
    hole = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    hole.bind(("127.0.0.1", 53))
    t.defer(hole.close)
    target = os.path.realpath("/etc/resolv.conf")
    path = t.env.write("resolv.conf", "nameserver 127.0.0.1\noptions timeout:30 attempts:5\n")
    subprocess.run(["mount", "--bind", path, target], check=True)
    t.defer(lambda: subprocess.run(["umount", target], check=True))
    t.defer(t.env.start_daemon)
    t.env.restart_daemon()
    t.fails("DEADLINE_EXCEEDED", lambda: t.cri.call("PullImage", deadline=1.0, image={"image": "black.hole.test/x:1"}))
    hole.settimeout(10)
    assert hole.recv(512), "the name server was not asked"
    t.equal(t.env.daemon.stop(20), 0, "exit status of the daemon")
