/* plot: see plot.h. The picture, from top to bottom: title, legend in one row, the frame with its
 * grid and two axes, tick labels, the x label. Tick steps are 1, 2 or 5 times a power of ten.
 * Colours are Okabe and Ito's, which people with any kind of colour vision can tell apart. */
#include "train/plot.h"

#include <cairo.h>
#include <math.h>
#include <string.h>

#include "base/file.h"
#include "media/png_write.h"
#include "train/events.h"

enum {
    WIDTH = 960,
    HEIGHT = 560,
    LEFT = 72,
    RIGHT = 72,
    TOP = 72,
    BOTTOM = 56,
    MAX_SIDE = 8192,
    TICKS = 7
};
static const double palette[][3] = { { 0, .447, .698 },  { .835, .369, 0 }, { 0, .62, .451 },
                                     { .8, .475, .655 }, { .902, .624, 0 }, { .337, .706, .914 } };
#define N_COLOURS ((int)(sizeof palette / sizeof palette[0]))

typedef struct {
    double low, high, step; /* values; low and high are multiples of step */
    bool used;
} axis;

typedef struct {
    cairo_t *cr;
    double width, height;
    axis x, y[2]; /* left, right */
    const fab_plot_opts *opts;
} plot;

/* ---- axes ---- */

static bool point_ok(const fab_series *s, int64_t i)
{
    return isfinite(s->x[i]) && isfinite(s->y[i]);
}

static void widen(axis *a, double v)
{
    if (!a->used || v < a->low) a->low = v;
    if (!a->used || v > a->high) a->high = v;
    a->used = true;
}

/* Rounds the range outwards to whole tick steps. */
static void finish(axis *a)
{
    double span = a->high - a->low;
    if (!(span > 1e-12 * fabs(a->high))) span = fabs(a->high) > 0 ? fabs(a->high) : 1;
    double unit = pow(10, floor(log10(span / TICKS))), want = span / TICKS / unit;
    a->step = unit * (want <= 1 ? 1 : want <= 2 ? 2 : want <= 5 ? 5 : 10);
    a->low = floor(a->low / a->step + 1e-9) * a->step;
    a->high = ceil(a->high / a->step - 1e-9) * a->step;
    if (a->high <= a->low) a->high = a->low + a->step;
}

static void fit_axes(plot *p, const fab_series *series, int n)
{
    for (int s = 0; s < n; s++)
        for (int64_t i = 0; i < series[s].n; i++) {
            if (!point_ok(&series[s], i)) continue;
            widen(&p->x, series[s].x[i]);
            widen(&p->y[series[s].right], series[s].y[i]);
        }
    finish(&p->x);
    finish(&p->y[0]);
    finish(&p->y[1]);
}

static double at_x(const plot *p, double v)
{
    return LEFT + (v - p->x.low) / (p->x.high - p->x.low) * (p->width - LEFT - RIGHT);
}

static double at_y(const plot *p, const axis *a, double v)
{
    return p->height - BOTTOM - (v - a->low) / (a->high - a->low) * (p->height - TOP - BOTTOM);
}

/* ---- words ---- */

/* Draws s with the point (x, y) at `share` of its width (0 left, 0.5 middle, 1 right); returns the
 * width. */
static double words(const plot *p, double x, double y, double share, const char *s)
{
    cairo_text_extents_t e;
    cairo_text_extents(p->cr, s, &e);
    cairo_move_to(p->cr, floor(x - share * e.x_advance), y);
    cairo_show_text(p->cr, s);
    return e.x_advance;
}

static void upright(const plot *p, double x, const char *s, double turn)
{
    cairo_save(p->cr);
    cairo_translate(p->cr, x, (p->height + TOP - BOTTOM) / 2);
    cairo_rotate(p->cr, turn);
    words(p, 0, 0, 0.5, s);
    cairo_restore(p->cr);
}

static void tick_text(char *s, size_t size, const axis *a, double v)
{
    int digits = (int)ceil(-log10(a->step) - 1e-9);
    if (fabs(v) < a->step / 2) v = 0; /* no "-0" */
    if (a->step >= 1000) snprintf(s, size, "%gk", v / 1000);
    else if (a->step < 1e-4) snprintf(s, size, "%.2g", v);
    else snprintf(s, size, "%.*f", digits > 0 ? digits : 0, v);
}

static void grey(const plot *p, double v) { cairo_set_source_rgb(p->cr, v, v, v); }

static void draw_titles(const plot *p)
{
    const fab_plot_opts *o = p->opts;
    grey(p, 0.1);
    cairo_set_font_size(p->cr, 17);
    if (o->title) words(p, LEFT, 28, 0, o->title);
    cairo_set_font_size(p->cr, 13);
    grey(p, 0.25);
    if (o->x_label) words(p, (LEFT + p->width - RIGHT) / 2, p->height - 14, 0.5, o->x_label);
    if (o->y_label) upright(p, 20, o->y_label, -1.5707963267948966);
    if (o->right_label && p->y[1].used)
        upright(p, p->width - 20, o->right_label, 1.5707963267948966);
}

/* ---- frame ---- */

static void line(const plot *p, double x0, double y0, double x1, double y1)
{
    cairo_move_to(p->cr, floor(x0) + 0.5, floor(y0) + 0.5); /* on pixel centres: sharp */
    cairo_line_to(p->cr, floor(x1) + 0.5, floor(y1) + 0.5);
    cairo_stroke(p->cr);
}

static void draw_y_axis(const plot *p, const axis *a, bool right)
{
    char s[32];
    int n = (int)lround((a->high - a->low) / a->step);
    for (int i = 0; a->used && i <= n; i++) {
        double v = a->low + i * a->step, y = at_y(p, a, v);
        grey(p, 0.9);
        if (!right) line(p, LEFT, y, p->width - RIGHT, y);
        tick_text(s, sizeof s, a, v);
        grey(p, 0.25);
        words(p, right ? p->width - RIGHT + 8 : LEFT - 8, y + 4.5, right ? 0 : 1, s);
    }
}

static void draw_frame(const plot *p)
{
    char s[32];
    cairo_set_line_width(p->cr, 1);
    cairo_set_font_size(p->cr, 12);
    int n = (int)lround((p->x.high - p->x.low) / p->x.step);
    for (int i = 0; i <= n; i++) {
        double v = p->x.low + i * p->x.step, x = at_x(p, v);
        grey(p, 0.9);
        line(p, x, TOP, x, p->height - BOTTOM);
        tick_text(s, sizeof s, &p->x, v);
        grey(p, 0.25);
        words(p, x, p->height - BOTTOM + 18, 0.5, s);
    }
    draw_y_axis(p, &p->y[0], false);
    draw_y_axis(p, &p->y[1], true);
    grey(p, 0.55);
    line(p, LEFT, p->height - BOTTOM, p->width - RIGHT, p->height - BOTTOM);
}

/* ---- curves ---- */

static void colour(const plot *p, int s, double alpha)
{
    const double *c = palette[s % N_COLOURS];
    cairo_set_source_rgba(p->cr, c[0], c[1], c[2], alpha);
}

static void trace(const plot *p, const fab_series *s, double smooth, double width)
{
    double mean = 0, weight = 0;
    cairo_new_path(p->cr); /* words leave a point behind */
    for (int64_t i = 0; i < s->n; i++) {
        if (!point_ok(s, i)) continue;
        mean = smooth * mean + (1 - smooth) * s->y[i];
        weight = smooth * weight + (1 - smooth);
        cairo_line_to(p->cr, at_x(p, s->x[i]), at_y(p, &p->y[s->right], mean / weight));
    }
    cairo_set_line_width(p->cr, width);
    cairo_stroke(p->cr);
}

static void draw_series(const plot *p, const fab_series *s, int index)
{
    if (s->smooth > 0) {
        colour(p, index, 0.25);
        trace(p, s, 0, 1);
    }
    colour(p, index, 1);
    trace(p, s, s->smooth, 2);
    for (int64_t i = 0; s->marks && i < s->n; i++) {
        if (!point_ok(s, i)) continue;
        cairo_new_path(p->cr);
        cairo_arc(p->cr, at_x(p, s->x[i]), at_y(p, &p->y[s->right], s->y[i]), 3.2, 0,
                  6.283185307179586);
        cairo_fill(p->cr);
    }
}

static void draw_legend(const plot *p, const fab_series *series, int n)
{
    double x = LEFT;
    cairo_set_font_size(p->cr, 13);
    for (int s = 0; s < n; s++) {
        char label[96];
        if (!series[s].label) continue;
        snprintf(label, sizeof label, "%s%s", series[s].label, series[s].right ? " (right)" : "");
        colour(p, s, 1);
        cairo_rectangle(p->cr, x, TOP - 24, 18, 4);
        cairo_fill(p->cr);
        grey(p, 0.2);
        x += 24 + words(p, x + 24, TOP - 17, 0, label) + 22;
    }
}

/* ---- the picture ---- */

static void draw(plot *p, const fab_series *series, int n)
{
    fit_axes(p, series, n);
    grey(p, 1);
    cairo_paint(p->cr);
    cairo_select_font_face(p->cr, "sans-serif", CAIRO_FONT_SLANT_NORMAL, CAIRO_FONT_WEIGHT_NORMAL);
    cairo_set_line_join(p->cr, CAIRO_LINE_JOIN_ROUND);
    draw_titles(p);
    draw_frame(p);
    draw_legend(p, series, n);
    for (int s = 0; s < n; s++) draw_series(p, &series[s], s);
}

/* Cairo keeps a pixel as a native 0x00RRGGBB. */
static bool write_png(const char *path, cairo_surface_t *surface, fab_err *err)
{
    int w = cairo_image_surface_get_width(surface), h = cairo_image_surface_get_height(surface);
    int row_bytes = cairo_image_surface_get_stride(surface);
    uint8_t *rgb = fab_new_array((size_t)w * (size_t)h, 3, err);
    if (!rgb) return false;
    cairo_surface_flush(surface);
    const unsigned char *data = cairo_image_surface_get_data(surface);
    for (int y = 0; y < h; y++)
        for (int x = 0; x < w; x++) {
            uint32_t v;
            memcpy(&v, data + (size_t)y * (size_t)row_bytes + 4 * (size_t)x, 4);
            uint8_t *to = rgb + 3 * ((size_t)y * (size_t)w + (size_t)x);
            for (int c = 0; c < 3; c++) to[c] = (uint8_t)(v >> (16 - 8 * c));
        }
    bool ok = fab_png_write(path, rgb, w, h, 3, err);
    fab_free(rgb);
    return ok;
}

bool fab_plot_write(const char *path, const fab_series *series, int n, const fab_plot_opts *opts,
                    fab_err *err)
{
    int w = opts->width ? opts->width : WIDTH, h = opts->height ? opts->height : HEIGHT;
    if (w < 240 || h < 200 || w > MAX_SIDE || h > MAX_SIDE)
        return fab_fail(err, FAB_EUSAGE, "a plot of %d x %d, 240 x 200 to %d x %d are possible", w,
                        h, MAX_SIDE, MAX_SIDE);
    cairo_surface_t *surface = cairo_image_surface_create(CAIRO_FORMAT_RGB24, w, h);
    plot p = { .cr = cairo_create(surface), .width = w, .height = h, .opts = opts };
    draw(&p, series, n);
    bool ok = cairo_status(p.cr) == CAIRO_STATUS_SUCCESS && write_png(path, surface, err);
    if (cairo_status(p.cr) != CAIRO_STATUS_SUCCESS)
        fab_fail(err, FAB_EINTERNAL, "%s: %s", path, cairo_status_to_string(cairo_status(p.cr)));
    cairo_destroy(p.cr);
    cairo_surface_destroy(surface);
    return ok;
}

/* ---- a run's folder ---- */

enum { MAX_RIGHT = 4 };

/* Adds a tag's history unless it is shorter than two points. */
static bool add(fab_series *all, int *n, fab_arena *a, const char *path, fab_series s, fab_err *err)
{
    double *x, *y;
    if (!fab_metrics_read(path, s.label, a, &x, &y, &s.n, err)) return false;
    s.x = x;
    s.y = y;
    if (s.smooth > 0) { /* over a fiftieth of the points */
        double over = (double)s.n / 50;
        s.smooth = over > 1 ? fmin(s.smooth, 1 - 1 / over) : 0;
    }
    if (s.n > 1) all[(*n)++] = s;
    return true;
}

static bool plot_run(const char *dir, const char *title, const char *const *right, fab_arena *a,
                     fab_err *err)
{
    fab_series all[2 + MAX_RIGHT];
    int n = 0;
    const char *from = fab_path_join(a, dir, "metrics.jsonl", err),
               *to = fab_path_join(a, dir, "curves.png", err);
    if (!from || !to) return false;
    bool ok = add(all, &n, a, from, (fab_series){ .label = "train/loss", .smooth = 0.98 }, err) &&
              add(all, &n, a, from, (fab_series){ .label = "val/loss", .marks = true }, err);
    for (int i = 0; ok && right && right[i] && i < MAX_RIGHT; i++)
        ok = add(all, &n, a, from, (fab_series){ .label = right[i], .marks = true, .right = true },
                 err);
    fab_plot_opts o = {
        .title = title, .x_label = "step", .y_label = "loss", .right_label = "score"
    };
    return ok && (n == 0 || fab_plot_write(to, all, n, &o, err));
}

bool fab_plot_run(const char *dir, const char *title, const char *const *right, fab_err *err)
{
    fab_arena *a = fab_arena_new(0, err);
    bool ok = a && plot_run(dir, title, right, a, err);
    fab_arena_free(a);
    return ok;
}
