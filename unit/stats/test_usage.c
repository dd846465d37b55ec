/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Figures of cgroups v1, v2 and both, and of interfaces: each rule, what is missing, what is garbage, what is huge.
 */
#include "tree.h"

#include "sweep.h"

#define P "some avg10=1.50 avg60=0.00 avg300=0.00 total=12\nfull avg10=0.00 avg60=0.00 avg300=0.00 total=3\n"

static struct stats_host host;
static const struct stats_cgroup v1 = {{"/p/c", "/p/c", "/p/c", NULL}}, hybrid = {{"/p/c", "/p/c", "/p/c", "/p/c"}}, v2 = {{NULL, NULL, NULL, "/p/c"}};

static int setup(void **state)
{
    clock_virtual(1000, 5000);
    return scratch_setup(state);
}

static int teardown(void **state)
{
    stats_host_close(&host);
    clock_virtual_off();
    return scratch_teardown(state);
}

static void make_v1(void)
{
    tree_put("cg/cpuacct/p/c/cpuacct.usage", "123456789\n");
    tree_put("cg/memory/p/c/memory.stat", "inactive_file 1\ntotal_rss 4096\ntotal_inactive_file 1000\ntotal_pgfault 70\ntotal_pgmajfault 7\ntotal_swap 500\n");
    tree_put("cg/memory/p/c/memory.usage_in_bytes", "10000\n");
    tree_put("cg/memory/p/c/memory.limit_in_bytes", "20000\n");
    tree_put("cg/memory/p/c/memory.memsw.limit_in_bytes", "21000\n");
    tree_put("cg/pids/p/c/pids.current", "3\n");
    tree_put("cg/unified/p/c/cpu.pressure", P);
    tree_put("cg/unified/p/c/cpu.stat", "usage_usec 1\n");
    tree_put("cg/unified/p/c/memory.pressure", P);
    tree_put("cg/unified/p/c/io.pressure", P);
    tree_open(&host);
}

static void make_v2(void)
{
    tree_put("cg/cgroup.controllers", "");
    tree_put("cg/p/c/cpu.stat", "usage_usec 123456\nuser_usec 1\n");
    tree_put("cg/p/c/cpu.pressure", P);
    tree_put("cg/p/c/memory.stat", "anon 4096\nfile 1\ninactive_file 1000\npgfault 70\npgmajfault 7\n");
    tree_put("cg/p/c/memory.current", "10000\n");
    tree_put("cg/p/c/memory.max", "20000\n");
    tree_put("cg/p/c/memory.swap.current", "500\n");
    tree_put("cg/p/c/memory.swap.max", "1000\n");
    tree_put("cg/p/c/memory.pressure", P);
    tree_put("cg/p/c/io.pressure", P);
    tree_put("cg/p/c/pids.current", "3\n");
    tree_open(&host);
}

static struct stats_usage read_usage(const struct stats_cgroup *g)
{
    _cleanup_buf_ struct buf scratch = BUF_INIT(STATS_SCRATCH_MAX);
    struct stats_usage u;
    struct err e = ERR_INIT;
    size_t fds = open_descriptors();
    assert_ok(stats_usage_read(&host, g, &scratch, &u, &e), &e);
    assert_int_equal(open_descriptors(), fds);
    return u;
}

static void all_memory(const struct stats_usage *u)
{
    assert_int_equal(u->memory, 10000);
    assert_int_equal(u->working_set, 9000);
    assert_int_equal(u->available, 11000);
    assert_int_equal(u->rss, 4096);
    assert_int_equal(u->page_faults, 70);
    assert_int_equal(u->major_page_faults, 7);
    assert_int_equal(u->swap, 500);
    assert_int_equal(u->swap_available, 500);
    assert_int_equal(u->pids, 3);
    assert_int_equal(u->cpu_mono, 1000);
    assert_int_equal(u->cpu_at, 5000);
    assert_int_equal(u->memory_at, 5000);
    assert_int_equal(u->io_at, 5000);
}

static void all_pressure(const struct stats_usage *u, bool there)
{
    const struct cgroup_pressure *const p[] = {&u->cpu_pressure, &u->memory_pressure, &u->io_pressure};
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(p[i]->some.there, there);
        assert_int_equal(p[i]->full.there, there);
        assert_int_equal(p[i]->some.total, there ? 12000 : 0);
    }
}

static void test_v1(void **state)
{
    make_v1();
    struct stats_usage u = read_usage(&v1);
    assert_int_equal(u.cpu_total, 123456789);
    all_memory(&u);
    all_pressure(&u, false);
    u = read_usage(&hybrid);
    assert_int_equal(u.cpu_total, 123456789); /* not the v2 hierarchy's, which has the container as long as that does */
    all_memory(&u);
    all_pressure(&u, true);
}

static void test_v2(void **state)
{
    make_v2();
    struct stats_usage u = read_usage(&v2);
    assert_int_equal(u.cpu_total, 123456000);
    all_memory(&u);
    all_pressure(&u, true);
}

/* Limits: none, one at the border, one below what is used. */
static void test_limits(void **state)
{
    make_v1();
    static const struct {
        const char *limit, *both;
        uint64_t available, swap_available;
    } cases[] = {
        {"9223372036854771712\n", "9223372036854771712\n", STATS_NONE, STATS_NONE},
        {"4611686018427387905\n", "4611686018427387905\n", STATS_NONE, STATS_NONE},
        {"4611686018427387904\n", "9223372036854771712\n", UINT64_C(4611686018427378904), STATS_NONE},
        {"9000\n", "9500\n", 0, 0},
        {"8999\n", "9498\n", 0, 0},
        {"9001\n", "9502\n", 1, 1},
        {"-1\n", "1\n", STATS_NONE, STATS_NONE},
        {"18446744073709551616\n", "1\n", STATS_NONE, STATS_NONE},
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        if (i == 5)
            tree_put("cg/memory/p/c/memory.stat", "total_inactive_file 1000\ntotal_swap 500\n");
        tree_put("cg/memory/p/c/memory.limit_in_bytes", cases[i].limit);
        tree_put("cg/memory/p/c/memory.memsw.limit_in_bytes", cases[i].both);
        struct stats_usage u = read_usage(&v1);
        if (u.available != cases[i].available || u.swap_available != cases[i].swap_available)
            fail_msg("%s and %s: %llu and %llu", cases[i].limit, cases[i].both, (unsigned long long)u.available, (unsigned long long)u.swap_available);
    }
}

static void test_limits_v2(void **state)
{
    make_v2();
    tree_put("cg/p/c/memory.max", "max\n");
    tree_put("cg/p/c/memory.swap.max", "max\n");
    struct stats_usage u = read_usage(&v2);
    assert_true(u.available == STATS_NONE && u.swap_available == STATS_NONE && u.swap == 500 && u.working_set == 9000);
    tree_put("cg/p/c/memory.max", "1\n");
    tree_put("cg/p/c/memory.swap.max", "0\n");
    u = read_usage(&v2);
    assert_true(u.available == 0 && u.swap_available == 0);
    tree_put("cg/p/c/memory.stat", "inactive_file 10001\n");
    u = read_usage(&v2);
    assert_true(u.working_set == 0 && u.available == 1 && u.rss == STATS_NONE && u.page_faults == STATS_NONE && u.major_page_faults == STATS_NONE);
}

static void test_no_swap_accounting(void **state)
{
    make_v1();
    tree_put("cg/memory/p/c/memory.stat", "total_inactive_file 1000\n");
    unlink(at("cg/memory/p/c/memory.memsw.limit_in_bytes"));
    struct stats_usage u = read_usage(&v1);
    assert_true(u.swap == STATS_NONE && u.swap_available == STATS_NONE && u.working_set == 9000);
}

static void nothing(const struct stats_usage *u)
{
    assert_true(u->cpu_total == STATS_NONE && u->memory == STATS_NONE && u->working_set == STATS_NONE && u->available == STATS_NONE);
    assert_true(u->rss == STATS_NONE && u->page_faults == STATS_NONE && u->major_page_faults == STATS_NONE);
    assert_true(u->swap == STATS_NONE && u->swap_available == STATS_NONE && u->pids == STATS_NONE);
    all_pressure(u, false);
}

/* A cgroup that is gone, files that are missing, empty, garbage or too large: no figure, never a wrong one. */
static void test_missing(void **state)
{
    make_v1();
    static const char *const files[] = {
        "cpuacct/p/c/cpuacct.usage", "memory/p/c/memory.stat", "memory/p/c/memory.usage_in_bytes", "memory/p/c/memory.limit_in_bytes",
        "memory/p/c/memory.memsw.limit_in_bytes", "pids/p/c/pids.current", "unified/p/c/cpu.pressure", "unified/p/c/memory.pressure", "unified/p/c/io.pressure",
    };
    static const char *const texts[] = {"", "garbage\n", "12 34\n", "18446744073709551616\n", "-5\n", "usage_usec\n", "max\n", NULL};
    for (size_t t = 0; t < ARRAY_SIZE(texts); t++) {
        for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
            if (texts[t])
                put(at("cg/%s", files[i]), texts[t]);
            else
                assert_int_equal(unlink(at("cg/%s", files[i])), 0);
        }
        struct stats_usage u = read_usage(&hybrid);
        nothing(&u);
    }
    static const struct stats_cgroup gone = {{"/gone", "/gone", "/gone", "/gone"}}, nowhere = {{NULL}};
    struct stats_usage u = read_usage(&gone);
    nothing(&u);
    u = read_usage(&nowhere);
    nothing(&u);
}

static void test_garbage_v2(void **state)
{
    make_v2();
    tree_put("cg/p/c/cpu.stat", "usage_usec 18446744073709552\n"); /* more ns than fit */
    tree_put("cg/p/c/memory.current", "max\n");
    tree_put("cg/p/c/cpu.pressure", "some\n");
    struct stats_usage u = read_usage(&v2);
    assert_true(u.cpu_total == STATS_NONE && u.memory == STATS_NONE && u.working_set == STATS_NONE && u.available == STATS_NONE && !u.cpu_pressure.some.there);
    assert_true(u.memory_pressure.some.there && u.pids == 3);
}

/* A path that leaves no room for the file's name is no path. */
static void test_long_path(void **state)
{
    char path[4200];
    make_v2();
    memset(path, 'a', sizeof path);
    path[0] = '/';
    path[sizeof path - 1] = '\0';
    struct stats_cgroup g = {{NULL, NULL, NULL, path}};
    struct stats_usage u = read_usage(&g);
    nothing(&u);
}

static int read_hybrid(void *arg, struct err *e)
{
    _cleanup_buf_ struct buf scratch = BUF_INIT(STATS_SCRATCH_MAX);
    struct stats_usage u;
    return stats_usage_read(&host, &hybrid, &scratch, &u, e);
}

static void test_sweeps(void **state)
{
    make_v1();
    assert_true(sweep("stats_usage_read", read_hybrid, NULL) > 0);
    assert_true(descriptor_sweep(read_hybrid, NULL) > 0);
}

/* --- the network ------------------------------------------------------------------------------------------------------------- */

#define LINE(name, n) name ":" n " 0 1 0 0 0 0 0 " n "0 0 2 0 0 0 0 0\n"
#define HEADING       "Inter-|   Receive |  Transmit\n face |bytes packets errs|bytes\n"

static struct stats_process process(const char *text)
{
    struct stats_process p = {.fd = -1};
    tree_put("proc/9/net/dev", text);
    p.fd = open(at("proc/9"), O_PATH | O_DIRECTORY | O_CLOEXEC);
    assert_true(p.fd >= 0);
    return p;
}

static void test_network(void **state)
{
    _cleanup_arena_ struct arena a = ARENA_INIT(1 << 20);
    _cleanup_buf_ struct buf scratch = BUF_INIT(STATS_SCRATCH_MAX);
    struct stats_network net;
    struct err e = ERR_INIT;
    struct stats_process p = process(HEADING LINE("lo", "1") LINE("net1", "2") LINE("  eth0", " 3") LINE("broken", "x"));
    assert_ok(stats_network_read(&p, &a, &scratch, &net, &e), &e);
    assert_int_equal(net.at, 5000);
    assert_int_equal(net.n, 2);
    assert_int_equal(net.default_index, 1);
    assert_view(net.v[0].name, "net1");
    assert_view(net.v[1].name, "eth0");
    assert_int_equal(net.v[1].rx_bytes, 3);
    assert_int_equal(net.v[1].rx_errors, 1);
    assert_int_equal(net.v[1].tx_bytes, 30);
    assert_int_equal(net.v[1].tx_errors, 2);
    stats_process_close(&p);

    p = process(HEADING LINE("lo", "1") LINE("net1", "2"));
    assert_ok(stats_network_read(&p, &a, &scratch, &net, &e), &e);
    assert_true(net.n == 1 && net.default_index == 0);
    stats_process_close(&p);

    p = process(HEADING LINE("lo", "1"));
    assert_ok(stats_network_read(&p, &a, &scratch, &net, &e), &e);
    assert_int_equal(net.n, 0);
    unlink(at("proc/9/net/dev"));
    assert_fails(stats_network_read(&p, &a, &scratch, &net, &e), &e, ERR_NOT_FOUND, "gone");
    stats_process_close(&p);
}

/* As many interfaces as are told, one more, and more than the buffer holds. */
static void test_many_interfaces(void **state)
{
    _cleanup_arena_ struct arena a = ARENA_INIT(1 << 20);
    _cleanup_buf_ struct buf scratch = BUF_INIT(STATS_SCRATCH_MAX), text = BUF_INIT(1 << 20);
    struct stats_network net;
    struct err e = ERR_INIT;
    for (size_t n = STATS_INTERFACES_MAX - 1, k = 0; k < 4; k++, n = k == 3 ? 4000 : n + 1) {
        buf_clear(&text);
        assert_int_equal(buf_add_str(&text, HEADING LINE("lo", "1")), 0);
        for (size_t i = 0; i < n; i++)
            assert_int_equal(buf_printf(&text, LINE("if%zu", "18446744073709551"), i), 0);
        struct stats_process p = process(text.p);
        assert_ok(stats_network_read(&p, &a, &scratch, &net, &e), &e);
        assert_int_equal(net.n, MIN_OF(n, (size_t)STATS_INTERFACES_MAX));
        assert_int_equal(net.v[net.n - 1].tx_bytes, UINT64_C(184467440737095510));
        stats_process_close(&p);
    }
    /* What does not fit ends in the middle of a line: that is not half a number. */
    buf_done(&scratch);
    buf_init(&scratch, 80);
    struct stats_process p = process(LINE("a", "1") LINE("b", "2") LINE("c", "3333"));
    assert_ok(stats_network_read(&p, &a, &scratch, &net, &e), &e);
    assert_int_equal(net.n, 2);
    stats_process_close(&p);
}

static int read_network(void *arg, struct err *e)
{
    _cleanup_arena_ struct arena a = ARENA_INIT(1 << 20);
    _cleanup_buf_ struct buf scratch = BUF_INIT(STATS_SCRATCH_MAX);
    struct stats_network net;
    return stats_network_read(arg, &a, &scratch, &net, e);
}

static void test_network_sweeps(void **state)
{
    struct stats_process p = process(HEADING LINE("eth0", "1"));
    assert_true(sweep("stats_network_read", read_network, &p) > 0);
    assert_true(descriptor_sweep(read_network, &p) > 0);
    stats_process_close(&p);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
int main(void)
{
    host = (struct stats_host)STATS_HOST_INIT;
    const struct CMUnitTest tests[] = {
        TEST(test_v1),        TEST(test_v2),         TEST(test_limits),  TEST(test_limits_v2), TEST(test_no_swap_accounting), TEST(test_missing),
        TEST(test_garbage_v2), TEST(test_long_path), TEST(test_sweeps), TEST(test_network),   TEST(test_many_interfaces),    TEST(test_network_sweeps),
    };
    return cmocka_run_group_tests_name("stats/usage", tests, NULL, NULL);
}
