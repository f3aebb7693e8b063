/* fabrica embed: images or texts as vectors, of our own model or of a published encoder (BERT,
 * CLIP, BiomedCLIP, SigLIP, CONCH). */
#include <math.h>
#include <string.h>
#include "base/file.h"
#include "cli/picture.h"
#include "cli/published.h"

typedef struct {
    fab_list inputs, texts;
    const char *model, *pool;
    bool exact;
} opts;

/* ---- printing -------------------------------------------------------------------------------- */
typedef struct {
    const char *of;   /* "text" or "image" */
    const char *what; /* the text, the image's path */
} item;

static json_t *vector(const float *v, int64_t E)
{
    json_t *list = json_array();
    for (int64_t i = 0; i < E; i++)
        json_array_append_new(list, json_real(round((double)v[i] * 1e8) / 1e8));
    return list;
}

static void print_line(fab_run *r, const float *v, int64_t E)
{
    for (int64_t i = 0; i < E; i++) fprintf(r->out, "%.7g%c", (double)v[i], i + 1 < E ? ' ' : '\n');
}

/* One input: its vector; several: a list. */
static json_t *result_of(const item *items, int n, const float *rows, int64_t E)
{
    if (n == 1)
        return json_pack("{s:s,s:s,s:I,s:o}", "schema", "fabrica.embedding/1", "of", items->of,
                         "dim", (json_int_t)E, "vector", vector(rows, E));
    json_t *list = json_array();
    for (int i = 0; i < n; i++)
        json_array_append_new(list, json_pack("{s:s,s:s,s:o}", "of", items[i].of, items[i].of,
                                              items[i].what, "vector", vector(rows + i * E, E)));
    return json_pack("{s:s,s:I,s:o}", "schema", "fabrica.embeddings/1", "dim", (json_int_t)E,
                     "embeddings", list);
}

/* ---- our own model --------------------------------------------------------------------------- */
static bool print_own(fab_run *r, const char *of, const fab_engine *e, const float *v, fab_err *err)
{
    int E = fab_engine_model(e)->model->cfg.embed;
    const item one = { of, "" };
    if (r->json) return fab_run_result(r, result_of(&one, 1, v, E), e, NULL, err);
    print_line(r, v, E);
    return true;
}

static bool own_image(fab_run *r, const void *o, fab_engine *e, const fab_input *in, fab_err *err)
{
    (void)o;
    const fab_look *look = fab_engine_look(e, in->image, err);
    bool ok = look && print_own(r, "image", e, look->embedding, err);
    fab_look_unref(look);
    return ok;
}

static bool own_text(fab_run *r, const opts *o, fab_err *err)
{
    fab_engine *e = fab_engine_open(o->model, r->pool, err);
    float *v =
        e ? fab_arena_take(r->arena, (size_t)fab_engine_model(e)->model->cfg.embed * sizeof *v, err)
          : NULL;
    bool ok =
        v && fab_engine_embed_text(e, o->texts.items, 1, v, err) && print_own(r, "text", e, v, err);
    fab_engine_close(e);
    return ok;
}

static bool run_own(fab_run *r, const opts *o, fab_err *err)
{
    if (o->inputs.n + o->texts.n > 1)
        return fab_fail(err, FAB_EUSAGE, "give either one image or one --text");
    if (strcmp(o->pool, "folder"))
        return fab_fail(err, FAB_EUSAGE, "--pooling is for published text encoders");
    if (o->texts.n) return own_text(r, o, err);
    const char *image = o->inputs.n ? o->inputs.items[0] : "-";
    return fab_run_picture(r, image, NULL, o->model, own_image, o, err);
}

/* ---- published encoders ---------------------------------------------------------------------- */
/* The lines of standard input, blank ones left out; -1 on failure. */
static int read_lines(fab_run *r, const char ***out, fab_err *err)
{
    size_t size, lines = 1;
    char *text = fab_run_file(r, "-", 0, &size, err);
    for (size_t i = 0; text && i < size; i++) lines += text[i] == '\n';
    *out = text ? fab_arena_take(r->arena, lines * sizeof **out, err) : NULL;
    if (!*out) return -1;
    int n = 0;
    for (char *line = text, *next; line; line = next) {
        next = memchr(line, '\n', size - (size_t)(line - text));
        char *end = next ? next++ : text + size;
        while (end > line && (end[-1] == '\r' || end[-1] == ' ')) end--;
        *end = 0;
        if (*line) (*out)[n++] = line;
    }
    return n ? n : (fab_fail(err, FAB_EUSAGE, "standard input holds no text"), -1);
}

static bool print_all(fab_run *r, const fab_embedder *e, const item *items, int n,
                      const float *rows, fab_err *err)
{
    int64_t E = fab_embedder_about(e)->embed;
    if (r->json) return fab_published_result(r, result_of(items, n, rows, E), e, NULL, err);
    for (int i = 0; i < n; i++) print_line(r, rows + i * E, E);
    return true;
}

static bool embed_pictures(fab_embedder *e, fab_input *in, const item *items, int n, float *rows,
                           fab_arena *a, fab_err *err)
{
    fab_picture *p = fab_arena_take(a, (size_t)(n + 1) * sizeof *p, err);
    for (int i = 0; p && i < n; i++) {
        if (!fab_input_open(&in[i], items[i].what, NULL, err)) return false;
        p[i] = (fab_picture){ in[i].image->rgb, in[i].image->width, in[i].image->height };
    }
    return p && fab_embedder_pictures(e, p, n, rows, err);
}

static bool run_images(fab_run *r, fab_embedder *e, const char *const *paths, int n, fab_err *err)
{
    int64_t E = fab_embedder_about(e)->embed;
    item *items = fab_arena_take(r->arena, (size_t)n * sizeof *items, err);
    fab_input *in = fab_arena_zero(r->arena, (size_t)n * sizeof *in, err);
    float *rows = fab_arena_take(r->arena, (size_t)(n * E) * sizeof *rows, err);
    if (!items || !in || !rows) return false;
    for (int i = 0; i < n; i++) items[i] = (item){ "image", paths[i] };
    bool ok = embed_pictures(e, in, items, n, rows, r->arena, err);
    for (int i = 0; i < n; i++) fab_input_close(&in[i]);
    return ok && print_all(r, e, items, n, rows, err);
}

static bool run_texts(fab_run *r, fab_embedder *e, const char *const *texts, int n, fab_err *err)
{
    int64_t E = fab_embedder_about(e)->embed;
    item *items = fab_arena_take(r->arena, (size_t)n * sizeof *items, err);
    float *rows = fab_arena_take(r->arena, (size_t)(n * E) * sizeof *rows, err);
    if (!items || !rows) return false;
    for (int i = 0; i < n; i++) items[i] = (item){ "text", texts[i] };
    return fab_embedder_texts(e, texts, n, rows, err) && print_all(r, e, items, n, rows, err);
}

static bool run_published(fab_run *r, const opts *o, fab_embedder *e, fab_err *err)
{
    static const char *const dash = "-";
    bool pictures = fab_embedder_about(e)->images;
    if (o->texts.n && o->inputs.n) return fab_fail(err, FAB_EUSAGE, "give either images or --text");
    fab_list in = o->texts.n ? o->texts : o->inputs;
    if (pictures && !o->texts.n)
        return run_images(r, e, in.n ? in.items : &dash, in.n ? in.n : 1, err);
    if (in.n == 0 || (in.n == 1 && !strcmp(in.items[0], dash))) {
        const char **lines;
        int n = read_lines(r, &lines, err);
        return n > 0 && run_texts(r, e, lines, n, err);
    }
    return run_texts(r, e, in.items, in.n, err);
}

static bool run(fab_run *r, const void *vo, fab_err *err)
{
    const opts *o = vo;
    const char *published = fab_published_model(o->model);
    if (!published) return run_own(r, o, err);
    fab_embedder *e = fab_published_open(r, published, o->exact, o->pool, err);
    bool ok = e && run_published(r, o, e, err);
    fab_embedder_close(e);
    return ok;
}

/* clang-format off */
const fab_verb fab_verb_embed = {
    .name = "embed", .summary = "print the embedding of images or texts",
    .about = "Image and text embeddings of one model live in one space: their dot product is the cosine. --model may be the "
             "folder of a published encoder: with BERT (MiniLM, bge) the words after the options are texts and - reads one "
             "a line; with CLIP, PLIP, BiomedCLIP, SigLIP and CONCH they are images, and texts are given by --text.",
    .example = "fabrica embed --text \"chest X-ray with pneumonia\" --json", .opts_size = sizeof(opts), .run = run,
    .opts = (const fab_opt[]){
        { "INPUT", FAB_LIST, offsetof(opts, inputs), "", "DICOM, PNG or JPEG files, or texts for a text encoder; - is stdin" },
        { "text", FAB_LIST, offsetof(opts, texts), NULL, "a text instead of an image; again and again for a published model" },
        { "pooling", FAB_CHOICE, offsetof(opts, pool), "folder", "how a published text encoder makes one vector of a text",
          .choices = "folder|mean|cls|pooler" },
        FAB_OPT_EXACT(opts),
        FAB_OPT_MODEL(opts),
        { 0 } },
};
/* clang-format on */
