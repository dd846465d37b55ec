/* SPDX-License-Identifier: Apache-2.0 */
/*
 * See report.h.
 */
#include "cri/report.h"

#include "base/log.h"
#include "base/mem.h"
#include "cri/container.h"

static void count_pod(struct object *o, struct cri_census *c)
{
    object_lock(o);
    c->pods[((struct sandbox *)o)->state]++;
    object_unlock(o);
}

static void count_container(struct object *o, struct cri_census *c)
{
    object_lock(o);
    c->containers[container_state((struct container *)o)]++;
    object_unlock(o);
}

static int count_store(struct store *store, void (*count)(struct object *o, struct cri_census *c), struct cri_census *c, struct err *e)
{
    _cleanup_arena_ struct arena a = ARENA_INIT(ARENA_BUDGET_DEFAULT);
    struct object **list;
    size_t n;
    TRY(store_list(store, &a, &list, &n, e));
    for (size_t i = 0; i < n; i++) {
        count(list[i], c);
        object_unref(list[i]);
    }
    return 0;
}

int cri_census_take(struct cri_service *s, struct cri_census *ret, struct err *e)
{
    struct cri_census c = {.images = image_store_count(s->images), .pulls = image_service_busy(s->image_service)};
    TRY(count_store(&s->sandboxes, count_pod, &c, e));
    TRY(count_store(&s->containers, count_container, &c, e));
    *ret = c;
    return 0;
}

static unsigned long long milliseconds(uint64_t ns)
{
    return ns / NSEC_PER_MSEC;
}

struct calls {
    uint64_t now;
    size_t told;
};

static void tell_call(void *arg, const struct rpc_call *call, enum rpc_call_state state)
{
    static const char *const what[] = {
        [RPC_CALL_ARRIVES] = "its request is on its way", [RPC_CALL_RUNS] = "under way", [RPC_CALL_ENDS] = "its answer is on its way"};
    struct calls *c = arg;
    if (c->told++ < CRI_REPORT_CALLS_MAX)
        log_info("report: call %llu %s: %s, began %llu ms ago", (unsigned long long)call->id, rpc_method_name(call->method), what[state],
                 milliseconds(c->now - call->began));
}

static void tell_server(const struct rpc_server *server)
{
    struct calls calls = {.now = clock_mono()};
    struct rpc_server_counts n = rpc_server_count(server);
    log_info("report: calls in flight: %zu, connections: %zu, streams: %zu", n.calls, n.connections, n.streams);
    rpc_server_each_call(server, tell_call, &calls);
    if (calls.told > CRI_REPORT_CALLS_MAX)
        log_info("report: and %zu calls more, which began earlier", calls.told - CRI_REPORT_CALLS_MAX);
}

static void tell_pool(const char *name, struct executor *x)
{
    struct executor_counts n = executor_count(x);
    log_info("report: %s: threads: %zu, jobs under way: %zu (slow: %zu), waiting: %zu", name, n.threads, n.running, n.running_slow, n.queued);
}

static void tell_census(struct cri_service *s)
{
    struct cri_census c;
    struct err e = ERR_INIT;
    if (cri_census_take(s, &c, &e) < 0) {
        log_warning("report: pods and containers are not counted: %s", e.message);
        return;
    }
    log_info("report: pods: %zu ready, %zu not ready, %zu in an unknown state", c.pods[SANDBOX_STATE_READY], c.pods[SANDBOX_STATE_NOTREADY],
             c.pods[SANDBOX_STATE_UNKNOWN]);
    log_info("report: containers: %zu created, %zu running, %zu exited, %zu in an unknown state",
             c.containers[RUNTIME__V1__CONTAINER_STATE__CONTAINER_CREATED], c.containers[RUNTIME__V1__CONTAINER_STATE__CONTAINER_RUNNING],
             c.containers[RUNTIME__V1__CONTAINER_STATE__CONTAINER_EXITED], c.containers[RUNTIME__V1__CONTAINER_STATE__CONTAINER_UNKNOWN]);
    log_info("report: images: %zu; pulls under way: %zu", c.images, c.pulls);
}

static void tell_events(const struct cri_event_state *state)
{
    unsigned long long since = atomic_load(&state->since), handled = atomic_load(&state->handled), breaks = atomic_load(&state->breaks);
    if (since == 0)
        log_info("report: events: no subscription yet, tries that failed: %llu", breaks);
    else
        log_info("report: events: %s for %llu ms, handled: %llu, subscriptions ended: %llu", atomic_load(&state->follows) ? "subscribed" : "cut off",
                 milliseconds(clock_mono() - since), handled, breaks);
}

void cri_report(struct cri_service *s, const struct rpc_server *server, struct executor *handlers)
{
    struct cio_counters logs = cio_pump_counters(s->pump);
    tell_server(server);
    tell_pool("handlers", handlers);
    tell_pool("background", s->background);
    tell_census(s);
    tell_events(&s->event_state);
    log_info("report: logs: threads: %u (held up by a disk: %u), containers and execs read: %u, writes failed: %llu, bytes lost: %llu", logs.threads,
             logs.stuck, logs.readers, (unsigned long long)logs.log_errors, (unsigned long long)logs.log_bytes_lost);
    log_info("report: memory: allocations: %zu", mem_live());
}
