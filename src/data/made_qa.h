/* made_qa: cases and the knowledge graph -> question-answer records and captions, in English
 * and Chinese.
 *
 * Deterministic: the wording of a record is chosen by a hash of (image id, fact, n).
 * docs/data.md lists every template. Answers follow the wording of the question, as in SLAKE:
 * 图片中包含…吗 -> 包含/不包含, …吗 (是) -> 是的/不是, 有…吗 -> 有/没有.
 */
#ifndef FAB_DATA_MADE_QA_H
#define FAB_DATA_MADE_QA_H

#include "data/case.h"

typedef struct {
    int per_fact;    /* paraphrases per fact and language, default 1 */
    bool train, val; /* which cases to use */
    float weight;    /* of each record */
} fab_make_opts;
#define FAB_MAKE_DEFAULTS                                                                          \
    {                                                                                              \
        .per_fact = 1, .train = true, .val = false, .weight = 1                                    \
    }

/* Appends records about every chosen case. */
bool fab_make_qa(const fab_case_list *cases, const fab_make_opts *o, fab_qa_set *out, fab_err *err);

/* One classification question per case and language, for measuring: ISIC, Kermany and BCCD only. */
bool fab_make_exam(const fab_case_list *cases, const fab_make_opts *o, fab_qa_set *out,
                   fab_err *err);

/* Captions: question = "" and answer = the sentence; n variants per case and language. */
bool fab_make_captions(const fab_case_list *cases, const fab_make_opts *o, fab_qa_set *out,
                       fab_err *err);
/* One caption of one case, variant v, in the arena; NULL with err. flipped: sides exchanged. */
const char *fab_caption(const fab_case *c, fab_lang lang, uint32_t v, bool flipped, fab_arena *a,
                        fab_err *err);

/* Text-only records from slake/kg.jsonl. */
bool fab_make_kg(const char *kg_path, float weight, fab_qa_set *out, fab_err *err);

/* A light rewording of a question (synonyms of frame words only; negation, sides and nouns are
 * kept); q itself when no rule fits. n picks among them. */
const char *fab_paraphrase(const char *q, fab_lang lang, uint32_t n, fab_arena *a, fab_err *err);

#endif
