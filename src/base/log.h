/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Log: one line an event, to a sink that tests can replace. Used by layers 4 to 6 only; below, errors are returned.
 * Control bytes in the text are escaped, so that nothing a client sends can forge a line.
 */
#ifndef CRI_BASE_LOG_H
#define CRI_BASE_LOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/macro.h"

enum log_level { LOG_LEVEL_ERROR, LOG_LEVEL_WARNING, LOG_LEVEL_INFO, LOG_LEVEL_DEBUG };

/* The least important level that is written; default LOG_LEVEL_INFO. */
void log_set_level(enum log_level level);
bool log_enabled(enum log_level level);
/* How a line looks on stderr; default LOG_FORMAT_TEXT. */
enum log_format {
    LOG_FORMAT_TEXT, /* 2026-11-28T09:12:01.123456789Z warning [12 RunPodSandbox] text */
    LOG_FORMAT_JSON, /* {"time":"..","level":"warning","rpc_id":12,"rpc":"RunPodSandbox","message":"text"} */
};
void log_set_format(enum log_format format);

/* What the calling thread works on: every line that it writes says so. No RPC: {0, NULL}. `rpc` must live as long as it is set. */
struct log_scope {
    uint64_t rpc_id; /* of this run of the daemon, from 1 */
    const char *rpc; /* the method's name */
};
/* Sets the thread's scope and returns the one before, to be set back. */
struct log_scope log_scope_set(struct log_scope scope);
struct log_scope log_scope_get(void);

/* Where lines go: `line` is complete text without '\n' and without the scope, which log_scope_get tells there. NULL sets back to stderr. Called
 * from any thread, one call at a time. */
void log_set_sink(void (*sink)(void *user, enum log_level level, const char *line), void *user);

enum {
    LOG_LINE_MAX = 4096,                  /* bytes of text in a line, its NUL included; what is longer is cut */
    LOG_OUT_MAX = 6 * LOG_LINE_MAX + 512, /* of a line with everything around it */
};
/* The name of a level, as --log-level takes it. */
const char *log_level_name(enum log_level level);
/* Writes one line, with its '\n', as it goes to stderr; returns its length. time: ns since 1970. JSON is always valid UTF-8. */
size_t log_format_line(enum log_format format, enum log_level level, uint64_t time, const struct log_scope *scope, const char *line,
                       char out[LOG_OUT_MAX]);

void log_write(enum log_level level, const char *format, ...) _printf_(2, 3);

#define log_error(...) log_write(LOG_LEVEL_ERROR, __VA_ARGS__)
#define log_warning(...) log_write(LOG_LEVEL_WARNING, __VA_ARGS__)
#define log_info(...) log_write(LOG_LEVEL_INFO, __VA_ARGS__)
#define log_debug(...)                         \
    do {                                       \
        if (log_enabled(LOG_LEVEL_DEBUG))      \
            log_write(LOG_LEVEL_DEBUG, __VA_ARGS__); \
    } while (0)

#endif
