/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Hosts: the meaning of a hosts.toml file, which says which servers are asked for the images of a registry (containerd,
 * docs/hosts.md). Pure code; finding and reading the files is image/hosts.
 */
#ifndef CRI_PARSE_HOSTS_H
#define CRI_PARSE_HOSTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/strv.h"
#include "parse/toml.h"

enum {
    HOSTS_MAX = 64,        /* host tables of a file */
    HOSTS_LIST_MAX = 64,   /* entries of ca, of client, values of header */
    HOSTS_TEXT_MAX = 4096, /* bytes of one text */
};

/* What a server is trusted with. */
enum {
    HOSTS_PULL = 1,    /* content by digest */
    HOSTS_RESOLVE = 2, /* which digest a tag stands for */
    HOSTS_PUSH = 4,
    HOSTS_REFERRERS = 8,
    HOSTS_EVERYTHING = 15,
};

struct hosts_host {
    const char *name;             /* as written; "" for a server that the file does not name */
    uint32_t line;                /* where its table is, 1 for the server */
    const char *scheme;           /* "http", "https"; "" when name is */
    const char *host;             /* host[:port] */
    const char *path;             /* in front of the repository: "/v2", "/mirror/v2", "" */
    unsigned capabilities;        /* HOSTS_PULL ... */
    struct strlist ca;            /* files of CA certificates, as written */
    struct kvlist clients;        /* file of a certificate and of its key, "" for one that holds both; as written */
    bool has_skip_verify;         /* the file says one or the other */
    bool skip_verify;
    struct strlist headers;       /* "Name: value"; secret */
    uint64_t dial_timeout;        /* ns, 0: not told */
};

struct hosts {
    struct hosts_host *v; /* in the file's order; the server is the last one */
    size_t n;
};

/* Reads the tree of a file. *ret lives in a and refers to the tree. Keys that are not known are passed over, as containerd does.
 * -ERR_INVALID_ARGUMENT: a value has a wrong type or no meaning; the message starts with "line L: " and names host and key, and
 * never the value of a header. -ERR_RESOURCE_EXHAUSTED: a maximum is passed, or memory is short. */
int hosts_parse(const struct toml *root, struct arena *a, struct hosts *ret, struct err *e);

#endif
