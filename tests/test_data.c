/* Records, splits, facts, targets, views, store and generator of src/data. */
#include <math.h>

#include "data/augment.h"
#include "data/bundle.h"
#include "data/cell_labels.h"
#include "data/prompts.h"
#include "data/protocol.h"
#include "data/split.h"
#include "data/store.h"
#include "media/png_write.h"
#include "place.h"

/* ---- records ---- */

static bool parse(const char *text, size_t n, fab_path_list *images, fab_qa_set *s, fab_err *err)
{
    return fab_paths_init(images, err) && fab_qa_init(s, images, err) &&
           fab_qa_parse(s, text, n, "x.jsonl", "pics", err);
}

TEST(record_fields)
{
    static const char text[] =
        "{\"id\":\"a\",\"image\":\"1.jpg\",\"question\":\"Which lung is "
        "ill?\",\"answer\":\"Left\",\"answer_type\":\"OPEN\","
        "\"lang\":\"en\",\"source\":\"S\",\"content_type\":\"Organ\",\"organ\":\"Lung\","
        "\"modality\":\"CT\"}\n\n"
        "{\"id\":7,\"image\":\"1.jpg\",\"question\":\"图片中包含肝脏吗?\",\"answer\":\"不包含\"}\n"
        "{\"question\":\"Is it big?\",\"answer\":[\"Yes\",2],\"image\":null,\"weight\":0.5}\n"
        "{\"question\":\"CT or MRI?\",\"answer\":\"CT\",\"image\":\"/abs/2.jpg\"}";
    fab_err err = FAB_ERR_INIT;
    fab_path_list images;
    fab_qa_set s;
    CHECK_MSG(parse(text, sizeof text - 1, &images, &s, &err), "%s", err.text);
    CHECK(s.n == 4 && images.n == 2);
    CHECK_STR(images.paths[0], "pics/1.jpg");
    CHECK_STR(images.paths[1], "/abs/2.jpg");
    CHECK(s.items[0].image == 0 && s.items[1].image == 0 && s.items[2].image == -1);
    CHECK(!s.items[0].flip_ok && s.items[1].flip_ok && !s.items[0].closed && s.items[1].closed &&
          s.items[3].closed);
    CHECK(s.items[1].lang == FAB_ZH && s.items[2].lang == FAB_EN);
    CHECK_STR(s.items[1].id, "7");
    CHECK_STR(s.items[2].answer, "Yes, 2");
    CHECK_NEAR(s.items[2].weight, 0.5, 0);
    fab_qa_clear(&s);
    fab_paths_clear(&images);
}

static const struct {
    const char *name, *bytes;
    size_t size; /* 0: strlen */
    const char *says;
} bad[] = {
    { "empty", "", 0, "x.jsonl: no records" },
    { "blank", "\n\n  \n", 0, "x.jsonl" },
    { "not-json", "{\"question\"", 0, "line 1" },
    { "not-object", "[1]", 0, "an object expected, found a list" },
    { "no-question", "{\"answer\":\"a\"}", 0, "question: missing or empty" },
    { "blank-question", "{\"question\":\"  \",\"answer\":\"a\"}", 0, "question: missing or empty" },
    { "question-number", "{\"question\":3,\"answer\":\"a\"}", 0,
      "question: text expected, found an integer" },
    { "no-answer", "{\"question\":\"q\",\"answer\":\"a\"}\n{\"question\":\"q\"}", 0,
      "line 2: answer: missing" },
    { "answer-object", "{\"question\":\"q\",\"answer\":{}}", 0,
      "answer: text expected, found an object" },
    { "answer-nested", "{\"question\":\"q\",\"answer\":[[1]]}", 0,
      "answer: text expected, found a list" },
    { "lang", "{\"question\":\"q\",\"answer\":\"a\",\"lang\":\"fr\"}", 0,
      "lang: \"fr\", known are en and zh" },
    { "type", "{\"question\":\"q\",\"answer\":\"a\",\"answer_type\":\"X\"}", 0,
      "answer_type: \"X\"" },
    { "image-number", "{\"question\":\"q\",\"answer\":\"a\",\"image\":1}", 0,
      "image: text expected" },
    { "weight", "{\"question\":\"q\",\"answer\":\"a\",\"weight\":-1}", 0,
      "weight: -1 is not in 0..1e6" },
    { "weight-text", "{\"question\":\"q\",\"answer\":\"a\",\"weight\":\"1\"}", 0,
      "weight: a number expected, found text" },
    { "not-utf8", "{\"question\":\"\xff\xfe\",\"answer\":\"a\"}", 0, "line 1" },
    { "nul-byte", "{\"question\":\"a\0b\",\"answer\":\"a\"}", 31, "line 1" },
    { "nul-escape", "{\"question\":\"a\\u0000\",\"answer\":\"a\"}", 0, "line 1" },
    { "twice", "{\"question\":\"q\",\"question\":\"r\",\"answer\":\"a\"}", 0, "line 1" },
    { "deep",
      "[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[["
      "[[[[[[",
      0, "line 1" },
};

TEST(record_errors)
{
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        fab_err err = FAB_ERR_INIT;
        fab_path_list images;
        fab_qa_set s;
        bool ok = parse(bad[i].bytes, bad[i].size ? bad[i].size : strlen(bad[i].bytes), &images, &s,
                        &err);
        CHECK_MSG(!ok && strstr(err.text, bad[i].says), "%s: '%s' does not say '%s'", bad[i].name,
                  err.text, bad[i].says);
        CHECK_SAYS(err.text, "x.jsonl");
        fab_qa_clear(&s);
        fab_paths_clear(&images);
    }
}

TEST(record_missing_file)
{
    fab_err err = FAB_ERR_INIT;
    fab_path_list images;
    fab_qa_set s;
    CHECK(fab_paths_init(&images, &err) && fab_qa_init(&s, &images, &err));
    CHECK(!fab_qa_read(&s, "/nonexistent/q.jsonl", NULL, &err));
    CHECK_SAYS(err.text, "/nonexistent/q.jsonl");
    fab_qa_clear(&s);
    fab_paths_clear(&images);
}

TEST(record_out_of_memory)
{
    static const char text[] = "{\"image\":\"a\",\"question\":\"q\",\"answer\":[1,2]}\n{\"image\":"
                               "\"b\",\"question\":\"q\",\"answer\":\"2\"}";
    int64_t n = 0;
    for (bool struck = true; struck; n++) {
        fab_err err = FAB_ERR_INIT;
        fab_path_list images = { 0 };
        fab_qa_set s = { 0 };
        fab_oom_arm(n);
        bool ok = parse(text, sizeof text - 1, &images, &s, &err);
        struck = fab_oom_arm(-1);
        CHECK_MSG(ok == !struck, "allocation %d: ok %d", (int)n, ok);
        CHECK(!struck || err.code == FAB_ENOMEM);
        fab_qa_clear(&s);
        fab_paths_clear(&images);
    }
    CHECK(n > 5);
}

TEST(sides)
{
    CHECK(fab_asks_side("What is the rightmost organ?", FAB_EN) &&
          fab_asks_side("Left-sided", FAB_EN));
    CHECK(fab_asks_side("Which side is it?", FAB_EN) &&
          fab_asks_side("图中左肺显示什么颜色?", FAB_ZH));
    CHECK(!fab_asks_side("Is the copyright bright? A cleft, inside.", FAB_EN) &&
          !fab_asks_side("肝脏在哪?", FAB_ZH));
}

TEST(what_asks_openly)
{
    CHECK(fab_asks_openly("What is seen?") && fab_asks_openly(" in which lobe is it"));
    CHECK(fab_asks_openly("Describe the lesion") && fab_asks_openly("HOW was it taken"));
    CHECK(!fab_asks_openly("Is this what it is?") && !fab_asks_openly("Whatever is it?"));
    CHECK(!fab_asks_openly("") && !fab_asks_openly("图中有什么?") && !fab_asks_openly("in"));
    CHECK(fab_bare_yes_no("YES") && fab_bare_yes_no("no") && !fab_bare_yes_no("No fracture"));
}

/* ---- splits ---- */

TEST(split_is_stable)
{
    int held = 0;
    char name[32];
    for (int i = 0; i < 5000; i++) {
        snprintf(name, sizeof name, "image%d.jpg", i);
        held += fab_split_val(FAB_SET_VQA_RAD, name);
    }
    CHECK_MSG(held > 525 && held < 675, "%d of 5000 held out, 600 expected", held);
    CHECK(fab_split_hash("a", "b", 1) && !fab_split_hash("a", "b", 0));
    /* sha1("a/b") = 3ec69c85..., so u = 0.24522 */
    CHECK(!fab_split_hash("a", "b", 0.2451) && fab_split_hash("a", "b", 0.2453));
    CHECK(!fab_split_val(FAB_SET_SLAKE, "x"));
}

/* The picture's hash lets its questions be dealt at all; a run goes one way whole. */
TEST(vqa_rad_is_split_by_runs)
{
    char image[32] = "";
    for (int i = 0; !fab_split_val(FAB_SET_VQA_RAD, image); i++)
        snprintf(image, sizeof image, "image%d.jpg", i);
    fab_rad_run run = { 0 };
    int held = 0, runs = 0;
    bool before = false;
    for (int i = 0; i < 3000; i++) {
        char id[32];
        int number = i + i / 3; /* 0 1 2, 4 5 6, ... */
        snprintf(id, sizeof id, "vqarad-%d", number);
        bool now = fab_split_rad(&run, id, image);
        if (i % 3 == 0) runs++, held += now;
        else CHECK_MSG(now == before, "record %s left its run", id);
        before = now;
    }
    CHECK_MSG(held > 420 && held < 580, "%d of %d runs held out, half expected", held, runs);
    run = (fab_rad_run){ 0 };
    CHECK(!fab_split_rad(&run, "no number", "never.jpg") ||
          fab_split_val(FAB_SET_VQA_RAD, "never.jpg"));
}

TEST(frames_follow_their_question)
{
    fab_err err = FAB_ERR_INIT;
    fab_path_list images;
    fab_qa_set train, val;
    CHECK(fab_paths_init(&images, &err) && fab_qa_init(&train, &images, &err) &&
          fab_qa_init(&val, &images, &err));
    const fab_qa taught = { .question = "Is the spleen of normal size?", .answer = "Yes" },
                 asked = { .question = "Are nodules seen in the lung?", .answer = "No" };
    CHECK(fab_qa_add(&train, &taught, &err) && fab_qa_add(&val, &asked, &err));
    fab_qa frame = { .question = "Is/Are the spleen normal size?", .answer = "yes" };
    CHECK(fab_split_frame(&frame, &train, &val));
    frame.image = 1; /* of another picture */
    CHECK(!fab_split_frame(&frame, &train, &val));
    frame = (fab_qa){ .question = "Is/Are the spleen normal size?", .answer = "No" };
    CHECK(!fab_split_frame(&frame, &train, &val));
    frame = (fab_qa){ .question = "Is/Are the aorta calcified?", .answer = "Yes" };
    CHECK(!fab_split_frame(&frame, &train, &val)); /* of a question nobody knows here */
    frame = (fab_qa){ .question = "Is/Are there nodules in the patient's lung?", .answer = "No" };
    CHECK(!fab_split_frame(&frame, &train, &val));
    CHECK(fab_qa_add(&train, &asked, &err) && !fab_split_frame(&frame, &train, &val));
    fab_qa_clear(&train);
    fab_qa_clear(&val);
    fab_paths_clear(&images);
}

/* ---- labels and facts ---- */

TEST(label_table)
{
    for (int i = 0; i < FAB_LABELS; i++) {
        const fab_label *l = &fab_labels[i];
        CHECK_MSG(fab_label_find(l->code) == i && fab_label_find(l->en) == i,
                  "%s is found elsewhere", l->code);
        CHECK_MSG(fab_labels[l->mirror].mirror == i, "%s: mirror is not mutual", l->code);
        CHECK_MSG(!l->mask_value || fab_label_of_mask(l->mask_value) == i, "%s: mask value %d",
                  l->code, l->mask_value);
        CHECK(l->regions && l->zh[0] && l->noun_zh[0]);
    }
    CHECK(fab_label_of_mask(0) == -1 && fab_label_of_mask(33) == -1 && fab_label_find("cat") == -1);
    CHECK(fab_labels[fab_label_find("left_kidney")].mirror == fab_label_find("right_kidney"));
}

static fab_qa ask(fab_lang lang, const char *q, const char *a)
{
    return (fab_qa){ .question = q, .answer = a, .lang = lang };
}

TEST(fact_from_record)
{
    fab_err err = FAB_ERR_INIT;
    fab_arena *a = fab_arena_new(0, &err);
    fab_fact f;
    fab_qa q = ask(FAB_ZH, "图片中包含肝脏吗?", "不包含");
    CHECK(fab_fact_parse(&q, a, &f) && f.kind == FAB_FACT_CONTAINS && f.yes == 0);
    CHECK_STR(fab_nouns[f.noun].en, "liver");
    q = ask(FAB_EN, "Does this image look normal?", "No");
    CHECK(fab_fact_parse(&q, a, &f) && f.kind == FAB_FACT_ABNORMAL && f.yes == 1);
    q = ask(FAB_EN, "What is the largest organ in the picture?", "Small Bowel");
    CHECK(fab_fact_parse(&q, a, &f) && f.kind == FAB_FACT_LARGEST);
    CHECK_STR(f.value[FAB_ZH], "小肠");
    q = ask(FAB_EN, "What diseases are included in the picture?", "Brain Edema, Nonsense");
    CHECK(fab_fact_parse(&q, a, &f) && !f.value[FAB_ZH]);
    q = ask(FAB_EN, "Does the picture contain liver?", "maybe");
    CHECK(!fab_fact_parse(&q, a, &f));
    q = ask(FAB_EN, "What is the meaning of life?", "42");
    CHECK(!fab_fact_parse(&q, a, &f));
    CHECK_STR(fab_translate("脑水肿,肝癌", FAB_ZH, a), "Brain Edema, Liver Cancer");
    CHECK_STR(fab_translate("Upper Left Lung", FAB_EN, a), "左上肺");
    CHECK_STR(fab_translate("12", FAB_EN, a), "12");
    fab_arena_free(a);
}

static const char *suitable(fab_fact_kind kind)
{
    switch (kind) {
    case FAB_FACT_IS_MODALITY: return "CT";
    case FAB_FACT_IS_PLANE: return "coronal plane";
    case FAB_FACT_STUDY_OF: return "neck";
    case FAB_FACT_HAS_SYSTEM: return "nervous system";
    case FAB_FACT_CAN: return "digesting food";
    default: return "liver";
    }
}

/* Every wording of a yes-no fact reads back as the same fact. */
TEST(fact_round_trip)
{
    fab_err err = FAB_ERR_INIT;
    fab_arena *a = fab_arena_new(0, &err);
    int tried = 0;
    for (int t = 0; t < fab_template_count; t++) {
        for (int yes = 0; yes < 2 && fab_templates[t].yes; yes++) {
            const char *noun = suitable(fab_templates[t].kind);
            bool hole = strstr(fab_templates[t].text, "{}") != NULL;
            fab_fact f = { .kind = fab_templates[t].kind,
                           .noun = hole ? fab_noun_find(noun) : -1,
                           .yes = yes },
                     back;
            const char *q, *answer;
            CHECK(fab_fact_word(&f, &fab_templates[t], a, &q, &answer, &err));
            if (!q) continue; /* "an liver" */
            fab_qa record = ask(fab_templates[t].lang, q, answer);
            CHECK_MSG(fab_fact_parse(&record, a, &back), "'%s' -> '%s' is not understood", q,
                      answer);
            CHECK_MSG(back.kind == f.kind && back.noun == f.noun && back.yes == f.yes,
                      "'%s' -> '%s' reads as another fact", q, answer);
            tried++;
        }
    }
    CHECK(tried > 100);
    fab_arena_free(a);
}

static int said(const fab_case *c, fab_fact_kind kind, const char *noun)
{
    for (int i = 0; i < c->n_facts; i++)
        if (c->facts[i].kind == kind && c->facts[i].noun == fab_noun_find(noun))
            return c->facts[i].yes;
    return -2;
}

TEST(knowledge_follows_organs)
{
    fab_err err = FAB_ERR_INIT;
    fab_case_list list;
    fab_case c = { .id = "x" };
    CHECK(fab_cases_init(&list, &err));
    memset(c.presence, -1, sizeof c.presence);
    c.presence[fab_label_find("liver")] = 1;
    c.presence[fab_label_find("heart")] = 0;
    c.presence[fab_label_find("left_eye")] = 0;
    CHECK_MSG(fab_case_knowledge(&list, &c, &err), "%s", err.text);
    CHECK(said(&c, FAB_FACT_HAS_SYSTEM, "digestive system") == 1);
    CHECK(said(&c, FAB_FACT_HAS_SYSTEM, "circulatory system") == 0);
    CHECK(said(&c, FAB_FACT_HAS_SYSTEM, "nervous system") == -2); /* not known */
    CHECK(said(&c, FAB_FACT_CAN, "detoxicating") == 1 && said(&c, FAB_FACT_CAN, "detoxicate") == 1);
    CHECK(said(&c, FAB_FACT_CAN, "sensing light") == -2);       /* the other eye is not known */
    CHECK(said(&c, FAB_FACT_SYSTEM, "digestive system") == -2); /* the stomach is not known */
    fab_free(c.facts);
    fab_cases_clear(&list);
}

/* ---- views and targets ---- */

TEST(view_without_options_is_the_picture)
{
    enum { S = 24 };
    static uint8_t rgb[S * S * 3];
    static float a[S * S * 3], b[S * S * 3];
    fab_rng r;
    fab_warp w;
    fab_augment_opts none = FAB_AUGMENT_NONE;
    fab_rng_init(&r, 5);
    for (size_t i = 0; i < sizeof rgb; i++) rgb[i] = (uint8_t)fab_rng_below(&r, 256);
    fab_augment(&r, &none, rgb, S, S, a, &w);
    fab_to_float(rgb, S, b);
    for (int i = 0; i < S * S * 3; i++)
        CHECK_MSG(fabsf(a[i] - b[i]) < 2e-5f, "place %d: %g, not %g", i, (double)a[i],
                  (double)b[i]);
    CHECK(!w.mirrored && b[0] >= -1 && b[0] <= 1);
}

/* Red is x, green is y: every place of the view tells where it came from, and the warp must
 * agree. */
TEST(view_follows_its_warp)
{
    enum { S = 64 };
    static uint8_t rgb[S * S * 3];
    static float out[S * S * 3];
    fab_rng r;
    for (int y = 0; y < S; y++)
        for (int x = 0; x < S; x++)
            rgb[(y * S + x) * 3] = (uint8_t)(x * 4), rgb[(y * S + x) * 3 + 1] = (uint8_t)(y * 4);
    fab_augment_opts o = { .scale_min = 0.6f,
                           .scale_max = 0.9f,
                           .aspect = 0.2f,
                           .rotate_deg = 20,
                           .flip = 0.5f,
                           .flip_vertical = 0.5f,
                           .quarter_turns = true };
    fab_rng_init(&r, 9);
    int mirrored = 0;
    for (int n = 0; n < 40; n++) {
        fab_warp w;
        fab_augment(&r, &o, rgb, S, S, out, &w);
        mirrored += w.mirrored;
        CHECK((w.m[0] * w.m[4] - w.m[1] * w.m[3] < 0) == w.mirrored);
        for (int y = 4; y < S; y += 11)
            for (int x = 4; x < S; x += 11) {
                float px = (x + 0.5f) / S, py = (y + 0.5f) / S;
                float u = w.m[0] * px + w.m[1] * py + w.m[2],
                      v = w.m[3] * px + w.m[4] * py + w.m[5];
                if (u < 0.05f || v < 0.05f || u > 0.95f || v > 0.95f) continue;
                float red = (out[(y * S + x) * 3] + 1) / 2 * 255,
                      green = (out[(y * S + x) * 3 + 1] + 1) / 2 * 255;
                CHECK_NEAR(red, (u * S - 0.5f) * 4, 0.1);
                CHECK_NEAR(green, (v * S - 0.5f) * 4, 0.1);
            }
    }
    CHECK(mirrored > 8 && mirrored < 32);
}

TEST(view_is_reproducible_and_bounded)
{
    enum { S = 32 };
    static uint8_t rgb[S * S * 3];
    static float a[S * S * 3], b[S * S * 3];
    fab_rng r, again;
    fab_augment_opts o = FAB_AUGMENT_DEFAULTS;
    o.blur = o.cutout = 1;
    fab_rng_init(&r, 1);
    for (size_t i = 0; i < sizeof rgb; i++) rgb[i] = (uint8_t)(i * 37);
    again = r;
    fab_augment(&r, &o, rgb, S, S, a, NULL);
    fab_augment(&again, &o, rgb, S, S, b, NULL);
    CHECK(!memcmp(a, b, sizeof a));
    fab_augment(&r, &o, rgb, S, S, b, NULL);
    CHECK(memcmp(a, b, sizeof a));
    for (int i = 0; i < S * S * 3; i++) CHECK(a[i] >= -1 && a[i] <= 1);
}

static float at(const float *t, int G, int row, int col, const char *code)
{
    return t[(row * G + col) * FAB_LABELS_SPATIAL + fab_label_find(code)];
}

TEST(dense_boxes)
{
    enum { G = 4 };
    static float t[G * G * FAB_LABELS_SPATIAL];
    int kidney = fab_label_find("left_kidney");
    fab_box box = { kidney, 0, 0, 0.375f, 0.25f };
    fab_case c = { .boxes = &box,
                   .n_boxes = 1,
                   .dense_known = (uint64_t)1 << kidney | (uint64_t)1 << fab_label_find("liver") };
    fab_dense_target(&c, NULL, G, t);
    CHECK_NEAR(at(t, G, 0, 0, "left_kidney"), 1, 1e-6);
    CHECK_NEAR(at(t, G, 0, 1, "left_kidney"), 0.5, 1e-6);
    CHECK_NEAR(at(t, G, 0, 2, "left_kidney"), 0, 0);
    CHECK_NEAR(at(t, G, 1, 0, "left_kidney"), 0, 0);
    CHECK_NEAR(at(t, G, 2, 2, "liver"), 0, 0);
    CHECK_NEAR(at(t, G, 2, 2, "spleen"), -1, 0);
    fab_warp mirror = { { -1, 0, 1, 0, 1, 0 }, true };
    fab_dense_target(&c, &mirror, G, t);
    CHECK_NEAR(at(t, G, 0, 3, "right_kidney"), 1, 1e-6);
    CHECK_NEAR(at(t, G, 0, 2, "right_kidney"), 0.5, 1e-6);
    CHECK_NEAR(at(t, G, 0, 3, "left_kidney"), -1, 0);
    float p[FAB_LABELS];
    memset(c.presence, -1, sizeof c.presence);
    c.presence[kidney] = 1;
    fab_presence_target(&c, &mirror, p);
    CHECK(p[kidney] == -1 && p[fab_label_find("right_kidney")] == 1);
}

TEST(dense_mask)
{
    enum { G = 2 };
    static uint8_t map[FAB_MAP_SIDE * FAB_MAP_SIDE];
    static float t[G * G * FAB_LABELS_SPATIAL];
    int liver = fab_label_find("liver");
    for (int y = 0; y < FAB_MAP_SIDE; y++)
        for (int x = FAB_MAP_SIDE / 2; x < FAB_MAP_SIDE * 3 / 4; x++)
            map[y * FAB_MAP_SIDE + x] = (uint8_t)(liver + 1);
    fab_case c = { .map = map, .dense_known = (uint64_t)1 << liver };
    fab_dense_target(&c, NULL, G, t);
    CHECK_NEAR(at(t, G, 0, 0, "liver"), 0, 0);
    CHECK_NEAR(at(t, G, 1, 1, "liver"), 0.5, 1e-6);
    fab_case unknown = { 0 };
    fab_dense_target(&unknown, NULL, G, t);
    for (int i = 0; i < G * G * FAB_LABELS_SPATIAL; i++) CHECK(t[i] == -1);
}

/* ---- store ---- */

static bool picture(const char *path, int w, int h, uint8_t grey, fab_err *err)
{
    static uint8_t rgb[64 * 64 * 3];
    memset(rgb, grey, sizeof rgb);
    return fab_png_write(path, rgb, w, h, 3, err);
}

TEST(store_and_its_cache)
{
    fab_err err = FAB_ERR_INIT;
    const char *a = in_folder("a.png"), *b = in_folder("b.png"), *cache = in_folder("cache");
    CHECK_MSG(picture(a, 40, 20, 10, &err) && picture(b, 16, 16, 200, &err), "%s", err.text);
    const char *paths[] = { a, b };
    for (int round = 0; round < 3; round++) { /* made, reused, made anew after a change */
        if (round == 2) CHECK(picture(b, 16, 16, 77, &err));
        fab_pool *pool = fab_pool_new(2, &err);
        fab_store *s = fab_store_open(paths, 2, 8, pool, cache, &err);
        CHECK_MSG(s, "%s", err.text);
        CHECK(fab_store_count(s) == 2 && fab_store_side(s) == 8);
        CHECK(fab_store_get(s, 0)[0] == 10 && fab_store_get(s, 0)[8 * 8 * 3 - 1] == 10);
        CHECK(fab_store_get(s, 1)[100] == (round == 2 ? 77 : 200));
        fab_store_close(s);
        fab_pool_free(pool);
    }
    const char *wrong[] = { a, "/nonexistent.png" };
    CHECK(!fab_store_open(wrong, 2, 8, NULL, NULL, &err));
    CHECK_SAYS(err.text, "/nonexistent.png");
    fab_err other = FAB_ERR_INIT;
    CHECK(!fab_store_open(paths, 2, 0, NULL, NULL, &other));
    CHECK_SAYS(other.text, "side must be 1 to 2048");
}

/* ---- generator ---- */

static void only(fab_case *c, const char *const *codes)
{
    memset(c->presence, -1, sizeof c->presence);
    for (; *codes; codes++) c->presence[fab_label_find(*codes)] = 1;
}

TEST(captions)
{
    fab_err err = FAB_ERR_INIT;
    fab_arena *a = fab_arena_new(0, &err);
    fab_case c = { .id = "x", .set = FAB_SET_SLAKE, .diagnosis = "" };
    only(&c, (const char *const[]){ "ct", "transverse", "abdomen", "liver", "left_kidney", "spleen",
                                    NULL });
    c.area[fab_label_find("spleen")] = 0.1f;
    c.area[fab_label_find("liver")] = 0.3f;
    CHECK_STR(fab_caption(&c, FAB_EN, 7, false, a, &err),
              "Axial CT image of the abdomen showing liver, spleen and left kidney.");
    CHECK_STR(fab_caption(&c, FAB_ZH, 3, false, a, &err),
              "腹部横断面CT图像，可见肝脏、脾脏和左肾。");
    CHECK_STR(fab_caption(&c, FAB_EN, 7, true, a, &err),
              "Axial CT image of the abdomen showing liver, spleen and right kidney.");
    only(&c,
         (const char *const[]){ "mri", "t2", "transverse", "head", "brain", "brain_edema", NULL });
    CHECK_STR(fab_caption(&c, FAB_EN, 6, false, a, &err),
              "Transverse T2-weighted MRI image of the head showing brain. There is brain edema.");
    c.set = FAB_SET_KERMANY;
    c.diagnosis = "normal";
    CHECK_STR(fab_caption(&c, FAB_EN, 0, false, a, &err), "Normal chest X-ray of a child.");
    c.set = FAB_SET_BCCD;
    c.counts[0] = 1, c.counts[1] = 12, c.counts[2] = 0;
    CHECK_STR(
        fab_caption(&c, FAB_EN, 1, false, a, &err),
        "Microscopy image of a blood smear showing 1 white blood cell and 12 red blood cells.");
    fab_arena_free(a);
}

TEST(paraphrases_keep_meaning)
{
    fab_err err = FAB_ERR_INIT;
    fab_arena *a = fab_arena_new(0, &err);
    CHECK_STR(fab_paraphrase("Is there no mass in this image?", FAB_EN, 0, a, &err),
              "Is there no mass in the image?");
    CHECK_STR(fab_paraphrase("图中左肺显示什么颜色?", FAB_ZH, 0, a, &err),
              "图片中左肺显示什么颜色?");
    CHECK_STR(fab_paraphrase("Why?", FAB_EN, 3, a, &err), "Why?");
    fab_arena_free(a);
}

TEST(prompt_ensembles)
{
    fab_err err = FAB_ERR_INIT;
    fab_arena *a = fab_arena_new(0, &err);
    const char *p[FAB_PROMPTS];
    CHECK(fab_prompts("melanoma", FAB_EN, a, p, &err) >= 4);
    CHECK_STR(p[1], "Dermoscopy image of a melanoma.");
    CHECK(fab_prompts("melanoma", FAB_ZH, a, p, &err) >= 3);
    CHECK_STR(p[1], "黑色素瘤的皮肤镜图像。");
    CHECK(fab_prompts("bacterial_pneumonia", FAB_EN, a, p, &err) >= 4);
    CHECK_STR(p[0], "bacterial pneumonia");
    CHECK(fab_prompts("a red bicycle", FAB_EN, a, p, &err) >= 4);
    CHECK_STR(p[1], "There is a red bicycle.");
    CHECK(fab_prompts("", FAB_EN, a, p, &err) == 0 && err.code == FAB_EUSAGE);
    fab_arena_free(a);
}

/* What the report asks is what training asks, answers included. */
TEST(protocol_is_worded_as_training)
{
    fab_err err = FAB_ERR_INIT;
    fab_arena *a = fab_arena_new(0, &err);
    for (int i = 0; i < fab_protocol_rows; i++) {
        const fab_protocol_row *r = &fab_protocol[i];
        CHECK(fab_protocol_find(r->code) == r && r->modalities && r->regions);
        CHECK_MSG(!r->label || fab_label_find(r->label) >= 0, "%s: label %s", r->code, r->label);
        CHECK_MSG(!r->after || fab_protocol_find(r->after), "%s: after %s", r->code, r->after);
        for (int lang = 0; lang < FAB_LANGS; lang++) {
            bool free_answer = r->kind == FAB_ASK_LOCATION || r->kind == FAB_ASK_COUNT;
            CHECK((r->choices[lang][0] == NULL) == free_answer);
            for (int k = 0;
                 k < FAB_ASK_CHOICES && (k == 0 || (!free_answer && r->choices[lang][k])); k++) {
                fab_qa q =
                    ask((fab_lang)lang, r->question[lang], free_answer ? "1" : r->choices[lang][k]);
                fab_fact f;
                CHECK_MSG(fab_fact_parse(&q, a, &f), "%s: '%s' -> '%s' is no wording of training",
                          r->code, q.question, q.answer);
                CHECK_MSG((f.yes >= 0) == (r->kind == FAB_ASK_PRESENT), "%s: kind", r->code);
                CHECK_MSG(f.yes < 0 || f.yes == (k == 0), "%s: '%s' means the other", r->code,
                          q.answer);
                CHECK_MSG(r->kind != FAB_ASK_CHOICE || r->codes[k], "%s: no code for '%s'", r->code,
                          q.answer);
            }
        }
    }
    fab_arena_free(a);
}

/* docs/data.md lists every wording, noun and label. */
TEST(documented)
{
    fab_err err = FAB_ERR_INIT;
    fab_file f;
    CHECK_MSG(fab_file_map(&f, "docs/data.md", 0, &err), "%s", err.text);
    fab_arena *a = fab_arena_new(0, &err);
    char *text = fab_arena_take(a, f.size + 1, &err);
    memcpy(text, f.data, f.size);
    text[f.size] = 0;
    for (int i = 0; i < fab_template_count; i++)
        CHECK_MSG(strstr(text, fab_templates[i].text), "docs/data.md lacks '%s'",
                  fab_templates[i].text);
    for (int i = 0; i < fab_noun_count; i++) CHECK_SAYS(text, fab_nouns[i].en);
    for (int i = 0; i < FAB_LABELS; i++) CHECK_SAYS(text, fab_labels[i].code);
    fab_arena_free(a);
    fab_file_unmap(&f);
}

/* ---- on the shared data ---- */

static const char *open_root(void)
{
    static char root[512];
    const char *shared = test_shared();
    if (!shared) return NULL;
    snprintf(root, sizeof root, "%s/data/open", shared);
    return fab_exists(root) ? root : NULL;
}

static bool touches_val(const fab_bundle *b, const fab_qa_set *s)
{
    for (int64_t i = 0; i < s->n; i++) {
        int32_t image = s->items[i].image;
        if (image >= 0 && b->case_of[image] >= 0 && b->cases.items[b->case_of[image]].val)
            return true;
    }
    return false;
}

/* What VQA-RAD's fields say of a picture: its region, and the modality that an answer names. */
TEST(regions_of_vqa_rad)
{
    static const struct {
        const char *lines, *says;
    } broken[] = {
        { "{\"image\":\"a.jpg\",\"answer\":\"yes\"}\n", "organ" },
        { "{\"image\":\"a.jpg\",\"answer\":\"yes\",\"organ\":\"LEG\"}\n", "\"LEG\", HEAD, CHEST" },
    };
    static const char good[] =
        "{\"image\":\"a.jpg\",\"organ\":\"HEAD\",\"answer\":\"octet\",\"question_type\":"
        "\"MODALITY\"}\n"
        "{\"image\":\"b.jpg\",\"organ\":\"ABD\",\"answer\":7,\"question_type\":\"MODALITY\"}\n"
        "{\"image\":\"a.jpg\",\"organ\":\"HEAD\",\"answer\":\"T2-weighted\",\"question_type\":"
        "\"MODALITY\"}\n";
    fab_err err = FAB_ERR_INIT;
    const char *path = in_folder("vqa_rad/train.jsonl");
    CHECK(fab_mkdirs(in_folder("vqa_rad"), &err));
    fab_path_list images;
    fab_case_list c;
    for (size_t i = 0; i < sizeof broken / sizeof *broken; i++) {
        err = (fab_err)FAB_ERR_INIT;
        CHECK(fab_paths_init(&images, &err) && fab_cases_init(&c, &err));
        CHECK(fab_file_write(path, broken[i].lines, strlen(broken[i].lines), &err));
        CHECK(!fab_cases_vqa_rad(&c, &images, folder, &err));
        CHECK_SAYS(err.text, broken[i].says);
        fab_cases_clear(&c);
        fab_paths_clear(&images);
    }
    err = (fab_err)FAB_ERR_INIT;
    CHECK(fab_paths_init(&images, &err) && fab_cases_init(&c, &err));
    CHECK(fab_file_write(path, good, strlen(good), &err));
    CHECK_MSG(fab_cases_vqa_rad(&c, &images, folder, &err), "%s", err.text);
    CHECK(c.n == 2 && images.n == 2);
    const int8_t *head = c.items[0].presence, *belly = c.items[1].presence;
    CHECK(head[fab_label_find("head")] == 1 && head[fab_label_find("brain")] == 1 &&
          head[fab_label_find("neck")] == -1 && head[fab_label_find("liver")] == 0 &&
          head[fab_label_find("mri")] == 1 && head[fab_label_find("ct")] == 0);
    CHECK(belly[fab_label_find("abdomen")] == 1 && belly[fab_label_find("head")] == 0 &&
          belly[fab_label_find("bladder")] == -1 && belly[fab_label_find("ct")] == -1);
    fab_cases_clear(&c);
    fab_paths_clear(&images);
}

TEST(bundle_of_shared_data)
{
    const char *root = open_root();
    if (!root) SKIP("no shared data");
    fab_err err = FAB_ERR_INIT;
    fab_bundle b;
    CHECK_MSG(fab_bundle_open(&b, root, NULL, &err), "%s", err.text);
    CHECK_MSG(b.slake.n == 9043 + 1969 - 1951 && b.slake_val.n == 1951, "SLAKE %lld, %lld",
              (long long)b.slake.n, (long long)b.slake_val.n);
    CHECK(b.rad.n + b.rad_val.n == 1797 && b.rad_val.n == 131);
    CHECK(b.cases.n == 546 + 1400 + 1300 + 292 + 313 && b.images.n == b.cases.n);
    CHECK(!touches_val(&b, &b.slake) && !touches_val(&b, &b.made) && !touches_val(&b, &b.captions));
    CHECK(touches_val(&b, &b.slake_val) && touches_val(&b, &b.made_val));
    CHECK(!strcmp(b.made.items[0].source, "VQA-RAD made"));
    int64_t frames = 0;
    while (!strcmp(b.made.items[frames].source, "VQA-RAD made")) frames++;
    CHECK_MSG(frames == 832, "%lld frames", (long long)frames);
    for (int64_t i = 0; i < frames; i++)
        CHECK(fab_split_frame(&b.made.items[i], &b.rad, &b.rad_val));
    for (int64_t i = 0; i < b.made.n; i++)
        CHECK(b.made.items[i].question[0] && b.made.items[i].answer[0]);
    CHECK(b.facts.n > 5000 && b.facts.items[0].image == -1);
    fab_bundle_clear(&b);
}

/* Two runs give the same records to the letter. */
TEST(generator_is_deterministic)
{
    const char *root = open_root();
    if (!root) SKIP("no shared data");
    fab_err err = FAB_ERR_INIT;
    fab_qa_set s[2];
    fab_case_list c[2];
    fab_path_list images[2];
    fab_make_opts o = FAB_MAKE_DEFAULTS;
    for (int i = 0; i < 2; i++)
        CHECK_MSG(fab_paths_init(&images[i], &err) && fab_cases_init(&c[i], &err) &&
                      fab_qa_init(&s[i], &images[i], &err) &&
                      fab_cases_bccd(&c[i], &images[i], root, &err) &&
                      fab_make_qa(&c[i], &o, &s[i], &err) &&
                      fab_make_captions(&c[i], &o, &s[i], &err),
                  "%s", err.text);
    CHECK(s[0].n == s[1].n && s[0].n > 2000);
    for (int64_t i = 0; i < s[0].n; i++) {
        CHECK_STR(s[0].items[i].question, s[1].items[i].question);
        CHECK_STR(s[0].items[i].answer, s[1].items[i].answer);
    }
    for (int i = 0; i < 2; i++)
        fab_qa_clear(&s[i]), fab_cases_clear(&c[i]), fab_paths_clear(&images[i]);
}

TEST(corpus_of_shared_data)
{
    const char *root = open_root();
    if (!root) SKIP("no shared data");
    fab_err err = FAB_ERR_INIT;
    fab_corpus c;
    CHECK_MSG(fab_corpus_open(&c, root, 200, &err), "%s", err.text);
    CHECK(c.n == 7795 + 500 + 3662 + 8832 + 5000);
    int64_t val = 0, zh = 0;
    for (int64_t i = 0; i < c.n; i++) {
        val += c.items[i].val;
        zh += c.items[i].lang == FAB_ZH;
        CHECK(c.items[i].answer[0] && strlen(c.items[i].answer) <= 800);
    }
    CHECK(zh == 13832 && val > 400 && val < 640);
    fab_corpus_clear(&c);
}

TEST_MAIN
