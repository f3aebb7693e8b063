/* export: the held-out parts of the training data as JSONL files that `fabrica eval` reads, so that
 * anyone can recompute a card's figures. Pictures stay where they are: paths are absolute.
 *
 *   DIR/slake.jsonl, vqa_rad.jsonl   question records, of pictures that no training record is about
 *   DIR/isic.jsonl {id, image, diagnosis, sex, age}, kermany.jsonl {id, image, label}
 *   DIR/SET_captions_LANG.jsonl {id, image, caption}  of slake and isic, in en and zh (docs/data.md, 5)
 */
#ifndef FAB_DATA_EXPORT_H
#define FAB_DATA_EXPORT_H

#include "data/bundle.h"

enum { FAB_EXPORTS = 8 };
extern const char *const fab_export_names[FAB_EXPORTS]; /* of the files, without .jsonl */

/* Makes DIR. n (may be NULL) receives how many records each file has. */
bool fab_bundle_export_val(const fab_bundle *b, const char *dir, int64_t n[FAB_EXPORTS],
                           fab_err *err);

#endif
