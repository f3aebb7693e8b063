/* Files of reports and references. See report_findings.h. */
#include <stdlib.h>
#include <string.h>
#include "metrics/report_findings.h"

enum { MOST_REFS = 64 };

static bool gather(const fab_labeller *l, const char *const *texts, int n, fab_gathering *g,
                   const char *field, fab_err *err)
{
    fab_gathering_init(g);
    for (int i = 0; i < n; i++) {
        fab_mentions m = { 0 };
        bool ok = fab_labeller_read(l, texts[i], strlen(texts[i]), &m, err);
        if (ok) fab_gathering_add(g, &m, i);
        fab_mentions_clear(&m);
        if (!ok) return fab_while(err, "%s", field);
    }
    fab_gathering_end(g);
    return true;
}

static int name_find(const char *name, const char *const *names, int n)
{
    for (int i = 0; i < n; i++)
        if (!strcmp(names[i], name)) return i;
    return -1;
}

/* "edema", or {observation, status, side}. */
static bool read_finding(const json_t *v, fab_mentions *m, fab_mention *out, fab_err *err)
{
    const char *name =
        json_is_string(v) ? json_string_value(v) : fab_json_str(v, "observation", err);
    const char *status = json_is_object(v) ? fab_json_str(v, "status", NULL) : NULL;
    const char *side = json_is_object(v) ? fab_json_str(v, "side", NULL) : NULL;
    if (!name) return fab_while(err, "findings");
    int o = fab_observation_find(name),
        s = status ? name_find(status, fab_status_names, FAB_STATUSES) : FAB_PRESENT,
        w = side ? name_find(side, fab_side_names, FAB_SIDES) : FAB_SIDE_NONE;
    if (o < 0)
        return fab_fail(err, FAB_EFORMAT, "findings: no observation is called '%.60s'", name);
    if (s < 0)
        return fab_fail(err, FAB_EFORMAT,
                        "findings: status '%.60s' is not absent, uncertain or present", status);
    if (w < 0)
        return fab_fail(err, FAB_EFORMAT, "findings: side '%.60s' is not left, right or both",
                        side);
    *out = (fab_mention){ .observation = (uint8_t)o, .status = (uint8_t)s, .side = (uint8_t)w };
    *m = (fab_mentions){ out, 1, 1 };
    return true;
}

static bool read_findings(const json_t *list, fab_gathering *g, fab_err *err)
{
    size_t i;
    json_t *v;
    fab_gathering_init(g);
    json_array_foreach((json_t *)(uintptr_t)list, i, v)
    {
        fab_mention one;
        fab_mentions m;
        if (!read_finding(v, &m, &one, err)) return false;
        fab_gathering_add(g, &m, 0);
    }
    fab_gathering_end(g);
    return true;
}

static bool read_refs(fab_report_set *s, const json_t *o, fab_report_pair *p, fab_err *err)
{
    const json_t *refs = json_object_get(o, "refs"), *ref = json_object_get(o, "ref");
    if (ref && refs)
        return fab_fail(err, FAB_EFORMAT, "ref and refs: one of them is wanted, not both");
    int n = ref ? 1 : (int)json_array_size(refs);
    if ((!ref && !json_is_array(refs)) || n < 1 || n > MOST_REFS)
        return fab_fail(err, FAB_EFORMAT, "no refs of 1 to %d texts, no ref and no findings",
                        MOST_REFS);
    const char **texts = fab_arena_take(s->arena, (size_t)n * sizeof *texts, err);
    for (int i = 0; texts && i < n; i++) {
        const json_t *v = ref ? ref : json_array_get(refs, (size_t)i);
        if (!json_is_string(v)) return fab_fail(err, FAB_EFORMAT, "refs: item %d is no text", i);
        texts[i] = fab_arena_strdup(s->arena, json_string_value(v), err);
        if (!texts[i]) return false;
    }
    p->refs = texts;
    p->n_refs = n;
    p->ref = texts ? texts[0] : NULL;
    return texts != NULL;
}

typedef struct {
    fab_report_set *s;
    const fab_labeller *l;
} reader;

static bool read_record(void *arg, const json_t *o, fab_err *err)
{
    const reader *r = arg;
    fab_report_set *s = r->s;
    fab_report_pair p = { .id = json_object_get(o, "id") };
    const json_t *list = json_object_get(o, "findings");
    const char *hyp = fab_json_str(o, "hyp", err);
    if (!hyp) return false;
    if (!json_is_string(p.id) && !json_is_integer(p.id))
        return fab_fail(err, FAB_EFORMAT, "id is no text and no whole number");
    p.hyp = fab_arena_strdup(s->arena, hyp, err);
    if (!p.hyp || !gather(r->l, &p.hyp, 1, &p.hyp_found, "hyp", err)) return false;
    bool given = json_is_array(list),
         texts = json_object_get(o, "refs") || json_object_get(o, "ref");
    if ((texts || !given) && !read_refs(s, o, &p, err)) return false;
    if (given ? !read_findings(list, &p.ref_found, err)
              : !gather(r->l, p.refs, p.n_refs, &p.ref_found, "refs", err))
        return false;
    if (s->n == s->cap) {
        int64_t cap = s->cap ? 2 * s->cap : 64;
        if (!fab_grow((void **)&s->items, (size_t)cap, sizeof *s->items, err)) return false;
        s->cap = cap;
    }
    s->all_have_refs = s->all_have_refs && p.n_refs;
    json_incref(p.id);
    s->items[s->n++] = p;
    return true;
}

bool fab_report_read(fab_report_set *s, const fab_labeller *l, const char *path, fab_err *err)
{
    reader r = { s, l };
    s->all_have_refs = true;
    if (!(s->arena = fab_arena_new(0, err)) || !fab_jsonl_each(path, read_record, &r, err))
        return false;
    return s->n || fab_fail(err, FAB_EFORMAT, "%s: no records", path);
}

void fab_report_clear(fab_report_set *s)
{
    for (int64_t i = 0; i < s->n; i++) json_decref(s->items[i].id);
    fab_free(s->items);
    fab_arena_free(s->arena);
    *s = (fab_report_set){ 0 };
}
