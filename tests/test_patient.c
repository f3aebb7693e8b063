/* Tests of what a patient's age and sex add to a picture: the words they are read from, the odds
 * they are worth, how these are found, and a lesion that is looked at closer. */
#include <math.h>

#include "data/augment.h"
#include "data/case.h"
#include "engine/query.h"
#include "evaluate/patient_fit.h"
#include "media/resize.h"
#include "place.h"
#include "tiny.h"

TEST(ages_and_sexes_are_read)
{
    static const struct {
        const char *as;
        double years;
    } ages[] = {
        { "045Y", 45 },
        { "018M", 1.5 },
        { "026W", 26 / 52.18 },
        { "010D", 10 / 365.25 },
        { "0Y", 0 },
        { "131Y", 0 },
        { "130Y", 130 },
        { "45", 0 },
        { "45X", 0 },
        { "045Y ", 0 },
        { "", 0 },
        { "-05Y", 0 },
        { "Y", 0 },
        { "9999Y", 0 },
        { "045Yx", 0 },
        { "45y", 0 },
        { " 45Y", 0 },
        { "+45Y", 0 },
        { "5Y", 0 },
    };
    for (size_t i = 0; i < sizeof ages / sizeof *ages; i++)
        CHECK_MSG(fabs((double)fab_patient_age(ages[i].as) - ages[i].years) < 1e-4, "'%s': %g",
                  ages[i].as, (double)fab_patient_age(ages[i].as));
    CHECK(fab_patient_years("19710115", "20111231") == 40); /* whole ones: no day of birth */
    CHECK_NEAR(fab_patient_years("20100115", "20110716"), 1.5, 0.01);
    CHECK(fab_patient_years("19000101", "20200101") == 0); /* nobody's */
    CHECK(fab_patient_years("1971 1 5", "20110116") == 0);
    CHECK(fab_patient_years("197101155", "20110116") == 0);
    CHECK(fab_patient_years("20110116", "19710115") == 0);
    CHECK(fab_patient_years("17000101", "20200101") == 0);
    CHECK(fab_patient_years("19711315", "20110116") == 0 && fab_patient_years("", "20110116") == 0);
    CHECK(fab_patient_years("1971011", "20110116") == 0);
    CHECK(fab_patient_sex("M") == 'M' && fab_patient_sex("Female") == 'F');
    CHECK(!fab_patient_sex("O") && !fab_patient_sex("") && !fab_patient_sex(NULL));

    fab_patient who = fab_patient_or((fab_patient){ .sex = 'F' }, (fab_patient){ 70, 'M' });
    CHECK(who.age == 70 && who.sex == 'F');
    CHECK(fab_patient_known(&who) && !fab_patient_known(&(fab_patient){ 0 }) &&
          !fab_patient_known(NULL));
    CHECK(fab_patient_plausible(&who) && fab_patient_plausible(&(fab_patient){ 0 }));
    CHECK(!fab_patient_plausible(&(fab_patient){ NAN, 0 }) &&
          !fab_patient_plausible(&(fab_patient){ 40, 'X' }) &&
          !fab_patient_plausible(&(fab_patient){ -1, 0 }));
}

TEST(a_record_says_who)
{
    json_t *o = json_pack("{s:f, s:s}", "age", 62.5, "sex", "male");
    fab_patient who = fab_record_patient(o);
    CHECK(who.age == 62.5f && who.sex == 'M');
    json_object_set_new(o, "age", json_string("62"));
    json_object_set_new(o, "sex", json_null());
    who = fab_record_patient(o);
    CHECK(!fab_patient_known(&who));
    json_object_set_new(o, "age", json_integer(400));
    CHECK(fab_record_patient(o).age == 0);
    json_decref(o);
}

/* ---- odds -------------------------------------------------------------------------------------- */

TEST(odds_move_probabilities_as_bayes_has_it)
{
    const fab_patient_odds o = { { 0.3f, -0.5f, 0.2f }, { 0.2f, 0, -0.1f } };
    const fab_patient man = { 70, 'M' };
    double p[3] = { 0.2, 0.5, 0.3 }, sum = 0, want[3];
    for (int k = 0; k < 3; k++)
        sum += want[k] = p[k] * exp((double)o.decade[k] * 2 + (double)o.male[k]);
    CHECK(fab_patient_apply(&o, &man, p, 3));
    for (int k = 0; k < 3; k++) CHECK_NEAR(p[k], want[k] / sum, 1e-6);

    double same[3] = { 0.2, 0.5, 0.3 };
    CHECK(!fab_patient_apply(&o, NULL, same, 3) &&
          !fab_patient_apply(&o, &(fab_patient){ 0 }, same, 3));
    CHECK(!fab_patient_apply(&(fab_patient_odds){ 0 }, &man, same, 3));
    CHECK(same[0] == 0.2 && same[2] == 0.3);
    const fab_patient child = { 3, 0 }, youth = { 15, 0 }; /* no further than the records go */
    double low[3] = { 0.2, 0.5, 0.3 }, least[3] = { 0.2, 0.5, 0.3 };
    CHECK(fab_patient_apply(&o, &child, low, 3) && fab_patient_apply(&o, &youth, least, 3));
    CHECK(low[0] == least[0] && low[0] != 0.2);
    double edge[3] = { 1, 0, 0 };
    const fab_patient_odds steep = { { 100, -100, 0 }, { 0 } };
    CHECK(fab_patient_apply(&steep, &(fab_patient){ 130, 0 }, edge, 3) && edge[0] == 1);
    CHECK(isfinite(edge[1]) && edge[1] >= 0);
}

enum { WAYS = 3, PEOPLE = 6000 };

typedef struct {
    fab_patient who[PEOPLE];
    int choice[PEOPLE];
    float p[PEOPLE * WAYS]; /* what a picture says that is right as often as it says */
    uint8_t truth[PEOPLE];
    double weight[PEOPLE];
} crowd;

static int draw(fab_rng *r, const double *p)
{
    double x = (double)fab_rng_uniform(r);
    int k = 0;
    while (k < WAYS - 1 && (x -= p[k]) >= 0) k++;
    return k;
}

/* The choice comes by the odds and by bias; the picture knows it by chance, and nothing of the
 * patient. */
static void meet(crowd *c, const fab_patient_odds *o, const double bias[WAYS], uint64_t seed)
{
    fab_rng r;
    fab_rng_init(&r, seed);
    for (int i = 0; i < PEOPLE; i++) {
        double p[WAYS], sum = 0;
        fab_patient who = { 20 + 60 * fab_rng_uniform(&r), fab_rng_uniform(&r) < 0.5f ? 'M' : 'F' };
        if (i % 10 == 0) who.age = 0;
        if (i % 15 == 0) who.sex = 0;
        for (int k = 0; k < WAYS; k++) sum += p[k] = exp(bias[k] + fab_patient_lean(o, &who, k));
        for (int k = 0; k < WAYS; k++) p[k] /= sum;
        c->who[i] = who;
        c->choice[i] = draw(&r, p);
        c->truth[i] = (uint8_t)(1 << c->choice[i]);
        c->weight[i] = 1;
        for (int k = 0; k < WAYS; k++)
            c->p[i * WAYS + k] =
                (float)(exp(bias[k]) / (exp(bias[0]) + exp(bias[1]) + exp(bias[2])));
    }
}

static double share(crowd *c, const fab_patient_odds *o)
{
    const fab_patient_answers a = { PEOPLE, WAYS, c->p, c->truth, c->who, c->weight };
    return fab_patient_share(o, &a);
}

TEST(odds_are_found_again)
{
    static crowd c;
    const fab_patient_odds made = { { 0.4f, -0.3f, 0 }, { 0.5f, 0.1f, 0 } };
    const double bias[WAYS] = { 0.3, -0.6, 0 };
    fab_patient_odds found;
    meet(&c, &made, bias, 4);
    CHECK(fab_patient_fit(c.who, c.choice, PEOPLE, WAYS, &found));
    for (int k = 0; k < WAYS - 1; k++) { /* a constant for all choices says nothing */
        CHECK_NEAR(found.decade[k] - found.decade[WAYS - 1], made.decade[k], 0.05);
        CHECK_NEAR(found.male[k] - found.male[WAYS - 1], made.male[k], 0.1);
    }
    /* the picture says nothing of the patient: the odds are worth all that they are */
    double w = share(&c, &found);
    CHECK_MSG(w >= 0.85 && w <= 1, "%g", w);
    /* and a picture that shows all of it already leaves them nothing */
    for (int i = 0; i < PEOPLE; i++) {
        double p[WAYS];
        for (int k = 0; k < WAYS; k++) p[k] = (double)c.p[i * WAYS + k];
        fab_patient_apply(&made, &c.who[i], p, WAYS);
        for (int k = 0; k < WAYS; k++) c.p[i * WAYS + k] = (float)p[k];
    }
    w = share(&c, &found);
    CHECK_MSG(w <= 0.1, "%g", w);
}

TEST(too_few_patients_have_no_odds)
{
    static crowd c;
    const fab_patient_odds made = { { 0.4f, -0.3f, 0 }, { 0.5f, 0.1f, 0 } };
    const double bias[WAYS] = { 0 };
    fab_patient_odds found = made;
    meet(&c, &made, bias, 5);
    CHECK(!fab_patient_fit(c.who, c.choice, 40, WAYS, &found) && found.decade[0] == 0);
    for (int i = 0, rare = 0; i < PEOPLE; i++) /* of one choice too few, of the others enough */
        if (c.choice[i] == 2 && ++rare >= FAB_PATIENTS_LEAST) c.choice[i] = 0;
    CHECK(!fab_patient_fit(c.who, c.choice, PEOPLE, WAYS, &found) && found.decade[0] == 0);
    for (int i = 0; i < PEOPLE; i++) c.who[i] = (fab_patient){ 0 };
    CHECK(!fab_patient_fit(c.who, c.choice, PEOPLE, WAYS, &found));
    CHECK(!fab_patient_fit(c.who, c.choice, 0, WAYS, &found));
    CHECK(share(&c, &made) == 0);
}

/* ---- in the file and in a reply ---------------------------------------------------------------- */

static const fab_protocol_row *skin(void) { return fab_protocol_find("skin.diagnosis"); }

static fab_engine *engine_with(const fab_skill *s, fab_err *err)
{
    const fab_mini_save_opts o = { .temperature = 1, .skills = { s, 1 } };
    CHECK_MSG(tiny_save(in_folder("p.gguf"), 7, &o, err), "%s", err->text);
    return fab_engine_open(in_folder("p.gguf"), NULL, err);
}

TEST(a_reply_considers_the_patient)
{
    fab_err err = FAB_ERR_INIT;
    fab_skill s = { .code = "skin.diagnosis",
                    .choice = "melanoma",
                    .auc = 0.9f,
                    .positives = 50,
                    .negatives = 50,
                    .patient = { { 0.4f, -0.3f, 0.1f }, { 0.2f, 0, 0 } } };
    const fab_patient who = { 80, 'F' };
    fab_engine *e = engine_with(&s, &err);
    CHECK_MSG(e, "%s", err.text);
    const fab_look *l = fab_engine_look_grey(e, &err);
    fab_reply alone, with;
    CHECK(l && fab_engine_query(e, l, skin(), NULL, &alone, &err));
    CHECK(fab_engine_query(e, l, skin(), &who, &with, &err));
    CHECK(!alone.by_patient && with.by_patient);
    double want[3], sum = 0;
    for (int k = 0; k < 3; k++) {
        CHECK(with.picture[k] == alone.p[k]);
        sum += want[k] =
            alone.p[k] * exp((double)s.patient.decade[k] * 3 - (double)s.patient.male[k]);
    }
    for (int k = 0; k < 3; k++) CHECK_NEAR(with.p[k], want[k] / sum, 1e-6);
    fab_look_unref(l);
    fab_engine_close(e);

    s.auc = 0.5f; /* not above chance: nothing is made of it */
    e = engine_with(&s, &err);
    l = fab_engine_look_grey(e, &err);
    CHECK(l && fab_engine_query(e, l, skin(), &who, &with, &err) && !with.by_patient);
    fab_look_unref(l);
    fab_engine_close(e);

    s.patient.male[1] = NAN;
    CHECK(!engine_with(&s, &err));
    CHECK_SAYS(err.text, "'skin.diagnosis': odds of choice 1: -0.3 a decade, nan of a man");
}

/* ---- a lesion closer --------------------------------------------------------------------------- */

TEST(a_square_lies_about_its_box)
{
    fab_square s = fab_square_about(0.4f, 0.4f, 0.6f, 0.7f, 0.5f);
    CHECK_NEAR(s.side, 0.6, 1e-6);
    CHECK_NEAR(s.x, 0.5, 1e-6);
    CHECK_NEAR(s.y, 0.55, 1e-6);
    s = fab_square_about(0, 0.9f, 0.1f, 1,
                         0.15f); /* in the corner: pushed in, no smaller than that */
    CHECK_NEAR(s.side, FAB_SQUARE_LEAST, 1e-6);
    CHECK_NEAR(s.x, 0.1, 1e-6);
    CHECK_NEAR(s.y, 0.9, 1e-6);
    s = fab_square_about(0, 0, 1, 1, 0.15f);
    CHECK(s.side == 1 && s.x == 0.5f && s.y == 0.5f);

    uint8_t map[FAB_MAP_SIDE * FAB_MAP_SIDE] = { 0 };
    for (int y = 32; y < 64; y++)
        for (int x = 64; x < 96; x++)
            map[y * FAB_MAP_SIDE + x] = (uint8_t)(fab_label_find("skin_lesion") + 1);
    s = fab_case_lesion(&(fab_case){ .map = map });
    CHECK_NEAR(s.x, 0.625, 1e-6);
    CHECK_NEAR(s.y, 0.375, 1e-6);
    CHECK_NEAR(s.side, 0.25 * 1.3, 1e-6);
    CHECK(fab_case_lesion(&(fab_case){ 0 }).side == 0);
}

/* A view of a part is the view of that part cut out. */
TEST(a_part_is_shown_in_the_place_of_all)
{
    enum { S = 64, HALF = S / 2 };
    static uint8_t rgb[S * S * 3], cut[HALF * HALF * 3];
    static float a[HALF * HALF * 3], b[HALF * HALF * 3];
    fab_rng r, same;
    fab_warp w;
    fab_augment_opts o = FAB_AUGMENT_NONE, whole = FAB_AUGMENT_NONE;
    fab_rng_init(&r, 11);
    for (size_t i = 0; i < sizeof rgb; i++) rgb[i] = (uint8_t)fab_rng_below(&r, 256);
    for (int y = 0; y < HALF; y++)
        memcpy(cut + (size_t)y * HALF * 3, rgb + ((size_t)(y + 16) * S + 8) * 3, HALF * 3);
    o.part = (fab_square){ (8 + HALF / 2) / (float)S, (16 + HALF / 2) / (float)S, 0.5f };
    same = r;
    fab_augment(&r, &o, rgb, S, HALF, a, &w);
    fab_augment(&same, &whole, cut, HALF, HALF, b, NULL);
    for (int i = 0; i < HALF * HALF * 3; i++)
        CHECK_MSG(fabsf(a[i] - b[i]) < 2e-4f, "place %d: %g, not %g", i, (double)a[i],
                  (double)b[i]);
    CHECK_NEAR(w.m[0], 0.5, 1e-6);
    CHECK_NEAR(w.m[2], 8.0 / S, 1e-6);
    CHECK_NEAR(w.m[5], 16.0 / S, 1e-6);
}

/* seen: the dense head's bias for a skin lesion. */
static fab_engine *closer(bool looks, float seen, float dermoscopy, fab_err *err)
{
    const fab_mini_save_opts o = { .name = "small", .dtype = FAB_F32 };
    fab_mini_config cfg = tiny_config();
    cfg.tower = FAB_TOWER_LITE0;
    cfg.trunk = (fab_lite0_config){ { 8, 8, 8, 8, 8, 8, 8, 8 }, { 1, 1, 1, 1, 1, 1, 1 } };
    cfg.width = 16;
    cfg.still_trunk = true;
    cfg.closer_look = looks;
    fab_mini *m = tiny_mini(arena, &cfg, 3, false, err);
    fab_bpe *bpe = m ? tiny_bpe(NULL, 600, err) : NULL;
    if (m) {
        fab_f32(m->classes.b)[fab_label_find("dermoscopy")] = dermoscopy;
        fab_f32(m->dense.b)[fab_label_find("skin_lesion")] = seen;
    }
    bool ok = bpe && fab_mini_save(in_folder("c.gguf"), m, bpe, &o, err);
    fab_bpe_free(bpe);
    return ok ? fab_engine_open(in_folder("c.gguf"), NULL, err) : NULL;
}

enum { W = 200, H = 100 };

static void classes_of(fab_engine *e, const uint8_t *rgb, int w, int h, float out[FAB_LABELS])
{
    fab_err err = FAB_ERR_INIT;
    const fab_look *l = fab_engine_look_rgb(e, rgb, w, h, &err);
    CHECK_MSG(l, "%s", err.text);
    memcpy(out, l->classes, FAB_LABELS * sizeof *out);
    fab_look_unref(l);
}

/* The bias under which the surest cell alone is a lesion; where that cell is. */
static float one_cell(const uint8_t *rgb, int *cell)
{
    fab_err err = FAB_ERR_INIT;
    fab_engine *e = closer(false, 0, 50, &err);
    const fab_look *l = e ? fab_engine_look_rgb(e, rgb, W, H, &err) : NULL;
    CHECK_MSG(l, "%s", err.text);
    float first = -INFINITY, second = -INFINITY;
    for (int i = 0; i < l->grid * l->grid; i++) {
        float z = l->dense[i * FAB_LABELS_SPATIAL + fab_label_find("skin_lesion")];
        if (z > first) second = first, first = z, *cell = i;
        else if (z > second) second = z;
    }
    fab_look_unref(l);
    fab_engine_close(e);
    return -(first + second) / 2;
}

TEST(only_a_lesion_of_a_dermoscopy_is_looked_at_closer)
{
    static uint8_t rgb[W * H * 3], part[W * H * 3];
    float got[4][FAB_LABELS], alone[FAB_LABELS];
    fab_err err = FAB_ERR_INIT;
    fab_rng r;
    int cell = 0, moved = 0;
    fab_rng_init(&r, 12);
    for (size_t i = 0; i < sizeof rgb; i++) rgb[i] = (uint8_t)fab_rng_below(&r, 256);
    float seen = one_cell(rgb, &cell);
    const float x = (float)(cell % 4) / 4, y = (float)(cell / 4) / 4;
    fab_square s = fab_square_about(x, y, x + 0.25f, y + 0.25f, FAB_LESION_MARGIN);
    fab_size to = { (int)(s.side * W + 0.5f), (int)(s.side * H + 0.5f) };
    fab_crop_u8(rgb, (fab_size){ W, H }, 3, (int)((s.x - s.side / 2) * W),
                (int)((s.y - s.side / 2) * H), part, to, 0);
    for (int i = 0; i < 4; i++) { /* looks closer; has no lesion; no dermoscopy; never does */
        fab_engine *e = closer(i < 3, i == 1 ? -50 : seen, i == 2 ? -50 : 50, &err);
        CHECK_MSG(e, "%s", err.text);
        CHECK(fab_engine_model(e)->model->cfg.closer_look == (i < 3));
        classes_of(e, rgb, W, H, got[i]);
        if (i == 3) classes_of(e, part, to.width, to.height, alone);
        fab_engine_close(e);
    }
    for (int k = 0; k < FAB_LABELS; k++) {
        if (k == fab_label_find("dermoscopy")) continue;
        CHECK(got[1][k] == got[3][k] && got[2][k] == got[3][k]);
        CHECK_NEAR(got[0][k], (got[3][k] + alone[k]) / 2, 1e-5);
        moved += fabsf(got[0][k] - got[3][k]) > 1e-4f;
    }
    CHECK_MSG(moved > FAB_LABELS / 2, "%d", moved);
}

/* The same bytes at the tower's side do not make two pictures one where more of them was looked at. */
TEST(a_closer_look_is_remembered_by_its_picture)
{
    static uint8_t rgb[W * H * 3];
    fab_err err = FAB_ERR_INIT;
    fab_rng r;
    int cell = 0;
    fab_rng_init(&r, 12);
    for (size_t i = 0; i < sizeof rgb; i++) rgb[i] = (uint8_t)fab_rng_below(&r, 256);
    float seen = one_cell(rgb, &cell);
    for (int looks = 0; looks < 2; looks++) {
        fab_engine *e = closer(looks, seen, 50, &err);
        CHECK_MSG(e, "%s", err.text);
        const fab_look *l = fab_engine_look_rgb(e, rgb, W, H, &err),
                       *again = fab_engine_look_rgb(e, rgb, W, H, &err),
                       *small = fab_engine_look_rgb(e, l->rgb, l->side, l->side, &err);
        CHECK_MSG(l && again && small, "%s", err.text);
        CHECK(again == l && (small == l) == !looks);
        CHECK_STR(small->key, l->key);
        fab_look_unref(l);
        fab_look_unref(again);
        fab_look_unref(small);
        fab_engine_close(e);
    }
}

TEST(a_closer_look_needs_its_heads)
{
    fab_err err = FAB_ERR_INIT;
    fab_mini_config cfg = tiny_config();
    cfg.closer_look = true;
    CHECK(!fab_mini_new(arena, &cfg, &err));
    CHECK_SAYS(err.text, "closer_look: needs a still trunk");
}

TEST_MAIN
