/* transcribe: long sound to text: Whisper's 30-second window moved along by the timestamps that it
 * says itself (Radford et al. 2022, section 3.8; openai-whisper's transcribe()).
 *
 *   window -> log-mel -> encoder -> text at temperature 0
 *     too repetitive or too unlikely: again at 0.2, 0.4 .. 1.0         (fallback)
 *     nobody speaks, and the text is unlikely: nothing                 (no speech)
 *     else segments between the timestamps; the next window begins where the last whole one ended
 *
 * Windows quieter than -80 dB of full scale are never given to the model: it would invent words.
 */
#ifndef FAB_ENGINE_TRANSCRIBE_H
#define FAB_ENGINE_TRANSCRIBE_H

#include "zoo/whisper_file.h"

typedef struct {
    double start, end; /* seconds */
    char *text;        /* UTF-8, without space around */
    const int32_t *tokens;
    int n_tokens;
    /* of the window that it stood in */
    double avg_logp, no_speech, compression;
    float temperature;
} fab_segment;

typedef struct {
    char language[8];     /* "zh" */
    double language_p;    /* 1 when it was given */
    double seconds;       /* length of the sound */
    fab_segment *segment; /* [n] */
    int n;
    char *text; /* all of it, segments joined */
} fab_transcript;

typedef struct {
    const char *language; /* its code; NULL or "auto": heard in the first window */
    bool translate;       /* to English */
    int beams;            /* 0, 1: greedy */
    bool alone;           /* windows do not see the text before them */
    bool once;            /* no fallback: the first text stands, however unlikely or repetitive */
    const char *prompt;   /* words to expect: names, terms; NULL: none */
    /* Called as they come; false stops in order, with what there is. May be NULL. */
    bool (*on_segment)(void *arg, const fab_segment *s);
    bool (*on_progress)(void *arg, double done_s, double total_s);
    void *arg;
} fab_transcribe_opts;

/* samples: n of 16 kHz. All results live in the arena. o may be NULL. */
bool fab_transcribe(const fab_whisper_file *f, fab_pool *pool, const float *samples, int64_t n,
                    const fab_transcribe_opts *o, fab_arena *a, fab_transcript *out, fab_err *err);

/* Where the speech model is: path, else $FABRICA_SPEECH_MODEL, else weights/whisper-base here. NULL
 * with err set when there is none. */
const char *fab_transcribe_model(const char *path, fab_err *err);

#endif
