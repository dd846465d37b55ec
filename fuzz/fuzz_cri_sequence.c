/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A life of the service: up to 40 operations on a small pool of pods and containers, interleaved with what happens in containerd meanwhile (tasks end, run
 * out of memory, the event stream breaks, calls fail, answers get lost) and with restarts of the service. Controlled by: whoever calls the CRI,
 * in whatever order, and by fate. Reached: cri/, state/, stream/ and the typed client, over the fake containerd.
 *
 * Input: two bytes an operation. The first chooses it; of the second the low three bits choose the object, the rest is its argument.
 *
 * Oracle: every error has a legal code and a printable text (the fixture's); after each operation the stores hold what they should; unless
 * faults were asked for, what must work works: stop and remove always, run under a free name, start of a created container in a running
 * pod; at the end everything is stopped and removed, and no record, snapshot, lease, task, exec, file, pipe, mount or allocation is left; no log
 * line has a control byte.
 */
#include "fuzz.h"

#include "fixture.h"

enum { POOL = 8, OPERATIONS_MAX = 40 };

struct life {
    struct fx *f;
    char pods[POOL][ID_LEN + 1], containers[POOL][ID_LEN + 1];
    char container_pod[POOL]; /* index of its pod */
    bool faulty;              /* a fault was injected: what fails may fail */
};

static void pod_name(char out[32], unsigned i)
{
    snprintf(out, 32, "pod%u\n\x1b[31m", i); /* what the kubelet would never send */
}

static void run_pod(struct life *l, unsigned i, unsigned arg)
{
    struct fx_pod p;
    char name[32], id[ID_LEN + 1];
    pod_name(name, i);
    fx_pod_init(l->f, &p, name);
    p.config.hostname = (char *)"host";
    if (arg & 1) {
        p.config.linux = &p.linux_config;
        p.linux_config.security_context = &p.security;
        p.security.namespace_options = &p.namespaces;
        p.namespaces.network = RUNTIME__V1__NAMESPACE_MODE__NODE;
    }
    p.config.hostname = (char *)(arg & 2 ? "other" : "host");
    bool free_name = l->pods[i][0] == '\0';
    int r = fx_run(l->f, &p, id);
    FUZZ_CHECK_MSG(r == 0 || l->faulty || (!free_name && r == -ERR_ALREADY_EXISTS), "%s", l->f->e.message);
    if (r == 0) {
        FUZZ_CHECK(free_name || l->faulty || strcmp(id, l->pods[i]) == 0);
        memcpy(l->pods[i], id, sizeof id);
    }
}

static void create(struct life *l, unsigned i, unsigned arg)
{
    struct fx_pod p;
    struct fx_container c;
    char name[32], id[ID_LEN + 1];
    unsigned k = arg % POOL;
    pod_name(name, k);
    fx_pod_init(l->f, &p, name);
    snprintf(name, sizeof name, "c%u", i);
    fx_container_init(&c, l->pods[k], &p, name);
    if (arg & 8)
        c.config.log_path = (char *)"../../etc/x";
    c.config.tty = arg & 16;
    int r = fx_create(l->f, &c, id);
    FUZZ_CHECK(!(arg & 8) || r < 0);
    if (r == 0 && l->containers[i][0] == '\0') {
        memcpy(l->containers[i], id, sizeof id);
        l->container_pod[i] = (char)k;
    }
}

static void start(struct life *l, unsigned i)
{
    struct fx_status s = fx_container_status(l->f, l->containers[i]);
    int pod = s.state >= 0 ? fx_pod_state(l->f, l->pods[(unsigned)l->container_pod[i]]) : -1;
    int r = fx_start_container(l->f, l->containers[i]);
    if (s.state == RUNTIME__V1__CONTAINER_STATE__CONTAINER_CREATED && pod == RUNTIME__V1__POD_SANDBOX_STATE__SANDBOX_READY)
        FUZZ_CHECK_MSG(r == 0 || l->faulty, "%s", l->f->e.message);
    else
        FUZZ_CHECK(r < 0 || l->faulty);
}

static void exec_sync(struct life *l, unsigned i, unsigned arg)
{
    static char *const cmd[] = {(char *)"probe\x01\n"};
    Runtime__V1__ExecSyncRequest q = RUNTIME__V1__EXEC_SYNC_REQUEST__INIT;
    q.container_id = l->containers[i];
    q.cmd = (char **)cmd;
    q.n_cmd = 1;
    q.timeout = arg;
    fx_rpc(l->f, CRI_METHOD_EXEC_SYNC, &q);
}

static void look(struct life *l, unsigned i, unsigned arg)
{
    Runtime__V1__ListContainersRequest list = RUNTIME__V1__LIST_CONTAINERS_REQUEST__INIT;
    Runtime__V1__ListPodSandboxRequest pods = RUNTIME__V1__LIST_POD_SANDBOX_REQUEST__INIT;
    Runtime__V1__PodSandboxStatusRequest status = RUNTIME__V1__POD_SANDBOX_STATUS_REQUEST__INIT;
    FUZZ_CHECK(fx_rpc(l->f, CRI_METHOD_LIST_CONTAINERS, &list) == 0);
    FUZZ_CHECK(fx_rpc(l->f, CRI_METHOD_LIST_POD_SANDBOX, &pods) == 0);
    char prefix[ID_LEN + 1];
    snprintf(prefix, sizeof prefix, "%.*s", (int)arg + 1, l->pods[i]);
    status.pod_sandbox_id = prefix;
    status.verbose = true;
    fx_rpc(l->f, CRI_METHOD_POD_SANDBOX_STATUS, &status);
}

/* Every container that is listed has stats, and of the pods those that are ready and have a process. */
static void look_at_stats(struct life *l, unsigned i, unsigned arg)
{
    Runtime__V1__ListContainerStatsRequest of_containers = RUNTIME__V1__LIST_CONTAINER_STATS_REQUEST__INIT;
    Runtime__V1__PodSandboxStatsRequest of_pod = RUNTIME__V1__POD_SANDBOX_STATS_REQUEST__INIT;
    struct fx_call c;
    bool ready = l->pods[i][0] && fx_pod_state(l->f, l->pods[i]) == RUNTIME__V1__POD_SANDBOX_STATE__SANDBOX_READY;
    if (ready && arg & 1)
        fx_figures(l->f, l->pods[i], "/pods");
    fx_call_init(l->f, &c, CRI_METHOD_LIST_CONTAINER_STATS, &of_containers);
    int r = fx_call_run(l->f, &c);
    FUZZ_CHECK_MSG(r == 0 || l->faulty, "%s", c.e.message);
    if (r == 0)
        FUZZ_CHECK(((Runtime__V1__ListContainerStatsResponse *)c.response)->n_stats == fx_look(l->f).containers);
    fx_call_done(&c);
    of_pod.pod_sandbox_id = l->pods[i];
    r = fx_rpc(l->f, CRI_METHOD_POD_SANDBOX_STATS, &of_pod);
    FUZZ_CHECK_MSG(r == 0 ? ready : l->faulty || !(ready && arg & 1), "%s", l->f->e.message);
}

/* Always refused but for a container that runs. */
static void reopen_log(struct life *l, unsigned i)
{
    Runtime__V1__ReopenContainerLogRequest q = RUNTIME__V1__REOPEN_CONTAINER_LOG_REQUEST__INIT;
    q.container_id = l->containers[i];
    bool runs = fx_container_status(l->f, l->containers[i]).state == RUNTIME__V1__CONTAINER_STATE__CONTAINER_RUNNING;
    int r = fx_rpc(l->f, CRI_METHOD_REOPEN_CONTAINER_LOG, &q);
    FUZZ_CHECK_MSG(r < 0 ? !runs || l->faulty : runs, "%s", l->f->e.message);
}

/* Works for every container that there is, and is told afterwards; when it fails, what was told before is. */
static void update(struct life *l, unsigned i, unsigned arg)
{
    Runtime__V1__UpdateContainerResourcesRequest q = RUNTIME__V1__UPDATE_CONTAINER_RESOURCES_REQUEST__INIT;
    Runtime__V1__LinuxContainerResources resources = RUNTIME__V1__LINUX_CONTAINER_RESOURCES__INIT;
    if (!l->containers[i][0])
        return;
    int64_t before = fx_container_status(l->f, l->containers[i]).cpu_shares;
    resources.cpu_shares = 2 + arg;
    q.container_id = l->containers[i];
    q.linux = &resources;
    int r = fx_rpc(l->f, CRI_METHOD_UPDATE_CONTAINER_RESOURCES, &q);
    struct fx_status now = fx_container_status(l->f, l->containers[i]);
    FUZZ_CHECK_MSG(r == 0 || l->faulty, "%s", l->f->e.message);
    FUZZ_CHECK(now.state < 0 || now.cpu_shares == (r == 0 ? 2 + (int64_t)arg : before));
}

static void fault(struct life *l, unsigned i, unsigned arg)
{
    static const enum err_code codes[] = {ERR_UNAVAILABLE, ERR_ALREADY_EXISTS, ERR_FAILED_PRECONDITION, ERR_DEADLINE_EXCEEDED, ERR_INTERNAL, ERR_UNKNOWN};
    l->faulty = true;
    fake_fail_call(l->f->fake, i, arg & 1 ? FAKE_FAIL_AFTER : FAKE_FAIL_BEFORE, codes[(arg >> 1) % ARRAY_SIZE(codes)]);
}

static void must(struct life *l, int r)
{
    FUZZ_CHECK_MSG(r == 0 || l->faulty, "%s", l->f->e.message);
}

static void forget_pod(struct life *l, unsigned i)
{
    l->pods[i][0] = '\0';
    for (unsigned k = 0; k < POOL; k++)
        if ((unsigned)l->container_pod[k] == i)
            l->containers[k][0] = '\0';
}

static void output(struct life *l, unsigned i, unsigned arg)
{
    static const char text[] = "a line\n\x1b]0;title\x07\n\xff\xfe no end";
    fake_output(l->f->fake, l->containers[i], NULL, 1 + (int)(arg & 1), text, arg < sizeof text ? arg : sizeof text - 1);
}

static void step(struct life *l, unsigned op, unsigned i, unsigned arg)
{
    struct fx *f = l->f;
    int r;
    switch (op % 16) {
    case 0: case 1:
        run_pod(l, i, arg);
        break;
    case 2:
        must(l, fx_stop_pod(f, l->pods[i][0] ? l->pods[i] : "gone"));
        break;
    case 3:
        r = fx_remove_pod(f, l->pods[i][0] ? l->pods[i] : "gone");
        must(l, r);
        if (r == 0)
            forget_pod(l, i);
        break;
    case 4: case 5:
        create(l, i, arg);
        break;
    case 6: case 7:
        if (l->containers[i][0])
            start(l, i);
        break;
    case 8:
        must(l, fx_stop_container(f, l->containers[i][0] ? l->containers[i] : "gone", arg));
        break;
    case 9:
        r = fx_remove_container(f, l->containers[i][0] ? l->containers[i] : "gone");
        must(l, r);
        if (r == 0)
            l->containers[i][0] = '\0';
        break;
    case 10:
        exec_sync(l, i, arg);
        break;
    case 11:
        if (arg & 2)
            fake_task_oom(f->fake, l->containers[i]);
        fake_task_exit(f->fake, arg & 1 ? l->pods[i] : l->containers[i], arg);
        break;
    case 12:
        fx_events(f);
        if (arg & 1)
            fake_break_events(f->fake);
        break;
    case 13:
        fake_fail_off(f->fake);
        fx_restart(f);
        break;
    case 14:
        arg & 16 ? fault(l, i, arg) : output(l, i, arg);
        break;
    default:
        update(l, i, arg);
        reopen_log(l, i);
        look(l, i, arg);
        look_at_stats(l, i, arg);
        break;
    }
}

/* The names under which containers and pods are known may have changed hands by a fault: believe the service. */
static void forget_gone(struct life *l)
{
    for (unsigned i = 0; i < POOL; i++) {
        if (l->pods[i][0] && fx_pod_state(l->f, l->pods[i]) < 0)
            forget_pod(l, i);
        if (l->containers[i][0] && fx_container_status(l->f, l->containers[i]).state < 0)
            l->containers[i][0] = '\0';
    }
}

const bool fuzz_plain_schedule = true;

void fuzz_setup(void)
{
    fx_warm_up();
}

int fuzz_one(const uint8_t *data, size_t size)
{
    struct life l = {.f = fx_new(FX_INLINE)};
    fake_script(l.f->fake, &(struct fake_script){.exec = true, .exits = true, .out = "ok", .err_out = "\x01\n"});
    for (size_t n = 0; n < OPERATIONS_MAX && 2 * n + 1 < size; n++) {
        step(&l, data[2 * n], data[2 * n + 1] & 7, data[2 * n + 1] >> 3);
        FUZZ_CHECK(fx_stores_valid(l.f));
        forget_gone(&l);
    }
    fake_fail_off(l.f->fake);
    if (l.faulty)
        fx_restart(l.f); /* what a fault hid from the service is found at its next start */
    fx_remove_all(l.f);
    if (l.faulty)
        fake_collect(l.f->fake);
    FUZZ_CHECK(fx_nothing_left(l.f));
    FUZZ_CHECK(!l.f->log_control);
    fx_free(l.f);
    return 0;
}
