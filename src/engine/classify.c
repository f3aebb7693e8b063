/* classify: see classify.h. Names are compared in lower case with blanks and hyphens as
 * underscores. */
#include "engine/classify.h"

#include <ctype.h>
#include <math.h>
#include <string.h>
#include "data/prompts.h"
#include "engine/zero_shot.h"

struct fab_classifier {
    fab_engine *e;
    fab_arena *arena;
    int n;
    const char **names;
    fab_classify_way way;
    bool by_patient;
    const fab_protocol_row *row; /* BY_ROW */
    uint16_t *members;           /* BY_ROW: bits of the row's choices that make up each class */
    const fab_protocol_row **presence; /* BY_PRESENCE: NULL for the normal class */
    float *centre;                     /* BY_PROMPTS: [n,E], rows of length one */
};

/* ---- names ----------------------------------------------------------------------------------- */

static void canonical(const char *name, char out[64])
{
    size_t n = 0;
    for (const char *p = name; *p && n < 63; p++)
        out[n++] = *p == ' ' || *p == '-' ? '_' : (char)tolower((unsigned char)*p);
    out[n] = 0;
}

static bool is_normal(const char *name)
{
    static const char *const words[] = { "normal", "healthy", "no_finding", "正常", "健康" };
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (!strcmp(name, words[i])) return true;
    return false;
}

/* Other names of codes that data sets use. */
static const char *alias(const char *name)
{
    static const char *const rows[][2] = {
        { "keratosis", "seborrheic_keratosis" },
        { "mole", "nevus" },
        { "naevus", "nevus" },
        { "nevi", "nevus" },
        { "melanocytic_nevus", "nevus" },
        { "bacteria", "bacterial_pneumonia" },
        { "bacterial", "bacterial_pneumonia" },
        { "virus", "viral_pneumonia" },
        { "viral", "viral_pneumonia" },
        { "mr", "mri" },
        { "x_ray", "xray" },
        { "pleural_effusion", "effusion" },
        { "axial", "transverse" },
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (!strcmp(name, rows[i][0])) return rows[i][1];
    return is_normal(name) ? "normal" : name;
}

/* Bits of the row's choices that the name means: the same code, the same words, or all kinds of it
 * ("pneumonia"). */
static uint16_t members_of(const fab_protocol_row *row, const char *name)
{
    char c[64];
    uint16_t same = 0, kinds = 0;
    canonical(name, c);
    const char *code = alias(c);
    size_t n = strlen(code);
    for (int i = 0; i < FAB_ASK_CHOICES && row->choices[FAB_EN][i]; i++) {
        const char *own = row->codes[i] ? row->codes[i] : "";
        size_t m = strlen(own);
        char words[64];
        canonical(row->choices[FAB_EN][i], words);
        if (!strcmp(own, code) || !strcmp(words, code) || !strcmp(row->choices[FAB_ZH][i], name))
            same |= (uint16_t)(1 << i);
        else if (m > n + 1 && own[m - n - 1] == '_' && !strcmp(own + m - n, code))
            kinds |= (uint16_t)(1 << i);
    }
    return same ? same : kinds;
}

/* ---- choosing the way ------------------------------------------------------------------------ */

static bool by_row(fab_classifier *c, const fab_protocol_row *row)
{
    uint16_t seen = 0;
    if (row->kind != FAB_ASK_CHOICE) return false;
    for (int i = 0; i < c->n; i++) {
        c->members[i] = members_of(row, c->names[i]);
        if (!c->members[i] || c->members[i] & seen) return false;
        seen |= c->members[i];
    }
    c->row = row;
    return true;
}

static const fab_protocol_row *presence_row(const char *name)
{
    char canon[64];
    canonical(name, canon);
    const char *code = alias(canon);
    int label = fab_label_find(code);
    for (int i = 0; label >= 0 && i < fab_protocol_rows; i++) {
        const fab_protocol_row *row = &fab_protocol[i];
        if (row->kind == FAB_ASK_PRESENT && row->label &&
            !strcmp(row->label, fab_labels[label].code))
            return row;
    }
    return NULL;
}

static bool by_presence(fab_classifier *c)
{
    int normals = 0;
    for (int i = 0; i < c->n; i++) {
        char canon[64];
        canonical(c->names[i], canon);
        c->presence[i] = presence_row(c->names[i]);
        if (!c->presence[i] && !is_normal(canon)) return false;
        normals += !c->presence[i];
    }
    return normals <= 1 && normals < c->n;
}

static bool embed_name(fab_classifier *c, int i, float *rows, int E, fab_err *err)
{
    const char *prompts[FAB_PROMPTS];
    int k = fab_prompts(c->names[i], fab_lang_guess(c->names[i]), c->arena, prompts, err);
    if (k < 1 || !fab_engine_embed_text(c->e, prompts, k, rows, err))
        return fab_while(err, "%s", c->names[i]);
    fab_unit_mean(rows, k, E, c->centre + (int64_t)i * E);
    return true;
}

static bool by_prompts(fab_classifier *c, fab_err *err)
{
    int E = fab_engine_model(c->e)->model->cfg.embed;
    c->centre = fab_arena_take(c->arena, (size_t)c->n * (size_t)E * sizeof *c->centre, err);
    float *rows = fab_arena_take(c->arena, FAB_PROMPTS * (size_t)E * sizeof *rows, err);
    if (!c->centre || !rows) return false;
    for (int i = 0; i < c->n; i++)
        if (!embed_name(c, i, rows, E, err)) return false;
    c->way = FAB_BY_PROMPTS;
    return true;
}

static bool choose(fab_classifier *c, bool zero_shot, fab_err *err)
{
    for (int i = 0; !zero_shot && i < fab_protocol_rows; i++)
        if (by_row(c, &fab_protocol[i])) return true; /* way 0 */
    if (!zero_shot && by_presence(c)) {
        c->way = FAB_BY_PRESENCE;
        return true;
    }
    return by_prompts(c, err);
}

fab_classifier *fab_classifier_new(fab_engine *e, const char *const *names, int n, bool zero_shot,
                                   fab_err *err)
{
    if (n < 1 || n > FAB_CLASSES_MAX) {
        fab_fail(err, FAB_EUSAGE, "%d classes, 1 to %d can be", n, FAB_CLASSES_MAX);
        return NULL;
    }
    fab_classifier *c = fab_new(sizeof *c, err);
    if (!c) return NULL;
    c->e = e;
    c->n = n;
    c->arena = fab_arena_new(0, err);
    c->names = c->arena ? fab_arena_zero(c->arena, (size_t)n * sizeof *c->names, err) : NULL;
    c->members = c->names ? fab_arena_zero(c->arena, (size_t)n * sizeof *c->members, err) : NULL;
    c->presence =
        c->members ? fab_arena_zero(c->arena, (size_t)n * sizeof *c->presence, err) : NULL;
    bool ok = c->presence != NULL;
    for (int i = 0; ok && i < n; i++)
        ok = (c->names[i] = fab_arena_strdup(c->arena, names[i], err)) != NULL;
    if (ok && choose(c, zero_shot, err)) return c;
    fab_classifier_free(c);
    return NULL;
}

void fab_classifier_free(fab_classifier *c)
{
    if (!c) return;
    fab_arena_free(c->arena);
    fab_free(c);
}

fab_classify_way fab_classifier_way(const fab_classifier *c) { return c->way; }
bool fab_classifier_by_patient(const fab_classifier *c) { return c->by_patient; }
const char *fab_classifier_row(const fab_classifier *c)
{
    return c->way == FAB_BY_ROW ? c->row->code : NULL;
}

/* ---- running --------------------------------------------------------------------------------- */

static bool run_row(fab_classifier *c, const fab_look *look, const fab_patient *who, float *p,
                    fab_err *err)
{
    fab_reply r;
    if (!fab_engine_query(c->e, look, c->row, who, &r, err)) return false;
    c->by_patient = r.by_patient;
    for (int i = 0; i < c->n; i++) {
        double sum = 0;
        for (int j = 0; j < r.n; j++) sum += c->members[i] >> j & 1 ? r.p[j] : 0;
        p[i] = (float)sum;
    }
    return true;
}

/* The normal class is what is left when no finding is there. */
static bool run_presence(fab_classifier *c, const fab_look *look, const fab_patient *who, float *p,
                         fab_err *err)
{
    double none = 1;
    int normal = -1;
    for (int i = 0; i < c->n; i++) {
        fab_reply r;
        if (!c->presence[i]) {
            normal = i;
            continue;
        }
        if (!fab_engine_query(c->e, look, c->presence[i], who, &r, err)) return false;
        c->by_patient = c->by_patient || r.by_patient;
        p[i] = (float)r.p[0];
        none *= 1 - r.p[0];
    }
    if (normal >= 0) p[normal] = (float)none;
    return true;
}

static void run_prompts(const fab_classifier *c, const fab_look *look, float *p, float *cosine)
{
    double top = -2, scale = (double)fab_engine_logit_scale(c->e);
    for (int i = 0; i < c->n; i++) {
        double dot = 0;
        for (int j = 0; j < look->embed; j++)
            dot += (double)look->embedding[j] * (double)c->centre[(int64_t)i * look->embed + j];
        if (cosine) cosine[i] = (float)dot;
        p[i] = (float)dot;
        top = dot > top ? dot : top;
    }
    for (int i = 0; i < c->n; i++) p[i] = (float)exp(scale * ((double)p[i] - top));
}

bool fab_classifier_run(fab_classifier *c, const fab_look *look, const fab_patient *who, float *p,
                        float *cosine, fab_err *err)
{
    double sum = 0;
    bool ok = true;
    c->by_patient = false;
    for (int i = 0; cosine && i < c->n; i++) cosine[i] = 0;
    if (c->way == FAB_BY_ROW) ok = run_row(c, look, who, p, err);
    else if (c->way == FAB_BY_PRESENCE) ok = run_presence(c, look, who, p, err);
    else run_prompts(c, look, p, cosine);
    if (!ok) return false;
    for (int i = 0; i < c->n; i++) sum += (double)p[i];
    for (int i = 0; i < c->n; i++)
        p[i] = sum > 0 ? (float)((double)p[i] / sum) : 1.0f / (float)c->n;
    return true;
}
