/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the files of cni/ share: the object, the loaded configuration, and the steps that an attachment is made of. Not installed.
 *
 *   config.c      the configuration directory -> struct cni_networks, an immutable snapshot that is counted by its users
 *   capability.c  struct cni_pod -> CNI_ARGS and the capability arguments
 *   exec.c        one run of one plugin
 *   cache.c       the records below <cache_dir>/results
 *   network.c     ADD, DEL, CHECK of one attachment: which plugins, in which order, with which standard input
 *   pod.c         the attachments of a pod: setup, teardown, check
 *   gc.c          collection of what dead pods left
 *   status.c      readiness, STATUS, the configuration for verbose Status
 *   result.c      plugin results -> struct cni_pod_result, and its JSON
 *   cidr.c        UpdateRuntimeConfig
 */
#ifndef CRI_CNI_INTERNAL_H
#define CRI_CNI_INTERNAL_H

#include <pthread.h>

#include "base/buf.h"
#include "base/view.h"
#include "cni/cni.h"
#include "parse/cniconf.h"

enum {
    CNI_CONF_FILES_MAX = 1024, /* files looked at in the configuration directory */
    CNI_NETWORKS_MAX = 32,
    CNI_OUTPUT_MAX = 1 << 20, /* bytes of a plugin's standard output */
    CNI_STDERR_MAX = 16 << 10,
    CNI_CAPABILITY_MAX = 2 << 20, /* bytes of one capability argument */
    CNI_STDIN_MAX = 48 << 20,
    CNI_RECORD_MAX = 24 << 20, /* bytes of a file below results/ */
    CNI_RECORDS_MAX = 20000,
};

#define CNI_PLUGIN_TIMEOUT_DEFAULT (180 * NSEC_PER_SEC)
/* For the DELs after a failed ADD, whose own deadline may have passed. */
#define CNI_ROLLBACK_TIMEOUT       (60 * NSEC_PER_SEC)
#define CNI_CAPABILITY_ANNOTATIONS "io.kubernetes.cri.pod-annotations"

/* A network as it is used: everything in the arena of whoever holds it. */
struct cni_network {
    struct cni_conf conf;
    const char *ifname;
};

/* The configuration as loaded. Immutable; freed by the last cni_networks_unref. */
struct cni_networks {
    size_t refs; /* guarded by the mutex of struct cni */
    struct arena arena;
    struct cni_network *v;
    size_t n;
    struct err error; /* why there are none */
};

struct cni_gate {
    size_t setups;
    bool collecting;
};

struct cni {
    char *conf_dir, *cache_dir, *conf_template, *path; /* path: bin_dirs joined by ':' */
    char **bin_dirs;
    size_t n_bin_dirs;
    size_t max_conf_num;
    bool setup_serially;
    enum cni_ip_pref ip_pref;
    uint64_t plugin_timeout_ns;
    const struct proc_ops *proc;
    const char *const *environment;
    int (*loopback_up)(const char *netns, bool *ret_ipv6, struct err *e);
    bool (*netns_exists)(const char *netns);

    struct cni *shared; /* whose gate and ip_ranges count: this one, or that of cni_options.with */

    pthread_mutex_t lock; /* guards what follows */
    pthread_cond_t gate_open;
    struct cni_gate gate;
    struct cni_networks *networks; /* NULL before the first look */
    uint64_t fingerprint;
    bool fingerprint_hot;
    char *ip_ranges; /* JSON text for the capability ipRanges, NULL for none */
};

/* config.c */
/* The configuration as it is on disk now; *ret is owned (cni_networks_unref). An unusable configuration is no failure here: n is
 * 0 and error tells. Fails only for lack of memory. */
int cni_networks_get(struct cni *c, struct cni_networks **ret, struct err *e);
void cni_networks_unref(struct cni *c, struct cni_networks *n);
/* Reads a configuration list (conflist JSON), such as a record holds, into *ret. */
int cni_network_parse(struct arena *a, struct view list, const char *ifname, struct cni_network *ret, struct err *e);
bool cni_network_version_at_least(const struct cni_network *net, const char *least);

/* What one attachment (a pod's interface to one network) is called with. */
struct cni_attachment {
    const char *id, *netns, *ifname;
    struct kvlist args;         /* CNI_ARGS, in order */
    struct kvlist capabilities; /* name to JSON text */
};

/* capability.c */
/* Fills id, netns, args and capabilities of *ret from the pod. ip_ranges may be NULL. */
int cni_attachment_init(struct arena *a, const struct cni_pod *pod, const char *ip_ranges, struct cni_attachment *ret,
                        struct err *e);
/* rate.c: a Kubernetes quantity, rounded up, as a num_status; at most max. */
int cni_rate_parse(struct view v, uint64_t max, uint64_t *ret);
/* "k=v;k=v". NULL without memory. */
char *cni_args_text(struct arena *a, const struct kvlist *args);

/* exec.c */
/* How a plugin failed, beyond what struct err says. */
struct cni_failure {
    bool missing;      /* there is no such program */
    bool reported;     /* the plugin ran and printed an error object, or ended with a status other than 0 */
    unsigned code;     /* of the error object, else 0 */
    bool not_found;    /* its words contain "not found" */
    bool no_such_file; /* its words contain "no such file or directory" */
    bool not_there;    /* its words contain "does not exist" */
};
/* Runs the plugin `type` with `command` and input on standard input. out (NULL: dropped) gets its output. at may be NULL (STATUS,
 * GC). *ret_failure (may be NULL) is filled on failure. */
int cni_exec(const struct cni *c, const struct ctx *ctx, const char *type, const char *command, const struct cni_attachment *at,
             struct view input, struct buf *out, struct cni_failure *ret_failure, struct err *e);

/* The program of a plugin: the first regular file of that name in the directories. FAILED_PRECONDITION when there is none, INVALID_ARGUMENT when type is no
 * file name. */
int cni_find_plugin(const struct cni *c, const char *type, struct arena *a, char **ret, struct err *e);

/* cache.c */
struct cni_record {
    struct cni_attachment at;
    const char *network;
    const char *config; /* conflist JSON */
    const char *result; /* JSON text, NULL when the ADD did not complete */
};
/* Writes the record of an attachment. result is empty before the ADD has completed. */
int cni_record_write(const struct cni *c, const struct cni_network *net, const struct cni_attachment *at, struct view result,
                     struct err *e);
/* A record that is not there is success. */
int cni_record_remove(const struct cni *c, const char *network, const char *id, const char *ifname, struct err *e);
/* Calls fn for each record of pod id (NULL: of all pods) in the order of the file names. The record is in an arena that is
 * emptied after fn. Files that are no records, and those that cannot be read, are passed over; with `whole` they are an error
 * (DATA_LOSS, or the reading's own), for a caller that must not miss one. That the system is short of something is always an
 * error. Stops at fn's first negative answer and returns it. */
int cni_record_each(const struct cni *c, const char *id, bool whole,
                    int (*fn)(void *user, const struct cni_record *r, struct arena *a, struct err *e), void *user, struct err *e);

/* network.c */
/* ADD of every plugin. result gets the last one's result, complete with cniVersion; it is empty after a failure. */
int cni_network_add(const struct cni *c, const struct ctx *ctx, const struct cni_network *net, const struct cni_attachment *at,
                    struct buf *result, struct err *e);
/* DEL of every plugin in reverse; all are called. prev is the cached result or empty. The first failure that is not tolerated is
 * returned; a plugin that is not installed is a failure only when the ADD was completed, as it cannot have done anything else. */
int cni_network_del(const struct cni *c, const struct ctx *ctx, const struct cni_network *net, const struct cni_attachment *at,
                    struct view prev, bool completed, struct err *e);
int cni_network_check(const struct cni *c, const struct ctx *ctx, const struct cni_network *net, const struct cni_attachment *at,
                      struct view prev, struct err *e);
/* STATUS or GC: `extra` is JSON text of an array for cni.dev/valid-attachments, empty for none. Stops at the first failure for
 * STATUS. */
int cni_network_global(const struct cni *c, const struct ctx *ctx, const struct cni_network *net, const char *command,
                       struct view extra, struct err *e);

/* pod.c */
/* Tears down what a record tells of, in the namespace `netns` ("" when it is gone), and removes the record when that succeeded. A
 * record whose configuration cannot be read is removed, too: *ret_done (may be NULL) is false then. */
int cni_record_teardown(const struct cni *c, const struct ctx *ctx, const struct cni_record *r, struct arena *a,
                        const char *netns, bool *ret_done, struct err *e);

/* gc.c */
/* Keeps collections away while a setup is under way; waits for one that runs. */
int cni_gate_enter(struct cni *c, const struct ctx *ctx, struct err *e);
void cni_gate_leave(struct cni *c);

/* result.c */
/* Puts the networks' results together. results[i] is the JSON text of networks->v[i]'s result. */
int cni_result_build(struct arena *a, const struct cni_networks *networks, const struct view *results, const struct cni_pod *pod,
                     bool lo_ipv6, enum cni_ip_pref pref, struct cni_pod_result *ret, struct err *e);

#endif
