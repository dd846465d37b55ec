/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Collection of what dead pods left, and its gate; single runs of a plugin; rates; the configuration template.
 */
#include <errno.h>

#include "cni/internal.h"

#include "base/num.h"
#include "cni/template.h"
#include "fake_plugins.h"
#include "sweep.h"

#define NET11 "{\"cniVersion\":\"1.1.0\",\"name\":\"podnet\",\"plugins\":[{\"type\":\"bridge\"},{\"type\":\"portmap\"}]}"

static int start(void **state)
{
    static struct fake f;
    fake_start(&f);
    fake_file(f.conf, "10.conflist", NET11);
    *state = &f;
    return 0;
}

static int stop(void **state)
{
    fake_stop(*state);
    return 0;
}

static bool lives(void *user, const char *id)
{
    return user && strcmp(user, id) == 0;
}

static void attach(struct cni *c, const char *id)
{
    _cleanup_arena_ struct arena a = ARENA_INIT(1 << 20);
    struct ctx ctx = CTX_BACKGROUND;
    struct cni_pod pod = {.id = id, .netns = "/n"};
    struct cni_pod_result r;
    struct err e = ERR_INIT;
    assert_ok(cni_setup(c, &ctx, &pod, &a, &r, &e), &e);
}

static void test_gc(void **state)
{
    struct fake *f = *state;
    _cleanup_cni_ struct cni *c = fake_cni(f, 1);
    struct ctx ctx = CTX_BACKGROUND;
    struct err e = ERR_INIT;
    char results[128], alive[] = "pod-b";
    size_t removed = 9;

    attach(c, "pod-a");
    attach(c, "pod-b");
    snprintf(results, sizeof(results), "%s/results", f->cache);
    /* Another runtime's, on the same network: no K8S_POD_INFRA_CONTAINER_ID. */
    fake_file(results, "podnet-foreign-eth0",
              "{\"kind\":\"cniCacheV1\",\"containerId\":\"foreign\",\"config\":\"e30=\",\"ifName\":\"eth0\",\"networkName\":"
              "\"podnet\"}");
    fake_forget(f);
    assert_int_equal(cni_gc(c, &ctx, lives, alive, &removed, &e), 0);
    assert_int_equal(removed, 1);
    assert_string_equal(fake_calls(f), "portmap DEL,bridge DEL,bridge GC,portmap GC");
    assert_non_null(strstr(f->calls[0].env, "CNI_CONTAINERID=pod-a\n"));
    assert_string_equal(
        f->calls[2].input,
        "{\"cniVersion\":\"1.1.0\",\"name\":\"podnet\",\"type\":\"bridge\",\"cni.dev/valid-attachments\":["
        "{\"containerID\":\"foreign\",\"ifname\":\"eth0\"},{\"containerID\":\"pod-b\",\"ifname\":\"eth0\"}],"
        "\"cni.dev/"
        "attachments\":[{\"containerID\":\"foreign\",\"ifname\":\"eth0\"},{\"containerID\":\"pod-b\",\"ifname\":\"eth0\"}]}");
    assert_int_equal(fake_records(f), 2);
    /* A failing DEL is told, the rest is done, the record stays. */
    fake_say(f, "bridge", "DEL", 1, "{\"code\":100,\"msg\":\"stuck\"}");
    fake_forget(f);
    assert_fails(cni_gc(c, &ctx, lives, NULL, &removed, &e), &e, ERR_UNKNOWN, "stuck");
    assert_int_equal(removed, 0);
    assert_string_equal(fake_calls(f), "portmap DEL,bridge DEL,bridge GC,portmap GC");
    assert_int_equal(fake_records(f), 2);
    f->n_script = 0;
    fake_file(f->conf, "10.conflist",
              "{\"cniVersion\":\"1.1.0\",\"name\":\"podnet\",\"disableGC\":true,\"plugins\":[{\"type\":\"bridge\"}]}");
    fake_forget(f);
    assert_int_equal(cni_gc(c, &ctx, lives, NULL, NULL, &e), 0);
    assert_string_equal(fake_calls(f), "portmap DEL,bridge DEL"); /* from the record, not from what is configured now */
    assert_int_equal(fake_records(f), 1);
}

/* Plugins free what they are not told of: with a record that cannot be read they are not asked, and dead pods' records still go. */
static void test_gc_unreadable(void **state)
{
    struct fake *f = *state;
    _cleanup_cni_ struct cni *c = fake_cni(f, 1);
    struct ctx ctx = CTX_BACKGROUND;
    struct err e = ERR_INIT;
    char results[128], path[160], alive[] = "pod-b";
    size_t removed = 9;

    attach(c, "pod-a");
    attach(c, "pod-b");
    snprintf(results, sizeof(results), "%s/results", f->cache);
    snprintf(path, sizeof(path), "%s/directory", results);
    assert_int_equal(mkdir(path, 0700), 0);
    fake_file(results, "podnet-pod-b-eth0", "{\"kind\":\"cniCacheV1\",\"containerId\":\"pod");
    fake_forget(f);
    assert_fails(cni_gc(c, &ctx, lives, alive, &removed, &e), &e, ERR_DATA_LOSS, "podnet-pod-b-eth0");
    assert_int_equal(removed, 1);
    assert_string_equal(fake_calls(f), "portmap DEL,bridge DEL");
    snprintf(path, sizeof(path), "%s/podnet-pod-b-eth0", results);
    assert_int_equal(unlink(path), 0);
    fake_forget(f);
    assert_int_equal(cni_gc(c, &ctx, lives, alive, &removed, &e), 0);
    assert_string_equal(fake_calls(f), "bridge GC,portmap GC");
}

static struct cni *gate_cni;
static int gate_answer;

/* A plugin that, while it runs, has a collection asked for. */
static int run_and_collect(void *user, const struct ctx *ctx, const char *const argv[], const char *const envp[],
                           struct view input, struct buf *out, struct buf *err_out, struct proc_result *ret, struct err *e)
{
    struct err again = ERR_INIT;
    char alive[] = "pod-a";
    gate_answer = cni_gc(gate_cni, ctx, lives, alive, NULL, &again);
    return fake_run(user, ctx, argv, envp, input, out, err_out, ret, e);
}

static bool is_gc(const char *const envp[])
{
    for (; *envp; envp++)
        if (strcmp(*envp, "CNI_COMMAND=GC") == 0)
            return true;
    return false;
}

/* The plugins' own collection, during which a setup is tried, with little time. */
static int run_and_attach(void *user, const struct ctx *ctx, const char *const argv[], const char *const envp[],
                          struct view input, struct buf *out, struct buf *err_out, struct proc_result *ret, struct err *e)
{
    _cleanup_arena_ struct arena a = ARENA_INIT(1 << 20);
    struct cni_pod pod = {.id = "late", .netns = "/n"};
    struct ctx soon = ctx_with_timeout(ctx, 20 * NSEC_PER_MSEC);
    struct cni_pod_result r;
    struct err again = ERR_INIT;
    if (is_gc(envp))
        gate_answer = cni_setup(gate_cni, &soon, &pod, &a, &r, &again);
    return fake_run(user, ctx, argv, envp, input, out, err_out, ret, e);
}

static void test_gate(void **state)
{
    struct fake *f = *state;
    _cleanup_cni_ struct cni *c = fake_cni(f, 1);
    struct ctx ctx = CTX_BACKGROUND;
    struct err e = ERR_INIT;

    gate_cni = c;
    f->ops.run = run_and_collect;
    attach(c, "pod-a");
    assert_int_equal(gate_answer, 1);
    assert_int_equal(fake_records(f), 1);
    f->ops.run = run_and_attach;
    assert_int_equal(cni_gc(c, &ctx, lives, NULL, NULL, &e), 0);
    assert_int_equal(gate_answer, -ERR_DEADLINE_EXCEEDED);
    assert_int_equal(fake_records(f), 0);
    f->ops.run = fake_run;
    attach(c, "pod-b");
    assert_int_equal(fake_records(f), 1);
}

/* A program that cannot be started is not a pod that is not there: NOT_FOUND would tell kubelet that all is well. */
static void test_no_start(void **state)
{
    struct fake *f = *state;
    _cleanup_cni_ struct cni *c = fake_cni(f, 1);
    struct ctx ctx = CTX_BACKGROUND;
    struct cni_pod pod = {.id = "pod-a", .netns = "/n"};
    struct err e = ERR_INIT;

    attach(c, "pod-a");
    fake_say(f, "bridge", "DEL", 0, NULL)->fail = ERR_NOT_FOUND;
    assert_fails(cni_teardown(c, &ctx, &pod, true, &e), &e, ERR_FAILED_PRECONDITION, "plugin \"bridge\" (DEL)");
    assert_int_equal(fake_records(f), 1);
}

static int sweep_gc(void *arg, struct err *e)
{
    struct fake *f = arg;
    const char *const bins[] = {f->bin};
    struct cni_options o = {.conf_dir = f->conf,
                            .bin_dirs = bins,
                            .n_bin_dirs = 1,
                            .cache_dir = f->cache,
                            .proc = &f->ops,
                            .environment = fake_environment,
                            .loopback_up = fake_loopback,
                            .netns_exists = fake_netns_exists};
    _cleanup_cni_ struct cni *c = NULL;
    struct ctx ctx = CTX_BACKGROUND;
    char alive[] = "pod-a";
    fake_forget(f);
    TRY(cni_new(&o, &c, e));
    TRY(cni_status(c, &ctx, e));
    return cni_gc(c, &ctx, lives, alive, NULL, e);
}

static void test_gc_sweep(void **state)
{
    struct fake *f = *state;
    {
        _cleanup_cni_ struct cni *c = fake_cni(f, 1);
        attach(c, "pod-a");
    }
    assert_true(sweep("collection", sweep_gc, f) > 50);
    assert_int_equal(fake_records(f), 1);
}

static void test_busy_program(void **state)
{
    struct fake *f = *state;
    _cleanup_cni_ struct cni *c = fake_cni(f, 1);
    struct ctx ctx = CTX_BACKGROUND, soon = ctx_with_timeout(&ctx, NSEC_PER_MSEC);
    struct err e = ERR_INIT;

    /* The program is being written: tried again. */
    struct fake_answer *a = fake_say(f, "bridge", "STATUS", 0, NULL);
    a->fail = ERR_UNKNOWN;
    a->err = strerror(ETXTBSY);
    a->times = 1;
    assert_ok(cni_exec(c, &ctx, "bridge", "STATUS", NULL, VIEW_LIT("{}"), NULL, NULL, &e), &e);
    assert_int_equal(f->n_calls, 2);
    a->times = 0;
    assert_fails(cni_exec(c, &soon, "bridge", "STATUS", NULL, VIEW_LIT("{}"), NULL, NULL, &e), &e, ERR_DEADLINE_EXCEEDED,
                 "plugin \"bridge\" (STATUS)");
    assert_fails(cni_exec(c, &ctx, "absent", "STATUS", NULL, VIEW_LIT("{}"), NULL, NULL, &e), &e, ERR_FAILED_PRECONDITION,
                 "plugin \"absent\" is in none of the plugin directories (/nowhere/bin:/tmp/cni-unit-");
    assert_fails(cni_exec(c, &ctx, "../x", "STATUS", NULL, VIEW_LIT("{}"), NULL, NULL, &e), &e, ERR_INVALID_ARGUMENT, "\"../x\"");
}

/* The limit of a plugin's output, with the real limit. */
static void test_output_limit(void **state)
{
    struct fake *f = *state;
    _cleanup_cni_ struct cni *c = fake_cni(f, 1);
    struct ctx ctx = CTX_BACKGROUND;
    struct err e = ERR_INIT;
    struct fake_answer *a = fake_say(f, "bridge", "VERSION", 0, NULL);

    a->flood = CNI_OUTPUT_MAX - 1024;
    assert_ok(cni_exec(c, &ctx, "bridge", "VERSION", NULL, VIEW_EMPTY, NULL, NULL, &e), &e);
    a->flood = CNI_OUTPUT_MAX;
    assert_ok(cni_exec(c, &ctx, "bridge", "VERSION", NULL, VIEW_EMPTY, NULL, NULL, &e), &e);
    a->flood = CNI_OUTPUT_MAX + 1024;
    assert_fails(cni_exec(c, &ctx, "bridge", "VERSION", NULL, VIEW_EMPTY, NULL, NULL, &e), &e, ERR_OUT_OF_RANGE,
                 "wrote more than");
}

/* A program of the machine, through the real proc_run. */
static void test_real_program(void **state)
{
    struct fake *f = *state;
    const char *const bins[] = {f->bin};
    struct cni_options o = {
        .conf_dir = f->conf, .bin_dirs = bins, .n_bin_dirs = 1, .cache_dir = f->cache, .plugin_timeout_ns = 20 * NSEC_PER_SEC};
    _cleanup_cni_ struct cni *c = NULL;
    _cleanup_buf_ struct buf out = BUF_INIT(CNI_OUTPUT_MAX);
    struct ctx ctx = CTX_BACKGROUND;
    struct err e = ERR_INIT;

    assert_ok(cni_new(&o, &c, &e), &e);
    fake_file(f->bin, "echo", "#!/bin/sh\necho $CNI_COMMAND; cat\n");
    assert_ok(cni_exec(c, &ctx, "echo", "ADD", NULL, VIEW_LIT("input"), &out, NULL, &e), &e);
    assert_string_equal(out.p, "ADD\ninput");
    fake_file(f->bin, "fails", "#!/bin/sh\necho '{\"code\":7,\"msg\":\"bad conf\"}'; exit 1\n");
    assert_fails(cni_exec(c, &ctx, "fails", "ADD", NULL, VIEW_EMPTY, NULL, NULL, &e), &e, ERR_UNKNOWN,
                 "failed: bad conf (CNI error 7)");
    fake_file(f->bin, "dies", "#!/bin/sh\necho last words >&2; kill -9 $$\n");
    assert_fails(cni_exec(c, &ctx, "dies", "ADD", NULL, VIEW_EMPTY, NULL, NULL, &e), &e, ERR_UNKNOWN,
                 "killed by signal 9: last words");
    fake_file(f->bin, "floods", "#!/bin/sh\nhead -c 20971520 /dev/zero\n");
    assert_fails(cni_exec(c, &ctx, "floods", "ADD", NULL, VIEW_EMPTY, NULL, NULL, &e), &e, ERR_OUT_OF_RANGE, "wrote more than");
    fake_file(f->bin, "hangs", "#!/bin/sh\nsleep 1000 & wait\n");
    struct ctx soon = ctx_with_timeout(&ctx, 100 * NSEC_PER_MSEC);
    assert_fails(cni_exec(c, &soon, "hangs", "ADD", NULL, VIEW_EMPTY, NULL, NULL, &e), &e, ERR_DEADLINE_EXCEEDED,
                 "plugin \"hangs\" (ADD)");
    fake_file(f->bin, "noexec", "no program");
    assert_true(cni_exec(c, &ctx, "noexec", "ADD", NULL, VIEW_EMPTY, NULL, NULL, &e) < 0);
    assert_non_null(strstr(e.message, "plugin \"noexec\" (ADD)"));
}

static void test_rates(void **state)
{
    static const struct {
        const char *text;
        int status;
        uint64_t value;
    } table[] = {
        {"0", NUM_OK, 0},
        {"1", NUM_OK, 1},
        {"+5k", NUM_OK, 5000},
        {"10M", NUM_OK, 10000000},
        {"1G", NUM_OK, 1000000000},
        {"1T", NUM_OK, UINT64_C(1000000000000)},
        {"1Ki", NUM_OK, 1024},
        {"1.5Mi", NUM_OK, 1572864},
        {"1.5", NUM_OK, 2},
        {".5k", NUM_OK, 500},
        {"5.", NUM_OK, 5},
        {"100m", NUM_OK, 1},
        {"1n", NUM_OK, 1},
        {"1500m", NUM_OK, 2},
        {"2e3", NUM_OK, 2000},
        {"2E+3", NUM_OK, 2000},
        {"2500e-3", NUM_OK, 3},
        {"1.0000000000000000000000", NUM_OK, 1},
        {"1.00000000000000000000001", NUM_OK, 2},
        {"1000000000000000", NUM_OK, UINT64_C(1000000000000000)},
        {"1P", NUM_OK, UINT64_C(1000000000000000)},
        {"1000000000000001", NUM_OUT_OF_RANGE, 0},
        {"1E", NUM_OUT_OF_RANGE, 0},
        {"1e400", NUM_OUT_OF_RANGE, 0},
        {"99999999999999999999999", NUM_OUT_OF_RANGE, 0},
        {"", NUM_NOT_A_NUMBER, 0},
        {".", NUM_NOT_A_NUMBER, 0},
        {"k", NUM_NOT_A_NUMBER, 0},
        {"1 k", NUM_NOT_A_NUMBER, 0},
        {"1 ", NUM_NOT_A_NUMBER, 0},
        {"1ki", NUM_NOT_A_NUMBER, 0},
        {"1e", NUM_NOT_A_NUMBER, 0},
        {"1ex", NUM_NOT_A_NUMBER, 0},
        {"-1", NUM_NOT_A_NUMBER, 0},
        {"1i", NUM_NOT_A_NUMBER, 0},
        {"0x10", NUM_NOT_A_NUMBER, 0},
        {"1e1001", NUM_NOT_A_NUMBER, 0},
        {"1..1", NUM_NOT_A_NUMBER, 0},
    };
    for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
        uint64_t value = 0;
        int status = cni_rate_parse(view_of(table[i].text), UINT64_C(1000000000000000), &value);
        if (status != table[i].status || value != table[i].value)
            fail_msg("\"%s\": status %d, value %llu", table[i].text, status, (unsigned long long)value);
    }
}

static void test_template(void **state)
{
    char r0[] = "10.0.0.0/24", r1[] = "fd00::/64", d0[] = "0.0.0.0/0";
    char *ranges[] = {r0, r1}, *routes[] = {d0};
    struct strlist lr = {.v = ranges, .n = 2}, lo = {.v = routes, .n = 1}, none = {0};
    struct cni_template_values v = {.pod_cidr = "10.0.0.0/24", .ranges = &lr, .routes = &lo},
                               empty = {.pod_cidr = "", .ranges = &none, .routes = &none};
    static const struct {
        const char *text, *want, *want_empty; /* want NULL: refused, want_empty is part of the message */
    } table[] = {
        {"plain } {", "plain } {", "plain } {"},
        {"a {{.PodCIDR}} b", "a 10.0.0.0/24 b", "a  b"},
        {"{{ .PodCIDRRanges }}", "[10.0.0.0/24 fd00::/64]", "[]"},
        {"[{{range $i, $range := .PodCIDRRanges}}{{if $i}}, {{end}}[{\"subnet\": \"{{$range}}\"}]{{end}}]",
         "[[{\"subnet\": \"10.0.0.0/24\"}], [{\"subnet\": \"fd00::/64\"}]]", "[]"},
        {"{{range .Routes}}({{.}}){{else}}none{{end}}", "(0.0.0.0/0)", "none"},
        {"{{range $r := .PodCIDRRanges}}{{$r}};{{range $.Routes}}{{.}},{{end}}{{end}}",
         "10.0.0.0/24;0.0.0.0/0,fd00::/64;0.0.0.0/0,", ""},
        {"{{if .PodCIDR}}yes{{else}}no{{end}}{{if .Routes}}!{{end}}", "yes!", "no"},
        {"a {{- /* comment */ -}} b", "ab", "ab"},
        {"x\n{{- range .Routes }}\n  {{ . }}\n{{- end }}\n", "x\n  0.0.0.0/0\n", "x\n"},
        {"{{.Nonsense}}", NULL, "line 1: {{.Nonsense}}: not understood"},
        {"\n\n{{printf \"x\"}}", NULL, "line 3: {{printf \"x\"}}"},
        {"{{.PodCIDR", NULL, "{{ has no }}"},
        {"{{end}}", NULL, "without an opening"},
        {"{{if .PodCIDR}}", NULL, "has no {{end}}"},
        {"{{range .PodCIDR}}{{end}}", NULL, "not a list"},
        {"{{if .PodCIDR}}{{else}}{{else}}{{end}}", NULL, "has no {{end}}"},
        {"{{if .Routes}}{{if .Routes}}{{if .Routes}}{{if .Routes}}{{if .Routes}}x{{end}}{{end}}{{end}}{{end}}{{end}}", NULL,
         "nested deeper"},
        {"{{}}", NULL, "not understood"},
    };
    for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
        _cleanup_buf_ struct buf out = BUF_INIT(4096);
        struct err e = ERR_INIT;
        if (!table[i].want) {
            assert_fails(cni_template_fill(view_of(table[i].text), &v, &out, &e), &e, ERR_INVALID_ARGUMENT, table[i].want_empty);
            continue;
        }
        assert_ok(cni_template_fill(view_of(table[i].text), &v, &out, &e), &e);
        assert_view(buf_view(&out), table[i].want);
        buf_clear(&out);
        assert_ok(cni_template_fill(view_of(table[i].text), &empty, &out, &e), &e);
        assert_view(buf_view(&out), table[i].want_empty);
    }
}

static void test_pod_cidr(void **state)
{
    struct fake *f = *state;
    const char *const bins[] = {f->bin};
    char template[128], path[256];
    struct cni_options o = {
        .conf_dir = f->conf, .bin_dirs = bins, .n_bin_dirs = 1, .cache_dir = f->cache, .conf_template = template};
    _cleanup_cni_ struct cni *c = NULL;
    _cleanup_buf_ struct buf text = BUF_INIT(4096);
    struct err e = ERR_INIT;

    snprintf(template, sizeof(template), "%s/template", f->dir);
    snprintf(path, sizeof(path), "%s/10-containerd-net.conflist", f->conf);
    assert_ok(cni_new(&o, &c, &e), &e);
    static const char *const bad[] = {"x", "10.0.0.0", "10.0.0.0/33", "fd00::/129", "10.0.0.0/24,", "10.0.0.0/-1", "/8", ","};
    for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
        assert_fails(cni_update_pod_cidr(c, bad[i], &e), &e, ERR_INVALID_ARGUMENT, "is not an address range");
    char many[65 * 16] = "";
    for (int i = 0; i < 65; i++) {
        if (i == 64)
            assert_int_equal(cni_update_pod_cidr(c, many, &e), 0);
        snprintf(many + strlen(many), sizeof(many) - strlen(many), "%s10.%d.0.0/16", i ? "," : "", i);
    }
    assert_fails(cni_update_pod_cidr(c, many, &e), &e, ERR_INVALID_ARGUMENT, "more than 64 pod CIDRs");
    assert_int_equal(cni_update_pod_cidr(c, "", &e), 0);
    /* A network is there: nothing is written. */
    assert_int_equal(cni_update_pod_cidr(c, "10.1.0.0/16", &e), 0);
    assert_false(fs_exists(path));
    assert_ok(fs_remove_all(f->conf, &e), &e);
    assert_fails(cni_update_pod_cidr(c, "10.1.0.0/16", &e), &e, ERR_NOT_FOUND, template);
    fake_file(
        f->dir, "template",
        "{\"cniVersion\":\"1.0.0\",\"name\":\"gen\",\"plugins\":[{\"type\":\"ptp\",\"ipam\":{\"subnet\":\"{{.PodCIDR}}\"}}]}");
    assert_int_equal(cni_update_pod_cidr(c, " 10.1.0.0/16 , fd00:0::/64", &e), 1);
    assert_ok(fs_read_file(path, &text, &e), &e);
    assert_string_equal(
        text.p,
        "{\"cniVersion\":\"1.0.0\",\"name\":\"gen\",\"plugins\":[{\"type\":\"ptp\",\"ipam\":{\"subnet\":\"10.1.0.0/16\"}}]}");
    assert_ok(cni_ready(c, &e), &e);
    assert_int_equal(cni_update_pod_cidr(c, "10.9.0.0/16", &e), 0);
}

int main(void)
{
    mem_install_hooks();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_gc, start, stop),
        cmocka_unit_test_setup_teardown(test_gc_unreadable, start, stop),
        cmocka_unit_test_setup_teardown(test_gate, start, stop),
        cmocka_unit_test_setup_teardown(test_no_start, start, stop),
        cmocka_unit_test_setup_teardown(test_gc_sweep, start, stop),
        cmocka_unit_test_setup_teardown(test_busy_program, start, stop),
        cmocka_unit_test_setup_teardown(test_output_limit, start, stop),
        cmocka_unit_test_setup_teardown(test_real_program, start, stop),
        cmocka_unit_test(test_rates),
        cmocka_unit_test(test_template),
        cmocka_unit_test_setup_teardown(test_pod_cidr, start, stop),
    };
    return cmocka_run_group_tests_name("cni/gc", tests, NULL, NULL);
}
