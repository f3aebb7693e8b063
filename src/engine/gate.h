/* gate: does the model know this kind of picture? A cat, a screenshot, noise and an empty frame get
 * a reason, not a report.
 *
 *   1. cheap facts of the picture: too small, (nearly) constant, neighbours that are not related
 *   2. features x = [mean of the tower's grid (D) | 64 pixel facts of the SxS picture]; clusters
 *      found in the training pictures per data set; distance = min over clusters of
 *
 *        d(x, c) = 1/2 ( 1/D sum_j min(z_cj^2, clip)  +  1/K sum_k min(z_ck^2, clip) ),
 *        z_cj^2 = (x_j - m_cj)^2 / v_cj,   clip: of the file, none by default
 *
 *      (a diagonal Mahalanobis distance, Lee et al. 2018 without the full covariance)
 *   3. a logistic regression on z and z^2 of the same features, z = (x - mean) / deviation, of the
 *      training pictures against dead-leaves pictures (leaves.h): a photograph of a cat has the
 *      colours of skin, not its texture. Its odds, divided by those that the training pictures
 *      reach, count as a distance too; the larger one is compared with the limit.
 *
 * The limit is set by cross-validation for a stated rate of false refusals; measure it on pictures
 * held out altogether.
 */
#ifndef FAB_ENGINE_GATE_H
#define FAB_ENGINE_GATE_H

#include "engine/engine.h"

enum { FAB_GATE_PIXEL_DIMS = 64, FAB_GATE_CLIP = 6 }; /* |z| of part 3 is cut off there */

typedef enum {
    FAB_GATE_KNOWN,
    FAB_GATE_SMALL,  /* "too-small" */
    FAB_GATE_BLANK,  /* "blank" */
    FAB_GATE_NOISE,  /* "noise" */
    FAB_GATE_UNLIKE, /* "unlike-training" */
    FAB_GATE_OTHER,  /* "other-kind": so says the file's header */
    FAB_GATE_REASONS
} fab_gate_reason;

const char *fab_gate_code(fab_gate_reason r);                /* "known", "too-small", ... */
const char *fab_gate_words(fab_gate_reason r, bool chinese); /* a sentence for a person */

typedef struct {
    fab_gate_reason reason;
    bool fitted; /* false: the model file has no gate, only the cheap facts were looked at */
    float distance, limit; /* of part 2; distance -1 when part 1 refused already */
    int cluster;
    char what[64]; /* OTHER: the header's words; else "" */
} fab_gate_verdict;

/* Looks at the picture (as decoded) and at what the model saw of it. */
fab_gate_verdict fab_engine_gate(const fab_engine *e, const uint8_t *rgb, int width, int height,
                                 const fab_look *look);
/* The same as an error: FAB_EREFUSED "blank: ..." and false when refused. */
bool fab_gate_check(const fab_gate_verdict *v, fab_err *err);

/* A look at a picture that the gate lets pass, or that the caller insists on (force); NULL with err
 * set otherwise. The verdict is filled either way. */
const fab_look *fab_engine_admit(fab_engine *e, const fab_image *im, bool force,
                                 fab_gate_verdict *v, fab_err *err);

/* What the file's header says that the model was not trained on: "Modality (0008,0060) US", "Body
 * Part Examined (0018,0015) KNEE"; false: nothing. */
bool fab_gate_header(const fab_image *im, char what[64]);

/* Part 1 alone. */
fab_gate_reason fab_gate_pixels(const uint8_t *rgb, int width, int height);

/* ---- fitting, at the end of a training run --------------------------------------------------- */

/* The feature vector: mean [dim] and the SxS picture -> out [dim + FAB_GATE_PIXEL_DIMS]. */
void fab_gate_features(const float *mean, int dim, const uint8_t *rgb, int side, float *out);

/* Rows of a fitted gate: clusters, and when the last row's ivar begins with a negative number three
 * rows of part 3:
 *   n-3: weights of z in mean, of z^2 in ivar     n-2: mean and 1 / deviation for z     n-1: mean
 *   begins with bias, log odds */
typedef struct {
    int n, dim;               /* dim = D + FAB_GATE_PIXEL_DIMS */
    const float *mean, *ivar; /* [n,dim] */
    float limit;              /* 1 after a fit */
    float clip;               /* of z^2; 0: none */
} fab_gate;

typedef struct {
    int clusters; /* at most so many per domain, 0: 8; never more than one for 12 pictures */
    double rate;  /* share of each domain's own pictures that may be refused, 0: 0.01 */
    uint64_t seed;
    fab_engine *engine; /* to look at dead leaves with; NULL: no part 3 */
} fab_gate_opts;

/* k-means in each domain (domain[i] of picture i; -1: the one whose mean is nearest), then means
 * and variances, the latter pulled towards the domain's. Five-fold cross-validation then scales
 * each domain's distances so that a share `rate` of its pictures lies above 1, the limit: a domain
 * of many kinds of pictures does not loosen the limit of another. Same input, same clusters.
 * Everything in the arena. */
bool fab_gate_fit(fab_gate *g, const float *features, const int32_t *domain, int64_t n, int dim,
                  const fab_gate_opts *o, fab_arena *a, fab_err *err);
/* x as fab_gate_features makes it; cluster (may be NULL): the nearest, or -1 when part 3 decided.
 * */
float fab_gate_distance(const fab_gate *g, const float *x, int *cluster);
/* The limit that refuses a share `rate` of pictures held out from the fit; 0 with err set when
 * memory is out. */
float fab_gate_limit_for(const fab_gate *g, const float *features, int64_t n, double rate,
                         fab_arena *a, fab_err *err);
double fab_gate_refused(const fab_gate *g, const float *features,
                        int64_t n); /* share above g->limit */

#endif
