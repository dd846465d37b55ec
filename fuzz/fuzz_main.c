/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Links a fuzz target to libFuzzer, with the checks of guard.h around every input. libFuzzer already gives the target a block of the
 * exact size, so the input is not copied.
 */
#include "fuzz.h"
#include "guard.h"

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
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
