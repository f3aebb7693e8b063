/* wording: sentences from codes and numbers, in English and Chinese.
 *
 * Every sentence carries the ids of the findings it was made from. Uncertainty has three words and
 * no others:
 *
 *   p >= 0.90  very likely  很可能
 *   p >= 0.70  likely  较可能
 *   p >= 0.50  possible, uncertain  可能，不确定
 *
 * Below the threshold nothing is said to be there. "Not detected" is always followed by what was
 * asked about, since absence of a claim is not absence of disease.
 */
#include <string.h>
#include "clinic/report_impl.h"

const fab_band fab_bands[] = {
    { 0.90, "very-likely", "very likely", "很可能" },
    { 0.70, "likely", "likely", "较可能" },
    { 0.50, "possible", "possible, uncertain", "可能，不确定" },
    { 0.00, "not-claimed", "not claimed", "未提示" },
};
const int fab_bands_n = sizeof fab_bands / sizeof *fab_bands;

const fab_band *fab_band_of(double p)
{
    int i = 0;
    while (i < fab_bands_n - 1 && !(p >= fab_bands[i].from)) i++;
    return &fab_bands[i];
}

/* Days below a month, months below two years, else whole years: "10 days", "60 years". */
static void put_age(double years, int lang, char *out, size_t size)
{
    int days = (int)(years * 365.25 + 0.5), months = (int)(years * 12 + 0.5);
    const char *one = lang == FAB_ZH ? "" : "s";
    if (days < 31)
        snprintf(out, size, lang == FAB_ZH ? "%d 天%s" : "%d day%s", days, days == 1 ? "" : one);
    else if (years < 2)
        snprintf(out, size, lang == FAB_ZH ? "%d 个月%s" : "%d month%s", months,
                 months == 1 ? "" : one);
    else snprintf(out, size, lang == FAB_ZH ? "%d 岁" : "%d years", (int)years);
}

void fab_report_patient(const fab_report *r, int lang, char out[FAB_PATIENT_WORDS])
{
    const fab_patient *who = &r->patient;
    const char *sex = lang == FAB_EN || !who->sex ? fab_patient_sex_word(who)
                      : who->sex == 'M'           ? "男"
                                                  : "女";
    char age[24] = "";
    if (who->age > 0) put_age((double)who->age, lang, age, sizeof age);
    snprintf(out, FAB_PATIENT_WORDS, "%s%s%s", age,
             !*age || !who->sex ? ""
             : lang == FAB_ZH   ? "，"
                                : ", ",
             sex ? sex : "");
}

/* ---- building one sentence ------------------------------------------------------------------- */

static void refer(fab_sentence *s, const fab_finding *f)
{
    if (s->n_refs < FAB_SENTENCE_REFS) s->refs[s->n_refs++] = f->id;
}

/* Takes over the words of both languages (cleared either way). */
static bool finish(fab_report *r, fab_sentence *s, fab_words w[FAB_LANGS], fab_err *err)
{
    bool ok = r->n_sentences < r->cap_sentences && !w[FAB_EN].failed && !w[FAB_ZH].failed;
    for (int lang = 0; lang < FAB_LANGS; lang++) {
        if (ok) s->text[lang] = fab_arena_strdup(r->arena, w[lang].text ? w[lang].text : "", err);
        fab_words_clear(&w[lang]);
    }
    ok = ok && s->text[FAB_EN] && s->text[FAB_ZH];
    if (ok) r->sentences[r->n_sentences++] = *s;
    return ok ? true : fab_fail(err, FAB_ENOMEM, "out of memory while wording the report");
}

/* English in the middle of a sentence: "Pleural Effusion" -> "pleural effusion", "CT" and "X-Ray"
 * stay. */
static void put_lower(fab_words *w, const char *s)
{
    for (const char *p = s; *p; p++) {
        bool first = p == s || p[-1] == ' ' || p[-1] == '-';
        bool word = first && p[0] >= 'A' && p[0] <= 'Z' && p[1] >= 'a' && p[1] <= 'z';
        fab_words_putn(w, word ? (char[]){ (char)(*p + 32) } : p, 1);
    }
}

/* What the label table calls a code; NULL when it has none. */
static const char *code_name(const char *code, int lang)
{
    int label = code ? fab_label_find(code) : -1;
    return label < 0 ? NULL : lang == FAB_ZH ? fab_labels[label].zh : fab_labels[label].en;
}

static const char *code_of(const fab_report *r, const char *row, const char *header)
{
    const fab_finding *f = fab_report_find(r, row);
    return header ? header : f ? f->row->codes[f->choice] : "";
}

static bool of_xray(const fab_report *r)
{
    return !strcmp(code_of(r, "modality", r->header_modality), "xray");
}

/* A radiograph has a projection, not a plane. */
static const char *projection(const char *plane, int lang)
{
    static const char *const words[][FAB_LANGS] = { { "Frontal", "正位" }, { "Lateral", "侧位" } };
    return !strcmp(plane, "coronal")    ? words[0][lang]
           : !strcmp(plane, "sagittal") ? words[1][lang]
                                        : NULL;
}

/* What the file's header says is stated as a fact; else the model's choice with its probability. */
static bool put_study_part(const fab_report *r, fab_sentence *s, fab_words w[FAB_LANGS],
                           const char *row, const char *header, bool first)
{
    static const char *const titles[FAB_LANGS] = { "Projection", "投照体位" };
    const fab_finding *f = fab_report_find(r, row);
    const char *code = code_of(r, row, header);
    bool view = !strcmp(row, "plane") && of_xray(r), sure = f && f->p >= r->opts.threshold;
    if (!f || (view && !projection(code, FAB_EN))) return false;
    refer(s, f);
    for (int lang = 0; lang < FAB_LANGS; lang++) {
        const char *value = view ? projection(code, lang) : code_name(code, lang);
        fab_words_printf(&w[lang], "%s%s%s%s",
                         first            ? ""
                         : lang == FAB_ZH ? "；"
                                          : "; ",
                         view ? titles[lang] : f->row->name[lang], lang == FAB_ZH ? "：" : ": ",
                         value ? value : fab_finding_value(f, lang));
    }
    if (header) {
        fab_words_put(&w[FAB_EN], " (file header)");
        fab_words_put(&w[FAB_ZH], "（文件头）");
        return true;
    }
    fab_words_printf(&w[FAB_EN], sure ? " (p = %.2f)" : " (uncertain, p = %.2f)", f->p);
    fab_words_printf(&w[FAB_ZH], sure ? "（概率 %.2f）" : "（不确定，概率 %.2f）", f->p);
    return true;
}

static bool word_study(fab_report *r, fab_err *err)
{
    fab_sentence s = { .section = "study" };
    fab_words w[FAB_LANGS] = { { 0 } };
    bool any = put_study_part(r, &s, w, "modality", r->header_modality, true);
    any = put_study_part(r, &s, w, "region", r->header_region, !any) || any;
    any = put_study_part(r, &s, w, "plane", r->header_plane, !any) || any;
    if (!any) return true;
    fab_words_put(&w[FAB_EN], ".");
    fab_words_put(&w[FAB_ZH], "。");
    return finish(r, &s, w, err);
}

/* The file's header and the model disagree: both are shown, the header is believed. */
static bool word_conflict(fab_report *r, const char *code, const char *header, fab_err *err)
{
    const fab_finding *f = fab_report_find(r, code);
    const char *said = f ? f->row->codes[f->choice] : NULL;
    if (!header || !said || !strcmp(said, header)) return true;
    const char *en = code_name(header, FAB_EN), *zh = code_name(header, FAB_ZH);
    fab_sentence s = { .section = "study" };
    fab_words w[FAB_LANGS] = { { 0 } };
    refer(&s, f);
    fab_words_printf(
        &w[FAB_EN],
        "%s: the file's header says %s, the model says %s; read the model's findings with caution.",
        f->row->name[FAB_EN], en ? en : header, fab_finding_value(f, FAB_EN));
    fab_words_printf(&w[FAB_ZH], "文件头标明%s为%s，与模型判断（%s）不一致：请谨慎对待模型所见。",
                     f->row->name[FAB_ZH], zh ? zh : header, fab_finding_value(f, FAB_ZH));
    return finish(r, &s, w, err);
}

/* ---- findings -------------------------------------------------------------------------------- */

/* Asked because the study may be of that kind, but by its header or the model's first choice it is
 * not: such a row stays in the table and out of the text, unless it is about an abnormality. */
static bool beside(const fab_report *r, const fab_finding *f)
{
    uint8_t modality = fab_modality_bit(code_of(r, "modality", r->header_modality)),
            region = fab_region_bit(code_of(r, "region", r->header_region));
    return (modality && f->row->modalities && !(f->row->modalities & modality)) ||
           (region && f->row->regions && !(f->row->regions & region));
}

static bool in_group(const fab_report *r, const fab_finding *f, fab_label_kind kind)
{
    bool known;
    fab_label_kind k = fab_finding_kind(f, &known);
    return f->state == FAB_STATE_CLAIMED && known && k == kind && !beside(r, f);
}

static void put_name(const fab_protocol_row *row, bool first, fab_words w[FAB_LANGS])
{
    fab_words_put(&w[FAB_EN], first ? "" : ", ");
    fab_words_put(&w[FAB_ZH], first ? "" : "、");
    put_lower(&w[FAB_EN], row->name[FAB_EN]);
    fab_words_put(&w[FAB_ZH], row->name[FAB_ZH]);
}

/* ": liver, spleen; not validated: colon": those whose row was never measured stand apart. */
static void put_names(const fab_report *r, const int *ids, int n, fab_words w[FAB_LANGS])
{
    int said = 0;
    for (int unmeasured = 0; unmeasured < 2; unmeasured++)
        for (int i = 0, first = 1; i < n; i++) {
            const fab_finding *f = &r->findings[ids[i] - 1];
            if ((f->verdict == FAB_SKILL_UNMEASURED) != unmeasured) continue;
            if (unmeasured && first) {
                fab_words_put(&w[FAB_EN], said ? "; not validated: " : " (not validated): ");
                fab_words_put(&w[FAB_ZH], said ? "；未经验证：" : "（未经验证）：");
            } else if (first) {
                fab_words_put(&w[FAB_EN], ": ");
                fab_words_put(&w[FAB_ZH], "：");
            }
            put_name(f->row, first, w);
            first = 0;
            said++;
        }
}

/* "Structures recognised: liver, spleen; not validated: colon." */
static bool word_group(fab_report *r, fab_label_kind kind, const char *en, const char *zh,
                       fab_err *err)
{
    fab_sentence s = { .section = "findings" };
    fab_words w[FAB_LANGS] = { { 0 } };
    for (int i = 0; i < r->n_findings; i++) {
        const fab_finding *f = &r->findings[i];
        if (in_group(r, f, kind)) refer(&s, f);
    }
    if (!s.n_refs) return true;
    fab_words_put(&w[FAB_EN], en);
    fab_words_put(&w[FAB_ZH], zh);
    put_names(r, s.refs, s.n_refs, w);
    fab_words_put(&w[FAB_EN], ".");
    fab_words_put(&w[FAB_ZH], "。");
    return finish(r, &s, w, err);
}

/* "p = 0.52; by the image alone, without age and sex, 0.31": without brackets */
static void put_p(const fab_finding *f, fab_words w[FAB_LANGS])
{
    fab_words_printf(&w[FAB_EN], "p = %.2f", f->p);
    fab_words_printf(&w[FAB_ZH], "概率 %.2f", f->p);
    if (!f->by_patient) return;
    fab_words_printf(&w[FAB_EN], "; by the image alone, without age and sex, %.2f", f->p_picture);
    fab_words_printf(&w[FAB_ZH], "；仅凭图像、不计年龄性别为 %.2f", f->p_picture);
}

static void put_claim(const fab_finding *f, fab_words w[FAB_LANGS])
{
    const fab_band *b = fab_band_of(f->p);
    bool unmeasured = f->verdict == FAB_SKILL_UNMEASURED;
    fab_words_printf(&w[FAB_EN], "%s: %s (", f->row->name[FAB_EN], b->en);
    fab_words_printf(&w[FAB_ZH], "%s：%s（", f->row->name[FAB_ZH], b->zh);
    put_p(f, w);
    fab_words_put(&w[FAB_EN], unmeasured ? ", not validated)" : ")");
    fab_words_put(&w[FAB_ZH], unmeasured ? "，未经验证）" : "）");
}

/* Surely enough said, and of one side: "left lung, right" tells a reader nothing. */
static bool place_worth_telling(const fab_finding *f)
{
    const char *en = f->place[FAB_EN], *zh = f->place[FAB_ZH];
    return en && (f->place_agree || f->place_sureness >= 0.5) &&
           !((strstr(en, "eft") && strstr(en, "ight")) || (strstr(zh, "左") && strstr(zh, "右")));
}

static bool word_abnormal(fab_report *r, const fab_finding *f, fab_err *err)
{
    fab_sentence s = { .section = "findings" };
    fab_words w[FAB_LANGS] = { { 0 } };
    refer(&s, f);
    put_claim(f, w);
    if (place_worth_telling(f)) {
        fab_words_put(&w[FAB_EN], "; location as answered by the model: ");
        put_lower(&w[FAB_EN], f->place[FAB_EN]);
        fab_words_printf(&w[FAB_EN], " (%.2f)", f->place_sureness);
        fab_words_printf(&w[FAB_ZH], "；模型回答的位置：%s（%.2f）", f->place[FAB_ZH],
                         f->place_sureness);
    }
    if (f->overlay[0]) {
        fab_words_printf(&w[FAB_EN], "; see figure F%d", f->id);
        fab_words_printf(&w[FAB_ZH], "；见图 F%d", f->id);
    }
    fab_words_put(&w[FAB_EN], ".");
    fab_words_put(&w[FAB_ZH], "。");
    return finish(r, &s, w, err);
}

static bool word_answer(fab_report *r, const fab_finding *f, fab_err *err)
{
    fab_sentence s = { .section = "findings" };
    fab_words w[FAB_LANGS] = { { 0 } };
    refer(&s, f);
    fab_words_printf(&w[FAB_EN], "%s, as answered by the model: %s (%.2f).", f->row->name[FAB_EN],
                     f->answer[FAB_EN], f->sureness);
    fab_words_printf(&w[FAB_ZH], "%s（模型回答）：%s（%.2f）。", f->row->name[FAB_ZH],
                     f->answer[FAB_ZH], f->sureness);
    return finish(r, &s, w, err);
}

/* What the picture alone is rather taken for, when age and sex made it something else. */
static void put_other_choice(const fab_report *r, const fab_finding *f, fab_words w[FAB_LANGS])
{
    int k = f->picture_choice;
    bool other = k != f->choice || f->p < r->opts.threshold;
    if (!f->by_patient || !other || f->p_picture_choice < r->opts.threshold) return;
    fab_words_printf(&w[FAB_EN], " By the image alone, without age and sex: %s (p = %.2f).",
                     f->row->choices[FAB_EN][k], f->p_picture_choice);
    fab_words_printf(&w[FAB_ZH], "仅凭图像、不计年龄性别：%s（概率 %.2f）。",
                     f->row->choices[FAB_ZH][k], f->p_picture_choice);
}

/* Rows with choices that are not the study's own: a diagnosis among several. */
static bool word_choice(fab_report *r, const fab_finding *f, fab_err *err)
{
    fab_sentence s = { .section = "findings" };
    fab_words w[FAB_LANGS] = { { 0 } };
    const fab_band *b = fab_band_of(f->p);
    bool sure = f->p >= r->opts.threshold;
    refer(&s, f);
    if (sure) {
        fab_words_printf(&w[FAB_EN], "%s: %s, %s (", f->row->name[FAB_EN],
                         fab_finding_value(f, FAB_EN), b->en);
        fab_words_printf(&w[FAB_ZH], "%s：%s，%s（", f->row->name[FAB_ZH],
                         fab_finding_value(f, FAB_ZH), b->zh);
        put_p(f, w);
        fab_words_put(&w[FAB_EN], ").");
        fab_words_put(&w[FAB_ZH], "）。");
    } else {
        fab_words_printf(&w[FAB_EN], "%s: undecided (highest p = %.2f).", f->row->name[FAB_EN],
                         f->p);
        fab_words_printf(&w[FAB_ZH], "%s：无法判定（最高概率 %.2f）。", f->row->name[FAB_ZH], f->p);
    }
    put_other_choice(r, f, w);
    return finish(r, &s, w, err);
}

/* Age and sex took a claim away that the picture makes: among the impressions, for a doctor who
 * reads nothing else. */
static bool word_withdrawn(fab_report *r, const fab_finding *f, fab_err *err)
{
    fab_sentence s = { .section = "impression" };
    fab_words w[FAB_LANGS] = { { 0 } };
    refer(&s, f);
    fab_words_printf(&w[FAB_EN],
                     "%s: claimed by the image alone (p = %.2f), not with age and sex (p = %.2f).",
                     f->row->name[FAB_EN], f->p_picture, f->p);
    fab_words_printf(&w[FAB_ZH],
                     "%s：仅凭图像会提示（概率 %.2f），计入年龄性别后未提示（概率 %.2f）。",
                     f->row->name[FAB_ZH], f->p_picture, f->p);
    return finish(r, &s, w, err);
}

static bool is_overall(const fab_finding *f)
{
    return f->row->label && !strcmp(f->row->label, "abnormal");
}

static bool word_findings(fab_report *r, fab_err *err)
{
    if (!word_group(r, FAB_KIND_ORGAN, "Structures recognised", "可辨认结构", err) ||
        !word_group(r, FAB_KIND_CELL, "Cells recognised", "可辨认细胞", err) ||
        !word_group(r, FAB_KIND_ATTRIBUTE, "Dermoscopic features", "皮肤镜特征", err))
        return false;
    for (int i = 0; i < r->n_findings; i++) {
        const fab_finding *f = &r->findings[i];
        const char *c = f->row->code;
        bool study = !strcmp(c, "modality") || !strcmp(c, "region") || !strcmp(c, "plane");
        bool ok = true;
        if (beside(r, f) && !fab_finding_abnormal(f)) continue;
        if (f->state == FAB_STATE_CLAIMED && fab_finding_abnormal(f)) ok = word_abnormal(r, f, err);
        else if (f->state == FAB_STATE_UNCLAIMED && fab_finding_abnormal(f) && f->by_patient &&
                 f->p_picture >= r->opts.threshold)
            ok = word_withdrawn(r, f, err);
        else if (f->state == FAB_STATE_ANSWERED &&
                 strcmp(c, "abnormal.kind")) /* diseases: only by row */
            ok = word_answer(r, f, err);
        else if (f->state == FAB_STATE_CHOSEN && !study) ok = word_choice(r, f, err);
        if (!ok) return false;
    }
    return true;
}

/* ---- impression ------------------------------------------------------------------------------ */

/* The claimed abnormalities by falling probability; named ones before "abnormal" as such. */
static const fab_finding *next_claim(const fab_report *r, const fab_sentence *said)
{
    const fab_finding *best = NULL;
    for (int i = 0; i < r->n_findings; i++) {
        const fab_finding *f = &r->findings[i];
        bool used = f->state != FAB_STATE_CLAIMED || !fab_finding_abnormal(f);
        for (int j = 0; j < said->n_refs; j++) used = used || said->refs[j] == f->id;
        if (used) continue;
        if (!best || is_overall(best) > is_overall(f) ||
            (is_overall(best) == is_overall(f) && f->p > best->p))
            best = f;
    }
    return best;
}

/* The rows by name, and the most probable of them; "abnormal" as such is for when no other was
 * asked about, and is not named. NULL: none was asked. */
static const fab_finding *put_asked(const fab_report *r, fab_sentence *s, fab_words w[FAB_LANGS])
{
    const fab_finding *top = NULL;
    for (int overall = 0; overall < 2 && !top; overall++)
        for (int i = 0; i < r->n_findings; i++) {
            const fab_finding *f = &r->findings[i];
            bool asked = fab_finding_abnormal(f) && f->state == FAB_STATE_UNCLAIMED;
            if (!asked || is_overall(f) != overall) continue;
            refer(s, f);
            if (!top || f->p > top->p) top = f;
        }
    if (!top || is_overall(top)) return top;
    put_names(r, s->refs, s->n_refs, w);
    fab_words_put(&w[FAB_EN], "; highest: ");
    put_lower(&w[FAB_EN], top->row->name[FAB_EN]);
    fab_words_printf(&w[FAB_EN], ", p = %.2f", top->p);
    fab_words_printf(&w[FAB_ZH], "；其中最高：%s，概率 %.2f", top->row->name[FAB_ZH], top->p);
    return top;
}

static bool word_none(fab_report *r, fab_err *err)
{
    fab_sentence s = { .section = "impression" };
    fab_words w[FAB_LANGS] = { { 0 } }, asked[FAB_LANGS] = { { 0 } };
    const fab_finding *top = put_asked(r, &s, asked);
    if (top && is_overall(top)) {
        fab_words_printf(&w[FAB_EN],
                         "The model does not rate the image as abnormal (p = %.2f); it has no "
                         "validated question about a particular abnormality of this kind of image. "
                         "This does not exclude disease.",
                         top->p);
        fab_words_printf(&w[FAB_ZH],
                         "模型未将图像判为异常（概率 %.2f）；对此类图像没有经过验证的具体异常问题。"
                         "这不能排除疾病。",
                         top->p);
    } else if (top) {
        fab_words_printf(&w[FAB_EN],
                         "No abnormality detected by the model among those it was asked about%s. "
                         "This does not exclude disease.",
                         asked[FAB_EN].text ? asked[FAB_EN].text : "");
        fab_words_printf(&w[FAB_ZH], "模型在所询问的下列项目中均未检出异常%s。这不能排除疾病。",
                         asked[FAB_ZH].text ? asked[FAB_ZH].text : "");
    } else {
        fab_words_put(&w[FAB_EN], "The model has no question about abnormalities for this kind of "
                                  "image: none was looked for.");
        fab_words_put(&w[FAB_ZH], "模型没有针对此类图像异常的问题：未进行异常检测。");
    }
    bool failed = asked[FAB_EN].failed || asked[FAB_ZH].failed;
    fab_words_clear(&asked[FAB_EN]);
    fab_words_clear(&asked[FAB_ZH]);
    w[FAB_EN].failed = w[FAB_EN].failed || failed;
    return finish(r, &s, w, err);
}

static bool word_impression(fab_report *r, fab_err *err)
{
    fab_sentence s = { .section = "impression" };
    fab_words w[FAB_LANGS] = { { 0 } };
    const fab_finding *f = next_claim(r, &s);
    if (!f) return word_none(r, err);
    if (is_overall(f)) {
        fab_words_printf(
            &w[FAB_EN],
            "The model rates the image as abnormal (p = %.2f) but names no abnormality with enough "
            "certainty",
            f->p);
        fab_words_printf(&w[FAB_ZH], "模型认为图像异常（概率 %.2f），但不能确定具体异常", f->p);
        refer(&s, f);
    }
    for (; f && !is_overall(f) && s.n_refs < FAB_SENTENCE_REFS; f = next_claim(r, &s)) {
        if (s.n_refs) {
            fab_words_put(&w[FAB_EN], "; ");
            fab_words_put(&w[FAB_ZH], "；");
        }
        put_claim(f, w);
        refer(&s, f);
    }
    fab_words_put(&w[FAB_EN], ". To be confirmed by a physician.");
    fab_words_put(&w[FAB_ZH], "。须经医师确认。");
    return finish(r, &s, w, err);
}

/* Rows that the model was not taught: of abnormalities in the impression, where a doctor who reads
 * nothing else sees them; the others among the limits. */
static bool word_untaught(fab_report *r, bool abnormal, fab_err *err)
{
    fab_sentence s = { .section = abnormal ? "impression" : "limits" };
    fab_words w[FAB_LANGS] = { { 0 } };
    bool any = false;
    for (int i = 0; i < r->n_untaught; i++) {
        const fab_protocol_row *row = r->untaught[i];
        fab_skill_verdict v;
        const fab_skill *k = fab_report_skill(r, row, &v);
        if (fab_row_abnormal(row) != abnormal) continue;
        if (!any) {
            fab_words_put(&w[FAB_EN], "Not assessed: ");
            fab_words_put(&w[FAB_ZH], "未评估：");
        }
        put_name(row, !any, w);
        fab_words_printf(&w[FAB_EN], " (held-out AUC %.2f)", (double)k->auc);
        fab_words_printf(&w[FAB_ZH], "（留出图像 AUC %.2f）", (double)k->auc);
        any = true;
    }
    if (!any) return true;
    fab_words_put(&w[FAB_EN], ". On held-out images this model is not better than chance at these; "
                              "nothing is excluded.");
    fab_words_put(&w[FAB_ZH], "。在留出图像上，本模型对这些项目的判断不优于随机，不能据此排除。");
    return finish(r, &s, w, err);
}

/* ---- limits ---------------------------------------------------------------------------------- */

static bool word_plain(fab_report *r, const char *section, const char *en, const char *zh,
                       fab_err *err)
{
    fab_sentence s = { .section = section };
    fab_words w[FAB_LANGS] = { { 0 } };
    fab_words_put(&w[FAB_EN], en);
    fab_words_put(&w[FAB_ZH], zh);
    return finish(r, &s, w, err);
}

static bool word_resolution(fab_report *r, fab_err *err)
{
    fab_sentence s = { .section = "limits" };
    fab_words w[FAB_LANGS] = { { 0 } };
    int side = r->model->model->cfg.image_size;
    fab_words_printf(
        &w[FAB_EN],
        "A single image was read by a small research model, reduced to %d x %d pixels; "
        "small lesions may be missed.",
        side, side);
    fab_words_printf(&w[FAB_ZH],
                     "本报告由小型科研模型判读单幅图像（缩小至 %d x %d 像素），可能遗漏小病灶。",
                     side, side);
    return finish(r, &s, w, err);
}

/* Left and right mean something in it. */
static bool has_sides(const fab_report *r)
{
    uint8_t region = fab_region_bit(code_of(r, "region", r->header_region));
    return !(region & (FAB_REGION_SKIN | FAB_REGION_BLOOD));
}

static bool word_limits(fab_report *r, fab_err *err)
{
    bool ok = true;
    if (r->gate.reason != FAB_GATE_KNOWN)
        ok = word_plain(r, "limits",
                        "The input gate refused this image and was overridden by the user: the "
                        "findings are not to be relied on.",
                        "输入检查拒绝了此图像，由用户强制生成报告：以下所见不可采信。", err);
    if (ok && r->image->missing_bytes)
        ok = word_plain(r, "limits",
                        "The file is cut short: the end of its pixels is missing and shown black.",
                        "文件不完整：末尾像素缺失，显示为黑色。", err);
    if (ok && r->opts.history)
        ok = word_plain(r, "limits",
                        "The history is shown for the reader; the model did not use it.",
                        "病史仅供阅读者参考；模型未使用病史。", err);
    if (ok && !r->image->has_orientation && has_sides(r))
        ok = word_plain(r, "limits",
                        "The file does not state the patient's orientation: left and right are as "
                        "displayed and may be mirrored.",
                        "文件未注明患者方位：左右以显示为准，可能为镜像。", err);
    if (ok && (r->image->spacing_mm[0] <= 0 || r->image->spacing_mm[1] <= 0))
        ok = word_plain(r, "limits", "The file states no pixel spacing: no sizes are given.",
                        "文件未提供像素间距：不给出尺寸。", err);
    return ok && word_resolution(r, err);
}

bool fab_report_word(fab_report *r, fab_err *err)
{
    r->cap_sentences = r->n_findings + 16;
    r->sentences = fab_arena_zero(r->arena, (size_t)r->cap_sentences * sizeof *r->sentences, err);
    return r->sentences && word_study(r, err) &&
           word_conflict(r, "modality", r->header_modality, err) &&
           word_conflict(r, "region", r->header_region, err) &&
           word_conflict(r, "plane", r->header_plane, err) && word_findings(r, err) &&
           word_impression(r, err) && word_untaught(r, true, err) && word_untaught(r, false, err) &&
           word_limits(r, err);
}
