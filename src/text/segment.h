/* segment: Chinese text into words; English words, numbers and units whole.
 *
 * Among all ways to cut a run into words of the dictionary the most probable is taken (a walk over
 * the graph of words, one step a character); what is left as single characters is cut by a hidden
 * Markov model (begin, middle, end, single). The dictionary is lexicon/words_zh.tsv with the
 * Chinese terms of the lexicon; both are in the program.
 */
#ifndef FAB_TEXT_SEGMENT_H
#define FAB_TEXT_SEGMENT_H

#include "text/lexicon.h"

typedef enum {
    FAB_WORD_HAN,    /* Chinese, or Chinese with letters in it: X线, 维生素B12 */
    FAB_WORD_LATIN,  /* a word of other letters, digits after them: nodule, x-ray, T1 */
    FAB_WORD_NUMBER, /* 5, 3.5, 90% */
    FAB_WORD_UNIT,   /* after a number: mm, mmol/L */
    FAB_WORD_OTHER   /* one character of punctuation, or a byte that is no UTF-8 */
} fab_word_kind;

typedef struct {
    uint32_t at, len; /* bytes of the text */
    fab_word_kind kind;
    bool known; /* Han: in the dictionary, not guessed */
} fab_word;

/* Words of one text, and the room to cut it in: kept from call to call, so that nothing is taken
 * per word. Begin with { 0 }. */
typedef struct {
    fab_word *items;
    size_t n, room;
    void *work;
    size_t work_room;
} fab_word_list;

typedef struct fab_segmenter fab_segmenter;

/* Over a lexicon, which it does not keep. NULL: over the one in the program. */
fab_segmenter *fab_segmenter_new(const fab_lexicon *l, fab_err *err);
/* The same over the bytes of a dictionary file. */
fab_segmenter *fab_segmenter_parse(const fab_lexicon *l, const void *data, size_t size,
                                   fab_err *err);
void fab_segmenter_free(fab_segmenter *s);
int fab_segmenter_size(const fab_segmenter *s); /* words in the dictionary */
const char *fab_segmenter_version(
    const fab_segmenter *s); /* 12 hexadecimal digits over dictionary and lexicon */

/* Cuts text[0, n) into w, blanks left out; the words lie in order. n is at most 1 GiB. Broken UTF-8
 * is no error: a byte that is no character is a word FAB_WORD_OTHER. */
bool fab_segment_text(const fab_segmenter *s, const char *text, size_t n, fab_word_list *w,
                      fab_err *err);
void fab_word_list_clear(fab_word_list *w);

/* The lexicon's terms in text[0, n), cut into w before: the longest from left to right that begin
 * and end where words do, so that 心 is not found in 中心; in the arena. NULL only without memory. */
fab_term *fab_segment_terms(const fab_lexicon *l, const char *text, size_t n,
                            const fab_word_list *w, fab_arena *a, size_t *n_terms, fab_err *err);

/* Against sentences cut by hand: one a line, blanks between words, # comments. A word counts when
 * both its ends agree; punctuation is not counted. */
typedef struct {
    int64_t sentences, wanted, found, right; /* words */
    double precision, recall, f1;
} fab_segment_score;
bool fab_segment_measure(const fab_segmenter *s, const char *gold, size_t size,
                         fab_segment_score *out, fab_err *err);

#endif
