/* split: who is held out. See split.h. The hash is SHA-1 so that it is the same for ever. */
#include "data/split.h"

#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "base/hash.h"

static int nibble(char c) { return c <= '9' ? c - '0' : c - 'a' + 10; }

bool fab_split_hash(const char *salt, const char *group, double fraction)
{
    char text[512], hex[41];
    int n = snprintf(text, sizeof text, "%s/%s", salt, group);
    if (n >= (int)sizeof text) n = (int)sizeof text - 1;
    fab_sha1_hex(text, (size_t)n, hex);
    double u = 0, step = 1;
    for (int i = 0; i < 12; i++) u += nibble(hex[i]) * (step /= 16);
    return u < fraction;
}

bool fab_split_val(fab_set set, const char *group)
{
    switch (set) {
    case FAB_SET_VQA_RAD: return fab_split_hash("vqa_rad", group, 0.12);
    case FAB_SET_ISIC: return fab_split_hash("isic2017", group, 0.15);
    case FAB_SET_KERMANY: return fab_split_hash("kermany_cxr", group, 0.15);
    default: return false; /* these have val files */
    }
}

bool fab_split_vqa_rad(fab_qa_set *all, fab_qa_set *train, fab_qa_set *val, fab_err *err)
{
    for (int64_t i = 0; i < all->n; i++) {
        const fab_qa *q = &all->items[i];
        const char *image = q->image < 0 ? "" : fab_path_base(all->images->paths[q->image]);
        if (!fab_qa_add(fab_split_val(FAB_SET_VQA_RAD, image) ? val : train, q, err)) return false;
    }
    return true;
}
