/* fabrica eval retrieval: does a text find its image among all, and an image its text. */
#include "cli/evaluating.h"
#include "cli/published.h"
#include "evaluate/retrieval.h"

typedef struct {
    const char *data, *embeddings, *rankings, *images, *caption, *model, *html;
    int64_t limit, resamples, seed;
    bool exact, untrained;
} opts;

enum { TWIN = 1 }; /* seed of the untrained twin */

#define number fab_number_get
#define item   fab_number_item

static void print_direction(FILE *out, const json_t *v, const char *key, const char *title)
{
    const json_t *o = json_object_get(v, key);
    const char *k;
    json_t *at;
    if (!o) return;
    fprintf(out, "%s: %.0f queries, %.0f candidates\n", title, number(o, "n"),
            number(o, "candidates"));
    fprintf(out, "     k  hit (95 %%)                  recall  precision  random   fold\n");
    json_object_foreach(json_object_get(o, "at"), k, at)
        fprintf(out, "  %4s  %.4f (%.4f to %.4f)   %.4f  %.4f     %.4f  %5.1f\n", k,
                number(at, "hit"), item(at, "interval", 0), item(at, "interval", 1),
                number(at, "recall"), number(at, "precision"), number(at, "random"),
                number(at, "fold"));
    fprintf(out, "  mAP %.4f (%.4f to %.4f)  mean reciprocal rank %.4f  median rank %.1f\n",
            number(o, "map"), item(o, "map_interval", 0), item(o, "map_interval", 1),
            number(o, "mrr"), number(o, "median_rank"));
}

static void print(FILE *out, const json_t *v)
{
    print_direction(out, v, "text_to_image", "text to image");
    print_direction(out, v, "image_to_text", "image to text");
    print_direction(out, v, "rankings", "rankings");
    if (number(v, "failed") > 0) fprintf(out, "%.0f records failed\n", number(v, "failed"));
}

static bool embed(fab_run *r, const opts *o, fab_pairs *p, fab_err *err)
{
    fab_progress bar;
    fab_eval_opts eo = { .limit = o->limit };
    const char *published = fab_published_model(o->model);
    fab_engine *e = published ? NULL : fab_engine_open(o->model, r->pool, err);
    fab_embedder *b = published ? fab_published_open(r, published, o->exact, "folder", err) : NULL;
    if (b && !fab_embedder_about(b)->images) {
        fab_embedder_close(b);
        return fab_fail(err, FAB_EUNSUPPORTED, "%s reads no images", published);
    }
    if (!e && !b) return false;
    bool ok = !o->untrained || (b ? fab_fail(err, FAB_EUSAGE, "--untrained is of our own model")
                                  : fab_engine_untrain(e, TWIN, err));
    fab_evaluating(r, "eval retrieval", o->limit, &bar, &eo);
    ok = ok && fab_pairs_embed(p, o->data, o->images, o->caption, e, b, &eo, err);
    fab_progress_clear(&bar);
    fab_engine_close(e);
    fab_embedder_close(b);
    if (ok && p->failed) r->exit_code = 3;
    return ok;
}

static bool run(fab_run *r, const void *vo, fab_err *err)
{
    const opts *o = vo;
    const fab_measure_opts how = { .resamples = o->resamples, .seed = (uint64_t)o->seed };
    fab_pairs p = { 0 };
    json_t *v = NULL;
    const char *about = o->data ? o->data : o->embeddings ? o->embeddings : o->rankings;
    if (!!o->data + !!o->embeddings + !!o->rankings != 1)
        return fab_fail(err, FAB_EUSAGE, "give one of --data, --embeddings and --rankings");
    if (o->untrained && !o->data) return fab_fail(err, FAB_EUSAGE, "--untrained belongs to --data");
    if (o->rankings) v = fab_rankings_report(o->rankings, &how, err);
    else if (o->data ? embed(r, o, &p, err) : fab_pairs_read(&p, o->embeddings, o->limit, err))
        v = fab_retrieval_report(&p, &how, err);
    fab_pairs_clear(&p);
    return fab_eval_result(r, v, "retrieval", o->html, about, print, err);
}

/* clang-format off */
const fab_verb fab_verb_eval_retrieval = {
    .name = "eval retrieval", .summary = "measure whether texts find their images and images their texts",
    .about = "Every image and every text becomes a vector, by our own model or a published encoder (--model DIR: CLIP, PLIP, "
             "BiomedCLIP, SigLIP, CONCH); each text ranks all images by cosine, each image all texts. hit@k is what PLIP's "
             "table calls precision@k. Equal texts are one, with several images. Equal scores count against the model.",
    .example = "fabrica eval retrieval --data captions.jsonl --json", .opts_size = sizeof(opts), .run = run,
    .opts = (const fab_opt[]){
        { "data", FAB_FILE_IN, offsetof(opts, data), NULL, "records as JSONL: image and the caption field" },
        { "embeddings", FAB_FILE_IN, offsetof(opts, embeddings), NULL, "no model: JSONL of {image: [numbers], text: [numbers]}" },
        { "rankings", FAB_FILE_IN, offsetof(opts, rankings), NULL, "no model: JSONL of {ranking: [ids], relevant: [ids], candidates}" },
        { "caption", FAB_STR, offsetof(opts, caption), "caption", "the field with the text", .meta = "FIELD" },
        { "images", FAB_FILE_IN, offsetof(opts, images), NULL, "folder of the images; else the JSONL's", .meta = "DIR" },
        { "untrained", FAB_FLAG, offsetof(opts, untrained), NULL, "of --data: the model's twin with random weights, a baseline" },
        { "limit", FAB_INT, offsetof(opts, limit), "0", "only the first so many records; 0: all", .min = 0, .max = 1e9 },
        FAB_OPT_BOOT(opts),
        FAB_OPT_EXACT(opts),
        { "model", FAB_FILE_IN, offsetof(opts, model), NULL, "the model file or folder; else $FABRICA_MODEL, else models/mini.gguf" },
        { 0 } },
};
/* clang-format on */
