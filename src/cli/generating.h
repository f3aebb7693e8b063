/* generating: what the verbs that generate text share: the options of sampling, and speaking. */
#ifndef FAB_CLI_GENERATING_H
#define FAB_CLI_GENERATING_H

#include <stddef.h>
#include "cli/verb.h"
#include "engine/generate.h"

typedef struct {
    int64_t max_tokens, top_k, seed;
    double temperature, top_p, min_p, repeat_penalty;
    fab_list stop;
    bool exact, fast;
} fab_sampling;

/* What --exact and --fast ask for; both are too much. */
bool fab_sampling_exact(const fab_sampling *s, fab_exactness *how, fab_err *err);

/* The options of generation; text is printed to r->out as it comes unless r->json, and an interrupt
 * ends the answer. */
fab_generate_opts fab_sampling_opts(fab_run *r, const fab_sampling *s);
/* prompt_tokens, reused, tokens, end, seconds, tokens_per_second of an answer into o. */
void fab_generated_json(json_t *o, const fab_generated *g);

/* clang-format off */
#define FAB_OPTS_SAMPLING(type, s) \
    { "max-tokens", FAB_INT, offsetof(type, s.max_tokens), "256", "tokens of an answer at most", .min = 1, .max = 1e6 }, \
    { "temperature", FAB_FLOAT, offsetof(type, s.temperature), "0", "0: the likeliest token, always the same text", .min = 0, .max = 10 }, \
    { "top-k", FAB_INT, offsetof(type, s.top_k), "0", "only the k likeliest tokens; 0: all", .min = 0, .max = 1e6 }, \
    { "top-p", FAB_FLOAT, offsetof(type, s.top_p), "1", "the likeliest tokens that together reach p", .min = 0, .max = 1 }, \
    { "min-p", FAB_FLOAT, offsetof(type, s.min_p), "0", "tokens at least p times as likely as the likeliest", .min = 0, .max = 1 }, \
    { "repeat-penalty", FAB_FLOAT, offsetof(type, s.repeat_penalty), "1", "above 1: tokens that were there are less likely", .min = 0.1, .max = 10 }, \
    { "seed", FAB_INT, offsetof(type, s.seed), "1", "of the random numbers above temperature 0", .min = 0, .max = 1e15 }, \
    { "stop", FAB_LIST, offsetof(type, s.stop), NULL, "a text that ends the answer; may be given again" }, \
    { "exact", FAB_FLAG, offsetof(type, s.exact), NULL, "the reference's text: products in f32; the default below 500 million parameters" }, \
    { "fast", FAB_FLAG, offsetof(type, s.fast), NULL, "products in 16 or 8 bits where the machine is faster so; the default of larger models" }
/* clang-format on */

#endif
