# SPDX-License-Identifier: Apache-2.0
"""A registry that misbehaves on purpose: it serves images from memory and does what `faults` says.

    fake = FakeRegistry().start()
    fake.add(image, "repo", "tag")
    fake.seen                   # what was asked: (method, path without query, headers, query)
    fake.received               # the same, and the body of each request
    fake.faults["/v2/repo/blobs/sha256:..."] = Fault(status=500)

A fault is keyed by the path of the request and replaces or bends the honest answer.
"""

import http.server
import itertools
import threading
from dataclasses import dataclass, field

from .images import digest


@dataclass
class Fault:
    status: int = 0             # another status than the honest one
    body: bytes = None          # another body
    headers: dict = field(default_factory=dict)
    cut: int = -1               # close the connection after so many bytes of the body
    stall: bool = False         # send the head, then nothing until the registry is stopped
    times: int = 1 << 30        # for so many requests, then honest again
    ranges: bool = False        # answer Range requests by what they ask for


class FakeRegistry:
    _ports = itertools.count(15000)

    def __init__(self, prefix="/v2"):
        """prefix: where the API begins."""
        # A port of its own: a client may keep connections to an earlier one alive.
        self.port, self.faults, self.seen, self.received, self.prefix = next(self._ports), {}, [], [], prefix
        self._content = {}  # path: (media type, body)
        self._stop = threading.Event()
        registry = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):
                registry.answer(self, True)

            def do_HEAD(self):
                registry.answer(self, False)

            def do_POST(self):
                registry.answer(self, True, self.rfile.read(int(self.headers["Content-Length"])))

            def log_message(self, *_):
                pass

        class Server(http.server.ThreadingHTTPServer):
            daemon_threads = True
            block_on_close = False

            def handle_error(self, *_):
                pass  # a client that closes early is what some tests are about

        self._server = Server(("127.0.0.1", self.port), Handler)

    @property
    def name(self):
        return "127.0.0.1:%d" % self.port

    def start(self):
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        return self

    def stop(self):
        self._stop.set()
        self._server.shutdown()
        self._server.server_close()

    def add(self, image, repo, tag):
        """Returns the reference by tag."""
        for data in image.blobs.values():
            self._content["%s/%s/blobs/%s" % (self.prefix, repo, digest(data))] = ("application/octet-stream", data)
        for name, media, body in list(image.children) + [(tag, image.manifest_type, image.manifest),
                                                         (image.digest, image.manifest_type, image.manifest)]:
            self._content["%s/%s/manifests/%s" % (self.prefix, repo, name)] = (media, body)
        return "%s/%s:%s" % (self.name, repo, tag)

    def answer(self, handler, with_body, sent=b""):
        path, _, query = handler.path.partition("?")
        self.seen.append((handler.command, path, dict(handler.headers), query))
        self.received.append(self.seen[-1] + (sent.decode(errors="replace"),))
        fault = self.faults.get(path, Fault())
        if fault.times <= 0:
            fault = Fault()
        fault.times -= 1
        if path == "/v2/":
            status, media, body = 200, "application/json", b"{}"
        elif path in self._content:
            status, (media, body) = 200, self._content[path]
        else:
            status, media, body = 404, "application/json", b'{"errors":[{"code":"MANIFEST_UNKNOWN","message":"manifest unknown"}]}'
        status, body = fault.status or status, body if fault.body is None else fault.body
        more = {}
        if fault.ranges and status == 200 and handler.headers.get("Range"):
            start = int(handler.headers["Range"].split("=")[1].split("-")[0])
            more["Content-Range"] = "bytes %d-%d/%d" % (start, len(body) - 1, len(body))
            status, body = 206, body[start:]
        handler.send_response(status)
        headers = {"Content-Type": media, "Content-Length": str(len(body))}
        if status == 200 and "/manifests/" in path:
            headers["Docker-Content-Digest"] = digest(body)
        headers.update(more)
        headers.update(fault.headers)
        for name, value in headers.items():
            if value is not None:
                handler.send_header(name, value)
        handler.end_headers()
        if not with_body:
            return
        if fault.stall:
            handler.wfile.flush()
            self._stop.wait(300)
            handler.close_connection = True
            return
        if fault.cut >= 0:
            handler.wfile.write(body[:fault.cut])
            handler.close_connection = True
            return
        handler.wfile.write(body)
