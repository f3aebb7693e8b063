/* threads: the one pool. Made in main, reached through the ctx; parallel loops live in kernels/
 * only.
 *
 * A job is cut into n tasks by its shape alone, never by the number of threads, and every task
 * writes its own part: that is why a result does not depend on the number of threads.
 */
#ifndef FAB_BASE_THREADS_H
#define FAB_BASE_THREADS_H

#include "base/err.h"

typedef struct fab_pool fab_pool;
typedef void (*fab_task_fn)(void *arg, int task, int worker); /* worker in [0, threads) */

/* threads <= 0: one per core. The caller of run is worker 0. */
fab_pool *fab_pool_new(int threads, fab_err *err);
void fab_pool_free(fab_pool *p);
int fab_pool_threads(const fab_pool *p); /* NULL: 1 */

/* Runs tasks 0..n-1 and returns when all are done. A NULL pool, n <= 1 and a call from inside a
 * task run inline. */
void fab_pool_run(fab_pool *p, int n, fab_task_fn fn, void *arg);

/* The same for tasks whose neighbours read neighbouring memory: each worker goes through a share of
 * its own in order, and helps the others when it is done. */
void fab_pool_run_near(fab_pool *p, int n, fab_task_fn fn, void *arg);

#endif
