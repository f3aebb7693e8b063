/* One image decoded in this process (the cage would hide the findings), all the way to what a page
 * shows. */
#ifndef FAB_FUZZ_MEDIA_H
#define FAB_FUZZ_MEDIA_H

#include <string.h>
#include "fuzz.h"
#include "media/describe.h"
#include "media/image.h"

static inline int fuzz_media(const char *kind, const uint8_t *data, size_t size)
{
    const char *found = fab_image_kind(data, size);
    if (!found || strcmp(found, kind) != 0)
        return -1; /* another target's input: keep it out of the corpus */
    fab_err err = FAB_ERR_INIT;
    fab_image *im = fab_image_parse(data, size, &(fab_image_opts){ .trusted = true }, &err);
    if (!im && (err.code == FAB_OK || !err.text[0]))
        __builtin_trap(); /* failed without a message */
    if (im && !im->rgb) __builtin_trap();
    if (im) json_decref(fab_image_describe(im, true, NULL));
    fab_image_free(im);
    return 0;
}

#endif
