/* ROUGE-1, 2 and L of report-length pairs, one core: fab_rouge_measure on texts in memory.
 * `bench_rouge FILE` times the records of a JSONL {id, hyp, refs}, else 1,000 made-up pairs of 76
 * words; bench/rouge_score.py runs the Python package on the same file in turns with this. Prints
 * "plain N pairs/s" and "stem N pairs/s", the best of five rounds, of processor time: other work on
 * the machine counts on neither side. */
#include <inttypes.h>
#include <stdio.h>
#include <time.h>

#include "base/rng.h"
#include "metrics/score.h"

enum { PAIRS = 1000, WORDS = 76, ROUNDS = 5 };

static size_t make_text(fab_rng *r, char *out)
{
    size_t n = 0;
    for (int w = 0; w < WORDS; w++) {
        uint32_t word = fab_rng_below(r, 60) * fab_rng_below(r, 60);
        for (int k = 0; k < 2 + (int)(word % 8); k++) out[n++] = (char)('a' + (word + 7 * k) % 26);
        out[n++] = w % 9 == 8 ? '.' : ' ';
        if (w % 9 == 8) out[n++] = '\n';
    }
    return n;
}

static bool make_pairs(fab_score_set *s, fab_err *err)
{
    char hyp[WORDS * 16], ref[WORDS * 16];
    fab_rng r;
    fab_rng_init(&r, 1);
    for (int i = 0; i < PAIRS; i++) {
        fab_text h = { hyp, make_text(&r, hyp) }, t = { ref, make_text(&r, ref) };
        if (!fab_score_add(s, &(fab_score_record){ "pair", h, &t, 1, 1 }, err)) return false;
    }
    return true;
}

static bool time_pairs(const fab_score_set *s, bool stem, double *sum, fab_err *err)
{
    static const fab_rouge_metric metrics[] = { { FAB_ROUGE_N, 1 },
                                                { FAB_ROUGE_N, 2 },
                                                { FAB_ROUGE_L, -1 } };
    double best = 1e9;
    for (int k = 0; k < ROUNDS; k++) {
        fab_rouge *rouge = fab_rouge_new(&(fab_rouge_opts){ .stem = stem }, err);
        clock_t before = clock();
        for (int64_t i = 0; rouge && i < s->n; i++) {
            fab_prf out[3];
            const fab_score_record *r = &s->items[i];
            if (!fab_rouge_measure(rouge, r->hyp, r->refs, r->n_refs, metrics, 3, out, err)) break;
            *sum += out[2].f;
        }
        double t = (double)(clock() - before) / CLOCKS_PER_SEC;
        if (t < best) best = t;
        fab_rouge_free(rouge);
        if (err->code) return false;
    }
    printf("%s %.0f pairs/s\n", stem ? "stem" : "plain", (double)s->n / best);
    return true;
}

int main(int argc, char **argv)
{
    fab_err err = FAB_ERR_INIT;
    fab_score_set s = { 0 };
    double sum = 0;
    bool ok = fab_score_init(&s, &err) &&
              (argc > 1 ? fab_score_read(&s, argv[1], &err) : make_pairs(&s, &err)) &&
              time_pairs(&s, false, &sum, &err) && time_pairs(&s, true, &sum, &err);
    if (ok) printf("%" PRId64 " pairs, sum of ROUGE-L %.6f\n", s.n, sum);
    else fprintf(stderr, "bench_rouge: %s\n", err.text);
    fab_score_clear(&s);
    return !ok;
}
