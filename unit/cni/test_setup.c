/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Setup, teardown and check of a pod with scripted plugins: which plugins are called, in which order, with which environment and
 * input; rollback; records; what is tolerated.
 */
#include "cni/cni.h"

#include "fake_plugins.h"
#include "sweep.h"

#define CHAIN                                                                                                                    \
    "{\"cniVersion\":\"1.0.0\",\"name\":\"podnet\",\"plugins\":[{\"type\":\"bridge\",\"big\":18446744073709551615,"              \
    "\"ipam\":{\"type\":\"host-local\"}},{\"type\":\"portmap\",\"capabilities\":{\"portMappings\":true,\"bandwidth\":false}}]}"

static const struct cni_port_mapping ports[] = {
    {.host_port = 8080, .container_port = 80, .protocol = "TCP", .host_ip = "127.0.0.1"},
    {.host_port = 0, .container_port = 53, .protocol = "UDP"},
};

static struct cni_pod test_pod(void)
{
    return (struct cni_pod){.id = FAKE_ID,
                            .netns = "/run/netns/cni-x",
                            .name = "web",
                            .namespace_ = "prod",
                            .uid = "u-1",
                            .ports = ports,
                            .n_ports = 2};
}

static int start(void **state)
{
    static struct fake f;
    fake_start(&f);
    fake_file(f.conf, "10-pod.conflist", CHAIN);
    *state = &f;
    return 0;
}

static int stop(void **state)
{
    fake_stop(*state);
    return 0;
}

static char *read_record(struct fake *f, const char *name, struct buf *b)
{
    char path[512];
    struct err e = ERR_INIT;
    snprintf(path, sizeof(path), "%s/results/%s", f->cache, name);
    assert_ok(fs_read_file(path, b, &e), &e);
    return b->p;
}

static void test_add_chain(void **state)
{
    struct fake *f = *state;
    _cleanup_cni_ struct cni *c = fake_cni(f, 1);
    _cleanup_arena_ struct arena a = ARENA_INIT(1 << 20);
    _cleanup_buf_ struct buf record = BUF_INIT(1 << 20);
    struct ctx ctx = CTX_BACKGROUND;
    struct cni_pod pod = test_pod();
    struct cni_pod_result r;
    struct err e = ERR_INIT;

    assert_ok(cni_setup(c, &ctx, &pod, &a, &r, &e), &e);
    assert_string_equal(fake_calls(f), "bridge ADD,portmap ADD");
    assert_line(f->calls[0].env, "CNI_COMMAND=ADD");
    assert_line(f->calls[0].env, "CNI_CONTAINERID=" FAKE_ID);
    assert_line(f->calls[0].env, "CNI_NETNS=/run/netns/cni-x");
    assert_line(f->calls[0].env, "CNI_IFNAME=eth0");
    assert_line(f->calls[0].env,
                "CNI_ARGS=IgnoreUnknown=1;K8S_POD_NAMESPACE=prod;K8S_POD_NAME=web;K8S_POD_INFRA_CONTAINER_ID=" FAKE_ID
                ";K8S_POD_UID=u-1");
    assert_line(f->calls[0].env, "PATH=/fake/bin");
    assert_line(f->calls[0].env, "HTTP_PROXY=http://p");
    assert_null(strstr(f->calls[0].env, "evil"));
    assert_null(strstr(f->calls[0].env, "NOTIFY_SOCKET"));
    assert_non_null(strstr(f->calls[0].env, "CNI_PATH=/nowhere/bin:"));
    /* The plugin's own members reach it as they were, a number beyond int64 among them; no prevResult for the first, no
     * runtimeConfig. */
    assert_string_equal(f->calls[0].input,
                        "{\"cniVersion\":\"1.0.0\",\"name\":\"podnet\",\"type\":\"bridge\",\"big\":18446744073709551615,"
                        "\"ipam\":{\"type\":\"host-local\"}}");
    assert_string_equal(
        f->calls[1].input,
        "{\"cniVersion\":\"1.0.0\",\"name\":\"podnet\",\"type\":\"portmap\",\"capabilities\":{\"portMappings\":true,"
        "\"bandwidth\":false},\"prevResult\":" FAKE_RESULT ",\"runtimeConfig\":{\"portMappings\":[{\"hostPort\":8080,"
        "\"containerPort\":80,\"protocol\":\"tcp\",\"hostIP\":\"127.0.0.1\"}]}}");
    assert_true(f->last_timeout > 170 * NSEC_PER_SEC && f->last_timeout <= 180 * NSEC_PER_SEC);
    assert_string_equal(r.ip, "10.88.0.5");
    assert_int_equal(r.additional_ips.n, 0);
    assert_int_equal(fake_records(f), 1);
    const char *text = read_record(f, "podnet-" FAKE_ID "-eth0", &record);
    assert_non_null(strstr(text, "{\"kind\":\"cniCacheV1\",\"containerId\":\"" FAKE_ID "\",\"config\":\"eyJjbmlWZXJzaW9uIjoi"));
    assert_non_null(strstr(text, "\"ifName\":\"eth0\",\"networkName\":\"podnet\",\"netns\":\"/run/netns/cni-x\",\"cniArgs\":[["
                                 "\"IgnoreUnknown\",\"1\"],[\"K8S_POD_NAMESPACE\",\"prod\"]"));
    assert_non_null(strstr(text, "\"capabilityArgs\":{\"portMappings\":[{"));
    assert_non_null(strstr(text, "\"result\":" FAKE_RESULT "}"));
}

static void test_result_json(void **state)
{
    struct fake *f = *state;
    _cleanup_cni_ struct cni *c = fake_cni(f, 1);
    _cleanup_arena_ struct arena a = ARENA_INIT(1 << 20);
    _cleanup_buf_ struct buf text = BUF_INIT(1 << 20);
    struct ctx ctx = CTX_BACKGROUND;
    struct cni_pod pod = test_pod();
    struct cni_pod_result r;
    struct err e = ERR_INIT;
    struct jsonw w;

    fake_say(f, "portmap", "ADD", 0,
             "{\"interfaces\":[{\"name\":\"eth0\",\"mac\":\"02:00:00:00:00:01\",\"sandbox\":\"/n\",\"pciID\":\"0000:01:00.0\","
             "\"socketPath\":\"/s\"}],\"ips\":[{\"interface\":0,\"address\":\"10.0.0.9/24\",\"gateway\":\"10.0.0.1\"},"
             "{\"address\":\"fd00::9/64\"}],\"routes\":[{\"dst\":\"0.0.0.0/0\",\"mtu\":1400,\"priority\":0,\"table\":0}],"
             "\"dns\":{\"nameservers\":[\"1.1.1.1\"],\"search\":[\"a\",\"b\"]}}");
    assert_ok(cni_setup(c, &ctx, &pod, &a, &r, &e), &e);
    jsonw_init(&w, &text);
    cni_result_write_json(&w, &r);
    assert_ok(jsonw_finish(&w, &e), &e);
    assert_string_equal(
        text.p,
        "{\"Interfaces\":{\"eth0\":{\"IPConfigs\":[{\"IP\":\"10.0.0.9\",\"Gateway\":\"10.0.0.1\"},{\"IP\":\"fd00::9\","
        "\"Gateway\":\"\"}],\"Mac\":\"02:00:00:00:00:01\",\"Sandbox\":\"/n\",\"PciID\":\"0000:01:00.0\",\"SocketPath\":\"/s\"},"
        "\"lo\":{\"IPConfigs\":[{\"IP\":\"127.0.0.1\",\"Gateway\":\"\"},{\"IP\":\"::1\",\"Gateway\":\"\"}],"
        "\"Mac\":\"00:00:00:00:00:00\",\"Sandbox\":\"/run/netns/cni-x\",\"PciID\":\"\",\"SocketPath\":\"\"}},"
        "\"DNS\":[{},{\"nameservers\":[\"1.1.1.1\"],\"search\":[\"a\",\"b\"]}],"
        "\"Routes\":[{\"dst\":\"0.0.0.0/0\",\"mtu\":1400,\"table\":0}]}");
    buf_clear(&text);
    jsonw_init(&w, &text);
    cni_result_write_json(&w, NULL);
    assert_ok(jsonw_finish(&w, &e), &e);
    assert_string_equal(text.p, "null");
}

/* Sets a pod up whose plugin answers with these addresses and returns "first;other;other". */
static const char *addresses(struct fake *f, enum cni_ip_pref pref, const char *ips)
{
    static char out[256];
    const char *const bins[] = {f->bin};
    struct cni_options o = {.conf_dir = f->conf,
                            .bin_dirs = bins,
                            .n_bin_dirs = 1,
                            .cache_dir = f->cache,
                            .ip_pref = pref,
                            .proc = &f->ops,
                            .environment = fake_environment,
                            .loopback_up = fake_loopback,
                            .netns_exists = fake_netns_exists};
    _cleanup_cni_ struct cni *c = NULL;
    _cleanup_arena_ struct arena a = ARENA_INIT(1 << 20);
    struct ctx ctx = CTX_BACKGROUND;
    struct cni_pod pod = test_pod();
    struct cni_pod_result r;
    struct err e = ERR_INIT;
    char answer[512];

    snprintf(answer, sizeof(answer), "{\"cniVersion\":\"1.0.0\",\"ips\":[%s]}", ips);
    f->n_script = 0;
    fake_say(f, "portmap", "ADD", 0, answer);
    assert_ok(cni_new(&o, &c, &e), &e);
    assert_ok(cni_setup(c, &ctx, &pod, &a, &r, &e), &e);
    snprintf(out, sizeof(out), "%s", r.ip);
    for (size_t i = 0; i < r.additional_ips.n; i++) {
        strcat(out, ";");
        strcat(out, r.additional_ips.v[i]);
    }
    return out;
}

static void test_ip_pref(void **state)
{
    struct fake *f = *state;
    const char *dual =
        "{\"address\":\"fd00::1/64\"},{\"address\":\"10.0.0.1/8\"},{\"address\":\"fd00::2/64\"},{\"address\":\"10.0.0.2/8\"}";
    assert_string_equal(addresses(f, CNI_IP_PREF_IPV4, dual), "10.0.0.1;fd00::1;fd00::2;10.0.0.2");
    assert_string_equal(addresses(f, CNI_IP_PREF_IPV6, dual), "fd00::1;10.0.0.1;fd00::2;10.0.0.2");
    assert_string_equal(addresses(f, CNI_IP_PREF_CNI, dual), "fd00::1;10.0.0.1;fd00::2;10.0.0.2");
    assert_string_equal(addresses(f, CNI_IP_PREF_IPV4, "{\"address\":\"fd00::1/64\"}"), "fd00::1");
    assert_string_equal(addresses(f, CNI_IP_PREF_IPV6, "{\"address\":\"10.0.0.1/8\"},{\"address\":\"10.0.0.2/8\"}"),
                        "10.0.0.1;10.0.0.2");
}

static void test_old_results(void **state)
{
    struct fake *f = *state;
    _cleanup_cni_ struct cni *c = fake_cni(f, 1);
    _cleanup_arena_ struct arena a = ARENA_INIT(1 << 20);
    struct ctx ctx = CTX_BACKGROUND;
    struct cni_pod pod = test_pod();
    struct cni_pod_result r;
    struct err e = ERR_INIT;

    fake_file(f->conf, "10-pod.conflist",
              "{\"name\":\"old\",\"cniVersion\":\"0.2.0\",\"plugins\":[{\"type\":\"bridge\"},{\"type\":\"portmap\"}]}");
    fake_say(f, "bridge", "ADD", 0,
             "{\"ip4\":{\"ip\":\"10.1.0.7/24\",\"gateway\":\"10.1.0.1\",\"routes\":[{\"dst\":\"0.0.0.0/0\"}]}}");
    fake_say(f, "portmap", "ADD", 0, "{\"cniVersion\":\"0.2.0\",\"ip4\":{\"ip\":\"10.1.0.8/24\"}}");
    assert_ok(cni_setup(c, &ctx, &pod, &a, &r, &e), &e);
    assert_string_equal(r.ip, "10.1.0.8");
    /* A result without a version gets the configuration's before it is handed on. */
    assert_non_null(strstr(f->calls[1].input, "\"prevResult\":{\"cniVersion\":\"0.2.0\",\"ip4\":{\"ip\":\"10.1.0.7/24\""));
    fake_forget(f);
    assert_ok(cni_teardown(c, &ctx, &pod, true, &e), &e);
    assert_null(strstr(f->calls[0].input, "prevResult")); /* DEL has one since 0.4.0 only */
    assert_int_equal(fake_records(f), 0);
}

static void test_capabilities(void **state)
{
    struct fake *f = *state;
    _cleanup_cni_ struct cni *c = fake_cni(f, 1);
    _cleanup_arena_ struct arena a = ARENA_INIT(1 << 20);
    struct ctx ctx = CTX_BACKGROUND;
    struct cni_pod pod = test_pod();
    struct cni_pod_result r;
    struct kvlist annotations = {0}, extra = {0};
    struct strlist servers = {0}, searches = {0};
    struct err e = ERR_INIT;

    fake_file(f->conf, "10-pod.conflist",
              "{\"name\":\"n\",\"cniVersion\":\"1.0.0\",\"plugins\":[{\"type\":\"bridge\",\"runtimeConfig\":{\"old\":1},"
              "\"capabilities\":{"
              "\"dns\":true,\"bandwidth\":true,\"cgroupPath\":true,\"io.kubernetes.cri.pod-annotations\":true,\"mac\":true,"
              "\"ipRanges\":true,\"unknown\":true}}]}");
    assert_ok(kvlist_set(&annotations, &a, "kubernetes.io/ingress-bandwidth", "10M"), &e);
    assert_ok(kvlist_set(&annotations, &a, "kubernetes.io/egress-bandwidth", "1.5Ki"), &e);
    assert_ok(kvlist_set(&extra, &a, "mac", "\"02:11:22:33:44:55\""), &e);
    assert_ok(strlist_add(&servers, &a, "10.96.0.10"), &e);
    assert_ok(strlist_add(&searches, &a, "svc.cluster.local"), &e);
    pod.annotations = &annotations;
    pod.capabilities = &extra;
    pod.has_dns = true;
    pod.dns_servers = &servers;
    pod.dns_searches = &searches;
    pod.cgroup_parent = "/kubepods/pod1";
    assert_int_equal(cni_update_pod_cidr(c, "10.2.0.0/24, fd01::/64", &e), 0);
    assert_ok(cni_setup(c, &ctx, &pod, &a, &r, &e), &e);
    const char *runtime = strstr(f->calls[0].input, "\"runtimeConfig\"");
    assert_non_null(runtime);
    assert_string_equal(
        runtime,
        "\"runtimeConfig\":{\"dns\":{\"servers\":[\"10.96.0.10\"],\"searches\":[\"svc.cluster.local\"],\"options\":[]},"
        "\"bandwidth\":{\"ingressRate\":10000000,\"ingressBurst\":4294967295,\"egressRate\":1536,\"egressBurst\":4294967295},"
        "\"cgroupPath\":\"/kubepods/pod1\",\"io.kubernetes.cri.pod-annotations\":{\"kubernetes.io/ingress-bandwidth\":\"10M\","
        "\"kubernetes.io/egress-bandwidth\":\"1.5Ki\"},\"mac\":\"02:11:22:33:44:55\","
        "\"ipRanges\":[[{\"subnet\":\"10.2.0.0/24\"}],[{\"subnet\":\"fd01::/64\"}]]}}");
    /* Bad values fail before any plugin runs. */
    fake_forget(f);
    static const char *const bad[] = {"999", "2P", "x", "", "1Zi", "-1k", "1e", "1.1.1"};
    for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
        assert_ok(kvlist_set(&annotations, &a, "kubernetes.io/ingress-bandwidth", bad[i]), &e);
        assert_fails(cni_setup(c, &ctx, &pod, &a, &r, &e), &e, ERR_INVALID_ARGUMENT, "kubernetes.io/ingress-bandwidth");
    }
    assert_int_equal(f->n_calls, 0);
    assert_ok(kvlist_set(&annotations, &a, "kubernetes.io/ingress-bandwidth", "1P"), &e);
    assert_ok(cni_setup(c, &ctx, &pod, &a, &r, &e), &e);
    pod.name = "a;K8S_POD_UID=x";
    assert_fails(cni_setup(c, &ctx, &pod, &a, &r, &e), &e, ERR_INVALID_ARGUMENT, "K8S_POD_NAME");
    pod = test_pod();
    pod.id = "../../etc";
    assert_fails(cni_setup(c, &ctx, &pod, &a, &r, &e), &e, ERR_INVALID_ARGUMENT, "../../etc");
}

struct failure {
    struct fake_answer answer;
    enum err_code code;
    const char *text;
};

/* Each way in which the second plugin can fail: named, both plugins rolled back in reverse, no record left. */
static void test_add_failures(void **state)
{
    struct fake *f = *state;
    static const struct failure table[] = {
        {{.status = 1, .out = "{\"cniVersion\":\"1.0.0\",\"code\":100,\"msg\":\"no room\",\"details\":\"pool is full\"}"},
         ERR_UNKNOWN,
         "network \"podnet\": plugin \"portmap\" (ADD) failed: no room; pool is full (CNI error 100)"},
        {{.status = 1, .out = "{\"code\":11,\"msg\":\"later\"}"}, ERR_UNAVAILABLE, "failed: later"},
        {{.status = 3, .err = "panic: x\ny"}, ERR_UNKNOWN, "failed with status 3: panic: x y"},
        {{.status = 3}, ERR_UNKNOWN, "failed with status 3: it gave no cause"},
        {{.status = 1, .out = "Segmentation fault"}, ERR_UNKNOWN, "what is no CNI error"},
        {{.signaled = true, .status = 9}, ERR_UNKNOWN, "was killed by signal 9"},
        {{.fail = ERR_DEADLINE_EXCEEDED}, ERR_DEADLINE_EXCEEDED, "plugin \"portmap\" (ADD)"},
        {{.fail = ERR_CANCELLED}, ERR_CANCELLED, "plugin \"portmap\" (ADD)"},
        {{.fail = ERR_NOT_FOUND, .err = "no interpreter"}, ERR_FAILED_PRECONDITION, "portmap: no interpreter"},
        {{.out = "{\"cniVersion\":\"1.0.0\",\"ips\":[{\"addr"}, ERR_UNKNOWN, "printed what is no CNI result"},
        {{.out = ""}, ERR_UNKNOWN, "printed what is no CNI result"},
        {{.out = "[]"}, ERR_UNKNOWN, "printed what is no CNI result"},
        {{.out = "{\"cniVersion\":\"9.9.9\"}"}, ERR_UNKNOWN, "printed what is no CNI result"},
        {{.out = "{\"cniVersion\":\"1.0.0\",\"ips\":[{\"address\":\"10.0.0.1/8\",\"interface\":7}],\"interfaces\":[]}"},
         ERR_UNKNOWN,
         "printed what is no CNI result"},
        {{.out = "{\"cniVersion\":\"1.0.0\"}"}, ERR_UNKNOWN, "failed to find network info for sandbox \"" FAKE_ID "\""},
        {{.flood = 20 << 20}, ERR_OUT_OF_RANGE, "wrote more than 1048576 bytes"},
        {{.status = 1, .flood = 20 << 20}, ERR_OUT_OF_RANGE, "wrote more than 1048576 bytes"},
    };
    for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
        _cleanup_cni_ struct cni *c = fake_cni(f, 1);
        _cleanup_arena_ struct arena a = ARENA_INIT(1 << 20);
        struct ctx ctx = CTX_BACKGROUND;
        struct cni_pod pod = test_pod();
        struct cni_pod_result r;
        struct err e = ERR_INIT;

        fake_forget(f);
        f->n_script = 1;
        f->script[0] = table[i].answer;
        f->script[0].type = "portmap";
        f->script[0].command = "ADD";
        assert_fails(cni_setup(c, &ctx, &pod, &a, &r, &e), &e, table[i].code, table[i].text);
        assert_string_equal(fake_calls(f), "bridge ADD,portmap ADD,portmap DEL,bridge DEL");
        assert_int_equal(fake_records(f), 0);
    }
}

/* A rollback that fails is told, and its record stays until a teardown succeeds. */
static void test_rollback_fails(void **state)
{
    struct fake *f = *state;
    _cleanup_cni_ struct cni *c = fake_cni(f, 1);
    _cleanup_arena_ struct arena a = ARENA_INIT(1 << 20);
    struct ctx ctx = CTX_BACKGROUND;
    struct cni_pod pod = test_pod();
    struct cni_pod_result r;
    struct err e = ERR_INIT;

    fake_say(f, "portmap", "ADD", 1, "{\"code\":100,\"msg\":\"first\"}");
    fake_say(f, "portmap", "DEL", 1, "{\"code\":100,\"msg\":\"second\"}");
    assert_fails(cni_setup(c, &ctx, &pod, &a, &r, &e), &e, ERR_UNKNOWN,
                 "first (CNI error 100); undoing it failed, too: network \"podnet\"");
    assert_non_null(strstr(e.message, "second"));
    assert_string_equal(fake_calls(f), "bridge ADD,portmap ADD,portmap DEL,bridge DEL");
    assert_int_equal(fake_records(f), 1);
    fake_forget(f);
    assert_ok(cni_teardown(c, &ctx, &pod, false, &e), &e); /* never completed: no noise */
    assert_string_equal(fake_calls(f), "portmap DEL,bridge DEL");
    assert_int_equal(fake_records(f), 1);
    f->n_script = 0;
    assert_ok(cni_teardown(c, &ctx, &pod, false, &e), &e);
    assert_int_equal(fake_records(f), 0);
}

static void test_teardown_from_record(void **state)
{
    struct fake *f = *state;
    _cleanup_cni_ struct cni *c = fake_cni(f, 1), *later = NULL;
    _cleanup_arena_ struct arena a = ARENA_INIT(1 << 20);
    struct ctx ctx = CTX_BACKGROUND;
    struct cni_pod pod = test_pod();
    struct cni_pod_result r;
    struct err e = ERR_INIT;

    assert_ok(cni_setup(c, &ctx, &pod, &a, &r, &e), &e);
    fake_forget(f);
    /* The configuration and its directory are gone, the daemon is a new one, and it knows little of the pod. */
    assert_ok(fs_remove_all(f->conf, &e), &e);
    later = fake_cni(f, 1);
    pod = (struct cni_pod){.id = FAKE_ID, .netns = "/run/netns/cni-x"};
    assert_fails(cni_ready(later, &e), &e, ERR_FAILED_PRECONDITION, "does not exist");
    assert_ok(cni_teardown(later, &ctx, &pod, true, &e), &e);
    assert_string_equal(fake_calls(f), "portmap DEL,bridge DEL");
    assert_line(f->calls[0].env,
                "CNI_ARGS=IgnoreUnknown=1;K8S_POD_NAMESPACE=prod;K8S_POD_NAME=web;K8S_POD_INFRA_CONTAINER_ID=" FAKE_ID
                ";K8S_POD_UID=u-1");
    assert_line(f->calls[0].env, "CNI_NETNS=/run/netns/cni-x");
    assert_non_null(strstr(f->calls[0].input, "\"prevResult\":" FAKE_RESULT));
    assert_non_null(strstr(f->calls[0].input, "\"hostPort\":8080"));
    assert_int_equal(fake_records(f), 0);
    /* Again: nothing is known any more. For a pod that had a network this cannot be called done. */
    fake_forget(f);
    assert_fails(cni_teardown(later, &ctx, &pod, true, &e), &e, ERR_FAILED_PRECONDITION, "no record of how pod");
    assert_ok(cni_teardown(later, &ctx, &pod, false, &e), &e);
    assert_int_equal(f->n_calls, 0);
}

static void test_teardown_tolerance(void **state)
{
    struct fake *f = *state;
    _cleanup_cni_ struct cni *c = fake_cni(f, 1);
    _cleanup_arena_ struct arena a = ARENA_INIT(1 << 20);
    struct ctx ctx = CTX_BACKGROUND;
    struct cni_pod pod = test_pod();
    struct cni_pod_result r;
    struct err e = ERR_INIT;

    assert_ok(cni_setup(c, &ctx, &pod, &a, &r, &e), &e);
    fake_say(f, "bridge", "DEL", 1, "{\"code\":100,\"msg\":\"open /run/netns/x: no such file or directory\"}");
    assert_fails(cni_teardown(c, &ctx, &pod, true, &e), &e, ERR_UNKNOWN, "plugin \"bridge\" (DEL) failed: open /run/netns/x");
    assert_int_equal(fake_records(f), 1);
    /* The same words, but the namespace is gone: that is what they mean. */
    f->netns_gone = true;
    fake_forget(f);
    assert_ok(cni_teardown(c, &ctx, &pod, true, &e), &e);
    assert_string_equal(fake_calls(f), "portmap DEL,bridge DEL");
    assert_line(f->calls[0].env, "CNI_NETNS=");
    assert_int_equal(fake_records(f), 0);

    f->n_script = 0;
    fake_say(f, "portmap", "DEL", 1, "{\"code\":100,\"msg\":\"Chain 'CNI-DN-x' does not exist\"}");
    assert_ok(cni_setup(c, &ctx, &pod, &a, &r, &e), &e);
    assert_ok(cni_teardown(c, &ctx, &pod, true, &e), &e);
    assert_int_equal(fake_records(f), 0);

    f->netns_gone = false;
    static const char *const fine[] = {"{\"code\":3,\"msg\":\"who?\"}", "{\"code\":100,\"msg\":\"Link not found\"}"};
    for (size_t i = 0; i < ARRAY_SIZE(fine); i++) {
        f->n_script = 0;
        assert_ok(cni_setup(c, &ctx, &pod, &a, &r, &e), &e);
        fake_say(f, NULL, "DEL", 1, fine[i]);
        assert_ok(cni_teardown(c, &ctx, &pod, true, &e), &e);
        assert_int_equal(fake_records(f), 0);
    }
    /* What the ADD did not come to make "does not exist"; after an ADD that was completed that is a failure. */
    for (int completed = 0; completed < 2; completed++) {
        f->n_script = 0;
        fake_say(f, "portmap", "ADD", 1, "{\"code\":100,\"msg\":\"x\"}")->times = completed ? -1 : 0;
        fake_say(f, "bridge", "DEL", 1, "{\"code\":999,\"msg\":\"Chain 'CNI-x' does not exist\"}");
        assert_int_equal(cni_setup(c, &ctx, &pod, &a, &r, &e), completed ? 0 : -ERR_UNKNOWN);
        assert_int_equal(fake_records(f), completed);
        if (completed)
            assert_fails(cni_teardown(c, &ctx, &pod, true, &e), &e, ERR_UNKNOWN, "does not exist");
    }
    f->n_script = 0;
    assert_ok(cni_teardown(c, &ctx, &pod, true, &e), &e);
    /* A plugin that is not installed any more is no "not found" of its own. */
    f->n_script = 0;
    assert_ok(cni_setup(c, &ctx, &pod, &a, &r, &e), &e);
    char path[256];
    snprintf(path, sizeof(path), "%s/portmap", f->bin);
    assert_int_equal(unlink(path), 0);
    fake_forget(f);
    assert_fails(cni_teardown(c, &ctx, &pod, true, &e), &e, ERR_FAILED_PRECONDITION,
                 "plugin \"portmap\" is in none of the plugin directories");
    assert_string_equal(fake_calls(f), "bridge DEL"); /* the others are called all the same */
}

/* No record (lost, or another daemon's): the configuration of now is used. */
static void test_teardown_unrecorded(void **state)
{
    struct fake *f = *state;
    _cleanup_cni_ struct cni *c = fake_cni(f, 1);
    struct ctx ctx = CTX_BACKGROUND;
    struct cni_pod pod = test_pod();
    struct err e = ERR_INIT;

    assert_ok(cni_teardown(c, &ctx, &pod, true, &e), &e);
    assert_string_equal(fake_calls(f), "portmap DEL,bridge DEL");
    fake_say(f, "bridge", "DEL", 1, "{\"code\":7,\"msg\":\"bad\"}");
    assert_fails(cni_teardown(c, &ctx, &pod, true, &e), &e, ERR_UNKNOWN, "bad");
    assert_ok(cni_teardown(c, &ctx, &pod, false, &e), &e);
}

/* Records that another implementation wrote, and files that are none. */
static void test_foreign_records(void **state)
{
    struct fake *f = *state;
    _cleanup_cni_ struct cni *c = fake_cni(f, 1);
    struct ctx ctx = CTX_BACKGROUND;
    struct cni_pod pod = test_pod();
    struct err e = ERR_INIT;
    char results[128];

    assert_int_equal(mkdir(f->cache, 0700), 0);
    snprintf(results, sizeof(results), "%s/results", f->cache);
    assert_int_equal(mkdir(results, 0700), 0);
    /* {"cniVersion":"0.3.1","name":"cni-loopback","plugins":[{"type":"loopback"}]}: no such plugin is installed here, nor needed.
     */
    fake_file(results, "cni-loopback-" FAKE_ID "-lo",
              "{\"kind\":\"cniCacheV1\",\"containerId\":\"" FAKE_ID
              "\",\"config\":\"eyJjbmlWZXJzaW9uIjoiMC4zLjEiLCJuYW1lIjoiY25pLWxvb3BiYWNrIi"
              "wicGx1Z2lucyI6W3sidHlwZSI6Imxvb3BiYWNrIn1dfQ==\",\"ifName\":\"lo\",\"networkName\":\"cni-loopback\"}");
    /* {"cniVersion":"0.4.0","name":"other","plugins":[{"type":"flannel"}]} */
    fake_file(results, "other-" FAKE_ID "-eth0",
              "{\"kind\":\"cniCacheV1\",\"containerId\":\"" FAKE_ID
              "\",\"config\":\"eyJjbmlWZXJzaW9uIjoiMC40LjAiLCJuYW1lIjoib3RoZXIiLCJwbHVna"
              "W5zIjpbeyJ0eXBlIjoiZmxhbm5lbCJ9XX0=\",\"ifName\":\"eth0\",\"networkName\":\"other\",\"cniArgs\":[[\"A\",\"b\"]],"
              "\"result\":{\"cniVersion\":\"0.4.0\"}}");
    fake_file(results, "junk-" FAKE_ID "-eth0", "{\"kind\":");
    fake_file(results, "kind-" FAKE_ID "-eth0", "{\"kind\":\"x\"}");
    fake_file(results, "evil-" FAKE_ID "-eth0",
              "{\"kind\":\"cniCacheV1\",\"containerId\":\"" FAKE_ID
              "\",\"config\":\"\",\"ifName\":\"eth0\",\"networkName\":\"../../x\"}");
    assert_ok(cni_teardown(c, &ctx, &pod, true, &e), &e);
    assert_string_equal(fake_calls(f), "flannel DEL");
    assert_line(f->calls[0].env, "CNI_ARGS=A=b");
    assert_string_equal(
        f->calls[0].input,
        "{\"cniVersion\":\"0.4.0\",\"name\":\"other\",\"type\":\"flannel\",\"prevResult\":{\"cniVersion\":\"0.4.0\"}}");
    assert_int_equal(fake_records(f), 3);
}

static void test_check(void **state)
{
    struct fake *f = *state;
    _cleanup_cni_ struct cni *c = fake_cni(f, 1);
    _cleanup_arena_ struct arena a = ARENA_INIT(1 << 20);
    struct ctx ctx = CTX_BACKGROUND;
    struct cni_pod pod = test_pod();
    struct cni_pod_result r;
    struct err e = ERR_INIT;

    assert_ok(cni_check(c, &ctx, &pod, &e), &e); /* nothing attached, nothing to ask */
    assert_ok(cni_setup(c, &ctx, &pod, &a, &r, &e), &e);
    fake_forget(f);
    assert_ok(cni_check(c, &ctx, &pod, &e), &e);
    assert_string_equal(fake_calls(f), "bridge CHECK,portmap CHECK");
    assert_non_null(strstr(f->calls[0].input, "\"prevResult\":" FAKE_RESULT));
    fake_say(f, "bridge", "CHECK", 1, "{\"code\":100,\"msg\":\"address is missing\"}");
    assert_fails(cni_check(c, &ctx, &pod, &e), &e, ERR_UNKNOWN, "plugin \"bridge\" (CHECK) failed: address is missing");
    assert_ok(cni_teardown(c, &ctx, &pod, true, &e), &e);
    fake_file(f->conf, "10-pod.conflist",
              "{\"cniVersion\":\"1.0.0\",\"name\":\"n\",\"disableCheck\":true,\"plugins\":[{\"type\":\"bridge\"}]}");
    assert_ok(cni_setup(c, &ctx, &pod, &a, &r, &e), &e);
    fake_forget(f);
    assert_ok(cni_check(c, &ctx, &pod, &e), &e);
    assert_int_equal(f->n_calls, 0);
}

static int sweep_setup(void *arg, struct err *e)
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
    _cleanup_arena_ struct arena a = ARENA_INIT(1 << 20);
    struct ctx ctx = CTX_BACKGROUND;
    struct cni_pod pod = test_pod();
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
    assert_true(sweep("setup and teardown", sweep_setup, f) > 100);
    assert_int_equal(fake_records(f), 0);
}

int main(void)
{
    mem_install_hooks();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_add_chain, start, stop),
        cmocka_unit_test_setup_teardown(test_result_json, start, stop),
        cmocka_unit_test_setup_teardown(test_ip_pref, start, stop),
        cmocka_unit_test_setup_teardown(test_old_results, start, stop),
        cmocka_unit_test_setup_teardown(test_capabilities, start, stop),
        cmocka_unit_test_setup_teardown(test_add_failures, start, stop),
        cmocka_unit_test_setup_teardown(test_rollback_fails, start, stop),
        cmocka_unit_test_setup_teardown(test_teardown_from_record, start, stop),
        cmocka_unit_test_setup_teardown(test_teardown_tolerance, start, stop),
        cmocka_unit_test_setup_teardown(test_teardown_unrecorded, start, stop),
        cmocka_unit_test_setup_teardown(test_foreign_records, start, stop),
        cmocka_unit_test_setup_teardown(test_check, start, stop),
        cmocka_unit_test_setup_teardown(test_sweep, start, stop),
    };
    return cmocka_run_group_tests_name("cni/setup", tests, NULL, NULL);
}
