/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Network configurations, see cniconf.h.
 */
#include "parse/cniconf.h"

#include "base/num.h"
#include "parse/jsonscan.h"

static bool is_alnum(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

bool cni_name_valid(struct view v)
{
    for (size_t i = 0; i < v.n; i++)
        if (!is_alnum(v.p[i]) && (i == 0 || (v.p[i] != '_' && v.p[i] != '.' && v.p[i] != '-')))
            return false;
    return v.n > 0 && v.n <= CNI_NAME_MAX;
}

static bool is_dots(struct view v)
{
    return view_eq_str(v, ".") || view_eq_str(v, "..");
}

bool cni_type_valid(struct view v)
{
    return v.n > 0 && v.n <= CNI_NAME_MAX && !is_dots(v) && view_find(v, '/') == v.n && view_find(v, '\0') == v.n;
}

bool cni_ifname_valid(struct view v)
{
    for (size_t i = 0; i < v.n; i++) {
        unsigned char c = (unsigned char)v.p[i];
        if (c <= ' ' || c == 0x7f || c == '/' || c == ':')
            return false;
    }
    return v.n > 0 && v.n <= CNI_IFNAME_MAX && !is_dots(v);
}

static bool split_version(struct view v, uint64_t numbers[3])
{
    for (int i = 0; i < 3; i++) {
        struct view part;
        bool more = view_cut(v, '.', &part, &v);
        if (more != (i < 2) || num_parse_u64(part, UINT32_MAX, &numbers[i]) != NUM_OK)
            return false;
    }
    return true;
}

bool cni_version_valid(struct view v)
{
    uint64_t numbers[3];
    return split_version(v, numbers);
}

int cni_version_compare(struct view a, struct view b)
{
    uint64_t x[3] = {0}, y[3] = {0};
    bool a_valid = split_version(a, x), b_valid = split_version(b, y);
    if (!a_valid || !b_valid)
        return (int)a_valid - (int)b_valid;
    for (int i = 0; i < 3; i++)
        if (x[i] != y[i])
            return x[i] < y[i] ? -1 : 1;
    return 0;
}

enum cni_conf_form cni_conf_form_of(struct view file_name)
{
    size_t dot = view_rfind(file_name, '.');
    struct view extension = view_slice(file_name, dot, file_name.n);
    if (view_eq_str(extension, ".conflist"))
        return CNI_CONF_LIST;
    if (view_eq_str(extension, ".conf") || view_eq_str(extension, ".json"))
        return CNI_CONF_SINGLE;
    return CNI_CONF_NONE;
}

bool cni_plugin_has_capability(const struct cni_plugin *p, const char *name)
{
    return strlist_has(&p->capabilities, name);
}

/* {"portMappings": true, "bandwidth": false}: those that are true */
static int parse_capabilities(struct jsonscan_value v, struct arena *a, struct strlist *ret, struct err *e)
{
    struct jsonscan_value value;
    struct view key;
    bool present;
    TRY(jsonscan_object(v, "capabilities", CNI_CAPABILITIES_MAX, &present, e));
    struct jsonscan_iter it = jsonscan_iter(v);
    while (jsonscan_next(&it, &key, &value)) {
        char *name = NULL;
        bool on = false;
        TRY(jsonscan_str((struct jsonscan_value){.kind = JSONSCAN_STRING, .raw = key}, "a name in capabilities", CNI_NAME_MAX, a, &name, e));
        TRY(jsonscan_bool(value, "a value in capabilities", &on, e));
        if (on && strlist_add(ret, a, name) < 0)
            return err_oom(e);
    }
    return 0;
}

static int parse_plugin(struct jsonscan_value v, struct arena *a, struct cni_plugin *ret, struct err *e)
{
    struct cni_plugin plugin = {.type = NULL};
    if (v.kind != JSONSCAN_OBJECT)
        return err_raise(e, ERR_INVALID_ARGUMENT, "it is %s, not an object", jsonscan_kind_name(v.kind));
    TRY(jsonscan_text(jsonscan_get(v, "type"), "type", CNI_NAME_MAX, a, &plugin.type, e));
    if (!plugin.type[0])
        return err_raise(e, ERR_INVALID_ARGUMENT, "type is missing");
    if (!cni_type_valid(view_of(plugin.type)))
        return err_raise(e, ERR_INVALID_ARGUMENT, "type \"%.128s\" is not the name of an executable", plugin.type);
    TRY(parse_capabilities(jsonscan_get(v, "capabilities"), a, &plugin.capabilities, e));
    plugin.raw = arena_view(a, v.raw);
    if (!plugin.raw)
        return err_oom(e);
    *ret = plugin;
    return 0;
}

/* A boolean, or one of the strings "true" and "false" in any letter case. */
static int parse_switch(struct jsonscan_value v, const char *what, bool *ret, struct err *e)
{
    char text[8];
    if (v.kind != JSONSCAN_STRING)
        return jsonscan_bool(v, what, ret, e);
    size_t n = jsonscan_unescape(v.raw, text, sizeof text);
    struct view word = view_make(text, MIN_OF(n, sizeof text));
    *ret = view_eq_nocase(word, VIEW_LIT("true"));
    if (!*ret && !view_eq_nocase(word, VIEW_LIT("false")))
        return err_raise(e, ERR_INVALID_ARGUMENT, "%s is neither true nor false", what);
    return 0;
}

static int check_version(const char *version, const char *what, struct err *e)
{
    if (cni_version_valid(view_of(version)))
        return 0;
    return err_raise(e, ERR_INVALID_ARGUMENT, "%s \"%.64s\" is not a version like \"" CNI_VERSION_NEWEST "\"", what, version);
}

/* cniVersion, or the newest of cniVersions that is understood, if that is newer. */
static int parse_version(struct jsonscan_value one, struct jsonscan_value many, struct arena *a, const char **ret, struct err *e)
{
    struct strlist list = {.v = NULL};
    const char *best = NULL;
    TRY(jsonscan_text(one, "cniVersion", CNI_NAME_MAX, a, &best, e));
    TRY(jsonscan_strlist(many, "cniVersions", CNI_PLUGINS_MAX, CNI_NAME_MAX, a, &list, NULL, e));
    if (best[0])
        TRY(check_version(best, "cniVersion", e));
    if (list.n > 0 && cni_version_compare(view_of(best), VIEW_LIT(CNI_VERSION_NEWEST)) > 0)
        best = "";
    for (size_t i = 0; i < list.n; i++) {
        struct view v = view_of(list.v[i]);
        TRY(check_version(list.v[i], "an entry of cniVersions", e));
        if (cni_version_compare(v, VIEW_LIT(CNI_VERSION_NEWEST)) <= 0 && cni_version_compare(v, view_of(best)) > 0)
            best = list.v[i];
    }
    *ret = best[0] ? best : CNI_VERSION_DEFAULT;
    return 0;
}

static int parse_plugins(struct jsonscan_value v, struct arena *a, struct cni_conf *c, struct err *e)
{
    struct jsonscan_value element;
    bool present;
    size_t i = 0;
    TRY(jsonscan_array(v, "plugins", CNI_PLUGINS_MAX, &present, e));
    c->n_plugins = jsonscan_count(v);
    if (c->n_plugins == 0)
        return err_raise(e, ERR_INVALID_ARGUMENT, "plugins is missing or empty");
    c->plugins = ARENA_NEW_N(a, struct cni_plugin, c->n_plugins);
    if (!c->plugins)
        return err_oom(e);
    struct jsonscan_iter it = jsonscan_iter(v);
    while (jsonscan_next(&it, NULL, &element)) {
        int r = parse_plugin(element, a, &c->plugins[i], e);
        if (r < 0)
            return err_wrap(e, r, "plugins[%zu]", i);
        i++;
    }
    return 0;
}

static int parse_single(struct jsonscan_value document, bool has_plugins, struct arena *a, struct cni_conf *c, struct err *e)
{
    if (has_plugins)
        return err_raise(e, ERR_INVALID_ARGUMENT, "it has plugins: a list of plugins belongs into a .conflist file");
    c->plugins = ARENA_NEW(a, struct cni_plugin);
    if (!c->plugins)
        return err_oom(e);
    c->n_plugins = 1;
    return parse_plugin(document, a, c->plugins, e);
}

int cni_conf_parse(struct view json, enum cni_conf_form form, struct arena *a, struct cni_conf *ret, struct err *e)
{
    static const char *const names[] = {"name", "cniVersion", "cniVersions", "disableCheck", "disableGC", "plugins", "type"};
    struct jsonscan_value document, m[ARRAY_SIZE(names)];
    struct cni_conf c = {.n_plugins = 0};
    TRY(jsonscan_document(json, "network configuration", CNI_CONF_BYTES_MAX, &document, e));
    jsonscan_pick(document, names, ARRAY_SIZE(names), m);
    TRY(jsonscan_text(m[0], "name", SIZE_MAX, a, &c.name, e));
    if (!c.name[0])
        return err_raise(e, ERR_INVALID_ARGUMENT, "name is missing");
    if (!cni_name_valid(view_of(c.name)))
        return err_raise(e, ERR_INVALID_ARGUMENT, "name \"%.128s\" is not a network name: letters, digits, '_', '.', '-' only", c.name);
    TRY(parse_version(m[1], m[2], a, &c.cni_version, e));
    TRY(parse_switch(m[3], "disableCheck", &c.disable_check, e));
    TRY(parse_switch(m[4], "disableGC", &c.disable_gc, e));
    if (form == CNI_CONF_SINGLE)
        TRY(parse_single(document, m[5].kind != JSONSCAN_NONE, a, &c, e));
    else if (m[5].kind == JSONSCAN_NONE && m[6].kind != JSONSCAN_NONE)
        return err_raise(e, ERR_INVALID_ARGUMENT, "it has a type and no plugins: a single plugin belongs into a .conf file");
    else
        TRY(parse_plugins(m[5], a, &c, e));
    c.raw = arena_view(a, document.raw);
    if (!c.raw)
        return err_oom(e);
    *ret = c;
    return 0;
}
