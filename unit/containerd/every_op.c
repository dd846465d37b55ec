/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The scene and the table; see every_op.h.
 */
#include "every_op.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/mem.h"

#define REF         "ref-1"
#define SNAPSHOTTER "overlayfs"
#define C           (&s->c)
#define X           (&s->ctx)

static struct kv label_list[] = {{(char *)"k1", (char *)"v1"}, {(char *)"k2", (char *)"v2"}};
static const struct kvlist labels = {.v = label_list, .n = 2, .cap = 2};
static char *option_list[] = {(char *)"rbind", (char *)"ro"};
static struct ctrd_mount mount_list[] = {
    {.type = "bind", .source = "/src", .target = "/t", .options = {.v = option_list, .n = 2, .cap = 2}}};
static const struct ctrd_mounts mounts = {.v = mount_list, .n = 1};
static const char *const no_filter[] = {NULL};
static const char *const label_field[] = {CTRD_FIELD_LABELS, NULL};
static struct ctrd_extension extension_list[] = {{"ext", {"type/E", {"{}", 2}}}};

static struct ctrd_container container_of(const char *id)
{
    return (struct ctrd_container){
        .id = id,
        .image = "img",
        .runtime_name = "io.containerd.runc.v2",
        .snapshotter = SNAPSHOTTER,
        .snapshot_key = id,
        .labels = labels,
        .spec = {"type/Spec", {"{}", 2}},
        .runtime_options = {"type/O", {"o", 1}},
        .extensions = extension_list,
        .n_extensions = 1,
    };
}

static struct ctrd_image image_of(const struct scene *s, const char *name)
{
    return (struct ctrd_image){
        .name = name, .labels = labels, .target = {.media_type = "m/t", .digest = s->blob, .size = 8, .annotations = labels}};
}

static struct ctrd_exec exec_of(const char *exec_id)
{
    return (struct ctrd_exec){.container_id = "c", .exec_id = exec_id, .process = {"type/P", {"{}", 2}}};
}

static int op_version(struct scene *s, struct arena *a, struct err *e)
{
    const char *version, *revision;
    return ctrd_version(C, X, a, &version, &revision, e);
}

static int op_plugins(struct scene *s, struct arena *a, struct err *e)
{
    struct ctrd_plugins p;
    return ctrd_plugins(C, X, no_filter, a, &p, e);
}

static int op_namespace_ensure(struct scene *s, struct arena *a, struct err *e)
{
    return ctrd_namespace_ensure(C, X, "k8s.io", e);
}

static int op_container_get(struct scene *s, struct arena *a, struct err *e)
{
    struct ctrd_container c;
    return ctrd_container_get(C, X, "c", a, &c, e);
}

static int op_container_list(struct scene *s, struct arena *a, struct err *e)
{
    struct ctrd_container *v;
    size_t n;
    return ctrd_container_list(C, X, NULL, a, &v, &n, e);
}

static int op_container_create(struct scene *s, struct arena *a, struct err *e)
{
    struct ctrd_container c = container_of("c2");
    return ctrd_container_create(C, X, &c, e);
}

static int op_container_update(struct scene *s, struct arena *a, struct err *e)
{
    struct ctrd_container c = container_of("c");
    return ctrd_container_update(C, X, &c, label_field, e);
}

static int op_container_delete(struct scene *s, struct arena *a, struct err *e)
{
    return ctrd_container_delete(C, X, "c", e);
}

static int op_task_create(struct scene *s, struct arena *a, struct err *e)
{
    struct ctrd_task_create t = {.container_id = "idle", .rootfs = mounts, .options = {"type/O", {"o", 1}}};
    uint32_t pid;
    return ctrd_task_create(C, X, &t, &pid, e);
}

static int op_task_start(struct scene *s, struct arena *a, struct err *e)
{
    uint32_t pid;
    return ctrd_task_start(C, X, "c", "x", &pid, e);
}

static int op_task_delete(struct scene *s, struct arena *a, struct err *e)
{
    struct ctrd_exit x;
    return ctrd_task_delete(C, X, "dead", &x, e);
}

static int op_task_delete_process(struct scene *s, struct arena *a, struct err *e)
{
    struct ctrd_exit x;
    return ctrd_task_delete_process(C, X, "c", "x", &x, e);
}

static int op_task_get(struct scene *s, struct arena *a, struct err *e)
{
    struct ctrd_process p;
    return ctrd_task_get(C, X, "c", "x", a, &p, e);
}

static int op_task_list(struct scene *s, struct arena *a, struct err *e)
{
    struct ctrd_processes p;
    return ctrd_task_list(C, X, a, &p, e);
}

static int op_task_kill(struct scene *s, struct arena *a, struct err *e)
{
    return ctrd_task_kill(C, X, "c", NULL, SIGTERM, true, e);
}

static int op_task_exec(struct scene *s, struct arena *a, struct err *e)
{
    struct ctrd_exec x = exec_of("y");
    return ctrd_task_exec(C, X, &x, e);
}

static int op_task_resize_pty(struct scene *s, struct arena *a, struct err *e)
{
    return ctrd_task_resize_pty(C, X, "c", "", 80, 25, e);
}

static int op_task_close_io(struct scene *s, struct arena *a, struct err *e)
{
    return ctrd_task_close_io(C, X, "c", "x", e);
}

static int op_task_wait(struct scene *s, struct arena *a, struct err *e)
{
    struct ctrd_exit x;
    return ctrd_task_wait(C, X, "dead", NULL, &x, e);
}

static int op_task_update(struct scene *s, struct arena *a, struct err *e)
{
    struct ctrd_any resources = {"type/R", {"{}", 2}};
    return ctrd_task_update(C, X, "c", &resources, e);
}

static int op_image_get(struct scene *s, struct arena *a, struct err *e)
{
    struct ctrd_image image;
    return ctrd_image_get(C, X, "img", a, &image, e);
}

static int op_image_list(struct scene *s, struct arena *a, struct err *e)
{
    struct ctrd_images images;
    return ctrd_image_list(C, X, NULL, a, &images, e);
}

static int op_image_create(struct scene *s, struct arena *a, struct err *e)
{
    struct ctrd_image image = image_of(s, "img2");
    return ctrd_image_create(C, X, &image, e);
}

static int op_image_update(struct scene *s, struct arena *a, struct err *e)
{
    struct ctrd_image image = image_of(s, "img");
    return ctrd_image_update(C, X, &image, e);
}

static int op_image_delete(struct scene *s, struct arena *a, struct err *e)
{
    return ctrd_image_delete(C, X, "img", true, e);
}

static int op_content_info(struct scene *s, struct arena *a, struct err *e)
{
    struct ctrd_content_info info;
    return ctrd_content_info(C, X, s->blob, a, &info, e);
}

static int op_content_read(struct scene *s, struct arena *a, struct err *e)
{
    struct buf b = BUF_INIT(64);
    int r = ctrd_content_read(C, X, s->blob, &b, e);
    buf_done(&b);
    return r;
}

static int op_content_read_range(struct scene *s, struct arena *a, struct err *e)
{
    struct buf b = BUF_INIT(64);
    int r = ctrd_content_read_range(C, X, s->blob, 2, 3, &b, e);
    buf_done(&b);
    return r;
}

static int op_content_set_labels(struct scene *s, struct arena *a, struct err *e)
{
    return ctrd_content_set_labels(C, X, s->blob, &labels, e);
}

static int op_content_delete(struct scene *s, struct arena *a, struct err *e)
{
    return ctrd_content_delete(C, X, s->blob, e);
}

static int op_content_ingests(struct scene *s, struct arena *a, struct err *e)
{
    struct ctrd_ingests g;
    return ctrd_content_ingests(C, X, a, &g, e);
}

static int op_content_abort(struct scene *s, struct arena *a, struct err *e)
{
    return ctrd_content_abort(C, X, REF, e);
}

/* How far a write goes: opened, written to, committed. */
static int write_until(struct scene *s, int steps, struct err *e)
{
    struct ctrd_writer *w = NULL;
    int64_t offset;
    int r = ctrd_writer_open(C, X, REF, 0, NULL, &w, &offset, e);
    if (r == 0 && steps > 0)
        r = ctrd_writer_write(C, X, w, VIEW_LIT("more"), e);
    if (r == 0 && steps > 1)
        r = ctrd_writer_commit(C, X, w, 0, NULL, &labels, e);
    ctrd_writer_close(C, w);
    return r;
}

static int op_writer_open(struct scene *s, struct arena *a, struct err *e)
{
    return write_until(s, 0, e);
}

static int op_writer_write(struct scene *s, struct arena *a, struct err *e)
{
    return write_until(s, 1, e);
}

static int op_writer_commit(struct scene *s, struct arena *a, struct err *e)
{
    return write_until(s, 2, e);
}

static int op_snapshot_prepare(struct scene *s, struct arena *a, struct err *e)
{
    struct ctrd_mounts m;
    return ctrd_snapshot_prepare(C, X, SNAPSHOTTER, "snap2", "layer", &labels, a, &m, e);
}

static int op_snapshot_view(struct scene *s, struct arena *a, struct err *e)
{
    struct ctrd_mounts m;
    return ctrd_snapshot_view(C, X, SNAPSHOTTER, "snap2", "layer", &labels, a, &m, e);
}

static int op_snapshot_mounts(struct scene *s, struct arena *a, struct err *e)
{
    struct ctrd_mounts m;
    return ctrd_snapshot_mounts(C, X, SNAPSHOTTER, "snap", a, &m, e);
}

static int op_snapshot_commit(struct scene *s, struct arena *a, struct err *e)
{
    return ctrd_snapshot_commit(C, X, SNAPSHOTTER, "layer2", "snap", &labels, e);
}

static int op_snapshot_remove(struct scene *s, struct arena *a, struct err *e)
{
    return ctrd_snapshot_remove(C, X, SNAPSHOTTER, "snap", e);
}

static int op_snapshot_stat(struct scene *s, struct arena *a, struct err *e)
{
    struct ctrd_snapshot_info info;
    return ctrd_snapshot_stat(C, X, SNAPSHOTTER, "snap", a, &info, e);
}

static int op_snapshot_list(struct scene *s, struct arena *a, struct err *e)
{
    struct ctrd_snapshots list;
    return ctrd_snapshot_list(C, X, SNAPSHOTTER, a, &list, e);
}

static int op_snapshot_usage(struct scene *s, struct arena *a, struct err *e)
{
    struct ctrd_usage usage;
    return ctrd_snapshot_usage(C, X, SNAPSHOTTER, "snap", &usage, e);
}

static int op_snapshot_usages(struct scene *s, struct arena *a, struct err *e)
{
    static const struct ctrd_snapshot_key keys[] = {{SNAPSHOTTER, "snap"}, {SNAPSHOTTER, "snap2"}}; /* the second is not there */
    struct ctrd_usage usages[2];
    return ctrd_snapshot_usages(C, X, keys, 2, usages, e);
}

static int op_lease_create(struct scene *s, struct arena *a, struct err *e)
{
    return ctrd_lease_create(C, X, "lease2", &labels, e);
}

static int op_lease_delete(struct scene *s, struct arena *a, struct err *e)
{
    return ctrd_lease_delete(C, X, "lease", true, e);
}

static int op_lease_list(struct scene *s, struct arena *a, struct err *e)
{
    struct ctrd_leases list;
    return ctrd_lease_list(C, X, a, &list, e);
}

static int op_diff_apply(struct scene *s, struct arena *a, struct err *e)
{
    struct ctrd_descriptor layer = {.media_type = "m/t", .digest = s->blob, .size = 8, .annotations = labels}, got;
    return ctrd_diff_apply(C, X, &layer, &mounts, a, &got, e);
}

static int op_events_open(struct scene *s, struct arena *a, struct err *e)
{
    struct ctrd_events *events = NULL;
    int r = ctrd_events_open(C, X, no_filter, &events, e);
    ctrd_events_close(C, events);
    return r;
}

static int op_events_next(struct scene *s, struct arena *a, struct err *e)
{
    struct ctrd_events *events = NULL;
    struct ctrd_event event;
    struct ctrd_event_info info;
    int r = ctrd_events_open(C, X, no_filter, &events, e);
    if (r == 0) {
        fake_task_oom(s->f, "c");
        r = ctrd_events_next(C, X, events, a, &event, e);
        if (r == 1)
            r = ctrd_event_decode(&event, a, &info, e);
    }
    ctrd_events_close(C, events);
    return r;
}

#define EVERY_ENTRY_(name, params, args) {#name, NULL, op_##name},
static const struct every_op table[] = {CTRD_OPS(EVERY_ENTRY_)};

static const struct {
    const char *prefix, *object;
} objects[] = {
    {"version", "version"},
    {"plugins", "plugins"},
    {"namespace", "k8s.io"},
    {"container_list", "containers"},
    {"container", "container"},
    {"task_list", "tasks"},
    {"task", "task \""},
    {"image_list", "images"},
    {"image", "image \"img"},
    {"content_ingests", "ingests"},
    {"content_abort", "ref-1"},
    {"content", "content sha256:"},
    {"writer", "ref-1"},
    {"snapshot_list", "snapshots"},
    {"snapshot", "snapshot \"snap"},
    {"lease_list", "leases"},
    {"lease", "lease \"lease"},
    {"diff", "layer sha256:"},
    {"events", "events"},
};

static const char *object_of(const char *name)
{
    for (size_t i = 0; i < ARRAY_SIZE(objects); i++)
        if (strncmp(name, objects[i].prefix, strlen(objects[i].prefix)) == 0)
            return objects[i].object;
    return "nothing names this operation's object";
}

const size_t n_every_op = ARRAY_SIZE(table);

struct every_op every_op_at(size_t i)
{
    struct every_op op = table[i];
    op.object = object_of(op.name);
    return op;
}

void scene_init(struct scene *s)
{
    clock_virtual(1, 1700000000 * (int64_t)NSEC_PER_SEC);
    *s = (struct scene){.f = fake_new(), .ctx = CTX_BACKGROUND};
    s->c = fake_ctrd(s->f);
}

void scene_done(struct scene *s)
{
    fake_free(s->f);
    clock_virtual_off();
}

static void must(int r, const struct err *e)
{
    if (r < 0) {
        fprintf(stderr, "scene: %s\n", e->message);
        abort();
    }
}

static void add_task(struct scene *s, const char *id, bool task, struct err *e)
{
    struct ctrd_container c = container_of(id);
    struct ctrd_task_create t = {.container_id = id};
    uint32_t pid;
    must(ctrd_container_create(C, X, &c, e), e);
    if (!task)
        return;
    must(ctrd_task_create(C, X, &t, &pid, e), e);
    must(ctrd_task_start(C, X, id, NULL, &pid, e), e);
}

void scene_set(struct scene *s)
{
    struct err e = ERR_INIT;
    struct arena a = ARENA_INIT(1 << 20);
    struct ctrd_mounts m;
    struct ctrd_writer *w = NULL;
    int64_t offset;
    struct ctrd_exec x = exec_of("x");
    mem_fail_pause();
    fake_reset(s->f);
    fake_add_blob(s->f, SCENE_BLOB, sizeof(SCENE_BLOB) - 1, s->blob);
    add_task(s, "c", true, &e);
    add_task(s, "dead", true, &e);
    add_task(s, "idle", false, &e);
    fake_task_exit(s->f, "dead", 3);
    must(ctrd_task_exec(C, X, &x, &e), &e);
    struct ctrd_image image = image_of(s, "img");
    must(ctrd_image_create(C, X, &image, &e), &e);
    must(ctrd_writer_open(C, X, REF, 0, NULL, &w, &offset, &e), &e);
    must(ctrd_writer_write(C, X, w, VIEW_LIT("some"), &e), &e);
    ctrd_writer_close(C, w);
    fake_add_layer(s->f, "layer", NULL);
    must(ctrd_snapshot_prepare(C, X, SNAPSHOTTER, "snap", "layer", NULL, &a, &m, &e), &e);
    must(ctrd_lease_create(C, X, "lease", NULL, &e), &e);
    arena_done(&a);
    mem_fail_resume();
}

int scene_run(struct scene *s, const struct every_op *op, struct err *e)
{
    struct arena a = ARENA_INIT(ARENA_BUDGET_DEFAULT);
    scene_set(s);
    int r = op->run(s, &a, e);
    arena_done(&a);
    return r;
}
