/* SPDX-License-Identifier: Apache-2.0 */
/*
 * containerd: does it answer, which version is it, is its own CRI plugin off, do the plugins work that pods need.
 */
#include <string.h>

#include "base/num.h"
#include "doctor/internal.h"

/* Without these no pod starts. The other plugins are a matter of what the machine has (btrfs, zfs, EROFS, tracing ...). */
static const struct {
    const char *type, *id;
} needed[] = {{"io.containerd.content.v1", "content"}, {"io.containerd.metadata.v1", "bolt"}, {"io.containerd.runtime.v2", "task"},
              {"io.containerd.gc.v1", "scheduler"},    {"io.containerd.differ.v1", "walking"}};

static bool is_needed(const struct ctrd_plugin *p)
{
    for (size_t i = 0; i < ARRAY_SIZE(needed); i++)
        if (strcmp(p->type, needed[i].type) == 0 && strcmp(p->id, needed[i].id) == 0)
            return true;
    return false;
}

/* "v1.7.24-debian": 1 and 7. */
static bool read_version(const char *text, uint64_t *ret_major, uint64_t *ret_minor)
{
    struct view rest = view_of(text[0] == 'v' ? text + 1 : text), major, minor;
    if (!view_cut(rest, '.', &major, &rest))
        return false;
    size_t n = 0;
    while (n < rest.n && rest.p[n] >= '0' && rest.p[n] <= '9')
        n++;
    minor = view_slice(rest, 0, n);
    return num_parse_u64(major, 1000, ret_major) == NUM_OK && num_parse_u64(minor, 1000, ret_minor) == NUM_OK;
}

static void check_version(struct doctor *d, const char *version)
{
    uint64_t major, minor;
    if (!read_version(version, &major, &minor))
        doctor_add(d, DOCTOR_NOTE, "containerd-version", NULL, "containerd says that it is version \"%s\", which tells nothing about what it can do", version);
    else if (major < 1 || (major == 1 && minor < 6))
        doctor_add(d, DOCTOR_WARNING, "containerd-version", "Install containerd 1.6.20 or later.", "containerd %s is older than 1.6, the oldest that is known to work",
                   version);
    else if (major > 2)
        doctor_add(d, DOCTOR_NOTE, "containerd-version", NULL, "containerd %s is newer than what this program knows of", version);
    else
        doctor_add(d, DOCTOR_OK, "containerd-version", NULL, "containerd is version %s", version);
}

static void check_plugins(struct doctor *d, const struct ctrd_plugins *plugins)
{
    size_t bad = 0;
    for (size_t i = 0; i < plugins->n; i++) {
        const struct ctrd_plugin *p = &plugins->v[i];
        if (p->ok || !is_needed(p))
            continue;
        bad++;
        doctor_add(d, DOCTOR_ERROR, "containerd-plugins", "Look into containerd's log for the cause (journalctl -u containerd).",
                   "containerd's plugin %s.%s does not work: %s", p->type, p->id, p->error);
    }
    if (bad == 0)
        doctor_add(d, DOCTOR_OK, "containerd-plugins", NULL, "the plugins of containerd that pods need work");
}

void doctor_check_containerd(struct doctor *d, struct doctor_facts *f)
{
    struct ctx ctx = doctor_limit(DOCTOR_CALL_LIMIT);
    struct err e = ERR_INIT;
    const char *address = d->options.containerd;
    if (cri_owner_ask(d->view.ctrd, &ctx, address, &d->arena, &f->owner, &e) < 0) {
        doctor_add_failed(d, DOCTOR_ERROR, "containerd-reachable",
                          "Start containerd (systemctl start containerd), or name its socket with --containerd or the key containerd.address.", &e, "%s", "");
        return;
    }
    f->containerd = true;
    doctor_add(d, DOCTOR_OK, "containerd-reachable", NULL, "containerd answers at %s", address);
    check_version(d, f->owner.version);
    if (f->owner.runs_cri) {
        const char *advice = arena_printf(&d->arena, "Put this line into containerd's config.toml and restart it: %s", f->owner.cri_off_line);
        doctor_add(d, DOCTOR_ERROR, "containerd-cri-plugin", advice, "containerd at %s runs its own CRI plugin; two of them would delete each other's containers",
                   address);
    } else {
        doctor_add(d, DOCTOR_OK, "containerd-cri-plugin", NULL, "containerd's own CRI plugin is off");
    }
    check_plugins(d, &f->owner.plugins);
}
