/* preprocess: see preprocess.h; the rules are SYSTEMS.md 1.7 and 2.5. */
#include "zoo/preprocess.h"
#include <string.h>

#define LARGEST ((int64_t)64 << 20) /* pixels after the resize */

fab_preprocess fab_preprocess_clip(int size)
{
    return (fab_preprocess){ .size = size,
                             .resize = size,
                             .filter = FAB_FILTER_BICUBIC,
                             .mean = { 0.48145466f, 0.4578275f, 0.40821073f },
                             .std = { 0.26862954f, 0.26130258f, 0.27577711f } };
}

fab_preprocess fab_preprocess_siglip(int size)
{
    return (fab_preprocess){ .size = size,
                             .resize = size,
                             .fit = FAB_FIT_SQUASH,
                             .filter = FAB_FILTER_BICUBIC,
                             .mean = { 0.5f, 0.5f, 0.5f },
                             .std = { 0.5f, 0.5f, 0.5f } };
}

/* ---- reading --------------------------------------------------------------------------------- */
/* Three numbers under key, or one for all; absent: unchanged. */
static bool read_three(const json_t *o, const char *key, float out[3], bool positive, fab_err *err)
{
    const json_t *v = json_object_get(o, key);
    if (!v) return true;
    bool list = json_is_array(v);
    for (size_t i = 0; i < 3; i++) {
        const json_t *one = list ? json_array_get(v, i) : v;
        double d = json_number_value(one);
        if (!json_is_number(one) || (list && json_array_size(v) != 3) || (positive && !(d > 0)))
            return fab_fail(err, FAB_EFORMAT, "%s: three %snumbers are needed", key,
                            positive ? "positive " : "");
        out[i] = (float)d;
    }
    return true;
}

/* A number, or the larger of an object's {shortest_edge}, {height, width}; 0: absent. */
static int read_size(const json_t *o, const char *key)
{
    const json_t *v = json_object_get(o, key);
    static const char *const parts[] = { "shortest_edge", "height", "width" };
    json_int_t n = json_is_integer(v) ? json_integer_value(v) : 0;
    for (size_t i = 0; i < 3 && !n; i++) n = json_integer_value(json_object_get(v, parts[i]));
    return n > 0 && n < 100000 ? (int)n : 0;
}

static bool size_agrees(const fab_preprocess *p, const char *key, int size, fab_err *err)
{
    return !size || size == p->size ||
           fab_fail(err, FAB_EFORMAT, "%s: %d, the weights read images of %d x %d", key, size,
                    p->size, p->size);
}

bool fab_preprocess_read_hf(fab_preprocess *p, const json_t *o, fab_err *err)
{
    const json_t *crop = json_object_get(o, "do_center_crop"), *v = json_object_get(o, "resample");
    int size = read_size(o, "size"), cut = read_size(o, "crop_size");
    bool square = json_object_get(json_object_get(o, "size"), "height") != NULL;
    if (json_is_false(json_object_get(o, "do_resize")))
        return fab_fail(err, FAB_EUNSUPPORTED, "do_resize: false is not supported");
    if (v && json_integer_value(v) != 2 && json_integer_value(v) != 3)
        return fab_fail(err, FAB_EUNSUPPORTED, "resample: %lld; 2 (bilinear) and 3 (bicubic) are",
                        (long long)json_integer_value(v));
    if (v) p->filter = json_integer_value(v) == 2 ? FAB_FILTER_BILINEAR : FAB_FILTER_BICUBIC;
    if (crop) p->fit = json_is_true(crop) ? FAB_FIT_SHORTEST : FAB_FIT_SQUASH;
    else if (size) p->fit = square ? FAB_FIT_SQUASH : FAB_FIT_SHORTEST;
    p->crop_down = true;
    bool cropped = p->fit == FAB_FIT_SHORTEST;
    if (cropped && size) p->resize = size;
    if (json_is_false(json_object_get(o, "do_normalize")))
        for (int i = 0; i < 3; i++) p->mean[i] = 0, p->std[i] = 1;
    return size_agrees(p, cropped ? "crop_size" : "size", cropped ? cut : size, err) &&
           read_three(o, "image_mean", p->mean, false, err) &&
           read_three(o, "image_std", p->std, true, err);
}

bool fab_preprocess_read_open_clip(fab_preprocess *p, const json_t *o, fab_err *err)
{
    const char *mode = fab_json_str(o, "resize_mode", NULL),
               *filter = fab_json_str(o, "interpolation", NULL);
    if (mode && strcmp(mode, "shortest") && strcmp(mode, "squash"))
        return fab_fail(err, FAB_EUNSUPPORTED, "resize_mode: '%.40s'; shortest and squash are",
                        mode);
    if (filter && strcmp(filter, "bicubic") && strcmp(filter, "bilinear"))
        return fab_fail(err, FAB_EUNSUPPORTED, "interpolation: '%.40s'; bicubic and bilinear are",
                        filter);
    if (mode) p->fit = strcmp(mode, "squash") ? FAB_FIT_SHORTEST : FAB_FIT_SQUASH;
    if (filter) p->filter = strcmp(filter, "bilinear") ? FAB_FILTER_BICUBIC : FAB_FILTER_BILINEAR;
    return size_agrees(p, "size", read_size(o, "size"), err) &&
           read_three(o, "mean", p->mean, false, err) && read_three(o, "std", p->std, true, err);
}

/* ---- running --------------------------------------------------------------------------------- */
static void to_float(const fab_preprocess *p, const uint8_t *rgb, float *out)
{
    float table[3][256];
    for (int c = 0; c < 3; c++)
        for (int v = 0; v < 256; v++) table[c][v] = ((float)v / 255.0f - p->mean[c]) / p->std[c];
    for (int64_t i = 0; i < (int64_t)p->size * p->size; i++)
        for (int c = 0; c < 3; c++) out[3 * i + c] = table[c][rgb[3 * i + c]];
}

static void crop(const fab_preprocess *p, const uint8_t *rgb, fab_size from, uint8_t *out)
{
    int n = p->size;
    if (!p->crop_down) {
        fab_crop_centre_u8(rgb, from, 3, out, n, 0);
        return;
    }
    int dx = from.width - n, dy = from.height - n; /* negative: padded, the odd pixel in front */
    fab_crop_u8(rgb, from, 3, dx >= 0 ? dx / 2 : -((1 - dx) / 2),
                dy >= 0 ? dy / 2 : -((1 - dy) / 2), out, (fab_size){ n, n }, 0);
}

bool fab_preprocess_run(const fab_preprocess *p, const uint8_t *rgb, int width, int height,
                        float *out, fab_err *err)
{
    fab_size from = { width, height }, to = { p->size, p->size };
    if (!rgb) return fab_fail(err, FAB_EUNSUPPORTED, "the picture has no pixels to look at");
    if (p->fit == FAB_FIT_SHORTEST) to = fab_size_short_side(from, p->resize);
    if ((int64_t)to.width * to.height > LARGEST)
        return fab_fail(err, FAB_ELIMIT, "%d x %d pixels are too narrow to be resized to %d x %d",
                        width, height, to.width, to.height);
    size_t big = 3 * (size_t)to.width * (size_t)to.height,
           square = 3 * (size_t)p->size * (size_t)p->size;
    uint8_t *resized = fab_new_array(big + square, 1, err), *cut = resized ? resized + big : NULL;
    bool ok = resized && fab_resize_u8(rgb, from, 3, resized, to, p->filter, err);
    if (ok && p->fit == FAB_FIT_SHORTEST) crop(p, resized, to, cut);
    if (ok) to_float(p, p->fit == FAB_FIT_SHORTEST ? cut : resized, out);
    fab_free(resized);
    return ok;
}
