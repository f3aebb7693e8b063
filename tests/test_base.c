/* test_base: what the rest of the house stands on. */
#include "test.h"

#include <math.h>
#include <stdatomic.h>
#include <stdint.h>
#include <unistd.h>
#include "base/arena.h"
#include "base/bytes.h"
#include "base/err.h"
#include "base/file.h"
#include "base/hash.h"
#include "base/json.h"
#include "base/rng.h"
#include "base/threads.h"

/* A folder of this process, made once; test files live in it. */
static const char *scratch(const char *name)
{
    static char path[256];
    snprintf(path, sizeof path, "/tmp/fab-test-base.%ld", (long)getpid());
    fab_err err = FAB_ERR_INIT;
    CHECK_MSG(fab_mkdirs(path, &err), "%s", err.text);
    size_t n = strlen(path);
    snprintf(path + n, sizeof path - n, "/%s", name);
    return path;
}

/* ---- err ---- */

TEST(err_keeps_the_first_failure)
{
    fab_err err = FAB_ERR_INIT;
    CHECK(!fab_fail(&err, FAB_EFORMAT, "Rows (0028,0010): %d", 0));
    fab_fail(&err, FAB_EIO, "second");
    CHECK_STR(err.text, "Rows (0028,0010): 0");
    CHECK(!fab_while(&err, "%s", "a.dcm"));
    CHECK_STR(err.text, "a.dcm: Rows (0028,0010): 0");
    CHECK(err.code == FAB_EFORMAT);
}

TEST(err_context_needs_a_failure)
{
    fab_err err = FAB_ERR_INIT;
    fab_while(&err, "%s", "a.dcm");
    CHECK(err.code == FAB_OK && err.text[0] == 0);
    CHECK(!fab_fail(NULL, FAB_EIO, "nobody listens"));
    CHECK(!fab_while(NULL, "nobody listens"));
}

TEST(err_is_cut_between_characters)
{
    for (int lead = 0; lead < 4; lead++) {
        char words[400];
        memset(words, 'x', sizeof words);
        size_t n = (size_t)lead;
        while (n < sizeof words - 4) memcpy(words + n, "肺", 3), n += 3;
        words[n] = 0;
        fab_err err = FAB_ERR_INIT;
        fab_fail(&err, FAB_EIO, "%s", words);
        json_t *s = json_string(err.text); /* NULL when it is not UTF-8 */
        CHECK_MSG(s != NULL, "cut inside a character with %d bytes in front", lead);
        json_decref(s);
        CHECK(strlen(err.text) >= sizeof err.text - 4);
        fab_while(&err, "%s", "a");
        s = json_string(err.text);
        CHECK(s != NULL);
        json_decref(s);
    }
}

TEST(err_exit_codes)
{
    static const struct {
        fab_code code;
        int exit;
    } rows[] = {
        { FAB_OK, 0 },           { FAB_EUSAGE, 2 },    { FAB_EIO, 1 },    { FAB_EFORMAT, 4 },
        { FAB_EUNSUPPORTED, 4 }, { FAB_ELIMIT, 4 },    { FAB_ENOMEM, 1 }, { FAB_EREFUSED, 5 },
        { FAB_EINTEGRITY, 7 },   { FAB_EINTERNAL, 1 },
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        CHECK_MSG(fab_exit_code(rows[i].code) == rows[i].exit, "row %zu: %d", i,
                  fab_exit_code(rows[i].code));
}

/* ---- arena ---- */

TEST(arena_takes_are_aligned_and_apart)
{
    fab_arena *a = fab_arena_new(4096, NULL);
    uint8_t *last = NULL;
    for (size_t size = 0; size < 9000; size += 171) {
        uint8_t *p = fab_arena_take(a, size, NULL);
        CHECK(p && (uintptr_t)p % 64 == 0 && p != last);
        memset(p, (int)(size & 255), size);
        last = p;
    }
    uint8_t *z = fab_arena_zero(a, 1000, NULL);
    for (int i = 0; i < 1000; i++) CHECK(z[i] == 0);
    fab_arena_free(a);
}

TEST(arena_release_gives_the_same_memory_again)
{
    fab_arena *a = fab_arena_new(4096, NULL);
    void *first = fab_arena_take(a, 100, NULL);
    fab_arena_mark m = fab_arena_save(a);
    void *second = fab_arena_take(a, 100, NULL), *big = fab_arena_take(a, 100000, NULL);
    size_t peak = fab_arena_peak(a);
    CHECK(peak >= 100200);
    for (int i = 0; i < 10; i++) {
        fab_arena_release(a, m);
        CHECK(fab_arena_take(a, 100, NULL) == second);
        CHECK(fab_arena_take(a, 100000, NULL) == big);
    }
    CHECK(fab_arena_peak(a) == peak);
    fab_arena_reset(a);
    CHECK(fab_arena_take(a, 100, NULL) == first);
    fab_arena_free(a);
}

TEST(arena_text)
{
    fab_arena *a = fab_arena_new(0, NULL);
    CHECK_STR(fab_arena_strdup(a, "a", NULL), "a");
    CHECK_STR(fab_arena_printf(a, NULL, "%d-%s", 7, "b"), "7-b");
    CHECK_STR(fab_path_dir(a, "x/y/z.png", NULL), "x/y");
    CHECK_STR(fab_path_dir(a, "z.png", NULL), ".");
    CHECK_STR(fab_path_dir(a, "/z.png", NULL), "/");
    CHECK_STR(fab_path_join(a, "x", "y", NULL), "x/y");
    CHECK_STR(fab_path_join(a, "x/", "y", NULL), "x/y");
    CHECK_STR(fab_path_join(a, "x", "/y", NULL), "/y");
    CHECK_STR(fab_path_base("x/y"), "y");
    CHECK_STR(fab_path_base("y"), "y");
    fab_arena_free(a);
}

TEST(oom_hook_strikes_once_and_tells)
{
    fab_arena *a = fab_arena_new(0, NULL);
    fab_err err = FAB_ERR_INIT;
    fab_oom_arm(1);
    CHECK(fab_arena_take(a, 10, &err) != NULL);
    CHECK(fab_arena_take(a, 10, &err) == NULL);
    CHECK(err.code == FAB_ENOMEM);
    CHECK_SAYS(err.text, "10 bytes");
    CHECK(fab_arena_take(a, 10, &err) != NULL);
    CHECK(fab_oom_arm(0));
    CHECK(fab_new(8, NULL) == NULL);
    void *p = fab_new(8, NULL);
    CHECK(p != NULL);
    CHECK(fab_oom_arm(-1));
    CHECK(!fab_oom_arm(-1));
    fab_free(p);
    fab_arena_free(a);
}

TEST(impossible_sizes_fail_and_do_not_wrap)
{
    fab_err err = FAB_ERR_INIT;
    fab_arena *a = fab_arena_new(0, NULL);
    CHECK(!fab_arena_take(a, SIZE_MAX, &err) && err.code == FAB_ENOMEM);
    CHECK(!fab_arena_take(a, SIZE_MAX / 2, NULL));
    CHECK(!fab_new_array(SIZE_MAX / 4 + 2, 4, NULL));
    CHECK(!fab_aligned_new(SIZE_MAX - 8, NULL));
    void *block = fab_new(4, NULL);
    memcpy(block, "abc", 4);
    CHECK(!fab_grow(&block, SIZE_MAX / 4 + 2, 4, NULL));
    CHECK_STR(block, "abc");
    CHECK(fab_grow(&block, 1000, 4, NULL));
    CHECK_STR(block, "abc");
    fab_free(block);
    fab_arena_free(a);
}

/* ---- 16-bit floats ---- */

/* binary16 by its definition, with doubles. */
static double half_value(uint16_t h)
{
    int e = h >> 10 & 31, m = h & 1023;
    double v = e ? ldexp(1 + m / 1024.0, e - 15) : ldexp(m / 1024.0, -14);
    return h & 0x8000 ? -v : v;
}

TEST(f16_every_value_comes_back)
{
    for (uint32_t h = 0; h < 0x10000; h++) {
        float f = fab_f16_f32((uint16_t)h);
        bool nan = (h & 0x7c00) == 0x7c00 && (h & 1023), inf = (h & 0x7fff) == 0x7c00;
        if (nan) {
            CHECK_MSG(isnan(f) && isnan(fab_f16_f32(fab_f32_f16(f))), "NaN 0x%04x", h);
            continue;
        }
        CHECK_MSG(inf ? isinf(f) : (double)f == half_value((uint16_t)h), "0x%04x is %g", h,
                  (double)f);
        CHECK_MSG(fab_f32_f16(f) == h, "0x%04x came back as 0x%04x", h, fab_f32_f16(f));
    }
}

/* Half way between neighbours goes to the even one; a hair to either side goes there. */
TEST(f16_rounds_to_nearest_even)
{
    for (uint32_t h = 0; h < 0x7bff; h++) {
        float a = fab_f16_f32((uint16_t)h), b = fab_f16_f32((uint16_t)(h + 1)), mid = (a + b) / 2;
        uint32_t even = h & 1 ? h + 1 : h;
        CHECK_MSG(fab_f32_f16(mid) == even, "half way above 0x%04x gave 0x%04x", h,
                  fab_f32_f16(mid));
        CHECK_MSG(fab_f32_f16(nextafterf(mid, 0)) == h, "below the middle above 0x%04x", h);
        CHECK_MSG(fab_f32_f16(nextafterf(mid, 1e9f)) == h + 1, "above the middle above 0x%04x", h);
    }
    CHECK(fab_f32_f16(65519.99f) == 0x7bff && fab_f32_f16(65520.0f) == 0x7c00 &&
          fab_f32_f16(-1e30f) == 0xfc00);
    CHECK(fab_f32_f16(1e-30f) == 0 && fab_f32_f16(-0.0f) == 0x8000);
}

TEST(bf16_every_value_comes_back)
{
    for (uint32_t h = 0; h < 0x10000; h++) {
        float f = fab_bf16_f32((uint16_t)h);
        if (isnan(f)) CHECK_MSG(isnan(fab_bf16_f32(fab_f32_bf16(f))), "NaN 0x%04x", h);
        else CHECK_MSG(fab_f32_bf16(f) == h, "0x%04x came back as 0x%04x", h, fab_f32_bf16(f));
    }
    CHECK(fab_f32_bf16(fab_bits_f32(0x3f808000)) == 0x3f80); /* half way, even below */
    CHECK(fab_f32_bf16(fab_bits_f32(0x3f818000)) == 0x3f82); /* half way, even above */
    CHECK(fab_f32_bf16(fab_bits_f32(0x7f7fffff)) == 0x7f80); /* FLT_MAX rounds to infinity */
}

/* ---- rng: values computed with an independent implementation ---- */

TEST(rng_gives_the_published_numbers)
{
    fab_rng r;
    fab_rng_init(&r, 42);
    CHECK(fab_rng_u64(&r) == 0x15780b2e0c2ec716u);
    CHECK(fab_rng_u64(&r) == 0x6104d9866d113a7eu);
    for (int i = 2; i < 999; i++) fab_rng_u64(&r);
    CHECK(fab_rng_u64(&r) == 0x8de5848c61ab8968u);
    fab_rng_init(&r, 0);
    CHECK(fab_rng_u64(&r) == 0x99ec5f36cb75f2b4u);
    fab_rng_init(&r, 7);
    CHECK(fab_rng_uniform(&r) == 0x1.66b1f4p-1f);
    fab_rng_init(&r, 7);
    CHECK_NEAR(fab_rng_normal(&r), -0.15157274547711355, 1e-6);
}

TEST(rng_below_is_even_and_bounded)
{
    fab_rng r;
    fab_rng_init(&r, 3);
    int count[7] = { 0 };
    for (int i = 0; i < 70000; i++) {
        uint32_t v = fab_rng_below(&r, 7);
        CHECK(v < 7);
        count[v]++;
    }
    for (int i = 0; i < 7; i++) CHECK_NEAR(count[i], 10000, 400); /* 4 sigma = 370 */
    CHECK(fab_rng_below(&r, 0) == 0 && fab_rng_below(&r, 1) == 0);
    int high = 0; /* without redrawing, a third of [0, 3 * 2^30) would come twice as often */
    for (int i = 0; i < 60000; i++) high += fab_rng_below(&r, 3u << 30) >= 2u << 30;
    CHECK_NEAR(high, 20000, 500);
}

TEST(rng_moments_forks_and_shuffles)
{
    fab_rng r, before;
    fab_rng_init(&r, 11);
    double sum = 0, square = 0, uniform = 0;
    for (int i = 0; i < 200000; i++) {
        double v = fab_rng_normal(&r), u = fab_rng_uniform(&r);
        sum += v, square += v * v, uniform += u;
        CHECK(u >= 0 && u < 1);
    }
    CHECK_NEAR(sum / 200000, 0, 0.01);
    CHECK_NEAR(square / 200000, 1, 0.015);
    CHECK_NEAR(uniform / 200000, 0.5, 0.003);

    before = r;
    fab_rng a = fab_rng_fork(&r, 1), b = fab_rng_fork(&r, 2), c = fab_rng_fork(&r, 1);
    CHECK(memcmp(&before, &r, sizeof r) == 0 && memcmp(&a, &c, sizeof a) == 0 &&
          memcmp(&a, &b, sizeof a) != 0);

    uint32_t items[100], seen[100] = { 0 };
    for (uint32_t i = 0; i < 100; i++) items[i] = i;
    fab_rng_shuffle(&r, items, 100);
    int moved = 0;
    for (uint32_t i = 0; i < 100; i++) seen[items[i]]++, moved += items[i] != i;
    for (int i = 0; i < 100; i++) CHECK(seen[i] == 1);
    CHECK(moved > 80);
}

/* ---- hash ---- */

TEST(hashes_of_abc)
{
    char h1[41], h2[65];
    fab_sha1_hex("abc", 3, h1);
    fab_sha256_hex("abc", 3, h2);
    CHECK_STR(h1, "a9993e364706816aba3e25717850c26c9cd0d89d");
    CHECK_STR(h2, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

TEST(hash64_sees_every_bit_and_the_length)
{
    uint8_t data[24] = { 0 };
    uint64_t h = fab_hash64(data, 24, 0);
    for (int bit = 0; bit < 192; bit++) {
        data[bit / 8] ^= (uint8_t)(1 << bit % 8);
        uint64_t other = fab_hash64(data, 24, 0);
        int changed = __builtin_popcountll(h ^ other);
        CHECK_MSG(changed > 10 && changed < 54, "bit %d changes %d bits", bit, changed);
        data[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
    CHECK(fab_hash64(data, 23, 0) != h && fab_hash64(data, 24, 1) != h);
}

/* ---- files ---- */

TEST(file_appears_only_when_complete)
{
    fab_err err = FAB_ERR_INIT;
    const char *path = scratch("atomic.txt");
    CHECK_MSG(fab_file_write(path, "old", 3, &err), "%s", err.text);

    fab_out o;
    CHECK(fab_out_open(&o, path, &err) && fab_out_write(&o, "half", 4, &err));
    char tmp[300];
    snprintf(tmp, sizeof tmp, "%s.tmp.%ld", path, (long)getpid());
    CHECK(fab_exists(tmp));
    fab_out_abort(&o);
    CHECK(!fab_exists(tmp));

    fab_file f;
    CHECK(fab_file_map(&f, path, 0, &err) && f.size == 3 && memcmp(f.data, "old", 3) == 0);
    fab_file_unmap(&f);

    CHECK(fab_out_open(&o, path, &err) && fab_out_write(&o, "new!", 4, &err) &&
          fab_out_commit(&o, &err));
    fab_out_abort(&o); /* after commit: nothing */
    CHECK(!fab_exists(tmp) && fab_file_map(&f, path, 0, &err) && f.size == 4);
    fab_file_unmap(&f);

    CHECK(fab_out_open(&o, path, &err) && fab_out_write(&o, "half", 4, &err));
    fab_out_abandon(); /* what the interrupt handler does */
    CHECK(!fab_exists(tmp));
    fab_out_abort(&o);
    unlink(path);
}

TEST(file_through_a_link_keeps_the_link)
{
    fab_err err = FAB_ERR_INIT;
    char target[256], link[256];
    snprintf(target, sizeof target, "%s", scratch("target"));
    snprintf(link, sizeof link, "%s", scratch("link"));
    unlink(link);
    CHECK(fab_file_write(target, "1", 1, &err) && symlink(target, link) == 0);
    CHECK(fab_file_write(link, "22", 2, &err));
    fab_file f;
    CHECK(fab_file_map(&f, target, 0, &err) && f.size == 2);
    fab_file_unmap(&f);
    char into[256];
    CHECK(readlink(link, into, sizeof into) > 0);
    CHECK(fab_file_write("/dev/null", "x", 1, &err)); /* written, not replaced */
    f = (fab_file){ 0 };
    CHECK(fab_file_map(&f, "/dev/null", 0, &err) && f.size == 0);
    fab_file_unmap(&f);
    unlink(link), unlink(target);
}

TEST(file_errors_name_the_file)
{
    fab_file f;
    fab_err err = FAB_ERR_INIT;
    CHECK(!fab_file_map(&f, "/nowhere/x.png", 0, &err) && err.code == FAB_EIO);
    CHECK_STR(err.text, "/nowhere/x.png: No such file or directory");
    fab_file_unmap(&f);
    err = (fab_err)FAB_ERR_INIT;
    CHECK(!fab_file_map(&f, "/tmp", 0, &err));
    CHECK_STR(err.text, "/tmp: is a directory, a file is wanted");
    err = (fab_err)FAB_ERR_INIT;
    const char *path = scratch("ten");
    CHECK(fab_file_write(path, "0123456789", 10, &err) && !fab_file_map(&f, path, 9, &err));
    CHECK(err.code == FAB_ELIMIT);
    CHECK_SAYS(err.text, "10 bytes, the limit is 9");
    err = (fab_err)FAB_ERR_INIT;
    CHECK(!fab_file_write("/nowhere/y", "1", 1, &err) && err.code == FAB_EIO);
    CHECK_SAYS(err.text, "/nowhere/y: cannot be written");
    err = (fab_err)FAB_ERR_INIT;
    CHECK(!fab_file_map(&f, "/dev/zero", 1 << 20, &err) &&
          err.code == FAB_ELIMIT); /* a stream that never ends */
    err = (fab_err)FAB_ERR_INIT;
    CHECK(!fab_mkdirs(scratch("ten"), &err));
    CHECK_SAYS(err.text, "ten: folder cannot be made: Not a directory");
    unlink(path);
}

TEST(empty_file_is_a_file)
{
    fab_file f;
    fab_err err = FAB_ERR_INIT;
    const char *path = scratch("empty");
    CHECK(fab_file_write(path, "", 0, &err) && fab_file_map(&f, path, 0, &err));
    CHECK(f.size == 0 && f.data != NULL);
    fab_file_unmap(&f);
    unlink(path);
}

/* ---- json ---- */

TEST(json_is_strict)
{
    static const struct {
        const char *text, *says;
    } rows[] = {
        { "{\"a\": 1, \"b\": [true, null, -1.5e3, \"\\u80ba\"]}", NULL },
        { "3", NULL },
        { "\xef\xbb\xbf{}", NULL },
        { "", "line 1 column 0" },
        { "{\"a\": 1, \"a\": 2}", "duplicate object key" },
        { "{\"a\": 1,}", "line 1 column" },
        { "{'a': 1}", "line 1 column" },
        { "{\"a\": NaN}", "line 1 column" },
        { "{\"a\": 1e999}", "overflow" },
        { "{\"a\": 99999999999999999999}", "too big integer" },
        { "{} x", "end of file expected" },
        { "[1,\n2", "line 2 column" },
        { "\"\xff\"", "unable to decode byte" },
        { "\"\xed\xa0\x80\"", "unable to decode byte" },
        { "{\"a\": \"Maria Musterfrau", "line 1 column" },
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        fab_err err = FAB_ERR_INIT;
        json_t *v = fab_json_parse(rows[i].text, strlen(rows[i].text), &err);
        CHECK_MSG((v == NULL) == (rows[i].says != NULL), "%s: %s", rows[i].text, err.text);
        if (rows[i].says) CHECK_SAYS(err.text, rows[i].says);
        CHECK(!strstr(err.text, "Musterfrau")); /* messages never quote the document */
        json_decref(v);
    }
}

TEST(json_depth_is_bounded)
{
    char deep[402];
    fab_err err = FAB_ERR_INIT;
    memset(deep, '[', 200), memset(deep + 200, ']', 200);
    CHECK(!fab_json_parse(deep, 400, &err) && err.code == FAB_ELIMIT);
    json_t *v = fab_json_parse("[\"[[[[\\\"[[[[\"]", 14, NULL);
    CHECK(v != NULL); /* brackets in a string do not count */
    json_decref(v);
    memset(deep, '[', 100), memset(deep + 100, ']', 100);
    v = fab_json_parse(deep, 200, NULL);
    CHECK(v != NULL);
    json_decref(v);
}

TEST(json_fields_say_what_is_wrong)
{
    fab_err err = FAB_ERR_INIT;
    json_t *o = fab_json_parse("{\"n\": 2, \"x\": 1.5, \"s\": \"t\"}", 28, &err);
    CHECK_MSG(o != NULL, "%s", err.text);
    int64_t n = 0;
    double x = 0;
    CHECK(fab_json_int(o, "n", &n, &err) && n == 2 && fab_json_num(o, "x", &x, &err) && x == 1.5);
    CHECK(fab_json_num(o, "n", &x, &err) && x == 2);
    CHECK_STR(fab_json_str(o, "s", &err), "t");
    CHECK(!fab_json_int(o, "x", &n, NULL) && !fab_json_str(o, "no", NULL));
    CHECK(!fab_json_int(o, "x", &n, &err));
    CHECK_STR(err.text, "x: is a number, an integer is wanted");
    err = (fab_err)FAB_ERR_INIT;
    CHECK(!fab_json_str(o, "no", &err));
    CHECK_STR(err.text, "no: missing, a string is wanted");
    json_decref(o);
}

static bool has(const uint8_t *data, size_t size, const char *words)
{
    size_t n = strlen(words);
    for (size_t i = 0; i + n <= size; i++)
        if (memcmp(data + i, words, n) == 0) return true;
    return false;
}

TEST(json_written_is_read_back)
{
    fab_err err = FAB_ERR_INIT;
    const char *path = scratch("v.json");
    json_t *v = json_pack("{s:s, s:f, s:i}", "name", "肺", "p", 0.1, "a", 3);
    CHECK_MSG(fab_json_write(path, v, &err), "%s", err.text);
    fab_file f;
    CHECK(fab_file_map(&f, path, 0, &err));
    CHECK(f.size > 0 && has(f.data, f.size, "\"p\": 0.1,"));
    fab_file_unmap(&f);
    json_t *back = fab_json_open(path, &err);
    CHECK(json_equal(v, back));
    json_decref(v), json_decref(back);
    unlink(path);
}

TEST(jsonl_names_the_line)
{
    static const char text[] = "{\"a\": 1}\n\n  \r\n{\"a\": 2}\r\n{\"a\": }\n";
    fab_jsonl j;
    fab_err err = FAB_ERR_INIT;
    CHECK(fab_jsonl_parse(&j, text, sizeof text - 1, "x.jsonl"));
    int64_t a = 0, sum = 0;
    json_t *v;
    while ((v = fab_jsonl_next(&j, &err))) {
        CHECK(fab_json_int(v, "a", &a, &err));
        sum += a;
        json_decref(v);
    }
    CHECK(sum == 3 && err.code == FAB_EFORMAT);
    CHECK_SAYS(err.text, "x.jsonl line 5: column ");
    fab_jsonl_close(&j);
    err = (fab_err)FAB_ERR_INIT;
    CHECK(fab_jsonl_parse(&j, "", 0, "empty") && !fab_jsonl_next(&j, &err) && err.code == FAB_OK);
    fab_jsonl_close(&j);
}

/* ---- threads ---- */

typedef struct {
    fab_pool *pool;
    atomic_int runs[1000];
    double part[1000];
    atomic_int bad;
} job;

static void count_task(void *arg, int task, int worker)
{
    job *j = arg;
    atomic_fetch_add(&j->runs[task], 1);
    if (worker < 0 || worker >= fab_pool_threads(j->pool)) atomic_store(&j->bad, 1);
    double s = 0;
    for (int i = 1; i < 200; i++) s += 1.0 / (i + task);
    j->part[task] = s;
}

typedef void run_fn(fab_pool *p, int n, fab_task_fn fn, void *arg);

static double run_job(run_fn *run, fab_pool *p, int n)
{
    static job j;
    j = (job){ .pool = p };
    run(p, n, count_task, &j);
    double sum = 0;
    for (int i = 0; i < n; i++) sum += j.part[i];
    for (int i = 0; i < 1000; i++)
        CHECK_MSG(j.runs[i] == (i < n), "task %d of %d ran %d times", i, n, (int)j.runs[i]);
    CHECK(!j.bad);
    return sum;
}

TEST(pool_runs_each_task_once_and_sums_alike)
{
    double alone = run_job(fab_pool_run, NULL, 1000);
    static const int threads[] = { 1, 2, 3, 8, 0 };
    for (size_t t = 0; t < sizeof threads / sizeof *threads; t++) {
        fab_err err = FAB_ERR_INIT;
        fab_pool *p = fab_pool_new(threads[t], &err);
        CHECK_MSG(p != NULL, "%s", err.text);
        for (int round = 0; round < 300; round++)
            for (int n = 0; n <= 7; n++) {
                run_job(fab_pool_run, p, n);
                run_job(fab_pool_run_near, p, n);
            }
        CHECK(run_job(fab_pool_run, p, 1000) == alone);
        CHECK(run_job(fab_pool_run_near, p, 1000) == alone);
        fab_pool_free(p);
    }
    CHECK(fab_pool_threads(NULL) == 1);
    fab_pool_free(NULL);
    fab_err err = FAB_ERR_INIT;
    CHECK(!fab_pool_new(100000, &err) && err.code == FAB_EUSAGE);
}

static void inner_task(void *arg, int task, int worker)
{
    int *seen = arg;
    seen[task] = worker + 1;
}

static void outer_task(void *arg, int task, int worker)
{
    job *j = arg;
    int seen[5] = { 0 };
    fab_pool_run(j->pool, 5, inner_task, seen);
    for (int i = 0; i < 5; i++)
        if (seen[i] != worker + 1) atomic_store(&j->bad, 1);
    atomic_fetch_add(&j->runs[task], 1);
}

TEST(pool_inside_a_task_runs_inline)
{
    static job j;
    j = (job){ .pool = fab_pool_new(4, NULL) };
    fab_pool_run(j.pool, 100, outer_task, &j);
    fab_pool_run_near(j.pool, 100, outer_task, &j);
    for (int i = 0; i < 100; i++) CHECK(j.runs[i] == 2);
    CHECK(!j.bad);
    fab_pool_free(j.pool);
}

TEST_MAIN
