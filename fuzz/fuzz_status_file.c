/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The checkpoint of a container's status, as it is found at start: written by another version, cut off by a
 * full disk, edited by a person. Reached are state/status_file and state/gojson.
 *
 * Oracle: an accepted checkpoint is written, read and written again as the same bytes and gives the same
 * state; its texts are terminated; a refusal is INVALID_ARGUMENT and speaks of the container's status;
 * failing allocations change the answer to nothing but RESOURCE_EXHAUSTED.
 */
#include "fuzz.h"
#include "state/status_file.h"

enum { TEXT_MAX = 64 << 20 };

struct input {
    struct view text;
    struct buf *out;
    struct container_status status;
};

static int there_and_back(void *arg, struct err *e)
{
    struct input *in = arg;
    _cleanup_arena_ struct arena a = ARENA_INIT(ARENA_BUDGET_DEFAULT);
    _cleanup_buf_ struct buf text = BUF_INIT(TEXT_MAX);
    Runtime__V1__ContainerResources *resources;
    TRY(container_status_decode(in->text, &in->status, &a, &resources, e));
    return container_status_encode(&in->status, resources, in->out ? in->out : &text, e);
}

int fuzz_one(const uint8_t *data, size_t size)
{
    _cleanup_buf_ struct buf first = BUF_INIT(TEXT_MAX), second = BUF_INIT(TEXT_MAX);
    struct input in = {.text = view_make((const char *)data, size), .out = &first}, again = {.out = &second};
    struct err e = ERR_INIT;
    int r = there_and_back(&in, &e);
    fuzz_check_result(r, &e);
    if (r == 0) {
        int state = container_status_state(&in.status);
        FUZZ_CHECK(memchr(in.status.reason, '\0', sizeof in.status.reason));
        FUZZ_CHECK(memchr(in.status.message, '\0', sizeof in.status.message));
        FUZZ_CHECK(!in.status.unknown);
        FUZZ_CHECK(strncmp(container_state_name(state), "CONTAINER_", 10) == 0);
        again.text = buf_view(&first);
        r = there_and_back(&again, &e);
        FUZZ_CHECK_MSG(r == 0, "%s: %s", e.message, first.p);
        FUZZ_CHECK_MSG(view_eq(buf_view(&first), buf_view(&second)), "\n%s\n%s", first.p, second.p);
        FUZZ_CHECK(container_status_state(&again.status) == (Runtime__V1__ContainerState)state);
    } else {
        FUZZ_CHECK_MSG(r == -ERR_INVALID_ARGUMENT || r == -ERR_RESOURCE_EXHAUSTED, "%s", e.message);
        FUZZ_CHECK_MSG(strstr(e.message, "container status: "), "%s", e.message);
    }
    in.out = NULL;
    fuzz_sweep(there_and_back, &in, size < 16384 ? 8 : 0);
    return 0;
}
