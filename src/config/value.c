/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Single values: from TOML into the member that the key's row names, and back. See key.h.
 */
#include "config/key.h"

#include <stdio.h>
#include <string.h>

#include "parse/duration.h"

enum { SHOWN_MAX = 64 }; /* bytes of a wrong value that a message quotes */

static const enum toml_type types[] = {
    [CONFIG_STRING] = TOML_STRING, [CONFIG_LIST] = TOML_ARRAY,  [CONFIG_BOOL] = TOML_BOOL,       [CONFIG_NOT] = TOML_BOOL,
    [CONFIG_INT] = TOML_INTEGER,   [CONFIG_ENUM] = TOML_STRING, [CONFIG_DURATION] = TOML_STRING,
};

static void *member(const struct config_key *k, void *base)
{
    return (char *)base + k->at;
}

static const void *member_of(const struct config_key *k, const void *base)
{
    return (const char *)base + k->at;
}

static int wrong(struct view v, struct err *e, const char *expected)
{
    return err_raise(e, ERR_INVALID_ARGUMENT, "\"%.*s%s\": expected %s", VIEW_ARG(view_slice(v, 0, SHOWN_MAX)), v.n > SHOWN_MAX ? "..." : "", expected);
}

static int check_string(const struct config_key *k, struct view v, struct err *e)
{
    if (v.n > CONFIG_STRING_MAX)
        return err_raise(e, ERR_INVALID_ARGUMENT, "%zu bytes are more than %d", v.n, CONFIG_STRING_MAX);
    for (size_t i = 0; i < v.n; i++)
        if ((unsigned char)v.p[i] < 0x20 || v.p[i] == 0x7f)
            return err_raise(e, ERR_INVALID_ARGUMENT, "the text has a control character");
    const char *expected = v.n && k->check ? k->check(v.p) : NULL;
    return expected ? wrong(v, e, expected) : 0;
}

static int set_string(const struct config_key *k, void *base, struct view v, struct arena *a, struct err *e)
{
    TRY(check_string(k, v, e));
    char *copy = v.n ? arena_view(a, v) : NULL;
    if (v.n && !copy)
        return err_oom(e);
    *(const char **)member(k, base) = copy;
    return 0;
}

static int set_list(const struct config_key *k, void *base, const struct toml *v, struct arena *a, struct err *e)
{
    size_t max = k->max ? (size_t)k->max : CONFIG_LIST_MAX, i = 0;
    if (v->children.n > max)
        return err_raise(e, ERR_INVALID_ARGUMENT, "%zu entries are more than %zu", v->children.n, max);
    const char **list = ARENA_NEW_N(a, const char *, v->children.n + 1);
    if (!list)
        return err_oom(e);
    for (const struct toml *one = v->children.first; one; one = one->next, i++) {
        if (one->type != TOML_STRING)
            return err_raise(e, ERR_INVALID_ARGUMENT, "entry %zu is %s, expected a string", i + 1, toml_type_name(one->type));
        if (one->string.n == 0)
            return err_raise(e, ERR_INVALID_ARGUMENT, "entry %zu is empty", i + 1);
        int r = check_string(k, one->string, e);
        if (r < 0)
            return err_wrap(e, r, "entry %zu", i + 1);
        list[i] = arena_view(a, one->string);
        if (!list[i])
            return err_oom(e);
    }
    *(const char *const **)member(k, base) = list;
    *(size_t *)(void *)((char *)base + k->at_n) = i;
    return 0;
}

static void store_int(const struct config_key *k, void *base, int64_t n)
{
    if (k->zero && n <= 0)
        n = k->zero;
    if (k->size == 8)
        *(int64_t *)member(k, base) = n;
    else
        *(uint32_t *)member(k, base) = (uint32_t)n;
}

static int64_t load_int(const struct config_key *k, const void *base)
{
    if (k->size == 8)
        return *(const int64_t *)member_of(k, base);
    uint32_t n = *(const uint32_t *)member_of(k, base);
    return k->min < 0 || k->zero < 0 ? (int32_t)n : (int64_t)n;
}

static int set_int(const struct config_key *k, void *base, int64_t n, struct err *e)
{
    if (n < k->min || n > k->max)
        return err_raise(e, ERR_INVALID_ARGUMENT, "%lld is out of range: expected %lld to %lld", (long long)n, (long long)k->min, (long long)k->max);
    store_int(k, base, n);
    return 0;
}

static int set_duration(const struct config_key *k, void *base, struct view v, struct err *e)
{
    int64_t ns = 0;
    if (v.n == 0) {
        *(uint64_t *)member(k, base) = 0;
        return 0;
    }
    if (!duration_read(v, &ns))
        return wrong(v, e, "a duration like 5m0s or 300ms, not negative");
    if (ns < k->min || ns > k->max)
        return wrong(v, e, "a duration of at most 24h");
    store_int(k, base, ns);
    return 0;
}

static int set_enum(const struct config_key *k, void *base, struct view v, struct err *e)
{
    char expected[128];
    size_t n = 0;
    for (const struct config_name *name = k->names; name->name; name++) {
        if (view_eq_str(v, name->name)) {
            *(uint32_t *)member(k, base) = (uint32_t)name->value;
            return 0;
        }
        if (n < sizeof expected)
            n += (size_t)snprintf(expected + n, sizeof expected - n, "%s%s", n ? ", " : "one of ", name->name);
    }
    return wrong(v, e, expected);
}

int config_value_set(const struct config_key *k, void *base, const struct toml *v, struct arena *a, struct err *e)
{
    if (v->type != types[k->kind])
        return err_raise(e, ERR_INVALID_ARGUMENT, "the value is %s, expected %s", toml_type_name(v->type), toml_type_name(types[k->kind]));
    switch (k->kind) {
    case CONFIG_STRING:
        return set_string(k, base, v->string, a, e);
    case CONFIG_LIST:
        return set_list(k, base, v, a, e);
    case CONFIG_INT:
        return set_int(k, base, v->integer, e);
    case CONFIG_ENUM:
        return set_enum(k, base, v->string, e);
    case CONFIG_DURATION:
        return set_duration(k, base, v->string, e);
    default:
        *(bool *)member(k, base) = v->boolean == (k->kind == CONFIG_BOOL);
        return 0;
    }
}

/* --- back ---------------------------------------------------------------------------------------- */

/* Texts hold no control character, so these two are all there is to escape. */
static int write_text(const char *s, struct buf *out)
{
    TRY(buf_add_char(out, '"'));
    for (; *s; s++) {
        if (*s == '"' || *s == '\\')
            TRY(buf_add_char(out, '\\'));
        TRY(buf_add_char(out, *s));
    }
    return buf_add_char(out, '"');
}

static int write_list(const char *const *v, size_t n, struct buf *out)
{
    TRY(buf_add_char(out, '['));
    for (size_t i = 0; i < n; i++) {
        TRY(buf_add_str(out, i ? ", " : ""));
        TRY(write_text(v[i], out));
    }
    return buf_add_char(out, ']');
}

static int write_number(const struct config_key *k, const void *base, struct buf *out)
{
    int64_t n = load_int(k, base);
    if (k->zero && n == k->zero)
        n = 0;
    if (k->kind == CONFIG_INT)
        return buf_printf(out, "%lld", (long long)n);
    TRY(buf_add_char(out, '"'));
    TRY(duration_write(n, out));
    return buf_add_char(out, '"');
}

static int write_enum(const struct config_key *k, const void *base, struct buf *out)
{
    const struct config_name *name = k->names;
    while (name[1].name && name->value != (int)*(const uint32_t *)member_of(k, base))
        name++;
    return buf_printf(out, "\"%s\"", name->name);
}

static bool is_unset(const struct config_key *k, const void *base)
{
    switch (k->kind) {
    case CONFIG_STRING: {
        const char *s = *(const char *const *)member_of(k, base);
        return !s || !s[0];
    }
    case CONFIG_LIST:
        return *(const size_t *)(const void *)((const char *)base + k->at_n) == 0;
    case CONFIG_INT:
    case CONFIG_DURATION:
        return load_int(k, base) == 0;
    default:
        return false;
    }
}

int config_value_write(const struct config_key *k, const void *base, struct buf *out)
{
    if (k->preset && is_unset(k, base))
        return buf_add_str(out, k->preset);
    switch (k->kind) {
    case CONFIG_STRING: {
        const char *s = *(const char *const *)member_of(k, base);
        return write_text(s ? s : "", out);
    }
    case CONFIG_LIST:
        return write_list(*(const char *const *const *)member_of(k, base), *(const size_t *)(const void *)((const char *)base + k->at_n), out);
    case CONFIG_INT:
    case CONFIG_DURATION:
        return write_number(k, base, out);
    case CONFIG_ENUM:
        return write_enum(k, base, out);
    default:
        return buf_add_str(out, *(const bool *)member_of(k, base) == (k->kind == CONFIG_BOOL) ? "true" : "false");
    }
}

int config_value_equal(const struct config_key *k, const void *a, const void *b, bool *ret)
{
    _cleanup_buf_ struct buf one = BUF_INIT(CONFIG_DUMP_MAX), two = BUF_INIT(CONFIG_DUMP_MAX);
    TRY(config_value_write(k, a, &one));
    TRY(config_value_write(k, b, &two));
    *ret = view_eq(buf_view(&one), buf_view(&two));
    return 0;
}
