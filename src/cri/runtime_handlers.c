/* SPDX-License-Identifier: Apache-2.0 */
/*
 * See runtime_handlers.h.
 */
#include "cri/runtime_handlers.h"

#include <stdlib.h>
#include <string.h>

#include "base/fs.h"
#include "cri/or_default.h"
#include "parse/jsonscan.h"

/* The list as oci/ takes it. It is never changed there. */
static struct strlist borrow(const char *const *v, size_t n)
{
    return (struct strlist){.v = (char **)v, .n = n};
}

static int check_base_spec(struct view text, struct err *e)
{
    struct jsonscan_value value;
    TRY(jsonscan_parse(text, &value, e));
    return value.kind == JSONSCAN_OBJECT ? 0 : err_raise(e, ERR_INVALID_ARGUMENT, "it is %s, not an object", jsonscan_kind_name(value.kind));
}

static int read_base_spec(const struct cri_runtime_handler *o, struct arena *a, struct view *ret, struct err *e)
{
    if (!o->base_runtime_spec || !o->base_runtime_spec[0])
        return 0;
    _cleanup_buf_ struct buf text = BUF_INIT(RUNTIME_BASE_SPEC_MAX);
    int r = fs_read_file(o->base_runtime_spec, &text, e);
    if (r >= 0)
        r = check_base_spec(buf_view(&text), e);
    if (r < 0)
        return err_wrap(e, r, "runtime handler \"%s\": base_runtime_spec %s", o->name, o->base_runtime_spec);
    char *copy = arena_view(a, buf_view(&text));
    if (!copy)
        return err_oom(e);
    *ret = view_make(copy, text.n);
    return 0;
}

static int make_policy(const struct cri_runtime_options *o, const struct cri_runtime_handler *h, struct arena *a, struct oci_policy *ret, struct err *e)
{
    *ret = (struct oci_policy){
        .pod_annotations = borrow(h->pod_annotations, h->n_pod_annotations),
        .container_annotations = borrow(h->container_annotations, h->n_container_annotations),
        .unprivileged_ports = !o->no_unprivileged_ports,
        .unprivileged_icmp = !o->no_unprivileged_icmp,
        .disable_proc_mount = o->disable_proc_mount,
        .disable_hugetlb = o->disable_hugetlb,
        .hugetlb_must_exist = o->hugetlb_must_exist,
        .device_ownership_from_security_context = o->device_ownership_from_security_context,
        .privileged_without_host_devices = h->privileged_without_host_devices,
        .privileged_without_host_devices_all_devices_allowed = h->privileged_without_host_devices_all_devices_allowed,
        .cgroup_writable = h->cgroup_writable,
    };
    return read_base_spec(h, a, &ret->base_spec, e);
}

static bool is_name(const char *s)
{
    for (; s && *s; s++)
        if ((unsigned char)*s < 0x20 || *s == 0x7f)
            return false;
    return s != NULL;
}

static int make_handler(const struct cri_runtime_options *o, const struct cri_runtime_handler *h, const char *snapshotter, struct arena *a,
                        struct runtime_handler *ret, struct err *e)
{
    if (!h->name || !h->name[0] || !is_name(h->name))
        return err_raise(e, ERR_INVALID_ARGUMENT, "runtime handler \"%s\": the name is empty or has a control character", h->name ? h->name : "");
    if (h->cni_max_conf_num < 0)
        return err_raise(e, ERR_INVALID_ARGUMENT, "runtime handler \"%s\": cni_max_conf_num %d is negative", h->name, h->cni_max_conf_num);
    *ret = (struct runtime_handler){
        .name = h->name,
        .type = or_default(h->runtime_type, CRI_DEFAULT_RUNTIME_TYPE),
        .snapshotter = or_default(h->snapshotter, snapshotter),
        .runc =
            {
                .systemd_cgroup = h->systemd_cgroup,
                .no_pivot_root = h->no_pivot_root,
                .no_new_keyring = h->no_new_keyring,
                .io_uid = h->io_uid,
                .io_gid = h->io_gid,
                .binary_name = or_default(h->binary_name, ""),
                .root = or_default(h->root, ""),
                .shim_cgroup = or_default(h->shim_cgroup, ""),
            },
    };
    return make_policy(o, h, a, &ret->policy, e);
}

static int by_name(const void *x, const void *y)
{
    const struct runtime_handler *a = x, *b = y;
    return strcmp(a->name, b->name);
}

static const struct runtime_handler *find(const struct runtime_handlers *h, const char *name)
{
    const struct runtime_handler key = {.name = name};
    return h->n ? bsearch(&key, h->v, h->n, sizeof *h->v, by_name) : NULL;
}

/* "a, b, c", for messages. */
static const char *known(const struct runtime_handlers *h, char *text, size_t size)
{
    size_t at = 0;
    text[0] = '\0';
    for (size_t i = 0; i < h->n; i++) {
        size_t n = strlen(h->v[i].name);
        if (at + n + sizeof ", ..." > size) {
            memcpy(text + at, "...", sizeof "...");
            break;
        }
        memcpy(text + at, h->v[i].name, n);
        at += n;
        memcpy(text + at, i + 1 < h->n ? ", " : "", i + 1 < h->n ? 3 : 1);
        at += i + 1 < h->n ? 2 : 0;
    }
    return text;
}

enum { KNOWN_MAX = 256 };

static int set_default(const struct cri_runtime_options *o, struct runtime_handlers *h, struct err *e)
{
    char text[KNOWN_MAX];
    const char *name = or_default(o->default_handler, "");
    h->default_ = name[0] ? find(h, name) : h->n == 1 ? &h->v[0] : find(h, "runc");
    if (h->default_)
        return 0;
    return name[0] ? err_raise(e, ERR_INVALID_ARGUMENT, "the default runtime handler \"%s\" is none of those configured: %s", name,
                               known(h, text, sizeof text))
                   : err_raise(e, ERR_INVALID_ARGUMENT, "none of the runtime handlers (%s) is said to be the default", known(h, text, sizeof text));
}

int runtime_handlers_make(const struct cri_runtime_options *o, const char *snapshotter, struct arena *a, struct runtime_handlers *ret, struct err *e)
{
    const struct cri_runtime_handler only = {.name = "runc", .binary_name = o->runtime_binary, .systemd_cgroup = o->systemd_cgroup};
    const struct cri_runtime_handler *from = o->n_handlers ? o->handlers : &only;
    size_t n = o->n_handlers ? o->n_handlers : 1;
    if (n > RUNTIME_HANDLERS_MAX)
        return err_raise(e, ERR_INVALID_ARGUMENT, "%zu runtime handlers, at most %d are allowed", n, RUNTIME_HANDLERS_MAX);
    struct runtime_handler *v = ARENA_NEW_N(a, struct runtime_handler, n);
    if (!v)
        return err_oom(e);
    for (size_t i = 0; i < n; i++)
        TRY(make_handler(o, &from[i], snapshotter, a, &v[i], e));
    qsort(v, n, sizeof *v, by_name);
    for (size_t i = 1; i < n; i++)
        if (strcmp(v[i].name, v[i - 1].name) == 0)
            return err_raise(e, ERR_INVALID_ARGUMENT, "runtime handler \"%s\" is configured twice", v[i].name);
    struct runtime_handlers h = {.v = v, .n = n};
    TRY(set_default(o, &h, e));
    *ret = h;
    return 0;
}

static bool is_untrusted(const Runtime__V1__PodSandboxConfig *config)
{
    for (size_t i = 0; i < config->n_annotations; i++)
        if (strcmp(config->annotations[i]->key, RUNTIME_UNTRUSTED_ANNOTATION) == 0)
            return strcmp(config->annotations[i]->value, "true") == 0;
    return false;
}

static bool enters_host(const Runtime__V1__PodSandboxConfig *config)
{
    const Runtime__V1__LinuxSandboxSecurityContext *sc = config->linux ? config->linux->security_context : NULL;
    const Runtime__V1__NamespaceOption *o = sc ? sc->namespace_options : NULL;
    const Runtime__V1__NamespaceMode node = RUNTIME__V1__NAMESPACE_MODE__NODE;
    return o && (o->network == node || o->pid == node || o->ipc == node);
}

int runtime_handler_of_pod(const struct runtime_handlers *h, const Runtime__V1__PodSandboxConfig *config, const char *name,
                           const struct runtime_handler **ret, struct err *e)
{
    char text[KNOWN_MAX];
    if (is_untrusted(config)) {
        if (name[0] && strcmp(name, RUNTIME_UNTRUSTED) != 0)
            return err_raise(e, ERR_INVALID_ARGUMENT, "runtime_handler \"%s\" does not go together with the annotation " RUNTIME_UNTRUSTED_ANNOTATION, name);
        if (enters_host(config))
            return err_raise(e, ERR_INVALID_ARGUMENT, "a pod with the annotation " RUNTIME_UNTRUSTED_ANNOTATION " cannot have namespaces of the host");
        name = RUNTIME_UNTRUSTED;
    }
    const struct runtime_handler *found = name[0] ? find(h, name) : h->default_;
    if (!found)
        return err_raise(e, ERR_INVALID_ARGUMENT, "runtime_handler \"%s\" is not configured; there are: %s", name, known(h, text, sizeof text));
    *ret = found;
    return 0;
}

int runtime_handler_options(const struct runtime_handler *h, struct arena *a, struct ctrd_any *ret, struct err *e)
{
    if (strncmp(h->type, "io.containerd.runc.", strlen("io.containerd.runc.")) == 0)
        return ctrd_runc_options_pack(&h->runc, a, ret, e);
    *ret = (struct ctrd_any){0};
    return 0;
}
