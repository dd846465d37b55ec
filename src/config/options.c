/* SPDX-License-Identifier: Apache-2.0 */
/*
 * See options.h. Most options stand for a key of the configuration, and are checked as it is.
 */
#include "config/options.h"

#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include "base/fs.h"
#include "base/num.h"
#include "parse/passwd.h"

enum { GROUP_FILE_MAX = 16 << 20, BIN_DIRS_MAX = 16, FIRST = 256 };

/* What an option is that is no key. */
enum special { KEY = 0, CONFIG, RUNTIME_BINARY, CNI_BIN_DIR, SYSTEMD_CGROUP, SOCKET_GROUP, JSON, VERSION, HELP };

static const struct row {
    const char *name;
    const char *arg; /* NULL: none */
    const char *help;
    const char *key;
    enum special special;
} rows[] = {
    {"config", "FILE", "configuration, with the drop-ins in FILE.d/ [" CONFIG_PATH_DEFAULT ", where it exists]\n"
                       "                         What the options below say counts more.", .special = CONFIG},
    {"listen", "PATH", "socket to serve on [" CRI_DEFAULT_LISTEN "]", .key = "grpc.address"},
    {"containerd", "PATH", "containerd's socket [" CRI_DEFAULT_CONTAINERD "]", .key = "containerd.address"},
    {"root", "DIR", "files that survive a reboot [" CRI_DEFAULT_ROOT "]", .key = "root"},
    {"state", "DIR", "files that do not [" CRI_DEFAULT_STATE "]", .key = "state"},
    {"snapshotter", "NAME", "containerd's snapshotter [" CRI_DEFAULT_SNAPSHOTTER "]", .key = "containerd.snapshotter"},
    {"runtime-binary", "PATH", "OCI runtime of the default handler [the shim's own: runc]", .special = RUNTIME_BINARY},
    {"sandbox-image", "REF", "image of the pause container [" CRI_DEFAULT_SANDBOX_IMAGE "]", .key = "sandbox_image"},
    {"cni-conf-dir", "DIR", "network configurations [" CRI_DEFAULT_CNI_CONF_DIR "]", .key = "cni.conf_dir"},
    {"cni-bin-dir", "DIR", "network plugins; repeatable, or separated by colons [" CRI_DEFAULT_CNI_BIN_DIR "]", .special = CNI_BIN_DIR},
    {"cni-cache-dir", "DIR", "results of network plugins [" CRI_DEFAULT_CNI_CACHE_DIR "]", .key = "cni.cache_dir"},
    {"netns-dir", "DIR", "where network namespaces are pinned [" CRI_DEFAULT_NETNS_DIR "]", .key = "cni.netns_dir"},
    {"registry-ca", "FILE", "further CA certificates for registries (PEM)", .key = "registry.ca_file"},
    {"systemd-cgroup", NULL, "let systemd make the cgroups", .special = SYSTEMD_CGROUP},
    {"socket-group", "GROUP", "group of the socket, name or number [root]", .special = SOCKET_GROUP},
    {"log-level", "LEVEL", "error, warning, info or debug [info]", .key = "debug.level"},
    {"log-format", "FORMAT", "text, json (one object a line), journal, or auto: the journal under systemd, else text [auto]", .key = "debug.format"},
    {"json", NULL, "doctor: print one JSON object in place of lines", .special = JSON},
    {"version", NULL, "print the version", .special = VERSION},
    {"help", NULL, "print this", .special = HELP},
};

int options_help(struct buf *out)
{
    TRY(buf_add_str(out, "Usage: cri-containerd [OPTION]...\n"
                         "       cri-containerd config default|check|dump|migrate [FILE] [OPTION]...\n"
                         "       cri-containerd doctor [OPTION]...\n"
                         "Serves the Kubernetes Container Runtime Interface on a unix socket, on top of a containerd.\n\n"));
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        char option[64];
        snprintf(option, sizeof option, "--%s %s", rows[i].name, rows[i].arg ? rows[i].arg : "");
        TRY(buf_printf(out, "  %-21s  %s\n", option, rows[i].help));
    }
    return buf_add_str(out, "\nconfig default prints the default configuration with what each key does, check looks for mistakes, dump prints what counts,\n"
                            "migrate turns containerd's own configuration [" CONFIG_PATH_CONTAINERD "] into one of this daemon's.\n"
                            "doctor looks at the node, changes nothing, and says what keeps pods from running and what to do; exit status 1 when something does.\n\n"
                            "On SIGHUP the configuration is read again. Exit status: 0 after a clean stop, 1 when it cannot start, 2 for a bad command line.\n"
                            "Containers keep running when it stops; it finds them again when it starts.\n");
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

/* Takes the place of the file's list, and adds to itself. */
static int add_bin_dirs(struct config *c, const char **dirs, struct view list, struct err *e)
{
    struct cri_runtime_options *o = &c->runtime;
    struct view dir;
    if (o->cni_bin_dirs != dirs) {
        c->cni_bin_dir = NULL;
        o->cni_bin_dirs = dirs;
        o->n_cni_bin_dirs = 0;
    }
    while (list.n > 0) {
        view_cut(list, ':', &dir, &list);
        if (dir.n == 0)
            continue;
        if (o->n_cni_bin_dirs == BIN_DIRS_MAX)
            return err_raise(e, ERR_INVALID_ARGUMENT, "--cni-bin-dir: more than %d directories", BIN_DIRS_MAX);
        const char *copy = arena_view(&c->arena, dir);
        if (!copy)
            return err_oom(e);
        dirs[o->n_cni_bin_dirs++] = copy;
    }
    return 0;
}

/* The two that stand for options of runtime handlers: of the one that pods get by default, and of all. */
static void apply_to_handlers(struct config *c, enum special special, const char *value)
{
    struct cri_runtime_handler *h = config_default_handler(c);
    if (special == RUNTIME_BINARY && h)
        h->binary_name = value;
    for (size_t i = 0; special == SYSTEMD_CGROUP && i < c->runtime.n_handlers; i++)
        c->handlers[i].systemd_cgroup = true;
}

static int apply(struct config *c, const char **bin_dirs, const struct row *row, const char *value, struct err *e)
{
    if (value && !value[0])
        return err_raise(e, ERR_INVALID_ARGUMENT, "--%s: the value is empty", row->name);
    switch (row->special) {
    case KEY: {
        int r = config_set(c, row->key, value, e);
        return r < 0 ? err_wrap(e, r, "--%s", row->name) : 0;
    }
    case CNI_BIN_DIR:
        return add_bin_dirs(c, bin_dirs, view_of(value), e);
    case RUNTIME_BINARY:
    case SYSTEMD_CGROUP:
        apply_to_handlers(c, row->special, value);
        return 0;
    case SOCKET_GROUP:
        return parse_group(value, &c->runtime.socket_gid, e);
    default:
        return 0;
    }
}

/* The next option; *ret is NULL behind the last. */
static int next(int argc, char **argv, const struct row **ret, struct err *e)
{
    struct option longs[ARRAY_SIZE(rows) + 1] = {0};
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
        longs[i] = (struct option){rows[i].name, rows[i].arg ? required_argument : no_argument, NULL, FIRST + (int)i};
    int opt = getopt_long(argc, argv, ":", longs, NULL);
    if (opt == '?')
        return err_raise(e, ERR_INVALID_ARGUMENT, "unknown option %s", argv[optind - 1]);
    if (opt == ':')
        return err_raise(e, ERR_INVALID_ARGUMENT, "option %s needs a value", argv[optind - 1]);
    *ret = opt == -1 ? NULL : &rows[opt - FIRST];
    return 0;
}

/* "config VERB [FILE]", "doctor", or nothing. */
static int parse_words(char **words, int n, struct options *o, struct err *e)
{
    static const char *const verbs[] = {[VERB_DEFAULT] = "default", [VERB_CHECK] = "check", [VERB_DUMP] = "dump", [VERB_MIGRATE] = "migrate"};
    if (n == 0)
        return 0;
    if (strcmp(words[0], "doctor") == 0 && n == 1) {
        o->verb = VERB_DOCTOR;
        return 0;
    }
    if (strcmp(words[0], "doctor") == 0)
        return err_raise(e, ERR_INVALID_ARGUMENT, "doctor: unexpected argument %s", words[1]);
    if (strcmp(words[0], "config") != 0)
        return err_raise(e, ERR_INVALID_ARGUMENT, "unexpected argument %s", words[0]);
    for (size_t i = VERB_DEFAULT; n > 1 && i < ARRAY_SIZE(verbs); i++)
        if (strcmp(words[1], verbs[i]) == 0)
            o->verb = (enum verb)i;
    if (o->verb == VERB_SERVE)
        return err_raise(e, ERR_INVALID_ARGUMENT, "config %s: expected default, check, dump or migrate", n > 1 ? words[1] : "");
    if (n > 3 || (n > 2 && o->config))
        return err_raise(e, ERR_INVALID_ARGUMENT, "config %s: more than one file", words[1]);
    if (n > 2)
        o->config = words[2];
    return 0;
}

int options_parse(int argc, char **argv, struct options *ret, struct err *e)
{
    struct options o = {0};
    const struct row *row;
    opterr = 0;
    optind = 1;
    for (;;) {
        TRY(next(argc, argv, &row, e));
        if (!row)
            break;
        if (row->special == CONFIG)
            o.config = optarg;
        o.json = o.json || row->special == JSON;
        o.help = o.help || row->special == HELP;
        o.version = o.version || row->special == VERSION;
    }
    TRY(parse_words(argv + optind, argc - optind, &o, e));
    if (o.json && o.verb != VERB_DOCTOR)
        return err_raise(e, ERR_INVALID_ARGUMENT, "option --json goes with doctor only");
    *ret = o;
    return 0;
}

int options_apply(int argc, char **argv, struct config *c, struct err *e)
{
    const struct row *row;
    const char **bin_dirs = ARENA_NEW_N(&c->arena, const char *, BIN_DIRS_MAX);
    if (!bin_dirs)
        return err_oom(e);
    optind = 1;
    for (;;) {
        TRY(next(argc, argv, &row, e));
        if (!row)
            return 0;
        TRY(apply(c, bin_dirs, row, optarg, e));
    }
}
