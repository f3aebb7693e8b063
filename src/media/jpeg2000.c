/* jpeg2000: libopenjp2 over bytes in memory. Negative samples of signed streams are stored in two's
 * complement. */
#include "media/jpeg2000.h"

#include <string.h>

#include <openjpeg.h>

typedef struct {
    const uint8_t *bytes;
    size_t size, at;
    char why[160]; /* the library's last complaint */
} source;

static OPJ_SIZE_T on_read(void *out, OPJ_SIZE_T n, void *user)
{
    source *s = user;
    size_t left = s->size - s->at;
    if (!left) return (OPJ_SIZE_T)-1;
    if (n > left) n = left;
    memcpy(out, s->bytes + s->at, n);
    s->at += n;
    return n;
}

static OPJ_OFF_T on_skip(OPJ_OFF_T n, void *user)
{
    source *s = user;
    if (n < 0 || (uint64_t)n > s->size - s->at) return -1;
    s->at += (size_t)n;
    return n;
}

static OPJ_BOOL on_seek(OPJ_OFF_T to, void *user)
{
    source *s = user;
    if (to < 0 || (uint64_t)to > s->size) return OPJ_FALSE;
    s->at = (size_t)to;
    return OPJ_TRUE;
}

static void on_error(const char *text, void *user)
{
    source *s = user;
    size_t n = strcspn(text, "\n");
    if (s->why[0]) return; /* the first is the cause */
    if (n >= sizeof s->why) n = sizeof s->why - 1;
    memcpy(s->why, text, n);
    s->why[n] = 0;
}

static void on_other(const char *text, void *user) { (void)text, (void)user; }

static opj_stream_t *open_stream(source *s)
{
    opj_stream_t *st = opj_stream_create(1 << 16, OPJ_TRUE);
    if (!st) return NULL;
    opj_stream_set_user_data(st, s, NULL);
    opj_stream_set_user_data_length(st, s->size);
    opj_stream_set_read_function(st, on_read);
    opj_stream_set_skip_function(st, on_skip);
    opj_stream_set_seek_function(st, on_seek);
    return st;
}

static bool check_shape(const opj_image_t *im, fab_j2k_shape want, fab_err *err)
{
    uint32_t w = im->x1 - im->x0, h = im->y1 - im->y0;
    if (w != (uint32_t)want.width || h != (uint32_t)want.height)
        return fab_fail(err, FAB_EFORMAT, "JPEG 2000 stream is %u x %u, the header says %d x %d", h,
                        w, want.height, want.width);
    if (im->numcomps != (uint32_t)want.samples)
        return fab_fail(err, FAB_EFORMAT, "JPEG 2000 stream has %u components, the header says %d",
                        im->numcomps, want.samples);
    for (uint32_t c = 0; c < im->numcomps; c++) {
        const opj_image_comp_t *k = &im->comps[c];
        if (k->prec > 8u * (unsigned)want.bytes)
            return fab_fail(err, FAB_EFORMAT,
                            "JPEG 2000 stream has %u bits a sample, the header has room for %d",
                            k->prec, 8 * want.bytes);
        if (k->dx < 1 || k->dy < 1)
            return fab_fail(err, FAB_EFORMAT, "JPEG 2000 component %u is sampled every %u x %u", c,
                            k->dy, k->dx);
    }
    return true;
}

/* Component planes, some perhaps subsampled, into interleaved little-endian samples. */
static bool store(const opj_image_t *im, fab_j2k_shape s, uint8_t *out, fab_err *err)
{
    for (uint32_t c = 0; c < im->numcomps; c++) {
        const opj_image_comp_t *k = &im->comps[c];
        if (!k->data || !k->w || !k->h)
            return fab_fail(err, FAB_EFORMAT, "JPEG 2000 stream: component %u of %u is missing", c,
                            im->numcomps);
        for (int y = 0; y < s.height; y++) {
            uint32_t r = (uint32_t)y / k->dy;
            const OPJ_INT32 *row = k->data + (size_t)(r < k->h ? r : k->h - 1) * k->w;
            uint8_t *p =
                out + ((size_t)y * (size_t)s.width * (size_t)s.samples + c) * (size_t)s.bytes;
            for (int x = 0; x < s.width; x++, p += s.samples * s.bytes) {
                uint32_t q = (uint32_t)x / k->dx;
                uint32_t v = (uint32_t)row[q < k->w ? q : k->w - 1];
                for (int b = 0; b < s.bytes; b++) p[b] = (uint8_t)(v >> 8 * b);
            }
        }
    }
    return true;
}

static bool colour_transformed(opj_codec_t *codec)
{
    opj_codestream_info_v2_t *info = opj_get_cstr_info(codec);
    bool yes = info && info->m_default_tile_info.mct == 1;
    opj_destroy_cstr_info(&info);
    return yes;
}

static bool decode(opj_codec_t *codec, opj_stream_t *st, source *s, fab_j2k_shape shape,
                   uint8_t *out, bool *was_ybr, fab_err *err)
{
    opj_dparameters_t p;
    opj_image_t *im = NULL;
    opj_set_default_decoder_parameters(&p);
    opj_set_error_handler(codec, on_error, s);
    opj_set_warning_handler(codec, on_other, s);
    opj_set_info_handler(codec, on_other, s);
    bool ok = opj_setup_decoder(codec, &p) && opj_decoder_set_strict_mode(codec, OPJ_TRUE) &&
              opj_read_header(st, codec, &im);
    ok = ok && check_shape(im, shape, err);
    *was_ybr = ok && colour_transformed(codec);
    ok = ok && opj_decode(codec, st, im) && store(im, shape, out, err);
    if (!ok)
        fab_fail(err, FAB_EFORMAT, "JPEG 2000 stream of %zu bytes: %s", s->size,
                 s->why[0] ? s->why : "unreadable");
    opj_image_destroy(im);
    return ok;
}

bool fab_j2k_decode(const uint8_t *bytes, size_t size, fab_j2k_shape shape, uint8_t *out,
                    bool *was_ybr, fab_err *err)
{
    static const uint8_t box[8] = { 0, 0, 0, 12, 'j', 'P', ' ', ' ' };
    source s = { .bytes = bytes, .size = size };
    bool boxed = size >= 12 && !memcmp(bytes, box, 8);
    opj_codec_t *codec = opj_create_decompress(boxed ? OPJ_CODEC_JP2 : OPJ_CODEC_J2K);
    opj_stream_t *st = open_stream(&s);
    bool ok = codec && st ? decode(codec, st, &s, shape, out, was_ybr, err)
                          : fab_fail(err, FAB_ENOMEM, "JPEG 2000: no memory for the reader");
    opj_stream_destroy(st);
    opj_destroy_codec(codec);
    return ok;
}
