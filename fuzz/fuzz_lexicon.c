/* A lexicon file; what is read is matched against the same bytes. */
#include <string.h>
#include "fuzz.h"
#include "text/lexicon.h"

/* A term is found as its own concept. */
static void check_surfaces(const fab_lexicon *l, int i)
{
    const fab_concept *c = fab_lexicon_concept(l, i);

    for (int k = 0; k < c->n_zh; k++)
        if (fab_lexicon_lookup(l, c->zh[k], strlen(c->zh[k])) != i) __builtin_trap();
    for (int k = 0; k < c->n_en; k++)
        if (fab_lexicon_lookup(l, c->en[k], strlen(c->en[k])) != i) __builtin_trap();
}

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
        for (int i = 0; i < fab_lexicon_concepts(l); i++) check_surfaces(l, i);
    }
    fab_arena_free(a);
    fab_lexicon_free(l);
    return 0;
}
