/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Claims: see the header. The lock is held for looking at the list only; the record is removed outside of it, in the state `leaving`.
 */
#include "image/claims.h"

#include <pthread.h>
#include <string.h>

#include "base/mem.h"

struct claim {
    struct claim *next;
    size_t holders;
    bool made, kept; /* by one of those who hold or held it: made here; succeeded */
    bool leaving;    /* the record is being removed */
    int64_t since;
    char name[];
};

struct claims {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    struct claim *list;
};

int claims_new(struct claims **ret, struct err *e)
{
    struct claims *c = mem_zalloc(sizeof(*c));
    if (!c)
        return err_oom(e);
    pthread_mutex_init(&c->lock, NULL);
    pthread_cond_init(&c->changed, NULL);
    *ret = c;
    return 0;
}

void claims_free(struct claims *c)
{
    if (!c)
        return;
    pthread_mutex_destroy(&c->lock);
    pthread_cond_destroy(&c->changed);
    mem_free(c);
}

/* Under the lock. */
static struct claim *find(const struct claims *c, const char *name)
{
    struct claim *one = c->list;
    while (one && strcmp(one->name, name) != 0)
        one = one->next;
    return one;
}

/* Under the lock. */
static void drop(struct claims *c, struct claim *one)
{
    struct claim **at = &c->list;
    while (*at != one)
        at = &(*at)->next;
    *at = one->next;
    mem_free(one);
}

int claims_enter(struct claims *c, const char *name, struct claim **ret, struct err *e)
{
    size_t n = strlen(name) + 1;
    struct claim *mine = mem_zalloc(sizeof(*mine) + n);
    if (!mine)
        return err_oom(e);
    memcpy(mine->name, name, n);
    pthread_mutex_lock(&c->lock);
    struct claim *one;
    while ((one = find(c, name)) && one->leaving)
        pthread_cond_wait(&c->changed, &c->lock);
    if (!one) {
        one = mine;
        mine = NULL;
        one->next = c->list;
        c->list = one;
    }
    one->holders++;
    pthread_mutex_unlock(&c->lock);
    mem_free(mine);
    *ret = one;
    return 0;
}

void claims_made(struct claims *c, struct claim *one, int64_t since)
{
    pthread_mutex_lock(&c->lock);
    if (!one->made || since < one->since)
        one->since = since;
    one->made = true;
    pthread_mutex_unlock(&c->lock);
}

bool claims_leave(struct claims *c, struct claim *one, bool success, int64_t *ret_since)
{
    pthread_mutex_lock(&c->lock);
    one->kept |= success;
    one->holders--;
    bool remove = one->holders == 0 && one->made && !one->kept;
    if (remove) {
        one->leaving = true;
        *ret_since = one->since;
    } else if (one->holders == 0) {
        drop(c, one);
    }
    pthread_mutex_unlock(&c->lock);
    return remove;
}

void claims_removed(struct claims *c, struct claim *one)
{
    pthread_mutex_lock(&c->lock);
    drop(c, one);
    pthread_cond_broadcast(&c->changed);
    pthread_mutex_unlock(&c->lock);
}
