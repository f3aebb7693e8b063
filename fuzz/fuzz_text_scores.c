/* Records of texts and references: what is accepted has text, references and an id; every metric of
 * it is a number in its range, and a text is the best answer to itself. */
#include <math.h>
#include "fuzz.h"
#include "metrics/score.h"

static const char *const names[] = { "rouge1",  "rouge3",  "rougeL", "rougeLsum", "rougeW",
                                     "rougeS4", "rougeSU", "bleu",   "meteor" };
enum { N = sizeof names / sizeof *names };

static void check_value(const fab_metric *m, fab_prf v)
{
    double most = m->kind == FAB_METRIC_BLEU ? 100 : 1;
    if (!(v.r >= 0 && v.p >= 0 && v.f >= 0)) __builtin_trap();
    if (v.r > most + 1e-6 || v.p > most + 1e-6 || v.f > most + 1e-6) __builtin_trap();
}

static void score(const fab_score_set *s, fab_rouge_mode mode, fab_mt_kind cut)
{
    fab_err err = FAB_ERR_INIT;
    fab_arena *a = fab_arena_new(0, &err);
    fab_metric m[N];
    fab_score_table t;
    fab_score_opts o = {
        .rouge = { .mode = mode, .stem = true }, .cut_chosen = true, .cut = cut, .bleu.value = -1
    };
    for (int i = 0; i < N; i++)
        if (!fab_metric_named(names[i], &m[i], &err)) __builtin_trap();
    if (!a || !fab_score_run(s, &o, m, N, a, &t, &err)) __builtin_trap();
    for (int64_t i = 0; i < t.n; i++)
        for (int k = 0; k < N; k++) check_value(&m[k], t.values[i * N + k]);
    fab_arena_free(a);
}

static void score_itself(fab_text text)
{
    fab_err err = FAB_ERR_INIT;
    const fab_rouge_metric m[] = { { FAB_ROUGE_N, 1 }, { FAB_ROUGE_L, -1 } };
    fab_rouge *r = fab_rouge_new(&(fab_rouge_opts){ 0 }, &err);
    fab_prf out[2];
    if (!r || !fab_rouge_measure(r, text, &text, 1, m, 2, out, &err)) __builtin_trap();
    double want = fab_rouge_words(r) ? 1 : 0;
    if (out[0].f != want || out[1].f != want) __builtin_trap();
    fab_rouge_free(r);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    fab_err err = FAB_ERR_INIT;
    fab_score_set s;
    if (size > 1 << 16 || !fab_score_init(&s, &err)) return 0;
    bool ok = fab_score_parse(&s, data, size, "fuzz", &err);
    if (ok != (err.code == FAB_OK) || (ok && !s.n)) __builtin_trap();
    for (int64_t i = 0; i < s.n; i++)
        if (!s.items[i].id || !s.items[i].hyp.s || s.items[i].n_refs < 1) __builtin_trap();
    if (ok && s.n < 16 && size < 1 << 12) {
        score(&s, FAB_ROUGE_PERL155, FAB_MT_ZH);
        score(&s, FAB_ROUGE_PAPER, FAB_MT_13A);
        score(&s, FAB_ROUGE_SCORE, FAB_MT_INTL);
        score_itself(s.items[0].hyp);
    }
    fab_score_clear(&s);
    return 0;
}
