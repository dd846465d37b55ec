/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Messages on the wire: what the check accepts and refuses, by name; the budget of unpacking; clean strings on the way out.
 */
#include "support.h"

#include "base/buf.h"
#include "cri/runtime_v1.pb-c.h"
#include "echo_service.h"
#include "rpc/message.h"
#include "rpc/wirecheck.h"
#include "sweep.h"

static int teardown(void **state)
{
    assert_int_equal(mem_live(), 0);
    return 0;
}

#define L(s) VIEW_LIT(s)

static void test_accepted(void **state)
{
    static const struct view good[] = {
        {"", 0},
        L("\x0a\0"),                                       /* empty string */
        L("\x0a\x02\xc3\xa4"),                             /* text */
        L("\x8a\x80\x00\x01x"),                            /* the same, its tag written at length */
        L("\x0a\x81\x80\x80\x80\x00x"),                    /* its length written in five bytes */
        L("\x12\x03\0\xff\xfe"),                           /* bytes take anything */
        L("\x18\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"), /* a varint of ten bytes */
        L("\x4a\x03\x01\x80\x01"),                         /* packed numbers */
        L("\x48\x05"),                                     /* a number of a packed list alone */
        L("\x9a\x01\x08\0\0\0\0\1\1\1\1"),                 /* packed fixed32 */
        L("\xf8\x07\x01"),                                 /* unknown field 127 */
        L("\xfa\x07\x02\xff\xff"),                         /* unknown bytes */
        L("\x3a\0"),                                       /* a map entry without key and value */
        L("\x3a\x06\x0a\x01"
          "a\x12\x01"
          "b"),
        L("\x5a\x04\x0a\x02hi"),              /* inner.name */
        L("\x5a\x05\x12\x03\x0a\x01x\x5a\0"), /* inner.child.name, then inner again: merged */
        L("\x6a\x01l\x72\0"),                 /* both of a oneof */
    };
    for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
        struct err e = ERR_INIT;
        _cleanup_arena_ struct arena a = ARENA_INIT(ARENA_BUDGET_DEFAULT);
        ProtobufCMessage *m;
        int r = rpc_message_unpack(&echo_type, good[i], &a, &m, &e);
        if (r < 0)
            fail_msg("case %zu: %s", i, e.message);
    }
}

static void test_refused(void **state)
{
    static const struct {
        struct view data;
        const char *text;
    } bad[] = {
        {L("\x0a\x02\xc3\x28"), "text: not valid UTF-8"},
        {L("\x0a\x03"
           "a\0b"),
         "text: contains a NUL byte"},
        {L("\x0a\x01\0"), "text: contains a NUL byte"},
        {L("\x0a\x05"
           "ab"),
         "text: cut short"},
        {L("\x0a"), "text: cut short"},
        {L("\x0a\x80\x80\x80\x80\x80\x00"), "text: cut short"}, /* a length of six bytes */
        {L("\x0a\xff\xff\xff\xff\x0f"), "text: cut short"},
        {L("\x08\x01"), "text: has the wrong wire type"},
        {L("\x0d\1\1\1\1"), "text: has the wrong wire type"},
        {L("\x1a\x01\x01"), "count: has the wrong wire type"},
        {L("\x18"), "count: a number is cut short or too long"},
        {L("\x18\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"), "count: a number is cut short or too long"},
        {L("\x7d\1\1\1"), "f32: cut short"},
        {L("\x81\x01\1\1\1\1\1\1\1"), "f64: cut short"},
        {L("\x4a\x02\x01\x80"), "numbers: a packed list is cut short"},
        {L("\x9a\x01\x05\0\0\0\0\1"), "fixeds: a packed list is cut short"},
        {L("\x3a\x03\x0a\x01\xff"), "labels.key: not valid UTF-8"},
        {L("\x3a\x03\x12\x01\0"), "labels.value: contains a NUL byte"},
        {L("\x42\x01\xff"), "words: not valid UTF-8"},
        {L("\x5a\x05\x12\x03\x0a\x01\xff"), "inner.child.name: not valid UTF-8"},
        {L("\x52\x07\x1a\x05\x12\x03"
           "ab\0"),
         "inners.labels.value: contains a NUL byte"},
        {L("\x6a\x01\xff"), "left: not valid UTF-8"},
        {L("\x03"), "field number is out of range"},
        {L("\x80\x00"), "field number is out of range"},
        {L("\x0b\x0c"), "text: has the wrong wire type"},                         /* a group */
        {L("\xfb\x07\xfc\x07"), "a field has a wire type that is not supported"}, /* an unknown group */
        {L("\xfe\x07"), "a field has a wire type that is not supported"},
        {L("\x80\x80\x80\x80\x80\x01"), "a field tag is cut short or too long"},
        {L("\xf8\xff\xff\xff\x7f\x01"), "field number is out of range"},
    };
    for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
        struct err e = ERR_INIT;
        assert_fails(wirecheck(&echo_type, bad[i].data, &e), &e, ERR_INVALID_ARGUMENT, bad[i].text);
        /* Nothing shorter is accepted at a wrong place either: every prefix is sound or refused, never read past. */
        for (size_t n = 0; n < bad[i].data.n; n++) {
            char *copy = mem_memdup(bad[i].data.p, n);
            wirecheck(&echo_type, view_make(copy, n), &e);
            mem_free(copy);
        }
    }
    /* The names of CRI, as a person sees them. */
    struct err e = ERR_INIT;
    struct view run = L("\x0a\x05\x0a\x03\x0a\x01\xff");
    assert_fails(wirecheck(&runtime__v1__run_pod_sandbox_request__descriptor, run, &e), &e, ERR_INVALID_ARGUMENT,
                 "config.metadata.name: not valid UTF-8");
}

/* inner, then `depth` - 1 children, each as long as it must be. */
static size_t nested(char *out, size_t cap, size_t depth)
{
    size_t at = cap;
    for (size_t i = 0; i < depth; i++) {
        size_t len = cap - at;
        assert_true(len < 16000);
        if (len >= 128) {
            out[--at] = (char)(len >> 7);
            out[--at] = (char)(len | 0x80);
        } else {
            out[--at] = (char)len;
        }
        out[--at] = i == depth - 1 ? 0x5a : 0x12;
    }
    memmove(out, out + at, cap - at);
    return cap - at;
}

static void test_depth(void **state)
{
    char data[512];
    struct err e = ERR_INIT;
    for (size_t depth = WIRECHECK_DEPTH_MAX - 1; depth <= WIRECHECK_DEPTH_MAX; depth++)
        assert_ok(wirecheck(&echo_type, view_make(data, nested(data, sizeof(data), depth)), &e), &e);
    assert_fails(wirecheck(&echo_type, view_make(data, nested(data, sizeof(data), WIRECHECK_DEPTH_MAX + 1)), &e), &e,
                 ERR_RESOURCE_EXHAUSTED, "nested too deeply");
}

static void test_elements(void **state)
{
    struct err e = ERR_INIT;
    size_t n = 2 * (size_t)WIRECHECK_ELEMENTS_MAX + 2;
    char *data = mem_alloc(n);
    for (size_t i = 0; i < n; i += 2)
        memcpy(data + i, "\x18\x01", 2);
    assert_ok(wirecheck(&echo_type, view_make(data, n - 4), &e), &e);
    assert_ok(wirecheck(&echo_type, view_make(data, n - 2), &e), &e);
    assert_fails(wirecheck(&echo_type, view_make(data, n), &e), &e, ERR_RESOURCE_EXHAUSTED, "count: too many elements");
    /* Elements of a packed list count, too. */
    memset(data, 1, n);
    memcpy(data, "\x4a\x80\x80\x80\x02", 5); /* 4 Mi elements after one field */
    assert_fails(wirecheck(&echo_type, view_make(data, 5 + WIRECHECK_ELEMENTS_MAX), &e), &e, ERR_RESOURCE_EXHAUSTED, "numbers: ");
    mem_free(data);
}

static void test_unpack_budget(void **state)
{
    /* Empty sub-messages are what blows up most. */
    enum { N = 1 << 20 };
    char *data = mem_alloc(2 * N);
    for (size_t i = 0; i < N; i++)
        memcpy(data + 2 * i, "\x52\x00", 2);
    struct err e = ERR_INIT;
    ProtobufCMessage *m;
    _cleanup_arena_ struct arena a = ARENA_INIT(ARENA_BUDGET_DEFAULT);
    assert_fails(rpc_message_unpack(&echo_type, view_make(data, 2 * N), &a, &m, &e), &e, ERR_RESOURCE_EXHAUSTED,
                 "needs more than 64 MiB unpacked");
    arena_done(&a);
    assert_ok(rpc_message_unpack(&echo_type, view_make(data, 20000), &a, &m, &e), &e);
    assert_int_equal(((Echo *)m)->n_inners, 10000);
    mem_free(data);
}

static void test_pack_cleans(void **state)
{
    char bad[] = "a\xff"
                 "b",
         good[] = "gut \xc3\xa4";
    Inner child = CRI__TEST__INNER__INIT, right = CRI__TEST__INNER__INIT;
    Inner *inners[] = {&child};
    Cri__Test__Echo__LabelsEntry entry = CRI__TEST__ECHO__LABELS_ENTRY__INIT, *entries[] = {&entry};
    char *words[] = {good, bad};
    Echo m = ECHO_INIT;
    child.name = bad;
    right.name = bad;
    entry.key = good;
    entry.value = bad;
    m.text = bad;
    m.n_words = 2;
    m.words = words;
    m.n_inners = 1;
    m.inners = inners;
    m.n_labels = 1;
    m.labels = entries;
    m.choice_case = CRI__TEST__ECHO__CHOICE_RIGHT;
    m.right = &right;
    struct err e = ERR_INIT;
    struct frame *f;
    assert_ok(rpc_message_pack(&m.base, NULL, &f, &e), &e);
    /* The message is as it was. */
    assert_ptr_equal(m.text, bad);
    assert_ptr_equal(words[1], bad);
    assert_ptr_equal(entry.value, bad);
    _cleanup_arena_ struct arena a = ARENA_INIT(ARENA_BUDGET_DEFAULT);
    ProtobufCMessage *back;
    assert_ok(rpc_message_unpack(&echo_type, frame_message(f), &a, &back, &e), &e);
    Echo *b = (Echo *)back;
    static const char clean[] = "a\xef\xbf\xbd"
                                "b";
    assert_string_equal(b->text, clean);
    assert_string_equal(b->words[0], good);
    assert_string_equal(b->words[1], clean);
    assert_string_equal(b->inners[0]->name, clean);
    assert_string_equal(b->labels[0]->key, good);
    assert_string_equal(b->labels[0]->value, clean);
    assert_string_equal(b->right->name, clean);
    frame_free(f);
}

static int sweep_op(void *arg, struct err *e)
{
    char bad[] = "a\xff";
    char *words[] = {bad, bad, bad};
    Echo m = ECHO_INIT;
    m.text = bad;
    m.n_words = 3;
    m.words = words;
    struct frame *f;
    TRY(rpc_message_pack(&m.base, NULL, &f, e));
    _cleanup_arena_ struct arena a = ARENA_INIT(ARENA_BUDGET_DEFAULT);
    ProtobufCMessage *back;
    int r = rpc_message_unpack(&echo_type, frame_message(f), &a, &back, e);
    frame_free(f);
    if (r == 0)
        assert_int_equal(((Echo *)back)->n_words, 3);
    return r;
}

static void test_sweep(void **state)
{
    assert_true(sweep("pack and unpack", sweep_op, NULL) >= 4);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(test_accepted, teardown),      cmocka_unit_test_teardown(test_refused, teardown),
        cmocka_unit_test_teardown(test_depth, teardown),         cmocka_unit_test_teardown(test_elements, teardown),
        cmocka_unit_test_teardown(test_unpack_budget, teardown), cmocka_unit_test_teardown(test_pack_cleans, teardown),
        cmocka_unit_test_teardown(test_sweep, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
