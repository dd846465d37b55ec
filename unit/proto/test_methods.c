/* SPDX-License-Identifier: Apache-2.0 */

/*
 * The method tables, and the shape of the messages in them. protobuf-c unpacks without a limit of depth, so
 * that no type a peer can send contains itself, and how deep the deepest goes, is tested here: a change of
 * the definitions that breaks it must be seen (a recursive type would let a request overflow the stack).
 */
#include "support.h"

#include <stdio.h>

#include "cri/runtime_v1.pb-c.h"
#include "containerd/tasks_v1.pb-c.h"
#include "proto/methods.h"

#define RECURSIVE 1000 /* more than any depth: the walk came back to a type that it is in */

/* How many levels of sub-messages a type has: 0 for one without any. */
static int depth(const ProtobufCMessageDescriptor *d, const ProtobufCMessageDescriptor **path, int n) {
    if (n == 32)
        return RECURSIVE;
    for (int i = 0; i < n; i++)
        if (path[i] == d)
            return RECURSIVE;
    path[n] = d;

    int deepest = -1;
    for (unsigned i = 0; i < d->n_fields; i++) {
        if (d->fields[i].type != PROTOBUF_C_TYPE_MESSAGE)
            continue;
        int below = depth(d->fields[i].descriptor, path, n + 1);
        if (below > deepest)
            deepest = below;
    }
    return deepest + 1;
}

static int depth_of(const ProtobufCMessageDescriptor *d) {
    const ProtobufCMessageDescriptor *path[32];

    return depth(d, path, 0);
}

static void test_cri_counts(void **state) {
    (void)state;
    size_t runtime = 0, image = 0, streams = 0, old = 0;

    for (size_t i = 0; i < CRI_METHOD_COUNT; i++) {
        const struct proto_method *m = &cri_methods[i];

        runtime += strncmp(m->path, "/runtime.v1.RuntimeService/", 27) == 0;
        image += strncmp(m->path, "/runtime.v1.ImageService/", 25) == 0;
        streams += m->server_streaming;
        old += m->path_old != NULL;
        assert_false(m->client_streaming);
        assert_non_null(strrchr(m->path, '/'));
        assert_string_equal(strrchr(m->path, '/') + 1, m->name);
    }
    assert_int_equal(CRI_METHOD_COUNT, 41);
    assert_int_equal(runtime, 35);
    assert_int_equal(image, 6);
    assert_int_equal(streams, 7);
    assert_int_equal(old, 29);
}

static void test_indices(void **state) {
    (void)state;
    const struct proto_method *m = &cri_methods[CRI_METHOD_GET_CONTAINER_EVENTS];

    assert_string_equal(m->path, "/runtime.v1.RuntimeService/GetContainerEvents");
    assert_ptr_equal(m->request, &runtime__v1__get_events_request__descriptor);
    assert_ptr_equal(m->response, &runtime__v1__container_event_response__descriptor);
    assert_true(m->server_streaming);
    assert_null(m->path_old);

    m = &containerd_methods[CONTAINERD_METHOD_TASKS_CLOSE_IO];
    assert_string_equal(m->path, "/containerd.services.tasks.v1.Tasks/CloseIO");
    assert_ptr_equal(m->request, &containerd__services__tasks__v1__close_iorequest__descriptor);
    assert_ptr_equal(m->response, &google__protobuf__empty__descriptor);

    m = &containerd_methods[CONTAINERD_METHOD_CONTENT_WRITE];
    assert_true(m->client_streaming);
    assert_true(m->server_streaming);
}

/* Each descriptor names itself: with a wrong pointer in the table, a name would be that of another message. */
static void test_types_and_duplicates(void **state) {
    (void)state;
    for (size_t i = 0; i < CRI_METHOD_COUNT; i++) {
        const struct proto_method *m = &cri_methods[i];
        char want[128];

        if (i != CRI_METHOD_GET_CONTAINER_EVENTS) { /* the one whose messages are not named after it */
            snprintf(want, sizeof want, "runtime.v1.%sRequest", m->name);
            assert_string_equal(m->request->name, want);
            snprintf(want, sizeof want, "runtime.v1.%sResponse", m->name);
            assert_string_equal(m->response->name, want);
        }
        for (size_t j = 0; j < i; j++) {
            assert_string_not_equal(m->path, cri_methods[j].path);
            assert_ptr_not_equal(m->request, cri_methods[j].request);
        }
    }
    for (size_t i = 0; i < CONTAINERD_METHOD_COUNT; i++) {
        assert_null(containerd_methods[i].path_old);
        assert_int_equal(strncmp(containerd_methods[i].path, "/containerd.services.", 21), 0);
        for (size_t j = 0; j < i; j++)
            assert_string_not_equal(containerd_methods[i].path, containerd_methods[j].path);
    }
}

static void test_find(void **state) {
    (void)state;
    for (size_t i = 0; i < CRI_METHOD_COUNT; i++) {
        const struct proto_method *m = &cri_methods[i];

        assert_ptr_equal(cri_method_find(m->path, strlen(m->path)), m);
        assert_null(cri_method_find(m->path, strlen(m->path) - 1));
        if (m->path_old != NULL)
            assert_ptr_equal(cri_method_find(m->path_old, strlen(m->path_old)), m);
        assert_null(containerd_method_find(m->path, strlen(m->path)));
    }
    for (size_t i = 0; i < CONTAINERD_METHOD_COUNT; i++) {
        const struct proto_method *m = &containerd_methods[i];

        assert_ptr_equal(containerd_method_find(m->path, strlen(m->path)), m);
        assert_null(cri_method_find(m->path, strlen(m->path)));
    }

    static const char *const none[] = {
        "", "/", "/runtime.v1.RuntimeService/", "/runtime.v1.RuntimeService/version", "runtime.v1.RuntimeService/Version",
        "/runtime.v1.ImageService/Version", "/runtime.v1.RuntimeService/Version/", "/runtime.v1alpha2.RuntimeService/RuntimeConfig",
        "/runtime.v1alpha2.ImageService/StreamImages", "/runtime.v2.RuntimeService/Version",
    };
    for (size_t i = 0; i < sizeof none / sizeof none[0]; i++)
        assert_null(cri_method_find(none[i], strlen(none[i])));

    /* The length rules, whatever follows it. */
    assert_ptr_equal(cri_method_find("/runtime.v1.RuntimeService/VersionX", 34), &cri_methods[CRI_METHOD_VERSION]);
    assert_null(cri_method_find("/runtime.v1.RuntimeService/Version\0", 35));
}

static void test_depth(void **state) {
    (void)state;
    int deepest = 0;

    for (size_t i = 0; i < CRI_METHOD_COUNT; i++) {
        int request = depth_of(cri_methods[i].request), response = depth_of(cri_methods[i].response);

        assert_in_range(request, 0, 6);
        assert_in_range(response, 0, 6);
        if (request > deepest)
            deepest = request;
    }
    assert_int_equal(deepest, 6);
    for (size_t i = 0; i < CONTAINERD_METHOD_COUNT; i++) {
        assert_in_range(depth_of(containerd_methods[i].request), 0, 6);
        assert_in_range(depth_of(containerd_methods[i].response), 0, 6);
    }
}

/* The walk can fail: a type that contains itself through another one is seen. */
static void test_depth_sees_recursion(void **state) {
    (void)state;
    static ProtobufCMessageDescriptor inner, outer;
    ProtobufCFieldDescriptor in_inner = {.name = "o", .type = PROTOBUF_C_TYPE_MESSAGE, .descriptor = &outer};
    ProtobufCFieldDescriptor in_outer = {.name = "i", .type = PROTOBUF_C_TYPE_MESSAGE, .descriptor = &inner};

    inner = (ProtobufCMessageDescriptor){.n_fields = 1, .fields = &in_inner};
    outer = (ProtobufCMessageDescriptor){.n_fields = 1, .fields = &in_outer};
    assert_true(depth_of(&outer) >= RECURSIVE);
    inner.n_fields = 0;
    assert_int_equal(depth_of(&outer), 1);
}

static void test_value_is_bytes(void **state) {
    (void)state;
    const ProtobufCFieldDescriptor *f = protobuf_c_message_descriptor_get_field_by_name(&runtime__v1__key_value__descriptor, "value");

    assert_non_null(f);
    assert_int_equal(f->id, 2);
    assert_int_equal(f->type, PROTOBUF_C_TYPE_BYTES);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cri_counts),
        cmocka_unit_test(test_indices),
        cmocka_unit_test(test_types_and_duplicates),
        cmocka_unit_test(test_find),
        cmocka_unit_test(test_depth),
        cmocka_unit_test(test_depth_sees_recursion),
        cmocka_unit_test(test_value_is_bytes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
