/* A dictionary file when it begins like one, else a text to cut by the program's own. */
#include "fuzz.h"
#include "text/segment.h"

static void check(const fab_segmenter *s, const uint8_t *data, size_t size)
{
    fab_word_list w = { 0 };
    size_t at = 0;

    if (fab_segment_text(s, (const char *)data, size, &w, NULL))
        for (size_t i = 0; i < w.n; at = w.items[i].at + w.items[i].len, i++)
            if (w.items[i].at < at || !w.items[i].len || w.items[i].at + w.items[i].len > size)
                __builtin_trap();
    fab_word_list_clear(&w);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static fab_segmenter *own;
    static fab_lexicon *none;
    fab_err err = FAB_ERR_INIT;

    if (!own) own = fab_segmenter_new(NULL, &err);
    if (!none) none = fab_lexicon_parse("#fabrica-lexicon 1\n", 19, &err);
    if (!own || !none) __builtin_trap();
    if (!size || data[0] != '#') check(own, data, size);
    else {
        fab_segmenter *s = fab_segmenter_parse(none, data, size, &err);
        if (!s && !err.code) __builtin_trap();
        if (s) check(s, data, size);
        fab_segmenter_free(s);
    }
    return 0;
}
