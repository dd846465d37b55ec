/* SPDX-License-Identifier: Apache-2.0 */
/*
 * See volumes.h.
 */
#include "cri/volumes.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

#include "base/fs.h"
#include "base/fs_copy.h"
#include "base/id.h"
#include "cri/container.h"
#include "cri/image_view.h"
#include "oci/constants.h"
#include "oci/paths.h"

struct making {
    const struct image *image;
    struct arena *arena;
    char *dir; /* <root>/containers/<id>/volumes */
    struct oci_bind *v;
    size_t n;
    struct fs_copy_limits limits;
};

/* The targets that something else is mounted on, as oci/ understands them: by the request, and the pod's files. */
static int taken_targets(const Runtime__V1__ContainerConfig *config, struct arena *a, struct strlist *ret, struct err *e)
{
    static const char *const pod_files[] = {OCI_ETC_HOSTNAME, OCI_ETC_HOSTS, OCI_RESOLV_CONF, OCI_DEV_SHM};
    for (size_t i = 0; i < ARRAY_SIZE(pod_files); i++)
        if (strlist_add(ret, a, pod_files[i]) < 0)
            return err_oom(e);
    for (size_t i = 0; i < config->n_mounts; i++) {
        char *target = oci_path_clean(config->mounts[i]->container_path, a);
        if (!target || strlist_add(ret, a, target) < 0)
            return err_oom(e);
    }
    return 0;
}

/* Which volumes are to be made, each target once. */
static int choose(struct making *m, const Runtime__V1__ContainerConfig *config, bool ignored, struct err *e)
{
    const struct strlist *volumes = &m->image->config.volumes;
    struct strlist taken = {0};
    if (volumes->n == 0 || ignored)
        return 0;
    TRY(taken_targets(config, m->arena, &taken, e));
    m->v = ARENA_NEW_N(m->arena, struct oci_bind, volumes->n);
    if (!m->v)
        return err_oom(e);
    for (size_t i = 0; i < volumes->n; i++) {
        char *rooted = arena_printf(m->arena, "/%s", volumes->v[i]);
        char *target = rooted ? oci_path_clean(rooted, m->arena) : NULL;
        if (!target)
            return err_oom(e);
        if (!target[1])
            return err_raise(e, ERR_INVALID_ARGUMENT, "volume \"%s\" of image \"%s\" is the root of the container", volumes->v[i], m->image->id);
        if (strlist_has(&taken, target))
            continue;
        if (strlist_add(&taken, m->arena, target) < 0)
            return err_oom(e);
        m->v[m->n++] = (struct oci_bind){.destination = target, .relabel = true};
    }
    return 0;
}

static int make_directory(struct making *m, struct oci_bind *volume, int *ret_fd, struct err *e)
{
    char id[ID_LEN + 1];
    TRY(id_generate(id, e));
    volume->source = fs_join(m->arena, m->dir, id);
    if (!volume->source)
        return err_oom(e);
    TRY(fs_mkdir_all(volume->source, 0755, e));
    int fd = open(volume->source, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        return err_errno(e, errno, "open %s", volume->source);
    if (fchmod(fd, 0755) < 0) { /* whatever the umask */
        int r = err_errno(e, errno, "change the mode of %s", volume->source);
        fd_close(&fd);
        return r;
    }
    *ret_fd = fd;
    return 0;
}

/* root: of the image; -1 when it has no files at all. */
static int make_volume(struct making *m, struct oci_bind *volume, int root, struct err *e)
{
    _cleanup_fd_ int to = -1, from = -1;
    TRY(make_directory(m, volume, &to, e));
    if (root < 0)
        return 0;
    int r = fs_open_in_root(root, volume->destination, O_RDONLY | O_DIRECTORY, 0, &from, e);
    if (r == -ERR_NOT_FOUND) {
        err_clear(e);
        return 0;
    }
    return r < 0 ? r : fs_copy_tree(from, to, &m->limits, e);
}

static int make_all(void *arg, int root, struct err *e)
{
    struct making *m = arg;
    for (size_t i = 0; i < m->n; i++) {
        int r = make_volume(m, &m->v[i], root, e);
        if (r < 0)
            return err_wrap(e, r, "volume \"%s\" of image \"%s\"", m->v[i].destination, m->image->id);
    }
    return 0;
}

int volumes_make(struct cri_service *s, const struct ctx *ctx, const char *container_id, const Runtime__V1__ContainerConfig *config,
                 const struct image *image, struct arena *a, const struct oci_bind **ret, size_t *ret_n, struct err *e)
{
    char *root = container_root_dir(s, a, container_id);
    struct making m = {
        .image = image,
        .arena = a,
        .dir = root ? fs_join(a, root, "volumes") : NULL,
        .limits = {.entries = VOLUMES_ENTRIES_MAX, .depth = VOLUMES_DEPTH_MAX, .ctx = ctx},
    };
    if (!m.dir)
        return err_oom(e);
    TRY(choose(&m, config, s->config.ignore_image_volumes, e));
    if (m.n > 0)
        TRY(image->chain_id[0] ? image_view_run(s, ctx, image, make_all, &m, e) : make_all(&m, -1, e));
    *ret = m.v;
    *ret_n = m.n;
    return 0;
}
