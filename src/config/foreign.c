/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Keys of containerd's CRI plugin that this daemon does not have. A value that asks for nothing (false, 0, "", nothing in it) is let pass, so that a file
 * that containerd itself wrote can be read; one that asks for something is refused, or noted where the pods do without. A key that gets a meaning moves to
 * keys.c.
 *
 * Source: containerd, pkg/cri/config (1.6, 1.7), internal/cri/config (2.x).
 */
#include "config/key.h"

#include <string.h>

static const struct config_foreign rows[] = {
    /* runtime handlers */
    {"containerd.runtimes.*.runtime_path", .refused = true, .why = "the shim is found by runtime_type"},
    {"containerd.runtimes.*.runtime_engine", .refused = true, .why = "it was for the first kind of shim; options.BinaryName names the OCI runtime"},
    {"containerd.runtimes.*.runtime_root", .refused = true, .why = "it was for the first kind of shim; options.Root names the OCI runtime's directory"},
    {"containerd.runtimes.*.sandbox_mode", .also = "podsandbox", .refused = true, .why = "pods are run by this daemon, not by a shim"},
    {"containerd.runtimes.*.sandboxer", .also = "podsandbox", .refused = true, .why = "pods are run by this daemon, not by a shim"},
    {"containerd.runtimes.*.io_type", .also = "fifo", .refused = true, .why = "output comes through named pipes"},
    {"containerd.runtimes.*.disable_pause_image_pull", .refused = true, .why = "a pod needs its pause image"},
    {"containerd.runtimes.*.options.CriuPath", .why = "checkpoints are not served"},
    {"containerd.runtimes.*.options.CriuImagePath", .why = "checkpoints are not served"},
    {"containerd.runtimes.*.options.CriuWorkPath", .why = "checkpoints are not served"},
    {"containerd.runtimes.*.options.ConfigPath", .refused = true, .why = "only the options of runc's shim are known"},
    {"containerd.runtimes.*.options.ConfigBody", .refused = true, .why = "only the options of runc's shim are known"},
    {"containerd.runtimes.*.options.TypeUrl", .refused = true, .why = "only the options of runc's shim are known"},
    {"containerd.default_runtime", .refused = true, .why = "name a handler of containerd.runtimes in containerd.default_runtime_name"},
    {"containerd.untrusted_workload_runtime", .refused = true, .why = "make it the handler containerd.runtimes.untrusted"},
    {"containerd.no_pivot", .refused = true, .why = "it was for the first kind of shim; options.NoPivotRoot is for this one"},
    {"containerd.ignore_rdt_not_enabled_errors", .any = true},
    {"containerd.ignore_blockio_not_enabled_errors", .any = true},
    {"systemd_cgroup", .refused = true, .why = "it was for the first kind of shim; options.SystemdCgroup of a handler is for this one"},
    /* isolation */
    {"enable_selinux", .refused = true, .why = "SELinux is not supported, and containers would run without it"},
    {"selinux_category_range", .any = true},
    {"disable_apparmor", .any = true},
    {"disable_cgroup", .refused = true, .why = "containers need cgroups"},
    {"enable_cdi", .why = "devices by CDI are not served"},
    {"cdi_spec_dirs", .any = true},
    {"enable_criu", .any = true},
    /* images */
    {"containerd.disable_snapshot_annotations", .asks_by_false = true, .why = "snapshotters are told no image names"},
    {"containerd.discard_unpacked_layers", .why = "layers are kept"},
    {"registry.mirrors", .refused = true, .why = "registry.config_path is the way to mirrors"},
    {"registry.configs", .refused = true, .why = "registry.config_path is the way to settings for one registry"},
    {"registry.auths", .refused = true, .why = "credentials come with each pull"},
    {"registry.headers", .refused = true, .why = "registry.config_path is the way to settings for one registry"},
    {"image_decryption", .any = true},
    {"image_pull_with_sync_fs", .why = "the file system is not synchronised after a pull"},
    {"concurrent_layer_fetch_buffer", .why = "a layer is fetched in one piece"},
    {"use_local_image_pull", .any = true},
    {"pinned_images.*", .why = "only the pause image is pinned"},
    {"runtime_platforms", .refused = true, .why = "name the snapshotter in the runtime handler"},
    {"stats_collect_period", .any = true},
    {"stats_retention_period", .any = true},
    /* the rest */
    {"cni.use_internal_loopback", .any = true},
    {"drain_exec_sync_io_timeout", .also = "0s", .why = "the time that an exec's output is waited for is fixed"},
    {"ignore_deprecation_warnings", .any = true},
    {"disable_tcp_service", .any = true},
    {"stream_server_address", .also = "127.0.0.1", .why = "exec, attach and port-forward are not streamed"},
    {"stream_server_port", .also = "0", .why = "exec, attach and port-forward are not streamed"},
    {"stream_idle_timeout", .any = true},
    {"enable_tls_streaming", .why = "exec, attach and port-forward are not streamed"},
    {"x509_key_pair_streaming", .why = "exec, attach and port-forward are not streamed"},
};

const struct config_foreign *config_foreign_find(const struct view *path, size_t n)
{
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        bool whole;
        if (config_path_match(rows[i].path, path, n, &whole) && whole)
            return &rows[i];
    }
    return NULL;
}

/* True if the value asks for nothing: false, 0, empty, and so everything in it. */
static bool asks_nothing(const struct toml *v)
{
    switch (v->type) {
    case TOML_STRING:
        return v->string.n == 0;
    case TOML_INTEGER:
        return v->integer == 0;
    case TOML_BOOL:
        return !v->boolean;
    case TOML_TABLE:
    case TOML_ARRAY:
        for (const struct toml *one = v->children.first; one; one = one->next)
            if (!asks_nothing(one)) /* as deep as the parser lets it be */
                return false;
        return true;
    default:
        return false;
    }
}

bool config_foreign_asks(const struct config_foreign *f, const struct toml *v)
{
    if (f->any)
        return false;
    if (f->asks_by_false && v->type == TOML_BOOL)
        return !v->boolean;
    return !asks_nothing(v) && !(f->also && v->type == TOML_STRING && view_eq_str(v->string, f->also));
}
