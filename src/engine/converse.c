/* converse: see converse.h.
 *
 *   user: <image>\nquestion        the picture's mark stands before the first question
 *   text --cut at the mark--> ids left, -1 for every row of the picture, ids right
 *
 * Both sides are encoded apart, as LLaVA's own code does, and as Hugging Face's processor does
 * where <image> is a token of its own.
 */
#include "engine/converse.h"

#include <string.h>
#include "base/hash.h"

#define MARK "<image>"

enum { MESSAGES = 1024 };

struct fab_talk {
    fab_generator *g;
    fab_llava *eyes;
    fab_chat chat;
    fab_arena *home; /* what was said */
    fab_chat_message messages[MESSAGES];
    int n;
    const char *system;
    fab_arena *sight; /* the picture's rows */
    fab_prompt_part picture;
    fab_pool *pool;
};

/* ---- templates ------------------------------------------------------------------------------- */

static bool choose(fab_chat *c, const fab_decoder *d, const char *format, bool sees, fab_err *err)
{
    const char *own = d->words ? fab_tokenizer_chat_template(d->words) : NULL;
    *c = (fab_chat){ .bos = true };
    if (format)
        return fab_chat_parse(format, &c->kind) ||
               fab_fail(err, FAB_EUSAGE, "there is no template '%.40s'", format);
    if (own) return fab_chat_detect(c, own, err);
    if (!sees)
        return fab_fail(err, FAB_EUNSUPPORTED,
                        "the model brings no chat template; choose one with --template");
    c->kind = strcmp(d->cfg.kind->type, "mistral") ? FAB_CHAT_VICUNA : FAB_CHAT_MISTRAL;
    return true;
}

static bool has_words(const fab_decoder *d, fab_err *err)
{
    return d->words || fab_fail(err, FAB_EUNSUPPORTED, "%s: the model has no tokenizer", d->path);
}

int32_t *fab_prompt_ids(const fab_decoder *d, const char *text, size_t n, fab_arena *a,
                        int64_t *count, fab_err *err)
{
    if (!has_words(d, err)) return NULL;
    return fab_tokenizer_encode_all(d->words, text, n,
                                    &(fab_encode_opts){ .special = true, .frame = true }, a, count,
                                    err);
}

int32_t *fab_prompt_chat_ids(const fab_decoder *d, const char *format, const char *system,
                             const char *text, fab_arena *a, int64_t *count, fab_err *err)
{
    fab_chat c;
    fab_chat_message m[2];
    int n = 0;
    if (!has_words(d, err) || !choose(&c, d, format, false, err)) return NULL;
    if (system) m[n++] = (fab_chat_message){ "system", system };
    m[n++] = (fab_chat_message){ "user", text };
    return fab_chat_encode(d->words, &c, m, n, true, a, count, err);
}

/* ---- opening --------------------------------------------------------------------------------- */

static bool open_all(fab_talk *t, const fab_talk_opts *o, fab_pool *pool, fab_err *err)
{
    t->home = fab_arena_new(0, err);
    t->sight = fab_arena_new(0, err);
    t->g = t->home && t->sight ? fab_generator_open(o->model, pool, o->exact, err) : NULL;
    if (!t->g) return false;
    const fab_decoder *d = fab_generator_decoder(t->g);
    fab_decoder_opts how = { .pool = pool, .bf16 = fab_generator_ctx(t->g)->bf16 };
    if (o->sees && !(t->eyes = fab_llava_open(d, o->mmproj, &how, err))) return false;
    return has_words(d, err) && choose(&t->chat, d, o->format, o->sees, err);
}

fab_talk *fab_talk_open(const fab_talk_opts *o, fab_pool *pool, fab_err *err)
{
    fab_talk *t = fab_new(sizeof *t, err);
    if (!t) return NULL;
    t->pool = pool;
    t->system = o->system;
    if (open_all(t, o, pool, err)) {
        fab_talk_reset(t);
        return t;
    }
    fab_talk_close(t);
    return NULL;
}

void fab_talk_close(fab_talk *t)
{
    if (!t) return;
    fab_llava_close(t->eyes);
    fab_generator_close(t->g);
    fab_arena_free(t->home);
    fab_arena_free(t->sight);
    fab_free(t);
}

fab_generator *fab_talk_generator(const fab_talk *t) { return t->g; }
const char *fab_talk_format(const fab_talk *t) { return fab_chat_name(t->chat.kind); }

void fab_talk_reset(fab_talk *t)
{
    fab_arena_reset(t->home);
    t->n = 0;
    if (t->system) t->messages[t->n++] = (fab_chat_message){ "system", t->system };
}

/* ---- pictures -------------------------------------------------------------------------------- */

/* Rows that are not finite are computed again with every op checked, to name the first layer. */
static const fab_tensor *rows_of(fab_ctx *c, const fab_llava *v, fab_tensor *x)
{
    const fab_tensor *y = fab_llava_rows(c, v, x);
    if (!y || fab_all_finite(y)) return y;
    c->check = true;
    if (fab_llava_rows(c, v, x))
        fab_fail(&c->err, FAB_EFORMAT, "the picture's features are not finite");
    c->err.code = FAB_EFORMAT;
    return NULL;
}

bool fab_talk_look(fab_talk *t, const uint8_t *rgb, int width, int height, fab_err *err)
{
    const fab_llava *v = t->eyes;
    if (!v)
        return fab_fail(err, FAB_EUSAGE,
                        "the model was opened without its eyes: start with --image or --mmproj");
    int S = v->pre.size;
    size_t size = (size_t)v->n * (size_t)v->dim * sizeof(float);
    fab_ctx c;
    fab_arena *work = fab_arena_new((size_t)8 << 20, err);
    if (!work) return false;
    fab_ctx_init(&c, work, t->pool);
    c.bf16 = fab_generator_ctx(t->g)->bf16;
    c.check = fab_getenv("FABRICA_CHECK") != NULL;
    fab_tensor *x = fab_tensor_new(&c, FAB_F32, FAB_SHAPE(1, S, S, 3));
    bool ok = x && fab_llava_prepare(v, rgb, width, height, work, fab_f32(x), err);
    const fab_tensor *seen = ok ? rows_of(&c, v, x) : NULL;
    if (ok && !seen) fab_fail(err, c.err.code, "%s", c.err.text);
    if (seen) fab_arena_reset(t->sight);
    float *rows = seen ? fab_arena_take(t->sight, size, err) : NULL;
    if (seen) t->picture = (fab_prompt_part){ 0 };
    if (rows) {
        memcpy(rows, fab_f32(seen), size);
        t->picture = (fab_prompt_part){ rows, v->n, fab_hash64(rows, size, 1) };
    }
    fab_arena_free(work);
    return rows != NULL;
}

/* ---- prompts --------------------------------------------------------------------------------- */

/* The parts of the text that a user wrote, the mark in front of the first left out and all moved
 * to begin at `from`; those outside [from,to) are dropped. */
static int64_t spans_in(const fab_chat_text *text, size_t from, size_t to, fab_text_span *out)
{
    int64_t n = 0;
    for (int64_t i = 0; i < text->n_plain; i++) {
        fab_text_span s = text->plain[i];
        if (s.begin < from) s.begin = from;
        if (s.end > to) s.end = to;
        if (s.begin < s.end) out[n++] = (fab_text_span){ s.begin - from, s.end - from };
    }
    return n;
}

/* The ids of bytes [from,to) of the text. */
static const int32_t *encode_part(const fab_talk *t, const fab_chat_text *text, size_t from,
                                  size_t to, fab_arena *a, int64_t *n, fab_err *err)
{
    fab_text_span *spans = fab_arena_take(a, (size_t)(text->n_plain + 1) * sizeof *spans, err);
    if (!spans) return NULL;
    fab_encode_opts how = { .special = true, .plain = spans };
    how.n_plain = spans_in(text, from, to, spans);
    return fab_tokenizer_encode_all(fab_generator_decoder(t->g)->words, text->text + from,
                                    to - from, &how, a, n, err);
}

static bool assemble(const fab_talk *t, const fab_chat_text *text, fab_arena *a, fab_prompt *p,
                     fab_err *err)
{
    const char *mark = t->picture.n ? strstr(text->text, MARK) : NULL;
    size_t cut = mark ? (size_t)(mark - text->text) : text->n;
    int64_t left = 0, right = 0, rows = mark ? t->picture.n : 0;
    const int32_t *l = encode_part(t, text, 0, cut, a, &left, err), *r = NULL;
    if (mark) r = encode_part(t, text, cut + strlen(MARK), text->n, a, &right, err);
    if (!l || (mark && !r)) return false;
    int32_t *ids = fab_arena_take(a, (size_t)(left + rows + right) * sizeof *ids, err);
    if (!ids) return false;
    memcpy(ids, l, (size_t)left * sizeof *ids);
    for (int64_t i = 0; i < rows; i++) ids[left + i] = -1;
    if (mark) memcpy(ids + left + rows, r, (size_t)right * sizeof *ids);
    *p = (fab_prompt){
        .ids = ids, .n = left + rows + right, .parts = &t->picture, .n_parts = mark != NULL
    };
    return true;
}

static const char *mark_text(const fab_decoder *d, int32_t id)
{
    return id >= 0 ? fab_tokenizer_token(d->words, id) : NULL;
}

bool fab_talk_ask(fab_talk *t, const char *question, const fab_generate_opts *o, fab_generated *out,
                  fab_err *err)
{
    const fab_decoder *d = fab_generator_decoder(t->g);
    const fab_tokenizer_marks *marks = fab_tokenizer_marks_get(d->words);
    bool first = t->n == (t->system != NULL);
    fab_chat_text text;
    fab_prompt p;
    if (t->n + 2 > MESSAGES)
        return fab_fail(err, FAB_ELIMIT, "more than %d messages in a conversation", MESSAGES);
    char *own = t->picture.n && first ? fab_arena_printf(t->home, err, MARK "\n%s", question)
                                      : fab_arena_strdup(t->home, question, err);
    if (!own) return false;
    t->messages[t->n] = (fab_chat_message){ "user", own };
    bool ok = fab_chat_render(&t->chat, t->messages, t->n + 1, true, mark_text(d, marks->bos),
                              mark_text(d, marks->eos), t->home, &text, err) &&
              assemble(t, &text, t->home, &p, err) &&
              fab_generate(t->g, &p, 1, o, t->home, out, err);
    if (!ok) return false;
    t->messages[t->n + 1] = (fab_chat_message){ "assistant", out->text };
    t->n += 2;
    return true;
}
