/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What every unit test includes: cmocka with its prerequisites, and checks in the terms of this tree.
 */
#ifndef CRI_UNIT_SUPPORT_H
#define CRI_UNIT_SUPPORT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/err.h"
#include "base/mem.h"
#include "base/view.h"

/* A call that must succeed; its error text is printed when it does not. */
#define assert_ok(expr, errp)                                                       \
    do {                                                                            \
        int ok_r_ = (expr);                                                         \
        if (ok_r_ < 0)                                                              \
            fail_msg("%s: %s: %s", #expr, err_code_name((enum err_code)-ok_r_), (errp)->message); \
    } while (0)

/* A call that must fail with this code and a message that contains text. */
#define assert_fails(expr, errp, want_code, text)                                                                    \
    do {                                                                                                             \
        int fails_r_ = (expr);                                                                                       \
        if (fails_r_ >= 0)                                                                                           \
            fail_msg("%s: succeeded, expected %s", #expr, err_code_name(want_code));                                 \
        if (fails_r_ != -(int)(want_code))                                                                           \
            fail_msg("%s: %s (%s), expected %s", #expr, err_code_name((enum err_code)-fails_r_), (errp)->message, err_code_name(want_code)); \
        if (!strstr((errp)->message, (text)))                                                                        \
            fail_msg("%s: message \"%s\" lacks \"%s\"", #expr, (errp)->message, (text));                             \
    } while (0)

#define assert_view(v, want)                                                                  \
    do {                                                                                      \
        struct view v_ = (v);                                                                 \
        if (!view_eq_str(v_, (want)))                                                         \
            fail_msg("%s is \"%.*s\", expected \"%s\"", #v, VIEW_ARG(v_), (want));            \
    } while (0)

#endif
