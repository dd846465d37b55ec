/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Allocation sweeps: each operation of the layer with each of its allocations failing, and with arenas too small for it.
 */
#include "fixture.h"
#include "sweep.h"

struct swept {
    struct fixture *f;
    int (*run)(struct swept *s, struct arena *a, struct buf *out, struct err *e);
    const char *spec;
    size_t budget;
};

static int once(void *arg, struct err *e)
{
    struct swept *s = arg;
    _cleanup_arena_ struct arena a = ARENA_INIT(s->budget);
    _cleanup_buf_ struct buf out = BUF_INIT(1 << 20);
    s->f->notes = (struct oci_notes){0};
    int r = s->run(s, &a, &out, e);
    if (r < 0)
        assert_int_equal(out.n, 0);
    s->f->notes = (struct oci_notes){0};
    return r;
}

static int run_sandbox(struct swept *s, struct arena *a, struct buf *out, struct err *e)
{
    return oci_sandbox_spec(&s->f->sandbox, a, out, e);
}

static int run_container(struct swept *s, struct arena *a, struct buf *out, struct err *e)
{
    return oci_container_spec(&s->f->container, a, out, e);
}

static int run_exec(struct swept *s, struct arena *a, struct buf *out, struct err *e)
{
    struct oci_exec_input in = {.spec = view_of(s->spec), .argv = STRS((char *)"ls"), .n_argv = 1, .tty = true};
    return oci_exec_process(&in, a, out, e);
}

static int run_update(struct swept *s, struct arena *a, struct buf *out, struct err *e)
{
    struct view resources;
    return oci_spec_update_resources(view_of(s->spec), &s->f->resources, &s->f->host, &s->f->policy, &s->f->notes, a, out,
                                     &resources, e);
}

static int run_files(struct swept *s, struct arena *a, struct buf *out, struct err *e)
{
    Runtime__V1__DNSConfig dns;
    char *text;
    (void)s, (void)out;
    runtime__v1__dnsconfig__init(&dns);
    dns.servers = STRS((char *)"10.0.0.1");
    dns.n_servers = 1;
    TRY(oci_resolv_conf(&dns, 0, a, &text, e));
    TRY(oci_hostname_file("web", NULL, a, &text, e));
    return oci_cgroup_path("/a/b", "id", a, &text, e);
}

/* Everything that a container can have, so that every allocation is met. */
static void fill(struct fixture *f)
{
    static Runtime__V1__Mount m[2], *mounts[] = {&m[0], &m[1]};
    static Runtime__V1__KeyValue kv, *envs[] = {&kv};
    static struct oci_device device = {.path = "/dev/fuse", .type = 'c', .major = 10, .minor = 229, .access = "rw"};
    static struct oci_bind volume = {.source = "/v", .destination = "/cache", .relabel = true};
    static Runtime__V1__HugepageLimit huge, *huges[] = {&huge};
    static Runtime__V1__IDMapping *maps[1];
    maps[0] = &f->uid_mapping;
    f->uid_mapping.length = 1;
    f->userns.uids = f->userns.gids = maps;
    f->userns.n_uids = f->userns.n_gids = 1;
    f->ctr_ns.userns_options = f->pod_ns.userns_options = &f->userns;
    f->pod_ns.network = RUNTIME__V1__NAMESPACE_MODE__NODE;
    for (size_t i = 0; i < 2; i++) {
        runtime__v1__mount__init(&m[i]);
        m[i].container_path = (char *)"/data/x";
        m[i].host_path = (char *)"/srv/x";
        m[i].selinux_relabel = true;
    }
    runtime__v1__key_value__init(&kv);
    runtime__v1__hugepage_limit__init(&huge);
    kv.key = (char *)"K";
    huge.page_size = (char *)"2MB";
    f->ctr.mounts = mounts;
    f->ctr.n_mounts = 2;
    f->ctr.envs = envs;
    f->ctr.n_envs = 1;
    f->container.mount_label = "a:b:c:s0";
    f->container.devices = &device;
    f->container.n_devices = 1;
    f->container.volumes = &volume;
    f->container.n_volumes = 1;
    f->container.seccomp = VIEW_LIT("{}");
    f->host.hugetlb_controller = false;
    f->resources.hugepage_limits = huges;
    f->resources.n_hugepage_limits = 1;
    f->resources.memory_limit_in_bytes = 1;
    f->resources.cpu_shares = 2;
    f->ctr_linux.resources = f->pod_linux.resources = &f->resources;
}

static void sweep_all(struct fixture *f, const char *name, int (*run)(struct swept *, struct arena *, struct buf *, struct err *),
                      const char *spec)
{
    struct swept s = {.f = f, .run = run, .spec = spec, .budget = ARENA_BUDGET_DEFAULT};
    assert_true(sweep(name, once, &s) > 0);
    /* An arena of every smaller size runs out somewhere, and nowhere else than there. */
    int r = -1;
    for (s.budget = 0; r < 0; s.budget += s.budget < 512 ? 8 : 96) {
        err_clear(&f->e);
        r = once(&s, &f->e);
        if (r < 0 && r != -ERR_RESOURCE_EXHAUSTED)
            fail_msg("%s: a budget of %zu gives %s", name, s.budget, f->e.message);
    }
}

static void test_sweeps(void **state)
{
    struct fixture *f = *state;
    static const char stored[] =
        "{\"process\":{\"e\\u0073c\":1,\"args\":[\"\\n\"],\"env\":[\"A=1\"]},\"linux\":{\"resources\":{\"cpu\":{}}}}";
    sweep_all(f, "sandbox", run_sandbox, NULL);
    sweep_all(f, "container", run_container, NULL);
    sweep_all(f, "exec", run_exec, stored);
    sweep_all(f, "update", run_update, stored);
    sweep_all(f, "files", run_files, NULL);
    fill(f);
    sweep_all(f, "sandbox, full", run_sandbox, NULL);
    sweep_all(f, "container, full", run_container, NULL);
    sweep_all(f, "update, full", run_update, stored);
    f->policy.base_spec = view_of(stored);
    sweep_all(f, "container, base spec", run_container, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test_setup_teardown(test_sweeps, fixture_setup, fixture_teardown)};
    return cmocka_run_group_tests_name("oci/sweep", tests, NULL, NULL);
}
