/* The page of eval report: how much is found again, left out, made up and turned round, then each
 * observation. */
#include <math.h>
#include <stdint.h>
#include "evaluate/numbers.h"
#include "evaluate/page.h"

static double bound(const json_t *found, const char *key, size_t i)
{
    const json_t *v = json_array_get(json_object_get(json_object_get(found, "interval"), key), i);
    return json_is_number(v) ? json_number_value(v) : NAN;
}

static fab_tile rate(const json_t *found, const char *key, const char *en, const char *zh)
{
    return (fab_tile){
        en, zh, fab_number_get(found, key), bound(found, key, 0), bound(found, key, 1), NULL
    };
}

static void observations(FILE *f, const json_t *by)
{
    const char *name;
    json_t *o;
    fputs("<table><tr><th>observation · 征象</th><th class=\"num\">reference · 参考</th><th "
          "class=\"num\">found · 命中</th><th class=\"num\">left out · 遗漏</th><th "
          "class=\"num\">made up · 虚构</th><th class=\"num\">F1</th></tr>\n",
          f);
    json_object_foreach((json_t *)(uintptr_t)by, name, o)
    {
        const json_t *k = json_object_get(o, "counts");
        double f1 = fab_number_get(o, "f1");
        fputs("<tr><td>", f);
        fab_page_text(f, name);
        fprintf(f,
                "</td><td class=\"num\">%.0f</td><td class=\"num\">%.0f</td><td "
                "class=\"num\">%.0f</td><td class=\"num\">%.0f</td><td class=\"num\">",
                fab_number_get(k, "ref"), fab_number_get(k, "hit"), fab_number_get(k, "omitted"),
                fab_number_get(k, "made_up"));
        if (isnan(f1)) fputs("–", f);
        else fprintf(f, "%.3f", f1);
        fputs("</td></tr>\n", f);
    }
    fputs("</table>\n", f);
}

void fab_page_report(FILE *f, const json_t *v)
{
    const json_t *found = json_object_get(v, "findings"), *flips = json_object_get(found, "flips"),
                 *c14 = json_object_get(found, "chexpert14");
    const fab_tile tiles[] = {
        rate(found, "f1", "findings F1", "征象 F1"),
        rate(found, "omission", "left out", "遗漏率"),
        rate(found, "hallucination", "made up", "虚构率"),
        rate(found, "placed_f1", "F1 with side", "含侧别 F1"),
    };
    fab_page_section(f, "Findings against references", "报告征象与参考报告");
    fab_page_tiles(f, tiles, sizeof tiles / sizeof *tiles);
    fprintf(
        f,
        "<p>n = %.0f; contradictions · 矛盾: status · 阴阳性 %.0f, side · 侧别 %.0f; CheXpert-14 "
        "F1 micro %.3f, macro %.3f</p>\n",
        fab_number_get(v, "n"), fab_number_get(flips, "status"), fab_number_get(flips, "side"),
        fab_number_get(c14, "micro_f1"), fab_number_get(c14, "macro_f1"));
    observations(f, json_object_get(found, "per_observation"));
    fab_page_note(f,
                  "Both sides were read by rules, which err too: see the labeller's own figures. A "
                  "finding in doubt counts as said.",
                  "两侧文本均由规则读取，规则本身也有误差；存疑的征象按已提及计。");
    fab_page_end(f);
}
