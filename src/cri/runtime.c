/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Wiring, see runtime.h. Two threads matter here: the caller's runs the event loop and owns every connection; the supervisor starts the runtime up, waits,
 * and takes it down, since both ends of that make calls that the loop has to carry.
 */
#include "cri/runtime.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/log.h"
#include "base/mem.h"
#include "cri/container.h"
#include "cri/events.h"
#include "cri/host.h"
#include "cri/monitor.h"
#include "cri/networks.h"
#include "cri/or_default.h"
#include "cri/owner.h"
#include "cri/pod_cidr.h"
#include "cri/recover.h"
#include "cri/report.h"
#include "cri/runtime_listen.h"
#include "cri/runtime_private.h"
#include "oci/constants.h"

#define START_LIMIT (60 * NSEC_PER_SEC)
#define DRAIN_LIMIT (5 * NSEC_PER_SEC)
enum { LOOP_TRIES = 100 };

static int take_lock(struct cri_runtime *rt, struct err *e)
{
    char *path = fs_join(&rt->arena, rt->service.config.state, "cri-containerd.lock");
    if (!path)
        return err_oom(e);
    rt->lock_fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (rt->lock_fd < 0)
        return err_errno(e, errno, "open %s", path);
    if (flock(rt->lock_fd, LOCK_EX | LOCK_NB) == 0)
        return 0;
    return errno == EWOULDBLOCK
               ? err_raise(e, ERR_FAILED_PRECONDITION, "another cri-containerd is using the state directory %s (it holds %s)",
                           rt->service.config.state, path)
               : err_errno(e, errno, "lock %s", path);
}

static int make_directory(const char *path, struct err *e)
{
    TRY(fs_mkdir_all(path, 0711, e)); /* parents may be shared with containerd, which makes them 0711 */
    return chmod(path, 0700) < 0 ? err_errno(e, errno, "set the mode of %s", path) : 0;
}

struct cri_runtime_options cri_runtime_options_whole(const struct cri_runtime_options *o)
{
    static const char *const bin_dirs[] = {CRI_DEFAULT_CNI_BIN_DIR};
    struct cri_runtime_options w = *o;
    w.listen = or_default(o->listen, CRI_DEFAULT_LISTEN);
    w.containerd = or_default(o->containerd, CRI_DEFAULT_CONTAINERD);
    w.root = or_default(o->root, CRI_DEFAULT_ROOT);
    w.state = or_default(o->state, CRI_DEFAULT_STATE);
    w.snapshotter = or_default(o->snapshotter, CRI_DEFAULT_SNAPSHOTTER);
    w.sandbox_image = or_default(o->sandbox_image, CRI_DEFAULT_SANDBOX_IMAGE);
    w.cni_conf_dir = or_default(o->cni_conf_dir, CRI_DEFAULT_CNI_CONF_DIR);
    w.cni_cache_dir = or_default(o->cni_cache_dir, CRI_DEFAULT_CNI_CACHE_DIR);
    w.netns_dir = or_default(o->netns_dir, CRI_DEFAULT_NETNS_DIR);
    w.registry_config_path = o->registry_config_path ? o->registry_config_path : CRI_DEFAULT_REGISTRY_CONFIG_PATH;
    if (o->n_cni_bin_dirs == 0) {
        w.cni_bin_dirs = bin_dirs;
        w.n_cni_bin_dirs = ARRAY_SIZE(bin_dirs);
    }
    return w;
}

static void set_config(struct cri_runtime *rt, const struct cri_runtime_options *options)
{
    const struct cri_runtime_options *o = &rt->options;
    rt->options = cri_runtime_options_whole(options);
    rt->service.config = (struct cri_config){
        .root = o->root,
        .state = o->state,
        .snapshotter = o->snapshotter,
        .sandbox_image = o->sandbox_image,
        .netns_dir = o->netns_dir,
        .unset_seccomp = o->unset_seccomp_profile,
        .ignore_image_volumes = o->ignore_image_defined_volumes,
        .exit_poll = 5 * NSEC_PER_SEC,
        .undo_pause = NSEC_PER_SEC,
        .log_line_max = o->log_line_max > 0 ? (size_t)o->log_line_max : o->log_line_max == 0 ? CIO_LOG_LINE_DEFAULT : 0,
    };
    rt->service.os = &cri_os_real;
    rt->service.abandoned = rpc_call_abandoned;
    rt->service.stats = (struct stats_host)STATS_HOST_INIT;
}

static struct image_service_options image_options(const struct cri_runtime *rt, const struct cri_runtime_options *o)
{
    const struct cri_service *s = &rt->service;
    return (struct image_service_options){
        .ctrd = s->ctrd,
        .store = s->images,
        .snapshotter = s->config.snapshotter,
        .registry_ca = o->registry_ca,
        .registry_config_path = cri_runtime_options_whole(o).registry_config_path,
        .layers_at_once = o->layers_at_once,
        .progress_timeout = o->pull_progress_timeout,
    };
}

static int make_images(struct cri_runtime *rt, struct err *e)
{
    struct cri_service *s = &rt->service;
    struct image_store_options store = {.ctrd = s->ctrd, .snapshotter = s->config.snapshotter, .pinned_name = s->config.sandbox_image};
    TRY(image_store_new(&store, &s->images, e));
    struct image_service_options service = image_options(rt, &rt->options);
    return image_service_new(&service, &s->image_service, e);
}

int cri_runtime_reload(struct cri_runtime *rt, const struct cri_runtime_options *options, struct err *e)
{
    struct image_service_options service = image_options(rt, options);
    pthread_mutex_lock(&rt->mutex);
    int r = rt->ending ? 0 : image_service_reload(rt->service.image_service, &service, e);
    pthread_mutex_unlock(&rt->mutex);
    return r;
}

void cri_runtime_report(struct cri_runtime *rt)
{
    pthread_mutex_lock(&rt->mutex);
    if (!rt->ending)
        cri_report(&rt->service, rt->server, rt->executor);
    pthread_mutex_unlock(&rt->mutex);
}

static int make_client(struct cri_runtime *rt, struct err *e)
{
    static const char *const metadata[] = {"containerd-namespace", OCI_CONTAINERD_NAMESPACE, NULL};
    struct rpc_client_config config = {.socket_path = rt->options.containerd, .metadata = metadata};
    TRY(rpc_client_new(rt->loop, &config, &rt->client, e));
    rt->channel = rpc_client_channel(rt->client);
    rt->service.ctrd = ctrd_client(&rt->channel);
    return 0;
}

/* Every call is counted here, and failed ones go to the log once; a client that only asks for what is not there is not worth more than a debug line. */
static void on_done(void *user, const struct rpc_call *call, int r, const struct err *e)
{
    struct cri_runtime *rt = user;
    cri_metrics_call(&rt->service.metrics, call, r);
    if (r >= 0)
        log_debug("ok");
    else if (e->code == ERR_NOT_FOUND || e->code == ERR_UNIMPLEMENTED)
        log_debug("%s: %s", err_code_name(e->code), e->message);
    else
        log_warning("%s: %s", err_code_name(e->code), e->message);
}

static int make_server(struct cri_runtime *rt, struct err *e)
{
    static const struct executor_limits handlers = {.threads_max = 512, .slow_max = 256, .queue_max = 4096, .stack_size = 512 << 10};
    static const struct executor_limits background = {.threads_max = 8, .slow_max = 4, .queue_max = 65536, .stack_size = 1 << 20};
    TRY(executor_new_pool(&handlers, &rt->executor, e));
    TRY(executor_new_pool(&background, &rt->service.background, e));
    struct rpc_server_config config = {.service = &rt->service, .executor = rt->executor, .on_done = on_done, .user = rt};
    TRY(cri_methods_table(&rt->arena, &config.methods, &config.n_methods, e));
    return rpc_server_new(rt->loop, &config, &rt->server, e);
}

static int make_monitor(struct cri_runtime *rt, struct err *e)
{
    const char *address = rt->options.metrics_address;
    if (!address || !address[0])
        return 0;
    return cri_monitor_new(rt->loop, address, &rt->service, rt->server, rt->executor, &rt->monitor, e);
}

static int init(struct cri_runtime *rt, const struct cri_runtime_options *o, struct err *e)
{
    set_config(rt, o);
    TRY(runtime_handlers_make(o, rt->service.config.snapshotter, &rt->arena, &rt->service.handlers, e));
    TRY(make_directory(rt->service.config.state, e));
    TRY(take_lock(rt, e));
    TRY(make_directory(rt->service.config.root, e));
    TRY(host_read(&rt->arena, &rt->service.host, e));
    TRY(host_oom_score_adj_min(&rt->service.host, o->restrict_oom_score_adj, &rt->service.oom_score_adj_min, e));
    if (rt->service.oom_score_adj_min > OCI_SANDBOX_OOM_SCORE_ADJ)
        log_warning("oom_score_adj of pods and containers is at least %d, %s", rt->service.oom_score_adj_min,
                    o->restrict_oom_score_adj ? "as the configuration wants it" : "as CAP_SYS_RESOURCE is missing");
    TRY(stats_host_open("/sys/fs/cgroup", "/proc", &rt->service.stats, e));
    TRY(loop_new(&rt->loop, e));
    TRY(cri_service_init(&rt->service, e));
    TRY(cio_pump_new(&rt->service.pump, e));
    TRY(make_client(rt, e));
    TRY(networks_make(&rt->options, &rt->arena, &rt->service, e));
    TRY(make_images(rt, e));
    TRY(make_server(rt, e));
    return make_monitor(rt, e);
}

int cri_runtime_new(const struct cri_runtime_options *options, struct cri_runtime **ret, struct err *e)
{
    struct cri_runtime *rt = mem_zalloc(sizeof *rt);
    if (!rt)
        return err_oom(e);
    rt->lock_fd = -1;
    arena_init(&rt->arena, ARENA_BUDGET_DEFAULT);
    pthread_mutex_init(&rt->mutex, NULL);
    pthread_cond_init(&rt->cond, NULL);
    int r = init(rt, options, e);
    if (r < 0) {
        cri_runtime_free(rt);
        return r;
    }
    *ret = rt;
    return 0;
}

bool cri_runtime_free(struct cri_runtime *rt)
{
    if (!rt)
        return true;
    cri_monitor_free(rt->monitor);
    rpc_server_free(rt->server);
    rpc_client_free(rt->client);
    executor_free(rt->executor);
    executor_free(rt->service.background);
    image_service_free(rt->service.image_service);
    image_store_free(rt->service.images);
    networks_free(&rt->service);
    cri_service_done(&rt->service);
    stats_host_close(&rt->service.stats);
    bool all = cio_pump_free(rt->service.pump);
    loop_free(rt->loop);
    fd_close(&rt->lock_fd);
    pthread_cond_destroy(&rt->cond);
    pthread_mutex_destroy(&rt->mutex);
    arena_done(&rt->arena);
    mem_free(rt);
    return all;
}

int cri_runtime_on_signal(struct cri_runtime *rt, int signo, void (*fn)(void *arg, int signo), void *arg, struct err *e)
{
    return loop_signal_add(rt->loop, signo, fn, arg, e);
}

/* Runs fn(rt) on the loop's thread and waits for it. */
struct on_loop {
    struct cri_runtime *rt;
    void (*fn)(struct on_loop *o);
    uint64_t deadline;
    int r;
    struct err err;
    bool done;
    int fd;
};

static void finish_on_loop(void *arg)
{
    struct on_loop *o = arg;
    pthread_mutex_lock(&o->rt->mutex);
    o->done = true;
    pthread_cond_broadcast(&o->rt->cond);
    pthread_mutex_unlock(&o->rt->mutex);
}

static void run_posted(void *arg)
{
    struct on_loop *o = arg;
    o->fn(o);
}

static int call_on_loop(struct on_loop *o, struct err *e)
{
    struct loop_post post = {.fn = run_posted, .arg = o};
    loop_post(o->rt->loop, &post);
    pthread_mutex_lock(&o->rt->mutex);
    while (!o->done)
        pthread_cond_wait(&o->rt->cond, &o->rt->mutex);
    pthread_mutex_unlock(&o->rt->mutex);
    if (o->r < 0)
        *e = o->err;
    return o->r;
}

static void listen_on_loop(struct on_loop *o)
{
    o->r = rpc_server_listen(o->rt->server, o->fd, &o->err);
    finish_on_loop(o);
}

static void drain_on_loop(struct on_loop *o)
{
    cri_monitor_free(TAKE_PTR(o->rt->monitor)); /* it looks at what goes away next */
    rpc_server_drain(o->rt->server, o->deadline, finish_on_loop, o);
}

static void stop_on_loop(struct on_loop *o)
{
    loop_stop(o->rt->loop);
    finish_on_loop(o);
}

static int start_up(struct cri_runtime *rt, struct err *e)
{
    struct cri_service *s = &rt->service;
    struct ctx ctx = cri_background(s, START_LIMIT);
    struct cri_recovered recovered;
    TRY(cri_check_owner(&s->ctrd, &ctx, rt->options.containerd, s->config.snapshotter, &rt->arena, &s->containerd_version,
                        &s->snapshotter_roots, e));
    TRY(ctrd_namespace_ensure(&s->ctrd, &ctx, OCI_CONTAINERD_NAMESPACE, e));
    TRY(cri_recover(s, &ctx, &recovered, e));
    cri_recover_clean(s, &ctx, &recovered);
    cri_pod_cidr_restore(s);
    networks_check_start(s);
    log_info("containerd %s; recovered %zu pods, %zu containers, %zu images; %zu records set aside", s->containerd_version, recovered.sandboxes,
             recovered.containers, recovered.images, recovered.set_aside);
    TRY(cri_events_start(s, &rt->events, e));
    struct on_loop o = {.rt = rt, .fn = listen_on_loop};
    TRY(runtime_listen(&rt->options, &rt->arena, &o.fd, &rt->socket_made, e));
    rt->listening = true;
    return call_on_loop(&o, e);
}

static void detach_containers(struct cri_service *s)
{
    _cleanup_arena_ struct arena a = ARENA_INIT(ARENA_BUDGET_DEFAULT);
    struct object **list;
    size_t n;
    if (store_list(&s->containers, &a, &list, &n, NULL) < 0)
        return;
    for (size_t i = 0; i < n; i++) {
        struct container *c = (struct container *)list[i];
        cio_detach(container_detach(c));
        container_unref(c);
    }
}

/* Takes down in the order in which things depend on each other: no new calls, no calls in flight, no jobs, then what jobs use. */
static void shut_down(struct cri_runtime *rt)
{
    struct on_loop drain = {.rt = rt, .fn = drain_on_loop, .deadline = clock_deadline(DRAIN_LIMIT)};
    if (rt->socket_made)
        unlink(rt->options.listen);
    pthread_mutex_lock(&rt->mutex);
    rt->ending = true;
    pthread_mutex_unlock(&rt->mutex);
    call_on_loop(&drain, &drain.err);
    cancel_fire(&rt->service.stopping);
    cri_events_stop(TAKE_PTR(rt->events));
    executor_drain(rt->executor);
    image_service_free(TAKE_PTR(rt->service.image_service));
    executor_drain(rt->service.background);
    detach_containers(&rt->service);
    struct on_loop stop = {.rt = rt, .fn = stop_on_loop};
    call_on_loop(&stop, &stop.err);
}

static void *supervise(void *arg)
{
    struct cri_runtime *rt = arg;
    rt->r = start_up(rt, &rt->err);
    pthread_mutex_lock(&rt->mutex);
    rt->started = true;
    if (rt->r == -ERR_CANCELLED && rt->stopping)
        rt->r = 0; /* it was told to stop before it had started */
    pthread_mutex_unlock(&rt->mutex);
    if (rt->r == 0 && rt->listening) {
        log_info("cri-containerd: serving CRI on %s", rt->options.listen);
        atomic_store(&rt->service.serving, true);
        if (rt->options.ready)
            rt->options.ready(rt->options.user, rt->options.listen);
        pthread_mutex_lock(&rt->mutex);
        while (!rt->stopping)
            pthread_cond_wait(&rt->cond, &rt->mutex);
        pthread_mutex_unlock(&rt->mutex);
    }
    shut_down(rt);
    return NULL;
}

/* The loop fails when memory is short; that passes. */
static int run_loop(struct cri_runtime *rt, struct err *e)
{
    int r = loop_run(rt->loop, e);
    for (int tries = 0; r < 0 && tries < LOOP_TRIES; tries++) {
        log_error("event loop: %s", e->message);
        poll(NULL, 0, 100);
        r = loop_run(rt->loop, e);
    }
    return r;
}

int cri_runtime_run(struct cri_runtime *rt, struct err *e)
{
    pthread_t supervisor;
    int error = pthread_create(&supervisor, NULL, supervise, rt);
    if (error)
        return err_errno(e, error, "start the supervisor thread");
    int r = run_loop(rt, e);
    if (r < 0)
        return r; /* nothing can be taken down in order without the loop: the process is to end */
    pthread_join(supervisor, NULL);
    if (rt->r < 0) {
        *e = rt->err;
        return rt->r;
    }
    return r;
}

void cri_runtime_stop(struct cri_runtime *rt)
{
    pthread_mutex_lock(&rt->mutex);
    rt->stopping = true;
    pthread_cond_broadcast(&rt->cond);
    if (!rt->started)
        cancel_fire(&rt->service.stopping); /* later, shut_down lets calls in flight end first */
    pthread_mutex_unlock(&rt->mutex);
}
