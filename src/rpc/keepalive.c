/* SPDX-License-Identifier: Apache-2.0 */
/*
 * When to send a PING and when to give up, see keepalive.h.
 */
#include "rpc/keepalive.h"

#include "base/clock.h"
#include "base/macro.h"

enum {
    CLIENT_SECONDS = 10,
    CLIENT_INTERVAL_SECONDS = 310, /* a Go server allows one in five minutes; the rest is for delays on the way */
    SERVER_SECONDS = 2 * 60 * 60,
    TIMEOUT_SECONDS = 20
};

static uint64_t add(uint64_t t, uint64_t ns)
{
    return ns > CLOCK_NEVER - t ? CLOCK_NEVER : t + ns;
}

static uint64_t later(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

void keepalive_init(struct keepalive *k, bool client, const struct rpc_keepalive *config, uint64_t now)
{
    *k = (struct keepalive){.client = client, .read_at = now};
    if (config)
        k->config = *config;
    if (!k->config.time_ns)
        k->config.time_ns = (client ? CLIENT_SECONDS : SERVER_SECONDS) * NSEC_PER_SEC;
    if (!k->config.timeout_ns)
        k->config.timeout_ns = TIMEOUT_SECONDS * NSEC_PER_SEC;
    if (!k->config.interval_ns)
        k->config.interval_ns = CLIENT_INTERVAL_SECONDS * NSEC_PER_SEC;
}

void keepalive_read(struct keepalive *k, uint64_t now)
{
    k->read_at = now;
    k->waiting = false;
}

/* When the next PING is due; *ret_borrow tells that a new call is what allows it. */
static uint64_t due(const struct keepalive *k, const struct keepalive_facts *f, bool *ret_borrow)
{
    *ret_borrow = false;
    if (!k->client)
        return add(k->read_at, k->config.time_ns);
    uint64_t at = add(later(k->read_at, f->opened_at), k->config.time_ns);
    uint64_t allowed = add(k->pinged_at, k->config.interval_ns);
    if (!k->pinged || f->heard != k->heard || at >= allowed)
        return at;
    *ret_borrow = f->opened != k->opened && !k->borrowed;
    return *ret_borrow ? at : allowed;
}

enum keepalive_verdict keepalive_check(struct keepalive *k, const struct keepalive_facts *f, uint64_t now, uint64_t *ret_again)
{
    k->dormant = false;
    *ret_again = CLOCK_NEVER;
    if (k->config.time_ns == CLOCK_NEVER)
        return KEEPALIVE_WAIT;
    /* What is due may come closer when a call is opened, so it is looked at again within time_ns. */
    uint64_t soon = add(now, k->config.time_ns);
    if (k->waiting) {
        uint64_t end = add(k->pinged_at, k->config.timeout_ns);
        if (now >= end)
            return KEEPALIVE_GONE;
        *ret_again = MIN_OF(end, soon);
        return KEEPALIVE_WAIT;
    }
    if (k->client && f->calls == 0) {
        k->dormant = true;
        return KEEPALIVE_WAIT;
    }
    bool borrow;
    uint64_t at = due(k, f, &borrow);
    if (now < at) {
        *ret_again = MIN_OF(at, soon);
        return KEEPALIVE_WAIT;
    }
    if (f->heard != k->heard)
        k->borrowed = false;
    k->borrowed = k->borrowed || borrow;
    k->waiting = k->pinged = true;
    k->pinged_at = now;
    k->opened = f->opened;
    k->heard = f->heard;
    uint64_t end = add(now, k->config.timeout_ns);
    *ret_again = MIN_OF(end, soon);
    return KEEPALIVE_PING;
}
