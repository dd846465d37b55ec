/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Authconfig: the `auth` member of CRI's AuthConfig, base64 of "user:password", as image pull secrets carry it.
 */
#ifndef CRI_PARSE_AUTHCONFIG_H
#define CRI_PARSE_AUTHCONFIG_H

#include "base/arena.h"
#include "base/err.h"
#include "base/view.h"

enum { AUTH_TEXT_MAX = 64 * 1024 }; /* bytes of the base64 text */

/* Decodes; NULs at the ends of the password are stripped, as other runtimes do; blanks around the base64 too. -ERR_INVALID_ARGUMENT
 * when it is not base64, has no ':', or a NUL inside. Errors never quote the secret. */
int authconfig_decode(struct view auth, struct arena *a, const char **ret_user, const char **ret_password, struct err *e);

#endif
