# SPDX-License-Identifier: Apache-2.0
"""Bad input for every call that is served: the right code, a message that names the cause, nothing left, the daemon goes on."""

import grpc

from harness import cri, leftovers
from harness.cri import RpcFailure
from harness.runner import not_with_plugin
from harness.service import wait_until

ours = not_with_plugin("its codes differ")

REFUSED = ("INVALID_ARGUMENT",)
MISSING = ("NOT_FOUND",)
UNKNOWN_ID = "0123456789abcdef" * 4

# Strings that no ID, path or name may be taken for.
ODD_IDS = ("../../../etc", "a/b", "a\nb", " ", "*", "%s%n", "a" * 5000, "\u00e4", "id\t", "-rf")


def no_change(t, work):
    before = leftovers.inventory(t.env)
    work()
    found = leftovers.left(t.env, before, 5)
    assert not found, "left behind: " + leftovers.describe(found)


@ours
def test_empty_requests(t):
    """An empty request: INVALID_ARGUMENT for what needs an ID or a config"""
    for method, part in (("RunPodSandbox", "config"), ("PodSandboxStatus", "id"), ("CreateContainer", ""), ("StartContainer", "id"),
                         ("ContainerStatus", "id"), ("ExecSync", "id"), ("ImageStatus", "image"), ("PullImage", "image"),
                         ("StopPodSandbox", "id"), ("RemovePodSandbox", "id"), ("StopContainer", "id"), ("RemoveContainer", "id")):
        no_change(t, lambda: t.fails(REFUSED, lambda: t.cri.call(method), part))
    for method in ("Version", "Status", "ListPodSandbox", "ListContainers", "ListImages", "RuntimeConfig"):
        t.cri.call(method)


@ours
def test_missing_ids(t):
    """Unknown IDs: NOT_FOUND with the ID, where the call is not one that forgives"""
    for call in (lambda i: t.cri.PodSandboxStatus(pod_sandbox_id=i), lambda i: t.cri.ContainerStatus(container_id=i),
                 lambda i: t.cri.StartContainer(container_id=i), lambda i: t.cri.ExecSync(container_id=i, cmd=["true"]),
                 lambda i: t.cri.CreateContainer(pod_sandbox_id=i, config=t.container_config("true"), sandbox_config=t.pod_config())):
        t.fails(MISSING, lambda: call(UNKNOWN_ID), UNKNOWN_ID[:12])


@ours
def test_odd_ids(t):
    """IDs that are paths, patterns, formats or very long are just unknown"""
    for odd in ODD_IDS:
        for call in (lambda: t.cri.PodSandboxStatus(pod_sandbox_id=odd), lambda: t.cri.ContainerStatus(container_id=odd),
                     lambda: t.cri.StartContainer(container_id=odd), lambda: t.cri.ExecSync(container_id=odd, cmd=["true"])):
            t.fails(MISSING + REFUSED, call)
        for call in (lambda: t.cri.StopPodSandbox(pod_sandbox_id=odd), lambda: t.cri.RemovePodSandbox(pod_sandbox_id=odd),
                     lambda: t.cri.StopContainer(container_id=odd), lambda: t.cri.RemoveContainer(container_id=odd)):
            try:
                call()
            except RpcFailure as e:
                assert e.code in MISSING + REFUSED, e
        assert not t.cri.ListPodSandbox(filter={"id": odd}).items
        assert not t.cri.ListContainers(filter={"id": odd}).containers


@ours
def test_ambiguous_id(t):
    """A prefix that fits several is refused as ambiguous"""
    pods = [t.run_pod() for _ in range(17)]  # two of seventeen share their first hex digit
    firsts = [p[0] for p in pods]
    twice = next(f for f in firsts if firsts.count(f) > 1)
    t.fails(REFUSED + MISSING + ("FAILED_PRECONDITION",), lambda: t.cri.PodSandboxStatus(pod_sandbox_id=twice), "ambiguous")


def pod_variants(t):
    good = t.pod_config
    return [
        ({"metadata": None}, "metadata"),
        ({"log_directory": "relative/path"}, "log_directory"),
        ({"hostname": "x" * 65}, "hostname"),
        ({"hostname": "a/b"}, "hostname"),
        ({"hostname": "a\nb"}, "hostname"),
        ({"linux": {"security_context": {"namespace_options": {"network": 99}}}}, "network"),
        ({"linux": {"cgroup_parent": "../../up"}}, "cgroup"),
        ({"dns_config": {"servers": ["10.0.0.1\nnameserver 6.6.6.6"]}}, "server"),
        ({"dns_config": {"searches": ["a b\nnameserver 6.6.6.6"]}}, "search"),
        ({"port_mappings": [{"container_port": 80, "host_port": 70000}]}, "port"),
        ({"port_mappings": [{"container_port": -1, "host_port": 8080}]}, "port"),
    ], good


@ours
def test_bad_pods(t):
    """Pod configs that cannot be: INVALID_ARGUMENT and the field's name"""
    variants, good = pod_variants(t)
    for changes, part in variants:
        config = {k: v for k, v in dict(good(), **changes).items() if v is not None}
        try:
            no_change(t, lambda: t.fails(REFUSED, lambda: t.cri.RunPodSandbox(config=config), part))
        except AssertionError as e:
            raise AssertionError("%r: %s" % (changes, e)) from None


@ours
def test_bad_containers(t):
    """Container configs that cannot be: INVALID_ARGUMENT and the field's name"""
    pod = t.run_pod()
    t.pull()
    variants = [
        ({"metadata": {"name": ""}}, "name"),
        ({"image": {"image": ""}}, "image"),
        ({"log_path": "../../../outside.log"}, "log_path"),
        ({"log_path": "/absolute.log"}, None),
        ({"mounts": [{"container_path": "", "host_path": "/tmp"}]}, "container_path"),
        ({"mounts": [{"container_path": "/x", "host_path": ""}]}, "host_path"),
        ({"mounts": [{"container_path": "/x", "host_path": "/tmp", "propagation": 77}]}, "propagation"),
        ({"envs": [{"key": "", "value": "x"}]}, "env"),
        ({"envs": [{"key": "A=B", "value": "x"}]}, "env"),
        ({"working_dir": "relative"}, "working_dir"),
        ({"devices": [{"host_path": "/dev/null", "container_path": "/dev/x", "permissions": "xyz"}]}, "permission"),
        ({"linux": {"security_context": {"capabilities": {"add_capabilities": ["NO_SUCH_CAP"]}}}}, "NO_SUCH_CAP"),
        ({"linux": {"security_context": {"run_as_group": {"value": 5}}}}, "group"),
        ({"linux": {"security_context": {"run_as_user": {"value": -5}}}}, "user"),
        ({"linux": {"security_context": {"supplemental_groups": [-1]}}}, "group"),
        ({"linux": {"resources": {"oom_score_adj": 5000}}}, "oom_score_adj"),
    ]
    for changes, part in variants:
        if part is None:
            continue
        config = dict(t.container_config("true"), **changes)
        try:
            no_change(t, lambda: t.fails(REFUSED, lambda: t.cri.CreateContainer(pod_sandbox_id=pod, config=config, sandbox_config=t.pods[pod]), part))
        except AssertionError as e:
            raise AssertionError("%r: %s" % (changes, e)) from None


@ours
def test_log_outside(t):
    """A log path never leads out of the pod's log folder"""
    import os
    pod = t.run_pod()
    config = t.container_config("echo x", log_path="../../cct-outside.log")
    try:
        t.start(t.create(pod, config=config))
    except RpcFailure as e:
        assert e.code in REFUSED, e
    assert not os.path.exists("/run/cct/cct-outside.log")


@ours
def test_bad_exec(t):
    """ExecSync without a command, with a negative timeout, with an empty program name"""
    container = t.run(t.run_pod())
    t.fails(REFUSED, lambda: t.cri.ExecSync(container_id=container), "cmd")
    t.fails(REFUSED + ("UNKNOWN", "INTERNAL", "NOT_FOUND", "FAILED_PRECONDITION"), lambda: t.cri.ExecSync(container_id=container, cmd=[""]))
    t.fails(REFUSED, lambda: t.cri.ExecSync(container_id=container, cmd=["true"], timeout=-1), "timeout")


@ours
def test_bad_stop(t):
    """StopContainer with a negative timeout"""
    container = t.run(t.run_pod())
    t.fails(REFUSED, lambda: t.cri.StopContainer(container_id=container, timeout=-1), "timeout")


@ours
def test_bad_references(t):
    """Image references that are none: INVALID_ARGUMENT with the reference"""
    for ref in (":", "/", "UPPER/case:1", "a:b:c/d", "x@sha256:12", "x@md5:" + "0" * 32, "registry/../x:1", "a b", "-x/y", "x:" + "t" * 200,
                "y" * 300, "http://127.0.0.1/x", "x\ny", "x:", "@", "\u00e4:1"):
        try:
            t.fails(REFUSED, lambda: t.cri.PullImage(image={"image": ref}))
        except AssertionError as e:
            raise AssertionError("%r: %s" % (ref, e)) from None


@ours
def test_bad_auth(t):
    """Credentials that cannot be read are refused without repeating them"""
    message = t.fails(REFUSED, lambda: t.cri.PullImage(image={"image": "%s/x:1" % t.env.registry.name}, auth={"auth": "!!secret!!"}), "auth")
    assert "!!secret!!" not in message, message


@ours
def test_wire_garbage(t):
    """Bytes that are no message are INVALID_ARGUMENT or INTERNAL, for every call"""
    served = ("Version", "Status", "RunPodSandbox", "ListPodSandbox", "PodSandboxStatus", "CreateContainer", "ExecSync", "StopContainer")
    garbage = (b"\xff" * 20, b"\x0a\xff\xff\xff\xff\x0f", b"\x0a\x05ab", b"\x00", b"\x0b" * 300, b"\x0a" * 1001, b"\x80" * 11)
    for method in served:
        for body in garbage:
            t.fails(("INVALID_ARGUMENT", "INTERNAL"), lambda: t.cri.raw("/runtime.v1.RuntimeService/" + method, body))
    t.fails(("INVALID_ARGUMENT", "INTERNAL"), lambda: t.cri.raw("/runtime.v1.ImageService/PullImage", b"\x0a\x03abc"))


@ours
def test_not_utf8(t):
    """A string that is not UTF-8 or holds a zero byte is refused"""
    for text in (b"\xff\xfe", b"a\0b", b"\xed\xa0\x80", b"\xc0\x80"):
        body = b"\x0a" + bytes([len(text)]) + text
        for path in ("RuntimeService/PodSandboxStatus", "RuntimeService/StopContainer", "RuntimeService/ContainerStatus"):
            t.fails(("INVALID_ARGUMENT", "INTERNAL"), lambda: t.cri.raw("/runtime.v1." + path, body))


@ours
def test_unknown_fields(t):
    """Fields that this version does not know are ignored, as protobuf wants it"""
    t.cri.raw("/runtime.v1.RuntimeService/Version", b"\x0a\x02v1" + b"\xf8\x3f\x01" + b"\xa2\x1f\x03abc")


@ours
def test_deep_nesting(t):
    """Messages nested without end do not exhaust the stack"""
    body = b""
    for _ in range(3000):
        size, head = len(body), b"\x0a"
        while size > 127:
            head += bytes([size & 127 | 128])
            size >>= 7
        body = head + bytes([size]) + body
        if len(body) > 1 << 20:
            break
    try:
        t.cri.raw("/runtime.v1.RuntimeService/RunPodSandbox", body)
    except RpcFailure as e:
        assert e.code in ("INVALID_ARGUMENT", "INTERNAL", "RESOURCE_EXHAUSTED"), e


@ours
def test_message_limit(t):
    """A request of just under 16 MiB is read, one above is RESOURCE_EXHAUSTED; the connection goes on"""
    limit = 16 << 20

    def version(size):
        # field 1, a string: tag, 4 bytes of length for such sizes, then the text
        text = size - 5
        head = b"\x0a"
        while text > 127:
            head += bytes([text & 127 | 128])
            text >>= 7
        head += bytes([text])
        return head + b"v" * (size - len(head))
    for size in (limit - 1, limit):
        assert t.cri.raw("/runtime.v1.RuntimeService/Version", version(size))
    for size in (limit + 1, limit * 2):
        t.fails("RESOURCE_EXHAUSTED", lambda: t.cri.raw("/runtime.v1.RuntimeService/Version", version(size)))
    t.cri.Version()


@ours
def test_large_lists(t):
    """Requests with very many entries are refused or served, not fatal"""
    pod = t.run_pod()
    t.pull()
    envs = [{"key": "K%d" % i, "value": "v"} for i in range(100000)]
    try:
        t.cri.RemoveContainer(container_id=t.create(pod, envs=envs))
    except RpcFailure as e:
        assert e.code in ("INVALID_ARGUMENT", "RESOURCE_EXHAUSTED"), e
    t.cri.Version()


@ours
def test_gzip(t):
    """A compressed request is UNIMPLEMENTED, and the answer says why"""
    api = cri._Api.get()
    answer = api.message("VersionResponse")
    stub = t.cri.channel.unary_unary("/runtime.v1.RuntimeService/Version", request_serializer=lambda m: m.SerializeToString(),
                                     response_deserializer=answer.FromString)
    try:
        stub(api.message("VersionRequest")(version="x" * 5000), timeout=10, compression=grpc.Compression.Gzip)
    except grpc.RpcError as e:
        t.equal(e.code().name, "UNIMPLEMENTED")
        assert "compressed messages" in e.details() and "gzip" in e.details(), e.details()
        return
    raise AssertionError("a gzip request was accepted")


@ours
def test_expired_deadline(t):
    """A deadline that is over before the answer: the caller hears DEADLINE_EXCEEDED, and the same call again is served"""
    # A call that takes far longer than its deadline: this client rounds any shorter deadline up to a millisecond, on the
    # wire and for itself, and a quick call is answered within that. (Deadlines that are over on arrival: unit/rpc/test_server.c.)
    config = t.pod_config()
    for deadline in (0.000001, 0.002, 0.005):
        t.fails("DEADLINE_EXCEEDED", lambda: t.cri.call("RunPodSandbox", deadline=deadline, config=config))
    t.run_pod(config)
    t.equal(len(t.cri.ListPodSandbox().items), 1, "pods")


@ours
def test_cancelled(t):
    """A cancelled call does not disturb the next ones"""
    for _ in range(20):
        call = t.cri.start("ListContainers")
        call.cancel()
    t.cri.Version()


@ours
def test_raw_sockets(t):
    """Connections that speak something else, or nothing, or end in the middle"""
    import socket
    preface = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
    for data in (b"", b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", b"\x16\x03\x01", preface, preface + b"\0\0\0\4\0\0\0\0\0", preface + b"\xff" * 1000,
                 preface + b"\0\0\0\4\0\0\0\0\0" + b"\0\0\5\1\5\0\0\0\1" + b"\x82\x84", b"\0" * 100000):
        with socket.socket(socket.AF_UNIX) as s:
            s.connect(t.env.socket)
            s.settimeout(5)
            try:
                s.sendall(data)
            except OSError:
                pass
    t.cri.Version()


@ours
def test_many_connections(t):
    """Connections that do nothing: twenty do not matter; after a thousand have gone, everything works again"""
    import socket

    def hold(count, work):
        held = []
        try:
            for _ in range(count):
                s = socket.socket(socket.AF_UNIX)
                held.append(s)
                s.settimeout(5)
                try:
                    s.connect(t.env.socket)
                except OSError:
                    break  # refusing is allowed, hanging and dying are not
            work()
        finally:
            for s in held:
                s.close()

    def ask():
        with cri.Client(t.env.socket) as other:
            other.Version()
    hold(20, ask)
    hold(1000, t.cri.Version)  # a connection that was there before goes on
    wait_until(answers(t), 10, "an answer on a new connection")


def answers(t):
    def ask():
        with cri.Client(t.env.socket) as other:
            return other.answers()
    return ask


@ours
def test_log_injection(t):
    """Control characters of a request do not reach the daemon's log as they are"""
    mark = "inject-%d" % t.serial
    t.fails(MISSING + REFUSED, lambda: t.cri.PodSandboxStatus(pod_sandbox_id=mark + "\n\x1b[31mlevel=error fake"))
    text = t.env.daemon.log_text()
    assert "\x1b" not in text[text.rfind(mark) - 2000:] if mark in text else True
    assert "\nlevel=error fake" not in text and "\n\x1b" not in text
