/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Cni: pod networks by the Container Network Interface (CNI specification 1.1.0, older configurations included).
 *
 * `struct cni` is what the rest of the daemon knows of the network: it holds the directories, the configuration as it was last
 * read from the configuration directory, and the seam through which plugins run. Every function may be called from any thread; no
 * lock is held while a plugin runs.
 *
 * The configuration directory is looked at at each use (names, inodes, times), so a file that is dropped, changed or removed
 * counts at the next call, whether or not the directory itself was removed and made again meanwhile.
 *
 * What was added is recorded below <cache_dir>/results in libcni's own format ("cniCacheV1") before the first plugin runs, and
 * again with the result: a teardown finds there which plugins to call with which arguments, even after the configuration is gone
 * or the daemon was killed half-way, and the daemon can be exchanged for containerd's built-in plugin and back under running
 * pods.
 */
#ifndef CRI_CNI_CNI_H
#define CRI_CNI_CNI_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/ctx.h"
#include "base/err.h"
#include "base/jsonw.h"
#include "base/proc.h"
#include "base/strv.h"

#define CNI_DEFAULT_IFNAME "eth0"

struct cni;

/* Which address of the default interface is the pod's first. */
enum cni_ip_pref {
    CNI_IP_PREF_IPV4 = 0, /* the first IPv4 address, else the first of all */
    CNI_IP_PREF_IPV6,
    CNI_IP_PREF_CNI, /* the order of the plugin */
};

struct cni_options {
    const char *conf_dir;        /* /etc/cni/net.d */
    const char *const *bin_dirs; /* n_bin_dirs directories that are searched for plugins, in order */
    size_t n_bin_dirs;
    const char *cache_dir; /* /var/lib/cni */
    size_t max_conf_num;   /* networks of the directory that a pod is attached to, as eth0, eth1, ...; 0: all */
    bool setup_serially;   /* one network after the other; else all at once */
    enum cni_ip_pref ip_pref;
    struct cni *with;               /* another one on the same cache, whose address ranges and collections count here, too; outlives this. NULL: none */
    const char *conf_template;      /* file for cni_update_pod_cidr, NULL for none */
    uint64_t plugin_timeout_ns;     /* for one run of a plugin; 0 is three minutes */
    const struct proc_ops *proc;    /* NULL: real processes */
    const char *const *environment; /* handed to plugins besides CNI_*, NULL: the daemon's own */
    /* Brings loopback up in the namespace; NULL: netns_loopback_up. */
    int (*loopback_up)(const char *netns, bool *ret_ipv6, struct err *e);
    /* Tells whether the pinned namespace is still there; NULL: netns_is_mounted. */
    bool (*netns_exists)(const char *netns);
};

/* Makes the object; everything in *o is copied, but `proc` and `environment`, which are borrowed. No file is read yet. */
int cni_new(const struct cni_options *o, struct cni **ret, struct err *e);
/* Frees it; NULL is allowed. No call may be under way. */
void cni_free(struct cni *c);
DEFINE_CLEANUP(struct cni *, cni_free);
#define _cleanup_cni_ _cleanup_(cni_free_p)

/* 0 when pods can get a network. -ERR_FAILED_PRECONDITION "cni plugin not initialized: ..." naming directory and cause when not.
 * Reads the directory when it has changed; runs no plugin. This is what cni_setup checks first. */
int cni_ready(struct cni *c, struct err *e);
/* As cni_ready, and then asks every plugin of a network with cniVersion 1.1.0 or later (command STATUS): -ERR_UNAVAILABLE with
 * the plugin's own words when one says no. For the NetworkReady condition of Status. */
int cni_status(struct cni *c, const struct ctx *ctx, struct err *e);
/* The configuration as loaded, as JSON for verbose Status:
 * {"PluginDirs":[..],"PluginConfDir":"..","PluginMaxConfNum":1,"Prefix":"eth",
 * "Networks":[{"Config":{"Name","CNIVersion","Plugins":[{"Network":{..},"Source":".."}],"Source":".."},"IFName":"eth0"}]}. */
int cni_write_config_json(struct cni *c, struct jsonw *w, struct err *e);

/* A program that a configured network needs: a plugin of its list, or the address management (ipam) that a plugin calls. */
struct cni_program {
    const char *network, *cni_version, *type;
    const char *path; /* where it was found; NULL: in none of the directories */
    bool executable;  /* by this process */
};
/* The programs of all networks, in order, each once a network; none when cni_ready fails. In the arena. RESOURCE_EXHAUSTED. */
int cni_programs(struct cni *c, struct arena *a, struct cni_program **ret, size_t *ret_n, struct err *e);

struct cni_port_mapping {
    int32_t host_port; /* 0 or less: not published, left out */
    int32_t container_port;
    const char *protocol; /* "TCP", "udp", "SCTP"; passed in lower case */
    const char *host_ip;  /* "" or NULL: any */
};

/* The pod, as plugins are told of it. All borrowed for the call; strings may be NULL where empty would do. */
struct cni_pod {
    const char *id;    /* CNI_CONTAINERID, K8S_POD_INFRA_CONTAINER_ID */
    const char *netns; /* path of the pinned namespace; for a teardown it may be gone, or NULL */
    const char *name, *namespace_, *uid;
    const struct cni_port_mapping *ports;
    size_t n_ports;
    bool has_dns;                                                   /* the pod names its DNS: capability `dns` */
    const struct strlist *dns_servers, *dns_searches, *dns_options; /* NULL: none */
    const char *cgroup_parent;                                      /* capability `cgroupPath` */
    const struct kvlist *annotations;  /* capability io.kubernetes.cri.pod-annotations, and the bandwidth annotations */
    const struct kvlist *capabilities; /* further capability arguments: name to JSON text (mac, ips, aliases, ipRanges, ...) */
};

struct cni_pod_ip {
    const char *address; /* text without prefix length */
    const char *gateway; /* "" when there is none */
};
struct cni_pod_interface {
    const char *name, *mac, *sandbox, *pci_id, *socket_path; /* never NULL */
    struct cni_pod_ip *ips;
    size_t n_ips;
};
/* What a pod's network came to; everything in the arena that cni_setup was given. */
struct cni_pod_result {
    const char *ip;                       /* the pod's address */
    struct strlist additional_ips;        /* the others of the default interface */
    struct cni_pod_interface *interfaces; /* sorted by name, `lo` among them */
    size_t n_interfaces;
    struct strlist dns;    /* JSON text of each network's dns object, "{}" when it has none; loopback first */
    struct strlist routes; /* JSON text of each route */
};

/* Attaches the pod to the configured network(s), to all of them at the same time unless setup_serially: for each, ADD of every
 * plugin in turn, each given the result of the one before; loopback is brought up in process. On success *ret is filled. After a failure all plugins that may have run were called with
 * DEL, in reverse, under a time limit of their own, and the record is removed; only if a DEL failed too does the record stay, for
 * cni_teardown or cni_gc.
 *   -ERR_FAILED_PRECONDITION                no network configuration (see cni_ready)
 *   -ERR_INVALID_ARGUMENT                   an annotation or id that no plugin can be given
 *   -ERR_DEADLINE_EXCEEDED, -ERR_CANCELLED  by ctx
 *   -ERR_UNAVAILABLE                        a plugin says "try again later" (CNI error code 11)
 *   -ERR_UNKNOWN, others                    the plugin failed, printed what is no result, or gave the default interface no
 * address; the message names network, plugin, command and cause */
int cni_setup(struct cni *c, const struct ctx *ctx, const struct cni_pod *pod, struct arena *a, struct cni_pod_result *ret,
              struct err *e);

/* Detaches the pod: DEL of every plugin in reverse order, from the records that were kept for pod->id, whatever is configured
 * now. Without any record, from the current configuration. "not found" from a plugin, and "no such file or directory" when the
 * namespace is gone (then CNI_NETNS is empty), are success. All plugins are called even if one fails; the first failure is
 * returned and the record stays. `completed` tells whether a cni_setup ever succeeded (the pod has a result): when not, and no
 * record says otherwise, failures are ignored and a missing configuration is success. Doing it again is success. */
int cni_teardown(struct cni *c, const struct ctx *ctx, const struct cni_pod *pod, bool completed, struct err *e);

/* Asks every plugin whether the pod's network still is as it was made (command CHECK; from the records). Networks with cniVersion
 * below 0.4.0 or disableCheck are passed over. 0, or the first plugin's complaint. */
int cni_check(struct cni *c, const struct ctx *ctx, const struct cni_pod *pod, struct err *e);

/* Collects what dead pods left: records of pods (those that carry K8S_POD_INFRA_CONTAINER_ID; other runtimes' records are not
 * touched) for which live() says false are torn down; then plugins of networks with cniVersion 1.1.0 or later, unless disableGC,
 * are called with GC and the attachments that remain. live is called without a lock and must know a pod from before its cni_setup
 * starts until after its cni_teardown. Setups wait only while GC runs; it is left out, and 1 is returned, when a setup
 * is under way or another collection runs; else 0 or the first failure. *ret_removed (may be NULL) gets the number of records that were torn
 * down, also on failure. */
int cni_gc(struct cni *c, const struct ctx *ctx, bool (*live)(void *user, const char *id), void *user, size_t *ret_removed,
           struct err *e);

/* UpdateRuntimeConfig: the node's pod address ranges, comma separated CIDRs ("" is ignored). They are passed to plugins with the
 * capability `ipRanges`. If no network is configured and there is a template, <conf_dir>/10-containerd-net.conflist is written
 * from it ({{.PodCIDR}},
 * {{.PodCIDRRanges}}, {{.Routes}}, and {{range}} over the lists). -ERR_INVALID_ARGUMENT for what is no CIDR. Returns 1 when the
 * file was written, else 0. */
int cni_update_pod_cidr(struct cni *c, const char *cidrs, struct err *e);

/* Writes *r as the value of CNIResult in the sandbox metadata:
 * {"Interfaces":{"eth0":{"IPConfigs":[{"IP","Gateway"}],"Mac","Sandbox","PciID", "SocketPath"},..},"DNS":[..],"Routes":[..]};
 * null when r is NULL. Empty lists are null, as Go writes them. A result read back from a record is not parsed again: keep its
 * text and write it with jsonw_raw. */
void cni_result_write_json(struct jsonw *w, const struct cni_pod_result *r);

#endif
