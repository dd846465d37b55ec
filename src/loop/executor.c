/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The executor. The pool starts a thread when a job finds none idle, ends threads that had nothing to do for some seconds, and
 * keeps slow jobs to a part of its threads.
 */
#include "loop/executor.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <time.h>

#include "base/mem.h"

enum { IDLE_SECONDS = 10 };

struct job {
    struct job *next;
    void (*run)(void *arg);
    void *arg;
};

struct queue {
    struct job *head, **tail;
    size_t n;
};

struct worker {
    struct worker *next; /* in the list of ended ones */
    struct executor *x;
    pthread_t thread;
};

struct executor {
    bool is_inline;
    struct executor_limits limits;
    pthread_mutex_t mu;
    pthread_cond_t work;    /* a job for an idle thread, or the end */
    pthread_cond_t drained; /* nothing queued or running; a thread ended */
    struct queue queue[2];  /* by class */
    size_t threads, idle, running, running_slow;
    bool ending;
    struct worker *ended; /* to be joined */
};

static int executor_new(const struct executor_limits *limits, struct executor **ret, struct err *e)
{
    struct executor *x = mem_zalloc(sizeof(*x));
    if (!x)
        return err_oom(e);
    x->is_inline = !limits;
    if (limits)
        x->limits = *limits;
    pthread_condattr_t attr;
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_mutex_init(&x->mu, NULL);
    pthread_cond_init(&x->work, &attr);
    pthread_cond_init(&x->drained, &attr);
    pthread_condattr_destroy(&attr);
    for (int c = 0; c < 2; c++)
        x->queue[c].tail = &x->queue[c].head;
    *ret = x;
    return 0;
}

int executor_new_inline(struct executor **ret, struct err *e)
{
    return executor_new(NULL, ret, e);
}

int executor_new_pool(const struct executor_limits *limits, struct executor **ret, struct err *e)
{
    if (limits->threads_max == 0 || limits->slow_max == 0 || limits->slow_max >= limits->threads_max || limits->queue_max == 0)
        return err_raise(e, ERR_INVALID_ARGUMENT,
                         "executor: slow_max must be at least 1 and below threads_max, queue_max at least 1");
    return executor_new(limits, ret, e);
}

static struct job *queue_take(struct queue *q)
{
    struct job *j = q->head;
    q->head = j->next;
    if (!q->head)
        q->tail = &q->head;
    q->n--;
    return j;
}

/* The next job that may run now, or NULL. Fast jobs go first: they are short by definition. */
static struct job *next_job(struct executor *x, enum exec_class *ret_cls)
{
    if (x->queue[EXEC_FAST].head) {
        *ret_cls = EXEC_FAST;
        return queue_take(&x->queue[EXEC_FAST]);
    }
    if (x->queue[EXEC_SLOW].head && x->running_slow < x->limits.slow_max) {
        *ret_cls = EXEC_SLOW;
        return queue_take(&x->queue[EXEC_SLOW]);
    }
    return NULL;
}

static void run_job(struct executor *x, struct job *j, enum exec_class cls)
{
    x->running++;
    x->running_slow += cls == EXEC_SLOW;
    pthread_mutex_unlock(&x->mu);
    j->run(j->arg);
    mem_free(j);
    pthread_mutex_lock(&x->mu);
    x->running--;
    x->running_slow -= cls == EXEC_SLOW;
    if (x->running == 0 && x->queue[EXEC_FAST].n == 0 && x->queue[EXEC_SLOW].n == 0)
        pthread_cond_broadcast(&x->drained);
}

/* Waits for work. False when the thread is to end. */
static bool wait_work(struct executor *x)
{
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += IDLE_SECONDS;
    x->idle++;
    int r = x->ending ? 0 : pthread_cond_timedwait(&x->work, &x->mu, &until);
    x->idle--;
    return !x->ending && r != ETIMEDOUT;
}

static void *worker_main(void *arg)
{
    struct worker *w = arg;
    struct executor *x = w->x;
    pthread_mutex_lock(&x->mu);
    for (;;) {
        enum exec_class cls;
        struct job *j = next_job(x, &cls);
        if (j)
            run_job(x, j, cls);
        /* A job may have come between the time-out and the lock. */
        else if (!wait_work(x) && !x->queue[EXEC_FAST].head &&
                 (!x->queue[EXEC_SLOW].head || x->running_slow >= x->limits.slow_max))
            break;
    }
    x->threads--;
    w->next = x->ended;
    x->ended = w;
    pthread_cond_broadcast(&x->drained);
    pthread_mutex_unlock(&x->mu);
    return NULL;
}

/* Joins the threads that have ended; they are past their last use of the executor. */
static void reap(struct worker *w)
{
    while (w) {
        struct worker *next = w->next;
        pthread_join(w->thread, NULL);
        mem_free(w);
        w = next;
    }
}

static int start_thread(struct executor *x)
{
    struct worker *w = mem_zalloc(sizeof(*w));
    if (!w)
        return ENOMEM;
    w->x = x;
    pthread_attr_t attr;
    pthread_attr_init(&attr);
    if (x->limits.stack_size)
        pthread_attr_setstacksize(&attr, x->limits.stack_size);
    /* Signals are the loop's business. */
    sigset_t all, old;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &old);
    int r = pthread_create(&w->thread, &attr, worker_main, w);
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    pthread_attr_destroy(&attr);
    if (r != 0)
        mem_free(w);
    else
        x->threads++;
    return r;
}

/* Sees to it that somebody will run the job just queued. */
static int provide_thread(struct executor *x)
{
    size_t runnable = x->queue[EXEC_FAST].n;
    if (x->running_slow < x->limits.slow_max)
        runnable += MIN_OF(x->queue[EXEC_SLOW].n, x->limits.slow_max - x->running_slow);
    int r = 0;
    if (runnable > x->idle && x->threads < x->limits.threads_max)
        r = start_thread(x);
    pthread_cond_signal(&x->work);
    /* Without a new thread the job waits for one of those that run. */
    return x->threads > 0 ? 0 : r;
}

static int submit_pool(struct executor *x, enum exec_class cls, struct job *j, struct err *e)
{
    struct queue *q = &x->queue[cls];
    if (q->n >= x->limits.queue_max)
        return err_raise(e, ERR_RESOURCE_EXHAUSTED, "too many %s calls wait already (%zu)", cls == EXEC_SLOW ? "slow" : "fast",
                         q->n);
    struct job **at = q->tail;
    *q->tail = j;
    q->tail = &j->next;
    q->n++;
    int r = provide_thread(x);
    if (r == 0)
        return 0;
    *at = NULL;
    q->tail = at;
    q->n--;
    if (r == ENOMEM)
        return err_oom(e);
    return err_raise(e, ERR_RESOURCE_EXHAUSTED, "no thread can be started: %s", strerrordesc_np(r));
}

bool executor_is_inline(const struct executor *x)
{
    return x->is_inline;
}

int executor_submit(struct executor *x, enum exec_class cls, void (*run)(void *arg), void *arg, struct err *e)
{
    if (x->is_inline) {
        run(arg);
        return 0;
    }
    struct job *j = mem_zalloc(sizeof(*j));
    if (!j)
        return err_oom(e);
    j->run = run;
    j->arg = arg;
    pthread_mutex_lock(&x->mu);
    int r = submit_pool(x, cls, j, e);
    struct worker *ended = x->ended;
    x->ended = NULL;
    pthread_mutex_unlock(&x->mu);
    reap(ended);
    if (r < 0)
        mem_free(j);
    return r;
}

struct executor_counts executor_count(struct executor *x)
{
    pthread_mutex_lock(&x->mu);
    struct executor_counts n = {
        .threads = x->threads,
        .running = x->running,
        .running_slow = x->running_slow,
        .queued = x->queue[EXEC_FAST].n + x->queue[EXEC_SLOW].n,
    };
    pthread_mutex_unlock(&x->mu);
    return n;
}

void executor_drain(struct executor *x)
{
    pthread_mutex_lock(&x->mu);
    while (x->running > 0 || x->queue[EXEC_FAST].n > 0 || x->queue[EXEC_SLOW].n > 0)
        pthread_cond_wait(&x->drained, &x->mu);
    pthread_mutex_unlock(&x->mu);
}

void executor_free(struct executor *x)
{
    if (!x)
        return;
    executor_drain(x);
    pthread_mutex_lock(&x->mu);
    x->ending = true;
    pthread_cond_broadcast(&x->work);
    while (x->threads > 0)
        pthread_cond_wait(&x->drained, &x->mu);
    pthread_mutex_unlock(&x->mu);
    reap(x->ended);
    pthread_cond_destroy(&x->work);
    pthread_cond_destroy(&x->drained);
    pthread_mutex_destroy(&x->mu);
    mem_free(x);
}
