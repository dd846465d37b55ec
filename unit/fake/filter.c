/* SPDX-License-Identifier: Apache-2.0 */
/*
 * containerd's filter language, as its list and subscribe calls take it: `labels."a.b"==c,id~=^x` (all of them), several filters
 * (any of them). Source: containerd, package filters, the grammar in its documentation comment.
 */
#include "model.h"

#include <regex.h>

enum { PARTS_MAX = 8, TEXT_MAX = 512 };

struct selector {
    char text[TEXT_MAX]; /* the parts, each ended by NUL */
    const char *part[PARTS_MAX];
    size_t n_parts;
    char op; /* '=', '!', '~', or 0: is it there */
    char value[TEXT_MAX];
};

/* Copies a quoted string or a bare word that ends at a byte of `stops`. Returns where it ended, or NULL. */
static const char *word(const char *p, const char *stops, char *out, size_t max)
{
    size_t n = 0;
    if (*p == '"') {
        for (p++; *p && *p != '"'; p++) {
            if (*p == '\\' && p[1])
                p++;
            if (n + 1 >= max)
                return NULL;
            out[n++] = *p;
        }
        if (*p++ != '"')
            return NULL;
    } else {
        for (; *p && !strchr(stops, *p); p++) {
            if (n + 1 >= max)
                return NULL;
            out[n++] = *p;
        }
        if (n == 0)
            return NULL;
    }
    out[n] = '\0';
    return p;
}

static const char *parse(const char *p, struct selector *s)
{
    char *at = s->text;
    *s = (struct selector){.n_parts = 0};
    for (;;) {
        if (s->n_parts == PARTS_MAX)
            return NULL;
        s->part[s->n_parts++] = at;
        p = word(p, ".=!~,", at, (size_t)(s->text + TEXT_MAX - at));
        if (!p)
            return NULL;
        at += strlen(at) + 1;
        if (*p != '.')
            break;
        p++;
    }
    if (*p == '\0' || *p == ',')
        return p;
    s->op = *p;
    if (!strchr("=!~", s->op) || p[1] != '=')
        return NULL;
    return word(p + 2, ",", s->value, sizeof(s->value));
}

static bool regex_matches(const char *pattern, const char *value)
{
    regex_t re;
    if (regcomp(&re, pattern, REG_EXTENDED | REG_NOSUB) != 0)
        return false;
    bool yes = regexec(&re, value, 0, NULL, 0) == 0;
    regfree(&re);
    return yes;
}

static bool matches(const struct selector *s, const char *value)
{
    switch (s->op) {
    case '=':
        return value && strcmp(value, s->value) == 0;
    case '!':
        return !value || strcmp(value, s->value) != 0;
    case '~':
        return value && regex_matches(s->value, value);
    default:
        return value != NULL;
    }
}

static int match_one(const char *filter, fake_field_fn *field, const void *object, struct err *e)
{
    int yes = 1;
    for (const char *p = filter; *p;) {
        struct selector s;
        p = parse(p, &s);
        if (!p || (*p && *p != ','))
            return err_raise(e, ERR_INVALID_ARGUMENT, "filters: parse error: [%s]: invalid argument", filter);
        if (!matches(&s, field(object, s.part, s.n_parts)))
            yes = 0;
        if (*p == ',')
            p++;
    }
    return yes;
}

int fake_match(char **filters, size_t n_filters, fake_field_fn *field, const void *object, struct err *e)
{
    int yes = n_filters == 0;
    for (size_t i = 0; i < n_filters; i++) {
        int r = match_one(filters[i], field, object, e);
        TRY(r);
        yes = yes || r;
    }
    return yes;
}
