/* case_slake: SLAKE's cases, from masks, boxes and what its own training questions say about the
 * same picture.
 *
 * Which labels a mask lists completely depends on where SLAKE took the picture from: heads,
 * necks, pelves and chests from sets with all organs at risk drawn, abdomens partly (a mask of 5
 * labels or more is taken as complete), brain MRI with tumour parts only, X-rays with boxes of
 * diseases only.
 */
#include <string.h>
#include <strings.h>

#include "base/json.h"
#include "data/case.h"

typedef struct {
    fab_case_list *cases;
    fab_path_list *images;
    int32_t first;       /* of SLAKE's cases in the list */
    fab_case **of_image; /* [n_images] */
    int32_t n_images;
    const char *dir;      /* SLAKE's folder */
    int8_t label_of[256]; /* of a mask's values */
} slake;

static void know(fab_case *x, int label, int present)
{
    x->presence[label] = (int8_t)present;
    if (label < FAB_LABELS_SPATIAL && !present) x->dense_known |= (uint64_t)1 << label;
}

/* ---- files ---- */

static bool detection_record(void *arg, const json_t *o, fab_err *err)
{
    const slake *s = arg;
    const char *image = fab_json_str(o, "image", err), *mask = fab_json_str(o, "mask", NULL);
    double w, h;
    if (!image || !fab_json_num(o, "width", &w, err) || !fab_json_num(o, "height", &h, err))
        return false;
    char *path = fab_path_join(s->cases->arena, s->dir, image, err);
    fab_case *x =
        path ? fab_case_new(s->cases, FAB_SET_SLAKE, fab_path_base(image), path, s->images, err)
             : NULL;
    if (!x || !fab_case_boxes(s->cases, x, o, w, h, err)) return false;
    if (!mask) return true;
    memset(x->area, 0, sizeof x->area); /* the mask measures better */
    if (!(path = fab_path_join(s->cases->arena, s->dir, mask, err))) return false;
    return fab_case_mask(s->cases, x, path, s->label_of, err);
}

static bool read_detection(slake *s, const char *dir, fab_err *err)
{
    s->dir = dir;
    for (int v = 0; v < 256; v++) s->label_of[v] = (int8_t)fab_label_of_mask(v);
    char *path = fab_path_join(s->cases->arena, dir, "detection.jsonl", err);
    return path && fab_jsonl_each(path, detection_record, s, err);
}

/* ---- what the records say ---- */

static uint8_t region_of(const char *organ, const char **code)
{
    static const struct {
        const char *organ, *code;
        uint8_t bit;
    } rows[] = {
        { "Brain", "head", FAB_REGION_HEAD },      { "Lung", "chest", FAB_REGION_CHEST },
        { "Chest", "chest", FAB_REGION_CHEST },    { "Abdomen", "abdomen", FAB_REGION_ABDOMEN },
        { "Pelvic", "pelvis", FAB_REGION_PELVIS }, { "Neck", "neck", FAB_REGION_NECK },
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (!strncmp(organ, rows[i].organ, strlen(rows[i].organ))) {
            *code = rows[i].code;
            return rows[i].bit;
        }
    return 0;
}

static void one_of(fab_case *x, fab_label_kind kind, const char *code)
{
    for (int l = 0; l < FAB_LABELS; l++)
        if (fab_labels[l].kind == kind) x->presence[l] = !strcmp(fab_labels[l].code, code);
}

static int present_labels(const fab_case *x, fab_label_kind kind)
{
    int n = 0;
    for (int l = 0; l < FAB_LABELS_SPATIAL; l++) n += fab_labels[l].kind == kind && x->area[l] > 0;
    return n;
}

/* Whether every organ in the picture is in its mask, by where the picture comes from. */
static bool organs_complete(const fab_case *x, const char *organ, bool ct)
{
    int n = present_labels(x, FAB_KIND_ORGAN);
    if (!ct || !x->map) return false;
    if (!strncmp(organ, "Brain_", 6) || !strncmp(organ, "Neck", 4) || !strncmp(organ, "Pelvic", 6))
        return n > 0;
    return n >= (strncmp(organ, "Chest", 5) ? 5 : 4);
}

/* Modality, plane and region of the picture, and what they rule out. */
static void place(fab_case *x, const fab_qa *q)
{
    const char *region = "", *modality = !strcmp(q->modality, "CT")    ? "ct"
                                         : !strcmp(q->modality, "MRI") ? "mri"
                                                                       : "xray";
    uint8_t bit = region_of(q->organ, &region);
    bool ct = !strcmp(modality, "ct"), xray = !strcmp(modality, "xray"),
         complete = organs_complete(x, q->organ, ct);
    one_of(x, FAB_KIND_MODALITY, modality);
    for (int l = 0; l < FAB_LABELS; l++) {
        if (!strcmp(fab_labels[l].code, "t1") || !strcmp(fab_labels[l].code, "t2"))
            x->presence[l] = strcmp(modality, "mri") ? 0 : -1;
    }
    one_of(x, FAB_KIND_PLANE, xray ? "coronal" : "transverse"); /* no exception in the set */
    if (bit) one_of(x, FAB_KIND_REGION, region);
    bool tumours = !strcmp(modality, "mri") && !strncmp(q->organ, "Brain", 5);
    for (int l = 0; l < FAB_LABELS; l++) {
        const fab_label *row = &fab_labels[l];
        if (x->presence[l] == 1 || row->kind == FAB_KIND_MODALITY || row->kind == FAB_KIND_PLANE ||
            row->kind == FAB_KIND_REGION)
            continue;
        bool elsewhere = bit && !(row->regions & bit);
        bool undrawn = l < FAB_LABELS_SPATIAL && row->mask_value &&
                       ((complete && row->kind == FAB_KIND_ORGAN) ||
                        (tumours && row->kind == FAB_KIND_ABNORMALITY && x->map));
        bool chest_film = !xray && row->kind == FAB_KIND_ABNORMALITY && l < FAB_LABELS_SPATIAL &&
                          !row->mask_value;
        if (elsewhere || undrawn || (chest_film && !(bit & FAB_REGION_CHEST))) know(x, l, 0);
    }
    if (!strncmp(q->organ, "Brain", 5) && strcmp(q->organ, "Brain_Face"))
        know(x, fab_label_find("brain"), 1);
    if (!xray) return;
    static const char *const seen[] = { "heart", "lung", "left_lung", "right_lung" };
    for (size_t i = 0; i < sizeof seen / sizeof *seen; i++) know(x, fab_label_find(seen[i]), 1);
}

/* A yes or no about a noun becomes presence where a label is named alone; "no kidney" means
 * neither. */
static void noun_presence(fab_case *x, int noun, int yes)
{
    const fab_noun *n = &fab_nouns[noun];
    const char *codes[2] = { n->code_a, n->code_b };
    for (int i = 0; i < 2; i++) {
        int l = codes[i] ? fab_label_find(codes[i]) : -1;
        if (l >= 0 && x->presence[l] != 1 && (!yes || !n->code_b)) know(x, l, yes);
    }
    int whole = fab_label_find(n->en); /* lung, kidney, brain */
    if (whole >= FAB_LABELS_SPATIAL) know(x, whole, yes);
}

static int disease_label(const char *s, size_t n)
{
    static const char *const same[][2] = {
        { "Pulmonary Nodule", "nodule" },
        { "Noudle", "nodule" },
        { "Pulmonary Mass", "mass" },
        { "Effusion", "effusion" },
        { "Cardiomegal", "cardiomegaly" },
        { "Cardiomega", "cardiomegaly" },
        { "Pulmonary Infiltration", "infiltration" },
        { "Brian Edema", "brain_edema" },
    };
    char word[64];
    if (n >= sizeof word) return -1;
    memcpy(word, s, n);
    word[n] = 0;
    for (size_t i = 0; i < sizeof same / sizeof *same; i++)
        if (!strcasecmp(word, same[i][0])) return fab_label_find(same[i][1]);
    return fab_label_find(word);
}

/* "What diseases are included": those named are there, the other abnormalities are not. */
static void disease_presence(fab_case *x, const char *list)
{
    bool none = !strcasecmp(list, "None"), understood = true, named[FAB_LABELS] = { false };
    for (const char *s = list; !none && *s;) {
        s += strspn(s, ", ");
        size_t n = strcspn(s, ",");
        int l = disease_label(s, n);
        if (l >= 0) named[l] = true;
        else understood = false; /* "Brain Tumor": which part is not said */
        s += n;
    }
    know(x, fab_label_find("abnormal"), !none);
    for (int l = 0; l < FAB_LABELS_SPATIAL; l++) {
        if (fab_labels[l].kind != FAB_KIND_ABNORMALITY || x->presence[l] == 1) continue;
        if (named[l]) know(x, l, 1);
        else if (understood && x->presence[l] < 0) know(x, l, 0);
    }
}

static void absorb(fab_case *x, const fab_fact *f)
{
    switch (f->kind) {
    case FAB_FACT_CONTAINS: noun_presence(x, f->noun, f->yes); break;
    case FAB_FACT_HAS: noun_presence(x, f->noun, f->yes); break;
    case FAB_FACT_ABNORMAL: know(x, fab_label_find("abnormal"), f->yes); break;
    case FAB_FACT_DISEASES:
        if (f->value[FAB_EN]) disease_presence(x, f->value[FAB_EN]);
        break;
    case FAB_FACT_WEIGHTING:
        if (f->value[FAB_EN] && !strcasecmp(f->value[FAB_EN], "T1"))
            know(x, fab_label_find("t1"), 1), know(x, fab_label_find("t2"), 0);
        if (f->value[FAB_EN] && !strcasecmp(f->value[FAB_EN], "T2"))
            know(x, fab_label_find("t2"), 1), know(x, fab_label_find("t1"), 0);
        break;
    default: break;
    }
}

/* "Transverse  Plane" is written with two blanks in half of the records. */
static bool tidy(slake *s, fab_fact *f, fab_err *err)
{
    for (int l = 0; l < FAB_LANGS; l++) {
        if (!f->value[l]) continue;
        char *copy = fab_arena_strdup(s->cases->arena, f->value[l], err), *to = copy;
        if (!copy) return false;
        for (const char *from = copy; *from; from++)
            if (*from != ' ' || from[1] != ' ') *to++ = *from;
        *to = 0;
        f->value[l] = copy;
    }
    return true;
}

/* "Where is the mass?" and "in which part of the lung is it?" have one answer. */
static bool twin(slake *s, fab_case *x, const fab_fact *f, fab_err *err)
{
    int l =
        f->noun >= 0 && fab_nouns[f->noun].code_a ? fab_label_find(fab_nouns[f->noun].code_a) : -1;
    bool where = f->kind == FAB_FACT_WHERE, in_lung = f->kind == FAB_FACT_IN_LUNG;
    if (l < 0 || fab_labels[l].regions != FAB_REGION_CHEST || (!where && !in_lung)) return true;
    fab_fact other = *f;
    other.kind = where ? FAB_FACT_IN_LUNG : FAB_FACT_WHERE;
    return fab_case_fact(s->cases, x, &other, err);
}

/* val: of the val file, whose records about held-out pictures tell nothing. */
static bool read_facts(slake *s, const fab_qa_set *from, bool val, fab_err *err)
{
    for (int64_t i = 0; i < from->n; i++) {
        const fab_qa *q = &from->items[i];
        fab_case *x = q->image >= 0 && q->image < s->n_images ? s->of_image[q->image] : NULL;
        fab_fact f;
        if (!x || (val && x->val)) continue;
        if (!*x->diagnosis) place(x, q);
        x->diagnosis = q->organ; /* marks the case as placed; reset by the caller */
        if (!fab_fact_parse(q, s->cases->arena, &f)) continue;
        if (!tidy(s, &f, err) || !fab_case_fact(s->cases, x, &f, err) || !twin(s, x, &f, err))
            return false;
        absorb(x, &f);
    }
    return true;
}

/* ---- facts that follow from presence ---- */

static int noun_state(const fab_case *x, const fab_noun *n)
{
    int a = n->code_a ? x->presence[fab_label_find(n->code_a)] : -1;
    if (!n->code_b) return a;
    int b = x->presence[fab_label_find(n->code_b)];
    if (a == 1 || b == 1) return 1;
    return a == 0 && b == 0 ? 0 : -1;
}

static bool state_facts(slake *s, fab_case *x, fab_err *err)
{
    for (int i = 0; i < fab_noun_count; i++) {
        const fab_noun *n = &fab_nouns[i];
        int l = n->code_a ? fab_label_find(n->code_a) : -1, state = noun_state(x, n);
        if (l < 0 || state < 0 || !strcmp(n->en, "brian")) continue;
        fab_fact_kind kind = FAB_FACTS;
        switch (fab_labels[l].kind) {
        case FAB_KIND_ORGAN: kind = FAB_FACT_CONTAINS; break;
        case FAB_KIND_ABNORMALITY: kind = FAB_FACT_HAS; break;
        case FAB_KIND_MODALITY:
            kind = n->en[0] == 'T' ? FAB_FACT_IS_WEIGHTING : FAB_FACT_IS_MODALITY;
            break;
        case FAB_KIND_PLANE: kind = FAB_FACT_IS_PLANE; break;
        case FAB_KIND_REGION: kind = FAB_FACT_STUDY_OF; break;
        default: break;
        }
        bool skin_or_blood = fab_labels[l].regions & (FAB_REGION_SKIN | FAB_REGION_BLOOD) &&
                             fab_labels[l].kind != FAB_KIND_ABNORMALITY;
        if (kind == FAB_FACTS || skin_or_blood || (l == fab_label_find("skin_lesion"))) continue;
        if (kind == FAB_FACT_IS_WEIGHTING && x->presence[fab_label_find("mri")] != 1) continue;
        if (!fab_case_say(s->cases, x, kind, n->en, state, NULL, NULL, err)) return false;
        if (state != 1) continue;
        bool ok = true;
        if (kind == FAB_FACT_IS_MODALITY)
            ok = fab_case_say(s->cases, x, FAB_FACT_MODALITY, NULL, -1, n->answer_en, n->answer_zh,
                              err);
        if (kind == FAB_FACT_IS_PLANE)
            ok = fab_case_say(s->cases, x, FAB_FACT_PLANE, NULL, -1, n->answer_en, n->answer_zh,
                              err);
        if (kind == FAB_FACT_STUDY_OF)
            ok = fab_case_say(s->cases, x, FAB_FACT_REGION, NULL, -1, n->answer_en, n->answer_zh,
                              err);
        if (!ok) return false;
    }
    return true;
}

static bool pair_counts(slake *s, fab_case *x, fab_err *err)
{
    static const char *const pairs[][3] = {
        { "kidney", "left_kidney", "right_kidney" },
        { "lung", "left_lung", "right_lung" },
        { "femoral head", "left_femoral_head", "right_femoral_head" },
        { "temporal lobe", "left_temporal_lobe", "right_temporal_lobe" },
        { "mandible", "left_mandible", "right_mandible" },
        { "parotid", "left_parotid", "right_parotid" }
    };
    static const char *const digits[] = { "0", "1", "2" };
    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++) {
        int a = x->presence[fab_label_find(pairs[i][1])],
            b = x->presence[fab_label_find(pairs[i][2])];
        if (a < 0 || b < 0) continue;
        if (!fab_case_say(s->cases, x, FAB_FACT_COUNT, pairs[i][0], -1, digits[a + b],
                          digits[a + b], err))
            return false;
    }
    return true;
}

static void whole_organs(fab_case *x)
{
    static const char *const rows[][3] = { { "lung", "left_lung", "right_lung" },
                                           { "kidney", "left_kidney", "right_kidney" } };
    for (int i = 0; i < 2; i++) {
        int a = x->presence[fab_label_find(rows[i][1])],
            b = x->presence[fab_label_find(rows[i][2])];
        int whole = fab_label_find(rows[i][0]);
        if (a == 1 || b == 1) x->presence[whole] = 1;
        else if (a == 0 && b == 0 && x->presence[whole] < 0) x->presence[whole] = 0;
    }
}

static bool finish(slake *s, fab_err *err)
{
    for (int32_t i = s->first; i < s->cases->n; i++) {
        fab_case *x = &s->cases->items[i];
        x->diagnosis = "";
        whole_organs(x);
        if (!state_facts(s, x, err) || !pair_counts(s, x, err) ||
            !fab_case_knowledge(s->cases, x, err))
            return false;
    }
    return true;
}

/* ---- the set ---- */

/* By the English val questions: see data/bundle.h. */
static void mark_val(slake *s, const fab_qa_set *val)
{
    for (int64_t i = 0; i < val->n; i++) {
        int32_t image = val->items[i].image;
        if (val->items[i].lang == FAB_EN && image >= 0 && image < s->n_images && s->of_image[image])
            s->of_image[image]->val = true;
    }
}

static bool with_records(slake *s, const char *dir, fab_err *err)
{
    fab_qa_set train = { 0 }, val = { 0 };
    fab_arena *a = s->cases->arena;
    char *train_path = fab_path_join(a, dir, "train.jsonl", err),
         *val_path = fab_path_join(a, dir, "val.jsonl", err);
    bool ok = train_path && val_path && fab_qa_init(&train, s->images, err) &&
              fab_qa_init(&val, s->images, err) && fab_qa_read(&train, train_path, NULL, err) &&
              fab_qa_read(&val, val_path, NULL, err);
    s->n_images = s->images->n;
    s->of_image = ok ? fab_new_array((size_t)s->n_images + 1, sizeof *s->of_image, err) : NULL;
    if (s->of_image) {
        for (int32_t i = s->first; i < s->cases->n; i++)
            s->of_image[s->cases->items[i].image] = &s->cases->items[i];
        mark_val(s, &val);
        ok = read_facts(s, &train, false, err) && read_facts(s, &val, true, err) && finish(s, err);
    } else {
        ok = false;
    }
    fab_free(s->of_image);
    fab_qa_clear(&train);
    fab_qa_clear(&val);
    return ok;
}

bool fab_cases_slake(fab_case_list *c, fab_path_list *images, const char *root, fab_err *err)
{
    slake s = { .cases = c, .images = images, .first = c->n };
    char *dir = fab_path_join(c->arena, root, "slake", err);
    return dir && read_detection(&s, dir, err) && with_records(&s, dir, err);
}
