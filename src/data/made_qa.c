/* made_qa: facts -> worded questions. See made_qa.h. */
#include "data/made_qa.h"

#include <string.h>

#include "base/hash.h"
#include "base/json.h"

static const char *const made_source[FAB_SETS] = { "SLAKE made", "VQA-RAD made", "ISIC made",
                                                   "KERMANY made", "BCCD made" };

static const char *const content_types[FAB_FACTS] = {
    [FAB_FACT_MODALITY] = "Modality",
    [FAB_FACT_WEIGHTING] = "Modality",
    [FAB_FACT_PLANE] = "Plane",
    [FAB_FACT_PART] = "Position",
    [FAB_FACT_REGION] = "Position",
    [FAB_FACT_LARGEST] = "Size",
    [FAB_FACT_DISEASES] = "Abnormality",
    [FAB_FACT_WHERE_ABNORMAL] = "Position",
    [FAB_FACT_ABNORMAL_ORGAN] = "Abnormality",
    [FAB_FACT_KINDS] = "Quantity",
    [FAB_FACT_ORGAN_COUNT] = "Quantity",
    [FAB_FACT_DAMAGE] = "KG",
    [FAB_FACT_WHERE] = "Position",
    [FAB_FACT_COUNT] = "Quantity",
    [FAB_FACT_COLOUR] = "Color",
    [FAB_FACT_SHAPE] = "Shape",
    [FAB_FACT_DIAGNOSIS] = "Abnormality",
    [FAB_FACT_CAUSE] = "Abnormality",
    [FAB_FACT_IS_MODALITY] = "Modality",
    [FAB_FACT_IS_WEIGHTING] = "Modality",
    [FAB_FACT_IS_PLANE] = "Plane",
    [FAB_FACT_STUDY_OF] = "Organ",
    [FAB_FACT_ABNORMAL] = "Abnormality",
    [FAB_FACT_HEALTHY] = "Abnormality",
    [FAB_FACT_HAS] = "Abnormality",
    [FAB_FACT_SIDE_ABNORMAL] = "Abnormality",
    [FAB_FACT_ATTRIBUTE] = "Abnormality",
    [FAB_FACT_SYSTEM] = "KG",
    [FAB_FACT_HAS_SYSTEM] = "KG",
    [FAB_FACT_CAN] = "KG",
    [FAB_FACT_MAIN_FUNCTION] = "KG",
    [FAB_FACT_BLACK_FUNCTION] = "KG",
    [FAB_FACT_BIGGEST] = "Size",
    [FAB_FACT_LUNG_SIDE] = "Position",
    [FAB_FACT_ILL_LOBE] = "Position",
    [FAB_FACT_SOUND_LOBE] = "Position",
    [FAB_FACT_IN_LUNG] = "Position",
};

static uint32_t mix(const char *id, int a, int b)
{
    char text[160];
    size_t n = strlen(id) < sizeof text - 2 ? strlen(id) : sizeof text - 2;
    memcpy(text, id, n);
    text[n] = (char)a;
    text[n + 1] = (char)b;
    return (uint32_t)(fab_hash64(text, n + 2, 7) >> 11);
}

/* "Does it contain": all that is there, and about as many that are not, chosen by hash. Of what
 * organs can do, and of systems: a quarter. */
static bool too_many(const fab_case *x, const fab_fact *f)
{
    if (f->kind == FAB_FACT_CAN || f->kind == FAB_FACT_HAS_SYSTEM)
        return mix(x->id, f->noun, 78) % 4 != 0;
    if ((f->kind != FAB_FACT_CONTAINS && f->kind != FAB_FACT_HAS) || f->yes ||
        x->set != FAB_SET_SLAKE)
        return false;
    uint32_t there = 0, not_there = 0;
    for (int i = 0; i < x->n_facts; i++)
        if (x->facts[i].kind == f->kind) x->facts[i].yes ? there++ : not_there++;
    return mix(x->id, f->noun, 77) % not_there >= there + 3;
}

typedef struct {
    const fab_case *x;
    const fab_make_opts *o;
    fab_qa_set *out;
    fab_arena *scratch;
} maker;

/* The question a picture of skin or lung was taken for, one among thirty. */
static bool names_disease(fab_fact_kind kind)
{
    return kind == FAB_FACT_DIAGNOSIS || kind == FAB_FACT_CAUSE;
}

static bool emit(maker *m, const fab_fact *f, const fab_template *t, fab_err *err)
{
    fab_qa q = { .id = m->x->id,
                 .image = m->x->image,
                 .lang = t->lang,
                 .weight = m->o->weight * (names_disease(f->kind) ? 4 : 1),
                 .source = made_source[m->x->set],
                 .content_type = content_types[f->kind] ? content_types[f->kind] : "Organ" };
    if (!fab_fact_word(f, t, m->scratch, &q.question, &q.answer, err)) return false;
    q.closed = t->yes || fab_closed_guess(q.question, q.answer);
    return fab_qa_add(m->out, &q, err);
}

/* The wordings of one fact in one language; per_fact of them, consecutive from a hashed start. */
static bool emit_fact(maker *m, const fab_fact *f, fab_lang lang, fab_err *err)
{
    enum { MOST = 64 };
    const fab_template *fit[MOST];
    uint32_t n = 0;
    for (int i = 0; i < fab_template_count && n < MOST; i++) {
        const char *question, *answer;
        if (fab_templates[i].lang != lang) continue;
        if (!fab_fact_word(f, &fab_templates[i], m->scratch, &question, &answer, err)) return false;
        if (question) fit[n++] = &fab_templates[i];
    }
    uint32_t from = n ? mix(m->x->id, (int)f->kind, f->noun + 2 + 100 * (int)lang) % n : 0;
    for (uint32_t i = 0; i < n && i < (uint32_t)m->o->per_fact; i++)
        if (!emit(m, f, fit[(from + i) % n], err)) return false;
    return true;
}

static bool chosen(const fab_case *x, const fab_make_opts *o) { return x->val ? o->val : o->train; }

typedef bool (*fact_filter)(const fab_case *x, const fab_fact *f);

static bool make(const fab_case_list *cases, const fab_make_opts *o, fact_filter wanted,
                 fab_qa_set *out, fab_err *err)
{
    maker m = { .o = o, .out = out, .scratch = fab_arena_new(0, err) };
    bool ok = m.scratch != NULL;
    for (int32_t i = 0; ok && i < cases->n; i++) {
        m.x = &cases->items[i];
        for (int k = 0; ok && chosen(m.x, o) && k < m.x->n_facts; k++) {
            if (!wanted(m.x, &m.x->facts[k])) continue;
            for (int lang = 0; ok && lang < FAB_LANGS; lang++)
                ok = emit_fact(&m, &m.x->facts[k], (fab_lang)lang, err);
        }
        if (m.scratch) fab_arena_reset(m.scratch);
    }
    fab_arena_free(m.scratch);
    return ok;
}

static bool for_training(const fab_case *x, const fab_fact *f) { return !too_many(x, f); }

static bool for_exam(const fab_case *x, const fab_fact *f)
{
    if (x->set == FAB_SET_SLAKE || x->set == FAB_SET_VQA_RAD) return false;
    return f->kind == FAB_FACT_HAS || f->kind == FAB_FACT_DIAGNOSIS || f->kind == FAB_FACT_CAUSE ||
           f->kind == FAB_FACT_COUNT;
}

bool fab_make_qa(const fab_case_list *cases, const fab_make_opts *o, fab_qa_set *out, fab_err *err)
{
    return make(cases, o, for_training, out, err);
}

bool fab_make_exam(const fab_case_list *cases, const fab_make_opts *o, fab_qa_set *out,
                   fab_err *err)
{
    fab_make_opts one = *o;
    one.per_fact = 1;
    return make(cases, &one, for_exam, out, err);
}

bool fab_make_captions(const fab_case_list *cases, const fab_make_opts *o, fab_qa_set *out,
                       fab_err *err)
{
    fab_arena *scratch = fab_arena_new(0, err);
    bool ok = scratch != NULL;
    for (int32_t i = 0; ok && i < cases->n; i++) {
        const fab_case *x = &cases->items[i];
        for (int k = 0; ok && chosen(x, o) && k < o->per_fact * FAB_LANGS; k++) {
            fab_qa q = { .id = x->id,
                         .image = x->image,
                         .question = "",
                         .lang = (fab_lang)(k % FAB_LANGS),
                         .weight = o->weight,
                         .source = made_source[x->set],
                         .content_type = "Caption" };
            q.answer = fab_caption(x, q.lang, mix(x->id, k, 5), false, scratch, err);
            ok = q.answer && fab_qa_add(out, &q, err);
        }
        if (scratch) fab_arena_reset(scratch);
    }
    fab_arena_free(scratch);
    return ok;
}

/* ---- knowledge graph ---- */

static const struct {
    fab_lang lang;
    const char *relation, *ask; /* %s: the head */
} relations[] = {
    { FAB_EN, "location", "Where in the body does %s occur?" },
    { FAB_EN, "symptom", "What are the symptoms of %s?" },
    { FAB_EN, "treatment", "How is %s treated?" },
    { FAB_EN, "description", "What is %s?" },
    { FAB_EN, "infectivity", "Is %s infectious?" },
    { FAB_EN, "cause", "What is the cause of %s?" },
    { FAB_EN, "prevention", "How can %s be prevented?" },
    { FAB_EN, "susceptible population", "Who is prone to %s?" },
    { FAB_EN, "belong to", "Which system does the %s belong to?" },
    { FAB_EN, "function", "What is the function of the %s?" },
    { FAB_EN, "effect", "What is the effect of the %s?" },
    { FAB_EN, "position", "Where is the %s?" },
    { FAB_EN, "alias", "What is another name of %s?" },
    { FAB_ZH, "发病部位", "%s的发病部位是哪里?" },
    { FAB_ZH, "主要症状", "%s有哪些症状?" },
    { FAB_ZH, "治疗方法", "如何治疗%s?" },
    { FAB_ZH, "描述", "什么是%s?" },
    { FAB_ZH, "传染性", "%s有传染性吗?" },
    { FAB_ZH, "病因", "%s的病因是什么?" },
    { FAB_ZH, "预防", "如何预防%s?" },
    { FAB_ZH, "多发群体", "%s多发于哪些人群?" },
    { FAB_ZH, "属于", "%s属于什么系统?" },
    { FAB_ZH, "功能", "%s的功能是什么?" },
    { FAB_ZH, "作用", "%s的作用是什么?" },
    { FAB_ZH, "位置", "%s在什么位置?" },
    { FAB_ZH, "别称", "%s的别称是什么?" },
};

static const char *ask_for(const char *relation, const char *head, fab_lang lang, fab_arena *a,
                           fab_err *err)
{
    for (size_t i = 0; i < sizeof relations / sizeof *relations; i++) {
        if (relations[i].lang != lang || strcmp(relations[i].relation, relation)) continue;
        const char *hole = strstr(relations[i].ask, "%s");
        return fab_arena_printf(a, err, "%.*s%s%s", (int)(hole - relations[i].ask),
                                relations[i].ask, head, hole + 2);
    }
    if (lang == FAB_ZH) return fab_arena_printf(a, err, "%s的%s是什么?", head, relation);
    return fab_arena_printf(a, err, "What is the %s of %s?", relation, head);
}

static bool kg_record(const json_t *o, float weight, fab_qa_set *out, fab_arena *a, fab_err *err)
{
    const char *head = fab_json_str(o, "head", err),
               *relation = head ? fab_json_str(o, "relation", err) : NULL;
    const char *tail = relation ? fab_json_str(o, "tail", err) : NULL,
               *lang = tail ? fab_json_str(o, "lang", err) : NULL;
    if (!lang) return false;
    if (!strcmp(relation, "拼音") || !*tail)
        return true; /* how a name sounds teaches nothing here */
    fab_qa q = { .id = "",
                 .image = -1,
                 .lang = strcmp(lang, "zh") ? FAB_EN : FAB_ZH,
                 .weight = weight,
                 .answer = tail,
                 .source = "SLAKE-KG",
                 .content_type = "KG" };
    q.question = ask_for(relation, head, q.lang, a, err);
    return q.question && fab_qa_add(out, &q, err);
}

bool fab_make_kg(const char *kg_path, float weight, fab_qa_set *out, fab_err *err)
{
    fab_jsonl j;
    fab_err mine = FAB_ERR_INIT;
    fab_arena *a = fab_arena_new(0, err);
    if (!a || !fab_jsonl_open(&j, kg_path, err)) {
        fab_arena_free(a);
        return false;
    }
    for (json_t *o; (o = fab_jsonl_next(&j, &mine));) {
        bool ok = kg_record(o, weight, out, a, &mine);
        json_decref(o);
        fab_arena_reset(a);
        if (!ok) {
            fab_while(&mine, "%s line %lld", kg_path, (long long)j.line);
            break;
        }
    }
    fab_jsonl_close(&j);
    fab_arena_free(a);
    return mine.code == FAB_OK || fab_fail(err, mine.code, "%s", mine.text);
}

/* ---- rewording ---- */

const char *fab_paraphrase(const char *q, fab_lang lang, uint32_t n, fab_arena *a, fab_err *err)
{
    static const char *const rules[][3] = {
        { "en", "in this image", "in the image" },
        { "en", "in this image", "in this picture" },
        { "en", "in the picture", "in this image" },
        { "en", "in the image", "in the picture" },
        { "en", "in this picture", "in the image" },
        { "en", "this image", "this picture" },
        { "en", "the picture", "the image" },
        { "en", "Does the picture contain", "Does this image contain" },
        { "en", "Is there evidence of", "Is there" },
        { "en", "shown in", "seen in" },
        { "en", "Where is", "What is the location of" },
        { "en", "located", "situated" },
        { "zh", "这张图片", "这张图像" },
        { "zh", "这张图像", "这张图片" },
        { "zh", "图片中", "图像中" },
        { "zh", "图像中", "图片中" },
        { "zh", "图中", "图片中" },
        { "zh", "这个图像", "这张图片" },
        { "zh", "图像里", "图片里" },
        { "zh", "在哪里", "在什么位置" },
    };
    size_t count = sizeof rules / sizeof *rules;
    for (size_t k = 0; k < count; k++) {
        const char *const *r = rules[(n + k) % count];
        if (strcmp(r[0], lang == FAB_ZH ? "zh" : "en")) continue;
        const char *at = strstr(q, r[1]);
        if (at)
            return fab_arena_printf(a, err, "%.*s%s%s", (int)(at - q), q, r[2], at + strlen(r[1]));
    }
    return q;
}
