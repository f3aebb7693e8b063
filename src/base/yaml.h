/* yaml: recipes for people, read into JSON. The YAML 1.2 core schema over libyaml, one document,
 * made strict:
 *
 *   plain scalars   null ~ (empty), true false, 12 -3 0x1f 0o17, 1.5 1e-4: typed; anything else is a
 *                   string (yes, no, on too)
 *   quoted, | and > strings as they stand
 *   refused         anchors and aliases, tags, duplicate keys, keys that are no scalars, .inf and
 *                   .nan, integers outside int64, a second document, nesting deeper than 64, files
 *                   above 16 MiB
 *
 * An error names line and column, counted from 1.
 */
#ifndef FAB_BASE_YAML_H
#define FAB_BASE_YAML_H

#include "base/json.h"

/* New references. An empty document gives null. */
json_t *fab_yaml_parse(const void *data, size_t size, fab_err *err);
json_t *fab_yaml_open(const char *path, fab_err *err);

/* "train.lr=3e-4": sets a field of root in place; the value is read as YAML ("[1, 2]", "true",
 * "'007'"). A step of the path is a key of an object, an index of an array, or the "name" of an
 * object in an array (stages.vqa.steps=100). Steps before the last must exist; the last may be a
 * new key; null takes it away. The error names the step that does not fit. */
bool fab_json_set_path(json_t *root, const char *assignment, fab_err *err);

#endif
