/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every key of the configuration: one row each. A row says where the key stands, what it may be, where it goes, what it stands for when it is not there, and
 * in words what it does; reading, checking, dumping, suggestions and the man page follow from it.
 *
 * Source of the names: containerd, docs/cri/config.md, releases 1.6 to 2.3.
 */
#include "config/key.h"

#include <string.h>
#include <sys/un.h>

#include "cri/monitor.h"
#include "parse/reference.h"

static const char *absolute(const char *v)
{
    return v[0] == '/' ? NULL : "an absolute path";
}

static const char *absolute_list(const char *v)
{
    for (const char *at = v; at; at = strchr(at, ':'), at = at ? at + 1 : NULL)
        if (*at != '/')
            return "absolute paths with ':' between them";
    return NULL;
}

static const char *socket_path(const char *v)
{
    return v[0] == '/' && strlen(v) < sizeof(((struct sockaddr_un *)0)->sun_path) ? NULL : "an absolute path of at most 107 bytes";
}

static const char *ip_and_port(const char *v)
{
    return cri_monitor_address_ok(v) ? NULL : "an IP address and a port (127.0.0.1:9100, [::1]:9100)";
}

static const char *image(const char *v)
{
    struct reference r;
    return reference_classify(view_of(v), &r) == REFERENCE_OK ? NULL : "an image reference";
}

static bool is_alphanumeric(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

/* containerd's identifiers (pkg/identifiers): groups of letters and digits with single separators between them. */
const char *config_identifier(const char *v)
{
    static const char expected[] = "a name of at most 76 letters and digits with single '.', '_' or '-' between them";
    size_t n = strlen(v);
    for (size_t i = 0; i < n; i++) {
        bool between = i > 0 && is_alphanumeric(v[i - 1]) && is_alphanumeric(v[i + 1]);
        if (!is_alphanumeric(v[i]) && !(between && strchr("._-", v[i])))
            return expected;
    }
    return n > 0 && n <= 76 ? NULL : expected;
}

static const char *seccomp(const char *v)
{
    static const char local[] = "localhost/";
    bool known = strcmp(v, "unconfined") == 0 || strcmp(v, "runtime/default") == 0 || strcmp(v, "docker/default") == 0;
    return known || (strncmp(v, local, sizeof local - 1) == 0 && v[sizeof local - 1] == '/') ? NULL
                                                                                             : "unconfined, runtime/default or localhost//PATH";
}

static const char *ip_pref(const char *v)
{
    return strcmp(v, "ipv4") == 0 || strcmp(v, "ipv6") == 0 || strcmp(v, "cni") == 0 ? NULL : "one of ipv4, ipv6, cni";
}

static const struct config_name log_levels[] = {
    {"error", LOG_LEVEL_ERROR}, {"warning", LOG_LEVEL_WARNING}, {"warn", LOG_LEVEL_WARNING}, {"info", LOG_LEVEL_INFO},
    {"debug", LOG_LEVEL_DEBUG}, {"trace", LOG_LEVEL_DEBUG},     {0},
};

static const struct config_name log_targets[] = {
    {"auto", LOG_TARGET_AUTO}, {"text", LOG_TARGET_TEXT}, {"json", LOG_TARGET_JSON}, {"journal", LOG_TARGET_JOURNAL}, {0},
};

#define MEMBER(type, m) .at = offsetof(type, m), .size = sizeof(((type *)0)->m)
#define OPT(m) MEMBER(struct config, runtime.m)
#define OWN(m) MEMBER(struct config, m)
#define OPT_LIST(m, n) OPT(m), .at_n = offsetof(struct config, runtime.n)
#define HND(m) .in_handler = true, MEMBER(struct cri_runtime_handler, m)
#define HND_LIST(m, n) HND(m), .at_n = offsetof(struct cri_runtime_handler, n)
#define PRESET(text) .preset = "\"" text "\""
#define U32 .min = 0, .max = UINT32_MAX - 1

const struct config_key config_keys[] = {
    {"root", CONFIG_STRING, OPT(root), .check = absolute, PRESET(CRI_DEFAULT_ROOT), .help = "Files that must survive a reboot."},
    {"state", CONFIG_STRING, OPT(state), .check = absolute, PRESET(CRI_DEFAULT_STATE), .help = "Files that must not."},
    {"sandbox_image", CONFIG_STRING, OPT(sandbox_image), .check = image, PRESET(CRI_DEFAULT_SANDBOX_IMAGE), .help = "Image of the pause container."},
    {"max_container_log_line_size", CONFIG_INT, OPT(log_line_max), .min = -1, .max = 16 << 20, .zero = -1, .preset = "16384",
     .help = "Bytes of a line in a container's log; what is longer is split. 0: as many as possible."},
    {"max_concurrent_downloads", CONFIG_INT, OPT(layers_at_once), .live = true, .min = 1, .max = 16, .preset = "3", .help = "Layers of one image that are fetched at a time."},
    {"image_pull_progress_timeout", CONFIG_DURATION, OPT(pull_progress_timeout), .live = true, .max = INT64_C(86400000000000), .zero = INT64_MAX, .preset = "\"5m\"",
     .help = "A pull is given up after so long without a byte. 0s: never."},
    {"enable_unprivileged_ports", CONFIG_NOT, OPT(no_unprivileged_ports), .help = "Containers may listen on ports below 1024 without a capability."},
    {"enable_unprivileged_icmp", CONFIG_NOT, OPT(no_unprivileged_icmp), .help = "Containers may send pings without a capability."},
    {"device_ownership_from_security_context", CONFIG_BOOL, OPT(device_ownership_from_security_context),
     .help = "Devices belong to the container's user and group in place of the host's."},
    {"disable_proc_mount", CONFIG_BOOL, OPT(disable_proc_mount), .help = "Keep the default masked and read-only paths whatever a pod asks for."},
    {"disable_hugetlb_controller", CONFIG_BOOL, OPT(disable_hugetlb), .help = "Leave limits of huge pages out."},
    {"tolerate_missing_hugetlb_controller", CONFIG_NOT, OPT(hugetlb_must_exist),
     .help = "Leave limits of huge pages out where the host has no controller for them; else they are an error there."},
    {"restrict_oom_score_adj", CONFIG_BOOL, OPT(restrict_oom_score_adj), .help = "Give no container a lower oom_score_adj than the daemon's own."},
    {"ignore_image_defined_volumes", CONFIG_BOOL, OPT(ignore_image_defined_volumes), .help = "Make no volumes that only the image asks for."},
    {"netns_mounts_under_state_dir", CONFIG_BOOL, OWN(netns_under_state), .help = "Pin network namespaces below state in place of cni.netns_dir."},
    {"unset_seccomp_profile", CONFIG_STRING, OPT(unset_seccomp_profile), .check = seccomp,
     .help = "Seccomp profile of containers that name none: unconfined, runtime/default or localhost//PATH."},

    {"debug.level", CONFIG_ENUM, OWN(log_level), .names = log_levels, .live = true, .help = "What is logged: error, warning, info or debug."},
    {"debug.format", CONFIG_ENUM, OWN(log_target), .names = log_targets,
     .help = "Where to and how: text or json on stderr, journal, or auto: the journal where stderr leads there, else text."},

    {"grpc.address", CONFIG_STRING, OPT(listen), .check = socket_path, PRESET(CRI_DEFAULT_LISTEN), .help = "Socket that the kubelet talks to."},
    {"grpc.gid", CONFIG_INT, OPT(socket_gid), U32, .help = "Group of that socket."},

    {"metrics.address", CONFIG_STRING, OPT(metrics_address), .check = ip_and_port,
     .help = "IP address and port that /metrics (Prometheus), /healthz and /readyz are served on over HTTP, without a password; empty: none."},

    {"containerd.address", CONFIG_STRING, OPT(containerd), .check = socket_path, PRESET(CRI_DEFAULT_CONTAINERD), .help = "containerd's socket."},
    {"containerd.snapshotter", CONFIG_STRING, OPT(snapshotter), .check = config_identifier, PRESET(CRI_DEFAULT_SNAPSHOTTER), .help = "containerd's snapshotter."},
    {"containerd.default_runtime_name", CONFIG_STRING, OPT(default_handler), .check = config_identifier, PRESET("runc"),
     .help = "Handler of pods that name none."},

    {"containerd.runtimes.*.runtime_type", CONFIG_STRING, HND(runtime_type), .check = config_identifier, .help = "containerd's name of the shim."},
    {"containerd.runtimes.*.snapshotter", CONFIG_STRING, HND(snapshotter), .check = config_identifier, .help = "Snapshotter; empty: containerd.snapshotter."},
    {"containerd.runtimes.*.base_runtime_spec", CONFIG_STRING, HND(base_runtime_spec), .check = absolute,
     .help = "JSON file that takes the place of the default OCI spec."},
    {"containerd.runtimes.*.pod_annotations", CONFIG_LIST, HND_LIST(pod_annotations, n_pod_annotations),
     .help = "Patterns of pod annotations that reach the OCI spec."},
    {"containerd.runtimes.*.container_annotations", CONFIG_LIST, HND_LIST(container_annotations, n_container_annotations),
     .help = "The same for container annotations."},
    {"containerd.runtimes.*.privileged_without_host_devices", CONFIG_BOOL, HND(privileged_without_host_devices),
     .help = "Privileged containers do not get the host's devices."},
    {"containerd.runtimes.*.privileged_without_host_devices_all_devices_allowed", CONFIG_BOOL,
     HND(privileged_without_host_devices_all_devices_allowed), .help = "They may make and use any device all the same."},
    {"containerd.runtimes.*.cgroup_writable", CONFIG_BOOL, HND(cgroup_writable), .help = "With cgroup v2: containers may write to their /sys/fs/cgroup."},
    {"containerd.runtimes.*.cni_conf_dir", CONFIG_STRING, HND(cni_conf_dir), .check = absolute, .help = "Network configurations; empty: cni.conf_dir."},
    {"containerd.runtimes.*.cni_max_conf_num", CONFIG_INT, HND(cni_max_conf_num), .min = 0, .max = 1024,
     .help = "With cni_conf_dir: how many of them each pod is attached to; 0: as cni.max_conf_num says."},

    {"containerd.runtimes.*.options.BinaryName", CONFIG_STRING, HND(binary_name), .help = "Path or name of the OCI runtime; empty: runc."},
    {"containerd.runtimes.*.options.Root", CONFIG_STRING, HND(root), .check = absolute, .help = "The OCI runtime's own state directory."},
    {"containerd.runtimes.*.options.ShimCgroup", CONFIG_STRING, HND(shim_cgroup), .check = absolute, .help = "Cgroup that shims are put into."},
    {"containerd.runtimes.*.options.SystemdCgroup", CONFIG_BOOL, HND(systemd_cgroup), .help = "Let systemd make the cgroups."},
    {"containerd.runtimes.*.options.NoPivotRoot", CONFIG_BOOL, HND(no_pivot_root), .help = "For root file systems in a RAM disk."},
    {"containerd.runtimes.*.options.NoNewKeyring", CONFIG_BOOL, HND(no_new_keyring), .help = "Containers share the daemon's session keyring."},
    {"containerd.runtimes.*.options.IoUid", CONFIG_INT, HND(io_uid), U32, .help = "User that the containers' pipes belong to."},
    {"containerd.runtimes.*.options.IoGid", CONFIG_INT, HND(io_gid), U32, .help = "And their group."},

    {"cni.bin_dirs", CONFIG_LIST, OPT_LIST(cni_bin_dirs, n_cni_bin_dirs), .max = 16, .check = absolute, .preset = "[\"" CRI_DEFAULT_CNI_BIN_DIR "\"]",
     .help = "Where network plugins are looked for, in this order."},
    {"cni.bin_dir", CONFIG_STRING, OWN(cni_bin_dir), .check = absolute, .omit = true, .help = "The same with one directory."},
    {"cni.conf_dir", CONFIG_STRING, OPT(cni_conf_dir), .check = absolute, PRESET(CRI_DEFAULT_CNI_CONF_DIR), .help = "Network configurations."},
    {"cni.conf_template", CONFIG_STRING, OPT(cni_conf_template), .check = absolute,
     .help = "What the kubelet's pod ranges are put into to make a network configuration of it."},
    {"cni.max_conf_num", CONFIG_INT, OPT(cni_max_conf_num), .min = 0, .max = 1024, .zero = -1, .preset = "1",
     .help = "How many of them each pod is attached to, 0: all."},
    {"cni.setup_serially", CONFIG_BOOL, OPT(cni_setup_serially), .help = "One network of a pod after the other, not all at the same time."},
    {"cni.ip_pref", CONFIG_STRING, OPT(ip_pref), .check = ip_pref, PRESET("ipv4"), .help = "Which address of a pod is its first: ipv4, ipv6 or cni."},
    {"cni.cache_dir", CONFIG_STRING, OPT(cni_cache_dir), .check = absolute, PRESET(CRI_DEFAULT_CNI_CACHE_DIR), .help = "Results of network plugins."},
    {"cni.netns_dir", CONFIG_STRING, OPT(netns_dir), .check = absolute, PRESET(CRI_DEFAULT_NETNS_DIR), .help = "Where network namespaces are pinned."},

    {"registry.config_path", CONFIG_STRING, OPT(registry_config_path), .live = true, .check = absolute_list, PRESET(CRI_DEFAULT_REGISTRY_CONFIG_PATH),
     .help = "Directories of hosts.toml files, with ':' between them: mirrors, certificates and headers of registries."},
    {"registry.ca_file", CONFIG_STRING, OPT(registry_ca), .check = absolute, .help = "Further CA certificates for all registries, in PEM form."},
};
const size_t config_n_keys = ARRAY_SIZE(config_keys);
