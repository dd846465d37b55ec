#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Prints the method tables of methods.h from a descriptor set.

usage: methods.py SET OUT.c OUT.h

protoc-c makes service descriptors too, but they know neither whether a method streams nor its path.
"""

import re
import sys

from google.protobuf import descriptor_pb2

# What runtime.v1alpha2 has not (cri-api v0.25, its last release). ci/proto-check compares this list with it.
NOT_IN_V1ALPHA2 = {
    "StreamPodSandboxes", "StreamContainers", "StreamContainerStats", "StreamPodSandboxStats", "CheckpointContainer",
    "GetContainerEvents", "ListMetricDescriptors", "ListPodSandboxMetrics", "StreamPodSandboxMetrics",
    "RuntimeConfig", "UpdatePodSandboxResources", "StreamImages",
}


def lower(full_name):
    """protoc-c's name for a type: a.b.FooBar -> a__b__foo_bar, a run of capitals counting as one word."""
    return "__".join(re.sub(r"(?<=[^A-Z])([A-Z])", r"_\1", part).lower() for part in full_name.split("."))


def upper(name):
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).upper()


def methods(files, package):
    for f in files:
        if f.package.startswith(package):
            for service in f.service:
                for m in service.method:
                    yield f.package, service.name, m


def old_path(package, service, m):
    if package != "runtime.v1" or m.name in NOT_IN_V1ALPHA2:
        return "NULL"
    return f'"/runtime.v1alpha2.{service}/{m.name}"'


def table(name, count, rows):
    out = [f"const struct proto_method {name}[{count}] = {{"]
    for package, service, m in rows:
        req, resp = lower(m.input_type[1:]), lower(m.output_type[1:])
        flags = ", ".join("true" if b else "false" for b in (m.client_streaming, m.server_streaming))
        out.append(f'    {{"/{package}.{service}/{m.name}", {old_path(package, service, m)}, "{m.name}",')
        out.append(f"     &{req}__descriptor, &{resp}__descriptor, {flags}}},")
    return out + ["};", ""]


def main():
    if len(sys.argv) != 4:
        sys.exit(__doc__)
    fds = descriptor_pb2.FileDescriptorSet()
    with open(sys.argv[1], "rb") as f:
        fds.ParseFromString(f.read())
    files = sorted(fds.file, key=lambda f: f.name)
    cri = list(methods(files, "runtime."))
    ctrd = list(methods(files, "containerd."))

    head = "/* SPDX-License-Identifier: Apache-2.0 */\n/* Made by proto/methods.py. */\n"
    c = [head, '#include "proto/methods.h"']
    c += [f'#include "{f.name[:-len(".proto")]}.pb-c.h"' for f in files] + [""]
    c += table("cri_methods", "CRI_METHOD_COUNT", cri)
    c += table("containerd_methods", "CONTAINERD_METHOD_COUNT", ctrd)
    h = [head, "#ifndef PROTO_METHODS_H", "#define PROTO_METHODS_H", "", "enum cri_method {"]
    h += [f"    CRI_METHOD_{upper(m.name)}," for _, _, m in cri] + ["    CRI_METHOD_COUNT", "};", ""]
    h += ["enum containerd_method {"]
    h += [f"    CONTAINERD_METHOD_{upper(s)}_{upper(m.name)}," for _, s, m in ctrd]
    h += ["    CONTAINERD_METHOD_COUNT", "};", "", "#endif"]
    for path, lines in ((sys.argv[2], c), (sys.argv[3], h)):
        with open(path, "w") as f:
            f.write("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
