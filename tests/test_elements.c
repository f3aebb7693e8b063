/* elements: rows, elements, types and the choice of a table; references and tolerances as in
 * test_kernels.c. */
#include "tables.h"

#define EACH_TABLE(k)                                                                              \
    for (const fab_kernels *const *k##_ = fab_kernels_all(), *k; (k = *k##_); k##_++)

TEST(norms)
{
    enum { R = 70, D = 197 };
    begin();
    float *x = noise(R * D), *w = noise(D), *b = noise(D), *g = noise(R * D);
    double *y = take(R * D * 8), *dx = take(R * D * 8), *dw = take(D * 8), *db = take(D * 8);
    for (int rms = 0; rms < 2; rms++) {
        memset(dw, 0, D * 8), memset(db, 0, D * 8);
        for (int r = 0; r < R; r++) {
            double mean = 0, q = 0, mg = 0, mgn = 0;
            for (int i = 0; i < D; i++) mean += rms ? 0 : x[r * D + i] / (double)D;
            for (int i = 0; i < D; i++) q += (x[r * D + i] - mean) * (x[r * D + i] - mean) / D;
            double inv = 1 / sqrt(q + (double)1e-5f);
            for (int i = 0; i < D; i++) {
                double n = (x[r * D + i] - mean) * inv, gg = (double)g[r * D + i];
                y[r * D + i] = n * w[i] + (rms ? 0 : b[i]);
                dw[i] += gg * n, db[i] += gg;
                mg += rms ? 0 : gg * w[i] / D, mgn += gg * w[i] * n / D;
            }
            for (int i = 0; i < D; i++)
                dx[r * D + i] =
                    inv * (g[r * D + i] * w[i] - mg - (x[r * D + i] - mean) * inv * mgn);
        }
        EACH_TABLE(k)
        {
            float *fy = take(R * D * 4), *fx = take(R * D * 4), *fw = take(D * 4),
                  *fb = take(D * 4), *m = take(R * 4), *v = take(R * 4);
            if (rms) {
                k->rmsnorm(NULL, x, w, 1e-5f, fy, v, R, D);
                k->rmsnorm_back(pool_of(2), x, w, v, g, fx, fw, R, D);
            } else {
                k->layernorm(NULL, x, w, b, 1e-5f, fy, m, v, R, D);
                k->layernorm_back(pool_of(2), x, w, m, v, g, fx, fw, fb, R, D);
                CHECK(worst(fb, db, D) < f32_tolerance(R));
            }
            CHECK(worst(fy, y, R * D) < f32_tolerance(D));
            CHECK(worst(fx, dx, R * D) < f32_tolerance(D));
            CHECK(worst(fw, dw, D) < f32_tolerance(R));
        }
    }
}

TEST(softmax_and_cross_entropy)
{
    enum { R = 9, V = 1003 };
    begin();
    float *x = noise(R * V), *scale = noise(R), *start = noise(R * V);
    int32_t target[R];
    double *p = take(R * V * 8), *dl = take(R * V * 8), nll[R];
    const double e = (double)0.1f;
    for (int i = 0; i < R * V; i++) x[i] *= 8;
    for (int r = 0; r < R; r++) {
        double top = -1e9, s = 0, mean = 0;
        target[r] = r == 4 ? -1 : below(V);
        for (int i = 0; i < V; i++) top = fmax(top, x[r * V + i]);
        for (int i = 0; i < V; i++) s += exp(x[r * V + i] - top), mean += x[r * V + i] / (double)V;
        nll[r] = r == 4 ? 0 : log(s) + top - (1 - e) * x[r * V + target[r]] - e * mean;
        for (int i = 0; i < V; i++) {
            p[r * V + i] = exp(x[r * V + i] - top) / s;
            dl[r * V + i] = start[r * V + i];
            if (r != 4)
                dl[r * V + i] += scale[r] * (p[r * V + i] - (i == target[r] ? 1 - e : 0) - e / V);
        }
    }
    EACH_TABLE(k)
    {
        float *y = take(R * V * 4), *fn = take(R * 4), *d = copy(start, R * V);
        k->softmax(pool_of(2), x, y, R, V);
        k->xent(pool_of(2), x, target, 0.1f, fn, scale, d, R, V);
        CHECK(worst(y, p, R * V) < 4e-6);
        CHECK_MSG(worst(fn, nll, R) < 4e-6, "%s: nll off %.3g", k->name, worst(fn, nll, R));
        CHECK(worst(d, dl, R * V) < 4e-6);
    }
}

static double f64_gelu(int kind, double x)
{
    if (kind == 0) return 0.5 * x * (1 + erf(x / sqrt(2)));
    if (kind == 1) return 0.5 * x * (1 + tanh(sqrt(2 / acos(-1)) * (x + 0.044715 * x * x * x)));
    return x / (1 + exp(-1.702 * x));
}

TEST(activations)
{
    enum { N = 40001 };
    begin();
    float *x = take(N * 4), *g = noise(N), *u = noise(N);
    double *y = take(N * 8), *d = take(N * 8), *du = take(N * 8);
    for (int i = 0; i < N; i++) x[i] = (float)(i - N / 2) * 1e-3f;
    x[0] = -200, x[1] = 200, x[2] = 0, x[3] = -0.0f;
    for (int kind = 0; kind < 5; kind++) /* gelu x 3, silu, swiglu */
        EACH_TABLE(k)
        {
            float *fy = take(N * 4), *fd = take(N * 4), *fu = take(N * 4);
            for (int i = 0; i < N; i++) {
                double v = x[i], h = 1e-4, s = 1 / (1 + exp(-v));
                if (kind < 3)
                    y[i] = f64_gelu(kind, v),
                    d[i] = g[i] * (f64_gelu(kind, v + h) - f64_gelu(kind, v - h)) / (2 * h);
                else
                    y[i] = v * s * (kind == 4 ? u[i] : 1),
                    d[i] = g[i] * (s + v * s * (1 - s)) * (kind == 4 ? u[i] : 1);
                du[i] = g[i] * v * s;
            }
            if (kind < 3)
                k->gelu(pool_of(2), kind, x, fy, N), k->gelu_back(pool_of(2), kind, x, g, fd, N);
            else if (kind == 3)
                k->silu(pool_of(2), x, fy, N), k->silu_back(pool_of(2), x, g, fd, N);
            else {
                k->swiglu(pool_of(2), x, u, fy, N), k->swiglu_back(pool_of(2), x, u, g, fd, fu, N);
                CHECK(worst(fu, du, N) < 4e-6);
            }
            CHECK_MSG(worst(fy, y, N) < 4e-6, "%s kind %d: off %.3g", k->name, kind,
                      worst(fy, y, N));
            CHECK_MSG(worst(fd, d, N) < 4e-6, "%s kind %d slope: off %.3g", k->name, kind,
                      worst(fd, d, N));
        }
}

TEST(not_a_number_stays)
{
    begin();
    EACH_TABLE(k)
    {
        float x[40], y[40], g[40];
        for (int i = 0; i < 40; i++) x[i] = i == 17 ? NAN : 1.0f, g[i] = 1;
        for (int kind = 0; kind < 3; kind++) {
            k->gelu(NULL, kind, x, y, 40);
            CHECK(isnan(y[17]) && !isnan(y[16]));
        }
        k->silu(NULL, x, y, 40);
        CHECK(isnan(y[17]));
        k->softmax(NULL, x, y, 1, 40);
        CHECK(isnan(y[0]));
        k->rmsnorm(NULL, x, g, 1e-5f, y, NULL, 1, 40);
        CHECK(isnan(y[0]));
    }
}

TEST(elements)
{
    enum { N = 50007 };
    begin();
    float *a = noise(N), *b = noise(N), *c = noise(N);
    EACH_TABLE(k)
    {
        float *y = copy(c, N), *z = copy(c, N), *t = take(N * 4);
        k->axpy(pool_of(2), 0.5f, a, y, N);
        k->mul_add(pool_of(2), a, b, z, N);
        for (int i = 0; i < N; i++) {
            CHECK_NEAR(y[i], c[i] + 0.5f * a[i], 1e-6);
            CHECK_NEAR(z[i], c[i] + a[i] * b[i], 4e-6);
        }
        k->mul(pool_of(2), a, b, y, N);
        k->add(pool_of(2), a, b, z, 1, N);
        k->scale(pool_of(2), 3, a, t, N);
        for (int i = 0; i < N; i++)
            CHECK(y[i] == a[i] * b[i] && z[i] == a[i] + b[i] && t[i] == 3 * a[i]);
        k->add(pool_of(3), a, b, z, N / 7, 7);
        for (int i = 0; i < N / 7 * 7; i++) CHECK(z[i] == a[i] + b[i % 7]);
        double s = 0;
        for (int i = 0; i < N; i++) s += (double)a[i] * b[i];
        CHECK_NEAR(k->dot(pool_of(3), a, b, N), s, 1e-9 * N);
        CHECK(k->dot(pool_of(3), a, b, N) == k->dot(NULL, a, b, N));
    }
}

TEST(sums_of_rows)
{
    enum { R = 333, D = 301 };
    begin();
    float *x = noise(R * D), *y0 = noise(D);
    double *s = take(D * 8);
    for (int i = 0; i < D; i++) s[i] = y0[i];
    for (int i = 0; i < R * D; i++) s[i % D] += x[i];
    EACH_TABLE(k)
    {
        float *y = copy(y0, D);
        k->sum_rows(pool_of(3), x, y, R, D);
        CHECK(worst(y, s, D) < f32_tolerance(R));
    }
}

TEST(rope)
{
    enum { T = 11, H = 3, K = 16, B = 2, N = B * T * H * K };
    begin();
    float *x = noise(N), *cs = take(T * K * 4), *start = noise(N);
    for (int t = 0; t < T; t++)
        for (int i = 0; i < K / 2; i++)
            cs[t * K + 2 * i] = cosf((float)(t * (i + 1))),
                           cs[t * K + 2 * i + 1] = sinf((float)(t * (i + 1)));
    for (int pairs = 0; pairs < 2; pairs++) EACH_TABLE(k)
        {
            float *y = take(N * 4), *z = copy(start, N);
            k->rope(pool_of(2), x, cs, 1, pairs, false, y, B * T, H, K, T);
            for (int i = 0; i < B * T * H; i++)
                for (int e = 0; e < K / 2; e++) {
                    int one = i * K + (pairs ? 2 * e : e),
                        two = i * K + (pairs ? 2 * e + 1 : e + K / 2), t = i / H % T;
                    float co = cs[t * K + 2 * e], si = cs[t * K + 2 * e + 1];
                    CHECK_NEAR(y[one], x[one] * co - x[two] * si, 1e-6);
                    CHECK_NEAR(y[two], x[one] * si + x[two] * co, 1e-6);
                }
            k->rope(pool_of(2), y, cs, -1, pairs, true, z, B * T, H, K, T); /* back again, added */
            for (int i = 0; i < N; i++) CHECK_NEAR(z[i], start[i] + x[i], 2e-6);
        }
}

TEST(adamw)
{
    enum { N = 1001 };
    begin();
    float *w0 = noise(N), *g = noise(N);
    EACH_TABLE(k)
    {
        float *w = copy(w0, N), *m = take(N * 4), *v = take(N * 4);
        double *rw = take(N * 8), *rm = take(N * 8), *rv = take(N * 8);
        for (int i = 0; i < N; i++) rw[i] = w0[i];
        for (int t = 1; t <= 3; t++) {
            k->adamw(pool_of(2), w, g, m, v, N, 1e-2f, 0.9f, 0.95f, 1e-8f, 0.1f, 0.5f, t);
            for (int i = 0; i < N; i++) {
                double d = g[i] * 0.5;
                rm[i] = 0.9 * rm[i] + 0.1 * d, rv[i] = 0.95 * rv[i] + 0.05 * d * d;
                rw[i] -= 1e-2 * 0.1 * rw[i];
                rw[i] -=
                    1e-2 * (rm[i] / (1 - pow(0.9, t))) / (sqrt(rv[i] / (1 - pow(0.95, t))) + 1e-8);
            }
        }
        CHECK(worst(w, rw, N) < 4e-6);
    }
}

TEST(dtypes)
{
    enum { N = 20000 };
    static const struct {
        fab_dtype t;
        double off;
    } types[] = { { FAB_F32, 0 }, { FAB_BF16, 0x1p-8 }, { FAB_F16, 0x1p-11 }, { FAB_Q8_0, 1 } };
    begin();
    float *x = noise(N);
    for (int i = 0; i < 32; i++) x[i] = 0; /* an all-zero block */
    for (int t = 0; t < 4; t++) {
        void *ref = take(N * 4);
        CHECK(fab_kernels_named("c")->from_f32(NULL, types[t].t, x, ref, N));
        EACH_TABLE(k)
        {
            void *h = take(N * 4);
            float *y = take(N * 4);
            uint64_t bytes;
            CHECK(k->from_f32(pool_of(2), types[t].t, x, h, N) &&
                  fab_dtype_row_bytes(types[t].t, N, &bytes));
            CHECK_MSG(!memcmp(h, ref, bytes), "%s %s", k->name, fab_dtype_name(types[t].t));
            k->to_f32(pool_of(2), types[t].t, h, y, N);
            for (int i = 0; i < N; i++) {
                double top = 0;
                for (int b = i / 32 * 32; b < i / 32 * 32 + 32; b++) top = fmax(top, fabsf(x[b]));
                CHECK_NEAR(y[i], x[i],
                           types[t].t == FAB_Q8_0 ? top * (0.5 / 127 + 0x1p-11)
                                                  : fabsf(x[i]) * types[t].off);
            }
        }
        CHECK(!fab_kernels_best()->from_f32(NULL, FAB_Q8_0, x, ref, 33));
    }
}

TEST(choice)
{
    CHECK_STR(fab_kernels_all()[0]->name, "c");
    CHECK(fab_kernels_named("c") == fab_kernels_all()[0]);
    CHECK(!fab_kernels_named("abacus"));
}

TEST_MAIN
