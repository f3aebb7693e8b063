/* meteor: METEOR with the weights of Lavie & Agarwal 2007 as NLTK's meteor_score computes it (alpha
 * 0.9, beta 3, gamma 0.5): exact words, then Porter stems (NLTK's), then synonyms when there is a
 * list of them. It is not the number of meteor-1.5.jar, which needs WordNet and a table of
 * paraphrases. */
#ifndef FAB_METRICS_METEOR_H
#define FAB_METRICS_METEOR_H

#include "metrics/word_table.h"

/* Whether two words, lower-cased, mean the same. */
typedef bool (*fab_synonyms)(void *arg, const char *a, const char *b);

/* hyp and ref: rows of t, lower-cased and not stemmed. synonyms may be NULL. Stems take numbers of
 * t. */
bool fab_meteor(fab_word_table *t, const fab_word_row *hyp, const fab_word_row *ref,
                fab_synonyms synonyms, void *arg, fab_arena *scratch, double *score, fab_err *err);

#endif
