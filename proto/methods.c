/* SPDX-License-Identifier: Apache-2.0 */

/* Looking up a method by its path. A linear search: 41 CRI methods cost far less than the call itself. */
#include "proto/methods.h"

#include <string.h>

static bool path_is(const char *have, const char *path, size_t len) {
    return have != NULL && strlen(have) == len && memcmp(have, path, len) == 0;
}

static const struct proto_method *find(const struct proto_method *methods, size_t n, const char *path, size_t len) {
    for (size_t i = 0; i < n; i++)
        if (path_is(methods[i].path, path, len) || path_is(methods[i].path_old, path, len))
            return &methods[i];
    return NULL;
}

const struct proto_method *cri_method_find(const char *path, size_t len) {
    return find(cri_methods, CRI_METHOD_COUNT, path, len);
}

const struct proto_method *containerd_method_find(const char *path, size_t len) {
    return find(containerd_methods, CONTAINERD_METHOD_COUNT, path, len);
}
