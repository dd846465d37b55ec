/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The contract on the fake: the same lists that test-contract-real holds against a real containerd.
 */
#include "contract.h"
#include "fake.h"
#include "support.h"

static void fake_keeps_the_contract(void **state)
{
    size_t live = mem_live();
    struct fake *f = fake_new();
    const struct ctx ctx = CTX_BACKGROUND;
    clock_virtual(1, 1700000000 * (int64_t)NSEC_PER_SEC);
    struct contract k = {
        .c = fake_ctrd(f), .ctx = &ctx, .namespace_ = "k8s.io", .snapshotter = "overlayfs", .rootfs = "/rootfs", .out = stdout};
    assert_int_equal(contract_run(&k, NULL), 0);
    assert_true(k.calls > 170);
    assert_int_equal(fake_left_behind(f), 0);
    struct fake_live l = fake_live(f);
    assert_int_equal(l.images + l.blobs + l.layers + l.subscriptions, 0);
    fake_free(f);
    clock_virtual_off();
    assert_int_equal(mem_live(), live);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(fake_keeps_the_contract)};
    return cmocka_run_group_tests_name("containerd-contract", tests, NULL, NULL);
}
