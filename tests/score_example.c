/* What <fabrica/metrics.h> promises, used as another program would: tests/checks/metrics-api.sh
 * builds it. */
#include <fabrica/metrics.h>
#include <stdio.h>

static int show(fab_scorer *s, const char *metric, const char *hyp, const char *ref)
{
    fab_metric_score x;
    if (!fab_scorer_score(s, metric, hyp, &ref, 1, &x)) {
        printf("%s: %s\n", metric, fab_scorer_error(s));
        return 0;
    }
    printf("%s %.5f %.5f %.5f\n", metric, x.recall, x.precision, x.f);
    return 1;
}

int main(void)
{
    char why[256];
    fab_scorer_options o = { .mode = "perl155", .stem = 1 };
    fab_scorer *s = fab_scorer_new(&o, why, sizeof why);
    if (!s) return puts(why), 1;
    show(s, "rouge1", "Heart size is normal.\nNo acute disease.",
         "No acute cardiopulmonary diseases.\nHeart size is normal.");
    show(s, "rougeL", "双肺未见结节", "双肺未见结节");
    show(s, "bleu", "双肺未见结节", "双肺未见结节");
    show(s, "meteor", "no effusion", "no pleural effusions");
    show(s, "cider", "no effusion", "no effusion");
    show(s, "rouge0", "a", "a");
    show(s, "rouge1", "\xff", "a");
    fab_scorer_free(s);
    o.mode = "perl";
    return fab_scorer_new(&o, why, sizeof why) ? 1 : (puts(why), 0);
}
