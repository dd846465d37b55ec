/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tests of state/store: objects and their references, look-ups, waiting, many threads at once, failing
 * allocations. No test depends on how long anything takes: threads meet at conditions, and time-outs are ones
 * that have passed already.
 */
#include "state/store.h"

#include <stdio.h>

#include "sweep.h"

static atomic_int io_freed;

struct cio {
    int dummy;
};

static void free_io(struct cio *io)
{
    atomic_fetch_add(&io_freed, 1);
}

static struct sandbox *make(const char *id, const char *name)
{
    struct sandbox *s = sandbox_new();
    assert_non_null(s);
    s->o.id = arena_strdup(&s->o.arena, id);
    s->o.name = arena_strdup(&s->o.arena, name);
    return s;
}

static void put(struct store *st, const char *id, const char *name)
{
    struct err e = ERR_INIT;
    _cleanup_sandbox_ struct sandbox *s = make(id, name);
    assert_ok(store_add(st, &s->o, &e), &e);
}

static void test_objects(void **state)
{
    size_t live = mem_live();
    struct sandbox *s = make("a", "n");
    assert_int_equal(s->state, SANDBOX_STATE_UNKNOWN);
    object_ref(&s->o);
    sandbox_unref(s);
    assert_string_equal(s->o.id, "a");
    sandbox_unref(s);
    struct container *c = container_new();
    struct cio io;
    assert_non_null(c);
    assert_non_null(arena_strdup(&c->resources_arena, "resources"));
    c->io = &io;
    c->io_free = free_io;
    container_unref(c);
    assert_int_equal(atomic_load(&io_freed), 1);
    container_unref(NULL);
    sandbox_unref(NULL);
    object_unref(NULL);
    assert_int_equal(mem_live(), live);
}

static void test_lookups(void **state)
{
    struct store st;
    struct err e = ERR_INIT;
    struct sandbox *s = NULL;
    assert_ok(store_init(&st, "sandbox", &e), &e);
    put(&st, "abc", "one");
    put(&st, "abd", "two");
    assert_int_equal(store_count(&st), 2);
    assert_ok(sandbox_get(&st, "abc", &s, &e), &e);
    assert_string_equal(s->o.name, "one");
    sandbox_unref(s);
    s = NULL;
    assert_fails(sandbox_get(&st, "ab", &s, &e), &e, ERR_FAILED_PRECONDITION,
                 "sandbox id \"ab\" is ambiguous");
    assert_fails(sandbox_get(&st, "x", &s, &e), &e, ERR_NOT_FOUND, "sandbox \"x\" not found");
    assert_fails(sandbox_get(&st, "", &s, &e), &e, ERR_INVALID_ARGUMENT, "empty");
    assert_null(s);
    struct object *o = store_find_name(&st, "two");
    assert_string_equal(o->id, "abd");
    object_unref(o);
    assert_null(store_find_name(&st, "three"));
    assert_null(store_find_name(&st, "abd"));
    store_done(&st);
}

static void test_taken(void **state)
{
    struct store st;
    struct err e = ERR_INIT;
    assert_ok(store_init(&st, "container", &e), &e);
    put(&st, "abc", "one");
    _cleanup_sandbox_ struct sandbox *same_id = make("abc", "two"), *same_name = make("abd", "one");
    assert_fails(store_add(&st, &same_id->o, &e), &e, ERR_ALREADY_EXISTS,
                 "container id \"abc\" already exists");
    assert_fails(store_add(&st, &same_name->o, &e), &e, ERR_ALREADY_EXISTS,
                 "container name \"one\" is taken by \"abc\"");
    assert_int_equal(store_count(&st), 1);
    assert_null(store_find_name(&st, "two"));
    store_remove(&st, "abc");
    assert_ok(store_add(&st, &same_name->o, &e), &e); /* the name is free again */
    store_done(&st);
}

static void test_removed_object_lives_on(void **state)
{
    struct store st;
    struct err e = ERR_INIT;
    struct sandbox *s = NULL;
    assert_ok(store_init(&st, "sandbox", &e), &e);
    put(&st, "abc", "one");
    assert_ok(sandbox_get(&st, "a", &s, &e), &e);
    store_remove(&st, "a"); /* only by full id */
    assert_int_equal(store_count(&st), 1);
    store_remove(&st, "abc");
    store_remove(&st, "abc");
    assert_int_equal(store_count(&st), 0);
    assert_string_equal(s->o.name, "one");
    assert_fails(sandbox_get(&st, "abc", &s, &e), &e, ERR_NOT_FOUND, "not found");
    store_done(&st);
    sandbox_unref(s);
}

static void test_list(void **state)
{
    struct store st;
    struct err e = ERR_INIT;
    _cleanup_arena_ struct arena a = ARENA_INIT(1 << 20);
    struct object **list = NULL;
    size_t n = 99;
    assert_ok(store_init(&st, "sandbox", &e), &e);
    assert_ok(store_list(&st, &a, &list, &n, &e), &e);
    assert_int_equal(n, 0);
    put(&st, "c", "1");
    put(&st, "a", "2");
    put(&st, "b", "3");
    assert_ok(store_list(&st, &a, &list, &n, &e), &e);
    assert_int_equal(n, 3);
    store_done(&st); /* the list holds its own references */
    for (size_t i = 0; i < n; i++) {
        assert_int_equal(list[i]->id[0], 'a' + (char)i);
        object_unref(list[i]);
    }
}

static void test_list_without_memory(void **state)
{
    struct store st;
    struct err e = ERR_INIT;
    _cleanup_arena_ struct arena a = ARENA_INIT(8);
    struct object **list;
    size_t n;
    assert_ok(store_init(&st, "sandbox", &e), &e);
    put(&st, "a", "2");
    assert_fails(store_list(&st, &a, &list, &n, &e), &e, ERR_RESOURCE_EXHAUSTED, "memory");
    store_done(&st); /* no reference was taken: the sanitizer would see the object left behind */
}

static void test_wait_ends_with_ctx(void **state)
{
    _cleanup_sandbox_ struct sandbox *s = make("a", "n");
    struct err e = ERR_INIT;
    struct cancel cancel = CANCEL_INIT;
    struct ctx past = {.deadline = 0}, cancelled = {.deadline = CLOCK_NEVER, .cancel = &cancel};
    object_lock(&s->o);
    assert_fails(object_wait(&s->o, &past, "the end of \"a\"", &e), &e, ERR_DEADLINE_EXCEEDED,
                 "the end of \"a\"");
    cancel_fire(&cancel);
    assert_fails(object_wait(&s->o, &cancelled, "the end", &e), &e, ERR_CANCELLED, "the end");
    struct ctx soon = {.deadline = clock_deadline(NSEC_PER_MSEC)};
    int r;
    while ((r = object_wait(&s->o, &soon, "soon", &e)) == 0)
        ;
    assert_int_equal(r, -ERR_DEADLINE_EXCEEDED);
    object_unlock(&s->o);
}

static void *fire(void *arg)
{
    cancel_fire(arg);
    return NULL;
}

/* The flag is set while somebody waits (or just before: both must end). */
static void test_cancel_from_elsewhere(void **state)
{
    _cleanup_sandbox_ struct sandbox *s = make("a", "n");
    struct cancel cancel = CANCEL_INIT;
    struct ctx ctx = {.deadline = CLOCK_NEVER, .cancel = &cancel};
    struct err e = ERR_INIT;
    pthread_t t;
    int r;
    object_lock(&s->o);
    assert_int_equal(pthread_create(&t, NULL, fire, &cancel), 0);
    while ((r = object_wait(&s->o, &ctx, "x", &e)) == 0)
        ;
    object_unlock(&s->o);
    assert_int_equal(r, -ERR_CANCELLED);
    pthread_join(t, NULL);
}

static void *make_ready(void *arg)
{
    struct sandbox *s = arg;
    object_lock(&s->o);
    s->state = SANDBOX_STATE_READY;
    object_changed(&s->o);
    object_unlock(&s->o);
    sandbox_unref(s);
    return NULL;
}

static void test_wait_for_change(void **state)
{
    _cleanup_sandbox_ struct sandbox *s = make("a", "n");
    struct ctx ctx = CTX_BACKGROUND;
    struct err e = ERR_INIT;
    pthread_t t;
    object_ref(&s->o);
    object_lock(&s->o);
    assert_int_equal(pthread_create(&t, NULL, make_ready, s), 0);
    while (s->state != SANDBOX_STATE_READY)
        assert_ok(object_wait(&s->o, &ctx, "x", &e), &e);
    object_unlock(&s->o);
    pthread_join(t, NULL);
}

enum { THREADS = 4, ROUNDS = 300 };
struct worker {
    struct store *st;
    unsigned number;
    int failures;
};

/* Adds, finds, lists, changes and removes objects of its own and meets those of the others. */
static void *hammer(void *arg)
{
    struct worker *w = arg;
    struct err e = ERR_INIT;
    for (unsigned i = 0; i < ROUNDS; i++) {
        char id[16], name[16];
        snprintf(id, sizeof id, "%x%03x", w->number, i);
        snprintf(name, sizeof name, "n%u", i); /* all threads want the same names: one of them gets it */
        struct sandbox *s = sandbox_new(), *found = NULL;
        _cleanup_arena_ struct arena a = ARENA_INIT(1 << 20);
        struct object **list = NULL;
        size_t n = 0;
        if (!s)
            return NULL;
        s->o.id = arena_strdup(&s->o.arena, id);
        s->o.name = arena_strdup(&s->o.arena, name);
        int r = store_add(w->st, &s->o, &e);
        w->failures += r != 0 && r != -ERR_ALREADY_EXISTS;
        if (store_list(w->st, &a, &list, &n, &e) < 0)
            w->failures++;
        for (size_t k = 0; k < n; k++) {
            struct sandbox *other = (struct sandbox *)list[k];
            object_lock(&other->o);
            other->pid++;
            object_changed(&other->o);
            object_unlock(&other->o);
            object_unref(list[k]);
        }
        w->failures += sandbox_get(w->st, id, &found, &e) != (r == 0 ? 0 : -ERR_NOT_FOUND);
        sandbox_unref(found);
        struct object *by_name = store_find_name(w->st, name);
        w->failures += r == 0 && by_name != &s->o;
        object_unref(by_name);
        store_remove(w->st, id);
        sandbox_unref(s);
    }
    return NULL;
}

static void test_threads(void **state)
{
    size_t live = mem_live();
    struct store st;
    struct err e = ERR_INIT;
    pthread_t t[THREADS];
    struct worker w[THREADS];
    assert_ok(store_init(&st, "sandbox", &e), &e);
    for (unsigned i = 0; i < THREADS; i++) {
        w[i] = (struct worker){&st, i, 0};
        assert_int_equal(pthread_create(&t[i], NULL, hammer, &w[i]), 0);
    }
    for (unsigned i = 0; i < THREADS; i++) {
        pthread_join(t[i], NULL);
        assert_int_equal(w[i].failures, 0);
    }
    assert_int_equal(store_count(&st), 0);
    store_done(&st);
    assert_int_equal(mem_live(), live);
}

static int add_some(void *arg, struct err *e)
{
    struct store st;
    TRY(store_init(&st, "container", e));
    int r = 0;
    for (unsigned i = 0; r == 0 && i < 20; i++) {
        _cleanup_container_ struct container *c = container_new();
        if (!c) {
            r = err_oom(e);
            break;
        }
        c->o.id = arena_printf(&c->o.arena, "%02x", i);
        c->o.name = arena_printf(&c->o.arena, "name%u", i);
        r = c->o.id && c->o.name ? store_add(&st, &c->o, e) : err_oom(e);
        assert_int_equal(store_count(&st), r < 0 ? i : i + 1);
        assert_int_equal(st.by_id.n, st.index.n);
        assert_int_equal(st.by_name.n, st.index.n);
    }
    store_done(&st);
    return r;
}

static void test_sweep(void **state)
{
    assert_true(sweep("store_add", add_some, NULL) > 60);
    mem_fail_at(0, false);
    assert_null(sandbox_new());
    mem_fail_off();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_objects),
        cmocka_unit_test(test_lookups),
        cmocka_unit_test(test_taken),
        cmocka_unit_test(test_removed_object_lives_on),
        cmocka_unit_test(test_list),
        cmocka_unit_test(test_list_without_memory),
        cmocka_unit_test(test_wait_ends_with_ctx),
        cmocka_unit_test(test_cancel_from_elsewhere),
        cmocka_unit_test(test_wait_for_change),
        cmocka_unit_test(test_threads),
        cmocka_unit_test(test_sweep),
    };
    return cmocka_run_group_tests_name("store", tests, NULL, NULL);
}
