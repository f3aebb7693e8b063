/* params: a model's parameter list, stated once as an ordinary function and visited (STYLE.md, "A
 * loader").
 *
 *   static void params(fab_params *p, my_model *m)
 *   {
 *       fab_param(p, &m->w, "fc.weight", FAB_SHAPE(4, 8), FAB_INIT_XAVIER);
 *   }
 *
 *   fab_params p = fab_params_init(arena, &list, seed);      fresh values
 *   fab_params p = fab_params_load(arena, &list, &source);   a file's, matched by name and shape
 *   fab_params p = fab_params_count();                       no memory: p.n_params, p.n_values
 *   p.train = true;                                          f32 masters that own a gradient
 *   params(&p, &model);
 *   if (!fab_params_end(&p, err)) ...                        the one place that says what is wrong
 *
 * Tensors live in the model's arena. A visit latches: after a failure the slots are NULL and _end
 * says why, listing names that are missing, that disagree in shape (`blocks.2.fc1.weight: file
 * [512,128], model [512,256]`), or that the file has and the model did not ask for.
 */
#ifndef FAB_NN_PARAMS_H
#define FAB_NN_PARAMS_H

#include "tensor/tensor.h"

/* How a fresh parameter is drawn. in = product of all dimensions but the first, out = the first. */
typedef enum {
    FAB_INIT_KIND_CONST,   /* a */
    FAB_INIT_KIND_NORMAL,  /* N(0, a) */
    FAB_INIT_KIND_TRUNC,   /* N(0, a) redrawn outside +-2a (ViT) */
    FAB_INIT_KIND_XAVIER,  /* U(-g, g), g = a sqrt(6 / (in + out)) */
    FAB_INIT_KIND_KAIMING, /* N(0, a sqrt(1 / in)); a = sqrt 2 before a ReLU-like */
} fab_init_kind;
typedef struct {
    fab_init_kind kind;
    float a;
} fab_init;
#define FAB_INIT_ZEROS         ((fab_init){ FAB_INIT_KIND_CONST, 0.0f })
#define FAB_INIT_ONES          ((fab_init){ FAB_INIT_KIND_CONST, 1.0f })
#define FAB_INIT_CONST(v)      ((fab_init){ FAB_INIT_KIND_CONST, (v) })
#define FAB_INIT_NORMAL(std)   ((fab_init){ FAB_INIT_KIND_NORMAL, (std) })
#define FAB_INIT_TRUNC(std)    ((fab_init){ FAB_INIT_KIND_TRUNC, (std) })
#define FAB_INIT_XAVIER        ((fab_init){ FAB_INIT_KIND_XAVIER, 1.0f })
#define FAB_INIT_KAIMING(gain) ((fab_init){ FAB_INIT_KIND_KAIMING, (gain) })

/* The parameters of a visit, in the order visited; each tensor's ->name is its full checkpoint
 * name. The array lives in the model's arena. Start from {0}; several visits may fill one list. */
typedef struct {
    fab_tensor **items;
    int64_t n, cap;
} fab_param_list;

/* Where values come from: nn knows no file formats. find lends a tensor's bytes (false: no such
 * name); name_at(i) lends the i-th name, NULL past the end (NULL function: left-over names are not
 * looked for). copied (NULL: nothing) is told that bytes which find lent now exist packed: they may
 * leave memory, and are hardly read again. */
typedef struct {
    void *arg;
    bool (*find)(void *arg, const char *name, fab_dtype *dtype, int *ndim,
                 int64_t shape[FAB_MAX_DIM], const void **data);
    const char *(*name_at)(void *arg, int64_t i);
    void (*copied)(void *arg, const void *data, uint64_t bytes);
} fab_param_source;

typedef enum { FAB_VISIT_INIT, FAB_VISIT_LOAD, FAB_VISIT_COUNT } fab_visit;

typedef struct fab_site fab_site; /* nn/peft.h: a layer that an adapter may change */
typedef struct fab_sites fab_sites;

typedef struct {
    fab_visit visit;
    fab_arena *arena;     /* the model's */
    fab_param_list *list; /* NULL: nobody wants the list */
    fab_sites *sites;     /* NULL: nobody will adapt the model */
    const fab_kernels *k;
    fab_pool *pool; /* for packing; NULL is fine */
    bool train;     /* set after fab_params_init/_load: f32 masters, each with a cleared gradient */
    bool bf16;      /* inference: pack matrices as bf16 */
    bool copy;      /* load: copy values out of the source even where they could be borrowed */
    bool lazy;      /* load: matrices are not read through for values that are not finite */
    bool allow_extra; /* load: names left over in the source are no error */
    fab_rng rng;
    fab_param_source source;
    int64_t n_params, n_values; /* counted by every visit */
    char prefix[128];
    size_t prefix_len;
    const char *ignore[16]; /* load: names containing one of these may be left over */
    int n_ignore;
    char bad[200]; /* names that failed, comma separated */
    size_t bad_len;
    int n_bad;
    fab_err err; /* anything that is not a list of names: memory */
} fab_params;

fab_params fab_params_init(fab_arena *arena, fab_param_list *list, uint64_t seed);
fab_params fab_params_load(fab_arena *arena, fab_param_list *list, const fab_param_source *source);
fab_params fab_params_count(void);

/* One parameter: *slot is set to its tensor (NULL when counting or failed). shape ends with 0. */
void fab_param(fab_params *p, fab_tensor **slot, const char *name, const int64_t *shape,
               fab_init init);
/* The same for a table of rows looked up by id (fab_embedding): at inference it keeps the file's
 * type, as does a matrix; any other parameter is widened to f32. */
void fab_param_table(fab_params *p, fab_tensor **slot, const char *name, const int64_t *shape,
                     fab_init init);
/* The same for the weight [out,in] of a matrix product: packed once when the model is for
 * inference. */
void fab_param_matrix(fab_params *p, fab_tensor **slot, const char *name, const int64_t *shape,
                      fab_init init);
/* Names from here to the matching leave are prefixed: fab_params_enter(p, "blocks.%d.", i). Nests.
 */
size_t fab_params_enter(fab_params *p, const char *fmt, ...)
    FAB_PRINTF(2, 3); /* returns the mark for leave */
void fab_params_leave(fab_params *p, size_t mark);
/* load: left-over names that contain `part` are no error (position_ids, inv_freq). part must
 * outlive the visit. */
void fab_params_ignore(fab_params *p, const char *part);
/* Ends the visit: false with every bad name listed. */
bool fab_params_end(fab_params *p, fab_err *err);

fab_tensor *fab_param_named(const fab_param_list *l, const char *name); /* NULL: no such */
bool fab_param_no_decay(
    const fab_tensor *t); /* ndim < 2, norms, biases, scales, position and class embeddings */
void fab_params_zero_grad(const fab_param_list *l);
/* Stops (or restarts) training of every parameter whose name starts with prefix; returns how many.
 * A restart needs a list visited with train = true. */
int64_t fab_params_freeze(const fab_param_list *l, const char *prefix, bool frozen);

#endif
