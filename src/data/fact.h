/* fact: one thing known about a picture, free of wording and language; and the tables that word
 * it.
 *
 *   record "图片中包含肝脏吗?" -> "包含"      <->   fact (CONTAINS, liver, yes)
 *   fact (LARGEST, "Lung" / "肺")            ->    every wording of that question in both languages
 *
 * A template is a question with {} where the noun goes. SLAKE's own wordings are in the table,
 * typing errors that its questions share included ("brian"), because that is how the questions
 * will be asked again. docs/data.md is printed from the same tables.
 */
#ifndef FAB_DATA_FACT_H
#define FAB_DATA_FACT_H

#include "data/record.h"

typedef enum {
    /* answered by a value */
    FAB_FACT_MODALITY,
    FAB_FACT_WEIGHTING,
    FAB_FACT_PLANE,
    FAB_FACT_PART,
    FAB_FACT_REGION,
    FAB_FACT_MAIN_ORGAN,
    FAB_FACT_LARGEST,
    FAB_FACT_PAIRS,
    FAB_FACT_TOP,
    FAB_FACT_RIGHTMOST,
    FAB_FACT_LEFTMOST,
    FAB_FACT_CORNER,
    FAB_FACT_GREY_LEFT,
    FAB_FACT_BLACK_LEFT,
    FAB_FACT_DISEASES,
    FAB_FACT_WHERE_ABNORMAL,
    FAB_FACT_ABNORMAL_ORGAN,
    FAB_FACT_KINDS,
    FAB_FACT_ORGAN_COUNT,
    FAB_FACT_DAMAGE,
    FAB_FACT_WHERE,
    FAB_FACT_COUNT,
    FAB_FACT_COLOUR,
    FAB_FACT_SHAPE,
    FAB_FACT_DIAGNOSIS,
    FAB_FACT_CAUSE,
    FAB_FACT_CELLS,
    FAB_FACT_SYSTEM,
    FAB_FACT_BIGGEST,
    FAB_FACT_LUNG_SIDE,
    FAB_FACT_ILL_LOBE,
    FAB_FACT_SOUND_LOBE,
    FAB_FACT_MAIN_FUNCTION,
    FAB_FACT_BLACK_FUNCTION,
    FAB_FACT_IN_LUNG,
    /* answered by yes or no */
    FAB_FACT_CONTAINS,
    FAB_FACT_IS_MODALITY,
    FAB_FACT_IS_WEIGHTING,
    FAB_FACT_IS_PLANE,
    FAB_FACT_STUDY_OF,
    FAB_FACT_ABNORMAL,
    FAB_FACT_HEALTHY,
    FAB_FACT_HAS,
    FAB_FACT_SIDE_ABNORMAL,
    FAB_FACT_ATTRIBUTE,
    FAB_FACT_HAS_SYSTEM,
    FAB_FACT_CAN,
    FAB_FACTS
} fab_fact_kind;

/* A word that fills {}; also the thing as an answer. labels: rows of fab_labels that it covers,
 * -1 none. */
typedef struct {
    const char *en, *zh;               /* in a question */
    const char *answer_en, *answer_zh; /* as an answer */
    const char *code_a, *code_b;       /* label codes: left and right, or one; NULL none */
} fab_noun;

typedef struct {
    fab_fact_kind kind;
    fab_lang lang;
    const char *text;
    const char *yes, *no; /* NULL: answered by the value */
    bool negated;         /* "does it look normal?" about FAB_FACT_ABNORMAL */
    bool latin; /* a Chinese question that is answered by the English value (CT, MRI, X-Ray) */
} fab_template;

typedef struct {
    fab_fact_kind kind;
    int noun;                     /* index; -1 none */
    int yes;                      /* 1, 0; -1: by value */
    const char *value[FAB_LANGS]; /* NULL: not known in that language */
} fab_fact;

extern const fab_noun fab_nouns[];
extern const int fab_noun_count;
extern const fab_template fab_templates[];
extern const int fab_template_count;

int fab_noun_find(const char *en); /* by question word, English; -1 */
int fab_noun_of_label(int label);  /* the noun that covers exactly this label; -1 */

/* Reads a record back into a fact. false: no template matches, or the answer is not one of the
 * template's. Values lie in the arena or are the record's own. */
bool fab_fact_parse(const fab_qa *q, fab_arena *a, fab_fact *out);

/* Template t of the fact: question and answer in the arena; *question NULL when the fact cannot
 * be put that way (kind, language, missing value). false: memory. */
bool fab_fact_word(const fab_fact *f, const fab_template *t, fab_arena *a, const char **question,
                   const char **answer, fab_err *err);

/* An answer in the other language, lists element by element; NULL when a word is unknown. */
const char *fab_translate(const char *answer, fab_lang from, fab_arena *a);

#endif
