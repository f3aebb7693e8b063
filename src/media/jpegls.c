/* jpegls: CharLS 2 decodes whole streams; planes (interleave none) are woven here. */
#include "media/jpegls.h"

#include <string.h>

#include <charls/charls.h>

typedef struct {
    int width, height, samples, bytes;
} shape;

static bool check_shape(const charls_frame_info *f, shape want, fab_err *err)
{
    if (f->width != (uint32_t)want.width || f->height != (uint32_t)want.height)
        return fab_fail(err, FAB_EFORMAT, "JPEG-LS stream is %u x %u, the header says %d x %d",
                        f->height, f->width, want.height, want.width);
    if (f->component_count != want.samples)
        return fab_fail(err, FAB_EFORMAT, "JPEG-LS stream has %d components, the header says %d",
                        f->component_count, want.samples);
    if ((f->bits_per_sample > 8 ? 2 : 1) != want.bytes)
        return fab_fail(err, FAB_EFORMAT,
                        "JPEG-LS stream has %d bits a sample, the header has room for %d",
                        f->bits_per_sample, 8 * want.bytes);
    return true;
}

static void weave(const uint8_t *planes, shape s, uint8_t *out)
{
    size_t n = (size_t)s.width * (size_t)s.height, b = (size_t)s.bytes, C = (size_t)s.samples;
    for (size_t c = 0; c < C; c++)
        for (size_t i = 0; i < n; i++) memcpy(out + (i * C + c) * b, planes + (c * n + i) * b, b);
}

static bool decode(charls_jpegls_decoder *d, const uint8_t *in, size_t size, shape s, uint8_t *out,
                   fab_arena *a, fab_err *err)
{
    charls_frame_info frame;
    charls_interleave_mode mode = CHARLS_INTERLEAVE_MODE_NONE;
    size_t need = (size_t)s.width * (size_t)s.height * (size_t)s.samples * (size_t)s.bytes,
           takes = 0;
    charls_jpegls_errc e = charls_jpegls_decoder_set_source_buffer(d, in, size);
    if (!e) e = charls_jpegls_decoder_read_header(d);
    if (!e) e = charls_jpegls_decoder_get_frame_info(d, &frame);
    if (!e && !check_shape(&frame, s, err)) return false;
    if (!e) e = charls_jpegls_decoder_get_interleave_mode(d, &mode);
    if (!e) e = charls_jpegls_decoder_get_destination_size(d, 0, &takes);
    bool planes = s.samples > 1 && mode == CHARLS_INTERLEAVE_MODE_NONE;
    uint8_t *to = planes ? fab_arena_take(a, need, err) : out;
    if (!to) return false;
    if (!e && takes != need)
        return fab_fail(err, FAB_EFORMAT, "JPEG-LS stream makes %zu bytes, the header says %zu",
                        takes, need);
    if (!e) e = charls_jpegls_decoder_decode_to_buffer(d, to, need, 0);
    if (e)
        return fab_fail(err, FAB_EFORMAT, "JPEG-LS stream of %zu bytes: %s", size,
                        charls_get_error_message(e));
    if (planes) weave(to, s, out);
    return true;
}

bool fab_jpegls_decode(const uint8_t *in, size_t size, int width, int height, int samples,
                       int bytes, uint8_t *out, fab_arena *a, fab_err *err)
{
    charls_jpegls_decoder *d = charls_jpegls_decoder_create();
    if (!d) return fab_fail(err, FAB_ENOMEM, "JPEG-LS: no memory for the reader");
    bool ok = decode(d, in, size, (shape){ width, height, samples, bytes }, out, a, err);
    charls_jpegls_decoder_destroy(d);
    return ok;
}
