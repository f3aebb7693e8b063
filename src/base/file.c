/* file: see file.h. */
#define _XOPEN_SOURCE   700 /* realpath */
#define _DEFAULT_SOURCE     /* madvise */
#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define STREAM_LIMIT (UINT64_C(4) << 30) /* a pipe that says no limit and never ends */

static bool too_large(const char *path, uint64_t size, uint64_t limit, fab_err *err)
{
    return fab_fail(err, FAB_ELIMIT, "%s: %llu bytes, the limit is %llu", path,
                    (unsigned long long)size, (unsigned long long)limit);
}

/* ---- reading ---- */

static bool read_stream(fab_file *f, int fd, const char *path, uint64_t limit, fab_err *err)
{
    size_t room = 0, n = 0;
    void *data = NULL;
    if (!limit) limit = STREAM_LIMIT;
    for (;;) {
        if (n == room) {
            room = room ? 2 * room : 1 << 16;
            if (!fab_grow(&data, room, 1, err)) break;
        }
        ssize_t got = read(fd, (uint8_t *)data + n, room - n);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) {
            fab_fail(err, FAB_EIO, "%s: %s", path, strerror(errno));
            break;
        }
        if (got == 0) {
            *f = (fab_file){ .data = data, .size = n };
            return true;
        }
        n += (size_t)got;
        if (n > limit) {
            fab_fail(err, FAB_ELIMIT, "%s: more than %llu bytes, the limit", path,
                     (unsigned long long)limit);
            break;
        }
    }
    fab_free(data);
    return false;
}

static bool map_regular(fab_file *f, int fd, const char *path, size_t size, fab_err *err)
{
    if (size == 0) { /* mmap refuses nothing */
        void *empty = fab_new(1, err);
        if (empty) *f = (fab_file){ .data = empty };
        return empty != NULL;
    }
    void *p = mmap(NULL, size, PROT_READ, MAP_PRIVATE, fd, 0);
    if (p == MAP_FAILED) return fab_fail(err, FAB_EIO, "%s: %s", path, strerror(errno));
    *f = (fab_file){ .data = p, .size = size, .mapped = true };
    return true;
}

static bool read_fd(fab_file *f, int fd, const char *path, uint64_t limit, fab_err *err)
{
    struct stat st;
    if (fstat(fd, &st) != 0) return fab_fail(err, FAB_EIO, "%s: %s", path, strerror(errno));
    if (S_ISDIR(st.st_mode))
        return fab_fail(err, FAB_EIO, "%s: is a directory, a file is wanted", path);
    if (!S_ISREG(st.st_mode)) return read_stream(f, fd, path, limit, err);
    if (limit && (uint64_t)st.st_size > limit)
        return too_large(path, (uint64_t)st.st_size, limit, err);
    return map_regular(f, fd, path, (size_t)st.st_size, err);
}

bool fab_file_map(fab_file *f, const char *path, uint64_t limit, fab_err *err)
{
    *f = (fab_file){ 0 };
    if (strcmp(path, "-") == 0) return read_stream(f, STDIN_FILENO, "standard input", limit, err);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return fab_fail(err, FAB_EIO, "%s: %s", path, strerror(errno));
    bool ok = read_fd(f, fd, path, limit, err);
    close(fd);
    return ok;
}

void fab_file_unmap(fab_file *f)
{
    if (!f) return;
    if (f->mapped) munmap((void *)(uintptr_t)f->data, f->size);
    else fab_free((void *)(uintptr_t)f->data);
    *f = (fab_file){ 0 };
}

void fab_file_forget(const fab_file *f, const void *data, size_t size)
{
    uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE), at = (uintptr_t)data,
              from = (uintptr_t)f->data;
    if (!f->mapped || at < from || at - from > f->size || size > f->size - (at - from)) return;
    uintptr_t begin = (at + page - 1) / page * page, end = (at + size) / page * page;
    if (begin < end) madvise((void *)begin, end - begin, MADV_DONTNEED);
}

/* ---- writing ---- */

/* Temporary files of outputs that are open now, for fab_out_abandon. More than these are not tidied
 * by a signal. */
enum { OPEN_OUTPUTS = 16 };
static _Atomic(char *) unfinished[OPEN_OUTPUTS];

static void remember(char *tmp)
{
    for (int i = 0; i < OPEN_OUTPUTS; i++) {
        char *free_slot = NULL;
        if (atomic_compare_exchange_strong(&unfinished[i], &free_slot, tmp)) return;
    }
}

static void forget(char *tmp)
{
    for (int i = 0; tmp && i < OPEN_OUTPUTS; i++) {
        char *mine = tmp;
        if (atomic_compare_exchange_strong(&unfinished[i], &mine, NULL)) return;
    }
}

void fab_out_abandon(void)
{
    for (int i = 0; i < OPEN_OUTPUTS; i++) {
        char *tmp = atomic_load(&unfinished[i]);
        if (tmp) unlink(tmp);
    }
}

/* The name to rename to: what a symbolic link points at, so that the link stays; the path itself
 * when it is new. */
static char *final_name(const char *path, fab_err *err)
{
    char *real = realpath(path, NULL);
    char *copy = fab_strdup(real ? real : path, err);
    free(real);
    return copy;
}

/* A pipe or device is written in place: renaming a file over it would replace it. */
static bool written_in_place(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0 && !S_ISREG(st.st_mode);
}

static bool open_for_writing(fab_out *o, fab_err *err)
{
    const char *name = o->path;
    int flags = O_WRONLY | O_CLOEXEC;
    if (!written_in_place(o->path)) {
        size_t n = strlen(o->path) + 32;
        o->tmp = fab_new(n, err);
        if (!o->tmp) return false;
        snprintf(o->tmp, n, "%s.tmp.%ld", o->path, (long)getpid());
        remember(o->tmp);
        name = o->tmp;
        flags |= O_CREAT | O_TRUNC | O_NOFOLLOW;
    }
    int fd = open(name, flags, 0666);
    if (fd >= 0) o->stream = fdopen(fd, "wb");
    if (o->stream) return true;
    fab_fail(err, FAB_EIO, "%s: cannot be written: %s", o->path, strerror(errno));
    if (fd >= 0) close(fd);
    return false;
}

bool fab_out_open(fab_out *o, const char *path, fab_err *err)
{
    *o = (fab_out){ 0 };
    o->path = final_name(path, err);
    if (o->path && open_for_writing(o, err)) return true;
    fab_out_abort(o);
    return false;
}

bool fab_out_write(fab_out *o, const void *data, size_t size, fab_err *err)
{
    if (fwrite(data, 1, size, o->stream) == size) return true;
    return fab_fail(err, FAB_EIO, "%s: cannot be written: %s", o->path, strerror(errno));
}

bool fab_out_commit(fab_out *o, fab_err *err)
{
    bool ok =
        !ferror(o->stream) && fflush(o->stream) == 0 && (!o->tmp || fsync(fileno(o->stream)) == 0);
    int why = errno;
    if (fclose(o->stream) != 0 && ok) {
        ok = false;
        why = errno;
    }
    o->stream = NULL;
    if (ok && o->tmp && rename(o->tmp, o->path) != 0) {
        ok = false;
        why = errno;
    }
    if (!ok) fab_fail(err, FAB_EIO, "%s: cannot be written: %s", o->path, strerror(why));
    if (ok) {
        forget(o->tmp);
        fab_free(o->tmp);
        o->tmp = NULL;
    }
    fab_out_abort(o);
    return ok;
}

void fab_out_abort(fab_out *o)
{
    if (o->stream) fclose(o->stream);
    if (o->tmp) unlink(o->tmp);
    forget(o->tmp);
    fab_free(o->tmp);
    fab_free(o->path);
    *o = (fab_out){ 0 };
}

bool fab_file_write(const char *path, const void *data, size_t size, fab_err *err)
{
    fab_out o;
    if (!fab_out_open(&o, path, err)) return false;
    if (fab_out_write(&o, data, size, err)) return fab_out_commit(&o, err);
    fab_out_abort(&o);
    return false;
}

/* ---- folders and names ---- */

static bool make_folder(const char *path, fab_err *err)
{
    struct stat st;
    if (mkdir(path, 0777) == 0) return true;
    int why = errno;
    if (stat(path, &st) == 0) {
        if (S_ISDIR(st.st_mode)) return true;
        why = ENOTDIR;
    }
    return fab_fail(err, FAB_EIO, "%s: folder cannot be made: %s", path, strerror(why));
}

bool fab_mkdirs(const char *path, fab_err *err)
{
    char *p = fab_strdup(path, err);
    if (!p) return false;
    bool ok = true;
    for (char *s = p + 1; ok && p[0] && *s; s++) {
        if (*s != '/') continue;
        *s = 0;
        ok = make_folder(p, err);
        *s = '/';
    }
    ok = ok && make_folder(p, err);
    fab_free(p);
    return ok;
}

bool fab_exists(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0;
}

char *fab_path_dir(fab_arena *a, const char *path, fab_err *err)
{
    const char *slash = strrchr(path, '/');
    if (!slash) return fab_arena_strdup(a, ".", err);
    if (slash == path) return fab_arena_strdup(a, "/", err);
    return fab_arena_printf(a, err, "%.*s", (int)(slash - path), path);
}

char *fab_path_join(fab_arena *a, const char *dir, const char *name, fab_err *err)
{
    if (name[0] == '/' || !dir[0]) return fab_arena_strdup(a, name, err);
    return fab_arena_printf(a, err, "%s%s%s", dir, dir[strlen(dir) - 1] == '/' ? "" : "/", name);
}

const char *fab_path_base(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

/* ---- the process ---- */

double fab_now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

uint64_t fab_unix_time(void) { return (uint64_t)time(NULL); }

char *fab_exe_dir(fab_arena *a, fab_err *err)
{
    char path[4096];
    ssize_t n = readlink("/proc/self/exe", path, sizeof path - 1);
    if (n < 0) {
        fab_fail(err, FAB_EIO, "/proc/self/exe: %s", strerror(errno));
        return NULL;
    }
    path[n] = 0;
    return fab_path_dir(a, path, err);
}

char *fab_path_real(fab_arena *a, const char *path, fab_err *err)
{
    char real[PATH_MAX];
    if (realpath(path, real)) return fab_arena_strdup(a, real, err);
    fab_fail(err, FAB_EIO, "%s: %s", path, strerror(errno));
    return NULL;
}

size_t fab_rss_peak(void)
{
    struct rusage u;
    return getrusage(RUSAGE_SELF, &u) == 0 ? (size_t)u.ru_maxrss * 1024
                                           : 0; /* Linux counts in KiB */
}

size_t fab_memory_total(void)
{
    long pages = sysconf(_SC_PHYS_PAGES), size = sysconf(_SC_PAGESIZE);
    return pages > 0 && size > 0 ? (size_t)pages * (size_t)size : 0;
}

const char *fab_getenv(const char *name) { return getenv(name); }

/* Days to a civil date: Hinnant, "chrono-compatible low-level date algorithms". */
void fab_iso_time(uint64_t t, char out[24])
{
    int64_t z = (int64_t)(t / 86400) + 719468, era = z / 146097, doe = z - era * 146097;
    int64_t yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365,
            doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
    int64_t mp = (5 * doy + 2) / 153;
    unsigned day = (unsigned)(doy - (153 * mp + 2) / 5 + 1),
             month = (unsigned)(mp < 10 ? mp + 3 : mp - 9);
    unsigned year = (unsigned)(yoe + era * 400 + (month <= 2)), s = (unsigned)(t % 86400);
    snprintf(out, 24, "%04u-%02u-%02uT%02u:%02u:%02uZ", year % 10000, month % 100, day % 100,
             s / 3600, s / 60 % 60, s % 60);
}
