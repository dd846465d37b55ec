/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Hierarchies of cgroup v1, v2 and of both, and where a process is in them.
 */
#include "tree.h"

#include "sweep.h"

#define ID "c0ffee0123"

static void check_path(const char *got, const char *want)
{
    if (!got != !want || (got && strcmp(got, want) != 0))
        fail_msg("\"%s\", expected \"%s\"", got ? got : "none", want ? want : "none");
}

/* Finds process 42 with this cgroup file; checks the paths of cpuacct, memory, pids, unified (NULL: none). */
static void finds(const struct stats_host *h, const char *file, const char *const own[4], const char *const parent[4])
{
    _cleanup_arena_ struct arena a = ARENA_INIT(1 << 20);
    _cleanup_buf_ struct buf scratch = BUF_INIT(STATS_SCRATCH_MAX);
    struct stats_process p;
    struct err e = ERR_INIT;
    tree_put("proc/42/cgroup", file);
    assert_ok(stats_process_open(h, 42, ID, &a, &scratch, &p, &e), &e);
    for (size_t i = 0; i < STATS_HIERARCHIES; i++) {
        check_path(p.own.path[i], own[i]);
        check_path(p.parent.path[i], parent[i]);
    }
    stats_process_close(&p);
}

static void is_gone(const struct stats_host *h, uint32_t pid)
{
    _cleanup_arena_ struct arena a = ARENA_INIT(1 << 20);
    _cleanup_buf_ struct buf scratch = BUF_INIT(STATS_SCRATCH_MAX);
    struct stats_process p;
    struct err e = ERR_INIT;
    size_t fds = open_descriptors();
    assert_fails(stats_process_open(h, pid, ID, &a, &scratch, &p, &e), &e, ERR_NOT_FOUND, "of container \"" ID "\" is gone");
    assert_int_equal(open_descriptors(), fds);
}

static void test_v1(void **state)
{
    struct stats_host h;
    tree_put("cg/cpu,cpuacct/x", "");
    tree_put("cg/memory/x", "");
    assert_int_equal(symlink("cpu,cpuacct", at("cg/cpuacct")), 0);
    tree_open(&h);
    assert_true(h.hierarchy[STATS_CPUACCT] >= 0 && h.hierarchy[STATS_MEMORY] >= 0 && h.hierarchy[STATS_PIDS] < 0 && h.hierarchy[STATS_UNIFIED] < 0);
    finds(&h, "9:pids:/k/p/" ID "\n5:memory:/k/p/" ID "/below\n4:cpu,cpuacct:/k/p/" ID "\n1:name=systemd:/\n0::/" ID "\n",
          (const char *const[]){"/k/p/" ID, "/k/p/" ID, NULL, NULL}, (const char *const[]){"/k/p", "/k/p", NULL, NULL});
    /* In one of them only. */
    finds(&h, "5:memory:/k/p/" ID "\n4:cpu,cpuacct:/\n", (const char *const[]){NULL, "/k/p/" ID, NULL, NULL}, (const char *const[]){NULL, "/k/p", NULL, NULL});
    stats_host_close(&h);
}

static void test_hybrid(void **state)
{
    struct stats_host h;
    for (const char *const *name = (const char *const[]){"cpuacct", "memory", "pids", "unified", NULL}; *name; name++)
        tree_put(at("cg/%s/x", *name) + strlen(scratch_dir) + 1, "");
    tree_open(&h);
    finds(&h, "9:pids:/a/" ID "\n5:memory:/b/" ID "\n4:cpuacct:/c/" ID "\n0::/d.slice/cri-containerd-" ID ".scope\n",
          (const char *const[]){"/c/" ID, "/b/" ID, "/a/" ID, "/d.slice/cri-containerd-" ID ".scope"}, (const char *const[]){"/c", "/b", "/a", "/d.slice"});
    finds(&h, "5:memory:/b/" ID "\n0::/\n", (const char *const[]){NULL, "/b/" ID, NULL, NULL}, (const char *const[]){NULL, "/b", NULL, NULL});
    stats_host_close(&h);
}

static void test_v2(void **state)
{
    struct stats_host h;
    tree_put("cg/cgroup.controllers", "cpu memory pids\n");
    tree_put("cg/memory/x", ""); /* a cgroup that has this name */
    tree_open(&h);
    assert_true(h.hierarchy[STATS_CPUACCT] < 0 && h.hierarchy[STATS_MEMORY] < 0 && h.hierarchy[STATS_PIDS] < 0 && h.hierarchy[STATS_UNIFIED] >= 0);
    finds(&h, "0::/k/" ID "/init.scope\n", (const char *const[]){NULL, NULL, NULL, "/k/" ID}, (const char *const[]){NULL, NULL, NULL, "/k"});
    stats_host_close(&h);
}

static void test_gone(void **state)
{
    struct stats_host h;
    tree_put("cg/memory/x", "");
    tree_put("proc/7/cgroup", "5:memory:/k/another\n0::/\n"); /* the pid is somebody else's now */
    tree_put("proc/8/cgroup", "");
    tree_put("proc/9/other", "");
    tree_put("proc/10/cgroup", "garbage\n5:memory\n5:memory:no/" ID "\nx:memory:/" ID "\n");
    tree_put("proc/11/cgroup", "5:cpuset:/k/" ID "\n"); /* in a hierarchy that is not read */
    tree_put("proc/12", "no directory");
    tree_open(&h);
    for (uint32_t pid = 6; pid <= 12; pid++)
        is_gone(&h, pid);
    is_gone(&h, UINT32_MAX);
    stats_host_close(&h);
}

static void test_roots(void **state)
{
    struct stats_host h = STATS_HOST_INIT;
    struct err e = ERR_INIT;
    tree_put("cg/memory", "a file"); /* not mounted, then */
    tree_put("proc/x", "");
    assert_fails(stats_host_open(at("none"), at("proc"), &h, &e), &e, ERR_NOT_FOUND, "cgroup hierarchies at");
    assert_fails(stats_host_open(at("cg"), at("none"), &h, &e), &e, ERR_NOT_FOUND, "none");
    stats_host_close(&h); /* nothing was opened */
    tree_open(&h);
    assert_true(h.proc >= 0 && h.hierarchy[STATS_MEMORY] < 0);
    stats_host_close(&h);
    assert_int_equal(h.proc, -1);
}

/* Names that lead out of the tree stay in it. */
static void test_stays_inside(void **state)
{
    _cleanup_buf_ struct buf scratch = BUF_INIT(8);
    struct err e = ERR_INIT;
    tree_put("outside", "secret");
    tree_put("dir/file", "12345678");
    assert_int_equal(symlink("../outside", at("dir/link")), 0);
    int dir = open(at("dir"), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    assert_true(dir >= 0);
    for (const char *const *name = (const char *const[]){"../outside", "link", "/../outside", "none", ".", NULL}; *name; name++)
        assert_int_equal(stats_read(dir, *name, &scratch, &e), 0);
    assert_int_equal(stats_read(dir, "/file", &scratch, &e), 1);
    assert_view(buf_view(&scratch), "12345678");
    tree_put("dir/file", "123456789");
    assert_int_equal(stats_read(dir, "file", &scratch, &e), 0);
    assert_view(buf_view(&scratch), "12345678");
    assert_int_equal(e.code, ERR_OK);
    close(dir);
}

static int open_process(void *arg, struct err *e)
{
    _cleanup_arena_ struct arena a = ARENA_INIT(1 << 20);
    _cleanup_buf_ struct buf scratch = BUF_INIT(STATS_SCRATCH_MAX);
    struct stats_process p;
    TRY(stats_process_open(arg, 42, ID, &a, &scratch, &p, e));
    stats_process_close(&p);
    return 0;
}

static int open_host(void *arg, struct err *e)
{
    struct stats_host h;
    TRY(stats_host_open(at("cg"), at("proc"), &h, e));
    stats_host_close(&h);
    return 0;
}

static void test_sweeps(void **state)
{
    struct stats_host h;
    tree_put("cg/memory/x", "");
    tree_put("cg/pids/x", "");
    tree_put("proc/42/cgroup", "5:memory:/k/p/" ID "\n4:pids:/k/" ID "\n");
    tree_open(&h);
    assert_true(sweep("stats_process_open", open_process, &h) > 0);
    assert_true(descriptor_sweep(open_process, &h) > 0);
    assert_true(descriptor_sweep(open_host, NULL) > 0);
    stats_host_close(&h);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_v1, scratch_setup, scratch_teardown),    cmocka_unit_test_setup_teardown(test_hybrid, scratch_setup, scratch_teardown),
        cmocka_unit_test_setup_teardown(test_v2, scratch_setup, scratch_teardown),    cmocka_unit_test_setup_teardown(test_gone, scratch_setup, scratch_teardown),
        cmocka_unit_test_setup_teardown(test_roots, scratch_setup, scratch_teardown), cmocka_unit_test_setup_teardown(test_stays_inside, scratch_setup, scratch_teardown),
        cmocka_unit_test_setup_teardown(test_sweeps, scratch_setup, scratch_teardown),
    };
    return cmocka_run_group_tests_name("stats/host", tests, NULL, NULL);
}
