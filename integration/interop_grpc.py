#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Tries our gRPC server with an implementation that is not ours: Python's grpcio against unit/rpc/echo-server.

usage: interop_grpc.py ECHO_SERVER   (the program from the build directory)

Every kind of call, deadlines, cancellation, status and messages, large messages, compression, many calls at once, draining.
"""
import concurrent.futures
import os
import pathlib
import signal
import subprocess
import sys
import tempfile
import threading
import time

import grpc

SOURCE = pathlib.Path(__file__).resolve().parent.parent
MAX = 16 << 20
SERVICE = "/cri.test.EchoService/"


def load_messages(folder):
    subprocess.run(["protoc", "-I", str(SOURCE / "unit/rpc"), "--python_out", folder, "echo.proto"], check=True)
    sys.path.insert(0, folder)
    import echo_pb2

    return echo_pb2


class Client:
    def __init__(self, path, pb, **options):
        settings = {"grpc.max_receive_message_length": -1, "grpc.max_send_message_length": -1, **options}
        self.channel = grpc.insecure_channel("unix:" + path, options=list(settings.items()))
        coder = {"request_serializer": pb.Echo.SerializeToString, "response_deserializer": pb.Echo.FromString}
        self.unary = self.channel.unary_unary(SERVICE + "Unary", **coder)
        self.detached = self.channel.unary_unary(SERVICE + "Detached", **coder)
        self.missing = self.channel.unary_unary(SERVICE + "Missing", **coder)
        self.server_stream = self.channel.unary_stream(SERVICE + "ServerStream", **coder)
        self.watch = self.channel.unary_stream(SERVICE + "Watch", **coder)
        self.client_stream = self.channel.stream_unary(SERVICE + "ClientStream", **coder)
        self.duplex = self.channel.stream_stream(SERVICE + "Duplex", **coder)
        self.raw = self.channel.unary_unary(SERVICE + "Unary", request_serializer=bytes, response_deserializer=bytes)


def fails(call, code, text=""):
    try:
        call()
    except grpc.RpcError as error:
        assert error.code() == code, f"{error.code()} ({error.details()}), expected {code}"
        assert text in error.details(), f"{error.details()!r} lacks {text!r}"
        return error
    raise AssertionError(f"succeeded, expected {code}")


def check_unary(c, pb):
    message = pb.Echo(text="hällo", data=b"\0\xff", labels={"a": "b"}, words=["x", ""], numbers=[1, -1, 1 << 62],
                      inner=pb.Inner(name="n"), colour=pb.RED, right=pb.Inner(name="r"), f32=7, f64=-7, d=0.5, yes=True,
                      fixeds=[1, 2], zigzag=-3)
    assert c.unary(message, timeout=10) == message
    assert c.unary(pb.Echo(), timeout=10) == pb.Echo()


def check_status(c, pb):
    for code in grpc.StatusCode:
        if code != grpc.StatusCode.OK:
            text = f"100% of {code.name}: ä\n"
            fails(lambda: c.unary(pb.Echo(code=code.value[0], text=text), timeout=10), code, f"100% of {code.name}: ä")
    fails(lambda: c.missing(pb.Echo(), timeout=10), grpc.StatusCode.UNIMPLEMENTED, "unknown method /cri.test.EchoService/Missing")


def check_bad_messages(c, pb):
    invalid = grpc.StatusCode.INVALID_ARGUMENT
    fails(lambda: c.raw(b"\x0a\x02\xc3\x28", timeout=10), invalid, "text: not valid UTF-8")
    fails(lambda: c.raw(b"\x0a\x03a\0b", timeout=10), invalid, "text: contains a NUL byte")
    fails(lambda: c.raw(b"\x0a\x05ab", timeout=10), invalid, "text: cut short")
    fails(lambda: c.raw(b"\x5a\x03\x0a\x01\xff", timeout=10), invalid, "inner.name: not valid UTF-8")
    fails(lambda: c.raw(b"\x3a\x03\x12\x01\xff", timeout=10), invalid, "labels.value: not valid UTF-8")
    answer = c.unary(pb.Echo(), timeout=10, metadata=[("x-bad", "1")])
    assert answer.text == "bad \ufffd byte", answer.text


def check_deadline(c, pb):
    began = time.monotonic()
    fails(lambda: c.unary(pb.Echo(sleep_ms=30000), timeout=0.05), grpc.StatusCode.DEADLINE_EXCEEDED)
    fails(lambda: c.detached(pb.Echo(sleep_ms=300), timeout=0.05), grpc.StatusCode.DEADLINE_EXCEEDED)
    assert time.monotonic() - began < 10


def check_short_deadlines(c, pb):
    """Now and then this client resets a stream whose HEADERS it has not sent; the connection and the other calls on it go on."""
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        def call(i):
            fails(lambda: c.unary(pb.Echo(sleep_ms=30000), timeout=(1e-6, 0.001, 0.002)[i % 3]), grpc.StatusCode.DEADLINE_EXCEEDED)
        list(pool.map(call, range(6000)))


def check_cancel(c, pb):
    call = c.unary.future(pb.Echo(sleep_ms=30000))
    time.sleep(0.05)
    call.cancel()
    stream = c.server_stream(pb.Echo(count=1 << 30, size=1000))
    for _ in range(10):
        next(stream)
    stream.cancel()
    for _ in range(3000):  # far beyond nghttp2's own idea of an attack
        c.unary.future(pb.Echo(sleep_ms=1000)).cancel()
    assert c.unary(pb.Echo(text="alive"), timeout=10).text == "alive"


def check_large(c, pb):
    for size in (MAX - 6, MAX - 5):
        assert len(c.unary(pb.Echo(data=bytes(size)), timeout=60).data) == size
    exhausted = grpc.StatusCode.RESOURCE_EXHAUSTED
    fails(lambda: c.unary(pb.Echo(data=bytes(MAX - 4)), timeout=60), exhausted, "more than the maximum of 16777216")
    fails(lambda: c.unary(pb.Echo(size=MAX), timeout=60), exhausted, "more than the maximum of 16777216")
    assert c.unary(pb.Echo(text="alive"), timeout=10).text == "alive"


def check_streams(c, pb):
    assert [m.count for m in c.server_stream(pb.Echo(count=1000, size=100), timeout=60)] == list(range(1000))
    assert sum(len(m.data) for m in c.server_stream(pb.Echo(count=64, size=1 << 20), timeout=60)) == 64 << 20
    assert list(c.server_stream(pb.Echo(), timeout=10)) == []
    fails(lambda: list(c.server_stream(pb.Echo(code=9, text="no"), timeout=10)), grpc.StatusCode.FAILED_PRECONDITION, "no")
    answer = c.client_stream((pb.Echo(data=bytes(100000)) for _ in range(300)), timeout=60)
    assert (answer.count, answer.size) == (300, 30000000)
    assert c.client_stream(iter([]), timeout=10).count == 0
    assert [m.count for m in c.duplex((pb.Echo(count=i) for i in range(500)), timeout=60)] == list(range(500))
    watch = c.watch(pb.Echo(count=2))
    next(watch), next(watch)
    watch.cancel()


def check_compression(path, pb):
    c = Client(path, pb)
    error = fails(lambda: c.unary(pb.Echo(text="x" * 10000), timeout=10, compression=grpc.Compression.Gzip),
                  grpc.StatusCode.UNIMPLEMENTED, "compressed messages are not supported (grpc-encoding: gzip)")
    del error
    assert c.unary(pb.Echo(text="alive"), timeout=10).text == "alive"
    c.channel.close()


def check_parallel(c, pb):
    futures = [c.unary.future(pb.Echo(count=i, sleep_ms=i % 3), timeout=60) for i in range(2000)]
    assert [f.result().count for f in futures] == list(range(2000))


def check_drain(server, c, pb):
    """A call in flight ends well, a watch ends with UNAVAILABLE, the server exits with nothing left."""
    result = c.unary.future(pb.Echo(text="last", sleep_ms=500), timeout=10)
    ended = []
    watch = c.watch(pb.Echo(count=1))
    next(watch)
    thread = threading.Thread(target=lambda: ended.append(fails(lambda: next(watch), grpc.StatusCode.UNAVAILABLE, "stopping")))
    thread.start()
    time.sleep(0.1)
    server.send_signal(signal.SIGTERM)
    assert result.result().text == "last"
    thread.join(10)
    assert ended
    assert server.wait(10) == 0, server.returncode


def speed(c, pb):
    began, n = time.monotonic(), 3000
    for _ in range(n):
        c.unary(pb.Echo())
    rate = n / (time.monotonic() - began)
    began = time.monotonic()
    for _ in range(10):
        c.unary(pb.Echo(data=bytes(MAX - 100)))
    return f"{rate:.0f} calls/s one after the other, {10 * 32 / (time.monotonic() - began):.0f} MiB/s with 16 MiB messages both ways"


def main():
    with tempfile.TemporaryDirectory() as folder:
        pb = load_messages(folder)
        path = os.path.join(folder, "echo.sock")
        server = subprocess.Popen([sys.argv[1], path], stdout=subprocess.PIPE, text=True)
        try:
            assert server.stdout.readline() == "ready\n"
            c = Client(path, pb)
            for check in (check_unary, check_status, check_bad_messages, check_deadline, check_short_deadlines, check_cancel, check_large, check_streams,
                          check_parallel):
                began = time.monotonic()
                check(c, pb)
                print(f"ok {check.__name__} ({time.monotonic() - began:.2f} s)", flush=True)
            check_compression(path, pb)
            print("ok check_compression")
            print("# " + speed(c, pb))
            check_drain(server, c, pb)
            print("ok check_drain")
            print("# " + server.stdout.readline().strip())
        finally:
            server.kill()
            server.wait()
    print("interop: ok")


if __name__ == "__main__":
    main()
