/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Stored specs. They come back from containerd's database, where other clients write as well.
 *
 * Input: the JSON text of a spec. Reached: oci_exec_process, oci_spec_update_resources, oci_linux_resources_json.
 *
 * Oracle: a refusal is DATA_LOSS and appends nothing; a result is JSON and equals the input but for what was to be changed; a
 * second update changes nothing more.
 */
#include "fuzz.h"

#include <jansson.h>

#include "oci/resources.h"
#include "oci/spec.h"

enum { OUT_MAX = 8 << 20 };

static char *argv[] = {(char *)"ls", (char *)"-l"};
static const struct oci_host host = {.swap_controller = true, .cgroup_mode = OCI_CGROUP_V2};
static const struct oci_policy policy;

static json_t *parse(struct view v)
{
    return json_loadb(v.p ? v.p : "", v.n, JSON_DECODE_INT_AS_REAL | JSON_ALLOW_NUL, NULL);
}

static void exec_of(struct view spec, json_t *parsed, bool tty)
{
    struct arena a = ARENA_INIT(ARENA_BUDGET_DEFAULT);
    struct buf out = BUF_INIT(OUT_MAX);
    struct err e = ERR_INIT;
    struct oci_exec_input in = {.spec = spec, .argv = argv, .n_argv = 2, .tty = tty};
    int r = oci_exec_process(&in, &a, &out, &e);
    fuzz_check_result(r, &e);
    if (r < 0) {
        FUZZ_CHECK(r == -ERR_DATA_LOSS || r == -ERR_RESOURCE_EXHAUSTED);
        FUZZ_CHECK(out.n == 0);
    } else if (parsed) {
        static const char *const changed[] = {"args", "terminal", "commandLine", "consoleSize", "env"};
        json_t *got = parse(buf_view(&out)), *want = json_deep_copy(json_object_get(parsed, "process"));
        FUZZ_CHECK(got);
        FUZZ_CHECK(json_array_size(json_object_get(got, "args")) == 2);
        FUZZ_CHECK(json_is_true(json_object_get(got, "terminal")) == tty);
        if (!tty && json_object_get(want, "env"))
            FUZZ_CHECK(json_equal(json_object_get(got, "env"), json_object_get(want, "env")));
        for (size_t i = 0; i < sizeof(changed) / sizeof(changed[0]); i++) {
            if (strcmp(changed[i], "consoleSize") == 0 && tty)
                continue;
            json_object_del(got, changed[i]);
            json_object_del(want, changed[i]);
        }
        FUZZ_CHECK(json_equal(got, want));
        json_decref(got);
        json_decref(want);
    }
    buf_done(&out);
    arena_done(&a);
}

static void update_of(struct view spec, json_t *parsed)
{
    struct arena a = ARENA_INIT(ARENA_BUDGET_DEFAULT);
    struct buf out = BUF_INIT(OUT_MAX), again = BUF_INIT(OUT_MAX);
    struct err e = ERR_INIT;
    Runtime__V1__LinuxContainerResources res;
    runtime__v1__linux_container_resources__init(&res);
    res.cpu_shares = 5;
    res.memory_limit_in_bytes = 1 << 20;
    int r = oci_spec_update_resources(spec, &res, &host, &policy, NULL, &a, &out, NULL, &e);
    fuzz_check_result(r, &e);
    FUZZ_CHECK(r == 0 || ((r == -ERR_DATA_LOSS || r == -ERR_RESOURCE_EXHAUSTED) && out.n == 0));
    if (r == 0 && parsed) { /* jansson refuses numbers beyond its range */
        json_t *got = parse(buf_view(&out)), *resources = json_object_get(json_object_get(got, "linux"), "resources");
        FUZZ_CHECK(got);
        FUZZ_CHECK(json_number_value(json_object_get(json_object_get(resources, "cpu"), "shares")) == 5);
        FUZZ_CHECK(json_number_value(json_object_get(json_object_get(resources, "memory"), "swap")) == 1 << 20);
        json_t *want = json_deep_copy(parsed);
        json_object_del(got, "linux");
        json_object_del(want, "linux");
        FUZZ_CHECK(json_equal(got, want));
        json_decref(got);
        json_decref(want);
        FUZZ_CHECK(oci_spec_update_resources(buf_view(&out), &res, &host, &policy, NULL, &a, &again, NULL, &e) == 0);
        FUZZ_CHECK(again.n == out.n && memcmp(again.p, out.p, out.n) == 0);
        buf_clear(&again);
        FUZZ_CHECK(oci_linux_resources_json(&res, &host, &policy, VIEW_EMPTY, NULL, &a, &again, &e) == 0);
    }
    buf_done(&out);
    buf_done(&again);
    arena_done(&a);
}

static int swept(void *arg, struct err *e)
{
    const struct view *spec = arg;
    struct arena a = ARENA_INIT(ARENA_BUDGET_DEFAULT);
    struct buf out = BUF_INIT(OUT_MAX);
    struct oci_exec_input in = {.spec = *spec, .argv = argv, .n_argv = 2, .tty = true};
    int r = oci_exec_process(&in, &a, &out, e);
    buf_done(&out);
    arena_done(&a);
    return r;
}

int fuzz_one(const uint8_t *data, size_t size)
{
    struct view spec = view_make((const char *)data, size);
    json_t *parsed = parse(spec);
    exec_of(spec, parsed, false);
    exec_of(spec, parsed, true);
    update_of(spec, parsed);
    json_decref(parsed);
    if (size < 4096)
        fuzz_sweep(swept, &spec, 4);
    return 0;
}
