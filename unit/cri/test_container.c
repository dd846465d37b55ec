/* SPDX-License-Identifier: Apache-2.0 */
/* Containers: create, start, stop, remove, status, list; exits and their reasons; the stop signal. */
#include "support.h"

#include "base/fs.h"
#include "fixture.h"

#define CREATED RUNTIME__V1__CONTAINER_STATE__CONTAINER_CREATED
#define RUNNING RUNTIME__V1__CONTAINER_STATE__CONTAINER_RUNNING
#define EXITED RUNTIME__V1__CONTAINER_STATE__CONTAINER_EXITED

static char pod[ID_LEN + 1];

static int setup(void **state)
{
    struct fx *f = fx_new(FX_INLINE);
    fx_must_run(f, "web", pod);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    fx_free(*state);
    return 0;
}

static void init(struct fx *f, struct fx_container *c, struct fx_pod *p, const char *name)
{
    fx_pod_init(f, p, "web");
    fx_container_init(c, pod, p, name);
}

static void test_life(void **state)
{
    struct fx *f = *state;
    struct fx_pod p;
    struct fx_container c;
    char id[ID_LEN + 1], second[ID_LEN + 1];
    init(f, &c, &p, "a");
    size_t mark = fake_calls(f->fake);
    assert_ok(fx_create(f, &c, id), &f->e);
    /* The first container of an image looks up its user; then record before snapshot, so that no lease is needed. */
    assert_true(fx_calls_are(f, mark, (const char *const[]){"Snapshots/View", "Snapshots/Remove", "Containers/Create", "Snapshots/Prepare", NULL}));
    mark = fake_calls(f->fake);
    fx_must_create(f, pod, "web", "b", second);
    assert_true(fx_calls_are(f, mark, (const char *const[]){"Containers/Create", "Snapshots/Prepare", NULL}));
    struct fx_status s = fx_container_status(f, id);
    assert_int_equal(s.state, CREATED);
    assert_true(s.created_at > 0 && s.started_at == 0 && s.finished_at == 0);

    mark = fake_calls(f->fake);
    assert_ok(fx_start_container(f, id), &f->e);
    assert_true(fx_calls_are(f, mark, (const char *const[]){"Snapshots/Mounts", "Tasks/Create", "Tasks/Start", NULL}));
    s = fx_container_status(f, id);
    assert_int_equal(s.state, RUNNING);
    assert_true(s.started_at >= s.created_at && s.finished_at == 0);
    assert_fails(fx_start_container(f, id), &f->e, ERR_FAILED_PRECONDITION, "CONTAINER_RUNNING");

    mark = fake_calls(f->fake);
    assert_ok(fx_stop_container(f, id, 10), &f->e);
    assert_true(fx_calls_are(f, mark, (const char *const[]){"Tasks/Kill", "Tasks/Get", "Tasks/Delete", NULL}));
    s = fx_container_status(f, id);
    assert_int_equal(s.state, EXITED);
    assert_int_equal(s.exit_code, 128 + 15);
    assert_string_equal(s.reason, "Error");
    assert_true(s.finished_at >= s.started_at);
    mark = fake_calls(f->fake);
    assert_ok(fx_stop_container(f, id, 10), &f->e);
    assert_int_equal(fake_calls(f->fake), mark);
    assert_fails(fx_start_container(f, id), &f->e, ERR_FAILED_PRECONDITION, "CONTAINER_EXITED");

    mark = fake_calls(f->fake);
    assert_ok(fx_remove_container(f, id), &f->e);
    assert_true(fx_calls_are(f, mark, (const char *const[]){"Containers/Delete", "Snapshots/Remove", NULL}));
    assert_int_equal(fx_container_status(f, id).state, -1);
    assert_ok(fx_remove_container(f, id), &f->e);
    assert_ok(fx_stop_container(f, id, 0), &f->e);
    assert_fails(fx_start_container(f, id), &f->e, ERR_NOT_FOUND, id);
    assert_false(fx_exists(fx_path(f, f->root, "containers", id, NULL)));
    assert_false(fx_exists(fx_path(f, f->state, "containers", id, NULL)));
    assert_true(fx_stores_valid(f));
    fx_remove_all(f);
    assert_true(fx_nothing_left(f));
}

static void assert_refused(struct fx *f, struct fx_container *c, enum err_code code, const char *text)
{
    struct fx_world before = fx_look(f);
    assert_fails(fx_create(f, c, NULL), &f->e, code, text);
    struct fx_world after = fx_look(f);
    assert_true(fx_same(&before, &after));
}

static void test_bad_requests(void **state)
{
    struct fx *f = *state;
    struct fx_pod p;
    struct fx_container c;
    init(f, &c, &p, "a");
    c.request.config = NULL;
    assert_refused(f, &c, ERR_INVALID_ARGUMENT, "config is missing");
    init(f, &c, &p, "a");
    c.config.metadata = NULL;
    assert_refused(f, &c, ERR_INVALID_ARGUMENT, "config.metadata is missing");
    init(f, &c, &p, "");
    assert_refused(f, &c, ERR_INVALID_ARGUMENT, "config.metadata.name is empty");
    init(f, &c, &p, "a");
    c.config.image = NULL;
    assert_refused(f, &c, ERR_INVALID_ARGUMENT, "config.image is missing");
    init(f, &c, &p, "a");
    c.image.image = (char *)"registry.example/none:1";
    assert_refused(f, &c, ERR_NOT_FOUND, "registry.example/none:1");
    init(f, &c, &p, "a");
    c.request.pod_sandbox_id = (char *)"0123456789";
    assert_refused(f, &c, ERR_NOT_FOUND, "0123456789");
    static const char *const paths[] = {"/etc/shadow", "../x", "a/../../x", ".."};
    for (size_t i = 0; i < ARRAY_SIZE(paths); i++) {
        init(f, &c, &p, "a");
        c.config.log_path = (char *)paths[i];
        assert_refused(f, &c, ERR_INVALID_ARGUMENT, "log_path");
    }
    init(f, &c, &p, "a");
    c.config.linux = &c.linux_config;
    c.linux_config.security_context = &c.security;
    c.security.privileged = true;
    assert_refused(f, &c, ERR_PERMISSION_DENIED, "privileged");
    c.security.privileged = false;
    c.security.run_as_username = (char *)"nobody-here";
    assert_refused(f, &c, ERR_NOT_FOUND, "nobody-here");
    c.security.run_as_username = (char *)"";
    Runtime__V1__Int64Value gid = RUNTIME__V1__INT64_VALUE__INIT;
    gid.value = 5;
    c.security.run_as_group = &gid;
    assert_refused(f, &c, ERR_INVALID_ARGUMENT, "run_as_group");
    c.security.run_as_user = &gid;
    gid.value = -1;
    assert_refused(f, &c, ERR_INVALID_ARGUMENT, "run_as_user");
    gid.value = INT64_C(1) << 31;
    assert_refused(f, &c, ERR_INVALID_ARGUMENT, "run_as_user");
    c.security.run_as_user = c.security.run_as_group = NULL;
    c.security.namespace_options = &c.namespaces;
    c.namespaces.pid = RUNTIME__V1__NAMESPACE_MODE__TARGET;
    c.namespaces.target_id = (char *)"abcdef";
    assert_refused(f, &c, ERR_NOT_FOUND, "abcdef");
    init(f, &c, &p, "a");
    Runtime__V1__Mount m = RUNTIME__V1__MOUNT__INIT, *mounts[] = {&m};
    m.container_path = (char *)"/data";
    m.host_path = (char *)"relative";
    c.config.mounts = mounts;
    c.config.n_mounts = 1;
    assert_refused(f, &c, ERR_INVALID_ARGUMENT, "relative");
    init(f, &c, &p, "a");
    Runtime__V1__Device d = RUNTIME__V1__DEVICE__INIT, *devices[] = {&d};
    d.host_path = (char *)"/etc/passwd";
    d.container_path = (char *)"/dev/x";
    c.config.devices = devices;
    c.config.n_devices = 1;
    assert_refused(f, &c, ERR_INVALID_ARGUMENT, "/etc/passwd is not a device");
    d.host_path = (char *)"/dev/does-not-exist";
    assert_refused(f, &c, ERR_NOT_FOUND, "/dev/does-not-exist");
    Runtime__V1__StopContainerRequest stop = RUNTIME__V1__STOP_CONTAINER_REQUEST__INIT;
    stop.timeout = -1;
    assert_fails(fx_rpc(f, CRI_METHOD_STOP_CONTAINER, &stop), &f->e, ERR_INVALID_ARGUMENT, "timeout -1 is negative");
    assert_ok(fx_stop_pod(f, pod), &f->e);
    init(f, &c, &p, "a");
    assert_refused(f, &c, ERR_FAILED_PRECONDITION, "is not running");
}

/* A mount's missing source is made, as kubelet expects. */
static void test_mount_source_is_made(void **state)
{
    struct fx *f = *state;
    struct fx_pod p;
    struct fx_container c;
    char source[200];
    init(f, &c, &p, "a");
    snprintf(source, sizeof source, "%s/volume/deep", f->dir);
    Runtime__V1__Mount m = RUNTIME__V1__MOUNT__INIT, *mounts[] = {&m};
    m.container_path = (char *)"/data";
    m.host_path = source;
    c.config.mounts = mounts;
    c.config.n_mounts = 1;
    assert_ok(fx_create(f, &c, NULL), &f->e);
    assert_true(fx_exists(source));
}

static void test_existing(void **state)
{
    struct fx *f = *state;
    struct fx_pod p;
    struct fx_container c;
    char id[ID_LEN + 1], again[ID_LEN + 1];
    init(f, &c, &p, "a");
    assert_ok(fx_create(f, &c, id), &f->e);
    assert_ok(fx_create(f, &c, again), &f->e);
    assert_string_equal(id, again);
    c.config.working_dir = (char *)"/tmp";
    assert_fails(fx_create(f, &c, again), &f->e, ERR_ALREADY_EXISTS, id);
    init(f, &c, &p, "a");
    assert_ok(fx_start_container(f, id), &f->e);
    assert_fails(fx_create(f, &c, again), &f->e, ERR_ALREADY_EXISTS, id);
    assert_ok(fx_remove_container(f, id), &f->e); /* running: killed first */
    assert_ok(fx_create(f, &c, again), &f->e);
    assert_string_not_equal(id, again);
}

static void test_start_error(void **state)
{
    struct fx *f = *state;
    char id[ID_LEN + 1];
    for (int i = 0; i < 2; i++) {
        struct fx_world before = fx_look(f);
        fake_script(f->fake, &(struct fake_script){.match = "busybox", .create_fails = i == 0 ? ERR_UNKNOWN : ERR_OK,
                                                   .start_fails = i == 1 ? ERR_UNKNOWN : ERR_OK, .message = "exec: \"/nope\": no such file"});
        fx_must_create(f, pod, "web", "a", id);
        assert_fails(fx_start_container(f, id), &f->e, ERR_UNKNOWN, "/nope");
        struct fx_status s = fx_container_status(f, id);
        assert_int_equal(s.state, EXITED);
        assert_int_equal(s.exit_code, 128);
        assert_string_equal(s.reason, "StartError");
        assert_non_null(strstr(s.message, "/nope"));
        assert_true(s.finished_at > 0);
        assert_int_equal(fake_live(f->fake).tasks, 1); /* the pause's */
        assert_true(fx_stores_valid(f));
        assert_ok(fx_remove_container(f, id), &f->e);
        struct fx_world after = fx_look(f);
        assert_true(fx_same(&before, &after));
    }
}

static void test_start_in_a_stopped_pod(void **state)
{
    struct fx *f = *state;
    char id[ID_LEN + 1];
    fx_must_create(f, pod, "web", "a", id);
    assert_ok(fx_stop_pod(f, pod), &f->e);
    assert_fails(fx_start_container(f, id), &f->e, ERR_FAILED_PRECONDITION, "is not running");
    assert_int_equal(fx_container_status(f, id).state, CREATED);
}

static void exits_with(struct fx *f, const char *name, uint32_t status, bool oom, const char *reason)
{
    char id[ID_LEN + 1];
    fx_must_run_container(f, pod, "web", name, id);
    fx_events(f);
    if (oom)
        fake_task_oom(f->fake, id);
    assert_true(fake_task_exit(f->fake, id, status));
    fx_events(f);
    struct fx_status s = fx_container_status(f, id);
    assert_int_equal(s.state, EXITED);
    assert_int_equal(s.exit_code, status);
    assert_string_equal(s.reason, reason);
    assert_true(s.finished_at >= s.started_at);
    assert_int_equal(fake_live(f->fake).tasks, 1);
    assert_true(fx_stores_valid(f));
}

static void test_exit_reasons(void **state)
{
    struct fx *f = *state;
    exits_with(f, "a", 0, false, "Completed");
    exits_with(f, "b", 3, false, "Error");
    exits_with(f, "c", 137, true, "OOMKilled");
    exits_with(f, "d", 0, true, "OOMKilled");
    fx_remove_all(f);
    assert_true(fx_nothing_left(f));
}

/* A process that ends before Tasks.Start has answered: its exit is not lost. */
static void test_exits_at_once(void **state)
{
    struct fx *f = *state;
    char id[ID_LEN + 1];
    fx_events(f);
    fake_script(f->fake, &(struct fake_script){.match = "busybox", .exits = true, .status = 7, .out = "hello\nworld\n"});
    fx_must_run_container(f, pod, "web", "a", id);
    fx_events(f);
    struct fx_status s = fx_container_status(f, id);
    assert_int_equal(s.state, EXITED);
    assert_int_equal(s.exit_code, 7);
    char path[200];
    snprintf(path, sizeof path, "%s/a/0.log", f->logs);
    _cleanup_buf_ struct buf log = BUF_INIT(4096);
    struct err e = ERR_INIT;
    assert_ok(fs_read_file(path, &log, &e), &e);
    struct view rest = buf_view(&log), line;
    assert_true(view_next_line(&rest, &line));
    assert_memory_equal(line.p + line.n - strlen(" stdout F hello"), " stdout F hello", strlen(" stdout F hello"));
    assert_true(view_next_line(&rest, &line));
    assert_memory_equal(line.p + line.n - strlen(" stdout F world"), " stdout F world", strlen(" stdout F world"));
    assert_false(view_next_line(&rest, &line));
}

static size_t kills(struct fx *f)
{
    return fake_count(f->fake, "Tasks/Kill");
}

/* The stop signal is sent once, however often the call is repeated; SIGKILL follows the grace period. */
static void test_stop_signal_once(void **state)
{
    struct fx *f = *state;
    char id[ID_LEN + 1];
    fake_script(f->fake, &(struct fake_script){.match = "busybox", .ignores_term = true});
    fx_must_run_container(f, pod, "web", "a", id);
    Runtime__V1__StopContainerRequest q = RUNTIME__V1__STOP_CONTAINER_REQUEST__INIT;
    q.container_id = id;
    q.timeout = 100;
    size_t before = kills(f);
    for (int i = 0; i < 3; i++) { /* the client gives up after two seconds, three times */
        struct fx_call c;
        fx_call_init(f, &c, CRI_METHOD_STOP_CONTAINER, &q);
        c.call.ctx.deadline = clock_mono() + 2 * NSEC_PER_SEC;
        assert_fails(fx_call_run(f, &c), &c.e, ERR_DEADLINE_EXCEEDED, "");
        fx_call_done(&c);
    }
    assert_int_equal(kills(f) - before, 1);
    assert_int_equal(fx_container_status(f, id).state, RUNNING);
    uint64_t began = clock_mono();
    assert_ok(fx_stop_container(f, id, 5), &f->e);
    assert_int_equal(kills(f) - before, 2);
    assert_true(clock_mono() - began >= 5 * NSEC_PER_SEC && clock_mono() - began < 10 * NSEC_PER_SEC);
    assert_int_equal(fx_container_status(f, id).exit_code, 137);
}

/* A signal that could not be sent is sent by the repeat. */
static void test_stop_signal_again_after_failure(void **state)
{
    struct fx *f = *state;
    char id[ID_LEN + 1];
    fx_must_run_container(f, pod, "web", "a", id);
    fake_fail_method(f->fake, "Tasks/Kill", FAKE_FAIL_BEFORE, ERR_UNAVAILABLE, NULL, 1);
    assert_fails(fx_stop_container(f, id, 10), &f->e, ERR_UNAVAILABLE, id);
    assert_ok(fx_stop_container(f, id, 10), &f->e);
    assert_int_equal(fx_container_status(f, id).exit_code, 143);
}

/* The request's signal, else the image's, else SIGTERM. */
static void test_which_stop_signal(void **state)
{
    struct fx *f = *state;
    struct fx_pod p;
    struct fx_container c;
    char id[ID_LEN + 1];
    fx_image(f, "registry.example/nginx:1", "\"StopSignal\":\"SIGKILL\",\"Cmd\":[\"/x\"]");
    fx_image(f, "registry.example/odd:1", "\"StopSignal\":\"SIGNOTHING\",\"Cmd\":[\"/x\"]");
    fx_restart(f);
    init(f, &c, &p, "a");
    c.image.image = (char *)"registry.example/nginx:1";
    assert_ok(fx_create(f, &c, id), &f->e);
    assert_ok(fx_start_container(f, id), &f->e);
    assert_ok(fx_stop_container(f, id, 10), &f->e);
    assert_int_equal(fx_container_status(f, id).exit_code, 137);
    init(f, &c, &p, "b");
    c.image.image = (char *)"registry.example/nginx:1";
    c.config.stop_signal = RUNTIME__V1__SIGNAL__SIGTERM;
    assert_ok(fx_create(f, &c, id), &f->e);
    assert_ok(fx_start_container(f, id), &f->e);
    assert_ok(fx_stop_container(f, id, 10), &f->e);
    assert_int_equal(fx_container_status(f, id).exit_code, 143);
    init(f, &c, &p, "c");
    c.image.image = (char *)"registry.example/odd:1";
    assert_refused(f, &c, ERR_INVALID_ARGUMENT, "stop signal of image");
}

/* Timeout 0 kills at once. */
static void test_stop_at_once(void **state)
{
    struct fx *f = *state;
    char id[ID_LEN + 1];
    fx_must_run_container(f, pod, "web", "a", id);
    size_t before = kills(f);
    assert_ok(fx_stop_container(f, id, 0), &f->e);
    assert_int_equal(kills(f) - before, 1);
    assert_int_equal(fx_container_status(f, id).exit_code, 137);
    char created[ID_LEN + 1];
    fx_must_create(f, pod, "web", "b", created);
    assert_ok(fx_stop_container(f, created, 0), &f->e); /* nothing to stop */
    assert_int_equal(fx_container_status(f, created).state, CREATED);
}

static size_t list(struct fx *f, Runtime__V1__ContainerFilter *filter)
{
    Runtime__V1__ListContainersRequest q = RUNTIME__V1__LIST_CONTAINERS_REQUEST__INIT;
    struct fx_call c;
    q.filter = filter;
    fx_call_init(f, &c, CRI_METHOD_LIST_CONTAINERS, &q);
    assert_ok(fx_call_run(f, &c), &c.e);
    const Runtime__V1__ListContainersResponse *r = (const Runtime__V1__ListContainersResponse *)c.response;
    size_t n = r->n_containers;
    for (size_t i = 0; i < n; i++) {
        assert_string_equal(r->containers[i]->image->image, FX_IMAGE);
        assert_memory_equal(r->containers[i]->image_ref, "sha256:", 7);
    }
    fx_call_done(&c);
    return n;
}

static void test_list(void **state)
{
    struct fx *f = *state;
    char a[ID_LEN + 1], b[ID_LEN + 1], other_pod[ID_LEN + 1], c[ID_LEN + 1];
    Runtime__V1__ContainerFilter filter = RUNTIME__V1__CONTAINER_FILTER__INIT;
    Runtime__V1__ContainerStateValue value = RUNTIME__V1__CONTAINER_STATE_VALUE__INIT;
    fx_must_run_container(f, pod, "web", "a", a);
    fx_must_create(f, pod, "web", "b", b);
    fx_must_run(f, "other", other_pod);
    fx_must_create(f, other_pod, "other", "c", c);
    assert_int_equal(list(f, NULL), 3);
    filter.pod_sandbox_id = pod;
    assert_int_equal(list(f, &filter), 2);
    filter.state = &value;
    value.state = CREATED;
    assert_int_equal(list(f, &filter), 1);
    filter.pod_sandbox_id = (char *)"";
    assert_int_equal(list(f, &filter), 2);
    filter.id = a;
    assert_int_equal(list(f, &filter), 0);
    filter.state = NULL;
    assert_int_equal(list(f, &filter), 1);
    a[10] = '\0';
    assert_int_equal(list(f, &filter), 1);
}

static void test_status_verbose(void **state)
{
    struct fx *f = *state;
    char id[ID_LEN + 1];
    struct fx_call c;
    fx_must_run_container(f, pod, "web", "a", id);
    Runtime__V1__ContainerStatusRequest q = RUNTIME__V1__CONTAINER_STATUS_REQUEST__INIT;
    q.container_id = id;
    q.verbose = true;
    fx_call_init(f, &c, CRI_METHOD_CONTAINER_STATUS, &q);
    assert_ok(fx_call_run(f, &c), &c.e);
    const Runtime__V1__ContainerStatusResponse *r = (const Runtime__V1__ContainerStatusResponse *)c.response;
    assert_int_equal(r->n_info, 1);
    assert_non_null(strstr(r->info[0]->value, "\"runtimeSpec\":{"));
    /* the image's user, with the group that its files give */
    assert_non_null(strstr(r->info[0]->value, "\"uid\":7"));
    assert_non_null(strstr(r->info[0]->value, "\"gid\":8"));
    assert_non_null(strstr(r->info[0]->value, "99"));
    assert_string_equal(r->status->image->image, FX_IMAGE);
    char log[200];
    snprintf(log, sizeof log, "%s/a/0.log", f->logs);
    assert_string_equal(r->status->log_path, log);
    assert_int_equal(r->status->stop_signal, RUNTIME__V1__SIGNAL__SIGTERM);
    fx_call_done(&c);
    q.container_id = (char *)"ffff";
    assert_fails(fx_rpc(f, CRI_METHOD_CONTAINER_STATUS, &q), &f->e, ERR_NOT_FOUND, "ffff");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_life, setup, teardown),
        cmocka_unit_test_setup_teardown(test_bad_requests, setup, teardown),
        cmocka_unit_test_setup_teardown(test_mount_source_is_made, setup, teardown),
        cmocka_unit_test_setup_teardown(test_existing, setup, teardown),
        cmocka_unit_test_setup_teardown(test_start_error, setup, teardown),
        cmocka_unit_test_setup_teardown(test_start_in_a_stopped_pod, setup, teardown),
        cmocka_unit_test_setup_teardown(test_exit_reasons, setup, teardown),
        cmocka_unit_test_setup_teardown(test_exits_at_once, setup, teardown),
        cmocka_unit_test_setup_teardown(test_stop_signal_once, setup, teardown),
        cmocka_unit_test_setup_teardown(test_stop_signal_again_after_failure, setup, teardown),
        cmocka_unit_test_setup_teardown(test_which_stop_signal, setup, teardown),
        cmocka_unit_test_setup_teardown(test_stop_at_once, setup, teardown),
        cmocka_unit_test_setup_teardown(test_list, setup, teardown),
        cmocka_unit_test_setup_teardown(test_status_verbose, setup, teardown),
    };
    return cmocka_run_group_tests_name("cri/container", tests, NULL, NULL);
}
