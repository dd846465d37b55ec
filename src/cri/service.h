/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Service: the one struct that holds everything a handler depends on, injected, so that a unit test can put a mock or a fake in each
 * place. There are no globals. One file an RPC stands beside this one: RunPodSandbox is in sandbox_run.c, and so on; handlers.h lists them.
 */
#ifndef CRI_CRI_SERVICE_H
#define CRI_CRI_SERVICE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/ctx.h"
#include "base/err.h"
#include "cni/cni.h"
#include "containerd/containerd.h"
#include "cri/metrics.h"
#include "cri/os.h"
#include "cri/runtime_handlers.h"
#include "image/pull.h"
#include "image/store.h"
#include "loop/executor.h"
#include "oci/spec.h"
#include "rpc/server.h"
#include "state/inflight.h"
#include "state/store.h"
#include "stats/host.h"
#include "stream/cio.h"

/* What the administrator chose. Strings are borrowed and outlive the service. */
struct cri_config {
    const char *root;           /* what must survive a reboot: hosts files, status files */
    const char *state;          /* what must not: pipes, shm */
    const char *snapshotter;
    const char *sandbox_image;  /* the pause image */
    const char *netns_dir;
    const char *unset_seccomp;  /* the profile where a request names none, in the form of cri_seccomp_read's `old`; NULL or "": none */
    bool ignore_image_volumes;
    uint64_t exit_poll;         /* ns between looks at a task whose exit event is awaited; 0 looks at once (tests on the fake) */
    uint64_t undo_pause;        /* ns between tries of an undo step while containerd is away; 0 in tests */
    size_t log_line_max;
    bool one_thread;            /* the network is set up on the handler's own thread (deterministic tests) */
};

struct users_cache; /* image_users.h */

/* What the thread that follows containerd's events is at. Written by it, read by anybody. */
struct cri_event_state {
    atomic_bool follows;    /* a subscription is open */
    atomic_ullong since;    /* clock_mono of its beginning, or its end; 0: there was none yet */
    atomic_ullong handled;  /* events */
    atomic_ullong breaks;   /* subscriptions that ended or could not be opened */
};

/* The network of one runtime handler, where it has its own. */
struct handler_network {
    const char *handler;
    struct cni *cni;
};

struct cri_service {
    struct cri_config config;
    struct ctrd ctrd;                /* seam A */
    const struct cri_os *os;         /* mounts, namespaces: the host */
    struct cni *cni;                 /* the pods' network; see networks.h */
    struct handler_network *networks;
    size_t n_networks;
    struct image_store *images;
    struct image_service *image_service;
    struct cio_pump *pump;
    struct stats_host stats;         /* where usage figures are read from; whoever opened it closes it */
    struct executor *background;     /* exits and clean-ups; never the handlers' own pool, whose jobs wait for exits */
    struct oci_host host;
    struct runtime_handlers handlers;
    int oom_score_adj_min;           /* the lowest that this process may give, OOM_SCORE_ADJ_MIN when it may give any */
    const char *containerd_version;
    struct kvlist snapshotter_roots; /* of containerd's snapshotters: name to the directory that it keeps snapshots in, "" when it does not say */
    bool (*abandoned)(struct rpc_call *call); /* rpc_call_abandoned */
    struct cancel stopping;          /* fires when the daemon stops: work that outlives its clients is given up and undone */

    struct store sandboxes, containers;
    struct cri_event_state event_state;
    struct cri_metrics metrics;
    atomic_bool serving; /* calls are served, and it does not stop yet */
    struct inflight inflight;
    struct users_cache *users;
    atomic_ullong pause_retry_at; /* clock_mono before which the sandbox image is not asked for again; records.h */
    atomic_bool pause_told;       /* that it cannot be pulled was logged */
    bool set_aside;         /* records could not be read at start: what looks orphaned may be theirs */
    atomic_bool house_busy; /* the housekeeping runs */
    char network_left[ERR_MESSAGE_MAX]; /* what it said last of a dead pod's network that cannot be removed; its own */
};

/* Initialises stores and caches of a service whose other members are set. cri_service_done frees what it made. */
int cri_service_init(struct cri_service *s, struct err *e);
void cri_service_done(struct cri_service *s);

/* The directory that a snapshotter keeps snapshots in, "" when that is not known. */
const char *cri_snapshotter_root(const struct cri_service *s, const char *snapshotter);

/* The ctx of work that goes on without its client: limited to ns, given up when the daemon stops. */
struct ctx cri_background(struct cri_service *s, uint64_t ns);

/* The table for rpc_server_new: every RPC of runtime.v1 and of runtime.v1alpha2, on the same handlers. In the arena. */
int cri_methods_table(struct arena *a, const struct rpc_method **ret, size_t *ret_n, struct err *e);

/* Time limits of work that goes on without its client. */
#define CRI_RUN_LIMIT (4 * 60 * NSEC_PER_SEC)
#define CRI_UNDO_LIMIT (60 * NSEC_PER_SEC)
#define CRI_UNCLAIMED_LIMIT (10 * 60 * NSEC_PER_SEC)
#define CRI_PAUSE_RETRY (60 * NSEC_PER_SEC) /* between pulls of a sandbox image whose registry cannot be reached */
#define CRI_DRAIN_LIMIT (10 * NSEC_PER_SEC) /* for a process's last output */
#define CRI_KILL_LIMIT (30 * NSEC_PER_SEC)  /* for an exit after SIGKILL, when the client set no deadline */

/* Exit reasons and codes that kubelet reads (the seed's constants, and what came later). */
#define CRI_REASON_COMPLETED "Completed"
#define CRI_REASON_ERROR "Error"
#define CRI_REASON_START_ERROR "StartError"
#define CRI_REASON_OOM_KILLED "OOMKilled"
#define CRI_REASON_UNKNOWN "Unknown"
enum { CRI_EXIT_START_ERROR = 128, CRI_EXIT_KILLED = 137, CRI_EXIT_UNKNOWN = 255 };

#endif
