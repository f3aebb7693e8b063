/* figures: the picture and its overlays at a size for reading, as PNG and as base64 (RFC 4648).
 *
 * The longer side becomes 768 when it is longer, 512 when it is shorter than 384: a heat map of 10
 * x 10 cells over a thumbnail could not be read.
 */
#include <string.h>
#include "clinic/report_impl.h"
#include "explain/overlay.h"
#include "media/png_write.h"
#include "media/resize.h"

enum { LONGEST = 768, SHORTEST = 384, ENLARGED = 512 };

static fab_size shown_size(const fab_image *im)
{
    fab_size s = { im->width, im->height };
    int side = s.width > s.height ? s.width : s.height, want = side > LONGEST    ? LONGEST
                                                               : side < SHORTEST ? ENLARGED
                                                                                 : side;
    fab_size out = { (int)((int64_t)s.width * want / side),
                     (int)((int64_t)s.height * want / side) };
    if (out.width < 1) out.width = 1;
    if (out.height < 1) out.height = 1;
    return out;
}

static const char *base64(const uint8_t *data, size_t n, fab_arena *a, fab_err *err)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    char *out = fab_arena_take(a, (n + 2) / 3 * 4 + 1, err), *o = out;
    if (!out) return NULL;
    for (size_t i = 0; i < n; i += 3) {
        size_t left = n - i;
        uint32_t v = (uint32_t)data[i] << 16 | (left > 1 ? (uint32_t)data[i + 1] << 8 : 0) |
                     (left > 2 ? data[i + 2] : 0);
        *o++ = digits[v >> 18];
        *o++ = digits[v >> 12 & 63];
        *o++ = left > 1 ? digits[v >> 6 & 63] : '=';
        *o++ = left > 2 ? digits[v & 63] : '=';
    }
    *o = 0;
    return out;
}

static bool encode(fab_figure *f, const uint8_t *rgb, fab_size size, fab_arena *a, fab_err *err)
{
    uint8_t *png = NULL, *kept;
    f->width = size.width, f->height = size.height;
    if (!fab_png_encode(rgb, size.width, size.height, 3, &png, &f->size, err)) return false;
    kept = fab_arena_take(a, f->size, err);
    if (kept) memcpy(kept, png, f->size);
    fab_free(png);
    f->png = kept;
    f->base64 = kept ? base64(kept, f->size, a, err) : NULL;
    return f->base64 != NULL;
}

bool fab_report_figures(const fab_report *r, fab_arena *a, fab_figures *out, fab_err *err)
{
    const fab_image *im = r->image;
    fab_size from = { im->width, im->height }, to = shown_size(im);
    size_t pixels = (size_t)to.width * (size_t)to.height;
    uint8_t *rgb = fab_arena_take(a, 3 * pixels, err), *mixed = fab_arena_take(a, 3 * pixels, err);
    float *heat = fab_arena_take(a, pixels * sizeof *heat, err);
    out->n = 0;
    out->items = fab_arena_zero(a, (size_t)(r->n_findings + 1) * sizeof *out->items, err);
    if (!rgb || !mixed || !heat || !out->items ||
        !fab_resize_u8(im->rgb, from, 3, rgb, to, FAB_FILTER_BICUBIC, err))
        return false;
    out->items[out->n] = (fab_figure){ .name = "image.png", .finding = -1 };
    if (!encode(&out->items[out->n++], rgb, to, a, err)) return false;
    for (int i = 0; i < r->n_findings; i++) {
        const fab_finding *f = &r->findings[i];
        if (!f->cam) continue;
        fab_figure *g = &out->items[out->n++];
        *g = (fab_figure){ .name = f->overlay, .finding = i };
        if (!fab_heat_spread(f->cam->heat, f->cam->grid, to.width, to.height, heat, err))
            return false;
        fab_overlay(rgb, heat, to.width, to.height, mixed);
        if (!encode(g, mixed, to, a, err)) return false;
    }
    return true;
}
