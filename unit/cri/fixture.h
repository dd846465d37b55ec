/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Fixture: a whole cri_service on the fake containerd, without privileges: the host's part (cri/os.h) and the network plugins are scripted, directories
 * are temporary, and what runs on threads of its own in the daemon runs inline, on virtual time, so that a test is deterministic to the allocation. With
 * FX_THREADS it runs as in the daemon: real time, the pump's thread, a pool.
 *
 * Calls go through the routing table as packed messages, as they do from a socket. Nothing in here needs cmocka, so fuzz targets use it too: a broken
 * precondition of the fixture itself ends the program.
 */
#ifndef CRI_UNIT_CRI_FIXTURE_H
#define CRI_UNIT_CRI_FIXTURE_H

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cri/events.h"
#include "cri/handlers.h"
#include "cri/recover.h"
#include "fake.h"
#include "proto/methods.h"
#include "rpc/channel.h"

enum { FX_INLINE = 0, FX_THREADS = 1 };
enum { FX_LOG_MAX = 1 << 18, FX_MOUNTS_MAX = 64, FX_HOST_CALLS_MAX = 512 };

#define FX_PAUSE "registry.example/pause:1"
#define FX_IMAGE "registry.example/busybox:1" /* USER app (in its passwd: 7:8), no STOPSIGNAL */
#define FX_IP "10.88.0.5"

/* What the scripted host can be told to fail. */
enum fx_host { FX_NETNS_CREATE, FX_NETNS_REMOVE, FX_SHM_MOUNT, FX_UNMOUNT, FX_OPEN_ROOT, FX_MOUNTINFO, FX_CNI_ADD, FX_CNI_DEL, FX_CNI_CHECK, FX_HOST };

struct fx {
    struct fake *fake;
    struct rpc_channel channel; /* the fake's, with a look at each call */
    struct cri_service service;
    struct executor *pool;
    struct arena arena; /* the routing table, runtime handlers */
    struct cri_runtime_options options; /* what the next start takes of it: runtime handlers and their policy */
    const struct rpc_method *methods;
    size_t n_methods;
    bool threads, up, abandoned;
    char dir[64], root[96], state[96], netns[96], conf[96], template[96], bin[96], cache[96], rootfs[96], logs[96], cgroups[96], proc[96];
    size_t live; /* allocations before it was made */
    /* the host */
    pthread_mutex_t lock;
    char *mounts[FX_MOUNTS_MAX];
    enum err_code fails[FX_HOST]; /* ERR_OK: works */
    char host_calls[FX_HOST_CALLS_MAX][16];
    size_t n_host_calls;
    struct proc_ops plugins;
    bool plugin_hangs; /* ADD and CHECK end with their ctx */
    /* called before each call that reaches the fake; path as "Tasks/Start" */
    void (*on_call)(struct fx *f, const char *method);
    const struct http_ops *http; /* the registry that the next start takes, NULL: the real one */
    void *http_user;
    struct ctrd_events *events; /* an open subscription, or NULL */
    char log[FX_LOG_MAX];
    size_t log_n;
    bool log_control; /* a line with a control byte was written */
    struct err e;     /* of the last helper that failed */
};

/* A running service, recovered from an empty containerd that has the two images. */
struct fx *fx_new(int mode);
/* Stops the service and frees everything; ends the program when allocations are left. */
void fx_free(struct fx *f);
/* Once, before anything is counted: what libraries allocate at their first use is allocated. */
void fx_warm_up(void);
/* The daemon stops (containers keep running) and starts again: stores are made anew from containerd and the files. */
void fx_stop(struct fx *f);
void fx_start(struct fx *f);
struct cri_recovered fx_restart(struct fx *f);
/* Another image in containerd. config: members of the config object ("\"StopSignal\":\"SIGINT\""). Counts after the next restart or image event. */
void fx_image(struct fx *f, const char *name, const char *config);

/* --- calls ------------------------------------------------------------------------------------------------------------------ */

struct fx_call {
    struct rpc_call call;
    ProtobufCMessage *request, *response;
    int r;
    struct err e;
};
/* Prepares a call of a method (CRI_METHOD_...) with a copy of the request; does it; gives back what it holds. */
void fx_call_init(struct fx *f, struct fx_call *c, size_t method, const void *request);
int fx_call_run(struct fx *f, struct fx_call *c);
void fx_call_done(struct fx_call *c);
/* All three, for calls whose answer does not matter. The error goes to f->e. */
int fx_rpc(struct fx *f, size_t method, const void *request);

/* Requests. Members that a test wants are in place already: p.config.linux = &p.linux_config and so on. */
struct fx_pod {
    Runtime__V1__RunPodSandboxRequest request;
    Runtime__V1__PodSandboxConfig config;
    Runtime__V1__PodSandboxMetadata metadata;
    Runtime__V1__LinuxPodSandboxConfig linux_config;
    Runtime__V1__LinuxSandboxSecurityContext security;
    Runtime__V1__NamespaceOption namespaces;
    Runtime__V1__DNSConfig dns;
    char name[32], uid[40];
};
void fx_pod_init(struct fx *f, struct fx_pod *p, const char *name);

struct fx_container {
    Runtime__V1__CreateContainerRequest request;
    Runtime__V1__ContainerConfig config;
    Runtime__V1__ContainerMetadata metadata;
    Runtime__V1__ImageSpec image;
    Runtime__V1__LinuxContainerConfig linux_config;
    Runtime__V1__LinuxContainerResources resources;
    Runtime__V1__LinuxContainerSecurityContext security;
    Runtime__V1__NamespaceOption namespaces;
    char name[32], log_path[40];
};
void fx_container_init(struct fx_container *c, const char *sandbox_id, struct fx_pod *pod, const char *name);

/* The calls themselves; 0 or the code, the error in f->e. id: ID_LEN + 1 bytes. */
int fx_run(struct fx *f, struct fx_pod *p, char *id);
int fx_stop_pod(struct fx *f, const char *id);
int fx_remove_pod(struct fx *f, const char *id);
int fx_create(struct fx *f, struct fx_container *c, char *id);
int fx_start_container(struct fx *f, const char *id);
int fx_stop_container(struct fx *f, const char *id, int64_t timeout);
int fx_remove_container(struct fx *f, const char *id);
/* Those that must work. */
void fx_must_run(struct fx *f, const char *name, char *id);
void fx_must_create(struct fx *f, const char *sandbox_id, const char *pod, const char *name, char *id);
void fx_must_run_container(struct fx *f, const char *sandbox_id, const char *pod, const char *name, char *id);

/* The status of a container or pod; state -1 when it is not found. Reason and message are copied. */
struct fx_status {
    int state;
    int32_t exit_code;
    int64_t created_at, started_at, finished_at;
    int64_t cpu_shares; /* 0: none are told */
    char reason[64], message[512];
};
struct fx_status fx_container_status(struct fx *f, const char *id);
int fx_pod_state(struct fx *f, const char *id);

/* Hands every event that waits in the subscription to the service; the first call opens the subscription and resynchronises. */
void fx_events(struct fx *f);
void fx_events_close(struct fx *f);

/* --- what there is ------------------------------------------------------------------------------------------------------------ */

struct fx_world {
    struct fake_live live;
    size_t sandboxes, containers; /* in the stores */
    size_t files;                 /* below root, state, netns and the CNI cache, but for shared directories */
    size_t mounts;
};
struct fx_world fx_look(struct fx *f);
/* True when nothing of pods, containers, execs is there. Prints what is. */
bool fx_nothing_left(struct fx *f);
/* Images, blobs and committed layers are not compared: pulls keep them. */
bool fx_same(const struct fx_world *x, const struct fx_world *y);
/* The stores hold what they should: every container's pod exists; states and times agree. Prints what does not hold. */
bool fx_stores_valid(struct fx *f);
/* Stops and removes every pod through the RPCs. */
void fx_remove_all(struct fx *f);

/* The calls to the fake since `mark` (a fake_calls count) are exactly these, NULL-terminated; prints both lists when not. */
bool fx_calls_are(struct fx *f, size_t mark, const char *const *methods);
/* Puts the process of a running pod or container into a cgroup v1 (and hybrid) `<parent>/<id>`, and figures into that and into the parent: cpu 2 s, memory 10000 of 20000
 * bytes, 1000 inactive, 4096 rss, 7 and 1 page faults, swap 500 of 1000 bytes, 3 processes, pressure; interfaces lo, net1, eth0 (100 and 200 bytes, 1 and 2 errors). */
void fx_figures(struct fx *f, const char *id, const char *parent);
/* Writes a file below <cgroups> ("memory/pods/web/memory.stat"). */
void fx_figure(struct fx *f, const char *text, const char *format, ...) _printf_(3, 4);
uint32_t fx_pid(struct fx *f, const char *id);
/* The record of a pod or container as containerd has it, its extension's JSON; fx_set_extension replaces that. */
void fx_set_extension(struct fx *f, const char *id, const char *key, const char *type_url, const char *json);
char *fx_path(struct fx *f, const char *base, const char *kind, const char *id, const char *name);
bool fx_exists(const char *path);

#endif
