/* fabrica lexicon: look a term up, list a kind, or count. */
#include <stddef.h>
#include <string.h>
#include "cli/verb.h"
#include "text/lexicon.h"

typedef struct {
    const char *term, *kind, *lexicon;
} opts;

static json_t *strings(const char *const *s, int n)
{
    json_t *list = json_array();

    for (int i = 0; i < n; i++) json_array_append_new(list, json_string(s[i]));
    return list;
}

static json_t *concept_json(const fab_concept *c)
{
    return json_pack("{s:s, s:s, s:o, s:o, s:s}", "concept", c->name, "kind",
                     fab_term_kinds[c->kind], "zh", strings(c->zh, c->n_zh), "en",
                     strings(c->en, c->n_en), "sources", c->sources);
}

static void print_concept(fab_run *r, const fab_concept *c)
{
    fprintf(r->out, "%s\t%s\t", c->name, fab_term_kinds[c->kind]);
    for (int i = 0; i < c->n_zh; i++) fprintf(r->out, i ? "|%s" : "%s", c->zh[i]);
    fputc('\t', r->out);
    for (int i = 0; i < c->n_en; i++) fprintf(r->out, i ? "|%s" : "%s", c->en[i]);
    fprintf(r->out, "\t%s\n", c->sources);
}

static bool look_up(fab_run *r, const fab_lexicon *l, const char *term, fab_err *err)
{
    int i = fab_lexicon_lookup(l, term, strlen(term));

    if (i < 0) i = fab_lexicon_concept_find(l, term);
    if (i < 0) return fab_fail(err, FAB_EUSAGE, "'%s' is no term of the lexicon", term);
    if (r->json) return fab_run_json(r, concept_json(fab_lexicon_concept(l, i)), err);
    print_concept(r, fab_lexicon_concept(l, i));
    return true;
}

static bool list(fab_run *r, const fab_lexicon *l, int kind, fab_err *err)
{
    json_t *all = r->json ? json_array() : NULL;

    for (int i = 0; i < fab_lexicon_concepts(l); i++) {
        const fab_concept *c = fab_lexicon_concept(l, i);
        if ((int)c->kind != kind) continue;
        if (all) json_array_append_new(all, concept_json(c));
        else print_concept(r, c);
    }
    return all ? fab_run_json(r, all, err) : true;
}

typedef struct {
    int64_t concepts, zh, en, both;
} count;

static bool count_all(fab_run *r, const fab_lexicon *l, fab_err *err)
{
    count of[FAB_TERM_KINDS] = { 0 }, all = { 0 };
    json_t *kinds = json_object();
    bool ok = true;

    for (int i = 0; i < fab_lexicon_concepts(l); i++) {
        const fab_concept *c = fab_lexicon_concept(l, i);
        count *to[2] = { &of[c->kind], &all };
        for (int k = 0; k < 2; k++) {
            to[k]->concepts++;
            to[k]->zh += c->n_zh;
            to[k]->en += c->n_en;
            to[k]->both += c->n_zh && c->n_en;
        }
    }
    if (!r->json)
        fprintf(r->out,
                "version %s: %lld concepts, %lld of them in both languages; %lld Chinese and %lld "
                "English terms\n",
                fab_lexicon_version(l), (long long)all.concepts, (long long)all.both,
                (long long)all.zh, (long long)all.en);
    for (int k = 0; k < FAB_TERM_KINDS; k++) {
        const count *c = &of[k];
        if (!r->json)
            fprintf(r->out,
                    "%-12s %5lld concepts, %5lld in both languages, %5lld Chinese, %5lld English "
                    "terms\n",
                    fab_term_kinds[k], (long long)c->concepts, (long long)c->both, (long long)c->zh,
                    (long long)c->en);
        json_object_set_new(kinds, fab_term_kinds[k],
                            json_pack("{s:I, s:I, s:I, s:I}", "concepts", (json_int_t)c->concepts,
                                      "both", (json_int_t)c->both, "zh", (json_int_t)c->zh, "en",
                                      (json_int_t)c->en));
    }
    if (!r->json) json_decref(kinds);
    else
        ok = fab_run_json(r,
                          json_pack("{s:s, s:I, s:I, s:I, s:o}", "version", fab_lexicon_version(l),
                                    "concepts", (json_int_t)all.concepts, "both",
                                    (json_int_t)all.both, "terms", (json_int_t)(all.zh + all.en),
                                    "kinds", kinds),
                          err);
    return ok;
}

static bool run(fab_run *r, const void *vo, fab_err *err)
{
    const opts *o = vo;
    int kind = o->kind ? fab_term_kind_find(o->kind) : -1;

    if (*o->term && o->kind) return fab_fail(err, FAB_EUSAGE, "a term and --kind: one of them");
    fab_lexicon *l = fab_lexicon_open(o->lexicon, err);
    bool ok = l && (*o->term    ? look_up(r, l, o->term, err)
                    : kind >= 0 ? list(r, l, kind, err)
                                : count_all(r, l, err));

    fab_lexicon_free(l);
    return ok;
}

/* clang-format off */
const fab_verb fab_verb_lexicon = {
    .name = "lexicon", .summary = "look up a medical term, list a kind of them, or count them",
    .about = "A line is concept, kind, Chinese terms, English terms, sources (lexicon/README.md).",
    .example = "fabrica lexicon 胸水", .opts_size = sizeof(opts), .run = run,
    .opts = (const fab_opt[]){
        { "TERM", FAB_STR, offsetof(opts, term), "", "a term in Chinese or English, or a concept's name" },
        { "kind", FAB_CHOICE, offsetof(opts, kind), NULL, "list the concepts of this kind: disease, anatomy, finding, measurement, laterality, negation, uncertainty, drug, other",
          .meta = "KIND", .choices = "other|disease|anatomy|finding|measurement|laterality|negation|uncertainty|drug" },
        { "lexicon", FAB_FILE_IN, offsetof(opts, lexicon), NULL, "a lexicon file instead of the one in the program" },
        { 0 } },
};
/* clang-format on */
