/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The configuration: two documents, the second over the first, in this daemon's layout or containerd's. Controlled by: whoever writes the files, containerd
 * and what generates its configuration among them.
 *
 * Oracle: what is accepted is within the ranges (absolute paths, numbers, a default handler that exists, handlers with a type and names of their own). Its
 * dump is TOML that is accepted, without a note, and dumps as the same; so does the dump of the changes alone. What is refused is told in sentences without
 * control bytes, the first of them in the error. A small document is read again with failing allocations.
 */
#include "fuzz.h"

#include "base/buf.h"
#include "config/config.h"

enum { SWEEP_POINTS = 2, SWEEP_BYTES = 512 };

struct input {
    struct view first, second;
};

static int read_both(struct config *c, const struct input *in, struct err *e)
{
    config_init(c);
    TRY(config_read(c, "first", in->first, e));
    TRY(config_read(c, "second", in->second, e));
    return config_finish(c, e);
}

static void check_path(const char *s)
{
    FUZZ_CHECK_MSG(!s || !s[0] || s[0] == '/', "%s", s);
}

static void check_ranges(const struct config *c)
{
    const struct cri_runtime_options *o = &c->runtime;
    bool found = false;
    check_path(o->listen);
    check_path(o->containerd);
    check_path(o->root);
    check_path(o->state);
    check_path(o->cni_conf_dir);
    check_path(o->cni_cache_dir);
    check_path(o->netns_dir);
    check_path(o->registry_ca);
    FUZZ_CHECK(o->n_cni_bin_dirs <= 16 && o->cni_max_conf_num >= -1 && o->cni_max_conf_num <= 1024);
    for (size_t i = 0; i < o->n_cni_bin_dirs; i++)
        FUZZ_CHECK(o->cni_bin_dirs[i][0] == '/');
    FUZZ_CHECK(o->layers_at_once <= 16 && o->log_line_max >= -1 && o->log_line_max <= 16 << 20 && o->socket_gid < UINT32_MAX);
    FUZZ_CHECK(o->pull_progress_timeout <= INT64_C(86400000000000) || o->pull_progress_timeout == INT64_MAX);
    FUZZ_CHECK(!o->listen || strlen(o->listen) <= 107);
    FUZZ_CHECK(c->log_level <= LOG_LEVEL_DEBUG && c->log_target <= LOG_TARGET_JOURNAL);
    FUZZ_CHECK(o->n_handlers >= 1 && o->n_handlers <= CONFIG_HANDLERS_MAX && strcmp(o->handlers[0].name, "runc") == 0);
    for (size_t i = 0; i < o->n_handlers; i++) {
        const struct cri_runtime_handler *h = &o->handlers[i];
        FUZZ_CHECK(h->name[0] && h->runtime_type && h->runtime_type[0]);
        FUZZ_CHECK(h->n_pod_annotations <= CONFIG_LIST_MAX && h->n_container_annotations <= CONFIG_LIST_MAX);
        FUZZ_CHECK(h->privileged_without_host_devices || !h->privileged_without_host_devices_all_devices_allowed);
        check_path(h->base_runtime_spec);
        check_path(h->cni_conf_dir);
        found = found || strcmp(h->name, o->default_handler && o->default_handler[0] ? o->default_handler : "runc") == 0;
        for (size_t j = 0; j < i; j++)
            FUZZ_CHECK(strcmp(h->name, o->handlers[j].name) != 0);
    }
    FUZZ_CHECK(found);
}

/* Read again, the dump says the same. */
static void check_dump(const struct config *c, enum config_dump_what what)
{
    _cleanup_buf_ struct buf one = BUF_INIT(CONFIG_DUMP_MAX), two = BUF_INIT(CONFIG_DUMP_MAX), all = BUF_INIT(CONFIG_DUMP_MAX), again = BUF_INIT(CONFIG_DUMP_MAX);
    struct config copy;
    struct err e = ERR_INIT;
    FUZZ_CHECK_MSG(config_dump(c, what, &one, &e) == 0, "%s", e.message);
    struct input in = {.first = buf_view(&one)};
    FUZZ_CHECK_MSG(read_both(&copy, &in, &e) == 0, "%s\n%s", e.message, one.p);
    FUZZ_CHECK(copy.notes.n == 0);
    FUZZ_CHECK(config_dump(&copy, what, &two, &e) == 0);
    FUZZ_CHECK_MSG(view_eq(buf_view(&one), buf_view(&two)), "%s\n----\n%s", one.p ? one.p : "", two.p ? two.p : "");
    if (what != CONFIG_DUMP_ALL) {
        FUZZ_CHECK(config_dump(c, CONFIG_DUMP_ALL, &all, &e) == 0 && config_dump(&copy, CONFIG_DUMP_ALL, &again, &e) == 0);
        FUZZ_CHECK_MSG(view_eq(buf_view(&all), buf_view(&again)), "%s\n----\n%s", all.p, again.p);
    }
    config_done(&copy);
}

static void check_sentences(const struct strlist *l)
{
    FUZZ_CHECK(l->n <= CONFIG_PROBLEMS_MAX);
    for (size_t i = 0; i < l->n; i++)
        for (const char *p = l->v[i]; *p; p++)
            FUZZ_CHECK_MSG((unsigned char)*p >= 0x20 && *p != 0x7f, "control byte in \"%s\"", l->v[i]);
}

static int read_and_free(void *arg, struct err *e)
{
    struct config c;
    int r = read_both(&c, arg, e);
    config_done(&c);
    return r;
}

int fuzz_one(const uint8_t *data, size_t size)
{
    struct view rest = view_make((const char *)data, size);
    struct input in = {.first = fuzz_part(&rest)};
    in.second = fuzz_part(&rest);
    struct config c;
    struct err e = ERR_INIT;
    int r = read_both(&c, &in, &e);
    fuzz_check_result(r, &e);
    check_sentences(&c.problems);
    check_sentences(&c.notes);
    if (r == 0) {
        FUZZ_CHECK(c.n_problems == 0);
        check_ranges(&c);
        check_dump(&c, CONFIG_DUMP_ALL);
        check_dump(&c, CONFIG_DUMP_CHANGED);
    } else if (r == -ERR_INVALID_ARGUMENT) {
        FUZZ_CHECK(c.n_problems > 0 && strncmp(e.message, c.problems.v[0], strcspn(c.problems.v[0], "(")) == 0);
    }
    config_done(&c);
    if (size <= SWEEP_BYTES)
        FUZZ_CHECK(fuzz_sweep(read_and_free, &in, SWEEP_POINTS) == r);
    return 0;
}
