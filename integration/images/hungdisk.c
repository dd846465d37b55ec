/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A file system that hangs: hungdisk DIRECTORY mounts it, says "ready" and serves until SIGTERM, which unmounts it. From SIGUSR1 on it answers
 * nothing, from SIGUSR2 on it goes on.
 */
#include "../../unit/stream/fuse_disk.c"

#include <signal.h>

static struct fuse_disk disk;

/* The first close asks for a flush; told that there is none, later ones do not. */
static void close_once(const char *dir)
{
    char path[4096];
    snprintf(path, sizeof path, "%s/first", dir);
    int fd = open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
    if (fd >= 0)
        close(fd);
}

int main(int argc, char **argv)
{
    sigset_t set;
    int signo = 0;
    sigemptyset(&set);
    sigaddset(&set, SIGUSR1);
    sigaddset(&set, SIGUSR2);
    sigaddset(&set, SIGTERM);
    sigprocmask(SIG_BLOCK, &set, NULL);
    int r = argc == 2 ? fuse_disk_start(&disk, argv[1]) : -EINVAL;
    if (r < 0) {
        fprintf(stderr, "hungdisk: %s\n", strerror(-r));
        return 1;
    }
    close_once(argv[1]);
    puts("ready");
    fflush(stdout);
    while (sigwait(&set, &signo) == 0 && signo != SIGTERM)
        fuse_disk_hang(&disk, signo == SIGUSR1);
    fuse_disk_hang(&disk, false);
    umount2(argv[1], MNT_DETACH);
    return 0;
}
