/* kv: the key and value cache of a decoder: [batch,cap,width] per layer, each sample with its own
 * length. */
#include <string.h>
#include "nn/layers.h"

bool fab_kv_init(fab_kv *kv, fab_arena *a, int layers, int64_t batch, int64_t cap, int64_t width,
                 fab_err *err)
{
    *kv = (fab_kv){ .layers = layers, .batch = batch, .cap = cap, .width = width };
    if (layers < 1 || batch < 1 || cap < 1 || width < 1)
        return fab_fail(err, FAB_EINTERNAL, "a cache of %d layers, %lld samples, %lld tokens",
                        layers, (long long)batch, (long long)cap);
    kv->k = fab_arena_zero(a, (size_t)layers * sizeof *kv->k, err);
    kv->v = fab_arena_zero(a, (size_t)layers * sizeof *kv->v, err);
    kv->len = fab_arena_zero(a, (size_t)batch * sizeof *kv->len, err);
    if (!kv->k || !kv->v || !kv->len) return false;
    for (int l = 0; l < layers; l++) {
        kv->k[l] = fab_arena_take(a, (size_t)(batch * cap * width) * sizeof(float), err);
        kv->v[l] = fab_arena_take(a, (size_t)(batch * cap * width) * sizeof(float), err);
        if (!kv->k[l] || !kv->v[l]) return false;
    }
    return true;
}

bool fab_kv_copy(fab_kv *dst, int64_t to, const fab_kv *src, int64_t from, fab_err *err)
{
    int32_t n = src->len[from];
    if (dst->layers != src->layers || dst->width != src->width || dst->cap < n)
        return fab_fail(err, FAB_EINTERNAL,
                        "a cache of %d layers x %lld tokens cannot take %d layers x %ld",
                        dst->layers, (long long)dst->cap, src->layers, (long)n);
    size_t bytes = (size_t)(n * src->width) * sizeof(float);
    for (int l = 0; l < src->layers; l++) {
        memmove(dst->k[l] + to * dst->cap * dst->width, src->k[l] + from * src->cap * src->width,
                bytes);
        memmove(dst->v[l] + to * dst->cap * dst->width, src->v[l] + from * src->cap * src->width,
                bytes);
    }
    dst->len[to] = n;
    return true;
}

void fab_kv_advance(fab_kv *kv, int64_t t, const int32_t *n_new)
{
    for (int64_t b = 0; b < kv->batch; b++) kv->len[b] += n_new ? n_new[b] : (int32_t)t;
}
