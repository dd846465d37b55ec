/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Leftovers: what belongs to no pod or container that there is a record of, and records that cannot be read.
 *
 * A daemon may be at work meanwhile. So things are listed first and records last (a record comes before its snapshot and its namespace, and goes after its
 * task); what seems left is looked at once more; and a folder, which comes before its record, counts only when it has rested for a while.
 */
#include <dirent.h>
#include <string.h>
#include <sys/stat.h>

#include "base/fs.h"
#include "cri/service.h"
#include "cri/stored.h"
#include "doctor/internal.h"
#include "parse/mountinfo.h"

enum { NETNS_NAME_LEN = sizeof "cni-00000000-0000-0000-0000-000000000000" - 1 };

static const char *const bases_of[] = {"sandboxes", "containers"};

struct leftovers {
    struct doctor *d;
    const struct doctor_facts *f;
    bool daemon_runs;
    struct strlist folders; /* whole paths */
    struct strlist netns;   /* whole paths */
    struct strlist mounts;  /* mount points below the daemon's directories */
    struct ctrd_processes tasks;
    struct ctrd_container *records;
    size_t n_records;
    struct strmap ids;       /* of every record, ours or not */
    struct strmap snapshots; /* keys that records name */
    struct strmap pods;      /* ids of pods' records */
    struct strmap used_netns; /* names */
    size_t unreadable, n;
};

static void keep(struct leftovers *l, struct strlist *list, const char *dir, const char *name)
{
    const char *path = fs_join(&l->d->arena, dir, name);
    if (!path || strlist_add(list, &l->d->arena, path) < 0)
        l->d->no_memory = true;
}

static void mark(struct leftovers *l, struct strmap *m, const char *key)
{
    if (key && *key && strmap_set(m, key, l, NULL) < 0)
        l->d->no_memory = true;
}

static const char *last_part(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

static void left(struct leftovers *l, const char *id, const char *what, const char *thing, const char *format, ...) _printf_(5, 6);
/* Adds a finding; the format is of the advice. */
static void left(struct leftovers *l, const char *id, const char *what, const char *thing, const char *format, ...)
{
    va_list ap;
    va_start(ap, format);
    const char *advice = arena_vprintf(&l->d->arena, format, ap);
    va_end(ap);
    l->n++;
    l->d->no_memory = l->d->no_memory || !advice;
    doctor_add(l->d, DOCTOR_WARNING, id, advice, "%s %s belongs to nothing that there is", what, thing);
}

/* --- what there is --------------------------------------------------------------------------------------------------------------------- */

static void list_folders(struct leftovers *l, const char *top)
{
    for (size_t i = 0; i < ARRAY_SIZE(bases_of); i++) {
        struct strlist names = {0};
        const char *folder = fs_join(&l->d->arena, top, bases_of[i]);
        if (!folder || stored_folders(folder, &l->d->arena, &names, NULL) < 0) {
            l->d->no_memory = true;
            return;
        }
        for (size_t j = 0; j < names.n; j++)
            keep(l, &l->folders, folder, names.v[j]);
    }
}

static void list_netns(struct leftovers *l)
{
    DIR *dir = opendir(l->d->options.netns_dir);
    for (struct dirent *entry; dir && (entry = readdir(dir));)
        if (strncmp(entry->d_name, "cni-", 4) == 0 && strlen(entry->d_name) == NETNS_NAME_LEN)
            keep(l, &l->netns, l->d->options.netns_dir, entry->d_name);
    if (dir)
        closedir(dir);
}

static void list_mounts(struct leftovers *l)
{
    _cleanup_buf_ struct buf text = BUF_INIT(0);
    struct mountinfo m;
    if (!doctor_read(l->d, "/proc/self/mountinfo", &text))
        return;
    struct view rest = buf_view(&text), line;
    const char *const tops[] = {l->d->options.root, l->d->options.state};
    while (view_next_line(&rest, &line)) {
        if (!mountinfo_parse(line, &m))
            continue;
        char *point = arena_view(&l->d->arena, m.mount_point);
        if (!point) {
            l->d->no_memory = true;
            return;
        }
        point[mountinfo_unescape(m.mount_point, point)] = '\0';
        for (size_t i = 0; i < ARRAY_SIZE(tops); i++)
            if (strncmp(point, tops[i], strlen(tops[i])) == 0 && point[strlen(tops[i])] == '/' && strlist_add(&l->mounts, &l->d->arena, point) < 0)
                l->d->no_memory = true;
    }
}

/* --- records --------------------------------------------------------------------------------------------------------------------------- */

static void read_record(struct leftovers *l, const struct ctrd_container *record)
{
    const char *kind = kvlist_get(&record->labels, META_LABEL_KIND);
    struct sandbox_meta pod = {0};
    struct container_meta container;
    struct err e = ERR_INIT;
    int r = 0;
    mark(l, &l->ids, record->id);
    mark(l, &l->snapshots, record->snapshot_key);
    if (kind && strcmp(kind, META_KIND_SANDBOX) == 0) {
        mark(l, &l->pods, record->id);
        r = stored_sandbox(record, &l->d->arena, &pod, &e);
        if (r == 0)
            mark(l, &l->used_netns, last_part(pod.netns_path));
    } else if (kind && strcmp(kind, META_KIND_CONTAINER) == 0) {
        r = stored_container(record, &l->d->arena, &container, &e);
    }
    if (r == 0 || doctor_is_oom(l->d, &e))
        return;
    l->unreadable++;
    l->n++;
    const char *advice = arena_printf(&l->d->arena, "The daemon sets it aside. When the %s is not wanted: ctr -n k8s.io tasks kill -s KILL %s, then ctr -n k8s.io "
                                                    "containers delete %s.", kind, record->id, record->id);
    doctor_add_failed(l->d, DOCTOR_WARNING, "leftover-record", advice, &e, "the record of %s %s cannot be read", kind, record->id);
}

/* A container whose pod is gone. Its record comes after the pod's and goes before it. */
static void judge_container(struct leftovers *l, const struct ctrd_container *record)
{
    const char *kind = kvlist_get(&record->labels, META_LABEL_KIND);
    struct container_meta m;
    struct ctrd_container again;
    struct err e = ERR_INIT;
    struct ctx ctx = doctor_limit(DOCTOR_CALL_LIMIT);
    if (!kind || strcmp(kind, META_KIND_CONTAINER) != 0 || stored_container(record, &l->d->arena, &m, &e) < 0 || strmap_get(&l->pods, m.sandbox_id))
        return;
    if (ctrd_container_get(l->d->view.ctrd, &ctx, record->id, &l->d->arena, &again, &e) == 0)
        left(l, "leftover-container", "container", record->id, "crictl rm -f %s removes it.", record->id);
}

/* --- what belongs to nothing ------------------------------------------------------------------------------------------------------------- */

static bool is_young(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0 && clock_real() - ((int64_t)st.st_ctim.tv_sec * (int64_t)NSEC_PER_SEC) < (int64_t)(CRI_RUN_LIMIT + CRI_UNDO_LIMIT);
}

static void judge_folders(struct leftovers *l)
{
    for (size_t i = 0; i < l->folders.n; i++) {
        const char *path = l->folders.v[i];
        if (strmap_get(&l->ids, last_part(path)) || !fs_exists(path) || (l->daemon_runs && is_young(path)))
            continue;
        left(l, "leftover-directory", "the directory", path, "The daemon removes it when it %s, unless there are records that cannot be read.",
             l->daemon_runs ? "starts again" : "starts");
    }
}

static void judge_netns(struct leftovers *l)
{
    for (size_t i = 0; i < l->netns.n; i++)
        if (!strmap_get(&l->used_netns, last_part(l->netns.v[i])) && fs_exists(l->netns.v[i]))
            left(l, "leftover-netns", "the network namespace", l->netns.v[i], "Where no other program uses it: umount %s; rm %s", l->netns.v[i], l->netns.v[i]);
}

/* The id in <top>/sandboxes/<id>/shm; NULL: another path. */
static const char *id_in(struct leftovers *l, const char *path)
{
    const char *found = strstr(path, "/sandboxes/");
    const char *begin = found ? found + strlen("/sandboxes/") : NULL, *end = begin ? strchr(begin, '/') : NULL;
    char *id = end ? arena_strndup(&l->d->arena, begin, (size_t)(end - begin)) : NULL;
    l->d->no_memory = l->d->no_memory || (end && !id);
    return id && stored_is_id(id) ? id : NULL;
}

static void judge_mounts(struct leftovers *l)
{
    const char *scratch = fs_join(&l->d->arena, l->d->options.state, "tmp/");
    for (size_t i = 0; scratch && i < l->mounts.n; i++) {
        const char *path = l->mounts.v[i], *id = id_in(l, path);
        bool lost = id ? !strmap_get(&l->ids, id) && !(l->daemon_runs && is_young(path)) : !l->daemon_runs && strncmp(path, scratch, strlen(scratch)) == 0;
        if (lost)
            left(l, "leftover-mount", "the mount", path, "umount %s", path);
    }
}

static bool has_task(const struct ctrd_processes *list, const char *id)
{
    for (size_t i = 0; i < list->n; i++)
        if (strcmp(list->v[i].container_id, id) == 0)
            return true;
    return false;
}

/* The second look is at the list again, since Tasks.Get finds no task without a record. */
static void judge_tasks(struct leftovers *l)
{
    struct ctrd_processes now = {0};
    bool asked = false;
    for (size_t i = 0; i < l->tasks.n; i++) {
        const struct ctrd_process *p = &l->tasks.v[i];
        struct ctx ctx = doctor_limit(DOCTOR_CALL_LIMIT);
        struct err e = ERR_INIT;
        if (strmap_get(&l->ids, p->container_id))
            continue;
        if (!asked && ctrd_task_list(l->d->view.ctrd, &ctx, &l->d->arena, &now, &e) < 0)
            doctor_is_oom(l->d, &e);
        asked = true;
        if (has_task(&now, p->container_id))
            left(l, "leftover-task", "the task", p->container_id, "End its process (kill -9 %u) and restart containerd, which then removes its shim.", p->pid);
    }
}

static void judge_snapshots(struct leftovers *l, const char *snapshotter, const struct ctrd_snapshots *list)
{
    for (size_t i = 0; i < list->n; i++) {
        const char *key = list->v[i].name;
        struct ctrd_snapshot_info again;
        struct ctx ctx = doctor_limit(DOCTOR_CALL_LIMIT);
        bool view = !l->daemon_runs && strncmp(key, STORED_VIEW_PREFIX, strlen(STORED_VIEW_PREFIX)) == 0;
        if (!view && (!stored_is_id(key) || strmap_get(&l->snapshots, key) || strmap_get(&l->ids, key)))
            continue;
        if (ctrd_snapshot_stat(l->d->view.ctrd, &ctx, snapshotter, key, &l->d->arena, &again, NULL) < 0)
            continue;
        if (view)
            left(l, "leftover-snapshot", "the view", key, "The daemon removes it when it starts.");
        else
            left(l, "leftover-snapshot", "the snapshot", key, "ctr -n k8s.io snapshots --snapshotter %s rm %s", snapshotter, key);
    }
}

/* --------------------------------------------------------------------------------------------------------------------------------------- */

static void judge(struct leftovers *l)
{
    judge_folders(l);
    if (l->unreadable == 0) /* a record that cannot be read may name one of them */
        judge_netns(l);
    judge_mounts(l);
    judge_tasks(l);
    for (size_t i = 0; i < l->n_records; i++)
        judge_container(l, &l->records[i]);
}

/* Snapshots of every snapshotter that a handler has, then tasks, then records. */
static int ask(struct leftovers *l, struct ctrd_snapshots *snapshots, struct err *e)
{
    struct doctor *d = l->d;
    struct ctx ctx = doctor_limit(3 * DOCTOR_CALL_LIMIT);
    for (size_t i = 0; i < l->f->handlers.n; i++) {
        struct err none = ERR_INIT; /* a snapshotter that containerd does not have was told already */
        if (ctrd_snapshot_list(d->view.ctrd, &ctx, l->f->handlers.v[i].snapshotter, &d->arena, &snapshots[i], &none) < 0) {
            doctor_is_oom(d, &none);
            snapshots[i] = (struct ctrd_snapshots){0};
        }
    }
    TRY(ctrd_task_list(d->view.ctrd, &ctx, &d->arena, &l->tasks, e));
    return ctrd_container_list(d->view.ctrd, &ctx, NULL, &d->arena, &l->records, &l->n_records, e);
}

static void compare(struct leftovers *l, const struct ctrd_snapshots *snapshots)
{
    const struct runtime_handlers *h = &l->f->handlers;
    for (size_t i = 0; i < l->n_records; i++)
        read_record(l, &l->records[i]);
    judge(l);
    for (size_t i = 0; i < h->n; i++) {
        bool seen = false;
        for (size_t j = 0; j < i; j++)
            seen = seen || strcmp(h->v[j].snapshotter, h->v[i].snapshotter) == 0;
        if (!seen)
            judge_snapshots(l, h->v[i].snapshotter, &snapshots[i]);
    }
    if (l->n == 0)
        doctor_add(l->d, DOCTOR_OK, "leftovers", NULL, "nothing is left of pods that do not exist; %zu records can be read", l->n_records);
}

void doctor_check_leftovers(struct doctor *d, const struct doctor_facts *f, bool daemon_runs)
{
    struct leftovers l = {.d = d, .f = f, .daemon_runs = daemon_runs};
    struct err e = ERR_INIT;
    if (!f->containerd || !f->handlers_known)
        return; /* who owns what is not known */
    struct ctrd_snapshots *snapshots = ARENA_NEW_N(&d->arena, struct ctrd_snapshots, f->handlers.n);
    list_folders(&l, d->options.root);
    list_folders(&l, d->options.state);
    list_netns(&l);
    list_mounts(&l);
    if (!snapshots)
        d->no_memory = true;
    else if (ask(&l, snapshots, &e) < 0)
        doctor_add_failed(d, DOCTOR_ERROR, "leftovers", "Look into containerd's log for the cause (journalctl -u containerd).", &e, "%s", "");
    else
        compare(&l, snapshots);
    strmap_done(&l.ids);
    strmap_done(&l.snapshots);
    strmap_done(&l.pods);
    strmap_done(&l.used_netns);
}
