/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The test service, see echo_service.h.
 */
#include "echo_service.h"

#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "rpc/waiter.h"

/* Sleeps as asked, or until the call is over. */
static int nap(struct rpc_call *call, const Echo *q, struct err *e)
{
    struct waiter w = WAITER_INIT;
    TRY(waiter_init(&w, e));
    struct ctx limited = ctx_with_timeout(&call->ctx, q->sleep_ms * NSEC_PER_MSEC);
    uint64_t until = clock_deadline(q->sleep_ms * NSEC_PER_MSEC);
    int r = 0;
    while (q->sleep_ms && r == 0 && clock_mono() < until)
        r = waiter_wait(&w, &limited, "sleep", e);
    waiter_done(&w);
    if (r == -ERR_DEADLINE_EXCEEDED && clock_mono() < call->ctx.deadline)
        r = 0;
    return r;
}

static int begin(struct echo_service *svc, struct rpc_call *call, const Echo *q, struct err *e)
{
    atomic_fetch_add(&svc->started, 1);
    int r = nap(call, q, e);
    if (r == -ERR_CANCELLED)
        atomic_fetch_add(&svc->cancelled, 1);
    if (r == 0 && q->code)
        r = err_raise(e, (enum err_code)q->code, "%s", q->text);
    if (rpc_call_abandoned(call))
        atomic_fetch_add(&svc->abandoned, 1);
    atomic_fetch_add(&svc->finished, 1);
    return r;
}

static int unary(void *service, struct rpc_call *call, const ProtobufCMessage *request, ProtobufCMessage *response, struct err *e)
{
    const Echo *q = (const Echo *)request;
    TRY(begin(service, call, q, e));
    ProtobufCMessage base = response[0];
    *(Echo *)response = *q; /* lives in the same arena */
    response[0] = base;
    if (q->size) {
        Echo *a = (Echo *)response;
        a->data.data = arena_alloc(&call->arena, q->size);
        if (!a->data.data)
            return err_oom(e);
        a->data.len = q->size;
    }
    for (size_t i = 0; i < call->metadata.n; i++) {
        if (strcmp(call->metadata.v[i].key, "x-bad") == 0) { /* a string that must not get out as it is */
            ((Echo *)response)->text = arena_strdup(&call->arena, "bad \xff byte");
        } else if (strcmp(call->metadata.v[i].key, "containerd-lease") == 0) {
            ((Echo *)response)->text = call->metadata.v[i].value;
        }
    }
    return 0;
}

static int send_all(struct rpc_stream *s, const Echo *q, struct err *e)
{
    uint8_t *data = mem_zalloc(q->size);
    Echo a = ECHO_INIT;
    int r = data ? 0 : err_oom(e);
    a.data = (ProtobufCBinaryData){.len = q->size, .data = data};
    for (uint32_t i = 0; i < q->count && r == 0; i++) {
        a.count = i;
        r = rpc_stream_send_wait(s, &rpc_stream_call(s)->ctx, &a.base, e);
    }
    mem_free(data);
    return r;
}

static int server_stream(void *service, struct rpc_call *call, const ProtobufCMessage *request, struct rpc_stream *s,
                         struct err *e)
{
    const Echo *q = (const Echo *)request;
    struct err why = ERR_INIT;
    int r = begin(service, call, q, &why);
    if (r == 0)
        r = send_all(s, q, &why);
    rpc_stream_end(s, r < 0 ? &why : NULL);
    return 0;
}

struct watcher {
    struct echo_service *svc;
    struct rpc_stream *s;
};

static void watch_closed(void *arg)
{
    struct watcher *w = arg;
    atomic_fetch_add(&w->svc->watch_closed, 1);
    rpc_stream_end(w->s, NULL);
    mem_free(w);
}

static int watch(void *service, struct rpc_call *call, const ProtobufCMessage *request, struct rpc_stream *s, struct err *e)
{
    const Echo *q = (const Echo *)request;
    TRY(begin(service, call, q, e));
    struct watcher *w = mem_zalloc(sizeof(*w));
    if (!w)
        return err_oom(e);
    *w = (struct watcher){.svc = service, .s = s};
    Echo a = ECHO_INIT;
    a.text = q->text;
    for (uint32_t i = 0; i < q->count; i++) {
        int r = rpc_stream_send(s, &a.base, e);
        if (r < 0) {
            mem_free(w);
            return r;
        }
    }
    rpc_stream_on_close(s, watch_closed, w);
    return 0;
}

static int client_stream(void *service, struct rpc_call *call, struct rpc_stream *s, struct err *e)
{
    Echo a = ECHO_INIT;
    for (;;) {
        _cleanup_arena_ struct arena one = ARENA_INIT(ARENA_BUDGET_DEFAULT);
        ProtobufCMessage *m;
        int r = rpc_stream_recv(s, &call->ctx, &one, &m, e);
        if (r < 0)
            return r;
        if (r == 0)
            break;
        TRY(begin(service, call, (Echo *)m, e));
        a.count++;
        a.size += (uint32_t)((Echo *)m)->data.len;
    }
    return rpc_stream_send(s, &a.base, e);
}

static int duplex(void *service, struct rpc_call *call, struct rpc_stream *s, struct err *e)
{
    for (;;) {
        _cleanup_arena_ struct arena one = ARENA_INIT(ARENA_BUDGET_DEFAULT);
        ProtobufCMessage *m;
        int r = rpc_stream_recv(s, &call->ctx, &one, &m, e);
        if (r <= 0)
            return r;
        TRY(begin(service, call, (Echo *)m, e));
        TRY(rpc_stream_send_wait(s, &call->ctx, m, e));
    }
}

#define TYPES .request = &echo_type, .response = &echo_type
const struct rpc_method echo_methods[] = {
    {.path = ECHO_UNARY, TYPES, .cls = EXEC_FAST, .unary = unary},
    {.path = ECHO_DETACHED, TYPES, .cls = EXEC_SLOW, .detached = true, .unary = unary},
    {.path = ECHO_SERVER_STREAM, TYPES, .cls = EXEC_SLOW, .stream = server_stream},
    {.path = ECHO_WATCH, TYPES, .cls = EXEC_FAST, .stream = watch},
    {.path = ECHO_CLIENT_STREAM, TYPES, .cls = EXEC_SLOW, .duplex = client_stream},
    {.path = ECHO_DUPLEX, TYPES, .cls = EXEC_SLOW, .duplex = duplex},
};
const size_t n_echo_methods = ARRAY_SIZE(echo_methods);

void echo_on_done(void *user, const struct rpc_call *call, int r, const struct err *e)
{
    struct echo_service *svc = user;
    atomic_fetch_add(&svc->done, 1);
    if (r < 0)
        atomic_fetch_add(&svc->done_failed, 1);
    if (r == -ERR_DEADLINE_EXCEEDED)
        atomic_fetch_add(&svc->done_late, 1);
}
