/* blind: answers a question without the picture; the bar that a model with eyes has to clear.
 *
 *   seen question      its most frequent answer (ties: the one seen first)
 *   unseen question    argmax_a  log (n_a + s) + sum_f log (n_af + s) / (n_a + s K)
 *
 * Features: English words and pairs of neighbouring words with a start mark; Chinese characters
 * and pairs. n_a: training questions with answer a; n_af: those with feature f; s = 0.05, K =
 * number of features known. No bare yes or no is taken for what asks openly (data/record.h).
 * Questions and answers carry a two-letter tag, language and source; answers with the same tag
 * compete among themselves.
 */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/hash.h"
#include "base/json.h"
#include "evaluate/vqa.h"
#include "text/utf8.h"

enum { MAX_FEATURES = 256, WORD = 64, TAG = 2, MAX_SOURCES = 64 };
static const double smooth = 0.05;

typedef struct { /* open hash of pairs (a, b) -> count */
    uint64_t *keys;
    int32_t *counts;
    int64_t n, cap; /* cap a power of two */
} pair_table;

struct fab_blind {
    fab_path_list questions, answers,
        features;          /* interned texts; questions and answers begin with their tag */
    fab_path_list sources; /* the tag's second letter counts them from '0' */
    pair_table by_question, by_feature; /* (question, answer), (feature, answer) */
    const char **surface;               /* [answers.n] as first written */
    int32_t *count;                     /* [answers.n] */
    int32_t *best;                      /* [questions.n] */
    int32_t cap_answers;
    fab_arena *arena;
};

/* ---- pairs ---- */

static int64_t pair_slot(const pair_table *t, uint64_t key)
{
    uint64_t s = fab_hash64(&key, sizeof key, 3);
    for (s &= (uint64_t)t->cap - 1; t->counts[s] && t->keys[s] != key;
         s = (s + 1) & ((uint64_t)t->cap - 1)) {
    }
    return (int64_t)s;
}

static bool pair_grow(pair_table *t, fab_err *err)
{
    pair_table w = { .cap = t->cap ? t->cap * 2 : 4096 };
    w.keys = fab_new_array((size_t)w.cap, sizeof *w.keys, err);
    w.counts = fab_new_array((size_t)w.cap, sizeof *w.counts, err);
    if (!w.keys || !w.counts) {
        fab_free(w.keys);
        fab_free(w.counts);
        return false;
    }
    for (int64_t i = 0; i < t->cap; i++) {
        if (!t->counts[i]) continue;
        int64_t s = pair_slot(&w, t->keys[i]);
        w.keys[s] = t->keys[i];
        w.counts[s] = t->counts[i];
    }
    w.n = t->n;
    fab_free(t->keys);
    fab_free(t->counts);
    *t = w;
    return true;
}

static uint64_t pair_key(int32_t a, int32_t b) { return (uint64_t)(uint32_t)a << 32 | (uint32_t)b; }

static bool pair_add(pair_table *t, int32_t a, int32_t b, int32_t by, fab_err *err)
{
    if (2 * t->n >= t->cap && !pair_grow(t, err)) return false;
    int64_t s = pair_slot(t, pair_key(a, b));
    t->n += t->counts[s] == 0;
    t->keys[s] = pair_key(a, b);
    t->counts[s] += by;
    return true;
}

static int32_t pair_count(const pair_table *t, int32_t a, int32_t b)
{
    return t->cap ? t->counts[pair_slot(t, pair_key(a, b))] : 0;
}

/* ---- features ---- */

/* The next word of *s into word: letters and digits lower-cased; one character in Chinese. false
 * at the end. */
static bool next_word(const char **s, fab_lang lang, char word[WORD])
{
    size_t left = strlen(*s), n = 0;
    while (left) {
        uint32_t cp = 0;
        int len = fab_utf8_next(*s, left, &cp);
        size_t step = len ? (size_t)len : 1;
        fab_char_class k = len ? fab_char_class_of(cp) : FAB_CHAR_OTHER;
        bool part = k == FAB_CHAR_LETTER || k == FAB_CHAR_DIGIT || k == FAB_CHAR_HAN;
        bool alone = k == FAB_CHAR_HAN && lang == FAB_ZH;
        if (n && (!part || alone)) break;
        for (size_t i = 0; part && i < step && n + 1 < WORD; i++) {
            char c = (*s)[i];
            word[n++] = c >= 'A' && c <= 'Z' ? (char)(c + 32) : c;
        }
        *s += step;
        left -= step;
        if (alone) break;
    }
    word[n] = 0;
    return n > 0;
}

typedef bool (*feature_fn)(void *arg, const char *feature);

/* Calls fn on each feature of the question; false as soon as fn says so. */
static bool each_feature(const char *question, fab_lang lang, feature_fn fn, void *arg)
{
    char word[WORD], before[WORD] = "^", text[2 * WORD + 4];
    for (int n = 0; n < MAX_FEATURES / 2 && next_word(&question, lang, word); n++) {
        snprintf(text, sizeof text, "%d%s", (int)lang, word);
        if (!fn(arg, text)) return false;
        snprintf(text, sizeof text, "%d%s %s", (int)lang, before, word);
        if (!fn(arg, text)) return false;
        memcpy(before, word, sizeof before);
    }
    return true;
}

/* ---- training ---- */

typedef struct {
    fab_blind *b;
    int32_t answer, count;
    fab_err *err;
} learner;

static bool learn_feature(void *arg, const char *feature)
{
    learner *l = arg;
    int32_t f = fab_paths_add(&l->b->features, feature, l->err);
    return f >= 0 && pair_add(&l->b->by_feature, f, l->answer, l->count, l->err);
}

static bool keep_answer(fab_blind *b, int32_t a, const char *surface, fab_err *err)
{
    if (a >= b->cap_answers) {
        int32_t cap = b->cap_answers ? b->cap_answers * 2 : 512;
        if (!fab_grow((void **)&b->surface, (size_t)cap, sizeof *b->surface, err)) return false;
        if (!fab_grow((void **)&b->count, (size_t)cap, sizeof *b->count, err)) return false;
        for (int32_t i = b->cap_answers; i < cap; i++) b->surface[i] = NULL, b->count[i] = 0;
        b->cap_answers = cap;
    }
    if (!b->surface[a]) b->surface[a] = fab_arena_strdup(b->arena, surface, err);
    return b->surface[a] != NULL;
}

/* "0" + "1" + text: language 0, source 1. NULL: memory. */
static char *tagged(fab_arena *a, const char *tag, const char *text, fab_err *err)
{
    char *n = fab_vqa_normal(a, text, err);
    return n ? fab_arena_printf(a, err, "%.*s%s", TAG, tag, n) : NULL;
}

static bool learn(fab_blind *b, const char *tag, const char *question, const char *answer,
                  int32_t count, fab_err *err)
{
    char *q = tagged(b->arena, tag, question, err), *a = tagged(b->arena, tag, answer, err);
    int32_t qi = q ? fab_paths_add(&b->questions, q, err) : -1,
            ai = a ? fab_paths_add(&b->answers, a, err) : -1;
    if (qi < 0 || ai < 0 || !keep_answer(b, ai, answer, err)) return false;
    b->count[ai] += count;
    learner l = { b, ai, count, err };
    return pair_add(&b->by_question, qi, ai, count, err) &&
           each_feature(question, (fab_lang)(tag[0] - '0'), learn_feature, &l);
}

/* The tag of a record; sources beyond the table share its last place. */
static bool learn_record(fab_blind *b, const fab_qa *q, fab_err *err)
{
    const char *name = q->source ? q->source : "";
    int32_t at = fab_paths_find(&b->sources, name);
    if (at < 0 && b->sources.n < MAX_SOURCES) at = fab_paths_add(&b->sources, name, err);
    if (at < 0 && b->sources.n < MAX_SOURCES) return false;
    const char tag[TAG] = { (char)('0' + (int)q->lang),
                            (char)('0' + (at < 0 ? MAX_SOURCES - 1 : at)) };
    return learn(b, tag, q->question, q->answer, 1, err);
}

/* The most frequent answer of every question; of equals the one that was seen first. */
static bool settle(fab_blind *b, fab_err *err)
{
    int32_t n = b->questions.n;
    int32_t *top = fab_new_array((size_t)n + 1, sizeof *top, err);
    b->best = fab_new_array((size_t)n + 1, sizeof *b->best, err);
    bool ok = top && b->best;
    for (int64_t i = 0; ok && i < b->by_question.cap; i++) {
        int32_t c = b->by_question.counts[i], q = (int32_t)(b->by_question.keys[i] >> 32);
        int32_t a = (int32_t)(b->by_question.keys[i] & 0xffffffffu);
        if (!c || c < top[q] || (c == top[q] && a > b->best[q])) continue;
        top[q] = c;
        b->best[q] = a;
    }
    fab_free(top);
    return ok;
}

static fab_blind *start(fab_err *err)
{
    fab_blind *b = fab_new(sizeof *b, err);
    if (b && (b->arena = fab_arena_new(0, err)) && fab_paths_init(&b->questions, err) &&
        fab_paths_init(&b->answers, err) && fab_paths_init(&b->features, err) &&
        fab_paths_init(&b->sources, err) && pair_grow(&b->by_question, err) &&
        pair_grow(&b->by_feature, err))
        return b;
    fab_blind_free(b);
    return NULL;
}

fab_blind *fab_blind_train(const fab_qa *items, int64_t n, fab_err *err)
{
    fab_blind *b = start(err);
    bool ok = b != NULL;
    for (int64_t i = 0; ok && i < n; i++) ok = learn_record(b, &items[i], err);
    if (ok && settle(b, err)) return b;
    fab_blind_free(b);
    return NULL;
}

void fab_blind_free(fab_blind *b)
{
    if (!b) return;
    fab_paths_clear(&b->questions);
    fab_paths_clear(&b->answers);
    fab_paths_clear(&b->features);
    fab_paths_clear(&b->sources);
    fab_free(b->by_question.keys);
    fab_free(b->by_question.counts);
    fab_free(b->by_feature.keys);
    fab_free(b->by_feature.counts);
    fab_free(b->surface);
    fab_free(b->count);
    fab_free(b->best);
    fab_arena_free(b->arena);
    fab_free(b);
}

/* ---- answering ---- */

typedef struct {
    const fab_blind *b;
    int32_t found[MAX_FEATURES];
    int n;
} asker;

static bool ask_feature(void *arg, const char *feature)
{
    asker *k = arg;
    int32_t f = fab_paths_find(&k->b->features, feature);
    if (f >= 0 && k->n < MAX_FEATURES) k->found[k->n++] = f;
    return true;
}

/* Whether an interned text is of this language and source; source < 0: of any. */
static bool of_tag(const char *text, fab_lang lang, int32_t source)
{
    return text[0] == '0' + (int)lang && (source < 0 || text[1] == '0' + source);
}

static const char *guess(const fab_blind *b, const char *question, fab_lang lang, int32_t source)
{
    asker k = { .b = b };
    const char *best = "";
    double top = -INFINITY;
    const bool openly = lang == FAB_EN && fab_asks_openly(question);
    each_feature(question, lang, ask_feature, &k);
    for (int32_t a = 0; a < b->answers.n; a++) {
        if (!of_tag(b->answers.paths[a], lang, source)) continue;
        if (openly && fab_bare_yes_no(b->surface[a])) continue;
        double n = b->count[a], score = log(n + smooth), base = log(n + smooth * b->features.n);
        for (int i = 0; i < k.n; i++)
            score += log(pair_count(&b->by_feature, k.found[i], a) + smooth) - base;
        if (score > top) top = score, best = b->surface[a];
    }
    return best;
}

/* The question as it was seen under one source, or the first source that has it; -1 unseen. */
static int32_t seen(const fab_blind *b, const char *question, fab_lang lang, int32_t source)
{
    int32_t found = -1;
    fab_arena *scratch = fab_arena_new(4096, NULL);
    for (int32_t s = source < 0 ? 0 : source;
         scratch && found < 0 && s <= (source < 0 ? MAX_SOURCES - 1 : source); s++) {
        const char tag[TAG] = { (char)('0' + (int)lang), (char)('0' + s) };
        char *key = tagged(scratch, tag, question, NULL);
        if (key) found = fab_paths_find(&b->questions, key);
        if (source < 0 && s + 1 >= b->sources.n) break;
    }
    fab_arena_free(scratch);
    return found;
}

const char *fab_blind_answer(const fab_blind *b, const fab_qa *q)
{
    int32_t source = q->source ? fab_paths_find(&b->sources, q->source) : -1;
    int32_t i = seen(b, q->question, q->lang, source);
    return i >= 0 ? b->surface[b->best[i]] : guess(b, q->question, q->lang, source);
}

bool fab_blind_measure(const fab_blind *b, const fab_qa *items, int64_t n, fab_vqa_scores *out,
                       fab_err *err)
{
    const char **answers = fab_new_array((size_t)n + 1, sizeof *answers, err);
    if (!answers) return false;
    for (int64_t i = 0; i < n; i++) answers[i] = fab_blind_answer(b, &items[i]);
    *out = fab_vqa_measure(items, answers, n);
    fab_free(answers);
    return true;
}

/* ---- packing: {sources: [name], answers: [tagged], rows: [[tagged question, answer, count ..]]} */

static json_t *pack_row(const fab_blind *b, int32_t q)
{
    json_t *row = json_pack("[s]", b->questions.paths[q]);
    for (int32_t a = 0; row && a < b->answers.n; a++) {
        int32_t n = memcmp(b->answers.paths[a], b->questions.paths[q], TAG)
                        ? 0
                        : pair_count(&b->by_question, q, a);
        if (n && (json_array_append_new(row, json_integer(a)) ||
                  json_array_append_new(row, json_integer(n)))) {
            json_decref(row);
            return NULL;
        }
    }
    return row;
}

static json_t *pack_all(const fab_blind *b)
{
    json_t *o = json_pack("{s:[],s:[],s:[]}", "sources", "answers", "rows");
    bool ok = o != NULL;
    for (int32_t i = 0; ok && i < b->sources.n; i++)
        ok = json_array_append_new(json_object_get(o, "sources"),
                                   json_string(b->sources.paths[i])) == 0;
    for (int32_t i = 0; ok && i < b->answers.n; i++)
        ok = json_array_append_new(json_object_get(o, "answers"),
                                   json_sprintf("%.*s%s", TAG, b->answers.paths[i],
                                                b->surface[i])) == 0;
    for (int32_t q = 0; ok && q < b->questions.n; q++)
        ok = json_array_append_new(json_object_get(o, "rows"), pack_row(b, q)) == 0;
    if (ok) return o;
    json_decref(o);
    return NULL;
}

char *fab_blind_pack(const fab_blind *b, fab_arena *a, fab_err *err)
{
    json_t *o = pack_all(b);
    size_t size = o ? json_dumpb(o, NULL, 0, JSON_COMPACT) : 0;
    char *out = size ? fab_arena_take(a, size + 1, err) : NULL;
    if (out) json_dumpb(o, out, size, JSON_COMPACT), out[size] = 0;
    else fab_fail(err, FAB_ENOMEM, "question-only baseline: memory is out");
    json_decref(o);
    return out;
}

static bool has_tag(const fab_blind *b, const char *s)
{
    return s && s[0] >= '0' && s[0] < '0' + FAB_LANGS && s[1] >= '0' && s[1] < '0' + b->sources.n;
}

static bool intern_sources(fab_blind *b, const json_t *sources, fab_err *err)
{
    for (size_t i = 0; i < json_array_size(sources); i++) {
        const char *s = json_string_value(json_array_get(sources, i));
        int32_t at = s && i < MAX_SOURCES ? fab_paths_add(&b->sources, s, err) : -1;
        if ((size_t)at != i)
            return fab_fail(err, FAB_EFORMAT, "question-only baseline: source %zu is no new name",
                            i);
    }
    return true;
}

/* Answers first, in their order, so that ties fall as they fell. */
static bool intern_answers(fab_blind *b, const json_t *answers, fab_err *err)
{
    for (size_t i = 0; i < json_array_size(answers); i++) {
        const char *s = json_string_value(json_array_get(answers, i));
        if (!has_tag(b, s))
            return fab_fail(err, FAB_EFORMAT,
                            "question-only baseline: answer %zu is no text with a tag", i);
        char *n = tagged(b->arena, s, s + TAG, err);
        int32_t at = n ? fab_paths_add(&b->answers, n, err) : -1;
        if (at < 0 || !keep_answer(b, at, s + TAG, err)) return false;
        if ((size_t)at != i)
            return fab_fail(err, FAB_EFORMAT, "question-only baseline: answer %zu is there twice",
                            i);
    }
    return true;
}

static bool learn_row(fab_blind *b, const json_t *row, size_t i, fab_err *err)
{
    const char *q = json_string_value(json_array_get(row, 0));
    if (!has_tag(b, q))
        return fab_fail(err, FAB_EFORMAT, "question-only baseline: row %zu has no question", i);
    for (size_t k = 1; k < json_array_size(row); k += 2) {
        const json_t *ja = json_array_get(row, k), *jn = json_array_get(row, k + 1);
        json_int_t a = json_is_integer(ja) ? json_integer_value(ja) : -1,
                   n = jn ? json_integer_value(jn) : 0;
        if (a < 0 || a >= b->answers.n || n < 1 || n > 1000000 ||
            memcmp(b->answers.paths[a], q, TAG))
            return fab_fail(err, FAB_EFORMAT,
                            "question-only baseline: row %zu is not [question, answer, count ...]",
                            i);
        if (!learn(b, q, q + TAG, b->surface[a], (int32_t)n, err)) return false;
    }
    return true;
}

fab_blind *fab_blind_parse(const void *json, size_t size, fab_err *err)
{
    json_t *o = fab_json_parse(json, size, err);
    if (!o) return NULL;
    const json_t *sources = json_object_get(o, "sources"), *answers = json_object_get(o, "answers"),
                 *rows = json_object_get(o, "rows");
    fab_blind *b = start(err);
    bool ok = b && ((json_is_array(sources) && json_is_array(answers) && json_is_array(rows)) ||
                    fab_fail(err, FAB_EFORMAT,
                             "question-only baseline: lists sources, answers and rows expected"));
    ok = ok && intern_sources(b, sources, err) && intern_answers(b, answers, err);
    for (size_t i = 0; ok && i < json_array_size(rows); i++)
        ok = learn_row(b, json_array_get(rows, i), i, err);
    ok = ok && settle(b, err);
    json_decref(o);
    if (ok) return b;
    fab_blind_free(b);
    return NULL;
}
