/* SPDX-License-Identifier: Apache-2.0 */
/*
 * See host.h.
 */
#include "stats/host.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "base/fs.h"
#include "parse/cgroupfile.h"

/* Directories below the root of cgroup v1 and the names of their controllers in /proc/<pid>/cgroup. */
static const struct {
    const char *directory, *controller;
} hierarchies[STATS_HIERARCHIES] = {
    [STATS_CPUACCT] = {"cpuacct", "cpuacct"}, [STATS_MEMORY] = {"memory", "memory"}, [STATS_PIDS] = {"pids", "pids"}, [STATS_UNIFIED] = {"unified", ""}};

static int open_dir(int at, const char *path)
{
    return openat(at, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

/* One that is not mounted is no error; one that cannot be opened for want of descriptors is. */
static int open_hierarchies(int root, const char *name, struct stats_host *h, struct err *e)
{
    bool v2 = faccessat(root, "cgroup.controllers", F_OK, 0) == 0;
    for (size_t i = 0; i < STATS_HIERARCHIES; i++) {
        if (v2 && i != STATS_UNIFIED)
            continue;
        h->hierarchy[i] = open_dir(root, v2 ? "." : hierarchies[i].directory);
        if (h->hierarchy[i] < 0 && errno != ENOENT && errno != ENOTDIR)
            return err_errno(e, errno, "open %s of %s", hierarchies[i].directory, name);
    }
    return 0;
}

int stats_host_open(const char *cgroup_root, const char *proc, struct stats_host *ret, struct err *e)
{
    struct stats_host h = STATS_HOST_INIT;
    _cleanup_fd_ int root = open_dir(AT_FDCWD, cgroup_root);
    if (root < 0)
        return err_errno(e, errno, "open the cgroup hierarchies at %s", cgroup_root);
    h.proc = open_dir(AT_FDCWD, proc);
    int r = h.proc < 0 ? err_errno(e, errno, "open %s", proc) : open_hierarchies(root, cgroup_root, &h, e);
    if (r < 0) {
        stats_host_close(&h);
        return r;
    }
    *ret = h;
    return 0;
}

void stats_host_close(struct stats_host *h)
{
    fd_close(&h->proc);
    for (size_t i = 0; i < STATS_HIERARCHIES; i++)
        fd_close(&h->hierarchy[i]);
}

int stats_read(int dir, const char *name, struct buf *scratch, struct err *e)
{
    _cleanup_fd_ int fd = -1;
    buf_clear(scratch);
    int r = fs_open_in_root(dir, name, O_RDONLY | O_NONBLOCK | O_NOCTTY, 0, &fd, e);
    if (r == 0)
        r = fs_read_fd(fd, name, scratch, e);
    if (r == -ERR_RESOURCE_EXHAUSTED)
        return r;
    if (r < 0)
        err_clear(e);
    return r == 0;
}

static int find_cgroups(const struct stats_host *h, struct view file, const char *id, struct arena *a, struct stats_process *p, struct err *e)
{
    struct view path, own, parent;
    for (size_t i = 0; i < STATS_HIERARCHIES; i++) {
        if (h->hierarchy[i] < 0 || !cgroup_find(file, view_of(hierarchies[i].controller), &path) || !cgroup_path_cut(path, view_of(id), &own, &parent))
            continue;
        p->own.path[i] = arena_view(a, own);
        p->parent.path[i] = arena_view(a, parent);
        if (!p->own.path[i] || !p->parent.path[i])
            return err_oom(e);
    }
    return 0;
}

static bool is_anywhere(const struct stats_cgroup *g)
{
    for (size_t i = 0; i < STATS_HIERARCHIES; i++)
        if (g->path[i])
            return true;
    return false;
}

int stats_process_open(const struct stats_host *h, uint32_t pid, const char *id, struct arena *a, struct buf *scratch, struct stats_process *ret,
                       struct err *e)
{
    char name[16];
    snprintf(name, sizeof name, "%u", pid);
    _cleanup_stats_process_ struct stats_process p = {.fd = open_dir(h->proc, name)};
    if (p.fd < 0 && (errno == EMFILE || errno == ENFILE || errno == ENOMEM))
        return err_errno(e, errno, "open /proc/%u", pid);
    int r = p.fd < 0 ? 0 : stats_read(p.fd, "cgroup", scratch, e);
    if (r > 0)
        r = find_cgroups(h, buf_view(scratch), id, a, &p, e);
    if (r < 0)
        return r;
    if (!is_anywhere(&p.own))
        return err_raise(e, ERR_NOT_FOUND, "process %u of container \"%s\" is gone", pid, id);
    *ret = p;
    p.fd = -1;
    return 0;
}

void stats_process_close(struct stats_process *p)
{
    fd_close(&p->fd);
}
