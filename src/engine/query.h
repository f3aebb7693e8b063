/* query: one row of the report's protocol put to the model in every way it can answer, as one
 * probability per choice.
 *
 *   p(choice) is proportional to exp((log p_en + log p_zh) / 4 + log p_head / 2)
 *
 * Sources: the question in English and in Chinese (likelihoods of the allowed answers at the file's
 * temperature), together one opinion, and the image-level head when it has outputs for the row's
 * labels, the other; without it the languages' mean. A geometric mean: one source that is sure of
 * the contrary keeps a claim from being made; none vetoes alone (probabilities are kept above
 * 1e-4). All of it is then put through the curve that the model file has for the row
 * (zoo/skills.h), and what is known of the patient is considered where the file knows what it says
 * of the row.
 */
#ifndef FAB_ENGINE_QUERY_H
#define FAB_ENGINE_QUERY_H

#include "data/protocol.h"
#include "engine/engine.h"

typedef struct {
    int n; /* choices; PRESENT rows: 2, yes first */
    double p[FAB_ASK_CHOICES];
    double picture[FAB_ASK_CHOICES]; /* p by the picture alone */
    bool by_patient;                 /* p is by the patient too */
    double lang[FAB_LANGS][FAB_ASK_CHOICES];
    bool has_head;
    double head[FAB_ASK_CHOICES];
} fab_reply;

/* row: of kind CHOICE or PRESENT. who NULL: nothing is known of the patient. */
bool fab_engine_query(fab_engine *e, const fab_look *look, const fab_protocol_row *row,
                      const fab_patient *who, fab_reply *out, fab_err *err);

#endif
