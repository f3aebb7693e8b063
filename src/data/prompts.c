/* prompts: see prompts.h. The frames repeat caption.c's wording: the text tower has seen these
 * sentences. */
#include "data/prompts.h"

#include <string.h>
#include <strings.h>

#include "data/fact.h"
#include "data/label.h"

static const char *const frames_en[] = {
    "{}",
    "There is {}.",
    "A medical image of {}.",
    "A medical image showing {}.",
    "This picture shows {}.",
};
static const char *const frames_skin_en[] = {
    "{}",
    "Dermoscopy image of a {}.",
    "Dermoscopy image showing a {}.",
    "A skin lesion: {}.",
    "The diagnosis is {}.",
};
static const char *const frames_chest_en[] = {
    "{}",
    "Chest X-ray of a child showing {}.",
    "X-Ray film of the chest showing lungs and heart. There is {}.",
    "X-Ray film of the chest. There is {}.",
    "Chest X-ray with {}.",
};
static const char *const frames_modality_en[] = { "{}", "{} image.", "A {} image.",
                                                  "A medical image taken by {}." };
static const char *const frames_normal_en[] = {
    "Normal chest X-ray of a child.",
    "X-Ray film of the chest showing lungs and heart. No abnormality is seen.",
    "No abnormality is seen.",
    "A normal image.",
    "The image looks normal.",
};
static const char *const frames_zh[] = { "{}", "可见{}。", "显示{}的医学图像。", "图片中包含{}。",
                                         "图像，可见{}。" };
static const char *const frames_skin_zh[] = { "{}", "{}的皮肤镜图像。", "皮肤镜图像，诊断为{}。",
                                              "皮损诊断为{}。" };
static const char *const frames_chest_zh[] = {
    "{}",
    "儿童胸腔X光片，显示{}。",
    "胸腔X光图像，可见肺和心脏。可见{}。",
    "胸腔X光图像，可见{}。",
};
static const char *const frames_modality_zh[] = { "{}", "{}图像。", "{}图片。" };
static const char *const frames_normal_zh[] = {
    "儿童胸腔X光片，未见异常。",
    "胸腔X光图像，可见肺和心脏。未见异常。",
    "未见异常。",
    "正常的图像。",
};

typedef struct {
    const char *const *frames;
    int n;
} frame_list;
#define LIST(x)                                                                                    \
    (frame_list) { x, (int)(sizeof x / sizeof *x) }

static bool names_normal(const char *name)
{
    return !strcasecmp(name, "normal") || !strcasecmp(name, "healthy") || !strcmp(name, "正常") ||
           !strcmp(name, "健康");
}

/* The noun that a class name means, in either language, its code with _ for blanks included;
 * NULL unknown. */
static const fab_noun *noun_of(const char *name)
{
    char words[64];
    size_t n = strlen(name);
    if (n >= sizeof words) return NULL;
    memcpy(words, name, n + 1);
    for (size_t i = 0; i < n; i++)
        if (words[i] == '_') words[i] = ' ';
    for (int i = 0; i < fab_noun_count; i++) {
        const fab_noun *k = &fab_nouns[i];
        if (!strcmp(k->en, "brian")) continue;
        if (!strcasecmp(words, k->en) || !strcasecmp(words, k->answer_en) ||
            !strcmp(words, k->zh) || !strcmp(words, k->answer_zh))
            return k;
    }
    return NULL;
}

static frame_list frames_for(const fab_noun *k, fab_lang lang)
{
    int l = k && k->code_a ? fab_label_find(k->code_a) : -1;
    bool zh = lang == FAB_ZH;
    if (l >= 0 && fab_labels[l].kind == FAB_KIND_MODALITY)
        return zh ? LIST(frames_modality_zh) : LIST(frames_modality_en);
    if (l >= 0 && fab_labels[l].regions == FAB_REGION_SKIN &&
        fab_labels[l].kind == FAB_KIND_DIAGNOSIS)
        return zh ? LIST(frames_skin_zh) : LIST(frames_skin_en);
    bool chest =
        l >= 0 && fab_labels[l].regions == FAB_REGION_CHEST &&
        (fab_labels[l].kind == FAB_KIND_DIAGNOSIS || fab_labels[l].kind == FAB_KIND_ABNORMALITY);
    if (chest) return zh ? LIST(frames_chest_zh) : LIST(frames_chest_en);
    return zh ? LIST(frames_zh) : LIST(frames_en);
}

/* Lower case but for words without vowels or with a hyphenated capital: CT, MRI, X-Ray, T1. */
static const char *in_sentence(const fab_noun *k, const char *name, fab_lang lang)
{
    if (!k) return name;
    int l = k->code_a ? fab_label_find(k->code_a) : -1;
    if (lang == FAB_ZH) return k->answer_zh;
    return l >= 0 && fab_labels[l].kind == FAB_KIND_MODALITY ? k->answer_en : k->en;
}

int fab_prompts(const char *name, fab_lang lang, fab_arena *a, const char *out[FAB_PROMPTS],
                fab_err *err)
{
    const fab_noun *k = noun_of(name);
    bool normal = names_normal(name);
    frame_list f = normal ? (lang == FAB_ZH ? LIST(frames_normal_zh) : LIST(frames_normal_en))
                          : frames_for(k, lang);
    const char *word = in_sentence(k, name, lang);
    if (!*name) return fab_fail(err, FAB_EUSAGE, "a class name is empty"), 0;
    for (int i = 0; i < f.n && i < FAB_PROMPTS; i++) {
        const char *hole = strstr(f.frames[i], "{}");
        out[i] = !hole ? f.frames[i]
                       : fab_arena_printf(a, err, "%.*s%s%s", (int)(hole - f.frames[i]),
                                          f.frames[i], word, hole + 2);
        if (!out[i]) return 0;
    }
    return f.n < FAB_PROMPTS ? f.n : FAB_PROMPTS;
}
