/* Reports compared by what they say. See report_findings.h. */
#include "metrics/report_findings.h"

#include <string.h>

const char *const fab_verdict_names[FAB_VERDICTS] = { "none", "hit", "omission", "hallucination",
                                                      "agreed_absent" };

void fab_gathering_init(fab_gathering *g) { memset(g, 0, sizeof *g); }

static void raise(fab_gathered *f, const fab_mention *m, int source)
{
    uint8_t said = (uint8_t)(1 + m->status);
    if (said < f->said) return;
    if (said > f->said)
        *f = (fab_gathered){ said, m->side, (uint8_t)(source < 255 ? source : 255), m->at, m->end };
    else f->side |= m->side;
}

void fab_gathering_add(fab_gathering *g, const fab_mentions *m, int source)
{
    for (size_t i = 0; i < m->n; i++) {
        const fab_mention *x = &m->items[i];
        int parent = fab_mention_parent(x);
        if (x->section == FAB_SECTION_BACKGROUND || x->observation == FAB_OBS_NO_FINDING) continue;
        raise(&g->of[x->observation], x, source);
        if (parent >= 0) raise(&g->of[parent], x, source);
    }
}

static bool said(const fab_gathered *f) { return f->said > 1 + FAB_ABSENT; }

void fab_gathering_end(fab_gathering *g)
{
    bool any = false;
    for (int i = FAB_OBS_NO_FINDING + 1; i < FAB_OBSERVATIONS; i++)
        any = any || (i != FAB_OBS_SUPPORT_DEVICES && said(&g->of[i]));
    g->of[FAB_OBS_NO_FINDING] = (fab_gathered){ .said = any ? 1 + FAB_ABSENT : 1 + FAB_PRESENT };
}

fab_comparison fab_compare_finding(const fab_gathered *hyp, const fab_gathered *ref)
{
    bool in_hyp = said(hyp), in_ref = said(ref);
    fab_comparison c = { .verdict = in_hyp && in_ref         ? FAB_VERDICT_HIT
                                    : in_ref                 ? FAB_VERDICT_OMISSION
                                    : in_hyp                 ? FAB_VERDICT_HALLUCINATION
                                    : hyp->said && ref->said ? FAB_VERDICT_AGREED_ABSENT
                                                             : FAB_VERDICT_NONE };
    c.status_flip = in_hyp != in_ref && hyp->said && ref->said;
    c.same_status = hyp->said == ref->said;
    c.same_side = hyp->side == ref->side;
    c.side_flip = in_hyp && in_ref && hyp->side && ref->side && !(hyp->side & ref->side);
    return c;
}

enum {
    HIT = 1,
    STRICT = 2,
    PLACED = 4,
    OMITTED = 8,
    MADE_UP = 16,
    STATUS_FLIP = 32,
    SIDE_FLIP = 64,
};

fab_report_marks fab_report_compare(const fab_gathering *hyp, const fab_gathering *ref)
{
    fab_report_marks m;
    for (int i = 0; i < FAB_OBSERVATIONS; i++) {
        fab_comparison c = fab_compare_finding(&hyp->of[i], &ref->of[i]);
        bool hit = c.verdict == FAB_VERDICT_HIT;
        bool in_words = i != FAB_OBS_NO_FINDING; /* no_finding is derived: nobody contradicts it */
        m.of[i] = (uint16_t)((hit ? HIT : 0) | (hit && c.same_status ? STRICT : 0) |
                             (hit && c.same_side ? PLACED : 0) |
                             (c.verdict == FAB_VERDICT_OMISSION ? OMITTED : 0) |
                             (c.verdict == FAB_VERDICT_HALLUCINATION ? MADE_UP : 0) |
                             (c.status_flip && in_words ? STATUS_FLIP : 0) |
                             (c.side_flip ? SIDE_FLIP : 0));
    }
    return m;
}

static void add(fab_report_counts *k, unsigned bits, int64_t times)
{
    k->hit += bits & HIT ? times : 0;
    k->strict += bits & STRICT ? times : 0;
    k->placed += bits & PLACED ? times : 0;
    k->hyp += bits & (HIT | MADE_UP) ? times : 0;
    k->ref += bits & (HIT | OMITTED) ? times : 0;
    k->omission += bits & OMITTED ? times : 0;
    k->hallucination += bits & MADE_UP ? times : 0;
    k->status_flip += bits & STATUS_FLIP ? times : 0;
    k->side_flip += bits & SIDE_FLIP ? times : 0;
}

void fab_report_add(fab_report_counts_by *sum, const fab_report_marks *one, int64_t times)
{
    for (int i = 0; i < FAB_OBSERVATIONS; i++) {
        if (!one->of[i]) continue;
        add(&sum->by[i], one->of[i], times);
        if (i != FAB_OBS_NO_FINDING) add(&sum->all, one->of[i], times);
    }
}
