/* SPDX-License-Identifier: Apache-2.0 */
/* What belongs to nothing is found; what belongs to something, or may be in the making, is left alone. */
#include "fixture.h"

#include "state/meta.h"

#define POD  "1111111111111111111111111111111111111111111111111111111111111111"
#define BOX  "2222222222222222222222222222222222222222222222222222222222222222"
#define GONE "abababababababababababababababababababababababababababababababab"
#define NETNS "cni-00000000-0000-0000-0000-000000000000"

static const struct ctx background = CTX_BACKGROUND;

/* A record with a snapshot of its name; the extension's text may be anything. */
static void add_record(struct world *w, const char *id, const char *kind, const char *key, const char *type, struct view text)
{
    struct kv label = {(char *)META_LABEL_KIND, (char *)kind};
    struct ctrd_extension x = {.key = key, .any = {.type_url = type, .value = text}};
    struct ctrd_container c = {.id = id, .image = "i", .runtime_name = "io.containerd.runc.v2", .snapshotter = "overlayfs", .snapshot_key = id, .sandbox_id = "",
                               .labels = {.v = &label, .n = kind ? 1 : 0, .cap = 1}, .extensions = &x, .n_extensions = kind ? 1 : 0,
                               .spec = {.type_url = "types.containerd.io/opencontainers/runtime-spec/1/Spec", .value = VIEW_LIT("{}")}};
    struct ctrd_mounts mounts;
    _cleanup_arena_ struct arena a = ARENA_INIT(1 << 20);
    struct err e = ERR_INIT;
    assert_ok(ctrd_container_create(&w->ctrd, &background, &c, &e), &e);
    assert_ok(ctrd_snapshot_prepare(&w->ctrd, &background, "overlayfs", id, "", NULL, &a, &mounts, &e), &e);
}

static void add_pod(struct world *w, const char *id, const char *netns)
{
    _cleanup_buf_ struct buf text = BUF_INIT(1 << 20);
    Runtime__V1__PodSandboxMetadata m = RUNTIME__V1__POD_SANDBOX_METADATA__INIT;
    Runtime__V1__PodSandboxConfig c = RUNTIME__V1__POD_SANDBOX_CONFIG__INIT;
    c.metadata = &m;
    struct sandbox_meta meta = {.id = id, .name = id, .config = &c, .netns_path = netns, .ip = ""};
    struct err e = ERR_INIT;
    assert_ok(meta_sandbox_encode(&meta, &text, &e), &e);
    add_record(w, id, META_KIND_SANDBOX, META_SANDBOX_EXTENSION, META_SANDBOX_TYPE_URL, buf_view(&text));
}

static void add_container(struct world *w, const char *id, const char *pod)
{
    _cleanup_buf_ struct buf text = BUF_INIT(1 << 20);
    Runtime__V1__ContainerMetadata m = RUNTIME__V1__CONTAINER_METADATA__INIT;
    Runtime__V1__ImageSpec image = RUNTIME__V1__IMAGE_SPEC__INIT;
    Runtime__V1__ContainerConfig c = RUNTIME__V1__CONTAINER_CONFIG__INIT;
    c.metadata = &m;
    c.image = &image;
    struct container_meta meta = {.id = id, .name = id, .sandbox_id = pod, .config = &c, .image_ref = "i"};
    struct err e = ERR_INIT;
    assert_ok(meta_container_encode(&meta, &text, &e), &e);
    add_record(w, id, META_KIND_CONTAINER, META_CONTAINER_EXTENSION, META_CONTAINER_TYPE_URL, buf_view(&text));
}

static void mount_at(struct world *w, const char *path)
{
    char line[512];
    folder(w, path);
    snprintf(line, sizeof line, "36 35 98:0 / %s%s rw - tmpfs shm rw\n", w->dir, path);
    put(w, "/proc/self/mountinfo", line, 0644);
}

static void test_owned(void **state)
{
    struct world *w = *state;
    add_pod(w, POD, "/var/run/netns/" NETNS);
    add_container(w, BOX, POD);
    add_record(w, "by-ctr", NULL, NULL, NULL, VIEW_EMPTY); /* somebody else's */
    folder(w, "/state/sandboxes/" POD "/shm");
    folder(w, "/root/containers/" BOX);
    folder(w, "/root/containers/notes"); /* no id */
    put(w, "/netns/" NETNS, "", 0644);
    put(w, "/netns/blue", "", 0644);
    mount_at(w, "/state/sandboxes/" POD "/shm");
    assert_int_equal(look(w), 0);
    assert_found(w, "leftovers", OK, "3 records");
    assert_int_equal(w->d.count[WARNING], 0);
}

static void test_left(void **state)
{
    struct world *w = *state;
    struct ctrd_mounts mounts;
    _cleanup_arena_ struct arena a = ARENA_INIT(1 << 20);
    struct err e = ERR_INIT;
    add_container(w, BOX, POD); /* whose pod is gone */
    folder(w, "/state/sandboxes/" GONE "/shm");
    folder(w, "/root/containers/" GONE);
    put(w, "/netns/" NETNS, "", 0644);
    mount_at(w, "/state/sandboxes/" GONE "/shm");
    assert_ok(ctrd_snapshot_prepare(&w->ctrd, &background, "overlayfs", GONE, "", NULL, &a, &mounts, &e), &e);
    assert_ok(ctrd_snapshot_prepare(&w->ctrd, &background, "overlayfs", "cri-view-1", "", NULL, &a, &mounts, &e), &e);
    assert_ok(ctrd_snapshot_prepare(&w->ctrd, &background, "overlayfs", "extract-1 sha256:0", "", NULL, &a, &mounts, &e), &e);
    assert_int_equal(look(w), 0);
    assert_null(find(w, "leftovers", OK, NULL));
    assert_found(w, "leftover-container", WARNING, BOX);
    assert_found(w, "leftover-directory", WARNING, "/state/sandboxes/" GONE);
    assert_found(w, "leftover-directory", WARNING, "/root/containers/" GONE);
    assert_found(w, "leftover-netns", WARNING, "umount ");
    assert_found(w, "leftover-mount", WARNING, "/state/sandboxes/" GONE "/shm");
    assert_found(w, "leftover-snapshot", WARNING, "snapshots --snapshotter overlayfs rm " GONE);
    assert_found(w, "leftover-snapshot", WARNING, "cri-view-1");
    assert_null(find(w, "leftover-snapshot", WARNING, "extract"));
    assert_null(find(w, "leftover-snapshot", WARNING, BOX));
}

/* A scratch mount of a daemon that was killed. */
static void test_scratch(void **state)
{
    struct world *w = *state;
    mount_at(w, "/state/tmp/x");
    look(w);
    assert_found(w, "leftover-mount", WARNING, "/state/tmp/x");
}

static void test_unreadable(void **state)
{
    struct world *w = *state;
    add_record(w, POD, META_KIND_SANDBOX, META_SANDBOX_EXTENSION, META_SANDBOX_TYPE_URL, VIEW_LIT("{\"Version\":\"v9\"}"));
    add_record(w, BOX, META_KIND_CONTAINER, META_CONTAINER_EXTENSION, META_CONTAINER_TYPE_URL, VIEW_LIT("no json"));
    put(w, "/netns/" NETNS, "", 0644);
    folder(w, "/state/sandboxes/" POD);
    look(w);
    assert_found(w, "leftover-record", WARNING, "the record of sandbox " POD);
    assert_found(w, "leftover-record", WARNING, "the record of container " BOX);
    assert_null(find(w, "leftover-netns", WARNING, NULL)); /* it may be that pod's */
    assert_null(find(w, "leftover-directory", WARNING, NULL));
}

/* A task whose record was taken away under it. */
static void test_task(void **state)
{
    struct world *w = *state;
    struct ctrd_task_create t = {.container_id = POD};
    uint32_t pid;
    struct err e = ERR_INIT;
    add_pod(w, POD, "");
    assert_ok(ctrd_task_create(&w->ctrd, &background, &t, &pid, &e), &e);
    look(w);
    assert_null(find(w, "leftover-task", WARNING, NULL));
    assert_ok(ctrd_container_delete(&w->ctrd, &background, POD, &e), &e);
    look(w);
    assert_found(w, "leftover-task", WARNING, POD);
    assert_found(w, "leftover-snapshot", WARNING, POD);
}

/* With a daemon at work, what is young may be in the making, and views are its own. */
static void test_at_work(void **state)
{
    struct world *w = *state;
    struct ctrd_mounts mounts;
    _cleanup_arena_ struct arena a = ARENA_INIT(1 << 20);
    struct doctor_facts f = {0};
    struct err e = ERR_INIT;
    folder(w, "/state/sandboxes/" GONE);
    mount_at(w, "/state/tmp/x");
    assert_ok(ctrd_snapshot_prepare(&w->ctrd, &background, "overlayfs", "cri-view-1", "", NULL, &a, &mounts, &e), &e);
    doctor_init(&w->d, &w->options, &w->view);
    doctor_check_containerd(&w->d, &f);
    doctor_check_runtimes(&w->d, &f);
    doctor_check_leftovers(&w->d, &f, true);
    assert_found(w, "leftovers", OK, NULL);
    doctor_check_leftovers(&w->d, &f, false);
    assert_found(w, "leftover-directory", WARNING, GONE);
    assert_found(w, "leftover-snapshot", WARNING, "cri-view-1");
    assert_found(w, "leftover-mount", WARNING, "/state/tmp/x");
}

/* The lists cannot be had: that is told, and nothing is taken for left. */
static void test_no_lists(void **state)
{
    struct world *w = *state;
    folder(w, "/state/sandboxes/" GONE);
    fake_fail_method(w->fake, "Tasks/List", FAKE_FAIL_BEFORE, ERR_UNAVAILABLE, "gone", 0);
    assert_int_equal(look(w), 1);
    assert_found(w, "leftovers", ERROR, "gone");
    assert_null(find(w, "leftover-directory", WARNING, NULL));
}

static int whole(void *arg, struct err *e)
{
    struct world *w = arg;
    struct doctor d;
    doctor_init(&d, &w->options, &w->view);
    int r = doctor_run(&d, e);
    doctor_done(&d);
    return r;
}

static void test_memory(void **state)
{
    struct world *w = *state;
    add_pod(w, POD, "/var/run/netns/" NETNS);
    add_container(w, BOX, GONE);
    put(w, "/netns/" NETNS, "", 0644);
    mount_at(w, "/state/sandboxes/" GONE "/shm");
    assert_true(sweep("leftovers", whole, w) > 50);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, world_setup, world_teardown)
    const struct CMUnitTest tests[] = {T(test_owned),   T(test_left),     T(test_scratch), T(test_unreadable), T(test_task),
                                       T(test_at_work), T(test_no_lists), T(test_memory)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
