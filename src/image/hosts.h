/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Hosts: which servers are asked for the images of a registry, from the directories that containerd's registry.config_path names.
 *
 * In each directory, in order, the first of these that exists counts: <host>_<port>_, <host>:<port> (or <host>), _default. In it
 * hosts.toml is read (parse/hosts.h); without one, as for Docker, *.crt are CA certificates and *.cert with *.key are client
 * certificates. Nothing is kept: the next call sees a changed file.
 */
#ifndef CRI_IMAGE_HOSTS_H
#define CRI_IMAGE_HOSTS_H

#include "base/arena.h"
#include "base/err.h"
#include "image/http.h"
#include "parse/hosts.h"

enum { HOSTS_FILE_BYTES_MAX = 1 << 20 };

/* A server to ask. */
struct hosts_server {
    const char *schemes[2];  /* in the order in which they are tried until one answers; the second may be NULL */
    const char *host;        /* host[:port] */
    const char *path;        /* "/v2" */
    bool mirror;             /* another host than the registry's own: it is told whose image is meant */
    unsigned capabilities;   /* HOSTS_PULL ... */
    struct http_tls tls;
    struct strlist headers;  /* "Name: value"; secret */
    uint64_t dial_timeout;   /* ns, 0: not told */
};

struct hosts_list {
    struct hosts_server *v; /* in the order in which they are asked; at least one */
    size_t n;
};

/* The servers for the registry `domain` (of a reference; "docker.io" is served by registry-1.docker.io) in a. config_path: directories
 * with ':' between, "" or NULL for none; one that is missing is passed over. Without any file it is the registry itself: https, or for
 * loopback hosts http and then https, unverified.
 * INVALID_ARGUMENT: a hosts.toml that cannot be understood; the message names file, line and key. Another failure to read is raised
 * with its errno's code. RESOURCE_EXHAUSTED. */
int hosts_find(const char *config_path, const char *domain, struct arena *a, struct hosts_list *ret, struct err *e);

#endif
