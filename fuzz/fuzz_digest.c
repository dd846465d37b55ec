/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Digests. Controlled by registries (descriptors), by pod authors (name@digest, image ids) and by stored records.
 * Reaches parse/digest.
 *
 * Oracle: a text is a digest exactly when a second, naive reading of the rule says so; its parts are the text's; a reference that
 * carries it is accepted exactly when it is a digest, and carries the same text; the error agrees with the class.
 */
#include "fuzz.h"
#include "parse/reference.h"

static bool naive(struct view v)
{
    static const struct {
        const char *head;
        size_t digits;
    } known[] = {{"sha256:", 64}, {"sha384:", 96}, {"sha512:", 128}};
    for (size_t i = 0; i < 3; i++) {
        struct view head = view_of(known[i].head);
        if (!view_starts(v, head) || v.n != head.n + known[i].digits)
            continue;
        for (size_t k = head.n; k < v.n; k++)
            if (!strchr("0123456789abcdef", v.p[k]) || !v.p[k])
                return false;
        return true;
    }
    return false;
}

int fuzz_one(const uint8_t *data, size_t size)
{
    struct view text = view_make((const char *)data, size);
    struct digest d;
    struct reference r;
    struct err e = ERR_INIT;
    enum digest_class class = digest_classify(text, &d);
    FUZZ_CHECK((class == DIGEST_CLASS_OK) == naive(text));
    int code = digest_parse(text, &d, &e);
    fuzz_check_result(code, &e);
    FUZZ_CHECK((code == 0) == (class == DIGEST_CLASS_OK));
    if (code == 0) {
        FUZZ_CHECK(d.text.p == text.p && d.text.n == text.n && d.hex.n == digest_hex_len(d.algorithm));
        FUZZ_CHECK(view_starts(text, view_of(digest_algorithm_name(d.algorithm))));
        FUZZ_CHECK(digest_is_hex(d.hex) && d.hex.p + d.hex.n == text.p + text.n);
    }
    if (size > 300)
        return 0;
    char reference[512] = "name@";
    if (size)
        memcpy(reference + 5, data, size);
    struct view whole = view_make(reference, 5 + size);
    if (view_find(text, '/') < text.n || view_find(text, '@') < text.n)
        return 0;
    FUZZ_CHECK((reference_classify(whole, &r) == REFERENCE_OK) == (code == 0));
    FUZZ_CHECK(code < 0 || view_eq(view_of(r.digest), text));
    return 0;
}
