/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Not a target but the test of the harness: built once for each NEGATIVE_* kind, it must be reported as a failure by the replay driver.
 * A harness that cannot fail proves nothing.
 *
 *   NEGATIVE_LEAK        keeps an allocation        NEGATIVE_DESCRIPTOR  keeps a descriptor     NEGATIVE_THREAD  keeps a thread
 *   NEGATIVE_ABORT       aborts                     NEGATIVE_ORACLE      claims what is false   NEGATIVE_TIMEOUT never ends
 *   NEGATIVE_SWEEP       mistakes a failed allocation for another failure
 */
#include <fcntl.h>
#include <pthread.h>
#include <unistd.h>

#include "fuzz.h"

static void *volatile kept _unused_;

static _unused_ void *wait_for_ever(void *arg)
{
    for (;;)
        pause();
    return NULL;
}

static _unused_ int wrong_code(void *arg, struct err *e)
{
    char *p = mem_alloc(16);
    if (!p)
        return err_raise(e, ERR_INTERNAL, "not what a failed allocation is called");
    mem_free(p);
    return 0;
}

int fuzz_one(const uint8_t *data, size_t size)
{
#if defined(NEGATIVE_LEAK)
    kept = mem_alloc(1);
#elif defined(NEGATIVE_DESCRIPTOR)
    FUZZ_CHECK(open("/dev/null", O_RDONLY | O_CLOEXEC) >= 0);
#elif defined(NEGATIVE_THREAD)
    pthread_t thread;
    FUZZ_CHECK(pthread_create(&thread, NULL, wait_for_ever, NULL) == 0);
#elif defined(NEGATIVE_ABORT)
    abort();
#elif defined(NEGATIVE_ORACLE)
    FUZZ_CHECK(size == SIZE_MAX);
#elif defined(NEGATIVE_TIMEOUT)
    wait_for_ever(NULL);
#elif defined(NEGATIVE_SWEEP)
    fuzz_sweep(wrong_code, NULL, 100);
#endif
    return 0;
}
