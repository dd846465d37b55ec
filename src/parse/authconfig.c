/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Credentials of CRI's AuthConfig, see authconfig.h.
 */
#include "parse/authconfig.h"

#include "base/codec.h"

static struct view trim_nuls(struct view v)
{
    while (v.n > 0 && v.p[0] == '\0')
        v = view_slice(v, 1, v.n);
    while (v.n > 0 && v.p[v.n - 1] == '\0')
        v.n--;
    return v;
}

int authconfig_decode(struct view auth, struct arena *a, const char **ret_user, const char **ret_password, struct err *e)
{
    struct view text = view_trim(auth), user, password;
    if (text.n > AUTH_TEXT_MAX)
        return err_raise(e, ERR_INVALID_ARGUMENT, "auth is longer than %d bytes", (int)AUTH_TEXT_MAX);
    char *decoded = arena_alloc(a, text.n + 1);
    if (!decoded)
        return err_oom(e);
    size_t n = base64_decode(text, false, (uint8_t *)decoded, text.n);
    if (n == (size_t)-1)
        return err_raise(e, ERR_INVALID_ARGUMENT, "auth is not base64");
    if (!view_cut(view_make(decoded, n), ':', &user, &password))
        return err_raise(e, ERR_INVALID_ARGUMENT, "auth is not base64 of \"user:password\": it has no ':'");
    password = trim_nuls(password);
    if (view_find(user, '\0') < user.n || view_find(password, '\0') < password.n)
        return err_raise(e, ERR_INVALID_ARGUMENT, "auth contains a NUL");
    const char *u = arena_view(a, user), *p = arena_view(a, password);
    if (!u || !p)
        return err_oom(e);
    *ret_user = u;
    *ret_password = p;
    return 0;
}
