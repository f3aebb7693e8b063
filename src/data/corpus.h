/* corpus: text without pictures for the language stage: a prompt (may be "") and what follows
 * it. */
#ifndef FAB_DATA_CORPUS_H
#define FAB_DATA_CORPUS_H

#include "data/record.h"

typedef struct {
    const char *prompt, *answer;
    const char *source; /* medquad, pubmedqa, roco, huatuo, toyhom */
    fab_lang lang;
    bool val; /* 2 % by hash of the id */
} fab_text;

typedef struct {
    fab_arena *arena; /* owned */
    fab_text *items;
    int64_t n, cap;
} fab_corpus;

/* Reads the five sets under root (".../open"). A missing or broken file is an error. max_chars >
 * 0 cuts longer answers after the last sentence that fits. */
bool fab_corpus_open(fab_corpus *c, const char *root, int max_chars, fab_err *err);
void fab_corpus_clear(fab_corpus *c);

#endif
