/* converse: a conversation with a published model, in the words of its own chat template, with
 * pictures where it can see.
 *
 * Every turn is put together from the whole conversation; the generator's cache spares reading
 * again what did not change. What a user writes is never taken for a control token.
 */
#ifndef FAB_ENGINE_CONVERSE_H
#define FAB_ENGINE_CONVERSE_H

#include "engine/generate.h"
#include "text/chat.h"
#include "zoo/llava.h"

typedef struct fab_talk fab_talk;

typedef struct {
    const char *model, *mmproj; /* mmproj NULL: none, or the model's folder has the tower */
    const char *format;         /* a template's name (text/chat.h); NULL: the model's own */
    const char *system;         /* NULL: the template's own */
    bool sees;                  /* load the tower */
    fab_exactness exact;
} fab_talk_opts;

fab_talk *fab_talk_open(const fab_talk_opts *o, fab_pool *pool, fab_err *err);
void fab_talk_close(fab_talk *t); /* NULL is fine */
fab_generator *fab_talk_generator(const fab_talk *t);
const char *fab_talk_format(const fab_talk *t); /* the template's name */

/* The picture that a conversation is about, [height,width,3]: it stands before the first question,
 * so it takes effect where one begins. A failure leaves the one before. */
bool fab_talk_look(fab_talk *t, const uint8_t *rgb, int width, int height, fab_err *err);
void fab_talk_reset(fab_talk *t); /* forgets what was said; the picture stays */

/* A question and its answer, which both become part of the conversation; a failure leaves it as it
 * was. out's text lives until the conversation ends. */
bool fab_talk_ask(fab_talk *t, const char *question, const fab_generate_opts *o, fab_generated *out,
                  fab_err *err);

/* ids of a text as the model's own framing has it (<s> in front), control tokens known; in the
 * arena. A model without a tokenizer is an error. */
int32_t *fab_prompt_ids(const fab_decoder *d, const char *text, size_t n, fab_arena *a,
                        int64_t *count, fab_err *err);
/* The same for a user's message alone, in the template. */
int32_t *fab_prompt_chat_ids(const fab_decoder *d, const char *format, const char *system,
                             const char *text, fab_arena *a, int64_t *count, fab_err *err);

#endif
