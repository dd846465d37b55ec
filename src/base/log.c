/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Log, see log.h.
 */
#include "base/log.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"

enum { LINE_MAX_BYTES = 4096 };

static _Atomic int max_level = LOG_LEVEL_INFO;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static void (*current_sink)(void *user, enum log_level level, const char *line);
static void *current_user;

void log_set_level(enum log_level level)
{
    atomic_store(&max_level, (int)level);
}

bool log_enabled(enum log_level level)
{
    return (int)level <= atomic_load(&max_level);
}

void log_set_sink(void (*sink)(void *user, enum log_level level, const char *line), void *user)
{
    pthread_mutex_lock(&lock);
    current_sink = sink;
    current_user = user;
    pthread_mutex_unlock(&lock);
}

static void write_stderr(enum log_level level, const char *line)
{
    static const char *const names[] = {"error", "warning", "info", "debug"};
    char out[LINE_MAX_BYTES + 64];
    char stamp[CLOCK_RFC3339_MAX];
    clock_rfc3339_utc(clock_real(), stamp);
    int n = snprintf(out, sizeof out, "%s %s %s\n", stamp, names[level], line);
    if (n > 0 && write(STDERR_FILENO, out, (size_t)n < sizeof out ? (size_t)n : sizeof out - 1) < 0)
        return; /* nowhere left to say it */
}

void log_write(enum log_level level, const char *format, ...)
{
    if (!log_enabled(level))
        return;
    char line[LINE_MAX_BYTES];
    va_list ap;
    va_start(ap, format);
    int n = vsnprintf(line, sizeof line, format, ap);
    va_end(ap);
    if (n < 0)
        return;
    for (char *p = line; *p; p++)
        if ((unsigned char)*p < 0x20 || *p == 0x7f)
            *p = *p == '\n' || *p == '\t' ? ' ' : '?';
    pthread_mutex_lock(&lock);
    if (current_sink)
        current_sink(current_user, level, line);
    else
        write_stderr(level, line);
    pthread_mutex_unlock(&lock);
}
