/* pickle: a stack machine of the opcodes that weight files use (Python's pickletools, protocols 2
 * to 5; SYSTEMS.md 28.2).
 *
 *   push: N None  \x88 \x89 True False  J K M integers  \x8a \x8b long  G real  X \x8c \x8d U T text
 *         B C \x8e bytes  } ] ) empty dict, list, tuple  \x8f set  c \x93 global
 *   take: ( mark  t l d from the mark  \x85 \x86 \x87 tuples of 1, 2, 3  0 1 pop  2 dup
 *   fill: a e append(s)  s u setitem(s)  \x90 additems  b build
 *   call: R \x81 \x92 the callable and its arguments are noted   Q persistent id
 *   memo: q r \x94 put  h j get        \x80 \x95 protocol, frame     . stop
 *
 * The text opcodes of protocol 0 are not read: nothing writes weights with them. */
#include "format/pickle.h"

#include <inttypes.h>
#include <string.h>
#include "base/bytes.h"

#define MAX_VALUES (8 << 20)
#define MAX_MEMO   (1 << 24)

typedef struct {
    const uint8_t *data;
    size_t size, at, op; /* op: offset of the opcode being run, for messages */
    fab_arena *arena;
    fab_err *err;
    fab_pk **stack, **memo, **persistent;
    size_t n, room, memo_room, memo_next, n_persistent, persistent_room;
    int64_t values;
} machine;

static bool bad(machine *m, const char *what)
{
    return fab_fail(m->err, FAB_EFORMAT, "pickle, byte %zu: %s", m->op, what);
}

static fab_pk *value(machine *m, fab_pk_kind kind)
{
    if (m->values++ >= MAX_VALUES)
        return fab_fail(m->err, FAB_ELIMIT, "pickle: more than %d values", MAX_VALUES), NULL;
    fab_pk *v = fab_arena_zero(m->arena, sizeof *v, m->err);
    if (v) v->kind = kind;
    return v;
}

/* Room for one more of n pointers. */
static bool widen(machine *m, fab_pk ***list, size_t n, size_t *room)
{
    if (n < *room) return true;
    size_t wide = *room ? 2 * *room : 8;
    fab_pk **p = fab_arena_take(m->arena, wide * sizeof *p, m->err);
    if (p && n) memcpy(p, *list, n * sizeof *p);
    if (p) *list = p, *room = wide;
    return p != NULL;
}

static bool push(machine *m, fab_pk *v)
{
    if (!v || !widen(m, &m->stack, m->n, &m->room)) return false;
    m->stack[m->n++] = v;
    return true;
}

/* The top, taken off; NULL: there is none, or a mark is in the way. */
static fab_pk *pop(machine *m)
{
    if (!m->n || m->stack[m->n - 1]->kind == FAB_PK_MARK) return bad(m, "the stack is empty"), NULL;
    return m->stack[--m->n];
}

static fab_pk *top(machine *m)
{
    if (!m->n || m->stack[m->n - 1]->kind == FAB_PK_MARK) return bad(m, "the stack is empty"), NULL;
    return m->stack[m->n - 1];
}

static bool add(machine *m, fab_pk *to, fab_pk *v)
{
    if (!widen(m, &to->item, to->n, &to->room)) return false;
    to->item[to->n++] = v;
    return true;
}

/* --- bytes of the file --- */

static const uint8_t *take(machine *m, uint64_t n)
{
    if (n > m->size - m->at) {
        fab_fail(m->err, FAB_EFORMAT, "pickle, byte %zu: needs %" PRIu64 " bytes, %zu are left",
                 m->op, n, m->size - m->at);
        return NULL;
    }
    m->at += n;
    return m->data + m->at - n;
}

/* An unsigned little-endian number of `width` bytes. */
static bool number(machine *m, int width, uint64_t *v)
{
    const uint8_t *p = take(m, (uint64_t)width);
    *v = 0;
    for (int i = 0; p && i < width; i++) *v |= (uint64_t)p[i] << 8 * i;
    return p != NULL;
}

static bool push_int(machine *m, fab_pk_kind kind, int64_t i)
{
    fab_pk *v = value(m, kind);
    if (v) v->i = i;
    return push(m, v);
}

static bool push_unsigned(machine *m, int width)
{
    uint64_t u;
    return number(m, width, &u) && push_int(m, FAB_PK_INT, width == 4 ? (int32_t)u : (int64_t)u);
}

/* Two's complement, little-endian, of any length. */
static bool push_long(machine *m, int width)
{
    uint64_t n, u = 0;
    const uint8_t *p = number(m, width, &n) ? take(m, n) : NULL;

    if (!p) return false;
    if (n > 8) {
        fab_pk *v = value(m, FAB_PK_BIG);
        if (v) v->text = (const char *)p, v->n = n;
        return push(m, v);
    }
    for (uint64_t i = 0; i < n; i++) u |= (uint64_t)p[i] << 8 * i;
    if (n && n < 8 && p[n - 1] & 0x80) u |= UINT64_MAX << 8 * n;
    return push_int(m, FAB_PK_INT, (int64_t)u);
}

static bool push_real(machine *m)
{
    const uint8_t *p = take(m, 8);
    fab_pk *v = p ? value(m, FAB_PK_REAL) : NULL;
    uint64_t bits = 0;

    for (int i = 0; v && i < 8; i++) bits = bits << 8 | p[i]; /* big-endian */
    if (v) memcpy(&v->d, &bits, 8);
    return push(m, v);
}

static bool push_text(machine *m, int width)
{
    uint64_t n;
    const uint8_t *p = number(m, width, &n) ? take(m, n) : NULL;
    fab_pk *v = p ? value(m, FAB_PK_TEXT) : NULL;

    if (v) v->text = (const char *)p, v->n = n;
    return push(m, v);
}

/* --- globals and calls --- */

static bool push_global(machine *m, const char *module, size_t n_module, const char *name,
                        size_t n_name)
{
    fab_pk *v = value(m, FAB_PK_GLOBAL);
    if (!v) return false;
    if (n_module > 256 || n_name > 256 || memchr(module, 0, n_module) || memchr(name, 0, n_name))
        return bad(m, "a global's name is no name");
    v->text =
        fab_arena_printf(m->arena, m->err, "%.*s %.*s", (int)n_module, module, (int)n_name, name);
    v->n = n_module + n_name + 1;
    return v->text && push(m, v);
}

/* A line of the file without its end. */
static const char *line(machine *m, size_t *n)
{
    const uint8_t *p = m->data + m->at, *end = memchr(p, '\n', m->size - m->at);
    if (!end) return bad(m, "a global without an end"), NULL;
    *n = (size_t)(end - p);
    m->at += *n + 1;
    return (const char *)p;
}

static bool global_lines(machine *m)
{
    size_t n_module, n_name;
    const char *module = line(m, &n_module), *name = module ? line(m, &n_name) : NULL;
    return name && push_global(m, module, n_module, name, n_name);
}

static bool global_stack(machine *m)
{
    fab_pk *name = pop(m), *module = name ? pop(m) : NULL;
    if (!module) return false;
    if (name->kind != FAB_PK_TEXT || module->kind != FAB_PK_TEXT)
        return bad(m, "a global's name is no text");
    return push_global(m, module->text, module->n, name->text, name->n);
}

/* OrderedDict() and OrderedDict([[k, v], ...]) are dicts at once; any other call is noted. */
static bool call(machine *m)
{
    fab_pk *args = pop(m), *what = args ? pop(m) : NULL;
    if (!what) return false;
    bool dict = fab_pk_is(what, "collections OrderedDict");
    fab_pk *v = value(m, dict ? FAB_PK_DICT : FAB_PK_CALL);
    if (!v) return false;
    v->what = what;
    v->args = args;
    const fab_pk *pairs = dict && args->kind == FAB_PK_TUPLE && args->n ? args->item[0] : NULL;
    for (size_t i = 0; pairs && pairs->kind == FAB_PK_LIST && i < pairs->n; i++) {
        const fab_pk *p = pairs->item[i];
        if ((p->kind != FAB_PK_LIST && p->kind != FAB_PK_TUPLE) || p->n != 2)
            return bad(m, "an OrderedDict of no pairs");
        if (!add(m, v, p->item[0]) || !add(m, v, p->item[1])) return false;
    }
    return push(m, v);
}

static bool persistent(machine *m)
{
    fab_pk *args = pop(m), *v = args ? value(m, FAB_PK_PERSISTENT) : NULL;
    if (!v || !widen(m, &m->persistent, m->n_persistent, &m->persistent_room)) return false;
    v->args = args;
    m->persistent[m->n_persistent++] = v;
    return push(m, v);
}

static bool build(machine *m)
{
    fab_pk *state = pop(m), *v = state ? top(m) : NULL;
    if (v) v->state = state;
    return v != NULL;
}

/* --- collections --- */

/* Index after the last mark. */
static bool marked(machine *m, size_t *from)
{
    for (*from = m->n; *from; --*from)
        if (m->stack[*from - 1]->kind == FAB_PK_MARK) return true;
    return bad(m, "no mark on the stack");
}

static bool collect(machine *m, fab_pk_kind kind, size_t from, size_t cut)
{
    fab_pk *v = value(m, kind);
    for (size_t i = from; v && i < m->n; i++)
        if (!add(m, v, m->stack[i])) return false;
    m->n = cut;
    return push(m, v);
}

static bool collect_marked(machine *m, fab_pk_kind kind)
{
    size_t from;
    return marked(m, &from) && collect(m, kind, from, from - 1);
}

static bool tuple(machine *m, size_t n)
{
    for (size_t i = 1; i <= n; i++)
        if (m->n < i || m->stack[m->n - i]->kind == FAB_PK_MARK)
            return bad(m, "the stack is empty");
    return collect(m, FAB_PK_TUPLE, m->n - n, m->n - n);
}

/* The items from `from` on go to the value below `cut`. A call may be filled too: it may be of a
 * subclass of dict or list, of which nothing is read. */
static bool fill(machine *m, fab_pk_kind kind, size_t from, size_t cut)
{
    if (!cut || m->stack[cut - 1]->kind == FAB_PK_MARK) return bad(m, "nothing to add to");
    fab_pk *to = m->stack[cut - 1];
    if (to->kind != kind && to->kind != FAB_PK_CALL) return bad(m, "adds to what is no collection");
    if (kind == FAB_PK_DICT && (m->n - from) % 2) return bad(m, "a key without a value");
    for (size_t i = from; i < m->n; i++)
        if (!add(m, to, m->stack[i])) return false;
    m->n = cut;
    return true;
}

static bool fill_last(machine *m, fab_pk_kind kind, size_t n)
{
    if (m->n < n) return bad(m, "the stack is empty");
    for (size_t i = 1; i <= n; i++)
        if (m->stack[m->n - i]->kind == FAB_PK_MARK) return bad(m, "the stack is empty");
    return fill(m, kind, m->n - n, m->n - n);
}

static bool fill_marked(machine *m, fab_pk_kind kind)
{
    size_t from;
    return marked(m, &from) && fill(m, kind, from, from - 1);
}

/* --- memo --- */

static bool put(machine *m, uint64_t at)
{
    fab_pk *v = top(m);
    if (!v) return false;
    if (at >= MAX_MEMO || at > m->size) return bad(m, "a memo number that is too large");
    if (at >= m->memo_room) {
        size_t room = m->memo_room ? m->memo_room : 64;
        while (room <= at) room *= 2;
        fab_pk **p = fab_arena_zero(m->arena, room * sizeof *p, m->err);
        if (!p) return false;
        if (m->memo_room) memcpy(p, m->memo, m->memo_room * sizeof *p);
        m->memo = p;
        m->memo_room = room;
    }
    m->memo[at] = v;
    if (at >= m->memo_next) m->memo_next = at + 1;
    return true;
}

static bool put_numbered(machine *m, int width)
{
    uint64_t at;
    return number(m, width, &at) && put(m, at);
}

static bool get(machine *m, int width)
{
    uint64_t at;
    if (!number(m, width, &at)) return false;
    if (at >= m->memo_room || !m->memo[at]) return bad(m, "a memo number that was never given");
    return push(m, m->memo[at]);
}

static bool pop_mark(machine *m)
{
    size_t from;
    if (!marked(m, &from)) return false;
    m->n = from - 1;
    return true;
}

static bool step(machine *m, uint8_t op)
{
    switch (op) {
    case 0x80: return take(m, 1) != NULL;
    case 0x95: return take(m, 8) != NULL;
    case 'N': return push(m, value(m, FAB_PK_NONE));
    case 0x88:
    case 0x89: return push_int(m, FAB_PK_BOOL, op == 0x88);
    case 'K': return push_unsigned(m, 1);
    case 'M': return push_unsigned(m, 2);
    case 'J': return push_unsigned(m, 4);
    case 0x8a: return push_long(m, 1);
    case 0x8b: return push_long(m, 4);
    case 'G': return push_real(m);
    case 0x8c:
    case 'U':
    case 'C': return push_text(m, 1);
    case 'X':
    case 'T':
    case 'B': return push_text(m, 4);
    case 0x8d:
    case 0x8e: return push_text(m, 8);
    case '}': return push(m, value(m, FAB_PK_DICT));
    case ']':
    case 0x8f: return push(m, value(m, FAB_PK_LIST));
    case ')': return push(m, value(m, FAB_PK_TUPLE));
    case '(': return push(m, value(m, FAB_PK_MARK));
    case 't': return collect_marked(m, FAB_PK_TUPLE);
    case 'l':
    case 0x91: return collect_marked(m, FAB_PK_LIST);
    case 0x85: return tuple(m, 1);
    case 0x86: return tuple(m, 2);
    case 0x87: return tuple(m, 3);
    case 'a': return fill_last(m, FAB_PK_LIST, 1);
    case 'e':
    case 0x90: return fill_marked(m, FAB_PK_LIST);
    case 's': return fill_last(m, FAB_PK_DICT, 2);
    case 'u': return fill_marked(m, FAB_PK_DICT);
    case 'c': return global_lines(m);
    case 0x93: return global_stack(m);
    case 'R':
    case 0x81: return call(m);
    case 'b': return build(m);
    case 'Q': return persistent(m);
    case 'q': return put_numbered(m, 1);
    case 'r': return put_numbered(m, 4);
    case 0x94: return put(m, m->memo_next);
    case 'h': return get(m, 1);
    case 'j': return get(m, 4);
    case '0': return pop(m) != NULL;
    case '1': return pop_mark(m);
    case '2': return push(m, top(m));
    default:
        return fab_fail(m->err, FAB_EUNSUPPORTED, "pickle, byte %zu: opcode 0x%02X is not read",
                        m->op, op);
    }
}

bool fab_pickle_read(fab_pickle *p, const uint8_t *data, size_t size, fab_arena *a, fab_err *err)
{
    machine m = { .data = data, .size = size, .arena = a, .err = err };

    while (m.at < size) {
        m.op = m.at++;
        if (data[m.op] == '.') {
            *p = (fab_pickle){ pop(&m), m.persistent, m.n_persistent, m.at };
            return p->root != NULL;
        }
        if (!step(&m, data[m.op])) return false;
    }
    return fab_fail(err, FAB_EFORMAT, "pickle: %zu bytes without an end", size);
}

bool fab_pk_is(const fab_pk *v, const char *text)
{
    return v && (v->kind == FAB_PK_TEXT || v->kind == FAB_PK_GLOBAL) && v->n == strlen(text) &&
           !memcmp(v->text, text, v->n);
}

const fab_pk *fab_pk_key(const fab_pk *dict, const char *key)
{
    for (size_t i = 0; dict && dict->kind == FAB_PK_DICT && i + 1 < dict->n; i += 2)
        if (fab_pk_is(dict->item[i], key)) return dict->item[i + 1];
    return NULL;
}
