/* input: see input.h. */
#include "engine/input.h"

#include "base/hash.h"

#define LARGEST ((uint64_t)2 << 30)

bool fab_input_open(fab_input *in, const char *path, const fab_image_opts *opts, fab_err *err)
{
    const fab_image_opts defaults = FAB_IMAGE_OPTS_DEFAULTS;
    *in = (fab_input){ 0 };
    if (!fab_file_map(&in->file, path, LARGEST, err)) return false;
    in->image = fab_image_parse(in->file.data, in->file.size, opts ? opts : &defaults, err);
    if (!in->image) {
        fab_input_close(in);
        return fab_while(err, "%s", path);
    }
    fab_sha256_hex(in->file.data, in->file.size, in->sha256);
    return true;
}

void fab_input_close(fab_input *in)
{
    fab_image_free(in->image);
    fab_file_unmap(&in->file);
    *in = (fab_input){ 0 };
}
