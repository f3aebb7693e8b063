/* Pictures: resize against Pillow, PNG and JPEG against Pillow, the PNG writer against the reader,
 * the sandbox. */
#include "test.h"

#include <stdint.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/bytes.h"
#include "base/file.h"
#include "cases.h"
#include "media/image.h"
#include "media/png_write.h"
#include "media/resize.h"
#include "media/sandbox.h"

static uint64_t fnv(const void *data, size_t n)
{
    const uint8_t *p = data;
    uint64_t h = UINT64_C(0xcbf29ce484222325);
    for (size_t i = 0; i < n; i++) h = (h ^ p[i]) * UINT64_C(0x100000001b3);
    return h;
}

static uint8_t splitmix_byte(uint64_t seed, uint64_t i)
{
    uint64_t z = seed + i * UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return (uint8_t)((z ^ z >> 31) >> 56);
}

/* --- resize: tests/golden/resize.bin, layout in tools/golden/resize.py --- */

static void one_resize(int number, int kind, int filter, int C, fab_size from, fab_size to,
                       uint64_t hash, const uint8_t *whole)
{
    fab_err e = FAB_ERR_INIT;
    size_t n = (size_t)from.width * (size_t)from.height * (size_t)C, bytes = kind ? 4 : 1;
    size_t m = (size_t)to.width * (size_t)to.height * (size_t)C * bytes;
    uint8_t *in = fab_new(n * bytes, &e), *out = fab_new(m, &e);
    for (size_t i = 0; i < n; i++) {
        uint8_t v = splitmix_byte((uint64_t)number, i + 1);
        if (kind) ((float *)(void *)in)[i] = (float)(v * 3.7 - 400);
        else in[i] = v;
    }
    bool ok = kind ? fab_resize_f32((void *)in, from, C, (void *)out, to, (fab_filter)filter, &e)
                   : fab_resize_u8(in, from, C, out, to, (fab_filter)filter, &e);
    CHECK_MSG(ok, "%s", e.text);
    for (size_t i = 0; whole && i < m; i++)
        CHECK_MSG(out[i] == whole[i], "record %d: %dx%d to %dx%d, byte %zu is %d, Pillow has %d",
                  number, from.width, from.height, to.width, to.height, i, out[i], whole[i]);
    CHECK_MSG(fnv(out, m) == hash,
              "record %d: kind %d filter %d, %d channels, %dx%d to %dx%d differs", number, kind,
              filter, C, from.width, from.height, to.width, to.height);
    fab_free(in);
    fab_free(out);
}

TEST(resize_equals_pillow_to_the_bit)
{
    fab_err e = FAB_ERR_INIT;
    fab_file f = { 0 };
    CHECK_MSG(fab_file_map(&f, "tests/golden/resize.bin", 0, &e), "%s", e.text);
    int number = 0;
    for (size_t at = 0; at + 36 <= f.size; number++) {
        int v[7];
        for (size_t i = 0; i < 7; i++) v[i] = (int)fab_le32(f.data + at + 4 * i);
        uint64_t hash = fab_le64(f.data + at + 28);
        at += 36;
        bool whole = v[0] & 0x100;
        int kind = v[0] & 0xff;
        fab_size from = { v[3], v[4] }, to = { v[5], v[6] };
        one_resize(number, kind, v[1], v[2], from, to, hash, whole ? f.data + at : NULL);
        if (whole) at += (size_t)to.width * (size_t)to.height * (size_t)v[2] * (kind ? 4 : 1);
    }
    CHECK_MSG(number == 200, "%d records", number);
    fab_file_unmap(&f);
}

TEST(resize_refuses_empty_sides)
{
    fab_err e = FAB_ERR_INIT;
    uint8_t px[4] = { 0 };
    CHECK(
        !fab_resize_u8(px, (fab_size){ 0, 2 }, 1, px, (fab_size){ 1, 1 }, FAB_FILTER_BICUBIC, &e));
    CHECK_SAYS(e.text, "0 x 2 to 1 x 1");
}

TEST(crops_follow_torchvision)
{
    uint8_t in[5 * 4], out[9];
    for (int i = 0; i < 20; i++) in[i] = (uint8_t)(i + 1);
    fab_crop_centre_u8(in, (fab_size){ 5, 4 }, 1, out, 3, 0); /* top = round(0.5) = 0, left = 1 */
    CHECK(out[0] == 2 && out[8] == 14);
    fab_crop_centre_u8(in, (fab_size){ 1, 1 }, 1, out, 3,
                       7); /* (1 - 3) / 2 = -1: one pixel in the middle */
    CHECK(out[4] == 1 && out[0] == 7 && out[8] == 7);
    fab_crop_centre_u8(in, (fab_size){ 4, 5 }, 1, out, 2, 0); /* round(1.5) = 2 */
    CHECK(out[0] == 10);
    fab_crop_centre_u8(in, (fab_size){ 2, 2 }, 1, out, 3, 9); /* round(-0.5) = 0 */
    CHECK(out[0] == 1 && out[4] == 4 && out[8] == 9);
    fab_size s = fab_size_short_side((fab_size){ 640, 427 }, 224);
    CHECK(s.width == 335 && s.height == 224);
    s = fab_size_inside((fab_size){ 1, 1000 }, 100);
    CHECK(s.width == 1 && s.height == 100);
    uint8_t square[16];
    fab_pad_square_u8(in, (fab_size){ 4, 2 }, 1, square, 0);
    CHECK(square[0] == 0 && square[4] == 1 && square[11] == 8 && square[12] == 0);
}

/* --- PNG and JPEG: tests/golden/codecs.bin, layout in tools/golden/codecs.py --- */

static void one_codec(const char *name, const uint8_t *bytes, size_t size, int w, int h,
                      uint64_t hash, bool trusted)
{
    fab_err e = FAB_ERR_INIT;
    fab_image_opts o = { .trusted = trusted };
    fab_image *im = fab_image_parse(bytes, size, &o, &e);
    CHECK_MSG(im, "%s: %s", name, e.text);
    CHECK_MSG(im->width == w && im->height == h, "%s: %dx%d, not %dx%d", name, im->width,
              im->height, w, h);
    size_t n = (size_t)w * (size_t)h * 3;
    uint64_t got = strncmp(name, "raw", 3) ? fnv(im->rgb, n) : fnv(im->raw, im->raw_size);
    CHECK_MSG(got == hash, "%s: pixels differ from Pillow's", name);
    fab_image_free(im);
    for (size_t cut = 0; cut < size;
         cut += 1 + size / 50) { /* truncated anywhere: an error or a picture, no crash */
        fab_err t = FAB_ERR_INIT;
        fab_image *part = fab_image_parse(bytes, cut, &(fab_image_opts){ .trusted = true }, &t);
        CHECK_MSG(part || t.text[0], "%s cut at %zu: no message", name, cut);
        CHECK_MSG(!part || cut + 24 > size, "%s cut at %zu of %zu bytes was accepted", name, cut,
                  size);
        fab_image_free(part);
    }
}

TEST(png_and_jpeg_equal_pillow)
{
    fab_err e = FAB_ERR_INIT;
    fab_file f = { 0 };
    CHECK_MSG(fab_file_map(&f, "tests/golden/codecs.bin", 0, &e), "%s", e.text);
    int n = 0;
    for (size_t at = 0; at + 52 <= f.size; n++) {
        char name[33] = "";
        memcpy(name, f.data + at, 32);
        size_t size = fab_le32(f.data + at + 32);
        int w = (int)fab_le32(f.data + at + 36), h = (int)fab_le32(f.data + at + 40);
        uint64_t hash = fab_le64(f.data + at + 44);
        at += 52;
        one_codec(name, f.data + at, size, w, h, hash, n & 1);
        at += size;
    }
    CHECK_MSG(n == 18, "%d records", n);
    fab_file_unmap(&f);
}

TEST(png_written_is_read_back)
{
    fab_err e = FAB_ERR_INIT;
    for (int C = 1; C <= 4; C++) {
        enum { W = 37, H = 11 };
        uint8_t px[W * H * 4], *png;
        size_t size;
        for (size_t i = 0; i < sizeof px; i++)
            px[i] = (uint8_t)(i % 5 ? i * i / 7 : splitmix_byte(3, i));
        CHECK_MSG(fab_png_encode(px, W, H, C, &png, &size, &e), "%s", e.text);
        fab_image *im = fab_image_parse(png, size, NULL, &e);
        CHECK_MSG(im, "%s", e.text);
        CHECK(im->samples == C && im->raw_size == (size_t)(W * H * C));
        CHECK(!memcmp(im->raw, px, im->raw_size));
        fab_image_free(im);
        fab_free(png);
    }
    uint16_t deep[6] = { 0, 1, 256, 65535, 4095, 1234 };
    char path[64];
    snprintf(path, sizeof path, "/tmp/fab-test-%d.png", (int)getpid());
    CHECK_MSG(fab_png_write_gray16(path, deep, 3, 2, &e), "%s", e.text);
    fab_image *im = fab_image_open(path, NULL, &e);
    unlink(path);
    CHECK_MSG(im, "%s", e.text);
    CHECK(im->bits_allocated == 16 && fab_image_raw_at(im, 3) == 65535 &&
          fab_image_raw_at(im, 5) == 1234);
    CHECK(im->max == 65535 && im->min == 0);
    fab_image_free(im);
}

TEST(what_is_no_image_is_refused)
{
    fab_err e = FAB_ERR_INIT;
    CHECK(!fab_image_parse("", 0, NULL, &e));
    CHECK_SAYS(e.text, "empty");
    e = (fab_err)FAB_ERR_INIT;
    CHECK(!fab_image_parse("hello, world", 12, NULL, &e));
    CHECK_SAYS(e.text, "not an image");
    e = (fab_err)FAB_ERR_INIT;
    CHECK(!fab_image_open("/nonexistent/x.png", NULL, &e));
    CHECK_SAYS(e.text, "/nonexistent/x.png");
    CHECK(fab_image_kind("\xff\xd8\xff\xe0", 4) != NULL);
}

/* --- tests/cases --- */

/* In the cage and without it: the same sentence, which begins with the path; exit code 4. */
static bool open_twice(const char *path, fab_err *err)
{
    fab_err caged = FAB_ERR_INIT;
    fab_image *im = fab_image_open(path, NULL, &caged);
    fab_image *trusted = fab_image_open(path, &(fab_image_opts){ .trusted = true }, err);
    CHECK_MSG(!im == !trusted, "%s: '%s', but '%s' in the cage", path, err->text, caged.text);
    CHECK_STR(caged.text, err->text);
    CHECK(im || (fab_exit_code(err->code) == 4 && !strncmp(err->text, path, strlen(path))));
    fab_image_free(im);
    fab_image_free(trusted);
    return im != NULL;
}

TEST(bad_files_say_what_is_wrong)
{
    case_folder("tests/cases/dicom", open_twice);
    case_folder("tests/cases/png", open_twice);
    case_folder("tests/cases/jpeg", open_twice);
}

/* --- the sandbox --- */

#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define FAB_INSTRUMENTED 1
#endif
#endif

static bool misbehave(void *arg, fab_part parts[FAB_SANDBOX_PARTS], fab_err *err)
{
    const char *how = arg;
    (void)parts;
    if (!strcmp(how, "crash")) {
        volatile int *nowhere = NULL;
        *nowhere = 1;
    }
    if (!strcmp(how, "abort")) abort();
    if (!strcmp(how, "file")) {
        FILE *f = fopen("/etc/passwd", "r");
        return fab_fail(err, FAB_EFORMAT, f ? "it opened a file" : "no file for it");
    }
    if (!strcmp(how, "fork")) fork();
    if (!strcmp(how, "quit")) _exit(3);
    if (!strcmp(how, "huge")) parts[1] = (fab_part){ parts, 1000000 };
    return true;
}

TEST(sandbox_turns_crashes_into_errors)
{
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__) || defined(FAB_INSTRUMENTED)
    SKIP("sanitizers own the signals and the system calls");
#endif
    static const struct {
        char how[8];
        const char *says;
    } cases[] = {
        { "crash", "decoder died (signal 11)" },
        { "abort", "decoder died (signal 6)" },
        { "file", "no file for it" },
        { "fork", "forbidden system call" },
        { "quit", "ended without an answer" },
        { "huge", "1000000 bytes, at most 1000" },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        fab_err e = FAB_ERR_INIT;
        fab_part p[FAB_SANDBOX_PARTS];
        CHECK_MSG(!fab_sandbox_run(misbehave, (void *)cases[i].how, 1000, p, &e), "%s went through",
                  cases[i].how);
        CHECK_SAYS(e.text, cases[i].says);
    }
    fab_err e = FAB_ERR_INIT;
    fab_part p[FAB_SANDBOX_PARTS];
    CHECK_MSG(fab_sandbox_run(misbehave, "well", 1000, p, &e), "%s", e.text);
}

TEST_MAIN
