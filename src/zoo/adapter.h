/* adapter: an adapter as a small safetensors file.
 *
 *   tensors    base_model.model.SITE.lora_A.weight, ... (nn/peft.h), f32
 *   metadata   format          pt
 *              adapter_config  JSON, the fields of Hugging Face PEFT's adapter_config.json: peft_type
 *                              (LORA, ADALORA, BOTTLENECK, PREFIX_TUNING), r, lora_alpha,
 *                              lora_dropout, target_modules, modules_to_save
 *              base_sha256     of the model that it was trained on (fab_adapter_base)
 *              base_name, card
 *
 * An adapter fits one model alone: names and shapes may agree where the numbers do not.
 */
#ifndef FAB_ZOO_ADAPTER_H
#define FAB_ZOO_ADAPTER_H

#include "format/weights.h"
#include "nn/peft.h"

typedef struct {
    fab_arena *arena;
    fab_weights *weights;
    const char *path, *base_sha256;
    const char *base_name, *card; /* "" when absent */
    char sha256[65];              /* of the file */
    fab_peft_opts opts;
    fab_peft peft; /* after fab_adapter_fit */
} fab_adapter;

/* The SHA-256, in hex, of names, types, shapes and bytes of the tensors of which `counts` is true
 * (NULL: all), in the file's order: a file whose keys alone were rewritten is the same model. */
bool fab_adapter_base(const fab_weights *w, bool (*counts)(const char *name), char hex[65],
                      fab_err *err);

/* Reads what the file says; values that are not finite are refused. The message begins with the
 * path. */
fab_adapter *fab_adapter_open(const char *path, fab_err *err);
/* The same over bytes that the caller keeps, for the fuzzer. */
fab_adapter *fab_adapter_parse(const void *data, size_t size, fab_err *err);
void fab_adapter_close(fab_adapter *a); /* NULL is fine; its sites must be free of it */
/* Makes its parts for a model's sites, to be attached. base_sha256: of the model
 * (fab_adapter_base); NULL skips the comparison. */
bool fab_adapter_fit(fab_adapter *a, const fab_sites *sites, const char *base_sha256,
                     fab_pool *pool, fab_err *err);

typedef struct {
    const char *base_sha256, *base_name, *card; /* NULL: left out, but for the first */
} fab_adapter_about;
bool fab_adapter_save(const char *path, const fab_peft *t, const fab_adapter_about *about,
                      fab_err *err);

/* The kind's name, settings, counts and sizes: a new reference. */
json_t *fab_adapter_describe(const fab_adapter *a, fab_err *err);

/* A model's file with the adapter worked into its weights, at `out`: keys, tokenizer and all other
 * tensors as they are. Changed matrices keep their type, quantised ones become f16, since a change
 * this small would drown in their steps. A GGUF (mini, text decoders), or the safetensors file of a
 * decoder's folder. Bottlenecks and prefixes cannot. */
bool fab_adapter_merge(const char *model, const char *adapter, const char *out, fab_pool *pool,
                       fab_err *err);

#endif
