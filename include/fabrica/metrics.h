/* fabrica/metrics.h: scores of a text against its references. Two strings in, numbers out; no
 * model, no files.
 *
 *     fab_scorer *s = fab_scorer_new(NULL, NULL, 0);
 *     const char *ref = "No pleural effusion.";
 *     fab_metric_score x;
 *     if (!fab_scorer_score(s, "rougeL", "No effusion.", &ref, 1, &x)) puts(fab_scorer_error(s));
 *     fab_scorer_free(s);
 *
 * Link with -lfabrica_metrics (pkg-config fabrica-metrics). A scorer belongs to one thread at a
 * time; make one each.
 */
#ifndef FABRICA_METRICS_H
#define FABRICA_METRICS_H

#include <stddef.h>

#if defined(__GNUC__)
#define FAB_API __attribute__((visibility("default")))
#else
#define FAB_API
#endif

#ifdef __cplusplus
extern "C" {
#endif

typedef struct fab_scorer fab_scorer;

/* NULL and 0 are the defaults. */
typedef struct {
    const char *mode;   /* of ROUGE: "rouge_score", "perl155", "paper" */
    int stem;           /* ROUGE compares Porter stems */
    const char *script; /* words of ROUGE: "cjk", "ascii", "all" */
    const char
        *tokenize; /* words of BLEU and METEOR: "auto", "13a", "zh", "intl", "char", "none" */
} fab_scorer_options;

/* BLEU (0 to 100) and METEOR (0 to 1) are one number, in f; recall and precision then repeat it. */
typedef struct {
    double recall, precision, f;
} fab_metric_score;

/* options may be NULL. NULL when an option is unknown or memory is out; the sentence why is then in
 * error[error_size] (may be NULL, 0). */
FAB_API fab_scorer *fab_scorer_new(const fab_scorer_options *options, char *error,
                                   size_t error_size);
FAB_API void fab_scorer_free(fab_scorer *s); /* NULL is fine */

/* metric: rouge1 .. rouge9, rougeL, rougeLsum, rougeW, rougeS, rougeSU, rougeS4, rougeSU4, bleu,
 * bleu1 .. bleu4, meteor. hyp and refs: UTF-8. 1, or 0 with a sentence in fab_scorer_error. A text
 * without words scores 0. */
FAB_API int fab_scorer_score(fab_scorer *s, const char *metric, const char *hyp,
                             const char *const *refs, size_t n_refs, fab_metric_score *out);
FAB_API const char *fab_scorer_error(const fab_scorer *s); /* of the last call; lent */

#ifdef __cplusplus
}
#endif

#endif
