/* tune_space: see tune_space.h. */
#include "train/tune_space.h"

#include <math.h>
#include <string.h>
#include "base/rng.h"

/* What may differ between trials: they share data, pictures and tokenizer. */
static bool may_vary(const char *path)
{
    static const char *const roots[] = { "model.", "optimizer.", "augment.", "stages.",
                                         "alignment." };
    for (size_t i = 0; i < sizeof roots / sizeof *roots; i++)
        if (strncmp(path, roots[i], strlen(roots[i])) == 0) return true;
    return false;
}

static bool read_choice(const json_t *o, fab_range *r, fab_err *err)
{
    r->choice = json_object_get(o, "choice");
    return (json_object_size(o) == 1 && json_array_size(r->choice) > 0) ||
           fab_fail(err, FAB_EUSAGE, "recipe: tune: %s: {choice: [...]} is wanted", r->path);
}

static bool read_numbers(const json_t *o, fab_range *r, fab_err *err)
{
    size_t n = json_array_size(o);
    const json_t *a = json_array_get(o, 0), *b = json_array_get(o, 1), *c = json_array_get(o, 2);
    bool good = (n == 2 || n == 3) && json_is_number(a) && json_is_number(b) &&
                (n == 2 || (json_is_string(c) && strcmp(json_string_value(c), "log") == 0));
    if (!good)
        return fab_fail(
            err, FAB_EUSAGE,
            "recipe: tune: %s: [low, high], [low, high, log] or {choice: [...]} is wanted",
            r->path);
    r->low = json_number_value(a);
    r->high = json_number_value(b);
    r->log = n == 3;
    r->whole = json_is_integer(a) && json_is_integer(b);
    if (!(r->low < r->high))
        return fab_fail(err, FAB_EUSAGE, "recipe: tune: %s: %g is not below %g", r->path, r->low,
                        r->high);
    return !r->log || r->low > 0 ||
           fab_fail(err, FAB_EUSAGE, "recipe: tune: %s: log from %g; above 0 is wanted", r->path,
                    r->low);
}

int fab_ranges_read(const json_t *o, fab_range *out, fab_err *err)
{
    const char *path;
    json_t *v;
    int n = 0;
    if (!json_object_size(o) || json_object_size(o) > FAB_MAX_RANGES) {
        fab_fail(err, FAB_EUSAGE, "recipe: tune names %zu ranges, 1 to %d are wanted",
                 json_object_size(o), FAB_MAX_RANGES);
        return -1;
    }
    json_object_foreach((json_t *)(uintptr_t)o, path, v)
    {
        fab_range *r = &out[n++];
        *r = (fab_range){ .path = path };
        if (!may_vary(path)) {
            fab_fail(err, FAB_EUSAGE,
                     "recipe: tune: %s: only model, optimizer, augment, stages and alignment vary",
                     path);
            return -1;
        }
        if (!(json_is_object(v) ? read_choice(v, r, err) : read_numbers(v, r, err))) return -1;
    }
    return n;
}

char *fab_range_at(const fab_range *r, double place, fab_arena *a, fab_err *err)
{
    if (r->choice) {
        size_t n = json_array_size(r->choice), i = (size_t)(place * (double)n);
        char *text = json_dumps(json_array_get(r->choice, i < n ? i : n - 1),
                                JSON_ENCODE_ANY | JSON_REAL_PRECISION(6));
        char *set = text ? fab_arena_printf(a, err, "%s=%s", r->path, text) : NULL;
        if (!text) fab_fail(err, FAB_ENOMEM, "no memory for a choice of %s", r->path);
        fab_free(text);
        return set;
    }
    double high = r->whole && !r->log ? r->high + 1 : r->high;
    double x = r->log ? r->low * pow(high / r->low, place) : r->low + place * (high - r->low);
    if (r->whole) return fab_arena_printf(a, err, "%s=%.0f", r->path, r->log ? round(x) : floor(x));
    return fab_arena_printf(a, err, "%s=%.3g", r->path, x);
}

char *fab_range_draw(const fab_range *r, uint64_t seed, int trial, int k, fab_arena *a,
                     fab_err *err)
{
    fab_rng all, rng;
    fab_rng_init(&all, seed);
    rng = fab_rng_fork(&all, (uint64_t)trial * FAB_MAX_RANGES + (uint64_t)k);
    return fab_range_at(r, (double)fab_rng_uniform(&rng), a, err);
}
