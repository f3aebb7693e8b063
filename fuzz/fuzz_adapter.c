/* The bytes as an adapter's file, fitted to a small model. What is accepted is used. */
#include "fuzz.h"
#include "zoo/adapter.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    fab_err err = FAB_ERR_INIT;
    fab_sites sites = { 0 };
    fab_dense l;
    fab_attn_layer att;
    fab_ctx c;
    fab_arena *a = fab_arena_new(0, NULL), *work = fab_arena_new(0, NULL);
    fab_params p = fab_params_init(a, NULL, 1);
    p.sites = &sites;
    fab_dense_params(&p, &l, "fc", 4, 4, true, FAB_INIT_ONES);
    size_t mark = fab_params_enter(&p, "self_attn.");
    fab_attn_params(&p, &att, &(fab_attn_config){ .dim = 4, .heads = 2, .causal = true });
    fab_params_leave(&p, mark);

    fab_adapter *t = fab_adapter_parse(data, size, &err);
    if (!t != (err.code != FAB_OK)) __builtin_trap();
    if (t) json_decref(fab_adapter_describe(t, NULL));
    if (t && fab_adapter_fit(t, &sites, NULL, NULL, &err)) {
        fab_peft_attach(&t->peft);
        fab_ctx_init(&c, work, NULL);
        fab_tensor *x = fab_tensor_zeros(&c, FAB_SHAPE(1, 2, 4));
        x = fab_attn_layer_forward(&c, &att, fab_dense_forward(&c, &l, x), NULL);
        if (!x && !c.err.code) __builtin_trap();
    }
    fab_adapter_close(t);
    fab_arena_free(work);
    fab_arena_free(a);
    return 0;
}
