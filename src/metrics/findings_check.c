/* The labeller against hand-labelled sentences. See findings_check.h. */
#include "metrics/findings_check.h"

#include <math.h>
#include <string.h>

enum { LINE = 4096, LABELS = 64 };

static const char signs[] = "-?+"; /* in the order of fab_status */
static const char sides[] = " LRB";

typedef struct {
    uint8_t observation, status, side;
} label;

typedef struct {
    label items[LABELS];
    int n;
} label_set;

double fab_hits_f1(const fab_hits *h)
{
    int64_t n = 2 * h->hit + h->missed + h->extra;
    return n ? 2.0 * (double)h->hit / (double)n : NAN;
}

static void put(label_set *s, label one)
{
    for (int i = 0; i < s->n; i++)
        if (!memcmp(&s->items[i], &one, sizeof one)) return;
    if (s->n < LABELS) s->items[s->n++] = one;
}

static bool read_label(const char *word, label_set *out, fab_err *err)
{
    char name[64];
    const char *sign = *word ? strchr(signs, *word) : NULL, *slash = strchr(word, '/');
    size_t n = slash ? (size_t)(slash - word) : strlen(word);
    const char *side = slash && slash[1] && !slash[2] ? strchr(sides, slash[1])
                       : slash                        ? NULL
                                                      : sides;
    if (!sign || !side || n < 2 || n > sizeof name)
        return fab_fail(err, FAB_EFORMAT, "label '%s' is not [+-?]observation[/LRB]", word);
    memcpy(name, word + 1, n - 1);
    name[n - 1] = 0;
    int observation = fab_observation_find(name);
    if (observation < 0) return fab_fail(err, FAB_EFORMAT, "no observation is called '%s'", name);
    put(out, (label){ (uint8_t)observation, (uint8_t)(sign - signs), (uint8_t)(side - sides) });
    return true;
}

static bool read_labels(char *words, label_set *out, fab_err *err)
{
    out->n = 0;
    if (!strcmp(words, "none")) return true;
    for (char *w = words; *w;) {
        size_t n = strcspn(w, " ");
        bool more = w[n] != 0;
        w[n] = 0;
        if (!read_label(w, out, err)) return false;
        w += n + more;
    }
    return true;
}

static bool find_labels(const fab_labeller *l, const char *text, label_set *out, fab_err *err)
{
    fab_mentions m = { 0 };
    bool ok = fab_labeller_read(l, text, strlen(text), &m, err);
    out->n = 0;
    for (size_t i = 0; ok && i < m.n; i++)
        if (m.items[i].section != FAB_SECTION_BACKGROUND)
            put(out, (label){ m.items[i].observation, m.items[i].status, m.items[i].side });
    fab_mentions_clear(&m);
    return ok;
}

/* Pairs up labels equal in the first `parts` of observation, status, side; those of a that find
 * none stay in left_a. */
static int pair_up(const label_set *a, const label_set *b, int parts, bool left_a[LABELS],
                   bool left_b[LABELS])
{
    int hits = 0;
    for (int i = 0; i < a->n; i++) left_a[i] = true;
    for (int j = 0; j < b->n; j++) left_b[j] = true;
    for (int i = 0; i < a->n; i++)
        for (int j = 0; left_a[i] && j < b->n; j++)
            if (left_b[j] && !memcmp(&a->items[i], &b->items[j], (size_t)parts)) {
                left_a[i] = left_b[j] = false;
                hits++;
            }
    return hits;
}

static void count(const label_set *want, const label_set *got, int parts, fab_hits *h,
                  fab_hits *by_observation)
{
    bool missed[LABELS], extra[LABELS];
    int hits = pair_up(want, got, parts, missed, extra);
    h->hit += hits;
    h->missed += want->n - hits;
    h->extra += got->n - hits;
    for (int i = 0; by_observation && i < want->n; i++)
        if (missed[i]) by_observation[want->items[i].observation].missed++;
        else by_observation[want->items[i].observation].hit++;
    for (int j = 0; by_observation && j < got->n; j++)
        by_observation[got->items[j].observation].extra += extra[j];
}

/* Statuses of mentions of one observation: equal ones first, then what is left by order. */
static void confuse(const label_set *want, const label_set *got, fab_findings_score *s)
{
    bool a[LABELS], b[LABELS];
    pair_up(want, got, 2, a, b);
    for (int i = 0; i < want->n; i++) {
        int w = want->items[i].status;
        if (!a[i]) s->confusion[w][w]++;
        for (int j = 0; a[i] && j < got->n; j++)
            if (b[j] && got->items[j].observation == want->items[i].observation) {
                s->confusion[w][got->items[j].status]++;
                a[i] = b[j] = false;
            }
    }
}

static void write_labels(const label_set *s, char *out, size_t size)
{
    size_t at = 0;
    out[0] = 0;
    for (int i = 0; i < s->n && at + 80 < size; i++) {
        const label *x = &s->items[i];
        at += (size_t)snprintf(out + at, size - at, "%s%c%s", i ? " " : "", signs[x->status],
                               fab_observation_names[x->observation]);
        if (x->side) at += (size_t)snprintf(out + at, size - at, "/%c", sides[x->side]);
    }
    if (!s->n) snprintf(out, size, "none");
}

typedef struct {
    const fab_labeller *labeller;
    const char *lang;
    fab_findings_differ differ;
    void *arg;
    fab_findings_score *out;
} checker;

static bool check_line(const checker *c, char *line, int64_t number, fab_err *err)
{
    char *text = strchr(line, '\t'), *labels = text ? strchr(text + 1, '\t') : NULL;
    label_set want, got;
    if (!labels) return fab_fail(err, FAB_EFORMAT, "not three fields between tabs");
    *text++ = 0;
    *labels++ = 0;
    if (c->lang && strcmp(line, c->lang)) return true;
    if (!read_labels(labels, &want, err) || !find_labels(c->labeller, text, &got, err))
        return false;
    fab_findings_score *s = c->out;
    bool a[LABELS], b[LABELS];
    bool exact = want.n == got.n && pair_up(&want, &got, 3, a, b) == want.n;
    s->sentences++;
    s->exact += exact;
    count(&want, &got, 1, &s->mention, NULL);
    count(&want, &got, 2, &s->status, s->by_observation);
    count(&want, &got, 3, &s->side, NULL);
    confuse(&want, &got, s);
    if (!exact && c->differ) {
        char wanted[LINE], found[LINE];
        write_labels(&want, wanted, sizeof wanted);
        write_labels(&got, found, sizeof found);
        c->differ(c->arg, number, text, wanted, found);
    }
    return true;
}

bool fab_findings_check(const fab_labeller *l, const char *path, const char *lang,
                        fab_findings_differ differ, void *arg, fab_findings_score *out,
                        fab_err *err)
{
    fab_file f = { 0 };
    const checker c = { l, lang, differ, arg, out };
    *out = (fab_findings_score){ 0 };
    if (!fab_file_map(&f, path, 0, err)) return false;
    bool ok = true;
    int64_t number = 0;
    for (size_t at = 0; ok && at < f.size;) {
        char line[LINE];
        const uint8_t *end = memchr(f.data + at, '\n', f.size - at);
        size_t n = end ? (size_t)(end - f.data) - at : f.size - at;
        number++;
        if (n && n < LINE) {
            memcpy(line, f.data + at, n);
            line[n] = 0;
            ok = check_line(&c, line, number, err);
        } else if (n) ok = fab_fail(err, FAB_ELIMIT, "%zu bytes; %d at most", n, LINE - 1);
        if (!ok) fab_while(err, "%s line %lld", path, (long long)number);
        at += n + 1;
    }
    if (ok && !out->sentences)
        ok = fab_fail(err, FAB_EFORMAT, "%s: no sentence%s%s", path, lang ? " in " : "",
                      lang ? lang : "");
    fab_file_unmap(&f);
    return ok;
}

static json_t *hits_json(const fab_hits *h)
{
    double f = fab_hits_f1(h);
    return json_pack("{s:I,s:I,s:I,s:o}", "hit", (json_int_t)h->hit, "missed",
                     (json_int_t)h->missed, "extra", (json_int_t)h->extra, "f1",
                     isnan(f) ? json_null() : json_real(f));
}

json_t *fab_findings_score_json(const fab_findings_score *s)
{
    json_t *by = json_object(), *confusion = json_object();
    for (int i = 0; i < FAB_OBSERVATIONS; i++) {
        const fab_hits *h = &s->by_observation[i];
        if (h->hit + h->missed + h->extra)
            json_object_set_new(by, fab_observation_names[i], hits_json(h));
    }
    for (int w = 0; w < FAB_STATUSES; w++) {
        json_t *row = json_object();
        for (int g = 0; g < FAB_STATUSES; g++)
            json_object_set_new(row, fab_status_names[g], json_integer(s->confusion[w][g]));
        json_object_set_new(confusion, fab_status_names[w], row);
    }
    return json_pack("{s:I,s:I,s:o,s:o,s:o,s:o,s:o}", "n", (json_int_t)s->sentences, "exact",
                     (json_int_t)s->exact, "mention", hits_json(&s->mention), "status",
                     hits_json(&s->status), "status_and_side", hits_json(&s->side), "observations",
                     by, "confusion", confusion);
}
