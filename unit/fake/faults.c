/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The fake's call log and its injected faults.
 */
#include <stdio.h>

#include "dispatch.h"

/* "/containerd.services.tasks.v1.Tasks/Create" is "Tasks/Create". */
struct view fake_method_name(const struct proto_method *m)
{
    struct view path = view_of(m->path);
    struct view service = view_slice(path, 0, view_rfind(path, '/'));
    return view_slice(path, view_rfind(service, '.') + 1, path.n);
}

void fake_log_entry_free(void *p)
{
    struct fake_log_entry *l = p;
    free(l->lease);
    free(l);
}

void fake_fault_rule_free(void *p)
{
    struct fake_fault_rule *r = p;
    free(r->method);
    free(r->message);
    free(r);
}

static void add_rule(struct fake *f, const struct fake_fault_rule *rule)
{
    struct fake_fault_rule *r = fake_zalloc(sizeof(*r));
    *r = *rule;
    pthread_mutex_lock(&f->lock);
    fake_list_add(&f->faults, r);
    pthread_mutex_unlock(&f->lock);
}

void fake_fail_call(struct fake *f, uint64_t k, enum fake_fault fault, enum err_code code)
{
    add_rule(f, &(struct fake_fault_rule){.fault = fault, .code = code, .at = k});
}

void fake_fail_method(struct fake *f, const char *method, enum fake_fault fault, enum err_code code, const char *message,
                      unsigned times)
{
    add_rule(f, &(struct fake_fault_rule){
                    .fault = fault,
                    .code = code,
                    .at = UINT64_MAX,
                    .left = times,
                    .method = fake_strdup(method),
                    .message = message ? fake_strdup(message) : NULL,
                });
}

void fake_fail_off(struct fake *f)
{
    pthread_mutex_lock(&f->lock);
    fake_list_done(&f->faults, fake_fault_rule_free);
    pthread_mutex_unlock(&f->lock);
}

/* What a peer would say with this code. */
static const char *standard_text(enum err_code code)
{
    switch (code) {
    case ERR_NOT_FOUND:
        return "injected: not found";
    case ERR_ALREADY_EXISTS:
        return "injected: already exists";
    case ERR_UNAVAILABLE:
        return "injected: connection error";
    case ERR_DEADLINE_EXCEEDED:
        return "injected: context deadline exceeded";
    default:
        return "injected failure";
    }
}

/* Does this rule hit this call? Counts down; a rule that is used up is taken out. */
static bool rule_hits(struct fake *f, size_t i, struct view name)
{
    struct fake_fault_rule *r = f->faults.v[i];
    if (r->at != UINT64_MAX)
        return r->at-- == 0;
    return view_eq_str(name, r->method);
}

int fake_note_call(struct fake *f, const struct ctx *ctx, const struct proto_method *m, enum fake_fault *ret, struct err *e)
{
    struct view name = fake_method_name(m);
    struct fake_log_entry *l = fake_zalloc(sizeof(*l) + name.n + 1);
    l->method = m;
    l->lease = ctx && ctx->lease ? fake_strdup(ctx->lease) : NULL;
    memcpy(l->name, name.p, name.n);
    fake_list_add(&f->log, l);
    for (size_t i = 0; i < f->unimplemented.n; i++)
        if (view_eq_str(name, f->unimplemented.v[i])) {
            *ret = FAKE_FAIL_BEFORE;
            err_raise(e, ERR_UNIMPLEMENTED, "unknown method %s", m->name);
            return 1;
        }
    int hit = 0;
    for (size_t i = 0; i < f->faults.n;) {
        struct fake_fault_rule *r = f->faults.v[i];
        if (!rule_hits(f, i, name)) {
            i++;
            continue;
        }
        hit = 1;
        *ret = r->fault;
        if (r->fault == FAKE_FAIL_GARBLED)
            err_raise(e, ERR_INTERNAL, "%s: the answer is not a message", m->path);
        else
            err_raise(e, r->code, "%s", r->message ? r->message : standard_text(r->code));
        if (r->at == UINT64_MAX && (r->left == 0 || --r->left > 0))
            i++;
        else
            fake_fault_rule_free(fake_list_take(&f->faults, i));
    }
    return hit;
}

size_t fake_calls(struct fake *f)
{
    pthread_mutex_lock(&f->lock);
    size_t n = f->log.n;
    pthread_mutex_unlock(&f->lock);
    return n;
}

const char *fake_call(struct fake *f, size_t i)
{
    pthread_mutex_lock(&f->lock);
    const char *name = i < f->log.n ? ((struct fake_log_entry *)f->log.v[i])->name : NULL;
    pthread_mutex_unlock(&f->lock);
    return name;
}

long fake_index(struct fake *f, const char *method, size_t from)
{
    const char *name;
    for (size_t i = from; (name = fake_call(f, i)); i++)
        if (strcmp(name, method) == 0)
            return (long)i;
    return -1;
}

size_t fake_count(struct fake *f, const char *method)
{
    size_t n = 0;
    for (long i = -1; (i = fake_index(f, method, (size_t)(i + 1))) >= 0;)
        n++;
    return n;
}

const char *fake_lease_of(struct fake *f, const char *method)
{
    const char *lease = NULL;
    pthread_mutex_lock(&f->lock);
    for (size_t i = 0; i < f->log.n; i++) {
        struct fake_log_entry *l = f->log.v[i];
        if (strcmp(l->name, method) == 0)
            lease = l->lease;
    }
    pthread_mutex_unlock(&f->lock);
    return lease;
}

bool fake_calls_are(struct fake *f, const char *const *methods)
{
    size_t n = 0;
    while (methods[n])
        n++;
    bool same = n == fake_calls(f);
    for (size_t i = 0; same && i < n; i++)
        same = strcmp(methods[i], fake_call(f, i)) == 0;
    if (!same) {
        fputs("calls expected:", stderr);
        for (size_t i = 0; i < n; i++)
            fprintf(stderr, " %s", methods[i]);
        fputs("\ncalls made:    ", stderr);
        for (size_t i = 0; i < fake_calls(f); i++)
            fprintf(stderr, " %s", fake_call(f, i));
        fputc('\n', stderr);
    }
    return same;
}
