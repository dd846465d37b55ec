/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Cniconf: network configurations (CNI specification 1.1, section 1): ".conflist" files, and ".conf" and ".json" files with a single
 * plugin, which become a list of one.
 *
 * The runtime understands only a few members. A plugin's object is kept as the text it was, because it is the plugin's own: numbers,
 * order and unknown members reach the plugin unchanged. Results live in the caller's arena and do not refer to the text given.
 */
#ifndef CRI_PARSE_CNICONF_H
#define CRI_PARSE_CNICONF_H

#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/strv.h"
#include "base/view.h"

enum {
    CNI_CONF_BYTES_MAX = 1 << 20,
    CNI_PLUGINS_MAX = 64,
    CNI_CAPABILITIES_MAX = 64,
    CNI_NAME_MAX = 255,
    CNI_IFNAME_MAX = 15,
};

enum cni_conf_form { CNI_CONF_NONE = 0, CNI_CONF_SINGLE, CNI_CONF_LIST };

struct cni_plugin {
    const char *type;            /* name of the executable: one path component */
    struct strlist capabilities; /* those that are true */
    const char *raw;             /* the plugin's object, as written */
};

struct cni_conf {
    const char *name;
    const char *cni_version; /* "0.1.0" when the file names none (specification: that is the default) */
    bool disable_check, disable_gc;
    struct cni_plugin *plugins; /* at least one */
    size_t n_plugins;
    const char *raw; /* the whole document, as written */
};

/* By a file's name: ".conflist" is a list, ".conf" and ".json" are single, all else is none. */
enum cni_conf_form cni_conf_form_of(struct view file_name);

/* Decodes. -ERR_INVALID_ARGUMENT names the member; a list in a single file and the reverse are told as such. */
int cni_conf_parse(struct view json, enum cni_conf_form form, struct arena *a, struct cni_conf *ret, struct err *e);

bool cni_plugin_has_capability(const struct cni_plugin *p, const char *name);

/* A network name or container id: letters, digits, '_', '.', '-', the first a letter or digit (CNI specification, sections 1 and 2). */
bool cni_name_valid(struct view v);
/* A plugin type: a file name, so no '/' or NUL, not "." or "..". */
bool cni_type_valid(struct view v);
/* An interface name as the kernel takes it: 1 to CNI_IFNAME_MAX bytes, no '/', ':' or blank, not "." or "..". */
bool cni_ifname_valid(struct view v);
/* A version "a.b.c" of decimal numbers; and order of two valid ones (below 0, 0, above 0). An invalid one sorts first. */
bool cni_version_valid(struct view v);
int cni_version_compare(struct view a, struct view b);

/* Newest version that is understood; results up to it can be read. */
#define CNI_VERSION_NEWEST "1.1.0"
#define CNI_VERSION_DEFAULT "0.1.0"

#endif
