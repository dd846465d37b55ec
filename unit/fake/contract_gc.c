/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The contract: garbage collection. What keeps content and snapshots: leases, labels, images, container records; each is put there and taken away, and
 * a collection in between shows what goes.
 */
#include "contract_steps.h"

#define LEASE       "contract-gc"
#define GC_ROOT     "containerd.io/gc.root"
#define REF_CONTENT "containerd.io/gc.ref.content."
#define REF_SNAP    "containerd.io/gc.ref.snapshot."

/* A collection, by the deletion of a lease that holds nothing. */
static void collect(struct contract *k)
{
    EXPECT(ctrd_lease_create(C, CTX, LEASE "-run", NULL, E), OK, NULL);
    EXPECT(ctrd_lease_delete(C, CTX, LEASE "-run", true, E), OK, NULL);
}

/* Writes a blob under a lease (NULL: none); digest gets its name. */
static void write_blob(struct contract *k, const char *lease, const char *text, const struct kvlist *labels, char digest[FAKE_DIGEST_MAX])
{
    struct ctx ctx = *CTX;
    struct ctrd_writer *w = NULL;
    int64_t offset = 0;
    ctx.lease = lease;
    contract_sha256(view_of(text), digest);
    if (EXPECT(ctrd_writer_open(C, &ctx, text, (int64_t)strlen(text), digest, &w, &offset, E), OK, NULL) < 0)
        return;
    EXPECT(ctrd_writer_write(C, &ctx, w, view_of(text), E), OK, NULL);
    EXPECT(ctrd_writer_commit(C, &ctx, w, (int64_t)strlen(text), digest, labels, E), OK, NULL);
    ctrd_writer_close(C, w);
}

static bool there(struct contract *k, const char *digest)
{
    struct ctrd_content_info info;
    return ctrd_content_info(C, CTX, digest, &k->a, &info, E) == 0;
}

static bool snapshot_there(struct contract *k, const char *name)
{
    struct ctrd_snapshot_info info;
    return ctrd_snapshot_stat(C, CTX, k->snapshotter, name, &k->a, &info, E) == 0;
}

/* A call under a lease that does not exist fails; one that finds the blob there takes it into its lease. */
static void leased_content(struct contract *k)
{
    char a[FAKE_DIGEST_MAX], b[FAKE_DIGEST_MAX];
    struct ctx ctx = *CTX;
    struct ctrd_writer *w = NULL;
    struct ctrd_mounts m = {0};
    int64_t offset;
    ctx.lease = "contract-no-lease";
    EXPECT(ctrd_writer_open(C, &ctx, "gc-none", 3, NULL, &w, &offset, E), NOT_FOUND, "lease does not exist");
    EXPECT(ctrd_snapshot_prepare(C, &ctx, k->snapshotter, "gc-none", "", NULL, &k->a, &m, E), NOT_FOUND, "lease does not exist");
    EXPECT(ctrd_lease_create(C, CTX, LEASE "-1", NULL, E), OK, NULL);
    EXPECT(ctrd_lease_create(C, CTX, LEASE "-2", NULL, E), OK, NULL);
    write_blob(k, LEASE "-1", "gc a", NULL, a);
    write_blob(k, NULL, "gc b", NULL, b);
    ctx.lease = LEASE "-2";
    EXPECT(ctrd_writer_open(C, &ctx, "gc-again", 4, a, &w, &offset, E), ALREADY_EXISTS, "already exists");
    collect(k);
    CHECK(there(k, a));
    CHECK(!there(k, b));
    EXPECT(ctrd_lease_delete(C, CTX, LEASE "-1", true, E), OK, NULL);
    CHECK(there(k, a));
    EXPECT(ctrd_lease_delete(C, CTX, LEASE "-2", true, E), OK, NULL);
    CHECK(!there(k, a));
}

/* Ingests: one outside of leases lives on, one in a lease goes with it. */
static void ingests(struct contract *k)
{
    struct ctrd_ingests list = {0};
    struct ctx ctx = *CTX;
    EXPECT(ctrd_lease_create(C, CTX, LEASE, NULL, E), OK, NULL);
    for (int leased = 0; leased < 2; leased++) {
        struct ctrd_writer *w = NULL;
        int64_t offset;
        ctx.lease = leased ? LEASE : NULL;
        if (EXPECT(ctrd_writer_open(C, &ctx, leased ? "gc-leased" : "gc-free", 10, NULL, &w, &offset, E), OK, NULL) < 0)
            return;
        EXPECT(ctrd_writer_write(C, &ctx, w, VIEW_LIT("half"), E), OK, NULL);
        ctrd_writer_close(C, w);
    }
    collect(k);
    EXPECT(ctrd_content_ingests(C, CTX, &k->a, &list, E), OK, NULL);
    CHECK(list.n == 2);
    EXPECT(ctrd_lease_delete(C, CTX, LEASE, true, E), OK, NULL);
    EXPECT(ctrd_content_ingests(C, CTX, &k->a, &list, E), OK, NULL);
    CHECK(list.n == 1 && strcmp(list.v[0].ref, "gc-free") == 0);
    EXPECT(ctrd_content_abort(C, CTX, "gc-free", E), OK, NULL);
}

/* A committed snapshot and one that stands on it, made under the lease. */
static void make_chain(struct contract *k, const char *lease, const char *lower, const char *upper)
{
    struct ctx ctx = *CTX;
    struct ctrd_mounts m = {0};
    struct kv ref = {(char *)"containerd.io/snapshot.ref", (char *)lower};
    const struct kvlist labels = contract_labels(&ref, 1);
    ctx.lease = lease;
    EXPECT(ctrd_snapshot_prepare(C, &ctx, k->snapshotter, "gc-x", "", &labels, &k->a, &m, E), OK, NULL);
    EXPECT(ctrd_snapshot_commit(C, &ctx, k->snapshotter, lower, "gc-x", &labels, E), OK, NULL);
    /* Its target is there: said before anything is made. */
    EXPECT(ctrd_snapshot_prepare(C, &ctx, k->snapshotter, "gc-x", "", &labels, &k->a, &m, E), ALREADY_EXISTS, "target snapshot");
    EXPECT(ctrd_snapshot_prepare(C, &ctx, k->snapshotter, "gc-x", lower, NULL, &k->a, &m, E), OK, NULL);
    collect(k);
    CHECK(snapshot_there(k, "gc-x"));
    EXPECT(ctrd_snapshot_commit(C, &ctx, k->snapshotter, upper, "gc-x", NULL, E), OK, NULL);
    collect(k);
    CHECK(snapshot_there(k, upper) && snapshot_there(k, lower));
}

/* From an image by labels to manifest, configuration, layer and snapshots; all go with the image's last name. */
static void image_tree(struct contract *k)
{
    char layer[FAKE_DIGEST_MAX], config[FAKE_DIGEST_MAX], manifest[FAKE_DIGEST_MAX], key[80];
    EXPECT(ctrd_lease_create(C, CTX, LEASE, NULL, E), OK, NULL);
    make_chain(k, LEASE, "gc-lower", "gc-upper");
    write_blob(k, LEASE, "gc layer", NULL, layer);
    snprintf(key, sizeof(key), REF_SNAP "%s", k->snapshotter);
    struct kv to_snapshot = {key, (char *)"gc-upper"};
    struct kvlist labels = contract_labels(&to_snapshot, 1);
    write_blob(k, LEASE, "gc config", &labels, config);
    struct kv parts[] = {{(char *)REF_CONTENT "config", config}, {(char *)REF_CONTENT "l.0", layer}};
    labels = contract_labels(parts, 2);
    write_blob(k, LEASE, "gc manifest", &labels, manifest);
    struct ctrd_image image = {.name = "gc-image", .target = {.media_type = "application/x", .digest = manifest, .size = 11}};
    EXPECT(ctrd_image_create(C, CTX, &image, E), OK, NULL);
    image.name = "gc-other";
    EXPECT(ctrd_image_create(C, CTX, &image, E), OK, NULL);
    EXPECT(ctrd_lease_delete(C, CTX, LEASE, true, E), OK, NULL);
    EXPECT(ctrd_image_delete(C, CTX, "gc-image", true, E), OK, NULL);
    CHECK(there(k, manifest) && there(k, config) && there(k, layer) && snapshot_there(k, "gc-upper") && snapshot_there(k, "gc-lower"));
    /* A container keeps what its snapshot stands on. */
    struct ctrd_mounts m = {0};
    const struct ctrd_container c = {.id = "gc-container",
                                     .runtime_name = "io.containerd.runc.v2",
                                     .snapshotter = k->snapshotter,
                                     .snapshot_key = "gc-active",
                                     .spec = {.type_url = "contract", .value = VIEW_LIT("{}")}};
    EXPECT(ctrd_container_create(C, CTX, &c, E), OK, NULL);
    EXPECT(ctrd_snapshot_prepare(C, CTX, k->snapshotter, "gc-active", "gc-upper", NULL, &k->a, &m, E), OK, NULL);
    EXPECT(ctrd_image_delete(C, CTX, "gc-other", true, E), OK, NULL);
    CHECK(!there(k, manifest) && !there(k, config) && !there(k, layer));
    CHECK(snapshot_there(k, "gc-active") && snapshot_there(k, "gc-upper") && snapshot_there(k, "gc-lower"));
    EXPECT(ctrd_container_delete(C, CTX, "gc-container", E), OK, NULL);
    collect(k);
    CHECK(!snapshot_there(k, "gc-active") && !snapshot_there(k, "gc-upper") && !snapshot_there(k, "gc-lower"));
}

static void roots(struct contract *k)
{
    char kept[FAKE_DIGEST_MAX];
    struct kv root = {(char *)GC_ROOT, (char *)"yes"}, past = {(char *)"containerd.io/gc.expire", (char *)"2001-01-01T00:00:00Z"};
    struct kvlist labels = contract_labels(&root, 1), old = contract_labels(&past, 1);
    struct ctrd_leases list = {0};
    write_blob(k, NULL, "gc kept", &labels, kept);
    collect(k);
    CHECK(there(k, kept));
    EXPECT(ctrd_content_delete(C, CTX, kept, E), OK, NULL);
    /* A lease whose time is over goes, with what it held. Containerd collects by itself too, after so many changes: what was made so far must not bring that
     * about while the lease is in use. */
    collect(k);
    EXPECT(ctrd_lease_create(C, CTX, LEASE "-old", &old, E), OK, NULL);
    write_blob(k, LEASE "-old", "gc old", NULL, kept);
    collect(k);
    CHECK(!there(k, kept));
    EXPECT(ctrd_lease_list(C, CTX, &k->a, &list, E), OK, NULL);
    CHECK(list.n == 0);
}

void contract_gc(struct contract *k)
{
    leased_content(k);
    ingests(k);
    image_tree(k);
    roots(k);
}
