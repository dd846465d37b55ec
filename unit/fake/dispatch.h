/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Dispatch: how calls reach the model, and the faults and the log on their way. Private to unit/fake/.
 */
#ifndef CRI_UNIT_FAKE_DISPATCH_H
#define CRI_UNIT_FAKE_DISPATCH_H

#include "model.h"

extern const struct rpc_channel_ops fake_channel_ops;

struct fake_log_entry {
    const struct proto_method *method;
    char *lease, name[];
};
void fake_log_entry_free(void *p);

struct fake_fault_rule {
    enum fake_fault fault;
    enum err_code code;
    uint64_t at;   /* number of the call, from now down; UINT64_MAX: by method */
    unsigned left; /* by method: how many more; 0: for ever */
    char *method, *message;
};
void fake_fault_rule_free(void *p);

/* Logs a call and looks whether it is to fail. *ret is the rule's fault and *e its error when 1 is returned. */
int fake_note_call(struct fake *f, const struct ctx *ctx, const struct proto_method *m, enum fake_fault *ret, struct err *e);
/* "Tasks/Create" of a method. */
struct view fake_method_name(const struct proto_method *m);

#endif
