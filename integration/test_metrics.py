# SPDX-License-Identifier: Apache-2.0
"""What a daemon tells over HTTP, where metrics.address is set: /metrics in Prometheus' format, /healthz, /readyz; and what it says to bad requests."""

import os
import re
import signal
import socket
import urllib.error
import urllib.request

from harness.runner import not_with_plugin
from harness.service import StartFailure, port_is_free, wait_until

ours = not_with_plugin("containerd's own metrics are elsewhere")
PORT = 9101
CONFIG = '[metrics]\naddress = "127.0.0.1:%d"\n' % PORT
SAMPLE = re.compile(r'([a-zA-Z_:][a-zA-Z0-9_:]*)(\{([a-zA-Z_]\w*="[^"\\\n]*")(,[a-zA-Z_]\w*="[^"\\\n]*")*\})? (\d+(\.\d+)?)')


def get(path):
    """Status and text."""
    try:
        with urllib.request.urlopen("http://127.0.0.1:%d%s" % (PORT, path), timeout=10) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def raw(data):
    """What comes back for these bytes until the server closes."""
    with socket.create_connection(("127.0.0.1", PORT), timeout=20) as s:
        s.sendall(data)
        answer = b""
        while True:
            more = s.recv(65536)
            if not more:
                return answer
            answer += more


def family_of(name, types):
    """The family that a sample belongs to: a histogram's samples have suffixes."""
    for suffix in ("_bucket", "_sum", "_count"):
        if name.endswith(suffix) and types.get(name[:-len(suffix)]) == "histogram":
            return name[:-len(suffix)]
    return name


def parse(text):
    """Checks the format as promtool does and returns the samples: name with labels to value."""
    types, helps, samples, current = {}, set(), {}, None
    assert text.endswith("\n")
    for line in text[:-1].split("\n"):
        if line.startswith("# HELP "):
            name = line.split(" ", 3)[2]
            assert name not in helps, "two HELP of " + name
            helps.add(name)
        elif line.startswith("# TYPE "):
            _, _, name, kind = line.split(" ")
            assert name not in types and name in helps and kind in ("counter", "gauge", "histogram"), line
            assert (kind == "counter") == name.endswith("_total"), line
            types[name], current = kind, name
        else:
            match = SAMPLE.fullmatch(line)
            assert match, "not a sample: " + line
            assert family_of(match[1], types) == current, "%s is among the samples of %s" % (line, current)
            key = line.rsplit(" ", 1)[0]
            assert key not in samples, "twice: " + key
            samples[key] = float(match[5])
    for key, value in samples.items():  # buckets add up
        if 'le="+Inf"' in key:
            total = key.replace("_bucket", "_count").replace(',le="+Inf"', "").replace('{le="+Inf"}', "")
            assert samples[total] == value, key
            series = [v for k, v in samples.items() if k.startswith(key.split('le="')[0] + 'le="')]
            assert series == sorted(series), key
    return samples


@ours
def test_metrics(t):
    """/metrics is in Prometheus' format and counts calls, pods, containers, networks"""
    t.restart_daemon(CONFIG)
    pod = t.run_pod()
    t.cri.ListPodSandbox()
    t.fails("NOT_FOUND", lambda: t.cri.ContainerStatus(container_id="nothing"))
    samples = parse(get("/metrics")[1])
    t.equal(samples['cri_containerd_pods{state="ready"}'], 1)
    t.equal(samples['cri_containerd_rpcs_total{method="RunPodSandbox",code="OK"}'], 1)
    t.equal(samples['cri_containerd_rpcs_total{method="ContainerStatus",code="NOT_FOUND"}'], 1)
    t.equal(samples["containerd_cri_sandbox_create_network_seconds_count"], 1)
    assert samples["containerd_cri_sandbox_create_network_seconds_sum"] > 0
    t.equal(samples["containerd_cri_sandbox_runtime_create_seconds_count"], 1)
    assert 0 < samples["containerd_cri_sandbox_runtime_create_seconds_sum"] < samples['cri_containerd_rpc_seconds_sum{method="RunPodSandbox"}']
    assert samples["containerd_cri_sandbox_list_seconds_count"] >= 1
    t.equal(samples["containerd_cri_sandbox_remove_seconds_count"], 0)
    assert samples["process_open_fds"] > 5 and samples["process_resident_memory_bytes"] > 1 << 20 and samples["process_cpu_seconds_total"] > 0
    t.equal(samples["cri_containerd_connections"], 1)
    t.equal(samples["cri_containerd_log_bytes_lost_total"], 0)
    t.remove_pod(pod)
    samples = parse(get("/metrics")[1])
    t.equal(samples['cri_containerd_pods{state="ready"}'], 0)
    t.equal(samples["containerd_cri_sandbox_delete_network_seconds_count"], 1)
    t.equal(samples["containerd_cri_sandbox_remove_seconds_count"], 1)


@ours
def test_health(t):
    """/healthz answers while the daemon lives, /readyz only while containerd does"""
    t.restart_daemon(CONFIG)
    t.equal(get("/healthz"), (200, "ok\n"))
    wait_until(lambda: get("/readyz") == (200, "ok\n"), 10, "the daemon to be ready")
    t.equal(get("/nothing")[0], 404)
    os.kill(t.env.containerd.pid, signal.SIGSTOP)
    try:  # the keepalive of the event stream notices
        wait_until(lambda: get("/readyz")[0] == 503, 90, "the daemon to notice that containerd hangs")
        assert "containerd does not answer" in get("/readyz")[1]
        t.equal(get("/healthz"), (200, "ok\n"))
        assert parse(get("/metrics")[1])["cri_containerd_event_stream_up"] == 0
    finally:
        os.kill(t.env.containerd.pid, signal.SIGCONT)
    wait_until(lambda: get("/readyz")[0] == 200, 30, "the daemon to be ready again")


@ours
def test_bad_requests(t):
    """Bytes that are no request, requests that are not served: an answer, the end of the connection, and the daemon goes on"""
    t.restart_daemon(CONFIG)
    get_line = b"GET /healthz HTTP/1.1\r\n"
    for data, status in ((b"\x16\x03\x01\x00\x05\r\n", 400), (b"GET /healthz\r\n", 400), (get_line + b"\r\n", 400), (get_line + b"Host: a\r\nHost: b\r\n\r\n", 400),
                         (get_line + b"Host: a\n\n", 400), (get_line + b" folded: 1\r\n\r\n", 400), (b"G" * 9000, 431), (get_line + b"A: b\r\n" * 65 + b"\r\n", 431),
                         (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400), (b"GET / HTTP/2.0\r\n\r\n", 505), (get_line + b"Host: a\r\nContent-Length: 3\r\n\r\nabc", 413),
                         (b"POST /metrics HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", 405)):
        answer = raw(data)
        assert answer.startswith(b"HTTP/1.1 %d " % status), "%r: %r" % (data[:60], answer[:200])
        assert b"\r\nConnection: close\r\n" in answer, answer
    raw_open = [socket.create_connection(("127.0.0.1", PORT)) for _ in range(40)]  # more than are served at a time, none says a thing
    t.cri.Version()
    for s in raw_open:
        s.close()
    answer = raw(get_line + b"Host: a\r\n\r\n" + get_line + b"Host: a\r\nConnection: close\r\n\r\n")
    t.equal(answer.count(b"HTTP/1.1 200 OK\r\n"), 2)
    t.equal(get("/healthz"), (200, "ok\n"))


@ours
def test_off(t):
    """Without the key nothing listens; an address that is taken or none is an error that names it"""
    t.restart_daemon()
    assert port_is_free(PORT), "something listens"
    with socket.socket() as taken:
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        taken.bind(("127.0.0.1", PORT))
        taken.listen()
        try:
            t.restart_daemon(CONFIG)
            raise AssertionError("the daemon started")
        except StartFailure as error:
            text = str(error) + t.env.daemon.log_text()
        assert "listen on the metrics address 127.0.0.1:%d" % PORT in text, text
