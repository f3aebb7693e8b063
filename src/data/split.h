/* split: who is held out. By hash of set and group, so it never changes and needs no list.
 *
 * VQA-RAD: of 0.12 of the images half of the questions, each with its paraphrases: its official
 * test split, too, asks other questions about pictures of training. ISIC: by image (0.15). Kermany:
 * by patient (0.15). SLAKE: the pictures of its English val file. BCCD: val file.
 */
#ifndef FAB_DATA_SPLIT_H
#define FAB_DATA_SPLIT_H

#include "data/case.h"

/* group: base name of the image without folder, or patient */
bool fab_split_val(fab_set set, const char *group);
bool fab_split_hash(const char *salt, const char *group, double fraction);

/* VQA-RAD numbers a question and its paraphrases one after the other: a run is records about one
 * picture whose numbers follow one another. Zeroed at the start of a file. */
typedef struct {
    int64_t number; /* of the record before */
    char image[256];
    bool held;
} fab_rad_run;

/* Whether the next record of the file is held out: id "vqarad-123", image: its base name. */
bool fab_split_rad(fab_rad_run *run, const char *id, const char *image);

/* Moves the held-out records of a freshly read VQA-RAD set to val; the others go to train. */
bool fab_split_vqa_rad(const fab_qa_set *all, fab_qa_set *train, fab_qa_set *val, fab_err *err);

/* A question frame words a question about the same picture anew, of the test split too, and does
 * not say which. True when a record of train has its picture, its answer and half of its words of
 * four letters or more, and no record of val has. */
bool fab_split_frame(const fab_qa *frame, const fab_qa_set *train, const fab_qa_set *val);

#endif
