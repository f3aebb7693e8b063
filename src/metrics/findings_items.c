/* From tokens to items: phrases that name an observation, and subjects with their predicates
 * ("heart ... is enlarged", "elevation of the right hemidiaphragm", 心影 ... 增大). */
#include "metrics/findings_impl.h"

static bool between(const token *t)
{
    return t->kind == P_PLACE || t->kind == P_START || t->kind == P_PREP || t->kind == P_SEVERITY;
}

/* The subject a token can be; "left lung", "right base" stand for the lungs. -1: none. */
static int subject_of(const token *t)
{
    if (t->kind == P_SUBJECT) return t->value;
    return t->kind == P_PLACE && fab_place_rows[t->value].organ == G_LUNG ? S_LUNGS : -1;
}

static const pair_row *pair_of(int subject, int predicate)
{
    for (int i = 0; subject >= 0 && i < fab_pair_rows_n; i++)
        if (fab_pair_rows[i].subject == subject && fab_pair_rows[i].predicate == predicate)
            return &fab_pair_rows[i];
    return NULL;
}

static void add(sentence *s, int first, int last, int observation, int says)
{
    if (s->n_items < SENTENCE_ITEMS)
        s->items[s->n_items++] = (item){
            .first = first, .last = last, .observation = (uint8_t)observation, .says = (uint8_t)says
        };
}

/* "enlarged heart", "blunting of the left costophrenic angle": the subject right after predicate
 * p. */
static bool pair_forwards(sentence *s, int p)
{
    int i = p + 1;
    const pair_row *r = NULL;
    for (; i < s->n && !r; i++) {
        r = pair_of(subject_of(&s->t[i]), s->t[p].value);
        if (!r && !between(&s->t[i])) return false;
    }
    if (!r) return false;
    add(s, p, i - 1, r->observation, r->status);
    return true;
}

/* Whether the list of subjects goes on beyond the comma at i: "heart size, mediastinal contour,
 * and vascularity are". */
static bool list_of_subjects(const sentence *s, int i)
{
    int j = i - 1;
    while (j >= 0 && between(&s->t[j])) j--;
    return j >= 0 && s->t[j].kind == P_SUBJECT;
}

/* "heart is enlarged", "cardiac and mediastinal contours are normal": every subject before
 * predicate p. */
static bool pair_backwards(sentence *s, int p)
{
    bool found = false, verb = false;
    for (int i = p - 1; i >= 0; i--) {
        const token *t = &s->t[i];
        const pair_row *r = pair_of(subject_of(t), s->t[p].value);
        bool weak = r && t->kind != P_SUBJECT;
        if (r && !(weak && found)) {
            add(s, i, p, r->observation, r->status);
            found = true;
        }
        bool topic = t->kind == P_COMMA && t->han && !found; /* 中线结构居中，未见移位 */
        if (t->kind == P_FINDING || t->kind == P_PREDICATE || t->kind == P_END) break;
        if (t->kind == P_COMMA && !topic && !list_of_subjects(s, i)) break;
        if (t->kind == P_VERB && verb && found) break;
        verb = verb || t->kind == P_VERB;
    }
    return found;
}

/* A predicate without its subject is an ordinary verb; 消失 says that what stands before is gone. */
static void alone(token *t)
{
    t->kind = t->value == V_GONE ? P_NEG_POST : P_VERB;
    t->value = 0;
}

static void sort(sentence *s)
{
    for (int i = 1; i < s->n_items; i++) {
        item x = s->items[i];
        int j = i;
        for (; j > 0 && (s->items[j - 1].last > x.last ||
                         (s->items[j - 1].last == x.last && s->items[j - 1].first > x.first));
             j--)
            s->items[j] = s->items[j - 1];
        s->items[j] = x;
    }
}

void fab_sentence_items(sentence *s)
{
    int pairs = 0;
    for (int i = 0; i < s->n; i++) {
        token *t = &s->t[i];
        if (t->kind == P_FINDING) add(s, i, i, t->value, FAB_PRESENT);
        if (t->kind != P_PREDICATE) continue;
        if (pair_forwards(s, i) || pair_backwards(s, i)) pairs++;
        else alone(t);
    }
    if (pairs) sort(s);
    for (int i = 0; i < s->n; i++) s->ends[i] = -1;
    for (int k = 0; k < s->n_items; k++) s->ends[s->items[k].last] = (int16_t)k;
}
