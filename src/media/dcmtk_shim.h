/* dcmtk_shim: the little of DCMTK that codec_dicom.c needs, behind C. The only C++ of the house.
 *
 * A tag is group << 16 | element. An item is a data set or one item of a sequence; items are
 * borrowed from the handle. No function throws, prints, or opens a file, except fab_dcm_load, which
 * reads the data dictionary once.
 */
#ifndef FAB_MEDIA_DCMTK_SHIM_H
#define FAB_MEDIA_DCMTK_SHIM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif
#include "base/err.h"

typedef struct fab_dcm fab_dcm;
typedef struct fab_dcm_item fab_dcm_item;

/* Dictionary and decoders. Any number of calls from any thread; before a sandbox is entered. */
void fab_dcm_load(void);

/* Parses a whole file, with or without preamble and meta header. The bytes may go after it. A file
 * that ends early gives what was read, see fab_dcm_missing. NULL with err set when it cannot be
 * parsed. */
fab_dcm *fab_dcm_open(const void *bytes, size_t size, fab_err *err);
void fab_dcm_close(fab_dcm *d);

const fab_dcm_item *fab_dcm_root(const fab_dcm *d);
const char *fab_dcm_syntax(
    const fab_dcm *d); /* transfer syntax UID, as the meta header says or as found */

/* Where the file ended early: the tag of the element at the top that was cut; 0: it did not.
 * *bytes: how many bytes of an uncompressed Pixel Data (7fe0,0010) were not there and read as zero;
 * 0 when another element was cut. */
uint32_t fab_dcm_missing(const fab_dcm *d, size_t *bytes);

/* Item i of the sequence, NULL when there is none. */
const fab_dcm_item *fab_dcm_sequence(const fab_dcm_item *in, uint32_t tag, int i);

/* A text element's bytes in the file's character set; borrowed until the next call with the same
 * handle. False when absent or no text. *is_name: Person Name, whatever the VR in the file. */
bool fab_dcm_words(fab_dcm *d, const fab_dcm_item *in, uint32_t tag, const char **out, size_t *size,
                   bool *is_name);

/* Value i of a numeric or numeric text element. False when absent, empty or not a number. */
bool fab_dcm_number(const fab_dcm_item *in, uint32_t tag, int i, double *out);

/* The value's bytes, little-endian, 16-bit words swapped where the file was big-endian. False when
 * absent. */
bool fab_dcm_bytes(const fab_dcm_item *in, uint32_t tag, const uint8_t **out, size_t *size);

/* Encapsulated pixel data: piece i of the sequence of fragments; piece 0 is the offset table. */
int fab_dcm_fragments(const fab_dcm *d);
bool fab_dcm_fragment(const fab_dcm *d, int i, const uint8_t **out, size_t *size);

/* Decodes JPEG and RLE pixel data in place with DCMTK's codecs, without colour conversion;
 * fab_dcm_bytes of (7fe0,0010) then gives samples. */
bool fab_dcm_decompress(fab_dcm *d, fab_err *err);

#ifdef __cplusplus
}
#endif
#endif
