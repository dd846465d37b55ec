/* SPDX-License-Identifier: Apache-2.0 */
/*
 * See options.h.
 */
#include "daemon/options.h"

#include <getopt.h>
#include <string.h>

#include "base/buf.h"
#include "base/fs.h"
#include "base/num.h"
#include "parse/passwd.h"

enum {
    OPT_CONFIG = 256, OPT_LISTEN, OPT_CONTAINERD, OPT_ROOT, OPT_STATE, OPT_SNAPSHOTTER, OPT_RUNTIME_BINARY, OPT_SANDBOX_IMAGE, OPT_CNI_CONF_DIR, OPT_CNI_BIN_DIR,
    OPT_CNI_CACHE_DIR, OPT_NETNS_DIR, OPT_REGISTRY_CA, OPT_SYSTEMD_CGROUP, OPT_SOCKET_GROUP, OPT_LOG_LEVEL, OPT_LOG_FORMAT, OPT_VERSION, OPT_HELP,
    GROUP_FILE_MAX = 16 << 20, BIN_DIRS_MAX = 16,
};

static const struct option long_options[] = {
    {"config", required_argument, NULL, OPT_CONFIG},
    {"listen", required_argument, NULL, OPT_LISTEN},
    {"containerd", required_argument, NULL, OPT_CONTAINERD},
    {"root", required_argument, NULL, OPT_ROOT},
    {"state", required_argument, NULL, OPT_STATE},
    {"snapshotter", required_argument, NULL, OPT_SNAPSHOTTER},
    {"runtime-binary", required_argument, NULL, OPT_RUNTIME_BINARY},
    {"sandbox-image", required_argument, NULL, OPT_SANDBOX_IMAGE},
    {"cni-conf-dir", required_argument, NULL, OPT_CNI_CONF_DIR},
    {"cni-bin-dir", required_argument, NULL, OPT_CNI_BIN_DIR},
    {"cni-cache-dir", required_argument, NULL, OPT_CNI_CACHE_DIR},
    {"netns-dir", required_argument, NULL, OPT_NETNS_DIR},
    {"registry-ca", required_argument, NULL, OPT_REGISTRY_CA},
    {"systemd-cgroup", no_argument, NULL, OPT_SYSTEMD_CGROUP},
    {"socket-group", required_argument, NULL, OPT_SOCKET_GROUP},
    {"log-level", required_argument, NULL, OPT_LOG_LEVEL},
    {"log-format", required_argument, NULL, OPT_LOG_FORMAT},
    {"version", no_argument, NULL, OPT_VERSION},
    {"help", no_argument, NULL, OPT_HELP},
    {0},
};

const char options_help[] =
    "Usage: cri-containerd [OPTION]...\n"
    "Serves the Kubernetes Container Runtime Interface on a unix socket, on top of a containerd.\n"
    "\n"
    "  --config FILE          configuration, with the drop-ins in FILE.d/ [" CONFIG_PATH_DEFAULT ", where it exists]\n"
    "                         What the options below say counts more.\n"
    "  --listen PATH          socket to serve on [" CRI_DEFAULT_LISTEN "]\n"
    "  --containerd PATH      containerd's socket [" CRI_DEFAULT_CONTAINERD "]\n"
    "  --root DIR             files that survive a reboot [" CRI_DEFAULT_ROOT "]\n"
    "  --state DIR            files that do not [" CRI_DEFAULT_STATE "]\n"
    "  --snapshotter NAME     containerd's snapshotter [" CRI_DEFAULT_SNAPSHOTTER "]\n"
    "  --runtime-binary PATH  OCI runtime [the shim's own: runc]\n"
    "  --sandbox-image REF    image of the pause container [" CRI_DEFAULT_SANDBOX_IMAGE "]\n"
    "  --cni-conf-dir DIR     network configurations [" CRI_DEFAULT_CNI_CONF_DIR "]\n"
    "  --cni-bin-dir DIR      network plugins; repeatable, or separated by colons [" CRI_DEFAULT_CNI_BIN_DIR "]\n"
    "  --cni-cache-dir DIR    results of network plugins [" CRI_DEFAULT_CNI_CACHE_DIR "]\n"
    "  --netns-dir DIR        where network namespaces are pinned [" CRI_DEFAULT_NETNS_DIR "]\n"
    "  --registry-ca FILE     further CA certificates for registries (PEM)\n"
    "  --systemd-cgroup       let systemd make the cgroups\n"
    "  --socket-group GROUP   group of the socket, name or number [root]\n"
    "  --log-level LEVEL      error, warning, info or debug [info]\n"
    "  --log-format FORMAT    text, json (one object a line), journal, or auto: the journal under systemd, else text [auto]\n"
    "  --version              print the version\n"
    "  --help                 print this\n"
    "\n"
    "Exit status: 0 after a clean stop, 1 when it cannot start, 2 for a bad command line.\n"
    "Containers keep running when it stops; it finds them again when it starts.\n";

/* The position of text among n names; all of them stand in the message. */
static int parse_group(const char *text, unsigned *ret, struct err *e)
{
    uint64_t id;
    struct group_entry entry;
    if (num_parse_u64(view_of(text), UINT32_MAX - 1, &id) == NUM_OK) {
        *ret = (unsigned)id;
        return 0;
    }
    _cleanup_buf_ struct buf groups = BUF_INIT(GROUP_FILE_MAX);
    TRY(fs_read_file("/etc/group", &groups, e));
    if (!group_find_name(buf_view(&groups), view_of(text), &entry))
        return err_raise(e, ERR_INVALID_ARGUMENT, "--socket-group %s: no such group", text);
    *ret = entry.gid;
    return 0;
}

/* Takes the place of the file's list, and adds to itself. */
static int add_bin_dirs(struct config *c, const char **dirs, char *list, struct err *e)
{
    struct cri_runtime_options *o = &c->runtime;
    if (o->cni_bin_dirs != dirs || c->cni_bin_dir) {
        c->cni_bin_dir = NULL;
        o->cni_bin_dirs = dirs;
        o->n_cni_bin_dirs = 0;
    }
    for (char *at = list; at;) {
        char *colon = strchr(at, ':');
        if (colon)
            *colon++ = '\0';
        if (o->n_cni_bin_dirs == BIN_DIRS_MAX)
            return err_raise(e, ERR_INVALID_ARGUMENT, "--cni-bin-dir: more than %d directories", BIN_DIRS_MAX);
        if (at[0])
            dirs[o->n_cni_bin_dirs++] = at;
        at = colon;
    }
    return 0;
}

/* The key of the configuration that an option stands for; NULL: it is more than that. */
static const char *key_of(int opt)
{
    switch (opt) {
    case OPT_LISTEN:
        return "grpc.address";
    case OPT_CONTAINERD:
        return "containerd.address";
    case OPT_ROOT:
        return "root";
    case OPT_STATE:
        return "state";
    case OPT_SNAPSHOTTER:
        return "containerd.snapshotter";
    case OPT_SANDBOX_IMAGE:
        return "sandbox_image";
    case OPT_CNI_CONF_DIR:
        return "cni.conf_dir";
    case OPT_CNI_CACHE_DIR:
        return "cni.cache_dir";
    case OPT_NETNS_DIR:
        return "cni.netns_dir";
    case OPT_REGISTRY_CA:
        return "registry.ca_file";
    case OPT_LOG_LEVEL:
        return "debug.level";
    case OPT_LOG_FORMAT:
        return "debug.format";
    default:
        return NULL;
    }
}

/* The two that stand for options of runtime handlers: of the one that pods get by default, and of all. */
static void apply_to_handlers(struct config *c, int opt, const char *value)
{
    struct cri_runtime_handler *h = config_default_handler(c);
    if (opt == OPT_RUNTIME_BINARY && h)
        h->binary_name = value;
    for (size_t i = 0; opt == OPT_SYSTEMD_CGROUP && i < c->runtime.n_handlers; i++)
        c->handlers[i].systemd_cgroup = true;
}

static int apply(struct config *c, const char **bin_dirs, int opt, char *value, const char *name, struct err *e)
{
    const char *key = key_of(opt);
    if (value && !value[0])
        return err_raise(e, ERR_INVALID_ARGUMENT, "--%s: the value is empty", name);
    if (key) {
        int r = config_set(c, key, value, e);
        return r < 0 ? err_wrap(e, r, "--%s", name) : 0;
    }
    switch (opt) {
    case OPT_CNI_BIN_DIR:
        return add_bin_dirs(c, bin_dirs, value, e);
    case OPT_RUNTIME_BINARY:
    case OPT_SYSTEMD_CGROUP:
        apply_to_handlers(c, opt, value);
        return 0;
    case OPT_SOCKET_GROUP:
        return parse_group(value, &c->runtime.socket_gid, e);
    default:
        return 0;
    }
}

/* The next option: its code, 0 at the end, or an error. */
static int next(int argc, char **argv, const char **ret_name, struct err *e)
{
    int index = -1;
    int opt = getopt_long(argc, argv, ":", long_options, &index);
    if (opt == '?')
        return err_raise(e, ERR_INVALID_ARGUMENT, "unknown option %s", argv[optind - 1]);
    if (opt == ':')
        return err_raise(e, ERR_INVALID_ARGUMENT, "option %s needs a value", argv[optind - 1]);
    if (opt == -1 && optind < argc)
        return err_raise(e, ERR_INVALID_ARGUMENT, "unexpected argument %s", argv[optind]);
    *ret_name = index >= 0 ? long_options[index].name : "";
    return opt == -1 ? 0 : opt;
}

static void rewind_options(void)
{
    opterr = 0;
    optind = 1;
}

int options_parse(int argc, char **argv, struct options *ret, struct err *e)
{
    struct options o = {0};
    const char *name;
    rewind_options();
    for (int opt; (opt = next(argc, argv, &name, e)) != 0;) {
        if (opt < 0)
            return opt;
        if (opt == OPT_CONFIG)
            o.config = optarg;
        o.help = o.help || opt == OPT_HELP;
        o.version = o.version || opt == OPT_VERSION;
    }
    *ret = o;
    return 0;
}

int options_apply(int argc, char **argv, struct config *c, struct err *e)
{
    const char *name;
    const char **bin_dirs = ARENA_NEW_N(&c->arena, const char *, BIN_DIRS_MAX);
    if (!bin_dirs)
        return err_oom(e);
    rewind_options();
    for (int opt; (opt = next(argc, argv, &name, e)) != 0;) {
        if (opt < 0)
            return opt;
        TRY(apply(c, bin_dirs, opt, optarg, name, e));
    }
    return 0;
}
