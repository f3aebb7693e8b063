/* events: see events.h. The two messages that TensorBoard needs, by hand
 * (tensorflow/core/util/event.proto and core/framework/summary.proto, core/lib/io/record_writer):
 *
 *   Event    1 wall_time double   2 step int64   3 file_version string   5 Summary
 *            7 SessionLog { 1 status = START }
 *   Summary  1 Value { 1 tag string   2 simple_value float }, repeated
 *   record   u64 n | u32 mask(crc(n)) | n bytes | u32 mask(crc(bytes))
 *            mask(c) = rotr(c, 15) + 0xa282ead8
 */
#include "train/events.h"

#include <math.h>
#include <string.h>

#include "base/bytes.h"
#include "base/json.h"

enum { RECORD = 16, BLOCK = 4096 };

struct fab_events {
    fab_arena *arena;
    FILE *records, *lines;
    const char *records_path, *lines_path;
    double start, clock; /* fab_now and seconds since 1970 when it was opened */
};

/* ---- records ---- */

uint32_t fab_crc32c(const void *data, size_t size)
{
    const uint8_t *p = data;
    uint32_t c = ~0u;
    for (size_t i = 0; i < size; i++) {
        c ^= p[i];
        for (int bit = 0; bit < 8; bit++)
            c = c >> 1 ^ (c & 1 ? 0x82f63b78u : 0); /* Castagnoli, reflected */
    }
    return ~c;
}

static uint32_t masked_crc(const void *data, size_t size)
{
    uint32_t c = fab_crc32c(data, size);
    return (c >> 15 | c << 17) + 0xa282ead8u;
}

void fab_tfrecord(uint8_t *out, const void *data, size_t size)
{
    fab_put_le64(out, size);
    fab_put_le32(out + 8, masked_crc(out, 8));
    memcpy(out + 12, data, size);
    fab_put_le32(out + 12 + size, masked_crc(data, size));
}

/* ---- protobuf: a buffer that remembers overflow ---- */

typedef struct {
    uint8_t *p;
    size_t n, cap;
} buffer;

static void put(buffer *b, const void *data, size_t size)
{
    if (size <= b->cap - b->n) memcpy(b->p + b->n, data, size);
    else b->cap = b->n = 0; /* every later put fails too, unless empty */
    if (b->cap) b->n += size;
}

static void put_varint(buffer *b, uint64_t v)
{
    uint8_t s[10];
    size_t n = 0;
    for (; v > 127; v >>= 7) s[n++] = (uint8_t)(v | 128);
    s[n++] = (uint8_t)v;
    put(b, s, n);
}

enum { VARINT = 0, FIXED64 = 1, LENGTH = 2, FIXED32 = 5 };
static void put_key(buffer *b, int field, int wire)
{
    put_varint(b, (uint64_t)(field << 3 | wire));
}

static void put_string(buffer *b, int field, const void *s, size_t n)
{
    put_key(b, field, LENGTH);
    put_varint(b, n);
    put(b, s, n);
}

static void put_event_head(buffer *b, double wall_time, int64_t step)
{
    uint8_t s[8];
    uint64_t bits;
    memcpy(&bits, &wall_time, 8);
    fab_put_le64(s, bits);
    put_key(b, 1, FIXED64);
    put(b, s, 8);
    if (step == 0) return; /* proto3 leaves zeros out */
    put_key(b, 2, VARINT);
    put_varint(b, (uint64_t)step);
}

static size_t varint_size(uint64_t v)
{
    size_t n = 1;
    while (v >>= 7) n++;
    return n;
}

static void put_value(buffer *b, const fab_scalar *s)
{
    size_t tag = strlen(s->tag);
    uint8_t value[4];
    fab_put_le32(value, fab_f32_bits((float)s->value));
    put_key(b, 1, LENGTH);
    put_varint(b, 1 + varint_size(tag) + tag + 5);
    put_string(b, 1, s->tag, tag);
    put_key(b, 2, FIXED32);
    put(b, value, 4);
}

static size_t value_size(const fab_scalar *s)
{
    size_t tag = strlen(s->tag), n = 1 + varint_size(tag) + tag + 5;
    return 1 + varint_size(n) + n;
}

size_t fab_event_scalars(uint8_t *out, size_t cap, double wall_time, int64_t step,
                         const fab_scalar *s, int n)
{
    buffer b = { .p = out, .cap = cap };
    size_t size = 0;
    for (int i = 0; i < n; i++) size += value_size(&s[i]);
    put_event_head(&b, wall_time, step);
    put_key(&b, 5, LENGTH);
    put_varint(&b, size);
    for (int i = 0; i < n; i++) put_value(&b, &s[i]);
    return b.cap ? b.n : 0;
}

/* ---- files ---- */

static bool write_record(fab_events *e, const void *event, size_t size, fab_err *err)
{
    uint8_t record[BLOCK + RECORD];
    fab_tfrecord(record, event, size);
    if (fwrite(record, 1, size + RECORD, e->records) == size + RECORD && fflush(e->records) == 0)
        return true;
    return fab_fail(err, FAB_EIO, "%s: cannot be written", e->records_path);
}

static bool write_opening(fab_events *e, int64_t from, fab_err *err)
{
    static const char version[] = "brain.Event:2";
    uint8_t event[64];
    buffer b = { .p = event, .cap = sizeof event };
    put_event_head(&b, e->clock, 0);
    put_string(&b, 3, version, sizeof version - 1);
    if (!write_record(e, event, b.n, err)) return false;
    if (from == 0) return true;
    b = (buffer){ .p = event, .cap = sizeof event };
    put_event_head(&b, e->clock, from);
    put_string(&b, 7, "\x08\x01", 2); /* status START */
    return write_record(e, event, b.n, err);
}

/* Copies the lines of steps before `from`; a line that is no JSON (cut by a kill) ends the copy. */
static bool keep_lines(fab_jsonl *j, fab_out *out, int64_t from, fab_err *err)
{
    for (;;) {
        size_t at = j->at;
        int64_t step;
        json_t *line = fab_jsonl_next(j, NULL);
        bool keep = line && fab_json_int(line, "step", &step, NULL) && step < from;
        if (!line) return true;
        json_decref(line);
        if (keep && !fab_out_write(out, j->file.data + at, j->at - at, err)) return false;
    }
}

static bool trim_lines(const char *path, int64_t from, fab_err *err)
{
    fab_jsonl j;
    fab_out out;
    if (!fab_exists(path)) return true;
    if (!fab_jsonl_open(&j, path, err)) return false;
    bool ok = fab_out_open(&out, path, err);
    if (ok && keep_lines(&j, &out, from, err)) ok = fab_out_commit(&out, err);
    else if (ok) {
        fab_out_abort(&out);
        ok = false;
    }
    fab_jsonl_close(&j);
    return ok;
}

static FILE *open_append(const char *path, fab_err *err)
{
    FILE *f = fopen(path, "ab");
    if (!f) fab_fail(err, FAB_EIO, "%s: cannot be written", path);
    return f;
}

/* A name that no earlier start of the run has: TensorBoard reads the files of a folder in the order
 * of their names. */
static const char *record_name(fab_arena *a, const char *dir, fab_err *err)
{
    for (unsigned long long t = fab_unix_time();; t++) {
        const char *name =
            fab_arena_printf(a, err, "%s/events.out.tfevents.%010llu.fabrica", dir, t);
        if (!name || !fab_exists(name)) return name;
    }
}

static bool open_files(fab_events *e, const char *dir, int64_t from, fab_err *err)
{
    if (!fab_mkdirs(dir, err)) return false;
    e->records_path = record_name(e->arena, dir, err);
    e->lines_path = fab_path_join(e->arena, dir, "metrics.jsonl", err);
    if (!e->records_path || !e->lines_path || !trim_lines(e->lines_path, from, err)) return false;
    e->records = open_append(e->records_path, err);
    e->lines = e->records ? open_append(e->lines_path, err) : NULL;
    return e->lines && write_opening(e, from, err);
}

fab_events *fab_events_open(const char *dir, int64_t from, fab_err *err)
{
    fab_arena *a = fab_arena_new(1 << 14, err);
    fab_events *e = a ? fab_arena_zero(a, sizeof *e, err) : NULL;
    if (!e) {
        fab_arena_free(a);
        return NULL;
    }
    *e = (fab_events){ .arena = a, .start = fab_now(), .clock = (double)fab_unix_time() };
    if (open_files(e, dir, from, err)) return e;
    fab_events_close(e);
    return NULL;
}

static json_t *line_of(double seconds, int64_t step, const fab_scalar *s, int n)
{
    json_t *o = json_object();
    bool ok = o && json_object_set_new(o, "step", json_integer(step)) == 0 &&
              json_object_set_new(o, "seconds", json_real(floor(seconds * 1000 + 0.5) / 1000)) == 0;
    for (int i = 0; ok && i < n; i++)
        if (isfinite(s[i].value)) ok = json_object_set_new(o, s[i].tag, json_real(s[i].value)) == 0;
    if (ok) return o;
    json_decref(o);
    return NULL;
}

static bool write_line(fab_events *e, int64_t step, const fab_scalar *s, int n, fab_err *err)
{
    json_t *o = line_of(fab_now() - e->start, step, s, n);
    if (!o) return fab_fail(err, FAB_ENOMEM, "no memory for a line of metrics");
    bool ok = json_dumpf(o, e->lines, JSON_REAL_PRECISION(9)) == 0 &&
              fputc('\n', e->lines) != EOF && fflush(e->lines) == 0;
    json_decref(o);
    return ok || fab_fail(err, FAB_EIO, "%s: cannot be written", e->lines_path);
}

bool fab_events_write(fab_events *e, int64_t step, const fab_scalar *s, int n, fab_err *err)
{
    uint8_t event[BLOCK];
    double wall = e->clock + fab_now() - e->start;
    size_t size = fab_event_scalars(event, sizeof event, wall, step, s, n);
    if (size == 0) return fab_fail(err, FAB_ELIMIT, "%d scalars are more than %d bytes", n, BLOCK);
    return write_record(e, event, size, err) && write_line(e, step, s, n, err);
}

void fab_events_close(fab_events *e)
{
    if (!e) return;
    if (e->records) fclose(e->records);
    if (e->lines) fclose(e->lines);
    fab_arena_free(e->arena);
}

/* ---- reading back ---- */

typedef struct {
    double *steps, *values;
    int64_t n, cap;
} series;

static bool push(series *s, fab_arena *a, double step, double value, fab_err *err)
{
    if (s->n == s->cap) { /* grows by copying: the arena keeps at most twice the points */
        int64_t cap = s->cap ? 2 * s->cap : 256;
        double *grown = fab_arena_take(a, (size_t)(2 * cap) * sizeof *grown, err);
        if (!grown) return false;
        for (int64_t i = 0; i < s->n; i++) {
            grown[i] = s->steps[i];
            grown[cap + i] = s->values[i];
        }
        *s = (series){ .steps = grown, .values = grown + cap, .n = s->n, .cap = cap };
    }
    s->steps[s->n] = step;
    s->values[s->n++] = value;
    return true;
}

bool fab_metrics_read(const char *path, const char *tag, fab_arena *a, double **steps,
                      double **values, int64_t *n, fab_err *err)
{
    fab_jsonl j;
    series s = { 0 };
    bool ok = fab_jsonl_open(&j, path, err);
    json_t *line;
    while (ok && (line = fab_jsonl_next(&j, NULL)) != NULL) {
        double step, value;
        if (fab_json_num(line, "step", &step, NULL) && fab_json_num(line, tag, &value, NULL))
            ok = push(&s, a, step, value, err);
        json_decref(line);
    }
    fab_jsonl_close(&j);
    *steps = s.steps;
    *values = s.values;
    *n = s.n;
    return ok;
}
