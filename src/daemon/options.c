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
    OPT_LISTEN = 256, OPT_CONTAINERD, OPT_ROOT, OPT_STATE, OPT_SNAPSHOTTER, OPT_RUNTIME_BINARY, OPT_SANDBOX_IMAGE, OPT_CNI_CONF_DIR, OPT_CNI_BIN_DIR,
    OPT_CNI_CACHE_DIR, OPT_NETNS_DIR, OPT_REGISTRY_CA, OPT_SYSTEMD_CGROUP, OPT_SOCKET_GROUP, OPT_LOG_LEVEL, OPT_LOG_FORMAT, OPT_VERSION, OPT_HELP,
    GROUP_FILE_MAX = 16 << 20,
};

static const struct option long_options[] = {
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
static int parse_word(const char *option, const char *text, const char *const *names, size_t n, const char *expected, int *ret, struct err *e)
{
    for (size_t i = 0; i < n; i++) {
        if (strcmp(text, names[i]) == 0) {
            *ret = (int)i;
            return 0;
        }
    }
    return err_raise(e, ERR_INVALID_ARGUMENT, "%s %s: expected %s", option, text, expected);
}

static int parse_log_level(const char *text, enum log_level *ret, struct err *e)
{
    static const char *const names[] = {"error", "warning", "info", "debug"};
    int i;
    TRY(parse_word("--log-level", text, names, ARRAY_SIZE(names), "error, warning, info or debug", &i, e));
    *ret = (enum log_level)i;
    return 0;
}

static int parse_log_format(const char *text, enum log_target *ret, struct err *e)
{
    static const char *const names[] = {"auto", "text", "json", "journal"};
    int i;
    TRY(parse_word("--log-format", text, names, ARRAY_SIZE(names), "text, json, journal or auto", &i, e));
    *ret = (enum log_target)i;
    return 0;
}

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

static int add_bin_dirs(struct options *o, char *list, struct err *e)
{
    for (char *at = list; at;) {
        char *colon = strchr(at, ':');
        if (colon)
            *colon++ = '\0';
        if (o->runtime.n_cni_bin_dirs == CNI_BIN_DIRS_MAX)
            return err_raise(e, ERR_INVALID_ARGUMENT, "--cni-bin-dir: more than %d directories", CNI_BIN_DIRS_MAX);
        if (at[0])
            o->cni_bin_dirs[o->runtime.n_cni_bin_dirs++] = at;
        at = colon;
    }
    return 0;
}

static const char **path_member(struct cri_runtime_options *r, int opt)
{
    switch (opt) {
    case OPT_LISTEN:
        return &r->listen;
    case OPT_CONTAINERD:
        return &r->containerd;
    case OPT_ROOT:
        return &r->root;
    case OPT_STATE:
        return &r->state;
    case OPT_CNI_CONF_DIR:
        return &r->cni_conf_dir;
    case OPT_CNI_CACHE_DIR:
        return &r->cni_cache_dir;
    case OPT_NETNS_DIR:
        return &r->netns_dir;
    case OPT_REGISTRY_CA:
        return &r->registry_ca;
    default:
        return NULL;
    }
}

static int apply(struct options *o, int opt, char *value, const char *name, struct err *e)
{
    const char **path = path_member(&o->runtime, opt);
    if (path) {
        if (value[0] != '/')
            return err_raise(e, ERR_INVALID_ARGUMENT, "--%s %s: the path is not absolute", name, value);
        *path = value;
        return 0;
    }
    switch (opt) {
    case OPT_SNAPSHOTTER:
        o->runtime.snapshotter = value;
        return 0;
    case OPT_RUNTIME_BINARY:
        o->runtime.runtime_binary = value;
        return 0;
    case OPT_SANDBOX_IMAGE:
        o->runtime.sandbox_image = value;
        return 0;
    case OPT_CNI_BIN_DIR:
        return add_bin_dirs(o, value, e);
    case OPT_SYSTEMD_CGROUP:
        o->runtime.systemd_cgroup = true;
        return 0;
    case OPT_SOCKET_GROUP:
        return parse_group(value, &o->runtime.socket_gid, e);
    case OPT_LOG_LEVEL:
        return parse_log_level(value, &o->log_level, e);
    case OPT_LOG_FORMAT:
        return parse_log_format(value, &o->log_target, e);
    case OPT_VERSION:
        o->version = true;
        return 0;
    default:
        o->help = true;
        return 0;
    }
}

int options_parse(int argc, char **argv, struct options *ret, struct err *e)
{
    *ret = (struct options){.log_level = LOG_LEVEL_INFO};
    opterr = 0;
    optind = 1;
    for (;;) {
        int index = -1;
        int opt = getopt_long(argc, argv, ":", long_options, &index);
        if (opt == -1)
            break;
        if (opt == '?')
            return err_raise(e, ERR_INVALID_ARGUMENT, "unknown option %s", argv[optind - 1]);
        if (opt == ':')
            return err_raise(e, ERR_INVALID_ARGUMENT, "option %s needs a value", argv[optind - 1]);
        TRY(apply(ret, opt, optarg, index >= 0 ? long_options[index].name : "", e));
    }
    if (optind < argc)
        return err_raise(e, ERR_INVALID_ARGUMENT, "unexpected argument %s", argv[optind]);
    ret->runtime.cni_bin_dirs = ret->cni_bin_dirs;
    return 0;
}
