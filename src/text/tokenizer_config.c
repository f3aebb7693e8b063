/* tokenizer_config: bos, eos and the like: by the names that models give them, or as a
 * tokenizer_config.json says. */
#include <string.h>
#include "base/json.h"
#include "text/token_impl.h"
#include "text/tokenizer_read.h"

static int32_t first_of(const fab_tokenizer *t, const char *const *names)
{
    for (; *names; names++) {
        int32_t id = fab_tokenizer_id(t, *names);
        if (id >= 0) return id;
    }
    return -1;
}

static void guess(const fab_tokenizer *t, int32_t *mark, const char *const *names)
{
    if (*mark < 0) *mark = first_of(t, names);
}

void fab_tok_guess_marks(fab_tokenizer *t)
{
    fab_tokenizer_marks *m = &t->marks;

    guess(t, &m->bos,
          (const char *const[]){ "<s>", "<bos>", "<|begin_of_text|>", "<|startoftext|>",
                                 "<start_of_text>", NULL });
    guess(t, &m->eos,
          (const char *const[]){ "</s>", "<eos>", "<|end_of_text|>", "<|endoftext|>",
                                 "<end_of_text>", NULL });
    guess(t, &m->pad, (const char *const[]){ "<pad>", "[PAD]", NULL });
    guess(t, &m->cls, (const char *const[]){ "[CLS]", NULL });
    guess(t, &m->sep, (const char *const[]){ "[SEP]", NULL });
    guess(t, &m->mask, (const char *const[]){ "[MASK]", "<mask>", NULL });
    if (t->model == FAB_MODEL_WORDPIECE) guess(t, &m->unk, (const char *const[]){ "[UNK]", NULL });
}

bool fab_tok_halves(const char *rule, size_t n, int64_t i, const char **left, size_t *n_left,
                    const char **right, size_t *n_right, fab_err *err)
{
    const char *space = n ? memchr(rule, ' ', n) : NULL;
    size_t at = space ? (size_t)(space - rule) : n;

    if (!space || memchr(space + 1, ' ', n - at - 1))
        return fab_fail(err, FAB_EFORMAT, "merge %lld is not two tokens with one space between",
                        (long long)i);
    *left = rule;
    *n_left = at;
    *right = space + 1;
    *n_right = n - at - 1;
    return true;
}

/* "TOKEN" or {"content": "TOKEN"}; an unknown one is left as it was. */
static void named(const fab_tokenizer *t, const json_t *doc, const char *key, int32_t *mark)
{
    const json_t *v = json_object_get(doc, key);
    const char *s = json_string_value(json_is_object(v) ? json_object_get(v, "content") : v);
    int32_t id = s ? fab_tokenizer_id(t, s) : -1;
    if (id >= 0) *mark = id;
}

/* A string, or a list of {"name", "template"} of which "default" is meant. */
static const char *template_of(const json_t *doc)
{
    const json_t *v = json_object_get(doc, "chat_template"), *one;
    size_t i;

    if (json_is_string(v)) return json_string_value(v);
    json_array_foreach(v, i, one)
    {
        const char *name = json_string_value(json_object_get(one, "name"));
        if (name && !strcmp(name, "default"))
            return json_string_value(json_object_get(one, "template"));
    }
    return NULL;
}

/* add_bos_token and add_eos_token win over what the tokenizer's file says. */
static void reframe(fab_tokenizer *t, const json_t *doc)
{
    const json_t *bos = json_object_get(doc, "add_bos_token"),
                 *eos = json_object_get(doc, "add_eos_token");
    bool has = t->n_before && t->before[0] == t->marks.bos,
         ends = t->n_after && t->after[t->n_after - 1] == t->marks.eos;

    if (json_is_true(bos) && !has && t->marks.bos >= 0 && t->n_before < FAB_MAX_FRAME) {
        memmove(t->before + 1, t->before, (size_t)t->n_before * sizeof *t->before);
        t->before[0] = t->marks.bos;
        t->n_before++;
    } else if (json_is_false(bos) && has && t->n_before == 1) t->n_before = 0;
    if (json_is_true(eos) && !ends && t->marks.eos >= 0 && t->n_after < FAB_MAX_FRAME)
        t->after[t->n_after++] = t->marks.eos;
    else if (json_is_false(eos) && ends && t->n_after == 1) t->n_after = 0;
}

bool fab_tokenizer_configure(fab_tokenizer *t, const void *config, size_t n_config,
                             const char *jinja, fab_err *err)
{
    json_t *doc = config ? fab_json_parse(config, n_config, err) : NULL;

    if (config && !doc) return false;
    named(t, doc, "bos_token", &t->marks.bos);
    named(t, doc, "eos_token", &t->marks.eos);
    named(t, doc, "pad_token", &t->marks.pad);
    named(t, doc, "unk_token", &t->marks.unk);
    named(t, doc, "sep_token", &t->marks.sep);
    named(t, doc, "cls_token", &t->marks.cls);
    named(t, doc, "mask_token", &t->marks.mask);
    reframe(t, doc);
    const char *template = jinja ? jinja : template_of(doc);
    char *copy = template ? fab_arena_strdup(t->arena, template, err) : NULL;
    if (copy) t->chat_template = copy;
    json_decref(doc);
    return copy || !template;
}
