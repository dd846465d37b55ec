/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Specs from requests. Whoever reaches the CRI socket controls the configurations, and users control most of what kubelet puts
 * there.
 *
 * Input: a CreateContainerRequest on the wire. Its sandbox_config gives a pod, its config a container; the letters of its
 * pod_sandbox_id choose the facts about the host and the policy (see facts()). Reached: oci_sandbox_spec, oci_container_spec, and
 * with what they give oci_exec_process and oci_spec_update_resources.
 *
 * Oracle: a refusal is INVALID_ARGUMENT or FAILED_PRECONDITION; the same input gives the same bytes; a spec is JSON, has a
 * command, and no two mounts on one target, all of them absolute and clean; its identity is ours whatever annotations were sent.
 * A container that is not privileged has exactly the masked and read-only paths of the request, no capability beyond the default
 * ones and those asked for, none that was dropped, no device rule but the denial of all and those of its devices, and its seccomp
 * profile. With the host's network no net.* setting. Strings that are not UTF-8, which the daemon's wire check keeps away, may
 * become equal when they are written; then uniqueness is not claimed. An exec's process differs from the container's in command
 * and terminal only; a second update changes nothing more.
 */
#include "fuzz.h"

#include <jansson.h>
#include <protobuf-c/protobuf-c.h>

#include "base/arena.h"
#include "base/codec.h"
#include "oci/caps.h"
#include "oci/constants.h"
#include "oci/paths.h"
#include "oci/resources.h"
#include "oci/spec.h"

enum { OUT_MAX = 8 << 20 };

struct run {
    bool utf8; /* every string of the request is UTF-8 */
    const Runtime__V1__CreateContainerRequest *request;
    const char *flags;
    struct oci_image_config image;
    struct oci_host host;
    struct oci_policy policy;
    struct oci_sandbox_input sandbox;
    struct oci_container_input container;
    struct oci_mount_source *sources;
};

static void *take(void *arena, size_t n)
{
    return arena_alloc(arena, n);
}

static void drop(void *arena, void *p)
{
    (void)arena, (void)p;
}

static bool flag(const struct run *r, char c)
{
    return strchr(r->flags, c) != NULL;
}

static char *pattern_all[] = {(char *)"*", (char *)"*/*"};
static char *entrypoint[] = {(char *)"/pause"}, *cmd[] = {(char *)"-v"}, *env[] = {(char *)"A=1", (char *)"PATH=/bin"};
static const struct oci_device host_device = {.path = "/dev/null", .type = 'c', .major = 1, .minor = 3, .mode = 0666};
static const struct oci_device own_device = {
    .path = "/dev/fuse", .type = 'c', .major = 10, .minor = 229, .mode = 0666, .access = "rw"};
static const struct oci_bind volume = {.source = "/volume", .destination = "/etc/hosts"};
static const uint32_t image_groups[] = {7};

static void facts(struct run *r, struct arena *a)
{
    struct oci_host *h = &r->host;
    struct oci_policy *p = &r->policy;
    *h = (struct oci_host){.hostname = "node", .devices = &host_device, .n_devices = 1};
    h->cgroup_mode = flag(r, '2') ? OCI_CGROUP_V2 : OCI_CGROUP_V1;
    h->swap_controller = flag(r, 's');
    h->hugetlb_controller = flag(r, 'h');
    h->capabilities = flag(r, 'c') ? oci_caps_default() : 0;
    p->recursive_read_only_mounts = flag(r, 'r');
    p->hugetlb_must_exist = flag(r, 'H');
    p->unprivileged_ports = p->unprivileged_icmp = flag(r, 'u');
    p->privileged_without_host_devices = flag(r, 'd');
    p->privileged_without_host_devices_all_devices_allowed = flag(r, 'D');
    p->device_ownership_from_security_context = flag(r, 'o');
    p->disable_proc_mount = flag(r, 'm');
    p->disable_hugetlb = flag(r, 'g');
    p->cgroup_writable = flag(r, 'w');
    h->cgroup2_nsdelegate = h->cgroup2_recursiveprot = flag(r, 'n');
    h->in_user_ns = flag(r, 'i');
    h->machine = flag(r, 'k') ? "aarch64" : "x86_64";
    h->kernel_major = 6;
    if (flag(r, 'a'))
        p->pod_annotations = p->container_annotations = (struct strlist){.v = pattern_all, .n = 2};
    if (flag(r, 'b'))
        p->base_spec = VIEW_LIT("{\"process\":{\"env\":[\"A=2\"]},\"mounts\":[{\"destination\":\"/base\",\"type\":\"tmpfs\"}],"
                                "\"linux\":{\"resources\":{\"devices\":[{\"allow\":false,\"access\":\"rwm\"}]}}}");
    r->image.working_dir = "w";
    if (!flag(r, 'e')) {
        r->image.entrypoint = (struct strlist){.v = entrypoint, .n = 1};
        r->image.cmd = (struct strlist){.v = cmd, .n = 1};
        r->image.env = (struct strlist){.v = env, .n = 2};
    }
    size_t n = r->request->config ? r->request->config->n_mounts : 0;
    r->sources = n ? ARENA_NEW_N(a, struct oci_mount_source, n) : NULL;
    for (size_t i = 0; r->sources && i < n; i++)
        r->sources[i].peer = flag(r, 'p') ? OCI_PEER_SHARED : flag(r, 'P') ? OCI_PEER_SLAVE : OCI_PEER_PRIVATE;
}

static void inputs(struct run *r)
{
    r->sandbox = (struct oci_sandbox_input){
        .id = "pod",
        .config = r->request->sandbox_config,
        .image = &r->image,
        .image_name = "pause",
        .netns_path = "/netns",
        .shm_path = "/shm",
        .resolv_path = "/resolv",
        .oom_score_adj = -998,
        .host = &r->host,
        .policy = &r->policy,
        .seccomp = VIEW_LIT("{\"pod\":1}"),
        .seccomp_default = flag(r, 'S'),
        .mount_label = flag(r, 'l') ? "u:r:t:s0" : NULL,
    };
    r->container = (struct oci_container_input){
        .id = "ctr",
        .sandbox_id = "pod",
        .sandbox_pid = 10,
        .target_pid = 11,
        .config = r->request->config,
        .sandbox_config = r->request->sandbox_config,
        .image = &r->image,
        .image_name = "image",
        .mounts = r->sources,
        .volumes = &volume,
        .n_volumes = 1,
        .hostname_path = "/hostname",
        .hosts_path = "/hosts",
        .resolv_path = "/resolv",
        .shm_path = "/shm",
        .devices = &own_device,
        .n_devices = 1,
        .mount_label = flag(r, 'l') ? "u:r:t:s0" : NULL,
        .seccomp = VIEW_LIT("{\"ctr\":1}"),
        .seccomp_default = flag(r, 'S'),
        .seccomp_unconfined = flag(r, 'U'),
        .user = {.uid = 5, .gid = 6, .groups = image_groups, .n_groups = 1},
        .oom_score_adj = 1,
        .host = &r->host,
        .policy = &r->policy,
    };
}

static bool message_utf8(const ProtobufCMessage *m);

static bool value_utf8(const ProtobufCFieldDescriptor *d, const void *p)
{
    if (d->type == PROTOBUF_C_TYPE_STRING)
        return utf8_valid(view_of(*(char *const *)p));
    const ProtobufCMessage *m = d->type == PROTOBUF_C_TYPE_MESSAGE ? *(ProtobufCMessage *const *)p : NULL;
    return !m || message_utf8(m);
}

static bool message_utf8(const ProtobufCMessage *m)
{
    for (unsigned i = 0; i < m->descriptor->n_fields; i++) {
        const ProtobufCFieldDescriptor *d = &m->descriptor->fields[i];
        const char *at = (const char *)m + d->offset;
        if (d->type != PROTOBUF_C_TYPE_STRING && d->type != PROTOBUF_C_TYPE_MESSAGE)
            continue;
        bool repeated = d->label == PROTOBUF_C_LABEL_REPEATED;
        size_t n = repeated ? *(const size_t *)((const char *)m + d->quantifier_offset) : 1;
        const char *first = repeated ? *(const char *const *)at : at;
        for (size_t k = 0; k < n; k++)
            if (!value_utf8(d, first + k * sizeof(void *)))
                return false;
    }
    return true;
}

static json_t *parse(const struct run *r, const struct buf *b)
{
    json_error_t at;
    FUZZ_CHECK(utf8_valid(buf_view(b)));
    size_t flags = JSON_DECODE_INT_AS_REAL; /* jansson has no unsigned 64-bit numbers */
    json_t *j = json_loadb(b->p, b->n, flags | (r->utf8 ? JSON_REJECT_DUPLICATES : 0), &at);
    FUZZ_CHECK_MSG(j, "%s at %d", at.text, at.position);
    return j;
}

static json_t *at(json_t *j, const char *a, const char *b)
{
    j = json_object_get(j, a);
    return b ? json_object_get(j, b) : j;
}

static void check_common(const struct run *r, json_t *spec, const char *id)
{
    FUZZ_CHECK(json_is_string(at(spec, "ociVersion", NULL)));
    json_t *args = at(spec, "process", "args"), *one;
    FUZZ_CHECK(json_array_size(args) > 0 && json_string_length(json_array_get(args, 0)) > 0);
    FUZZ_CHECK(json_string_value(at(spec, "process", "cwd"))[0] == '/');
    FUZZ_CHECK(strcmp(json_string_value(at(spec, "annotations", OCI_ANNOTATION_SANDBOX_ID)), "pod") == 0);
    json_t *path = at(spec, "linux", "cgroupsPath");
    FUZZ_CHECK(strstr(json_string_value(path), id) && !strstr(json_string_value(path), "/../"));
    json_t *seen = json_object();
    size_t i;
    json_array_foreach(at(spec, "mounts", NULL), i, one)
    {
        const char *target = json_string_value(json_object_get(one, "destination"));
        struct arena a = ARENA_INIT(1 << 20);
        char *clean = oci_path_clean(target, &a);
        FUZZ_CHECK_MSG(target[0] == '/' && target[1] && strcmp(clean, target) == 0, "mount at %s", target);
        FUZZ_CHECK_MSG(!r->utf8 || !json_object_get(seen, target), "two mounts on %s", target);
        json_object_set_new(seen, target, json_true());
        arena_done(&a);
    }
    json_decref(seen);
    json_array_foreach(at(spec, "process", "env"), i, one) FUZZ_CHECK(strchr(json_string_value(one), '='));
}

static bool names_all(char *const *v, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (view_eq_nocase(view_of(v[i]), VIEW_LIT("ALL")))
            return true;
    return false;
}

/* The capabilities that a list names, looked up in the other direction than the code does. */
static uint64_t bits(char *const *v, size_t n)
{
    uint64_t set = 0;
    for (size_t i = 0; i < n; i++)
        for (unsigned c = 0; c < OCI_CAP_COUNT; c++)
            if (strcasecmp(v[i], oci_cap_name(c)) == 0 || strcasecmp(v[i], oci_cap_name(c) + 4) == 0)
                set |= UINT64_C(1) << c;
    return set;
}

static uint64_t set_of(json_t *spec, const char *which)
{
    uint64_t set = 0;
    size_t i;
    json_t *one;
    json_array_foreach(json_object_get(at(spec, "process", "capabilities"), which), i, one)
    {
        unsigned n;
        FUZZ_CHECK(oci_cap_number(view_of(json_string_value(one)), &n));
        FUZZ_CHECK_MSG(!(set & (UINT64_C(1) << n)), "%s twice", json_string_value(one));
        set |= UINT64_C(1) << n;
    }
    return set;
}

static void check_caps(const struct run *r, json_t *spec, const Runtime__V1__Capability *c)
{
    uint64_t have = r->host.capabilities ? r->host.capabilities : OCI_CAPS_ALL,
             start = r->policy.base_spec.n ? 0 : oci_caps_default();
    uint64_t effective = set_of(spec, "effective"), ambient = set_of(spec, "ambient"), may = start, may_ambient = 0, never = 0;
    if (c) {
        if (names_all(c->add_capabilities, c->n_add_capabilities))
            may |= have;
        if (names_all(c->drop_capabilities, c->n_drop_capabilities))
            may = 0;
        may |= bits(c->add_capabilities, c->n_add_capabilities);
        may_ambient = bits(c->add_ambient_capabilities, c->n_add_ambient_capabilities);
        if (names_all(c->add_ambient_capabilities, c->n_add_ambient_capabilities))
            may_ambient |= have;
        never = bits(c->drop_capabilities, c->n_drop_capabilities);
    }
    FUZZ_CHECK(!(effective & ~(may | may_ambient)) && !(effective & never));
    FUZZ_CHECK(!(ambient & ~may_ambient) && !(ambient & ~effective));
    FUZZ_CHECK(effective == set_of(spec, "bounding") && effective == set_of(spec, "permitted"));
    FUZZ_CHECK(ambient == set_of(spec, "inheritable"));
}

static void check_list(json_t *list, char *const *v, size_t n)
{
    FUZZ_CHECK(json_array_size(list) == n);
    for (size_t i = 0; i < n; i++)
        if (utf8_valid(view_of(v[i]))) /* else it is written with replacements */
            FUZZ_CHECK(strcmp(json_string_value(json_array_get(list, i)), v[i]) == 0);
}

/* Unconfined, the runtime's own profile, or the one that was given. */
static void check_seccomp(const struct run *r, json_t *spec)
{
    json_t *seccomp = at(spec, "linux", "seccomp");
    FUZZ_CHECK((seccomp == NULL) == r->container.seccomp_unconfined);
    if (seccomp && r->container.seccomp_default)
        FUZZ_CHECK(strcmp(json_string_value(json_object_get(seccomp, "defaultAction")), "SCMP_ACT_ERRNO") == 0);
    else if (seccomp)
        FUZZ_CHECK(json_object_get(seccomp, "ctr"));
}

static void check_unprivileged(const struct run *r, json_t *spec)
{
    const Runtime__V1__LinuxContainerConfig *l = r->request->config->linux;
    const Runtime__V1__LinuxContainerSecurityContext *sc = l ? l->security_context : NULL;
    check_caps(r, spec, sc ? sc->capabilities : NULL);
    if (r->policy.disable_proc_mount) {
        bool defaults = !r->policy.base_spec.n;
        FUZZ_CHECK(json_array_size(at(spec, "linux", "maskedPaths")) == (defaults ? 11 : 0));
        FUZZ_CHECK(json_array_size(at(spec, "linux", "readonlyPaths")) == (defaults ? 5 : 0));
    } else {
        check_list(at(spec, "linux", "maskedPaths"), sc ? sc->masked_paths : NULL, sc ? sc->n_masked_paths : 0);
        check_list(at(spec, "linux", "readonlyPaths"), sc ? sc->readonly_paths : NULL, sc ? sc->n_readonly_paths : 0);
    }
    check_seccomp(r, spec);
    FUZZ_CHECK(json_is_true(at(spec, "process", "noNewPrivileges")) == (sc && sc->no_new_privs));
    json_t *rules = json_object_get(at(spec, "linux", "resources"), "devices");
    FUZZ_CHECK(json_array_size(rules) == 2 && json_is_false(json_object_get(json_array_get(rules, 0), "allow")));
    FUZZ_CHECK(json_array_size(at(spec, "linux", "devices")) == 1);
}

static void check_exec(const struct run *r, const struct buf *spec, json_t *parsed)
{
    struct arena a = ARENA_INIT(ARENA_BUDGET_DEFAULT);
    struct buf out = BUF_INIT(OUT_MAX);
    struct err e = ERR_INIT;
    struct oci_exec_input in = {.spec = buf_view(spec), .argv = cmd, .n_argv = 1};
    int res = oci_exec_process(&in, &a, &out, &e);
    FUZZ_CHECK_MSG(res == 0, "%s", e.message);
    json_t *process = parse(r, &out), *own = json_deep_copy(json_object_get(parsed, "process"));
    FUZZ_CHECK(strcmp(json_string_value(json_array_get(json_object_get(process, "args"), 0)), cmd[0]) == 0);
    json_object_del(own, "terminal");
    json_object_set(own, "args", json_object_get(process, "args"));
    FUZZ_CHECK(json_equal(process, own));
    json_decref(process);
    json_decref(own);
    buf_done(&out);
    arena_done(&a);
}

static void check_update(const struct run *r, const struct buf *spec)
{
    const Runtime__V1__LinuxContainerConfig *l = r->request->config->linux;
    if (!l || !l->resources)
        return;
    struct arena a = ARENA_INIT(ARENA_BUDGET_DEFAULT);
    struct buf once = BUF_INIT(OUT_MAX), twice = BUF_INIT(OUT_MAX);
    struct err e = ERR_INIT;
    struct view part = VIEW_EMPTY;
    int res = oci_spec_update_resources(buf_view(spec), l->resources, &r->host, &r->policy, NULL, &a, &once, &part, &e);
    FUZZ_CHECK_MSG(res == 0, "%s", e.message); /* what could be created with can be updated to */
    res = oci_spec_update_resources(buf_view(&once), l->resources, &r->host, &r->policy, NULL, &a, &twice, NULL, &e);
    FUZZ_CHECK_MSG(res == 0, "%s", e.message);
    FUZZ_CHECK(!r->utf8 || (once.n == twice.n && memcmp(once.p, twice.p, once.n) == 0));
    FUZZ_CHECK(part.n && memmem(once.p, once.n, part.p, part.n));
    buf_done(&once);
    buf_done(&twice);
    arena_done(&a);
}

static void check_refusal(int r, const struct err *e)
{
    fuzz_check_result(r, e);
    FUZZ_CHECK_MSG(r == 0 || r == -ERR_INVALID_ARGUMENT || r == -ERR_FAILED_PRECONDITION || r == -ERR_RESOURCE_EXHAUSTED,
                   "%s: %s", err_code_name((enum err_code) - r), e->message);
}

static void try_container(struct run *r)
{
    struct arena a = ARENA_INIT(ARENA_BUDGET_DEFAULT);
    struct buf out = BUF_INIT(OUT_MAX), again = BUF_INIT(OUT_MAX);
    struct err e = ERR_INIT;
    int res = oci_container_spec(&r->container, &a, &out, &e);
    check_refusal(res, &e);
    FUZZ_CHECK(res == 0 || out.n == 0);
    FUZZ_CHECK(oci_container_spec(&r->container, &a, &again, &e) == res && again.n == out.n &&
               memcmp(again.p ? again.p : "", out.p ? out.p : "", out.n) == 0);
    if (res == 0) {
        json_t *spec = parse(r, &out);
        const Runtime__V1__LinuxContainerConfig *l = r->request->config->linux;
        check_common(r, spec, "ctr");
        FUZZ_CHECK(strcmp(json_string_value(at(spec, "annotations", OCI_ANNOTATION_CONTAINER_TYPE)), "container") == 0);
        if (!l || !l->security_context || !l->security_context->privileged)
            check_unprivileged(r, spec);
        check_exec(r, &out, spec);
        check_update(r, &out);
        json_decref(spec);
    }
    buf_done(&out);
    buf_done(&again);
    arena_done(&a);
}

static void try_sandbox(struct run *r)
{
    struct arena a = ARENA_INIT(ARENA_BUDGET_DEFAULT);
    struct buf out = BUF_INIT(OUT_MAX);
    struct err e = ERR_INIT;
    int res = oci_sandbox_spec(&r->sandbox, &a, &out, &e);
    check_refusal(res, &e);
    FUZZ_CHECK(res == 0 || out.n == 0);
    if (res == 0) {
        json_t *spec = parse(r, &out), *value;
        const char *key;
        const Runtime__V1__LinuxPodSandboxConfig *l = r->request->sandbox_config->linux;
        const Runtime__V1__LinuxSandboxSecurityContext *sc = l ? l->security_context : NULL;
        check_common(r, spec, "pod");
        FUZZ_CHECK(json_is_true(at(spec, "root", "readonly")));
        FUZZ_CHECK(set_of(spec, "effective") == oci_caps_default() && set_of(spec, "ambient") == 0);
        FUZZ_CHECK(json_array_size(at(spec, "linux", "maskedPaths")) == 11);
        FUZZ_CHECK((at(spec, "linux", "seccomp") != NULL) == !(sc && sc->privileged));
        FUZZ_CHECK(strcmp(json_string_value(at(spec, "annotations", OCI_ANNOTATION_CONTAINER_TYPE)), "sandbox") == 0);
        if (sc && sc->namespace_options && sc->namespace_options->network == RUNTIME__V1__NAMESPACE_MODE__NODE) {
            FUZZ_CHECK(!at(spec, "hostname", NULL));
            json_object_foreach(at(spec, "linux", "sysctl"), key, value)
                FUZZ_CHECK_MSG(strncmp(key, "net.", 4) != 0, "%s of the host", key);
        }
        json_decref(spec);
    }
    buf_done(&out);
    arena_done(&a);
}

static int swept(void *arg, struct err *e)
{
    struct run *r = arg;
    struct arena a = ARENA_INIT(ARENA_BUDGET_DEFAULT);
    struct buf out = BUF_INIT(OUT_MAX);
    int res = oci_container_spec(&r->container, &a, &out, e);
    buf_done(&out);
    arena_done(&a);
    return res;
}

int fuzz_one(const uint8_t *data, size_t size)
{
    struct arena a = ARENA_INIT(ARENA_BUDGET_DEFAULT);
    ProtobufCAllocator allocator = {.alloc = take, .free = drop, .allocator_data = &a};
    struct run r = {.request = runtime__v1__create_container_request__unpack(&allocator, size, data)};
    if (r.request && r.request->config && r.request->sandbox_config) {
        r.utf8 = message_utf8(&r.request->base);
        r.flags = r.request->pod_sandbox_id;
        facts(&r, &a);
        inputs(&r);
        try_sandbox(&r);
        try_container(&r);
        if (size < 4096)
            fuzz_sweep(swept, &r, 4);
    }
    arena_done(&a);
    return 0;
}
