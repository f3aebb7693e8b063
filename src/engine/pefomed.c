/* pefomed: see pefomed.h. */
#include "engine/pefomed.h"

#include <stdio.h>
#include <string.h>
#include "base/hash.h"
#include "engine/generate.h"

static const char *const piece_before = "[INST] <Img>",
                         *const piece_vqa =
                             "</Img> [vqa] Based on the image, respond to this question "
                             "with a short answer: ",
                         *const piece_caption = "</Img> [caption] Describe this image in detail",
                         *const piece_after = " [/INST]";

/* ---- opening --------------------------------------------------------------------------------- */

static bool open_projector(fab_pefomed *p, int64_t out, uint64_t seed, fab_err *err)
{
    fab_params q = fab_params_init(p->arena, &p->list, seed);
    q.sites = &p->sites;
    fab_dense_params(&q, &p->projector, "llama_proj", 4 * p->width, out, true, FAB_INIT_XAVIER);
    return fab_params_end(&q, err);
}

static bool join_sites(fab_pefomed *p, const fab_sites *more, fab_err *err)
{
    fab_site **items = fab_arena_take(p->arena, (size_t)(1 + more->n) * sizeof *items, err);
    if (!items) return false;
    items[0] = p->sites.items[0];
    memcpy(items + 1, more->items, (size_t)more->n * sizeof *items);
    p->sites = (fab_sites){ items, 1 + more->n, 1 + more->n };
    return true;
}

/* Its cells come from these tensors; the mini's heads and words may change beside them. */
static bool sees(const char *name)
{
    static const char tower[] = "tower.", still[] = FAB_MINI_STILL;
    return !strncmp(name, tower, sizeof tower - 1) && strncmp(name, still, sizeof still - 1) != 0;
}

static bool hash_both(fab_pefomed *p, const fab_weights *eyes, const fab_weights *words,
                      fab_err *err)
{
    char two[130];
    if (!fab_adapter_base(eyes, sees, two, err) || !fab_adapter_base(words, NULL, two + 64, err))
        return false;
    fab_sha256_hex(two, 128, p->base_sha256);
    return true;
}

static const int32_t *encode(const fab_pefomed *p, const char *text, fab_arena *a, int64_t *n,
                             fab_err *err)
{
    return fab_tokenizer_encode_all(p->decoder->words, text, strlen(text), NULL, a, n, err);
}

static bool open_words(fab_pefomed *p, const fab_decoder *d, fab_err *err)
{
    if (!d->words || d->n_ends < 1)
        return fab_fail(err, FAB_EUNSUPPORTED,
                        "%s: has no tokenizer, or no token that ends an answer", d->path);
    int32_t bos = fab_tokenizer_marks_get(d->words)->bos;
    const int32_t *text = encode(p, piece_before, p->arena, &p->n_before, err);
    int32_t *ids =
        text ? fab_arena_take(p->arena, (size_t)(p->n_before + 1) * sizeof *ids, err) : NULL;
    if (!ids) return false;
    memcpy(ids + (bos >= 0), text, (size_t)p->n_before * sizeof *ids);
    if (bos >= 0) ids[0] = bos, p->n_before++;
    p->before = ids;
    p->end = d->ends[0];
    return true;
}

static bool open_all(fab_pefomed *p, const char *decoder, const fab_mini_file *eyes, fab_pool *pool,
                     uint64_t seed, fab_err *err)
{
    int64_t G = fab_mini_grid(&eyes->model->cfg);
    p->cells = G * G;
    p->width = fab_mini_width(&eyes->model->cfg);
    p->words = fab_generator_open(decoder, pool, FAB_FAST, err);
    if (!p->words) return false;
    const fab_decoder *d = p->decoder = fab_generator_decoder(p->words);
    return open_words(p, d, err) && open_projector(p, d->cfg.dim, seed, err) &&
           join_sites(p, &d->sites, err) && hash_both(p, eyes->weights, d->weights, err);
}

fab_pefomed *fab_pefomed_open(const char *decoder, const fab_mini_file *eyes, fab_pool *pool,
                              uint64_t seed, fab_err *err)
{
    fab_arena *a = fab_arena_new(0, err);
    fab_pefomed *p = a ? fab_arena_zero(a, sizeof *p, err) : NULL;
    if (!p) {
        fab_arena_free(a);
        return NULL;
    }
    p->arena = a;
    if (open_all(p, decoder, eyes, pool, seed, err)) return p;
    fab_pefomed_close(p);
    return NULL;
}

void fab_pefomed_close(fab_pefomed *p)
{
    if (!p) return;
    fab_adapter_close(p->adapter);
    fab_generator_close(p->words);
    fab_arena_free(p->arena);
}

bool fab_pefomed_adapt(fab_pefomed *p, const char *path, fab_err *err)
{
    fab_peft_detach(&p->sites);
    fab_adapter_close(p->adapter);
    p->adapter = path ? fab_adapter_open(path, err) : NULL;
    if (!p->adapter) return !path;
    bool ok = fab_adapter_fit(p->adapter, &p->sites, p->base_sha256,
                              fab_generator_ctx(p->words)->pool, err);
    if (ok) fab_peft_attach(&p->adapter->peft);
    return ok;
}

/* ---- asking ---------------------------------------------------------------------------------- */

fab_tensor *fab_pefomed_rows(fab_ctx *c, const fab_pefomed *p, fab_tensor *cells)
{
    if (!cells) return NULL;
    int64_t B = cells->shape[0];
    fab_tensor *four = fab_reshape(c, cells, FAB_SHAPE(B, p->cells / 4, 4 * p->width));
    return fab_dense_forward(c, &p->projector, four);
}

int32_t *fab_pefomed_tail(const fab_pefomed *p, const char *question, fab_arena *a, int64_t *n,
                          fab_err *err)
{
    char *text = question ? fab_arena_printf(a, err, "%s%s%s", piece_vqa, question, piece_after)
                          : fab_arena_printf(a, err, "%s%s", piece_caption, piece_after);
    return text ? (int32_t *)(uintptr_t)encode(p, text, a, n, err) : NULL;
}

/* The picture's rows, copied out of the pass that the next one resets. */
static bool look_rows(fab_pefomed *p, const fab_look *look, fab_arena *a, fab_prompt_part *out,
                      fab_err *err)
{
    fab_ctx *c = fab_generator_ctx(p->words);
    int64_t T = p->decoder->cfg.dim, n = p->cells / 4;
    size_t size = (size_t)(n * T) * sizeof(float);
    fab_ctx_reset(c);
    fab_tensor *cells =
        fab_tensor_from(c, FAB_F32, FAB_SHAPE(1, p->cells, p->width), look->features);
    const fab_tensor *rows = fab_pefomed_rows(c, p, cells);
    if (!rows) return fab_fail(err, c->err.code, "%s", c->err.text);
    float *copy = fab_arena_take(a, size, err);
    if (!copy) return false;
    memcpy(copy, fab_f32(rows), size);
    *out = (fab_prompt_part){ copy, n, fab_hash64(copy, size, 1) };
    return true;
}

static bool prompt_of(const fab_pefomed *p, const char *question, const fab_prompt_part *picture,
                      fab_arena *a, fab_prompt *out, fab_err *err)
{
    int64_t tail;
    const int32_t *after = fab_pefomed_tail(p, question, a, &tail, err);
    int64_t n = p->n_before + picture->n + tail;
    int32_t *ids = after ? fab_arena_take(a, (size_t)n * sizeof *ids, err) : NULL;
    if (!ids) return false;
    memcpy(ids, p->before, (size_t)p->n_before * sizeof *ids);
    for (int64_t i = 0; i < picture->n; i++) ids[p->n_before + i] = -1;
    memcpy(ids + p->n_before + picture->n, after, (size_t)tail * sizeof *ids);
    *out = (fab_prompt){ .ids = ids, .n = n, .parts = picture, .n_parts = 1 };
    return true;
}

static bool ask_some(fab_pefomed *p, const fab_prompt_part *picture, const char *const *questions,
                     int n, int max_tokens, fab_arena *a, const char **out, fab_err *err)
{
    fab_prompt prompts[FAB_GENERATE_MAX_BATCH];
    fab_generated said[FAB_GENERATE_MAX_BATCH];
    const fab_generate_opts how = { .max_tokens = max_tokens };
    for (int i = 0; i < n; i++)
        if (!prompt_of(p, questions[i], picture, a, &prompts[i], err)) return false;
    fab_generator_forget(p->words);
    if (!fab_generate(p->words, prompts, n, &how, a, said, err)) return false;
    for (int i = 0; i < n; i++) {
        const char *text = said[i].text;
        out[i] = text + strspn(text, " ");
    }
    return true;
}

bool fab_pefomed_ask(fab_pefomed *p, const fab_look *look, const char *const *questions, int n,
                     int max_tokens, fab_arena *a, const char **out, fab_err *err)
{
    fab_prompt_part picture;
    if (look->grid * look->grid != p->cells || look->dim != p->width)
        return fab_fail(err, FAB_EUSAGE, "a look of %d cells of width %d, %lld of %lld are wanted",
                        look->grid * look->grid, look->dim, (long long)p->cells,
                        (long long)p->width);
    if (!look_rows(p, look, a, &picture, err)) return false;
    for (int i = 0; i < n; i += FAB_GENERATE_MAX_BATCH) {
        int some = n - i < FAB_GENERATE_MAX_BATCH ? n - i : FAB_GENERATE_MAX_BATCH;
        if (!ask_some(p, &picture, questions + i, some, max_tokens, a, out + i, err)) return false;
    }
    return true;
}
