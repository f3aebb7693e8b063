/* case: lists of cases, masks and boxes, and the classification sets. SLAKE's reader is
 * case_slake.c. */
#include "data/case.h"

#include <string.h>

#include "base/json.h"
#include "data/split.h"
#include "media/image.h"

bool fab_cases_init(fab_case_list *c, fab_err *err)
{
    *c = (fab_case_list){ .arena = fab_arena_new(4 << 20, err) };
    return c->arena != NULL;
}

void fab_cases_clear(fab_case_list *c)
{
    for (int32_t i = 0; i < c->n; i++) fab_free(c->items[i].facts);
    fab_arena_free(c->arena);
    fab_free(c->items);
    *c = (fab_case_list){ 0 };
}

fab_case *fab_case_new(fab_case_list *c, fab_set set, const char *id, const char *path,
                       fab_path_list *images, fab_err *err)
{
    if (c->n == c->cap) {
        int32_t cap = c->cap ? c->cap * 2 : 1024;
        if (!fab_grow((void **)&c->items, (size_t)cap, sizeof *c->items, err)) return NULL;
        c->cap = cap;
    }
    fab_case *x = &c->items[c->n];
    *x = (fab_case){ .set = set, .diagnosis = "", .counts = { -1, -1, -1 } };
    memset(x->presence, -1, sizeof x->presence);
    x->id = fab_arena_strdup(c->arena, id, err);
    x->image = fab_paths_add(images, path, err);
    if (!x->id || x->image < 0) return NULL;
    x->group = fab_path_base(images->paths[x->image]);
    c->n++;
    return x;
}

bool fab_case_fact(fab_case_list *c, fab_case *x, const fab_fact *f, fab_err *err)
{
    (void)c;
    for (int i = 0; i < x->n_facts; i++) {
        fab_fact *have = &x->facts[i];
        if (have->kind != f->kind || have->noun != f->noun) continue;
        for (int l = 0; l < FAB_LANGS; l++) /* the other language's record may know the word */
            if (!have->value[l]) have->value[l] = f->value[l];
        return true;
    }
    if (x->n_facts == x->cap_facts) {
        int cap = x->cap_facts ? x->cap_facts * 2 : 16;
        if (!fab_grow((void **)&x->facts, (size_t)cap, sizeof *x->facts, err)) return false;
        x->cap_facts = cap;
    }
    x->facts[x->n_facts++] = *f;
    return true;
}

bool fab_case_say(fab_case_list *c, fab_case *x, fab_fact_kind kind, const char *noun, int yes,
                  const char *en, const char *zh, fab_err *err)
{
    fab_fact f = {
        .kind = kind, .noun = noun ? fab_noun_find(noun) : -1, .yes = yes, .value = { en, zh }
    };
    if (noun && f.noun < 0)
        return fab_fail(err, FAB_EINTERNAL, "no noun \"%s\" in fact_tables.c", noun);
    return fab_case_fact(c, x, &f, err);
}

/* ---- masks and boxes ---- */

static void measure_mask(fab_case *x, const uint8_t *px, int w, int h, const int8_t label_of[256])
{
    int64_t n[FAB_LABELS_SPATIAL] = { 0 };
    double sx[FAB_LABELS_SPATIAL] = { 0 }, sy[FAB_LABELS_SPATIAL] = { 0 };
    for (int y = 0; y < h; y++)
        for (int i = 0; i < w; i++) {
            int l = label_of[px[(size_t)y * (size_t)w + (size_t)i]];
            if (l < 0) continue;
            n[l]++;
            sx[l] += i + 0.5;
            sy[l] += y + 0.5;
        }
    for (int l = 0; l < FAB_LABELS_SPATIAL; l++) {
        if (!n[l]) continue;
        x->area[l] = (float)((double)n[l] / ((double)w * h));
        x->cx[l] = (float)(sx[l] / (double)n[l] / w);
        x->cy[l] = (float)(sy[l] / (double)n[l] / h);
        x->presence[l] = 1;
        x->dense_known |= (uint64_t)1 << l;
    }
}

bool fab_case_mask(fab_case_list *c, fab_case *x, const char *path, const int8_t label_of[256],
                   fab_err *err)
{
    fab_image_opts o = FAB_IMAGE_OPTS_DEFAULTS;
    o.trusted = true;
    uint8_t *map = fab_arena_take(c->arena, FAB_MAP_SIDE * FAB_MAP_SIDE, err);
    fab_image *im = map ? fab_image_open(path, &o, err) : NULL;
    if (!im) return false;
    size_t n = (size_t)im->width * (size_t)im->height;
    bool ok = im->raw && im->samples == 1 && im->bits_allocated == 8 && im->raw_size >= n;
    if (ok) {
        measure_mask(x, im->raw, im->width, im->height, label_of);
        for (int y = 0; y < FAB_MAP_SIDE; y++)
            for (int i = 0; i < FAB_MAP_SIDE; i++) {
                size_t sy = (size_t)((2 * y + 1) * im->height / (2 * FAB_MAP_SIDE));
                size_t sx = (size_t)((2 * i + 1) * im->width / (2 * FAB_MAP_SIDE));
                map[y * FAB_MAP_SIDE + i] =
                    (uint8_t)(label_of[im->raw[sy * (size_t)im->width + sx]] + 1);
            }
        x->map = map;
    } else {
        fab_fail(err, FAB_EUNSUPPORTED, "%s: a mask is 8-bit grey, this has %d samples of %d bits",
                 path, im->samples, im->bits_allocated);
    }
    fab_image_free(im);
    return ok;
}

static int box_label(const char *name)
{
    static const char *const other[][2] = {
        { "Effusion", "effusion" }, { "Infiltrate", "infiltration" }, { "WBC", "wbc" },
        { "RBC", "rbc" },           { "Platelets", "platelet" },
    };
    int l = fab_label_find(name);
    for (size_t i = 0; l < 0 && i < sizeof other / sizeof *other; i++)
        if (!strcmp(other[i][0], name)) l = fab_label_find(other[i][1]);
    return l < FAB_LABELS_SPATIAL ? l : -1;
}

static bool read_box(const json_t *b, double width, double height, fab_box *out, fab_err *err)
{
    const char *label = fab_json_str(b, "label", err);
    const json_t *xywh = json_object_get(b, "box_xywh");
    if (!label) return false;
    if (!json_is_array(xywh) || json_array_size(xywh) != 4)
        return fab_fail(err, FAB_EFORMAT, "box_xywh: a list of 4 numbers expected");
    double v[4];
    for (size_t i = 0; i < 4; i++) {
        if (!json_is_number(json_array_get(xywh, i)))
            return fab_fail(err, FAB_EFORMAT, "box_xywh: not a number");
        v[i] = json_number_value(json_array_get(xywh, i));
        if (!(v[i] >= -1e6 && v[i] <= 1e6))
            return fab_fail(err, FAB_EFORMAT, "box_xywh: %g is out of range", v[i]);
    }
    *out = (fab_box){ box_label(label), (float)(v[0] / width), (float)(v[1] / height),
                      (float)(v[2] / width), (float)(v[3] / height) };
    if (out->label < 0)
        return fab_fail(err, FAB_EFORMAT, "label: \"%.40s\" is not in the label table", label);
    return true;
}

bool fab_case_boxes(fab_case_list *c, fab_case *x, const json_t *record, double width,
                    double height, fab_err *err)
{
    const json_t *list = json_object_get(record, "boxes");
    if (!json_is_array(list)) return fab_fail(err, FAB_EFORMAT, "boxes: a list expected");
    if (!(width >= 1 && height >= 1))
        return fab_fail(err, FAB_EFORMAT, "width or height: %g x %g", width, height);
    size_t n = json_array_size(list);
    fab_box *boxes = fab_arena_take(c->arena, n * sizeof *boxes, err);
    if (!boxes) return false;
    for (size_t i = 0; i < n; i++) {
        if (!read_box(json_array_get(list, i), width, height, &boxes[i], err)) return false;
        fab_box *b = &boxes[i];
        x->presence[b->label] = 1;
        x->dense_known |= (uint64_t)1 << b->label;
        x->area[b->label] += b->w * b->h;
        x->cx[b->label] = b->x + b->w / 2;
        x->cy[b->label] = b->y + b->h / 2;
    }
    x->boxes = boxes;
    x->n_boxes = (int)n;
    return true;
}

/* ---- reading a set ---- */

typedef struct {
    fab_case_list *cases;
    fab_path_list *images;
    const char *dir; /* the JSONL's folder */
    bool val;
} reader;

static bool read_set(reader *r, const char *root, const char *file, fab_jsonl_fn fn, fab_err *err)
{
    char *path = fab_path_join(r->cases->arena, root, file, err);
    return path && (r->dir = fab_path_dir(r->cases->arena, path, err)) &&
           fab_jsonl_each(path, fn, r, err);
}

static fab_case *start(reader *r, fab_set set, const json_t *o, fab_err *err)
{
    const char *id = fab_json_str(o, "id", err), *image = id ? fab_json_str(o, "image", err) : NULL;
    char *path = image ? fab_path_join(r->cases->arena, r->dir, image, err) : NULL;
    return path ? fab_case_new(r->cases, set, id, path, r->images, err) : NULL;
}

/* Everything outside this region is absent; of this kind all is absent unless told. */
static void rule_out(fab_case *x, uint8_t region)
{
    for (int l = 0; l < FAB_LABELS; l++) {
        if (fab_labels[l].regions & region) continue;
        x->presence[l] = 0;
        if (l < FAB_LABELS_SPATIAL) x->dense_known |= (uint64_t)1 << l;
    }
}

static void absent_kind(fab_case *x, fab_label_kind kind)
{
    for (int l = 0; l < FAB_LABELS; l++)
        if (fab_labels[l].kind == kind) x->presence[l] = 0;
}

static void mark(fab_case *x, const char *code, int present)
{
    x->presence[fab_label_find(code)] = (int8_t)present;
}

/* ---- ISIC 2017 ---- */

static bool isic_facts(fab_case_list *c, fab_case *x, fab_err *err)
{
    static const char *const lesions[][3] = { { "melanoma", "Melanoma", "黑色素瘤" },
                                              { "nevus", "Nevus", "痣" },
                                              { "seborrheic keratosis", "Seborrheic Keratosis",
                                                "脂溢性角化病" } };
    static const char *const signs[] = { "pigment network", "milia-like cyst", "globules",
                                         "negative network", "streaks" };
    bool ok = fab_case_say(c, x, FAB_FACT_MODALITY, NULL, -1, "Dermoscopy", "皮肤镜", err) &&
              fab_case_say(c, x, FAB_FACT_IS_MODALITY, "dermoscopy", 1, NULL, NULL, err) &&
              fab_case_say(c, x, FAB_FACT_IS_MODALITY, "CT", 0, NULL, NULL, err) &&
              fab_case_say(c, x, FAB_FACT_PART, NULL, -1, "Skin", "皮肤", err) &&
              fab_case_say(c, x, FAB_FACT_CONTAINS, "skin lesion", 1, NULL, NULL, err);
    for (size_t i = 0; ok && i < 3; i++) {
        int yes = x->presence[fab_label_find(lesions[i][1])];
        ok = fab_case_say(c, x, FAB_FACT_HAS, lesions[i][0], yes, NULL, NULL, err) &&
             (yes != 1 ||
              fab_case_say(c, x, FAB_FACT_DIAGNOSIS, NULL, -1, lesions[i][1], lesions[i][2], err));
    }
    for (size_t i = 0; ok && i < sizeof signs / sizeof *signs; i++)
        ok = fab_case_say(c, x, FAB_FACT_ATTRIBUTE, signs[i],
                          x->presence[fab_label_find(fab_nouns[fab_noun_find(signs[i])].answer_en)],
                          NULL, NULL, err);
    return ok;
}

fab_square fab_case_lesion(const fab_case *c)
{
    uint8_t hit[FAB_MAP_SIDE * FAB_MAP_SIDE];
    int lesion = fab_label_find("skin_lesion") + 1;
    if (!c->map) return (fab_square){ 0 };
    for (int i = 0; i < FAB_MAP_SIDE * FAB_MAP_SIDE; i++) hit[i] = c->map[i] == lesion;
    return fab_square_of(hit, FAB_MAP_SIDE, FAB_LESION_MARGIN);
}

fab_patient fab_record_patient(const json_t *record)
{
    const char *sex = json_string_value(json_object_get(record, "sex"));
    double age = json_number_value(json_object_get(record, "age"));
    return (fab_patient){ .age = age > 0 && age <= FAB_AGE_MOST ? (float)age : 0,
                          .sex = fab_patient_sex(sex) };
}

static bool isic_record(void *arg, const json_t *o, fab_err *err)
{
    reader *r = arg;
    fab_case *x = start(r, FAB_SET_ISIC, o, err);
    const char *diagnosis = x ? fab_json_str(o, "diagnosis", err) : NULL,
               *mask = fab_json_str(o, "mask", NULL);
    if (!diagnosis || !(x->diagnosis = fab_arena_strdup(r->cases->arena, diagnosis, err)))
        return false;
    x->val = fab_split_val(FAB_SET_ISIC, x->group);
    x->patient = fab_record_patient(o);
    rule_out(x, FAB_REGION_SKIN);
    absent_kind(x, FAB_KIND_MODALITY);
    absent_kind(x, FAB_KIND_DIAGNOSIS);
    absent_kind(x, FAB_KIND_ATTRIBUTE);
    mark(x, "dermoscopy", 1);
    mark(x, "skin_lesion", 1);
    mark(x, "abnormal", -1);
    int d = fab_label_find(diagnosis);
    if (d < FAB_LABELS_SPATIAL)
        return fab_fail(err, FAB_EFORMAT, "diagnosis: \"%.40s\" is unknown", diagnosis);
    x->presence[d] = 1;
    const json_t *signs = json_object_get(o, "attributes");
    for (size_t i = 0; i < json_array_size(signs); i++) {
        const char *s = json_string_value(json_array_get(signs, i));
        int l = s ? fab_label_find(s) : -1;
        if (l < 0) return fab_fail(err, FAB_EFORMAT, "attributes: entry %zu is unknown", i);
        x->presence[l] = 1;
    }
    int8_t label_of[256];
    memset(label_of, -1, sizeof label_of);
    for (int v = 128; v < 256; v++) label_of[v] = (int8_t)fab_label_find("skin_lesion");
    char *path = mask ? fab_path_join(r->cases->arena, r->dir, mask, err) : NULL;
    if (mask && (!path || !fab_case_mask(r->cases, x, path, label_of, err))) return false;
    return isic_facts(r->cases, x, err);
}

bool fab_cases_isic(fab_case_list *c, fab_path_list *images, const char *root, fab_err *err)
{
    reader r = { .cases = c, .images = images };
    return read_set(&r, root, "isic2017/train.jsonl", isic_record, err);
}

/* ---- Kermany ---- */

static bool kermany_facts(fab_case_list *c, fab_case *x, int cause, fab_err *err)
{
    static const char *const en[] = { "Normal", "Bacterial Pneumonia", "Viral Pneumonia" };
    static const char *const zh[] = { "正常", "细菌性肺炎", "病毒性肺炎" };
    int ill = cause > 0;
    return fab_case_say(c, x, FAB_FACT_MODALITY, NULL, -1, "X-Ray", "X光", err) &&
           fab_case_say(c, x, FAB_FACT_IS_MODALITY, "X-Ray", 1, NULL, NULL, err) &&
           fab_case_say(c, x, FAB_FACT_PLANE, NULL, -1, "Coronal Plane", "冠状面", err) &&
           fab_case_say(c, x, FAB_FACT_PART, NULL, -1, "Chest", "胸腔", err) &&
           fab_case_say(c, x, FAB_FACT_REGION, NULL, -1, "Chest", "胸腔", err) &&
           fab_case_say(c, x, FAB_FACT_LARGEST, NULL, -1, "Lung", "肺", err) &&
           fab_case_say(c, x, FAB_FACT_CONTAINS, "lung", 1, NULL, NULL, err) &&
           fab_case_say(c, x, FAB_FACT_CONTAINS, "heart", 1, NULL, NULL, err) &&
           fab_case_say(c, x, FAB_FACT_HAS, "pneumonia", ill, NULL, NULL, err) &&
           fab_case_say(c, x, FAB_FACT_HAS, "bacterial pneumonia", cause == 1, NULL, NULL, err) &&
           fab_case_say(c, x, FAB_FACT_HAS, "viral pneumonia", cause == 2, NULL, NULL, err) &&
           fab_case_say(c, x, FAB_FACT_HEALTHY, "lung", !ill, NULL, NULL, err) &&
           fab_case_say(c, x, FAB_FACT_ABNORMAL, NULL, ill, NULL, NULL, err) &&
           (!ill || fab_case_say(c, x, FAB_FACT_DISEASES, NULL, -1, "Pneumonia", "肺炎", err)) &&
           fab_case_say(c, x, FAB_FACT_CAUSE, NULL, -1, en[cause], zh[cause], err);
}

static bool kermany_record(void *arg, const json_t *o, fab_err *err)
{
    reader *r = arg;
    fab_case *x = start(r, FAB_SET_KERMANY, o, err);
    const char *label = x ? fab_json_str(o, "label", err) : NULL,
               *patient = label ? fab_json_str(o, "patient", err) : NULL;
    if (!patient || !(x->group = fab_arena_strdup(r->cases->arena, patient, err)) ||
        !(x->diagnosis = fab_arena_strdup(r->cases->arena, label, err)))
        return false;
    int cause = !strcmp(label, "normal")                ? 0
                : !strcmp(label, "bacterial pneumonia") ? 1
                : !strcmp(label, "viral pneumonia")     ? 2
                                                        : -1;
    if (cause < 0) return fab_fail(err, FAB_EFORMAT, "label: \"%.40s\" is unknown", label);
    x->val = fab_split_val(FAB_SET_KERMANY, patient);
    rule_out(x, FAB_REGION_CHEST);
    absent_kind(x, FAB_KIND_MODALITY);
    absent_kind(x, FAB_KIND_PLANE);
    absent_kind(x, FAB_KIND_REGION);
    mark(x, "xray", 1);
    mark(x, "coronal", 1);
    mark(x, "chest", 1);
    mark(x, "heart", 1);
    mark(x, "lung", 1);
    mark(x, "left_lung", 1);
    mark(x, "right_lung", 1);
    mark(x, "pneumonia", cause > 0);
    mark(x, "abnormal", cause > 0);
    mark(x, "bacterial_pneumonia", cause == 1);
    mark(x, "viral_pneumonia", cause == 2);
    if (!cause) x->dense_known |= (uint64_t)1 << fab_label_find("pneumonia");
    return kermany_facts(r->cases, x, cause, err);
}

bool fab_cases_kermany(fab_case_list *c, fab_path_list *images, const char *root, fab_err *err)
{
    reader r = { .cases = c, .images = images };
    return read_set(&r, root, "kermany_cxr/train.jsonl", kermany_record, err);
}

/* ---- BCCD ---- */

static bool bccd_facts(fab_case_list *c, fab_case *x, fab_err *err)
{
    static const char *const nouns[] = { "white blood cells", "red blood cells", "platelets" };
    static const char *const en[] = { "White Blood Cell", "Red Blood Cell", "Platelet" };
    static const char *const zh[] = { "白细胞", "红细胞", "血小板" };
    const char *list_en = "", *list_zh = "";
    bool ok = fab_case_say(c, x, FAB_FACT_MODALITY, NULL, -1, "Microscopy", "显微镜", err) &&
              fab_case_say(c, x, FAB_FACT_IS_MODALITY, "microscopy", 1, NULL, NULL, err) &&
              fab_case_say(c, x, FAB_FACT_IS_MODALITY, "MRI", 0, NULL, NULL, err) &&
              fab_case_say(c, x, FAB_FACT_PART, NULL, -1, "Blood", "血液", err);
    for (int i = 0; ok && i < 3; i++) {
        const char *n = fab_arena_printf(c->arena, err, "%d", x->counts[i]);
        ok = n && fab_case_say(c, x, FAB_FACT_COUNT, nouns[i], -1, n, n, err) &&
             fab_case_say(c, x, FAB_FACT_CONTAINS, nouns[i], x->counts[i] > 0, NULL, NULL, err);
        if (!ok || !x->counts[i]) continue;
        list_en = fab_arena_printf(c->arena, err, "%s%s%s", list_en, *list_en ? ", " : "", en[i]);
        list_zh = fab_arena_printf(c->arena, err, "%s%s%s", list_zh, *list_zh ? "," : "", zh[i]);
        ok = list_en && list_zh;
    }
    return ok && (!*list_en || fab_case_say(c, x, FAB_FACT_CELLS, NULL, -1, list_en, list_zh, err));
}

static bool bccd_record(void *arg, const json_t *o, fab_err *err)
{
    reader *r = arg;
    static const char *const codes[] = { "wbc", "rbc", "platelet" };
    fab_case *x = start(r, FAB_SET_BCCD, o, err);
    if (!x) return false;
    x->val = r->val;
    rule_out(x, FAB_REGION_BLOOD);
    absent_kind(x, FAB_KIND_MODALITY);
    absent_kind(x, FAB_KIND_CELL);
    mark(x, "microscopy", 1);
    mark(x, "abnormal", -1);
    if (!fab_case_boxes(r->cases, x, o, 640, 480, err)) return false;
    for (int i = 0; i < 3; i++) {
        int l = fab_label_find(codes[i]);
        x->counts[i] = 0;
        for (int b = 0; b < x->n_boxes; b++) x->counts[i] += x->boxes[b].label == l;
        x->dense_known |= (uint64_t)1 << l;
    }
    return bccd_facts(r->cases, x, err);
}

bool fab_cases_bccd(fab_case_list *c, fab_path_list *images, const char *root, fab_err *err)
{
    reader r = { .cases = c, .images = images };
    if (!read_set(&r, root, "bccd/train.jsonl", bccd_record, err)) return false;
    r.val = true;
    return read_set(&r, root, "bccd/val.jsonl", bccd_record, err);
}
