/* fabrica data levels: how hard the questions of the training sets are, by the grader that a
 * stage's curriculum follows. */
#include "cli/verb.h"
#include "train/levels.h"

typedef struct {
    const char *data, *out;
} opts;

static const char *const kinds[FAB_LEVEL_KINDS] = { "slake", "vqa_rad", "made", "held_out" };

static bool print_json(fab_run *r, const fab_level_row *rows, fab_err *err)
{
    json_t *list = json_array();
    for (int i = 0; list && i < FAB_LEVELS; i++) {
        json_t *o = json_pack("{s:i, s:f, s:I, s:I}", "level", i + 1, "to", rows[i].to, "closed",
                              (json_int_t)rows[i].closed, "guessed", (json_int_t)rows[i].guessed);
        for (int k = 0; o && k < FAB_LEVEL_KINDS; k++)
            json_object_set_new(o, kinds[k], json_integer((json_int_t)rows[i].n[k]));
        json_array_append_new(list, o);
    }
    return fab_run_json(r, json_pack("{s:o}", "levels", list), err);
}

static double percent(int64_t part, int64_t n) { return n ? 100.0 * (double)part / (double)n : 0; }

static bool run(fab_run *r, const void *vo, fab_err *err)
{
    const opts *o = vo;
    fab_level_row rows[FAB_LEVELS];
    if (!fab_levels(o->data, o->out, r->pool, rows, err)) return false;
    if (r->json) return print_json(r, rows, err);
    fprintf(r->out, "level  sum to   slake  vqa_rad    made  held out  closed  guessed\n");
    for (int i = 0; i < FAB_LEVELS; i++)
        fprintf(r->out, "%5d  %6.2f  %6lld  %7lld  %6lld  %8lld  %4.0f %%  %5.0f %%\n", i + 1,
                rows[i].to, (long long)rows[i].n[FAB_LEVEL_SLAKE],
                (long long)rows[i].n[FAB_LEVEL_VQA_RAD], (long long)rows[i].n[FAB_LEVEL_MADE],
                (long long)rows[i].n[FAB_LEVEL_HELD_OUT], percent(rows[i].closed, rows[i].written),
                percent(rows[i].guessed, rows[i].written));
    return true;
}

/* clang-format off */
const fab_verb fab_verb_data_levels = {
    .name = "data levels", .summary = "count the questions of each level of difficulty",
    .about = "Five levels, from 1 (easy), by how a question is answered, how rare and long its answer is, what it asks "
             "about, and whether one who never saw the picture guesses it (docs/training.md). Columns: largest sum of the "
             "rubric; training records of SLAKE and VQA-RAD, records made from labels, held-out records of both sets; of "
             "the training records that people wrote the share answered by yes, no or a choice, and the share that the "
             "question-only baseline guesses. A recipe's stage follows the levels with 'curriculum'.",
    .example = "fabrica data levels --data ../shared/data/open -o levels.jsonl", .opts_size = sizeof(opts), .run = run,
    .opts = (const fab_opt[]){
        { "data", FAB_FILE_IN,  offsetof(opts, data), "../shared/data/open", "folder of the training sets" },
        { "out",  FAB_FILE_OUT, offsetof(opts, out),  NULL, "write every record with its level as JSONL", .letter = 'o' },
        { 0 } },
};
/* clang-format on */
