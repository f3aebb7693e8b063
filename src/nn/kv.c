/* kv: the key and value cache of a decoder: [batch,lead+cap,width] per layer, each sample with its
 * own length; the lead is an adapter's prefix, the same for all samples. */
#include <string.h>
#include "nn/layers.h"

int64_t fab_kv_at(const fab_kv *kv, int layer, int64_t b)
{
    return b * (kv->lead[layer] + kv->cap) * kv->width;
}

static void put_lead(fab_kv *kv, int layer, const fab_kv_lead *lead)
{
    size_t bytes = (size_t)(lead->n * kv->width) * sizeof(float);
    for (int64_t b = 0; bytes && b < kv->batch; b++) {
        memcpy(kv->k[layer] + fab_kv_at(kv, layer, b), lead->k, bytes);
        memcpy(kv->v[layer] + fab_kv_at(kv, layer, b), lead->v, bytes);
    }
}

bool fab_kv_init(fab_kv *kv, fab_arena *a, int layers, int64_t batch, int64_t cap, int64_t width,
                 const fab_kv_lead *lead, fab_err *err)
{
    *kv = (fab_kv){ .layers = layers, .batch = batch, .cap = cap, .width = width };
    if (layers < 1 || batch < 1 || cap < 1 || width < 1)
        return fab_fail(err, FAB_EINTERNAL, "a cache of %d layers, %lld samples, %lld tokens",
                        layers, (long long)batch, (long long)cap);
    kv->k = fab_arena_zero(a, (size_t)layers * sizeof *kv->k, err);
    kv->v = fab_arena_zero(a, (size_t)layers * sizeof *kv->v, err);
    kv->len = fab_arena_zero(a, (size_t)batch * sizeof *kv->len, err);
    kv->lead = fab_arena_zero(a, (size_t)layers * sizeof *kv->lead, err);
    if (!kv->k || !kv->v || !kv->len || !kv->lead) return false;
    for (int l = 0; l < layers; l++) {
        kv->lead[l] = lead ? lead[l].n : 0;
        size_t bytes = (size_t)(batch * (kv->lead[l] + cap) * width) * sizeof(float);
        kv->k[l] = fab_arena_take(a, bytes, err);
        kv->v[l] = fab_arena_take(a, bytes, err);
        if (!kv->k[l] || !kv->v[l]) return false;
        if (lead) put_lead(kv, l, &lead[l]);
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
    for (int l = 0; l < src->layers; l++) {
        if (dst->lead[l] != src->lead[l])
            return fab_fail(err, FAB_EINTERNAL,
                            "layer %d: a prefix of %ld in one cache, %ld in another", l,
                            (long)src->lead[l], (long)dst->lead[l]);
        size_t bytes = (size_t)((src->lead[l] + n) * src->width) * sizeof(float);
        int64_t at = fab_kv_at(dst, l, to), of = fab_kv_at(src, l, from);
        memmove(dst->k[l] + at, src->k[l] + of, bytes);
        memmove(dst->v[l] + at, src->v[l] + of, bytes);
    }
    dst->len[to] = n;
    return true;
}

void fab_kv_advance(fab_kv *kv, int64_t t, const int32_t *n_new)
{
    for (int64_t b = 0; b < kv->batch; b++) kv->len[b] += n_new ? n_new[b] : (int32_t)t;
}
