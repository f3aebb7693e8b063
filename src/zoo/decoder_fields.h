/* decoder_fields: the sizes that config.json and GGUF's metadata both hold, for reading and writing
 * either. Not for other folders. */
#ifndef FAB_ZOO_DECODER_FIELDS_H
#define FAB_ZOO_DECODER_FIELDS_H

#include <stddef.h>
#include "zoo/decoder.h"

typedef struct {
    const char *hf, *gguf; /* config.json's key; GGUF's, after the architecture and a dot */
    size_t at;             /* in fab_decoder_config: int64_t, or double when real */
    bool real, need;
} fab_decoder_field;
extern const fab_decoder_field fab_decoder_fields[]; /* ends with {0} */

#endif
