/* page_plot: SVG by hand: a square of 300 units inside margins for the labels. See page.h. */
#include <math.h>
#include "evaluate/page.h"

enum { LEFT = 64, TOP = 14, SIDE = 300, WIDTH = 380, HEIGHT = 372, COLOURS = 6 };

static const char *const colours[COLOURS] = { "#1f5fa8", "#c2571a", "#2c8a57",
                                              "#8a4bb0", "#a8323e", "#6b6b6b" };

static double px(double x) { return LEFT + SIDE * fmin(1, fmax(0, x)); }
static double py(double y) { return TOP + SIDE * (1 - fmin(1, fmax(0, y))); }

void fab_plot_begin(FILE *f, const char *x_en, const char *x_zh, const char *y_en, const char *y_zh)
{
    fprintf(f, "<figure><svg viewBox=\"0 0 %d %d\" role=\"img\">\n", WIDTH, HEIGHT);
    for (int i = 0; i <= 5; i++) {
        double at = 0.2 * i;
        fprintf(f,
                "<path class=\"grid\" d=\"M%.1f %.1fV%.1fM%.1f %.1fH%.1f\"/>"
                "<text class=\"tick\" x=\"%.1f\" y=\"%d\" text-anchor=\"middle\">%.1f</text>"
                "<text class=\"tick\" x=\"%d\" y=\"%.1f\" text-anchor=\"end\">%.1f</text>\n",
                px(at), py(0), py(1), px(0), py(at), px(1), px(at), TOP + SIDE + 16, at, LEFT - 7,
                py(at) + 4, at);
    }
    fprintf(f, "<text class=\"axis\" x=\"%d\" y=\"%d\" text-anchor=\"middle\">", LEFT + SIDE / 2,
            TOP + SIDE + 40);
    fab_page_text(f, x_en);
    fputs(" · ", f);
    fab_page_text(f, x_zh);
    fprintf(f,
            "</text>\n<text class=\"axis\" transform=\"translate(18 %d) rotate(-90)\" "
            "text-anchor=\"middle\">",
            TOP + SIDE / 2);
    fab_page_text(f, y_en);
    fputs(" · ", f);
    fab_page_text(f, y_zh);
    fputs("</text>\n", f);
}

void fab_plot_diagonal(FILE *f)
{
    fprintf(f, "<path class=\"diagonal\" d=\"M%.1f %.1fL%.1f %.1f\"/>\n", px(0), py(0), px(1),
            py(1));
}

void fab_plot_line(FILE *f, const double *xy, int n, int colour)
{
    fprintf(f, "<polyline class=\"line\" style=\"stroke:%s\" points=\"", colours[colour % COLOURS]);
    for (int i = 0; i < n; i++) fprintf(f, "%.1f,%.1f ", px(xy[2 * i]), py(xy[2 * i + 1]));
    fputs("\"/>\n", f);
}

void fab_plot_point(FILE *f, double x, double y, double low, double high, double radius)
{
    if (isfinite(low) && isfinite(high))
        fprintf(f, "<path class=\"whisker\" d=\"M%.1f %.1fV%.1f\"/>", px(x), py(low), py(high));
    fprintf(f, "<circle class=\"dot\" cx=\"%.1f\" cy=\"%.1f\" r=\"%.1f\"/>\n", px(x), py(y),
            radius);
}

void fab_plot_bar(FILE *f, double from, double to, double height)
{
    fprintf(f, "<rect class=\"bar\" x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%.1f\"/>\n",
            px(from) + 1, py(height), px(to) - px(from) - 2, py(0) - py(height));
}

void fab_plot_legend(FILE *f, int row, int colour, const char *text)
{
    double y = TOP + SIDE - 14 - 17.0 * row;
    fprintf(f,
            "<path class=\"line\" style=\"stroke:%s\" d=\"M%d %.1fh18\"/><text class=\"key\" "
            "x=\"%d\" y=\"%.1f\" text-anchor=\"end\">",
            colours[colour % COLOURS], LEFT + SIDE - 26, y - 4, LEFT + SIDE - 32, y);
    fab_page_text(f, text);
    fputs("</text>\n", f);
}

void fab_plot_end(FILE *f, const char *title)
{
    fputs("</svg><figcaption>", f);
    fab_page_text(f, title);
    fputs("</figcaption></figure>\n", f);
}

void fab_plot_confusion(FILE *f, const json_t *counts, const json_t *names)
{
    size_t C = json_array_size(names);
    json_t *name, *row;
    size_t i, k;
    fputs("<table class=\"confusion\"><tr><th>truth ↓ call → · 真实 ↓ 判定 →</th>", f);
    json_array_foreach(names, i, name)
    {
        fputs("<th>", f);
        fab_page_text(f, json_string_value(name));
        fputs("</th>", f);
    }
    fputs("</tr>\n", f);
    json_array_foreach(counts, i, row)
    {
        double sum = 0;
        for (k = 0; k < C; k++) sum += json_number_value(json_array_get(row, k));
        fputs("<tr><th>", f);
        fab_page_text(f, json_string_value(json_array_get(names, i)));
        fputs("</th>", f);
        for (k = 0; k < C; k++) {
            double n = json_number_value(json_array_get(row, k)), share = sum > 0 ? n / sum : 0;
            fprintf(f,
                    "<td style=\"background:rgba(%s,%.2f);color:%s\"><b>%.0f</b><small>%.0f "
                    "%%</small></td>",
                    i == k ? "31,95,168" : "194,87,26", 0.06 + 0.84 * share,
                    share > 0.6 ? "#fff" : "#1b2733", n, 100 * share);
        }
        fputs("</tr>\n", f);
    }
    fputs("</table>\n", f);
}
