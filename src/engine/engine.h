/* engine: what happens between a request and the model. Opens the one model file, turns a picture
 * into what the model sees once and remembers it by its content, answers questions, scores answers,
 * embeds.
 *
 *   rgb -> squash to SxS (antialiased bilinear) -> (u8/255 - 0.5)/0.5 -> tower -> look
 *   look + [<q> question <a>] -> key/value cache -> greedy or sampled tokens until <eos>
 *
 * Looks are cached by the SHA-256 of the SxS. The same functions are used in training, evaluation
 * and service, so what was measured is what runs. An engine belongs to one thread at a time.
 * Results do not depend on the number of threads of its pool.
 */
#ifndef FAB_ENGINE_ENGINE_H
#define FAB_ENGINE_ENGINE_H

#include "media/image.h"
#include "zoo/mini.h"

enum {
    FAB_ENGINE_MAX_QUESTION = 256, /* tokens of one question; above: FAB_ELIMIT */
    FAB_ENGINE_MAX_ANSWER = 256,   /* tokens that may be generated for one answer */
    FAB_ENGINE_MAX_BATCH = 64,     /* questions or answers in one call */
};

typedef struct fab_engine fab_engine;

/* Finds and opens the model. path NULL: $FABRICA_MODEL, else models/mini.gguf here, beside the
 * program (../models, ../../models, ../../../models), in ../share/fabrica/models and
 * /usr/share/fabrica/models. The pool is borrowed, NULL is fine. NULL with err set; when nothing is
 * found the message names every place. */
fab_engine *fab_engine_open(const char *path, fab_pool *pool, fab_err *err);
void fab_engine_close(fab_engine *e); /* NULL is fine; looks that are still held stay valid */

/* The model's untrained twin in its place: the same shape, tokenizer and settings, every weight
 * drawn afresh, nothing measured. A baseline for what its vectors are worth. Not after an adapter. */
bool fab_engine_untrain(fab_engine *e, uint64_t seed, fab_err *err);

const fab_mini_file *fab_engine_model(const fab_engine *e); /* lent */
fab_pool *fab_engine_pool(const fab_engine *e);
const char *fab_engine_path(const fab_engine *e);
/* In place of the file's; the curves of single rows, fitted at another, are forgotten. */
void fab_engine_set_temperature(fab_engine *e, float t);
/* Puts the adapter of a file (zoo/adapter.h) on the model, in the place of another; NULL: takes it
 * off. The model's id gains "+" and the beginning of the adapter's SHA-256; what was measured of
 * the model alone (worth of single rows) does not count while it is on. A failure leaves the model
 * without any. */
bool fab_engine_adapt(fab_engine *e, const char *path, fab_err *err);
float fab_engine_logit_scale(
    const fab_engine *e); /* of cosines in zero-shot classification: exp of the learnt one */

/* ---- looking --------------------------------------------------------------------------------- */

/* What the model sees in one picture. Shared and counted: unref what look gave. Read only. */
typedef struct {
    int side;            /* S: rgb is [S,S,3] */
    int grid, dim;       /* G, D: features is [G*G,D], row by row from the top left; mean is [D] */
    int n_tokens, width; /* P, T: tokens is [P,T] for the decoder */
    int embed;           /* E: embedding is [E], of length one */
    const uint8_t *rgb;
    const float *features, *mean, *tokens, *embedding;
    const float
        *classes; /* logits of the image-level head, [cfg.classes]; NULL when the model has none */
    const float
        *dense; /* logits of the dense head, [G*G,cfg.labels]; NULL when the model has none */
    const float *counts; /* white cells, red cells, platelets, [3], not rounded; NULL when the model
                            does not count or does not see a blood smear */
    char key[65];        /* SHA-256 of rgb: two pictures with one key are the same to the model */
} fab_look;

const fab_look *fab_engine_look(fab_engine *e, const fab_image *im, fab_err *err);
const fab_look *fab_engine_look_rgb(fab_engine *e, const uint8_t *rgb, int width, int height,
                                    fab_err *err);
const fab_look *fab_engine_look_grey(fab_engine *e,
                                     fab_err *err); /* mid-grey: the blank-image baseline */
void fab_look_unref(const fab_look *look);          /* NULL is fine */

/* The pixels of a picture as the model takes them: [S,S,3] bytes into out. */
bool fab_engine_pixels(const uint8_t *rgb, int width, int height, int side, uint8_t *out,
                       fab_err *err);

/* ---- answering ------------------------------------------------------------------------------- */

typedef enum { FAB_ASK, FAB_CAPTION_EN, FAB_CAPTION_ZH } fab_ask_kind;

typedef struct {
    fab_ask_kind kind;        /* captions take no question */
    int max_tokens;           /* 0: 64 */
    float temperature, top_p; /* 0: greedy; 0: 1 */
    uint64_t seed;
    bool (*on_text)(void *arg, const char *text,
                    size_t n); /* whole characters as they come; false stops */
    void *arg;
} fab_ask_opts;
#define FAB_ASK_DEFAULTS                                                                           \
    {                                                                                              \
        .kind = FAB_ASK                                                                            \
    }

typedef struct {
    char *text; /* in the arena of the call */
    int n_tokens;
    bool complete;   /* ended by itself, not by max_tokens or the reader */
    double logp;     /* sum of log probabilities of its tokens, <eos> included when complete */
    double sureness; /* calibrated: the share of such answers that are right; else the mean
                        probability of a token */
    bool calibrated; /* by the file's curve (zoo/curve.h): complete, greedy answers about a picture
                        by the model without an adapter; counts by theirs */
} fab_answer;
/* exp(logp / tokens): the geometric mean probability of a token, <eos> among them. Not of counts. */
double fab_answer_probability(const fab_answer *a);

/* One question about a look (NULL: about nothing, words alone). A bare yes or no is no answer to
 * one that asks openly (data/record.h): the next best stands there. opts may be NULL. Errors:
 * empty, not UTF-8, too long. */
bool fab_engine_ask(fab_engine *e, const fab_look *look, const char *question,
                    const fab_ask_opts *opts, fab_arena *a, fab_answer *out, fab_err *err);
/* n questions about one look, decoded together; on_text is not called. Any n: cut into batches
 * inside. */
bool fab_engine_ask_many(fab_engine *e, const fab_look *look, const char *const *questions, int n,
                         const fab_ask_opts *opts, fab_arena *a, fab_answer *out, fab_err *err);

/* ---- counting -------------------------------------------------------------------------------- */

/* A question for the number of one kind of blood cell is answered with the look's count, which a
 * line on the trunk's maps of the picture at 320 x 240 gives (zoo/counter.h): the picture as the
 * decoder sees it is too small to count on. Its sureness is the share of pictures that the file's
 * counter gets exactly. All other questions are the decoder's. */

/* The kind a question asks the number of, 0 to 2 as in fab_counter_codes; -1: something else, more
 * than one kind, or kinds of cells. */
int fab_engine_counted_kind(const char *question);
/* What the counter reads of a picture: out [fab_mini_texture_width]. */
bool fab_engine_texture(fab_engine *e, const uint8_t *rgb, int width, int height, float *out,
                        fab_err *err);

/* ---- scoring --------------------------------------------------------------------------------- */

typedef struct {
    double logp; /* sum over the answer's tokens and <eos> */
    double p;    /* softmax over the candidates of logp / temperature */
} fab_score;

/* How likely each candidate is as the answer. temperature 0: the model file's calibration. n <=
 * FAB_ENGINE_MAX_BATCH. */
bool fab_engine_score(fab_engine *e, const fab_look *look, const char *question,
                      const char *const *answers, int n, float temperature, fab_score *out,
                      fab_err *err);

/* ---- embedding ------------------------------------------------------------------------------- */

/* n texts -> out [n,E], rows of length one. */
bool fab_engine_embed_text(fab_engine *e, const char *const *texts, int n, float *out,
                           fab_err *err);

/* The ids of a prompt as the decoder takes it, [<q> question <a>] or [<cap_..>]; the count, or -1
 * with err set. For explain, which runs the model with a tape. ids needs FAB_ENGINE_MAX_QUESTION +
 * 2. */
int fab_engine_prompt(fab_engine *e, fab_ask_kind kind, const char *question, int32_t *ids,
                      fab_err *err);
/* The ids of an answer with its <eos>; the count, or -1. ids needs FAB_ENGINE_MAX_ANSWER + 1. */
int fab_engine_answer_ids(fab_engine *e, const char *answer, int32_t *ids, fab_err *err);

#endif
