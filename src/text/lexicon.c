/* lexicon: the parser of the data file, and a trie over atoms.
 *
 * An atom's number is its code point when it is a Han character, else ATOM_WORDS + its place in the
 * table of folded words; -1 when no term has it. The trie is one hash table, (node, atom) -> node.
 */
#include "text/lexicon.h"
#include <string.h>
#include <utf8proc.h>
#include "base/file.h"
#include "base/hash.h"
#include "text/embedded.h"
#include "text/stem.h"
#include "text/strtab.h"
#include "text/utf8.h"

enum { ATOM_WORDS = 0x200000, MAX_WORD = 64, MAX_FILE = 64 << 20 };

typedef struct {
    uint64_t
        key; /* 0: empty; no edge leads to the root, so node + 1 in the upper half is never 0 */
    int32_t to;
} edge;

struct fab_lexicon {
    char *text;   /* the file, cut into strings */
    char *joined; /* Chinese surfaces without their blanks */
    const char **surfaces, **cut;
    fab_concept *concepts;
    int n_concepts, n_surfaces;
    fab_strtab names, words;
    char *folded; /* what `words` points into */
    size_t n_folded;
    edge *edges;
    size_t n_edges, edge_mask;
    int32_t *ends; /* concept that ends at a node, or -1 */
    int32_t n_nodes;
    size_t room_nodes;
    char version[13];
};

const char *const fab_term_kinds[FAB_TERM_KINDS] = { "other",    "disease",     "anatomy",
                                                     "finding",  "measurement", "laterality",
                                                     "negation", "uncertainty", "drug" };

int fab_term_kind_find(const char *name)
{
    for (int i = 0; i < FAB_TERM_KINDS; i++)
        if (!strcmp(fab_term_kinds[i], name)) return i;
    return -1;
}

/* --- atoms ---------------------------------------------------------------------------------- */

typedef struct {
    size_t at, end;
    bool han;
    uint32_t cp; /* when han */
    char word[MAX_WORD];
    size_t n; /* of word; 0: too long to be in a term */
} atom;

static bool is_han(uint32_t c)
{
    return (c >= 0x4e00 && c <= 0x9fff) || (c >= 0x3400 && c <= 0x4dbf) ||
           (c >= 0xf900 && c <= 0xfaff) || (c >= 0x20000 && c <= 0x3fffd);
}

/* The folded letter or digit, 0 for any other character. */
static uint32_t fold(uint32_t c)
{
    if (c >= 0xff01 && c <= 0xff5e) c -= 0xfee0;
    if (c < 0x80) {
        if (c >= 'A' && c <= 'Z') return c + 32;
        return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ? c : 0;
    }
    fab_char_class k = fab_char_class_of(c);
    return k == FAB_CHAR_LETTER || k == FAB_CHAR_DIGIT ? (uint32_t)utf8proc_tolower((int32_t)c) : 0;
}

/* An inflammation is no inflection: Porter makes "hepatitis" and "hepatic" one stem. */
static bool is_itis(const atom *a) { return a->n > 4 && !memcmp(a->word + a->n - 4, "itis", 4); }

static void stem_atom(atom *a)
{
    bool letters = a->n > 3 && !is_itis(a);

    for (size_t i = 0; i < a->n && letters; i++) letters = a->word[i] >= 'a' && a->word[i] <= 'z';
    if (letters) a->n = fab_porter(a->word, a->n, FAB_STEM_PORTER);
}

/* The atom that begins at `at`; false: no letter, digit or Han character there. */
static bool read_atom(const char *s, size_t n, size_t at, atom *a)
{
    uint32_t c;
    int len = fab_utf8_next(s + at, n - at, &c);

    a->at = at;
    a->n = 0;
    a->han = len && is_han(c);
    a->cp = a->han ? c : 0;
    a->end = at + (size_t)len;
    if (a->han) return true;
    bool fits = true;
    size_t end = at;
    while (len && !is_han(c) && (c = fold(c))) {
        fits = fits && a->n + 4 <= MAX_WORD;
        if (fits) a->n += (size_t)fab_utf8_put(c, a->word + a->n);
        end += (size_t)len;
        len = end < n ? fab_utf8_next(s + end, n - end, &c) : 0;
    }
    a->end = end;
    if (!fits) a->n = 0;
    stem_atom(a);
    return end > at;
}

/* Past what may stand between two words of one term: blanks, hyphens, apostrophes. */
static size_t skip_joint(const char *s, size_t n, size_t at)
{
    size_t from = at;

    while (at < n && at - from < 3 &&
           (s[at] == ' ' || s[at] == '\n' || s[at] == '-' || s[at] == '\''))
        at++;
    return at;
}

static int32_t atom_id(const fab_lexicon *l, const atom *a)
{
    if (a->han) return (int32_t)a->cp;
    int32_t i = a->n ? fab_strtab_find(&l->words, a->word, a->n) : -1;
    return i < 0 ? -1 : ATOM_WORDS + i;
}

/* --- trie ----------------------------------------------------------------------------------- */

static size_t edge_slot(const edge *edges, size_t mask, uint64_t key)
{
    size_t at = (size_t)((key * 0x9e3779b97f4a7c15u) >> 32) & mask;

    while (edges[at].key && edges[at].key != key) at = (at + 1) & mask;
    return at;
}

static uint64_t edge_key(int32_t node, int32_t id)
{
    return (uint64_t)(uint32_t)(node + 1) << 32 | (uint32_t)id;
}

static int32_t step(const fab_lexicon *l, int32_t node, int32_t id)
{
    if (id < 0 || !l->n_edges) return -1;
    const edge *e = &l->edges[edge_slot(l->edges, l->edge_mask, edge_key(node, id))];
    return e->key ? e->to : -1;
}

static bool widen_edges(fab_lexicon *l, fab_err *err)
{
    size_t size = l->edges ? 2 * (l->edge_mask + 1) : 1024;
    edge *to = fab_new_array(size, sizeof *to, err);

    if (!to) return false;
    for (size_t i = 0; l->edges && i <= l->edge_mask; i++)
        if (l->edges[i].key) to[edge_slot(to, size - 1, l->edges[i].key)] = l->edges[i];
    fab_free(l->edges);
    l->edges = to;
    l->edge_mask = size - 1;
    return true;
}

static int32_t new_node(fab_lexicon *l, fab_err *err)
{
    void *ends = l->ends;

    if ((size_t)l->n_nodes == l->room_nodes) {
        size_t room = l->room_nodes ? 2 * l->room_nodes : 1024;
        if (!fab_grow(&ends, room, sizeof *l->ends, err)) return -1;
        l->ends = ends;
        l->room_nodes = room;
    }
    l->ends[l->n_nodes] = -1;
    return l->n_nodes++;
}

static int32_t step_new(fab_lexicon *l, int32_t node, int32_t id, fab_err *err)
{
    int32_t to = step(l, node, id);

    if (to >= 0) return to;
    if (2 * l->n_edges >= l->edge_mask && !widen_edges(l, err)) return -1;
    if ((to = new_node(l, err)) < 0) return -1;
    size_t at = edge_slot(l->edges, l->edge_mask, edge_key(node, id));
    l->edges[at] = (edge){ edge_key(node, id), to };
    l->n_edges++;
    return to;
}

static int32_t new_word(fab_lexicon *l, const atom *a, fab_err *err)
{
    int32_t i = fab_strtab_find(&l->words, a->word, a->n);

    if (i >= 0) return ATOM_WORDS + i;
    char *keep =
        l->folded + l->n_folded; /* folding makes a text at most 3/2 longer: parse made room */
    memcpy(keep, a->word, a->n);
    l->n_folded += a->n;
    i = fab_strtab_add(&l->words, keep, a->n, err);
    return i < 0 ? -1 : ATOM_WORDS + i;
}

/* --- the file ------------------------------------------------------------------------------- */

/* Cuts the string at the first `by`: its rest, or NULL. */
static char *cut_at(char *s, char by)
{
    char *p = strchr(s, by);

    if (p) *p++ = 0;
    return p;
}

static bool add_surface(fab_lexicon *l, const char *s, int concept, int line, fab_err *err)
{
    size_t n = strlen(s), at = 0;
    int32_t node = 0;
    atom a;

    if (!n) return fab_fail(err, FAB_EFORMAT, "line %d: an empty surface", line);
    while (at < n) {
        if (!read_atom(s, n, at, &a))
            return fab_fail(err, FAB_EFORMAT, "line %d: '%.60s': no letter at byte %zu", line, s,
                            at);
        if (!a.han && !a.n)
            return fab_fail(err, FAB_EFORMAT, "line %d: '%.60s': a word above %d bytes", line, s,
                            MAX_WORD);
        int32_t id = a.han ? (int32_t)a.cp : new_word(l, &a, err);
        if (id < 0 || (node = step_new(l, node, id, err)) < 0) return false;
        at = a.han ? a.end : skip_joint(s, n, a.end);
        if (at == n && at > a.end)
            return fab_fail(err, FAB_EFORMAT, "line %d: '%.60s' ends in a blank or hyphen", line,
                            s);
    }
    if (l->ends[node] >= 0 && l->ends[node] != concept)
        return fab_fail(err, FAB_EFORMAT, "line %d: '%.60s' is a term of %.60s already", line, s,
                        l->concepts[l->ends[node]].name);
    l->ends[node] = concept;
    return true;
}

/* Surfaces of one field; `joined` gets the Chinese ones without blanks. */
static bool read_surfaces(fab_lexicon *l, char *field, int concept, int line, char **joined,
                          int *count, fab_err *err)
{
    *count = 0;
    for (char *next; field && *field; field = next) {
        next = cut_at(field, '|');
        const char *s = field;
        if (joined && strchr(field, ' ')) {
            char *to = *joined;
            s = to;
            for (const char *p = field; *p; p++)
                if (*p != ' ') *to++ = *p;
            *to++ = 0;
            *joined = to;
        }
        if (!add_surface(l, s, concept, line, err)) return false;
        l->surfaces[l->n_surfaces] = s;
        l->cut[l->n_surfaces++] = field;
        ++*count;
        if (next && !*next) return fab_fail(err, FAB_EFORMAT, "line %d: an empty surface", line);
    }
    return true;
}

static bool read_name(fab_lexicon *l, const char *name, int line, fab_err *err)
{
    if (!*name || strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_") != strlen(name))
        return fab_fail(err, FAB_EFORMAT, "line %d: concept '%.60s' is not made of a-z, 0-9 and _",
                        line, name);
    if (fab_strtab_find(&l->names, name, strlen(name)) >= 0)
        return fab_fail(err, FAB_EFORMAT, "line %d: concept %.60s a second time", line, name);
    return fab_strtab_add(&l->names, name, strlen(name), err) >= 0;
}

static bool read_line(fab_lexicon *l, char *s, int line, char **joined, fab_err *err)
{
    fab_concept *c = &l->concepts[l->n_concepts];
    char *kind = cut_at(s, '\t'), *zh = kind ? cut_at(kind, '\t') : NULL;
    char *en = zh ? cut_at(zh, '\t') : NULL, *from = en ? cut_at(en, '\t') : NULL;
    int k = kind ? fab_term_kind_find(kind) : -1, n_zh, n_en;

    if (!from || strchr(from, '\t'))
        return fab_fail(err, FAB_EFORMAT, "line %d: not 5 fields between tabs", line);
    if (k < 0) return fab_fail(err, FAB_EFORMAT, "line %d: unknown kind '%.60s'", line, kind);
    if (!*zh && !*en) return fab_fail(err, FAB_EFORMAT, "line %d: %.60s has no surface", line, s);
    if (!read_name(l, s, line, err)) return false;
    *c = (fab_concept){ .name = s, .kind = (fab_term_kind)k, .sources = from };
    int first = l->n_surfaces, index = l->n_concepts++;
    if (!read_surfaces(l, zh, index, line, joined, &n_zh, err) ||
        !read_surfaces(l, en, index, line, NULL, &n_en, err))
        return false;
    c->zh = l->surfaces + first;
    c->zh_cut = l->cut + first;
    c->en = l->surfaces + first + n_zh;
    c->n_zh = n_zh;
    c->n_en = n_en;
    return true;
}

static bool make_room(fab_lexicon *l, const char *data, size_t size, fab_err *err)
{
    size_t lines = 1, surfaces = 2;

    for (size_t i = 0; i < size; i++) {
        lines += data[i] == '\n';
        surfaces += data[i] == '|' || data[i] == '\n' ? 2 : 0;
    }
    l->text = fab_new(size + 1, err);
    l->joined = fab_new(size + 1, err);
    l->folded = fab_new(2 * size + 1, err);
    l->surfaces = fab_new_array(surfaces, sizeof *l->surfaces, err);
    l->cut = fab_new_array(surfaces, sizeof *l->cut, err);
    l->concepts = fab_new_array(lines, sizeof *l->concepts, err);
    if (!l->text || !l->joined || !l->folded || !l->surfaces || !l->cut || !l->concepts)
        return false;
    memcpy(l->text, data, size);
    return widen_edges(l, err) && new_node(l, err) == 0;
}

static bool read_file(fab_lexicon *l, const char *data, size_t size, fab_err *err)
{
    static const char head[] = "#fabrica-lexicon 1\n";
    char hex[65], *joined;

    if (size > MAX_FILE)
        return fab_fail(err, FAB_ELIMIT, "%zu bytes, at most %d are read", size, MAX_FILE);
    if (size < sizeof head - 1 || memcmp(data, head, sizeof head - 1) != 0)
        return fab_fail(err, FAB_EFORMAT, "the first line is not '#fabrica-lexicon 1'");
    if (memchr(data, 0, size)) return fab_fail(err, FAB_EFORMAT, "a zero byte in the text");
    if (!fab_utf8_require(data, size, err) || !make_room(l, data, size, err)) return false;
    fab_sha256_hex(data, size, hex);
    memcpy(l->version, hex, 12);
    joined = l->joined;
    int line = 1;
    for (char *s = l->text, *next; s; s = next, line++) {
        next = cut_at(s, '\n');
        if (*s && *s != '#' && !read_line(l, s, line, &joined, err)) return false;
    }
    return true;
}

fab_lexicon *fab_lexicon_parse(const void *data, size_t size, fab_err *err)
{
    fab_lexicon *l = fab_new(sizeof *l, err);

    if (l && read_file(l, data, size, err)) return l;
    fab_lexicon_free(l);
    return NULL;
}

fab_lexicon *fab_lexicon_open(const char *path, fab_err *err)
{
    fab_file f = { 0 };

    if (!path) return fab_lexicon_parse(fab_embedded_medical, fab_embedded_medical_size, err);
    if (!fab_file_map(&f, path, MAX_FILE, err)) return NULL;
    fab_lexicon *l = fab_lexicon_parse(f.data, f.size, err);
    if (!l) fab_while(err, "%s", path);
    fab_file_unmap(&f);
    return l;
}

void fab_lexicon_free(fab_lexicon *l)
{
    if (!l) return;
    fab_strtab_clear(&l->names);
    fab_strtab_clear(&l->words);
    fab_free(l->text);
    fab_free(l->joined);
    fab_free(l->folded);
    fab_free(l->surfaces);
    fab_free(l->cut);
    fab_free(l->concepts);
    fab_free(l->edges);
    fab_free(l->ends);
    fab_free(l);
}

const char *fab_lexicon_version(const fab_lexicon *l) { return l->version; }
int fab_lexicon_concepts(const fab_lexicon *l) { return l->n_concepts; }
int fab_lexicon_surfaces(const fab_lexicon *l) { return l->n_surfaces; }
const fab_concept *fab_lexicon_concept(const fab_lexicon *l, int i) { return &l->concepts[i]; }

int fab_lexicon_concept_find(const fab_lexicon *l, const char *name)
{
    return fab_strtab_find(&l->names, name, strlen(name));
}

/* --- matching ------------------------------------------------------------------------------- */

/* The longest term beginning with the atom `a`, read already. */
static bool match_from(const fab_lexicon *l, const char *s, size_t n, atom *a, fab_term *t)
{
    int32_t node = 0, depth = 0;
    size_t from = a->at;
    bool found = false;

    while ((node = step(l, node, atom_id(l, a))) >= 0) {
        depth++;
        if (l->ends[node] >= 0) {
            *t = (fab_term){ from, a->end, l->ends[node], depth };
            found = true;
        }
        size_t next = a->end;
        if (!a->han) next = skip_joint(s, n, next);
        if (next >= n || !read_atom(s, n, next, a)) break;
    }
    return found;
}

bool fab_lexicon_match(const fab_lexicon *l, const char *text, size_t n, size_t at, fab_term *t)
{
    atom a;

    return at < n && read_atom(text, n, at, &a) && match_from(l, text, n, &a, t);
}

int fab_lexicon_lookup(const fab_lexicon *l, const char *surface, size_t n)
{
    fab_term t;

    return fab_lexicon_match(l, surface, n, 0, &t) && t.end == n ? t.concept : -1;
}

fab_term *fab_lexicon_scan(const fab_lexicon *l, const char *text, size_t n, fab_arena *arena,
                           size_t *n_terms, fab_err *err)
{
    size_t room = 16, count = 0, at = 0;
    fab_term *terms = fab_arena_take(arena, room * sizeof *terms, err), t;
    atom a;

    while (terms && at < n) {
        if (!read_atom(text, n, at, &a)) {
            uint32_t c;
            int len = fab_utf8_next(text + at, n - at, &c);
            at += len ? (size_t)len : 1;
            continue;
        }
        at = a.end;
        if (!match_from(l, text, n, &a, &t)) continue;
        if (count == room) {
            fab_term *more = fab_arena_take(arena, 2 * room * sizeof *terms, err);
            if (more) memcpy(more, terms, count * sizeof *terms);
            terms = more;
            room *= 2;
        }
        if (terms) terms[count++] = t;
        at = t.end;
    }
    *n_terms = count;
    return terms;
}
