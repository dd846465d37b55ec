/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Inputs for the tests of specs.
 */
#include "fixture.h"

#include <stdio.h>
#include <stdlib.h>

static struct strlist list(char **v, size_t n)
{
    return (struct strlist){.v = v, .n = n, .cap = n};
}

static void init_image(struct fixture *f)
{
    static char *entrypoint[] = {(char *)"/bin/app", (char *)"--serve"}, *cmd[] = {(char *)"-v"};
    static char *env[] = {(char *)"PATH=/app/bin:/bin", (char *)"LANG=C.UTF-8"};
    f->image.entrypoint = list(entrypoint, 2);
    f->image.cmd = list(cmd, 1);
    f->image.env = list(env, 2);
    f->image.working_dir = "";
    f->image.user = "";
}

static void init_pod(struct fixture *f)
{
    runtime__v1__pod_sandbox_metadata__init(&f->pod_meta);
    runtime__v1__pod_sandbox_config__init(&f->pod);
    runtime__v1__linux_pod_sandbox_config__init(&f->pod_linux);
    runtime__v1__linux_sandbox_security_context__init(&f->pod_security);
    runtime__v1__namespace_option__init(&f->pod_ns);
    f->pod_meta.name = (char *)"web-0";
    f->pod_meta.namespace_ = (char *)"default";
    f->pod_meta.uid = (char *)"9f1c7f6e-2a2e-4d6b-9b5e-0d3a1d3f0001";
    f->pod.metadata = &f->pod_meta;
    f->pod.hostname = (char *)"web-0";
    f->pod.log_directory = (char *)"/var/log/pods/default_web-0_9f1c";
    f->pod.linux = &f->pod_linux;
    f->pod_linux.cgroup_parent = (char *)"/kubepods/burstable/pod9f1c";
    f->pod_linux.security_context = &f->pod_security;
    f->pod_security.namespace_options = &f->pod_ns;
}

static void init_ctr(struct fixture *f)
{
    runtime__v1__container_metadata__init(&f->ctr_meta);
    runtime__v1__container_config__init(&f->ctr);
    runtime__v1__linux_container_config__init(&f->ctr_linux);
    runtime__v1__linux_container_security_context__init(&f->ctr_security);
    runtime__v1__namespace_option__init(&f->ctr_ns);
    runtime__v1__capability__init(&f->caps);
    runtime__v1__linux_container_resources__init(&f->resources);
    runtime__v1__user_namespace__init(&f->userns);
    runtime__v1__idmapping__init(&f->uid_mapping);
    runtime__v1__idmapping__init(&f->gid_mapping);
    f->ctr_meta.name = (char *)"app";
    f->ctr.metadata = &f->ctr_meta;
    f->ctr.linux = &f->ctr_linux;
    f->ctr_linux.security_context = &f->ctr_security;
    f->ctr_security.namespace_options = &f->ctr_ns;
    f->ctr_ns.pid = RUNTIME__V1__NAMESPACE_MODE__CONTAINER;
}

static void init_inputs(struct fixture *f)
{
    f->host = (struct oci_host){.hostname = "node-1", .swap_controller = true, .hugetlb_controller = true};
    f->policy = (struct oci_policy){.unprivileged_ports = true, .unprivileged_icmp = true};
    f->sandbox = (struct oci_sandbox_input){
        .id = "pod1",
        .config = &f->pod,
        .image = &f->image,
        .image_name = "registry.k8s.io/pause:3.10",
        .netns_path = "/var/run/netns/cni-1",
        .shm_path = "/state/sandboxes/pod1/shm",
        .resolv_path = "/root/sandboxes/pod1/resolv.conf",
        .oom_score_adj = OCI_SANDBOX_OOM_SCORE_ADJ,
        .host = &f->host,
        .policy = &f->policy,
        .notes = &f->notes,
    };
    f->container = (struct oci_container_input){
        .id = "ctr1",
        .sandbox_id = "pod1",
        .sandbox_pid = 4242,
        .config = &f->ctr,
        .sandbox_config = &f->pod,
        .image = &f->image,
        .image_name = "docker.io/library/app:1",
        .hostname_path = "/root/sandboxes/pod1/hostname",
        .hosts_path = "/root/sandboxes/pod1/hosts",
        .resolv_path = "/root/sandboxes/pod1/resolv.conf",
        .shm_path = "/state/sandboxes/pod1/shm",
        .host = &f->host,
        .policy = &f->policy,
        .notes = &f->notes,
    };
}

int fixture_setup(void **state)
{
    struct fixture *f = mem_zalloc(sizeof(*f));
    if (!f)
        return -1;
    arena_init(&f->a, ARENA_BUDGET_DEFAULT);
    buf_init(&f->out, 16 << 20);
    init_image(f);
    init_pod(f);
    init_ctr(f);
    init_inputs(f);
    *state = f;
    return 0;
}

int fixture_teardown(void **state)
{
    struct fixture *f = *state;
    json_decref(f->json);
    buf_done(&f->out);
    arena_done(&f->a);
    mem_free(f);
    return 0;
}

static void read_result(struct fixture *f)
{
    json_error_t at;
    json_decref(f->json);
    f->json = json_loadb(f->out.p, f->out.n, JSON_REJECT_DUPLICATES, &at);
    if (!f->json) /* jansson has no unsigned 64-bit numbers */
        f->json = json_loadb(f->out.p, f->out.n, JSON_REJECT_DUPLICATES | JSON_DECODE_INT_AS_REAL, &at);
    if (!f->json)
        fail_msg("the result is no JSON: %s at %d: %s", at.text, at.position, f->out.p);
}

void fixture_sandbox(struct fixture *f)
{
    buf_clear(&f->out);
    assert_ok(oci_sandbox_spec(&f->sandbox, &f->a, &f->out, &f->e), &f->e);
    read_result(f);
}

void fixture_container(struct fixture *f)
{
    buf_clear(&f->out);
    assert_ok(oci_container_spec(&f->container, &f->a, &f->out, &f->e), &f->e);
    read_result(f);
}

json_t *fixture_at(struct fixture *f, const char *path)
{
    json_t *j = f->json;
    char key[128];
    while (j && *path) {
        if (*path == '.')
            path++;
        const char *end;
        if (*path == '[') {
            j = json_array_get(j, strtoul(path + 1, NULL, 10));
            path = strchr(path, ']') + 1;
            continue;
        }
        bool braced = *path == '{';
        if (braced)
            path++;
        size_t n = braced ? strcspn(path, "}") : strcspn(path, ".[{");
        end = path + n;
        snprintf(key, sizeof(key), "%.*s", (int)n, path);
        j = json_object_get(j, key);
        path = end + (braced ? 1 : 0);
    }
    return j;
}

json_t *fixture_mount(struct fixture *f, const char *destination)
{
    json_t *found = NULL, *one;
    size_t i;
    json_array_foreach(json_object_get(f->json, "mounts"), i, one)
    {
        if (strcmp(json_string_value(json_object_get(one, "destination")), destination) == 0) {
            if (found)
                fail_msg("two mounts on %s", destination);
            found = one;
        }
    }
    return found;
}

bool fixture_list_has(json_t *v, const char *s)
{
    size_t i;
    json_t *one;
    json_array_foreach(v, i, one)
    {
        if (json_is_string(one) && strcmp(json_string_value(one), s) == 0)
            return true;
    }
    return false;
}

const char *fixture_namespace(struct fixture *f, const char *type)
{
    size_t i;
    json_t *one;
    json_array_foreach(fixture_at(f, "linux.namespaces"), i, one)
    {
        if (strcmp(json_string_value(json_object_get(one, "type")), type) == 0) {
            const char *path = json_string_value(json_object_get(one, "path"));
            return path ? path : "";
        }
    }
    return NULL;
}
