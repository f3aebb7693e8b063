/* A lexicon file; what is read is matched against the same bytes. */
#include "fuzz.h"
#include "text/lexicon.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    fab_err err = FAB_ERR_INIT;
    fab_lexicon *l = fab_lexicon_parse(data, size, &err);
    fab_arena *a = l ? fab_arena_new(0, &err) : NULL;
    size_t n = 0;

    if (!l && !err.code) __builtin_trap();
    if (a) {
        fab_term *t = fab_lexicon_scan(l, (const char *)data, size, a, &n, &err);
        for (size_t i = 0; t && i < n; i++)
            if (t[i].end <= t[i].at || t[i].end > size || (i && t[i].at < t[i - 1].end))
                __builtin_trap();
        if (fab_lexicon_surfaces(l) && !n) __builtin_trap(); /* its own terms stand in it */
    }
    fab_arena_free(a);
    fab_lexicon_free(l);
    return 0;
}
