/* zero_shot: see zero_shot.h; the sentences are SYSTEMS.md 3.4 and 7.7. */
#include "engine/zero_shot.h"

#include <ctype.h>
#include <math.h>
#include <string.h>

struct fab_zero_shot {
    fab_arena *arena;
    const fab_encoder_facts *facts;
    int n;
    float *centre; /* [n,E], rows of length one */
};

/* ---- sentences ------------------------------------------------------------------------------- */
static const char *const clip_words[] = { "a photo of {}.",
                                          "a photo of a {}.",
                                          "an image of {}.",
                                          "a medical image of {}.",
                                          "a medical image showing {}.",
                                          NULL };
static const char *const plip_words[] = { "An H&E image patch of {}.",
                                          "An H&E image patch of {} tissue.", NULL };
static const char *const biomed_words[] = { "this is a photo of {}", "this is an image of {}",
                                            "a medical image of {}", "{} presented in image",
                                            NULL };
static const char *const siglip_words[] = { "This is a photo of {}.", "a photo of {}",
                                            "a medical image of {}", NULL };
static const char *const conch_words[] = { "{}.",
                                           "a photomicrograph showing {}.",
                                           "a photomicrograph of {}.",
                                           "an image of {}.",
                                           "an image showing {}.",
                                           "an example of {}.",
                                           "{} is shown.",
                                           "this is {}.",
                                           "there is {}.",
                                           "a histopathological image showing {}.",
                                           "a histopathological image of {}.",
                                           "presence of {}.",
                                           "{} is present.",
                                           "an H&E stained image of {}.",
                                           "shows {}, H&E stain.",
                                           NULL };

static bool mentions(const char *text, const char *word)
{
    size_t n = strlen(word);
    for (; *text; text++) {
        size_t i = 0;
        while (i < n && tolower((unsigned char)text[i]) == word[i]) i++;
        if (i == n) return true;
    }
    return false;
}

const char *const *fab_zero_shot_templates(const fab_encoder_facts *f)
{
    switch (f->family) {
    case FAB_ENCODER_BIOMEDCLIP: return biomed_words;
    case FAB_ENCODER_SIGLIP: return siglip_words;
    case FAB_ENCODER_CONCH: return conch_words;
    case FAB_ENCODER_CLIP: /* PLIP is a CLIP by shape; only its folder's name tells */
        if (mentions(fab_path_base(f->folder), "plip")) return plip_words;
        break;
    case FAB_ENCODER_BERT: break;
    }
    return clip_words;
}

static const char *sentence(const char *frame, const char *name, fab_arena *a, fab_err *err)
{
    const char *hole = strstr(frame, "{}");
    if (!hole) {
        fab_fail(err, FAB_EUSAGE, "the template '%.80s' has no {} for the class", frame);
        return NULL;
    }
    return fab_arena_printf(a, err, "%.*s%s%s", (int)(hole - frame), frame, name, hole + 2);
}

/* ---- centres --------------------------------------------------------------------------------- */
void fab_unit_mean(const float *rows, int k, int64_t E, float *out)
{
    double length = 0;
    for (int64_t j = 0; j < E; j++) {
        double sum = 0;
        for (int p = 0; p < k; p++) sum += (double)rows[p * E + j];
        out[j] = (float)(sum / k);
        length += (double)out[j] * (double)out[j];
    }
    length = length > 0 ? sqrt(length) : 1;
    for (int64_t j = 0; j < E; j++) out[j] = (float)((double)out[j] / length);
}

static bool embed_names(fab_zero_shot *z, fab_embedder *e, const char *const *names,
                        const char *const *templates, int k, fab_err *err)
{
    int64_t E = z->facts->embed;
    int n = z->n;
    const char **all = fab_arena_take(z->arena, (size_t)n * (size_t)k * sizeof *all, err);
    float *rows = fab_arena_take(z->arena, (size_t)(n * E * k) * sizeof *rows, err);
    z->centre = fab_arena_take(z->arena, (size_t)(n * E) * sizeof *z->centre, err);
    if (!all || !rows || !z->centre) return false;
    for (int i = 0; i < n; i++)
        for (int t = 0; t < k; t++) {
            if (!*names[i]) return fab_fail(err, FAB_EUSAGE, "a class name is empty");
            if (!(all[i * k + t] = sentence(templates[t], names[i], z->arena, err))) return false;
        }
    if (!fab_embedder_texts(e, all, (int64_t)n * k, rows, err)) return false;
    for (int i = 0; i < n; i++) fab_unit_mean(rows + i * k * E, k, E, z->centre + i * E);
    return true;
}

fab_zero_shot *fab_zero_shot_new(fab_embedder *e, const char *const *names, int n,
                                 const char *const *templates, int n_templates, fab_err *err)
{
    const fab_encoder_facts *f = fab_embedder_about(e);
    if (!f->images) {
        fab_fail(err, FAB_EUNSUPPORTED, "%s: %s reads no pictures, only texts", f->weights,
                 f->name);
        return NULL;
    }
    if (n_templates < 1) {
        templates = fab_zero_shot_templates(f);
        for (n_templates = 0; templates[n_templates];) n_templates++;
    }
    fab_zero_shot *z = fab_new(sizeof *z, err);
    if (!z) return NULL;
    *z = (fab_zero_shot){ .arena = fab_arena_new(0, err), .facts = f, .n = n };
    if (z->arena && embed_names(z, e, names, templates, n_templates, err)) return z;
    fab_zero_shot_free(z);
    return NULL;
}

void fab_zero_shot_free(fab_zero_shot *z)
{
    if (!z) return;
    fab_arena_free(z->arena);
    fab_free(z);
}

/* ---- scoring --------------------------------------------------------------------------------- */
void fab_zero_shot_score(const fab_zero_shot *z, const float *row, float *p, float *cosine)
{
    int64_t E = z->facts->embed;
    double top = -2, sum = 0, scale = (double)z->facts->scale;
    for (int i = 0; i < z->n; i++) {
        double dot = 0;
        for (int64_t j = 0; j < E; j++) dot += (double)row[j] * (double)z->centre[i * E + j];
        if (cosine) cosine[i] = (float)dot;
        p[i] = (float)dot;
        top = dot > top ? dot : top;
    }
    for (int i = 0; i < z->n; i++) {
        if (z->facts->sigmoid)
            p[i] = (float)(1 / (1 + exp(-scale * (double)p[i] - (double)z->facts->bias)));
        else sum += (double)(p[i] = (float)exp(scale * ((double)p[i] - top)));
    }
    for (int i = 0; !z->facts->sigmoid && i < z->n; i++) p[i] = (float)((double)p[i] / sum);
}
