/* corpus: text for the language stage. See corpus.h. */
#include "data/corpus.h"

#include <string.h>

#include "base/json.h"
#include "data/split.h"
#include "text/utf8.h"

typedef struct {
    const char *file, *name, *prompt, *answer; /* prompt: "" none */
    fab_lang lang;
} source;

static const source sources[] = {
    { "text_en/medquad.jsonl", "medquad", "question", "answer", FAB_EN },
    { "text_en/pubmedqa.jsonl", "pubmedqa", "question", "long_answer", FAB_EN },
    { "text_en/roco_captions.jsonl", "roco", "", "caption", FAB_EN },
    { "text_zh/huatuo.jsonl", "huatuo", "question", "answer", FAB_ZH },
    { "text_zh/toyhom.jsonl", "toyhom", "question", "answer", FAB_ZH },
};

/* Bytes of s to keep: at most max_chars characters, ending after the last full stop of that
 * stretch if it has one. */
static size_t cut_at(const char *s, int max_chars)
{
    size_t n = strlen(s), i = 0, stop = 0;
    for (int chars = 0; i < n && chars < max_chars; chars++) {
        uint32_t cp = 0;
        int len = fab_utf8_next(s + i, n - i, &cp);
        i += len ? (size_t)len : 1;
        bool latin_stop = cp == '.' && (i >= n || s[i] == ' ' || s[i] == '\n');
        if (len && (latin_stop || cp == 0x3002 || cp == 0xff01 || cp == 0xff1f))
            stop = i; /* 。！？ */
    }
    return i >= n ? n : stop ? stop : i;
}

static bool add(fab_corpus *c, const fab_text *t, int max_chars, fab_err *err)
{
    if (c->n == c->cap) {
        int64_t cap = c->cap ? c->cap * 2 : 4096;
        if (!fab_grow((void **)&c->items, (size_t)cap, sizeof *c->items, err)) return false;
        c->cap = cap;
    }
    fab_text x = *t;
    char *answer = fab_arena_strdup(c->arena, t->answer, err);
    if (!answer || !(x.prompt = fab_arena_strdup(c->arena, t->prompt, err))) return false;
    if (max_chars > 0) answer[cut_at(answer, max_chars)] = 0;
    x.answer = answer;
    c->items[c->n++] = x;
    return true;
}

typedef struct {
    fab_corpus *corpus;
    const source *from;
    int max_chars;
} reader;

static bool read_line(void *arg, const json_t *o, fab_err *err)
{
    const reader *r = arg;
    const source *s = r->from;
    fab_text t = { .prompt = "", .source = s->name, .lang = s->lang };
    const char *id = fab_json_str(o, "id", NULL);
    if (!(t.answer = fab_json_str(o, s->answer, err))) return false;
    if (*s->prompt && !(t.prompt = fab_json_str(o, s->prompt, err))) return false;
    if (!*t.answer) return true; /* nothing to learn */
    t.val = fab_split_hash(s->name, id ? id : t.prompt, 0.02);
    return add(r->corpus, &t, r->max_chars, err);
}

static bool read_source(fab_corpus *c, const source *s, const char *root, int max_chars,
                        fab_err *err)
{
    reader r = { c, s, max_chars };
    char *path = fab_path_join(c->arena, root, s->file, err);
    return path && fab_jsonl_each(path, read_line, &r, err);
}

bool fab_corpus_open(fab_corpus *c, const char *root, int max_chars, fab_err *err)
{
    *c = (fab_corpus){ .arena = fab_arena_new(4 << 20, err) };
    bool ok = c->arena != NULL;
    for (size_t i = 0; ok && i < sizeof sources / sizeof *sources; i++)
        ok = read_source(c, &sources[i], root, max_chars, err);
    if (!ok) fab_corpus_clear(c);
    return ok;
}

void fab_corpus_clear(fab_corpus *c)
{
    fab_arena_free(c->arena);
    fab_free(c->items);
    *c = (fab_corpus){ 0 };
}
