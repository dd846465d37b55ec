/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The contract: records, images, content, snapshots, leases. Tasks and events are in contract_tasks.c, garbage collection in
 * contract_gc.c.
 */
#include "contract_steps.h"

#include "base/buf.h"

#define HELLO         "hello contract"
#define ABSENT_DIGEST "sha256:00000000000000000000000000000000000000000000000000000000deadbeef"

int contract_result(struct contract *k, const char *file, int line, const char *call, int r, int want, const char *text)
{
    k->calls++;
    bool ok = r == -want && (!text || strstr(k->e.message, text));
    if (k->verbose || !ok)
        fprintf(k->out, "%s %s:%d %s\n    gives %s \"%s\"\n", ok ? "ok  " : "DIFF", file, line, call,
                err_code_name((enum err_code) - r), r < 0 ? k->e.message : "");
    if (!ok) {
        fprintf(k->out, "    expected %s \"%s\"\n", err_code_name((enum err_code)want), text ? text : "");
        k->differences++;
    }
    return r;
}

bool contract_check(struct contract *k, const char *file, int line, const char *what, bool ok)
{
    if (!ok) {
        fprintf(k->out, "DIFF %s:%d %s is false\n", file, line, what);
        k->differences++;
    }
    return ok;
}

struct kvlist contract_labels(struct kv *v, size_t n)
{
    return (struct kvlist){.v = v, .n = n, .cap = n};
}

static void server(struct contract *k)
{
    const char *version = NULL, *revision = NULL;
    EXPECT(ctrd_version(C, CTX, &k->a, &version, &revision, E), OK, NULL);
    CHECK(version && *version);
    struct ctrd_plugins p = {0};
    const char *const filters[] = {"type==io.containerd.snapshotter.v1", NULL};
    EXPECT(ctrd_plugins(C, CTX, filters, &k->a, &p, E), OK, NULL);
    bool found = false;
    for (size_t i = 0; i < p.n; i++) {
        CHECK(strcmp(p.v[i].type, "io.containerd.snapshotter.v1") == 0);
        if (strcmp(p.v[i].id, "overlayfs") == 0)
            found = p.v[i].ok && kvlist_get(&p.v[i].exports, "root") && !*p.v[i].error;
        if (strcmp(p.v[i].id, "zfs") == 0)
            CHECK(!p.v[i].ok && *p.v[i].error);
    }
    CHECK(found);
    const char *const bad[] = {"type=", NULL};
    EXPECT(ctrd_plugins(C, CTX, bad, &k->a, &p, E), INVALID_ARGUMENT, "invalid argument");
    EXPECT(ctrd_namespace_ensure(C, CTX, k->namespace_, E), OK, NULL);
    EXPECT(ctrd_namespace_ensure(C, CTX, k->namespace_, E), OK, NULL);
    EXPECT(ctrd_namespace_ensure(C, CTX, "no spaces", E), INVALID_ARGUMENT, "must match");
}

static void container_creation(struct contract *k, struct ctrd_container *c)
{
    struct ctrd_container got = {0};
    EXPECT(ctrd_container_get(C, CTX, c->id, &k->a, &got, E), NOT_FOUND, "not found");
    CHECK(ctrd_is_not_found(-(int)k->e.code, E));
    EXPECT(ctrd_container_create(C, CTX, c, E), OK, NULL);
    EXPECT(ctrd_container_create(C, CTX, c, E), ALREADY_EXISTS, "already exists");
    EXPECT(ctrd_container_get(C, CTX, c->id, &k->a, &got, E), OK, NULL);
    CHECK(strcmp(got.id, c->id) == 0 && strcmp(got.image, c->image) == 0);
    CHECK(strcmp(got.runtime_name, c->runtime_name) == 0 && strcmp(got.snapshotter, c->snapshotter) == 0);
    CHECK(strcmp(got.snapshot_key, c->snapshot_key) == 0);
    CHECK(got.labels.n == 2 && strcmp(kvlist_get(&got.labels, "io.cri-containerd.kind"), "sandbox") == 0);
    CHECK(got.n_extensions == 1 && got.extensions[0].any.value.n == 7);
    CHECK(got.spec.type_url && strcmp(got.spec.type_url, c->spec.type_url) == 0);
    CHECK(got.spec.value.n == c->spec.value.n && memcmp(got.spec.value.p, c->spec.value.p, c->spec.value.n) == 0);
    CHECK(got.created_at > 0 && got.updated_at >= got.created_at);
    CHECK(got.runtime_options.type_url == NULL);

    struct ctrd_container bad = *c;
    bad.id = "contract/bad";
    EXPECT(ctrd_container_create(C, CTX, &bad, E), INVALID_ARGUMENT, "must match");
    bad.id = "contract-77-characters-long-xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx";
    EXPECT(ctrd_container_create(C, CTX, &bad, E), INVALID_ARGUMENT, "greater than maximum length");
    bad = *c;
    bad.id = "contract-other";
    bad.runtime_name = "";
    EXPECT(ctrd_container_create(C, CTX, &bad, E), INVALID_ARGUMENT, "container.Runtime.Name must be set");
    bad.runtime_name = c->runtime_name;
    bad.spec.type_url = NULL;
    EXPECT(ctrd_container_create(C, CTX, &bad, E), INVALID_ARGUMENT, "container.Spec must be set");
    bad.spec = c->spec;
    bad.snapshotter = "";
    EXPECT(ctrd_container_create(C, CTX, &bad, E), INVALID_ARGUMENT, "Snapshotter must be set");
}

static void container_changes(struct contract *k, struct ctrd_container *c)
{
    struct ctrd_container got = {0}, change = {.id = c->id};
    struct kv labels[] = {{(char *)"only", (char *)"this"}};
    change.labels = contract_labels(labels, 1);
    const char *const mask[] = {CTRD_FIELD_LABELS, NULL}, *const wrong[] = {"runtime", NULL};
    EXPECT(ctrd_container_update(C, CTX, &change, mask, E), OK, NULL);
    EXPECT(ctrd_container_get(C, CTX, c->id, &k->a, &got, E), OK, NULL);
    CHECK(got.labels.n == 1 && got.n_extensions == 1 && got.spec.type_url);
    CHECK(got.updated_at >= got.created_at);
    EXPECT(ctrd_container_update(C, CTX, &change, wrong, E), INVALID_ARGUMENT, "cannot update");
    change.id = "contract-absent";
    EXPECT(ctrd_container_update(C, CTX, &change, mask, E), NOT_FOUND, "not found");

    struct ctrd_container *v = NULL;
    size_t n = 0;
    const char *const match[] = {"labels.\"only\"==this", NULL}, *const other[] = {"labels.\"only\"==that", "id~=^nothing", NULL};
    const char *const broken[] = {"labels.\"only", NULL};
    EXPECT(ctrd_container_list(C, CTX, match, &k->a, &v, &n, E), OK, NULL);
    CHECK(n == 1 && strcmp(v[0].id, c->id) == 0);
    EXPECT(ctrd_container_list(C, CTX, other, &k->a, &v, &n, E), OK, NULL);
    CHECK(n == 0);
    EXPECT(ctrd_container_list(C, CTX, broken, &k->a, &v, &n, E), INVALID_ARGUMENT, "invalid argument");
    EXPECT(ctrd_container_delete(C, CTX, c->id, E), OK, NULL);
    EXPECT(ctrd_container_delete(C, CTX, c->id, E), NOT_FOUND, "not found");
    EXPECT(ctrd_container_list(C, CTX, NULL, &k->a, &v, &n, E), OK, NULL);
    CHECK(n == 0);
}

static void containers(struct contract *k)
{
    struct kv labels[] = {{(char *)"io.cri-containerd.kind", (char *)"sandbox"}, {(char *)"app", (char *)"web"}};
    struct ctrd_extension extension = {.key = "io.cri-containerd.sandbox.metadata",
                                       .any = {"contract/Metadata", view_make("{\"a\":1}", 7)}};
    struct ctrd_container c = {
        .id = "contract-one",
        .image = "registry.example/pause:1",
        .runtime_name = "io.containerd.runc.v2",
        .snapshotter = k->snapshotter,
        .snapshot_key = "contract-one",
        .labels = contract_labels(labels, 2),
        .spec = {"types.containerd.io/opencontainers/runtime-spec/1/Spec", VIEW_LIT("{\"ociVersion\":\"1.0.2\"}")},
        .extensions = &extension,
        .n_extensions = 1,
    };
    container_creation(k, &c);
    container_changes(k, &c);
}

static void images(struct contract *k)
{
    struct kv labels[] = {{(char *)"io.cri-containerd.image", (char *)"managed"}};
    struct ctrd_image got = {0}, image = {
                                     .name = "contract.example/app:1",
                                     .labels = contract_labels(labels, 1),
                                     .target = {.media_type = "application/vnd.oci.image.manifest.v1+json",
                                                .digest = ABSENT_DIGEST,
                                                .size = 123},
                                 };
    struct ctrd_images list = {0};
    EXPECT(ctrd_image_get(C, CTX, image.name, &k->a, &got, E), NOT_FOUND, "not found");
    EXPECT(ctrd_image_create(C, CTX, &image, E), OK, NULL);
    EXPECT(ctrd_image_create(C, CTX, &image, E), ALREADY_EXISTS, "already exists");
    EXPECT(ctrd_image_get(C, CTX, image.name, &k->a, &got, E), OK, NULL);
    CHECK(strcmp(got.name, image.name) == 0 && got.labels.n == 1 && strcmp(got.target.digest, ABSENT_DIGEST) == 0);
    CHECK(got.target.size == 123 && strcmp(got.target.media_type, image.target.media_type) == 0 && got.created_at > 0);
    image.target.size = 124;
    image.labels.n = 0;
    EXPECT(ctrd_image_update(C, CTX, &image, E), OK, NULL);
    EXPECT(ctrd_image_get(C, CTX, image.name, &k->a, &got, E), OK, NULL);
    CHECK(got.target.size == 124 && got.labels.n == 0 && got.updated_at >= got.created_at);
    const char *const by_name[] = {"name==contract.example/app:1", NULL}, *const none[] = {"labels.x==y", NULL};
    EXPECT(ctrd_image_list(C, CTX, by_name, &k->a, &list, E), OK, NULL);
    CHECK(list.n == 1);
    EXPECT(ctrd_image_list(C, CTX, none, &k->a, &list, E), OK, NULL);
    CHECK(list.n == 0);
    struct ctrd_image bad = image;
    bad.name = "";
    EXPECT(ctrd_image_create(C, CTX, &bad, E), INVALID_ARGUMENT, "Image.Name required");
    EXPECT(ctrd_image_update(C, CTX, &bad, E), INVALID_ARGUMENT, "Image.Name required");
    bad.name = "contract.example/bad:1";
    bad.target.digest = "sha256:abc";
    EXPECT(ctrd_image_create(C, CTX, &bad, E), INVALID_ARGUMENT, "Target.Digest");
    bad.target = image.target;
    bad.target.size = 0;
    EXPECT(ctrd_image_create(C, CTX, &bad, E), INVALID_ARGUMENT, "Target.Size must be greater than zero");
    bad.target.size = 1;
    bad.target.media_type = "";
    EXPECT(ctrd_image_create(C, CTX, &bad, E), INVALID_ARGUMENT, "Target.MediaType must be set");
    bad = image;
    bad.name = "contract.example/absent:1";
    EXPECT(ctrd_image_update(C, CTX, &bad, E), NOT_FOUND, "not found");
    EXPECT(ctrd_image_delete(C, CTX, image.name, true, E), OK, NULL);
    EXPECT(ctrd_image_delete(C, CTX, image.name, false, E), NOT_FOUND, "not found");
}

static void writing(struct contract *k, const char *digest)
{
    struct ctrd_writer *w = NULL, *second = NULL;
    struct ctrd_ingests g = {0};
    int64_t offset = -1;
    EXPECT(ctrd_writer_open(C, CTX, "", 0, NULL, &w, &offset, E), INVALID_ARGUMENT, "reference");
    if (EXPECT(ctrd_writer_open(C, CTX, "contract-ref", 14, digest, &w, &offset, E), OK, NULL) < 0)
        return;
    CHECK(offset == 0);
    EXPECT(ctrd_writer_write(C, CTX, w, view_make(HELLO, 5), E), OK, NULL);
    EXPECT(ctrd_writer_open(C, CTX, "contract-ref", 14, NULL, &second, &offset, E), UNAVAILABLE, "locked");
    EXPECT(ctrd_content_ingests(C, CTX, &k->a, &g, E), OK, NULL);
    CHECK(g.n == 1 && strcmp(g.v[0].ref, "contract-ref") == 0 && g.v[0].offset == 5);
    ctrd_writer_close(C, w);
    w = contract_reopen(k, "contract-ref", 14, digest, &offset);
    if (!w)
        return;
    CHECK(offset == 5);
    EXPECT(ctrd_writer_commit(C, CTX, w, 14, digest, NULL, E), FAILED_PRECONDITION, "5 bytes written, 14 expected");
    EXPECT(ctrd_writer_write(C, CTX, w, view_make(&HELLO[5], 9), E), OK, NULL);
    struct kv labels[] = {{(char *)"containerd.io/gc.root", (char *)"yes"}, {(char *)"a", (char *)"b"}};
    struct kvlist l = contract_labels(labels, 2);
    EXPECT(ctrd_writer_commit(C, CTX, w, 14, digest, &l, E), OK, NULL);
    EXPECT(ctrd_writer_commit(C, CTX, w, 14, digest, &l, E), FAILED_PRECONDITION, "has ended");
    ctrd_writer_close(C, w);
    EXPECT(ctrd_writer_open(C, CTX, "contract-ref", 14, digest, &w, &offset, E), ALREADY_EXISTS, "already exists");
    EXPECT(ctrd_content_ingests(C, CTX, &k->a, &g, E), OK, NULL);
    CHECK(g.n == 0);
}

static void bad_writing(struct contract *k)
{
    struct ctrd_writer *w = NULL;
    int64_t offset = -1;
    if (EXPECT(ctrd_writer_open(C, CTX, "contract-bad", 0, NULL, &w, &offset, E), OK, NULL) == 0) {
        EXPECT(ctrd_writer_write(C, CTX, w, VIEW_LIT("xyz"), E), OK, NULL);
        EXPECT(ctrd_writer_commit(C, CTX, w, 3, ABSENT_DIGEST, NULL, E), FAILED_PRECONDITION, "unexpected commit digest");
        ctrd_writer_close(C, w);
    }
    contract_reopen_and_abort(k, "contract-bad");
    EXPECT(ctrd_content_abort(C, CTX, "contract-bad", E), NOT_FOUND, "not found");
}

static void reading(struct contract *k, const char *digest)
{
    struct ctrd_content_info info = {0};
    struct buf b = BUF_INIT(64), small = BUF_INIT(13);
    EXPECT(ctrd_content_info(C, CTX, digest, &k->a, &info, E), OK, NULL);
    CHECK(strcmp(info.digest, digest) == 0 && info.size == 14 && info.labels.n == 2 && info.created_at > 0);
    EXPECT(ctrd_content_info(C, CTX, ABSENT_DIGEST, &k->a, &info, E), NOT_FOUND, "not found");
    EXPECT(ctrd_content_read(C, CTX, digest, &b, E), OK, NULL);
    CHECK(view_eq_str(buf_view(&b), HELLO));
    EXPECT(ctrd_content_read(C, CTX, digest, &small, E), RESOURCE_EXHAUSTED, "larger than the limit of 13 bytes");
    CHECK(small.n == 0);
    buf_clear(&b);
    EXPECT(ctrd_content_read_range(C, CTX, digest, 6, 3, &b, E), OK, NULL);
    CHECK(view_eq_str(buf_view(&b), "con"));
    buf_clear(&b);
    EXPECT(ctrd_content_read_range(C, CTX, digest, 6, 100, &b, E), OK, NULL);
    CHECK(view_eq_str(buf_view(&b), "contract"));
    buf_clear(&b);
    EXPECT(ctrd_content_read_range(C, CTX, digest, 14, 1, &b, E), OK, NULL);
    CHECK(b.n == 0);
    EXPECT(ctrd_content_read_range(C, CTX, digest, 15, 1, &b, E), OUT_OF_RANGE, "read past object length 14 bytes");
    EXPECT(ctrd_content_read(C, CTX, ABSENT_DIGEST, &b, E), NOT_FOUND, "not found");
    EXPECT(ctrd_content_read(C, CTX, "sha256:abc", &b, E), INVALID_ARGUMENT, "digest");
    buf_done(&b);
    buf_done(&small);
}

static void content(struct contract *k)
{
    char digest[FAKE_DIGEST_MAX];
    contract_sha256(VIEW_LIT(HELLO), digest);
    writing(k, digest);
    bad_writing(k);
    reading(k, digest);
    struct kv labels[] = {{(char *)"containerd.io/gc.ref.snapshot.x", (char *)"y"}, {(char *)"a", (char *)""}};
    struct kvlist l = contract_labels(labels, 2);
    struct ctrd_content_info info = {0};
    EXPECT(ctrd_content_set_labels(C, CTX, digest, &l, E), OK, NULL);
    EXPECT(ctrd_content_info(C, CTX, digest, &k->a, &info, E), OK, NULL);
    CHECK(info.labels.n == 2 && kvlist_get(&info.labels, "containerd.io/gc.root") && !kvlist_get(&info.labels, "a"));
    EXPECT(ctrd_content_set_labels(C, CTX, ABSENT_DIGEST, &l, E), NOT_FOUND, "not found");
    EXPECT(ctrd_content_delete(C, CTX, digest, E), OK, NULL);
    EXPECT(ctrd_content_delete(C, CTX, digest, E), NOT_FOUND, "not found");
}

static void leases(struct contract *k)
{
    struct kv labels[] = {{(char *)"containerd.io/gc.expire", (char *)"2099-01-01T00:00:00Z"}};
    struct kvlist l = contract_labels(labels, 1);
    struct ctrd_leases list = {0};
    EXPECT(ctrd_lease_create(C, CTX, "contract-lease", &l, E), OK, NULL);
    EXPECT(ctrd_lease_create(C, CTX, "contract-lease", &l, E), ALREADY_EXISTS, "already exists");
    EXPECT(ctrd_lease_list(C, CTX, &k->a, &list, E), OK, NULL);
    CHECK(list.n == 1 && strcmp(list.v[0].id, "contract-lease") == 0 && list.v[0].labels.n == 1 && list.v[0].created_at > 0);
    EXPECT(ctrd_lease_delete(C, CTX, "contract-lease", true, E), OK, NULL);
    EXPECT(ctrd_lease_delete(C, CTX, "contract-lease", false, E), NOT_FOUND, "not found");
}

/* More than are asked at once; one that is not there, or of a snapshotter that is not, is no failure. */
static void usages_at_once(struct contract *k)
{
    enum { N = 40, GONE = 17, UNKNOWN = 20 };
    struct ctrd_snapshot_key keys[N];
    struct ctrd_usage usages[N] = {{0}};
    for (size_t i = 0; i < N; i++)
        keys[i] = (struct ctrd_snapshot_key){i == UNKNOWN ? "contract" : k->snapshotter, i == GONE ? "contract-nowhere" : "contract-a"};
    EXPECT(ctrd_snapshot_usages(C, CTX, keys, N, usages, E), OK, NULL);
    for (size_t i = 0; i < N; i++)
        CHECK(i == GONE || i == UNKNOWN ? usages[i].size == -1 && usages[i].inodes == -1 : usages[i].size >= 0 && usages[i].inodes > 0);
    EXPECT(ctrd_snapshot_usages(C, CTX, keys, 0, usages, E), OK, NULL);
}

static void active_snapshots(struct contract *k, const struct kvlist *l)
{
    struct ctrd_mounts m = {0};
    struct ctrd_snapshot_info info = {0};
    struct ctrd_usage usage = {0};
    EXPECT(ctrd_snapshot_prepare(C, CTX, k->snapshotter, "contract-a", "contract-nowhere", l, &k->a, &m, E), NOT_FOUND,
           "does not exist");
    EXPECT(ctrd_snapshot_prepare(C, CTX, k->snapshotter, "contract-a", "", l, &k->a, &m, E), OK, NULL);
    CHECK(m.n == 1 && strcmp(m.v[0].type, "bind") == 0 && *m.v[0].source == '/' && m.v[0].options.n == 2);
    EXPECT(ctrd_snapshot_prepare(C, CTX, k->snapshotter, "contract-a", "", l, &k->a, &m, E), ALREADY_EXISTS, "already exists");
    EXPECT(ctrd_snapshot_prepare(C, CTX, "contract", "contract-b", "", l, &k->a, &m, E), INVALID_ARGUMENT,
           "snapshotter not loaded: contract");
    EXPECT(ctrd_snapshot_prepare(C, CTX, k->snapshotter, "contract-b", "contract-a", l, &k->a, &m, E), INVALID_ARGUMENT,
           "is not committed");
    EXPECT(ctrd_snapshot_stat(C, CTX, k->snapshotter, "contract-a", &k->a, &info, E), OK, NULL);
    CHECK(info.kind == 2 && !*info.parent && strcmp(info.name, "contract-a") == 0 && info.created_at > 0);
    EXPECT(ctrd_snapshot_mounts(C, CTX, k->snapshotter, "contract-a", &k->a, &m, E), OK, NULL);
    CHECK(m.n == 1);
    EXPECT(ctrd_snapshot_usage(C, CTX, k->snapshotter, "contract-a", &usage, E), OK, NULL);
    CHECK(usage.inodes > 0);
    usages_at_once(k);
}

static void committed_snapshots(struct contract *k, const struct kvlist *l)
{
    struct ctrd_mounts m = {0};
    struct ctrd_snapshot_info info = {0};
    struct ctrd_snapshots list = {0};
    EXPECT(ctrd_snapshot_commit(C, CTX, k->snapshotter, "contract-layer", "contract-a", l, E), OK, NULL);
    EXPECT(ctrd_snapshot_commit(C, CTX, k->snapshotter, "contract-layer2", "contract-a", l, E), NOT_FOUND, "does not exist");
    EXPECT(ctrd_snapshot_stat(C, CTX, k->snapshotter, "contract-layer", &k->a, &info, E), OK, NULL);
    CHECK(info.kind == 3 && info.labels.n == 1);
    EXPECT(ctrd_snapshot_mounts(C, CTX, k->snapshotter, "contract-layer", &k->a, &m, E), FAILED_PRECONDITION, "not active");
    EXPECT(ctrd_snapshot_view(C, CTX, k->snapshotter, "contract-view", "contract-layer", l, &k->a, &m, E), OK, NULL);
    CHECK(m.n == 1);
    EXPECT(ctrd_snapshot_prepare(C, CTX, k->snapshotter, "contract-c", "contract-layer", l, &k->a, &m, E), OK, NULL);
    EXPECT(ctrd_snapshot_commit(C, CTX, k->snapshotter, "contract-layer", "contract-c", l, E), ALREADY_EXISTS, "already exists");
    if (strcmp(k->snapshotter, "overlayfs") == 0) /* native fails earlier: it made no directory for the view */
        EXPECT(ctrd_snapshot_commit(C, CTX, k->snapshotter, "contract-layer2", "contract-view", l, E), FAILED_PRECONDITION,
               "is not active");
    EXPECT(ctrd_snapshot_stat(C, CTX, k->snapshotter, "contract-c", &k->a, &info, E), OK, NULL);
    CHECK(info.kind == 2 && strcmp(info.parent, "contract-layer") == 0 && info.labels.n == 1);
    EXPECT(ctrd_snapshot_list(C, CTX, k->snapshotter, &k->a, &list, E), OK, NULL);
    CHECK(list.n == 3);
    EXPECT(ctrd_snapshot_list(C, CTX, "contract", &k->a, &list, E), INVALID_ARGUMENT, "snapshotter not loaded");
    EXPECT(ctrd_snapshot_remove(C, CTX, k->snapshotter, "contract-layer", E), FAILED_PRECONDITION,
           "cannot remove snapshot with child");
    EXPECT(ctrd_snapshot_remove(C, CTX, k->snapshotter, "contract-c", E), OK, NULL);
    EXPECT(ctrd_snapshot_remove(C, CTX, k->snapshotter, "contract-view", E), OK, NULL);
    EXPECT(ctrd_snapshot_remove(C, CTX, k->snapshotter, "contract-layer", E), OK, NULL);
    EXPECT(ctrd_snapshot_remove(C, CTX, k->snapshotter, "contract-layer", E), NOT_FOUND, "does not exist");
    EXPECT(ctrd_snapshot_stat(C, CTX, k->snapshotter, "contract-layer", &k->a, &info, E), NOT_FOUND, "does not exist");
    EXPECT(ctrd_snapshot_mounts(C, CTX, k->snapshotter, "contract-layer", &k->a, &m, E), NOT_FOUND, "does not exist");
}

static void snapshots(struct contract *k)
{
    /* Without it a garbage collection may take what nothing refers to. */
    struct kv labels[] = {{(char *)"containerd.io/gc.root", (char *)"yes"}};
    struct kvlist l = contract_labels(labels, 1);
    active_snapshots(k, &l);
    committed_snapshots(k, &l);
}

unsigned contract_run(struct contract *k, const char *service)
{
    static const struct {
        const char *name;
        void (*run)(struct contract *k);
    } services[] = {
        {"server", server},      {"containers", containers}, {"images", images},
        {"content", content},    {"leases", leases},         {"snapshots", snapshots},
        {"diff", contract_diff}, {"tasks", contract_tasks},  {"events", contract_events},
        {"gc", contract_gc},
    };
    arena_init(&k->a, ARENA_BUDGET_DEFAULT);
    for (size_t i = 0; i < ARRAY_SIZE(services); i++)
        if (!service || strcmp(service, services[i].name) == 0) {
            unsigned before = k->differences, calls = k->calls;
            services[i].run(k);
            fprintf(k->out, "%-12s %3u calls, %u differences\n", services[i].name, k->calls - calls, k->differences - before);
            arena_done(&k->a);
        }
    return k->differences;
}
