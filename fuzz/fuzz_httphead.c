/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Heads of HTTP requests: whoever reaches the metrics address controls them. Reaches parse/httphead.
 *
 * Oracle: whether more bytes are wanted, the error or the head do not depend on where the bytes are cut; what lies behind the head does not matter;
 * every view lies within the head and none has CR, LF or NUL; a head that was taken, written anew in its simplest form, reads the same and
 * is no longer.
 */
#include "fuzz.h"
#include "parse/httphead.h"

static bool inside(struct view v, struct view whole)
{
    return v.n == 0 || (v.p >= whole.p && v.p + v.n <= whole.p + whole.n);
}

static void check_view(struct view v, struct view head)
{
    FUZZ_CHECK(inside(v, head));
    FUZZ_CHECK(view_find(v, '\r') == v.n && view_find(v, '\n') == v.n && view_find(v, '\0') == v.n);
}

static void check_same(const struct httphead *a, const struct httphead *b)
{
    FUZZ_CHECK(view_eq(a->method, b->method) && view_eq(a->target, b->target) && view_eq(a->path, b->path) && view_eq(a->query, b->query));
    FUZZ_CHECK(a->minor == b->minor && a->n_fields == b->n_fields && a->content_length == b->content_length && a->chunked == b->chunked);
    FUZZ_CHECK(httphead_keeps(a) == httphead_keeps(b));
    FUZZ_CHECK(httphead_has_token(a, "Upgrade", "websocket") == httphead_has_token(b, "Upgrade", "websocket"));
    for (size_t i = 0; i < a->n_fields; i++)
        FUZZ_CHECK(view_eq(a->fields[i].name, b->fields[i].name) && view_eq(a->fields[i].value, b->fields[i].value));
}

static void check_again(const struct httphead *h)
{
    static char text[HTTPHEAD_MAX + HTTPHEAD_FIELDS_MAX + 1];
    size_t n = (size_t)snprintf(text, sizeof text, "%.*s %.*s HTTP/1.%u\r\n", VIEW_ARG(h->method), VIEW_ARG(h->target), h->minor);
    for (size_t i = 0; i < h->n_fields; i++)
        n += (size_t)snprintf(text + n, sizeof text - n, "%.*s:%.*s\r\n", VIEW_ARG(h->fields[i].name), VIEW_ARG(h->fields[i].value));
    n += (size_t)snprintf(text + n, sizeof text - n, "\r\n");
    FUZZ_CHECK(n <= h->size);
    struct httphead again;
    struct err e = ERR_INIT;
    FUZZ_CHECK(httphead_parse(view_make(text, n), &again, &e) == 1 && again.size == n);
    check_same(h, &again);
}

/* Every cut of a short input, some of a long one: 0 until the answer is known, then that one. */
static void check_pieces(struct view in, int r, const struct err *e, size_t size)
{
    size_t step = in.n > 512 ? in.n / 97 : 1;
    for (size_t n = 0; n < in.n; n += step) {
        struct httphead h;
        struct err part = ERR_INIT;
        char *copy = mem_memdup(in.p, n); /* of just so many bytes: one that is read beyond them is found */
        FUZZ_CHECK(copy);
        int p = httphead_parse(view_make(copy, n), &h, &part);
        mem_free(copy);
        FUZZ_CHECK(p == 0 || p == r);
        FUZZ_CHECK(p >= 0 || strcmp(part.message, e->message) == 0);
        FUZZ_CHECK(p != 1 || h.size == size);
        FUZZ_CHECK(r != 1 || (p == 1) == (n >= size));
    }
}

int fuzz_one(const uint8_t *data, size_t size)
{
    struct view in = view_make((const char *)data, size);
    struct httphead h;
    struct err e = ERR_INIT;
    int r = httphead_parse(in, &h, &e);
    if (r <= 0)
        fuzz_check_result(r, &e);
    if (r == 1) {
        struct view head = view_slice(in, 0, h.size);
        FUZZ_CHECK(h.size <= size && h.size <= HTTPHEAD_MAX && h.n_fields <= HTTPHEAD_FIELDS_MAX && h.method.n > 0 && h.path.n > 0);
        FUZZ_CHECK(h.size >= 4 && memcmp(in.p + h.size - 4, "\r\n\r\n", 4) == 0);
        check_view(h.method, head);
        check_view(h.target, head);
        for (size_t i = 0; i < h.n_fields; i++) {
            check_view(h.fields[i].name, head);
            check_view(h.fields[i].value, head);
        }
        check_again(&h);
    }
    check_pieces(in, r, &e, r == 1 ? h.size : 0);
    return 0;
}
