/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One run of one plugin (CNI specification, section 4 "Execution protocol"): find the program, set the CNI_* variables, hand the
 * configuration to its standard input, and make one sentence of whatever went wrong.
 */
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fs.h"
#include "cni/internal.h"
#include "parse/cniresult.h"

enum {
    ENV_MAX = 4096, /* variables handed on */
    BUSY_TRIES = 6, /* a program that is being replaced right now: waits 0.1 s, doubled each time: 6.3 s in all */
    CODE_UNKNOWN_CONTAINER = 3,
};

/* Variables that are about this daemon and nobody else (sd_notify, socket activation, watchdog). */
static const char *const own_variables[] = {
    "NOTIFY_SOCKET=", "LISTEN_PID=", "LISTEN_FDS=", "LISTEN_FDNAMES=", "WATCHDOG_PID=", "WATCHDOG_USEC=", "CNI_"};

static bool handed_on(const char *variable)
{
    for (size_t i = 0; i < ARRAY_SIZE(own_variables); i++)
        if (strncmp(variable, own_variables[i], strlen(own_variables[i])) == 0)
            return false;
    return true;
}

/* The environment of a plugin: the daemon's own, as plugins need PATH and may need proxies, and the CNI_* variables. */
static int make_environment(const struct cni *c, const char *command, const struct cni_attachment *at, struct arena *a,
                            struct strlist *ret, struct err *e)
{
    const char *const *env = c->environment ? c->environment : (const char *const *)environ;
    struct strlist l = {0};
    bool path = false;
    int r = 0;

    for (size_t i = 0; env && env[i] && i < ENV_MAX && r == 0; i++) {
        if (!handed_on(env[i]))
            continue;
        path = path || strncmp(env[i], "PATH=", 5) == 0;
        r = strlist_add(&l, a, env[i]);
    }
    if (r == 0 && !path)
        r = strlist_add(&l, a, "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin");
    const char *args = at ? cni_args_text(a, &at->args) : "";
    if (r < 0 || !args || strlist_addf(&l, a, "CNI_COMMAND=%s", command) < 0 ||
        strlist_addf(&l, a, "CNI_CONTAINERID=%s", at ? at->id : "") < 0 ||
        strlist_addf(&l, a, "CNI_NETNS=%s", at ? at->netns : "") < 0 ||
        strlist_addf(&l, a, "CNI_IFNAME=%s", at ? at->ifname : "") < 0 || strlist_addf(&l, a, "CNI_ARGS=%s", args) < 0 ||
        strlist_addf(&l, a, "CNI_PATH=%s", c->path) < 0)
        return err_oom(e);
    *ret = l;
    return 0;
}

int cni_find_plugin(const struct cni *c, const char *type, struct arena *a, char **ret, struct err *e)
{
    struct stat st;

    if (!cni_type_valid(view_of(type)))
        return err_raise(e, ERR_INVALID_ARGUMENT, "plugin \"%s\": not the name of a program", type);
    for (size_t i = 0; i < c->n_bin_dirs; i++) {
        char *path = fs_join(a, c->bin_dirs[i], type);
        if (!path)
            return err_oom(e);
        if (stat(path, &st) == 0 && S_ISREG(st.st_mode)) {
            *ret = path;
            return 0;
        }
    }
    return err_raise(e, ERR_FAILED_PRECONDITION, "plugin \"%s\" is in none of the plugin directories (%s)", type, c->path);
}

/* The code for a failure that the plugin itself reported. */
static enum err_code code_of(unsigned plugin_code)
{
    switch (plugin_code) {
    case CNI_ERROR_TRY_AGAIN:
    case CNI_ERROR_NOT_AVAILABLE:
    case CNI_ERROR_LIMITED:
        return ERR_UNAVAILABLE;
    default:
        return ERR_UNKNOWN;
    }
}

static bool contains(const char *text, const char *words)
{
    return text && strcasestr(text, words);
}

/* Raises what the plugin said on its way out: its error object, else what it wrote to standard error, else its status. */
static int raise_failure(const char *type, const char *command, const struct proc_result *result, const struct buf *out,
                         const struct buf *err_out, struct arena *a, struct cni_failure *f, struct err *e)
{
    struct cni_error said = {0};
    struct err ignored = ERR_INIT;
    struct view text = view_trim(buf_view(out)), complaint = view_trim(buf_view(err_out));

    f->reported = true;
    if (result->signaled)
        return err_raise(e, ERR_UNKNOWN, "plugin \"%s\" (%s) was killed by signal %d%s%.*s", type, command, result->status,
                         complaint.n ? ": " : "", VIEW_ARG(complaint));
    if (text.n == 0) {
        char *copy = arena_view(a, complaint);
        f->not_found = contains(copy, "not found");
        f->no_such_file = contains(copy, "no such file or directory");
        f->not_there = contains(copy, "does not exist");
        if (complaint.n == 0)
            complaint = VIEW_LIT("it gave no cause");
        return err_raise(e, ERR_UNKNOWN, "plugin \"%s\" (%s) failed with status %d: %.*s", type, command, result->status,
                         VIEW_ARG(complaint));
    }
    int r = cni_error_parse(text, a, &said, &ignored);
    if (r < 0 && err_is_oom(&ignored))
        return err_oom(e);
    if (r < 0)
        return err_raise(e, ERR_UNKNOWN, "plugin \"%s\" (%s) failed with status %d and printed what is no CNI error (%s): %.*s",
                         type, command, result->status, ignored.message, VIEW_ARG(text));
    f->code = said.code;
    f->not_found = said.code == CODE_UNKNOWN_CONTAINER || contains(said.msg, "not found") || contains(said.details, "not found");
    f->no_such_file = contains(said.msg, "no such file or directory") || contains(said.details, "no such file or directory");
    f->not_there = contains(said.msg, "does not exist") || contains(said.details, "does not exist");
    bool details = said.details && said.details[0];
    return err_raise(e, code_of(said.code), "plugin \"%s\" (%s) failed: %s%s%s (CNI error %u)", type, command,
                     said.msg ? said.msg : "", details ? "; " : "", details ? said.details : "", (unsigned)said.code);
}

/* Waits ms milliseconds or until ctx ends. */
static int pause_ms(const struct ctx *ctx, int ms, struct err *e)
{
    struct pollfd p = {.fd = ctx->cancel ? ctx->cancel->wake_fd : -1, .events = POLLIN};
    int left = clock_poll_ms(ctx->deadline);
    (void)poll(&p, 1, left >= 0 && left < ms ? left : ms);
    return ctx_check(ctx, "a CNI plugin that is being replaced", e);
}

/* Starts the program, again if it is being written at this moment (ETXTBSY). */
static int run_plugin(const struct cni *c, const struct ctx *ctx, const char *path, const char *const *envp, struct view input,
                      struct buf *out, struct buf *err_out, struct proc_result *result, struct err *e)
{
    const char *const argv[] = {path, NULL};
    for (int i = 0;; i++) {
        int r = c->proc->run(c->proc->user, ctx, argv, envp, input, out, err_out, result, e);
        if (r == 0 || i == BUSY_TRIES || !e || !strstr(e->message, strerror(ETXTBSY)))
            return r;
        TRY(pause_ms(ctx, 100 << i, e));
    }
}

int cni_exec(const struct cni *c, const struct ctx *ctx, const char *type, const char *command, const struct cni_attachment *at,
             struct view input, struct buf *out, struct cni_failure *ret_failure, struct err *e)
{
    _cleanup_arena_ struct arena a = ARENA_INIT(ARENA_BUDGET_DEFAULT);
    _cleanup_buf_ struct buf own = BUF_INIT(CNI_OUTPUT_MAX), err_out = BUF_INIT(CNI_STDERR_MAX);
    struct ctx limited = ctx_with_timeout(ctx, c->plugin_timeout_ns);
    struct cni_failure none, *f = ret_failure ? ret_failure : &none;
    struct proc_result result = {0};
    struct strlist env;
    struct err own_err = ERR_INIT;
    char *path;

    *f = (struct cni_failure){0};
    if (!e)
        e = &own_err;
    if (!out)
        out = &own;
    int r = cni_find_plugin(c, type, &a, &path, e);
    f->missing = r == -ERR_FAILED_PRECONDITION;
    TRY(r);
    TRY(make_environment(c, command, at, &a, &env, e));
    const char **envp = ARENA_NEW_N(&a, const char *, env.n + 1);
    if (!envp)
        return err_oom(e);
    memcpy(envp, env.v, env.n * sizeof(*envp));
    r = run_plugin(c, &limited, path, envp, input, out, &err_out, &result, e);
    if (r == -ERR_NOT_FOUND) { /* its interpreter, say. A client of ours would read it as "there is no such pod", and be content */
        e->code = ERR_FAILED_PRECONDITION;
        r = -ERR_FAILED_PRECONDITION;
    }
    if (r < 0)
        return err_is_oom(e) ? r : err_wrap(e, r, "plugin \"%s\" (%s)", type, command);
    if (result.signaled || result.status != 0)
        return raise_failure(type, command, &result, out, &err_out, &a, f, e);
    return 0;
}
