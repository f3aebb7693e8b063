/* ab: two versions in service, compared by what became of their cases; preferences of readers
 * turned into ratings. Records are JSONL lines; only the fields named here are read.
 *
 *   {"arm": "a", "outcome": 0.0 to 1, or true/false, "user": "...", "time": "2026-05-01T..."}
 *   {"a": "v1", "b": "v2", "preferred": "v1" | "v2" | "tie", "reader": "...", "case": "..."}
 *
 * A user that is written down (fab_ab_record) stands there by a hash, never by name.
 */
#ifndef FAB_EVALUATE_AB_H
#define FAB_EVALUATE_AB_H

#include <jansson.h>
#include "base/arena.h"

enum { FAB_AB_ARMS = 8 };

/* "a:5000,b:5000": names and their share of 10,000 buckets. */
typedef struct {
    int n;
    char names[FAB_AB_ARMS][40];
    int shares[FAB_AB_ARMS];
} fab_ab_arms;
bool fab_ab_arms_parse(fab_ab_arms *a, const char *text, fab_err *err);

typedef struct {
    int bucket, arm;
    char user_hash[17]; /* of user and experiment, as it is written down */
} fab_ab_place;
/* A bucket that no arm holds is an error. */
bool fab_ab_assign(const fab_ab_arms *a, const char *user, const char *experiment,
                   fab_ab_place *out, fab_err *err);

typedef struct {
    double alpha, power;     /* 0: 0.05; 0: 0.8 */
    double effect;           /* the difference that is looked for; 0: 0.05 */
    int64_t planned;         /* cases in all, for planned looks; 0: none */
    int looks;               /* 0: 5 */
    const fab_ab_arms *arms; /* expected shares; NULL: even */
    int64_t resamples;
    uint64_t seed;
} fab_ab_opts;

/* Which of the two the first record is decides. docs/metrics.md, "eval ab". NULL with err set. */
json_t *fab_ab_analyse(const char *path, const fab_ab_opts *o, fab_err *err);
json_t *fab_ab_outcomes(const char *path, const fab_ab_opts *o, fab_err *err);
json_t *fab_ab_preferences(const char *path, const fab_ab_opts *o, fab_err *err);

/* Two systems on the same records: files as "eval vqa --predictions" writes them, joined by id;
 * field: points, 0 to 1. An id that only one of them has is an error. */
json_t *fab_ab_compare(const char *path_a, const char *path_b, const char *field,
                       const fab_ab_opts *o, fab_err *err);

#endif
