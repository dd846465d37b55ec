/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ExecSync: a command inside a running container, its output kept up to 16 MiB a stream (cut silently beyond: CVE-2022-1708, CVE-2022-31030), its exit
 * code. At the timeout the process is killed and the answer is DEADLINE_EXCEEDED, by which the kubelet tells a slow probe from a failing one.
 */
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "base/id.h"
#include "base/log.h"
#include "base/mem.h"
#include "cri/container.h"
#include "cri/exits.h"
#include "cri/handlers.h"
#include "oci/constants.h"

enum { EXEC_OUTPUT_MAX = 16 << 20, EXEC_ANSWER_MAX = EXEC_OUTPUT_MAX - 4096, PROCESS_MAX = 4 << 20 };

struct exec {
    struct cri_service *s;
    struct container *c;
    struct rpc_call *call;
    char id[ID_LEN + 1];
    struct cio *io;
    struct buf out, err_out;
    bool added, started; /* containerd may know of the process; it may run */
};

static int prepare(struct exec *x, const Runtime__V1__ExecSyncRequest *req, struct err *e)
{
    struct cri_service *s = x->s;
    struct arena *a = &x->call->arena;
    _cleanup_buf_ struct buf process = BUF_INIT(PROCESS_MAX);
    struct ctrd_container record;
    TRY(ctrd_container_get(&s->ctrd, &x->call->ctx, x->c->o.id, a, &record, e));
    struct oci_exec_input in = {.spec = record.spec.value, .argv = req->cmd, .n_argv = req->n_cmd};
    TRY(oci_exec_process(&in, a, &process, e));
    char *dir = container_io_dir(s, a, x->c->o.id);
    if (!dir)
        return err_oom(e);
    struct cio_config config = {.dir = dir, .id = x->id};
    TRY(cio_new(s->pump, &config, &x->io, e));
    TRY(cio_capture(x->io, &x->out, &x->err_out, e));
    struct ctrd_exec exec = {
        .container_id = x->c->o.id,
        .exec_id = x->id,
        .stdout_path = cio_stdout_path(x->io),
        .stderr_path = cio_stderr_path(x->io),
        .process = {.type_url = OCI_TYPE_URL_PROCESS, .value = buf_view(&process)},
    };
    x->added = true; /* from here on: the answer may get lost */
    return ctrd_task_exec(&s->ctrd, &x->call->ctx, &exec, e);
}

/* Runs the process to its end or to the timeout. */
static int run(struct exec *x, const struct ctx *ctx, struct ctrd_exit *ret, struct err *e)
{
    struct cri_service *s = x->s;
    uint32_t pid;
    x->started = true;
    TRY(ctrd_task_start(&s->ctrd, &x->call->ctx, x->c->o.id, x->id, &pid, e));
    TRY(ctrd_task_wait(&s->ctrd, ctx, x->c->o.id, x->id, ret, e));
    return cio_wait(x->io, ctx, e);
}

/* Kills the process and waits for its end. One that never ran, or has ended, cannot be killed and need not be waited for. */
static void kill_process(struct exec *x, const struct ctx *ctx)
{
    struct err e = ERR_INIT;
    struct ctrd_exit ignored;
    for (int i = 0; i < 2; i++) { /* a connection that breaks just now is no reason to leave it running */
        int r = ctrd_task_kill(&x->s->ctrd, ctx, x->c->o.id, x->id, SIGKILL, false, &e);
        if (r >= 0) {
            ctrd_task_wait(&x->s->ctrd, ctx, x->c->o.id, x->id, &ignored, &e);
            return;
        }
        if (r == -ERR_FAILED_PRECONDITION || ctrd_is_not_found(r, &e) || ctrd_is_process_finished(r, &e))
            return;
        err_clear(&e);
    }
}

/* Has containerd forget a process that has ended. */
static void delete_process(struct cri_service *s, const struct container *c, const char *id)
{
    static const struct ctx background = CTX_BACKGROUND;
    struct err e = ERR_INIT;
    struct ctrd_exit ignored;
    int r = 0;
    for (int i = 0; i < 2; i++) {
        err_clear(&e);
        struct ctx limit = ctx_with_timeout(&background, CRI_KILL_LIMIT);
        r = ctrd_task_delete_process(&s->ctrd, &limit, c->o.id, id, &ignored, &e);
        if (r >= 0 || ctrd_is_not_found(r, &e))
            return;
    }
    log_warning("container %s: exec %s is not deleted: %s", c->o.id, id, e.message);
}

/* Leaves nothing of the process, whatever happened to the call. */
static void finish(struct exec *x, bool ended)
{
    static const struct ctx background = CTX_BACKGROUND;
    struct ctx limit = ctx_with_timeout(&background, CRI_KILL_LIMIT);
    if (x->started && !ended)
        kill_process(x, &limit);
    if (x->added)
        delete_process(x->s, x->c, x->id);
    cio_free(TAKE_PTR(x->io));
}

/* What is left to be done for a process that has ended and whose answer is made. */
struct ended {
    struct cri_service *s;
    struct container *c; /* a reference */
    struct cio *io;
    char id[ID_LEN + 1];
};

static void run_ended(void *arg)
{
    struct ended *d = arg;
    delete_process(d->s, d->c, d->id);
    cio_free(d->io);
    container_unref(d->c);
    mem_free(d);
}

/* The caller does not wait for that. Of the slow class: exits come first. */
static void finish_later(struct exec *x)
{
    struct ended *d = mem_zalloc(sizeof *d);
    if (d) {
        *d = (struct ended){.s = x->s, .c = x->c, .io = x->io};
        memcpy(d->id, x->id, sizeof d->id);
        object_ref(&x->c->o);
        x->io = NULL;
        if (executor_submit(x->s->background, EXEC_SLOW, run_ended, d, NULL) < 0)
            run_ended(d);
        return;
    }
    finish(x, true);
}

static int answer(struct exec *x, const struct ctrd_exit *exit, Runtime__V1__ExecSyncResponse *resp, struct err *e)
{
    struct arena *a = &x->call->arena;
    /* An answer is one message of at most 16 MiB: the smaller stream is kept whole as far as that goes. */
    x->out.n = MIN_OF(x->out.n, EXEC_ANSWER_MAX - MIN_OF(x->err_out.n, EXEC_ANSWER_MAX / 2));
    x->err_out.n = MIN_OF(x->err_out.n, EXEC_ANSWER_MAX - x->out.n);
    resp->exit_code = (int32_t)exit->status;
    resp->stdout = (ProtobufCBinaryData){x->out.n, arena_memdup(a, x->out.p, x->out.n)};
    resp->stderr = (ProtobufCBinaryData){x->err_out.n, arena_memdup(a, x->err_out.p, x->err_out.n)};
    return resp->stdout.data && resp->stderr.data ? 0 : err_oom(e);
}

static int validate(const Runtime__V1__ExecSyncRequest *req, struct container *c, struct err *e)
{
    if (req->n_cmd == 0)
        return err_raise(e, ERR_INVALID_ARGUMENT, "cmd is empty");
    if (req->timeout < 0)
        return err_raise(e, ERR_INVALID_ARGUMENT, "timeout %" PRId64 " is negative", req->timeout);
    return container_check_running(c, e);
}

int cri_exec_sync(struct cri_service *s, struct rpc_call *call, const Runtime__V1__ExecSyncRequest *req, Runtime__V1__ExecSyncResponse *resp,
                  struct err *e)
{
    _cleanup_container_ struct container *c = NULL;
    TRY(container_find(s, req->container_id, &c, e));
    TRY(validate(req, c, e));
    struct exec x = {.s = s, .c = c, .call = call, .out = BUF_INIT(EXEC_OUTPUT_MAX), .err_out = BUF_INIT(EXEC_OUTPUT_MAX)};
    struct ctrd_exit exit = {0};
    uint64_t limit_ns = req->timeout > 0 && req->timeout < INT32_MAX ? (uint64_t)req->timeout * NSEC_PER_SEC : CLOCK_NEVER;
    int r = id_generate(x.id, e);
    if (r == 0)
        r = prepare(&x, req, e);
    struct ctx ctx = ctx_with_timeout(&call->ctx, limit_ns);
    if (r == 0)
        r = run(&x, &ctx, &exit, e);
    bool ended = r == 0;
    if (ended)
        r = answer(&x, &exit, resp, e);
    if (ended)
        finish_later(&x);
    else
        finish(&x, false);
    if (r == -ERR_DEADLINE_EXCEEDED && ctx.deadline != call->ctx.deadline)
        r = err_raise(e, ERR_DEADLINE_EXCEEDED, "command %s in container \"%s\" timed out: timeout %" PRId64 "s exceeded", req->cmd[0], c->o.id,
                      req->timeout);
    buf_done(&x.out);
    buf_done(&x.err_out);
    return r;
}
