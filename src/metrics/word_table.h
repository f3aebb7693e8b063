/* word_table: how a metric sees a text: a row of words, each a number. The rules are those of the
 * official tools, letter by letter; what those tools lose, the writing of Chinese, is kept by rule
 * (fab_script).
 *
 * A table numbers the words of one comparison 0, 1, 2 ... in the order of their first appearance,
 * so that everything above counts in arrays. It remembers every word it has met together with its
 * stem: scoring many pairs with one table stems each word once. A table belongs to one thread.
 */
#ifndef FAB_METRICS_WORD_TABLE_H
#define FAB_METRICS_WORD_TABLE_H

#include <stdint.h>
#include "base/arena.h"
#include "text/stem.h"

/* Which characters make words. ASCII: a-z and 0-9 alone, as rouge_score and ROUGE-1.5.5 have it: a
 * Chinese text is empty. CJK: these, and each Han, kana or hangul character a word of its own (or
 * the segmenter's words); full-width letters and digits count as ASCII. A text without such
 * characters scores as under ASCII, to the last bit. ALL: every letter, digit and mark of any
 * script, lower-cased, besides. */
typedef enum { FAB_SCRIPT_CJK, FAB_SCRIPT_ASCII, FAB_SCRIPT_ALL } fab_script;

typedef struct fab_word_table fab_word_table;

typedef struct {
    uint32_t *ids; /* [n]; after a reading never NULL, even when n = 0 */
    int64_t n, cap;
    int64_t *lines; /* [n_lines] where each line begins in ids; empty lines too */
    int64_t n_lines, cap_lines;
    fab_word_table *table;
} fab_word_row;

/* Cuts s[0..n), a run of CJK characters without anything between, into words by calling
 * fab_word_row_put for each. */
typedef bool (*fab_segment)(void *arg, const char *s, size_t n, fab_word_row *to, fab_err *err);

typedef struct {
    fab_script script;
    fab_stem stem;       /* of words longer than 3 */
    bool underscore;     /* '_' is a letter (Perl's \w), else it parts words */
    bool python_lower;   /* U+0130 and U+212A are an i and a k once lower-cased (Python) */
    fab_segment segment; /* NULL: each CJK character is a word */
    void *segment_arg;
} fab_word_rule;

fab_word_table *fab_word_table_new(const fab_word_rule *rule, fab_err *err);
void fab_word_table_free(fab_word_table *t); /* NULL is fine */

/* Begins a new comparison: words are numbered from 0 again. Rows read before are void. */
void fab_word_table_begin(fab_word_table *t);
uint32_t fab_word_table_count(const fab_word_table *t); /* numbers given since begin */
const char *fab_word_text(const fab_word_table *t, uint32_t id,
                          size_t *n); /* lent; NUL-terminated */

/* The words of s[0..n) into w, whose buffers are used again (zeroed = new). '\n' ends a line. Fails
 * when the text is not UTF-8, naming the byte. */
bool fab_word_row_read(fab_word_table *t, fab_word_row *w, const char *s, size_t n, fab_err *err);
void fab_word_row_init(fab_word_row *w, fab_word_table *t); /* empties it, keeps its buffers */
bool fab_word_row_put(fab_word_row *w, const char *s, size_t n,
                      fab_err *err); /* one word as it is: neither lower-cased nor stemmed */
void fab_word_row_clear(fab_word_row *w);

bool fab_is_cjk(
    uint32_t cp); /* Han, kana, hangul, bopomofo: writing without blanks between words */

#endif
