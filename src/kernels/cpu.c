/* cpu: what this processor can do, and the choice of the table of kernels.
 *
 * CPUID leaves 1, 7.0, 7.1 (Intel SDM vol. 2A), and XCR0 for what the operating system saves: 0x6
 * AVX, 0xe6 AVX-512, 0x60000 AMX tiles. AMX also needs the process's permission,
 * arch_prctl(ARCH_REQ_XCOMP_PERM, XFEATURE_XTILEDATA).
 */
#define _GNU_SOURCE /* syscall */
#include <stdlib.h>
#include <string.h>
#include <threads.h>
#include "kernels/kernels.h"

extern const fab_kernels fab_table_c;
#if defined(__x86_64__)
#include <cpuid.h>
#include <sys/syscall.h>
#include <unistd.h>
extern const fab_kernels fab_table_avx2, fab_table_avx512, fab_table_avx512vnni,
    fab_table_avx512bf16, fab_table_avx512fp16;
#if defined(FAB_HAVE_AMX)
extern const fab_kernels fab_table_amx, fab_table_amx_emu;
#endif

enum { ARCH_REQ_XCOMP_PERM = 0x1023, XTILEDATA = 18 };

typedef struct {
    unsigned leaf, sub, reg, bit, needs;
    const char *name;
} feature; /* reg: 1 ebx, 2 ecx, 3 edx, 0 eax */
static const feature features[] = {
    { 1, 0, 2, 20, 0, "sse4.2" },
    { 1, 0, 2, 29, 6, "f16c" },
    { 1, 0, 2, 12, 6, "fma" },
    { 7, 0, 1, 5, 6, "avx2" },
    { 7, 0, 1, 16, 0xe6, "avx512f" },
    { 7, 0, 1, 17, 0xe6, "avx512dq" },
    { 7, 0, 1, 30, 0xe6, "avx512bw" },
    { 7, 0, 1, 31, 0xe6, "avx512vl" },
    { 7, 0, 2, 11, 0xe6, "avx512_vnni" },
    { 7, 1, 0, 5, 0xe6, "avx512_bf16" },
    { 7, 0, 3, 23, 0xe6, "avx512_fp16" },
    { 7, 0, 3, 24, 0x60000, "amx_tile" },
    { 7, 0, 3, 22, 0x60000, "amx_bf16" },
    { 7, 0, 3, 25, 0x60000, "amx_int8" },
};

static uint64_t xcr0(void)
{
    unsigned r[4], lo, hi;

    if (!__get_cpuid(1, r, r + 1, r + 2, r + 3) || !(r[2] >> 27 & 1)) return 0; /* no OSXSAVE */
    __asm__ volatile("xgetbv" : "=a"(lo), "=d"(hi) : "c"(0));
    return (uint64_t)hi << 32 | lo;
}

static bool has(const feature *f, uint64_t saved)
{
    unsigned r[4] = { 0 };

    if (!__get_cpuid_count(f->leaf, f->sub, r, r + 1, r + 2, r + 3)) return false;
    return (r[f->reg] >> f->bit & 1) && (saved & f->needs) == f->needs;
}
#endif

/* Filled once, then only read. */
static struct {
    char features[256];
    const fab_kernels *all[12];
    const fab_kernels *best;
} found;
static once_flag once = ONCE_FLAG_INIT;

static bool listed(const char *words) /* each of the words is in found.features */
{
    char word[32];

    while (*words) {
        size_t n = strcspn(words, " ");
        word[0] = ' ';
        memcpy(word + 1, words, n);
        word[n + 1] = ' ';
        word[n + 2] = 0;
        if (!strstr(found.features, word)) return false;
        words += n + (words[n] == ' ');
    }
    return true;
}

#if defined(__x86_64__)
static char *put_word(char *at, const char *word) /* all of them take 130 of the 256 bytes */
{
    size_t n = strlen(word);
    memcpy(at, word, n);
    memcpy(at + n, " ", 2);
    return at + n + 1;
}

static void probe(int *n)
{
    uint64_t saved = xcr0();

    char *end = found.features + 1;
    found.features[0] = ' ';
    for (size_t i = 0; i < sizeof features / sizeof *features; i++)
        if (has(features + i, saved)) end = put_word(end, features[i].name);
    if (listed("avx2 fma f16c")) found.all[(*n)++] = &fab_table_avx2;
    if (!listed("avx2 fma f16c avx512f avx512dq avx512bw avx512vl")) return;
    found.all[(*n)++] = &fab_table_avx512;
    if (listed("avx512_vnni")) found.all[(*n)++] = &fab_table_avx512vnni;
    if (listed("avx512_vnni avx512_bf16")) found.all[(*n)++] = &fab_table_avx512bf16;
    if (listed("avx512_vnni avx512_fp16")) found.all[(*n)++] = &fab_table_avx512fp16;
#if defined(FAB_HAVE_AMX)
    if (listed("amx_tile amx_bf16 avx512_bf16") &&
        !syscall(SYS_arch_prctl, ARCH_REQ_XCOMP_PERM, XTILEDATA))
        found.all[(*n)++] = &fab_table_amx;
#endif
}
#else
static void probe(int *n)
{
    (void)n;
    (void)listed;
}
#endif

static void find(void)
{
    const char *wish = getenv("FABRICA_ISA");
    int n = 1;

    found.all[0] = &fab_table_c;
    probe(&n);
    found.best = found.all[n - 1];
    for (int i = 0; wish && i < n; i++)
        if (!strcmp(found.all[i]->name, wish)) found.best = found.all[i];
}

const fab_kernels *fab_kernels_best(void)
{
    call_once(&once, find);
    return found.best;
}

const fab_kernels *const *fab_kernels_all(void)
{
    call_once(&once, find);
    return found.all;
}

const fab_kernels *fab_kernels_named(const char *name)
{
    const fab_kernels *const *k = fab_kernels_all();

    while (*k && strcmp((*k)->name, name)) k++;
#if defined(FAB_HAVE_AMX)
    if (!*k && !strcmp(name, fab_table_amx_emu.name) && listed("avx512vl avx512_bf16"))
        return &fab_table_amx_emu;
#endif
    return *k;
}

const char *fab_cpu_features(void)
{
    call_once(&once, find);
    return found.features + (found.features[0] == ' ');
}
