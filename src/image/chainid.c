/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Chain ids: see the header. The first is the diff id itself; each later one is the digest of the chain so far, a blank and the
 * diff id.
 */
#include "image/chainid.h"

#include "image/hash.h"
#include "parse/ociimage.h"

int chainid_all(const struct strlist *diff_ids, struct arena *a, struct strlist *ret, struct err *e)
{
    struct strlist out = {0};
    for (size_t i = 0; i < diff_ids->n; i++) {
        struct digest d;
        TRY(digest_parse(view_of(diff_ids->v[i]), &d, e));
        char chain[DIGEST_TEXT_MAX + 1];
        if (i == 0) {
            memcpy(chain, d.text.p, d.text.n);
            chain[d.text.n] = '\0';
        } else {
            char text[OCI_CHAIN_TEXT_MAX + 1];
            size_t n = oci_chain_text(out.v[i - 1], diff_ids->v[i], text);
            TRY(hash_text(DIGEST_SHA256, view_make(text, n), chain, e));
        }
        if (strlist_add(&out, a, chain) < 0)
            return err_oom(e);
    }
    *ret = out;
    return 0;
}

int chainid_top(const struct strlist *diff_ids, struct arena *a, const char **ret, struct err *e)
{
    struct strlist all;
    TRY(chainid_all(diff_ids, a, &all, e));
    *ret = all.n ? all.v[all.n - 1] : "";
    return 0;
}
