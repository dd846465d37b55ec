/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Journal: the log's way into systemd's journal, with level, RPC and its number as fields of their own.
 */
#ifndef CRI_DAEMON_JOURNAL_H
#define CRI_DAEMON_JOURNAL_H

#include <stdbool.h>

/* True when stderr is connected to the journal (JOURNAL_STREAM, systemd.exec(5)): then fields are worth more than text. */
bool journal_is_stderr(void);
/* Sends every line there from now on: MESSAGE, PRIORITY, SYSLOG_IDENTIFIER, and within an RPC CRI_RPC and CRI_RPC_ID. A line that the
 * journal does not take goes to stderr as text. */
void journal_start(void);

#endif
