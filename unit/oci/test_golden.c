/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Golden specs: what a whole input gives, compared with golden/<case>.json as a document (order of members does not matter).
 * GOLDEN_WRITE=1 in the environment writes the files anew; the difference is then read, not trusted.
 */
#include "fixture.h"

#include <stdio.h>
#include <stdlib.h>

#ifndef GOLDEN_DIR
#define GOLDEN_DIR "unit/oci/golden"
#endif

static const char seccomp[] =
    "{\"defaultAction\":\"SCMP_ACT_ALLOW\",\"architectures\":[\"SCMP_ARCH_X86_64\"],"
    "\"syscalls\":[{\"names\":[\"acct\",\"swapon\"],\"action\":\"SCMP_ACT_ERRNO\",\"errnoRet\":1},"
    "{\"names\":[\"personality\"],\"action\":\"SCMP_ACT_ERRNO\",\"args\":[{\"index\":0,\"value\":8,\"op\":\"SCMP_CMP_EQ\"}]}]}";

static void check(struct fixture *f, const char *name)
{
    char path[512];
    snprintf(path, sizeof(path), "%s/%s.json", GOLDEN_DIR, name);
    if (getenv("GOLDEN_WRITE")) {
        FILE *file = fopen(path, "w");
        assert_non_null(file);
        assert_int_equal(json_dumpf(f->json, file, JSON_INDENT(2)), 0);
        assert_int_equal(fputc('\n', file), '\n');
        assert_int_equal(fclose(file), 0);
        return;
    }
    json_error_t at;
    json_t *want = json_load_file(path, JSON_REJECT_DUPLICATES, &at);
    if (!want)
        fail_msg("%s: %s", path, at.text);
    if (!json_equal(f->json, want))
        fail_msg("%s differs: %s", path, json_dumps(f->json, JSON_INDENT(2)));
    json_decref(want);
}

static void sandbox_minimal(void **state)
{
    struct fixture *f = *state;
    fixture_sandbox(f);
    check(f, "sandbox-minimal");
}

static void sandbox_full(void **state)
{
    struct fixture *f = *state;
    Runtime__V1__LinuxPodSandboxConfig__SysctlsEntry sysctl, *sysctls[] = {&sysctl};
    Runtime__V1__PodSandboxConfig__AnnotationsEntry note, *notes[] = {&note};
    int64_t groups[] = {2000, 65534};
    runtime__v1__linux_pod_sandbox_config__sysctls_entry__init(&sysctl);
    runtime__v1__pod_sandbox_config__annotations_entry__init(&note);
    sysctl.key = (char *)"kernel.shm_rmid_forced";
    sysctl.value = (char *)"1";
    note.key = (char *)"example.com/runtime";
    note.value = (char *)"value \"quoted\"";
    f->pod_linux.sysctls = sysctls;
    f->pod_linux.n_sysctls = 1;
    f->pod.annotations = notes;
    f->pod.n_annotations = 1;
    f->policy.pod_annotations = (struct strlist){.v = STRS((char *)"example.com/*"), .n = 1};
    f->pod_linux.resources = &f->resources;
    f->resources.cpu_period = 100000;
    f->resources.cpu_quota = 50000;
    f->resources.cpu_shares = 512;
    f->resources.memory_limit_in_bytes = 268435456;
    f->pod_security.supplemental_groups = groups;
    f->pod_security.n_supplemental_groups = 2;
    f->sandbox.user = (struct oci_user){.uid = 65535, .gid = 65535};
    f->sandbox.seccomp = view_of(seccomp);
    f->image.working_dir = "/srv";
    fixture_sandbox(f);
    check(f, "sandbox-full");
}

static void sandbox_host(void **state)
{
    struct fixture *f = *state;
    f->pod_ns.network = f->pod_ns.pid = f->pod_ns.ipc = RUNTIME__V1__NAMESPACE_MODE__NODE;
    f->pod_linux.cgroup_parent = (char *)"/kubepods.slice/kubepods-pod1.slice";
    f->pod_security.privileged = true;
    f->sandbox.netns_path = NULL;
    fixture_sandbox(f);
    check(f, "sandbox-host");
}

static void container_minimal(void **state)
{
    struct fixture *f = *state;
    fixture_container(f);
    check(f, "container-minimal");
}

static void fill_resources(struct fixture *f)
{
    static Runtime__V1__HugepageLimit huge, *huges[] = {&huge};
    runtime__v1__hugepage_limit__init(&huge);
    huge.page_size = (char *)"2MB";
    huge.limit = 4194304;
    f->resources.cpu_period = 100000;
    f->resources.cpu_quota = 20000;
    f->resources.cpu_shares = 204;
    f->resources.cpuset_cpus = (char *)"0";
    f->resources.cpuset_mems = (char *)"0";
    f->resources.memory_limit_in_bytes = 67108864;
    f->resources.hugepage_limits = huges;
    f->resources.n_hugepage_limits = 1;
    f->ctr_linux.resources = &f->resources;
    f->container.oom_score_adj = 985;
}

static void container_full(void **state)
{
    struct fixture *f = *state;
    Runtime__V1__Mount one, two, *mounts[] = {&one, &two};
    Runtime__V1__KeyValue kv, *envs[] = {&kv};
    struct oci_device fuse = {.path = "/dev/fuse", .type = 'c', .major = 10, .minor = 229, .mode = 0666, .access = "rwm"};
    struct oci_bind volume = {.source = "/root/containers/ctr1/volumes/1", .destination = "/cache"};
    uint32_t groups[] = {27};
    int64_t more[] = {2000};
    runtime__v1__mount__init(&one);
    runtime__v1__mount__init(&two);
    runtime__v1__key_value__init(&kv);
    one.container_path = (char *)"/data/deep";
    one.host_path = (char *)"/srv/data";
    two.container_path = (char *)"/data";
    two.host_path = (char *)"/srv";
    two.readonly = true;
    kv.key = (char *)"KEY";
    kv.value = (ProtobufCBinaryData){.data = (uint8_t *)(char *)"a=b", .len = 3};
    f->ctr.mounts = mounts;
    f->ctr.n_mounts = 2;
    f->ctr.envs = envs;
    f->ctr.n_envs = 1;
    f->ctr.tty = true;
    f->ctr.command = STRS((char *)"/bin/sh");
    f->ctr.n_command = 1;
    f->ctr.args = STRS((char *)"-c", (char *)"echo \xe2\x9c\x93");
    f->ctr.n_args = 2;
    f->ctr.working_dir = (char *)"/tmp";
    f->ctr_ns.pid = RUNTIME__V1__NAMESPACE_MODE__POD;
    f->ctr_security.capabilities = &f->caps;
    f->caps.add_capabilities = STRS((char *)"NET_ADMIN");
    f->caps.n_add_capabilities = 1;
    f->caps.drop_capabilities = STRS((char *)"MKNOD");
    f->caps.n_drop_capabilities = 1;
    f->caps.add_ambient_capabilities = STRS((char *)"NET_BIND_SERVICE");
    f->caps.n_add_ambient_capabilities = 1;
    f->ctr_security.masked_paths = STRS((char *)"/proc/kcore", (char *)"/sys/firmware");
    f->ctr_security.n_masked_paths = 2;
    f->ctr_security.readonly_paths = STRS((char *)"/proc/sys");
    f->ctr_security.n_readonly_paths = 1;
    f->ctr_security.no_new_privs = f->ctr_security.readonly_rootfs = true;
    f->ctr_security.supplemental_groups = more;
    f->ctr_security.n_supplemental_groups = 1;
    f->container.user = (struct oci_user){.uid = 1000, .gid = 1000, .groups = groups, .n_groups = 1};
    f->container.devices = &fuse;
    f->container.n_devices = 1;
    f->container.volumes = &volume;
    f->container.n_volumes = 1;
    f->container.seccomp = view_of(seccomp);
    fill_resources(f);
    fixture_container(f);
    check(f, "container-full");
}

static void container_privileged(void **state)
{
    struct fixture *f = *state;
    struct oci_device null = {.path = "/dev/null", .type = 'c', .major = 1, .minor = 3, .mode = 0666};
    f->pod_security.privileged = f->ctr_security.privileged = true;
    f->host.devices = &null;
    f->host.n_devices = 1;
    fixture_container(f);
    check(f, "container-privileged");
}

static void container_cgroup2(void **state)
{
    struct fixture *f = *state;
    Runtime__V1__LinuxContainerResources__UnifiedEntry u, *us[] = {&u};
    runtime__v1__linux_container_resources__unified_entry__init(&u);
    u.key = (char *)"memory.high";
    u.value = (char *)"60397977";
    f->resources.unified = us;
    f->resources.n_unified = 1;
    f->host.cgroup_mode = OCI_CGROUP_V2;
    f->pod_linux.cgroup_parent = (char *)"kubepods-burstable-pod1.slice";
    fill_resources(f);
    fixture_container(f);
    check(f, "container-cgroup2");
}

static void container_user_namespace(void **state)
{
    struct fixture *f = *state;
    Runtime__V1__IDMapping *maps[] = {&f->uid_mapping};
    f->uid_mapping.host_id = 65536;
    f->uid_mapping.length = 65536;
    f->userns.uids = f->userns.gids = maps;
    f->userns.n_uids = f->userns.n_gids = 1;
    f->ctr_ns.userns_options = f->pod_ns.userns_options = &f->userns;
    fixture_container(f);
    check(f, "container-user-namespace");
}

static void container_propagation(void **state)
{
    struct fixture *f = *state;
    Runtime__V1__Mount m[3], *mounts[] = {&m[0], &m[1], &m[2]};
    const struct oci_mount_source sources[] = {{.source = "/srv/shared", .peer = OCI_PEER_SHARED, .mount_point = "/"},
                                               {.source = "/srv/slave", .peer = OCI_PEER_SLAVE, .mount_point = "/"},
                                               {.source = "/srv/hosts", .peer = OCI_PEER_PRIVATE, .mount_point = "/"}};
    for (size_t i = 0; i < ARRAY_SIZE(m); i++)
        runtime__v1__mount__init(&m[i]);
    m[0].container_path = (char *)"/both";
    m[0].propagation = RUNTIME__V1__MOUNT_PROPAGATION__PROPAGATION_BIDIRECTIONAL;
    m[1].container_path = (char *)"/from-host";
    m[1].propagation = RUNTIME__V1__MOUNT_PROPAGATION__PROPAGATION_HOST_TO_CONTAINER;
    m[2].container_path = (char *)"/etc/hosts"; /* of the request in place of the pod's */
    f->ctr.mounts = mounts;
    f->ctr.n_mounts = ARRAY_SIZE(m);
    f->container.mounts = sources;
    f->pod_ns.network = f->pod_ns.ipc = f->ctr_ns.network = f->ctr_ns.ipc = f->ctr_ns.pid = RUNTIME__V1__NAMESPACE_MODE__NODE;
    fixture_container(f);
    check(f, "container-propagation");
}

static void container_seccomp_default(void **state)
{
    struct fixture *f = *state;
    f->host.machine = "x86_64";
    f->host.kernel_major = 6;
    f->host.kernel_minor = 1;
    f->container.seccomp_default = true;
    f->ctr_security.capabilities = &f->caps;
    f->caps.drop_capabilities = STRS((char *)"ALL");
    f->caps.n_drop_capabilities = 1;
    f->caps.add_capabilities = STRS((char *)"CAP_SYS_CHROOT");
    f->caps.n_add_capabilities = 1;
    fixture_container(f);
    check(f, "container-seccomp-default");
}

static void container_target(void **state)
{
    struct fixture *f = *state;
    f->ctr_ns.pid = RUNTIME__V1__NAMESPACE_MODE__TARGET;
    f->container.target_pid = 777;
    f->pod_security.privileged = f->ctr_security.privileged = true;
    f->policy.privileged_without_host_devices = f->policy.privileged_without_host_devices_all_devices_allowed = true;
    fixture_container(f);
    check(f, "container-target");
}

static void container_cgroup2_privileged(void **state)
{
    struct fixture *f = *state;
    f->pod_security.privileged = f->ctr_security.privileged = true;
    f->policy.privileged_without_host_devices = f->policy.cgroup_writable = true;
    f->host.cgroup_mode = OCI_CGROUP_V2;
    f->host.cgroup2_nsdelegate = f->host.cgroup2_recursiveprot = true;
    fixture_container(f);
    check(f, "container-cgroup2-privileged");
}

/* What an administrator writes for a handler: limits and an environment of its own, fewer capabilities, a mount. */
static void container_base_spec(void **state)
{
    struct fixture *f = *state;
    Runtime__V1__PodSandboxConfig__AnnotationsEntry note, *notes[] = {&note};
    runtime__v1__pod_sandbox_config__annotations_entry__init(&note);
    note.key = (char *)"example.com/runtime";
    note.value = (char *)"value";
    f->pod.annotations = notes;
    f->pod.n_annotations = 1;
    f->policy.pod_annotations = (struct strlist){.v = STRS((char *)"example.com/*"), .n = 1};
    f->policy.base_spec = VIEW_LIT("{\"ociVersion\":\"1.0.2\",\"process\":{\"env\":[\"BASE=1\",\"LANG=C\"],"
                                   "\"capabilities\":{\"bounding\":[\"CAP_KILL\"],\"effective\":[\"CAP_KILL\"],\"permitted\":[\"CAP_KILL\"]},"
                                   "\"rlimits\":[{\"type\":\"RLIMIT_NOFILE\",\"hard\":1024,\"soft\":1000}]},"
                                   "\"root\":{\"path\":\"/elsewhere\"},\"mounts\":[{\"destination\":\"/proc\",\"type\":\"proc\",\"source\":\"proc\"},"
                                   "{\"destination\":\"/dev\",\"type\":\"tmpfs\",\"source\":\"tmpfs\",\"options\":[\"mode=755\"]},"
                                   "{\"destination\":\"/run\",\"type\":\"tmpfs\",\"source\":\"tmpfs\"},"
                                   "{\"destination\":\"/extra\",\"type\":\"tmpfs\",\"source\":\"tmpfs\"}],"
                                   "\"annotations\":{\"base\":\"yes\"},\"linux\":{\"cgroupsPath\":\"/x\",\"namespaces\":[{\"type\":\"mount\"}],"
                                   "\"resources\":{\"pids\":{\"limit\":100}}}}");
    fixture_container(f);
    check(f, "container-base-spec");
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)
    const struct CMUnitTest tests[] = {
        T(sandbox_minimal), T(sandbox_full),         T(sandbox_host),      T(container_minimal),
        T(container_full),  T(container_privileged), T(container_cgroup2), T(container_user_namespace),
        T(container_propagation), T(container_seccomp_default), T(container_target), T(container_cgroup2_privileged), T(container_base_spec),
    };
    return cmocka_run_group_tests_name("oci/golden", tests, NULL, NULL);
}
