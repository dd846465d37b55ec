/* SPDX-License-Identifier: Apache-2.0 */
/*
 * containerd.services.tasks.v1: the running side of a container: its first process and those exec'd into it.
 */
#include "containerd/tasks_v1.pb-c.h"
#include "containerd/wire.h"

#define MSG(name) Containerd__Services__Tasks__V1__##name

/* Names the process in an error: `task "id"` or `task "id" exec "exec"`. */
static int wrap(struct err *e, int r, const char *id, const char *exec_id)
{
    if (r >= 0)
        return r;
    return ctrd_given(exec_id) ? err_wrap(e, r, "task \"%s\" exec \"%s\"", id, exec_id) : err_wrap(e, r, "task \"%s\"", id);
}

int ctrd_op_task_create(void *user, const struct ctx *ctx, const struct ctrd_task_create *t, uint32_t *ret_pid, struct err *e)
{
    CTRD_SCRATCH(scratch);
    CTRD_REQUEST(MSG(CreateTaskRequest), q, CONTAINERD_METHOD_TASKS_CREATE);
    MSG(CreateTaskResponse) *p;
    q.container_id = ctrd_str(t->container_id);
    q.stdin = ctrd_str(t->stdin_path);
    q.stdout = ctrd_str(t->stdout_path);
    q.stderr = ctrd_str(t->stderr_path);
    q.terminal = t->terminal;
    q.runtime_path = ctrd_str(t->runtime_path);
    int r = ctrd_pack_mounts(&t->rootfs, &scratch, &q.n_rootfs, &q.rootfs, e);
    if (r == 0)
        r = ctrd_pack_any(&t->options, &scratch, &q.options, e);
    if (r == 0)
        r = ctrd_call(user, ctx, CONTAINERD_METHOD_TASKS_CREATE, &q, &scratch, &p, e);
    if (r < 0)
        return wrap(e, r, t->container_id, NULL);
    *ret_pid = p->pid;
    return 0;
}

int ctrd_op_task_start(void *user, const struct ctx *ctx, const char *id, const char *exec_id, uint32_t *ret_pid, struct err *e)
{
    CTRD_SCRATCH(scratch);
    CTRD_REQUEST(MSG(StartRequest), q, CONTAINERD_METHOD_TASKS_START);
    MSG(StartResponse) *p;
    q.container_id = ctrd_str(id);
    q.exec_id = ctrd_str(exec_id);
    int r = ctrd_call(user, ctx, CONTAINERD_METHOD_TASKS_START, &q, &scratch, &p, e);
    if (r < 0)
        return wrap(e, r, id, exec_id);
    *ret_pid = p->pid;
    return 0;
}

static void unpack_exit(const MSG(DeleteResponse) *p, struct ctrd_exit *ret)
{
    *ret = (struct ctrd_exit){.pid = p->pid, .status = p->exit_status, .exited_at = ctrd_unpack_time(p->exited_at)};
}

int ctrd_op_task_delete(void *user, const struct ctx *ctx, const char *id, struct ctrd_exit *ret, struct err *e)
{
    CTRD_SCRATCH(scratch);
    CTRD_REQUEST(MSG(DeleteTaskRequest), q, CONTAINERD_METHOD_TASKS_DELETE);
    MSG(DeleteResponse) *p;
    q.container_id = ctrd_str(id);
    int r = ctrd_call(user, ctx, CONTAINERD_METHOD_TASKS_DELETE, &q, &scratch, &p, e);
    if (r < 0)
        return wrap(e, r, id, NULL);
    unpack_exit(p, ret);
    return 0;
}

int ctrd_op_task_delete_process(void *user, const struct ctx *ctx, const char *id, const char *exec_id, struct ctrd_exit *ret,
                                struct err *e)
{
    /* containerd would take an empty exec id for the task itself and answer as if an exec had ended. */
    if (!ctrd_given(exec_id))
        return err_raise(e, ERR_INVALID_ARGUMENT, "task \"%s\": no exec id is given", id);
    CTRD_SCRATCH(scratch);
    CTRD_REQUEST(MSG(DeleteProcessRequest), q, CONTAINERD_METHOD_TASKS_DELETE_PROCESS);
    MSG(DeleteResponse) *p;
    q.container_id = ctrd_str(id);
    q.exec_id = ctrd_str(exec_id);
    int r = ctrd_call(user, ctx, CONTAINERD_METHOD_TASKS_DELETE_PROCESS, &q, &scratch, &p, e);
    if (r < 0)
        return wrap(e, r, id, exec_id);
    unpack_exit(p, ret);
    return 0;
}

/* A status of a later containerd is unknown here. */
static enum ctrd_task_status status_of(int status)
{
    return status >= 0 && status <= CTRD_TASK_PAUSING ? (enum ctrd_task_status)status : CTRD_TASK_UNKNOWN;
}

static void unpack_process(const Containerd__V1__Types__Process *m, struct ctrd_process *ret)
{
    *ret = (struct ctrd_process){
        .container_id = m->container_id,
        .exec_id = m->id,
        .pid = m->pid,
        .status = status_of((int)m->status),
        .stdin_path = m->stdin,
        .stdout_path = m->stdout,
        .stderr_path = m->stderr,
        .terminal = m->terminal,
        .exit_status = m->exit_status,
        .exited_at = ctrd_unpack_time(m->exited_at),
    };
}

int ctrd_op_task_get(void *user, const struct ctx *ctx, const char *id, const char *exec_id, struct arena *a,
                     struct ctrd_process *ret, struct err *e)
{
    CTRD_REQUEST(MSG(GetRequest), q, CONTAINERD_METHOD_TASKS_GET);
    MSG(GetResponse) *p;
    q.container_id = ctrd_str(id);
    q.exec_id = ctrd_str(exec_id);
    int r = ctrd_call(user, ctx, CONTAINERD_METHOD_TASKS_GET, &q, a, &p, e);
    if (r == 0 && !p->process)
        r = ctrd_incomplete(CONTAINERD_METHOD_TASKS_GET, "a process", e);
    if (r < 0)
        return wrap(e, r, id, exec_id);
    unpack_process(p->process, ret);
    /* containerd leaves container_id empty and puts the container's id into `id` for the first process, the exec's id for others.
     */
    ret->container_id = arena_strdup(a, id);
    ret->exec_id = arena_strdup(a, exec_id ? exec_id : "");
    return ret->container_id && ret->exec_id ? 0 : err_oom(e);
}

int ctrd_op_task_list(void *user, const struct ctx *ctx, struct arena *a, struct ctrd_processes *ret, struct err *e)
{
    CTRD_REQUEST(MSG(ListTasksRequest), q, CONTAINERD_METHOD_TASKS_LIST);
    MSG(ListTasksResponse) *p;
    int r = ctrd_call(user, ctx, CONTAINERD_METHOD_TASKS_LIST, &q, a, &p, e);
    if (r < 0)
        return err_wrap(e, r, "list of tasks");
    struct ctrd_process *v = ARENA_NEW_N(a, struct ctrd_process, p->n_tasks + 1);
    if (!v)
        return err_oom(e);
    for (size_t i = 0; i < p->n_tasks; i++) {
        unpack_process(p->tasks[i], &v[i]);
        if (!*v[i].container_id)
            v[i].container_id = v[i].exec_id;
        v[i].exec_id = "";
    }
    *ret = (struct ctrd_processes){.v = v, .n = p->n_tasks};
    return 0;
}

int ctrd_op_task_kill(void *user, const struct ctx *ctx, const char *id, const char *exec_id, uint32_t signal, bool all,
                      struct err *e)
{
    CTRD_REQUEST(MSG(KillRequest), q, CONTAINERD_METHOD_TASKS_KILL);
    q.container_id = ctrd_str(id);
    q.exec_id = ctrd_str(exec_id);
    q.signal = signal;
    q.all = all;
    return wrap(e, ctrd_call_plain(user, ctx, CONTAINERD_METHOD_TASKS_KILL, &q, e), id, exec_id);
}

int ctrd_op_task_exec(void *user, const struct ctx *ctx, const struct ctrd_exec *x, struct err *e)
{
    CTRD_SCRATCH(scratch);
    CTRD_REQUEST(MSG(ExecProcessRequest), q, CONTAINERD_METHOD_TASKS_EXEC);
    q.container_id = ctrd_str(x->container_id);
    q.exec_id = ctrd_str(x->exec_id);
    q.stdin = ctrd_str(x->stdin_path);
    q.stdout = ctrd_str(x->stdout_path);
    q.stderr = ctrd_str(x->stderr_path);
    q.terminal = x->terminal;
    int r = ctrd_pack_any(&x->process, &scratch, &q.spec, e);
    if (r == 0)
        r = ctrd_call_plain(user, ctx, CONTAINERD_METHOD_TASKS_EXEC, &q, e);
    return wrap(e, r, x->container_id, x->exec_id);
}

int ctrd_op_task_resize_pty(void *user, const struct ctx *ctx, const char *id, const char *exec_id, uint32_t width,
                            uint32_t height, struct err *e)
{
    CTRD_REQUEST(MSG(ResizePtyRequest), q, CONTAINERD_METHOD_TASKS_RESIZE_PTY);
    q.container_id = ctrd_str(id);
    q.exec_id = ctrd_str(exec_id);
    q.width = width;
    q.height = height;
    return wrap(e, ctrd_call_plain(user, ctx, CONTAINERD_METHOD_TASKS_RESIZE_PTY, &q, e), id, exec_id);
}

int ctrd_op_task_close_io(void *user, const struct ctx *ctx, const char *id, const char *exec_id, struct err *e)
{
    CTRD_REQUEST(MSG(CloseIORequest), q, CONTAINERD_METHOD_TASKS_CLOSE_IO);
    q.container_id = ctrd_str(id);
    q.exec_id = ctrd_str(exec_id);
    q.stdin = true;
    return wrap(e, ctrd_call_plain(user, ctx, CONTAINERD_METHOD_TASKS_CLOSE_IO, &q, e), id, exec_id);
}

int ctrd_op_task_wait(void *user, const struct ctx *ctx, const char *id, const char *exec_id, struct ctrd_exit *ret,
                      struct err *e)
{
    CTRD_SCRATCH(scratch);
    CTRD_REQUEST(MSG(WaitRequest), q, CONTAINERD_METHOD_TASKS_WAIT);
    MSG(WaitResponse) *p;
    q.container_id = ctrd_str(id);
    q.exec_id = ctrd_str(exec_id);
    int r = ctrd_call(user, ctx, CONTAINERD_METHOD_TASKS_WAIT, &q, &scratch, &p, e);
    if (r < 0)
        return wrap(e, r, id, exec_id);
    *ret = (struct ctrd_exit){.status = p->exit_status, .exited_at = ctrd_unpack_time(p->exited_at)};
    return 0;
}

int ctrd_op_task_update(void *user, const struct ctx *ctx, const char *id, const struct ctrd_any *resources, struct err *e)
{
    CTRD_SCRATCH(scratch);
    CTRD_REQUEST(MSG(UpdateTaskRequest), q, CONTAINERD_METHOD_TASKS_UPDATE);
    q.container_id = ctrd_str(id);
    int r = ctrd_pack_any(resources, &scratch, &q.resources, e);
    if (r == 0)
        r = ctrd_call_plain(user, ctx, CONTAINERD_METHOD_TASKS_UPDATE, &q, e);
    return wrap(e, r, id, NULL);
}
