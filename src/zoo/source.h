/* source: a weight file as the place where a parameter visit finds its values, under its own names
 * or under others. */
#ifndef FAB_ZOO_SOURCE_H
#define FAB_ZOO_SOURCE_H

#include "format/weights.h"
#include "nn/params.h"

fab_param_source fab_source_weights(
    const fab_weights *w); /* lends w's tensors: w must outlive the model */

/* Tensors under the names that the model gives them. Borrowed, as is the view. */
typedef struct {
    const char *name;
    const fab_weight *entry;
} fab_source_item;
typedef struct {
    fab_source_item *items;
    int64_t n;
} fab_source_view;
fab_param_source fab_source_renamed(const fab_source_view *v);

#endif
