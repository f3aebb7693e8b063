/* fact: records <-> facts through the tables of fact_tables.c. */
#include "data/fact.h"

#include <string.h>
#include <strings.h>

#include "data/label.h"

/* Answer words that are no noun. Either column may repeat; the first row that matches wins. */
static const char *const phrases[][FAB_LANGS] = {
    { "Left", "左侧" },
    { "Right", "右侧" },
    { "Top", "顶部" },
    { "Bottom", "底部" },
    { "Center", "中心" },
    { "Upper Left", "左上" },
    { "Upper Right", "右上" },
    { "Lower Left", "左下" },
    { "Lower Right", "右下" },
    { "Upper Left", "左上侧" },
    { "Lower Left", "左下角" },
    { "Center", "中部" },
    { "Center", "中间" },
    { "Both Lung", "双肺" },
    { "Upper Left Lung", "左上肺" },
    { "Upper Right Lung", "右上肺" },
    { "Lower Left Lung", "左下肺" },
    { "Lower Right Lung", "右下肺" },
    { "Left Lobe", "左叶" },
    { "Right Lobe", "右叶" },
    { "Upper Left Lobe", "左上叶" },
    { "Upper Right Lobe", "右上叶" },
    { "Lower Left Lobe", "左下叶" },
    { "Lower Right Lobe", "右下叶" },
    { "Both", "双侧" },
    { "None", "无" },
    { "Large Bowel", "大肠" },
    { "Intestine", "肠" },
    { "Pulmonary Nodule", "肺结节" },
    { "Pulmonary Mass", "肺肿块" },
    { "Pulmonary Infiltration", "肺浸润" },
    { "Infiltration", "浸润" },
    { "Brain Tumor", "脑肿瘤" },
    { "Lung", "肺脏" },
    { "Left Kidney", "左侧肾脏" },
    { "Right Kidney", "右侧肾脏" },
    { "X-Ray", "X-Ray" },
    { "MRI", "MRI" },
    { "Black", "黑色" },
    { "White", "白色" },
    { "Gray", "灰色" },
    { "Dark Gray", "深灰色" },
    { "Light grey", "浅灰色" },
    { "Irregular", "不规则" },
    { "Circular", "圆形" },
    { "Oval", "椭圆" },
    { "Oval", "椭圆形" },
    { "U-shaped", "U形" },
    { "Hyperdense", "高密度" },
    { "Hypodense", "低密度" },
    { "Much", "较多" },
    { "A Little", "较少" },
    { "Normal", "正常" },
    { "Breathe", "呼吸" },
    { "Promote blood flow", "推动血液流动" },
    { "Control heartbeat and breathing", "控制心跳和呼吸" },
    { "Pulmonary bronchus", "肺支气管" },
};

int fab_noun_find(const char *en)
{
    for (int i = 0; i < fab_noun_count; i++)
        if (!strcasecmp(fab_nouns[i].en, en)) return i;
    return -1;
}

int fab_noun_of_label(int label)
{
    for (int i = 0; label >= 0 && i < fab_noun_count; i++)
        if (fab_nouns[i].code_a && !fab_nouns[i].code_b &&
            !strcmp(fab_nouns[i].code_a, fab_labels[label].code))
            return i;
    return -1;
}

static bool same(const char *word, const char *s, size_t n)
{
    return strlen(word) == n && !strncasecmp(word, s, n);
}

/* The other language's word for one element; digits and unknown Latin codes translate to
 * nothing. */
static const char *word_in_other(const char *s, size_t n, fab_lang from)
{
    for (int i = 0; i < fab_noun_count; i++) {
        const fab_noun *w = &fab_nouns[i];
        if (same(from == FAB_EN ? w->answer_en : w->answer_zh, s, n))
            return from == FAB_EN ? w->answer_zh : w->answer_en;
    }
    for (size_t i = 0; i < sizeof phrases / sizeof *phrases; i++)
        if (same(phrases[i][from], s, n)) return phrases[i][1 - from];
    return NULL;
}

const char *fab_translate(const char *answer, fab_lang from, fab_arena *a)
{
    const char *out = "";
    if (*answer && answer[strspn(answer, "0123456789")] == 0) return answer;
    for (const char *s = answer;;) {
        s += strspn(s, " ");
        size_t n = strcspn(s, ","), trimmed = n;
        while (trimmed && s[trimmed - 1] == ' ') trimmed--;
        const char *w = word_in_other(s, trimmed, from);
        if (!w) return NULL;
        out = fab_arena_printf(a, NULL, "%s%s%s", out, !*out ? "" : from == FAB_EN ? "," : ", ", w);
        if (!out || !s[n]) return out;
        s += n + 1;
    }
}

/* Whether text is the template with some noun for {}; *noun receives it, -1 when the template
 * has none. */
static bool fits(const fab_template *t, const char *text, int *noun)
{
    const char *hole = strstr(t->text, "{}");
    *noun = -1;
    if (!hole) return !strcasecmp(t->text, text);
    size_t head = (size_t)(hole - t->text), tail = strlen(hole + 2), n = strlen(text);
    if (n <= head + tail || strncasecmp(text, t->text, head) ||
        strcasecmp(text + n - tail, hole + 2))
        return false;
    for (int i = 0; i < fab_noun_count; i++)
        if (same(t->lang == FAB_EN ? fab_nouns[i].en : fab_nouns[i].zh, text + head,
                 n - head - tail)) {
            *noun = i;
            return true;
        }
    return false;
}

static bool starts_no(const char *s)
{
    return !strncasecmp(s, "no", 2) || !strncmp(s, "不", 3) || !strncmp(s, "没", 3) ||
           !strncmp(s, "无", 3) || !strncmp(s, "否", 3);
}

static bool starts_yes(const char *s)
{
    static const char *const words[] = { "yes", "是", "有", "包", "存在", "可以", "正常", "健康" };
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (!strncasecmp(s, words[i], strlen(words[i]))) return true;
    return false;
}

static bool noun_suits(fab_fact_kind kind, int noun)
{
    int label = noun >= 0 && fab_nouns[noun].code_a ? fab_label_find(fab_nouns[noun].code_a) : -1;
    fab_label_kind k = label >= 0 ? fab_labels[label].kind : FAB_KIND_ORGAN;
    switch (kind) {
    case FAB_FACT_IS_MODALITY: return k == FAB_KIND_MODALITY;
    case FAB_FACT_IS_PLANE: return k == FAB_KIND_PLANE;
    case FAB_FACT_STUDY_OF: return k == FAB_KIND_REGION;
    case FAB_FACT_SYSTEM:
    case FAB_FACT_HAS_SYSTEM: return strstr(fab_nouns[noun].en, "system") != NULL;
    case FAB_FACT_CAN: return label < 0;
    default: return true;
    }
}

bool fab_fact_parse(const fab_qa *q, fab_arena *a, fab_fact *out)
{
    for (int i = 0; i < fab_template_count; i++) {
        const fab_template *t = &fab_templates[i];
        fab_fact f = { .kind = t->kind, .noun = -1, .yes = -1 };
        if (t->lang != q->lang || !fits(t, q->question, &f.noun) || !noun_suits(t->kind, f.noun))
            continue;
        if (t->yes) {
            bool no = starts_no(q->answer);
            if (!no && !starts_yes(q->answer)) return false;
            f.yes = no == t->negated;
        } else {
            if (!*q->answer) return false;
            f.value[q->lang] = q->answer;
            f.value[1 - q->lang] = fab_translate(q->answer, q->lang, a);
        }
        *out = f;
        return true;
    }
    return false;
}

/* "used for digesting food", "can digest food": what a noun of FAB_FACT_CAN is. */
static bool is_gerund(const char *noun)
{
    size_t n = strcspn(noun, " ");
    return (n > 3 && !strncmp(noun + n - 3, "ing", 3)) || strstr(noun, "delivery");
}

/* "a liver", "an MRI", "{}s" for singular nouns only, "how many {} are" for plural ones. */
static bool grammatical(const fab_template *t, const char *hole, const char *noun)
{
    size_t n = strlen(noun), at = (size_t)(hole - t->text);
    bool vowel = strchr("aeiouAEIOU", noun[0]) || !strcmp(noun, "MRI"),
         plural = noun[n - 1] == 's' && strcmp(noun, "pelvis");
    if (t->kind == FAB_FACT_CAN)
        return is_gerund(noun) == (!strncmp(hole - 4, "for ", 4) || !strncmp(hole - 3, "of ", 3));
    if (at > 3 && !strncmp(hole - 3, " a ", 3)) return !vowel && !plural;
    if (at > 4 && !strncmp(hole - 4, " an ", 4)) return vowel && !plural;
    if (hole[2] == 's') return !plural;
    return t->kind != FAB_FACT_COUNT || plural || strstr(t->text, "existing");
}

/* SLAKE writes this answer to this wording with two blanks (80 of 99 times), to the others with
 * one. */
static const char *as_written(const char *question, const char *answer)
{
    if (strcmp(question, "What is the scanning plane of this image?")) return answer;
    return strcmp(answer, "Transverse Plane") ? answer : "Transverse  Plane";
}

bool fab_fact_word(const fab_fact *f, const fab_template *t, fab_arena *a, const char **question,
                   const char **answer, fab_err *err)
{
    *question = *answer = NULL;
    const char *hole = strstr(t->text, "{}");
    if (t->kind != f->kind || (hole != NULL) != (f->noun >= 0) || (t->yes != NULL) != (f->yes >= 0))
        return true;
    const char *reply =
        t->yes ? (f->yes != t->negated ? t->yes : t->no) : f->value[t->latin ? FAB_EN : t->lang];
    if (!reply) return true;
    const char *noun = !hole               ? NULL
                       : t->lang == FAB_EN ? fab_nouns[f->noun].en
                                           : fab_nouns[f->noun].zh;
    if (hole && t->lang == FAB_EN && !grammatical(t, hole, noun)) return true;
    if (t->kind == FAB_FACT_CAN && t->lang == FAB_ZH && !is_gerund(fab_nouns[f->noun].en))
        return true;
    *answer = as_written(t->text, reply);
    *question = t->text;
    if (!hole) return true;
    *question =
        fab_arena_printf(a, err, "%.*s%s%s", (int)(hole - t->text), t->text, noun, hole + 2);
    return *question != NULL;
}
