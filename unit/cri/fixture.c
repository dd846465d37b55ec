/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Fixture: the service and the world it lives in, see fixture.h. Calls and requests are in calls.c.
 */
#include "fixture.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/log.h"
#include "base/mem.h"
#include "cri/container.h"
#include "image/pull.h"
#include "parse/ociimage.h"
#include "world.h"

/* cri/os.h has no user pointer. */
static struct fx *current;

#define MUST(expr)                                                                                        \
    do {                                                                                                  \
        struct err must_e_ = ERR_INIT, *e_ = &must_e_;                                                    \
        if ((expr) < 0)                                                                                   \
            fx_die(#expr, e_);                                                                            \
    } while (0)

_Noreturn void fx_die(const char *what, const struct err *e)
{
    fprintf(stderr, "\nfixture: %s: %s\n", what, e ? e->message : "does not hold");
    abort();
}

/* --- the host --------------------------------------------------------------------------------------------------------------- */

/* Notes the call; its scripted failure. */
static int host(enum fx_host which, const char *name, struct err *e)
{
    pthread_mutex_lock(&current->lock);
    if (current->n_host_calls < FX_HOST_CALLS_MAX)
        snprintf(current->host_calls[current->n_host_calls++], sizeof current->host_calls[0], "%s", name);
    enum err_code code = current->fails[which];
    pthread_mutex_unlock(&current->lock);
    return code == ERR_OK ? 0 : err_raise(e, code, "scripted: %s", name);
}

static int netns_create_(const char *path, struct err *e)
{
    TRY(host(FX_NETNS_CREATE, "netns+", e));
    int fd = open(path, O_CREAT | O_EXCL | O_RDONLY | O_CLOEXEC, 0600);
    if (fd < 0)
        return err_errno(e, errno, "create %s", path);
    close(fd);
    return 0;
}

static int netns_remove_(const char *path, struct err *e)
{
    TRY(host(FX_NETNS_REMOVE, "netns-", e));
    unlink(path);
    return 0;
}

static bool netns_alive_(const char *path)
{
    return access(path, F_OK) == 0;
}

static int shm_mount_(const char *path, struct err *e)
{
    TRY(host(FX_SHM_MOUNT, "shm+", e));
    pthread_mutex_lock(&current->lock);
    size_t i = 0;
    while (i < FX_MOUNTS_MAX && current->mounts[i])
        i++;
    if (i == FX_MOUNTS_MAX)
        fx_die("more mounts than the fixture holds", NULL);
    current->mounts[i] = strdup(path);
    pthread_mutex_unlock(&current->lock);
    return 0;
}

static int unmount_(const char *path, struct err *e)
{
    TRY(host(FX_UNMOUNT, "unmount", e));
    pthread_mutex_lock(&current->lock);
    for (size_t i = 0; i < FX_MOUNTS_MAX; i++)
        if (current->mounts[i] && strcmp(current->mounts[i], path) == 0) {
            free(current->mounts[i]);
            current->mounts[i] = NULL;
        }
    pthread_mutex_unlock(&current->lock);
    return 0;
}

static int open_root_(const struct ctrd_mounts *mounts, const char *scratch, int *ret_fd, struct err *e)
{
    TRY(host(FX_OPEN_ROOT, "open_root", e));
    *ret_fd = open(current->rootfs, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return *ret_fd < 0 ? err_errno(e, errno, "open %s", current->rootfs) : 0;
}

static int mountinfo_(struct buf *out, struct err *e)
{
    TRY(host(FX_MOUNTINFO, "mountinfo", e));
    return buf_add_str(out, "22 1 8:1 / / rw,relatime shared:1 - ext4 /dev/root rw\n") < 0 ? err_oom(e) : 0;
}

static int host_devices_(struct arena *a, struct devices *ret, struct err *e)
{
    static struct oci_device null = {.path = "/dev/null", .type = 'c', .major = 1, .minor = 3, .mode = 0666};
    *ret = (struct devices){.v = &null, .n = 1};
    return 0;
}

static const struct cri_os fx_os = {
    .netns_create = netns_create_,
    .netns_remove = netns_remove_,
    .netns_alive = netns_alive_,
    .shm_mount = shm_mount_,
    .unmount = unmount_,
    .open_root = open_root_,
    .mountinfo = mountinfo_,
    .host_devices = host_devices_,
};

static int run_plugin(void *user, const struct ctx *ctx, const char *const argv[], const char *const envp[], struct view input, struct buf *out,
                      struct buf *err_out, struct proc_result *ret, struct err *e)
{
    const char *command = "";
    for (size_t i = 0; envp[i]; i++)
        if (strncmp(envp[i], "CNI_COMMAND=", 12) == 0)
            command = envp[i] + 12;
    bool add = strcmp(command, "ADD") == 0;
    struct err ignored = ERR_INIT;
    *ret = (struct proc_result){0};
    if (host(add ? FX_CNI_ADD : strcmp(command, "CHECK") == 0 ? FX_CNI_CHECK : FX_CNI_DEL, command, &ignored) < 0) {
        ret->status = 1;
        return buf_add_str(out, "{\"code\":999,\"msg\":\"scripted plugin failure\"}") < 0 ? err_oom(e) : 0;
    }
    if (current->plugin_hangs && strcmp(command, "DEL") != 0) {
        struct pollfd p = {.fd = ctx->cancel ? ctx->cancel->wake_fd : -1, .events = POLLIN};
        poll(&p, 1, clock_poll_ms(ctx->deadline));
        return ctx_check(ctx, argv[0], e);
    }
    if (!add)
        return 0;
    return buf_add_str(out, "{\"cniVersion\":\"1.0.0\",\"interfaces\":[{\"name\":\"eth0\",\"mac\":\"aa:bb:cc:00:00:02\",\"sandbox\":\"/n\"}],"
                            "\"ips\":[{\"interface\":0,\"address\":\"" FX_IP "/16\",\"gateway\":\"10.88.0.1\"},"
                            "{\"interface\":0,\"address\":\"fd00::5/64\"}],\"routes\":[{\"dst\":\"0.0.0.0/0\"}],\"dns\":{}}") < 0
               ? err_oom(e)
               : 0;
}

static int loopback_up(const char *netns, bool *ret_ipv6, struct err *e)
{
    *ret_ipv6 = true;
    return 0;
}

/* --- containerd ----------------------------------------------------------------------------------------------------------------- */

static const char *short_name(const char *path)
{
    const char *slash = strrchr(path, '/'), *dot = slash;
    while (dot > path && *dot != '.')
        dot--;
    return dot + 1;
}

/* Nobody else is there to make time pass while a handler polls a task, so each look costs a virtual second. */
static int unary(void *user, const struct ctx *ctx, const char *path, const ProtobufCMessage *request, const ProtobufCMessageDescriptor *response,
                 struct arena *a, ProtobufCMessage **ret, struct err *e)
{
    struct fx *f = user;
    const char *name = short_name(path);
    if (f->on_call)
        f->on_call(f, name);
    if (!f->threads && strcmp(name, "Tasks/Get") == 0)
        clock_advance(NSEC_PER_SEC);
    const struct rpc_channel *c = fake_channel(f->fake);
    return c->ops->unary(c->user, ctx, path, request, response, a, ret, e);
}

static int open_(void *user, const struct ctx *ctx, const char *path, struct rpc_client_stream **ret, struct err *e)
{
    const struct rpc_channel *c = fake_channel(((struct fx *)user)->fake);
    return c->ops->open(c->user, ctx, path, ret, e);
}

static int send_(void *user, struct rpc_client_stream *s, const struct ctx *ctx, const ProtobufCMessage *m, bool last, struct err *e)
{
    const struct rpc_channel *c = fake_channel(((struct fx *)user)->fake);
    return c->ops->send(c->user, s, ctx, m, last, e);
}

static int recv_(void *user, struct rpc_client_stream *s, const struct ctx *ctx, const ProtobufCMessageDescriptor *message, struct arena *a,
                 ProtobufCMessage **ret, struct err *e)
{
    const struct rpc_channel *c = fake_channel(((struct fx *)user)->fake);
    return c->ops->recv(c->user, s, ctx, message, a, ret, e);
}

static void close_(void *user, struct rpc_client_stream *s)
{
    const struct rpc_channel *c = fake_channel(((struct fx *)user)->fake);
    c->ops->close(c->user, s);
}

static const struct rpc_channel_ops channel_ops = {.unary = unary, .open = open_, .send = send_, .recv = recv_, .close = close_};

static void label_blob(const struct ctrd *c, const char *digest, const char *key, const char *value)
{
    const struct ctx ctx = CTX_BACKGROUND;
    struct kv kv = {(char *)key, (char *)value};
    const struct kvlist labels = {.v = &kv, .n = 1, .cap = 1};
    MUST(ctrd_content_set_labels(c, &ctx, digest, &labels, e_));
}

void fx_image(struct fx *f, const char *name, const char *config)
{
    char layer[FAKE_DIGEST_MAX], digest[FAKE_DIGEST_MAX], manifest_digest[FAKE_DIGEST_MAX], text[4096], manifest[1024];
    const struct oci_platform host_ = oci_platform_host();
    const struct ctx ctx = CTX_BACKGROUND;
    const struct ctrd ctrd = fake_ctrd(f->fake);
    int n = snprintf(text, sizeof text, "the layer of %s", name);
    fake_add_blob(f->fake, text, (size_t)n, layer);
    fake_add_layer(f->fake, layer, "");
    size_t size = (size_t)snprintf(text, sizeof text, "{\"architecture\":\"%s\",\"os\":\"linux\",\"config\":{%s},"
                                   "\"rootfs\":{\"type\":\"layers\",\"diff_ids\":[\"%s\"]}}", host_.architecture, config, layer);
    fake_add_blob(f->fake, text, size, digest);
    int m = snprintf(manifest, sizeof manifest,
                     "{\"schemaVersion\":2,\"mediaType\":\"" OCI_MEDIA_MANIFEST "\",\"config\":{\"mediaType\":\"" OCI_MEDIA_CONFIG "\","
                     "\"digest\":\"%s\",\"size\":%zu},\"layers\":[{\"mediaType\":\"application/vnd.oci.image.layer.v1.tar\",\"digest\":\"%s\","
                     "\"size\":%d}]}", digest, size, layer, n);
    fake_add_blob(f->fake, manifest, (size_t)m, manifest_digest);
    label_blob(&ctrd, manifest_digest, "containerd.io/gc.ref.content.config", digest);
    label_blob(&ctrd, manifest_digest, "containerd.io/gc.ref.content.l.0", layer);
    label_blob(&ctrd, digest, "containerd.io/gc.ref.snapshot.overlayfs", layer);
    struct kv managed = {(char *)"io.cri-containerd.image", (char *)"managed"};
    struct ctrd_image image = {
        .labels = {.v = &managed, .n = 1, .cap = 1},
        .target = {.media_type = OCI_MEDIA_MANIFEST, .digest = manifest_digest, .size = m},
    };
    image.name = name;
    MUST(ctrd_image_create(&ctrd, &ctx, &image, e_));
    image.name = digest;
    MUST(ctrd_image_create(&ctrd, &ctx, &image, e_));
}

/* --- figures ------------------------------------------------------------------------------------------------------------------- */

uint32_t fx_pid(struct fx *f, const char *id)
{
    struct object *o;
    struct err e = ERR_INIT;
    bool pod = store_get(&f->service.sandboxes, id, &o, &e) == 0;
    if (!pod && store_get(&f->service.containers, id, &o, &e) < 0)
        fx_die("the process of what is not there", &e);
    uint32_t pid = pod ? ((struct sandbox *)o)->pid : ((struct container *)o)->status.pid;
    object_unref(o);
    return pid;
}

static void put_below(const char *base, const char *path, const char *text)
{
    char full[512];
    size_t n = (size_t)snprintf(full, sizeof full, "%s/%s", base, path);
    char *slash = strrchr(full, '/');
    if (n >= sizeof full)
        fx_die("a path is too long", NULL);
    *slash = '\0';
    MUST(fs_mkdir_all(full, 0700, e_));
    *slash = '/';
    MUST(fs_write_file(full, view_of(text), 0600, e_));
}

void fx_figure(struct fx *f, const char *text, const char *format, ...)
{
    char path[400];
    va_list ap;
    va_start(ap, format);
    vsnprintf(path, sizeof path, format, ap);
    va_end(ap);
    put_below(f->cgroups, path, text);
}

static void put_cgroup(struct fx *f, const char *path)
{
    static const char pressure[] = "some avg10=1.50 avg60=0.25 avg300=0.00 total=12\nfull avg10=0.00 avg60=0.00 avg300=0.00 total=3\n";
    fx_figure(f, "2000000000\n", "cpuacct%s/cpuacct.usage", path);
    fx_figure(f, "total_inactive_file 1000\ntotal_rss 4096\ntotal_pgfault 7\ntotal_pgmajfault 1\ntotal_swap 500\n", "memory%s/memory.stat", path);
    fx_figure(f, "10000\n", "memory%s/memory.usage_in_bytes", path);
    fx_figure(f, "20000\n", "memory%s/memory.limit_in_bytes", path);
    fx_figure(f, "21000\n", "memory%s/memory.memsw.limit_in_bytes", path);
    fx_figure(f, "3\n", "pids%s/pids.current", path);
    fx_figure(f, pressure, "unified%s/cpu.pressure", path);
    fx_figure(f, pressure, "unified%s/memory.pressure", path);
    fx_figure(f, pressure, "unified%s/io.pressure", path);
}

void fx_figures(struct fx *f, const char *id, const char *parent)
{
    char path[256], name[64], text[2048];
    put_cgroup(f, parent);
    snprintf(path, sizeof path, "%s/%s", parent, id);
    put_cgroup(f, path);
    snprintf(text, sizeof text, "4:cpuacct:%s\n3:memory:%s\n2:pids:%s\n0::%s\n", path, path, path, path);
    snprintf(name, sizeof name, "%u/cgroup", fx_pid(f, id));
    put_below(f->proc, name, text);
    snprintf(name, sizeof name, "%u/net/dev", fx_pid(f, id));
    put_below(f->proc, name, "lo: 9 0 0 0 0 0 0 0 9 0 0 0 0 0 0 0\nnet1: 8 0 0 0 0 0 0 0 8 0 0 0 0 0 0 0\neth0: 100 0 1 0 0 0 0 0 200 0 2 0 0 0 0 0\n");
}

/* --- the service -------------------------------------------------------------------------------------------------------------- */

static bool abandoned(struct rpc_call *call)
{
    return current->abandoned;
}

static void keep_log(void *user, enum log_level level, const char *line)
{
    struct fx *f = user;
    for (const char *p = line; *p; p++)
        f->log_control = f->log_control || (unsigned char)*p < 0x20 || *p == 0x7f;
    size_t n = strlen(line);
    if (n + 2 > FX_LOG_MAX)
        return;
    if (f->log_n + n + 2 > FX_LOG_MAX)
        f->log_n = 0;
    memcpy(f->log + f->log_n, line, n);
    f->log_n += n;
    f->log[f->log_n++] = '\n';
    f->log[f->log_n] = '\0';
}

void fx_start(struct fx *f)
{
    struct cri_service *s = &f->service;
    const struct executor_limits limits = {.threads_max = 8, .slow_max = 6, .queue_max = 1024};
    const char *const bins[] = {f->bin};
    static const char *const no_environment[] = {NULL};
    memset(s, 0, sizeof *s);
    s->config = (struct cri_config){
        .root = f->root,
        .state = f->state,
        .snapshotter = "overlayfs",
        .sandbox_image = FX_PAUSE,
        .netns_dir = f->netns,
        .log_line_max = CIO_LOG_LINE_DEFAULT,
        .exit_poll = f->threads ? 20 * NSEC_PER_MSEC : 0,
        .one_thread = !f->threads,
    };
    s->ctrd = ctrd_client(&f->channel);
    s->os = &fx_os;
    MUST(stats_host_open(f->cgroups, f->proc, &s->stats, e_));
    s->host = (struct oci_host){.hostname = "node-1"};
    s->oom_score_adj_min = -1000;
    s->containerd_version = "1.6.20";
    s->abandoned = abandoned;
    arena_init(&f->arena, 1 << 20);
    MUST(runtime_handlers_make(&f->options, s->config.snapshotter, &f->arena, &s->handlers, e_));
    MUST(cri_service_init(s, e_));
    struct cni_options cni = {
        .conf_dir = f->conf,
        .bin_dirs = bins,
        .n_bin_dirs = 1,
        .cache_dir = f->cache,
        .conf_template = f->template,
        .proc = &f->plugins,
        .environment = no_environment,
        .loopback_up = loopback_up,
        .netns_exists = netns_alive_,
    };
    MUST(cni_new(&cni, &s->cni, e_));
    struct image_store_options store = {.ctrd = s->ctrd, .snapshotter = "overlayfs", .pinned_name = FX_PAUSE};
    MUST(image_store_new(&store, &s->images, e_));
    struct image_service_options images = {.ctrd = s->ctrd, .store = s->images, .snapshotter = "overlayfs", .inline_only = !f->threads,
                                            .http = f->http, .http_user = f->http_user};
    MUST(image_service_new(&images, &s->image_service, e_));
    MUST(f->threads ? cio_pump_new(&s->pump, e_) : cio_pump_new_inline(&s->pump, e_));
    MUST(f->threads ? executor_new_pool(&limits, &s->background, e_) : executor_new_inline(&s->background, e_));
    MUST(cri_methods_table(&f->arena, &f->methods, &f->n_methods, e_));
    f->up = true;
}

static void detach_containers(struct cri_service *s)
{
    _cleanup_arena_ struct arena a = ARENA_INIT(1 << 20);
    struct object **list;
    size_t n;
    MUST(store_list(&s->containers, &a, &list, &n, e_));
    for (size_t i = 0; i < n; i++) {
        struct container *c = (struct container *)list[i];
        cio_detach(TAKE_PTR(c->io));
        container_unref(c);
    }
}

void fx_stop(struct fx *f)
{
    struct cri_service *s = &f->service;
    fx_events_close(f);
    image_service_free(s->image_service);
    executor_free(s->background);
    detach_containers(s);
    image_store_free(s->images);
    cni_free(s->cni);
    cri_service_done(s);
    stats_host_close(&s->stats);
    cio_pump_free(s->pump);
    arena_done(&f->arena);
    f->up = false;
}

struct cri_recovered fx_restart(struct fx *f)
{
    const struct ctx ctx = CTX_BACKGROUND;
    struct cri_recovered recovered;
    if (f->up)
        fx_stop(f);
    fx_start(f);
    MUST(cri_recover(&f->service, &ctx, &recovered, e_));
    cri_recover_clean(&f->service, &ctx, &recovered);
    cri_collect_networks(&f->service, &ctx); /* in the daemon a second later */
    return recovered;
}

static void make_dir(struct fx *f, char out[96], const char *name)
{
    snprintf(out, 96, "%s/%s", f->dir, name);
    MUST(fs_mkdir_all(out, 0700, e_));
}

static void put_file(const char *dir, const char *name, const char *text)
{
    char path[256];
    snprintf(path, sizeof path, "%s/%s", dir, name);
    MUST(fs_write_file(path, view_of(text), 0755, e_));
}

static void make_dirs(struct fx *f)
{
    char etc[96];
    const char *base = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp"; /* files are synced one by one: memory is faster */
    snprintf(f->dir, sizeof f->dir, "%s/cri-unit-XXXXXX", base);
    if (!mkdtemp(f->dir))
        fx_die("mkdtemp", NULL);
    make_dir(f, f->root, "root");
    make_dir(f, f->state, "state");
    make_dir(f, f->netns, "netns");
    make_dir(f, f->conf, "net.d");
    snprintf(f->template, sizeof f->template, "%s/template", f->dir);
    make_dir(f, f->bin, "bin");
    make_dir(f, f->cache, "cache");
    make_dir(f, f->logs, "logs");
    make_dir(f, f->cgroups, "cgroups");
    for (const char *const *name = (const char *const[]){"cpuacct", "memory", "pids", "unified", NULL}; *name; name++)
        fx_figure(f, "", "%s/tasks", *name);
    make_dir(f, f->proc, "proc");
    make_dir(f, f->rootfs, "rootfs");
    make_dir(f, etc, "rootfs/etc");
    put_file(etc, "passwd", "root:x:0:0::/:\napp:x:7:8::/:\n");
    put_file(etc, "group", "root:x:0:\nextra:x:99:app\n");
    put_file(f->bin, "bridge", "");
    put_file(f->conf, "10-net.conflist", "{\"cniVersion\":\"1.0.0\",\"name\":\"net\",\"plugins\":[{\"type\":\"bridge\"}]}");
}

struct fx *fx_new(int mode)
{
    struct fx *f = calloc(1, sizeof *f);
    if (!f || current)
        fx_die("one fixture at a time", NULL);
    current = f;
    f->live = mem_live();
    f->threads = mode == FX_THREADS;
    pthread_mutex_init(&f->lock, NULL);
    log_set_level(LOG_LEVEL_DEBUG);
    log_set_sink(keep_log, f);
    if (!f->threads)
        clock_virtual(1000 * NSEC_PER_SEC, INT64_C(1700000000) * (int64_t)NSEC_PER_SEC);
    make_dirs(f);
    f->plugins = (struct proc_ops){.run = run_plugin, .user = f};
    f->channel = (struct rpc_channel){.ops = &channel_ops, .user = f};
    f->fake = fake_new();
    fake_set_threads(f->fake, f->threads);
    fx_image(f, FX_PAUSE, "\"Entrypoint\":[\"/pause\"]");
    fx_image(f, FX_IMAGE, "\"User\":\"app\",\"Env\":[\"PATH=/bin\"],\"Cmd\":[\"/bin/sh\"]");
    fx_restart(f);
    return f;
}

static bool warming;

void fx_warm_up(void)
{
    warming = true;
    struct fx *f = fx_new(FX_INLINE);
    fx_must_run(f, "warm", (char[ID_LEN + 1]){0});
    fx_remove_all(f);
    fx_free(f);
    warming = false;
}

void fx_free(struct fx *f)
{
    if (f->up)
        fx_stop(f);
    fake_free(f->fake);
    MUST(fs_remove_all(f->dir, e_));
    for (size_t i = 0; i < FX_MOUNTS_MAX; i++)
        free(f->mounts[i]);
    clock_virtual_off();
    log_set_sink(NULL, NULL);
    pthread_mutex_destroy(&f->lock);
    size_t live = f->live;
    current = NULL;
    free(f);
    if (mem_live() != live && !warming) {
        fprintf(stderr, "fixture: %zd allocations are left\n", (ssize_t)(mem_live() - live));
        abort();
    }
}

void fx_events_close(struct fx *f)
{
    ctrd_events_close(&f->service.ctrd, TAKE_PTR(f->events));
}

void fx_events(struct fx *f)
{
    static const char *const filters[] = {"topic==\"/tasks/exit\"", "topic==\"/tasks/oom\"", "topic~=\"^/images/\"", NULL};
    const struct ctx ctx = CTX_BACKGROUND;
    const struct ctrd *c = &f->service.ctrd;
    if (!f->events) {
        struct err open_err = ERR_INIT;
        if (ctrd_events_open(c, &ctx, filters, &f->events, &open_err) < 0)
            return; /* an injected failure; the next call tries again */
        cri_events_resync(&f->service, &ctx);
    }
    for (;;) {
        _cleanup_arena_ struct arena a = ARENA_INIT(1 << 20);
        struct ctx now = {.deadline = clock_mono() + 1}; /* an event that is there comes at once; without one a nanosecond passes */
        struct ctrd_event event;
        struct err e = ERR_INIT;
        int r = ctrd_events_next(c, &now, f->events, &a, &event, &e);
        if (r <= 0) {
            if (r != -ERR_DEADLINE_EXCEEDED)
                fx_events_close(f); /* the stream broke: the next call begins anew */
            return;
        }
        cri_event_handle(&f->service, &event);
    }
}
