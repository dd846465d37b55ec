/* SPDX-License-Identifier: Apache-2.0 */
/*
 * UpdateContainerResources: the stored spec first, which is what counts from now on; then what ContainerStatus tells, and its file; then, where the
 * container runs, the task. A step that fails takes those before it back. One that has not started yet gets the new limits when it starts.
 */
#include <string.h>

#include "base/log.h"
#include "cri/container.h"
#include "cri/handlers.h"
#include "cri/records.h"
#include "cri/sandbox.h"
#include "oci/constants.h"
#include "oci/resources.h"
#include "state/gojson.h"

enum { SPEC_MAX = 4 << 20 };

struct update {
    struct cri_service *s;
    struct container *c;
    struct arena *arena;
    struct ctx ctx;
    struct view old_spec;
    struct view resources; /* linux.resources of the new spec */
    /* what ContainerStatus does not tell any more (or, after undo, never did) */
    struct arena old_arena;
    Runtime__V1__ContainerResources *old_resources;
    bool told;
    struct undo undo;
};

static int store_spec(struct cri_service *s, const struct ctx *ctx, const char *id, struct view spec, struct err *e)
{
    static const char *const fields[] = {CTRD_FIELD_SPEC, NULL};
    struct ctrd_container c = {.id = id, .spec = {.type_url = OCI_TYPE_URL_SPEC, .value = spec}};
    return ctrd_container_update(&s->ctrd, ctx, &c, fields, e);
}

static int undo_spec(const struct ctx *ctx, void *arg, struct err *e)
{
    struct update *u = arg;
    int r = store_spec(u->s, ctx, u->c->o.id, u->old_spec, e);
    return ctrd_is_not_found(r, e) ? 0 : r;
}

/* The policy of the container's handler, of the default one where that is no longer configured. */
static const struct oci_policy *find_policy(struct cri_service *s, const struct container *c)
{
    _cleanup_sandbox_ struct sandbox *sb = NULL;
    const struct runtime_handler *handler = s->handlers.default_;
    if (sandbox_get(&s->sandboxes, c->meta.sandbox_id, &sb, NULL) == 0)
        (void)runtime_handler_of_pod(&s->handlers, sb->meta.config, sb->meta.runtime_handler, &handler, NULL);
    return &handler->policy;
}

static int update_spec(struct update *u, const Runtime__V1__LinuxContainerResources *r, struct err *e)
{
    struct cri_service *s = u->s;
    struct ctrd_container record;
    struct oci_notes notes = {0};
    _cleanup_buf_ struct buf spec = BUF_INIT(SPEC_MAX);
    TRY(ctrd_container_get(&s->ctrd, &u->ctx, u->c->o.id, u->arena, &record, e));
    u->old_spec = record.spec.value;
    TRY(oci_spec_update_resources(record.spec.value, r, &s->host, find_policy(s, u->c), &notes, u->arena, &spec, &u->resources, e));
    for (size_t i = 0; i < notes.warnings.n; i++)
        log_warning("container %s: %s", u->c->o.id, notes.warnings.v[i]);
    undo_push(&u->undo, "store the former spec", undo_spec, u); /* first: the answer may get lost and the spec be changed */
    return store_spec(s, &u->ctx, u->c->o.id, buf_view(&spec), e);
}

/* The limits that r sets, on top of those of to; its lists have room for both. Zero means "leave as it is"; oom_score_adj cannot be changed any more. */
static void merge(Runtime__V1__LinuxContainerResources *to, const Runtime__V1__LinuxContainerResources *r)
{
#define TAKE(member)             \
    if (r->member)               \
        to->member = r->member
    TAKE(cpu_period);
    TAKE(cpu_quota);
    TAKE(cpu_shares);
    TAKE(memory_limit_in_bytes);
    TAKE(memory_swap_limit_in_bytes);
#undef TAKE
    if (r->cpuset_cpus[0])
        to->cpuset_cpus = r->cpuset_cpus;
    if (r->cpuset_mems[0])
        to->cpuset_mems = r->cpuset_mems;
    for (size_t i = 0; i < r->n_hugepage_limits; i++) {
        size_t k = 0;
        while (k < to->n_hugepage_limits && strcmp(to->hugepage_limits[k]->page_size, r->hugepage_limits[i]->page_size) != 0)
            k++;
        to->hugepage_limits[k] = r->hugepage_limits[i];
        to->n_hugepage_limits = MAX_OF(to->n_hugepage_limits, k + 1);
    }
    for (size_t i = 0; i < r->n_unified; i++) {
        size_t k = 0;
        while (k < to->n_unified && strcmp(to->unified[k]->key, r->unified[i]->key) != 0)
            k++;
        to->unified[k] = r->unified[i];
        to->n_unified = MAX_OF(to->n_unified, k + 1);
    }
}

/* What ContainerStatus shall tell, in a. old: what it tells now, may be NULL. */
static int make_resources(const Runtime__V1__ContainerResources *old, const Runtime__V1__LinuxContainerResources *r, struct arena *a,
                          Runtime__V1__ContainerResources **ret, struct err *e)
{
    _cleanup_arena_ struct arena scratch = ARENA_INIT(ARENA_BUDGET_DEFAULT);
    Runtime__V1__LinuxContainerResources merged = RUNTIME__V1__LINUX_CONTAINER_RESOURCES__INIT;
    if (old && old->linux)
        merged = *old->linux;
    Runtime__V1__HugepageLimit **pages = ARENA_NEW_N(&scratch, Runtime__V1__HugepageLimit *, merged.n_hugepage_limits + r->n_hugepage_limits);
    Runtime__V1__LinuxContainerResources__UnifiedEntry **unified =
        ARENA_NEW_N(&scratch, Runtime__V1__LinuxContainerResources__UnifiedEntry *, merged.n_unified + r->n_unified);
    if (!pages || !unified)
        return err_oom(e);
    for (size_t i = 0; i < merged.n_hugepage_limits; i++)
        pages[i] = merged.hugepage_limits[i];
    for (size_t i = 0; i < merged.n_unified; i++)
        unified[i] = merged.unified[i];
    merged.hugepage_limits = pages;
    merged.unified = unified;
    merge(&merged, r);
    Runtime__V1__ContainerResources *made = ARENA_NEW(a, Runtime__V1__ContainerResources);
    if (!made)
        return err_oom(e);
    runtime__v1__container_resources__init(made);
    made->linux = (Runtime__V1__LinuxContainerResources *)message_dup(&merged.base, a);
    *ret = made;
    return made->linux ? 0 : err_oom(e);
}

static void tell(struct update *u, Runtime__V1__ContainerResources *resources, struct arena arena)
{
    u->old_arena = u->c->resources_arena;
    u->old_resources = u->c->resources;
    u->c->resources_arena = arena;
    u->c->resources = resources;
    u->told = !u->told;
}

/* May run again: the first time it gives the former resources back. */
static int undo_status(const struct ctx *ctx, void *arg, struct err *e)
{
    struct update *u = arg;
    object_lock(&u->c->o);
    if (u->told)
        tell(u, u->old_resources, u->old_arena);
    object_unlock(&u->c->o);
    return container_checkpoint(u->s, u->c, e);
}

static int update_status(struct update *u, const Runtime__V1__LinuxContainerResources *r, struct err *e)
{
    struct arena a = ARENA_INIT(ARENA_BUDGET_DEFAULT);
    Runtime__V1__ContainerResources *made = NULL;
    object_lock(&u->c->o);
    int k = make_resources(u->c->resources, r, &a, &made, e);
    if (k == 0)
        tell(u, made, a);
    object_unlock(&u->c->o);
    if (k < 0) {
        arena_done(&a);
        return k;
    }
    undo_push(&u->undo, "tell the former resources", undo_status, u);
    return container_checkpoint(u->s, u->c, e);
}

static bool is_running(struct container *c)
{
    object_lock(&c->o);
    bool running = container_state(c) == RUNTIME__V1__CONTAINER_STATE__CONTAINER_RUNNING && !c->exiting;
    object_unlock(&c->o);
    return running;
}

/* True when the task is gone or has ended: then there is nothing to limit. */
static bool has_ended(struct update *u)
{
    struct ctrd_process p;
    struct err e = ERR_INIT;
    int r = ctrd_task_get(&u->s->ctrd, &u->ctx, u->c->o.id, NULL, u->arena, &p, &e);
    return r < 0 ? ctrd_is_not_found(r, &e) : p.status == CTRD_TASK_STOPPED;
}

static int update_task(struct update *u, struct err *e)
{
    if (!is_running(u->c))
        return 0;
    struct ctrd_any resources = {.type_url = OCI_TYPE_URL_LINUX_RESOURCES, .value = u->resources};
    int r = ctrd_task_update(&u->s->ctrd, &u->ctx, u->c->o.id, &resources, e);
    if (r < 0 && has_ended(u)) {
        err_clear(e);
        return 0;
    }
    return r;
}

/* One at a time, and none while the container is being started: that reads the spec. */
static int claim(struct container *c, const struct ctx *ctx, struct err *e)
{
    int r = 0;
    object_lock(&c->o);
    while ((c->starting || c->updating) && r == 0)
        r = object_wait(&c->o, ctx, "wait for StartContainer or another UpdateContainerResources", e);
    if (r == 0 && c->removed)
        r = err_raise(e, ERR_NOT_FOUND, "container \"%s\" not found", c->o.id);
    else if (r == 0 && c->removing)
        r = err_raise(e, ERR_FAILED_PRECONDITION, "container \"%s\" is being removed", c->o.id);
    else if (r == 0)
        c->updating = true;
    object_unlock(&c->o);
    return r;
}

static void release(struct container *c)
{
    object_lock(&c->o);
    c->updating = false;
    object_changed(&c->o);
    object_unlock(&c->o);
}

static int update(struct update *u, const Runtime__V1__LinuxContainerResources *r, struct err *e)
{
    TRY(update_spec(u, r, e));
    TRY(update_status(u, r, e));
    return update_task(u, e);
}

int cri_update_container_resources(struct cri_service *s, struct rpc_call *call, const Runtime__V1__UpdateContainerResourcesRequest *req,
                                   Runtime__V1__UpdateContainerResourcesResponse *resp, struct err *e)
{
    _cleanup_container_ struct container *c = NULL;
    TRY(container_find(s, req->container_id, &c, e));
    if (!req->linux)
        return err_raise(e, ERR_INVALID_ARGUMENT, "linux is missing");
    TRY(claim(c, &call->ctx, e));
    struct update u = {.s = s, .c = c, .arena = &call->arena, .ctx = call->ctx};
    int r = update(&u, req->linux, e);
    if (r == 0)
        undo_commit(&u.undo);
    else
        cri_undo(s, &u.undo, "UpdateContainerResources", c->o.id);
    release(c);
    arena_done(&u.old_arena);
    return r < 0 ? err_wrap(e, r, "update the resources of container \"%s\"", c->o.id) : 0;
}
