/* recipe_teacher: teacher: {models: [a.gguf, b.gguf], weight: 0.5, temperature: 2}, of a stage. */
#include "train/recipe.h"
#include "train/recipe_section.h"

void fab_recipe_read_teacher(const json_t *o, fab_stage *g, fab_err *err)
{
    static const char *const keys[] = { "models", "weight", "temperature", NULL };
    char where[64];
    snprintf(where, sizeof where, "teacher of stage %.40s", g->name);
    section s = open_section(o, where, keys, err);
    fab_teachers *t = &g->teacher;
    t->weight = (float)real(&s, "weight", 0.5, 0, 1);
    t->temperature = (float)real(&s, "temperature", 2, 0.1, 100);
    const json_t *list = json_object_get(s.o, "models");
    size_t n = json_array_size(list);
    if (s.o && (n < 1 || n > FAB_MAX_TEACHERS))
        fab_fail(err, FAB_EUSAGE, "recipe: %s: models is no list of 1 to %d files", where,
                 FAB_MAX_TEACHERS);
    for (size_t i = 0; i < n && n <= FAB_MAX_TEACHERS; i++) {
        t->models[i] = json_string_value(json_array_get(list, i));
        if (!t->models[i])
            fab_fail(err, FAB_EUSAGE, "recipe: %s: model %zu is no text", where, i + 1);
        else t->n++;
    }
}
