/* numbers: figures as JSON: what is not finite becomes null. */
#ifndef FAB_EVALUATE_NUMBERS_H
#define FAB_EVALUATE_NUMBERS_H

#include <jansson.h>
#include "metrics/stats.h"

json_t *fab_number_json(double v);
json_t *fab_interval_json(const fab_interval *v); /* [low, high] */

#endif
