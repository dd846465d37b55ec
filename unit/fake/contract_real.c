/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The contract on a real containerd: `test-contract-real --address SOCKET [--rootfs DIR] [--snapshotter NAME] [--namespace NAME]
 * [--service NAME] [--verbose]`. The containerd should be one of its own (contract-real.sh starts it): the lists expect an empty
 * namespace. Exit status 0: no difference; 1: differences; 2: usage, or containerd cannot be reached.
 */
#include <getopt.h>

#include "contract.h"
#include "real.h"

static int usage(void)
{
    fputs("usage: test-contract-real --address SOCKET [--rootfs DIR] [--snapshotter NAME] [--namespace NAME] [--service NAME] "
          "[--verbose]\n",
          stderr);
    return 2;
}

/* Runs the lists with the loop on a thread of its own. */
static int run(struct contract *k, const char *address, const char *service)
{
    struct err e = ERR_INIT;
    struct real real;
    if (real_open(&real, address, k->namespace_) < 0)
        return 2;
    k->c = ctrd_client(&real.channel);
    const char *version, *revision;
    struct arena a = ARENA_INIT(1 << 20);
    int status = 2;
    if (ctrd_version(&k->c, k->ctx, &a, &version, &revision, &e) < 0) {
        fprintf(stderr, "%s: %s\n", address, e.message);
    } else {
        printf("containerd %s\n", version);
        status = contract_run(k, service) > 0;
        printf("%u calls, %u differences\n", k->calls, k->differences);
    }
    arena_done(&a);
    real_close(&real);
    return status;
}

int main(int argc, char **argv)
{
    enum { RUN_LIMIT_S = 120 };
    static const struct option options[] = {
        {"address", required_argument, NULL, 'a'},
        {"rootfs", required_argument, NULL, 'r'},
        {"snapshotter", required_argument, NULL, 's'},
        {"namespace", required_argument, NULL, 'n'},
        {"service", required_argument, NULL, 'S'},
        {"verbose", no_argument, NULL, 'v'},
        {NULL, 0, NULL, 0},
    };
    struct ctx background = CTX_BACKGROUND, ctx = ctx_with_timeout(&background, RUN_LIMIT_S * NSEC_PER_SEC);
    struct contract k = {.ctx = &ctx, .namespace_ = "cri-containerd-contract", .snapshotter = "overlayfs", .out = stdout};
    const char *address = NULL, *service = NULL;
    int c;
    while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
        switch (c) {
        case 'a':
            address = optarg;
            break;
        case 'r':
            k.rootfs = optarg;
            break;
        case 's':
            k.snapshotter = optarg;
            break;
        case 'n':
            k.namespace_ = optarg;
            break;
        case 'S':
            service = optarg;
            break;
        case 'v':
            k.verbose = true;
            break;
        default:
            return usage();
        }
    }
    if (!address || optind != argc)
        return usage();
    return run(&k, address, service);
}
