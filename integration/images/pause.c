/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The program of the test images' "pause" container: it holds a pod's namespaces open. As process 1 of a
 * pid namespace that containers may share it reaps orphans, and it ends at once on SIGTERM or SIGINT.
 * Linked statically, it is the only file of its image.
 */

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

static void on_end(int signo)
{
    (void)signo;
    _exit(0);
}

static void on_child(int signo)
{
    (void)signo;
    while (waitpid(-1, NULL, WNOHANG) > 0) {
    }
}

int main(void)
{
    struct sigaction end = { .sa_handler = on_end };
    struct sigaction child = { .sa_handler = on_child, .sa_flags = SA_NOCLDSTOP | SA_RESTART };

    if (sigaction(SIGTERM, &end, NULL) || sigaction(SIGINT, &end, NULL) || sigaction(SIGCHLD, &child, NULL))
        return 1;
    for (;;)
        pause();
}
