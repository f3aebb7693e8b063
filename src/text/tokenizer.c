/* tokenizer: from text to ids.
 *
 * Added tokens are looked for twice, as Hugging Face does: those of `raw` in the text as it comes;
 * what lies between is normalised, and there those of `normal`. What lies between these is cut
 * into words, and the model gives each word's ids. */
#include <string.h>
#include "text/token_impl.h"
#include "text/utf8.h"

#define MAX_TEXT (UINT32_MAX / 16)

typedef struct {
    const fab_tokenizer *t;
    const fab_encode_opts *o;
    fab_bpe_run r;
    fab_arena *arena;
    const char *text; /* the whole */
    int64_t at_span;
    bool first; /* nothing came before in the text */
    fab_err *err;
} job;

void fab_run_emit(fab_bpe_run *r, int32_t id)
{
    if (r->n < r->max) r->ids[r->n] = id;
    r->n++;
}

/* --- words --- */

static bool word(job *j, const char *s, size_t n)
{
    if (!n) return true;
    switch (j->t->model) {
    case FAB_MODEL_UNIGRAM: return fab_unigram_word(j->t, &j->r, s, n);
    case FAB_MODEL_WORDPIECE: return fab_wordpiece_word(j->t, &j->r, s, n);
    default: return fab_bpe_word(&j->r, s, n);
    }
}

/* SentencePiece's text has no words; where no piece goes over a space, those between spaces do as
 * well and are met again. */
static bool meta_words(job *j, const char *s, size_t n)
{
    size_t from = 0;

    for (size_t i = 1; i + 3 <= n; i++) {
        if ((uint8_t)s[i] != 0xe2 || memcmp(s + i, FAB_META, 3) != 0) continue;
        if (i >= 3 && !memcmp(s + i - 3, FAB_META, 3)) continue; /* a run of them is one */
        if (!word(j, s + from, i - from)) return false;
        from = i;
    }
    return word(j, s + from, n - from);
}

static bool cut(job *j, int step, const char *s, size_t n)
{
    bool kept;

    if (step == j->t->n_cut) return j->t->cut_meta ? meta_words(j, s, n) : word(j, s, n);
    const fab_cut *c = &j->t->cut[step];
    const char *whole = s;
    if (!fab_cut_text(c, j->arena, j->first, &s, &n, j->err)) return false;
    if (s != whole && !step) j->r.text = s;
    else if (s != whole) j->r.cache = NULL; /* it points into the text that was */
    for (size_t len; n; s += len, n -= len) {
        len = fab_cut_next(c, s, n, &kept);
        if (kept && !cut(j, step + 1, s, len)) return false;
        j->first = false;
    }
    return true;
}

static bool words(job *j, const char *s, size_t n)
{
    fab_bpe_seen *cache = NULL;

    if (!n) return true;
    bool bpe = j->t->bpe != NULL;
    if (bpe && n >= FAB_BPE_CACHE_FROM && j->r.max &&
        !(cache = fab_new_array(FAB_BPE_CACHE, sizeof *cache, j->err)))
        return false;
    j->r.text = s;
    j->r.cache = cache;
    bool ok = cut(j, 0, s, n);
    fab_free(cache);
    j->first = false;
    return ok;
}

/* --- added tokens --- */

static bool is_word_char(uint32_t cp)
{
    fab_char_class c = fab_char_class_of(cp);
    return c == FAB_CHAR_LETTER || c == FAB_CHAR_DIGIT || c == FAB_CHAR_HAN || cp == '_';
}

/* Whether a character that belongs to words ends before at, or begins there. */
static bool word_before(const char *s, size_t at)
{
    uint32_t cp = 0;
    size_t i = at;
    if (!at) return false;
    do i--;
    while (i && ((uint8_t)s[i] & 0xc0) == 0x80);
    return fab_utf8_next(s + i, at - i, &cp) && is_word_char(cp);
}

static bool word_after(const char *s, size_t at, size_t n)
{
    uint32_t cp = 0;
    return fab_utf8_next(s + at, n - at, &cp) && is_word_char(cp);
}

/* Whether [begin, end) of the whole text has a byte that a user wrote. */
static bool in_plain(job *j, size_t begin, size_t end)
{
    int64_t lo = 0, hi = j->o->n_plain; /* the first span that ends after begin */
    while (lo < hi) {
        int64_t mid = lo + (hi - lo) / 2;
        if (j->o->plain[mid].end <= begin) lo = mid + 1;
        else hi = mid;
    }
    return lo < j->o->n_plain && j->o->plain[lo].begin < end;
}

/* The longest token of the set that begins at s[at]; NULL: none. raw: s is the text itself. */
static const fab_added *added_at(job *j, const fab_added_set *set, const char *s, size_t at,
                                 size_t n)
{
    uint8_t c = (uint8_t)s[at];
    bool raw = set == &j->t->raw;

    for (int32_t i = set->from[c]; i < set->from[c + 1]; i++) {
        const fab_added *a = &set->list[i];
        const fab_piece *p = &j->t->pieces[a->id];
        if (p->len > n - at || memcmp(p->text, s + at, p->len) != 0) continue;
        if (a->flags & FAB_ADDED_WORD && (word_before(s, at) || word_after(s, at + p->len, n)))
            continue;
        if (p->kind == FAB_PIECE_USER) return a;
        if (!j->o->special) continue;
        size_t offset = raw ? (size_t)(s - j->text) + at : 0;
        if (j->o->n_plain && (!raw || in_plain(j, offset, offset + p->len))) continue;
        return a;
    }
    return NULL;
}

static size_t blanks_before(const char *s, size_t from, size_t at)
{
    uint32_t cp;
    while (at > from) {
        size_t i = at - 1;
        while (i > from && ((uint8_t)s[i] & 0xc0) == 0x80) i--;
        if (!fab_utf8_next(s + i, at - i, &cp) || fab_char_class_of(cp) != FAB_CHAR_SPACE) break;
        at = i;
    }
    return at;
}

static size_t blanks_after(const char *s, size_t at, size_t n)
{
    uint32_t cp;
    for (int len;
         (len = fab_utf8_next(s + at, n - at, &cp)) && fab_char_class_of(cp) == FAB_CHAR_SPACE;)
        at += (size_t)len;
    return at;
}

typedef bool (*between)(job *j, const char *s, size_t n);

static bool split(job *j, const fab_added_set *set, const char *s, size_t n, between inner)
{
    size_t from = 0, at = 0;

    while (set->n && at < n) {
        const fab_added *a = set->from[(uint8_t)s[at]] < set->from[(uint8_t)s[at] + 1]
                                 ? added_at(j, set, s, at, n)
                                 : NULL;
        if (!a) {
            at++;
            continue;
        }
        size_t end = at + j->t->pieces[a->id].len;
        size_t begin = a->flags & FAB_ADDED_LSTRIP ? blanks_before(s, from, at) : at;
        if (a->flags & FAB_ADDED_RSTRIP) end = blanks_after(s, end, n);
        if (!inner(j, s + from, begin - from)) return false;
        fab_run_emit(&j->r, a->id);
        j->first = false;
        from = at = end;
    }
    return inner(j, s + from, n - from);
}

static bool normal_part(job *j, const char *s, size_t n)
{
    if (!n) return true;
    if (!fab_normal_apply(j->t->norm, j->t->n_norm, j->arena, &s, &n, j->err)) return false;
    return split(j, &j->t->normal, s, n, words);
}

/* --- texts --- */

static int64_t run(job *j, size_t n)
{
    const fab_tokenizer *t = j->t;

    for (int i = 0; j->o->frame && i < t->n_before; i++) fab_run_emit(&j->r, t->before[i]);
    if (!split(j, &t->raw, j->text, n, normal_part)) return -1;
    for (int i = 0; j->o->frame && i < t->n_after; i++) fab_run_emit(&j->r, t->after[i]);
    return j->r.n;
}

int64_t fab_tokenizer_encode(const fab_tokenizer *t, const char *text, size_t n,
                             const fab_encode_opts *opts, int32_t *ids, int64_t max, fab_err *err)
{
    static const fab_encode_opts cleared;
    job j = { .t = t, .o = opts ? opts : &cleared, .text = text, .first = true, .err = err };

    if (!fab_utf8_require(text, n, err)) return -1;
    if (n > MAX_TEXT) {
        fab_fail(err, FAB_ELIMIT, "text of %zu bytes: at most %u at once", n, (unsigned)MAX_TEXT);
        return -1;
    }
    if (!(j.arena = fab_arena_new(n < 4096 ? 16384 : 0, err))) return -1;
    j.r = (fab_bpe_run){ .b = t->bpe, .ids = ids, .max = max, .err = err };
    int64_t count = run(&j, n);
    fab_arena_free(j.r.scratch);
    fab_arena_free(j.arena);
    return count;
}

int32_t *fab_tokenizer_encode_all(const fab_tokenizer *t, const char *text, size_t n,
                                  const fab_encode_opts *opts, fab_arena *a, int64_t *n_ids,
                                  fab_err *err)
{
    int64_t room = (int64_t)n / 2 + 64;

    for (;;) { /* a text has rarely more ids than half its bytes; then once more */
        int32_t *ids = fab_arena_take(a, (size_t)room * sizeof *ids, err);
        if (!ids) return NULL;
        *n_ids = fab_tokenizer_encode(t, text, n, opts, ids, room, err);
        if (*n_ids < 0) return NULL;
        if (*n_ids <= room) return ids;
        room = *n_ids;
    }
}
