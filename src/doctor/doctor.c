/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The list of findings, its two forms, and the order of the checks; see doctor.h.
 */
#include "doctor/doctor.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/jsonw.h"
#include "doctor/internal.h"

enum { FILE_MAX = 64 << 20, ID_WIDTH = 26 };

static const char *const level_names[DOCTOR_LEVELS] = {"ok", "note", "warning", "error"};

void doctor_init(struct doctor *d, const struct cri_runtime_options *options, const struct doctor_view *view)
{
    *d = (struct doctor){.view = *view, .options = cri_runtime_options_whole(options)};
    arena_init(&d->arena, (size_t)1 << 30); /* every record of the node, once */
}

void doctor_done(struct doctor *d)
{
    arena_done(&d->arena);
    d->findings = NULL;
    d->n = d->cap = 0;
}

/* Room for one more. */
static struct doctor_finding *grow(struct doctor *d)
{
    if (d->n == d->cap) {
        size_t cap = d->cap ? 2 * d->cap : 64;
        struct doctor_finding *v = ARENA_NEW_N(&d->arena, struct doctor_finding, cap);
        if (!v)
            return NULL;
        if (d->n)
            memcpy(v, d->findings, d->n * sizeof *v);
        d->findings = v;
        d->cap = cap;
    }
    return &d->findings[d->n];
}

static void add(struct doctor *d, enum doctor_level level, const char *id, const char *advice, const char *found)
{
    struct doctor_finding *f = d->n < DOCTOR_FINDINGS_MAX ? grow(d) : NULL;
    const char *advice_copy = arena_strdup(&d->arena, advice ? advice : "");
    d->count[level]++;
    if (d->n >= DOCTOR_FINDINGS_MAX)
        return;
    if (!f || !found || !advice_copy) {
        d->no_memory = true;
        return;
    }
    *f = (struct doctor_finding){.id = id, .level = level, .found = found, .advice = advice_copy};
    d->n++;
}

void doctor_add(struct doctor *d, enum doctor_level level, const char *id, const char *advice, const char *format, ...)
{
    va_list ap;
    va_start(ap, format);
    const char *found = arena_vprintf(&d->arena, format, ap);
    va_end(ap);
    add(d, level, id, advice, found);
}

void doctor_add_failed(struct doctor *d, enum doctor_level level, const char *id, const char *advice, const struct err *why, const char *format, ...)
{
    if (doctor_is_oom(d, why))
        return;
    va_list ap;
    va_start(ap, format);
    const char *what = arena_vprintf(&d->arena, format, ap), *found = what ? arena_printf(&d->arena, "%s%s%s", what, *what ? ": " : "", why->message) : NULL;
    va_end(ap);
    add(d, level, id, advice, found);
}

bool doctor_is_oom(struct doctor *d, const struct err *e)
{
    if (!err_is_oom(e))
        return false;
    d->no_memory = true;
    return true;
}

const char *doctor_path(struct doctor *d, const char *path)
{
    const char *whole = arena_printf(&d->arena, "%s%s", d->view.prefix, path);
    d->no_memory = d->no_memory || !whole;
    return whole ? whole : "";
}

bool doctor_read(struct doctor *d, const char *path, struct buf *out)
{
    struct err e = ERR_INIT;
    buf_init(out, FILE_MAX);
    int r = fs_read_file(doctor_path(d, path), out, &e);
    if (r < 0)
        doctor_is_oom(d, &e);
    while (r == 0 && out->n > 0 && strchr(" \t\r\n", out->p[out->n - 1]))
        out->p[--out->n] = '\0';
    return r == 0;
}

const char *doctor_program(struct doctor *d, const char *name)
{
    struct view rest = view_of(d->view.search_path), dir;
    if (strchr(name, '/'))
        return fs_exists(name) ? name : NULL;
    while (rest.n > 0) {
        view_cut(rest, ':', &dir, &rest);
        const char *path = arena_printf(&d->arena, "%.*s/%s", VIEW_ARG(dir), name);
        d->no_memory = d->no_memory || !path;
        if (path && dir.n > 0 && access(path, X_OK) == 0)
            return path;
    }
    return NULL;
}

struct ctx doctor_limit(uint64_t ns)
{
    static const struct ctx background = CTX_BACKGROUND;
    return ctx_with_timeout(&background, ns);
}

bool doctor_has_word(struct view list, const char *word)
{
    struct view one;
    while (list.n > 0) {
        view_cut(list, ' ', &one, &list);
        if (view_eq_str(view_trim(one), word))
            return true;
    }
    return false;
}

int doctor_run(struct doctor *d, struct err *e)
{
    struct doctor_facts f = {0};
    bool daemon_runs = false;
    doctor_check_containerd(d, &f);
    doctor_check_runtimes(d, &f);
    doctor_check_cgroups(d, &f);
    doctor_check_network(d);
    doctor_check_kernel(d);
    doctor_check_disk(d, &f);
    doctor_check_registry(d);
    doctor_check_sandbox_image(d, &f);
    if (f.disk_hangs) {
        doctor_add(d, DOCTOR_NOTE, "leftovers", NULL, "a daemon and leftovers are not looked for, since a file system does not answer");
    } else {
        doctor_check_daemon(d, &daemon_runs);
        doctor_check_leftovers(d, &f, daemon_runs);
    }
    return d->no_memory ? err_oom(e) : 0;
}

int doctor_status(const struct doctor *d)
{
    return d->count[DOCTOR_ERROR] > 0 ? 1 : 0;
}

static size_t not_kept(const struct doctor *d)
{
    size_t all = 0;
    for (size_t i = 0; i < DOCTOR_LEVELS; i++)
        all += d->count[i];
    return all - d->n;
}

/* A text from outside on one line: what a terminal could take for a command is replaced. */
static int add_line(struct buf *out, const char *text)
{
    size_t at = out->n;
    TRY(buf_add_str(out, text));
    for (; at < out->n; at++)
        if ((unsigned char)out->p[at] < 0x20 || out->p[at] == 0x7f)
            out->p[at] = '?';
    return buf_add_char(out, '\n');
}

static int add_finding(const struct doctor_finding *f, struct buf *out)
{
    TRY(buf_printf(out, "%-7s  %-*s  ", level_names[f->level], ID_WIDTH, f->id));
    TRY(add_line(out, f->found));
    if (!f->advice[0])
        return 0;
    TRY(buf_printf(out, "%9s%-*s  -> ", "", ID_WIDTH, ""));
    return add_line(out, f->advice);
}

int doctor_text(const struct doctor *d, struct buf *out, struct err *e)
{
    int r = 0;
    for (size_t i = 0; r == 0 && i < d->n; i++)
        r = add_finding(&d->findings[i], out);
    if (r == 0 && not_kept(d) > 0)
        r = buf_printf(out, "and %zu more\n", not_kept(d));
    if (r == 0)
        r = buf_printf(out, "ok: %zu, note: %zu, warning: %zu, error: %zu\n", d->count[DOCTOR_OK], d->count[DOCTOR_NOTE], d->count[DOCTOR_WARNING],
                       d->count[DOCTOR_ERROR]);
    return r < 0 ? err_oom(e) : 0;
}

int doctor_json(const struct doctor *d, struct buf *out, struct err *e)
{
    struct jsonw w;
    jsonw_init(&w, out);
    jsonw_object(&w);
    jsonw_key_str(&w, "version", PROJECT_VERSION);
    jsonw_key_bool(&w, "healthy", doctor_status(d) == 0);
    jsonw_key(&w, "findings");
    jsonw_array(&w);
    for (size_t i = 0; i < d->n; i++) {
        jsonw_object(&w);
        jsonw_key_str(&w, "id", d->findings[i].id);
        jsonw_key_str(&w, "level", level_names[d->findings[i].level]);
        jsonw_key_str(&w, "found", d->findings[i].found);
        jsonw_key_str(&w, "advice", d->findings[i].advice);
        jsonw_object_end(&w);
    }
    jsonw_array_end(&w);
    jsonw_key(&w, "counts");
    jsonw_object(&w);
    for (size_t i = 0; i < DOCTOR_LEVELS; i++)
        jsonw_key_u64(&w, level_names[i], d->count[i]);
    jsonw_object_end(&w);
    jsonw_object_end(&w);
    TRY(jsonw_finish(&w, e));
    return buf_add_char(out, '\n') < 0 ? err_oom(e) : 0;
}
