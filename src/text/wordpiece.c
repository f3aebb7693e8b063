/* wordpiece: the longest piece from the left, again and again (Devlin et al. 2019); a piece inside
 * a word is written with "##" before it. A word of more than max_word characters, or with a place
 * where no piece begins, is one unk. */
#include <string.h>
#include "text/token_impl.h"
#include "text/utf8.h"

#define MAX_BYTES 1024 /* of a word, with the joiner */

/* The longest piece that begins buffer, which holds joiner and rest; *used bytes. */
static int32_t longest(const fab_tokenizer *t, const char *s, size_t n, size_t least)
{
    for (; n > least; n--) {
        if (((uint8_t)s[n] & 0xc0) == 0x80) continue; /* inside a character */
        int32_t id = fab_tok_find(t, s, n);
        if (id >= 0) return id;
    }
    return -1;
}

bool fab_wordpiece_word(const fab_tokenizer *t, fab_bpe_run *r, const char *s, size_t n)
{
    size_t joiner = strlen(t->joiner);
    char text[MAX_BYTES + 1];
    int64_t begin = r->n;
    bool known = n + joiner <= MAX_BYTES && fab_utf8_count(s, n) <= (size_t)t->max_word;

    for (size_t at = 0; known && at < n;) {
        size_t before = at ? joiner : 0, len = before + n - at;
        memcpy(text, t->joiner, before);
        memcpy(text + before, s + at, n - at);
        text[len] = 0;
        int32_t id = longest(t, text, len, before);
        known = id >= 0;
        if (known) fab_run_emit(r, id);
        if (known) at += t->pieces[id].len - before;
    }
    if (known) return true;
    r->n = begin;
    if (t->marks.unk >= 0) fab_run_emit(r, t->marks.unk);
    return true;
}
