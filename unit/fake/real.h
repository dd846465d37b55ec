/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Real: a channel to a containerd that runs, for programs that do with it what unit tests do with the fake.
 */
#ifndef CRI_UNIT_FAKE_REAL_H
#define CRI_UNIT_FAKE_REAL_H

#include <pthread.h>

#include "loop/loop.h"
#include "rpc/client.h"

struct real {
    struct loop *loop;
    struct rpc_client *client;
    struct rpc_channel channel;
    pthread_t thread; /* runs the loop */
    const char *metadata[3];
};

/* Connects on first use; calls carry the namespace, which is kept by reference. Prints what fails. */
int real_open(struct real *r, const char *address, const char *namespace_);
void real_close(struct real *r);

#endif
