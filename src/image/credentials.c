/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Credentials: see the header.
 */
#include "image/credentials.h"

#include <string.h>
#include <strings.h>

#include "base/codec.h"
#include "image/pull.h"
#include "parse/authconfig.h"
#include "parse/url.h"

const char *credentials_registry_host(const char *domain)
{
    return strcmp(domain, "docker.io") == 0 ? "registry-1.docker.io" : domain;
}

/* The host[:port] of a server address. */
static struct view address_host(struct view v)
{
    v = view_trim(v);
    for (size_t i = 0; i + 3 <= v.n; i++)
        if (memcmp(v.p + i, "://", 3) == 0) {
            v = view_slice(v, i + 3, v.n);
            break;
        }
    v = view_slice(v, 0, view_find(v, '/'));
    struct view port = VIEW_LIT(":443");
    return view_ends(v, port) ? view_slice(v, 0, v.n - port.n) : v;
}

static bool is_docker_hub(struct view host)
{
    return view_eq_nocase(host, VIEW_LIT("docker.io")) || view_eq_nocase(host, VIEW_LIT("index.docker.io")) ||
           view_eq_nocase(host, VIEW_LIT("registry-1.docker.io"));
}

bool credentials_match(const char *server_address, const char *domain)
{
    if (!server_address || !*server_address)
        return true;
    struct view given = address_host(view_of(server_address)), wanted = address_host(view_of(domain));
    if (is_docker_hub(wanted))
        return is_docker_hub(given);
    return given.n > 0 && view_eq_nocase(given, wanted);
}

static const char *text_or_empty(const char *s)
{
    return s ? s : "";
}

/* Values go into headers: a line break would start another one. */
static int check_value(const char *value, const char *what, struct err *e)
{
    for (const unsigned char *p = (const unsigned char *)value; *p; p++)
        if (*p < 0x20 || *p == 0x7f)
            return err_raise(e, ERR_INVALID_ARGUMENT, "%s of the credentials holds a control character", what);
    return 0;
}

/* As it is, and as a form or an address has it: a token server may say back what it was sent. */
static int add_secret(struct credentials *c, struct arena *a, const char *s, struct err *e)
{
    static const char name[] = "s";
    struct kvlist pair = {0};
    const char *form;
    if (!*s)
        return 0;
    if (strlist_add(&c->secrets, a, s) < 0 || kvlist_set(&pair, a, name, s) < 0)
        return err_oom(e);
    TRY(url_form(&pair, a, &form, e));
    form += sizeof name; /* "s=" */
    return strcmp(form, s) != 0 && strlist_add(&c->secrets, a, form) < 0 ? err_oom(e) : 0;
}

static int keep(struct arena *a, const char *value, const char **ret, struct err *e)
{
    *ret = arena_strdup(a, text_or_empty(value));
    return *ret ? 0 : err_oom(e);
}

/* Everything that the request brought is a secret, whether it is used or not. */
static int collect_secrets(const struct image_auth *auth, struct credentials *c, struct arena *a, struct err *e)
{
    TRY(add_secret(c, a, text_or_empty(auth->password), e));
    TRY(add_secret(c, a, text_or_empty(auth->auth), e));
    TRY(add_secret(c, a, text_or_empty(auth->identity_token), e));
    TRY(add_secret(c, a, text_or_empty(auth->registry_token), e));
    if (!*c->user)
        return 0;
    char *pair = arena_printf(a, "%s:%s", c->user, c->password);
    size_t n = pair ? strlen(pair) : 0;
    char *basic = pair ? arena_alloc(a, base64_encoded_len(n) + 1) : NULL;
    if (!basic)
        return err_oom(e);
    base64_encode((const uint8_t *)pair, n, false, basic);
    TRY(add_secret(c, a, c->password, e));
    return add_secret(c, a, basic, e);
}

int credentials_choose(const struct image_auth *auth, const char *domain, struct arena *a, struct credentials *ret, struct err *e)
{
    struct credentials c = {.user = "", .password = "", .identity_token = "", .registry_token = ""};
    if (!auth || !credentials_match(auth->server_address, domain)) {
        *ret = c;
        return 0;
    }
    if (auth->username && *auth->username) {
        TRY(keep(a, auth->username, &c.user, e));
        TRY(keep(a, auth->password, &c.password, e));
    } else if (auth->identity_token && *auth->identity_token) {
        TRY(keep(a, auth->identity_token, &c.identity_token, e));
    } else if (auth->auth && *auth->auth) {
        TRY(authconfig_decode(view_of(auth->auth), a, &c.user, &c.password, e));
    } else {
        TRY(keep(a, auth->registry_token, &c.registry_token, e));
    }
    TRY(check_value(c.user, "the user name", e));
    TRY(check_value(c.password, "the password", e));
    TRY(check_value(c.identity_token, "the identity token", e));
    TRY(check_value(c.registry_token, "the registry token", e));
    TRY(collect_secrets(auth, &c, a, e));
    *ret = c;
    return 0;
}

/* What a server says is cut where it is long: the beginning of a secret may be the text's end. */
static void scrub_cut(const char *secret, size_t n, char *text)
{
    size_t length = strlen(text);
    for (size_t k = MIN_OF(n - 1, length); k >= SECRET_MIN; k--)
        if (strncasecmp(text + length - k, secret, k) == 0) {
            memset(text + length - k, '*', k);
            return;
        }
}

void credentials_scrub(const struct strlist *secrets, char *text)
{
    for (size_t i = 0; i < secrets->n; i++) {
        size_t n = strlen(secrets->v[i]);
        if (n < SECRET_MIN)
            continue;
        for (char *at = strcasestr(text, secrets->v[i]); at; at = strcasestr(at + n, secrets->v[i]))
            memset(at, '*', n);
        scrub_cut(secrets->v[i], n, text);
    }
}
