/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Build: the process object. Arguments, environment, user, capabilities.
 */
#include <inttypes.h>
#include <stdlib.h>

#include "base/macro.h"
#include "oci/build.h"

enum {
    GROUPS_MAX = 65536,  /* NGROUPS_MAX (setgroups(2)) */
    GID_MAX = INT32_MAX, /* what runtimes and Kubernetes take */
};

/* An entry without '=' takes the name out, as in images' configurations that unset a variable of a layer below. */
void build_env(struct build *b, struct view entry)
{
    struct view name;
    if (!entry.n)
        return;
    if (view_cut(entry, '=', &name, NULL))
        tree_set_view(&b->m, b->env, name, tree_string_view(&b->m, entry));
    else if (tree_get_view(b->env, name))
        tree_set_view(&b->m, b->env, name, tree_null(&b->m)); /* build_finish passes over it */
}

int build_args(struct build *b, char *const *first, size_t n_first, char *const *second, size_t n_second, struct err *e)
{
    if (n_first + n_second == 0)
        return err_raise(e, ERR_INVALID_ARGUMENT, "no command specified");
    const char *program = n_first ? first[0] : second[0];
    if (!*program)
        return err_raise(e, ERR_INVALID_ARGUMENT, "no command specified: its first word is empty");
    struct tree *args = tree_strings(&b->m, first, n_first);
    for (size_t i = 0; i < n_second; i++)
        tree_push_str(&b->m, args, second[i]);
    tree_set(&b->m, b->process, "args", args);
    return 0;
}

int build_cwd(struct build *b, const char *config_dir, const char *image_dir, struct err *e)
{
    if (config_dir && *config_dir) {
        if (config_dir[0] != '/')
            return err_raise(e, ERR_INVALID_ARGUMENT, "config.working_dir \"%s\" is not an absolute path", config_dir);
        tree_set_str(&b->m, b->process, "cwd", config_dir);
    } else if (image_dir && *image_dir) {
        char *dir = arena_printf(b->m.a, "%s%s", image_dir[0] == '/' ? "" : "/", image_dir);
        if (!dir)
            return err_oom(e);
        tree_set_str(&b->m, b->process, "cwd", dir);
    }
    return 0;
}

static int compare_u32(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return x < y ? -1 : x > y;
}

int build_user(struct build *b, const struct oci_user *user, int policy, const int64_t *supplemental, size_t n, struct err *e)
{
    const int merge = RUNTIME__V1__SUPPLEMENTAL_GROUPS_POLICY__Merge, strict = RUNTIME__V1__SUPPLEMENTAL_GROUPS_POLICY__Strict;
    if (policy != merge && policy != strict)
        return err_raise(e, ERR_INVALID_ARGUMENT,
                         "config.linux.security_context.supplemental_groups_policy has the unknown value %d", policy);
    size_t from_image = policy == merge ? user->n_groups : 0;
    if (n > GROUPS_MAX || from_image > GROUPS_MAX)
        return err_raise(e, ERR_INVALID_ARGUMENT, "config.linux.security_context.supplemental_groups: more than %d groups",
                         GROUPS_MAX);
    uint32_t *gids = ARENA_NEW_N(b->m.a, uint32_t, n + from_image + 1);
    if (!gids)
        return err_oom(e);
    size_t count = 0;
    gids[count++] = user->gid; /* CVE-2023-25173: the primary group counts among the others */
    for (size_t i = 0; i < from_image; i++)
        gids[count++] = user->groups[i];
    for (size_t i = 0; i < n; i++) {
        if (supplemental[i] < 0 || supplemental[i] > GID_MAX)
            return err_raise(e, ERR_INVALID_ARGUMENT,
                             "config.linux.security_context.supplemental_groups[%zu] is %" PRId64 ", outside 0 to %d", i,
                             supplemental[i], GID_MAX);
        gids[count++] = (uint32_t)supplemental[i];
    }
    qsort(gids, count, sizeof(*gids), compare_u32);
    struct tree_mem *m = &b->m;
    struct tree *object = tree_object(m), *list = tree_array(m);
    tree_set_u64(m, object, "uid", user->uid);
    tree_set_u64(m, object, "gid", user->gid);
    for (size_t i = 0; i < count; i++)
        if (i == 0 || gids[i] != gids[i - 1])
            tree_push(m, list, tree_u64(m, gids[i]));
    tree_set(m, object, "additionalGids", list);
    tree_set(m, b->process, "user", object);
    return 0;
}

static void set_caps(struct build *b, struct tree *object, const char *set, uint64_t caps)
{
    struct tree *list = tree_array(&b->m);
    for (unsigned i = 0; i < OCI_CAP_COUNT; i++)
        if (caps & (UINT64_C(1) << i))
            tree_push_str(&b->m, list, oci_cap_name(i));
    tree_set(&b->m, object, set, list);
}

void build_caps(struct build *b, const struct oci_caps *caps)
{
    struct tree *object = tree_object(&b->m);
    set_caps(b, object, "bounding", caps->effective);
    set_caps(b, object, "effective", caps->effective);
    set_caps(b, object, "permitted", caps->effective);
    if (caps->inheritable)
        set_caps(b, object, "inheritable", caps->inheritable);
    if (caps->ambient)
        set_caps(b, object, "ambient", caps->ambient);
    tree_set(&b->m, b->process, "capabilities", object);
}

uint64_t build_caps_now(const struct build *b)
{
    const struct tree *list = tree_get(tree_get(b->process, "capabilities"), "effective");
    uint64_t caps = 0;
    unsigned number;
    for (size_t i = 0; list && list->kind == TREE_ARRAY && i < list->n; i++)
        if (oci_cap_number(tree_str(list->v[i].value), &number))
            caps |= UINT64_C(1) << number;
    return caps;
}
