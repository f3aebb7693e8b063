/* prompts: sentences for a class name, for zero-shot classification by an ensemble of prompts
 * (Radford 2021, 3.1.4). */
#ifndef FAB_DATA_PROMPTS_H
#define FAB_DATA_PROMPTS_H

#include "data/record.h"

enum { FAB_PROMPTS = 8 };

/* Sentences that say that a picture shows `name`, worded like the captions of training. A name
 * that is a known label in the other language is translated ("melanoma" <-> 黑色素瘤). Fills out,
 * returns how many (<= FAB_PROMPTS), 0 with err. */
int fab_prompts(const char *name, fab_lang lang, fab_arena *a, const char *out[FAB_PROMPTS],
                fab_err *err);

#endif
