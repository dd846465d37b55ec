/* SPDX-License-Identifier: Apache-2.0 */
/* A restart: what containerd, the status files and the tasks tell is what there is; damage is set aside; what a killed daemon left is cleaned up. */
#include "support.h"

#include <unistd.h>

#include "base/fs.h"
#include "fixture.h"
#include "state/status_file.h"

#define CREATED RUNTIME__V1__CONTAINER_STATE__CONTAINER_CREATED
#define RUNNING RUNTIME__V1__CONTAINER_STATE__CONTAINER_RUNNING
#define EXITED RUNTIME__V1__CONTAINER_STATE__CONTAINER_EXITED
#define UNKNOWN RUNTIME__V1__CONTAINER_STATE__CONTAINER_UNKNOWN
#define READY RUNTIME__V1__POD_SANDBOX_STATE__SANDBOX_READY
#define NOTREADY RUNTIME__V1__POD_SANDBOX_STATE__SANDBOX_NOTREADY

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
    struct fx *f = *state;
    assert_false(f->log_control);
    fx_free(f);
    return 0;
}

/* What is in containerd besides this service's knowledge: straight calls. */
static struct ctrd direct(struct fx *f)
{
    return fake_ctrd(f->fake);
}
static const struct ctx background = CTX_BACKGROUND;

static void delete_task(struct fx *f, const char *id)
{
    struct ctrd c = direct(f);
    struct ctrd_exit x;
    fake_task_exit(f->fake, id, 9);
    assert_ok(ctrd_task_delete(&c, &background, id, &x, &f->e), &f->e);
}

static void test_nothing_changed(void **state)
{
    struct fx *f = *state;
    char running[ID_LEN + 1], created[ID_LEN + 1], exited[ID_LEN + 1];
    fx_must_run_container(f, pod, "web", "running", running);
    fx_must_create(f, pod, "web", "created", created);
    fx_must_run_container(f, pod, "web", "exited", exited);
    assert_ok(fx_stop_container(f, exited, 10), &f->e);
    struct fx_status was = fx_container_status(f, exited), ran = fx_container_status(f, running);
    struct fx_world before = fx_look(f);
    struct cri_recovered r = fx_restart(f);
    assert_int_equal(r.sandboxes, 1);
    assert_int_equal(r.containers, 3);
    assert_int_equal(r.images, 2);
    assert_int_equal(r.set_aside, 0);
    struct fx_world after = fx_look(f);
    assert_true(fx_same(&before, &after));
    assert_int_equal(fx_pod_state(f, pod), READY);
    assert_int_equal(fx_container_status(f, running).state, RUNNING);
    assert_int_equal(fx_container_status(f, running).started_at, ran.started_at);
    assert_int_equal(fx_container_status(f, created).state, CREATED);
    struct fx_status is = fx_container_status(f, exited);
    assert_int_equal(is.state, EXITED);
    assert_int_equal(is.exit_code, was.exit_code);
    assert_int_equal(is.finished_at, was.finished_at);
    assert_string_equal(is.reason, was.reason);
    assert_true(fx_stores_valid(f));
    /* all of it goes on: the output, a start, an exit */
    assert_int_equal(fake_output(f->fake, running, NULL, 1, "after\n", 6), 6);
    assert_ok(fx_start_container(f, created), &f->e);
    fx_events(f);
    fake_task_exit(f->fake, running, 0);
    fx_events(f);
    assert_string_equal(fx_container_status(f, running).reason, "Completed");
    char path[200];
    snprintf(path, sizeof path, "%s/running/0.log", f->logs);
    _cleanup_buf_ struct buf log = BUF_INIT(4096);
    assert_ok(fs_read_file(path, &log, &f->e), &f->e);
    assert_non_null(memmem(log.p, log.n, "stdout F after\n", 15));
    fx_remove_all(f);
    assert_true(fx_nothing_left(f));
}

/* What the status file says; what has become of the task meanwhile; what is to come out. */
enum file { FILE_CREATED, FILE_RUNNING, FILE_EXITED, FILE_MISSING, FILE_DAMAGED };
enum task { TASK_NONE, TASK_CREATED, TASK_RUNNING, TASK_STOPPED };
static const struct combination {
    enum file file;
    enum task task;
    int state;
    int32_t code;
    const char *reason;
} combinations[] = {
    {FILE_CREATED, TASK_NONE, CREATED, 0, ""},
    {FILE_CREATED, TASK_CREATED, CREATED, 0, ""},
    {FILE_CREATED, TASK_RUNNING, RUNNING, 0, ""},
    {FILE_CREATED, TASK_STOPPED, EXITED, 9, "Error"},
    {FILE_RUNNING, TASK_NONE, EXITED, 255, "Unknown"},
    {FILE_RUNNING, TASK_CREATED, CREATED, 0, ""},
    {FILE_RUNNING, TASK_RUNNING, RUNNING, 0, ""},
    {FILE_RUNNING, TASK_STOPPED, EXITED, 9, "Error"},
    {FILE_EXITED, TASK_NONE, EXITED, 137, "Error"},
    {FILE_MISSING, TASK_NONE, UNKNOWN, 0, "Unknown"},
    {FILE_MISSING, TASK_RUNNING, RUNNING, 0, ""},
    {FILE_MISSING, TASK_STOPPED, EXITED, 9, "Error"},
    {FILE_DAMAGED, TASK_NONE, UNKNOWN, 0, "Unknown"},
    {FILE_DAMAGED, TASK_RUNNING, RUNNING, 0, ""},
    {FILE_DAMAGED, TASK_STOPPED, EXITED, 9, "Error"},
};

static void make_combination(struct fx *f, const struct combination *x, char *id)
{
    struct ctrd c = direct(f);
    uint32_t pid;
    fx_must_create(f, pod, "web", "a", id);
    char *path = strdup(fx_path(f, f->root, "containers", id, "status")), *saved = NULL;
    size_t n_saved = 0;
    if (x->file == FILE_CREATED) {
        struct buf b = BUF_INIT(1 << 16);
        assert_ok(fs_read_file(path, &b, &f->e), &f->e);
        saved = strndup(b.p, n_saved = b.n);
        buf_done(&b);
    }
    bool runs = x->file == FILE_RUNNING || x->file == FILE_EXITED || x->task != TASK_NONE;
    if (runs && !(x->task == TASK_CREATED))
        assert_ok(fx_start_container(f, id), &f->e);
    if (x->task == TASK_CREATED) {
        if (x->file == FILE_RUNNING) {
            assert_ok(fx_start_container(f, id), &f->e);
            delete_task(f, id);
        }
        struct ctrd_task_create t = {.container_id = id};
        assert_ok(ctrd_task_create(&c, &background, &t, &pid, &f->e), &f->e);
    }
    if (x->file == FILE_EXITED)
        assert_ok(fx_stop_container(f, id, 0), &f->e);
    fx_stop(f);
    if (x->task == TASK_STOPPED)
        assert_true(fake_task_exit(f->fake, id, 9));
    if (x->task == TASK_NONE && x->file == FILE_RUNNING)
        delete_task(f, id);
    if (saved)
        assert_ok(fs_write_file(path, view_make(saved, n_saved), 0600, &f->e), &f->e);
    if (x->file == FILE_MISSING)
        assert_int_equal(unlink(path), 0);
    if (x->file == FILE_DAMAGED)
        assert_ok(fs_write_file(path, view_of("{\"Version\":\"v1\",\"Pid\":"), 0600, &f->e), &f->e);
    free(saved);
    free(path);
}

static void test_combinations(void **state)
{
    struct fx *f = *state;
    for (size_t i = 0; i < ARRAY_SIZE(combinations); i++) {
        const struct combination *x = &combinations[i];
        char id[ID_LEN + 1];
        make_combination(f, x, id);
        struct cri_recovered r = fx_restart(f);
        assert_int_equal(r.containers, 1);
        struct fx_status s = fx_container_status(f, id);
        if (s.state != x->state || s.exit_code != x->code || strcmp(s.reason, x->reason) != 0)
            fail_msg("combination %zu: state %d code %d reason \"%s\", expected %d %d \"%s\"", i, s.state, s.exit_code, s.reason, x->state, x->code,
                     x->reason);
        assert_int_equal(fake_live(f->fake).tasks, 1 + (x->state == RUNNING)); /* the pause's, and its own only while it runs */
        if (x->state != UNKNOWN)
            assert_true(fx_stores_valid(f));
        assert_int_equal(fx_restart(f).containers, 1); /* the outcome is stored: a second restart says the same */
        struct fx_status again = fx_container_status(f, id);
        assert_int_equal(again.state, s.state);
        assert_int_equal(again.exit_code, s.exit_code);
        if (x->state == CREATED)
            assert_ok(fx_start_container(f, id), &f->e);
        assert_ok(fx_remove_container(f, id), &f->e);
        assert_int_equal(fake_live(f->fake).snapshots, 1);
    }
    fx_remove_all(f);
    assert_true(fx_nothing_left(f));
}

static void test_sandbox_tasks(void **state)
{
    struct fx *f = *state;
    char gone[ID_LEN + 1], stopped[ID_LEN + 1];
    fx_must_run(f, "gone", gone);
    fx_must_run(f, "stopped", stopped);
    fx_stop(f);
    delete_task(f, gone);
    fake_task_exit(f->fake, stopped, 0);
    assert_int_equal(fx_restart(f).sandboxes, 3);
    assert_int_equal(fx_pod_state(f, pod), READY);
    assert_int_equal(fx_pod_state(f, gone), NOTREADY);
    assert_int_equal(fx_pod_state(f, stopped), NOTREADY);
    assert_int_equal(fake_live(f->fake).tasks, 1);
    fx_remove_all(f);
    assert_true(fx_nothing_left(f));
}

/* A record that cannot be read keeps nobody from starting, and its files are not touched. */
static void test_damaged_records(void **state)
{
    struct fx *f = *state;
    char other[ID_LEN + 1], c[ID_LEN + 1];
    static const char *const damage[] = {"", "{", "{\"Version\":\"v9\",\"Metadata\":{}}", "{\"Version\":\"v1\",\"Metadata\":{\"ID\":\"../../etc\"}}",
                                         "{\"Version\":\"v1\",\"Metadata\":{\"ID\":\"\\u0000\\n\\u001b[31m\"}}"};
    fx_must_run(f, "other", other);
    fx_must_create(f, other, "other", "c", c);
    for (size_t i = 0; i < ARRAY_SIZE(damage); i++) {
        fx_set_extension(f, pod, META_SANDBOX_EXTENSION, META_SANDBOX_TYPE_URL, damage[i]);
        struct cri_recovered r = fx_restart(f);
        assert_int_equal(r.set_aside, 1);
        assert_int_equal(r.sandboxes, 1);
        assert_int_equal(r.containers, 1);
        assert_int_equal(fx_pod_state(f, pod), -1);
        assert_int_equal(fx_pod_state(f, other), READY);
        assert_true(fx_exists(fx_path(f, f->root, "sandboxes", pod, "hosts")));
        assert_non_null(strstr(f->log, pod));
    }
    fx_set_extension(f, c, META_CONTAINER_EXTENSION, META_CONTAINER_TYPE_URL, "{}");
    assert_int_equal(fx_restart(f).set_aside, 2);
    fx_remove_all(f);
    struct fx_world w = fx_look(f);
    assert_int_equal(w.sandboxes, 0);
    assert_int_equal(w.live.containers, 2); /* those that are set aside */
}

/* A record under another's id would let one pod remove the other's files. */
static void test_borrowed_record(void **state)
{
    struct fx *f = *state;
    char other[ID_LEN + 1], json[400];
    fx_must_run(f, "other", other);
    snprintf(json, sizeof json, "{\"Version\":\"v1\",\"Metadata\":{\"ID\":\"%s\",\"Name\":\"x\",\"Config\":{\"metadata\":{\"name\":\"x\"}}}}", other);
    fx_set_extension(f, pod, META_SANDBOX_EXTENSION, META_SANDBOX_TYPE_URL, json);
    assert_int_equal(fx_restart(f).set_aside, 1);
    assert_int_equal(fx_pod_state(f, other), READY);
}

/* Two records with one name: both stay, so that both can be removed. */
static void test_duplicate_names(void **state)
{
    struct fx *f = *state;
    char other[ID_LEN + 1], json[600];
    clock_advance(NSEC_PER_SEC);
    fx_must_run(f, "other", other);
    snprintf(json, sizeof json,
             "{\"Version\":\"v1\",\"Metadata\":{\"ID\":\"%s\",\"Name\":\"web_default_uid-web_0\",\"Config\":{\"metadata\":{\"name\":\"web\",\"uid\":\"uid-web\","
             "\"namespace\":\"default\"}},\"NetNSPath\":\"\",\"IP\":\"\"}}", other);
    fx_set_extension(f, other, META_SANDBOX_EXTENSION, META_SANDBOX_TYPE_URL, json);
    struct cri_recovered r = fx_restart(f);
    assert_int_equal(r.sandboxes, 2);
    assert_int_equal(r.set_aside, 0);
    struct object *o = store_find_name(&f->service.sandboxes, "web_default_uid-web_0");
    assert_non_null(o);
    assert_string_equal(o->id, other); /* the newer one keeps it */
    object_unref(o);
    assert_int_equal(fx_pod_state(f, pod), READY);
    fx_remove_all(f);
    assert_int_equal(fake_live(f->fake).containers, 0);
    assert_int_equal(fake_live(f->fake).snapshots, 0);
}

/* A daemon that was killed while it made a pod: nobody was told of it, so it is removed. */
static void test_interrupted_run(void **state)
{
    struct fx *f = *state;
    fx_remove_all(f);
    for (uint64_t k = 0; k < 6; k++) {
        struct fx_pod p;
        fx_pod_init(f, &p, "late");
        /* From the k-th call on containerd does not answer: the rollback cannot work either, as if the daemon had been killed. */
        for (uint64_t i = k; i < 1024; i++)
            fake_fail_call(f->fake, i, FAKE_FAIL_BEFORE, ERR_UNAVAILABLE);
        assert_true(fx_run(f, &p, NULL) < 0);
        fake_fail_off(f->fake);
        struct cri_recovered r = fx_restart(f);
        assert_int_equal(r.set_aside, 0);
        if (!fx_nothing_left(f))
            fail_msg("killed at call %llu", (unsigned long long)k);
        assert_ok(fx_run(f, &p, NULL), &f->e);
        fx_remove_all(f);
        assert_true(fx_nothing_left(f));
    }
}

/* Files of pods and containers that do not exist are removed; names that are no ids are not touched. */
static void test_orphaned_files(void **state)
{
    struct fx *f = *state;
    char id[ID_LEN + 1];
    memset(id, 'a', ID_LEN);
    id[ID_LEN] = '\0';
    const char *const bases[] = {f->root, f->state}, *const kinds[] = {"sandboxes", "containers"};
    struct fx_world before = fx_look(f);
    for (int i = 0; i < 4; i++)
        assert_ok(fs_mkdir_all(fx_path(f, bases[i / 2], kinds[i % 2], id, "sub"), 0700, &f->e), &f->e);
    assert_ok(fs_mkdir_all(fx_path(f, f->root, "sandboxes", "not-an-id", NULL), 0700, &f->e), &f->e);
    fx_restart(f);
    struct fx_world after = fx_look(f);
    assert_true(fx_same(&before, &after));
    assert_true(fx_exists(fx_path(f, f->root, "sandboxes", "not-an-id", NULL)));
}

/* containerd does not answer: recovery says so, and what it had so far is let go. */
static void test_containerd_fails(void **state)
{
    struct fx *f = *state;
    static const char *const methods[] = {"Tasks/List", "Containers/ListStream", "Images/List"};
    for (size_t i = 0; i < ARRAY_SIZE(methods); i++) {
        struct cri_recovered r;
        fx_stop(f);
        fx_start(f);
        fake_fail_method(f->fake, methods[i], FAKE_FAIL_BEFORE, ERR_UNAVAILABLE, NULL, 0);
        assert_fails(cri_recover(&f->service, &background, &r, &f->e), &f->e, ERR_UNAVAILABLE, "");
        fake_fail_off(f->fake);
    }
    assert_int_equal(fx_restart(f).sandboxes, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_nothing_changed, setup, teardown),
        cmocka_unit_test_setup_teardown(test_combinations, setup, teardown),
        cmocka_unit_test_setup_teardown(test_sandbox_tasks, setup, teardown),
        cmocka_unit_test_setup_teardown(test_damaged_records, setup, teardown),
        cmocka_unit_test_setup_teardown(test_borrowed_record, setup, teardown),
        cmocka_unit_test_setup_teardown(test_duplicate_names, setup, teardown),
        cmocka_unit_test_setup_teardown(test_interrupted_run, setup, teardown),
        cmocka_unit_test_setup_teardown(test_orphaned_files, setup, teardown),
        cmocka_unit_test_setup_teardown(test_containerd_fails, setup, teardown),
    };
    return cmocka_run_group_tests_name("cri/recover", tests, NULL, NULL);
}
