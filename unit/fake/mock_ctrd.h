/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Mocks of containerd's operations (seam A), one for each entry of CTRD_OPS, so that an operation cannot be forgotten. A test
 * says what each operation does; one that it did not speak of answers UNIMPLEMENTED and makes the test fail at mock_ctrd_free.
 *
 *     struct mock_ctrd *m = mock_ctrd_new();
 *     m->fn.container_get = my_container_get;                  a function of the test; it gets m->user
 *     mock_ctrd_ok(m, MOCK_container_delete);                  succeeds; results are zero
 *     mock_ctrd_fail(m, MOCK_task_kill, ERR_NOT_FOUND, "process already finished");
 *     struct ctrd c = mock_ctrd(m);
 *     ...
 *     assert_true(mock_ctrd_calls_are(m, (const char *const[]){"container_get abc", "container_delete abc", NULL}));
 */
#ifndef CRI_UNIT_FAKE_MOCK_CTRD_H
#define CRI_UNIT_FAKE_MOCK_CTRD_H

#include "containerd/containerd.h"

#define MOCK_ENUM_(name, params, args) MOCK_##name,
enum mock_op { CTRD_OPS(MOCK_ENUM_) MOCK_OPS };

enum { MOCK_CALLS_MAX = 256, MOCK_TEXT_MAX = 256 };

struct mock_ctrd {
    struct ctrd_ops fn; /* what an operation does; NULL: see below */
    void *user;         /* given to them */
    struct {
        bool set;
        enum err_code code; /* ERR_OK: succeeds */
        const char *message;
    } answer[MOCK_OPS];
    /* "name" and every text argument, objects by their id; a missing text is "-". */
    char calls[MOCK_CALLS_MAX][MOCK_TEXT_MAX];
    size_t n_calls;
    bool unexpected;
};

struct mock_ctrd *mock_ctrd_new(void);
/* Fails the test when an operation was called that nobody spoke of. */
void mock_ctrd_free(struct mock_ctrd *m);
struct ctrd mock_ctrd(struct mock_ctrd *m);
void mock_ctrd_ok(struct mock_ctrd *m, enum mock_op op);
/* message is kept by reference. */
void mock_ctrd_fail(struct mock_ctrd *m, enum mock_op op, enum err_code code, const char *message);
/* True when the calls are exactly these; prints both lists when not. */
bool mock_ctrd_calls_are(const struct mock_ctrd *m, const char *const *calls);

#endif
