/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Child processes, see proc.h. The child is a process group of its own and is waited for through a pidfd, so one poll serves its pipes,
 * its end, the deadline and the cancel flag, and no SIGCHLD handler of anybody is involved.
 */
#include "base/proc.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <spawn.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fs.h"

enum { LATE_STACK_SIZE = 64 << 10 };

/* The parent's ends of a child's pipes. */
struct child {
    pid_t pid;
    int pidfd, in, out, err;
};

static void child_done(struct child *c)
{
    fd_close(&c->pidfd);
    fd_close(&c->in);
    fd_close(&c->out);
    fd_close(&c->err);
}

static int spawn_with(const char *const argv[], const char *const envp[], int in, int out, int err_fd, pid_t *ret_pid)
{
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attr;
    sigset_t none, all;
    int r = posix_spawn_file_actions_init(&actions);
    if (r != 0)
        return r;
    r = posix_spawnattr_init(&attr);
    if (r == 0) {
        sigemptyset(&none);
        sigfillset(&all);
        posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
        posix_spawnattr_setpgroup(&attr, 0);
        posix_spawnattr_setsigmask(&attr, &none);
        posix_spawnattr_setsigdefault(&attr, &all);
        r = posix_spawn_file_actions_adddup2(&actions, in, STDIN_FILENO);
        if (r == 0)
            r = posix_spawn_file_actions_adddup2(&actions, out, STDOUT_FILENO);
        if (r == 0)
            r = posix_spawn_file_actions_adddup2(&actions, err_fd, STDERR_FILENO);
        if (r == 0)
            r = posix_spawn(ret_pid, argv[0], &actions, &attr, (char *const *)argv, (char *const *)envp);
        posix_spawnattr_destroy(&attr);
    }
    posix_spawn_file_actions_destroy(&actions);
    return r;
}

static int child_start(struct child *c, const char *const argv[], const char *const envp[], struct err *e)
{
    int in[2], out[2], err_pipe[2];
    if (pipe2(in, O_CLOEXEC) < 0)
        return err_errno(e, errno, "create a pipe for %s", argv[0]);
    c->in = in[1];
    _cleanup_fd_ int child_in = in[0];
    if (pipe2(out, O_CLOEXEC) < 0)
        return err_errno(e, errno, "create a pipe for %s", argv[0]);
    c->out = out[0];
    _cleanup_fd_ int child_out = out[1];
    if (pipe2(err_pipe, O_CLOEXEC) < 0)
        return err_errno(e, errno, "create a pipe for %s", argv[0]);
    c->err = err_pipe[0];
    _cleanup_fd_ int child_err = err_pipe[1];
    if (fcntl(c->in, F_SETFL, O_NONBLOCK) < 0 || fcntl(c->out, F_SETFL, O_NONBLOCK) < 0 || fcntl(c->err, F_SETFL, O_NONBLOCK) < 0)
        return err_errno(e, errno, "set up the pipes of %s", argv[0]);
    int r = spawn_with(argv, envp, child_in, child_out, child_err, &c->pid);
    if (r != 0)
        return err_errno(e, r, "start %s", argv[0]);
    c->pidfd = (int)syscall(SYS_pidfd_open, c->pid, 0);
    return c->pidfd < 0 ? err_errno(e, errno, "watch %s", argv[0]) : 0;
}

/* Reads once; closes the descriptor at its end. Output beyond the buffer's maximum is read and dropped, so the child never blocks.
 * 0, or -ERR_RESOURCE_EXHAUSTED when there is no memory for what was read. */
static int pump_out(int *fd, struct buf *to, bool *truncated)
{
    char scratch[16384];
    ssize_t k = read(*fd, scratch, sizeof scratch);
    if (k < 0 && (errno == EINTR || errno == EAGAIN))
        return 0;
    if (k <= 0) {
        fd_close(fd);
        return 0;
    }
    if (!to)
        return 0;
    size_t room = to->max - to->n, take = (size_t)k < room ? (size_t)k : room;
    /* What fits is kept even if the rest of the piece does not fit, so that nothing is kept behind a gap. */
    *truncated = *truncated || take < (size_t)k;
    return buf_add(to, scratch, take);
}

static void pump_in(int *fd, struct view *input)
{
    ssize_t k = input->n ? write(*fd, input->p, input->n) : 0;
    if (k < 0 && (errno == EINTR || errno == EAGAIN))
        return;
    if (k > 0)
        *input = view_slice(*input, (size_t)k, input->n);
    if (k < 0 || input->n == 0)
        fd_close(fd); /* EPIPE: the child does not want the rest */
}

/* Serves the pipes until the child has ended and its output is read. A grandchild that keeps the pipes open is not waited for. */
static int child_serve(struct child *c, const struct ctx *ctx, struct view input, struct buf *out, struct buf *err_out, bool *truncated,
                       const char *name, struct err *e)
{
    bool ended = false;
    while (!ended || c->out >= 0 || c->err >= 0) {
        TRY(ctx_check(ctx, name, e));
        struct pollfd p[] = {
            {.fd = c->in, .events = POLLOUT}, {.fd = c->out, .events = POLLIN}, {.fd = c->err, .events = POLLIN},
            {.fd = ended ? -1 : c->pidfd, .events = POLLIN}, {.fd = ctx->cancel ? ctx->cancel->wake_fd : -1, .events = POLLIN},
        };
        int n = poll(p, ARRAY_SIZE(p), ended ? 0 : clock_poll_ms(ctx->deadline));
        if (n < 0 && errno != EINTR)
            return err_errno(e, errno, "wait for %s", name);
        if (n == 0 && ended)
            return 0;
        if (n <= 0)
            continue;
        if (p[0].revents)
            pump_in(&c->in, &input);
        bool flooded = false;
        if (p[1].revents && pump_out(&c->out, out, &flooded) < 0)
            return err_oom(e);
        if (flooded)
            return err_raise(e, ERR_OUT_OF_RANGE, "%s wrote more than %zu bytes", name, out->max);
        if (p[2].revents && pump_out(&c->err, err_out, truncated) < 0)
            *truncated = true; /* not worth killing a child for */
        ended = ended || p[3].revents;
    }
    return 0;
}

/* Waits for the child's end until the deadline. False: it has not come. */
static bool child_reap(const struct child *c, uint64_t deadline, struct proc_result *ret)
{
    siginfo_t info = {0};
    struct pollfd end = {.fd = c->pidfd, .events = POLLIN};
    while (waitid(P_PID, (id_t)c->pid, &info, WEXITED | WNOHANG) == 0 && info.si_pid == 0) {
        if (clock_mono() >= deadline)
            return false;
        /* Whoever traces a child sees its end first: then the descriptor is ready before its status is. */
        if (poll(&end, 1, c->pidfd < 0 ? 5 : clock_poll_ms(deadline)) > 0)
            poll(NULL, 0, 5);
    }
    ret->signaled = info.si_code != CLD_EXITED;
    ret->status = info.si_status;
    return true;
}

static void *reap_late(void *arg)
{
    siginfo_t info;
    while (waitid(P_PID, (id_t)(intptr_t)arg, &info, WEXITED) < 0 && errno == EINTR)
        continue;
    return NULL;
}

/* Leaves a child that cannot be killed to a thread. Without one it stays a zombie when it ends, until this program does. */
static void child_leave(const struct child *c)
{
    pthread_attr_t attr;
    pthread_t thread;
    if (pthread_attr_init(&attr) != 0)
        return;
    pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
    pthread_attr_setstacksize(&attr, LATE_STACK_SIZE);
    pthread_create(&thread, &attr, reap_late, (void *)(intptr_t)c->pid);
    pthread_attr_destroy(&attr);
}

/* The end of a child: killed with its group when r says that something went wrong, and waited for. */
static int child_end(const struct child *c, int r, const char *name, struct proc_result *ret, struct err *e)
{
    if (r < 0) {
        kill(-c->pid, SIGKILL);
        kill(c->pid, SIGKILL); /* it may have left its group */
    }
    if (child_reap(c, clock_deadline(PROC_KILL_PATIENCE), ret))
        return r;
    child_leave(c);
    if (r == 0)
        return err_raise(e, ERR_UNKNOWN, "%s has ended, but its status cannot be had", name);
    if (!e)
        return r;
    struct err why = *e;
    return err_raise(e, why.code, "%s; it does not end although it was killed", why.message);
}

int proc_run(const struct ctx *ctx, const char *const argv[], const char *const envp[], struct view input, struct buf *out,
             struct buf *err_out, struct proc_result *ret, struct err *e)
{
    struct child c = {.pid = -1, .pidfd = -1, .in = -1, .out = -1, .err = -1};
    struct proc_result result = {0};
    int r = child_start(&c, argv, envp, e);
    if (r == 0)
        r = child_serve(&c, ctx, input, out, err_out, &result.truncated, argv[0], e);
    if (c.pid > 0)
        r = child_end(&c, r, argv[0], &result, e);
    child_done(&c);
    if (r == 0)
        *ret = result;
    return r;
}

static int run_real(void *user, const struct ctx *ctx, const char *const argv[], const char *const envp[], struct view input, struct buf *out,
                    struct buf *err_out, struct proc_result *ret, struct err *e)
{
    return proc_run(ctx, argv, envp, input, out, err_out, ret, e);
}

const struct proc_ops proc_ops_real = {.run = run_real};
