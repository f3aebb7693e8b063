/* Tests of what stands on a model: looking, answering, scoring, the input gate, heat maps, classes
 * and evaluation runs, on a small random model. */
#include "disc.h"

#include <math.h>
#include "engine/classify.h"
#include "engine/input.h"
#include "evaluate/run.h"
#include "explain/gradcam.h"
#include "explain/overlay.h"

/* ---- engine ---------------------------------------------------------------------------------- */

TEST(a_picture_is_looked_at_once)
{
    setup();
    const fab_look *a = disc_look(40, 40), *b = disc_look(60, 30), *again = disc_look(40, 40);
    CHECK(a == again);
    CHECK(strcmp(a->key, b->key) != 0);
    for (int i = 0; i < 100; i++)
        fab_look_unref(disc_look(20 + i % 50, 20 + i / 2)); /* pushes it out of the cache */
    const fab_look *fresh = disc_look(40, 40);
    CHECK_STR(fresh->key, a->key);
    CHECK(memcmp(fresh->tokens, a->tokens,
                 (size_t)a->n_tokens * (size_t)a->width * sizeof(float)) == 0);
    double length = 0;
    for (int i = 0; i < a->embed; i++) length += (double)a->embedding[i] * (double)a->embedding[i];
    CHECK_NEAR(length, 1, 1e-4);
    fab_look_unref(a), fab_look_unref(b), fab_look_unref(again), fab_look_unref(fresh);
}

typedef struct {
    char text[2000];
    size_t n;
    int left;
} listener;

static bool listen(void *arg, const char *text, size_t n)
{
    listener *l = arg;
    memcpy(l->text + l->n, text, n);
    l->n += n;
    l->text[l->n] = 0;
    return l->left-- != 0;
}

TEST(questions_asked_together_are_answered_as_alone)
{
    setup();
    static const char *const q[] = { "Is it?", "What modality is used to take this image?",
                                     "图片中包含肝脏吗?", "a b c d e f" };
    fab_answer many[4], one;
    fab_err err = FAB_ERR_INIT;
    const fab_look *l = disc_look(40, 40);
    const fab_ask_opts o = { .max_tokens = 12 };
    CHECK_MSG(fab_engine_ask_many(engine, l, q, 4, &o, arena, many, &err), "%s", err.text);
    for (int i = 0; i < 4; i++) {
        CHECK_MSG(fab_engine_ask(engine, l, q[i], &o, arena, &one, &err), "%s", err.text);
        CHECK_STR(one.text, many[i].text);
        CHECK_NEAR(one.logp, many[i].logp, 1e-3);
        CHECK(one.sureness > 0 && one.sureness <= 1);
    }
    fab_look_unref(l);
}

/* The answer, and blanks around it. */
static bool is_heard(const listener *l, const char *said)
{
    const char *s = l->text + strspn(l->text, " \t\r\n");
    size_t n = strlen(said);
    return !strncmp(s, said, n) && s[n + strspn(s + n, " \t\r\n")] == 0;
}

TEST(what_is_streamed_is_the_answer)
{
    setup();
    listener all = { .left = -1 }, two = { .left = 1 };
    fab_answer a, cut;
    fab_err err = FAB_ERR_INIT;
    const fab_look *l = disc_look(40, 40);
    fab_ask_opts o = {
        .max_tokens = 20, .temperature = 1, .seed = 3, .on_text = listen, .arg = &all
    };
    CHECK(fab_engine_ask(engine, l, "Is it?", &o, arena, &a, &err));
    CHECK(is_heard(&all, a.text));
    o.arg = &two;
    CHECK(fab_engine_ask(engine, l, "Is it?", &o, arena, &cut, &err));
    CHECK(cut.n_tokens <= a.n_tokens && !cut.complete);
    fab_look_unref(l);
}

/* Of random first words some are a bare "no"; no question that asks what is answered by one. */
TEST(what_is_never_answered_by_yes_or_no)
{
    setup();
    const fab_look *l = disc_look(40, 40);
    int bare[2] = { 0 };
    for (int i = 0; i < 8000; i++) {
        fab_err err = FAB_ERR_INIT;
        listener heard = { .left = -1 };
        fab_arena *a = fab_arena_new(0, &err);
        const fab_ask_opts o = { .max_tokens = 1 + i / 2 % 2,
                                 .temperature = 1,
                                 .seed = (uint64_t)i / 2,
                                 .on_text = listen,
                                 .arg = &heard };
        fab_answer said;
        CHECK_MSG(fab_engine_ask(engine, l, i % 2 ? "What is it?" : "Is it?", &o, a, &said, &err),
                  "%s", err.text);
        CHECK(is_heard(&heard, said.text) && said.sureness > 0 && said.sureness <= 1);
        bare[i % 2] += said.n_tokens == 1 && fab_bare_yes_no(said.text);
        fab_arena_free(a);
    }
    CHECK_MSG(bare[0] > 0 && bare[1] == 0, "%d and %d", bare[0], bare[1]);
    fab_look_unref(l);
}

TEST(bad_questions_have_a_sentence)
{
    setup();
    static char longer[6000];
    memset(longer, '7', sizeof longer - 1);
    const struct {
        const char *question, *says;
        fab_code code;
    } cases[] = {
        { "", "the question is empty", FAB_EUSAGE },
        { " \n\t ", "the question is empty", FAB_EUSAGE },
        { "a\xff", "the question is not UTF-8: byte 1 of 2", FAB_EUSAGE },
        { longer, "the limit is 256", FAB_ELIMIT },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        fab_err err = FAB_ERR_INIT;
        fab_answer a;
        CHECK(!fab_engine_ask(engine, NULL, cases[i].question, NULL, arena, &a, &err));
        CHECK_SAYS(err.text, cases[i].says);
        CHECK(err.code == cases[i].code);
    }
    fab_err err = FAB_ERR_INIT;
    CHECK(!fab_engine_open(in_folder("nothing.gguf"), NULL, &err));
    CHECK_SAYS(err.text, "nothing.gguf");
}

/* Two ways to one number: the cached, batched likelihood and the whole sequence on the tape. */
TEST(likelihoods_agree_with_the_whole_sequence)
{
    setup();
    static const char *const answers[] = {
        "Yes", "No",  "Transverse Plane", "肝脏", "X",
        "CT",  "MRI", "spleen",           "lung", "a longer answer"
    };
    fab_score s[10];
    fab_cam cam;
    fab_err err = FAB_ERR_INIT;
    double sum = 0;
    const fab_look *l = disc_look(40, 40);
    CHECK_MSG(fab_engine_score(engine, l, "Is it?", answers, 10, 1, s, &err), "%s", err.text);
    for (int i = 0; i < 10; i++) {
        CHECK_MSG(fab_gradcam(engine, l, "Is it?", answers[i], NULL, arena, &cam, &err), "%s",
                  err.text);
        CHECK_NEAR(s[i].logp, cam.logp, 2e-3);
        sum += s[i].p;
    }
    CHECK_NEAR(sum, 1, 1e-9);
    CHECK_NEAR(log(s[0].p / s[1].p), s[0].logp - s[1].logp, 1e-6);
    fab_look_unref(l);
}

TEST(texts_embed_alike_alone_and_together)
{
    setup();
    static const char *const texts[] = { "liver", "a much longer sentence about a chest", "肺炎" };
    float together[3 * 16], alone[16];
    fab_err err = FAB_ERR_INIT;
    CHECK_MSG(fab_engine_embed_text(engine, texts, 3, together, &err), "%s", err.text);
    for (int i = 0; i < 3; i++) {
        CHECK(fab_engine_embed_text(engine, texts + i, 1, alone, &err));
        for (int j = 0; j < 16; j++) CHECK_NEAR(alone[j], together[16 * i + j], 1e-4);
    }
}

TEST(asking_survives_every_failed_allocation)
{
    setup();
    const fab_look *l = disc_look(40, 40);
    int failures = 0;
    for (int n = 0; n < 400; n += n < 30 ? 1 : 17) {
        fab_err err = FAB_ERR_INIT;
        fab_answer a;
        fab_oom_arm(n);
        bool ok = fab_engine_ask(engine, l, "Is it?", &(fab_ask_opts){ .max_tokens = 3 }, arena, &a,
                                 &err);
        bool struck = fab_oom_arm(-1);
        CHECK_MSG(ok != struck, "allocation %d: answered %d, failed %d", n, ok, struck);
        CHECK(ok || err.code == FAB_ENOMEM);
        failures += struck;
    }
    CHECK(failures > 30);
    fab_look_unref(l);
}

/* ---- gate ------------------------------------------------------------------------------------ */

TEST(the_gate_knows_empty_noise_and_small)
{
    static uint8_t rgb[3 * SIDE * SIDE];
    fab_rng rng;
    fab_rng_init(&rng, 1);
    disc(rgb, SIDE, 48, 48);
    CHECK(fab_gate_pixels(rgb, SIDE, SIDE) == FAB_GATE_KNOWN);
    CHECK(fab_gate_pixels(rgb, 31, SIDE) == FAB_GATE_SMALL);
    for (int i = 0; i < 3 * SIDE * SIDE; i++) rgb[i] = (uint8_t)fab_rng_u64(&rng);
    CHECK(fab_gate_pixels(rgb, SIDE, SIDE) == FAB_GATE_NOISE);
    memset(rgb, 200, sizeof rgb);
    CHECK(fab_gate_pixels(rgb, SIDE, SIDE) == FAB_GATE_BLANK);
    rgb[500] = 0; /* one dead pixel does not make a picture */
    CHECK(fab_gate_pixels(rgb, SIDE, SIDE) == FAB_GATE_BLANK);
}

TEST(the_gate_reads_the_header)
{
    const struct {
        const char *modality, *part, *says;
    } cases[] = {
        { "CT", "CHEST", "" },
        { "", "", "" },
        { "OT", "LSPINE", "" },
        { "US", "ABDOMEN", "Modality (0008,0060) US" },
        { "NM", "", "Modality (0008,0060) NM" },
        { "SEG", "", "Modality (0008,0060) SEG" },
        { "DX", "KNEE", "Body Part Examined (0018,0015) KNEE" },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        fab_image im = { .format = "dicom" };
        char what[64];
        snprintf(im.modality, sizeof im.modality, "%s", cases[i].modality);
        snprintf(im.body_part, sizeof im.body_part, "%s", cases[i].part);
        CHECK(fab_gate_header(&im, what) == (*cases[i].says != 0));
        CHECK_STR(what, cases[i].says);
    }
    fab_gate_verdict v = { .reason = FAB_GATE_OTHER };
    fab_err err = FAB_ERR_INIT;
    strcpy(v.what, cases[3].says);
    CHECK(!fab_gate_check(&v, &err) && err.code == FAB_EREFUSED);
    CHECK_SAYS(err.text, "other-kind");
    CHECK_SAYS(err.text, "Modality (0008,0060) US");
}

/* Two domains, one of two clusters, in 3 + pixel dimensions; strangers stand between and beyond. */
TEST(the_gate_is_fitted_for_a_rate_of_false_refusals)
{
    enum { D = 3 + FAB_GATE_PIXEL_DIMS, N = 600 };
    static float x[N * D], held[N * D];
    static int32_t domain[N];
    fab_rng rng;
    fab_gate g, same;
    fab_err err = FAB_ERR_INIT;
    fab_arena *a = fab_arena_new(0, &err);
    fab_rng_init(&rng, 5);
    for (int i = 0; i < 2 * N; i++) {
        float *row = i < N ? x + i * D : held + (i - N) * D;
        int k = i % 3; /* 0: domain 0; 1, 2: the clusters of domain 1 */
        domain[i % N] = k > 0;
        for (int j = 0; j < D; j++)
            row[j] = (k == 2   ? 8.0f
                      : k == 1 ? -8.0f
                               : 0.0f) *
                         (j % 2 ? 1.0f : 0.5f) +
                     fab_rng_normal(&rng);
    }
    const fab_gate_opts o = { .clusters = 4, .rate = 0.02, .seed = 9 };
    CHECK_MSG(fab_gate_fit(&g, x, domain, N, D, &o, a, &err), "%s", err.text);
    CHECK(g.n >= 3 && g.limit > 0);
    double refused = fab_gate_refused(&g, held, N);
    CHECK_MSG(refused > 0 && refused < 0.06,
              "%.3f of held-out pictures are refused, 0.02 asked for", refused);
    float stranger[D];
    for (int j = 0; j < D; j++) stranger[j] = j % 2 ? 4.0f : -4.0f;
    CHECK(fab_gate_distance(&g, stranger, NULL) > 2 * g.limit);
    CHECK(fab_gate_fit(&same, x, domain, N, D, &o, a, &err));
    CHECK(same.n == g.n && memcmp(same.mean, g.mean, (size_t)g.n * D * sizeof(float)) == 0);
    x[5] = NAN;
    CHECK(!fab_gate_fit(&same, x, domain, N, D, &o, a, &err));
    CHECK_SAYS(err.text, "picture 0 has a feature that is not finite");
    fab_arena_free(a);
}

/* ---- heat maps ------------------------------------------------------------------------------- */

TEST(yes_against_no_is_no_against_yes_turned_round)
{
    setup();
    fab_cam yes, no;
    fab_err err = FAB_ERR_INIT;
    const fab_look *l = disc_look(30, 60);
    for (int hires = 0; hires < 2; hires++) {
        CHECK(fab_gradcam(engine, l, "Is it?", "Yes",
                          &(fab_cam_opts){ .against = "No", .hires = hires }, arena, &yes, &err));
        CHECK(fab_gradcam(engine, l, "Is it?", "No",
                          &(fab_cam_opts){ .against = "Yes", .hires = hires }, arena, &no, &err));
        CHECK_NEAR(yes.logp, no.logp_against, 1e-5);
        float top = 0;
        for (int i = 0; i < yes.grid * yes.grid; i++) {
            CHECK(yes.heat[i] >= 0 && yes.heat[i] <= 1 && no.heat[i] >= 0 && no.heat[i] <= 1);
            if (!yes.empty && !no.empty) CHECK(yes.heat[i] * no.heat[i] == 0);
            top = fmaxf(top, fmaxf(yes.heat[i], no.heat[i]));
        }
        CHECK(top == 1);
    }
    fab_look_unref(l);
}

TEST(fidelity_is_repeatable)
{
    setup();
    fab_cam cam;
    fab_fidelity a, b;
    fab_err err = FAB_ERR_INIT;
    const fab_look *l = disc_look(30, 60);
    CHECK(fab_gradcam(engine, l, "Is it?", "Yes", NULL, arena, &cam, &err));
    const fab_fidelity_opts o = { .seed = 4, .draws = 3 };
    CHECK_MSG(fab_cam_fidelity(engine, l, &cam, &o, &a, &err), "%s", err.text);
    CHECK(fab_cam_fidelity(engine, l, &cam, &o, &b, &err));
    CHECK(a.drop_heat == b.drop_heat && a.drop_random == b.drop_random && a.draws == 3 &&
          a.share == 0.2);
    fab_look_unref(l);
}

/* The head's part of the target counts, and only labels that it has. */
TEST(the_heads_logit_is_part_of_the_target)
{
    setup();
    fab_cam without, with;
    fab_err err = FAB_ERR_INIT;
    const fab_look *l = disc_look(30, 60);
    fab_cam_opts o = { .against = "No", .hires = true };
    double differ = 0;
    CHECK(fab_gradcam(engine, l, "Is it?", "Yes", &o, arena, &without, &err));
    o.head = 1 + fab_label_find("pneumonia");
    CHECK_MSG(fab_gradcam(engine, l, "Is it?", "Yes", &o, arena, &with, &err), "%s", err.text);
    for (int i = 0; i < with.grid * with.grid; i++)
        differ += fabs((double)with.heat[i] - without.heat[i]);
    CHECK(differ > 0.01);
    o.head = FAB_LABELS + 1;
    CHECK(!fab_gradcam(engine, l, "Is it?", "Yes", &o, arena, &with, &err));
    CHECK_SAYS(err.text, "the head has");
    fab_look_unref(l);
}

TEST(cold_places_stay_clear_and_colours_rise)
{
    uint8_t rgb[6] = { 90, 90, 90, 90, 90, 90 }, out[6];
    const float heat[2] = { 0, 1 };
    fab_overlay(rgb, heat, 2, 1, out);
    CHECK(out[0] == 90 && out[1] == 90 && out[2] == 90);
    CHECK(out[3] > 150 && out[5] < out[3]);
    double last = 0;
    for (int i = 0; i <= 10; i++) {
        uint8_t c[3];
        fab_overlay_colour((float)i / 10, c);
        double light = 0.299 * c[0] + 0.587 * c[1] + 0.114 * c[2];
        CHECK(light > last);
        last = light;
    }
}

/* ---- classes --------------------------------------------------------------------------------- */

TEST(class_names_find_their_way)
{
    setup();
    static const struct {
        const char *names[4];
        int n;
        fab_classify_way way;
        const char *row;
    } cases[] = {
        { { "melanoma", "nevus", "seborrheic_keratosis" }, 3, FAB_BY_ROW, "skin.diagnosis" },
        { { "normal", "bacterial pneumonia", "viral pneumonia" },
          3,
          FAB_BY_ROW,
          "finding.pneumonia.cause" },
        { { "NORMAL", "PNEUMONIA" }, 2, FAB_BY_ROW, "finding.pneumonia.cause" },
        { { "CT", "MRI" }, 2, FAB_BY_ROW, "modality" },
        { { "普通", "黑色素瘤" }, 2, FAB_BY_PROMPTS, NULL },
        { { "cardiomegaly", "normal", "pneumothorax" }, 3, FAB_BY_PRESENCE, NULL },
        { { "lung adenocarcinoma", "benign lung tissue" }, 2, FAB_BY_PROMPTS, NULL },
    };
    const fab_look *l = disc_look(40, 40);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        fab_err err = FAB_ERR_INIT;
        float p[4], cosine[4], sum = 0;
        fab_classifier *c = fab_classifier_new(engine, cases[i].names, cases[i].n, false, &err);
        CHECK_MSG(c, "%s", err.text);
        CHECK_MSG(fab_classifier_way(c) == cases[i].way, "case %zu goes way %d", i,
                  fab_classifier_way(c));
        if (cases[i].row) CHECK_STR(fab_classifier_row(c), cases[i].row);
        CHECK_MSG(fab_classifier_run(c, l, NULL, p, cosine, &err), "%s", err.text);
        for (int k = 0; k < cases[i].n; k++) sum += p[k];
        CHECK_NEAR(sum, 1, 1e-5);
        fab_classifier_free(c);
    }
    fab_look_unref(l);
}

/* ---- evaluation runs ------------------------------------------------------------------------- */

static int bad_inputs;
static void count_bad(void *arg, const char *sentence)
{
    (void)arg, (void)sentence;
    bad_inputs++;
}

TEST(eval_vqa_counts_what_failed_and_keeps_its_contract)
{
    setup();
    static const char records[] =
        "{\"id\":\"a\",\"image\":\"disc.png\",\"question\":\"Is "
        "it?\",\"answer\":\"Yes\",\"answer_type\":\"CLOSED\",\"lang\":\"en\"}\n"
        "{\"id\":\"b\",\"image\":\"gone.png\",\"question\":\"Is "
        "it?\",\"answer\":\"Yes\",\"answer_type\":\"CLOSED\",\"lang\":\"en\"}\n"
        "{\"id\":\"c\",\"image\":\"disc.png\",\"question\":\"这是什么?\",\"answer\":\"肝脏\","
        "\"answer_type\":\"OPEN\",\"lang\":\"zh\"}\n"
        "{\"id\":\"d\",\"question\":\"What is flu?\",\"answer\":\"A "
        "disease\",\"answer_type\":\"OPEN\",\"lang\":\"en\"}\n";
    fab_err err = FAB_ERR_INIT;
    fab_image_free(disc_image());
    CHECK(fab_file_write(in_folder("qa.jsonl"), records, sizeof records - 1, &err));
    fab_path_list images;
    fab_qa_set set;
    fab_eval_vqa v;
    CHECK(fab_paths_init(&images, &err) && fab_qa_init(&set, &images, &err));
    CHECK_MSG(fab_qa_read(&set, in_folder("qa.jsonl"), NULL, &err), "%s", err.text);
    bad_inputs = 0;
    CHECK_MSG(fab_eval_vqa_run(engine, &set,
                               &(fab_eval_opts){ .max_tokens = 4, .on_bad = count_bad }, arena, &v,
                               &err),
              "%s", err.text);
    const fab_vqa_pass *seen = &v.pass[FAB_VQA_MODEL];
    CHECK(v.n == 4 && v.failed == 1 && bad_inputs == 1 && seen->answers[0] && !seen->answers[1] &&
          seen->answers[3]);
    CHECK(seen->scores.all.n == 4 && seen->scores.by_lang[FAB_ZH].n == 1 &&
          !v.pass[FAB_VQA_QUESTION_ONLY].asked);
    json_t *o = fab_eval_vqa_json(&v, &set, NULL, arena, &err);
    CHECK_MSG(o, "%s", err.text);
    static const char *const keys[] = { "n",
                                        "overall",
                                        "open",
                                        "closed",
                                        "by_lang",
                                        "blank_image",
                                        "shuffled_image",
                                        "mirrored_image",
                                        "survives",
                                        "abstention",
                                        "protocol",
                                        "interval",
                                        "seconds_per_question",
                                        "failed" };
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
        CHECK_MSG(json_object_get(o, keys[i]), "%s is missing", keys[i]);
    CHECK(json_integer_value(
              json_object_get(json_object_get(json_object_get(o, "by_lang"), "zh"), "n")) == 1);
    json_decref(o);
    fab_qa_clear(&set);
    fab_paths_clear(&images);
}

TEST(eval_classify_names_its_classes_and_their_union)
{
    setup();
    fab_err err = FAB_ERR_INIT;
    static uint8_t rgb[3 * SIDE * SIDE];
    char lines[2000] = "", name[32];
    static const char *const classes[] = { "normal", "bacterial pneumonia", "viral pneumonia" };
    for (int i = 0; i < 6; i++) {
        snprintf(name, sizeof name, "p%d.png", i);
        disc(rgb, SIDE, 20 + 9 * i, 40);
        CHECK(fab_png_write(in_folder(name), rgb, SIDE, SIDE, 3, &err));
        size_t n = strlen(lines);
        snprintf(lines + n, sizeof lines - n, "{\"image\":\"%s\",\"label\":\"%s\"}\n", name,
                 classes[i % 3]);
    }
    strcat(lines, "{\"image\":\"gone.png\",\"label\":\"normal\"}\n{\"image\":\"p0.png\"}\n");
    CHECK(fab_file_write(in_folder("c.jsonl"), lines, strlen(lines), &err));
    fab_predictions p;
    bad_inputs = 0;
    CHECK_MSG(fab_eval_classify_run(engine, in_folder("c.jsonl"),
                                    &(fab_eval_classes){ .label = "label" },
                                    &(fab_eval_opts){ .on_bad = count_bad }, &p, &err),
              "%s", err.text);
    json_t *o = fab_classify_report(&p, NULL, &err);
    CHECK_MSG(o, "%s", err.text);
    CHECK(fab_predictions_write(&p, in_folder("scores.jsonl"), "label", &err));
    fab_predictions_clear(&p);
    CHECK_MSG(fab_predictions_read(&p, in_folder("scores.jsonl"), "label", 0, &err), "%s",
              err.text);
    json_t *again = fab_classify_report(&p, NULL, &err);
    CHECK(json_equal(json_object_get(o, "confusion"), json_object_get(again, "confusion")) &&
          json_equal(json_object_get(o, "auc"), json_object_get(again, "auc")));
    fab_predictions_clear(&p);
    json_decref(again);
    CHECK(bad_inputs == 2 && json_integer_value(json_object_get(o, "failed")) == 2);
    CHECK(json_integer_value(json_object_get(o, "n")) == 6);
    CHECK(json_object_get(o, "accuracy") && json_object_get(o, "macro_f1") &&
          json_object_get(o, "auc"));
    const json_t *per = json_object_get(o, "per_class"), *both = json_object_get(per, "pneumonia");
    CHECK(json_integer_value(json_object_get(both, "n")) == 4 &&
          json_is_real(json_object_get(both, "auc")));
    CHECK(json_object_get(per, "viral pneumonia"));
    json_decref(o);
    CHECK(!fab_eval_classify_run(engine, in_folder("c.jsonl"),
                                 &(fab_eval_classes){ .label = "nosuch" }, NULL, &p, &err));
    fab_predictions_clear(&p);
    CHECK_SAYS(err.text, "no record has an \"image\" and a class in \"nosuch\"");
}

/* ---- bad pictures ---------------------------------------------------------------------------- */

TEST(bad_pictures_have_a_sentence)
{
    setup();
    fab_err err = FAB_ERR_INIT;
    fab_image_free(disc_image());
    fab_file whole;
    CHECK(fab_file_map(&whole, in_folder("disc.png"), 0, &err));
    CHECK(fab_file_write(in_folder("cut.png"), whole.data, whole.size / 2, &err));
    fab_file_unmap(&whole);
    CHECK(fab_file_write(in_folder("empty.png"), "", 0, &err) &&
          fab_file_write(in_folder("words.png"), "not a picture", 13, &err));
    static const char *const names[] = { "cut.png", "empty.png", "words.png", "gone.png", "" };
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        fab_input in;
        err = (fab_err)FAB_ERR_INIT;
        CHECK_MSG(!fab_input_open(&in, in_folder(names[i]), NULL, &err), "%s was read", names[i]);
        CHECK_SAYS(err.text, in_folder(names[i]));
        CHECK(err.code == FAB_EFORMAT || err.code == FAB_EIO || err.code == FAB_EUNSUPPORTED);
    }
}

/* Last: everything is given back, so that leaks show under ASan. */

TEST_MAIN
