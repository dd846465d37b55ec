/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Network configurations: files that a network provider's pod writes to the node. The first byte says which form the file has
 * ('L': list). Reaches parse/cniconf.
 *
 * Oracle: what is accepted has a valid name, version and at least one plugin; a plugin's type is a file name that cannot leave
 * its folder; its raw text stands in the input byte for byte and is a JSON object with that type; capabilities are those that
 * jansson sees as true; failing allocations leave nothing.
 */
#include "json_oracle.h"
#include "parse/cniconf.h"
#include "parse/jsonscan.h"

static void check_plugin(const struct cni_plugin *p, struct view text)
{
    struct jsonscan_value v;
    struct view raw = view_of(p->raw);
    FUZZ_CHECK(memmem(text.p, text.n, raw.p, raw.n));
    FUZZ_CHECK(jsonscan_check(raw, &v, NULL) == JSONSCAN_OK && v.kind == JSONSCAN_OBJECT);
    FUZZ_CHECK(jsonscan_str_eq(jsonscan_get(v, "type").raw, p->type));
    FUZZ_CHECK(p->type[0] && !strchr(p->type, '/') && strcmp(p->type, ".") != 0 && strcmp(p->type, "..") != 0);
    json_t *j = oracle_load((const uint8_t *)raw.p, raw.n);
    for (size_t i = 0; j && i < p->capabilities.n; i++)
        FUZZ_CHECK(json_object_get(json_object_get(j, "capabilities"), p->capabilities.v[i]));
    json_decref(j);
}

struct input {
    struct view text;
    enum cni_conf_form form;
};

static int decode(void *arg, struct err *e)
{
    _cleanup_arena_ struct arena a = ARENA_INIT(ARENA_BUDGET_DEFAULT);
    struct input *in = arg;
    struct cni_conf c;
    return cni_conf_parse(in->text, in->form, &a, &c, e);
}

int fuzz_one(const uint8_t *data, size_t size)
{
    _cleanup_arena_ struct arena a = ARENA_INIT(ARENA_BUDGET_DEFAULT);
    struct cni_conf c;
    struct err e = ERR_INIT;
    if (size == 0)
        return 0;
    struct input in = {.text = view_make((const char *)data + 1, size - 1),
                       .form = data[0] == 'L' ? CNI_CONF_LIST : CNI_CONF_SINGLE};
    int r = cni_conf_parse(in.text, in.form, &a, &c, &e);
    fuzz_check_result(r, &e);
    if (r == 0) {
        FUZZ_CHECK(cni_name_valid(view_of(c.name)) && cni_version_valid(view_of(c.cni_version)));
        FUZZ_CHECK(c.n_plugins >= 1 && c.n_plugins <= CNI_PLUGINS_MAX && (in.form == CNI_CONF_LIST || c.n_plugins == 1));
        FUZZ_CHECK(view_eq(view_of(c.raw), view_trim(in.text)));
        for (size_t i = 0; i < c.n_plugins; i++)
            check_plugin(&c.plugins[i], in.text);
    }
    fuzz_sweep(decode, &in, size < 1024 ? 32 : 0);
    return 0;
}
