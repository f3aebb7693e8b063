/* fabrica segment: a text's words, and the medical terms in it. */
#include <stddef.h>
#include <string.h>
#include "cli/verb.h"
#include "text/segment.h"

typedef struct {
    const char *text, *file, *gold, *lexicon;
    bool terms;
} opts;

static json_t *word_json(const char *text, const fab_word *w)
{
    static const char *const kinds[] = { "han", "latin", "number", "unit", "other" };

    return json_pack("{s:s%, s:I, s:s, s:b}", "word", text + w->at, (size_t)w->len, "at",
                     (json_int_t)w->at, "kind", kinds[w->kind], "known", w->known);
}

static json_t *term_json(const fab_lexicon *l, const char *text, const fab_term *t)
{
    const fab_concept *c = fab_lexicon_concept(l, t->concept);

    return json_pack("{s:s%, s:I, s:s, s:s}", "text", text + t->at, t->end - t->at, "at",
                     (json_int_t)t->at, "concept", c->name, "kind", fab_term_kinds[c->kind]);
}

static bool print_json(fab_run *r, const fab_lexicon *l, const fab_segmenter *s, const char *text,
                       const fab_word_list *w, const fab_term *t, size_t n_terms, fab_err *err)
{
    json_t *words = json_array(), *terms = json_array();

    for (size_t i = 0; i < w->n; i++) json_array_append_new(words, word_json(text, &w->items[i]));
    for (size_t i = 0; i < n_terms; i++) json_array_append_new(terms, term_json(l, text, &t[i]));
    return fab_run_json(r,
                        json_pack("{s:s, s:o, s:o}", "version", fab_segmenter_version(s), "words",
                                  words, "terms", terms),
                        err);
}

static void print_words(fab_run *r, const char *text, const fab_word_list *w)
{
    for (size_t i = 0; i < w->n; i++) {
        const fab_word *v = &w->items[i];
        size_t from = i ? v[-1].at + v[-1].len : 0;
        bool line = memchr(text + from, '\n', v->at - from) != NULL;
        fprintf(r->out, "%s%.*s", line ? "\n" : i ? " " : "", (int)v->len, text + v->at);
    }
    fputc('\n', r->out);
}

static void print_terms(fab_run *r, const fab_lexicon *l, const char *text, const fab_term *t,
                        size_t n)
{
    for (size_t i = 0; i < n; i++) {
        const fab_concept *c = fab_lexicon_concept(l, t[i].concept);
        fprintf(r->out, "%zu\t%.*s\t%s\t%s\n", t[i].at, (int)(t[i].end - t[i].at), text + t[i].at,
                c->name, fab_term_kinds[c->kind]);
    }
}

static bool cut(fab_run *r, const opts *o, const fab_lexicon *l, const fab_segmenter *s,
                const char *text, size_t n, fab_err *err)
{
    fab_word_list w = { 0 };
    size_t n_terms = 0;
    bool ok = fab_segment_text(s, text, n, &w, err), terms = o->terms || r->json;
    fab_term *t = ok && terms ? fab_segment_terms(l, text, n, &w, r->arena, &n_terms, err) : NULL;

    ok = ok && (!terms || t);
    if (ok && r->json) ok = print_json(r, l, s, text, &w, t, n_terms, err);
    else if (ok && o->terms) print_terms(r, l, text, t, n_terms);
    else if (ok) print_words(r, text, &w);
    fab_word_list_clear(&w);
    return ok;
}

static bool measure(fab_run *r, const fab_segmenter *s, const char *path, const char *text,
                    size_t n, fab_err *err)
{
    fab_segment_score m;

    if (!fab_segment_measure(s, text, n, &m, err)) return fab_while(err, "%s", path);
    if (r->json)
        return fab_run_json(r,
                            json_pack("{s:s, s:I, s:I, s:f, s:f, s:f}", "version",
                                      fab_segmenter_version(s), "sentences",
                                      (json_int_t)m.sentences, "words", (json_int_t)m.wanted,
                                      "precision", m.precision, "recall", m.recall, "f1", m.f1),
                            err);
    fprintf(r->out, "%lld sentences, %lld words: precision %.4f, recall %.4f, F1 %.4f\n",
            (long long)m.sentences, (long long)m.wanted, m.precision, m.recall, m.f1);
    return true;
}

static bool run(fab_run *r, const void *vo, fab_err *err)
{
    const opts *o = vo;
    size_t n;

    if (!!o->text + !!o->file + !!o->gold > 1)
        return fab_fail(err, FAB_EUSAGE, "--text, --file and --gold: one of them");
    const char *text = fab_run_text(r, o->text, o->gold ? o->gold : o->file, 0, &n, err);
    fab_lexicon *l = text ? fab_lexicon_open(o->lexicon, err) : NULL;
    fab_segmenter *s = l ? fab_segmenter_new(l, err) : NULL;
    bool ok = s && (o->gold ? measure(r, s, o->gold, text, n, err) : cut(r, o, l, s, text, n, err));

    fab_segmenter_free(s);
    fab_lexicon_free(l);
    return ok;
}

/* clang-format off */
const fab_verb fab_verb_segment = {
    .name = "segment", .summary = "cut a text into words, Chinese ones by a dictionary with medical terms",
    .about = "The text comes from --text, from --file, or from standard input. --terms prints the medical terms instead: "
             "byte, text, concept, kind.",
    .example = "fabrica segment --text \"右肺上叶磨玻璃结节，大小约8mm\"", .opts_size = sizeof(opts), .run = run,
    .opts = (const fab_opt[]){
        { "text", FAB_STR, offsetof(opts, text), NULL, "the text" },
        { "file", FAB_FILE_IN, offsetof(opts, file), NULL, "a file that holds the text" },
        { "terms", FAB_FLAG, offsetof(opts, terms), NULL, "a line per medical term" },
        { "gold", FAB_FILE_IN, offsetof(opts, gold), NULL, "sentences cut by hand, blanks between words: print precision and recall" },
        { "lexicon", FAB_FILE_IN, offsetof(opts, lexicon), NULL, "a lexicon file instead of the one in the program" },
        { 0 } },
};
/* clang-format on */
