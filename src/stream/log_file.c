/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The log file, see log_file.h.
 */
#include "stream/log_file.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/mem.h"

/* The kubelet expects the runtime to make the container's directory below the pod's log directory. */
static int make_directory(const char *path, struct err *e)
{
    const char *slash = strrchr(path, '/');
    if (!slash || slash == path)
        return 0;
    _cleanup_free_ char *dir = mem_strndup(path, (size_t)(slash - path));
    return dir ? fs_mkdir_all(dir, 0755, e) : err_oom(e);
}

static int open_regular(const char *path, int *ret_fd, dev_t *ret_dev, struct err *e)
{
    struct stat st;
    _cleanup_fd_ int fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY, 0640);
    if (fd < 0 && (errno == ELOOP || errno == ENXIO))
        return err_raise(e, ERR_FAILED_PRECONDITION, "container log %s is not a regular file", path);
    if (fd < 0)
        return err_errno(e, errno, "open container log %s", path);
    if (fstat(fd, &st) < 0)
        return err_errno(e, errno, "look at container log %s", path);
    if (!S_ISREG(st.st_mode))
        return err_raise(e, ERR_FAILED_PRECONDITION, "container log %s is not a regular file", path);
    *ret_fd = TAKE_FD(fd);
    *ret_dev = st.st_dev;
    return 0;
}

int log_file_open(const char *path, struct log_file *ret, struct err *e)
{
    _cleanup_free_ char *copy = mem_strdup(path);
    if (!copy)
        return err_oom(e);
    int fd;
    dev_t dev;
    TRY(make_directory(path, e));
    TRY(open_regular(path, &fd, &dev, e));
    *ret = (struct log_file){.path = TAKE_PTR(copy), .fd = fd, .dev = dev};
    return 0;
}

int log_file_close(struct log_file *f, struct err *e)
{
    int r = 0;
    if (f->path && close(f->fd) < 0 && errno != EINTR)
        r = err_errno(e, errno, "close container log %s", f->path);
    mem_free(f->path);
    *f = (struct log_file){.fd = -1};
    return r;
}

/* Takes the last n bytes off. */
static void cut_back(struct log_file *f, size_t n)
{
    struct stat st;
    if (n > 0)
        f->torn = fstat(f->fd, &st) < 0 || st.st_size < (off_t)n || ftruncate(f->fd, st.st_size - (off_t)n) < 0;
}

/* ret_kept is set on failure: bytes of whole lines that were written. */
static int append(struct log_file *f, struct view data, size_t *ret_kept, struct err *e)
{
    size_t done = 0;
    while (done < data.n) {
        ssize_t k = write(f->fd, data.p + done, data.n - done);
        if (k < 0 && errno == EINTR)
            continue;
        if (k < 0) {
            int error = errno;
            struct view written = view_slice(data, 0, done);
            size_t end = view_rfind(written, '\n'), kept = end < done ? end + 1 : 0;
            cut_back(f, done - kept);
            *ret_kept = kept;
            return err_errno(e, error, "write container log %s", f->path);
        }
        done += (size_t)k;
    }
    return 0;
}

int log_file_write(struct log_file *f, struct view lines, struct err *e)
{
    if (lines.n == 0)
        return 0;
    size_t kept = 0;
    int r = f->torn ? append(f, VIEW_LIT("\n"), &kept, e) : 0;
    if (r == 0) {
        f->torn = false;
        r = append(f, lines, &kept, e);
    }
    if (r < 0)
        f->lost += lines.n - kept;
    return r;
}
