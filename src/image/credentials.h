/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Credentials: which secrets of a pull request may be shown to which registry, and keeping them out of error texts.
 */
#ifndef CRI_IMAGE_CREDENTIALS_H
#define CRI_IMAGE_CREDENTIALS_H

#include <stdbool.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/strv.h"

struct image_auth; /* image/pull.h */

/* "" where not given, never NULL. At most one of: user (with password), identity_token, registry_token. */
struct credentials {
    const char *user, *password;
    const char *identity_token;
    const char *registry_token;
    struct strlist secrets; /* every text that must not be shown */
};

/* The host that is asked for images of a reference's domain: "docker.io" is served by "registry-1.docker.io", others by
 * themselves. Static or the argument. */
const char *credentials_registry_host(const char *domain);

/* True when a server address as credential stores write it ("reg:5000", "https://reg:5000/v2/", "https://index.docker.io/v1/",
 * "") is for the registry of this domain. Empty is for every registry. Letter case and the default port 443 do not matter. */
bool credentials_match(const char *server_address, const char *domain);

/* What of auth (NULL: nothing) may be shown to the registry of domain, in a. INVALID_ARGUMENT when auth.auth is not base64 of
 * "user:password" or a value holds a control character; RESOURCE_EXHAUSTED. */
int credentials_choose(const struct image_auth *auth, const char *domain, struct arena *a, struct credentials *ret,
                       struct err *e);

/* Replaces every occurrence (letter case ignored) of a secret of at least SECRET_MIN bytes in text by asterisks, in place.
 * Shorter ones are left: they cannot be told from ordinary words. */
enum { SECRET_MIN = 4 };
void credentials_scrub(const struct strlist *secrets, char *text);

#endif
