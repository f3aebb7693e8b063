/* segment_measure: precision, recall and F1 of the words of sentences cut by hand. */
#include <string.h>
#include "text/segment_impl.h"
#include "text/utf8.h"

typedef struct {
    fab_word_list found, part;
    char *text;
    size_t n;
    uint32_t *ends; /* of the words by hand: begin and end, punctuation left out */
    size_t n_ends;
} line;

/* Whether a word by hand is punctuation: all its characters are. */
static bool is_mark(const fab_segmenter *s, const char *word, size_t n, fab_word_list *w,
                    fab_err *err)
{
    if (!fab_segment_text(s, word, n, w, err)) return false;
    for (size_t i = 0; i < w->n; i++)
        if (w->items[i].kind != FAB_WORD_OTHER) return false;
    return true;
}

static bool read_words(const fab_segmenter *s, const char *p, size_t n, line *l, fab_err *err)
{
    l->n = l->n_ends = 0;
    for (size_t at = 0; at < n;) {
        size_t end = at;
        while (end < n && p[end] != ' ') end++;
        if (end > at && !is_mark(s, p + at, end - at, &l->part, err)) {
            if (err->code) return false;
            l->ends[l->n_ends++] = (uint32_t)l->n;
            l->ends[l->n_ends++] = (uint32_t)(l->n + end - at);
        }
        memcpy(l->text + l->n, p + at, end - at);
        l->n += end - at;
        at = end + 1;
    }
    return true;
}

static bool measure_line(const fab_segmenter *s, line *l, fab_segment_score *out, fab_err *err)
{
    size_t k = 0;

    if (!fab_segment_text(s, l->text, l->n, &l->found, err)) return false;
    out->sentences++;
    out->wanted += (int64_t)(l->n_ends / 2);
    for (size_t i = 0; i < l->found.n; i++) {
        const fab_word *w = &l->found.items[i];
        if (w->kind == FAB_WORD_OTHER) continue;
        out->found++;
        while (k < l->n_ends && l->ends[k] < w->at) k += 2;
        out->right += k < l->n_ends && l->ends[k] == w->at && l->ends[k + 1] == w->at + w->len;
    }
    return true;
}

bool fab_segment_measure(const fab_segmenter *s, const char *gold, size_t size,
                         fab_segment_score *out, fab_err *err)
{
    line l = { 0 };
    bool ok = fab_utf8_require(gold, size, err);

    *out = (fab_segment_score){ 0 };
    ok = ok && (l.text = fab_new(size + 1, err)) &&
         (l.ends = fab_new_array(size + 2, sizeof *l.ends, err));
    for (size_t at = 0; ok && at < size;) {
        const char *nl = memchr(gold + at, '\n', size - at);
        size_t n = nl ? (size_t)(nl - gold) - at : size - at;
        if (n && gold[at] != '#')
            ok = read_words(s, gold + at, n, &l, err) && measure_line(s, &l, out, err);
        at += n + 1;
    }
    if (ok && (!out->found || !out->wanted)) ok = fab_fail(err, FAB_EFORMAT, "no words to compare");
    if (ok) {
        out->precision = (double)out->right / (double)out->found;
        out->recall = (double)out->right / (double)out->wanted;
        out->f1 = 2.0 * (double)out->right / (double)(out->found + out->wanted);
    }
    fab_free(l.text);
    fab_free(l.ends);
    fab_word_list_clear(&l.found);
    fab_word_list_clear(&l.part);
    return ok;
}
