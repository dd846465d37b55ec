/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Digests, see digest.h.
 */
#include "parse/digest.h"

static const struct {
    const char *name;
    size_t hex_len;
} algorithms[DIGEST_ALGORITHMS] = {
    [DIGEST_SHA256] = {"sha256", 64},
    [DIGEST_SHA384] = {"sha384", 96},
    [DIGEST_SHA512] = {"sha512", 128},
};

const char *digest_algorithm_name(enum digest_algorithm a)
{
    return algorithms[a].name;
}

size_t digest_hex_len(enum digest_algorithm a)
{
    return algorithms[a].hex_len;
}

bool digest_is_hex(struct view v)
{
    for (size_t i = 0; i < v.n; i++)
        if (!((v.p[i] >= '0' && v.p[i] <= '9') || (v.p[i] >= 'a' && v.p[i] <= 'f')))
            return false;
    return v.n > 0;
}

static bool is_alnum_lower(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z');
}

/* algorithm: components of [a-z0-9]+, joined by single [+._-] */
static bool algorithm_well_formed(struct view v)
{
    bool after_alnum = false;
    for (size_t i = 0; i < v.n; i++) {
        char c = v.p[i];
        if (is_alnum_lower(c))
            after_alnum = true;
        else if (after_alnum && (c == '+' || c == '.' || c == '_' || c == '-'))
            after_alnum = false;
        else
            return false;
    }
    return after_alnum;
}

/* encoded: [a-zA-Z0-9=_-]+ */
static bool encoded_well_formed(struct view v)
{
    for (size_t i = 0; i < v.n; i++) {
        char c = v.p[i];
        if (!is_alnum_lower(c) && !(c >= 'A' && c <= 'Z') && c != '=' && c != '_' && c != '-')
            return false;
    }
    return v.n > 0;
}

enum digest_class digest_classify(struct view v, struct digest *ret)
{
    struct view name, hex;
    if (!view_cut(v, ':', &name, &hex))
        return DIGEST_CLASS_NO_SEPARATOR;
    if (!algorithm_well_formed(name) || hex.n == 0)
        return DIGEST_CLASS_BAD_FORMAT;
    for (int a = 0; a < DIGEST_ALGORITHMS; a++) {
        if (!view_eq_str(name, algorithms[a].name))
            continue;
        if (hex.n != algorithms[a].hex_len)
            return DIGEST_CLASS_BAD_LENGTH;
        if (!digest_is_hex(hex))
            return DIGEST_CLASS_BAD_HEX;
        if (ret)
            *ret = (struct digest){.algorithm = (enum digest_algorithm)a, .text = v, .hex = hex};
        return DIGEST_CLASS_OK;
    }
    return encoded_well_formed(hex) ? DIGEST_CLASS_UNSUPPORTED : DIGEST_CLASS_BAD_FORMAT;
}

int digest_parse(struct view v, struct digest *ret, struct err *e)
{
    const char *why;
    switch (digest_classify(v, ret)) {
    case DIGEST_CLASS_OK:
        return 0;
    case DIGEST_CLASS_NO_SEPARATOR:
        why = "it has no ':'";
        break;
    case DIGEST_CLASS_UNSUPPORTED:
        why = "its algorithm is none of sha256, sha384, sha512";
        break;
    case DIGEST_CLASS_BAD_LENGTH:
        why = "it has the wrong number of digits for its algorithm";
        break;
    case DIGEST_CLASS_BAD_HEX:
        why = "it has other characters than lower-case hex digits";
        break;
    default:
        why = "it is not of the form algorithm:hex";
        break;
    }
    return err_raise(e, ERR_INVALID_ARGUMENT, "\"%.*s\" is not a digest: %s", VIEW_ARG(view_slice(v, 0, 256)), why);
}
