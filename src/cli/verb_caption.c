/* fabrica caption: one sentence about an image, in one language or both. */
#include <string.h>
#include "cli/picture.h"

typedef struct {
    const char *image, *lang, *model;
    bool force;
} opts;

static bool caption(fab_run *r, const void *vo, fab_engine *e, const fab_input *in, fab_err *err)
{
    const opts *o = vo;
    static const char *const codes[] = { "en", "zh" };
    static const fab_ask_kind kinds[] = { FAB_CAPTION_EN, FAB_CAPTION_ZH };
    fab_gate_verdict verdict;
    json_t *captions = json_object();
    const fab_look *look = fab_engine_admit(e, in->image, o->force, &verdict, err);
    bool ok = look || fab_while(err, "%s", o->image);
    for (int i = 0; ok && i < 2; i++) {
        fab_answer a;
        if (strcmp(o->lang, "both") != 0 && strcmp(o->lang, codes[i]) != 0) continue;
        ok = fab_engine_ask(e, look, NULL, &(fab_ask_opts){ .kind = kinds[i], .max_tokens = 96 },
                            r->arena, &a, err);
        if (ok && !r->json) fprintf(r->out, "%s\n", a.text);
        if (ok)
            json_object_set_new(captions, codes[i],
                                json_pack("{s:s,s:f,s:b}", "text", a.text, "sureness", a.sureness,
                                          "calibrated", a.calibrated));
    }
    fab_look_unref(look);
    if (!ok || !r->json) {
        json_decref(captions);
        return ok;
    }
    json_t *v = json_pack("{s:s,s:o}", "schema", "fabrica.caption/1", "captions", captions);
    return fab_run_result(r, v, e, in, err);
}

static bool run(fab_run *r, const void *vo, fab_err *err)
{
    const opts *o = vo;
    return fab_run_picture(r, o->image, NULL, o->model, caption, o, err);
}

/* clang-format off */
const fab_verb fab_verb_caption = {
    .name = "caption", .summary = "describe an image in a sentence",
    .example = "fabrica caption chest.png --lang zh", .opts_size = sizeof(opts), .run = run,
    .opts = (const fab_opt[]){
        FAB_OPT_IMAGE(opts),
        { "lang", FAB_CHOICE, offsetof(opts, lang), "both", "language of the caption", .choices = "zh|en|both" },
        FAB_OPT_FORCE(opts),
        FAB_OPT_MODEL(opts),
        { 0 } },
};
/* clang-format on */
