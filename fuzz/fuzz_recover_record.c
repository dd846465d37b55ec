/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Records found at start. Whoever may write to containerd's database controls them: another version of the
 * plugin, another client, a damaged disk. The input is read as the record of a sandbox and as that of a
 * container: parse/jsonscan, state/meta, state/gojson, message_dup are reached.
 *
 * Oracle: a refused record of valid JSON is refused with the name of a member (or of the whole); an accepted
 * one has an id that can be a directory's name; what is written for it is JSON, can be read again, and is
 * then written as the same bytes, also for a copy of its configuration; failing allocations change the answer
 * to nothing but RESOURCE_EXHAUSTED.
 */
#include "fuzz.h"
#include "parse/jsonscan.h"
#include "state/gojson.h"
#include "state/meta.h"

enum { TEXT_MAX = 64 << 20 };

struct input {
    struct view text;
    struct buf *out; /* NULL: not wanted */
};

static void check_id(const char *id)
{
    FUZZ_CHECK(*id && strlen(id) <= 76 && !strchr(id, '/') && !strstr(id, "..") && *id != '.' && *id != '-');
}

static int sandbox(void *arg, struct err *e)
{
    const struct input *in = arg;
    _cleanup_arena_ struct arena a = ARENA_INIT(ARENA_BUDGET_DEFAULT);
    _cleanup_buf_ struct buf text = BUF_INIT(TEXT_MAX);
    struct sandbox_meta m;
    TRY(meta_sandbox_decode(in->text, &a, &m, e));
    check_id(m.id);
    FUZZ_CHECK(m.config && m.name && m.netns_path && m.ip && m.runtime_handler && m.process_label);
    m.config = (Runtime__V1__PodSandboxConfig *)message_dup(&m.config->base, &a);
    if (!m.config)
        return err_oom(e);
    return meta_sandbox_encode(&m, in->out ? in->out : &text, e);
}

static int container(void *arg, struct err *e)
{
    const struct input *in = arg;
    _cleanup_arena_ struct arena a = ARENA_INIT(ARENA_BUDGET_DEFAULT);
    _cleanup_buf_ struct buf text = BUF_INIT(TEXT_MAX);
    struct container_meta m;
    TRY(meta_container_decode(in->text, &a, &m, e));
    check_id(m.id);
    FUZZ_CHECK(m.config && m.name && m.sandbox_id && m.image_ref && m.log_path && m.stop_signal &&
               m.process_label);
    m.config = (Runtime__V1__ContainerConfig *)message_dup(&m.config->base, &a);
    if (!m.config)
        return err_oom(e);
    return meta_container_encode(&m, in->out ? in->out : &text, e);
}

static void check_refusal(struct view text, const struct err *e)
{
    static const char *const members[] = {
        "it is",          "Version",   "Metadata",     "ID",        "Name",     "Config",  "NetNSPath", "IP",
        "RuntimeHandler", "CNIResult", "ProcessLabel", "SandboxID", "ImageRef", "LogPath", "StopSignal"};
    struct jsonscan_value v;
    bool named = e->code == ERR_RESOURCE_EXHAUSTED || jsonscan_check(text, &v, NULL) != JSONSCAN_OK;
    for (size_t i = 0; i < ARRAY_SIZE(members); i++)
        named = named || strstr(e->message, members[i]);
    FUZZ_CHECK_MSG(named, "\"%s\" names nothing", e->message);
    FUZZ_CHECK_MSG(e->code == ERR_INVALID_ARGUMENT || e->code == ERR_RESOURCE_EXHAUSTED, "%s", e->message);
}

static void check(fuzz_op op, struct view text)
{
    _cleanup_buf_ struct buf first = BUF_INIT(TEXT_MAX), second = BUF_INIT(TEXT_MAX);
    struct input in = {text, &first};
    struct jsonscan_value v;
    struct err e = ERR_INIT;
    int r = op(&in, &e);
    fuzz_check_result(r, &e);
    if (r < 0) {
        check_refusal(text, &e);
    } else {
        FUZZ_CHECK_MSG(jsonscan_check(buf_view(&first), &v, NULL) == JSONSCAN_OK, "%s", first.p);
        in = (struct input){buf_view(&first), &second};
        r = op(&in, &e);
        FUZZ_CHECK_MSG(r == 0, "%s: %s", e.message, first.p);
        FUZZ_CHECK_MSG(view_eq(buf_view(&first), buf_view(&second)), "\n%s\n%s", first.p, second.p);
    }
    in = (struct input){text, NULL};
    fuzz_sweep(op, &in, text.n < 16384 ? 8 : 0);
}

int fuzz_one(const uint8_t *data, size_t size)
{
    struct view text = view_make((const char *)data, size);
    check(sandbox, text);
    check(container, text);
    return 0;
}
