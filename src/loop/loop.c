/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The event loop on sd-event. Timers are kept here in a heap over clock_mono instead of in sd-event, so that tests run them on
 * virtual time; work from other threads comes through an intrusive queue and an eventfd, which cannot fail.
 */
#include "loop/loop.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <systemd/sd-event.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fs.h"
#include "base/mem.h"

enum {
    ROUND_EVENTS = 64, /* io events that one round dispatches */
    ROUND_BATCHES = 16 /* batches of posted work that one round runs */
};

/* Everything registered with the loop starts with this link, so that loop_free finds what is left. */
struct reg {
    struct reg *prev, *next;
};

struct loop_io {
    struct reg reg;
    sd_event_source *source;
    void (*fn)(void *arg, uint32_t revents);
    void *arg;
};

struct loop_signal {
    struct reg reg;
    sd_event_source *source;
    void (*fn)(void *arg, int signo);
    void *arg;
};

struct loop_timer {
    struct reg reg;
    struct loop *loop;
    uint64_t deadline;
    size_t pos; /* place in the heap + 1; 0 when not armed */
    void (*fn)(void *arg);
    void *arg;
};

struct loop {
    sd_event *event;
    int wake_fd;
    sd_event_source *wake_source;
    atomic_bool stop;
    struct reg ios, signals, timers;

    struct loop_timer **heap; /* room for every timer there is, so that arming cannot fail */
    size_t n_heap, cap_heap, n_timers;

    pthread_mutex_t mu; /* guards the queue */
    struct loop_post *head, **tail;
};

static _Thread_local const struct loop *current;

static void reg_init(struct reg *r)
{
    r->prev = r->next = r;
}

static void reg_add(struct reg *list, struct reg *r)
{
    r->prev = list;
    r->next = list->next;
    list->next->prev = r;
    list->next = r;
}

static void reg_del(struct reg *r)
{
    r->prev->next = r->next;
    r->next->prev = r->prev;
}

static int on_wake(sd_event_source *src, int fd, uint32_t revents, void *user)
{
    uint64_t n;
    while (read(fd, &n, sizeof(n)) < 0 && errno == EINTR)
        ;
    return 0;
}

static void wake(struct loop *l)
{
    uint64_t one = 1;
    while (write(l->wake_fd, &one, sizeof(one)) < 0 && errno == EINTR)
        ;
}

int loop_new(struct loop **ret, struct err *e)
{
    struct loop *l = mem_zalloc(sizeof(*l));
    if (!l)
        return err_oom(e);
    l->wake_fd = -1;
    l->tail = &l->head;
    reg_init(&l->ios);
    reg_init(&l->signals);
    reg_init(&l->timers);
    pthread_mutex_init(&l->mu, NULL);
    int r = sd_event_new(&l->event);
    if (r < 0) {
        r = err_errno(e, -r, "event loop");
        goto fail;
    }
    l->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (l->wake_fd < 0) {
        r = err_errno(e, errno, "event loop: eventfd");
        goto fail;
    }
    r = sd_event_add_io(l->event, &l->wake_source, l->wake_fd, EPOLLIN, on_wake, l);
    if (r < 0) {
        r = err_errno(e, -r, "event loop: wake-up");
        goto fail;
    }
    *ret = l;
    return 0;
fail:
    loop_free(l);
    return r;
}

void loop_free(struct loop *l)
{
    if (!l)
        return;
    while (l->ios.next != &l->ios)
        loop_io_free((struct loop_io *)l->ios.next);
    while (l->timers.next != &l->timers)
        loop_timer_free((struct loop_timer *)l->timers.next);
    while (l->signals.next != &l->signals) {
        struct loop_signal *s = (struct loop_signal *)l->signals.next;
        reg_del(&s->reg);
        sd_event_source_disable_unref(s->source);
        mem_free(s);
    }
    sd_event_source_disable_unref(l->wake_source);
    sd_event_unref(l->event);
    fd_close(&l->wake_fd);
    pthread_mutex_destroy(&l->mu);
    mem_free(l->heap);
    mem_free(l);
}

bool loop_in_thread(const struct loop *l)
{
    return current == l;
}

/* ---- posted work */

void loop_post(struct loop *l, struct loop_post *p)
{
    pthread_mutex_lock(&l->mu);
    bool first = !l->head;
    if (p->queued) {
        first = false;
    } else {
        p->queued = true;
        p->next = NULL;
        *l->tail = p;
        l->tail = &p->next;
    }
    pthread_mutex_unlock(&l->mu);
    /* The loop looks at the queue before it waits, so its own thread need not wake it. */
    if (first && !loop_in_thread(l))
        wake(l);
}

bool loop_post_cancel(struct loop *l, struct loop_post *p)
{
    pthread_mutex_lock(&l->mu);
    bool was = p->queued;
    if (was) {
        struct loop_post **at = &l->head;
        while (*at != p)
            at = &(*at)->next;
        *at = p->next;
        if (!*at)
            l->tail = at;
        p->queued = false;
    }
    pthread_mutex_unlock(&l->mu);
    return was;
}

static struct loop_post *take_post(struct loop *l)
{
    pthread_mutex_lock(&l->mu);
    struct loop_post *p = l->head;
    if (p) {
        l->head = p->next;
        if (!l->head)
            l->tail = &l->head;
        p->queued = false;
    }
    pthread_mutex_unlock(&l->mu);
    return p;
}

static bool has_posts(struct loop *l)
{
    pthread_mutex_lock(&l->mu);
    bool has = l->head;
    pthread_mutex_unlock(&l->mu);
    return has;
}

static void run_posts(struct loop *l)
{
    struct loop_post *p;
    for (int i = 0; i < ROUND_BATCHES * ROUND_EVENTS && (p = take_post(l)); i++)
        p->fn(p->arg);
}

/* ---- descriptors */

static int on_io(sd_event_source *src, int fd, uint32_t revents, void *user)
{
    struct loop_io *io = user;
    io->fn(io->arg, revents); /* may free io */
    return 0;
}

int loop_io_add(struct loop *l, int fd, uint32_t events, void (*fn)(void *arg, uint32_t revents), void *arg, struct loop_io **ret,
                struct err *e)
{
    struct loop_io *io = mem_zalloc(sizeof(*io));
    if (!io)
        return err_oom(e);
    io->fn = fn;
    io->arg = arg;
    int r = sd_event_add_io(l->event, &io->source, fd, events, on_io, io);
    if (r < 0) {
        mem_free(io);
        return err_errno(e, -r, "watching a descriptor");
    }
    reg_add(&l->ios, &io->reg);
    *ret = io;
    return 0;
}

int loop_io_set(struct loop_io *io, uint32_t events)
{
    int r = sd_event_source_set_io_events(io->source, events);
    return r < 0 ? -(int)err_code_from_errno(-r) : 0;
}

void loop_io_free(struct loop_io *io)
{
    if (!io)
        return;
    reg_del(&io->reg);
    sd_event_source_disable_unref(io->source);
    mem_free(io);
}

/* ---- timers: a binary heap, earliest first */

static void heap_put(struct loop *l, size_t i, struct loop_timer *t)
{
    l->heap[i] = t;
    t->pos = i + 1;
}

static void heap_up(struct loop *l, size_t i, struct loop_timer *t)
{
    while (i > 0) {
        size_t parent = (i - 1) / 2;
        if (l->heap[parent]->deadline <= t->deadline)
            break;
        heap_put(l, i, l->heap[parent]);
        i = parent;
    }
    heap_put(l, i, t);
}

static void heap_down(struct loop *l, size_t i, struct loop_timer *t)
{
    for (;;) {
        size_t child = 2 * i + 1;
        if (child >= l->n_heap)
            break;
        if (child + 1 < l->n_heap && l->heap[child + 1]->deadline < l->heap[child]->deadline)
            child++;
        if (t->deadline <= l->heap[child]->deadline)
            break;
        heap_put(l, i, l->heap[child]);
        i = child;
    }
    heap_put(l, i, t);
}

static void heap_del(struct loop *l, struct loop_timer *t)
{
    if (!t->pos)
        return;
    size_t i = t->pos - 1;
    t->pos = 0;
    struct loop_timer *last = l->heap[--l->n_heap];
    if (last == t)
        return;
    if (last->deadline < t->deadline)
        heap_up(l, i, last);
    else
        heap_down(l, i, last);
}

int loop_timer_add(struct loop *l, void (*fn)(void *arg), void *arg, struct loop_timer **ret, struct err *e)
{
    if (l->n_timers == l->cap_heap) {
        size_t cap = l->cap_heap ? 2 * l->cap_heap : 16;
        struct loop_timer **heap = mem_reallocarray(l->heap, cap, sizeof(*heap));
        if (!heap)
            return err_oom(e);
        l->heap = heap;
        l->cap_heap = cap;
    }
    struct loop_timer *t = mem_zalloc(sizeof(*t));
    if (!t)
        return err_oom(e);
    t->loop = l;
    t->deadline = CLOCK_NEVER;
    t->fn = fn;
    t->arg = arg;
    l->n_timers++;
    reg_add(&l->timers, &t->reg);
    *ret = t;
    return 0;
}

int loop_timer_set(struct loop_timer *t, uint64_t deadline)
{
    struct loop *l = t->loop;
    heap_del(l, t);
    t->deadline = deadline;
    if (deadline != CLOCK_NEVER)
        heap_up(l, l->n_heap++, t);
    return 0;
}

void loop_timer_free(struct loop_timer *t)
{
    if (!t)
        return;
    heap_del(t->loop, t);
    t->loop->n_timers--;
    reg_del(&t->reg);
    mem_free(t);
}

static void run_timers(struct loop *l)
{
    uint64_t now = clock_mono();
    /* Bounded: a timer that sets itself to the past must not keep the loop here. */
    for (size_t n = l->n_heap; n > 0 && l->n_heap > 0 && l->heap[0]->deadline <= now; n--) {
        struct loop_timer *t = l->heap[0];
        heap_del(l, t);
        t->fn(t->arg); /* may free t */
    }
}

/* ---- signals */

static int on_signal(sd_event_source *src, const struct signalfd_siginfo *si, void *user)
{
    struct loop_signal *s = user;
    s->fn(s->arg, (int)si->ssi_signo);
    return 0;
}

int loop_signal_add(struct loop *l, int signo, void (*fn)(void *arg, int signo), void *arg, struct err *e)
{
    struct loop_signal *s = mem_zalloc(sizeof(*s));
    if (!s)
        return err_oom(e);
    s->fn = fn;
    s->arg = arg;
    int r = sd_event_add_signal(l->event, &s->source, signo, on_signal, s);
    if (r < 0) {
        mem_free(s);
        return err_errno(e, -r, "watching signal %d", signo);
    }
    reg_add(&l->signals, &s->reg);
    return 0;
}

/* ---- running */

/* Microseconds that a round may wait, for sd_event_run. */
static uint64_t wait_us(struct loop *l, uint64_t timeout_ns)
{
    if (timeout_ns == 0 || atomic_load(&l->stop) || has_posts(l))
        return 0;
    uint64_t ns = timeout_ns;
    if (l->n_heap > 0) {
        uint64_t now = clock_mono(), at = l->heap[0]->deadline;
        uint64_t left = at > now ? at - now : 0;
        ns = MIN_OF(ns, left);
    }
    if (ns == CLOCK_NEVER)
        return UINT64_MAX;
    return ns / 1000 + (ns % 1000 != 0);
}

int loop_run_once(struct loop *l, uint64_t timeout_ns, struct err *e)
{
    const struct loop *outer = current;
    current = l;
    int r = sd_event_run(l->event, wait_us(l, timeout_ns));
    for (int i = 1; r > 0 && i < ROUND_EVENTS; i++)
        r = sd_event_run(l->event, 0);
    if (r >= 0) {
        run_timers(l);
        run_posts(l);
    }
    current = outer;
    return r < 0 ? err_errno(e, -r, "event loop") : 0;
}

int loop_run(struct loop *l, struct err *e)
{
    while (!atomic_exchange(&l->stop, false))
        TRY(loop_run_once(l, CLOCK_NEVER, e));
    return 0;
}

void loop_stop(struct loop *l)
{
    atomic_store(&l->stop, true);
    wake(l);
}
