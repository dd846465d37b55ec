# SPDX-License-Identifier: Apache-2.0
"""Makes container images and puts them into a registry, with nothing but Python's own library.

An image is a list of layers and a config. A layer is a list of entries (see dir_entry() and the others);
it becomes a tar, and that a blob, plain, gzip or zstd. Blobs go to the registry over the distribution
HTTP API. Everything is deterministic: the same recipe gives the same digests, run after run.
"""

import gzip
import hashlib
import http.client
import io
import json
import os
import platform as machine
import ssl
import subprocess
import tarfile

OCI_INDEX = "application/vnd.oci.image.index.v1+json"
OCI_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
OCI_CONFIG = "application/vnd.oci.image.config.v1+json"
OCI_LAYER = "application/vnd.oci.image.layer.v1.tar"
DOCKER_LIST = "application/vnd.docker.distribution.manifest.list.v2+json"
DOCKER_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
DOCKER_CONFIG = "application/vnd.docker.container.image.v1+json"
DOCKER_LAYER = "application/vnd.docker.image.rootfs.diff.tar.gzip"

APPLETS = ("sh ash cat echo ls id env sleep true false head tail wc seq printf dd ps kill grep sed awk cut tr "
           "mkdir rm mv ln chmod chown touch test pwd date hostname ip nc wget httpd mount umount stat readlink "
           "sort uniq yes trap find xargs df free nproc cmp sha256sum printenv whoami tee sync usleep nslookup").split()


ARCH = {"x86_64": "amd64", "aarch64": "arm64"}.get(machine.machine(), machine.machine())


def digest(data):
    return "sha256:" + hashlib.sha256(data).hexdigest()


# --- layers -----------------------------------------------------------------------------------------


def dir_entry(path, mode=0o755, uid=0, gid=0):
    return ("dir", path, mode, uid, gid, None)


def file_entry(path, data, mode=0o644, uid=0, gid=0):
    return ("file", path, mode, uid, gid, data if isinstance(data, bytes) else data.encode())


def hardlink_entry(path, target):
    return ("link", path, 0o755, 0, 0, target)


def symlink_entry(path, target):
    return ("symlink", path, 0o777, 0, 0, target)


def whiteout_entry(path):
    """Removes `path` of the layers below."""
    folder, name = os.path.split(path)
    return file_entry(os.path.join(folder, ".wh." + name), b"", 0o600)


def opaque_entry(folder):
    """Hides everything that the layers below have in `folder`."""
    return file_entry(os.path.join(folder, ".wh..wh..opq"), b"", 0o600)


_TYPES = {"dir": tarfile.DIRTYPE, "file": tarfile.REGTYPE, "link": tarfile.LNKTYPE, "symlink": tarfile.SYMTYPE}


def make_tar(entries):
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT) as tar:
        for kind, path, mode, uid, gid, content in entries:
            info = tarfile.TarInfo(path.lstrip("/"))
            info.type, info.mode, info.uid, info.gid, info.mtime = _TYPES[kind], mode, uid, gid, 1700000000
            if kind == "file":
                info.size = len(content)
                tar.addfile(info, io.BytesIO(content))
            else:
                info.linkname = content or ""
                tar.addfile(info)
    return out.getvalue()


def busybox_entries():
    """A small root file system: Debian's busybox-static, one file, an applet for each name."""
    with open("/usr/bin/busybox" if os.path.exists("/usr/bin/busybox") else "/bin/busybox", "rb") as f:
        program = f.read()
    entries = [dir_entry(d) for d in ("bin", "dev", "etc", "home", "proc", "root", "run", "sys", "usr", "var", "usr/bin")]
    entries.append(dir_entry("tmp", 0o1777))
    entries.append(file_entry("bin/busybox", program, 0o755))
    entries += [hardlink_entry("bin/" + name, "bin/busybox") for name in APPLETS]
    entries.append(file_entry("etc/passwd", "root:x:0:0:root:/root:/bin/sh\nalice:x:1000:1000::/home:/bin/sh\n"
                              "bob:x:1001:2000::/home:/bin/sh\n"))
    entries.append(file_entry("etc/group", "root:x:0:\nalice:x:1000:\nstaff:x:50:alice,bob\nbobs:x:2000:\n"))
    return entries


def pause_entries(work):
    program = build_pause(work)
    with open(program, "rb") as f:
        return [file_entry("pause", f.read(), 0o755)]


def build_pause(work):
    """The project's own pause program, in a file of its own."""
    source = os.path.join(os.path.dirname(__file__), "..", "..", "pause", "pause.c")
    program = os.path.join(work, "pause")
    if not os.path.exists(program):
        subprocess.run(["gcc", "-std=c11", "-Os", "-ffreestanding", "-fno-stack-protector", "-nostdlib", "-static", "-s", "-o", program, source],
                       check=True)
    return program


def build_program(work, name, *options):
    """Compiles images/NAME.c, once; returns the program's path."""
    source = os.path.join(os.path.dirname(__file__), "..", "images", name + ".c")
    program = os.path.join(work, name)
    if not os.path.exists(program):
        subprocess.run(["gcc", "-std=c11", "-D_GNU_SOURCE", "-O2", *options, "-o", program, source], check=True)
    return program


# --- images -----------------------------------------------------------------------------------------


class Image:
    """An image in memory: `blobs` by digest, and the manifest (or index) that `ref` will name.

    compression: "gzip", "none" or "zstd"; docker: Docker's media types in place of OCI's."""

    def __init__(self, layers, config=None, *, docker=False, compression="gzip", arch=ARCH, annotations=None):
        self.blobs = {}
        self.children = []  # (digest, media type, body) of further manifests, pushed before the main one
        diff_ids, descriptors = [], []
        for entries in layers:
            tar = entries if isinstance(entries, bytes) else make_tar(entries)
            diff_ids.append(digest(tar))
            blob, media = _compress(tar, compression, docker)
            descriptors.append(self._blob(blob, media))
        self.config = {
            "architecture": arch,
            "os": "linux",
            "created": "2023-11-14T22:13:20Z",
            "config": config or {},
            "rootfs": {"type": "layers", "diff_ids": diff_ids},
            "history": [{"created": "2023-11-14T22:13:20Z", "created_by": "test"} for _ in diff_ids],
        }
        body = _dump(self.config)
        manifest = {
            "schemaVersion": 2,
            "mediaType": DOCKER_MANIFEST if docker else OCI_MANIFEST,
            "config": self._blob(body, DOCKER_CONFIG if docker else OCI_CONFIG),
            "layers": descriptors,
        }
        if annotations:
            manifest["annotations"] = annotations
        self.image_id = manifest["config"]["digest"]
        self.manifest_type = manifest["mediaType"]
        self.set_manifest(manifest)

    def _blob(self, data, media):
        self.blobs[digest(data)] = data
        return {"mediaType": media, "digest": digest(data), "size": len(data)}

    def set_manifest(self, manifest):
        self.manifest_dict = manifest
        self.manifest = manifest if isinstance(manifest, bytes) else _dump(manifest)

    @property
    def digest(self):
        return digest(self.manifest)

    @property
    def size(self):
        """What CRI calls the size of an image: its compressed layers, manifest and config."""
        return len(self.manifest) + sum(len(b) for b in self.blobs.values())


def make_index(images, *, docker=False):
    """images: [(platform dict, Image)]; the result has the blobs of all of them."""
    index = Image.__new__(Image)
    index.blobs, index.children, entries = {}, [], []
    for platform, image in images:
        index.blobs.update(image.blobs)
        index.children.append((image.digest, image.manifest_type, image.manifest))
        entries.append({"mediaType": image.manifest_type, "digest": image.digest, "size": len(image.manifest),
                        "platform": platform})
    index.manifest_type = DOCKER_LIST if docker else OCI_INDEX
    index.set_manifest({"schemaVersion": 2, "mediaType": index.manifest_type, "manifests": entries})
    return index


def _dump(obj):
    return json.dumps(obj, separators=(",", ":")).encode()


def _compress(tar, how, docker):
    if how == "none":
        return tar, "application/vnd.docker.image.rootfs.diff.tar" if docker else OCI_LAYER
    if how == "zstd":
        out = subprocess.run(["zstd", "-q", "-c"], input=tar, stdout=subprocess.PIPE, check=True)
        return out.stdout, OCI_LAYER + "+zstd"
    return gzip.compress(tar, 6, mtime=0), DOCKER_LAYER if docker else OCI_LAYER + "+gzip"


# --- registry ---------------------------------------------------------------------------------------


class Registry:
    """The distribution API of one registry, as far as a push needs it."""

    def __init__(self, host, port, ca=None):
        self.host, self.port, self.ca = host, port, ca

    @property
    def name(self):
        return "%s:%d" % (self.host, self.port)

    def request(self, method, path, body=b"", headers=None):
        """Returns (status, headers, body)."""
        if self.ca:
            conn = http.client.HTTPSConnection(self.host, self.port, timeout=30,
                                               context=ssl.create_default_context(cafile=self.ca))
        else:
            conn = http.client.HTTPConnection(self.host, self.port, timeout=30)
        try:
            conn.request(method, path, body=body, headers=headers or {})
            answer = conn.getresponse()
            return answer.status, dict((k.lower(), v) for k, v in answer.getheaders()), answer.read()
        finally:
            conn.close()

    def _expect(self, wanted, method, path, body=b"", headers=None):
        status, answer_headers, answer = self.request(method, path, body, headers)
        if status not in wanted:
            raise RuntimeError("%s %s: the registry answered %d %r" % (method, path, status, answer[:200]))
        return answer_headers

    def push_blob(self, repo, data):
        path = "/v2/%s/blobs/%s" % (repo, digest(data))
        if self.request("HEAD", path)[0] == 200:
            return
        headers = self._expect((202,), "POST", "/v2/%s/blobs/uploads/" % repo)
        location = headers["location"]
        if "://" in location:
            location = "/" + location.split("://", 1)[1].split("/", 1)[1]
        location += ("&" if "?" in location else "?") + "digest=" + digest(data).replace(":", "%3A")
        self._expect((201,), "PUT", location, data, {"Content-Type": "application/octet-stream"})

    def push(self, image, repo, tag):
        """Pushes everything of `image`; returns the reference by tag."""
        for data in image.blobs.values():
            self.push_blob(repo, data)
        for child_digest, media, body in image.children:
            self._expect((201,), "PUT", "/v2/%s/manifests/%s" % (repo, child_digest), body, {"Content-Type": media})
        self._expect((201,), "PUT", "/v2/%s/manifests/%s" % (repo, tag), image.manifest,
                     {"Content-Type": image.manifest_type})
        return "%s/%s:%s" % (self.name, repo, tag)
