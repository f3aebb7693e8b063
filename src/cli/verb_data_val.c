/* fabrica data val: writes the held-out records as JSONL, for `fabrica eval`. */
#include "cli/verb.h"
#include "data/export.h"

typedef struct {
    const char *data, *out;
} opts;

static bool run(fab_run *r, const void *vo, fab_err *err)
{
    const opts *o = vo;
    fab_bundle b;
    int64_t n[4] = { 0 };
    bool ok = fab_bundle_open(&b, o->data, NULL, err);
    ok = ok && fab_bundle_export_val(&b, o->out, n, err);
    fab_bundle_clear(&b);
    if (!ok) return false;
    if (r->json)
        return fab_run_json(r,
                            json_pack("{s:s, s:I, s:I, s:I, s:I}", "out", o->out, "slake",
                                      (json_int_t)n[0], "vqa_rad", (json_int_t)n[1], "isic",
                                      (json_int_t)n[2], "kermany", (json_int_t)n[3]),
                            err);
    fprintf(
        r->out,
        "%s: slake.jsonl %lld, vqa_rad.jsonl %lld, isic.jsonl %lld, kermany.jsonl %lld records\n",
        o->out, (long long)n[0], (long long)n[1], (long long)n[2], (long long)n[3]);
    return true;
}

/* clang-format off */
const fab_verb fab_verb_data_val = {
    .name = "data val", .summary = "write the held-out records that eval reads",
    .about = "Training never sees these pictures: SLAKE's val file, and fixed parts of VQA-RAD, ISIC 2017 and Kermany "
             "chosen by a hash (docs/data.md). Then: fabrica eval vqa --data DIR/slake.jsonl",
    .example = "fabrica data val --data ../shared/data/open -o val", .opts_size = sizeof(opts), .run = run,
    .opts = (const fab_opt[]){
        { "data", FAB_FILE_IN,  offsetof(opts, data), "../shared/data/open", "folder of the training sets" },
        { "out",  FAB_FILE_OUT, offsetof(opts, out),  "val", "folder to write", .letter = 'o' },
        { 0 } },
};
/* clang-format on */
