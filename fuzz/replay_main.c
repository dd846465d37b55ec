/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Replays inputs through a fuzz target: an ordinary program, for the normal test run, for debuggers and for coverage.
 *
 *   replay-<name> PATH...      files, or folders that are walked (not into hidden entries)
 *
 * Each input runs FUZZ_RUNS times (4), because state that survives an input shows in the second run; each run has FUZZ_TIMEOUT seconds
 * (20). One TAP line an input. A folder that has no input under seed/ is a failure: a corpus that got lost must not pass as tested.
 * Exit status 0 when all passed; a failed oracle aborts, after saying which input it was.
 */
#include <errno.h>
#include <ftw.h>
#include <signal.h>

#include "fuzz.h"
#include "guard.h"

enum { INPUT_MAX = 64 << 20 };

static struct {
    char **v;
    size_t n, cap;
} inputs;
static const char *current = "(none)";
static unsigned current_number;
static unsigned timeout_s = 20, runs = 4;
static size_t seeds_seen;

void __sanitizer_set_death_callback(void (*callback)(void)) __attribute__((weak));

/* Only async-signal-safe calls: it runs from signal handlers. */
static void say_which(const char *why)
{
    char line[512];
    int n = snprintf(line, sizeof line, "\nnot ok %u - %s # %s\n", current_number, current, why);
    if (n > 0 && write(STDOUT_FILENO, line, (size_t)n < sizeof line ? (size_t)n : sizeof line - 1) < 0)
        return;
}

static void on_signal(int sig)
{
    say_which(sig == SIGALRM ? "timeout" : sig == SIGABRT ? "aborted" : "crashed");
    signal(sig, SIG_DFL);
    if (sig == SIGALRM)
        _exit(3);
    raise(sig);
}

static void on_sanitizer_death(void)
{
    say_which("sanitizer report");
}

static void add_input(const char *path)
{
    if (inputs.n == inputs.cap) {
        inputs.cap = inputs.cap ? inputs.cap * 2 : 256;
        inputs.v = realloc(inputs.v, inputs.cap * sizeof *inputs.v);
        if (!inputs.v)
            abort();
    }
    inputs.v[inputs.n] = strdup(path);
    if (!inputs.v[inputs.n++])
        abort();
}

static int on_entry(const char *path, const struct stat *st, int type, struct FTW *at)
{
    if (at->level > 0 && path[at->base] == '.')
        return type == FTW_D ? FTW_SKIP_SUBTREE : FTW_CONTINUE;
    if (type == FTW_F) {
        add_input(path);
        if (strstr(path, "/seed/"))
            seeds_seen++;
    }
    return FTW_CONTINUE;
}

static int compare(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static void replay(const char *path)
{
    FILE *f = fopen(path, "rbe");
    struct stat st;
    if (!f || fstat(fileno(f), &st) < 0 || st.st_size > INPUT_MAX) {
        fprintf(stderr, "%s: %s\n", path, f ? "too large" : strerror(errno));
        exit(1);
    }
    size_t size = (size_t)st.st_size;
    uint8_t *data = malloc(size ? size : 1);
    if (!data || fread(data, 1, size, f) != size)
        abort();
    fclose(f);
    for (unsigned i = 0; i < runs; i++) {
        alarm(timeout_s);
        guard_run(data, size, true);
        alarm(0);
    }
    free(data);
}

static unsigned from_environment(const char *name, unsigned otherwise)
{
    const char *s = getenv(name);
    unsigned long v = s ? strtoul(s, NULL, 10) : 0;
    return v > 0 && v < 100000 ? (unsigned)v : otherwise;
}

int main(int argc, char **argv)
{
    static const int signals[] = {SIGALRM, SIGABRT, SIGSEGV, SIGBUS, SIGFPE, SIGILL};
    bool folder = false;
    setvbuf(stdout, NULL, _IOLBF, 0);
    if (argc < 2) {
        fprintf(stderr, "usage: %s PATH...\n", argv[0]);
        return 2;
    }
    timeout_s = from_environment("FUZZ_TIMEOUT", timeout_s);
    runs = from_environment("FUZZ_RUNS", runs);
    for (int i = 1; i < argc; i++) {
        struct stat st;
        if (stat(argv[i], &st) < 0) {
            fprintf(stderr, "%s: %s\n", argv[i], strerror(errno));
            return 1;
        }
        folder = folder || S_ISDIR(st.st_mode);
        if (nftw(argv[i], on_entry, 16, FTW_ACTIONRETVAL | FTW_PHYS) != 0) {
            fprintf(stderr, "%s: %s\n", argv[i], strerror(errno));
            return 1;
        }
    }
    if (folder && seeds_seen == 0) {
        fprintf(stderr, "%s: no input under seed/\n", argv[1]);
        return 1;
    }
    if (__sanitizer_set_death_callback)
        __sanitizer_set_death_callback(on_sanitizer_death);
    for (size_t i = 0; i < sizeof signals / sizeof signals[0]; i++)
        if (!__sanitizer_set_death_callback || signals[i] == SIGALRM || signals[i] == SIGABRT)
            signal(signals[i], on_signal);
    qsort(inputs.v, inputs.n, sizeof *inputs.v, compare);
    mem_install_hooks();
    if (fuzz_setup)
        fuzz_setup();
    printf("1..%zu\n", inputs.n);
    for (size_t i = 0; i < inputs.n; i++) {
        current = inputs.v[i];
        current_number = (unsigned)i + 1;
        replay(current);
        printf("ok %u - %s\n", current_number, current);
    }
    for (size_t i = 0; i < inputs.n; i++)
        free(inputs.v[i]);
    free(inputs.v);
    return 0;
}
