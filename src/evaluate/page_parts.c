/* page_parts: text, tiles, forest plots. See page.h. */
#include <math.h>
#include <string.h>
#include "evaluate/page.h"

void fab_page_text(FILE *f, const char *s)
{
    for (; s && *s; s++) {
        if (*s == '&') fputs("&amp;", f);
        else if (*s == '<') fputs("&lt;", f);
        else if (*s == '>') fputs("&gt;", f);
        else if (*s == '"') fputs("&quot;", f);
        else fputc(*s, f);
    }
}

static void both(FILE *f, const char *en, const char *zh)
{
    fputs("<span lang=\"en\">", f);
    fab_page_text(f, en);
    fputs("</span> <span lang=\"zh\">", f);
    fab_page_text(f, zh);
    fputs("</span>", f);
}

void fab_page_section(FILE *f, const char *en, const char *zh)
{
    fputs("<section>\n<h2>", f);
    both(f, en, zh);
    fputs("</h2>\n", f);
}

void fab_page_end(FILE *f) { fputs("</section>\n", f); }

void fab_page_note(FILE *f, const char *en, const char *zh)
{
    fputs("<p class=\"note\">", f);
    both(f, en, zh);
    fputs("</p>\n", f);
}

/* "12.3 %" or by format; a dash for NaN. */
static void value(FILE *f, double v, const char *format)
{
    char s[40];
    if (!isfinite(v)) {
        fputs("–", f);
        return;
    }
    if (!format) snprintf(s, sizeof s, "%.1f %%", 100 * v);
    else if (!strcmp(format, "%.0f")) snprintf(s, sizeof s, "%.0f", v);
    else if (!strcmp(format, "%.2f")) snprintf(s, sizeof s, "%.2f", v);
    else snprintf(s, sizeof s, v > 0 && v < 0.0005 ? "&lt; 0.001" : "%.3f", v);
    fputs(s, f);
}

void fab_page_tiles(FILE *f, const fab_tile *tiles, int n)
{
    fputs("<div class=\"tiles\">\n", f);
    for (int i = 0; i < n; i++) {
        fputs("<div><p>", f);
        both(f, tiles[i].en, tiles[i].zh);
        fputs("</p><b>", f);
        value(f, tiles[i].value, tiles[i].format);
        fputs("</b>", f);
        if (isfinite(tiles[i].low) && isfinite(tiles[i].high)) {
            fputs("<small>", f);
            value(f, tiles[i].low, tiles[i].format);
            fputs(" – ", f);
            value(f, tiles[i].high, tiles[i].format);
            fputs("</small>", f);
        }
        fputs("</div>\n", f);
    }
    fputs("</div>\n", f);
}

/* ---- forest ------------------------------------------------------------------------------------ */

void fab_page_forest_begin(FILE *f, const char *en, const char *zh)
{
    fputs("<table class=\"forest\"><tr><th>", f);
    both(f, en, zh);
    fputs("</th><th class=\"num\">n</th><th class=\"plot\"><svg viewBox=\"0 0 320 16\">", f);
    for (int i = 0; i <= 4; i++)
        fprintf(f, "<text class=\"tick\" x=\"%d\" y=\"12\" text-anchor=\"%s\">%d %%</text>",
                i == 0   ? 2
                : i == 4 ? 318
                         : 10 + 75 * i,
                i == 0   ? "start"
                : i == 4 ? "end"
                         : "middle",
                25 * i);
    fputs("</svg></th><th class=\"num\">%</th><th class=\"num\">95 %</th></tr>\n", f);
}

void fab_page_forest_row(FILE *f, const char *label, double n, double v, double low, double high)
{
    fputs("<tr><td>", f);
    fab_page_text(f, label);
    fputs("</td><td class=\"num\">", f);
    value(f, n, "%.0f");
    fputs("</td><td class=\"plot\"><svg viewBox=\"0 0 320 18\"><path class=\"grid\" d=\"M10 "
          "0v18M85 0v18M160 0v18M235 0v18M310 0v18\"/>",
          f);
    if (isfinite(low) && isfinite(high))
        fprintf(f, "<path class=\"whisker\" d=\"M%.1f 9H%.1f\"/>", 10 + 300 * fmax(0, low),
                10 + 300 * fmin(1, high));
    if (isfinite(v))
        fprintf(f, "<circle class=\"dot\" cx=\"%.1f\" cy=\"9\" r=\"4.5\"/>",
                10 + 300 * fmin(1, fmax(0, v)));
    fputs("</svg></td><td class=\"num\"><b>", f);
    if (isfinite(v)) fprintf(f, "%.1f", 100 * v);
    fputs("</b></td><td class=\"num\">", f);
    if (isfinite(low) && isfinite(high)) fprintf(f, "%.1f – %.1f", 100 * low, 100 * high);
    fputs("</td></tr>\n", f);
}

void fab_page_forest_end(FILE *f) { fputs("</table>\n", f); }
