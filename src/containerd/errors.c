/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What containerd, its shim and the OCI runtimes mean by their answers. Codes alone do not say it: a text of runc passes through
 * the shim and containerd and arrives as UNKNOWN on one version and as NOT_FOUND on the next.
 */
#include "containerd/containerd.h"

/* Texts that say "the object is not there" under a code other than NOT_FOUND. Compared in lower case. */
static const char *const not_found_texts[] = {
    "container does not exist", /* containerd before 1.0 (ErrContainerNotExist) and runc */
    "no such container",        /* the shim's text for the same, 1.x and 2.x */
    "no running task found",    /* containerd's Go client texts that a proxy hands on */
};

/* The end of errdefs' text when a layer lost the code: "...: not found". An executable that is missing in a container's PATH has
 * "not found" in the middle ("executable file not found in $PATH"), and must not count. */
#define NOT_FOUND_END ": not found"

/* Texts that say "that process has ended", whatever the code. */
static const char *const finished_texts[] = {
    "process already finished", /* Go's os.ErrProcessDone ("os: process already finished"), and the shim's NOT_FOUND */
    "no such process",          /* ESRCH from runc or crun */
    "container not running",    /* runc before 1.2, runc kill */
    "container is not running", /* crun kill; runc 1.2 */
    "process not running",           /* crun exec */
    "cannot kill a deleted process", /* the shim's state machine */
};

/* Lower-cases the ASCII of a message into a buffer of the same size. */
static void fold(const char *from, char to[ERR_MESSAGE_MAX])
{
    size_t i = 0;
    for (; i + 1 < ERR_MESSAGE_MAX && from[i]; i++)
        to[i] = (char)(from[i] >= 'A' && from[i] <= 'Z' ? from[i] - 'A' + 'a' : from[i]);
    to[i] = '\0';
}

static bool has_any(const char *text, const char *const *list, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (strstr(text, list[i]))
            return true;
    return false;
}

bool ctrd_is_not_found(int r, const struct err *e)
{
    if (r == -ERR_NOT_FOUND)
        return true;
    /* Only codes that carry no meaning of their own are looked behind. */
    if (!e || (r != -ERR_UNKNOWN && r != -ERR_INTERNAL))
        return false;
    char text[ERR_MESSAGE_MAX];
    fold(e->message, text);
    return has_any(text, not_found_texts, ARRAY_SIZE(not_found_texts)) || view_ends(view_of(text), VIEW_LIT(NOT_FOUND_END));
}

bool ctrd_is_process_finished(int r, const struct err *e)
{
    if (r >= 0 || !e)
        return false;
    /* A call that did not reach its end says nothing about the process, whatever words are in the text. */
    if (r == -ERR_CANCELLED || r == -ERR_DEADLINE_EXCEEDED || r == -ERR_RESOURCE_EXHAUSTED)
        return false;
    char text[ERR_MESSAGE_MAX];
    fold(e->message, text);
    return has_any(text, finished_texts, ARRAY_SIZE(finished_texts));
}
