/* source: a weight file as the place where a parameter visit finds its values. */
#ifndef FAB_ZOO_SOURCE_H
#define FAB_ZOO_SOURCE_H

#include "format/weights.h"
#include "nn/params.h"

fab_param_source fab_source_weights(
    const fab_weights *w); /* lends w's tensors: w must outlive the model */

#endif
