/* The lexicon, the segmenter and the stemmer. */
#include "base/file.h"
#include "test.h"
#include "text/lexicon.h"
#include "text/segment.h"
#include "text/stem.h"

static fab_err none;

static fab_lexicon *lexicon_of(const char *text, fab_err *err)
{
    return fab_lexicon_parse(text, strlen(text), err);
}

/* The words of a text with blanks between, for comparison. */
static const char *cut(const fab_segmenter *s, const char *text)
{
    static char out[4096];
    fab_word_list w = { 0 };
    size_t n = 0;

    if (!fab_segment_text(s, text, strlen(text), &w, &none)) return none.text;
    for (size_t i = 0; i < w.n; i++)
        n += (size_t)snprintf(out + n, sizeof out - n, i ? " %.*s" : "%.*s", (int)w.items[i].len,
                              text + w.items[i].at);
    out[n] = 0;
    fab_word_list_clear(&w);
    return out;
}

TEST(stems_as_porter)
{
    static const char *const cases[][2] = {
        { "caresses", "caress" },
        { "ponies", "poni" },
        { "cats", "cat" },
        { "agreed", "agre" },
        { "plastered", "plaster" },
        { "motoring", "motor" },
        { "conflated", "conflat" },
        { "hopping", "hop" },
        { "falling", "fall" },
        { "filing", "file" },
        { "happy", "happi" },
        { "sky", "sky" },
        { "relational", "relat" },
        { "vietnamization", "vietnam" },
        { "triplicate", "triplic" },
        { "electrical", "electr" },
        { "hopefulness", "hope" },
        { "revival", "reviv" },
        { "replacement", "replac" },
        { "adoption", "adopt" },
        { "controlling", "control" },
        { "effusions", "effus" },
        { "opacities", "opac" },
        { "generalizations", "gener" },
        { "probate", "probat" },
        { "rate", "rate" },
        { "cease", "ceas" },
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char w[64];
        snprintf(w, sizeof w, "%s", cases[i][0]);
        w[fab_porter(w, strlen(w), FAB_STEM_PORTER)] = 0;
        CHECK_STR(w, cases[i][1]);
    }
}

static const char small[] =
    "#fabrica-lexicon 1\n"
    "# a comment\n"
    "ground_glass_opacity\tfinding\t磨玻璃 影\tground-glass opacity|GGO\tW\n"
    "ground_glass\tfinding\t磨玻璃\tground glass\tW\n"
    "nodule\tfinding\t结节\tnodule\tLW\n"
    "vitamin_b12\tdrug\t维生素B12\tvitamin B12\tH\n";

TEST(longest_term_folded_and_stemmed)
{
    static const struct {
        const char *text, *concept;
        size_t end;
    } cases[] = {
        { "Ground-Glass Opacities were", "ground_glass_opacity", 22 },
        { "ground\nglass nodules", "ground_glass", 12 },
        { "ground, glass", NULL, 0 },
        { "磨玻璃影", "ground_glass_opacity", 12 },
        { "磨玻璃结节", "ground_glass", 9 },
        { "ＧＧＯ", "ground_glass_opacity", 9 },
        { "noduleX", NULL, 0 },
        { "维生素b12缺乏", "vitamin_b12", 12 },
        { "维生素B1", NULL, 0 },
        { "\xff", NULL, 0 },
        { "", NULL, 0 },
    };
    fab_lexicon *l = lexicon_of(small, &none);

    CHECK_MSG(l, "%s", none.text);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        fab_term t;
        bool found = fab_lexicon_match(l, cases[i].text, strlen(cases[i].text), 0, &t);
        CHECK_MSG(found == (cases[i].concept != NULL), "'%s'", cases[i].text);
        if (!found) continue;
        CHECK_STR(fab_lexicon_concept(l, t.concept)->name, cases[i].concept);
        CHECK_MSG(t.end == cases[i].end, "'%s': %zu", cases[i].text, t.end);
    }
    CHECK(fab_lexicon_surfaces(l) == 9 && fab_lexicon_concepts(l) == 4);
    CHECK_STR(fab_lexicon_concept(l, 0)->zh[0], "磨玻璃影");
    CHECK_STR(fab_lexicon_concept(l, 0)->zh_cut[0], "磨玻璃 影");
    fab_lexicon_free(l);
}

TEST(terms_of_a_text_do_not_overlap)
{
    const char *text = "No GGO; ground glass nodules. 双肺磨玻璃影、结节";
    fab_lexicon *l = lexicon_of(small, &none);
    fab_arena *a = fab_arena_new(0, &none);
    size_t n;
    fab_term *t = fab_lexicon_scan(l, text, strlen(text), a, &n, &none);

    CHECK(t && n == 5);
    for (size_t i = 1; i < n; i++) CHECK(t[i].at >= t[i - 1].end);
    CHECK(!strncmp(text + t[3].at, "磨玻璃影", 12) && t[3].end - t[3].at == 12);
    fab_arena_free(a);
    fab_lexicon_free(l);
}

TEST(bad_lexicon_is_named)
{
    static const struct {
        const char *rows, *says;
    } cases[] = {
        { "a\tfinding\t结节\tnodule\n", "line 2: not 5 fields" },
        { "a\tfinding\t结节\tnodule\tL\tx\n", "line 2: not 5 fields" },
        { "a\tfindings\t结节\tnodule\tL\n", "line 2: unknown kind 'findings'" },
        { "A b\tfinding\t结节\tnodule\tL\n", "line 2: concept 'A b' is not made of" },
        { "a\tfinding\t\t\tL\n", "line 2: a has no surface" },
        { "a\tfinding\t结节|\tnodule\tL\n", "line 2: an empty surface" },
        { "a\tfinding\t\tnodule (lung)\tL\n", "line 2: 'nodule (lung)': no letter at byte 7" },
        { "a\tfinding\t影-x\t\tL\n", "'影-x': no letter at byte 3" },
        { "a\tfinding\t\tnodule-\tL\n", "ends in a blank or hyphen" },
        { "a\tfinding\t结节\t\tL\n\na\tfinding\t肿块\t\tL\n", "line 4: concept a a second time" },
        { "a\tfinding\t\tnodule\tL\nb\tfinding\t\tNodules\tL\n",
          "line 3: 'Nodules' is a term of a already" },
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char file[512];
        fab_err err = FAB_ERR_INIT;
        snprintf(file, sizeof file, "#fabrica-lexicon 1\n%s", cases[i].rows);
        CHECK_MSG(!lexicon_of(file, &err), "%s was read", cases[i].rows);
        CHECK_SAYS(err.text, cases[i].says);
    }
    fab_err err = FAB_ERR_INIT;
    CHECK(!lexicon_of("concept\tkind\n", &err));
    CHECK_SAYS(err.text, "the first line is not '#fabrica-lexicon 1'");
}

TEST(long_lines_of_sight_and_kinds)
{
    fab_segmenter *s = fab_segmenter_new(NULL, &none);
    static const char *const cases[][2] = {
        { "右肺上叶磨玻璃结节", "右肺 上叶 磨玻璃 结节" },
        { "大小约5mm×3.5 cm，90%", "大小约 5 mm × 3.5 cm ， 90%" },
        { "T1加权 x-ray IL-6 3D 18F 12,000 3,5", "T1 加权 x-ray IL-6 3D 18F 12,000 3 , 5" },
    };

    CHECK_MSG(s, "%s", none.text);
    CHECK_STR(cut(s, cases[0][0]), cases[0][1]);
    CHECK_SAYS(cut(s, cases[1][0]), "5 mm × 3.5 cm ， 90%");
    CHECK_SAYS(cut(s, cases[2][0]), "x-ray IL-6 3D 18F 12,000 3 , 5");
    fab_segmenter_free(s);
}

/* Every byte of a text is in one word or is a blank, in order, whatever the bytes. */
TEST(words_cover_the_text)
{
    static const char alphabet[][4] = { "肺", "结", "节", "a",    "Z", "5",  ".",
                                        "%",  " ",  "，", "\xff", "-", "㎜", "𠀀" };
    fab_segmenter *s = fab_segmenter_new(NULL, &none);
    fab_word_list w = { 0 };
    char text[5000];
    uint32_t seed = 7;

    for (int round = 0; round < 200; round++) {
        size_t n = 0, at = 0;
        while (n + 4 < (round < 190 ? 60u : sizeof text)) {
            seed = seed * 1664525u + 1013904223u;
            const char *c = alphabet[(seed >> 16) % 14];
            memcpy(text + n, c, strnlen(c, 4));
            n += strnlen(c, 4);
        }
        CHECK(fab_segment_text(s, text, n, &w, &none));
        for (size_t i = 0; i < w.n; at = w.items[i].at + w.items[i].len, i++) {
            CHECK(w.items[i].at >= at && w.items[i].len > 0);
            for (size_t j = at; j < w.items[i].at; j++) CHECK(text[j] == ' ');
        }
        for (; at < n; at++) CHECK(text[at] == ' ');
    }
    fab_word_list_clear(&w);
    fab_segmenter_free(s);
}

TEST(bad_dictionary_is_named)
{
    static const struct {
        const char *rows, *says;
    } cases[] = {
        { "w\t患者\n", "line 2: not 3 fields in the line of '患者'" },
        { "w\t患者\tmany\n", "line 2: not a number in range: 'many'" },
        { "w\t患者\t0\n", "line 2: a count of 0 for '患者'" },
        { "w\t患 者\t3\n", "line 2: no word of the segmenter: '患 者'" },
        { "w\tabc\t3\n", "line 2: no word of the segmenter: 'abc'" },
        { "c\tab\t1\t2\t3\t4\n", "line 2: not one Han character" },
        { "c\t患\t1\t2\t3\n", "line 2: not 4 costs in a line of '患'" },
        { "h\tX\t1\t2\t3\t4\n", "line 2: no state of the model: 'X'" },
        { "x\t1\n", "line 2: unknown kind of line 'x'" },
    };
    fab_lexicon *l = lexicon_of(small, &none);

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char file[512];
        fab_err err = FAB_ERR_INIT;
        snprintf(file, sizeof file, "#fabrica-words 1\n%s", cases[i].rows);
        CHECK_MSG(!fab_segmenter_parse(l, file, strlen(file), &err), "%s was read", cases[i].rows);
        CHECK_SAYS(err.text, cases[i].says);
    }
    fab_lexicon_free(l);
}

/* Sentences cut by hand. Measured: gold 0.910, held (written after the dictionary was finished)
 * 0.827. */
TEST(words_of_gold_sentences)
{
    static const struct {
        const char *path;
        int64_t least;
        double f1;
    } files[] = { { "tests/golden/segment/gold.txt", 300, 0.89 },
                  { "tests/golden/segment/held.txt", 60, 0.81 } };
    fab_segmenter *s = fab_segmenter_new(NULL, &none);

    for (size_t i = 0; i < 2; i++) {
        fab_file f = { 0 };
        fab_segment_score m;
        CHECK(fab_file_map(&f, files[i].path, 0, &none));
        CHECK_MSG(fab_segment_measure(s, (const char *)f.data, f.size, &m, &none), "%s", none.text);
        CHECK(m.sentences >= files[i].least);
        CHECK_MSG(m.f1 >= files[i].f1, "%s: F1 %.4f, precision %.4f, recall %.4f", files[i].path,
                  m.f1, m.precision, m.recall);
        fab_file_unmap(&f);
    }
    fab_segmenter_free(s);
}

/* Terms of two and three characters come out whole, whatever stands around them. */
TEST(terms_come_out_whole)
{
    static const char *const terms[] = { "结节", "磨玻璃", "实变", "气胸", "胸腔积液",
                                         "肿块", "空洞",   "钙化", "纵隔", "胸膜" };
    static const char *const before[] = { "", "右肺上叶", "左侧", "未见", "双肺多发", "考虑" };
    static const char *const after[] = { "", "影", "，建议随访", "可能", "较前增大", "伴感染" };
    fab_segmenter *s = fab_segmenter_new(NULL, &none);

    for (size_t t = 0; t < 10; t++)
        for (size_t b = 0; b < 6; b++)
            for (size_t a = 0; a < 6; a++) {
                char text[200], framed[500], want[64];
                snprintf(text, sizeof text, "%s%s%s", before[b], terms[t], after[a]);
                snprintf(framed, sizeof framed, " %s ", cut(s, text));
                snprintf(want, sizeof want, " %s ", terms[t]);
                CHECK_SAYS(framed, want);
            }
    fab_segmenter_free(s);
}

TEST(lexicon_in_the_program)
{
    static const char *const same[][2] = {
        { "胸水", "pleural effusions" },
        { "肺不张", "atelectasis" },
        { "左肾", "left kidney" },
        { "心影增大", "cardiomegaly" },
        { "右肺上叶", "right upper lobe" },
        { "急性阑尾炎", "acute appendicitis" },
        { "磨玻璃影", "ground-glass opacities" },
        { "未见", "no evidence of" },
        { "肝炎", "hepatitis" },
        { "脑膜炎", "meningitis" },
    };
    fab_lexicon *l = fab_lexicon_open(NULL, &none);

    CHECK_MSG(l, "%s", none.text);
    CHECK(fab_lexicon_surfaces(l) >= 8000);
    for (size_t i = 0; i < sizeof same / sizeof *same; i++) {
        int zh = fab_lexicon_lookup(l, same[i][0], strlen(same[i][0]));
        int en = fab_lexicon_lookup(l, same[i][1], strlen(same[i][1]));
        CHECK_MSG(zh >= 0 && zh == en, "%s: %d, %s: %d", same[i][0], zh, same[i][1], en);
    }
    int left = fab_lexicon_lookup(l, "左侧", 6), right = fab_lexicon_lookup(l, "右侧", 6);
    CHECK(left >= 0 && right >= 0 && left != right);
    /* one stem by Porter, two concepts */
    CHECK(fab_lexicon_lookup(l, "hepatic", 7) != fab_lexicon_lookup(l, "hepatitis", 9));
    fab_lexicon_free(l);
}

/* 心 is a word in 心影 no more than in 中心. */
TEST(terms_lie_between_word_edges)
{
    const char *text = "中心位于右肺，心脏大，无名动脉";
    fab_lexicon *l = fab_lexicon_open(NULL, &none);
    fab_segmenter *s = fab_segmenter_new(l, &none);
    fab_arena *a = fab_arena_new(0, &none);
    fab_word_list w = { 0 };
    size_t n;

    CHECK(fab_segment_text(s, text, strlen(text), &w, &none));
    fab_term *t = fab_segment_terms(l, text, strlen(text), &w, a, &n, &none);
    CHECK(t && n >= 3);
    for (size_t i = 0; i < n; i++)
        CHECK(t[i].end - t[i].at > 3 || strncmp(text + t[i].at, "心", 3) != 0);
    fab_word_list_clear(&w);
    fab_arena_free(a);
    fab_segmenter_free(s);
    fab_lexicon_free(l);
}

TEST_MAIN
