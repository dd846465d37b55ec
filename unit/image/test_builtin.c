/* SPDX-License-Identifier: Apache-2.0 */
/* The built-in pause image: its bytes, its program, and what it leaves in containerd. */
#include "pull_fixture.h"

#include <elf.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "image/builtin.h"
#include "sweep.h"

static const struct ctx background = CTX_BACKGROUND;

static void test_bytes(void **state)
{
    struct arena a = ARENA_INIT(1 << 20), b = ARENA_INIT(1 << 20);
    struct resolved one, two;
    struct view layer, other;
    struct err e = ERR_INIT;
    assert_ok(builtin_pause(&a, &one, &layer, &e), &e);
    assert_ok(builtin_pause(&b, &two, &other, &e), &e);
    assert_string_equal(one.documents[0].digest, two.documents[0].digest);
    assert_string_equal(one.manifest.config.digest, two.manifest.config.digest);
    assert_true(view_eq(layer, other));
    assert_int_equal(one.manifest.n_layers, 1);
    assert_int_equal(one.manifest.layers[0].size, (int64_t)layer.n);
    assert_string_equal(one.manifest.layers[0].digest, one.config.diff_ids.v[0]);
    assert_int_equal(one.config.entrypoint.n, 1);
    assert_string_equal(one.config.entrypoint.v[0], "/pause");
    assert_int_equal(one.size, (int64_t)(layer.n + one.config_bytes.n + one.documents[0].bytes.n));
    arena_done(&a);
    arena_done(&b);
}

/* As POSIX has it: the check sum, the fields, the size in whole blocks, two empty blocks at the end. */
static void test_tar(void **state)
{
    struct arena a = ARENA_INIT(1 << 20);
    struct resolved m;
    struct view layer;
    struct err e = ERR_INIT;
    assert_ok(builtin_pause(&a, &m, &layer, &e), &e);
    assert_int_equal(layer.n % 512, 0);
    assert_true(layer.n >= 512 + pause_program_size + 1024);
    const unsigned char *h = (const unsigned char *)layer.p;
    assert_string_equal((const char *)h, "pause");
    assert_int_equal(strtoul((const char *)h + 100, NULL, 8), 0755);
    assert_int_equal(strtoul((const char *)h + 124, NULL, 8), pause_program_size);
    assert_memory_equal(h + 257, "ustar\00000", 8);
    unsigned sum = 0;
    for (size_t i = 0; i < 512; i++)
        sum += i >= 148 && i < 156 ? ' ' : h[i];
    assert_int_equal(strtoul((const char *)h + 148, NULL, 8), sum);
    assert_memory_equal(h + 512, pause_program, pause_program_size);
    for (size_t i = 512 + pause_program_size; i < layer.n; i++)
        assert_int_equal(h[i], 0);
    arena_done(&a);
}

/* A static program: it asks for no interpreter and has no executable stack. */
static void test_elf(void **state)
{
    Elf64_Ehdr h;
    assert_true(pause_program_size > sizeof(h) && pause_program_size < 16384);
    memcpy(&h, pause_program, sizeof(h));
    assert_memory_equal(h.e_ident, ELFMAG, SELFMAG);
    assert_int_equal(h.e_type, ET_EXEC);
    for (size_t i = 0; i < h.e_phnum; i++) {
        Elf64_Phdr p;
        memcpy(&p, pause_program + h.e_phoff + i * h.e_phentsize, sizeof(p));
        assert_int_not_equal(p.p_type, PT_INTERP);
        if (p.p_type == PT_GNU_STACK)
            assert_int_equal(p.p_flags & PF_X, 0);
        if (p.p_type == PT_LOAD)
            assert_int_not_equal(p.p_flags & (PF_W | PF_X), PF_W | PF_X);
    }
}

/* Ends with status 0 on each of the two signals, also when one comes before it waits. (As process 1 it is tested with real pods.) */
static void test_signals(void **state)
{
    static const int signals[] = {SIGTERM, SIGINT};
    int fd = memfd_create("pause", 0);
    char path[64], *const argv[] = {(char *)"pause", NULL}, *const envp[] = {NULL};
    assert_true(fd >= 0);
    assert_int_equal(write(fd, pause_program, pause_program_size), (ssize_t)pause_program_size);
    snprintf(path, sizeof(path), "/proc/%d/fd/%d", (int)getpid(), fd);
    for (size_t i = 0; i < ARRAY_SIZE(signals); i++) {
        posix_spawnattr_t attr;
        sigset_t blocked;
        pid_t pid;
        int status = -1;
        sigemptyset(&blocked);
        sigaddset(&blocked, signals[i]); /* from the start, so that the signal is not lost before the program blocks it */
        posix_spawnattr_init(&attr);
        posix_spawnattr_setsigmask(&attr, &blocked);
        posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETSIGMASK);
        assert_int_equal(posix_spawn(&pid, path, NULL, &attr, argv, envp), 0);
        posix_spawnattr_destroy(&attr);
        assert_int_equal(kill(pid, SIGCHLD), 0);
        assert_int_equal(kill(pid, signals[i]), 0);
        assert_int_equal(waitpid(pid, &status, 0), pid);
        assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    }
    close(fd);
}

static void assert_there(struct fixture *f)
{
    fake_collect(f->fake);
    struct fake_live l = fake_live(f->fake);
    assert_int_equal(l.images, 3);
    assert_int_equal(l.blobs, 3);
    assert_int_equal(l.layers, 1);
    assert_int_equal(fake_left_behind(f->fake), 0);
    struct image *img = NULL;
    assert_int_equal(image_resolve_local(f->store, IMAGE_BUILTIN_PAUSE, &img, &f->e), 1);
    assert_true(img->pinned);
    assert_string_equal(img->repo_tags.v[0], IMAGE_BUILTIN_PAUSE);
    assert_int_equal(img->repo_digests.n, 1);
    image_unref(img);
}

static int make(struct fixture *f)
{
    struct image *img = NULL;
    int r = image_builtin_pause(f->service, &background, &img, &f->e);
    image_unref(img);
    return r;
}

/* Made when it is needed, once; made anew after a removal; whole whenever a collection comes. */
static void test_image(void **state)
{
    struct fixture *f = *state;
    assert_ok(make(f), &f->e);
    assert_there(f);
    size_t calls = fake_calls(f->fake);
    assert_ok(make(f), &f->e);
    assert_int_equal(fake_calls(f->fake), calls);
    assert_ok(image_remove(f->store, &background, IMAGE_BUILTIN_PAUSE, &f->e), &f->e);
    assert_int_equal(fake_live(f->fake).blobs, 0);
    assert_ok(make(f), &f->e);
    assert_there(f);
    uint64_t points = 40;
    for (uint64_t k = 0; k < points; k++) {
        fake_reset(f->fake);
        make_service(f, true, &script_http_ops, &f->script);
        uint64_t from = fake_points(f->fake);
        fake_collect_at(f->fake, k);
        assert_ok(make(f), &f->e);
        fake_collect_at(f->fake, FAKE_NO_POINT);
        points = fake_points(f->fake) - from;
        assert_there(f);
    }
    assert_true(points > 10);
}

/* An image that another version of the daemon made: the name moves on, and what it leaves is pinned no more. */
static void test_moves(void **state)
{
    struct fixture *f = *state;
    struct image *old = NULL;
    sample_serve(&f->image, &f->script, REPO, "1", false);
    assert_ok(pull(f, NAME, &old), &f->e);
    struct kv pinned = {(char *)IMAGE_LABEL_PINNED, (char *)IMAGE_LABEL_PINNED_VALUE};
    const struct ctrd_image record = {.name = IMAGE_BUILTIN_PAUSE, .target = old->target, .labels = {.v = &pinned, .n = 1, .cap = 1}};
    assert_ok(ctrd_image_create(&f->ctrd, &background, &record, &f->e), &f->e);
    assert_ok(image_store_update(f->store, &background, IMAGE_BUILTIN_PAUSE, &f->e), &f->e);
    struct image *found = NULL;
    assert_int_equal(image_resolve_local(f->store, old->id, &found, &f->e), 1);
    assert_true(found->pinned);
    image_unref(found);
    assert_ok(make(f), &f->e);
    assert_int_equal(image_resolve_local(f->store, old->id, &found, &f->e), 1);
    assert_false(found->pinned);
    image_unref(found);
    assert_int_equal(image_resolve_local(f->store, IMAGE_BUILTIN_PAUSE, &found, &f->e), 1);
    assert_true(found->pinned);
    assert_string_not_equal(found->id, old->id);
    image_unref(found);
    image_unref(old);
}

static void test_faults(void **state)
{
    struct fixture *f = *state;
    for (uint64_t k = 0;; k++) {
        fake_reset(f->fake);
        make_service(f, true, &script_http_ops, &f->script);
        fake_fail_call(f->fake, k / 2, k % 2 ? FAKE_FAIL_AFTER : FAKE_FAIL_BEFORE, ERR_INTERNAL);
        int r = make(f);
        bool met = fake_calls(f->fake) > k / 2;
        fake_fail_off(f->fake);
        fake_collect(f->fake);
        if (r < 0) {
            struct fake_live l = fake_live(f->fake);
            assert_true(met);
            assert_int_equal(l.images + l.blobs + l.layers + l.snapshots + l.leases + l.ingests, 0);
        }
        assert_ok(make(f), &f->e);
        if (!met)
            return;
    }
}

static int life(void *arg, struct err *e)
{
    struct fixture *f = arg;
    struct image *img = NULL;
    struct image_store *store = NULL;
    struct image_service *service = NULL;
    const struct image_store_options so = {.ctrd = f->ctrd, .snapshotter = "overlayfs"};
    fake_reset(f->fake);
    int r = image_store_new(&so, &store, e);
    const struct image_service_options o = {
        .ctrd = f->ctrd, .store = store, .snapshotter = "overlayfs", .inline_only = true, .http = &script_http_ops, .http_user = &f->script};
    if (r == 0)
        r = image_service_new(&o, &service, e);
    if (r == 0)
        r = image_builtin_pause(service, &background, &img, e);
    image_unref(img);
    image_service_free(service);
    image_store_free(store);
    return r;
}

static void test_sweep(void **state)
{
    struct fixture *f = *state;
    assert_true(sweep("image_builtin_pause", life, f) > 50);
}

int main(void)
{
    mem_install_hooks();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bytes), cmocka_unit_test(test_tar), cmocka_unit_test(test_elf), cmocka_unit_test(test_signals),
        T(test_image),                T(test_moves),              T(test_faults),             T(test_sweep),
    };
    return cmocka_run_group_tests_name("image/builtin", tests, NULL, NULL);
}
