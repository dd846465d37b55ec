/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The pods' network: configuration, plugins, what the plugins say (STATUS), and the sysctls that packets depend on.
 */
#include <string.h>

#include "cri/networks.h"
#include "doctor/internal.h"

static void check_program(struct doctor *d, const struct cni_program *p, const char *directories)
{
    static const char advice[] = "Install the plugin (Debian: containernetworking-plugins), or name its directory with --cni-bin-dir or the key cni.bin_dirs.";
    if (!p->path)
        doctor_add(d, DOCTOR_ERROR, "cni-plugin", advice, "network \"%s\": the plugin \"%s\" is in none of the plugin directories (%s)", p->network, p->type,
                   directories);
    else if (!p->executable)
        doctor_add(d, DOCTOR_ERROR, "cni-plugin", "Make it executable (chmod +x).", "network \"%s\": the plugin %s cannot be executed", p->network, p->path);
    else
        doctor_add(d, DOCTOR_OK, "cni-plugin", NULL, "network \"%s\": %s", p->network, p->path);
}

/* "/a:/b" */
static const char *bin_directories(struct doctor *d)
{
    const char *text = d->options.cni_bin_dirs[0];
    for (size_t i = 1; text && i < d->options.n_cni_bin_dirs; i++)
        text = arena_printf(&d->arena, "%s:%s", text, d->options.cni_bin_dirs[i]);
    d->no_memory = d->no_memory || !text;
    return text ? text : "";
}

/* True when each is there and can be run. */
static bool check_programs(struct doctor *d, struct cni *cni)
{
    const char *directories = bin_directories(d);
    struct cni_program *v;
    size_t n, bad = 0;
    struct err e = ERR_INIT;
    if (cni_programs(cni, &d->arena, &v, &n, &e) < 0) {
        d->no_memory = true;
        return false;
    }
    for (size_t i = 0; i < n; i++) {
        check_program(d, &v[i], directories);
        bad += !v[i].path || !v[i].executable;
    }
    return bad == 0;
}

static void check_network(struct doctor *d, struct cni *cni, const char *dir)
{
    struct ctx ctx = doctor_limit(DOCTOR_CALL_LIMIT);
    struct err e = ERR_INIT;
    if (cni_ready(cni, &e) < 0) {
        doctor_add_failed(d, DOCTOR_ERROR, "cni-config", "Install a network add-on, which writes its configuration there, or name another directory with "
                          "--cni-conf-dir or the key cni.conf_dir.", &e, "%s", "");
        return;
    }
    doctor_add(d, DOCTOR_OK, "cni-config", NULL, "there is a network configuration in %s", dir);
    if (!check_programs(d, cni))
        return;
    if (cni_status(cni, &ctx, &e) < 0)
        doctor_add_failed(d, DOCTOR_ERROR, "cni-status", "Look after the network add-on: its plugin says that it cannot serve pods now.", &e, "%s", "");
    else
        doctor_add(d, DOCTOR_OK, "cni-status", NULL, "no plugin of the networks in %s says that it cannot serve", dir);
}

static void check_sysctl(struct doctor *d, const char *id, enum doctor_level level, const char *path, const char *what, const char *advice)
{
    _cleanup_buf_ struct buf value = BUF_INIT(0);
    bool there = doctor_read(d, path, &value);
    if (there && !view_eq_str(buf_view(&value), "0"))
        doctor_add(d, DOCTOR_OK, id, NULL, "%s is %.*s", path, VIEW_ARG(buf_view(&value)));
    else
        doctor_add(d, level, id, advice, "%s %s: %s", path, there ? "is 0" : "does not exist", what);
}

void doctor_check_network(struct doctor *d)
{
    struct cri_service s = {0};
    struct err e = ERR_INIT;
    if (networks_make(&d->options, &d->arena, &s, &e) == 0) {
        check_network(d, s.cni, d->options.cni_conf_dir);
        for (size_t i = 0, j = 0; i < d->options.n_handlers && j < s.n_networks; i++)
            if (strcmp(s.networks[j].handler, d->options.handlers[i].name) == 0)
                check_network(d, s.networks[j++].cni, d->options.handlers[i].cni_conf_dir);
    } else {
        doctor_add_failed(d, DOCTOR_ERROR, "cni-config", "Correct it in the configuration, in the table cni.", &e, "%s", "");
    }
    networks_free(&s);
    check_sysctl(d, "net-ip-forward", DOCTOR_WARNING, "/proc/sys/net/ipv4/ip_forward", "packets do not leave the node for pods, unless the network plugin sets it",
                 "sysctl -w net.ipv4.ip_forward=1, and keep it in /etc/sysctl.d.");
    check_sysctl(d, "net-bridge-netfilter", DOCTOR_NOTE, "/proc/sys/net/bridge/bridge-nf-call-iptables",
                 "with a bridge network and kube-proxy's iptables mode, pods of this node do not reach each other by a Service",
                 "Where that matters: modprobe br_netfilter and sysctl -w net.bridge.bridge-nf-call-iptables=1.");
}
