/* codec_jpeg: JPEG (ITU-T T.81: baseline, extended 8 bit, progressive) through libjpeg-turbo's
 * TurboJPEG API.
 *
 * Raw samples: 1 (grey) or 3 (RGB) of 8 bits; accurate integer DCT and smooth chroma upsampling,
 * which gives the same bytes as Pillow. CMYK is taken as Adobe stores it (inverted). EXIF
 * orientation is not applied. A file that ends early or holds corrupt data is an error, never half
 * a picture; padding bytes between markers are allowed.
 */
#include <string.h>
#include <turbojpeg.h>

#include "media/codec.h"

enum { FLAGS = TJFLAG_ACCURATEDCT | TJFLAG_LIMITSCANS };

static int bid(const uint8_t *bytes, size_t size)
{
    return size >= 3 && bytes[0] == 0xff && bytes[1] == 0xd8 && bytes[2] == 0xff ? 24 : 0;
}

/* libjpeg warns of filler it skipped; every other warning means lost picture data. */
static bool harmless(tjhandle tj)
{
    return tjGetErrorCode(tj) == TJERR_WARNING &&
           strstr(tjGetErrorStr2(tj), "extraneous bytes") != NULL;
}

static bool read_header(tjhandle tj, const uint8_t *bytes, size_t size, fab_image *im, int *colour,
                        fab_err *err)
{
    int subsampling;
    if (tjDecompressHeader3(tj, bytes, (unsigned long)size, &im->width, &im->height, &subsampling,
                            colour) &&
        !harmless(tj))
        return fab_fail(err, FAB_EFORMAT, "JPEG: %s", tjGetErrorStr2(tj));
    bool grey = *colour == TJCS_GRAY;
    im->samples = grey ? 1 : 3;
    im->bits_allocated = im->bits_stored = 8;
    im->high_bit = 7;
    im->lossy = true;
    memcpy(im->photometric, grey ? "MONOCHROME2" : "RGB", grey ? 12 : 4);
    memcpy(im->transfer_syntax, "jpeg", 5);
    if (!fab_image_check(im, "JPEG: frame height x width", err)) return false;
    /* an 8 x 8 block takes at least 2 bits, 4:2:0 has 16 x 16 pixels in 6 blocks; progressive can
     * skip: be generous */
    uint64_t pixels = (uint64_t)im->width * (uint64_t)im->height;
    if (pixels / 4096 > size)
        return fab_fail(err, FAB_EFORMAT,
                        "JPEG: the frame header claims %d x %d, more than %zu bytes can hold",
                        im->width, im->height, size);
    return true;
}

static void from_cmyk(const uint8_t *cmyk, uint8_t *rgb, size_t n)
{
    for (size_t i = 0; i < n; i++)
        for (size_t c = 0; c < 3; c++)
            rgb[3 * i + c] = (uint8_t)((cmyk[4 * i + c] * cmyk[4 * i + 3] + 127) / 255);
}

static bool read_pixels(tjhandle tj, const uint8_t *bytes, size_t size, fab_image *im, int colour,
                        fab_arena *a, fab_err *err)
{
    bool four = colour == TJCS_CMYK || colour == TJCS_YCCK;
    size_t n = (size_t)im->width * (size_t)im->height;
    uint8_t *out = four ? fab_arena_take(a, n * 4, err) : im->raw;
    if (!out) return false;
    int format = four ? TJPF_CMYK : colour == TJCS_GRAY ? TJPF_GRAY : TJPF_RGB;
    if (tjDecompress2(tj, bytes, (unsigned long)size, out, im->width, 0, im->height, format,
                      FLAGS) &&
        !harmless(tj))
        return fab_fail(err, FAB_EFORMAT, "JPEG: %s", tjGetErrorStr2(tj));
    if (four) from_cmyk(out, im->raw, n);
    return true;
}

static bool parse(const uint8_t *bytes, size_t size, const fab_image_opts *opts, fab_arena *a,
                  fab_image *im, fab_lut *lut, fab_err *err)
{
    tjhandle tj = tjInitDecompress();
    if (!tj) return fab_fail(err, FAB_ENOMEM, "JPEG: no memory for the reader");
    int colour = 0;
    lut->full_range = true;
    bool ok = read_header(tj, bytes, size, im, &colour, err);
    if (ok && !opts->facts_only)
        ok = fab_image_alloc(im, "JPEG: frame height x width", err) &&
             read_pixels(tj, bytes, size, im, colour, a, err);
    tjDestroy(tj);
    return ok;
}

const fab_codec fab_codec_jpeg = { .name = "jpeg", .bid = bid, .parse = parse };
