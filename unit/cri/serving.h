/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Serving: a fixture with a server of its methods that nobody is connected to, for what tells of a whole runtime (report, metrics).
 */
#ifndef CRI_UNIT_CRI_SERVING_H
#define CRI_UNIT_CRI_SERVING_H

#include "support.h"

#include "fixture.h"

static struct loop *loop;
static struct executor *handlers;
static struct rpc_server *server;

static int setup(void **state)
{
    struct fx *f = fx_new(FX_INLINE);
    struct err e = ERR_INIT;
    assert_ok(loop_new(&loop, &e), &e);
    assert_ok(executor_new_inline(&handlers, &e), &e);
    struct rpc_server_config config = {.methods = f->methods, .n_methods = f->n_methods, .service = &f->service, .executor = handlers};
    assert_ok(rpc_server_new(loop, &config, &server, &e), &e);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fx *f = *state;
    rpc_server_free(server);
    executor_free(handlers);
    loop_free(loop);
    fx_remove_all(f);
    assert_true(fx_nothing_left(f));
    fx_free(f);
    return 0;
}

/* Text that is told has this part. */
#define assert_says(text, what)                                \
    do {                                                       \
        if (!strstr((text), (what)))                           \
            fail_msg("\"%s\" is not in:\n%s", (what), (text)); \
    } while (0)

#endif
