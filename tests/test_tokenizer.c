/* Byte-level BPE against Hugging Face's ids and merges (tools/golden/bpe.py), against a plain
 * reference, and on bad input. */
#include "base/rng.h"
#include "cases.h"
#include "text/bpe.h"
#include "text/utf8.h"

#define GOLDEN "tests/golden/bpe/"

static const char *const patterns[] = { "gpt-2", "llama-bpe", "qwen2", "fabrica" };
enum { PATTERNS = 4, MANY = 4096 };

static fab_bpe *open_golden(const char *name)
{
    char path[64];
    fab_err err = FAB_ERR_INIT;
    snprintf(path, sizeof path, GOLDEN "%s.json", name);
    fab_bpe *b = fab_bpe_open(path, &err);
    CHECK_MSG(b, "%s", err.text);
    return b;
}

static void check_ids(const fab_bpe *b, const json_t *want, const char *text, size_t n)
{
    int32_t ids[MANY];
    fab_err err = FAB_ERR_INIT;
    int64_t got = fab_bpe_encode(b, text, n, ids, MANY, &err);

    CHECK_MSG(got == (int64_t)json_array_size(want), "'%s': %lld ids, wanted %zu %s", text,
              (long long)got, json_array_size(want), err.text);
    for (int64_t i = 0; i < got; i++)
        CHECK_MSG(ids[i] == json_integer_value(json_array_get(want, (size_t)i)), "'%s': id %lld",
                  text, (long long)i);
    fab_arena *a = fab_arena_new(0, NULL);
    char *back = fab_bpe_decode(b, a, ids, got, false, NULL);
    CHECK_MSG(back && strlen(back) == n && !memcmp(back, text, n), "'%s' decodes to '%s'", text,
              back);
    fab_arena_free(a);
}

TEST(golden_ids)
{
    json_t *cases = fab_json_open(GOLDEN "cases.json", NULL), *c;
    size_t i;

    CHECK(json_array_size(cases) > 80);
    for (int p = 0; p < PATTERNS; p++) {
        fab_bpe *b = open_golden(patterns[p]);
        json_array_foreach(cases, i, c)
        {
            const json_t *text = json_object_get(c, "text");
            check_ids(b, json_object_get(json_object_get(c, "ids"), patterns[p]),
                      json_string_value(text), json_string_length(text));
        }
        fab_bpe_free(b);
    }
    json_decref(cases);
}

static fab_bpe *train(fab_bpe_train_opts o, bool backwards)
{
    fab_file f;
    fab_err err = FAB_ERR_INIT;
    const char *line[400];
    size_t len[400];
    int n = 0;

    CHECK(fab_file_map(&f, GOLDEN "corpus.txt", 0, &err));
    for (const char *p = (const char *)f.data, *end = p + f.size, *q; p < end && n < 400;
         p = q + 1, n++) {
        q = memchr(p, '\n', (size_t)(end - p));
        line[n] = p;
        len[n] = (size_t)(q - p);
    }
    fab_bpe_trainer *t = fab_bpe_trainer_new(&o, &err);
    CHECK_MSG(t, "%s", err.text);
    for (int i = 0; i < n; i++) {
        int k = backwards ? n - 1 - i : i;
        CHECK(fab_bpe_trainer_add(t, line[k], len[k], &err));
    }
    fab_bpe *b = fab_bpe_trainer_finish(t, &err);
    CHECK_MSG(b, "%s", err.text);
    fab_bpe_trainer_free(t);
    fab_file_unmap(&f);
    return b;
}

static const char *const specials[] = { "<pad>", "<eos>", "<|user|>" };

static fab_bpe_train_opts opts_for(const char *pattern)
{
    fab_bpe_train_opts o = {
        .vocab_size = 600, .specials = specials, .n_specials = 3, .min_count = 2
    };
    CHECK(fab_pretoken_parse(pattern, &o.pre));
    return o;
}

/* The trainer learns what Hugging Face's learns, merge by merge, whatever the order of the
 * texts. */
TEST(golden_training)
{
    for (int p = 0; p < PATTERNS; p++) {
        char path[64];
        snprintf(path, sizeof path, GOLDEN "%s.json", patterns[p]);
        json_t *want = fab_json_open(path, NULL), *model = json_object_get(want, "model");
        fab_bpe *b = train(opts_for(patterns[p]), p & 1);
        json_t *got = fab_bpe_to_json(b, NULL), *ours = json_object_get(got, "model");
        CHECK(json_equal(json_object_get(model, "vocab"), json_object_get(ours, "vocab")));
        const json_t *m = json_object_get(model, "merges"), *g = json_object_get(ours, "merges");
        CHECK(json_array_size(m) == json_array_size(g));
        for (size_t i = 0; i < json_array_size(m); i++) {
            char rule[256];
            const json_t *pair = json_array_get(m, i);
            snprintf(rule, sizeof rule, "%s %s", json_string_value(json_array_get(pair, 0)),
                     json_string_value(json_array_get(pair, 1)));
            CHECK_STR(json_string_value(json_array_get(g, i)), rule);
        }
        fab_bpe_free(b);
        json_decref(want);
        json_decref(got);
    }
}

TEST(no_token_exceeds_max_han)
{
    fab_bpe_train_opts o = opts_for("fabrica");
    int longest = 0;

    o.max_han = 2;
    fab_bpe *b = train(o, false);
    for (int32_t i = 3; i < fab_bpe_vocab_size(b); i++) {
        size_t n = 0;
        const char *s = fab_bpe_token(b, i, &n);
        uint32_t cp = 0;
        int han = 0;
        for (size_t k = 0; k < n;) {
            int len = fab_utf8_next(s + k, n - k, &cp);
            han += len && fab_char_class_of(cp) == FAB_CHAR_HAN;
            k += len ? (size_t)len : 1;
        }
        if (han > longest) longest = han;
    }
    CHECK(longest == 2);
    fab_bpe_free(b);
}

/* Written and read again, as JSON and as GGUF's arrays, a tokenizer is the same. */
TEST(written_and_read_again)
{
    fab_err err = FAB_ERR_INIT;
    fab_arena *a = fab_arena_new(0, NULL);

    for (int p = 0; p < PATTERNS; p++) {
        fab_bpe *b = open_golden(patterns[p]);
        json_t *first = fab_bpe_to_json(b, &err), *second, *third;
        char *text = json_dumps(first, JSON_COMPACT);
        fab_bpe *c = fab_bpe_from_json(text, strlen(text), &err);
        CHECK_MSG(c, "%s", err.text);
        fab_bpe_parts parts;
        CHECK(fab_bpe_to_parts(b, a, &parts, &err));
        CHECK_STR(parts.pre, patterns[p]);
        fab_bpe *d = fab_bpe_from_parts(&parts, &err);
        CHECK_MSG(d, "%s", err.text);
        second = fab_bpe_to_json(c, NULL);
        third = fab_bpe_to_json(d, NULL);
        CHECK(json_equal(first, second) && json_equal(first, third));
        free(text);
        json_decref(first);
        json_decref(second);
        json_decref(third);
        fab_bpe_free(b);
        fab_bpe_free(c);
        fab_bpe_free(d);
    }
    fab_arena_free(a);
}

/* --- against the definition: merge the pair of lowest rank, leftmost first, until none has a rule
 * --- */

static int32_t reference_word(const fab_bpe *b, const fab_bpe_parts *parts, const char *s, size_t n,
                              int32_t *id)
{
    for (size_t i = 0; i < n; i++) {
        char byte[2] = { s[i], 0 };
        id[i] = fab_bpe_id(b, byte);
    }
    for (int64_t r = 0; r < parts->n_merges;
         r++) { /* rank by rank is the same as always the lowest */
        char rule[512], joined[512];
        const char *space = strchr(strcpy(rule, parts->merges[r]), ' ');
        int32_t left = -1, right = -1, whole = -1;
        snprintf(joined, sizeof joined, "%.*s%s", (int)(space - rule), rule, space + 1);
        rule[space - rule] = 0;
        for (int32_t i = 0; i < parts->n_tokens; i++) {
            if (!strcmp(parts->tokens[i], rule)) left = i;
            if (!strcmp(parts->tokens[i], space + 1)) right = i;
            if (!strcmp(parts->tokens[i], joined)) whole = i;
        }
        for (size_t i = 0; i + 1 < n; i++)
            if (id[i] == left && id[i + 1] == right) {
                id[i] = whole;
                memmove(id + i + 1, id + i + 2, (n - i - 2) * sizeof *id);
                n--;
            }
    }
    return (int32_t)n;
}

/* Words of one letter class, short and long, so that both ways of merging and the copy of a seen
 * word are compared. */
TEST(merges_as_defined)
{
    static const char *const parts_of[] = { "is",   "the", "a",    "n",    "i",         "e",
                                            "left", "肺",  "结节", "图中", "e\xcc\x81x" };
    fab_bpe *b = open_golden("gpt-2");
    fab_arena *a = fab_arena_new(0, NULL);
    fab_bpe_parts parts;
    fab_rng rng;
    int32_t got[MANY], want[MANY];

    CHECK(fab_bpe_to_parts(b, a, &parts, NULL));
    fab_rng_init(&rng, 11);
    for (int round = 0; round < 24; round++) {
        char text[MANY] = "";
        size_t n = 0, pieces = round % 2 ? 60 : 6;
        for (size_t i = 0; i < pieces; i++) {
            const char *p = parts_of[fab_rng_below(&rng, 10)];
            memcpy(text + n, p, strlen(p));
            n += strlen(p);
        }
        int32_t w = reference_word(b, &parts, text, n, want);
        CHECK(fab_bpe_encode(b, text, n, got, MANY, NULL) == w);
        CHECK(!memcmp(got, want, (size_t)w * sizeof *got));
    }
    fab_arena_free(a);
    fab_bpe_free(b);
}

/* A long text meets its words again and copies their ids: the same ids as line by line. */
TEST(long_text_as_its_lines)
{
    fab_bpe *b = open_golden("fabrica");
    fab_file f;
    int32_t *all = malloc(1 << 20), *line = malloc(1 << 16);
    int64_t n = 0;

    CHECK(fab_file_map(&f, GOLDEN "corpus.txt", 0, NULL));
    const char *text = (const char *)f.data, *end = text + f.size;
    int64_t total = fab_bpe_encode(b, text, f.size, all, 1 << 18, NULL);
    for (const char *p = text, *q; p < end; p = q + 1) {
        q = memchr(p, '\n', (size_t)(end - p));
        int64_t k = fab_bpe_encode(b, p, (size_t)(q + 1 - p), line, 1 << 14, NULL);
        CHECK(!memcmp(all + n, line, (size_t)k * sizeof *line));
        n += k;
    }
    CHECK(n == total);
    CHECK(fab_bpe_encode(b, text, f.size, NULL, 0, NULL) == total);
    int32_t few[100];
    CHECK(fab_bpe_encode(b, text, f.size, few, 100, NULL) == total &&
          !memcmp(few, all, sizeof few));
    free(all);
    free(line);
    fab_file_unmap(&f);
    fab_bpe_free(b);
}

TEST(user_text_cannot_type_control_tokens)
{
    fab_bpe *b = open_golden("fabrica");
    int32_t ids[64];
    const char *text = "<|user|>hi<eos>";
    int64_t n = fab_bpe_encode(b, text, strlen(text), ids, 64, NULL);

    CHECK(ids[0] == fab_bpe_id(b, "<|user|>") && ids[n - 1] == fab_bpe_id(b, "<eos>"));
    CHECK(fab_bpe_is_special(b, ids[0]) && !fab_bpe_is_special(b, ids[1]));
    fab_arena *a = fab_arena_new(0, NULL);
    CHECK_STR(fab_bpe_decode(b, a, ids, n, true, NULL), "hi");
    n = fab_bpe_encode_plain(b, text, strlen(text), ids, 64, NULL);
    for (int64_t i = 0; i < n; i++) CHECK(!fab_bpe_is_special(b, ids[i]));
    CHECK_STR(fab_bpe_decode(b, a, ids, n, true, NULL), text);
    fab_arena_free(a);
    fab_bpe_free(b);
}

static size_t stream_bytes(const fab_bpe *b, const char *bytes, size_t n, char *out)
{
    fab_bpe_stream s = { { 0 }, 0 };
    size_t len = 0;
    for (size_t i = 0; i < n; i++) {
        char byte[2] = { bytes[i], 0 };
        len += fab_bpe_stream_push(b, &s, fab_bpe_id(b, byte), out + len);
    }
    len += fab_bpe_stream_end(&s, out + len);
    out[len] = 0;
    return len;
}

TEST(stream_holds_back_cut_characters)
{
    fab_bpe *b = open_golden("gpt-2");
    fab_bpe_stream s = { { 0 }, 0 };
    char out[256];
    const char *lung = "\xe8\x82\xba";

    CHECK(fab_bpe_stream_room(b) <= sizeof out);
    for (int i = 0; i < 3; i++) {
        char byte[2] = { lung[i], 0 };
        CHECK(fab_bpe_stream_push(b, &s, fab_bpe_id(b, byte), out) == (i == 2 ? 3u : 0u));
    }
    CHECK(!memcmp(out, lung, 3));
    static const struct {
        const char *bytes, *text;
    } broken[] = {
        { "a\xe8\x82", "a\xef\xbf\xbd" },
        { "\xe8\x82z", "\xef\xbf\xbdz" },
        { "\xffz", "\xef\xbf\xbdz" },
        { "\xe8\xe8\x82\xba", "\xef\xbf\xbd\xe8\x82\xba" },
        { "\xed\xa0\x80", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd" },
        { "\xf0\x9f\xab\x80", "\xf0\x9f\xab\x80" },
    };
    for (size_t i = 0; i < sizeof broken / sizeof *broken; i++) {
        stream_bytes(b, broken[i].bytes, strlen(broken[i].bytes), out);
        CHECK_STR(out, broken[i].text);
    }
    fab_bpe_free(b);
}

TEST(text_that_is_not_utf8)
{
    static const struct {
        const char *bytes, *says;
    } bad[] = {
        { "ab\xff", "not UTF-8 at byte 2 (0xFF)" }, { "0123456789\xc0\x80", "at byte 10 (0xC0)" },
        { "\xe8\x82", "at byte 0 (0xE8)" },         { "\xed\xa0\x80", "at byte 0 (0xED)" },
        { "\xf4\x90\x80\x80", "at byte 0 (0xF4)" }, { "x\xb4\xf3", "at byte 1 (0xB4)" },
    };
    fab_bpe *b = open_golden("gpt-2");
    int32_t ids[16];

    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        fab_err err = FAB_ERR_INIT;
        CHECK(fab_bpe_encode(b, bad[i].bytes, strlen(bad[i].bytes), ids, 16, &err) == -1);
        CHECK(err.code == FAB_EFORMAT);
        CHECK_SAYS(err.text, bad[i].says);
    }
    fab_arena *a = fab_arena_new(0, NULL);
    fab_err err = FAB_ERR_INIT;
    ids[0] = 600;
    CHECK(!fab_bpe_decode(b, a, ids, 1, false, &err));
    CHECK_SAYS(err.text, "id 600 at position 0 is outside the vocabulary of 600");
    fab_arena_free(a);
    fab_bpe_free(b);
}

static bool load(const char *path, fab_err *err)
{
    fab_bpe *b = fab_bpe_open(path, err);
    fab_bpe_free(b);
    return b != NULL;
}

TEST(bad_files) { case_folder("tests/cases/tokenizer", load); }

TEST(bad_training_options)
{
    static const char *const twice[] = { "<a>", "<a>" }, *const byte[] = { "x" };
    static const struct {
        fab_bpe_train_opts o;
        const char *says;
    } bad[] = {
        { { .vocab_size = 255 }, "vocabulary size 255" },
        { { .vocab_size = 257, .specials = twice, .n_specials = 2 }, "vocabulary size 257" },
        { { .vocab_size = 300, .specials = twice, .n_specials = 2 }, "given twice" },
        { { .vocab_size = 300, .specials = byte, .n_specials = 1 }, "single byte" },
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        fab_err err = FAB_ERR_INIT;
        CHECK(!fab_bpe_trainer_new(&bad[i].o, &err));
        CHECK_SAYS(err.text, bad[i].says);
    }
}

static bool train_and_write(fab_err *err)
{
    fab_bpe_train_opts o = opts_for("fabrica");
    fab_bpe_trainer *t = fab_bpe_trainer_new(&o, err);
    fab_bpe *b = NULL;
    json_t *doc = NULL;
    const char *text = "左肺结节 left lung nodule 左肺结节 left lung";

    if (t && fab_bpe_trainer_add(t, text, strlen(text), err)) b = fab_bpe_trainer_finish(t, err);
    if (b) doc = fab_bpe_to_json(b, err);
    fab_bpe_trainer_free(t);
    fab_bpe_free(b);
    json_decref(doc);
    return doc != NULL;
}

static bool load_and_encode(fab_err *err)
{
    char text[3000];
    int32_t ids[3000];
    fab_bpe *b = fab_bpe_open(GOLDEN "fabrica.json", err);

    memset(text, 'a', sizeof text); /* one long word, and long enough for the cache */
    int64_t n = b ? fab_bpe_encode(b, text, sizeof text, ids, 3000, err) : -1;
    fab_bpe_free(b);
    return n > 0;
}

static void fail_each_allocation(bool (*run)(fab_err *err))
{
    for (int64_t n = 0;; n++) {
        fab_err err = FAB_ERR_INIT;
        fab_oom_arm(n);
        bool ok = run(&err);
        if (!fab_oom_arm(-1)) {
            CHECK_MSG(ok, "%s", err.text);
            CHECK(n > 3);
            return;
        }
        CHECK_MSG(!ok && err.code == FAB_ENOMEM, "allocation %lld: %s", (long long)n, err.text);
    }
}

TEST(out_of_memory)
{
    fail_each_allocation(train_and_write);
    fail_each_allocation(load_and_encode);
}

TEST_MAIN
