/* session: one run's state, shared by the files of this folder that make batches, take steps,
 * examine and finish. */
#ifndef FAB_TRAIN_SESSION_H
#define FAB_TRAIN_SESSION_H

#include "data/bundle.h"
#include "data/cell_labels.h"
#include "data/store.h"
#include "engine/engine.h"
#include "evaluate/calibrate.h"
#include "text/lexicon.h"
#include "train/checkpoint.h"
#include "train/events.h"
#include "train/recipe.h"

/* The records about a picture: real ones from the sets' files, made ones from the generator. */
typedef struct {
    const fab_qa **real, **made;
    const char **prior;               /* [n_real] answers of prior.c; NULL: no stage wants them */
    uint8_t *real_level, *made_level; /* grade.h; NULL: no stage has a curriculum */
    int32_t n_real, n_made;
} fab_picture_qa;

typedef struct {
    fab_recipe recipe;
    const char *shared; /* folder of tokenizer.json and store.bin, which several runs may have */
    fab_pool *pool;
    fab_arena *arena; /* lives as long as the run: model, optimiser, indexes */
    fab_arena *step_arena;
    fab_bundle bundle;
    fab_store *store;
    fab_bpe *bpe;
    fab_mini *model;
    fab_tensor *prototypes;        /* align.h, [K,E] */
    fab_param_list learnt;         /* all that may learn: the model's, and the prototypes */
    struct fab_adapting *adapting; /* adapt.h; NULL: the model itself learns */
    struct {
        const char *name; /* as the recipe has it */
        fab_mini_file *file;
    } teachers[FAB_MAX_TEACHERS]; /* of all stages: distil.h */
    int n_teachers;
    fab_optim optim;
    fab_lexicon *lexicon;       /* for a stage's paraphrase; NULL: none has one */
    fab_rng rng;                /* batches and dropout draw from here */
    fab_picture_qa *of_picture; /* [images] */
    int32_t *set_pictures[FAB_SETS], n_set[FAB_SETS]; /* training pictures of each set */
    int64_t step;           /* made of the stage: what a stage does may change over it */
    const fab_text **texts; /* training part of the corpus */
    int64_t n_texts;
    const fab_qa **val; /* SLAKE val, VQA-RAD val, held-out classification exam */
    int64_t n_val;
    bool *val_unseen; /* [n_val] no training record that people wrote is about the picture */
} fab_session;

bool fab_session_open(fab_session *s, const fab_train_opts *o, fab_err *err);
/* The data and their split, without recipe, tokenizer, pictures and model: for fitting a file. */
bool fab_session_open_data(fab_session *s, const char *data_dir, fab_pool *pool, fab_err *err);
void fab_session_close(fab_session *s);

/* init.c: files that a run's weights start from, NULL: none. A resumed run has its own. Paths are
 * as the recipe says or from its folder. */
typedef struct {
    const char *tower, *model;
    const char *leave; /* begins of names that stay fresh, blanks between; NULL: none */
} fab_init_files;
/* A file that the recipe's field ("init: model") names, as it stands or from the recipe's folder;
 * name NULL: *path NULL. An error ends with the hint. */
bool fab_session_find(fab_session *s, const fab_train_opts *o, const char *field, const char *name,
                      const char *hint, const char **path, fab_err *err);
bool fab_session_init_find(fab_session *s, const fab_train_opts *o, fab_init_files *out,
                           fab_err *err);
/* All of the list from the file's tensors of the same names and shapes. */
bool fab_session_take_all(fab_session *s, const fab_weights *w, const fab_param_list *l,
                          fab_err *err);
/* What a start cost, from its card (NULL: none), into OUT/before.json, and from there into the card
 * of what comes of it. */
bool fab_session_keep_cost(fab_session *s, const char *card, fab_err *err);
bool fab_session_tell_cost(fab_session *s, json_t *card, fab_err *err);
fab_bpe *fab_session_init_tokenizer(const fab_init_files *from, fab_err *err); /* the model's */
/* Into the visited parameters: the model's tensors of the same name and shape but those to leave;
 * the published trunk into both trunks, or beside a model that brings its own into the still one. */
bool fab_session_init_weights(fab_session *s, const fab_init_files *from, fab_err *err);

/* prior.c: fills of_picture[].prior; only when a stage asks for it, or always. */
bool fab_session_prior(fab_session *s, bool always, fab_err *err);

/* A context for one step: a reset step arena, recording when training. */
void fab_session_ctx(fab_session *s, fab_ctx *c, bool training);

/* batch.c: draws a batch and returns its loss (a scalar on the tape) with its parts. NULL:
 * c->err says why, also when there is nothing to learn from the batch. */
typedef struct {
    double qa, caption, contrast, token_region, prototype, dense, presence, text;
    double teacher;           /* T^2 KL from the teachers to the student, per token: distil.h */
    int64_t pictures, tokens; /* looked at; in the questions and answers */
} fab_loss_parts;
fab_tensor *fab_batch_loss(fab_session *s, fab_ctx *c, const fab_stage *stage,
                           fab_loss_parts *parts);

/* One of the training pictures of the stage's sets, as often as they weigh. */
int32_t fab_draw_picture(fab_session *s, const fab_stage *g, fab_set *set);
/* sum + weight * part, with the part's value; a part of NULL adds nothing, a sum of NULL is 0. */
fab_tensor *fab_loss_add(fab_ctx *c, fab_tensor *sum, fab_tensor *part, double weight,
                         double *value);

enum { FAB_EXAM_MADE = 400 }; /* the limit of validations and of the card */
/* exam.c: greedy answers to val records, record by record, all arrays [n]. */
typedef struct {
    bool blank; /* to be set before: asked about a grey picture in place of each */
    const fab_qa **q;
    bool *unseen, *right;
    float *p; /* the answer's mean probability of a token (fab_answer_probability); 0 where a
                 decoder of words answers (engine/pefomed.h) */
    int64_t n;
} fab_replies;
/* limit: about how many of the generated questions to take (0: all); those that people wrote are
 * all asked. Arrays in keep. */
bool fab_session_replies(fab_session *s, fab_engine *e, int64_t limit, fab_arena *keep,
                         fab_replies *out, fab_err *err);
/* What share of them is right. all: mean of slake_en, slake_zh, rad and made. What was
 * not asked is NAN, and left out of the mean. */
typedef struct {
    double slake_en, slake_en_open, slake_en_closed, slake_zh, slake_unseen, rad, rad_open,
        rad_closed, made, all;
    int64_t n;
} fab_exam;
void fab_exam_of(const fab_replies *r, fab_exam *out);
bool fab_session_exam(fab_session *s, fab_engine *e, int64_t limit, bool blank, fab_exam *out,
                      fab_err *err);
/* About `sample` of the same questions, evenly from all kinds, to see what an exam takes: how many
 * were asked, of how many. */
bool fab_session_exam_some(fab_session *s, fab_engine *e, int64_t limit, int64_t sample,
                           int64_t *asked, int64_t *of, fab_err *err);
json_t *fab_exam_json(const fab_exam *e); /* NULL: no memory */
enum { FAB_EXAM_PARTS = 6, FAB_EXAM_LINE = 200 };
/* What was asked, as "val/all", "val/slake_en", ..: how many of out [FAB_EXAM_PARTS]. */
int fab_exam_parts(const fab_exam *e, fab_scalar *out);
void fab_exam_line(const fab_exam *e, char line[FAB_EXAM_LINE]); /* the same for people */
/* The weights of the moment as the file at path (o NULL: plain), opened. NULL with err set. */
fab_engine *fab_session_engine(fab_session *s, const char *path, const fab_mini_save_opts *o,
                               fab_err *err);
/* What the engine sees of a picture of the data, from its own file: unref it. */
const fab_look *fab_session_look(fab_session *s, fab_engine *e, int32_t image, fab_err *err);

/* held_out.c: the rows of the protocol on held-out cases, at the engine's temperature. In the
 * session's arena. */
bool fab_session_skills(fab_session *s, fab_engine *e, fab_skills *out, fab_err *err);

/* counting.c: the counter of blood cells, from BCCD's training pictures; dim 0 when there are fewer
 * than 24 or the tower has no trunk. In the session's arena. */
bool fab_session_counter(fab_session *s, fab_engine *e, fab_counter *out, fab_err *err);

/* Ids of one sequence: words cut to fit, specials placed. question NULL: a caption in lang.
 * Returns the length, with *answer_at the index of <a> (or <cap>); answer NULL leaves the
 * sequence open after it. -1: err. */
int fab_sequence(const fab_bpe *bpe, const char *question, const char *answer, fab_lang lang,
                 int32_t *ids, int max, int *answer_at, fab_err *err);

/* confidence.c. The temperature of yes and no, and how well the probabilities of both are
 * calibrated without it and with it. */
bool fab_session_temperature(fab_session *s, fab_engine *e, double *T, fab_calibration *before,
                             fab_calibration *after, fab_err *err);
/* The curve of answers in words (zoo/mini.h) from the replies to an exam; into the card as
 * "sureness": {slope, offset, n, ece_before, ece}. */
bool fab_sureness_fit(const fab_replies *r, fab_curve *out, json_t *card, fab_err *err);

/* finish.c: temperature, curve of answers, input gate, the worth of each row and the counter, by the
 * engine's model and its replies to the exam of the card (FAB_EXAM_MADE): into the card and into what
 * is to be saved. */
bool fab_session_fit(fab_session *s, fab_engine *e, const fab_replies *r, json_t *card,
                     fab_mini_save_opts *o, fab_err *err);
/* The same, question-only baseline, card, model file. */
bool fab_session_finish(fab_session *s, json_t *summary, fab_err *err);

#endif
