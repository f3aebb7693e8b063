/* segment_words: the dictionary file, lexicon/words_zh.tsv, and the double array made of it.
 *
 *     #fabrica-words 1
 *     w <TAB> 患者 <TAB> 9132                   a word and how often it was counted
 *     c <TAB> 患 <TAB> 4810 <TAB> 9200 ...      a character's cost as begin, middle, end of a word, single; * any other
 *     h <TAB> B <TAB> b <TAB> m <TAB> e <TAB> s     cost of the step from B (also M, E, S, start) to each
 *     h <TAB> stop <TAB> ...                    cost of ending in each
 *
 * A cost is -1000 ln p. The words of the lexicon join in; each of them costs at most half a nat
 * less than the cheapest way to cut it, so that it comes out whole.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "base/hash.h"
#include "text/embedded.h"
#include "text/segment_impl.h"
#include "text/utf8.h"

enum { MAX_FILE = 64 << 20, MAX_COST = 100000, LEAD = 500 };

typedef struct {
    uint32_t at, n; /* codes */
    int32_t cost;
    bool term; /* of the lexicon */
} key;

typedef struct {
    fab_segmenter *s;
    char *text; /* the file, cut into strings */
    int line;
    size_t n_latin; /* bytes of s->text in use */
    int32_t *codes;
    size_t n_codes, room_codes;
    key *keys;
    size_t n_keys, room_keys;
    double total;
    fab_err *err;
} maker;

static bool wrong(maker *m, const char *what, const char *field)
{
    return fab_fail(m->err, FAB_EFORMAT, "line %d: %s '%.60s'", m->line, what, field);
}

/* Fields of a line, at most 6: the last takes the rest. */
static int fields(char *s, char *f[6])
{
    int n = 0;

    for (char *p = s; p && n < 6; n++) {
        f[n] = p;
        if ((p = strchr(p, '\t'))) *p++ = 0;
    }
    return n;
}

static bool number(maker *m, const char *s, int64_t most, int64_t *out)
{
    int64_t v = 0;

    for (const char *p = s; *p; p++) {
        if (*p < '0' || *p > '9' || v > most) return wrong(m, "not a number in range:", s);
        v = 10 * v + (*p - '0');
    }
    *out = v;
    return *s && v <= most ? true : wrong(m, "not a number in range:", s);
}

/* --- the alphabet --------------------------------------------------------------------------- */

/* Words are read once to give every atom a code, and again with all codes known. */
static bool add_code(maker *m, const char *text, const seg_atom *a)
{
    fab_segmenter *s = m->s;
    uint32_t c = 0;

    if (a->kind == FAB_WORD_HAN) {
        fab_utf8_next(text + a->at, a->len, &c);
        if (c >= 0x10000) return wrong(m, "a character outside the basic plane:", text);
        if (!s->code_of[c]) s->code_of[c] = (uint16_t)++s->n_han;
        return true;
    }
    char folded[64];
    size_t n = a->len <= sizeof folded ? seg_fold(text + a->at, a->len, folded, sizeof folded) : 0;
    if (!n) return wrong(m, "a word too long:", text);
    if (fab_strtab_find(&s->latin, folded, n) >= 0) return true;
    char *keep = s->text + m->n_latin;
    memcpy(keep, folded, n);
    m->n_latin += n;
    return fab_strtab_add(&s->latin, keep, n, m->err) >= 0;
}

/* The atoms of a word, or 0: it is not one run of at most SEG_MAX_ATOMS with a Han character in it. */
static size_t word_atoms(const fab_segmenter *s, const char *word, size_t n, seg_atom *a)
{
    size_t at = 0, mark, m = seg_atoms(s, word, n, &at, a, SEG_MAX_ATOMS + 2, &mark);
    bool han = false;

    if (mark || at < n || m > SEG_MAX_ATOMS) return 0;
    for (size_t i = 0; i < m; i++) {
        han = han || a[i].kind == FAB_WORD_HAN;
        if (a[i].at != (i ? a[i - 1].at + a[i - 1].len : 0)) return 0;
    }
    return han ? m : 0;
}

static bool add_codes(maker *m, const char *word, size_t n)
{
    seg_atom a[SEG_MAX_ATOMS + 2];
    size_t k = word_atoms(m->s, word, n, a);

    for (size_t i = 0; i < k; i++)
        if (!add_code(m, word, &a[i])) return false;
    return true;
}

static bool add_key(maker *m, const char *word, size_t n, double count, bool term)
{
    seg_atom a[SEG_MAX_ATOMS + 2];
    size_t k = word_atoms(m->s, word, n, a);
    void *codes = m->codes, *keys = m->keys;

    if (!k) return term ? true : wrong(m, "no word of the segmenter:", word);
    if (m->n_codes + k > m->room_codes) {
        m->room_codes = 2 * m->room_codes + SEG_MAX_ATOMS;
        if (!fab_grow(&codes, m->room_codes, sizeof *m->codes, m->err)) return false;
        m->codes = codes;
    }
    if (m->n_keys == m->room_keys) {
        m->room_keys = 2 * m->room_keys + 64;
        if (!fab_grow(&keys, m->room_keys, sizeof *m->keys, m->err)) return false;
        m->keys = keys;
    }
    int32_t cost = count > 0 ? (int32_t)lround(1000 * log(m->total / count)) : SEG_NONE;
    m->keys[m->n_keys++] = (key){ (uint32_t)m->n_codes, (uint32_t)k, cost, term };
    for (size_t i = 0; i < k; i++) m->codes[m->n_codes++] = a[i].code;
    return true;
}

/* Every word of the lexicon's Chinese surfaces: they are parted by blanks. */
static bool each_term(maker *m, const fab_lexicon *l, bool codes)
{
    for (int i = 0; l && i < fab_lexicon_concepts(l); i++) {
        const fab_concept *c = fab_lexicon_concept(l, i);
        for (int z = 0; z < c->n_zh; z++)
            for (const char *p = c->zh_cut[z]; *p;) {
                size_t n = strcspn(p, " ");
                if (codes ? !add_codes(m, p, n) : !add_key(m, p, n, 0, true)) return false;
                p += n + (p[n] == ' ');
            }
    }
    return true;
}

/* --- the lines ------------------------------------------------------------------------------ */

static bool read_costs(maker *m, char **f, int n, int32_t to[SEG_STATES])
{
    int64_t v;

    if (n != SEG_STATES) return wrong(m, "not 4 costs in a line of", f[-1]);
    for (int i = 0; i < SEG_STATES; i++) {
        if (!number(m, f[i], MAX_COST, &v)) return false;
        to[i] = (int32_t)v;
    }
    return true;
}

static bool read_step(maker *m, char **f, int n)
{
    static const char *const from[] = { "B", "M", "E", "S", "start", "stop" };
    fab_segmenter *s = m->s;
    int i = 0;

    while (n > 1 && i < 6 && strcmp(from[i], f[1]) != 0) i++;
    if (n < 2 || i == 6) return wrong(m, "no state of the model:", n > 1 ? f[1] : "");
    return read_costs(m, f + 2, n - 2, i < SEG_STATES ? s->next[i] : i == 4 ? s->start : s->stop);
}

static bool read_character(maker *m, char **f, int n, bool codes)
{
    uint32_t c = 0;
    int len = n > 1 ? fab_utf8_next(f[1], strlen(f[1]), &c) : 0;
    bool any = n > 1 && !strcmp(f[1], "*");

    if (!any && (!len || f[1][len] || fab_char_class_of(c) != FAB_CHAR_HAN || c >= 0x10000))
        return wrong(m, "not one Han character of the basic plane:", n > 1 ? f[1] : "");
    if (codes && !any && !m->s->code_of[c]) m->s->code_of[c] = (uint16_t)++m->s->n_han;
    return codes || read_costs(m, f + 2, n - 2, m->s->emit[any ? 0 : m->s->code_of[c]]);
}

static bool read_word(maker *m, char **f, int n, bool codes)
{
    int64_t count;

    if (n != 3) return wrong(m, "not 3 fields in the line of", n > 1 ? f[1] : "");
    if (!number(m, f[2], 1000000000, &count)) return false;
    if (!count) return wrong(m, "a count of 0 for", f[1]);
    if (!codes) return add_key(m, f[1], strlen(f[1]), (double)count, false);
    m->total += (double)count;
    return add_codes(m, f[1], strlen(f[1]));
}

static bool read_line(maker *m, char *s, bool codes)
{
    char *f[6];
    int n = fields(s, f);

    if (!strcmp(f[0], "w")) return read_word(m, f, n, codes);
    if (!strcmp(f[0], "c")) return read_character(m, f, n, codes);
    if (!strcmp(f[0], "h")) return codes || read_step(m, f, n);
    return wrong(m, "unknown kind of line", f[0]);
}

static bool read_lines(maker *m, const char *data, size_t size, bool codes)
{
    memcpy(m->text, data, size);
    m->line = 1;
    for (char *s = m->text, *next; s; s = next, m->line++) {
        if ((next = strchr(s, '\n'))) *next++ = 0;
        if (*s && *s != '#' && !read_line(m, s, codes)) return false;
    }
    return true;
}

/* --- the double array ----------------------------------------------------------------------- */

static int compare(const void *va, const void *vb, void *arg)
{
    const key *a = va, *b = vb;
    const int32_t *codes = arg;

    for (uint32_t i = 0; i < a->n && i < b->n; i++)
        if (codes[a->at + i] != codes[b->at + i])
            return codes[a->at + i] < codes[b->at + i] ? -1 : 1;
    return a->n < b->n ? -1 : a->n > b->n;
}

/* A stable merge sort: qsort has no argument for the codes. */
static bool sort_keys(maker *m)
{
    key *from = m->keys, *to = fab_new_array(m->n_keys + 1, sizeof *to, m->err), *swap;
    key *spare = to;

    if (!to) return false;
    for (size_t w = 1; w < m->n_keys; w *= 2, swap = from, from = to, to = swap)
        for (size_t lo = 0; lo < m->n_keys; lo += 2 * w) {
            size_t mid = lo + w < m->n_keys ? lo + w : m->n_keys;
            size_t hi = lo + 2 * w < m->n_keys ? lo + 2 * w : m->n_keys;
            for (size_t i = lo, j = mid, k = lo; k < hi; k++) {
                bool left = i < mid && (j == hi || compare(&from[i], &from[j], m->codes) <= 0);
                to[k] = from[left ? i++ : j++];
            }
        }
    if (from != m->keys) memcpy(m->keys, from, m->n_keys * sizeof *from);
    fab_free(spare);
    return true;
}

/* One key a word: a word of the file keeps its cost when the lexicon has it too. */
static void merge_keys(maker *m)
{
    size_t n = 0;

    for (size_t i = 0; i < m->n_keys; i++) {
        key *k = &m->keys[i], *last = n ? &m->keys[n - 1] : NULL;
        if (!last || compare(last, k, m->codes) != 0) {
            m->keys[n++] = *k;
            continue;
        }
        last->term = last->term || k->term;
        if (k->cost < last->cost) last->cost = k->cost;
    }
    m->n_keys = n;
}

static bool reach(maker *m, int64_t n)
{
    fab_segmenter *s = m->s;
    void *units = s->units;

    if (n <= s->n_units) return true;
    int64_t to = n + n / 2;
    if (to > INT32_MAX) return fab_fail(m->err, FAB_ELIMIT, "more words than the table can hold");
    if (!fab_grow(&units, (size_t)to, sizeof *s->units, m->err)) return false;
    s->units = units;
    for (int64_t i = s->n_units; i < to; i++) s->units[i] = (seg_unit){ 0, -1, SEG_NONE };
    s->n_units = (int32_t)to;
    return true;
}

typedef struct {
    size_t lo, hi; /* keys */
    uint32_t depth;
    int32_t node;
} span;

/* The children of a node: code and the keys that go on with it. */
static size_t children(const maker *m, span p, span *kids)
{
    size_t n = 0;

    for (size_t i = p.lo; i < p.hi; i++) {
        int32_t c = m->codes[m->keys[i].at + p.depth];
        if (!n || kids[n - 1].node != c) kids[n++] = (span){ i, i, p.depth + 1, c };
        kids[n - 1].hi = i + 1;
    }
    return n;
}

/* The lowest base at or behind *low where all children find a free unit; *low moves up where the
 * array is nearly full. */
static bool find_base(maker *m, const span *kids, size_t n, int32_t *low, int32_t *base)
{
    int32_t first = kids[0].node, at = *low > first ? *low : first, used = 0, from = at;

    for (;; at++) {
        if (!reach(m, (int64_t)at - first + kids[n - 1].node + 1)) return false;
        const seg_unit *u = m->s->units + (at - first);
        size_t i = 0;
        if (u[first].check >= 0) {
            used++;
            continue;
        }
        while (i < n && u[kids[i].node].check < 0) i++;
        if (i == n) break;
    }
    *base = at - first;
    if (from == *low && (at - from + 1) * 0.95 <= used) *low = at;
    return true;
}

static bool place(maker *m, span p, span *kids, size_t *stack_n, span **stack, size_t *room,
                  int32_t *low)
{
    fab_segmenter *s = m->s;
    int32_t base;

    if (p.lo < p.hi && m->keys[p.lo].n == p.depth) s->units[p.node].cost = m->keys[p.lo++].cost;
    size_t n = children(m, p, kids);
    if (!n) return true;
    if (!find_base(m, kids, n, low, &base)) return false;
    s->units[p.node].base = base;
    for (size_t i = 0; i < n; i++) {
        void *grown = *stack;
        if (*stack_n == *room) {
            *room = 2 * *room + 64;
            if (!fab_grow(&grown, *room, sizeof **stack, m->err)) return false;
            *stack = grown;
        }
        kids[i].node += base;
        s->units[kids[i].node].check = p.node;
        (*stack)[(*stack_n)++] = kids[i];
    }
    return true;
}

static bool build(maker *m)
{
    fab_segmenter *s = m->s;
    int32_t alphabet = s->n_han + (int32_t)s->latin.n + 1, low = 1;
    span *kids = fab_new_array((size_t)alphabet, sizeof *kids, m->err), *stack = NULL;
    size_t n = 0, room = 0;
    bool ok = kids && reach(m, 1);

    if (ok) s->units[0].check = 0; /* the root: taken, and no word */
    ok = ok && place(m, (span){ 0, m->n_keys, 0, 0 }, kids, &n, &stack, &room, &low);
    while (ok && n) ok = place(m, stack[--n], kids, &n, &stack, &room, &low);
    ok = ok && reach(m, (int64_t)s->n_units + alphabet);
    fab_free(kids);
    fab_free(stack);
    return ok;
}

/* A word of the lexicon costs less than its parts; shorter ones first, so that they count as parts. */
static void favour_terms(maker *m)
{
    for (uint32_t n = 1; n <= SEG_MAX_ATOMS; n++)
        for (size_t i = 0; i < m->n_keys; i++) {
            const key *k = &m->keys[i];
            seg_atom a[SEG_MAX_ATOMS];
            int64_t cost[SEG_MAX_ATOMS + 1];
            uint32_t from[SEG_MAX_ATOMS + 1];
            int32_t node = 0;
            if (!k->term || k->n != n) continue;
            for (uint32_t j = 0; j < n; j++) {
                a[j].code = m->codes[k->at + j];
                node = seg_child(m->s, node, a[j].code);
            }
            seg_cheapest(m->s, a, n, n == 1, cost, from);
            int32_t *have = &m->s->units[node].cost;
            int32_t want = cost[n] > LEAD ? (int32_t)cost[n] - LEAD : 1;
            if (n > 1 && *have > want) *have = want;
            if (n == 1 && *have == SEG_NONE) *have = m->s->unknown - LEAD;
        }
}

static void sign(fab_segmenter *s, const fab_lexicon *l, const void *data, size_t size)
{
    char hex[65], both[80];

    fab_sha256_hex(data, size, hex);
    memcpy(both, hex, 64);
    memcpy(both + 64, fab_lexicon_version(l), 12);
    fab_sha256_hex(both, 76, hex);
    memcpy(s->version, hex, 12);
}

static size_t lexicon_bytes(const fab_lexicon *l)
{
    size_t n = 0;

    for (int i = 0; i < fab_lexicon_concepts(l); i++) {
        const fab_concept *c = fab_lexicon_concept(l, i);
        for (int z = 0; z < c->n_zh; z++) n += strlen(c->zh_cut[z]);
    }
    return n;
}

static bool make(maker *m, const fab_lexicon *l, const char *data, size_t size)
{
    static const char head[] = "#fabrica-words 1\n";
    fab_segmenter *s = m->s;

    if (size > MAX_FILE)
        return fab_fail(m->err, FAB_ELIMIT, "%zu bytes, at most %d are read", size, MAX_FILE);
    if (size < sizeof head - 1 || memcmp(data, head, sizeof head - 1) != 0)
        return fab_fail(m->err, FAB_EFORMAT, "the first line is not '#fabrica-words 1'");
    if (memchr(data, 0, size)) return fab_fail(m->err, FAB_EFORMAT, "a zero byte in the text");
    if (!fab_utf8_require(data, size, m->err)) return false;
    m->text = fab_new(size + 1, m->err);
    s->text = fab_new(2 * (size + lexicon_bytes(l)) + 1, m->err);
    if (!m->text || !s->text || !read_lines(m, data, size, true) || !each_term(m, l, true))
        return false;
    s->emit = fab_new_array((size_t)s->n_han + 1, sizeof *s->emit, m->err);
    if (!s->emit || !read_lines(m, data, size, false) || !each_term(m, l, false)) return false;
    s->unknown = (int32_t)lround(1000 * log(m->total + 1)) + 2000;
    if (!sort_keys(m)) return false;
    merge_keys(m);
    if (!build(m)) return false;
    favour_terms(m);
    s->n_words = (int)m->n_keys;
    sign(s, l, data, size);
    return true;
}

fab_segmenter *fab_segmenter_parse(const fab_lexicon *l, const void *data, size_t size,
                                   fab_err *err)
{
    maker m = { .s = fab_new(sizeof(fab_segmenter), err), .err = err };
    bool ok = m.s && make(&m, l, data, size);

    fab_free(m.text);
    fab_free(m.codes);
    fab_free(m.keys);
    if (ok) return m.s;
    fab_segmenter_free(m.s);
    return NULL;
}

fab_segmenter *fab_segmenter_new(const fab_lexicon *l, fab_err *err)
{
    fab_lexicon *own = l ? NULL : fab_lexicon_open(NULL, err);
    fab_segmenter *s = l || own ? fab_segmenter_parse(l ? l : own, fab_embedded_words_zh,
                                                      fab_embedded_words_zh_size, err)
                                : NULL;

    fab_lexicon_free(own);
    return s;
}

void fab_segmenter_free(fab_segmenter *s)
{
    if (!s) return;
    fab_strtab_clear(&s->latin);
    fab_free(s->text);
    fab_free(s->units);
    fab_free(s->emit);
    fab_free(s);
}

int fab_segmenter_size(const fab_segmenter *s) { return s->n_words; }
const char *fab_segmenter_version(const fab_segmenter *s) { return s->version; }
