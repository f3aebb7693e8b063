/* speech_search: the words of one window of sound: Whisper's decoder under its rules, greedily, by
 * beams, or sampled. What openai-whisper's decode() does, token for token.
 *
 *   [<prev> prompt] <sot> <language> <task> [<notimestamps>] -> tokens until <eot>
 *
 * Rules of a step, on its logits (SYSTEMS.md 12.4):
 *   first token     no blank, no <eot>; with timestamps: a timestamp, at most 1 s
 *   always          none of the symbols that are not spoken, no <notimestamps>
 *   timestamps      come in pairs (end, begin), never go back, a segment is never empty; when all
 *                   timestamps together are likelier than any word, one of them it is
 */
#ifndef FAB_ENGINE_SPEECH_SEARCH_H
#define FAB_ENGINE_SPEECH_SEARCH_H

#include "zoo/whisper_file.h"

enum { FAB_SPEECH_MAX_LANES = 16 };

typedef struct {
    int32_t language; /* its token */
    bool translate, timestamps;
    float temperature;     /* 0: the likeliest; else tokens are drawn */
    int lanes;             /* beams at temperature 0 (1: greedy), else how many texts are drawn */
    const int32_t *prompt; /* text that came before; its last text_ctx/2 - 1 tokens are used */
    int n_prompt;
    uint64_t seed;
} fab_speech_opts;

typedef struct {
    int32_t *tokens; /* without <eot> */
    int n;
    double avg_logp;  /* mean log probability of a token, <eot> counted */
    double no_speech; /* probability that nobody speaks */
} fab_speech_text;

/* The best text by mean log probability; its tokens live in `out_arena`. false: see c->err. */
bool fab_speech_search(fab_ctx *c, const fab_whisper *m, const fab_whisper_ids *ids,
                       const fab_whisper_heard *heard, const fab_speech_opts *o,
                       fab_arena *out_arena, fab_speech_text *out);

/* Probabilities of the languages, [ids->languages]. */
bool fab_speech_language(fab_ctx *c, const fab_whisper *m, const fab_whisper_ids *ids,
                         const fab_whisper_heard *heard, float *probs);

/* The rules on logits [V] after the n tokens said so far: what may not be said becomes -inf. */
void fab_speech_rules(const fab_whisper_config *g, const fab_whisper_ids *ids, bool timestamps,
                      const int32_t *said, int n, float *logits);

#endif
