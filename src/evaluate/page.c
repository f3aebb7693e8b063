/* page: the frame of a page, and what each verb shows in it. See page.h. */
#include "evaluate/page.h"
#include "evaluate/numbers.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "base/file.h"

enum { MOST_POINTS = 512 };

static const char css[] =
    ":root{color-scheme:light}*{box-sizing:border-box}"
    "body{margin:0;background:#eef1f4;color:#1b2733;font:15px/1.5 system-ui,'Noto Sans',"
    "'Noto Sans CJK SC','PingFang SC','Microsoft YaHei',sans-serif}"
    ".page{max-width:980px;margin:0 auto;padding:28px 22px 60px}"
    "header h1{font-size:26px;margin:0 0 2px;font-weight:650}"
    "header p{margin:0;color:#5a6b7b;overflow-wrap:anywhere}"
    ".mark{font-size:12.5px;color:#7a4a10;background:#fdf1dc;border:1px solid #f0d9ae;"
    "border-radius:6px;padding:5px 10px;margin-bottom:18px}"
    "section{background:#fff;border:1px solid #dde3e9;border-radius:10px;padding:16px 20px 18px;"
    "margin-top:16px}h2{font-size:17px;margin:0 0 10px;font-weight:620}"
    "span[lang=zh]{color:#5a6b7b;font-weight:450;margin-left:.25em}"
    ".tiles{display:grid;grid-template-columns:repeat(auto-fit,minmax(150px,1fr));gap:10px}"
    ".tiles div{background:#f6f8fa;border:1px solid #e3e8ed;border-radius:8px;padding:9px 12px}"
    ".tiles p{margin:0;font-size:12.5px;color:#45566a}.tiles b{font-size:23px;font-weight:640;"
    "display:block;line-height:1.3}.tiles small{color:#5a6b7b}"
    ".tiles span{display:block;margin:0 !important}.forest th text{font-weight:400}"
    ".note{color:#45566a;font-size:13.5px;margin:10px 0 0}.note span{display:block;margin:0}"
    "table{border-collapse:collapse;width:100%;font-size:14px;margin:4px 0 14px}"
    "th{text-align:left;font-weight:600;color:#45566a;font-size:12.5px;border-bottom:1px solid "
    "#cfd8e0;padding:4px 8px 4px 0;vertical-align:bottom}"
    "td{padding:4px 8px 4px 0;border-bottom:1px solid #eef1f4;overflow-wrap:anywhere}"
    ".num{text-align:right;font-variant-numeric:tabular-nums;white-space:nowrap}"
    ".forest td.plot,.forest th.plot{width:330px;padding:0 8px}.forest "
    "svg{display:block;width:100%}"
    ".plots{display:grid;grid-template-columns:repeat(auto-fit,minmax(320px,1fr));gap:14px}"
    "figure{margin:0}figure svg{width:100%;max-width:440px;display:block;margin:0 auto}"
    "figcaption{font-size:12.5px;color:#45566a;text-align:center}"
    ".grid{stroke:#e3e8ed;fill:none}.tick{font-size:11px;fill:#5a6b7b}.axis{font-size:12.5px;"
    "fill:#1b2733}.key{font-size:12px;fill:#1b2733}.diagonal{stroke:#9aa8b5;stroke-dasharray:5 4;"
    "fill:none}.line{fill:none;stroke-width:2;stroke-linejoin:round}.whisker{stroke:#1f5fa8;"
    "stroke-width:2;fill:none;opacity:.55}.dot{fill:#1f5fa8}.bar{fill:#c9d9ea}"
    ".confusion{width:auto}.confusion td{text-align:center;padding:9px 16px;border:2px solid #fff;"
    "border-radius:6px}.confusion small{display:block;font-size:11.5px}.confusion th{padding:6px "
    "10px}.good{color:#1d7044}.bad{color:#a8323e}"
    "@media print{body{background:#fff}section{break-inside:avoid;border-color:#bbb}}";

#define num  fab_number_get
#define item fab_number_item

static const char *str(const json_t *o, const char *key)
{
    const char *s = json_string_value(json_object_get(o, key));
    return s ? s : "";
}

static fab_tile tile(const json_t *v, const char *key, const char *en, const char *zh)
{
    const json_t *ci = json_object_get(v, "interval");
    return (fab_tile){ en, zh, num(v, key), item(ci, key, 0), item(ci, key, 1), NULL };
}

static fab_tile plain(const json_t *v, const char *key, const char *en, const char *zh,
                      const char *format)
{
    fab_tile t = tile(v, key, en, zh);
    t.format = format;
    return t;
}

/* ---- pieces that several verbs show ------------------------------------------------------------ */

static void abstention(FILE *f, const json_t *a)
{
    double xy[2 * 64];
    int n = 0;
    size_t i;
    json_t *at;
    if (!a) return;
    fab_plot_begin(f, "share answered", "作答比例", "score of these", "其中得分");
    json_array_foreach(json_object_get(a, "curve"), i, at)
    {
        if (n >= 64) break;
        xy[2 * n] = num(at, "coverage");
        xy[2 * n++ + 1] = num(at, "score");
    }
    fab_plot_line(f, xy, n, 0);
    for (i = 0; i < (size_t)n; i++) fab_plot_point(f, xy[2 * i], xy[2 * i + 1], NAN, NAN, 2.5);
    fab_plot_end(f, "Risk and coverage: only the surest are answered · 只回答最有把握的部分");
}

static void table_of(FILE *f, const json_t *rows, const char *en, const char *zh, const char *value)
{
    const char *name;
    json_t *row;
    if (!json_object_size(rows)) return;
    fab_page_forest_begin(f, en, zh);
    json_object_foreach((json_t *)(uintptr_t)rows, name, row)
        fab_page_forest_row(f, name, num(row, "n"), num(row, value), item(row, "interval", 0),
                            item(row, "interval", 1));
    fab_page_forest_end(f);
}

/* ---- eval vqa ---------------------------------------------------------------------------------- */

static const struct {
    const char *key, *en, *zh;
} views[] = { { "question_only", "question only (baseline without picture)",
                "仅看问题（无图基线）" },
              { "blank_image", "blank image", "空白图像" },
              { "shuffled_image", "another record's image", "换成别的图像" },
              { "mirrored_image", "mirrored image", "左右镜像" } };

static void vqa_honesty(FILE *f, const json_t *v)
{
    const json_t *ci = json_object_get(v, "interval"), *all = json_object_get(v, "survives");
    char label[160];
    fab_page_section(f, "Does it look at the picture?", "它真的在看图吗？");
    fab_page_forest_begin(f, "what it was shown", "给它看什么");
    fab_page_forest_row(f, "the picture · 原图", num(v, "n"), num(v, "overall"),
                        item(ci, "overall", 0), item(ci, "overall", 1));
    for (size_t i = 0; i < sizeof views / sizeof *views; i++) {
        const json_t *o = json_object_get(v, views[i].key), *c = json_object_get(o, "interval");
        if (!o) continue;
        snprintf(label, sizeof label, "%s · %s", views[i].en, views[i].zh);
        fab_page_forest_row(f, label, num(o, "n"), num(o, "overall"), item(c, "overall", 0),
                            item(c, "overall", 1));
    }
    fab_page_forest_end(f);
    fputs("<table><tr><th>view · 条件</th><th class=\"num\">share of the score that survives · "
          "保留的得分</th><th class=\"num\">points lost · 损失</th><th "
          "class=\"num\">p</th></tr>\n",
          f);
    for (size_t i = 0; i < sizeof views / sizeof *views; i++) {
        const json_t *o = json_object_get(all, views[i].key);
        if (!o) continue;
        fputs("<tr><td>", f);
        fab_page_text(f, views[i].en);
        fprintf(f, " · %s", views[i].zh);
        fprintf(f,
                "</td><td class=\"num\"><b>%.1f %%</b> (%.1f – %.1f)</td><td class=\"num\">%.1f "
                "(%.1f – %.1f)</td><td class=\"num\">%.2g</td></tr>\n",
                100 * num(o, "share"), 100 * item(o, "interval", 0), 100 * item(o, "interval", 1),
                100 * num(o, "gain"), 100 * item(o, "gain_interval", 0),
                100 * item(o, "gain_interval", 1), num(o, "p"));
    }
    fputs("</table>\n", f);
    fab_page_note(
        f,
        "A model that reads the picture loses much of its score when the picture is taken "
        "away or exchanged. What survives was guessed from the question.",
        "真正看图的模型，在图像被拿走或调换后得分会明显下降；保留下来的部分是靠问题猜出来的。");
    fab_page_end(f);
}

static void page_vqa(FILE *f, const json_t *v)
{
    const fab_tile tiles[] = { plain(v, "n", "questions", "问题数", "%.0f"),
                               tile(v, "overall", "overall", "总分"),
                               tile(v, "open", "open questions", "开放题"),
                               tile(v, "closed", "closed questions", "封闭题") };
    fab_page_section(f, "Answers", "回答");
    fab_page_tiles(f, tiles, 4);
    fputs("<p class=\"note\">", f);
    fab_page_text(f, str(v, "protocol"));
    fputs(": ", f);
    fab_page_text(f, str(v, "counts"));
    fputs("</p>\n", f);
    fab_page_end(f);
    vqa_honesty(f, v);
    fab_page_section(f, "Where it is good, where it is not", "强项与弱项");
    table_of(f, json_object_get(v, "by_lang"), "language", "语言", "overall");
    table_of(f, json_object_get(v, "by_question_type"), "question type", "问题类型", "overall");
    table_of(f, json_object_get(v, "by_organ"), "organ", "器官", "overall");
    table_of(f, json_object_get(v, "by_modality"), "modality", "成像方式", "overall");
    fab_page_end(f);
    fab_page_section(f, "When it may keep silent", "允许它弃答时");
    fputs("<div class=\"plots\">", f);
    abstention(f, json_object_get(v, "abstention"));
    fputs("</div>", f);
    fab_page_end(f);
}

/* ---- eval classify ----------------------------------------------------------------------------- */

static void roc_curves(FILE *f, const json_t *per)
{
    const char *name;
    json_t *one;
    int row = 0;
    static double xy[2 * MOST_POINTS];
    fab_plot_begin(f, "1 - specificity", "1 - 特异度", "sensitivity", "灵敏度");
    fab_plot_diagonal(f);
    json_object_foreach((json_t *)(uintptr_t)per, name, one)
    {
        const json_t *curve = json_object_get(one, "roc");
        int n = (int)json_array_size(curve);
        char key[120];
        if (!n || n > MOST_POINTS || row >= 6) continue;
        for (int i = 0; i < n; i++)
            for (int k = 0; k < 2; k++)
                xy[2 * i + k] =
                    json_number_value(json_array_get(json_array_get(curve, (size_t)i), (size_t)k));
        fab_plot_line(f, xy, n, row);
        snprintf(key, sizeof key, "%.60s %.3f", name, num(one, "auc"));
        fab_plot_legend(f, row, row, key);
        row++;
    }
    fab_plot_end(f, "ROC, one class against the rest, with its area · ROC 曲线与曲线下面积");
}

static void class_rows(FILE *f, const json_t *per)
{
    const char *name;
    json_t *one, *at;
    size_t i;
    fputs("<table><tr><th>class · 类别</th><th class=\"num\">n</th><th "
          "class=\"num\">precision · 精确率</th><th class=\"num\">recall · 召回率</th><th "
          "class=\"num\">F1</th><th class=\"num\">sensitivity at specificity · "
          "固定特异度下的灵敏度</th></tr>\n",
          f);
    json_object_foreach((json_t *)(uintptr_t)per, name, one)
    {
        fputs("<tr><td>", f);
        fab_page_text(f, name);
        fprintf(f, "</td><td class=\"num\">%.0f</td>", num(one, "n"));
        static const char *const keys[] = { "precision", "recall", "f1" };
        for (i = 0; i < 3; i++)
            if (isnan(num(one, keys[i]))) fputs("<td class=\"num\">–</td>", f);
            else fprintf(f, "<td class=\"num\">%.3f</td>", num(one, keys[i]));
        fputs("<td class=\"num\">", f);
        json_array_foreach(json_object_get(one, "sensitivity_at"), i, at)
            fprintf(f, "%s<b>%.2f</b> (%.2f – %.2f) @ %.2f", i ? "<br>" : "",
                    num(at, "sensitivity"), item(at, "interval", 0), item(at, "interval", 1),
                    num(at, "at"));
        fputs("</td></tr>\n", f);
    }
    fputs("</table>\n", f);
}

static void auc_rows(FILE *f, const json_t *per)
{
    const char *name;
    json_t *one;
    fab_page_forest_begin(f, "area under the ROC curve", "曲线下面积");
    json_object_foreach((json_t *)(uintptr_t)per, name, one)
        fab_page_forest_row(f, name, num(one, "n"), num(one, "auc"), item(one, "auc_interval", 0),
                            item(one, "auc_interval", 1));
    fab_page_forest_end(f);
}

static void subgroups(FILE *f, const json_t *v)
{
    const char *field;
    json_t *one, *all = json_object_get(v, "subgroups");
    if (!json_object_size(all)) return;
    fab_page_section(f, "Subgroups", "亚组");
    json_object_foreach(all, field, one)
    {
        const json_t *gap = json_object_get(one, "gap");
        table_of(f, json_object_get(one, "rows"), field, "准确率", "accuracy");
        if (!gap) continue;
        bool real = num(gap, "p_holm") < 0.05;
        fprintf(f, "<p class=\"note %s\">gap · 差距 %.1f (%.1f – %.1f), ", real ? "bad" : "good",
                100 * num(gap, "accuracy"), 100 * item(gap, "interval", 0),
                100 * item(gap, "interval", 1));
        fab_page_text(f, str(gap, "best"));
        fputs(" – ", f);
        fab_page_text(f, str(gap, "worst"));
        fprintf(f, ": p = %.2g %s</p>\n", num(gap, "p_holm"),
                real ? "more than chance · 超出偶然"
                     : "not more than chance would give · 未超出偶然");
    }
    fab_page_end(f);
}

static void page_classify(FILE *f, const json_t *v)
{
    const json_t *c = json_object_get(v, "calibration"), *per = json_object_get(v, "per_class");
    const fab_tile tiles[] = { plain(v, "n", "records", "记录数", "%.0f"),
                               tile(v, "accuracy", "accuracy", "准确率"),
                               tile(v, "balanced_accuracy", "balanced accuracy", "平衡准确率"),
                               plain(v, "macro_f1", "macro F1", "宏 F1", "%.3f"),
                               plain(v, "auc", "AUC, mean of classes", "平均 AUC", "%.3f"),
                               plain(v, "kappa", "kappa", "Kappa", "%.3f"),
                               plain(c, "ece", "calibration error", "校准误差", "%.3f") };
    fab_page_section(f, "Classes told apart", "分类表现");
    fab_page_tiles(f, tiles, c ? 7 : 6);
    fab_page_end(f);
    fab_page_section(f, "Each class against the rest", "逐类表现");
    fputs("<div class=\"plots\">\n", f);
    roc_curves(f, per);
    fputs("<div>\n", f);
    fab_plot_confusion(f, json_object_get(v, "confusion"), json_object_get(v, "classes"));
    fputs("</div></div>\n", f);
    auc_rows(f, per);
    class_rows(f, per);
    fab_page_note(f,
                  "Thresholds were chosen on these same records; on new ones sensitivity and "
                  "specificity will differ.",
                  "阈值取自同一批记录；用于新数据时灵敏度与特异度会有出入。");
    fab_page_end(f);
    subgroups(f, v);
}

/* ---- eval calibration -------------------------------------------------------------------------- */

static void reliability(FILE *f, const json_t *bins, const char *title)
{
    size_t i;
    json_t *b;
    double most = 1;
    json_array_foreach(bins, i, b) most = fmax(most, num(b, "n"));
    fab_plot_begin(f, "probability said", "给出的概率", "how often right", "实际正确率");
    json_array_foreach(bins, i, b)
        fab_plot_bar(f, num(b, "from"), num(b, "to"), 0.2 * num(b, "n") / most);
    fab_plot_diagonal(f);
    json_array_foreach(bins, i, b)
        fab_plot_point(f, num(b, "confidence"), num(b, "accuracy"), item(b, "interval", 0),
                       item(b, "interval", 1), 4);
    fab_plot_end(f, title);
}

static void page_calibration(FILE *f, const json_t *v)
{
    const json_t *a = json_object_get(v, "abstention"), *at = json_object_get(a, "coverage_at");
    const char *name;
    json_t *one, *per = json_object_get(v, "per_class");
    const fab_tile tiles[] = { plain(v, "n", "records", "记录数", "%.0f"),
                               tile(v, "accuracy", "accuracy", "准确率"),
                               plain(v, "ece", "calibration error (ECE)", "校准误差", "%.3f"),
                               plain(v, "brier", "Brier score", "Brier 分数", "%.3f"),
                               plain(v, "overconfidence", "overconfidence", "过度自信", "%.3f"),
                               plain(at, "0.9", "answered at 90 % right", "九成正确时可答", NULL) };
    fab_page_section(f, "Do probabilities mean what they say?", "概率可信吗？");
    fab_page_tiles(f, tiles, 6);
    fputs("<br><div class=\"plots\">\n", f);
    reliability(f, json_object_get(v, "bins"),
                "Reliability; bars: how many records · 可靠性曲线；柱：记录数");
    abstention(f, a);
    fputs("</div>\n", f);
    fab_page_note(f,
                  "Points on the broken line mean what they say; below it the model is too sure.",
                  "落在虚线上表示概率可信；低于虚线表示过度自信。");
    fab_page_end(f);
    if (!json_object_size(per)) return;
    fab_page_section(f, "Each class", "逐类");
    fputs("<div class=\"plots\">\n", f);
    json_object_foreach(per, name, one)
    {
        char title[160];
        if (!json_object_get(one, "bins")) continue;
        snprintf(title, sizeof title, "%.80s: ECE %.3f, Brier %.3f", name, num(one, "ece"),
                 num(one, "brier"));
        reliability(f, json_object_get(one, "bins"), title);
    }
    fputs("</div>\n", f);
    fab_page_end(f);
}

/* ---- any other --------------------------------------------------------------------------------- */

static void rows_of(FILE *f, const json_t *v, int depth)
{
    const char *key;
    json_t *x;
    json_object_foreach((json_t *)(uintptr_t)v, key, x)
    {
        fprintf(f, "<tr><td style=\"padding-left:%dpx\">", 18 * depth);
        fab_page_text(f, key);
        fputs("</td><td class=\"num\">", f);
        if (json_is_string(x)) fab_page_text(f, json_string_value(x));
        else if (json_is_boolean(x)) fputs(json_is_true(x) ? "yes · 是" : "no · 否", f);
        else if (json_is_integer(x)) fprintf(f, "%lld", (long long)json_integer_value(x));
        else if (json_is_real(x)) fprintf(f, "%.4g", json_real_value(x));
        else if (json_is_array(x) && json_array_size(x) == 2 &&
                 json_is_number(json_array_get(x, 0)))
            fprintf(f, "%.4g – %.4g", json_number_value(json_array_get(x, 0)),
                    json_number_value(json_array_get(x, 1)));
        fputs("</td></tr>\n", f);
        if (json_is_object(x) && depth < 4) rows_of(f, x, depth + 1);
    }
}

static void page_any(FILE *f, const json_t *v)
{
    fab_page_section(f, "Figures", "数值");
    fputs("<table>\n", f);
    rows_of(f, v, 0);
    fputs("</table>\n", f);
    fab_page_end(f);
}

static const struct {
    const char *kind, *en, *zh;
    void (*body)(FILE *f, const json_t *v);
} pages[] = {
    { "vqa", "Questions about images", "图像问答评估", page_vqa },
    { "classify", "Classification", "分类评估", page_classify },
    { "calibration", "Calibration", "校准评估", page_calibration },
    { "ab", "Comparison", "对比评估", fab_page_ab },
    { "retrieval", "Retrieval", "检索评估", fab_page_retrieval },
    { "caption", "Captions", "描述评估", fab_page_caption },
    { "report", "Reports", "报告评估", fab_page_report },
};

static void frame(FILE *f, const char *kind, const char *about, const json_t *v)
{
    size_t i = 0, n = sizeof pages / sizeof *pages;
    while (i < n && strcmp(pages[i].kind, kind) != 0) i++;
    const char *en = i < n ? pages[i].en : kind, *zh = i < n ? pages[i].zh : "评估";
    fprintf(f,
            "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n<meta "
            "name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<meta "
            "http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src "
            "'unsafe-inline'\">\n<title>fabrica eval %s</title>\n<style>%s</style>\n</head>\n"
            "<body>\n<div class=\"page\">\n<div class=\"mark\">Research use only, not for clinical "
            "decisions. · 仅供研究，不得用于临床决策。</div>\n<header><h1>%s <span "
            "lang=\"zh\">%s</span></h1>\n<p>",
            kind, css, en, zh);
    fab_page_text(f, about);
    fputs("</p></header>\n", f);
    (i < n ? pages[i].body : page_any)(f, v);
    fputs("<p class=\"note\"><span>Numbers in brackets and whiskers: 95 % interval.</span><span "
          "lang=\"zh\">括号与线段为 95% 区间。</span></p>\n</div>\n</body>\n</html>\n",
          f);
}

bool fab_page_write(const char *path, const char *kind, const char *about, const json_t *v,
                    fab_err *err)
{
    fab_out out;
    if (!fab_out_open(&out, path, err)) return false;
    frame(out.stream, kind, about, v);
    bool ok = fab_out_commit(&out, err);
    fab_out_abort(&out);
    return ok;
}
