/* A report: spans inside the text, in range, and the same again for the same bytes. */
#include <string.h>
#include "fuzz.h"
#include "metrics/findings.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static fab_labeller *l;
    fab_err err = FAB_ERR_INIT;
    fab_mentions m = { 0 }, again = { 0 };
    if (!l && !(l = fab_labeller_new(&err))) return 0;
    if (fab_labeller_read(l, (const char *)data, size, &m, &err)) {
        if (!fab_labeller_read(l, (const char *)data, size, &again, &err) || again.n != m.n)
            __builtin_trap();
        for (size_t i = 0; i < m.n; i++) {
            const fab_mention *x = &m.items[i];
            if (x->at >= x->end || x->end > size || x->observation >= FAB_OBSERVATIONS ||
                x->status >= FAB_STATUSES || x->side >= FAB_SIDES ||
                memcmp(x, &again.items[i], sizeof *x))
                __builtin_trap();
        }
    } else if (!err.code || m.n) __builtin_trap();
    fab_mentions_clear(&m);
    fab_mentions_clear(&again);
    return 0;
}
