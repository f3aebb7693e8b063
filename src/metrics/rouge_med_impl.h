/* rouge_med_impl: what the units (rouge_med_units.c), the scores (rouge_med.c) and grammar
 * (rouge_med_form.c) share. */
#ifndef FAB_METRICS_ROUGE_MED_IMPL_H
#define FAB_METRICS_ROUGE_MED_IMPL_H

#include "metrics/rouge_med.h"
#include "text/strtab.h"

typedef struct {
    int32_t id;      /* of the word or concept in this comparison */
    int32_t concept; /* of the lexicon, -1: a word */
    int32_t side;    /* concept of a side, -1: none */
    bool negated;
    float weight;
    uint32_t sentence;
    size_t at, end;
} med_unit;

typedef struct {
    med_unit *units;
    int64_t n;
    uint32_t sentences;
    fab_text text;
} med_text;

struct fab_rouge_med {
    const fab_lexicon *lexicon;
    fab_lexicon *own;
    fab_segmenter *segmenter;
    bool no_terms;
    fab_word_list words;
    fab_strtab ids;
    fab_arena *arena; /* of one call */
    int32_t left, right;
};

bool med_read(fab_rouge_med *m, fab_text text, med_text *out, fab_err *err);

/* The same unit: word or concept, sign, and no opposite sides. */
static inline bool med_agree(const fab_rouge_med *m, const med_unit *a, const med_unit *b)
{
    bool opposite =
        (a->side == m->left && b->side == m->right) || (a->side == m->right && b->side == m->left);
    return a->id == b->id && a->negated == b->negated && !(opposite && a->side >= 0);
}

double med_grammar_flags(fab_rouge_med *m, const med_text *t); /* flags a sentence */

#endif
