/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Links a fuzz target to libFuzzer, with the checks of guard.h around every input. libFuzzer already gives the target a block of the
 * exact size, so the input is not copied.
 */
#include "fuzz.h"
#include "guard.h"

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* libFuzzer reads its flags after this; a flag that the user gives counts, since it comes later. */
static void add_flag(int *argc, char ***argv, const char *flag)
{
    char **longer = calloc((size_t)*argc + 2, sizeof *longer);
    if (!longer)
        abort();
    longer[0] = (*argv)[0];
    longer[1] = (char *)flag;
    memcpy(longer + 2, *argv + 1, ((size_t)*argc - 1) * sizeof *longer);
    *argv = longer;
    (*argc)++;
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    if (&fuzz_plain_schedule && fuzz_plain_schedule)
        add_flag(argc, argv, "-entropic=0");
    mem_install_hooks();
    if (fuzz_setup)
        fuzz_setup();
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static unsigned inputs;
    bool full = (++inputs & 63) == 0;
    struct guard before = guard_take(full);
    fuzz_one(data, size);
    guard_check(&before, full);
    return 0;
}
