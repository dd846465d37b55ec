/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The second opinion on JSON: jansson's tree of the same text. Oracles of the JSON targets ask it what a member is.
 */
#ifndef CRI_FUZZ_JSON_ORACLE_H
#define CRI_FUZZ_JSON_ORACLE_H

#include <jansson.h>

#include "fuzz.h"

/* NULL when jansson refuses the text. */
static inline json_t *oracle_load(const uint8_t *data, size_t size)
{
    json_error_t error;
    return json_loadb((const char *)data, size, JSON_DECODE_ANY | JSON_ALLOW_NUL, &error);
}

/* The string member of an object, "" when it is absent or null. */
static inline const char *oracle_str(json_t *object, const char *name)
{
    json_t *v = json_object_get(object, name);
    FUZZ_CHECK_MSG(!v || json_is_null(v) || json_is_string(v), "%s", name);
    return v && json_is_string(v) ? json_string_value(v) : "";
}

/* Length of an array or number of members, 0 when it is absent or null. */
static inline size_t oracle_count(json_t *object, const char *name)
{
    json_t *v = json_object_get(object, name);
    FUZZ_CHECK_MSG(!v || json_is_null(v) || json_is_array(v) || json_is_object(v), "%s", name);
    return v && json_is_array(v) ? json_array_size(v) : v && json_is_object(v) ? json_object_size(v) : 0;
}

#endif
