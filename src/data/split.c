/* split: who is held out. See split.h. The hash is SHA-1 so that it is the same for ever. */
#include "data/split.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/file.h"
#include "base/hash.h"

static int nibble(char c) { return c <= '9' ? c - '0' : c - 'a' + 10; }

bool fab_split_hash(const char *salt, const char *group, double fraction)
{
    char text[512], hex[41];
    int n = snprintf(text, sizeof text, "%s/%s", salt, group);
    if (n >= (int)sizeof text) n = (int)sizeof text - 1;
    fab_sha1_hex(text, (size_t)n, hex);
    double u = 0, step = 1;
    for (int i = 0; i < 12; i++) u += nibble(hex[i]) * (step /= 16);
    return u < fraction;
}

bool fab_split_val(fab_set set, const char *group)
{
    switch (set) {
    case FAB_SET_VQA_RAD: return fab_split_hash("vqa_rad", group, 0.12);
    case FAB_SET_ISIC: return fab_split_hash("isic2017", group, 0.15);
    case FAB_SET_KERMANY: return fab_split_hash("kermany_cxr", group, 0.15);
    default: return false; /* these have val files */
    }
}

bool fab_split_rad(fab_rad_run *run, const char *id, const char *image)
{
    const char *dash = strrchr(id, '-');
    char *end = NULL;
    int64_t number = dash ? strtoll(dash + 1, &end, 10) : 0;
    bool numbered = dash && end > dash + 1 && !*end,
         goes_on = numbered && number == run->number + 1 && !strcmp(run->image, image);
    if (!goes_on)
        run->held = fab_split_val(FAB_SET_VQA_RAD, image) && fab_split_hash("vqa_rad run", id, 0.5);
    run->number = numbered ? number : INT64_MIN;
    snprintf(run->image, sizeof run->image, "%s", image);
    return run->held;
}

bool fab_split_vqa_rad(const fab_qa_set *all, fab_qa_set *train, fab_qa_set *val, fab_err *err)
{
    fab_rad_run run = { 0 };
    for (int64_t i = 0; i < all->n; i++) {
        const fab_qa *q = &all->items[i];
        const char *image = q->image < 0 ? "" : fab_path_base(all->images->paths[q->image]);
        if (!fab_qa_add(fab_split_rad(&run, q->id, image) ? val : train, q, err)) return false;
    }
    return true;
}

/* ---- frames ---- */

enum { STEM = 6, LONG_WORD = 4 };

/* The next word of at least LONG_WORD letters at or behind s; its length, 0 at the end. */
static size_t long_word(const char **s)
{
    for (;; *s += 1) {
        size_t n = 0;
        while (isalnum((unsigned char)(*s)[n])) n++;
        if (n >= LONG_WORD) return n;
        *s += n;
        if (!**s) return 0;
    }
}

/* Some word of text begins as `word` does, up to STEM letters. */
static bool says(const char *text, const char *word, size_t n)
{
    size_t stem = n < STEM ? n : STEM, m;
    for (; (m = long_word(&text)); text += m)
        if ((m < STEM ? m : STEM) == stem && !strncasecmp(text, word, stem)) return true;
    return false;
}

static bool words_anew(const fab_qa *frame, const fab_qa *q)
{
    if (q->image != frame->image || strcasecmp(q->answer, frame->answer)) return false;
    int words = 0, shared = 0;
    size_t n;
    for (const char *s = frame->question; (n = long_word(&s)); s += n) {
        if (!strncasecmp(s, "there", 5) || !strncasecmp(s, "patient", 7)) continue;
        words++;
        shared += says(q->question, s, n);
    }
    return words && 2 * shared >= words;
}

static bool any_anew(const fab_qa *frame, const fab_qa_set *s)
{
    for (int64_t i = 0; i < s->n; i++)
        if (words_anew(frame, &s->items[i])) return true;
    return false;
}

bool fab_split_frame(const fab_qa *frame, const fab_qa_set *train, const fab_qa_set *val)
{
    return any_anew(frame, train) && !any_anew(frame, val);
}
