/* rows: normalisation, softmax and cross-entropy, over rows of D values.
 *
 *   layernorm  n = (x - mean) inv,  y = w n + b          with g = dy w, over a row of D:
 *              dx += inv (g - mean(g) - n mean(g n))      dw += sum_r dy n,  db += sum_r dy
 *   rmsnorm    n = x inv, y = w n                         dx += inv (g - n mean(g n)),  dw += sum_r dy n
 *   xent       nll = lse - (1-e) x[t] - e mean(x)         dx += s (softmax - (1-e) onehot - e / V)
 *
 * A task is a fixed number of rows; the sums over rows (dw, db) are a second pass cut by columns,
 * so nothing is shared.
 */
#include "kernels/table.h"
#include "kernels/vmath.h"

enum { PIECE = 16384, COLUMNS = 128 };

typedef struct job {
    void (*row)(const struct job *j, int64_t r);
    const float *x, *w, *b, *dy;
    float *y, *mean, *inv, *dw, *db, eps;
    const int32_t *target;
    int64_t rows, d, piece;
} job;

static void piece(void *arg, int task, int worker)
{
    const job *j = arg;

    (void)worker;
    for (int64_t r = task * j->piece; r < min64((task + 1) * j->piece, j->rows); r++) j->row(j, r);
}

static void each(fab_pool *p, job *j)
{
    j->piece = max64(1, PIECE / max64(j->d, 1));
    fab_pool_run(p, (int)ceil_div(j->rows, j->piece), piece, j);
}

static void layernorm_row(const job *j, int64_t r)
{
    const float *x = j->x + r * j->d, *w = j->w, *b = j->b;
    float *y = j->y + r * j->d, s = 0, q = 0;

    SIMD_SUM(s) for (int64_t i = 0; i < j->d; i++) s += x[i];
    float mean = s / (float)j->d;
    SIMD_SUM(q) for (int64_t i = 0; i < j->d; i++) q += (x[i] - mean) * (x[i] - mean);
    float inv = 1.0f / sqrtf(q / (float)j->d + j->eps);
    if (w && b) {
        SIMD for (int64_t i = 0; i < j->d; i++) y[i] = (x[i] - mean) * inv * w[i] + b[i];
    } else
        for (int64_t i = 0; i < j->d; i++)
            y[i] = (x[i] - mean) * inv * (w ? w[i] : 1.0f) + (b ? b[i] : 0.0f);
    if (j->mean) j->mean[r] = mean;
    if (j->inv) j->inv[r] = inv;
}

void FAB_NAME(fab_layernorm)(fab_pool *p, const float *x, const float *w, const float *b, float eps,
                             float *y, float *mean, float *inv, int64_t r, int64_t d)
{
    each(p, &(job){ layernorm_row, .x = x, .w = w, .b = b, .eps = eps, .y = y, .mean = mean,
                    .inv = inv, .rows = r, .d = d });
}

/* dx of one row; mean NULL is rmsnorm */
static void norm_back_row(const job *j, int64_t r)
{
    const float *x = j->x + r * j->d, *dy = j->dy + r * j->d, *w = j->w;
    float *dx = j->y + r * j->d, mean = j->mean ? j->mean[r] : 0.0f, inv = j->inv[r], sg = 0,
          sgn = 0;

    if (w) {
        SIMD_SUM(sg, sgn) for (int64_t i = 0; i < j->d; i++)
        {
            float g = dy[i] * w[i];
            sg += g;
            sgn += g * (x[i] - mean) * inv;
        }
    } else {
        SIMD_SUM(sg, sgn) for (int64_t i = 0; i < j->d; i++)
        {
            sg += dy[i];
            sgn += dy[i] * (x[i] - mean) * inv;
        }
    }
    float mg = j->mean ? sg / (float)j->d : 0.0f, mgn = sgn / (float)j->d;
    if (w) {
        SIMD for (int64_t i = 0; i < j->d; i++) dx[i] +=
            inv * (dy[i] * w[i] - mg - (x[i] - mean) * inv * mgn);
    } else {
        SIMD for (int64_t i = 0; i < j->d; i++) dx[i] +=
            inv * (dy[i] - mg - (x[i] - mean) * inv * mgn);
    }
}

/* dw, db of COLUMNS columns, blocks of 32 rows summed first */
static void norm_back_columns(void *arg, int task, int worker)
{
    const job *j = arg;
    int64_t from = (int64_t)task * COLUMNS, n = min64(COLUMNS, j->d - from);

    (void)worker;
    for (int64_t r0 = 0; r0 < j->rows; r0 += 32) {
        float dw[COLUMNS] = { 0 }, db[COLUMNS] = { 0 };
        for (int64_t r = r0; r < min64(r0 + 32, j->rows); r++) {
            const float *x = j->x + r * j->d + from, *dy = j->dy + r * j->d + from;
            float mean = j->mean ? j->mean[r] : 0.0f, inv = j->inv[r];
            SIMD for (int64_t i = 0; i < n; i++)
            {
                dw[i] += dy[i] * ((x[i] - mean) * inv);
                db[i] += dy[i];
            }
        }
        if (j->dw)
            for (int64_t i = 0; i < n; i++) j->dw[from + i] += dw[i];
        if (j->db)
            for (int64_t i = 0; i < n; i++) j->db[from + i] += db[i];
    }
}

void FAB_NAME(fab_layernorm_back)(fab_pool *p, const float *x, const float *w, const float *mean,
                                  const float *inv, const float *dy, float *dx, float *dw,
                                  float *db, int64_t r, int64_t d)
{
    job j = { norm_back_row,
              .x = x,
              .w = w,
              .mean = (float *)(uintptr_t)mean,
              .inv = (float *)(uintptr_t)inv,
              .dy = dy,
              .y = dx,
              .dw = dw,
              .db = db,
              .rows = r,
              .d = d };

    if (dx) each(p, &j);
    if (dw || db) fab_pool_run(p, (int)ceil_div(d, COLUMNS), norm_back_columns, &j);
}

static void rmsnorm_row(const job *j, int64_t r)
{
    const float *x = j->x + r * j->d, *w = j->w;
    float *y = j->y + r * j->d, q = 0;

    SIMD_SUM(q) for (int64_t i = 0; i < j->d; i++) q += x[i] * x[i];
    float inv = 1.0f / sqrtf(q / (float)j->d + j->eps);
    if (w) {
        SIMD for (int64_t i = 0; i < j->d; i++) y[i] = x[i] * inv * w[i];
    } else {
        SIMD for (int64_t i = 0; i < j->d; i++) y[i] = x[i] * inv;
    }
    if (j->inv) j->inv[r] = inv;
}

void FAB_NAME(fab_rmsnorm)(fab_pool *p, const float *x, const float *w, float eps, float *y,
                           float *inv, int64_t r, int64_t d)
{
    each(p,
         &(job){ rmsnorm_row, .x = x, .w = w, .eps = eps, .y = y, .inv = inv, .rows = r, .d = d });
}

void FAB_NAME(fab_rmsnorm_back)(fab_pool *p, const float *x, const float *w, const float *inv,
                                const float *dy, float *dx, float *dw, int64_t r, int64_t d)
{
    FAB_NAME(fab_layernorm_back)(p, x, w, NULL, inv, dy, dx, dw, NULL, r, d);
}

INLINE float row_max(const float *x, int64_t d)
{
    float top = -INFINITY;
    SIMD_MAX(top) for (int64_t i = 0; i < d; i++) top = x[i] > top ? x[i] : top;
    return top;
}

static void softmax_row(const job *j, int64_t r)
{
    const float *x = j->x + r * j->d;
    float *y = j->y + r * j->d, top = row_max(x, j->d), s = 0;

    SIMD_SUM(s) for (int64_t i = 0; i < j->d; i++)
    {
        float e = fast_exp(x[i] - top);
        y[i] = e;
        s += e;
    }
    float inv = 1.0f / s;
    SIMD for (int64_t i = 0; i < j->d; i++) y[i] *= inv;
}

void FAB_NAME(fab_softmax)(fab_pool *p, const float *x, float *y, int64_t r, int64_t d)
{
    each(p, &(job){ softmax_row, .x = x, .y = y, .rows = r, .d = d });
}

static void xent_row(const job *j, int64_t r) /* eps: smoothing, mean: nll, w: scale, y: dlogits */
{
    const float *x = j->x + r * j->d;
    int32_t t = j->target[r];
    float s = 0, sum = 0, e = j->eps, top = row_max(x, j->d);

    if (j->mean) j->mean[r] = 0;
    if (t < 0) return;
    SIMD_SUM(s, sum) for (int64_t i = 0; i < j->d; i++)
    {
        s += fast_exp(x[i] - top);
        sum += x[i] - top;
    }
    /* shifted by top: nll = log s - (1-e) (x[t] - top) - e mean(x - top) */
    if (j->mean) j->mean[r] = logf(s) - (1.0f - e) * (x[t] - top) - e * (sum / (float)j->d);
    if (!j->y) return;
    float *dx = j->y + r * j->d, scale = j->w[r], inv = scale / s, flat = scale * e / (float)j->d;
    SIMD for (int64_t i = 0; i < j->d; i++) dx[i] += inv * fast_exp(x[i] - top) - flat;
    dx[t] -= scale * (1.0f - e);
}

void FAB_NAME(fab_xent)(fab_pool *p, const float *logits, const int32_t *target, float smoothing,
                        float *nll, const float *scale, float *dlogits, int64_t r, int64_t v)
{
    each(p, &(job){ xent_row, .x = logits, .target = target, .eps = smoothing, .mean = nll,
                    .w = scale, .y = dlogits, .rows = r, .d = v });
}
