/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Inputs for the tests of specs: a pod and a container as kubelet describes them, to be changed by each test, and a reader of
 * results.
 */
#ifndef CRI_UNIT_OCI_FIXTURE_H
#define CRI_UNIT_OCI_FIXTURE_H

#include "support.h"

#include <jansson.h>

#include "base/arena.h"
#include "base/buf.h"
#include "oci/caps.h"
#include "oci/constants.h"
#include "oci/paths.h"
#include "oci/podfiles.h"
#include "oci/resources.h"
#include "oci/spec.h"

#define STRS(...) ((char *[]){__VA_ARGS__})

struct fixture {
    struct arena a;
    struct buf out;
    struct err e;
    json_t *json; /* the last result */
    struct oci_notes notes;
    struct oci_host host;
    struct oci_policy policy;
    struct oci_image_config image;
    struct oci_sandbox_input sandbox;
    struct oci_container_input container;

    Runtime__V1__PodSandboxMetadata pod_meta;
    Runtime__V1__PodSandboxConfig pod;
    Runtime__V1__LinuxPodSandboxConfig pod_linux;
    Runtime__V1__LinuxSandboxSecurityContext pod_security;
    Runtime__V1__NamespaceOption pod_ns;
    Runtime__V1__ContainerMetadata ctr_meta;
    Runtime__V1__ContainerConfig ctr;
    Runtime__V1__LinuxContainerConfig ctr_linux;
    Runtime__V1__LinuxContainerSecurityContext ctr_security;
    Runtime__V1__NamespaceOption ctr_ns;
    Runtime__V1__Capability caps;
    Runtime__V1__LinuxContainerResources resources;
    Runtime__V1__UserNamespace userns;
    Runtime__V1__IDMapping uid_mapping, gid_mapping;
};

/* cmocka setup and teardown; *state is the fixture. */
int fixture_setup(void **state);
int fixture_teardown(void **state);

/* Run the function and read the result into f->json. */
void fixture_sandbox(struct fixture *f);
void fixture_container(struct fixture *f);

/* A value by its path, "linux.namespaces[0].path", "annotations{io.kubernetes.cri.sandbox-id}"; NULL when it is not there. */
json_t *fixture_at(struct fixture *f, const char *path);
/* The mount with this destination; fails the test when there is more than one. */
json_t *fixture_mount(struct fixture *f, const char *destination);
bool fixture_list_has(json_t *list, const char *s);
/* linux.namespaces: is there one of this type, and with which path (NULL: none, "" without one). */
const char *fixture_namespace(struct fixture *f, const char *type);

#define assert_json_str(f, path, want)                                                                                           \
    do {                                                                                                                         \
        json_t *j_ = fixture_at((f), (path));                                                                                    \
        if (!json_is_string(j_) || strcmp(json_string_value(j_), (want)) != 0)                                                   \
            fail_msg("%s is %s, expected \"%s\"", (path), j_ ? json_dumps(j_, JSON_ENCODE_ANY) : "missing", (want));             \
    } while (0)
#define assert_json_int(f, path, want)                                                                                           \
    do {                                                                                                                         \
        json_t *j_ = fixture_at((f), (path));                                                                                    \
        if (!json_is_integer(j_) || json_integer_value(j_) != (json_int_t)(want))                                                \
            fail_msg("%s is %s, expected %lld", (path), j_ ? json_dumps(j_, JSON_ENCODE_ANY) : "missing", (long long)(want));    \
    } while (0)
#define assert_json_true(f, path)    assert_true(json_is_true(fixture_at((f), (path))))
#define assert_json_missing(f, path) assert_null(fixture_at((f), (path)))
/* A value equal to this JSON text. */
#define assert_json(f, path, want)                                                                                               \
    do {                                                                                                                         \
        json_t *j_ = fixture_at((f), (path)), *w_ = json_loads((want), JSON_DECODE_ANY, NULL);                                   \
        assert_non_null(w_);                                                                                                     \
        if (!j_ || !json_equal(j_, w_))                                                                                          \
            fail_msg("%s is %s, expected %s", (path), j_ ? json_dumps(j_, JSON_ENCODE_ANY) : "missing", (want));                 \
        json_decref(w_);                                                                                                         \
    } while (0)

#define assert_container_fails(f, code, text)                                                                                    \
    do {                                                                                                                         \
        size_t n_ = (f)->out.n;                                                                                                  \
        assert_fails(oci_container_spec(&(f)->container, &(f)->a, &(f)->out, &(f)->e), &(f)->e, (code), (text));                 \
        assert_int_equal((f)->out.n, n_);                                                                                        \
    } while (0)
#define assert_sandbox_fails(f, code, text)                                                                                      \
    do {                                                                                                                         \
        size_t n_ = (f)->out.n;                                                                                                  \
        assert_fails(oci_sandbox_spec(&(f)->sandbox, &(f)->a, &(f)->out, &(f)->e), &(f)->e, (code), (text));                     \
        assert_int_equal((f)->out.n, n_);                                                                                        \
    } while (0)

#endif
