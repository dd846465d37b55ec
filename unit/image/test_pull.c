/* SPDX-License-Identifier: Apache-2.0 */
/* Whole pulls: what they leave in containerd, what makes them fail, and an allocation sweep. */
#include "base/fs.h"
#include "pull_fixture.h"

#include <stdio.h>

#include "image/ingest.h"
#include "parse/ociimage.h"
#include "sweep.h"

static const char *label_of(struct fixture *f, struct arena *a, const char *digest, const char *key)
{
    const struct ctx ctx = CTX_BACKGROUND;
    struct ctrd_content_info info;
    assert_ok(ctrd_content_info(&f->ctrd, &ctx, digest, a, &info, &f->e), &f->e);
    return kvlist_get(&info.labels, key);
}

static void test_good(void **state)
{
    struct fixture *f = *state;
    const struct ctx ctx = CTX_BACKGROUND;
    struct arena a = ARENA_INIT(1 << 20);
    struct image *img = NULL;
    sample_serve(&f->image, &f->script, REPO, "1", false);
    assert_ok(pull(f, NAME, &img), &f->e);
    assert_string_equal(img->id, f->image.config_digest);
    assert_string_equal(img->chain_id, f->image.chain_id);
    assert_int_equal(img->size, f->image.size);
    assert_int_equal(img->names.n, 3);
    assert_int_equal(img->repo_tags.n, 1);
    assert_string_equal(img->repo_tags.v[0], NAME);
    assert_int_equal(img->repo_digests.n, 1);
    assert_memory_equal(img->repo_digests.v[0], "localhost:5000/team/app@sha256:", 31);
    assert_string_equal(img->config.user, "7:8");
    assert_view(img->config_json, f->image.config);
    assert_false(img->pinned);
    image_unref(img);

    struct fake_live l = fake_live(f->fake);
    assert_int_equal(l.images, 3);
    assert_int_equal(l.blobs, 5);
    assert_int_equal(l.layers, 3);
    assert_int_equal(fake_left_behind(f->fake), 0);

    struct ctrd_image record;
    assert_ok(ctrd_image_get(&f->ctrd, &ctx, f->image.config_digest, &a, &record, &f->e), &f->e);
    assert_string_equal(record.target.digest, f->image.manifest_digest);
    assert_string_equal(record.target.media_type, OCI_MEDIA_MANIFEST);
    assert_string_equal(kvlist_get(&record.labels, IMAGE_LABEL_MANAGED), "managed");

    const char *m = f->image.manifest_digest, *c = f->image.config_digest;
    assert_string_equal(label_of(f, &a, m, "containerd.io/gc.ref.content.config"), c);
    assert_string_equal(label_of(f, &a, m, "containerd.io/gc.ref.content.l.0"), f->image.layer_digests[0]);
    assert_string_equal(label_of(f, &a, m, "containerd.io/gc.ref.content.l.2"), f->image.layer_digests[2]);
    assert_string_equal(label_of(f, &a, c, "containerd.io/gc.ref.snapshot.overlayfs"), f->image.chain_id);
    assert_string_equal(label_of(f, &a, f->image.layer_digests[1], "containerd.io/distribution.source.localhost"), "team/app");
    assert_string_equal(label_of(f, &a, f->image.layer_digests[1], "containerd.io/uncompressed"), f->image.layer_digests[1]);

    struct ctrd_snapshot_info s;
    assert_ok(ctrd_snapshot_stat(&f->ctrd, &ctx, "overlayfs", f->image.chain_id, &a, &s, &f->e), &f->e);
    assert_string_equal(kvlist_get(&s.labels, "containerd.io/snapshot.ref"), f->image.chain_id);
    assert_int_equal(s.kind, 3);
    arena_done(&a);
}

/* Every call that makes something is made under the lease. */
static void test_lease(void **state)
{
    struct fixture *f = *state;
    sample_serve(&f->image, &f->script, REPO, "1", true);
    assert_ok(pull(f, NAME, NULL), &f->e);
    static const char *const methods[] = {"Content/Write", "Snapshots/Prepare", "Snapshots/Commit",
                                          "Images/Create", "Diff/Apply",        "Content/Update"};
    for (size_t i = 0; i < ARRAY_SIZE(methods); i++) {
        const char *lease = fake_lease_of(f->fake, methods[i]);
        if (!lease || strncmp(lease, "cri-containerd-pull-", 20) != 0)
            fail_msg("%s: lease is %s", methods[i], lease ? lease : "(none)");
    }
    long last_record = -1;
    for (long i = fake_index(f->fake, "Images/Create", 0); i >= 0; i = fake_index(f->fake, "Images/Create", (size_t)i + 1))
        last_record = i;
    assert_true(fake_index(f->fake, "Leases/Create", 0) < fake_index(f->fake, "Content/Write", 0));
    assert_true(fake_index(f->fake, "Leases/Delete", 0) > last_record);
    assert_int_equal(fake_count(f->fake, "Leases/Delete"), 1);
}

static void test_index(void **state)
{
    struct fixture *f = *state;
    struct arena a = ARENA_INIT(1 << 20);
    struct image *img = NULL;
    sample_serve(&f->image, &f->script, REPO, "1", true);
    assert_ok(pull(f, NAME, &img), &f->e);
    assert_string_equal(img->id, f->image.config_digest);
    assert_string_equal(img->target.digest, f->image.index_digest);
    assert_string_equal(img->target.media_type, OCI_MEDIA_INDEX);
    assert_int_equal(img->size, f->image.size + (int64_t)strlen(f->image.index));
    assert_non_null(strstr(img->repo_digests.v[0], f->image.index_digest));
    assert_string_equal(label_of(f, &a, f->image.index_digest, "containerd.io/gc.ref.content.m.1"), f->image.manifest_digest);
    assert_non_null(label_of(f, &a, f->image.index_digest, "containerd.io/gc.ref.content.m.0"));
    image_unref(img);
    arena_done(&a);
}

static void test_no_platform(void **state)
{
    struct fixture *f = *state;
    static const char index[] =
        "{\"schemaVersion\":2,\"manifests\":[{\"mediaType\":\"" OCI_MEDIA_MANIFEST
        "\",\"digest\":\"sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a\",\"size\":2,"
        "\"platform\":{\"os\":\"plan9\",\"architecture\":\"mips\"}}]}";
    script_add(&f->script, (struct script_answer){.url = REPO "/manifests/1", .status = 200, .body = VIEW_LIT(index)});
    assert_fails(pull(f, NAME, NULL), &f->e, ERR_NOT_FOUND, "plan9/mips");
    assert_nothing_left(f);
    assert_int_equal(fake_calls(f->fake), 0);
}

static void test_by_digest(void **state)
{
    struct fixture *f = *state;
    char name[200];
    struct image *img = NULL;
    sample_serve(&f->image, &f->script, REPO, NULL, false);
    strcpy(name, NAME "@");
    strcat(name, f->image.manifest_digest);
    assert_ok(pull(f, name, &img), &f->e);
    assert_int_equal(img->names.n, 2);
    assert_int_equal(img->repo_tags.n, 0);
    assert_int_equal(img->repo_digests.n, 1);
    image_unref(img);
}

static void test_not_found(void **state)
{
    struct fixture *f = *state;
    assert_fails(pull(f, NAME, NULL), &f->e, ERR_NOT_FOUND,
                 "manifest team/app:1: not found: localhost:5000 answered with status 404");
    assert_int_equal(fake_calls(f->fake), 0);
    assert_fails(pull(f, "BAD//name", NULL), &f->e, ERR_INVALID_ARGUMENT, "BAD//name");
    assert_fails(pull(f, "", NULL), &f->e, ERR_INVALID_ARGUMENT, "");
    script_add(&f->script, (struct script_answer){.url = "*", .status = 401, .headers = "www-authenticate: Basic realm=x\n"});
    assert_fails(pull(f, NAME, NULL), &f->e, ERR_UNAUTHENTICATED, "user name and a password");
    assert_nothing_left(f);
}

static void test_wrong_layer(void **state)
{
    struct fixture *f = *state;
    char *bad = strdup(f->image.layers[1]);
    bad[3] ^= 1;
    serve_bad_layer(f, 1, view_of(bad));
    assert_fails(pull(f, NAME, NULL), &f->e, ERR_DATA_LOSS, "layer 2 of 3: blob sha256:");
    assert_nothing_left(f);
    assert_int_equal(fake_live(f->fake).ingests, 0);
    free(bad);
}

static void test_truncated_layer(void **state)
{
    struct fixture *f = *state;
    serve_bad_layer(f, 2, view_make(f->image.layers[2], 30));
    assert_fails(pull(f, NAME, NULL), &f->e, ERR_DATA_LOSS, "ends after 30 of");
    assert_nothing_left(f);
}

static void test_wrong_diff_id(void **state)
{
    struct fixture *f = *state;
    fake_set_diff_id(f->fake, f->image.layer_digests[1], f->image.layer_digests[0]);
    sample_serve(&f->image, &f->script, REPO, "1", false);
    assert_fails(pull(f, NAME, NULL), &f->e, ERR_DATA_LOSS, "its content has diff id");
    assert_nothing_left(f);
}

/* An ingest that an earlier pull left behind is gone on with; one that is wrong is started anew. */
static void test_resume_ingest(void **state)
{
    struct fixture *f = *state;
    const struct ctx ctx = CTX_BACKGROUND;
    sample_serve(&f->image, &f->script, REPO, "1", false);
    for (int wrong = 0; wrong < 2; wrong++) {
        struct ctrd_writer *w;
        int64_t offset;
        char ref[128] = "layer-";
        strcat(ref, f->image.layer_digests[wrong]);
        assert_ok(ctrd_writer_open(&f->ctrd, &ctx, ref, 0, NULL, &w, &offset, &f->e), &f->e);
        assert_ok(ctrd_writer_write(&f->ctrd, &ctx, w, wrong ? VIEW_LIT("nonsense") : view_make(f->image.layers[0], 8), &f->e),
                  &f->e);
        ctrd_writer_close(&f->ctrd, w);
    }
    assert_ok(pull(f, NAME, NULL), &f->e);
    char url[200] = REPO "/blobs/";
    strcat(url, f->image.layer_digests[0]);
    assert_int_equal(script_count(&f->script, url), 1);
    assert_string_equal(script_find(&f->script, url, 0)->range, "bytes=8-");
    strcpy(url, REPO "/blobs/");
    strcat(url, f->image.layer_digests[1]);
    assert_int_equal(script_count(&f->script, url), 2);
    assert_null(script_find(&f->script, url, 1)->range);
    assert_int_equal(fake_left_behind(f->fake), 0);
}

static void test_again(void **state)
{
    struct fixture *f = *state;
    sample_serve(&f->image, &f->script, REPO, "1", false);
    assert_ok(pull(f, NAME, NULL), &f->e);
    size_t applied = fake_count(f->fake, "Diff/Apply"), asked = f->script.n_requests;
    assert_ok(pull(f, NAME, NULL), &f->e);
    assert_int_equal(fake_count(f->fake, "Diff/Apply"), applied);
    assert_int_equal(f->script.n_requests, asked + 2); /* manifest and configuration */
    assert_int_equal(fake_left_behind(f->fake), 0);
    assert_int_equal(image_store_count(f->store), 1);
    /* The same image from another repository: more names and another source. */
    struct arena a = ARENA_INIT(1 << 20);
    sample_serve(&f->image, &f->script, "http://localhost:5000/v2/other", "2", false);
    assert_ok(pull(f, "localhost:5000/other:2", NULL), &f->e);
    assert_int_equal(image_store_count(f->store), 1);
    assert_string_equal(label_of(f, &a, f->image.layer_digests[0], "containerd.io/distribution.source.localhost"),
                        "other,team/app");
    arena_done(&a);
}

/* A tag that moves: the old image keeps its id and digest, the new one gets the tag. */
static void test_moved_tag(void **state)
{
    struct fixture *f = *state;
    struct sample other;
    struct image *old = NULL, *now = NULL, *found = NULL;
    sample_serve(&f->image, &f->script, REPO, "1", false);
    assert_ok(pull(f, NAME, &old), &f->e);
    sample_init(&other, 1, "moved");
    script_done(&f->script);
    sample_serve(&other, &f->script, REPO, "1", false);
    assert_ok(pull(f, NAME, &now), &f->e);
    assert_int_equal(image_store_count(f->store), 2);
    assert_int_equal(image_resolve_local(f->store, old->id, &found, &f->e), 1);
    assert_int_equal(found->repo_tags.n, 0);
    assert_int_equal(found->repo_digests.n, 1);
    assert_int_equal(old->repo_tags.n, 1); /* what a reader holds does not change */
    image_unref(found);
    assert_int_equal(image_resolve_local(f->store, NAME, &found, &f->e), 1);
    assert_string_equal(found->id, other.config_digest);
    image_unref(found);
    image_unref(now);
    image_unref(old);
    sample_done(&other);
}

static void serve_manifest(struct fixture *f, const char *text)
{
    script_done(&f->script);
    script_add(&f->script, (struct script_answer){.url = REPO "/manifests/1", .status = 200, .body = view_of(text)});
    script_add(&f->script, (struct script_answer){.url = "*", .status = 200, .body = VIEW_LIT("{}")});
}

static void test_foreign_layer(void **state)
{
    struct fixture *f = *state;
    serve_manifest(
        f, "{\"schemaVersion\":2,\"config\":{\"mediaType\":\"" OCI_MEDIA_CONFIG
           "\",\"digest\":\"sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a\",\"size\":2},\"layers\":[{"
           "\"mediaType\":\"application/vnd.docker.image.rootfs.foreign.diff.tar.gzip\",\"size\":3,\"urls\":[\"https://"
           "evil.example/x\"],"
           "\"digest\":\"sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a\"}]}");
    assert_fails(pull(f, NAME, NULL), &f->e, ERR_FAILED_PRECONDITION, "is foreign");
    assert_int_equal(f->script.n_requests, 1);
    assert_nothing_left(f);
}

static void test_hostile_json(void **state)
{
    struct fixture *f = *state;
    static const char *const texts[] = {
        "",
        "null",
        "[]",
        "42",
        "{}",
        "{\"manifests\":[],\"layers\":[]}",
        "{\"manifests\":null}",
        "{\"schemaVersion\":1,\"fsLayers\":[]}",
        "{\"config\":{},\"layers\":[]}",
        "{\"config\":{\"digest\":\"sha256:x\",\"size\":1},\"layers\":[]}",
        "{\"config\":{\"mediaType\":\"x\",\"digest\":\"sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a\","
        "\"size\":-1},\"layers\":[]}",
        "{\"config\":{\"mediaType\":\"" OCI_MEDIA_CONFIG
        "\",\"digest\":\"sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a\","
        "\"size\":9223372036854775807},\"layers\":[]}",
        "{\"config\":{\"mediaType\":\"" OCI_MEDIA_CONFIG
        "\",\"digest\":\"sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a\","
        "\"size\":3},\"layers\":[]}",
        "{\"config\":{\"mediaType\":\"" OCI_MEDIA_CONFIG
        "\",\"digest\":\"sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a\","
        "\"size\":2},\"layers\":[{\"mediaType\":\"text/"
        "plain\",\"size\":1,\"digest\":\"sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a\"}]}",
        "[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[",
    };
    for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
        serve_manifest(f, texts[i]);
        int r = pull(f, NAME, NULL);
        if (r >= 0)
            fail_msg("accepted: %s", texts[i]);
        assert_nothing_left(f);
        assert_int_equal(fake_calls(f->fake), 0);
    }
}

/* containerd failing at any call: an error, and nothing left but what the collector takes; then the pull works. */
static void test_each_call_fails(void **state)
{
    struct fixture *f = *state;
    sample_serve(&f->image, &f->script, REPO, "1", true);
    assert_ok(pull(f, NAME, NULL), &f->e);
    size_t calls = fake_calls(f->fake);
    assert_true(calls > 30);
    for (int after = 0; after < 2; after++) {
        for (size_t k = 0; k < calls; k++) {
            fake_reset(f->fake);
            make_service(f, true, &script_http_ops, &f->script);
            script_rewind(&f->script);
            fake_fail_call(f->fake, k, after ? FAKE_FAIL_AFTER : FAKE_FAIL_BEFORE, ERR_UNAVAILABLE);
            int r = pull(f, NAME, NULL);
            fake_fail_off(f->fake);
            struct fake_live l = fake_live(f->fake);
            bool cleaning = r == 0; /* the lost call was a cleanup: its lease expires by itself */
            if (l.snapshots > 0 || (l.leases > 0 && !cleaning))
                fail_msg("call %zu (%s) failing: %zu snapshots, %zu leases left (%s)", k, fake_call(f->fake, k), l.snapshots,
                         l.leases, f->e.message);
            if (r < 0) {
                assert_int_equal(image_store_count(f->store), 0);
                assert_ok(pull(f, NAME, NULL), &f->e);
            }
        }
    }
}

static void test_pinned_and_ensure(void **state)
{
    struct fixture *f = *state;
    const struct ctx ctx = CTX_BACKGROUND;
    struct image *img = NULL;
    const struct kvlist labels = {.v = (struct kv[]){{(char *)IMAGE_LABEL_PINNED, (char *)IMAGE_LABEL_PINNED_VALUE}}, .n = 1};
    sample_serve(&f->image, &f->script, REPO, "1", false);
    assert_ok(image_ensure(f->service, &ctx, NAME, &labels, &img, &f->e), &f->e);
    assert_true(img->pinned);
    size_t asked = f->script.n_requests;
    struct image *again = NULL;
    assert_ok(image_ensure(f->service, &ctx, NAME, NULL, &again, &f->e), &f->e);
    assert_ptr_equal(again, img);
    image_unref(again);
    assert_ok(image_ensure(f->service, &ctx, img->id, NULL, &again, &f->e), &f->e);
    image_unref(again);
    assert_int_equal(f->script.n_requests, asked);
    assert_fails(image_ensure(f->service, &ctx, f->image.chain_id, NULL, &again, &f->e), &f->e, ERR_NOT_FOUND,
                 "an id alone cannot be pulled");
    assert_fails(image_ensure(f->service, &ctx, "BAD", NULL, &again, &f->e), &f->e, ERR_INVALID_ARGUMENT, "BAD");
    image_unref(img);
}

/* --- sweep -------------------------------------------------------------------------------------------------------------------
 */

static int whole_pull(void *arg, struct err *e)
{
    struct fixture *f = arg;
    struct image_store *store = NULL;
    struct image_service *service = NULL;
    struct image_pulled p = {0};
    const struct ctx ctx = CTX_BACKGROUND;
    mem_fail_pause();
    script_rewind(&f->script);
    fake_reset(f->fake);
    mem_fail_resume();
    const struct image_store_options so = {.ctrd = f->ctrd, .snapshotter = "overlayfs", .pinned_name = "pause:1"};
    int r = image_store_new(&so, &store, e);
    struct image_service_options o = {.ctrd = f->ctrd,
                                      .store = store,
                                      .snapshotter = "overlayfs",
                                      .inline_only = true,
                                      .http = &script_http_ops,
                                      .http_user = &f->script};
    if (r == 0)
        r = image_service_new(&o, &service, e);
    const struct image_auth alice = {.username = "alice", .password = "secret"};
    if (r == 0)
        r = image_pull(service, &ctx, NAME, &alice, NULL, &p, e);
    if (r == 0)
        r = image_remove(store, &ctx, NAME, e);
    image_unref(p.image);
    image_service_free(service);
    image_store_free(store);
    return r;
}

/* A pull with other credentials that runs while the first one makes its records, just before the first one fails. */
static struct {
    struct fixture *f;
    const struct ctrd_ops *ops;
    unsigned creates, run_at;
    int other_fails; /* code of its own end, 0: it succeeds */
    int other;
} meanwhile;

static int create_meanwhile(void *user, const struct ctx *ctx, const struct ctrd_image *image, struct err *e)
{
    if (++meanwhile.creates != meanwhile.run_at)
        return meanwhile.ops->image_create(user, ctx, image, e);
    const struct ctx own = CTX_BACKGROUND;
    const struct image_auth bob = {.username = "bob", .password = "of bob"};
    struct image_pulled p = {0};
    struct err other = ERR_INIT;
    if (meanwhile.other_fails)
        fake_fail_method(meanwhile.f->fake, "Images/Create", FAKE_FAIL_BEFORE, ERR_INTERNAL, NULL, 0);
    meanwhile.other = image_pull(meanwhile.f->service, &own, NAME, &bob, NULL, &p, &other);
    fake_fail_off(meanwhile.f->fake);
    image_unref(p.image);
    return err_raise(e, ERR_UNAVAILABLE, "too late");
}

/* Two pulls of one image at the same time: the one that fails late does not take the other's names; when both fail nothing is left. */
static void test_two_credentials(void **state)
{
    struct fixture *f = *state;
    const struct image_auth alice = {.username = "alice", .password = "of alice"};
    const struct ctx ctx = CTX_BACKGROUND;
    struct ctrd_ops ops = *f->ctrd.ops;
    ops.image_create = create_meanwhile;
    for (unsigned i = 0; i < 6; i++) {
        script_done(&f->script);
        fake_reset(f->fake);
        sample_done(&f->image);
        sample_init(&f->image, 1, "two");
        sample_serve(&f->image, &f->script, REPO, "1", false);
        meanwhile.f = f;
        meanwhile.ops = fake_ctrd(f->fake).ops;
        meanwhile.creates = 0;
        meanwhile.run_at = 1 + i % 3;
        meanwhile.other_fails = i >= 3;
        f->ctrd.ops = &ops;
        make_service(f, true, &script_http_ops, &f->script);
        struct image_pulled p = {0};
        assert_fails(image_pull(f->service, &ctx, NAME, &alice, NULL, &p, &f->e), &f->e, ERR_UNAVAILABLE, "too late");
        f->ctrd.ops = meanwhile.ops;
        if (meanwhile.other_fails) {
            assert_int_equal(meanwhile.other, -ERR_INTERNAL);
            assert_nothing_left(f);
        } else {
            assert_int_equal(meanwhile.other, 0);
            assert_int_equal(fake_live(f->fake).images, 3);
            assert_int_equal(image_store_count(f->store), 1);
        }
    }
}

static void test_sweep(void **state)
{
    struct fixture *f = *state;
    image_service_free(f->service);
    image_store_free(f->store);
    f->service = NULL;
    f->store = NULL;
    sample_done(&f->image);
    sample_init(&f->image, 1, "sweep");
    sample_serve(&f->image, &f->script, REPO, "1", true);
    assert_true(sweep("image_pull", whole_pull, f) > 100);
}

struct reloading {
    struct image_service *service;
    struct image_service_options options;
};

static int reload(void *arg, struct err *e)
{
    const struct reloading *r = arg;
    return image_service_reload(r->service, &r->options, e);
}

/* Another folder of hosts.toml counts for the next pull; without memory the one before stays. */
static void test_reload(void **state)
{
    struct fixture *f = *state;
    char dir[] = "/tmp/unit-pull-XXXXXX", path[128];
    struct image *img = NULL;
    assert_non_null(mkdtemp(dir));
    snprintf(path, sizeof path, "%s/reg.example", dir);
    assert_ok(fs_mkdir_all(path, 0755, &f->e), &f->e);
    snprintf(path, sizeof path, "%s/reg.example/hosts.toml", dir);
    assert_ok(fs_write_file(path, VIEW_LIT("server = \"http://localhost:5000\"\n"), 0644, &f->e), &f->e);
    sample_serve(&f->image, &f->script, REPO, "1", true);
    assert_true(pull(f, "reg.example/team/app:1", NULL) < 0);
    struct reloading r = {.service = f->service, .options = {.registry_config_path = dir}};
    assert_int_equal(sweep("image_service_reload", reload, &r), 2);
    assert_ok(pull(f, "reg.example/team/app:1", &img), &f->e);
    image_unref(img);
    mem_fail_at(0, false);
    r.options.registry_config_path = NULL;
    assert_int_equal(image_service_reload(f->service, &r.options, &f->e), -ERR_RESOURCE_EXHAUSTED);
    mem_fail_off();
    assert_ok(pull(f, "reg.example/team/app:1", &img), &f->e);
    image_unref(img);
    assert_ok(fs_remove_all(dir, &f->e), &f->e);
}

int main(void)
{
    mem_install_hooks();
    const struct CMUnitTest tests[] = {
        T(test_reload),
        T(test_good),          T(test_lease),         T(test_index),           T(test_no_platform),
        T(test_by_digest),     T(test_not_found),     T(test_wrong_layer),     T(test_truncated_layer),
        T(test_wrong_diff_id), T(test_resume_ingest), T(test_again),           T(test_moved_tag),
        T(test_foreign_layer), T(test_hostile_json),  T(test_each_call_fails), T(test_pinned_and_ensure),
        T(test_two_credentials), T(test_sweep),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
