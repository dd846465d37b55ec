/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Userspec: the USER of an image and the user of a container, "user[:group]", each part a number or a name.
 *
 * A part that reads as a number is a number for good. Out of range is an error: it is never looked up as a name (CVE-2026-46680)
 * and never wraps round to another id (CVE-2024-40635). The largest id is 2^31-1, which is runc's limit. As in Go's number reading,
 * which containerd and runc use here, a leading '+' and leading zeros are allowed; unlike there, "-0" is out of range and not root.
 * Pure code, open to proof.
 */
#ifndef CRI_PARSE_USERSPEC_H
#define CRI_PARSE_USERSPEC_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/view.h"

#define USER_ID_MAX UINT32_C(2147483647)

enum user_class {
    USER_EMPTY = 0,
    USER_NUMERIC,
    USER_NAME,
    USER_OUT_OF_RANGE, /* a number, but not within 0 to USER_ID_MAX */
};

struct user_part {
    enum user_class class;
    uint32_t id;      /* for USER_NUMERIC, else 0 */
    struct view name; /* for USER_NAME, else empty; points into the text */
};

struct userspec {
    struct user_part user, group; /* never USER_OUT_OF_RANGE */
    bool has_group;               /* a ':' was there, even if nothing stood behind it */
};

/* Total: says what one part is. */
struct user_part user_classify(struct view v);

/* Parses "user", "user:group", ":group", "". -ERR_INVALID_ARGUMENT when a part is out of range or there is more than one ':'. */
int userspec_parse(struct view v, struct userspec *ret, struct err *e);

/* The USER of an image as CRI reports it: the group is cut off; then number, name, or empty when there is none. A number out of range
 * is -ERR_INVALID_ARGUMENT. (getUserFromImage of the first cri-containerd.) */
int user_from_image(struct view user, struct user_part *ret, struct err *e);

#endif
