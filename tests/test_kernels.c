/* kernels: products, attention and convolution of every table that runs here (and amx_emu, the AMX
 * loops over an emulated tile unit) against formulas written out in f64, and against themselves
 * with 1, 2 and 3 threads.
 *
 * Tolerance, relative to the largest |reference| of the array (or 1e-3): f32 sums 2e-6 sqrt(length)
 * + 2e-6; bf16 operands 0.006 (two roundings of 2^-8 at worst, averaged over the sum); int8
 * activations: a step (half_step); transcendental 4e-6.
 */
#include "tables.h"

/* ---- gemm ---------------------------------------------------------------------------------------------------- */

typedef struct {
    int m, n, k;
    bool a_cols, b_cols, bias, add, bf16, packed;
    fab_dtype type;
} gemm_case;

static double b_value(const gemm_case *c, const float *b, int k, int j)
{
    return b[c->b_cols ? (int64_t)j * c->k + k : (int64_t)k * c->n + j];
}

static void *as_type(fab_dtype type, const float *x, float *back, int64_t n)
{
    void *y = take(n * 4 + 64);
    CHECK(fab_kernels_named("c")->from_f32(NULL, type, x, y, n));
    fab_kernels_named("c")->to_f32(NULL, type, y, back, n);
    return y;
}

/* dot.c rounds A to 2^-16 of the largest of 32 values; for 8 bits see below. */
static double tolerance(const gemm_case *c, const char *isa)
{
    bool quantised = fab_dtype_is_quantised(c->type) && !c->packed,
         avx2 = !strcmp(isa, "avx2") && c->bf16;

    if (quantised && (avx2 || (!c->bf16 && c->m <= 8))) return 1e-4;
    return c->bf16 && !quantised ? 0.006 : f32_tolerance(c->k);
}

/* Where A may be rounded to 8 bits: dot.c for weights of fewer, int8.c for all. */
static bool in_bytes(const gemm_case *c, const char *isa)
{
    if (!c->bf16 || c->packed || !fab_dtype_is_quantised(c->type) || !strcmp(isa, "c"))
        return false;
    return strcmp(isa, "avx2") != 0 || c->m > 2 || c->type != FAB_Q8_0;
}

/* Half a step of 32 values of A. AVX2: 127 steps are the largest of them; with weights of 8 bits
 * 126 are the largest sum of the positive or of the negative of four that are added in 16 bits: 0,
 * 1, -4, -5 or 2, 3, -6, -7 of eight. VNNI: 127 steps are the largest of the row, `row`, halved up
 * to 12 times while the largest of the 32 is no larger. */
static double half_step(const float *x, bool avx2, bool words, double row)
{
    double top = 0, sums[4][2][2] = { 0 };

    for (int k = 0; k < 32; k++) {
        top = fmax(top, fabs(x[k]));
        sums[k / 8][k / 2 % 2][(x[k] < 0) != (k / 4 % 2)] += fabs(x[k]);
    }
    for (int i = 0; i < 16 && words; i++) top = fmax(top, sums[i / 4][i / 2 % 2][i % 2]);
    if (avx2) return top / (words ? 252 : 254);
    for (int i = 0; i < 12 && row / 2 >= top; i++) row /= 2;
    return row / 254;
}

static float a_value(const gemm_case *c, const float *a, int i, int k)
{
    return a[c->a_cols ? k * c->m + i : i * c->k + k];
}

/* The most that it changes C(i,j): half a step times each |b|. */
static double byte_bound(const gemm_case *c, const char *isa, const float *a, const float *b, int i,
                         int j)
{
    bool avx2 = !strcmp(isa, "avx2"), words = avx2 && c->type == FAB_Q8_0;
    double sum = 0, row = 0;

    for (int k = 0; k < c->k; k++) row = fmax(row, fabs(a_value(c, a, i, k)));
    for (int k0 = 0; k0 < c->k; k0 += 32) {
        double all = 0;
        float x[32];
        for (int k = 0; k < 32; k++) {
            x[k] = a_value(c, a, i, k0 + k);
            all += fabs(b_value(c, b, k0 + k, j));
        }
        sum += half_step(x, avx2, words, row) * all;
    }
    return sum * (1 + 1e-4);
}

static void check_bytes(const gemm_case *c, const char *isa, const float *a, const float *b,
                        const float *y, const double *ref)
{
    for (int e = 0; e < c->m * c->n; e++) {
        double most = byte_bound(c, isa, a, b, e / c->n, e % c->n) + 1e-4, d = fabs(y[e] - ref[e]);
        CHECK_MSG(d <= most, "%s %dx%dx%d %s: off %.3g of %.3g, the most is %.3g", isa, c->m, c->n,
                  c->k, fab_dtype_name(c->type), d, ref[e], most);
    }
}

/* b: the values of `weight`. */
static void check_product(const gemm_case *c, const float *a, const void *weight, const float *b)
{
    int64_t mn = (int64_t)c->m * c->n;
    float *start = noise(mn), *bias = noise(c->n);
    double *ref = take(mn * 8);
    const fab_kernels *list[12];

    for (int i = 0; i < c->m; i++)
        for (int j = 0; j < c->n; j++) {
            double s = (c->add ? start[i * c->n + j] : 0) + (c->bias ? bias[j] : 0);
            for (int k = 0; k < c->k; k++) s += (double)a_value(c, a, i, k) * b_value(c, b, k, j);
            ref[(int64_t)i * c->n + j] = s;
        }
    for (int t = 0, n = tables(list); t < n; t++) {
        float *first = NULL;
        fab_packed packed;
        if (c->packed)
            CHECK_MSG(list[t]->pack(&packed, arena, weight, c->type, c->n, c->k, c->bf16, &err),
                      "%s", err.text);
        for (int threads = 1; threads <= 3; threads++) {
            float *y = copy(start, mn);
            fab_gemm g = { c->m,
                           c->n,
                           c->k,
                           a,
                           c->a_cols ? 1 : c->k,
                           c->a_cols ? c->m : 1,
                           weight,
                           c->type,
                           c->b_cols ? 1 : c->n,
                           c->b_cols ? c->k : 1,
                           c->packed ? &packed : NULL,
                           y,
                           c->n,
                           c->bias ? bias : NULL,
                           c->add,
                           c->bf16 };
            if (c->packed) g.b = NULL;
            CHECK_MSG(list[t]->gemm(pool_of(threads), &g, &err), "%s", err.text);
            double off = worst(y, ref, mn), tol = tolerance(c, list[t]->name);
            if (in_bytes(c, list[t]->name)) check_bytes(c, list[t]->name, a, b, y, ref);
            else
                CHECK_MSG(off <= tol,
                          "%s %dx%dx%d a_cols %d b_cols %d %s packed %d bf16 %d: off %.3g",
                          list[t]->name, c->m, c->n, c->k, c->a_cols, c->b_cols,
                          fab_dtype_name(c->type), c->packed, c->bf16, off);
            if (!first) first = y;
            CHECK_MSG(!memcmp(first, y, (size_t)mn * 4), "%s %dx%dx%d: %d threads differ",
                      list[t]->name, c->m, c->n, c->k, threads);
        }
    }
    fab_arena_reset(arena);
}

static void check_gemm(const gemm_case *c)
{
    int64_t n = (int64_t)c->n * c->k;
    float *a = noise((int64_t)c->m * c->k), *b = noise(n);
    void *weight = as_type(c->type, b, b, n);

    check_product(c, a, weight, b);
}

TEST(gemm_shapes)
{
    static const int sizes[][3] = { { 1, 1, 1 },     { 1, 33, 64 },   { 7, 32, 32 },
                                    { 33, 65, 31 },  { 2, 100, 257 }, { 3, 48, 100 },
                                    { 4, 40, 33 },   { 5, 17, 300 },  { 64, 96, 96 },
                                    { 29, 600, 70 }, { 300, 35, 64 }, { 20, 30, 9000 },
                                    { 130, 70, 520 } };
    begin();
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
        for (int bits = 0; bits < 32; bits++)
            check_gemm(&(gemm_case){ sizes[i][0], sizes[i][1], sizes[i][2], bits & 1, bits & 2,
                                     bits & 4, bits & 8, bits & 16, false, FAB_F32 });
}

TEST(gemm_dtypes_and_packed)
{
    static const fab_dtype types[] = { FAB_F32,  FAB_BF16, FAB_F16,  FAB_Q8_0, FAB_Q4_0,
                                       FAB_Q4_1, FAB_Q4_K, FAB_Q6_K, FAB_Q5_K, FAB_Q5_1 };
    enum { TYPES = sizeof types / sizeof *types };
    begin();
    for (int i = 0; i < 120; i++) {
        fab_dtype type = types[i / 2 % TYPES];
        int m = 1 + below(i % 2 ? 6 : 70), n = 1 + below(90), unit = fab_dtype_block(type),
            k = unit > 1 ? unit * (1 + below(640 / unit)) : 1 + below(600);
        check_gemm(&(gemm_case){ m, n, k, below(4) == 0, true, below(2), below(2), below(2),
                                 below(2), type });
    }
    for (int i = 0; i < 8; i++)
        check_gemm(&(gemm_case){ 1 + below(40), 1 + below(40), 1 + below(99), false, false, false,
                                 false, i & 1, false, i & 2 ? FAB_BF16 : FAB_F16 });
}

/* One row (generation), 7 (no whole tile), 8 (a batch), 33 (many): K of one block, of no whole 256,
 * of several pieces. */
TEST(gemm_quantised_awkward_shapes)
{
    static const fab_dtype types[] = { FAB_Q8_0, FAB_Q4_0, FAB_Q4_1, FAB_Q5_0,
                                       FAB_Q5_1, FAB_Q4_K, FAB_Q5_K, FAB_Q6_K };
    static const int rows[] = { 1, 2, 7, 8, 33 }, cols[] = { 7, 20, 67 }, blocks[] = { 1, 9, 33 };
    begin();
    for (size_t t = 0; t < sizeof types / sizeof *types; t++)
        for (int i = 0; i < 5 * 3 * 3; i++) {
            int unit = fab_dtype_block(types[t]), many = blocks[i % 3];
            check_gemm(&(gemm_case){ rows[i / 9], cols[i / 3 % 3],
                                     unit * (unit > 32 ? 1 + many / 9 : many), false, true, i & 1,
                                     i & 2, i % 5 < 3, false, types[t] });
        }
}

/* Memory that is not numbers is left where one row's product takes its own from. */
static void soil(int64_t bytes)
{
    void *p = fab_aligned_new((size_t)bytes, &err);
    CHECK_MSG(p, "%s", err.text);
    memset(p, 0xff, (size_t)bytes);
    fab_aligned_free(p);
}

TEST(gemm_one_row_from_a_dirty_heap)
{
    static const int blocks[] = { 2, 4, 6, 12, 18, 22, 34, 36, 72 };
    begin();
    for (size_t i = 0; i < 2 * sizeof blocks / sizeof *blocks; i++)
        for (int bf16 = 0; bf16 < 2; bf16++) {
            fab_dtype type = i % 2 ? FAB_Q4_0 : FAB_Q8_0;
            int64_t steps = (blocks[i / 2] * (i % 2 ? 18 : 34) + 63) / 64;
            soil(steps * 256 + 64);
            soil(steps * 384 + 64);
            check_gemm(&(gemm_case){ 1, 20, 32 * blocks[i / 2], false, true, false, false, bf16,
                                     false, type });
        }
}

/* More than 64 rows, for which int8.c opens several panels and more of K at once: 40 columns in the
 * last piece, then K in two. */
TEST(gemm_quantised_in_pieces)
{
    static const fab_dtype types[] = { FAB_Q8_0, FAB_Q4_K, FAB_Q6_K };
    begin();
    for (size_t t = 0; t < sizeof types / sizeof *types; t++) {
        int unit = fab_dtype_block(types[t]);
        check_gemm(&(gemm_case){ 66, 552, unit, false, true, true, false, true, false, types[t] });
        check_gemm(
            &(gemm_case){ 66, 40, 2048 + unit, false, true, true, t == 0, true, false, types[t] });
    }
}

/* [n,k] of the largest and the smallest q, most of a row alike; of q8_0 also -128, which from_f32
 * never writes. */
static void *extremes(fab_dtype type, float *b, int n, int k)
{
    for (int i = 0; i < n * k; i++)
        b[i] = (i % 32 == i / k % 32) == (i / k % 2) ? 1 / 256.0f : -1 / 256.0f;
    uint8_t *w = as_type(type, b, b, (int64_t)n * k);
    for (int i = 0; type == FAB_Q8_0 && i < n * k; i++)
        if (w[i / 32 * 34 + 2 + i % 32] == 0x81) w[i / 32 * 34 + 2 + i % 32] = 0x80;
    fab_kernels_named("c")->to_f32(NULL, type, w, b, (int64_t)n * k);
    return w;
}

/* Rows of A that fill sums of 16 bits with one sign, and values whose step is large. */
TEST(gemm_quantised_at_its_limits)
{
    static const fab_dtype types[] = { FAB_Q8_0, FAB_Q4_0, FAB_Q4_1, FAB_Q4_K,
                                       FAB_Q5_K, FAB_Q6_K, FAB_Q5_0, FAB_Q5_1 };
    static const struct {
        float scale;
        int from, rows, types;
    } cases[] = { { 1, 0, 6, 8 }, { 1e32f, 0, 6, 8 }, { 2e36f, 5, 1, 6 /* dot.c has these */ } };
    enum { N = 40, K = 512 };
    begin();
    for (int i = 0; i < 8 * 3 * 2; i++) {
        int which = i / 2 % 3, m = cases[which].rows;
        if (i / 6 >= cases[which].types) continue;
        float *a = take((int64_t)m * K * 4), *b = take((int64_t)N * K * 4);
        void *weight = extremes(types[i / 6], b, N, K);
        for (int e = 0; e < m * K; e++) {
            int k = e % K;
            const int row[] = {
                1, -1, k / 4 % 2 ? -1 : 1, k / 4 % 2 ? 1 : -1, k % 2 ? 1 : -1, k % 32 == 9
            };
            a[e] = cases[which].scale * (float)row[cases[which].from + e / K];
        }
        check_product(&(gemm_case){ m, N, K, false, true, false, false, i & 1, false,
                                    types[i / 6] },
                      a, weight, b);
    }
}

static void check_not_finite(fab_dtype type, int m, bool bf16, float value)
{
    enum { N = 9, K = 512 };
    float *a = noise((int64_t)m * K), *b = noise(N * K), *y = take((int64_t)m * N * 4);
    fab_gemm g = { .m = m,
                   .n = N,
                   .k = K,
                   .a = a,
                   .a_row = K,
                   .a_col = 1,
                   .b = as_type(type, b, b, N * K),
                   .b_dtype = type,
                   .b_row = 1,
                   .b_col = K,
                   .c = y,
                   .c_row = N,
                   .bf16 = bf16 };
    const fab_kernels *list[12];

    const int bad = m > 1; /* the row */
    a[bad * K + 300] = value;
    for (int t = 0, n = tables(list); t < n; t++) {
        CHECK_MSG(list[t]->gemm(pool_of(2), &g, &err), "%s", err.text);
        for (int i = 0; i < m * N; i++)
            CHECK_MSG(!isfinite(y[i]) == (i / N == bad), "%s %s, %d rows, %g: [%d] is %g",
                      list[t]->name, fab_dtype_name(type), m, (double)value, i, (double)y[i]);
    }
    fab_arena_reset(arena);
}

/* A value that is not finite reaches all of its row of C, and no other row. */
TEST(gemm_quantised_not_finite)
{
    static const fab_dtype types[] = { FAB_Q8_0, FAB_Q4_0, FAB_Q4_K, FAB_Q6_K };
    begin();
    for (size_t t = 0; t < sizeof types / sizeof *types; t++)
        for (int m = 1; m <= 12; m += m < 2 ? 1 : 5)
            for (int bits = 0; bits < 4; bits++)
                check_not_finite(types[t], m, bits & 2, bits & 1 ? NAN : -INFINITY);
}

TEST(gemm_refuses)
{
    fab_gemm g = { .m = 1, .n = 2, .k = 33, .b_dtype = FAB_Q4_K };
    begin();
    CHECK(!fab_kernels_best()->gemm(NULL, &g, &err));
    CHECK_SAYS(err.text, "Q4_K");
}

/* ---- attention ------------------------------------------------------------------------------------------------ */

typedef struct {
    int b, tq, tk, heads, kv_heads, width;
    bool causal, prefix, kv_len;
} attn_case;

static int attn_limit(const fab_attn *s, int b, int i)
{
    int n = (int)s->tk;
    if (s->causal) {
        n = i + (int)(s->tk - s->tq) + 1;
        if (s->prefix && s->prefix[b] > n) n = s->prefix[b];
        if (n > s->tk) n = (int)s->tk;
    }
    if (s->kv_len && s->kv_len[b] < n) n = s->kv_len[b];
    return n < 0 ? 0 : n;
}

typedef struct {
    double *out, *dq, *dk, *dv,
        *most; /* most: what rounding the operands of both products to bf16 can change of out */
} attn_ref;

static void attn_row(const fab_attn *s, const float *q, const float *k, const float *v,
                     const float *g, attn_ref *r, int b, int h, int i)
{
    int w = (int)s->width, n = attn_limit(s, b, i), kh = h / (s->heads / s->kv_heads);
    double *p = take(n * 8 + 8), top = -1e300, sum = 0, d = 0, unit = 1.01 / 256, shift = 0;
    int64_t at = ((int64_t)(b * s->tq + i) * s->heads + h) * w;
#define KV(j) (((int64_t)(b * s->tk + (j)) * s->kv_heads + kh) * w)
    for (int j = 0; j < n; j++) {
        double all = 0; /* two operands, each off by half of `unit` */
        for (int x = 0; x < w; x++) {
            p[j] += (double)q[at + x] * k[KV(j) + x];
            all += fabs((double)q[at + x] * k[KV(j) + x]);
        }
        shift = fmax(shift, unit * all * s->scale);
        top = fmax(top, p[j] *= s->scale);
    }
    for (int j = 0; j < n; j++) sum += p[j] = exp(p[j] - top);
    for (int j = 0; j < n; j++)
        for (int x = 0; x < w; x++) {
            r->out[at + x] += (p[j] / sum) * v[KV(j) + x];
            r->most[at + x] +=
                (exp(2 * shift) * (1 + unit) - 1) * (p[j] / sum) * fabs(v[KV(j) + x]);
        }
    for (int x = 0; x < w; x++) d += r->out[at + x] * g[at + x];
    for (int j = 0; j < n; j++) {
        double dp = 0, pj = p[j] / sum;
        for (int x = 0; x < w; x++) {
            dp += (double)g[at + x] * v[KV(j) + x];
            r->dv[KV(j) + x] += pj * g[at + x];
        }
        for (int x = 0; x < w; x++) {
            r->dq[at + x] += pj * (dp - d) * s->scale * k[KV(j) + x];
            r->dk[KV(j) + x] += pj * (dp - d) * s->scale * q[at + x];
        }
    }
}

static void check_attn(const attn_case *c)
{
    int64_t nq = (int64_t)c->b * c->tq * c->heads * c->width,
            nk = (int64_t)c->b * c->tk * c->kv_heads * c->width;
    float *q = noise(nq), *k = noise(nk), *v = noise(nk), *g = noise(nq);
    int32_t *prefix = take(c->b * 4), *kv_len = take(c->b * 4);
    attn_ref r = { take(nq * 8), take(nq * 8), take(nk * 8), take(nk * 8), take(nq * 8) };
    fab_attn s = { c->b,
                   c->tq,
                   c->tk,
                   c->heads,
                   c->kv_heads,
                   c->width,
                   0,
                   0,
                   0,
                   0,
                   c->causal,
                   1.0f / sqrtf((float)c->width),
                   c->prefix ? prefix : NULL,
                   c->kv_len ? kv_len : NULL };
    const fab_kernels *list[12];

    for (int b = 0; b < c->b; b++) prefix[b] = below(c->tk + 1), kv_len[b] = below(c->tk + 1);
    for (int b = 0; b < c->b; b++)
        for (int h = 0; h < c->heads; h++)
            for (int i = 0; i < c->tq; i++) attn_row(&s, q, k, v, g, &r, b, h, i);
    for (int t = 0, n = tables(list); t < n; t++) {
        float *first[5] = { NULL };
        for (int threads = 1; threads <= 3; threads++) {
            float *out = noise(nq), *lse = take((int64_t)c->b * c->heads * c->tq * 4);
            float *dq = take(nq * 4), *dk = take(nk * 4), *dv = take(nk * 4), *rough = noise(nq),
                  *all[] = { out, rough, dq, dk, dv };
            list[t]->attn_forward(pool_of(threads), &s, q, k, v, out, lse);
            CHECK(list[t]->attn_backward(pool_of(threads), &s, q, k, v, out, lse, g, dq, dk, dv,
                                         &err));
            double off =
                fmax(worst(out, r.out, nq),
                     fmax(worst(dq, r.dq, nq), fmax(worst(dk, r.dk, nk), worst(dv, r.dv, nk))));
            CHECK_MSG(off <= f32_tolerance(c->tk) * 4,
                      "%s tq %d tk %d heads %d/%d width %d: off %.3g (%.2g %.2g %.2g %.2g)",
                      list[t]->name, c->tq, c->tk, c->heads, c->kv_heads, c->width, off,
                      worst(out, r.out, nq), worst(dq, r.dq, nq), worst(dk, r.dk, nk),
                      worst(dv, r.dv, nk));
            s.bf16 = true;
            list[t]->attn_forward(pool_of(threads), &s, q, k, v, rough, NULL);
            s.bf16 = false;
            for (int64_t i = 0; i < nq; i++)
                CHECK_MSG(fabs(rough[i] - r.out[i]) <= r.most[i] + 1e-5,
                          "%s tq %d tk %d width %d: rounded off %.3g of %.3g, the most is %.3g",
                          list[t]->name, c->tq, c->tk, c->width, fabs(rough[i] - r.out[i]),
                          r.out[i], r.most[i]);
            for (int i = 0; i < 5; i++) {
                if (threads == 1) first[i] = all[i];
                CHECK(!memcmp(first[i], all[i], (size_t)(i < 3 ? nq : nk) * 4));
            }
        }
    }
    fab_arena_reset(arena);
}

TEST(attention)
{
    static const attn_case cases[] = {
        { 2, 5, 5, 2, 2, 8, false, false, false },     { 1, 50, 50, 3, 3, 32, true, false, false },
        { 2, 130, 130, 2, 1, 64, true, true, false },  { 3, 40, 40, 4, 2, 32, false, false, true },
        { 3, 30, 70, 4, 2, 16, true, true, true },     { 2, 1, 90, 4, 2, 64, true, false, true },
        { 2, 2, 300, 2, 2, 33, true, false, false },   { 2, 1, 279, 4, 2, 84, true, false, false },
        { 1, 280, 300, 1, 1, 128, true, false, true }, { 1, 60, 60, 1, 1, 136, true, false, false },
        { 2, 20, 10, 2, 2, 16, true, false, false }, /* the first ten rows see nothing */
    };
    begin();
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) check_attn(cases + i);
}

TEST(attention_strides)
{
    /* q, k, v as thirds of one [B,T,3D] array, as a fused projection leaves them */
    enum { B = 2, T = 37, H = 2, K = 32, D = H * K };
    begin();
    float *qkv = noise(B * T * 3 * D), *q = take(B * T * D * 4), *k = take(B * T * D * 4),
          *v = take(B * T * D * 4);
    float *a = take(B * T * D * 4), *b = take(B * T * D * 4);
    fab_attn s = { B, T, T, H, H, K, 0, 0, 0, 0, true, 0.2f, NULL, NULL }, f = s;
    for (int i = 0; i < B * T; i++)
        for (int x = 0; x < D; x++)
            q[i * D + x] = qkv[i * 3 * D + x], k[i * D + x] = qkv[i * 3 * D + D + x],
                      v[i * D + x] = qkv[i * 3 * D + 2 * D + x];
    f.q_row = f.kv_row = 3 * D;
    for (const fab_kernels *const *t = fab_kernels_all(); *t; t++) {
        (*t)->attn_forward(NULL, &s, q, k, v, a, NULL);
        (*t)->attn_forward(NULL, &f, qkv, qkv + D, qkv + 2 * D, b, NULL);
        CHECK(!memcmp(a, b, B * T * D * 4));
    }
}

/* ---- convolution ---------------------------------------------------------------------------------------------- */

static void check_conv(fab_conv c, bool bf16)
{
    if (!c.oh) c.oh = (c.h + 2 * c.pad_y - c.kh) / c.stride + 1;
    if (!c.ow) c.ow = (c.w + 2 * c.pad_x - c.kw) / c.stride + 1;
    int64_t nx = c.batch * c.h * c.w * c.in, ny = c.batch * c.oh * c.ow * c.out,
            in = c.in / c.groups, out = c.out / c.groups;
    int64_t nw = c.out * in * c.kh * c.kw, taps = c.kh * c.kw;
    float *x = noise(nx), *w = noise(nw), *b = noise(c.out), *g = noise(ny), *dx0 = noise(nx),
          *dw0 = noise(nw), *db0 = noise(c.out);
    double *ry = take(ny * 8), *rx = take(nx * 8), *rw = take(nw * 8), *rb = take(c.out * 8);
    const fab_kernels *list[12];

    for (int64_t i = 0; i < nx; i++) rx[i] = dx0[i];
    for (int64_t i = 0; i < nw; i++) rw[i] = dw0[i];
    for (int64_t i = 0; i < c.out; i++) rb[i] = db0[i];
    for (int64_t p = 0; p < c.batch * c.oh * c.ow; p++)
        for (int64_t o = 0; o < c.out; o++) {
            double s = b[o], gy = g[p * c.out + o];
            rb[o] += gy;
            for (int64_t t = 0; t < taps; t++)
                for (int64_t i = 0; i < in; i++) {
                    int64_t y0 = p / c.ow % c.oh * c.stride - c.pad_y + t / c.kw,
                            x0 = p % c.ow * c.stride - c.pad_x + t % c.kw;
                    if (y0 < 0 || x0 < 0 || y0 >= c.h || x0 >= c.w) continue;
                    int64_t xi = ((p / (c.oh * c.ow) * c.h + y0) * c.w + x0) * c.in + o / out * in +
                                 i,
                            wi = (o * in + i) * taps + t;
                    s += (double)x[xi] * w[wi];
                    rx[xi] += gy * w[wi];
                    rw[wi] += gy * x[xi];
                }
            ry[p * c.out + o] = s;
        }
    for (int t = 0, n = tables(list); t < n; t++) {
        float *first[4] = { NULL };
        for (int threads = 1; threads <= 3; threads++) {
            float *y = take(ny * 4), *dx = copy(dx0, nx), *dw = copy(dw0, nw),
                  *db = copy(db0, c.out), *all[] = { y, dx, dw, db };
            int64_t count[] = { ny, nx, nw, c.out };
            CHECK(list[t]->conv_forward(pool_of(threads), &c, x, w, b, y, bf16, &err));
            CHECK(list[t]->conv_backward(pool_of(threads), &c, x, w, y, g, dx, dw, db, bf16, &err));
            double off[] = { worst(y, ry, ny), worst(dx, rx, nx), worst(dw, rw, nw),
                             worst(db, rb, c.out) };
            for (int i = 0; i < 4; i++) {
                CHECK_MSG(off[i] <= (bf16 && i < 3
                                         ? 0.006
                                         : f32_tolerance(taps * in + c.batch * c.oh * c.ow)),
                          "%s %s: in %d out %d kernel %dx%d stride %d pad %d groups %d: off %.3g",
                          list[t]->name, (const char *[]){ "y", "dx", "dw", "db" }[i], (int)c.in,
                          (int)c.out, (int)c.kh, (int)c.kw, (int)c.stride, (int)c.pad_y,
                          (int)c.groups, off[i]);
                if (threads == 1) first[i] = all[i];
                CHECK(!memcmp(first[i], all[i], (size_t)count[i] * 4));
            }
        }
    }
    fab_arena_reset(arena);
}

TEST(convolution)
{
/* clang-format off */
#define CONV(B, H, W, I, O, KH, KW, S, P, G)                                                       \
    { .batch = B, .h = H, .w = W, .in = I, .out = O, .kh = KH, .kw = KW, .stride = S, .pad_y = P,  \
      .pad_x = P, .groups = G }
/* TensorFlow's SAME at stride 2: one zero more behind than before where the map is even */
#define UNEVEN(B, H, W, I, O, K, PY, PX, G)                                                        \
    { .batch = B, .h = H, .w = W, .in = I, .out = O, .kh = K, .kw = K, .stride = 2, .pad_y = PY,   \
      .pad_x = PX, .oh = (H + 1) / 2, .ow = (W + 1) / 2, .groups = G }
    static const fab_conv cases[] = {
        CONV(2, 9, 7, 3, 16, 3, 3, 1, 1, 1),    CONV(1, 8, 8, 3, 40, 4, 4, 4, 0, 1),
        CONV(2, 11, 10, 33, 35, 3, 3, 2, 1, 1), CONV(2, 6, 6, 64, 48, 1, 1, 1, 0, 1),
        CONV(1, 7, 9, 8, 12, 5, 3, 3, 2, 1),    CONV(2, 9, 9, 37, 37, 3, 3, 1, 1, 37),
        CONV(1, 9, 8, 16, 16, 5, 5, 2, 2, 16),  CONV(1, 6, 5, 12, 18, 3, 3, 1, 1, 3),
        CONV(1, 3, 3, 1, 1, 3, 3, 1, 0, 1),     CONV(3, 40, 40, 3, 8, 3, 3, 2, 1, 1),
        CONV(1, 5, 5, 6, 4, 1, 1, 2, 0, 2),     CONV(2, 5, 6, 40, 40, 5, 5, 1, 2, 40),
        CONV(2, 3, 2, 33, 33, 5, 5, 1, 2, 33),  CONV(1, 9, 8, 5, 5, 7, 7, 1, 3, 5),
        CONV(1, 7, 8, 9, 9, 3, 3, 3, 1, 9),     CONV(1, 5, 6, 9, 9, 3, 5, 1, 1, 9),
        UNEVEN(2, 8, 9, 20, 20, 3, 0, 1, 20),   UNEVEN(1, 10, 7, 48, 48, 5, 1, 2, 48),
        UNEVEN(2, 8, 9, 3, 16, 3, 0, 1, 1),
    };
#undef CONV
#undef UNEVEN
    /* clang-format on */
    begin();
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        for (int bf16 = 0; bf16 < 2; bf16++) check_conv(cases[i], bf16);
}

TEST_MAIN
