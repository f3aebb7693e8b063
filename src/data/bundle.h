/* bundle: all of the training data under one root, read, generated and split; what a recipe
 * starts from. */
#ifndef FAB_DATA_BUNDLE_H
#define FAB_DATA_BUNDLE_H

#include "data/corpus.h"
#include "data/made_qa.h"

typedef struct {
    fab_path_list images;
    fab_case_list cases;
    int32_t *case_of; /* [images.n]: the case of an image, -1 none (VQA-RAD) */
    fab_qa_set slake, slake_val, rad, rad_val; /* as the files have them */
    fab_qa_set made;     /* generated, and VQA-RAD's question frames ("VQA-RAD made") */
    fab_qa_set made_val; /* the exam of the held-out classification cases */
    fab_qa_set facts;    /* knowledge graph, text only */
    fab_qa_set captions; /* of training cases */
    fab_corpus corpus;   /* empty unless asked for */
} fab_bundle;

/* SLAKE's files are split by image within each language only: 64 of the 96 pictures of the English
 * val questions have Chinese training questions (704 records), and 66 of the 84 Chinese ones
 * English training questions. Here the 96 are held out, with every record about them in either
 * language (1,053 and 898), and the other Chinese val records train, so that a val figure tells
 * about pictures never seen. */
typedef struct {
    bool corpus;    /* read the text corpus too */
    bool share_val; /* keep the training file's records and masks of val pictures */
} fab_bundle_opts;

/* root: ".../open". opts may be NULL. Errors name the file. */
bool fab_bundle_open(fab_bundle *b, const char *root, const fab_bundle_opts *opts, fab_err *err);
void fab_bundle_clear(fab_bundle *b);

#endif
