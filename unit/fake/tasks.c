/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The fake's tasks: what containerd, the runc shim and runc together make of a container's processes, without any process.
 */
#include <signal.h>

#include "containerd/event_types.pb-c.h"
#include "process.h"

#define MSG(name) Containerd__Services__Tasks__V1__##name

struct fake_process *fake_find_process(struct fake *f, const char *id, const char *exec_id)
{
    for (size_t i = 0; i < f->processes.n; i++) {
        struct fake_process *p = f->processes.v[i];
        if (strcmp(p->container_id, id) == 0 && strcmp(p->exec_id, exec_id ? exec_id : "") == 0)
            return p;
    }
    return NULL;
}

/* The process a request names, with the errors of its three layers. */
static int find(struct fake_ctx *c, const char *id, const char *exec_id, struct fake_process **ret)
{
    if (!fake_find_container(c->f, id, NULL))
        return err_raise(c->e, ERR_NOT_FOUND, "container \"%s\" in namespace \"k8s.io\": not found", id);
    if (!fake_find_process(c->f, id, NULL))
        return err_raise(c->e, ERR_NOT_FOUND, "task %s not found: not found", id);
    struct fake_process *p = fake_find_process(c->f, id, exec_id);
    if (!p)
        return err_raise(c->e, ERR_NOT_FOUND, "process does not exist %s: not found", exec_id);
    *ret = p;
    return 0;
}

static int create(struct fake_ctx *c, const void *request, void *answer)
{
    const MSG(CreateTaskRequest) *q = request;
    MSG(CreateTaskResponse) *p = answer;
    const Containerd__Services__Containers__V1__Container *container = fake_find_container(c->f, q->container_id, NULL);
    if (!container)
        return err_raise(c->e, ERR_NOT_FOUND, "container \"%s\" in namespace \"k8s.io\": not found", q->container_id);
    if (fake_find_process(c->f, q->container_id, NULL))
        return err_raise(c->e, ERR_ALREADY_EXISTS, "task %s: already exists", q->container_id);
    char *text = arena_printf(c->a, "%s %s %.*s", container->id, container->image, (int)container->spec->value.len,
                              (const char *)container->spec->value.data);
    const struct fake_script *script = fake_find_script(c->f, false, text);
    if (script && script->create_fails)
        return err_raise(c->e, script->create_fails, "%s",
                         script->message ? script->message : "failed to create shim task: unknown");
    struct fake_process *t = fake_process_new(c->f, q->container_id, "", text, script);
    fake_process_io(t, q->stdin, q->stdout, q->stderr, q->terminal);
    t->pid = (uint32_t)c->f->next_number++;
    t->status = CTRD_TASK_CREATED;
    fake_process_open_io(t);
    Containerd__Events__TaskCreate event;
    protobuf_c_message_init(&containerd__events__task_create__descriptor, &event);
    event.container_id = q->container_id;
    event.pid = t->pid;
    fake_publish(c->f, "/tasks/create", &event);
    p->container_id = q->container_id;
    p->pid = t->pid;
    return 0;
}

static void publish_start(struct fake *f, const struct fake_process *p)
{
    if (*p->exec_id) {
        Containerd__Events__TaskExecStarted event;
        protobuf_c_message_init(&containerd__events__task_exec_started__descriptor, &event);
        event.container_id = p->container_id;
        event.exec_id = p->exec_id;
        event.pid = p->pid;
        fake_publish(f, "/tasks/exec-started", &event);
    } else {
        Containerd__Events__TaskStart event;
        protobuf_c_message_init(&containerd__events__task_start__descriptor, &event);
        event.container_id = p->container_id;
        event.pid = p->pid;
        fake_publish(f, "/tasks/start", &event);
    }
}

static int start(struct fake_ctx *c, const void *request, void *answer)
{
    const MSG(StartRequest) *q = request;
    MSG(StartResponse) *p = answer;
    struct fake_process *t;
    TRY(find(c, q->container_id, q->exec_id, &t));
    if (t->status != CTRD_TASK_CREATED)
        return err_raise(c->e, ERR_UNKNOWN, "cannot start a %s process: unknown",
                         t->status == CTRD_TASK_STOPPED ? "stopped" : "running");
    const struct fake_script *s = t->script;
    if (s && s->start_fails) {
        /* The shim reports a task or exec that did not start as ended. */
        t->status = CTRD_TASK_STOPPED;
        t->exit_status = 255;
        t->exited_at = clock_real();
        fake_process_close_io(t);
        return err_raise(c->e, s->start_fails, "%s", s->message ? s->message : "OCI runtime start failed: unknown");
    }
    if (*t->exec_id)
        t->pid = (uint32_t)c->f->next_number++;
    t->status = CTRD_TASK_RUNNING;
    publish_start(c->f, t);
    fake_process_begin(c->f, t);
    p->pid = t->pid;
    return 0;
}

static void fill_exit(struct fake_ctx *c, const struct fake_process *t, MSG(DeleteResponse) *p)
{
    p->pid = t->pid;
    p->exit_status = t->exit_status;
    p->exited_at = fake_stamp(c->a, t->exited_at);
}

static void drop(struct fake *f, const struct fake_process *p)
{
    for (size_t i = 0; i < f->processes.n; i++)
        if (f->processes.v[i] == p) {
            fake_process_free(fake_list_take(&f->processes, i));
            return;
        }
}

static int delete (struct fake_ctx *c, const void *request, void *answer)
{
    const MSG(DeleteTaskRequest) *q = request;
    MSG(DeleteResponse) *p = answer;
    struct fake_process *t;
    TRY(find(c, q->container_id, NULL, &t));
    if (t->status == CTRD_TASK_RUNNING)
        return err_raise(c->e, ERR_UNKNOWN, "cannot delete a running process: unknown");
    fill_exit(c, t, p);
    Containerd__Events__TaskDelete event;
    protobuf_c_message_init(&containerd__events__task_delete__descriptor, &event);
    event.container_id = q->container_id;
    event.pid = t->pid;
    event.exit_status = t->exit_status;
    event.exited_at = p->exited_at;
    fake_publish(c->f, "/tasks/delete", &event);
    for (size_t i = 0; i < c->f->processes.n;) {
        struct fake_process *x = c->f->processes.v[i];
        if (strcmp(x->container_id, q->container_id) == 0)
            fake_process_free(fake_list_take(&c->f->processes, i));
        else
            i++;
    }
    return 0;
}

static int delete_process(struct fake_ctx *c, const void *request, void *answer)
{
    const MSG(DeleteProcessRequest) *q = request;
    MSG(DeleteResponse) *p = answer;
    struct fake_process *t;
    TRY(find(c, q->container_id, q->exec_id, &t));
    if (t->status == CTRD_TASK_RUNNING)
        return err_raise(c->e, ERR_UNKNOWN, "cannot delete a running process: unknown");
    fill_exit(c, t, p);
    p->id = q->exec_id;
    drop(c->f, t);
    return 0;
}

static Containerd__V1__Types__Process *describe(struct fake_ctx *c, const struct fake_process *t)
{
    Containerd__V1__Types__Process *m = ARENA_NEW(c->a, Containerd__V1__Types__Process);
    protobuf_c_message_init(&containerd__v1__types__process__descriptor, m);
    m->id = *t->exec_id ? t->exec_id : t->container_id;
    m->pid = t->pid;
    m->status = (Containerd__V1__Types__Status)t->status;
    m->stdin = t->stdin_path;
    m->stdout = t->stdout_path;
    m->stderr = t->stderr_path;
    m->terminal = t->terminal;
    m->exit_status = t->exit_status;
    m->exited_at = t->exited_at ? fake_stamp(c->a, t->exited_at) : NULL;
    return m;
}

static int get(struct fake_ctx *c, const void *request, void *answer)
{
    const MSG(GetRequest) *q = request;
    MSG(GetResponse) *p = answer;
    struct fake_process *t;
    TRY(find(c, q->container_id, q->exec_id, &t));
    p->process = describe(c, t);
    return 0;
}

static int list(struct fake_ctx *c, const void *request, void *answer)
{
    MSG(ListTasksResponse) *p = answer;
    p->tasks = ARENA_NEW_N(c->a, Containerd__V1__Types__Process *, c->f->processes.n + 1);
    for (size_t i = 0; i < c->f->processes.n; i++) {
        const struct fake_process *t = c->f->processes.v[i];
        if (!*t->exec_id)
            p->tasks[p->n_tasks++] = describe(c, t);
    }
    return 0;
}

static int kill_process(struct fake_ctx *c, const void *request, void *answer)
{
    const MSG(KillRequest) *q = request;
    struct fake_process *t;
    TRY(find(c, q->container_id, q->exec_id, &t));
    if (*t->exec_id && t->status == CTRD_TASK_CREATED)
        return err_raise(c->e, ERR_FAILED_PRECONDITION, "process not created: failed precondition");
    if (t->status == CTRD_TASK_STOPPED)
        return err_raise(c->e, ERR_NOT_FOUND, "process already finished: not found");
    bool ends = q->signal == SIGKILL || (q->signal == SIGTERM && !(t->script && t->script->ignores_term));
    /* A created task is runc's init, which waits for the start and dies of the signals that end a process. */
    if (ends)
        fake_end_process(c->f, t, 128 + q->signal);
    return 0;
}

static int exec(struct fake_ctx *c, const void *request, void *answer)
{
    const MSG(ExecProcessRequest) *q = request;
    struct fake_process *t;
    if (!*q->exec_id)
        return err_raise(c->e, ERR_INVALID_ARGUMENT, "exec id cannot be empty");
    TRY(find(c, q->container_id, NULL, &t));
    int r = fake_check_id(q->exec_id, c->e);
    if (r < 0)
        return err_wrap(c->e, r, "invalid exec id %s", q->exec_id);
    if (fake_find_process(c->f, q->container_id, q->exec_id))
        return err_raise(c->e, ERR_ALREADY_EXISTS, "id %s: already exists", q->exec_id);
    if (t->status == CTRD_TASK_STOPPED)
        return err_raise(c->e, ERR_UNKNOWN, "cannot exec in a stopped state: unknown");
    char *text = q->spec ? arena_strndup(c->a, (const char *)q->spec->value.data, q->spec->value.len) : arena_strdup(c->a, "");
    const struct fake_script *script = fake_find_script(c->f, true, text ? text : "");
    if (script && script->create_fails)
        return err_raise(c->e, script->create_fails, "%s", script->message ? script->message : "exec failed: unknown");
    struct fake_process *x = fake_process_new(c->f, q->container_id, q->exec_id, text ? text : "", script);
    fake_process_io(x, q->stdin, q->stdout, q->stderr, q->terminal);
    x->status = CTRD_TASK_CREATED;
    Containerd__Events__TaskExecAdded event;
    protobuf_c_message_init(&containerd__events__task_exec_added__descriptor, &event);
    event.container_id = q->container_id;
    event.exec_id = q->exec_id;
    fake_publish(c->f, "/tasks/exec-added", &event);
    return 0;
}

static int resize(struct fake_ctx *c, const void *request, void *answer)
{
    const MSG(ResizePtyRequest) *q = request;
    struct fake_process *t;
    return find(c, q->container_id, q->exec_id, &t);
}

static int close_io(struct fake_ctx *c, const void *request, void *answer)
{
    const MSG(CloseIORequest) *q = request;
    struct fake_process *t;
    TRY(find(c, q->container_id, q->exec_id, &t));
    if (q->stdin)
        fake_process_close_stdin(t);
    return 0;
}

static int update(struct fake_ctx *c, const void *request, void *answer)
{
    const MSG(UpdateTaskRequest) *q = request;
    struct fake_process *t;
    TRY(find(c, q->container_id, NULL, &t));
    if (t->status == CTRD_TASK_STOPPED)
        return err_raise(c->e, ERR_UNKNOWN, "cannot update a stopped container: unknown");
    free(t->resources);
    t->resources = NULL;
    if (q->resources) { /* bytes without an end of their own: strndup may look behind them */
        t->resources = fake_zalloc(q->resources->value.len + 1);
        if (q->resources->value.len > 0)
            memcpy(t->resources, q->resources->value.data, q->resources->value.len);
    }
    return 0;
}

/* The process may be deleted while this waits, so it is looked up again each time. */
static int wait_exit(struct fake_ctx *c, const void *request, void *answer)
{
    const MSG(WaitRequest) *q = request;
    MSG(WaitResponse) *p = answer;
    struct fake_process *t;
    TRY(find(c, q->container_id, q->exec_id, &t));
    while (t->status != CTRD_TASK_STOPPED) {
        TRY(fake_wait(c, "/containerd.services.tasks.v1.Tasks/Wait"));
        TRY(find(c, q->container_id, q->exec_id, &t));
    }
    p->exit_status = t->exit_status;
    p->exited_at = fake_stamp(c->a, t->exited_at);
    return 0;
}

const struct fake_handler fake_handlers_tasks[] = {
    {CONTAINERD_METHOD_TASKS_CREATE, create, NULL},
    {CONTAINERD_METHOD_TASKS_START, start, NULL},
    {CONTAINERD_METHOD_TASKS_DELETE, delete, NULL},
    {CONTAINERD_METHOD_TASKS_DELETE_PROCESS, delete_process, NULL},
    {CONTAINERD_METHOD_TASKS_GET, get, NULL},
    {CONTAINERD_METHOD_TASKS_LIST, list, NULL},
    {CONTAINERD_METHOD_TASKS_KILL, kill_process, NULL},
    {CONTAINERD_METHOD_TASKS_EXEC, exec, NULL},
    {CONTAINERD_METHOD_TASKS_RESIZE_PTY, resize, NULL},
    {CONTAINERD_METHOD_TASKS_CLOSE_IO, close_io, NULL},
    {CONTAINERD_METHOD_TASKS_WAIT, wait_exit, NULL},
    {CONTAINERD_METHOD_TASKS_UPDATE, update, NULL},
    {-1, NULL, NULL},
};
