# SPDX-License-Identifier: Apache-2.0
"""Networks for tests: CNI plugins of ours, shell scripts that do what real ones cannot be made to do, and looks at the real ones' work."""

import json
import os
import re
import stat
import subprocess
import time

from .env import BRIDGE
from .service import wait_until

# Each call is noted in the plugin's own folder: command and id in `calls`, what it was given in <command>.json and <command>.env.
SCRIPT = """#!/bin/sh
here=%(here)s
cat >$here/$CNI_COMMAND.json
env >$here/$CNI_COMMAND.env
echo "$CNI_COMMAND $CNI_CONTAINERID" >>$here/calls
case $CNI_COMMAND in
VERSION) echo '{"cniVersion":"1.1.0","supportedVersions":["0.3.1","0.4.0","1.0.0","1.1.0"]}'; exit 0;;
DEL) %(del_)s; exit 0;;
CHECK|STATUS|GC) %(other)s; exit 0;;
esac
%(add)s
"""

RESULT = """echo '{"cniVersion":"1.0.0","interfaces":[{"name":"eth0","sandbox":"'$CNI_NETNS'"}],"ips":[{"address":"10.99.0.7/24","interface":0}]}'"""


def wait_loaded(t):
    wait_until(lambda: all(c.status for c in t.cri.Status().status.conditions if c.type == "NetworkReady"), 10, "the network")
    if t.env.plugin:
        time.sleep(0.3)  # a changed configuration is noticed by a file event; there is nothing that tells when it was


def fake_plugin(t, add=RESULT, del_=":", other=":"):
    """Makes a plugin that runs these pieces of shell ($here: its folder). Returns its type and the folder."""
    here = t.env.path("fake-cni-%d" % t.serial)
    os.makedirs(here, exist_ok=True)
    program = os.path.join(t.env.own_cni_bin, "cct-fake-%d" % t.serial)
    with open(program, "w", encoding="ascii") as f:
        f.write(SCRIPT % {"here": here, "add": add, "del_": del_, "other": other})
    os.chmod(program, os.stat(program).st_mode | stat.S_IXUSR)
    return os.path.basename(program), here


def fake_cni(t, add=RESULT, del_=":", other=":", chain=False, version="1.0.0", **more):
    """Replaces the CNI configuration by one whose plugin runs `add`; chain: after the real bridge; more: members of its own object."""
    name, here = fake_plugin(t, add, del_, other)
    plugins = [dict({"type": name}, **more)]
    if chain:
        plugins = t.env.cni_plugins()[:1] + plugins
    t.env.write_cni_conf(plugins, name="cct" if chain else "fake", version=version)
    t.defer(t.env.write_cni_conf)
    wait_loaded(t)
    return here


def calls(here):
    """The commands that a plugin of ours was called with, in order."""
    try:
        with open(here + "/calls", encoding="ascii") as f:
            return [line.split()[0] for line in f]
    except FileNotFoundError:
        return []


def given(here, command):
    """What it read at its last call with this command, and its CNI_* variables."""
    with open("%s/%s.json" % (here, command), encoding="utf-8") as f:
        config = json.load(f)
    with open("%s/%s.env" % (here, command), encoding="utf-8") as f:
        env = dict(line.rstrip("\n").split("=", 1) for line in f if line.startswith("CNI_"))
    return config, env


# For `add` in a chain: the result of the plugin before.
PASS_ON = """python3 -c 'import json,sys; print(json.dumps(json.load(open(sys.argv[1]))["prevResult"]))' $here/ADD.json"""


def use_network(t, plugins, name="cct", **more):
    """Makes these plugins the pods' network until the end of the test."""
    t.env.write_cni_conf(plugins, name=name, **more)
    t.defer(t.env.write_cni_conf)
    wait_loaded(t)


def ptp(t, subnet, **more):
    """A plugin object of the real ptp, which needs no bridge, with addresses from `subnet` (several: dual stack)."""
    subnets = [subnet] if isinstance(subnet, str) else subnet
    return dict({"type": "ptp", "ipMasq": False, "ipam": {
        "type": "host-local", "dataDir": t.env.cni_ipam, "ranges": [[{"subnet": s}] for s in subnets]}}, **more)


def fresh_bridge(t):
    """The real bridge plugin keeps its bridge: it is removed now and after the test, for networks with other addresses. (It also cannot use one that has
    lost its last port and with it its MAC.)"""
    remove = lambda: subprocess.run(["ip", "link", "del", BRIDGE], check=False, stderr=subprocess.DEVNULL)
    remove()
    t.defer(remove)


def leases(t):
    """The addresses that host-local holds, of all networks."""
    return {n for _, _, files in os.walk(t.env.cni_ipam) for n in files if n != "lock" and not n.startswith("last_reserved")}


def records(t):
    try:
        return {n for n in os.listdir(os.path.join(t.env.cni_cache, "results")) if not n.startswith("cni-loopback")}
    except FileNotFoundError:
        return set()


def info(t, pod):
    return json.loads(t.cri.PodSandboxStatus(pod_sandbox_id=pod, verbose=True).info["info"])


def netns(t, pod):
    """The path of the pod's network namespace, which is of the form that containerd's plugin uses."""
    path = info(t, pod)["cniResult"]["Interfaces"]["lo"]["Sandbox"]
    assert re.fullmatch(re.escape(t.env.netns_dir) + r"/cni-[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", path), path
    return path


def inside(t, pod, *argv):
    """Output of a program of the machine that is run in the pod's network namespace."""
    return subprocess.run(("nsenter", "--net=" + netns(t, pod)) + argv, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=True).stdout


def addresses(t, pod, interface):
    """Addresses of an interface of the pod as the kernel has them, link-local ones left out."""
    found = json.loads(inside(t, pod, "ip", "-j", "addr", "show", "dev", interface))[0]
    return {"%s/%d" % (a["local"], a["prefixlen"]) for a in found["addr_info"] if a["scope"] != "link"}
