/* page_trials: the pages of "eval ab", "eval retrieval" and "eval caption". See page.h. */
#include <math.h>
#include <stdint.h>
#include <string.h>
#include "evaluate/numbers.h"
#include "evaluate/page.h"

#define num  fab_number_get
#define item fab_number_item

static const char *str(const json_t *o, const char *key)
{
    const char *s = json_string_value(json_object_get(o, key));
    return s ? s : "";
}

static fab_tile tile(const char *en, const char *zh, double v, double low, double high,
                     const char *format)
{
    return (fab_tile){ en, zh, v, low, high, format };
}

/* ---- eval ab: outcomes ------------------------------------------------------------------------- */

/* The difference and its always-valid interval, day by day; y from -m to m. */
static void trend(FILE *f, const json_t *days)
{
    enum { W = 900, H = 260, L = 56, R = 14, T = 12, B = 34 };
    size_t n = json_array_size(days), i;
    double m = 0.05;
    json_t *d;
    json_array_foreach(days, i, d) if (n < 4 || i >= n / 4) m =
        fmax(m, fmax(-item(d, "interval", 0), item(d, "interval", 1)));
    m = fmin(1, ceil(m * 20) / 20);
    if (n < 2) return;
    fprintf(f, "<figure><svg viewBox=\"0 0 %d %d\" style=\"max-width:none\">\n", W, H);
    for (int k = -2; k <= 2; k++) {
        double y = T + (H - T - B) * (0.5 - k / 4.0);
        fprintf(f,
                "<path class=\"%s\" d=\"M%d %.1fH%d\"/><text class=\"tick\" x=\"%d\" y=\"%.1f\" "
                "text-anchor=\"end\">%+.3g</text>\n",
                k ? "grid" : "diagonal", L, y, W - R, L - 6, y + 4, m * k / 2);
    }
    json_array_foreach(days, i, d)
    {
        double x = L + (W - L - R) * ((double)i + 0.5) / (double)n, v[3];
        v[0] = num(d, "difference"), v[1] = item(d, "interval", 0), v[2] = item(d, "interval", 1);
        for (int k = 0; k < 3; k++)
            v[k] = T + (H - T - B) * (0.5 - 0.5 * fmax(-1, fmin(1, v[k] / m)));
        fprintf(f,
                "<path class=\"whisker\" d=\"M%.1f %.1fV%.1f\"/><circle class=\"dot\" cx=\"%.1f\" "
                "cy=\"%.1f\" r=\"4\"/>\n",
                x, v[1], v[2], x, v[0]);
        if (n <= 16 || i % (n / 8) == 0) {
            fprintf(f, "<text class=\"tick\" x=\"%.1f\" y=\"%d\" text-anchor=\"middle\">", x,
                    H - 12);
            fab_page_text(f, n > 8 ? str(d, "day") + (strlen(str(d, "day")) > 5 ? 5 : 0)
                                   : str(d, "day"));
            fputs("</text>\n", f);
        }
    }
    fab_plot_end(f, "Difference at each day's end; the intervals hold at all looks together · "
                    "每日累计差异；区间对所有查看同时有效");
}

static void planned(FILE *f, const json_t *looks)
{
    size_t i;
    json_t *k;
    if (!json_array_size(looks)) return;
    fputs("<table><tr><th>planned look at · 计划查看</th><th class=\"num\">|z|</th><th "
          "class=\"num\">bound · 界值</th><th></th></tr>\n",
          f);
    json_array_foreach(looks, i, k)
        fprintf(f,
                "<tr><td>%.0f</td><td class=\"num\">%.3f</td><td class=\"num\">%.3f</td><td>%s</td>"
                "</tr>\n",
                num(k, "n"), fabs(num(k, "z")), num(k, "bound"),
                json_is_true(json_object_get(k, "crossed")) ? "crossed · 已越界" : "");
    fputs("</table>\n", f);
}

static void outcomes(FILE *f, const json_t *v)
{
    const json_t *a = json_object_get(v, "always_valid"), *plan = json_object_get(v, "plan");
    const char *name;
    json_t *arm;
    const fab_tile tiles[] = {
        tile("cases", "病例数", num(v, "n"), NAN, NAN, "%.0f"),
        tile("difference", "差异", num(v, "difference"), item(a, "interval", 0),
             item(a, "interval", 1), NULL),
        tile("p, valid at every look", "p 值（随时有效）", num(a, "p"), NAN, NAN, "%.3f"),
        tile("planned cases an arm", "每组计划例数", num(plan, "per_arm"), NAN, NAN, "%.0f")
    };
    fab_page_section(f, str(v, "verdict"),
                     json_is_null(json_object_get(v, "decided_at")) ? "尚未显示差异"
                                                                    : "已显示差异");
    fab_page_tiles(f, tiles, 4);
    fab_page_forest_begin(f, "version", "版本");
    json_object_foreach(json_object_get(v, "arms"), name, arm)
        fab_page_forest_row(f, name, num(arm, "n"), num(arm, "mean"), item(arm, "interval", 0),
                            item(arm, "interval", 1));
    fab_page_forest_end(f);
    trend(f, json_object_get(v, "days"));
    planned(f, json_object_get(v, "planned_looks"));
    if (num(v, "ratio_p") < 0.001)
        fab_page_note(f, "The arms' numbers do not fit their shares: check the assignment.",
                      "两组例数与分配比例不符：请检查分组。");
    fab_page_note(f,
                  "This test may be looked at every day: equal versions are called different in at "
                  "most the stated share of trials, however often one looks.",
                  "本检验可每日查看：无论查看多少次，误判率都不超过设定值。");
    fab_page_end(f);
}

/* ---- eval ab: preferences, paired -------------------------------------------------------------- */

static void rating(FILE *f, const json_t *o)
{
    double at[3] = { num(o, "rating"), item(o, "interval", 0), item(o, "interval", 1) }, x[3];
    for (int i = 0; i < 3; i++) x[i] = 10 + 200 * fmin(1, fmax(0, (at[i] - 1100) / 800));
    fprintf(f, "<td style=\"width:230px\"><svg width=\"220\" height=\"18\"><path class=\"grid\" "
               "d=\"M110 0v18\"/>");
    if (isfinite(x[1]) && isfinite(x[2]))
        fprintf(f, "<path class=\"whisker\" d=\"M%.1f 9H%.1f\"/>", x[1], x[2]);
    fprintf(f,
            "<circle class=\"dot\" cx=\"%.1f\" cy=\"9\" r=\"4.5\"/></svg></td><td "
            "class=\"num\"><b>%.0f</b> (%.0f – %.0f)</td>",
            x[0], at[0], at[1], at[2]);
}

static void preferences(FILE *f, const json_t *v)
{
    const json_t *g = json_object_get(v, "agreement");
    const char *name;
    json_t *o;
    const fab_tile tiles[] = {
        tile("judgements", "评判数", num(v, "n"), NAN, NAN, "%.0f"),
        tile("readers", "评判者", num(v, "readers"), NAN, NAN, "%.0f"),
        tile("agreement (kappa)", "一致性 Kappa", num(g, "kappa"), NAN, NAN, "%.3f"),
        tile("sign test p", "符号检验 p", num(v, "sign_p"), NAN, NAN, "%.3f")
    };
    fab_page_section(f, "What readers prefer", "评判者的偏好");
    fab_page_tiles(f, tiles, 4);
    fputs(
        "<table><tr><th>version · 版本</th><th class=\"num\">won · 胜</th><th class=\"num\">lost · "
        "负</th><th class=\"num\">alike · 平</th><th colspan=\"2\">Bradley-Terry</th><th "
        "class=\"num\">Elo</th></tr>\n",
        f);
    json_object_foreach(json_object_get(v, "versions"), name, o)
    {
        fputs("<tr><td>", f);
        fab_page_text(f, name);
        fprintf(f,
                "</td><td class=\"num\">%.0f</td><td class=\"num\">%.0f</td><td "
                "class=\"num\">%.0f</td>",
                num(o, "wins"), num(o, "losses"), num(o, "ties"));
        rating(f, json_object_get(o, "bradley_terry"));
        fprintf(f, "<td class=\"num\">%.0f</td></tr>\n", num(json_object_get(o, "elo"), "rating"));
    }
    fputs("</table>\n", f);
    fab_page_note(f, "Ratings start at 1500; 100 points more win 64 % of judgements.",
                  "评分以 1500 为起点；高出 100 分约对应 64% 的胜率。");
    fab_page_end(f);
}

static void paired(FILE *f, const json_t *v)
{
    const json_t *m = json_object_get(v, "mcnemar");
    const fab_tile tiles[] = { tile("records", "记录数", num(v, "n"), NAN, NAN, "%.0f"),
                               tile("b less a", "b 减 a", num(v, "difference"),
                                    item(v, "interval", 0), item(v, "interval", 1), NULL),
                               tile("randomisation p", "随机化检验 p", num(v, "randomisation_p"),
                                    NAN, NAN, "%.3f"),
                               tile("McNemar p", "McNemar p", num(m, "p"), NAN, NAN, "%.3f") };
    fab_page_section(f, "Two systems on the same records", "同一批记录上的两个系统");
    fab_page_tiles(f, tiles, 4);
    fab_page_forest_begin(f, "system", "系统");
    fab_page_forest_row(f, "a", num(v, "n"), num(v, "a"), item(v, "a_interval", 0),
                        item(v, "a_interval", 1));
    fab_page_forest_row(f, "b", num(v, "n"), num(v, "b"), item(v, "b_interval", 0),
                        item(v, "b_interval", 1));
    fab_page_forest_end(f);
    fab_page_end(f);
}

void fab_page_ab(FILE *f, const json_t *v)
{
    const char *kind = str(v, "kind");
    (!strcmp(kind, "outcomes")      ? outcomes
     : !strcmp(kind, "preferences") ? preferences
                                    : paired)(f, v);
}

/* ---- eval retrieval ---------------------------------------------------------------------------- */

static void direction(FILE *f, const json_t *o, const char *en, const char *zh)
{
    const char *k;
    json_t *at;
    char label[80];
    if (!o) return;
    const fab_tile tiles[] = { tile("queries", "查询数", num(o, "n"), NAN, NAN, "%.0f"),
                               tile("candidates", "候选数", num(o, "candidates"), NAN, NAN, "%.0f"),
                               tile("mean average precision", "平均精度均值", num(o, "map"),
                                    item(o, "map_interval", 0), item(o, "map_interval", 1), "%.3f"),
                               tile("median rank", "中位名次", num(o, "median_rank"), NAN, NAN,
                                    "%.0f") };
    fab_page_section(f, en, zh);
    fab_page_tiles(f, tiles, 4);
    fab_page_forest_begin(f, "found among the first", "前 k 名内找到");
    json_object_foreach(json_object_get(o, "at"), k, at)
    {
        snprintf(label, sizeof label, "%s", k);
        fab_page_forest_row(f, label, num(o, "n"), num(at, "hit"), item(at, "interval", 0),
                            item(at, "interval", 1));
        snprintf(label, sizeof label, "%s, by chance · 随机", k);
        fab_page_forest_row(f, label, NAN, num(at, "random"), NAN, NAN);
    }
    fab_page_forest_end(f);
    fputs("<table><tr><th>k</th><th class=\"num\">hit · 命中</th><th class=\"num\">recall · "
          "召回</th><th class=\"num\">precision · 精确</th><th class=\"num\">by chance · "
          "随机</th><th class=\"num\">fold · 倍数</th></tr>\n",
          f);
    json_object_foreach(json_object_get(o, "at"), k, at) fprintf(
        f,
        "<tr><td>%s</td><td class=\"num\"><b>%.3f</b></td><td class=\"num\">%.3f</td><td "
        "class=\"num\">%.3f</td><td class=\"num\">%.3f</td><td class=\"num\">%.1f×</td></tr>\n",
        k, num(at, "hit"), num(at, "recall"), num(at, "precision"), num(at, "random"),
        num(at, "fold"));
    fputs("</table>\n", f);
    fab_page_end(f);
}

void fab_page_retrieval(FILE *f, const json_t *v)
{
    direction(f, json_object_get(v, "text_to_image"), "A text finds its image", "以文找图");
    direction(f, json_object_get(v, "image_to_text"), "An image finds its text", "以图找文");
    direction(f, json_object_get(v, "rankings"), "Rankings", "排序结果");
}

/* ---- eval caption ------------------------------------------------------------------------------ */

static void cell(FILE *f, const json_t *m)
{
    const char *key = json_object_get(m, "score") ? "score" : "f";
    const json_t *ci = json_object_get(m, "interval");
    double low = item(m, "interval", 0), high = item(m, "interval", 1);
    if (json_is_object(ci)) low = item(ci, "f", 0), high = item(ci, "f", 1);
    if (!m) {
        fputs("<td class=\"num\">–</td>", f);
        return;
    }
    fprintf(f, "<td class=\"num\"><b>%.4g</b>", num(m, key));
    if (isfinite(low)) fprintf(f, " (%.4g – %.4g)", low, high);
    fputs("</td>", f);
}

void fab_page_caption(FILE *f, const json_t *v)
{
    static const char *const views[] = { "blank_image", "shuffled_image" };
    const char *name;
    json_t *m;
    fab_page_section(f, "Captions against references", "图像描述与参考文本");
    fprintf(
        f,
        "<p>n = %.0f</p>\n<table><tr><th>metric · 指标</th><th class=\"num\">captions · "
        "描述</th><th class=\"num\">blank image · 空白图</th><th class=\"num\">of another image · "
        "别图描述</th></tr>\n",
        num(v, "n"));
    json_object_foreach((json_t *)(uintptr_t)v, name, m)
    {
        if (!json_object_get(m, "score") && !json_object_get(m, "f")) continue;
        fputs("<tr><td>", f);
        fab_page_text(f, name);
        fputs("</td>", f);
        cell(f, m);
        for (int k = 0; k < 2; k++) cell(f, json_object_get(json_object_get(v, views[k]), name));
        fputs("</tr>\n", f);
    }
    fputs("</table>\n", f);
    fab_page_note(
        f,
        "What a caption scores without its picture was earned by the wording, not by "
        "looking. BLEU is 0 to 100, CIDEr-D 0 to 10, the others 0 to 1.",
        "没有对应图像也能得到的分数来自措辞而非看图。BLEU 为 0–100，CIDEr-D 为 0–10，其余为 "
        "0–1。");
    fab_page_end(f);
}
