/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Garbage collections between the calls of a pull, on a real containerd and a real registry: `test-pull-gc-real --address SOCKET --reference REF
 * --layers N [--snapshotter NAME] [--namespace NAME] [--break lease]`. The image is pulled again and again; in the k-th pull a collection is forced
 * after the k-th message to or from containerd, in the last ones after each. Afterwards every part of the image must be there, and nothing else; and
 * once it is removed, nothing at all. The namespace is to be one of its own. With --break calls lose their lease: then images must be found broken.
 * Exit status 0: all were whole; 1: one was not; 2: usage, or containerd or registry cannot be reached.
 */
#include <getopt.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "containerd/containerd.h"
#include "fake.h"
#include "image/pull.h"
#include "image/store.h"
#include "real.h"

enum { NEVER = -1, ALWAYS = -2, NAMES = 3, POINTS_MIN = 20 };

struct check {
    struct real real;
    struct rpc_channel channel; /* with collections */
    struct ctrd raw, ctrd;      /* without and with them */
    atomic_long at;             /* moments until the collection */
    atomic_long points;
    atomic_long collections;
    bool no_lease;
    const char *reference, *snapshotter;
    size_t n_layers;
    struct image_store *store;
    struct image_service *service;
    struct err e;
};

static const struct ctx background = CTX_BACKGROUND;

/* A lease that holds nothing is deleted, and its deletion waits for the collector. */
static void collect(struct check *k)
{
    struct err e = ERR_INIT;
    char id[40];
    snprintf(id, sizeof(id), "gc-%ld", atomic_fetch_add(&k->collections, 1));
    if (ctrd_lease_create(&k->raw, &background, id, NULL, &e) < 0 || ctrd_lease_delete(&k->raw, &background, id, true, &e) < 0) {
        fprintf(stderr, "cannot collect: %s\n", e.message);
        exit(2);
    }
}

static void point(struct check *k)
{
    atomic_fetch_add(&k->points, 1);
    long at = atomic_load(&k->at);
    if (at == ALWAYS || (at >= 0 && atomic_fetch_sub(&k->at, 1) == 0))
        collect(k);
}

static struct ctx broken(const struct check *k, const struct ctx *ctx)
{
    struct ctx c = *ctx;
    if (k->no_lease)
        c.lease = NULL;
    return c;
}

static int unary(void *user, const struct ctx *ctx, const char *path, const ProtobufCMessage *request, const ProtobufCMessageDescriptor *response,
                 struct arena *a, ProtobufCMessage **ret, struct err *e)
{
    struct check *k = user;
    const struct ctx c = broken(k, ctx);
    int r = k->real.channel.ops->unary(k->real.channel.user, &c, path, request, response, a, ret, e);
    point(k);
    return r;
}

static int open_(void *user, const struct ctx *ctx, const char *path, struct rpc_client_stream **ret, struct err *e)
{
    struct check *k = user;
    const struct ctx c = broken(k, ctx);
    return k->real.channel.ops->open(k->real.channel.user, &c, path, ret, e);
}

static int send_(void *user, struct rpc_client_stream *s, const struct ctx *ctx, const ProtobufCMessage *m, bool last, struct err *e)
{
    struct check *k = user;
    int r = k->real.channel.ops->send(k->real.channel.user, s, ctx, m, last, e);
    point(k);
    return r;
}

static int recv_(void *user, struct rpc_client_stream *s, const struct ctx *ctx, const ProtobufCMessageDescriptor *message, struct arena *a,
                 ProtobufCMessage **ret, struct err *e)
{
    struct check *k = user;
    int r = k->real.channel.ops->recv(k->real.channel.user, s, ctx, message, a, ret, e);
    point(k);
    return r;
}

static void close_(void *user, struct rpc_client_stream *s)
{
    struct check *k = user;
    k->real.channel.ops->close(k->real.channel.user, s);
}

static const struct rpc_channel_ops ops = {.unary = unary, .open = open_, .send = send_, .recv = recv_, .close = close_};

static void forget(struct check *k)
{
    image_service_free(k->service);
    image_store_free(k->store);
    k->service = NULL;
    k->store = NULL;
}

/* A store and a service that know nothing. */
static int begin(struct check *k, bool threads)
{
    const struct image_store_options so = {.ctrd = k->ctrd, .snapshotter = k->snapshotter};
    if (image_store_new(&so, &k->store, &k->e) < 0)
        return -1;
    const struct image_service_options o = {.ctrd = k->ctrd, .store = k->store, .snapshotter = k->snapshotter, .inline_only = !threads};
    return image_service_new(&o, &k->service, &k->e);
}

static int pull(struct check *k)
{
    struct image_pulled p = {0};
    int r = image_pull(k->service, &background, k->reference, NULL, NULL, &p, &k->e);
    image_unref(p.image);
    return r;
}

/* What is in the namespace: records, snapshots, leases, unfinished writes, and images that are whole. */
static bool holds(struct check *k, const char *when, long at, size_t names, size_t snapshots, size_t whole)
{
    struct arena a = ARENA_INIT(ARENA_BUDGET_DEFAULT);
    struct ctrd_images images;
    struct ctrd_snapshots list;
    struct ctrd_leases leases;
    struct ctrd_ingests ingests;
    struct image_store *store = NULL;
    const struct image_store_options so = {.ctrd = k->raw, .snapshotter = k->snapshotter};
    size_t skipped = 0;
    bool ok = ctrd_image_list(&k->raw, &background, NULL, &a, &images, &k->e) == 0 &&
              ctrd_snapshot_list(&k->raw, &background, k->snapshotter, &a, &list, &k->e) == 0 &&
              ctrd_lease_list(&k->raw, &background, &a, &leases, &k->e) == 0 &&
              ctrd_content_ingests(&k->raw, &background, &a, &ingests, &k->e) == 0 && image_store_new(&so, &store, &k->e) == 0 &&
              image_store_load(store, &background, &skipped, &k->e) == 0;
    if (!ok) {
        fprintf(stderr, "cannot look: %s\n", k->e.message);
        exit(2);
    }
    size_t found = image_store_count(store);
    ok = images.n == names && list.n == snapshots && leases.n == 0 && ingests.n == 0 && found == whole && skipped == 0;
    if (!ok)
        printf("%s, collection at %ld: %zu names, %zu snapshots, %zu leases, %zu writes, %zu whole images, %zu broken records\n", when, at, images.n, list.n,
               leases.n, ingests.n, found, skipped);
    image_store_free(store);
    arena_done(&a);
    return ok;
}

/* The image's names go without a collection: garbage that the next one takes. */
static int make_garbage(struct check *k)
{
    struct image *img = NULL;
    if (image_resolve_local(k->store, k->reference, &img, &k->e) <= 0)
        return -1;
    for (size_t i = 0; i < img->names.n; i++)
        if (ctrd_image_delete(&k->raw, &background, img->names.v[i], false, &k->e) < 0)
            return -1;
    image_unref(img);
    return 0;
}

/* One pull with a collection, the look at it, the removal, the look at that. */
static bool round_trip(struct check *k, const char *when, long at, bool threads, bool garbage)
{
    bool ok = begin(k, threads) == 0 && (!garbage || (pull(k) == 0 && make_garbage(k) == 0));
    atomic_store(&k->points, 0);
    atomic_store(&k->at, at);
    if (ok && pull(k) < 0) {
        printf("%s, collection at %ld: the pull fails: %s\n", when, at, k->e.message);
        ok = false;
    }
    atomic_store(&k->at, NEVER);
    collect(k);
    ok = ok && holds(k, when, at, NAMES, k->n_layers, 1);
    if (image_store_load(k->store, &background, NULL, &k->e) < 0 || image_remove(k->store, &background, k->reference, &k->e) < 0) {
        printf("%s: the removal fails: %s\n", when, k->e.message);
        ok = false;
    }
    forget(k);
    return ok && holds(k, when, at, 0, 0, 0);
}

static int run(struct check *k)
{
    size_t bad = 0, pulls = 0;
    for (int garbage = 0; garbage < 2; garbage++) {
        const char *when = garbage ? "with the image as garbage" : "on an empty namespace";
        bad += !round_trip(k, when, NEVER, false, garbage);
        long points = atomic_load(&k->points);
        if (points < POINTS_MIN)
            return fprintf(stderr, "only %ld messages: %s\n", points, k->e.message), 2;
        for (long at = 0; at < points && bad < 5; at++, pulls++)
            bad += !round_trip(k, when, at, false, garbage);
        for (int i = 0; i < 4 && bad < 5; i++, pulls++)
            bad += !round_trip(k, i % 2 ? "with threads" : when, ALWAYS, i % 2, garbage);
    }
    printf("%zu pulls, %ld collections, %zu not whole\n", pulls, atomic_load(&k->collections), bad);
    return bad > 0;
}

static int usage(void)
{
    fputs("usage: test-pull-gc-real --address SOCKET --reference REF --layers N [--snapshotter NAME] [--namespace NAME] [--break lease]\n", stderr);
    return 2;
}

int main(int argc, char **argv)
{
    static const struct option options[] = {
        {"address", required_argument, NULL, 'a'},    {"reference", required_argument, NULL, 'r'}, {"layers", required_argument, NULL, 'l'},
        {"snapshotter", required_argument, NULL, 's'}, {"namespace", required_argument, NULL, 'n'}, {"break", required_argument, NULL, 'b'},
        {NULL, 0, NULL, 0},
    };
    struct check k = {.snapshotter = "overlayfs"};
    const char *address = NULL, *namespace_ = "pull-gc-real";
    int c, status = 2;
    while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
        if (c == 'a')
            address = optarg;
        else if (c == 'r')
            k.reference = optarg;
        else if (c == 'l')
            k.n_layers = (size_t)atol(optarg);
        else if (c == 's')
            k.snapshotter = optarg;
        else if (c == 'n')
            namespace_ = optarg;
        else if (c == 'b')
            k.no_lease = strcmp(optarg, "lease") == 0;
        else
            return usage();
    }
    if (!address || !k.reference || k.n_layers == 0 || optind != argc)
        return usage();
    atomic_store(&k.at, NEVER);
    if (real_open(&k.real, address, namespace_) < 0)
        return 2;
    k.channel = (struct rpc_channel){.ops = &ops, .user = &k};
    k.raw = ctrd_client(&k.real.channel);
    k.ctrd = ctrd_client(&k.channel);
    if (ctrd_namespace_ensure(&k.raw, &background, namespace_, &k.e) < 0)
        fprintf(stderr, "%s: %s\n", address, k.e.message);
    else
        status = run(&k);
    real_close(&k.real);
    return status;
}
