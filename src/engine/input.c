/* input: see input.h. */
#include "engine/input.h"

#include <string.h>
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

static bool verdict_of(fab_engine *e, const fab_image *im, fab_gate_verdict *v, fab_err *err)
{
    const fab_look *look = fab_engine_admit(e, im, true, v, err);
    fab_look_unref(look);
    return look != NULL;
}

bool fab_input_rewindow(fab_input *in, fab_engine *e, const fab_image_opts *opts, fab_err *err)
{
    static const double windows[][2] = { { 0, 0 }, { 40, 400 }, { 300, 1500 }, { -500, 1500 } };
    fab_image_opts o = FAB_IMAGE_OPTS_DEFAULTS;
    fab_gate_verdict v, best;
    if (opts) o = *opts;
    if (o.voi != FAB_VOI_AUTO || strcmp(in->image->format, "dicom") || in->image->samples != 1)
        return true;
    if (!verdict_of(e, in->image, &best, err)) return false;
    int n = !strcmp(in->image->modality, "CT") ? 4 : 1;
    bool refused = best.reason == FAB_GATE_UNLIKE;
    for (int i = 0; refused && i < n; i++) {
        o.voi = i ? FAB_VOI_GIVEN : FAB_VOI_COMPUTED;
        o.center = windows[i][0], o.width = windows[i][1];
        fab_image *im = fab_image_parse(in->file.data, in->file.size, &o, err);
        if (!im || !verdict_of(e, im, &v, err)) {
            fab_image_free(im);
            return false;
        }
        bool better = v.reason == FAB_GATE_KNOWN && v.distance < best.distance;
        fab_image_free(better ? in->image : im);
        if (!better) continue;
        in->image = im;
        best = v;
    }
    return true;
}

void fab_input_close(fab_input *in)
{
    fab_image_free(in->image);
    fab_file_unmap(&in->file);
    *in = (fab_input){ 0 };
}
