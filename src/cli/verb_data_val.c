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
    int64_t n[FAB_EXPORTS] = { 0 };
    bool ok = fab_bundle_open(&b, o->data, NULL, err);
    ok = ok && fab_bundle_export_val(&b, o->out, n, err);
    fab_bundle_clear(&b);
    if (!ok) return false;
    if (r->json) {
        json_t *v = json_pack("{s:s}", "out", o->out);
        for (int i = 0; v && i < FAB_EXPORTS; i++)
            json_object_set_new(v, fab_export_names[i], json_integer((json_int_t)n[i]));
        return fab_run_json(r, v, err);
    }
    fprintf(r->out, "%s:", o->out);
    for (int i = 0; i < FAB_EXPORTS; i++)
        fprintf(r->out, "%s %s.jsonl %lld", i ? "," : "", fab_export_names[i], (long long)n[i]);
    fprintf(r->out, " records\n");
    return true;
}

/* clang-format off */
const fab_verb fab_verb_data_val = {
    .name = "data val", .summary = "write the held-out records that eval reads",
    .about = "Training never sees these pictures: SLAKE's val file, and fixed parts of VQA-RAD, ISIC 2017 and Kermany "
             "chosen by a hash (docs/data.md); for SLAKE and ISIC also one caption a picture, in either language. Then: fabrica eval vqa --data DIR/slake.jsonl",
    .example = "fabrica data val --data ../shared/data/open -o val", .opts_size = sizeof(opts), .run = run,
    .opts = (const fab_opt[]){
        { "data", FAB_FILE_IN,  offsetof(opts, data), "../shared/data/open", "folder of the training sets" },
        { "out",  FAB_FILE_OUT, offsetof(opts, out),  "val", "folder to write", .letter = 'o' },
        { 0 } },
};
/* clang-format on */
