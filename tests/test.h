/* test: the harness of tests/test_*.c. A file is
 *
 *     #include "test.h"
 *     TEST(adds_up) { CHECK(1 + 1 == 2); CHECK_STR(name, "a"); }
 *     TEST(needs_data) { if (!there) SKIP("no shared data"); }
 *     TEST_MAIN
 *
 * One line per test on stdout: "ok NAME", "FAILED NAME: file:line: words" or "skip NAME: why"; then
 * the line "N passed, N failed". The exit code is 1 when something failed. Arguments are names:
 * only tests that contain one of them run. A failed CHECK ends its test.
 */
#ifndef FAB_TEST_H
#define FAB_TEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct test_case {
    const char *name;
    void (*run)(void);
    struct test_case *next;
} test_case;

static test_case *test_first, **test_last = &test_first;
static jmp_buf test_end;
static char test_words[1024];
static int test_outcome; /* 0 passed, 1 failed, 2 skipped */

static inline void test_stop(int outcome, const char *file, int line, const char *fmt, ...)
    __attribute__((noreturn, format(printf, 4, 5)));
static inline void test_stop(int outcome, const char *file, int line, const char *fmt, ...)
{
    int n = outcome == 1 ? snprintf(test_words, sizeof test_words, "%s:%d: ", file, line) : 0;
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(test_words + n, sizeof test_words - (size_t)n, fmt, ap);
    va_end(ap);
    test_outcome = outcome;
    longjmp(test_end, 1);
}

#define TEST(name_)                                                                                \
    static void test_##name_(void);                                                                \
    static test_case test_case_##name_ = { #name_, test_##name_, NULL };                           \
    __attribute__((constructor)) static void test_add_##name_(void)                                \
    {                                                                                              \
        *test_last = &test_case_##name_;                                                           \
        test_last = &test_case_##name_.next;                                                       \
    }                                                                                              \
    static void test_##name_(void)

#define CHECK(cond)                                                                                \
    do {                                                                                           \
        if (!(cond)) test_stop(1, __FILE__, __LINE__, "%s", #cond);                                \
    } while (0)
#define CHECK_MSG(cond, ...)                                                                       \
    do {                                                                                           \
        if (!(cond)) test_stop(1, __FILE__, __LINE__, __VA_ARGS__);                                \
    } while (0)
#define CHECK_STR(a, b)                                                                            \
    do {                                                                                           \
        const char *a_ = (a), *b_ = (b);                                                           \
        if (!a_ || !b_ || strcmp(a_, b_) != 0)                                                     \
            test_stop(1, __FILE__, __LINE__, "'%s' is not '%s'", a_ ? a_ : "(null)",               \
                      b_ ? b_ : "(null)");                                                         \
    } while (0)
/* The text contains the words: for error messages. */
#define CHECK_SAYS(text, words)                                                                    \
    do {                                                                                           \
        const char *a_ = (text), *b_ = (words);                                                    \
        if (!a_ || !strstr(a_, b_))                                                                \
            test_stop(1, __FILE__, __LINE__, "'%s' does not say '%s'", a_ ? a_ : "(null)", b_);    \
    } while (0)
#define CHECK_NEAR(a, b, tol)                                                                      \
    do {                                                                                           \
        double a_ = (a), b_ = (b), t_ = (tol), d_ = a_ > b_ ? a_ - b_ : b_ - a_;                   \
        if (!(d_ <= t_))                                                                           \
            test_stop(1, __FILE__, __LINE__, "%s = %.9g, wanted %.9g within %.3g", #a, a_, b_,     \
                      t_);                                                                         \
    } while (0)
#define SKIP(...) test_stop(2, __FILE__, __LINE__, __VA_ARGS__)

/* n; `few` in a build with AddressSanitizer, where a published model's step takes some fifty times
 * as long: the rows of a table that cost too much there. */
#if defined(__SANITIZE_ADDRESS__)
#define TEST_FEWER(n, few) (few)
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define TEST_FEWER(n, few) (few)
#endif
#endif
#ifndef TEST_FEWER
#define TEST_FEWER(n, few) (n)
#endif

/* The folder of shared data, or NULL: $FABRICA_SHARED, else ../shared seen from the source root. */
static inline const char *test_shared(void)
{
    const char *s = getenv("FABRICA_SHARED");
    if (s && *s) return s;
    FILE *f = fopen("../shared/data/README.md", "r");
    if (!f) return NULL;
    fclose(f);
    return "../shared";
}

static inline bool test_wanted(const char *name, int argc, char **argv)
{
    for (int i = 1; i < argc; i++)
        if (strstr(name, argv[i])) return true;
    return argc < 2;
}

static inline void test_one(const test_case *t)
{
    test_outcome = 0;
    if (setjmp(test_end) == 0) t->run();
}

static inline int test_all(int argc, char **argv)
{
    int passed = 0, failed = 0;
    for (test_case *t = test_first; t; t = t->next) {
        if (!test_wanted(t->name, argc, argv)) continue;
        test_one(t);
        if (test_outcome == 0) printf("ok %s\n", t->name);
        else if (test_outcome == 1) printf("FAILED %s: %s\n", t->name, test_words);
        else printf("skip %s: %s\n", t->name, test_words);
        fflush(stdout);
        passed += test_outcome == 0;
        failed += test_outcome == 1;
    }
    printf("%d passed, %d failed\n", passed, failed);
    return failed != 0;
}

#define TEST_MAIN                                                                                  \
    int main(int argc, char **argv) { return test_all(argc, argv); }

#endif
