/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Fixture: requests, calls, and looks at what there is. See fixture.h.
 */
#include "fixture.h"

#include <dirent.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "rpc/message.h"
#include "world.h"

/* --- calls ------------------------------------------------------------------------------------------------------------------ */

static const struct rpc_method *find_method(const struct fx *f, size_t method)
{
    for (size_t i = 0; i < f->n_methods; i++)
        if (strcmp(f->methods[i].path, cri_methods[method].path) == 0)
            return &f->methods[i];
    fx_die("the routing table lacks a method", NULL);
}

void fx_call_init(struct fx *f, struct fx_call *c, size_t method, const void *request)
{
    const ProtobufCMessage *m = request;
    memset(c, 0, sizeof *c);
    c->call.method = find_method(f, method);
    c->call.ctx.deadline = CLOCK_NEVER;
    arena_init(&c->call.arena, ARENA_BUDGET_DEFAULT);
    uint8_t *packed = malloc(protobuf_c_message_get_packed_size(m) + 1);
    size_t n = protobuf_c_message_pack(m, packed);
    struct err e = ERR_INIT;
    if (rpc_message_unpack(c->call.method->request, view_make((char *)packed, n), &c->call.arena, &c->request, &e) < 0)
        fx_die("unpack the request", &e);
    free(packed);
    c->response = rpc_message_new(c->call.method->response, &c->call.arena);
    if (!c->response)
        fx_die("no memory", NULL);
}

int fx_call_run(struct fx *f, struct fx_call *c)
{
    c->r = c->call.method->unary(&f->service, &c->call, c->request, c->response, &c->e);
    if (c->r > 0 || c->r < -ERR_CODE_MAX || (c->r < 0 && ((int)c->e.code != -c->r || c->e.message[0] == '\0')))
        fx_die("a handler returned an error without code or text", &c->e);
    for (const char *p = c->e.message; *p; p++)
        if ((unsigned char)*p < 0x20 || *p == 0x7f)
            fx_die("a handler's error has a control byte", &c->e);
    return c->r;
}

void fx_call_done(struct fx_call *c)
{
    arena_done(&c->call.arena);
}

int fx_rpc(struct fx *f, size_t method, const void *request)
{
    struct fx_call c;
    fx_call_init(f, &c, method, request);
    fx_call_run(f, &c);
    f->e = c.e;
    fx_call_done(&c);
    return c.r;
}

/* --- requests ----------------------------------------------------------------------------------------------------------------- */

void fx_pod_init(struct fx *f, struct fx_pod *p, const char *name)
{
    runtime__v1__run_pod_sandbox_request__init(&p->request);
    runtime__v1__pod_sandbox_config__init(&p->config);
    runtime__v1__pod_sandbox_metadata__init(&p->metadata);
    runtime__v1__linux_pod_sandbox_config__init(&p->linux_config);
    runtime__v1__linux_sandbox_security_context__init(&p->security);
    runtime__v1__namespace_option__init(&p->namespaces);
    runtime__v1__dnsconfig__init(&p->dns);
    snprintf(p->name, sizeof p->name, "%s", name);
    snprintf(p->uid, sizeof p->uid, "uid-%s", p->name);
    p->metadata.name = p->name;
    p->metadata.uid = p->uid;
    p->metadata.namespace_ = (char *)"default";
    p->config.metadata = &p->metadata;
    p->config.hostname = p->name;
    p->config.log_directory = f->logs;
    p->request.config = &p->config;
}

void fx_container_init(struct fx_container *c, const char *sandbox_id, struct fx_pod *pod, const char *name)
{
    runtime__v1__create_container_request__init(&c->request);
    runtime__v1__container_config__init(&c->config);
    runtime__v1__container_metadata__init(&c->metadata);
    runtime__v1__image_spec__init(&c->image);
    runtime__v1__linux_container_config__init(&c->linux_config);
    runtime__v1__linux_container_resources__init(&c->resources);
    runtime__v1__linux_container_security_context__init(&c->security);
    runtime__v1__namespace_option__init(&c->namespaces);
    snprintf(c->name, sizeof c->name, "%s", name);
    snprintf(c->log_path, sizeof c->log_path, "%s/0.log", c->name);
    c->metadata.name = c->name;
    c->image.image = (char *)FX_IMAGE;
    c->config.metadata = &c->metadata;
    c->config.image = &c->image;
    c->config.log_path = c->log_path;
    c->request.pod_sandbox_id = (char *)sandbox_id;
    c->request.config = &c->config;
    c->request.sandbox_config = &pod->config;
}

int fx_run(struct fx *f, struct fx_pod *p, char *id)
{
    struct fx_call c;
    fx_call_init(f, &c, CRI_METHOD_RUN_POD_SANDBOX, &p->request);
    if (fx_call_run(f, &c) == 0 && id)
        snprintf(id, ID_LEN + 1, "%s", ((Runtime__V1__RunPodSandboxResponse *)c.response)->pod_sandbox_id);
    f->e = c.e;
    fx_call_done(&c);
    return c.r;
}

int fx_stop_pod(struct fx *f, const char *id)
{
    Runtime__V1__StopPodSandboxRequest q = RUNTIME__V1__STOP_POD_SANDBOX_REQUEST__INIT;
    q.pod_sandbox_id = (char *)id;
    return fx_rpc(f, CRI_METHOD_STOP_POD_SANDBOX, &q);
}

int fx_remove_pod(struct fx *f, const char *id)
{
    Runtime__V1__RemovePodSandboxRequest q = RUNTIME__V1__REMOVE_POD_SANDBOX_REQUEST__INIT;
    q.pod_sandbox_id = (char *)id;
    return fx_rpc(f, CRI_METHOD_REMOVE_POD_SANDBOX, &q);
}

int fx_create(struct fx *f, struct fx_container *p, char *id)
{
    struct fx_call c;
    fx_call_init(f, &c, CRI_METHOD_CREATE_CONTAINER, &p->request);
    if (fx_call_run(f, &c) == 0 && id)
        snprintf(id, ID_LEN + 1, "%s", ((Runtime__V1__CreateContainerResponse *)c.response)->container_id);
    f->e = c.e;
    fx_call_done(&c);
    return c.r;
}

int fx_start_container(struct fx *f, const char *id)
{
    Runtime__V1__StartContainerRequest q = RUNTIME__V1__START_CONTAINER_REQUEST__INIT;
    q.container_id = (char *)id;
    return fx_rpc(f, CRI_METHOD_START_CONTAINER, &q);
}

int fx_stop_container(struct fx *f, const char *id, int64_t timeout)
{
    Runtime__V1__StopContainerRequest q = RUNTIME__V1__STOP_CONTAINER_REQUEST__INIT;
    q.container_id = (char *)id;
    q.timeout = timeout;
    return fx_rpc(f, CRI_METHOD_STOP_CONTAINER, &q);
}

int fx_remove_container(struct fx *f, const char *id)
{
    Runtime__V1__RemoveContainerRequest q = RUNTIME__V1__REMOVE_CONTAINER_REQUEST__INIT;
    q.container_id = (char *)id;
    return fx_rpc(f, CRI_METHOD_REMOVE_CONTAINER, &q);
}

void fx_must_run(struct fx *f, const char *name, char *id)
{
    struct fx_pod p;
    fx_pod_init(f, &p, name);
    if (fx_run(f, &p, id) < 0)
        fx_die("RunPodSandbox", &f->e);
}

void fx_must_create(struct fx *f, const char *sandbox_id, const char *pod, const char *name, char *id)
{
    struct fx_pod p;
    struct fx_container c;
    fx_pod_init(f, &p, pod);
    fx_container_init(&c, sandbox_id, &p, name);
    if (fx_create(f, &c, id) < 0)
        fx_die("CreateContainer", &f->e);
}

void fx_must_run_container(struct fx *f, const char *sandbox_id, const char *pod, const char *name, char *id)
{
    fx_must_create(f, sandbox_id, pod, name, id);
    if (fx_start_container(f, id) < 0)
        fx_die("StartContainer", &f->e);
}

struct fx_status fx_container_status(struct fx *f, const char *id)
{
    Runtime__V1__ContainerStatusRequest q = RUNTIME__V1__CONTAINER_STATUS_REQUEST__INIT;
    struct fx_status s = {.state = -1};
    struct fx_call c;
    q.container_id = (char *)id;
    fx_call_init(f, &c, CRI_METHOD_CONTAINER_STATUS, &q);
    if (fx_call_run(f, &c) == 0) {
        const Runtime__V1__ContainerStatus *st = ((Runtime__V1__ContainerStatusResponse *)c.response)->status;
        s = (struct fx_status){
            .state = (int)st->state,
            .exit_code = st->exit_code,
            .created_at = st->created_at,
            .started_at = st->started_at,
            .finished_at = st->finished_at,
            .cpu_shares = st->resources && st->resources->linux ? st->resources->linux->cpu_shares : 0,
        };
        snprintf(s.reason, sizeof s.reason, "%s", st->reason);
        snprintf(s.message, sizeof s.message, "%s", st->message);
    }
    fx_call_done(&c);
    return s;
}

int fx_pod_state(struct fx *f, const char *id)
{
    Runtime__V1__PodSandboxStatusRequest q = RUNTIME__V1__POD_SANDBOX_STATUS_REQUEST__INIT;
    struct fx_call c;
    q.pod_sandbox_id = (char *)id;
    fx_call_init(f, &c, CRI_METHOD_POD_SANDBOX_STATUS, &q);
    int state = fx_call_run(f, &c) == 0 ? (int)((Runtime__V1__PodSandboxStatusResponse *)c.response)->status->state : -1;
    fx_call_done(&c);
    return state;
}

/* --- what there is ------------------------------------------------------------------------------------------------------------ */

/* Files, and directories named by an id; directories that are shared are not counted, nor is what the kubelet told of the node. */
static size_t count_files(const char *path)
{
    size_t n = 0;
    DIR *d = opendir(path);
    for (struct dirent *entry; d && (entry = readdir(d));) {
        char sub[512];
        struct stat st;
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0 || strcmp(entry->d_name, "pod-cidr") == 0)
            continue;
        snprintf(sub, sizeof sub, "%s/%s", path, entry->d_name);
        if (lstat(sub, &st) == 0 && S_ISDIR(st.st_mode))
            n += count_files(sub) + (strlen(entry->d_name) >= 16);
        else
            n++;
    }
    if (d)
        closedir(d);
    return n;
}

struct fx_world fx_look(struct fx *f)
{
    struct fx_world w = {
        .live = fake_live(f->fake),
        .sandboxes = f->up ? store_count(&f->service.sandboxes) : 0,
        .containers = f->up ? store_count(&f->service.containers) : 0,
        .files = count_files(f->root) + count_files(f->state) + count_files(f->netns) + count_files(f->cache),
    };
    for (size_t i = 0; i < FX_MOUNTS_MAX; i++)
        w.mounts += f->mounts[i] != NULL;
    return w;
}

static void print_world(const char *what, const struct fx_world *w)
{
    fprintf(stderr, "%s: containerd %zu containers %zu tasks %zu execs %zu snapshots %zu leases %zu ingests; %zu sandboxes %zu containers; %zu files %zu mounts\n",
            what, w->live.containers, w->live.tasks, w->live.execs, w->live.snapshots, w->live.leases, w->live.ingests, w->sandboxes, w->containers,
            w->files, w->mounts);
}

bool fx_same(const struct fx_world *x, const struct fx_world *y)
{
    bool same = x->live.containers == y->live.containers && x->live.tasks == y->live.tasks && x->live.execs == y->live.execs &&
                x->live.snapshots == y->live.snapshots && x->live.leases == y->live.leases && x->live.ingests == y->live.ingests &&
                x->sandboxes == y->sandboxes && x->containers == y->containers && x->files == y->files && x->mounts == y->mounts;
    if (!same) {
        print_world("before", x);
        print_world("after ", y);
    }
    return same;
}

bool fx_nothing_left(struct fx *f)
{
    struct fx_world nothing = {0}, now = fx_look(f);
    return fx_same(&nothing, &now);
}

static bool valid_container(struct fx *f, struct container *c)
{
    struct object *sb = NULL;
    object_lock(&c->o);
    struct container_status s = c->status;
    object_unlock(&c->o);
    bool has_sandbox = store_get(&f->service.sandboxes, c->meta.sandbox_id, &sb, NULL) == 0;
    object_unref(sb);
    bool times = (s.finished_at == 0 || s.unknown || s.finished_at >= s.created_at) && (s.pid == 0 || s.finished_at == 0);
    bool reason = (s.finished_at != 0) == (s.reason[0] != '\0');
    bool texts = memchr(s.reason, '\0', sizeof s.reason) && memchr(s.message, '\0', sizeof s.message);
    if (!has_sandbox || !times || !reason || !texts)
        fprintf(stderr, "container %s: its pod exists: %d, times %d, reason %d (\"%s\")\n", c->o.id, has_sandbox, times, reason, s.reason);
    return has_sandbox && times && reason && texts;
}

static bool listed_by_name(struct store *s, struct object *o)
{
    struct object *found = store_find_name(s, o->name);
    bool same = found == o;
    object_unref(found);
    if (!same)
        fprintf(stderr, "%s %s is not found by its name \"%s\"\n", s->what, o->id, o->name);
    return same;
}

bool fx_stores_valid(struct fx *f)
{
    _cleanup_arena_ struct arena a = ARENA_INIT(1 << 20);
    struct object **list;
    size_t n;
    bool valid = true;
    if (store_list(&f->service.containers, &a, &list, &n, NULL) < 0)
        fx_die("list containers", NULL);
    for (size_t i = 0; i < n; i++) {
        valid = valid_container(f, (struct container *)list[i]) && listed_by_name(&f->service.containers, list[i]) && valid;
        object_unref(list[i]);
    }
    if (store_list(&f->service.sandboxes, &a, &list, &n, NULL) < 0)
        fx_die("list sandboxes", NULL);
    for (size_t i = 0; i < n; i++) {
        struct sandbox *sb = (struct sandbox *)list[i];
        valid = listed_by_name(&f->service.sandboxes, list[i]) && !sb->stopping && valid;
        object_unref(list[i]);
    }
    return valid;
}

void fx_remove_all(struct fx *f)
{
    _cleanup_arena_ struct arena a = ARENA_INIT(1 << 20);
    struct object **list;
    size_t n;
    if (store_list(&f->service.sandboxes, &a, &list, &n, NULL) < 0)
        fx_die("list sandboxes", NULL);
    for (size_t i = 0; i < n; i++) {
        if (fx_stop_pod(f, list[i]->id) < 0)
            fx_die("StopPodSandbox", &f->e);
        if (fx_remove_pod(f, list[i]->id) < 0)
            fx_die("RemovePodSandbox", &f->e);
        object_unref(list[i]);
    }
}

bool fx_calls_are(struct fx *f, size_t mark, const char *const *methods)
{
    size_t n = 0, made = fake_calls(f->fake) - mark;
    while (methods[n])
        n++;
    bool same = n == made;
    for (size_t i = 0; same && i < n; i++)
        same = strcmp(methods[i], fake_call(f->fake, mark + i)) == 0;
    if (!same) {
        fputs("calls expected:", stderr);
        for (size_t i = 0; i < n; i++)
            fprintf(stderr, " %s", methods[i]);
        fputs("\ncalls made:    ", stderr);
        for (size_t i = 0; i < made; i++)
            fprintf(stderr, " %s", fake_call(f->fake, mark + i));
        fputc('\n', stderr);
    }
    return same;
}

void fx_set_extension(struct fx *f, const char *id, const char *key, const char *type_url, const char *json)
{
    const struct ctrd ctrd = fake_ctrd(f->fake);
    const struct ctx ctx = CTX_BACKGROUND;
    struct ctrd_extension x = {.key = key, .any = {.type_url = type_url, .value = view_of(json)}};
    struct ctrd_container c = {.id = id, .extensions = &x, .n_extensions = 1};
    char field[128];
    snprintf(field, sizeof field, "extensions.%s", key);
    const char *const fields[] = {field, NULL};
    struct err e = ERR_INIT;
    if (ctrd_container_update(&ctrd, &ctx, &c, fields, &e) < 0)
        fx_die("update a record", &e);
}

char *fx_path(struct fx *f, const char *base, const char *kind, const char *id, const char *name)
{
    static char path[512];
    snprintf(path, sizeof path, "%s/%s/%s%s%s", base, kind, id, name ? "/" : "", name ? name : "");
    return path;
}

bool fx_exists(const char *path)
{
    return access(path, F_OK) == 0;
}
