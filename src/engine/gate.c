/* gate: facts of a picture, distance to what was trained on, and the verdict. gate_fit.c finds the
 * clusters.
 *
 * The 64 pixel facts of the SxS picture, all in units near 1 (u8 / 255):
 *   0..2   mean of Y, Cb, Cr (BT.601)               3..5   their standard deviations
 *   6, 7   mean and 99th percentile of chroma       8, 9   share of Y < 16, of Y > 240
 *   10, 11 mean, deviation of Y in a frame of S/16  12, 13 mean |dY| across and down
 *   14     mean |Laplacian|                         15     lit neighbours (Y > 40) with |dY| <= 1
 *   16, 17 correlation with the mirror image        18     entropy of 32 bins of Y, over 5 bits
 *   19     correlation of neighbours                20     share of neighbours with |dY| > 40
 *   21     share of pixels with chroma > 0.15       22, 23 mean of Cb, Cr over lit pixels
 *   24..39 4 x 4 thumbnail of Y                     40..55 4 x 4 map of log mean |dY|
 *   56..60 log energy of five octaves of box means  61..63 gradients across, down, oblique
 */
#include "engine/gate.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "engine/engine_impl.h"

/* Measured on the 3,851 training pictures (docs/gate.md): least deviation 4.4, least neighbour
 * correlation 0.80, smallest side 210. */
static const double blank_deviation = 3.0, noise_correlation = 0.4;
enum { SMALLEST_SIDE = 32 };

static const struct {
    const char *code, *en, *zh;
} reasons[FAB_GATE_REASONS] = {
    { "known", "The image resembles those that the model was trained on.",
      "图像与模型的训练图像相似。" },
    { "too-small", "The image has too few pixels to read.", "图像像素过少，无法判读。" },
    { "blank", "The image is empty: nearly all of it has one brightness.",
      "图像为空白：几乎只有一种亮度。" },
    { "noise", "The image is noise: neighbouring pixels are unrelated.",
      "图像为噪声：相邻像素互不相关。" },
    { "unlike-training", "The image is unlike every kind of image that the model was trained on.",
      "图像与模型训练过的各类图像均不相似。" },
    { "other-kind", "The file's header names a kind of image that the model was not trained on.",
      "文件头标明的图像类型不在模型训练范围内。" },
};

const char *fab_gate_code(fab_gate_reason r) { return reasons[r].code; }
const char *fab_gate_words(fab_gate_reason r, bool chinese)
{
    return chinese ? reasons[r].zh : reasons[r].en;
}

/* ---- pixel facts ----------------------------------------------------------------------------- */

static double luma(const uint8_t *p) { return 0.299 * p[0] + 0.587 * p[1] + 0.114 * p[2]; }

typedef struct {
    double n, x, y, xx, yy, xy;
} pairs;

static void pair_add(pairs *p, double x, double y)
{
    p->n++, p->x += x, p->y += y, p->xx += x * x, p->yy += y * y, p->xy += x * y;
}

static double correlation(const pairs *p)
{
    double vx = p->xx * p->n - p->x * p->x, vy = p->yy * p->n - p->y * p->y;
    return vx <= 0 || vy <= 0 ? 1 : (p->xy * p->n - p->x * p->y) / sqrt(vx * vy);
}

static double deviation(double n, double sum, double squares)
{
    double v = squares / n - sum / n * (sum / n);
    return v > 0 ? sqrt(v) : 0;
}

fab_gate_reason fab_gate_pixels(const uint8_t *rgb, int width, int height)
{
    if (width < SMALLEST_SIDE || height < SMALLEST_SIDE) return FAB_GATE_SMALL;
    pairs across = { 0 }, down = { 0 };
    size_t row = 3 * (size_t)width;
    for (int y = 0; y + 1 < height; y++)
        for (int x = 0; x + 1 < width; x++) {
            const uint8_t *p = rgb + (size_t)y * row + 3 * (size_t)x;
            double v = luma(p);
            pair_add(&across, v, luma(p + 3));
            pair_add(&down, v, luma(p + row));
        }
    if (deviation(across.n, across.x, across.xx) < blank_deviation) return FAB_GATE_BLANK;
    double c = 0.5 * (correlation(&across) + correlation(&down));
    return c < noise_correlation ? FAB_GATE_NOISE : FAB_GATE_KNOWN;
}

/* Colour planes of the picture as sums over its pixels. */
static void colour_facts(const uint8_t *rgb, int side, float *f)
{
    double s[3] = { 0 }, q[3] = { 0 }, chroma = 0, dark = 0, bright = 0, clear = 0, lit = 0,
           lit_b = 0, lit_r = 0;
    int histogram[256] = { 0 };
    double n = (double)side * side;
    for (int i = 0; i < side * side; i++) {
        const uint8_t *p = rgb + 3 * (size_t)i;
        double y = luma(p), c[3] = { y / 255, 0.564 * (p[2] - y) / 255, 0.713 * (p[0] - y) / 255 };
        double m = sqrt(c[1] * c[1] + c[2] * c[2]);
        for (int j = 0; j < 3; j++) s[j] += c[j], q[j] += c[j] * c[j];
        chroma += m;
        dark += y < 16;
        bright += y > 240;
        clear += m > 0.15;
        histogram[(int)(m * 255 < 255 ? m * 255 : 255)]++;
        if (y > 40) lit++, lit_b += c[1], lit_r += c[2];
    }
    for (int j = 0; j < 3; j++)
        f[j] = (float)(s[j] / n), f[3 + j] = (float)deviation(n, s[j], q[j]);
    int top = 255;
    for (double above = 0; top > 0 && (above += histogram[top]) < 0.01 * n;) top--;
    f[6] = (float)(chroma / n), f[7] = (float)(top / 255.0);
    f[8] = (float)(dark / n), f[9] = (float)(bright / n), f[21] = (float)(clear / n);
    f[22] = lit > 0 ? (float)(lit_b / lit) : 0, f[23] = lit > 0 ? (float)(lit_r / lit) : 0;
}

/* Texture, frame and symmetry; Y is rounded to a byte first. */
static void shape_facts(const uint8_t *Y, int side, float *f)
{
    double frame = 0, frame_sq = 0, frame_n = 0, dx = 0, dy = 0, laplace = 0, flat = 0, lit = 0,
           edges = 0, n = 0;
    pairs mirror_x = { 0 }, mirror_y = { 0 }, next = { 0 };
    int edge = side / 16 > 0 ? side / 16 : 1;
    for (int y = 0; y < side; y++)
        for (int x = 0; x < side; x++) {
            const uint8_t *p = Y + y * side + x;
            if (x < edge || y < edge || x >= side - edge || y >= side - edge)
                frame += p[0], frame_sq += p[0] * p[0], frame_n++;
            pair_add(&mirror_x, p[0], Y[y * side + side - 1 - x]);
            pair_add(&mirror_y, p[0], Y[(side - 1 - y) * side + x]);
            if (x == 0 || y == 0 || x == side - 1 || y == side - 1) continue;
            int a = abs(p[1] - p[0]), b = abs(p[side] - p[0]);
            n++, dx += a, dy += b, edges += a > 40;
            laplace += abs(4 * p[0] - p[1] - p[-1] - p[side] - p[-side]);
            if (p[0] > 40) lit++, flat += a <= 1;
            pair_add(&next, p[0], p[1]);
        }
    f[10] = (float)(frame / frame_n / 255),
    f[11] = (float)(deviation(frame_n, frame, frame_sq) / 255);
    f[12] = (float)(dx / n / 255), f[13] = (float)(dy / n / 255),
    f[14] = (float)(laplace / n / 255);
    f[15] = lit > 0 ? (float)(flat / lit) : 0;
    f[16] = (float)correlation(&mirror_x), f[17] = (float)correlation(&mirror_y);
    f[19] = (float)correlation(&next), f[20] = (float)(edges / n);
}

static void tone_facts(const uint8_t *Y, int side, float *f)
{
    double bins[32] = { 0 }, entropy = 0, n = (double)side * side;
    for (int i = 0; i < side * side; i++) bins[Y[i] / 8]++;
    for (int i = 0; i < 32; i++)
        if (bins[i] > 0) entropy -= bins[i] / n * log2(bins[i] / n);
    f[18] = (float)(entropy / 5);
    for (int cell = 0; cell < 16; cell++) {
        double sum = 0, steps = 0, count = 0;
        int y0 = cell / 4 * side / 4, y1 = (cell / 4 + 1) * side / 4, x0 = cell % 4 * side / 4,
            x1 = (cell % 4 + 1) * side / 4;
        for (int y = y0; y + 1 < y1; y++)
            for (int x = x0; x + 1 < x1; x++, count++) {
                const uint8_t *p = Y + y * side + x;
                sum += p[0], steps += abs(p[1] - p[0]) + abs(p[side] - p[0]);
            }
        f[24 + cell] = count > 0 ? (float)(sum / count / 255) : 0;
        f[40 + cell] = count > 0 ? (float)(log2(1 + steps / count) / 8) : 0;
    }
}

/* Energy of octave i: mean square difference of the 2^i-box means of side-by-side and stacked
 * boxes. */
static void octave_facts(const uint8_t *Y, int side, float *f)
{
    double shares[3] = { 0 };
    for (int i = 0; i < 5; i++) {
        int box = 1 << i, n = side / box;
        double sum = 0, count = 0;
        for (int y = 0; y + 1 < n; y++)
            for (int x = 0; x + 1 < n; x++, count++) {
                double m[3] = { 0 };
                for (int k = 0; k < box * box; k++) {
                    const uint8_t *p = Y + (y * box + k / box) * side + x * box + k % box;
                    m[0] += p[0], m[1] += p[box], m[2] += p[box * side];
                }
                double a = (m[1] - m[0]) / (box * box), b = (m[2] - m[0]) / (box * box);
                sum += a * a + b * b;
                if (i == 1)
                    shares[fabs(a) > 2 * fabs(b)   ? 0
                           : fabs(b) > 2 * fabs(a) ? 1
                                                   : 2] += sqrt(a * a + b * b);
            }
        f[56 + i] = count > 0 ? (float)(log2(1 + sum / count) / 16) : 0;
    }
    double all = shares[0] + shares[1] + shares[2];
    for (int j = 0; j < 3; j++) f[61 + j] = all > 0 ? (float)(shares[j] / all) : 0;
}

void fab_gate_features(const float *mean, int dim, const uint8_t *rgb, int side, float *out)
{
    static const uint8_t nothing[4] = { 0 };
    float *f = out + dim;
    memcpy(out, mean, (size_t)dim * sizeof *out);
    memset(f, 0, FAB_GATE_PIXEL_DIMS * sizeof *f);
    colour_facts(rgb, side, f);
    uint8_t *Y = fab_new_array((size_t)side, (size_t)side, NULL);
    shape_facts(Y ? Y : nothing, Y ? side : 2,
                f); /* without memory: facts of nothing, which is like nothing trained on */
    if (Y) {
        for (int i = 0; i < side * side; i++) Y[i] = (uint8_t)(luma(rgb + 3 * (size_t)i) + 0.5);
        shape_facts(Y, side, f);
        tone_facts(Y, side, f);
        octave_facts(Y, side, f);
    }
    fab_free(Y);
}

/* ---- distance and verdict -------------------------------------------------------------------- */

static double part(const float *x, const float *m, const float *iv, int n, double clip)
{
    double d = 0;
    for (int i = 0; i < n; i++) {
        double z2 = (double)(x[i] - m[i]) * (double)(x[i] - m[i]) * (double)iv[i];
        d += z2 < clip ? z2 : clip;
    }
    return n > 0 ? d / n : 0;
}

/* Part 3: odds of being a dead-leaves picture over those of the training pictures' edge. */
static double strangeness(const fab_gate *g, const float *x)
{
    const float *w = g->mean + (int64_t)(g->n - 3) * g->dim,
                *w2 = g->ivar + (int64_t)(g->n - 3) * g->dim;
    const float *m = w + g->dim, *inv = w2 + g->dim, *last = m + g->dim;
    double s = (double)last[0] - (double)last[1];
    for (int i = 0; i < g->dim; i++) {
        double z = (double)(x[i] - m[i]) * (double)inv[i];
        z = z > FAB_GATE_CLIP ? FAB_GATE_CLIP : z < -FAB_GATE_CLIP ? -FAB_GATE_CLIP : z;
        s += (double)w[i] * z + (double)w2[i] * z * z;
    }
    return exp(s > 50 ? 50 : s);
}

float fab_gate_distance(const fab_gate *g, const float *x, int *cluster)
{
    double best = INFINITY, clip = g->clip > 0 ? (double)g->clip : INFINITY;
    int K = FAB_GATE_PIXEL_DIMS, D = g->dim - K, nearest = -1;
    bool strange = g->n > 3 && g->ivar[(int64_t)(g->n - 1) * g->dim] < 0;
    for (int c = 0; c < g->n - (strange ? 3 : 0); c++) {
        const float *m = g->mean + (int64_t)c * g->dim, *iv = g->ivar + (int64_t)c * g->dim;
        double d = part(x + D, m + D, iv + D, K, clip);
        if (D > 0) d = 0.5 * (d + part(x, m, iv, D, clip));
        if (d < best) best = d, nearest = c;
    }
    double odds = strange ? strangeness(g, x) : 0;
    if (cluster) *cluster = odds > best ? -1 : nearest;
    return (float)(odds > best ? odds : best);
}

double fab_gate_refused(const fab_gate *g, const float *features, int64_t n)
{
    int64_t out = 0;
    for (int64_t i = 0; i < n; i++)
        out += fab_gate_distance(g, features + i * g->dim, NULL) > g->limit;
    return n ? (double)out / (double)n : 0;
}

fab_gate_verdict fab_engine_gate(const fab_engine *e, const uint8_t *rgb, int width, int height,
                                 const fab_look *look)
{
    const fab_mini_file *f = e->file;
    fab_gate_verdict v = { .reason = fab_gate_pixels(rgb, width, height),
                           .distance = -1,
                           .limit = f->gate_limit,
                           .cluster = -1 };
    v.fitted = f->gate_n > 0 && f->gate_dim == look->dim + FAB_GATE_PIXEL_DIMS;
    if (v.reason != FAB_GATE_KNOWN || !v.fitted) return v;
    const fab_gate g = { f->gate_n,    f->gate_dim,   f->gate_mean,
                         f->gate_ivar, f->gate_limit, f->gate_clip };
    float *x = fab_new_array((size_t)g.dim, sizeof *x, NULL);
    if (x) {
        fab_gate_features(look->mean, look->dim, look->rgb, look->side, x);
        v.distance = fab_gate_distance(&g, x, &v.cluster);
    }
    fab_free(x);
    if (!(v.distance >= 0 && v.distance <= v.limit))
        v.reason = FAB_GATE_UNLIKE; /* also when memory is out or NaN */
    return v;
}

bool fab_gate_check(const fab_gate_verdict *v, fab_err *err)
{
    if (v->reason == FAB_GATE_KNOWN) return true;
    if (v->reason == FAB_GATE_OTHER)
        return fab_fail(err, FAB_EREFUSED, "refused (%s): %s %s.", fab_gate_code(v->reason),
                        fab_gate_words(v->reason, false), v->what);
    if (v->reason != FAB_GATE_UNLIKE)
        return fab_fail(err, FAB_EREFUSED, "refused (%s): %s", fab_gate_code(v->reason),
                        fab_gate_words(v->reason, false));
    return fab_fail(err, FAB_EREFUSED, "refused (%s): %s Distance %.2f, the limit is %.2f.",
                    fab_gate_code(v->reason), fab_gate_words(v->reason, false), (double)v->distance,
                    (double)v->limit);
}

static bool is_one_of(const char *s, const char *const *list)
{
    while (*list && strcmp(*list, s)) list++;
    return *list != NULL;
}

/* Defined terms of DICOM PS3.3 C.7.3.1.1.1 and PS3.16 Annex L; others say nothing for or against.
 */
bool fab_gate_header(const fab_image *im, char what[64])
{
    static const char *const known[] = { "",   "CT",  "MR", "CR", "DX", "RG", "GM",
                                         "SM", "DMS", "XC", "OT", "SC", NULL };
    static const char *const elsewhere[] = { "KNEE",  "HAND",    "FOOT",      "ANKLE",  "WRIST",
                                             "ELBOW", "FINGER",  "TOE",       "LEG",    "ARM",
                                             "FEMUR", "TIBIA",   "EXTREMITY", "BREAST", "THIGH",
                                             "CALF",  "FOREARM", "HUMERUS",   "EYE",    NULL };
    what[0] = 0;
    if (!is_one_of(im->modality, known))
        snprintf(what, 64, "Modality (0008,0060) %.16s", im->modality);
    else if (is_one_of(im->body_part, elsewhere))
        snprintf(what, 64, "Body Part Examined (0018,0015) %.16s", im->body_part);
    return what[0] != 0;
}

const fab_look *fab_engine_admit(fab_engine *e, const fab_image *im, bool force,
                                 fab_gate_verdict *v, fab_err *err)
{
    const fab_look *look = fab_engine_look(e, im, err);
    *v = (fab_gate_verdict){ .distance = -1, .cluster = -1 };
    if (!look) return NULL;
    *v = fab_engine_gate(e, im->rgb, im->width, im->height, look);
    if (fab_gate_header(im, v->what)) v->reason = FAB_GATE_OTHER;
    if (force || fab_gate_check(v, err)) return look;
    fab_look_unref(look);
    return NULL;
}
