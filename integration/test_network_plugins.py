# SPDX-License-Identifier: Apache-2.0
"""Each of the reference plugins with a pod of its own: what it was told is there in the kernel, what it refuses comes back in its words."""

import json
import os
import socket
import subprocess
import sys

from harness import cni
from harness.context import Skip
from harness.runner import not_with_plugin
from harness.service import Service, wait_until

ours = not_with_plugin("its configuration would have to be waited for")


def bridge(t, *more):
    """The real bridge of the other tests, and further plugins in the chain."""
    cni.use_network(t, t.env.cni_plugins()[:1] + list(more))


def spare_links(t):
    """Two interfaces that are connected with each other, as a node's network card for plugins that need one. Their names."""
    run("ip", "link", "add", "cctm0", "type", "veth", "peer", "name", "cctm1")
    t.defer(lambda: run("ip", "link", "del", "cctm0"))
    for name in ("cctm0", "cctm1"):
        run("ip", "link", "set", name, "up")
    return "cctm0", "cctm1"


def run(*argv):
    done = subprocess.run(argv, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    assert done.returncode == 0, "%s: %s" % (" ".join(argv), done.stdout)
    return done.stdout


def need_kernel(what, *argv):
    """Skips where the kernel cannot make this kind of interface."""
    if subprocess.call(("ip", "link", "add", "cctprobe") + argv, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL):
        raise Skip("the kernel has no " + what)
    run("ip", "link", "del", "cctprobe")


def fails(t, *parts, codes="UNKNOWN", **more):
    return t.fails(codes, lambda: t.cri.RunPodSandbox(config=t.pod_config(**more)), *parts)


ECHO = """
import socket, sys
s = socket.socket(socket.AF_INET, socket.SOCK_STREAM if sys.argv[1] == "tcp" else socket.SOCK_DGRAM)
s.bind(("0.0.0.0", 7000))
if sys.argv[1] == "tcp":
    s.listen(5)
    while True:
        c = s.accept()[0]
        c.sendall(b"tcp " + c.recv(100))
        c.close()
while True:
    data, peer = s.recvfrom(100)
    s.sendto(b"udp " + data, peer)
"""


def serve(t, pod, protocol):
    """A server in the pod's network that answers with its protocol and what it was sent, on port 7000."""
    argv = ["nsenter", "--net=" + cni.netns(t, pod), sys.executable, "-c", ECHO, protocol]
    service = Service("echo-" + protocol, argv, t.env.log("echo")).spawn()
    t.defer(service.kill)


def ask(protocol, host, port):
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM if protocol == "tcp" else socket.SOCK_DGRAM) as s:
        s.settimeout(0.5)
        try:
            s.connect((host, port))
            s.send(b"hi")
            return s.recv(100)
        except OSError:
            return None


@ours
def test_portmap(t):
    """portmap: TCP and UDP through the host's ports, and only through the address that was asked for"""
    if not t.env.can_nat:
        raise Skip("iptables has no nat table here")
    run("ip", "addr", "add", "10.77.0.1/32", "dev", "lo")
    t.defer(lambda: run("ip", "addr", "del", "10.77.0.1/32", "dev", "lo"))
    pod = t.run_pod(port_mappings=[{"protocol": "TCP", "container_port": 7000, "host_port": 18070},
                                   {"protocol": "UDP", "container_port": 7000, "host_port": 18070},
                                   {"protocol": "TCP", "container_port": 7000, "host_port": 18071, "host_ip": "10.77.0.1"}])
    serve(t, pod, "tcp")
    serve(t, pod, "udp")
    wait_until(lambda: ask("tcp", t.pod_ip(pod), 7000) == b"tcp hi" and ask("udp", t.pod_ip(pod), 7000) == b"udp hi", 20, "the servers in the pod")
    for protocol in ("tcp", "udp"):
        for host in ("10.88.0.1", "10.77.0.1"):
            t.equal(ask(protocol, host, 18070), protocol.encode() + b" hi", "%s through %s" % (protocol, host))
    t.equal(ask("tcp", "10.77.0.1", 18071), b"tcp hi")
    t.equal(ask("tcp", "10.88.0.1", 18071), None, "through another address than host_ip")
    t.equal(ask("udp", "10.77.0.1", 18071), None, "UDP through a port that was asked for TCP")
    t.remove_pod(pod)
    t.equal((ask("tcp", "10.88.0.1", 18070), ask("tcp", "10.77.0.1", 18071)), (None, None))
    # The plugin would take what is no address for any address.
    good = {"container_port": 80, "host_port": 18072}
    for bad, words in (({"host_ip": "localhost"}, "localhost"), ({"host_ip": "10.0.0.1/8"}, "10.0.0.1/8"), ({"host_port": 65536}, "65536"), ({"protocol": 7}, "7")):
        t.fails("INVALID_ARGUMENT", lambda: t.run_pod(port_mappings=[good, dict(good, **bad)]), "port_mappings[1]", words)


def shapers(device=None):
    """{device: bits a second} of the host's token buckets."""
    return {q["dev"]: q["options"]["rate"] * 8 for q in json.loads(run("tc", "-j", "qdisc", "show")) if q["kind"] == "tbf"}


@ours
def test_bandwidth(t):
    """bandwidth: token buckets with the rates of the annotations, in both directions; a bad rate is refused by its annotation's name"""
    need_kernel("ifb", "type", "ifb")
    bridge(t, {"type": "bandwidth", "capabilities": {"bandwidth": True}})
    before = shapers()
    both = t.run_pod(annotations={"kubernetes.io/ingress-bandwidth": "10M", "kubernetes.io/egress-bandwidth": "1500k"})
    t.equal(sorted(v for k, v in shapers().items() if k not in before), [1500000, 10000000])
    veth = [i["name"] for i in json.load(open(os.path.join(t.env.cni_cache, "results", "cct-%s-eth0" % both), encoding="utf-8"))["result"]["interfaces"]]
    t.equal([rate for name, rate in shapers().items() if name in veth and name.startswith("veth")], [10000000], "what comes in to the pod")
    t.remove_pod(both)
    t.equal(shapers(), before)
    one = t.run_pod(annotations={"kubernetes.io/egress-bandwidth": "1Mi"})
    t.equal([v for k, v in shapers().items() if k not in before], [1048576])
    t.remove_pod(one)
    for annotation in ("kubernetes.io/ingress-bandwidth", "kubernetes.io/egress-bandwidth"):
        for rate in ("fast", "999", "1000000000000001", "-1M", "1 M", ""):
            fails(t, annotation, rate, codes="INVALID_ARGUMENT", annotations={annotation: rate})
    t.equal(shapers(), before)


@ours
def test_dual_stack(t):
    """Two families: ip_pref says which address is the pod's, the others are additional ones; the kernel has all"""
    cni.fresh_bridge(t)
    v4, v6 = [{"subnet": "10.88.4.0/24"}], [{"subnet": "fd00:88:4::/64"}]
    for config, ranges, first in (("", [v6, v4], "10.88.4."), ('ip_pref = "ipv4"', [v4, v6], "10.88.4."), ('ip_pref = "ipv6"', [v4, v6], "fd00:88:4::"),
                                  ('ip_pref = "cni"', [v6, v4], "fd00:88:4::"), ('ip_pref = "cni"', [v4, v6], "10.88.4.")):
        t.env.restart_daemon("[cni]\n" + config)
        plugins = t.env.cni_plugins()[:1]
        plugins[0]["ipam"] = {"type": "host-local", "dataDir": t.env.cni_ipam, "ranges": ranges, "routes": [{"dst": "0.0.0.0/0"}, {"dst": "::/0"}]}
        t.env.write_cni_conf(plugins)
        pod = t.run_pod()
        network = t.pod_status(pod).network
        others = [ip.ip for ip in network.additional_ips]
        assert network.ip.startswith(first) and len(others) == 1 and not others[0].startswith(first), (config, ranges, network)
        t.equal({a.split("/")[0] for a in cni.addresses(t, pod, "eth0")}, {network.ip, others[0]})
        t.env.restart_daemon("[cni]\n" + config)
        t.equal(t.pod_status(pod).network, network, "after a restart")
        t.remove_pod(pod)
        t.equal(cni.leases(t), set())
    t.env.write_cni_conf()
    t.env.restart_daemon()


@ours
def test_bad_ip_pref(t):
    """An ip_pref that is none keeps the daemon from starting, by file, line and key"""
    path = t.env.write("bad-pref.toml", '[cni]\nip_pref = "ipv5"\n')
    done = subprocess.run([t.env.daemon_binary, "--config", path], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=60, check=False)
    t.equal(done.returncode, 1)
    for part in ("bad-pref.toml", "line 2", "cni.ip_pref", "ipv5"):
        assert part in done.stdout, done.stdout


@ours
def test_ptp(t):
    """ptp: a cable to the host, without a bridge; a subnet that is none comes back in its words"""
    cni.use_network(t, [cni.ptp(t, "10.99.1.0/24")])
    pod = t.run_pod()
    serve(t, pod, "tcp")
    wait_until(lambda: ask("tcp", t.pod_ip(pod), 7000) == b"tcp hi", 20, "the server in the pod")
    t.remove_pod(pod)
    # Only a pod that never was attached: DEL would fail over the same subnet, and its record stay.
    cni.use_network(t, [cni.ptp(t, "10.99.1.0/33")])
    fails(t, "ptp", "10.99.1.0/33")
    forget_records(t)


def forget_records(t):
    """What a plugin that cannot even do DEL leaves recorded stays until it can."""
    for name in cni.records(t):
        os.unlink(os.path.join(t.env.cni_cache, "results", name))


@ours
def test_static(t):
    """static: the address that the configuration says; one without its length is refused in its words"""
    address = lambda a: dict(cni.ptp(t, "10.99.1.0/24"), ipam={"type": "static", "addresses": [{"address": a, "gateway": "10.99.5.1"}]})
    cni.use_network(t, [address("10.99.5.9/24")])
    pod = t.run_pod()
    t.equal(t.pod_ip(pod), "10.99.5.9")
    t.equal(cni.addresses(t, pod, "eth0"), {"10.99.5.9/24"})
    t.remove_pod(pod)
    cni.use_network(t, [address("10.99.5.9")])
    fails(t, "10.99.5.9")
    forget_records(t)


@ours
def test_firewall(t):
    """firewall: the pod's traffic may pass while it lives"""
    if not t.env.can_nat:
        raise Skip("iptables does not work here")
    bridge(t, {"type": "firewall", "backend": "iptables"})
    pod = t.run_pod()
    ip = t.pod_ip(pod)
    t.equal(run("iptables-save").count(ip + "/32") >= 2, True, "rules for the pod's address")
    t.remove_pod(pod)
    assert ip + "/32" not in run("iptables-save")


@ours
def test_tuning(t):
    """tuning: sysctl, MAC and MTU of the pod's interface; a sysctl that does not exist fails the pod and leaves nothing"""
    bridge(t, {"type": "tuning", "sysctl": {"net.core.somaxconn": "777"}, "mac": "c2:b0:57:49:47:f1", "mtu": 1400})
    pod = t.run_pod()
    t.equal(cni.inside(t, pod, "cat", "/proc/sys/net/core/somaxconn").strip(), "777")
    link = json.loads(cni.inside(t, pod, "ip", "-j", "link", "show", "dev", "eth0"))[0]
    t.equal((link["address"], link["mtu"]), ("c2:b0:57:49:47:f1", 1400))
    t.equal(cni.info(t, pod)["cniResult"]["Interfaces"]["eth0"]["Mac"], "c2:b0:57:49:47:f1")
    t.remove_pod(pod)
    bridge(t, {"type": "tuning", "sysctl": {"net.core.no_such_thing": "1"}})
    fails(t, "tuning", "no_such_thing")


@ours
def test_sbr(t):
    """sbr: replies leave by the interface of their address"""
    bridge(t, {"type": "sbr"})
    pod = t.run_pod()
    assert "from %s lookup 100" % t.pod_ip(pod) in cni.inside(t, pod, "ip", "rule"), cni.inside(t, pod, "ip", "rule")
    t.remove_pod(pod)


@ours
def test_macvlan(t):
    """macvlan: an address of its own on the node's card; a card that is not there is named"""
    master, other = spare_links(t)
    need_kernel("macvlan", "link", master, "type", "macvlan")
    plugin = lambda m: dict(cni.ptp(t, "10.99.8.0/24"), type="macvlan", master=m, mode="bridge")
    cni.use_network(t, [plugin(master)])
    run("ip", "addr", "add", "10.99.8.200/24", "dev", other)
    pod = t.run_pod()
    link = json.loads(cni.inside(t, pod, "ip", "-d", "-j", "link", "show", "dev", "eth0"))[0]
    t.equal(link["linkinfo"]["info_kind"], "macvlan")
    serve(t, pod, "tcp")
    wait_until(lambda: ask("tcp", t.pod_ip(pod), 7000) == b"tcp hi", 20, "the server in the pod, through the card")
    t.remove_pod(pod)
    cni.use_network(t, [plugin("no-such-card")])
    fails(t, "macvlan", "Link not found")


@ours
def test_vlan(t):
    """vlan: the pod's interface carries the tag"""
    master, _ = spare_links(t)
    need_kernel("vlan", "link", master, "type", "vlan", "id", "7")
    cni.use_network(t, [dict(cni.ptp(t, "10.99.9.0/24"), type="vlan", master=master, vlanId=7)])
    pod = t.run_pod()
    link = json.loads(cni.inside(t, pod, "ip", "-d", "-j", "link", "show", "dev", "eth0"))[0]
    t.equal(link["linkinfo"]["info_data"]["id"], 7)
    t.remove_pod(pod)


@ours
def test_vrf(t):
    """vrf: the pod's interface is in the domain that was asked for"""
    need_kernel("vrf", "type", "vrf", "table", "9")
    bridge(t, {"type": "vrf", "vrfname": "blue"})
    pod = t.run_pod()
    t.equal(json.loads(cni.inside(t, pod, "ip", "-j", "link", "show", "dev", "eth0"))[0]["master"], "blue")
    t.remove_pod(pod)


UDHCPD = """interface cct0
start 10.88.60.10
end 10.88.60.20
option subnet 255.255.255.0
option router 10.88.60.1
option lease 3600
lease_file %s
pidfile %s
"""


@ours
def test_dhcp(t):
    """dhcp: an address from the network's own server; without the plugin's daemon the pod fails in its words, and is undone when it is back"""
    cni.fresh_bridge(t)
    run("ip", "link", "add", "cct0", "type", "bridge")
    run("ip", "addr", "add", "10.88.60.1/24", "dev", "cct0")
    run("ip", "link", "set", "cct0", "up")
    cni.use_network(t, [{"type": "bridge", "bridge": "cct0", "ipam": {"type": "dhcp"}}])
    fails(t, "dhcp.sock")
    t.equal(len(cni.records(t)), 1, "DEL needs the daemon, too")
    os.makedirs("/run/cni", exist_ok=True)
    daemon = Service("dhcp", ["/usr/lib/cni/dhcp", "daemon"], t.env.log("dhcp"))
    daemon.start(lambda: os.path.exists("/run/cni/dhcp.sock"))
    t.defer(lambda: (daemon.kill(), os.path.exists("/run/cni/dhcp.sock") and os.unlink("/run/cni/dhcp.sock")))
    server = t.env.write("udhcpd.conf", UDHCPD % (t.env.write("udhcpd.leases", ""), t.env.path("udhcpd.pid")))
    dhcpd = Service("udhcpd", ["busybox", "udhcpd", "-f", server], t.env.log("udhcpd")).spawn()
    t.defer(dhcpd.kill)
    pod = t.run_pod()
    assert t.pod_ip(pod).startswith("10.88.60.1"), t.pod_ip(pod)
    t.remove_pod(pod)
    t.env.restart_daemon()
    wait_until(lambda: not cni.records(t), 20, "the collection of what could not be undone")
