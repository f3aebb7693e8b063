/* embedder: see embedder.h. */
#include "engine/embedder.h"

#include <stdlib.h>
#include <string.h>
#include "text/utf8.h"
#include "zoo/tokenizer_file.h"

enum {
    BATCH_TOKENS = 2048, /* of texts, padding included */
    BATCH_TEXTS = 64,
    BATCH_PIXELS = 1 << 20, /* of pictures: 16 of 224 x 224, 9 of 336 x 336 */
    BATCH_PICTURES = 16,
};

struct fab_embedder {
    fab_encoder *encoder;
    const fab_encoder_facts *facts;
    fab_tokenizer *tokenizer; /* NULL: none was found; needed for texts only */
    fab_err no_tokenizer;     /* why */
    fab_arena *work;
    fab_ctx ctx; /* over work, reset for every batch */
};

/* ---- opening --------------------------------------------------------------------------------- */
fab_embedder *fab_embedder_open(const char *path, const fab_embedder_opts *opts, fab_err *err)
{
    static const fab_embedder_opts none;
    if (!opts) opts = &none;
    fab_embedder *e = fab_new(sizeof *e, err);
    if (!e) return NULL;
    e->work = fab_arena_new((size_t)8 << 20, err);
    if (e->work) e->encoder = fab_encoder_open(path, opts->pool, !opts->exact, err);
    if (!e->encoder ||
        (opts->pool_by && !fab_encoder_pool_by(e->encoder, opts->pool_by - 1, err))) {
        fab_embedder_close(e);
        return NULL;
    }
    e->facts = fab_encoder_about(e->encoder);
    bool inside = !strcmp(e->facts->naming, "GGUF");
    e->tokenizer =
        fab_tokenizer_open(inside ? e->facts->weights : e->facts->folder, &e->no_tokenizer);
    fab_ctx_init(&e->ctx, e->work, opts->pool);
    e->ctx.bf16 = !opts->exact;
    return e;
}

void fab_embedder_close(fab_embedder *e)
{
    if (!e) return;
    fab_tokenizer_free(e->tokenizer);
    fab_encoder_close(e->encoder);
    fab_arena_free(e->work);
    fab_free(e);
}

const fab_encoder_facts *fab_embedder_about(const fab_embedder *e) { return e->facts; }

/* ---- one batch ------------------------------------------------------------------------------- */
typedef fab_tensor *(*batch_fn)(fab_ctx *c, const fab_encoder *e, fab_tensor *x, fab_tensor *len);

static fab_tensor *run_images(fab_ctx *c, const fab_encoder *e, fab_tensor *x, fab_tensor *len)
{
    (void)len;
    return fab_encoder_images(c, e, x);
}

/* The rows of a batch. A row that is not finite is computed again with every op checked, to name
 * the first layer. */
static const float *rows_of(fab_embedder *e, batch_fn run, fab_tensor *x, fab_tensor *len,
                            fab_err *err)
{
    fab_ctx *c = &e->ctx;
    fab_tensor *y = run(c, e->encoder, x, len);
    if (y && !fab_all_finite(y)) {
        c->check = true;
        y = run(c, e->encoder, x, len);
        c->check = false;
        if (y) fab_fail(&c->err, FAB_EFORMAT, "the rows are not finite");
        c->err.code = FAB_EFORMAT;
        y = NULL;
    }
    if (y) return fab_f32(y);
    fab_fail(err, c->err.code, "%s", c->err.text);
    fab_while(err, "%s", e->facts->weights);
    return NULL;
}

/* ---- texts ----------------------------------------------------------------------------------- */
/* SigLIP's texts were lower-cased, without ASCII punctuation, with single blanks. */
static const char *canonical(const char *text, fab_arena *a, fab_err *err)
{
    size_t n = strlen(text), m = 0;
    char *out = fab_arena_take(a, n + 1, err);
    if (!out) return NULL;
    for (size_t i = 0; i < n; i++) {
        unsigned char ch = (unsigned char)text[i];
        bool blank = ch == ' ' || (ch >= 9 && ch <= 13);
        if (blank && (m == 0 || out[m - 1] == ' ')) continue;
        bool mark = (ch >= 33 && ch <= 47) || (ch >= 58 && ch <= 64) || (ch >= 91 && ch <= 96) ||
                    (ch >= 123 && ch <= 126);
        if (mark) continue;
        out[m++] = blank ? ' ' : (char)(ch >= 'A' && ch <= 'Z' ? ch + 32 : ch);
    }
    while (m && out[m - 1] == ' ') m--;
    out[m] = 0;
    return out;
}

/* The marks around a text: what a tokenizer's own template did not put there. */
static int32_t *framed(const fab_embedder *e, int32_t *ids, int64_t *n, fab_arena *a, fab_err *err)
{
    const fab_tokenizer_marks *m = fab_tokenizer_marks_get(e->tokenizer);
    bool bert = e->facts->family == FAB_ENCODER_BERT || e->facts->family == FAB_ENCODER_BIOMEDCLIP;
    int32_t first = bert                                     ? m->cls
                    : e->facts->family == FAB_ENCODER_SIGLIP ? -1
                                                             : m->bos,
            last = bert ? m->sep : m->eos;
    bool before = first >= 0 && (*n == 0 || ids[0] != first),
         after = last >= 0 && (*n == 0 || ids[*n - 1] != last);
    if (!before && !after) return ids;
    int32_t *out = fab_arena_take(a, (size_t)(*n + 2) * sizeof *out, err);
    if (!out) return NULL;
    if (before) out[0] = first;
    memcpy(out + before, ids, (size_t)*n * sizeof *ids);
    *n += before;
    if (after) out[(*n)++] = last;
    return out;
}

static bool ids_known(const fab_embedder *e, const int32_t *ids, int64_t n, fab_err *err)
{
    for (int64_t i = 0; i < n; i++)
        if (ids[i] < 0 || ids[i] >= e->facts->vocab)
            return fab_fail(err, FAB_EFORMAT,
                            "the tokenizer beside %s gives id %ld, the model knows %lld tokens",
                            e->facts->weights, (long)ids[i], (long long)e->facts->vocab);
    return true;
}

int32_t *fab_embedder_ids(const fab_embedder *e, const char *text, fab_arena *a, int64_t *n,
                          fab_err *err)
{
    const fab_encode_opts how = { .frame = true };
    if (!e->tokenizer) {
        fab_fail(err, e->no_tokenizer.code, "no tokenizer with %s: %s", e->facts->weights,
                 e->no_tokenizer.text);
        return NULL;
    }
    if (!text || !*text) {
        fab_fail(err, FAB_EUSAGE, "a text to embed is empty");
        return NULL;
    }
    if (!fab_utf8_require(text, strlen(text), err)) return NULL;
    if (e->facts->family == FAB_ENCODER_SIGLIP) text = canonical(text, a, err);
    int32_t *ids =
        text ? fab_tokenizer_encode_all(e->tokenizer, text, strlen(text), &how, a, n, err) : NULL;
    ids = ids ? framed(e, ids, n, a, err) : NULL;
    if (!ids || !ids_known(e, ids, *n, err)) return NULL;
    if (*n > e->facts->context) { /* the end mark stays */
        ids[e->facts->context - 1] = ids[*n - 1];
        *n = e->facts->context;
    }
    return ids;
}

typedef struct {
    int32_t *ids;
    int64_t n, at; /* at: index of the text among the caller's */
} line;

/* Shortest first; texts of one length in the caller's order. */
static int by_length(const void *va, const void *vb)
{
    const line *a = va, *b = vb;
    if (a->n != b->n) return a->n < b->n ? -1 : 1;
    return a->at < b->at ? -1 : a->at > b->at;
}

static bool embed_lines(fab_embedder *e, const line *lines, int64_t n, float *out, fab_err *err)
{
    const fab_encoder_facts *f = e->facts;
    fab_ctx *c = &e->ctx;
    int64_t T = f->pad_to_full ? f->context : lines[n - 1].n;
    fab_ctx_reset(c);
    fab_tensor *ids = fab_tensor_new(c, FAB_I32, FAB_SHAPE(n, T)),
               *len = fab_tensor_new(c, FAB_I32, FAB_SHAPE(n));
    if (!ids || !len) return fab_fail(err, c->err.code, "%s", c->err.text);
    for (int64_t i = 0; i < n; i++) {
        const line *l = &lines[i];
        int32_t *row = fab_i32(ids) + i * T, pad = f->pad < 0 ? l->ids[l->n - 1] : f->pad;
        memcpy(row, l->ids, (size_t)l->n * sizeof *row);
        for (int64_t t = l->n; t < T; t++) row[t] = pad;
        fab_i32(len)[i] = (int32_t)l->n;
    }
    const float *rows = rows_of(e, fab_encoder_texts, ids, len, err);
    if (!rows) return false;
    for (int64_t i = 0; i < n; i++)
        memcpy(out + lines[i].at * f->embed, rows + i * f->embed, (size_t)f->embed * sizeof *out);
    return true;
}

bool fab_embedder_texts(fab_embedder *e, const char *const *texts, int64_t n, float *out,
                        fab_err *err)
{
    fab_arena *a = fab_arena_new(0, err);
    line *lines = a ? fab_arena_zero(a, (size_t)(n + 1) * sizeof *lines, err) : NULL;
    bool ok = lines != NULL;
    for (int64_t i = 0; ok && i < n; i++) {
        lines[i].at = i;
        lines[i].ids = fab_embedder_ids(e, texts[i], a, &lines[i].n, err);
        ok = lines[i].ids != NULL;
    }
    if (ok) qsort(lines, (size_t)n, sizeof *lines, by_length);
    for (int64_t i = 0, some; ok && i < n; i += some) {
        /* the longest is the last: grow while the padded batch stays small */
        for (some = 1; i + some < n && some < BATCH_TEXTS; some++)
            if ((some + 1) * lines[i + some].n > BATCH_TOKENS) break;
        ok = embed_lines(e, lines + i, some, out, err);
    }
    fab_arena_free(a);
    return ok;
}

/* ---- pictures -------------------------------------------------------------------------------- */
static bool embed_batch(fab_embedder *e, const fab_picture *p, int64_t n, float *out, fab_err *err)
{
    const fab_preprocess *how = &e->facts->preprocess;
    fab_ctx *c = &e->ctx;
    int64_t S = how->size;
    fab_ctx_reset(c);
    fab_tensor *x = fab_tensor_new(c, FAB_F32, FAB_SHAPE(n, S, S, 3));
    if (!x) return fab_fail(err, c->err.code, "%s", c->err.text);
    for (int64_t i = 0; i < n; i++)
        if (!fab_preprocess_run(how, p[i].rgb, p[i].width, p[i].height, fab_f32(x) + i * S * S * 3,
                                err))
            return false;
    const float *rows = rows_of(e, run_images, x, NULL, err);
    if (rows) memcpy(out, rows, (size_t)(n * e->facts->embed) * sizeof *out);
    return rows != NULL;
}

bool fab_embedder_pictures(fab_embedder *e, const fab_picture *pictures, int64_t n, float *out,
                           fab_err *err)
{
    if (!e->facts->images)
        return fab_fail(err, FAB_EUNSUPPORTED, "%s: %s reads no pictures, only texts",
                        e->facts->weights, e->facts->name);
    int64_t S = e->facts->preprocess.size, most = BATCH_PIXELS / (S * S);
    most = most < 1 ? 1 : most > BATCH_PICTURES ? BATCH_PICTURES : most;
    for (int64_t i = 0; i < n; i += most) {
        int64_t some = n - i < most ? n - i : most;
        if (!embed_batch(e, pictures + i, some, out + i * e->facts->embed, err)) return false;
    }
    return true;
}
