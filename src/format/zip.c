/* zip: the central directory of APPNOTE.TXT 4.3, read from the end of the file.
 *
 *   local header: PK\3\4, 26 bytes: name length, 28: extra length; 30 + both: the data
 *   directory:    PK\1\2, 8 flags, 10 method, 20 packed, 24 size, 28 30 32 lengths of name, extra,
 *                 comment, 42 offset of the local header; 46 bytes, then name, extra, comment
 *   end:          PK\5\6, 10 entries, 12 bytes and 16 offset of the directory, 20 comment length
 *   zip64 end:    PK\6\6, 32 entries, 40 bytes, 48 offset; found by the locator PK\6\7 (8: its
 *                 offset), which stands 20 bytes before the end
 *   zip64 extra:  id 1: size, packed, offset, each when its 32-bit field is all ones
 *
 * Only entries that are stored are read: a weight file is mapped, not unpacked. */
#include "format/zip.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include "base/bytes.h"

#define END_SIZE    22
#define CENTRAL     46
#define LOCAL       30
#define MAX_ENTRIES (1 << 20)

static const uint8_t *find_end(const uint8_t *data, size_t size)
{
    if (size < END_SIZE) return NULL;
    for (size_t back = END_SIZE; back <= size && back <= END_SIZE + 65535; back++) {
        const uint8_t *p = data + size - back;
        if (fab_le32(p) == 0x06054b50 && fab_le16(p + 20) <= back - END_SIZE) return p;
    }
    return NULL;
}

/* Where the directory is: from the zip64 record when there is one. */
static bool find_directory(const uint8_t *data, size_t size, uint64_t *n, uint64_t *bytes,
                           uint64_t *at, fab_err *err)
{
    const uint8_t *end = find_end(data, size);

    if (!end)
        return fab_fail(
            err, FAB_EFORMAT,
            "a ZIP archive without its end: %zu bytes, cut short or still being written", size);
    *n = fab_le16(end + 10);
    *bytes = fab_le32(end + 12);
    *at = fab_le32(end + 16);
    if (end - data >= 20 && fab_le32(end - 20) == 0x07064b50) {
        uint64_t record = fab_le64(end - 12);
        if (size < 56 || record > size - 56 || fab_le32(data + record) != 0x06064b50)
            return fab_fail(err, FAB_EFORMAT,
                            "ZIP: its zip64 record at %" PRIu64 " is not there; the file has %zu"
                            " bytes",
                            record, size);
        *n = fab_le64(data + record + 32);
        *bytes = fab_le64(data + record + 40);
        *at = fab_le64(data + record + 48);
    }
    if (*at > size || *bytes > size - *at)
        return fab_fail(err, FAB_EFORMAT,
                        "ZIP: the directory is %" PRIu64 " bytes at %" PRIu64 ", the file has %zu",
                        *bytes, *at, size);
    if (*n > *bytes / CENTRAL || *n > MAX_ENTRIES)
        return fab_fail(err, FAB_EFORMAT,
                        "ZIP: %" PRIu64 " entries in a directory of %" PRIu64 " bytes", *n, *bytes);
    return true;
}

/* The 64-bit values of an entry whose fields are all ones. */
static bool read_extra(fab_zip_entry *e, const uint8_t *p, size_t n, fab_err *err)
{
    uint64_t *want[] = { &e->size, &e->packed, &e->header };

    while (n >= 4) {
        size_t len = fab_le16(p + 2), used = 4;
        if (len > n - 4) break;
        for (int i = 0; fab_le16(p) == 1 && i < 3; i++) {
            if (*want[i] != UINT32_MAX) continue;
            if (used + 8 > len + 4)
                return fab_fail(err, FAB_EFORMAT, "ZIP: a zip64 field is short");
            *want[i] = fab_le64(p + used);
            used += 8;
        }
        p += len + 4;
        n -= len + 4;
    }
    return true;
}

static int order(const char *a, size_t n, const char *b, size_t m)
{
    int c = memcmp(a, b, n < m ? n : m);
    return c ? c : n < m ? -1 : n > m;
}

static int by_name(const void *a, const void *b)
{
    const fab_zip_entry *x = a, *y = b;
    return order(x->name, x->n, y->name, y->n);
}

bool fab_zip_parse(fab_zip *z, const uint8_t *data, size_t size, fab_arena *a, fab_err *err)
{
    uint64_t n = 0, left = 0, at = 0;

    if (!find_directory(data, size, &n, &left, &at, err)) return false;
    *z = (fab_zip){ data, size, fab_arena_zero(a, n * sizeof *z->entries, err), (int64_t)n };
    if (!z->entries) return false;
    const uint8_t *p = data + at;
    for (uint64_t i = 0; i < n; i++) {
        if (left < CENTRAL || fab_le32(p) != 0x02014b50)
            return fab_fail(err, FAB_EFORMAT, "ZIP: directory entry %" PRIu64 " is broken", i);
        size_t name = fab_le16(p + 28), extra = fab_le16(p + 30), note = fab_le16(p + 32);
        if (name + extra + note > left - CENTRAL)
            return fab_fail(err, FAB_EFORMAT, "ZIP: directory entry %" PRIu64 " is cut short", i);
        fab_zip_entry *e = &z->entries[i];
        *e = (fab_zip_entry){ (const char *)p + CENTRAL, name,
                              fab_le16(p + 10),          fab_le16(p + 8),
                              fab_le32(p + 42),          fab_le32(p + 20),
                              fab_le32(p + 24) };
        if (!read_extra(e, p + CENTRAL + name, extra, err)) return false;
        p += CENTRAL + name + extra + note;
        left -= CENTRAL + name + extra + note;
    }
    if (n) qsort(z->entries, n, sizeof *z->entries, by_name);
    return true;
}

const fab_zip_entry *fab_zip_find(const fab_zip *z, const char *name)
{
    fab_zip_entry want = { .name = name, .n = strlen(name) };
    return z->n ? bsearch(&want, z->entries, (size_t)z->n, sizeof want, by_name) : NULL;
}

const uint8_t *fab_zip_bytes(const fab_zip *z, const fab_zip_entry *e, fab_err *err)
{
    int n = e->n < 80 ? (int)e->n : 80;

    if (e->flags & 1 || e->method || e->packed != e->size)
        return fab_fail(err, FAB_EUNSUPPORTED, "ZIP entry '%.*s': compressed or encrypted", n,
                        e->name),
               NULL;
    if (z->size < LOCAL || e->header > z->size - LOCAL ||
        fab_le32(z->data + e->header) != 0x04034b50)
        return fab_fail(err, FAB_EFORMAT,
                        "ZIP entry '%.*s': no header at %" PRIu64 ", the file has %zu bytes", n,
                        e->name, e->header, z->size),
               NULL;
    const uint8_t *p = z->data + e->header;
    uint64_t at = e->header + LOCAL + fab_le16(p + 26) + fab_le16(p + 28);
    if (at > z->size || e->size > z->size - at)
        return fab_fail(err, FAB_EFORMAT,
                        "ZIP entry '%.*s': %" PRIu64 " bytes at %" PRIu64 ", the file has %zu", n,
                        e->name, e->size, at, z->size),
               NULL;
    return z->data + at;
}
