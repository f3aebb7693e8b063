/* codec_dicom: DICOM files (PS3.10) through DCMTK (dcmtk_shim.h), for JPEG 2000 libopenjp2, for
 * JPEG-LS CharLS.
 *
 *   preamble 128 | "DICM" | meta header, group 0002 | data set
 *   data set = (group, element) VR length value ...  (7fe0,0010) VR length pixels
 *
 * Facts of enhanced multi-frame objects are looked up in the frame's functional group, then the
 * shared one, then the data set (PS3.3 C.7.6.16). Raw samples are exactly what the file holds: no
 * colour conversion, except that a JPEG 2000 stream's own colour transform is part of its coding,
 * and that chroma stored once for two pixels (YBR_FULL_422) is given to both. 32-bit samples of
 * big-endian files follow PS3.5 A.3 literally: 16-bit words are swapped, halves stay. Overlays and
 * presentation states are not drawn.
 *
 * A file that lacks less than its last row of pixels is read, with zeros there and
 * im->missing_bytes set; one that lacks more is an error.
 */
#include <math.h>
#include <string.h>

#include "base/bytes.h"
#include "media/charset.h"
#include "media/codec.h"
#include "media/dcmtk_shim.h"
#include "media/jpeg2000.h"
#include "media/jpegls.h"

enum {
    ROWS = 0x00280010,
    COLUMNS = 0x00280011,
    SAMPLES = 0x00280002,
    PHOTOMETRIC = 0x00280004,
    PLANAR = 0x00280006,
    FRAMES = 0x00280008,
    BITS_ALLOCATED = 0x00280100,
    BITS_STORED = 0x00280101,
    HIGH_BIT = 0x00280102,
    PIXEL_REPRESENTATION = 0x00280103,
    PIXELS = 0x7fe00010,
    FLOAT_PIXELS = 0x7fe00008,
    DOUBLE_PIXELS = 0x7fe00009,
    SHARED_GROUPS = 0x52009229,
    FRAME_GROUPS = 0x52009230,
};

typedef struct {
    fab_dcm *dcm;
    const fab_dcm_item *root, *frame,
        *shared; /* frame, shared: functional groups, NULL in plain objects */
    size_t size; /* of the file */
    const fab_image_opts *opts;
    fab_arena *arena;
    fab_image *im;
    fab_lut *lut;
    fab_err *err;
    char charset[160]; /* Specific Character Set */
} reader;

/* --- bid --- */

static bool is_vr(const uint8_t *p)
{
    static const char known[] =
        "AEASATCSDADSDTFDFLISLOLTOBODOFOLOVOWPNSHSLSQSSSTSVTMUCUIULUNURUSUTUV";
    for (size_t i = 0; i + 1 < sizeof known; i += 2)
        if (p[0] == known[i] && p[1] == known[i + 1]) return true;
    return false;
}

/* Files without preamble: a first element of group 2 or 8, little or big endian, with a VR or a
 * short length. */
static int bid_bare(const uint8_t *b, size_t size)
{
    if (size < 16) return 0;
    bool little = (b[0] == 2 || b[0] == 8) && b[1] == 0,
         big = b[0] == 0 && (b[1] == 2 || b[1] == 8);
    if (!little && !big) return 0;
    if (is_vr(b + 4)) return 24;
    uint32_t length =
        fab_le32(b + 4); /* 0 would also fit the header length of a safetensors file */
    return little && b[3] == 0 && length >= 1 && length <= 256 ? 20 : 0;
}

static int bid(const uint8_t *bytes, size_t size)
{
    if (size >= 132 && !memcmp(bytes + 128, "DICM", 4))
        return 96; /* with the zeros that it mostly has before it */
    return bid_bare(bytes, size);
}

/* --- elements --- */

static bool bad_value(const reader *r, const char *name, uint32_t tag, const char *what)
{
    return fab_fail(r->err, FAB_EFORMAT, "%s (%04x,%04x): %s", name, tag >> 16, tag & 0xffff, what);
}

static bool ends_inside(const reader *r, uint32_t tag)
{
    return fab_fail(r->err, FAB_EFORMAT,
                    "DICOM: the file ends at byte %zu, inside or right after (%04x,%04x)", r->size,
                    tag >> 16, tag & 0xffff);
}

/* An integer element that must lie in [lo, hi]. absent: value when missing, or INT32_MIN when it
 * may not be. */
static bool whole(const reader *r, const char *name, uint32_t tag, int lo, int hi, int absent,
                  int *out)
{
    double v;
    *out = absent;
    if (!fab_dcm_number(r->root, tag, 0, &v))
        return absent != INT32_MIN ? true : bad_value(r, name, tag, "absent");
    if (!(v >= lo && v <= hi))
        return fab_fail(r->err, FAB_EFORMAT, "%s (%04x,%04x): %.10g, must be %d to %d", name,
                        tag >> 16, tag & 0xffff, v, lo, hi);
    *out = (int)v;
    return true;
}

/* Value i of a text element as UTF-8. False and out = "" when absent or empty. */
static bool text_of(const reader *r, const fab_dcm_item *in, uint32_t tag, int i, char *out,
                    size_t size)
{
    const char *bytes;
    size_t n;
    bool is_name;
    out[0] = 0;
    return fab_dcm_words(r->dcm, in, tag, &bytes, &n, &is_name) &&
           fab_charset_utf8(r->charset, bytes, n, is_name, i, out, size);
}

static void text(const reader *r, uint32_t tag, char *out, size_t size)
{
    text_of(r, r->root, tag, 0, out, size);
}

/* The whole value of Specific Character Set, which is ASCII. */
static void read_charset(reader *r)
{
    const char *bytes;
    size_t n;
    bool is_name;
    if (!fab_dcm_words(r->dcm, r->root, 0x00080005, &bytes, &n, &is_name) || n >= sizeof r->charset)
        return;
    memcpy(r->charset, bytes, n);
    r->charset[n] = 0;
}

/* The item that holds an element of a functional group: frame's, shared, the data set itself. */
static const fab_dcm_item *group(const reader *r, uint32_t macro, uint32_t tag)
{
    char first[32];
    const fab_dcm_item *places[2] = { r->frame, r->shared };
    for (int i = 0; i < 2; i++) {
        const fab_dcm_item *m = fab_dcm_sequence(places[i], macro, 0);
        if (m && text_of(r, m, tag, 0, first, sizeof first)) return m;
    }
    return r->root;
}

static bool numbers(const fab_dcm_item *in, uint32_t tag, double *out, int n)
{
    for (int i = 0; i < n; i++)
        if (!fab_dcm_number(in, tag, i, &out[i]) || !isfinite(out[i])) {
            memset(out, 0, (size_t)n * sizeof *out);
            return false;
        }
    return true;
}

/* --- facts --- */

#define TEXT(tag, field) text(r, tag, r->im->field, sizeof r->im->field)

/* Patient's Age, else the years from birth to the study; Patient's Sex (PS3.3 C.7.1.1, C.7.2.2) */
static void read_patient(reader *r)
{
    fab_patient *who = &r->im->patient;
    char age[8], sex[8], birth[12], study[12];
    text(r, 0x00101010, age, sizeof age);
    text(r, 0x00100030, birth, sizeof birth);
    text(r, 0x00080020, study, sizeof study);
    text(r, 0x00100040, sex, sizeof sex);
    who->age = fab_patient_age(age);
    if (who->age <= 0) who->age = fab_patient_years(birth, study);
    who->sex = fab_patient_sex(sex);
}

static void read_words(reader *r)
{
    fab_image *im = r->im;
    TEXT(0x00080016, sop_class);
    TEXT(0x00080060, modality);
    TEXT(0x00180015, body_part);
    TEXT(0x00200060, laterality);
    if (!im->laterality[0]) TEXT(0x00200062, laterality); /* Image Laterality */
    TEXT(0x00185101, view);
    TEXT(0x00081030, study_description);
    TEXT(0x0008103e, series_description);
    TEXT(0x00100010, patient_name);
    read_patient(r);
    char row[16], col[16];
    const fab_dcm_item *at =
        group(r, 0x00209111, 0x00200020); /* Frame Content; plain objects: the data set */
    if (text_of(r, at, 0x00200020, 0, row, sizeof row) &&
        text_of(r, at, 0x00200020, 1, col, sizeof col)) {
        size_t n = strlen(row), m = strlen(col);
        memcpy(im->patient_orientation, row, n);
        im->patient_orientation[n] = '\\';
        memcpy(im->patient_orientation + n + 1, col, m + 1);
    }
    char lossy[8];
    im->lossy = text_of(r, r->root, 0x00282110, 0, lossy, sizeof lossy) && !strcmp(lossy, "01");
}

static void read_geometry(reader *r)
{
    fab_image *im = r->im;
    const fab_dcm_item *measures = group(r, 0x00289110, 0x00280030);
    if (!numbers(measures, 0x00280030, im->spacing_mm, 2))
        numbers(r->root, 0x00181164, im->spacing_mm, 2);
    if (!(im->spacing_mm[0] > 0 && im->spacing_mm[1] > 0))
        im->spacing_mm[0] = im->spacing_mm[1] = 0;
    numbers(group(r, 0x00289110, 0x00180050), 0x00180050, &im->thickness_mm, 1);
    im->has_orientation = numbers(group(r, 0x00209116, 0x00200037), 0x00200037, im->orientation, 6);
    im->has_position = numbers(group(r, 0x00209113, 0x00200032), 0x00200032, im->position, 3);
}

static void read_windows(reader *r)
{
    fab_image *im = r->im;
    const fab_dcm_item *at = group(r, 0x00289132, 0x00281050);
    for (int i = 0; i < FAB_IMAGE_MAX_WINDOWS; i++) {
        fab_window w = { 0 };
        if (!fab_dcm_number(at, 0x00281050, i, &w.center) ||
            !fab_dcm_number(at, 0x00281051, i, &w.width))
            break;
        if (!isfinite(w.center) || !isfinite(w.width) || !(w.width > 0)) continue;
        text_of(r, at, 0x00281055, i, w.name, sizeof w.name);
        im->windows[im->n_windows++] = w;
    }
    char function[24];
    if (!text_of(r, at, 0x00281056, 0, function, sizeof function)) return;
    if (!strcmp(function, "SIGMOID")) r->lut->function = FAB_VOI_SIGMOID;
    if (!strcmp(function, "LINEAR_EXACT")) r->lut->function = FAB_VOI_LINEAR_EXACT;
}

static void read_rescale(reader *r)
{
    fab_image *im = r->im;
    const fab_dcm_item *at = group(r, 0x00289145, 0x00281053);
    double slope, intercept;
    if (!numbers(at, 0x00281053, &slope, 1) || !numbers(at, 0x00281052, &intercept, 1) ||
        slope == 0)
        return;
    im->slope = slope;
    im->intercept = intercept;
}

/* Rows, columns, frames and how a sample is stored. All may be absent when only facts are asked
 * for. */
static bool read_shape(reader *r)
{
    fab_image *im = r->im;
    int must = r->opts->facts_only ? 0 : INT32_MIN, sign;
    bool shown = !r->opts->facts_only;
    if (!whole(r, "Rows", ROWS, shown, 65535, must, &im->height) ||
        !whole(r, "Columns", COLUMNS, shown, 65535, must, &im->width) ||
        !whole(r, "Number of Frames", FRAMES, 1, INT32_MAX, 1, &im->frames) ||
        !whole(r, "Samples per Pixel", SAMPLES, 1, 4, 1, &im->samples) ||
        !whole(r, "Bits Allocated", BITS_ALLOCATED, 1, 64, must, &im->bits_allocated) ||
        !whole(r, "Bits Stored", BITS_STORED, 1, 64, im->bits_allocated, &im->bits_stored) ||
        !whole(r, "High Bit", HIGH_BIT, 0, 63, im->bits_stored - 1, &im->high_bit) ||
        !whole(r, "Pixel Representation", PIXEL_REPRESENTATION, 0, 1, 0, &sign) ||
        !whole(r, "Planar Configuration", PLANAR, 0, 1, 0, &im->planar))
        return false;
    im->is_signed = sign;
    if (im->samples == 1) im->planar = 0;
    TEXT(PHOTOMETRIC, photometric);
    if (!shown) return true;
    int b = im->bits_allocated;
    if (b != 1 && b != 8 && b != 16 && b != 32 && b != 64)
        return fab_fail(r->err, FAB_EUNSUPPORTED,
                        "Bits Allocated (0028,0100): %d, known are 1, 8, 16 and 32", b);
    if (im->bits_stored > im->bits_allocated)
        return fab_fail(r->err, FAB_EFORMAT,
                        "Bits Stored (0028,0101): %d, Bits Allocated (0028,0100): %d",
                        im->bits_stored, im->bits_allocated);
    if (im->high_bit >= im->bits_allocated || im->high_bit + 1 < im->bits_stored)
        return fab_fail(r->err, FAB_EFORMAT,
                        "High Bit (0028,0102): %d, Bits Stored (0028,0101): %d of %d", im->high_bit,
                        im->bits_stored, im->bits_allocated);
    return true;
}

static bool read_facts(reader *r)
{
    r->shared = fab_dcm_sequence(r->root, SHARED_GROUPS, 0);
    r->frame = fab_dcm_sequence(r->root, FRAME_GROUPS, r->opts->frame);
    read_charset(r);
    const char *uid = fab_dcm_syntax(r->dcm);
    size_t n = strlen(uid);
    if (n < sizeof r->im->transfer_syntax) memcpy(r->im->transfer_syntax, uid, n + 1);
    read_words(r);
    read_geometry(r);
    read_windows(r);
    read_rescale(r);
    return read_shape(r);
}

/* --- look-up tables --- */

/* descriptor: number of entries (0 means 65536), first input, bits; data: 16-bit words, or bytes
 * when bits is 8 and the value is as short as that. */
static bool read_table(reader *r, const fab_dcm_item *in, uint32_t descriptor, uint32_t data,
                       fab_table *t)
{
    double n, first, bits;
    const uint8_t *bytes;
    size_t size;
    if (!fab_dcm_number(in, descriptor, 0, &n) || !fab_dcm_number(in, descriptor, 1, &first) ||
        !fab_dcm_number(in, descriptor, 2, &bits) || !fab_dcm_bytes(in, data, &bytes, &size))
        return true; /* no table */
    int count = n == 0 ? 65536 : (int)n;
    bool narrow = size < (size_t)(count > 0 ? count : 0) * 2;
    if (count < 1 || count > 65536 || size < (size_t)count || !(bits >= 1 && bits <= 16))
        return fab_fail(r->err, FAB_EFORMAT,
                        "look-up table (%04x,%04x): %d entries of %g bits, %zu bytes there",
                        data >> 16, data & 0xffff, count, bits, size);
    uint16_t *values = fab_arena_take(r->arena, (size_t)count * 2, r->err);
    if (!values) return false;
    for (int i = 0; i < count; i++) values[i] = narrow ? bytes[i] : fab_le16(bytes + 2 * i);
    /* a table that says 16 bits and was written with 8 in each word */
    *t =
        (fab_table){ values, count,
                     (int)(first >= 32768 && r->im->is_signed ? first - 65536 : first), (int)bits };
    return true;
}

static bool read_palette(reader *r)
{
    fab_table *p = r->lut->palette;
    for (uint32_t c = 0; c < 3; c++) {
        if (!read_table(r, r->root, 0x00281101 + c, 0x00281201 + c, &p[c])) return false;
        if (!p[c].n)
            return bad_value(r, "Palette Color Lookup Table Data", 0x00281201 + c, "absent");
    }
    int top = 0;
    for (int c = 0; c < 3; c++)
        for (int i = 0; i < p[c].n; i++)
            if (p[c].values[i] > top) top = p[c].values[i];
    for (int c = 0; c < 3; c++)
        p[c].bits = top > 255 ? 16 : 8; /* some writers leave the low byte alone */
    return true;
}

static bool read_luts(reader *r)
{
    fab_image *im = r->im;
    fab_lut *l = r->lut;
    char shape[24];
    l->inverse =
        text_of(r, r->root, 0x20500020, 0, shape, sizeof shape) && !strcmp(shape, "INVERSE");
    if (l->inverse && !strcmp(im->photometric, "MONOCHROME1"))
        l->inverse = false; /* both say the same thing */
    if (im->samples == 1 && !strcmp(im->photometric, "PALETTE COLOR")) return read_palette(r);
    const fab_dcm_item *modality = fab_dcm_sequence(r->root, 0x00283000, 0);
    const fab_dcm_item *voi = fab_dcm_sequence(r->root, 0x00283010, 0);
    if (!read_table(r, modality, 0x00283002, 0x00283006, &l->modality) ||
        !read_table(r, voi, 0x00283002, 0x00283006, &l->voi))
        return false;
    l->full_range = im->bits_stored <= 8 && !im->is_signed && !im->n_windows && !l->voi.n &&
                    !l->modality.n && im->slope == 1 && im->intercept == 0;
    return true;
}

/* --- pixels --- */

static bool starts(const char *s, const char *with) { return !strncmp(s, with, strlen(with)); }

static bool is_j2k(const char *uid)
{
    return !strcmp(uid, "1.2.840.10008.1.2.4.90") || !strcmp(uid, "1.2.840.10008.1.2.4.91") ||
           starts(uid, "1.2.840.10008.1.2.4.20"); /* .201 to .203: HTJ2K */
}

static bool is_native(const char *uid)
{
    return !starts(uid, "1.2.840.10008.1.2.4.") && !starts(uid, "1.2.840.10008.1.2.5");
}

/* What a baseline JPEG stream says about its own colours: 1 YCbCr, 0 RGB, -1 nothing. */
static int jpeg_is_ybr(const uint8_t *b, size_t size)
{
    for (size_t at = 2; at + 4 <= size && b[at] == 0xff;) {
        uint8_t marker = b[at + 1];
        size_t n = (size_t)b[at + 2] << 8 | b[at + 3];
        if (marker == 0xda || n < 2 || n > size - at - 2) break;
        if (marker == 0xe0 && n >= 7 && !memcmp(b + at + 4, "JFIF", 5)) return 1;
        if (marker == 0xee && n >= 14 && !memcmp(b + at + 4, "Adobe", 5)) return b[at + 15] != 0;
        at += 2 + n;
    }
    return -1;
}

/* A file that ended inside its pixels: less than a row may lack. */
static bool missing_pixels(reader *r, size_t need)
{
    size_t missing, row = need / (size_t)r->im->height / (size_t)r->im->frames;
    if (!fab_dcm_missing(r->dcm, &missing)) return true;
    if (!missing) return ends_inside(r, PIXELS);
    r->im->missing_bytes = missing;
    if (missing < row) return true;
    return fab_fail(r->err, FAB_EFORMAT, "Pixel Data (7fe0,0010): %zu bytes needed, %zu there",
                    need, need > missing ? need - missing : 0);
}

static bool copy_native(reader *r, size_t need)
{
    fab_image *im = r->im;
    const uint8_t *bytes = NULL;
    size_t size = 0;
    if (!missing_pixels(r, need)) return false;
    if (!fab_dcm_bytes(r->root, PIXELS, &bytes, &size))
        return bad_value(r, "Pixel Data", PIXELS, "absent or empty");
    if (size < need)
        return fab_fail(r->err, FAB_EFORMAT, "Pixel Data (7fe0,0010): %zu bytes needed, %zu there",
                        need, size);
    im->raw = fab_new(need, r->err);
    if (!im->raw) return false;
    im->raw_size = need;
    memcpy(im->raw, bytes, need);
    return true;
}

/* Y1 Y2 Cb Cr -> Y1 Cb Cr Y2 Cb Cr; four bytes in for six out. */
static bool copy_half_chroma(reader *r, const uint8_t *in)
{
    fab_image *im = r->im;
    if (im->width % 2)
        return fab_fail(r->err, FAB_EFORMAT, "Columns (0028,0011): %d, must be even for %s",
                        im->width, im->photometric);
    if (!fab_image_alloc(im, "Rows (0028,0010) x Columns (0028,0011)", r->err)) return false;
    for (size_t i = 0; i + 6 <= im->raw_size; i += 6, in += 4) {
        uint8_t two[6] = { in[0], in[2], in[3], in[1], in[2], in[3] };
        memcpy(im->raw + i, two, 6);
    }
    im->planar = 0;
    return true;
}

static bool read_native(reader *r)
{
    fab_image *im = r->im;
    bool half =
        im->samples == 3 && im->bits_allocated == 8 && strstr(im->photometric, "_422") != NULL;
    const uint8_t *bytes = NULL;
    size_t size = 0, need = fab_image_raw_bytes(im);
    r->lut->ybr = im->samples == 3 && starts(im->photometric, "YBR_");
    /* some writers say 422 and store every sample: the length tells */
    if (half && fab_dcm_bytes(r->root, PIXELS, &bytes, &size) && size < need &&
        size >= need / 3 * 2)
        return copy_half_chroma(r, bytes);
    return copy_native(r, need);
}

static bool read_float(reader *r, uint32_t tag, int bits)
{
    fab_image *im = r->im;
    const uint8_t *bytes;
    size_t size;
    im->bits_allocated = im->bits_stored = bits;
    im->high_bit = bits - 1;
    im->is_float = im->is_signed = true;
    if (!fab_dcm_bytes(r->root, tag, &bytes, &size))
        return bad_value(r, "Float Pixel Data", tag, "absent or empty");
    if (!fab_image_alloc(im, "Rows (0028,0010) x Columns (0028,0011)", r->err)) return false;
    if (size < im->raw_size)
        return fab_fail(r->err, FAB_EFORMAT,
                        "Float Pixel Data (%04x,%04x): %zu bytes needed, %zu there", tag >> 16,
                        tag & 0xffff, im->raw_size, size);
    memcpy(im->raw, bytes, im->raw_size);
    return true;
}

/* JPEG and RLE: DCMTK decodes all frames and corrects the facts that the coding changes. */
static bool read_dcmtk(reader *r)
{
    fab_image *im = r->im;
    char said[17];
    memcpy(said, im->photometric, sizeof said);
    const uint8_t *first = NULL;
    size_t n = 0;
    if (fab_dcm_fragments(r->dcm) < 2)
        return bad_value(r, "Pixel Data", PIXELS, "encapsulated, without a fragment");
    int ybr = fab_dcm_fragment(r->dcm, 1, &first, &n) && first ? jpeg_is_ybr(first, n) : -1;
    if (!fab_dcm_decompress(r->dcm, r->err) || !read_shape(r)) return false;
    if (!fab_image_check(im, "Rows (0028,0010) x Columns (0028,0011)", r->err) ||
        !copy_native(r, fab_image_raw_bytes(im)))
        return false;
    memcpy(im->photometric, said, sizeof said);
    bool jpeg = starts(im->transfer_syntax, "1.2.840.10008.1.2.4.");
    bool lossless = starts(im->transfer_syntax, "1.2.840.10008.1.2.4.57") ||
                    starts(im->transfer_syntax, "1.2.840.10008.1.2.4.70");
    r->lut->ybr =
        im->samples == 3 && (jpeg && !lossless && ybr >= 0 ? ybr == 1 : starts(said, "YBR_"));
    return true;
}

/* Bytes of frame f: all fragments when there is one frame, else one fragment a frame, else by the
 * offset table. */
static bool frame_bytes(reader *r, int f, const uint8_t **out, size_t *size)
{
    int n = fab_dcm_fragments(r->dcm) - 1, frames = r->im->frames;
    if (n < frames)
        return fab_fail(r->err, FAB_EFORMAT, "Pixel Data (7fe0,0010): %d fragments for %d frames",
                        n, frames);
    if (n == frames) return fab_dcm_fragment(r->dcm, f + 1, out, size);
    const uint8_t *table = NULL;
    size_t table_size = 0, total = 0, at = 0, from = 0, to = SIZE_MAX;
    fab_dcm_fragment(r->dcm, 0, &table, &table_size);
    if (frames > 1 && table_size < 4 * (size_t)frames)
        return fab_fail(r->err, FAB_EFORMAT,
                        "Pixel Data (7fe0,0010): %d fragments, %d frames and no offset table", n,
                        frames);
    if (frames > 1) from = fab_le32(table + 4 * f);
    if (f + 1 < frames) to = fab_le32(table + 4 * (f + 1));
    const uint8_t *piece;
    size_t length;
    for (int pass = 0; pass < 2; pass++) { /* measure, then join */
        uint8_t *joined = pass ? fab_arena_take(r->arena, total, r->err) : NULL;
        if (pass && !joined) return false;
        size_t start = 0;
        at = 0;
        for (int i = 1; i <= n; i++, start += 8 + length) {
            if (!fab_dcm_fragment(r->dcm, i, &piece, &length))
                return bad_value(r, "Pixel Data", PIXELS, "unreadable fragment");
            if (start < from || start >= to || !length) continue;
            if (pass) memcpy(joined + at, piece, length);
            at += length;
        }
        total = at;
        *out = joined;
    }
    *size = total;
    return true;
}

/* JPEG 2000 and JPEG-LS: one stream a frame. */
static bool read_streams(reader *r, bool j2k)
{
    fab_image *im = r->im;
    bool transformed = false, ok = true;
    if (im->bits_allocated == 1)
        im->bits_allocated = 8; /* a stream has whole samples: one byte for a bit */
    im->planar = 0;
    if (!fab_image_alloc(im, "Rows (0028,0010) x Columns (0028,0011)", r->err)) return false;
    size_t step = im->raw_size / (size_t)im->frames;
    int C = im->samples, b = im->bits_allocated / 8;
    for (int f = 0; ok && f < im->frames; f++) {
        const uint8_t *in = NULL;
        size_t n = 0;
        uint8_t *out = im->raw + step * (size_t)f;
        fab_j2k_shape shape = { im->width, im->height, C, b };
        ok = frame_bytes(r, f, &in, &n) &&
             (j2k ? fab_j2k_decode(in, n, shape, out, &transformed, r->err)
                  : fab_jpegls_decode(in, n, im->width, im->height, C, b, out, r->arena, r->err));
        if (!ok) fab_while(r->err, "frame %d", f);
    }
    r->lut->ybr = C == 3 && starts(im->photometric, j2k ? "YBR_FULL" : "YBR_") && !transformed;
    return ok;
}

static bool read_pixels(reader *r)
{
    const uint8_t *bytes;
    size_t size;
    if (fab_dcm_bytes(r->root, FLOAT_PIXELS, &bytes, &size)) return read_float(r, FLOAT_PIXELS, 32);
    if (fab_dcm_bytes(r->root, DOUBLE_PIXELS, &bytes, &size))
        return read_float(r, DOUBLE_PIXELS, 64);
    if (!fab_image_check(r->im, "Rows (0028,0010) x Columns (0028,0011)", r->err)) return false;
    if (is_native(r->im->transfer_syntax)) return read_native(r);
    if (!missing_pixels(r, fab_image_raw_bytes(r->im))) return false;
    bool j2k = is_j2k(r->im->transfer_syntax),
         jls = starts(r->im->transfer_syntax, "1.2.840.10008.1.2.4.8");
    return j2k || jls ? read_streams(r, j2k) : read_dcmtk(r);
}

/* --- the row --- */

static bool parse(const uint8_t *bytes, size_t size, const fab_image_opts *opts, fab_arena *a,
                  fab_image *im, fab_lut *lut, fab_err *err)
{
    reader r = { .size = size, .opts = opts, .arena = a, .im = im, .lut = lut, .err = err };
    r.dcm = fab_dcm_open(bytes, size, err);
    if (!r.dcm) return false;
    r.root = fab_dcm_root(r.dcm);
    size_t missing;
    uint32_t cut = fab_dcm_missing(r.dcm, &missing);
    bool ok = opts->facts_only || !cut || cut == PIXELS ? read_facts(&r) : ends_inside(&r, cut);
    if (ok && !opts->facts_only) ok = read_pixels(&r) && read_luts(&r);
    fab_dcm_close(r.dcm);
    return ok;
}

static void load(void)
{
    fab_dcm_load();
    (void)fab_charset_load();
}

const fab_codec fab_codec_dicom = { .name = "dicom", .bid = bid, .load = load, .parse = parse };
