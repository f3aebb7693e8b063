/* The labeller's tree of phrases, and a text cut into sentences of tokens. See findings.h.
 *
 * The tree's edges are in one hash table: (node, byte) -> node. At every word's first letter and
 * every other character the longest phrase is looked for; what matches nothing is passed over. */
#include <string.h>
#include "base/arena.h"
#include "metrics/findings_impl.h"
#include "text/utf8.h"

typedef struct {
    uint32_t key, node; /* key: node << 8 | byte, plus 1; 0: free */
} edge;

typedef struct {
    uint8_t kind, value, side, set;
} leaf;

struct fab_labeller {
    edge *edges;
    uint32_t mask;
    leaf *leaves; /* [nodes] */
    uint32_t nodes, cap;
    int phrases;
    uint32_t root[256]; /* children of node 0 */
};

enum { EDGES = 1 << 16 };

/* ---- the tree -------------------------------------------------------------------------------- */

static edge *slot(const fab_labeller *l, uint32_t node, uint8_t byte)
{
    uint32_t key = (node << 8 | byte) + 1, at = key * 2654435761u >> 12 & l->mask;
    while (l->edges[at].key && l->edges[at].key != key) at = (at + 1) & l->mask;
    return &l->edges[at];
}

static uint32_t child(const fab_labeller *l, uint32_t node, uint8_t byte)
{
    return node ? slot(l, node, byte)->node : l->root[byte];
}

static uint32_t grow(fab_labeller *l, uint32_t node, uint8_t byte, fab_err *err)
{
    if (l->nodes == l->cap) {
        if (l->cap >= EDGES / 2) {
            fab_fail(err, FAB_EINTERNAL, "the phrase table needs more than %d nodes", EDGES / 2);
            return 0;
        }
        if (!fab_grow((void **)&l->leaves, (size_t)l->cap * 2, sizeof *l->leaves, err)) return 0;
        memset(l->leaves + l->cap, 0, l->cap * sizeof *l->leaves);
        l->cap *= 2;
    }
    if (!node) return l->root[byte] = l->nodes++;
    edge *e = slot(l, node, byte);
    *e = (edge){ (node << 8 | byte) + 1, l->nodes };
    return l->nodes++;
}

/* A trigger listed for both directions is of the kind that decides by what stands near. */
static uint8_t both_ways(uint8_t had, uint8_t kind)
{
    bool unc = had == P_UNC || had == P_UNC_POST || had == P_UNC_BOTH;
    if (unc && (kind == P_UNC || kind == P_UNC_POST)) return had == kind ? had : P_UNC_BOTH;
    if ((had == P_NEG && kind == P_NEG_POST) || (had == P_NEG_POST && kind == P_NEG))
        return P_NEG_BOTH;
    return kind;
}

static bool add(fab_labeller *l, const char *s, size_t n, const phrase_row *r, fab_err *err)
{
    uint32_t node = 0;
    for (size_t i = 0; i < n; i++) {
        uint32_t next = child(l, node, (uint8_t)s[i]);
        if (!next) next = grow(l, node, (uint8_t)s[i], err);
        if (!next) return false;
        node = next;
    }
    leaf *f = &l->leaves[node];
    l->phrases += !f->set;
    *f = (leaf){ f->set ? both_ways(f->kind, r->kind) : r->kind, r->value, r->side, 1 };
    return true;
}

fab_labeller *fab_labeller_new(fab_err *err)
{
    fab_labeller *l = fab_new(sizeof *l, err);
    if (!l) return NULL;
    l->mask = EDGES - 1;
    l->cap = 1024;
    l->nodes = 1;
    l->edges = fab_new_array(EDGES, sizeof *l->edges, err);
    l->leaves = l->edges ? fab_new_array(l->cap, sizeof *l->leaves, err) : NULL;
    bool ok = l->leaves != NULL;
    for (int i = 0; ok && i < fab_phrase_rows_n; i++)
        for (const char *s = fab_phrase_rows[i].phrases; ok && *s;) {
            size_t n = strcspn(s, "|");
            ok = add(l, s, n, &fab_phrase_rows[i], err);
            s += n + (s[n] == '|');
        }
    if (ok) return l;
    fab_labeller_free(l);
    return NULL;
}

void fab_labeller_free(fab_labeller *l)
{
    if (!l) return;
    fab_free(l->edges);
    fab_free(l->leaves);
    fab_free(l);
}

int fab_labeller_phrases(const fab_labeller *l) { return l->phrases; }

/* ---- matching -------------------------------------------------------------------------------- */

static bool is_word(uint8_t c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

static bool is_blank(uint8_t c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '-';
}

/* Where a phrase that ends before s[q] ends: at a word's end, or after a plural's s or es; 0:
 * inside a word. */
static size_t word_end(const uint8_t *s, size_t n, size_t q)
{
    if (!is_word(s[q - 1]) || q == n || !is_word(s[q])) return q;
    size_t e = q + (s[q] == 'e' || s[q] == 'E');
    if (e < n && (s[e] == 's' || s[e] == 'S') && (e + 1 == n || !is_word(s[e + 1]))) return e + 1;
    return 0;
}

/* The longest phrase at p: its end and *f; 0 without one. */
static size_t longest(const fab_labeller *l, const uint8_t *s, size_t n, size_t p, leaf *f)
{
    uint32_t node = 0;
    size_t best = 0;
    for (size_t q = p; q < n;) {
        uint8_t c = s[q++];
        if (is_blank(c)) {
            while (q < n && is_blank(s[q])) q++;
            c = ' ';
        } else if (c >= 'A' && c <= 'Z') c = (uint8_t)(c + 32);
        if (!(node = child(l, node, c))) break;
        if (!l->leaves[node].set) continue;
        size_t end = word_end(s, n, q);
        if (end) best = end, *f = l->leaves[node];
    }
    return best;
}

/* ---- sentences ------------------------------------------------------------------------------- */

static int resolve(const item *x, bool *drop)
{
    bool brain = x->organ == G_BRAIN;
    switch (x->observation) {
    case O_FLUID:
        *drop = x->organ == G_PERICARDIUM || x->organ == G_OTHER;
        return x->organ == G_BELLY || x->organ == G_LIVER ? FAB_OBS_ASCITES
               : x->organ == G_KIDNEY                     ? FAB_OBS_HYDRONEPHROSIS
               : brain                                    ? FAB_OBS_HYDROCEPHALUS
                                                          : FAB_OBS_PLEURAL_EFFUSION;
    case O_LESION:
        *drop = x->organ == G_OTHER || x->organ == G_BELLY;
        return brain                  ? FAB_OBS_BRAIN_LESION
               : x->organ == G_LIVER  ? FAB_OBS_LIVER_LESION
               : x->organ == G_KIDNEY ? FAB_OBS_KIDNEY_LESION
                                      : FAB_OBS_LUNG_LESION;
    case O_EDEMA: *drop = x->organ == G_OTHER; return brain ? FAB_OBS_BRAIN_EDEMA : FAB_OBS_EDEMA;
    case O_HEMORRHAGE: *drop = !brain; return FAB_OBS_BRAIN_HEMORRHAGE;
    case O_INFARCT: *drop = x->organ && !brain; return FAB_OBS_BRAIN_INFARCT;
    case O_ABNORMAL: *drop = x->status != FAB_ABSENT; return FAB_OBS_NO_FINDING;
    case O_OTHER: *drop = true; return 0;
    case O_HYDROPNEUMOTHORAX: *drop = false; return FAB_OBS_PNEUMOTHORAX;
    default: *drop = false; return x->observation;
    }
}

static bool keep(fab_mentions *m, const fab_mention *one, fab_err *err)
{
    if (m->n == m->cap) {
        size_t cap = m->cap ? m->cap * 2 : 16;
        if (!fab_grow((void **)&m->items, cap, sizeof *m->items, err)) return false;
        m->cap = cap;
    }
    m->items[m->n++] = *one;
    return true;
}

static bool flush(sentence *s, fab_mentions *m, fab_err *err)
{
    bool ok = true;
    s->n_items = 0;
    fab_sentence_items(s);
    if (s->n_items) {
        fab_sentence_status(s);
        fab_sentence_place(s);
    }
    for (int i = 0; ok && i < s->n_items; i++) {
        const item *x = &s->items[i];
        bool drop;
        int observation = resolve(x, &drop);
        if (drop) continue;
        fab_mention one = { .observation = (uint8_t)observation,
                            .status = observation == FAB_OBS_NO_FINDING ? FAB_PRESENT : x->status,
                            .side = x->side,
                            .severity = x->severity,
                            .section = s->section,
                            .site = x->site,
                            .at = s->t[x->first].at,
                            .end = s->t[x->last].end };
        ok = keep(m, &one, err);
        one.observation = FAB_OBS_PLEURAL_EFFUSION;
        if (x->observation == O_HYDROPNEUMOTHORAX) ok = ok && keep(m, &one, err);
    }
    s->n = 0;
    return ok;
}

/* Whether the line break at p ends a sentence: a wrapped line goes on in lower case. */
static bool line_ends(const uint8_t *s, size_t n, size_t p)
{
    if (p && s[p - 1] >= 0x80) return true;
    size_t q = p + 1;
    while (q < n && (s[q] == ' ' || s[q] == '\t' || s[q] == '\r')) q++;
    return q == n || !(s[q] >= 'a' && s[q] <= 'z');
}

/* Bytes of a full stop at p, 0: none there. */
static size_t full_stop(const uint8_t *s, size_t n, size_t p)
{
    uint8_t c = s[p];
    if (c == '!' || c == ';') return 1;
    if (c == '.') return p + 1 == n || !is_word(s[p + 1]) ? 1 : 0;
    if (c == '\n') return line_ends(s, n, p) ? 1 : 0;
    if (c == 0xe3) return n - p >= 3 && s[p + 1] == 0x80 && s[p + 2] == 0x82 ? 3 : 0; /* 。 */
    if (c == 0xef && n - p >= 3 && s[p + 1] == 0xbc)
        return s[p + 2] == 0x81 || s[p + 2] == 0x9b ? 3 : 0; /* ！ ； */
    return 0;
}

/* The end of the colon that makes a heading of the phrase before p; 0: none. */
static size_t colon(const uint8_t *s, size_t n, size_t p)
{
    while (p < n && s[p] == ' ') p++;
    if (p < n && s[p] == ':') return p + 1;
    return n - p >= 3 && !memcmp(s + p, "\xef\xbc\x9a", 3) ? p + 3 : 0;
}

static size_t pass_over(const uint8_t *s, size_t n, size_t p)
{
    if (is_word(s[p])) {
        while (p < n && is_word(s[p])) p++;
        return p;
    }
    do p++;
    while (p < n && (s[p] & 0xc0) == 0x80);
    return p;
}

/* One step at p: a full stop, a phrase, or nothing of ours. *p moves on. */
static bool step(const fab_labeller *l, const uint8_t *s, size_t n, size_t *p, sentence *now,
                 fab_mentions *m, fab_err *err)
{
    leaf f = { 0 };
    size_t stop = full_stop(s, n, *p), end = stop ? 0 : longest(l, s, n, *p, &f);
    if (stop) {
        *p += stop;
        return flush(now, m, err);
    }
    if (!end) {
        *p = pass_over(s, n, *p);
        return true;
    }
    size_t head = f.kind == P_HEADING ? colon(s, n, end) : 0;
    if (head) {
        bool ok = flush(now, m, err);
        now->section = f.value;
        *p = head;
        return ok;
    }
    if (f.kind != P_HEADING && f.kind != P_IGNORE)
        now->t[now->n++] =
            (token){ f.kind, f.value, f.side, s[*p] >= 0x80, (uint32_t)*p, (uint32_t)end };
    *p = end;
    return now->n < SENTENCE_TOKENS || flush(now, m, err);
}

bool fab_labeller_read(const fab_labeller *l, const char *text, size_t n, fab_mentions *m,
                       fab_err *err)
{
    if (n > FAB_FINDINGS_TEXT)
        return fab_fail(err, FAB_ELIMIT, "a text of %zu bytes; %d at most", n, FAB_FINDINGS_TEXT);
    if (!fab_utf8_require(text, n, err)) return false;
    size_t had = m->n, p = 0;
    sentence now;
    now.n = now.n_items = 0;
    now.section = FAB_SECTION_NONE;
    bool ok = true;
    while (ok && p < n) ok = step(l, (const uint8_t *)text, n, &p, &now, m, err);
    ok = ok && flush(&now, m, err);
    if (!ok) m->n = had;
    return ok;
}

void fab_mentions_clear(fab_mentions *m)
{
    fab_free(m->items);
    *m = (fab_mentions){ 0 };
}

/* ---- names ----------------------------------------------------------------------------------- */

int fab_observation_find(const char *name)
{
    for (int i = 0; i < FAB_OBSERVATIONS; i++)
        if (!strcmp(fab_observation_names[i], name)) return i;
    return -1;
}

const char *fab_site_name(int site)
{
    return site > 0 && site < fab_place_rows_n ? fab_place_rows[site].name : "";
}

int fab_mention_parent(const fab_mention *m)
{
    if (m->observation != FAB_OBS_NODULE && m->observation != FAB_OBS_MASS) return -1;
    switch (fab_place_rows[m->site < fab_place_rows_n ? m->site : 0].organ) {
    case G_NONE:
    case G_LUNG:
    case G_CHEST: return FAB_OBS_LUNG_LESION;
    case G_BRAIN: return FAB_OBS_BRAIN_LESION;
    case G_LIVER: return FAB_OBS_LIVER_LESION;
    case G_KIDNEY: return FAB_OBS_KIDNEY_LESION;
    default: return -1;
    }
}
