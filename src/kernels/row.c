/* row: C = a W' + bias for one row a, W in GGUF's blocks of q8_0, q4_0 or q4_K as the file holds
 * them. AVX-512 VNNI.
 *
 * a is rounded as dot.c rounds it, but laid out as W's bytes lie, so that W goes from memory to the
 * products 64 bytes at a time (a step) without being turned:
 *
 *   q8_0, q4_0  a row's bytes as they come, the f16 of its blocks too, where a has zeros. Blocks are 34
 *               (18) bytes, so all bytes of a double word that count are of one block, and 16 sums
 *               become f32 and meet 16 scales: a permutation takes each block's f16, which lies in
 *               this step or the last, to its double words, a pattern that recurs every 17 (9) steps.
 *   q4_K        the 128 bytes of nibbles of a group of 256; eight sums of a step are of one block.
 *
 * The low nibbles meet one array of a, the high ones another. a in 16 bits is two arrays, high
 * bytes and low: (256 h + l) q = 256 (h q) + l q. Products of bytes multiply unsigned by signed:
 * q8_0's q is raised by 128 for h and as it is for l, which is unsigned. What a row of zeros gives
 * is where the sums start, with the other sign.
 *
 * Four rows of W, one of each of four stretches, share a; what lies a row or AHEAD bytes further in
 * the same stretch is asked for. See dot.c.
 */
#include "kernels/row.h"

#include "kernels/dot.h"

#if defined(__AVX512VNNI__)
#include <immintrin.h>

enum { AHEAD = 2048, TASK_VALUES = 1 << 16, GROUP = 256, GROUP_BYTES = 144, PERIOD = 17 };

typedef struct {
    const fab_gemm *g;
    int64_t steps, bytes, row_bytes; /* bytes: of a row, row_bytes: to the next */
    int64_t stretch, rows, ahead;    /* rows of a stretch, of a task, to the one asked for */
    bool words;
    int8_t *a;      /* [h, l][low, high][steps][64] */
    int32_t *start; /* [steps][16] */
    float *scale;   /* [steps][16]; of q4_K [groups][16]: scales, then scales times -(sum a) */
    uint16_t from[(PERIOD + 1) * 16]; /* where a double word's f16 lies in two steps */
} job;

INLINE bool grouped(fab_dtype t) { return t == FAB_Q4_K; }
INLINE int block_bytes(fab_dtype t) { return t == FAB_Q8_0 ? 34 : 18; }
INLINE int arrays(fab_dtype t) { return t == FAB_Q8_0 ? 1 : 2; }
/* q4_0's l is part of what a row of zeros gives: no multiple of 256. */
INLINE bool starts_late(fab_dtype t, bool words) { return t == FAB_Q4_0 && words; }

/* ---- products -------------------------------------------------------------------------------- */

typedef struct {
    __m512i h[2], l[2], start;
} step_of_a;

INLINE step_of_a step_at(fab_dtype type, const bool words, const job *j, int64_t s)
{
    const int8_t *a = j->a + s * 64;
    int64_t next = j->steps * 64;
    step_of_a o = { .start = _mm512_setzero_si512() };

    for (int i = 0; i < arrays(type); i++, a += next) o.h[i] = _mm512_load_si512(a);
    for (int i = 0; i < arrays(type) && words; i++, a += next) o.l[i] = _mm512_load_si512(a);
    if (!grouped(type)) o.start = _mm512_load_si512(j->start + s * 16);
    return o;
}

/* sums[] of 64 bytes x of W: of low and high nibbles together, or apart where their blocks differ */
INLINE void step_sums(fab_dtype type, const bool words, __m512i x, const step_of_a *a,
                      __m512i *sums)
{
    const __m512i fifteen = _mm512_set1_epi8(15);
    const int n = arrays(type), apart = grouped(type) ? 1 : 0;
    const bool late = starts_late(type, words);
    __m512i q[2] = { x, x };

    if (n == 2) {
        q[0] = _mm512_and_si512(x, fifteen);
        q[1] = _mm512_and_si512(_mm512_srli_epi16(x, 4), fifteen);
    } else q[0] = _mm512_xor_si512(x, _mm512_set1_epi8(-128));
    sums[0] = sums[1] = late ? _mm512_setzero_si512() : a->start;
    for (int i = 0; i < n; i++)
        sums[apart * i] = _mm512_dpbusd_epi32(sums[apart * i], q[i], a->h[i]);
    if (!words) return;
    for (int i = 0; i <= apart; i++) sums[i] = _mm512_slli_epi32(sums[i], 8);
    if (late) sums[0] = _mm512_add_epi32(sums[0], a->start);
    for (int i = 0; i < n; i++)
        sums[apart * i] = _mm512_dpbusd_epi32(sums[apart * i], a->l[i], n == 1 ? x : q[i]);
}

/* A line of W, into L2: in L1 the rows and those to come push each other out. */
INLINE void ask_for(const uint8_t *p) { __builtin_prefetch(p, 0, 2); }

/* What a row of W has come to. */
typedef struct {
    __m512i before; /* the last step's bytes */
    __m512 sum;
} so_far;

/* Step s of four rows, of which the bytes of `there` count */
INLINE void plain_step(fab_dtype type, const bool words, const job *j, int64_t s, __mmask64 there,
                       const uint8_t *const *row, const uint8_t *const *ahead, so_far *c)
{
    int64_t nth = s % (block_bytes(type) / 2);
    step_of_a a = step_at(type, words, j, s);
    __m512 scale = _mm512_load_ps(j->scale + s * 16);
    __m512i from = _mm512_castsi256_si512(_mm256_loadu_si256((const void *)(j->from + nth * 16)));

#pragma GCC unroll 4
    for (int w = 0; w < STREAMS; w++) {
        __m512i sums[2], x = _mm512_maskz_loadu_epi8(there, row[w] + 64 * s),
                         d = _mm512_permutex2var_epi16(c[w].before, from, x);
        ask_for(ahead[w] + 64 * s);
        step_sums(type, words, x, &a, sums);
        __m512 by = _mm512_mul_ps(_mm512_cvtph_ps(_mm512_castsi512_si256(d)), scale);
        c[w].sum = _mm512_fmadd_ps(by, _mm512_cvtepi32_ps(sums[0]), c[w].sum);
        c[w].before = x;
    }
}

INLINE void plain_rows(fab_dtype type, const bool words, const job *j, const uint8_t *const *row,
                       const uint8_t *const *ahead, __m512 *sum)
{
    const __mmask64 all = ~(__mmask64)0;
    int64_t whole = j->bytes / 64;
    so_far c[STREAMS];

#pragma GCC unroll 4
    for (int w = 0; w < STREAMS; w++) c[w] = (so_far){ 0 };
    for (int64_t s = 0; s < whole; s++) plain_step(type, words, j, s, all, row, ahead, c);
    if (whole < j->steps) plain_step(type, words, j, whole, ~(all << j->bytes % 64), row, ahead, c);
#pragma GCC unroll 4
    for (int w = 0; w < STREAMS; w++) sum[w] = c[w].sum;
}

/* d scale of a group's 8 blocks, then dmin min */
INLINE __m512 group_scales(const uint8_t *p)
{
    const __m512i big = _mm512_setr_epi32(0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1, 1, 1);
    const int six = 0x3f3f3f3f, four = 0x0f0f0f0f, top = 0x30303030;
    __m128i x = _mm_loadu_si128((const void *)p),
            low = _mm_srlv_epi32(_mm_shuffle_epi32(x, _MM_SHUFFLE(3, 2, 3, 1)),
                                 _mm_setr_epi32(0, 0, 0, 4)),
            high = _mm_srli_epi32(_mm_shuffle_epi32(x, _MM_SHUFFLE(2, 2, 1, 1)), 2);
    low = _mm_and_si128(low, _mm_setr_epi32(six, four, six, four));
    low = _mm_or_si128(low, _mm_and_si128(high, _mm_setr_epi32(0, top, 0, top)));
    return _mm512_mul_ps(_mm512_cvtepi32_ps(_mm512_cvtepu8_epi32(low)),
                         _mm512_permutexvar_ps(big, _mm512_castps128_ps512(_mm_cvtph_ps(x))));
}

INLINE void grouped_rows(const bool words, const job *j, const uint8_t *const *row,
                         const uint8_t *const *ahead, __m512 *to)
{
    __m512 acc[STREAMS];
    const __m512i first = _mm512_setr_epi32(0, 0, 0, 0, 0, 0, 0, 0, 2, 2, 2, 2, 2, 2, 2, 2);

#pragma GCC unroll 4
    for (int w = 0; w < STREAMS; w++) acc[w] = _mm512_setzero_ps();
    for (int64_t s = 0; s < j->steps; s += 2) {
        step_of_a a[2] = { step_at(FAB_Q4_K, words, j, s), step_at(FAB_Q4_K, words, j, s + 1) };
        __m512 scale = _mm512_load_ps(j->scale + s * 8);
#pragma GCC unroll 4
        for (int w = 0; w < STREAMS; w++) {
            const uint8_t *p = row[w] + s / 2 * GROUP_BYTES, *next = ahead[w] + s / 2 * GROUP_BYTES;
#pragma GCC unroll 3
            for (int i = 0; i < GROUP_BYTES; i += 64) ask_for(next + i);
            __m512 by = _mm512_mul_ps(group_scales(p), scale);
            acc[w] = _mm512_mask_add_ps(acc[w], 0xff00, acc[w], by);
#pragma GCC unroll 2
            for (int n = 0; n < 2; n++) {
                __m512i sums[2];
                step_sums(FAB_Q4_K, words, _mm512_loadu_si512(p + 16 + 64 * n), a + n, sums);
#pragma GCC unroll 2
                for (int i = 0; i < 2; i++) {
                    __m512i of = _mm512_add_epi32(first, _mm512_set1_epi32(4 * n + i));
                    acc[w] = _mm512_fmadd_ps(_mm512_permutexvar_ps(of, by),
                                             _mm512_cvtepi32_ps(sums[i]), acc[w]);
                }
            }
        }
    }
#pragma GCC unroll 4
    for (int w = 0; w < STREAMS; w++) to[w] = acc[w];
}

/* y[STREAMS] = a times a row of each stretch */
INLINE void some_rows(fab_dtype type, const bool words, const job *j, const uint8_t *const *row,
                      const uint8_t *const *ahead, float *y)
{
    __m512 acc[STREAMS];

    if (grouped(type)) grouped_rows(words, j, row, ahead, acc);
    else plain_rows(type, words, j, row, ahead, acc);
    for (int w = 0; w < STREAMS; w++) y[w] = _mm512_reduce_add_ps(acc[w]);
}

typedef void rows_fn(const job *j, const uint8_t *const *row, const uint8_t *const *ahead,
                     float *y);
#define ROWS(T, words, suffix)                                                                     \
    static void rows_##T##suffix(const job *j, const uint8_t *const *row,                          \
                                 const uint8_t *const *ahead, float *y)                            \
    {                                                                                              \
        some_rows(FAB_##T, words, j, row, ahead, y);                                               \
    }
ROWS(Q8_0, true, w)
ROWS(Q4_0, true, w)
ROWS(Q4_0, false, b)
ROWS(Q4_K, true, w)
ROWS(Q4_K, false, b)

static rows_fn *fn_of(fab_dtype type, bool words)
{
    if (type == FAB_Q8_0) return rows_Q8_0w;
    if (type == FAB_Q4_0) return words ? rows_Q4_0w : rows_Q4_0b;
    return words ? rows_Q4_Kw : rows_Q4_Kb;
}

static void one_task(void *arg, int task, int worker)
{
    const job *j = arg;
    const fab_gemm *g = j->g;
    rows_fn *fn = fn_of(g->b_dtype, j->words);

    (void)worker;
    for (int64_t n = task * j->rows; n < min64((task + 1) * j->rows, j->stretch); n++) {
        const uint8_t *at[STREAMS], *ahead[STREAMS];
        float y[STREAMS];
        for (int w = 0; w < STREAMS; w++) { /* rows that W lacks: its last, left out */
            int64_t row = w * j->stretch + n;
            at[w] = (const uint8_t *)g->b + min64(row, g->n - 1) * j->row_bytes;
            ahead[w] = (const uint8_t *)g->b + min64(row + j->ahead, g->n - 1) * j->row_bytes;
        }
        fn(j, at, ahead, y);
        for (int w = 0; w < STREAMS; w++) {
            int64_t row = w * j->stretch + n;
            if (row >= g->n) continue;
            g->c[row] = y[w] + (g->add ? g->c[row] : 0.0f) + (g->bias ? g->bias[row] : 0.0f);
        }
    }
}

/* ---- rounding a ------------------------------------------------------------------------------ */

/* 32 values to places at and at + apart of each array; returns their scale, and their sum in units
 * of it */
INLINE float round_block(const float *x, bool words, int8_t *at, int64_t apart, int64_t next,
                         int32_t *sum, __m512 *bad)
{
    __m512 v[2] = { _mm512_loadu_ps(x), _mm512_loadu_ps(x + 16) };
    __m512i q[2];
    float d = _mm512_reduce_max_ps(_mm512_max_ps(_mm512_abs_ps(v[0]), _mm512_abs_ps(v[1]))) /
              (words ? 32767.0f : 127.0f),
          inv = d > 1e-32f && d <= FLT_MAX ? 1.0f / d : 0.0f;

    for (int i = 0; i < 2; i++) {
        *bad = _mm512_fmadd_ps(v[i], _mm512_setzero_ps(), *bad);
        __m512 z = _mm512_mul_ps(v[i], _mm512_set1_ps(inv)); /* NaN of what is not finite: 0 */
        q[i] = _mm512_maskz_cvtps_epi32(_mm512_cmp_ps_mask(z, z, _CMP_ORD_Q), z);
        __m512i h = words ? _mm512_srai_epi32(q[i], 8) : q[i];
        _mm_storeu_si128((void *)(at + i * apart), _mm512_cvtepi32_epi8(h));
        if (words) _mm_storeu_si128((void *)(at + next + i * apart), _mm512_cvtepi32_epi8(q[i]));
    }
    *sum = _mm512_reduce_add_epi32(_mm512_add_epi32(q[0], q[1]));
    return d;
}

/* Where each double word's f16 lies; blocks as they come, the next over what is too much of one. */
INLINE void find_halves(fab_dtype type, uint16_t *from)
{
    const int words = block_bytes(type) / 2, first = words / 2 + 1;

    for (int b = 0; b < 32; b++)
        _mm256_storeu_si256((void *)(from + b / 2 * words + b % 2 * first),
                            _mm256_set1_epi16((int16_t)(b * words)));
    for (int i = 0; i < words * 16; i++) from[i] = (uint16_t)(from[i] - 32 * (i / 16 - 1));
}

INLINE void round_plain(fab_dtype type, const bool words, job *j)
{
    const int bytes = block_bytes(type), first = bytes / 4 + 1;
    int64_t array = j->steps * 64, apart = type == FAB_Q8_0 ? 16 : array;
    __m512 bad = _mm512_setzero_ps();
    int32_t sum;

    memset(j->a, 0, (size_t)(array * arrays(type) * (words ? 2 : 1)));
    memset(j->scale, 0, (size_t)j->steps * 64); /* lanes behind the last block: 0 times anything */
    for (int64_t b = 0; b < j->g->k / 32; b++) {
        float d = round_block(j->g->a + 32 * b, words, j->a + b * bytes + 2, apart,
                              array * arrays(type), &sum, &bad);
        _mm512_storeu_ps(j->scale + b / 2 * (bytes / 2) + b % 2 * first, _mm512_set1_ps(d));
    }
    for (int64_t s = 0; s < j->steps; s++) {
        step_of_a a = step_at(type, words, j, s);
        __m512i sums[2];
        a.start = _mm512_setzero_si512();
        step_sums(type, words, _mm512_set1_epi8(type == FAB_Q8_0 ? 0 : (char)0x88), &a, sums);
        __m512i start = _mm512_sub_epi32(a.start, sums[0]);
        if (words && !starts_late(type, words)) start = _mm512_srai_epi32(start, 8);
        _mm512_store_si512(j->start + s * 16, start);
    }
    find_halves(type, j->from);
    if (_mm512_cmp_ps_mask(bad, bad, _CMP_UNORD_Q)) j->scale[0] = NAN;
}

INLINE void round_grouped(const bool words, job *j)
{
    const float *x = j->g->a;
    int64_t array = j->steps * 64;
    __m512 bad = _mm512_setzero_ps();

    for (int64_t b = 0; b < j->g->k / 32; b++) {
        int32_t sum;
        int8_t *to = j->a + b % 2 * array + b / 4 * 64 + b % 4 / 2 * 32;
        float d = round_block(x + 32 * b, words, to, 16, 2 * array, &sum, &bad),
              *scale = j->scale + b / 8 * 16 + b % 8;
        scale[0] = d, scale[8] = -d * (float)sum;
    }
    if (_mm512_cmp_ps_mask(bad, bad, _CMP_UNORD_Q)) j->scale[0] = NAN;
}

/* ---- the entry ------------------------------------------------------------------------------- */

bool FAB_NAME(fab_row_takes)(fab_dtype type)
{
    return type == FAB_Q8_0 || type == FAB_Q4_0 || type == FAB_Q4_K;
}

bool FAB_NAME(fab_row_gemm)(fab_pool *p, const fab_gemm *g, fab_err *err)
{
    fab_dtype type = g->b_dtype;
    job j = { .g = g, .words = !g->bf16 || type == FAB_Q8_0 };
    int64_t size = fab_dtype_block(type), bytes = fab_dtype_bytes(type);

    j.row_bytes = g->b_col / size * bytes;
    j.bytes = g->k / size * bytes;
    j.steps = grouped(type) ? g->k / GROUP * 2 : ceil_div(j.bytes, 64);
    j.stretch = stretch_of(g->n, j.row_bytes);
    j.ahead = ceil_div(AHEAD, j.row_bytes);
    j.rows = max64(1, TASK_VALUES / (g->k * STREAMS));
    int64_t a_bytes = j.steps * 64 * arrays(type) * (j.words ? 2 : 1);
    j.a = fab_aligned_new((size_t)(a_bytes + j.steps * 128 + 64), err);
    if (!j.a) return false;
    j.start = (int32_t *)(void *)(j.a + a_bytes);
    j.scale = (float *)(void *)(j.a + a_bytes + j.steps * 64);
    if (grouped(type)) j.words ? round_grouped(true, &j) : round_grouped(false, &j);
    else if (type == FAB_Q8_0) round_plain(FAB_Q8_0, true, &j);
    else j.words ? round_plain(FAB_Q4_0, true, &j) : round_plain(FAB_Q4_0, false, &j);
    fab_pool_run_near(p, (int)ceil_div(j.stretch, j.rows), one_task, &j);
    fab_aligned_free(j.a);
    return true;
}

#else
bool FAB_NAME(fab_row_takes)(fab_dtype type)
{
    (void)type;
    return false;
}

bool FAB_NAME(fab_row_gemm)(fab_pool *p, const fab_gemm *g, fab_err *err)
{
    (void)p, (void)g;
    return fab_fail(err, FAB_EINTERNAL, "no products of bytes in this table");
}
#endif
