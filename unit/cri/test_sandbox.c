/* SPDX-License-Identifier: Apache-2.0 */
/* Pods: run, stop, remove, status, list; order of calls, bad input, what is left. */
#include "support.h"

#include <sys/stat.h>

#include "base/fs.h"
#include "fixture.h"

static int setup(void **state)
{
    *state = fx_new(FX_INLINE);
    return 0;
}

static int teardown(void **state)
{
    fx_free(*state);
    return 0;
}

static void test_life(void **state)
{
    struct fx *f = *state;
    char id[ID_LEN + 1];
    struct fx_pod p;
    fx_pod_init(f, &p, "web");
    size_t mark = fake_calls(f->fake);
    assert_ok(fx_run(f, &p, id), &f->e);
    assert_int_equal(strlen(id), ID_LEN);
    /* The record is durable before anything is made; address and result are stored before the process runs. */
    assert_true(fx_calls_are(f, mark, (const char *const[]){"Containers/Create", "Snapshots/Prepare", "Tasks/Create", "Containers/Get",
                                                            "Containers/Update", "Tasks/Start", NULL}));
    assert_int_equal(fx_pod_state(f, id), RUNTIME__V1__POD_SANDBOX_STATE__SANDBOX_READY);
    assert_true(fx_exists(fx_path(f, f->root, "sandboxes", id, "hosts")));
    assert_true(fx_exists(fx_path(f, f->root, "sandboxes", id, "hostname")));
    assert_true(fx_exists(fx_path(f, f->root, "sandboxes", id, "resolv.conf")));
    struct fx_world w = fx_look(f);
    assert_int_equal(w.mounts, 1);
    assert_int_equal(w.live.tasks, 1);
    assert_true(fx_stores_valid(f));

    mark = fake_calls(f->fake);
    assert_ok(fx_stop_pod(f, id), &f->e);
    assert_true(fx_calls_are(f, mark, (const char *const[]){"Tasks/Kill", "Tasks/Get", "Tasks/Delete", NULL}));
    assert_int_equal(fx_pod_state(f, id), RUNTIME__V1__POD_SANDBOX_STATE__SANDBOX_NOTREADY);
    w = fx_look(f);
    assert_int_equal(w.mounts, 0);
    assert_int_equal(w.live.tasks, 0);
    mark = fake_calls(f->fake);
    assert_ok(fx_stop_pod(f, id), &f->e); /* again: nothing is done twice */
    assert_true(fx_calls_are(f, mark, (const char *const[]){NULL}));

    mark = fake_calls(f->fake);
    assert_ok(fx_remove_pod(f, id), &f->e);
    assert_true(fx_calls_are(f, mark, (const char *const[]){"Containers/Delete", "Snapshots/Remove", NULL}));
    assert_int_equal(fx_pod_state(f, id), -1);
    assert_true(fx_nothing_left(f));
    assert_ok(fx_remove_pod(f, id), &f->e);
    assert_ok(fx_stop_pod(f, id), &f->e);
}


static void assert_refused(struct fx *f, struct fx_pod *p, enum err_code code, const char *text)
{
    size_t mark = fake_calls(f->fake);
    assert_fails(fx_run(f, p, NULL), &f->e, code, text);
    assert_int_equal(fake_calls(f->fake), mark); /* refused before containerd was asked for anything */
    assert_true(fx_nothing_left(f));
}

static void test_bad_requests(void **state)
{
    struct fx *f = *state;
    struct fx_pod p;
    fx_pod_init(f, &p, "web");
    p.request.config = NULL;
    assert_refused(f, &p, ERR_INVALID_ARGUMENT, "config is missing");
    fx_pod_init(f, &p, "web");
    p.config.metadata = NULL;
    assert_refused(f, &p, ERR_INVALID_ARGUMENT, "config.metadata is missing");
    fx_pod_init(f, &p, "web");
    p.metadata.name = (char *)"";
    assert_refused(f, &p, ERR_INVALID_ARGUMENT, "config.metadata.name is empty");
    fx_pod_init(f, &p, "web");
    p.metadata.uid = (char *)"";
    assert_refused(f, &p, ERR_INVALID_ARGUMENT, "config.metadata.uid is empty");
    fx_pod_init(f, &p, "web");
    p.metadata.namespace_ = (char *)"";
    assert_refused(f, &p, ERR_INVALID_ARGUMENT, "config.metadata.namespace is empty");
    fx_pod_init(f, &p, "web");
    p.config.log_directory = (char *)"relative/logs";
    assert_refused(f, &p, ERR_INVALID_ARGUMENT, "config.log_directory \"relative/logs\" is not absolute");
    fx_pod_init(f, &p, "web");
    p.request.runtime_handler = (char *)"kata";
    assert_refused(f, &p, ERR_INVALID_ARGUMENT, "runtime_handler \"kata\" is not configured");
    fx_pod_init(f, &p, "web");
    p.config.linux = &p.linux_config;
    p.linux_config.security_context = &p.security;
    Runtime__V1__SecurityProfile profile = RUNTIME__V1__SECURITY_PROFILE__INIT;
    profile.profile_type = RUNTIME__V1__SECURITY_PROFILE__PROFILE_TYPE__Localhost;
    p.security.seccomp = &profile;
    assert_refused(f, &p, ERR_FAILED_PRECONDITION, "seccomp is not supported by this kernel");
    f->service.host.seccomp = true;
    assert_refused(f, &p, ERR_INVALID_ARGUMENT, "security_context.seccomp: profile \"\" is no absolute path");
    p.security.seccomp = NULL;
    p.security.apparmor = &profile;
    assert_refused(f, &p, ERR_FAILED_PRECONDITION, "AppArmor is not supported by this kernel");
    f->service.host.apparmor = true;
    assert_refused(f, &p, ERR_UNIMPLEMENTED, "security_context.apparmor: only Unconfined is served");
}

static void test_handler_runc(void **state)
{
    struct fx *f = *state;
    struct fx_pod p;
    fx_pod_init(f, &p, "web");
    p.request.runtime_handler = (char *)"runc";
    assert_ok(fx_run(f, &p, NULL), &f->e);
    fx_remove_all(f);
    assert_true(fx_nothing_left(f));
}

/* A pod on the host's network and IPC has neither a network nor a mount of its own, and needs no CNI configuration. */
static void test_host_namespaces(void **state)
{
    struct fx *f = *state;
    struct fx_pod p;
    struct err e = ERR_INIT;
    char id[ID_LEN + 1];
    assert_ok(fs_remove_all(f->conf, &e), &e);
    fx_pod_init(f, &p, "web");
    assert_fails(fx_run(f, &p, id), &f->e, ERR_FAILED_PRECONDITION, "cni");
    assert_true(fx_nothing_left(f));
    p.config.linux = &p.linux_config;
    p.linux_config.security_context = &p.security;
    p.security.namespace_options = &p.namespaces;
    p.namespaces.network = p.namespaces.ipc = RUNTIME__V1__NAMESPACE_MODE__NODE;
    size_t mark = fake_calls(f->fake);
    assert_ok(fx_run(f, &p, id), &f->e);
    assert_true(fx_calls_are(f, mark, (const char *const[]){"Containers/Create", "Snapshots/Prepare", "Tasks/Create", "Containers/Get",
                                                            "Tasks/Start", NULL}));
    assert_int_equal(fx_look(f).mounts, 0);
    for (size_t i = 0; i < f->n_host_calls; i++)
        assert_string_not_equal(f->host_calls[i], "ADD");
    fx_remove_all(f);
    assert_true(fx_nothing_left(f));
}

/* Every part of the host fails once: rollback is whole, and the same call works afterwards. */
static void test_host_failures(void **state)
{
    static const enum fx_host parts[] = {FX_NETNS_CREATE, FX_SHM_MOUNT, FX_CNI_ADD};
    struct fx *f = *state;
    for (size_t i = 0; i < ARRAY_SIZE(parts); i++) {
        struct fx_pod p;
        fx_pod_init(f, &p, "web");
        f->fails[parts[i]] = ERR_PERMISSION_DENIED;
        assert_true(fx_run(f, &p, NULL) < 0);
        assert_true(f->e.message[0]);
        f->fails[parts[i]] = ERR_OK;
        assert_true(fx_nothing_left(f));
        assert_ok(fx_run(f, &p, NULL), &f->e);
        fx_remove_all(f);
        assert_true(fx_nothing_left(f));
    }
}

/* A DEL that fails keeps the pod; the next stop tries it again. */
static void test_stop_after_failed_del(void **state)
{
    struct fx *f = *state;
    char id[ID_LEN + 1];
    fx_must_run(f, "web", id);
    f->fails[FX_CNI_DEL] = ERR_INTERNAL;
    assert_fails(fx_stop_pod(f, id), &f->e, ERR_UNKNOWN, id);
    assert_true(fx_remove_pod(f, id) < 0);
    assert_int_not_equal(fx_pod_state(f, id), -1);
    f->fails[FX_CNI_DEL] = ERR_OK;
    assert_ok(fx_stop_pod(f, id), &f->e);
    assert_ok(fx_remove_pod(f, id), &f->e);
    assert_true(fx_nothing_left(f));
}

static void test_existing(void **state)
{
    struct fx *f = *state;
    struct fx_pod p;
    char id[ID_LEN + 1], again[ID_LEN + 1];
    fx_pod_init(f, &p, "web");
    assert_ok(fx_run(f, &p, id), &f->e);
    size_t mark = fake_calls(f->fake);
    assert_ok(fx_run(f, &p, again), &f->e); /* an equal request gets the pod that is there */
    assert_string_equal(id, again);
    assert_int_equal(fake_calls(f->fake), mark);
    p.config.hostname = (char *)"other";
    assert_fails(fx_run(f, &p, again), &f->e, ERR_ALREADY_EXISTS, "web_default_uid-web_0");
    assert_fails(fx_run(f, &p, again), &f->e, ERR_ALREADY_EXISTS, id);
    fx_pod_init(f, &p, "web");
    p.metadata.attempt = 1; /* another name */
    assert_ok(fx_run(f, &p, again), &f->e);
    assert_string_not_equal(id, again);
    assert_ok(fx_stop_pod(f, id), &f->e);
    p.metadata.attempt = 0; /* one that has stopped is no answer */
    assert_fails(fx_run(f, &p, again), &f->e, ERR_ALREADY_EXISTS, "has stopped");
    assert_ok(fx_remove_pod(f, id), &f->e);
    assert_ok(fx_run(f, &p, again), &f->e);
    fx_remove_all(f);
    assert_true(fx_nothing_left(f));
}

/* Stop and remove take what is in the pod along. */
static void test_remove_with_containers(void **state)
{
    struct fx *f = *state;
    char id[ID_LEN + 1], a[ID_LEN + 1], b[ID_LEN + 1], c[ID_LEN + 1];
    fx_must_run(f, "web", id);
    fx_must_run_container(f, id, "web", "a", a);
    fx_must_run_container(f, id, "web", "b", b);
    fx_must_create(f, id, "web", "c", c);
    assert_true(fx_stores_valid(f));
    assert_ok(fx_stop_pod(f, id), &f->e);
    assert_int_equal(fx_container_status(f, a).state, RUNTIME__V1__CONTAINER_STATE__CONTAINER_EXITED);
    assert_int_equal(fx_container_status(f, a).exit_code, 137);
    assert_int_equal(fx_container_status(f, c).state, RUNTIME__V1__CONTAINER_STATE__CONTAINER_CREATED);
    assert_true(fx_stores_valid(f));
    assert_ok(fx_remove_pod(f, id), &f->e);
    assert_true(fx_nothing_left(f));
}

static void test_status(void **state)
{
    struct fx *f = *state;
    struct fx_pod p;
    struct fx_call c;
    char id[ID_LEN + 1];
    fx_pod_init(f, &p, "web");
    Runtime__V1__PodSandboxConfig__LabelsEntry label = RUNTIME__V1__POD_SANDBOX_CONFIG__LABELS_ENTRY__INIT, *labels[] = {&label};
    label.key = (char *)"app";
    label.value = (char *)"web";
    p.config.labels = labels;
    p.config.n_labels = 1;
    assert_ok(fx_run(f, &p, id), &f->e);
    Runtime__V1__PodSandboxStatusRequest q = RUNTIME__V1__POD_SANDBOX_STATUS_REQUEST__INIT;
    char prefix[13] = "";
    memcpy(prefix, id, 12);
    q.pod_sandbox_id = prefix; /* a unique prefix will do */
    q.verbose = true;
    fx_call_init(f, &c, CRI_METHOD_POD_SANDBOX_STATUS, &q);
    assert_ok(fx_call_run(f, &c), &c.e);
    const Runtime__V1__PodSandboxStatusResponse *r = (const Runtime__V1__PodSandboxStatusResponse *)c.response;
    assert_string_equal(r->status->id, id);
    assert_string_equal(r->status->metadata->name, "web");
    assert_string_equal(r->status->network->ip, FX_IP);
    assert_int_equal(r->status->network->n_additional_ips, 1);
    assert_string_equal(r->status->network->additional_ips[0]->ip, "fd00::5");
    assert_int_equal(r->status->n_labels, 1);
    assert_string_equal(r->status->labels[0]->key, "app");
    assert_true(r->status->created_at > 0);
    assert_int_equal(r->n_info, 1);
    assert_string_equal(r->info[0]->key, "info");
    assert_non_null(strstr(r->info[0]->value, "\"processStatus\":\"running\""));
    fx_call_done(&c);
    q.pod_sandbox_id = (char *)"nothing";
    assert_fails(fx_rpc(f, CRI_METHOD_POD_SANDBOX_STATUS, &q), &f->e, ERR_NOT_FOUND, "nothing");
    q.pod_sandbox_id = (char *)"";
    assert_true(fx_rpc(f, CRI_METHOD_POD_SANDBOX_STATUS, &q) < 0);
}

static size_t list(struct fx *f, Runtime__V1__PodSandboxFilter *filter)
{
    Runtime__V1__ListPodSandboxRequest q = RUNTIME__V1__LIST_POD_SANDBOX_REQUEST__INIT;
    struct fx_call c;
    q.filter = filter;
    fx_call_init(f, &c, CRI_METHOD_LIST_POD_SANDBOX, &q);
    assert_ok(fx_call_run(f, &c), &c.e);
    size_t n = ((Runtime__V1__ListPodSandboxResponse *)c.response)->n_items;
    fx_call_done(&c);
    return n;
}

static void test_list(void **state)
{
    struct fx *f = *state;
    char a[ID_LEN + 1], b[ID_LEN + 1];
    assert_int_equal(list(f, NULL), 0);
    fx_must_run(f, "a", a);
    fx_must_run(f, "b", b);
    assert_ok(fx_stop_pod(f, b), &f->e);
    assert_int_equal(list(f, NULL), 2);
    Runtime__V1__PodSandboxFilter filter = RUNTIME__V1__POD_SANDBOX_FILTER__INIT;
    Runtime__V1__PodSandboxStateValue ready = RUNTIME__V1__POD_SANDBOX_STATE_VALUE__INIT;
    assert_int_equal(list(f, &filter), 2);
    filter.state = &ready;
    assert_int_equal(list(f, &filter), 1);
    ready.state = RUNTIME__V1__POD_SANDBOX_STATE__SANDBOX_NOTREADY;
    assert_int_equal(list(f, &filter), 1);
    filter.id = a;
    assert_int_equal(list(f, &filter), 0);
    filter.state = NULL;
    assert_int_equal(list(f, &filter), 1);
    a[8] = '\0';
    assert_int_equal(list(f, &filter), 1);
    filter.id = (char *)"not-hex";
    assert_int_equal(list(f, &filter), 0);
    Runtime__V1__PodSandboxFilter__LabelSelectorEntry selector = RUNTIME__V1__POD_SANDBOX_FILTER__LABEL_SELECTOR_ENTRY__INIT, *selectors[] = {&selector};
    selector.key = (char *)"app";
    selector.value = (char *)"none";
    filter.id = (char *)"";
    filter.label_selector = selectors;
    filter.n_label_selector = 1;
    assert_int_equal(list(f, &filter), 0);
}

/* Directories hold what is nobody's business but root's. */
static void test_modes(void **state)
{
    struct fx *f = *state;
    char id[ID_LEN + 1], c[ID_LEN + 1];
    struct stat st;
    fx_must_run(f, "web", id);
    fx_must_create(f, id, "web", "a", c);
    assert_int_equal(stat(fx_path(f, f->root, "sandboxes", id, NULL), &st), 0);
    assert_int_equal(st.st_mode & 07777, 0700);
    assert_int_equal(stat(fx_path(f, f->state, "sandboxes", id, NULL), &st), 0);
    assert_int_equal(st.st_mode & 07777, 0700);
    assert_int_equal(stat(fx_path(f, f->root, "containers", c, "status"), &st), 0);
    assert_int_equal(st.st_mode & 07777, 0600);
    assert_int_equal(stat(fx_path(f, f->state, "containers", c, "io"), &st), 0);
    assert_int_equal(st.st_mode & 07777, 0700);
}

/* The daemon is stopping: the work that outlives clients is given up and undone. */
static void test_stopping(void **state)
{
    struct fx *f = *state;
    struct fx_pod p;
    fx_pod_init(f, &p, "web");
    cancel_fire(&f->service.stopping);
    assert_fails(fx_run(f, &p, NULL), &f->e, ERR_CANCELLED, "");
    assert_true(fx_nothing_left(f));
}

/* What the pause process does by itself shows. */
static void test_pause_dies(void **state)
{
    struct fx *f = *state;
    char id[ID_LEN + 1];
    fx_must_run(f, "web", id);
    fx_events(f);
    assert_true(fake_task_exit(f->fake, id, 1));
    fx_events(f);
    assert_int_equal(fx_pod_state(f, id), RUNTIME__V1__POD_SANDBOX_STATE__SANDBOX_NOTREADY);
    assert_int_equal(fake_live(f->fake).tasks, 0);
    fx_remove_all(f);
    assert_true(fx_nothing_left(f));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_life, setup, teardown),
        cmocka_unit_test_setup_teardown(test_bad_requests, setup, teardown),
        cmocka_unit_test_setup_teardown(test_handler_runc, setup, teardown),
        cmocka_unit_test_setup_teardown(test_host_namespaces, setup, teardown),
        cmocka_unit_test_setup_teardown(test_host_failures, setup, teardown),
        cmocka_unit_test_setup_teardown(test_stop_after_failed_del, setup, teardown),
        cmocka_unit_test_setup_teardown(test_existing, setup, teardown),
        cmocka_unit_test_setup_teardown(test_remove_with_containers, setup, teardown),
        cmocka_unit_test_setup_teardown(test_status, setup, teardown),
        cmocka_unit_test_setup_teardown(test_list, setup, teardown),
        cmocka_unit_test_setup_teardown(test_modes, setup, teardown),
        cmocka_unit_test_setup_teardown(test_stopping, setup, teardown),
        cmocka_unit_test_setup_teardown(test_pause_dies, setup, teardown),
    };
    return cmocka_run_group_tests_name("cri/sandbox", tests, NULL, NULL);
}
