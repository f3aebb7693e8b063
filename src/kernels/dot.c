/* dot: C = A W' + bias for up to DOT_MOST rows of A, W in GGUF's blocks as the file holds them.
 * AVX2.
 *
 * A is rounded under one scale per 32 values, so that a block's sum is whole numbers: x = d q + m
 * gives (d da) (q . a) + m (da sum a). To 16 bits (2^-16 of the largest of them: closer than bf16
 * by 2^7), or, where rounding is allowed and q has at most 6 bits, to 8 (2^-8): bytes go 32 to a
 * product (pmaddubsw), words 16. Rows are read 256 values (a group) at a time; whatever the type, a
 * group opens to eight registers of bytes q, and A lies to match:
 *
 *   q[u][h]   low lane: values 16h.. of the block of 32 numbered u; high lane: those of block u + 4       u < 4, h < 2
 *             (A in words: the even ones of the 16, then the odd ones, which masks and shifts of q
 *             give)
 *
 * so that three steps of blends and additions bring the four registers q[u] . a[u] of a row to one
 * of 8 sums, those of the 8 blocks in order, which meet their 8 scales: no scale is broadcast.
 *
 * W is four stretches, read side by side, a row of each in turn, the next row of the same stretch
 * being asked for: one stretch alone is read 1.4 times slower than memory can give. A worker's next
 * task begins where its last one ended. As much of K as keeps A in L1 goes along a row at a time.
 * Rows that do not fill 256 values end in a copy padded by zero blocks.
 */
#include "kernels/dot.h"

#if defined(__AVX2__)
#include "kernels/dot_open.h"

enum { TASK_VALUES = 1 << 17, L1_BYTES = 20480 };

/* ---- rounding A ------------------------------------------------------------------------------------------------ */

/* 256 values of a row of A: scales of each 32; scale (sum a) offset_of(type) of each 32 or, of
 * q6_K, of their first and their last 16; then a in bytes or words. No power of 2 long, so that
 * rows side by side do not share a set of L1. */
typedef struct {
    float scale[8], sum[16];
} head;

INLINE int64_t piece_bytes(bool words) { return (int64_t)sizeof(head) + (words ? 2 : 1) * GROUP; }
INLINE const char *a_of(const char *piece) { return piece + sizeof(head); }

typedef struct {
    const fab_gemm *g;
    int64_t groups, row_bytes, stretch, rows; /* rows of a stretch, and those in a task */
    bool words;
    char *a; /* pieces [m/r][groups][r] for r = 8, then 4, 2 or 1 for the rest of m */
} job;

/* q[i] = x[8 i..] / scale, up to `top` in size, and the sums of each 16; returns the scale */
INLINE float round_block(const float *x, float top, __m256i q[4], int32_t sums[2], __m256 *bad)
{
    const __m256 no_sign = _mm256_castsi256_ps(_mm256_set1_epi32(0x7fffffff));
    __m256 v[4], most = _mm256_setzero_ps();

#pragma GCC unroll 4
    for (int i = 0; i < 4; i++) {
        v[i] = _mm256_loadu_ps(x + 8 * i);
        most = _mm256_max_ps(most, _mm256_and_ps(v[i], no_sign));
        *bad = _mm256_fmadd_ps(v[i], _mm256_setzero_ps(), *bad);
    }
    float d = largest(most) / top, inv = d > 1e-32f && d <= FLT_MAX ? 1.0f / d : 0.0f;
#pragma GCC unroll 4
    for (int i = 0; i < 4; i++) q[i] = _mm256_cvtps_epi32(_mm256_mul_ps(v[i], _mm256_set1_ps(inv)));
    __m256i s = _mm256_hadd_epi32(_mm256_add_epi32(q[0], q[1]), _mm256_add_epi32(q[2], q[3]));
    s = _mm256_hadd_epi32(s, s);
    __m128i t = _mm_add_epi32(_mm256_castsi256_si128(s), _mm256_extracti128_si256(s, 1));
    sums[0] = _mm_cvtsi128_si32(t), sums[1] = _mm_extract_epi32(t, 1);
    return d;
}

/* 32 values to their places in block b of a group */
INLINE void put_bytes(char *a, int b, const __m256i q[4])
{
    char *to = a + b % 4 * 64 + b / 4 * 16;
    __m256i x = _mm256_packs_epi16(_mm256_packs_epi32(q[0], q[1]), _mm256_packs_epi32(q[2], q[3]));
    x = _mm256_permutevar8x32_epi32(x, _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7));
    _mm_storeu_si128((void *)to, _mm256_castsi256_si128(x));
    _mm_storeu_si128((void *)(to + 32), _mm256_extracti128_si256(x, 1));
}

INLINE void put_words(char *a, int b, const __m256i q[4])
{
    const __m256i turn = _mm256_setr_epi32(0, 2, 4, 6, 1, 3, 5, 7);
    char *to = a + b % 4 * 128 + b / 4 * 16;
#pragma GCC unroll 2
    for (int h = 0; h < 2; h++) {
        __m256i even_odd[2] = { _mm256_permutevar8x32_epi32(q[2 * h], turn),
                                _mm256_permutevar8x32_epi32(q[2 * h + 1], turn) };
        __m256i x = _mm256_packs_epi32(even_odd[0], even_odd[1]);
        _mm_storeu_si128((void *)(to + 64 * h), _mm256_castsi256_si128(x));
        _mm_storeu_si128((void *)(to + 64 * h + 32), _mm256_extracti128_si256(x, 1));
    }
}

/* Row i of A to every step-th piece; one that is not finite makes its row of C NaN */
INLINE void round_row(const job *j, const bool words, int64_t i, char *piece, int64_t step)
{
    const float *x = j->g->a + i * j->g->a_row, worth = offset_of(j->g->b_dtype);
    bool two = sixteens(j->g->b_dtype);
    __m256 bad = _mm256_setzero_ps();
    head *first = (head *)(void *)piece;

    for (int64_t t = 0; t < j->groups; t++, piece += step * piece_bytes(words)) {
        head *to = (head *)(void *)piece;
        int blocks = (int)min64(8, j->g->k / 32 - t * 8);
        if (blocks < 8) memset(piece, 0, (size_t)piece_bytes(words));
        for (int b = 0; b < blocks; b++, x += 32) {
            __m256i q[4];
            int32_t s[2];
            float d = round_block(x, words ? 32767.0f : 127.0f, q, s, &bad);
            if (words) put_words(piece + sizeof *to, b, q);
            else put_bytes(piece + sizeof *to, b, q);
            to->scale[b] = d;
            /* of a value that is not finite anything, so the sum may wrap: its row becomes NaN */
            int32_t both = (int32_t)((uint32_t)s[0] + (uint32_t)s[1]);
            to->sum[b] = worth * d * (float)(two ? s[0] : both);
            to->sum[8 + b] = worth * d * (float)s[1];
        }
    }
    if (largest(_mm256_and_ps(_mm256_cmp_ps(bad, bad, _CMP_UNORD_Q), _mm256_set1_ps(1))) > 0)
        first->scale[0] = NAN;
}

/* Row `task` of A: 8 rows lie side by side, then 4, 2 or 1. */
static void round_task(void *arg, int task, int worker)
{
    const job *j = arg;
    int64_t piece = piece_bytes(j->words), from = 0, n = DOT_MOST;

    (void)worker;
    while (from + n <= task || from + n > j->g->m)
        if (from + n > j->g->m) n /= 2;
        else from += n;
    char *to = j->a + (from * j->groups + task - from) * piece;
    if (j->words) round_row(j, true, task, to, n);
    else round_row(j, false, task, to, n);
}

/* ---- the product ---------------------------------------------------------------------------------------------- */

INLINE __m256i add(bool words, __m256i x, __m256i y)
{
    return words ? _mm256_add_epi32(x, y) : _mm256_add_epi16(x, y);
}

/* q . a of unit u, in double words or (bytes) words of each lane: h = 0 and 1 in one, or sixteens */
INLINE void unit_sums(fab_dtype type, const bool words, const __m256i q[2], const char *a,
                      __m256i x[2])
{
#pragma GCC unroll 2
    for (int h = 0; h < 2; h++) {
        const __m256i *from = (const void *)(a + (words ? 64 : 32) * h);
        if (!words) x[h] = _mm256_maddubs_epi16(q[h], from[0]);
        else {
            bool minus = type == FAB_Q8_0;
            __m256i even = minus ? _mm256_srai_epi16(_mm256_slli_epi16(q[h], 8), 8)
                                 : _mm256_and_si256(q[h], _mm256_set1_epi16(255)),
                    odd = minus ? _mm256_srai_epi16(q[h], 8) : _mm256_srli_epi16(q[h], 8);
            x[h] =
                _mm256_add_epi32(_mm256_madd_epi16(even, from[0]), _mm256_madd_epi16(odd, from[1]));
        }
    }
    if (!sixteens(type)) x[0] = add(words, x[0], x[1]);
}

/* [x0 + x1, y0 + y1] of the halves of each lane */
INLINE __m256i add_halves(bool words, __m256i x, __m256i y)
{
    __m256d a = _mm256_castsi256_pd(x), b = _mm256_castsi256_pd(y);
    return add(words, _mm256_blend_epi32(x, y, 0xcc),
               _mm256_castpd_si256(_mm256_shuffle_pd(a, b, 5)));
}

/* The sums of the 8 blocks, in order; x: of units 0 and 2 by add_halves, y: of 1 and 3. Words of
 * bytes' products reach 2^15 - 1 after that one step of q5_K and q6_K. */
INLINE __m256 block_sums(fab_dtype type, const bool words, __m256i x, __m256i y)
{
    const bool large = type == FAB_Q5_K || type == FAB_Q6_K;
    const __m256i one = _mm256_set1_epi16(1);
    __m256i s;

    if (!words && large) x = _mm256_madd_epi16(x, one), y = _mm256_madd_epi16(y, one);
    s = add(words || large, _mm256_blend_epi32(x, y, 0xaa),
            _mm256_shuffle_epi32(_mm256_blend_epi32(y, x, 0xaa), 0xb1));
    if (!words && !large) s = _mm256_madd_epi16(s, one);
    return _mm256_cvtepi32_ps(s);
}

/* acc[mr] += a group of W at p times mr rows of A */
INLINE void one_group(fab_dtype type, const bool words, const int mr, const char *a,
                      const uint8_t *p, __m256 *acc)
{
    __m256i x[4][DOT_MOST][2];
    __m256 d[2], m[2];

    open_scales(type, p, d, m);
#pragma GCC unroll 4
    for (int u = 0; u < 4; u++) {
        __m256i q[2] = { open_unit(type, p, u, 0), open_unit(type, p, u, 1) };
#pragma GCC unroll 8
        for (int r = 0; r < mr; r++)
            unit_sums(type, words, q, a_of(a + r * piece_bytes(words)) + (words ? 128 : 64) * u,
                      x[u][r]);
    }
#pragma GCC unroll 8
    for (int r = 0; r < mr; r++) {
        const head *of = (const void *)(a + r * piece_bytes(words));
        __m256 by = _mm256_load_ps(of->scale);
        for (int h = 0; h < (sixteens(type) ? 2 : 1); h++) {
            __m256 s = block_sums(type, words, add_halves(words, x[0][r][h], x[2][r][h]),
                                  add_halves(words, x[1][r][h], x[3][r][h]));
            acc[r] = _mm256_fmadd_ps(_mm256_mul_ps(d[h], by), s, acc[r]);
            if (type != FAB_Q8_0)
                acc[r] = _mm256_fmadd_ps(m[h], _mm256_load_ps(of->sum + 8 * h), acc[r]);
        }
    }
}

#define KEEP(x) __asm__ volatile("" : "+x"(x)) /* in a register, now */

/* acc[2] += a group of two rows of 4-bit W times a row of A in bytes, loaded once for both. Two
 * loads a cycle are as much a bound here as four operations; left to itself gcc loads A again and
 * puts all sums off to the end. */
INLINE void two_rows(fab_dtype type, const char *a, const uint8_t *const *p, __m256 *acc)
{
    const head *of = (const void *)a;
    __m256i x[4][2], from[2];
    __m256 by = _mm256_load_ps(of->scale), sum = _mm256_load_ps(of->sum);

#pragma GCC unroll 4
    for (int n = 0; n < 4; n++) {
        /* of q4_K u and u + 1 share bytes; else u and u + 2 soonest give one sum */
        const int u = type == FAB_Q4_K ? n : n / 2 + n % 2 * 2;
#pragma GCC unroll 2
        for (int h = 0; h < 2; h++) {
            from[h] = ((const __m256i *)(const void *)(a_of(a) + 64 * u))[h];
            KEEP(from[h]);
        }
#pragma GCC unroll 2
        for (int w = 0; w < 2; w++) {
            __m256i y = _mm256_maddubs_epi16(open_unit(type, p[w], u, 0), from[0]),
                    z = _mm256_maddubs_epi16(open_unit(type, p[w], u, 1), from[1]);
            x[u][w] = _mm256_add_epi16(y, z);
            KEEP(x[u][w]);
            if (u > 1) x[u - 2][w] = add_halves(false, x[u - 2][w], x[u][w]);
        }
    }
    KEEP(by);
    KEEP(sum);
#pragma GCC unroll 2
    for (int w = 0; w < 2; w++) {
        __m256 d[2], m[2], s = block_sums(type, false, x[0][w], x[1][w]);
        open_scales(type, p[w], d, m);
        if (type == FAB_Q4_0) acc[w] = _mm256_fmadd_ps(d[0], _mm256_fmadd_ps(by, s, sum), acc[w]);
        else {
            acc[w] = _mm256_fmadd_ps(_mm256_mul_ps(d[0], by), s, acc[w]);
            acc[w] = _mm256_fmadd_ps(m[0], sum, acc[w]);
        }
    }
}

/* y[4] = the sums of four registers */
INLINE void totals(const __m256 *x, float *y)
{
    __m256 a = _mm256_hadd_ps(x[0], x[1]), b = _mm256_hadd_ps(x[2], x[3]);
    a = _mm256_hadd_ps(a, b);
    _mm_storeu_ps(y, _mm_add_ps(_mm256_castps256_ps128(a), _mm256_extractf128_ps(a, 1)));
}

/* A line of W, into L1, or L2 where rows are as long as q8_0's: those four rows and the four next
 * leave L1 before they are read (Zen 4, a token's products, medians of 8 pairs: into L2 q8_0 has
 * 1.04 of the rate, q4_0 0.95). */
INLINE void ask_for(fab_dtype type, const uint8_t *p)
{
    if (type == FAB_Q8_0) __builtin_prefetch(p, 0, 2);
    else __builtin_prefetch(p);
}

/* rows of W that go side by side: at least four sums */
INLINE int abreast(int mr) { return mr < 4 ? 4 / mr : 1; }

/* y[wr][mr] = groups [from, to) of mr rows of A times those of wr rows of W; asks for the same of
 * the rows ahead */
INLINE void some_rows(fab_dtype type, const bool words, const int mr, const job *j, range t,
                      const char *a, const uint8_t *const *row, const uint8_t *const *ahead,
                      float *y)
{
    const int bytes = group_bytes(type), wr = abreast(mr),
              pair = mr == 1 && !words && four_bits(type) ? 2 : 1;
    int64_t rest = j->row_bytes - j->g->k / GROUP * bytes;
    uint8_t tail[STREAMS][GROUP / 32 * 34];
    __m256 acc[DOT_MOST];

#pragma GCC unroll 8
    for (int r = 0; r < wr * mr; r++) acc[r] = _mm256_setzero_ps();
    if (t.to < j->groups) rest = 0;
    for (int w = 0; w < wr && rest; w++) {
        memset(tail[w], 0, sizeof tail[w]);
        memcpy(tail[w], row[w] + (t.to - 1) * bytes, (size_t)rest);
    }
    a += t.from * mr * piece_bytes(words);
    for (int64_t i = t.from; i < t.to; i++, a += mr * piece_bytes(words))
#pragma GCC unroll 4
        for (int w = 0; w < wr; w += pair) {
            const uint8_t *p[2];
#pragma GCC unroll 2
            for (int b = 0; b < pair; b++) {
                p[b] = i == t.to - 1 && rest ? tail[w + b] : row[w + b] + i * bytes;
#pragma GCC unroll 5
                for (int c = 0; c < bytes; c += 64) ask_for(type, ahead[w + b] + i * bytes + c);
            }
            if (pair == 2) two_rows(type, a, p, acc + w);
            else one_group(type, words, mr, a, p[0], acc + w * mr);
            __asm__ volatile("" ::: "memory"); /* gcc has no registers for more */
        }
    totals(acc, y);
    if (wr * mr == 8) totals(acc + 4, y + 4);
}

typedef void row_fn(const job *j, range t, const char *a, const uint8_t *const *row,
                    const uint8_t *const *ahead, float *y);
#define ROW(T, n, words, suffix)                                                                   \
    static void row_##T##_##n##suffix(const job *j, range t, const char *a,                        \
                                      const uint8_t *const *row, const uint8_t *const *ahead,      \
                                      float *y)                                                    \
    {                                                                                              \
        some_rows(FAB_##T, words, n, j, t, a, row, ahead, y);                                      \
    }
#define ROWS(T, words, suffix)                                                                     \
    ROW(T, 1, words, suffix)                                                                       \
    ROW(T, 2, words, suffix) ROW(T, 4, words, suffix) ROW(T, 8, words, suffix)
#define FNS(T, suffix)                                                                             \
    {                                                                                              \
        row_##T##_1##suffix, row_##T##_2##suffix, row_##T##_4##suffix, row_##T##_8##suffix         \
    }
ROWS(Q8_0, true, w)
ROWS(Q4_0, true, w)
ROWS(Q4_1, true, w)
ROWS(Q4_K, true, w)
ROWS(Q5_K, true, w)
ROWS(Q6_K, true, w)
ROWS(Q4_0, false, b)
ROWS(Q4_1, false, b)
ROWS(Q4_K, false, b)
ROWS(Q5_K, false, b)
ROWS(Q6_K, false, b)
static const struct {
    fab_dtype type;
    row_fn *word[4], *byte[4]; /* 1, 2, 4 and 8 rows of A */
} kinds[] = { { FAB_Q8_0, FNS(Q8_0, w), FNS(Q8_0, w) }, { FAB_Q4_0, FNS(Q4_0, w), FNS(Q4_0, b) },
              { FAB_Q4_1, FNS(Q4_1, w), FNS(Q4_1, b) }, { FAB_Q4_K, FNS(Q4_K, w), FNS(Q4_K, b) },
              { FAB_Q5_K, FNS(Q5_K, w), FNS(Q5_K, b) }, { FAB_Q6_K, FNS(Q6_K, w), FNS(Q6_K, b) } };
enum { KINDS = sizeof kinds / sizeof *kinds };

static int kind_of(fab_dtype type)
{
    int i = 0;
    while (i < KINDS && kinds[i].type != type) i++;
    return i;
}

/* Rows i.. (mr of them) of A times rows `some` of each of W's four stretches */
static void stretches(const job *j, range some, range t, int64_t i, int mr)
{
    const fab_gemm *g = j->g;
    int kind = kind_of(g->b_dtype), nth = mr == 8 ? 3 : mr / 2, wr = abreast(mr);
    row_fn *fn = j->words ? kinds[kind].word[nth] : kinds[kind].byte[nth];
    const char *a = j->a + i * j->groups * piece_bytes(j->words);
    int64_t bytes = group_bytes(g->b_dtype);

    for (int64_t n = some.from; n < some.to; n++)
        for (int s = 0; s < STREAMS; s += wr) {
            const uint8_t *at[STREAMS], *ahead[STREAMS], *b = g->b;
            bool again = n + 1 == some.to && t.to < j->groups; /* further along K */
            float y[DOT_MOST];
            for (int w = 0; w < wr; w++) { /* rows that W lacks: its last, left out */
                int64_t row = (s + w) * j->stretch + n,
                        next = again ? row - n + some.from : row + 1;
                at[w] = b + min64(row, g->n - 1) * j->row_bytes;
                ahead[w] = b + min64(next, g->n - 1) * j->row_bytes +
                           (again ? (t.to - t.from) * bytes : 0);
            }
            fn(j, t, a, at, ahead, y);
            for (int w = 0; w < wr; w++)
                for (int r = 0; r < mr; r++) {
                    int64_t row = (s + w) * j->stretch + n;
                    float *c = g->c + (i + r) * g->c_row + row;
                    if (row >= g->n) continue;
                    if (t.from > 0) *c += y[w * mr + r];
                    else
                        *c = y[w * mr + r] + (g->add ? *c : 0.0f) + (g->bias ? g->bias[row] : 0.0f);
                }
        }
}

static void one_task(void *arg, int task, int worker)
{
    const job *j = arg;
    range some = { task * j->rows, min64((task + 1) * j->rows, j->stretch) };

    (void)worker;
    for (int64_t i = 0, n = DOT_MOST; n > 0; n /= 2)
        for (; i + n <= j->g->m; i += n) {
            int64_t most = L1_BYTES / (n * piece_bytes(j->words)),
                    parts = ceil_div(j->groups, most);
            for (int64_t t = 0; t < parts; t++)
                stretches(j, some, part(j->groups, parts, t), i, (int)n);
        }
}

bool FAB_NAME(fab_dot_takes)(fab_dtype type, int64_t m)
{
    return m <= DOT_MOST && kind_of(type) < KINDS;
}

bool FAB_NAME(fab_dot_gemm)(fab_pool *p, const fab_gemm *g, fab_err *err)
{
    job j = { .g = g,
              .groups = ceil_div(g->k, GROUP),
              .words = !g->bf16 || g->b_dtype == FAB_Q8_0 };
    int64_t size = fab_dtype_block(g->b_dtype), bytes = fab_dtype_bytes(g->b_dtype);

    j.row_bytes = g->b_col / size * bytes;
    j.stretch = stretch_of(g->n, j.row_bytes);
    j.rows = max64(1, TASK_VALUES / (j.groups * GROUP * STREAMS));
    j.a = fab_aligned_new((size_t)(g->m * j.groups * piece_bytes(j.words)), err);
    if (!j.a) return false;
    fab_pool_run(p, (int)g->m, round_task, &j);
    fab_pool_run_near(p, (int)ceil_div(j.stretch, j.rows), one_task, &j);
    fab_aligned_free(j.a);
    return true;
}

#else
bool FAB_NAME(fab_dot_takes)(fab_dtype type, int64_t m)
{
    (void)type, (void)m;
    return false;
}

bool FAB_NAME(fab_dot_gemm)(fab_pool *p, const fab_gemm *g, fab_err *err)
{
    (void)p, (void)g;
    return fab_fail(err, FAB_EINTERNAL, "no 16-bit products in this table");
}
#endif
