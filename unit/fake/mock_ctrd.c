/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The mocks, made from the list of operations.
 */
#include "mock_ctrd.h"

#include <stdio.h>
#include <stdlib.h>

#include "support.h"

/* An argument is looked at through its address, so that one piece of code serves every type. */
static void add_text(struct mock_ctrd *m, const void *argument, int kind)
{
    enum { NO_TEXT, TEXT, OBJECT };
    if (kind == NO_TEXT)
        return;
    const char *text = *(const char *const *)argument; /* the string, or the object whose first member is its name */
    if (kind == OBJECT && text)
        text = *(const char *const *)(const void *)text;
    char *call = m->calls[m->n_calls];
    size_t n = strlen(call);
    snprintf(call + n, MOCK_TEXT_MAX - n, " %s", text ? text : "-");
}

static void set_zero(void *argument, size_t n)
{
    if (n)
        memset(*(void **)argument, 0, n);
}

/* 1: a text; 2: a struct whose first member is its name. */
#define KIND(x)                                                                                                                  \
    _Generic((x), const char * : 1, const struct ctrd_container * : 2, const struct ctrd_task_create * : 2,                      \
             const struct ctrd_exec * : 2, const struct ctrd_image * : 2, default : 0)
#define SIZE_OF_RESULT(x)                                                                                                        \
    _Generic((x), uint32_t *: sizeof(uint32_t), int64_t *: sizeof(int64_t), size_t *: sizeof(size_t), const char **: sizeof(char *), \
             struct ctrd_container *: sizeof(struct ctrd_container), struct ctrd_container **: sizeof(void *),                     \
             struct ctrd_process *: sizeof(struct ctrd_process), struct ctrd_processes *: sizeof(struct ctrd_processes),           \
             struct ctrd_exit *: sizeof(struct ctrd_exit), struct ctrd_image *: sizeof(struct ctrd_image),                         \
             struct ctrd_images *: sizeof(struct ctrd_images), struct ctrd_content_info *: sizeof(struct ctrd_content_info),       \
             struct ctrd_ingests *: sizeof(struct ctrd_ingests), struct ctrd_mounts *: sizeof(struct ctrd_mounts),                 \
             struct ctrd_snapshot_info *: sizeof(struct ctrd_snapshot_info), struct ctrd_snapshots *: sizeof(struct ctrd_snapshots), \
             struct ctrd_usage *: sizeof(struct ctrd_usage), struct ctrd_leases *: sizeof(struct ctrd_leases),                     \
             struct ctrd_plugins *: sizeof(struct ctrd_plugins), struct ctrd_descriptor *: sizeof(struct ctrd_descriptor),         \
             struct ctrd_event *: sizeof(struct ctrd_event), struct ctrd_events **: sizeof(void *),                                \
             struct ctrd_writer **: sizeof(void *), default: (size_t)0)

#define EACH_1(f, x)                             f(x)
#define EACH_2(f, x, ...)                        f(x) EACH_1(f, __VA_ARGS__)
#define EACH_3(f, x, ...)                        f(x) EACH_2(f, __VA_ARGS__)
#define EACH_4(f, x, ...)                        f(x) EACH_3(f, __VA_ARGS__)
#define EACH_5(f, x, ...)                        f(x) EACH_4(f, __VA_ARGS__)
#define EACH_6(f, x, ...)                        f(x) EACH_5(f, __VA_ARGS__)
#define PICK_(_1, _2, _3, _4, _5, _6, name, ...) name
#define EACH(f, ...)                             PICK_(__VA_ARGS__, EACH_6, EACH_5, EACH_4, EACH_3, EACH_2, EACH_1, )(f, __VA_ARGS__)

#define ADD_TEXT(x) add_text(m, &(x), KIND(x));
#define SET_ZERO(x) set_zero(&(x), SIZE_OF_RESULT(x));

static bool begin_call(struct mock_ctrd *m, const char *name)
{
    if (m->n_calls == MOCK_CALLS_MAX)
        return false;
    snprintf(m->calls[m->n_calls], MOCK_TEXT_MAX, "%s", name);
    return true;
}

static int scripted(struct mock_ctrd *m, enum mock_op op, const char *name, struct err *e)
{
    if (m->answer[op].set)
        return m->answer[op].code ? err_raise(e, m->answer[op].code, "%s", m->answer[op].message) : 0;
    m->unexpected = true;
    fprintf(stderr, "mock: nobody said what %s does\n", name);
    return err_raise(e, ERR_UNIMPLEMENTED, "mock: %s", name);
}

#define MOCK_FUNCTION_(name, params, args)                                                                                       \
    static int mock_##name(void *user, const struct ctx *ctx, CTRD_STRIP_ params, struct err *e)                                 \
    {                                                                                                                            \
        struct mock_ctrd *m = user;                                                                                              \
        if (begin_call(m, #name)) {                                                                                              \
            EACH(ADD_TEXT, CTRD_STRIP_ args)                                                                                     \
            m->n_calls++;                                                                                                        \
        }                                                                                                                        \
        if (m->fn.name)                                                                                                          \
            return m->fn.name(m->user, ctx, CTRD_STRIP_ args, e);                                                                \
        int r = scripted(m, MOCK_##name, #name, e);                                                                              \
        if (r == 0) {                                                                                                            \
            EACH(SET_ZERO, CTRD_STRIP_ args)                                                                                     \
        }                                                                                                                        \
        return r;                                                                                                                \
    }
CTRD_OPS(MOCK_FUNCTION_)

static void mock_events_close(void *user, struct ctrd_events *s)
{
    struct mock_ctrd *m = user;
    if (begin_call(m, "events_close"))
        m->n_calls++;
    if (m->fn.events_close)
        m->fn.events_close(m->user, s);
}

static void mock_writer_close(void *user, struct ctrd_writer *w)
{
    struct mock_ctrd *m = user;
    if (begin_call(m, "writer_close"))
        m->n_calls++;
    if (m->fn.writer_close)
        m->fn.writer_close(m->user, w);
}

#define MOCK_ENTRY_(name, params, args) .name = mock_##name,
static const struct ctrd_ops mock_ops = {
    CTRD_OPS(MOCK_ENTRY_)
    .events_close = mock_events_close,
    .writer_close = mock_writer_close,
};

struct mock_ctrd *mock_ctrd_new(void)
{
    struct mock_ctrd *m = calloc(1, sizeof(*m));
    assert_non_null(m);
    return m;
}

void mock_ctrd_free(struct mock_ctrd *m)
{
    bool unexpected = m->unexpected;
    free(m);
    assert_false(unexpected);
}

struct ctrd mock_ctrd(struct mock_ctrd *m)
{
    return (struct ctrd){.ops = &mock_ops, .user = m};
}

void mock_ctrd_ok(struct mock_ctrd *m, enum mock_op op)
{
    m->answer[op].set = true;
    m->answer[op].code = ERR_OK;
}

void mock_ctrd_fail(struct mock_ctrd *m, enum mock_op op, enum err_code code, const char *message)
{
    m->answer[op].set = true;
    m->answer[op].code = code;
    m->answer[op].message = message;
}

bool mock_ctrd_calls_are(const struct mock_ctrd *m, const char *const *calls)
{
    size_t n = 0;
    while (calls[n])
        n++;
    bool same = n == m->n_calls;
    for (size_t i = 0; same && i < n; i++)
        same = strcmp(calls[i], m->calls[i]) == 0;
    if (!same) {
        for (size_t i = 0; i < n; i++)
            fprintf(stderr, "expected: %s\n", calls[i]);
        for (size_t i = 0; i < m->n_calls; i++)
            fprintf(stderr, "called:   %s\n", m->calls[i]);
    }
    return same;
}
