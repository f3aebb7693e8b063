/* render: the display chain, see render.h. A table of 65,536 entries serves every image of up to 16
 * stored bits, so the loop over pixels is one look-up; 32-bit and float samples go through the same
 * mapping value by value. */
#include "media/render.h"

#include <math.h>
#include <string.h>

#include "base/bytes.h"

enum { TABLE = 65536, HISTOGRAM = 4096 };

static double f64_at(const uint8_t *p)
{
    uint64_t u = fab_le64(p);
    double d;
    memcpy(&d, &u, 8);
    return d;
}

double fab_image_raw_at(const fab_image *im, size_t i)
{
    const uint8_t *p = im->raw;
    switch (im->bits_allocated) {
    case 1: return p[i / 8] >> i % 8 & 1;
    case 8: return im->is_signed ? (double)(int8_t)p[i] : (double)p[i];
    case 16:
        return im->is_signed ? (double)(int16_t)fab_le16(p + 2 * i) : (double)fab_le16(p + 2 * i);
    case 32:
        if (im->is_float) return (double)fab_bits_f32(fab_le32(p + 4 * i));
        return im->is_signed ? (double)(int32_t)fab_le32(p + 4 * i) : (double)fab_le32(p + 4 * i);
    default: return f64_at(p + 8 * i); /* 64: float only */
    }
}

static size_t sample_count(const fab_image *im)
{
    if (im->bits_allocated > 1) return im->raw_size / (size_t)(im->bits_allocated / 8);
    size_t n = (size_t)im->width * (size_t)im->height * (size_t)im->frames;
    return n < im->raw_size * 8 ? n : im->raw_size * 8;
}

void fab_image_stats(fab_image *im)
{
    size_t n = im->raw ? sample_count(im) : 0, counted = 0;
    double lo = 0, hi = 0, sum = 0;
    for (size_t i = 0; i < n; i++) {
        double v = fab_image_raw_at(im, i);
        if (!isfinite(v)) continue;
        if (!counted || v < lo) lo = v;
        if (!counted || v > hi) hi = v;
        sum += v;
        counted++;
    }
    im->min = lo, im->max = hi, im->mean = counted ? sum / (double)counted : 0;
}

/* --- one sample a pixel --- */

/* What turns a stored value into a grey level. */
typedef struct {
    const fab_image *im;
    const fab_lut *lut;
    fab_window window;
    bool use_voi_table, invert;
} grey;

/* Only the stored bits count: overlays of old files live in the others. */
static double stored_value(const fab_image *im, size_t i)
{
    int bits = im->bits_stored;
    double whole = fab_image_raw_at(im, i);
    if (im->is_float || bits >= im->bits_allocated || bits < 1) return whole;
    uint32_t mask = (UINT32_C(1) << bits) - 1;
    uint32_t v = (uint32_t)(int64_t)whole >> (im->high_bit + 1 - bits) & mask;
    if (im->is_signed && v >> (bits - 1)) return (double)v - (double)mask - 1;
    return (double)v;
}

static double table_at(const fab_table *t, double v)
{
    double i = v - t->first;
    return t->values[!(i > 0) ? 0 : i >= t->n - 1 ? t->n - 1 : (int)i];
}

static double modality_value(const grey *g, double stored)
{
    if (g->lut->modality.n) return table_at(&g->lut->modality, stored);
    return stored * g->im->slope + g->im->intercept;
}

static double window_level(const grey *g, double x)
{
    double c = g->window.center, w = g->window.width;
    switch (g->lut->function) {
    case FAB_VOI_SIGMOID: return 255 / (1 + exp(-4 * (x - c) / w));
    case FAB_VOI_LINEAR_EXACT: return ((x - c) / w + 0.5) * 255;
    default:
        if (w <= 1) return x <= c - 0.5 ? 0 : 255;
        return ((x - (c - 0.5)) / (w - 1) + 0.5) * 255;
    }
}

static uint8_t to_byte(double v)
{
    return !(v > 0) ? 0 : v >= 255 ? 255 : (uint8_t)(v + 0.5); /* NaN gives 0 */
}

static uint8_t grey_level(const grey *g, double stored)
{
    double x = modality_value(g, stored), y;
    if (g->use_voi_table)
        y = table_at(&g->lut->voi, x) * 255 / (double)((1 << g->lut->voi.bits) - 1);
    else y = window_level(g, x);
    uint8_t b = to_byte(y);
    return g->invert ? (uint8_t)(255 - b) : b;
}

static int lower(int c) { return c >= 'A' && c <= 'Z' ? c + 'a' - 'A' : c; }

static bool same_text(const char *a, const char *b)
{
    while (*a && lower(*a) == lower(*b)) a++, b++;
    return lower(*a) == lower(*b);
}

/* 1st to 99th percentile of the frame by a histogram over its range; the range itself when these
 * coincide. */
static fab_window computed_window(const grey *g, size_t from, size_t n)
{
    double lo = 0, hi = 0;
    size_t seen = 0;
    for (size_t i = 0; i < n; i++) {
        double v = modality_value(g, stored_value(g->im, from + i));
        if (!isfinite(v)) continue;
        if (!seen || v < lo) lo = v;
        if (!seen || v > hi) hi = v;
        seen++;
    }
    uint32_t count[HISTOGRAM] = { 0 };
    double step = (hi - lo) / HISTOGRAM;
    for (size_t i = 0; step > 0 && i < n; i++) {
        double v = modality_value(g, stored_value(g->im, from + i));
        if (!isfinite(v)) continue;
        int bin = (int)((v - lo) / step);
        count[bin >= HISTOGRAM ? HISTOGRAM - 1 : bin]++;
    }
    size_t skip = seen / 100, below = 0, above = 0;
    int a = 0, b = HISTOGRAM - 1;
    while (a < b && below + count[a] <= skip) below += count[a++];
    while (b > a && above + count[b] <= skip) above += count[b--];
    if (a < b) hi = lo + (b + 1) * step, lo = lo + a * step;
    fab_window w = { .center = (lo + hi) / 2, .width = hi > lo ? hi - lo : 1 };
    if (g->lut->function == FAB_VOI_LINEAR)
        w.center += 0.5, w.width += 1; /* the ends become 0 and 255 */
    memcpy(w.name, "computed", 9);
    return w;
}

static bool choose_window(grey *g, const fab_image_opts *o, size_t from, size_t n, fab_err *err)
{
    const fab_image *im = g->im;
    if (o->voi == FAB_VOI_GIVEN) {
        if (!(o->width > 0))
            return fab_fail(err, FAB_EUSAGE, "window width %g: must be above 0", o->width);
        g->window = (fab_window){ .center = o->center, .width = o->width, .name = "given" };
        return true;
    }
    if (o->voi == FAB_VOI_NAMED) {
        for (int i = 0; i < im->n_windows; i++)
            if (same_text(im->windows[i].name, o->window_name ? o->window_name : "")) {
                g->window = im->windows[i];
                return true;
            }
        return fab_fail(err, FAB_EUSAGE, "no window named \"%s\" among the %d of the file",
                        o->window_name ? o->window_name : "", im->n_windows);
    }
    if (o->voi == FAB_VOI_AUTO && g->lut->full_range) {
        double top = ldexp(1, im->bits_stored) - 1;
        g->window = (fab_window){ .center = (top + 1) / 2, .width = top + 1 };
    } else if (o->voi == FAB_VOI_AUTO && im->n_windows) {
        g->window = im->windows[0];
    } else if (o->voi == FAB_VOI_AUTO && g->lut->voi.n) {
        g->use_voi_table = true;
    } else {
        g->window = computed_window(g, from, n);
    }
    return true;
}

static bool render_grey(fab_image *im, const fab_lut *lut, const fab_image_opts *o, fab_err *err)
{
    size_t n = (size_t)im->width * (size_t)im->height, from = n * (size_t)o->frame;
    grey g = { .im = im, .lut = lut };
    g.invert = lut->inverse != (strcmp(im->photometric, "MONOCHROME1") == 0);
    if (!choose_window(&g, o, from, n, err)) return false;
    im->shown = g.window;
    if (im->is_float || im->bits_allocated > 16) {
        for (size_t i = 0; i < n; i++)
            memset(im->rgb + 3 * i, grey_level(&g, stored_value(im, from + i)), 3);
        return true;
    }
    uint8_t *table = fab_new(TABLE, err);
    if (!table) return false;
    int levels = im->bits_allocated == 16 ? TABLE : 256;
    uint8_t two[2];
    fab_image one = *im; /* a picture of one sample: every stored pattern in turn */
    one.raw = two;
    one.bits_allocated = im->bits_allocated == 16 ? 16 : 8;
    for (int v = 0; v < levels; v++) {
        two[0] = (uint8_t)v, two[1] = (uint8_t)(v >> 8);
        table[v] = grey_level(&g, stored_value(&one, 0));
    }
    for (size_t i = 0; i < n; i++) {
        size_t k = from + i;
        int v = im->bits_allocated == 16  ? fab_le16(im->raw + 2 * k)
                : im->bits_allocated == 8 ? im->raw[k]
                                          : im->raw[k / 8] >> k % 8 & 1;
        memset(im->rgb + 3 * i, table[v], 3);
    }
    fab_free(table);
    return true;
}

/* --- colour --- */

static bool render_palette(fab_image *im, const fab_lut *lut, const fab_image_opts *o)
{
    size_t n = (size_t)im->width * (size_t)im->height, from = n * (size_t)o->frame;
    for (size_t i = 0; i < n; i++) {
        double v = stored_value(im, from + i);
        for (int c = 0; c < 3; c++) {
            const fab_table *t = &lut->palette[c];
            im->rgb[3 * i + (size_t)c] =
                (uint8_t)((int)table_at(t, v) >> (t->bits > 8 ? t->bits - 8 : 0));
        }
    }
    return true;
}

static void ybr_to_rgb(const double ybr[3], uint8_t rgb[3])
{
    double y = ybr[0], b = ybr[1] - 128, r = ybr[2] - 128;
    rgb[0] = to_byte(y + 1.402 * r);
    rgb[1] = to_byte(y - 0.344136286 * b - 0.714136286 * r);
    rgb[2] = to_byte(y + 1.772 * b);
}

/* Index of sample c of pixel i in a frame that starts at sample `from`. */
static size_t colour_index(const fab_image *im, size_t from, size_t i, int c)
{
    size_t n = (size_t)im->width * (size_t)im->height, s = (size_t)im->samples;
    if (im->planar) return from + n * (size_t)c + i;
    return from + s * i + (size_t)c;
}

static bool render_colour(fab_image *im, const fab_lut *lut, const fab_image_opts *o)
{
    size_t n = (size_t)im->width * (size_t)im->height;
    size_t from = n * (size_t)im->samples * (size_t)o->frame;
    double scale = 255 / (ldexp(1, im->bits_stored) - 1);
    int grey_alpha = im->samples < 3;
    for (size_t i = 0; i < n; i++) {
        double v[3];
        for (int c = 0; c < 3; c++)
            v[c] = stored_value(im, colour_index(im, from, i, grey_alpha ? 0 : c)) * scale;
        if (lut->ybr) ybr_to_rgb(v, im->rgb + 3 * i);
        else
            for (size_t c = 0; c < 3; c++) im->rgb[3 * i + c] = to_byte(v[c]);
    }
    return true;
}

bool fab_render(fab_image *im, const fab_lut *lut, const fab_image_opts *o, fab_err *err)
{
    if (o->frame < 0 || o->frame >= im->frames)
        return fab_fail(err, FAB_EUSAGE, "frame %d asked for, %d there", o->frame, im->frames);
    im->rgb = fab_new_array((size_t)im->width * (size_t)im->height, 3, err);
    if (!im->rgb) return false;
    if (im->samples == 1 && lut->palette[0].n) return render_palette(im, lut, o);
    if (im->samples == 1) return render_grey(im, lut, o, err);
    return render_colour(im, lut, o);
}
