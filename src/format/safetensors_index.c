/* safetensors_index: a model in several safetensors files, model.safetensors.index.json (SYSTEMS.md
 * 28.1).
 *
 *   {"metadata": {"total_size": N}, "weight_map": {TENSOR: "m-00001-of-00002.safetensors", ...}}
 *
 * Every shard lies in the index's folder: a name with a slash is refused. The map and the files
 * must agree: a tensor that the map puts in a file is in it, and no file holds one that the map
 * does not know. */
#include <string.h>
#include "format/weights_table.h"

#define MAX_SHARDS 1024
#define LOOK       65536 /* bytes in which the map must begin */

static int bid(const uint8_t *data, size_t size)
{
    static const char word[] = "\"weight_map\"";
    size_t n = sizeof word - 1;

    if (size < n || data[0] != '{') return 0;
    for (size_t i = 0; i + n <= size && i < LOOK; i++)
        if (data[i] == '"' && !memcmp(data + i, word, n)) return 12;
    return 0;
}

/* The shard of that name, opened when it is the first time; NULL with err set. */
static fab_weights *shard(fab_weights *w, const char **names, const char *name, const char *dir,
                          fab_err *err)
{
    for (int i = 0; i < w->n_shards; i++)
        if (!strcmp(names[i], name)) return w->shard[i];
    if (!*name || strchr(name, '/') || !strcmp(name, "..") || !strcmp(name, "."))
        return fab_fail(err, FAB_EFORMAT,
                        "weight_map: '%.64s' is not a file name in the index's folder", name),
               NULL;
    if (w->n_shards == MAX_SHARDS)
        return fab_fail(err, FAB_ELIMIT, "weight_map: more than %d files", MAX_SHARDS), NULL;
    char *path = fab_path_join(w->arena, dir, name, err);
    fab_weights *s = path ? fab_weights_open_as(path, &fab_format_safetensors, err) : NULL;
    if (!s) return NULL;
    names[w->n_shards] = name;
    w->shard[w->n_shards++] = s;
    return s;
}

static bool read_map(fab_weights *w, json_t *map, const char *dir, fab_err *err)
{
    const char **names = fab_arena_take(w->arena, MAX_SHARDS * sizeof *names, err);
    const char *tensor;
    json_t *file;
    int64_t held = 0;

    w->shard = fab_arena_zero(w->arena, MAX_SHARDS * sizeof *w->shard, err);
    if (!names || !w->shard || !fab_weights_room(w, (int64_t)json_object_size(map), 0, err))
        return false;
    json_object_foreach(map, tensor, file)
    {
        const char *name = json_string_value(file);
        if (!name)
            return fab_fail(err, FAB_EFORMAT, "weight_map: '%.64s' has no file name", tensor);
        const fab_weights *s = shard(w, names, name, dir, err);
        const fab_weight *e = s ? fab_weights_find(s, tensor, err) : NULL;
        if (!e) return s ? fab_while(err, "%s", name) : false;
        w->entries[w->n++] = *e;
    }
    for (int i = 0; i < w->n_shards; i++) held += w->shard[i]->n;
    if (held != w->n)
        return fab_fail(err, FAB_EFORMAT, "the files hold %lld tensors, weight_map names %lld",
                        (long long)held, (long long)w->n);
    return true;
}

static bool parse(fab_weights *w, const uint8_t *data, size_t size, const char *dir, fab_err *err)
{
    if (!dir)
        return fab_fail(err, FAB_EUNSUPPORTED,
                        "an index names files, and these bytes come from none");
    json_t *doc = fab_json_parse(data, size, err), *map = json_object_get(doc, "weight_map");
    bool ok = doc &&
              (json_is_object(map) || fab_fail(err, FAB_EFORMAT, "weight_map: not an object")) &&
              read_map(w, map, dir, err);
    json_decref(doc);
    return ok;
}

const fab_format fab_format_index = { "index", bid, parse };
