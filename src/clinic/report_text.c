/* report_text: the report as plain UTF-8 text, one block per language. */
#include <string.h>
#include "clinic/report_impl.h"

static const char *const titles[FAB_LANGS] = { "DRAFT IMAGING REPORT", "影像报告（草稿）" };
static const char *const sections[] = { "study", "findings", "impression", "limits" };
static const char *const heading_words[][FAB_LANGS] = {
    { "Study", "检查" },
    { "Findings", "所见" },
    { "Impression", "印象" },
    { "Limits", "局限" },
};

static void put_refs(fab_words *w, const fab_sentence *s)
{
    if (!s->n_refs) return;
    fab_words_put(w, " [");
    for (int i = 0; i < s->n_refs; i++) fab_words_printf(w, "%sF%d", i ? " " : "", s->refs[i]);
    fab_words_put(w, "]");
}

static void put_facts(const fab_report *r, fab_words *w, int lang)
{
    const fab_image *im = r->image;
    bool zh = lang == FAB_ZH;
    char who[FAB_PATIENT_WORDS];
    fab_words_printf(w, zh ? "图像：%s，%d x %d 像素" : "Image: %s, %d x %d pixels", im->format,
                     im->width, im->height);
    if (im->spacing_mm[0] > 0 && im->spacing_mm[1] > 0)
        fab_words_printf(w,
                         zh ? "，像素间距 %.3g x %.3g mm，视野 %.0f x %.0f mm"
                            : ", spacing %.3g x %.3g mm, field %.0f x %.0f mm",
                         im->spacing_mm[1], im->spacing_mm[0], im->width * im->spacing_mm[1],
                         im->height * im->spacing_mm[0]);
    if (fab_report_windowed(im))
        fab_words_printf(w, zh ? "，窗位 %.0f，窗宽 %.0f" : ", window %.0f / %.0f",
                         im->shown.center, im->shown.width);
    fab_words_put(w, "\n");
    fab_report_patient(r, lang, who);
    if (*who) fab_words_printf(w, zh ? "患者：%s\n" : "Patient: %s\n", who);
    if (r->opts.history)
        fab_words_printf(w,
                         zh ? "病史：%s（模型未使用）\n" : "History: %s (not used by the model)\n",
                         r->opts.history);
}

static void put_language(const fab_report *r, fab_words *w, int lang)
{
    char when[24];
    fab_iso_time(r->opts.created, when);
    fab_words_printf(w, "%s  %s\n%s\n\n", titles[lang], r->id,
                     lang == FAB_ZH ? FAB_MARK_ZH : FAB_MARK_EN);
    put_facts(r, w, lang);
    for (size_t h = 0; h < sizeof sections / sizeof *sections; h++) {
        bool any = false;
        for (int i = 0; i < r->n_sentences; i++) {
            const fab_sentence *s = &r->sentences[i];
            if (strcmp(s->section, sections[h]) != 0) continue;
            if (!any) fab_words_printf(w, "\n%s\n", heading_words[h][lang]);
            any = true;
            fab_words_printf(w, "  %s", s->text[lang]);
            put_refs(w, s);
            fab_words_put(w, "\n");
        }
    }
    fab_words_printf(w,
                     lang == FAB_ZH
                         ? "\n状态：草稿，未经审核。模型 %s，输入 SHA-256 %s，%s\n"
                         : "\nStatus: draft, not reviewed. Model %s, input SHA-256 %s, %s\n",
                     r->model->id, r->input_sha256, when);
}

char *fab_report_text(const fab_report *r, fab_arena *a, fab_err *err)
{
    fab_words w = { 0 };
    if (r->opts.lang[FAB_ZH]) put_language(r, &w, FAB_ZH);
    if (r->opts.lang[FAB_ZH] && r->opts.lang[FAB_EN]) fab_words_put(&w, "\n----\n\n");
    if (r->opts.lang[FAB_EN]) put_language(r, &w, FAB_EN);
    char *text = w.failed ? NULL : fab_arena_strdup(a, w.text ? w.text : "", err);
    if (!text) fab_fail(err, FAB_ENOMEM, "out of memory while writing the report");
    fab_words_clear(&w);
    return text;
}
