/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A pod is attached to a network and detached while the configuration and everything that the plugins answer come from the input:
 * the parts are the configuration list, then one answer after the other. An answer's first byte says how the plugin ended ('0'
 * well, '1' with status 1, 's' by a signal, 'd' at the deadline, 'f' after more output than is allowed), the rest is what it
 * printed. When the answers run out, plugins succeed. Controlled by: whoever writes the configuration, and plugins gone wrong.
 * Reached: all of cni/ but netns, and parse/cniconf, cniresult, jsonscan.
 *
 * Oracle: every plugin reads a JSON object with the network's name and version, and exactly one CNI_COMMAND; a setup that
 * succeeds gives an address that is one, and a result whose JSON is valid, after exactly one ADD of each plugin in order; a setup
 * that fails has called each plugin with DEL, in reverse, and leaves no record unless a DEL failed; a teardown that succeeds
 * leaves no record; the last teardown, in which every plugin succeeds, succeeds. Failing allocations change nothing but the
 * outcome.
 */
#include "fuzz.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <unistd.h>

#include "base/fs.h"
#include "cni/cni.h"
#include "parse/cniconf.h"
#include "parse/jsonscan.h"

enum { CALLS_MAX = 1024 };

static char dir[64], conf_dir[80], bin_dir[80], cache_dir[80];

static struct {
    struct view answers;
    bool out_of_answers;
    bool del_failed;
    char command[CALLS_MAX][8];
    char type[CALLS_MAX][16];
    size_t n;
} script;

static const char result[] = "{\"cniVersion\":\"0.4.0\",\"interfaces\":[{\"name\":\"eth0\",\"sandbox\":\"/n\"}],"
                             "\"ips\":[{\"version\":\"4\",\"interface\":0,\"address\":\"10.0.0.2/24\"}]}";

static void check_input(struct view input)
{
    struct jsonscan_value v, name, version;
    FUZZ_CHECK(jsonscan_check(input, &v, NULL) == JSONSCAN_OK);
    FUZZ_CHECK(v.kind == JSONSCAN_OBJECT);
    name = jsonscan_get(v, "name");
    version = jsonscan_get(v, "cniVersion");
    FUZZ_CHECK(name.kind == JSONSCAN_STRING && cni_name_valid(view_slice(name.raw, 1, name.raw.n - 1)));
    FUZZ_CHECK(version.kind == JSONSCAN_STRING && cni_version_valid(view_slice(version.raw, 1, version.raw.n - 1)));
}

static void record_call(const char *path, const char *const envp[])
{
    size_t commands = 0;
    FUZZ_CHECK(script.n < CALLS_MAX);
    snprintf(script.type[script.n], sizeof(script.type[0]), "%s", strrchr(path, '/') + 1);
    for (size_t i = 0; envp[i]; i++)
        if (strncmp(envp[i], "CNI_COMMAND=", 12) == 0) {
            snprintf(script.command[script.n], sizeof(script.command[0]), "%s", envp[i] + 12);
            commands++;
        }
    FUZZ_CHECK(commands == 1);
    script.n++;
}

static int run(void *user, const struct ctx *ctx, const char *const argv[], const char *const envp[], struct view input,
               struct buf *out, struct buf *err_out, struct proc_result *ret, struct err *e)
{
    record_call(argv[0], envp);
    check_input(input);
    bool add = strcmp(script.command[script.n - 1], "ADD") == 0;
    struct view answer = fuzz_part(&script.answers);
    char how = answer.n ? answer.p[0] : '0';
    script.out_of_answers = script.out_of_answers || answer.n == 0;
    *ret = (struct proc_result){0};
    if (script.out_of_answers)
        return add && buf_add_str(out, result) < 0 ? err_oom(e) : 0;
    if (!add && how != '0')
        script.del_failed = true;
    if (how == 'd')
        return err_raise(e, ERR_DEADLINE_EXCEEDED, "the deadline has passed");
    struct view text = view_slice(answer, 1, answer.n);
    if (how == 'f' || text.n > out->max - out->n) {
        script.del_failed = script.del_failed || !add;
        return err_raise(e, ERR_OUT_OF_RANGE, "%s wrote more than %zu bytes", argv[0], out->max);
    }
    ret->signaled = how == 's';
    ret->status = how == 's' ? 9 : how == '1';
    return buf_add_view(out, text) < 0 ? err_oom(e) : 0;
}

static int loopback_up(const char *netns, bool *ret_ipv6, struct err *e)
{
    *ret_ipv6 = true;
    return 0;
}

static bool netns_exists(const char *netns)
{
    return true;
}

static size_t records(void)
{
    char path[128];
    size_t n = 0;
    snprintf(path, sizeof(path), "%s/results", cache_dir);
    DIR *d = opendir(path);
    for (struct dirent *entry; d && (entry = readdir(d)) != NULL;)
        n += entry->d_name[0] != '.';
    if (d)
        closedir(d);
    return n;
}

static void check_result(const struct cni_pod_result *r)
{
    _cleanup_buf_ struct buf text = BUF_INIT(8 << 20);
    struct jsonscan_value v;
    struct err e = ERR_INIT;
    struct jsonw w;
    unsigned char address[16];

    FUZZ_CHECK(inet_pton(AF_INET, r->ip, address) == 1 || inet_pton(AF_INET6, r->ip, address) == 1);
    for (size_t i = 0; i < r->additional_ips.n; i++)
        FUZZ_CHECK(inet_pton(AF_INET, r->additional_ips.v[i], address) == 1 ||
                   inet_pton(AF_INET6, r->additional_ips.v[i], address) == 1);
    for (size_t i = 1; i < r->n_interfaces; i++)
        FUZZ_CHECK(strcmp(r->interfaces[i - 1].name, r->interfaces[i].name) < 0);
    jsonw_init(&w, &text);
    cni_result_write_json(&w, r);
    if (jsonw_finish(&w, &e) == 0)
        FUZZ_CHECK(jsonscan_check(buf_view(&text), &v, NULL) == JSONSCAN_OK && v.kind == JSONSCAN_OBJECT);
}

/* ADDs come in order, then DELs for all plugins of the list, in reverse. */
static void check_rollback(void)
{
    size_t adds = 0;
    while (adds < script.n && strcmp(script.command[adds], "ADD") == 0)
        adds++;
    for (size_t i = adds; i < script.n; i++)
        FUZZ_CHECK(strcmp(script.command[i], "DEL") == 0);
    FUZZ_CHECK(script.n - adds >= adds);
    for (size_t i = 0; i < adds; i++)
        FUZZ_CHECK(strcmp(script.type[i], script.type[script.n - 1 - i]) == 0);
}

struct operation {
    const uint8_t *data;
    size_t size;
    bool injected;
};

static int attach_and_detach(struct cni *c, const struct cni_pod *pod, bool strict, struct err *e)
{
    _cleanup_arena_ struct arena a = ARENA_INIT(ARENA_BUDGET_DEFAULT);
    struct cni_pod_result r;
    struct ctx ctx = CTX_BACKGROUND;
    struct err later = ERR_INIT;

    int made = cni_setup(c, &ctx, pod, &a, &r, e);
    if (made == 0 && strict) {
        check_result(&r);
        for (size_t i = 0; i < script.n; i++)
            FUZZ_CHECK(strcmp(script.command[i], "ADD") == 0);
        FUZZ_CHECK(script.n > 0 && records() == 1);
    } else if (strict) {
        check_rollback();
        FUZZ_CHECK(records() == 0 || script.del_failed);
    }
    int gone = cni_teardown(c, &ctx, pod, made == 0, &later);
    if (strict)
        fuzz_check_result(gone, &later);
    if (gone == 0 && made == 0 && strict)
        FUZZ_CHECK(records() == 0);
    return made;
}

static int op(void *arg, struct err *e)
{
    static const char *const environment[] = {"PATH=/bin", NULL};
    const struct operation *o = arg;
    const char *const bins[] = {bin_dir};
    const struct cni_port_mapping port = {.host_port = 80, .container_port = 80, .protocol = "TCP"};
    const struct cni_pod pod = {
        .id = "pod", .netns = "/n", .name = "p", .namespace_ = "n", .uid = "u", .ports = &port, .n_ports = 1};
    const struct proc_ops ops = {.run = run};
    const struct cni_options options = {.conf_dir = conf_dir,
                                        .bin_dirs = bins,
                                        .n_bin_dirs = 1,
                                        .cache_dir = cache_dir,
                                        .proc = &ops,
                                        .environment = environment,
                                        .loopback_up = loopback_up,
                                        .netns_exists = netns_exists};
    _cleanup_cni_ struct cni *c = NULL;
    struct ctx ctx = CTX_BACKGROUND;
    struct err last = ERR_INIT;

    memset(&script, 0, sizeof(script));
    script.answers = view_make((const char *)o->data, o->size);
    (void)fuzz_part(&script.answers); /* the configuration */
    TRY(cni_new(&options, &c, e));
    int r = attach_and_detach(c, &pod, !o->injected, e);
    script.answers = VIEW_EMPTY;
    int gone = cni_teardown(c, &ctx, &pod, false, &last);
    if (!o->injected) {
        FUZZ_CHECK_MSG(gone == 0, "%s", last.message);
        FUZZ_CHECK(records() == 0);
    }
    return r;
}

void fuzz_setup(void)
{
    struct err e = ERR_INIT;
    char path[128];
    const char *base = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp";

    snprintf(dir, sizeof(dir), "%s/fuzz-cni-XXXXXX", base);
    FUZZ_CHECK(mkdtemp(dir) != NULL);
    snprintf(conf_dir, sizeof(conf_dir), "%s/net.d", dir);
    snprintf(bin_dir, sizeof(bin_dir), "%s/bin", dir);
    snprintf(cache_dir, sizeof(cache_dir), "%s/cache", dir);
    FUZZ_CHECK(fs_mkdir_all(conf_dir, 0755, &e) == 0 && fs_mkdir_all(bin_dir, 0755, &e) == 0);
    snprintf(path, sizeof(path), "%s/a", bin_dir);
    FUZZ_CHECK(fs_write_file(path, VIEW_EMPTY, 0755, &e) == 0);
    snprintf(path, sizeof(path), "%s/b", bin_dir);
    FUZZ_CHECK(fs_write_file(path, VIEW_EMPTY, 0755, &e) == 0);
}

static void tear_down_files(void)
{
    struct err e = ERR_INIT;
    FUZZ_CHECK(fs_remove_all(dir, &e) == 0);
}

int fuzz_one(const uint8_t *data, size_t size)
{
    static bool registered;
    struct operation o = {.data = data, .size = size};
    struct view rest = view_make((const char *)data, size), conf = fuzz_part(&rest);
    struct err e = ERR_INIT;
    char path[128];

    if (!registered)
        registered = atexit(tear_down_files) == 0;
    snprintf(path, sizeof(path), "%s/10.conflist", conf_dir);
    FUZZ_CHECK(fs_write_file(path, conf, 0644, &e) == 0);
    int first = op(&o, &e);
    fuzz_check_result(first, &e);
    o.injected = true;
    FUZZ_CHECK(fs_remove_all(cache_dir, &e) == 0);
    FUZZ_CHECK(fuzz_sweep(op, &o, 6) == first);
    FUZZ_CHECK(fs_remove_all(cache_dir, &e) == 0);
    return 0;
}
