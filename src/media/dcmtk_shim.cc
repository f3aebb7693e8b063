/* dcmtk_shim: see dcmtk_shim.h. Exceptions (only memory running out throws in DCMTK) end here as
 * errors. */
#include "media/dcmtk_shim.h"

#include <algorithm>
#include <cstring>
#include <mutex>
#include <new>
#include <string>

#include <dcmtk/config/osconfig.h>
#include <dcmtk/dcmdata/dcistrmb.h>
#include <dcmtk/dcmdata/dcpixel.h>
#include <dcmtk/dcmdata/dcpixseq.h>
#include <dcmtk/dcmdata/dcpxitem.h>
#include <dcmtk/dcmdata/dcrledrg.h>
#include <dcmtk/dcmdata/dctk.h>
#include <dcmtk/dcmjpeg/djdecode.h>
#include <dcmtk/oflog/oflog.h>

struct fab_dcm {
    DcmFileFormat file;
    std::string words, syntax; /* the last answers of fab_dcm_words and fab_dcm_syntax */
    uint32_t cut;              /* see fab_dcm_missing */
    size_t missing;
};

namespace
{

const size_t MOST_ZEROS = 1 << 16;
const Uint32 MOST_TEXT =
    1 << 20; /* a longer value is a broken length, and would take a minute to convert */

void load_all()
{
    OFLog::configure(OFLogger::OFF_LOG_LEVEL);
    dcmEnableUnknownVRConversion.set(
        OFTrue); /* elements that lost their VR on the way get it back */
    dcmDataDict.rdlock();
    dcmDataDict.rdunlock();
    DcmRLEDecoderRegistration::registerCodecs();
    DJDecoderRegistration::registerCodecs(EDC_never, EUC_never, EPC_default, OFFalse);
}

DcmItem *item_of(const fab_dcm_item *in)
{
    return reinterpret_cast<DcmItem *>(const_cast<fab_dcm_item *>(in));
}

DcmTagKey key_of(uint32_t tag)
{
    return DcmTagKey(static_cast<Uint16>(tag >> 16), static_cast<Uint16>(tag & 0xffff));
}

DcmElement *find(const fab_dcm_item *in, uint32_t tag)
{
    DcmElement *e = NULL;
    return in && item_of(in)->findAndGetElement(key_of(tag), e).good() ? e : NULL;
}

DcmPixelSequence *pixel_sequence(const fab_dcm *d)
{
    DcmElement *e = find(fab_dcm_root(d), 0x7fe00010);
    DcmPixelData *p = dynamic_cast<DcmPixelData *>(e);
    if (!p) return NULL;
    E_TransferSyntax syntax = EXS_Unknown;
    const DcmRepresentationParameter *how = NULL;
    p->getOriginalRepresentationKey(syntax, how);
    DcmPixelSequence *s = NULL;
    return p->getEncapsulatedRepresentation(syntax, how, s).good() ? s : NULL;
}

bool out_of_memory(fab_err *err)
{
    return fab_fail(err, FAB_ENOMEM, "DICOM: memory ran out while decoding");
}

OFCondition read_bytes(fab_dcm *d, const void *bytes, size_t size)
{
    DcmInputBufferStream in;
    in.setBuffer(bytes, static_cast<offile_off_t>(size));
    in.setEos();
    d->file.clear();
    d->file.transferInit();
    OFCondition c = d->file.read(in, EXS_Unknown, EGL_noChange, DCM_MaxReadLength);
    d->file.transferEnd();
    return c;
}

/* Bytes that the file lacks of an uncompressed pixel element of length n; 0 when its header is not
 * found. */
size_t lacking(const unsigned char *b, size_t size, uint32_t n)
{
    const unsigned char len[4] = { static_cast<unsigned char>(n),
                                   static_cast<unsigned char>(n >> 8),
                                   static_cast<unsigned char>(n >> 16),
                                   static_cast<unsigned char>(n >> 24) };
    for (size_t at = size; at-- > 0;) {
        if (at + 8 > size || b[at] != 0xe0 || b[at + 1] != 0x7f || b[at + 2] != 0x10 ||
            b[at + 3] != 0)
            continue;
        bool named = at + 12 <= size && b[at + 4] == 'O';
        size_t value = at + (named ? 12 : 8);
        if (!memcmp(b + value - 4, len, 4) && n > size - value) return n - (size - value);
    }
    return 0;
}

/* The file ended inside its last element. A few bytes lacking of the pixels are read as zero, and
 * counted. */
void repair(fab_dcm *d, const void *bytes, size_t size)
{
    DcmItem *data = d->file.getDataset(), *meta = d->file.getMetaInfo();
    DcmItem *in = data->card() || !meta ? data : meta;
    DcmElement *e = in->card() ? in->getElement(in->card() - 1) : NULL;
    d->cut = e ? static_cast<uint32_t>(e->getGTag()) << 16 | e->getETag() : 0x00020000;
    uint32_t n = e ? e->getLengthField() : 0;
    if (d->cut != 0x7fe00010 || n == DCM_UndefinedLength) return;
    d->missing = lacking(static_cast<const unsigned char *>(bytes), size, n);
    if (!d->missing || d->missing > MOST_ZEROS) return;
    std::string whole(static_cast<const char *>(bytes), size);
    whole.append(d->missing, '\0');
    (void)read_bytes(d, whole.data(), whole.size());
}

uint32_t le32(const unsigned char *b)
{
    return static_cast<uint32_t>(b[0]) | static_cast<uint32_t>(b[1]) << 8 |
           static_cast<uint32_t>(b[2]) << 16 | static_cast<uint32_t>(b[3]) << 24;
}

/* Encapsulated pixel data whose items start at b[at], as an element of its own. */
DcmElement *pixels_from(const unsigned char *b, size_t size, size_t at, E_TransferSyntax syntax)
{
    DcmPixelSequence *s = new DcmPixelSequence(DcmTag(DCM_PixelSequenceTag));
    while (at + 8 <= size && le32(b + at) == 0xe000fffe && le32(b + at + 4) <= size - at - 8) {
        uint32_t n = le32(b + at + 4);
        DcmPixelItem *item = new DcmPixelItem(DcmTag(DCM_PixelItemTag));
        if (n) item->putUint8Array(b + at + 8, n);
        s->insert(item);
        at += 8 + n;
    }
    DcmPixelData *p = new DcmPixelData(DcmTag(DCM_PixelData));
    p->putOriginalRepresentation(syntax, NULL, s);
    return p;
}

/* Some writers announce a compressed syntax, which is explicit, and then write implicit VRs:
 * element by element up to the pixels, the fragments by hand. */
bool read_implicit(fab_dcm *d, const unsigned char *b, size_t size)
{
    E_TransferSyntax syntax = DcmXfer(d->syntax.c_str()).getXfer();
    const unsigned char pixels[12] = { 0xe0, 0x7f, 0x10, 0,    0xff, 0xff,
                                       0xff, 0xff, 0xfe, 0xff, 0,    0xe0 };
    if (!DcmXfer(syntax).isEncapsulated() || size < 152 || memcmp(b + 128, "DICM", 4) ||
        le32(b + 132) != 2)
        return false;
    uint32_t n = le32(b + 140);
    if (n > size - 144) return false;
    const unsigned char *end = b + size, *from = b + 144 + n,
                        *p = std::search(from, end, pixels, pixels + 12);
    if (p == end) return false;
    DcmInputBufferStream in;
    in.setBuffer(from, p - from);
    in.setEos();
    DcmDataset *data = d->file.getDataset();
    data->clear();
    data->transferInit();
    OFCondition c = data->read(in, EXS_LittleEndianImplicit, EGL_noChange, DCM_MaxReadLength);
    data->transferEnd();
    return c.good() &&
           data->insert(pixels_from(b, size, static_cast<size_t>(p - b) + 8, syntax)).good();
}

bool read_file(fab_dcm *d, const void *bytes, size_t size, fab_err *err)
{
    OFCondition c = read_bytes(d, bytes, size);
    OFString uid;
    DcmMetaInfo *meta = d->file.getMetaInfo();
    if (meta && meta->findAndGetOFString(DCM_TransferSyntaxUID, uid).good())
        d->syntax = uid.c_str();
    if (c.bad() && read_implicit(d, static_cast<const unsigned char *>(bytes), size)) return true;
    if (c == EC_InvalidStream || c == EC_EndOfStream || c == EC_StreamNotifyClient)
        repair(d, bytes, size);
    else if (c.bad()) return fab_fail(err, FAB_EFORMAT, "DICOM: %s (%zu bytes)", c.text(), size);
    if (d->syntax.empty()) d->syntax = DcmXfer(d->file.getDataset()->getOriginalXfer()).getXferID();
    return true;
}

} // namespace

void fab_dcm_load(void)
{
    static std::once_flag once;
    try {
        std::call_once(once, load_all);
    } catch (...) {
    } /* memory: decoding will say so */
}

fab_dcm *fab_dcm_open(const void *bytes, size_t size, fab_err *err)
{
    fab_dcm *d = NULL;
    try {
        d = new fab_dcm();
        if (read_file(d, bytes, size, err)) return d;
    } catch (...) {
        out_of_memory(err);
    }
    delete d;
    return NULL;
}

void fab_dcm_close(fab_dcm *d) { delete d; }

const fab_dcm_item *fab_dcm_root(const fab_dcm *d)
{
    DcmItem *root = const_cast<fab_dcm *>(d)->file.getDataset();
    return reinterpret_cast<const fab_dcm_item *>(root);
}

const char *fab_dcm_syntax(const fab_dcm *d) { return d->syntax.c_str(); }

uint32_t fab_dcm_missing(const fab_dcm *d, size_t *bytes)
{
    *bytes = d->missing;
    return d->cut;
}

const fab_dcm_item *fab_dcm_sequence(const fab_dcm_item *in, uint32_t tag, int i)
{
    DcmItem *item = NULL;
    if (!in || i < 0 || item_of(in)->findAndGetSequenceItem(key_of(tag), item, i).bad())
        return NULL;
    return reinterpret_cast<const fab_dcm_item *>(item);
}

bool fab_dcm_words(fab_dcm *d, const fab_dcm_item *in, uint32_t tag, const char **out, size_t *size,
                   bool *is_name)
{
    try {
        DcmElement *e = find(in, tag);
        if (!e || !e->isLeaf() || e->getLength() > MOST_TEXT) return false;
        Uint8 *bytes = NULL;
        OFString value;
        DcmEVR vr = e->ident();
        if ((vr == EVR_UN || vr == EVR_OB || vr == EVR_UNKNOWN) && e->getUint8Array(bytes).good() &&
            bytes)
            d->words.assign(reinterpret_cast<char *>(bytes),
                            e->getLength()); /* a text that lost its VR on the way */
        else if (e->getOFStringArray(value, OFFalse).good())
            d->words.assign(value.c_str(), value.size());
        else return false;
        *out = d->words.data();
        *size = d->words.size();
        *is_name = vr == EVR_PN || tag == 0x00100010;
        return true;
    } catch (...) {
        return false;
    }
}

bool fab_dcm_number(const fab_dcm_item *in, uint32_t tag, int i, double *out)
{
    try {
        DcmElement *e = find(in, tag);
        OFString value;
        if (!e || !e->isLeaf() || e->getLength() > MOST_TEXT ||
            e->getOFString(value, static_cast<unsigned long>(i)).bad() || value.empty())
            return false;
        OFBool ok = OFFalse;
        double v = OFStandard::atof(value.c_str(), &ok);
        if (!ok) return false;
        *out = v;
        return true;
    } catch (...) {
        return false;
    }
}

bool fab_dcm_bytes(const fab_dcm_item *in, uint32_t tag, const uint8_t **out, size_t *size)
{
    try {
        DcmElement *e = find(in, tag);
        if (!e || !e->isLeaf()) return false;
        Uint16 *words = NULL;
        Uint8 *bytes = NULL;
        Float32 *floats = NULL;
        Float64 *doubles = NULL;
        if (e->getUint8Array(bytes).good() && bytes) *out = bytes;
        else if (e->getUint16Array(words).good() && words)
            *out = reinterpret_cast<uint8_t *>(words);
        else if (e->getFloat32Array(floats).good() && floats)
            *out = reinterpret_cast<uint8_t *>(floats);
        else if (e->getFloat64Array(doubles).good() && doubles)
            *out = reinterpret_cast<uint8_t *>(doubles);
        else return false;
        *size = e->getLength();
        return true;
    } catch (...) {
        return false;
    }
}

int fab_dcm_fragments(const fab_dcm *d)
{
    DcmPixelSequence *s = pixel_sequence(d);
    return s ? static_cast<int>(s->card()) : 0;
}

bool fab_dcm_fragment(const fab_dcm *d, int i, const uint8_t **out, size_t *size)
{
    try {
        DcmPixelSequence *s = pixel_sequence(d);
        DcmPixelItem *p = NULL;
        Uint8 *bytes = NULL;
        if (!s || i < 0 || s->getItem(p, static_cast<unsigned long>(i)).bad() || !p) return false;
        *size = p->getLength();
        *out = NULL;
        if (!*size) return true;
        if (p->getUint8Array(bytes).bad() || !bytes) return false;
        *out = bytes;
        return true;
    } catch (...) {
        return false;
    }
}

bool fab_dcm_decompress(fab_dcm *d, fab_err *err)
{
    try {
        OFCondition c = d->file.getDataset()->chooseRepresentation(EXS_LittleEndianExplicit, NULL);
        if (c.good()) return true;
        return fab_fail(err, FAB_EFORMAT, "Pixel Data (7fe0,0010): cannot be decoded as %s: %s",
                        DcmXfer(d->syntax.c_str()).getXferName(), c.text());
    } catch (...) {
        return out_of_memory(err);
    }
}
