/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Pipes: making, opening and removing them, see cio.h. What flows through them is pump.c's.
 */
#include "stream/cio.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/codec.h"
#include "base/fs.h"
#include "base/id.h"
#include "base/mem.h"
#include "stream/cio_private.h"

static const char *const stream_names[CIO_STREAMS] = {"stdin", "stdout", "stderr"};

void cio_free_object(struct cio *c)
{
    for (int i = 0; i < CIO_STREAMS; i++) {
        fd_close(&c->stream[i].fd);
        log_writer_done(&c->stream[i].writer);
        mem_free(c->stream[i].path);
    }
    pump_close_log(c, &c->log);
    lane_give_back(c);
    mem_free(c->dir);
    pthread_cond_destroy(&c->changed);
    pthread_mutex_destroy(&c->lock);
    mem_free(c);
}

static struct cio *new_object(struct cio_pump *p)
{
    struct cio *c = mem_zalloc(sizeof *c);
    if (!c)
        return NULL;
    c->pump = p;
    pthread_mutex_init(&c->lock, NULL);
    monotonic_cond_init(&c->changed);
    pump_init(c);
    for (int i = 0; i < CIO_STREAMS; i++) {
        c->stream[i].cio = c;
        c->stream[i].fd = -1;
    }
    return c;
}

static void remove_pipes(struct cio *c)
{
    if (!c->dir)
        return;
    for (int i = 0; i < CIO_STREAMS; i++)
        if (c->stream[i].path)
            unlink(c->stream[i].path);
    rmdir(c->dir);
}

/* Output is opened for reading before the shim opens it for writing. stdin is opened for both, so that the container does not see an end
 * of file before a client attaches. */
static int open_pipe(struct cio_stream *s, int which, struct err *e)
{
    int mode = which == CIO_STDIN ? O_RDWR : O_RDONLY;
    struct stat st;
    s->fd = open(s->path, mode | O_NONBLOCK | O_CLOEXEC | O_NOFOLLOW | O_NOCTTY);
    if (s->fd < 0 && errno == ELOOP)
        return err_raise(e, ERR_FAILED_PRECONDITION, "%s is not a named pipe", s->path);
    if (s->fd < 0)
        return err_errno(e, errno, "open pipe %s", s->path);
    if (fstat(s->fd, &st) < 0 || !S_ISFIFO(st.st_mode))
        return err_raise(e, ERR_FAILED_PRECONDITION, "%s is not a named pipe", s->path);
    if (which == CIO_STDIN)
        return 0;
    fcntl(s->fd, F_SETPIPE_SZ, CIO_PIPE_SIZE); /* refused: it holds less */
    s->cio->open++;
    return 0;
}

static int make_pipe(struct cio *c, int which, const char *id, struct err *e)
{
    struct cio_stream *s = &c->stream[which];
    _cleanup_free_ char *path = mem_printf("%s/%s-%s", c->dir, id, stream_names[which]);
    if (!path)
        return err_oom(e);
    if (mkfifo(path, 0600) < 0)
        return err_errno(e, errno, "create pipe %s", path);
    s->path = TAKE_PTR(path);
    return open_pipe(s, which, e);
}

static int make_pipes(struct cio *c, const struct cio_config *config, struct err *e)
{
    uint8_t random[8];
    char hex[2 * sizeof random + 1] = "";
    TRY(id_random(random, sizeof random, e));
    hex_encode(random, sizeof random, hex);
    TRY(fs_mkdir_all(config->dir, 0700, e));
    char *dir = mem_printf("%s/%s", config->dir, hex);
    if (!dir)
        return err_oom(e);
    if (mkdir(dir, 0700) < 0) {
        int r = err_errno(e, errno, "create directory %s", dir);
        mem_free(dir);
        return r;
    }
    c->dir = dir;
    if (config->want_stdin)
        TRY(make_pipe(c, CIO_STDIN, config->id, e));
    TRY(make_pipe(c, CIO_STDOUT, config->id, e));
    return config->terminal ? 0 : make_pipe(c, CIO_STDERR, config->id, e);
}

int cio_new(struct cio_pump *p, const struct cio_config *config, struct cio **ret, struct err *e)
{
    struct cio *c = new_object(p);
    if (!c)
        return err_oom(e);
    int r = make_pipes(c, config, e);
    if (r < 0) {
        remove_pipes(c);
        cio_free_object(c);
        return r;
    }
    *ret = c;
    return 0;
}

/* The directory that the pipes lie in, when it looks like one of ours: <...>/io/<16 hex digits>. NULL else. */
static int own_directory(const char *path, char **ret, struct err *e)
{
    enum { NAME = 16 };
    struct view dir = view_slice(view_of(path), 0, view_rfind(view_of(path), '/'));
    struct view parent = view_slice(dir, 0, view_rfind(dir, '/'));
    *ret = NULL;
    if (dir.n != parent.n + 1 + NAME || !view_ends(parent, VIEW_LIT("/io")) || strspn(dir.p + parent.n + 1, "0123456789abcdef") != NAME)
        return 0;
    *ret = mem_strndup(dir.p, dir.n);
    return *ret ? 0 : err_oom(e);
}

/* A pipe without a writer is at its end only for a reader that has seen one. A writer for a moment makes it so, and is nothing to a pipe
 * that has others. */
static int show_writer(const struct cio_stream *s, struct err *e)
{
    int fd = open(s->path, O_WRONLY | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0)
        return err_errno(e, errno, "open pipe %s", s->path);
    fd_close(&fd);
    return 0;
}

static int reopen_stream(struct cio *c, int which, const char *path, struct err *e)
{
    struct cio_stream *s = &c->stream[which];
    if (!path || path[0] == '\0')
        return 0;
    s->path = mem_strdup(path);
    if (!s->path)
        return err_oom(e);
    TRY(open_pipe(s, which, e));
    if (which == CIO_STDIN)
        return 0;
    if (!c->dir)
        TRY(own_directory(path, &c->dir, e));
    return show_writer(s, e);
}

int cio_reopen(struct cio_pump *p, const char *stdin_path, const char *stdout_path, const char *stderr_path, struct cio **ret,
               struct err *e)
{
    const char *const paths[CIO_STREAMS] = {stdin_path, stdout_path, stderr_path};
    struct cio *c = new_object(p);
    if (!c)
        return err_oom(e);
    for (int i = 0; i < CIO_STREAMS; i++) {
        int r = reopen_stream(c, i, paths[i], e);
        if (r < 0) {
            cio_free_object(c);
            return r;
        }
    }
    *ret = c;
    return 0;
}

static const char *path_of(const struct cio *c, int which)
{
    return c->stream[which].path ? c->stream[which].path : "";
}

const char *cio_stdin_path(const struct cio *c)
{
    return path_of(c, CIO_STDIN);
}

const char *cio_stdout_path(const struct cio *c)
{
    return path_of(c, CIO_STDOUT);
}

const char *cio_stderr_path(const struct cio *c)
{
    return path_of(c, CIO_STDERR);
}

int cio_open_stdin(struct cio *c, int *ret_fd, struct err *e)
{
    if (!c->stream[CIO_STDIN].path)
        return err_raise(e, ERR_NOT_FOUND, "the container has no stdin");
    int fd = open(c->stream[CIO_STDIN].path, O_WRONLY | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0)
        return err_errno(e, errno, "open pipe %s", c->stream[CIO_STDIN].path);
    *ret_fd = fd;
    return 0;
}

/* With a lane that is stuck, c is the lane's from here on. */
static void give_up(struct cio *c, bool remove)
{
    int r = pump_finish(c, NULL);
    if (remove)
        remove_pipes(c);
    pthread_mutex_lock(&c->lock);
    c->orphan = r < 0 && c->finish.pending;
    bool orphan = c->orphan;
    pthread_mutex_unlock(&c->lock);
    if (!orphan)
        cio_free_object(c);
}

void cio_detach(struct cio *c)
{
    if (c)
        give_up(c, false);
}

void cio_free(struct cio *c)
{
    if (c)
        give_up(c, true);
}
