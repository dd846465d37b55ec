# SPDX-License-Identifier: Apache-2.0
"""The surroundings of a test run: containerd, two registries, a CNI network, test images, the daemon.

Runs inside the namespaces that harness/isolate.py makes. Everything is below one folder on a tmpfs
(isolate.WORK), except the logs, which outlive the run. Nothing is configured on the machine: each part
gets its paths on its command line or in a file of this folder.
"""

import json
import os
import shutil
import subprocess
import tempfile

from . import images, isolate
from .cri import Client
from .service import Service, StartFailure, port_answers, port_is_free, socket_answers, tail

CNI_BIN = "/usr/lib/cni"
HTTP_PORT, HTTPS_PORT = 5000, 5443
SUBNET = "10.88.0.0/24"
BRIDGE = "cct0"
NETWORK = "cct"

PROGRAMS = {
    "containerd": "containerd", "ctr": "containerd", "containerd-shim-runc-v2": "containerd", "runc": "runc", "crun": "crun",
    "docker-registry": "docker-registry", "openssl": "openssl", "ip": "iproute2", "gcc": "gcc", "protoc": "protobuf-compiler",
}


def need(condition, sentence):
    if not condition:
        raise isolate.Problem(sentence)


def check_programs():
    """One sentence naming the Debian package of the first thing that is missing."""
    for program, package in PROGRAMS.items():
        need(shutil.which(program), "%s was not found: install the Debian package %s (ci/deps does)" % (program, package))
    need(os.path.exists(CNI_BIN + "/bridge"), CNI_BIN + "/bridge was not found: install the Debian package "
         "containernetworking-plugins (ci/deps does)")
    need(any(os.path.exists(p) for p in ("/bin/busybox", "/usr/bin/busybox")),
         "busybox was not found: install the Debian package busybox-static (ci/deps does)")


class Environment:
    """Use: `env = Environment(...); env.start(); ...; env.stop()`.

    daemon      path of the cri-containerd binary; None: the CRI plugin of containerd is tested in its place
    logs        folder for the logs of every part
    extra       further arguments for the daemon
    """

    def __init__(self, daemon, logs, extra=(), verbose=False, log_level="debug"):
        self.daemon_binary, self.logs, self.extra, self.log_level = daemon, logs, list(extra), log_level
        self.plugin = daemon is None
        self.verbose = verbose
        self.work = isolate.WORK
        self.cgroup = os.environ["CCT_CGROUP"]
        self.containerd_socket = self.path("containerd.sock")
        self.socket = self.containerd_socket if self.plugin else self.path("cri.sock")
        self.root, self.state = self.path("cri-root"), self.path("cri-state")
        if self.plugin:  # the plugin's folders follow from containerd's own
            self.root = self.path("ctd-root/io.containerd.grpc.v1.cri")
            self.state = self.path("ctd-state/io.containerd.grpc.v1.cri")
        self.netns_dir = "/run/netns"
        self.cni_conf, self.cni_cache = self.path("cni-conf"), self.path("cni-cache")
        self.cni_ipam = self.path("cni-ipam")
        self.own_cni_bin = self.path("cni-bin")  # plugins that tests make
        self.pod_logs = self.path("pod-logs")
        self.ca = self.path("ca.pem")
        self.certs_d = self.path("certs.d")  # hosts.toml files that tests write
        self.config = self.path("config.toml")  # the daemon's
        self.services = []
        self.daemon = None
        self._client = None
        self.registry = images.Registry("127.0.0.1", HTTP_PORT)
        self.tls_registry = images.Registry("registry.test", HTTPS_PORT, self.ca)
        self.pause_ref = "%s/pause:3.10" % self.registry.name
        self.busybox_ref = "%s/busybox:1" % self.registry.name

    def path(self, *parts):
        return os.path.join(self.work, *parts)

    def log(self, name):
        return os.path.join(self.logs, name + ".log")

    def write(self, name, text):
        path = self.path(name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w", encoding="utf-8") as f:
            f.write(text)
        return path

    # --- start and stop ----------------------------------------------------------------------------

    def start(self):
        check_programs()
        self.prepare()
        self.start_registries()
        self.start_containerd()
        self.push_images()
        if not self.plugin:
            self.start_daemon()
        return self

    def prepare(self):
        """Folders, configuration and certificates: what is there before anything runs."""
        for folder in (self.cni_conf, self.cni_cache, self.cni_ipam, self.own_cni_bin, self.pod_logs, self.logs):
            os.makedirs(folder, exist_ok=True)
        self.can_nat = subprocess.call(["iptables", "-t", "nat", "-L", "-n"], stdout=subprocess.DEVNULL,
                                       stderr=subprocess.DEVNULL) == 0 if shutil.which("iptables") else False
        if self.plugin:
            # The CNI library inside containerd keeps results in /var/lib/cni, and nothing can change that.
            isolate.private_copy("/var/lib", self.path("var-lib"))
            self.cni_cache = "/var/lib/cni"
            for name in os.listdir(CNI_BIN):  # it has one plugin folder only
                os.symlink(os.path.join(CNI_BIN, name), os.path.join(self.own_cni_bin, name))
        self.write_cni_conf()
        self.write_config()
        self.make_certificates()

    def stop(self):
        """Stops everything in reverse order; returns a list of complaints (empty: all ended well)."""
        complaints = []
        if self._client:
            self._client.close()
        if self.daemon and self.daemon.process:
            was_running = self.daemon.running()
            status = self.daemon.stop()
            if was_running and status != 0:
                complaints.append("the daemon's exit status was %s after SIGTERM" % status)
        for service in reversed(self.services):
            if not service.running():
                complaints.append("%s was no longer running" % service.name)
            service.stop()
        return complaints

    def start_service(self, name, argv, ready, env=None):
        service = Service(name, argv, self.log(name), env=env, cwd=self.work).start(ready)
        self.services.append(service)
        return service

    # --- CNI ---------------------------------------------------------------------------------------

    def cni_plugins(self):
        plugins = [{
            "type": "bridge", "bridge": BRIDGE, "isGateway": True, "ipMasq": self.can_nat, "hairpinMode": True,
            "ipam": {"type": "host-local", "dataDir": self.cni_ipam, "ranges": [[{"subnet": SUBNET}]],
                     "routes": [{"dst": "0.0.0.0/0"}]},
        }]
        if self.can_nat:
            plugins.append({"type": "portmap", "capabilities": {"portMappings": True}})
        return plugins

    def write_cni_conf(self, plugins=None, name=NETWORK, version="1.0.0"):
        conf = {"cniVersion": version, "name": name, "plugins": plugins or self.cni_plugins()}
        return self.write("cni-conf/10-%s.conflist" % NETWORK, json.dumps(conf, indent=2))

    # --- registries --------------------------------------------------------------------------------

    def make_certificates(self):
        """A CA of our own and a certificate for registry.test (which /etc/hosts maps to loopback); two more CAs, each with a client."""
        run = lambda *argv: subprocess.run(("openssl",) + argv, cwd=self.work, check=True, stdout=subprocess.DEVNULL,
                                           stderr=subprocess.DEVNULL)
        key = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes")
        run("req", "-x509", *key, "-keyout", "ca.key", "-out", "ca.pem", "-days", "2", "-subj", "/CN=test CA")
        run("req", "-new", *key, "-keyout", "registry.key", "-out", "registry.csr", "-subj", "/CN=registry.test")
        self.write("san.cnf", "subjectAltName=DNS:registry.test\nbasicConstraints=CA:FALSE\n")
        run("x509", "-req", "-in", "registry.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-days", "2",
            "-extfile", "san.cnf", "-out", "registry.pem")
        for name in ("one", "two"):
            run("req", "-x509", *key, "-keyout", name + "-ca.key", "-out", name + "-ca.pem", "-days", "2", "-subj", "/CN=%s CA" % name)
            run("req", "-new", *key, "-keyout", name + ".key", "-out", name + ".csr", "-subj", "/CN=client " + name)
            run("x509", "-req", "-in", name + ".csr", "-CA", name + "-ca.pem", "-CAkey", name + "-ca.key", "-CAcreateserial", "-days", "2",
                "-out", name + ".pem")

    def start_registries(self):
        """Two servers on one store: plain HTTP and HTTPS."""
        for port in (HTTP_PORT, HTTPS_PORT):
            need(port_is_free(port), "port %d on 127.0.0.1 is taken and the test registry needs it" % port)
        common = ("version: 0.1\nlog: {level: warn}\nstorage: {filesystem: {rootdirectory: %s}, delete: {enabled: true}}\n"
                  % self.path("registry"))
        plain = self.write("registry-http.yml", common + "http: {addr: '127.0.0.1:%d', secret: x}\n" % HTTP_PORT)
        tls = self.write("registry-https.yml", common + "http: {addr: '127.0.0.1:%d', secret: x, tls: {certificate: %s, key: %s}}\n"
                         % (HTTPS_PORT, self.path("registry.pem"), self.path("registry.key")))
        quiet = {"OTEL_TRACES_EXPORTER": "none"}
        self.start_service("registry-http", ["docker-registry", "serve", plain], lambda: port_answers(HTTP_PORT), quiet)
        self.start_service("registry-https", ["docker-registry", "serve", tls], lambda: port_answers(HTTPS_PORT), quiet)

    def push_images(self):
        """The images that every test may use: pause and busybox, on both registries (they share a store)."""
        base = images.busybox_entries()
        self.pause = images.Image([images.pause_entries(self.work)], {"Entrypoint": ["/pause"]})
        self.busybox = images.Image([base], {"Env": ["PATH=/bin:/usr/bin", "FROM_IMAGE=yes"], "Cmd": ["/bin/sh"],
                                             "Labels": {"org.example.test": "busybox"}})
        self.registry.push(self.pause, "pause", "3.10")
        self.registry.push(self.busybox, "busybox", "1")

    # --- containerd --------------------------------------------------------------------------------

    def containerd_config(self, cri_enabled):
        text = ['version = 2', 'root = "%s"' % self.path("ctd-root"), 'state = "%s"' % self.path("ctd-state"),
                '[grpc]', 'address = "%s"' % self.containerd_socket, '[plugins."io.containerd.internal.v1.opt"]',
                'path = "%s"' % self.path("opt")]
        if not cri_enabled:
            text.insert(1, 'disabled_plugins = ["io.containerd.grpc.v1.cri"]')
            return "\n".join(text) + "\n"
        cri = 'plugins."io.containerd.grpc.v1.cri"'
        text += ['[%s]' % cri, 'sandbox_image = "%s"' % self.pause_ref, 'restrict_oom_score_adj = true',
                 'disable_tcp_service = true', 'stream_server_address = "127.0.0.1"', 'stream_server_port = "0"',
                 '[%s.cni]' % cri, 'bin_dir = "%s"' % self.own_cni_bin, 'conf_dir = "%s"' % self.cni_conf,
                 '[%s.registry.configs."%s".tls]' % (cri, self.tls_registry.name), 'ca_file = "%s"' % self.ca]
        return "\n".join(text) + "\n"

    def start_containerd(self, cri_enabled=None):
        config = self.write("containerd.toml", self.containerd_config(self.plugin if cri_enabled is None else cri_enabled))
        self.containerd = self.start_service("containerd", ["containerd", "--config", config],
                                             lambda: socket_answers(self.containerd_socket) and self._containerd_serves())

    def _containerd_serves(self):
        return subprocess.call(["ctr", "-a", self.containerd_socket, "version"], stdout=subprocess.DEVNULL,
                               stderr=subprocess.DEVNULL) == 0

    def ctr(self, *argv, namespace="k8s.io"):
        """Runs containerd's own client; returns its standard output."""
        done = subprocess.run(["ctr", "-a", self.containerd_socket, "-n", namespace] + list(argv), stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, text=True, timeout=60, check=False)
        if done.returncode:
            raise RuntimeError("ctr %s: %s" % (" ".join(argv), done.stderr.strip()))
        return done.stdout

    # --- the daemon --------------------------------------------------------------------------------

    def write_config(self, text=None, drop_ins=None):
        """Writes the daemon's configuration file and its drop-ins (file name to text) in place of what was there. Without a text it says where
        hosts.toml files are."""
        text = '[registry]\nconfig_path = "%s"\n' % self.certs_d if text is None else text
        shutil.rmtree(self.config + ".d", ignore_errors=True)
        self.write("config.toml", text)
        for name, dropped in (drop_ins or {}).items():
            self.write("config.toml.d/" + name, dropped)

    def daemon_argv(self, **changes):
        """The daemon's command line; changes: option name (with _ for -) to value, None drops it."""
        options = {
            "config": self.config, "listen": self.socket, "containerd": self.containerd_socket, "root": self.root, "state": self.state,
            "sandbox_image": self.pause_ref, "cni_conf_dir": self.cni_conf, "cni_bin_dir": CNI_BIN + ":" + self.own_cni_bin,
            "cni_cache_dir": self.cni_cache, "netns_dir": self.netns_dir, "registry_ca": self.ca,
            "log_level": self.log_level,
        }
        options.update(changes)
        argv = [self.daemon_binary]
        for name, value in options.items():
            if value is not None:
                argv += ["--" + name.replace("_", "-"), value]
        return argv + self.extra

    def sanitizer_env(self):
        env = {
            "ASAN_OPTIONS": "detect_leaks=1:abort_on_error=0:exitcode=99:detect_stack_use_after_return=1:strict_string_checks=1",
            "UBSAN_OPTIONS": "print_stacktrace=1:halt_on_error=1:exitcode=99",
            "TSAN_OPTIONS": "halt_on_error=0:exitcode=99:second_deadlock_stack=1",
        }
        symbolizer = next((p for p in map(shutil.which, ("llvm-symbolizer", "llvm-symbolizer-14")) if p), None)
        if symbolizer:
            env["ASAN_SYMBOLIZER_PATH"] = symbolizer
        return env

    def new_daemon(self, name="daemon", **changes):
        """A daemon that is not yet started (and not stopped by stop(), unless it is self.daemon)."""
        return Service(name, self.daemon_argv(**changes), self.log(name), env=self.sanitizer_env(), cwd=self.work)

    def start_daemon(self, config=None, drop_ins=None, **changes):
        """Starts the daemon of this environment and waits until it answers Version. What the configuration says counts only where the command line says
        nothing: cni_conf_dir=None and the like take an option away from it."""
        if self._client:
            self._client.close()
            self._client = None
        self.write_config(config, drop_ins)
        self.daemon = self.new_daemon(**changes)
        self.daemon.start(lambda: socket_answers(self.socket) and self._serves())
        return self.daemon

    def restart_daemon(self, config=None, drop_ins=None, **changes):
        """Stops the daemon, if it runs, and starts it with this configuration."""
        if self.daemon.running():
            status = self.daemon.stop()
            if status != 0:
                raise AssertionError("the daemon's exit status was %s after SIGTERM" % status)
        return self.start_daemon(config, drop_ins, **changes)

    def _serves(self):
        with Client(self.socket) as client:
            return client.answers()

    @property
    def client(self):
        if self._client is None:
            self._client = Client(self.socket)
        return self._client

    def sanitizer_reports(self):
        """Lines of the daemon's log with which a sanitizer opens a report."""
        marks = ("ERROR: AddressSanitizer", "ERROR: LeakSanitizer", "runtime error:", "WARNING: ThreadSanitizer")
        try:
            with open(self.log("daemon"), encoding="utf-8", errors="replace") as f:
                return [line.rstrip() for line in f if any(mark in line for mark in marks)]
        except OSError:
            return []

    def print_logs(self, lines=25):
        for name in sorted(os.listdir(self.logs)):
            text = tail(os.path.join(self.logs, name), lines)
            if text:
                print("--- %s (the last %d lines)\n%s" % (name, lines, text))


def make_logs_folder(path=None):
    if path:
        os.makedirs(path, exist_ok=True)
        return os.path.abspath(path)
    return tempfile.mkdtemp(prefix="cri-containerd-logs-")


__all__ = ["Environment", "StartFailure", "make_logs_folder", "check_programs"]
