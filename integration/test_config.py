# SPDX-License-Identifier: Apache-2.0
"""The configuration file: it counts, its drop-ins count more, the command line most; what is wrong with it is told by file, line and key."""

import json
import os
import signal
import stat
import subprocess

from harness.context import READY
from harness.env import NETWORK
from harness.runner import not_with_plugin
from harness.service import wait_until

ours = not_with_plugin("it is configured with containerd")


def run_daemon(t, *argv):
    """Runs the daemon to its end; exit status and output."""
    done = subprocess.run([t.env.daemon_binary] + list(argv), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                          errors="replace", timeout=60, env=dict(os.environ, **t.env.sanitizer_env()), check=False)
    assert "Sanitizer" not in done.stdout, done.stdout
    return done.returncode, done.stdout


def refused(t, text, *parts, drop_ins=None):
    """A daemon with this configuration ends with status 1, and its sentences have all the parts."""
    path = t.env.write("bad.toml", text)
    for name, dropped in (drop_ins or {}).items():
        t.defer(lambda name=name: os.unlink(t.env.path("bad.toml.d", name)))
        t.env.write("bad.toml.d/" + name, dropped)
    status, output = run_daemon(t, "--config", path, "--listen", t.env.path("second.sock"), "--state", t.env.path("other-state"),
                                "--root", t.env.path("other-root"))
    t.equal(status, 1, "exit status with the output %r" % output[-600:])
    for part in parts:
        assert part in output, "the message does not name %r: %s" % (part, output[-800:])
    assert not os.path.exists(t.env.path("other-state")), "something was made before the configuration was known to be good"
    return output



@ours
def test_file_counts(t):
    """What the file says is done: where the socket and the pod's namespace are, which image, which network"""
    t.env.write("cni-by-file/10-x.conflist", json.dumps({"cniVersion": "1.0.0", "name": NETWORK, "plugins": t.env.cni_plugins()}))
    t.restart_daemon("""
sandbox_image = "%s"
[debug]
level = "debug"
[cni]
bin_dirs = ["/usr/lib/cni"]
conf_dir = "%s"
cache_dir = "%s"
netns_dir = "/run/netns"
""" % (t.env.pause_ref, t.env.path("cni-by-file"), t.env.cni_cache), sandbox_image=None, cni_conf_dir=None, cni_bin_dir=None, cni_cache_dir=None,
                     netns_dir=None, log_level=None)
    pod = t.run_pod()
    t.equal(t.pod_status(pod).state, READY)
    t.remove_pod(pod)


@ours
def test_socket(t):
    """[grpc] says where the socket is and whose"""
    t.restart_daemon('[grpc]\naddress = "%s"\ngid = 4\n' % t.env.socket, listen=None)
    info = os.stat(t.env.socket)
    t.equal((info.st_gid, oct(stat.S_IMODE(info.st_mode))), (4, "0o660"))


@ours
def test_values_count(t):
    """A few keys of different kinds, seen where they act: in a container's log, its namespace, its spec; and taken back by a drop-in"""
    text = """
max_container_log_line_size = 8
enable_unprivileged_ports = false
max_concurrent_downloads = 1
image_pull_progress_timeout = "1m30s"
[containerd]
default_runtime_name = "plain"
[containerd.runtimes.plain]
runtime_type = "io.containerd.runc.v2"
pod_annotations = ["passed.example.com/*"]
"""
    script = "echo 0123456789abcdef; cat /proc/sys/net/ipv4/ip_unprivileged_port_start"

    def run():
        pod = t.run_pod(annotations={"passed.example.com/a": "b"})
        config = t.container_config(script)
        container = t.run(pod, config=config)
        t.equal(t.wait_exit(container).exit_code, 0)
        lines = [(entry[-2], entry[-1]) for entry in t.log(pod, config)]
        spec = json.loads(t.env.ctr("containers", "info", container))["Spec"]
        t.remove_pod(pod)
        return lines, spec["annotations"].get("passed.example.com/a")
    t.restart_daemon(text)
    lines, passed = run()
    t.equal(lines, [("P", b"01234567"), ("F", b"89abcdef"), ("F", b"1024")])
    t.equal(passed, "b")
    t.restart_daemon(text, {"1.toml": "max_container_log_line_size = 0\nenable_unprivileged_ports = true\n[containerd]\ndefault_runtime_name = ''\n"})
    lines, passed = run()
    t.equal(lines, [("F", b"0123456789abcdef"), ("F", b"0")])
    t.equal(passed, None)


@ours
def test_order(t):
    """Drop-ins change single keys, the last one counts; the command line counts more than all of them"""
    missing = "%s/no/pause:1" % t.env.registry.name
    t.restart_daemon('sandbox_image = "%s"\n[grpc]\ngid = 5\n' % missing,
                     {"10-a.toml": 'sandbox_image = "also/missing:1"\n', "20-b.toml": 'sandbox_image = "%s"\n' % t.env.pause_ref, "30-c.txt": "not read",
                      ".hidden.toml": "not read"}, sandbox_image=None)
    t.equal(os.stat(t.env.socket).st_gid, 5)
    t.run_pod()
    t.restart_daemon('sandbox_image = "%s"\n[grpc]\ngid = 5\n' % missing, socket_group="6")
    t.equal(os.stat(t.env.socket).st_gid, 6)
    t.run_pod()


@ours
def test_no_file(t):
    """A file that --config names has to be there, and readable as a file"""
    for path in (t.env.path("nothing.toml"), t.env.work):
        status, output = run_daemon(t, "--config", path)
        t.equal(status, 1, output)
        assert path in output, output


@ours
def test_bad_files(t):
    """Wrong files: status 1 and a sentence with file, line and key; nothing is made"""
    for text, parts in (
            ('root = "/a"\nsandbox_imag = "x"\n', ("bad.toml: line 2: sandbox_imag: ", "did you mean sandbox_image?")),
            ('[cni]\nconf_dir = 5\n', ("bad.toml: line 2: cni.conf_dir: ", "an integer", "a string")),
            ('cni = true\n', ("bad.toml: line 1: cni: ", "a boolean", "a table")),
            ('\n\n[debug]\nlevel = "loud"\n', ("bad.toml: line 4: debug.level: ", "loud", "warning")),
            ('root = "relative"\n', ("bad.toml: line 1: root: ", "relative", "absolute")),
            ('[grpc]\ngid = -1\n', ("bad.toml: line 2: grpc.gid: -1 ", "0 to 4294967294")),
            ('[grpc]\naddress = "/%s"\n' % ("x" * 108), ("bad.toml: line 2: grpc.address: ", "107")),
            ('[containerd.runtimes.kata]\n', ("bad.toml: line 1: containerd.runtimes.kata: ", "runtime_type")),
            ('[containerd]\ndefault_runtime_name = "crun"\n', ("bad.toml: line 2: containerd.default_runtime_name: ",)),
            ('root = "/a"\nroot = "/b"\n', ("bad.toml: line 2", "root")),
            ('root = \n', ("bad.toml: line 1",)),
            ('sandbox_image = "UPPER"\nroot = 5\n', ("line 1: sandbox_image: ", "line 2: root: "))):
        refused(t, text, *parts)


@ours
def test_bad_drop_in(t):
    """A drop-in that is wrong is named"""
    refused(t, "", "bad.toml.d/10-x.toml: line 1: snapshotter: ", "containerd.snapshotter", drop_ins={"10-x.toml": 'snapshotter = "native"\n'})


def command(t, verb, *argv):
    """Runs `config VERB`; its standard output, when it succeeds without a word on stderr."""
    done = subprocess.run([t.env.daemon_binary, "config", verb] + list(argv), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                          timeout=60, env=dict(os.environ, **t.env.sanitizer_env()), check=False)
    t.equal((done.returncode, done.stderr), (0, ""), "config " + verb)
    return done.stdout


@ours
def test_commands(t):
    """config default, dump and migrate print what config check accepts and the daemon reads as the same"""
    default = t.env.write("default.toml", command(t, "default"))
    t.equal(command(t, "check", default), default + ": ok\n")
    t.equal(command(t, "dump", "--config", default), command(t, "dump", t.env.write("empty.toml", "")))
    assert "/elsewhere" in command(t, "dump", default, "--root", "/elsewhere")
    t.equal(command(t, "migrate", default), "")
    bad = t.env.write("bad.toml", "root = 5\nrot = 6\n")
    status, output = run_daemon(t, "config", "check", bad)
    t.equal(status, 1)
    assert "line 1: root: " in output and "line 2: rot: " in output, output


@ours
def test_containerds_own(t):
    """What `containerd config default` prints is read as it is, and migrated to a file that says the same"""
    written = subprocess.run(["containerd", "config", "default"], stdout=subprocess.PIPE, text=True, timeout=60, check=True).stdout
    path = t.env.write("ctd-default.toml", written)
    command(t, "check", path)
    migrated = t.env.write("migrated.toml", command(t, "migrate", path))
    t.equal(command(t, "dump", migrated), command(t, "dump", path))
    assert "registry.k8s.io/pause:3.6" in command(t, "migrate", path)


@ours
def test_with_containerds_file(t):
    """The daemon runs on the very file that containerd runs on, with the plugin's tables in it: versions 2 and 3"""
    plugin = 'plugins."io.containerd.grpc.v1.cri"'
    cni = 'bin_dir = "/usr/lib/cni"\nconf_dir = "%s"\n' % t.env.cni_conf
    runtimes = """default_runtime_name = "second"
[%(cri)s.containerd.runtimes.second]
runtime_type = "io.containerd.runc.v2"
pod_annotations = ["passed.example.com/*"]
"""
    version2 = t.env.containerd_config(False) + "[%s]\nsandbox_image = \"%s\"\n[%s.cni]\n%s[%s.containerd]\n" % (
        plugin, t.env.pause_ref, plugin, cni, plugin) + runtimes % {"cri": plugin}
    runtime, images = "plugins.'io.containerd.cri.v1.runtime'", "plugins.'io.containerd.cri.v1.images'"
    version3 = t.env.containerd_config(False).replace("version = 2", "version = 3") + "[%s.pinned_images]\nsandbox = \"%s\"\n[%s.cni]\n%s[%s.containerd]\n" % (
        images, t.env.pause_ref, runtime, cni, runtime) + runtimes % {"cri": runtime}
    for text in (version2, version3):
        t.restart_daemon(text, containerd=None, sandbox_image=None, cni_conf_dir=None, cni_bin_dir=None)
        pod = t.run_pod(annotations={"passed.example.com/a": "b"})
        t.equal(json.loads(t.env.ctr("containers", "info", pod))["Spec"]["annotations"].get("passed.example.com/a"), "b")
        t.remove_pod(pod)


def reload(t, text, *parts):
    """Changes the file, sends SIGHUP and waits until the log says all of this."""
    t.env.write_config(text)
    before = len(t.env.daemon.log_text())
    os.kill(t.env.daemon.pid, signal.SIGHUP)
    wait_until(lambda: all(part in t.env.daemon.log_text()[before:] for part in parts), 10, "the log to say %s" % (parts,))
    return t.env.daemon.log_text()[before:]


@ours
def test_reload_registry(t):
    """SIGHUP: another folder of hosts.toml counts for the next pull"""
    t.env.write("reloaded.d/nowhere.test/hosts.toml", 'server = "http://%s"\n' % t.env.registry.name)
    t.restart_daemon('[registry]\nconfig_path = "/nonexistent"\n')
    t.fails(("UNAVAILABLE", "NOT_FOUND"), lambda: t.pull("nowhere.test/busybox:1"), "nowhere.test")
    text = reload(t, '[registry]\nconfig_path = "%s"\n' % t.env.path("reloaded.d"), "has been read again")
    assert "has changed" not in text, text
    t.pull("nowhere.test/busybox:1")
    reload(t, '[registry]\nconfig_path = "/nonexistent"\n', "has been read again")
    t.fails(("UNAVAILABLE", "NOT_FOUND"), lambda: t.pull("nowhere.test/pause:3.10"), "nowhere.test")


@ours
def test_reload(t):
    """SIGHUP: the log level counts at once, what else has changed is named, a bad file changes nothing; pods go on"""
    t.restart_daemon('[debug]\nlevel = "info"\n', log_level=None)
    pod = t.run_pod()
    t.cri.Version()
    assert "Version] ok" not in t.env.daemon.log_text().split("serving CRI")[-1], "a debug line, before the level was that"
    reload(t, '[debug]\nlevel = "debug"\n', "the configuration has been read again")
    t.cri.Version()
    wait_until(lambda: "Version] ok" in t.env.daemon.log_text().split("read again")[-1], 10, "a debug line")
    reload(t, 'ignore_image_defined_volumes = true\n[debug]\nlevel = "info"\n[containerd.runtimes.more]\nruntime_type = "io.containerd.runc.v2"\n',
           "ignore_image_defined_volumes has changed", "containerd.runtimes.more has changed", "from the next start on", "has been read again")
    t.cri.Version()
    text = reload(t, 'rot = "/x"\n[debug]\nlevel = "debug"\n', "the configuration stays as it was", "config.toml: line 1: rot: ", "did you mean root?")
    assert "Version] ok" not in text, "the level is still debug: " + text
    t.fails(("NOT_FOUND", "INVALID_ARGUMENT", "FAILED_PRECONDITION"), lambda: t.cri.RunPodSandbox(config=t.pod_config(), runtime_handler="more"), "more")
    t.equal(t.pod_status(pod).state, READY)
