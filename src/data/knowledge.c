/* knowledge: what organs belong to and can do, from SLAKE's knowledge graph (relations "belong to",
 * "function", "effect"), as facts about one picture.
 *
 *   an organ of the system is there          yes
 *   all organs of the system are absent      no
 *   else                                     nothing is said
 */
#include <string.h>

#include "data/case.h"

enum { MOST = 12 };

typedef struct {
    fab_fact_kind kind;
    const char *noun;         /* as in fact_tables.c */
    const char *organs[MOST]; /* label codes */
} rule;

/* clang-format off */
static const rule rules[] = {
    { FAB_FACT_HAS_SYSTEM, "respiratory system", { "left_lung", "right_lung", "lung", "trachea", "larynx" } },
    { FAB_FACT_HAS_SYSTEM, "circulatory system", { "heart" } },
    { FAB_FACT_HAS_SYSTEM, "digestive system", { "liver", "stomach", "small_bowel", "colon", "duodenum", "esophagus",
                                                 "rectum", "tooth", "left_parotid", "right_parotid" } },
    { FAB_FACT_HAS_SYSTEM, "urinary system", { "left_kidney", "right_kidney", "kidney", "bladder" } },
    { FAB_FACT_HAS_SYSTEM, "nervous system", { "brain", "brain_stem", "spinal_cord", "left_temporal_lobe", "right_temporal_lobe" } },
    { FAB_FACT_HAS_SYSTEM, "lymphatic system", { "spleen" } },
    { FAB_FACT_CAN, "breathing", { "left_lung", "right_lung", "lung" } },
    { FAB_FACT_CAN, "digesting food", { "small_bowel", "colon", "stomach", "duodenum" } },
    { FAB_FACT_CAN, "absorbing nutrients", { "small_bowel", "duodenum" } },
    { FAB_FACT_CAN, "secreting enzymes", { "small_bowel", "duodenum", "stomach", "left_parotid", "right_parotid" } },
    { FAB_FACT_CAN, "detoxicating", { "liver" } },
    { FAB_FACT_CAN, "discharging waste", { "left_kidney", "right_kidney", "kidney" } },
    { FAB_FACT_CAN, "excreting feces", { "rectum" } },
    { FAB_FACT_CAN, "excreting body waste", { "colon" } },
    { FAB_FACT_CAN, "storing urine", { "bladder" } },
    { FAB_FACT_CAN, "sensing light", { "left_eye", "right_eye" } },
    { FAB_FACT_CAN, "receiving sound", { "left_ear", "right_ear" } },
    { FAB_FACT_CAN, "promoting blood flow", { "heart" } },
    { FAB_FACT_CAN, "improving the body's immunity", { "spleen" } },
    { FAB_FACT_CAN, "gas delivery", { "trachea" } },
    { FAB_FACT_CAN, "food delivery", { "esophagus" } },
    { FAB_FACT_CAN, "adjusting water and osmotic pressure balance", { "left_kidney", "right_kidney", "kidney" } },
    { FAB_FACT_CAN, "controlling heartbeat and breathing", { "brain_stem" } },
};
/* clang-format on */

/* 1 some organ is there, 0 none is, -1 not known. */
static int holds(const fab_case *x, const rule *r)
{
    int all_absent = 1;
    for (int i = 0; i < MOST && r->organs[i]; i++) {
        int present = x->presence[fab_label_find(r->organs[i])];
        if (present == 1) return 1;
        if (present < 0) all_absent = 0;
    }
    return all_absent ? 0 : -1;
}

/* The base form of a gerund stands on the next row of the noun table. */
static const char *base_form(const char *noun) { return fab_nouns[fab_noun_find(noun) + 1].en; }

/* Which organ it is, when the system has just one kind of organ here and all of it is known. */
static bool name_organ(fab_case_list *c, fab_case *x, const rule *r, int state, fab_err *err)
{
    const fab_noun *only = NULL;
    for (int i = 0; i < fab_noun_count; i++) {
        const fab_noun *n = &fab_nouns[i];
        bool here = false, listed = false;
        for (int k = 0; n->code_a && k < MOST && r->organs[k]; k++) {
            int l = fab_label_find(r->organs[k]);
            bool mine =
                !strcmp(r->organs[k], n->code_a) || (n->code_b && !strcmp(r->organs[k], n->code_b));
            if (!mine) continue;
            if (x->presence[l] < 0) return true;
            listed = true;
            here |= x->presence[l] == 1;
        }
        bool whole = n->code_b || (n->code_a && fab_labels[fab_label_find(n->code_a)].mirror ==
                                                    fab_label_find(n->code_a));
        if (!listed || !here || !whole || !strcmp(n->en, "brian")) continue;
        if (only && strcmp(only->answer_en, n->answer_en))
            return true; /* the order of a list is anyone's guess */
        only = n;
    }
    const char *en = state ? (only ? only->answer_en : NULL) : "None";
    const char *zh = state ? (only ? only->answer_zh : NULL) : "无";
    return !en || fab_case_say(c, x, FAB_FACT_SYSTEM, r->noun, -1, en, zh, err);
}

bool fab_case_knowledge(fab_case_list *c, fab_case *x, fab_err *err)
{
    for (size_t i = 0; i < sizeof rules / sizeof *rules; i++) {
        const rule *r = &rules[i];
        int state = holds(x, r);
        if (state < 0) continue;
        if (!fab_case_say(c, x, r->kind, r->noun, state, NULL, NULL, err)) return false;
        if (r->kind == FAB_FACT_CAN &&
            !fab_case_say(c, x, r->kind, base_form(r->noun), state, NULL, NULL, err))
            return false;
        if (r->kind == FAB_FACT_HAS_SYSTEM && !name_organ(c, x, r, state, err)) return false;
    }
    return true;
}
