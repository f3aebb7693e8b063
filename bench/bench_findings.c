/* bench_findings: megabytes a second of the finding labeller on one core.
 *
 *   bench_findings FILE...      each file is read again and again for a second; - without files: the test's sentences
 */
#include <stdio.h>
#include <string.h>
#include "base/file.h"
#include "kernels/bench.h"
#include "metrics/findings.h"

static int give_up(const char *name, const fab_err *err)
{
    fprintf(stderr, "bench_findings: %s: %s\n", name, err->text);
    return 1;
}

int main(int argc, char **argv)
{
    static const char *const sentences[] = { "tests/golden/findings/development.tsv",
                                             "tests/golden/findings/held_out.tsv" };
    fab_err err = FAB_ERR_INIT;
    double start = fab_bench_now();
    fab_labeller *l = fab_labeller_new(&err);
    if (!l) return give_up("labeller", &err);
    printf("%d phrases, ready in %.1f ms\n", fab_labeller_phrases(l),
           (fab_bench_now() - start) * 1e3);
    for (int i = 0; i < (argc > 1 ? argc - 1 : 2); i++) {
        const char *path = argc > 1 ? argv[i + 1] : sentences[i];
        fab_file f = { 0 };
        fab_mentions m = { 0 };
        if (!fab_file_map(&f, path, FAB_FINDINGS_TEXT, &err)) return give_up(path, &err);
        double bytes = 0, spent = 0;
        while (spent < 1) {
            m.n = 0;
            start = fab_bench_now();
            if (!fab_labeller_read(l, (const char *)f.data, f.size, &m, &err))
                return give_up(path, &err);
            spent += fab_bench_now() - start;
            bytes += (double)f.size;
        }
        printf("%-44s %6.1f MB/s, %.0f findings a kilobyte\n", path, bytes / spent / 1e6,
               (double)m.n / (double)f.size * 1e3);
        fab_mentions_clear(&m);
        fab_file_unmap(&f);
    }
    fab_labeller_free(l);
    return 0;
}
