/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The VOLUMEs of images: what the container gets, where from, and that nothing but the image is ever read. Copying itself is tested in
 * unit/base/test_fs_copy.c.
 */
#include "support.h"

#include <sys/stat.h>
#include <unistd.h>

#include <jansson.h>

#include "base/fs.h"
#include "cri/container_spec.h"
#include "cri/image_view.h"
#include "cri/volumes.h"
#include "fixture.h"

static char pod[ID_LEN + 1], image_name[48]; /* the image that was made last */
static struct arena arena = ARENA_INIT(ARENA_BUDGET_DEFAULT);

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
    fx_remove_all(f);
    bool clean = fx_nothing_left(f);
    arena_done(&arena);
    fx_free(f);
    return clean ? 0 : -1;
}

static char *in_image(struct fx *f, const char *path)
{
    char *p = arena_printf(&arena, "%s/%s", f->rootfs, path);
    assert_non_null(p);
    return p;
}

static void put(struct fx *f, const char *dir, const char *name, const char *text)
{
    struct err e = ERR_INIT;
    char path[256];
    assert_ok(fs_mkdir_all(in_image(f, dir), 0755, &e), &e);
    snprintf(path, sizeof path, "%s/%s", in_image(f, dir), name);
    assert_ok(fs_write_file(path, view_of(text), 0644, &e), &e);
}

/* Makes another image, with the JSON object as its Volumes. */
static void image(struct fx *f, const char *volumes)
{
    static unsigned made;
    snprintf(image_name, sizeof image_name, "registry.example/volumes:%u", made++);
    char *config = arena_printf(&arena, "\"Cmd\":[\"/bin/sh\"],\"Volumes\":%s", volumes);
    assert_non_null(config);
    fx_image(f, image_name, config);
    fx_restart(f);
}

static void init(struct fx *f, struct fx_container *c, struct fx_pod *p)
{
    fx_pod_init(f, p, "web");
    fx_container_init(c, pod, p, "a");
    c->image.image = image_name;
}

static void create(struct fx *f, char id[ID_LEN + 1])
{
    struct fx_pod p;
    struct fx_container c;
    init(f, &c, &p);
    assert_ok(fx_create(f, &c, id), &f->e);
}

/* The source of the one mount with this target in the container's spec; "" when there is none. It is one of the container's own directories. */
static const char *source_of(struct fx *f, const char *id, const char *target)
{
    const struct ctrd ctrd = fake_ctrd(f->fake);
    const struct ctx ctx = CTX_BACKGROUND;
    struct err e = ERR_INIT;
    struct ctrd_container record;
    const char *found = "";
    assert_ok(ctrd_container_get(&ctrd, &ctx, id, &arena, &record, &e), &e);
    json_t *spec = json_loadb(record.spec.value.p, record.spec.value.n, 0, NULL), *mount;
    size_t i, n = 0;
    json_array_foreach(json_object_get(spec, "mounts"), i, mount)
        if (strcmp(json_string_value(json_object_get(mount, "destination")), target) == 0) {
            found = arena_strdup(&arena, json_string_value(json_object_get(mount, "source")));
            assert_int_equal(json_array_size(json_object_get(mount, "options")), 3);
            n++;
        }
    json_decref(spec);
    assert_true(n <= 1);
    return found;
}

static const char *volume_of(struct fx *f, const char *id, const char *target)
{
    const char *source = source_of(f, id, target), *prefix = fx_path(f, f->root, "containers", id, "volumes/");
    assert_int_equal(strncmp(source, prefix, strlen(prefix)), 0);
    assert_int_equal(strlen(source), strlen(prefix) + 64);
    assert_int_equal(strspn(source + strlen(prefix), "0123456789abcdef"), 64);
    return source;
}

static void holds(const char *dir, const char *name, const char *want)
{
    struct err e = ERR_INIT;
    _cleanup_buf_ struct buf b = BUF_INIT(1 << 20);
    char path[512];
    snprintf(path, sizeof path, "%s/%s", dir, name);
    assert_ok(fs_read_file(path, &b, &e), &e);
    assert_view(buf_view(&b), want);
}

static void is_empty(const char *dir)
{
    struct stat st;
    assert_int_equal(stat(dir, &st), 0);
    assert_true(S_ISDIR(st.st_mode));
    assert_int_equal(st.st_mode & 07777, 0755);
    assert_int_equal(st.st_uid, geteuid());
    assert_int_equal(rmdir(dir), 0); /* nothing is in it */
    assert_int_equal(mkdir(dir, 0755), 0);
}

static void refused(struct fx *f, enum err_code code, const char *text)
{
    struct fx_pod p;
    struct fx_container c;
    struct fx_world before = fx_look(f);
    init(f, &c, &p);
    assert_fails(fx_create(f, &c, NULL), &f->e, code, text);
    struct fx_world after = fx_look(f);
    assert_true(fx_same(&before, &after));
}

static void makes_volumes(void **state)
{
    struct fx *f = *state;
    char id[ID_LEN + 1], other[ID_LEN + 1];
    struct stat st;
    put(f, "data/sub", "file", "from the image");
    put(f, "var/log", "log", "line");
    assert_int_equal(chmod(in_image(f, "data"), 01750), 0);
    image(f, "{\"/data\":{},\"/var/log\":{},\"/none/there\":{}}");
    umask(077);
    size_t mark = fake_calls(f->fake);
    create(f, id);
    umask(022);
    /* One view for the users, one for all the volumes. */
    assert_true(fx_calls_are(f, mark, (const char *const[]){"Snapshots/View", "Snapshots/Remove", "Snapshots/View", "Snapshots/Remove",
                                                            "Containers/Create", "Snapshots/Prepare", NULL}));
    const char *data = volume_of(f, id, "/data");
    holds(data, "sub/file", "from the image");
    assert_int_equal(stat(data, &st), 0);
    assert_int_equal(st.st_mode & 07777, 01750);
    holds(volume_of(f, id, "/var/log"), "log", "line");
    is_empty(volume_of(f, id, "/none/there"));

    struct fx_pod p;
    struct fx_container c;
    init(f, &c, &p);
    c.metadata.name = (char *)"b";
    assert_ok(fx_create(f, &c, other), &f->e);
    assert_string_not_equal(volume_of(f, other, "/data"), data); /* each container has its own */
    assert_ok(fx_remove_container(f, id), &f->e);
    assert_false(fx_exists(data));
    holds(volume_of(f, other, "/data"), "sub/file", "from the image");
    holds(in_image(f, "data"), "sub/file", "from the image");
}

static void leaves_out_what_is_taken(void **state)
{
    struct fx *f = *state;
    struct fx_pod p;
    struct fx_container c;
    char id[ID_LEN + 1], source[200];
    put(f, "data", "file", "from the image");
    image(f, "{\"/data\":{},\"/logs\":{},\"/etc/hosts\":{},\"logs/\":{},\"//logs//.\":{},\"/dev/shm\":{}}");
    init(f, &c, &p);
    snprintf(source, sizeof source, "%s/volume", f->dir);
    Runtime__V1__Mount m = RUNTIME__V1__MOUNT__INIT, *mounts[] = {&m};
    m.container_path = (char *)"/data/";
    m.host_path = source;
    c.config.mounts = mounts;
    c.config.n_mounts = 1;
    assert_ok(fx_create(f, &c, id), &f->e);
    assert_string_equal(source_of(f, id, "/data"), source);
    assert_non_null(strstr(source_of(f, id, "/etc/hosts"), "/sandboxes/"));
    assert_non_null(strstr(source_of(f, id, "/dev/shm"), "/sandboxes/"));
    const char *logs = volume_of(f, id, "/logs");
    is_empty(logs);
    /* There is one directory and no more. */
    assert_int_equal(rmdir(logs), 0);
    assert_int_equal(rmdir(fx_path(f, f->root, "containers", id, "volumes")), 0);
}

static void needs_no_view_without_volumes(void **state)
{
    struct fx *f = *state;
    char id[ID_LEN + 1];
    image(f, "{\"/etc/hosts\":{}}");
    size_t mark = fake_calls(f->fake);
    create(f, id);
    assert_true(fx_calls_are(f, mark, (const char *const[]){"Snapshots/View", "Snapshots/Remove", "Containers/Create", "Snapshots/Prepare", NULL}));
    assert_false(fx_exists(fx_path(f, f->root, "containers", id, "volumes")));
}

/* CVE-2022-23648: a VOLUME whose path leads through a link of the image must give the image's files, never the host's. */
static void cve_2022_23648(void **state)
{
    struct fx *f = *state;
    char id[ID_LEN + 1];
    put(f, "etc", "marker", "the image's");
    put(f, "sub/deep", "file", "below");
    assert_int_equal(symlink("/etc", in_image(f, "absolute")), 0);
    assert_int_equal(symlink("../../../../../../../../../../../../etc", in_image(f, "sub/relative")), 0);
    assert_int_equal(symlink("../../..", in_image(f, "up")), 0);
    assert_int_equal(symlink("/usr/share", in_image(f, "host-only")), 0); /* not in the image */
    assert_int_equal(symlink("sub/../up/./sub", in_image(f, "chain")), 0);
    image(f, "{\"/absolute\":{},\"/sub/relative\":{},\"/up\":{},\"/host-only\":{},\"/chain/deep\":{},\"/../../../../../../../../tmp\":{},"
             "\"/up/up/etc\":{}}");
    create(f, id);
    holds(volume_of(f, id, "/absolute"), "marker", "the image's");
    holds(volume_of(f, id, "/absolute"), "passwd", "root:x:0:0::/:\napp:x:7:8::/:\n");
    holds(volume_of(f, id, "/sub/relative"), "marker", "the image's");
    holds(volume_of(f, id, "/up"), "etc/marker", "the image's"); /* the top of the image is as far up as it goes */
    holds(volume_of(f, id, "/chain/deep"), "file", "below");
    holds(volume_of(f, id, "/up/up/etc"), "marker", "the image's");
    is_empty(volume_of(f, id, "/host-only"));
    is_empty(volume_of(f, id, "/tmp"));
}

/* Links below a volume are copied as links. */
static void keeps_links_below(void **state)
{
    struct fx *f = *state;
    char id[ID_LEN + 1], target[64] = "", path[512];
    put(f, "data", "file", "x");
    assert_int_equal(symlink("/etc/passwd", in_image(f, "data/users")), 0);
    image(f, "{\"/data\":{}}");
    create(f, id);
    snprintf(path, sizeof path, "%s/users", volume_of(f, id, "/data"));
    assert_true(readlink(path, target, sizeof target - 1) > 0);
    assert_string_equal(target, "/etc/passwd");
}

static void refuses_what_is_no_directory(void **state)
{
    struct fx *f = *state;
    put(f, "data", "file", "x");
    assert_int_equal(symlink("loop", in_image(f, "loop")), 0);
    image(f, "{\"/ok\":{},\"/data/file\":{}}");
    refused(f, ERR_FAILED_PRECONDITION, "volume \"/data/file\" of image");
    image(f, "{\"/data/file/below\":{}}");
    refused(f, ERR_FAILED_PRECONDITION, "Not a directory");
    image(f, "{\"/loop\":{}}");
    refused(f, ERR_INVALID_ARGUMENT, "volume \"/loop\"");
    static const char *const roots[] = {"/", "", ".", "/..", "/a/.."};
    for (size_t i = 0; i < ARRAY_SIZE(roots); i++) {
        char volumes[64];
        snprintf(volumes, sizeof volumes, "{\"/data\":{},\"%s\":{}}", roots[i]);
        image(f, volumes);
        refused(f, ERR_INVALID_ARGUMENT, "is the root of the container");
    }
}

/* Each level lies two below the container's own directory: removal copes with what copying allows, and copying stops where it says. */
static void limits_depth(void **state)
{
    struct fx *f = *state;
    struct err e = ERR_INIT;
    char below[2 * (VOLUMES_DEPTH_MAX + 1) + 1] = "", id[ID_LEN + 1];
    for (int i = 0; i < VOLUMES_DEPTH_MAX; i++)
        strcat(below, "/d");
    char *path = arena_printf(&arena, "%s%s", in_image(f, "data"), below);
    assert_ok(fs_mkdir_all(path, 0755, &e), &e);
    image(f, "{\"/data\":{}}");
    create(f, id);
    assert_true(fx_exists(arena_printf(&arena, "%s%s", volume_of(f, id, "/data"), below)));
    assert_ok(fx_remove_container(f, id), &f->e);
    strcat(below, "/d");
    assert_ok(fs_mkdir_all(arena_printf(&arena, "%s%s", in_image(f, "data"), below), 0755, &e), &e);
    refused(f, ERR_OUT_OF_RANGE, "levels");
}

static void is_undone(void **state)
{
    struct fx *f = *state;
    put(f, "data", "file", "x");
    image(f, "{\"/data\":{},\"/more\":{}}");
    f->fails[FX_OPEN_ROOT] = ERR_RESOURCE_EXHAUSTED;
    refused(f, ERR_RESOURCE_EXHAUSTED, "open_root");
    f->fails[FX_OPEN_ROOT] = ERR_OK;
    fake_fail_method(f->fake, "Snapshots/View", FAKE_FAIL_BEFORE, ERR_UNKNOWN, "no view", 1);
    refused(f, ERR_UNKNOWN, "no view");
    fake_fail_method(f->fake, "Containers/Create", FAKE_FAIL_BEFORE, ERR_UNKNOWN, "no record", 1); /* when the volumes are there */
    refused(f, ERR_UNKNOWN, "no record");
    char id[ID_LEN + 1];
    create(f, id);
    holds(volume_of(f, id, "/data"), "file", "x");
}

/* A daemon that was killed while it copied leaves a view: the next start takes it away. */
static void cleans_views(void **state)
{
    struct fx *f = *state;
    const struct ctrd ctrd = fake_ctrd(f->fake);
    const struct ctx ctx = CTX_BACKGROUND;
    struct err e = ERR_INIT;
    struct image *found;
    struct kvlist labels = {0};
    struct ctrd_mounts mounts;
    assert_int_equal(image_resolve_local(f->service.images, FX_IMAGE, &found, &e), 1);
    assert_ok(kvlist_set(&labels, &arena, "containerd.io/gc.root", "1970-01-01T00:00:00Z"), &e);
    struct fx_world before = fx_look(f);
    assert_ok(ctrd_snapshot_view(&ctrd, &ctx, "overlayfs", "cri-view-0123", found->chain_id, &labels, &arena, &mounts, &e), &e);
    image_unref(found);
    struct fx_world with = fx_look(f);
    assert_false(fx_same(&before, &with));
    fx_restart(f);
    struct fx_world after = fx_look(f);
    assert_true(fx_same(&before, &after));
}

/* Allocations that fail while volumes are made. */
static void survives_failing_allocations(void **state)
{
    struct fx *f = *state;
    struct err e = ERR_INIT;
    const struct ctx ctx = CTX_BACKGROUND;
    struct fx_pod p;
    struct fx_container c;
    struct image *found;
    put(f, "data", "file", "x");
    image(f, "{\"/data\":{},\"/more\":{}}");
    init(f, &c, &p);
    assert_int_equal(image_resolve_local(f->service.images, image_name, &found, &e), 1);
    uint64_t at = 0, asked;
    do {
        struct fx_world before = fx_look(f);
        struct arena a = ARENA_INIT(1 << 20);
        const struct oci_bind *v;
        size_t n = 0, live = mem_live();
        err_clear(&e);
        mem_fail_at(at, false);
        int r = volumes_make(&f->service, &ctx, "sweep", &c.config, found, &a, &v, &n, &e);
        asked = mem_fail_off();
        arena_done(&a);
        assert_true(r == 0 || (r == -ERR_RESOURCE_EXHAUSTED && at < asked)); /* the removal of the view is tried again */
        assert_int_equal(n, r == 0 ? 2 : 0);
        assert_int_equal(mem_live(), live);
        assert_ok(fs_remove_all(fx_path(f, f->root, "containers", "sweep", NULL), &e), &e);
        struct fx_world after = fx_look(f);
        assert_true(fx_same(&before, &after));
    } while (at++ < asked);
    assert_true(asked > 5);
    image_unref(found);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
    mem_install_hooks();
    umask(022);
    fx_warm_up();
    const struct CMUnitTest tests[] = {
        TEST(makes_volumes),
        TEST(leaves_out_what_is_taken),
        TEST(needs_no_view_without_volumes),
        TEST(cve_2022_23648),
        TEST(keeps_links_below),
        TEST(refuses_what_is_no_directory),
        TEST(limits_depth),
        TEST(is_undone),
        TEST(cleans_views),
        TEST(survives_failing_allocations),
    };
    return cmocka_run_group_tests_name("cri/volumes", tests, NULL, NULL);
}
