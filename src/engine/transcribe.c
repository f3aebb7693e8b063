/* transcribe: see transcribe.h. */
#include "engine/transcribe.h"

#include <math.h>
#include <string.h>
#include <zlib.h>

#include "base/file.h"
#include "engine/speech_search.h"
#include "media/logmel.h"

enum { FRAME = FAB_LOGMEL_HOP, BEST_OF = 5, TEMPERATURES = 6, MAX_TERMS = 256 };
#define MAX_COMPRESSION 2.4
#define MIN_LOGP        (-1.0)
#define NO_SPEECH       0.6
#define WARM            0.5f /* text drawn hotter than this is no context for the next window */
#define SILENCE         1e-4

typedef struct {
    const fab_whisper_file *f;
    const fab_transcribe_opts *o;
    fab_logmel *mel;
    fab_ctx c;
    const float *x;
    int64_t n, frames, window; /* samples; frames of the sound, of a window */
    float top;                 /* the loudest log-mel value of the sound */
    int32_t language;
    int32_t terms[MAX_TERMS]; /* words to expect */
    int n_terms;
    int32_t *said;                     /* tokens of all segments */
    int64_t n_said, cap_said, context; /* context: from where they are shown to the next window */
    int64_t cap_segments;
    fab_arena *a;
    fab_transcript *out;
    bool stop;
    fab_err *err;
} listener;

/* ---- sound ----------------------------------------------------------------------------------- */
static void mel_frames(const listener *l, int64_t first, int64_t frames, float *v)
{
    fab_logmel_frames(l->mel, l->x, l->n, l->n + l->window * FRAME, first, frames, v);
}

static bool find_top(listener *l)
{
    int64_t M = l->f->model.cfg.mels;
    fab_arena_mark mark = fab_arena_save(l->c.arena);
    float *v = fab_arena_take(l->c.arena, (size_t)(l->window * M) * sizeof *v, l->err);
    l->top = -10;
    for (int64_t t = 0; v && t < l->frames; t += l->window) {
        int64_t n = l->frames - t < l->window ? l->frames - t : l->window;
        mel_frames(l, t, n, v);
        for (int64_t i = 0; i < n * M; i++) l->top = v[i] > l->top ? v[i] : l->top;
    }
    fab_arena_release(l->c.arena, mark);
    return v != NULL;
}

/* No 30 ms of these frames is louder than -80 dB. */
static bool silent(const listener *l, int64_t first, int64_t frames)
{
    int64_t end = (first + frames) * FRAME < l->n ? (first + frames) * FRAME : l->n;
    for (int64_t i = first * FRAME; i < end; i += 3 * FRAME) {
        int64_t m = end - i < 3 * FRAME ? end - i : 3 * FRAME;
        double sum = 0;
        for (int64_t k = 0; k < m; k++) sum += (double)l->x[i + k] * (double)l->x[i + k];
        if (sum > SILENCE * SILENCE * (double)m) return false;
    }
    return true;
}

/* A window from `first` on, of which `frames` are heard; the rest is 0 after scaling, which is not
 * what silence is, but what openai-whisper puts there. */
static bool hear(listener *l, int64_t first, int64_t frames, fab_whisper_heard *heard)
{
    fab_ctx *c = &l->c;
    int64_t M = l->f->model.cfg.mels;
    if (frames > l->window) frames = l->window;
    const fab_whisper *m = &l->f->model;
    fab_tensor *mel = fab_tensor_new(c, FAB_F32, FAB_SHAPE(1, l->window, m->cfg.mels));
    if (!mel) return false;
    mel_frames(l, first, l->window, fab_f32(mel));
    fab_logmel_scale(fab_f32(mel), fab_count(mel), l->top);
    memset(fab_f32(mel) + frames * M, 0, (size_t)((l->window - frames) * M) * sizeof(float));
    return fab_whisper_hear(c, m, fab_whisper_encode(c, m, mel, -1), heard);
}

/* ---- one window's text ----------------------------------------------------------------------- */
static char *text_of(const listener *l, fab_arena *a, const int32_t *tokens, int n)
{
    int32_t *words = fab_arena_take(a, (size_t)n * sizeof *words, l->err);
    int k = 0;
    for (int i = 0; words && i < n; i++)
        if (tokens[i] < l->f->ids.eot) words[k++] = tokens[i];
    char *s = words ? fab_tokenizer_decode(l->f->words, a, words, k, true, l->err) : NULL;
    if (!s) return NULL;
    while (*s == ' ') s++;
    size_t len = strlen(s);
    while (len && s[len - 1] == ' ') s[--len] = 0;
    return s;
}

/* Bytes of a text per byte of its deflated form: above 2.4 it repeats itself. */
static double compression(const char *text, fab_arena *a, fab_err *err)
{
    uLong n = (uLong)strlen(text), room = compressBound(n);
    Bytef *to = fab_arena_take(a, room, err);
    if (!to || !n || compress(to, &room, (const Bytef *)text, n) != Z_OK) return 0;
    return (double)n / (double)room;
}

typedef struct {
    fab_speech_text text;
    double ratio;
    float temperature;
} attempt;

/* The prompt: the words to expect, then as much of what was said since the context began as there
 * is room for. */
static bool prompt(listener *l, fab_speech_opts *o)
{
    int most = (int)l->f->model.cfg.text_ctx / 2 - 1, n = l->n_terms < most ? l->n_terms : most;
    int64_t tail = l->n_said - l->context;
    if (tail > most - n) tail = most - n;
    int32_t *ids = fab_arena_take(l->c.arena, (size_t)(most + 1) * sizeof *ids, l->err);
    if (!ids) return false;
    memcpy(ids, l->terms, (size_t)n * sizeof *ids);
    if (tail > 0) memcpy(ids + n, l->said + l->n_said - tail, (size_t)tail * sizeof *ids);
    o->prompt = ids;
    o->n_prompt = n + (int)tail;
    return true;
}

/* Texts at rising temperatures until one is neither repetitive nor unlikely. */
static bool best_text(listener *l, const fab_whisper_heard *heard, int64_t seek, attempt *t)
{
    fab_arena *scratch = l->c.arena;
    fab_speech_opts o = { .language = l->language,
                          .translate = l->o->translate,
                          .timestamps = true,
                          .seed = (uint64_t)seek };
    if (!prompt(l, &o)) return false;
    for (int i = 0; i < TEMPERATURES; i++) {
        o.temperature = t->temperature = 0.2f * (float)i;
        o.lanes = i ? BEST_OF : l->o->beams;
        if (!fab_speech_search(&l->c, &l->f->model, &l->f->ids, heard, &o, l->a, &t->text))
            return fab_fail(l->err, l->c.err.code, "%s", l->c.err.text);
        char *s = text_of(l, scratch, t->text.tokens, t->text.n);
        if (!s) return false;
        t->ratio = compression(s, scratch, l->err);
        bool unlikely = t->text.avg_logp < MIN_LOGP;
        if (unlikely && t->text.no_speech > NO_SPEECH) break; /* silence: hotter is no better */
        if (l->o->once || (!unlikely && t->ratio <= MAX_COMPRESSION)) break;
    }
    return true;
}

/* ---- segments -------------------------------------------------------------------------------- */
static bool remember(listener *l, const int32_t *tokens, int n)
{
    if (l->n_said + n > l->cap_said) {
        int64_t cap = 2 * (l->n_said + n) + 1024;
        int32_t *more = fab_arena_take(l->a, (size_t)cap * sizeof *more, l->err);
        if (!more) return false;
        if (l->n_said) memcpy(more, l->said, (size_t)l->n_said * sizeof *more);
        l->said = more;
        l->cap_said = cap;
    }
    if (n) memcpy(l->said + l->n_said, tokens, (size_t)n * sizeof *tokens);
    l->n_said += n;
    return true;
}

static fab_segment *room_for_segment(listener *l)
{
    fab_transcript *out = l->out;
    if (out->n == l->cap_segments) {
        int64_t cap = 2 * l->cap_segments + 16;
        fab_segment *more = fab_arena_take(l->a, (size_t)cap * sizeof *more, l->err);
        if (!more) return NULL;
        if (out->n) memcpy(more, out->segment, (size_t)out->n * sizeof *more);
        out->segment = more;
        l->cap_segments = cap;
    }
    return &out->segment[out->n];
}

static bool add_segment(listener *l, double start, double end, const int32_t *tokens, int n,
                        const attempt *t)
{
    fab_segment *s = room_for_segment(l);
    if (!s) return false;
    if (end > l->out->seconds) end = l->out->seconds;
    *s = (fab_segment){ .start = start,
                        .end = end,
                        .text = text_of(l, l->a, tokens, n),
                        .tokens = tokens,
                        .n_tokens = n,
                        .avg_logp = t->text.avg_logp,
                        .no_speech = t->text.no_speech,
                        .compression = t->ratio,
                        .temperature = t->temperature };
    if (!s->text) return false;
    if (!s->text[0] || end <= start) return true; /* nothing was said */
    l->out->n++;
    if (!remember(l, tokens, n)) return false;
    if (l->o->on_segment && !l->o->on_segment(l->o->arg, s)) l->stop = true;
    return true;
}

static bool is_time(const listener *l, int32_t id) { return id >= l->f->ids.first_time; }

/* Seconds of a timestamp token. */
static double time_of(const listener *l, int32_t id)
{
    return (double)(id - l->f->ids.first_time) * 2 * FRAME / FAB_LOGMEL_RATE;
}

/* Cuts a window's tokens where two timestamps meet; *seek moves behind the last whole segment. */
static bool cut_segments(listener *l, const attempt *t, int64_t frames, int64_t *seek)
{
    const int32_t *k = t->text.tokens;
    int n = t->text.n, from = 0;
    double at = (double)*seek * FRAME / FAB_LOGMEL_RATE;
    bool single_end = n >= 2 && is_time(l, k[n - 1]) && !is_time(l, k[n - 2]);
    for (int i = 1; i <= n; i++) {
        bool meets = i < n && is_time(l, k[i]) && is_time(l, k[i - 1]);
        if (!meets && !(i == n && single_end && from > 0)) continue;
        if (!add_segment(l, at + (is_time(l, k[from]) ? time_of(l, k[from]) : 0),
                         at + time_of(l, k[i - 1]), k + from, i - from, t))
            return false;
        from = i;
    }
    if (from == 0) { /* no pair: one segment, to its last timestamp or the window's end */
        double length = (double)frames * FRAME / FAB_LOGMEL_RATE;
        int32_t last = -1;
        for (int i = 0; i < n; i++) last = is_time(l, k[i]) ? k[i] : last;
        if (last > l->f->ids.first_time) length = time_of(l, last);
        *seek += frames;
        return add_segment(l, at, at + length, k, n, t);
    }
    *seek += single_end ? frames : 2 * (int64_t)(k[from - 1] - l->f->ids.first_time);
    return true;
}

static bool one_window(listener *l, int64_t *seek)
{
    int64_t frames = l->frames - *seek < l->window ? l->frames - *seek : l->window, was = *seek;
    fab_whisper_heard heard;
    attempt t = { 0 };
    fab_ctx_reset(&l->c);
    if (silent(l, *seek, frames)) {
        *seek += frames;
        return true;
    }
    if (!hear(l, *seek, l->n / FRAME - *seek, &heard))
        return fab_fail(l->err, l->c.err.code, "%s", l->c.err.text);
    if (!best_text(l, &heard, *seek, &t)) return false;
    if (t.text.no_speech > NO_SPEECH && t.text.avg_logp < MIN_LOGP) {
        *seek += frames;
        return true;
    }
    if (!cut_segments(l, &t, frames, seek)) return false;
    if (*seek <= was) *seek = was + frames; /* a window that ends where it began */
    if (l->o->alone || t.temperature > WARM) l->context = l->n_said;
    return true;
}

/* ---- the whole ------------------------------------------------------------------------------- */
static bool detect(listener *l)
{
    const fab_whisper_ids *ids = &l->f->ids;
    const char *code = l->o->language;
    l->language = ids->sot + 1;
    fab_whisper_language_code(l->f, 0, l->out->language);
    l->out->language_p = 1;
    if (code && strcmp(code, "auto") != 0) {
        if (ids->languages && (l->language = fab_whisper_language(l->f, code)) < 0)
            return fab_fail(l->err, FAB_EUSAGE, "language '%.16s' is not one of the %d known", code,
                            (int)ids->languages);
        if (!ids->languages && strcmp(code, "en") != 0)
            return fab_fail(l->err, FAB_EUSAGE, "language '%.16s': this model knows English only",
                            code);
        if (ids->languages)
            fab_whisper_language_code(l->f, l->language - ids->sot - 1, l->out->language);
        return true;
    }
    if (!ids->languages) return true;
    fab_whisper_heard heard;
    int64_t first = 0, best = 0;
    while (first + l->window < l->frames && silent(l, first, l->window)) first += l->window;
    if (!l->frames || silent(l, first, l->frames - first)) { /* nobody to hear */
        l->out->language_p = 0;
        return true;
    }
    float *p = fab_arena_take(l->a, (size_t)ids->languages * sizeof *p, l->err);
    fab_ctx_reset(&l->c);
    if (!p) return false;
    if (!hear(l, first, l->window, &heard) ||
        !fab_speech_language(&l->c, &l->f->model, ids, &heard, p))
        return fab_fail(l->err, l->c.err.code, "%s", l->c.err.text);
    for (int32_t i = 1; i < ids->languages; i++)
        if (p[i] > p[best]) best = i;
    l->language = ids->sot + 1 + (int32_t)best;
    l->out->language_p = (double)p[best];
    fab_whisper_language_code(l->f, (int32_t)best, l->out->language);
    return true;
}

static bool expect_words(listener *l)
{
    const char *s = l->o->prompt;
    if (!s || !*s) return true;
    int64_t n = fab_tokenizer_encode(l->f->words, s, strlen(s), NULL, l->terms, MAX_TERMS, l->err);
    int most = (int)l->f->model.cfg.text_ctx / 2 - 1;
    l->n_terms = (int)n;
    return n >= 0 && (n <= most ||
                      fab_fail(l->err, FAB_ELIMIT, "the prompt has %lld tokens, %d are the limit",
                               (long long)n, most));
}

static bool listen_all(listener *l)
{
    if (!find_top(l) || !detect(l) || !expect_words(l)) return false;
    for (int64_t seek = 0; seek < l->frames && !l->stop;) {
        if (!one_window(l, &seek)) return false;
        double done = (double)(seek < l->frames ? seek : l->frames) * FRAME / FAB_LOGMEL_RATE;
        if (l->o->on_progress && !l->o->on_progress(l->o->arg, done, l->out->seconds)) break;
    }
    l->out->text = text_of(l, l->a, l->said, (int)l->n_said);
    return l->out->text != NULL;
}

bool fab_transcribe(const fab_whisper_file *f, fab_pool *pool, const float *samples, int64_t n,
                    const fab_transcribe_opts *o, fab_arena *a, fab_transcript *out, fab_err *err)
{
    static const fab_transcribe_opts usual;
    listener l = { .f = f, .o = o ? o : &usual, .x = samples, .n = n, .a = a, .out = out };
    l.err = err;
    l.window = 2 * f->model.cfg.audio_ctx;
    l.frames = (n + FRAME - 1) / FRAME;
    *out = (fab_transcript){ .seconds = (double)n / FAB_LOGMEL_RATE };
    fab_arena *work = fab_arena_new(16 << 20, err);
    l.mel = work ? fab_logmel_new(f->model.cfg.mels, err) : NULL;
    if (work) fab_ctx_init(&l.c, work, pool);
    bool ok = l.mel && listen_all(&l);
    fab_logmel_free(l.mel);
    fab_arena_free(work);
    return ok;
}

const char *fab_transcribe_model(const char *path, fab_err *err)
{
    static const char usual[] = "weights/whisper-base";
    if (path) return path;
    if ((path = fab_getenv("FABRICA_SPEECH_MODEL")) && *path) return path;
    if (fab_exists(usual)) return usual;
    fab_fail(err, FAB_EIO,
             "no speech model: give --model, set $FABRICA_SPEECH_MODEL, or run "
             "'tools/get-weights whisper-base' here");
    return NULL;
}
