/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Configurations of images: controlled by whoever pushed the image. Reaches parse/ociconfig and parse/jsonscan.
 *
 * Oracle: what is accepted says what jansson's tree of the same text says (user, directory, signal, lists, labels, diff ids); diff ids are
 * digests; volumes are distinct; every failing allocation gives the out-of-memory code and leaves nothing.
 */
#include "json_oracle.h"
#include "parse/digest.h"
#include "parse/ociimage.h"

static void check_list(const struct strlist *l, json_t *object, const char *name)
{
    FUZZ_CHECK_MSG(l->n == oracle_count(object, name), "%s", name);
    for (size_t i = 0; i < l->n; i++)
        FUZZ_CHECK(strcmp(l->v[i], json_string_value(json_array_get(json_object_get(object, name), i))) == 0);
}

static void compare(const struct oci_image_config *c, json_t *j)
{
    json_t *config = json_object_get(j, "config"), *rootfs = json_object_get(j, "rootfs");
    FUZZ_CHECK(strcmp(c->created, oracle_str(j, "created")) == 0 && strcmp(c->platform.os, oracle_str(j, "os")) == 0);
    FUZZ_CHECK(strcmp(c->platform.architecture, oracle_str(j, "architecture")) == 0);
    FUZZ_CHECK(strcmp(c->user, oracle_str(config, "User")) == 0 && strcmp(c->working_dir, oracle_str(config, "WorkingDir")) == 0);
    FUZZ_CHECK(strcmp(c->stop_signal, oracle_str(config, "StopSignal")) == 0);
    check_list(&c->env, config, "Env");
    check_list(&c->entrypoint, config, "Entrypoint");
    check_list(&c->cmd, config, "Cmd");
    check_list(&c->diff_ids, rootfs, "diff_ids");
    FUZZ_CHECK(c->volumes.n == oracle_count(config, "Volumes") && c->labels.n == oracle_count(config, "Labels"));
    for (size_t i = 0; i < c->volumes.n; i++)
        FUZZ_CHECK(json_object_get(json_object_get(config, "Volumes"), c->volumes.v[i]));
    for (size_t i = 0; i < c->labels.n; i++)
        FUZZ_CHECK(strcmp(c->labels.v[i].value, oracle_str(json_object_get(config, "Labels"), c->labels.v[i].key)) == 0);
    FUZZ_CHECK(c->has_cmd == json_is_array(json_object_get(config, "Cmd")));
}

static int decode(void *arg, struct err *e)
{
    _cleanup_arena_ struct arena a = ARENA_INIT(ARENA_BUDGET_DEFAULT);
    struct oci_image_config c;
    return oci_image_config_parse(*(struct view *)arg, &a, &c, e);
}

int fuzz_one(const uint8_t *data, size_t size)
{
    _cleanup_arena_ struct arena a = ARENA_INIT(ARENA_BUDGET_DEFAULT);
    struct view text = view_make((const char *)data, size);
    struct oci_image_config c;
    struct err e = ERR_INIT;
    int r = oci_image_config_parse(text, &a, &c, &e);
    fuzz_check_result(r, &e);
    if (r == 0) {
        for (size_t i = 0; i < c.diff_ids.n; i++)
            FUZZ_CHECK(digest_classify(view_of(c.diff_ids.v[i]), NULL) == DIGEST_CLASS_OK);
        json_t *j = oracle_load(data, size);
        if (j)
            compare(&c, j);
        json_decref(j);
    }
    fuzz_sweep(decode, &text, size < 1024 ? 32 : 0);
    return 0;
}
