/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Id, see id.h.
 */
#include "base/id.h"

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/random.h>

#include "base/codec.h"

int id_random(void *p, size_t n, struct err *e)
{
    uint8_t *at = p;
    while (n > 0) {
        ssize_t k = getrandom(at, n, 0);
        if (k < 0 && errno == EINTR)
            continue;
        if (k < 0)
            return err_errno(e, errno, "read random bytes");
        at += k;
        n -= (size_t)k;
    }
    return 0;
}

static bool all_decimal(const char *s)
{
    for (; *s; s++)
        if (*s < '0' || *s > '9')
            return false;
    return true;
}

int id_generate(char out[ID_LEN + 1], struct err *e)
{
    do {
        uint8_t raw[ID_LEN / 2];
        TRY(id_random(raw, sizeof raw, e));
        hex_encode(raw, sizeof raw, out);
        out[ID_LEN] = '\0';
    } while (all_decimal(out));
    return 0;
}
