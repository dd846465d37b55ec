/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One attachment of a pod to one network (CNI specification, section 3): which plugins are called, in which order, and what each
 * reads on its standard input: its own configuration object, byte for byte, with name, cniVersion, the previous result and the
 * capability arguments that it declared.
 */
#include <string.h>

#include "base/mem.h"
#include "cni/internal.h"
#include "parse/cniresult.h"
#include "parse/jsonscan.h"

#define KEY_ATTACHMENTS "cni.dev/valid-attachments"
/* Written besides by libcni, as an earlier text of the specification had this name. */
#define KEY_ATTACHMENTS_OLD "cni.dev/attachments"

bool cni_network_version_at_least(const struct cni_network *net, const char *least)
{
    return cni_version_compare(view_of(net->conf.cni_version), view_of(least)) >= 0;
}

int cni_network_parse(struct arena *a, struct view list, const char *ifname, struct cni_network *ret, struct err *e)
{
    struct cni_network n = {0};
    n.ifname = arena_strdup(a, ifname);
    if (!n.ifname)
        return err_oom(e);
    TRY(cni_conf_parse(list, CNI_CONF_LIST, a, &n.conf, e));
    *ret = n;
    return 0;
}

/* {"<capability>":<argument>,...} of what the plugin declared and the pod has; out stays empty when there is nothing. */
static int runtime_config(const struct cni_plugin *p, const struct cni_attachment *at, struct buf *out, struct err *e)
{
    struct jsonw w;
    size_t n = 0;

    jsonw_init(&w, out);
    jsonw_object(&w);
    for (size_t i = 0; i < p->capabilities.n; i++) {
        const char *argument = kvlist_get(&at->capabilities, p->capabilities.v[i]);
        if (!argument)
            continue;
        jsonw_key(&w, p->capabilities.v[i]);
        jsonw_raw(&w, view_of(argument));
        n++;
    }
    jsonw_object_end(&w);
    TRY(jsonw_finish(&w, e));
    if (n == 0)
        buf_clear(out);
    return 0;
}

/* What is added to a plugin's own object, beside name and version. All JSON text; empty: nothing. */
struct additions {
    struct view prev, runtime, attachments;
};

/* True for members that the runtime writes itself. */
static bool replaced(struct view key, const struct additions *add)
{
    return jsonscan_str_eq(key, "name") || jsonscan_str_eq(key, "cniVersion") || jsonscan_str_eq(key, "prevResult") ||
           (add->runtime.n && jsonscan_str_eq(key, "runtimeConfig")) || jsonscan_str_eq(key, KEY_ATTACHMENTS) ||
           jsonscan_str_eq(key, KEY_ATTACHMENTS_OLD);
}

static int add_member(struct buf *out, const char *key, struct view value)
{
    if (value.n == 0)
        return 0;
    int r = buf_printf(out, ",\"%s\":", key);
    return r < 0 ? r : buf_add_view(out, value);
}

/* Name and version are of the characters that need no escape; both were checked when the configuration was read. */
static int compose(const struct cni_network *net, struct jsonscan_value own, const struct additions *add, struct buf *out)
{
    struct jsonscan_iter it = jsonscan_iter(own);
    struct jsonscan_value value;
    struct view key;

    TRY(buf_printf(out, "{\"cniVersion\":\"%s\",\"name\":\"%s\"", net->conf.cni_version, net->conf.name));
    while (jsonscan_next(&it, &key, &value)) {
        if (replaced(key, add))
            continue;
        TRY(buf_add_char(out, ','));
        TRY(buf_add_view(out, key));
        TRY(buf_add_char(out, ':'));
        TRY(buf_add_view(out, value.raw));
    }
    TRY(add_member(out, "prevResult", add->prev));
    TRY(add_member(out, "runtimeConfig", add->runtime));
    TRY(add_member(out, KEY_ATTACHMENTS, add->attachments));
    TRY(add_member(out, KEY_ATTACHMENTS_OLD, add->attachments));
    return buf_add_char(out, '}');
}

static int plugin_input(const struct cni_network *net, const struct cni_plugin *p, const struct additions *add, struct buf *out,
                        struct err *e)
{
    struct jsonscan_value own;
    TRY(jsonscan_parse(view_of(p->raw), &own, e));
    /* Every part has a maximum of its own, and together they fit. */
    return compose(net, own, add, out) < 0 ? err_oom(e) : 0;
}

/* Calls one plugin for an attachment. */
static int call(const struct cni *c, const struct ctx *ctx, const struct cni_network *net, const struct cni_plugin *p,
                const char *command, const struct cni_attachment *at, struct view prev, struct buf *out, struct cni_failure *f,
                struct err *e)
{
    _cleanup_buf_ struct buf input = BUF_INIT(CNI_STDIN_MAX), runtime = BUF_INIT(CNI_STDIN_MAX);
    struct additions add = {.prev = prev};

    *f = (struct cni_failure){0};
    TRY(runtime_config(p, at, &runtime, e));
    add.runtime = buf_view(&runtime);
    TRY(plugin_input(net, p, &add, &input, e));
    return cni_exec(c, ctx, p->type, command, at, buf_view(&input), out, f, e);
}

/* Copies a result to `to`, with the configuration's version put in when it names none, as libcni does. text is an object. */
static int keep_result(struct jsonscan_value result, const char *version, struct buf *to)
{
    struct jsonscan_value named = jsonscan_get(result, "cniVersion");
    struct jsonscan_iter it = jsonscan_iter(result);
    struct jsonscan_value value;
    struct view key;

    buf_clear(to);
    if (named.kind == JSONSCAN_STRING && named.raw.n > 2)
        return buf_add_view(to, result.raw);
    TRY(buf_printf(to, "{\"cniVersion\":\"%s\"", version));
    while (jsonscan_next(&it, &key, &value)) {
        if (jsonscan_str_eq(key, "cniVersion"))
            continue;
        TRY(buf_add_char(to, ','));
        TRY(buf_add_view(to, key));
        TRY(buf_add_char(to, ':'));
        TRY(buf_add_view(to, value.raw));
    }
    return buf_add_char(to, '}');
}

/* Checks what an ADD printed and makes it the result so far. */
static int take_result(const struct cni_network *net, const struct cni_plugin *p, struct view printed, struct buf *result,
                       struct err *e)
{
    _cleanup_arena_ struct arena a = ARENA_INIT(ARENA_BUDGET_DEFAULT);
    struct cni_result parsed;
    struct jsonscan_value root;

    int r = jsonscan_parse(printed, &root, e);
    if (r == 0 && root.kind != JSONSCAN_OBJECT)
        r = err_raise(e, ERR_INVALID_ARGUMENT, "it is %s and not an object", jsonscan_kind_name(root.kind));
    if (r == 0)
        r = cni_result_parse(printed, net->conf.cni_version, &a, &parsed, e);
    if (r < 0 && err_is_oom(e))
        return r;
    if (r < 0) {
        struct err why = *e; /* whatever its class: the fault is the plugin's, not the caller's */
        return err_raise(e, ERR_UNKNOWN, "plugin \"%s\" (ADD) printed what is no CNI result: %s", p->type, why.message);
    }
    return keep_result(root, net->conf.cni_version, result) < 0 ? err_oom(e) : 0;
}

static int wrap(const struct cni_network *net, int r, struct err *e)
{
    return r < 0 && !err_is_oom(e) ? err_wrap(e, r, "network \"%s\"", net->conf.name) : r;
}

int cni_network_add(const struct cni *c, const struct ctx *ctx, const struct cni_network *net, const struct cni_attachment *at,
                    struct buf *result, struct err *e)
{
    struct cni_failure f;
    int r = 0;

    buf_clear(result);
    for (size_t i = 0; i < net->conf.n_plugins && r == 0; i++) {
        const struct cni_plugin *p = &net->conf.plugins[i];
        _cleanup_buf_ struct buf out = BUF_INIT(CNI_OUTPUT_MAX);
        r = call(c, ctx, net, p, "ADD", at, buf_view(result), &out, &f, e);
        if (r == 0)
            r = take_result(net, p, buf_view(&out), result, e);
    }
    if (r < 0)
        buf_clear(result); /* what was reached half-way is nobody's result */
    return wrap(net, r, e);
}

/* What a DEL may say without being a failure: the container or its address is already unknown; the namespace is gone and with it
 * the files the plugin looks for, or after a reboot its firewall rules; the ADD was not completed and did not come to make what
 * is looked for (the bridge plugin's masquerading chain). */
static bool tolerated(const struct cni_failure *f, const struct cni_attachment *at, bool completed)
{
    if (f->missing && !completed)
        return true;
    bool gone = at->netns[0] == '\0';
    return f->reported && (f->not_found || (gone && f->no_such_file) || ((gone || !completed) && f->not_there));
}

int cni_network_del(const struct cni *c, const struct ctx *ctx, const struct cni_network *net, const struct cni_attachment *at,
                    struct view prev, bool completed, struct err *e)
{
    struct err later = ERR_INIT;
    int first = 0;

    if (!cni_network_version_at_least(net, "0.4.0"))
        prev = VIEW_EMPTY; /* DEL knows no previous result before */
    for (size_t i = net->conf.n_plugins; i-- > 0;) {
        struct cni_failure f;
        struct err *where = first == 0 ? e : &later;
        int r = call(c, ctx, net, &net->conf.plugins[i], "DEL", at, prev, NULL, &f, where);
        if (r == 0)
            continue;
        if (tolerated(&f, at, completed))
            err_clear(where);
        else if (first == 0)
            first = wrap(net, r, e);
    }
    return first;
}

int cni_network_check(const struct cni *c, const struct ctx *ctx, const struct cni_network *net, const struct cni_attachment *at,
                      struct view prev, struct err *e)
{
    struct cni_failure f;
    int r = 0;

    if (net->conf.disable_check || !cni_network_version_at_least(net, "0.4.0"))
        return 0;
    for (size_t i = 0; i < net->conf.n_plugins && r == 0; i++)
        r = call(c, ctx, net, &net->conf.plugins[i], "CHECK", at, prev, NULL, &f, e);
    return wrap(net, r, e);
}

int cni_network_global(const struct cni *c, const struct ctx *ctx, const struct cni_network *net, const char *command,
                       struct view extra, struct err *e)
{
    struct additions add = {.attachments = extra};
    int r = 0;

    if (!cni_network_version_at_least(net, "1.1.0"))
        return 0;
    for (size_t i = 0; i < net->conf.n_plugins && r == 0; i++) {
        const struct cni_plugin *p = &net->conf.plugins[i];
        _cleanup_buf_ struct buf input = BUF_INIT(CNI_STDIN_MAX);
        r = plugin_input(net, p, &add, &input, e);
        if (r == 0)
            r = cni_exec(c, ctx, p->type, command, NULL, buf_view(&input), NULL, NULL, e);
    }
    return wrap(net, r, e);
}
