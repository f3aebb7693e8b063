/* Where: each item gets the tokens nearest to it, and from these its side, site, severity and
 * organ; what is not said is taken over from the finding it is joined to. */
#include "metrics/findings_impl.h"

static bool divides(const token *t)
{
    switch (t->kind) {
    case P_AND:
    case P_OR:
    case P_WITH:
    case P_NEG:
    case P_UNC:
    case P_PSEUDO:
    case P_LINK:
    case P_VERSUS:
    case P_GONE: return true;
    default: return false;
    }
}

/* The token where the words of item b begin, a standing before it: after a new clause, a comma, a
 * joining word; else Chinese modifiers belong to what follows, English ones behind a preposition
 * to what precedes. */
static int split(const sentence *s, const item *a, const item *b)
{
    int from = a->last + 1, comma = -1, joint = -1, clause = -1;
    if (b->first <= a->last) return b->first > a->first ? b->first : from;
    for (int j = from; j < b->first; j++) {
        const token *t = &s->t[j];
        bool seen = t->kind == P_END && t->han && comma >= 0; /* 右肺下叶见: the place stays */
        if ((t->kind == P_END && !seen) || t->kind == P_NEG_POST || t->kind == P_UNC_POST)
            clause = j;
        if (t->kind == P_COMMA && !(t->han && comma >= 0)) comma = j;
        if (divides(t)) joint = j;
    }
    if (clause >= 0) return clause;
    if (comma >= 0) return comma;
    if (joint >= 0) return joint;
    if (from < s->n && s->t[from].kind == P_PREP && !s->t[from].han) {
        int j = from + 1;
        while (j < b->first && (s->t[j].kind == P_PLACE || s->t[j].kind == P_START)) j++;
        return j;
    }
    return from;
}

static void regions(sentence *s)
{
    for (int i = 0; i < s->n_items; i++) {
        item *x = &s->items[i], *before = i ? x - 1 : NULL;
        x->from = before ? split(s, before, x) : 0;
        x->to = s->n;
        if (before && before->last == x->last)
            x->from = before->from; /* two subjects, one predicate */
        else if (before) before->to = x->from;
    }
    for (int i = s->n_items - 2; i >= 0; i--)
        if (s->items[i].last == s->items[i + 1].last) s->items[i].to = s->items[i + 1].to;
}

static int place_of(const token *t)
{
    return t->kind == P_PLACE ? t->value : t->kind == P_SUBJECT ? fab_subject_place(t->value) : 0;
}

/* Reads tokens [from, to) of x's words. A place of an organ, read first, stays. */
static int look(const sentence *s, item *x, int from, int to)
{
    int side = 0;
    for (int j = to - 1; j >= from; j--) {
        const token *t = &s->t[j];
        if (side && (t->kind == P_COMMA || t->kind == P_END)) break;
        int place = place_of(t), organ = fab_place_rows[place].organ;
        if (t->kind == P_PLACE) side |= t->side;
        if (t->kind == P_SEVERITY && !x->severity) x->severity = t->value;
        if (!place || !fab_place_rows[place].name[0]) continue;
        if (!x->site || (x->organ != organ && organ == G_PLEURA)) x->site = (uint8_t)place;
        if (!x->organ || organ == G_PLEURA) x->organ = (uint8_t)organ;
    }
    return side;
}

/* Where the words behind x end: a comma goes on only into a place, "pneumothorax, right". */
static int behind(const sentence *s, const item *x)
{
    int j = x->last + 1;
    for (; j < x->to; j++) {
        int kind = s->t[j].kind;
        if (kind == P_END || kind == P_NEG) return j;
        if (kind != P_COMMA) continue;
        for (int k = j + 1; k < x->to && s->t[k].kind != P_COMMA; k++)
            if (s->t[k].kind != P_PLACE && s->t[k].kind != P_PREP && s->t[k].kind != P_SEVERITY)
                return j;
    }
    return j;
}

/* One of a body, or of the whole of it. */
static bool single(const item *x)
{
    switch (x->observation) {
    case FAB_OBS_NO_FINDING:
    case FAB_OBS_ENLARGED_CARDIOMEDIASTINUM:
    case FAB_OBS_CARDIOMEGALY:
    case FAB_OBS_AORTIC_DISEASE:
    case FAB_OBS_SPINE_DEGENERATION:
    case FAB_OBS_SPINE_CURVATURE:
    case FAB_OBS_FREE_AIR:
    case FAB_OBS_CIRRHOSIS:
    case FAB_OBS_FATTY_LIVER:
    case FAB_OBS_SPLENOMEGALY:
    case FAB_OBS_HEPATOMEGALY:
    case FAB_OBS_ASCITES:
    case FAB_OBS_BOWEL_OBSTRUCTION:
    case O_ABNORMAL: return true;
    default: return false;
    }
}

static void describe(const sentence *s, item *x)
{
    int before = look(s, x, x->from, x->last + 1), after = look(s, x, x->last + 1, behind(s, x));
    x->side = (uint8_t)(single(x) ? FAB_SIDE_NONE : before ? before : after);
}

/* Observations that have sides, and may take one over. */
static bool sided(const item *x)
{
    switch (x->observation) {
    case FAB_OBS_LUNG_OPACITY:
    case FAB_OBS_LUNG_LESION:
    case FAB_OBS_EDEMA:
    case FAB_OBS_CONSOLIDATION:
    case FAB_OBS_PNEUMONIA:
    case FAB_OBS_ATELECTASIS:
    case FAB_OBS_PNEUMOTHORAX:
    case FAB_OBS_PLEURAL_EFFUSION:
    case FAB_OBS_PLEURAL_OTHER:
    case FAB_OBS_FRACTURE:
    case FAB_OBS_NODULE:
    case FAB_OBS_MASS:
    case FAB_OBS_EMPHYSEMA:
    case FAB_OBS_FIBROSIS:
    case FAB_OBS_BRONCHIECTASIS:
    case FAB_OBS_CAVITY:
    case FAB_OBS_GRANULOMA:
    case FAB_OBS_BRAIN_EDEMA:
    case FAB_OBS_BRAIN_HEMORRHAGE:
    case FAB_OBS_BRAIN_INFARCT:
    case FAB_OBS_STONE:
    case FAB_OBS_CYST:
    case FAB_OBS_HYDRONEPHROSIS:
    case FAB_OBS_KIDNEY_LESION:
    case O_FLUID:
    case O_LESION:
    case O_EDEMA:
    case O_HYDROPNEUMOTHORAX: return true;
    default: return false;
    }
}

typedef struct {
    bool joint, comma, doubt, with, stop;
} bridge;

static bridge over(const sentence *s, const item *a, const item *b)
{
    bridge g = { 0 };
    for (int j = a->last + 1; j < b->first; j++) {
        int kind = s->t[j].kind;
        g.joint = g.joint || kind == P_AND || kind == P_OR || kind == P_WITH || kind == P_LINK ||
                  kind == P_VERSUS;
        g.with = g.with || kind == P_WITH;
        g.comma = g.comma || kind == P_COMMA;
        g.doubt = g.doubt || kind == P_UNC || kind == P_LINK;
        g.stop = g.stop || kind == P_NEG || kind == P_END || kind == P_NEG_POST || kind == P_PSEUDO;
    }
    /* 右肺片状影，肺炎可能; left basilar opacity, atelectasis versus scar */
    g.doubt = g.doubt || b->status == FAB_UNCERTAIN;
    return g;
}

/* The same observation said twice with one status: once with a side, once without. */
static void repeat(sentence *s)
{
    for (int i = 0; i < s->n_items; i++)
        for (int j = 0; !s->items[i].side && j < s->n_items; j++)
            if (s->items[j].observation == s->items[i].observation &&
                s->items[j].status == s->items[i].status)
                s->items[i].side = s->items[j].side;
}

static void take_over(sentence *s)
{
    for (int i = 1; i < s->n_items; i++) {
        item *a = &s->items[i - 1], *b = &s->items[i];
        bridge g = over(s, a, b);
        if (!b->organ && !g.stop) b->organ = a->organ;
        if (b->side || !a->side || !sided(a) || !sided(b) || g.stop) continue;
        bool list = a->status == FAB_UNCERTAIN && b->status == FAB_UNCERTAIN;
        if (g.doubt || (g.comma ? g.with || list : g.joint)) b->side = a->side;
    }
    /* "no pneumothorax or effusion on the right": the side that closes a list is of the whole list */
    for (int i = s->n_items - 1; i > 0; i--) {
        item *a = &s->items[i - 1], *b = &s->items[i];
        bridge g = over(s, a, b);
        bool after = false;
        for (int j = b->last + 1; j < b->to; j++) after = after || s->t[j].kind == P_PLACE;
        if (!a->side && b->side && after && sided(a) && sided(b) && g.joint && !g.stop &&
            !g.doubt && a->status == b->status)
            a->side = b->side;
    }
}

/* What no word near says, the sentence may: 肝右叶 ... 占位. */
static void sentence_organ(sentence *s)
{
    int organ = 0;
    for (int i = 0; i < s->n && !organ; i++) organ = fab_place_rows[place_of(&s->t[i])].organ;
    for (int i = 0; i < s->n_items; i++)
        if (!s->items[i].organ && s->items[i].observation >= FAB_OBSERVATIONS)
            s->items[i].organ = (uint8_t)organ;
}

void fab_sentence_place(sentence *s)
{
    regions(s);
    for (int i = 0; i < s->n_items; i++) describe(s, &s->items[i]);
    take_over(s);
    repeat(s);
    sentence_organ(s);
}
