/* split: who is held out. By hash of set and group, so it never changes and needs no list.
 *
 * VQA-RAD: by image (0.12). ISIC: by image (0.15). Kermany: by patient (0.15). SLAKE and BCCD
 * have val files.
 */
#ifndef FAB_DATA_SPLIT_H
#define FAB_DATA_SPLIT_H

#include "data/case.h"

bool fab_split_val(
    fab_set set, const char *group); /* group: base name of the image without folder, or patient */
bool fab_split_hash(const char *salt, const char *group, double fraction);

/* Moves the held-out records of a freshly read VQA-RAD set to val; all questions of an image go
 * together. */
bool fab_split_vqa_rad(fab_qa_set *all, fab_qa_set *train, fab_qa_set *val, fab_err *err);

#endif
