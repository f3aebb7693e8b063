/* codec_png: Portable Network Graphics through libpng (W3C PNG 3rd edition).
 *
 * Raw samples: 8 or 16 bits little-endian, as many as the colour type has (grey 1, grey and alpha
 * 2, RGB 3, RGBA 4). Grey of 1, 2, 4 bits is spread to 0..255, palettes become RGB, a transparent
 * colour (tRNS) and gamma are ignored: what PIL's convert("RGB") does. 16-bit grey is a
 * measurement, not a photograph: shown through a computed window.
 *
 * libpng reports errors by longjmp and offers nothing else; this is the only setjmp of the house.
 * The frame that calls setjmp holds no local variable that changes after it.
 */
#include <png.h>
#include <setjmp.h>
#include <string.h>

#include "base/bytes.h"
#include "media/codec.h"

static const uint8_t signature[8] = { 0x89, 'P', 'N', 'G', '\r', '\n', 0x1a, '\n' };

typedef struct {
    const uint8_t *bytes;
    size_t size, at;
    const fab_image_opts *opts;
    fab_image *im;
    fab_lut *lut;
    fab_err *err;
    png_structp png;
    png_infop info;
} reader;

static int bid(const uint8_t *bytes, size_t size)
{
    return size >= 8 && !memcmp(bytes, signature, 8) ? 64 : 0;
}

static void on_error(png_structp png, png_const_charp text)
{
    reader *r = png_get_error_ptr(png);
    fab_fail(r->err, FAB_EFORMAT, "PNG: %s", text);
    png_longjmp(png, 1);
}

static void on_warning(png_structp png, png_const_charp text) { (void)png, (void)text; }

static void on_read(png_structp png, png_bytep out, size_t n)
{
    reader *r = png_get_io_ptr(png);
    if (n > r->size - r->at) {
        fab_fail(r->err, FAB_EFORMAT, "PNG: ends at byte %zu, %zu more are needed", r->size,
                 n - (r->size - r->at));
        png_longjmp(png, 1);
    }
    memcpy(out, r->bytes + r->at, n);
    r->at += n;
}

static void photometric(fab_image *im, int colour)
{
    const char *name = colour & PNG_COLOR_MASK_COLOR ? "RGB" : "MONOCHROME2";
    memcpy(im->photometric, name, strlen(name) + 1);
    memcpy(im->transfer_syntax, "png", 4);
}

/* Asks libpng for whole little-endian samples and fills the facts. */
static void setup(reader *r)
{
    fab_image *im = r->im;
    int colour = png_get_color_type(r->png, r->info), bits = png_get_bit_depth(r->png, r->info);
    if (colour == PNG_COLOR_TYPE_PALETTE) png_set_palette_to_rgb(r->png);
    if (colour == PNG_COLOR_TYPE_GRAY && bits < 8) png_set_expand_gray_1_2_4_to_8(r->png);
    if (bits == 16) png_set_swap(r->png);
    png_set_interlace_handling(r->png);
    if (colour == PNG_COLOR_TYPE_PALETTE) png_set_strip_alpha(r->png);
    png_read_update_info(r->png, r->info);
    im->width = (int)png_get_image_width(r->png, r->info);
    im->height = (int)png_get_image_height(r->png, r->info);
    im->samples = png_get_channels(r->png, r->info);
    im->bits_allocated = im->bits_stored = bits == 16 ? 16 : 8;
    im->high_bit = im->bits_stored - 1;
    r->lut->full_range = im->bits_stored == 8;
    photometric(im, colour);
}

static void physical_size(reader *r)
{
    png_uint_32 x, y;
    int unit;
    if (png_get_pHYs(r->png, r->info, &x, &y, &unit) && unit == PNG_RESOLUTION_METER && x && y) {
        r->im->spacing_mm[0] = 1000.0 / y;
        r->im->spacing_mm[1] = 1000.0 / x;
    }
}

static bool read_rows(reader *r, png_bytepp rows)
{
    size_t stride = png_get_rowbytes(r->png, r->info);
    if (stride * (size_t)r->im->height != r->im->raw_size)
        return fab_fail(r->err, FAB_EFORMAT, "PNG: rows of %zu bytes, %zu expected", stride,
                        r->im->raw_size / (size_t)r->im->height);
    for (size_t y = 0; y < (size_t)r->im->height; y++) rows[y] = r->im->raw + y * stride;
    png_read_image(r->png, rows);
    png_read_end(r->png, NULL);
    return true;
}

/* An uncompressed row filter cannot make more than about 1,032 bytes of one deflated byte. */
static bool believable(const reader *r)
{
    uint64_t need = fab_image_raw_bytes(r->im);
    if (need / 8 / 1100 <= r->size) return true; /* / 8: sub-byte samples were spread */
    return fab_fail(r->err, FAB_EFORMAT, "PNG: IHDR claims %d x %d, more than %zu bytes can hold",
                    r->im->width, r->im->height, r->size);
}

static bool read_png(reader *r, fab_arena *a)
{
    if (setjmp(png_jmpbuf(r->png))) return false;
    png_set_read_fn(r->png, r, on_read);
    png_set_user_limits(r->png, 0x7fffffff,
                        0x7fffffff); /* fab_image_check is the limit and says so better */
    png_set_chunk_malloc_max(r->png, 16 << 20);
    png_set_chunk_cache_max(r->png, 64);
    png_set_crc_action(r->png, PNG_CRC_DEFAULT, PNG_CRC_WARN_DISCARD);
    png_read_info(r->png, r->info);
    setup(r);
    physical_size(r);
    if (!fab_image_check(r->im, "PNG: IHDR height x width", r->err) || !believable(r)) return false;
    if (r->opts->facts_only) return true;
    if (!fab_image_alloc(r->im, "PNG: IHDR height x width", r->err)) return false;
    png_bytepp rows = fab_arena_take(a, (size_t)r->im->height * sizeof *rows, r->err);
    return rows && read_rows(r, rows);
}

static bool parse(const uint8_t *bytes, size_t size, const fab_image_opts *opts, fab_arena *a,
                  fab_image *im, fab_lut *lut, fab_err *err)
{
    reader r = { .bytes = bytes, .size = size, .opts = opts, .im = im, .lut = lut, .err = err };
    r.png = png_create_read_struct(PNG_LIBPNG_VER_STRING, &r, on_error, on_warning);
    if (!r.png) return fab_fail(err, FAB_ENOMEM, "PNG: no memory for the reader");
    r.info = png_create_info_struct(r.png);
    bool ok = r.info ? read_png(&r, a) : fab_fail(err, FAB_ENOMEM, "PNG: no memory for the reader");
    png_destroy_read_struct(&r.png, &r.info, NULL);
    return ok;
}

const fab_codec fab_codec_png = { .name = "png", .bid = bid, .parse = parse };
