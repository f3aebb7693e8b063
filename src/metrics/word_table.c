/* word_table: see word_table.h. Two tables of numbers: every word ever met has an entry (hash
 * table, open addressing), and an entry stamped with the present comparison has its number there. A
 * word is kept in multiples of eight bytes filled up by zeros, so that it is hashed and compared
 * eight bytes at once.
 */
#include <string.h>
#include <utf8proc.h>

#include "metrics/word_table.h"
#include "text/utf8.h"

enum { MOST_WORDS = 1 << 18 };

#define UNKNOWN UINT32_MAX

typedef struct {
    const char *s;       /* filled up by zeros to a multiple of 8, at least one */
    uint64_t hash, head; /* head: the first eight bytes */
    uint32_t n, stem; /* entry of its stem; UNKNOWN: not asked for yet, it may be a stem itself */
    uint32_t id, stamp;
} entry;

struct fab_word_table {
    fab_word_rule rule;
    fab_arena *arena; /* the words */
    entry *entries;   /* [n] */
    uint32_t n, cap;
    uint32_t *slots; /* [n_slots], entry + 1; 0: empty */
    uint32_t n_slots;
    uint32_t stamp, count;
    uint32_t *back; /* [count] number -> entry; has room for cap */
    char *buf;      /* the word being read, with room for filling up */
    size_t buf_cap;
    char letter[256]; /* what an ASCII byte becomes; 0: it parts words */
};

static void set_letters(fab_word_table *t)
{
    for (int c = 0; c < 128; c++) {
        bool upper = c >= 'A' && c <= 'Z', lower = c >= 'a' && c <= 'z';
        if (upper || lower || (c >= '0' && c <= '9') || (c == '_' && t->rule.underscore))
            t->letter[c] = (char)(upper ? c + 32 : c);
    }
}

static bool grow_entries(fab_word_table *t, uint32_t cap, fab_err *err)
{
    if (!fab_grow((void **)&t->entries, cap, sizeof *t->entries, err) ||
        !fab_grow((void **)&t->back, cap, sizeof *t->back, err))
        return false;
    uint32_t *slots = fab_new_array((size_t)cap * 2, sizeof *slots, err);
    if (!slots) return false;
    fab_free(t->slots);
    t->slots = slots;
    t->cap = cap;
    t->n_slots = cap * 2;
    for (uint32_t e = 0; e < t->n; e++) {
        uint32_t i = (uint32_t)t->entries[e].hash & (t->n_slots - 1);
        while (slots[i]) i = (i + 1) & (t->n_slots - 1);
        slots[i] = e + 1;
    }
    return true;
}

static bool grow_buf(fab_word_table *t, size_t need, fab_err *err)
{
    size_t cap = t->buf_cap ? t->buf_cap : 64;
    while (cap < need + 16) cap *= 2;
    if (cap == t->buf_cap) return true;
    if (!fab_grow((void **)&t->buf, cap, 1, err)) return false;
    t->buf_cap = cap;
    return true;
}

fab_word_table *fab_word_table_new(const fab_word_rule *rule, fab_err *err)
{
    fab_word_table *t = fab_new(sizeof *t, err);
    if (!t) return NULL;
    t->rule = *rule;
    t->stamp = 1;
    set_letters(t);
    t->arena = fab_arena_new(1 << 16, err);
    if (t->arena && grow_entries(t, 1024, err) && grow_buf(t, 64, err)) return t;
    fab_word_table_free(t);
    return NULL;
}

void fab_word_table_free(fab_word_table *t)
{
    if (!t) return;
    fab_arena_free(t->arena);
    fab_free(t->entries);
    fab_free(t->slots);
    fab_free(t->back);
    fab_free(t->buf);
    fab_free(t);
}

void fab_word_table_begin(fab_word_table *t)
{
    t->count = 0;
    if (++t->stamp && t->n < MOST_WORDS) return;
    t->stamp = 1;
    t->n = 0;
    memset(t->slots, 0, t->n_slots * sizeof *t->slots);
    fab_arena_reset(t->arena);
}

uint32_t fab_word_table_count(const fab_word_table *t) { return t->count; }

const char *fab_word_text(const fab_word_table *t, uint32_t id, size_t *n)
{
    const entry *e = &t->entries[t->back[id]];
    if (n) *n = e->n;
    return e->s;
}

/* ---- entries ---- */

static size_t filled_size(size_t n)
{
    return (n + 8) & ~(size_t)7;
} /* always one zero at the end */

static uint64_t first_8(const char *s)
{
    uint64_t w;
    memcpy(&w, s, 8);
    return w;
}

static uint64_t hash_filled(const char *s, size_t n)
{
    uint64_t h = n;
    for (size_t i = 0; i < filled_size(n); i += 8) {
        h = (h ^ first_8(s + i)) * 0x9e3779b97f4a7c15u;
        h ^= h >> 32;
    }
    return h;
}

static bool same_word(const entry *x, const char *s, size_t n, uint64_t h)
{
    return x->hash == h && x->n == n && x->head == first_8(s) && (n < 8 || memcmp(x->s, s, n) == 0);
}

static uint32_t find(const fab_word_table *t, const char *s, size_t n, uint64_t h, uint32_t *slot)
{
    uint32_t i = (uint32_t)h & (t->n_slots - 1), e;
    for (; (e = t->slots[i]) != 0; i = (i + 1) & (t->n_slots - 1))
        if (same_word(&t->entries[e - 1], s, n, h)) break;
    *slot = i;
    return e;
}

/* The entry of buf[0..n), filled up by zeros, + 1; 0: memory is out. */
static uint32_t intern(fab_word_table *t, const char *buf, size_t n, fab_err *err)
{
    uint32_t slot;
    uint64_t h = hash_filled(buf, n);
    uint32_t e = find(t, buf, n, h, &slot);
    if (e) return e;
    if (t->n == t->cap) {
        if (t->cap >= 1u << 30) {
            fab_fail(err, FAB_ELIMIT, "more than %u different words", t->cap);
            return 0;
        }
        if (!grow_entries(t, t->cap * 2, err)) return 0;
        find(t, buf, n, h, &slot);
    }
    char *s = fab_arena_take(t->arena, filled_size(n), err);
    if (!s) return 0;
    memcpy(s, buf, filled_size(n));
    t->entries[t->n] =
        (entry){ .s = s, .hash = h, .head = first_8(s), .n = (uint32_t)n, .stem = UNKNOWN };
    t->slots[slot] = ++t->n;
    return t->n;
}

static void fill_up(char *buf, size_t n) { memset(buf + n, 0, 8); }

/* The entry of the word in buf, stemmed as the rule says, + 1; 0: memory is out. */
static uint32_t stemmed(fab_word_table *t, size_t n, bool ascii, fab_err *err)
{
    uint32_t e = intern(t, t->buf, n, err);
    if (!e || t->rule.stem == FAB_STEM_NONE || n <= 3 || !ascii) return e;
    if (t->entries[e - 1].stem != UNKNOWN) return t->entries[e - 1].stem + 1;
    size_t m = fab_porter(t->buf, n, t->rule.stem);
    fill_up(t->buf, m);
    uint32_t stem = intern(t, t->buf, m, err);
    if (stem) t->entries[e - 1].stem = stem - 1;
    return stem;
}

/* Room in ids for one word more. */
static bool make_room(fab_word_row *w, fab_err *err)
{
    if (w->n < w->cap) return true;
    int64_t cap = w->cap ? w->cap * 2 : 256;
    if (!fab_grow((void **)&w->ids, (size_t)cap, sizeof *w->ids, err)) return false;
    w->cap = cap;
    return true;
}

static bool push(fab_word_row *w, uint32_t e, fab_err *err)
{
    fab_word_table *t = w->table;
    entry *x = &t->entries[e - 1];
    if (!make_room(w, err)) return false;
    if (x->stamp != t->stamp) {
        x->stamp = t->stamp;
        x->id = t->count;
        t->back[t->count++] = e - 1;
    }
    w->ids[w->n++] = x->id;
    return true;
}

/* ---- characters ---- */

bool fab_is_cjk(uint32_t c)
{
    if (c < 0x1100) return false;
    return fab_char_class_of(c) == FAB_CHAR_HAN || (c >= 0x3005 && c <= 0x3007) ||
           (c >= 0x3041 && c <= 0x3096) || (c >= 0x309d && c <= 0x309f) ||
           (c >= 0x30a1 && c <= 0x30ff && c != 0x30fb) || (c >= 0x3105 && c <= 0x318e) ||
           (c >= 0x31f0 && c <= 0x31ff) || (c >= 0xac00 && c <= 0xd7a3) ||
           (c >= 0x1100 && c <= 0x11ff) || (c >= 0xff66 && c <= 0xff9f);
}

/* A full-width letter or digit as its ASCII byte, lower-cased; 0: it is none. */
static char narrow(uint32_t c)
{
    uint32_t a = c - 0xfee0;
    if (c < 0xff10 || c > 0xff5a) return 0;
    if (a >= 'A' && a <= 'Z') return (char)(a + 32);
    return (a >= '0' && a <= '9') || (a >= 'a' && a <= 'z') ? (char)a : 0;
}

static bool letter_of_any_script(uint32_t c)
{
    switch (utf8proc_category((utf8proc_int32_t)c)) {
    case UTF8PROC_CATEGORY_LU:
    case UTF8PROC_CATEGORY_LL:
    case UTF8PROC_CATEGORY_LT:
    case UTF8PROC_CATEGORY_LM:
    case UTF8PROC_CATEGORY_LO:
    case UTF8PROC_CATEGORY_MN:
    case UTF8PROC_CATEGORY_MC:
    case UTF8PROC_CATEGORY_ND:
    case UTF8PROC_CATEGORY_NL:
    case UTF8PROC_CATEGORY_NO: return true;
    default: return false;
    }
}

/* ---- reading ---- */

typedef struct {
    fab_word_row *to;
    const char *s;
    size_t n, i; /* i: where we are */
    size_t k;    /* bytes in the table's buf */
    bool ascii;
    fab_err *err;
} reader;

static bool flush(reader *r)
{
    fab_word_table *t = r->to->table;
    size_t k = r->k;
    if (!k) return true;
    r->k = 0;
    fill_up(t->buf, k);
    uint32_t e = stemmed(t, k, r->ascii, r->err);
    r->ascii = true;
    return e && push(r->to, e, r->err);
}

bool fab_word_row_put(fab_word_row *w, const char *s, size_t n, fab_err *err)
{
    fab_word_table *t = w->table;
    if (!n) return true;
    if (!grow_buf(t, n, err)) return false;
    memcpy(t->buf, s, n);
    fill_up(t->buf, n);
    uint32_t e = intern(t, t->buf, n, err);
    return e && push(w, e, err);
}

/* A run of CJK characters beginning at i. */
static bool read_run(reader *r, int len)
{
    const fab_word_rule *rule = &r->to->table->rule;
    size_t begin = r->i;
    uint32_t cp;
    if (!flush(r)) return false;
    do {
        if (!rule->segment && !fab_word_row_put(r->to, r->s + r->i, (size_t)len, r->err))
            return false;
        r->i += (size_t)len;
        len = fab_utf8_next(r->s + r->i, r->n - r->i, &cp);
    } while (len && fab_is_cjk(cp));
    return !rule->segment ||
           rule->segment(rule->segment_arg, r->s + begin, r->i - begin, r->to, r->err);
}

static void add_lower(reader *r, uint32_t cp)
{
    fab_word_table *t = r->to->table;
    int len = fab_utf8_put((uint32_t)utf8proc_tolower((utf8proc_int32_t)cp), t->buf + r->k);
    r->k += (size_t)len;
    r->ascii = false;
}

/* The character above ASCII at i. */
static bool read_wide(reader *r)
{
    fab_word_table *t = r->to->table;
    uint32_t cp;
    int len = fab_utf8_next(r->s + r->i, r->n - r->i, &cp);
    if (!len) return fab_utf8_require(r->s, r->n, r->err);
    char ascii = t->rule.python_lower && (cp == 0x212a || cp == 0x130) ? (cp == 0x130 ? 'i' : 'k')
                 : t->rule.script == FAB_SCRIPT_ASCII                  ? 0
                                                                       : narrow(cp);
    if (!ascii && t->rule.script != FAB_SCRIPT_ASCII && fab_is_cjk(cp)) return read_run(r, len);
    r->i += (size_t)len;
    if (ascii) t->buf[r->k++] = ascii;
    else if (t->rule.script == FAB_SCRIPT_ALL && letter_of_any_script(cp)) {
        add_lower(r, cp);
        return true;
    }
    return (ascii && cp != 0x130) || flush(r);
}

/* The ASCII letters at i: the loop that most of the time goes to, in locals, for a char may alias
 * all else. */
static void read_letters(reader *r)
{
    const char *s = r->s, *letter = r->to->table->letter;
    char *buf = r->to->table->buf, c;
    size_t i = r->i, k = r->k, n = r->n;
    for (; i < n && (c = letter[(uint8_t)s[i]]) != 0; i++) buf[k++] = c;
    r->i = i;
    r->k = k;
}

static bool add_line(fab_word_row *w, fab_err *err)
{
    if (w->n_lines == w->cap_lines) {
        int64_t cap = w->cap_lines ? w->cap_lines * 2 : 16;
        if (!fab_grow((void **)&w->lines, (size_t)cap, sizeof *w->lines, err)) return false;
        w->cap_lines = cap;
    }
    w->lines[w->n_lines++] = w->n;
    return true;
}

bool fab_word_row_read(fab_word_table *t, fab_word_row *w, const char *s, size_t n, fab_err *err)
{
    reader r = { .to = w, .s = s, .n = n, .ascii = true, .err = err };
    fab_word_row_init(w, t);
    /* a lower-cased character may take half as many bytes again */
    if (n > SIZE_MAX / 4 || !grow_buf(t, n * 2, err) || !make_room(w, err) || !add_line(w, err))
        return false;
    while (r.i < n) {
        read_letters(&r);
        if (r.i == n) break;
        uint8_t c = (uint8_t)s[r.i];
        if (c >= 0x80) {
            if (!read_wide(&r)) return false;
            continue;
        }
        r.i++;
        if (!flush(&r) || (c == '\n' && !add_line(w, err))) return false;
    }
    return flush(&r);
}

void fab_word_row_init(fab_word_row *w, fab_word_table *t)
{
    w->table = t;
    w->n = w->n_lines = 0;
}

void fab_word_row_clear(fab_word_row *w)
{
    fab_free(w->ids);
    fab_free(w->lines);
    *w = (fab_word_row){ 0 };
}
