/* reword: the same question in other words, with the answer that they ask for.
 *
 *   1. A question worded like one of fact_tables.c's templates is put as another template of the
 *      same fact and language: "Does the picture contain liver?" -> "Is there a liver in this
 *      image?", and "包含" becomes "有" with it.
 *   2. In half of the cases a medical term of the question becomes a synonym of the lexicon.
 *
 * A synonym is one of the first three surfaces (of a part of the body: two) of the term's concept
 * in the language, of a disease, a finding or a part of the body whose entry has a hand-written or
 * checked surface (letters W, L). Adjectives are told by their endings and are neither replaced nor
 * put in (-al, -ic, ..); nor is what says more (a side, a negation, "heart is enlarged"), or would
 * need another article. Terms that the answer repeats stay as they are. And the same question about
 * the picture in a mirror.
 */
#ifndef FAB_DATA_REWORD_H
#define FAB_DATA_REWORD_H

#include "base/rng.h"
#include "data/fact.h"
#include "text/lexicon.h"

/* Puts other words into q->question and q->answer, in the arena; q stays as it is when no rule
 * fits. lexicon NULL: no synonyms. False: memory. */
bool fab_reword(fab_qa *q, const fab_lexicon *lexicon, fab_rng *rng, fab_arena *a, fab_err *err);

/* Exchanges left and right, 左 and 右, in question and answer, in the arena: what is asked of the
 * mirrored picture. Capitals stay ("Rightmost" -> "Leftmost"), both sides named as one ("左右对称")
 * too; "bright" has no side. Abbreviations ("RUQ") are not known. False: memory. */
bool fab_mirror_words(fab_qa *q, fab_arena *a, fab_err *err);

#endif
