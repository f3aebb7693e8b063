/* png_write: a PNG encoder over zlib (W3C PNG 3rd edition, sections 5, 9, 11).
 *
 *   signature | IHDR | IDAT = zlib(filtered rows) | IEND
 *   a chunk = length u32be | type | data | crc32(type, data)
 *
 * Each row takes the filter (none, sub, up, average, Paeth) whose residues, read as signed bytes,
 * have the least absolute sum. libpng's writer would do the same through longjmp; this is shorter
 * than holding that at bay.
 */
#include "media/png_write.h"

#include <string.h>
#include <zlib.h>

#include "base/arena.h"
#include "base/file.h"

enum { OVERHEAD = 8 + 25 + 12 + 12, MAX_SIDE = 1 << 20, LEVEL = 6 };

typedef struct {
    const uint8_t *data; /* big-endian when 16 bits */
    int width, height, channels, bytes;
} picture;

static void put32(uint8_t *p, uint32_t v)
{
    for (int i = 0; i < 4; i++) p[i] = (uint8_t)(v >> (24 - 8 * i));
}

/* Writes length, type and checksum around the n bytes already at p + 8; returns the end. */
static uint8_t *close_chunk(uint8_t *p, const char *type, size_t n)
{
    put32(p, (uint32_t)n);
    memcpy(p + 4, type, 4);
    put32(p + 8 + n, (uint32_t)crc32(0, p + 4, (uInt)(n + 4)));
    return p + 12 + n;
}

static uint8_t paeth(int a, int b, int c)
{
    int p = a + b - c, pa = p > a ? p - a : a - p, pb = p > b ? p - b : b - p,
        pc = p > c ? p - c : c - p;
    return (uint8_t)(pa <= pb && pa <= pc ? a : pb <= pc ? b : c);
}

/* Filters one row; a = left, b = above, c = above left. Returns the sum that chooses. */
static uint64_t filter_row(int kind, const uint8_t *row, const uint8_t *above, uint8_t *out,
                           size_t n, size_t bpp)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < n; i++) {
        int a = i >= bpp ? row[i - bpp] : 0, b = above ? above[i] : 0,
            c = above && i >= bpp ? above[i - bpp] : 0;
        int guess = kind == 1   ? a
                    : kind == 2 ? b
                    : kind == 3 ? (a + b) / 2
                    : kind == 4 ? paeth(a, b, c)
                                : 0;
        out[i] = (uint8_t)(row[i] - guess);
        sum += out[i] < 128 ? out[i] : 256u - out[i];
    }
    return sum;
}

/* All rows, each behind its filter's number. spare: one row of scratch. */
static void filter_all(const picture *im, uint8_t *out, uint8_t *spare)
{
    size_t bpp = (size_t)im->channels * (size_t)im->bytes, n = bpp * (size_t)im->width;
    for (int y = 0; y < im->height; y++, out += n + 1) {
        const uint8_t *row = im->data + (size_t)y * n, *above = y ? row - n : NULL;
        uint64_t best = UINT64_MAX;
        for (int kind = 0; kind < 5; kind++) {
            uint64_t sum = filter_row(kind, row, above, spare, n, bpp);
            if (sum >= best) continue;
            best = sum;
            out[0] = (uint8_t)kind;
            memcpy(out + 1, spare, n);
        }
    }
}

static uint8_t *header(const picture *im, uint8_t *p)
{
    static const uint8_t colour_type[] = { 0, 0, 4, 2, 6 };
    memcpy(p, "\x89PNG\r\n\x1a\n", 8);
    uint8_t *d = p + 16;
    put32(d, (uint32_t)im->width);
    put32(d + 4, (uint32_t)im->height);
    d[8] = (uint8_t)(8 * im->bytes);
    d[9] = colour_type[im->channels];
    d[10] = d[11] = d[12] = 0;
    return close_chunk(p + 8, "IHDR", 13);
}

static bool encode(fab_arena *a, const picture *im, uint8_t **out, size_t *size, fab_err *err)
{
    size_t row = (size_t)im->width * (size_t)im->channels * (size_t)im->bytes;
    uLong plain = (uLong)(row + 1) * (uLong)im->height, packed = compressBound(plain);
    if (packed >= UINT32_C(0x7fffffff))
        return fab_fail(err, FAB_ELIMIT, "PNG: %lu bytes in one chunk", packed);
    uint8_t *rows = fab_arena_take(a, plain, err), *spare = fab_arena_take(a, row, err);
    uint8_t *bytes = rows && spare ? fab_new(packed + OVERHEAD, err) : NULL;
    if (!bytes) return false;
    filter_all(im, rows, spare);
    uint8_t *p = header(im, bytes);
    if (compress2(p + 8, &packed, rows, plain, LEVEL) != Z_OK) {
        fab_free(bytes);
        return fab_fail(err, FAB_ENOMEM, "PNG: zlib could not compress %lu bytes", plain);
    }
    p = close_chunk(p, "IDAT", packed);
    p = close_chunk(p, "IEND", 0);
    *out = bytes;
    *size = (size_t)(p - bytes);
    return true;
}

static bool encode_checked(const picture *im, uint8_t **out, size_t *size, fab_err *err)
{
    if (im->width < 1 || im->height < 1 || im->width > MAX_SIDE || im->height > MAX_SIDE ||
        im->channels < 1 || im->channels > 4)
        return fab_fail(err, FAB_EUSAGE, "PNG: cannot write %d x %d of %d channels", im->height,
                        im->width, im->channels);
    fab_arena *a = fab_arena_new(0, err);
    bool ok = a && encode(a, im, out, size, err);
    fab_arena_free(a);
    return ok;
}

bool fab_png_encode(const uint8_t *pixels, int width, int height, int channels, uint8_t **out,
                    size_t *size, fab_err *err)
{
    picture im = { pixels, width, height, channels, 1 };
    return encode_checked(&im, out, size, err);
}

static bool write_picture(const char *path, const picture *im, fab_err *err)
{
    uint8_t *bytes = NULL;
    size_t size = 0;
    bool ok = encode_checked(im, &bytes, &size, err) && fab_file_write(path, bytes, size, err);
    fab_free(bytes);
    return ok ? true : fab_while(err, "%s", path);
}

bool fab_png_write(const char *path, const uint8_t *pixels, int width, int height, int channels,
                   fab_err *err)
{
    picture im = { pixels, width, height, channels, 1 };
    return write_picture(path, &im, err);
}

bool fab_png_write_gray16(const char *path, const uint16_t *pixels, int width, int height,
                          fab_err *err)
{
    size_t n = width > 0 && height > 0 ? (size_t)width * (size_t)height : 0;
    uint8_t *big = fab_new_array(n ? n : 1, 2, err);
    if (!big) return false;
    for (size_t i = 0; i < n; i++)
        big[2 * i] = (uint8_t)(pixels[i] >> 8), big[2 * i + 1] = (uint8_t)pixels[i];
    picture im = { big, width, height, 1, 2 };
    bool ok = write_picture(path, &im, err);
    fab_free(big);
    return ok;
}
