/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Pause: the program of a pod's sandbox. It holds the pod's namespaces open; as process 1 of a pid namespace that containers share it reaps their
 * orphans; it ends at once, with status 0, on SIGTERM and SIGINT.
 *
 * It stands alone: no C library, no memory but a few words of stack, a file of a few kilobytes that is built into the library (image/builtin.c) so that
 * a node starts without a registry. Signals are blocked and waited for: no handler is needed, and a blocked signal reaches process 1 too, for which
 * the kernel drops unblocked ones without a handler.
 */

#include <asm/unistd.h>

enum { SIG_INT = 2, SIG_TERM = 15, SIG_CHLD = 17, HOW_BLOCK = 0, DO_NOT_WAIT = 1, SET_BYTES = 8 };

static long call(long number, long a, long b, long c, long d)
{
#if defined(__x86_64__)
    long result;
    register long r10 __asm__("r10") = d;
    __asm__ volatile("syscall" : "=a"(result) : "a"(number), "D"(a), "S"(b), "d"(c), "r"(r10) : "rcx", "r11", "memory");
    return result;
#elif defined(__aarch64__)
    register long x8 __asm__("x8") = number;
    register long x0 __asm__("x0") = a;
    register long x1 __asm__("x1") = b;
    register long x2 __asm__("x2") = c;
    register long x3 __asm__("x3") = d;
    __asm__ volatile("svc 0" : "+r"(x0) : "r"(x8), "r"(x1), "r"(x2), "r"(x3) : "memory");
    return x0;
#elif defined(__riscv) && __riscv_xlen == 64
    register long a7 __asm__("a7") = number;
    register long a0 __asm__("a0") = a;
    register long a1 __asm__("a1") = b;
    register long a2 __asm__("a2") = c;
    register long a3 __asm__("a3") = d;
    __asm__ volatile("ecall" : "+r"(a0) : "r"(a7), "r"(a1), "r"(a2), "r"(a3) : "memory");
    return a0;
#else
#error "pause.c: system calls of this architecture are missing"
#endif
}

/* The kernel enters with the stack aligned as a function's caller has it. */
#if defined(__x86_64__)
__asm__(".text\n.global _start\n_start: xor %ebp, %ebp\n and $-16, %rsp\n call pause_main\n");
#elif defined(__aarch64__)
__asm__(".text\n.global _start\n_start: bl pause_main\n");
#elif defined(__riscv)
__asm__(".text\n.global _start\n_start: call pause_main\n");
#endif

__attribute__((noreturn, used)) void pause_main(void);

void pause_main(void)
{
    unsigned long wanted = 1UL << (SIG_INT - 1) | 1UL << (SIG_TERM - 1) | 1UL << (SIG_CHLD - 1);
    call(__NR_rt_sigprocmask, HOW_BLOCK, (long)&wanted, 0, SET_BYTES);
    for (;;) {
        long signal = call(__NR_rt_sigtimedwait, (long)&wanted, 0, 0, SET_BYTES);
        if (signal == SIG_TERM || signal == SIG_INT)
            call(__NR_exit_group, 0, 0, 0, 0);
        while (call(__NR_wait4, -1, 0, DO_NOT_WAIT, 0) > 0) {
        }
    }
}
