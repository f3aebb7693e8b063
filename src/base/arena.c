/* arena: see arena.h. A list of chunks, each
 *
 *   | header, 64 bytes | take, rounded up to 64 | take | ... | free |
 *
 * The current chunk is the last one with anything in it; chunks behind it were emptied by a release
 * and are used again. Under AddressSanitizer everything not taken is poisoned, so a read past a
 * take is found although malloc knows nothing of it.
 */
#define _DEFAULT_SOURCE /* madvise: big blocks ask for huge pages */
#include "base/arena.h"

#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/asan_interface.h>
#else
#define ASAN_POISON_MEMORY_REGION(p, n)   ((void)(p), (void)(n))
#define ASAN_UNPOISON_MEMORY_REGION(p, n) ((void)(p), (void)(n))
#endif

enum { ALIGN = 64, DEFAULT_CHUNK = 1 << 20, HUGE_PAGE = 2 << 20 };

typedef struct chunk {
    struct chunk *next;
    size_t size, used; /* of the bytes behind the header */
    size_t before;     /* bytes used in the chunks in front of this one */
    char pad[ALIGN - sizeof(void *) - 3 * sizeof(size_t)];
} chunk;

struct fab_arena {
    chunk *first, *now;
    size_t piece, peak;
};

/* ---- the allocation-failure hook ---- */

static atomic_int_least64_t oom_in = -1;
static atomic_bool oom_struck;

bool fab_oom_arm(int64_t n)
{
    bool struck = atomic_exchange(&oom_struck, false);
    atomic_store(&oom_in, n < 0 ? -1 : n);
    return struck;
}

static bool fails_now(void)
{
    if (atomic_load_explicit(&oom_in, memory_order_relaxed) < 0) return false;
    if (atomic_fetch_sub(&oom_in, 1) != 0) return false;
    atomic_store(&oom_struck, true);
    return true;
}

static void *out_of_memory(size_t size, fab_err *err)
{
    fab_fail(err, FAB_ENOMEM, "out of memory: %zu bytes wanted", size);
    return NULL;
}

/* ---- handles ---- */

void *fab_new(size_t size, fab_err *err)
{
    void *p = fails_now() ? NULL : calloc(1, size ? size : 1);
    return p ? p : out_of_memory(size, err);
}

void *fab_new_array(size_t n, size_t size, fab_err *err)
{
    if (size && n > SIZE_MAX / size) {
        fab_fail(err, FAB_ENOMEM, "out of memory: %zu elements of %zu bytes wanted", n, size);
        return NULL;
    }
    return fab_new(n * size, err);
}

bool fab_grow(void **block, size_t n, size_t size, fab_err *err)
{
    if (size && n > SIZE_MAX / size)
        return fab_fail(err, FAB_ENOMEM, "out of memory: %zu elements of %zu bytes wanted", n,
                        size);
    size_t bytes = n > 0 && size > 0 ? n * size : 1;
    void *p = fails_now() ? NULL : realloc(*block, bytes);
    if (!p) return out_of_memory(bytes, err) != NULL;
    *block = p;
    return true;
}

void fab_free(void *p) { free(p); }

/* 64-byte aligned; blocks of two huge pages and more start on one and ask the kernel for them. */
static void *aligned_block(size_t size)
{
    size_t align = size >= 2 * (size_t)HUGE_PAGE ? HUGE_PAGE : ALIGN;
    if (size > SIZE_MAX - align) return NULL;
    size = size ? (size + ALIGN - 1) / ALIGN * ALIGN : ALIGN;
    void *p = NULL;
    if (posix_memalign(&p, align, size) != 0) return NULL;
    if (align == HUGE_PAGE) madvise(p, size / HUGE_PAGE * HUGE_PAGE, MADV_HUGEPAGE);
    return p;
}

void *fab_aligned_new(size_t size, fab_err *err)
{
    void *p = fails_now() ? NULL : aligned_block(size);
    return p ? p : out_of_memory(size, err);
}

void fab_aligned_free(void *p) { free(p); }

char *fab_strdup(const char *s, fab_err *err)
{
    size_t n = strlen(s) + 1;
    char *p = fab_new(n, err);
    return p ? memcpy(p, s, n) : NULL;
}

/* ---- arenas ---- */

fab_arena *fab_arena_new(size_t piece, fab_err *err)
{
    fab_arena *a = fab_new(sizeof *a, err);
    if (a) a->piece = piece ? piece : DEFAULT_CHUNK;
    return a;
}

void fab_arena_free(fab_arena *a)
{
    if (!a) return;
    for (chunk *c = a->first, *next; c; c = next) {
        next = c->next;
        ASAN_UNPOISON_MEMORY_REGION(c, sizeof *c + c->size);
        free(c);
    }
    free(a);
}

static unsigned char *bytes_of(chunk *c) { return (unsigned char *)c + sizeof *c; }

/* The chunk that follows the current one and has room for size bytes: a kept one, else a new one
 * put in between. */
static chunk *next_chunk(fab_arena *a, size_t size)
{
    size_t before = a->now ? a->now->before + a->now->used : 0;
    chunk **link = a->now ? &a->now->next : &a->first;
    chunk *c = *link;
    if (!c || c->size < size) {
        size_t room = size > a->piece ? size : a->piece;
        if (room > SIZE_MAX - 2 * sizeof *c) return NULL;
        room = (room + ALIGN - 1) / ALIGN * ALIGN;
        c = aligned_block(sizeof *c + room);
        if (!c) return NULL;
        *c = (chunk){ .next = *link, .size = room };
        ASAN_POISON_MEMORY_REGION(bytes_of(c), room);
        *link = c;
    }
    c->used = 0;
    c->before = before;
    return a->now = c;
}

void *fab_arena_take(fab_arena *a, size_t size, fab_err *err)
{
    if (fails_now() || size > SIZE_MAX - 4 * ALIGN) return out_of_memory(size, err);
    size_t room = size ? (size + ALIGN - 1) / ALIGN * ALIGN : ALIGN;
    chunk *c = a->now;
    if (!c || room > c->size - c->used) c = next_chunk(a, room);
    if (!c) return out_of_memory(size, err);
    void *p = bytes_of(c) + c->used;
    c->used += room;
    if (c->before + c->used > a->peak) a->peak = c->before + c->used;
    ASAN_UNPOISON_MEMORY_REGION(p, size);
    return p;
}

void *fab_arena_zero(fab_arena *a, size_t size, fab_err *err)
{
    void *p = fab_arena_take(a, size, err);
    return p ? memset(p, 0, size) : NULL;
}

char *fab_arena_strdup(fab_arena *a, const char *s, fab_err *err)
{
    size_t n = strlen(s) + 1;
    char *p = fab_arena_take(a, n, err);
    return p ? memcpy(p, s, n) : NULL;
}

char *fab_arena_printf(fab_arena *a, fab_err *err, const char *fmt, ...)
{
    va_list ap, again;
    va_start(ap, fmt);
    va_copy(again, ap);
    int n = vsnprintf(NULL, 0, fmt, ap);
    va_end(ap);
    char *p = NULL;
    if (n < 0) fab_fail(err, FAB_EINTERNAL, "text cannot be formatted");
    else p = fab_arena_take(a, (size_t)n + 1, err);
    if (p) vsnprintf(p, (size_t)n + 1, fmt, again);
    va_end(again);
    return p;
}

fab_arena_mark fab_arena_save(const fab_arena *a)
{
    return (fab_arena_mark){ .chunk = a->now, .used = a->now ? a->now->used : 0 };
}

void fab_arena_release(fab_arena *a, fab_arena_mark m)
{
    chunk *c = m.chunk;
    a->now = c;
    if (c) {
        c->used = m.used;
        ASAN_POISON_MEMORY_REGION(bytes_of(c) + c->used, c->size - c->used);
    }
    for (chunk *k = c ? c->next : a->first; k; k = k->next) {
        k->used = 0;
        ASAN_POISON_MEMORY_REGION(bytes_of(k), k->size);
    }
}

void fab_arena_reset(fab_arena *a) { fab_arena_release(a, (fab_arena_mark){ NULL, 0 }); }

size_t fab_arena_peak(const fab_arena *a) { return a->peak; }
