/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The socket that a runtime serves on: made here, or handed over by whoever started the process (sd_listen_fds(3)).
 */
#ifndef CRI_CRI_RUNTIME_LISTEN_H
#define CRI_CRI_RUNTIME_LISTEN_H

#include "base/arena.h"
#include "cri/runtime.h"

/* A bound, listening socket, 0660 root:group; *ret_made says that it was made here and its file is ours to remove. With options->listen_fd that
 * one, which is the caller's again after an error. The stale file of a daemon that died is replaced; the socket of one that lives is not: FAILED_PRECONDITION. INVALID_ARGUMENT:
 * the path is too long, or the descriptor is not a listening unix stream socket. Errors of the file system name the path. */
int runtime_listen(const struct cri_runtime_options *options, struct arena *a, int *ret_fd, bool *ret_made, struct err *e);

/* True when somebody accepts connections there; *ret_pid (may be NULL) is the process, 0 when that is not told. */
bool runtime_socket_is_served(const char *path, int *ret_pid);

#endif
