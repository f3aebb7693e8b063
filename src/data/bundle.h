/* bundle: all of the training data under one root, read, generated and split; what a recipe starts from. */
#ifndef FAB_DATA_BUNDLE_H
#define FAB_DATA_BUNDLE_H

#include "data/corpus.h"
#include "data/generate.h"

typedef struct {
    fab_path_list images;
    fab_case_list cases;
    int32_t *case_of;          /* [images.n]: the case of an image, -1 none (VQA-RAD) */
    fab_qa_set slake, slake_val, rad, rad_val; /* as the files have them */
    fab_qa_set made, made_val; /* generated; made_val is the exam of the held-out classification cases */
    fab_qa_set facts;          /* knowledge graph, text only */
    fab_qa_set captions;       /* of training cases */
    fab_corpus corpus;         /* empty unless asked for */
} fab_bundle;

/* root: ".../open". Errors name the file. Takes about a second, masks included. */
bool fab_bundle_open(fab_bundle *b, const char *root, bool with_corpus, fab_err *err);
void fab_bundle_clear(fab_bundle *b);

#endif
