/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A host for the doctor: a scratch directory in which /proc, /sys, programs, plugins and the daemon's directories are made, the fake containerd, and scripted
 * answers of programs and of the registry. It is healthy until a test breaks it.
 */
#ifndef CRI_UNIT_DOCTOR_FIXTURE_H
#define CRI_UNIT_DOCTOR_FIXTURE_H

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fs.h"
#include "doctor/internal.h"
#include "fake.h"
#include "image/http.h"
#include "support.h"
#include "sweep.h"

#define IMAGE "registry.example/pause:1"
#define CONFLIST "{\"cniVersion\":\"1.0.0\",\"name\":\"net\",\"plugins\":[{\"type\":\"bridge\",\"ipam\":{\"type\":\"host-local\"}},{\"type\":\"portmap\"}]}"
#define FEATURES "{\"mountOptions\":[\"ro\",\"rro\"],\"linux\":{\"cgroup\":{\"v1\":true,\"v2\":true,\"systemd\":true},\"seccomp\":{\"enabled\":true}}}"

struct world {
    char dir[64];
    struct fake *fake;
    struct ctrd ctrd;
    struct oci_host host;
    struct proc_ops proc;
    struct http_ops http;
    struct doctor_view view;
    struct cri_runtime_options options;
    char *text[64]; /* what options point to */
    size_t n_text;
    const char *bin_dirs[1];
    /* what the OCI runtime answers */
    const char *version, *features;
    int status;
    enum err_code fails;
    /* the registry: an HTTP status, 0: it cannot be reached */
    int registry;
    struct doctor d; /* of the last look */
};

static struct statvfs space_; /* for the seams without a user pointer */
static bool no_calls_;

static inline _unused_ const char *in(struct world *w, const char *path)
{
    assert_true(w->n_text < ARRAY_SIZE(w->text));
    assert_true(asprintf(&w->text[w->n_text], "%s%s", w->dir, path) > 0);
    return w->text[w->n_text++];
}

static inline _unused_ void put(struct world *w, const char *path, const char *text, mode_t mode)
{
    char whole[256];
    struct err e = ERR_INIT;
    snprintf(whole, sizeof whole, "%s%s", w->dir, path);
    *strrchr(whole, '/') = '\0';
    assert_ok(fs_mkdir_all(whole, 0755, &e), &e);
    whole[strlen(whole)] = '/';
    assert_ok(fs_write_file(whole, view_of(text), mode, &e), &e);
    chmod(whole, mode);
}

static inline _unused_ void gone(struct world *w, const char *path)
{
    char whole[256];
    struct err e = ERR_INIT;
    snprintf(whole, sizeof whole, "%s%s", w->dir, path);
    assert_ok(fs_remove_all(whole, &e), &e);
}

static inline _unused_ void folder(struct world *w, const char *path)
{
    char whole[256];
    struct err e = ERR_INIT;
    snprintf(whole, sizeof whole, "%s%s", w->dir, path);
    assert_ok(fs_mkdir_all(whole, 0755, &e), &e);
}

static inline _unused_ int run_program(void *user, const struct ctx *ctx, const char *const argv[], const char *const envp[], struct view input, struct buf *out,
                                       struct buf *err_out, struct proc_result *ret, struct err *e)
{
    struct world *w = user;
    bool version = strcmp(argv[1], "--version") == 0;
    assert_true(ctx->deadline != CLOCK_NEVER);
    *ret = (struct proc_result){0};
    if (w->fails)
        return err_raise(e, w->fails, "%s: scripted", argv[0]);
    ret->status = version ? w->status : w->features ? 0 : 1;
    if (ret->status != 0)
        return buf_add_str(err_out, "out of order\n") < 0 ? err_oom(e) : 0;
    return buf_add_str(out, version ? w->version : w->features) < 0 ? err_oom(e) : 0;
}

static inline _unused_ int answer(void *user, const struct ctx *ctx, const struct http_request *request, struct arena *a, const struct http_sink *sink, struct err *e)
{
    struct world *w = user;
    static const char manifest[] = "{}";
    const struct http_response response = {.status = w->registry, .content_length = (int64_t)strlen(manifest)};
    assert_true(ctx->deadline != CLOCK_NEVER);
    if (w->registry == 0)
        return err_raise(e, ERR_UNAVAILABLE, "no route");
    TRY(sink->head(sink->user, &response, e));
    return sink->data(sink->user, view_of(manifest), e);
}

static inline _unused_ bool has_call(enum doctor_call call)
{
    return !no_calls_;
}

static inline _unused_ int space(const char *path, struct statvfs *ret)
{
    *ret = space_;
    return 0;
}

static inline _unused_ void make_files(struct world *w)
{
    put(w, "/proc/filesystems", "nodev\tproc\nnodev\toverlay\n\text4\n", 0644);
    put(w, "/proc/locks", "", 0644);
    put(w, "/proc/self/mountinfo", "", 0644);
    put(w, "/proc/sys/user/max_user_namespaces", "1000\n", 0644);
    put(w, "/proc/sys/net/ipv4/ip_forward", "1\n", 0644);
    put(w, "/proc/sys/net/bridge/bridge-nf-call-iptables", "1\n", 0644);
    put(w, "/sys/fs/cgroup/cgroup.controllers", "cpuset cpu io memory hugetlb pids\n", 0644);
    put(w, "/bin/runc", "", 0755);
    put(w, "/bin/containerd-shim-runc-v2", "", 0755);
    put(w, "/cni/bridge", "", 0755);
    put(w, "/cni/host-local", "", 0755);
    put(w, "/cni/portmap", "", 0755);
    put(w, "/net.d/10-x.conflist", CONFLIST, 0644);
    folder(w, "/root");
    folder(w, "/state");
    folder(w, "/netns");
    folder(w, "/certs.d");
}

static inline _unused_ int world_setup(void **state)
{
    struct world *w = calloc(1, sizeof *w);
    snprintf(w->dir, sizeof w->dir, "/tmp/doctor.XXXXXX");
    assert_non_null(mkdtemp(w->dir));
    make_files(w);
    w->fake = fake_new();
    w->ctrd = fake_ctrd(w->fake);
    w->host = (struct oci_host){.cgroup_mode = OCI_CGROUP_V2, .seccomp = true, .kernel_major = 6, .kernel_minor = 1, .capabilities = UINT64_MAX};
    w->proc = (struct proc_ops){.run = run_program, .user = w};
    w->http = (struct http_ops){.exchange = answer};
    w->version = "runc version 1.1.5\ncommit: x\n";
    w->features = FEATURES;
    w->registry = 200;
    w->view = (struct doctor_view){.prefix = w->dir, .search_path = in(w, "/bin"), .host = &w->host, .proc = &w->proc, .ctrd = &w->ctrd, .http = &w->http,
                                   .http_user = w, .has_call = has_call, .space = space, .patience = 3600 * NSEC_PER_SEC};
    w->bin_dirs[0] = in(w, "/cni");
    w->options = (struct cri_runtime_options){
        .listen = in(w, "/cri.sock"), .containerd = "/run/c.sock", .root = in(w, "/root"), .state = in(w, "/state"), .cni_conf_dir = in(w, "/net.d"),
        .cni_bin_dirs = w->bin_dirs, .n_cni_bin_dirs = 1, .cni_cache_dir = in(w, "/cache"), .netns_dir = in(w, "/netns"),
        .registry_config_path = in(w, "/certs.d"), .sandbox_image = IMAGE,
    };
    space_ = (struct statvfs){.f_frsize = 4096, .f_blocks = 1 << 20, .f_bavail = 1 << 19, .f_files = 1000000, .f_favail = 500000};
    no_calls_ = false;
    *state = w;
    return 0;
}

static inline _unused_ int world_teardown(void **state)
{
    struct world *w = *state;
    struct err e = ERR_INIT;
    doctor_done(&w->d);
    fake_free(w->fake);
    while (w->n_text > 0)
        free(w->text[--w->n_text]);
    assert_ok(fs_remove_all(w->dir, &e), &e);
    free(w);
    return 0;
}

/* Looks at it anew; the exit status. */
static inline _unused_ int look(struct world *w)
{
    struct err e = ERR_INIT;
    doctor_done(&w->d);
    doctor_init(&w->d, &w->options, &w->view);
    assert_ok(doctor_run(&w->d, &e), &e);
    return doctor_status(&w->d);
}

static inline _unused_ const struct doctor_finding *find(struct world *w, const char *id, enum doctor_level level, const char *part)
{
    for (size_t i = 0; i < w->d.n; i++) {
        const struct doctor_finding *f = &w->d.findings[i];
        if (strcmp(f->id, id) == 0 && f->level == level && (!part || strstr(f->found, part) || strstr(f->advice, part)))
            return f;
    }
    return NULL;
}

/* A finding of this id and level that has this text, and advice where something is to be done. */
#define assert_found(w, id, level, part)                                                                          \
    do {                                                                                                          \
        const struct doctor_finding *found_ = find((w), (id), (level), (part));                                    \
        if (!found_)                                                                                              \
            fail_with((w), (id), (part));                                                                         \
        else if ((level) >= DOCTOR_WARNING)                                                                       \
            assert_string_not_equal(found_->advice, "");                                                          \
    } while (0)

static inline _unused_ void fail_with(struct world *w, const char *id, const char *part)
{
    _cleanup_buf_ struct buf out = BUF_INIT(DOCTOR_OUTPUT_MAX);
    struct err e = ERR_INIT;
    assert_ok(doctor_text(&w->d, &out, &e), &e);
    fail_msg("no such finding: %s with \"%s\" in\n%s", id, part ? part : "", out.p);
}

#define OK      DOCTOR_OK
#define NOTE    DOCTOR_NOTE
#define WARNING DOCTOR_WARNING
#define ERROR   DOCTOR_ERROR

#endif
