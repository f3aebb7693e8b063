/* threads: see threads.h.
 *
 * A job is three fields (fn, arg, n) and two counters: `left`, tasks nobody has claimed, and
 * `open`, tasks not finished. Claiming is one compare-and-swap that lowers `left`; only who has
 * claimed a task reads the fields, and the job cannot end before that task does, so a worker that
 * wakes up late can do no harm. Workers and the caller spin for about 50 us before they sleep: the
 * gap between two loops of a forward pass is shorter than that, a condition variable is not (with
 * 10 us a token of a 1.1b decoder takes 3 % longer, of a 135m one 6 %).
 */
#include "base/threads.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <unistd.h>
#include "base/arena.h"

enum { SPINS = 2000, MAX_THREADS = 256 };

typedef struct {
    fab_pool *pool;
    pthread_t thread;
    int worker;
} seat;

struct fab_pool {
    pthread_mutex_t caller; /* one job at a time */
    fab_task_fn fn;
    void *arg;
    int n;
    _Alignas(64) atomic_int left;
    _Alignas(64) atomic_int open;
    _Alignas(64) atomic_int sleepers;
    atomic_bool caller_sleeps, stop;
    pthread_mutex_t lock; /* for the two conditions */
    pthread_cond_t work, finished;
    int threads, started;
    seat *seats;
};

static _Thread_local const fab_pool *inside; /* the pool whose task this thread is running */
static _Thread_local int inside_worker;

static void relax(void)
{
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#endif
}

static void finish_one(fab_pool *p)
{
    if (atomic_fetch_sub(&p->open, 1) != 1 || !atomic_load(&p->caller_sleeps)) return;
    pthread_mutex_lock(&p->lock);
    pthread_cond_signal(&p->finished);
    pthread_mutex_unlock(&p->lock);
}

/* Runs tasks of the current job until none is unclaimed. */
static void run_tasks(fab_pool *p, int worker)
{
    const fab_pool *outer = inside;
    int outer_worker = inside_worker;
    inside = p;
    inside_worker = worker;
    int left = atomic_load(&p->left);
    while (left > 0) {
        if (!atomic_compare_exchange_weak(&p->left, &left, left - 1)) continue;
        p->fn(p->arg, p->n - left, worker);
        finish_one(p);
        left = atomic_load(&p->left);
    }
    inside = outer;
    inside_worker = outer_worker;
}

static void wait_for_work(fab_pool *p)
{
    for (int i = 0; i < SPINS; i++) {
        if (atomic_load_explicit(&p->left, memory_order_relaxed) > 0) return;
        relax();
    }
    pthread_mutex_lock(&p->lock);
    atomic_fetch_add(&p->sleepers, 1);
    while (atomic_load(&p->left) <= 0 && !atomic_load(&p->stop))
        pthread_cond_wait(&p->work, &p->lock);
    atomic_fetch_sub(&p->sleepers, 1);
    pthread_mutex_unlock(&p->lock);
}

static void *worker_main(void *arg)
{
    const seat *s = arg;
    fab_pool *p = s->pool;
    while (!atomic_load(&p->stop)) {
        wait_for_work(p);
        run_tasks(p, s->worker);
    }
    return NULL;
}

static void wait_for_finish(fab_pool *p)
{
    for (int i = 0; i < SPINS; i++) {
        if (atomic_load(&p->open) == 0) return;
        relax();
    }
    pthread_mutex_lock(&p->lock);
    atomic_store(&p->caller_sleeps, true);
    while (atomic_load(&p->open) > 0) pthread_cond_wait(&p->finished, &p->lock);
    atomic_store(&p->caller_sleeps, false);
    pthread_mutex_unlock(&p->lock);
}

static int core_count(void)
{
    long n = sysconf(_SC_NPROCESSORS_ONLN);
    return n < 1 ? 1 : n > MAX_THREADS ? MAX_THREADS : (int)n;
}

fab_pool *fab_pool_new(int threads, fab_err *err)
{
    if (threads > MAX_THREADS) {
        fab_fail(err, FAB_EUSAGE, "%d threads asked for, %d is the most", threads, MAX_THREADS);
        return NULL;
    }
    int n = threads > 0 ? threads : core_count();
    fab_pool *p = fab_aligned_new(sizeof *p, err);
    seat *seats = p ? fab_new_array((size_t)n, sizeof *seats, err) : NULL;
    if (!seats) {
        fab_aligned_free(p);
        return NULL;
    }
    *p = (fab_pool){ .threads = n, .started = 1, .seats = seats };
    pthread_mutex_init(&p->caller, NULL);
    pthread_mutex_init(&p->lock, NULL);
    pthread_cond_init(&p->work, NULL);
    pthread_cond_init(&p->finished, NULL);
    for (; p->started < n; p->started++) {
        seat *s = &seats[p->started];
        *s = (seat){ .pool = p, .worker = p->started };
        if (pthread_create(&s->thread, NULL, worker_main, s) != 0) {
            fab_fail(err, FAB_ENOMEM, "thread %d of %d could not be started", p->started + 1, n);
            fab_pool_free(p);
            return NULL;
        }
    }
    return p;
}

void fab_pool_free(fab_pool *p)
{
    if (!p) return;
    pthread_mutex_lock(&p->lock);
    atomic_store(&p->stop, true);
    pthread_cond_broadcast(&p->work);
    pthread_mutex_unlock(&p->lock);
    for (int i = 1; i < p->started; i++) pthread_join(p->seats[i].thread, NULL);
    pthread_cond_destroy(&p->finished);
    pthread_cond_destroy(&p->work);
    pthread_mutex_destroy(&p->lock);
    pthread_mutex_destroy(&p->caller);
    fab_free(p->seats);
    fab_aligned_free(p);
}

int fab_pool_threads(const fab_pool *p) { return p ? p->threads : 1; }

void fab_pool_run(fab_pool *p, int n, fab_task_fn fn, void *arg)
{
    if (!p || p->threads == 1 || n <= 1 || inside == p) {
        int worker = p && inside == p ? inside_worker : 0;
        for (int i = 0; i < n; i++) fn(arg, i, worker);
        return;
    }
    pthread_mutex_lock(&p->caller);
    p->fn = fn;
    p->arg = arg;
    p->n = n;
    atomic_store(&p->open, n);
    atomic_store(&p->left, n);
    if (atomic_load(&p->sleepers) > 0) {
        pthread_mutex_lock(&p->lock);
        pthread_cond_broadcast(&p->work);
        pthread_mutex_unlock(&p->lock);
    }
    run_tasks(p, 0);
    wait_for_finish(p);
    pthread_mutex_unlock(&p->caller);
}

typedef struct {
    fab_task_fn fn;
    void *arg;
    int n, shares;
    atomic_int next[MAX_THREADS]; /* of each share */
} near_job;

/* The own share, then the others': half of what is left at a time, so that claims are few and the
 * last ones short. */
static void take_share(void *arg, int own, int worker)
{
    near_job *j = arg;
    for (int k = 0; k < j->shares; k++) {
        int w = (own + k) % j->shares, end = (int)((int64_t)j->n * (w + 1) / j->shares);
        int from = atomic_load(&j->next[w]);
        while (from < end) {
            int to = from + (end - from + 1) / 2;
            if (!atomic_compare_exchange_weak(&j->next[w], &from, to)) continue;
            for (; from < to; from++) j->fn(j->arg, from, worker);
            from = atomic_load(&j->next[w]);
        }
    }
}

void fab_pool_run_near(fab_pool *p, int n, fab_task_fn fn, void *arg)
{
    near_job j = { .fn = fn, .arg = arg, .n = n, .shares = fab_pool_threads(p) };
    if (j.shares == 1 || n <= 1 || inside == p) {
        fab_pool_run(p, n, fn, arg);
        return;
    }
    for (int w = 0; w < j.shares; w++) atomic_init(&j.next[w], (int)((int64_t)n * w / j.shares));
    fab_pool_run(p, j.shares, take_share, &j);
}
