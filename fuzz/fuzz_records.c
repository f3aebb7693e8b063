/* VQA records and packed question-only baselines: what is accepted is whole, what is not has an
 * error. */
#include <string.h>
#include "evaluate/vqa.h"
#include "fuzz.h"

static void check_records(const fab_qa_set *s)
{
    for (int64_t i = 0; i < s->n; i++) {
        const fab_qa *q = &s->items[i];
        if (!q->question[0] || !q->answer || q->image < -1 || q->image >= s->images->n)
            __builtin_trap();
        if (q->lang < 0 || q->lang >= FAB_LANGS || !(q->weight >= 0)) __builtin_trap();
        if (!fab_vqa_match(q->answer, q->answer)) __builtin_trap();
    }
}

static void learn(const fab_qa_set *s)
{
    fab_err err = FAB_ERR_INIT;
    fab_vqa_scores scores;
    fab_blind *b = fab_blind_train(s->items, s->n, &err);
    fab_arena *a = fab_arena_new(0, &err);
    char *text = b && a ? fab_blind_pack(b, a, &err) : NULL;
    fab_blind *again = text ? fab_blind_parse(text, strlen(text), &err) : NULL;
    if (!again || !fab_blind_measure(again, s->items, s->n, &scores, &err)) __builtin_trap();
    if (scores.all.n != s->n || scores.all.overall > 1) __builtin_trap();
    fab_blind_free(again);
    fab_blind_free(b);
    fab_arena_free(a);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    fab_err err = FAB_ERR_INIT;
    fab_path_list images;
    fab_qa_set s = { 0 };
    if (fab_paths_init(&images, &err) && fab_qa_init(&s, &images, &err)) {
        bool ok = fab_qa_parse(&s, data, size, "fuzz", "pictures", &err);
        if (ok != (err.code == FAB_OK) || (ok && !s.n)) __builtin_trap();
        check_records(&s);
        if (s.n && s.n < 64) learn(&s);
    }
    fab_qa_clear(&s);
    fab_paths_clear(&images);
    fab_err other = FAB_ERR_INIT;
    fab_blind *b = fab_blind_parse(data, size, &other);
    if (!b && other.code == FAB_OK) __builtin_trap();
    fab_blind_free(b);
    return 0;
}
