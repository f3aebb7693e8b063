/* numbers: see numbers.h. */
#include "evaluate/numbers.h"

#include <math.h>

json_t *fab_number_json(double v) { return isfinite(v) ? json_real(v) : json_null(); }

json_t *fab_interval_json(const fab_interval *v)
{
    return json_pack("[o,o]", fab_number_json(v->low), fab_number_json(v->high));
}
