/* chat: a conversation as the text that a model was tuned on.
 *
 * Models define it as a Jinja template. No Jinja is run: the template is recognised by the markers
 * in it, and the text is made by ours for that kind; a template that is not recognised is an error
 * that quotes its beginning. */
#ifndef FAB_TEXT_CHAT_H
#define FAB_TEXT_CHAT_H

#include "text/tokenizer.h"

typedef enum {
    FAB_CHAT_CHATML,  /* <|im_start|>ROLE\nTEXT<|im_end|>\n : Qwen, SmolLM2 */
    FAB_CHAT_LLAMA2,  /* <s>[INST] <<SYS>>\nSYSTEM\n<</SYS>>\n\nTEXT [/INST] ANSWER </s> */
    FAB_CHAT_LLAMA3,  /* <|start_header_id|>ROLE<|end_header_id|>\n\nTEXT<|eot_id|> */
    FAB_CHAT_MISTRAL, /* [INST] TEXT [/INST] ANSWER</s> */
    FAB_CHAT_GEMMA,   /* <start_of_turn>user\nTEXT<end_of_turn>\n */
    FAB_CHAT_ZEPHYR,  /* <|user|>\nTEXT</s>\n */
    FAB_CHAT_VICUNA,  /* SYSTEM USER: TEXT ASSISTANT: ANSWER</s> : LLaVA-1.5 */
    FAB_CHATS
} fab_chat_kind;

/* What is particular to one model's template. */
typedef struct {
    fab_chat_kind kind;
    bool bos;          /* begins with the bos token */
    bool answer_space; /* Mistral: a space before an answer */
    bool eos_space;    /* Mistral: a space after the eos of an answer */
    char system[512];  /* said when no message is "system"; empty: none */
} fab_chat;

const char *fab_chat_name(fab_chat_kind kind);
bool fab_chat_parse(const char *name, fab_chat_kind *kind); /* "chatml", "llama-2", ... */

/* Recognises a Jinja template. The error quotes its beginning. */
bool fab_chat_detect(fab_chat *c, const char *jinja, fab_err *err);

typedef struct {
    const char *role; /* "system", "user", "assistant" */
    const char *text;
} fab_chat_message;

/* The text, in the arena, and the parts of it that came from messages, for fab_encode_opts.plain.
 * bos, eos: texts of these tokens, may be NULL when the kind needs none. open: ends where the
 * assistant's answer begins. Errors: an unknown role, roles that do not alternate where the kind
 * wants it. */
typedef struct {
    char *text;
    size_t n;
    fab_text_span *plain;
    int64_t n_plain;
} fab_chat_text;
bool fab_chat_render(const fab_chat *c, const fab_chat_message *m, int64_t n, bool open,
                     const char *bos, const char *eos, fab_arena *a, fab_chat_text *out,
                     fab_err *err);

/* Render and encode in one step, with t's own bos and eos; control tokens are seen in the
 * template's words only. */
int32_t *fab_chat_encode(const fab_tokenizer *t, const fab_chat *c, const fab_chat_message *m,
                         int64_t n, bool open, fab_arena *a, int64_t *n_ids, fab_err *err);

#endif
