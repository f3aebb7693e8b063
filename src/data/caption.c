/* caption: one or two sentences from what is known of a picture, in the form
 *
 *   <plane> <modality> image of the <region> showing <organs>. There is <abnormality>.
 *   <region><plane><modality>图像，可见<organs>。可见<abnormality>。
 *
 * Nothing unknown is said. Organs come largest first, at most MOST of them; left and right of a
 * pair become one word.
 */
#include <string.h>

#include "data/made_qa.h"

enum { MOST = 6 };

typedef struct {
    const fab_case *x;
    fab_lang lang;
    uint32_t v;
    bool flipped;
    fab_arena *a;
    fab_err *err;
} writer;

static int present(const writer *w, const char *code)
{
    int l = fab_label_find(code);
    return w->x->presence[w->flipped ? fab_labels[l].mirror : l];
}

static float area(const writer *w, int l)
{
    int from = w->flipped ? fab_labels[l].mirror : l;
    return from < FAB_LABELS_SPATIAL ? w->x->area[from] : 0;
}

/* Words [n] -> "a, b and c" / "甲、乙和丙". */
static const char *list(const writer *w, const char *const *words, int n)
{
    const char *out = "";
    for (int i = 0; out && i < n; i++) {
        const char *last = w->lang == FAB_ZH ? "和" : " and ",
                   *mid = w->lang == FAB_ZH ? "、" : ", ";
        out = fab_arena_printf(w->a, w->err, "%s%s%s", out,
                               !i           ? ""
                               : i + 1 == n ? last
                                            : mid,
                               words[i]);
    }
    return out;
}

static const char *small(const writer *w, const char *s) /* lower case, but CT and MRI stay */
{
    char *t = fab_arena_strdup(w->a, s, w->err);
    for (char *p = t; p && *p; p++)
        if (*p >= 'A' && *p <= 'Z') *p = (char)(*p + 32);
    return t;
}

/* What to call a noun that is there. A pair with both sides: "kidneys", "肾脏"; one side: "left
 * kidney". */
static const char *call(const writer *w, const fab_noun *n, bool both)
{
    if (w->lang == FAB_ZH) return n->answer_zh;
    const char *s = small(w, n->answer_en);
    size_t len = s ? strlen(s) : 0;
    return s && both && s[len - 1] != 's' ? fab_arena_printf(w->a, w->err, "%ss", s) : s;
}

typedef struct {
    const fab_noun *noun;
    bool both;
    float size;
} seen;

/* Nouns of a kind that are there; a side is left out when its pair is there whole. */
static int collect(const writer *w, fab_label_kind kind, seen *out)
{
    int n = 0;
    for (int i = 0; i < fab_noun_count; i++) {
        const fab_noun *k = &fab_nouns[i];
        int a = k->code_a ? fab_label_find(k->code_a) : -1;
        if (a < 0 || fab_labels[a].kind != kind || !strcmp(k->en, "brian") ||
            !strcmp(k->code_a, "abnormal"))
            continue;
        if (!strcmp(k->en, "effusion") || !strcmp(k->en, "brain tumor") ||
            present(w, k->code_a) != 1)
            continue;
        if (k->code_b && present(w, k->code_b) != 1) continue;
        bool pair_whole = !k->code_b && present(w, fab_labels[fab_labels[a].mirror].code) == 1 &&
                          fab_labels[a].mirror != a;
        if (pair_whole) continue;
        seen s = { k, k->code_b != NULL,
                   area(w, a) + (k->code_b ? area(w, fab_label_find(k->code_b)) : 0) };
        if (n == MOST && out[MOST - 1].size >= s.size) continue;
        int at = n < MOST ? n++ : MOST - 1;
        for (; at > 0 && out[at - 1].size < s.size; at--) out[at] = out[at - 1];
        out[at] = s;
    }
    return n;
}

static const char *nouns(const writer *w, fab_label_kind kind, int *n)
{
    seen found[MOST];
    const char *words[MOST];
    *n = collect(w, kind, found);
    for (int i = 0; i < *n; i++)
        if (!(words[i] = call(w, found[i].noun, found[i].both))) return NULL;
    return list(w, words, *n);
}

static const char *first_of(const writer *w, fab_label_kind kind, const char *skip)
{
    for (int l = FAB_LABELS_SPATIAL; l < FAB_LABELS; l++)
        if (fab_labels[l].kind == kind && w->x->presence[l] == 1 &&
            !strstr(skip, fab_labels[l].code))
            return w->lang == FAB_ZH ? fab_labels[l].zh : fab_labels[l].en;
    return "";
}

/* ---- one writer per set ---- */

static const char *scan_en(writer *w, const char *modality, const char *region, const char *organs,
                           int n)
{
    bool transverse = present(w, "transverse") == 1, xray = !strcmp(modality, "X-Ray");
    const char *plane = xray ? "" : transverse ? (w->v & 1 ? "Axial " : "Transverse ") : "Coronal ";
    const char *with = w->v & 2 ? "showing" : "with", *what = w->v & 4 ? "image"
                                                              : xray   ? "film"
                                                                       : "slice";
    const char *t1 = present(w, "t1") == 1   ? "T1-weighted "
                     : present(w, "t2") == 1 ? "T2-weighted "
                                             : "";
    return fab_arena_printf(w->a, w->err, "%s%s%s %s of the %s%s%s%s.", plane, t1, modality, what,
                            small(w, region), n ? " " : "", n ? with : "",
                            n ? fab_arena_printf(w->a, w->err, " %s", organs) : "");
}

static const char *scan_zh(writer *w, const char *modality, const char *region, const char *organs,
                           int n)
{
    bool xray = present(w, "xray") == 1;
    const char *plane = xray ? "" : present(w, "transverse") == 1 ? "横断面" : "冠状面";
    const char *t1 = present(w, "t1") == 1 ? "T1加权" : present(w, "t2") == 1 ? "T2加权" : "";
    const char *what = w->v & 1 ? "图像" : "图片", *see = w->v & 2 ? "，可见" : "，显示";
    return fab_arena_printf(w->a, w->err, "%s%s%s%s%s%s%s。", region, plane, t1, modality, what,
                            n ? see : "", n ? organs : "");
}

static const char *scan(writer *w)
{
    int n, ill;
    const char *organs = nouns(w, FAB_KIND_ORGAN, &n),
               *found = nouns(w, FAB_KIND_ABNORMALITY, &ill);
    if (!organs || !found) return NULL;
    const char *modality = first_of(w, FAB_KIND_MODALITY, "t1 t2"),
               *region = first_of(w, FAB_KIND_REGION, "");
    bool zh = w->lang == FAB_ZH;
    if (!*region) region = zh ? "身体" : "body";
    const char *head =
        zh ? scan_zh(w, modality, region, organs, n) : scan_en(w, modality, region, organs, n);
    if (!head) return NULL;
    if (ill)
        return fab_arena_printf(w->a, w->err, zh ? "%s可见%s。" : "%s There is %s.", head, found);
    if (present(w, "abnormal") == 0)
        return fab_arena_printf(w->a, w->err, zh ? "%s未见异常。" : "%s No abnormality is seen.",
                                head);
    return head;
}

static const char *skin(writer *w)
{
    int n;
    const char *signs = nouns(w, FAB_KIND_ATTRIBUTE, &n),
               *lesion = first_of(w, FAB_KIND_DIAGNOSIS, "");
    if (!signs) return NULL;
    if (w->lang == FAB_ZH) {
        const char *head =
            fab_arena_printf(w->a, w->err, w->v & 1 ? "%s的皮肤镜图像" : "皮肤镜图像，诊断为%s",
                             lesion);
        return head ? fab_arena_printf(w->a, w->err, n ? "%s，可见%s。" : "%s。", head, signs)
                    : NULL;
    }
    const char *name = small(w, lesion);
    const char *head = name ? fab_arena_printf(w->a, w->err,
                                               w->v & 1 ? "Dermoscopy image of a %s"
                                                        : "Dermoscopy image showing a %s",
                                               name)
                            : NULL;
    return head ? fab_arena_printf(w->a, w->err, n ? "%s with %s." : "%s.", head, signs) : NULL;
}

static const char *film(writer *w)
{
    const char *d = w->x->diagnosis;
    bool normal = !strcmp(d, "normal");
    if (w->lang == FAB_ZH) {
        const char *zh = strstr(d, "viral") ? "病毒性肺炎" : "细菌性肺炎";
        if (normal)
            return w->v & 1 ? "胸腔X光图像，可见肺和心脏。未见异常。" : "儿童胸腔X光片，未见异常。";
        return fab_arena_printf(w->a, w->err,
                                w->v & 1 ? "胸腔X光图像，可见肺和心脏。可见%s。"
                                         : "儿童胸腔X光片，显示%s。",
                                zh);
    }
    if (normal)
        return w->v & 1 ? "X-Ray film of the chest showing lungs and heart. No abnormality is seen."
                        : "Normal chest X-ray of a child.";
    return fab_arena_printf(w->a, w->err,
                            w->v & 1
                                ? "X-Ray film of the chest showing lungs and heart. There is %s."
                                : "Chest X-ray of a child showing %s.",
                            d);
}

static const char *smear(writer *w)
{
    static const char *const en[] = { "white blood cell", "red blood cell", "platelet" };
    static const char *const zh[] = { "白细胞", "红细胞", "血小板" };
    const char *words[3];
    int n = 0;
    for (int i = 0; i < 3; i++) {
        int k = w->x->counts[i];
        if (k < 1) continue;
        words[n] = w->lang == FAB_ZH
                       ? fab_arena_printf(w->a, w->err, "%d个%s", k, zh[i])
                       : fab_arena_printf(w->a, w->err, "%d %s%s", k, en[i], k > 1 ? "s" : "");
        if (!words[n++]) return NULL;
    }
    const char *cells = list(w, words, n);
    if (!cells) return NULL;
    if (w->lang == FAB_ZH)
        return fab_arena_printf(w->a, w->err,
                                w->v & 1 ? "血液涂片的显微镜图像，可见%s。"
                                         : "血涂片显微镜图像，有%s。",
                                cells);
    return fab_arena_printf(w->a, w->err,
                            w->v & 1 ? "Microscopy image of a blood smear showing %s."
                                     : "Blood smear under the microscope with %s.",
                            cells);
}

const char *fab_caption(const fab_case *c, fab_lang lang, uint32_t v, bool flipped, fab_arena *a,
                        fab_err *err)
{
    writer w = { c, lang, v, flipped, a, err };
    switch (c->set) {
    case FAB_SET_ISIC: return skin(&w);
    case FAB_SET_KERMANY: return film(&w);
    case FAB_SET_BCCD: return smear(&w);
    default: return scan(&w);
    }
}
