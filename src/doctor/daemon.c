/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The daemon itself: does one run on this state directory, who serves the socket, is there a second one. The lock is looked up in /proc/locks and never
 * taken, since a daemon that starts at this moment would find it taken.
 */
#include <dirent.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/num.h"
#include "cri/runtime_listen.h"
#include "doctor/internal.h"

enum { WORDS = 6, DAEMONS_MAX = 16 };

/* "1: FLOCK  ADVISORY  WRITE 27623 00:2c:152 0 EOF": the process when it holds this file. (proc(5)) */
static bool is_holder(struct view line, const struct stat *st, uint64_t *ret_pid)
{
    struct view word[WORDS] = {{0}}, number[3], rest = line;
    uint64_t major, minor, inode;
    for (size_t i = 0; i < WORDS; i++) {
        rest = view_trim(rest);
        view_cut(rest, ' ', &word[i], &rest);
    }
    if (!view_eq_str(word[1], "FLOCK") || num_parse_u64(word[4], INT32_MAX, ret_pid) != NUM_OK)
        return false;
    rest = word[5];
    for (size_t i = 0; i < ARRAY_SIZE(number); i++)
        view_cut(rest, ':', &number[i], &rest);
    return num_parse_hex(number[0], UINT32_MAX, &major) == NUM_OK && num_parse_hex(number[1], UINT32_MAX, &minor) == NUM_OK &&
           num_parse_u64(number[2], UINT64_MAX, &inode) == NUM_OK && major == major(st->st_dev) && minor == minor(st->st_dev) && inode == st->st_ino;
}

/* The process that holds the lock of the state directory; 0: none. */
static uint64_t lock_holder(struct doctor *d)
{
    _cleanup_buf_ struct buf text = BUF_INIT(0);
    const char *path = fs_join(&d->arena, d->options.state, "cri-containerd.lock");
    struct stat st;
    uint64_t pid;
    d->no_memory = d->no_memory || !path;
    if (!path || stat(path, &st) < 0 || !doctor_read(d, "/proc/locks", &text))
        return 0;
    struct view rest = buf_view(&text), line;
    while (view_next_line(&rest, &line))
        if (is_holder(line, &st, &pid))
            return pid;
    return 0;
}

enum { INIT = 1 };

static void tell_other(struct doctor *d, int pid)
{
    _cleanup_buf_ struct buf name = BUF_INIT(0);
    const char *comm = arena_printf(&d->arena, "/proc/%d/comm", pid);
    bool named = comm && doctor_read(d, comm, &name);
    doctor_add(d, DOCTOR_WARNING, "daemon-socket", "Stop it, or serve another socket with --listen or the key grpc.address.",
               "%s is served by process %d (%.*s), which is not the daemon of the state directory %s", d->options.listen, pid, named ? (int)name.n : 1,
               named ? name.p : "?", d->options.state);
}

/* True when a daemon serves the socket, which may have been made by systemd. */
static bool check_socket(struct doctor *d, uint64_t holder)
{
    const char *path = d->options.listen;
    int pid = 0;
    bool served = runtime_socket_is_served(path, &pid);
    if (served && pid == INIT && holder == 0)
        doctor_add(d, DOCTOR_OK, "daemon-socket", NULL, "systemd listens on %s and starts the daemon at the first call", path);
    else if (served && pid == 0)
        doctor_add(d, DOCTOR_NOTE, "daemon-socket", NULL, "%s is served by a process that cannot be seen from here", path);
    else if (served && pid != INIT && (uint64_t)pid != holder)
        tell_other(d, pid);
    else if (served)
        doctor_add(d, DOCTOR_OK, "daemon-socket", NULL, "the daemon serves %s", path);
    else if (holder)
        doctor_add(d, DOCTOR_NOTE, "daemon-socket", NULL, "the daemon does not serve %s: it is starting, or serves another socket", path);
    else if (fs_exists(path))
        doctor_add(d, DOCTOR_NOTE, "daemon-socket", "Nothing needs to be done: the next daemon replaces it.", "%s was left by a daemon that is gone", path);
    else
        doctor_add(d, DOCTOR_OK, "daemon-socket", NULL, "%s is free", path);
    return served && (pid != INIT || holder);
}

/* A daemon, and no command such as this one. */
static bool is_daemon(struct doctor *d, const char *pid)
{
    _cleanup_buf_ struct buf comm = BUF_INIT(0), words = BUF_INIT(0);
    const char *comm_path = arena_printf(&d->arena, "/proc/%s/comm", pid), *words_path = arena_printf(&d->arena, "/proc/%s/cmdline", pid);
    if (!comm_path || !words_path || !doctor_read(d, comm_path, &comm) || !view_eq_str(buf_view(&comm), "cri-containerd") || !doctor_read(d, words_path, &words))
        return false;
    struct view rest = buf_view(&words), word;
    while (rest.n > 0) {
        view_cut(rest, '\0', &word, &rest);
        if (view_eq_str(word, "doctor") || view_eq_str(word, "config"))
            return false;
    }
    return true;
}

/* Two are fine when each has a containerd of its own, which cannot be seen from here. */
static void check_second(struct doctor *d)
{
    DIR *dir = opendir(doctor_path(d, "/proc"));
    uint64_t pid, found[DAEMONS_MAX] = {0};
    size_t n = 0;
    for (struct dirent *entry; dir && n < DAEMONS_MAX && (entry = readdir(dir));)
        if (num_parse_u64(view_of(entry->d_name), INT32_MAX, &pid) == NUM_OK && pid != (uint64_t)getpid() && is_daemon(d, entry->d_name))
            found[n++] = pid;
    if (dir)
        closedir(dir);
    if (n > 1)
        doctor_add(d, DOCTOR_WARNING, "daemon-second", "Two of them on one containerd delete each other's containers: keep one, or give each a containerd of its own.",
                   "%zu daemons run on this node, processes %llu and %llu among them", n, (unsigned long long)found[0], (unsigned long long)found[1]);
}

void doctor_check_daemon(struct doctor *d, bool *ret_runs)
{
    uint64_t holder = lock_holder(d);
    if (holder)
        doctor_add(d, DOCTOR_OK, "daemon-lock", NULL, "a daemon, process %llu, uses the state directory %s", (unsigned long long)holder, d->options.state);
    else
        doctor_add(d, DOCTOR_OK, "daemon-lock", NULL, "no daemon uses the state directory %s", d->options.state);
    bool served = check_socket(d, holder);
    check_second(d);
    *ret_runs = holder != 0 || served;
}
