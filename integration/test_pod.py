# SPDX-License-Identifier: Apache-2.0
"""Pods: run, status, list, stop, remove; their network and their files."""

import http.client
import ipaddress
import os
import threading

from harness.context import NODE_NS, NOTREADY, READY
from harness.cri import RpcFailure
from harness.env import SUBNET
from harness.runner import not_with_plugin
from harness.service import wait_until


def test_life(t):
    """A pod runs, stops and is removed"""
    pod = t.run_pod()
    t.equal(len(pod), 64, "length of the ID")
    t.equal(t.pod_status(pod).state, READY)
    t.cri.StopPodSandbox(pod_sandbox_id=pod)
    t.equal(t.pod_status(pod).state, NOTREADY)
    t.cri.RemovePodSandbox(pod_sandbox_id=pod)
    t.pods.clear()
    t.fails("NOT_FOUND", lambda: t.pod_status(pod), *[] if t.env.plugin else [pod])


def test_status_echoes(t):
    """PodSandboxStatus gives back name, labels, annotations and a creation time"""
    config = t.pod_config(labels={"app": "x", "empty": ""}, annotations={"note": "a\nb \"c\" \u00e4"}, namespace="team-1", attempt=3)
    pod = t.run_pod(config)
    status = t.pod_status(pod)
    t.equal(status.id, pod)
    t.equal(status.metadata.name, config["metadata"]["name"])
    t.equal(status.metadata.namespace, "team-1")
    t.equal(status.metadata.uid, config["metadata"]["uid"])
    t.equal(status.metadata.attempt, 3)
    t.equal(dict(status.labels), config["labels"])
    t.equal(dict(status.annotations), config["annotations"])
    t.equal(status.runtime_handler, "")
    t.recent(status.created_at, "created_at")


def test_status_verbose(t):
    """PodSandboxStatus gives details only when asked"""
    pod = t.run_pod()
    assert not t.cri.PodSandboxStatus(pod_sandbox_id=pod).info
    assert t.cri.PodSandboxStatus(pod_sandbox_id=pod, verbose=True).info


def test_ip(t):
    """Each pod gets an address of the CNI network of its own, and answers there"""
    pods = [t.run_pod() for _ in range(2)]
    ips = [t.pod_ip(p) for p in pods]
    assert ips[0] != ips[1], ips
    for ip in ips:
        assert ipaddress.ip_address(ip) in ipaddress.ip_network(SUBNET), ip
    server = t.run(pods[0], "mkdir /www && echo hello >/www/index.html && exec httpd -f -p 80 -h /www")
    wait_until(lambda: fetch(ips[0]) == b"hello\n", 10, "an answer of the pod's web server")
    client = t.run(pods[1])
    t.equal(t.shell(client, "wget -q -O - http://%s/" % ips[0]), "hello\n")
    t.equal(t.shell(server, "wget -q -O - http://127.0.0.1/"), "hello\n", "the pod's own loopback")


def fetch(host, port=80, timeout=2):
    try:
        conn = http.client.HTTPConnection(host, port, timeout=timeout)
        conn.request("GET", "/")
        return conn.getresponse().read()
    except OSError:
        return None


def test_port_mapping(t):
    """A host port leads to the pod's port"""
    if not t.env.can_nat:
        return
    pod = t.run_pod(port_mappings=[{"protocol": "TCP", "container_port": 80, "host_port": 18080}])
    t.run(pod, "mkdir /www && echo mapped >/www/index.html && exec httpd -f -p 80 -h /www")
    wait_until(lambda: fetch("10.88.0.1", 18080) == b"mapped\n", 10, "an answer through the host port")
    t.remove_pod(pod)
    t.equal(fetch("10.88.0.1", 18080, 0.3), None, "the port after the pod is gone")


def test_shared_network(t):
    """Containers of one pod share its network"""
    pod = t.run_pod()
    t.run(pod, "mkdir /www && echo shared >/www/index.html && exec httpd -f -p 8000 -h /www")
    other = t.run(pod)
    wait_until(lambda: t.exec(other, "wget -q -O - http://127.0.0.1:8000/").stdout == b"shared\n", 10, "the neighbour's answer")


def test_list(t):
    """ListPodSandbox: all, by id and its prefix, by state, by labels"""
    a = t.run_pod(labels={"app": "a", "tier": "x"})
    b = t.run_pod(labels={"app": "b", "tier": "x"})
    t.cri.StopPodSandbox(pod_sandbox_id=b)
    ids = lambda **f: {p.id for p in t.cri.ListPodSandbox(filter=f).items} & {a, b}
    t.equal({p.id for p in t.cri.ListPodSandbox().items} & {a, b}, {a, b})
    t.equal(ids(id=a), {a})
    t.equal(ids(id=a[:13]), {a})
    t.equal(ids(id="f" * 64), set())
    t.equal(ids(state={"state": READY}), {a})
    t.equal(ids(state={"state": NOTREADY}), {b})
    t.equal(ids(label_selector={"tier": "x"}), {a, b})
    t.equal(ids(label_selector={"tier": "x", "app": "b"}), {b})
    t.equal(ids(label_selector={"tier": "y"}), set())
    t.equal(ids(id=a, state={"state": NOTREADY}), set())
    item = [p for p in t.cri.ListPodSandbox().items if p.id == a][0]
    t.equal(item.labels["app"], "a")
    t.equal(item.metadata.name, t.pods[a]["metadata"]["name"])
    t.recent(item.created_at, "created_at")


def test_short_id(t):
    """Every pod call takes a unique prefix of the ID"""
    pod = t.run_pod()
    t.equal(t.pod_status(pod[:12]).id, pod)
    t.cri.StopPodSandbox(pod_sandbox_id=pod[:12])
    t.equal(t.pod_status(pod).state, NOTREADY)
    t.cri.RemovePodSandbox(pod_sandbox_id=pod[:12])
    t.fails("NOT_FOUND", lambda: t.pod_status(pod))
    t.pods.clear()


def test_stop_again(t):
    """Stopping twice, and stopping what never was, succeeds"""
    pod = t.run_pod()
    for _ in range(3):
        t.cri.StopPodSandbox(pod_sandbox_id=pod)
    if not t.env.plugin:  # 1.6 answers NOT_FOUND, later versions do not
        t.cri.StopPodSandbox(pod_sandbox_id="0" * 64)


def test_remove_again(t):
    """Removing twice, and removing what never was, succeeds"""
    pod = t.run_pod()
    t.remove_pod(pod)
    t.cri.RemovePodSandbox(pod_sandbox_id=pod)
    t.cri.RemovePodSandbox(pod_sandbox_id="0" * 64)


def test_remove_running(t):
    """Removing a pod that still runs stops it and its containers first"""
    pod = t.run_pod()
    container = t.run(pod)
    t.cri.RemovePodSandbox(pod_sandbox_id=pod)
    t.fails("NOT_FOUND", lambda: t.status(container), container)
    t.pods.clear()


def test_stop_frees_network(t):
    """A stopped pod keeps its record, but no address and no network namespace"""
    before = set(os.listdir(t.env.netns_dir))
    pod = t.run_pod()
    ip = t.pod_ip(pod)
    assert os.path.exists(t.env.cni_ipam + "/cct/" + ip)
    t.cri.StopPodSandbox(pod_sandbox_id=pod)
    assert not os.path.exists(t.env.cni_ipam + "/cct/" + ip), "the address is still leased"
    t.equal(set(os.listdir(t.env.netns_dir)), before, "network namespaces")


def test_stop_ends_containers(t):
    """Stopping a pod ends its containers"""
    pod = t.run_pod()
    container = t.run(pod)
    t.cri.StopPodSandbox(pod_sandbox_id=pod)
    t.equal(t.wait_exit(container).exit_code, 137)


@not_with_plugin("answers 'name is reserved'")
def test_repeat_is_same(t):
    """Running an equal pod again answers the same ID"""
    config = t.pod_config()
    pod = t.run_pod(config)
    for _ in range(2):
        t.equal(t.cri.RunPodSandbox(config=config).pod_sandbox_id, pod)


@not_with_plugin("answers 'name is reserved'")
def test_repeat_joins(t):
    """Equal RunPodSandbox calls at the same time make one pod"""
    config = t.pod_config()
    answers, errors = [], []

    def call():
        try:
            answers.append(t.cri.RunPodSandbox(config=config).pod_sandbox_id)
        except RpcFailure as e:
            errors.append(e)
    threads = [threading.Thread(target=call) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for pod in answers:
        t.pods[pod] = config
    assert not errors, errors
    t.equal(len(answers), 8)
    t.equal(len(set(answers)), 1, "number of pods")


def test_repeat_unequal(t):
    """A different pod under a name that is taken is refused by that name"""
    config = t.pod_config()
    t.run_pod(config)
    other = dict(config, hostname="another")
    codes = ("ALREADY_EXISTS", "UNKNOWN") if t.env.plugin else "ALREADY_EXISTS"
    t.fails(codes, lambda: t.cri.RunPodSandbox(config=other), config["metadata"]["name"])


def test_attempts(t):
    """The next attempt of a pod is a pod of its own, and a name is free again after removal"""
    config = t.pod_config()
    first = t.run_pod(config)
    again = dict(config, metadata=dict(config["metadata"], attempt=1))
    second = t.run_pod(again)
    assert first != second
    t.remove_pod(first)
    third = t.run_pod(config)
    assert third not in (first, second)


def test_host_network(t):
    """A pod on the host's network has no address and no network namespace of its own"""
    before = set(os.listdir(t.env.netns_dir))
    pod = t.run_pod(hostname="", linux={"security_context": {"namespace_options": {"network": NODE_NS}}})
    t.equal(t.pod_ip(pod), "")
    t.equal(set(os.listdir(t.env.netns_dir)), before)
    options = t.pod_status(pod).linux.namespaces.options
    t.equal(options.network, NODE_NS)
    container = t.run(pod, linux={"security_context": {"namespace_options": {"network": NODE_NS}}})
    t.equal(t.shell(container, "readlink /proc/self/ns/net").strip(), os.readlink("/proc/self/ns/net"))


def test_hostname(t):
    """The pod's hostname is its containers' hostname, in the kernel, the file and the environment"""
    pod = t.run_pod(hostname="my-host")
    container = t.run(pod)
    t.equal(t.shell(container, "hostname; cat /etc/hostname; echo $HOSTNAME").split(), ["my-host"] * 3)


def test_dns(t):
    """DNSConfig becomes /etc/resolv.conf"""
    pod = t.run_pod(dns_config={"servers": ["10.0.0.1", "fd00::1"], "searches": ["a.test", "b.test"], "options": ["ndots:5", "timeout:1"]})
    text = t.shell(t.run(pod), "cat /etc/resolv.conf")
    words = [line.split() for line in text.splitlines() if line.strip()]
    t.equal([w[1] for w in words if w[0] == "nameserver"], ["10.0.0.1", "fd00::1"])
    t.equal([w[1:] for w in words if w[0] == "search"], [["a.test", "b.test"]])
    t.equal([w[1:] for w in words if w[0] == "options"], [["ndots:5", "timeout:1"]])


def test_dns_of_host(t):
    """Without DNSConfig a pod gets the host's resolv.conf; /etc/hosts is the host's too"""
    container = t.run(t.run_pod())
    with open("/etc/resolv.conf", encoding="utf-8") as f:
        t.equal(t.shell(container, "cat /etc/resolv.conf"), f.read())
    assert "registry.test" in t.shell(container, "cat /etc/hosts")


def test_shm(t):
    """/dev/shm is 64 MiB of the pod's own, shared by its containers"""
    pod = t.run_pod()
    one, two = t.run(pod), t.run(pod)
    t.shell(one, "echo hi >/dev/shm/x")
    t.equal(t.shell(two, "cat /dev/shm/x"), "hi\n")
    fields = t.shell(one, "df -k /dev/shm | tail -1").split()
    t.equal(fields[1], "65536", "size in KiB")
    assert not os.path.exists("/dev/shm/x")


def test_sysctl(t):
    """Sysctls of the pod are set in its namespaces"""
    pod = t.run_pod(linux={"sysctls": {"net.ipv4.ip_unprivileged_port_start": "1021", "kernel.shm_rmid_forced": "1"}})
    container = t.run(pod)
    t.equal(t.shell(container, "cat /proc/sys/net/ipv4/ip_unprivileged_port_start /proc/sys/kernel/shm_rmid_forced").split(), ["1021", "1"])


def test_bad_sysctl(t):
    """A sysctl that does not exist fails the pod and leaves nothing"""
    config = t.pod_config(linux={"sysctls": {"net.ipv4.no_such_thing": "1"}})
    t.fails(("UNKNOWN", "INTERNAL", "INVALID_ARGUMENT", "FAILED_PRECONDITION"), lambda: t.cri.RunPodSandbox(config=config))


def test_unknown_handler(t):
    """An unknown runtime handler is refused by name"""
    codes = ("NOT_FOUND", "INVALID_ARGUMENT", "FAILED_PRECONDITION") + (("UNKNOWN",) if t.env.plugin else ())
    t.fails(codes, lambda: t.cri.RunPodSandbox(config=t.pod_config(), runtime_handler="no-such-handler"), "no-such-handler")


def test_pause_process(t):
    """The pause container is process 1 of nothing it should not be: low priority for memory and CPU"""
    pod = t.run_pod()
    pids = [line.split()[1] for line in t.env.ctr("tasks", "ls").splitlines() if line.startswith(pod)]
    t.equal(len(pids), 1)
    with open("/proc/%s/cmdline" % pids[0], "rb") as f:
        t.equal(f.read(), b"/pause\0")
    with open("/proc/%s/oom_score_adj" % pids[0], encoding="ascii") as f:
        assert int(f.read()) <= 0
    t.equal(os.readlink("/proc/%s/ns/net" % pids[0]) == os.readlink("/proc/self/ns/net"), False)


def test_killed_pause(t):
    """A pod whose pause container dies is not ready any more, and can be stopped and removed"""
    pod = t.run_pod()
    pids = [line.split()[1] for line in t.env.ctr("tasks", "ls").splitlines() if line.startswith(pod)]
    os.kill(int(pids[0]), 9)
    wait_until(lambda: t.pod_status(pod).state == NOTREADY, 10, "the pod to become not ready")


def test_name_without_parts(t):
    """A pod's config must have a name, a namespace and a UID"""
    if t.env.plugin:
        return
    for part in ("name", "namespace", "uid"):
        config = t.pod_config()
        config["metadata"][part] = ""
        t.fails("INVALID_ARGUMENT", lambda: t.cri.RunPodSandbox(config=config), part)
