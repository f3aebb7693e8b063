/* numbers: see numbers.h. */
#include "evaluate/numbers.h"

#include <math.h>

json_t *fab_number_json(double v) { return isfinite(v) ? json_real(v) : json_null(); }

json_t *fab_interval_json(const fab_interval *v)
{
    return json_pack("[o,o]", fab_number_json(v->low), fab_number_json(v->high));
}

static double number_or_nan(const json_t *v)
{
    return json_is_number(v) ? json_number_value(v) : NAN;
}

double fab_number_get(const json_t *o, const char *key)
{
    return number_or_nan(json_object_get(o, key));
}

double fab_number_item(const json_t *o, const char *list, size_t i)
{
    return number_or_nan(json_array_get(json_object_get(o, list), i));
}
