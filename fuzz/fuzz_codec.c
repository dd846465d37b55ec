/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The codecs and numbers of base: hexadecimal, base64, UTF-8, decimal/octal/hexadecimal numbers, strings of the JSON writer.
 * Their input is whatever any peer sends: credentials, names in requests, fields of records, messages of errors. Every input goes
 * to all of them, as bytes to encode and as text to decode.
 *
 * Oracle: naive re-implementations that share no idea with the code: base64 by a string of bits, and a text is base64 exactly
 * when encoding what it decodes to gives it back (with its padding or with none); UTF-8 by computing the code point first and
 * judging it after; numbers by comparing digits as text; a JSON string by undoing its escapes, and by jansson. Nothing is written
 * beyond the length that is promised: each buffer has exactly that.
 */
#include <inttypes.h>
#include <strings.h>

#include "base/codec.h"
#include "base/jsonw.h"
#include "base/num.h"
#include "json_oracle.h"

enum { INPUT_MAX = 4096 };

static void *room(size_t n)
{
    void *p = mem_alloc(n);
    FUZZ_CHECK(p);
    return p;
}

static void check_hex(struct view v)
{
    _cleanup_free_ char *out = room(2 * v.n);
    hex_encode((const uint8_t *)v.p, v.n, out);
    for (size_t i = 0; i < v.n; i++) {
        char want[3];
        snprintf(want, sizeof want, "%02x", (unsigned char)v.p[i]);
        FUZZ_CHECK(memcmp(out + 2 * i, want, 2) == 0);
        FUZZ_CHECK(hex_digit(want[0]) * 16 + hex_digit(want[1]) == (unsigned char)v.p[i]);
        const char *at = v.p[i] ? strchr("0123456789abcdef0123456789ABCDEF", v.p[i]) : NULL;
        FUZZ_CHECK((hex_digit(v.p[i]) >= 0) == (at != NULL));
    }
}

static const char base64_digits[2][65] = {"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/",
                                          "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"};

/* Bit i of the bytes, from the highest of the first on; 0 beyond the end. */
static unsigned bit(const uint8_t *p, size_t n, size_t i)
{
    return i / 8 < n ? p[i / 8] >> (7 - i % 8) & 1u : 0;
}

/* Writes the digits and the padding; returns the number of digits, *ret_n gets the length with padding. */
static size_t naive_base64(const uint8_t *p, size_t n, bool url, char *out, size_t *ret_n)
{
    size_t o = 0;
    for (size_t i = 0; i < 8 * n; i += 6) {
        unsigned digit = 0;
        for (size_t j = 0; j < 6; j++)
            digit = digit * 2 + bit(p, n, i + j);
        out[o++] = base64_digits[url][digit];
    }
    size_t digits = o;
    while (o % 4)
        out[o++] = '=';
    *ret_n = o;
    return digits;
}

/* The bytes that the digits at the beginning of the text stand for, whatever follows them. */
static size_t naive_base64_bytes(struct view text, bool url, uint8_t *out)
{
    size_t bits = 0;
    memset(out, 0, text.n + 1);
    for (size_t i = 0; i < text.n; i++) {
        const char *at = text.p[i] ? strchr(base64_digits[url], text.p[i]) : NULL;
        if (!at)
            break;
        unsigned digit = (unsigned)(at - base64_digits[url]);
        for (size_t j = 0; j < 6; j++, bits++)
            out[bits / 8] |= (uint8_t)((digit >> (5 - j) & 1u) << (7 - bits % 8));
    }
    return bits / 8;
}

static void check_base64_encode(struct view v, bool url)
{
    size_t n, len = base64_encoded_len(v.n);
    _cleanup_free_ char *got = room(len), *want = room(2 * v.n + 4);
    _cleanup_free_ uint8_t *back = room(v.n);
    base64_encode((const uint8_t *)v.p, v.n, url, got);
    size_t digits = naive_base64((const uint8_t *)v.p, v.n, url, want, &n);
    FUZZ_CHECK(n == len && memcmp(got, want, n) == 0);
    FUZZ_CHECK(base64_decode(view_make(got, len), url, back, v.n) == v.n && view_eq(view_make((char *)back, v.n), v));
    FUZZ_CHECK(base64_decode(view_make(got, digits), url, back, v.n) == v.n && view_eq(view_make((char *)back, v.n), v));
    FUZZ_CHECK(v.n == 0 || base64_decode(view_make(got, len), url, back, v.n - 1) == (size_t)-1);
}

static void check_base64_decode(struct view text, bool url)
{
    size_t whole;
    _cleanup_free_ uint8_t *want = room(text.n + 1), *got = room(text.n);
    _cleanup_free_ char *again = room(2 * text.n + 4);
    size_t n = naive_base64_bytes(text, url, want);
    size_t digits = naive_base64(want, n, url, again, &whole);
    bool good = view_eq(text, view_make(again, whole)) || view_eq(text, view_make(again, digits));
    size_t r = base64_decode(text, url, got, text.n);
    FUZZ_CHECK_MSG((r != (size_t)-1) == good, "%zu", r);
    FUZZ_CHECK(!good || (r == n && memcmp(got, want, n) == 0));
}

/* Length of the sequence at p, 0 when it is none: the code point first, then what RFC 3629 says of it. */
static size_t naive_sequence(const char *s, size_t n)
{
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    const unsigned char *p = (const unsigned char *)s;
    size_t ones = 0;
    if (n == 0)
        return 0;
    while (ones < 8 && (p[0] << ones & 0x80))
        ones++;
    if (ones == 0)
        return 1;
    if (ones == 1 || ones > 4 || ones > n)
        return 0;
    uint32_t code = p[0] & (0x7fu >> ones);
    for (size_t i = 1; i < ones; i++) {
        if (p[i] / 64 != 2)
            return 0;
        code = code * 64 + p[i] % 64;
    }
    return code < least[ones] || code > 0x10ffff || (code >= 0xd800 && code < 0xe000) ? 0 : ones;
}

/* The text with each bad byte replaced, in a buffer of exactly that length. */
static struct view check_utf8(struct view v)
{
    bool valid = true;
    size_t n = 0;
    _cleanup_free_ char *want = room(3 * v.n), *got = room(3 * v.n);
    for (size_t i = 0; i < v.n; i++)
        FUZZ_CHECK(utf8_sequence(v.p + i, v.n - i) == naive_sequence(v.p + i, v.n - i));
    for (size_t i = 0; i < v.n;) {
        size_t k = naive_sequence(v.p + i, v.n - i);
        valid = valid && k > 0;
        memcpy(want + n, k ? v.p + i : "\xef\xbf\xbd", k ? k : 3);
        n += k ? k : 3;
        i += k ? k : 1;
    }
    FUZZ_CHECK(utf8_valid(v) == valid);
    FUZZ_CHECK(utf8_sanitize(v, got) == n && memcmp(got, want, n) == 0);
    FUZZ_CHECK(utf8_valid(view_make(got, n)) && (!valid || n == v.n));
    char *exact = room(n);
    memcpy(exact, got, n);
    return view_make(exact, n);
}

/* Text without its leading zeros. */
static struct view significant(struct view v)
{
    while (v.n > 0 && v.p[0] == '0')
        v = view_slice(v, 1, v.n);
    return v;
}

/* What a number in these digits is, by comparing digits with those of the maximum. */
static enum num_status naive_number(struct view v, const char *digits, const char *max)
{
    for (size_t i = 0; i < v.n; i++)
        if (!v.p[i] || !strchr(digits, v.p[i]))
            return NUM_NOT_A_NUMBER;
    if (v.n == 0)
        return NUM_NOT_A_NUMBER;
    struct view s = significant(v), m = significant(view_of(max));
    if (s.n != m.n)
        return s.n < m.n ? NUM_OK : NUM_OUT_OF_RANGE;
    return s.n == 0 || strncasecmp(s.p, m.p, s.n) <= 0 ? NUM_OK : NUM_OUT_OF_RANGE;
}

static void check_unsigned(struct view v, uint64_t max)
{
    static const struct {
        enum num_status (*parse)(struct view, uint64_t, uint64_t *);
        const char *format, *digits;
    } bases[] = {
        {num_parse_u64, "%" PRIu64, "0123456789"},
        {num_parse_hex, "%" PRIx64, "0123456789abcdefABCDEF"},
        {num_parse_octal, "%" PRIo64, "01234567"},
    };
    for (size_t i = 0; i < ARRAY_SIZE(bases); i++) {
        char text[32];
        uint64_t value = 42;
        const char *format = bases[i].format;
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
        snprintf(text, sizeof text, format, max);
        enum num_status s = bases[i].parse(v, max, &value);
        FUZZ_CHECK_MSG(s == naive_number(v, bases[i].digits, text), "%d", (int)s);
        if (s != NUM_OK) {
            FUZZ_CHECK(value == 42);
            continue;
        }
        snprintf(text, sizeof text, format, value);
#pragma GCC diagnostic pop
        FUZZ_CHECK(value <= max && view_eq_nocase(significant(view_of(text)), significant(v)));
    }
}

static void check_signed(struct view v, int64_t min, int64_t max)
{
    int64_t value = 42;
    bool negative = v.n > 0 && v.p[0] == '-';
    struct view digits = negative ? view_slice(v, 1, v.n) : v;
    enum num_status s = num_parse_i64(v, min, max, &value);
    enum num_status fits = naive_number(digits, "0123456789", negative ? "9223372036854775808" : "9223372036854775807");
    FUZZ_CHECK(fits == NUM_OK || s == fits);
    FUZZ_CHECK(s == NUM_OK || value == 42);
    if (fits != NUM_OK)
        return;
    /* It is a number, so it has a value; read with the full range, the digits must be those of the text. */
    int64_t full;
    char text[32];
    FUZZ_CHECK(num_parse_i64(v, INT64_MIN, INT64_MAX, &full) == NUM_OK);
    snprintf(text, sizeof text, "%" PRId64, full);
    FUZZ_CHECK((full < 0) == (negative && significant(digits).n > 0));
    FUZZ_CHECK(view_eq(significant(view_of(full < 0 ? text + 1 : text)), significant(digits)));
    FUZZ_CHECK((s == NUM_OK) == (full >= min && full <= max) && (s != NUM_OK || value == full));
}

static void check_numbers(struct view v)
{
    uint64_t some = UINT64_C(14695981039346656037);
    for (size_t i = 0; i < v.n; i++)
        some = (some ^ (unsigned char)v.p[i]) * UINT64_C(1099511628211);
    const uint64_t maxima[] = {0, 1, 7, 8, 255, UINT32_MAX, INT64_MAX, UINT64_MAX - 1, UINT64_MAX, some, some >> (some & 63)};
    for (size_t i = 0; i < ARRAY_SIZE(maxima); i++) {
        check_unsigned(v, maxima[i]);
        int64_t max = (int64_t)(maxima[i] & INT64_MAX);
        check_signed(v, INT64_MIN, max);
        check_signed(v, -max, INT64_MAX);
        check_signed(v, 0, max);
    }
}

/* Undoes the escapes of a JSON string; what the writer never writes is a failure. */
static size_t unescape(struct view json, char *out)
{
    size_t n = 0;
    FUZZ_CHECK(json.n >= 2 && json.p[0] == '"' && json.p[json.n - 1] == '"');
    for (size_t i = 1; i < json.n - 1; i++) {
        FUZZ_CHECK((unsigned char)json.p[i] >= 0x20 && json.p[i] != '"');
        if (json.p[i] != '\\') {
            out[n++] = json.p[i];
            continue;
        }
        char c = json.p[++i];
        if (c == 'u') {
            unsigned code = 0;
            FUZZ_CHECK(i + 4 < json.n - 1 && sscanf(json.p + i + 1, "00%2x", &code) == 1 && code < 0x20);
            out[n++] = (char)code;
            i += 4;
        } else {
            FUZZ_CHECK(c == '"' || c == '\\' || c == 'n' || c == 't');
            out[n++] = c == 'n' ? '\n' : c == 't' ? '\t' : c;
        }
    }
    return n;
}

static int write_string(void *arg, struct err *e)
{
    _cleanup_buf_ struct buf b = BUF_INIT(16 * INPUT_MAX);
    struct jsonw w;
    jsonw_init(&w, &b);
    jsonw_view(&w, *(struct view *)arg);
    return jsonw_finish(&w, e);
}

static void check_json(struct view v, struct view clean)
{
    struct err e = ERR_INIT;
    struct jsonw w;
    _cleanup_buf_ struct buf b = BUF_INIT(16 * INPUT_MAX), in_object = BUF_INIT(16 * INPUT_MAX);
    jsonw_init(&w, &b);
    jsonw_view(&w, v);
    FUZZ_CHECK(jsonw_finish(&w, &e) == 0);
    _cleanup_free_ char *text = room(b.n);
    size_t n = unescape(buf_view(&b), text);
    FUZZ_CHECK(view_eq(view_make(text, n), clean));
    json_t *j = oracle_load((const uint8_t *)b.p, b.n);
    FUZZ_CHECK(json_is_string(j) && view_eq(view_make(json_string_value(j), json_string_length(j)), clean));
    json_decref(j);
    /* As a key and a value it reads the same. */
    jsonw_init(&w, &in_object);
    jsonw_object(&w);
    jsonw_key_view(&w, v);
    jsonw_view(&w, v);
    jsonw_object_end(&w);
    FUZZ_CHECK(jsonw_finish(&w, &e) == 0 && in_object.n == 2 * b.n + 3);
    FUZZ_CHECK(memcmp(in_object.p + 1, b.p, b.n) == 0 && memcmp(in_object.p + 2 + b.n, b.p, b.n) == 0);
    /* One byte less is too little, and says so. */
    _cleanup_buf_ struct buf tight = BUF_INIT(b.n), less = BUF_INIT(b.n - 1);
    jsonw_init(&w, &tight);
    jsonw_view(&w, v);
    FUZZ_CHECK(jsonw_finish(&w, &e) == 0 && tight.n == b.n);
    jsonw_init(&w, &less);
    jsonw_view(&w, v);
    int r = jsonw_finish(&w, &e);
    fuzz_check_result(r, &e);
    FUZZ_CHECK(r == -ERR_RESOURCE_EXHAUSTED && !err_is_oom(&e) && less.n < b.n);
}

int fuzz_one(const uint8_t *data, size_t size)
{
    /* Exactly the bytes of the input, so that a look beyond them is seen. */
    size_t n = size < INPUT_MAX ? size : INPUT_MAX;
    _cleanup_free_ char *copy = room(n);
    if (n)
        memcpy(copy, data, n);
    struct view v = view_make(n ? copy : NULL, n);
    check_hex(v);
    for (int url = 0; url < 2; url++) {
        check_base64_encode(v, url);
        check_base64_decode(v, url);
    }
    check_numbers(v);
    struct view clean = check_utf8(v);
    check_json(v, clean);
    mem_free((char *)(uintptr_t)clean.p);
    fuzz_sweep(write_string, &v, 6);
    return 0;
}
