/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Images: the configuration of registries, and the image that every pod needs.
 */
#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fs.h"
#include "doctor/internal.h"
#include "image/hosts.h"
#include "image/pull.h"
#include "image/registry.h"
#include "parse/reference.h"

enum { HOST_DIRECTORIES_MAX = 1024 };

static bool check_file(struct doctor *d, const char *where, const char *file)
{
    if (!*file || access(file, R_OK) == 0)
        return true;
    doctor_add(d, DOCTOR_ERROR, "registry-hosts", "Put the file there, or correct the name.", "%s names %s, which cannot be read: %s", where, file, strerror(errno));
    return false;
}

/* One directory: as a pull reads it for a registry of that name. */
static bool check_directory(struct doctor *d, const char *root, const char *name)
{
    struct hosts_list list;
    struct err e = ERR_INIT;
    size_t bad = 0;
    const char *where = fs_join(&d->arena, root, name);
    if (!where || hosts_find(root, name, &d->arena, &list, &e) < 0) {
        if (!where)
            err_oom(&e);
        doctor_add_failed(d, DOCTOR_ERROR, "registry-hosts", "Correct the file: until then every pull from this registry fails.", &e, "%s", "");
        return false;
    }
    for (size_t i = 0; i < list.n; i++) {
        for (size_t j = 0; j < list.v[i].tls.ca.n; j++)
            bad += !check_file(d, where, list.v[i].tls.ca.v[j]);
        for (size_t j = 0; j < list.v[i].tls.clients.n; j++)
            bad += !check_file(d, where, list.v[i].tls.clients.v[j].key) + !check_file(d, where, list.v[i].tls.clients.v[j].value);
    }
    return bad == 0;
}

static int by_text(const void *x, const void *y)
{
    return strcmp(*(char *const *)x, *(char *const *)y);
}

static void list_directories(struct doctor *d, DIR *dir, struct strlist *ret)
{
    for (struct dirent *entry; ret->n < HOST_DIRECTORIES_MAX && (entry = readdir(dir));)
        if (entry->d_name[0] != '.' && entry->d_type != DT_REG)
            d->no_memory = strlist_add(ret, &d->arena, entry->d_name) < 0 || d->no_memory;
    if (ret->n)
        qsort(ret->v, ret->n, sizeof *ret->v, by_text);
}

static void check_root(struct doctor *d, const char *root)
{
    struct strlist names = {0};
    size_t bad = 0;
    DIR *dir = opendir(root);
    if (!dir && errno != ENOENT)
        doctor_add(d, DOCTOR_ERROR, "registry-hosts", "Correct registry.config_path, or the directory.", "%s cannot be read: %s", root, strerror(errno));
    if (!dir)
        return;
    list_directories(d, dir, &names);
    closedir(dir);
    for (size_t i = 0; i < names.n; i++)
        bad += !check_directory(d, root, names.v[i]);
    if (bad == 0)
        doctor_add(d, DOCTOR_OK, "registry-hosts", NULL, "%s: the configuration of %zu registries can be read", root, names.n);
}

void doctor_check_registry(struct doctor *d)
{
    struct view rest = view_of(d->options.registry_config_path), part;
    const char *ca = d->options.registry_ca;
    while (rest.n > 0) {
        view_cut(rest, ':', &part, &rest);
        const char *root = arena_view(&d->arena, part);
        d->no_memory = d->no_memory || !root;
        if (root && *root)
            check_root(d, root);
    }
    if (!ca || !*ca)
        return;
    if (access(ca, R_OK) == 0)
        doctor_add(d, DOCTOR_OK, "registry-ca", NULL, "%s can be read", ca);
    else
        doctor_add(d, DOCTOR_ERROR, "registry-ca", "Put the file there, or take --registry-ca or the key registry.ca_file away.", "the CA certificates %s cannot be read: %s", ca,
                   strerror(errno));
}

/* Asks the registry for the manifest alone. */
static int ask_registry(struct doctor *d, const struct reference *ref, struct err *e)
{
    const struct registry_options o = {
        .http = d->view.http,
        .http_user = d->view.http_user,
        .ca_file = d->options.registry_ca,
        .config_path = d->options.registry_config_path,
        .idle_timeout = DOCTOR_PULL_LIMIT,
    };
    struct ctx ctx = doctor_limit(DOCTOR_PULL_LIMIT);
    struct registry_document document;
    _cleanup_registry_ struct registry *r = NULL;
    TRY(registry_open(&o, ref, NULL, &r, e));
    return registry_manifest(r, &ctx, ref->digest[0] ? ref->digest : ref->tag, &d->arena, &document, e);
}

static void check_at_registry(struct doctor *d, const struct reference *ref, const char *name)
{
    struct err e = ERR_INIT;
    int r = ask_registry(d, ref, &e);
    if (r == 0)
        doctor_add(d, DOCTOR_OK, "sandbox-image", NULL, "the sandbox image %s can be pulled", name);
    else if (r == -ERR_UNAVAILABLE || r == -ERR_DEADLINE_EXCEEDED) /* cri/records.h: then, and only then */
        doctor_add_failed(d, DOCTOR_NOTE, "sandbox-image", "Nothing needs to be done: pods start with the image that is built in until the registry answers.", &e,
                          "the sandbox image %s is not in containerd and cannot be pulled", name);
    else
        doctor_add_failed(d, DOCTOR_ERROR, "sandbox-image", "Name another one with --sandbox-image or the key sandbox_image; " IMAGE_BUILTIN_PAUSE " is built in.", &e,
                          "the sandbox image %s is not in containerd and cannot be pulled", name);
}

void doctor_check_sandbox_image(struct doctor *d, const struct doctor_facts *f)
{
    char name[REFERENCE_TEXT_MAX + 1];
    struct reference ref;
    struct ctrd_image image;
    struct err e = ERR_INIT;
    struct ctx ctx = doctor_limit(DOCTOR_CALL_LIMIT);
    if (strcmp(d->options.sandbox_image, IMAGE_BUILTIN_PAUSE) == 0) {
        doctor_add(d, DOCTOR_OK, "sandbox-image", NULL, "the sandbox image is the one that is built in");
        return;
    }
    if (reference_normalize(view_of(d->options.sandbox_image), &ref, &e) < 0) {
        doctor_add_failed(d, DOCTOR_ERROR, "sandbox-image", "Correct --sandbox-image or the key sandbox_image.", &e, "%s", "");
        return;
    }
    reference_format(&ref, name);
    if (f->containerd && ctrd_image_get(d->view.ctrd, &ctx, name, &d->arena, &image, &e) == 0)
        doctor_add(d, DOCTOR_OK, "sandbox-image", NULL, "the sandbox image %s is in containerd", name);
    else
        check_at_registry(d, &ref, name);
}
