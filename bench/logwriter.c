/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Writes to standard output as fast as it goes: logwriter LINE BYTES [stay]: lines of LINE bytes, their end included, BYTES in all, then the
 * line "END"; then it ends, or stays until it is killed. Static, in 64 KiB writes, so that the source is not the limit.
 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char block[64 << 10];

static int write_all(const char *p, size_t n)
{
    while (n > 0) {
        ssize_t k = write(1, p, n);
        if (k <= 0)
            return -1;
        p += k;
        n -= (size_t)k;
    }
    return 0;
}

int main(int argc, char **argv)
{
    size_t line = argc >= 3 ? strtoul(argv[1], NULL, 10) : 0, total = argc >= 3 ? strtoul(argv[2], NULL, 10) : 0;
    if (line < 2 || line > sizeof block)
        return 2;
    size_t whole = sizeof block / line * line;
    memset(block, 'x', sizeof block);
    for (size_t end = line; end <= whole; end += line)
        block[end - 1] = '\n';
    for (total = total / line * line; total > 0; total -= total < whole ? total : whole)
        if (write_all(block, total < whole ? total : whole) < 0)
            return 1;
    if (write_all("END\n", 4) < 0)
        return 1;
    if (argc == 4) /* the built-in plugin drops what is on its way when a container ends */
        pause();
    return 0;
}
