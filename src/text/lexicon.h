/* lexicon: medical terms in Chinese and English, synonyms under one concept.
 *
 * The data file, lexicon/medical.tsv, is in the program; one line a concept, five fields between
 * tabs:
 *
 *     #fabrica-lexicon 1
 *     pleural_effusion <TAB> finding <TAB> 胸腔积液|胸水 <TAB> pleural effusion|effusion <TAB> LSW
 *
 * concept (a-z 0-9 _), kind, Chinese surfaces, English surfaces (either may be empty, the first is
 * the one to print), and letters for the sources (lexicon/README.md). A blank inside a Chinese
 * surface, "右肺 上叶", says that the term is made of several words: matching ignores it, the segmenter
 * cuts there. Lines that begin with # are comments.
 *
 * Matching runs over atoms: a Han character, or a run of other letters and digits, folded (full
 * width, case, Porter's stem). Between two runs of letters blanks, hyphens and apostrophes are
 * passed over, so "ground-glass opacities" is "ground glass opacity". A term begins and ends at an
 * atom's edge.
 */
#ifndef FAB_TEXT_LEXICON_H
#define FAB_TEXT_LEXICON_H

#include <stdint.h>
#include "base/arena.h"

typedef enum {
    FAB_TERM_OTHER,
    FAB_TERM_DISEASE,
    FAB_TERM_ANATOMY,
    FAB_TERM_FINDING,
    FAB_TERM_MEASUREMENT,
    FAB_TERM_LATERALITY,
    FAB_TERM_NEGATION,
    FAB_TERM_UNCERTAINTY,
    FAB_TERM_DRUG,
    FAB_TERM_KINDS
} fab_term_kind;

extern const char *const fab_term_kinds[FAB_TERM_KINDS]; /* "other", "disease", ... */
int fab_term_kind_find(const char *name);                /* -1: no such kind */

typedef struct {
    const char *name; /* "pleural_effusion": the concept id, the same in every language */
    fab_term_kind kind;
    const char *const *zh, *const *en; /* surfaces, the Chinese ones without their blanks */
    const char *const *zh_cut;         /* the Chinese ones as in the file */
    int n_zh, n_en;
    const char *sources;
} fab_concept;

typedef struct {
    size_t at, end;  /* bytes [at, end) of the text */
    int32_t concept; /* index for fab_lexicon_concept */
    int32_t atoms;   /* Han characters and words in it */
} fab_term;

typedef struct fab_lexicon fab_lexicon;

/* path NULL: the one in the program. The caller frees. */
fab_lexicon *fab_lexicon_open(const char *path, fab_err *err);
fab_lexicon *fab_lexicon_parse(const void *data, size_t size, fab_err *err);
void fab_lexicon_free(fab_lexicon *l);

const char *fab_lexicon_version(
    const fab_lexicon *l); /* 12 hexadecimal digits of the file's SHA-256 */
int fab_lexicon_concepts(const fab_lexicon *l);
int fab_lexicon_surfaces(const fab_lexicon *l); /* terms: surfaces in both languages */
const fab_concept *fab_lexicon_concept(const fab_lexicon *l, int i);  /* lent */
int fab_lexicon_concept_find(const fab_lexicon *l, const char *name); /* -1: no such concept */
int fab_lexicon_lookup(const fab_lexicon *l, const char *surface,
                       size_t n); /* the whole text as one term; -1 */

/* The longest term that begins at byte `at` of text[0, n), an atom's first byte: true and *t. */
bool fab_lexicon_match(const fab_lexicon *l, const char *text, size_t n, size_t at, fab_term *t);

/* All terms of a text, greedily the longest from left to right, none overlapping; in the arena.
 * NULL only without memory. */
fab_term *fab_lexicon_scan(const fab_lexicon *l, const char *text, size_t n, fab_arena *a,
                           size_t *n_terms, fab_err *err);

#endif
