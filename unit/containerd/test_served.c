/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The client, the real gRPC client and server, and the fake behind them: the contract holds over bytes as it does over messages.
 */
#include "contract.h"
#include "serve.h"
#include "support.h"

static void contract_holds_over_bytes(void **state)
{
    size_t live = mem_live();
    struct fake *f = fake_new();
    struct served s;
    served_start(&s, f);
    struct ctx background = CTX_BACKGROUND, ctx = ctx_with_timeout(&background, 60 * NSEC_PER_SEC);
    struct contract k = {
        .c = ctrd_client(&s.channel),
        .ctx = &ctx,
        .namespace_ = "k8s.io",
        .snapshotter = "overlayfs",
        .rootfs = "/rootfs",
        .out = stdout,
    };
    assert_int_equal(contract_run(&k, NULL), 0);
    served_stop(&s);
    assert_int_equal(fake_left_behind(f), 0);
    assert_int_equal(fake_live(f).subscriptions, 0);
    fake_free(f);
    assert_int_equal(mem_live(), live);
}

static void leases_travel_as_metadata(void **state)
{
    struct fake *f = fake_new();
    struct served s;
    struct err e = ERR_INIT;
    served_start(&s, f);
    struct ctrd c = ctrd_client(&s.channel);
    struct ctx background = CTX_BACKGROUND, ctx = ctx_with_timeout(&background, 60 * NSEC_PER_SEC);
    ctx.lease = "the-lease";
    assert_fails(ctrd_lease_delete(&c, &ctx, "x", false, &e), &e, ERR_NOT_FOUND, "lease \"x\": lease \"x\": not found");
    assert_string_equal(fake_lease_of(f, "Leases/Delete"), "the-lease");
    served_stop(&s);
    fake_free(f);
}

/* A blob larger than any flow-control window goes there and back. */
static void large_blobs_pass(void **state)
{
    enum { SIZE = 20 << 20 };
    struct fake *f = fake_new();
    struct served s;
    struct err e = ERR_INIT;
    struct ctrd_writer *w = NULL;
    int64_t offset;
    char digest[FAKE_DIGEST_MAX];
    char *data = test_malloc(SIZE);
    for (size_t i = 0; i < SIZE; i++)
        data[i] = (char)(i * 7 + i / 4099);
    served_start(&s, f);
    struct ctrd c = ctrd_client(&s.channel);
    struct ctx background = CTX_BACKGROUND, ctx = ctx_with_timeout(&background, 60 * NSEC_PER_SEC);
    assert_ok(ctrd_writer_open(&c, &ctx, "big", SIZE, NULL, &w, &offset, &e), &e);
    assert_ok(ctrd_writer_write(&c, &ctx, w, view_make(data, SIZE), &e), &e);
    assert_ok(ctrd_writer_commit(&c, &ctx, w, SIZE, NULL, NULL, &e), &e);
    ctrd_writer_close(&c, w);
    fake_add_blob(f, data, SIZE, digest);
    assert_int_equal(fake_live(f).blobs, 1);
    struct buf b = BUF_INIT(SIZE);
    assert_ok(ctrd_content_read(&c, &ctx, digest, &b, &e), &e);
    assert_int_equal(b.n, SIZE);
    assert_memory_equal(b.p, data, SIZE);
    buf_done(&b);
    served_stop(&s);
    fake_free(f);
    test_free(data);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(contract_holds_over_bytes),
        cmocka_unit_test(leases_travel_as_metadata),
        cmocka_unit_test(large_blobs_pass),
    };
    return cmocka_run_group_tests_name("containerd-served", tests, NULL, NULL);
}
