/* words: text that grows, and the time as text. */
#include <stdarg.h>
#include <string.h>
#include "clinic/report_impl.h"

static bool room(fab_words *w, size_t n)
{
    if (w->failed) return false;
    size_t need = w->n + n + 1, cap = w->cap ? w->cap : 1024;
    while (cap < need) cap *= 2;
    if (cap > w->cap) {
        if (!fab_grow((void **)&w->text, cap, 1, NULL)) {
            w->failed = true;
            return false;
        }
        w->cap = cap;
    }
    return true;
}

void fab_words_putn(fab_words *w, const void *s, size_t n)
{
    if (!room(w, n)) return;
    memcpy(w->text + w->n, s, n);
    w->n += n;
    w->text[w->n] = 0;
}

void fab_words_put(fab_words *w, const char *s) { fab_words_putn(w, s, strlen(s)); }

void fab_words_printf(fab_words *w, const char *fmt, ...)
{
    va_list ap, again;
    va_start(ap, fmt);
    va_copy(again, ap);
    int n = vsnprintf(NULL, 0, fmt, ap);
    if (n < 0) w->failed = true;
    if (n >= 0 && room(w, (size_t)n)) {
        vsnprintf(w->text + w->n, (size_t)n + 1, fmt, again);
        w->n += (size_t)n;
    }
    va_end(again);
    va_end(ap);
}

void fab_words_clear(fab_words *w)
{
    fab_free(w->text);
    *w = (fab_words){ 0 };
}
