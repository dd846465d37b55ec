/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the contract's lists are written with. Private to unit/fake/.
 */
#ifndef CRI_UNIT_FAKE_CONTRACT_STEPS_H
#define CRI_UNIT_FAKE_CONTRACT_STEPS_H

#include "contract.h"
#include "fake.h"

/* Inside a list: the client, the ctx, the error. */
#define C   (&k->c)
#define CTX (k->ctx)
#define E   (&k->e)

/* Makes a call that must end with this code and, when text is not NULL, a message that contains it. Gives the call's result. */
#define EXPECT(call, want, text) (err_clear(&k->e), contract_result(k, __FILE__, __LINE__, #call, (call), ERR_##want, (text)))
/* Something that must be true of the last answer. */
#define CHECK(cond) contract_check(k, __FILE__, __LINE__, #cond, (cond))

int contract_result(struct contract *k, const char *file, int line, const char *call, int r, int want, const char *text);
bool contract_check(struct contract *k, const char *file, int line, const char *what, bool ok);
struct kvlist contract_labels(struct kv *v, size_t n);
void contract_sha256(struct view v, char ret[FAKE_DIGEST_MAX]);
/* Opens a writer again after its call was cancelled; a real containerd needs a moment to see that. NULL: a difference was noted.
 */
struct ctrd_writer *contract_reopen(struct contract *k, const char *ref, int64_t total, const char *digest, int64_t *ret_offset);
/* The ingest of a failed commit may be there or not (a real one keeps it); afterwards it is not. */
void contract_reopen_and_abort(struct contract *k, const char *ref);

void contract_gc(struct contract *k);
void contract_diff(struct contract *k);
void contract_tasks(struct contract *k);
void contract_events(struct contract *k);

#endif
