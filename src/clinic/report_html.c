/* report_html: one self-contained page: no script, no request, pictures inside. Languages are
 * switched by radio buttons that CSS reads; print shows what is chosen. report_css.c holds the
 * style.
 */
#include <string.h>
#include "clinic/report_impl.h"
#include "explain/overlay.h"

static void put_escaped(fab_words *w, const char *s)
{
    for (const char *p = s; *p; p++) {
        const char *e = *p == '&'   ? "&amp;"
                        : *p == '<' ? "&lt;"
                        : *p == '>' ? "&gt;"
                        : *p == '"' ? "&quot;"
                                    : NULL;
        if (e) fab_words_put(w, e);
        else fab_words_putn(w, p, 1);
    }
}

/* The text in the languages of the report. */
static void put_both(const fab_report *r, fab_words *w, const char *en, const char *zh)
{
    const char *text[FAB_LANGS] = { en, zh };
    static const char *const code[FAB_LANGS] = { "en", "zh" };
    for (int lang = FAB_LANGS - 1; lang >= 0; lang--) {
        if (!r->opts.lang[lang]) continue;
        fab_words_printf(w, "<span class=\"%s\" lang=\"%s\">", code[lang], code[lang]);
        put_escaped(w, text[lang]);
        fab_words_put(w, "</span>");
    }
}

static void put_heading(const fab_report *r, fab_words *w, const char *en, const char *zh)
{
    fab_words_put(w, "<h2>");
    put_both(r, w, en, zh);
    fab_words_put(w, "</h2>\n");
}

static void put_row(const fab_report *r, fab_words *w, const char *en, const char *zh,
                    const char *value)
{
    fab_words_put(w, "<dt>");
    put_both(r, w, en, zh);
    fab_words_put(w, "</dt><dd>");
    put_escaped(w, value);
    fab_words_put(w, "</dd>\n");
}

/* ---- head ------------------------------------------------------------------------------------ */

static void put_head(const fab_report *r, fab_words *w)
{
    bool two = r->opts.lang[FAB_EN] && r->opts.lang[FAB_ZH];
    char when[24];
    fab_iso_time(r->opts.created, when);
    fab_words_printf(
        w,
        "<!DOCTYPE html>\n<html lang=\"%s\">\n<head>\n<meta charset=\"utf-8\">\n"
        "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; img-src data:; "
        "style-src 'unsafe-inline'\">\n<title>fabrica %s</title>\n<style>\n",
        r->opts.lang[FAB_EN] ? "en" : "zh", r->id);
    fab_words_put(w, fab_report_css);
    fab_words_put(w, "</style>\n</head>\n<body>\n");
    if (two)
        fab_words_put(w, "<input type=\"radio\" name=\"lang\" id=\"l-zh\" checked><input "
                         "type=\"radio\" name=\"lang\" id=\"l-en\">"
                         "<input type=\"radio\" name=\"lang\" id=\"l-both\">\n");
    fab_words_put(w, "<div class=\"page\">\n<div class=\"mark\">");
    put_both(r, w, FAB_MARK_EN, FAB_MARK_ZH);
    fab_words_put(w, "</div>\n<header>\n<div><h1>");
    put_both(r, w, "Imaging report", "影像报告");
    fab_words_put(w, " <span class=\"chip\">");
    put_both(r, w, "draft, not reviewed", "草稿，未经审核");
    fab_words_printf(w, "</span></h1>\n<p class=\"sub\">%s &middot; %s</p></div>\n", r->id, when);
    if (two)
        fab_words_put(w, "<nav><label for=\"l-zh\">中文</label><label for=\"l-en\">English</label>"
                         "<label for=\"l-both\">双语 Both</label></nav>\n");
    fab_words_put(w, "</header>\n");
}

/* ---- sentences ------------------------------------------------------------------------------- */

static void put_sentence(const fab_report *r, fab_words *w, const fab_sentence *s)
{
    fab_words_put(w, "<li>");
    put_both(r, w, s->text[FAB_EN], s->text[FAB_ZH]);
    fab_words_put(w, " <span class=\"refs\">");
    for (int i = 0; i < s->n_refs; i++)
        fab_words_printf(w, "<a href=\"#F%d\">F%d</a>", s->refs[i], s->refs[i]);
    fab_words_put(w, "</span></li>\n");
}

static void put_section(const fab_report *r, fab_words *w, const char *section, const char *en,
                        const char *zh)
{
    bool any = false;
    for (int i = 0; i < r->n_sentences; i++) {
        if (strcmp(r->sentences[i].section, section) != 0) continue;
        if (!any) {
            fab_words_printf(w, "<section class=\"%s\">\n", section);
            put_heading(r, w, en, zh);
            fab_words_put(w, "<ul>\n");
        }
        any = true;
        put_sentence(r, w, &r->sentences[i]);
    }
    if (any) fab_words_put(w, "</ul>\n</section>\n");
}

static void put_history(const fab_report *r, fab_words *w)
{
    if (!r->opts.history) return;
    fab_words_put(w, "<section class=\"history\">\n");
    put_heading(r, w, "History", "病史");
    fab_words_put(w, "<p>");
    put_escaped(w, r->opts.history);
    fab_words_put(w, "</p>\n<p class=\"note\">");
    put_both(r, w, "Shown for the reader; the model did not use it.",
             "仅供阅读者参考；模型未使用。");
    fab_words_put(w, "</p>\n</section>\n");
}

/* ---- the picture and its facts --------------------------------------------------------------- */

static void put_patient(const fab_report *r, fab_words *w)
{
    char who[FAB_LANGS][FAB_PATIENT_WORDS];
    for (int lang = 0; lang < FAB_LANGS; lang++) fab_report_patient(r, lang, who[lang]);
    if (!who[FAB_EN][0]) return;
    fab_words_put(w, "<dt>");
    put_both(r, w, "Patient", "患者");
    fab_words_put(w, "</dt><dd>");
    put_both(r, w, who[FAB_EN], who[FAB_ZH]);
    fab_words_put(w, "</dd>\n");
}

static void put_facts(const fab_report *r, fab_words *w)
{
    const fab_image *im = r->image;
    char s[160];
    fab_words_put(w, "<dl class=\"facts\">\n");
    snprintf(s, sizeof s, "%d × %d", im->width, im->height);
    put_row(r, w, "Pixels", "像素", s);
    put_row(r, w, "Format", "格式", im->format);
    put_patient(r, w);
    if (im->spacing_mm[0] > 0 && im->spacing_mm[1] > 0) {
        snprintf(s, sizeof s, "%.3g × %.3g mm", im->spacing_mm[1], im->spacing_mm[0]);
        put_row(r, w, "Pixel spacing", "像素间距", s);
        snprintf(s, sizeof s, "%.0f × %.0f mm", im->width * im->spacing_mm[1],
                 im->height * im->spacing_mm[0]);
        put_row(r, w, "Field", "视野", s);
    }
    if (im->thickness_mm > 0) {
        snprintf(s, sizeof s, "%.3g mm", im->thickness_mm);
        put_row(r, w, "Slice thickness", "层厚", s);
    }
    if (fab_report_windowed(im)) {
        snprintf(s, sizeof s, "%.0f / %.0f", im->shown.center, im->shown.width);
        put_row(r, w, "Window centre / width", "窗位 / 窗宽", s);
    }
    if (im->modality[0]) put_row(r, w, "Modality (header)", "成像方式（文件头）", im->modality);
    if (im->body_part[0]) put_row(r, w, "Body part (header)", "部位（文件头）", im->body_part);
    if (im->laterality[0]) put_row(r, w, "Laterality (header)", "侧别（文件头）", im->laterality);
    fab_words_put(w, "</dl>\n");
}

static void put_img(fab_words *w, const fab_figure *f, const char *alt)
{
    fab_words_printf(w, "<img width=\"%d\" height=\"%d\" alt=\"%s\" src=\"data:image/png;base64,",
                     f->width, f->height, alt);
    fab_words_put(w, f->base64);
    fab_words_put(w, "\">");
}

/* ---- the table ------------------------------------------------------------------------------- */

typedef struct {
    const char *code, *en, *zh;
} group;

static const group groups[] = {
    { "abnormal", "Abnormalities asked about", "询问的异常" },
    { "study", "Study and other choices", "检查与其他判断" },
    { "present", "Structures and features", "结构与特征" },
    { "answer", "Answers in words", "文字回答" },
};

static const char *group_of(const fab_finding *f)
{
    if (fab_finding_abnormal(f)) return "abnormal";
    if (f->state == FAB_STATE_CHOSEN) return "study";
    return f->state == FAB_STATE_ANSWERED ? "answer" : "present";
}

static void put_finding(const fab_report *r, fab_words *w, const fab_finding *f)
{
    const fab_band *b = fab_band_of(f->p);
    bool shown = f->state != FAB_STATE_UNCLAIMED;
    fab_words_printf(w, "<tr id=\"F%d\" class=\"%s\"><td class=\"id\">F%d</td><td>", f->id,
                     shown ? b->code : "not-claimed", f->id);
    put_both(r, w, f->row->name[FAB_EN], f->row->name[FAB_ZH]);
    if (f->row->kind != FAB_ASK_PRESENT) {
        fab_words_put(w, ": <b>");
        put_both(r, w, fab_finding_value(f, FAB_EN), fab_finding_value(f, FAB_ZH));
        fab_words_put(w, "</b>");
    }
    fab_words_printf(w,
                     "</td><td class=\"bar\"><span class=\"track\"><i "
                     "style=\"width:%.1f%%\"></i></span></td><td class=\"num\">%.2f</td><td>",
                     100 * f->p, f->p);
    if (f->state == FAB_STATE_ANSWERED && !f->calibrated)
        put_both(r, w, "not calibrated", "未校准");
    else if (f->state == FAB_STATE_ANSWERED && f->p < 0.5)
        put_both(r, w, "rather wrong", "可能有误");
    else if (shown) put_both(r, w, b->en, b->zh);
    else put_both(r, w, "not claimed", "未提示");
    if (f->by_patient) {
        char en[64], zh[64];
        snprintf(en, sizeof en, "; by the image alone %.2f", f->p_picture);
        snprintf(zh, sizeof zh, "；仅凭图像 %.2f", f->p_picture);
        put_both(r, w, en, zh);
    }
    if (f->verdict == FAB_SKILL_UNMEASURED) put_both(r, w, ", not validated", "，未经验证");
    fab_words_put(w, "</td><td>");
    if (f->cam) fab_words_printf(w, "<a href=\"#fig-F%d\">E%d</a>", f->id, f->id);
    else fab_words_printf(w, "E%d", f->id);
    fab_words_put(w, "</td></tr>\n");
}

/* Most probable first within a group. */
static void put_group(const fab_report *r, fab_words *w, const group *g)
{
    double below = 2;
    int last = 0;
    bool any = false;
    for (;;) {
        const fab_finding *best = NULL;
        for (int i = 0; i < r->n_findings; i++) {
            const fab_finding *f = &r->findings[i];
            bool later = f->p < below || (f->p == below && f->id > last);
            if (strcmp(group_of(f), g->code) != 0 || !later) continue;
            if (!best || f->p > best->p) best = f;
        }
        if (!best) return;
        if (!any) {
            fab_words_put(w, "<tr class=\"group\"><th colspan=\"6\">");
            put_both(r, w, g->en, g->zh);
            fab_words_put(w, "</th></tr>\n");
        }
        any = true;
        put_finding(r, w, best);
        below = best->p;
        last = best->id;
    }
}

static void put_table(const fab_report *r, fab_words *w)
{
    fab_words_put(w, "<section class=\"table\">\n");
    put_heading(r, w, "Coded findings", "结构化所见");
    fab_words_put(w, "<table>\n");
    for (size_t i = 0; i < sizeof groups / sizeof *groups; i++) put_group(r, w, &groups[i]);
    fab_words_put(w, "</table>\n<p class=\"note\">");
    char en[200], zh[200];
    snprintf(en, sizeof en,
             "Probabilities are calibrated on held-out images, as if findings were as frequent as "
             "their absence. Nothing is claimed below %.2f.",
             r->opts.threshold);
    snprintf(zh, sizeof zh, "概率经留出图像校准（按有无各半的先验）。低于 %.2f 的项目不作提示。",
             r->opts.threshold);
    put_both(r, w, en, zh);
    fab_words_put(w, "</p>\n</section>\n");
}

/* ---- figures --------------------------------------------------------------------------------- */

static double no_minus_zero(double v) { return v > -0.005 && v < 0.005 ? 0 : v; }

/* A map whose hottest places matter little, or no more than others, is called so. */
static void put_fidelity(const fab_report *r, fab_words *w, const fab_finding *f)
{
    const fab_fidelity *d = &f->fidelity;
    double hot = no_minus_zero(d->drop_heat), other = no_minus_zero(d->drop_random);
    bool weak = 2 * d->beaten < d->draws || hot < 0.05;
    char en[300], zh[300];
    if (f->cam->empty) {
        snprintf(en, sizeof en, "No place in the image speaks for this answer.");
        snprintf(zh, sizeof zh, "图像中没有支持该回答的区域。");
    } else {
        snprintf(en, sizeof en,
                 "%sHiding the hottest %.0f %% lowers the log-odds by %.2f; the same area "
                 "elsewhere by %.2f (less in %d of %d places).",
                 weak ? "Unreliable map. " : "", 100 * d->share, hot, other, d->beaten, d->draws);
        snprintf(zh, sizeof zh,
                 "%s遮住最热的 %.0f%% 使对数优势下降 %.2f；遮住其他等面积区域下降 %.2f（%d 处中有 "
                 "%d 处下降更少）。",
                 weak ? "此热图不可靠。" : "", 100 * d->share, hot, other, d->draws, d->beaten);
    }
    put_both(r, w, en, zh);
}

static void put_legend(const fab_report *r, fab_words *w)
{
    fab_words_put(w, "<p class=\"legend\">");
    put_both(r, w, "little", "弱");
    fab_words_put(w, "<span class=\"scale\" style=\"background:linear-gradient(90deg");
    for (int i = 0; i <= 8; i++) {
        uint8_t c[3];
        fab_overlay_colour((float)i / 8, c);
        fab_words_printf(w, ",rgb(%d,%d,%d)", c[0], c[1], c[2]);
    }
    fab_words_put(w, ")\"></span>");
    put_both(r, w, "strong", "强");
    fab_words_put(w, " &middot; ");
    put_both(
        r, w,
        "Grad-CAM: where the answer comes from, on a coarse grid; not the outline of a lesion.",
        "Grad-CAM：回答的图像依据，网格较粗；并非病灶轮廓。");
    fab_words_put(w, "</p>\n");
}

static void put_figure(const fab_report *r, const fab_figure *g, fab_words *w)
{
    const fab_finding *f = &r->findings[g->finding];
    fab_words_printf(w, "<figure id=\"fig-F%d\">", f->id);
    put_img(w, g, f->row->code);
    fab_words_printf(w, "<figcaption><b><a href=\"#F%d\">F%d</a> ", f->id, f->id);
    put_both(r, w, f->row->name[FAB_EN], f->row->name[FAB_ZH]);
    fab_words_printf(w, " %.2f</b><br>", f->p);
    put_fidelity(r, w, f);
    fab_words_put(w, "</figcaption></figure>\n");
}

static void put_figures(const fab_report *r, const fab_figures *figures, fab_words *w)
{
    if (figures->n < 2) return;
    fab_words_put(w, "<section class=\"figures\">\n");
    put_heading(r, w, "Where each finding comes from", "各项所见的图像依据");
    put_legend(r, w);
    fab_words_put(w, "<div class=\"grid\">\n");
    for (int abnormal = 1; abnormal >= 0; abnormal--)
        for (int i = 1; i < figures->n; i++)
            if (fab_finding_abnormal(&r->findings[figures->items[i].finding]) == (abnormal == 1))
                put_figure(r, &figures->items[i], w);
    fab_words_put(w, "</div>\n</section>\n");
}

static void put_origin(const fab_report *r, fab_words *w)
{
    char s[160];
    fab_words_put(w, "<section class=\"origin\">\n");
    put_heading(r, w, "Origin of this report", "报告来源");
    fab_words_put(w, "<dl>\n");
    put_row(r, w, "Model", "模型", r->model->id);
    put_row(r, w, "Model SHA-256", "模型 SHA-256", r->model->sha256);
    put_row(r, w, "Input SHA-256", "输入 SHA-256", r->input_sha256);
    put_row(r, w, "Software", "软件", r->opts.software);
    if (r->gate.distance >= 0)
        snprintf(s, sizeof s, "%s (%.2f, limit %.2f)", fab_gate_code(r->gate.reason),
                 (double)r->gate.distance, (double)r->gate.limit);
    else snprintf(s, sizeof s, "%s", fab_gate_code(r->gate.reason));
    put_row(r, w, "Input gate", "输入检查", s);
    snprintf(s, sizeof s, "%.1f s", r->seconds);
    put_row(r, w, "Computed in", "计算用时", s);
    fab_words_put(w, "</dl>\n</section>\n");
}

bool fab_report_html(const fab_report *r, const fab_figures *figures, fab_words *w, fab_err *err)
{
    put_head(r, w);
    fab_words_put(w, "<main>\n<div class=\"cols\">\n<div class=\"left\">\n<figure class=\"main\">");
    put_img(w, &figures->items[0], "image");
    fab_words_put(w, "</figure>\n");
    put_facts(r, w);
    fab_words_put(w, "</div>\n<div class=\"right\">\n");
    put_section(r, w, "impression", "Impression", "印象");
    put_history(r, w);
    put_section(r, w, "study", "Study", "检查");
    put_section(r, w, "findings", "Findings", "所见");
    put_section(r, w, "limits", "Limits", "局限");
    fab_words_put(w, "</div>\n</div>\n");
    put_table(r, w);
    put_figures(r, figures, w);
    put_origin(r, w);
    fab_words_put(w, "</main>\n<footer class=\"mark\">");
    put_both(r, w, FAB_MARK_EN, FAB_MARK_ZH);
    fab_words_put(w, "</footer>\n</div>\n</body>\n</html>\n");
    return w->failed ? fab_fail(err, FAB_ENOMEM, "out of memory while writing the page") : true;
}
