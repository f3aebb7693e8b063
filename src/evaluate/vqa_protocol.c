/* vqa_protocol: see vqa_protocol.h. */
#include "evaluate/vqa_protocol.h"

#include <string.h>
#include "evaluate/vqa.h"
#include "text/utf8.h"

const char *const fab_vqa_protocol_names[FAB_VQA_PROTOCOLS] = { "exact", "llava-med", "slake",
                                                                "vqa-rad" };
const char *const fab_vqa_protocol_says[FAB_VQA_PROTOCOLS] = {
    "right when equal to the reference after trimming, lower-casing, stripping one final stop and "
    "taking runs of blanks for one",
    "open: recall of words, counted in the answer; closed: the answer says yes or no somewhere "
    "and holds the reference as a part (LLaVA-Med's own script)",
    "right when equal to the reference after the VQA v2 cleaning",
    "right when equal to the reference after the VQA v2 cleaning, commas dropped, x-ray as xray",
};

bool fab_vqa_protocol_find(const char *name, fab_vqa_protocol *out, fab_err *err)
{
    for (int i = 0; i < FAB_VQA_PROTOCOLS; i++)
        if (!strcmp(name, fab_vqa_protocol_names[i])) {
            *out = (fab_vqa_protocol)i;
            return true;
        }
    return fab_fail(err, FAB_EUSAGE, "no VQA protocol is called \"%.40s\"", name);
}

/* ---- cleaning -------------------------------------------------------------------------------- */

static const char marks[] = ";/[]\"{}()=+\\_->@<`,?!";

static const struct {
    const char *from, *to;
} twins[] = { { "，", "," }, { "、", "," }, { "；", ";" }, { "。", "." },
              { "？", "?" }, { "！", "!" }, { "（", "(" }, { "）", ")" } },
  words[] = { { "none", "0" },
              { "zero", "0" },
              { "one", "1" },
              { "two", "2" },
              { "three", "3" },
              { "four", "4" },
              { "five", "5" },
              { "six", "6" },
              { "seven", "7" },
              { "eight", "8" },
              { "nine", "9" },
              { "ten", "10" },
              { "a", "" },
              { "an", "" },
              { "the", "" },
              { "aint", "ain't" },
              { "arent", "aren't" },
              { "cant", "can't" },
              { "couldnt", "couldn't" },
              { "didnt", "didn't" },
              { "doesnt", "doesn't" },
              { "dont", "don't" },
              { "hadnt", "hadn't" },
              { "hasnt", "hasn't" },
              { "havent", "haven't" },
              { "isnt", "isn't" },
              { "mightnt", "mightn't" },
              { "mustnt", "mustn't" },
              { "shouldnt", "shouldn't" },
              { "wasnt", "wasn't" },
              { "werent", "weren't" },
              { "wont", "won't" },
              { "wouldnt", "wouldn't" },
              { "im", "i'm" },
              { "ive", "i've" },
              { "hes", "he's" },
              { "shes", "she's" },
              { "thats", "that's" },
              { "theres", "there's" },
              { "theyre", "they're" },
              { "theyve", "they've" },
              { "whats", "what's" },
              { "wheres", "where's" },
              { "whos", "who's" },
              { "youre", "you're" },
              { "youve", "you've" } };

/* Chinese punctuation to ASCII; never longer than text. */
static char *ascii_marks(fab_arena *a, const char *text, fab_err *err)
{
    char *out = fab_arena_take(a, strlen(text) + 1, err), *w = out;
    while (out && *text) {
        size_t i = 0, n = sizeof twins / sizeof *twins;
        while (i < n && strncmp(text, twins[i].from, 3) != 0) i++;
        *w++ = i < n ? *twins[i].to : *text;
        text += i < n ? 3 : 1;
    }
    if (out) *w = 0;
    return out;
}

static bool digit(char c) { return c >= '0' && c <= '9'; }

static bool comma_in_number(const char *s)
{
    for (const char *p = s; (p = strchr(p, ',')); p++)
        if (p > s && digit(p[-1]) && digit(p[1])) return true;
    return false;
}

/* Whether mark c goes without a space: somewhere it stands beside one. */
static bool touches_space(const char *s, char c)
{
    for (const char *p = s; (p = strchr(p, c)); p++)
        if ((p > s && p[-1] == ' ') || p[1] == ' ') return true;
    return false;
}

static void drop_marks(char *s)
{
    bool gone[128] = { false }, number = comma_in_number(s);
    for (const char *m = marks; *m; m++) gone[(int)*m] = number || touches_space(s, *m);
    char *w = s;
    for (const char *p = s; *p; p++) {
        if (*p == '.' && !digit(p[1])) continue;
        if (!strchr(marks, *p)) *w++ = *p >= 'A' && *p <= 'Z' ? (char)(*p + 32) : *p;
        else if (!gone[(int)*p]) *w++ = ' ';
    }
    *w = 0;
}

static bool gap(char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }

/* The next word of *s: its start, *n bytes; NULL at the end. */
static const char *next_word(const char **s, size_t *n)
{
    while (gap(**s)) ++*s;
    const char *start = *s;
    while (**s && !gap(**s)) ++*s;
    *n = (size_t)(*s - start);
    return *n ? start : NULL;
}

char *fab_vqa_clean(fab_arena *a, const char *text, fab_err *err)
{
    char *s = ascii_marks(a, text, err);
    if (!s) return NULL;
    drop_marks(s);
    char *out = fab_arena_take(a, 2 * strlen(s) + 1, err), *w = out;
    const char *at = s, *word;
    size_t n;
    while (out && (word = next_word(&at, &n))) {
        for (size_t i = 0; i < sizeof words / sizeof *words; i++)
            if (strlen(words[i].from) == n && !memcmp(words[i].from, word, n)) {
                word = words[i].to;
                n = strlen(word);
                break;
            }
        if (!n) continue;
        if (w > out) *w++ = ' ';
        memcpy(w, word, n);
        w += n;
    }
    if (out) *w = 0;
    return out;
}

/* VQA-RAD's habit: no commas, "x ray" in one word. In place. */
static void rad_style(char *s)
{
    char *w = s;
    for (const char *p = s; *p; p++) {
        if (*p == ',' || (*p == ' ' && p > s && p[-1] == 'x' && !strncmp(p + 1, "ray", 3)))
            continue;
        *w++ = *p;
    }
    *w = 0;
}

/* ---- LLaVA-Med ------------------------------------------------------------------------------- */

typedef struct {
    const char *at;
    size_t n;
} word;

/* Words of a cleaned text; every Chinese character is one. list has room for a word a byte. */
static size_t split(const char *s, word *list)
{
    size_t count = 0, n;
    const char *start;
    while ((start = next_word(&s, &n))) {
        size_t from = 0;
        for (size_t i = 0; i < n;) {
            uint32_t cp = 0;
            int len = fab_utf8_next(start + i, n - i, &cp);
            size_t step = len > 0 ? (size_t)len : 1;
            if (len > 0 && fab_char_class_of(cp) == FAB_CHAR_HAN) {
                if (i > from) list[count++] = (word){ start + from, i - from };
                list[count++] = (word){ start + i, step };
                from = i + step;
            }
            i += step;
        }
        if (n > from) list[count++] = (word){ start + from, n - from };
    }
    return count;
}

static bool among(const word *w, const word *list, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (list[i].n == w->n && !memcmp(list[i].at, w->at, w->n)) return true;
    return false;
}

static bool word_recall(const char *answer, const char *reference, fab_arena *a, double *points,
                        fab_err *err)
{
    word *said = fab_arena_take(a, (strlen(answer) + 1) * sizeof *said, err);
    word *meant = fab_arena_take(a, (strlen(reference) + 1) * sizeof *meant, err);
    if (!said || !meant) return false;
    size_t n = split(answer, said), m = split(reference, meant), hit = 0, missed = 0;
    for (size_t i = 0; i < n; i++) hit += among(&said[i], meant, m);
    for (size_t i = 0; i < m; i++) missed += !among(&meant[i], said, n);
    *points = hit + missed ? (double)hit / (double)(hit + missed) : 0;
    return true;
}

static double closed_contains(const fab_qa *q, const char *answer, const char *reference)
{
    bool says = q->lang == FAB_ZH || strstr(answer, "yes") || strstr(answer, "no");
    return says && strstr(answer, reference) ? 1 : 0;
}

/* ---- one record ------------------------------------------------------------------------------ */

static bool cleaned_points(fab_vqa_protocol p, const fab_qa *q, const char *answer, fab_arena *a,
                           double *points, fab_err *err)
{
    char *said = fab_vqa_clean(a, answer, err), *meant = fab_vqa_clean(a, q->answer, err);
    if (!said || !meant) return false;
    if (p == FAB_VQA_LLAVA_MED && !q->closed) return word_recall(said, meant, a, points, err);
    if (p == FAB_VQA_RAD) rad_style(said), rad_style(meant);
    *points = p == FAB_VQA_LLAVA_MED ? closed_contains(q, said, meant) : !strcmp(said, meant);
    return true;
}

bool fab_vqa_points(fab_vqa_protocol p, const fab_qa *q, const char *answer, fab_arena *scratch,
                    double *points, fab_err *err)
{
    *points = 0;
    if (!answer) return true;
    if (p == FAB_VQA_EXACT) {
        *points = fab_vqa_match(answer, q->answer);
        return true;
    }
    fab_arena_mark mark = fab_arena_save(scratch);
    bool ok = cleaned_points(p, q, answer, scratch, points, err);
    fab_arena_release(scratch, mark);
    return ok;
}
