/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Golden records: what containerd 1.6.20's CRI plugin itself writes (its Go package pkg/cri/store, json.Marshal of Metadata), with every
 * kind of field, escapes, limits of numbers and empty messages in them.
 */
#ifndef CRI_UNIT_STATE_GOLDEN_H
#define CRI_UNIT_STATE_GOLDEN_H

#define GOLDEN_SANDBOX_FULL \
    "{\"Version\":\"v1\"," \
    "\"Metadata\":{\"ID\":\"3a1c4b5d6e7f8091a2b3c4d5e6f708192a3b4c5d6e7f8091a2b3c4d5e6f70819\"," \
    "\"Name\":\"web_default_5f1e_0\",\"Config\":{\"metadata\":{\"name\":\"web\",\"uid\":\"5f1e\"," \
    "\"namespace\":\"default\"},\"hostname\":\"web\"," \
    "\"log_directory\":\"/var/log/pods/default_web_5f1e\",\"dns_config\":{\"servers\":[\"10.96.0.10\"]," \
    "\"searches\":[\"default.svc.cluster.local\",\"svc.cluster.local\"],\"options\":[\"ndots:5\"]}," \
    "\"port_mappings\":[{\"container_port\":80,\"host_port\":8080},{\"protocol\":1," \
    "\"container_port\":53},{}],\"labels\":{\"\":\"empty\",\"app\":\"a\\u003cb\\u003e\\u0026c\"," \
    "\"io.kubernetes.pod.name\":\"web\",\"é\\u2028\":\"\\b\\f\\r\\n\\t\\\"\\\\\"}," \
    "\"annotations\":{\"x\":\"\"},\"linux\":{\"cgroup_parent\":\"/kubepods/besteffort/pod5f1e\"," \
    "\"security_context\":{\"namespace_options\":{\"pid\":1},\"selinux_options\":{\"level\":\"s0:c1," \
    "c2\"},\"run_as_user\":{},\"run_as_group\":{\"value\":65534},\"readonly_rootfs\":true," \
    "\"supplemental_groups\":[0,1,-9223372036854775808],\"seccomp\":{}}," \
    "\"sysctls\":{\"kernel.shm_rmid_forced\":\"0\",\"net.ipv4.ip_forward\":\"1\"}," \
    "\"resources\":{\"cpu_quota\":-1,\"cpu_shares\":2,\"memory_limit_in_bytes\":9223372036854775807," \
    "\"hugepage_limits\":[{\"page_size\":\"2MB\",\"limit\":18446744073709551615}]," \
    "\"unified\":{\"memory.high\":\"max\"}}}},\"NetNSPath\":\"/var/run/netns/cni-0f3e\"," \
    "\"IP\":\"10.88.0.5\",\"AdditionalIPs\":[\"fd00::5\"],\"RuntimeHandler\":\"runc\"," \
    "\"CNIResult\":{\"Interfaces\":{\"eth0\":{\"IPConfigs\":[{\"IP\":\"10.88.0.5\"," \
    "\"Gateway\":\"10.88.0.1\"}],\"Mac\":\"02:42:0a:58:00:05\"," \
    "\"Sandbox\":\"/var/run/netns/cni-0f3e\"},\"lo\":{\"IPConfigs\":null,\"Mac\":\"\"," \
    "\"Sandbox\":\"\"}},\"DNS\":null,\"Routes\":null}," \
    "\"ProcessLabel\":\"system_u:system_r:container_t:s0:c1,c2\"}}"

#define GOLDEN_SANDBOX_EMPTY \
    "{\"Version\":\"v1\",\"Metadata\":{\"ID\":\"a\",\"Name\":\"\",\"Config\":null,\"NetNSPath\":\"\"," \
    "\"IP\":\"\",\"AdditionalIPs\":null,\"RuntimeHandler\":\"\",\"CNIResult\":null," \
    "\"ProcessLabel\":\"\"}}"

#define GOLDEN_CONTAINER_FULL \
    "{\"Version\":\"v1\",\"Metadata\":{\"ID\":\"b4d0\",\"Name\":\"app_web_default_5f1e_1\"," \
    "\"SandboxID\":\"3a1c4b5d6e7f8091a2b3c4d5e6f708192a3b4c5d6e7f8091a2b3c4d5e6f70819\"," \
    "\"Config\":{\"metadata\":{\"name\":\"app\",\"attempt\":1},\"image\":{\"image\":\"sha256:aa\"," \
    "\"annotations\":{\"k\":\"v\"}},\"command\":[\"/bin/sh\",\"-c\"],\"args\":[\"\",\"sleep 1\"]," \
    "\"working_dir\":\"/\",\"envs\":[{\"key\":\"A\",\"value\":\"b=c\"},{\"key\":\"EMPTY\"}]," \
    "\"mounts\":[{\"container_path\":\"/data\",\"host_path\":\"/srv/data\",\"readonly\":true," \
    "\"propagation\":2}],\"devices\":[{\"container_path\":\"/dev/fuse\",\"host_path\":\"/dev/fuse\"," \
    "\"permissions\":\"rwm\"}],\"log_path\":\"app/1.log\",\"stdin\":true,\"tty\":true," \
    "\"linux\":{\"resources\":{\"oom_score_adj\":-998,\"cpuset_cpus\":\"0-1\"}," \
    "\"security_context\":{\"capabilities\":{\"add_capabilities\":[\"NET_ADMIN\"]},\"privileged\":true," \
    "\"run_as_username\":\"nobody\",\"no_new_privs\":true,\"masked_paths\":[\"/proc/kcore\"]," \
    "\"seccomp\":{\"profile_type\":2,\"localhost_ref\":\"p.json\"}}}},\"ImageRef\":\"sha256:aa\"," \
    "\"LogPath\":\"/var/log/pods/default_web_5f1e/app/1.log\",\"StopSignal\":\"SIGTERM\"," \
    "\"ProcessLabel\":\"\"}}"

#define GOLDEN_CONTAINER_EMPTY \
    "{\"Version\":\"v1\",\"Metadata\":{\"ID\":\"a\",\"Name\":\"\",\"SandboxID\":\"\",\"Config\":null," \
    "\"ImageRef\":\"\",\"LogPath\":\"\",\"StopSignal\":\"\",\"ProcessLabel\":\"\"}}"

#endif
