/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Configurations of images, see ociimage.h.
 */
#include "parse/jsonscan.h"
#include "parse/ociimage.h"

#include "parse/digest.h"

static int read_str(struct jsonscan_value v, const char *what, struct arena *a, const char **ret, struct err *e)
{
    return jsonscan_text(v, what, OCI_STRING_MAX, a, ret, e);
}

static int read_list(struct jsonscan_value v, const char *what, struct arena *a, struct strlist *ret, bool *ret_present, struct err *e)
{
    return jsonscan_strlist(v, what, OCI_LIST_MAX, OCI_STRING_MAX, a, ret, ret_present, e);
}

/* The keys of an object whose values are empty objects. */
static int parse_volumes(struct jsonscan_value v, struct arena *a, struct strlist *ret, struct err *e)
{
    struct jsonscan_value value;
    struct view key;
    bool present;
    TRY(jsonscan_object(v, "config.Volumes", OCI_VOLUMES_MAX, &present, e));
    struct jsonscan_iter it = jsonscan_iter(v);
    while (jsonscan_next(&it, &key, &value)) {
        char *path = NULL;
        TRY(jsonscan_str((struct jsonscan_value){.kind = JSONSCAN_STRING, .raw = key}, "a path in config.Volumes", OCI_STRING_MAX, a, &path, e));
        TRY(jsonscan_object(value, "a value in config.Volumes", SIZE_MAX, &present, e));
        if (!strlist_has(ret, path) && strlist_add(ret, a, path) < 0)
            return err_oom(e);
    }
    return 0;
}

static int parse_execution(struct jsonscan_value v, struct arena *a, struct oci_image_config *c, struct err *e)
{
    static const char *const names[] = {"User",       "WorkingDir", "StopSignal", "ArgsEscaped", "Env",
                                        "Entrypoint", "Cmd",        "Volumes",    "Labels"};
    struct jsonscan_value m[ARRAY_SIZE(names)];
    bool present;
    TRY(jsonscan_object(v, "config", SIZE_MAX, &present, e));
    jsonscan_pick(v, names, ARRAY_SIZE(names), m);
    TRY(read_str(m[0], "config.User", a, &c->user, e));
    TRY(read_str(m[1], "config.WorkingDir", a, &c->working_dir, e));
    TRY(read_str(m[2], "config.StopSignal", a, &c->stop_signal, e));
    TRY(jsonscan_bool(m[3], "config.ArgsEscaped", &c->args_escaped, e));
    TRY(read_list(m[4], "config.Env", a, &c->env, NULL, e));
    TRY(read_list(m[5], "config.Entrypoint", a, &c->entrypoint, &c->has_entrypoint, e));
    TRY(read_list(m[6], "config.Cmd", a, &c->cmd, &c->has_cmd, e));
    TRY(parse_volumes(m[7], a, &c->volumes, e));
    return jsonscan_kvlist(m[8], "config.Labels", OCI_ANNOTATIONS_MAX, OCI_STRING_MAX, a, &c->labels, e);
}

static int parse_rootfs(struct jsonscan_value v, struct arena *a, struct strlist *ret, struct err *e)
{
    struct strlist ids = {.v = NULL};
    bool present;
    TRY(jsonscan_object(v, "rootfs", SIZE_MAX, &present, e));
    TRY(jsonscan_strlist(jsonscan_get(v, "diff_ids"), "rootfs.diff_ids", OCI_LAYERS_MAX, OCI_STRING_MAX, a, &ids, NULL, e));
    for (size_t i = 0; i < ids.n; i++) {
        int r = digest_parse(view_of(ids.v[i]), NULL, e);
        if (r < 0)
            return err_wrap(e, r, "rootfs.diff_ids[%zu]", i);
    }
    *ret = ids;
    return 0;
}

int oci_image_config_parse(struct view json, struct arena *a, struct oci_image_config *ret, struct err *e)
{
    static const char *const names[] = {"created", "author", "os", "architecture", "variant", "os.version", "config", "rootfs"};
    struct jsonscan_value document, m[ARRAY_SIZE(names)];
    struct oci_image_config c = {.args_escaped = false};
    TRY(jsonscan_document(json, "image configuration", OCI_CONFIG_BYTES_MAX, &document, e));
    jsonscan_pick(document, names, ARRAY_SIZE(names), m);
    TRY(read_str(m[0], "created", a, &c.created, e));
    TRY(read_str(m[1], "author", a, &c.author, e));
    TRY(read_str(m[2], "os", a, &c.platform.os, e));
    TRY(read_str(m[3], "architecture", a, &c.platform.architecture, e));
    TRY(read_str(m[4], "variant", a, &c.platform.variant, e));
    TRY(read_str(m[5], "os.version", a, &c.platform.os_version, e));
    TRY(parse_execution(m[6], a, &c, e));
    TRY(parse_rootfs(m[7], a, &c.diff_ids, e));
    *ret = c;
    return 0;
}
