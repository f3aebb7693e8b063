/* A file of scores: what is accepted can be reported; what is not is named by line. */
#include <string.h>
#include "evaluate/predictions.h"
#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    fab_err err = FAB_ERR_INIT;
    fab_predictions p;
    static const char *const fields[] = { "sex" };
    if (size > 1 << 16) return 0;
    if (fab_predictions_parse(&p, data, size, "fuzz", "label", &err)) {
        const fab_measure_opts o = {
            .fields = fields, .n_fields = 1, .resamples = 10, .curves = true
        };
        json_t *v = fab_classify_report(&p, &o, &err);
        if (!v && !err.code) __builtin_trap();
        json_decref(v);
    } else if (!err.code || !strstr(err.text, "fuzz")) __builtin_trap();
    fab_predictions_clear(&p);
    return 0;
}
