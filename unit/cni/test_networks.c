/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A pod with several networks: which interface each gives, at once or one after the other, rollback of all of them.
 */
#include <pthread.h>
#include <time.h>

#include "cni/cni.h"

#include "fake_plugins.h"
#include "sweep.h"

#define TEST_POD ((struct cni_pod){.id = FAKE_ID, .netns = "/run/netns/cni-x", .name = "web", .namespace_ = "prod", .uid = "u-1"})

static int start(void **state)
{
    static struct fake f;
    fake_start(&f);
    fake_file(f.conf, "10-pod.conflist",
              "{\"cniVersion\":\"1.0.0\",\"name\":\"podnet\",\"plugins\":[{\"type\":\"bridge\"},{\"type\":\"portmap\"}]}");
    *state = &f;
    return 0;
}

static int stop(void **state)
{
    fake_stop(*state);
    return 0;
}

static void test_several_networks(void **state)
{
    struct fake *f = *state;
    _cleanup_cni_ struct cni *c = fake_cni(f, 0);
    _cleanup_arena_ struct arena a = ARENA_INIT(1 << 20);
    struct ctx ctx = CTX_BACKGROUND;
    struct cni_pod pod = TEST_POD;
    struct cni_pod_result r;
    struct err e = ERR_INIT;

    fake_file(f->conf, "20-second.conf", "{\"cniVersion\":\"1.0.0\",\"name\":\"second\",\"type\":\"ptp\"}");
    fake_say(f, "ptp", "ADD", 0, "{\"cniVersion\":\"1.0.0\",\"ips\":[{\"address\":\"192.168.7.7/24\"}]}");
    assert_ok(cni_setup(c, &ctx, &pod, &a, &r, &e), &e);
    assert_string_equal(fake_calls(f), "bridge ADD,portmap ADD,ptp ADD");
    assert_line(f->calls[2].env, "CNI_IFNAME=eth1");
    assert_string_equal(r.ip, "10.88.0.5");
    assert_int_equal(r.n_interfaces, 4);
    assert_string_equal(r.interfaces[2].name, "eth1");
    assert_string_equal(r.interfaces[2].ips[0].address, "192.168.7.7");
    assert_int_equal(r.dns.n, 3);
    assert_int_equal(fake_records(f), 2);
    assert_ok(cni_teardown(c, &ctx, &pod, true, &e), &e);
    assert_int_equal(fake_records(f), 0);
    /* The second fails: both are rolled back, the last one first. */
    fake_forget(f);
    f->n_script = 0;
    fake_say(f, "ptp", "ADD", 1, "{\"code\":100,\"msg\":\"x\"}");
    assert_fails(cni_setup(c, &ctx, &pod, &a, &r, &e), &e, ERR_UNKNOWN, "network \"second\"");
    assert_string_equal(fake_calls(f), "bridge ADD,portmap ADD,ptp ADD,ptp DEL,portmap DEL,bridge DEL");
    assert_non_null(strstr(f->calls[4].input, "\"prevResult\":" FAKE_RESULT));
    assert_int_equal(fake_records(f), 0);
}

/* ADDs that end only when so many of them have begun: none would, were one waited for before the next. */
static struct {
    pthread_mutex_t lock;
    pthread_cond_t all_there;
    size_t adding, wanted;
} meeting = {.lock = PTHREAD_MUTEX_INITIALIZER, .all_there = PTHREAD_COND_INITIALIZER};

static int run_and_meet(void *user, const struct ctx *ctx, const char *const argv[], const char *const envp[], struct view input,
                        struct buf *out, struct buf *err_out, struct proc_result *ret, struct err *e)
{
    struct timespec until;
    int late = 0;
    bool add = false;

    for (size_t i = 0; envp[i]; i++)
        add = add || strcmp(envp[i], "CNI_COMMAND=ADD") == 0;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += 60;
    pthread_mutex_lock(&meeting.lock);
    if (add && ++meeting.adding == meeting.wanted)
        pthread_cond_broadcast(&meeting.all_there);
    while (add && meeting.adding < meeting.wanted && late == 0)
        late = pthread_cond_timedwait(&meeting.all_there, &meeting.lock, &until);
    int r = late ? err_raise(e, ERR_DEADLINE_EXCEEDED, "nobody else came")
                 : fake_run(user, ctx, argv, envp, input, out, err_out, ret, e);
    pthread_mutex_unlock(&meeting.lock);
    return r;
}

/* Several networks are attached at the same time; the result is as if it had been one after the other. */
static void test_networks_at_once(void **state)
{
    struct fake *f = *state;
    const char *const bins[] = {f->bin};
    struct cni_options o = {.conf_dir = f->conf, .bin_dirs = bins, .n_bin_dirs = 1, .cache_dir = f->cache, .proc = &f->ops,
                            .environment = fake_environment, .loopback_up = fake_loopback, .netns_exists = fake_netns_exists};
    _cleanup_cni_ struct cni *c = NULL;
    _cleanup_arena_ struct arena a = ARENA_INIT(1 << 20);
    struct ctx ctx = CTX_BACKGROUND;
    struct cni_pod pod = TEST_POD;
    struct cni_pod_result r;
    struct err e = ERR_INIT;

    f->ops.run = run_and_meet;
    meeting.adding = 0;
    meeting.wanted = 3;
    assert_ok(cni_new(&o, &c, &e), &e);
    fake_file(f->conf, "10-pod.conflist", "{\"cniVersion\":\"1.0.0\",\"name\":\"one\",\"plugins\":[{\"type\":\"bridge\"}]}");
    fake_file(f->conf, "20.conf", "{\"cniVersion\":\"1.0.0\",\"name\":\"two\",\"type\":\"ptp\"}");
    fake_file(f->conf, "30.conf", "{\"cniVersion\":\"1.0.0\",\"name\":\"three\",\"type\":\"flannel\"}");
    fake_say(f, "ptp", "ADD", 0, "{\"cniVersion\":\"1.0.0\",\"ips\":[{\"address\":\"192.168.7.7/24\"}]}");
    fake_say(f, "flannel", "ADD", 0, "{\"cniVersion\":\"1.0.0\",\"ips\":[{\"address\":\"192.168.9.9/24\"}]}");
    assert_ok(cni_setup(c, &ctx, &pod, &a, &r, &e), &e);
    assert_string_equal(r.ip, "10.88.0.5");
    assert_string_equal(r.interfaces[2].ips[0].address, "192.168.7.7");
    assert_string_equal(r.interfaces[3].ips[0].address, "192.168.9.9");
    assert_int_equal(fake_records(f), 3);
    assert_ok(cni_teardown(c, &ctx, &pod, true, &e), &e);
    assert_int_equal(fake_records(f), 0);
    /* Two fail: the first one's words, in the order of the files; all three are undone, the last one first. */
    fake_forget(f);
    f->n_script = 0;
    meeting.adding = 0;
    fake_say(f, "bridge", "ADD", 1, "{\"code\":100,\"msg\":\"x\"}");
    fake_say(f, "flannel", "ADD", 1, "{\"code\":100,\"msg\":\"y\"}");
    assert_fails(cni_setup(c, &ctx, &pod, &a, &r, &e), &e, ERR_UNKNOWN, "network \"one\"");
    assert_string_equal(strstr(fake_calls(f), "flannel DEL"), "flannel DEL,ptp DEL,bridge DEL");
    assert_int_equal(f->n_calls, 6);
    assert_int_equal(fake_records(f), 0);
}

static int sweep_networks(void *arg, struct err *e)
{
    struct fake *f = arg;
    _cleanup_cni_ struct cni *c = NULL;
    _cleanup_arena_ struct arena a = ARENA_INIT(1 << 20);
    const char *const bins[] = {f->bin};
    struct cni_options o = {.conf_dir = f->conf, .bin_dirs = bins, .n_bin_dirs = 1, .cache_dir = f->cache, .proc = &f->ops, .setup_serially = true,
                            .environment = fake_environment, .loopback_up = fake_loopback, .netns_exists = fake_netns_exists};
    struct ctx ctx = CTX_BACKGROUND;
    struct cni_pod pod = TEST_POD;
    struct cni_pod_result r;

    fake_forget(f);
    TRY(cni_new(&o, &c, e));
    int made = cni_setup(c, &ctx, &pod, &a, &r, e);
    struct err again = ERR_INIT;
    int gone = cni_teardown(c, &ctx, &pod, made == 0, made == 0 ? e : &again);
    return made < 0 ? made : gone;
}

static void test_sweep(void **state)
{
    struct fake *f = *state;
    fake_file(f->conf, "20-second.conf", "{\"cniVersion\":\"1.0.0\",\"name\":\"second\",\"type\":\"ptp\"}");
    assert_true(sweep("setup and teardown of two networks", sweep_networks, f) > 100);
    assert_int_equal(fake_records(f), 0);
}

int main(void)
{
    mem_install_hooks();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_several_networks, start, stop),
        cmocka_unit_test_setup_teardown(test_networks_at_once, start, stop),
        cmocka_unit_test_setup_teardown(test_sweep, start, stop),
    };
    return cmocka_run_group_tests_name("cni/networks", tests, NULL, NULL);
}
