/* json_steps: the parts of a tokenizer.json around its model, read into a fab_tokenizer whose
 * pieces are put already. NULL and null are nothing. */
#ifndef FAB_TEXT_JSON_STEPS_H
#define FAB_TEXT_JSON_STEPS_H

#include "base/json.h"
#include "text/token_impl.h"

const char *fab_json_type(const json_t *o); /* "type", "null" or "?" */

bool fab_json_normalizer(fab_tokenizer *t, const json_t *o, fab_err *err);
bool fab_json_pre_tokenizer(fab_tokenizer *t, const json_t *o, fab_err *err);
bool fab_json_decoder(fab_tokenizer *t, const json_t *o, fab_err *err);
bool fab_json_post_processor(fab_tokenizer *t, const json_t *o, fab_err *err);

/* One more step, cleared, to be filled; NULL with err set when there are too many. */
fab_normal *fab_tok_normal(fab_tokenizer *t, fab_normal_kind kind, fab_err *err);
fab_cut *fab_tok_cut(fab_tokenizer *t, fab_cut_kind kind, fab_err *err);

#endif
