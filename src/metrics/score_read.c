/* score_read: see score.h. Strings are copied out of the JSON, so that a set outlives its file. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "metrics/score.h"
#include "text/utf8.h"

enum { MOST_REFS = 1000 };

bool fab_score_init(fab_score_set *s, fab_err *err)
{
    *s = (fab_score_set){ .arena = fab_arena_new(0, err) };
    return s->arena != NULL;
}

void fab_score_clear(fab_score_set *s)
{
    fab_arena_free(s->arena);
    fab_free(s->items);
    *s = (fab_score_set){ 0 };
}

static bool copy_text(fab_arena *a, fab_text from, fab_text *to, fab_err *err)
{
    char *s = fab_arena_take(a, from.n + 1, err);
    if (!s) return false;
    if (from.n) memcpy(s, from.s, from.n);
    s[from.n] = 0;
    *to = (fab_text){ s, from.n };
    return true;
}

bool fab_score_add(fab_score_set *s, const fab_score_record *r, fab_err *err)
{
    if (s->n == s->cap) {
        int64_t cap = s->cap ? s->cap * 2 : 64;
        if (!fab_grow((void **)&s->items, (size_t)cap, sizeof *s->items, err)) return false;
        s->cap = cap;
    }
    fab_score_record copy = *r;
    fab_text *refs = fab_arena_take(s->arena, (size_t)r->n_refs * sizeof *refs, err);
    copy.id = refs ? fab_arena_strdup(s->arena, r->id, err) : NULL;
    if (!copy.id || !copy_text(s->arena, r->hyp, &copy.hyp, err)) return false;
    for (int i = 0; i < r->n_refs; i++)
        if (!copy_text(s->arena, r->refs[i], &refs[i], err)) return false;
    copy.refs = refs;
    s->items[s->n++] = copy;
    return true;
}

/* ---- JSONL ---- */

static fab_text text_of(const json_t *v)
{
    return (fab_text){ json_string_value(v), json_string_length(v) };
}

static bool read_refs(const json_t *o, fab_text *refs, int *n, fab_err *err)
{
    const json_t *list = json_object_get(o, "refs");
    *n = 1;
    if (list && json_object_get(o, "ref"))
        return fab_fail(err, FAB_EFORMAT, "ref and refs: one of them is wanted, not both");
    if (!list && json_object_get(o, "ref")) {
        if (!fab_json_str(o, "ref", err)) return false;
        refs[0] = text_of(json_object_get(o, "ref"));
        return true;
    }
    if (!json_is_array(list))
        return fab_fail(err, FAB_EFORMAT, "refs: %s, an array of strings is wanted",
                        list ? "is no array" : "missing");
    size_t size = json_array_size(list);
    if (size < 1 || size > MOST_REFS)
        return fab_fail(err, FAB_EFORMAT, "refs: has %zu strings, 1 to %d are wanted", size,
                        MOST_REFS);
    for (size_t i = 0; i < size; i++) {
        const json_t *v = json_array_get(list, i);
        if (!json_is_string(v)) return fab_fail(err, FAB_EFORMAT, "refs[%zu]: is no string", i);
        refs[i] = text_of(v);
    }
    *n = (int)size;
    return true;
}

static bool read_record(fab_score_set *s, const json_t *o, int64_t line, fab_text *refs,
                        fab_err *err)
{
    char number[32];
    const json_t *id = json_object_get(o, "id");
    fab_score_record r = { .refs = refs, .line = line };
    if (json_is_integer(id)) {
        snprintf(number, sizeof number, "%" PRId64, (int64_t)json_integer_value(id));
        r.id = number;
        r.id_is_number = true;
    } else if (!(r.id = fab_json_str(o, "id", err))) return false;
    if (!fab_json_str(o, "hyp", err)) return false;
    r.hyp = text_of(json_object_get(o, "hyp"));
    return read_refs(o, refs, &r.n_refs, err) && fab_score_add(s, &r, err);
}

static int by_id(const void *a, const void *b)
{
    const fab_score_record *x = *(const fab_score_record *const *)a,
                           *y = *(const fab_score_record *const *)b;
    int c = strcmp(x->id, y->id);
    return c ? c : (x->line > y->line) - (x->line < y->line);
}

static bool ids_differ(const fab_score_set *s, const char *name, fab_err *err)
{
    const fab_score_record **sorted = fab_new_array((size_t)s->n, sizeof *sorted, err);
    if (!sorted) return false;
    bool ok = true;
    for (int64_t i = 0; i < s->n; i++) sorted[i] = &s->items[i];
    qsort(sorted, (size_t)s->n, sizeof *sorted, by_id);
    for (int64_t i = 1; ok && i < s->n; i++)
        if (strcmp(sorted[i - 1]->id, sorted[i]->id) == 0)
            ok =
                fab_fail(err, FAB_EFORMAT, "%s: lines %" PRId64 " and %" PRId64 " have the same id",
                         name, sorted[i - 1]->line, sorted[i]->line);
    fab_free(sorted);
    return ok;
}

static bool read_all(fab_score_set *s, fab_jsonl *lines, fab_err *err)
{
    fab_text *refs = fab_new_array(MOST_REFS, sizeof *refs, err);
    fab_err local = FAB_ERR_INIT;
    bool ok = refs != NULL;
    for (json_t *o; ok && (o = fab_jsonl_next(lines, &local));) {
        ok = read_record(s, o, lines->line, refs, &local) ||
             fab_while(&local, "%s line %" PRId64, lines->path, lines->line);
        json_decref(o);
    }
    fab_free(refs);
    if (local.code) return fab_fail(err, local.code, "%s", local.text);
    if (ok && !s->n) return fab_fail(err, FAB_EFORMAT, "%s: no record", lines->path);
    return ok && ids_differ(s, lines->path, err);
}

bool fab_score_parse(fab_score_set *s, const void *bytes, size_t size, const char *name,
                     fab_err *err)
{
    fab_jsonl lines;
    bool ok = fab_jsonl_parse(&lines, bytes, size, name) && read_all(s, &lines, err);
    fab_jsonl_close(&lines);
    return ok;
}

bool fab_score_read(fab_score_set *s, const char *path, fab_err *err)
{
    fab_jsonl lines;
    if (!fab_jsonl_open(&lines, path, err)) return false;
    bool ok = read_all(s, &lines, err);
    fab_jsonl_close(&lines);
    return ok;
}

/* ---- lines ---- */

typedef struct {
    fab_file file;
    fab_text *lines;
    int64_t n;
} line_file;

static bool open_lines(line_file *f, const char *path, fab_err *err)
{
    *f = (line_file){ 0 };
    if (!fab_file_map(&f->file, path, 0, err)) return false;
    const char *s = (const char *)f->file.data, *end = s + f->file.size;
    size_t all = 1;
    for (const char *p = s; p < end; p++) all += *p == '\n';
    if (!(f->lines = fab_new_array(all, sizeof *f->lines, err))) return false;
    while (s < end) {
        const char *stop = memchr(s, '\n', (size_t)(end - s));
        size_t n = (size_t)((stop ? stop : end) - s);
        if (n && s[n - 1] == '\r' && stop) n--;
        f->lines[f->n++] = (fab_text){ s, n };
        if (!fab_utf8_require(f->lines[f->n - 1].s, n, err))
            return fab_while(err, "%s line %" PRId64, path, f->n);
        s = stop ? stop + 1 : end;
    }
    return f->n || fab_fail(err, FAB_EFORMAT, "%s: no line", path);
}

static bool add_lines(fab_score_set *s, const line_file *f, int n_refs, fab_text *refs,
                      fab_err *err)
{
    for (int64_t i = 0; i < f[0].n; i++) {
        char id[32];
        snprintf(id, sizeof id, "%" PRId64, i + 1);
        for (int r = 0; r < n_refs; r++) refs[r] = f[r + 1].lines[i];
        fab_score_record one = { id, f[0].lines[i], refs, n_refs, i + 1 };
        if (!fab_score_add(s, &one, err)) return false;
    }
    return true;
}

bool fab_score_read_lines(fab_score_set *s, const char *hyps, const char *const *refs, int n_refs,
                          fab_err *err)
{
    if (n_refs < 1 || n_refs > MOST_REFS)
        return fab_fail(err, FAB_EUSAGE, "%d files of references, 1 to %d are wanted", n_refs,
                        MOST_REFS);
    line_file *f = fab_new_array((size_t)n_refs + 1, sizeof *f, err);
    fab_text *row = fab_new_array((size_t)n_refs, sizeof *row, err);
    bool ok = f && row && open_lines(&f[0], hyps, err);
    for (int i = 1; ok && i <= n_refs; i++) {
        ok = open_lines(&f[i], refs[i - 1], err);
        if (ok && f[i].n != f[0].n)
            ok = fab_fail(err, FAB_EFORMAT, "%s has %" PRId64 " lines, %s has %" PRId64, hyps,
                          f[0].n, refs[i - 1], f[i].n);
    }
    ok = ok && add_lines(s, f, n_refs, row, err);
    for (int i = 0; f && i <= n_refs; i++) {
        fab_file_unmap(&f[i].file);
        fab_free(f[i].lines);
    }
    fab_free(f);
    fab_free(row);
    return ok;
}
