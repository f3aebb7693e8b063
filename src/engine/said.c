/* said: see said.h. */
#include "engine/said.h"

#include <string.h>

bool fab_said_init(fab_said *s, const fab_tokenizer *words, const char *const *stops, int n_stops,
                   fab_arena *a, fab_err *err)
{
    *s = (fab_said){ .words = words,
                     .stops = stops,
                     .n_stops = n_stops,
                     .arena = a,
                     .stream = { .skip_special = true },
                     .cap = 256 };
    s->text = fab_arena_zero(a, s->cap, err);
    return s->text != NULL;
}

static bool room(fab_said *s, size_t more, fab_err *err)
{
    size_t cap = s->cap;
    while (cap - s->n <= more) cap *= 2;
    if (cap == s->cap) return true;
    char *text = fab_arena_take(s->arena, cap, err);
    if (!text) return false;
    memcpy(text, s->text, s->n + 1);
    s->text = text;
    s->cap = cap;
    return true;
}

/* Cuts the text at the first stop in what is new. */
static void look_for_stops(fab_said *s)
{
    for (int i = 0; i < s->n_stops; i++) {
        size_t len = strlen(s->stops[i]);
        char *at = len ? strstr(s->text + s->shown, s->stops[i]) : NULL;
        if (!at) continue;
        *at = 0;
        s->n = (size_t)(at - s->text);
        s->stopped = true;
    }
}

/* Bytes at the end that a stop may begin with. */
static size_t held(const fab_said *s)
{
    size_t most = 0, there = s->n - s->shown;
    for (int i = 0; i < s->n_stops; i++) {
        size_t len = strlen(s->stops[i]), k = len < there + 1 ? len : there + 1;
        while (k > 1 && memcmp(s->text + s->n - (k - 1), s->stops[i], k - 1) != 0) k--;
        if (k > 0 && k - 1 > most) most = k - 1;
    }
    return most;
}

static const char *show(fab_said *s, size_t keep, size_t *fresh)
{
    const char *from = s->text + s->shown;
    *fresh = s->n - s->shown - keep;
    s->shown += *fresh;
    return from;
}

const char *fab_said_push(fab_said *s, int32_t id, size_t *fresh, fab_err *err)
{
    *fresh = 0;
    if (!s->words) return s->text;
    if (!room(s, fab_tokenizer_stream_room(s->words), err)) return NULL;
    s->n += fab_tokenizer_stream_push(s->words, &s->stream, id, s->text + s->n);
    s->text[s->n] = 0;
    look_for_stops(s);
    return show(s, s->stopped ? 0 : held(s), fresh);
}

const char *fab_said_end(fab_said *s, size_t *fresh, fab_err *err)
{
    *fresh = 0;
    if (!s->words) return s->text;
    if (!room(s, 4, err)) return NULL;
    if (!s->stopped) s->n += fab_tokenizer_stream_end(&s->stream, s->text + s->n);
    s->text[s->n] = 0;
    return show(s, 0, fresh);
}
