/* image: bids on bytes, decodes in a contained child, checks what the child answers. See image.h.
 */
#include "media/image.h"

#include <math.h>
#include <string.h>

#include "base/arena.h"
#include "base/file.h"
#include "media/codec.h"
#include "media/sandbox.h"

static const fab_codec *const codecs[] = {
#define X(name) &fab_codec_##name,
#include "media/codecs.def"
#undef X
};
enum { N_CODECS = sizeof codecs / sizeof *codecs };

static const fab_codec *find_codec(const uint8_t *bytes, size_t size)
{
    const fab_codec *best = NULL;
    int most = 0;
    for (int i = 0; i < N_CODECS; i++) {
        int bits = codecs[i]->bid(bytes, size);
        if (bits > most) best = codecs[i], most = bits;
    }
    return best;
}

const char *fab_image_kind(const void *bytes, size_t size)
{
    const fab_codec *c = find_codec(bytes, size);
    return c ? c->name : NULL;
}

/* --- sizes --- */

size_t fab_image_raw_bytes(const fab_image *im)
{
    size_t pixels = (size_t)im->width * (size_t)im->height * (size_t)im->frames;
    return (pixels * (size_t)im->samples * (size_t)im->bits_allocated + 7) / 8;
}

bool fab_image_check(const fab_image *im, const char *what, fab_err *err)
{
    if (im->width <= 0 || im->height <= 0 || im->frames <= 0)
        return fab_fail(err, FAB_EFORMAT, "%s: %d x %d, %d frames: nothing to show", what,
                        im->height, im->width, im->frames);
    uint64_t pixels = (uint64_t)im->width * (uint64_t)im->height; /* below 2^62 */
    if (pixels > FAB_IMAGE_MAX_PIXELS || pixels * (uint64_t)im->frames > FAB_IMAGE_MAX_PIXELS)
        return fab_fail(err, FAB_ELIMIT, "%s: %d x %d, %d frames are above the limit of %d pixels",
                        what, im->height, im->width, im->frames, FAB_IMAGE_MAX_PIXELS);
    if (im->samples < 1 || im->samples > 4)
        return fab_fail(err, FAB_EUNSUPPORTED, "%s: %d samples a pixel, 1 to 4 are known", what,
                        im->samples);
    int b = im->bits_allocated;
    if (b != 8 && b != 16 && b != 32 && !(b == 1 && im->samples == 1) && !(b == 64 && im->is_float))
        return fab_fail(
            err, FAB_EUNSUPPORTED,
            "%s: %d bits a sample, %d samples a pixel; known are 8, 16, 32, and 1 for 1", what, b,
            im->samples);
    return true;
}

bool fab_image_alloc(fab_image *im, const char *what, fab_err *err)
{
    if (!fab_image_check(im, what, err)) return false;
    im->raw_size = fab_image_raw_bytes(im);
    im->raw = fab_new(im->raw_size, err);
    return im->raw != NULL;
}

void fab_image_free(fab_image *im)
{
    if (!im) return;
    fab_free(im->rgb);
    fab_free(im->raw);
    fab_free(im);
}

/* --- decoding --- */

typedef struct {
    const fab_codec *codec;
    const uint8_t *bytes;
    size_t size;
    fab_image_opts opts;
} job;

static bool decode_into(const job *j, fab_arena *a, fab_image *im, fab_err *err)
{
    fab_lut lut = { 0 };
    im->frames = im->samples = 1;
    im->slope = 1;
    memcpy(im->format, j->codec->name, strlen(j->codec->name) + 1);
    if (!j->codec->parse(j->bytes, j->size, &j->opts, a, im, &lut, err)) return false;
    if (j->opts.facts_only) return true;
    fab_image_stats(im);
    if (!fab_render(im, &lut, &j->opts, err)) return false;
    if (j->opts.no_raw) {
        fab_free(im->raw);
        im->raw = NULL;
        im->raw_size = 0;
    }
    return true;
}

static fab_image *decode(const job *j, fab_err *err)
{
    fab_image *im = fab_new(sizeof *im, err);
    fab_arena *a = im ? fab_arena_new(0, err) : NULL;
    bool ok = a && decode_into(j, a, im, err);
    fab_arena_free(a);
    if (ok) return im;
    fab_image_free(im);
    return NULL;
}

enum { PART_FACTS, PART_RAW, PART_RGB };

static bool decode_in_child(void *arg, fab_part parts[FAB_SANDBOX_PARTS], fab_err *err)
{
    fab_image *im = decode(arg, err);
    if (!im) return false;
    parts[PART_FACTS] = (fab_part){ im, sizeof *im };
    parts[PART_RAW] = (fab_part){ im->raw, im->raw_size };
    parts[PART_RGB] =
        (fab_part){ im->rgb, im->rgb ? (size_t)im->width * (size_t)im->height * 3 : 0 };
    return true;
}

#define END(field) (im->field[sizeof im->field - 1] = 0)

static void end_texts(fab_image *im)
{
    END(format), END(transfer_syntax), END(photometric), END(sop_class), END(modality),
        END(body_part);
    END(laterality), END(view), END(patient_orientation), END(study_description),
        END(series_description);
    END(patient_name), END(shown.name);
    for (int i = 0; i < FAB_IMAGE_MAX_WINDOWS; i++) END(windows[i].name);
}

/* The answer of a child that may have been taken over: every size is checked again, every text
 * ended. */
static bool plausible(fab_image *im, const fab_part parts[FAB_SANDBOX_PARTS],
                      const fab_image_opts *o)
{
    end_texts(im);
    if (!fab_patient_plausible(&im->patient)) im->patient = (fab_patient){ 0 };
    if (im->n_windows < 0 || im->n_windows > FAB_IMAGE_MAX_WINDOWS) return false;
    if (o->facts_only) return !parts[PART_RAW].size && !parts[PART_RGB].size;
    if (!fab_image_check(im, im->format, NULL)) return false;
    size_t rgb = (size_t)im->width * (size_t)im->height * 3;
    return parts[PART_RGB].size == rgb && parts[PART_RAW].size == im->raw_size &&
           (o->no_raw ? !im->raw_size : im->raw_size > 0);
}

static fab_image *decode_contained(job *j, fab_err *err)
{
    fab_part p[FAB_SANDBOX_PARTS];
    size_t most = (size_t)FAB_IMAGE_MAX_PIXELS * 8;
    if (!fab_sandbox_run(decode_in_child, j, most, p, err)) return NULL;
    fab_image *im = p[PART_FACTS].data;
    bool whole = im && p[PART_FACTS].size == sizeof *im && plausible(im, p, &j->opts);
    if (!whole) {
        fab_free(im);
        fab_free(p[PART_RAW].data);
        fab_free(p[PART_RGB].data);
        fab_fail(err, FAB_EFORMAT, "decoder's answer does not add up");
        return NULL;
    }
    im->raw = p[PART_RAW].data;
    im->rgb = p[PART_RGB].data;
    return im;
}

fab_image *fab_image_parse(const void *bytes, size_t size, const fab_image_opts *opts, fab_err *err)
{
    job j = { .bytes = bytes, .size = size };
    if (opts) j.opts = *opts;
    if (!size) {
        fab_fail(err, FAB_EFORMAT, "0 bytes: empty");
        return NULL;
    }
    j.codec = find_codec(bytes, size);
    if (!j.codec) {
        fab_fail(err, FAB_EFORMAT, "not an image that fabrica reads (PNG, JPEG, DICOM): %zu bytes",
                 size);
        return NULL;
    }
    if (j.codec->load) j.codec->load();
    return j.opts.trusted || !fab_sandbox_enabled() ? decode(&j, err) : decode_contained(&j, err);
}

fab_image *fab_image_open(const char *path, const fab_image_opts *opts, fab_err *err)
{
    fab_file f = { 0 };
    if (!fab_file_map(&f, path, 0, err)) return NULL; /* names the path itself */
    fab_image *im = fab_image_parse(f.data, f.size, opts, err);
    if (!im) fab_while(err, "%s", path);
    fab_file_unmap(&f);
    return im;
}
