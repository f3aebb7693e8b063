/* zip: the entries of a ZIP archive that are stored without compression, as PyTorch writes them. */
#ifndef FAB_FORMAT_ZIP_H
#define FAB_FORMAT_ZIP_H

#include "base/arena.h"

typedef struct {
    const char *name; /* in the archive, n bytes, no NUL at the end */
    size_t n;
    uint16_t method, flags;
    uint64_t header, packed, size; /* offset of the local header; bytes in the file, and unpacked */
} fab_zip_entry;

typedef struct {
    const uint8_t *data;
    size_t size;
    fab_zip_entry *entries; /* ordered by name */
    int64_t n;
} fab_zip;

/* Reads the central directory; zip64 too. Entries live in the arena. */
bool fab_zip_parse(fab_zip *z, const uint8_t *data, size_t size, fab_arena *a, fab_err *err);
const fab_zip_entry *fab_zip_find(const fab_zip *z, const char *name); /* NULL: none */

/* The bytes of an entry, in the archive. NULL with err set: compressed, encrypted, or outside. */
const uint8_t *fab_zip_bytes(const fab_zip *z, const fab_zip_entry *e, fab_err *err);

#endif
