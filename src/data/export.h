/* export: the held-out parts of the training data as JSONL files that `fabrica eval` reads, so that
 * anyone can recompute a card's figures. Pictures stay where they are: paths are absolute.
 *
 *   DIR/slake.jsonl, vqa_rad.jsonl   question records, of pictures that no training record is about
 *   DIR/isic.jsonl {id, image, diagnosis}, kermany.jsonl {id, image, label}
 */
#ifndef FAB_DATA_EXPORT_H
#define FAB_DATA_EXPORT_H

#include "data/bundle.h"

/* Makes DIR. n[4] (may be NULL) receives how many records each file has, in the order above. */
bool fab_bundle_export_val(const fab_bundle *b, const char *dir, int64_t n[4], fab_err *err);

#endif
