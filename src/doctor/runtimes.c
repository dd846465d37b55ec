/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Runtime handlers: for each its shim, its snapshotter, and for those of runc's kind the OCI runtime itself: is it there, does it run, what does it say that
 * it can do.
 */
#include <string.h>
#include <unistd.h>

#include "base/fs.h"
#include "doctor/internal.h"
#include "parse/jsonscan.h"

enum { OUTPUT_MAX = 256 << 10, WORD_MAX = 256 };

bool doctor_is_runc(const struct runtime_handler *h)
{
    return strncmp(h->type, "io.containerd.runc.", strlen("io.containerd.runc.")) == 0;
}

int doctor_features_parse(struct view json, struct doctor_features *ret, struct err *e)
{
    struct doctor_features f = {0};
    struct jsonscan_value root, value;
    TRY(jsonscan_document(json, "features", OUTPUT_MAX, &root, e));
    struct jsonscan_value features = jsonscan_get(root, "linux");
    struct jsonscan_value cgroup = jsonscan_get(features, "cgroup"), seccomp = jsonscan_get(features, "seccomp");
    struct jsonscan_value idmap = jsonscan_get(jsonscan_get(features, "mountExtensions"), "idmap");
    f.has_cgroup = cgroup.kind == JSONSCAN_OBJECT;
    f.has_seccomp = seccomp.kind == JSONSCAN_OBJECT;
    TRY(jsonscan_bool(jsonscan_get(cgroup, "v2"), "linux.cgroup.v2", &f.cgroup_v2, e));
    TRY(jsonscan_bool(jsonscan_get(cgroup, "systemd"), "linux.cgroup.systemd", &f.systemd, e));
    TRY(jsonscan_bool(jsonscan_get(seccomp, "enabled"), "linux.seccomp.enabled", &f.seccomp, e));
    TRY(jsonscan_bool(jsonscan_get(idmap, "enabled"), "linux.mountExtensions.idmap.enabled", &f.idmap, e));
    struct jsonscan_iter it = jsonscan_iter(jsonscan_get(root, "mountOptions"));
    while (jsonscan_next(&it, NULL, &value))
        f.rro = f.rro || (value.kind == JSONSCAN_STRING && jsonscan_str_eq(value.raw, "rro"));
    *ret = f;
    return 0;
}

/* Runs `program word`; true when it ended well. *ret_why is a sentence otherwise. */
static bool ask(struct doctor *d, const char *program, const char *word, struct buf *out, struct err *ret_why)
{
    const char *const argv[] = {program, word, NULL}, *path = arena_printf(&d->arena, "PATH=%s", d->view.search_path);
    const char *const envp[] = {path, NULL};
    _cleanup_buf_ struct buf err_out = BUF_INIT(WORD_MAX);
    struct ctx ctx = doctor_limit(DOCTOR_RUN_LIMIT);
    struct proc_result result;
    buf_init(out, OUTPUT_MAX);
    if (!path) {
        err_oom(ret_why);
        return false;
    }
    if (d->view.proc->run(d->view.proc->user, &ctx, argv, envp, VIEW_EMPTY, out, &err_out, &result, ret_why) < 0)
        return false;
    if (!result.signaled && result.status == 0)
        return true;
    struct view said = view_trim(buf_view(&err_out));
    err_raise(ret_why, ERR_UNKNOWN, "it was ended by %s %d%s%.*s", result.signaled ? "signal" : "status", result.status, said.n ? ": " : "", VIEW_ARG(said));
    return false;
}

static void judge_features(struct doctor *d, const struct runtime_handler *h, const struct doctor_features *f)
{
    size_t bad = 0;
    const bool v2 = d->view.host->cgroup_mode == OCI_CGROUP_V2;
    if (f->has_cgroup && v2 && !f->cgroup_v2 && ++bad)
        doctor_add(d, DOCTOR_ERROR, "runtime-features", "Install a runtime that is built with cgroup v2.", "runtime handler \"%s\": its runtime knows no cgroup v2, "
                   "which this node has", h->name);
    if (f->has_cgroup && h->runc.systemd_cgroup && !f->systemd && ++bad)
        doctor_add(d, DOCTOR_ERROR, "runtime-features", "Install a runtime that is built with systemd, or set SystemdCgroup = false.",
                   "runtime handler \"%s\": SystemdCgroup is set and its runtime cannot ask systemd", h->name);
    if (f->has_seccomp && !f->seccomp && ++bad)
        doctor_add(d, DOCTOR_WARNING, "runtime-features", "Install a runtime that is built with seccomp.",
                   "runtime handler \"%s\": its runtime is built without seccomp; containers with a profile will not start", h->name);
    if (bad == 0)
        doctor_add(d, DOCTOR_OK, "runtime-features", NULL, "runtime handler \"%s\": cgroup v2 %s, systemd %s, seccomp %s, recursive read-only mounts %s, idmapped mounts %s",
                   h->name, f->cgroup_v2 ? "yes" : "no", f->systemd ? "yes" : "no", f->seccomp ? "yes" : "no", f->rro ? "yes" : "no", f->idmap ? "yes" : "no");
}

static void check_features(struct doctor *d, const struct runtime_handler *h, const char *program)
{
    _cleanup_buf_ struct buf out = BUF_INIT(0);
    struct doctor_features f;
    struct err e = ERR_INIT;
    if (!ask(d, program, "features", &out, &e) || doctor_features_parse(buf_view(&out), &f, &e) < 0)
        doctor_add_failed(d, DOCTOR_NOTE, "runtime-features", NULL, &e, "runtime handler \"%s\": %s does not tell its features", h->name, program);
    else
        judge_features(d, h, &f);
}

static void check_binary(struct doctor *d, const struct runtime_handler *h)
{
    static const char advice[] = "Install the runtime, or correct options.BinaryName of the handler (--runtime-binary for the default one).";
    const char *name = h->runc.binary_name[0] ? h->runc.binary_name : "runc", *program = doctor_program(d, name);
    _cleanup_buf_ struct buf out = BUF_INIT(0);
    struct err e = ERR_INIT;
    struct view rest, line = VIEW_EMPTY;
    if (!program) {
        doctor_add(d, DOCTOR_ERROR, "runtime-binary", advice, "runtime handler \"%s\": the OCI runtime %s %s", h->name, name,
                   strchr(name, '/') ? "does not exist" : "is not in the search path");
        return;
    }
    if (access(program, X_OK) < 0) {
        doctor_add(d, DOCTOR_ERROR, "runtime-binary", "Make it executable (chmod +x).", "runtime handler \"%s\": %s cannot be executed", h->name, program);
        return;
    }
    if (!ask(d, program, "--version", &out, &e)) {
        doctor_add_failed(d, DOCTOR_ERROR, "runtime-binary", advice, &e, "runtime handler \"%s\": %s does not run", h->name, program);
        return;
    }
    rest = buf_view(&out);
    view_next_line(&rest, &line);
    line = view_slice(line, 0, WORD_MAX);
    doctor_add(d, DOCTOR_OK, "runtime-binary", NULL, "runtime handler \"%s\": %s: %.*s", h->name, program, VIEW_ARG(line));
    check_features(d, h, program);
}

/* The program of "io.containerd.runc.v2" is containerd-shim-runc-v2. (containerd, core/runtime/v2/README.md) */
static const char *shim_name(struct doctor *d, const char *type)
{
    struct view v = view_of(type), version = VIEW_EMPTY, name;
    size_t dot = view_rfind(v, '.');
    if (strchr(type, '/') || dot == v.n)
        return type;
    version = view_slice(v, dot + 1, v.n);
    v = view_slice(v, 0, dot);
    dot = view_rfind(v, '.');
    name = dot == v.n ? v : view_slice(v, dot + 1, v.n);
    const char *program = arena_printf(&d->arena, "containerd-shim-%.*s-%.*s", VIEW_ARG(name), VIEW_ARG(version));
    d->no_memory = d->no_memory || !program;
    return program ? program : type;
}

static void check_shim(struct doctor *d, const struct runtime_handler *h)
{
    const char *name = shim_name(d, h->type), *program = doctor_program(d, name);
    if (program)
        doctor_add(d, DOCTOR_OK, "runtime-shim", NULL, "runtime handler \"%s\": %s", h->name, program);
    else
        doctor_add(d, DOCTOR_ERROR, "runtime-shim", "Install it where containerd finds it (its PATH, or beside containerd), or correct the handler's runtime_type.",
                   "runtime handler \"%s\": the shim %s of runtime type %s is not in the search path", h->name, name, h->type);
}

static bool asked_before(const struct runtime_handlers *h, size_t i)
{
    for (size_t j = 0; j < i; j++)
        if (strcmp(h->v[j].snapshotter, h->v[i].snapshotter) == 0)
            return true;
    return false;
}

static void check_snapshotter(struct doctor *d, const struct doctor_facts *f, const char *name)
{
    struct err e = ERR_INIT;
    const char *root;
    if (cri_owner_snapshotter(&f->owner, d->options.containerd, name, &root, &e) < 0)
        doctor_add_failed(d, DOCTOR_ERROR, "containerd-snapshotter",
                          "Name one that containerd has (ctr plugins ls), or have it load this one; overlayfs needs the kernel's overlay module and a file system "
                          "that it can stand on.", &e, "%s", "");
    else
        doctor_add(d, DOCTOR_OK, "containerd-snapshotter", NULL, "containerd has the snapshotter %s%s%s", name, *root ? " in " : "", root);
}

void doctor_check_runtimes(struct doctor *d, struct doctor_facts *f)
{
    struct err e = ERR_INIT;
    if (runtime_handlers_make(&d->options, d->options.snapshotter, &d->arena, &f->handlers, &e) < 0) {
        doctor_add_failed(d, DOCTOR_ERROR, "runtime-handlers", "Correct it in the configuration, below containerd.runtimes.", &e, "%s", "");
        return;
    }
    f->handlers_known = true;
    for (size_t i = 0; i < f->handlers.n; i++) {
        const struct runtime_handler *h = &f->handlers.v[i];
        if (f->containerd && !asked_before(&f->handlers, i))
            check_snapshotter(d, f, h->snapshotter);
        check_shim(d, h);
        if (doctor_is_runc(h))
            check_binary(d, h);
    }
}
