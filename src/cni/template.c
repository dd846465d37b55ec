/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The configuration template, see template.h. Text is walked once; the body of a range is walked again for each element.
 */
#include "cni/template.h"

#include "base/macro.h"

enum { DEPTH_MAX = 5 };

/* Variables of an open range. */
struct scope {
    struct view index_name, value_name; /* with the '$', empty when not declared */
    size_t index;
    const char *value;
};

struct walk {
    struct view text;
    size_t at;
    const struct cni_template_values *values;
    struct scope scope[DEPTH_MAX];
    unsigned scopes, depth;
    struct buf *out;
    struct err *e;
};

enum stop { STOP_TEXT_END, STOP_END, STOP_ELSE };

static int run(struct walk *w, bool live, enum stop *ret);

static unsigned line_of(const struct walk *w, size_t at)
{
    unsigned line = 1;
    for (size_t i = 0; i < at && i < w->text.n; i++)
        line += w->text.p[i] == '\n';
    return line;
}

static int refuse(struct walk *w, struct view action, const char *why)
{
    return err_raise(w->e, ERR_INVALID_ARGUMENT, "line %u: {{%.*s}}: %s", line_of(w, w->at), VIEW_ARG(action), why);
}

static size_t find_text(struct view v, const char *what)
{
    struct view w = view_of(what);
    for (size_t i = 0; i + w.n <= v.n; i++)
        if (view_eq(view_slice(v, i, i + w.n), w))
            return i;
    return v.n;
}

static int emit(struct walk *w, struct view text)
{
    return buf_add_view(w->out, text) < 0
               ? err_raise(w->e, ERR_RESOURCE_EXHAUSTED, "the filled-in template does not fit into %zu bytes", w->out->max)
               : 0;
}

/* What an expression names: a text, a list or a number. */
struct operand {
    enum { OPERAND_TEXT, OPERAND_LIST, OPERAND_NUMBER } kind;
    const char *text;
    const struct strlist *list;
    size_t number;
};

static bool evaluate(const struct walk *w, struct view name, struct operand *ret)
{
    *ret = (struct operand){.kind = OPERAND_TEXT};
    if (view_eq_str(name, ".PodCIDR") || view_eq_str(name, "$.PodCIDR")) {
        ret->text = w->values->pod_cidr;
        return true;
    }
    if (view_eq_str(name, ".PodCIDRRanges") || view_eq_str(name, "$.PodCIDRRanges"))
        ret->list = w->values->ranges;
    if (view_eq_str(name, ".Routes") || view_eq_str(name, "$.Routes"))
        ret->list = w->values->routes;
    if (ret->list) {
        ret->kind = OPERAND_LIST;
        /* Inside a range '.' is the element, which has no fields; only '$' still reaches the lists. */
        return w->scopes == 0 || name.p[0] == '$';
    }
    for (unsigned i = w->scopes; i-- > 0;) {
        const struct scope *s = &w->scope[i];
        ret->text = s->value;
        if ((i + 1 == w->scopes && view_eq_str(name, ".")) || (s->value_name.n && view_eq(name, s->value_name)))
            return true;
        if (s->index_name.n && view_eq(name, s->index_name)) {
            ret->kind = OPERAND_NUMBER;
            ret->number = s->index;
            return true;
        }
    }
    return false;
}

static int print(struct walk *w, struct view name, bool live)
{
    struct operand o;
    if (!live)
        return 0;
    if (!evaluate(w, name, &o))
        return refuse(w, name, "not understood");
    if (o.kind == OPERAND_TEXT)
        return emit(w, view_of(o.text));
    if (o.kind == OPERAND_NUMBER)
        return buf_printf(w->out, "%zu", o.number) < 0 ? err_oom(w->e) : 0;
    TRY(emit(w, VIEW_LIT("[")));
    for (size_t i = 0; i < o.list->n; i++) {
        TRY(emit(w, i ? VIEW_LIT(" ") : VIEW_EMPTY));
        TRY(emit(w, view_of(o.list->v[i])));
    }
    return emit(w, VIEW_LIT("]"));
}

/* "a, b := expression", "a := expression" or "expression". */
static void split_range(struct view head, struct scope *s, struct view *ret_list)
{
    struct view names, list;
    size_t at = find_text(head, ":=");
    *s = (struct scope){0};
    if (at == head.n) {
        *ret_list = view_trim(head);
        return;
    }
    names = view_slice(head, 0, at);
    list = view_slice(head, at + 2, head.n);
    struct view first, second;
    if (view_cut(names, ',', &first, &second)) {
        s->index_name = view_trim(first);
        s->value_name = view_trim(second);
    } else {
        s->value_name = view_trim(names);
    }
    *ret_list = view_trim(list);
}

/* The part after {{else}}, up to {{end}}. */
static int else_part(struct walk *w, bool live, struct view head, enum stop stop)
{
    if (stop == STOP_ELSE)
        TRY(run(w, live, &stop));
    return stop == STOP_END ? 0 : refuse(w, head, "has no {{end}}");
}

static int range_action(struct walk *w, struct view head, bool live)
{
    struct scope s;
    struct view name;
    struct operand o = {.kind = OPERAND_LIST};
    enum stop stop;
    size_t body = w->at, count = 0;

    split_range(head, &s, &name);
    if (live) {
        if (!evaluate(w, name, &o) || o.kind != OPERAND_LIST)
            return refuse(w, head, "not a list");
        count = o.list->n;
    }
    for (size_t i = 0; i < count; i++) {
        w->at = body;
        s.index = i;
        s.value = o.list->v[i];
        w->scope[w->scopes++] = s;
        int r = run(w, true, &stop);
        w->scopes--;
        TRY(r);
    }
    if (count == 0)
        TRY(run(w, false, &stop));
    return else_part(w, live && count == 0, head, stop);
}

static int if_action(struct walk *w, struct view name, bool live)
{
    struct operand o = {.kind = OPERAND_TEXT};
    enum stop stop;
    bool yes = false;

    if (live) {
        if (!evaluate(w, name, &o))
            return refuse(w, name, "not understood");
        yes = o.kind == OPERAND_LIST ? o.list->n > 0 : o.kind == OPERAND_NUMBER ? o.number > 0 : o.text[0] != '\0';
    }
    TRY(run(w, live && yes, &stop));
    return else_part(w, live && !yes, name, stop);
}

static bool keyword(struct view action, const char *word, struct view *ret_rest)
{
    size_t n = view_of(word).n;
    if (!view_starts(action, view_of(word)) || (action.n > n && action.p[n] != ' ' && action.p[n] != '\t'))
        return false;
    *ret_rest = view_trim(view_slice(action, n, action.n));
    return true;
}

/* Cuts the next action out of the text: writes what stands before it and returns its words; 1 at the end of the text. */
static int next_action(struct walk *w, bool live, struct view *ret)
{
    struct view rest = view_slice(w->text, w->at, w->text.n);
    size_t open = find_text(rest, "{{");
    struct view before = view_slice(rest, 0, open), action;

    if (open == rest.n) {
        w->at = w->text.n;
        TRY(live ? emit(w, before) : 0);
        return 1;
    }
    action = view_slice(rest, open + 2, rest.n);
    size_t close = find_text(action, "}}");
    if (close == action.n)
        return err_raise(w->e, ERR_INVALID_ARGUMENT, "line %u: {{ has no }}", line_of(w, w->at + open));
    w->at += open + 2 + close + 2;
    action = view_slice(action, 0, close);
    if (action.n >= 2 && action.p[0] == '-' && (action.p[1] == ' ' || action.p[1] == '\n' || action.p[1] == '\t')) {
        action = view_slice(action, 1, action.n);
        while (before.n && view_trim(view_slice(before, before.n - 1, before.n)).n == 0)
            before.n--;
    }
    if (action.n >= 2 && action.p[action.n - 1] == '-' && action.p[action.n - 2] == ' ') {
        action.n--;
        while (w->at < w->text.n && view_trim(view_slice(w->text, w->at, w->at + 1)).n == 0)
            w->at++;
    }
    TRY(live ? emit(w, before) : 0);
    *ret = view_trim(action);
    return 0;
}

static int run_actions(struct walk *w, bool live, enum stop *ret)
{
    struct view action, rest;
    for (;;) {
        int r = next_action(w, live, &action);
        TRY(r);
        *ret = STOP_TEXT_END;
        if (r == 1)
            return 0;
        *ret = STOP_END;
        if (view_eq_str(action, "end"))
            return 0;
        *ret = STOP_ELSE;
        if (view_eq_str(action, "else"))
            return 0;
        if (view_starts(action, VIEW_LIT("/*")) && view_ends(action, VIEW_LIT("*/")))
            continue;
        if (keyword(action, "range", &rest))
            r = range_action(w, rest, live);
        else if (keyword(action, "if", &rest))
            r = if_action(w, rest, live);
        else
            r = print(w, action, live);
        TRY(r);
    }
}

static int run(struct walk *w, bool live, enum stop *ret)
{
    if (w->depth == DEPTH_MAX)
        return err_raise(w->e, ERR_INVALID_ARGUMENT, "line %u: nested deeper than %d", line_of(w, w->at), DEPTH_MAX);
    w->depth++;
    int r = run_actions(w, live, ret);
    w->depth--;
    return r;
}

int cni_template_fill(struct view text, const struct cni_template_values *values, struct buf *out, struct err *e)
{
    struct walk w = {.text = text, .values = values, .out = out, .e = e};
    enum stop stop;
    TRY(run(&w, true, &stop));
    return stop == STOP_TEXT_END
               ? 0
               : err_raise(e, ERR_INVALID_ARGUMENT, "line %u: {{end}} or {{else}} without an opening", line_of(&w, w.at));
}
