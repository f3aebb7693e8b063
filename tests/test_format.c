/* Weight files against the reference packages (tools/golden/formats.py) and against broken ones
 * (bad_weights.py). */
#include <unistd.h>
#include "base/bytes.h"
#include "cases.h"
#include "format/weights_write.h"

#define GOLDEN "tests/golden/formats/"

static fab_weights *open_golden(const char *name)
{
    char path[128];
    fab_err err = FAB_ERR_INIT;
    snprintf(path, sizeof path, GOLDEN "%s", name);
    fab_weights *w = fab_weights_open(path, &err);
    CHECK_MSG(w, "%s", err.text);
    return w;
}

static double element(const fab_weight *e, int64_t i)
{
    const uint8_t *p = (const uint8_t *)e->data + i * fab_dtype_bytes(e->dtype);
    uint64_t u;
    double d;

    switch (e->dtype) {
    case FAB_F32: return fab_bits_f32(fab_le32(p));
    case FAB_F16: return fab_f16_f32(fab_le16(p));
    case FAB_BF16: return fab_bf16_f32(fab_le16(p));
    case FAB_F64:
        u = fab_le64(p);
        memcpy(&d, &u, 8);
        return d;
    case FAB_I64: return (double)(int64_t)fab_le64(p);
    case FAB_I32: return (int32_t)fab_le32(p);
    case FAB_I16: return (int16_t)fab_le16(p);
    case FAB_I8: return (int8_t)*p;
    default: return *p;
    }
}

/* The scripts fill every tensor with i * 0.5 - 1, cut to an integer where the type is one. */
static void check_ramp(const fab_weights *w, const char *name, fab_dtype dtype, int ndim,
                       const int64_t *shape)
{
    fab_err err = FAB_ERR_INIT;
    const fab_weight *e = fab_weights_find(w, name, &err);
    int64_t n;

    CHECK_MSG(e, "%s", err.text);
    CHECK_MSG(e->dtype == dtype && e->ndim == ndim, "%s is %s, %d-d", name,
              fab_dtype_name(e->dtype), e->ndim);
    for (int i = 0; i < ndim; i++) CHECK_MSG(e->shape[i] == shape[i], "%s: shape[%d]", name, i);
    CHECK(fab_dtype_size(dtype, ndim, shape, &n, NULL));
    CHECK(fab_weight_aligned(e) || strstr(fab_weights_format(w), "before 1.6"));
    for (int64_t i = 0; i < n; i++) {
        double want = (double)i * 0.5 - 1;
        if (dtype >= FAB_I8 && dtype <= FAB_I64) want = (double)(int64_t)want;
        CHECK_MSG(element(e, i) == want, "%s[%lld] is %g, wanted %g", name, (long long)i,
                  element(e, i), want);
    }
}

static void check_shared_tensors(const fab_weights *w)
{
    check_ramp(w, "a.f32", FAB_F32, 2, (const int64_t[]){ 2, 3 });
    check_ramp(w, "b.f16", FAB_F16, 1, (const int64_t[]){ 4 });
    check_ramp(w, "c.f64", FAB_F64, 3, (const int64_t[]){ 2, 1, 2 });
    check_ramp(w, "d.i64", FAB_I64, 1, (const int64_t[]){ 3 });
    check_ramp(w, "e.i32", FAB_I32, 2, (const int64_t[]){ 2, 2 });
    check_ramp(w, "f.i16", FAB_I16, 1, (const int64_t[]){ 5 });
    check_ramp(w, "g.i8", FAB_I8, 1, (const int64_t[]){ 3 });
}

TEST(reference_safetensors)
{
    fab_weights *w = open_golden("ref.safetensors");
    fab_err err = FAB_ERR_INIT;

    CHECK_STR(fab_weights_format(w), "safetensors");
    CHECK(fab_weights_count(w) == 12);
    check_shared_tensors(w);
    check_ramp(w, "h.scalar", FAB_F32, 0, NULL);
    check_ramp(w, "j.five", FAB_F32, 5, (const int64_t[]){ 1, 2, 1, 2, 2 });
    CHECK(element(fab_weights_find(w, "u.u8", NULL), 4) == 7);
    CHECK(element(fab_weights_find(w, "v.bool", NULL), 1) == 0);
    CHECK(fab_weights_find(w, "w.empty", NULL)->bytes == 0);
    CHECK_STR(fab_weights_str(w, "名", &err), "肺");
    CHECK(!fab_weights_find(w, "absent", &err));
    CHECK_STR(err.text, "absent: not in the file");
    fab_weights_close(w);
}

TEST(reference_shards)
{
    fab_weights *w = open_golden("shards/model.safetensors.index.json");

    CHECK_STR(fab_weights_format(w), "safetensors");
    CHECK(fab_weights_count(w) == 3);
    check_ramp(w, "x", FAB_F32, 1, (const int64_t[]){ 2 });
    check_ramp(w, "y", FAB_F32, 1, (const int64_t[]){ 3 });
    check_ramp(w, "z", FAB_F32, 1, (const int64_t[]){ 1 });
    fab_weights_close(w);
}

/* Both containers of PyTorch hold the same; a tensor with other strides comes in its own order. */
TEST(reference_torch)
{
    static const char *const files[] = { "torch.pth", "torch-old.pth" };

    for (size_t i = 0; i < 2; i++) {
        fab_weights *w = open_golden(files[i]);
        CHECK_STR(fab_weights_format(w), i ? "torch (before 1.6)" : "torch");
        CHECK(fab_weights_count(w) == 16);
        check_shared_tensors(w);
        check_ramp(w, "h.scalar", FAB_F32, 0, NULL);
        check_ramp(w, "j.five", FAB_F32, 5, (const int64_t[]){ 1, 2, 1, 2, 2 });
        check_ramp(w, "s.bf16", FAB_BF16, 2, (const int64_t[]){ 2, 3 });
        check_ramp(w, "t.turned", FAB_F32, 2, (const int64_t[]){ 3, 2 });
        check_ramp(w, "u.channels", FAB_F32, 4, (const int64_t[]){ 1, 2, 2, 3 });
        check_ramp(w, "v.tied", FAB_F32, 2, (const int64_t[]){ 2, 3 });
        check_ramp(w, "w.part", FAB_F32, 1, (const int64_t[]){ 4 });
        check_ramp(w, "x.param", FAB_F32, 1, (const int64_t[]){ 2 });
        CHECK(fab_weights_find(w, "y.empty", NULL)->bytes == 0);
        CHECK(fab_weights_find(w, "v.tied", NULL)->data ==
              fab_weights_find(w, "a.f32", NULL)->data);
        fab_weights_close(w);
    }
}

TEST(reference_torch_nested)
{
    static const char *const files[] = { "torch-nested.pth", "torch-nested-old.pth" };

    for (size_t i = 0; i < 2; i++) { /* {"state_dict": {"module.NAME": tensor}, "optimizer": ...} */
        fab_weights *w = open_golden(files[i]);
        CHECK(fab_weights_count(w) == 3);
        check_ramp(w, "a.f32", FAB_F32, 2, (const int64_t[]){ 2, 3 });
        check_ramp(w, "c.f64", FAB_F64, 3, (const int64_t[]){ 2, 1, 2 });
        fab_weights_close(w);
    }
    fab_weights *w = open_golden("torch-script.pth");
    CHECK(fab_weights_count(w) == 3);
    check_ramp(w, "fc.weight", FAB_F32, 2, (const int64_t[]){ 2, 3 });
    check_ramp(w, "fc.bias", FAB_F32, 1, (const int64_t[]){ 2 });
    check_ramp(w, "count", FAB_I64, 1, (const int64_t[]){ 1 });
    fab_weights_close(w);
}

TEST(reference_gguf)
{
    fab_weights *w = open_golden("ref.gguf");

    CHECK_STR(fab_weights_format(w), "gguf");
    CHECK(fab_weights_count(w) == 10);
    check_shared_tensors(w);
    check_ramp(w, "s.bf16", FAB_BF16, 2, (const int64_t[]){ 2, 3 });
    const fab_weight *q = fab_weights_find(w, "q.q8_0", NULL),
                     *k = fab_weights_find(w, "r.q6_k", NULL);
    CHECK(q->dtype == FAB_Q8_0 && q->ndim == 2 && q->shape[0] == 2 && q->shape[1] == 64 &&
          q->bytes == 4 * 34);
    CHECK(k->dtype == FAB_Q6_K && k->shape[1] == 256 && k->bytes == 420);
    fab_weights_close(w);
}

TEST(reference_gguf_keys)
{
    fab_weights *w = open_golden("ref.gguf");
    fab_arena *a = fab_arena_new(0, NULL);
    static const struct {
        const char *key;
        int64_t value;
    } ints[] = {
        { "test.uint8", 200 },
        { "test.int8", -3 },
        { "test.uint16", 60000 },
        { "test.int16", -300 },
        { "test.int32", -70000 },
        { "test.uint32", 4000000000 },
        { "test.uint64", INT64_C(1) << 40 },
        { "test.int64", -(INT64_C(1) << 40) },
    };
    int64_t v, n;
    double d;
    bool b;

    for (size_t i = 0; i < sizeof ints / sizeof *ints; i++) {
        CHECK_MSG(fab_weights_int(w, ints[i].key, &v, NULL) && v == ints[i].value, "%s",
                  ints[i].key);
        CHECK(fab_weights_num(w, ints[i].key, &d, NULL) && d == (double)v);
    }
    CHECK(fab_weights_num(w, "test.float32", &d, NULL) && d == 0.25);
    CHECK(fab_weights_num(w, "test.float64", &d, NULL) && d == 1e300);
    CHECK(fab_weights_bool(w, "test.bool", &b, NULL) && b);
    CHECK_STR(fab_weights_str(w, "test.string", NULL), "肺 lung");
    const char *const *s = fab_weights_strs(w, "test.strings", &n, NULL);
    CHECK(n == 3);
    CHECK_STR(s[1], "");
    CHECK_STR(s[2], "结节");
    const int32_t *i32 = fab_weights_i32s(w, "test.ints", a, &n, NULL);
    CHECK(n == 3 && i32[0] == 1 && i32[1] == -2 && i32[2] == 3);
    const float *f32 = fab_weights_f32s(w, "test.floats", a, &n, NULL);
    CHECK(n == 2 && f32[0] == 0.5f && f32[1] == -1.5f);
    CHECK(fab_weights_has(w, "test.nested") && !fab_weights_has(w, "test.none"));
    fab_arena_free(a);
    fab_weights_close(w);
}

/* A key of another type is an error that names both; without err it is a quiet no. */
TEST(mistyped_keys)
{
    fab_weights *w = open_golden("ref.gguf");
    fab_arena *a = fab_arena_new(0, NULL);
    int64_t v, n;
    bool b;
    fab_err e[7] = { FAB_ERR_INIT };

    CHECK(!fab_weights_int(w, "test.float32", &v, &e[0]));
    CHECK_STR(e[0].text, "key test.float32: f32, wanted an integer below 2^63");
    CHECK(!fab_weights_int(w, "test.none", &v, &e[1]));
    CHECK_STR(e[1].text, "key test.none: not in the file");
    CHECK(!fab_weights_str(w, "test.bool", &e[2]));
    CHECK_STR(e[2].text, "key test.bool: bool, wanted a string");
    CHECK(!fab_weights_strs(w, "test.ints", &n, &e[3]));
    CHECK_STR(e[3].text, "key test.ints: array of i32, wanted an array of strings");
    CHECK(!fab_weights_i32s(w, "test.strings", a, &n, &e[4]));
    CHECK_STR(e[4].text, "key test.strings: array of string, wanted an array of numbers");
    CHECK(!fab_weights_i32s(w, "test.nested", a, &n, &e[5]));
    CHECK(!fab_weights_bool(w, "test.uint8", &b, &e[6]));
    CHECK(!fab_weights_int(w, "test.none", &v, NULL));
    fab_arena_free(a);
    fab_weights_close(w);
}

/* --- writing: our bytes are the committed ones, which the references read (formats.py --check)
 * --- */

typedef struct {
    uint8_t f32[24], f16[8], i64[24], scalar[4], q8[4 * 34];
} ramps;

static void fill(ramps *r)
{
    for (uint32_t i = 0; i < 6; i++)
        fab_put_le32(r->f32 + 4 * i, fab_f32_bits((float)i * 0.5f - 1));
    for (uint32_t i = 0; i < 4; i++) {
        uint16_t h = fab_f32_f16((float)i * 0.5f - 1);
        r->f16[2 * i] = (uint8_t)h;
        r->f16[2 * i + 1] = (uint8_t)(h >> 8);
    }
    for (int i = 0; i < 3; i++) fab_put_le64(r->i64 + 8 * i, (uint64_t)(int64_t)(i * 0.5 - 1));
    fab_put_le32(r->scalar, fab_f32_bits(-1));
    fab_weights *w = open_golden("ref.gguf");
    memcpy(r->q8, fab_weights_find(w, "q.q8_0", NULL)->data, sizeof r->q8);
    fab_weights_close(w);
}

static void same_file(const char *written, const char *golden)
{
    fab_file a, b;
    fab_err err = FAB_ERR_INIT;
    CHECK_MSG(fab_file_map(&a, written, 0, &err), "%s", err.text);
    CHECK_MSG(fab_file_map(&b, golden, 0, &err), "%s", err.text);
    CHECK_MSG(a.size == b.size && !memcmp(a.data, b.data, a.size), "%s and %s differ", written,
              golden);
    fab_file_unmap(&a);
    fab_file_unmap(&b);
    remove(written);
}

static const char *scratch(const char *ext)
{
    static char path[64];
    snprintf(path, sizeof path, "/tmp/fab_test_format_%ld%s", (long)getpid(), ext);
    return path;
}

TEST(written_safetensors)
{
    ramps r;
    fab_err err = FAB_ERR_INIT;
    json_t *meta = json_pack("{s:s}", "format", "pt");

    fill(&r);
    const fab_weight list[] = {
        { "b.f16", FAB_F16, 1, { 4 }, r.f16, sizeof r.f16 },
        { "a.f32", FAB_F32, 2, { 2, 3 }, r.f32, sizeof r.f32 },
        { "w.empty", FAB_F32, 2, { 0, 4 }, NULL, 0 },
        { "d.i64", FAB_I64, 1, { 3 }, r.i64, sizeof r.i64 },
        { "h.scalar", FAB_F32, 0, { 0 }, r.scalar, sizeof r.scalar },
    };
    const char *path = scratch(".safetensors");
    CHECK_MSG(fab_safetensors_write(path, list, 5, meta, &err), "%s", err.text);
    same_file(path, GOLDEN "ours.safetensors");

    const fab_weight twice[] = { list[0], list[0] }, wrong = { "q", FAB_Q8_0, 1, { 32 }, r.q8, 34 };
    CHECK(!fab_safetensors_write(path, twice, 2, NULL, &err) && !fab_exists(path));
    CHECK_SAYS(err.text, "tensor 'b.f16' is given twice");
    err.code = FAB_OK;
    CHECK(!fab_safetensors_write(path, &wrong, 1, NULL, &err));
    CHECK_SAYS(err.text, "safetensors has no Q8_0");
    json_decref(meta);
}

static fab_gguf *build(const ramps *r)
{
    static const char *const strs[] = { "a", "", "结节" };
    static const int32_t i32s[] = { 1, -2 };
    static const float f32s[] = { 0.5f };
    fab_gguf *g = fab_gguf_new(NULL);

    fab_gguf_str(g, "general.architecture", "test");
    fab_gguf_u32(g, "t.u32", 4000000000u);
    fab_gguf_i32(g, "t.i32", -5);
    fab_gguf_u64(g, "t.u64", UINT64_C(1) << 40);
    fab_gguf_f32(g, "t.f32", 0.25f);
    fab_gguf_bool(g, "t.bool", true);
    fab_gguf_str(g, "t.str", "肺");
    fab_gguf_strs(g, "t.strs", strs, 3);
    fab_gguf_i32s(g, "t.i32s", i32s, 2);
    fab_gguf_f32s(g, "t.f32s", f32s, 1);
    fab_gguf_tensor(g, "a.f32", FAB_F32, 2, (const int64_t[]){ 2, 3 }, r->f32);
    fab_gguf_tensor(g, "b.f16", FAB_F16, 1, (const int64_t[]){ 4 }, r->f16);
    fab_gguf_tensor(g, "q.q8_0", FAB_Q8_0, 2, (const int64_t[]){ 2, 64 }, r->q8);
    return g;
}

TEST(written_gguf)
{
    ramps r;
    fab_err err = FAB_ERR_INIT;
    const char *path = scratch(".gguf");

    fill(&r);
    fab_gguf *g = build(&r);
    CHECK_MSG(fab_gguf_write(g, path, &err), "%s", err.text);
    same_file(path, GOLDEN "ours.gguf");
    fab_gguf_free(g);
}

TEST(gguf_builder_keeps_the_first_failure)
{
    ramps r;
    const char *path = scratch(".gguf");
    static const struct {
        const char *name;
        fab_dtype dtype;
        int64_t n;
        const char *says;
    } bad[] = {
        { "", FAB_F32, 2, "a tensor without a name" },
        { "a.f32", FAB_F32, 2, "tensor 'a.f32' is given twice" },
        { "q", FAB_Q8_0, 33, "rows that do not fill blocks of Q8_0" },
        { "q", FAB_U8, 2, "GGUF has no U8" },
        { "a234567890123456789012345678901234567890123456789012345678901234", FAB_F32, 2,
          "a name of 64 bytes, at most 63" },
    };

    fill(&r);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        fab_gguf *g = build(&r);
        fab_err err = FAB_ERR_INIT;
        fab_gguf_tensor(g, bad[i].name, bad[i].dtype, 1, &bad[i].n, r.f32);
        fab_gguf_u32(g, "later", 1);
        CHECK(!fab_gguf_write(g, path, &err) && !fab_exists(path));
        CHECK_SAYS(err.text, bad[i].says);
        fab_gguf_free(g);
    }
    fab_gguf *g = build(&r);
    fab_err err = FAB_ERR_INIT;
    fab_gguf_u32(g, "t.u32", 1);
    CHECK(!fab_gguf_write(g, path, &err));
    CHECK_SAYS(err.text, "key 't.u32' is given twice");
    fab_gguf_free(g);
}

TEST(not_finite)
{
    static const struct {
        fab_dtype dtype;
        uint8_t bytes[34];
        int64_t n;
        const char *says;
    } cases[] = {
        { FAB_F32, { 0, 0, 0, 0, 0, 0, 0xc0, 0x7f }, 2, "x: element 1 is NaN" },
        { FAB_F32, { 0, 0, 0x80, 0xff }, 1, "x: element 0 is infinite" },
        { FAB_F32, { 0xff, 0xff, 0x7f, 0x7f }, 1, NULL },
        { FAB_BF16, { 0, 0, 0x80, 0x7f }, 2, "x: element 1 is infinite" },
        { FAB_F16, { 1, 0x7c }, 1, "x: element 0 is NaN" },
        { FAB_F16, { 0xff, 0x7b }, 1, NULL },
        { FAB_Q8_0, { 0, 0x7e, 1 }, 32, "x: the scale of block 0 is NaN" },
        { FAB_Q8_0, { 0, 0x3c, 0xff }, 32, NULL },
    };
    const char *path = scratch(".gguf");

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        fab_err err = FAB_ERR_INIT;
        fab_gguf *g = fab_gguf_new(NULL);
        fab_gguf_tensor(g, "x", cases[i].dtype, 1, &cases[i].n, cases[i].bytes);
        CHECK(fab_gguf_write(g, path, NULL));
        fab_weights *w = fab_weights_open(path, &err);
        CHECK_MSG(w, "%s", err.text);
        CHECK(fab_weights_check_finite(w, &err) == !cases[i].says);
        if (cases[i].says) CHECK_STR(err.text, cases[i].says);
        fab_weights_close(w);
        fab_gguf_free(g);
    }
    remove(path);
}

TEST(described)
{
    fab_weights *w = open_golden("ref.gguf");
    json_t *d = fab_weights_describe(w, true, NULL), *meta = json_object_get(d, "metadata");

    CHECK_STR(json_string_value(json_object_get(d, "format")), "gguf");
    CHECK(json_array_size(json_object_get(d, "tensors")) == 10);
    CHECK(json_integer_value(json_object_get(d, "parameters")) ==
          6 + 4 + 4 + 3 + 4 + 5 + 3 + 128 + 512 + 6);
    CHECK(json_integer_value(json_object_get(json_object_get(d, "dtypes"), "F32")) == 1);
    CHECK(json_integer_value(json_object_get(meta, "test.uint32")) == 4000000000);
    CHECK(json_array_size(json_object_get(meta, "test.strings")) == 3);
    CHECK(json_integer_value(json_object_get(json_object_get(meta, "test.nested"), "length")) == 2);
    json_decref(d);
    fab_weights_close(w);
}

static bool load(const char *path, fab_err *err)
{
    fab_weights *w = fab_weights_open(path, err);
    json_t *d = w ? fab_weights_describe(w, true, err) : NULL;
    json_decref(d);
    fab_weights_close(w);
    return d != NULL;
}

TEST(bad_safetensors) { case_folder("tests/cases/safetensors", load); }

TEST(bad_gguf) { case_folder("tests/cases/gguf", load); }

TEST(bad_torch) { case_folder("tests/cases/torch", load); }

TEST(bad_ctranslate2) { case_folder("tests/cases/ctranslate2", load); }

TEST(names_cannot_move_the_terminal)
{
    fab_err err = FAB_ERR_INIT;
    const char *path = scratch(".gguf"), *name = "\033[2Jx\r";
    fab_gguf *g = fab_gguf_new(NULL);
    fab_weights *w = NULL;

    fab_gguf_u32(g, name, 1);
    CHECK(fab_gguf_write(g, path, NULL) && (w = fab_weights_open(path, NULL)));
    CHECK(!fab_weights_str(w, name, &err));
    CHECK_STR(err.text, "key ?[2Jx?: u32, wanted a string");
    fab_weights_close(w);
    fab_gguf_free(g);
    remove(path);
}

static bool read_lines(const char *path, fab_err *err)
{
    fab_jsonl j;
    if (!fab_jsonl_open(&j, path, err)) return false;
    for (json_t *v; (v = fab_jsonl_next(&j, err));) json_decref(v);
    fab_jsonl_close(&j);
    return !err->code;
}

TEST(bad_jsonl) { case_folder("tests/cases/jsonl", read_lines); }

/* Every prefix of a sound file is refused, except that a GGUF may lose padding after its last
 * tensor. */
TEST(truncated_anywhere)
{
    static const char *const names[] = { GOLDEN "ref.safetensors", GOLDEN "ours.gguf" };

    for (int i = 0; i < 2; i++) {
        fab_file f;
        CHECK(fab_file_map(&f, names[i], 0, NULL));
        for (size_t n = 0; n + 32 < f.size; n++) {
            fab_err err = FAB_ERR_INIT;
            uint8_t *cut =
                malloc(n + 1); /* its own block, so that a sanitizer sees a read past the end */
            memcpy(cut, f.data, n);
            fab_weights *w = fab_weights_parse(cut, n, &err);
            CHECK_MSG(!w && err.code, "%s cut to %zu bytes is accepted", names[i], n);
            free(cut);
        }
        fab_file_unmap(&f);
    }
}

static const struct {
    const char *name, *text, *says;
} indexes[] = {
    { "bad-escape", "{\"weight_map\": {\"x\": \"../m-1.safetensors\"}}",
      "is not a file name in the index's folder" },
    { "bad-itself", "{\"weight_map\": {\"x\": \"ITSELF\"}}", "index where safetensors is wanted" },
    { "bad-absent", "{\"weight_map\": {\"x\": \"none.safetensors\"}}", "none.safetensors" },
    { "bad-number", "{\"weight_map\": {\"x\": 3}}", "'x' has no file name" },
    { "bad-list", "{\"weight_map\": [1]}", "weight_map: not an object" },
    { "bad-json", "{\"weight_map\": ", "line 1" },
};

TEST(bad_indexes)
{
    for (size_t i = 0; i < sizeof indexes / sizeof *indexes; i++) {
        fab_err err = FAB_ERR_INIT;
        const char *path = scratch(".index.json"), *name = fab_path_base(path);
        char text[256];
        const char *self = strstr(indexes[i].text, "ITSELF");
        int before = self ? (int)(self - indexes[i].text) : (int)strlen(indexes[i].text);
        snprintf(text, sizeof text, "%.*s%s%s", before, indexes[i].text, self ? name : "",
                 self ? self + 6 : "");
        CHECK(fab_file_write(path, text, strlen(text), NULL));
        CHECK_MSG(!fab_weights_open(path, &err), "%s is accepted", indexes[i].name);
        CHECK_SAYS(err.text, indexes[i].says);
        remove(path);
    }
}

static bool open_and_write(fab_err *err)
{
    ramps r = { { 0 } };
    static const fab_weight one = { "x", FAB_F32, 1, { 1 }, "\0\0\200?", 4 };
    const char *path = scratch(".oom");
    fab_weights *w = fab_weights_open(GOLDEN "ref.gguf", err);
    fab_weights *s = w ? fab_weights_open(GOLDEN "shards/model.safetensors.index.json", err) : NULL;
    fab_gguf *g = s ? fab_gguf_new(err) : NULL;
    bool ok = g &&
              (fab_gguf_str(g, "k", "v"),
               fab_gguf_tensor(g, "a", FAB_F32, 1, (const int64_t[]){ 6 }, r.f32),
               fab_gguf_write(g, path, err)) &&
              fab_safetensors_write(path, &one, 1, NULL, err);
    fab_weights_close(w);
    fab_weights_close(s);
    fab_gguf_free(g);
    return ok;
}

TEST(out_of_memory)
{
    for (int64_t n = 0;; n++) {
        fab_err err = FAB_ERR_INIT;
        fab_oom_arm(n);
        bool ok = open_and_write(&err);
        if (!fab_oom_arm(-1)) {
            CHECK_MSG(ok, "%s", err.text);
            CHECK(n > 20);
            break;
        }
        CHECK_MSG(!ok && err.code == FAB_ENOMEM, "allocation %lld: %s", (long long)n, err.text);
    }
    remove(scratch(".oom"));
}

TEST_MAIN
