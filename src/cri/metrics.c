/* SPDX-License-Identifier: Apache-2.0 */
/*
 * See metrics.h.
 */
#include "cri/metrics.h"

#include <dirent.h>
#include <stdio.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/mem.h"
#include "base/num.h"
#include "cri/report.h"

static const uint64_t bounds_ms[CRI_BUCKETS] = {5, 10, 25, 50, 100, 250, 500, 1000, 2500, 5000, 10000};

static const struct {
    const char *name, *help;
    size_t method; /* the RPC that is timed as a whole; CRI_METHOD_COUNT: none */
} timers[CRI_TIMERS] = {
    [CRI_TIMER_SANDBOX_LIST] = {"sandbox_list", "to list pods", CRI_METHOD_LIST_POD_SANDBOX},
    [CRI_TIMER_SANDBOX_CREATE_NETWORK] = {"sandbox_create_network", "to set up the network of a pod", CRI_METHOD_COUNT},
    [CRI_TIMER_SANDBOX_DELETE_NETWORK] = {"sandbox_delete_network", "to tear down the network of a pod", CRI_METHOD_COUNT},
    [CRI_TIMER_SANDBOX_RUNTIME_CREATE] = {"sandbox_runtime_create", "to make and start the task of a pod", CRI_METHOD_COUNT},
    [CRI_TIMER_SANDBOX_RUNTIME_STOP] = {"sandbox_runtime_stop", "to stop a pod", CRI_METHOD_STOP_POD_SANDBOX},
    [CRI_TIMER_SANDBOX_REMOVE] = {"sandbox_remove", "to remove a pod", CRI_METHOD_REMOVE_POD_SANDBOX},
    [CRI_TIMER_CONTAINER_LIST] = {"container_list", "to list containers", CRI_METHOD_LIST_CONTAINERS},
    [CRI_TIMER_CONTAINER_CREATE] = {"container_create", "to create a container", CRI_METHOD_CREATE_CONTAINER},
    [CRI_TIMER_CONTAINER_START] = {"container_start", "to start a container", CRI_METHOD_START_CONTAINER},
    [CRI_TIMER_CONTAINER_STOP] = {"container_stop", "to stop a container", CRI_METHOD_STOP_CONTAINER},
    [CRI_TIMER_CONTAINER_REMOVE] = {"container_remove", "to remove a container", CRI_METHOD_REMOVE_CONTAINER},
};

/* ---- counting */

static void add(struct cri_histogram *h, uint64_t ns)
{
    size_t i = 0;
    while (i < CRI_BUCKETS && ns > bounds_ms[i] * NSEC_PER_MSEC)
        i++;
    atomic_fetch_add_explicit(&h->sum, ns, memory_order_relaxed);
    atomic_fetch_add_explicit(&h->buckets[i], 1, memory_order_relaxed);
}

void cri_metrics_time(struct cri_metrics *m, enum cri_timer timer, uint64_t began)
{
    add(&m->timers[timer], clock_mono() - began);
}

void cri_metrics_call(struct cri_metrics *m, const struct rpc_call *call, int r)
{
    const struct proto_method *found = cri_method_find(call->method->path, strlen(call->method->path));
    if (!found || r > 0 || r < -ERR_CODE_MAX)
        return;
    size_t method = (size_t)(found - cri_methods);
    atomic_fetch_add_explicit(&m->calls[method][-r], 1, memory_order_relaxed);
    add(&m->latency[method], clock_mono() - call->began);
    for (size_t i = 0; i < CRI_TIMERS && r == 0; i++)
        if (timers[i].method == method)
            cri_metrics_time(m, (enum cri_timer)i, call->began);
}

/* ---- text. The first failure sticks, and nothing is appended after it. */

struct text {
    struct buf *out;
    int r;
};

static void line(struct text *t, const char *format, ...) _printf_(2, 3);
static void line(struct text *t, const char *format, ...)
{
    va_list ap;
    va_start(ap, format);
    if (t->r == 0)
        t->r = buf_vprintf(t->out, format, ap);
    va_end(ap);
}

static void head(struct text *t, const char *name, const char *type, const char *help)
{
    line(t, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

static void single(struct text *t, const char *name, const char *type, unsigned long long value, const char *help)
{
    head(t, name, type, help);
    line(t, "%s %llu\n", name, value);
}

/* Seconds, without the locale's ideas of a decimal point. */
#define SECONDS_FORMAT "%llu.%09llu"
#define SECONDS_ARG(ns) (unsigned long long)((ns) / NSEC_PER_SEC), (unsigned long long)((ns) % NSEC_PER_SEC)

/* label: `method="Version",` or "". */
static void histogram(struct text *t, const char *name, const char *label, struct cri_histogram *h)
{
    unsigned long long n = 0, sum = atomic_load(&h->sum);
    for (size_t i = 0; i < CRI_BUCKETS; i++) {
        n += atomic_load(&h->buckets[i]);
        line(t, "%s_bucket{%sle=\"%llu.%03llu\"} %llu\n", name, label, (unsigned long long)bounds_ms[i] / 1000, (unsigned long long)bounds_ms[i] % 1000, n);
    }
    n += atomic_load(&h->buckets[CRI_BUCKETS]);
    line(t, "%s_bucket{%sle=\"+Inf\"} %llu\n", name, label, n);
    int bare = label[0] ? (int)strlen(label) - 1 : 0; /* without its comma */
    const char *open = bare ? "{" : "", *close = bare ? "}" : "";
    line(t, "%s_sum%s%.*s%s " SECONDS_FORMAT "\n", name, open, bare, label, close, SECONDS_ARG(sum));
    line(t, "%s_count%s%.*s%s %llu\n", name, open, bare, label, close, n);
}

static void write_timers(struct text *t, struct cri_metrics *m)
{
    for (size_t i = 0; i < CRI_TIMERS; i++) {
        char name[64], help[64];
        snprintf(name, sizeof name, "containerd_cri_%s_seconds", timers[i].name);
        snprintf(help, sizeof help, "Time %s.", timers[i].help);
        head(t, name, "histogram", help);
        histogram(t, name, "", &m->timers[i]);
    }
}

static bool was_called(struct cri_histogram *h)
{
    for (size_t i = 0; i <= CRI_BUCKETS; i++)
        if (atomic_load(&h->buckets[i]) > 0)
            return true;
    return false;
}

static void write_calls(struct text *t, struct cri_metrics *m)
{
    head(t, "cri_containerd_rpcs_total", "counter", "Calls that ended, by method and gRPC code.");
    for (size_t i = 0; i < CRI_METHOD_COUNT; i++)
        for (size_t code = 0; code <= ERR_CODE_MAX; code++) {
            unsigned long long n = atomic_load(&m->calls[i][code]);
            if (n > 0)
                line(t, "cri_containerd_rpcs_total{method=\"%s\",code=\"%s\"} %llu\n", cri_methods[i].name, err_code_name((enum err_code)code), n);
        }
    head(t, "cri_containerd_rpc_seconds", "histogram", "Time of calls from their head to their end, by method.");
    for (size_t i = 0; i < CRI_METHOD_COUNT; i++) {
        char label[80];
        snprintf(label, sizeof label, "method=\"%s\",", cri_methods[i].name);
        if (was_called(&m->latency[i]))
            histogram(t, "cri_containerd_rpc_seconds", label, &m->latency[i]);
    }
}

static void write_server(struct text *t, const struct rpc_server *server, struct executor *handlers)
{
    struct rpc_server_counts n = rpc_server_count(server);
    struct executor_counts x = executor_count(handlers);
    single(t, "cri_containerd_rpcs_in_flight", "gauge", n.calls, "Calls that have not ended.");
    single(t, "cri_containerd_connections", "gauge", n.connections, "Connections of clients.");
    single(t, "cri_containerd_handler_threads", "gauge", x.threads, "Threads that calls run on.");
    single(t, "cri_containerd_handler_jobs_queued", "gauge", x.queued, "Calls that wait for a thread.");
}

static void write_service(struct text *t, struct cri_service *s, const struct cri_census *c)
{
    static const char *const pods[] = {"unknown", "ready", "notready"}, *const containers[] = {"created", "running", "exited", "unknown"};
    struct cio_counters logs = cio_pump_counters(s->pump);
    head(t, "cri_containerd_pods", "gauge", "Pods by state.");
    for (size_t i = 0; i < ARRAY_SIZE(pods); i++)
        line(t, "cri_containerd_pods{state=\"%s\"} %zu\n", pods[i], c->pods[i]);
    head(t, "cri_containerd_containers", "gauge", "Containers by state.");
    for (size_t i = 0; i < ARRAY_SIZE(containers); i++)
        line(t, "cri_containerd_containers{state=\"%s\"} %zu\n", containers[i], c->containers[i]);
    single(t, "cri_containerd_images", "gauge", c->images, "Images.");
    single(t, "cri_containerd_image_pulls_in_progress", "gauge", c->pulls, "Pulls under way.");
    single(t, "cri_containerd_log_bytes_lost_total", "counter", logs.log_bytes_lost, "Bytes of containers' log lines that could not be written.");
    single(t, "cri_containerd_log_write_errors_total", "counter", logs.log_errors, "Writes to containers' logs that failed.");
    single(t, "cri_containerd_log_threads_stuck", "gauge", logs.stuck, "Threads that a file system of logs holds up.");
    single(t, "cri_containerd_event_stream_up", "gauge", atomic_load(&s->event_state.follows), "1 while containerd's events are followed.");
    single(t, "cri_containerd_event_stream_breaks_total", "counter", atomic_load(&s->event_state.breaks), "Subscriptions to events that ended.");
    single(t, "cri_containerd_events_total", "counter", atomic_load(&s->event_state.handled), "Events of containerd that were handled.");
}

/* Pages that the process has, and has in memory (proc(5), statm). False when they are not told. */
static bool read_pages(uint64_t *ret_size, uint64_t *ret_resident)
{
    _cleanup_buf_ struct buf text = BUF_INIT(256);
    if (fs_read_file("/proc/self/statm", &text, NULL) < 0)
        return false;
    struct view size, resident;
    return view_cut(buf_view(&text), ' ', &size, &resident) && num_parse_u64(size, UINT64_MAX >> 16, ret_size) == NUM_OK &&
           (view_cut(resident, ' ', &resident, NULL), num_parse_u64(resident, UINT64_MAX >> 16, ret_resident) == NUM_OK);
}

static size_t count_descriptors(void)
{
    DIR *d = opendir("/proc/self/fd");
    size_t n = 0;
    if (!d)
        return 0;
    for (const struct dirent *entry; (entry = readdir(d));)
        n += entry->d_name[0] != '.';
    closedir(d);
    return n > 0 ? n - 1 : 0; /* that of the directory */
}

static void write_process(struct text *t)
{
    struct timespec cpu = {0};
    struct rlimit limit;
    uint64_t size, resident, page = (uint64_t)sysconf(_SC_PAGESIZE);
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &cpu);
    head(t, "process_cpu_seconds_total", "counter", "Processor time of the daemon.");
    line(t, "process_cpu_seconds_total %llu.%09llu\n", (unsigned long long)cpu.tv_sec, (unsigned long long)cpu.tv_nsec);
    if (read_pages(&size, &resident)) {
        single(t, "process_virtual_memory_bytes", "gauge", size * page, "Address space of the daemon.");
        single(t, "process_resident_memory_bytes", "gauge", resident * page, "Memory of the daemon.");
    }
    single(t, "process_open_fds", "gauge", count_descriptors(), "Descriptors that are open.");
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0)
        single(t, "process_max_fds", "gauge", limit.rlim_cur, "Descriptors that may be open.");
    single(t, "cri_containerd_allocations", "gauge", mem_live(), "Pieces of memory that are allocated.");
}

int cri_metrics_write(struct cri_service *s, const struct rpc_server *server, struct executor *handlers, struct buf *out, struct err *e)
{
    struct text t = {.out = out};
    struct cri_census census;
    TRY(cri_census_take(s, &census, e));
    write_timers(&t, &s->metrics);
    write_calls(&t, &s->metrics);
    write_server(&t, server, handlers);
    write_service(&t, s, &census);
    write_process(&t);
    return t.r < 0 ? err_oom(e) : 0;
}
