/* sentencepiece: a tokenizer.model, which is the protobuf message ModelProto of SentencePiece
 * (SYSTEMS.md 28.7).
 *
 *   1 pieces{1 piece, 2 score (f32), 3 type: 1 normal 2 unknown 3 control 4 user 5 unused 6 byte}
 *   2 trainer_spec{3 model_type: 1 Unigram 2 BPE, 35 byte_fallback, 40-43 unk bos eos pad ids}
 *   3 normalizer_spec{2 precompiled_charsmap, 3 add_dummy_prefix, 4 remove_extra_whitespaces}
 *
 *   field = varint(number << 3 | wire); wire 0 varint, 1 eight bytes, 2 varint length and bytes,
 *   5 four bytes
 *
 * Read twice: once to count the pieces. Fields that are not named here are passed over. A text is
 * framed as the models that carry such a file do: BPE <s> before, Unigram </s> after;
 * tokenizer_config.json may say otherwise. */
#include <string.h>
#include "base/bytes.h"
#include "text/token_impl.h"
#include "text/tokenizer_read.h"

typedef struct {
    const uint8_t *at, *end;
    fab_err *err;
} message;

typedef struct {
    uint32_t number;
    int wire;
    uint64_t value; /* varint, or the fixed bytes */
    message inside; /* wire 2 */
} field;

static bool varint(message *m, uint64_t *v)
{
    *v = 0;
    for (int shift = 0; m->at < m->end && shift < 64; shift += 7) {
        uint8_t b = *m->at++;
        *v |= (uint64_t)(b & 0x7f) << shift;
        if (b < 0x80) return true;
    }
    return fab_fail(m->err, FAB_EFORMAT, "tokenizer.model: a number without an end");
}

/* The next field; false at the end, or with err set. */
static bool next(message *m, field *f)
{
    uint64_t tag;

    if (m->at >= m->end || !varint(m, &tag)) return false;
    f->number = (uint32_t)(tag >> 3);
    f->wire = (int)(tag & 7);
    f->inside = (message){ m->at, m->at, m->err };
    if (!f->number || tag >> 35)
        return fab_fail(m->err, FAB_EFORMAT, "tokenizer.model: no field has the number %llu",
                        (unsigned long long)(tag >> 3));
    if (f->wire == 0) return varint(m, &f->value);
    uint64_t n = f->wire == 1 ? 8 : 4, left;
    if (f->wire == 2 && !varint(m, &n)) return false;
    left = (uint64_t)(m->end - m->at);
    if (f->wire != 1 && f->wire != 2 && f->wire != 5)
        return fab_fail(m->err, FAB_EFORMAT, "tokenizer.model: field %u is of kind %d", f->number,
                        f->wire);
    if (n > left)
        return fab_fail(m->err, FAB_EFORMAT,
                        "tokenizer.model: field %u has %llu bytes, %llu are left", f->number,
                        (unsigned long long)n, (unsigned long long)left);
    if (f->wire == 5) f->value = fab_le32(m->at);
    f->inside = (message){ m->at, m->at + n, m->err };
    m->at += n;
    return true;
}

typedef struct {
    int64_t pieces, model, unk, bos, eos, pad;
    bool fallback, prefix, remove_extra;
    message charsmap;
} spec;

static void read_trainer(message m, spec *s)
{
    for (field f; next(&m, &f);) {
        int64_t v = (int32_t)(uint32_t)f.value;
        if (f.wire) continue;
        if (f.number == 3) s->model = v;
        else if (f.number == 35) s->fallback = v != 0;
        else if (f.number == 40) s->unk = v;
        else if (f.number == 41) s->bos = v;
        else if (f.number == 42) s->eos = v;
        else if (f.number == 43) s->pad = v;
    }
}

static void read_normalizer(message m, spec *s)
{
    for (field f; next(&m, &f);) {
        if (f.number == 2 && f.wire == 2) s->charsmap = f.inside;
        else if (f.number == 3 && !f.wire) s->prefix = f.value != 0;
        else if (f.number == 4 && !f.wire) s->remove_extra = f.value != 0;
    }
}

static bool read_spec(message m, spec *s)
{
    fab_err *err = m.err;

    *s = (spec){
        .model = 1, .unk = 0, .bos = 1, .eos = 2, .pad = -1, .prefix = true, .remove_extra = true
    };
    for (field f; next(&m, &f);) {
        if (f.wire != 2) continue;
        if (f.number == 1) s->pieces++;
        else if (f.number == 2) read_trainer(f.inside, s);
        else if (f.number == 3) read_normalizer(f.inside, s);
    }
    if (err->code) return false;
    if (s->model != 1 && s->model != 2)
        return fab_fail(err, FAB_EUNSUPPORTED,
                        "tokenizer.model: model_type %lld; Unigram (1) and BPE (2) are read",
                        (long long)s->model);
    return s->pieces || fab_fail(err, FAB_EFORMAT, "tokenizer.model: no pieces in it");
}

static bool put_piece(fab_tokenizer *t, int64_t id, message m)
{
    const uint8_t *text = m.at;
    size_t n = 0;
    float score = 0;
    uint64_t type = FAB_PIECE_NORMAL;
    fab_err *err = m.err;

    for (field f; next(&m, &f);) {
        if (f.number == 1 && f.wire == 2)
            text = f.inside.at, n = (size_t)(f.inside.end - f.inside.at);
        else if (f.number == 2 && f.wire == 5) score = fab_bits_f32((uint32_t)f.value);
        else if (f.number == 3 && !f.wire) type = f.value;
    }
    if (err->code) return false;
    if (type < FAB_PIECE_NORMAL || type > FAB_PIECE_BYTE)
        return fab_fail(err, FAB_EFORMAT, "tokenizer.model: piece %lld is of type %llu",
                        (long long)id, (unsigned long long)type);
    if (score != score)
        return fab_fail(err, FAB_EFORMAT, "tokenizer.model: piece %lld has the score NaN",
                        (long long)id);
    return fab_tok_put(t, id, (const char *)text, n, (fab_piece_kind)type, score, err);
}

static bool mark(const fab_tokenizer *t, const char *name, int64_t id, int32_t *out, fab_err *err)
{
    if (id >= t->n)
        return fab_fail(err, FAB_EFORMAT, "tokenizer.model: %s_id %lld, but it has %d pieces", name,
                        (long long)id, t->n);
    *out = id < 0 ? -1 : (int32_t)id;
    return true;
}

static bool read_charsmap(fab_tokenizer *t, message m)
{
    size_t n = (size_t)(m.end - m.at);
    uint8_t *copy = fab_arena_take(t->arena, n, m.err);
    fab_normal *s = &t->norm[t->n_norm++];

    *s = (fab_normal){ .kind = FAB_NORMAL_CHARSMAP };
    if (!copy) return false;
    memcpy(copy, m.at, n);
    if (!fab_charsmap_parse(&s->map, copy, n, m.err)) return false;
    s->map.longest = true;
    return true;
}

static bool fill(fab_tokenizer *t, message m, const spec *s)
{
    fab_err *err = m.err;
    int64_t id = 0;

    for (field f; next(&m, &f);)
        if (f.number == 1 && f.wire == 2 && !put_piece(t, id++, f.inside)) return false;
    if (err->code || !mark(t, "unk", s->unk, &t->marks.unk, err) ||
        !mark(t, "bos", s->bos, &t->marks.bos, err) ||
        !mark(t, "eos", s->eos, &t->marks.eos, err) || !mark(t, "pad", s->pad, &t->marks.pad, err))
        return false;
    if (s->charsmap.at != s->charsmap.end && !read_charsmap(t, s->charsmap)) return false;
    t->byte_fallback = s->fallback;
    t->fuse_unk = true;
    t->by_score = s->model == 2;
    fab_tok_frame(t, s->model == 2, s->model == 1);
    return fab_tok_meta_steps(t, s->prefix, s->remove_extra, err) && fab_tok_add_by_kind(t, err) &&
           fab_tok_seal(t, NULL, err);
}

fab_tokenizer *fab_tokenizer_from_sentencepiece(const void *data, size_t size, fab_err *err)
{
    fab_err own = FAB_ERR_INIT; /* what ends a loop must be seen, whatever the caller gave */
    message m = { data, (const uint8_t *)data + size, &own };
    spec s;
    fab_tokenizer *t = NULL;

    if (read_spec(m, &s))
        t = fab_tok_begin(s.model == 2 ? FAB_MODEL_SPM : FAB_MODEL_UNIGRAM, s.pieces, &own);
    if (t && fill(t, m, &s)) return t;
    fab_tokenizer_free(t);
    fab_fail(err, own.code ? own.code : FAB_EINTERNAL, "%s", own.text);
    return NULL;
}
