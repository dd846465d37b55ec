/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The spec of the pause container.
 */
#include "fixture.h"

static void test_defaults(void **state)
{
    struct fixture *f = *state;
    fixture_sandbox(f);
    assert_json_str(f, "ociVersion", "1.0.2");
    assert_json(f, "root", "{\"path\":\"rootfs\",\"readonly\":true}");
    assert_json(f, "process.args", "[\"/bin/app\",\"--serve\",\"-v\"]");
    assert_json(f, "process.env", "[\"PATH=/app/bin:/bin\",\"LANG=C.UTF-8\"]");
    assert_json_str(f, "process.cwd", "/");
    assert_json_int(f, "process.oomScoreAdj", -998);
    assert_json_true(f, "process.noNewPrivileges");
    assert_json(f, "process.user", "{\"uid\":0,\"gid\":0,\"additionalGids\":[0]}");
    assert_json_str(f, "hostname", "web-0");
    assert_json_int(f, "linux.resources.cpu.shares", 2);
    assert_json(f, "linux.resources.devices", "[{\"allow\":false,\"access\":\"rwm\"}]");
    assert_json_str(f, "linux.cgroupsPath", "/kubepods/burstable/pod9f1c/pod1");
    assert_int_equal(json_array_size(fixture_at(f, "linux.maskedPaths")), 11);
    assert_int_equal(json_array_size(fixture_at(f, "linux.readonlyPaths")), 5);
    assert_int_equal(json_array_size(fixture_at(f, "process.capabilities.effective")), 14);
    assert_json_missing(f, "process.capabilities.ambient");
    assert_json_missing(f, "linux.seccomp");
    assert_json_missing(f, "process.rlimits");
}

static void test_mounts(void **state)
{
    struct fixture *f = *state;
    fixture_sandbox(f);
    assert_int_equal(json_array_size(fixture_at(f, "mounts")), 7);
    assert_null(fixture_mount(f, "/run"));
    json_t *shm = fixture_mount(f, "/dev/shm");
    assert_string_equal(json_string_value(json_object_get(shm, "source")), "/state/sandboxes/pod1/shm");
    assert_true(fixture_list_has(json_object_get(shm, "options"), "noexec"));
    assert_non_null(fixture_mount(f, "/etc/resolv.conf"));
    assert_true(fixture_list_has(json_object_get(fixture_mount(f, "/sys"), "options"), "ro"));
}

static void test_annotations(void **state)
{
    struct fixture *f = *state;
    Runtime__V1__PodSandboxConfig__AnnotationsEntry one, two, *all[] = {&one, &two};
    runtime__v1__pod_sandbox_config__annotations_entry__init(&one);
    runtime__v1__pod_sandbox_config__annotations_entry__init(&two);
    one.key = (char *)"io.katacontainers.config.x";
    one.value = (char *)"1";
    two.key = (char *)"io.kubernetes.cri.sandbox-id";
    two.value = (char *)"forged";
    f->pod.annotations = all;
    f->pod.n_annotations = 2;
    fixture_sandbox(f);
    assert_int_equal(json_object_size(fixture_at(f, "annotations")), 7);
    assert_json_str(f, "annotations{io.kubernetes.cri.container-type}", "sandbox");
    assert_json_str(f, "annotations{io.kubernetes.cri.sandbox-id}", "pod1");
    assert_json_str(f, "annotations{io.kubernetes.cri.sandbox-name}", "web-0");
    assert_json_str(f, "annotations{io.kubernetes.cri.sandbox-namespace}", "default");
    assert_json_str(f, "annotations{io.kubernetes.cri.sandbox-uid}", "9f1c7f6e-2a2e-4d6b-9b5e-0d3a1d3f0001");
    assert_json_str(f, "annotations{io.kubernetes.cri.sandbox-log-directory}", "/var/log/pods/default_web-0_9f1c");

    f->pod_linux.resources = &f->resources;
    f->resources.cpu_period = 100000;
    f->resources.cpu_quota = -1;
    f->policy.pod_annotations = (struct strlist){.v = STRS((char *)"io.*"), .n = 1};
    fixture_sandbox(f);
    assert_json_str(f, "annotations{io.katacontainers.config.x}", "1");
    assert_json_str(f, "annotations{io.kubernetes.cri.sandbox-id}", "pod1"); /* not to be forged */
    assert_json_str(f, "annotations{io.kubernetes.cri.sandbox-cpu-period}", "100000");
    assert_json_str(f, "annotations{io.kubernetes.cri.sandbox-cpu-quota}", "-1");
    assert_json_str(f, "annotations{io.kubernetes.cri.sandbox-cpu-shares}", "0");
    assert_json_str(f, "annotations{io.kubernetes.cri.sandbox-memory}", "0");
}

static void test_namespaces(void **state)
{
    struct fixture *f = *state;
    fixture_sandbox(f);
    assert_string_equal(fixture_namespace(f, "network"), "/var/run/netns/cni-1");
    assert_string_equal(fixture_namespace(f, "pid"), "");
    assert_string_equal(fixture_namespace(f, "ipc"), "");
    assert_string_equal(fixture_namespace(f, "uts"), "");
    assert_string_equal(fixture_namespace(f, "mount"), "");
    assert_null(fixture_namespace(f, "user"));
    assert_null(fixture_namespace(f, "cgroup"));

    f->pod_ns.network = f->pod_ns.pid = f->pod_ns.ipc = RUNTIME__V1__NAMESPACE_MODE__NODE;
    f->sandbox.netns_path = NULL;
    fixture_sandbox(f);
    assert_null(fixture_namespace(f, "network"));
    assert_null(fixture_namespace(f, "uts"));
    assert_null(fixture_namespace(f, "pid"));
    assert_null(fixture_namespace(f, "ipc"));
    assert_json_missing(f, "hostname"); /* there is no UTS namespace to set it in */
    assert_json_missing(f, "linux.sysctl");
    assert_string_equal(json_string_value(json_object_get(fixture_mount(f, "/dev/shm"), "source")), "/dev/shm");

    f->pod_ns.pid = RUNTIME__V1__NAMESPACE_MODE__TARGET;
    assert_sandbox_fails(f, ERR_INVALID_ARGUMENT, "namespace_options.pid cannot be TARGET");
    f->pod_ns.pid = (Runtime__V1__NamespaceMode)9;
    assert_sandbox_fails(f, ERR_INVALID_ARGUMENT, "namespace_options.pid has the unknown mode 9");
    f->pod_ns.pid = f->pod_ns.network = RUNTIME__V1__NAMESPACE_MODE__POD;
    assert_sandbox_fails(f, ERR_INTERNAL, "no network namespace");
}

static void test_sysctls(void **state)
{
    struct fixture *f = *state;
    fixture_sandbox(f);
    assert_json(f, "linux.sysctl",
                "{\"net.ipv4.ip_unprivileged_port_start\":\"0\",\"net.ipv4.ping_group_range\":\"0 2147483647\"}");
    f->policy.unprivileged_ports = f->policy.unprivileged_icmp = false;
    fixture_sandbox(f);
    assert_json_missing(f, "linux.sysctl");

    Runtime__V1__LinuxPodSandboxConfig__SysctlsEntry one, *all[] = {&one};
    runtime__v1__linux_pod_sandbox_config__sysctls_entry__init(&one);
    one.key = (char *)"net.ipv4.ip_unprivileged_port_start";
    one.value = (char *)"80";
    f->pod_linux.sysctls = all;
    f->pod_linux.n_sysctls = 1;
    f->policy.unprivileged_ports = f->policy.unprivileged_icmp = f->host.in_user_ns = true;
    fixture_sandbox(f);
    assert_json(f, "linux.sysctl", "{\"net.ipv4.ip_unprivileged_port_start\":\"80\"}");

    f->pod_ns.network = f->pod_ns.ipc = RUNTIME__V1__NAMESPACE_MODE__NODE;
    assert_sandbox_fails(f, ERR_INVALID_ARGUMENT, "net.ipv4.ip_unprivileged_port_start cannot be set with the host's network");
    one.key = (char *)"kernel.shmmax";
    assert_sandbox_fails(f, ERR_INVALID_ARGUMENT, "kernel.shmmax cannot be set with the host's IPC");
    one.key = (char *)"fs.mqueue.msg_max";
    assert_sandbox_fails(f, ERR_INVALID_ARGUMENT, "fs.mqueue.msg_max cannot be set with the host's IPC");
    f->pod_ns.ipc = RUNTIME__V1__NAMESPACE_MODE__POD;
    fixture_sandbox(f);
    assert_json_str(f, "linux.sysctl{fs.mqueue.msg_max}", "80");
    one.key = (char *)"";
    assert_sandbox_fails(f, ERR_INVALID_ARGUMENT, "config.linux.sysctls: \"\" is not the name");
    one.key = (char *)"kernel/../../x";
    assert_sandbox_fails(f, ERR_INVALID_ARGUMENT, "is not the name of a sysctl");
    one.key = (char *)"kernel.msgmax";
    one.value = (char *)"1\n2";
    assert_sandbox_fails(f, ERR_INVALID_ARGUMENT, "the value of kernel.msgmax has a control character");
}

static void test_privileged(void **state)
{
    struct fixture *f = *state;
    f->sandbox.seccomp = VIEW_LIT("{\"defaultAction\":\"SCMP_ACT_ALLOW\"}");
    f->sandbox.process_label = "system_u:system_r:container_t:s0:c1,c2";
    f->sandbox.mount_label = "system_u:object_r:container_file_t:s0:c1,c2";
    fixture_sandbox(f);
    assert_json(f, "linux.seccomp", "{\"defaultAction\":\"SCMP_ACT_ALLOW\"}");
    assert_json_str(f, "process.selinuxLabel", "system_u:system_r:container_t:s0:c1,c2");
    assert_json_str(f, "linux.mountLabel", "system_u:object_r:container_file_t:s0:c1,c2");
    f->pod_security.privileged = true;
    fixture_sandbox(f);
    assert_json_missing(f, "linux.seccomp");
    assert_json_missing(f, "process.selinuxLabel");
    assert_true(fixture_list_has(json_object_get(fixture_mount(f, "/sys"), "options"), "rw"));
    assert_int_equal(json_array_size(fixture_at(f, "process.capabilities.effective")), 14); /* only its containers get more */
}

static void test_user_namespace(void **state)
{
    struct fixture *f = *state;
    Runtime__V1__IDMapping *uids[] = {&f->uid_mapping, &f->uid_mapping}, *gids[] = {&f->gid_mapping};
    f->uid_mapping.host_id = 65536;
    f->uid_mapping.length = 65536;
    f->gid_mapping = f->uid_mapping;
    f->gid_mapping.host_id = 131072;
    f->pod_ns.userns_options = &f->userns;
    assert_sandbox_fails(f, ERR_INVALID_ARGUMENT, "mode POD needs mappings");
    f->userns.uids = uids;
    f->userns.n_uids = 1;
    f->userns.gids = gids;
    f->userns.n_gids = 1;
    f->sandbox.userns_path = "/state/pinned/user";
    fixture_sandbox(f);
    assert_string_equal(fixture_namespace(f, "user"), "/state/pinned/user");
    assert_json(f, "linux.uidMappings", "[{\"containerID\":0,\"hostID\":65536,\"size\":65536}]");
    assert_json(f, "linux.gidMappings", "[{\"containerID\":0,\"hostID\":131072,\"size\":65536}]");
    assert_json(f, "linux.sysctl", "{\"net.ipv4.ip_unprivileged_port_start\":\"0\"}"); /* the range is beyond the mapping */

    f->pod_ns.network = RUNTIME__V1__NAMESPACE_MODE__NODE;
    fixture_sandbox(f);
    assert_string_equal(fixture_namespace(f, "user"), "");
    assert_json(f, "mounts[6]",
                "{\"destination\":\"/sys\",\"type\":\"bind\",\"source\":\"/sys\","
                "\"options\":[\"rbind\",\"rro\",\"nosuid\",\"nodev\",\"noexec\"]}");
    assert_non_null(fixture_mount(f, "/sys")); /* and only one */

    f->userns.n_uids = 2;
    assert_sandbox_fails(f, ERR_INVALID_ARGUMENT, "userns_options.uids has 2 mappings, only one is supported");
    f->userns.n_uids = 1;
    f->gid_mapping.length = 0;
    assert_sandbox_fails(f, ERR_INVALID_ARGUMENT, "userns_options.gids[0].length is 0");
    f->gid_mapping.length = 1;
    f->userns.mode = RUNTIME__V1__NAMESPACE_MODE__NODE;
    assert_sandbox_fails(f, ERR_INVALID_ARGUMENT, "mode NODE cannot have mappings");
    f->userns.n_uids = f->userns.n_gids = 0;
    fixture_sandbox(f);
    assert_null(fixture_namespace(f, "user"));
    f->userns.mode = RUNTIME__V1__NAMESPACE_MODE__CONTAINER;
    assert_sandbox_fails(f, ERR_INVALID_ARGUMENT, "userns_options: mode 1 is not supported");
}

static void test_bad_input(void **state)
{
    struct fixture *f = *state;
    f->image.entrypoint.n = f->image.cmd.n = 0;
    assert_sandbox_fails(f, ERR_INVALID_ARGUMENT, "no command specified");
    f->image.cmd.n = 1;
    fixture_sandbox(f);
    assert_json(f, "process.args", "[\"-v\"]");

    char long_name[66];
    memset(long_name, 'a', sizeof(long_name));
    long_name[65] = '\0';
    f->pod.hostname = long_name;
    assert_sandbox_fails(f, ERR_INVALID_ARGUMENT, "config.hostname");
    long_name[64] = '\0';
    fixture_sandbox(f);
    f->pod.hostname = (char *)"a\nb";
    assert_sandbox_fails(f, ERR_INVALID_ARGUMENT, "is not a host name of at most 64 bytes");
    f->pod.hostname = (char *)"";
    fixture_sandbox(f);
    assert_json_missing(f, "hostname");

    f->pod_linux.cgroup_parent = (char *)"/a/../../b";
    assert_sandbox_fails(f, ERR_INVALID_ARGUMENT, "config.linux.cgroup_parent");
    f->pod_linux.cgroup_parent = (char *)"/kubepods.slice/kubepods-besteffort.slice";
    fixture_sandbox(f);
    assert_json_str(f, "linux.cgroupsPath", "kubepods-besteffort.slice:cri-containerd:pod1");
    f->pod_linux.cgroup_parent = (char *)"";
    fixture_sandbox(f);
    assert_json_str(f, "linux.cgroupsPath", "/k8s.io/pod1");

    f->sandbox.seccomp = VIEW_LIT("{");
    assert_sandbox_fails(f, ERR_INVALID_ARGUMENT, "the seccomp profile cannot be read");
    f->sandbox.seccomp = VIEW_LIT("[]");
    assert_sandbox_fails(f, ERR_INVALID_ARGUMENT, "the seccomp profile is an array, not an object");
    f->sandbox.seccomp = VIEW_EMPTY;

    int64_t groups[] = {7, -1};
    f->pod_security.supplemental_groups = groups;
    f->pod_security.n_supplemental_groups = 2;
    assert_sandbox_fails(f, ERR_INVALID_ARGUMENT, "supplemental_groups[1] is -1");
    groups[1] = (int64_t)INT32_MAX + 1;
    assert_sandbox_fails(f, ERR_INVALID_ARGUMENT, "supplemental_groups[1] is 2147483648"); /* CVE-2024-40635 */
    groups[1] = INT32_MAX;
    f->pod_security.supplemental_groups_policy = (Runtime__V1__SupplementalGroupsPolicy)7;
    assert_sandbox_fails(f, ERR_INVALID_ARGUMENT, "supplemental_groups_policy has the unknown value 7");
    f->pod_security.supplemental_groups_policy = RUNTIME__V1__SUPPLEMENTAL_GROUPS_POLICY__Merge;
    fixture_sandbox(f);
    assert_json(f, "process.user.additionalGids", "[0,7,2147483647]");
}

/* A pod without any of the optional parts, as crictl may send it. */
static void test_bare(void **state)
{
    struct fixture *f = *state;
    f->pod.linux = NULL;
    f->pod.metadata = NULL;
    f->sandbox.shm_path = f->sandbox.resolv_path = f->sandbox.image_name = NULL;
    f->sandbox.notes = NULL;
    fixture_sandbox(f);
    assert_json_str(f, "linux.cgroupsPath", "/k8s.io/pod1");
    assert_json_str(f, "annotations{io.kubernetes.cri.sandbox-name}", "");
}

static void test_output_limit(void **state)
{
    struct fixture *f = *state;
    fixture_sandbox(f);
    size_t n = f->out.n;
    _cleanup_buf_ struct buf small = BUF_INIT(n), smaller = BUF_INIT(n - 1);
    assert_ok(oci_sandbox_spec(&f->sandbox, &f->a, &small, &f->e), &f->e);
    assert_memory_equal(small.p, f->out.p, n); /* the same input gives the same bytes */
    assert_fails(oci_sandbox_spec(&f->sandbox, &f->a, &smaller, &f->e), &f->e, ERR_RESOURCE_EXHAUSTED, "");
    assert_int_equal(smaller.n, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_defaults, fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(test_mounts, fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(test_annotations, fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(test_namespaces, fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(test_sysctls, fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(test_privileged, fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(test_user_namespace, fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(test_bad_input, fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(test_bare, fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(test_output_limit, fixture_setup, fixture_teardown),
    };
    return cmocka_run_group_tests_name("oci/sandbox", tests, NULL, NULL);
}
