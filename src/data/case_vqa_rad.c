/* case_vqa_rad: what VQA-RAD's records say of a picture besides their answers: the body region
 * (every record names it) and, where a training question about the modality was answered, the
 * modality.
 *
 * Its pictures come from many scanners and fill the frame as teaching files do; SLAKE's heads are
 * one patient's, small in a wide field. Without them a head that fills the frame was called a
 * chest.
 */
#include <ctype.h>
#include <string.h>
#include <strings.h>

#include "base/json.h"
#include "data/case.h"
#include "data/split.h"

typedef struct {
    fab_case_list *cases;
    fab_path_list *images;
    const char *dir; /* the JSONL's folder */
    int32_t first;   /* this set's first case */
    fab_rad_run run;
} reader;

static const struct {
    const char *organ, *code, *en, *zh;
    uint8_t reach; /* regions that such a picture may also show */
} regions[] = {
    { "HEAD", "head", "Head", "头部", FAB_REGION_HEAD | FAB_REGION_NECK },
    { "CHEST", "chest", "Chest", "胸腔", FAB_REGION_CHEST },
    { "ABD", "abdomen", "Abdomen", "腹部", FAB_REGION_ABDOMEN | FAB_REGION_PELVIS },
};

/* Words of an answer to a question about the modality, lower case. */
static const struct {
    const char *word, *code, *en, *zh;
} modalities[] = {
    { "mri", "mri", "MRI", "核磁共振" }, { "t1", "mri", "MRI", "核磁共振" },
    { "t2", "mri", "MRI", "核磁共振" },  { "flair", "mri", "MRI", "核磁共振" },
    { "dwi", "mri", "MRI", "核磁共振" }, { "ct", "ct", "CT", "CT" },
    { "x-ray", "xray", "X-Ray", "X光" }, { "xray", "xray", "X-Ray", "X光" },
    { "cxr", "xray", "X-Ray", "X光" },   { "radiograph", "xray", "X-Ray", "X光" },
};

static fab_case *case_at(reader *r, const char *path, int32_t image, fab_err *err)
{
    for (int32_t i = r->first; image >= 0 && i < r->cases->n; i++)
        if (r->cases->items[i].image == image) return &r->cases->items[i];
    return fab_case_new(r->cases, FAB_SET_VQA_RAD, fab_path_base(path), path, r->images, err);
}

static bool say_region(fab_case_list *c, fab_case *x, const char *organ, fab_err *err)
{
    for (size_t i = 0; i < sizeof regions / sizeof *regions; i++) {
        if (strcmp(regions[i].organ, organ)) continue;
        for (int l = 0; l < FAB_LABELS; l++)
            if (!(fab_labels[l].regions & regions[i].reach)) x->presence[l] = 0;
        x->presence[fab_label_find(regions[i].code)] = 1;
        if (regions[i].reach & FAB_REGION_HEAD) x->presence[fab_label_find("brain")] = 1;
        return fab_case_say(c, x, FAB_FACT_PART, NULL, -1, regions[i].en, regions[i].zh, err) &&
               fab_case_say(c, x, FAB_FACT_REGION, NULL, -1, regions[i].en, regions[i].zh, err);
    }
    return fab_fail(err, FAB_EFORMAT, "organ: \"%.40s\", HEAD, CHEST or ABD is wanted", organ);
}

/* Whether `word` stands in text between what are no letters and no digits, in any case of letters. */
static bool has_word(const char *text, const char *word)
{
    size_t n = strlen(word), at = 0;
    for (size_t len = strlen(text); at + n <= len; at++) {
        bool starts = at == 0 || !isalnum((unsigned char)text[at - 1]);
        if (starts && !strncasecmp(text + at, word, n) && !isalnum((unsigned char)text[at + n]))
            return true;
    }
    return false;
}

static bool say_modality(fab_case_list *c, fab_case *x, const char *answer, fab_err *err)
{
    for (size_t i = 0; i < sizeof modalities / sizeof *modalities; i++) {
        if (!has_word(answer, modalities[i].word)) continue;
        for (int l = 0; l < FAB_LABELS; l++)
            if (fab_labels[l].kind == FAB_KIND_MODALITY) x->presence[l] = 0;
        x->presence[fab_label_find(modalities[i].code)] = 1;
        return fab_case_say(c, x, FAB_FACT_MODALITY, NULL, -1, modalities[i].en, modalities[i].zh,
                            err);
    }
    return true;
}

static bool record(void *arg, const json_t *o, fab_err *err)
{
    reader *r = arg;
    const char *image = fab_json_str(o, "image", err), *id = fab_json_str(o, "id", NULL),
               *organ = image ? fab_json_str(o, "organ", err) : NULL,
               *kind = fab_json_str(o, "question_type", NULL),
               *answer = json_string_value(json_object_get(o, "answer"));
    char *path = organ ? fab_path_join(r->cases->arena, r->dir, image, err) : NULL;
    int32_t known = path ? fab_paths_find(r->images, path) : -1;
    fab_case *x = path ? case_at(r, path, known, err) : NULL;
    if (!x || (!x->n_facts && !say_region(r->cases, x, organ, err))) return false;
    if (fab_split_rad(&r->run, id ? id : "", fab_path_base(image))) return true;
    return !answer || !kind || strcmp(kind, "MODALITY") || say_modality(r->cases, x, answer, err);
}

bool fab_cases_vqa_rad(fab_case_list *c, fab_path_list *images, const char *root, fab_err *err)
{
    reader r = { .cases = c, .images = images, .first = c->n };
    char *path = fab_path_join(c->arena, root, "vqa_rad/train.jsonl", err);
    return path && (r.dir = fab_path_dir(c->arena, path, err)) &&
           fab_jsonl_each(path, record, &r, err);
}
