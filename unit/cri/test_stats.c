/* SPDX-License-Identifier: Apache-2.0 */
/* The stats RPCs: figures, what is left out and when, filters, layers, how much of containerd and of memory an answer takes. */
#include "support.h"

#include "base/fs.h"
#include "fixture.h"

static char pod[ID_LEN + 1], container[ID_LEN + 1];

static void run_pod(struct fx *f, const char *name, const char *parent, char *id)
{
    struct fx_pod p;
    fx_pod_init(f, &p, name);
    p.config.linux = parent ? &p.linux_config : NULL;
    p.linux_config.cgroup_parent = (char *)parent;
    assert_ok(fx_run(f, &p, id), &f->e);
}

static struct kv root_list[] = {{(char *)"overlayfs", (char *)"/snapshots"}, {(char *)"native", (char *)"/native"}};
static const struct kvlist roots = {.v = root_list, .n = 2, .cap = 2};

static int setup(void **state)
{
    struct fx *f = fx_new(FX_INLINE);
    f->service.snapshotter_roots = roots;
    run_pod(f, "web", "/pods/web", pod);
    fx_must_run_container(f, pod, "web", "a", container);
    fx_figures(f, pod, "/pods/web");
    fx_figures(f, container, "/pods/web");
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fx *f = *state;
    fx_remove_all(f);
    assert_true(fx_nothing_left(f));
    fx_free(f);
    return 0;
}

/* --- calls ------------------------------------------------------------------------------------------------------------------- */

static struct fx_call the_call;

static const Runtime__V1__ContainerStats *stats(struct fx *f, const char *id)
{
    Runtime__V1__ContainerStatsRequest q = RUNTIME__V1__CONTAINER_STATS_REQUEST__INIT;
    q.container_id = (char *)id;
    fx_call_init(f, &the_call, CRI_METHOD_CONTAINER_STATS, &q);
    fx_call_run(f, &the_call);
    return the_call.r < 0 ? NULL : ((const Runtime__V1__ContainerStatsResponse *)the_call.response)->stats;
}

static const Runtime__V1__PodSandboxStats *pod_stats(struct fx *f, const char *id)
{
    Runtime__V1__PodSandboxStatsRequest q = RUNTIME__V1__POD_SANDBOX_STATS_REQUEST__INIT;
    q.pod_sandbox_id = (char *)id;
    fx_call_init(f, &the_call, CRI_METHOD_POD_SANDBOX_STATS, &q);
    fx_call_run(f, &the_call);
    return the_call.r < 0 ? NULL : ((const Runtime__V1__PodSandboxStatsResponse *)the_call.response)->stats;
}

static const Runtime__V1__ListContainerStatsResponse *list(struct fx *f, Runtime__V1__ContainerStatsFilter *filter)
{
    Runtime__V1__ListContainerStatsRequest q = RUNTIME__V1__LIST_CONTAINER_STATS_REQUEST__INIT;
    q.filter = filter;
    fx_call_init(f, &the_call, CRI_METHOD_LIST_CONTAINER_STATS, &q);
    assert_ok(fx_call_run(f, &the_call), &the_call.e);
    return (const Runtime__V1__ListContainerStatsResponse *)the_call.response;
}

static const Runtime__V1__ListPodSandboxStatsResponse *pod_list(struct fx *f, Runtime__V1__PodSandboxStatsFilter *filter)
{
    Runtime__V1__ListPodSandboxStatsRequest q = RUNTIME__V1__LIST_POD_SANDBOX_STATS_REQUEST__INIT;
    q.filter = filter;
    fx_call_init(f, &the_call, CRI_METHOD_LIST_POD_SANDBOX_STATS, &q);
    assert_ok(fx_call_run(f, &the_call), &the_call.e);
    return (const Runtime__V1__ListPodSandboxStatsResponse *)the_call.response;
}

static void done(void)
{
    fx_call_done(&the_call);
}

#define assert_value(v, want)               \
    do {                                    \
        assert_non_null(v);                 \
        assert_int_equal((v)->value, want); \
    } while (0)

static void check_psi(const Runtime__V1__PsiStats *psi)
{
    assert_true(psi && psi->some && psi->full);
    assert_int_equal(psi->some->total, 12000);
    assert_true(psi->some->avg10 == 1.5 && psi->some->avg60 == 0.25 && psi->some->avg300 == 0);
    assert_int_equal(psi->full->total, 3000);
}

static void check_cpu(const Runtime__V1__CpuUsage *cpu)
{
    assert_non_null(cpu);
    assert_int_equal(cpu->timestamp, clock_real());
    assert_value(cpu->usage_core_nano_seconds, 2000000000);
    check_psi(cpu->psi);
}

static void check_memory(const Runtime__V1__MemoryUsage *m)
{
    assert_non_null(m);
    assert_int_equal(m->timestamp, clock_real());
    assert_value(m->usage_bytes, 10000);
    assert_value(m->working_set_bytes, 9000);
    assert_value(m->available_bytes, 11000);
    assert_value(m->rss_bytes, 4096);
    assert_value(m->page_faults, 7);
    assert_value(m->major_page_faults, 1);
    check_psi(m->psi);
}

static void check_container(const Runtime__V1__ContainerStats *s, const char *id)
{
    assert_non_null(s);
    assert_string_equal(s->attributes->id, id);
    check_cpu(s->cpu);
    check_memory(s->memory);
    assert_value(s->swap->swap_usage_bytes, 500);
    assert_value(s->swap->swap_available_bytes, 500);
    assert_int_equal(s->swap->timestamp, clock_real());
    check_psi(s->io->psi);
    assert_int_equal(s->io->timestamp, clock_real());
    assert_string_equal(s->writable_layer->fs_id->mountpoint, "/snapshots");
    assert_value(s->writable_layer->used_bytes, 4096);
    assert_value(s->writable_layer->inodes_used, 1);
}

/* --- one container ----------------------------------------------------------------------------------------------------------------- */

static void test_container(void **state)
{
    struct fx *f = *state;
    size_t mark = fake_calls(f->fake);
    const Runtime__V1__ContainerStats *s = stats(f, container);
    check_container(s, container);
    assert_string_equal(s->attributes->metadata->name, "a");
    assert_int_equal(s->writable_layer->timestamp, clock_real());
    assert_null(s->cpu->usage_nano_cores); /* nothing to compare with yet */
    assert_true(fx_calls_are(f, mark, (const char *const[]){"Snapshots/Usage", NULL}));
    done();
    char prefix[13];
    snprintf(prefix, sizeof prefix, "%.12s", container);
    check_container(stats(f, prefix), container);
    done();
    assert_null(stats(f, "0123"));
    assert_int_equal(the_call.e.code, ERR_NOT_FOUND);
    done();
}

static void expect_cores(struct fx *f, uint64_t advance, const char *total, int64_t want)
{
    clock_advance(advance);
    fx_figure(f, total, "cpuacct/pods/web/%s/cpuacct.usage", container);
    const Runtime__V1__ContainerStats *s = stats(f, container);
    assert_non_null(s);
    if (want < 0)
        assert_null(s->cpu->usage_nano_cores);
    else
        assert_value(s->cpu->usage_nano_cores, (uint64_t)want);
    done();
}

static void test_nano_cores(void **state)
{
    struct fx *f = *state;
    expect_cores(f, 0, "1000000000\n", -1);
    expect_cores(f, NSEC_PER_SEC / 2, "1400000000\n", -1);
    expect_cores(f, NSEC_PER_SEC / 2, "1500000000\n", 500000000);
    expect_cores(f, NSEC_PER_SEC * 2, "2500000000\n", 500000000);
    expect_cores(f, 1, "2500000000\n", 499999999); /* of the reading before the last */
    expect_cores(f, NSEC_PER_SEC, "100\n", -1);    /* it began anew */
    expect_cores(f, NSEC_PER_SEC, "1100\n", 1000);
}

/* A container that does not run has its attributes and its layer. */
static void test_not_running(void **state)
{
    struct fx *f = *state;
    char created[ID_LEN + 1];
    fx_must_create(f, pod, "web", "b", created);
    assert_ok(fx_stop_container(f, container, 0), &f->e);
    for (int i = 0; i < 2; i++) {
        const Runtime__V1__ContainerStats *s = stats(f, i ? created : container);
        assert_non_null(s);
        assert_string_equal(s->attributes->id, i ? created : container);
        assert_true(!s->cpu && !s->memory && !s->swap && !s->io);
        assert_value(s->writable_layer->used_bytes, 4096);
        done();
    }
    const Runtime__V1__ListContainerStatsResponse *all = list(f, NULL);
    assert_int_equal(all->n_stats, 2);
    assert_true(!all->stats[0]->cpu && !all->stats[1]->cpu);
    done();
    assert_ok(fx_remove_container(f, container), &f->e);
    assert_null(stats(f, container));
    assert_int_equal(the_call.e.code, ERR_NOT_FOUND);
    done();
}

/* The process has gone and nobody has said so yet; its pid is another's by now. */
static void test_process_gone(void **state)
{
    struct fx *f = *state;
    char path[160];
    snprintf(path, sizeof path, "%s/%u/cgroup", f->proc, fx_pid(f, container));
    assert_ok(fs_write_file(path, VIEW_LIT("3:memory:/another\n0::/\n"), 0600, &f->e), &f->e);
    const Runtime__V1__ContainerStats *s = stats(f, container);
    assert_true(s && !s->cpu && !s->memory && s->writable_layer);
    done();
    snprintf(path, sizeof path, "%s/%u", f->proc, fx_pid(f, container));
    assert_ok(fs_remove_all(path, &f->e), &f->e);
    s = stats(f, container);
    assert_true(s && !s->cpu && !s->memory && s->writable_layer);
    done();
}

/* What the host does not have is absent, not 0. */
static void test_absent(void **state)
{
    struct fx *f = *state;
    char path[400];
    for (const char *const *name = (const char *const[]){"unified", "pids", NULL}; *name; name++) {
        snprintf(path, sizeof path, "%s/%s/pods", f->cgroups, *name);
        assert_ok(fs_remove_all(path, &f->e), &f->e);
    }
    fx_figure(f, "total_inactive_file 1000\n", "memory/pods/web/%s/memory.stat", container);
    fx_figure(f, "9223372036854771712\n", "memory/pods/web/%s/memory.limit_in_bytes", container);
    const Runtime__V1__ContainerStats *s = stats(f, container);
    assert_true(s && s->cpu && !s->cpu->psi && s->memory && !s->memory->psi && !s->io && !s->swap);
    assert_true(!s->memory->available_bytes && !s->memory->rss_bytes && !s->memory->page_faults && !s->memory->major_page_faults);
    assert_value(s->memory->working_set_bytes, 9000);
    done();
}

/* --- layers ----------------------------------------------------------------------------------------------------------------------- */

/* Containerd is asked each time for one container, and for lists when the answer is old. */
static void test_layer_age(void **state)
{
    struct fx *f = *state;
    size_t asked = fake_count(f->fake, "Snapshots/Usage");
    list(f, NULL);
    done();
    int64_t at = clock_real();
    assert_int_equal(fake_count(f->fake, "Snapshots/Usage"), asked + 1);
    clock_advance(10 * NSEC_PER_SEC - 1);
    assert_int_equal(list(f, NULL)->stats[0]->writable_layer->timestamp, at);
    done();
    pod_list(f, NULL);
    done();
    assert_int_equal(fake_count(f->fake, "Snapshots/Usage"), asked + 1);
    assert_int_equal(stats(f, container)->writable_layer->timestamp, clock_real());
    done();
    assert_int_equal(fake_count(f->fake, "Snapshots/Usage"), asked + 2);
    clock_advance(10 * NSEC_PER_SEC);
    assert_int_equal(list(f, NULL)->stats[0]->writable_layer->timestamp, clock_real());
    done();
    assert_int_equal(fake_count(f->fake, "Snapshots/Usage"), asked + 3);
    /* Once it has ended and was asked about, nothing changes any more. */
    assert_ok(fx_stop_container(f, container, 0), &f->e);
    clock_advance(10 * NSEC_PER_SEC);
    for (int i = 0; i < 3; i++) {
        assert_non_null(list(f, NULL)->stats[0]->writable_layer);
        done();
        clock_advance(100 * NSEC_PER_SEC);
    }
    assert_int_equal(fake_count(f->fake, "Snapshots/Usage"), asked + 4);
}

/* A snapshotter that cannot tell of one layer does not take the others' figures; a containerd that is away does. */
static void test_layer_failures(void **state)
{
    struct fx *f = *state;
    static const enum err_code of_one[] = {ERR_NOT_FOUND, ERR_INTERNAL, ERR_UNKNOWN};
    for (size_t i = 0; i < ARRAY_SIZE(of_one); i++) {
        fake_fail_method(f->fake, "Snapshots/Usage", FAKE_FAIL_BEFORE, of_one[i], NULL, 1);
        const Runtime__V1__ContainerStats *s = stats(f, container);
        assert_true(s && s->cpu && !s->writable_layer);
        done();
    }
    fake_fail_method(f->fake, "Snapshots/Usage", FAKE_FAIL_BEFORE, ERR_UNAVAILABLE, "containerd is away", 1);
    assert_null(stats(f, container));
    assert_int_equal(the_call.e.code, ERR_UNAVAILABLE);
    assert_non_null(strstr(the_call.e.message, "containerd is away"));
    done();
    check_container(stats(f, container), container);
    done();
}

/* A container whose runtime handler keeps snapshots elsewhere. */
static void test_other_snapshotter(void **state)
{
    struct fx *f = *state;
    const struct ctx ctx = CTX_BACKGROUND;
    struct ctrd_mounts mounts;
    struct container *c = NULL;
    _cleanup_arena_ struct arena a = ARENA_INIT(1 << 20);
    assert_ok(container_get(&f->service.containers, container, &c, &f->e), &f->e);
    const char *before = c->o.snapshotter;
    c->o.snapshotter = "native";
    assert_null(stats(f, container)->writable_layer); /* it has none there */
    done();
    assert_ok(ctrd_snapshot_prepare(&f->service.ctrd, &ctx, "native", container, "", NULL, &a, &mounts, &f->e), &f->e);
    const Runtime__V1__ContainerStats *s = stats(f, container);
    assert_string_equal(s->writable_layer->fs_id->mountpoint, "/native");
    done();
    assert_ok(ctrd_snapshot_remove(&f->service.ctrd, &ctx, "native", container, &f->e), &f->e);
    c->o.snapshotter = before;
    container_unref(c);
}

/* --- filters ------------------------------------------------------------------------------------------------------------------------ */

static void test_filters(void **state)
{
    struct fx *f = *state;
    char other[ID_LEN + 1], b[ID_LEN + 1];
    run_pod(f, "db", NULL, other);
    struct fx_pod p;
    struct fx_container c;
    Runtime__V1__ContainerConfig__LabelsEntry entry = RUNTIME__V1__CONTAINER_CONFIG__LABELS_ENTRY__INIT, *labels[] = {&entry};
    entry.key = (char *)"app";
    entry.value = (char *)"db";
    fx_pod_init(f, &p, "db");
    fx_container_init(&c, other, &p, "b");
    c.config.labels = labels;
    c.config.n_labels = 1;
    assert_ok(fx_create(f, &c, b), &f->e);
    assert_int_equal(list(f, NULL)->n_stats, 2);
    done();
    char prefix[13];
    snprintf(prefix, sizeof prefix, "%.12s", b);
    Runtime__V1__ContainerStatsFilter__LabelSelectorEntry want = RUNTIME__V1__CONTAINER_STATS_FILTER__LABEL_SELECTOR_ENTRY__INIT, *selector[] = {&want};
    want.key = (char *)"app";
    want.value = (char *)"db";
    struct {
        char *id, *pod;
        size_t n_labels;
        const char *found; /* NULL: none */
    } cases[] = {{b, (char *)"", 0, b},         {prefix, (char *)"", 0, b},       {(char *)"", other, 0, b},         {(char *)"", pod, 0, container},
                 {container, other, 0, NULL}, {(char *)"none", (char *)"", 0, NULL}, {(char *)"", (char *)"", 1, b}, {(char *)"", pod, 1, NULL}};
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        Runtime__V1__ContainerStatsFilter filter = RUNTIME__V1__CONTAINER_STATS_FILTER__INIT;
        filter.id = cases[i].id;
        filter.pod_sandbox_id = cases[i].pod;
        filter.label_selector = selector;
        filter.n_label_selector = cases[i].n_labels;
        const Runtime__V1__ListContainerStatsResponse *r = list(f, &filter);
        assert_int_equal(r->n_stats, cases[i].found ? 1 : 0);
        if (cases[i].found)
            assert_string_equal(r->stats[0]->attributes->id, cases[i].found);
        if (cases[i].found == b) {
            assert_string_equal(r->stats[0]->attributes->labels[0]->key, "app");
            assert_string_equal(r->stats[0]->attributes->labels[0]->value, "db");
        }
        done();
    }
}

/* --- pods ------------------------------------------------------------------------------------------------------------------------------ */

static void test_pod(void **state)
{
    struct fx *f = *state;
    const Runtime__V1__PodSandboxStats *s = pod_stats(f, pod);
    assert_non_null(s);
    assert_string_equal(s->attributes->id, pod);
    assert_string_equal(s->attributes->metadata->name, "web");
    assert_null(s->windows);
    check_cpu(s->linux->cpu);
    assert_null(s->linux->cpu->usage_nano_cores);
    check_memory(s->linux->memory);
    check_psi(s->linux->io->psi);
    const Runtime__V1__NetworkUsage *net = s->linux->network;
    assert_int_equal(net->n_interfaces, 2);
    assert_string_equal(net->interfaces[0]->name, "net1");
    assert_int_equal(net->timestamp, clock_real());
    assert_string_equal(net->default_interface->name, "eth0");
    assert_string_equal(net->interfaces[1]->name, "eth0");
    assert_value(net->interfaces[1]->rx_bytes, 100);
    assert_value(net->default_interface->rx_errors, 1);
    assert_value(net->default_interface->tx_bytes, 200);
    assert_value(net->default_interface->tx_errors, 2);
    assert_value(s->linux->process->process_count, 3);
    assert_int_equal(s->linux->n_containers, 1);
    check_container(s->linux->containers[0], container);
    done();
    clock_advance(2 * NSEC_PER_SEC);
    fx_figure(f, "3000000000\n", "cpuacct/pods/web/cpuacct.usage");
    fx_figure(f, "2000001000\n", "cpuacct/pods/web/%s/cpuacct.usage", container);
    s = pod_stats(f, pod);
    assert_value(s->linux->cpu->usage_nano_cores, 500000000);
    assert_value(s->linux->containers[0]->cpu->usage_nano_cores, 500);
    done();
    assert_null(pod_stats(f, "0123"));
    assert_int_equal(the_call.e.code, ERR_NOT_FOUND);
    done();
}

/* Of the host's network and of the cgroup that all pods without a parent share nothing is told. */
static void test_pod_of_the_host(void **state)
{
    struct fx *f = *state;
    char id[ID_LEN + 1];
    struct fx_pod p;
    fx_pod_init(f, &p, "host");
    p.config.linux = &p.linux_config;
    p.linux_config.security_context = &p.security;
    p.security.namespace_options = &p.namespaces;
    p.namespaces.network = RUNTIME__V1__NAMESPACE_MODE__NODE;
    assert_ok(fx_run(f, &p, id), &f->e);
    fx_figures(f, id, "/k8s.io");
    const Runtime__V1__PodSandboxStats *s = pod_stats(f, id);
    assert_non_null(s);
    assert_true(!s->linux->network && !s->linux->cpu && !s->linux->memory && !s->linux->io && s->linux->n_containers == 0);
    assert_value(s->linux->process->process_count, 0);
    done();
}

/* Not ready: refused alone, left out of the list. */
static void test_pod_not_ready(void **state)
{
    struct fx *f = *state;
    char other[ID_LEN + 1], path[160];
    run_pod(f, "db", NULL, other);
    fx_figures(f, other, "/pods/db");
    assert_int_equal(pod_list(f, NULL)->n_stats, 2);
    done();
    /* Its process has ended and nobody has said so yet. */
    snprintf(path, sizeof path, "%s/%u", f->proc, fx_pid(f, other));
    assert_ok(fs_remove_all(path, &f->e), &f->e);
    for (int i = 0; i < 2; i++) {
        assert_null(pod_stats(f, other));
        assert_int_equal(the_call.e.code, ERR_UNAVAILABLE);
        assert_non_null(strstr(the_call.e.message, other));
        done();
        const Runtime__V1__ListPodSandboxStatsResponse *r = pod_list(f, NULL);
        assert_int_equal(r->n_stats, 1);
        assert_string_equal(r->stats[0]->attributes->id, pod);
        done();
        assert_ok(fx_stop_pod(f, other), &f->e);
    }
}

static void test_pod_filters(void **state)
{
    struct fx *f = *state;
    char other[ID_LEN + 1], prefix[13];
    struct fx_pod p;
    fx_pod_init(f, &p, "db");
    Runtime__V1__PodSandboxConfig__LabelsEntry entry = RUNTIME__V1__POD_SANDBOX_CONFIG__LABELS_ENTRY__INIT, *labels[] = {&entry};
    entry.key = (char *)"app";
    entry.value = (char *)"db";
    p.config.labels = labels;
    p.config.n_labels = 1;
    assert_ok(fx_run(f, &p, other), &f->e);
    fx_figures(f, other, "/pods/db");
    snprintf(prefix, sizeof prefix, "%.12s", other);
    Runtime__V1__PodSandboxStatsFilter__LabelSelectorEntry want = RUNTIME__V1__POD_SANDBOX_STATS_FILTER__LABEL_SELECTOR_ENTRY__INIT, *selector[] = {&want};
    want.key = (char *)"app";
    want.value = (char *)"db";
    struct {
        char *id;
        size_t n_labels;
        const char *found;
    } cases[] = {{prefix, 0, other}, {pod, 0, pod}, {(char *)"", 1, other}, {pod, 1, NULL}, {(char *)"none", 0, NULL}};
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        Runtime__V1__PodSandboxStatsFilter filter = RUNTIME__V1__POD_SANDBOX_STATS_FILTER__INIT;
        filter.id = cases[i].id;
        filter.label_selector = selector;
        filter.n_label_selector = cases[i].n_labels;
        size_t asked = fake_count(f->fake, "Snapshots/Usage");
        const Runtime__V1__ListPodSandboxStatsResponse *r = pod_list(f, &filter);
        assert_int_equal(r->n_stats, cases[i].found ? 1 : 0);
        if (cases[i].found)
            assert_string_equal(r->stats[0]->attributes->id, cases[i].found);
        done();
        assert_int_equal(fake_count(f->fake, "Snapshots/Usage") - asked, i == 1); /* of the pods that are told, only theirs, and once */
    }
}

/* --- many ---------------------------------------------------------------------------------------------------------------------------- */

/* The answers about 500 containers take a small part of a call's memory. */
static void test_many(void **state)
{
    enum { N = 500, MEMORY_MAX = 8 << 20 };
    struct fx *f = *state;
    char id[ID_LEN + 1], name[16];
    for (size_t i = 1; i < N; i++) {
        snprintf(name, sizeof name, "c%zu", i);
        fx_must_run_container(f, pod, "web", name, id);
        fx_figures(f, id, "/pods/web");
    }
    const Runtime__V1__ListContainerStatsResponse *r = list(f, NULL);
    assert_int_equal(r->n_stats, N);
    for (size_t i = 0; i < N; i++)
        check_container(r->stats[i], r->stats[i]->attributes->id);
    size_t used = the_call.call.arena.used;
    done();
    print_message("%d containers: %zu bytes\n", N, used);
    assert_in_range(used, 1, MEMORY_MAX);
    const Runtime__V1__ListPodSandboxStatsResponse *pods = pod_list(f, NULL);
    assert_int_equal(pods->stats[0]->linux->n_containers, N);
    assert_value(pods->stats[0]->linux->process->process_count, 3 * N);
    assert_in_range(the_call.call.arena.used, 1, MEMORY_MAX);
    done();
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_container), TEST(test_nano_cores), TEST(test_not_running), TEST(test_process_gone), TEST(test_absent), TEST(test_layer_age), TEST(test_layer_failures), TEST(test_other_snapshotter),
        TEST(test_filters), TEST(test_pod), TEST(test_pod_of_the_host), TEST(test_pod_not_ready), TEST(test_pod_filters), TEST(test_many),
    };
    return cmocka_run_group_tests_name("cri/stats", tests, NULL, NULL);
}
