/* SPDX-License-Identifier: Apache-2.0 */
/* Digests, chain ids, and which credentials go where. */
#include "support.h"

#include "base/arena.h"
#include "image/chainid.h"
#include "image/credentials.h"
#include "image/hash.h"
#include "image/pull.h"
#include "sweep.h"

#define EMPTY "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
#define ABC   "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"

static void test_vectors(void **state)
{
    struct err e = ERR_INIT;
    char out[DIGEST_TEXT_MAX + 1];
    assert_ok(hash_text(DIGEST_SHA256, VIEW_EMPTY, out, &e), &e);
    assert_string_equal(out, EMPTY);
    struct hash h = HASH_INIT;
    assert_ok(hash_begin(&h, DIGEST_SHA256, &e), &e);
    assert_ok(hash_update(&h, VIEW_LIT("a"), &e), &e);
    assert_ok(hash_update(&h, VIEW_LIT("bc"), &e), &e);
    assert_ok(hash_end(&h, out, &e), &e);
    assert_string_equal(out, ABC);
    assert_null(h.md);
    assert_ok(hash_text(DIGEST_SHA512, VIEW_LIT("abc"), out, &e), &e);
    assert_int_equal(strlen(out), 7 + 128);
    assert_memory_equal(out, "sha512:ddaf35a193617aba", 23);
}

static void test_verify(void **state)
{
    struct err e = ERR_INIT;
    assert_ok(hash_verify(VIEW_LIT("abc"), ABC, "x", &e), &e);
    assert_fails(hash_verify(VIEW_LIT("abd"), ABC, "the thing", &e), &e, ERR_DATA_LOSS, "the thing: content has digest");
    assert_fails(hash_verify(VIEW_LIT("abc"), "sha256:abc", "x", &e), &e, ERR_INVALID_ARGUMENT, "");
}

static void test_chain(void **state)
{
    struct err e = ERR_INIT;
    struct arena a = ARENA_INIT(1 << 16);
    struct strlist ids = {0}, chain = {0};
    const char *top = NULL;
    assert_ok(chainid_top(&ids, &a, &top, &e), &e);
    assert_string_equal(top, "");
    strlist_add(&ids, &a, EMPTY);
    assert_ok(chainid_top(&ids, &a, &top, &e), &e);
    assert_string_equal(top, EMPTY);
    strlist_add(&ids, &a, ABC);
    strlist_add(&ids, &a, ABC);
    assert_ok(chainid_all(&ids, &a, &chain, &e), &e);
    assert_int_equal(chain.n, 3);
    assert_string_equal(chain.v[1], "sha256:a893da35bd22286079f2f3931516d3423eb9b4945f2379e0f8a501ec3d665dd6");
    assert_string_equal(chain.v[2], "sha256:5ec9348848fd45cca2ad39be19fd612c40c8e705eb15a8db8415789f1ead1613");
    strlist_add(&ids, &a, "sha256:nonsense");
    assert_fails(chainid_all(&ids, &a, &chain, &e), &e, ERR_INVALID_ARGUMENT, "");
    arena_done(&a);
}

static void test_server_address(void **state)
{
    assert_true(credentials_match(NULL, "reg:5000"));
    assert_true(credentials_match("", "reg:5000"));
    assert_true(credentials_match("reg:5000", "reg:5000"));
    assert_true(credentials_match("https://REG:5000/v2/", "reg:5000"));
    assert_true(credentials_match("https://reg:443/", "reg"));
    assert_false(credentials_match("https://reg/", "reg:5000"));
    assert_false(credentials_match("https://reg.evil/", "reg"));
    assert_false(credentials_match("https://", "reg"));
    assert_true(credentials_match("https://index.docker.io/v1/", "docker.io"));
    assert_true(credentials_match("registry-1.docker.io", "docker.io"));
    assert_false(credentials_match("docker.io.evil", "docker.io"));
    assert_string_equal(credentials_registry_host("docker.io"), "registry-1.docker.io");
    assert_string_equal(credentials_registry_host("quay.io"), "quay.io");
}

static void test_choose(void **state)
{
    struct err e = ERR_INIT;
    struct arena a = ARENA_INIT(1 << 20);
    struct credentials c;
    assert_ok(credentials_choose(NULL, "reg", &a, &c, &e), &e);
    assert_string_equal(c.user, "");
    assert_int_equal(c.secrets.n, 0);

    struct image_auth auth = {.username = "u", .password = "pass:word", .identity_token = "idtok", .registry_token = "regtok"};
    assert_ok(credentials_choose(&auth, "reg", &a, &c, &e), &e);
    assert_string_equal(c.user, "u");
    assert_string_equal(c.password, "pass:word");
    assert_string_equal(c.identity_token, "");
    assert_string_equal(c.registry_token, "");
    char text[] = "it says PASS:WORD and dTpwYXNzOndvcmQ= and idtok and u";
    credentials_scrub(&c.secrets, text);
    assert_string_equal(text, "it says ********* and **************** and ***** and u");
    char cut[] = "pass:word, and then pass:wor", shorter[] = "it may pas", begun[] = "Pass";
    credentials_scrub(&c.secrets, cut);
    assert_string_equal(cut, "*********, and then ********");
    credentials_scrub(&c.secrets, shorter);
    assert_string_equal(shorter, "it may pas");
    credentials_scrub(&c.secrets, begun);
    assert_string_equal(begun, "****");

    auth.username = "";
    assert_ok(credentials_choose(&auth, "reg", &a, &c, &e), &e);
    assert_string_equal(c.identity_token, "idtok");
    auth.identity_token = NULL;
    assert_ok(credentials_choose(&auth, "reg", &a, &c, &e), &e);
    assert_string_equal(c.registry_token, "regtok");
    auth.auth = "YWxpY2U6c2VjcmV0";
    assert_ok(credentials_choose(&auth, "reg", &a, &c, &e), &e);
    assert_string_equal(c.user, "alice");
    assert_string_equal(c.password, "secret");
    auth.server_address = "other";
    assert_ok(credentials_choose(&auth, "reg", &a, &c, &e), &e);
    assert_string_equal(c.user, "");
    assert_string_equal(c.registry_token, "");
    /* Sent in a form, it may come back as the form had it. */
    auth = (struct image_auth){.identity_token = "a+b/c="};
    assert_ok(credentials_choose(&auth, "reg", &a, &c, &e), &e);
    char form[] = "bad request: a%2Bb%2Fc%3D, a+b/c=";
    credentials_scrub(&c.secrets, form);
    assert_string_equal(form, "bad request: ************, ******");
    auth = (struct image_auth){.auth = "!!secretsecret!!"};
    assert_fails(credentials_choose(&auth, "reg", &a, &c, &e), &e, ERR_INVALID_ARGUMENT, "");
    assert_null(strstr(e.message, "secretsecret"));
    auth = (struct image_auth){.registry_token = "a\r\nHost: x"};
    assert_fails(credentials_choose(&auth, "reg", &a, &c, &e), &e, ERR_INVALID_ARGUMENT, "control character");
    arena_done(&a);
}

static int choose(void *arg, struct err *e)
{
    struct arena a = ARENA_INIT(1 << 20);
    struct credentials c;
    const struct image_auth auth = {.auth = "YWxpY2U6c2VjcmV0", .server_address = "reg"};
    int r = credentials_choose(&auth, "reg", &a, &c, e);
    arena_done(&a);
    return r;
}

static void test_choose_sweep(void **state)
{
    assert_true(sweep("credentials_choose", choose, NULL) > 0);
}

int main(void)
{
    mem_install_hooks();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_vectors),        cmocka_unit_test(test_verify), cmocka_unit_test(test_chain),
        cmocka_unit_test(test_server_address), cmocka_unit_test(test_choose), cmocka_unit_test(test_choose_sweep),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
