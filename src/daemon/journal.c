/* SPDX-License-Identifier: Apache-2.0 */
/*
 * See journal.h.
 */
#include "daemon/journal.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#define SD_JOURNAL_SUPPRESS_LOCATION
#include <systemd/sd-journal.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/macro.h"

bool journal_is_stderr(void)
{
    struct stat st;
    char want[64];
    const char *stream = getenv("JOURNAL_STREAM");
    if (!stream || fstat(STDERR_FILENO, &st) < 0)
        return false;
    snprintf(want, sizeof want, "%ju:%ju", (uintmax_t)st.st_dev, (uintmax_t)st.st_ino);
    return strcmp(stream, want) == 0;
}

static struct iovec field(const char *text)
{
    return (struct iovec){.iov_base = (void *)(uintptr_t)text, .iov_len = strlen(text)};
}

/* Called one line at a time, see log_set_sink. */
static void send_line(void *user, enum log_level level, const char *line)
{
    static const char *const priority[] = {"PRIORITY=3", "PRIORITY=4", "PRIORITY=6", "PRIORITY=7"}; /* syslog(3) */
    char message[LOG_LINE_MAX + 16], rpc[128], id[64];
    struct log_scope scope = log_scope_get();
    snprintf(message, sizeof message, "MESSAGE=%s", line);
    snprintf(rpc, sizeof rpc, "CRI_RPC=%s", scope.rpc ? scope.rpc : "");
    snprintf(id, sizeof id, "CRI_RPC_ID=%" PRIu64, scope.rpc_id);
    struct iovec fields[] = {field(message), field(priority[level]), field("SYSLOG_IDENTIFIER=cri-containerd"), field(rpc), field(id)};
    int n = (int)ARRAY_SIZE(fields) - (scope.rpc ? 0 : 2);
    if (sd_journal_sendv(fields, n) >= 0)
        return;
    static char out[LOG_OUT_MAX];
    size_t k = log_format_line(LOG_FORMAT_TEXT, level, clock_real(), &scope, line, out);
    (void)!write(STDERR_FILENO, out, k);
}

void journal_start(void)
{
    log_set_sink(send_line, NULL);
}
