/* DICOM: every file of the shared catalog against GDCM's raw samples, patient names, broken files,
 * hostile headers. */
#include "test.h"

#include <stdint.h>

#include "base/arena.h"
#include "base/bytes.h"
#include "base/file.h"
#include "base/hash.h"
#include "base/json.h"
#include "media/image.h"

/* Files whose entry in the catalog is not what they hold, and how that is known. */
static const struct {
    const char *file, *says;
    int samples, bytes;
} excused[] = {
    /* GDCM 3.0.21 halves the whole RGB buffer instead of each plane, then weaves bytes: applied to
     * our samples, that mistake gives its sha1. DCMTK and pydicom agree with us. */
    { "pydicom__SC_rgb_rle_16bit.dcm", NULL, 3, 2 },
    { "pydicom__SC_rgb_rle_16bit_2frame.dcm", NULL, 3, 2 },
    { "pydicom__SC_rgb_rle_32bit.dcm", NULL, 3, 4 },
    { "pydicom__SC_rgb_rle_32bit_2frame.dcm", NULL, 3, 4 },
    /* Their pixels are the bytes 0 1 2 3 ...: no JPEG 2000. GDCM hands out memory that it never
     * wrote. */
    { "libdicom__generated_encapsulated_defined_bot_1_to_1.dcm", "SOC marker", 0, 0 },
    { "libdicom__generated_encapsulated_defined_bot_2_to_1.dcm", "SOC marker", 0, 0 },
    { "libdicom__generated_encapsulated_defined_bot_2_to_2.dcm", "SOC marker", 0, 0 },
    { "libdicom__generated_encapsulated_empty_bot_1_to_1.dcm", "SOC marker", 0, 0 },
    { "libdicom__generated_encapsulated_empty_bot_2_to_1.dcm", "SOC marker", 0, 0 },
    /* A stream cut to 250 bytes; GDCM answers 524,288 zeros. */
    { "pydicom__JPEG2000-embedded-sequence-delimiter.dcm", "JPEG 2000 stream of 250 bytes", 0, 0 },
    /* 1-bit rows that do not end at a byte: GDCM counts whole bytes a row and reads past the 328
     * and 97,538 there are. */
    { "dcmqi__label.seg.dcm", NULL, 1, 328 },
    { "pydicom-data__liver_nonbyte_aligned.dcm", NULL, 1, 97538 },
};

typedef struct {
    int excused;
    int lossless, lossless_ok, lossy, lossy_ok, names, names_ok, broken, broken_said;
    char first_bad[200];
} tally;

static void note(tally *t, const char *file, const char *what)
{
    if (getenv("FABRICA_TEST_VERBOSE")) fprintf(stderr, "%s: %s\n", file, what);
    if (!t->first_bad[0]) snprintf(t->first_bad, sizeof t->first_bad, "%s: %s", file, what);
}

static bool is_lossy(const char *uid)
{
    static const char *const syntaxes[] = { "4.50", "4.51", "4.55", "4.81", "4.91" };
    const char *end = uid ? strrchr(uid, '.') : NULL;
    if (!end || end - uid < 2) return false;
    for (size_t i = 0; i < sizeof syntaxes / sizeof *syntaxes; i++)
        if (!strcmp(end - 1, syntaxes[i])) return true;
    return false;
}

/* RRR GGG BBB as bytes most significant first, cut in `bytes` parts whose i-th bytes make samples,
 * then R G B by byte. */
static void gdcm_mistake(const fab_image *im, int bytes, char hex[41])
{
    fab_err e = FAB_ERR_INIT;
    size_t n = (size_t)im->width * (size_t)im->height, b = (size_t)bytes, frame = n * 3 * b;
    uint8_t *planes = fab_new(frame, &e), *mixed = fab_new(frame, &e),
            *out = fab_new(im->raw_size, &e);
    for (size_t f = 0; f < (size_t)im->frames; f++) {
        const uint8_t *in = im->raw + f * frame;
        for (size_t c = 0; c < 3; c++)
            for (size_t i = 0; i < n; i++)
                for (size_t k = 0; k < b; k++)
                    planes[(c * b + k) * n + i] = in[(i * 3 + c) * b + (b - 1 - k)];
        for (size_t i = 0; i < n * 3; i++)
            for (size_t k = 0; k < b; k++) mixed[i * b + k] = planes[(b - 1 - k) * n * 3 + i];
        for (size_t i = 0; i < n * b; i++)
            for (size_t c = 0; c < 3; c++) out[f * frame + i * 3 + c] = mixed[c * n * b + i];
    }
    fab_sha1_hex(out, im->raw_size, hex);
    fab_free(planes);
    fab_free(mixed);
    fab_free(out);
}

/* True when the file is excused for the reason that stands in the table. */
static bool is_excused(const char *file, const fab_image *im, const char *message, const char *sha1)
{
    for (size_t i = 0; i < sizeof excused / sizeof *excused; i++) {
        if (strcmp(excused[i].file, file)) continue;
        if (excused[i].says) return !im && strstr(message, excused[i].says) != NULL;
        if (!im) return false;
        if (excused[i].samples == 1) return im->raw_size == (size_t)excused[i].bytes;
        char hex[41];
        gdcm_mistake(im, excused[i].bytes, hex);
        return !strcmp(hex, sha1);
    }
    return false;
}

static void check_pixels(tally *t, const char *file, const char *path, const json_t *rec,
                         const json_t *decoded)
{
    fab_err e = FAB_ERR_INIT;
    bool lossy = is_lossy(fab_json_str(rec, "transfer_syntax", NULL));
    *(lossy ? &t->lossy : &t->lossless) += 1;
    fab_image *im = fab_image_open(path, NULL, &e);
    const char *sha1 = json_string_value(json_object_get(decoded, "sha1"));
    if (is_excused(file, im, e.text, sha1)) {
        *(lossy ? &t->lossy : &t->lossless) -= 1;
        t->excused++;
        fab_image_free(im);
        return;
    }
    if (!im) {
        note(t, file, e.text);
        return;
    }
    char hex[41], words[160];
    double mean = 0;
    bool has_mean = fab_json_num(decoded, "mean", &mean, NULL);
    fab_sha1_hex(im->raw, im->raw_size, hex);
    bool same = !strcmp(hex, sha1);
    if (lossy) same = same || (has_mean && im->mean >= mean - 1 && im->mean <= mean + 1);
    snprintf(words, sizeof words, "%s, %d bits, %s: %zu bytes, GDCM %lld; mean %g, GDCM %g",
             im->transfer_syntax, im->bits_allocated, im->photometric, im->raw_size,
             (long long)json_integer_value(json_object_get(decoded, "bytes")), im->mean, mean);
    *(lossy ? &t->lossy_ok : &t->lossless_ok) += same;
    if (!same) note(t, file, words);
    fab_image_free(im);
}

static void check_broken(tally *t, const char *file, const char *path)
{
    fab_err e = FAB_ERR_INIT;
    fab_image *im = fab_image_open(path, NULL, &e);
    bool said = im || (e.text[0] && !strstr(e.text, "decoder died"));
    t->broken++;
    t->broken_said += said;
    if (!said) note(t, file, e.text[0] ? e.text : "no message");
    else if (getenv("FABRICA_TEST_VERBOSE"))
        fprintf(stderr, "broken %s: %s\n", file, im ? "decoded" : e.text);
    fab_image_free(im);
}

static void check_name(tally *t, const char *file, const char *path, const char *name)
{
    fab_err e = FAB_ERR_INIT;
    fab_image *im = fab_image_open(path, &(fab_image_opts){ .facts_only = true }, &e);
    t->names++;
    bool same = im && !strcmp(im->patient_name, name);
    t->names_ok += same;
    if (!same) note(t, file, im ? im->patient_name : e.text);
    fab_image_free(im);
}

static void check_record(tally *t, const char *folder, const json_t *rec)
{
    char path[1024];
    const char *file = fab_json_str(rec, "file", NULL),
               *name = fab_json_str(rec, "patient_name", NULL);
    const json_t *decoded = json_object_get(rec, "decoded");
    snprintf(path, sizeof path, "%s/%s", folder, file);
    if (json_is_object(decoded)) check_pixels(t, file, path, rec, decoded);
    else check_broken(t, file, path);
    if (name) check_name(t, file, path, name);
}

TEST(every_file_of_the_catalog)
{
    if (!test_shared()) SKIP("no shared data");
    char folder[512], path[600];
    snprintf(folder, sizeof folder, "%s/data/open/dicom", test_shared());
    snprintf(path, sizeof path, "%s/catalog.jsonl", folder);
    fab_err e = FAB_ERR_INIT;
    fab_jsonl lines;
    tally t = { 0 };
    CHECK_MSG(fab_jsonl_open(&lines, path, &e), "%s", e.text);
    for (json_t *rec; (rec = fab_jsonl_next(&lines, &e)); json_decref(rec))
        check_record(&t, folder, rec);
    CHECK_MSG(!e.text[0], "%s", e.text);
    fab_jsonl_close(&lines);
    printf(
        "   lossless %d of %d, lossy %d of %d, names %d of %d, without pixels or broken %d of %d, "
        "excused %d\n",
        t.lossless_ok, t.lossless, t.lossy_ok, t.lossy, t.names_ok, t.names, t.broken_said,
        t.broken, t.excused);
    CHECK_MSG(t.lossless_ok == t.lossless && t.lossy_ok == t.lossy && t.names_ok == t.names &&
                  t.broken_said == t.broken,
              "%s", t.first_bad);
}

/* --- small images written here: display chain and character sets --- */

typedef struct {
    uint8_t bytes[4096];
    size_t n;
} file;

/* One element, explicit VR little endian, padded to an even length. */
static void put(file *f, uint32_t tag, const char *vr, const void *value, size_t n)
{
    uint8_t *p = f->bytes + f->n,
            head[12] = { (uint8_t)(tag >> 16), (uint8_t)(tag >> 24), (uint8_t)tag,
                         (uint8_t)(tag >> 8),  (uint8_t)vr[0],       (uint8_t)vr[1] };
    bool wide = vr[0] == 'O' || !strcmp(vr, "UN");
    size_t even = n + n % 2, head_size = wide ? 12 : 8;
    if (wide) fab_put_le32(head + 8, (uint32_t)even);
    else head[6] = (uint8_t)even, head[7] = (uint8_t)(even >> 8);
    memcpy(p, head, head_size);
    p[head_size + even - 1] = vr[0] == 'O' || vr[0] == 'U' ? 0 : ' ';
    memcpy(p + head_size, value, n);
    f->n += head_size + even;
}

static void put_text(file *f, uint32_t tag, const char *vr, const char *text)
{
    put(f, tag, vr, text, strlen(text));
}

static void put_u16(file *f, uint32_t tag, int v)
{
    put(f, tag, "US", (uint8_t[]){ (uint8_t)v, (uint8_t)(v >> 8) }, 2);
}

static void begin(file *f)
{
    memset(f, 0, sizeof *f);
    memcpy(f->bytes + 128, "DICM", 4);
    f->n = 132;
    put_text(f, 0x00020010, "UI", "1.2.840.10008.1.2.1");
}

/* A row of n pixels; words: what else stands in group 0028 before the pixels is put by the caller
 * in tag order. */
static void shape(file *f, const char *photometric, int samples, int width, int bits, int stored,
                  int sign)
{
    put_u16(f, 0x00280002, samples);
    put_text(f, 0x00280004, "CS", photometric);
    if (samples > 1) put_u16(f, 0x00280006, 0);
    put_u16(f, 0x00280010, 1);
    put_u16(f, 0x00280011, width);
    put_u16(f, 0x00280100, bits);
    put_u16(f, 0x00280101, stored);
    put_u16(f, 0x00280102, stored - 1);
    put_u16(f, 0x00280103, sign);
}

static void windows(file *f)
{
    put_text(f, 0x00281050, "DS", "40\\-600");
    put_text(f, 0x00281051, "DS", "400\\1500");
    put_text(f, 0x00281052, "DS", "-1024");
    put_text(f, 0x00281053, "DS", "1");
    put_text(f, 0x00281055, "LO", "SOFT TISSUE\\Lung");
}

static fab_image *image_of(const file *f, const fab_image_opts *o)
{
    fab_err e = FAB_ERR_INIT;
    fab_image *im = fab_image_parse(f->bytes, f->n, o, &e);
    CHECK_MSG(im, "%s", e.text);
    return im;
}

static void check_row(const file *f, const fab_image_opts *o, const uint8_t *want, int n,
                      const char *name)
{
    fab_image *im = image_of(f, o);
    for (int i = 0; i < n; i++)
        for (int c = 0; c < 3; c++)
            CHECK_MSG(im->rgb[3 * i + c] == want[3 * i + c],
                      "%s: pixel %d channel %d is %d, not %d", name, i, c, im->rgb[3 * i + c],
                      want[3 * i + c]);
    fab_image_free(im);
}

#define GREY(v) v, v, v

/* HU -1024, -160.5 (as close as whole numbers go), 40, 239, 1000 stored as HU + 1024. */
static const int16_t hu_row[5] = { 0, 863, 1064, 1263, 2024 };

TEST(windows_follow_part_3)
{
    for (int mono1 = 0; mono1 < 2; mono1++) {
        file f;
        begin(&f);
        shape(&f, mono1 ? "MONOCHROME1" : "MONOCHROME2", 1, 5, 16, 16, 1);
        windows(&f);
        put(&f, 0x7fe00010, "OW", hu_row, sizeof hu_row);
        /* C.11.2.1.2.1: ((x - (c - 0.5)) / (w - 1) + 0.5) * 255 with c 40, w 400: -161 -> -0.64, 40
         * -> 127.8, 239 -> 255 */
        uint8_t soft[15] = { GREY(0), GREY(0), GREY(128), GREY(255), GREY(255) };
        /* c -600, w 1500: -1024 -> 55.33, -161 -> 202.2, 40 -> 236.4, 239 -> 270 */
        uint8_t lung[15] = { GREY(55), GREY(202), GREY(236), GREY(255), GREY(255) };
        /* 1st to 99th percentile of five pixels is their range: -1024..1000 */
        uint8_t all[15] = { GREY(0), GREY(109), GREY(134), GREY(159), GREY(255) };
        for (int i = 0; mono1 && i < 15; i++)
            soft[i] = 255 - soft[i], lung[i] = 255 - lung[i], all[i] = 255 - all[i];
        check_row(&f, NULL, soft, 5, "first window");
        check_row(&f, &(fab_image_opts){ .voi = FAB_VOI_NAMED, .window_name = "LUNG" }, lung, 5,
                  "named window");
        check_row(&f, &(fab_image_opts){ .voi = FAB_VOI_GIVEN, .center = -600, .width = 1500 },
                  lung, 5, "given window");
        check_row(&f, &(fab_image_opts){ .voi = FAB_VOI_COMPUTED }, all, 5, "computed window");
        fab_err e = FAB_ERR_INIT;
        CHECK(!fab_image_parse(f.bytes, f.n,
                               &(fab_image_opts){ .voi = FAB_VOI_NAMED, .window_name = "bone" },
                               &e));
        CHECK_SAYS(e.text, "no window named \"bone\" among the 2");
    }
}

TEST(samples_are_masked_and_signed)
{
    file f;
    begin(&f);
    shape(&f, "MONOCHROME2", 1, 3, 16, 12, 1);
    put_text(&f, 0x00281050, "DS", "0.5");
    put_text(&f, 0x00281051, "DS", "4096");
    const uint16_t px[3] = { 0xa800, 0x5000,
                             0xf7ff }; /* -2048, 0, 2047 under bits that belong to an overlay */
    put(&f, 0x7fe00010, "OW", px, sizeof px);
    check_row(&f, NULL, (uint8_t[]){ GREY(0), GREY(128), GREY(255) }, 3, "12 bits signed");
    fab_image *im = image_of(&f, NULL);
    CHECK(im->is_signed && im->bits_stored == 12 && im->min == (int16_t)0xa800);
    fab_image_free(im);
}

TEST(palettes_and_colours)
{
    file f;
    begin(&f);
    shape(&f, "PALETTE COLOR", 1, 4, 8, 8, 0);
    const uint16_t descriptor[3] = { 3, 10, 16 }, ramp[3] = { 0, 0x7f00, 0xff00 },
                   flat[3] = { 0x1100, 0x1100, 0x1100 };
    for (uint32_t c = 0; c < 3; c++) put(&f, 0x00281101 + c, "US", descriptor, 6);
    for (uint32_t c = 0; c < 3; c++) put(&f, 0x00281201 + c, "OW", c == 1 ? flat : ramp, 6);
    put(&f, 0x7fe00010, "OB", "\0\12\13\377", 4); /* 0, 10, 11, 255: outside takes the ends */
    check_row(&f, NULL, (uint8_t[]){ 0, 17, 0, 0, 17, 0, 127, 17, 127, 255, 17, 255 }, 4,
              "palette");

    begin(&f);
    shape(&f, "YBR_FULL", 3, 2, 8, 8, 0);
    put(&f, 0x7fe00010, "OB", (uint8_t[]){ 76, 85, 255, 128, 128, 128 }, 6);
    check_row(&f, NULL, (uint8_t[]){ 254, 0, 0, GREY(128) }, 2, "YBR_FULL"); /* red, grey */

    begin(&f);
    shape(&f, "RGB", 3, 2, 16, 12, 0);
    put(&f, 0x7fe00010, "OW", (uint16_t[]){ 4095, 0, 2048, 1, 4095, 4095 }, 12);
    check_row(&f, NULL, (uint8_t[]){ 255, 0, 128, 0, 255, 255 }, 2, "12-bit RGB");
}

static void check_utf8(const char *terms, const char *bytes, const char *want)
{
    file f;
    begin(&f);
    if (terms) put_text(&f, 0x00080005, "CS", terms);
    put_text(&f, 0x00100010, "PN", bytes);
    fab_image *im = image_of(&f, &(fab_image_opts){ .facts_only = true });
    CHECK_MSG(!strcmp(im->patient_name, want), "%s: '%s' is not '%s'", terms ? terms : "none",
              im->patient_name, want);
    fab_image_free(im);
}

TEST(the_patients_age_and_sex)
{
    static const struct {
        const char *age, *birth, *study, *sex;
        double years;
        char is;
    } rows[] = {
        { "061Y", "19300101", "20200101", "F", 61, 'F' }, /* the age as it says */
        { "", "19600101", "20200101", "M", 60, 'M' },     /* else by the dates */
        { "", "", "20200101", "O", 0, 0 },
        { "old", "1960", "20200101", "", 0, 0 },
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        file f;
        begin(&f);
        put_text(&f, 0x00080020, "DA", rows[i].study);
        put_text(&f, 0x00100030, "DA", rows[i].birth);
        put_text(&f, 0x00100040, "CS", rows[i].sex);
        put_text(&f, 0x00101010, "AS", rows[i].age);
        fab_image *im = image_of(&f, &(fab_image_opts){ .facts_only = true });
        CHECK_NEAR(im->patient.age, rows[i].years, 0.01);
        CHECK(im->patient.sex == rows[i].is);
        fab_image_free(im);
    }
}

TEST(names_in_every_character_set)
{
    check_utf8(NULL, "Doe^Jane", "Doe^Jane");
    check_utf8("GB18030", "Wang^XiaoDong=\xcd\xf5^\xd0\xa1\xb6\xab=", "Wang^XiaoDong=王^小东");
    check_utf8("GB18030", "\xd5\x5c^\x95\x32\x82\x36", "誠^𠀀"); /* 0x5c inside a character */
    check_utf8("GBK", "\xd6\xec", "朱");
    check_utf8("ISO_IR 192", "王^小東", "王^小東");
    check_utf8("\\ISO 2022 IR 58",
               "Zhang^XiaoDong=\x1b$)A\xd5\xc5^\x1b$)A\xd0\xa1\xb6\xab=", "Zhang^XiaoDong=张^小东");
    check_utf8("\\ISO 2022 IR 87", "Yamada^Tarou=\x1b$B;3ED\x1b(B^\x1b$BB@O:\x1b(B",
               "Yamada^Tarou=山田^太郎");
    check_utf8("ISO 2022 IR 13\\ISO 2022 IR 87",
               "\xd4\xcf\xc0\xde^\xc0\xdb\xb3=\x1b$B;3ED\x1b(J^\x1b$BB@O:\x1b(J",
               "ﾔﾏﾀﾞ^ﾀﾛｳ=山田^太郎");
    check_utf8("\\ISO 2022 IR 159", "\x1b$(D\x30\x21\x1b(B", "丂");
    check_utf8("\\ISO 2022 IR 149", "Hong^Gildong=\x1b$)C\xfb\xf3^\x1b$)C\xd1\xce\xd4\xd7",
               "Hong^Gildong=洪^吉洞");
    check_utf8("ISO_IR 13", "\xd4\xcf", "ﾔﾏ");
    check_utf8("ISO_IR 100", "Buc^J\xe9r\xf4me", "Buc^Jérôme");
    check_utf8("ISO_IR 101", "Wa\xb3\xeasa", "Wałęsa");
    check_utf8("ISO_IR 109", "\xa6", "Ĥ");
    check_utf8("ISO_IR 110", "\xbe", "ž");
    check_utf8("ISO_IR 144", "\xbb\xee\xda", "Люк");
    check_utf8("ISO_IR 127", "\xe2\xc8", "قب");
    check_utf8("ISO_IR 126", "\xc4\xe9", "Δι");
    check_utf8("ISO_IR 138", "\xf9\xf8", "שר");
    check_utf8("ISO_IR 148", "\xde\xfd", "Şı");
    check_utf8("ISO_IR 203", "\xa4", "€");
    check_utf8("ISO_IR 166", "\xca\xc1", "สม");
    check_utf8("ISO 2022 IR 100\\ISO 2022 IR 144", "\xe9=\x1b-L\xbb\xee", "é=Лю");
    check_utf8("ISO_IR 100", "a\x01\x07z", "az"); /* nothing that moves a terminal */
    check_utf8(NULL, "\xff\xfe", "\xef\xbf\xbd\xef\xbf\xbd");
}

TEST(hostile_headers_end_in_an_error)
{
    file f;
    begin(&f);
    shape(&f, "MONOCHROME2", 1, 4, 16, 16, 0);
    put(&f, 0x7fe00010, "OW", "\0\1\2\3\4\5\6\7", 8);
    for (size_t at = 0; at < f.n * 8; at++) { /* every bit of the file flipped once */
        file g = f;
        fab_err e = FAB_ERR_INIT;
        g.bytes[at / 8] ^= (uint8_t)(1 << at % 8);
        fab_image *im = fab_image_parse(g.bytes, g.n, &(fab_image_opts){ .trusted = true }, &e);
        CHECK_MSG(im || e.text[0], "bit %zu: no message", at);
        fab_image_free(im);
    }
    for (size_t n = 0; n < f.n; n++) {
        fab_err e = FAB_ERR_INIT;
        fab_image *im = fab_image_parse(f.bytes, n, &(fab_image_opts){ .trusted = true }, &e);
        CHECK_MSG(im ? im->missing_bytes > 0 : e.text[0], "cut at %zu of %zu", n, f.n);
        fab_image_free(im);
    }
}

TEST_MAIN
