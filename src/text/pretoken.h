/* pretoken: cuts text into the words inside which merges happen. Four patterns, each scanned by
 * hand:
 *
 *   gpt-2    's|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+
 *   llama-3  (?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}|
 *            ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+
 *   qwen2    the same with single digits
 *   fabrica  ours, for Chinese and English: gpt-2 with single digits and with Han runs as words of
 *            their own, so that "CT显示5mm结节" is CT|显示|5|mm|结节 and no merge joins a Latin
 *            abbreviation, a number or a space to Chinese. Inside a Han run the merges alone decide
 *            (there is no space to cut at): chunks of a fixed length would cut the same word in
 *            different places. The trainer's max_han keeps tokens word-sized.
 *
 * A word never crosses a call's text, so added tokens are cut out first. */
#ifndef FAB_TEXT_PRETOKEN_H
#define FAB_TEXT_PRETOKEN_H

#include <stdbool.h>
#include <stddef.h>

typedef enum {
    FAB_PRE_GPT2,
    FAB_PRE_LLAMA3,
    FAB_PRE_QWEN2,
    FAB_PRE_FABRICA,
    FAB_PRES
} fab_pretoken;

/* Length in bytes of the first word of s[0..n), n > 0, s valid UTF-8. Never 0. */
size_t fab_pretoken_next(fab_pretoken p, const char *s, size_t n);

const char *fab_pretoken_name(fab_pretoken p); /* as in GGUF's tokenizer.ggml.pre */
const char *fab_pretoken_regex(
    fab_pretoken p); /* as in tokenizer.json's Split; NULL for gpt-2 (ByteLevel has it) */
bool fab_pretoken_parse(const char *name, fab_pretoken *p);

#endif
