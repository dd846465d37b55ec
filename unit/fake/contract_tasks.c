/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The contract: layers, tasks, execs and events.
 */
#include <signal.h>
#include <time.h>
#include <zlib.h>

#include "contract_steps.h"
#include "model.h"

#define TASK "contract-task"
#define OCI_PROCESS(args)                                                                                                        \
    "{\"user\":{\"uid\":0,\"gid\":0},\"cwd\":\"/\",\"env\":[\"PATH=/bin\"],\"args\":[" args "],\"noNewPrivileges\":true}"
#define OCI_NAMESPACES "[{\"type\":\"pid\"},{\"type\":\"mount\"},{\"type\":\"ipc\"},{\"type\":\"uts\"}]"
/* The rootfs comes as a mount of the task; the shim mounts it on "rootfs" in the bundle. */
#define OCI_SPEC(args)                                                                                                           \
    "{\"ociVersion\":\"1.0.2\",\"process\":" OCI_PROCESS(                                                                        \
        args) ",\"root\":{\"path\":\"rootfs\"},\"mounts\":[{\"destination\":\"/proc\","                                          \
              "\"type\":\"proc\",\"source\":\"proc\"}],\"linux\":{\"cgroupsPath\":\"/cri-containerd-contract/" TASK              \
              "\",\"namespaces\":" OCI_NAMESPACES "}}"
#define SLEEP        "\"/bin/busybox\",\"sleep\",\"1000\""
#define SPEC_TYPE    "types.containerd.io/opencontainers/runtime-spec/1/Spec"
#define PROCESS_TYPE "types.containerd.io/opencontainers/runtime-spec/1/Process"
#define RESOURCES_TYPE "types.containerd.io/opencontainers/runtime-spec/1/LinuxResources"

void contract_sha256(struct view v, char ret[FAKE_DIGEST_MAX])
{
    fake_sha256(v.p, v.n, ret);
}

/* Only between tries on a real containerd, which works on its own time. */
static void a_moment(void)
{
    nanosleep(&(struct timespec){.tv_nsec = 20 * (long)NSEC_PER_MSEC}, NULL);
}

struct ctrd_writer *contract_reopen(struct contract *k, const char *ref, int64_t total, const char *digest, int64_t *ret_offset)
{
    struct ctrd_writer *w = NULL;
    int r = 0;
    for (int i = 0; i < 200; i++) {
        err_clear(E);
        r = ctrd_writer_open(C, CTX, ref, total, digest, &w, ret_offset, E);
        if (r != -ERR_UNAVAILABLE)
            break;
        a_moment();
    }
    return EXPECT(r, OK, NULL) == 0 ? w : NULL;
}

void contract_reopen_and_abort(struct contract *k, const char *ref)
{
    int64_t offset;
    struct ctrd_writer *w = contract_reopen(k, ref, 0, NULL, &offset);
    ctrd_writer_close(C, w);
    int r = 0;
    for (int i = 0; i < 200; i++) {
        err_clear(E);
        r = ctrd_content_abort(C, CTX, ref, E);
        if (r != -ERR_UNAVAILABLE)
            break;
        a_moment();
    }
    EXPECT(r, OK, NULL);
}

/* One tar block of zeros twice is an empty archive. */
enum { EMPTY_TAR = 1024 };

static size_t gzip(const uint8_t *p, size_t n, uint8_t *out, size_t max)
{
    z_stream z = {.next_in = (uint8_t *)p, .avail_in = (unsigned)n, .next_out = out, .avail_out = (unsigned)max};
    if (deflateInit2(&z, Z_BEST_SPEED, Z_DEFLATED, 16 + MAX_WBITS, 8, Z_DEFAULT_STRATEGY) != Z_OK)
        return 0;
    deflate(&z, Z_FINISH);
    deflateEnd(&z);
    return max - z.avail_out;
}

static void store(struct contract *k, struct view v, const char *digest)
{
    struct ctrd_writer *w = NULL;
    int64_t offset;
    struct kv labels[] = {{(char *)"containerd.io/gc.root", (char *)"yes"}};
    struct kvlist l = contract_labels(labels, 1);
    if (EXPECT(ctrd_writer_open(C, CTX, "contract-store", (int64_t)v.n, digest, &w, &offset, E), OK, NULL) < 0)
        return;
    EXPECT(ctrd_writer_write(C, CTX, w, v, E), OK, NULL);
    EXPECT(ctrd_writer_commit(C, CTX, w, (int64_t)v.n, digest, &l, E), OK, NULL);
    ctrd_writer_close(C, w);
}

void contract_diff(struct contract *k)
{
    uint8_t tar[EMPTY_TAR] = {0}, packed[EMPTY_TAR];
    size_t n = gzip(tar, sizeof(tar), packed, sizeof(packed));
    char diff_id[FAKE_DIGEST_MAX], digest[FAKE_DIGEST_MAX];
    contract_sha256(view_make((char *)tar, sizeof(tar)), diff_id);
    contract_sha256(view_make((char *)packed, n), digest);
    struct ctrd_mounts m = {0};
    struct ctrd_descriptor got = {0}, layer = {.media_type = "application/vnd.oci.image.layer.v1.tar+gzip",
                                               .digest = digest,
                                               .size = (int64_t)n};
    struct kv labels[] = {{(char *)"containerd.io/gc.root", (char *)"yes"}};
    struct kvlist l = contract_labels(labels, 1);
    EXPECT(ctrd_snapshot_prepare(C, CTX, k->snapshotter, "contract-diff", "", &l, &k->a, &m, E), OK, NULL);
    EXPECT(ctrd_diff_apply(C, CTX, &layer, &m, &k->a, &got, E), NOT_FOUND, "not found");
    store(k, view_make((char *)packed, n), digest);
    EXPECT(ctrd_diff_apply(C, CTX, &layer, &m, &k->a, &got, E), OK, NULL);
    CHECK(got.digest && strcmp(got.digest, diff_id) == 0 && got.size == EMPTY_TAR);
    EXPECT(ctrd_snapshot_remove(C, CTX, k->snapshotter, "contract-diff", E), OK, NULL);
    EXPECT(ctrd_content_delete(C, CTX, digest, E), OK, NULL);
}

static void make_container(struct contract *k)
{
    struct ctrd_container c = {
        .id = TASK,
        .runtime_name = "io.containerd.runc.v2",
        .spec = {SPEC_TYPE, VIEW_LIT(OCI_SPEC(SLEEP))},
    };
    EXPECT(ctrd_container_create(C, CTX, &c, E), OK, NULL);
}

static int create_task(struct contract *k, uint32_t *ret_pid)
{
    char *options[] = {(char *)"rbind", (char *)"rw"};
    struct ctrd_mount mount = {.type = "bind", .source = k->rootfs, .options = {.v = options, .n = 2, .cap = 2}};
    struct ctrd_task_create t = {.container_id = TASK, .rootfs = {.v = &mount, .n = 1}};
    return ctrd_task_create(C, CTX, &t, ret_pid, E);
}

static const struct ctrd_any resources = {RESOURCES_TYPE, VIEW_LIT("{\"cpu\":{\"shares\":512}}")};

static void without_task(struct contract *k)
{
    struct ctrd_process p = {0};
    struct ctrd_exit x = {0};
    uint32_t pid = 0;
    struct ctrd_exec exec = {.container_id = TASK, .exec_id = "e", .process = {PROCESS_TYPE, VIEW_LIT(OCI_PROCESS("\"/x\""))}};
    EXPECT(create_task(k, &pid), NOT_FOUND, "not found");
    EXPECT(ctrd_task_get(C, CTX, TASK, NULL, &k->a, &p, E), NOT_FOUND, "container \"" TASK "\" in namespace");
    make_container(k);
    EXPECT(ctrd_task_get(C, CTX, TASK, NULL, &k->a, &p, E), NOT_FOUND, "not found");
    CHECK(ctrd_is_not_found(-(int)k->e.code, E) && !ctrd_is_process_finished(-(int)k->e.code, E));
    EXPECT(ctrd_task_start(C, CTX, TASK, NULL, &pid, E), NOT_FOUND, "not found");
    EXPECT(ctrd_task_kill(C, CTX, TASK, NULL, SIGKILL, false, E), NOT_FOUND, "not found");
    EXPECT(ctrd_task_delete(C, CTX, TASK, &x, E), NOT_FOUND, "not found");
    EXPECT(ctrd_task_wait(C, CTX, TASK, NULL, &x, E), NOT_FOUND, "not found");
    EXPECT(ctrd_task_exec(C, CTX, &exec, E), NOT_FOUND, "not found");
    EXPECT(ctrd_task_update(C, CTX, TASK, &resources, E), NOT_FOUND, "not found");
}

static void running_task(struct contract *k)
{
    struct ctrd_process p = {0};
    struct ctrd_processes list = {0};
    struct ctrd_exit x = {0};
    uint32_t pid = 0, same = 0;
    EXPECT(create_task(k, &pid), OK, NULL);
    CHECK(pid > 0);
    EXPECT(create_task(k, &same), ALREADY_EXISTS, "already exists");
    EXPECT(ctrd_task_get(C, CTX, TASK, NULL, &k->a, &p, E), OK, NULL);
    CHECK(p.status == CTRD_TASK_CREATED && p.pid == pid && strcmp(p.container_id, TASK) == 0 && !*p.exec_id && p.exited_at == 0);
    struct ctrd_exec early = {
        .container_id = TASK, .exec_id = "early", .process = {PROCESS_TYPE, VIEW_LIT(OCI_PROCESS("\"/x\""))}};
    EXPECT(ctrd_task_exec(C, CTX, &early, E), OK, NULL);
    EXPECT(ctrd_task_delete_process(C, CTX, TASK, "early", &x, E), OK, NULL);
    EXPECT(ctrd_task_start(C, CTX, TASK, NULL, &same, E), OK, NULL);
    CHECK(same == pid);
    EXPECT(ctrd_task_start(C, CTX, TASK, NULL, &same, E), UNKNOWN, "cannot start a running process");
    EXPECT(ctrd_task_delete(C, CTX, TASK, &x, E), UNKNOWN, "cannot delete a running process");
    EXPECT(ctrd_task_get(C, CTX, TASK, "", &k->a, &p, E), OK, NULL);
    CHECK(p.status == CTRD_TASK_RUNNING);
    EXPECT(ctrd_task_update(C, CTX, TASK, &resources, E), OK, NULL);
    EXPECT(ctrd_task_list(C, CTX, &k->a, &list, E), OK, NULL);
    CHECK(list.n == 1 && strcmp(list.v[0].container_id, TASK) == 0 && list.v[0].status == CTRD_TASK_RUNNING &&
          list.v[0].pid == pid);
    EXPECT(ctrd_task_get(C, CTX, TASK, "nosuch", &k->a, &p, E), NOT_FOUND, "not found");
    EXPECT(ctrd_task_kill(C, CTX, TASK, "nosuch", SIGKILL, false, E), NOT_FOUND, "not found");
}

static void execs(struct contract *k)
{
    struct ctrd_process p = {0};
    struct ctrd_exit x = {0};
    uint32_t pid = 0;
    struct ctrd_exec exec = {
        .container_id = TASK, .exec_id = "one", .process = {PROCESS_TYPE, VIEW_LIT(OCI_PROCESS("\"/bin/busybox\",\"true\""))}};
    EXPECT(ctrd_task_exec(C, CTX, &exec, E), OK, NULL);
    EXPECT(ctrd_task_exec(C, CTX, &exec, E), ALREADY_EXISTS, "already exists");
    EXPECT(ctrd_task_get(C, CTX, TASK, "one", &k->a, &p, E), OK, NULL);
    CHECK(p.status == CTRD_TASK_CREATED && strcmp(p.exec_id, "one") == 0 && strcmp(p.container_id, TASK) == 0);
    EXPECT(ctrd_task_kill(C, CTX, TASK, "one", SIGKILL, false, E), FAILED_PRECONDITION, "process not created");
    EXPECT(ctrd_task_start(C, CTX, TASK, "one", &pid, E), OK, NULL);
    CHECK(pid > 0);
    EXPECT(ctrd_task_wait(C, CTX, TASK, "one", &x, E), OK, NULL);
    CHECK(x.status == 0 && x.exited_at > 0);
    EXPECT(ctrd_task_kill(C, CTX, TASK, "one", SIGKILL, false, E), NOT_FOUND, "process already finished");
    CHECK(ctrd_is_process_finished(-(int)k->e.code, E));
    EXPECT(ctrd_task_start(C, CTX, TASK, "one", &pid, E), UNKNOWN, "cannot start a stopped process");
    EXPECT(ctrd_task_close_io(C, CTX, TASK, "one", E), OK, NULL);
    EXPECT(ctrd_task_delete_process(C, CTX, TASK, "one", &x, E), OK, NULL);
    CHECK(x.status == 0);
    EXPECT(ctrd_task_delete_process(C, CTX, TASK, "one", &x, E), NOT_FOUND, "not found");
    EXPECT(ctrd_task_delete_process(C, CTX, TASK, "", &x, E), INVALID_ARGUMENT, "no exec id");
    exec.exec_id = "";
    EXPECT(ctrd_task_exec(C, CTX, &exec, E), INVALID_ARGUMENT, "exec id cannot be empty");
    exec.exec_id = "bad/id";
    EXPECT(ctrd_task_exec(C, CTX, &exec, E), INVALID_ARGUMENT, "must match");
}

static void ended_task(struct contract *k)
{
    struct ctrd_process p = {0};
    struct ctrd_exit x = {0};
    uint32_t pid = 0;
    EXPECT(ctrd_task_kill(C, CTX, TASK, NULL, SIGKILL, false, E), OK, NULL);
    EXPECT(ctrd_task_wait(C, CTX, TASK, NULL, &x, E), OK, NULL);
    CHECK(x.status == 137 && x.exited_at > 0);
    EXPECT(ctrd_task_get(C, CTX, TASK, NULL, &k->a, &p, E), OK, NULL);
    CHECK(p.status == CTRD_TASK_STOPPED && p.exit_status == 137 && p.exited_at == x.exited_at);
    EXPECT(ctrd_task_kill(C, CTX, TASK, NULL, SIGKILL, false, E), NOT_FOUND, "process already finished");
    CHECK(ctrd_is_process_finished(-(int)k->e.code, E));
    EXPECT(ctrd_task_start(C, CTX, TASK, NULL, &pid, E), UNKNOWN, "cannot start a stopped process");
    struct ctrd_exec late = {.container_id = TASK, .exec_id = "late", .process = {PROCESS_TYPE, VIEW_LIT(OCI_PROCESS("\"/x\""))}};
    EXPECT(ctrd_task_exec(C, CTX, &late, E), UNKNOWN, "cannot exec in a stopped state");
    EXPECT(ctrd_task_update(C, CTX, TASK, &resources, E), UNKNOWN, "cannot update a stopped container");
    EXPECT(ctrd_task_delete(C, CTX, TASK, &x, E), OK, NULL);
    CHECK(x.status == 137 && x.pid == p.pid);
    EXPECT(ctrd_task_delete(C, CTX, TASK, &x, E), NOT_FOUND, "not found");
}

/* Killed between create and start: what a rollback does. */
static void unstarted_task(struct contract *k)
{
    struct ctrd_exit x = {0};
    uint32_t pid = 0;
    EXPECT(create_task(k, &pid), OK, NULL);
    EXPECT(ctrd_task_kill(C, CTX, TASK, NULL, SIGKILL, true, E), OK, NULL);
    EXPECT(ctrd_task_wait(C, CTX, TASK, NULL, &x, E), OK, NULL);
    CHECK(x.status == 137);
    EXPECT(ctrd_task_delete(C, CTX, TASK, &x, E), OK, NULL);
    EXPECT(create_task(k, &pid), OK, NULL);
    EXPECT(ctrd_task_delete(C, CTX, TASK, &x, E), OK, NULL);
}

void contract_tasks(struct contract *k)
{
    if (!k->rootfs) {
        fprintf(k->out, "tasks are not run: no rootfs is given\n");
        return;
    }
    without_task(k);
    running_task(k);
    execs(k);
    ended_task(k);
    unstarted_task(k);
    EXPECT(ctrd_container_delete(C, CTX, TASK, E), OK, NULL);
}

/* Takes events until one of this kind comes. */
static bool next_of(struct contract *k, struct ctrd_events *s, enum ctrd_event_kind kind, struct ctrd_event_info *ret)
{
    struct ctrd_event event = {0};
    for (int i = 0; i < 20; i++) {
        err_clear(E);
        int r = ctrd_events_next(C, CTX, s, &k->a, &event, E);
        if (EXPECT(r == 1 ? 0 : r, OK, NULL) < 0 || r == 0)
            return false;
        CHECK(event.timestamp > 0);
        EXPECT(ctrd_event_decode(&event, &k->a, ret, E), OK, NULL);
        if (ret->kind == kind)
            return true;
    }
    return false;
}

static void exit_event(struct contract *k)
{
    const char *const filters[] = {"topic==\"/tasks/exit\"", "topic==\"/tasks/oom\"", NULL};
    struct ctrd_events *s = NULL;
    struct ctrd_event_info info = {0};
    struct ctrd_exit x = {0};
    uint32_t pid = 0;
    make_container(k);
    if (EXPECT(ctrd_events_open(C, CTX, filters, &s, E), OK, NULL) < 0)
        return;
    EXPECT(create_task(k, &pid), OK, NULL);
    EXPECT(ctrd_task_start(C, CTX, TASK, NULL, &pid, E), OK, NULL);
    EXPECT(ctrd_task_kill(C, CTX, TASK, NULL, SIGKILL, false, E), OK, NULL);
    CHECK(next_of(k, s, CTRD_EVENT_TASK_EXIT, &info));
    CHECK(info.kind == CTRD_EVENT_TASK_EXIT && strcmp(info.container_id, TASK) == 0 && strcmp(info.process_id, TASK) == 0);
    CHECK(info.exit_status == 137 && info.pid == pid && info.exited_at > 0);
    EXPECT(ctrd_task_delete(C, CTX, TASK, &x, E), OK, NULL);
    ctrd_events_close(C, s);
    EXPECT(ctrd_container_delete(C, CTX, TASK, E), OK, NULL);
}

void contract_events(struct contract *k)
{
    const char *const bad[] = {"topic=", NULL}, *const all[] = {"topic~=\"^/images/\"", NULL};
    struct ctrd_events *s = NULL;
    struct ctrd_event event = {0};
    struct ctrd_event_info info = {0};
    struct ctrd_image image = {.name = "contract.example/event:1",
                               .target = {.media_type = "x/y",
                                          .digest = "sha256:"
                                                    "00000000000000000000000000000000000000000000000000000000deadbeef",
                                          .size = 1}};
    /* Opening never waits for containerd; the first answer tells. */
    if (EXPECT(ctrd_events_open(C, CTX, bad, &s, E), OK, NULL) == 0)
        EXPECT(ctrd_events_next(C, CTX, s, &k->a, &event, E), UNKNOWN, "invalid argument");
    ctrd_events_close(C, s);
    s = NULL;
    if (EXPECT(ctrd_events_open(C, CTX, all, &s, E), OK, NULL) < 0)
        return;
    EXPECT(ctrd_lease_delete(C, CTX, "contract-absent", false, E), NOT_FOUND,
           NULL); /* a call behind it: the subscription stands */
    a_moment();
    EXPECT(ctrd_image_create(C, CTX, &image, E), OK, NULL);
    CHECK(next_of(k, s, CTRD_EVENT_IMAGE, &info) && strcmp(info.image_name, image.name) == 0 && !info.image_deleted);
    EXPECT(ctrd_image_delete(C, CTX, image.name, false, E), OK, NULL);
    CHECK(next_of(k, s, CTRD_EVENT_IMAGE, &info) && strcmp(info.image_name, image.name) == 0 && info.image_deleted);
    ctrd_events_close(C, s);
    if (k->rootfs)
        exit_event(k);
}
