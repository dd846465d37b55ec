/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Mounts of an application container: defaults, order, propagation, read-only, labels, the pod's files, volumes of the image.
 */
#include "fixture.h"

enum { MOUNTS_MAX = 8 };

struct mounts {
    Runtime__V1__Mount m[MOUNTS_MAX], *list[MOUNTS_MAX];
    struct oci_mount_source facts[MOUNTS_MAX];
};

static struct mounts mounts;

static Runtime__V1__Mount *add_mount(struct fixture *f, const char *container_path, const char *host_path)
{
    size_t i = f->ctr.n_mounts++;
    runtime__v1__mount__init(&mounts.m[i]);
    mounts.m[i].container_path = (char *)(uintptr_t)container_path;
    mounts.m[i].host_path = (char *)(uintptr_t)host_path;
    mounts.facts[i] = (struct oci_mount_source){0};
    mounts.list[i] = &mounts.m[i];
    f->ctr.mounts = mounts.list;
    f->container.mounts = mounts.facts;
    return &mounts.m[i];
}

static const char *destination(struct fixture *f, size_t i)
{
    return json_string_value(json_object_get(json_array_get(json_object_get(f->json, "mounts"), i), "destination"));
}

static bool has_option(struct fixture *f, const char *target, const char *o)
{
    return fixture_list_has(json_object_get(fixture_mount(f, target), "options"), o);
}

static void test_defaults(void **state)
{
    static const char *const want[] = {"/proc",          "/dev",          "/dev/pts",   "/dev/mqueue",      "/sys",
                                       "/sys/fs/cgroup", "/etc/hostname", "/etc/hosts", "/etc/resolv.conf", "/dev/shm"};
    struct fixture *f = *state;
    fixture_container(f);
    assert_int_equal(json_array_size(fixture_at(f, "mounts")), ARRAY_SIZE(want));
    for (size_t i = 0; i < ARRAY_SIZE(want); i++)
        assert_string_equal(destination(f, i), want[i]);
    assert_json(
        f, "mounts[0]",
        "{\"destination\":\"/proc\",\"type\":\"proc\",\"source\":\"proc\",\"options\":[\"nosuid\",\"noexec\",\"nodev\"]}");
    assert_json(f, "mounts[1].options", "[\"nosuid\",\"strictatime\",\"mode=755\",\"size=65536k\"]");
    assert_json(f, "mounts[2].options", "[\"nosuid\",\"noexec\",\"newinstance\",\"ptmxmode=0666\",\"mode=0620\",\"gid=5\"]");
    assert_json(f, "mounts[5]",
                "{\"destination\":\"/sys/fs/cgroup\",\"type\":\"cgroup\",\"source\":\"cgroup\","
                "\"options\":[\"nosuid\",\"noexec\",\"nodev\",\"relatime\",\"ro\"]}");
    assert_json(f, "mounts[7]",
                "{\"destination\":\"/etc/hosts\",\"type\":\"bind\",\"source\":\"/root/sandboxes/pod1/hosts\","
                "\"options\":[\"rbind\",\"rprivate\",\"rw\"]}");
}

static void test_pod_files(void **state)
{
    struct fixture *f = *state;
    f->ctr_security.readonly_rootfs = true;
    f->ctr_ns.ipc = RUNTIME__V1__NAMESPACE_MODE__NODE;
    add_mount(f, "/etc//hosts/", "/var/lib/kubelet/pods/1/etc-hosts");
    fixture_container(f);
    assert_true(has_option(f, "/etc/hostname", "ro"));
    assert_true(has_option(f, "/etc/hosts", "rw")); /* kubelet's own */
    assert_string_equal(json_string_value(json_object_get(fixture_mount(f, "/etc/hosts"), "source")),
                        "/var/lib/kubelet/pods/1/etc-hosts");
    assert_string_equal(json_string_value(json_object_get(fixture_mount(f, "/dev/shm"), "source")), "/dev/shm");
    assert_true(has_option(f, "/dev/shm", "rw"));
}

static void test_order_and_overriding(void **state)
{
    struct fixture *f = *state;
    add_mount(f, "/a/b/c", "/h1");
    add_mount(f, "/a", "/h2");
    add_mount(f, "/a/b/", "/h3");
    add_mount(f, "/z", "/h4");
    add_mount(f, "/dev", "/dev");
    add_mount(f, "/sys", "/sys");
    fixture_container(f);
    static const char *const want[] = {
        "/proc",      "/sys/fs/cgroup",   "/a",       "/z",    "/dev", "/sys", "/a/b", "/etc/hostname",
        "/etc/hosts", "/etc/resolv.conf", "/dev/shm", "/a/b/c"};
    assert_int_equal(json_array_size(fixture_at(f, "mounts")), ARRAY_SIZE(want));
    for (size_t i = 0; i < ARRAY_SIZE(want); i++)
        assert_string_equal(destination(f, i), want[i]);
}

/* Of two mounts at one place the later one is seen, so it is the one that is made. */
static void test_same_target(void **state)
{
    struct fixture *f = *state;
    add_mount(f, "/data", "/h1");
    add_mount(f, "/data/", "/h2");
    fixture_container(f);
    assert_string_equal(json_string_value(json_object_get(fixture_mount(f, "/data"), "source")), "/h2");
    assert_int_equal(f->notes.warnings.n, 1);
    assert_non_null(strstr(f->notes.warnings.v[0], "config.mounts[1] hides an earlier mount"));
}

static void test_propagation(void **state)
{
    struct fixture *f = *state;
    Runtime__V1__Mount *m = add_mount(f, "/data", "/h1"), *n = add_mount(f, "/more", "/h2");
    mounts.facts[0].mount_point = "/mnt";
    m->propagation = RUNTIME__V1__MOUNT_PROPAGATION__PROPAGATION_HOST_TO_CONTAINER;
    assert_container_fails(f, ERR_FAILED_PRECONDITION,
                           "config.mounts[0]: path \"/h1\" is mounted on \"/mnt\" but it is not a shared or slave mount");
    mounts.facts[0].peer = OCI_PEER_SLAVE;
    fixture_container(f);
    assert_true(has_option(f, "/data", "rslave"));
    assert_true(has_option(f, "/more", "rprivate"));
    assert_json_str(f, "linux.rootfsPropagation", "rslave");
    m->propagation = RUNTIME__V1__MOUNT_PROPAGATION__PROPAGATION_BIDIRECTIONAL;
    assert_container_fails(f, ERR_FAILED_PRECONDITION, "but it is not a shared mount");
    mounts.facts[0].peer = mounts.facts[1].peer = OCI_PEER_SHARED;
    n->propagation = RUNTIME__V1__MOUNT_PROPAGATION__PROPAGATION_HOST_TO_CONTAINER;
    fixture_container(f);
    assert_true(has_option(f, "/data", "rshared"));
    assert_true(has_option(f, "/more", "rslave"));
    assert_json_str(f, "linux.rootfsPropagation", "rshared"); /* the wider one stays */
    m->propagation = (Runtime__V1__MountPropagation)3;
    assert_container_fails(f, ERR_INVALID_ARGUMENT, "config.mounts[0].propagation has the unknown value 3");
}

static void test_read_only(void **state)
{
    struct fixture *f = *state;
    Runtime__V1__Mount *m = add_mount(f, "/data", "/h1");
    m->recursive_read_only = true;
    assert_container_fails(f, ERR_INVALID_ARGUMENT, "config.mounts[0].recursive_read_only needs readonly");
    m->readonly = true;
    assert_container_fails(f, ERR_FAILED_PRECONDITION, "RROUnsupported: config.mounts[0]");
    f->policy.recursive_read_only_mounts = true;
    mounts.facts[0].peer = OCI_PEER_SHARED;
    m->propagation = RUNTIME__V1__MOUNT_PROPAGATION__PROPAGATION_HOST_TO_CONTAINER;
    assert_container_fails(f, ERR_INVALID_ARGUMENT, "recursive_read_only needs private propagation");
    m->propagation = RUNTIME__V1__MOUNT_PROPAGATION__PROPAGATION_PRIVATE;
    fixture_container(f);
    assert_json(f, "mounts[6].options", "[\"rbind\",\"rprivate\",\"rro\"]");
    m->recursive_read_only = false;
    fixture_container(f);
    assert_json(f, "mounts[6].options", "[\"rbind\",\"rprivate\",\"ro\"]");
}

static void test_id_mappings(void **state)
{
    struct fixture *f = *state;
    Runtime__V1__IDMapping *one[] = {&f->uid_mapping};
    Runtime__V1__Mount *m = add_mount(f, "/data", "/h1");
    f->uid_mapping.container_id = 1;
    f->uid_mapping.host_id = UINT32_MAX;
    f->uid_mapping.length = 3;
    m->uidmappings = m->gidmappings = one;
    m->n_uidmappings = m->n_gidmappings = 1;
    fixture_container(f);
    assert_json(f, "mounts[6].uidMappings", "[{\"containerID\":1,\"hostID\":4294967295,\"size\":3}]");
    assert_json(f, "mounts[6].gidMappings", "[{\"containerID\":1,\"hostID\":4294967295,\"size\":3}]");
}

static void test_resolved_source(void **state)
{
    struct fixture *f = *state;
    Runtime__V1__ImageSpec image;
    runtime__v1__image_spec__init(&image);
    add_mount(f, "/data", "/link");
    Runtime__V1__Mount *m = add_mount(f, "/img", "");
    m->image = &image;
    mounts.facts[0].source = "/target";
    assert_container_fails(f, ERR_INVALID_ARGUMENT, "config.mounts[1].host_path is empty");
    mounts.facts[1].source = "/state/image-volumes/pod1/abc";
    fixture_container(f);
    assert_json_str(f, "mounts[6].source", "/target");
    assert_string_equal(json_string_value(json_object_get(fixture_mount(f, "/img"), "source")), "/state/image-volumes/pod1/abc");
    f->container.mounts = NULL;
    m->host_path = (char *)"rel";
    assert_container_fails(f, ERR_INVALID_ARGUMENT, "config.mounts[1].host_path \"rel\" is not an absolute path");
}

static void test_bad_targets(void **state)
{
    struct fixture *f = *state;
    Runtime__V1__Mount *m = add_mount(f, "", "/h");
    assert_container_fails(f, ERR_INVALID_ARGUMENT, "config.mounts[0].container_path \"\" is not an absolute path");
    m->container_path = (char *)"data";
    assert_container_fails(f, ERR_INVALID_ARGUMENT, "config.mounts[0].container_path \"data\"");
    m->container_path = (char *)"/a/../..//";
    assert_container_fails(f, ERR_INVALID_ARGUMENT, "config.mounts[0].container_path is the root of the container");
    m->container_path = (char *)"/a/../b";
    fixture_container(f);
    assert_non_null(fixture_mount(f, "/b"));
}

/* CVE-2021-43816: what is mounted at /etc/hosts inside must not make the host's file relabelled, nor any system path. */
static void test_cve_2021_43816_relabel(void **state)
{
    struct fixture *f = *state;
    Runtime__V1__Mount *m = add_mount(f, "/etc/hosts", "/etc/hosts");
    f->container.mount_label = "system_u:object_r:container_file_t:s0:c1,c2";
    fixture_container(f);
    assert_false(strlist_has(&f->notes.relabel, "/etc/hosts"));
    assert_true(strlist_has(&f->notes.relabel, "/root/sandboxes/pod1/resolv.conf"));
    assert_true(strlist_has(&f->notes.relabel, "/root/sandboxes/pod1/hostname"));
    assert_true(strlist_has(&f->notes.relabel, "/state/sandboxes/pod1/shm"));
    m->selinux_relabel = true;
    assert_container_fails(f, ERR_INVALID_ARGUMENT, "config.mounts[0].selinux_relabel: \"/etc/hosts\" must keep its label");
    mounts.facts[0].source = "/usr/";
    assert_container_fails(f, ERR_INVALID_ARGUMENT, "\"/usr\" must keep its label");
    mounts.facts[0].source = "/var/lib/kubelet/pods/1/etc-hosts";
    f->notes = (struct oci_notes){0};
    fixture_container(f);
    assert_true(strlist_has(&f->notes.relabel, "/var/lib/kubelet/pods/1/etc-hosts"));
    f->notes = (struct oci_notes){0};
    f->container.mount_label = "";
    fixture_container(f);
    assert_int_equal(f->notes.relabel.n, 0);
}

static void test_host_ipc_shm_keeps_its_label(void **state)
{
    struct fixture *f = *state;
    f->container.mount_label = "a:b:c:s0";
    f->ctr_ns.ipc = RUNTIME__V1__NAMESPACE_MODE__NODE;
    fixture_container(f);
    assert_false(strlist_has(&f->notes.relabel, "/dev/shm"));
}

static void test_volumes(void **state)
{
    struct fixture *f = *state;
    struct oci_bind v[] = {
        {.source = "/vol/1", .destination = "/cache", .relabel = true},
        {.source = "/vol/2", .destination = "data"},
        {.source = "/vol/3", .destination = "/etc/hosts/"},
        {.source = "/vol/4", .destination = "/cache"},
    };
    f->container.mount_label = "a:b:c:s0";
    f->container.volumes = v;
    f->container.n_volumes = ARRAY_SIZE(v);
    add_mount(f, "/data", "/h1");
    fixture_container(f);
    assert_string_equal(json_string_value(json_object_get(fixture_mount(f, "/cache"), "source")), "/vol/1");
    assert_string_equal(json_string_value(json_object_get(fixture_mount(f, "/data"), "source")), "/h1");
    assert_string_equal(json_string_value(json_object_get(fixture_mount(f, "/etc/hosts"), "source")),
                        "/root/sandboxes/pod1/hosts");
    assert_true(strlist_has(&f->notes.relabel, "/vol/1"));
    v[1].destination = "/..";
    assert_container_fails(f, ERR_INVALID_ARGUMENT, "the image's volume \"/..\" is the root of the container");
}

static void test_cgroup2(void **state)
{
    struct fixture *f = *state;
    f->host.cgroup_mode = OCI_CGROUP_V2;
    f->host.cgroup2_nsdelegate = f->host.cgroup2_recursiveprot = true;
    fixture_container(f);
    assert_json(f, "mounts[5].options", "[\"nosuid\",\"noexec\",\"nodev\",\"relatime\",\"ro\"]");
    f->policy.cgroup_writable = true;
    fixture_container(f);
    assert_json(f, "mounts[5].options", "[\"nosuid\",\"noexec\",\"nodev\",\"relatime\",\"rw\"]");
    f->policy.cgroup_writable = false;
    f->ctr_security.privileged = f->pod_security.privileged = true;
    fixture_container(f);
    assert_json(f, "mounts[5].options",
                "[\"nosuid\",\"noexec\",\"nodev\",\"relatime\",\"rw\",\"nsdelegate\",\"memory_recursiveprot\"]");
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)
    const struct CMUnitTest tests[] = {
        T(test_defaults),
        T(test_pod_files),
        T(test_order_and_overriding),
        T(test_same_target),
        T(test_propagation),
        T(test_read_only),
        T(test_id_mappings),
        T(test_resolved_source),
        T(test_bad_targets),
        T(test_cve_2021_43816_relabel),
        T(test_host_ipc_shm_keeps_its_label),
        T(test_volumes),
        T(test_cgroup2),
    };
    return cmocka_run_group_tests_name("oci/mounts", tests, NULL, NULL);
}
