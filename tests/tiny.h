/* tiny: a randomly initialised mini, small enough to run in milliseconds, in memory and as a model
 * file. */
#ifndef FAB_TESTS_TINY_H
#define FAB_TESTS_TINY_H

#include "data/protocol.h"
#include "zoo/mini.h"

/* A tokenizer of the protocol's questions, yes and no; specials: FAB_MINI_SPECIALS of them, the
 * mini's own in their order when NULL. */
static inline fab_bpe *tiny_bpe(const char *const *specials, int vocab, fab_err *err)
{
    const fab_bpe_train_opts o = { .vocab_size = vocab,
                                   .specials = specials ? specials : fab_mini_special_names,
                                   .n_specials = FAB_MINI_SPECIALS,
                                   .pre = FAB_PRE_FABRICA };
    fab_bpe_trainer *t = fab_bpe_trainer_new(&o, err);
    bool ok = t != NULL;
    for (int i = 0; ok && i < fab_protocol_rows; i++)
        for (int lang = 0; ok && lang < FAB_LANGS; lang++) {
            const char *s = fab_protocol[i].question[lang];
            ok = fab_bpe_trainer_add(t, s, strlen(s), err) &&
                 fab_bpe_trainer_add(t, lang ? "no" : "yes", lang ? 2 : 3, err);
        }
    fab_bpe *b = ok ? fab_bpe_trainer_finish(t, err) : NULL;
    fab_bpe_trainer_free(t);
    return b;
}

/* train: the parameters own gradients. Everything in the arena. */
static inline fab_mini *tiny_mini(fab_arena *a, const fab_mini_config *cfg, uint64_t seed,
                                  bool train, fab_err *err)
{
    fab_mini *m = a ? fab_mini_new(a, cfg, err) : NULL;
    if (!m) return NULL;
    fab_params p = fab_params_init(a, &m->list, seed);
    p.train = train;
    fab_mini_params(&p, m);
    return fab_params_end(&p, err) ? m : NULL;
}

/* labels and classes as the shipped model has them. */
static inline fab_mini_config tiny_config(void)
{
    return (fab_mini_config){
        .image_size = 64,
        .widths = { 8, 16, 32 },
        .depths = { 1, 1, 1 },
        .vit_layers = 1,
        .vit_heads = 2,
        .labels = FAB_LABELS_SPATIAL,
        .classes = FAB_LABELS,
        .embed = 16,
        .text = { .dim = 32,
                  .ffn = 64,
                  .vocab = 600,
                  .layers = 2,
                  .heads = 2,
                  .kv_heads = 1,
                  .tied = true },
    };
}

static inline bool tiny_save(const char *path, uint64_t seed, const fab_mini_save_opts *opts,
                             fab_err *err)
{
    const fab_mini_config cfg = tiny_config();
    fab_mini_save_opts o = opts ? *opts : (fab_mini_save_opts){ .temperature = 1 };
    if (!o.name) o.name = "tiny";
    if (!o.version) o.version = "0";
    o.dtype = FAB_F32;
    fab_arena *a = fab_arena_new(0, err);
    fab_mini *m = tiny_mini(a, &cfg, seed, false, err);
    fab_bpe *bpe = m ? tiny_bpe(NULL, 600, err) : NULL;
    bool ok = bpe && fab_mini_save(path, m, bpe, &o, err);
    fab_bpe_free(bpe);
    fab_arena_free(a);
    return ok;
}

#endif
