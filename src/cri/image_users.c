/* SPDX-License-Identifier: Apache-2.0 */
/*
 * See image_users.h.
 */
#include "cri/image_users.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/fs.h"
#include "base/mem.h"
#include "cri/image_view.h"
#include "parse/passwd.h"
#include "parse/userspec.h"

/* The files of one image; immutable, counted by the cache's lock. */
struct users {
    unsigned refs;
    char chain_id[160];
    struct buf passwd, group;
};

struct users_cache {
    pthread_mutex_t lock;
    struct users *slot[IMAGE_USERS_CACHED_MAX]; /* replaced in turn */
    size_t next;
};

struct users_cache *users_cache_new(void)
{
    struct users_cache *c = mem_zalloc(sizeof *c);
    if (c)
        pthread_mutex_init(&c->lock, NULL);
    return c;
}

static void users_drop(struct users *u)
{
    if (!u || --u->refs > 0)
        return;
    buf_done(&u->passwd);
    buf_done(&u->group);
    mem_free(u);
}

void users_cache_free(struct users_cache *c)
{
    if (!c)
        return;
    for (size_t i = 0; i < IMAGE_USERS_CACHED_MAX; i++)
        users_drop(c->slot[i]);
    pthread_mutex_destroy(&c->lock);
    mem_free(c);
}

static void users_release(struct users_cache *c, struct users *u)
{
    pthread_mutex_lock(&c->lock);
    users_drop(u);
    pthread_mutex_unlock(&c->lock);
}

static struct users *cache_find(struct users_cache *c, const char *chain_id)
{
    struct users *found = NULL;
    pthread_mutex_lock(&c->lock);
    for (size_t i = 0; i < IMAGE_USERS_CACHED_MAX && !found; i++)
        if (c->slot[i] && strcmp(c->slot[i]->chain_id, chain_id) == 0)
            found = c->slot[i];
    if (found)
        found->refs++;
    pthread_mutex_unlock(&c->lock);
    return found;
}

static void cache_add(struct users_cache *c, struct users *u)
{
    pthread_mutex_lock(&c->lock);
    users_drop(c->slot[c->next]);
    c->slot[c->next] = u;
    u->refs++;
    c->next = (c->next + 1) % IMAGE_USERS_CACHED_MAX;
    pthread_mutex_unlock(&c->lock);
}

/* A file that is not there, or is no regular file, counts as empty: many images have neither. */
static int read_file(int root, const char *path, struct buf *out, struct err *e)
{
    _cleanup_fd_ int fd = -1;
    int r = fs_open_in_root(root, path, O_RDONLY | O_NONBLOCK | O_NOCTTY, 0, &fd, e);
    if (r == -ERR_NOT_FOUND || r == -ERR_INVALID_ARGUMENT || r == -ERR_FAILED_PRECONDITION) {
        err_clear(e);
        return 0;
    }
    TRY(r);
    struct stat st;
    if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))
        return 0;
    return fs_read_fd(fd, path, out, e);
}

static int read_users(void *arg, int root, struct err *e)
{
    struct users *u = arg;
    TRY(read_file(root, "/etc/passwd", &u->passwd, e));
    return read_file(root, "/etc/group", &u->group, e);
}

/* The files of an image, with a reference. */
static int get_users(struct cri_service *s, const struct ctx *ctx, const struct image *image, struct users **ret, struct err *e)
{
    struct users *u = cache_find(s->users, image->chain_id);
    if (!u) {
        u = mem_zalloc(sizeof *u);
        if (!u)
            return err_oom(e);
        u->refs = 1;
        snprintf(u->chain_id, sizeof u->chain_id, "%s", image->chain_id);
        buf_init(&u->passwd, IMAGE_USERS_FILE_MAX);
        buf_init(&u->group, IMAGE_USERS_FILE_MAX);
        int r = image->chain_id[0] ? image_view_run(s, ctx, image, read_users, u, e) : 0;
        if (r < 0) {
            users_release(s->users, u);
            return err_wrap(e, r, "read the users of image \"%s\"", image->id);
        }
        cache_add(s->users, u);
    }
    *ret = u;
    return 0;
}

static int check_id(int64_t id, const char *field, struct err *e)
{
    return id < 0 || id > USER_ID_MAX
               ? err_raise(e, ERR_INVALID_ARGUMENT, "config.linux.security_context.%s %" PRId64 " is outside 0 to %u", field, id, USER_ID_MAX)
               : 0;
}

/* The user[:group] that counts, as parts. The request's user comes before the image's; a group of the request needs a user of the request. */
static int choose_user(const struct image *image, const Runtime__V1__LinuxContainerSecurityContext *sc, struct userspec *ret, struct err *e)
{
    if (sc && sc->run_as_user) {
        TRY(check_id(sc->run_as_user->value, "run_as_user", e));
        *ret = (struct userspec){.user = {.class = USER_NUMERIC, .id = (uint32_t)sc->run_as_user->value}};
    } else if (sc && sc->run_as_username[0]) {
        *ret = (struct userspec){.user = user_classify(view_of(sc->run_as_username))};
        if (ret->user.class == USER_OUT_OF_RANGE)
            return err_raise(e, ERR_INVALID_ARGUMENT, "config.linux.security_context.run_as_username \"%s\" is out of range", sc->run_as_username);
    } else {
        if (sc && sc->run_as_group)
            return err_raise(e, ERR_INVALID_ARGUMENT, "config.linux.security_context.run_as_group is set without a user");
        int r = userspec_parse(view_of(image->config.user), ret, e);
        return r < 0 ? err_wrap(e, r, "user of image \"%s\"", image->id) : 0;
    }
    if (sc->run_as_group) {
        TRY(check_id(sc->run_as_group->value, "run_as_group", e));
        ret->has_group = true;
        ret->group = (struct user_part){.class = USER_NUMERIC, .id = (uint32_t)sc->run_as_group->value};
    }
    return 0;
}

/* uid and gid; *name gets the user's name when the image knows one. */
static int resolve_ids(const struct userspec *spec, const struct users *u, struct oci_user *ret, struct view *name, struct err *e)
{
    struct passwd_entry p = {0};
    bool known = spec->user.class == USER_NAME ? passwd_find_name(buf_view(&u->passwd), spec->user.name, &p)
                                               : passwd_find_uid(buf_view(&u->passwd), spec->user.id, &p);
    if (spec->user.class == USER_NAME && !known)
        return err_raise(e, ERR_NOT_FOUND, "user \"%.*s\" is not in the image's /etc/passwd", VIEW_ARG(spec->user.name));
    ret->uid = spec->user.class == USER_NAME ? p.uid : spec->user.id;
    ret->gid = known ? p.gid : 0;
    *name = known ? p.name : VIEW_EMPTY;
    if (!spec->has_group || spec->group.class == USER_EMPTY)
        return 0;
    struct group_entry g;
    if (spec->group.class == USER_NUMERIC)
        ret->gid = spec->group.id;
    else if (group_find_name(buf_view(&u->group), spec->group.name, &g))
        ret->gid = g.gid;
    else
        return err_raise(e, ERR_NOT_FOUND, "group \"%.*s\" is not in the image's /etc/group", VIEW_ARG(spec->group.name));
    return 0;
}

static int resolve_groups(const struct users *u, struct view name, struct arena *a, struct oci_user *ret, struct err *e)
{
    if (name.n == 0)
        return 0;
    size_t max = 1024, n;
    uint32_t *gids = ARENA_NEW_N(a, uint32_t, max);
    if (!gids)
        return err_oom(e);
    TRY(group_ids_of_user(buf_view(&u->group), name, gids, max, &n, e));
    ret->groups = gids;
    ret->n_groups = n;
    return 0;
}

int image_user_resolve(struct cri_service *s, const struct ctx *ctx, const struct image *image, const Runtime__V1__LinuxContainerSecurityContext *sc,
                       struct arena *a, struct oci_user *ret, struct err *e)
{
    struct userspec spec;
    struct users *u = NULL;
    struct view name;
    *ret = (struct oci_user){0};
    TRY(choose_user(image, sc, &spec, e));
    TRY(get_users(s, ctx, image, &u, e));
    int r = resolve_ids(&spec, u, ret, &name, e);
    if (r == 0)
        r = resolve_groups(u, name, a, ret, e);
    users_release(s->users, u);
    return r;
}
