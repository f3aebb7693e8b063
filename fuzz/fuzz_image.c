/* One image of any known format, decoded in this process (the cage would hide the findings). */
#include "fuzz.h"
#include "media/image.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    fab_image_opts opts = FAB_IMAGE_OPTS_DEFAULTS;
    opts.trusted = true;
    fab_err err = FAB_ERR_INIT;
    fab_image *im = fab_image_parse(data, size, &opts, &err);
    if (!im && err.code == FAB_OK) __builtin_trap(); /* failed without a message */
    fab_image_free(im);
    return 0;
}
