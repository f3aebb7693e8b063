/* describe: see describe.h. Absent facts are left out, so a reader need not know what "unknown"
 * looks like. */
#include "media/describe.h"

#include <math.h>
#include <string.h>

#include "base/hash.h"

static void put_text(json_t *o, const char *key, const char *text)
{
    if (text[0]) json_object_set_new(o, key, json_string(text));
}

static json_t *reals(const double *v, int n)
{
    json_t *a = json_array();
    for (int i = 0; i < n; i++) json_array_append_new(a, json_real(v[i]));
    return a;
}

/* A number that is whole is written as one: 128, not 128.0. */
static json_t *number(double v)
{
    if (!isfinite(v)) return json_null();
    return v == floor(v) && fabs(v) < 9e15 ? json_integer((json_int_t)v) : json_real(v);
}

static json_t *window_of(const fab_window *w)
{
    json_t *o = json_pack("{s:o, s:o}", "center", number(w->center), "width", number(w->width));
    put_text(o, "name", w->name);
    return o;
}

static void put_samples(json_t *o, const fab_image *im)
{
    if (!im->raw) return;
    char hex[41];
    fab_sha1_hex(im->raw, im->raw_size, hex);
    json_object_set_new(o, "min", number(im->min));
    json_object_set_new(o, "max", number(im->max));
    json_object_set_new(o, "mean", json_real(round(im->mean * 1e4) / 1e4));
    json_object_set_new(o, "bytes", json_integer((json_int_t)im->raw_size));
    json_object_set_new(o, "sha1", json_string(hex));
}

static void put_facts(json_t *o, const fab_image *im)
{
    put_text(o, "sop_class", im->sop_class);
    put_text(o, "modality", im->modality);
    put_text(o, "body_part", im->body_part);
    put_text(o, "laterality", im->laterality);
    put_text(o, "view", im->view);
    put_text(o, "patient_orientation", im->patient_orientation);
    if (im->has_orientation) json_object_set_new(o, "orientation", reals(im->orientation, 6));
    if (im->has_position) json_object_set_new(o, "position_mm", reals(im->position, 3));
    if (im->spacing_mm[0] > 0) json_object_set_new(o, "spacing_mm", reals(im->spacing_mm, 2));
    if (im->thickness_mm > 0) json_object_set_new(o, "thickness_mm", json_real(im->thickness_mm));
    json_object_set_new(o, "slope", number(im->slope));
    json_object_set_new(o, "intercept", number(im->intercept));
}

static void put_windows(json_t *o, const fab_image *im)
{
    json_t *list = json_array();
    for (int i = 0; i < im->n_windows; i++) json_array_append_new(list, window_of(&im->windows[i]));
    json_object_set_new(o, "windows", list);
    if (im->shown.width > 0) json_object_set_new(o, "shown_window", window_of(&im->shown));
}

json_t *fab_image_describe(const fab_image *im, bool identity, fab_err *err)
{
    json_t *o =
        json_pack("{s:s, s:i, s:i, s:i, s:i, s:s, s:s, s:i, s:i, s:b, s:i}", "format", im->format,
                  "rows", im->height, "cols", im->width, "frames", im->frames, "samples",
                  im->samples, "transfer_syntax", im->transfer_syntax, "photometric",
                  im->photometric, "bits_allocated", im->bits_allocated, "bits_stored",
                  im->bits_stored, "signed", im->is_signed, "planar", im->planar);
    if (!o) {
        fab_fail(err, FAB_ENOMEM, "no memory to describe an image");
        return NULL;
    }
    put_samples(o, im);
    put_facts(o, im);
    put_windows(o, im);
    json_object_set_new(o, "lossy", json_boolean(im->lossy));
    if (im->missing_bytes)
        json_object_set_new(o, "missing_bytes", json_integer((json_int_t)im->missing_bytes));
    if (im->patient_name[0])
        json_object_set_new(o, "patient_name",
                            identity ? json_string(im->patient_name) : json_true());
    if (identity && im->patient.age > 0)
        json_object_set_new(o, "patient_age", number((double)im->patient.age));
    if (identity && im->patient.sex)
        json_object_set_new(o, "patient_sex", json_string(im->patient.sex == 'M' ? "M" : "F"));
    return o;
}
