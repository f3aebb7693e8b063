/* events: what a run measures, side by side as TensorBoard event files and as JSON lines.
 *
 *   DIR/events.out.tfevents.SECONDS.fabrica   TFRecords of Events, one file per start
 *   DIR/metrics.jsonl                         {"step": 40, "seconds": 12.5, "train/loss": 3.25}
 *
 * A resume at step S drops the lines of metrics.jsonl from S on (what a killed run wrote after its
 * last checkpoint) and tells TensorBoard to do the same (SessionLog START).
 */
#ifndef FAB_TRAIN_EVENTS_H
#define FAB_TRAIN_EVENTS_H

#include "base/file.h"

typedef struct fab_events fab_events;
typedef struct {
    const char *tag; /* "train/loss" */
    double value;    /* not finite: left out of the JSON line */
} fab_scalar;

/* Makes the folder. from: the first step that will be written; 0 starts metrics.jsonl anew. */
fab_events *fab_events_open(const char *dir, int64_t from, fab_err *err);
bool fab_events_write(fab_events *e, int64_t step, const fab_scalar *s, int n,
                      fab_err *err);  /* flushed */
void fab_events_close(fab_events *e); /* NULL is fine */

/* One tag's history from a metrics.jsonl, in the arena. *n = 0 when the tag never appears. Broken
 * last line: ignored. */
bool fab_metrics_read(const char *path, const char *tag, fab_arena *a, double **steps,
                      double **values, int64_t *n, fab_err *err);

/* One TFRecord: u64 length, masked CRC32C of it, data, masked CRC32C of it; out has size + 16
 * bytes. */
void fab_tfrecord(uint8_t *out, const void *data, size_t size);
/* One Event of scalars into out (cap bytes); returns its size, 0 when it does not fit. */
size_t fab_event_scalars(uint8_t *out, size_t cap, double wall_time, int64_t step,
                         const fab_scalar *s, int n);
uint32_t fab_crc32c(const void *data, size_t size);

#endif
