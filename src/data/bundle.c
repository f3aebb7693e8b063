/* bundle: everything under one root. See bundle.h. */
#include "data/bundle.h"

#include <string.h>

#include "base/file.h"
#include "data/split.h"

static bool read_file(fab_qa_set *s, fab_bundle *b, const char *root, const char *file,
                      fab_err *err)
{
    char *path = fab_path_join(b->cases.arena, root, file, err);
    return path && fab_qa_read(s, path, NULL, err);
}

static bool read_rad(fab_bundle *b, const char *root, fab_err *err)
{
    fab_qa_set all;
    bool ok = fab_qa_init(&all, &b->images, err) &&
              read_file(&all, b, root, "vqa_rad/train.jsonl", err) &&
              fab_split_vqa_rad(&all, &b->rad, &b->rad_val, err);
    fab_qa_clear(&all);
    return ok;
}

/* The question frames: questions of training asked a third way. */
static bool read_frames(fab_bundle *b, const char *root, fab_err *err)
{
    fab_qa_set all;
    bool ok = fab_qa_init(&all, &b->images, err) &&
              read_file(&all, b, root, "vqa_rad/train_frame.jsonl", err);
    for (int64_t i = 0; ok && i < all.n; i++) {
        if (!fab_split_frame(&all.items[i], &b->rad, &b->rad_val)) continue;
        all.items[i].source = "VQA-RAD made";
        ok = fab_qa_add(&b->made, &all.items[i], err);
    }
    fab_qa_clear(&all);
    return ok;
}

static bool index_cases(fab_bundle *b, fab_err *err)
{
    b->case_of = fab_new_array((size_t)b->images.n + 1, sizeof *b->case_of, err);
    if (!b->case_of) return false;
    for (int32_t i = 0; i < b->images.n; i++) b->case_of[i] = -1;
    for (int32_t i = 0; i < b->cases.n; i++) b->case_of[b->cases.items[i].image] = i;
    return true;
}

/* Records about held-out pictures to slake_val, the others to slake. */
static bool deal_slake(fab_bundle *b, const fab_qa_set *from, bool share, fab_err *err)
{
    bool ok = true;
    for (int64_t i = 0; ok && i < from->n; i++) {
        int32_t image = from->items[i].image, at = -1;
        for (int32_t k = 0; image >= 0 && at < 0 && k < b->cases.n; k++)
            if (b->cases.items[k].image == image) at = k;
        bool held = at >= 0 && b->cases.items[at].val && !share;
        ok = fab_qa_add(held ? &b->slake_val : &b->slake, &from->items[i], err);
    }
    return ok;
}

static bool read_slake(fab_bundle *b, const char *root, const fab_bundle_opts *o, fab_err *err)
{
    fab_qa_set train, val;
    bool ok = fab_qa_init(&train, &b->images, err) & fab_qa_init(&val, &b->images, err);
    ok = ok && read_file(&train, b, root, "slake/train.jsonl", err) &&
         read_file(&val, b, root, "slake/val.jsonl", err) && deal_slake(b, &val, false, err) &&
         deal_slake(b, &train, o->share_val, err);
    for (int32_t i = 0; ok && o->share_val && i < b->cases.n; i++)
        if (b->cases.items[i].set == FAB_SET_SLAKE) b->cases.items[i].val = false;
    fab_qa_clear(&train);
    fab_qa_clear(&val);
    return ok;
}

static bool read_cases(fab_bundle *b, const char *root, fab_err *err)
{
    return fab_cases_slake(&b->cases, &b->images, root, err) &&
           fab_cases_isic(&b->cases, &b->images, root, err) &&
           fab_cases_kermany(&b->cases, &b->images, root, err) &&
           fab_cases_bccd(&b->cases, &b->images, root, err) &&
           fab_cases_vqa_rad(&b->cases, &b->images, root, err);
}

static bool generate(fab_bundle *b, const char *root, fab_err *err)
{
    fab_make_opts train = FAB_MAKE_DEFAULTS, val = FAB_MAKE_DEFAULTS, captions = FAB_MAKE_DEFAULTS;
    val.train = false;
    val.val = true;
    captions.per_fact = 4;
    char *kg = fab_path_join(b->cases.arena, root, "slake/kg.jsonl", err);
    return kg && fab_make_qa(&b->cases, &train, &b->made, err) &&
           fab_make_exam(&b->cases, &val, &b->made_val, err) &&
           fab_make_captions(&b->cases, &captions, &b->captions, err) &&
           fab_make_kg(kg, 1, &b->facts, err);
}

bool fab_bundle_open(fab_bundle *b, const char *root, const fab_bundle_opts *opts, fab_err *err)
{
    static const fab_bundle_opts none;
    const fab_bundle_opts *o = opts ? opts : &none;
    memset(b, 0, sizeof *b);
    bool ok = fab_paths_init(&b->images, err) && fab_cases_init(&b->cases, err);
    fab_qa_set *sets[] = { &b->slake, &b->slake_val, &b->rad,   &b->rad_val,
                           &b->made,  &b->made_val,  &b->facts, &b->captions };
    for (size_t i = 0; ok && i < sizeof sets / sizeof *sets; i++)
        ok = fab_qa_init(sets[i], &b->images, err);
    ok = ok && read_cases(b, root, err) && read_slake(b, root, o, err) && read_rad(b, root, err) &&
         read_frames(b, root, err) && index_cases(b, err) && generate(b, root, err) &&
         (!o->corpus || fab_corpus_open(&b->corpus, root, 600, err));
    if (!ok) fab_bundle_clear(b);
    return ok;
}

void fab_bundle_clear(fab_bundle *b)
{
    fab_qa_set *sets[] = { &b->slake, &b->slake_val, &b->rad,   &b->rad_val,
                           &b->made,  &b->made_val,  &b->facts, &b->captions };
    for (size_t i = 0; i < sizeof sets / sizeof *sets; i++) fab_qa_clear(sets[i]);
    fab_corpus_clear(&b->corpus);
    fab_cases_clear(&b->cases);
    fab_paths_clear(&b->images);
    fab_free(b->case_of);
    memset(b, 0, sizeof *b);
}
