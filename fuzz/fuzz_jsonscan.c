/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The JSON scanner against jansson: every document that comes from a registry, a plugin or a stored record passes through it.
 * Reaches parse/jsonscan.
 *
 * Oracle: both accept the same texts, but for these differences, which are wanted: numbers that jansson cannot hold are text here;
 * an escaped NUL in a key is legal JSON that jansson does not hold; jansson nests deeper; a raw NUL, never legal, can end what
 * jansson reads. What both accept is the same tree: kinds, strings after unescaping, integers, counts of elements, the last one of
 * equal keys. Every value's raw text is itself a valid document.
 */
#include "base/num.h"
#include "json_oracle.h"
#include "parse/jsonscan.h"

static void compare(struct jsonscan_value v, json_t *j);

static void compare_array(struct jsonscan_value v, json_t *j)
{
    struct jsonscan_iter it = jsonscan_iter(v);
    struct jsonscan_value element;
    size_t i = 0;
    FUZZ_CHECK(jsonscan_count(v) == json_array_size(j));
    while (jsonscan_next(&it, NULL, &element))
        compare(element, json_array_get(j, i++));
    FUZZ_CHECK(i == json_array_size(j));
}

static void compare_object(struct jsonscan_value v, json_t *j)
{
    const char *key;
    json_t *value;
    FUZZ_CHECK(jsonscan_count(v) >= json_object_size(j));
    json_object_foreach(j, key, value)
    {
        struct jsonscan_value mine = jsonscan_get(v, key);
        FUZZ_CHECK_MSG(mine.kind != JSONSCAN_NONE, "%s", key);
        compare(mine, value);
    }
    struct jsonscan_iter it = jsonscan_iter(v);
    struct view raw;
    struct jsonscan_value member;
    while (jsonscan_next(&it, &raw, &member)) {
        char name[256];
        size_t n = jsonscan_unescape(raw, name, sizeof name - 1);
        if (n >= sizeof name)
            continue;
        name[n] = '\0';
        FUZZ_CHECK_MSG(strlen(name) == n && json_object_get(j, name), "%s", name);
    }
}

static void compare_string(struct jsonscan_value v, json_t *j)
{
    size_t n = jsonscan_unescape(v.raw, NULL, 0);
    FUZZ_CHECK(n == json_string_length(j));
    char *s = mem_alloc(n);
    if (!s)
        abort();
    FUZZ_CHECK(jsonscan_unescape(v.raw, s, n) == n && memcmp(s, json_string_value(j), n) == 0);
    mem_free(s);
    if (strlen(json_string_value(j)) == n)
        FUZZ_CHECK(jsonscan_str_eq(v.raw, json_string_value(j)));
}

static void compare(struct jsonscan_value v, json_t *j)
{
    int64_t number;
    struct jsonscan_value again;
    if (v.raw.n < 200)
        FUZZ_CHECK(jsonscan_check(v.raw, &again, NULL) == JSONSCAN_OK && again.kind == v.kind && view_eq(again.raw, v.raw));
    switch (v.kind) {
    case JSONSCAN_NULL:
        FUZZ_CHECK(json_is_null(j));
        break;
    case JSONSCAN_TRUE:
    case JSONSCAN_FALSE:
        FUZZ_CHECK(json_is_boolean(j) && json_is_true(j) == (v.kind == JSONSCAN_TRUE));
        break;
    case JSONSCAN_NUMBER:
        FUZZ_CHECK(json_is_number(j));
        FUZZ_CHECK(json_is_integer(j) == (num_parse_i64(v.raw, INT64_MIN, INT64_MAX, &number) == NUM_OK));
        FUZZ_CHECK(!json_is_integer(j) || json_integer_value(j) == number);
        break;
    case JSONSCAN_STRING:
        FUZZ_CHECK(json_is_string(j));
        compare_string(v, j);
        break;
    case JSONSCAN_ARRAY:
        FUZZ_CHECK(json_is_array(j));
        compare_array(v, j);
        break;
    case JSONSCAN_OBJECT:
        FUZZ_CHECK(json_is_object(j));
        compare_object(v, j);
        break;
    default:
        FUZZ_CHECK(v.kind != JSONSCAN_NONE);
    }
}

int fuzz_one(const uint8_t *data, size_t size)
{
    struct jsonscan_value v;
    struct err e = ERR_INIT;
    json_error_t error;
    size_t at = 0;
    if (size > 8192)
        return 0;
    struct view text = view_make((const char *)data, size);
    enum jsonscan_class class = jsonscan_check(text, &v, &at);
    FUZZ_CHECK(at <= size);
    int r = jsonscan_parse(text, &v, &e);
    fuzz_check_result(r, &e);
    FUZZ_CHECK((r == 0) == (class == JSONSCAN_OK));
    if (size && memchr(data, '\0', size)) {
        FUZZ_CHECK(class != JSONSCAN_OK);
        return 0;
    }
    json_t *j = json_loadb((const char *)data, size, JSON_DECODE_ANY | JSON_ALLOW_NUL, &error);
    if (j && class == JSONSCAN_OK)
        compare(v, j);
    else if (j)
        FUZZ_CHECK_MSG(class == JSONSCAN_TOO_DEEP, "class %d at %zu, jansson accepts", class, at);
    else if (class == JSONSCAN_OK)
        FUZZ_CHECK_MSG(json_error_code(&error) == json_error_numeric_overflow || json_error_code(&error) == json_error_null_byte_in_key,
                       "jansson: %s", error.text);
    json_decref(j);
    return 0;
}
