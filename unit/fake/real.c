/* SPDX-License-Identifier: Apache-2.0 */
/*
 * See real.h.
 */
#include "real.h"

#include <signal.h>
#include <stdio.h>

static void *run_loop(void *l)
{
    struct err e = ERR_INIT;
    if (loop_run(l, &e) < 0)
        fprintf(stderr, "loop: %s\n", e.message);
    return NULL;
}

int real_open(struct real *r, const char *address, const char *namespace_)
{
    struct err e = ERR_INIT;
    *r = (struct real){.metadata = {"containerd-namespace", namespace_, NULL}};
    const struct rpc_client_config config = {.socket_path = address, .metadata = r->metadata};
    signal(SIGPIPE, SIG_IGN);
    if (loop_new(&r->loop, &e) < 0 || rpc_client_new(r->loop, &config, &r->client, &e) < 0) {
        fprintf(stderr, "%s\n", e.message);
        return -1;
    }
    r->channel = rpc_client_channel(r->client);
    return pthread_create(&r->thread, NULL, run_loop, r->loop) == 0 ? 0 : -1;
}

void real_close(struct real *r)
{
    loop_stop(r->loop);
    pthread_join(r->thread, NULL);
    rpc_client_free(r->client);
    loop_free(r->loop);
}
