# SPDX-License-Identifier: Apache-2.0
"""The pods' networks: which configuration counts and when, what plugins are told, what is recorded, and what happens when parts of it go away."""

import base64
import json
import os
import shutil
import signal
import subprocess
import threading

from harness import cni
from harness.context import READY
from harness.cri import RpcFailure
from harness.env import CNI_BIN
from harness.runner import not_with_plugin, seconds
from harness.service import wait_until

ours = not_with_plugin("it does this otherwise")


def write_conf(t, name, config):
    path = os.path.join(t.env.cni_conf, name)
    with open(path, "w", encoding="utf-8") as f:
        f.write(config if isinstance(config, str) else json.dumps(config))
    t.defer(lambda: os.path.exists(path) and os.unlink(path))
    return path


def no_conf(t):
    """An empty configuration directory until the end of the test."""
    t.defer(t.env.write_cni_conf)
    for name in os.listdir(t.env.cni_conf):
        os.unlink(os.path.join(t.env.cni_conf, name))


def subnet_of(t):
    """The third number of the address that a new pod gets: tells which of the test's networks it is attached to."""
    pod = t.run_pod()
    ip = t.pod_ip(pod)
    t.remove_pod(pod)
    return int(ip.split(".")[2])


def log_mark(t):
    return os.path.getsize(t.env.log("daemon"))


def logged_since(t, mark):
    with open(t.env.log("daemon"), encoding="utf-8", errors="replace") as f:
        f.seek(mark)
        return f.read()


# --- configuration ------------------------------------------------------------------------------------


@ours
def test_formats_and_order(t):
    """.conf, .conflist and .json files count, the first in lexical order is the pods' network; other files do not count"""
    no_conf(t)
    for name in ("01-a.txt", "02-b.conflist.bak", "03-c", "04-d.yaml"):
        write_conf(t, name, "not JSON")
    os.mkdir(os.path.join(t.env.cni_conf, "05-folder.conf"))
    t.defer(lambda: os.rmdir(os.path.join(t.env.cni_conf, "05-folder.conf")))
    t.fails("FAILED_PRECONDITION", t.run_pod, "no network configuration in", t.env.cni_conf)
    write_conf(t, "40-l.conflist", {"cniVersion": "1.0.0", "name": "list", "plugins": [cni.ptp(t, "10.99.40.0/24")]})
    t.equal(subnet_of(t), 40)
    write_conf(t, "30-j.json", dict(cni.ptp(t, "10.99.30.0/24"), cniVersion="0.4.0", name="json"))
    t.equal(subnet_of(t), 30)
    write_conf(t, "20-c.conf", dict(cni.ptp(t, "10.99.20.0/24"), cniVersion="0.3.1", name="conf"))
    t.equal(subnet_of(t), 20)
    bad = write_conf(t, "10-bad.conf", '{"cniVersion":"1.0.0","name":"x"}')
    t.fails("FAILED_PRECONDITION", t.run_pod, "10-bad.conf", "type")
    for condition in t.cri.Status().status.conditions:
        if condition.type == "NetworkReady":
            assert not condition.status and "10-bad.conf" in condition.message, condition
    os.unlink(bad)
    t.equal(subnet_of(t), 20)


@ours
def test_reload(t):
    """A configuration that is added, changed or removed counts for the next pod; the directory may be removed and come back"""
    no_conf(t)
    plain = lambda n: {"cniVersion": "1.0.0", "name": "n%d" % n, "plugins": [cni.ptp(t, "10.99.%d.0/24" % n)]}
    write_conf(t, "50.conflist", plain(50))
    old = t.run_pod()
    write_conf(t, "40.conflist", plain(40))
    t.equal(subnet_of(t), 40)
    write_conf(t, "40.conflist", plain(41))
    t.equal(subnet_of(t), 41)
    os.unlink(os.path.join(t.env.cni_conf, "40.conflist"))
    t.equal(subnet_of(t), 50)
    for _ in range(2):
        shutil.rmtree(t.env.cni_conf)
        t.fails("FAILED_PRECONDITION", t.run_pod, "does not exist", t.env.cni_conf)
        t.equal(t.pod_status(old).state, READY)
        os.makedirs(t.env.cni_conf)
        t.fails("FAILED_PRECONDITION", t.run_pod, "no network configuration")
        write_conf(t, "50.conflist", plain(51))
        t.equal(subnet_of(t), 51)
    t.remove_pod(old)
    t.equal(cni.leases(t), set(), "leases")


@ours
def test_several_networks(t):
    """max_conf_num networks are attached, as eth0, eth1, ...; 0 means all; eth0's address is the pod's; one that fails undoes the others"""
    no_conf(t)
    for n in (1, 2, 3):
        write_conf(t, "%d.conflist" % n, {"cniVersion": "1.0.0", "name": "n%d" % n, "plugins": [cni.ptp(t, "10.99.%d.0/24" % n)]})
    for config, count in (("max_conf_num = 2", 2), ("max_conf_num = 0", 3), ("max_conf_num = 0\nsetup_serially = true", 3), ("", 1)):
        t.restart_daemon("[cni]\n" + config)
        pod = t.run_pod()
        for n in range(count):
            got = cni.addresses(t, pod, "eth%d" % n)
            assert len(got) == 1 and got.pop().startswith("10.99.%d." % (n + 1)), got
        assert t.pod_ip(pod).startswith("10.99.1."), t.pod_ip(pod)
        t.equal(list(t.pod_status(pod).network.additional_ips), [])
        t.equal(sorted(cni.info(t, pod)["cniResult"]["Interfaces"])[:count], ["eth%d" % n for n in range(count)])
        t.equal(len(cni.leases(t)), count)
        t.equal(len(cni.records(t)), count)
        t.remove_pod(pod)
        t.equal((cni.leases(t), cni.records(t)), (set(), set()))
    t.restart_daemon("[cni]\nmax_conf_num = 0")
    write_conf(t, "2.conflist", {"cniVersion": "1.0.0", "name": "n2", "plugins": [{"type": cni.fake_plugin(t, add="exit 1")[0]}]})
    t.fails("UNKNOWN", t.run_pod, '"n2"', "cct-fake", "ADD")
    t.equal(cni.leases(t), set())


@ours
def test_handler_network(t):
    """A runtime handler with cni_conf_dir has its pods in that network, the others in theirs"""
    t.env.write("other-conf/1.conflist", json.dumps({"cniVersion": "1.0.0", "name": "other", "plugins": [cni.ptp(t, "10.99.77.0/24")]}))
    t.restart_daemon('[containerd.runtimes.other]\nruntime_type = "io.containerd.runc.v2"\ncni_conf_dir = "%s"\n' % t.env.path("other-conf"))
    config = t.pod_config()
    pod = t.cri.RunPodSandbox(config=config, runtime_handler="other").pod_sandbox_id
    t.pods[pod] = config
    assert t.pod_ip(pod).startswith("10.99.77."), t.pod_ip(pod)
    assert t.pod_ip(t.run_pod()).startswith("10.88.0."), "the other handler's pod"
    status = json.loads(t.cri.Status(verbose=True).info["config"])
    t.equal((status["lastCNILoadStatus"], status["lastCNILoadStatus.other"]), ("OK", "OK"))
    shutil.rmtree(t.env.path("other-conf"))
    t.fails("FAILED_PRECONDITION", lambda: t.cri.RunPodSandbox(config=t.pod_config(), runtime_handler="other"), "other-conf")
    t.remove_pod(pod)  # from its record


# --- UpdateRuntimeConfig ------------------------------------------------------------------------------


def update_pod_cidr(t, cidr):
    return t.cri.UpdateRuntimeConfig(runtime_config={"network_config": {"pod_cidr": cidr}})


def forget_pod_cidr(t):
    path = os.path.join(t.env.root, "pod-cidr")
    t.defer(lambda: (os.path.exists(path) and os.unlink(path), t.env.restart_daemon()))
    return path


@ours
def test_pod_cidr(t):
    """UpdateRuntimeConfig: the ranges reach host-local (ipRanges), also after a restart; bad ones are refused, none is ignored"""
    plugins = t.env.cni_plugins()
    plugins[0]["ipam"] = {"type": "host-local", "dataDir": t.env.cni_ipam, "routes": [{"dst": "0.0.0.0/0"}]}
    plugins[0]["capabilities"] = {"ipRanges": True}
    cni.use_network(t, plugins)
    path = forget_pod_cidr(t)
    for bad in ("10.88.7.0", "10.88.7.0/33", "x/24", "10.88.7.0/24,", "fd00::/129"):
        t.fails("INVALID_ARGUMENT", lambda: update_pod_cidr(t, bad), "pod CIDR", "network_config")
    assert not os.path.exists(path)
    cni.fresh_bridge(t)
    update_pod_cidr(t, "")
    t.cri.UpdateRuntimeConfig()
    update_pod_cidr(t, "10.88.7.0/24, fd00:88:7::/64")
    pod = t.run_pod()
    status = t.pod_status(pod).network
    assert status.ip.startswith("10.88.7."), status
    assert [ip.ip.startswith("fd00:88:7::") for ip in status.additional_ips] == [True], status
    t.env.restart_daemon()
    t.equal(t.pod_status(pod).network, status)
    later = t.run_pod()
    assert t.pod_ip(later).startswith("10.88.7."), t.pod_ip(later)
    for p in (pod, later):
        t.remove_pod(p)


# As in containerd's documentation, with a bridge of its own.
TEMPLATE = """{
  "cniVersion": "1.0.0",
  "name": "made",
  "plugins": [{
    "type": "bridge", "bridge": "cct0", "isGateway": true,
    "ipam": {
      "type": "host-local", "dataDir": "%s",
      "ranges": [{{range $i, $range := .PodCIDRRanges}}{{if $i}}, {{end}}[{"subnet": "{{$range}}"}]{{end}}],
      "routes": [{{range $i, $route := .Routes}}{{if $i}}, {{end}}{"dst": "{{$route}}"}{{end}}]
    }
  }]
}
"""


@ours
def test_template(t):
    """UpdateRuntimeConfig makes the configuration from conf_template when there is none, and leaves one that is there alone"""
    forget_pod_cidr(t)
    template = t.env.write("template.json", TEMPLATE % t.env.cni_ipam)
    t.restart_daemon('[cni]\nconf_template = "%s"' % template)
    made = os.path.join(t.env.cni_conf, "10-containerd-net.conflist")
    t.defer(lambda: os.path.exists(made) and os.unlink(made))
    update_pod_cidr(t, "10.88.9.0/24")
    assert not os.path.exists(made), "a network was there"
    no_conf(t)
    cni.fresh_bridge(t)
    assert not all(c.status for c in t.cri.Status().status.conditions), "no network, and ready"
    t.fails("INVALID_ARGUMENT", lambda: update_pod_cidr(t, "10.88.9.0/24,nonsense"), "nonsense")
    assert not os.path.exists(made)
    update_pod_cidr(t, "10.88.9.0/24,fd00:88:9::/64")
    assert all(c.status for c in t.cri.Status().status.conditions)
    pod = t.run_pod()
    network = t.pod_status(pod).network
    assert network.ip.startswith("10.88.9.") and network.additional_ips[0].ip.startswith("fd00:88:9::"), network
    routes = cni.inside(t, pod, "ip", "route") + cni.inside(t, pod, "ip", "-6", "route")
    t.equal(routes.count("default via"), 2)
    before = os.stat(made)
    update_pod_cidr(t, "10.88.10.0/24")
    t.equal(os.stat(made), before)
    t.remove_pod(pod)
    os.unlink(made)
    t.env.write("template.json", '{"name": "{{.Nothing}}"}')
    t.fails("INVALID_ARGUMENT", lambda: update_pod_cidr(t, "10.88.9.0/24"), "template.json", "line 1", "{{.Nothing}}")
    assert not os.path.exists(made)


# --- what plugins are told ----------------------------------------------------------------------------


@ours
def test_arguments(t):
    """CNI_ARGS and each capability that a plugin asks for; those it does not ask for are kept from it"""
    asked = {"portMappings": True, "bandwidth": True, "dns": True, "cgroupPath": True, "io.kubernetes.cri.pod-annotations": True, "mac": True,
             "ipRanges": False}
    here = cni.fake_cni(t, capabilities=asked)
    annotations = {"kubernetes.io/ingress-bandwidth": "1M", "kubernetes.io/egress-bandwidth": "2500k", "note": "a \"b\"\nc"}
    dns = {"servers": ["10.0.0.1"], "searches": ["a.test"], "options": ["ndots:5"]}
    ports = [{"protocol": "UDP", "container_port": 53, "host_port": 5353, "host_ip": "127.0.0.2"}, {"container_port": 80, "host_port": 0}]
    config = t.pod_config(annotations=annotations, dns_config=dns, port_mappings=ports, namespace="team-1")
    pod = t.run_pod(config)
    got, env = cni.given(here, "ADD")
    t.equal(env["CNI_ARGS"].split(";"), ["IgnoreUnknown=1", "K8S_POD_NAMESPACE=team-1", "K8S_POD_NAME=" + config["metadata"]["name"],
                                         "K8S_POD_INFRA_CONTAINER_ID=" + pod, "K8S_POD_UID=" + config["metadata"]["uid"]])
    t.equal((env["CNI_CONTAINERID"], env["CNI_IFNAME"], env["CNI_NETNS"]), (pod, "eth0", cni.netns(t, pod)))
    t.equal(got["runtimeConfig"], {
        "portMappings": [{"hostPort": 5353, "containerPort": 53, "protocol": "udp", "hostIP": "127.0.0.2"}],
        "bandwidth": {"ingressRate": 1000000, "ingressBurst": 4294967295, "egressRate": 2500000, "egressBurst": 4294967295},
        "dns": dns, "cgroupPath": config["linux"]["cgroup_parent"], "io.kubernetes.cri.pod-annotations": annotations})
    t.remove_pod(pod)
    got, env = cni.given(here, "DEL")
    t.equal(got["runtimeConfig"]["dns"], dns)
    t.equal(got["prevResult"]["ips"][0]["address"], "10.99.0.7/24")
    here = cni.fake_cni(t)
    t.remove_pod(t.run_pod(t.pod_config(annotations=annotations, dns_config=dns, port_mappings=ports)))
    assert "runtimeConfig" not in cni.given(here, "ADD")[0]


@ours
def test_no_address(t):
    """A network that gives eth0 no address fails the pod: "failed to find network info for sandbox" """
    cni.fake_cni(t, add="""echo '{"cniVersion":"1.0.0","interfaces":[{"name":"eth0","sandbox":"'$CNI_NETNS'"}],"ips":[]}'""")
    t.fails("UNKNOWN", t.run_pod, "failed to find network info for sandbox", "eth0")
    cni.fake_cni(t, add="""echo '{"cniVersion":"1.0.0","interfaces":[{"name":"net1"}],"ips":[{"address":"10.99.0.7/24","interface":0}]}'""")
    t.fails("UNKNOWN", t.run_pod, "failed to find network info for sandbox")


@ours
def test_args_that_cannot_be(t):
    """A pod whose name would become another argument of the plugins is refused by name"""
    here = cni.fake_cni(t)
    t.fails("INVALID_ARGUMENT", lambda: t.run_pod(t.pod_config(name="x;K8S_POD_NAMESPACE=kube-system", hostname="x")), "K8S_POD_NAME", "';'")
    assert "ADD" not in cni.calls(here)


# --- records, namespaces, loopback --------------------------------------------------------------------


@ours
def test_record(t):
    """The record is libcni's: kind, ids, configuration, arguments and the result, as the facts are; other runtimes' records are left alone"""
    results = os.path.join(t.env.cni_cache, "results")
    pod = t.run_pod()
    path = os.path.join(results, "cct-%s-eth0" % pod)
    with open(path, encoding="utf-8") as f:
        record = json.load(f)
    t.equal({k: record[k] for k in ("kind", "containerId", "ifName", "networkName", "netns")},
            {"kind": "cniCacheV1", "containerId": pod, "ifName": "eth0", "networkName": "cct", "netns": cni.netns(t, pod)})
    with open(os.path.join(t.env.cni_conf, "10-cct.conflist"), encoding="utf-8") as f:
        t.equal(json.loads(base64.b64decode(record["config"])), json.load(f))
    t.equal(["K8S_POD_INFRA_CONTAINER_ID", pod] in record["cniArgs"], True, "the pod's id among the arguments")
    t.equal([ip["address"].split("/")[0] for ip in record["result"]["ips"]], [t.pod_ip(pod)])
    t.equal(cni.addresses(t, pod, "eth0"), {ip["address"] for ip in record["result"]["ips"]})
    # Another runtime's record, a pod's that is gone, and what is no record. The second is what the collection after a restart takes away.
    foreign = dict(record, containerId="podman-1", cniArgs=[["IgnoreUnknown", "1"], ["K8S_POD_NAME", "x"]])
    dead = dict(record, containerId="d" * 64, netns="", cniArgs=[["IgnoreUnknown", "1"], ["K8S_POD_INFRA_CONTAINER_ID", "d" * 64]])
    files = {"cct-podman-1-eth0": json.dumps(foreign), "cct-%s-eth0" % ("d" * 64): json.dumps(dead), "junk": "{"}
    for name, text in files.items():
        with open(os.path.join(results, name), "w", encoding="utf-8") as f:
            f.write(text)
        t.defer(lambda name=name: os.path.exists(os.path.join(results, name)) and os.unlink(os.path.join(results, name)))
    t.env.restart_daemon()
    wait_until(lambda: "cct-%s-eth0" % ("d" * 64) not in cni.records(t), 20, "the collection of the dead pod's network")
    t.remove_pod(pod)
    t.equal(cni.records(t), {"cct-podman-1-eth0", "junk"})


@ours
def test_pinned_namespace(t):
    """The namespace is pinned by a mount on a file, which is gone with the pod"""
    pod = t.run_pod()
    path = cni.netns(t, pod)
    with open("/proc/self/mountinfo", encoding="utf-8") as f:
        pinned = [line for line in f if line.split()[4] == path]
    assert len(pinned) == 1 and " - nsfs " in pinned[0], pinned
    container = t.run(pod)
    t.equal(t.shell(container, "readlink /proc/self/ns/net").strip(), "net:[%d]" % os.stat(path).st_ino)
    t.cri.StopPodSandbox(pod_sandbox_id=pod)
    assert not os.path.exists(path)
    with open("/proc/self/mountinfo", encoding="utf-8") as f:
        assert path not in f.read()


@ours
def test_loopback(t):
    """Loopback is up with both addresses, without a loopback plugin"""
    for name in ("bridge", "host-local", "portmap"):
        t.env.write("few-plugins/" + name, "")
        shutil.copy(os.path.join(CNI_BIN, name), t.env.path("few-plugins", name))
    t.restart_daemon(cni_bin_dir=t.env.path("few-plugins"))
    pod = t.run_pod()
    t.equal(cni.addresses(t, pod, "lo"), {"127.0.0.1/8", "::1/128"})
    t.equal([i["IP"] for i in cni.info(t, pod)["cniResult"]["Interfaces"]["lo"]["IPConfigs"]], ["127.0.0.1", "::1"])
    t.remove_pod(pod)


# --- teardown -----------------------------------------------------------------------------------------


@ours
def test_teardown_without_configuration(t):
    """A pod is torn down from its record when its configuration, and even the directory, is gone"""
    pods = [t.run_pod() for _ in range(2)]
    t.equal(len(cni.leases(t)), 2)
    t.defer(t.env.write_cni_conf)
    cni.use_network(t, [cni.ptp(t, "10.99.1.0/24")], name="another")
    t.remove_pod(pods[0])
    t.equal(len(cni.leases(t)), 1)
    shutil.rmtree(t.env.cni_conf)
    t.cri.StopPodSandbox(pod_sandbox_id=pods[1])
    t.equal((cni.leases(t), cni.records(t)), (set(), set()))
    t.remove_pod(pods[1])


@ours
def test_teardown_without_plugin(t):
    """A plugin that is gone makes StopPodSandbox fail by its name; when it is back, stopping succeeds"""
    mine = "cct-ptp-%d" % t.serial
    program = os.path.join(t.env.own_cni_bin, mine)
    shutil.copy(os.path.join(CNI_BIN, "ptp"), program)
    cni.use_network(t, [dict(cni.ptp(t, "10.99.1.0/24"), type=mine)])
    pod = t.run_pod()
    os.rename(program, program + ".away")
    for call in (t.cri.StopPodSandbox, t.cri.RemovePodSandbox):
        t.fails("FAILED_PRECONDITION", lambda: call(pod_sandbox_id=pod), mine, "is in none of the plugin directories", pod)
    t.equal(len(cni.leases(t)), 1)
    os.rename(program + ".away", program)
    t.remove_pod(pod)
    t.equal(cni.leases(t), set())


@ours
def test_teardown_of_nothing(t):
    """A DEL that knows nothing of the pod any more ("not found") is good enough"""
    for words in ('{"code":3,"msg":"who?"}', '{"code":100,"msg":"container not found"}'):
        here = cni.fake_cni(t, del_="echo '%s'; exit 1" % words)
        pod = t.run_pod()
        t.cri.StopPodSandbox(pod_sandbox_id=pod)
        t.equal(cni.calls(here)[-1], "DEL")
        t.remove_pod(pod)
        t.equal(cni.records(t), set())


@ours
def test_teardown_without_namespace(t):
    """A namespace that is gone already: plugins get an empty CNI_NETNS and give back what they hold"""
    name, here = cni.fake_plugin(t, add=cni.PASS_ON)
    cni.use_network(t, [cni.ptp(t, "10.99.1.0/24"), {"type": name}])  # Debian's bridge leaves its masquerading rules then
    pod = t.run_pod()
    t.equal(len(cni.leases(t)), 1)
    path = cni.netns(t, pod)
    subprocess.run(["umount", "-l", path], check=True)
    os.unlink(path)
    t.equal(t.pod_ip(pod), "", "the address of a pod without its namespace")
    t.cri.StopPodSandbox(pod_sandbox_id=pod)
    t.equal(cni.given(here, "DEL")[1]["CNI_NETNS"], "")
    t.equal((cni.leases(t), cni.records(t)), (set(), set()))
    t.remove_pod(pod)


@ours
def test_killed_during_add(t):
    """A daemon that is killed during an ADD: the next one undoes it, the address included, and makes no noise of it"""
    here = cni.fake_cni(t, add="touch $here/waits; while [ ! -e $here/go ]; do sleep 0.05; done; exit 1", chain=True)
    config = t.pod_config()
    call = t.cri.start("RunPodSandbox", config=config)
    wait_until(lambda: os.path.exists(here + "/waits"), 20, "the second plugin to run")
    t.equal(len(cni.leases(t)), 1)
    t.env.daemon.kill()
    call.cancel()
    with open(here + "/go", "w", encoding="ascii"):
        pass
    mark = log_mark(t)
    t.env.start_daemon()
    wait_until(lambda: not cni.leases(t) and not cni.records(t), 20, "the end of what was left")
    t.equal(len(t.cri.ListPodSandbox().items), 0)
    noise = [line for line in logged_since(t, mark).splitlines() if " warning " in line and "oom_score_adj" not in line]
    t.equal(noise, [], "warnings")


def end_lost_shims(t):
    """containerd 1.6 forgets a shim whose Tasks.Create has lost its client; nothing but a signal ends it."""
    known = t.env.ctr("containers", "ls", "-q").split()
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open("/proc/%s/cmdline" % pid, "rb") as f:
                words = f.read().decode().split("\0")
        except OSError:
            continue
        if words[0].endswith("containerd-shim-runc-v2") and "-id" in words and words[words.index("-id") + 1] not in known:
            os.kill(int(pid), signal.SIGKILL)


@ours
@seconds(240)
def test_no_leak(t):
    """Pods made and removed by many at once, the daemon killed among it: every address comes back"""
    for round_ in range(3):
        configs = [t.pod_config() for _ in range(16)]
        done = []

        def life(config):
            try:
                pod = t.cri.RunPodSandbox(config=config).pod_sandbox_id
                done.append(pod)
                t.cri.StopPodSandbox(pod_sandbox_id=pod)
                t.cri.RemovePodSandbox(pod_sandbox_id=pod)
                done.append(pod)
            except RpcFailure:
                pass  # the daemon was killed
        threads = [threading.Thread(target=life, args=(c,)) for c in configs]
        for thread in threads:
            thread.start()
        wait_until(lambda: len(done) >= 1 + 6 * round_, 60, "some pods")
        t.env.daemon.kill()
        for thread in threads:
            thread.join()
        t.env.start_daemon()
        for pod in t.cri.ListPodSandbox().items:
            t.cri.StopPodSandbox(pod_sandbox_id=pod.id)
            t.cri.RemovePodSandbox(pod_sandbox_id=pod.id)
        wait_until(lambda: not cni.leases(t) and not cni.records(t), 30, "every address to be given back")
    end_lost_shims(t)


# --- CHECK, STATUS, GC --------------------------------------------------------------------------------


@ours
def test_check(t):
    """After a restart the plugins are asked: a pod that lost its route is told of, one that is well is not"""
    well, ill = t.run_pod(), t.run_pod()
    cni.inside(t, ill, "ip", "route", "del", "default")
    mark = log_mark(t)
    t.env.restart_daemon()
    wait_until(lambda: "networkProblem" in cni.info(t, ill), 30, "the ill pod to be found out")
    assert "bridge" in cni.info(t, ill)["networkProblem"] and "CHECK" in cni.info(t, ill)["networkProblem"], cni.info(t, ill)["networkProblem"]
    assert "networkProblem" not in cni.info(t, well)
    text = logged_since(t, mark)
    t.equal(("sandbox %s: its network is not as it was made" % ill in text, "sandbox %s: its network" % well in text), (True, False))
    for pod in (well, ill):
        t.equal(t.pod_status(pod).state, READY)
        t.remove_pod(pod)


@ours
def test_status_of_plugin(t):
    """A plugin of cniVersion 1.1 is asked for its STATUS: NetworkReady is false with its words while it says no"""
    network = lambda: next(c for c in t.cri.Status().status.conditions if c.type == "NetworkReady")
    here = cni.fake_cni(t, other="test ! -e $here/ill || { echo '{\"code\":50,\"msg\":\"my controller is away\"}'; exit 1; }", version="1.1.0")
    assert network().status
    t.equal(cni.calls(here)[-1], "STATUS")
    with open(here + "/ill", "w", encoding="ascii"):
        pass
    found = network()
    assert not found.status and found.reason == "NetworkPluginNotReady" and "my controller is away" in found.message, found
    os.unlink(here + "/ill")
    assert network().status
    here = cni.fake_cni(t, other="exit 1")  # 1.0: not asked
    asked = len(cni.calls(here))
    assert network().status
    t.equal(len(cni.calls(here)), asked)


@ours
@seconds(180)
def test_gc_of_plugin(t):
    """A plugin of cniVersion 1.1 is called with GC and the attachments that are valid, soon after the start and each minute"""
    here = cni.fake_cni(t, version="1.1.0")
    pod = t.run_pod()
    for _ in range(2):  # after the start; a minute later
        collected = cni.calls(here).count("GC")
        if not collected:
            t.env.restart_daemon()
        wait_until(lambda: cni.calls(here).count("GC") > collected, 90, "a GC", every=0.2)
        config, env = cni.given(here, "GC")
        t.equal(config["cni.dev/valid-attachments"], [{"containerID": pod, "ifname": "eth0"}])
        t.equal((config["name"], env["CNI_COMMAND"]), ("fake", "GC"))
    t.remove_pod(pod)
