/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Log: one line an event, to a sink that tests can replace. Used by layers 4 to 6 only; below, errors are returned.
 * Control bytes in the text are escaped, so that nothing a client sends can forge a line.
 */
#ifndef CRI_BASE_LOG_H
#define CRI_BASE_LOG_H

#include <stdbool.h>

#include "base/err.h"
#include "base/macro.h"

enum log_level { LOG_LEVEL_ERROR, LOG_LEVEL_WARNING, LOG_LEVEL_INFO, LOG_LEVEL_DEBUG };

/* The least important level that is written; default LOG_LEVEL_INFO. */
void log_set_level(enum log_level level);
bool log_enabled(enum log_level level);
/* Where lines go: `line` is complete text without '\n'. NULL sets back to stderr. Called from any thread, one call at a time. */
void log_set_sink(void (*sink)(void *user, enum log_level level, const char *line), void *user);

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
