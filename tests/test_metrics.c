/* Scores of strings against the official tools: the shared vectors, the golden file, and the
 * identities. */
#include <math.h>

#include "cases.h"
#include "metrics/score.h"

static fab_text text_of(const char *s) { return (fab_text){ s, strlen(s) }; }

static fab_prf rouge(const char *hyp, const char *ref, const char *metric, fab_rouge_opts o)
{
    fab_err err = FAB_ERR_INIT;
    fab_rouge *s = fab_rouge_new(&o, &err);
    fab_rouge_metric m;
    fab_text r = text_of(ref);
    fab_prf out = { -1, -1, -1 };
    CHECK_MSG(s && fab_rouge_named(metric, &m, &err), "%s", err.text);
    CHECK_MSG(fab_rouge_measure(s, text_of(hyp), &r, 1, &m, 1, &out, &err), "%s", err.text);
    fab_rouge_free(s);
    return out;
}

/* SYSTEMS.md D.6: two sentences each, recall and precision to five decimals. */
TEST(rouge_reference_values)
{
    static const char *const ref = "No acute cardiopulmonary disease.\nHeart size is normal.",
                             *const hyp = "Heart size is normal.\nNo acute disease.";
    static const struct {
        const char *metric;
        double r, p, f;
    } wanted[] = {
        { "rouge1", 0.875, 1, 0.93333 },          { "rouge2", 0.57143, 0.66667, 0.61538 },
        { "rougeLsum", 0.875, 1, 0.93333 },       { "rougeW", 0.56782, 0.85628, 0.68284 },
        { "rougeS", 0.32143, 0.42857, 0.36735 },  { "rougeS4", 0.36, 0.45, 0.4 },
        { "rougeSU4", 0.4375, 0.53846, 0.48276 },
    };
    for (size_t i = 0; i < sizeof wanted / sizeof *wanted; i++) {
        fab_prf s = rouge(hyp, ref, wanted[i].metric, (fab_rouge_opts){ FAB_ROUGE_PERL155 });
        CHECK_MSG(fabs(s.r - wanted[i].r) < 1e-9 && fabs(s.p - wanted[i].p) < 1e-9 &&
                      fabs(s.f - wanted[i].f) < 1.5e-5,
                  "%s: %.5f %.5f %.5f", wanted[i].metric, s.r, s.p, s.f);
    }
}

/* The examples of Lin 2004, letters as words. */
TEST(rouge_paper_examples)
{
    static const struct {
        const char *hyp, *ref, *metric;
        fab_rouge_mode mode;
        double f;
    } cases[] = {
        { "A B C D H I K", "A B C D E F G", "rougeW", FAB_ROUGE_PAPER, 0.57143 },
        { "A H B K C I D", "A B C D E F G", "rougeW", FAB_ROUGE_PAPER, 0.45354 },
        { "police kill the gunman", "police killed the gunman", "rougeL", FAB_ROUGE_PAPER, 0.75 },
        { "police kill the gunman", "police killed the gunman", "rougeS", FAB_ROUGE_PAPER, 0.5 },
        { "police kill the gunman", "police killed the gunman", "rougeSU", FAB_ROUGE_PERL155,
          0.55556 },
        { "the gunman kill police", "police killed the gunman", "rougeL", FAB_ROUGE_PAPER, 0.5 },
        { "the gunman kill police", "police killed the gunman", "rougeS", FAB_ROUGE_PAPER, 1 / 6. },
        { "the gunman kill police", "police killed the gunman", "rougeSU", FAB_ROUGE_PERL155,
          0.22222 },
        { "the gunman police killed", "police killed the gunman", "rougeS", FAB_ROUGE_PAPER,
          1 / 3. },
        { "the gunman police killed", "police killed the gunman", "rougeSU", FAB_ROUGE_PERL155,
          0.44444 },
        { "the gunman police killed", "police killed the gunman", "rougeSU", FAB_ROUGE_PAPER, 0.6 },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        fab_prf s =
            rouge(cases[i].hyp, cases[i].ref, cases[i].metric, (fab_rouge_opts){ cases[i].mode });
        CHECK_MSG(fabs(s.f - cases[i].f) < 6e-6, "case %zu: %.6f", i, s.f);
    }
    fab_prf s = rouge("a b c d e f g h i j", "a b c d e f g h i j", "rougeW",
                      (fab_rouge_opts){ FAB_ROUGE_PERL155 });
    CHECK_NEAR(s.r, 0.63096, 1e-9); /* ROUGE-1.5.5 weights the base twice */
    CHECK_NEAR(s.f, 0.77373, 1.5e-5);
}

/* ---- vectors made by the official programs ---- */

typedef struct {
    fab_rouge *plain, *stem;
    int64_t equal, all;
    char first[200];
} tally;

static void compare(tally *t, const char *id, const char *name, fab_prf s, const json_t *want,
                    double tolerance)
{
    const double got[] = { s.r, s.p, s.f };
    static const char *const keys[] = { "r", "p", "f" };
    for (int i = 0; i < 3; i++) {
        double w = json_number_value(json_object_get(want, keys[i]));
        bool same = fabs(got[i] - w) <= tolerance;
        t->all++;
        t->equal += same;
        if (!same && !t->first[0])
            snprintf(t->first, sizeof t->first, "%s %s.%s: %.6f, wanted %.6f", id, name, keys[i],
                     got[i], w);
    }
}

static bool perl_line(void *arg, const json_t *o, fab_err *err)
{
    static const char *const names[] = { "rouge1", "rouge2", "rougeL_single_line",
                                         "rougeL_summary_level" };
    static const fab_rouge_metric metrics[] = {
        { FAB_ROUGE_N, 1 }, { FAB_ROUGE_N, 2 }, { FAB_ROUGE_L, -1 }, { FAB_ROUGE_LSUM, -1 }
    };
    tally *t = arg;
    fab_text refs[16];
    const json_t *list = json_object_get(o, "refs");
    int n = (int)json_array_size(list);
    for (int i = 0; i < n; i++)
        refs[i] = text_of(json_string_value(json_array_get(list, (size_t)i)));
    for (int stem = 0; stem < 2; stem++) {
        fab_prf s[4];
        if (!fab_rouge_measure(stem ? t->stem : t->plain, text_of(fab_json_str(o, "hyp", err)),
                               refs, n, metrics, 4, s, err))
            return false;
        for (int i = 0; i < 4; i++)
            compare(t, fab_json_str(o, "id", err), names[i], s[i],
                    json_object_get(json_object_get(o, stem ? "stem" : "nostem"), names[i]), 1e-9);
    }
    return true;
}

static void vectors(const char *file, fab_rouge_mode mode, fab_jsonl_fn line, int64_t wanted)
{
    const char *shared = test_shared();
    if (!shared) SKIP("no shared data");
    char path[512];
    fab_err err = FAB_ERR_INIT;
    tally t = { .plain = fab_rouge_new(&(fab_rouge_opts){ mode }, &err),
                .stem = fab_rouge_new(&(fab_rouge_opts){ mode, .stem = true }, &err) };
    snprintf(path, sizeof path, "%s/data/%s", shared, file);
    CHECK(t.plain && t.stem);
    CHECK_MSG(fab_jsonl_each(path, line, &t, &err), "%s", err.text);
    fab_rouge_free(t.plain);
    fab_rouge_free(t.stem);
    CHECK_MSG(t.equal == t.all && t.all == wanted, "%lld of %lld numbers equal; %s",
              (long long)t.equal, (long long)t.all, t.first);
}

TEST(perl155_pubmedqa)
{
    vectors("open/rouge/rouge155_pubmedqa.jsonl", FAB_ROUGE_PERL155, perl_line, 150 * 24);
}
TEST(perl155_iu) { vectors("nc/rouge/rouge155_iu.jsonl", FAB_ROUGE_PERL155, perl_line, 150 * 24); }

static bool google_line(void *arg, const json_t *o, fab_err *err)
{
    static const char *const names[] = { "rouge1", "rouge2", "rougeL", "rougeLsum" };
    tally *t = arg;
    const char *ref = fab_json_str(o, "ref", err), *hyp = fab_json_str(o, "hyp", err);
    if (!ref || !hyp) return false;
    fab_text r = text_of(ref);
    for (int i = 0; i < 4; i++) {
        fab_rouge_metric m;
        fab_prf s;
        const json_t *want = json_object_get(o, names[i]);
        if (!want) continue;
        if (!fab_rouge_named(names[i], &m, err) ||
            !fab_rouge_measure(json_is_true(json_object_get(o, "stem")) ? t->stem : t->plain,
                               text_of(hyp), &r, 1, &m, 1, &s, err))
            return false;
        compare(t, fab_json_str(o, "id", err), names[i], s, want, 6e-6);
    }
    return true;
}

TEST(rouge_score_google)
{
    vectors("open/rouge/google_rouge.jsonl", FAB_ROUGE_SCORE, google_line, 54);
}

/* ---- the golden file: tools/golden/scores.py ---- */

#define GOLDEN "tests/golden/scores.jsonl"

typedef struct {
    fab_score_set set;
    json_t *lines; /* what the file says, record by record, then the corpus */
    fab_arena *arena;
} golden;

static bool golden_line(void *arg, const json_t *o, fab_err *err)
{
    golden *g = arg;
    fab_text refs[8];
    const json_t *list = json_object_get(o, "refs"), *hyp = json_object_get(o, "hyp");
    json_array_append(g->lines, (json_t *)o);
    if (!hyp) return true;
    int n = (int)json_array_size(list);
    for (int i = 0; i < n; i++)
        refs[i] = text_of(json_string_value(json_array_get(list, (size_t)i)));
    fab_score_record r = { fab_json_str(o, "id", err), text_of(json_string_value(hyp)), refs, n,
                           1 };
    return fab_score_add(&g->set, &r, err);
}

static golden golden_open(void)
{
    fab_err err = FAB_ERR_INIT;
    golden g = { .lines = json_array(), .arena = fab_arena_new(0, &err) };
    CHECK(fab_score_init(&g.set, &err));
    CHECK_MSG(fab_jsonl_each(GOLDEN, golden_line, &g, &err), "%s", err.text);
    CHECK(g.set.n == 84 && json_array_size(g.lines) == 85);
    return g;
}

static void golden_close(golden *g)
{
    fab_score_clear(&g->set);
    json_decref(g->lines);
    fab_arena_free(g->arena);
}

static fab_score_table run_golden(golden *g, const fab_score_opts *o, const char *const *names,
                                  int n)
{
    fab_err err = FAB_ERR_INIT;
    fab_score_table t;
    fab_metric *m = fab_arena_take(g->arena, (size_t)n * sizeof *m, &err);
    for (int i = 0; i < n; i++) CHECK_MSG(fab_metric_named(names[i], &m[i], &err), "%s", err.text);
    CHECK_MSG(fab_score_run(&g->set, o, m, n, g->arena, &t, &err), "%s", err.text);
    return t;
}

static fab_interval corpus_value(golden *g, const fab_score_table *t)
{
    fab_err err = FAB_ERR_INIT;
    fab_interval v[3];
    fab_boot_opts boot = { .resamples = 100 };
    CHECK(t->n_metrics == 1 && g->arena);
    CHECK_MSG(fab_score_corpus(t, &boot, v, &err), "%s", err.text);
    CHECK(v[2].low <= v[2].value + 1e-9 && v[2].value <= v[2].high + 1e-9);
    return v[2];
}

/* Chinese records are left out: the package drops Chinese; the ASCII script is compared on all. */
TEST(rouge_score_golden)
{
    static const char *const names[] = { "rouge1", "rouge2", "rouge3", "rougeL", "rougeLsum" };
    golden g = golden_open();
    for (int k = 0; k < 4; k++) {
        tally y = { 0 };
        fab_score_opts o = { .rouge = { .stem = k & 1,
                                        .script = k & 2 ? FAB_SCRIPT_ASCII : FAB_SCRIPT_CJK } };
        fab_score_table t = run_golden(&g, &o, names, 5);
        for (int64_t i = 0; i < t.n; i++) {
            const json_t *want =
                json_object_get(json_array_get(g.lines, (size_t)i), k & 1 ? "rouge_stem" : "rouge");
            if (!(k & 2) && fab_mt_has_cjk(g.set.items[i].hyp.s, g.set.items[i].hyp.n)) continue;
            for (int m = 0; m < 5; m++)
                compare(&y, g.set.items[i].id, names[m], t.values[i * 5 + m],
                        json_object_get(want, names[m]), 1e-12);
        }
        CHECK_MSG(y.equal == y.all && y.all >= 74 * 15, "%d: %lld of %lld equal; %s", k,
                  (long long)y.equal, (long long)y.all, y.first);
    }
    golden_close(&g);
}

TEST(bleu_golden)
{
    static const char *const bleu = "bleu";
    golden g = golden_open();
    for (int cut = 0; cut <= FAB_MT_NONE; cut++) {
        char key[16];
        snprintf(key, sizeof key, "bleu_%s", fab_mt_name((fab_mt_kind)cut));
        fab_score_opts o = { .cut_chosen = true, .cut = (fab_mt_kind)cut, .bleu.value = -1 };
        fab_score_table t = run_golden(&g, &o, &bleu, 1);
        for (int64_t i = 0; i <= t.n; i++) {
            double want =
                       json_number_value(json_object_get(json_array_get(g.lines, (size_t)i), key)),
                   got = i < t.n ? t.values[i].f : corpus_value(&g, &t).value;
            CHECK_MSG(fabs(got - want) < 1e-9, "%s record %lld: %.9f, wanted %.9f", key,
                      (long long)i, got, want);
        }
    }
    for (int s = FAB_BLEU_FLOOR; s <= FAB_BLEU_UNSMOOTHED; s++) {
        static const char *const keys[] = { "", "smooth_floor", "smooth_add-k", "smooth_none" };
        fab_score_opts o = { .cut_chosen = true, .bleu = { (fab_bleu_smoothing)s, -1 } };
        fab_score_table t = run_golden(&g, &o, &bleu, 1);
        double want = json_number_value(json_object_get(json_array_get(g.lines, 84), keys[s]));
        CHECK_NEAR(corpus_value(&g, &t).value, want, 1e-9);
    }
    golden_close(&g);
}

/* The oracles were fed words parted at blanks. */
TEST(meteor_and_cider_golden)
{
    static const char *const meteor = "meteor";
    golden g = golden_open();
    fab_score_opts o = { .cut_chosen = true, .cut = FAB_MT_NONE };
    fab_score_table t = run_golden(&g, &o, &meteor, 1);
    for (int64_t i = 0; i < t.n; i++) {
        double want =
            json_number_value(json_object_get(json_array_get(g.lines, (size_t)i), meteor));
        CHECK_MSG(fabs(t.values[i].f - want) < 1e-12, "record %lld: %.12f, wanted %.12f",
                  (long long)i, t.values[i].f, want);
    }
    static const char *const cider = "cider";
    const json_t *corpus = json_array_get(g.lines, 84),
                 *each = json_object_get(corpus, "cider_each");
    t = run_golden(&g, &o, &cider, 1);
    for (int64_t i = 0; i < t.n; i++) {
        double want = json_number_value(json_array_get(each, (size_t)i));
        CHECK_MSG(fabs(t.values[i].f - want) < 1e-9, "cider %lld: %.12f, wanted %.12f",
                  (long long)i, t.values[i].f, want);
    }
    CHECK_NEAR(corpus_value(&g, &t).value, json_number_value(json_object_get(corpus, cider)), 1e-9);
    golden_close(&g);
}

/* ---- words ---- */

/* A text equal to its reference scores 1 whatever the script and mode; under the package's own rule
 * Chinese is lost. */
TEST(identical_texts)
{
    static const char *const texts[] = { "双肺纹理清晰，未见结节。", "磨玻璃影",
                                         "CT约3.5cm，ＣＴ２", "No focal consolidation.",
                                         "かな カナ 한국어" },
                             *const metrics[] = { "rouge1", "rougeL", "rougeLsum", "rougeS4",
                                                  "rougeSU4" };
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        for (size_t k = 0; k < sizeof metrics / sizeof *metrics; k++)
            for (int mode = 0; mode < 3; mode++)
                for (int stem = 0; stem < 2; stem++) {
                    fab_rouge_opts o = { (fab_rouge_mode)mode, .stem = stem };
                    CHECK_MSG(rouge(texts[i], texts[i], metrics[k], o).f == 1, "%s %s mode %d",
                              texts[i], metrics[k], mode);
                }
    CHECK(rouge("双肺", "双肺", "rouge1", (fab_rouge_opts){ .script = FAB_SCRIPT_ASCII }).f == 0);
    CHECK(rouge("сердце", "сердце", "rouge1", (fab_rouge_opts){ 0 }).f == 0);
    CHECK(rouge("Сердце", "сердце", "rouge1", (fab_rouge_opts){ .script = FAB_SCRIPT_ALL }).f == 1);
    CHECK(rouge("双肺 文", "双肺", "rouge2", (fab_rouge_opts){ 0 }).r == 1);
}

static bool by_twos(void *arg, const char *s, size_t n, fab_word_row *to, fab_err *err)
{
    ++*(int *)arg;
    for (size_t i = 0; i < n; i += 6)
        if (!fab_word_row_put(to, s + i, n - i < 6 ? n - i : 6, err)) return false;
    return true;
}

TEST(segmenter_sees_runs)
{
    int runs = 0;
    fab_rouge_opts o = { .segment = by_twos, .segment_arg = &runs };
    fab_prf s = rouge("双肺结节CT结节，", "结节 肺双", "rouge1", o);
    CHECK(runs == 4);
    CHECK_NEAR(s.p, 0.25, 1e-12); /* 双肺 结节 ct 结节 against 结节 肺双 */
    CHECK_NEAR(s.r, 0.5, 1e-12);
}

/* ---- bad input ---- */

static bool read_set(const char *path, fab_err *err)
{
    fab_score_set s = { 0 };
    bool ok = fab_score_init(&s, err) && fab_score_read(&s, path, err);
    fab_score_clear(&s);
    return ok;
}

TEST(bad_records) { case_folder("tests/cases/text_scores", read_set); }

/* No memory at the n-th take or new: an error, no crash, whatever n. */
TEST(memory_runs_out)
{
    static const char *const names[] = { "rouge2", "rougeLsum", "rougeW", "rougeSU",
                                         "bleu",   "meteor",    "cider" };
    int64_t n = 0;
    for (bool done = false; !done && n < 10000; n++) {
        fab_err err = FAB_ERR_INIT;
        fab_metric m[7];
        fab_score_table t;
        fab_score_set s = { 0 };
        fab_arena *a = fab_arena_new(0, &err);
        fab_score_opts o = { .bleu.value = -1 };
        for (int i = 0; i < 7; i++) CHECK(fab_metric_named(names[i], &m[i], &err));
        fab_oom_arm(n);
        bool ok = fab_score_init(&s, &err) &&
                  fab_score_read(&s, "tests/cases/text_scores/ok.jsonl", &err) &&
                  fab_score_run(&s, &o, m, 7, a, &t, &err);
        bool struck = fab_oom_arm(-1);
        CHECK_MSG(ok != struck && (ok || err.code == FAB_ENOMEM), "at %lld: %s", (long long)n,
                  err.text);
        fab_score_clear(&s);
        fab_arena_free(a);
        done = !struck;
    }
    CHECK(n > 20 && n < 10000);
}

TEST_MAIN
