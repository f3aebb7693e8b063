/* segment_terms: the lexicon's terms that lie between word edges. */
#include <string.h>
#include "text/segment.h"

/* The longest term from word i on that ends where a word ends; how many words it has, 0 for none. */
static size_t longest(const fab_lexicon *l, const char *text, size_t n, const fab_word_list *w,
                      size_t i, fab_term *t)
{
    size_t limit = n;

    while (fab_lexicon_match(l, text, limit, w->items[i].at, t)) {
        size_t k = i;
        while (k < w->n && w->items[k].at + w->items[k].len < t->end) k++;
        if (k < w->n && w->items[k].at + w->items[k].len == t->end) return k - i + 1;
        limit =
            k > i ? w->items[k - 1].at + w->items[k - 1].len : w->items[i].at; /* a shorter one */
        if (limit <= w->items[i].at) return 0;
    }
    return 0;
}

fab_term *fab_segment_terms(const fab_lexicon *l, const char *text, size_t n,
                            const fab_word_list *w, fab_arena *a, size_t *n_terms, fab_err *err)
{
    fab_term *terms = fab_arena_take(a, (w->n + 1) * sizeof *terms, err);

    *n_terms = 0;
    for (size_t i = 0, k; terms && i < w->n; i += k ? k : 1) {
        k = w->items[i].kind == FAB_WORD_OTHER ? 0 : longest(l, text, n, w, i, &terms[*n_terms]);
        *n_terms += k > 0;
    }
    return terms;
}
