/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Inflight, see inflight.h. A request is remembered by its SHA-256, so that a large one costs no memory while
 * it is worked on.
 */
#include "state/inflight.h"

#include <stdio.h>

#include <openssl/evp.h>

#include "base/mem.h"
#include "state/wait.h"

enum { DIGEST_LEN = 32 };

struct inflight_op {
    char *name;
    unsigned char digest[DIGEST_LEN];
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
    mem_free(op);
}

static void op_unref(struct inflight_op *op)
{
    if (--op->users == 0)
        op_free(op);
}

static struct inflight_op *op_new(const char *name, const unsigned char *digest)
{
    struct inflight_op *op = mem_zalloc(sizeof *op);
    if (!op)
        return NULL;
    op->name = mem_strdup(name);
    if (!op->name || !wait_init(&op->finished)) {
        mem_free(op->name);
        mem_free(op);
        return NULL;
    }
    memcpy(op->digest, digest, DIGEST_LEN);
    op->users = 1;
    return op;
}

static int begin(struct inflight *f, const char *name, const unsigned char *digest, struct inflight_op **ret,
                 struct err *e)
{
    struct inflight_op *op = op_new(name, digest);
    if (!op || strmap_set(&f->ops, name, op, NULL) < 0) {
        if (op)
            op_free(op);
        return err_oom(e);
    }
    *ret = op;
    return 0;
}

static int join(struct inflight *f, struct inflight_op *op, const unsigned char *digest,
                const struct ctx *ctx, char result[INFLIGHT_RESULT_MAX], struct err *e)
{
    int r = 0;
    if (memcmp(op->digest, digest, DIGEST_LEN) != 0)
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
    unsigned char digest[DIGEST_LEN];
    if (!EVP_Digest(request.p, request.n, digest, NULL, EVP_sha256(), NULL))
        return err_oom(e);
    pthread_mutex_lock(&f->lock);
    struct inflight_op *op = strmap_get(&f->ops, name);
    int r = op ? join(f, op, digest, ctx, result, e) : begin(f, name, digest, ret, e);
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
