/* live: see live.h. */
#include "train/live.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "base/log.h"

static const double keep = 0.98, draw_s = 0.2;
enum { BAR = 24 };

void fab_live_init(fab_live *l, const char *stage, int64_t done, int64_t total, double every_s)
{
    *l = (fab_live){ .first = done,
                     .left = done,
                     .step = done,
                     .total = total,
                     .every_s = every_s,
                     .best = -1,
                     .started = fab_now() };
    l->logged = l->started;
    fab_progress_init(&l->bar, stage, total);
}

static void average(fab_live_mean *m, double x)
{
    if (!isfinite(x)) return;
    m->sum = keep * m->sum + (1 - keep) * x;
    m->weight = keep * m->weight + (1 - keep);
}

static double mean_of(const fab_live_mean *m) { return m->weight > 0 ? m->sum / m->weight : 0; }

double fab_live_loss(const fab_live *l) { return mean_of(&l->loss); }

static double per_second(const fab_live *l, int64_t count)
{
    double s = fab_now() - l->started;
    return s > 0 ? (double)count / s : 0;
}

static double seconds_of(const fab_live *l, int64_t steps)
{
    double rate = per_second(l, l->step - l->first);
    return rate > 0 && steps > 0 ? (double)steps / rate : 0;
}

double fab_live_eta_s(const fab_live *l) { return seconds_of(l, l->total - l->step); }

/* ---- words ----------------------------------------------------------------------------------- */

typedef struct {
    char s[320];
    size_t n;
} text;

static void say(text *t, const char *fmt, ...) FAB_PRINTF(2, 3);
static void say(text *t, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    int n = vsnprintf(t->s + t->n, sizeof t->s - t->n, fmt, ap);
    va_end(ap);
    if (n > 0) t->n += (size_t)n < sizeof t->s - t->n ? (size_t)n : sizeof t->s - t->n - 1;
}

static void say_span(text *t, double seconds)
{
    long s = seconds < 3.6e6 ? lround(seconds) : 0;
    if (s >= 3600) say(t, "%ld:%02ld:%02ld", s / 3600, s / 60 % 60, s % 60);
    else say(t, "%ld:%02ld", s / 60, s % 60);
}

static void say_eta(text *t, const fab_live *l)
{
    say(t, "  ETA ");
    say_span(t, fab_live_eta_s(l));
    if (!l->later) return;
    say(t, "  run ~");
    say_span(t, seconds_of(l, l->total - l->step + l->later));
}

/* "loss 4.21  qa 1.02  dense 0.031": kinds that are never anything but 0 are left out. */
static void say_losses(text *t, const fab_live *l)
{
    say(t, "loss %.4g", fab_live_loss(l));
    for (int i = 0; i < l->n_parts; i++) {
        const char *slash = strrchr(l->tag[i], '/');
        double x = mean_of(&l->part[i]);
        if (x != 0) say(t, "  %s %.3g", slash ? slash + 1 : l->tag[i], x);
    }
}

static void say_speed(text *t, const fab_live *l)
{
    if (l->pictures) say(t, "%.1f pictures/s  ", per_second(l, l->pictures));
    if (l->tokens) say(t, "%.0f tokens/s  ", per_second(l, l->tokens));
    say(t, "%.2f steps/s  lr %.2g  norm %.3g", per_second(l, l->step - l->first), l->lr, l->norm);
}

static void say_state(text *t, const fab_live *l)
{
    if (l->best >= 0) say(t, "best validation %.3f  ", l->best);
    say(t, "memory %.2f GB", (double)fab_rss_peak() / 1e9);
}

static void say_bar(text *t, const fab_live *l)
{
    char bar[BAR + 1];
    double part = l->total ? (double)l->step / (double)l->total : 0;
    for (int i = 0; i < BAR; i++) bar[i] = (double)i < part * BAR ? '#' : '.';
    bar[BAR] = 0;
    bool plain = fab_getenv("NO_COLOR") != NULL;
    say(t, "%s  %s[%s]%s %3.0f %%  %lld/%lld", l->bar.name, plain ? "" : "\033[36m", bar,
        plain ? "" : "\033[0m", 100 * part, (long long)l->step, (long long)l->total);
    if (l->stages > 1) say(t, "  stage %d of %d", l->stage, l->stages);
    say_eta(t, l);
}

/* ---- drawing --------------------------------------------------------------------------------- */

static void draw(fab_live *l)
{
    void (*const parts[])(text *, const fab_live *) = { say_bar, say_losses, say_speed, say_state };
    if (l->lines) fprintf(stderr, "\033[%dA", l->lines);
    l->lines = (int)(sizeof parts / sizeof *parts);
    fputs("\033[?7l", stderr); /* a narrow terminal cuts a line instead of wrapping it */
    for (int i = 0; i < l->lines; i++) {
        text t = { .n = 0 };
        parts[i](&t, l);
        fprintf(stderr, "\r\033[K%s\n", t.s);
    }
    fputs("\033[?7h", stderr);
    fflush(stderr);
    l->drawn = fab_now();
}

static void log_line(fab_live *l)
{
    text t = { .n = 0 };
    say_losses(&t, l);
    say(&t, "  ");
    say_speed(&t, l);
    say(&t, "  ");
    say_state(&t, l);
    say_eta(&t, l);
    fab_log(FAB_LOG_INFO, "%s  step %lld/%lld  %s", l->bar.name, (long long)l->step,
            (long long)l->total, t.s);
    l->logged = fab_now();
}

void fab_live_step(fab_live *l, int64_t step, const fab_live_sample *s)
{
    l->step = step;
    l->lr = s->lr;
    l->norm = s->norm;
    l->pictures += s->pictures;
    l->tokens += s->tokens;
    average(&l->loss, s->loss);
    l->n_parts = s->n_parts < FAB_LIVE_PARTS ? s->n_parts : FAB_LIVE_PARTS;
    for (int i = 0; i < l->n_parts; i++) {
        l->tag[i] = s->parts[i].tag;
        average(&l->part[i], s->parts[i].value);
    }
    if (l->bar.json) {
        /* The event divides done by the time since its start; a resumed stage began earlier. */
        if (l->first && step > l->first)
            l->bar.start = fab_now() - (double)step / per_second(l, step - l->first);
        text t = { .n = 0 };
        say_losses(&t, l);
        fab_progress_set(&l->bar, step, "%s", t.s);
    } else if (l->bar.tty) {
        if (fab_now() - l->drawn >= draw_s) draw(l);
    } else if (fab_now() - l->logged >= l->every_s || (step == l->total && l->total > 0)) {
        log_line(l);
    }
}

void fab_live_clear(fab_live *l)
{
    if (l->bar.tty && l->step > l->left) draw(l);
    l->left = l->step;
    l->lines = 0;
}
