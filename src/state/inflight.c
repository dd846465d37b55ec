/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Inflight, see inflight.h. A request is remembered as it is: a digest would be smaller, but the worker
 * holds the same request unpacked anyway, and comparing bytes cannot fail.
 */
#include "state/inflight.h"

#include <stdio.h>

#include "base/mem.h"
#include "state/wait.h"

struct inflight_op {
    char *name;
    char *request;
    size_t request_len;
    pthread_cond_t finished;
    size_t users; /* the worker and those who wait */
    bool done;
    int r;
    char result[INFLIGHT_RESULT_MAX];
    struct err e;
};

int inflight_init(struct inflight *f, struct err *e)
{
    *f = (struct inflight){0};
    int r = pthread_mutex_init(&f->lock, NULL);
    return r ? err_errno(e, r, "work in flight: make a lock") : 0;
}

void inflight_done(struct inflight *f)
{
    strmap_done(&f->ops);
    pthread_mutex_destroy(&f->lock);
}

static void op_free(struct inflight_op *op)
{
    pthread_cond_destroy(&op->finished);
    mem_free(op->name);
    mem_free(op->request);
    mem_free(op);
}

static void op_unref(struct inflight_op *op)
{
    if (--op->users == 0)
        op_free(op);
}

static struct inflight_op *op_new(const char *name, struct view request)
{
    struct inflight_op *op = mem_zalloc(sizeof *op);
    if (!op)
        return NULL;
    op->name = mem_strdup(name);
    op->request = mem_memdup(request.p, request.n);
    op->request_len = request.n;
    if (!op->name || !op->request || !wait_init(&op->finished)) {
        mem_free(op->name);
        mem_free(op->request);
        mem_free(op);
        return NULL;
    }
    op->users = 1;
    return op;
}

static int begin(struct inflight *f, const char *name, struct view request, struct inflight_op **ret,
                 struct err *e)
{
    struct inflight_op *op = op_new(name, request);
    if (!op || strmap_set(&f->ops, name, op, NULL) < 0) {
        if (op)
            op_free(op);
        return err_oom(e);
    }
    *ret = op;
    return 0;
}

static int join(struct inflight *f, struct inflight_op *op, struct view request, const struct ctx *ctx,
                char result[INFLIGHT_RESULT_MAX], struct err *e)
{
    int r = 0;
    if (!view_eq(request, view_make(op->request, op->request_len)))
        return err_raise(e, ERR_ALREADY_EXISTS, "\"%s\" is under way with another request", op->name);
    op->users++;
    while (r == 0 && !op->done)
        r = wait_on(&op->finished, &f->lock, ctx, op->name, e);
    if (r == 0 && op->r == 0) {
        memcpy(result, op->result, INFLIGHT_RESULT_MAX);
        r = 1;
    } else if (r == 0) {
        if (e)
            *e = op->e;
        r = 2;
    }
    op_unref(op);
    return r;
}

int inflight_begin(struct inflight *f, const char *name, struct view request, const struct ctx *ctx,
                   struct inflight_op **ret, char result[INFLIGHT_RESULT_MAX], struct err *e)
{
    pthread_mutex_lock(&f->lock);
    struct inflight_op *op = strmap_get(&f->ops, name);
    int r = op ? join(f, op, request, ctx, result, e) : begin(f, name, request, ret, e);
    pthread_mutex_unlock(&f->lock);
    return r;
}

/* What those who wait are told. A failure that came without a text still says whose it is. */
static void set_outcome(struct inflight_op *op, int r, const char *result, const struct err *e)
{
    op->r = r;
    if (r < 0 && e && e->code != ERR_OK)
        op->e = *e;
    else if (r < 0)
        err_raise(&op->e, (enum err_code) - r, "\"%s\" failed", op->name);
    else if (strlen(result) >= sizeof op->result)
        op->r = err_raise(&op->e, ERR_INTERNAL, "the result of \"%s\" is longer than %d bytes", op->name,
                          INFLIGHT_RESULT_MAX - 1);
    else
        snprintf(op->result, sizeof op->result, "%s", result);
    op->done = true;
}

size_t inflight_finish(struct inflight *f, struct inflight_op *op, int r, const char *result,
                       const struct err *e)
{
    pthread_mutex_lock(&f->lock);
    strmap_remove(&f->ops, op->name);
    set_outcome(op, r, result, e);
    size_t joined = op->users - 1;
    pthread_cond_broadcast(&op->finished);
    op_unref(op);
    pthread_mutex_unlock(&f->lock);
    return joined;
}

size_t inflight_waiting(struct inflight *f, const char *name)
{
    pthread_mutex_lock(&f->lock);
    const struct inflight_op *op = strmap_get(&f->ops, name);
    size_t n = op ? op->users - 1 : 0;
    pthread_mutex_unlock(&f->lock);
    return n;
}
