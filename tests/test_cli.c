/* test_cli: every row of verbs.def, and the parser over rows made here. */
#include "test.h"

#include <stddef.h>
#include "cli/generating.h"
#include "cli/help.h"
#include "cli/parse.h"

typedef struct {
    const char *image, *out, *lang, *history;
    int64_t top;
    double temperature;
    bool both;
    fab_list labels, rest;
} opts;

static bool never(fab_run *r, const void *o, fab_err *err)
{
    (void)r, (void)o;
    return fab_fail(err, FAB_EINTERNAL, "not run here");
}

static const fab_opt rows[] = {
    { "IMAGE", FAB_FILE_IN, offsetof(opts, image), NULL, "the image" },
    { "REST", FAB_LIST, offsetof(opts, rest), "", "more" },
    { "out", FAB_FILE_OUT, offsetof(opts, out), ".", "where to", .letter = 'o' },
    { "lang", FAB_CHOICE, offsetof(opts, lang), "both", "language", .choices = "zh|en|both" },
    { "history", FAB_STR, offsetof(opts, history), NULL, "words" },
    { "top", FAB_INT, offsetof(opts, top), "5", "how many", .min = 1, .max = 100 },
    { "temperature", FAB_FLOAT, offsetof(opts, temperature), "0.5", "sharpness" },
    { "both", FAB_FLAG, offsetof(opts, both), NULL, "both", .letter = 'b' },
    { "label", FAB_LIST, offsetof(opts, labels), "a", "a label", .required = true },
    { 0 },
};
static const fab_verb verb = { .name = "try",
                               .summary = "for tests",
                               .example = "fabrica try x.png --label a",
                               .opts_size = sizeof(opts),
                               .opts = rows,
                               .run = never };

static bool parse(const char *line, opts *o, fab_globals *g, fab_arena *a, fab_err *err)
{
    char *words[32], *copy = fab_arena_strdup(a, line, NULL);
    int n = 0;
    for (char *s = copy; *s;) {
        words[n++] = s;
        s += strcspn(s, " ");
        if (*s) *s++ = 0;
    }
    *err = (fab_err)FAB_ERR_INIT;
    return fab_parse(&verb, words, n, o, g, a, err);
}

TEST(words_become_options)
{
    fab_arena *a = fab_arena_new(0, NULL);
    fab_err err;
    opts o;
    fab_globals g;
    CHECK_MSG(parse("x.png --label p --label q", &o, &g, a, &err), "%s", err.text);
    CHECK_STR(o.image, "x.png");
    CHECK_STR(o.out, ".");
    CHECK_STR(o.lang, "both");
    CHECK(!o.history && o.top == 5 && o.temperature == 0.5 && !o.both && !g.json &&
          g.threads == 0 && o.rest.n == 0);
    CHECK(o.labels.n == 2); /* the default went when the first was given */
    CHECK_STR(o.labels.items[1], "q");

    CHECK_MSG(
        parse(
            "--top=7 -b -o d x.png --lang zh --temperature -1e-3 --json --threads 2 --label 1 y z",
            &o, &g, a, &err),
        "%s", err.text);
    CHECK(o.top == 7 && o.both && o.temperature == -1e-3 && g.json && g.threads == 2 &&
          o.rest.n == 2);
    CHECK_STR(o.out, "d");
    CHECK_STR(o.rest.items[1], "z");

    CHECK(parse("-oe --label= - -- --top", &o, &g, a, &err));
    CHECK_STR(o.out, "e");
    CHECK_STR(o.image, "-");
    CHECK_STR(o.rest.items[0], "--top");
    CHECK_STR(o.labels.items[0], "");
    CHECK(parse("--help", &o, &g, a, &err) && g.help);
    fab_arena_free(a);
}

TEST(wrong_words_are_named)
{
    static const struct {
        const char *line, *says;
    } cases[] = {
        { "--label x", "IMAGE is missing: the image" },
        { "x.png", "--label is missing: a label" },
        { "x.png --label", "--label wants a value" },
        { "x.png --label a --top 0", "--top: 0 is not between 1 and 100" },
        { "x.png --label a --top 5x", "--top: '5x' is not a whole number" },
        { "x.png --label a --top 99999999999999999999", "is too large" },
        { "x.png --label a --temperature nan", "--temperature: 'nan' is not a number" },
        { "x.png --label a --temperature 1e999", "is not a number" },
        { "x.png --label a --lang z", "--lang: 'z' is none of zh|en|both" },
        { "x.png --label a --lang zh|en", "is none of" },
        { "x.png --label a --tpo 3", "no option '--tpo'; did you mean '--top'?" },
        { "x.png --label a --temp 3", "did you mean '--temperature'?" },
        { "x.png --label a --jsn", "did you mean '--json'?" },
        { "x.png --label a --xyzzy", "no option '--xyzzy'; see: fabrica try --help" },
        { "x.png --label a -q", "no option '-q'" },
        { "x.png --label a --both=1", "--both takes no value" },
        { "x.png --label a --history \xff\xfe", "--history: '...' is not UTF-8" },
        { "--out= x.png --label a", "--out: '' is an empty name" },
    };
    fab_arena *a = fab_arena_new(0, NULL);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        fab_err err;
        opts o;
        fab_globals g;
        CHECK_MSG(!parse(cases[i].line, &o, &g, a, &err), "'%s' passes", cases[i].line);
        CHECK(err.code == FAB_EUSAGE);
        CHECK_SAYS(err.text, cases[i].says);
    }
    fab_arena_free(a);
}

TEST(word_distances)
{
    CHECK(fab_word_distance("report", "report") == 0);
    CHECK(fab_word_distance("report", "reprot") == 1);
    CHECK(fab_word_distance("report", "repor") == 1);
    CHECK(fab_word_distance("ask", "task") == 1);
    CHECK(fab_word_distance("", "abc") == 3);
    CHECK(fab_word_distance("kitten", "sitting") == 3);
}

TEST(every_verb_s_row_is_sound)
{
    fab_arena *a = fab_arena_new(0, NULL);
    for (const fab_verb *const *v = fab_verbs; *v; v++) {
        fab_err err = FAB_ERR_INIT;
        CHECK_MSG(fab_verb_check(*v, a, &err), "%s: %s", (*v)->name, err.text);
        for (const fab_verb *const *w = fab_verbs; w < v; w++)
            CHECK(strcmp((*v)->name, (*w)->name) != 0);
    }
    fab_arena_free(a);
}

TEST(a_bad_row_is_found)
{
    static const fab_opt twice[] = { { "a", FAB_FLAG, 0, NULL, "x" },
                                     { "a", FAB_FLAG, 1, NULL, "x" },
                                     { 0 } };
    static const fab_opt outside[] = { { "a", FAB_INT, 4, NULL, "x" }, { 0 } };
    static const fab_opt bad_default[] = { { "a", FAB_INT, 0, "x", "x" }, { 0 } };
    static const fab_opt global[] = { { "json", FAB_FLAG, 0, NULL, "x" }, { 0 } };
    static const fab_opt order[] = { { "A", FAB_LIST, 0, "", "x" },
                                     { "B", FAB_STR, 0, NULL, "x" },
                                     { 0 } };
    static const struct {
        const fab_opt *rows;
        const char *says;
    } cases[] = {
        { twice, "a: twice" },
        { outside, "a: outside its struct of 8 bytes" },
        { bad_default, "default: --a: 'x' is not a whole number" },
        { global, "json: is an option of every command" },
        { order, "B: cannot follow A" },
    };
    fab_arena *a = fab_arena_new(0, NULL);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        fab_verb v = {
            .name = "v", .summary = "s", .example = "fabrica v", .run = never, .opts = cases[i].rows
        };
        v.opts_size = cases[i].rows == order ? 32 : 8;
        fab_err err = FAB_ERR_INIT;
        CHECK(!fab_verb_check(&v, a, &err));
        CHECK_SAYS(err.text, cases[i].says);
    }
    fab_arena_free(a);
}

static void check_width(char *page, const char *name)
{
    for (char *line = page; *line;) {
        size_t n = strcspn(line, "\n");
        bool example = strncmp(line, "  fabrica ", 10) == 0; /* a command line is never broken */
        CHECK_MSG(example || fab_text_columns(line, n) <= 80, "%s: %.*s", name, (int)n, line);
        line += n + (line[n] == '\n');
    }
}

TEST(exact_fast_or_by_size)
{
    static const struct {
        fab_sampling s;
        fab_exactness how;
    } cases[] = { { { 0 }, FAB_EXACT_SMALL },
                  { { .exact = true }, FAB_EXACT },
                  { { .fast = true }, FAB_FAST } };
    fab_err err = FAB_ERR_INIT;
    fab_exactness how;
    for (int i = 0; i < 3; i++)
        CHECK(fab_sampling_exact(&cases[i].s, &how, &err) && how == cases[i].how);
    CHECK(!fab_sampling_exact(&(fab_sampling){ .exact = true, .fast = true }, &how, &err));
    CHECK_SAYS(err.text, "--exact and --fast: one of them");
}

TEST(help_fits_80_columns)
{
    static char page[1 << 16];
    for (const fab_verb *const *v = fab_verbs; *v; v++) {
        FILE *f = fmemopen(page, sizeof page - 1, "w");
        fab_help_verb(f, *v);
        long n = ftell(f);
        fclose(f);
        page[n > 0 ? n : 0] = 0;
        CHECK(strstr(page, "example\n  fabrica "));
        check_width(page, (*v)->name);
    }
    FILE *f = fmemopen(page, sizeof page - 1, "w");
    fab_help_list(f);
    fclose(f);
    check_width(page, "list");
    CHECK(fab_text_columns("肺a", 4) == 3);
}

TEST_MAIN
