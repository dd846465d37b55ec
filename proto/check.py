#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Compares our interface definitions with those of the published modules.

usage: check.py SET PUBLISHED

SET is the descriptor set that protoc makes of proto/, PUBLISHED what ci/proto-check prints (its head says in
which form); ours is brought into the same form here. Equal must be:

- runtime.v1, in both directions: nothing missing, nothing of our own;
- all else: each message, enum and service that we have, with everything in it;
- runtime.v1alpha2: all of it is in our runtime.v1, with the same numbers, types and labels, and methods.py
  serves just those of its methods that it has.

A difference on purpose is listed in DIFFERS with its reason; an entry that is not met any more fails too.
Before it says that all is equal, it breaks a copy of our definitions in every way it must notice, and sees
that it does. Exit status 0: equal; 1: not, each difference on a line; 2: usage.
"""

import sys

from google.protobuf import descriptor_pb2

import methods

Field = descriptor_pb2.FieldDescriptorProto
LABELS = {Field.LABEL_OPTIONAL: "optional", Field.LABEL_REQUIRED: "required", Field.LABEL_REPEATED: "repeated"}
NOT_PACKABLE = {Field.TYPE_STRING, Field.TYPE_BYTES, Field.TYPE_MESSAGE, Field.TYPE_GROUP}

# (published line, our line): why they may differ.
DIFFERS = {
    ("field containerd.services.images.v1.DeleteImageRequest.target 3 optional containerd.types.Descriptor oneof _target",
     "field containerd.services.images.v1.DeleteImageRequest.target 3 optional containerd.types.Descriptor"):
        "protoc-c refuses proto3 optional; a sub-message has presence without it, and the wire is the same",
    ("field runtime.v1alpha2.KeyValue.value 2 optional string",
     "field runtime.v1alpha2.KeyValue.value 2 optional bytes"):
        "a string on the wire is bytes; v1 made it bytes in Kubernetes 1.36",
}


def field_line(owner, f, oneofs):
    kind = f.type_name[1:] if f.type_name else Field.Type.Name(f.type)[len("TYPE_"):].lower()
    packable = f.label == Field.LABEL_REPEATED and f.type not in NOT_PACKABLE
    packed = packable and (f.options.packed if f.options.HasField("packed") else True)  # proto3's default
    extra = " packed" if packed else ""
    if f.HasField("oneof_index"):
        extra += " oneof " + oneofs[f.oneof_index].name
    return f"field {owner}.{f.name} {f.number} {LABELS[f.label]} {kind}{extra}"


def message_lines(prefix, m):
    name = f"{prefix}.{m.name}"
    yield f"message {name}" + (" map" if m.options.map_entry else "")
    for f in m.field:
        yield field_line(name, f, m.oneof_decl)
    for e in m.enum_type:
        yield from enum_lines(name, e)
    for n in m.nested_type:
        yield from message_lines(name, n)


def enum_lines(prefix, e):
    for v in e.value:
        yield f"value {prefix}.{e.name}.{v.name} {v.number}"


def lines_of(fds):
    out = []
    for f in fds.file:
        for m in f.message_type:
            out += message_lines(f.package, m)
        for e in f.enum_type:
            out += enum_lines(f.package, e)
        for s in f.service:
            for m in s.method:
                request = ("stream " if m.client_streaming else "") + m.input_type[1:]
                response = ("stream " if m.server_streaming else "") + m.output_type[1:]
                out.append(f"rpc /{f.package}.{s.name}/{m.name} {request} -> {response}")
    return out


def owner(line):
    """What a line belongs to: a message, an enum or a service, with its kind in front."""
    kind, name = line.split(" ")[:2]
    if kind == "message":
        return "message " + name
    if kind == "rpc":
        return "rpc " + name.rsplit("/", 1)[0]
    return ("message " if kind == "field" else "enum ") + name.rsplit(".", 1)[0]


def is_cri(line):
    return line.split(" ")[1].lstrip("/").startswith("runtime.v1.")


def is_old(line):
    return line.split(" ")[1].lstrip("/").startswith("runtime.v1alpha2.")


def as_old(line):
    return line.replace("runtime.v1.", "runtime.v1alpha2.")


def compare(fds, published, not_in_old):
    """Returns (differences, counts by part)."""
    ours = lines_of(fds)
    bad = sorted(f"ours twice: {x}" for x in set(ours) if ours.count(x) > 1)
    ours, published = set(ours), set(published)
    have = {owner(x) for x in ours}
    met = set()

    def side(part, theirs, mine):
        theirs, mine = set(theirs), set(mine)
        for pair in DIFFERS:
            if pair[0] in theirs and pair[1] in mine:
                theirs.discard(pair[0])
                mine.discard(pair[1])
                met.add(pair)
        return [f"{part}: published, not ours: {x}" for x in sorted(theirs - mine)] + \
               [f"{part}: ours, not published: {x}" for x in sorted(mine - theirs)]

    cri = {x for x in ours if is_cri(x)}
    rest = ours - cri
    bad += side("cri v1", [x for x in published if is_cri(x)], cri)
    bad += side("containerd", [x for x in published if not is_cri(x) and not is_old(x) and owner(x) in have], rest)

    old = [x for x in published if is_old(x)]
    old_names = {x.split(" ")[1] for x in old}
    # Ours may have more than v1alpha2; what both have by name must be equal, and all of v1alpha2 must be there.
    bad += side("cri v1alpha2", old, [y for y in map(as_old, cri) if y.split(" ")[1] in old_names])

    served = {x.split(" ")[1] for x in map(as_old, cri) if x.startswith("rpc ")}
    lacking = {x.rsplit("/", 1)[1] for x in served - old_names}
    bad += [f"methods.py: NOT_IN_V1ALPHA2 wrongly has or lacks {x}" for x in sorted(lacking ^ set(not_in_old))]
    bad += [f"DIFFERS has an entry that is not met: {ours_}" for pair, ours_ in ((p, p[1]) for p in DIFFERS)
            if pair not in met]
    for part, lines in (("cri v1", cri), ("containerd", rest), ("cri v1alpha2", old)):
        if not lines:
            bad.append(f"{part}: nothing to compare")
    return bad, (("cri v1", cri), ("cri v1alpha2", old), ("containerd and google", rest))


def count(part, lines):
    n = {kind: sum(x.startswith(kind + " ") for x in lines) for kind in ("rpc", "message", "field", "value")}
    return (f"{part}: {n['rpc']} rpcs, {n['message']} messages, {n['field']} fields, "
            f"{n['value']} enum values equal")


# --- the check can fail ---------------------------------------------------------------------------


def find(fds, message):
    for f in fds.file:
        for m in f.message_type:
            if f"{f.package}.{m.name}" == message:
                return m
    raise LookupError(message)


def service(fds, name):
    return next(s for f in fds.file for s in f.service if f"{f.package}.{s.name}" == name)


def enum(fds, name):
    return next(e for f in fds.file for e in f.enum_type if f"{f.package}.{e.name}" == name)


def field(fds, message, name):
    return next(f for f in find(fds, message).field if f.name == name)


def drop(repeated, name):
    del repeated[[x.name for x in repeated].index(name)]


POD, TASK = "runtime.v1.PodSandboxConfig", "containerd.services.tasks.v1.CreateTaskRequest"
CRI, TASKS = "runtime.v1.RuntimeService", "containerd.services.tasks.v1.Tasks"

# What is broken, how, and what the report must name.
BREAKS = [
    ("number", lambda d: setattr(field(d, POD, "hostname"), "number", 12), "PodSandboxConfig.hostname 12"),
    ("number", lambda d: setattr(field(d, TASK, "stdin"), "number", 2), "CreateTaskRequest.stdin 2"),
    ("name", lambda d: setattr(field(d, POD, "hostname"), "name", "host_name"), "PodSandboxConfig.host_name"),
    ("type", lambda d: setattr(field(d, POD, "hostname"), "type", Field.TYPE_BYTES), "PodSandboxConfig.hostname 2"),
    ("label", lambda d: setattr(field(d, TASK, "stdin"), "label", Field.LABEL_REPEATED), "CreateTaskRequest.stdin 4"),
    ("packing", lambda d: setattr(field(d, "runtime.v1.PortForwardRequest", "port").options, "packed", False),
     "PortForwardRequest.port"),
    ("message type", lambda d: setattr(field(d, POD, "dns_config"), "type_name", ".runtime.v1.Mount"),
     "PodSandboxConfig.dns_config 4"),
    ("map key", lambda d: setattr(find(d, POD).nested_type[0].field[0], "type", Field.TYPE_INT64), "Entry.key"),
    ("a field less", lambda d: drop(find(d, POD).field, "linux"), "PodSandboxConfig.linux"),
    ("a field less", lambda d: drop(find(d, TASK).field, "options"), "CreateTaskRequest.options"),
    ("a field more", lambda d: find(d, TASK).field.add(name="extra", number=99, label=1, type=9), "extra 99"),
    ("a message less", lambda d: [drop(f.message_type, "PodIP") for f in d.file if f.name == "cri/sandbox_v1.proto"],
     "message runtime.v1.PodIP"),
    ("a message more", lambda d: d.file[0].message_type.add(name="Extra"), "Extra"),
    ("enum number", lambda d: setattr(enum(d, "runtime.v1.Signal").value[9], "number", 99), "Signal."),
    ("an enum value less", lambda d: drop(enum(d, "runtime.v1.Signal").value, "SIGHUP"), "Signal.SIGHUP"),
    ("a method less", lambda d: drop(service(d, CRI).method, "Version"), "RuntimeService/Version"),
    ("a method less", lambda d: drop(service(d, TASKS).method, "Wait"), "Tasks/Wait"),
    ("streaming", lambda d: setattr(service(d, CRI).method[0], "server_streaming", True), "RuntimeService/Version"),
    ("request type", lambda d: setattr(service(d, CRI).method[0], "input_type", ".runtime.v1.StatusRequest"),
     "RuntimeService/Version"),
]


def self_test(fds, published):
    for what, damage, named in BREAKS:
        copy = descriptor_pb2.FileDescriptorSet()
        copy.CopyFrom(fds)
        damage(copy)
        bad, _ = compare(copy, published, methods.NOT_IN_V1ALPHA2)
        if not any(named in x for x in bad):
            sys.exit(f"proto-check: a definition broken on purpose ({what}: {named}) was not noticed")
    bad, _ = compare(fds, published, methods.NOT_IN_V1ALPHA2 - {"RuntimeConfig"})
    if not any("RuntimeConfig" in x for x in bad):
        sys.exit("proto-check: a wrong list of v1alpha2 methods was not noticed")
    return len(BREAKS) + 1


def main():
    if len(sys.argv) != 3:
        print(__doc__, file=sys.stderr)
        sys.exit(2)
    fds = descriptor_pb2.FileDescriptorSet()
    with open(sys.argv[1], "rb") as f:
        fds.ParseFromString(f.read())
    with open(sys.argv[2], encoding="utf-8") as f:
        published = f.read().splitlines()

    bad, parts = compare(fds, published, methods.NOT_IN_V1ALPHA2)
    if bad:
        for x in bad:
            print(f"proto-check: {x}")
        sys.exit(1)
    broken = self_test(fds, published)
    print("proto-check: " + "; ".join(count(*p) for p in parts))
    print(f"proto-check: {len(DIFFERS)} differences on purpose; {broken} deliberate faults noticed")


if __name__ == "__main__":
    main()
