/* segment: the cutting. cost = -ln p in thousandths of a nat, in whole numbers: the same cut on
 * every machine.
 *
 *     cost[j] = min over words i..j of the dictionary: cost[i] + cost(word)
 *
 * A single character is always a way; a run of them that came out of this is cut once more by the
 * hidden Markov model, whose states are begin, middle, end of a word and single.
 */
#include <string.h>
#include "text/segment_impl.h"

void seg_cheapest(const fab_segmenter *s, const seg_atom *atoms, size_t m, bool whole,
                  int64_t *cost, uint32_t *from)
{
    for (size_t i = 0; i <= m; i++) cost[i] = INT64_MAX;
    cost[0] = 0;
    for (size_t i = 0; i < m; i++) {
        int64_t here = cost[i];
        int32_t node = atoms[i].code ? seg_child(s, 0, atoms[i].code) : -1;
        bool single = false;
        for (size_t j = i + 1; node >= 0; j++) {
            int32_t c = s->units[node].cost;
            if (c != SEG_NONE && here + c < cost[j] && (whole || j - i < m)) {
                cost[j] = here + c;
                from[j] = (uint32_t)i;
            }
            single = single || (c != SEG_NONE && j == i + 1);
            if (j == m || !atoms[j].code) break;
            node = seg_child(s, node, atoms[j].code);
        }
        if (!single && here + s->unknown < cost[i + 1]) {
            cost[i + 1] = here + s->unknown;
            from[i + 1] = (uint32_t)i;
        }
    }
}

/* Room for a text's run: atoms, costs and origins of m atoms in one block, and the words' ends. */
typedef struct {
    seg_atom *atoms;
    int64_t *cost;
    uint32_t *from;
} room;

enum { ATOM_BYTES = sizeof(seg_atom) + sizeof(int64_t) + sizeof(uint32_t) };

static bool make_room(fab_word_list *w, size_t m, room *r, fab_err *err)
{
    if (m > w->work_room) {
        size_t to = 2 * m > 1024 ? 2 * m : 1024;
        if (!fab_grow(&w->work, to + 2, ATOM_BYTES, err)) return false;
        w->work_room = to;
    }
    size_t have = w->work_room + 2;
    r->cost = w->work;
    r->atoms = (seg_atom *)(r->cost + have);
    r->from = (uint32_t *)(r->atoms + have);
    return true;
}

static bool add_word(fab_word_list *w, size_t at, size_t end, fab_word_kind kind, bool known,
                     fab_err *err)
{
    if (w->n == w->room) {
        void *items = w->items;
        size_t to = w->room ? 2 * w->room : 256;
        if (!fab_grow(&items, to, sizeof *w->items, err)) return false;
        w->items = items;
        w->room = to;
    }
    w->items[w->n++] = (fab_word){ (uint32_t)at, (uint32_t)(end - at), kind, known };
    return true;
}

static const int32_t *emission(const fab_segmenter *s, const seg_atom *a)
{
    return s->emit[a->code <= s->n_han ? a->code : 0];
}

/* Viterbi over k single characters; states come back in way[]. Longer runs are cut in pieces. */
enum { HMM_RUN = 64 };

static void best_states(const fab_segmenter *s, const seg_atom *a, size_t k, uint8_t *way)
{
    int64_t cost[SEG_STATES], then[SEG_STATES];
    uint8_t back[HMM_RUN][SEG_STATES];

    for (int y = 0; y < SEG_STATES; y++) cost[y] = (int64_t)s->start[y] + emission(s, a)[y];
    for (size_t i = 1; i < k; i++) {
        const int32_t *e = emission(s, a + i);
        for (int y = 0; y < SEG_STATES; y++) {
            int best = 0;
            for (int x = 1; x < SEG_STATES; x++)
                if (cost[x] + s->next[x][y] < cost[best] + s->next[best][y]) best = x;
            then[y] = cost[best] + s->next[best][y] + e[y];
            back[i][y] = (uint8_t)best;
        }
        memcpy(cost, then, sizeof cost);
    }
    int y = 0;
    for (int x = 1; x < SEG_STATES; x++)
        if (cost[x] + s->stop[x] < cost[y] + s->stop[y]) y = x;
    for (size_t i = k; i-- > 0; y = i ? back[i][y] : y) way[i] = (uint8_t)y;
}

static bool known_single(const fab_segmenter *s, const seg_atom *a)
{
    int32_t node = a->code ? seg_child(s, 0, a->code) : -1;

    return node >= 0 && s->units[node].cost != SEG_NONE;
}

/* k single Han characters in a row. */
static bool cut_unknown(const fab_segmenter *s, const seg_atom *a, size_t k, fab_word_list *w,
                        fab_err *err)
{
    uint8_t way[HMM_RUN];

    for (size_t done = 0; done < k; done += HMM_RUN) {
        size_t part = k - done < HMM_RUN ? k - done : HMM_RUN, from = 0;
        const seg_atom *p = a + done;
        best_states(s, p, part, way);
        for (size_t i = 0; i < part; i++) {
            if (i + 1 < part && way[i] != SEG_END && way[i] != SEG_SINGLE) continue;
            bool known = i == from && known_single(s, p + i);
            if (!add_word(w, p[from].at, p[i].at + p[i].len, FAB_WORD_HAN, known, err))
                return false;
            from = i + 1;
        }
    }
    return true;
}

/* Whether a single character may be part of an unknown word: not when it is often a word of its
 * own. */
enum { OFTEN = 7500 };

static bool joins(const fab_segmenter *s, const seg_atom *a)
{
    int32_t node = a->code ? seg_child(s, 0, a->code) : -1;

    return a->kind == FAB_WORD_HAN && (node < 0 || s->units[node].cost > OFTEN);
}

static fab_word_kind kind_of(const seg_atom *a, size_t k)
{
    if (k == 1) return a->kind;
    for (size_t i = 0; i < k; i++)
        if (a[i].kind == FAB_WORD_HAN) return FAB_WORD_HAN;
    return FAB_WORD_LATIN;
}

/* A run of atoms that touch, `from` turned round first: next[i] = where the word that begins at i
 * ends. */
static bool cut_run(const fab_segmenter *s, const room *r, size_t m, fab_word_list *w, fab_err *err)
{
    seg_cheapest(s, r->atoms, m, true, r->cost, r->from);
    for (size_t j = m, next = m; j > 0;) {
        size_t i = r->from[j];
        r->from[j] =
            (uint32_t)next; /* no longer needed: now the end of the word that begins at j */
        next = j;
        j = i;
        if (!j) r->from[0] = (uint32_t)next;
    }
    for (size_t i = 0, j; i < m; i = j) {
        const seg_atom *a = &r->atoms[i];
        size_t k = 0;
        while (i + k < m && r->from[i + k] == i + k + 1 && joins(s, &a[k])) k++;
        j = k ? i + k : r->from[i];
        bool ok = k > 1 ? cut_unknown(s, a, k, w, err)
                        : add_word(w, a->at, r->atoms[j - 1].at + r->atoms[j - 1].len,
                                   kind_of(a, j - i), j - i > 1 || known_single(s, a), err);
        if (!ok) return false;
    }
    return true;
}

/* Whether the atoms read touch each other up to m; a blank between number and unit ends a run too. */
static size_t touching(const seg_atom *a, size_t from, size_t m)
{
    size_t i = from + 1;

    while (i < m && a[i].at == a[i - 1].at + a[i - 1].len) i++;
    return i;
}

bool fab_segment_text(const fab_segmenter *s, const char *text, size_t n, fab_word_list *w,
                      fab_err *err)
{
    size_t at = 0, mark;
    room r;

    w->n = 0;
    if (n > 1u << 30)
        return fab_fail(err, FAB_ELIMIT, "a text of %zu bytes, at most 1 GiB is cut", n);
    if (!make_room(w, 1024, &r, err)) return false;
    while (at < n) {
        size_t m = 0, begin = at;
        for (;;) { /* the whole run, however long */
            m = seg_atoms(s, text, n, &at, r.atoms, w->work_room, &mark);
            if (m + 2 <= w->work_room) break;
            if (!make_room(w, 2 * w->work_room, &r, err)) return false;
            at = begin;
        }
        for (size_t i = 0, j; i < m; i = j) {
            j = touching(r.atoms, i, m);
            room part = { r.atoms + i, r.cost, r.from };
            if (!cut_run(s, &part, j - i, w, err)) return false;
        }
        if (mark && !add_word(w, at, at + mark, FAB_WORD_OTHER, false, err)) return false;
        at += mark;
    }
    return true;
}

void fab_word_list_clear(fab_word_list *w)
{
    fab_free(w->items);
    fab_free(w->work);
    *w = (fab_word_list){ 0 };
}
