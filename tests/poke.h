/* poke: files that are sound but for one thing, made of sound ones. */
#ifndef FAB_TEST_POKE_H
#define FAB_TEST_POKE_H

#include "base/file.h"
#include "format/weights.h"
#include "test.h"

/* Where the n bytes of what stand in data [size], or NULL. */
static inline uint8_t *bytes_in(uint8_t *data, size_t size, const void *what, size_t n)
{
    for (; size >= n; data++, size--)
        if (!memcmp(data, what, n)) return data;
    return NULL;
}

/* The file with the text `was` turned into `is`, as long, where it stands first; written to `to`. */
static inline void poke_text(const char *path, const char *to, const char *was, const char *is)
{
    fab_err err = FAB_ERR_INIT;
    fab_file f;
    CHECK_MSG(fab_file_map(&f, path, 0, &err), "%s", err.text);
    uint8_t *copy = fab_new(f.size, &err);
    memcpy(copy, f.data, f.size);
    uint8_t *at = bytes_in(copy, f.size, was, strlen(was));
    CHECK_MSG(at && strlen(was) == strlen(is), "%s: no '%s'", path, was);
    memcpy(at, is, strlen(is));
    CHECK_MSG(fab_file_write(to, copy, f.size, &err), "%s", err.text);
    fab_file_unmap(&f);
    fab_free(copy);
}

/* The first value of a tensor in a file of weights, f32 or bf16. */
static inline void poke_tensor(const char *path, const char *tensor, float value)
{
    fab_err err = FAB_ERR_INIT;
    fab_file f;
    fab_weights *w = fab_weights_open(path, &err);
    CHECK_MSG(w && fab_file_map(&f, path, 0, &err), "%s", err.text);
    const fab_weight *e = fab_weights_find(w, tensor, &err);
    CHECK_MSG(e, "%s", err.text);
    uint8_t *copy = fab_new(f.size, &err);
    memcpy(copy, f.data, f.size);
    uint8_t *at = bytes_in(copy, f.size, e->data, e->bytes);
    CHECK(at && (e->dtype == FAB_F32 || e->dtype == FAB_BF16));
    if (e->dtype == FAB_F32) memcpy(at, &value, 4);
    else memcpy(at, (const uint8_t *)&value + 2, 2);
    fab_weights_close(w);
    CHECK_MSG(fab_file_write(path, copy, f.size, &err), "%s", err.text);
    fab_file_unmap(&f);
    fab_free(copy);
}

#endif
