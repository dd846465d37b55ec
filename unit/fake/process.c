/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Processes of the fake: scripts, pipes, scripted exits.
 */
#include "process.h"

#include <fcntl.h>
#include <unistd.h>

#include "containerd/event_types.pb-c.h"

const struct fake_script *fake_find_script(struct fake *f, bool exec, const char *text)
{
    for (size_t i = f->scripts.n; i-- > 0;) {
        const struct fake_script *s = f->scripts.v[i];
        if (s->exec == exec && (!s->match || strstr(text, s->match)))
            return s;
    }
    return NULL;
}

struct fake_process *fake_process_new(struct fake *f, const char *id, const char *exec_id, const char *text,
                                      const struct fake_script *script)
{
    struct fake_process *p = fake_zalloc(sizeof(*p));
    p->container_id = fake_strdup(id);
    p->exec_id = fake_strdup(exec_id);
    p->text = fake_strdup(text);
    p->script = script;
    p->due = CLOCK_NEVER;
    p->stdin_fd = p->stdout_fd = p->stderr_fd = -1;
    fake_list_add(&f->processes, p);
    return p;
}

void fake_process_io(struct fake_process *p, const char *in, const char *out, const char *err, bool terminal)
{
    p->stdin_path = fake_strdup(in);
    p->stdout_path = fake_strdup(out);
    p->stderr_path = fake_strdup(err);
    p->terminal = terminal;
}

static int open_pipe(const char *path, int flags)
{
    return *path ? open(path, flags | O_NONBLOCK | O_CLOEXEC) : -1;
}

void fake_process_open_io(struct fake_process *p)
{
    enum { PIPE_ROOM = 1 << 20 };
    if (p->stdin_fd < 0)
        p->stdin_fd = open_pipe(p->stdin_path, O_RDONLY);
    if (p->stdout_fd < 0)
        p->stdout_fd = open_pipe(p->stdout_path, O_WRONLY);
    if (p->stderr_fd < 0)
        p->stderr_fd = open_pipe(p->stderr_path, O_WRONLY);
    /* Nobody writes the rest later, so let much fit. */
    if (p->stdout_fd >= 0)
        (void)fcntl(p->stdout_fd, F_SETPIPE_SZ, PIPE_ROOM);
    if (p->stderr_fd >= 0)
        (void)fcntl(p->stderr_fd, F_SETPIPE_SZ, PIPE_ROOM);
}

static void close_fd(int *fd)
{
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
}

void fake_process_close_stdin(struct fake_process *p)
{
    close_fd(&p->stdin_fd);
}

void fake_process_close_io(struct fake_process *p)
{
    close_fd(&p->stdin_fd);
    close_fd(&p->stdout_fd);
    close_fd(&p->stderr_fd);
}

void fake_process_free(void *process)
{
    struct fake_process *p = process;
    fake_process_close_io(p);
    free(p->container_id);
    free(p->exec_id);
    free(p->text);
    free(p->resources);
    free(p->stdin_path);
    free(p->stdout_path);
    free(p->stderr_path);
    free(p);
}

static size_t put(int fd, const void *p, size_t n)
{
    size_t done = 0;
    while (fd >= 0 && done < n) {
        ssize_t w = write(fd, (const char *)p + done, n - done);
        if (w <= 0)
            break;
        done += (size_t)w;
    }
    return done;
}

void fake_process_begin(struct fake *f, struct fake_process *p)
{
    const struct fake_script *s = p->script;
    bool exec = *p->exec_id != '\0';
    fake_process_open_io(p);
    if (s && s->out)
        put(p->stdout_fd, s->out, strlen(s->out));
    if (s && s->err_out)
        put(p->terminal ? p->stdout_fd : p->stderr_fd, s->err_out, strlen(s->err_out));
    bool exits = s ? s->exits || (exec && !s->runs) : exec;
    if (!exits)
        return;
    if (s && s->after) {
        p->due = clock_deadline(s->after);
        p->due_status = s->status;
    } else {
        fake_end_process(f, p, s ? s->status : 0);
    }
}

void fake_end_process(struct fake *f, struct fake_process *p, uint32_t status)
{
    p->status = CTRD_TASK_STOPPED;
    p->exit_status = status;
    p->exited_at = clock_real();
    p->due = CLOCK_NEVER;
    fake_process_close_io(p);
    Containerd__Events__TaskExit event;
    protobuf_c_message_init(&containerd__events__task_exit__descriptor, &event);
    event.container_id = p->container_id;
    event.id = *p->exec_id ? p->exec_id : p->container_id;
    event.pid = p->pid;
    event.exit_status = status;
    event.exited_at = fake_stamp(NULL, p->exited_at);
    fake_publish(f, "/tasks/exit", &event);
    fake_message_free(event.exited_at);
    /* The init process takes the others with it: they share its PID namespace. */
    for (size_t i = 0; !*p->exec_id && i < f->processes.n; i++) {
        struct fake_process *x = f->processes.v[i];
        if (*x->exec_id && x->status == CTRD_TASK_RUNNING && strcmp(x->container_id, p->container_id) == 0)
            fake_end_process(f, x, 137);
    }
}

uint64_t fake_next_due(struct fake *f)
{
    uint64_t due = CLOCK_NEVER;
    for (size_t i = 0; i < f->processes.n; i++)
        due = MIN_OF(due, ((struct fake_process *)f->processes.v[i])->due);
    return due;
}

void fake_run_due(struct fake *f)
{
    uint64_t now = clock_mono(), due;
    while ((due = fake_next_due(f)) <= now)
        for (size_t i = 0; i < f->processes.n; i++) {
            struct fake_process *p = f->processes.v[i];
            if (p->due == due)
                fake_end_process(f, p, p->due_status);
        }
}

size_t fake_output(struct fake *f, const char *id, const char *exec_id, int fd, const void *p, size_t n)
{
    pthread_mutex_lock(&f->lock);
    struct fake_process *x = fake_find_process(f, id, exec_id);
    size_t done = 0;
    if (x) {
        fake_process_open_io(x);
        done = put(fd == 1 ? x->stdout_fd : x->stderr_fd, p, n);
    }
    pthread_mutex_unlock(&f->lock);
    return done;
}

size_t fake_stdin(struct fake *f, const char *id, const char *exec_id, void *p, size_t max)
{
    pthread_mutex_lock(&f->lock);
    struct fake_process *x = fake_find_process(f, id, exec_id);
    ssize_t n = x && x->stdin_fd >= 0 ? read(x->stdin_fd, p, max) : 0;
    pthread_mutex_unlock(&f->lock);
    return n > 0 ? (size_t)n : 0;
}
