/* SPDX-License-Identifier: Apache-2.0 */
/*
 * See runtime_listen.h.
 */
#include "cri/runtime_listen.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/fs.h"

bool runtime_socket_is_served(const char *path, int *ret_pid)
{
    struct sockaddr_un addr = {.sun_family = AF_UNIX};
    struct ucred peer = {0};
    socklen_t n = sizeof peer;
    if (strlen(path) >= sizeof addr.sun_path)
        return false;
    memcpy(addr.sun_path, path, strlen(path) + 1);
    _cleanup_fd_ int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0 || (connect(fd, (const struct sockaddr *)&addr, sizeof addr) < 0 && errno != EAGAIN))
        return false;
    if (ret_pid)
        *ret_pid = getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &n) == 0 ? peer.pid : 0;
    return true;
}

static int make_socket(const char *path, unsigned gid, struct arena *a, int *ret_fd, struct err *e)
{
    struct sockaddr_un addr = {.sun_family = AF_UNIX};
    if (strlen(path) >= sizeof addr.sun_path)
        return err_raise(e, ERR_INVALID_ARGUMENT, "socket path %s is longer than %zu bytes", path, sizeof addr.sun_path - 1);
    memcpy(addr.sun_path, path, strlen(path) + 1);
    const char *slash = strrchr(path, '/');
    char *dir = slash && slash != path ? arena_strndup(a, path, (size_t)(slash - path)) : NULL;
    if (dir)
        TRY(fs_mkdir_all(dir, 0755, e));
    _cleanup_fd_ int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return err_errno(e, errno, "create a socket");
    if (runtime_socket_is_served(path, NULL))
        return err_raise(e, ERR_FAILED_PRECONDITION, "another program serves %s already", path);
    unlink(path);
    mode_t old = umask(0177);
    int r = bind(fd, (struct sockaddr *)&addr, sizeof addr);
    umask(old);
    if (r < 0)
        return err_errno(e, errno, "bind %s", path);
    if (chown(path, 0, gid) < 0 || chmod(path, 0660) < 0)
        return err_errno(e, errno, "set owner and mode of %s", path);
    if (listen(fd, SOMAXCONN) < 0)
        return err_errno(e, errno, "listen on %s", path);
    *ret_fd = TAKE_FD(fd);
    return 0;
}

static int option_of(int fd, int name)
{
    int value = -1;
    socklen_t n = sizeof value;
    return getsockopt(fd, SOL_SOCKET, name, &value, &n) == 0 ? value : -1;
}

static int take_socket(int fd, struct err *e)
{
    if (option_of(fd, SO_DOMAIN) != AF_UNIX || option_of(fd, SO_TYPE) != SOCK_STREAM || option_of(fd, SO_ACCEPTCONN) != 1)
        return err_raise(e, ERR_INVALID_ARGUMENT, "descriptor %d, which was handed over, is not a listening unix stream socket", fd);
    int flags = fcntl(fd, F_GETFL);
    if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0 || fcntl(fd, F_SETFD, FD_CLOEXEC) < 0)
        return err_errno(e, errno, "set up descriptor %d, which was handed over", fd);
    return 0;
}

int runtime_listen(const struct cri_runtime_options *options, struct arena *a, int *ret_fd, bool *ret_made, struct err *e)
{
    bool made = options->listen_fd <= 0;
    int fd = options->listen_fd;
    if (made)
        TRY(make_socket(options->listen, options->socket_gid, a, &fd, e));
    else
        TRY(take_socket(fd, e));
    *ret_fd = fd;
    *ret_made = made;
    return 0;
}
