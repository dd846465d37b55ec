/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Packing: each field of each struct arrives in its place on the wire, and each field of an answer in its place in the struct.
 */
#include <stdio.h>

#include "containerd/runc_options.h"
#include "containerd/wire.h"
#include "every_op.h"
#include "record.h"
#include "support.h"

struct stage {
    struct scene s;
    struct record rec;
    struct ctrd c;
    struct arena a;
    struct err e;
};

static int setup(void **state)
{
    static struct stage t;
    t = (struct stage){.a = ARENA_INIT(ARENA_BUDGET_DEFAULT)};
    scene_init(&t.s);
    scene_set(&t.s);
    record_init(&t.rec, fake_channel(t.s.f));
    t.c = ctrd_client(&t.rec.channel);
    *state = &t;
    return 0;
}

static int teardown(void **state)
{
    struct stage *t = *state;
    arena_done(&t->a);
    scene_done(&t->s);
    return 0;
}

/* The call's requests, then the text is empty again. */
#define SENDS(t, call, want)                                                                                                     \
    do {                                                                                                                         \
        assert_ok(call, &(t)->e);                                                                                                \
        assert_string_equal((t)->rec.text, (want));                                                                              \
        record_clear(&(t)->rec);                                                                                                 \
    } while (0)

#define X (&t->s.ctx)
#define E (&t->e)
#define C (&t->c)
#define A (&t->a)

static struct kv label_list[] = {{(char *)"l1", (char *)"a"}, {(char *)"l2", (char *)""}};
static const struct kvlist labels = {.v = label_list, .n = 2, .cap = 2};
#define LABELS "labels{key:\"l1\" value:\"a\"} labels{key:\"l2\"}"

static const struct ctrd_container *full_container(void)
{
    static struct ctrd_extension extensions[] = {{"e1", {"t/1", {"x", 1}}}, {"e2", {NULL, {NULL, 0}}}};
    static const struct ctrd_container c = {
        .id = "full",
        .image = "im",
        .runtime_name = "rt",
        .snapshotter = "overlayfs",
        .snapshot_key = "key",
        .sandbox_id = "sb",
        .labels = {.v = label_list, .n = 2, .cap = 2},
        .runtime_options = {"t/o", {"oo", 2}},
        .spec = {"t/s", {"ss", 2}},
        .extensions = extensions,
        .n_extensions = 2,
        .created_at = 99, /* containerd's business: not sent */
    };
    return &c;
}
#define FULL                                                                                                                     \
    "container{id:\"full\" " LABELS " image:\"im\" runtime{name:\"rt\" options{type_url:\"t/o\" value:\"oo\"}} "                 \
    "spec{type_url:\"t/s\" value:\"ss\"} snapshotter:\"overlayfs\" snapshot_key:\"key\" "                                        \
    "extensions{key:\"e1\" value{type_url:\"t/1\" value:\"x\"}} extensions{key:\"e2\"} sandbox:\"sb\"}"

static void containers(void **state)
{
    struct stage *t = *state;
    const char *const fields[] = {CTRD_FIELD_EXTENSIONS, CTRD_FIELD_SPEC, NULL}, *const filters[] = {"id==full", "image==x",
                                                                                                     NULL};
    struct ctrd_container got, *v;
    size_t n;
    SENDS(t, ctrd_container_create(C, X, full_container(), E), "Containers/Create " FULL "\n");
    SENDS(t, ctrd_container_update(C, X, full_container(), fields, E),
          "Containers/Update " FULL " update_mask{paths:\"extensions\" paths:\"spec\"}\n");
    SENDS(t, ctrd_container_get(C, X, "full", A, &got, E), "Containers/Get id:\"full\"\n");
    assert_string_equal(got.sandbox_id, "sb");
    assert_string_equal(got.image, "im");
    assert_string_equal(got.runtime_name, "rt");
    assert_string_equal(got.runtime_options.type_url, "t/o");
    assert_view(got.runtime_options.value, "oo");
    assert_view(got.spec.value, "ss");
    assert_string_equal(kvlist_get(&got.labels, "l2"), "");
    assert_int_equal(got.n_extensions, 2);
    assert_string_equal(got.extensions[0].key, "e1");
    assert_view(got.extensions[0].any.value, "x");
    assert_null(got.extensions[1].any.type_url);
    assert_int_equal(got.created_at, 1700000000 * (int64_t)NSEC_PER_SEC);
    SENDS(t, ctrd_container_list(C, X, filters, A, &v, &n, E),
          "open Containers/ListStream \nlast filters:\"id==full\" filters:\"image==x\"\n");
    assert_int_equal(n, 1);
    assert_string_equal(v[0].id, "full");
    assert_int_equal(v[0].n_extensions, 2);
    SENDS(t, ctrd_container_delete(C, X, "full", E), "Containers/Delete id:\"full\"\n");
}

/* An old containerd: one message in place of a stream, and the same result. */
static void listing_falls_back(void **state)
{
    struct stage *t = *state;
    struct ctrd_container *v;
    size_t n, m;
    assert_ok(ctrd_container_list(C, X, NULL, A, &v, &n, E), E);
    assert_int_equal(n, 3);
    fake_unimplement(t->s.f, "Containers/ListStream");
    record_clear(&t->rec);
    SENDS(t, ctrd_container_list(C, X, NULL, A, &v, &m, E), "open Containers/ListStream \nlast\nContainers/List\n");
    assert_int_equal(m, n);
    assert_int_equal(t->e.code, ERR_OK);
    fake_unimplement(t->s.f, "Containers/List");
    assert_fails(ctrd_container_list(C, X, NULL, A, &v, &m, E), E, ERR_UNIMPLEMENTED, "list of containers");
}

static void many_containers_are_listed(void **state)
{
    struct stage *t = *state;
    struct ctrd_container c = *full_container(), *v;
    size_t n;
    fake_reset(t->s.f);
    for (int i = 0; i < 100; i++) {
        c.id = arena_printf(A, "c%d", i);
        assert_ok(ctrd_container_create(C, X, &c, E), E);
    }
    assert_ok(ctrd_container_list(C, X, NULL, A, &v, &n, E), E);
    assert_int_equal(n, 100);
    assert_string_equal(v[0].id, "c0");
    assert_string_equal(v[99].id, "c99");
    /* The arena is the bound. */
    struct arena small = ARENA_INIT(4096);
    assert_fails(ctrd_container_list(C, X, NULL, &small, &v, &n, E), E, ERR_RESOURCE_EXHAUSTED, "list of containers");
    arena_done(&small);
}

static void tasks(void **state)
{
    struct stage *t = *state;
    char *options[] = {(char *)"rw", (char *)"index=off"};
    struct ctrd_mount mounts[] = {{"overlay", "src", "/mnt", {.v = options, .n = 2, .cap = 2}}, {.type = "bind"}};
    struct ctrd_task_create create = {
        .container_id = "idle",
        .rootfs = {.v = mounts, .n = 2},
        .stdin_path = "/i",
        .stdout_path = "/o",
        .stderr_path = "/e",
        .terminal = true,
        .options = {"t/o", {"oo", 2}},
        .runtime_path = "/shim",
    };
    struct ctrd_process p;
    struct ctrd_exit x;
    struct ctrd_any resources = {"t/r", {"rr", 2}};
    uint32_t pid = 0, same = 0;
    SENDS(t, ctrd_task_create(C, X, &create, &pid, E),
          "Tasks/Create container_id:\"idle\" rootfs{type:\"overlay\" source:\"src\" target:\"/mnt\" options:\"rw\" "
          "options:\"index=off\"} "
          "rootfs{type:\"bind\"} stdin:\"/i\" stdout:\"/o\" stderr:\"/e\" terminal:1 options{type_url:\"t/o\" value:\"oo\"} "
          "runtime_path:\"/shim\"\n");
    assert_true(pid > 0);
    SENDS(t, ctrd_task_get(C, X, "idle", NULL, A, &p, E), "Tasks/Get container_id:\"idle\"\n");
    assert_string_equal(p.stdin_path, "/i");
    assert_string_equal(p.stdout_path, "/o");
    assert_string_equal(p.stderr_path, "/e");
    assert_true(p.terminal && p.pid == pid && p.status == CTRD_TASK_CREATED);
    SENDS(t, ctrd_task_start(C, X, "idle", NULL, &same, E), "Tasks/Start container_id:\"idle\"\n");
    assert_int_equal(same, pid);
    SENDS(t, ctrd_task_update(C, X, "idle", &resources, E),
          "Tasks/Update container_id:\"idle\" resources{type_url:\"t/r\" value:\"rr\"}\n");
    SENDS(t, ctrd_task_resize_pty(C, X, "idle", "", 80, 25, E), "Tasks/ResizePty container_id:\"idle\" width:80 height:25\n");
    SENDS(t, ctrd_task_kill(C, X, "idle", NULL, 15, true, E), "Tasks/Kill container_id:\"idle\" signal:15 all:1\n");
    SENDS(t, ctrd_task_wait(C, X, "idle", NULL, &x, E), "Tasks/Wait container_id:\"idle\"\n");
    assert_int_equal(x.status, 143);
    assert_int_equal(x.exited_at, clock_real());
    SENDS(t, ctrd_task_delete(C, X, "idle", &x, E), "Tasks/Delete container_id:\"idle\"\n");
    assert_true(x.status == 143 && x.pid == pid);
}

static void execs(void **state)
{
    struct stage *t = *state;
    struct ctrd_exec exec = {
        .container_id = "c",
        .exec_id = "ex",
        .stdin_path = "/i",
        .stdout_path = "/o",
        .stderr_path = "/e",
        .terminal = true,
        .process = {"t/p", {"pp", 2}},
    };
    struct ctrd_process p;
    struct ctrd_exit x;
    uint32_t pid;
    fake_script(t->s.f, &(struct fake_script){.exec = true, .match = "pp", .exits = true, .status = 9});
    SENDS(t, ctrd_task_exec(C, X, &exec, E),
          "Tasks/Exec container_id:\"c\" stdin:\"/i\" stdout:\"/o\" stderr:\"/e\" terminal:1 spec{type_url:\"t/p\" value:\"pp\"} "
          "exec_id:\"ex\"\n");
    SENDS(t, ctrd_task_get(C, X, "c", "ex", A, &p, E), "Tasks/Get container_id:\"c\" exec_id:\"ex\"\n");
    assert_string_equal(p.container_id, "c");
    assert_string_equal(p.exec_id, "ex");
    SENDS(t, ctrd_task_close_io(C, X, "c", "ex", E), "Tasks/CloseIO container_id:\"c\" exec_id:\"ex\" stdin:1\n");
    SENDS(t, ctrd_task_start(C, X, "c", "ex", &pid, E), "Tasks/Start container_id:\"c\" exec_id:\"ex\"\n");
    SENDS(t, ctrd_task_wait(C, X, "c", "ex", &x, E), "Tasks/Wait container_id:\"c\" exec_id:\"ex\"\n");
    assert_int_equal(x.status, 9);
    SENDS(t, ctrd_task_delete_process(C, X, "c", "ex", &x, E), "Tasks/DeleteProcess container_id:\"c\" exec_id:\"ex\"\n");
    assert_true(x.status == 9 && x.pid == pid);
}

static void images_and_content(void **state)
{
    struct stage *t = *state;
    struct ctrd_image got, image = {
                               .name = "im:1",
                               .labels = labels,
                               .target = {.media_type = "m/t", .digest = t->s.blob, .size = INT64_MAX, .annotations = labels},
                           };
    char expected[2048];
    snprintf(expected, sizeof(expected),
             "image{name:\"im:1\" " LABELS
             " target{media_type:\"m/t\" digest:\"%s\" size:9223372036854775807 annotations{key:\"l1\" value:\"a\"} "
             "annotations{key:\"l2\"}}}\n",
             t->s.blob);
    assert_ok(ctrd_image_create(C, X, &image, E), E);
    assert_int_equal(strncmp(t->rec.text, "Images/Create ", 14), 0);
    assert_string_equal(t->rec.text + 14, expected);
    record_clear(&t->rec);
    SENDS(t, ctrd_image_get(C, X, "im:1", A, &got, E), "Images/Get name:\"im:1\"\n");
    assert_true(got.target.size == INT64_MAX && got.target.annotations.n == 2 && got.labels.n == 2);
    assert_string_equal(got.target.media_type, "m/t");
    SENDS(t, ctrd_image_delete(C, X, "im:1", true, E), "Images/Delete name:\"im:1\" sync:1\n");
    snprintf(expected, sizeof(expected),
             "Content/Update info{digest:\"%s\" " LABELS "} update_mask{paths:\"labels.l1\" paths:\"labels.l2\"}\n", t->s.blob);
    SENDS(t, ctrd_content_set_labels(C, X, t->s.blob, &labels, E), expected);
    SENDS(t, ctrd_content_set_labels(C, X, t->s.blob, NULL, E), "");
    snprintf(expected, sizeof(expected), "open Content/Read \nlast digest:\"%s\" offset:2 size:3\n", t->s.blob);
    struct buf b = BUF_INIT(3);
    SENDS(t, ctrd_content_read_range(C, X, t->s.blob, 2, 3, &b, E), expected);
    assert_view(buf_view(&b), "e b");
    SENDS(t, ctrd_content_read_range(C, X, t->s.blob, 2, 0, &b, E), "");
    assert_fails(ctrd_content_read_range(C, X, t->s.blob, -1, 3, &b, E), E, ERR_INVALID_ARGUMENT, "3 bytes at -1");
    assert_fails(ctrd_content_read_range(C, X, t->s.blob, INT64_MAX, 1, &b, E), E, ERR_INVALID_ARGUMENT, "is not valid");
    buf_done(&b);
}

/* One below the blob's size fails and leaves what was there; its size, and one above, succeed. */
static void reading_is_bounded(void **state)
{
    struct stage *t = *state;
    const size_t n = sizeof(SCENE_BLOB) - 1, before = 2;
    for (size_t max = before + n - 1; max <= before + n + 1; max++) {
        struct buf b = BUF_INIT(max);
        assert_int_equal(buf_add_str(&b, "ab"), 0);
        if (max < before + n) {
            assert_fails(ctrd_content_read(C, X, t->s.blob, &b, E), E, ERR_RESOURCE_EXHAUSTED, "larger than the limit");
            assert_view(buf_view(&b), "ab");
        } else {
            assert_ok(ctrd_content_read(C, X, t->s.blob, &b, E), E);
            assert_view(buf_view(&b), "ab" SCENE_BLOB);
        }
        buf_done(&b);
    }
}

static void snapshots_and_leases(void **state)
{
    struct stage *t = *state;
    struct ctrd_mounts m;
    struct ctrd_snapshot_info info;
    SENDS(t, ctrd_snapshot_prepare(C, X, "overlayfs", "k", "layer", &labels, A, &m, E),
          "Snapshots/Prepare snapshotter:\"overlayfs\" key:\"k\" parent:\"layer\" " LABELS "\n");
    assert_int_equal(m.n, 1);
    assert_string_equal(m.v[0].type, "overlay");
    assert_int_equal(m.v[0].options.n, 3);
    assert_non_null(strstr(m.v[0].options.v[2], "lowerdir=/"));
    SENDS(t, ctrd_snapshot_stat(C, X, "overlayfs", "k", A, &info, E), "Snapshots/Stat snapshotter:\"overlayfs\" key:\"k\"\n");
    assert_true(info.kind == 2 && info.labels.n == 2);
    assert_string_equal(info.parent, "layer");
    const struct ctrd_snapshot_key keys[] = {{"overlayfs", "k"}, {"native", "none"}};
    struct ctrd_usage usages[2];
    SENDS(t, ctrd_snapshot_usages(C, X, keys, 2, usages, E),
          "open Snapshots/Usage \nlast snapshotter:\"overlayfs\" key:\"k\"\nopen Snapshots/Usage \nlast snapshotter:\"native\" key:\"none\"\n");
    assert_true(usages[0].size > 0 && usages[0].inodes > 0 && usages[1].size == -1 && usages[1].inodes == -1);
    SENDS(t, ctrd_snapshot_view(C, X, "overlayfs", "v", NULL, NULL, A, &m, E),
          "Snapshots/View snapshotter:\"overlayfs\" key:\"v\"\n");
    SENDS(t, ctrd_snapshot_commit(C, X, "overlayfs", "n", "k", &labels, E),
          "Snapshots/Commit snapshotter:\"overlayfs\" name:\"n\" key:\"k\" " LABELS "\n");
    SENDS(t, ctrd_snapshot_remove(C, X, "overlayfs", "n", E), "Snapshots/Remove snapshotter:\"overlayfs\" key:\"n\"\n");
    SENDS(t, ctrd_lease_create(C, X, "le", &labels, E), "Leases/Create id:\"le\" " LABELS "\n");
    SENDS(t, ctrd_lease_delete(C, X, "le", true, E), "Leases/Delete id:\"le\" sync:1\n");
    /* A call's lease travels beside the message. */
    struct ctx leased = CTX_BACKGROUND;
    leased.lease = "lease";
    assert_ok(ctrd_snapshot_view(C, &leased, "overlayfs", "v2", NULL, NULL, A, &m, E), E);
    assert_string_equal(fake_lease_of(t->s.f, "Snapshots/View"), "lease");
}

static void diffs(void **state)
{
    struct stage *t = *state;
    struct ctrd_descriptor layer = {.media_type = "m/t", .digest = t->s.blob, .size = 8, .annotations = labels}, got;
    struct ctrd_mount mount = {.type = "bind", .source = "/s"};
    struct ctrd_mounts mounts = {.v = &mount, .n = 1};
    char expected[1024];
    snprintf(
        expected, sizeof(expected),
        "Diff/Apply diff{media_type:\"m/t\" digest:\"%s\" size:8 annotations{key:\"l1\" value:\"a\"} annotations{key:\"l2\"}} "
        "mounts{type:\"bind\" source:\"/s\"}\n",
        t->s.blob);
    SENDS(t, ctrd_diff_apply(C, X, &layer, &mounts, A, &got, E), expected);
    assert_string_equal(got.digest, t->s.blob);
    fake_set_diff_id(t->s.f, t->s.blob, "sha256:other");
    assert_ok(ctrd_diff_apply(C, X, &layer, &mounts, A, &got, E), E);
    assert_string_equal(got.digest, "sha256:other");
}

static void plugins_tell_why_they_failed(void **state)
{
    struct stage *t = *state;
    const char *const filters[] = {"id==cri", NULL};
    struct ctrd_plugins p;
    fake_add_plugin(t->s.f, "io.containerd.grpc.v1", "cri", "invalid plugin config");
    SENDS(t, ctrd_plugins(C, X, filters, A, &p, E), "Introspection/Plugins filters:\"id==cri\"\n");
    assert_int_equal(p.n, 1);
    assert_false(p.v[0].ok);
    assert_string_equal(p.v[0].error, "invalid plugin config");
}

static void runc_options(void **state)
{
    struct stage *t = *state;
    struct ctrd_runc_options got, o = {
                                      .systemd_cgroup = true,
                                      .no_new_keyring = true,
                                      .io_uid = 5,
                                      .io_gid = 6,
                                      .binary_name = "/usr/bin/crun",
                                      .root = "/run/x",
                                      .shim_cgroup = "sg",
                                  };
    struct ctrd_any any, absent = {0}, other = {"runtimeoptions.v1.Options", {"", 0}},
                         bad = {CTRD_RUNC_OPTIONS_TYPE, {"\xff\xff", 2}};
    assert_ok(ctrd_runc_options_pack(&o, A, &any, E), E);
    assert_string_equal(any.type_url, "containerd.runc.v1.Options");
    /* By hand: 2:true 4:5 5:6 6:"/usr/bin/crun" 7:"/run/x" 3:"sg" 9:true, in order of the numbers. */
    assert_int_equal(any.value.n, 2 + 4 + 2 + 2 + 15 + 8 + 2);
    assert_memory_equal(any.value.p, "\x10\x01\x1a\x02sg\x20\x05\x28\x06\x32\x0d/usr/bin/crun\x3a\x06/run/x\x48\x01",
                        any.value.n);
    assert_ok(ctrd_runc_options_unpack(&any, A, &got, E), E);
    assert_true(got.systemd_cgroup && got.no_new_keyring && !got.no_pivot_root && got.io_uid == 5 && got.io_gid == 6);
    assert_string_equal(got.binary_name, "/usr/bin/crun");
    assert_string_equal(got.root, "/run/x");
    assert_string_equal(got.shim_cgroup, "sg");
    assert_ok(ctrd_runc_options_unpack(&absent, A, &got, E), E);
    assert_false(got.systemd_cgroup);
    assert_fails(ctrd_runc_options_unpack(&other, A, &got, E), E, ERR_INVALID_ARGUMENT, "runtimeoptions.v1.Options");
    assert_int_equal(ctrd_runc_options_unpack(&bad, A, &got, E), -ERR_INVALID_ARGUMENT);
}

/* A call that never comes back must not hold a pull for hours; a caller's own earlier deadline stays. */
static void calls_have_limits(void **state)
{
    struct stage *t = *state;
    struct ctrd_image image;
    struct ctrd_exit end;
    struct ctrd_writer *w;
    struct ctrd_descriptor diff;
    int64_t offset;
    const uint64_t soon = clock_mono() + NSEC_PER_SEC, call = clock_mono() + CTRD_CALL_LIMIT, lasting = clock_mono() + CTRD_LONG_LIMIT;
    const struct ctx hurried = {.deadline = soon};
    assert_ok(ctrd_image_get(C, X, "img", A, &image, E), E);
    assert_in_range(t->rec.deadline, call, clock_mono() + CTRD_CALL_LIMIT);
    assert_ok(ctrd_image_get(C, &hurried, "img", A, &image, E), E);
    assert_int_equal(t->rec.deadline, soon);
    assert_ok(ctrd_task_wait(C, X, "dead", NULL, &end, E), E);
    assert_int_equal(t->rec.deadline, CLOCK_NEVER);
    (void)ctrd_diff_apply(C, X, &(struct ctrd_descriptor){.digest = t->s.blob}, &(struct ctrd_mounts){0}, A, &diff, E);
    assert_in_range(t->rec.deadline, lasting, clock_mono() + CTRD_LONG_LIMIT);
    assert_ok(ctrd_writer_open(C, X, "ref", 0, NULL, &w, &offset, E), E);
    assert_ok(ctrd_writer_write(C, X, w, VIEW_LIT("x"), E), E);
    assert_in_range(t->rec.deadline, call, clock_mono() + CTRD_CALL_LIMIT);
    assert_ok(ctrd_writer_commit(C, X, w, 0, NULL, NULL, E), E);
    assert_in_range(t->rec.deadline, lasting, clock_mono() + CTRD_LONG_LIMIT);
    ctrd_writer_close(C, w);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(containers),
        TEST(listing_falls_back),
        TEST(many_containers_are_listed),
        TEST(tasks),
        TEST(execs),
        TEST(images_and_content),
        TEST(reading_is_bounded),
        TEST(snapshots_and_leases),
        TEST(diffs),
        TEST(plugins_tell_why_they_failed),
        TEST(runc_options),
        TEST(calls_have_limits),
    };
    return cmocka_run_group_tests_name("containerd-pack", tests, NULL, NULL);
}
