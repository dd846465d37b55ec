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
#include "base/codec.h"

enum { LOG_HEAD_MAX = 200 }; /* of each part before the text */

static _Atomic int max_level = LOG_LEVEL_INFO;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static void (*current_sink)(void *user, enum log_level level, const char *line);
static void *current_user;
static _Atomic int current_format = LOG_FORMAT_TEXT;
static _Thread_local struct log_scope current_scope;

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

struct log_scope log_scope_set(struct log_scope scope)
{
    struct log_scope before = current_scope;
    current_scope = scope;
    return before;
}

struct log_scope log_scope_get(void)
{
    return current_scope;
}

void log_set_format(enum log_format format)
{
    atomic_store(&current_format, (int)format);
}

const char *log_level_name(enum log_level level)
{
    static const char *const names[] = {"error", "warning", "info", "debug"};
    return names[level];
}

static char *put(char *at, const char *text)
{
    size_t n = strlen(text);
    memcpy(at, text, n);
    return at + n;
}

/* Copies text into a JSON string; control bytes are gone from it already. Returns its end. */
static char *put_json(char *at, const char *text)
{
    char clean[3 * LOG_LINE_MAX];
    size_t n = utf8_sanitize(view_slice(view_of(text), 0, LOG_LINE_MAX - 1), clean);
    for (size_t i = 0; i < n; i++) {
        if (clean[i] == '"' || clean[i] == '\\')
            *at++ = '\\';
        *at++ = clean[i];
    }
    return at;
}

static size_t format_json(const char *stamp, enum log_level level, const struct log_scope *scope, const char *line, char *out)
{
    char *at = out + snprintf(out, LOG_HEAD_MAX, "{\"time\":\"%s\",\"level\":\"%s\",", stamp, log_level_name(level));
    if (scope->rpc)
        at += snprintf(at, LOG_HEAD_MAX, "\"rpc_id\":%llu,\"rpc\":\"%.100s\",", (unsigned long long)scope->rpc_id, scope->rpc);
    at = put(at, "\"message\":\"");
    at = put(put_json(at, line), "\"}\n");
    *at = '\0';
    return (size_t)(at - out);
}

size_t log_format_line(enum log_format format, enum log_level level, uint64_t time, const struct log_scope *scope, const char *line,
                       char out[LOG_OUT_MAX])
{
    char stamp[CLOCK_RFC3339_MAX];
    clock_rfc3339_utc(time, stamp);
    if (format == LOG_FORMAT_JSON)
        return format_json(stamp, level, scope, line, out);
    int n = snprintf(out, LOG_HEAD_MAX, "%s %s ", stamp, log_level_name(level));
    if (scope->rpc)
        n += snprintf(out + n, LOG_HEAD_MAX, "[%llu %.100s] ", (unsigned long long)scope->rpc_id, scope->rpc);
    n += snprintf(out + n, LOG_LINE_MAX + 1, "%.*s\n", LOG_LINE_MAX - 1, line);
    return (size_t)n;
}

static void write_stderr(enum log_level level, const char *line)
{
    static char out[LOG_OUT_MAX]; /* under the lock */
    size_t n = log_format_line((enum log_format)atomic_load(&current_format), level, clock_real(), &current_scope, line, out);
    if (write(STDERR_FILENO, out, n) < 0)
        return; /* nowhere left to say it */
}

void log_write(enum log_level level, const char *format, ...)
{
    if (!log_enabled(level))
        return;
    char line[LOG_LINE_MAX];
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
