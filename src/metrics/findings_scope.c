/* Status: present, absent or uncertain, by the triggers around an item. One pass forwards for what
 * rules forwards, one over the triggers that rule backwards. */
#include "metrics/findings_impl.h"

static bool is_post(int kind)
{
    return kind == P_NEG_POST || kind == P_UNC_POST || kind == P_GONE_POST;
}

static bool in_list(const token *t)
{
    return t->kind == P_FINDING || t->kind == P_AND || t->kind == P_OR || t->kind == P_COMMA ||
           t->kind == P_PLACE || t->kind == P_SEVERITY || t->kind == P_PREP ||
           t->kind == P_SUBJECT || (t->kind == P_START && !t->han);
}

/* Whether the list that a pre-trigger rules goes on after the comma at i. "or" within what follows
 * says yes; without it the next words must be findings alone. */
static bool goes_on(const sentence *s, int i)
{
    bool han = s->t[i].han, fresh = false, joined = false;
    int findings = 0;
    for (int j = i + 1; j < s->n; j++) {
        const token *t = &s->t[j];
        if (t->kind == P_OR) return !han || !fresh;
        joined = joined || t->kind == P_AND;
        if (t->kind == P_VERB && findings && j + 1 < s->n) return false;
        if (t->kind == P_VERB && findings) break; /* "... is seen" */
        if (t->kind == P_FINDING) findings++;
        else if (t->kind == P_COMMA && han) break;
        else if (!in_list(t)) return false;
        if (t->kind == P_SUBJECT) return false;
        fresh = fresh || t->kind == P_PLACE || t->kind == P_SEVERITY || t->kind == P_START;
    }
    return findings && !fresh && (!han || joined);
}

/* After "and" a new statement begins with an article, an amount or a subject. */
static bool anew(const sentence *s, int i)
{
    if (i + 1 >= s->n) return false;
    int kind = s->t[i + 1].kind;
    if (kind == P_START || kind == P_SUBJECT || kind == P_VERB) return true;
    if (kind == P_SEVERITY || kind == P_PLACE)
        for (int j = i + 1; j < s->n && s->t[j].kind != P_COMMA && s->t[j].kind != P_END; j++)
            if (s->t[j].kind == P_NEG || (s->t[j].kind == P_VERB && j + 1 < s->n)) return true;
    return false;
}

/* Whether an item stands between the trigger at i and the next boundary. */
static bool rules_something(const sentence *s, int i)
{
    for (int j = i + 1; j < s->n; j++) {
        int kind = s->t[j].kind;
        if (s->ends[j] >= 0) return true;
        if (kind == P_COMMA || kind == P_END || kind == P_AND || kind == P_WITH || kind == P_NEG ||
            is_post(kind))
            return false;
    }
    return false;
}

static bool follows_item(const sentence *s, int i)
{
    for (int j = i - 1; j >= 0; j--) {
        if (s->ends[j] >= 0) return true;
        if (s->t[j].kind != P_VERB && s->t[j].kind != P_SEVERITY && s->t[j].kind != P_PLACE)
            return false;
    }
    return false;
}

/* A trigger listed for both directions gets the one that fits here. */
static void decide(sentence *s)
{
    for (int i = 0; i < s->n; i++) {
        token *t = &s->t[i];
        if (t->kind == P_UNC_BOTH) t->kind = rules_something(s, i) ? P_UNC : P_UNC_POST;
        if (t->kind == P_NEG_BOTH)
            t->kind = rules_something(s, i) && !follows_item(s, i) ? P_NEG : P_NEG_POST;
        if (t->kind == P_EXCLUDE) t->kind = rules_something(s, i) ? P_UNC : P_NEG_POST;
        if (t->kind == P_UNC_POST && t->han && rules_something(s, i) && !follows_item(s, i))
            t->kind = P_UNC;
    }
}

/* What the words and the scope say together: "not normal" is present. */
static int combine(int says, int scope)
{
    if (scope == FAB_PRESENT) return says;
    if (scope == FAB_ABSENT) return says == FAB_ABSENT ? FAB_PRESENT : FAB_ABSENT;
    return FAB_UNCERTAIN;
}

static bool trigger_before(const sentence *s, int i) { return i && s->t[i - 1].kind == P_NEG; }

/* "no acute, displaced fracture": the comma stands between a negation and what it negates. */
static bool bare(const sentence *s, int i) { return !s->t[i].han && trigger_before(s, i); }

static void forwards(sentence *s)
{
    int state = FAB_PRESENT, k = 0;
    bool gone = false;
    for (int i = 0; i < s->n; i++) {
        const token *t = &s->t[i];
        switch (t->kind) {
        case P_NEG: state = FAB_ABSENT; break;
        case P_UNC:
            if (state != FAB_ABSENT) state = FAB_UNCERTAIN;
            break;
        case P_GONE: gone = true; break;
        case P_COMMA:
            if (bare(s, i)) break;
            if (state != FAB_PRESENT && !goes_on(s, i)) state = FAB_PRESENT;
            gone = false;
            break;
        case P_AND:
            if (anew(s, i)) state = FAB_PRESENT;
            break;
        case P_WITH:
            if (state == FAB_ABSENT && !trigger_before(s, i)) state = FAB_PRESENT;
            break;
        case P_END:
        case P_PSEUDO: state = FAB_PRESENT, gone = false; break;
        default: break;
        }
        if (is_post(t->kind)) state = FAB_PRESENT;
        for (; k < s->n_items && s->items[k].last == i; k++) {
            item *x = &s->items[k];
            x->status = (uint8_t)combine(x->says, state);
            if (x->observation == FAB_OBS_SUPPORT_DEVICES && gone) x->status = FAB_ABSENT;
        }
    }
}

/* ---- backwards ------------------------------------------------------------------------------- */

static bool new_statement(const token *t)
{
    return t->kind == P_NEG || t->kind == P_UNC || t->kind == P_PSEUDO || is_post(t->kind);
}

/* Whether the words between the comma at i and the one before it are a statement of their own. */
static bool complete(const sentence *s, int i)
{
    while (--i >= 0 && s->t[i].kind != P_COMMA)
        if (s->t[i].kind == P_VERB || s->t[i].kind == P_END) return true;
    return false;
}

/* The first token that the post-trigger at k can reach. Beyond a comma only when nothing stands on
 * this side of it, or in a list that "and" or "or" closes. */
static int reach(const sentence *s, int k)
{
    bool met = false, list = false;
    int i = k - 1;
    for (; i >= 0; i--) {
        const token *t = &s->t[i];
        if (new_statement(t)) break;
        if (met && (t->kind == P_VERB || t->kind == P_END)) break;
        if (met && t->kind == P_COMMA && (t->han || !list || complete(s, i))) break;
        list = list || t->kind == P_AND || t->kind == P_OR;
        met = met || s->ends[i] >= 0;
    }
    return i + 1;
}

static void backwards(sentence *s)
{
    for (int k = 0; k < s->n; k++) {
        int kind = s->t[k].kind;
        if (!is_post(kind)) continue;
        int from = reach(s, k), reached = 0;
        for (int again = 0; again < 2 && !reached; again++) {
            for (int i = 0; i < s->n_items; i++) {
                item *x = &s->items[i];
                if (x->last < from || x->last >= k) continue;
                reached++;
                if (kind == P_GONE_POST && x->observation != FAB_OBS_SUPPORT_DEVICES) continue;
                x->status = kind == P_UNC_POST ? FAB_UNCERTAIN : FAB_ABSENT;
            }
            /* "cannot be seen on this film, but is not excluded" */
            while (from > 0 && new_statement(&s->t[from - 1])) from--;
            from = reach(s, from);
        }
    }
}

/* Joined by "or" without a negation, or by "versus": both are in doubt. */
static void alternatives(sentence *s)
{
    for (int i = 0; i + 1 < s->n_items; i++) {
        item *a = &s->items[i], *b = &s->items[i + 1];
        bool versus = false, or = false, other = false;
        for (int j = a->last + 1; j < b->first; j++) {
            int kind = s->t[j].kind;
            versus = versus || kind == P_VERSUS;
            or = or || kind == P_OR;
            other = other || kind == P_COMMA || kind == P_END || kind == P_VERB || kind == P_NEG;
        }
        if (!versus && !(or &&!other)) continue;
        if (a->status == FAB_ABSENT || b->status == FAB_ABSENT) continue;
        a->status = b->status = FAB_UNCERTAIN;
    }
}

void fab_sentence_status(sentence *s)
{
    decide(s);
    forwards(s);
    backwards(s);
    alternatives(s);
}
