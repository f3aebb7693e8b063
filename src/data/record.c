/* record: reading and holding question-answer records. See record.h. */
#include "data/record.h"

#include <ctype.h>
#include <math.h>
#include <string.h>
#include <strings.h>

#include "base/hash.h"
#include "base/json.h"
#include "text/utf8.h"

/* ---- paths ---- */

bool fab_paths_init(fab_path_list *p, fab_err *err)
{
    *p = (fab_path_list){ 0 };
    p->arena = fab_arena_new(0, err);
    return p->arena != NULL;
}

void fab_paths_clear(fab_path_list *p)
{
    fab_arena_free(p->arena);
    fab_free(p->paths);
    fab_free(p->slots);
    *p = (fab_path_list){ 0 };
}

static int32_t slot_of(const fab_path_list *p, const char *path)
{
    uint32_t mask = (uint32_t)p->n_slots - 1;
    uint32_t s = (uint32_t)fab_hash64(path, strlen(path), 1) & mask;
    while (p->slots[s] >= 0 && strcmp(p->paths[p->slots[s]], path)) s = (s + 1) & mask;
    return (int32_t)s;
}

int32_t fab_paths_find(const fab_path_list *p, const char *path)
{
    return p->n_slots ? p->slots[slot_of(p, path)] : -1;
}

static bool paths_grow(fab_path_list *p, fab_err *err)
{
    int32_t cap = p->cap ? p->cap * 2 : 256;
    if (cap > 1 << 28) return fab_fail(err, FAB_ELIMIT, "more than %d pictures", p->cap);
    if (!fab_grow((void **)&p->paths, (size_t)cap, sizeof *p->paths, err)) return false;
    if (!fab_grow((void **)&p->slots, (size_t)cap * 2, sizeof *p->slots, err)) return false;
    p->cap = cap;
    p->n_slots = cap * 2;
    memset(p->slots, 0xff, (size_t)p->n_slots * sizeof *p->slots);
    for (int32_t i = 0; i < p->n; i++) p->slots[slot_of(p, p->paths[i])] = i;
    return true;
}

int32_t fab_paths_add(fab_path_list *p, const char *path, fab_err *err)
{
    int32_t at = fab_paths_find(p, path);
    if (at >= 0) return at;
    if (p->n == p->cap && !paths_grow(p, err)) return -1;
    char *copy = fab_arena_strdup(p->arena, path, err);
    if (!copy) return -1;
    p->paths[p->n] = copy;
    p->slots[slot_of(p, copy)] = p->n;
    return p->n++;
}

/* ---- facts about wording ---- */

fab_lang fab_lang_guess(const char *text)
{
    size_t n = strlen(text);
    for (size_t i = 0; i < n;) {
        uint32_t cp;
        int len = fab_utf8_next(text + i, n - i, &cp);
        if (len && fab_char_class_of(cp) == FAB_CHAR_HAN) return FAB_ZH;
        i += len ? (size_t)len : 1;
    }
    return FAB_EN;
}

bool fab_asks_side(const char *text, fab_lang lang)
{
    if (lang == FAB_ZH) return strstr(text, "左") || strstr(text, "右") || strstr(text, "侧");
    static const char *const words[] = { "left",    "right",       "side",      "sided",
                                         "lateral", "lateralized", "laterality" };
    for (const char *s = text; *s; s++) {
        if (s > text && isalpha((unsigned char)s[-1])) continue;
        if (!strncasecmp(s, "left", 4) || !strncasecmp(s, "right", 5))
            return true; /* leftmost, right-sided */
        for (size_t w = 2; w < sizeof words / sizeof *words; w++) {
            size_t n = strlen(words[w]);
            if (!strncasecmp(s, words[w], n) && !isalpha((unsigned char)s[n])) return true;
        }
    }
    return false;
}

bool fab_closed_guess(const char *question, const char *answer)
{
    static const char *const yes_no[] = {
        "yes",  "no",     "是",   "是的",   "不是", "否",     "有",   "没有",
        "包含", "不包含", "包括", "不包括", "存在", "不存在", "可以", "不可以",
        "正常", "不正常", "健康", "不健康", "能",   "不能",
    };
    size_t n = strlen(answer);
    while (n && (answer[n - 1] == '.' || answer[n - 1] == ' ')) n--;
    for (size_t i = 0; i < sizeof yes_no / sizeof *yes_no; i++)
        if (strlen(yes_no[i]) == n && !strncasecmp(yes_no[i], answer, n)) return true;
    bool choice =
        strstr(question, " or ") || strstr(question, "还是") || strstr(question, "哪个更");
    for (const char *s = question; choice && n && *s; s++)
        if (!strncasecmp(s, answer, n)) return true;
    return false;
}

/* Whether s begins with one of the words and a word ends there; *past is what follows. */
static bool begins_with(const char *s, const char *const *words, const char **past)
{
    for (; *words; words++) {
        size_t n = strlen(*words);
        if (strncasecmp(s, *words, n) || isalnum((unsigned char)s[n])) continue;
        *past = s + n;
        return true;
    }
    return false;
}

bool fab_asks_openly(const char *question)
{
    static const char
        *const before[] = { "in", "on", "from", "at", "of", "to", "with", "by", NULL },
               *const asking[] = { "what", "which", "where",    "who",  "when",
                                   "why",  "how",   "describe", "name", NULL };
    const char *s = question + strspn(question, " \t\r\n");
    if (begins_with(s, before, &s)) s += strspn(s, " ");
    return begins_with(s, asking, &s);
}

bool fab_bare_yes_no(const char *answer)
{
    return !strcasecmp(answer, "yes") || !strcasecmp(answer, "no");
}

/* ---- the set ---- */

bool fab_qa_init(fab_qa_set *s, fab_path_list *images, fab_err *err)
{
    *s = (fab_qa_set){ .images = images };
    s->arena = fab_arena_new(0, err);
    return s->arena != NULL;
}

void fab_qa_clear(fab_qa_set *s)
{
    fab_arena_free(s->arena);
    fab_free(s->items);
    *s = (fab_qa_set){ 0 };
}

static const char *keep(fab_arena *a, const char *s, fab_err *err)
{
    return s && *s ? fab_arena_strdup(a, s, err) : "";
}

bool fab_qa_add(fab_qa_set *s, const fab_qa *item, fab_err *err)
{
    if (s->n == s->cap) {
        int64_t cap = s->cap ? s->cap * 2 : 1024;
        if (!fab_grow((void **)&s->items, (size_t)cap, sizeof *s->items, err)) return false;
        s->cap = cap;
    }
    fab_qa q = *item;
    const char **fields[] = { &q.id,           &q.question, &q.answer,  &q.source,
                              &q.content_type, &q.organ,    &q.modality };
    for (size_t i = 0; i < sizeof fields / sizeof *fields; i++)
        if (!(*fields[i] = keep(s->arena, *fields[i], err))) return false;
    q.flip_ok = !fab_asks_side(q.question, q.lang) && !fab_asks_side(q.answer, q.lang);
    s->items[s->n++] = q;
    return true;
}

/* ---- one JSONL line ---- */

static const char *kind_of(const json_t *v)
{
    static const char *const names[] = { "an object", "a list", "text",  "an integer",
                                         "a number",  "true",   "false", "null" };
    int t = (int)json_typeof(v);
    return t >= 0 && t < 8 ? names[t] : "something else";
}

/* A text field that may be absent; *out is then "". */
static bool text_field(const json_t *o, const char *key, const char **out, fab_err *err)
{
    const json_t *v = json_object_get(o, key);
    *out = "";
    if (!v || json_is_null(v)) return true;
    if (!json_is_string(v))
        return fab_fail(err, FAB_EFORMAT, "%s: text expected, found %s", key, kind_of(v));
    *out = json_string_value(v);
    return true;
}

static const char *scalar_text(const json_t *v, const char *key, fab_arena *a, fab_err *err)
{
    if (json_is_string(v)) return json_string_value(v);
    if (json_is_integer(v))
        return fab_arena_printf(a, err, "%lld", (long long)json_integer_value(v));
    if (json_is_real(v)) return fab_arena_printf(a, err, "%g", json_real_value(v));
    if (json_is_boolean(v)) return json_is_true(v) ? "yes" : "no";
    fab_fail(err, FAB_EFORMAT, "%s: text expected, found %s", key, kind_of(v));
    return NULL;
}

/* "answer": text, a number, or a list of these joined by ", ". NULL with err. */
static const char *answer_text(const json_t *o, fab_arena *a, fab_err *err)
{
    const json_t *v = json_object_get(o, "answer");
    if (!v) return fab_fail(err, FAB_EFORMAT, "answer: missing"), NULL;
    if (!json_is_array(v)) return scalar_text(v, "answer", a, err);
    if (json_array_size(v) > 64)
        return fab_fail(err, FAB_ELIMIT, "answer: a list of %zu, at most 64", json_array_size(v)),
               NULL;
    const char *all = "";
    for (size_t i = 0; i < json_array_size(v); i++) {
        const char *one = scalar_text(json_array_get(v, i), "answer", a, err);
        if (!one || !(all = fab_arena_printf(a, err, "%s%s%s", all, i ? ", " : "", one)))
            return NULL;
    }
    return all;
}

static bool lang_field(const json_t *o, const char *question, fab_lang *lang, fab_err *err)
{
    const char *s;
    if (!text_field(o, "lang", &s, err)) return false;
    if (!*s) *lang = fab_lang_guess(question);
    else if (!strncasecmp(s, "en", 2)) *lang = FAB_EN;
    else if (!strncasecmp(s, "zh", 2)) *lang = FAB_ZH;
    else return fab_fail(err, FAB_EFORMAT, "lang: \"%.20s\", known are en and zh", s);
    return true;
}

static bool closed_field(const json_t *o, fab_qa *q, fab_err *err)
{
    const char *s;
    if (!text_field(o, "answer_type", &s, err)) return false;
    if (!*s) q->closed = fab_closed_guess(q->question, q->answer);
    else if (!strcasecmp(s, "CLOSED")) q->closed = true;
    else if (strcasecmp(s, "OPEN"))
        return fab_fail(err, FAB_EFORMAT, "answer_type: \"%.20s\", known are OPEN and CLOSED", s);
    return true;
}

static bool weight_field(const json_t *o, float *weight, fab_err *err)
{
    const json_t *v = json_object_get(o, "weight");
    *weight = 1;
    if (!v || json_is_null(v)) return true;
    if (!json_is_number(v))
        return fab_fail(err, FAB_EFORMAT, "weight: a number expected, found %s", kind_of(v));
    double w = json_number_value(v);
    if (!(w >= 0 && w <= 1e6)) return fab_fail(err, FAB_EFORMAT, "weight: %g is not in 0..1e6", w);
    *weight = (float)w;
    return true;
}

static bool image_field(const json_t *o, const char *dir, fab_qa_set *s, fab_arena *a,
                        int32_t *image, fab_err *err)
{
    const char *name;
    *image = -1;
    if (!text_field(o, "image", &name, err)) return false;
    if (!*name) return true;
    char *path = fab_path_join(a, dir, name, err);
    if (!path) return false;
    *image = fab_paths_add(s->images, path, err);
    return *image >= 0;
}

static bool read_record(fab_qa_set *s, const json_t *o, const char *dir, fab_arena *a, fab_err *err)
{
    fab_qa q = { 0 };
    if (!json_is_object(o))
        return fab_fail(err, FAB_EFORMAT, "an object expected, found %s", kind_of(o));
    if (!text_field(o, "question", &q.question, err)) return false;
    if (!q.question[strspn(q.question, " \t\r\n")])
        return fab_fail(err, FAB_EFORMAT, "question: missing or empty");
    if (!(q.answer = answer_text(o, a, err))) return false;
    if (!lang_field(o, q.question, &q.lang, err) || !closed_field(o, &q, err) ||
        !weight_field(o, &q.weight, err) || !image_field(o, dir, s, a, &q.image, err) ||
        !text_field(o, "source", &q.source, err) ||
        !text_field(o, "content_type", &q.content_type, err) ||
        !text_field(o, "organ", &q.organ, err) || !text_field(o, "modality", &q.modality, err))
        return false;
    if (!*q.content_type && !text_field(o, "question_type", &q.content_type, err)) return false;
    const json_t *id = json_object_get(o, "id");
    q.id = id && !json_is_null(id) ? scalar_text(id, "id", a, err) : "";
    return q.id && fab_qa_add(s, &q, err);
}

static bool read_all(fab_qa_set *s, fab_jsonl *j, const char *dir, fab_arena *scratch, fab_err *err)
{
    int64_t before = s->n;
    fab_err mine = FAB_ERR_INIT;
    for (json_t *o; (o = fab_jsonl_next(j, &mine));) {
        fab_arena_mark mark = fab_arena_save(scratch);
        bool ok = read_record(s, o, dir, scratch, &mine);
        json_decref(o);
        fab_arena_release(scratch, mark);
        if (!ok) {
            fab_while(&mine, "%s line %lld", j->path, (long long)j->line);
            break;
        }
    }
    if (mine.code == FAB_OK && s->n == before)
        fab_fail(&mine, FAB_EFORMAT, "%s: no records", j->path);
    if (mine.code == FAB_OK) return true;
    return fab_fail(err, mine.code, "%s", mine.text);
}

bool fab_qa_read(fab_qa_set *s, const char *path, const char *images_dir, fab_err *err)
{
    fab_jsonl j;
    fab_arena *a = fab_arena_new(0, err);
    if (!a) return false;
    const char *dir = images_dir ? images_dir : fab_path_dir(a, path, err);
    bool ok = dir && fab_jsonl_open(&j, path, err);
    if (ok) {
        ok = read_all(s, &j, dir, a, err);
        fab_jsonl_close(&j);
    }
    fab_arena_free(a);
    return ok;
}

bool fab_qa_parse(fab_qa_set *s, const void *bytes, size_t size, const char *name,
                  const char *images_dir, fab_err *err)
{
    fab_jsonl j;
    fab_arena *a = fab_arena_new(0, err);
    if (!a) return false;
    fab_jsonl_parse(&j, bytes, size, name);
    bool ok = read_all(s, &j, images_dir ? images_dir : ".", a, err);
    fab_jsonl_close(&j);
    fab_arena_free(a);
    return ok;
}
