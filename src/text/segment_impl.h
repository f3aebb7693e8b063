/* segment_impl: what segment.c (cutting), segment_atoms.c (reading) and segment_words.c (the
 * dictionary) share. */
#ifndef FAB_TEXT_SEGMENT_IMPL_H
#define FAB_TEXT_SEGMENT_IMPL_H

#include "text/segment.h"
#include "text/strtab.h"

enum { SEG_BEGIN, SEG_MIDDLE, SEG_END, SEG_SINGLE, SEG_STATES };
enum { SEG_MAX_ATOMS = 32, SEG_NONE = INT32_MAX }; /* of one dictionary word; no word ends here */

/* What words are made of: a Han character, or a whole word, number or unit of other letters. */
typedef struct {
    uint32_t at, len;
    int32_t code; /* in the dictionary's alphabet; 0: not in it */
    fab_word_kind kind;
} seg_atom;

/* A double array: the child of node u by code c is units[u.base + c] when its check is u. */
typedef struct {
    int32_t base, check; /* check -1: free */
    int32_t cost;        /* of the word that ends here, SEG_NONE: none; 1000 = one nat */
} seg_unit;

struct fab_segmenter {
    uint16_t code_of[0x10000]; /* Han of the basic plane to codes 1 ... n_han */
    int32_t n_han;
    fab_strtab latin; /* folded letters inside words, codes n_han + 1 ... */
    char *text;       /* what latin points into */
    seg_unit *units;
    int32_t n_units;
    int32_t (*emit)[SEG_STATES]; /* by code up to n_han; [0] is for characters not in the table */
    int32_t next[SEG_STATES][SEG_STATES], start[SEG_STATES], stop[SEG_STATES];
    int32_t unknown; /* cost of a single character that is no word of the dictionary */
    int n_words;
    char version[13];
};

/* The atoms of the text from *at on up to a blank, a punctuation mark or `room`, at least one
 * unless *mark; *at moves behind them. *mark: a punctuation mark (or broken byte) of *mark bytes
 * comes next. Blanks before are passed over. */
size_t seg_atoms(const fab_segmenter *s, const char *text, size_t n, size_t *at, seg_atom *atoms,
                 size_t room, size_t *mark);

int32_t seg_han_code(const fab_segmenter *s, uint32_t c);
size_t seg_fold(const char *s, size_t n, char *to,
                size_t room); /* lower case, half width; 0: too long */

static inline int32_t seg_child(const fab_segmenter *s, int32_t node, int32_t code)
{
    int32_t at = s->units[node].base + code; /* the array reaches past every base by the alphabet */
    return s->units[at].check == node ? at : -1;
}

/* The cheapest way to cut m atoms: from[i] is where the word that ends before i begins; not the
 * whole as one word when `whole` is false. cost and from have room for m + 1. */
void seg_cheapest(const fab_segmenter *s, const seg_atom *atoms, size_t m, bool whole,
                  int64_t *cost, uint32_t *from);

#endif
