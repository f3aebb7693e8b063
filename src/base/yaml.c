/* yaml: see yaml.h. libyaml's event stream, read by recursive descent:
 *
 *   document = value      value = scalar | [ value ... ] | { scalar value ... }
 *
 * The typing of plain scalars is YAML 1.2's core schema (yaml.org/spec/1.2.2, 10.3.2), not
 * libyaml's, which has none.
 */
#include "base/yaml.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <yaml.h>

enum { MAX_DEPTH = 64 };
#define MAX_SIZE ((size_t)16 << 20)

typedef struct {
    yaml_parser_t parser;
    yaml_event_t event; /* the current one; cleared: none */
    int depth;
    fab_err *err;
} reader;

static json_t *value(reader *r);

/* "line 3 column 5: WORDS"; always NULL. */
static json_t *refuse(reader *r, yaml_mark_t at, const char *words)
{
    fab_fail(r->err, FAB_EFORMAT, "line %zu column %zu: %s", at.line + 1, at.column + 1, words);
    return NULL;
}

static json_t *refuse_here(reader *r, const char *words)
{
    return refuse(r, r->event.start_mark, words);
}

/* Moves to the next event. */
static bool next(reader *r)
{
    yaml_event_delete(&r->event);
    if (yaml_parser_parse(&r->parser, &r->event)) return true;
    const yaml_parser_t *p = &r->parser;
    if (p->error == YAML_MEMORY_ERROR)
        return fab_fail(r->err, FAB_ENOMEM, "no memory for a YAML document");
    if (p->error == YAML_READER_ERROR)
        return fab_fail(r->err, FAB_EFORMAT, "byte %zu: %s", p->problem_offset, p->problem);
    refuse(r, p->problem_mark, p->problem ? p->problem : "no YAML");
    return false;
}

/* ---- scalars ---- */

static size_t digits(const char *s, const char *set) { return strspn(s, set); }

/* [-+]? ( [0-9]+ | 0o[0-7]+ | 0x[0-9a-fA-F]+ ); the base is in *base, the digits begin at *from. */
static bool looks_int(const char *s, int *base, size_t *from)
{
    size_t sign = *s == '-' || *s == '+';
    const char *set = "0123456789";
    *base = 10;
    *from = sign;
    if (!sign && s[0] == '0' && (s[1] == 'x' || s[1] == 'o')) {
        *base = s[1] == 'x' ? 16 : 8;
        set = s[1] == 'x' ? "0123456789abcdefABCDEF" : "01234567";
        *from = 2;
    }
    size_t n = digits(s + *from, set);
    return n > 0 && s[*from + n] == 0;
}

/* [-+]? ( [.][0-9]+ | [0-9]+([.][0-9]*)? ) ([eE][-+]?[0-9]+)? */
static bool looks_float(const char *s)
{
    static const char set[] = "0123456789";
    s += *s == '-' || *s == '+';
    size_t whole = digits(s, set), part = 0;
    s += whole;
    if (*s == '.') {
        part = digits(s + 1, set);
        s += 1 + part;
    }
    if (whole + part == 0) return false;
    if (*s != 'e' && *s != 'E') return *s == 0;
    s++;
    s += *s == '-' || *s == '+';
    size_t n = digits(s, set);
    return n > 0 && s[n] == 0;
}

static bool one_of(const char *s, const char *a, const char *b, const char *c)
{
    return strcmp(s, a) == 0 || strcmp(s, b) == 0 || strcmp(s, c) == 0;
}

static bool not_finite(const char *s)
{
    s += *s == '-' || *s == '+';
    return one_of(s, ".inf", ".Inf", ".INF") || one_of(s, ".nan", ".NaN", ".NAN");
}

static json_t *plain(reader *r, const char *s)
{
    int base;
    size_t from;
    if (!*s || strcmp(s, "~") == 0 || one_of(s, "null", "Null", "NULL")) return json_null();
    if (one_of(s, "true", "True", "TRUE")) return json_true();
    if (one_of(s, "false", "False", "FALSE")) return json_false();
    if (looks_int(s, &base, &from)) {
        errno = 0;
        long long v = strtoll(base == 10 ? s : s + from, NULL, base);
        return errno ? refuse_here(r, "an integer outside 64 bits") : json_integer(v);
    }
    if (looks_float(s)) {
        json_t *v = json_real(strtod(s, NULL));
        return v ? v : refuse_here(r, "a number too large for a double");
    }
    return not_finite(s) ? refuse_here(r, "a number that is not finite") : json_string(s);
}

static json_t *scalar(reader *r)
{
    const char *s = (const char *)r->event.data.scalar.value;
    if (r->event.data.scalar.style == YAML_PLAIN_SCALAR_STYLE) return plain(r, s);
    return json_stringn(s, r->event.data.scalar.length);
}

/* ---- collections ---- */

static json_t *sequence(reader *r)
{
    json_t *list = json_array();
    while (list && next(r)) {
        if (r->event.type == YAML_SEQUENCE_END_EVENT) return list;
        json_t *item = value(r);
        if (!item) break;
        if (json_array_append_new(list, item) != 0) break;
    }
    json_decref(list);
    return NULL;
}

/* The key at the current event, the caller's to free; NULL: refused. */
static char *key_of(reader *r, const json_t *map)
{
    const yaml_event_t *e = &r->event;
    if (e->type != YAML_SCALAR_EVENT || e->data.scalar.anchor || e->data.scalar.tag) {
        refuse_here(r, "a key must be a plain or quoted word");
        return NULL;
    }
    const char *s = (const char *)e->data.scalar.value;
    if (strlen(s) != e->data.scalar.length) refuse_here(r, "a key holds a NUL");
    else if (!json_object_get(map, s)) return fab_strdup(s, r->err);
    else {
        fab_fail(r->err, FAB_EFORMAT, "line %zu column %zu: the key %.60s is there twice",
                 e->start_mark.line + 1, e->start_mark.column + 1, s);
    }
    return NULL;
}

static bool pair(reader *r, json_t *map)
{
    char *key = key_of(r, map);
    if (!key) return false;
    json_t *v = next(r) ? value(r) : NULL;
    bool ok = v && json_object_set_new(map, key, v) == 0;
    fab_free(key);
    return ok;
}

static json_t *mapping(reader *r)
{
    json_t *map = json_object();
    while (map && next(r)) {
        if (r->event.type == YAML_MAPPING_END_EVENT) return map;
        if (!pair(r, map)) break;
    }
    json_decref(map);
    return NULL;
}

/* A sequence or mapping, one level down. */
static json_t *collection(reader *r)
{
    if (++r->depth > MAX_DEPTH) {
        fab_fail(r->err, FAB_ELIMIT, "line %zu column %zu: nested deeper than %d",
                 r->event.start_mark.line + 1, r->event.start_mark.column + 1, MAX_DEPTH);
        return NULL;
    }
    json_t *v = r->event.type == YAML_SEQUENCE_START_EVENT ? sequence(r) : mapping(r);
    r->depth--;
    return v;
}

/* The value that starts at the current event; new reference. */
static json_t *value(reader *r)
{
    const yaml_event_t *e = &r->event;
    const yaml_char_t *anchor = NULL, *tag = NULL;
    if (e->type == YAML_ALIAS_EVENT) return refuse_here(r, "aliases are not allowed");
    if (e->type == YAML_SCALAR_EVENT) {
        anchor = e->data.scalar.anchor;
        tag = e->data.scalar.tag;
    } else if (e->type == YAML_SEQUENCE_START_EVENT) {
        anchor = e->data.sequence_start.anchor;
        tag = e->data.sequence_start.tag;
    } else if (e->type == YAML_MAPPING_START_EVENT) {
        anchor = e->data.mapping_start.anchor;
        tag = e->data.mapping_start.tag;
    } else return refuse_here(r, "a value is wanted");
    if (anchor) return refuse_here(r, "anchors are not allowed");
    if (tag) return refuse_here(r, "tags are not allowed");
    json_t *v = e->type == YAML_SCALAR_EVENT ? scalar(r) : collection(r);
    if (!v) fab_fail(r->err, FAB_ENOMEM, "no memory for a YAML value"); /* keeps an earlier error */
    return v;
}

static json_t *document(reader *r)
{
    if (!next(r) || !next(r)) return NULL; /* stream start, document start or stream end */
    if (r->event.type == YAML_STREAM_END_EVENT) return json_null();
    json_t *v = next(r) ? value(r) : NULL;
    if (!v) return NULL;
    if (next(r) && next(r)) { /* document end, then stream end */
        if (r->event.type == YAML_STREAM_END_EVENT) return v;
        refuse_here(r, "a second document");
    }
    json_decref(v);
    return NULL;
}

json_t *fab_yaml_parse(const void *data, size_t size, fab_err *err)
{
    fab_err here = FAB_ERR_INIT; /* so that a NULL err does not hide what happened */
    reader r = { .err = &here };
    json_t *v = NULL;
    if (size > MAX_SIZE)
        fab_fail(&here, FAB_ELIMIT, "YAML of %zu bytes, the limit is %zu", size, MAX_SIZE);
    else if (!yaml_parser_initialize(&r.parser))
        fab_fail(&here, FAB_ENOMEM, "no memory for a YAML parser");
    else {
        yaml_parser_set_input_string(&r.parser, data ? data : (const void *)"", size);
        v = document(&r);
        yaml_event_delete(&r.event);
        yaml_parser_delete(&r.parser);
    }
    if (!v) fab_fail(err, here.code, "%s", here.text);
    return v;
}

json_t *fab_yaml_open(const char *path, fab_err *err)
{
    fab_file f;
    if (!fab_file_map(&f, path, MAX_SIZE, err)) return NULL;
    json_t *v = fab_yaml_parse(f.data, f.size, err);
    if (!v) fab_while(err, "%s", path);
    fab_file_unmap(&f);
    return v;
}

/* ---- --set a.b=c ---- */

/* The item of an array that `step` means: an index, or the object of that "name". -1: none. */
static int64_t array_index(const json_t *list, const char *step)
{
    size_t n = json_array_size(list);
    if (*step && digits(step, "0123456789") == strlen(step) && strlen(step) < 10) {
        int64_t i = strtoll(step, NULL, 10);
        return i < (int64_t)n ? i : -1;
    }
    for (size_t i = 0; i < n; i++) {
        const char *name = json_string_value(json_object_get(json_array_get(list, i), "name"));
        if (name && strcmp(name, step) == 0) return (int64_t)i;
    }
    return -1;
}

static json_t *step_into(json_t *at, const char *step)
{
    return json_is_array(at) ? json_array_get(at, (size_t)array_index(at, step))
                             : json_object_get(at, step);
}

/* Sets the last step of the path; takes v. NULL takes the field away, if there is one. */
static bool set_last(json_t *at, const char *step, json_t *v)
{
    if (json_is_object(at) && *step)
        return v ? json_object_set_new(at, step, v) == 0 : (json_object_del(at, step), true);
    int64_t i = json_is_array(at) ? array_index(at, step) : -1;
    if (i >= 0) return json_array_set_new(at, (size_t)i, v) == 0;
    json_decref(v);
    return false;
}

static bool set_path(json_t *at, char *path, json_t *v, fab_err *err)
{
    char *step = path;
    for (char *dot; (dot = strchr(step, '.')) != NULL; step = dot + 1) {
        *dot = 0;
        json_t *below = step_into(at, step);
        if (!below) {
            json_decref(v);
            return fab_fail(err, FAB_EUSAGE, "there is no \"%s\" to set a field of", step);
        }
        at = below;
    }
    return set_last(at, step, v) || fab_fail(err, FAB_EUSAGE, "\"%s\" cannot be set there", step);
}

bool fab_json_set_path(json_t *root, const char *assignment, fab_err *err)
{
    const char *sign = strchr(assignment, '=');
    if (!sign || sign == assignment)
        return fab_fail(err, FAB_EUSAGE, "%s: PATH=VALUE is wanted", assignment);
    char *path = fab_strdup(assignment, err);
    if (!path) return false;
    path[sign - assignment] = 0;
    json_t *v = fab_yaml_parse(sign + 1, strlen(sign + 1), err);
    bool ok = v != NULL;
    if (json_is_null(v) && sign[1]) { /* the word null, not nothing */
        json_decref(v);
        v = NULL;
    }
    ok = ok && set_path(root, path, v, err);
    fab_free(path);
    return ok || fab_while(err, "%s", assignment);
}
