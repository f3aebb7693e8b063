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

/* Days to a civil date: Hinnant, "chrono-compatible low-level date algorithms". */
void fab_iso_time(uint64_t t, char out[24])
{
    int64_t z = (int64_t)(t / 86400) + 719468, era = z / 146097, doe = z - era * 146097;
    int64_t yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365,
            doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
    int64_t mp = (5 * doy + 2) / 153;
    unsigned day = (unsigned)(doy - (153 * mp + 2) / 5 + 1),
             month = (unsigned)(mp < 10 ? mp + 3 : mp - 9);
    unsigned year = (unsigned)(yoe + era * 400 + (month <= 2)), s = (unsigned)(t % 86400);
    snprintf(out, 24, "%04u-%02u-%02uT%02u:%02u:%02uZ", year % 10000, month % 100, day % 100,
             s / 3600, s / 60 % 60, s % 60);
}
