# SPDX-License-Identifier: Apache-2.0
"""A CRI client that is not ours: Python's grpcio, with messages made at run time from proto/cri.

    client = Client("/run/.../cri.sock")
    client.Version()                                   every RPC is a method; fields are keyword arguments
    client.RunPodSandbox(config={...})                 nested messages are plain dicts and lists
    client.call("Version", service_version="v1alpha2") the older service name; deadline= in seconds

A failed call raises RpcFailure with .code (name, as "NOT_FOUND") and .message. Streaming RPCs return a
list of what came until the end of the stream.
"""

import os
import subprocess

import grpc
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

TOP = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")
PROTO = os.path.join(TOP, "proto")
LIMIT = 16 << 20


class RpcFailure(Exception):
    def __init__(self, method, code, message):
        super().__init__("%s: %s: %s" % (method, code, message))
        self.method, self.code, self.message = method, code, message


class _Api:
    """The services and message classes of runtime.v1, loaded once for the process."""

    _loaded = None

    @classmethod
    def get(cls):
        if cls._loaded is None:
            cls._loaded = cls()
        return cls._loaded

    def __init__(self):
        out = subprocess.run(["protoc", "-I", PROTO, "--include_imports", "-o", "/dev/stdout", "cri/runtime_v1.proto"],
                             stdout=subprocess.PIPE, check=True).stdout
        files = descriptor_pb2.FileDescriptorSet.FromString(out)
        self.pool = descriptor_pool.DescriptorPool()
        for file in files.file:
            self.pool.Add(file)
        self.factory = message_factory.MessageFactory(self.pool)
        self.methods = {}
        for service in ("RuntimeService", "ImageService"):
            for method in self.pool.FindServiceByName("runtime.v1." + service).methods:
                self.methods[method.name] = (service, method)
        # Python's descriptors do not say whether a method streams; the file descriptors do.
        self.streaming = {m.name for file in files.file for s in file.service for m in s.method if m.server_streaming}

    def message(self, name):
        return self.factory.GetPrototype(self.pool.FindMessageTypeByName("runtime.v1." + name))

    def message_class(self, descriptor):
        return self.factory.GetPrototype(descriptor)

    def enum(self, name):
        return self.pool.FindEnumTypeByName("runtime.v1." + name).values_by_name


def method_names():
    return sorted(_Api.get().methods)


def streaming_names():
    return sorted(_Api.get().streaming)


def message(name, **fields):
    """A message of runtime.v1 from dicts and lists."""
    return _fill(_Api.get().message(name)(), fields)


def _fill(msg, fields):
    for name, value in fields.items():
        if value is None:
            continue
        field = msg.DESCRIPTOR.fields_by_name.get(name)
        if field is None:
            raise AttributeError("%s has no field %s" % (msg.DESCRIPTOR.full_name, name))
        entry = field.message_type and field.message_type.GetOptions().map_entry
        if entry:
            target = getattr(msg, name)
            for k, v in value.items():
                target[k] = v
        elif field.label == field.LABEL_REPEATED:
            target = getattr(msg, name)
            for item in value:
                if field.message_type:
                    if isinstance(item, dict):
                        _fill(target.add(), item)
                    else:
                        target.add().CopyFrom(item)
                else:
                    target.append(_scalar(field, item))
        elif field.message_type:
            target = getattr(msg, name)
            target.SetInParent()
            if isinstance(value, dict):
                _fill(target, value)
            else:
                target.CopyFrom(value)
        else:
            setattr(msg, name, _scalar(field, value))
    return msg


def _scalar(field, value):
    if field.enum_type and isinstance(value, str):
        return field.enum_type.values_by_name[value].number
    if field.type == field.TYPE_BYTES and isinstance(value, str):
        return value.encode()
    return value


class Client:
    def __init__(self, socket, timeout=60):
        self.timeout = timeout
        options = [("grpc.max_receive_message_length", 64 << 20), ("grpc.max_send_message_length", 64 << 20),
                   ("grpc.use_local_subchannel_pool", 1), ("grpc.initial_reconnect_backoff_ms", 100),
                   ("grpc.max_reconnect_backoff_ms", 500), ("grpc.enable_http_proxy", 0)]
        self.channel = grpc.insecure_channel("unix:" + socket, options=options)

    def close(self):
        self.channel.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def __getattr__(self, name):
        if name not in _Api.get().methods:
            raise AttributeError(name)
        return lambda **fields: self.call(name, **fields)

    def start(self, method, service_version="v1", deadline=None, metadata=None, raw=None, **fields):
        """Sends the request; returns grpcio's call object (a future, or an iterator for streams)."""
        api = _Api.get()
        service, descriptor = api.methods[method]
        request = raw if raw is not None else _fill(api.message_class(descriptor.input_type)(), fields)
        answer = api.message_class(descriptor.output_type)
        path = "/runtime.%s.%s/%s" % (service_version, service, method)
        make = self.channel.unary_stream if method in api.streaming else self.channel.unary_unary
        stub = make(path, request_serializer=(lambda b: b) if raw is not None else type(request).SerializeToString,
                    response_deserializer=answer.FromString)
        timeout = self.timeout if deadline is None else deadline
        if method in api.streaming:
            return stub(request, timeout=timeout, metadata=metadata, wait_for_ready=False)
        return stub.future(request, timeout=timeout, metadata=metadata, wait_for_ready=False)

    def call(self, method, **kwargs):
        call = self.start(method, **kwargs)
        try:
            return list(call) if method in _Api.get().streaming else call.result()
        except grpc.RpcError as e:
            raise RpcFailure(method, e.code().name, e.details()) from None

    def raw(self, path, body=b"", timeout=10):
        """Any method path with any bytes: for what no generated client would send."""
        same = lambda b: b
        call = self.channel.unary_unary(path, request_serializer=same, response_deserializer=same)
        try:
            return call(body, timeout=timeout)
        except grpc.RpcError as e:
            raise RpcFailure(path, e.code().name, e.details()) from None

    def answers(self):
        try:
            self.call("Version", deadline=5)
            return True
        except RpcFailure:
            return False
