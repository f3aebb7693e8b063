/* numbers: figures as JSON and back: what is not finite becomes null, null is NAN. */
#ifndef FAB_EVALUATE_NUMBERS_H
#define FAB_EVALUATE_NUMBERS_H

#include <jansson.h>
#include "metrics/stats.h"

json_t *fab_number_json(double v);
json_t *fab_interval_json(const fab_interval *v); /* [low, high] */

/* A member of a report, an item of its list: NAN when it is absent, null or no number. */
double fab_number_get(const json_t *o, const char *key);
double fab_number_item(const json_t *o, const char *list, size_t i);

#endif
