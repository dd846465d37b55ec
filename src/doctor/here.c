/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The host that the doctor runs on: its system calls, its files, a connection to its containerd.
 */
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "cri/host.h"
#include "doctor/internal.h"
#include "image/http.h"
#include "loop/loop.h"
#include "oci/constants.h"
#include "rpc/client.h"

/* Where containerd's packages put programs, whatever the PATH of the shell is. */
#define USUAL_PATH "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin:/opt/containerd/bin"

/* Each is called with what it has to refuse before it does anything: another answer than ENOSYS or EPERM shows that it is there. */
static bool has_call(enum doctor_call call)
{
    static const long numbers[DOCTOR_CALLS] = {
        [DOCTOR_CALL_FSOPEN] = SYS_fsopen,   [DOCTOR_CALL_OPEN_TREE] = SYS_open_tree,     [DOCTOR_CALL_MOUNT_SETATTR] = SYS_mount_setattr,
        [DOCTOR_CALL_OPENAT2] = SYS_openat2, [DOCTOR_CALL_PIDFD_OPEN] = SYS_pidfd_open,
    };
    long r;
    if (call == DOCTOR_CALL_FSOPEN)
        r = syscall(numbers[call], NULL, 0u); /* no name: EFAULT */
    else if (call == DOCTOR_CALL_PIDFD_OPEN)
        r = syscall(numbers[call], -1, 0u); /* no process: EINVAL */
    else
        r = syscall(numbers[call], -1, "", 0u, NULL, (size_t)0); /* no directory or no structure: EBADF, ENOENT, EINVAL */
    return r >= 0 || (errno != ENOSYS && errno != EPERM);
}

/* A connection whose loop runs on a thread of its own. */
struct connection {
    struct loop *loop;
    struct rpc_client *client;
    struct rpc_channel channel;
    struct ctrd ctrd;
    pthread_t thread;
    bool runs;
};

static void *run_loop(void *loop)
{
    loop_run(loop, NULL); /* calls fail when it does, or by their time limit */
    return NULL;
}

static int connection_open(struct connection *c, const char *address, struct err *e)
{
    static const char *const metadata[] = {"containerd-namespace", OCI_CONTAINERD_NAMESPACE, NULL};
    const struct rpc_client_config config = {.socket_path = address, .metadata = metadata};
    TRY(loop_new(&c->loop, e));
    TRY(rpc_client_new(c->loop, &config, &c->client, e));
    c->channel = rpc_client_channel(c->client);
    c->ctrd = ctrd_client(&c->channel);
    int error = pthread_create(&c->thread, NULL, run_loop, c->loop);
    c->runs = error == 0;
    return error ? err_errno(e, error, "start a thread") : 0;
}

static void connection_close(struct connection *c)
{
    if (c->runs) {
        loop_stop(c->loop);
        pthread_join(c->thread, NULL);
    }
    rpc_client_free(c->client);
    loop_free(c->loop);
}

static const char *search_path(struct arena *a)
{
    const char *path = getenv("PATH");
    return path && *path ? arena_printf(a, "%s:" USUAL_PATH, path) : USUAL_PATH;
}

static int run(struct doctor *d, struct connection *c, struct http_curl *http, struct err *e)
{
    struct oci_host host;
    TRY(host_read(&d->arena, &host, e));
    TRY(connection_open(c, d->options.containerd, e));
    d->view = (struct doctor_view){
        .prefix = "",
        .search_path = search_path(&d->arena),
        .host = &host,
        .proc = &proc_ops_real,
        .ctrd = &c->ctrd,
        .http = &http_curl_ops,
        .http_user = http,
        .has_call = has_call,
        .space = statvfs,
        .patience = DOCTOR_DISK_LIMIT,
    };
    int r = d->view.search_path ? doctor_run(d, e) : err_oom(e);
    d->view = (struct doctor_view){.prefix = ""};
    return r;
}

int doctor_run_here(struct doctor *d, struct err *e)
{
    struct connection c = {0};
    struct http_curl *http;
    TRY(http_curl_new(&http, e));
    int r = run(d, &c, http, e);
    connection_close(&c);
    http_curl_free(http);
    return r;
}
