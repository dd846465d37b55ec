/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Answers of a hostile containerd, or of one of another version: the first byte picks an operation, the rest is what comes back
 * in place of every answer of it, streamed ones too.
 *
 * Reached: all of src/containerd/ (unpacking, the streams' checks, errors, event payloads, runc options) and rpc/message.
 * Oracle: every operation ends in success or in a legal code with a text that names its object; nothing stays allocated; the next
 * operation on the same client works; what a payload gives is no longer than the payload; options that were read and written read
 * the same again. Seeds: true answers of each operation.
 */
#include "fuzz.h"

#include "../unit/containerd/every_op.h"
#include "containerd/runc_options.h"

static struct scene scene;

void fuzz_setup(void)
{
    scene_init(&scene);
    scene_set(&scene);
}

/* An Any of the input, as a container record or an event may hold it. */
static void payloads(const uint8_t *data, size_t size)
{
    static const char *const types[] = {
        "containerd.events.TaskExit",
        "containerd.events.TaskOOM",
        "containerd.services.images.v1.ImageCreate",
        "containerd.services.images.v1.ImageUpdate",
        "containerd.services.images.v1.ImageDelete",
    };
    struct arena a = ARENA_INIT(1 << 20);
    struct err e = ERR_INIT;
    struct ctrd_runc_options o;
    struct ctrd_any any = {CTRD_RUNC_OPTIONS_TYPE, view_make((const char *)data, size)};
    int r = ctrd_runc_options_unpack(&any, &a, &o, &e);
    fuzz_check_result(r, &e);
    if (r == 0) {
        /* What was read and written again reads the same. */
        struct ctrd_runc_options again;
        FUZZ_CHECK(ctrd_runc_options_pack(&o, &a, &any, &e) == 0);
        FUZZ_CHECK(ctrd_runc_options_unpack(&any, &a, &again, &e) == 0);
        FUZZ_CHECK(o.systemd_cgroup == again.systemd_cgroup && o.io_uid == again.io_uid && o.io_gid == again.io_gid);
        FUZZ_CHECK(strcmp(o.binary_name, again.binary_name) == 0 && strcmp(o.root, again.root) == 0);
    }
    for (size_t i = 0; i < ARRAY_SIZE(types); i++) {
        struct ctrd_event event = {.topic = "/fuzz", .event = {types[i], view_make((const char *)data, size)}};
        struct ctrd_event_info info;
        err_clear(&e);
        r = ctrd_event_decode(&event, &a, &info, &e);
        fuzz_check_result(r, &e);
        if (r == 0)
            FUZZ_CHECK(info.kind != CTRD_EVENT_OTHER && strlen(info.container_id) + strlen(info.image_name) <= size);
    }
    arena_done(&a);
}

int fuzz_one(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    struct every_op op = every_op_at(data[0] % n_every_op);
    struct err e = ERR_INIT;
    struct arena a = ARENA_INIT(8 << 20);
    data++;
    size--;
    scene_set(&scene);
    fake_answer_with(scene.f, data, size);
    int r = op.run(&scene, &a, &e);
    fake_answer_with(scene.f, NULL, 0);
    fuzz_check_result(r, &e);
    if (r < 0) {
        FUZZ_CHECK(strstr(e.message, op.object));
        FUZZ_CHECK(r != -ERR_NOT_FOUND || ctrd_is_not_found(r, &e));
    }
    arena_done(&a);
    err_clear(&e);
    FUZZ_CHECK(scene_run(&scene, &op, &e) == 0);
    payloads(data, size);
    return 0;
}
