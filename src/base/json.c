/* json: see json.h. What jansson lets pass is refused here: duplicate keys, nesting deeper than
 * MAX_DEPTH (its own limit is 2,048, deep enough to hurt a recursive reader), documents above
 * MAX_SIZE. Its "near '...'" is cut off the messages, because it quotes the document. */
#include "base/json.h"

#include <string.h>

enum { MAX_DEPTH = 128 };
#define MAX_SIZE ((size_t)1 << 30)

/* Deepest nesting of brackets outside strings; stops counting above the limit. */
static int nesting(const char *s, size_t n)
{
    int depth = 0, deepest = 0;
    bool quoted = false;
    for (size_t i = 0; i < n && deepest <= MAX_DEPTH; i++) {
        char c = s[i];
        if (quoted) {
            if (c == '\\') i++;
            else if (c == '"') quoted = false;
        } else if (c == '"') quoted = true;
        else if (c == '[' || c == '{') {
            if (++depth > deepest) deepest = depth;
        } else if (c == ']' || c == '}') depth--;
    }
    return deepest;
}

static json_t *parse(const char *s, size_t n, bool one_line, fab_err *err)
{
    if (n > MAX_SIZE) {
        fab_fail(err, FAB_ELIMIT, "JSON of %zu bytes, the limit is %zu", n, MAX_SIZE);
        return NULL;
    }
    if (nesting(s, n) > MAX_DEPTH) {
        fab_fail(err, FAB_ELIMIT, "JSON nested deeper than %d", MAX_DEPTH);
        return NULL;
    }
    json_error_t e;
    json_t *v = json_loadb(s ? s : "", n, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &e);
    if (v) return v;
    char *near = strstr(e.text, " near ");
    if (near) *near = 0;
    if (one_line) fab_fail(err, FAB_EFORMAT, "column %d: %s", e.column, e.text);
    else fab_fail(err, FAB_EFORMAT, "line %d column %d: %s", e.line, e.column, e.text);
    return NULL;
}

/* Skips a UTF-8 byte order mark, which some editors put in front. */
static size_t bom(const uint8_t *s, size_t n)
{
    return n >= 3 && memcmp(s, "\xef\xbb\xbf", 3) == 0 ? 3 : 0;
}

json_t *fab_json_parse(const void *data, size_t size, fab_err *err)
{
    size_t skip = bom(data, size);
    return parse((const char *)data + skip, size - skip, false, err);
}

json_t *fab_json_open(const char *path, fab_err *err)
{
    fab_file f;
    if (!fab_file_map(&f, path, MAX_SIZE, err)) return NULL;
    json_t *v = fab_json_parse(f.data, f.size, err);
    if (!v) fab_while(err, "%s", path);
    fab_file_unmap(&f);
    return v;
}

bool fab_json_write(const char *path, const json_t *v, fab_err *err)
{
    fab_out o;
    if (!fab_out_open(&o, path, err)) return false;
    bool ok = json_dumpf(v, o.stream, FAB_JSON_DUMP | JSON_INDENT(2)) == 0;
    if (!ok) fab_fail(err, FAB_EIO, "%s: cannot be written as JSON", path);
    if (ok && fab_out_write(&o, "\n", 1, err)) return fab_out_commit(&o, err);
    fab_out_abort(&o);
    return false;
}

/* ---- fields ---- */

static const char *type_name(const json_t *v)
{
    static const char *const names[] = { "an object", "an array", "a string", "an integer",
                                         "a number",  "true",     "false",    "null" };
    return names[json_typeof(v)];
}

static const json_t *field(const json_t *o, const char *key, const char *want, fab_err *err)
{
    if (!json_is_object(o)) {
        fab_fail(err, FAB_EFORMAT, "%s: looked for in %s, an object is wanted", key,
                 o ? type_name(o) : "nothing");
        return NULL;
    }
    const json_t *v = json_object_get(o, key);
    if (!v) fab_fail(err, FAB_EFORMAT, "%s: missing, %s is wanted", key, want);
    return v;
}

static bool wrong_type(const json_t *v, const char *key, const char *want, fab_err *err)
{
    return fab_fail(err, FAB_EFORMAT, "%s: is %s, %s is wanted", key, type_name(v), want);
}

const char *fab_json_str(const json_t *o, const char *key, fab_err *err)
{
    const json_t *v = field(o, key, "a string", err);
    if (!v) return NULL;
    if (!json_is_string(v)) wrong_type(v, key, "a string", err);
    return json_string_value(v);
}

bool fab_json_num(const json_t *o, const char *key, double *out, fab_err *err)
{
    const json_t *v = field(o, key, "a number", err);
    if (!v) return false;
    if (!json_is_number(v)) return wrong_type(v, key, "a number", err);
    *out = json_number_value(v);
    return true;
}

bool fab_json_int(const json_t *o, const char *key, int64_t *out, fab_err *err)
{
    const json_t *v = field(o, key, "an integer", err);
    if (!v) return false;
    if (!json_is_integer(v)) return wrong_type(v, key, "an integer", err);
    *out = json_integer_value(v);
    return true;
}

/* ---- JSONL ---- */

bool fab_jsonl_open(fab_jsonl *j, const char *path, fab_err *err)
{
    *j = (fab_jsonl){ .path = path };
    if (!fab_file_map(&j->file, path, 0, err)) return false;
    j->at = bom(j->file.data, j->file.size);
    return true;
}

bool fab_jsonl_parse(fab_jsonl *j, const void *data, size_t size, const char *name)
{
    *j = (fab_jsonl){ .file = { .data = data, .size = size }, .path = name, .borrowed = true };
    j->at = bom(data, size);
    return true;
}

static bool blank(const char *s, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (s[i] != ' ' && s[i] != '\t' && s[i] != '\r') return false;
    return true;
}

json_t *fab_jsonl_next(fab_jsonl *j, fab_err *err)
{
    while (j->at < j->file.size) {
        const char *s = (const char *)j->file.data + j->at;
        size_t rest = j->file.size - j->at;
        const char *end = memchr(s, '\n', rest);
        size_t n = end ? (size_t)(end - s) : rest;
        j->at += n + (end != NULL);
        j->line++;
        if (blank(s, n)) continue;
        json_t *v = parse(s, n, true, err);
        if (!v) fab_while(err, "%s line %lld", j->path, (long long)j->line);
        return v;
    }
    return NULL;
}

void fab_jsonl_close(fab_jsonl *j)
{
    if (!j->borrowed) fab_file_unmap(&j->file);
    *j = (fab_jsonl){ 0 };
}

bool fab_jsonl_each(const char *path, fab_jsonl_fn fn, void *arg, fab_err *err)
{
    fab_jsonl j;
    fab_err mine = FAB_ERR_INIT;
    if (!fab_jsonl_open(&j, path, err)) return false;
    for (json_t *o; (o = fab_jsonl_next(&j, &mine));) {
        bool ok = fn(arg, o, &mine);
        json_decref(o);
        if (!ok) {
            fab_while(&mine, "%s line %lld", path, (long long)j.line);
            break;
        }
    }
    fab_jsonl_close(&j);
    return mine.code == FAB_OK || fab_fail(err, mine.code, "%s", mine.text);
}
