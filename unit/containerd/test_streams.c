/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The operations that are streams: writing content in chunks, resuming, the writer's state; subscriptions and the payloads of
 * events.
 */
#include <stdio.h>
#include <stdlib.h>

#include "containerd/content_v1.pb-c.h"
#include "containerd/event_types.pb-c.h"
#include "every_op.h"
#include "record.h"
#include "support.h"

struct stage {
    struct scene s;
    struct arena a;
    struct err e;
};

static int setup(void **state)
{
    static struct stage t;
    t = (struct stage){.a = ARENA_INIT(ARENA_BUDGET_DEFAULT)};
    scene_init(&t.s);
    *state = &t;
    return 0;
}

static int teardown(void **state)
{
    struct stage *t = *state;
    arena_done(&t->a);
    scene_done(&t->s);
    return 0;
}

#define C (&t->s.c)
#define X (&t->s.ctx)
#define E (&t->e)

enum { MIB = 1 << 20 };

/* A write of n bytes goes out in chunks of at most 1 MiB and arrives whole. */
static void write_of(struct stage *t, size_t n, size_t chunks)
{
    struct record rec;
    record_init(&rec, fake_channel(t->s.f));
    struct ctrd c = ctrd_client(&rec.channel);
    struct ctrd_writer *w;
    int64_t offset = -1;
    char *data = malloc(n + 1), digest[FAKE_DIGEST_MAX];
    assert_non_null(data);
    for (size_t i = 0; i < n; i++)
        data[i] = (char)(i * 31 + i / 1000);
    assert_ok(ctrd_writer_open(&c, X, "big", (int64_t)n, NULL, &w, &offset, E), E);
    assert_int_equal(offset, 0);
    assert_int_equal(strncmp(rec.text, "open Content/Write \nsend ref:\"big\"", 34), 0);
    record_clear(&rec);
    size_t messages = 0;
    assert_ok(ctrd_writer_write(&c, X, w, view_make(data, n), E), E);
    for (const char *p = rec.text; (p = strstr(p, "send action:1 ref:\"big\"")); p++)
        messages++;
    if (n < RECORD_MAX / 2)
        assert_int_equal(messages, chunks);
    record_clear(&rec);
    struct ctrd_ingests g;
    assert_ok(ctrd_content_ingests(&c, X, &t->a, &g, E), E);
    assert_int_equal(g.n, 1);
    assert_int_equal(g.v[0].offset, n);
    assert_int_equal(g.v[0].total, n);
    assert_ok(ctrd_writer_commit(&c, X, w, (int64_t)n, NULL, NULL, E), E);
    ctrd_writer_close(&c, w);
    fake_add_blob(t->s.f, data, n, digest); /* it is there already: this only tells its digest */
    assert_int_equal(fake_live(t->s.f).blobs, 1);
    struct buf b = BUF_INIT(n);
    assert_ok(ctrd_content_read(&c, X, digest, &b, E), E);
    assert_int_equal(b.n, n);
    if (n)
        assert_memory_equal(b.p, data, n);
    buf_done(&b);
    free(data);
    fake_reset(t->s.f);
}

static void blobs_of_all_sizes(void **state)
{
    write_of(*state, 0, 0);
    write_of(*state, 1, 1);
    write_of(*state, 3000, 1);
    write_of(*state, MIB - 1, 1);
    write_of(*state, MIB, 1);
    write_of(*state, MIB + 1, 2);
    write_of(*state, 2 * MIB + MIB / 2, 3);
}

/* A channel between client and fake that changes what the peer says. */
struct liar {
    struct rpc_channel channel;
    const struct rpc_channel *inner;
    int64_t add;           /* to offsets of WriteContentResponse and ReadContentResponse */
    size_t sends, biggest; /* messages with data, and the largest */
    bool end_early;
};

static int liar_open(void *user, const struct ctx *ctx, const char *path, struct rpc_client_stream **ret, struct err *e)
{
    struct liar *l = user;
    return l->inner->ops->open(l->inner->user, ctx, path, ret, e);
}

static int liar_send(void *user, struct rpc_client_stream *s, const struct ctx *ctx, const ProtobufCMessage *m, bool last,
                     struct err *e)
{
    struct liar *l = user;
    if (m && m->descriptor == &containerd__services__content__v1__write_content_request__descriptor) {
        size_t n = ((const Containerd__Services__Content__V1__WriteContentRequest *)(const void *)m)->data.len;
        l->sends += n > 0;
        l->biggest = MAX_OF(l->biggest, n);
    }
    return l->inner->ops->send(l->inner->user, s, ctx, m, last, e);
}

static int liar_recv(void *user, struct rpc_client_stream *s, const struct ctx *ctx, const ProtobufCMessageDescriptor *d,
                     struct arena *a, ProtobufCMessage **ret, struct err *e)
{
    struct liar *l = user;
    if (l->end_early)
        return 0;
    int r = l->inner->ops->recv(l->inner->user, s, ctx, d, a, ret, e);
    if (r == 1 && d == &containerd__services__content__v1__write_content_response__descriptor)
        ((Containerd__Services__Content__V1__WriteContentResponse *)(void *)*ret)->offset += l->add;
    if (r == 1 && d == &containerd__services__content__v1__read_content_response__descriptor)
        ((Containerd__Services__Content__V1__ReadContentResponse *)(void *)*ret)->offset += l->add;
    return r;
}

static void liar_close(void *user, struct rpc_client_stream *s)
{
    struct liar *l = user;
    l->inner->ops->close(l->inner->user, s);
}

static const struct rpc_channel_ops liar_ops = {.open = liar_open, .send = liar_send, .recv = liar_recv, .close = liar_close};

static struct liar liar_on(struct stage *t)
{
    return (struct liar){.inner = fake_channel(t->s.f)};
}

static void chunks_are_counted(void **state)
{
    struct stage *t = *state;
    struct liar l = liar_on(t);
    l.channel = (struct rpc_channel){.ops = &liar_ops, .user = &l};
    struct ctrd c = ctrd_client(&l.channel);
    struct ctrd_writer *w;
    int64_t offset;
    char *data = calloc(2 * MIB + 1, 1);
    assert_non_null(data);
    assert_ok(ctrd_writer_open(&c, X, "r", 0, NULL, &w, &offset, E), E);
    assert_ok(ctrd_writer_write(&c, X, w, view_make(data, MIB), E), E);
    assert_int_equal(l.sends, 1);
    assert_ok(ctrd_writer_write(&c, X, w, view_make(data, 2 * MIB + 1), E), E);
    assert_int_equal(l.sends, 4);
    assert_int_equal(l.biggest, MIB);
    ctrd_writer_close(&c, w);
    free(data);
}

static void wrong_offsets_are_data_loss(void **state)
{
    struct stage *t = *state;
    struct liar l = liar_on(t);
    l.channel = (struct rpc_channel){.ops = &liar_ops, .user = &l};
    struct ctrd c = ctrd_client(&l.channel);
    struct ctrd_writer *w;
    int64_t offset;
    scene_set(&t->s);
    assert_ok(ctrd_writer_open(&c, X, "r", 0, NULL, &w, &offset, E), E);
    l.add = 1;
    assert_fails(ctrd_writer_write(&c, X, w, VIEW_LIT("abc"), E), E, ERR_DATA_LOSS,
                 "ingest \"r\": containerd is at offset 4 after a write that ends at 3");
    /* The writer is of no use any more. */
    l.add = 0;
    assert_fails(ctrd_writer_write(&c, X, w, VIEW_LIT("abc"), E), E, ERR_FAILED_PRECONDITION, "has ended");
    assert_fails(ctrd_writer_commit(&c, X, w, 0, NULL, NULL, E), E, ERR_FAILED_PRECONDITION, "has ended");
    ctrd_writer_close(&c, w);
    l.add = -5;
    assert_fails(ctrd_writer_open(&c, X, "r2", 0, NULL, &w, &offset, E), E, ERR_DATA_LOSS, "negative offset");
    struct buf b = BUF_INIT(64);
    l.add = 3;
    assert_fails(ctrd_content_read(&c, X, t->s.blob, &b, E), E, ERR_DATA_LOSS, "at offset 3, expected 0");
    assert_int_equal(b.n, 0);
    /* Counted from the blob's start is as good as from the answer's. */
    assert_ok(ctrd_content_read_range(&c, X, t->s.blob, 3, 2, &b, E), E);
    assert_view(buf_view(&b), " b");
    l.end_early = true;
    assert_fails(ctrd_writer_open(&c, X, "r3", 0, NULL, &w, &offset, E), E, ERR_DATA_LOSS, "ended the write early");
    buf_done(&b);
}

/* A blob comes in pieces of 32 KiB; when a later one does not fit, the earlier ones are taken back. */
static void a_broken_read_leaves_nothing(void **state)
{
    struct stage *t = *state;
    enum { SIZE = 40000 };
    char digest[FAKE_DIGEST_MAX];
    char *data = calloc(SIZE, 1);
    assert_non_null(data);
    fake_add_blob(t->s.f, data, SIZE, digest);
    free(data);
    struct buf b = BUF_INIT(SIZE + 1);
    assert_int_equal(buf_add_str(&b, "ab"), 0);
    assert_fails(ctrd_content_read(C, X, digest, &b, E), E, ERR_RESOURCE_EXHAUSTED, "larger than the limit of 40001 bytes");
    assert_view(buf_view(&b), "ab");
    buf_clear(&b);
    assert_ok(ctrd_content_read(C, X, digest, &b, E), E);
    assert_int_equal(b.n, SIZE);
    buf_done(&b);
}

static void a_write_is_resumed(void **state)
{
    struct stage *t = *state;
    struct ctrd_writer *w;
    int64_t offset;
    assert_ok(ctrd_writer_open(C, X, "r", 6, NULL, &w, &offset, E), E);
    assert_ok(ctrd_writer_write(C, X, w, VIEW_LIT("abc"), E), E);
    ctrd_writer_close(C, w);
    assert_ok(ctrd_writer_open(C, X, "r", 6, NULL, &w, &offset, E), E);
    assert_int_equal(offset, 3);
    assert_ok(ctrd_writer_write(C, X, w, VIEW_LIT("def"), E), E);
    assert_fails(ctrd_writer_commit(C, X, w, 7, NULL, NULL, E), E, ERR_FAILED_PRECONDITION, "6 bytes written, 7 expected");
    assert_ok(ctrd_writer_commit(C, X, w, 6, NULL, NULL, E), E);
    ctrd_writer_close(C, w);
    assert_int_equal(fake_live(t->s.f).ingests, 0);
    char digest[FAKE_DIGEST_MAX];
    fake_add_blob(t->s.f, "abcdef", 6, digest);
    assert_int_equal(fake_live(t->s.f).blobs, 1);
    assert_fails(ctrd_writer_open(C, X, "again", 6, digest, &w, &offset, E), E, ERR_ALREADY_EXISTS, "ingest \"again\"");
    /* Closing what was never opened, and a subscription that was not. */
    ctrd_writer_close(C, NULL);
    ctrd_events_close(C, NULL);
}

static void events_arrive(void **state)
{
    struct stage *t = *state;
    const char *const filters[] = {"topic==\"/tasks/exit\"", "topic==\"/tasks/oom\"", NULL};
    struct ctrd_events *s;
    struct ctrd_event event;
    struct ctrd_event_info info;
    assert_ok(ctrd_events_open(C, X, filters, &s, E), E);
    scene_set(&t->s); /* task "dead" exits with 3 */
    assert_int_equal(ctrd_events_next(C, X, s, &t->a, &event, E), 1);
    assert_string_equal(event.topic, "/tasks/exit");
    assert_ok(ctrd_event_decode(&event, &t->a, &info, E), E);
    assert_int_equal(info.kind, CTRD_EVENT_TASK_EXIT);
    assert_string_equal(info.container_id, "dead");
    assert_string_equal(info.process_id, "dead");
    assert_true(info.exit_status == 3 && info.pid > 0 && info.exited_at == clock_real());
    fake_task_oom(t->s.f, "c");
    fake_task_exit(t->s.f, "c", 137);
    assert_int_equal(ctrd_events_next(C, X, s, &t->a, &event, E), 1);
    assert_ok(ctrd_event_decode(&event, &t->a, &info, E), E);
    assert_true(info.kind == CTRD_EVENT_TASK_OOM && strcmp(info.container_id, "c") == 0);
    assert_int_equal(ctrd_events_next(C, X, s, &t->a, &event, E), 1);
    /* Nothing more until the deadline. */
    struct ctx soon = ctx_with_timeout(X, NSEC_PER_SEC);
    assert_fails(ctrd_events_next(C, &soon, s, &t->a, &event, E), E, ERR_DEADLINE_EXCEEDED, "containerd's events");
    fake_task_oom(t->s.f, "c");
    assert_int_equal(ctrd_events_next(C, X, s, &t->a, &event, E), 1);
    fake_break_events(t->s.f);
    assert_fails(ctrd_events_next(C, X, s, &t->a, &event, E), E, ERR_UNAVAILABLE, "containerd's events");
    ctrd_events_close(C, s);
    assert_int_equal(fake_live(t->s.f).subscriptions, 0);
}

static struct ctrd_event event_of(const char *type, const char *bytes, size_t n)
{
    return (struct ctrd_event){.topic = "/t", .event = {type, view_make(bytes, n)}};
}

static void payloads_are_decoded(void **state)
{
    struct stage *t = *state;
    struct ctrd_event_info info;
    /* An image name is field 1 of all three; "/images/delete" alone says deleted. */
    struct ctrd_event event = event_of("containerd.services.images.v1.ImageCreate",
                                       "\x0a\x02"
                                       "im",
                                       4);
    assert_ok(ctrd_event_decode(&event, &t->a, &info, E), E);
    assert_true(info.kind == CTRD_EVENT_IMAGE && !info.image_deleted);
    assert_string_equal(info.image_name, "im");
    event = event_of("type.googleapis.com/containerd.services.images.v1.ImageDelete",
                     "\x0a\x02"
                     "im",
                     4);
    assert_ok(ctrd_event_decode(&event, &t->a, &info, E), E);
    assert_true(info.kind == CTRD_EVENT_IMAGE && info.image_deleted);
    event = event_of("containerd.events.TaskStart", "\xff\xff\xff", 3);
    assert_ok(ctrd_event_decode(&event, &t->a, &info, E), E);
    assert_int_equal(info.kind, CTRD_EVENT_OTHER);
    event = event_of(NULL, NULL, 0);
    assert_ok(ctrd_event_decode(&event, &t->a, &info, E), E);
    assert_int_equal(info.kind, CTRD_EVENT_OTHER);
    event = event_of("containerd.events.TaskOOM", "\xff\xff\xff", 3);
    assert_fails(ctrd_event_decode(&event, &t->a, &info, E), E, ERR_INVALID_ARGUMENT, "event /t");
    /* A container's id with a NUL in it would be compared cut short. */
    event = event_of("containerd.events.TaskOOM",
                     "\x0a\x03"
                     "a\0b",
                     5);
    assert_int_equal(ctrd_event_decode(&event, &t->a, &info, E), -ERR_INVALID_ARGUMENT);
    /* Times: absent, Go's zero time, the last representable one. */
    Containerd__Events__TaskExit m;
    Google__Protobuf__Timestamp at;
    uint8_t bytes[128];
    const struct {
        int64_t seconds;
        int32_t nanos;
        int64_t want;
    } times[] = {{0, 1, 1},
                 {-62135596800, 0, 0},
                 {1, -1, 0},
                 {1, 1000000000, 0},
                 {9223372035, 999999999, 9223372035999999999},
                 {9223372036, 0, 0},
                 {-9223372035, 1, -9223372034999999999},
                 {INT64_MIN, 0, 0},
                 {INT64_MAX, 999999999, 0}};
    for (size_t i = 0; i < ARRAY_SIZE(times); i++) {
        protobuf_c_message_init(&containerd__events__task_exit__descriptor, &m);
        google__protobuf__timestamp__init(&at);
        at.seconds = times[i].seconds;
        at.nanos = times[i].nanos;
        m.exited_at = &at;
        size_t n = protobuf_c_message_pack(&m.base, bytes);
        event = event_of("containerd.events.TaskExit", (const char *)bytes, n);
        assert_ok(ctrd_event_decode(&event, &t->a, &info, E), E);
        assert_int_equal(info.exited_at, times[i].want);
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(blobs_of_all_sizes), TEST(chunks_are_counted), TEST(wrong_offsets_are_data_loss), TEST(a_broken_read_leaves_nothing),
        TEST(a_write_is_resumed), TEST(events_arrive),      TEST(payloads_are_decoded),
    };
    return cmocka_run_group_tests_name("containerd-streams", tests, NULL, NULL);
}
