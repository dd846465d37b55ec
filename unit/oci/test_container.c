/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The spec of an application container: process, isolation, resources, annotations. Mounts: test_mounts.c.
 */
#include "fixture.h"

static void test_defaults(void **state)
{
    struct fixture *f = *state;
    fixture_container(f);
    assert_json_str(f, "ociVersion", "1.0.2");
    assert_json_str(f, "root.path", "rootfs");
    assert_json_missing(f, "root.readonly");
    assert_json(f, "process.args", "[\"/bin/app\",\"--serve\",\"-v\"]");
    assert_json(f, "process.env", "[\"PATH=/app/bin:/bin\",\"HOSTNAME=web-0\",\"LANG=C.UTF-8\"]");
    assert_json_str(f, "process.cwd", "/");
    assert_json(f, "process.noNewPrivileges", "false");
    assert_json_missing(f, "process.terminal");
    assert_json_missing(f, "process.oomScoreAdj"); /* no resources were sent */
    assert_json_missing(f, "process.rlimits");
    assert_json_missing(f, "process.apparmorProfile");
    assert_json_missing(f, "linux.maskedPaths");
    assert_json_missing(f, "linux.readonlyPaths");
    assert_json_missing(f, "linux.seccomp");
    assert_json_missing(f, "linux.devices");
    assert_json_missing(f, "linux.rootfsPropagation");
    assert_json_missing(f, "hostname"); /* it joins the pod's UTS namespace */
    assert_json_str(f, "linux.cgroupsPath", "/kubepods/burstable/pod9f1c/ctr1");
    assert_json(f, "linux.resources", "{\"devices\":[{\"allow\":false,\"access\":\"rwm\"}]}");
    assert_json(f, "process.capabilities.bounding",
                "[\"CAP_CHOWN\",\"CAP_DAC_OVERRIDE\",\"CAP_FOWNER\",\"CAP_FSETID\",\"CAP_KILL\",\"CAP_SETGID\",\"CAP_SETUID\","
                "\"CAP_SETPCAP\",\"CAP_NET_BIND_SERVICE\",\"CAP_NET_RAW\",\"CAP_SYS_CHROOT\",\"CAP_MKNOD\",\"CAP_AUDIT_WRITE\","
                "\"CAP_SETFCAP\"]");
}

/* The request's and the image's command and arguments in every combination. */
static void test_args(void **state)
{
    struct fixture *f = *state;
    f->ctr.args = STRS((char *)"x");
    f->ctr.n_args = 1;
    fixture_container(f);
    assert_json(f, "process.args", "[\"/bin/app\",\"--serve\",\"x\"]");
    f->ctr.command = STRS((char *)"sh", (char *)"-c");
    f->ctr.n_command = 2;
    fixture_container(f);
    assert_json(f, "process.args", "[\"sh\",\"-c\",\"x\"]");
    f->ctr.n_args = 0;
    fixture_container(f);
    assert_json(f, "process.args", "[\"sh\",\"-c\"]");
    f->ctr.n_command = 0;
    f->image.entrypoint = (struct strlist){.v = STRS((char *)""), .n = 1};
    fixture_container(f);
    assert_json(f, "process.args", "[\"-v\"]");
    f->image.cmd.n = 0;
    assert_container_fails(f, ERR_INVALID_ARGUMENT, "no command specified");
    f->image.entrypoint.n = 0;
    assert_container_fails(f, ERR_INVALID_ARGUMENT, "no command specified");
    f->ctr.command = STRS((char *)"");
    f->ctr.n_command = 1;
    assert_container_fails(f, ERR_INVALID_ARGUMENT, "its first word is empty");
}

static void test_env(void **state)
{
    struct fixture *f = *state;
    Runtime__V1__KeyValue kv[3], *all[] = {&kv[0], &kv[1], &kv[2]};
    for (size_t i = 0; i < 3; i++)
        runtime__v1__key_value__init(&kv[i]);
    kv[0].key = (char *)"LANG";
    kv[0].value = (ProtobufCBinaryData){.data = (uint8_t *)(char *)"de=DE", .len = 5};
    kv[1].key = (char *)"EMPTY";
    kv[2].key = (char *)"TERM";
    kv[2].value = (ProtobufCBinaryData){.data = (uint8_t *)(char *)"a\xff"
                                                                   "b",
                                        .len = 3};
    f->ctr.envs = all;
    f->ctr.n_envs = 3;
    f->ctr.tty = true;
    f->pod.hostname = (char *)"";
    f->image.env =
        (struct strlist){.v = STRS((char *)"LANG=C", (char *)"GONE=1", (char *)"GONE", (char *)"", (char *)"NEVER"), .n = 5};
    fixture_container(f);
    assert_json(f, "process.env",
                "[\"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin\",\"TERM=a\xef\xbf\xbd"
                "b\","
                "\"HOSTNAME=node-1\",\"LANG=de=DE\",\"EMPTY=\"]");
    assert_json_true(f, "process.terminal");

    kv[1].key = (char *)"";
    assert_container_fails(f, ERR_INVALID_ARGUMENT, "config.envs[1].key \"\" is not the name of a variable");
    kv[1].key = (char *)"A=B";
    assert_container_fails(f, ERR_INVALID_ARGUMENT, "config.envs[1].key \"A=B\"");
    kv[1].key = (char *)"A";
    kv[1].value = (ProtobufCBinaryData){.data = (uint8_t *)(char *)"x\0y", .len = 3};
    assert_container_fails(f, ERR_INVALID_ARGUMENT, "config.envs[1].value (A) has a NUL");
}

/* Very many variables cost no more than their number, and the last one of a name wins. */
static void test_env_many(void **state)
{
    struct fixture *f = *state;
    enum { N = 20000 };
    char **v = ARENA_NEW_N(&f->a, char *, N);
    assert_non_null(v);
    for (int i = 0; i < N; i++)
        v[i] = arena_printf(&f->a, "V%d=%d", i % (N / 2), i);
    f->image.env = (struct strlist){.v = v, .n = N};
    fixture_container(f);
    assert_int_equal(json_array_size(fixture_at(f, "process.env")), N / 2 + 2);
    assert_json_str(f, "process.env[2]", "V0=10000");
    assert_json_str(f, "process.env[10001]", "V9999=19999");
}

static void test_cwd(void **state)
{
    struct fixture *f = *state;
    f->image.working_dir = "srv";
    fixture_container(f);
    assert_json_str(f, "process.cwd", "/srv");
    f->image.working_dir = "/srv/x";
    fixture_container(f);
    assert_json_str(f, "process.cwd", "/srv/x");
    f->ctr.working_dir = (char *)"/w";
    fixture_container(f);
    assert_json_str(f, "process.cwd", "/w");
    f->ctr.working_dir = (char *)"w";
    assert_container_fails(f, ERR_INVALID_ARGUMENT, "config.working_dir \"w\" is not an absolute path");
}

static void test_user(void **state)
{
    struct fixture *f = *state;
    uint32_t groups[] = {50, 1000, 20, 50};
    int64_t more[] = {3000, 20};
    f->container.user = (struct oci_user){.uid = 1000, .gid = 1000, .groups = groups, .n_groups = 4};
    f->ctr_security.supplemental_groups = more;
    f->ctr_security.n_supplemental_groups = 2;
    fixture_container(f);
    assert_json(f, "process.user", "{\"uid\":1000,\"gid\":1000,\"additionalGids\":[20,50,1000,3000]}");
    f->ctr_security.supplemental_groups_policy = RUNTIME__V1__SUPPLEMENTAL_GROUPS_POLICY__Strict;
    fixture_container(f);
    assert_json(f, "process.user", "{\"uid\":1000,\"gid\":1000,\"additionalGids\":[20,1000,3000]}");
    f->ctr_security.supplemental_groups_policy = (Runtime__V1__SupplementalGroupsPolicy)2;
    assert_container_fails(f, ERR_INVALID_ARGUMENT, "supplemental_groups_policy has the unknown value 2");
    f->ctr_security.supplemental_groups_policy = RUNTIME__V1__SUPPLEMENTAL_GROUPS_POLICY__Merge;
    more[0] = INT64_C(4294967296);
    assert_container_fails(f, ERR_INVALID_ARGUMENT, "supplemental_groups[0] is 4294967296, outside 0 to 2147483647");
}

/* As many groups as the kernel takes (NGROUPS_MAX), and one more. */
static void test_groups_limit(void **state)
{
    struct fixture *f = *state;
    enum { MAX = 65536 };
    int64_t *many = ARENA_NEW_N(&f->a, int64_t, MAX + 1);
    uint32_t *image = ARENA_NEW_N(&f->a, uint32_t, MAX + 1);
    assert_non_null(many);
    assert_non_null(image);
    for (size_t i = 0; i <= MAX; i++)
        many[i] = (int64_t)i;
    f->ctr_security.supplemental_groups = many;
    for (size_t n = MAX - 1; n <= MAX; n++) {
        f->ctr_security.n_supplemental_groups = n;
        fixture_container(f);
        assert_int_equal(json_array_size(fixture_at(f, "process.user.additionalGids")), n);
    }
    f->ctr_security.n_supplemental_groups = MAX + 1;
    assert_container_fails(f, ERR_INVALID_ARGUMENT, "supplemental_groups: more than 65536 groups");
    f->ctr_security.n_supplemental_groups = 0;
    f->container.user = (struct oci_user){.groups = image, .n_groups = MAX + 1};
    assert_container_fails(f, ERR_INVALID_ARGUMENT, "more than 65536 groups");
    f->container.user.n_groups = MAX;
    fixture_container(f);
    assert_json(f, "process.user.additionalGids", "[0]");
}

static void test_namespaces(void **state)
{
    struct fixture *f = *state;
    fixture_container(f);
    assert_string_equal(fixture_namespace(f, "network"), "/proc/4242/ns/net");
    assert_string_equal(fixture_namespace(f, "ipc"), "/proc/4242/ns/ipc");
    assert_string_equal(fixture_namespace(f, "uts"), "/proc/4242/ns/uts");
    assert_string_equal(fixture_namespace(f, "pid"), "");
    assert_string_equal(fixture_namespace(f, "mount"), "");
    assert_null(fixture_namespace(f, "user"));
    assert_null(fixture_namespace(f, "cgroup"));
    f->ctr_ns.pid = RUNTIME__V1__NAMESPACE_MODE__POD;
    fixture_container(f);
    assert_string_equal(fixture_namespace(f, "pid"), "/proc/4242/ns/pid");
    f->ctr_ns.pid = RUNTIME__V1__NAMESPACE_MODE__TARGET;
    assert_container_fails(f, ERR_INTERNAL, "namespaces it shall join is not known");
    f->container.target_pid = 77;
    fixture_container(f);
    assert_string_equal(fixture_namespace(f, "pid"), "/proc/77/ns/pid");
    f->ctr_ns.network = RUNTIME__V1__NAMESPACE_MODE__TARGET;
    assert_container_fails(f, ERR_INVALID_ARGUMENT, "namespace_options.network cannot be TARGET");
    f->ctr_ns.network = RUNTIME__V1__NAMESPACE_MODE__POD;
    f->ctr_ns.ipc = (Runtime__V1__NamespaceMode)-1;
    assert_container_fails(f, ERR_INVALID_ARGUMENT, "namespace_options.ipc has the unknown mode -1");
    f->ctr_ns.ipc = RUNTIME__V1__NAMESPACE_MODE__POD;

    f->host.cgroup_mode = OCI_CGROUP_V2;
    fixture_container(f);
    assert_string_equal(fixture_namespace(f, "cgroup"), "");
    f->ctr_security.privileged = f->pod_security.privileged = true;
    fixture_container(f);
    assert_null(fixture_namespace(f, "cgroup"));
    f->container.sandbox_pid = 0;
    assert_container_fails(f, ERR_INTERNAL, "namespaces it shall join is not known");
}

static void test_user_namespace(void **state)
{
    struct fixture *f = *state;
    Runtime__V1__UserNamespace other = f->userns;
    Runtime__V1__IDMapping *uids[] = {&f->uid_mapping}, *gids[] = {&f->gid_mapping}, *other_uids[] = {&f->gid_mapping};
    f->uid_mapping.host_id = 65536;
    f->uid_mapping.length = 65536;
    f->gid_mapping.length = 65536;
    f->userns.uids = uids;
    f->userns.gids = gids;
    f->userns.n_uids = f->userns.n_gids = 1;
    f->ctr_ns.userns_options = &f->userns;
    assert_container_fails(f, ERR_INVALID_ARGUMENT, "userns_options differ from those of the sandbox");
    other = f->userns;
    other.uids = other_uids;
    f->pod_ns.userns_options = &other;
    assert_container_fails(f, ERR_INVALID_ARGUMENT, "userns_options differ from those of the sandbox");
    other.uids = uids;
    fixture_container(f);
    assert_string_equal(fixture_namespace(f, "user"), "/proc/4242/ns/user");
    assert_json(f, "linux.uidMappings", "[{\"containerID\":0,\"hostID\":65536,\"size\":65536}]");
    assert_non_null(json_object_get(fixture_mount(f, "/etc/hosts"), "uidMappings"));
    assert_null(json_object_get(fixture_mount(f, "/dev/shm"), "uidMappings"));
    f->pod_ns.network = RUNTIME__V1__NAMESPACE_MODE__NODE;
    fixture_container(f);
    assert_string_equal(json_string_value(json_object_get(fixture_mount(f, "/sys"), "type")), "bind");
    f->ctr_ns.userns_options = NULL;
    assert_container_fails(f, ERR_INVALID_ARGUMENT, "differ from those of the sandbox");
}

static void test_caps(void **state)
{
    struct fixture *f = *state;
    f->ctr_security.capabilities = &f->caps;
    f->caps.add_capabilities = STRS((char *)"net_admin", (char *)"CAP_SYS_TIME");
    f->caps.n_add_capabilities = 2;
    f->caps.drop_capabilities = STRS((char *)"ALL");
    f->caps.n_drop_capabilities = 1;
    fixture_container(f);
    assert_json(f, "process.capabilities",
                "{\"bounding\":[\"CAP_NET_ADMIN\",\"CAP_SYS_TIME\"],\"effective\":[\"CAP_NET_ADMIN\",\"CAP_SYS_TIME\"],"
                "\"permitted\":[\"CAP_NET_ADMIN\",\"CAP_SYS_TIME\"]}");
    f->caps.add_ambient_capabilities = STRS((char *)"NET_BIND_SERVICE");
    f->caps.n_add_ambient_capabilities = 1;
    f->caps.n_add_capabilities = 0;
    fixture_container(f);
    assert_json(f, "process.capabilities.ambient", "[\"CAP_NET_BIND_SERVICE\"]");
    assert_json(f, "process.capabilities.inheritable", "[\"CAP_NET_BIND_SERVICE\"]");
    assert_json(f, "process.capabilities.bounding", "[\"CAP_NET_BIND_SERVICE\"]");
    f->caps.drop_capabilities = STRS((char *)"SYS_ADMINISTRATOR");
    assert_container_fails(f, ERR_INVALID_ARGUMENT,
                           "capabilities.drop_capabilities[0]: there is no capability \"SYS_ADMINISTRATOR\"");
}

static void test_privileged(void **state)
{
    struct fixture *f = *state;
    struct oci_device host[] = {
        {.path = "/dev/kvm", .type = 'c', .major = 10, .minor = 232, .mode = 0660},
        {.path = "/dev/own", .type = 'b', .major = 8, .minor = 0, .mode = 0600},
    };
    struct oci_device own = {.path = "/dev/own", .type = 'c', .major = 1, .minor = 3, .mode = 0666, .access = "r"};
    f->host.devices = host;
    f->host.n_devices = 2;
    f->host.capabilities = OCI_CAPS_ALL & ~(UINT64_C(1) << 24); /* no CAP_SYS_RESOURCE */
    f->container.devices = &own;
    f->container.n_devices = 1;
    f->ctr_security.privileged = true;
    assert_container_fails(f, ERR_INVALID_ARGUMENT, "no privileged container allowed in sandbox");
    f->pod_security.privileged = true;
    f->container.seccomp = VIEW_LIT("{\"defaultAction\":\"SCMP_ACT_ERRNO\"}");
    f->container.apparmor_profile = "cri-containerd.apparmor.d";
    f->container.process_label = "a:b:c:s0";
    f->container.mount_label = "a:b:d:s0";
    f->ctr_security.masked_paths = STRS((char *)"/proc/kcore");
    f->ctr_security.n_masked_paths = 1;
    fixture_container(f);
    assert_int_equal(json_array_size(fixture_at(f, "process.capabilities.effective")), OCI_CAP_COUNT - 1);
    assert_false(fixture_list_has(fixture_at(f, "process.capabilities.bounding"), "CAP_SYS_RESOURCE"));
    assert_json_missing(f, "linux.seccomp");
    assert_json_missing(f, "linux.maskedPaths");
    assert_json_missing(f, "process.apparmorProfile");
    assert_json_missing(f, "process.selinuxLabel");
    assert_json_str(f, "linux.mountLabel", "a:b:d:s0");
    assert_json(f, "linux.resources.devices", "[{\"allow\":true,\"access\":\"rwm\"}]");
    assert_int_equal(json_array_size(fixture_at(f, "linux.devices")), 2);
    assert_json_str(f, "linux.devices[0].path", "/dev/own");
    assert_json_str(f, "linux.devices[0].type", "c"); /* the request's, not the host's */
    assert_json_str(f, "linux.devices[1].path", "/dev/kvm");
    assert_true(fixture_list_has(json_object_get(fixture_mount(f, "/sys"), "options"), "rw"));
    assert_true(fixture_list_has(json_object_get(fixture_mount(f, "/sys/fs/cgroup"), "options"), "rw"));

    f->policy.privileged_without_host_devices = true;
    fixture_container(f);
    assert_int_equal(json_array_size(fixture_at(f, "linux.devices")), 1);
    assert_json(f, "linux.resources.devices[0]", "{\"allow\":false,\"access\":\"rwm\"}");
    f->policy.privileged_without_host_devices_all_devices_allowed = true;
    fixture_container(f);
    assert_json(f, "linux.resources.devices", "[{\"allow\":true,\"access\":\"rwm\"}]");
}

static void test_devices(void **state)
{
    struct fixture *f = *state;
    Runtime__V1__Int64Value user, group;
    struct oci_device d[] = {
        {.path = "/dev/fuse", .type = 'c', .major = 10, .minor = 229, .mode = 0666, .uid = 5, .gid = 6, .access = "rwm"},
        {.path = "/dev/pipe", .type = 'p', .mode = 0600, .access = "rw"},
    };
    runtime__v1__int64_value__init(&user);
    runtime__v1__int64_value__init(&group);
    user.value = 1000;
    f->ctr_security.run_as_user = &user;
    f->ctr_security.run_as_group = &group;
    f->container.devices = d;
    f->container.n_devices = 2;
    fixture_container(f);
    assert_json(f, "linux.devices[0]",
                "{\"path\":\"/dev/fuse\",\"type\":\"c\",\"major\":10,\"minor\":229,\"fileMode\":438,"
                "\"uid\":5,\"gid\":6}");
    assert_json(f, "linux.resources.devices",
                "[{\"allow\":false,\"access\":\"rwm\"},"
                "{\"allow\":true,\"type\":\"c\",\"major\":10,\"minor\":229,\"access\":\"rwm\"}]");
    f->policy.device_ownership_from_security_context = true;
    fixture_container(f);
    assert_json_int(f, "linux.devices[0].uid", 1000);
    assert_json_int(f, "linux.devices[0].gid", 6); /* group 0 is no choice */
    d[1].access = "rx";
    assert_container_fails(f, ERR_INVALID_ARGUMENT, "config.devices[1].permissions \"rx\"");
    d[1].access = "";
    d[1].path = "pipe";
    assert_container_fails(f, ERR_INVALID_ARGUMENT, "config.devices[1]: \"pipe\" is not an absolute path");
    d[1].path = "/dev/pipe";
    d[1].type = 'f';
    assert_container_fails(f, ERR_INVALID_ARGUMENT, "config.devices[1]: \"/dev/pipe\" is not a device");
}

static void test_paths_as_sent(void **state)
{
    struct fixture *f = *state;
    f->ctr_security.masked_paths = STRS((char *)"/proc/kcore", (char *)"/x");
    f->ctr_security.n_masked_paths = 2;
    f->ctr_security.readonly_paths = STRS((char *)"/proc/sys");
    f->ctr_security.n_readonly_paths = 1;
    f->ctr_security.no_new_privs = f->ctr_security.readonly_rootfs = true;
    fixture_container(f);
    assert_json(f, "linux.maskedPaths", "[\"/proc/kcore\",\"/x\"]");
    assert_json(f, "linux.readonlyPaths", "[\"/proc/sys\"]");
    assert_json_true(f, "process.noNewPrivileges");
    assert_json_true(f, "root.readonly");
    f->policy.disable_proc_mount = true;
    fixture_container(f);
    assert_int_equal(json_array_size(fixture_at(f, "linux.maskedPaths")), 11);
    assert_int_equal(json_array_size(fixture_at(f, "linux.readonlyPaths")), 5);
}

static void test_security_profiles(void **state)
{
    struct fixture *f = *state;
    f->container.seccomp = VIEW_LIT(" {\"defaultAction\":\"SCMP_ACT_ERRNO\",\"x\":18446744073709551615} ");
    f->container.apparmor_profile = "cri-containerd.apparmor.d";
    f->container.process_label = "a:b:c:s0";
    fixture_container(f);
    assert_non_null(strstr(f->out.p, "\"x\":18446744073709551615"));
    assert_json_str(f, "process.apparmorProfile", "cri-containerd.apparmor.d");
    assert_json_str(f, "process.selinuxLabel", "a:b:c:s0");
    f->container.seccomp_unconfined = true;
    fixture_container(f);
    assert_json_missing(f, "linux.seccomp");
    f->container.seccomp_unconfined = false;
    f->container.seccomp = VIEW_LIT("null");
    assert_container_fails(f, ERR_INVALID_ARGUMENT, "the seccomp profile is null, not an object");
}

static void test_annotations(void **state)
{
    struct fixture *f = *state;
    Runtime__V1__PodSandboxConfig__AnnotationsEntry pod, *pods[] = {&pod};
    Runtime__V1__ContainerConfig__AnnotationsEntry own, *owns[] = {&own};
    runtime__v1__pod_sandbox_config__annotations_entry__init(&pod);
    runtime__v1__container_config__annotations_entry__init(&own);
    pod.key = (char *)"example.com/a";
    pod.value = (char *)"pod";
    own.key = (char *)"example.com/a";
    own.value = (char *)"ctr";
    f->pod.annotations = pods;
    f->pod.n_annotations = 1;
    f->ctr.annotations = owns;
    f->ctr.n_annotations = 1;
    fixture_container(f);
    assert_int_equal(json_object_size(fixture_at(f, "annotations")), 7);
    assert_json_str(f, "annotations{io.kubernetes.cri.container-type}", "container");
    assert_json_str(f, "annotations{io.kubernetes.cri.container-name}", "app");
    assert_json_str(f, "annotations{io.kubernetes.cri.image-name}", "docker.io/library/app:1");
    assert_json_str(f, "annotations{io.kubernetes.cri.sandbox-id}", "pod1");
    f->policy.pod_annotations = (struct strlist){.v = STRS((char *)"example.com/*"), .n = 1};
    fixture_container(f);
    assert_json_str(f, "annotations{example.com/a}", "pod");
    f->policy.container_annotations = (struct strlist){.v = STRS((char *)"x", (char *)"example.com/[a-c]"), .n = 2};
    fixture_container(f);
    assert_json_str(f, "annotations{example.com/a}", "ctr");
    f->policy.pod_annotations.v[0] = f->policy.container_annotations.v[1] = (char *)"*"; /* a star does not cross a slash */
    fixture_container(f);
    assert_json_missing(f, "annotations{example.com/a}");
}

static void test_resources(void **state)
{
    struct fixture *f = *state;
    f->ctr_linux.resources = &f->resources;
    f->container.oom_score_adj = 999;
    fixture_container(f);
    assert_json_int(f, "process.oomScoreAdj", 999);
    assert_json_missing(f, "linux.resources.cpu");
    assert_json_missing(f, "linux.resources.memory");
    f->resources.memory_limit_in_bytes = INT64_MAX;
    f->resources.cpu_shares = 102;
    fixture_container(f);
    assert_json(f, "linux.resources.memory", "{\"limit\":9223372036854775807,\"swap\":9223372036854775807}");
    assert_json_int(f, "linux.resources.cpu.shares", 102);
    f->resources.cpu_shares = -1;
    assert_container_fails(f, ERR_INVALID_ARGUMENT, "config.linux.resources.cpu_shares is -1, below 0");
}

/* The base spec of a runtime handler: its defaults stay, what belongs to the container is replaced. */
static void test_base_spec(void **state)
{
    struct fixture *f = *state;
    f->policy.base_spec = VIEW_LIT(
        "{\"ociVersion\":\"1.1.0\",\"hooks\":{\"prestart\":[{\"path\":\"/hook\"}]},"
        "\"process\":{\"env\":[\"BASE=1\",\"LANG=base\"],\"rlimits\":[{\"type\":\"RLIMIT_NOFILE\",\"hard\":18446744073709551615,"
        "\"soft\":1024}],"
        "\"terminal\":true,\"commandLine\":\"x\",\"capabilities\":{\"bounding\":[\"CAP_KILL\"],\"effective\":[\"CAP_KILL\"],"
        "\"permitted\":[\"CAP_KILL\"]},\"apparmorProfile\":\"base\",\"cwd\":\"/base\"},"
        "\"root\":{\"path\":\"x\",\"readonly\":true},"
        "\"mounts\":[{\"destination\":\"/proc\",\"type\":\"proc\",\"source\":\"proc\"},{\"destination\":\"/run/"
        "\",\"type\":\"tmpfs\"},"
        "{\"destination\":\"/dev/shm\",\"type\":\"tmpfs\"},{\"destination\":\"/base\",\"type\":\"bind\",\"source\":\"/b\"}],"
        "\"linux\":{\"cgroupsPath\":\"/b\",\"maskedPaths\":[\"/m\"],\"seccomp\":{\"defaultAction\":\"SCMP_ACT_LOG\"},"
        "\"intelRdt\":{\"closID\":\"x\"},\"namespaces\":[{\"type\":\"mount\"},{\"type\":\"time\"},{\"type\":\"network\",\"path\":"
        "\"/n\"}]}}");
    fixture_container(f);
    assert_json_str(f, "ociVersion", "1.1.0");
    assert_json_str(f, "hooks.prestart[0].path", "/hook");
    assert_non_null(strstr(f->out.p, "18446744073709551615"));
    assert_json_str(f, "process.env[0]", "BASE=1");
    assert_json_str(f, "process.env[1]", "LANG=C.UTF-8");
    assert_json_missing(f, "process.terminal");
    assert_json_missing(f, "process.commandLine");
    assert_json(f, "process.capabilities.effective", "[\"CAP_KILL\"]");
    assert_json_str(f, "process.apparmorProfile", "base");
    assert_json_str(f, "process.cwd", "/base");
    assert_json_str(f, "root.path", "rootfs");
    assert_json_true(f, "root.readonly");
    assert_null(fixture_mount(f, "/run/"));
    assert_string_equal(json_string_value(json_object_get(fixture_mount(f, "/dev/shm"), "type")), "bind");
    assert_non_null(fixture_mount(f, "/base"));
    assert_json_missing(f, "linux.maskedPaths");
    assert_json_str(f, "linux.seccomp.defaultAction", "SCMP_ACT_LOG");
    assert_json_str(f, "linux.intelRdt.closID", "x");
    assert_string_equal(fixture_namespace(f, "network"), "/proc/4242/ns/net");
    assert_string_equal(fixture_namespace(f, "time"), "");
    assert_json_str(f, "linux.cgroupsPath", "/kubepods/burstable/pod9f1c/ctr1");

    f->pod_security.privileged = f->ctr_security.privileged = true;
    fixture_container(f);
    assert_json_missing(f, "linux.seccomp");
    assert_json_missing(f, "process.apparmorProfile");

    static const char *const bad[] = {"null", "[]", "0", "\"\"", "{", "{}x"};
    for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
        f->policy.base_spec = view_of(bad[i]);
        assert_container_fails(f, ERR_DATA_LOSS, "the base spec of the runtime handler cannot be read");
    }
    /* Members of a wrong kind are replaced. */
    f->policy.base_spec = VIEW_LIT("{\"process\":[],\"mounts\":{},\"linux\":1,\"root\":null,\"annotations\":\"x\"}");
    fixture_container(f);
    assert_json_str(f, "root.path", "rootfs");
}

static void test_bare(void **state)
{
    struct fixture *f = *state;
    f->ctr.linux = NULL;
    f->ctr.metadata = NULL;
    f->pod.linux = NULL;
    f->pod.metadata = NULL;
    f->container.notes = NULL;
    f->container.hostname_path = f->container.hosts_path = f->container.resolv_path = f->container.shm_path = NULL;
    f->container.image_name = NULL;
    f->host.hostname = NULL;
    f->pod.hostname = (char *)"";
    fixture_container(f);
    assert_string_equal(fixture_namespace(f, "pid"), "/proc/4242/ns/pid");
    assert_json_str(f, "process.env[1]", "HOSTNAME=");
    assert_int_equal(json_array_size(fixture_at(f, "mounts")), 6);
    assert_json_str(f, "linux.cgroupsPath", "/k8s.io/ctr1");
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)
    const struct CMUnitTest tests[] = {
        T(test_defaults),
        T(test_args),
        T(test_env),
        T(test_env_many),
        T(test_cwd),
        T(test_user),
        T(test_namespaces),
        T(test_user_namespace),
        T(test_caps),
        T(test_privileged),
        T(test_devices),
        T(test_paths_as_sent),
        T(test_security_profiles),
        T(test_annotations),
        T(test_resources),
        T(test_base_spec),
        T(test_groups_limit),
        T(test_bare),
    };
    return cmocka_run_group_tests_name("oci/container", tests, NULL, NULL);
}
