/* recipe: a YAML file as the numbers of a run. recipes/mini.yaml explains every setting.
 *
 * Every setting is checked here, before data are read or files are made: a name nobody knows, a
 * wrong type and a number out of range are each one sentence, "recipe: stage vqa: drop is 2, 0 to
 * 0.9 is wanted".
 */
#ifndef FAB_TRAIN_RECIPE_H
#define FAB_TRAIN_RECIPE_H

#include "data/augment.h"
#include "data/case.h"
#include "nn/adalora.h"
#include "train/optim.h"
#include "train/train.h"
#include "zoo/mini.h"

enum { FAB_MAX_STAGES = 8, FAB_MAX_BATCH = 1024, FAB_MAX_QUESTIONS = 64, FAB_MAX_LENGTH = 192 };
enum { FAB_MAX_TEACHERS = 8 };

/* Weights of the losses of a stage; 0 leaves one out. */
typedef struct {
    double qa, caption, contrast, token_region, prototype, dense, presence, smoothing;
} fab_loss_weights;

/* Questions, captions or both are among them. */
static inline bool fab_losses_of_words(const fab_loss_weights *w)
{
    return w->qa > 0 || w->caption > 0 || w->contrast > 0 || w->token_region > 0 ||
           w->prototype > 0;
}

/* Which questions a stage asks first: grade.h. */
typedef struct {
    double start,
        full; /* shares: of the levels at the first step; of the steps until all are drawn,
                           0: no curriculum */
    bool linear, hard_first;
} fab_curriculum;

/* distil.h */
typedef struct {
    const char *models[FAB_MAX_TEACHERS]; /* files */
    int n;                                /* 0: no teacher */
    float weight, temperature;
} fab_teachers;

/* Pictures moved to where their questions are hard: batch.h. */
typedef struct {
    double share, epsilon; /* of the pictures; share 0: none. 1/255, or a fraction of the tokens */
    bool pixels;           /* else image tokens */
} fab_adversary;

typedef struct {
    const char *name;
    bool pictures; /* task: pictures; else text */
    int64_t steps;
    int batch, length; /* text: sequences and their longest; pictures: pictures a step */
    int questions;     /* per picture */
    double real_share; /* of questions drawn from real records where a picture has both */
    fab_loss_weights loss;
    double set_weight[FAB_SETS];
    double blank[FAB_SETS];      /* share of a set's pictures shown as blank ones */
    double word_drop[FAB_SETS];  /* share of the pieces of a set's questions left out */
    double prior[FAB_SETS];      /* share of a set's real questions answered by prior.c */
    double paraphrase[FAB_SETS]; /* share of a set's questions put in other words: data/reword.h */
    double mirror[FAB_SETS];     /* share of a set's pictures mirrored with their words */
    double close[FAB_SETS]; /* share of a set's pictures of which the skin lesion alone is shown */
    double mix;             /* share of the pictures with a rectangle of another: data/mix.h */
    fab_adversary adversary;
    fab_curriculum curriculum;
    fab_teachers teacher;
    const char *only; /* parameters whose names begin with one of these words learn; NULL: all */
    float drop;
    fab_schedule schedule;
    int64_t validate_every, patience;
} fab_stage;

/* What learns in the place of the model: adapt.h. */
enum { FAB_PEFT_PATTERNS = 32 };
typedef struct {
    bool on;
    fab_peft_opts opts;      /* of the lists below */
    fab_adalora_opts budget; /* of kind adalora */
    int64_t exam;            /* with a decoder: about how many questions; 0: all */
    const char *decoder;     /* before which the model's tower stands; NULL: the model itself */
    const char *start;       /* an adapter of this shape, of any model, to go on from; NULL: none */
    const char *targets[FAB_PEFT_PATTERNS], *full[FAB_PEFT_PATTERNS];
} fab_recipe_peft;

typedef struct {
    json_t *json; /* the document, --set applied; owns the strings */
    const char *name, *version, *data_dir, *out_dir;
    uint64_t seed;
    int store_side;
    bool share_val;
    int32_t vocab, max_han; /* of the tokenizer */
    fab_mini_config model;  /* its vocabulary follows from the tokenizer */
    const char *init_tower; /* weights the tower's trunk starts from; NULL: none */
    const char *init_model; /* a finished mini that all starts from; NULL: none */
    const char *init_leave; /* beginnings of names that start afresh, blanks between; NULL: none */
    fab_recipe_peft peft;
    fab_optim_opts optim;
    int64_t prototypes, prototypes_still; /* how many; steps of a stage in which they stay */
    float tower_rate;                     /* factor of the learning rate for the trunk */
    fab_augment_opts augment;
    fab_stage stages[FAB_MAX_STAGES];
    int n_stages;
    fab_dtype dtype; /* of the saved matrices */
    char hash[65];   /* of the model's settings: what a resume must agree on */
} fab_recipe;

/* The recipe at o->recipe with o->set, o->data and o->out. False with err set; clear it anyway. */
bool fab_recipe_read(fab_recipe *r, const fab_train_opts *o, fab_err *err);
/* recipe_peft.c: the section "peft", after all others. */
void fab_recipe_read_peft(fab_recipe *r, const json_t *o, fab_err *err);
void fab_recipe_clear(fab_recipe *r); /* cleared is fine */

/* recipe_teacher.c: a stage's teacher setting; NULL: none. */
void fab_recipe_read_teacher(const json_t *o, fab_stage *g, fab_err *err);

#endif
