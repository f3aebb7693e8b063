/* attention: softmax(q k' scale + mask) v and its gradient, in blocks of BQ queries by BK keys (Dao
 * et al. 2022).
 *
 * Query i sees the keys from first(i) to before limit(i): a causal limit i + Tk - Tq + 1, raised to
 * the prefix, cut at kv_len; with a window the last `window` up to itself. So a row's mask is two
 * numbers, and whole blocks outside them are never formed. Per row the running maximum m and sum l:
 *
 *   P = exp(S scale - m),  O = sum P v / l,  lse = m + log l
 *   backward, P = exp(S scale - lse), D = dO . O:   dv += P' dO    dS = P (dO v' - D) scale    dq += dS k    dk += dS' q
 *
 * Forward may round the operands of both products to bf16; backward does not. Scores live in one
 * block of the worker's stack. A backward task owns one key head of one sample.
 */
#include "kernels/core.h"
#include "kernels/table.h"
#include "kernels/transpose.h"
#include "kernels/vmath.h"

enum { BQ = 112, BK = 256, FEW = 2, AHEAD = 8 };
_Static_assert(BK % FAB_VL == 0, "a row of scores is whole vectors");

/* Forward, a task has QUERIES queries; some of them at a time, so that their scores lie in L1 and
 * no more of a causal triangle is formed than they see, meet keys and values that are packed once
 * for all of them. Keys of heads wider than WIDEST are packed by each product. */
enum { QUERIES = FAB_KEEPS_B ? 224 : BQ, SOME = FAB_AMX ? 32 : 28, WIDEST = 128 };

typedef struct {
    fab_attn s; /* rows and batches filled in */
    const float *q, *k, *v, *out, *dout, *lse;
    float *o, *lse_out, *dq, *dk, *dv;
    int64_t q_blocks;
} job;

static job job_of(const fab_attn *s)
{
    job j = { .s = *s };

    if (!j.s.q_row) j.s.q_row = (int64_t)s->heads * s->width;
    if (!j.s.kv_row) j.s.kv_row = (int64_t)s->kv_heads * s->width;
    if (!j.s.q_batch) j.s.q_batch = s->tq * j.s.q_row;
    if (!j.s.kv_batch) j.s.kv_batch = s->tk * j.s.kv_row;
    j.q_blocks = ceil_div(s->tq, QUERIES);
    return j;
}

/* How many keys query i of sample b sees. */
INLINE int64_t limit(const fab_attn *s, int64_t b, int64_t i)
{
    int64_t n = s->tk;

    if (s->causal) n = min64(n, max64(i + s->tk - s->tq + 1, s->prefix ? s->prefix[b] : 0));
    if (s->kv_len) n = min64(n, s->kv_len[b]);
    return max64(n, 0);
}

/* The first key that query i may see. */
INLINE int64_t first(const fab_attn *s, int64_t i)
{
    return s->window > 0 ? max64(0, i + s->tk - s->tq + 1 - s->window) : 0;
}

/* g, which has sizes and C, with the operands s, over the first k of K on this thread */
static void multiply(const job *j, core g, const strided *s, int64_t k)
{
    g.bf16 = j->s.bf16;
    FAB_NAME(fab_core_strided)(&g, s);
    FAB_NAME(fab_core_serial)(&g, k);
}

/* C[m,n] (+)= A B */
static void product(const job *j, int64_t m, int64_t n, int64_t k, const strided *s, float *c,
                    int64_t c_row, bool add)
{
    multiply(j, (core){ .m = m, .n = n, .k = k, .c = c, .c_row = c_row, .add = add }, s, k);
}

INLINE float lanes(vf x) /* their sum */
{
    float y[FAB_VL];

    vstore(y, x);
    for (int n = FAB_VL / 2; n > 0; n /= 2)
        for (int i = 0; i < n; i++) y[i] += y[i + n];
    return y[0];
}

/* s[4] = the sums of four registers */
INLINE void four_lanes(const vf *x, float *s)
{
    float y[FAB_VL];
    vf u = zip_low(x[0], x[2]) + zip_high(x[0], x[2]),
       v = zip_low(x[1], x[3]) + zip_high(x[1], x[3]);

    vstore(y, zip_low(u, v) + zip_high(u, v));
    for (int t = 4; t < FAB_VL; t += 4)
        for (int i = 0; i < 4; i++) y[i] += y[t + i];
    memcpy(s, y, 4 * sizeof *s);
}

/* s[n] = a . b[n], rows of b `row` apart; asks for the rows that come next */
INLINE void some_dots(const int n, const float *a, const float *b, int64_t row, int64_t w, float *s)
{
    vf sum[4];
    int64_t x = 0;

#pragma GCC unroll 4
    for (int i = 0; i < n; i++) sum[i] = (vf){ 0 };
    for (; x + FAB_VL <= w; x += FAB_VL) {
        vf ax = vload(a + x);
#pragma GCC unroll 4
        for (int i = 0; i < n; i++) {
            __builtin_prefetch(b + (i + AHEAD) * row + x);
            sum[i] += ax * vload(b + i * row + x);
        }
    }
    if (n == 4) four_lanes(sum, s);
    else
        for (int i = 0; i < n; i++) s[i] = lanes(sum[i]);
    for (; x < w; x++)
        for (int i = 0; i < n; i++) s[i] += a[x] * b[i * row + x];
}

/* y[n registers] += sum_t p[t] v[t], rows of v `row` apart */
INLINE void some_columns(const int n, const float *p, int64_t bk, const float *v, int64_t row,
                         float *y)
{
    vf sum[8];

#pragma GCC unroll 8
    for (int i = 0; i < n; i++) sum[i] = vload(y + i * FAB_VL);
    for (int64_t t = 0; t < bk; t++, v += row) {
        vf s = vset(p[t]);
#pragma GCC unroll 8
        for (int i = 0; i < n; i++) {
            __builtin_prefetch(v + AHEAD * row + i * FAB_VL);
            sum[i] += s * vload(v + i * FAB_VL);
        }
    }
#pragma GCC unroll 8
    for (int i = 0; i < n; i++) vstore(y + i * FAB_VL, sum[i]);
}

/* n queries of a task from `first` of sample b on */
typedef struct {
    const float *q;
    float *o, *m, *l;
    int64_t b, first, n;
} queries;

/* n keys and values from `from` on; what is packed of them for products is zeros where it is not */
typedef struct {
    const float *k, *v;
    int64_t from, n;
    core packed_k, packed_v;
} keys;

/* p[queries][BK] = q k' of the first n keys */
static void scores(const job *j, const queries *t, const keys *s, int64_t n, float *p)
{
    int64_t w = j->s.width, row = j->s.kv_row;

    if (t->n > FEW) {
        core g = s->packed_k;
        g.m = t->n, g.n = n, g.k = w, g.c = p, g.c_row = BK;
        multiply(j, g, &(strided){ t->q, s->k, j->s.q_row, 1, 1, row }, w);
        return;
    }
    for (int64_t i = 0; i < t->n; i++) {
        const float *a = t->q + i * j->s.q_row;
        int64_t x = 0;
        for (; x + 4 <= n; x += 4) some_dots(4, a, s->k + x * row, row, w, p + i * BK + x);
        for (; x < n; x++) some_dots(1, a, s->k + x * row, row, w, p + i * BK + x);
    }
}

/* o[queries] += p v */
static void mix(const job *j, const queries *t, const keys *s, int64_t n, const float *p)
{
    int64_t w = j->s.width, row = (int64_t)j->s.heads * w, v_row = j->s.kv_row;

    if (t->n > FEW) {
        core g = s->packed_v;
        g.m = t->n, g.n = w, g.k = s->n, g.c = t->o, g.c_row = row, g.add = true;
        multiply(j, g, &(strided){ p, s->v, BK, 1, v_row, 1 }, n);
        return;
    }
    for (int64_t i = 0; i < t->n; i++) {
        const float *of = p + i * BK;
        float *y = t->o + i * row;
        int64_t c = 0;
        for (; c + 8 * FAB_VL <= w; c += 8 * FAB_VL) some_columns(8, of, n, s->v + c, v_row, y + c);
        for (; c + 4 * FAB_VL <= w; c += 4 * FAB_VL) some_columns(4, of, n, s->v + c, v_row, y + c);
        for (; c + FAB_VL <= w; c += FAB_VL) some_columns(1, of, n, s->v + c, v_row, y + c);
        for (; c < w; c++)
            for (int64_t x = 0; x < n; x++) y[c] += of[x] * s->v[x * v_row + c];
    }
}

/* These two stay functions of their own: gcc 12 clones their callers, and leaves the loops of one
 * clone scalar. */
static __attribute__((noinline)) float largest(const float *s, int64_t n, float scale, float top)
{
    SIMD_MAX(top) for (int64_t i = 0; i < n; i++) top = s[i] * scale > top ? s[i] * scale : top;
    return top;
}

/* exp(x) for x <= 0, off by 2e-7 + 6e-8 |x| of it: 2^n times a polynomial of 2^f, half the
 * operations of fast_exp. */
INLINE float exp_down(float x)
{
    const float round = 0x1.8p23f + 127; /* leaves n + 127, an exponent's bits, in the low bits */
    float t = x * 1.44269504f, c = t < -126.0f ? -126.0f : t, n = c + round, f = c - (n - round);
    float p = 0.00132647264f;
    p = p * f + 0.0096715127f;
    p = p * f + 0.0555073375f;
    p = p * f + 0.240222421f;
    p = p * f + 0.693146978f;
    p = p * f + 1.0f;
    float y = p * fab_bits_f32(fab_f32_bits(n) << 23);
    return t < -126.0f ? 0.0f : y;
}

/* s = exp(s scale - shift); their sum */
static __attribute__((noinline)) float exponentials(float *s, int64_t n, float scale, float shift)
{
    float sum = 0;

    SIMD_SUM(sum) for (int64_t i = 0; i < n; i++)
    {
        float e = exp_down(s[i] * scale - shift);
        s[i] = e;
        sum += e;
    }
    return sum;
}

/* Row of BK scores to exp(s scale - m), those from lo to before hi visible of bk; updates m, l and
 * scales what o holds already. */
static void softmax_step(float *row, int64_t lo, int64_t hi, int64_t bk, float scale, float *m,
                         float *l, float *o, int64_t width)
{
    int64_t n = max64(0, hi - lo), end = (lo + n + FAB_VL - 1) / FAB_VL * FAB_VL;
    float top = largest(row + lo, n, scale, *m);

    for (int64_t i = lo + n; i < end; i++) row[i] = -INFINITY; /* whole vectors */
    /* nothing seen: top may be -inf */
    float sum = n > 0 ? exponentials(row + lo, end - lo, scale, top) : 0.0f;
    for (int64_t i = 0; i < lo; i++) row[i] = 0;
    for (int64_t i = lo + n; i < bk; i++) row[i] = 0;
    if (n > 0 && top > *m) {
        float old = fast_exp(*m - top);
        *l *= old;
        SIMD for (int64_t i = 0; i < width; i++) o[i] *= old;
        *m = top;
    }
    *l += sum;
}

/* Some queries meet some keys: of these only what the last of them sees is formed. */
static void meet(const job *j, const queries *t, const keys *s, float *p)
{
    const fab_attn *a = &j->s;
    int64_t w = a->width, row = (int64_t)a->heads * w,
            seen = limit(a, t->b, t->first + t->n - 1) - s->from,
            n = min64(s->n, (seen + 31) / 32 * 32);

    if (n <= 0) return;
    scores(j, t, s, n, p);
    for (int64_t i = 0; i < t->n; i++)
        softmax_step(p + i * BK, max64(0, min64(n, first(a, t->first + i) - s->from)),
                     min64(n, limit(a, t->b, t->first + i) - s->from), n, a->scale, t->m + i,
                     t->l + i, t->o + i * row, w);
    mix(j, t, s, n, p);
}

typedef struct {
    float k[BK * WIDEST], v[BK * WIDEST], p[QUERIES * BK];
} buffers;

/* n keys from `from` on, packed for many queries. */
static keys keys_at(const job *j, const float *k, const float *v, int64_t from, int64_t n,
                    int64_t parts, buffers *s)
{
    int64_t w = j->s.width, row = j->s.kv_row;
    keys t = { .k = k + from * row, .v = v + from * row, .from = from, .n = n };
    strided by_k = { NULL, t.k, 0, 1, 1, row }, by_v = { NULL, t.v, 0, 1, row, 1 };

    if (parts == 1) return t;
    t.packed_k = (core){ .m = SOME, .n = n, .k = w, .bf16 = j->s.bf16 };
    t.packed_v = (core){ .m = SOME, .n = w, .k = n, .bf16 = j->s.bf16 };
    FAB_NAME(fab_core_strided)(&t.packed_k, &by_k);
    FAB_NAME(fab_core_strided)(&t.packed_v, &by_v);
    FAB_NAME(fab_core_keep_b)(&t.packed_k, s->k);
    FAB_NAME(fab_core_keep_b)(&t.packed_v, s->v);
    return t;
}

static void forward_block(void *arg, int task, int worker)
{
    const job *j = arg;
    const fab_attn *s = &j->s;
    int64_t b = task / j->q_blocks / s->heads, h = task / j->q_blocks % s->heads,
            q0 = task % j->q_blocks * QUERIES;
    int64_t bq = min64(QUERIES, s->tq - q0), w = s->width, row = (int64_t)s->heads * w,
            seen = limit(s, b, q0 + bq - 1);
    int64_t parts = FAB_KEEPS_B && w <= WIDEST ? max64(1, bq / SOME) : 1;
    int64_t kv = b * s->kv_batch + h / (s->heads / s->kv_heads) * w;
    const float *q = j->q + b * s->q_batch + q0 * s->q_row + h * w;
    float *o = j->o + (b * s->tq + q0) * row + h * w, m[QUERIES], l[QUERIES];
    _Alignas(64) buffers space;

    (void)worker;
    for (int64_t i = 0; i < bq; i++) {
        m[i] = -INFINITY;
        l[i] = 0;
        memset(o + i * row, 0, (size_t)w * sizeof *o);
    }
    for (int64_t k0 = first(s, q0); k0 < seen; k0 += BK) {
        keys some = keys_at(j, j->k + kv, j->v + kv, k0, min64(BK, seen - k0), parts, &space);
        for (int64_t t = 0; t < parts; t++) {
            range r = part(bq, parts, t);
            meet(j,
                 &(queries){ q + r.from * s->q_row, o + r.from * row, m + r.from, l + r.from, b,
                             q0 + r.from, r.to - r.from },
                 &some, space.p);
        }
    }
    for (int64_t i = 0; i < bq; i++) {
        float inv = l[i] > 0 || l[i] != l[i] ? 1.0f / l[i] : 0.0f; /* NaN stays NaN */
        for (int64_t x = 0; x < w; x++) o[i * row + x] *= inv;
        if (j->lse_out) j->lse_out[(b * s->heads + h) * s->tq + q0 + i] = m[i] + logf(l[i]);
    }
}

void FAB_NAME(fab_attn_forward)(fab_pool *p, const fab_attn *s, const float *q, const float *k,
                                const float *v, float *out, float *lse)
{
    job j = job_of(s);

    j.q = q, j.k = k, j.v = v, j.o = out, j.lse_out = lse;
    /* heads side by side share their keys */
    (s->tq <= FEW ? fab_pool_run_near : fab_pool_run)(p, (int)(s->batch * s->heads * j.q_blocks),
                                                      forward_block, &j);
}

/* ---- backward ------------------------------------------------------------------------------------------------ */

/* One block: where its operands start, and how many rows. q_row is for q and dq, row for out and
 * dout. */
typedef struct {
    const float *q, *k, *v, *dout, *lse, *d;
    float *dq, *dk, *dv;
    int64_t b, q0, k0, bq, bk;
} block;

/* p = exp(s scale - lse) where seen, else 0 */
static void probabilities(const job *j, const block *t, float *p)
{
    for (int64_t i = 0; i < t->bq; i++) {
        int64_t n = max64(0, min64(t->bk, limit(&j->s, t->b, t->q0 + i) - t->k0));
        int64_t lo = max64(0, min64(n, first(&j->s, t->q0 + i) - t->k0));
        float *r = p + i * BK, lse = t->lse[i], scale = j->s.scale;
        for (int64_t x = 0; x < lo; x++) r[x] = 0;
        SIMD for (int64_t x = lo; x < n; x++) r[x] = fast_exp(r[x] * scale - lse);
        for (int64_t x = n; x < t->bk; x++) r[x] = 0;
    }
}

static void backward_block(const job *j, const block *t)
{
    _Alignas(64) float p[BQ * BK], ds[BQ * BK];
    int64_t w = j->s.width, row = (int64_t)j->s.heads * w, kv = j->s.kv_row, qr = j->s.q_row;

    product(j, t->bq, t->bk, w, &(strided){ t->q, t->k, qr, 1, 1, kv }, p, BK, false);
    probabilities(j, t, p);
    if (t->dv)
        product(j, t->bk, w, t->bq, &(strided){ p, t->dout, 1, BK, row, 1 }, t->dv, kv, true);
    if (!t->dq && !t->dk) return;
    product(j, t->bq, t->bk, w, &(strided){ t->dout, t->v, row, 1, 1, kv }, ds, BK, false);
    for (int64_t i = 0; i < t->bq; i++) {
        float *r = ds + i * BK, d = t->d[i], scale = j->s.scale;
        const float *pr = p + i * BK;
        SIMD for (int64_t x = 0; x < t->bk; x++) r[x] = pr[x] * (r[x] - d) * scale;
    }
    if (t->dq) product(j, t->bq, w, t->bk, &(strided){ ds, t->k, BK, 1, kv, 1 }, t->dq, qr, true);
    if (t->dk) product(j, t->bk, w, t->bq, &(strided){ ds, t->q, 1, BK, qr, 1 }, t->dk, kv, true);
}

static float *moved(float *p, int64_t by) { return p ? p + by : NULL; }

static void backward_rows(const job *j, int64_t b, int64_t h,
                          int64_t q0) /* BQ queries of one head, all keys */
{
    const fab_attn *s = &j->s;
    int64_t w = s->width, row = (int64_t)s->heads * w, bq = min64(BQ, s->tq - q0), seen = 0;
    int64_t at = (b * s->tq + q0) * row + h * w, qat = b * s->q_batch + q0 * s->q_row + h * w;
    int64_t kv = b * s->kv_batch + h / (s->heads / s->kv_heads) * w;
    float d[BQ];

    for (int64_t i = 0; i < bq; i++) {
        const float *o = j->out + at + i * row, *g = j->dout + at + i * row;
        float sum = 0;
        SIMD_SUM(sum) for (int64_t x = 0; x < w; x++) sum += o[x] * g[x];
        d[i] = sum;
        seen = max64(seen, limit(s, b, q0 + i));
    }
    for (int64_t k0 = first(s, q0); k0 < seen; k0 += BK) {
        int64_t k = kv + k0 * s->kv_row;
        backward_block(j, &(block){ .q = j->q + qat,
                                    .k = j->k + k,
                                    .v = j->v + k,
                                    .dout = j->dout + at,
                                    .lse = j->lse + (b * s->heads + h) * s->tq + q0,
                                    .d = d,
                                    .dq = moved(j->dq, qat),
                                    .dk = moved(j->dk, k),
                                    .dv = moved(j->dv, k),
                                    .b = b,
                                    .q0 = q0,
                                    .k0 = k0,
                                    .bq = bq,
                                    .bk = min64(BK, seen - k0) });
    }
}

static void backward_head(void *arg, int task, int worker) /* one key head of one sample */
{
    const job *j = arg;
    int64_t group = j->s.heads / j->s.kv_heads, b = task / j->s.kv_heads, kh = task % j->s.kv_heads;

    (void)worker;
    for (int64_t h = kh * group; h < (kh + 1) * group; h++)
        for (int64_t q0 = 0; q0 < j->s.tq; q0 += BQ) backward_rows(j, b, h, q0);
}

bool FAB_NAME(fab_attn_backward)(fab_pool *p, const fab_attn *s, const float *q, const float *k,
                                 const float *v, const float *out, const float *lse,
                                 const float *dout, float *dq, float *dk, float *dv, fab_err *err)
{
    job j = job_of(s);

    (void)err; /* scratch is on the stack */
    j.s.bf16 = false;
    j.q = q, j.k = k, j.v = v, j.out = out, j.lse = lse, j.dout = dout, j.dq = dq, j.dk = dk,
    j.dv = dv;
    fab_pool_run(p, (int)(s->batch * s->kv_heads), backward_head, &j);
    return true;
}
