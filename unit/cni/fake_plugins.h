/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Scripted CNI plugins behind struct proc_ops: a table says what each plugin answers to each command, and every call is kept with
 * its environment and standard input. Plugin files that only have to exist, configuration and cache live in a temporary
 * directory.
 */
#ifndef CRI_UNIT_CNI_FAKE_PLUGINS_H
#define CRI_UNIT_CNI_FAKE_PLUGINS_H

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fs.h"
#include "cni/cni.h"
#include "support.h"

enum { FAKE_CALLS_MAX = 256, FAKE_SCRIPT_MAX = 32 };

struct fake_answer {
    const char *type, *command; /* NULL: any */
    int status;
    bool signaled;
    const char *out, *err;
    enum err_code fail; /* the run itself fails (ERR_DEADLINE_EXCEEDED: it hung) */
    size_t flood;       /* so many bytes of output instead of out */
    int times;          /* answer only so often, then fall to the next; 0: always */
};

struct fake_call {
    char type[64], command[16];
    char *env, *input; /* env: lines */
};

struct fake {
    char dir[64], conf[96], bin[96], cache[96];
    struct fake_answer script[FAKE_SCRIPT_MAX];
    size_t n_script;
    struct fake_call calls[FAKE_CALLS_MAX];
    size_t n_calls;
    uint64_t last_timeout; /* ns that the last call was given */
    struct proc_ops ops;
    bool netns_gone;
};

static struct fake *fake_current; /* for the seams that have no user pointer */

#define FAKE_RESULT                                                                                                              \
    "{\"cniVersion\":\"1.0.0\",\"interfaces\":[{\"name\":\"cni0\",\"mac\":\"aa:bb:cc:00:00:01\"},"                               \
    "{\"name\":\"eth0\",\"mac\":\"aa:bb:cc:00:00:02\",\"sandbox\":\"/run/netns/cni-x\"}],"                                       \
    "\"ips\":[{\"interface\":1,\"address\":\"10.88.0.5/16\",\"gateway\":\"10.88.0.1\"}],"                                        \
    "\"routes\":[{\"dst\":\"0.0.0.0/0\",\"gw\":\"10.88.0.1\"}],\"dns\":{}}"
#define FAKE_ID "4f53cda18c2baa0c0354bb5f9a3ecbe5ed12ab4d8e11ba873c2f11161202b945"

static inline _unused_ const struct fake_answer *fake_find(struct fake *f, const char *type, const char *command)
{
    for (size_t i = 0; i < f->n_script; i++) {
        struct fake_answer *s = &f->script[i];
        if ((s->type && strcmp(s->type, type) != 0) || (s->command && strcmp(s->command, command) != 0) || s->times < 0)
            continue;
        if (s->times > 0 && --s->times == 0)
            s->times = -1;
        return s;
    }
    return NULL;
}

static inline _unused_ void fake_record(struct fake *f, const char *path, const char *const envp[], struct view input)
{
    struct fake_call *c = &f->calls[f->n_calls];
    size_t n = 1;
    for (size_t i = 0; envp[i]; i++)
        n += strlen(envp[i]) + 1;
    snprintf(c->type, sizeof(c->type), "%s", strrchr(path, '/') + 1);
    c->env = calloc(1, n);
    for (size_t i = 0; envp[i]; i++) {
        strcat(c->env, envp[i]);
        strcat(c->env, "\n");
        if (strncmp(envp[i], "CNI_COMMAND=", 12) == 0)
            snprintf(c->command, sizeof(c->command), "%s", envp[i] + 12);
    }
    c->input = strndup(input.p ? input.p : "", input.n);
    f->n_calls++;
}

static inline _unused_ int fake_run(void *user, const struct ctx *ctx, const char *const argv[], const char *const envp[],
                                    struct view input, struct buf *out, struct buf *err_out, struct proc_result *ret,
                                    struct err *e)
{
    struct fake *f = user;
    assert_true(f->n_calls < FAKE_CALLS_MAX);
    fake_record(f, argv[0], envp, input);
    uint64_t now = clock_mono();
    f->last_timeout = ctx->deadline > now ? ctx->deadline - now : 0;
    const struct fake_answer *a = fake_find(f, f->calls[f->n_calls - 1].type, f->calls[f->n_calls - 1].command);
    *ret = (struct proc_result){0};
    if (!a)
        return strcmp(f->calls[f->n_calls - 1].command, "ADD") == 0 && buf_add_str(out, FAKE_RESULT) < 0 ? err_oom(e) : 0;
    if (a->fail != ERR_OK)
        return err_raise(e, a->fail, "%s: %s", argv[0], a->err ? a->err : "the deadline has passed");
    ret->status = a->status;
    ret->signaled = a->signaled;
    if (a->flood > out->max - out->n) /* as proc_run: the plugin is killed */
        return err_raise(e, ERR_OUT_OF_RANGE, "%s wrote more than %zu bytes", argv[0], out->max);
    for (size_t i = 0; i < a->flood; i += 1024) {
        char block[1024];
        memset(block, 'x', sizeof(block));
        if (buf_add(out, block, sizeof(block)) < 0)
            return err_oom(e);
    }
    if (a->out && buf_add_str(out, a->out) < 0)
        return err_oom(e);
    if (a->err && err_out && buf_add_str(err_out, a->err) < 0)
        return err_oom(e);
    return 0;
}

static inline _unused_ int fake_loopback(const char *netns, bool *ret_ipv6, struct err *e)
{
    *ret_ipv6 = true;
    return 0;
}

static inline _unused_ bool fake_netns_exists(const char *netns)
{
    return !fake_current->netns_gone;
}

static inline _unused_ void fake_file(const char *dir, const char *name, const char *text)
{
    char path[512];
    struct err e = ERR_INIT;
    snprintf(path, sizeof(path), "%s/%s", dir, name);
    assert_ok(fs_write_file(path, view_of(text), 0755, &e), &e);
}

static inline _unused_ void fake_forget(struct fake *f)
{
    for (size_t i = 0; i < f->n_calls; i++) {
        free(f->calls[i].env);
        free(f->calls[i].input);
    }
    f->n_calls = 0;
}

static inline _unused_ void fake_start(struct fake *f)
{
    static const char *const plugins[] = {"bridge", "portmap", "bandwidth", "ptp", "flannel"};
    memset(f, 0, sizeof(*f));
    snprintf(f->dir, sizeof(f->dir), "/tmp/cni-unit-XXXXXX");
    assert_non_null(mkdtemp(f->dir));
    snprintf(f->conf, sizeof(f->conf), "%s/net.d", f->dir);
    snprintf(f->bin, sizeof(f->bin), "%s/bin", f->dir);
    snprintf(f->cache, sizeof(f->cache), "%s/cache", f->dir);
    assert_int_equal(mkdir(f->conf, 0755), 0);
    assert_int_equal(mkdir(f->bin, 0755), 0);
    for (size_t i = 0; i < sizeof(plugins) / sizeof(plugins[0]); i++)
        fake_file(f->bin, plugins[i], "");
    f->ops = (struct proc_ops){.run = fake_run, .user = f};
    fake_current = f;
}

static inline _unused_ void fake_stop(struct fake *f)
{
    struct err e = ERR_INIT;
    fake_forget(f);
    assert_ok(fs_remove_all(f->dir, &e), &e);
}

static inline _unused_ struct fake_answer *fake_say(struct fake *f, const char *type, const char *command, int status,
                                                    const char *out)
{
    assert_true(f->n_script < FAKE_SCRIPT_MAX);
    f->script[f->n_script] = (struct fake_answer){.type = type, .command = command, .status = status, .out = out};
    return &f->script[f->n_script++];
}

static const char *const fake_environment[] = {"PATH=/fake/bin", "HTTP_PROXY=http://p", "NOTIFY_SOCKET=/run/n", "CNI_ARGS=evil=1",
                                               NULL};

static inline _unused_ struct cni *fake_cni(struct fake *f, size_t max_conf_num)
{
    const char *const bins[] = {"/nowhere/bin", f->bin};
    struct cni_options o = {.conf_dir = f->conf,
                            .bin_dirs = bins,
                            .n_bin_dirs = 2,
                            .cache_dir = f->cache,
                            .max_conf_num = max_conf_num,
                            .setup_serially = true, /* the script knows no threads */
                            .proc = &f->ops,
                            .environment = fake_environment,
                            .loopback_up = fake_loopback,
                            .netns_exists = fake_netns_exists};
    struct cni *c = NULL;
    struct err e = ERR_INIT;
    assert_ok(cni_new(&o, &c, &e), &e);
    return c;
}

/* "bridge ADD,portmap ADD": what was called, in order. */
static inline _unused_ const char *fake_calls(const struct fake *f)
{
    static char text[FAKE_CALLS_MAX * 84];
    text[0] = '\0';
    for (size_t i = 0; i < f->n_calls; i++) {
        strcat(text, i ? "," : "");
        strcat(text, f->calls[i].type);
        strcat(text, " ");
        strcat(text, f->calls[i].command);
    }
    return text;
}

/* The environment of a call (fake_call.env) has this line. */
static inline _unused_ void assert_line(const char *lines, const char *line)
{
    char want[1024], have[16384];
    snprintf(want, sizeof(want), "\n%s\n", line);
    snprintf(have, sizeof(have), "\n%s", lines);
    if (!strstr(have, want))
        fail_msg("environment lacks \"%s\": %s", line, lines);
}

/* Number of files in <cache>/results, and below <cache> in all other places. */
static inline _unused_ size_t fake_records(const struct fake *f)
{
    char command[256];
    size_t n = 0;
    snprintf(command, sizeof(command), "find %s -type f 2>/dev/null | wc -l", f->cache);
    FILE *p = popen(command, "r");
    assert_non_null(p);
    assert_int_equal(fscanf(p, "%zu", &n), 1);
    pclose(p);
    return n;
}

#endif
