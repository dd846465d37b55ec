/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Codecs, see codec.h.
 */
#include "base/codec.h"

void hex_encode(const uint8_t *p, size_t n, char *out)
{
    static const char digits[] = "0123456789abcdef";
    for (size_t i = 0; i < n; i++) {
        out[2 * i] = digits[p[i] >> 4];
        out[2 * i + 1] = digits[p[i] & 15];
    }
}

int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

size_t base64_encoded_len(size_t n)
{
    return n / 3 * 4 + (n % 3 ? 4 : 0);
}

static char base64_char(unsigned v, bool url)
{
    if (v < 26)
        return (char)('A' + v);
    if (v < 52)
        return (char)('a' + (v - 26));
    if (v < 62)
        return (char)('0' + (v - 52));
    if (v == 62)
        return url ? '-' : '+';
    return url ? '_' : '/';
}

static int base64_value(char c, bool url)
{
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26;
    if (c >= '0' && c <= '9')
        return c - '0' + 52;
    if (c == (url ? '-' : '+'))
        return 62;
    if (c == (url ? '_' : '/'))
        return 63;
    return -1;
}

void base64_encode(const uint8_t *p, size_t n, bool url, char *out)
{
    size_t o = 0;
    for (size_t i = 0; i < n; i += 3) {
        size_t have = n - i < 3 ? n - i : 3;
        unsigned v = (unsigned)p[i] << 16 | (have > 1 ? (unsigned)p[i + 1] << 8 : 0) | (have > 2 ? (unsigned)p[i + 2] : 0);
        out[o] = base64_char(v >> 18 & 63, url);
        out[o + 1] = base64_char(v >> 12 & 63, url);
        out[o + 2] = have > 1 ? base64_char(v >> 6 & 63, url) : '=';
        out[o + 3] = have > 2 ? base64_char(v & 63, url) : '=';
        o += 4;
    }
}

size_t base64_decode(struct view v, bool url, uint8_t *out, size_t out_max)
{
    if (v.n > 0 && v.n % 4 == 0 && v.p[v.n - 1] == '=')
        v.n -= v.n > 1 && v.p[v.n - 2] == '=' ? 2 : 1;
    size_t tail = v.n % 4;
    if (tail == 1)
        return (size_t)-1;
    size_t len = v.n / 4 * 3 + (tail ? tail - 1 : 0);
    if (len > out_max)
        return (size_t)-1;
    unsigned acc = 0, bits = 0;
    size_t o = 0;
    for (size_t i = 0; i < v.n; i++) {
        int d = base64_value(v.p[i], url);
        if (d < 0)
            return (size_t)-1;
        acc = (acc << 6 | (unsigned)d) & 0xffffff;
        bits += 6;
        if (bits >= 8) {
            bits -= 8;
            out[o++] = (uint8_t)(acc >> bits & 255);
        }
    }
    if (acc & ((1u << bits) - 1)) /* the unused bits must be zero: one encoding per value */
        return (size_t)-1;
    return o;
}

static bool continuation(char c)
{
    return ((unsigned char)c & 0xc0) == 0x80;
}

size_t utf8_sequence(const char *p, size_t n)
{
    if (n == 0)
        return 0;
    unsigned char a = (unsigned char)p[0];
    if (a < 0x80)
        return 1;
    if (a < 0xc2 || a > 0xf4 || n < 2 || !continuation(p[1]))
        return 0;
    unsigned char b = (unsigned char)p[1];
    if (a < 0xe0)
        return 2;
    if ((a == 0xe0 && b < 0xa0) || (a == 0xed && b > 0x9f) || (a == 0xf0 && b < 0x90) || (a == 0xf4 && b > 0x8f))
        return 0;
    if (n < 3 || !continuation(p[2]))
        return 0;
    if (a < 0xf0)
        return 3;
    return n >= 4 && continuation(p[3]) ? 4 : 0;
}

size_t utf8_encode(uint32_t c, char out[4])
{
    if (c < 0x80) {
        out[0] = (char)c;
        return 1;
    }
    if (c < 0x800) {
        out[0] = (char)(0xc0 | (c >> 6));
        out[1] = (char)(0x80 | (c & 0x3f));
        return 2;
    }
    if (c < 0x10000) {
        out[0] = (char)(0xe0 | (c >> 12));
        out[1] = (char)(0x80 | ((c >> 6) & 0x3f));
        out[2] = (char)(0x80 | (c & 0x3f));
        return 3;
    }
    out[0] = (char)(0xf0 | (c >> 18));
    out[1] = (char)(0x80 | ((c >> 12) & 0x3f));
    out[2] = (char)(0x80 | ((c >> 6) & 0x3f));
    out[3] = (char)(0x80 | (c & 0x3f));
    return 4;
}

bool utf8_valid(struct view v)
{
    size_t i = 0;
    while (i < v.n) {
        size_t k = utf8_sequence(v.p + i, v.n - i);
        if (k == 0)
            return false;
        i += k;
    }
    return true;
}

size_t utf8_sanitize(struct view v, char *out)
{
    size_t o = 0, i = 0;
    while (i < v.n) {
        size_t k = utf8_sequence(v.p + i, v.n - i);
        if (k == 0) {
            out[o++] = (char)0xef;
            out[o++] = (char)0xbf;
            out[o++] = (char)0xbd;
            i++;
            continue;
        }
        for (size_t j = 0; j < k; j++)
            out[o++] = v.p[i + j];
        i += k;
    }
    return o;
}
